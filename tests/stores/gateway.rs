//! The store over Tahoe-LAFS and a gateway that behaves badly.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

use sansftp::{
    adapters::{
        Tokio,
        stores::{Tahoe, tahoe::Gateway},
    },
    storage::{
        AbortReason, Download, EntryKind, Permissions, Placement, Storage, StorageErrorKind::*, Upload,
    },
};

use crate::steps::*;

const ROOT: &str = "URI:DIR2:secretsecret:alsosecret";
const EMPTY: &str = r#"["dirnode", {"children": {}, "rw_uri": "URI:DIR2:secretsecret:alsosecret"}]"#;
const ONE_FILE: &str = r#"["dirnode", {"children": {"file": ["filenode",
    {"mutable": false, "size": 1000, "ro_uri": "URI:CHK:secretsecret:b:2:4:1000"}]},
    "rw_uri": "URI:DIR2:secretsecret:alsosecret"}]"#;

/// What came of a request: its first line, and its body if that had an end.
type Request = (String, Option<Vec<u8>>);

/// A gateway whose answers are given by the first line of a request; an empty one closes the connection.
struct FakeGateway {
    address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl FakeGateway {
    fn start(answer: impl Fn(&str) -> String + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (seen, answer) = (Arc::clone(&seen), answer.clone());
                std::thread::spawn(move || serve(&stream.unwrap(), &seen, answer));
            }
        });
        Self { address, requests }
    }

    fn store(&self) -> Tahoe<Tokio> {
        Tahoe::new(Gateway::new(Tokio, &format!("http://{}", self.address)).unwrap(), ROOT).unwrap()
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(stream: &TcpStream, seen: &Mutex<Vec<Request>>, answer: impl Fn(&str) -> String) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            lines.push(line);
        }
        let length = lines.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let body = match length {
            Some(length) => {
                let mut body = vec![0; length];
                reader.read_exact(&mut body).ok().map(|()| body)
            }
            None if lines.iter().any(|line| line.starts_with("transfer-encoding: chunked")) => {
                read_chunks(&mut reader)
            }
            None => Some(Vec::new()),
        };
        let is_whole = body.is_some();
        seen.lock().unwrap().push((lines[0].clone(), body));
        let mut answer = answer(&lines[0]);
        if let Some(start) =
            lines.iter().find_map(|line| line.strip_prefix("range: bytes=")?.strip_suffix('-'))
        {
            answer = part(&answer, start.parse().unwrap());
        }
        if !is_whole || answer.is_empty() || (&mut &*stream).write_all(answer.as_bytes()).is_err() {
            return;
        }
        if !answer.contains("keep") {
            return;
        }
    }
}

fn read_chunks(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut size = String::new();
        reader.read_line(&mut size).ok()?;
        let size = usize::from_str_radix(size.trim_end(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(&chunk[..size]);
    }
}

/// The answer to a request for what an answer has from `start` on, if it is one that has a part.
fn part(answer: &str, start: usize) -> String {
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.contains("X-Ranges") => {
            ok(&body[start..]).replace("200 OK", "206 Partial Content").replace(
                "Connection",
                &format!("Content-Range: bytes {start}-{0}/{0}\r\nConnection", body.len()),
            )
        }
        _ => answer.to_owned(),
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Nothing of a capability is shown, whatever happens.
fn check_secret(shown: &impl core::fmt::Debug) {
    let shown = format!("{shown:?}");
    assert!(!shown.contains("URI:") && !shown.contains("secretsecret"), "{shown}");
}

#[tokio::test]
async fn a_gateway_that_is_not_there_or_says_nothing_is_a_failure() {
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let absent = Tahoe::new(Gateway::new(Tokio, &format!("http://{nowhere}")).unwrap(), ROOT).unwrap();
    let silent = FakeGateway::start(|_| String::new());
    let broken = FakeGateway::start(|_| ok("<html>"));
    let cut = FakeGateway::start(|_| {
        ok(ONE_FILE).replace("keep-alive", "close").replace("Content-Length: 1", "Content-Length: 2")
    });
    for store in [absent, silent.store(), broken.store(), cut.store()] {
        let error = store.stat(&path("/absent")).await.unwrap_err();
        assert_eq!(error.kind(), Failed);
        check_secret(&error);
        let error = store.open_upload(&path("/file"), Placement::Replace, None).await.unwrap_err();
        assert_eq!(error.kind(), Failed);
        check_secret(&(error, &store));
        assert_eq!(kind(store.make_directory(&path("/a/b")).await), Failed);
    }
}

#[tokio::test]
async fn an_upload_that_is_cut_off_has_no_end_and_is_not_linked() {
    let gateway = FakeGateway::start(|_| ok(EMPTY));
    let store = gateway.store();
    begin(&store, "/file", Placement::Replace, pattern(300_000, 1))
        .await
        .abort(AbortReason::DataConnectionLost)
        .await;
    drop(begin(&store, "/file", Placement::Replace, pattern(300_000, 1)).await);
    drop(begin(&store, "/file", Placement::Replace, "small").await.finish());
    for _ in 0..500 {
        if gateway.requests().iter().filter(|(line, _)| line.starts_with("put ")).count() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let requests = gateway.requests();
    let uploads: Vec<_> = requests.iter().filter(|(line, _)| line.starts_with("put ")).collect();
    assert!(uploads.len() == 3 && uploads.iter().all(|(_, body)| body.is_none()), "{requests:?}");
    assert!(!requests.iter().any(|(line, _)| line.starts_with("post ")), "{requests:?}");
}

#[tokio::test]
async fn an_upload_comes_whole_and_is_linked_by_its_cap() {
    let gateway = FakeGateway::start(|line| match line.starts_with("put ") {
        true => ok("URI:CHK:secretsecret:b:2:4:300000"),
        false => ok(EMPTY),
    });
    let store = gateway.store();
    let upload = begin(&store, "/file", Placement::Replace, pattern(300_000, 1)).await;
    check_secret(&upload);
    check_secret(&upload.finish().await.unwrap());
    let requests = gateway.requests();
    let (_, body) = requests.iter().find(|(line, _)| line == "put /uri?format=chk http/1.1").unwrap();
    assert!(body.as_deref() == Some(&pattern(300_000, 1)[..]));
    let (line, body) = requests.last().unwrap();
    assert!(line.contains("?t=set_children&replace=only-files "), "{line}");
    let body = String::from_utf8(body.clone().unwrap()).unwrap();
    assert!(body.contains(r#""ro_uri":"URI:CHK:secretsecret:b:2:4:300000""#), "{body}");
}

/// Were it linked, the client would have a `226` for a file that is not its own.
#[tokio::test]
async fn a_file_of_another_size_than_was_sent_is_not_linked() {
    for cap in ["URI:CHK:secretsecret:b:2:4:299999", "URI:LIT:me", "URI:SSK:a:b", "nonsense"] {
        let gateway = FakeGateway::start(move |line| match line.starts_with("put ") {
            true => ok(cap),
            false => ok(EMPTY),
        });
        let upload = begin(&gateway.store(), "/file", Placement::Replace, pattern(300_000, 1)).await;
        let error = upload.finish().await.unwrap_err();
        assert_eq!(error.kind(), Failed);
        check_secret(&error);
        assert!(!gateway.requests().iter().any(|(line, _)| line.starts_with("post ")));
    }
}

#[tokio::test]
async fn a_refused_upload_is_not_linked_and_its_text_is_not_shown() {
    let gateway = FakeGateway::start(|line| match line.starts_with("put ") {
        true => ok("UploadUnhappinessError URI:DIR2:secretsecret:b").replace("200 OK", "500 Server Error"),
        false => ok(EMPTY),
    });
    let error =
        begin(&gateway.store(), "/file", Placement::Replace, "content").await.finish().await.unwrap_err();
    assert_eq!(error.kind(), Failed);
    assert!(error.message().contains("too few storage servers"), "{error}");
    check_secret(&error);
}

#[tokio::test]
async fn a_download_that_ends_short_is_a_failure() {
    for (announced, sent) in [(1000, 999), (1000, 0), (999, 999), (1001, 1001)] {
        let gateway = FakeGateway::start(move |line| match line.contains("uri:chk:") {
            true => format!("HTTP/1.1 200 OK\r\nContent-Length: {announced}\r\n\r\n{}", "x".repeat(sent)),
            false => ok(ONE_FILE),
        });
        let result = match gateway.store().open_download(&path("/file"), 0).await {
            Ok(mut download) => read_all(&mut download, 100).await,
            Err(error) => Err(error),
        };
        let error = result.unwrap_err();
        assert_eq!(error.kind(), Failed, "{announced} {sent}");
        check_secret(&error);
    }
}

/// Tahoe-LAFS writes a complaint into a file that it cannot read on. A client that goes on later where it stands must not
/// have that in its file, and a file that ends in it must not pass for whole.
#[tokio::test]
async fn a_complaint_in_the_place_of_the_rest_is_not_taken_for_the_file() {
    let head = |length: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    for rest in [0, 1, 2, 10, 23, 24, 25, 500, 999] {
        let gateway = FakeGateway::start(move |line| {
            if !line.contains("uri:chk:") {
                return ok(ONE_FILE);
            }
            let complaint = "problem during download\n";
            let sent = "x".repeat(1000 - rest) + if rest == 0 { "" } else { complaint };
            head(1000) + &sent[..sent.len().min(1000)]
        });
        let mut download = gateway.store().open_download(&path("/file"), 0).await.unwrap();
        let mut received = Vec::new();
        let end = loop {
            match download.read(100).await {
                Ok(bytes) if bytes.is_empty() => break None,
                Ok(bytes) => received.extend_from_slice(&bytes),
                Err(error) => break Some(error.kind()),
            }
        };
        assert_eq!(end, Some(Failed).filter(|_| rest > 0), "{rest}");
        assert!(received.iter().all(|&byte| byte == b'x'), "{rest}: {}", received.escape_ascii());
        assert!(received.len() == 1000 || rest > 0);
    }
}

/// `pro` and `p` begin a complaint, and may be the file's own.
#[tokio::test]
async fn a_file_that_ends_like_a_complaint_comes_whole() {
    let content = "x".repeat(976) + "problem during download\n";
    for (cut, requests) in [(1000, 1), (979, 1), (977, 1), (976, 0)] {
        let content = content[..cut].to_owned();
        let directory = ONE_FILE.replace("1000", &cut.to_string());
        let sent = content.clone();
        let gateway = FakeGateway::start(move |line| match line.contains("uri:chk:") {
            true => ok(&sent).replace("Connection", "X-Ranges: yes\r\nConnection"),
            false => ok(&directory),
        });
        let result = get(&gateway.store(), "/file").await;
        assert!(result == content.as_bytes(), "{cut}");
        let asked = gateway.requests().iter().filter(|(line, _)| line.contains("uri:chk:")).count();
        assert_eq!(asked, 1 + requests, "{cut}");
    }
}

/// Tahoe-LAFS answers a range behind the end with the whole file.
#[tokio::test]
async fn an_offset_is_compared_with_the_size_and_with_the_answer() {
    let gateway = FakeGateway::start(|line| match line.contains("uri:chk:") {
        true => ok(&"x".repeat(1000)),
        false => ok(ONE_FILE),
    });
    let store = gateway.store();
    let mut download = store.open_download(&path("/file"), 1000).await.unwrap();
    assert!(download.read(10).await.unwrap().is_empty());
    assert_eq!(kind(store.open_download(&path("/file"), 1001).await), BadOffset);
    assert!(!gateway.requests().iter().any(|(line, _)| line.contains("uri:chk:")));
    assert_eq!(kind(store.open_download(&path("/file"), 500).await), BadOffset);
}

#[tokio::test]
async fn connections_are_used_again_unless_the_gateway_has_closed_them() {
    let gateway = FakeGateway::start(|_| ok(ONE_FILE));
    let closing = FakeGateway::start(|_| ok(ONE_FILE).replace("Connection: keep-alive\r\n", ""));
    for gateway in [gateway, closing] {
        let store = gateway.store();
        for _ in 0..20 {
            assert_eq!(size(&store, "/file").await, 1000);
            // So that the end of the connection has come.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(gateway.requests().len(), 20);
    }
}

#[test]
fn a_wrong_url_or_root_is_refused() {
    for url in [
        "",
        "127.0.0.1:3456",
        "https://127.0.0.1:3456",
        "http://",
        "http://127.0.0.1:3456/uri",
        "ftp://x",
        "http://a b",
    ] {
        assert!(Gateway::new(Tokio, url).is_err(), "{url}");
    }
    for url in ["http://127.0.0.1:3456", "http://127.0.0.1:3456/", "http://[::1]:3456", "http://localhost"] {
        let gateway = Gateway::new(Tokio, url).unwrap();
        assert!(Tahoe::new(gateway.clone(), ROOT).is_ok());
        check_secret(&Tahoe::new(gateway, "URI:CHK:secretsecret:b:2:4:1000").unwrap_err());
    }
}

/// A directory `/below` of so many files, and what the gateway says of it.
fn directory_of(files: usize, is_writable: bool) -> FakeGateway {
    let file = |number| {
        format!(
            r#""{number}": ["filenode", {{"mutable": false, "size": 1, "ro_uri": "URI:LIT:{number:02}"}}]"#
        )
    };
    let (cap, right) = match is_writable {
        true => ("URI:DIR2:secretsecret:below", r#", "rw_uri": "URI:DIR2:secretsecret:below""#),
        false => ("URI:DIR2-RO:secretsecret:below", ""),
    };
    let children: Vec<_> = (0..files).map(file).collect();
    // In the gateway's order: the right to change it comes last.
    let directory = format!(
        r#"["dirnode", {{"children": {{{}}}, "ro_uri": "URI:DIR2-RO:secretsecret:below"{right}}}]"#,
        children.join(", ")
    );
    FakeGateway::start(move |line| ok(if line.contains("?t=uri") { cap } else { &directory }))
}

#[tokio::test]
async fn files_are_writable_where_their_directory_is() {
    for (files, requests) in [(0, 1), (2, 1), (255, 1), (600, 2)] {
        for is_writable in [true, false] {
            let gateway = directory_of(files, is_writable);
            let found = entries(&gateway.store(), "/below").await;
            assert_eq!(found.len(), files);
            let file = EntryKind::File;
            let right = if is_writable { Permissions::all(file) } else { Permissions::read_only(file) };
            assert!(found.values().all(|entry| entry.metadata.permissions == right), "{files} {is_writable}");
            assert_eq!(gateway.requests().len(), requests, "{files} files");
            if files > 0 {
                assert_eq!(gateway.store().stat(&path("/below/1")).await.unwrap().permissions, right);
            }
        }
    }
}
