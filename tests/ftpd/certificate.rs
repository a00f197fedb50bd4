//! The certificate that the example server makes for itself, as clients see it.

use std::{
    io::{BufRead, BufReader, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use futures_rustls::rustls::{
    self, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{self, ring},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use x509_cert::{Certificate, der::Decode};

use super::Running;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Takes any certificate, and keeps it.
#[derive(Debug, Default)]
struct Keep(Mutex<Option<CertificateDer<'static>>>);

impl ServerCertVerifier for Keep {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.0.lock().unwrap() = Some(certificate.clone().into_owned());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        crypto::verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// Begins TLS with the server, under this name of it.
fn shake_hands(
    server: SocketAddr,
    name: &str,
    verifier: impl FnOnce(rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>) -> ClientConfig,
) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(super::PATIENCE))?;
    stream.write_all(b"AUTH TLS\r\n")?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut replies = String::new();
    while !replies.contains("234 ") {
        assert!(reader.read_line(&mut replies)? > 0, "{replies}");
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut connection = ClientConnection::new(Arc::new(verifier(builder)), name).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(())
}

fn certificate_of(server: SocketAddr) -> CertificateDer<'static> {
    let keep = Arc::<Keep>::default();
    let verifier = Arc::<Keep>::clone(&keep);
    shake_hands(server, "anything.test", |builder| {
        builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
    })
    .unwrap();
    keep.0.lock().unwrap().take().unwrap()
}

/// Whether a client that trusts this certificate, and no other, finds it good for this name.
fn is_good_for(server: SocketAddr, certificate: &CertificateDer<'static>, name: &str) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    shake_hands(server, name, |builder| builder.with_root_certificates(roots).with_no_client_auth()).is_ok()
}

fn start(address: &str, options: &[&str]) -> (Running, CertificateDer<'static>) {
    let store = ["--user", "anna:secret", "--store", "memory", "--tls-self-signed"];
    let running = Running::start_at(address, &[&store, options].concat());
    let certificate = certificate_of(loopback(running.address));
    (running, certificate)
}

/// The address by which a server is reached that may listen on all.
fn loopback(listened: SocketAddr) -> SocketAddr {
    SocketAddr::new([127, 0, 0, 1].into(), listened.port())
}

#[test]
fn it_says_what_it_is_and_is_valid_from_yesterday_for_a_year() {
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let before = now();
    let (_running, certificate) = start("127.0.0.1:0", &[]);
    let after = now();
    let certificate = Certificate::from_der(&certificate).unwrap();
    let certificate = certificate.tbs_certificate();
    assert_eq!(certificate.subject().to_string(), "CN=sansftp ftpd\\, self-signed");
    let validity = certificate.validity();
    let (from, to) = (validity.not_before.to_unix_duration(), validity.not_after.to_unix_duration());
    assert_eq!(to - from, 366 * DAY);
    // It is told in whole seconds.
    let made = from + DAY;
    assert!(before.as_secs() <= made.as_secs() && made <= after, "{before:?}, {made:?}, {after:?}");
}

#[test]
fn its_fingerprint_is_printed_as_clients_show_it() {
    let (running, certificate) = start("127.0.0.1:0", &[]);
    let digest = ::ring::digest::digest(&::ring::digest::SHA256, &certificate);
    let bytes: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(running.preface, [format!("certificate SHA-256 {}", bytes.join(":"))]);
}

#[test]
fn a_client_that_trusts_it_finds_every_name_in_it_by_which_it_reaches_the_server() {
    let (running, certificate) = start("127.0.0.1:0", &["--public-ip", "192.0.2.7"]);
    for name in ["localhost", "127.0.0.1", "::1", "192.0.2.7"] {
        assert!(is_good_for(running.address, &certificate, name), "{name}");
    }
    for name in ["example.test", "192.0.2.8"] {
        assert!(!is_good_for(running.address, &certificate, name), "{name}");
    }
}

#[test]
fn where_the_server_listens_on_all_addresses_the_certificate_has_those_of_the_system() {
    let (running, certificate) = start("0.0.0.0:0", &[]);
    let server = loopback(running.address);
    let addresses: Vec<IpAddr> =
        if_addrs::get_if_addrs().unwrap().iter().map(if_addrs::Interface::ip).collect();
    let names = addresses.iter().map(IpAddr::to_string).chain(["localhost".to_owned(), "::1".to_owned()]);
    for name in names {
        assert!(is_good_for(server, &certificate, &name), "{name}");
    }
    let host = gethostname::gethostname().into_string().unwrap();
    let has_others = addresses.iter().any(|address| !address.is_loopback());
    assert_eq!(is_good_for(server, &certificate, &host), has_others || host == "localhost", "{host}");
}
