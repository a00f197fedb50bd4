//! The copy of what stays of a file, which is made while the bytes that follow it arrive.

use core::{
    mem,
    ops::{ControlFlow, Range},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};
use std::{
    fs::File,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::start::Start;
use crate::{
    adapters::{blocking_pool::BlockingPool, signal::Signal},
    storage::{StorageError, StorageErrorKind},
};

/// Bytes that are copied in one go, after which others get the thread, and it is looked whether the copy is still wanted.
/// Less than a second for a slow disk.
const PIECE_SIZE: u64 = 8 * 1024 * 1024;

/// A copy in the blocking pool. Dropping it stops it, after the piece that is under way.
#[derive(Debug)]
pub(super) struct Copying(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// How far it is.
    position: AtomicU64,
    length: u64,
    is_unwanted: AtomicBool,
    stage: Mutex<Stage>,
    /// Given when it is no longer under way.
    end: Signal,
}

#[derive(Debug)]
enum Stage {
    Underway,
    Ended,
    /// It has ended, and nobody has been told why.
    Failed(StorageError),
}

impl Shared {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Copying {
    /// Begins to copy what stays to the same place of another file, by a handle that nobody else seeks with. Holes stay
    /// holes.
    pub(super) fn begin(pool: &BlockingPool, start: Arc<Start>, to: File) -> Self {
        let shared = Arc::new(Shared {
            position: AtomicU64::new(0),
            length: start.length(),
            is_unwanted: AtomicBool::new(false),
            stage: Mutex::new(Stage::Underway),
            end: Signal::default(),
        });
        let pool = pool.clone();
        Job { pool, start, to, data: 0..0, shared: Arc::clone(&shared) }.go_on_later();
        Self(shared)
    }

    /// The error, if it has failed, which is told once.
    pub(super) fn check(&self) -> Result<(), StorageError> {
        let mut stage = self.0.stage();
        match mem::replace(&mut *stage, Stage::Ended) {
            Stage::Failed(error) => Err(error),
            before => {
                *stage = before;
                Ok(())
            }
        }
    }

    /// Whether it has ended, and has not failed.
    pub(super) fn is_done(&self) -> bool {
        matches!(*self.0.stage(), Stage::Ended)
    }

    /// Waits for its end.
    pub(super) async fn finish(self) -> Result<(), StorageError> {
        let warning = WarnOnDrop(&self.0);
        self.0.end.wait().await;
        mem::forget(warning);
        self.check()
    }

    /// Stops it, and waits until it has stopped.
    pub(super) async fn stop(self) {
        self.0.is_unwanted.store(true, Ordering::Release);
        self.0.end.wait().await;
    }
}

impl Drop for Copying {
    fn drop(&mut self) {
        self.0.is_unwanted.store(true, Ordering::Release);
    }
}

/// Tells the operator of a finish that is given up because of its copy.
struct WarnOnDrop<'a>(&'a Shared);

impl Drop for WarnOnDrop<'_> {
    fn drop(&mut self) {
        tracing::warn!(
            copied = self.0.position.load(Ordering::Relaxed),
            of = self.0.length,
            "an upload was given up while what stays of its file was still being copied: finish_timeout is for that, too"
        );
    }
}

/// What the pool does.
#[derive(Debug)]
struct Job {
    pool: BlockingPool,
    start: Arc<Start>,
    to: File,
    /// What is known to be data, and not yet copied.
    data: Range<u64>,
    shared: Arc<Shared>,
}

impl Job {
    fn go_on_later(self) {
        let pool = self.pool.clone();
        pool.run(move || self.go_on()).detach();
    }

    fn go_on(mut self) {
        if self.shared.is_unwanted.load(Ordering::Acquire) {
            return;
        }
        match self.copy_piece() {
            Ok(ControlFlow::Continue(())) => self.go_on_later(),
            Ok(ControlFlow::Break(())) => self.end(Ok(())),
            Err(error) => self.end(Err(error)),
        }
    }

    /// Copies the next piece; breaks off behind the last one.
    fn copy_piece(&mut self) -> Result<ControlFlow<()>, StorageError> {
        if self.data.is_empty() {
            match self.start.next_data(self.data.end)? {
                Some(data) => self.data = data,
                None => return self.start.refuse_if_cut().map(ControlFlow::Break),
            }
        }
        let piece = self.data.start..self.data.end.min(self.data.start + PIECE_SIZE);
        self.data.start += self.start.copy(&piece, &self.to)?;
        self.shared.position.store(self.data.start, Ordering::Relaxed);
        Ok(ControlFlow::Continue(()))
    }

    fn end(&self, result: Result<(), StorageError>) {
        let mut stage = self.shared.stage();
        if let Stage::Underway = *stage {
            *stage = result.map_or_else(Stage::Failed, |()| Stage::Ended);
        }
        drop(stage);
        self.shared.end.give();
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // Nobody must wait for ever for one that was stopped, or has panicked.
        self.end(Err(StorageErrorKind::Failed.into()));
    }
}
