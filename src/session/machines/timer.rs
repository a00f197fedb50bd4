//! All deadlines of a session as one small table.
//!
//! This is what the walk over all states has seen; `PASV`, `PORT`, `STOR` and `LIST` stand for their like:
//!
//! ```text
//! LogIn        starts          AUTH, REIN, USER
//!              stops           LoggedIn, the session ends
//!              when it passes  Cancel, CloseControl, CloseDataConnection, SendReply
//! ControlIdle  starts again    every command, Aborted, Denied AccountNeeded, Denied PasswordNeeded,
//!                              Denied Refused, Entries, Failed, Finished error, Finished ok, LoggedIn, Metadata,
//!                              Opened, TransferEnded CloseNotify, TransferEnded Fin, TransferEnded FinAtOnce,
//!                              TransferEnded Lost, TransferEnded Sent, TransferEnded StoreFailed, UploadOpened,
//!                              Abort passes, Finish passes, Request passes
//!              stops           the session ends
//!              when it passes  CloseControl, CloseDataConnection, SendReply
//! Request      starts          ACCT, LIST, PASS, RETR, STAT, STOR, USER
//!              starts again    Failed
//!              stops           ABOR, ControlEnded, Denied AccountNeeded, Denied PasswordNeeded, Denied Refused,
//!                              Entries, Failed, LoggedIn, Metadata, Opened, UploadOpened, the session ends
//!              when it passes  Cancel, CloseControl, CloseDataConnection, SendReply
//! DataConnect  starts          Metadata, Opened, UploadOpened
//!              stops           ABOR, ControlEnded, DataConnected, DataRefused, ShutdownOverdue, the session ends
//!              when it passes  Abort
//! Handshake    starts          AUTH, DataConnected, Metadata, Opened, UploadOpened
//!              stops           ABOR, ControlSecured, DataRefused, DataSecured, ShutdownOverdue, the session ends
//!              when it passes  Abort, CloseControl
//! DataStall    starts          DataConnected, DataSecured, Metadata, Opened, UploadOpened
//!              starts again    Moved, Progressed
//!              stops           ABOR, ControlEnded, ShutdownOverdue, TransferEnded CloseNotify, TransferEnded Fin,
//!                              TransferEnded FinAtOnce, TransferEnded Lost, TransferEnded Sent,
//!                              TransferEnded StoreFailed, the session ends
//!              when it passes  Abort
//! Settle       starts          TransferEnded CloseNotify, TransferEnded Fin, TransferEnded FinAtOnce
//!              stops           ABOR, ControlEnded, ControlLookedAt Ended, ControlLookedAt Open, ShutdownOverdue,
//!                              the session ends
//!              when it passes  Abort, LookAtControl
//! Finish       starts          ControlLookedAt Open, TransferEnded CloseNotify, TransferEnded Fin,
//!                              TransferEnded FinAtOnce
//!              stops           ABOR, Finished error, Finished ok, ShutdownOverdue, the session ends
//!              when it passes  CloseControl, Detach, Drop, SendReply
//! Patience     starts          ControlLookedAt Open
//!              stops           ABOR, Finished error, Finished ok, the session ends
//!              when it passes  SendReplyLine
//! Abort        starts          ABOR, ControlEnded, ControlLookedAt Ended, DataRefused, DataSecured, Metadata,
//!                              Opened, ShutdownOverdue, TransferEnded CloseNotify, TransferEnded Fin,
//!                              TransferEnded FinAtOnce, TransferEnded Lost, TransferEnded Sent,
//!                              TransferEnded StoreFailed, UploadOpened, DataConnect passes, DataStall passes,
//!                              Handshake passes, Settle passes, the session ends
//!              stops           Aborted, the session ends
//!              when it passes  CloseControl, Drop, SendReply
//! ```

use core::time::Duration;

use crate::instant::Instant;

/// What a deadline is for. Each is waited for at most once at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The client logs in.
    LogIn,
    /// The client's next command.
    ControlIdle,
    /// The answer of the accounts or of the store.
    Request,
    /// The data connection is made.
    DataConnect,
    /// A TLS handshake, on one of the connections.
    Handshake,
    /// The next byte on the data connection.
    DataStall,
    /// The end of an upload settles, and then: the driver looks at the control connection.
    Settle,
    /// The store finishes an upload.
    Finish,
    /// The client hears that it still does.
    Patience,
    /// The store aborts an upload.
    Abort,
}

impl Timer {
    pub(crate) const ALL: [Self; 10] = [
        Self::LogIn,
        Self::ControlIdle,
        Self::Request,
        Self::DataConnect,
        Self::Handshake,
        Self::DataStall,
        Self::Settle,
        Self::Finish,
        Self::Patience,
        Self::Abort,
    ];

    /// Those that no transfer leaves running.
    pub(crate) const OF_A_TRANSFER: [Self; 7] = [
        Self::DataConnect,
        Self::Handshake,
        Self::DataStall,
        Self::Settle,
        Self::Finish,
        Self::Patience,
        Self::Abort,
    ];
}

/// The deadlines that are running.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Timers([Option<Instant>; Timer::ALL.len()]);

impl Timers {
    /// Starts a deadline, or starts it again.
    pub(crate) fn start(&mut self, timer: Timer, now: Instant, after: Duration) {
        self.set(timer, Some(now + after));
    }

    pub(crate) fn stop(&mut self, timer: Timer) {
        self.set(timer, None);
    }

    /// Takes a deadline that has passed off the table; to be called until there is none.
    pub(crate) fn pop_elapsed(&mut self, now: Instant) -> Option<Timer> {
        let elapsed = Timer::ALL.into_iter().zip(self.0).find(|(_, at)| at.is_some_and(|at| at <= now));
        elapsed.map(|(timer, _)| {
            self.stop(timer);
            timer
        })
    }

    /// When the first one passes.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }

    /// The deadlines in the order of `Timer::ALL`, for the walk over all states.
    #[cfg(test)]
    pub(crate) const fn all(&self) -> [Option<Instant>; Timer::ALL.len()] {
        self.0
    }

    fn set(&mut self, timer: Timer, at: Option<Instant>) {
        if let Some(slot) = self.0.get_mut(timer as usize) {
            *slot = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_origin(Duration::from_secs(seconds))
    }

    #[test]
    fn the_first_deadline_is_next_and_each_elapses_once() {
        let mut timers = Timers::default();
        assert_eq!(timers.next(), None);
        timers.start(Timer::Finish, at(0), Duration::from_secs(9));
        timers.start(Timer::LogIn, at(1), Duration::from_secs(2));
        assert_eq!(timers.next(), Some(at(3)));
        assert_eq!(timers.pop_elapsed(at(2)), None);
        assert_eq!(timers.pop_elapsed(at(3)), Some(Timer::LogIn));
        assert_eq!(timers.pop_elapsed(at(3)), None);
        timers.start(Timer::Finish, at(5), Duration::from_secs(9));
        assert_eq!(timers.next(), Some(at(14)), "starting again moves it");
        timers.stop(Timer::Finish);
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn every_timer_has_its_own_slot() {
        let mut timers = Timers::default();
        for (i, timer) in Timer::ALL.into_iter().enumerate() {
            timers.start(timer, at(0), Duration::from_secs(i as u64 + 1));
        }
        for (i, timer) in Timer::ALL.into_iter().enumerate() {
            assert_eq!(timers.pop_elapsed(at(i as u64 + 1)), Some(timer));
        }
    }
}
