//! What is particular to the store of files below a directory.

use std::{
    fs,
    io::Write,
    iter,
    os::unix::fs::{FileExt, MetadataExt, PermissionsExt},
    path::Path,
    task::Poll,
    time::Duration,
};

use sansftp::{
    adapters::stores::{Durability, Filesystem, OnAbort},
    pathname::Pathname,
    storage::{
        AbortReason, Download, EntryKind, Permissions, Placement, Storage, StorageErrorKind::*, Upload,
    },
    time_value::TimeValue,
};

use crate::{apart, steps::*};

fn store(folder: &Path) -> Filesystem {
    Filesystem::open(folder).unwrap().with_durability(Durability::Rename)
}

fn set_mode(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
}

fn mode(file: &Path) -> u32 {
    fs::metadata(file).unwrap().mode() & 0o7777
}

fn temporary_file(folder: &Path) -> Option<std::path::PathBuf> {
    let mut entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .find(|entry| entry.file_name().as_encoded_bytes().starts_with(b".sansftp-"))
        .map(|entry| entry.path())
}

/// Waits until what was dropped is gone.
async fn assert_no_temporary_file(folder: &Path) {
    for _ in 0..1000 {
        if temporary_file(folder).is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("a temporary file stayed");
}

#[tokio::test]
async fn a_root_that_cannot_be_served_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let error = Filesystem::open(&missing).unwrap_err();
    assert!(
        error.kind() == std::io::ErrorKind::NotFound && error.to_string().contains(missing.to_str().unwrap())
    );
    fs::write(&missing, "").unwrap();
    assert_eq!(Filesystem::open(&missing).unwrap_err().kind(), std::io::ErrorKind::NotADirectory);
}

#[tokio::test]
async fn a_directory_has_the_size_that_the_system_tells() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    fs::create_dir(folder.path().join("directory")).unwrap();
    let size = fs::metadata(folder.path().join("directory")).unwrap().len();
    assert_eq!(store.stat(&path("/directory")).await.unwrap().size, size);
    assert_eq!(entries(&store, "/").await[&b"directory"[..]].metadata.size, size);
    let root = store.stat(&Pathname::root()).await.unwrap();
    assert_eq!(root.size, fs::metadata(folder.path()).unwrap().len());
}

#[tokio::test]
async fn a_file_that_shrinks_while_it_is_retrieved_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    put(&store, "/file", pattern(1_000_000, 1)).await;
    for shorter in [0, 50_000, 999_999] {
        fs::write(folder.path().join("file"), pattern(1_000_000, 1)).unwrap();
        let mut download = store.open_download(&path("/file"), 0).await.unwrap();
        assert_eq!(download.read(100_000).await.unwrap(), pattern(1_000_000, 1)[..100_000]);
        fs::File::options().write(true).open(folder.path().join("file")).unwrap().set_len(shorter).unwrap();
        assert_eq!(kind(read_all(&mut download, 100_000).await), Changed, "{shorter}");
    }
}

#[tokio::test]
async fn a_file_that_grows_while_it_is_retrieved_ends_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    for length in [1000, 200_000] {
        put(&store, "/file", pattern(length, 1)).await;
        let mut download = store.open_download(&path("/file"), 0).await.unwrap();
        let mut file = fs::File::options().append(true).open(folder.path().join("file")).unwrap();
        file.write_all(b"more").unwrap();
        assert!(read_all(&mut download, 65_536).await.unwrap() == pattern(length, 1));
    }
}

#[tokio::test]
async fn a_read_that_is_dropped_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    put(&store, "/file", pattern(1_000_000, 1)).await;
    let mut download = store.open_download(&path("/file"), 0).await.unwrap();
    let mut content = Vec::new();
    loop {
        // One that is ready at once has given its bytes out; one that is not is dropped.
        let bytes = match poll_once(download.read(70_000)).await {
            Poll::Ready(bytes) => bytes.unwrap(),
            Poll::Pending => download.read(10_000).await.unwrap(),
        };
        if bytes.is_empty() {
            break;
        }
        content.extend_from_slice(&bytes);
    }
    assert!(content == pattern(1_000_000, 1));
}

#[tokio::test]
async fn a_page_that_is_dropped_comes_again() {
    use sansftp::storage::Listing;

    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    for number in 0..700 {
        fs::write(folder.path().join(number.to_string()), "").unwrap();
    }
    let mut listing = store.list(&Pathname::root()).await.unwrap();
    let mut count = listing.next_page().await.unwrap().len();
    loop {
        // One that is ready at once has given its page out; one that is not is dropped.
        let page = match poll_once(listing.next_page()).await {
            Poll::Ready(page) => page.unwrap(),
            Poll::Pending => listing.next_page().await.unwrap(),
        };
        if page.is_empty() {
            break;
        }
        count += page.len();
    }
    assert_eq!(count, 700);
}

#[tokio::test]
async fn a_read_only_store_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let writable = store(folder.path());
    put(&writable, "/file", "content").await;
    make(&writable, "/directory").await;
    let store = writable.clone().read_only();

    assert_eq!(get(&store, "/file").await, b"content");
    assert_eq!(names(&store, "/").await, ["directory", "file"]);
    for (name, kind) in [("/file", EntryKind::File), ("/directory", EntryKind::Directory)] {
        assert_eq!(store.stat(&path(name)).await.unwrap().permissions, Permissions::read_only(kind));
        let entry = &entries(&store, "/").await[&name.as_bytes()[1..]];
        assert_eq!(entry.metadata.permissions, Permissions::read_only(kind));
    }
    for placement in
        [Placement::Replace, Placement::Append, Placement::Resume { offset: 1 }, Placement::Unique]
    {
        for name in ["/file", "/new", "/missing/new"] {
            let refused = store.open_upload(&path(name), placement, None).await;
            assert_eq!(kind(refused), PermissionDenied);
        }
    }
    assert_eq!(kind(store.make_directory(&path("/new")).await), PermissionDenied);
    assert_eq!(kind(store.remove_directory(&path("/directory")).await), PermissionDenied);
    assert_eq!(kind(store.remove_file(&path("/file")).await), PermissionDenied);
    assert_eq!(kind(store.rename(&path("/file"), &path("/new")).await), PermissionDenied);
    assert_eq!(kind(store.set_mode(&path("/file"), 0o600).await), PermissionDenied);
    assert_eq!(kind(store.set_modified(&path("/file"), TimeValue::from_unix(0, 0)).await), PermissionDenied);
    assert_eq!(store.available(&Pathname::root()).await.unwrap(), 0);
    assert_eq!(names(&writable, "/").await, ["directory", "file"]);
}

#[tokio::test]
async fn a_replaced_file_keeps_its_permissions_and_nobody_sees_more_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let file = folder.path().join("file");
    fs::write(&file, "old").unwrap();
    for (before, after) in [(0o600, 0o600), (0o666, 0o666), (0o4755, 0o755), (0o2640, 0o640)] {
        set_mode(&file, before);
        let upload = begin(&store, "/file", Placement::Replace, pattern(200_000, 1)).await;
        let meanwhile = mode(&temporary_file(folder.path()).unwrap());
        assert_eq!(meanwhile & !after, 0, "{before:o}: {meanwhile:o}");
        upload.finish().await.unwrap();
        assert_eq!(mode(&file), after, "{before:o}");
    }
}

/// What stays of a file is copied, and its holes with it: of one like this, 4 GiB of zeros would be written.
#[tokio::test]
async fn holes_stay_holes() {
    const LENGTH: u64 = 4_294_967_395;
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let file = folder.path().join("file");
    let pieces = [(0, pattern(5000, 1)), (1_000_000_001, pattern(200_000, 2)), (LENGTH - 4_000_000, vec![3])];
    for (placement, is_whole) in [
        (Placement::Resume { offset: LENGTH }, true),
        (Placement::Append, true),
        // Behind it some pieces are left.
        (Placement::Resume { offset: 1_000_100_000 }, false),
    ] {
        let _ = fs::remove_file(&file);
        let sparse = fs::File::create(&file).unwrap();
        sparse.set_len(LENGTH).unwrap();
        for (position, piece) in &pieces {
            sparse.write_all_at(piece, *position).unwrap();
        }
        if sparse.metadata().unwrap().blocks() * 512 > 1 << 20 {
            return apart::skip("holes_stay_holes", "files have no holes here");
        }
        begin(&store, "/file", placement, "the end").await.finish().await.unwrap();

        let stored = fs::File::open(&file).unwrap();
        let metadata = stored.metadata().unwrap();
        assert!(metadata.blocks() * 512 <= 1 << 20, "{placement:?} wrote {} blocks", metadata.blocks());
        let length = if is_whole { LENGTH } else { 1_000_100_000 };
        assert_eq!(metadata.len(), length + 7);
        let read = |position, length| {
            let mut bytes = vec![0; length];
            stored.read_exact_at(&mut bytes, position).unwrap();
            bytes
        };
        assert_eq!(read(length, 7), b"the end");
        for (position, piece) in &pieces {
            let kept = piece.len().min(usize::try_from(length.saturating_sub(*position)).unwrap());
            assert!(read(*position, kept) == piece[..kept], "{placement:?} at {position}");
        }
        assert!(read(5000, 100_000) == [0; 100_000]);
    }
}

#[tokio::test]
async fn other_links_to_a_replaced_file_keep_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    put(&store, "/file", "old").await;
    fs::hard_link(folder.path().join("file"), folder.path().join("link")).unwrap();
    let unique = store.stat(&path("/file")).await.unwrap().unique;
    assert_eq!(store.stat(&path("/link")).await.unwrap().unique, unique);
    begin(&store, "/file", Placement::Append, " and new").await.finish().await.unwrap();
    assert_eq!(get(&store, "/file").await, b"old and new");
    assert_eq!(get(&store, "/link").await, b"old");
}

/// Only root may give files away.
#[tokio::test]
async fn a_replaced_file_keeps_its_owner_if_the_server_may_give_it_away() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let file = folder.path().join("file");
    fs::write(&file, "old").unwrap();
    if let Err(error) = std::os::unix::fs::chown(&file, Some(12345), Some(54321)) {
        return apart::skip("a_replaced_file_keeps_its_owner", &error.to_string());
    }
    put(&store, "/file", "new").await;
    let metadata = fs::metadata(&file).unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), (12345, 54321));
}

#[tokio::test]
async fn what_the_server_may_not_do_is_refused() {
    if apart::is_root() {
        return apart::as_nobody("filesystem::what_the_server_may_not_do_is_refused");
    }
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let (file, directory) = (folder.path().join("file"), folder.path().join("directory"));
    put(&store, "/file", "content").await;
    make(&store, "/directory").await;
    put(&store, "/directory/file", "content").await;
    set_mode(&file, 0o000);
    assert_eq!(kind(store.open_download(&path("/file"), 0).await), PermissionDenied);
    set_mode(&file, 0o444);
    for placement in [Placement::Replace, Placement::Append, Placement::Resume { offset: 1 }] {
        assert_eq!(kind(store.open_upload(&path("/file"), placement, None).await), PermissionDenied);
    }
    assert_eq!(fs::read(&file).unwrap(), b"content");
    // What cannot be opened can still be changed back.
    set_mode(&file, 0o000);
    let time = TimeValue::from_unix(1_000_000_000, 0);
    store.set_modified(&path("/file"), time).await.unwrap();
    store.set_mode(&path("/file"), 0o644).await.unwrap();
    assert_eq!(store.stat(&path("/file")).await.unwrap().modified, Some(time));
    assert_eq!(get(&store, "/file").await, b"content");

    set_mode(&directory, 0o500);
    assert_eq!(
        kind(store.open_upload(&path("/directory/new"), Placement::Replace, None).await),
        PermissionDenied
    );
    assert_eq!(
        kind(store.open_upload(&path("/directory/file"), Placement::Replace, None).await),
        PermissionDenied
    );
    assert_eq!(kind(store.make_directory(&path("/directory/new")).await), PermissionDenied);
    assert_eq!(kind(store.remove_file(&path("/directory/file")).await), PermissionDenied);

    // A drop box: files can be put in, but not seen. It must be synced all the same.
    set_mode(&directory, 0o300);
    let synced = store.clone().with_durability(Durability::Sync);
    put(&synced, "/directory/new", "content").await;
    make(&synced, "/directory/made").await;
    synced.rename(&path("/directory/new"), &path("/directory/renamed")).await.unwrap();
    assert_eq!(kind(store.list(&path("/directory")).await), PermissionDenied);
    assert_eq!(get(&store, "/directory/renamed").await, b"content");

    set_mode(&directory, 0o700);
    assert_eq!(names(&store, "/directory").await, ["file", "made", "renamed"]);
    assert!(temporary_file(&directory).is_none());
}

#[tokio::test]
async fn a_finish_that_is_dropped_at_any_time_leaves_old_or_new_and_no_temporary_file() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (pattern(1000, 1), pattern(100_000, 2));
    for durability in [Durability::Sync, Durability::Rename] {
        let store = store(folder.path()).with_durability(durability);
        let mut outcomes = [0, 0];
        for round in 0..30 {
            fs::write(folder.path().join("file"), &old).unwrap();
            let upload = begin(&store, "/file", Placement::Replace, &new).await;
            let finish = upload.finish();
            let limit = Duration::from_micros(round * 40);
            let _ = tokio::time::timeout(limit, finish).await;
            let soon = get(&store, "/file").await;
            assert!(soon == old || soon == new);
            assert_no_temporary_file(folder.path()).await;
            let later = get(&store, "/file").await;
            assert!(later == old || later == new);
            outcomes[usize::from(later == new)] += 1;
        }
        println!("{durability:?}: old and new {outcomes:?}");
    }
}

#[tokio::test]
async fn an_open_that_is_dropped_leaves_no_temporary_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    put(&store, "/file", pattern(5_000_000, 1)).await;
    for _ in 0..50 {
        drop(poll_once(store.open_upload(&path("/file"), Placement::Append, None)).await);
    }
    assert_no_temporary_file(folder.path()).await;
    assert!(get(&store, "/file").await == pattern(5_000_000, 1));
}

#[tokio::test]
async fn a_finish_that_fails_leaves_no_temporary_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let upload = begin(&store, "/file", Placement::Replace, "content").await;
    fs::create_dir(folder.path().join("file")).unwrap();
    assert_eq!(kind(upload.finish().await), IsADirectory);
    assert!(temporary_file(folder.path()).is_none());

    fs::create_dir(folder.path().join("directory")).unwrap();
    let upload = begin(&store, "/directory/file", Placement::Replace, "content").await;
    fs::remove_dir_all(folder.path().join("directory")).unwrap();
    let error = upload.finish().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (Failed, "The directory was removed while the file was stored.")
    );
}

#[tokio::test]
async fn an_aborted_upload_is_gone_when_the_abort_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    for length in [10, 500_000] {
        let upload = begin(&store, "/file", Placement::Replace, pattern(length, 1)).await;
        assert!(temporary_file(folder.path()).is_some());
        upload.abort(AbortReason::Incomplete).await;
        assert!(temporary_file(folder.path()).is_none());
    }
}

#[tokio::test]
async fn what_is_prepared_is_written_but_not_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let store = Filesystem::open(folder.path()).unwrap();
    for content in [&b"old"[..], &pattern(100_000, 1)] {
        let before = fs::read(folder.path().join("file")).ok();
        let mut upload = begin(&store, "/file", Placement::Replace, content).await;
        upload.prepare().await.unwrap();
        assert!(fs::read(temporary_file(folder.path()).unwrap()).unwrap() == content);
        assert_eq!(fs::read(folder.path().join("file")).ok(), before);
        upload.finish().await.unwrap();
        assert_eq!(fs::read(folder.path().join("file")).unwrap(), content);
        assert!(temporary_file(folder.path()).is_none());
    }
}

/// It has the bytes that came, also those that waited in memory for more, and the client goes on behind them.
#[tokio::test]
async fn a_part_is_kept_where_there_was_no_file_and_can_be_continued() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).with_on_abort(OnAbort::KeepPartial);
    let whole = pattern(500_000, 1);
    for length in [1, 300_000] {
        let upload = begin(&store, "/file", Placement::Replace, &whole[..length]).await;
        upload.abort(AbortReason::DataConnectionLost).await;
        assert_eq!(fs::read(folder.path().join("file")).unwrap(), whole[..length]);
        assert!(temporary_file(folder.path()).is_none());
        let rest = begin(&store, "/file", Placement::Append, &whole[length..]).await;
        rest.finish().await.unwrap();
        assert_eq!(fs::read(folder.path().join("file")).unwrap(), whole);
        fs::remove_file(folder.path().join("file")).unwrap();
    }
}

#[tokio::test]
async fn a_part_never_takes_the_place_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let store = store(folder.path()).with_on_abort(OnAbort::KeepPartial);
    fs::write(&file, "old").unwrap();
    for placement in [Placement::Replace, Placement::Append, Placement::Resume { offset: 2 }] {
        let upload = begin(&store, "/file", placement, pattern(10, 1)).await;
        upload.abort(AbortReason::ClientAborted).await;
        assert_eq!(fs::read(&file).unwrap(), b"old");
    }

    // Nor of one that was removed, or came, while it was stored.
    let upload = begin(&store, "/file", Placement::Replace, pattern(10, 1)).await;
    fs::remove_file(&file).unwrap();
    upload.abort(AbortReason::ClientAborted).await;
    assert!(!file.exists());
    let upload = begin(&store, "/file", Placement::Replace, pattern(10, 1)).await;
    fs::write(&file, "another").unwrap();
    upload.abort(AbortReason::ClientAborted).await;
    assert_eq!(fs::read(&file).unwrap(), b"another");
    assert!(temporary_file(folder.path()).is_none());
}

#[tokio::test]
async fn nothing_is_kept_of_nothing_nor_of_what_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).with_on_abort(OnAbort::KeepPartial);
    let empty = begin(&store, "/file", Placement::Replace, b"").await;
    empty.abort(AbortReason::NoDataConnection).await;
    drop(begin(&store, "/file", Placement::Replace, pattern(500_000, 1)).await);
    assert_no_temporary_file(folder.path()).await;
    assert!(!folder.path().join("file").exists());
}

/// What is opened to be synced is opened before anything changes: an error means that nothing has.
#[tokio::test]
async fn without_file_descriptors_what_fails_changes_nothing() {
    const DESCRIPTORS: usize = 64;
    if !apart::is_child() {
        let test = "filesystem::without_file_descriptors_what_fails_changes_nothing";
        return apart::with_few_descriptors(test, DESCRIPTORS);
    }
    let folder = tempfile::tempdir().unwrap();
    let store = Filesystem::open(folder.path()).unwrap();
    for directory in ["/a", "/b"] {
        make(&store, directory).await;
    }
    let mut outcomes = Vec::new();
    for spare in 0..8 {
        put(&store, "/file", "old").await;
        put(&store, "/a/from", "content").await;
        let upload = begin(&store, "/file", Placement::Replace, "new").await;
        let mut held: Vec<_> = iter::from_fn(|| fs::File::open("/dev/null").ok()).take(DESCRIPTORS).collect();
        assert!(held.len() < DESCRIPTORS);
        held.truncate(held.len() - spare);
        let made = store.make_directory(&path("/made")).await;
        let moved = store.rename(&path("/a/from"), &path("/b/to")).await;
        let stored = upload.finish().await;
        drop(held);

        assert_eq!(get(&store, "/file").await == b"new", stored.is_ok(), "{stored:?}");
        assert_eq!(exists(&store, "/made").await, made.is_ok(), "{made:?}");
        assert_eq!(exists(&store, "/b/to").await, moved.is_ok(), "{moved:?}");
        assert_eq!(exists(&store, "/a/from").await, moved.is_err());
        let _ = store.remove_directory(&path("/made")).await;
        let _ = store.remove_file(&path("/b/to")).await;
        outcomes.push([stored.is_ok(), made.is_ok(), moved.is_ok()]);
    }
    assert_eq!([outcomes[0], outcomes[7]], [[false; 3], [true; 3]], "{outcomes:?}");
}

/// `/dev/full` has no room for anything, and a file system that is full is hard to come by in a test.
#[tokio::test]
async fn a_full_disk_is_told() {
    let error = sansftp::storage::StorageError::from(fs::write("/dev/full", "content").unwrap_err());
    assert_eq!(error.kind(), NoSpace);
}

#[tokio::test]
async fn listings_tell_of_owners() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    put(&store, "/file", "content").await;
    let entries = entries(&store, "/").await;
    let (file, system) = (&entries[&b"file"[..]].metadata, fs::metadata(folder.path().join("file")).unwrap());
    let unix = file.unix.unwrap();
    assert_eq!((unix.mode, unix.links), (system.mode() & 0o7777, 1));
    assert_eq!((unix.owner, unix.group), (system.uid(), system.gid()));
    assert_eq!(file.unique, Some((system.dev(), system.ino())));
    assert_eq!(file.modified.unwrap().unix_seconds(), system.mtime());
}

#[tokio::test]
async fn times_before_1970_and_far_in_the_future() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    put(&store, "/file", "content").await;
    for seconds in [-1, 0, 4_000_000_000] {
        let time = TimeValue::from_unix(seconds, 500_000_000);
        store.set_modified(&path("/file"), time).await.unwrap();
        assert_eq!(store.stat(&path("/file")).await.unwrap().modified, Some(time));
    }
}
