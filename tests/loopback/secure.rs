//! A client that speaks TLS, and what the server proves itself with to it.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::Arc,
};

use futures_rustls::{
    pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName},
    rustls::{
        self, ClientConfig, ClientConnection, ConfigBuilder, RootCertStore, StreamOwned,
        SupportedProtocolVersion, client::WantsClientCert, crypto::ring,
    },
};
use sansftp::{
    Settings, Storage, TlsSettings, TlsStart,
    adapters::{
        Server,
        tls::{Identity, Tls},
    },
};

use super::{
    hosts::Host,
    running::{Running, connect},
};

/// An identity, and the certificate that a client has to trust.
pub(crate) fn identity() -> (Identity, CertificateDer<'static>) {
    identity_of("localhost")
}

pub(crate) fn identity_of(host: &str) -> (Identity, CertificateDer<'static>) {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    let identity = Identity::from_pem(cert.pem().as_bytes(), signing_key.serialize_pem().as_bytes()).unwrap();
    (identity, cert.der().clone())
}

/// A server with TLS, and how a client of it shakes hands.
pub(crate) fn start<H: Host>(
    store: impl Storage + Clone,
    tls: TlsSettings,
) -> (Running<H>, Arc<ClientConfig>) {
    let (identity, certificate) = identity();
    (start_as(store, tls, identity), trust(&certificate, rustls::DEFAULT_VERSIONS))
}

pub(crate) fn start_as<H: Host>(
    store: impl Storage + Clone,
    tls: TlsSettings,
    identity: Identity,
) -> Running<H> {
    let tls_of_server = Tls::new(identity).unwrap();
    Running::start_by(
        |runtime, users, config, address| {
            Server::start_with_tls(runtime, users, config, tls_of_server, address)
        },
        store,
        Settings { tls, ..Settings::default() },
    )
}

/// A client's side of TLS: it trusts this certificate alone.
pub(crate) fn trust(
    certificate: &CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    Arc::new(trusting(certificate, versions).with_no_client_auth())
}

/// The same for a client that has a certificate itself.
pub(crate) fn authenticate(
    certificate: &CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
    own: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
) -> Arc<ClientConfig> {
    Arc::new(trusting(certificate, versions).with_client_auth_cert(vec![own], key.into()).unwrap())
}

fn trusting(
    certificate: &CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
}

/// A connection that ends after so many bytes, though nobody notices who writes more.
pub(crate) struct Cut {
    stream: TcpStream,
    left: usize,
    pub(crate) written: usize,
}

impl Read for Cut {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Cut {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.left);
        self.stream.write_all(&bytes[..count])?;
        self.left -= count;
        if self.left == 0 {
            let _ = self.stream.shutdown(Shutdown::Write);
        }
        self.written += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) type Secure = StreamOwned<ClientConnection, Cut>;

/// Begins TLS on a connection; the handshake comes with the first byte.
pub(crate) fn secure(config: &Arc<ClientConfig>, stream: TcpStream, limit: usize) -> Secure {
    secure_to("localhost", config, stream, limit)
}

fn secure_to(host: &str, config: &Arc<ClientConfig>, stream: TcpStream, limit: usize) -> Secure {
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let connection = ClientConnection::new(Arc::clone(config), name).unwrap();
    StreamOwned::new(connection, Cut { stream, left: limit, written: 0 })
}

/// Ends a connection as TLS wants it; how many bytes were sent in all.
pub(crate) fn end(mut data: Secure) -> usize {
    say_close_notify(&mut data);
    let _ = data.sock.stream.shutdown(Shutdown::Write);
    data.sock.written
}

/// As far as the server, which may have refused the connection, still takes it.
fn say_close_notify(connection: &mut Secure) {
    connection.conn.send_close_notify();
    while connection.conn.wants_write() && connection.conn.write_tls(&mut connection.sock).is_ok() {}
}

/// A client on a control connection that TLS protects.
pub(crate) struct SecureClient {
    pub(crate) control: Secure,
    server: SocketAddr,
    pub(crate) config: Arc<ClientConfig>,
}

impl SecureClient {
    /// Shakes hands as the server wants it, and has said nothing yet.
    pub(crate) fn connect(server: SocketAddr, config: &Arc<ClientConfig>, start: TlsStart) -> Self {
        Self::connect_to("localhost", server, config, start)
    }

    /// The same, and the client wants this host.
    pub(crate) fn connect_to(
        host: &str,
        server: SocketAddr,
        config: &Arc<ClientConfig>,
        start: TlsStart,
    ) -> Self {
        let mut stream = connect(server).unwrap();
        if start == TlsStart::Explicit {
            read_line(&mut stream);
            stream.write_all(b"AUTH TLS\r\n").unwrap();
            assert!(read_line(&mut stream).starts_with("234 "));
        }
        let control = secure_to(host, config, stream, usize::MAX);
        let mut client = Self { control, server, config: Arc::clone(config) };
        if start == TlsStart::Implicit {
            client.expect("220 ");
        }
        client
    }

    /// A client that is logged in, and whose data connections are protected.
    pub(crate) fn log_in(server: SocketAddr, config: &Arc<ClientConfig>) -> Self {
        let mut client = Self::connect(server, config, TlsStart::Explicit);
        for command in ["USER anna", "PASS secret", "TYPE I", "PBSZ 0", "PROT P"] {
            let reply = client.ask(command);
            assert!(reply.starts_with(['2', '3']), "{command}: {reply}");
        }
        client
    }

    pub(crate) fn say(&mut self, command: &str) {
        self.control.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        self.control.flush().unwrap();
    }

    pub(crate) fn expect(&mut self, start: &str) -> String {
        let line = read_line(&mut self.control);
        assert!(line.starts_with(start), "{line}");
        line
    }

    /// One byte, or why there is none.
    pub(crate) fn read(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.control.read_exact(&mut byte).map(|()| byte[0])
    }

    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.say(command);
        read_line(&mut self.control)
    }

    /// The connection behind TLS, once the client has answered the server's close_notify.
    pub(crate) fn into_clear(mut self) -> TcpStream {
        say_close_notify(&mut self.control);
        self.into_silently_clear()
    }

    /// The same for a client that does not answer.
    pub(crate) fn into_silently_clear(self) -> TcpStream {
        self.control.sock.stream
    }

    /// Begins a transfer; its data connection lets `limit` bytes out.
    pub(crate) fn begin(&mut self, command: &str, limit: usize) -> Secure {
        let data = self.connect_data(limit);
        self.say(command);
        self.expect("1");
        data
    }

    /// A data connection, on which TLS has not begun yet; it lets `limit` bytes out.
    pub(crate) fn connect_data(&mut self, limit: usize) -> Secure {
        let reply = self.ask("EPSV");
        let port = reply.split('|').nth(3).unwrap().parse().unwrap();
        let data = connect(SocketAddr::new(self.server.ip(), port)).unwrap();
        secure(&self.config, data, limit)
    }

    /// Begins a transfer, and TLS on its data connection before that.
    pub(crate) fn begin_early(&mut self, command: &str) -> Secure {
        let mut data = self.connect_data(usize::MAX);
        while data.conn.is_handshaking() {
            data.conn.complete_io(&mut data.sock).unwrap();
        }
        self.say(command);
        self.expect("125 ");
        data
    }

    pub(crate) fn put(&mut self, name: &str, content: &[u8]) -> String {
        let mut data = self.begin(&format!("STOR {name}"), usize::MAX);
        // An empty file has its handshake, too.
        let sent = data.conn.complete_io(&mut data.sock).and_then(|_| data.write_all(content));
        let ended = sent.is_ok().then(|| end(data));
        let reply = read_line(&mut self.control);
        assert!(ended.is_some() || !reply.starts_with('2'), "{reply}");
        reply
    }

    pub(crate) fn get(&mut self, command: &str) -> Vec<u8> {
        let mut data = self.begin(command, usize::MAX);
        let mut content = Vec::new();
        // Without a close_notify, this is an error.
        data.read_to_end(&mut content).unwrap();
        end(data);
        self.expect("226 ");
        content
    }
}

pub(crate) fn read_line(stream: &mut impl Read) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        line.extend(byte);
    }
    String::from_utf8(line).unwrap()
}
