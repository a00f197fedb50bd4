//! A store that tells what becomes of its uploads, and whose finishes can be held.

use std::{
    future::poll_fn,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use sansftp::{
    AbortReason, Metadata, OpenedUpload, Pathname, Placement, Storage, StorageError, Stored, Upload,
};

use super::running::wait_until;

/// A store around another one.
#[derive(Clone)]
pub(crate) struct Watched<S> {
    inner: S,
    journal: Arc<Journal>,
}

/// What a [`Watched`] store tells.
#[derive(Default)]
pub(crate) struct Journal {
    finishes: AtomicUsize,
    missing_close_notifies: AtomicUsize,
    aborts: Mutex<Vec<AbortReason>>,
    held: Mutex<Held>,
}

/// What a finish does before it comes to the other store.
#[derive(Default)]
enum Held {
    #[default]
    Nothing,
    Wait(Vec<Result<Stored, StorageError>>, Option<Waker>),
    Panic,
}

impl Journal {
    /// Uploads that were told that nobody vouches for their end.
    #[cfg(feature = "tls")]
    pub(crate) fn missing_close_notifies(&self) -> usize {
        self.missing_close_notifies.load(Ordering::SeqCst)
    }

    pub(crate) fn finishes(&self) -> usize {
        self.finishes.load(Ordering::SeqCst)
    }

    pub(crate) fn wait_for_finishes(&self, count: usize) {
        wait_until(|| (self.finishes() == count).then_some(()));
    }

    /// Waits for the abort that comes after so many others.
    pub(crate) fn wait_for_abort(&self, number: usize) -> AbortReason {
        wait_until(|| self.aborts.lock().unwrap().get(number).copied())
    }

    pub(crate) fn hold_finishes(&self) {
        *self.held.lock().unwrap() = Held::Wait(Vec::new(), None);
    }

    pub(crate) fn panic_in_finishes(&self) {
        *self.held.lock().unwrap() = Held::Panic;
    }

    pub(crate) fn let_finishes_be(&self) {
        *self.held.lock().unwrap() = Held::Nothing;
    }

    pub(crate) fn end_finish(&self, result: Result<Stored, StorageError>) {
        let mut held = self.held.lock().unwrap();
        let Held::Wait(results, waker) = &mut *held else { panic!("finishes are not held") };
        results.push(result);
        waker.take().into_iter().for_each(Waker::wake);
    }

    fn poll_result(&self, cx: &Context<'_>) -> Poll<Result<Stored, StorageError>> {
        let mut held = self.held.lock().unwrap();
        match &mut *held {
            Held::Nothing => Poll::Ready(Ok(Stored::default())),
            Held::Wait(results, waker) => {
                *waker = Some(cx.waker().clone());
                results.pop().map_or(Poll::Pending, Poll::Ready)
            }
            Held::Panic => {
                drop(held);
                panic!("a store that panics, as the test wants it")
            }
        }
    }
}

impl<S: Storage> Watched<S> {
    pub(crate) fn new(inner: S) -> (Self, Arc<Journal>) {
        let journal = Arc::<Journal>::default();
        (Self { inner, journal: journal.clone() }, journal)
    }
}

impl<S: Storage> Storage for Watched<S> {
    type Upload = WatchedUpload<S::Upload>;
    type Download = S::Download;
    type Listing = S::Listing;

    async fn stat(&self, path: &Pathname) -> Result<Metadata, StorageError> {
        self.inner.stat(path).await
    }

    async fn list(&self, path: &Pathname) -> Result<S::Listing, StorageError> {
        self.inner.list(path).await
    }

    async fn open_download(&self, path: &Pathname, offset: u64) -> Result<S::Download, StorageError> {
        self.inner.open_download(path, offset).await
    }

    async fn open_upload(
        &self,
        path: &Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> Result<OpenedUpload<Self::Upload>, StorageError> {
        let OpenedUpload { upload, pathname, offset } =
            self.inner.open_upload(path, placement, announced).await?;
        let upload = WatchedUpload { inner: upload, journal: self.journal.clone() };
        Ok(OpenedUpload { upload, pathname, offset })
    }
}

pub(crate) struct WatchedUpload<U> {
    inner: U,
    journal: Arc<Journal>,
}

impl<U: Upload> Upload for WatchedUpload<U> {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError> {
        self.inner.write(chunk).await
    }

    async fn prepare(&mut self) -> Result<(), StorageError> {
        self.inner.prepare().await
    }

    fn handle_missing_close_notify(&mut self) {
        self.journal.missing_close_notifies.fetch_add(1, Ordering::SeqCst);
    }

    async fn finish(self) -> Result<Stored, StorageError> {
        self.journal.finishes.fetch_add(1, Ordering::SeqCst);
        poll_fn(|cx| self.journal.poll_result(cx)).await?;
        self.inner.finish().await
    }

    async fn abort(self, why: AbortReason) {
        self.inner.abort(why).await;
        self.journal.aborts.lock().unwrap().push(why);
    }
}
