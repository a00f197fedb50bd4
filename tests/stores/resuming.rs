//! Uploads to the store of files that continue one: what stays is copied beside them.
//!
//! The pool of their store has one thread, whose jobs come one after the other. A test that holds it decides what is done
//! before what.

use std::{
    fs, io, iter, mem,
    num::NonZeroUsize,
    os::unix::fs::MetadataExt,
    pin::pin,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sansftp::{
    adapters::{
        BlockingPool,
        stores::{Durability, Filesystem},
    },
    storage::{AbortReason, OpenedUpload, Placement, Storage, StorageErrorKind::*, Upload},
};

use crate::{apart, steps::*};

/// More than is copied in one go, …
const LENGTH: usize = 20 << 20;
/// … which is so much.
const PIECE: u64 = 8 << 20;

const PLACEMENTS: [Placement; 2] = [Placement::Resume { offset: LENGTH as u64 }, Placement::Append];

/// What the file has before.
fn old() -> &'static [u8] {
    static OLD: OnceLock<Vec<u8>> = OnceLock::new();
    OLD.get_or_init(|| pattern(LENGTH, 1))
}

struct Ground {
    folder: tempfile::TempDir,
    store: Filesystem,
    pool: BlockingPool,
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pool = BlockingPool::new(NonZeroUsize::MIN);
        let store = Filesystem::open(folder.path()).unwrap();
        let store = store.with_durability(Durability::Rename).with_pool(pool.clone());
        fs::write(folder.path().join("file"), old()).unwrap();
        Self { folder, store, pool }
    }

    /// Waits until the jobs are done that are there now, and the jobs that these start.
    async fn let_it_work(&self) {
        for _ in 0..10 {
            self.pool.run(|| ()).await;
        }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("file")
    }

    /// Opens an upload while the thread is held, from before it opens to after: nothing that comes behind is done yet.
    async fn open_and_hold(&self, placement: Placement) -> (<Filesystem as Storage>::Upload, Held) {
        let before = hold(&self.pool);
        let name = path("/file");
        let mut opening = pin!(self.store.open_upload(&name, placement, None));
        assert!(poll_once(opening.as_mut()).await.is_pending());
        let after = hold(&self.pool);
        drop(before);
        let OpenedUpload { upload, offset, .. } = opening.await.unwrap();
        assert_eq!(offset, LENGTH as u64);
        (upload, after)
    }

    fn temporary_file(&self) -> Option<fs::File> {
        let mut entries = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap());
        let found = entries.find(|entry| entry.file_name().as_encoded_bytes().starts_with(b".sansftp-"));
        found.map(|entry| fs::File::open(entry.path()).unwrap())
    }

    fn assert_old(&self) {
        assert!(fs::read(self.path()).unwrap() == old());
    }

    /// Whether the file is as it was, and nothing is beside it.
    fn assert_untouched(&self) {
        self.assert_old();
        assert!(self.temporary_file().is_none());
    }
}

fn written(file: &fs::File) -> u64 {
    file.metadata().unwrap().blocks() * 512
}

fn whole(new: &[u8]) -> Vec<u8> {
    [old(), new].concat()
}

#[tokio::test]
async fn an_upload_is_opened_before_anything_is_copied() {
    for placement in PLACEMENTS {
        let ground = Ground::new();
        let (mut upload, held) = ground.open_and_hold(placement).await;
        assert_eq!(written(&ground.temporary_file().unwrap()), 0);
        drop(held);
        write_all(&mut upload, &pattern(300_000, 2)).await;
        ground.assert_old();
        upload.finish().await.unwrap();
        assert!(fs::read(ground.path()).unwrap() == whole(&pattern(300_000, 2)));
        assert!(ground.temporary_file().is_none());
    }
}

/// Jobs of the copy, of writes and of a finish that did not wait would take turns.
#[tokio::test]
async fn a_finish_waits_for_what_is_copied() {
    for (placement, length) in PLACEMENTS.into_iter().flat_map(|placement| [(placement, 0), (placement, 3)]) {
        let ground = Ground::new();
        let (mut upload, held) = ground.open_and_hold(placement).await;
        upload.write(pattern(length, 2).into()).await.unwrap();
        let mut finishing = Box::pin(upload.finish());
        assert!(poll_once(finishing.as_mut()).await.is_pending());
        drop(held);
        finishing.await.unwrap();
        assert!(fs::read(ground.path()).unwrap() == whole(&pattern(length, 2)));
    }
}

/// A preparation must not wait for the copy, which may take longer than a client that was killed is waited for.
#[tokio::test]
async fn what_is_copied_is_not_waited_for_before_the_finish() {
    let ground = Ground::new();
    let (mut upload, held) = ground.open_and_hold(Placement::Append).await;
    let copy = ground.temporary_file().unwrap();
    upload.write("new".into()).await.unwrap();
    {
        let mut preparing = Box::pin(upload.prepare());
        assert!(poll_once(preparing.as_mut()).await.is_pending());
        let held_again = hold(&ground.pool);
        drop(held);
        preparing.await.unwrap();
        assert!(written(&copy) < LENGTH as u64);
        drop(held_again);
    }
    ground.assert_old();
    upload.finish().await.unwrap();
    assert!(fs::read(ground.path()).unwrap() == whole(b"new"));
}

#[tokio::test]
async fn what_ends_in_a_hole_can_be_continued_by_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Filesystem::open(folder.path()).unwrap();
    for length in [1 << 20, 50 << 30] {
        let file = fs::File::create(folder.path().join("file")).unwrap();
        file.set_len(length).unwrap();
        if written(&file) > 0 {
            return apart::skip(
                "what_ends_in_a_hole_can_be_continued_by_nothing",
                "files have no holes here",
            );
        }
        begin(&store, "/file", Placement::Resume { offset: length }, "").await.finish().await.unwrap();
        let stored = fs::File::open(folder.path().join("file")).unwrap();
        assert_eq!((stored.metadata().unwrap().len(), written(&stored)), (length, 0));
    }
}

#[tokio::test]
async fn an_upload_that_is_given_up_stops_the_copy() {
    for way in 0..3 {
        let ground = Ground::new();
        let (upload, held) = ground.open_and_hold(Placement::Append).await;
        let copy = ground.temporary_file().unwrap();
        match way {
            0 => {
                let mut aborting = Box::pin(upload.abort(AbortReason::ClientAborted));
                assert!(poll_once(aborting.as_mut()).await.is_pending());
                drop(held);
                aborting.await;
            }
            1 => {
                drop(upload);
                drop(held);
            }
            _ => {
                assert!(poll_once(pin!(upload.finish())).await.is_pending());
                drop(held);
            }
        }
        ground.let_it_work().await;
        assert_eq!(written(&copy), 0, "{way}");
        ground.assert_untouched();
    }
}

/// Where log lines go.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn take(&self) -> String {
        String::from_utf8(mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// As by a deadline. The operator would else look for a disk that is too slow for what the client has sent.
#[tokio::test]
async fn a_finish_that_is_given_up_because_of_its_copy_is_logged() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _logging = tracing::subscriber::set_default(subscriber);

    let ground = Ground::new();
    let (upload, held) = ground.open_and_hold(Placement::Append).await;
    assert!(poll_once(pin!(upload.finish())).await.is_pending());
    let logged = log.take();
    assert!(logged.contains("finish_timeout") && logged.contains("copied=0 of=20971520"), "{logged}");
    drop(held);
    ground.let_it_work().await;

    let upload = begin(&ground.store, "/file", Placement::Append, "more").await;
    upload.abort(AbortReason::ClientAborted).await;
    begin(&ground.store, "/file", Placement::Append, "more").await.finish().await.unwrap();
    assert_eq!(log.take(), "");
}

#[tokio::test]
async fn an_abort_stops_the_copy_after_the_piece_that_is_under_way() {
    let ground = Ground::new();
    let (upload, held) = ground.open_and_hold(Placement::Append).await;
    let copy = ground.temporary_file().unwrap();
    // The first piece is copied in front of this, and the second one has its turn behind it.
    let held_again = hold(&ground.pool);
    drop(held);
    while written(&copy) < PIECE {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut aborting = Box::pin(upload.abort(AbortReason::DataConnectionLost));
    assert!(poll_once(aborting.as_mut()).await.is_pending());
    drop(held_again);
    aborting.await;
    ground.assert_untouched();
    ground.let_it_work().await;
    assert!(written(&copy) < PIECE + (1 << 20), "{} bytes are written", written(&copy));
}

#[tokio::test]
async fn a_copy_that_fails_is_told_at_the_next_write_or_at_the_finish() {
    for is_written in [true, false] {
        let ground = Ground::new();
        let (mut upload, held) = ground.open_and_hold(Placement::Resume { offset: LENGTH as u64 }).await;
        fs::File::options().write(true).open(ground.path()).unwrap().set_len(1000).unwrap();
        drop(held);
        ground.let_it_work().await;
        if is_written {
            assert_eq!(kind(upload.write("more".into()).await), Busy);
            upload.abort(AbortReason::StoreFailed).await;
        } else {
            assert_eq!(kind(upload.finish().await), Busy);
        }
        assert!(fs::read(ground.path()).unwrap() == old()[..1000]);
        assert!(ground.temporary_file().is_none());
    }
}

/// A limit for the length of files is a disk that is full for this process alone.
#[tokio::test]
async fn room_that_lacks_for_the_copy_is_told_at_the_finish() {
    if !apart::is_child() {
        return apart::without_signals_for_long_files(
            "resuming::room_that_lacks_for_the_copy_is_told_at_the_finish",
        );
    }
    let ground = Ground::new();
    let (upload, held) = ground.open_and_hold(Placement::Append).await;
    let limit = getrlimit(Resource::Fsize);
    setrlimit(Resource::Fsize, Rlimit { current: Some(1 << 20), ..limit }).unwrap();
    drop(held);
    let finished = upload.finish().await;
    setrlimit(Resource::Fsize, limit).unwrap();
    assert_eq!(kind(finished), OverQuota);
    ground.assert_untouched();
}

#[tokio::test]
async fn what_stays_is_that_of_the_file_that_was_opened() {
    let ground = Ground::new();
    let offset = LENGTH as u64;
    for (placement, is_stored) in [(Placement::Append, false), (Placement::Resume { offset }, true)] {
        let (mut upload, held) = ground.open_and_hold(placement).await;
        let another = ground.folder.path().join("another");
        fs::write(&another, iter::repeat_n(9, LENGTH).collect::<Vec<_>>()).unwrap();
        fs::rename(&another, ground.path()).unwrap();
        drop(held);
        upload.write("new".into()).await.unwrap();
        if is_stored {
            upload.finish().await.unwrap();
            assert!(fs::read(ground.path()).unwrap() == whole(b"new"));
        } else {
            assert_eq!(kind(upload.finish().await), Busy);
            assert!(fs::read(ground.path()).unwrap() == [9; LENGTH]);
            fs::write(ground.path(), old()).unwrap();
        }
    }
}
