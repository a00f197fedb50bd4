//! The moment from which a change in the blocking pool is not taken back any more.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Lets a closure in the blocking pool and the future that waits for it agree on who came first: the closure at the
/// point from which it goes through with its change, or the future's drop.
///
/// A closure in the pool runs on when its future is dropped. Whoever [passes](Self::pass) first decides.
#[derive(Debug, Clone)]
pub(super) struct CommitPoint(Arc<AtomicBool>);

impl CommitPoint {
    /// A point that nobody has passed, and its guard, which passes it when it is dropped. The future keeps the guard.
    pub(super) fn new() -> (Self, CancelOnDrop) {
        let point = Self(Arc::new(AtomicBool::new(false)));
        (point.clone(), CancelOnDrop(point))
    }

    /// Whether this call is the first one, so that the caller decides.
    pub(super) fn pass(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }

    /// Whether somebody has passed.
    #[cfg(test)]
    pub(super) fn is_passed(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Cancels a change that has not passed its [`CommitPoint`] when this is dropped.
#[derive(Debug)]
pub(super) struct CancelOnDrop(CommitPoint);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.pass();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_one_decides() {
        let (point, guard) = CommitPoint::new();
        assert!(!point.is_passed());
        drop(guard);
        assert!(point.is_passed() && !point.pass());

        let (point, guard) = CommitPoint::new();
        assert!(point.pass());
        drop(guard);
        assert!(!point.pass());
    }
}
