#![no_main]
#[path = "../../tests/targets/time_value.rs"]
mod time_value;
libfuzzer_sys::fuzz_target!(|data: &[u8]| time_value::run(data));
