//! The memory that a data connection is read into, and how that connection ends.

use std::{
    io, mem,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_io::{AsyncRead, AsyncWrite};

use super::{chunk_size::ChunkSize, memory::Memory};
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
    memory: Memory,
    /// How much of the memory has come from the connection, from its start on.
    filled: usize,
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
        Self { memory: Memory::default(), filled: 0, size: ChunkSize::new(largest), end: None }
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
        if self.memory.len() < self.size.bytes() {
            self.memory = Memory::get(self.size);
        }
        self.filled = 0;
        while self.filled < self.memory.len() {
            let (_, room) = self.memory.as_mut().split_at_mut(self.filled);
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
        let (filled, _) = self.memory.as_ref().split_at(self.filled);
        filled
    }

    /// The bytes that were read last, for the store to keep.
    pub(super) fn take(&mut self) -> Bytes {
        if self.filled < self.memory.len() / 2 {
            return Bytes::copy_from_slice(self.filled());
        }
        let filled = mem::take(&mut self.filled);
        Bytes::from_owner(mem::take(&mut self.memory)).slice(..filled)
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
        // No other test has chunks of this size.
        const OWN_SIZE: usize = SIZE + 8;
        let mut buffer = ReceiveBuffer::new(OWN_SIZE);
        let content: String = "abcdefgh".repeat(OWN_SIZE / 8);
        fill(&mut buffer, content.as_bytes());
        let mut chunks = Vec::from([buffer.take()]);
        fill(&mut buffer, content.as_bytes());
        chunks.push(buffer.take());
        let places: Vec<_> = chunks.iter().map(|chunk| chunk.as_ptr()).collect();
        for _ in 0..3 {
            chunks.remove(0);
            fill(&mut buffer, content.as_bytes());
            chunks.push(buffer.take());
            assert!(chunks.iter().all(|chunk| *chunk == content && places.contains(&chunk.as_ptr())));
        }
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
                let is_lent = buffer.memory.as_ref().is_empty();
                assert_eq!(is_lent, *length >= SIZE / 2, "{length} bytes");
                chunk
            })
            .collect();
        for (number, (chunk, length)) in kept.iter().zip(lengths).enumerate() {
            assert_eq!(*chunk, vec![number as u8; length]);
        }
    }
}
