//! A connection, in clear or protected by TLS.

#[cfg(feature = "tls")]
use std::boxed::Box;
use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_io::{AsyncRead, AsyncWrite};

#[cfg(feature = "tls")]
use futures_rustls::server::TlsStream;

#[cfg(feature = "tls")]
use super::cleared::Cleared;

/// A connection of the runtime, with or without TLS around it. What is large lies behind a pointer: without TLS, a
/// session has no room for it.
#[derive(Debug)]
pub(in crate::adapters) enum Stream<S> {
    Clear(S),
    #[cfg(feature = "tls")]
    Secure(Box<TlsStream<S>>),
    /// TLS has ended on it.
    #[cfg(feature = "tls")]
    Cleared(Box<Cleared<S>>),
}

impl<S> Stream<S> {
    /// The connection itself.
    pub(in crate::adapters) fn get_ref(&self) -> &S {
        match self {
            Self::Clear(stream) => stream,
            #[cfg(feature = "tls")]
            Self::Secure(stream) => stream.get_ref().0,
            #[cfg(feature = "tls")]
            Self::Cleared(stream) => stream.get_ref(),
        }
    }

    /// Whether TLS protects it.
    pub(in crate::adapters) const fn is_secure(&self) -> bool {
        match self {
            #[cfg(feature = "tls")]
            Self::Secure(_) => true,
            _ => false,
        }
    }

    /// Ends TLS on it behind what is still `unsent`.
    pub(in crate::adapters) fn clear(self, unsent: impl IntoIterator<Item = Bytes>) -> io::Result<Self> {
        match self {
            #[cfg(feature = "tls")]
            Self::Secure(stream) => Ok(Self::Cleared(Box::new(Cleared::new(*stream, unsent)?))),
            other => {
                drop(unsent);
                Ok(other)
            }
        }
    }

    /// The connection, if TLS has nothing more to do on it.
    pub(in crate::adapters) fn into_clear(self) -> Option<S> {
        match self {
            Self::Clear(stream) => Some(stream),
            #[cfg(feature = "tls")]
            Self::Secure(_) => None,
            #[cfg(feature = "tls")]
            Self::Cleared(stream) => stream.into_clear(),
        }
    }
}

/// Does with the connection what is to be done with the stream.
macro_rules! delegate {
    ($self:ident, $method:ident($($argument:expr),*)) => {
        match $self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).$method($($argument),*),
            #[cfg(feature = "tls")]
            Self::Secure(stream) => Pin::new(stream).$method($($argument),*),
            #[cfg(feature = "tls")]
            Self::Cleared(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        delegate!(self, poll_read(cx, buffer))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        delegate!(self, poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, poll_write_vectored(cx, slices))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_flush(cx))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_close(cx))
    }
}
