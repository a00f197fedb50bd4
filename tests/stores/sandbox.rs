//! Nothing leads out of the store's directory, and what is no file does no harm.

use std::{
    fs,
    future::Future,
    os::unix::{
        fs::{FileTypeExt, symlink},
        net::UnixListener,
    },
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use rustix::fs::{CWD, FileType, Mode, RenameFlags};
use sansftp::{
    adapters::stores::Filesystem,
    storage::{AbortReason, EntryKind, Placement, Storage, StorageError, StorageErrorKind::*},
    storage::{Listing, Upload},
    time_value::TimeValue,
};
use tempfile::TempDir;

use crate::steps::*;

/// A folder with the store's directory `root` and something that is none of its business beside it.
fn folder() -> (TempDir, Filesystem) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("root")).unwrap();
    fs::create_dir_all(folder.path().join("outside/directory")).unwrap();
    fs::write(folder.path().join("outside/secret"), "secret").unwrap();
    let store = Filesystem::open(folder.path().join("root")).unwrap();
    (folder, store)
}

fn assert_untouched(folder: &TempDir) {
    let outside = folder.path().join("outside");
    let mut names: Vec<_> = fs::read_dir(&outside).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["directory", "secret"]);
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"secret");
    assert_eq!(fs::read_dir(outside.join("directory")).unwrap().count(), 0);
}

fn is_refusal(error: StorageError) -> bool {
    assert!(!error.message().contains("outside"), "{error:?}");
    matches!(error.kind(), PermissionDenied | NotFound)
}

#[tokio::test]
async fn links_that_lead_outside_are_not_followed() {
    let (folder, store) = folder();
    let root = folder.path().join("root");
    let outside = folder.path().join("outside");
    symlink(&outside, root.join("absolute")).unwrap();
    symlink("../outside", root.join("relative")).unwrap();
    symlink("../outside/secret", root.join("file")).unwrap();
    symlink("/proc/self/root", root.join("magic")).unwrap();

    for directory in ["/absolute", "/relative", "/magic"] {
        let below = path(format!("{directory}/secret"));
        assert!(is_refusal(store.stat(&path(directory)).await.unwrap_err()));
        assert!(is_refusal(store.stat(&below).await.unwrap_err()));
        assert!(is_refusal(store.list(&path(directory)).await.unwrap_err()));
        assert!(is_refusal(store.available(&path(directory)).await.unwrap_err()));
        assert!(is_refusal(store.open_download(&below, 0).await.unwrap_err()));
        for placement in
            [Placement::Replace, Placement::Append, Placement::Resume { offset: 1 }, Placement::Unique]
        {
            assert!(is_refusal(store.open_upload(&below, placement, None).await.unwrap_err()));
        }
        assert!(is_refusal(store.make_directory(&path(format!("{directory}/new"))).await.unwrap_err()));
        assert!(is_refusal(
            store.remove_directory(&path(format!("{directory}/directory"))).await.unwrap_err()
        ));
        assert!(is_refusal(store.remove_file(&below).await.unwrap_err()));
        assert!(is_refusal(store.rename(&below, &path("/stolen")).await.unwrap_err()));
        assert!(is_refusal(store.rename(&path("/file"), &below).await.unwrap_err()));
        assert!(is_refusal(store.set_mode(&below, 0o777).await.unwrap_err()));
        assert!(is_refusal(store.set_modified(&below, TimeValue::from_unix(0, 0)).await.unwrap_err()));
        assert_eq!(kind(store.remove_directory(&path(directory)).await), NotADirectory);
    }
    assert!(is_refusal(store.open_download(&path("/file"), 0).await.unwrap_err()));
    for placement in [Placement::Replace, Placement::Append, Placement::Resume { offset: 1 }] {
        assert!(is_refusal(store.open_upload(&path("/file"), placement, None).await.unwrap_err()));
    }
    assert!(is_refusal(store.set_mode(&path("/file"), 0o777).await.unwrap_err()));
    assert_untouched(&folder);

    // The links themselves are entries like others.
    let entries = entries(&store, "/").await;
    assert_eq!(entries.len(), 4);
    for entry in entries.values() {
        assert_eq!((entry.metadata.kind, &entry.link), (EntryKind::Symlink, &None), "{entry:?}");
    }
    store.rename(&path("/file"), &path("/renamed")).await.unwrap();
    for link in ["/absolute", "/relative", "/magic", "/renamed"] {
        store.remove_file(&path(link)).await.unwrap();
    }
    assert_untouched(&folder);
}

#[tokio::test]
async fn links_that_stay_inside_are_followed() {
    let (folder, store) = folder();
    let root = folder.path().join("root");
    make(&store, "/directory").await;
    put(&store, "/directory/file", "content").await;
    symlink("directory", root.join("link")).unwrap();
    symlink("../directory/file", root.join("directory/again")).unwrap();

    assert_eq!(store.stat(&path("/link")).await.unwrap().kind, EntryKind::Directory);
    assert_eq!(names(&store, "/link").await, ["again", "file"]);
    assert_eq!(get(&store, "/link/again").await, b"content");
    assert_eq!(size(&store, "/directory/again").await, 7);
    put(&store, "/link/new", "below a link").await;
    assert_eq!(get(&store, "/directory/new").await, b"below a link");
    assert_eq!(entries(&store, "/").await[&b"link"[..]].metadata, store.stat(&path("/link")).await.unwrap());
}

/// As `RETR` reads what the link leads to, so `STOR` and `APPE` write it: whole or not at all, in its own directory.
#[tokio::test]
async fn what_is_stored_to_a_link_goes_to_the_file_that_it_leads_to() {
    let (folder, store) = folder();
    let root = folder.path().join("root");
    make(&store, "/directory").await;
    make(&store, "/directory/links").await;
    put(&store, "/directory/file", "content").await;
    for (link, target) in [
        ("link", "directory/file"),
        ("directory/links/up", "../file"),
        ("directory/links/above", "../../link"),
        ("way", "directory"),
    ] {
        symlink(target, root.join(link)).unwrap();
    }

    for name in ["/link", "/directory/links/up", "/directory/links/above", "/way/links/above"] {
        let upload = begin(&store, name, Placement::Replace, pattern(200_000, 1)).await;
        assert_eq!(get(&store, name).await.len(), get(&store, "/directory/file").await.len());
        assert_eq!(
            fs::read_dir(root.join("directory")).unwrap().count(),
            3,
            "the temporary file is beside it"
        );
        upload.finish().await.unwrap();
        assert!(fs::read(root.join("directory/file")).unwrap() == pattern(200_000, 1), "{name}");
        put(&store, name, "new").await;
        begin(&store, name, Placement::Append, " and more").await.finish().await.unwrap();
        begin(&store, name, Placement::Resume { offset: 4 }, "less").await.finish().await.unwrap();
        assert_eq!(fs::read(root.join("directory/file")).unwrap(), b"new less", "{name}");
        begin(&store, name, Placement::Replace, "aborted").await.abort(AbortReason::ClientAborted).await;
        assert_eq!(fs::read(root.join("directory/file")).unwrap(), b"new less", "{name}");
    }
    for link in ["link", "directory/links/up", "directory/links/above"] {
        assert!(fs::symlink_metadata(root.join(link)).unwrap().is_symlink(), "{link}");
    }
}

#[tokio::test]
async fn a_link_that_leads_nowhere_is_replaced() {
    let (folder, store) = folder();
    let root = folder.path().join("root");
    make(&store, "/directory").await;
    symlink("nothing", root.join("to-nothing")).unwrap();
    symlink("directory", root.join("to-directory")).unwrap();
    symlink("circle", root.join("circle")).unwrap();

    put(&store, "/to-nothing", "new").await;
    assert!(fs::symlink_metadata(root.join("to-nothing")).unwrap().is_file());
    assert_eq!(get(&store, "/to-nothing").await, b"new");
    assert!(!exists(&store, "/nothing").await);

    let refused = store.open_upload(&path("/to-directory"), Placement::Replace, None).await;
    assert_eq!(kind(refused), IsADirectory);
    assert_eq!(kind(store.stat(&path("/circle")).await), NotFound);
    assert_eq!(kind(store.open_download(&path("/circle"), 0).await), NotFound);
}

/// Exchanges two names again and again while `steps` runs.
fn while_swapping(one: &Path, other: &Path, steps: impl Future<Output = ()>) {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                rustix::fs::renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).unwrap();
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), steps).await })
        }));
        // The other thread must end also when this one fails.
        is_over.store(true, Ordering::Relaxed);
        outcome.unwrap_or_else(|panic| resume_unwind(panic)).expect("something waits");
    });
}

/// Somebody swaps a directory with a link to the outside again and again. Whatever an operation meets, it stays inside.
#[test]
fn a_link_that_is_swapped_in_during_use_is_not_followed() {
    let (folder, store) = folder();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("place/directory")).unwrap();
    symlink("../outside", root.join("other")).unwrap();
    fs::write(root.join("place/secret"), "public").unwrap();

    let mut refused = 0;
    while_swapping(&root.join("place"), &root.join("other"), async {
        for _ in 0..300 {
            refused += use_what_is_swapped(&store).await;
        }
    });
    assert!(refused > 0, "the swaps were never met, so this tested nothing");
    assert_untouched(&folder);
}

/// Uses each operation on the directory; how many were refused.
async fn use_what_is_swapped(store: &Filesystem) -> usize {
    let mut refused = 0;
    let mut count = |error: StorageError| {
        assert!(is_refusal(error));
        refused += 1;
    };
    let secret = path("/place/secret");
    match store.open_download(&secret, 0).await {
        Ok(mut download) => assert_eq!(read_all(&mut download, 100).await.unwrap(), b"public"),
        Err(error) => count(error),
    }
    match store.stat(&secret).await {
        Ok(metadata) => assert!(metadata.kind == EntryKind::File),
        Err(error) => count(error),
    }
    match store.list(&path("/place")).await {
        Ok(mut listing) => assert!(listing.next_page().await.unwrap().len() <= 3),
        Err(error) => count(error),
    }
    match store.open_upload(&path("/place/new"), Placement::Replace, None).await {
        Ok(opened) => {
            opened.upload.finish().await.unwrap();
        }
        Err(error) => count(error),
    }
    match store.open_upload(&secret, Placement::Append, None).await {
        Ok(opened) => opened.upload.abort(AbortReason::ClientAborted).await,
        Err(error) => count(error),
    }
    match store.make_directory(&path("/place/directory/new")).await {
        // The removal in the round before was refused.
        Err(error) if error.kind() == AlreadyExists => {}
        done => done.map_err(&mut count).unwrap_or_default(),
    }
    for done in [
        store.remove_directory(&path("/place/directory/new")).await,
        store.remove_file(&path("/place/new")).await,
        store.set_mode(&secret, 0o644).await,
        store.set_modified(&secret, TimeValue::from_unix(1, 0)).await,
    ] {
        done.map_err(&mut count).unwrap_or_default();
    }
    refused
}

fn make_special_files(root: &Path) -> UnixListener {
    rustix::fs::mknodat(CWD, root.join("fifo"), FileType::Fifo, Mode::from_raw_mode(0o666), 0).unwrap();
    UnixListener::bind(root.join("socket")).unwrap()
}

#[tokio::test]
async fn fifos_and_sockets_are_refused_without_waiting() {
    let (folder, store) = folder();
    let root = folder.path().join("root");
    let _listener = make_special_files(&root);
    symlink("fifo", root.join("link")).unwrap();
    put(&store, "/file", "content").await;

    let all = async {
        for name in ["/fifo", "/socket", "/link"] {
            assert_eq!(kind(store.open_download(&path(name), 0).await), NotAFile, "{name}");
            for placement in [Placement::Replace, Placement::Append, Placement::Resume { offset: 1 }] {
                assert_eq!(kind(store.open_upload(&path(name), placement, None).await), NotAFile, "{name}");
            }
            assert_eq!(kind(store.list(&path(name)).await), NotADirectory, "{name}");
            assert_eq!(kind(store.set_mode(&path(name), 0o777).await), NotAFile, "{name}");
            assert_eq!(kind(store.set_modified(&path(name), TimeValue::from_unix(0, 0)).await), NotAFile);
            assert_eq!(store.stat(&path(name)).await.unwrap().kind, EntryKind::Other, "{name}");
        }
        for name in ["fifo", "socket"] {
            assert_eq!(entries(&store, "/").await[name.as_bytes()].metadata.kind, EntryKind::Other);
            assert_eq!(kind(store.rename(&path("/file"), &path(name)).await), NotAFile);
            store.rename(&path(name), &path("/renamed")).await.unwrap();
            store.remove_file(&path("/renamed")).await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("something waits for a FIFO");
}

#[tokio::test]
async fn devices_are_refused() {
    let (folder, store) = folder();
    let null = rustix::fs::makedev(1, 3);
    let device = folder.path().join("root/null");
    // Only root may make one, and not in every container.
    if rustix::fs::mknodat(CWD, &device, FileType::CharacterDevice, Mode::from_raw_mode(0o666), null).is_err()
    {
        return;
    }
    assert!(fs::metadata(&device).unwrap().file_type().is_char_device());
    assert_eq!(kind(store.open_download(&path("/null"), 0).await), NotAFile);
    assert_eq!(kind(store.open_upload(&path("/null"), Placement::Replace, None).await), NotAFile);
}

/// A FIFO that takes the place of a file after it was looked at must not be waited for either. An upload that continues the
/// file may also find that it has changed.
#[test]
fn a_fifo_that_is_swapped_in_is_refused() {
    let (folder, store) = folder();
    let root = folder.path().join("root");
    let _listener = make_special_files(&root);
    fs::write(root.join("file"), "content").unwrap();
    while_swapping(&root.join("fifo"), &root.join("file"), async {
        for _ in 0..300 {
            let file = path("/file");
            let kinds = [
                store.open_download(&file, 0).await.err(),
                store.set_mode(&file, 0o600).await.err(),
                store.open_upload(&file, Placement::Append, None).await.err(),
            ]
            .map(|error| error.map(|error| error.kind()));
            let [download, mode, upload] = kinds;
            assert!(matches!((download, mode), (None | Some(NotAFile), None | Some(NotAFile))), "{kinds:?}");
            assert!(matches!(upload, None | Some(NotAFile | Busy)), "{kinds:?}");
        }
    });
}
