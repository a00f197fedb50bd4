#![no_main]
#[path = "../../tests/targets/driver.rs"]
mod driver;
#[path = "../../tests/simulation/mod.rs"]
mod simulation;
libfuzzer_sys::fuzz_target!(|data: &[u8]| driver::run(data));
