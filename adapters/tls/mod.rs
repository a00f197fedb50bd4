//! TLS for both connections (RFC 4217), by rustls.

#[cfg(feature = "tls")]
mod cleared;
#[cfg(feature = "tls")]
mod clients;
#[cfg(feature = "tls")]
mod error;
#[cfg_attr(not(feature = "tls"), path = "no_handshakes.rs")]
mod handshakes;
#[cfg(feature = "tls")]
mod identity;
#[cfg(feature = "tls")]
mod pem;
#[cfg(feature = "tls")]
mod sessions;
mod stream;

#[cfg(not(feature = "tls"))]
pub(super) use self::handshakes::Tls;
#[cfg(feature = "tls")]
pub use self::{
    clients::{ClientAuthentication, ClientAuthorities},
    error::TlsError,
    handshakes::Tls,
    identity::{Identities, Identity},
};
pub(super) use self::{
    handshakes::{Expected, Handshake, SessionTls},
    stream::Stream,
};
