//! Nothing of an upload before its finish, and all of it afterwards.

use alloc::{boxed::Box, format, vec::Vec};

use bytes::Bytes;

use super::{
    breach::{Outcome, ensure},
    ground::{Ground, finish, granted, path, pattern, read_all, write},
    together::{Step, all, pause, poll_times},
};
use crate::storage::{AbortReason, Placement, Storage, StorageErrorKind, Upload as _};

const KIB: usize = 1024;

pub(super) async fn content_comes_back_whole<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    // A shorter file follows a longer one, and the longest one comes in chunks of each size.
    for length in [600 * KIB + 3, 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 256 * KIB] {
        let content = pattern(length, 7);
        let chunks: &[usize] = if length > 256 * KIB { &[3001, 64 * KIB, 200 * KIB] } else { &[64 * KIB] };
        for &chunk in chunks {
            let mut upload = ground.open("/file", Placement::Replace).await?.upload;
            for bytes in content.chunks(chunk) {
                granted("a write", upload.write(Bytes::copy_from_slice(bytes)).await)?;
            }
            finish("/file", upload).await?;
            let when = format!("after an upload of {length} bytes in chunks of {chunk}");
            ground.holds("/file", &content, &when).await?;
        }
        for most in [4096, 64 * KIB, usize::MAX] {
            let mut download = ground.open_download("/file").await?;
            let read = granted("a read", read_all(&mut download, most).await?)?;
            ensure!(
                read == content,
                "{length} bytes that are read {most} at a time differ from what was stored"
            );
        }
    }
    Ok(())
}

pub(super) async fn a_file_of_nothing_can_be_stored<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    for when in ["after an upload of no byte", "after an upload of no byte in place of a file"] {
        let upload = ground.open("/file", Placement::Replace).await?.upload;
        finish("/file", upload).await?;
        ground.holds("/file", b"", when).await?;
        ground.put("/file", "something").await?;
    }
    Ok(())
}

pub(super) async fn an_upload_is_invisible_until_it_is_finished<S: Storage>(
    ground: &Ground<'_, S>,
) -> Outcome {
    let (old, new) = (pattern(200_000, 1), pattern(300_000, 2));
    let upload = ground.begin("/file", Placement::Replace, &old).await?;
    ground.has_nothing_at("/file", "before the finish").await?;
    ground.lists("/", &[], "before the finish").await?;
    finish("/file", upload).await?;
    ground.lists("/", &["file"], "after the finish").await?;

    let upload = ground.begin("/file", Placement::Replace, &new).await?;
    ground.holds("/file", &old, "before the finish of another upload").await?;
    ground.lists("/", &["file"], "before the finish of another upload").await?;
    finish("/file", upload).await?;
    ground.holds("/file", &new, "after the finish of another upload").await
}

pub(super) async fn an_upload_that_is_given_up_leaves_what_was_there<S: Storage>(
    ground: &Ground<'_, S>,
) -> Outcome {
    for placement in ground.placements() {
        give_up(ground, "/absent", placement).await?;
        ground
            .has_nothing_at("/absent", &format!("after uploads that were given up ({placement:?})"))
            .await?;
    }
    ground.put("/file", "old content").await?;
    for placement in ground.placements() {
        give_up(ground, "/file", placement).await?;
        let when = format!("after uploads that were given up ({placement:?})");
        ground.holds("/file", b"old content", &when).await?;
    }
    ground.lists("/", &["file"], "after uploads that were given up").await
}

/// Gives uploads up in each way: aborted or dropped, before and after their first byte.
async fn give_up<S: Storage>(ground: &Ground<'_, S>, name: &str, placement: Placement) -> Outcome {
    ground.open(name, placement).await?.upload.abort(AbortReason::NoDataConnection).await;
    drop(ground.open(name, placement).await?.upload);
    for length in [3, 200_000] {
        let content = pattern(length, 3);
        ground.begin(name, placement, &content).await?.abort(AbortReason::DataConnectionLost).await;
        drop(ground.begin(name, placement, &content).await?);
    }
    Ok(())
}

pub(super) async fn what_is_prepared_is_invisible_until_it_is_finished<S: Storage>(
    ground: &Ground<'_, S>,
) -> Outcome {
    let mut old = None;
    for (length, seed) in [(0, 1), (3, 2), (200_000, 3)] {
        let new = pattern(length, seed);
        ground.prepare("/file", &new).await?.abort(AbortReason::ControlConnectionLost).await;
        ground.holds_one_of("/file", &[old.as_deref()], "after an upload was prepared and aborted").await?;
        drop(ground.prepare("/file", &new).await?);
        ground.holds_one_of("/file", &[old.as_deref()], "after an upload was prepared and dropped").await?;

        let upload = ground.prepare("/file", &new).await?;
        ground.holds_one_of("/file", &[old.as_deref()], "after an upload was prepared").await?;
        finish("/file", upload).await?;
        ground.holds("/file", &new, "after an upload was prepared and finished").await?;
        old = Some(new);
    }
    for times in 0..20 {
        let mut upload = ground.begin("/file", Placement::Replace, &pattern(300_000, 4)).await?;
        poll_times(times, upload.prepare()).await;
        upload.abort(AbortReason::ControlConnectionLost).await;
    }
    let when = "after a preparation that was dropped, and an abort";
    ground.holds_one_of("/file", &[old.as_deref()], when).await?;
    ground.lists("/", &["file"], when).await
}

pub(super) async fn a_write_that_is_dropped_can_be_aborted<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    for times in 0..20 {
        let mut upload = ground.open("/file", Placement::Replace).await?.upload;
        poll_times(times, upload.write(pattern(500_000, 1).into())).await;
        upload.abort(AbortReason::DataStalled).await;
    }
    ground.lists("/", &[], "after a write that was dropped, and an abort").await
}

pub(super) async fn a_finish_that_is_dropped_leaves_old_or_new<S: Storage>(
    ground: &Ground<'_, S>,
) -> Outcome {
    let (old, new) = (pattern(100_000, 1), pattern(200_000, 2));
    for times in 0..20 {
        ground.put("/file", &old).await?;
        let upload = ground.begin("/file", Placement::Replace, &new).await?;
        let can_stop = upload.finish_can_stop();
        let is_done = poll_times(times, upload.finish()).await;
        let wanted: &[Option<&[u8]>] = match (is_done, can_stop) {
            (true, _) => &[Some(&new)],
            (false, true) => &[Some(&old)],
            (false, false) => &[Some(&old), Some(&new)],
        };
        ground.holds_one_of("/file", wanted, "after a finish that was dropped").await?;
        ground.lists("/", &["file"], "after a finish that was dropped").await?;
    }
    Ok(())
}

pub(super) async fn the_last_finish_wins<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    let (longer, shorter) = (pattern(200_000, 1), pattern(100_000, 2));
    let first = ground.begin("/file", Placement::Replace, &longer).await?;
    let second = ground.begin("/file", Placement::Replace, &shorter).await?;
    let third = ground.begin("/file", Placement::Replace, b"given up").await?;
    finish("/file", second).await?;
    ground.holds("/file", &shorter, "after the first finish of two").await?;
    finish("/file", first).await?;
    third.abort(AbortReason::DataStalled).await;
    ground.holds("/file", &longer, "after the second finish of two, and an abort").await?;
    ground.lists("/", &["file"], "after two finishes and an abort").await?;

    // As by a client that sends the file again when its patience is over. Each of them may fail, and tell so.
    let uploads = [
        ground.begin("/file", Placement::Replace, &longer).await?,
        ground.begin("/file", Placement::Replace, &shorter).await?,
    ];
    let finish = async |upload: S::Upload| {
        let _ = upload.finish().await;
        Ok(())
    };
    all(uploads.map(|upload| Box::pin(finish(upload)) as Step<'_>)).await?;
    let wanted: [Option<&[u8]>; 2] = [Some(&longer), Some(&shorter)];
    ground.holds_one_of("/file", &wanted, "after two finishes at the same time").await
}

pub(super) async fn files_are_stored_at_the_same_time<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    let files: Vec<_> = (0..8).map(|seed| (format!("/file {seed}"), pattern(100_000, seed))).collect();
    all(files.iter().map(|(name, content)| Box::pin(put_slowly(ground, name, content)) as Step<'_>)).await?;
    for (name, content) in &files {
        ground.holds(name, content, "after eight uploads at the same time").await?;
    }
    Ok(())
}

pub(super) async fn readers_never_see_a_part<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    let contents: Vec<_> = (0..4).map(|seed| pattern(150_000 + usize::from(seed) * 1000, seed)).collect();
    let wanted: Vec<Option<&[u8]>> = contents.iter().map(|content| Some(&content[..])).collect();
    let (wanted, file) = (&wanted, &path("/file"));
    ground.put("/file", pattern(150_000, 0)).await?;
    let writer = async {
        for content in contents.iter().cycle().take(30) {
            put_slowly(ground, "/file", content).await?;
        }
        Ok(())
    };
    let reader = async {
        for _ in 0..60 {
            // It may fail if the file is replaced meanwhile, and neither yield a part nor find no file.
            match ground.read(file).await? {
                Ok(content) => {
                    let is_whole = wanted.contains(&Some(&content));
                    ensure!(is_whole, "a reader saw {} bytes that nobody has stored so", content.len());
                }
                Err(error) => ensure!(
                    error.kind() != StorageErrorKind::NotFound,
                    "a file that was just being replaced was not found"
                ),
            }
            pause().await;
        }
        Ok(())
    };
    all([Box::pin(writer) as Step<'_>, Box::pin(reader)]).await
}

/// Lets others come in between, also where the store is always ready.
async fn put_slowly<S: Storage>(ground: &Ground<'_, S>, name: &str, content: &[u8]) -> Outcome {
    let mut upload = ground.open(name, Placement::Replace).await?.upload;
    for chunk in content.chunks(50_000) {
        pause().await;
        write(&mut upload, chunk).await?;
    }
    pause().await;
    finish(name, upload).await
}
