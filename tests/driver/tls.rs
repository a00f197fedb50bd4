//! Data connections under TLS, whose records are on their way for longer than the bytes of a file are.

use std::{
    io::{Read, Write},
    sync::{Arc, LazyLock},
    time::Duration,
};

use futures_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, crypto::ring};
use sansftp::{
    Settings, TlsSettings, TlsStart,
    adapters::tls::{Identity, Tls},
    config::SessionReuse,
};

use super::{
    client::{Client, Scene, noise, settings},
    store::Write as StoreWrite,
    world::{Socket, World},
};

const NAME: &str = "server.test";
/// Bytes that a slow link takes in less than the stall timeout. A record has up to 16 KiB.
const FEW: usize = 4 << 10;

/// The server's identity, and how a client that trusts it begins TLS.
static IDENTITY: LazyLock<(Identity, Arc<ClientConfig>)> = LazyLock::new(|| {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
    let identity = Identity::from_pem(cert.pem().as_bytes(), signing_key.serialize_pem().as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (identity, Arc::new(client))
});

/// The client's end of TLS on a connection.
struct Secure(ClientConnection);

impl Secure {
    fn shake_hands(world: &World, socket: &Socket) -> Self {
        let config = Arc::clone(&IDENTITY.1);
        let mut secure = Self(ClientConnection::new(config, NAME.try_into().unwrap()).unwrap());
        while secure.0.is_handshaking() {
            secure.send(world, socket);
            let received = socket.receive();
            assert!(!received.is_empty(), "the server does not shake hands");
            secure.open(&received);
        }
        secure.send(world, socket);
        secure
    }

    fn send(&mut self, world: &World, socket: &Socket) {
        let records = self.take_records();
        assert_eq!(socket.send(&records), records.len());
        world.run();
    }

    fn take_records(&mut self) -> Vec<u8> {
        let mut records = Vec::new();
        while self.0.wants_write() {
            self.0.write_tls(&mut records).unwrap();
        }
        records
    }

    /// What is in the bytes that have come.
    fn open(&mut self, mut received: &[u8]) -> Vec<u8> {
        let mut opened = Vec::new();
        while !received.is_empty() {
            self.0.read_tls(&mut received).unwrap();
            let state = self.0.process_new_packets().unwrap();
            let before = opened.len();
            opened.resize(before + state.plaintext_bytes_to_read(), 0);
            self.0.reader().read_exact(&mut opened[before..]).unwrap();
        }
        opened
    }
}

fn scene() -> Scene {
    scene_of(settings())
}

fn scene_of(settings: Settings) -> Scene {
    let tls = TlsSettings {
        start: TlsStart::Explicit,
        session_reuse: SessionReuse::Offer,
        ..TlsSettings::default()
    };
    // What a slow client takes behind its 226 is no command.
    let control_idle_timeout = Duration::from_secs(3600);
    Scene::with_tls(Settings { tls, control_idle_timeout, ..settings }, Tls::new(IDENTITY.0.clone()).unwrap())
}

/// A client whose data connections have TLS. Its control connection has it no longer.
fn secure_user(scene: &mut Scene) -> Client {
    let mut client = scene.client();
    client.say("AUTH TLS");
    client.expect(&[234]);
    let mut secure = Secure::shake_hands(&scene.world, client.control());
    for command in ["USER anna", "PASS secret", "TYPE I", "PBSZ 0", "PROT P", "CCC"] {
        write!(secure.0.writer(), "{command}\r\n").unwrap();
        secure.send(&scene.world, client.control());
        secure.open(&client.control().receive());
    }
    client
}

/// A transfer whose data connection has shaken hands.
fn begin(scene: &mut Scene, command: &str) -> (Client, Socket, Secure) {
    let mut user = secure_user(scene);
    let data = user.data();
    user.say(command);
    user.expect(&[125]);
    let secure = Secure::shake_hands(&scene.world, &data);
    (user, data, secure)
}

#[test]
fn a_download_does_not_stall_while_the_connection_takes_a_part_of_a_record() {
    let mut scene = scene();
    let content = noise(250_000);
    scene.store.put("/f", &content);
    let (mut user, data, mut secure) = begin(&mut scene, "RETR /f");
    let mut received = Vec::new();
    while !data.is_finished() && !data.is_broken() {
        scene.advance(50);
        received.extend(secure.open(&data.receive_some(FEW)));
    }
    user.expect(&[226]);
    assert!(received == content);
}

#[test]
fn the_end_of_a_download_does_not_stall_while_the_connection_takes_it() {
    let mut scene = scene();
    scene.store.put("/f", &noise(100_000));
    let (mut user, data, _) = begin(&mut scene, "RETR /f");
    // The rest of the file is TLS's: the store has been read to its end.
    assert_eq!(scene.store.calls(), ["open /f", "closed"]);
    for _ in 0..5 {
        scene.advance(50);
        user.expect(&[]);
        data.receive_some(FEW);
    }
}

#[test]
fn an_upload_does_not_stall_while_a_record_comes() {
    let mut scene = scene();
    let (mut user, data, mut secure) = begin(&mut scene, "STOR /f");
    let content = noise(16 << 10);
    secure.0.writer().write_all(&content).unwrap();
    secure.0.send_close_notify();
    for part in secure.take_records().chunks(FEW) {
        scene.advance(50);
        user.expect(&[]);
        assert_eq!(data.send(part), part.len());
    }
    user.expect(&[226]);
    assert!(scene.store.content("/f") == Some(content));
}

/// It has come whole, and TLS has what the store has not taken.
#[test]
fn an_upload_does_not_stall_while_the_store_takes_it() {
    let mut scene = scene_of(Settings { chunk_size: FEW, ..settings() });
    scene.store.on_write(StoreWrite::Waits);
    let (mut user, data, mut secure) = begin(&mut scene, "STOR /f");
    let content = noise(16 << 10);
    secure.0.writer().write_all(&content).unwrap();
    secure.0.send_close_notify();
    secure.send(&scene.world, &data);
    assert!(scene.let_writes_take(50, &mut user) > 1, "the store takes all at one time");
    user.expect(&[226]);
    assert!(scene.store.content("/f") == Some(content));
}

/// What is encrypted anew when there is room for it has not moved yet.
#[test]
fn a_command_does_not_keep_a_stalled_download_alive() {
    let mut scene = scene();
    scene.store.put("/f", &noise(500_000));
    let (mut user, data, _) = begin(&mut scene, "RETR /f");
    scene.advance(50);
    data.receive_some(FEW);
    scene.advance(50);
    user.say("NOOP");
    user.expect(&[200]);
    scene.advance(9);
    user.expect(&[]);
    scene.advance(1);
    user.expect(&[426]);
}

/// Nor under TLS does a preliminary reply leave together with the final one.
#[test]
fn a_preliminary_reply_leaves_before_a_transfer_that_is_over_at_once() {
    let mut scene = scene();
    scene.store.put("/f", b"short");
    let client = scene.client();
    let control = client.control();
    assert_eq!(control.send(b"AUTH TLS\r\n"), 10);
    scene.world.run();
    control.receive();
    let mut secure = Secure::shake_hands(&scene.world, control);
    let mut say = |command: &str| {
        let writes = control.writes().len();
        write!(secure.0.writer(), "{command}\r\n").unwrap();
        secure.send(&scene.world, control);
        let replies = String::from_utf8(secure.open(&control.receive())).unwrap();
        (replies, control.writes().split_off(writes))
    };
    for command in ["USER anna", "PASS secret", "TYPE I"] {
        say(command);
    }
    let (replies, _) = say("EPSV");
    let port = replies.split('|').nth(3).expect(&replies).parse().unwrap();
    let data = client.data_from(client.address, port).unwrap();
    let (replies, writes) = say("RETR /f");
    assert!(replies.lines().map(|line| &line[..3]).eq(["125", "226"]), "{replies}");
    let records: Vec<usize> = replies.split_inclusive('\n').map(str::len).collect();
    assert_eq!(writes.len(), 2, "{writes:?}");
    assert!(writes.iter().zip(&records).all(|(write, record)| write > record), "{writes:?}");
    assert_eq!(data.receive(), b"short");
}

/// A client may begin TLS before it says what for, or behind that, or when it has read the preliminary reply.
#[test]
fn a_client_begins_tls_on_its_data_connection_when_it_likes() {
    let mut scene = scene();
    scene.store.put("/f", b"content");
    for command in ["RETR /f", "STOR /g"] {
        for order in 0..3 {
            let mut user = secure_user(&mut scene);
            let data = user.data();
            let mut early = (order == 0).then(|| Secure::shake_hands(&scene.world, &data));
            let line = format!("{command}\r\n");
            assert_eq!(user.control().send(line.as_bytes()), line.len());
            early = early.or_else(|| (order == 1).then(|| Secure::shake_hands(&scene.world, &data)));
            let mut replies = user.replies();
            assert!(replies.starts_with("125 "), "{order}: {replies}");
            let mut secure = early.unwrap_or_else(|| Secure::shake_hands(&scene.world, &data));
            if command.starts_with("STOR") {
                // It may be one that never reads: nothing comes behind the handshake.
                assert!(data.receive().is_empty(), "{order}");
                secure.0.writer().write_all(b"content").unwrap();
                secure.0.send_close_notify();
                secure.send(&scene.world, &data);
            }
            replies += &user.replies();
            assert!(replies.lines().map(|line| &line[..3]).eq(["125", "226"]), "{order}: {replies}");
            let received = secure.open(&data.receive());
            assert_eq!(received, if command.starts_with("RETR") { &b"content"[..] } else { b"" }, "{order}");
        }
    }
    assert_eq!(scene.store.content("/g").unwrap(), b"content");
}

#[test]
fn an_early_client_that_does_not_shake_hands_is_told_so_behind_its_command() {
    let mut scene = scene();
    let mut user = secure_user(&mut scene);
    let data = user.data();
    data.send(b"this is no handshake");
    scene.world.run();
    user.expect(&[]);
    user.say("STOR /f");
    user.expect(&[522]);
    data.receive();
    assert!(data.is_finished() || data.is_broken());
    assert!(scene.store.calls().is_empty());
}
