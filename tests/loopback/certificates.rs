//! Clients that prove themselves by a certificate, and hosts that have one each.

use std::{
    io::{ErrorKind, Write},
    sync::Arc,
};

use futures_rustls::{
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
    rustls::{self, ClientConfig, SupportedProtocolVersion, version::TLS12},
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use sansftp::{
    Config, SessionReuse, Settings, TlsRequirement, TlsSettings, TlsStart,
    adapters::{
        Server, Users,
        stores::Memory,
        tls::{ClientAuthentication, ClientAuthorities, Identities, Identity, Tls},
    },
};

use super::{
    hosts::Host,
    running::{Running, sample},
    secure::{SecureClient, authenticate, identity, trust},
};

const VERSIONS: [&[&SupportedProtocolVersion]; 2] = [rustls::DEFAULT_VERSIONS, &[&TLS12]];

/// Somebody who vouches for clients.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    authorities: ClientAuthorities,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let authorities = ClientAuthorities::from_pem(certificate.pem().as_bytes()).unwrap();
        Self { issuer: Issuer::new(params, key), authorities }
    }

    /// A client that trusts the server, and has a certificate for this name.
    fn client(
        &self,
        name: &str,
        server: &CertificateDer<'static>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ClientConfig> {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.distinguished_name.push(DnType::OrganizationName, "Example, Inc.");
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        authenticate(server, versions, certificate.der().clone(), key)
    }
}

/// A server for `anna`, who has a password, and `otto`, who has a certificate.
fn start<H: Host>(
    identity: Identity,
    authority: &Authority,
    clients: ClientAuthentication,
    session_reuse: SessionReuse,
) -> Running<H> {
    let tls = Tls::with_client_authorities(identity, &authority.authorities, clients).unwrap();
    let store = Memory::new();
    Running::start_by(
        |runtime, users, config, address| {
            let users = users.with_certificate_user("otto", store.clone());
            Server::start_with_tls(runtime, users, config, tls, address)
        },
        store.clone(),
        Settings { tls: settings(session_reuse), ..Settings::default() },
    )
}

fn settings(session_reuse: SessionReuse) -> TlsSettings {
    TlsSettings {
        start: TlsStart::Explicit,
        requirement: TlsRequirement::Control,
        session_reuse,
        handshake_timeout: super::running::PATIENCE,
        ..TlsSettings::default()
    }
}

/// Whether the server is content with the client. Under TLS 1.3 that shows when it answers.
fn is_accepted(client: &mut SecureClient) -> bool {
    client.control.write_all(b"NOOP\r\n").is_ok() && client.read().is_ok()
}

fn protect_data(client: &mut SecureClient) {
    for command in ["TYPE I", "PBSZ 0", "PROT P"] {
        assert!(client.ask(command).starts_with("200 "));
    }
}

pub(crate) fn a_certificate_stands_for_its_users_password<H: Host>() {
    let (identity, certificate) = identity();
    let authority = Authority::new();
    let running = start::<H>(identity, &authority, ClientAuthentication::Optional, SessionReuse::Offer);
    for versions in VERSIONS {
        let config = authority.client("otto", &certificate, versions);
        let mut otto = SecureClient::connect(running.address, &config, TlsStart::Explicit);
        assert!(otto.ask("USER anna").starts_with("331 "), "this is another user's");
        assert!(otto.ask("PASS otto").starts_with("530 "));
        assert!(otto.ask("USER otto").starts_with("232 "));
        protect_data(&mut otto);
        for length in [0, 100_000] {
            assert!(otto.put("file", &sample(length)).starts_with("226 "));
            assert_eq!(otto.get("RETR file"), sample(length));
        }
        assert!(otto.ask("USER anna").starts_with("331 "));
        assert!(otto.ask("PASS secret").starts_with("230 "), "but the password is right");

        let mut nobody =
            SecureClient::connect(running.address, &trust(&certificate, versions), TlsStart::Explicit);
        assert!(nobody.ask("USER otto").starts_with("331 "));
        assert!(nobody.ask("PASS otto").starts_with("530 "));
        assert!(nobody.ask("USER anna").starts_with("331 "));
        assert!(nobody.ask("PASS secret").starts_with("230 "));
    }
}

pub(crate) fn nobody_comes_in_without_the_certificate_that_is_required<H: Host>() {
    let (identity, certificate) = identity();
    let (authority, stranger) = (Authority::new(), Authority::new());
    let running =
        start::<H>(identity.clone(), &authority, ClientAuthentication::Required, SessionReuse::Offer);
    for versions in VERSIONS {
        for (config, is_right) in [
            (authority.client("otto", &certificate, versions), true),
            (stranger.client("otto", &certificate, versions), false),
            (trust(&certificate, versions), false),
        ] {
            let mut client = SecureClient::connect(running.address, &config, TlsStart::Explicit);
            assert_eq!(is_accepted(&mut client), is_right);
        }
    }

    // Where it is optional, a wrong one is still wrong.
    let running = start::<H>(identity, &authority, ClientAuthentication::Optional, SessionReuse::Offer);
    let config = stranger.client("otto", &certificate, rustls::DEFAULT_VERSIONS);
    assert!(!is_accepted(&mut SecureClient::connect(running.address, &config, TlsStart::Explicit)));
}

/// Not even another certificate of the same user will do.
pub(crate) fn data_connections_show_the_certificate_of_their_control_connection<H: Host>() {
    let (identity, certificate) = identity();
    let authority = Authority::new();
    let running = start::<H>(identity, &authority, ClientAuthentication::Optional, SessionReuse::Off);
    for versions in VERSIONS {
        let config = authority.client("otto", &certificate, versions);
        let mut otto = SecureClient::connect(running.address, &config, TlsStart::Explicit);
        assert!(otto.ask("USER otto").starts_with("232 "));
        protect_data(&mut otto);
        assert!(otto.put("file", b"content").starts_with("226 "));
        for other in [trust(&certificate, versions), authority.client("otto", &certificate, versions)] {
            otto.config = other;
            assert!(otto.put("file", b"stolen").starts_with("522 "));
        }
        otto.config = config;
        assert_eq!(otto.get("RETR file"), b"content");
    }
}

/// What is required of clients has to be required of all.
pub(crate) fn a_certificate_that_could_be_avoided_is_a_mistake<H: Host>() {
    let host = H::start();
    let authority = Authority::new();
    let tls =
        Tls::with_client_authorities(identity().0, &authority.authorities, ClientAuthentication::Required)
            .unwrap();
    let tls_settings = TlsSettings { requirement: TlsRequirement::Nothing, ..settings(SessionReuse::Offer) };
    let config = Config::new(Settings { tls: tls_settings, ..Settings::default() }).unwrap();
    let users = Users::<Memory>::new();
    let started = host.block_on(async {
        Server::start_with_tls(host.runtime(), users, config, tls, "127.0.0.1:0".parse().unwrap())
    });
    assert_eq!(started.map(drop).map_err(|error| error.kind()), Err(ErrorKind::InvalidInput));
}

/// By the name that TLS begins with, in whatever case.
pub(crate) fn each_host_has_its_own_identity<H: Host>() {
    let (main, main_certificate) = identity();
    let (other, other_certificate) = super::secure::identity_of("ftp.example.org");
    let tls = Tls::new(Identities::new(main).with_host("FTP.example.org", other)).unwrap();
    let running = Running::<H>::start_by(
        |runtime, users, config, address| Server::start_with_tls(runtime, users, config, tls, address),
        Memory::new(),
        Settings { tls: settings(SessionReuse::Offer), ..Settings::default() },
    );
    for (name, certificate, elsewhere) in [
        ("localhost", main_certificate, "ftp.example.org"),
        ("ftp.Example.org", other_certificate, "localhost"),
    ] {
        let config = trust(&certificate, rustls::DEFAULT_VERSIONS);
        let mut client = SecureClient::connect_to(name, running.address, &config, TlsStart::Explicit);
        assert!(client.ask(&format!("HOST {elsewhere}")).starts_with("504 "));
        assert!(client.ask(&format!("HOST {name}")).starts_with("220 "));
    }
}
