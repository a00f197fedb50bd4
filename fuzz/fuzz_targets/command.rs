//! Any line parses to a command or to an error, and a command is made of what the line had.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sansftp::Command;

fuzz_target!(|line: &[u8]| {
    if let Ok(command) = Command::parse(line) {
        assert!(line.ends_with(command.argument));
        let verb = command.verb.as_bytes();
        assert!(line[..verb.len()].eq_ignore_ascii_case(verb));
    }
});
