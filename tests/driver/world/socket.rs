//! One end of a connection in memory.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use futures_io::{AsyncRead, AsyncWrite};

/// What a connection takes without being read, in bytes.
pub const SOCKET_BUFFER: usize = 64 << 10;

/// One end of a connection. The server uses it through the stream traits, a test through the methods below, which
/// never wait.
pub struct Socket {
    local: SocketAddr,
    incoming: Pipe,
    outgoing: Pipe,
}

#[derive(Clone, Default)]
struct Pipe(Arc<Mutex<PipeState>>);

#[derive(Default)]
struct PipeState {
    bytes: VecDeque<u8>,
    end: End,
    /// The reader's runtime has not noticed what came.
    is_unnoticed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Bytes that each write carried.
    writes: Vec<usize>,
}

#[derive(Default, PartialEq)]
enum End {
    #[default]
    Open,
    Finished,
    Broken,
}

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, PipeState> {
        self.0.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut PipeState)) {
        let mut pipe = self.lock();
        change(&mut pipe);
        let wakers = [pipe.reader.take(), pipe.writer.take()];
        drop(pipe);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    fn end(&self, end: End) {
        self.change(|pipe| {
            if pipe.end == End::Open || end == End::Broken {
                pipe.end = end;
            }
        });
    }
}

impl Socket {
    pub(super) fn pair(near: SocketAddr, far: SocketAddr) -> (Self, Self) {
        let (there, back) = (Pipe::default(), Pipe::default());
        let near = Self { local: near, incoming: back.clone(), outgoing: there.clone() };
        (near, Self { local: far, incoming: there, outgoing: back })
    }

    pub(super) const fn local(&self) -> SocketAddr {
        self.local
    }

    /// Whether the other side has ended or broken it, noticed or not.
    pub(super) fn has_ended(&self) -> bool {
        self.incoming.lock().end != End::Open
    }

    /// Sends as much as the connection takes, and tells how much that is.
    pub fn send(&self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        self.outgoing.change(|pipe| {
            if pipe.end == End::Open {
                taken = bytes.len().min(SOCKET_BUFFER - pipe.bytes.len());
                pipe.bytes.extend(&bytes[..taken]);
            }
        });
        taken
    }

    /// Takes what has come.
    pub fn receive(&self) -> Vec<u8> {
        let mut received = Vec::new();
        self.incoming.change(|pipe| received = pipe.bytes.drain(..).collect());
        received
    }

    /// Takes at most so many of the bytes that have come.
    pub fn receive_some(&self, most: usize) -> Vec<u8> {
        let mut received = Vec::new();
        self.incoming.change(|pipe| {
            let count = most.min(pipe.bytes.len());
            received = pipe.bytes.drain(..count).collect();
        });
        received
    }

    /// Ends the sending side in good order.
    pub fn finish(&self) {
        self.outgoing.end(End::Finished);
    }

    /// Breaks the connection.
    pub fn reset(&self) {
        self.outgoing.end(End::Broken);
        self.incoming.end(End::Broken);
    }

    /// Whether the other side has ended in good order, and all of it is received.
    pub fn is_finished(&self) -> bool {
        let pipe = self.incoming.lock();
        pipe.end == End::Finished && pipe.bytes.is_empty()
    }

    /// Whether the other side has broken the connection.
    pub fn is_broken(&self) -> bool {
        self.incoming.lock().end == End::Broken
    }

    /// Lets what this side sends from now on come to the other system, but not to the notice of its runtime.
    pub fn hide(&self) {
        self.outgoing.lock().is_unnoticed = true;
    }

    /// Bytes that the other side has not taken.
    pub fn untaken(&self) -> usize {
        self.outgoing.lock().bytes.len()
    }

    /// How many bytes each write of the other side carried, from the first one on.
    pub fn writes(&self) -> Vec<usize> {
        self.incoming.lock().writes.clone()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // As the system does: unread bytes make a reset of what should be an end in good order.
        let is_read = self.incoming.lock().bytes.is_empty();
        self.outgoing.end(if is_read { End::Finished } else { End::Broken });
        self.incoming.end(End::Broken);
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut pipe = self.incoming.lock();
        if pipe.is_unnoticed {
            pipe.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if pipe.end == End::Broken {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let count = buffer.len().min(pipe.bytes.len());
        if count == 0 {
            if pipe.end == End::Finished {
                return Poll::Ready(Ok(0));
            }
            pipe.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        for (place, byte) in buffer.iter_mut().zip(pipe.bytes.drain(..count)) {
            *place = byte;
        }
        let writer = pipe.writer.take();
        drop(pipe);
        writer.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = self.outgoing.lock();
        if pipe.end != End::Open {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = SOCKET_BUFFER - pipe.bytes.len();
        if room == 0 {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let before = pipe.bytes.len();
        pipe.bytes.extend(slices.iter().flat_map(|slice| slice.iter()).take(room));
        let count = pipe.bytes.len() - before;
        pipe.writes.push(count);
        let reader = pipe.reader.take();
        drop(pipe);
        reader.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.outgoing.lock().end == End::Broken {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        }
        self.finish();
        Poll::Ready(Ok(()))
    }
}
