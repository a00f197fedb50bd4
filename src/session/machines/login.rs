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
//! `USER` starts again from wherever the machine is, and so does `REIN`. A client that has shown a certificate goes from
//! `USER` to `Asking` at once, and to `Named` if it needs a password all the same. This is what the walk over all states
//! has seen:
//!
//! ```mermaid
//! stateDiagram-v2
//!     [*] --> Unnamed
//!     AccountWanted --> Asking: ACCT, USER
//!     AccountWanted --> Named: USER
//!     AccountWanted --> Unnamed: CCC, REIN
//!     Asking --> AccountWanted: Denied AccountNeeded
//!     Asking --> LoggedIn: LoggedIn
//!     Asking --> Named: Denied PasswordNeeded
//!     Asking --> Unnamed: Denied AccountNeeded, Denied PasswordNeeded, Denied Refused, the session ends
//!     LoggedIn --> Asking: USER
//!     LoggedIn --> Named: USER
//!     LoggedIn --> Unnamed: AUTH, REIN
//!     Named --> Asking: PASS, USER
//!     Named --> Unnamed: AUTH, REIN
//!     Unnamed --> Asking: USER
//!     Unnamed --> Named: USER
//! ```

use alloc::{string::String, sync::Arc};

use crate::{
    accounts::{ClientCertificate, Credentials, Denied, Secret},
    config::Endpoints,
};

/// The machine; see [the module](self) for its picture.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Login {
    state: State,
    failures: u32,
    host: Host,
    certificate: Option<Arc<ClientCertificate>>,
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

/// The host that the client wants, by the last that said it.
#[derive(Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(Clone))]
enum Host {
    Unnamed,
    /// By `HOST`.
    Said(String),
    /// By TLS, whose certificate was for it: there can be no other one.
    Secured(String),
}

/// What follows from an answer of the accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum LoginEffect {
    /// Nothing: nobody has asked.
    Nothing,
    /// The user is logged in.
    Accept,
    /// The user is logged in, by a certificate alone.
    AcceptCertificate,
    AskPassword,
    AskAccount,
    /// The log-in has failed, as so many have on this control connection.
    Refuse {
        failures: u32,
    },
    /// Nobody can log in.
    Close,
}

/// Why there can be no other host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostRefused {
    OutOfSequence,
    /// TLS began for another one.
    Secured,
}

/// The command does not fit the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutOfSequence;

impl Login {
    /// Its state by name, for the walk over all states.
    #[cfg(test)]
    pub(crate) const fn state(&self) -> &dyn core::fmt::Debug {
        &self.state
    }

    pub(crate) const fn new() -> Self {
        Self { state: State::Unnamed, failures: 0, host: Host::Unnamed, certificate: None }
    }

    pub(crate) const fn is_logged_in(&self) -> bool {
        matches!(self.state, State::LoggedIn { .. })
    }

    /// The user that is logged in.
    pub(crate) fn user(&self) -> Option<&str> {
        match &self.state {
            State::LoggedIn { user } => Some(user),
            _ => None,
        }
    }

    /// Whether the client has shown a certificate on the control connection.
    pub(crate) const fn has_certificate(&self) -> bool {
        self.certificate.is_some()
    }

    /// `HOST`: only before `USER` (RFC 7151 3.2).
    pub(crate) fn handle_host(&mut self, host: String) -> Result<(), HostRefused> {
        match (&self.state, &self.host) {
            (State::Unnamed, Host::Secured(secured)) if *secured != host => Err(HostRefused::Secured),
            (State::Unnamed, Host::Secured(_)) => Ok(()),
            (State::Unnamed, Host::Unnamed | Host::Said(_)) => {
                self.host = Host::Said(host);
                Ok(())
            }
            _ => Err(HostRefused::OutOfSequence),
        }
    }

    /// `USER`: the credentials to ask the accounts with, if there are some without a password.
    pub(crate) fn handle_user(&mut self, user: String, control: Endpoints) -> Option<Credentials> {
        if self.certificate.is_none() {
            self.state = State::Named { user };
            return None;
        }
        Some(self.begin_asking(user, None, control))
    }

    /// `PASS`: the credentials to ask the accounts with.
    pub(crate) fn handle_pass(
        &mut self,
        password: &[u8],
        control: Endpoints,
    ) -> Result<Credentials, OutOfSequence> {
        let State::Named { user } = &mut self.state else { return Err(OutOfSequence) };
        let user = core::mem::take(user);
        Ok(self.begin_asking(user, Some(Secret::new(password)), control))
    }

    fn begin_asking(&mut self, user: String, password: Option<Secret>, control: Endpoints) -> Credentials {
        let host = match &self.host {
            Host::Unnamed => None,
            Host::Said(host) | Host::Secured(host) => Some(host.clone()),
        };
        let Endpoints { peer, local } = control;
        let certificate = self.certificate.clone();
        let credentials = Credentials { user, password, account: None, certificate, host, peer, local };
        self.state = State::Asking(credentials.clone());
        credentials
    }

    /// `ACCT`: the credentials to ask the accounts with once more.
    pub(crate) fn handle_acct(&mut self, account: &[u8]) -> Result<Credentials, OutOfSequence> {
        let State::AccountWanted(credentials) = &self.state else { return Err(OutOfSequence) };
        let credentials = Credentials { account: Some(Secret::new(account)), ..credentials.clone() };
        self.state = State::Asking(credentials.clone());
        Ok(credentials)
    }

    /// The accounts have let the user in.
    pub(crate) fn handle_accepted(&mut self) -> LoginEffect {
        let State::Asking(credentials) = &mut self.state else { return LoginEffect::Nothing };
        let has_said_nothing = credentials.password.is_none() && credentials.account.is_none();
        let user = core::mem::take(&mut credentials.user).into();
        self.state = State::LoggedIn { user };
        if has_said_nothing { LoginEffect::AcceptCertificate } else { LoginEffect::Accept }
    }

    /// The accounts have not let the user in. What it has given already is not asked for again: RFC 959 5.4 has no 332 for
    /// `ACCT`, and without the count of failures accounts could be guessed without an end.
    pub(crate) fn handle_denied(&mut self, why: Denied) -> LoginEffect {
        let State::Asking(credentials) = &mut self.state else { return LoginEffect::Nothing };
        let (has_password, has_account) = (credentials.password.is_some(), credentials.account.is_some());
        match why {
            Denied::PasswordNeeded if !has_password && !has_account => {
                let user = core::mem::take(&mut credentials.user);
                self.state = State::Named { user };
                LoginEffect::AskPassword
            }
            Denied::AccountNeeded if !has_account => {
                if let State::Asking(credentials) = core::mem::replace(&mut self.state, State::Unnamed) {
                    self.state = State::AccountWanted(credentials);
                }
                LoginEffect::AskAccount
            }
            Denied::Refused | Denied::PasswordNeeded | Denied::AccountNeeded => {
                self.state = State::Unnamed;
                self.failures = self.failures.saturating_add(1);
                LoginEffect::Refuse { failures: self.failures }
            }
            Denied::Unavailable => LoginEffect::Close,
        }
    }

    /// `AUTH`: the user is forgotten.
    pub(crate) fn handle_auth(&mut self) {
        self.state = State::Unnamed;
    }

    /// TLS protects the control connection: the client is who the handshake says, and wants the host that it says.
    /// What `HOST` has said in clear may be another's word.
    pub(crate) fn handle_secured(
        &mut self,
        host: Option<String>,
        certificate: Option<Arc<ClientCertificate>>,
    ) {
        self.certificate = certificate;
        self.host = host.map_or(Host::Unnamed, Host::Secured);
    }

    /// TLS has ended on the control connection: anybody may speak in the client's place from here on.
    pub(crate) fn handle_cleared(&mut self) {
        self.certificate = None;
        if let State::AccountWanted(Credentials { certificate: Some(_), .. }) = self.state {
            self.state = State::Unnamed;
        }
        if let Host::Secured(_) = self.host {
            self.host = Host::Unnamed;
        }
    }

    /// `REIN`: everything that the client has said is forgotten, but not how often it failed.
    pub(crate) fn handle_reinitialise(&mut self) {
        self.state = State::Unnamed;
        if let Host::Said(_) = self.host {
            self.host = Host::Unnamed;
        }
    }
}
