//! What is particular to the store over Tahoe-LAFS. The system test starts a grid for these tests, and tells them its
//! gateway in `SANSFTP_TEST_GATEWAY`.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use bytes::Bytes;
use sansftp::{
    adapters::{
        stores::{Tahoe, tahoe::Gateway},
        tokio::Tokio,
    },
    pathname::Pathname,
    storage::{AbortReason, EntryKind, Permissions, Placement, Storage, StorageErrorKind::*, Upload},
    time_value::TimeValue,
};

use crate::steps::*;

/// The address of the gateway, such as `127.0.0.1:3456`.
fn gateway() -> String {
    std::env::var("SANSFTP_TEST_GATEWAY").expect("SANSFTP_TEST_GATEWAY is the address of a grid's gateway")
}

/// What the gateway says to a request of somebody else.
fn ask(method: &str, url: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(gateway()).unwrap();
    let length = body.len();
    write!(stream, "{method} {url} HTTP/1.0\r\nAccept: text/plain\r\nContent-Length: {length}\r\n\r\n{body}")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 ") || head.contains(" 201 "), "{answer}");
    body.to_owned()
}

fn new_root() -> String {
    ask("POST", "/uri?t=mkdir", "")
}

fn open_root(cap: &str) -> Tahoe<Tokio> {
    Tahoe::new(Gateway::new(Tokio, &format!("http://{}", gateway())).unwrap(), cap).unwrap()
}

/// An empty store.
pub(crate) fn on_a_grid() -> Tahoe<Tokio> {
    open_root(&new_root())
}
