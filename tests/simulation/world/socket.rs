//! One end of a connection, for the server and for its clients alike.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_io::{AsyncRead, AsyncWrite};

use super::{
    World,
    network::{End, PipeId, Side},
};

/// Closed when it is dropped.
pub struct Socket {
    world: World,
    pub id: u64,
    pub side: Side,
}

impl Socket {
    pub(super) const fn new(world: World, id: u64, side: Side) -> Self {
        Self { world, id, side }
    }

    const fn incoming(&self) -> PipeId {
        PipeId { connection: self.id, to: self.side }
    }

    const fn outgoing(&self) -> PipeId {
        PipeId { connection: self.id, to: self.side.other() }
    }

    pub fn local(&self) -> SocketAddr {
        let mut state = self.world.lock();
        let connection = state.connection_mut(self.id);
        if self.side == Side::Dialler { connection.dialler } else { connection.acceptor }
    }

    /// Whether the other end's end has arrived, noticed or not.
    pub fn has_ended(&self) -> bool {
        self.world.lock().connection_mut(self.id).pipe(self.side).end != End::Open
    }

    pub fn is_harmed(&self) -> bool {
        self.world.lock().connection_mut(self.id).is_harmed
    }

    /// TLS begins.
    pub fn become_secret(&self) {
        self.world.lock().connection_mut(self.id).is_secret = true;
    }

    pub fn reset(self) {
        self.break_off();
    }

    /// The same, if the socket is to be dropped later.
    pub fn break_off(&self) {
        self.world.lock().reset(self.outgoing(), Duration::ZERO);
    }
}

impl World {
    /// Nothing is heard any more of this end.
    pub fn vanish(&self, socket: &Socket) {
        self.lock().vanish(socket.id, socket.side);
    }

    /// Closes a socket so that its end arrives at `earliest` or later, and tells when; the end of time if never.
    pub fn close_late(&self, socket: &Socket, earliest: Duration) -> Duration {
        self.lock().close(socket.id, socket.side, earliest);
        self.end_arrival(socket)
    }

    /// Ends what a client sends; the socket can still be read. Under TLS a `close_notify` may have said so before.
    pub fn end_side(&self, socket: &Socket, has_said_so: bool) {
        let mut state = self.lock();
        let connection = state.connection_mut(socket.id);
        let sending = connection.pipe(socket.side.other());
        connection.said_end = (has_said_so && !sending.is_hole()).then_some(sending.bytes_arrival);
        state.finish(socket.outgoing(), Duration::ZERO);
    }

    /// Sends bytes that arrive together with the end behind them.
    pub fn send_with_the_end(&self, socket: &Socket, bytes: &[u8]) {
        self.lock().send_late(socket.outgoing(), bytes);
    }

    /// When the end of what this side sends arrives; the end of time if never.
    pub fn end_arrival(&self, socket: &Socket) -> Duration {
        let mut state = self.lock();
        state.connection_mut(socket.id).pipe(socket.side.other()).end_arrival().unwrap_or(Duration::MAX)
    }

    /// When the last bytes that this side has sent arrive.
    pub fn bytes_arrival(&self, socket: &Socket) -> Duration {
        self.lock().connection_mut(socket.id).pipe(socket.side.other()).bytes_arrival
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.world.lock().close(self.id, self.side, Duration::ZERO);
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.world.lock();
        let (now, splits) = (state.now, state.weather.splits);
        let is_short = state.chance.one_in(splits);
        let cut = if is_short { 1 + state.chance.below(buffer.len() as u64) } else { buffer.len() as u64 };
        let pipe = state.connection_mut(self.id).pipe(self.side);
        let count = buffer.len().min(pipe.arrived.len()).min(cut as usize);
        match pipe.end {
            _ if !pipe.is_noticed(now) => {}
            _ if count > 0 => {
                for (place, byte) in buffer.iter_mut().zip(pipe.arrived.drain(..count)) {
                    *place = byte;
                }
                pipe.writer.take().into_iter().for_each(std::task::Waker::wake);
                state.tasks.progressed();
                let pipe = self.incoming();
                state.note(|| format!("{pipe:?} gives {count}"));
                return Poll::Ready(Ok(count));
            }
            End::Finished => return Poll::Ready(Ok(0)),
            End::Broken(kind) => return Poll::Ready(Err(kind.into())),
            End::Open => {}
        }
        pipe.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.world.lock();
        let count = state.send(self.outgoing(), bytes)?;
        if count > 0 || bytes.is_empty() {
            return Poll::Ready(Ok(count));
        }
        state.connection_mut(self.id).pipe(self.side.other()).writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        self.poll_write(cx, &bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.world.lock();
        if let End::Broken(_) = state.connection_mut(self.id).pipe(self.side).end {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        }
        state.finish(self.outgoing(), Duration::ZERO);
        Poll::Ready(Ok(()))
    }
}

/// Writes all of it.
pub async fn send_all(socket: &mut Socket, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = poll_fn(|cx| Pin::new(&mut *socket).poll_write(cx, bytes)).await?;
        bytes = &bytes[count..];
    }
    Ok(())
}

/// Waits for bytes and takes at most so many; none at the end.
pub async fn receive(socket: &mut Socket, most: usize) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; most];
    let count = poll_fn(|cx| {
        let count = ready!(Pin::new(&mut *socket).poll_read(cx, &mut buffer))?;
        Poll::Ready(io::Result::Ok(count))
    })
    .await?;
    buffer.truncate(count);
    Ok(buffer)
}
