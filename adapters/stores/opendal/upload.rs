//! Files that are stored.

use core::{
    future::{Future, poll_fn},
    mem,
    pin::Pin,
    task::Poll,
};
use std::{boxed::Box, fmt, string::String, vec::Vec};

use bytes::Bytes;
use opendal::Buffer;

use super::{
    occupied::Ticket,
    parts::Parts,
    target::{Done, Sink, Target},
};
use crate::storage::{AbortReason, StorageError, StorageErrorKind, Stored, Upload};

/// Bytes that are collected before OpenDAL gets them, so that small chunks do not each cost a turn and an allocation.
const SEGMENT_SIZE: usize = 256 * 1024;

/// A file of an [`OpenDal`](super::OpenDal) store that is being stored; see there for what it takes and what it leaves.
///
/// A finish whose future is dropped may or may not have stored the file, so
/// [`finish_can_stop`](Upload::finish_can_stop) is false.
pub struct OpenDalUpload {
    segment: Vec<u8>,
    /// Segments of a service that takes a file only in one go, and how many bytes more it may become.
    held: Option<Held>,
    work: Work,
    parts: Parts,
    ticket: Ticket,
}

struct Held {
    segments: Vec<Bytes>,
    room: u64,
}

/// The sink, at rest or at work. Work goes on when the future that waits for it is dropped: some of OpenDAL's layers
/// lose the writer with it, and then nobody could abort what has been begun.
enum Work {
    Idle(Box<Sink>),
    Busy(Pin<Box<dyn Future<Output = Done> + Send>>),
    Over,
}

impl OpenDalUpload {
    /// `room` is how many bytes a service takes that takes a file only in one go.
    pub(super) fn new(sink: Sink, room: Option<u64>, parts: Parts, ticket: Ticket) -> Self {
        let held = room.map(|room| Held { segments: Vec::new(), room });
        Self { segment: Vec::new(), held, work: Work::Idle(Box::new(sink)), parts, ticket }
    }

    /// Takes so many bytes of the present file first; gives up if that fails.
    pub(super) async fn begin_with_copy(&mut self, etag: String, length: u64) -> Result<(), StorageError> {
        let copied = self.run(|sink| sink.copy_start(etag, length)).await;
        if copied.is_err() {
            self.give_up().await;
        }
        copied
    }

    /// Waits for the work in progress, if there is any, and moves the parts on.
    async fn settle(&mut self) -> Result<(), StorageError> {
        let Self { work, parts, .. } = self;
        let Work::Busy(future) = work else {
            poll_fn(|cx| {
                parts.poll(cx);
                Poll::Ready(())
            })
            .await;
            return Ok(());
        };
        let (sink, result) = poll_fn(|cx| {
            loop {
                let polled = future.as_mut().poll(cx);
                let has_arrived = parts.poll(cx);
                if polled.is_ready() || !has_arrived {
                    return polled;
                }
            }
        })
        .await;
        *work = Work::Idle(sink);
        result
    }

    /// Gives the sink some work and waits for it.
    async fn run<F>(&mut self, work: impl FnOnce(Box<Sink>) -> F) -> Result<(), StorageError>
    where
        F: Future<Output = Done> + Send + 'static,
    {
        match mem::replace(&mut self.work, Work::Over) {
            Work::Idle(sink) => self.work = Work::Busy(Box::pin(work(sink))),
            other => {
                self.work = other;
                return Err(StorageErrorKind::Failed.into());
            }
        }
        self.settle().await
    }

    /// Passes the collected bytes on.
    async fn pass(&mut self) -> Result<(), StorageError> {
        let segment = Bytes::from(mem::take(&mut self.segment));
        if let Some(held) = &mut self.held {
            held.segments.push(segment);
            return Ok(());
        }
        self.run(|sink| sink.write(segment.into())).await
    }

    async fn put_in_place(&mut self) -> Result<(), StorageError> {
        self.settle().await?;
        if !self.segment.is_empty() {
            self.pass().await?;
        }
        if let Some(Held { segments, .. }) = self.held.take()
            && !segments.is_empty()
        {
            self.run(|sink| sink.write(Buffer::from(segments))).await?;
        }
        self.run(Sink::finish).await
    }

    async fn give_up(&mut self) {
        // What is under way would be lost, and with it the way to abort it.
        let _ = self.settle().await;
        let _ = self.run(Sink::abort).await;
        self.work = Work::Over;
    }
}

impl Upload for OpenDalUpload {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError> {
        self.settle().await?;
        if let Some(held) = &mut self.held {
            held.room = held.room.checked_sub(chunk.len() as u64).ok_or_else(Target::too_large)?;
        }
        let mut rest = chunk.as_ref();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(SEGMENT_SIZE - self.segment.len()));
            self.segment.extend_from_slice(now);
            rest = later;
            if self.segment.len() == SEGMENT_SIZE {
                self.pass().await?;
            }
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<Stored, StorageError> {
        let finished = self.put_in_place().await;
        if finished.is_err() {
            self.give_up().await;
        }
        finished.map(|()| Stored::default())
    }

    async fn abort(mut self, _: AbortReason) {
        self.segment = Vec::new();
        self.held = None;
        self.give_up().await;
    }
}

impl fmt::Debug for OpenDalUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenDalUpload")
            .field("ticket", &self.ticket)
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}
