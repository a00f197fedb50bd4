//! The server's part of the handshakes on both connections.

use std::{
    boxed::Box,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
};

use futures_io::{AsyncRead, AsyncWrite};
use futures_rustls::{
    LazyConfigAcceptor, TlsAcceptor,
    rustls::{
        HandshakeKind, ServerConfig, ServerConnection,
        crypto::ring,
        server::{
            Acceptor, NoServerSessionStorage, StoresServerSessions, WebPkiClientVerifier,
            danger::ClientCertVerifier,
        },
    },
};

use super::{
    clients::{self, ClientAuthentication, ClientAuthorities},
    error::TlsError,
    identity::Identities,
    sessions::{CONTROL_TICKETS, ControlSessions, DataSessions, NoTickets},
    stream::Stream,
};
use crate::{
    accounts::ClientCertificate,
    config::SessionReuse,
    session::{Direction, Resumption, TlsClient},
};

/// The protocols of ALPN that a server takes on each connection. A client that names others only meant to speak to
/// another server, and somebody in between led it here; one that names none is welcome.
const CONTROL_PROTOCOLS: [&[u8]; 1] = [b"ftp"];
const DATA_PROTOCOLS: [&[u8]; 2] = [b"ftp-data", b"ftp"];
/// Tickets that a client gets on each data connection that it reads: one is for the next data connection, one makes
/// up for those on which it gets none.
const RETRIEVE_TICKETS: usize = 2;

/// TLS as a server offers it.
///
/// ```no_run
/// use sansftp::{
///     adapters::{
///         Server,
///         Tokio,
///         Users,
///         stores::Memory,
///         tls::{Identity, Tls},
///     },
///     config::{Config, Settings, TlsRequirement, TlsSettings, TlsStart},
/// };
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// # let users = Users::new().with_user("anna", "secret", Memory::new());
/// let tls = TlsSettings { start: TlsStart::Explicit, requirement: TlsRequirement::Control, ..TlsSettings::default() };
/// let config = Config::new(Settings { tls, ..Settings::default() })?;
/// let tls = Tls::new(Identity::from_files("certificate.pem", "key.pem")?)?;
/// let server = Server::start_with_tls(Tokio, users, config, tls, "127.0.0.1:2121".parse()?)?;
/// # drop(server);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    clients: ClientAuthentication,
}

impl Tls {
    /// TLS 1.2 and 1.3 with what rustls takes for safe, for a server that has one identity, or one for each host. Clients
    /// are not asked for certificates.
    ///
    /// # Errors
    ///
    /// [`TlsError::Unusable`] if the cryptography cannot be set up.
    pub fn new(identities: impl Into<Identities>) -> Result<Self, TlsError> {
        let verifier = WebPkiClientVerifier::no_client_auth();
        Self::with_verifier(identities.into(), verifier, ClientAuthentication::Optional)
    }

    /// The same, and clients are asked for certificates.
    ///
    /// That of a control connection reaches [`Credentials::certificate`](crate::accounts::Credentials::certificate). A
    /// data connection of its session has to show the same one, or to resume its TLS session. What certificates are good
    /// for is up to the [`Accounts`](crate::accounts::Accounts): by itself, none lets anybody in.
    ///
    /// # Errors
    ///
    /// [`TlsError`] says what cannot be set up.
    pub fn with_client_authorities(
        identities: impl Into<Identities>,
        authorities: &ClientAuthorities,
        clients: ClientAuthentication,
    ) -> Result<Self, TlsError> {
        Self::with_verifier(identities.into(), authorities.verifier(clients)?, clients)
    }

    fn with_verifier(
        identities: Identities,
        verifier: Arc<dyn ClientCertVerifier>,
        clients: ClientAuthentication,
    ) -> Result<Self, TlsError> {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(identities));
        Ok(Self { config: Arc::new(config), clients })
    }

    /// A configuration of rustls, for what [`new`](Self::new) does not give: other cryptography, lists of certificates
    /// that were revoked. Session storage, tickets, ALPN and early data are as FTP needs them, whatever it says of them.
    /// If it demands certificates of clients, see to it that they have to use TLS.
    #[must_use]
    pub fn from_config(config: ServerConfig) -> Self {
        Self { config: Arc::new(config), clients: ClientAuthentication::Optional }
    }

    /// Whether nobody can log in by TLS without a certificate.
    pub(in crate::adapters) fn requires_certificates(&self) -> bool {
        self.clients == ClientAuthentication::Required
    }
}

/// TLS of one control connection and its data connections.
///
/// They have TLS sessions of their own, which nobody else can resume: a data connection that resumes one belongs to the
/// client of the control connection.
#[derive(Debug, Clone)]
pub(in crate::adapters) struct SessionTls {
    config: Arc<ServerConfig>,
    reuse: SessionReuse,
    sessions: Arc<ControlSessions>,
    /// The certificate of the control connection, which data connections have to show.
    certificate: Option<Arc<ClientCertificate>>,
}

/// A handshake, and what it makes.
pub(in crate::adapters) type Handshake<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;
/// Which way the transfer goes that a data connection is for, once its command has come.
pub(in crate::adapters) type Expected = Arc<OnceLock<Direction>>;

impl SessionTls {
    pub(in crate::adapters) fn new(tls: &Tls, reuse: SessionReuse) -> Self {
        Self { config: Arc::clone(&tls.config), reuse, sessions: Arc::default(), certificate: None }
    }

    /// For one connection of this session: its client gets so many tickets, and may ask for these protocols.
    fn connection_config(
        &self,
        tickets: usize,
        protocols: &[&[u8]],
        sessions: Arc<dyn StoresServerSessions>,
    ) -> Arc<ServerConfig> {
        let mut config = ServerConfig::clone(&self.config);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        config.ticketer = Arc::new(NoTickets);
        // It could be repeated by whoever has seen it.
        config.max_early_data_size = 0;
        match self.reuse {
            SessionReuse::Off => {
                config.session_storage = Arc::new(NoServerSessionStorage {});
                config.send_tls13_tickets = 0;
            }
            SessionReuse::Offer | SessionReuse::Require => {
                config.session_storage = sessions;
                config.send_tls13_tickets = tickets;
            }
        }
        Arc::new(config)
    }

    /// The handshake on the control connection has told who the client is.
    pub(in crate::adapters) fn handle_control_secured(&mut self, client: &TlsClient) {
        self.certificate.clone_from(&client.certificate);
    }

    /// The server's part of the handshake on the control connection.
    pub(in crate::adapters) fn accept_control<S>(&self, stream: S) -> Handshake<(Stream<S>, TlsClient)>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let sessions = Arc::<ControlSessions>::clone(&self.sessions);
        let config = self.connection_config(CONTROL_TICKETS, &CONTROL_PROTOCOLS, sessions);
        let accepted = TlsAcceptor::from(config).accept(stream);
        Box::pin(async move {
            let stream = accepted.await?;
            let client = clients::describe(stream.get_ref().1)?;
            Ok((Stream::Secure(Box::new(stream)), client))
        })
    }

    /// The server's part of the handshake on a data connection, which its client may begin before its command. What is
    /// expected by then decides on the tickets.
    pub(in crate::adapters) fn accept_data<S>(
        &self,
        stream: S,
        expected: Expected,
    ) -> Handshake<(Stream<S>, Resumption)>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let tls = self.clone();
        Box::pin(async move {
            let begun = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
            let tickets = match expected.get() {
                Some(Direction::Retrieve) => RETRIEVE_TICKETS,
                // A client that only sends need not read. It would leave the tickets in its socket, whose close is then
                // a reset, and that takes the end of the file with it.
                Some(Direction::Store) | None => 0,
            };
            let sessions = Arc::new(DataSessions::new(&tls.sessions));
            let storage = Arc::<DataSessions>::clone(&sessions);
            let config = tls.connection_config(tickets, &DATA_PROTOCOLS, storage);
            let stream = begun.into_stream(config).await?;
            if tls.certificate.is_some_and(|certificate| !has_shown(stream.get_ref().1, &certificate)) {
                let why = "the data connection does not show the certificate of its control connection";
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
            }
            let resumption = match stream.get_ref().1.handshake_kind() {
                Some(HandshakeKind::Resumed) => {
                    sessions.handle_resumed();
                    Resumption::OfControl
                }
                _ => Resumption::None,
            };
            Ok((Stream::Secure(Box::new(stream)), resumption))
        })
    }
}

/// Whether the client of a connection has this certificate, by this handshake or by the one that it resumes.
fn has_shown(connection: &ServerConnection, certificate: &ClientCertificate) -> bool {
    let shown = connection.peer_certificates().and_then(<[_]>::first);
    shown.map(AsRef::as_ref) == certificate.chain.first().map(AsRef::as_ref)
}
