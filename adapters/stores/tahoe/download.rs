//! Files that are retrieved.

use std::fmt;

use bytes::Bytes;
use hyper::{
    StatusCode,
    header::{CONTENT_LENGTH, CONTENT_RANGE},
};

use super::{
    body::RequestBody,
    cap::Cap,
    connection::Answer,
    gateway::{Gateway, Head},
    names,
    node::{Node, NodeKind},
    refusal::strange,
};
use crate::{
    adapters::runtime::Runtime,
    storage::{Download, StorageError, StorageErrorKind},
};

/// A file of the grid that is being retrieved, as it was when it was opened: an entry that is replaced meanwhile names
/// another file.
///
/// A file that ends before its size, because the grid lost too many of its servers, is an error
/// ([`Failed`](StorageErrorKind::Failed)).
pub struct TahoeDownload<R: Runtime> {
    gateway: Gateway<R>,
    /// `None` once there is nothing more to come.
    answer: Option<Answer<R::Stream>>,
    /// Bytes that have come and have not been read.
    ready: Bytes,
    /// Bytes that have not come.
    left: u64,
}

impl<R: Runtime> fmt::Debug for TahoeDownload<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TahoeDownload").field("left", &self.left).finish_non_exhaustive()
    }
}

impl<R: Runtime> TahoeDownload<R> {
    pub(super) async fn open(gateway: &Gateway<R>, node: &Node, offset: u64) -> Result<Self, StorageError> {
        let left = match node.kind {
            NodeKind::Directory => return Err(StorageErrorKind::IsADirectory.into()),
            NodeKind::Unknown => return Err(StorageErrorKind::NotAFile.into()),
            NodeKind::Immutable { size } => {
                Some(size.checked_sub(offset).ok_or(StorageErrorKind::BadOffset)?)
            }
            NodeKind::Mutable => None,
        };
        let gateway = gateway.clone();
        // An empty range would be answered with the whole file.
        if left == Some(0) {
            return Ok(Self { gateway, answer: None, ready: Bytes::new(), left: 0 });
        }
        let cap = node.read_cap.as_ref().ok_or(StorageErrorKind::NotAFile)?;
        let answer = ask(&gateway, cap, offset).await?;
        let announced = content_length(&answer).ok_or_else(|| strange("the file has no length"))?;
        if left.is_some_and(|left| left != announced) {
            return Err(strange("the file has another length than its directory tells"));
        }
        Ok(Self { gateway, answer: Some(answer), ready: Bytes::new(), left: announced })
    }

    /// Waits for further bytes; there are none after the last one.
    async fn receive(&mut self) -> Result<Bytes, StorageError> {
        let Some(mut answer) = self.answer.take() else { return Ok(Bytes::new()) };
        match answer.next().await {
            Ok(Some(bytes)) => {
                self.left = self.left.saturating_sub(bytes.len() as u64);
                self.answer = Some(answer);
                Ok(bytes)
            }
            Ok(None) if self.left == 0 => {
                self.gateway.keep(answer);
                Ok(Bytes::new())
            }
            Ok(None) => Err(cut_off()),
            Err(error) => Err(cut_off().with_source(error)),
        }
    }
}

async fn ask<R: Runtime>(
    gateway: &Gateway<R>,
    cap: &Cap,
    offset: u64,
) -> Result<Answer<R::Stream>, StorageError> {
    let head = Head { offset, ..Head::get(names::url_of_cap(cap)) };
    let answer = gateway.ask(head, RequestBody::empty()).await?;
    // Whoever is asked for what comes behind the end sends everything.
    if offset > 0 && !(answer.head().status == StatusCode::PARTIAL_CONTENT && starts_at(&answer, offset)) {
        return Err(StorageErrorKind::BadOffset.into());
    }
    Ok(answer)
}

fn starts_at<S>(answer: &Answer<S>, offset: u64) -> bool
where
    S: futures_io::AsyncRead + futures_io::AsyncWrite + Unpin + Send + 'static,
{
    let range = answer.head().headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    let start = range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next());
    start.and_then(|start| start.parse().ok()) == Some(offset)
}

fn content_length<S>(answer: &Answer<S>) -> Option<u64>
where
    S: futures_io::AsyncRead + futures_io::AsyncWrite + Unpin + Send + 'static,
{
    answer.head().headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn cut_off() -> StorageError {
    StorageError::new(
        StorageErrorKind::Failed,
        "The grid lost too many of the file's storage servers; what came is not all of it.",
    )
}

impl<R: Runtime> Download for TahoeDownload<R> {
    async fn read(&mut self, most: usize) -> Result<Bytes, StorageError> {
        if self.ready.is_empty() {
            self.ready = self.receive().await?;
        }
        Ok(self.ready.split_to(most.min(self.ready.len())))
    }
}
