//! Promise 8: **nothing panics.**
//!
//! Not on any sequence of bytes and events: in plays of every kind, and in those of a driver that opens what it was not
//! asked for, with clocks that go back. An endless loop is as bad as a panic, so the actions of a turn have to end.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::watch::{Broken, Judgement};

/// Judges a play; a panic in it breaks the promise.
pub fn judge(play: impl FnOnce() -> Judgement) -> Judgement {
    catch_unwind(AssertUnwindSafe(play)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Broken { promise: 8, what: text.unwrap_or_else(|| "a panic".into()) })
    })
}
