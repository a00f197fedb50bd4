//! The world as the server sees it: a [`Runtime`].

use std::{
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use sansftp::{Instant, TimeValue, adapters::Runtime};

use super::{
    Happening, Socket, State, Who, World,
    dialing::{DialId, DialResult, Listening},
    network::{CONTROL_PORT, Side},
};

/// The origin of the virtual clock, as a time of day.
const START: i64 = 1_700_000_000;
/// How long a stranger waits until it connects, at most.
const STRANGER_DELAY: Duration = Duration::from_millis(5);

/// A listening socket; closed when it is dropped.
pub struct SimListener {
    world: World,
    pub address: SocketAddr,
}

impl Drop for SimListener {
    fn drop(&mut self) {
        let mut state = self.world.lock();
        let address = self.address;
        state.note(|| format!("nobody listens at {address} any more"));
        let Some(listening) = state.listening.remove(&address) else { return };
        if listening.by_server {
            state.note_port_closed(address.port());
        }
        for (id, _) in listening.queue {
            state.reset(super::PipeId { connection: id, to: Side::Dialler }, Duration::ZERO);
            state.close(id, Side::Acceptor, Duration::ZERO);
        }
    }
}

/// A sleep; it is off the agenda when it is dropped.
struct Sleep {
    world: World,
    end: Duration,
    planned: Option<(Duration, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.world.lock();
        if let Some(key) = self.planned {
            state.agenda.remove(&key);
        }
        let is_over = state.now >= self.end;
        let planned = (!is_over).then(|| state.plan(self.end, Happening::Wake(cx.waker().clone())));
        drop(state);
        self.planned = planned;
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.planned {
            self.world.lock().agenda.remove(&key);
        }
    }
}

/// A connection attempt; given up when it is dropped.
struct Dial {
    world: World,
    id: DialId,
}

impl Future for Dial {
    type Output = io::Result<Socket>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Socket>> {
        let mut state = self.world.lock();
        let dialing = state.dialings.get_mut(&self.id).unwrap();
        match dialing.result {
            DialResult::Told(Some(connection)) => {
                state.dialings.remove(&self.id);
                Poll::Ready(Ok(Socket::new(self.world.clone(), connection, Side::Dialler)))
            }
            DialResult::Told(None) => Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into())),
            DialResult::Unknown | DialResult::Made(_) | DialResult::Refused => {
                dialing.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Dial {
    fn drop(&mut self) {
        self.world.lock().forget_dialing(self.id);
    }
}

impl World {
    /// Connects, as a client or as the server.
    pub fn dial(
        &self,
        from: SocketAddr,
        to: SocketAddr,
        by_server: bool,
    ) -> impl Future<Output = io::Result<Socket>> + use<> {
        let id = self.lock().dial(from, to, by_server);
        Dial { world: self.clone(), id }
    }

    pub fn wait(&self, time: Duration) -> impl Future<Output = ()> + use<> {
        let end = self.lock().now + time;
        Sleep { world: self.clone(), end, planned: None }
    }

    /// The output of `future`, or `None` if it takes longer than `time`.
    pub async fn within<F: Future>(&self, time: Duration, future: F) -> Option<F::Output> {
        let mut sleep = std::pin::pin!(self.wait(time));
        let mut future = std::pin::pin!(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => sleep.as_mut().poll(cx).map(|()| None),
        })
        .await
    }

    /// Listens as the server, or as a client that wants to be connected to.
    pub fn open_port(&self, mut address: SocketAddr, by_server: bool) -> io::Result<SimListener> {
        let mut state = self.lock();
        let taken_ports = state.weather.taken_ports;
        if by_server && address.port() != CONTROL_PORT && state.chance.one_in(taken_ports) {
            state.counts.add("data connections: port taken by somebody else", 1);
            state.note_port_taken(address.port());
            return Err(io::ErrorKind::AddrInUse.into());
        }
        if address.port() == 0 {
            address.set_port(state.fresh_port());
        }
        if state.listening.contains_key(&address) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        state.note(|| format!("somebody listens at {address}"));
        if by_server {
            state.note_port_opened(address.port());
        }
        let listening = Listening { by_server, queue: Default::default(), waker: None };
        state.listening.insert(address, listening);
        drop(state);
        Ok(SimListener { world: self.clone(), address })
    }

    pub async fn accept_next(&self, listener: &SimListener) -> io::Result<(Socket, SocketAddr)> {
        poll_fn(|cx| {
            let mut state = self.lock();
            let failed_accepts = state.weather.failed_accepts;
            let listening = state.listening.get_mut(&listener.address).unwrap();
            if listening.queue.is_empty() {
                listening.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            if listening.by_server && state.chance.one_in(failed_accepts) {
                state.counts.add("network: accepts that failed", 1);
                return Poll::Ready(Err(io::Error::other("too many open files")));
            }
            let listening = state.listening.get_mut(&listener.address).unwrap();
            let (id, peer) = listening.queue.pop_front().unwrap();
            if listening.by_server {
                state.note_port_used(listener.address.port(), peer.ip(), id);
            }
            state.note(|| format!("connection {id} is accepted"));
            Poll::Ready(Ok((Socket::new(self.clone(), id, Side::Acceptor), peer)))
        })
        .await
    }

    /// Somebody who has no business here connects to a passive port, perhaps before the client does.
    fn send_stranger(&self, to: SocketAddr) {
        let world = self.clone();
        let from = self.choose(|chance| {
            let port = if chance.one_in(3) { 1023 } else { 40_000 };
            SocketAddr::from(([203, 0, 113, chance.below(200) as u8], port))
        });
        self.start(async move {
            world.wait(world.choose(|chance| chance.time(STRANGER_DELAY))).await;
            let patience = Duration::from_secs(5);
            let Some(Ok(mut socket)) = world.within(patience, world.dial(from, to, false)).await else {
                return;
            };
            world.count("data connections: strangers who connected");
            let _ = super::send_all(&mut socket, b"taken from a stranger").await;
            match world.within(patience, super::receive(&mut socket, 1000)).await {
                Some(Ok(bytes)) if !bytes.is_empty() => {
                    world.violate(format!("promise 9: a stranger gets {bytes:?}"));
                }
                _ => {}
            }
        });
    }
}

impl State {
    /// Whether a connection came when the server ceased to listen, or had too many to tell them all.
    pub fn was_not_let_in(&self, id: u64) -> bool {
        let connection = self.connection(id);
        let is_open = !self.is_closed || self.listening.contains_key(&connection.acceptor);
        connection.transcript.is_empty() && (self.is_crowded || !is_open)
    }

    /// A port that nobody has had.
    pub fn fresh_port(&mut self) -> u16 {
        self.last_port = self.last_port.checked_add(1).unwrap_or(1024);
        self.last_port
    }
}

impl Runtime for World {
    type Stream = Socket;
    type Listener = SimListener;

    fn now(&self) -> Instant {
        Instant::from_origin(self.lock().now)
    }

    fn time_of_day(&self) -> TimeValue {
        let now = self.lock().now;
        TimeValue::from_unix(START + now.as_secs() as i64, now.subsec_nanos())
    }

    fn random_number(&self) -> u64 {
        self.choose(|chance| chance.below(1 << 20))
    }

    async fn sleep(&self, time: Duration) {
        self.wait(time).await;
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.add_task(Who::Server, future);
    }

    fn listen(&self, address: SocketAddr) -> io::Result<SimListener> {
        let listener = self.open_port(address, true)?;
        let strangers = self.lock().weather.strangers;
        if listener.address.port() != CONTROL_PORT && self.choose(|chance| chance.one_in(strangers)) {
            self.send_stranger(listener.address);
        }
        Ok(listener)
    }

    fn local_address(&self, listener: &SimListener) -> io::Result<SocketAddr> {
        Ok(listener.address)
    }

    async fn accept(&self, listener: &SimListener) -> io::Result<(Socket, SocketAddr)> {
        self.accept_next(listener).await
    }

    async fn connect(&self, from: SocketAddr, to: SocketAddr) -> io::Result<Socket> {
        let from = SocketAddr::new(from.ip(), self.lock().fresh_port());
        self.dial(from, to, true).await
    }

    fn prepare_control(&self, stream: &Socket) -> io::Result<SocketAddr> {
        self.lock().tasks.prepared = Some(stream.id);
        Ok(stream.local())
    }

    fn has_ended(&self, stream: &Socket) -> bool {
        self.lock().weather.can_look && stream.has_ended()
    }
}
