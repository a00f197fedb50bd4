//! The state of a session, as the walk over all states compares it.

use core::fmt;

use super::{ServerPi, Transfer};

impl ServerPi {
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
            pending,
            // Memory, without meaning.
            replies: _,
            // Each command sets it.
            form: _,
            presence,
            service,
            // All were taken.
            actions,
            unsent,
        } = self;
        assert!(actions.is_empty());
        // The time since when a transfer runs is only shown.
        let transfer = transfer.as_ref().map(
            |Transfer { id, subject, phase, bytes, since: _, is_announced, is_abor_waiting }| {
                (*id, subject, phase, *bytes, *is_announced, *is_abor_waiting)
            },
        );
        let unsent = (*unsent).min(config.reply_limit + 1);
        (login, *security, parameters, data, transfer, detached, timers, pending, *presence, *service, unsent)
    }
}
