//! What clients do, and what comes of it.

use std::{
    io::{Cursor, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    ops::Deref,
    sync::mpsc,
    thread,
    time::Duration,
};

use sansftp::{
    Pathname, Settings, Storage, StorageError, StorageErrorKind, Stored, adapters::stores::Memory,
};
use suppaftp::{FtpError, Mode, Status};

use super::{
    client::Client,
    hosts::Host,
    running::{PATIENCE, Running, code, connect, content, put, sample, wait_until},
    watched::Watched,
};

pub(crate) fn files_go_up_and_come_down<H: Host>(store: impl Storage + Clone) {
    let running = Running::<H>::start(store, Settings::default());
    let mut client = running.client();
    for length in [0, 1, 1000, 3 << 20] {
        put(&mut client, "file", &sample(length));
        assert_eq!(client.size("file").unwrap(), length);
        assert_eq!(content(&mut client, "file"), sample(length), "{length} bytes");
    }
    assert_eq!(code(client.retr_as_buffer("nothing")), Status::FileUnavailable);
    client.quit().unwrap();
}

pub(crate) fn transfers_resume_both_ways<H: Host>(store: impl Storage + Clone) {
    let running = Running::<H>::start(store, Settings::default());
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

pub(crate) fn names_are_listed_renamed_and_removed<H: Host>(store: impl Storage + Clone) {
    let running = Running::<H>::start(store, Settings::default());
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

/// As `printf … | nc` does.
pub(crate) fn a_script_that_ends_the_control_connection_is_executed<H: Host>(store: impl Storage + Clone) {
    let running = Running::<H>::start(store, Settings::default());
    for last in ["", "QUIT\r\n"] {
        let mut control = connect(running.address).unwrap();
        let script = format!("USER anna\r\nPASS secret\r\nMKD x\r\nRNFR x\r\nRNTO y\r\nRMD y\r\n{last}");
        control.write_all(script.as_bytes()).unwrap();
        control.shutdown(Shutdown::Write).unwrap();
        let mut replies = String::new();
        control.read_to_string(&mut replies).unwrap();
        let codes: Vec<&str> = replies.lines().filter_map(|line| line.get(..4)).collect();
        let expected = ["220 ", "331 ", "230 ", "257 ", "350 ", "250 ", "250 ", "221 "];
        assert_eq!(codes, expected[..expected.len() - usize::from(last.is_empty())], "{replies}");
    }
}

pub(crate) fn active_mode_works<H: Host>(store: impl Storage + Clone) {
    let running = Running::<H>::start(store, Settings::default());
    let mut client = running.client();
    client.set_mode(Mode::Active);
    put(&mut client, "file", &sample(70_000));
    assert_eq!(content(&mut client, "file"), sample(70_000));
    client.set_mode(Mode::ExtendedPassive);
    assert_eq!(content(&mut client, "file"), sample(70_000));
}

pub(crate) fn ascii_converts_both_ways<H: Host>(store: impl Storage + Clone) {
    let running = Running::<H>::start(store, Settings::default());
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

pub(crate) fn several_clients_at_once<H: Host>(store: impl Storage + Clone) {
    let running = Running::<H>::start(store, Settings::default());
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
pub(crate) fn a_slow_finish_is_waited_for<H: Host>() {
    let (store, journal) = Watched::new(Memory::new());
    let running = Running::<H>::start(store, Settings::default());
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

pub(crate) fn a_failed_finish_is_no_226<H: Host>() {
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
    let running = Running::<H>::start(store, Settings::default());
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

pub(crate) fn one_connection_too_many_is_told_421<H: Host>() {
    let settings = Settings { connections_limit: 2, ..Settings::default() };
    let running = Running::<H>::start(Memory::new(), settings);
    let first = running.client();
    let _second = running.client();
    assert!(greeting(running.address).starts_with("421"));
    drop(first);
    // The server notices the end of the first one in its own time.
    wait_until(|| greeting(running.address).starts_with("220").then_some(()));
}

fn greeting(address: SocketAddr) -> String {
    let mut control = connect(address).unwrap();
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\n") && control.read(&mut byte).unwrap() > 0 {
        text.extend(byte);
    }
    String::from_utf8(text).unwrap()
}

pub(crate) fn a_shutdown_completes_the_transfer_and_tells_421<H: Host>() {
    let store = Memory::new();
    let mut running = Running::<H>::start(store.clone(), Settings::default());
    let idle = running.client();
    let mut busy = running.client();
    let mut upload = busy.put_with_stream("file").unwrap();
    upload.write_all(b"first half, ").unwrap();
    let server = running.server.take().unwrap();
    thread::scope(|scope| {
        let ending = scope.spawn(|| running.host.block_on(server.shutdown(PATIENCE)));
        let mut farewell = String::new();
        idle.get_ref().deref().read_to_string(&mut farewell).unwrap();
        assert!(farewell.starts_with("421"), "{farewell:?}");
        upload.write_all(b"second half").unwrap();
        upload.finish().unwrap();
        drop((idle, busy));
        ending.join().unwrap();
    });
    let path = Pathname::root().join(b"file").unwrap();
    assert_eq!(running.host.block_on(store.stat(&path)).unwrap().size, 23);
    TcpStream::connect(running.address).expect_err("nobody listens any more");
}

/// A socket that is closed with unread bytes is reset, and what was not yet sent is lost.
pub(crate) fn a_client_that_sends_where_it_should_only_receive_gets_the_whole_file<H: Host>() {
    let running = Running::<H>::start(Memory::new(), Settings::default());
    let content = sample(8 << 20);
    put(&mut running.client(), "file", &content);
    let mut client = Client::log_in(running.address);
    let mut data = client.begin_after("RETR file", &[0; 100]);
    let mut received = Vec::new();
    data.read_to_end(&mut received).unwrap();
    assert!(received == content);
    client.expect("226 ");
    client.say("QUIT");
    client.expect("221 ");
    assert_eq!(client.control.read(&mut [0]).unwrap(), 0);
}
