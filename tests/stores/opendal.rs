//! What is particular to the store over OpenDAL: what it refuses, and what services do in their own way.

use core::num::NonZeroUsize;

use ::opendal::{Capability, Operator, layers::CapabilityOverrideLayer, services};
use sansftp::{
    adapters::stores::OpenDal,
    pathname::Pathname,
    storage::{AbortReason, EntryKind, Permissions, Placement, Storage, StorageErrorKind::*, Upload},
    time_value::TimeValue,
};

use crate::steps::*;

fn memory() -> Operator {
    Operator::new(services::Memory::default()).unwrap()
}

pub(crate) fn in_memory() -> OpenDal {
    OpenDal::new(memory())
}

async fn keys(operator: &Operator) -> Vec<String> {
    let entries = operator.list_with("").recursive(true).await.unwrap();
    let mut keys: Vec<_> = entries.iter().map(|entry| entry.path().to_owned()).collect();
    keys.retain(|key| key != "/");
    keys.sort();
    keys
}

/// What neither the service in memory nor files have, as the documentation tells it. The file stays as it is.
async fn refuses_what_it_cannot_do_safely(store: OpenDal) {
    put(&store, "/file", "content").await;
    make(&store, "/directory").await;
    let file = path("/file");
    for placement in [Placement::Append, Placement::Resume { offset: 7 }, Placement::Resume { offset: 1 }] {
        assert_eq!(kind(store.open_upload(&file, placement, None).await), Unsupported, "{placement:?}");
    }
    for offset in [8, u64::MAX] {
        for name in ["/file", "/absent"] {
            let refused = store.open_upload(&path(name), Placement::Resume { offset }, None).await;
            assert_eq!(kind(refused), BadOffset);
        }
    }
    assert_eq!(kind(store.set_modified(&file, TimeValue::from_unix(0, 0)).await), Unsupported);
    assert_eq!(kind(store.set_mode(&file, 0o644).await), Unsupported);
    assert_eq!(kind(store.available(&Pathname::root()).await), Unsupported);
    assert_eq!(kind(store.rename(&path("/directory"), &path("/other")).await), UnsupportedParameter);
    assert_eq!(get(&store, "/file").await, b"content");
    assert_eq!(names(&store, "/").await, ["directory", "file"]);
}

#[tokio::test]
async fn in_memory_it_refuses_what_it_cannot_do_safely() {
    refuses_what_it_cannot_do_safely(in_memory()).await;
    let store = in_memory();
    put(&store, "/file", "content").await;
    assert_eq!(kind(store.rename(&path("/file"), &path("/other")).await), Unsupported);
    store.rename(&path("/file"), &path("/file")).await.unwrap();
    assert_eq!(names(&store, "/").await, ["file"]);
}

/// The service in memory has `write_with_if_not_exists`.
#[tokio::test]
async fn of_two_that_append_to_nothing_one_is_stored() {
    let store = in_memory();
    let (first, second) = (
        begin(&store, "/file", Placement::Append, "1").await,
        begin(&store, "/file", Placement::Append, "2").await,
    );
    second.finish().await.unwrap();
    assert_eq!(kind(first.finish().await), Busy);
    assert_eq!(get(&store, "/file").await, b"2");
}

#[tokio::test]
async fn metadata_tells_what_the_service_knows() {
    let store = in_memory();
    put(&store, "/file", "content").await;
    make(&store, "/directory").await;
    let entries = entries(&store, "/").await;
    for (name, kind, size) in [("file", EntryKind::File, 7), ("directory", EntryKind::Directory, 0)] {
        let metadata = store.stat(&path(name)).await.unwrap();
        assert_eq!((metadata.kind, metadata.size, metadata.unix, metadata.unique), (kind, size, None, None));
        assert_eq!(metadata.permissions, Permissions::all(kind));
        assert_eq!(entries[name.as_bytes()].metadata, metadata);
    }
}

#[tokio::test]
async fn a_directory_is_not_made_where_a_file_is_being_stored() {
    let store = in_memory();
    let upload = begin(&store, "/late", Placement::Replace, "content").await;
    assert_eq!(kind(store.clone().make_directory(&path("/late")).await), Busy);
    upload.finish().await.unwrap();
    assert_eq!(kind(store.make_directory(&path("/late")).await), AlreadyExists);
    store.remove_file(&path("/late")).await.unwrap();
    make(&store, "/late").await;
}

#[tokio::test]
async fn names_come_back_or_are_refused() {
    let operator = memory();
    let store = OpenDal::new(operator.clone());
    let given = ["-la", "...", "a\"b", "a\\b", "*?[x]", "%41", "a+b&c=d#e", "ä b"];
    for name in given {
        put(&store, name, name).await;
        assert_eq!(get(&store, name).await, name.as_bytes());
    }
    let mut expected = given.map(str::to_owned);
    expected.sort();
    assert_eq!((names(&store, "/").await, keys(&operator).await), (expected.to_vec(), expected.to_vec()));

    for name in [&b" "[..], b" a", b"a ", b"a\t", b"\xff\xfe", b"\x1b[2J", b"a\x7f", b".sansftp-a"] {
        let path = path(name);
        for placement in [Placement::Replace, Placement::Append, Placement::Unique] {
            let opened = store.open_upload(&path, placement, None).await;
            // STOU puts a number between the name and its end.
            if placement != Placement::Unique || name != b"a " {
                assert_eq!(kind(opened), NameRefused, "{placement:?} {name:?}");
            }
        }
        assert_eq!(kind(store.make_directory(&path).await), NameRefused, "{name:?}");
        assert_eq!(kind(store.rename(&crate::steps::path("/-la"), &path).await), NameRefused, "{name:?}");
        assert_eq!(kind(store.stat(&path).await), NotFound, "{name:?}");
        assert_eq!(kind(store.open_download(&path, 0).await), NotFound, "{name:?}");
        assert_eq!(kind(store.remove_file(&path).await), NotFound, "{name:?}");
    }
    assert_eq!(keys(&operator).await, expected);
}

#[tokio::test]
async fn directories_have_markers_or_something_below_them() {
    let operator = memory();
    let store = OpenDal::new(operator.clone());
    operator.write("implied/below/file", "content").await.unwrap();
    make(&store, "/made").await;
    for directory in ["/implied", "/implied/below", "/made"] {
        assert_eq!(store.stat(&path(directory)).await.unwrap().kind, EntryKind::Directory);
        assert_eq!(kind(store.make_directory(&path(directory)).await), AlreadyExists);
        assert_eq!(kind(store.open_upload(&path(directory), Placement::Replace, None).await), IsADirectory);
    }
    assert_eq!(names(&store, "/").await, ["implied", "made"]);
    assert_eq!(names(&store, "/implied").await, ["below"]);
    assert!(names(&store, "/made").await.is_empty(), "its own marker is no entry");
    for directory in ["/implied", "/implied/below"] {
        assert_eq!(kind(store.remove_directory(&path(directory)).await), NotEmpty);
    }
    put(&store, "/implied/file", "another").await;
    put(&store, "/made/file", "another").await;
    assert_eq!(keys(&operator).await, ["implied/below/file", "implied/file", "made/", "made/file"]);
}

/// As clients remove a tree: the files, and then the directories, which must not have gone already.
#[tokio::test]
async fn a_directory_stays_until_it_is_removed() {
    let operator = memory();
    let store = OpenDal::new(operator.clone());
    operator.write("tree/branch/leaf", "content").await.unwrap();
    store.remove_file(&path("/tree/branch/leaf")).await.unwrap();
    assert_eq!(keys(&operator).await, ["tree/branch/"]);
    put(&store, "/tree/branch/leaf", "another").await;
    store.remove_file(&path("/tree/branch/leaf")).await.unwrap();
    store.remove_directory(&path("/tree/branch")).await.unwrap();
    assert_eq!(keys(&operator).await, ["tree/"]);
    store.remove_directory(&path("/tree")).await.unwrap();
    assert!(keys(&operator).await.is_empty());
}

#[tokio::test]
async fn a_file_and_a_directory_of_one_name_are_both_listed() {
    let operator = memory();
    let store = OpenDal::new(operator.clone());
    operator.write("both", "content").await.unwrap();
    operator.write("both/below", "below").await.unwrap();
    let mut listing = store.list(&Pathname::root()).await.unwrap();
    let page = sansftp::storage::Listing::next_page(&mut listing).await.unwrap();
    let mut kinds: Vec<_> = page.iter().map(|entry| (&entry.name[..], entry.metadata.kind)).collect();
    kinds.sort_by_key(|(_, kind)| *kind == EntryKind::Directory);
    assert_eq!(kinds, [(&b"both"[..], EntryKind::File), (&b"both"[..], EntryKind::Directory)]);
    assert_eq!(get(&store, "/both").await, b"content");
    assert_eq!(get(&store, "/both/below").await, b"below");
    store.remove_file(&path("/both")).await.unwrap();
    assert_eq!(names(&store, "/both").await, ["below"]);
}

/// Clients of the store do not reach out of the operator's root, whatever there is.
#[tokio::test]
async fn the_operators_root_is_the_stores() {
    let store = OpenDal::new(Operator::new(services::Memory::default().root("/home/anna")).unwrap());
    put(&store, "/file", "content").await;
    make(&store, "/directory").await;
    assert_eq!(names(&store, "/").await, ["directory", "file"]);
    let longest = "/abc".repeat((1024 - "home/anna/".len()) / 4);
    assert_eq!(kind(store.make_directory(&path(&longest)).await), NotFound);
    assert_eq!(kind(store.make_directory(&path(longest + "/abc")).await), NameRefused);
}

#[tokio::test]
async fn nothing_is_changed_where_one_may_only_read() {
    let operator = memory();
    operator.write("directory/file", "content").await.unwrap();
    let store = OpenDal::new(operator.clone()).read_only();
    let (file, directory) = (path("/directory/file"), path("/directory"));
    for placement in [Placement::Replace, Placement::Append, Placement::Unique] {
        assert_eq!(kind(store.open_upload(&file, placement, None).await), PermissionDenied);
    }
    assert_eq!(kind(store.make_directory(&path("/new")).await), PermissionDenied);
    assert_eq!(kind(store.remove_directory(&directory).await), PermissionDenied);
    assert_eq!(kind(store.remove_file(&file).await), PermissionDenied);
    assert_eq!(kind(store.rename(&file, &path("/new")).await), PermissionDenied);
    assert_eq!(get(&store, "/directory/file").await, b"content");
    assert_eq!(store.stat(&file).await.unwrap().permissions, Permissions::read_only(EntryKind::File));
    assert_eq!(keys(&operator).await, ["directory/file"]);
}

/// Else the memory of an upload would have no bound.
#[tokio::test]
async fn a_service_that_takes_a_file_in_one_go_takes_no_large_one() {
    let store = in_memory()
        .with_part_size(NonZeroUsize::new(100_000).unwrap())
        .with_parts_in_flight(NonZeroUsize::new(1).unwrap());
    put(&store, "/file", pattern(300_000, 1)).await;
    let mut upload = begin(&store, "/file", Placement::Replace, pattern(300_000, 2)).await;
    assert_eq!(kind(upload.write("x".into()).await), OverQuota);
    upload.abort(AbortReason::StoreFailed).await;
    let announced = store.open_upload(&path("/file"), Placement::Replace, Some(300_001)).await;
    assert_eq!(kind(announced), OverQuota);
    assert!(get(&store, "/file").await == pattern(300_000, 1));
}

/// What the store does needs no runtime; its services may.
#[test]
fn it_works_without_a_runtime() {
    use core::task::{Context, Poll, Waker};

    let steps = async {
        let store = in_memory();
        make(&store, "/directory").await;
        put(&store, "/directory/file", pattern(1_000_000, 1)).await;
        begin(&store, "/directory/file", Placement::Replace, "x")
            .await
            .abort(AbortReason::ClientAborted)
            .await;
        assert!(get(&store, "/directory/file").await == pattern(1_000_000, 1));
        assert_eq!(names(&store, "/directory").await, ["file"]);
    };
    let mut steps = core::pin::pin!(steps);
    assert_eq!(steps.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()));
}

fn without(operator: Operator, change: fn(&mut Capability)) -> Operator {
    operator.layer(CapabilityOverrideLayer::new(move |mut capability: Capability| {
        change(&mut capability);
        capability
    }))
}

/// An operator whose server ignores conditions says so by a layer; then the store does not rely on them.
#[tokio::test]
async fn a_capability_that_is_taken_away_is_not_used() {
    let store = OpenDal::new(without(memory(), |capability| capability.write_with_if_not_exists = false));
    assert_eq!(kind(store.open_upload(&path("/file"), Placement::Append, None).await), Unsupported);
    let opened = open(&store, "/file", Placement::Unique).await;
    put(&store, opened.pathname.as_bytes(), "somebody else's").await;
    assert_eq!(kind(opened.upload.finish().await), AlreadyExists);

    let store = OpenDal::new(without(memory(), |capability| capability.write = false));
    assert_eq!(kind(store.open_upload(&path("/file"), Placement::Replace, None).await), Unsupported);
}

/// A folder of its own in the bucket that `scripts/s3` has made.
#[cfg(feature = "opendal-services")]
pub(crate) fn in_bucket(folder: &str) -> OpenDal {
    OpenDal::new(bucket(folder))
}

#[cfg(feature = "opendal-services")]
fn bucket(folder: &str) -> Operator {
    let _ = rustls::crypto::ring::default_provider().install_default();
    opendal_http_transport_reqwest::install_default();
    let bucket = std::env::var("SANSFTP_TEST_BUCKET").expect("scripts/s3 says which bucket there is");
    Operator::new(services::S3::default().bucket(&bucket).root(folder)).unwrap()
}

/// On an S3 server, where `scripts/s3` looks for parts of uploads when all these tests are over.
#[cfg(feature = "opendal-services")]
mod on_opendal_s3 {
    use core::{
        future::{Future, poll_fn},
        pin::pin,
        task::Poll,
    };

    use ::opendal::layers::RetryLayer;

    use super::*;

    /// OpenDAL's layer that retries loses its writer when a future of it is dropped.
    #[ignore = "scripts/s3 runs it, with a server"]
    #[tokio::test]
    async fn a_write_that_is_dropped_leaves_no_parts() {
        let store = OpenDal::new(bucket("dropped").layer(RetryLayer::new()));
        for patience in [0, 5, 50, 500] {
            let mut upload = open(&store, "/file", Placement::Replace).await.upload;
            {
                let mut writing = pin!(upload.write(pattern(20_000_000, 1).into()));
                let _ = poll_fn(|cx| Poll::Ready(writing.as_mut().poll(cx))).await;
                let deadline = tokio::time::sleep(core::time::Duration::from_millis(patience));
                tokio::select! { _ = writing => {}, () = deadline => {} }
            }
            upload.abort(AbortReason::DataStalled).await;
        }
        assert!(names(&store, "/").await.is_empty());
    }
}

#[cfg(feature = "opendal-services")]
pub(crate) use on_files::in_folder;

/// OpenDAL's service for files shows and spoils a file while it is written, so it is renamed into place.
#[cfg(feature = "opendal-services")]
mod on_files {
    use std::{fs, path::Path};

    use sansftp::storage::Download;

    use super::*;

    fn files(folder: &Path) -> services::Fs {
        services::Fs::default().root(folder.to_str().unwrap())
    }

    pub(crate) fn in_folder(folder: &Path) -> OpenDal {
        OpenDal::new(Operator::new(files(folder)).unwrap())
    }

    fn everything(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn it_refuses_what_it_cannot_do_safely() {
        let folder = tempfile::tempdir().unwrap();
        refuses_what_it_cannot_do_safely(in_folder(folder.path())).await;
        let refused = in_folder(folder.path()).open_upload(&path("/absent"), Placement::Append, None).await;
        assert_eq!(kind(refused), Unsupported);
    }

    #[tokio::test]
    async fn files_are_renamed() {
        let folder = tempfile::tempdir().unwrap();
        crate::decisions::files_are_renamed(in_folder(folder.path())).await;
    }

    #[tokio::test]
    async fn an_aborted_upload_leaves_nothing_and_spoils_nothing() {
        for content in [0, 1, 700_000] {
            let (folder, beside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let atomic = files(folder.path()).atomic_write_dir(beside.path().to_str().unwrap());
            for service in [files(folder.path()), atomic] {
                let store = OpenDal::new(Operator::new(service).unwrap())
                    .with_part_size(NonZeroUsize::new(100_000).unwrap());
                fs::write(folder.path().join("file"), "old").unwrap();
                begin(&store, "/file", Placement::Replace, pattern(content, 1))
                    .await
                    .abort(AbortReason::ClientAborted)
                    .await;
                begin(&store, "/new", Placement::Unique, pattern(content, 1))
                    .await
                    .abort(AbortReason::ClientAborted)
                    .await;
                assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"old", "{content}");
                assert_eq!(everything(folder.path()), ["file"], "{content}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_being_stored_is_neither_listed_nor_reached() {
        let folder = tempfile::tempdir().unwrap();
        let store = in_folder(folder.path()).with_part_size(NonZeroUsize::new(100_000).unwrap());
        let upload = begin(&store, "/file", Placement::Replace, pattern(700_000, 1)).await;
        let hidden = everything(folder.path());
        assert!(hidden.len() == 1 && hidden[0].starts_with(".sansftp-"), "{hidden:?}");
        assert!(names(&store, "/").await.is_empty());
        let hidden = path(&hidden[0]);
        assert_eq!(kind(store.stat(&hidden).await), NotFound);
        assert_eq!(kind(store.open_download(&hidden, 0).await), NotFound);
        assert_eq!(kind(store.remove_file(&hidden).await), NotFound);
        upload.finish().await.unwrap();
        assert_eq!(everything(folder.path()), ["file"]);
    }

    #[tokio::test]
    async fn a_directory_is_not_replaced_by_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let store = in_folder(folder.path());
        let upload = begin(&store, "/late", Placement::Replace, "content").await;
        fs::create_dir(folder.path().join("late")).unwrap();
        assert_eq!(kind(upload.finish().await), IsADirectory);
        assert_eq!(everything(folder.path()), ["late"]);
    }

    /// Parts come in any order, and a write that is dropped loses none.
    #[tokio::test]
    async fn parts_make_the_file() {
        let folder = tempfile::tempdir().unwrap();
        for (part_size, parts) in [(1, 1), (65_536, 1), (100_000, 3), (1 << 20, 16)] {
            let store = in_folder(folder.path())
                .with_part_size(NonZeroUsize::new(part_size).unwrap())
                .with_parts_in_flight(NonZeroUsize::new(parts).unwrap());
            let length = if part_size == 1 { 3 } else { 2_000_003 };
            put(&store, "/file", pattern(length, 1)).await;
            assert!(get(&store, "/file").await == pattern(length, 1), "{part_size} {parts}");
        }
    }

    #[tokio::test]
    async fn a_file_that_shrinks_while_it_is_retrieved_is_not_taken_for_whole() {
        let folder = tempfile::tempdir().unwrap();
        let store = in_folder(folder.path());
        put(&store, "/file", pattern(10_000_000, 1)).await;
        let mut download = store.open_download(&path("/file"), 0).await.unwrap();
        download.read(100_000).await.unwrap();
        fs::File::options().write(true).open(folder.path().join("file")).unwrap().set_len(100_000).unwrap();
        let error = read_all(&mut download, 100_000).await.unwrap_err();
        assert!(matches!(error.kind(), Changed | Failed), "{error:?}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn special_files_are_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let store = in_folder(folder.path());
        let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
        assert_eq!(kind(store.open_download(&path("/socket"), 0).await), NotAFile);
        assert_eq!(kind(store.open_upload(&path("/socket"), Placement::Replace, None).await), NotAFile);
        assert_eq!(kind(store.list(&path("/socket")).await), NotADirectory);
    }

    /// Neither known to keep the old file nor able to rename.
    #[tokio::test]
    async fn a_service_that_could_spoil_files_gets_none() {
        let folder = tempfile::tempdir().unwrap();
        let operator = Operator::new(files(folder.path())).unwrap();
        let store = OpenDal::new(without(operator, |capability| capability.rename = false));
        let refused = store.open_upload(&path("/file"), Placement::Replace, None).await.unwrap_err();
        assert_eq!(refused.kind(), Unsupported);
        assert!(refused.message().contains("endangering"), "{refused}");
    }
}
