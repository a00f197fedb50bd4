//! The adapter for tokio, over the loopback device.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use ::tokio::runtime;
use sansftp::{
    Config,
    adapters::{runtime::Runtime, server::Server, tokio::Tokio},
};
use socket2::SockRef;

use super::{client::noise, store::Store};

/// More time than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a client, which may block, against a server.
fn with_server(store: &Store, client: impl FnOnce(SocketAddr)) {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = runtime.block_on(async {
        Server::start(Tokio, store.clone(), Config::default(), "127.0.0.1:0".parse().unwrap()).unwrap()
    });
    client(server.local_addr());
    runtime.block_on(server.shutdown(PATIENCE));
}

struct Client {
    control: TcpStream,
    server: SocketAddr,
}

impl Client {
    fn log_in(server: SocketAddr) -> Self {
        let control = TcpStream::connect(server).unwrap();
        control.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = Self { control, server };
        client.expect("220 ");
        for (command, reply) in [("USER anna", "331 "), ("PASS secret", "230 "), ("TYPE I", "200 ")] {
            client.say(command);
            client.expect(reply);
        }
        client
    }

    fn say(&mut self, command: &str) {
        self.control.write_all(format!("{command}\r\n").as_bytes()).unwrap();
    }

    fn expect(&mut self, start: &str) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            let mut byte = [0];
            self.control.read_exact(&mut byte).unwrap();
            line.extend(byte);
        }
        let line = String::from_utf8(line).unwrap();
        assert!(line.starts_with(start), "{line}");
        line
    }

    fn data(&mut self) -> TcpStream {
        self.say("EPSV");
        let reply = self.expect("229 ");
        let port = reply.split('|').nth(3).unwrap().parse().unwrap();
        let data = TcpStream::connect((self.server.ip(), port)).unwrap();
        data.set_read_timeout(Some(PATIENCE)).unwrap();
        data
    }
}

#[test]
fn files_go_up_and_come_down() {
    let store = Store::default();
    with_server(&store, |server| {
        let mut client = Client::log_in(server);
        for length in [0, 1, 100_000, 5_000_000] {
            let content = noise(length);
            let mut data = client.data();
            client.say("STOR /f");
            client.expect("1");
            data.write_all(&content).unwrap();
            drop(data);
            client.expect("226 ");
            assert!(store.content("/f").unwrap() == content);

            let mut data = client.data();
            client.say("RETR /f");
            client.expect("1");
            let mut received = Vec::new();
            data.read_to_end(&mut received).unwrap();
            assert!(received == content);
            client.expect("226 ");
        }
        client.say("QUIT");
        client.expect("221 ");
        assert_eq!(client.control.read(&mut [0]).unwrap(), 0);
    });
}

/// What Telnet clients send before `ABOR`: "interrupt process" and, as urgent data, the mark of the place.
///
/// A read stops short at that mark. Whoever takes this for the end of what there is waits for ever, and an upload that
/// the client gave up is finished.
#[test]
fn an_abor_behind_urgent_data_is_heard() {
    let store = Store::default();
    store.put("/f", b"the whole old content");
    with_server(&store, |server| {
        let mut client = Client::log_in(server);
        for _ in 0..50 {
            let mut data = client.data();
            client.say("STOR /f");
            client.expect("1");
            data.write_all(b"half of the new content").unwrap();
            SockRef::from(&client.control).send_out_of_band(b"\xff\xf4\xff").unwrap();
            client.control.write_all(b"\xf2ABOR\r\n").unwrap();
            client.expect("426 ");
            client.expect("226 ");
        }
    });
    assert_eq!(store.content("/f").unwrap(), b"the whole old content");
}

#[test]
fn in_active_mode_the_server_connects() {
    let store = Store::default();
    store.put("/f", b"content");
    with_server(&store, |server| {
        let mut client = Client::log_in(server);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        client.say(&format!("EPRT |1|127.0.0.1|{}|", listener.local_addr().unwrap().port()));
        client.expect("200 ");
        client.say("RETR /f");
        client.expect("150 ");
        let mut received = Vec::new();
        listener.accept().unwrap().0.read_to_end(&mut received).unwrap();
        assert_eq!(received, b"content");
        client.expect("226 ");
    });
}

/// A socket that is closed with unread bytes is reset, and what was not yet sent is lost.
#[test]
fn a_client_that_sends_where_it_should_only_receive_gets_the_whole_file() {
    let store = Store::default();
    let content = noise(8 << 20);
    store.put("/f", &content);
    with_server(&store, |server| {
        let mut client = Client::log_in(server);
        let mut data = client.data();
        data.write_all(&[0; 100]).unwrap();
        client.say("RETR /f");
        client.expect("1");
        let mut received = Vec::new();
        data.read_to_end(&mut received).unwrap();
        assert!(received == content);
        client.expect("226 ");
    });
}

/// A client that is killed and whose control connection is closed first; `uploads` has the other order, which takes a
/// clock that the test turns.
#[test]
fn a_client_that_is_killed_leaves_nothing_half() {
    let store = Store::default();
    store.put("/f", b"the whole old content");
    with_server(&store, |server| {
        for _ in 0..100 {
            let mut client = Client::log_in(server);
            let mut data = client.data();
            client.say("STOR /f");
            client.expect("1");
            data.write_all(b"half").unwrap();
            drop(client);
            drop(data);
            let since = Instant::now();
            let mut calls = store.calls();
            while calls.len() < 2 {
                assert!(since.elapsed() < PATIENCE, "the upload does not end: {calls:?}");
                std::thread::yield_now();
                calls.extend(store.calls());
            }
            assert_eq!(calls, ["open /f", "abort: ControlConnectionLost"]);
        }
    });
    assert_eq!(store.content("/f").unwrap(), b"the whole old content");
}

#[test]
fn a_control_connection_is_set_up_and_looked_at() {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = Tokio.listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = Tokio.local_address(&listener).unwrap();
        let mut client = TcpStream::connect(address).unwrap();
        let (stream, peer) = Tokio.accept(&listener).await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        assert_eq!(Tokio.prepare_control(&stream).unwrap(), address);
        let options = SockRef::from(stream.get_ref());
        assert!(options.tcp_nodelay().unwrap());
        assert!(options.keepalive().unwrap());
        assert!(options.out_of_band_inline().unwrap());

        // Nothing here waits for the runtime, so it notices nothing of this.
        assert!(!Tokio.has_ended(&stream));
        client.write_all(b"NOOP\r\n").unwrap();
        assert!(!Tokio.has_ended(&stream));
        drop(client);
        // Other systems do not tell of an end behind unread bytes.
        #[cfg(target_os = "linux")]
        assert!(Tokio.has_ended(&stream));
    });
}
