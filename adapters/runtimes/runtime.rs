//! What an async runtime gives to the driver.

use std::{
    future::Future,
    hash::{BuildHasher, Hasher, RandomState},
    io,
    net::SocketAddr,
    time::Duration,
};

use futures_io::{AsyncRead, AsyncWrite};

use crate::{instant::Instant, time_value::TimeValue};

/// A clock, timers and TCP: all that the driver needs of a runtime.
///
/// Implemented for tokio, smol and async-std here, each with the feature of its name, and by a program for a runtime of
/// its own.
pub trait Runtime: Clone + Send + Sync + 'static {
    /// A TCP connection. Its `poll_close` shuts down the sending side.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// A listening TCP socket.
    type Listener: Send + Sync + 'static;

    /// The monotonic clock.
    fn now(&self) -> Instant;

    /// The time of day.
    fn time_of_day(&self) -> TimeValue {
        let since_epoch = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        TimeValue::from_unix(
            i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX),
            since_epoch.subsec_nanos(),
        )
    }

    /// A number that nobody can foresee: what keeps hash tables safe from their users. The search for a passive port
    /// begins at it. A simulation that is to run the same way twice has numbers of its own.
    fn random_number(&self) -> u64 {
        RandomState::new().build_hasher().finish()
    }

    /// Waits. An upload may wait some hundred microseconds before its finish, so a sleep that rounds them up to
    /// milliseconds makes uploads slower, and nothing else.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send;

    /// Runs a future to its end beside the others. If it panics, the others run on.
    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static);

    /// Listens at an address; port 0 lets the system choose. The address can be bound again at once after it is
    /// closed (`SO_REUSEADDR` on Unix).
    fn listen(&self, address: SocketAddr) -> io::Result<Self::Listener>;

    /// Where a listener listens.
    fn local_address(&self, listener: &Self::Listener) -> io::Result<SocketAddr>;

    /// Waits for a connection. May be dropped and called again without losing one.
    fn accept(
        &self,
        listener: &Self::Listener,
    ) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;

    /// Connects from the address `from` (any port) to the address `to`.
    fn connect(
        &self,
        from: SocketAddr,
        to: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Sets up a control connection: `TCP_NODELAY`, so that a reply leaves at once, keepalive, so that a vanished
    /// client is noticed, and urgent data in line (RFC 1123 4.1.2.10). Tells the server's end of it.
    fn prepare_control(&self, stream: &Self::Stream) -> io::Result<SocketAddr>;

    /// Whether the other end of a connection has closed it, or it broke, as far as the system knows right now: also
    /// if the runtime's event queue has not told it yet, and if bytes that nobody has read come before.
    ///
    /// The driver asks before the finish of each upload: a client that was killed closes both of its connections in
    /// good order, and then the end of the control connection tells that the file is not whole. A runtime that cannot
    /// ask the system leaves this as it is; the driver then sees that end when it reads it.
    fn has_ended(&self, stream: &Self::Stream) -> bool {
        let _ = stream;
        false
    }
}
