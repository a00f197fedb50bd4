//! The contract of `Storage`, by the checks that other stores can be put to, too.

use core::cell::Cell;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;

#[cfg(any(feature = "opendal", all(feature = "tahoe", feature = "tokio")))]
use sansftp::testing::{Operation::*, store_contract_without};
use sansftp::{
    adapters::stores::{Durability, Filesystem, Memory},
    layer::{Around, Layer, UploadLayer},
    pathname::Pathname,
    storage::{Download, OpenedUpload, Placement, Storage, StorageError, StorageErrorKind, Stored, Upload},
    testing::store_contract,
    unchanged,
};

#[tokio::test]
async fn on_memory() {
    store_contract(async || Memory::new()).await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn on_filesystem() {
    for durability in [Durability::Sync, Durability::Rename] {
        let (outer, count) = (tempfile::tempdir().unwrap(), Cell::new(0));
        let new_store = async || {
            let folder = outer.path().join(number(&count));
            std::fs::create_dir(&folder).unwrap();
            Filesystem::open(folder).unwrap().with_durability(durability)
        };
        store_contract(new_store).await.unwrap();
        // Whatever happened, no temporary file stays.
        no_temporary_files(outer.path());
    }
}

/// Counts the changes; a download that was opened before the last one fails.
#[derive(Clone, Default)]
struct Wary(Arc<AtomicU64>);

struct WaryDownload<D> {
    inner: D,
    changes: Arc<AtomicU64>,
    known: u64,
}

impl Wary {
    fn count<T>(&self, result: Result<T, StorageError>) -> Result<T, StorageError> {
        self.0.fetch_add(u64::from(result.is_ok()), Ordering::Relaxed);
        result
    }
}

impl<S: Storage> Layer<S> for Wary {
    type Upload = Around<S::Upload, Self>;
    type Download = WaryDownload<S::Download>;
    unchanged!(S: Listing);

    async fn open_upload(
        &self,
        inner: &S,
        path: &Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> Result<OpenedUpload<Self::Upload>, StorageError> {
        let opened = inner.open_upload(path, placement, announced).await?;
        Ok(opened.map(|upload| UploadLayer::around(self.clone(), upload)))
    }

    async fn open_download(
        &self,
        inner: &S,
        path: &Pathname,
        offset: u64,
    ) -> Result<Self::Download, StorageError> {
        let inner = inner.open_download(path, offset).await?;
        Ok(WaryDownload { inner, changes: Arc::clone(&self.0), known: self.0.load(Ordering::Relaxed) })
    }

    async fn remove_file(&self, inner: &S, path: &Pathname) -> Result<(), StorageError> {
        self.count(inner.remove_file(path).await)
    }

    async fn rename(&self, inner: &S, from: &Pathname, to: &Pathname) -> Result<(), StorageError> {
        self.count(inner.rename(from, to).await)
    }
}

impl<U: Upload> UploadLayer<U> for Wary {
    async fn finish(self, inner: U) -> Result<Stored, StorageError> {
        self.count(inner.finish().await)
    }
}

impl<D: Download> Download for WaryDownload<D> {
    async fn read(&mut self, most: usize) -> Result<Bytes, StorageError> {
        match self.changes.load(Ordering::Relaxed) == self.known {
            true => self.inner.read(most).await,
            false => Err(StorageErrorKind::Changed.into()),
        }
    }
}

/// Rule 5 lets it: a download comes to its end, or to an error.
#[tokio::test]
async fn on_memory_whose_downloads_notice_every_change() {
    store_contract(async || Layer::around(Wary::default(), Memory::new())).await.unwrap();
}

/// It has no rename, and only of a service that gives files identities can the beginning of one be kept safely.
#[cfg(feature = "opendal")]
#[tokio::test]
async fn on_opendal_memory() {
    let refused = [Append, Resume, RenameFile, RenameDirectory, SetModified, SetMode, Available];
    store_contract_without(&refused, async || crate::opendal::in_memory()).await.unwrap();
}

#[cfg(feature = "opendal-services")]
#[tokio::test]
async fn on_opendal_fs() {
    let (outer, count) = (tempfile::tempdir().unwrap(), Cell::new(0));
    let refused = [Append, Resume, RenameDirectory, SetModified, SetMode, Available];
    let new_store = async || crate::opendal::in_folder(&outer.path().join(number(&count)));
    store_contract_without(&refused, new_store).await.unwrap();
}

#[cfg(feature = "opendal-services")]
#[ignore = "scripts/s3 runs it, with a server"]
#[tokio::test]
async fn on_opendal_s3() {
    let count = Cell::new(0);
    let new_store = async || crate::opendal::in_bucket(&format!("contract {}", number(&count)));
    let refused = [RenameDirectory, SetModified, SetMode, Available];
    store_contract_without(&refused, new_store).await.unwrap();
}

#[cfg(all(feature = "tahoe", feature = "tokio"))]
mod on_tahoe {
    use super::*;

    #[ignore = "the system test runs it, with a grid"]
    #[tokio::test]
    async fn the_contract_is_kept() {
        let refused = [Append, Resume, SetMode, Available];
        store_contract_without(&refused, async || crate::tahoe::on_a_grid()).await.unwrap();
    }
}

/// A name that nothing had before.
fn number(count: &Cell<usize>) -> String {
    count.set(count.get() + 1);
    count.get().to_string()
}

/// Drops may still be on their way through the pool, so this waits for a while.
pub(crate) fn no_temporary_files(folder: &std::path::Path) {
    for _ in 0..1000 {
        if temporary_files(folder) == 0 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("a temporary file stayed");
}

fn temporary_files(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| match entry.file_type().unwrap().is_dir() {
            true => temporary_files(&entry.path()),
            false => usize::from(entry.file_name().as_encoded_bytes().starts_with(b".sansftp-")),
        })
        .sum()
}
