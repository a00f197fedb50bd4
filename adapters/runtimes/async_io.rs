//! What smol and async-std have in common: both stand on async-io's sockets and timers, which serve every executor.

use std::{
    io::{self, IoSlice},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    pin::Pin,
    sync::LazyLock,
    task::{Context, Poll},
    time,
};

use ::async_io::Async;
use futures_io::{AsyncRead, AsyncWrite};
use socket2::SockRef;

use super::sockets;
use crate::instant::Instant;

/// A TCP connection of async-io.
#[derive(Debug)]
pub struct AsyncIoStream(Async<TcpStream>);

impl AsyncIoStream {
    /// The connection as async-io knows it.
    #[must_use]
    pub const fn get_ref(&self) -> &Async<TcpStream> {
        &self.0
    }
}

/// Makes a runtime of an executor, by how that spawns.
macro_rules! runtime {
    ($runtime:ty, $future:ident => $spawn:expr) => {
        impl $crate::adapters::runtimes::runtime::Runtime for $runtime {
            type Stream = AsyncIoStream;
            type Listener = ::async_io::Async<::std::net::TcpListener>;

            fn now(&self) -> $crate::instant::Instant {
                async_io::now()
            }

            async fn sleep(&self, time: ::std::time::Duration) {
                ::async_io::Timer::after(time).await;
            }

            fn spawn(&self, $future: impl ::std::future::Future<Output = ()> + Send + 'static) {
                $spawn;
            }

            fn listen(&self, address: ::std::net::SocketAddr) -> ::std::io::Result<Self::Listener> {
                async_io::listen(address)
            }

            fn local_address(&self, listener: &Self::Listener) -> ::std::io::Result<::std::net::SocketAddr> {
                listener.get_ref().local_addr()
            }

            async fn accept(
                &self,
                listener: &Self::Listener,
            ) -> ::std::io::Result<(AsyncIoStream, ::std::net::SocketAddr)> {
                async_io::accept(listener).await
            }

            async fn connect(
                &self,
                from: ::std::net::SocketAddr,
                to: ::std::net::SocketAddr,
            ) -> ::std::io::Result<AsyncIoStream> {
                async_io::connect(from, to).await
            }

            fn prepare_control(&self, stream: &AsyncIoStream) -> ::std::io::Result<::std::net::SocketAddr> {
                async_io::prepare_control(stream)
            }

            fn has_ended(&self, stream: &AsyncIoStream) -> bool {
                async_io::has_ended(stream)
            }
        }
    };
}
pub(super) use runtime;

pub(super) fn now() -> Instant {
    static ORIGIN: LazyLock<time::Instant> = LazyLock::new(time::Instant::now);
    Instant::from_origin(ORIGIN.elapsed())
}

pub(super) fn listen(address: SocketAddr) -> io::Result<Async<TcpListener>> {
    Async::new_nonblocking(sockets::listen(address)?)
}

pub(super) async fn accept(listener: &Async<TcpListener>) -> io::Result<(AsyncIoStream, SocketAddr)> {
    let (stream, peer) = listener.accept().await?;
    Ok((AsyncIoStream(stream), peer))
}

pub(super) async fn connect(from: SocketAddr, to: SocketAddr) -> io::Result<AsyncIoStream> {
    let stream = Async::new_nonblocking(sockets::begin_to_connect(from, to)?)?;
    stream.writable().await?;
    stream.get_ref().take_error()?.map_or(Ok(AsyncIoStream(stream)), Err)
}

pub(super) fn prepare_control(stream: &AsyncIoStream) -> io::Result<SocketAddr> {
    sockets::prepare_control(&SockRef::from(&stream.0))?;
    stream.0.get_ref().local_addr()
}

pub(super) fn has_ended(stream: &AsyncIoStream) -> bool {
    sockets::has_ended(&SockRef::from(&stream.0))
}

/// A read asks the system first and waits only if there is nothing, so one that stops short at the mark of urgent data
/// is followed by another.
impl AsyncRead for AsyncIoStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for AsyncIoStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    /// async-io's own would shut down nothing. As with tokio, a connection that is gone already needs no shutdown.
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match self.0.get_ref().shutdown(Shutdown::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            done => done,
        })
    }
}
