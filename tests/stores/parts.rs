//! Parts of files that the store of files has kept, and uploads that continue them.

use std::{
    fs,
    io::Write,
    num::NonZeroUsize,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    pin::pin,
    time::Duration,
};

use sansftp::{
    adapters::{
        BlockingPool,
        stores::{Filesystem, OnAbort},
    },
    storage::{AbortReason, OpenedUpload, Placement, Storage, StorageErrorKind::*, Upload},
};

use crate::steps::*;

const LENGTH: usize = 300_000;
const RESUME: Placement = Placement::Resume { offset: LENGTH as u64 };

struct Ground {
    folder: tempfile::TempDir,
    store: Filesystem,
}

impl Ground {
    /// With a part of a file, which an upload has left.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Filesystem::open(folder.path()).unwrap().with_on_abort(OnAbort::KeepPartial);
        let ground = Self { folder, store };
        cut(begin(&ground.store, "/file", Placement::Replace, start()).await).await;
        ground.assert_holds(&start());
        ground
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("file")
    }

    fn inode(&self) -> u64 {
        fs::metadata(self.path()).unwrap().ino()
    }

    /// Cuts the part that is continued, once so many bytes more have been written.
    async fn cut_short(&self, written: usize) {
        let part = fs::File::options().write(true).open(self.path()).unwrap();
        while part.metadata().unwrap().len() < (LENGTH + written) as u64 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        part.set_len(1000).unwrap();
    }

    /// Whether the file holds this, and nothing is beside it.
    #[track_caller]
    fn assert_holds(&self, content: &[u8]) {
        assert!(fs::read(self.path()).unwrap() == content);
        assert_eq!(count(self.folder.path()), 1);
    }
}

fn count(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

fn start() -> Vec<u8> {
    pattern(LENGTH, 1)
}

fn followed_by(more: &[u8]) -> Vec<u8> {
    [&start()[..], more].concat()
}

async fn cut(upload: impl Upload) {
    upload.abort(AbortReason::DataConnectionLost).await;
}

#[tokio::test]
async fn a_part_is_continued_as_it_is() {
    for placement in [RESUME, Placement::Append] {
        let ground = Ground::new().await;
        let inode = ground.inode();
        let upload = begin(&ground.store, "/file", placement, pattern(200_000, 2)).await;
        assert!(fs::read(ground.path()).unwrap().starts_with(&start()));
        upload.finish().await.unwrap();
        ground.assert_holds(&followed_by(&pattern(200_000, 2)));
        assert_eq!(ground.inode(), inode, "{placement:?} made a copy");

        // It is whole, so what comes behind it leaves it alone.
        let more = begin(&ground.store, "/file", Placement::Append, "more").await;
        ground.store.rename(&path("/file"), &path("/file")).await.unwrap();
        more.finish().await.unwrap();
        assert_ne!(ground.inode(), inode);
    }
}

#[tokio::test]
async fn a_part_that_is_cut_off_again_is_longer() {
    let ground = Ground::new().await;
    let inode = ground.inode();
    let mut whole = start();
    for (seed, length) in [(2, 10), (3, 200_000), (4, 0)] {
        let more = pattern(length, seed);
        let placement = Placement::Resume { offset: whole.len() as u64 };
        cut(begin(&ground.store, "/file", placement, &more).await).await;
        whole.extend(more);
        ground.assert_holds(&whole);
    }
    begin(&ground.store, "/file", Placement::Append, "the end").await.finish().await.unwrap();
    ground.assert_holds(&[&whole[..], b"the end"].concat());
    assert_eq!(ground.inode(), inode);
}

#[tokio::test]
async fn what_is_dropped_leaves_the_part() {
    let ground = Ground::new().await;
    drop(begin(&ground.store, "/file", RESUME, pattern(200_000, 2)).await);
    while count(ground.folder.path()) > 1 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // The write may have begun.
    let left = fs::read(ground.path()).unwrap();
    assert!(left.len() >= LENGTH && followed_by(&pattern(200_000, 2)).starts_with(&left));
    begin(&ground.store, "/file", RESUME, "new").await.finish().await.unwrap();
    ground.assert_holds(&followed_by(b"new"));
}

/// A client that comes back sends no byte again that the server has had.
#[tokio::test]
async fn what_waits_for_a_slow_disk_is_kept_too() {
    for is_prepared in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let pool = BlockingPool::new(NonZeroUsize::MIN);
        let store = Filesystem::open(folder.path()).unwrap();
        let store = store.with_on_abort(OnAbort::KeepPartial).with_pool(pool.clone());
        let name = path("/file");
        let mut upload = store.open_upload(&name, Placement::Replace, None).await.unwrap().upload;
        let slow_disk = hold(&pool);
        upload.write(pattern(200_000, 1).into()).await.unwrap();
        let waits = match is_prepared {
            true => {
                upload.write(pattern(3, 2).into()).await.unwrap();
                poll_once(pin!(upload.prepare())).await.is_pending()
            }
            false => poll_once(pin!(upload.write(pattern(100_000, 2).into()))).await.is_pending(),
        };
        assert!(waits, "nothing waits for the disk");
        drop(slow_disk);
        upload.abort(AbortReason::DataConnectionLost).await;
        let more = pattern(if is_prepared { 3 } else { 100_000 }, 2);
        let kept = fs::read(folder.path().join("file")).unwrap();
        assert!(kept == [pattern(200_000, 1), more].concat(), "{} bytes are kept", kept.len());
    }
}

/// The directory may be a slow one.
#[tokio::test]
async fn an_upload_that_is_dropped_is_closed_in_the_pool() {
    let folder = tempfile::tempdir().unwrap();
    let pool = BlockingPool::new(NonZeroUsize::MIN);
    let store = Filesystem::open(folder.path()).unwrap().with_pool(pool.clone());
    let upload = begin(&store, "/file", Placement::Replace, pattern(200_000, 1)).await;
    pool.run(|| ()).await;
    let slow_disk = hold(&pool);
    drop(upload);
    assert_eq!(count(folder.path()), 1, "the temporary file was removed where the upload was dropped");
    drop(slow_disk);
    pool.run(|| ()).await;
    assert_eq!(count(folder.path()), 0);
}

/// It leaves the second name that the part had, and the next one removes that.
#[tokio::test]
async fn a_server_that_is_killed_leaves_the_part() {
    let ground = Ground::new().await;
    fs::hard_link(ground.path(), ground.folder.path().join(".sansftp-00000000000000aa")).unwrap();
    Filesystem::open(ground.folder.path()).unwrap();
    ground.assert_holds(&start());
}

/// The connection of one may be dead, which its server does not know yet.
#[tokio::test]
async fn of_two_uploads_that_continue_a_part_one_has_a_copy() {
    let (first_end, second_end) = (pattern(200_000, 2), pattern(150_000, 3));
    for first_is_cut in [true, false] {
        let ground = Ground::new().await;
        let first = begin(&ground.store, "/file", RESUME, &first_end).await;
        let second = begin(&ground.store, "/file", RESUME, &second_end).await;
        second.finish().await.unwrap();
        assert!(fs::read(ground.path()).unwrap() == followed_by(&second_end));
        if first_is_cut {
            cut(first).await;
            ground.assert_holds(&followed_by(&second_end));
        } else {
            first.finish().await.unwrap();
            ground.assert_holds(&followed_by(&first_end));
        }
    }
    for first_is_cut in [true, false] {
        let ground = Ground::new().await;
        let inode = ground.inode();
        let first = begin(&ground.store, "/file", RESUME, &first_end).await;
        let second = begin(&ground.store, "/file", RESUME, &second_end).await;
        if first_is_cut {
            cut(first).await;
            assert!(fs::read(ground.path()).unwrap() == followed_by(&first_end));
        } else {
            first.finish().await.unwrap();
        }
        assert_eq!(ground.inode(), inode);
        second.finish().await.unwrap();
        ground.assert_holds(&followed_by(&second_end));
    }
}

#[tokio::test]
async fn a_copy_is_made_of_what_stays_of_a_part_in_part() {
    let ground = Ground::new().await;
    let shorter = Placement::Resume { offset: 1000 };
    cut(begin(&ground.store, "/file", shorter, "cut off").await).await;
    ground.assert_holds(&start());
    begin(&ground.store, "/file", shorter, "new").await.finish().await.unwrap();
    ground.assert_holds(&[&start()[..1000], b"new"].concat());
}

#[tokio::test]
async fn what_is_no_part_any_more_is_copied() {
    let changes: [fn(&Path); 3] = [
        |file| fs::File::options().append(true).open(file).unwrap().write_all(b"more").unwrap(),
        |file| fs::hard_link(file, file.with_file_name("link")).unwrap(),
        |file| {
            fs::write(file.with_file_name("other"), start()).unwrap();
            fs::rename(file.with_file_name("other"), file).unwrap();
        },
    ];
    for change in changes {
        let ground = Ground::new().await;
        change(&ground.path());
        let (inode, before) = (ground.inode(), fs::read(ground.path()).unwrap());
        let mut upload = begin(&ground.store, "/file", Placement::Append, pattern(200_000, 2)).await;
        assert!(fs::read(ground.path()).unwrap() == before);
        upload.prepare().await.unwrap();
        upload.finish().await.unwrap();
        assert!(fs::read(ground.path()).unwrap() == [&before[..], &pattern(200_000, 2)].concat());
        assert_ne!(ground.inode(), inode);
    }
}

#[tokio::test]
async fn a_store_that_keeps_no_parts_continues_none() {
    let ground = Ground::new().await;
    let inode = ground.inode();
    let store = ground.store.clone().with_on_abort(OnAbort::Discard);
    cut(begin(&store, "/file", RESUME, pattern(200_000, 2)).await).await;
    ground.assert_holds(&start());
    begin(&store, "/file", RESUME, "new").await.finish().await.unwrap();
    ground.assert_holds(&followed_by(b"new"));
    assert_ne!(ground.inode(), inode);
}

#[tokio::test]
async fn a_part_that_goes_meanwhile_is_gone_or_stored() {
    for placement in [RESUME, Placement::Append] {
        let ground = Ground::new().await;
        let upload = begin(&ground.store, "/file", placement, "new").await;
        ground.store.remove_file(&path("/file")).await.unwrap();
        cut(upload).await;
        assert_eq!(count(ground.folder.path()), 0, "{placement:?}");
    }
    for (placement, wins) in [(RESUME, true), (Placement::Append, false)] {
        for replacement in [None, Some("another")] {
            let ground = Ground::new().await;
            let upload = begin(&ground.store, "/file", placement, "new").await;
            match replacement {
                None => ground.store.remove_file(&path("/file")).await.unwrap(),
                Some(content) => put(&ground.store, "/file", content).await,
            }
            if wins {
                upload.finish().await.unwrap();
                ground.assert_holds(&followed_by(b"new"));
                continue;
            }
            assert_eq!(kind(upload.finish().await), Busy);
            match replacement {
                None => assert_eq!(count(ground.folder.path()), 0),
                Some(content) => ground.assert_holds(content.as_bytes()),
            }
        }
    }
}

/// What is stored under one name must not become what another name has.
#[tokio::test]
async fn a_part_is_not_renamed_while_it_is_continued() {
    let ground = Ground::new().await;
    let upload = begin(&ground.store, "/file", RESUME, "new").await;
    let rename = async || ground.store.rename(&path("/file"), &path("/other")).await;
    assert_eq!(kind(rename().await), Busy);
    cut(upload).await;
    rename().await.unwrap();
    assert!(fs::read(ground.folder.path().join("other")).unwrap() == followed_by(b"new"));
}

/// Else zeros would take the place of what was cut off.
#[tokio::test]
async fn a_part_that_somebody_else_cuts_is_not_stored() {
    for is_prepared in [false, true] {
        // Some bytes still wait in memory, some are written.
        for more in [pattern(3, 2), pattern(200_000, 2)] {
            let ground = Ground::new().await;
            let written = if more.len() > 100_000 { more.len() } else { 0 };
            let mut upload = begin(&ground.store, "/file", RESUME, more).await;
            ground.cut_short(written).await;
            let result = if is_prepared { upload.prepare().await } else { Ok(()) };
            assert_eq!(result.is_err(), is_prepared);
            upload.finish().await.unwrap_err();
            ground.assert_holds(&start()[..1000]);
        }
    }
    let ground = Ground::new().await;
    let mut upload = begin(&ground.store, "/file", RESUME, pattern(200_000, 2)).await;
    ground.cut_short(200_000).await;
    upload.write(pattern(200_000, 3).into()).await.unwrap();
    assert_eq!(kind(upload.write(pattern(200_000, 4).into()).await), Busy);
    upload.abort(AbortReason::StoreFailed).await;
    ground.assert_holds(&start()[..1000]);

    let ground = Ground::new().await;
    let upload = begin(&ground.store, "/file", RESUME, "new").await;
    ground.cut_short(0).await;
    cut(upload).await;
    ground.assert_holds(&start()[..1000]);
}

#[tokio::test]
async fn bytes_that_somebody_else_adds_are_told() {
    let ground = Ground::new().await;
    let upload = begin(&ground.store, "/file", RESUME, "new").await;
    let mut other = fs::File::options().append(true).open(ground.path()).unwrap();
    other.write_all(b"somebody's").unwrap();
    assert_eq!(kind(upload.finish().await), Busy);
}

/// Every file begins with the same bytes, and every upload sends those that belong where it goes on. So a file that is
/// anything else is torn.
#[tokio::test]
async fn whatever_uploads_do_at_once_no_file_is_torn() {
    let folder = tempfile::tempdir().unwrap();
    let store = Filesystem::open(folder.path()).unwrap().with_on_abort(OnAbort::KeepPartial);
    let users = (1..=8).map(|seed| tokio::spawn(use_at_random(store.clone(), seed)));
    for user in users.collect::<Vec<_>>() {
        user.await.unwrap();
    }
    let is_hidden = |entry: fs::DirEntry| entry.file_name().as_encoded_bytes().starts_with(b".sansftp-");
    while fs::read_dir(folder.path()).unwrap().any(|entry| is_hidden(entry.unwrap())) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn use_at_random(store: Filesystem, seed: u64) {
    const LONGEST: u64 = 150_000;
    let whole = pattern(4 << 20, 1);
    let mut random = seed << 32 | 0x9E37_79B9;
    let mut choose = move |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    for _ in 0..150 {
        let [name, other] = if choose(2) == 0 { ["/a", "/b"] } else { ["/b", "/a"] };
        let size = store.stat(&path(name)).await.map_or(0, |metadata| metadata.size);
        let placement = match choose(10) {
            0 => Placement::Replace,
            1 => Placement::Resume { offset: choose(size + 1) },
            2..5 => Placement::Resume { offset: size },
            5..8 => Placement::Append,
            8 => {
                let _ = store.rename(&path(name), &path(other)).await;
                continue;
            }
            _ => {
                let _ = store.remove_file(&path(name)).await;
                continue;
            }
        };
        // Somebody else may have been faster.
        let Ok(OpenedUpload { mut upload, offset, .. }) =
            store.open_upload(&path(name), placement, None).await
        else {
            continue;
        };
        let end = (offset + choose(LONGEST)) as usize;
        let Some(more) = whole.get(offset as usize..end) else { continue };
        let mut is_written = true;
        for chunk in more.chunks(20_000) {
            is_written = is_written && upload.write(chunk.to_vec().into()).await.is_ok();
        }
        match choose(6) {
            0 => drop(upload),
            1..4 => cut(upload).await,
            _ if is_written => drop(upload.finish().await),
            _ => cut(upload).await,
        }
        for name in ["/a", "/b"] {
            if let Ok(mut download) = store.open_download(&path(name), 0).await {
                let content = read_all(&mut download, 1 << 20).await.unwrap();
                assert!(whole.starts_with(&content), "{name} is torn");
            }
        }
    }
}
