//! Files that are retrieved.

use std::fs::File;

use bytes::Bytes;

use super::{pooled::Pooled, root::Root, system};
use crate::{
    pathname::Pathname,
    storage::{Download, StorageError, StorageErrorKind},
};

/// What is left of a file that is not longer than this is read along with opening it.
const SMALL_FILE_LIMIT: u64 = 64 * 1024;

/// A file of a [`Filesystem`](super::Filesystem) that is being retrieved.
///
/// It yields what the file had when it was opened: a file that is replaced meanwhile is retrieved as it was, one that
/// grows up to its former end, and one that shrinks ends in [`Changed`](StorageErrorKind::Changed). A read of the
/// file is one call in the blocking pool, and none for a file of 64 KiB at most, which is read as it is opened.
#[derive(Debug)]
pub struct FilesystemDownload {
    ready: Bytes,
    source: Pooled<Source, Result<Bytes, StorageError>>,
}

#[derive(Debug)]
struct Source {
    file: File,
    position: u64,
    end: u64,
}

impl FilesystemDownload {
    pub(super) fn open(root: &Root, path: &Pathname, offset: u64) -> Result<Self, StorageError> {
        let (file, metadata) = root.open_file(path)?;
        let end = metadata.len();
        let left = end.checked_sub(offset).ok_or(StorageErrorKind::BadOffset)?;
        let source = Source { file, position: offset, end };
        let (source, ready) = match usize::try_from(left) {
            Ok(0) => (None, Ok(Bytes::new())),
            Ok(most) if left <= SMALL_FILE_LIMIT => source.read(most),
            _ => (Some(source), Ok(Bytes::new())),
        };
        Ok(Self { ready: ready?, source: Pooled::new(&root.pool, source) })
    }
}

impl Source {
    /// The next bytes, and the source if there are more.
    fn read(mut self, most: usize) -> (Option<Self>, Result<Bytes, StorageError>) {
        let left = self.end - self.position;
        let wanted = usize::try_from(left).map_or(most, |left| left.min(most));
        match system::read_at(&self.file, self.position, wanted) {
            Ok(bytes) if bytes.is_empty() => (None, Err(StorageErrorKind::Changed.into())),
            Ok(bytes) => {
                self.position += bytes.len() as u64;
                let more = (self.position < self.end).then_some(self);
                (more, Ok(bytes.into()))
            }
            Err(error) => (None, Err(error.into())),
        }
    }
}

impl Download for FilesystemDownload {
    async fn read(&mut self, most: usize) -> Result<Bytes, StorageError> {
        if self.ready.is_empty() {
            let settled = self.source.settle().await;
            let result = match settled {
                Some(result) => Some(result),
                None => self.source.run(move |source| source.read(most)).await,
            };
            self.ready = result.unwrap_or(Ok(Bytes::new()))?;
        }
        Ok(self.ready.split_to(most.min(self.ready.len())))
    }
}
