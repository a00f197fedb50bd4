#![no_main]
#[path = "../../tests/targets/line.rs"]
mod line;
libfuzzer_sys::fuzz_target!(|data: &[u8]| line::run(data));
