//! How much of its room a memory store has given out.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::storage::{StorageError, StorageErrorKind};

/// The room of a store, in bytes.
#[derive(Debug)]
pub(super) struct Space {
    capacity: u64,
    used: AtomicU64,
}

impl Space {
    pub(super) const fn new(capacity: u64) -> Self {
        Self { capacity, used: AtomicU64::new(0) }
    }

    pub(super) fn available(&self) -> u64 {
        self.capacity.saturating_sub(self.used.load(Ordering::Relaxed))
    }

    /// Gives out so many bytes until the reservation is dropped.
    pub(super) fn reserve(self: &Arc<Self>, bytes: u64) -> Result<Reservation, StorageError> {
        let mut reservation = Reservation { space: Arc::clone(self), bytes: 0 };
        reservation.grow(bytes)?;
        Ok(reservation)
    }
}

/// Room that is given out. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Reservation {
    space: Arc<Space>,
    bytes: u64,
}

impl Reservation {
    /// Takes so many bytes more, all or none.
    pub(super) fn grow(&mut self, more: u64) -> Result<(), StorageError> {
        let capacity = self.space.capacity;
        let grown = |used: u64| used.checked_add(more).filter(|&sum| sum <= capacity);
        match self.space.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown) {
            Ok(_) => {
                self.bytes += more;
                Ok(())
            }
            Err(_) => Err(StorageErrorKind::NoSpace.into()),
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.space.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
