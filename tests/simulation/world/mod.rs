//! A world in memory: one thread, a virtual clock, tasks, and a network. It is a [`Runtime`] for the real server.

mod dialing;
mod network;
mod passive_ports;
mod runtime;
mod socket;
mod tasks;
mod weather;

use std::{
    collections::BTreeMap,
    future::Future,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    task::Waker,
    time::Duration,
};

use sansftp::TlsSettings;

use self::{
    dialing::{DialId, Dialing, Listening},
    network::PipeId,
    tasks::{Ready, Tasks},
};
pub use self::{
    network::{Connection, Side},
    passive_ports::PassivePort,
    runtime::SimListener,
    socket::{Socket, receive, send_all},
    tasks::{LAG, StorePanic, Who},
    weather::Weather,
};
use super::{chance::Chance, counts::Counts, log::Log};

/// The world. Clones are the same one.
#[derive(Clone)]
pub struct World(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Apart, because tasks are woken while the state is locked.
    ready: Arc<Ready>,
}

/// Everything in it.
pub struct State {
    pub chance: Chance,
    pub log: Log,
    pub weather: Weather,
    pub counts: Counts,
    /// What must not have happened, and did.
    pub violations: Vec<String>,
    pub now: Duration,
    /// Whether a store has panicked, so that a session may have been lost without a word.
    pub has_panicked: bool,
    /// Whether the server lets nobody in any more.
    pub is_closed: bool,
    pub shutdown: Option<Shutdown>,
    /// Whether there may be more clients than the server takes.
    pub is_crowded: bool,
    /// What the server has to do with TLS: clients know it from its users.
    pub tls: TlsSettings,
    /// Numbers everything that is compared by what came first.
    stamp: u64,
    tasks: Tasks,
    agenda: BTreeMap<(Duration, u64), Happening>,
    connections: BTreeMap<u64, Connection>,
    dialings: BTreeMap<DialId, Dialing>,
    listening: BTreeMap<SocketAddr, Listening>,
    /// All that there were.
    pub passive_ports: Vec<PassivePort>,
    last_port: u16,
}

/// A shutdown of the server: when it was asked for, and until when transfers may go on.
#[derive(Clone, Copy, Debug)]
pub struct Shutdown {
    pub asked: Duration,
    pub deadline: Duration,
}

/// How long after the deadline of a shutdown sessions are dropped that have not ended.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// What happens at its time.
enum Happening {
    Wake(Waker),
    Arrive(PipeId),
    Notice(PipeId),
    /// A connection attempt gets where it wants to.
    Dialled(DialId),
    /// The answer to it gets back.
    Answered(DialId),
    /// The server's system gives a connection up whose other end is silent.
    Perished(u64),
}

impl World {
    pub fn new(mut chance: Chance, log: Log) -> Self {
        let weather = Weather::new(&mut chance);
        let state = State {
            chance,
            log,
            weather,
            counts: Counts::default(),
            violations: Vec::new(),
            now: Duration::ZERO,
            has_panicked: false,
            is_closed: false,
            shutdown: None,
            is_crowded: false,
            tls: TlsSettings::default(),
            stamp: 0,
            tasks: Tasks::default(),
            agenda: BTreeMap::new(),
            connections: BTreeMap::new(),
            dialings: BTreeMap::new(),
            listening: BTreeMap::new(),
            passive_ports: Vec::new(),
            last_port: 30_000,
        };
        Self(Arc::new(Shared { state: Mutex::new(state), ready: Arc::default() }))
    }

    /// Lets everything happen until nothing is left that could.
    pub fn run(&self, steps: u64) {
        for _ in 0..steps {
            if !self.lock().violations.is_empty() || !self.step() {
                return;
            }
        }
        self.violate("the world does not come to rest".into());
    }

    /// One step; false if there is none.
    fn step(&self) -> bool {
        let poll = self.lock().next_poll(&self.0.ready);
        match poll {
            Some(key) => {
                self.poll(key);
                true
            }
            None => self.lock().happen(),
        }
    }

    /// Runs a future of the world's own beside the server's.
    pub fn start(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.add_task(Who::World, future);
    }

    pub fn note(&self, what: impl FnOnce() -> String) {
        let is_kept = self.lock().log.is_kept();
        if is_kept {
            // It may ask the world something, so it is made before the log is locked.
            let what = what();
            self.lock().note(|| what);
        }
    }

    /// Something that must not happen has happened.
    pub fn violate(&self, what: String) {
        self.lock().violate(what);
    }

    pub fn count(&self, name: &str) {
        self.lock().counts.add(name, 1);
    }

    /// Makes a choice.
    pub fn choose<T>(&self, choose: impl FnOnce(&mut Chance) -> T) -> T {
        choose(&mut self.lock().chance)
    }

    pub fn weather(&self) -> Weather {
        self.lock().weather.clone()
    }

    /// Tasks of the server that have not ended.
    pub fn server_tasks(&self) -> usize {
        self.lock().tasks.count(Who::Server)
    }

    /// When the last of them ended.
    pub fn server_ended(&self) -> Duration {
        self.lock().tasks.server_ended()
    }

    /// Ends what is left, so that the world can go: its tasks hold it.
    pub fn clear(&self) {
        let (tasks, agenda) = {
            let mut state = self.lock();
            (std::mem::take(&mut state.tasks), std::mem::take(&mut state.agenda))
        };
        drop((tasks, agenda));
        self.lock().agenda.clear();
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }
}

impl State {
    /// The next number: later ones are greater.
    pub fn stamp(&mut self) -> u64 {
        self.stamp += 1;
        self.stamp
    }

    /// Whether at this time the server could not wait for a transfer any longer.
    pub fn is_shutdown_overdue(&self, at: Duration) -> bool {
        self.shutdown.is_some_and(|shutdown| shutdown.deadline <= at)
    }

    /// Whether a session may have been ended without a word.
    pub fn excuses_ends(&self) -> bool {
        let is_stopped = |shutdown: Shutdown| shutdown.deadline + STOP_TIMEOUT <= self.now;
        self.has_panicked || self.shutdown.is_some_and(is_stopped)
    }

    pub fn violate(&mut self, what: String) {
        let now = self.now;
        self.log.note(now, || format!("VIOLATION: {what}"));
        self.violations.push(what);
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        self.log.note(self.now, what);
    }

    /// Has something happen, and tells its key.
    fn plan(&mut self, at: Duration, what: Happening) -> (Duration, u64) {
        let key = (at, self.stamp());
        self.agenda.insert(key, what);
        key
    }

    /// Lets the next thing happen that is due next; false if nothing is.
    fn happen(&mut self) -> bool {
        let Some((&(at, _), _)) = self.agenda.first_key_value() else { return false };
        let due: Vec<_> = self.agenda.keys().take_while(|key| key.0 == at).take(4).copied().collect();
        let key = due[self.chance.below(due.len() as u64) as usize];
        if at > self.now {
            self.now = at;
            self.tasks.progressed();
        }
        self.counts.add("events", 1);
        match self.agenda.remove(&key) {
            Some(Happening::Wake(waker)) => waker.wake(),
            Some(Happening::Arrive(pipe)) => self.arrive(pipe),
            Some(Happening::Notice(pipe)) => self.notice(pipe),
            Some(Happening::Dialled(dialing)) => self.handle_dialled(dialing),
            Some(Happening::Answered(dialing)) => self.handle_answered(dialing),
            Some(Happening::Perished(connection)) => self.perish(connection),
            None => {}
        }
        true
    }

    /// What is left when nothing happens any more, and should not be.
    pub fn leftovers(&self) -> Vec<String> {
        let mut left = self.tasks.leftovers();
        left.extend(self.agenda.keys().map(|(at, _)| format!("something that happens at {at:?}")));
        left.extend(self.listening.keys().map(|address| format!("a listener at {address}")));
        left.extend(self.dialings.values().map(|dialing| format!("a dialling {dialing:?}")));
        let open = self.connections.iter().filter(|(_, connection)| connection.is_open());
        left.extend(open.map(|(id, connection)| format!("connection {id} {connection}")));
        left
    }
}
