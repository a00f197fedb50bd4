//! Who the user is (RFC 959 4.1.1).
//!
//! ```text
//!               USER            PASS             logged in
//!   Unnamed ───────────► Named ──────► Asking ────────────────► LoggedIn
//!      ▲                               │  ▲ │ account needed
//!      │            denied             │  │ ▼
//!      └───────────────────────────────┘  AccountWanted   (ACCT asks again)
//! ```
//!
//! `USER` starts again from wherever the machine is, and so does `REIN`. This is what the walk over all states has seen:
//!
//! ```mermaid
//! stateDiagram-v2
//!     [*] --> Unnamed
//!     AccountWanted --> Asking: ACCT
//!     AccountWanted --> Named: USER
//!     AccountWanted --> Unnamed: REIN
//!     Asking --> AccountWanted: Denied AccountNeeded
//!     Asking --> LoggedIn: LoggedIn
//!     Asking --> Unnamed: Denied AccountNeeded, Denied Refused, the session ends
//!     LoggedIn --> Named: USER
//!     LoggedIn --> Unnamed: REIN
//!     Named --> Asking: PASS
//!     Named --> Unnamed: AUTH, REIN
//!     Unnamed --> Named: USER
//! ```

use alloc::{string::String, sync::Arc};

use crate::{
    accounts::{Credentials, Secret},
    config::Endpoints,
};

/// The machine; see [the module](self) for its picture.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Login {
    state: State,
    failures: u32,
    host: Option<String>,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
enum State {
    Unnamed,
    Named { user: String },
    Asking(Credentials),
    AccountWanted(Credentials),
    LoggedIn { user: Arc<str> },
}

/// The command does not fit the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OutOfSequence;

impl Login {
    /// Its state by name, for the walk over all states.
    #[cfg(test)]
    pub(super) const fn state(&self) -> &dyn core::fmt::Debug {
        &self.state
    }

    pub(super) const fn new() -> Self {
        Self { state: State::Unnamed, failures: 0, host: None }
    }

    pub(super) const fn is_logged_in(&self) -> bool {
        matches!(self.state, State::LoggedIn { .. })
    }

    /// The user that is logged in.
    pub(super) fn user(&self) -> Option<&str> {
        match &self.state {
            State::LoggedIn { user } => Some(user),
            _ => None,
        }
    }

    /// Whether the credentials that the accounts are asked with have an account.
    pub(super) const fn has_account(&self) -> bool {
        matches!(&self.state, State::Asking(Credentials { account: Some(_), .. }))
    }

    /// Log-ins that failed on this control connection.
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    /// `HOST`: only before `USER` (RFC 7151 3.2).
    pub(super) fn handle_host(&mut self, host: String) -> Result<(), OutOfSequence> {
        match self.state {
            State::Unnamed => {
                self.host = Some(host);
                Ok(())
            }
            _ => Err(OutOfSequence),
        }
    }

    pub(super) fn handle_user(&mut self, user: String) {
        self.state = State::Named { user };
    }

    /// `PASS`: the credentials to ask the accounts with.
    pub(super) fn handle_pass(
        &mut self,
        password: &[u8],
        control: Endpoints,
    ) -> Result<Credentials, OutOfSequence> {
        let State::Named { user } = &mut self.state else { return Err(OutOfSequence) };
        let credentials = Credentials {
            user: core::mem::take(user),
            password: Secret::new(password),
            account: None,
            host: self.host.clone(),
            peer: control.peer,
            local: control.local,
        };
        self.state = State::Asking(credentials.clone());
        Ok(credentials)
    }

    /// `ACCT`: the credentials to ask the accounts with once more.
    pub(super) fn handle_acct(&mut self, account: &[u8]) -> Result<Credentials, OutOfSequence> {
        let State::AccountWanted(credentials) = &self.state else { return Err(OutOfSequence) };
        let credentials = Credentials { account: Some(Secret::new(account)), ..credentials.clone() };
        self.state = State::Asking(credentials.clone());
        Ok(credentials)
    }

    pub(super) fn handle_accepted(&mut self) {
        if let State::Asking(credentials) = &mut self.state {
            let user = core::mem::take(&mut credentials.user).into();
            self.state = State::LoggedIn { user };
        }
    }

    pub(super) fn handle_refused(&mut self) {
        self.state = State::Unnamed;
        self.failures = self.failures.saturating_add(1);
    }

    pub(super) fn handle_account_needed(&mut self) {
        if let State::Asking(credentials) = core::mem::replace(&mut self.state, State::Unnamed) {
            self.state = State::AccountWanted(credentials);
        }
    }

    /// `AUTH`: the user is forgotten. The host is not, for a certificate may be chosen by it (RFC 7151 3.3).
    pub(super) fn handle_auth(&mut self) {
        self.state = State::Unnamed;
    }

    /// `REIN`: everything is forgotten, but not how often it failed.
    pub(super) fn handle_reinitialise(&mut self) {
        self.state = State::Unnamed;
        self.host = None;
    }
}
