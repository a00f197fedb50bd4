//! How far a movement is, how it is stopped, and how it ends.

use std::{
    future::{Future, poll_fn},
    io,
    pin::pin,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Poll,
};

use super::receive_buffer::StreamEnd;
use crate::{
    session::Outcome,
    storage::{AbortReason, StorageError},
};

/// How far a movement is, and whether it is to stop; shared by the movement and the driver.
#[derive(Debug, Default)]
pub(in crate::adapters::driver) struct Progress {
    bytes: AtomicU64,
    is_waiting: AtomicBool,
    stop: OnceLock<AbortReason>,
}

impl Progress {
    /// Bytes that have moved over the data connection.
    pub(in crate::adapters::driver) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether the client of an upload is waited for, and not the store.
    pub(in crate::adapters::driver) fn is_waiting(&self) -> bool {
        self.is_waiting.load(Ordering::Relaxed)
    }

    pub(super) fn set_waiting(&self, is_waiting: bool) {
        self.is_waiting.store(is_waiting, Ordering::Relaxed);
    }

    /// Makes the movement stop when it is polled next, whatever it waits for. The first reason counts.
    pub(in crate::adapters::driver) fn stop(&self, why: AbortReason) {
        let _ = self.stop.set(why);
    }

    pub(super) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Runs a movement to its end, or until it has to stop; then its future is dropped, with all that it waits for.
    pub(in crate::adapters::driver) async fn until_stopped<T>(
        &self,
        movement: impl Future<Output = T>,
    ) -> Result<T, AbortReason> {
        let mut movement = pin!(movement);
        poll_fn(|cx| match self.stop.get() {
            Some(why) => Poll::Ready(Err(*why)),
            None => movement.as_mut().poll(cx).map(Ok),
        })
        .await
    }
}

/// How a movement ended.
#[derive(Debug)]
pub(in crate::adapters::driver) enum Ended<U> {
    /// An upload has come to its end, and is given back to be finished or aborted.
    Received(StreamEnd, U),
    /// An upload broke off, and is given back to be aborted.
    BrokeOff(Outcome, U),
    /// A file or a listing was sent.
    Sent(Outcome),
    /// It was stopped for this reason. An upload is aborted.
    Stopped(AbortReason),
}

/// Why a movement broke off.
pub(super) enum Failure {
    Connection,
    Store(StorageError),
}

impl From<io::Error> for Failure {
    fn from(_: io::Error) -> Self {
        Self::Connection
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Connection => Self::Lost,
            Failure::Store(error) => Self::StoreFailed(error),
        }
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self::Store(error)
    }
}
