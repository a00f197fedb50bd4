//! TLS for both connections (RFC 4217), by rustls.
//!
//! ```no_run
//! use sansftp::{
//!     adapters::{
//!         Server,
//!         Tokio,
//!         Users,
//!         stores::Memory,
//!         tls::{Identity, Tls},
//!     },
//!     config::{Config, Settings, TlsRequirement, TlsSettings, TlsStart},
//! };
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! # let users = Users::new().with_user("anna", "secret", Memory::new());
//! let tls = TlsSettings { start: TlsStart::Explicit, requirement: TlsRequirement::Control, ..TlsSettings::default() };
//! let config = Config::new(Settings { tls, ..Settings::default() })?;
//! let tls = Tls::new(Identity::from_files("certificate.pem", "key.pem")?)?;
//! let server = Server::start_with_tls(Tokio, users, config, tls, "127.0.0.1:2121".parse()?)?;
//! # drop(server);
//! # Ok(())
//! # }
//! ```

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
