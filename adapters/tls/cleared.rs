//! A control connection on which TLS has ended, by `CCC` or `REIN`.

use std::{
    io::{self, Read as _, Write},
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
    vec::Vec,
};

use bytes::Bytes;
use futures_io::{AsyncRead, AsyncWrite};
use futures_rustls::{rustls::ServerConnection, server::TlsStream};

/// Bytes of the header of a TLS record, which ends with the length of the rest.
const HEADER: usize = 5;

/// A connection that is written in clear behind our `close_notify`, and read in clear behind the client's.
///
/// Some clients send none. Then the next byte is that of a command, which no TLS record begins with. So records are
/// read one by one and never a byte beyond: what comes behind them is not for rustls to see.
#[derive(Debug)]
pub(in crate::adapters) struct Cleared<S> {
    stream: S,
    session: ServerConnection,
    incoming: Incoming,
}

#[derive(Debug)]
enum Incoming {
    /// What has come of a record.
    Tls(Vec<u8>),
    Clear,
}

impl<S> Cleared<S> {
    /// Ends TLS behind what is still `unsent`.
    pub(super) fn new(secure: TlsStream<S>, unsent: impl IntoIterator<Item = Bytes>) -> io::Result<Self> {
        let (stream, mut session) = secure.into_inner();
        // The outbox has its own bound.
        session.set_buffer_limit(None);
        unsent.into_iter().try_for_each(|reply| session.writer().write_all(&reply))?;
        session.send_close_notify();
        Ok(Self { stream, session, incoming: Incoming::Tls(Vec::new()) })
    }

    pub(super) const fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The connection, if TLS has ended both ways.
    pub(super) fn into_clear(self) -> Option<S> {
        match self.incoming {
            Incoming::Clear if !self.session.wants_write() => Some(self.stream),
            _ => None,
        }
    }
}

impl<S: AsyncWrite + Unpin> Cleared<S> {
    /// Writes what is left of TLS.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, session, .. } = self;
        while session.wants_write() {
            match session.write_tls(&mut Polled { stream: &mut *stream, cx }) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> Cleared<S> {
    /// Reads on until the record is whole or turns out to be none, and gives a whole one to TLS.
    fn poll_record(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Incoming::Tls(record) = &mut self.incoming else { return Poll::Ready(Ok(())) };
        loop {
            let wanted = match record[..] {
                // Alone, for it tells whether this is a record.
                [] => 1,
                [_, _, _, high, low, ..] => HEADER + usize::from(u16::from_be_bytes([high, low])),
                _ => HEADER,
            };
            let had = record.len();
            if had == wanted {
                break;
            }
            record.resize(wanted, 0);
            let (_, room) = record.split_at_mut(had);
            let most = room.len();
            let read = Pin::new(&mut self.stream).poll_read(cx, room);
            record.truncate(had + if let Poll::Ready(Ok(count)) = read { count.min(most) } else { 0 });
            match ready!(read)? {
                0 => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                count if count > most => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
                _ => {}
            }
            if !record.first().is_some_and(is_record_type) {
                return Poll::Ready(Ok(()));
            }
        }
        let whole = mem::take(record);
        let mut rest = &whole[..];
        while !rest.is_empty() {
            self.session.read_tls(&mut rest)?;
            self.session.process_new_packets().map_err(io::Error::other)?;
        }
        Poll::Ready(Ok(()))
    }
}

/// The types of TLS records are control characters of no use in a command (RFC 8446 5.1).
const fn is_record_type(byte: &u8) -> bool {
    matches!(*byte, 20..=24)
}

impl<S: AsyncRead + Unpin> AsyncRead for Cleared<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        while let Incoming::Tls(record) = &mut this.incoming {
            if record.first().is_some_and(|byte| !is_record_type(byte)) {
                let first = mem::take(record);
                this.incoming = Incoming::Clear;
                return Poll::Ready((&first[..]).read(buffer));
            }
            match this.session.reader().read(buffer) {
                // Its close_notify.
                Ok(0) => this.incoming = Incoming::Clear,
                // A command that was on its way already.
                Ok(count) => return Poll::Ready(Ok(count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(this.poll_record(cx))?,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Pin::new(&mut this.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Cleared<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_end(cx))?;
        Pin::new(&mut this.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_end(cx))?;
        Pin::new(&mut this.stream).poll_write_vectored(cx, slices)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_end(cx))?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_end(cx))?;
        Pin::new(&mut this.stream).poll_close(cx)
    }
}

/// A stream that is polled, for what wants to write at once.
struct Polled<'a, 'b, S> {
    stream: &'a mut S,
    cx: &'a mut Context<'b>,
}

impl<S: AsyncWrite + Unpin> Write for Polled<'_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match Pin::new(&mut *self.stream).poll_write(self.cx, bytes) {
            Poll::Ready(written) => written,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
