#![no_main]
#![allow(dead_code, reason = "other tests use the rest of the laws")]
#[path = "../../tests/laws/mod.rs"]
mod laws;
#[path = "../../tests/notation/mod.rs"]
mod notation;
#[path = "../../tests/targets/session.rs"]
mod session;
libfuzzer_sys::fuzz_target!(|data: &[u8]| session::run(data));
