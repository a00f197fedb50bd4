//! Things that block whenever they are touched.

use core::mem;
use std::fmt;

use crate::adapters::blocking_pool::{BlockingPool, BlockingTask};

/// A file or directory that is only touched in the blocking pool, one job at a time, and is closed there, too.
///
/// A job that was started goes on when the future that waits for it is dropped; [`settle`](Self::settle) waits for it
/// again. A job that does not give the thing back has closed it.
pub(super) struct Pooled<T: Send + 'static, R: Send + 'static> {
    pool: BlockingPool,
    state: State<T, R>,
}

enum State<T, R> {
    Idle(T),
    Working(BlockingTask<(Option<T>, R)>),
    Closed,
}

impl<T: Send + 'static, R: Send + 'static> Pooled<T, R> {
    /// Without a thing it is closed.
    pub(super) fn new(pool: &BlockingPool, thing: Option<T>) -> Self {
        Self { pool: pool.clone(), state: thing.map_or(State::Closed, State::Idle) }
    }

    /// Waits for a job that was started, or whose own waiter was dropped; `None` if there is none.
    pub(super) async fn settle(&mut self) -> Option<R> {
        let State::Working(task) = &mut self.state else { return None };
        let (thing, result) = task.await;
        self.state = thing.map_or(State::Closed, State::Idle);
        Some(result)
    }

    /// Does a job once the one before is done, whose result is lost; `None` if the thing is closed.
    pub(super) async fn run(&mut self, job: impl FnOnce(T) -> (Option<T>, R) + Send + 'static) -> Option<R> {
        self.settle().await;
        self.start(job);
        self.settle().await
    }

    /// Starts a job, whose result [`settle`](Self::settle) gives. Returns whether it could: the thing is not closed, and no
    /// other job is at work on it.
    pub(super) fn start(&mut self, job: impl FnOnce(T) -> (Option<T>, R) + Send + 'static) -> bool {
        match mem::replace(&mut self.state, State::Closed) {
            State::Idle(thing) => {
                self.state = State::Working(self.pool.run(move || job(thing)));
                true
            }
            other => {
                self.state = other;
                false
            }
        }
    }

    /// Takes the thing out once the job before is done; `None` if it is closed.
    pub(super) async fn take(&mut self) -> Option<T> {
        self.settle().await;
        match mem::replace(&mut self.state, State::Closed) {
            State::Idle(thing) => Some(thing),
            State::Working(_) | State::Closed => None,
        }
    }
}

impl<T: Send + 'static, R: Send + 'static> Drop for Pooled<T, R> {
    fn drop(&mut self) {
        match mem::replace(&mut self.state, State::Closed) {
            State::Idle(thing) => self.pool.run(move || drop(thing)).detach(),
            State::Working(task) if task.is_done() => self.pool.run(move || drop(task)).detach(),
            // A task that is not done ends in the pool, with all that it holds.
            State::Working(_) | State::Closed => {}
        }
    }
}

impl<T: Send + 'static, R: Send + 'static> fmt::Debug for Pooled<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Idle(_) => "Pooled(idle)",
            State::Working(_) => "Pooled(working)",
            State::Closed => "Pooled(closed)",
        })
    }
}
