//! How one transfer gives way to others, and to the commands on its own control connection.

use std::{future::poll_fn, mem, task::Poll};

/// Bytes that are moved before others have their turn.
pub(super) const TURN: usize = 1 << 20;
/// Chunks that are moved before others have their turn.
const CHUNKS_A_TURN: usize = 16;

/// How much may still be moved before others have their turn.
#[derive(Debug)]
pub(super) struct Turn {
    left: usize,
}

impl Default for Turn {
    fn default() -> Self {
        Self { left: TURN }
    }
}

impl Turn {
    /// Counts a chunk of so many bytes, and gives way when that was enough for now.
    pub(super) async fn spend(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes.max(TURN / CHUNKS_A_TURN));
        if self.left == 0 {
            *self = Self::default();
            give_way().await;
        }
    }
}

/// Lets others have their turn, and goes on at once after that.
async fn give_way() {
    let mut has_given_way = false;
    poll_fn(|cx| {
        if mem::replace(&mut has_given_way, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
