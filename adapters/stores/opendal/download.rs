//! Files that are retrieved.

use core::{future::poll_fn, mem, pin::Pin};
use std::{fmt, string::String};

use bytes::{Buf as _, Bytes};
use futures_core::Stream as _;
use opendal::{Buffer, BufferStream, Error, ErrorKind, Metadata as ObjectMetadata, options::ReaderOptions};

use super::{error::explain, key::Key, objects::Objects};
use crate::storage::{Download, StorageError, StorageErrorKind};

/// How often to open a file that is replaced again and again.
const ATTEMPTS_LIMIT: usize = 16;

/// A file of an [`OpenDal`](super::OpenDal) store that is being retrieved.
///
/// It yields what the file had when it was opened, or ends in [`Changed`](StorageErrorKind::Changed): its length is
/// compared with the one at that time, and where the service can compare identities (`read_with_if_match`,
/// `read_with_version`) no byte of another content gets in. The service is asked once for all that is wanted, and what
/// it sends is held back by not reading it.
pub struct OpenDalDownload {
    stream: BufferStream,
    ready: Buffer,
    left: u64,
}

impl OpenDalDownload {
    pub(super) async fn open(objects: &Objects, key: &Key, offset: u64) -> Result<Self, StorageError> {
        let can_compare = objects.operator.info().capability().read_with_if_match;
        let mut metadata = objects.look_up_file(key).await?;
        for _ in 0..ATTEMPTS_LIMIT {
            let opened = Self::open_as_found(objects, key, offset, &metadata).await;
            let has_changed = opened.as_ref().is_err_and(|error| error.kind() == StorageErrorKind::Changed);
            if !has_changed && can_compare && metadata.etag().is_some() {
                return opened;
            }
            // Was it replaced between being looked up and being opened, its length is not known.
            let found = mem::replace(&mut metadata, objects.look_up_file(key).await?);
            if !has_changed && is_same(&found, &metadata) {
                return opened;
            }
        }
        Err(StorageErrorKind::Busy.into())
    }

    async fn open_as_found(
        objects: &Objects,
        key: &Key,
        offset: u64,
        metadata: &ObjectMetadata,
    ) -> Result<Self, StorageError> {
        let end = metadata.content_length();
        let left = end.checked_sub(offset).ok_or(StorageErrorKind::BadOffset)?;
        let reader = objects.operator.reader_options(key.file(), identity(objects, metadata)).await;
        let stream = reader.map_err(explain)?.into_stream(offset..end).await.map_err(explain_change)?;
        let mut download = Self { stream, ready: Buffer::new(), left };
        // Now it is seen whether the service gives it out; later the client would have its 150 already.
        if left > 0 {
            download.fetch().await?;
        }
        Ok(download)
    }

    async fn fetch(&mut self) -> Result<(), StorageError> {
        match poll_fn(|cx| Pin::new(&mut self.stream).poll_next(cx)).await {
            Some(buffer) => {
                self.ready = buffer.map_err(explain_change)?;
                Ok(())
            }
            None => Err(StorageError::new(
                StorageErrorKind::Changed,
                "The storage service sent less than the whole file.",
            )),
        }
    }
}

fn is_same(one: &ObjectMetadata, other: &ObjectMetadata) -> bool {
    let state = |metadata: &ObjectMetadata| (metadata.content_length(), metadata.last_modified());
    state(one) == state(other) && one.etag() == other.etag()
}

/// Options that read no other content than the one that was looked up, as far as the service can compare.
fn identity(objects: &Objects, metadata: &ObjectMetadata) -> ReaderOptions {
    let capability = objects.operator.info().capability();
    ReaderOptions {
        if_match: metadata.etag().filter(|_| capability.read_with_if_match).map(String::from),
        version: metadata.version().filter(|_| capability.read_with_version).map(String::from),
        ..ReaderOptions::default()
    }
}

/// What was looked up is not there any more, or not as it was.
fn explain_change(error: Error) -> StorageError {
    match error.kind() {
        ErrorKind::ConditionNotMatch | ErrorKind::NotFound | ErrorKind::RangeNotSatisfied => {
            let sentence = "The file was changed while it was sent.";
            StorageError::new(StorageErrorKind::Changed, sentence).with_source(error)
        }
        _ => explain(error),
    }
}

impl Download for OpenDalDownload {
    async fn read(&mut self, most: usize) -> Result<Bytes, StorageError> {
        while self.ready.is_empty() && self.left > 0 {
            self.fetch().await?;
        }
        // OpenDAL panics where it is asked for bytes that are not there.
        if self.left == 0 {
            return Ok(Bytes::new());
        }
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let mut bytes = self.ready.current();
        bytes.truncate(most.min(left));
        self.ready.advance(bytes.len());
        self.left -= bytes.len() as u64;
        Ok(bytes)
    }
}

impl fmt::Debug for OpenDalDownload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenDalDownload").field("left", &self.left).finish_non_exhaustive()
    }
}
