//! The adapter for tokio.

use std::{
    future::{Future, poll_fn},
    io::{self, IoSlice},
    net::SocketAddr,
    pin::{Pin, pin},
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

/// tokio's timers go by whole milliseconds, and take up to two more. For less than this that is too coarse.
const SHORT: Duration = Duration::from_millis(10);

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
        let rounded = time::sleep(time);
        match (time < SHORT).then(|| precise::sleep(time)).and_then(Result::ok) {
            // tokio's own also ends if its clock is paused.
            Some(precise) => first_of(rounded, precise).await,
            None => rounded.await,
        }
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

/// Waits until one of them is over.
async fn first_of(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|cx| match one.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => other.as_mut().poll(cx),
    })
    .await;
}

/// A timer of the kernel's, which is as exact as the scheduler.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod precise {
    use std::{
        future::{Future, pending},
        io,
        time::Duration,
    };

    use ::tokio::io::{Interest, unix::AsyncFd};
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };

    /// Waits. An error if the system has no timer to give.
    pub(super) fn sleep(time: Duration) -> io::Result<impl Future<Output = ()> + Send> {
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        // Zero would stop it.
        let it_value = Timespec::try_from(time.max(Duration::from_nanos(1))).map_err(io::Error::other)?;
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval, it_value })?;
        // Only what changes its descriptor could be unsound here, and an `OwnedFd` does not.
        #[allow(deprecated)]
        let timer = AsyncFd::with_interest(timer, Interest::READABLE)?;
        Ok(async move {
            if timer.readable().await.is_err() {
                // The runtime is shutting down.
                pending().await
            }
        })
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod precise {
    use std::{future::Pending, io, time::Duration};

    /// There is no timer that fits.
    pub(super) fn sleep(_: Duration) -> io::Result<Pending<()>> {
        Err(io::ErrorKind::Unsupported.into())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[::tokio::test]
    async fn a_short_sleep_is_not_too_short() {
        for micros in [0, 1, 300, 9_999] {
            let time = Duration::from_micros(micros);
            let start = std::time::Instant::now();
            Tokio.sleep(time).await;
            assert!(start.elapsed() >= time, "{time:?}");
        }
    }
}
