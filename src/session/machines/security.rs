//! How TLS protects the connections (RFC 2228, RFC 4217).
//!
//! ```text
//!           AUTH              the handshake succeeds            CCC
//!   Clear ───────► Securing ─────────────────────────► Secured ─────► Cleared
//!     ▲               │ fails: the session ends          │  │ ▲          │
//!     │               ▼                                  │  └─┘          │
//!     │                                                  │  PBSZ, PROT   │
//!     └──────────────────────────────────────────────────┴───────────────┘
//!                                  REIN
//! ```
//!
//! Where TLS begins at once, the machine begins in `Securing`. What is agreed for data connections outlives `CCC`.
//! After `CCC`, `AUTH` begins again. This is what the walk over all states has seen:
//!
//! ```mermaid
//! stateDiagram-v2
//!     [*] --> Clear
//!     Clear --> Securing: AUTH
//!     Cleared --> Clear: REIN
//!     Cleared --> Securing: AUTH
//!     Secured --> Clear: REIN
//!     Secured --> Cleared: CCC
//!     Securing --> Secured: ControlSecured
//! ```

use crate::config::TlsStart;

/// The machine; see [the module](self) for its picture.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Security(State);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Clear,
    Securing(DataProtection),
    Secured(DataProtection),
    Cleared(DataProtection),
}

/// What is agreed for data connections: the protection level of RFC 2228, of which TLS has two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataProtection {
    /// Nothing: `PBSZ` has to come first. They are clear.
    NotAgreed,
    Clear,
    Private,
}

/// The command does not fit the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutOfSequence;

impl Security {
    /// Its state by name, for the walk over all states.
    #[cfg(test)]
    pub(crate) const fn state(&self) -> &dyn core::fmt::Debug {
        &self.0
    }

    pub(crate) const fn new(start: TlsStart) -> Self {
        Self(match start {
            TlsStart::Never | TlsStart::Explicit => State::Clear,
            TlsStart::Implicit => State::Securing(DataProtection::Private),
        })
    }

    /// Whether a handshake is awaited on the control connection.
    pub(crate) const fn is_securing(&self) -> bool {
        matches!(self.0, State::Securing(_))
    }

    /// Whether TLS protects the control connection.
    pub(crate) const fn is_secured(&self) -> bool {
        matches!(self.0, State::Secured(_))
    }

    /// Whether data connections are protected.
    pub(crate) const fn protects_data(&self) -> bool {
        matches!(self.0, State::Secured(DataProtection::Private) | State::Cleared(DataProtection::Private))
    }

    /// `AUTH`, where TLS does not protect the control connection.
    pub(crate) const fn handle_auth(&mut self, protection: DataProtection) {
        self.0 = State::Securing(protection);
    }

    /// The handshake has succeeded. `false` if nobody waits for it.
    pub(crate) const fn handle_secured(&mut self) -> bool {
        let State::Securing(protection) = self.0 else { return false };
        self.0 = State::Secured(protection);
        true
    }

    /// `PBSZ`: TLS has no buffer size to agree upon, but `PROT` wants to be preceded (RFC 4217 9).
    pub(crate) const fn handle_pbsz(&mut self) -> Result<(), OutOfSequence> {
        match &mut self.0 {
            State::Secured(protection @ DataProtection::NotAgreed) => {
                *protection = DataProtection::Clear;
                Ok(())
            }
            State::Secured(_) => Ok(()),
            _ => Err(OutOfSequence),
        }
    }

    /// `PROT`.
    pub(crate) const fn handle_prot(&mut self, wanted: DataProtection) -> Result<(), OutOfSequence> {
        match &mut self.0 {
            State::Secured(protection @ (DataProtection::Clear | DataProtection::Private)) => {
                *protection = wanted;
                Ok(())
            }
            _ => Err(OutOfSequence),
        }
    }

    /// `CCC`: only where TLS protects the control connection.
    pub(crate) const fn handle_ccc(&mut self) -> Result<(), OutOfSequence> {
        let State::Secured(protection) = self.0 else { return Err(OutOfSequence) };
        self.0 = State::Cleared(protection);
        Ok(())
    }

    /// `REIN` (RFC 4217 11): whether TLS has to end on the control connection. Where it began at once, it stays.
    pub(crate) const fn handle_reinitialise(&mut self, start: TlsStart) -> bool {
        let was_secured = self.is_secured();
        self.0 = match start {
            TlsStart::Never | TlsStart::Explicit => State::Clear,
            TlsStart::Implicit => State::Secured(DataProtection::Private),
        };
        was_secured && !self.is_secured()
    }
}
