#![no_main]
#[path = "../../tests/targets/pattern.rs"]
mod pattern;
libfuzzer_sys::fuzz_target!(|data: &[u8]| pattern::run(data));
