//! A stream of the runtime as hyper reads and writes it.

use std::{
    boxed::Box,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    vec,
};

use futures_io::{AsyncRead, AsyncWrite};
use hyper::rt::{Read, ReadBufCursor, Write};

/// Bytes that are read from the socket at once.
const READ_SIZE: usize = 32 * 1024;

/// A stream of the runtime for hyper. What is read is copied once: hyper's own buffer can only be filled in place by
/// code that is `unsafe`.
#[derive(Debug)]
pub(super) struct HyperStream<S> {
    stream: S,
    buffer: Box<[u8]>,
}

impl<S> HyperStream<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, buffer: vec![0; READ_SIZE].into() }
    }
}

impl<S: AsyncRead + Unpin> Read for HyperStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, buffer } = self.get_mut();
        let most = cursor.remaining().min(READ_SIZE);
        let (room, _) = buffer.split_at_mut(most);
        let count = ready!(Pin::new(stream).poll_read(cx, room))?;
        cursor.put_slice(room.get(..count).ok_or(io::ErrorKind::InvalidData)?);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Write for HyperStream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_close(cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use hyper::rt::ReadBuf;

    use super::*;

    /// Says that it has filled more than it was given.
    struct Boaster;

    impl AsyncRead for Boaster {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(room.len() + 1))
        }
    }

    #[test]
    fn what_a_stream_miscounts_is_an_error_and_no_end() {
        let mut memory = [0; 100];
        let mut buffer = ReadBuf::new(&mut memory);
        let mut stream = HyperStream::new(Boaster);
        let read =
            Pin::new(&mut stream).poll_read(&mut Context::from_waker(Waker::noop()), buffer.unfilled());
        assert!(matches!(read, Poll::Ready(Err(_))), "{read:?}");
    }
}
