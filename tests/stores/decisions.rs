//! What the stores of the library have in common beyond the contract of `Storage`, which leaves it open.

use sansftp::{
    adapters::stores::{Durability, Filesystem, Memory},
    pathname::Pathname,
    storage::{
        AbortReason, EntryKind, Listing, Permissions, Placement, Storage, StorageErrorKind::*, Upload,
    },
    time_value::TimeValue,
};

use crate::steps::*;

/// Runs each test on each store that has everything that a store can have.
macro_rules! on_whole_stores {
    ($memory:ident $filesystem:ident $without_sync:ident: $($test:ident)*) => {
        mod $memory {
            $(#[tokio::test] async fn $test() { super::$test(super::Memory::new()).await; })*
        }
        #[cfg(unix)]
        mod $filesystem {
            $(#[tokio::test] async fn $test() {
                let folder = tempfile::tempdir().unwrap();
                super::$test(super::Filesystem::open(folder.path()).unwrap()).await;
                // Whatever happened, no temporary file stays.
                crate::contract::no_temporary_files(folder.path());
            })*
        }
        #[cfg(unix)]
        mod $without_sync {
            $(#[tokio::test] async fn $test() {
                let folder = tempfile::tempdir().unwrap();
                let store = super::Filesystem::open(folder.path()).unwrap();
                super::$test(store.with_durability(super::Durability::Rename)).await;
                crate::contract::no_temporary_files(folder.path());
            })*
        }
    };
}

/// Runs each test on each store.
macro_rules! on_each_store {
    ($($test:ident)*) => {
        on_whole_stores! { on_memory on_filesystem on_filesystem_without_sync: $($test)* }
        #[cfg(feature = "opendal")]
        mod on_opendal_memory {
            $(#[tokio::test] async fn $test() {
                super::$test(crate::opendal::in_memory()).await;
            })*
        }
        #[cfg(feature = "opendal-services")]
        mod on_opendal_fs {
            $(#[tokio::test] async fn $test() {
                let folder = tempfile::tempdir().unwrap();
                super::$test(crate::opendal::in_folder(folder.path())).await;
            })*
        }
        on_s3! { on_opendal_s3: $($test)* }
    };
}

/// Runs each test on an S3 server that has been started for it.
macro_rules! on_s3 {
    ($module:ident: $($test:ident)*) => {
        #[cfg(feature = "opendal-services")]
        mod $module {
            $(
                #[ignore = "scripts/s3 runs it, with a server"]
                #[tokio::test]
                async fn $test() { super::$test(crate::opendal::in_bucket(stringify!($test))).await; }
            )*
        }
    };
}

on_each_store! {
    a_file_is_no_directory
    a_download_keeps_what_it_opened
    unique_names_are_like_the_hint
    a_unique_name_that_was_taken_is_refused_at_the_end
    where_nothing_can_be_stored
    the_root_stays
    a_directory_into_which_a_file_is_stored_stays
    a_listing_comes_in_pages
    long_names
}

// What an object store refuses of this, or does otherwise, is in the tests of that store.
on_whole_stores! { all_on_memory all_on_filesystem all_on_filesystem_without_sync:
    what_is_not_there_has_no_attributes
    of_two_finishes_at_the_same_time_none_fails
    appending_loses_nothing_that_came_in_between
    a_directory_is_not_replaced_by_a_file
    files_are_renamed
    directories_are_renamed
    an_upload_follows_its_directory
    metadata_tells_what_is_there
    times_can_be_set
    permissions_can_be_set
    permissions_stay_when_a_file_is_replaced
    room_is_known
    names_are_bytes
    long_names_can_be_appended_to
}

on_s3! { all_on_opendal_s3:
    appending_loses_nothing_that_came_in_between
    files_are_renamed
    long_names_can_be_appended_to
}

/// Runs each test on a grid that has been started for it.
macro_rules! on_a_grid {
    ($($test:ident)*) => {
        #[cfg(all(feature = "tahoe", feature = "tokio"))]
        mod on_tahoe {
            $(
                #[ignore = "the system test runs it, with a grid"]
                #[tokio::test]
                async fn $test() { super::$test(crate::tahoe::on_a_grid()).await; }
            )*
        }
    };
}

// All but what takes appending, permissions, free room, names that are not UTF-8, or hundreds of changes.
on_a_grid! {
    a_file_is_no_directory
    a_download_keeps_what_it_opened
    unique_names_are_like_the_hint
    a_unique_name_that_was_taken_is_refused_at_the_end
    the_root_stays
    of_two_finishes_at_the_same_time_none_fails
    a_directory_into_which_a_file_is_stored_stays
    files_are_renamed
    directories_are_renamed
    an_upload_follows_its_directory
    times_can_be_set
}

async fn what_is_not_there_has_no_attributes<S: Storage>(store: S) {
    for missing in ["/missing", "/missing/below"] {
        let missing = path(missing);
        assert_eq!(kind(store.set_modified(&missing, TimeValue::from_unix(0, 0)).await), NotFound);
        assert_eq!(kind(store.set_mode(&missing, 0o644).await), NotFound);
        assert_eq!(kind(store.available(&missing).await), NotFound);
    }
    put(&store, "/file", "content").await;
    assert_eq!(kind(store.available(&path("/file")).await), NotADirectory);
}

async fn a_file_is_no_directory<S: Storage>(store: S) {
    put(&store, "/file", "content").await;
    let below = path("/file/below");
    assert_eq!(kind(store.stat(&below).await), NotADirectory);
    assert_eq!(store.list(&path("/file")).await.err().unwrap().kind(), NotADirectory);
    assert_eq!(store.list(&below).await.err().unwrap().kind(), NotADirectory);
    assert_eq!(store.open_download(&below, 0).await.err().unwrap().kind(), NotADirectory);
    assert_eq!(
        store.open_upload(&below, Placement::Replace, None).await.err().unwrap().kind(),
        NotADirectory
    );
    assert_eq!(kind(store.make_directory(&below).await), NotADirectory);
    assert_eq!(kind(store.remove_directory(&path("/file")).await), NotADirectory);
    assert_eq!(kind(store.rename(&path("/file"), &below).await), NotADirectory);
}

async fn a_download_keeps_what_it_opened<S: Storage>(store: S) {
    for length in [1000, 500_000] {
        put(&store, "/file", pattern(length, 1)).await;
        let mut first = store.open_download(&path("/file"), 0).await.unwrap();
        let mut second = store.open_download(&path("/file"), 0).await.unwrap();
        put(&store, "/file", pattern(length, 2)).await;
        assert!(read_all(&mut first, 65_536).await.unwrap() == pattern(length, 1));
        store.remove_file(&path("/file")).await.unwrap();
        assert!(read_all(&mut second, 65_536).await.unwrap() == pattern(length, 1));
    }
}

async fn appending_loses_nothing_that_came_in_between<S: Storage>(store: S) {
    let (first, second) = (
        begin(&store, "/file", Placement::Append, "1").await,
        begin(&store, "/file", Placement::Append, "2").await,
    );
    first.finish().await.unwrap();
    assert_eq!(kind(second.finish().await), Busy);
    assert_eq!(get(&store, "/file").await, b"1");

    let (first, second) = (
        begin(&store, "/file", Placement::Append, "2").await,
        begin(&store, "/file", Placement::Append, "3").await,
    );
    second.finish().await.unwrap();
    assert_eq!(kind(first.finish().await), Busy);
    assert_eq!(get(&store, "/file").await, b"13");

    let appending = begin(&store, "/file", Placement::Append, "4").await;
    put(&store, "/file", "stored").await;
    assert_eq!(kind(appending.finish().await), Busy);
    let appending = begin(&store, "/file", Placement::Append, "5").await;
    store.remove_file(&path("/file")).await.unwrap();
    assert_eq!(kind(appending.finish().await), Busy);
    assert!(!exists(&store, "/file").await);
}

async fn of_two_finishes_at_the_same_time_none_fails<S: Storage>(store: S) {
    for _ in 0..20 {
        let first = begin(&store, "/file", Placement::Replace, pattern(100_000, 1)).await;
        let second = begin(&store, "/file", Placement::Replace, pattern(200_000, 2)).await;
        let (first, second) = tokio::join!(first.finish(), second.finish());
        assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
        let present = get(&store, "/file").await;
        assert!(present == pattern(100_000, 1) || present == pattern(200_000, 2));
    }
}

async fn unique_names_are_like_the_hint<S: Storage>(store: S) {
    make(&store, "/directory").await;
    put(&store, "/directory/report.pdf", "old").await;
    let mut stored = vec!["report.pdf".to_owned()];
    for index in 0..3 {
        let opened = open(&store, "/directory/report.pdf", Placement::Unique).await;
        assert_eq!((opened.offset, opened.pathname.parent()), (0, Some(path("/directory"))));
        let name = String::from_utf8(opened.pathname.name().unwrap().to_vec()).unwrap();
        assert!(name.starts_with("report") && name.ends_with(".pdf") && !stored.contains(&name), "{name}");
        assert!(!exists(&store, opened.pathname.as_bytes()).await);
        let mut upload = opened.upload;
        write_all(&mut upload, &[index]).await;
        upload.finish().await.unwrap();
        assert_eq!(get(&store, opened.pathname.as_bytes()).await, [index]);
        stored.push(name);
    }
    stored.sort();
    assert_eq!(names(&store, "/directory").await, stored);
    assert_eq!(get(&store, "/directory/report.pdf").await, b"old");

    let longest = [&[b'n'; 251][..], b".pdf"].concat();
    let opened = open(&store, &longest, Placement::Unique).await;
    assert_eq!(opened.pathname.name().map(<[u8]>::len).filter(|&length| length > 255), None);
    opened.upload.finish().await.unwrap();
}

async fn a_unique_name_that_was_taken_is_refused_at_the_end<S: Storage>(store: S) {
    let opened = open(&store, "/file", Placement::Unique).await;
    put(&store, opened.pathname.as_bytes(), "somebody else's").await;
    assert_eq!(kind(opened.upload.finish().await), AlreadyExists);
    assert_eq!(get(&store, opened.pathname.as_bytes()).await, b"somebody else's");
}

async fn where_nothing_can_be_stored<S: Storage>(store: S) {
    make(&store, "/directory").await;
    for placement in [Placement::Replace, Placement::Append, Placement::Resume { offset: 1 }] {
        for directory in ["/", "/directory"] {
            let refused = store.open_upload(&path(directory), placement, None).await;
            assert_eq!(refused.err().unwrap().kind(), IsADirectory, "{placement:?} {directory}");
        }
        let refused = store.open_upload(&path("/missing/file"), placement, None).await;
        assert_eq!(refused.err().unwrap().kind(), NotFound, "{placement:?}");
    }
    let refused = store.open_upload(&path("/missing/file"), Placement::Unique, None).await;
    assert_eq!(refused.err().unwrap().kind(), NotFound);
}

async fn a_directory_is_not_replaced_by_a_file<S: Storage>(store: S) {
    let upload = begin(&store, "/late", Placement::Replace, "content").await;
    make(&store, "/late").await;
    assert_eq!(kind(upload.finish().await), IsADirectory);
    assert!(names(&store, "/late").await.is_empty());
}

async fn the_root_stays<S: Storage>(store: S) {
    let root = Pathname::root();
    assert_eq!(store.stat(&root).await.unwrap().kind, EntryKind::Directory);
    assert_eq!(kind(store.remove_directory(&root).await), PermissionDenied);
    assert_eq!(kind(store.remove_file(&root).await), IsADirectory);
    assert_eq!(kind(store.rename(&root, &path("/other")).await), PermissionDenied);
    put(&store, "/file", "content").await;
    assert_eq!(kind(store.rename(&path("/file"), &root).await), AlreadyExists);
    assert_eq!(names(&store, "/").await, ["file"]);
}

async fn a_directory_into_which_a_file_is_stored_stays<S: Storage>(store: S) {
    make(&store, "/directory").await;
    let upload = begin(&store, "/directory/file", Placement::Replace, "content").await;
    assert!(names(&store, "/directory").await.is_empty());
    assert_eq!(kind(store.remove_directory(&path("/directory")).await), Busy);
    upload.finish().await.unwrap();
    assert_eq!(kind(store.remove_directory(&path("/directory")).await), NotEmpty);
    assert_eq!(get(&store, "/directory/file").await, b"content");

    store.remove_file(&path("/directory/file")).await.unwrap();
    begin(&store, "/directory/file", Placement::Replace, "content")
        .await
        .abort(AbortReason::Incomplete)
        .await;
    store.remove_directory(&path("/directory")).await.unwrap();
}

pub(crate) async fn files_are_renamed<S: Storage>(store: S) {
    make(&store, "/directory").await;
    put(&store, "/one", "1").await;
    put(&store, "/two", "2").await;
    let unique = store.stat(&path("/one")).await.unwrap().unique;
    let mut download = store.open_download(&path("/one"), 0).await.unwrap();
    store.rename(&path("/one"), &path("/directory/uno")).await.unwrap();
    assert_eq!(read_all(&mut download, 10).await.unwrap(), b"1");
    assert!(!exists(&store, "/one").await);
    assert_eq!(get(&store, "/directory/uno").await, b"1");
    assert_eq!(store.stat(&path("/directory/uno")).await.unwrap().unique, unique);

    store.rename(&path("/directory/uno"), &path("/two")).await.unwrap();
    assert_eq!(get(&store, "/two").await, b"1");
    assert_eq!(names(&store, "/").await, ["directory", "two"]);

    store.rename(&path("/two"), &path("/two")).await.unwrap();
    assert_eq!(get(&store, "/two").await, b"1");
    assert_eq!(kind(store.rename(&path("/two"), &path("/directory")).await), AlreadyExists);
    assert_eq!(get(&store, "/two").await, b"1");
}

async fn directories_are_renamed<S: Storage>(store: S) {
    for directory in ["/a", "/a/b", "/a/b/c", "/empty"] {
        make(&store, directory).await;
    }
    put(&store, "/a/b/c/file", "deep").await;
    put(&store, "/file", "content").await;
    assert_eq!(kind(store.rename(&path("/a"), &path("/a/b/new")).await), NameRefused);
    assert_eq!(kind(store.rename(&path("/a"), &path("/a/b")).await), AlreadyExists);
    assert_eq!(kind(store.rename(&path("/a"), &path("/empty")).await), AlreadyExists);
    assert_eq!(kind(store.rename(&path("/a"), &path("/file")).await), NotADirectory);
    assert_eq!(kind(store.rename(&path("/a/b"), &path("/a")).await), AlreadyExists);

    store.rename(&path("/a/b"), &path("/moved")).await.unwrap();
    assert_eq!(get(&store, "/moved/c/file").await, b"deep");
    assert!(names(&store, "/a").await.is_empty());
    store.rename(&path("/a"), &path("/ab")).await.unwrap();
    assert_eq!(names(&store, "/").await, ["ab", "empty", "file", "moved"]);
    // A name that only begins like the directory is not below it.
    store.rename(&path("/ab"), &path("/abc")).await.unwrap();
}

async fn an_upload_follows_its_directory<S: Storage>(store: S) {
    make(&store, "/before").await;
    let upload = begin(&store, "/before/file", Placement::Replace, "content").await;
    store.rename(&path("/before"), &path("/after")).await.unwrap();
    upload.finish().await.unwrap();
    assert_eq!(get(&store, "/after/file").await, b"content");
    assert!(!exists(&store, "/before").await);
}

async fn a_listing_comes_in_pages<S: Storage>(store: S) {
    assert!(store.list(&Pathname::root()).await.unwrap().next_page().await.unwrap().is_empty());
    let mut expected: Vec<String> = (0..520).map(|number| format!("directory {number}")).collect();
    for name in &expected {
        make(&store, format!("/{name}")).await;
    }
    expected.sort();
    assert_eq!(names(&store, "/").await, expected);

    let mut listing = store.list(&Pathname::root()).await.unwrap();
    let mut count = 0;
    loop {
        let page = listing.next_page().await.unwrap();
        assert!(page.len() <= 256);
        count += page.len();
        if page.is_empty() {
            break;
        }
    }
    assert!(count == 520 && listing.next_page().await.unwrap().is_empty());
    assert!(names(&store, "/directory 7").await.is_empty());
}

async fn metadata_tells_what_is_there<S: Storage>(store: S) {
    let before = TimeValue::from_unix(1_600_000_000, 0);
    put(&store, "/file", "content").await;
    make(&store, "/directory").await;
    let entries = entries(&store, "/").await;
    for (name, kind, size) in [("file", EntryKind::File, Some(7)), ("directory", EntryKind::Directory, None)]
    {
        let metadata = store.stat(&path(name)).await.unwrap();
        assert_eq!(metadata.kind, kind);
        assert!(size.is_none_or(|size| metadata.size == size), "{metadata:?}");
        assert_eq!(metadata.permissions, Permissions::all(kind));
        assert!(metadata.modified.unwrap() > before);
        assert_eq!(entries[name.as_bytes()].metadata, metadata);
    }
    let unique = |name: &str| entries[name.as_bytes()].metadata.unique;
    assert!(!cfg!(unix) || unique("file").is_some() && unique("file") != unique("directory"));
}

async fn times_can_be_set<S: Storage>(store: S) {
    put(&store, "/file", "content").await;
    make(&store, "/directory").await;
    for name in ["file", "directory"] {
        // 1901 is where 32 bits of seconds begin, and so some file systems.
        for text in ["20240229123456.750", "19691231235959.250", "19600101000000", "19011214000000"] {
            let (path, time) = (path(format!("/{name}")), TimeValue::parse(text.as_bytes()).unwrap());
            store.set_modified(&path, time).await.unwrap();
            assert_eq!(store.stat(&path).await.unwrap().modified, Some(time));
            let listed = &entries(&store, "/").await[name.as_bytes()];
            assert_eq!(listed.metadata.modified, Some(time));
        }
    }
    put(&store, "/file", "newer").await;
    assert!(store.stat(&path("/file")).await.unwrap().modified > TimeValue::parse(b"20240301000000").ok());
}

async fn permissions_can_be_set<S: Storage>(store: S) {
    put(&store, "/file", "content").await;
    make(&store, "/directory").await;
    for name in ["/file", "/directory"] {
        for mode in [0o777, 0o700, 0o000, 0o640] {
            store.set_mode(&path(name), mode).await.unwrap();
            assert_eq!(store.stat(&path(name)).await.unwrap().unix.unwrap().mode, mode);
        }
        for mode in [0o4755, 0o2755, 0o1755, 0o7777] {
            assert_eq!(kind(store.set_mode(&path(name), mode).await), UnsupportedParameter);
        }
        store.set_mode(&path(name), 0o700).await.unwrap();
    }
}

async fn permissions_stay_when_a_file_is_replaced<S: Storage>(store: S) {
    put(&store, "/file", "content").await;
    for mode in [0o600, 0o666, 0o751] {
        store.set_mode(&path("/file"), mode).await.unwrap();
        for placement in [Placement::Replace, Placement::Append, Placement::Resume { offset: 3 }] {
            begin(&store, "/file", placement, "more").await.finish().await.unwrap();
            assert_eq!(store.stat(&path("/file")).await.unwrap().unix.unwrap().mode, mode);
        }
    }
}

async fn room_is_known<S: Storage>(store: S) {
    let available = store.available(&Pathname::root()).await.unwrap();
    assert!(available > 0);
    for placement in [Placement::Replace, Placement::Append, Placement::Unique] {
        for announced in [available.saturating_mul(2), u64::MAX] {
            let refused = store.open_upload(&path("/file"), placement, Some(announced)).await;
            assert_eq!(refused.err().unwrap().kind(), NoSpace);
        }
    }
    let mut upload = store.open_upload(&path("/file"), Placement::Replace, Some(4)).await.unwrap().upload;
    write_all(&mut upload, b"more than four").await;
    upload.finish().await.unwrap();
}

async fn names_are_bytes<S: Storage>(store: S) {
    let long_name = "ä".repeat(100);
    let mut given: Vec<&[u8]> =
        vec![b" ", b"-la", b"...", b"a\"b", b"a\\b", b"*?[x]", b"\x1b[2J", long_name.as_bytes()];
    given.push(b"\xff\xfe not UTF-8 \x80");
    for name in &given {
        put(&store, name, name).await;
        assert_eq!(get(&store, name).await, *name);
    }
    given.sort();
    assert!(entries(&store, "/").await.keys().eq(given.iter()));
    for name in given {
        let renamed = [name, b"\xe9"].concat();
        store.rename(&path(name), &path(&renamed)).await.unwrap();
        store.remove_file(&path(&renamed)).await.unwrap();
        make(&store, name).await;
        put(&store, [name, b"/", name].concat(), "below").await;
    }
}

async fn long_names<S: Storage>(store: S) {
    let (longest, too_long) = ([b'n'; 255], [b'n'; 256]);
    put(&store, longest, "content").await;
    assert_eq!(get(&store, longest).await, b"content");
    let refused = store.open_upload(&path(too_long), Placement::Replace, None).await;
    assert_eq!(refused.err().unwrap().kind(), NameRefused);
    assert_eq!(kind(store.make_directory(&path(too_long)).await), NameRefused);
    assert_eq!(kind(store.rename(&path(longest), &path(too_long)).await), NameRefused);
}

async fn long_names_can_be_appended_to<S: Storage>(store: S) {
    let longest = [b'n'; 255];
    put(&store, longest, "content").await;
    begin(&store, longest, Placement::Append, "+more").await.finish().await.unwrap();
    assert_eq!(get(&store, longest).await, b"content+more");
}
