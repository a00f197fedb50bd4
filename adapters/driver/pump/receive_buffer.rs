//! The memory that a data connection is read into, and how that connection ends.

use std::{
    io, mem,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use futures_io::{AsyncRead, AsyncWrite};

use super::chunk_size::ChunkSize;
use crate::adapters::tls::Stream;

/// How a data connection ended that files were received on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::adapters::driver) enum StreamEnd {
    /// By a FIN, as everything ends on a connection in clear.
    Fin,
    /// By the `close_notify` of TLS: nobody but the client can say that.
    CloseNotify,
    /// By a FIN where a `close_notify` should have come before.
    Truncated,
}

/// Memory that a data connection is read into.
///
/// All of it stays initialised, so none is cleared twice. A chunk that fills at least half of it goes to the store as
/// it is; when the store has let go of it, the same memory takes the next one. A smaller one is copied, so that a
/// store that keeps chunks keeps no more memory than twice the file.
pub(super) struct ReceiveBuffer {
    memory: BytesMut,
    /// How much of the memory has come from the connection, from its start on.
    filled: usize,
    lent: Bytes,
    size: ChunkSize,
    end: Option<StreamEnd>,
}

/// What was read.
pub(super) enum Filled {
    Bytes,
    End(StreamEnd),
}

impl ReceiveBuffer {
    pub(super) fn new(largest: usize) -> Self {
        Self {
            memory: BytesMut::new(),
            filled: 0,
            lent: Bytes::new(),
            size: ChunkSize::new(largest),
            end: None,
        }
    }

    /// Reads until the buffer is full or nothing more is there.
    pub(super) fn poll_fill(
        &mut self,
        stream: &mut Stream<impl AsyncRead + AsyncWrite + Unpin>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Filled>> {
        if let Some(end) = self.end {
            return Poll::Ready(Ok(Filled::End(end)));
        }
        self.reclaim();
        self.filled = 0;
        while self.filled < self.memory.len() {
            let (_, room) = self.memory.split_at_mut(self.filled);
            let most = room.len();
            match Pin::new(&mut *stream).poll_read(cx, room) {
                Poll::Ready(Ok(0)) => {
                    self.end = Some(if stream.is_secure() { StreamEnd::CloseNotify } else { StreamEnd::Fin });
                    break;
                }
                Poll::Ready(Ok(count)) if count <= most => self.filled += count,
                Poll::Ready(Ok(_)) => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
                Poll::Ready(Err(error))
                    if stream.is_secure() && error.kind() == io::ErrorKind::UnexpectedEof =>
                {
                    self.end = Some(StreamEnd::Truncated);
                    break;
                }
                // What came before the error is of no use: this upload cannot be finished any more.
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if self.filled == 0 => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        if self.filled == self.memory.len() {
            self.size.grow();
        }
        Poll::Ready(Ok(match self.end {
            Some(end) if self.filled == 0 => Filled::End(end),
            _ => Filled::Bytes,
        }))
    }

    /// The bytes that were read last.
    pub(super) fn filled(&self) -> &[u8] {
        let (filled, _) = self.memory.split_at(self.filled);
        filled
    }

    /// The bytes that were read last, for the store to keep.
    pub(super) fn take(&mut self) -> Bytes {
        if self.filled < self.memory.len() / 2 {
            return Bytes::copy_from_slice(self.filled());
        }
        self.lent = mem::take(&mut self.memory).freeze();
        self.lent.slice(..mem::take(&mut self.filled))
    }

    fn reclaim(&mut self) {
        let size = self.size.bytes();
        if self.memory.len() >= size {
            return;
        }
        self.memory = match mem::take(&mut self.lent).try_into_mut() {
            Ok(memory) if memory.len() >= size => memory,
            _ => BytesMut::zeroed(size),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::{string::String, task::Waker, vec, vec::Vec};

    use super::*;

    const SIZE: usize = 16 << 10;

    /// A data connection on which these bytes have come. Nobody writes to it.
    struct Once<'a, 'b>(&'a mut &'b [u8]);

    impl AsyncRead for Once<'_, '_> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            if self.0.is_empty() {
                return Poll::Pending;
            }
            Poll::Ready(io::Read::read(self.0, buffer))
        }
    }

    impl AsyncWrite for Once<'_, '_> {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Pending
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    fn fill(buffer: &mut ReceiveBuffer, mut bytes: &[u8]) {
        let mut stream = Stream::Clear(Once(&mut bytes));
        match buffer.poll_fill(&mut stream, &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(Filled::Bytes)) => {}
            _ => panic!("nothing was read"),
        }
    }

    #[test]
    fn memory_that_the_store_has_let_go_of_is_used_again() {
        let mut buffer = ReceiveBuffer::new(SIZE);
        let content: String = "abcdefgh".repeat(SIZE / 8);
        let mut places = Vec::new();
        for _ in 0..3 {
            fill(&mut buffer, content.as_bytes());
            let chunk = buffer.take();
            assert_eq!(chunk, content);
            places.push(chunk.as_ptr());
        }
        assert_eq!(places, [places[0]; 3]);
    }

    #[test]
    fn chunks_that_the_store_keeps_stay_what_they_are_and_hold_little_more_than_themselves() {
        let mut buffer = ReceiveBuffer::new(SIZE);
        let lengths = [1, SIZE / 2 - 1, SIZE / 2, SIZE];
        let kept: Vec<Bytes> = lengths
            .iter()
            .enumerate()
            .map(|(number, length)| {
                fill(&mut buffer, &vec![number as u8; *length]);
                let chunk = buffer.take();
                let is_lent = buffer.memory.is_empty();
                assert_eq!(is_lent, *length >= SIZE / 2, "{length} bytes");
                chunk
            })
            .collect();
        for (number, (chunk, length)) in kept.iter().zip(lengths).enumerate() {
            assert_eq!(*chunk, vec![number as u8; length]);
        }
    }
}
