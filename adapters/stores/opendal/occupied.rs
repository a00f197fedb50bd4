//! Which keys uploads are under way to, so that no directory is removed or made in their place.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::key::Key;
use crate::storage::{StorageError, StorageErrorKind};

/// The uploads of a store and its clones. Those of other processes are not known.
#[derive(Debug, Clone, Default)]
pub(super) struct Occupied(Arc<Mutex<HashMap<Key, usize>>>);

impl Occupied {
    /// Counts an upload until the ticket is dropped.
    pub(super) fn enter(&self, key: &Key) -> Ticket {
        *self.lock().entry(key.clone()).or_default() += 1;
        Ticket { occupied: self.clone(), key: key.clone() }
    }

    /// Refuses a directory while something is stored into it or in its place.
    pub(super) fn refuse_directory(&self, directory: &Key) -> Result<(), StorageError> {
        match self.lock().keys().any(|key| key == directory || key.is_below(directory)) {
            true => Err(StorageError::new(
                StorageErrorKind::Busy,
                "A file is being stored there; try again later.",
            )),
            false => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An upload that is under way.
pub(super) struct Ticket {
    occupied: Occupied,
    key: Key,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut keys = self.occupied.lock();
        if let Some(count) = keys.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                keys.remove(&self.key);
            }
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({:?})", self.key)
    }
}
