//! The state of a session, as the walk over all states compares it.

use core::fmt;

use super::{ServerPi, Timer, Transfer};
use crate::instant::Instant;

/// Where the machines stand.
pub(in crate::session) struct States<'a> {
    pub(in crate::session) login: &'a dyn fmt::Debug,
    pub(in crate::session) security: &'a dyn fmt::Debug,
    pub(in crate::session) data: &'a dyn fmt::Debug,
    /// `None` without a transfer.
    pub(in crate::session) phase: Option<&'a dyn fmt::Debug>,
    pub(in crate::session) timers: [Option<Instant>; Timer::ALL.len()],
    /// When a finish that was detached is dropped.
    pub(in crate::session) detached: Option<Instant>,
}

impl ServerPi {
    pub(in crate::session) fn states(&self) -> States<'_> {
        States {
            login: self.login.state(),
            security: self.security.state(),
            data: self.data.state(),
            phase: self.transfer.as_ref().map(Transfer::state),
            timers: self.timers.all(),
            detached: self.detached.next_deadline(),
        }
    }

    /// Everything that the future depends on. A field that is left out has its reason there.
    pub(crate) fn state(&self) -> impl fmt::Debug {
        let Self {
            // They never change.
            config,
            control: _,
            // The deadlines are told from it, and ids by what has the same one.
            now: _,
            last_id: _,
            login,
            security,
            parameters,
            data,
            transfer,
            detached,
            timers,
            // Only where a driver has waited for bytes the end of an upload settles by it, and here none has.
            tempo: _,
            pending,
            // Memory, without meaning.
            replies: _,
            // Each command sets it.
            form: _,
            control_state,
            stage,
            // All were taken.
            actions,
            unsent,
        } = self;
        assert!(actions.is_empty());
        let transfer = transfer.as_ref().map(Transfer::future);
        let unsent = (*unsent).min(config.reply_limit + 1);
        (
            login,
            security,
            parameters,
            data,
            transfer,
            detached,
            timers,
            pending,
            *control_state,
            *stage,
            unsent,
        )
    }
}
