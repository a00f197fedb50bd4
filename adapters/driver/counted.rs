//! A connection that counts what the system takes of it and gives.
//!
//! Under TLS, that is not what is written and read: bytes of a file wait, encrypted, until the connection takes them, and
//! a record that comes slowly is nothing to be read before its end. Whether a connection moves can only be told below TLS.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use futures_io::{AsyncRead, AsyncWrite};

/// A connection, and how many bytes it has carried.
#[derive(Debug)]
pub(super) struct Counted<S> {
    stream: S,
    carried: Carried,
}

/// How many bytes a connection has carried, both ways. Clones tell of the same connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Carried(Arc<AtomicU64>);

impl Carried {
    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, moved: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = &moved {
            self.0.fetch_add(*count as u64, Ordering::Relaxed);
        }
        moved
    }
}

impl<S> Counted<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, carried: Carried::default() }
    }

    pub(super) const fn carried(&self) -> &Carried {
        &self.carried
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let Self { stream, carried } = self.get_mut();
        carried.add(Pin::new(stream).poll_read(cx, buffer))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self { stream, carried } = self.get_mut();
        carried.add(Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, carried } = self.get_mut();
        carried.add(Pin::new(stream).poll_write_vectored(cx, slices))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_close(cx)
    }
}
