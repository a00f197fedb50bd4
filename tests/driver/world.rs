//! A runtime in memory: a clock that a test turns, connections that can break in every way, and one thread.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    future::{Future, poll_fn},
    io::{self, IoSlice},
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use futures_io::{AsyncRead, AsyncWrite};
use sansftp::{Instant, TimeValue, adapters::runtime::Runtime};

/// What a connection takes without being read, in bytes.
pub const SOCKET_BUFFER: usize = 64 << 10;
/// More polls than any test needs before it gets quiet.
const POLLS_LIMIT: usize = 200_000;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The world that all connections of a test are in. Clones are the same one.
#[derive(Clone, Default)]
pub struct World(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    ready: Arc<Mutex<VecDeque<usize>>>,
    sleeps: AtomicUsize,
}

#[derive(Default)]
struct State {
    now: Duration,
    next_key: usize,
    tasks: BTreeMap<usize, Option<Task>>,
    timers: BTreeMap<(Duration, usize), Waker>,
    listeners: HashMap<SocketAddr, Waiting>,
    busy_ports: HashSet<u16>,
    failing_accepts: usize,
    cannot_look: bool,
}

/// Connections that nobody has accepted yet.
#[derive(Default)]
struct Waiting {
    queue: VecDeque<(Socket, SocketAddr)>,
    waker: Option<Waker>,
}

struct TaskWaker {
    key: usize,
    ready: Arc<Mutex<VecDeque<usize>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let mut ready = self.ready.lock().unwrap();
        if !ready.contains(&self.key) {
            ready.push_back(self.key);
        }
    }
}

impl World {
    /// Polls every task that has a reason to be polled, until none has.
    pub fn run(&self) {
        for _ in 0..POLLS_LIMIT {
            let Some(key) = self.0.ready.lock().unwrap().pop_front() else { return };
            let Some(mut task) = self.lock().tasks.get_mut(&key).and_then(Option::take) else { continue };
            let waker = Waker::from(Arc::new(TaskWaker { key, ready: Arc::clone(&self.0.ready) }));
            let polled =
                catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(&mut Context::from_waker(&waker))));
            if let Ok(Poll::Pending) = polled {
                self.lock().tasks.insert(key, Some(task));
            } else {
                self.lock().tasks.remove(&key);
                let _ = catch_unwind(AssertUnwindSafe(|| drop(task)));
            }
        }
        panic!("the tasks wake themselves without end");
    }

    /// Lets time pass, and everything happen that is due.
    pub fn advance(&self, time: Duration) {
        self.run();
        let end = self.lock().now + time;
        loop {
            let mut state = self.lock();
            let Some(entry) = state.timers.first_entry().filter(|entry| entry.key().0 <= end) else { break };
            let ((at, _), waker) = entry.remove_entry();
            state.now = state.now.max(at);
            drop(state);
            waker.wake();
            self.run();
        }
        self.lock().now = end;
        self.run();
    }

    /// Runs a future as a task of its own, and tells its output once there is one.
    pub fn start<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Arc<Mutex<Option<T>>> {
        let output = Arc::new(Mutex::new(None));
        let place = Arc::clone(&output);
        self.spawn(async move {
            let value = future.await;
            *place.lock().unwrap() = Some(value);
        });
        self.run();
        output
    }

    /// Tasks that have not ended.
    pub fn tasks(&self) -> usize {
        self.lock().tasks.len()
    }

    /// Sleeps that were begun since the beginning.
    pub fn sleeps(&self) -> usize {
        self.0.sleeps.load(Ordering::SeqCst)
    }

    /// Ports on which somebody listens.
    pub fn listening_ports(&self) -> Vec<u16> {
        self.lock().listeners.keys().map(SocketAddr::port).collect()
    }

    /// Has a port taken by somebody else.
    pub fn occupy(&self, port: u16) {
        self.lock().busy_ports.insert(port);
    }

    /// Makes so many attempts to accept a connection fail.
    pub fn fail_accepts(&self, count: usize) {
        self.lock().failing_accepts = count;
    }

    /// Is a runtime that cannot ask the system what it has received.
    pub fn cannot_look(&self) {
        self.lock().cannot_look = true;
    }

    /// Connects as a client; `None` if nobody listens.
    pub fn dial(&self, from: SocketAddr, to: SocketAddr) -> Option<Socket> {
        let mut state = self.lock();
        let waiting = state.listeners.get_mut(&to)?;
        let (near, far) = Socket::pair(from, to);
        waiting.queue.push_back((far, from));
        let waker = waiting.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        self.run();
        Some(near)
    }

    /// Listens as a client does for active mode.
    pub fn expect(&self, address: SocketAddr) -> ExpectedConnection {
        self.lock().listeners.insert(address, Waiting::default());
        ExpectedConnection { world: self.clone(), address }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }
}

/// A client's listening socket.
pub struct ExpectedConnection {
    world: World,
    address: SocketAddr,
}

impl ExpectedConnection {
    /// The connection that came, and from where.
    pub fn take(&self) -> Option<(Socket, SocketAddr)> {
        self.world.lock().listeners.get_mut(&self.address)?.queue.pop_front()
    }
}

/// A listening socket of the server; closed when dropped.
pub struct Listener {
    world: World,
    address: SocketAddr,
}

impl Drop for Listener {
    fn drop(&mut self) {
        let waiting = self.world.lock().listeners.remove(&self.address);
        drop(waiting);
    }
}

impl Runtime for World {
    type Stream = Socket;
    type Listener = Listener;

    fn now(&self) -> Instant {
        Instant::from_origin(self.lock().now)
    }

    fn time_of_day(&self) -> TimeValue {
        TimeValue::from_unix(1_700_000_000, 0)
    }

    async fn sleep(&self, time: Duration) {
        self.0.sleeps.fetch_add(1, Ordering::SeqCst);
        let (end, key) = {
            let mut state = self.lock();
            state.next_key += 1;
            (state.now + time, state.next_key)
        };
        poll_fn(|cx| {
            let mut state = self.lock();
            if state.now >= end {
                return Poll::Ready(());
            }
            state.timers.insert((end, key), cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let mut state = self.lock();
        let key = state.next_key;
        state.next_key += 1;
        state.tasks.insert(key, Some(Box::pin(future)));
        self.0.ready.lock().unwrap().push_back(key);
    }

    fn listen(&self, mut address: SocketAddr) -> io::Result<Listener> {
        let mut state = self.lock();
        if address.port() == 0 {
            let free = (40_000..).find(|port| {
                !state.busy_ports.contains(port) && !state.listeners.keys().any(|taken| taken.port() == *port)
            });
            address.set_port(free.unwrap());
        }
        if state.busy_ports.contains(&address.port()) || state.listeners.contains_key(&address) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        state.listeners.insert(address, Waiting::default());
        Ok(Listener { world: self.clone(), address })
    }

    fn local_address(&self, listener: &Listener) -> io::Result<SocketAddr> {
        Ok(listener.address)
    }

    async fn accept(&self, listener: &Listener) -> io::Result<(Socket, SocketAddr)> {
        poll_fn(|cx| {
            let mut state = self.lock();
            let is_failing = state.failing_accepts > 0;
            let waiting = state.listeners.get_mut(&listener.address).unwrap();
            if !waiting.queue.is_empty() && is_failing {
                state.failing_accepts -= 1;
                return Poll::Ready(Err(io::Error::other("too many open files")));
            }
            match waiting.queue.pop_front() {
                Some(accepted) => Poll::Ready(Ok(accepted)),
                None => {
                    waiting.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    async fn connect(&self, from: SocketAddr, to: SocketAddr) -> io::Result<Socket> {
        let from = SocketAddr::new(from.ip(), 20);
        let mut state = self.lock();
        let waiting = state.listeners.get_mut(&to).ok_or(io::ErrorKind::ConnectionRefused)?;
        let (near, far) = Socket::pair(from, to);
        waiting.queue.push_back((far, from));
        Ok(near)
    }

    fn prepare_control(&self, stream: &Socket) -> io::Result<SocketAddr> {
        Ok(stream.local)
    }

    fn has_ended(&self, stream: &Socket) -> bool {
        !self.lock().cannot_look && !matches!(stream.incoming.lock().end, End::Open)
    }
}

/// One end of a connection. The server uses it through the stream traits, a test through the methods below, which
/// never wait.
pub struct Socket {
    local: SocketAddr,
    incoming: Pipe,
    outgoing: Pipe,
}

#[derive(Clone, Default)]
struct Pipe(Arc<Mutex<PipeState>>);

#[derive(Default)]
struct PipeState {
    bytes: VecDeque<u8>,
    end: End,
    /// The reader's runtime has not noticed what came.
    is_unnoticed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    writes: usize,
}

#[derive(Default, PartialEq)]
enum End {
    #[default]
    Open,
    Finished,
    Broken,
}

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, PipeState> {
        self.0.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut PipeState)) {
        let mut pipe = self.lock();
        change(&mut pipe);
        let wakers = [pipe.reader.take(), pipe.writer.take()];
        drop(pipe);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    fn end(&self, end: End) {
        self.change(|pipe| {
            if pipe.end == End::Open || end == End::Broken {
                pipe.end = end;
            }
        });
    }
}

impl Socket {
    fn pair(near: SocketAddr, far: SocketAddr) -> (Self, Self) {
        let (there, back) = (Pipe::default(), Pipe::default());
        let near = Self { local: near, incoming: back.clone(), outgoing: there.clone() };
        (near, Self { local: far, incoming: there, outgoing: back })
    }

    /// Sends as much as the connection takes, and tells how much that is.
    pub fn send(&self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        self.outgoing.change(|pipe| {
            if pipe.end == End::Open {
                taken = bytes.len().min(SOCKET_BUFFER - pipe.bytes.len());
                pipe.bytes.extend(&bytes[..taken]);
            }
        });
        taken
    }

    /// Takes what has come.
    pub fn receive(&self) -> Vec<u8> {
        let mut received = Vec::new();
        self.incoming.change(|pipe| received = pipe.bytes.drain(..).collect());
        received
    }

    /// Takes at most so many of the bytes that have come.
    pub fn receive_some(&self, most: usize) -> Vec<u8> {
        let mut received = Vec::new();
        self.incoming.change(|pipe| {
            let count = most.min(pipe.bytes.len());
            received = pipe.bytes.drain(..count).collect();
        });
        received
    }

    /// Ends the sending side in good order.
    pub fn finish(&self) {
        self.outgoing.end(End::Finished);
    }

    /// Breaks the connection.
    pub fn reset(&self) {
        self.outgoing.end(End::Broken);
        self.incoming.end(End::Broken);
    }

    /// Whether the other side has ended in good order, and all of it is received.
    pub fn is_finished(&self) -> bool {
        let pipe = self.incoming.lock();
        pipe.end == End::Finished && pipe.bytes.is_empty()
    }

    /// Whether the other side has broken the connection.
    pub fn is_broken(&self) -> bool {
        self.incoming.lock().end == End::Broken
    }

    /// Lets what this side sends from now on come to the other system, but not to the notice of its runtime.
    pub fn hide(&self) {
        self.outgoing.lock().is_unnoticed = true;
    }

    /// Bytes that the other side has not taken.
    pub fn untaken(&self) -> usize {
        self.outgoing.lock().bytes.len()
    }

    /// Writes that the other side made.
    pub fn writes(&self) -> usize {
        self.incoming.lock().writes
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // As the system does: unread bytes make a reset of what should be an end in good order.
        let is_read = self.incoming.lock().bytes.is_empty();
        self.outgoing.end(if is_read { End::Finished } else { End::Broken });
        self.incoming.end(End::Broken);
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut pipe = self.incoming.lock();
        if pipe.is_unnoticed {
            pipe.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if pipe.end == End::Broken {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let count = buffer.len().min(pipe.bytes.len());
        if count == 0 {
            if pipe.end == End::Finished {
                return Poll::Ready(Ok(0));
            }
            pipe.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        for (place, byte) in buffer.iter_mut().zip(pipe.bytes.drain(..count)) {
            *place = byte;
        }
        let writer = pipe.writer.take();
        drop(pipe);
        writer.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = self.outgoing.lock();
        if pipe.end != End::Open {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = SOCKET_BUFFER - pipe.bytes.len();
        if room == 0 {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let before = pipe.bytes.len();
        pipe.bytes.extend(slices.iter().flat_map(|slice| slice.iter()).take(room));
        pipe.writes += 1;
        let count = pipe.bytes.len() - before;
        let reader = pipe.reader.take();
        drop(pipe);
        reader.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.outgoing.lock().end == End::Broken {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        }
        self.finish();
        Poll::Ready(Ok(()))
    }
}
