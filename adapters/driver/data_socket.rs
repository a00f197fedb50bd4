//! The sockets of a data connection: how it is made (RFC 959 3.2, RFC 2428).

use std::{
    boxed::Box,
    future::Future,
    io, mem,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use super::{
    counted::Counted,
    passive_ports::{PassivePort, PassivePorts},
};
use crate::{
    adapters::{
        runtimes::Runtime,
        tls::{Expected, Handshake, SessionTls, Stream},
    },
    session::{DataConnectionMode, DataId, Direction, Event, Resumption},
};

/// Between two attempts to accept a connection when the system has no file descriptor for it.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// What there is of the data connection, as sockets: a listener, a stream, or a handshake on it.
pub(super) struct DataSocket<R: Runtime> {
    runtime: R,
    ports: PassivePorts<R>,
    state: State<R>,
}

enum State<R: Runtime> {
    Closed,
    /// To be made when it is polled next, so that everything that is told comes from there.
    Wanted(Wanted),
    Making(DataId, Pin<Box<dyn Future<Output = io::Result<Made<R>>> + Send>>),
    Made(Made<R>),
    Securing(DataId, Handshake<(Stream<Counted<R::Stream>>, Resumption)>, Expected),
    Secured(Stream<Counted<R::Stream>>),
}

struct Wanted {
    id: DataId,
    mode: DataConnectionMode,
    /// The server's end, with the port still to be chosen.
    local: SocketAddr,
}

/// A connection, and the port that it came to.
struct Made<R: Runtime> {
    stream: R::Stream,
    peer: SocketAddr,
    port: Option<PassivePort<R>>,
}

impl<R: Runtime> DataSocket<R> {
    pub(super) const fn new(runtime: R, ports: PassivePorts<R>) -> Self {
        Self { runtime, ports, state: State::Closed }
    }

    /// Prepares a connection at the server's address `local`, and closes what had been prepared.
    pub(super) fn open(&mut self, id: DataId, mode: DataConnectionMode, mut local: SocketAddr) {
        local.set_port(0);
        self.state = State::Wanted(Wanted { id, mode, local });
    }

    /// Closes the connection that was just told, and listens on.
    pub(super) fn refuse(&mut self, id: DataId) {
        if let State::Made(Made { port: Some(mut port), .. }) = mem::replace(&mut self.state, State::Closed) {
            port.handle_refused();
            self.state = State::Making(id, Box::pin(accept(self.runtime.clone(), port)));
        }
    }

    /// Stops listening once a connection was not refused.
    pub(super) fn stop_listening(&mut self) {
        if let State::Made(made) = &mut self.state {
            made.port = None;
        }
    }

    /// Begins a handshake on the connection that was made, for a transfer in this direction if it is known.
    pub(super) fn secure(&mut self, id: DataId, tls: &SessionTls, direction: Option<Direction>) {
        if let State::Made(made) = mem::replace(&mut self.state, State::Closed) {
            let expected = Expected::default();
            let handshake = tls.accept_data(Counted::new(made.stream), Arc::clone(&expected));
            self.state = State::Securing(id, handshake, expected);
            direction.into_iter().for_each(|direction| self.expect(direction));
        }
    }

    /// Which way the transfer goes, for the handshake that is under way. It is too late for one that the client has begun.
    pub(super) fn expect(&mut self, direction: Direction) {
        if let State::Securing(_, _, expected) = &self.state {
            expected.get_or_init(|| direction);
        }
    }

    /// The connection, to be used by a transfer.
    pub(super) fn take(&mut self) -> Option<Stream<Counted<R::Stream>>> {
        match mem::replace(&mut self.state, State::Closed) {
            State::Made(made) => Some(Stream::Clear(Counted::new(made.stream))),
            State::Secured(stream) => Some(stream),
            _ => None,
        }
    }

    pub(super) fn close(&mut self) {
        self.state = State::Closed;
    }

    /// What has happened to it.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event<'static>> {
        if let State::Wanted(_) = &self.state
            && let State::Wanted(wanted) = mem::replace(&mut self.state, State::Closed)
            && let Some(event) = self.make(&wanted)
        {
            return Poll::Ready(event);
        }
        let (id, progress) = match &mut self.state {
            State::Making(id, making) => {
                let made = ready!(making.as_mut().poll(cx));
                let connected = made.map(|made| {
                    let peer = made.peer;
                    (State::Made(made), Event::DataConnected(*id, peer))
                });
                (*id, connected)
            }
            State::Securing(id, handshake, _) => {
                let secured = ready!(handshake.as_mut().poll(cx));
                let secured = secured.map(|(stream, resumption)| {
                    (State::Secured(stream), Event::DataSecured(*id, resumption))
                });
                (*id, secured)
            }
            _ => return Poll::Pending,
        };
        let (state, event) = progress.unwrap_or_else(|error| {
            tracing::info!(%error, "no data connection");
            (State::Closed, Event::DataRefused(id))
        });
        self.state = state;
        Poll::Ready(event)
    }

    /// Starts to listen or to connect. Listening has a result at once.
    fn make(&mut self, wanted: &Wanted) -> Option<Event<'static>> {
        let (runtime, id) = (self.runtime.clone(), wanted.id);
        if let DataConnectionMode::Connect(to) = wanted.mode {
            let from = wanted.local;
            self.state = State::Making(
                id,
                Box::pin(async move {
                    let stream = runtime.connect(from, to).await?;
                    Ok(Made { stream, peer: to, port: None })
                }),
            );
            return None;
        }
        Some(match self.ports.listen(wanted.local) {
            Ok((port, address)) => {
                self.state = State::Making(id, Box::pin(accept(runtime, port)));
                Event::Listening(id, address)
            }
            Err(error) => {
                tracing::warn!(%error, address = %wanted.local.ip(), "no passive port could be opened");
                Event::ListenFailed(id)
            }
        })
    }
}

/// Waits for a connection, through errors of single attempts. How long is for the session to say.
async fn accept<R: Runtime>(runtime: R, mut port: PassivePort<R>) -> io::Result<Made<R>> {
    loop {
        match runtime.accept(&port.listener).await {
            Ok((stream, peer)) => {
                port.handle_connected();
                return Ok(Made { stream, peer, port: Some(port) });
            }
            Err(_) => runtime.sleep(ACCEPT_RETRY).await,
        }
    }
}
