#![no_main]
#[path = "../../tests/targets/listing.rs"]
mod listing;
libfuzzer_sys::fuzz_target!(|data: &[u8]| listing::run(data));
