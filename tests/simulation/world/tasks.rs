//! The tasks of a world, polled in an order that chance chooses.

use std::{
    any::Any,
    collections::BTreeMap,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use super::{State, World};

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Whose task it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    Server,
    World,
}

/// How much later than it could a task is polled at most: how slow the machine is.
pub const LAG: Duration = Duration::from_micros(300);
/// Polls of each task without time or bytes going on before that is a busy loop.
const IDLE_POLLS: usize = 100;

/// What a store panics with in this world. Any other panic is a defect.
pub struct StorePanic;

impl StorePanic {
    /// Panics without a message on the screen.
    pub fn raise() -> ! {
        resume_unwind(Box::new(Self))
    }
}

#[derive(Default)]
pub struct Tasks {
    entries: BTreeMap<u64, Entry>,
    last: u64,
    /// Polls since time went on or bytes moved.
    idle_polls: usize,
    server_ended: Duration,
    /// Since when there have been tasks that are ready.
    ready_since: Option<Duration>,
    /// The task that is polled, and the passive ports that it has found taken in this poll.
    current: u64,
    pub(super) taken_ports: Vec<u16>,
    /// The control connection that the server has just set up, to serve it in the next task.
    pub(super) prepared: Option<u64>,
}

struct Entry {
    who: Who,
    task: Option<Task>,
    /// The control connection that it serves.
    session: Option<u64>,
}

/// Keys of the tasks that have been woken.
#[derive(Default)]
pub struct Ready(Mutex<Vec<u64>>);

struct TaskWaker {
    key: u64,
    ready: Arc<Ready>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.add(self.key);
    }
}

impl Ready {
    fn add(&self, key: u64) {
        let mut keys = self.0.lock().unwrap();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
}

impl Tasks {
    /// Time or bytes have gone on.
    pub fn progressed(&mut self) {
        self.idle_polls = 0;
    }

    pub fn leftovers(&self) -> Vec<String> {
        self.entries.iter().map(|(key, entry)| format!("task {key} of the {:?}", entry.who)).collect()
    }

    /// When the last of the server's tasks ended.
    pub const fn server_ended(&self) -> Duration {
        self.server_ended
    }

    /// The control connection that the server looks after in this poll.
    pub(super) fn current_session(&self) -> Option<u64> {
        self.entries.get(&self.current)?.session
    }

    pub fn count(&self, who: Who) -> usize {
        self.entries.values().filter(|entry| entry.who == who).count()
    }
}

impl State {
    /// The task to be polled next; none if something else happens first.
    pub(super) fn next_poll(&mut self, ready: &Ready) -> Option<u64> {
        let mut keys = ready.0.lock().unwrap();
        if keys.is_empty() {
            self.tasks.ready_since = None;
            return None;
        }
        let since = *self.tasks.ready_since.get_or_insert(self.now);
        let next = self.agenda.first_key_value().map(|((at, _), _)| *at);
        if next.is_some_and(|at| at <= since + LAG) && self.chance.one_in(self.weather.lag) {
            return None;
        }
        if self.chance.one_in(self.weather.spurious_polls) {
            let choice = self.chance.below(self.tasks.entries.len() as u64) as usize;
            return self.tasks.entries.keys().nth(choice).copied();
        }
        let choice = if self.weather.order > 0 { self.chance.below(8.min(keys.len() as u64)) } else { 0 };
        Some(keys.remove(choice as usize))
    }
}

impl World {
    pub(super) fn add_task(&self, who: Who, future: impl Future<Output = ()> + Send + 'static) {
        let mut state = self.lock();
        state.tasks.last += 1;
        let key = state.tasks.last;
        let session = state.tasks.prepared.take_if(|_| who == Who::Server);
        state.tasks.entries.insert(key, Entry { who, task: Some(Box::pin(future)), session });
        state.tasks.progressed();
        drop(state);
        self.0.ready.add(key);
    }

    pub(super) fn poll(&self, key: u64) {
        let Some((mut task, who)) = self.take(key) else { return };
        let waker = Waker::from(Arc::new(TaskWaker { key, ready: Arc::clone(&self.0.ready) }));
        let cx = &mut Context::from_waker(&waker);
        match catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(cx))) {
            Ok(Poll::Pending) => {
                if let Some(entry) = self.lock().tasks.entries.get_mut(&key) {
                    entry.task = Some(task);
                }
            }
            ended => {
                self.lock().end_task(key);
                if let Err(panic) = ended.and(catch_unwind(AssertUnwindSafe(|| drop(task)))) {
                    self.handle_panic(who, &*panic);
                }
            }
        }
    }

    fn take(&self, key: u64) -> Option<(Task, Who)> {
        let mut state = self.lock();
        state.counts.add("events", 1);
        state.tasks.idle_polls += 1;
        state.tasks.current = key;
        state.tasks.taken_ports.clear();
        if state.tasks.idle_polls > 1000 + IDLE_POLLS * state.tasks.entries.len() {
            state.violate(format!("busy loop: nothing goes on, but task {key} is polled"));
        }
        let entry = state.tasks.entries.get_mut(&key)?;
        let taken = entry.task.take().map(|task| (task, entry.who));
        state.note(|| format!("poll {key}"));
        taken
    }

    fn handle_panic(&self, who: Who, panic: &(dyn Any + Send)) {
        if panic.is::<StorePanic>() && who == Who::Server {
            self.lock().has_panicked = true;
            return self.count("sessions: lost by a panic of the store");
        }
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("something else");
        self.violate(format!("a task of the {who:?} panicked: {text}"));
    }
}

impl State {
    fn end_task(&mut self, key: u64) {
        let ended = self.tasks.entries.remove(&key);
        if ended.is_some_and(|entry| entry.who == Who::Server) {
            self.tasks.server_ended = self.now;
        }
        self.tasks.progressed();
        self.note(|| format!("task {key} has ended"));
    }
}
