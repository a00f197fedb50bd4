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
    net::{TcpListener, TcpSocket, TcpStream},
    time,
};
use futures_io::{AsyncRead, AsyncWrite};
use socket2::{SockRef, TcpKeepalive};

use super::runtime::Runtime;
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

    fn has_ended(&self, stream: &TokioStream) -> bool {
        has_ended(&stream.0)
    }
}

/// The kernel tells the end even if there are bytes before it.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn has_ended(stream: &TcpStream) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let mut asked = [PollFd::new(stream, PollFlags::RDHUP)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut asked, Some(&at_once)).is_ok_and(|ended| ended > 0)
}

/// Without such a question, the next byte is looked at: an end behind it is not seen.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn has_ended(stream: &TcpStream) -> bool {
    match SockRef::from(stream).peek(&mut [std::mem::MaybeUninit::uninit()]) {
        Ok(count) => count == 0,
        Err(error) => !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted),
    }
}

fn socket_for(address: SocketAddr) -> io::Result<TcpSocket> {
    if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }
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
