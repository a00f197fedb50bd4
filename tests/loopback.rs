//! A server on tokio, a client that nobody here wrote, and TCP between them.
#![cfg(feature = "tokio")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code"
)]

#[path = "loopback/watched.rs"]
mod watched;

use std::{
    io::{Cursor, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    ops::Deref,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use sansftp::{
    AbortReason, Config, Pathname, Settings, Storage, StorageError, StorageErrorKind, Stored,
    adapters::{
        Server,
        stores::{Filesystem, Memory},
        tokio::Tokio,
        users::Users,
    },
};
use suppaftp::{FtpError, FtpStream, Mode, Status, types::FileType};

use self::watched::Watched;

/// How long anything may take that should come soon. Only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server, the runtime that it runs on, and its end.
struct Running {
    runtime: tokio::runtime::Runtime,
    server: Option<Server<Tokio>>,
    address: SocketAddr,
}

impl Running {
    fn start<S: Storage + Clone>(store: S, settings: Settings) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let guard = runtime.enter();
        let users = Users::new().with_user("anna", "secret", store);
        let config = Config::new(settings).unwrap();
        let server = Server::start(Tokio, users, config, "127.0.0.1:0".parse().unwrap()).unwrap();
        let address = server.local_addr();
        drop(guard);
        Self { runtime, server: Some(server), address }
    }

    fn client(&self) -> FtpStream {
        let mut client = FtpStream::connect_timeout(self.address, PATIENCE).unwrap();
        client.get_ref().deref().set_read_timeout(Some(PATIENCE)).unwrap();
        client.login("anna", "secret").unwrap();
        client.transfer_type(FileType::Binary).unwrap();
        client
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.shutdown(Duration::from_millis(100)));
        }
    }
}

/// The same on both stores.
macro_rules! on_both_stores {
    ($($name:ident)*) => {
        mod memory {
            $(#[test] fn $name() { super::$name(super::Memory::new()); })*
        }
        mod filesystem {
            $(#[test] fn $name() {
                let folder = tempfile::tempdir().unwrap();
                super::$name(super::Filesystem::open(folder.path()).unwrap());
            })*
        }
    };
}

on_both_stores! {
    files_go_up_and_come_down
    transfers_resume_both_ways
    names_are_listed_renamed_and_removed
    active_mode_works
    an_aborted_upload_leaves_the_old_file
    a_reset_upload_leaves_the_old_file
    a_killed_client_leaves_the_old_file
    an_aborted_download_leaves_the_session_usable
    ascii_converts_both_ways
    several_clients_at_once
}

fn content(client: &mut FtpStream, name: &str) -> Vec<u8> {
    client.retr_as_buffer(name).unwrap().into_inner()
}

fn put(client: &mut FtpStream, name: &str, content: &[u8]) {
    assert_eq!(client.put_file(name, &mut Cursor::new(content)).unwrap(), content.len() as u64);
}

/// Bytes that repeat late and contain every value.
fn sample(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(31) >> 3) as u8 ^ (at >> 11) as u8).collect()
}

fn code<T>(result: Result<T, FtpError>) -> Status {
    match result {
        Err(FtpError::UnexpectedResponse(response)) => response.status,
        Err(other) => panic!("an answer was expected, not {other}"),
        Ok(_) => panic!("a refusal was expected"),
    }
}

fn files_go_up_and_come_down(store: impl Storage + Clone) {
    let running = Running::start(store, Settings::default());
    let mut client = running.client();
    for length in [0, 1, 1000, 3 << 20] {
        put(&mut client, "file", &sample(length));
        assert_eq!(client.size("file").unwrap(), length);
        assert_eq!(content(&mut client, "file"), sample(length), "{length} bytes");
    }
    assert_eq!(code(client.retr_as_buffer("nothing")), Status::FileUnavailable);
    client.quit().unwrap();
}

fn transfers_resume_both_ways(store: impl Storage + Clone) {
    let running = Running::start(store, Settings::default());
    let mut client = running.client();
    let whole = sample(100_000);
    put(&mut client, "file", &whole[..40_000]);
    client.append_file("file", &mut Cursor::new(&whole[40_000..70_000])).unwrap();
    client.resume_transfer(60_000).unwrap();
    put(&mut client, "file", &whole[60_000..]);
    client.resume_transfer(99_000).unwrap();
    assert_eq!(content(&mut client, "file"), whole[99_000..]);
    assert_eq!(content(&mut client, "file"), whole, "REST is for one transfer only");
    client.append_file("new", &mut Cursor::new(b"appended to nothing")).unwrap();
    assert_eq!(content(&mut client, "new"), b"appended to nothing");
}

fn names_are_listed_renamed_and_removed(store: impl Storage + Clone) {
    let running = Running::start(store, Settings::default());
    let mut client = running.client();
    client.mkdir("a folder").unwrap();
    client.cwd("a folder").unwrap();
    assert_eq!(client.pwd().unwrap(), "/a folder");
    for name in ["-dash", "two words", "quote\"d", "übung 日本"] {
        put(&mut client, name, name.as_bytes());
    }
    let mut names = client.nlst(None).unwrap();
    names.sort();
    assert_eq!(names, ["-dash", "quote\"d", "two words", "übung 日本"]);
    let long = client.list(None).unwrap();
    assert!(long.iter().any(|line| line.starts_with("-rw") && line.ends_with(" two words")), "{long:?}");
    let facts = client.mlsd(Some("/a folder")).unwrap();
    let of_dash = facts.iter().find(|line| line.ends_with(" -dash")).unwrap().to_lowercase();
    assert!(of_dash.contains("type=file;") && of_dash.contains("size=5;"), "{facts:?}");
    assert!(client.mdtm("-dash").unwrap().and_utc().timestamp() > 1_600_000_000);

    client.rename("two words", "/moved").unwrap();
    assert_eq!(content(&mut client, "/moved"), b"two words");
    client.rm("/moved").unwrap();
    assert_eq!(code(client.size("/moved")), Status::FileUnavailable);
    client.cdup().unwrap();
    assert_eq!(code(client.rmdir("a folder")), Status::FileUnavailable, "it is not empty");
    for name in ["-dash", "quote\"d", "übung 日本"] {
        client.rm(format!("a folder/{name}")).unwrap();
    }
    client.rmdir("a folder").unwrap();
    assert_eq!(client.nlst(None).unwrap(), [""; 0]);
}

fn active_mode_works(store: impl Storage + Clone) {
    let running = Running::start(store, Settings::default());
    let mut client = running.client();
    client.set_mode(Mode::Active);
    put(&mut client, "file", &sample(70_000));
    assert_eq!(content(&mut client, "file"), sample(70_000));
    client.set_mode(Mode::ExtendedPassive);
    assert_eq!(content(&mut client, "file"), sample(70_000));
}

fn an_aborted_upload_leaves_the_old_file(store: impl Storage + Clone) {
    let (store, journal) = Watched::new(store);
    let running = Running::start(store, Settings::default());
    let mut client = running.client();
    put(&mut client, "file", b"old");
    let mut upload = client.put_with_stream("file").unwrap();
    upload.write_all(&sample(300_000)).unwrap();
    client.abort(upload).unwrap();
    client.noop().unwrap();
    assert_eq!(journal.wait_for_abort(), AbortReason::ClientAborted);
    assert_eq!(content(&mut client, "file"), b"old");
    assert_eq!(journal.finishes(), 1);
}

fn a_reset_upload_leaves_the_old_file(store: impl Storage + Clone) {
    let (store, journal) = Watched::new(store);
    let running = Running::start(store, Settings::default());
    let mut client = running.client();
    put(&mut client, "file", b"old");
    let mut upload = client.put_with_stream("file").unwrap();
    upload.write_all(&sample(300_000)).unwrap();
    socket2::SockRef::from(upload.get_ref().get_ref()).set_linger(Some(Duration::ZERO)).unwrap();
    assert_eq!(code(upload.finish()), Status::TransferAborted);
    assert_eq!(journal.wait_for_abort(), AbortReason::DataConnectionLost);
    assert_eq!(content(&mut client, "file"), b"old");
    assert_eq!(journal.finishes(), 1);
}

/// The system closes a killed client's sockets in good order; here, the control connection first.
fn a_killed_client_leaves_the_old_file(store: impl Storage + Clone) {
    let (store, journal) = Watched::new(store);
    let running = Running::start(store, Settings::default());
    put(&mut running.client(), "file", b"old");
    let mut client = running.client();
    let mut upload = client.put_with_stream("file").unwrap();
    upload.write_all(&sample(300_000)).unwrap();
    client.get_ref().deref().shutdown(Shutdown::Both).unwrap();
    // The server may have seen the first end already, and have reset the data connection.
    let _ = upload.get_ref().get_ref().shutdown(Shutdown::Both);
    assert_eq!(journal.wait_for_abort(), AbortReason::ControlConnectionLost);
    assert_eq!(content(&mut running.client(), "file"), b"old");
    assert_eq!(journal.finishes(), 1);
}

fn an_aborted_download_leaves_the_session_usable(store: impl Storage + Clone) {
    let running = Running::start(store, Settings::default());
    let mut client = running.client();
    put(&mut client, "file", &sample(8 << 20));
    let mut download = client.retr_as_stream("file").unwrap();
    download.read_exact(&mut [0; 1000]).unwrap();
    client.abort(download).unwrap();
    client.noop().unwrap();
    assert_eq!(content(&mut client, "file").len(), 8 << 20);
}

fn ascii_converts_both_ways(store: impl Storage + Clone) {
    let running = Running::start(store, Settings::default());
    let mut client = running.client();
    client.custom_command("TYPE A", &[Status::CommandOk]).unwrap();
    let (_, mut upload) =
        client.custom_data_command("STOR text", &[Status::AlreadyOpen, Status::AboutToSend]).unwrap();
    upload.write_all(b"one\r\ntwo\r\n").unwrap();
    upload.finish().unwrap();
    let (_, mut download) =
        client.custom_data_command("RETR text", &[Status::AlreadyOpen, Status::AboutToSend]).unwrap();
    let mut wire = Vec::new();
    download.read_to_end(&mut wire).unwrap();
    download.finish().unwrap();
    assert_eq!(wire, b"one\r\ntwo\r\n");
    client.custom_command("TYPE I", &[Status::CommandOk]).unwrap();
    assert_eq!(content(&mut client, "text"), b"one\ntwo\n", "in the store, LF ends a line");
}

fn several_clients_at_once(store: impl Storage + Clone) {
    let running = Running::start(store, Settings::default());
    thread::scope(|scope| {
        for number in 0..8 {
            let running = &running;
            scope.spawn(move || {
                let mut client = running.client();
                let (name, bytes) = (format!("file {number}"), sample(200_000 + number));
                put(&mut client, &name, &bytes);
                assert_eq!(content(&mut client, &name), bytes);
                client.quit().unwrap();
            });
        }
    });
    assert_eq!(running.client().nlst(None).unwrap().len(), 8);
}

/// Promise 1 on the wire: while the finish runs there is no reply and no file; when it has succeeded there are both.
#[test]
fn a_slow_finish_is_waited_for() {
    let (store, journal) = Watched::new(Memory::new());
    let running = Running::start(store, Settings::default());
    journal.hold_finishes();
    let mut client = running.client();
    let mut upload = client.put_with_stream("file").unwrap();
    upload.write_all(b"new").unwrap();
    let (answered, answer) = mpsc::channel();
    let uploading = thread::spawn(move || answered.send(upload.finish()).unwrap());

    journal.wait_for_finishes(1);
    answer.recv_timeout(Duration::from_millis(200)).expect_err("the finish still runs");
    let mut other = running.client();
    assert_eq!(code(other.size("file")), Status::FileUnavailable);
    journal.end_finish(Ok(Stored::default()));
    answer.recv_timeout(PATIENCE).unwrap().unwrap();
    assert_eq!(content(&mut other, "file"), b"new");
    uploading.join().unwrap();
    client.quit().unwrap();
}

#[test]
fn a_failed_finish_is_no_226() {
    let kinds = [
        (StorageErrorKind::Busy, Status::RequestFileActionIgnored),
        (StorageErrorKind::Failed, Status::ActionAborted),
        (StorageErrorKind::NoSpace, Status::RequestedActionNotTaken),
        (StorageErrorKind::PermissionDenied, Status::FileUnavailable),
        (StorageErrorKind::ContentRefused, Status::PageTypeUnknown),
        (StorageErrorKind::OverQuota, Status::ExceededStorage),
        (StorageErrorKind::NameRefused, Status::BadFilename),
    ];
    let (store, journal) = Watched::new(Memory::new());
    let running = Running::start(store, Settings::default());
    let mut client = running.client();
    put(&mut client, "file", b"old");
    journal.hold_finishes();
    for (kind, status) in kinds {
        journal.end_finish(Err(StorageError::new(kind, "The reason is this.")));
        match client.put_file("file", &mut Cursor::new(b"new")) {
            Err(FtpError::UnexpectedResponse(response)) => {
                assert_eq!(response.status, status, "{kind:?}");
                let text = String::from_utf8(response.body).unwrap();
                assert!(text.contains("The reason is this."), "{text:?}");
            }
            other => panic!("{kind:?} became {other:?}"),
        }
        assert_eq!(content(&mut client, "file"), b"old");
    }
}

#[test]
fn one_connection_too_many_is_told_421() {
    let settings = Settings { connections_limit: 2, ..Settings::default() };
    let running = Running::start(Memory::new(), settings);
    let first = running.client();
    let _second = running.client();
    assert!(greeting(running.address).starts_with("421"));
    drop(first);
    // The server notices the end of the first one in its own time.
    let deadline = Instant::now() + PATIENCE;
    while !greeting(running.address).starts_with("220") {
        assert!(Instant::now() < deadline, "the place of a client that went is never free again");
        thread::sleep(Duration::from_millis(5));
    }
}

fn greeting(address: SocketAddr) -> String {
    let mut control = TcpStream::connect(address).unwrap();
    control.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\n") && control.read(&mut byte).unwrap() > 0 {
        text.extend(byte);
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn a_shutdown_completes_the_transfer_and_tells_421() {
    let store = Memory::new();
    let mut running = Running::start(store.clone(), Settings::default());
    let idle = running.client();
    let mut busy = running.client();
    let mut upload = busy.put_with_stream("file").unwrap();
    upload.write_all(b"first half, ").unwrap();
    let server = running.server.take().unwrap();
    let ending = running.runtime.spawn(async move { server.shutdown(PATIENCE).await });

    let mut farewell = String::new();
    idle.get_ref().deref().read_to_string(&mut farewell).unwrap();
    assert!(farewell.starts_with("421"), "{farewell:?}");
    upload.write_all(b"second half").unwrap();
    upload.finish().unwrap();
    drop((idle, busy));
    running.runtime.block_on(ending).unwrap();
    let path = Pathname::root().join(b"file").unwrap();
    assert_eq!(running.runtime.block_on(store.stat(&path)).unwrap().size, 23);
    TcpStream::connect(running.address).expect_err("nobody listens any more");
}
