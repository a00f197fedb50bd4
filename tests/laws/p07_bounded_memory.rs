//! Promise 7: **the memory of a session is bounded by its `Config`, whatever is sent and whatever is not read.**
//!
//! An allocator counts what a session holds (`allocator.rs`): under floods of what clients may send (`floods.rs`), and
//! after random plays that go on and on. The driver is one that hands nothing over while the session wants nothing. With
//! it, each limit of the configuration may be passed by what comes at once, and buffers may be twice as large as what
//! is in them; [`bound`] adds that up.

use sansftp::config::Config;

use super::watch::{Judgement, law};

/// What a session needs besides: its own fields, the working directory, names and passwords, a reply that is larger
/// than its limit.
const REST: usize = 32 << 10;

/// The most bytes that a session may hold when its client sends `segment` bytes at once.
pub fn bound(config: &Config, segment: usize) -> usize {
    let commands = config.backlog_limit + config.line_limit + segment;
    let replies = config.reply_limit;
    let remembered = config.detached_limit * config.line_limit;
    REST + 4 * commands + 2 * replies + 2 * remembered
}

/// Whether a session may hold so many bytes.
pub fn judge(held: usize, bound: usize) -> Judgement {
    law(7, held <= bound, || format!("the session holds {held} bytes, and {bound} would do"))
}
