//! Finishes that go on without the client ([`FinishOverdue::Detach`](crate::config::FinishOverdue::Detach)).

use alloc::{string::String, string::ToString, vec::Vec};

use crate::{
    instant::Instant,
    pathname::Pathname,
    reply::ReplyComposer,
    session::action::TransferId,
    storage::{StorageError, Stored},
};

/// The last few detached finishes, oldest first.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct DetachedFinishes(Vec<DetachedFinish>);

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct DetachedFinish {
    id: TransferId,
    /// `None` for one of an earlier user, which nobody is told about.
    pathname: Option<Pathname>,
    state: State,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
enum State {
    Running { deadline: Instant },
    Stored,
    Failed(String),
    Dropped,
}

/// So many are running already that no more can be remembered.
#[derive(Debug)]
pub(crate) struct Full;

impl DetachedFinishes {
    /// Remembers one more, and at most `limit` of them: the oldest that has ended gives way.
    pub(crate) fn add(
        &mut self,
        id: TransferId,
        pathname: &Pathname,
        deadline: Instant,
        limit: usize,
    ) -> Result<(), Full> {
        if self.0.len() >= limit {
            let ended = self.0.iter().position(|finish| !finish.is_running()).ok_or(Full)?;
            self.0.remove(ended);
        }
        let pathname = Some(pathname.clone());
        self.0.push(DetachedFinish { id, pathname, state: State::Running { deadline } });
        Ok(())
    }

    /// The user who may hear of them has gone.
    pub(crate) fn handle_new_user(&mut self) {
        self.0.retain(DetachedFinish::is_running);
        for finish in &mut self.0 {
            finish.pathname = None;
        }
    }

    pub(crate) fn handle_finished(&mut self, id: TransferId, result: Result<Stored, StorageError>) {
        if let Some(finish) = self.0.iter_mut().find(|finish| finish.id == id && finish.is_running()) {
            finish.state = match result {
                Ok(_) => State::Stored,
                Err(error) => State::Failed(error.to_string()),
            };
        }
    }

    /// One that has to be dropped now; to be called until there is none.
    pub(crate) fn pop_overdue(&mut self, now: Instant) -> Option<TransferId> {
        let overdue = self.0.iter_mut().find(|finish| finish.deadline().is_some_and(|at| at <= now))?;
        overdue.state = State::Dropped;
        Some(overdue.id)
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.0.iter().filter_map(DetachedFinish::deadline).min()
    }

    /// Adds a line for each to a reply.
    pub(crate) fn describe<'a>(&self, reply: ReplyComposer<'a>) -> ReplyComposer<'a> {
        self.0.iter().fold(reply, |reply, finish| {
            let Some(pathname) = &finish.pathname else { return reply };
            let reply = reply.inner_line().bytes(pathname.as_bytes());
            match &finish.state {
                State::Running { .. } => reply.text(": still being stored"),
                State::Stored => reply.text(": stored"),
                // The store's own sentence tells what is there now: a failed finish may have put the file in place.
                State::Failed(why) => reply.text(": ").text(why),
                State::Dropped => {
                    reply.text(": given up; what was there before stays unless it was just stored")
                }
            }
        })
    }
}

impl DetachedFinish {
    const fn is_running(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }

    const fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Running { deadline } => Some(deadline),
            _ => None,
        }
    }
}
