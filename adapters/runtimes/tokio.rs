//! The adapter for tokio.

use std::{
    future::Future,
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::LazyLock,
    task::{Context, Poll, ready},
    time::Duration,
};

use ::tokio::{
    io::AsyncWrite as _,
    net::{TcpListener, TcpStream},
    time,
};
use futures_io::{AsyncRead, AsyncWrite};
use socket2::SockRef;

use super::{runtime::Runtime, sockets};
use crate::instant::Instant;

/// The tokio runtime that the caller runs on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tokio;

/// A TCP connection of tokio.
#[derive(Debug)]
pub struct TokioStream(TcpStream);

impl TokioStream {
    /// The connection as tokio knows it.
    #[must_use]
    pub const fn get_ref(&self) -> &TcpStream {
        &self.0
    }
}

impl Runtime for Tokio {
    type Stream = TokioStream;
    type Listener = TcpListener;

    fn now(&self) -> Instant {
        // tokio's clock, so that a test that pauses it pauses the sessions. The origin lies a day back, because the
        // clock of another runtime that was paused earlier is behind.
        static ORIGIN: LazyLock<time::Instant> = LazyLock::new(|| {
            let now = time::Instant::now();
            now.checked_sub(Duration::from_secs(24 * 60 * 60)).unwrap_or(now)
        });
        Instant::from_origin(time::Instant::now().saturating_duration_since(*ORIGIN))
    }

    async fn sleep(&self, time: Duration) {
        time::sleep(time).await;
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        drop(::tokio::spawn(future));
    }

    fn listen(&self, address: SocketAddr) -> io::Result<TcpListener> {
        TcpListener::from_std(sockets::listen(address)?)
    }

    fn local_address(&self, listener: &TcpListener) -> io::Result<SocketAddr> {
        listener.local_addr()
    }

    async fn accept(&self, listener: &TcpListener) -> io::Result<(TokioStream, SocketAddr)> {
        let (stream, peer) = listener.accept().await?;
        Ok((TokioStream(stream), peer))
    }

    async fn connect(&self, from: SocketAddr, to: SocketAddr) -> io::Result<TokioStream> {
        let stream = TcpStream::from_std(sockets::begin_to_connect(from, to)?)?;
        stream.writable().await?;
        stream.take_error()?.map_or(Ok(TokioStream(stream)), Err)
    }

    fn prepare_control(&self, stream: &TokioStream) -> io::Result<SocketAddr> {
        sockets::prepare_control(&SockRef::from(&stream.0))?;
        stream.0.local_addr()
    }

    fn has_ended(&self, stream: &TokioStream) -> bool {
        sockets::has_ended(&SockRef::from(&stream.0))
    }
}

impl AsyncRead for TokioStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        // tokio's own poll_read takes a short read for the last one and waits for news of the system then. But a read
        // stops short at the mark of urgent data, which Telnet clients send before ABOR, and there is no further news.
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            match self.0.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read),
            }
        }
    }
}

impl AsyncWrite for TokioStream {
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

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
