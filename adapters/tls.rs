//! TLS for both connections (RFC 4217), by rustls.
//!
//! ```no_run
//! use sansftp::{
//!     adapters::{server::Server, stores::Memory, tls::Tls, tokio::Tokio, users::Users},
//!     config::{Config, Settings, TlsRequirement, TlsSettings, TlsStart},
//! };
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let tls = TlsSettings { start: TlsStart::OnAuth, requirement: TlsRequirement::Control, ..TlsSettings::default() };
//! let config = Config::new(Settings { tls, ..Settings::default() })?;
//! let identity = Tls::from_files("certificate.pem", "key.pem")?;
//! let users = Users::new().with_user("anna", "secret", Memory::new());
//! let server = Server::start_with_tls(Tokio, users, config, identity, "127.0.0.1:2121".parse()?)?;
//! # drop(server);
//! # Ok(())
//! # }
//! ```

mod cleared;
mod sessions;

use std::{
    boxed::Box,
    fs,
    future::Future,
    io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    vec::Vec,
};

use futures_io::{AsyncRead, AsyncWrite};
use futures_rustls::{
    TlsAcceptor,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    rustls::{self, HandshakeKind, ServerConfig, crypto::ring, server::NoServerSessionStorage},
};

pub(super) use futures_rustls::server::TlsStream;

pub(super) use self::cleared::Cleared;
use self::sessions::{CONTROL_TICKETS, ControlSessions, NoTickets};
use super::stream::Stream;
use crate::{
    config::SessionReuse,
    session::{Direction, Resumption},
};

/// The protocols of ALPN that a server takes on each connection. A client that names others only meant to speak to
/// another server, and somebody in between led it here; one that names none is welcome.
const CONTROL_PROTOCOLS: [&[u8]; 1] = [b"ftp"];
const DATA_PROTOCOLS: [&[u8]; 2] = [b"ftp-data", b"ftp"];
/// Tickets that a client gets on each data connection that it reads: one is for the next data connection, one makes
/// up for those on which it gets none.
const RETRIEVE_TICKETS: usize = 2;

/// What a server proves itself with to its clients: certificates and a key.
#[derive(Debug, Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
}

impl Tls {
    /// Reads a chain of certificates, the server's own first, and its key from files in the PEM format.
    ///
    /// # Errors
    ///
    /// [`TlsError`] says which file is not usable, and why.
    pub fn from_files(certificates: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, TlsError> {
        let read = |path: &Path| {
            fs::read(path).map_err(|error| TlsError::Unreadable { path: PathBuf::from(path), error })
        };
        Self::from_pem(&read(certificates.as_ref())?, &read(key.as_ref())?)
    }

    /// The same from texts in the PEM format.
    ///
    /// # Errors
    ///
    /// [`TlsError`] says what is not usable, and why.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<_, _>>()
            .map_err(TlsError::Certificates)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(TlsError::Key)?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Ok(Self::from_config(config))
    }

    /// A configuration of rustls, for what the other ways do not give: a certificate for each name, one that can be
    /// replaced while the server runs, other cryptography. Session storage, tickets and ALPN are set for each control
    /// connection anew, whatever it says of them.
    #[must_use]
    pub fn from_config(config: ServerConfig) -> Self {
        Self { config: Arc::new(config) }
    }
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The certificates are not in the PEM format.
    #[error("the certificates are not usable: {0}")]
    Certificates(#[source] pem::Error),
    /// The key is not in the PEM format.
    #[error("the key is not usable: {0}")]
    Key(#[source] pem::Error),
    /// Certificates and key cannot be used together, or not at all.
    #[error("TLS cannot be set up: {0}")]
    Unusable(#[from] rustls::Error),
}

/// TLS of one control connection and its data connections.
///
/// They have TLS sessions of their own, which nobody else can resume: a data connection that resumes one belongs to the
/// client of the control connection.
#[derive(Debug)]
pub(super) struct SessionTls {
    control: Arc<ServerConfig>,
    retrieve: Arc<ServerConfig>,
    store: Arc<ServerConfig>,
}

/// A handshake, and what it makes.
pub(super) type Handshake<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

impl SessionTls {
    pub(super) fn new(tls: &Tls, reuse: SessionReuse) -> Self {
        let mut config = ServerConfig::clone(&tls.config);
        config.ticketer = Arc::new(NoTickets);
        config.session_storage = match reuse {
            SessionReuse::Off => Arc::new(NoServerSessionStorage {}),
            SessionReuse::Offer | SessionReuse::Require => Arc::new(ControlSessions::default()),
        };
        let with = |tickets, protocols: &[&[u8]]| {
            let mut config = config.clone();
            config.send_tls13_tickets = if reuse == SessionReuse::Off { 0 } else { tickets };
            config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
            Arc::new(config)
        };
        Self {
            control: with(CONTROL_TICKETS, &CONTROL_PROTOCOLS),
            retrieve: with(RETRIEVE_TICKETS, &DATA_PROTOCOLS),
            // A client that only sends need not read. It would leave the tickets in its socket, whose close is then a
            // reset, and that takes the end of the file with it.
            store: with(0, &DATA_PROTOCOLS),
        }
    }

    /// The server's part of the handshake on the control connection.
    pub(super) fn accept_control<S>(&self, stream: S) -> Handshake<Stream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let accepted = TlsAcceptor::from(Arc::clone(&self.control)).accept(stream);
        Box::pin(async move { Ok(Stream::Secure(Box::new(accepted.await?))) })
    }

    /// The server's part of the handshake on a data connection.
    pub(super) fn accept_data<S>(&self, stream: S, direction: Direction) -> Handshake<(Stream<S>, Resumption)>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let config = match direction {
            Direction::Retrieve => &self.retrieve,
            Direction::Store => &self.store,
        };
        let accepted = TlsAcceptor::from(Arc::clone(config)).accept(stream);
        Box::pin(async move {
            let stream = accepted.await?;
            let resumption = match stream.get_ref().1.handshake_kind() {
                Some(HandshakeKind::Resumed) => Resumption::OfControl,
                _ => Resumption::None,
            };
            Ok((Stream::Secure(Box::new(stream)), resumption))
        })
    }
}
