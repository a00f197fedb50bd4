#![no_main]
#[path = "../../tests/targets/pathname.rs"]
mod pathname;
libfuzzer_sys::fuzz_target!(|data: &[u8]| pathname::run(data));
