//! The adapter for tokio.

use std::{
    future::Future,
    io::{self, IoSlice},
    mem::MaybeUninit,
    net::SocketAddr,
    pin::Pin,
    sync::LazyLock,
    task::{Context, Poll, ready},
    time::Duration,
};

use ::tokio::{
    io::{AsyncRead as _, AsyncWrite as _, ReadBuf},
    net::{TcpListener, TcpSocket, TcpStream},
    time,
};
use futures_io::{AsyncRead, AsyncWrite};
use socket2::{SockRef, TcpKeepalive};

use super::runtime::{Runtime, Unread};
use crate::instant::Instant;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;
/// Silence on the control connection before the client is asked for a sign of life, and between two such questions.
const KEEPALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15));

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
        let socket = socket_for(address)?;
        // On other systems this would let two servers have the same port.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    }

    fn local_address(&self, listener: &TcpListener) -> io::Result<SocketAddr> {
        listener.local_addr()
    }

    async fn accept(&self, listener: &TcpListener) -> io::Result<(TokioStream, SocketAddr)> {
        let (stream, peer) = listener.accept().await?;
        Ok((TokioStream(stream), peer))
    }

    async fn connect(&self, mut from: SocketAddr, to: SocketAddr) -> io::Result<TokioStream> {
        let socket = socket_for(from)?;
        from.set_port(0);
        socket.bind(from)?;
        socket.connect(to).await.map(TokioStream)
    }

    fn prepare_control(&self, stream: &TokioStream) -> io::Result<SocketAddr> {
        let socket = SockRef::from(&stream.0);
        socket.set_tcp_nodelay(true)?;
        socket.set_tcp_keepalive(&KEEPALIVE)?;
        socket.set_out_of_band_inline(true)?;
        stream.0.local_addr()
    }

    fn unread(&self, stream: &TokioStream) -> Unread {
        let mut byte = [MaybeUninit::uninit()];
        match SockRef::from(&stream.0).peek(&mut byte) {
            Ok(0) => Unread::End,
            Ok(_) => Unread::Bytes,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Unread::Nothing
            }
            Err(_) => Unread::End,
        }
    }
}

fn socket_for(address: SocketAddr) -> io::Result<TcpSocket> {
    if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }
}

impl AsyncRead for TokioStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
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
