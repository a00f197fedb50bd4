//! Files that are retrieved.

use std::{fmt, mem, vec::Vec};

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
    adapters::runtimes::Runtime,
    storage::{Download, StorageError, StorageErrorKind},
};

/// What the gateway writes in the place of the rest of a file that it cannot read on, and counts as the file's bytes. Where
/// the rest is not longer than this, the file seems whole.
const COMPLAINT: &[u8] = b"problem during download\n";

/// A file of the grid that is being retrieved, as it was when it was opened: an entry that is replaced meanwhile names
/// another file.
///
/// A file that ends before its size, because the grid lost too many of its servers, is an error
/// ([`Failed`](StorageErrorKind::Failed)). What came before is the file's own, so a client can go on there.
pub struct TahoeDownload<R: Runtime> {
    source: Source<R>,
    /// `None` once there is nothing more to come.
    answer: Option<Answer<R::Stream>>,
    /// Bytes that have come and can be read.
    ready: Bytes,
    /// The last bytes that have come, which may be the gateway's complaint.
    held: Bytes,
    /// Bytes that have not come.
    left: u64,
    /// The size of the file.
    end: u64,
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
        let mut download = Self {
            source: Source {
                gateway: gateway.clone(),
                cap: node.read_cap.clone().ok_or(StorageErrorKind::NotAFile)?,
            },
            answer: None,
            ready: Bytes::new(),
            held: Bytes::new(),
            left: 0,
            end: offset,
        };
        // An empty range would be answered with the whole file.
        if left == Some(0) {
            return Ok(download);
        }
        let answer = download.source.ask(offset).await?;
        let announced = content_length(&answer).ok_or_else(|| strange("the file has no length"))?;
        if left.is_some_and(|left| left != announced) {
            return Err(strange("the file has another length than its directory tells"));
        }
        download.answer = Some(answer);
        download.left = announced;
        download.end = offset.saturating_add(announced);
        Ok(download)
    }

    /// Waits for further bytes; there are none after the last one.
    async fn receive(&mut self) -> Result<Bytes, StorageError> {
        while let Some(mut answer) = self.answer.take() {
            match answer.next().await {
                Ok(Some(bytes)) => {
                    self.answer = Some(answer);
                    self.left = self.left.saturating_sub(bytes.len() as u64);
                    let mut come = [self.held.as_ref(), &bytes].concat();
                    self.held = come.split_off(come.len().saturating_sub(COMPLAINT.len())).into();
                    if !come.is_empty() {
                        return Ok(come.into());
                    }
                }
                Ok(None) if self.left == 0 => {
                    self.source.gateway.keep(answer);
                    self.source.check_end(&self.held, self.end).await?;
                    return Ok(mem::take(&mut self.held));
                }
                Ok(None) => return Err(cut_off()),
                Err(error) => return Err(cut_off().with_source(error)),
            }
        }
        Ok(Bytes::new())
    }
}

/// The file, to be asked for.
struct Source<R: Runtime> {
    gateway: Gateway<R>,
    cap: Cap,
}

impl<R: Runtime> Source<R> {
    async fn ask(&self, offset: u64) -> Result<Answer<R::Stream>, StorageError> {
        let head = Head { offset, ..Head::get(names::url_of_cap(&self.cap)) };
        let answer = self.gateway.ask(head, RequestBody::empty()).await?;
        // Whoever is asked for what comes behind the end sends everything.
        if offset > 0 && !(answer.head().status == StatusCode::PARTIAL_CONTENT && starts_at(&answer, offset))
        {
            return Err(StorageErrorKind::BadOffset.into());
        }
        Ok(answer)
    }

    /// Asks again for the last bytes if they could be a complaint: it would come instead of just those bytes, so asked for
    /// them alone the gateway can say that it fails.
    async fn check_end(&self, held: &[u8], end: u64) -> Result<(), StorageError> {
        for suspect in complaints(held) {
            let offset = end.saturating_sub(suspect.len() as u64);
            let mut answer = self.ask(offset).await.map_err(|error| cut_off().with_source(error))?;
            let mut again = Vec::new();
            while let Some(bytes) = answer.next().await.map_err(|error| cut_off().with_source(error))? {
                again.extend_from_slice(&bytes);
            }
            self.gateway.keep(answer);
            if again != suspect {
                return Err(cut_off());
            }
        }
        Ok(())
    }
}

/// The ends of a text that a complaint begins with.
fn complaints(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    (0..text.len()).filter_map(|start| text.get(start..)).filter(|end| COMPLAINT.starts_with(end))
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
