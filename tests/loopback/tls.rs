//! TLS on both connections.

use std::{
    io::{Cursor, Read, Write},
    sync::Arc,
};

use futures_rustls::rustls::{self, ClientConfig, HandshakeKind, version::TLS12};
use sansftp::{
    AbortReason, SessionReuse, Storage, TlsRequirement, TlsSettings, TlsStart, Truncation,
    adapters::stores::Memory,
};
use suppaftp::{RustlsConnector, RustlsFtpStream, types::FileType};

use super::{
    hosts::Host,
    running::{connect, sample},
    secure::{SecureClient, end, identity, read_line, secure, start, start_as, trust},
    watched::Watched,
};

const EXPLICIT: TlsSettings = TlsSettings {
    start: TlsStart::Explicit,
    requirement: TlsRequirement::Nothing,
    session_reuse: SessionReuse::Offer,
    truncation: Truncation::Refuse,
    handshake_timeout: super::running::PATIENCE,
};

pub(crate) fn files_go_up_and_come_down_under_tls<H: Host>(store: impl Storage + Clone) {
    let (identity, certificate) = identity();
    let running = start_as::<H>(store, EXPLICIT, identity);
    for versions in [rustls::DEFAULT_VERSIONS, &[&TLS12]] {
        let mut client = SecureClient::log_in(running.address, &trust(&certificate, versions));
        for length in [0, 1, 16_384, 3 << 20] {
            assert!(client.put("file", &sample(length)).starts_with("226 "));
            assert_eq!(client.get("RETR file"), sample(length), "{length} bytes");
        }
        assert_eq!(client.get("NLST"), b"file\r\n");
        assert!(client.ask("QUIT").starts_with("221 "));
        let mut rest = Vec::new();
        client.control.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"", "it ends by a close_notify");
    }
}

/// A client that nobody here wrote.
pub(crate) fn suppaftp_speaks_tls<H: Host>() {
    let (running, config) = start::<H>(Memory::new(), EXPLICIT);
    let client = RustlsFtpStream::connect(running.address).unwrap();
    let mut client = client.into_secure(RustlsConnector::from(config), "localhost").unwrap();
    client.login("anna", "secret").unwrap();
    client.transfer_type(FileType::Binary).unwrap();
    for length in [0, 100_000] {
        client.put_file("file", &mut Cursor::new(sample(length))).unwrap();
        assert_eq!(client.retr_as_buffer("file").unwrap().into_inner(), sample(length));
    }
    client.quit().unwrap();
}

pub(crate) fn tls_begins_at_once_where_it_should<H: Host>() {
    let settings = TlsSettings { start: TlsStart::Implicit, ..EXPLICIT };
    let (running, config) = start::<H>(Memory::new(), settings);
    let mut client = SecureClient::connect(running.address, &config, TlsStart::Implicit);
    for (command, code) in [("USER anna", "331 "), ("PASS secret", "230 "), ("TYPE I", "200 ")] {
        assert!(client.ask(command).starts_with(code));
    }
    assert!(client.put("file", b"content").starts_with("226 "));
    assert_eq!(client.get("RETR file"), b"content");

    let mut clear = connect(running.address).unwrap();
    clear.write_all(b"USER anna\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = clear.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"220"), "{}", answer.escape_ascii());
}

/// The truncation rule (promise 2 under TLS): whatever is cut off, and wherever, what was there before stays.
pub(crate) fn an_upload_cut_at_any_byte_gets_no_226<H: Host>() {
    const CUTS: usize = 200;
    let (store, journal) = Watched::new(Memory::new());
    let (running, config) = start::<H>(store, EXPLICIT);
    let mut client = SecureClient::log_in(running.address, &config);
    assert!(client.put("file", b"old").starts_with("226 "));
    let new = sample(20_000);
    let mut upload = |limit| {
        let mut data = client.begin("STOR file", limit);
        let _ = data.write_all(&new);
        let sent = end(data);
        (sent, read_line(&mut client.control))
    };

    let (whole, reply) = upload(usize::MAX);
    assert!(reply.starts_with("226 "), "{reply}");
    for cut in 0..CUTS {
        // The last one cuts off the last byte of the close_notify.
        let limit = whole - 1 - cut * (whole - 1) / (CUTS - 1);
        let (_, reply) = upload(limit);
        assert!(reply.starts_with("426 ") || reply.starts_with("522 "), "{limit} of {whole}: {reply}");
    }
    assert_eq!(journal.finishes(), 2);
    assert_eq!(client.get("RETR file"), new, "the upload that was whole");
}

pub(crate) fn an_end_without_close_notify_is_told_to_the_store_where_it_counts<H: Host>() {
    let (store, journal) = Watched::new(Memory::new());
    let settings = TlsSettings { truncation: Truncation::Accept, ..EXPLICIT };
    let (running, config) = start::<H>(store, settings);
    let mut client = SecureClient::log_in(running.address, &config);
    assert!(client.put("file", b"whole").starts_with("226 "));
    assert_eq!(journal.missing_close_notifies(), 0);
    let mut data = client.begin("STOR file", usize::MAX);
    data.write_all(b"perhaps whole").unwrap();
    drop(data.sock);
    client.expect("226 ");
    assert_eq!(journal.missing_close_notifies(), 1);
    assert_eq!(client.get("RETR file"), b"perhaps whole");
}

/// Some shake hands as soon as they are connected, and say what for only then.
pub(crate) fn a_client_may_begin_tls_on_a_data_connection_before_its_command<H: Host>() {
    let settings = TlsSettings { session_reuse: SessionReuse::Require, ..EXPLICIT };
    let (identity, certificate) = identity();
    let running = start_as::<H>(Memory::new(), settings, identity);
    for versions in [rustls::DEFAULT_VERSIONS, &[&TLS12]] {
        let mut client = SecureClient::log_in(running.address, &trust(&certificate, versions));
        let content = sample(100_000);
        let mut data = client.begin_early("STOR file");
        data.write_all(&content).unwrap();
        end(data);
        client.expect("226 ");
        for (command, expected) in [("RETR file", &content[..]), ("NLST", b"file\r\n")] {
            let mut data = client.begin_early(command);
            let mut received = Vec::new();
            data.read_to_end(&mut received).unwrap();
            end(data);
            client.expect("226 ");
            assert!(received == expected, "{command}");
        }
    }
}

/// Promise 5 on the wire.
pub(crate) fn what_is_smuggled_behind_auth_is_not_executed<H: Host>() {
    let (running, config) = start::<H>(Memory::new(), EXPLICIT);
    let mut stream = connect(running.address).unwrap();
    read_line(&mut stream);
    stream.write_all(b"AUTH TLS\r\nUSER anna\r\nPASS secret\r\nMKD smuggled\r\n").unwrap();
    assert!(read_line(&mut stream).starts_with("234 "));
    let mut control = secure(&config, stream, usize::MAX);
    for (command, code) in [("NOOP", "200 "), ("PASS secret", "503 "), ("PWD", "530 ")] {
        control.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        let reply = read_line(&mut control);
        assert!(reply.starts_with(code), "{command}: {reply}");
    }
}

/// `CCC` and `REIN`: behind the server's `close_notify` and the client's, both speak in clear.
pub(crate) fn the_control_connection_becomes_clear_again<H: Host>() {
    let (running, config) = start::<H>(Memory::new(), EXPLICIT);
    for command in ["CCC", "REIN"] {
        for answers in [true, false] {
            let mut client = SecureClient::log_in(running.address, &config);
            assert!(client.ask(command).starts_with("2"));
            let mut rest = Vec::new();
            client.control.read_to_end(&mut rest).unwrap();
            assert_eq!(rest, b"", "there is a close_notify");
            let mut clear = if answers { client.into_clear() } else { client.into_silently_clear() };
            clear.write_all(b"NOOP\r\n").unwrap();
            assert!(read_line(&mut clear).starts_with("200 "));
            clear.write_all(b"AUTH TLS\r\n").unwrap();
            assert!(read_line(&mut clear).starts_with("234 "));
            let mut again = secure(&config, clear, usize::MAX);
            again.write_all(b"PWD\r\n").unwrap();
            assert!(read_line(&mut again).starts_with("530 "));
        }
    }
}

/// Sixty transfers of all kinds, by a client that uses each ticket once.
pub(crate) fn data_connections_resume_the_session_of_their_control_connection<H: Host>() {
    let settings = TlsSettings { session_reuse: SessionReuse::Require, ..EXPLICIT };
    let (identity, certificate) = identity();
    let running = start_as::<H>(Memory::new(), settings, identity);
    for versions in [rustls::DEFAULT_VERSIONS, &[&TLS12]] {
        let config = trust(&certificate, versions);
        let mut client = SecureClient::log_in(running.address, &config);
        for number in 0..20 {
            let content = sample(100 * number);
            assert!(client.put("file", &content).starts_with("226 "), "{number}");
            assert_eq!(client.get("RETR file"), content);
            assert_eq!(client.get("NLST"), b"file\r\n");
        }
        let mut data = client.begin("NLST", usize::MAX);
        data.read_to_end(&mut Vec::new()).unwrap();
        assert_eq!(data.conn.handshake_kind(), Some(HandshakeKind::Resumed));
        end(data);
        client.expect("226 ");
    }
}

/// Not even the TLS session of another control connection will do, of the same client on the same server.
pub(crate) fn a_data_connection_of_another_session_is_refused<H: Host>() {
    let settings = TlsSettings { session_reuse: SessionReuse::Require, ..EXPLICIT };
    let (identity, certificate) = identity();
    let running = start_as::<H>(Memory::new(), settings, identity);
    let configs: [Arc<ClientConfig>; 2] =
        std::array::from_fn(|_| trust(&certificate, rustls::DEFAULT_VERSIONS));
    let [mut one, mut other] = configs.map(|config| SecureClient::log_in(running.address, &config));
    assert!(one.put("file", b"content").starts_with("226 "));
    assert!(other.put("file", b"content").starts_with("226 "));
    std::mem::swap(&mut one.config, &mut other.config);
    assert!(one.put("file", b"stolen").starts_with("522 "));
    assert!(other.put("file", b"stolen").starts_with("522 "));
}

/// Nor its own one, from an attempt that was refused.
pub(crate) fn a_stranger_is_refused_each_time<H: Host>() {
    let settings = TlsSettings { session_reuse: SessionReuse::Require, ..EXPLICIT };
    let (identity, certificate) = identity();
    let running = start_as::<H>(Memory::new(), settings, identity);
    for versions in [rustls::DEFAULT_VERSIONS, &[&TLS12]] {
        let own = trust(&certificate, versions);
        let mut client = SecureClient::log_in(running.address, &own);
        assert!(client.put("file", b"content").starts_with("226 "));
        client.config = trust(&certificate, versions);
        for _ in 0..3 {
            let mut data = client.begin("RETR file", usize::MAX);
            let mut content = Vec::new();
            let _ = data.read_to_end(&mut content);
            assert_eq!(content, b"", "a stranger reads the file");
            client.expect("522 ");
        }
        client.config = own;
        assert_eq!(client.get("RETR file"), b"content");
    }
}

pub(crate) fn an_identity_is_replaced_while_the_server_runs<H: Host>() {
    let (identity, old) = identity();
    let running = start_as::<H>(Memory::new(), EXPLICIT, identity.clone());
    let old = trust(&old, rustls::DEFAULT_VERSIONS);
    let mut before = SecureClient::log_in(running.address, &old);
    let (other, new) = super::secure::identity();
    identity.replace(&other);
    assert!(before.put("file", b"a session stays what it is").starts_with("226 "));
    SecureClient::log_in(running.address, &trust(&new, rustls::DEFAULT_VERSIONS));
    let mut late = SecureClient::connect(running.address, &old, TlsStart::Explicit);
    assert!(late.control.write_all(b"NOOP\r\n").is_err(), "the old certificate is not shown any more");
}

/// Whoever asks for another protocol was led here by somebody in between.
pub(crate) fn a_client_of_another_protocol_is_refused<H: Host>() {
    let (running, config) = start::<H>(Memory::new(), EXPLICIT);
    for (protocol, is_taken) in [(&b"http/1.1"[..], false), (b"ftp", true)] {
        let mut config = ClientConfig::clone(&config);
        config.alpn_protocols = vec![protocol.to_vec()];
        let mut client = SecureClient::connect(running.address, &Arc::new(config), TlsStart::Explicit);
        assert_eq!(client.control.write_all(b"NOOP\r\n").is_ok(), is_taken);
    }
}

/// A client that speaks in clear where TLS should begin costs nobody anything.
pub(crate) fn a_handshake_that_fails_ends_the_session<H: Host>() {
    let (store, journal) = Watched::new(Memory::new());
    let (running, config) = start::<H>(store, EXPLICIT);
    let mut stream = connect(running.address).unwrap();
    read_line(&mut stream);
    stream.write_all(b"AUTH TLS\r\n").unwrap();
    assert!(read_line(&mut stream).starts_with("234 "));
    stream.write_all(b"USER anna\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"331"));

    let mut client = SecureClient::log_in(running.address, &config);
    let reply = client.ask("EPSV");
    let port: u16 = reply.split('|').nth(3).unwrap().parse().unwrap();
    let mut data = connect((running.address.ip(), port).into()).unwrap();
    client.say("STOR file");
    client.expect("1");
    data.write_all(b"this is no handshake").unwrap();
    client.expect("522 ");
    assert_eq!(journal.wait_for_abort(0), AbortReason::NoDataConnection);
    assert!(client.put("file", b"content").starts_with("226 "), "the session goes on");
}
