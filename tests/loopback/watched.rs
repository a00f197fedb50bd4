//! A store that tells what becomes of its uploads, and whose finishes can be held.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use sansftp::{
    AbortReason, Metadata, OpenedUpload, Pathname, Placement, Storage, StorageError, Stored, Upload,
};

use super::PATIENCE;

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
    aborts: Mutex<Vec<AbortReason>>,
    results: Mutex<Held>,
}

#[derive(Default)]
enum Held {
    #[default]
    No,
    Until(Vec<Result<Stored, StorageError>>),
}

impl Journal {
    pub(crate) fn finishes(&self) -> usize {
        self.finishes.load(Ordering::SeqCst)
    }

    pub(crate) fn wait_for_finishes(&self, count: usize) {
        wait_until(|| (self.finishes() == count).then_some(()));
    }

    pub(crate) fn wait_for_abort(&self) -> AbortReason {
        wait_until(|| self.aborts.lock().unwrap().first().copied())
    }

    pub(crate) fn hold_finishes(&self) {
        *self.results.lock().unwrap() = Held::Until(Vec::new());
    }

    pub(crate) fn end_finish(&self, result: Result<Stored, StorageError>) {
        match &mut *self.results.lock().unwrap() {
            Held::No => panic!("finishes are not held"),
            Held::Until(results) => results.push(result),
        }
    }

    fn result(&self) -> Option<Result<Stored, StorageError>> {
        match &mut *self.results.lock().unwrap() {
            Held::No => Some(Ok(Stored::default())),
            Held::Until(results) => results.pop(),
        }
    }
}

fn wait_until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "what was waited for did not happen");
        thread::sleep(Duration::from_millis(2));
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

    async fn finish(self) -> Result<Stored, StorageError> {
        self.journal.finishes.fetch_add(1, Ordering::SeqCst);
        loop {
            if let Some(result) = self.journal.result() {
                result?;
                return self.inner.finish().await;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn abort(self, why: AbortReason) {
        self.inner.abort(why).await;
        self.journal.aborts.lock().unwrap().push(why);
    }
}
