//! Clients, connections and stores that break off.

use std::{
    io::{Read, Write},
    time::Duration,
};

use sansftp::{AbortReason, Settings, Storage, adapters::stores::Memory};
use socket2::SockRef;
use suppaftp::Status;

use super::{
    client::Client,
    hosts::Host,
    running::{Running, code, content, put, sample},
    watched::Watched,
};

pub(crate) fn an_aborted_upload_leaves_the_old_file<H: Host>(store: impl Storage + Clone) {
    let (store, journal) = Watched::new(store);
    let running = Running::<H>::start(store, Settings::default());
    let mut client = running.client();
    put(&mut client, "file", b"old");
    let mut upload = client.put_with_stream("file").unwrap();
    upload.write_all(&sample(300_000)).unwrap();
    client.abort(upload).unwrap();
    client.noop().unwrap();
    assert_eq!(journal.wait_for_abort(0), AbortReason::ClientAborted);
    assert_eq!(content(&mut client, "file"), b"old");
    assert_eq!(journal.finishes(), 1);
}

pub(crate) fn a_reset_upload_leaves_the_old_file<H: Host>(store: impl Storage + Clone) {
    let (store, journal) = Watched::new(store);
    let running = Running::<H>::start(store, Settings::default());
    let mut client = running.client();
    put(&mut client, "file", b"old");
    let mut upload = client.put_with_stream("file").unwrap();
    upload.write_all(&sample(300_000)).unwrap();
    SockRef::from(upload.get_ref().get_ref()).set_linger(Some(Duration::ZERO)).unwrap();
    assert_eq!(code(upload.finish()), Status::TransferAborted);
    assert_eq!(journal.wait_for_abort(0), AbortReason::DataConnectionLost);
    assert_eq!(content(&mut client, "file"), b"old");
    assert_eq!(journal.finishes(), 1);
}

/// The system closes a killed client's sockets in good order; here, the control connection first. The other order takes
/// a clock that the test turns: `tests/driver` has it.
pub(crate) fn a_killed_client_leaves_the_old_file<H: Host>(store: impl Storage + Clone) {
    let (store, journal) = Watched::new(store);
    let running = Running::<H>::start(store, Settings::default());
    put(&mut running.client(), "file", b"old");
    // The first one is cut amid many chunks, the others when all that came is known already.
    for number in 0..50 {
        let mut client = Client::log_in(running.address);
        let mut data = client.begin("STOR file");
        data.write_all(&sample(if number == 0 { 300_000 } else { 4 })).unwrap();
        drop(client);
        drop(data);
        assert_eq!(journal.wait_for_abort(number), AbortReason::ControlConnectionLost);
    }
    assert_eq!(content(&mut running.client(), "file"), b"old");
    assert_eq!(journal.finishes(), 1);
}

pub(crate) fn an_aborted_download_leaves_the_session_usable<H: Host>(store: impl Storage + Clone) {
    let running = Running::<H>::start(store, Settings::default());
    let mut client = running.client();
    put(&mut client, "file", &sample(8 << 20));
    let mut download = client.retr_as_stream("file").unwrap();
    download.read_exact(&mut [0; 1000]).unwrap();
    client.abort(download).unwrap();
    client.noop().unwrap();
    assert_eq!(content(&mut client, "file").len(), 8 << 20);
}

/// What Telnet clients send before `ABOR`: "interrupt process" and, as urgent data, the mark of the place.
///
/// A read stops short at that mark. Whoever takes this for the end of what there is waits for ever, and an upload that
/// the client gave up is finished.
pub(crate) fn an_abor_behind_urgent_data_is_heard<H: Host>(store: impl Storage + Clone) {
    let (store, journal) = Watched::new(store);
    let running = Running::<H>::start(store, Settings::default());
    put(&mut running.client(), "file", b"old");
    let mut client = Client::log_in(running.address);
    for number in 0..50 {
        let mut data = client.begin("STOR file");
        data.write_all(b"half of the new content").unwrap();
        SockRef::from(&client.control).send_out_of_band(b"\xff\xf4\xff").unwrap();
        client.control.write_all(b"\xf2ABOR\r\n").unwrap();
        client.expect("426 ");
        client.expect("226 ");
        assert_eq!(journal.wait_for_abort(number), AbortReason::ClientAborted);
    }
    assert_eq!(content(&mut running.client(), "file"), b"old");
    assert_eq!(journal.finishes(), 1);
}

pub(crate) fn a_store_that_panics_costs_nobody_else_anything<H: Host>() {
    let (store, journal) = Watched::new(Memory::new());
    let running = Running::<H>::start(store, Settings::default());
    let mut witness = running.client();
    put(&mut witness, "file", b"old");
    journal.panic_in_finishes();
    // More often than there are threads.
    for _ in 0..20 {
        let mut client = Client::log_in(running.address);
        drop(client.begin("STOR file"));
        assert_eq!(client.control.read(&mut [0]).unwrap(), 0, "its session has ended");
    }
    journal.let_finishes_be();
    assert_eq!(content(&mut witness, "file"), b"old");
    put(&mut witness, "file", b"new");
    assert_eq!(content(&mut running.client(), "file"), b"new");
}
