//! How long a driver has waited for the client of an upload.

use std::time::Duration;

use crate::{instant::Instant, session::Waits};

/// How the client of an upload keeps the server waiting.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    waits: Waits,
    /// How many bytes had come when they were last counted.
    bytes: u64,
    /// Since when nothing has come, though the server was ready to take it.
    since: Option<Instant>,
}

impl Waiting {
    /// Counts the bytes that have come by `now`, and perhaps their end.
    pub(super) fn handle_polled(&mut self, bytes: u64, has_ended: bool, now: Instant) {
        let has_moved = bytes != self.bytes;
        self.bytes = bytes;
        if !has_moved && !has_ended {
            return;
        }
        let waited = self.since.take().map_or(Duration::ZERO, |since| now.saturating_since(since));
        if has_moved {
            self.waits.longest = self.waits.longest.max(waited);
        } else {
            self.waits.last = waited;
        }
    }

    /// Nothing is there to be read.
    pub(super) fn start(&mut self, clock: impl Fn() -> Instant) {
        self.since.get_or_insert_with(clock);
    }

    pub(super) const fn waits(&self) -> Waits {
        self.waits
    }
}
