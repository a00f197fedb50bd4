//! TLS as it is: rustls on both sides of a world.
//!
//! It draws bytes at random, in the midst of a world that is to be the same one each time. Nobody looks at these bytes,
//! and how many they are never varies: keys and signatures are those of X25519 and Ed25519, and the certificate has a
//! serial number that is given. The clock of TLS stands still, so that neither tickets nor certificates get too old.

use std::{
    io::{self, Read, Write},
    sync::{Arc, LazyLock},
    time::Duration,
};

use futures_rustls::{
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime},
    rustls::{
        ClientConfig, ClientConnection, DEFAULT_VERSIONS, HandshakeKind, RootCertStore, ServerConfig,
        SupportedProtocolVersion, client::Resumption, crypto::ring, time_provider::TimeProvider,
        version::TLS12,
    },
};
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519, SerialNumber};
use sansftp::{
    Config,
    adapters::{Server, tls::Tls},
    config::TlsStart,
};

use super::{store::Store, world::World};

const NAME: &str = "server.test";
const OLD_VERSIONS: &[&SupportedProtocolVersion] = &[&TLS12];

static IDENTITY: LazyLock<(CertificateDer<'static>, PrivateKeyDer<'static>)> = LazyLock::new(|| {
    let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let mut certificate = CertificateParams::new([NAME.to_owned()]).unwrap();
    certificate.serial_number = Some(SerialNumber::from(1));
    let certificate = certificate.self_signed(&key).unwrap();
    (certificate.der().clone(), PrivateKeyDer::Pkcs8(key.serialize_der().into()))
});

/// Any at which the certificate is valid.
const TIME: Duration = Duration::from_secs(1_700_000_000);

#[derive(Debug)]
struct Standstill;

impl TimeProvider for Standstill {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(TIME))
    }
}

/// Starts the server of a world, with TLS if the settings have it.
pub fn start_server(world: &World, store: &Store, config: Config) -> io::Result<Server<World>> {
    let (world, store) = (world.clone(), store.clone());
    if config.tls.start == TlsStart::Never {
        return Server::start(world, store, config, super::play::SERVER.into());
    }
    let (certificate, key) = &*IDENTITY;
    let tls = ServerConfig::builder_with_details(Arc::new(ring::default_provider()), Arc::new(Standstill))
        .with_protocol_versions(DEFAULT_VERSIONS)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.clone_key())
        .unwrap();
    Server::start_with_tls(world, store, config, Tls::from_config(tls), super::play::SERVER.into())
}

/// How a client speaks TLS.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// It knows TLS 1.2 only.
    pub is_old: bool,
    pub resumes: bool,
    /// Bytes of a record that it sends, at most.
    pub record: usize,
}

/// Whom a client trusts, and the TLS sessions that it can resume.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    pub fn new(manner: Manner) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(IDENTITY.0.clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let mut config = ClientConfig::builder_with_details(provider, Arc::new(Standstill))
            .with_protocol_versions(if manner.is_old { OLD_VERSIONS } else { DEFAULT_VERSIONS })
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.max_fragment_size = Some(manner.record);
        if !manner.resumes {
            config.resumption = Resumption::disabled();
        }
        Self(Arc::new(config))
    }
}

/// A client's end of TLS on one connection. It reads and writes records; what carries them is not its business.
pub struct Secure(Box<ClientConnection>);

/// What was in a record.
#[derive(Default)]
pub struct Opened {
    pub bytes: Vec<u8>,
    /// Whether it was the server's `close_notify`.
    pub is_end: bool,
}

impl Secure {
    pub fn new(trust: &Trust) -> Self {
        let name = ServerName::try_from(NAME).unwrap();
        let mut connection = ClientConnection::new(Arc::clone(&trust.0), name).unwrap();
        connection.set_buffer_limit(None);
        Self(Box::new(connection))
    }

    pub fn is_shaking_hands(&self) -> bool {
        self.0.is_handshaking()
    }

    pub fn is_resumed(&self) -> bool {
        self.0.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Bytes for the server; they become records.
    pub fn seal(&mut self, bytes: &[u8]) {
        self.0.writer().write_all(bytes).unwrap();
    }

    pub fn say_close_notify(&mut self) {
        self.0.send_close_notify();
    }

    /// The records that are to be sent.
    pub fn take_records(&mut self) -> Vec<u8> {
        let mut records = Vec::new();
        while self.0.wants_write() {
            self.0.write_tls(&mut records).unwrap();
        }
        records
    }

    /// Opens a whole record; none if it is not what TLS allows.
    pub fn open(&mut self, mut record: &[u8]) -> Option<Opened> {
        let mut opened = Opened::default();
        while !record.is_empty() {
            self.0.read_tls(&mut record).ok()?;
            let state = self.0.process_new_packets().ok()?;
            let mut bytes = vec![0; state.plaintext_bytes_to_read()];
            self.0.reader().read_exact(&mut bytes).ok()?;
            opened.bytes.extend(bytes);
            opened.is_end |= state.peer_has_closed();
        }
        Some(opened)
    }
}
