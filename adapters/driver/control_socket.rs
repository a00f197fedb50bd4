//! The socket of the control connection: replies that wait to be sent, and how it is closed.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use futures_io::{AsyncRead, AsyncWrite};

use crate::{
    adapters::{
        runtimes::Runtime,
        tls::{Handshake, Stream},
    },
    instant::Instant,
    session::{ControlState, TlsClient},
};

/// For the last replies to be taken by the client after the session has ended.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// For the client to close its end once it has been told.
const LINGER_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes of a client that talks on after the end of its session that are read and forgotten.
const LINGER_LIMIT: usize = 64 << 10;
/// Replies that leave by one write.
const SLICES: usize = 16;
/// Replies that the outbox has room for without an allocation; what it took more is given back.
const USUAL_REPLIES: usize = 16;

/// The socket, and what is still to be sent over it.
pub(super) struct ControlSocket<S> {
    state: State<S>,
    outbox: VecDeque<Bytes>,
    sending: Sending,
}

/// How a control connection ends: `Open` ─► `Ending` ─► `Lingering` ─► `Closed`, or from each at once to `Closed`
/// when it breaks or takes too long. And how TLS begins: `Open` ─► `Promised` ─► `Securing` ─► `Open`.
enum State<S> {
    Open(Stream<S>),
    /// A handshake begins once the outbox is empty. What is read from here on belongs to it.
    Promised(Stream<S>),
    Securing(Handshake<(Stream<S>, TlsClient)>),
    /// The outbox is to be emptied; nothing is read any more.
    Ending {
        stream: Stream<S>,
        since: Instant,
    },
    /// Our side is shut down. What the client still sends is read and forgotten, because closing a socket with
    /// unread bytes resets the connection, and that can destroy the last reply on its way.
    Lingering {
        stream: Stream<S>,
        since: Instant,
        left: usize,
    },
    Closed,
}

/// Whether replies were queued since [`Output::RepliesSent`] was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sending {
    Nothing,
    Replies,
}

/// What became of what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// All of it is written.
    RepliesSent,
    /// The connection broke.
    Lost,
}

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input<'a> {
    Bytes(&'a [u8]),
    /// The end of what the client says, in good order.
    End,
    /// An error: the connection is gone.
    Lost,
}

impl<S: AsyncRead + AsyncWrite + Unpin> ControlSocket<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { state: State::Open(Stream::Clear(stream)), outbox: VecDeque::new(), sending: Sending::Nothing }
    }

    /// Queues bytes to be sent; forgets them if the connection is gone.
    pub(super) fn send(&mut self, bytes: Bytes) {
        if self.is_open() {
            self.outbox.push_back(bytes);
            self.sending = Sending::Replies;
        }
    }

    /// Closes the connection once the outbox is empty, and in bounded time.
    pub(super) fn end(&mut self, now: Instant) {
        self.state = match mem::replace(&mut self.state, State::Closed) {
            State::Open(stream) | State::Promised(stream) => State::Ending { stream, since: now },
            State::Securing(_) => State::Closed,
            later => later,
        };
    }

    /// Has a handshake begin once the outbox is empty.
    pub(super) fn secure(&mut self) {
        self.state = match mem::replace(&mut self.state, State::Closed) {
            State::Open(stream) => State::Promised(stream),
            other => other,
        };
    }

    /// The connection for the handshake that is to begin now. It comes back by [`handshake`](Self::handshake), or it
    /// is lost.
    pub(super) fn promised(&mut self) -> Option<S> {
        if self.sending == Sending::Replies || !matches!(self.state, State::Promised(_)) {
            return None;
        }
        match mem::replace(&mut self.state, State::Closed) {
            State::Promised(stream) => stream.into_clear(),
            _ => None,
        }
    }

    /// The handshake that is under way.
    pub(super) fn handshake(&mut self, handshake: Handshake<(Stream<S>, TlsClient)>) {
        self.state = State::Securing(handshake);
    }

    /// What the handshake has told of the client, if it has succeeded. Pending when there is none.
    pub(super) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<TlsClient>> {
        let State::Securing(handshake) = &mut self.state else { return Poll::Pending };
        let secured = ready!(handshake.as_mut().poll(cx));
        self.close();
        Poll::Ready(secured.map(|(stream, client)| {
            self.state = State::Open(stream);
            client
        }))
    }

    /// Ends TLS behind everything that was queued.
    pub(super) fn clear(&mut self) {
        self.state = match mem::replace(&mut self.state, State::Closed) {
            State::Open(stream) if stream.is_secure() => {
                self.sending = Sending::Replies;
                stream.clear(self.outbox.drain(..)).map_or(State::Closed, State::Open)
            }
            other => other,
        };
    }

    /// Whether the client is still there, as far as the system knows.
    pub(super) fn look(&self, runtime: &impl Runtime<Stream = S>) -> ControlState {
        match &self.state {
            State::Open(stream) if !runtime.has_ended(stream.get_ref()) => ControlState::Open,
            _ => ControlState::Ended,
        }
    }

    pub(super) const fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_) | State::Promised(_))
    }

    pub(super) const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// When [`handle_elapsed`](Self::handle_elapsed) is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Open(_) | State::Promised(_) | State::Securing(_) | State::Closed => None,
            State::Ending { since, .. } => Some(*since + CLOSE_TIMEOUT),
            State::Lingering { since, .. } => Some(*since + LINGER_TIMEOUT),
        }
    }

    /// Gives a client up that takes too long to let the connection be closed.
    pub(super) fn handle_elapsed(&mut self, now: Instant) {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.close();
        }
    }

    /// Reads into `buffer`. Pending also when nothing is read any more.
    pub(super) fn poll_input<'a>(&mut self, cx: &mut Context<'_>, buffer: &'a mut [u8]) -> Poll<Input<'a>> {
        let State::Open(stream) = &mut self.state else { return Poll::Pending };
        let read = ready!(Pin::new(stream).poll_read(cx, buffer));
        Poll::Ready(match read.ok().and_then(|count| buffer.get(..count)) {
            Some([]) => Input::End,
            Some(bytes) => Input::Bytes(bytes),
            None => {
                self.close();
                Input::Lost
            }
        })
    }

    /// Sends what can be sent, and closes what is to be closed.
    pub(super) fn poll_output(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Output> {
        let was_open = self.is_open();
        match ready!(self.poll_outbox(cx)) {
            Err(_) => {
                self.close();
                return if was_open { Poll::Ready(Output::Lost) } else { Poll::Pending };
            }
            Ok(Sending::Replies) if was_open => return Poll::Ready(Output::RepliesSent),
            Ok(_) => {}
        }
        if ready!(self.poll_shut_down(cx, now)).is_err() {
            self.close();
        }
        Poll::Pending
    }

    /// Empties the outbox, and tells once whether there was anything in it.
    fn poll_outbox(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Sending>> {
        let (State::Open(stream) | State::Promised(stream) | State::Ending { stream, .. }) = &mut self.state
        else {
            return Poll::Ready(Ok(Sending::Nothing));
        };
        let mut stream = Pin::new(stream);
        while !self.outbox.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            slices.iter_mut().zip(&self.outbox).for_each(|(slice, bytes)| *slice = IoSlice::new(bytes));
            let filled = slices.get(..self.outbox.len()).unwrap_or(&slices);
            match ready!(stream.as_mut().poll_write_vectored(cx, filled))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => forget_sent(&mut self.outbox, count)?,
            }
        }
        if self.sending == Sending::Replies {
            ready!(stream.poll_flush(cx))?;
            self.outbox.shrink_to(USUAL_REPLIES);
        }
        Poll::Ready(Ok(mem::replace(&mut self.sending, Sending::Nothing)))
    }

    /// Shuts down our side of an ending connection, and then waits for the other one.
    fn poll_shut_down(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<io::Result<()>> {
        if let State::Ending { stream, .. } = &mut self.state {
            ready!(Pin::new(stream).poll_close(cx))?;
            if let State::Ending { stream, .. } = mem::replace(&mut self.state, State::Closed) {
                self.state = State::Lingering { stream, since: now, left: LINGER_LIMIT };
            }
        }
        if let State::Lingering { stream, left, .. } = &mut self.state {
            let mut forgotten = [0; 1024];
            while *left > 0 {
                match ready!(Pin::new(&mut *stream).poll_read(cx, &mut forgotten))? {
                    0 => break,
                    count => *left = left.saturating_sub(count),
                }
            }
            self.close();
        }
        Poll::Ready(Ok(()))
    }

    fn close(&mut self) {
        self.state = State::Closed;
        self.outbox = VecDeque::new();
    }
}

/// Takes so many bytes out of the outbox, which has to have them.
fn forget_sent(outbox: &mut VecDeque<Bytes>, mut count: usize) -> io::Result<()> {
    while let Some(first) = outbox.front_mut() {
        if count < first.len() {
            first.advance(count);
            return Ok(());
        }
        count -= first.len();
        outbox.pop_front();
    }
    if count == 0 { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

#[cfg(test)]
mod tests {
    use std::{string::String, task::Waker, vec::Vec};

    use super::{super::boasts::Boasts, *};

    /// Takes this number of bytes by each write.
    struct Narrow(usize, Vec<u8>);

    impl AsyncRead for Narrow {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Narrow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let taken: Vec<u8> = bytes.iter().take(self.0).copied().collect();
            self.1.extend(&taken);
            Poll::Ready(Ok(taken.len()))
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
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn every_byte_is_sent_once_wherever_the_writes_are_cut() {
        for width in [1, 3, 7, 100, 10_000] {
            let mut control = ControlSocket::new(Narrow(width, Vec::new()));
            let replies: Vec<String> = (0..200).map(|number| std::format!("{number:03} reply\r\n")).collect();
            replies.iter().for_each(|reply| control.send(Bytes::from(reply.clone())));
            let cx = &mut Context::from_waker(Waker::noop());
            let now = Instant::default();
            assert_eq!(control.poll_output(cx, now), Poll::Ready(Output::RepliesSent));
            assert!(control.poll_output(cx, now).is_pending(), "told once");
            let State::Open(stream) = &control.state else { panic!("nobody has closed it") };
            assert_eq!(stream.get_ref().1, replies.concat().as_bytes(), "{width} bytes a write");
            assert!(control.outbox.capacity() <= 2 * USUAL_REPLIES, "an idle session holds little memory");
        }
    }

    #[test]
    fn a_connection_that_takes_nothing_is_lost() {
        let mut control = ControlSocket::new(Narrow(0, Vec::new()));
        control.send(Bytes::from_static(b"220 Ready.\r\n"));
        let cx = &mut Context::from_waker(Waker::noop());
        assert_eq!(control.poll_output(cx, Instant::default()), Poll::Ready(Output::Lost));
        assert!(control.is_closed());
    }

    #[test]
    fn a_connection_that_tells_of_more_bytes_than_there_are_is_lost() {
        let cx = &mut Context::from_waker(Waker::noop());
        let mut control = ControlSocket::new(Boasts);
        assert_eq!(control.poll_input(cx, &mut [0; 8]), Poll::Ready(Input::Lost));

        let mut control = ControlSocket::new(Boasts);
        control.send(Bytes::from_static(b"220 Ready.\r\n"));
        assert_eq!(control.poll_output(cx, Instant::default()), Poll::Ready(Output::Lost));
    }
}
