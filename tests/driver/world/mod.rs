//! A runtime in memory: a clock that a test turns, connections that can break in every way, and one thread.

mod socket;

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    future::{Future, poll_fn},
    io,
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

use sansftp::{Instant, TimeValue, adapters::Runtime};

pub use self::socket::{SOCKET_BUFFER, Socket};

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
        Ok(stream.local())
    }

    fn has_ended(&self, stream: &Socket) -> bool {
        !self.lock().cannot_look && stream.has_ended()
    }
}
