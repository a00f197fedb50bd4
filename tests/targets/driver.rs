//! A small world around the driver whose every choice comes from the bytes: see `tests/simulation/mod.rs`, which has to
//! be the module `simulation` of the same crate.

use crate::simulation::{
    chance::Chance,
    log::Log,
    play::{Size, play},
};

/// A few sessions with small files; a world of this size that needs more steps does not come to rest.
const SIZE: Size = Size { clients: 3, files: 2000, steps: 100_000 };

/// Plays the world. Whatever the bytes are, no promise is broken and nothing is left.
pub fn run(data: &[u8]) {
    let end = play(Chance::from_bytes(data), SIZE, false, Log::default());
    if !end.violations.is_empty() {
        let log = play(Chance::from_bytes(data), SIZE, false, Log::kept()).log;
        panic!("{log}\n{}", end.violations.join("\n"));
    }
}
