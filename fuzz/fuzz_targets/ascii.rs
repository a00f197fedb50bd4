#![no_main]
#[path = "../../tests/targets/ascii.rs"]
mod ascii;
libfuzzer_sys::fuzz_target!(|data: &[u8]| ascii::run(data));
