//! What is particular to the store over Tahoe-LAFS, on a real grid. The system test starts one for these tests, and tells
//! them its gateway in `SANSFTP_TEST_GATEWAY`.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use sansftp::{
    adapters::{
        Tokio,
        stores::{Tahoe, tahoe::Gateway},
    },
    pathname::Pathname,
    storage::{EntryKind, Listing, Permissions, Placement, Storage, StorageErrorKind::*, Upload},
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

/// Makes entries without the store.
fn set_children(root: &str, entries: &str) {
    ask("POST", &format!("/uri/{root}?t=set_children"), entries);
}

#[ignore = "the system test runs it, with a grid"]
#[tokio::test]
async fn refuses_what_a_grid_cannot_do() {
    let store = on_a_grid();
    put(&store, "/file", "content").await;
    let file = path("/file");
    assert_eq!(kind(store.open_upload(&file, Placement::Append, None).await), Unsupported);
    for offset in [1, 7, 8] {
        let refused = store.open_upload(&file, Placement::Resume { offset }, None).await;
        assert_eq!(kind(refused), UnsupportedParameter);
    }
    assert_eq!(kind(store.set_mode(&file, 0o644).await), Unsupported);
    assert_eq!(kind(store.available(&Pathname::root()).await), Unsupported);
    assert_eq!(get(&store, "/file").await, b"content");
    begin(&store, "/file", Placement::Resume { offset: 0 }, "new").await.finish().await.unwrap();
    assert_eq!(get(&store, "/file").await, b"new");
}

#[ignore = "the system test runs it, with a grid"]
#[tokio::test]
async fn nothing_that_is_not_there_is_found_and_no_parent_is_made() {
    let store = on_a_grid();
    for missing in ["/missing", "/missing/below"] {
        let missing = path(missing);
        assert_eq!(kind(store.stat(&missing).await), NotFound);
        assert_eq!(kind(store.list(&missing).await), NotFound);
        assert_eq!(kind(store.open_download(&missing, 0).await), NotFound);
        assert_eq!(kind(store.remove_file(&missing).await), NotFound);
        assert_eq!(kind(store.remove_directory(&missing).await), NotFound);
        assert_eq!(kind(store.rename(&missing, &path("/other")).await), NotFound);
        assert_eq!(kind(store.set_modified(&missing, TimeValue::from_unix(0, 0)).await), NotFound);
    }
    for below in ["/missing/below", "/missing/further/below"] {
        assert_eq!(kind(store.make_directory(&path(below)).await), NotFound);
        assert_eq!(kind(store.open_upload(&path(below), Placement::Replace, None).await), NotFound);
    }
    for placement in [Placement::Replace, Placement::Unique] {
        make(&store, format!("/{placement:?}")).await;
        let refused = store.open_upload(&path(format!("/{placement:?}")), Placement::Replace, None).await;
        assert_eq!(kind(refused), IsADirectory);
    }
    assert_eq!(names(&store, "/").await, ["Replace", "Unique"]);
}

#[ignore = "the system test runs it, with a grid"]
#[tokio::test]
async fn a_directory_that_takes_the_name_meanwhile_stays() {
    let store = on_a_grid();
    let upload = begin(&store, "/late", Placement::Replace, "content").await;
    make(&store, "/late").await;
    assert_eq!(kind(upload.finish().await), IsADirectory);
    assert!(names(&store, "/late").await.is_empty());
}

#[ignore = "the system test runs it, with a grid"]
#[tokio::test]
async fn names_are_unicode_in_nfc() {
    let store = on_a_grid();
    let given =
        [" ", " a ", "-la", "...", "a\"b", "a\\b", "*?[x]", "100%25", "a+b&c=d;e#f", "\u{1b}[2J", "ä€😀"];
    for name in given {
        put(&store, format!("/{name}"), name).await;
        assert_eq!(get(&store, format!("/{name}")).await, name.as_bytes());
    }
    assert_eq!(names(&store, "/").await.len(), given.len());
    for name in given {
        let renamed = format!("/{name}x ");
        store.rename(&path(format!("/{name}")), &path(&renamed)).await.unwrap();
        assert_eq!(get(&store, &renamed).await, name.as_bytes());
        store.remove_file(&path(&renamed)).await.unwrap();
        make(&store, format!("/{name}")).await;
        put(&store, format!("/{name}/{name}"), "below").await;
        store.remove_file(&path(format!("/{name}/{name}"))).await.unwrap();
        store.remove_directory(&path(format!("/{name}"))).await.unwrap();
    }

    let opened = open(&store, "/re\u{301}sume\u{301}", Placement::Replace).await;
    assert_eq!(opened.pathname, path("/r\u{e9}sum\u{e9}"));
    opened.upload.finish().await.unwrap();
    assert_eq!(names(&store, "/").await, ["r\u{e9}sum\u{e9}"]);
    assert_eq!(size(&store, "/re\u{301}sume\u{301}").await, 0);
    store.remove_file(&path("/re\u{301}sume\u{301}")).await.unwrap();

    let name = path(b"/\xff\xfe");
    assert_eq!(kind(store.open_upload(&name, Placement::Replace, None).await), NameRefused);
    assert_eq!(kind(store.make_directory(&name).await), NameRefused);
    assert_eq!(kind(store.stat(&name).await), NotFound);
}

#[ignore = "the system test runs it, with a grid"]
#[tokio::test]
async fn a_directory_is_not_moved_into_itself_by_another_name_either() {
    let root = new_root();
    let store = open_root(&root);
    make(&store, "/one").await;
    make(&store, "/one/inner").await;
    put(&store, "/one/inner/file", "content").await;
    let cap = ask("GET", &format!("/uri/{root}/one?t=uri"), "");
    set_children(&root, &format!(r#"{{"other": ["dirnode", {{"rw_uri": "{cap}"}}]}}"#));
    for target in ["/other/new", "/other/inner/new", "/one/new", "/one/inner/new"] {
        assert_eq!(kind(store.rename(&path("/one"), &path(target)).await), NameRefused, "{target}");
    }
    assert_eq!(get(&store, "/other/inner/file").await, b"content");
    store.rename(&path("/one/inner"), &path("/inner")).await.unwrap();
    assert_eq!(get(&store, "/inner/file").await, b"content");
}

#[ignore = "the system test runs it, with a grid"]
#[tokio::test]
async fn two_directories_are_not_moved_into_each_other() {
    let store = on_a_grid();
    for _ in 0..5 {
        make(&store, "/one").await;
        make(&store, "/two").await;
        let moved = tokio::join!(async { store.rename(&path("/one"), &path("/two/one")).await }, async {
            store.rename(&path("/two"), &path("/one/two")).await
        },);
        assert!(moved.0.is_ok() != moved.1.is_ok(), "{moved:?}");
        let (outer, inner) = if moved.0.is_ok() { ("/two", "/two/one") } else { ("/one", "/one/two") };
        store.remove_directory(&path(inner)).await.unwrap();
        store.remove_directory(&path(outer)).await.unwrap();
    }
}

#[ignore = "the system test runs it, with a grid"]
#[tokio::test]
async fn a_time_that_was_set_does_not_outlive_its_content() {
    let root = new_root();
    let store = open_root(&root);
    put(&store, "/file", "content").await;
    let time = TimeValue::parse(b"20240229123456.750").unwrap();
    store.set_modified(&path("/file"), time).await.unwrap();
    store.rename(&path("/file"), &path("/renamed")).await.unwrap();
    assert_eq!(store.stat(&path("/renamed")).await.unwrap().modified, Some(time));
    // By somebody else, who keeps what was noted about the old file.
    ask("PUT", &format!("/uri/{root}/renamed?format=CHK"), "another content");
    let metadata = store.stat(&path("/renamed")).await.unwrap();
    assert!(
        metadata.size == 15 && metadata.modified > TimeValue::parse(b"20240301000000").ok(),
        "{metadata:?}"
    );
}

#[ignore = "the system test runs it, with a grid"]
#[tokio::test]
async fn a_large_directory_is_listed_by_pages() {
    let root = new_root();
    let store = open_root(&root);
    let entry = r#"["filenode", {"ro_uri": "URI:LIT:me"}]"#;
    let mut entries: Vec<_> = (0..1500).map(|number| format!(r#""file {number:04}": {entry}"#)).collect();
    entries.extend(["", ".", "..", "a/b"].map(|name| format!(r#""{name}": {entry}"#)));
    set_children(&root, &format!("{{{}}}", entries.join(", ")));
    let mut listing = store.list(&Pathname::root()).await.unwrap();
    let mut found = Vec::new();
    loop {
        let page = listing.next_page().await.unwrap();
        assert!(page.len() <= 256);
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    assert!(listing.next_page().await.unwrap().is_empty());
    // The server leaves the slash out, as of any store; the others are no names.
    found.retain(|entry| entry.name != "a/b");
    assert_eq!(found.len(), 1500);
    assert!(found.iter().all(|entry| entry.metadata.size == 1 && entry.metadata.modified.is_some()));
    assert_eq!(get(&store, "/file 1234").await, b"a");
}

#[ignore = "the system test runs it, with a grid"]
#[tokio::test]
async fn what_may_only_be_read_is_not_changed() {
    let root = new_root();
    let writable = open_root(&root);
    make(&writable, "/directory").await;
    put(&writable, "/file", "content").await;
    let read_cap = ask("GET", &format!("/uri/{root}?t=readonly-uri"), "");
    set_children(&root, &format!(r#"{{"below": ["dirnode", {{"ro_uri": "{read_cap}"}}]}}"#));
    for (store, prefix) in [
        (writable.clone().read_only(), ""),
        (open_root(&read_cap), ""),
        (open_root(&read_cap), "/below"),
        (writable.clone(), "/below"),
    ] {
        let at = |name: &str| path(format!("{prefix}{name}"));
        for placement in [Placement::Replace, Placement::Unique] {
            assert_eq!(kind(store.open_upload(&at("/file"), placement, None).await), PermissionDenied);
        }
        assert_eq!(kind(store.make_directory(&at("/new")).await), PermissionDenied);
        assert_eq!(kind(store.remove_directory(&at("/directory")).await), PermissionDenied);
        assert_eq!(kind(store.remove_file(&at("/file")).await), PermissionDenied);
        assert_eq!(kind(store.rename(&at("/file"), &at("/new")).await), PermissionDenied);
        assert_eq!(
            kind(store.set_modified(&at("/file"), TimeValue::from_unix(0, 0)).await),
            PermissionDenied
        );
        assert_eq!(get(&store, at("/file").as_bytes()).await, b"content");
        assert!(exists(&store, at("/directory").as_bytes()).await);
        for (name, listed) in entries(&store, at("/").as_bytes()).await {
            let told = store.stat(&at("/").join(&name).unwrap()).await.unwrap();
            for metadata in [told, listed.metadata] {
                assert_eq!(metadata.permissions, Permissions::read_only(metadata.kind), "{prefix} {name:?}");
            }
        }
    }
    let listed = entries(&writable, "/").await;
    assert_eq!(listed[&b"file"[..]].metadata.permissions, Permissions::all(EntryKind::File));
}

#[ignore = "the system test runs it, with a grid"]
#[tokio::test]
async fn a_mutable_file_is_read_and_not_replaced() {
    let root = new_root();
    let store = open_root(&root);
    ask("PUT", &format!("/uri/{root}/file?format=SDMF"), "changing content");
    assert_eq!(get(&store, "/file").await, b"changing content");
    let mut download = store.open_download(&path("/file"), 9).await.unwrap();
    assert_eq!(read_all(&mut download, 100).await.unwrap(), b"content");
    assert_eq!(kind(store.open_download(&path("/file"), 17).await), BadOffset);
    assert_eq!(kind(store.open_upload(&path("/file"), Placement::Replace, None).await), PermissionDenied);
    store.rename(&path("/file"), &path("/renamed")).await.unwrap();
    assert_eq!(get(&store, "/renamed").await, b"changing content");
    store.remove_file(&path("/renamed")).await.unwrap();
}

#[ignore = "the system test runs it, with a grid"]
#[tokio::test]
async fn the_reply_names_the_read_cap_only_if_that_is_wanted() {
    let store = on_a_grid();
    let upload = begin(&store, "/file", Placement::Replace, pattern(2000, 1)).await;
    assert_eq!(upload.finish().await.unwrap().note, None);
    let store = store.with_read_caps_named();
    let upload = begin(&store, "/file", Placement::Replace, "a").await;
    assert_eq!(upload.finish().await.unwrap().note.as_deref(), Some("URI:LIT:me"));
    let upload = begin(&store, "/file", Placement::Replace, pattern(2000, 1)).await;
    let note = upload.finish().await.unwrap().note.unwrap();
    assert!(note.starts_with("URI:CHK:"), "{note}");
    assert!(!format!("{store:?}").contains("URI:"));
}

#[ignore = "the system test runs it, with a grid"]
#[tokio::test]
async fn a_change_that_nobody_waits_for_runs_to_its_end() {
    let store = on_a_grid();
    make(&store, "/directory").await;
    put(&store, "/file", "content").await;
    let (from, to) = (path("/file"), path("/directory/file"));
    assert!(tokio::time::timeout(Duration::from_millis(1), store.rename(&from, &to)).await.is_err());
    for _ in 0..500 {
        if exists(&store, "/directory/file").await && !exists(&store, "/file").await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?} {:?}", names(&store, "/").await, names(&store, "/directory").await);
}

#[ignore = "the system test runs it, with a grid"]
#[tokio::test]
async fn of_many_at_once_none_is_lost() {
    let store = on_a_grid();
    make(&store, "/directory").await;
    let tasks = (0..20).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            put(&store, format!("/directory/file {number}"), pattern(100 + number, 1)).await;
            store.make_directory(&path("/directory/made once")).await.is_ok()
        })
    });
    let mut made = 0;
    for task in tasks.collect::<Vec<_>>() {
        made += usize::from(task.await.unwrap());
    }
    assert_eq!(made, 1);
    assert_eq!(names(&store, "/directory").await.len(), 21);
}

/// What is confirmed can be reached.
#[ignore = "the system test runs it, with a grid"]
#[tokio::test]
async fn a_directory_is_not_removed_under_an_upload() {
    let store = on_a_grid();
    for round in 0..10 {
        make(&store, "/directory").await;
        let upload = async {
            tokio::time::sleep(Duration::from_millis(5 * round)).await;
            let opened = store.open_upload(&path("/directory/file"), Placement::Replace, None).await?;
            opened.upload.finish().await
        };
        let (stored, removed) =
            tokio::join!(upload, async { store.remove_directory(&path("/directory")).await });
        assert!(stored.is_ok() != removed.is_ok(), "{stored:?} {removed:?}");
        assert_eq!(exists(&store, "/directory").await, stored.is_ok());
        if stored.is_ok() {
            assert!(exists(&store, "/directory/file").await);
            store.remove_file(&path("/directory/file")).await.unwrap();
            store.remove_directory(&path("/directory")).await.unwrap();
        }
    }
}
