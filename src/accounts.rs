//! What an embedding program implements to say who may log in: [`Accounts`].

use alloc::{string::String, sync::Arc, vec::Vec};
use core::{fmt, future::Future, net::SocketAddr};

use bytes::Bytes;

use crate::storage::Storage;

/// Turns credentials into that user's own [`Storage`].
pub trait Accounts: Send + Sync + 'static {
    /// The store that a user gets.
    type Storage: Storage;

    /// Logs a user in.
    ///
    /// # Errors
    ///
    /// [`Denied`] says why not, and chooses the reply.
    fn log_in(&self, credentials: &Credentials)
    -> impl Future<Output = Result<Self::Storage, Denied>> + Send;
}

/// The same accounts for several servers.
impl<A: Accounts> Accounts for Arc<A> {
    type Storage = A::Storage;

    fn log_in(
        &self,
        credentials: &Credentials,
    ) -> impl Future<Output = Result<Self::Storage, Denied>> + Send {
        A::log_in(self, credentials)
    }
}

/// What a client has said about itself, by `HOST`, `USER`, `PASS` and `ACCT`, and proved by TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The argument of `USER`.
    pub user: String,
    /// The argument of `PASS`. `None` if the client has a [`certificate`](Self::certificate) and was not asked for a
    /// password: who wants one all the same answers [`Denied::PasswordNeeded`].
    pub password: Option<Secret>,
    /// The argument of `ACCT`, after [`Denied::AccountNeeded`].
    pub account: Option<Secret>,
    /// The certificate that the client has shown in the TLS handshake of its control connection, if it was asked for one.
    /// It says who the client is, not which user: whether the two belong together is for the accounts to say.
    pub certificate: Option<Arc<ClientCertificate>>,
    /// The host that the client wants: the name that it began TLS with, if
    /// [`hosts`](crate::config::Settings::hosts) has it, or the argument of `HOST` (RFC 7151). In lower case.
    pub host: Option<String>,
    /// The client's end of the control connection.
    pub peer: SocketAddr,
    /// The server's end of the control connection.
    pub local: SocketAddr,
}

/// A certificate of a client, signed by an authority that the server trusts. The client has its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The one that it is for, the most specific part first (RFC 4514): `CN=anna,O=Example`.
    pub subject: String,
    /// The common name in it, if there is just one.
    pub common_name: Option<String>,
    /// The certificate and those that the client has sent with it, up to the authority, as DER.
    pub chain: Vec<Bytes>,
}

/// Why a log-in is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// User name or password is wrong, or the user may not log in from there (`530`). The client is not told which.
    #[error("user name or password refused")]
    Refused,
    /// The certificate is not enough: the user has to say a password, too (`331`). Said of credentials that have one, or
    /// an account, it is [`Refused`](Self::Refused). Said only of users who exist, it tells who does.
    #[error("a password is needed")]
    PasswordNeeded,
    /// The user has to say an account, too (`332`). Said of credentials that have one, it is [`Refused`](Self::Refused).
    #[error("an account is needed")]
    AccountNeeded,
    /// The accounts cannot be asked right now (`421`, and the control connection is closed).
    #[error("the accounts are not available")]
    Unavailable,
}

/// Text that no log shows: its `Debug` form is redacted. Not necessarily UTF-8.
///
/// ```
/// use sansftp::accounts::Secret;
///
/// let secret = Secret::new(b"hunter2");
/// assert_eq!(format!("{secret:?}"), "Secret(..)");
/// assert!(secret.matches(b"hunter2") && !secret.matches(b"hunter3"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(alloc::boxed::Box<[u8]>);

impl Secret {
    /// Wraps a copy of `text`.
    #[must_use]
    pub fn new(text: &[u8]) -> Self {
        Self(text.into())
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether it is `other`, in a time that depends on the lengths only.
    #[must_use]
    pub fn matches(&self, other: &[u8]) -> bool {
        let differences = self.0.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b));
        core::hint::black_box(differences) == 0 && self.0.len() == other.len()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn a_secret_is_known_and_not_shown() {
        let secret = Secret::new(b"hunter2");
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert!(secret.matches(b"hunter2"));
        for other in [&b""[..], b"hunter", b"hunter22", b"hunter3", b"Hunter2"] {
            assert!(!secret.matches(other), "{}", other.escape_ascii());
        }
        assert!(Secret::new(b"").matches(b""));
        // Differences that would make up for each other.
        assert!(!Secret::new(b"ab").matches(b"ba") && !Secret::new(b"aa").matches(b"bb"));
    }
}
