//! What the stores of one gateway do to the same directories.
//!
//! The gateway carries out the writes to one directory one by one, but a change often has to look first: `RMD` that the
//! directory is empty, `RNTO` that the name is free. Each change holds the lock of the directories it is about, from its
//! look to its end. That keeps sessions of this process apart; other programs that write to the same directories are not
//! kept out by anything.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use async_lock::{Mutex as AsyncMutex, MutexGuardArc};

use super::cap::Cap;

/// The directories that are in use, by the right to change them.
#[derive(Debug, Default)]
pub(super) struct Directories {
    in_use: Mutex<HashMap<Cap, Weak<Directory>>>,
    removals: AtomicU64,
    moves: Arc<AsyncMutex<()>>,
}

#[derive(Debug, Default)]
struct Directory {
    lock: Arc<AsyncMutex<()>>,
    uploads: AtomicUsize,
}

/// The right to look at a directory and to change it meanwhile nobody else does.
#[derive(Debug)]
pub(super) struct Locked {
    directory: Arc<Directory>,
    _guard: MutexGuardArc<()>,
}

impl Locked {
    /// Counts an upload into the directory, until the ticket is dropped.
    pub(super) fn begin_upload(&self) -> Ticket {
        self.directory.uploads.fetch_add(1, Ordering::SeqCst);
        Ticket(Arc::clone(&self.directory))
    }
}

/// Keeps a directory from being removed while a file is stored into it.
#[derive(Debug)]
pub(super) struct Ticket(Arc<Directory>);

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.uploads.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Directories {
    /// Waits until nobody else changes the directory.
    pub(super) async fn lock(&self, directory: &Cap) -> Locked {
        let directory = self.get(directory);
        let guard = directory.lock.lock_arc().await;
        Locked { directory, _guard: guard }
    }

    /// The same for two directories, which may be the same one. Everybody takes them in the same order.
    pub(super) async fn lock_both(&self, one: &Cap, other: &Cap) -> (Locked, Option<Locked>) {
        let first = self.lock(one.min(other)).await;
        let second = if one == other { None } else { Some(self.lock(one.max(other)).await) };
        (first, second)
    }

    /// Waits until no other directory moves: two that were moved into each other at once would be lost.
    pub(super) async fn lock_moves(&self) -> MutexGuardArc<()> {
        self.moves.lock_arc().await
    }

    /// Whether a file is being stored into a directory, whose lock the caller has.
    pub(super) fn has_uploads(&self, directory: &Cap) -> bool {
        self.get(directory).uploads.load(Ordering::SeqCst) > 0
    }

    /// How many directories have been removed. Who has looked a directory up by its pathname, and has its lock now,
    /// compares: if the number has changed, the directory may be gone.
    pub(super) fn removals(&self) -> u64 {
        self.removals.load(Ordering::SeqCst)
    }

    /// Counts the removal of a directory, whose lock the caller has.
    pub(super) fn count_removal(&self) {
        self.removals.fetch_add(1, Ordering::SeqCst);
    }

    fn get(&self, cap: &Cap) -> Arc<Directory> {
        let mut in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(directory) = in_use.get(cap).and_then(Weak::upgrade) {
            return directory;
        }
        in_use.retain(|_, directory| directory.strong_count() > 0);
        let directory = Arc::new(Directory::default());
        in_use.insert(cap.clone(), Arc::downgrade(&directory));
        directory
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    fn poll<F: Future>(future: F) -> Poll<F::Output> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn cap(name: &str) -> Cap {
        Cap::parse(&std::format!("URI:DIR2:{name}:b")).unwrap()
    }

    fn ready<T>(poll: Poll<T>) -> T {
        match poll {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it waits"),
        }
    }

    #[test]
    fn a_directory_has_one_lock_and_others_have_others() {
        let directories = Directories::default();
        let locked = ready(poll(directories.lock(&cap("a"))));
        assert!(poll(directories.lock(&cap("a"))).is_pending());
        assert!(poll(directories.lock(&cap("b"))).is_ready());
        assert!(poll(directories.lock_both(&cap("b"), &cap("a"))).is_pending());
        drop(locked);
        let (one, other) = ready(poll(directories.lock_both(&cap("b"), &cap("a"))));
        assert!(other.is_some() && poll(directories.lock(&cap("a"))).is_pending());
        drop((one, other));
        let (_one, other) = ready(poll(directories.lock_both(&cap("a"), &cap("a"))));
        assert!(other.is_none());
    }

    #[test]
    fn uploads_are_counted_for_the_directory_that_they_go_to() {
        let directories = Directories::default();
        let locked = ready(poll(directories.lock(&cap("b"))));
        let ticket = locked.begin_upload();
        drop(locked);
        assert!(directories.has_uploads(&cap("b")) && !directories.has_uploads(&cap("a")));
        drop(ticket);
        assert!(!directories.has_uploads(&cap("b")));
    }

    #[test]
    fn directories_that_are_not_used_are_forgotten() {
        let directories = Directories::default();
        for number in 0..100 {
            drop(ready(poll(directories.lock(&cap(&std::format!("{number}"))))));
        }
        assert!(directories.in_use.lock().unwrap().len() <= 2);
    }
}
