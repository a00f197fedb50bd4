//! Everything that waits, blocks, or asks the time.

pub mod stores;
