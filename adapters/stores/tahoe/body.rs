//! What a request carries.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// The body of a request.
#[derive(Debug)]
pub(super) enum RequestBody {
    /// All of it, of a length that the request announces. `None` once it is taken.
    Whole(Option<Bytes>),
    /// Chunks that come as long as the [`Feed`] gives them.
    Fed(Arc<Mutex<Slot>>),
}

impl RequestBody {
    pub(super) const fn empty() -> Self {
        Self::Whole(None)
    }

    /// A body, and what feeds it.
    pub(super) fn fed() -> (Self, Feed) {
        let slot = Arc::new(Mutex::new(Slot::Empty));
        (Self::Fed(Arc::clone(&slot)), Feed(slot))
    }
}

impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

/// Room for one chunk.
#[derive(Debug)]
pub(super) enum Slot {
    Empty,
    Chunk(Bytes),
    End,
}

/// Gives a body its chunks, one after the other. If it is dropped before the end, the body does not end: only closing
/// the connection gets rid of it.
#[derive(Debug)]
pub(super) struct Feed(Arc<Mutex<Slot>>);

impl Feed {
    /// Whether the last chunk has been taken.
    pub(super) fn is_empty(&self) -> bool {
        matches!(*lock(&self.0), Slot::Empty)
    }

    /// Gives the next chunk, once the last one has been taken.
    pub(super) fn give(&self, chunk: Bytes) {
        *lock(&self.0) = Slot::Chunk(chunk);
    }

    /// Says that there is no further chunk, once the last one has been taken.
    pub(super) fn end(&self) {
        *lock(&self.0) = Slot::End;
    }
}

fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    /// Who feeds the body polls the connection afterwards, and the connection this. So nobody needs to be woken.
    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Fed(slot) => {
                let mut slot = lock(slot);
                match std::mem::replace(&mut *slot, Slot::Empty) {
                    Slot::Chunk(chunk) => Poll::Ready(Some(Ok(Frame::data(chunk)))),
                    Slot::Empty => Poll::Pending,
                    Slot::End => {
                        *slot = Slot::End;
                        Poll::Ready(None)
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Fed(slot) => matches!(*lock(slot), Slot::End),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Fed(_) => SizeHint::default(),
        }
    }
}
