//! Things that block whenever they are touched.

use core::mem;
use std::fmt;

use blocking::{Task, unblock};

/// A file or directory that is only touched in the blocking pool, one job at a time, and is closed there, too.
///
/// A job that was started goes on when the future that waits for it is dropped; [`settle`](Self::settle) waits for it
/// again. A job that does not give the thing back has closed it.
pub(super) struct Pooled<T: Send + 'static, R: Send + 'static>(State<T, R>);

enum State<T, R> {
    Idle(T),
    Working(Task<(Option<T>, R)>),
    Closed,
}

impl<T: Send + 'static, R: Send + 'static> Pooled<T, R> {
    pub(super) const fn new(thing: T) -> Self {
        Self(State::Idle(thing))
    }

    /// Nothing to touch: no job runs any more.
    pub(super) const fn closed() -> Self {
        Self(State::Closed)
    }

    /// Waits for a job whose own waiter was dropped; `None` if there is none.
    pub(super) async fn settle(&mut self) -> Option<R> {
        let State::Working(task) = &mut self.0 else { return None };
        let (thing, result) = task.await;
        self.0 = thing.map_or(State::Closed, State::Idle);
        Some(result)
    }

    /// Does a job once the one before is done, whose result is lost; `None` if the thing is closed.
    pub(super) async fn run(&mut self, job: impl FnOnce(T) -> (Option<T>, R) + Send + 'static) -> Option<R> {
        self.settle().await;
        if let State::Idle(thing) = mem::replace(&mut self.0, State::Closed) {
            self.0 = State::Working(unblock(move || job(thing)));
        }
        self.settle().await
    }

    /// Takes the thing out once the job before is done; `None` if it is closed.
    pub(super) async fn take(&mut self) -> Option<T> {
        self.settle().await;
        match mem::replace(&mut self.0, State::Closed) {
            State::Idle(thing) => Some(thing),
            State::Working(_) | State::Closed => None,
        }
    }
}

impl<T: Send + 'static, R: Send + 'static> Drop for Pooled<T, R> {
    fn drop(&mut self) {
        // A task that is dropped ends in the pool, with all that it holds.
        if let State::Idle(thing) = mem::replace(&mut self.0, State::Closed) {
            unblock(move || drop(thing)).detach();
        }
    }
}

impl<T: Send + 'static, R: Send + 'static> fmt::Debug for Pooled<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Idle(_) => "Pooled(idle)",
            State::Working(_) => "Pooled(working)",
            State::Closed => "Pooled(closed)",
        })
    }
}
