//! What a store with a fault opens.

use std::{
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use sansftp::{
    adapters::stores::Memory,
    pathname::Pathname,
    storage::{
        AbortReason, Download, Entry, Listing, Permissions, Placement, Storage, StorageError,
        StorageErrorKind, Stored, Upload,
    },
};
use tokio::task::yield_now;

use crate::{
    broken_store::Fault::{self, *},
    steps::read_all,
};

/// Stores a file in one go.
pub(crate) async fn store(store: &Memory, path: &Pathname, content: &[u8]) -> Result<(), StorageError> {
    let mut upload = store.open_upload(path, Placement::Replace, None).await?.upload;
    upload.write(Bytes::copy_from_slice(content)).await?;
    upload.finish().await.map(drop)
}

/// The store in memory never lets anybody wait.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the store in memory waits"),
    }
}

/// The content that a file has now.
pub(crate) fn content_of(store: &Memory, path: &Pathname) -> Option<Vec<u8>> {
    let mut download = now(store.open_download(path, 0)).ok()?;
    now(read_all(&mut download, usize::MAX)).ok()
}

pub(crate) struct BrokenUpload {
    pub(crate) inner: Option<<Memory as Storage>::Upload>,
    pub(crate) fault: Fault,
    pub(crate) store: Memory,
    pub(crate) path: Pathname,
    pub(crate) placement: Placement,
    pub(crate) announced: Option<u64>,
    pub(crate) content: Vec<u8>,
    pub(crate) before: Option<Vec<u8>>,
    pub(crate) _in_use: Arc<()>,
}

/// What all uploads have in common, where they should not.
static MIXED_UP: Mutex<Vec<u8>> = Mutex::new(Vec::new());

impl BrokenUpload {
    /// What takes the place of the right finish, if anything does.
    fn finish_wrongly(&mut self) -> Option<Result<Stored, StorageError>> {
        let is_changed = content_of(&self.store, &self.path) != self.before;
        let content: &[u8] = match self.fault {
            LastByteIsLost => &self.content[..self.content.len().saturating_sub(1)],
            FileOfNothingIsLost if self.content.is_empty() => return Some(Ok(Stored::default())),
            ChangedFileStays if is_changed => return Some(Ok(Stored::default())),
            DirectoryIsNotFollowed if now(self.store.stat(&self.path.parent()?)).is_err() => {
                return Some(Ok(Stored::default()));
            }
            BusyDirectoryIsRemoved if self.path.parent() != Some(Pathname::root()) => {
                return Some(Err(StorageErrorKind::NotFound.into()));
            }
            UploadsAreMixedUp => &std::mem::take(&mut *MIXED_UP.lock().unwrap()),
            UniqueReplaces if self.placement == Placement::Unique => &self.content,
            AppendLosesOthers if self.placement == Placement::Append => {
                &[self.before.as_deref().unwrap_or_default(), &self.content].concat()
            }
            _ => return None,
        };
        Some(now(store(&self.store, &self.path, content)).map(|()| Stored::default()))
    }
}

impl Upload for BrokenUpload {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError> {
        self.content.extend_from_slice(&chunk);
        match self.fault {
            WritesAreVisible => store(&self.store, &self.path, &self.content).await?,
            UploadsAreMixedUp => MIXED_UP.lock().unwrap().extend_from_slice(&chunk),
            AnnouncedSizeIsALimit if self.announced.is_some_and(|size| self.content.len() as u64 > size) => {
                return Err(StorageErrorKind::OverQuota.into());
            }
            _ => {}
        }
        self.inner.as_mut().unwrap().write(chunk).await
    }

    async fn prepare(&mut self) -> Result<(), StorageError> {
        match self.fault {
            PrepareStores => store(&self.store, &self.path, &self.content).await?,
            PreparedIsLost => {
                let opened = self.store.open_upload(&self.path, self.placement, self.announced).await?;
                self.inner = Some(opened.upload);
            }
            _ => {}
        }
        self.inner.as_mut().unwrap().prepare().await
    }

    fn finish(mut self) -> impl Future<Output = Result<Stored, StorageError>> + Send {
        if self.fault == StoppedFinishStores {
            // Where there is a directory, it cannot.
            let _ = now(store(&self.store, &self.path, &self.content));
        }
        async move {
            let inner = self.inner.take().unwrap();
            if self.fault == FinishHasAGap && self.placement == Placement::Replace {
                yield_now().await;
                let _ = self.store.remove_file(&self.path).await;
                yield_now().await;
            }
            match self.finish_wrongly() {
                Some(result) => result,
                None => match inner.finish().await {
                    Err(_) if self.fault == FinishErrorIsSwallowed => Ok(Stored::default()),
                    result => result,
                },
            }
        }
    }

    async fn abort(mut self, why: AbortReason) {
        let inner = self.inner.take().unwrap();
        match self.fault {
            AbortStores => drop(inner.finish().await),
            _ => inner.abort(why).await,
        }
    }

    fn finish_can_stop(&self) -> bool {
        true
    }
}

impl Drop for BrokenUpload {
    fn drop(&mut self) {
        if self.fault == DropStores
            && let Some(inner) = self.inner.take()
        {
            drop(now(inner.finish()));
        }
    }
}

pub(crate) struct BrokenDownload {
    pub(crate) inner: <Memory as Storage>::Download,
    pub(crate) fault: Fault,
    pub(crate) store: Memory,
    pub(crate) path: Pathname,
    pub(crate) offset: u64,
    pub(crate) _in_use: Arc<()>,
}

impl Download for BrokenDownload {
    async fn read(&mut self, most: usize) -> Result<Bytes, StorageError> {
        if self.fault == DownloadFollowsChanges {
            let Ok(mut current) = self.store.open_download(&self.path, self.offset).await else {
                return Ok(Bytes::new());
            };
            let bytes = current.read(most).await?;
            self.offset += bytes.len() as u64;
            return Ok(bytes);
        }
        if self.fault == DownloadHasNoEnd {
            self.inner = self.store.open_download(&self.path, self.offset).await?;
        }
        let most = if self.fault == ReadsAreTooLong { most.saturating_mul(2) } else { most };
        self.inner.read(most).await
    }
}

pub(crate) struct BrokenListing {
    pub(crate) inner: <Memory as Storage>::Listing,
    pub(crate) fault: Fault,
}

impl Listing for BrokenListing {
    async fn next_page(&mut self) -> Result<Vec<Entry>, StorageError> {
        let mut page = self.inner.next_page().await?;
        match (self.fault, page.last().cloned()) {
            (LaterPagesAreLost, _) => page.truncate(100),
            (EntryComesTwice, Some(last)) => page.push(last),
            (ListedPermissionsAreWrong, Some(_)) => {
                page.iter_mut().for_each(|entry| entry.metadata.permissions = Permissions::NONE);
            }
            (ListedSizeIsWrong, Some(_)) => page.iter_mut().for_each(|entry| entry.metadata.size /= 2),
            _ => {}
        }
        Ok(page)
    }
}
