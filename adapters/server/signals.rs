//! How a server ends, step by step.

use std::sync::{Arc, OnceLock};

use crate::{adapters::signal::Signal, instant::Instant};

/// What the tasks of a server wait for. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Signals {
    /// No client is let in any more.
    pub(super) closed: Signal,
    /// Sessions end when their transfers have.
    pub(super) ending: Ending,
    /// Sessions end now.
    pub(super) stopped: Signal,
}

/// The signal for sessions to end, and by when.
#[derive(Debug, Clone, Default)]
pub(super) struct Ending {
    signal: Signal,
    deadline: Arc<OnceLock<Instant>>,
}

impl Ending {
    pub(super) fn give(&self, deadline: Instant) {
        // Only the first one counts, and there is only one: a server is shut down once.
        let _ = self.deadline.set(deadline);
        self.signal.give();
    }

    pub(super) async fn wait(self) -> Instant {
        self.signal.wait().await;
        self.deadline.get().copied().unwrap_or_default()
    }
}
