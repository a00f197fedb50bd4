//! Uploads that go on with a file (`APPE`, `REST`), or have a name that nothing has (`STOU`).

use alloc::{format, string::String, vec::Vec};

use super::{
    breach::{Outcome, ensure},
    ground::{Ground, finish, granted, path, pattern, refused_as, text, write},
};
use crate::storage::{AbortReason, Placement, Storage, StorageErrorKind, Upload as _};

pub(super) async fn resuming_at_0_replaces<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    for content in [&b"first"[..], b"2nd"] {
        let opened = ground.open("/file", Placement::Resume { offset: 0 }).await?;
        ensure!(opened.offset == 0, "an upload that resumes at 0 says that it begins at {}", opened.offset);
        let mut upload = opened.upload;
        write(&mut upload, content).await?;
        finish("/file", upload).await?;
        ground.holds("/file", content, "after an upload that resumed at 0").await?;
    }
    Ok(())
}

pub(super) async fn appending_keeps_the_start<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    continue_upload(ground, Placement::Append, 0, b"").await?;
    ground.put("/file", "0123456789").await?;
    continue_upload(ground, Placement::Append, 10, b"0123456789").await?;

    let old = pattern(300_000, 1);
    ground.put("/file", &old).await?;
    continue_upload(ground, Placement::Append, 300_000, &old).await
}

pub(super) async fn resuming_keeps_the_start<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    for (offset, start) in [(10, &b"0123456789"[..]), (4, b"0123"), (0, b"")] {
        ground.put("/file", "0123456789").await?;
        continue_upload(ground, Placement::Resume { offset }, offset, start).await?;
    }
    let old = pattern(300_000, 1);
    ground.put("/file", &old).await?;
    let start = old.get(..150_000).unwrap_or_default();
    continue_upload(ground, Placement::Resume { offset: 150_000 }, 150_000, start).await?;

    for (name, offset) in [("/file", 160_001), ("/file", u64::MAX), ("/absent", 1)] {
        ground.put("/file", pattern(160_000, 2)).await?;
        let opened = ground.store.open_upload(&path(name), Placement::Resume { offset }, None).await;
        let kinds = [StorageErrorKind::BadOffset, StorageErrorKind::NotFound];
        let kinds = if name == "/absent" { &kinds[..] } else { &kinds[..1] };
        refused_as(&format!("resuming {name} at {offset}"), opened, kinds)?;
    }
    ground.lists("/", &["file"], "after offsets that no file has").await
}

/// Continues a file whose first bytes are `start`: given up, it stays; finished, `start` stays.
async fn continue_upload<S: Storage>(
    ground: &Ground<'_, S>,
    placement: Placement,
    offset: u64,
    start: &[u8],
) -> Outcome {
    let more = pattern(100_000, 2);
    let before = ground.content("/file").await?;
    ground.begin("/file", placement, &more).await?.abort(AbortReason::ClientAborted).await;
    drop(ground.begin("/file", placement, &more).await?);
    let mut prepared = ground.begin("/file", placement, &more).await?;
    granted("preparing /file", prepared.prepare().await)?;
    prepared.abort(AbortReason::ControlConnectionLost).await;
    let when = format!("after uploads that were given up ({placement:?})");
    ground.holds_one_of("/file", &[before.as_deref()], &when).await?;

    let opened = ground.open("/file", placement).await?;
    ensure!(
        opened.offset == offset && opened.pathname == path("/file"),
        "an upload to /file ({placement:?}) says that it begins at byte {} of {}, and should at {offset}",
        opened.offset,
        text(opened.pathname.as_bytes())
    );
    let mut upload = opened.upload;
    write(&mut upload, &more).await?;
    let when = format!("before the finish ({placement:?})");
    ground.holds_one_of("/file", &[before.as_deref()], &when).await?;
    finish("/file", upload).await?;
    ground.holds("/file", &[start, &more].concat(), &format!("after the finish ({placement:?})")).await
}

pub(super) async fn of_what_is_appended_at_the_same_time_nothing_is_lost<S: Storage>(
    ground: &Ground<'_, S>,
) -> Outcome {
    for round in ["to nothing", "to a file"] {
        let start = ground.content("/file").await?.unwrap_or_default();
        let first = ground.begin("/file", Placement::Append, b"(first)").await?;
        let second = ground.begin("/file", Placement::Append, b"(second)").await?;
        let mut stored = start;
        for (upload, content) in [(second, &b"(second)"[..]), (first, b"(first)")] {
            if upload.finish().await.is_ok() {
                stored.extend_from_slice(content);
            }
        }
        let when = format!("after two that appended {round} at the same time");
        ground.holds("/file", &stored, &when).await?;
    }
    let appending = ground.begin("/file", Placement::Append, b"+more").await?;
    ground.put("/file", "stored meanwhile").await?;
    let is_stored = appending.finish().await.is_ok();
    let wanted: &[u8] = if is_stored { b"stored meanwhile+more" } else { b"stored meanwhile" };
    ground.holds("/file", wanted, "after one that appended to a file that was replaced meanwhile").await
}

pub(super) async fn unique_names_were_free<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    ground.put("/report.pdf", "somebody's").await?;
    let mut names: Vec<String> = ["report.pdf".into()].into();
    for content in [b"1", b"2", b"3"] {
        let opened = ground.open("/report.pdf", Placement::Unique).await?;
        let name = text(opened.pathname.as_bytes());
        let is_in_root = opened.pathname.parent().is_some_and(|parent| parent.is_root());
        ensure!(is_in_root, "the unique name {name} should be beside /report.pdf");
        ensure!(opened.offset == 0, "a unique upload says that it begins at byte {}", opened.offset);
        ground.has_nothing_at(&name, "before the finish of a unique upload").await?;
        let mut upload = opened.upload;
        write(&mut upload, content).await?;
        finish(&name, upload).await?;
        ground.holds(&name, content, "after the finish of a unique upload").await?;
        names.push(name.trim_start_matches('/').into());
    }
    ground.open("/report.pdf", Placement::Unique).await?.upload.abort(AbortReason::NoDataConnection).await;
    drop(ground.begin("/report.pdf", Placement::Unique, b"given up").await?);
    ground.holds("/report.pdf", b"somebody's", "after unique uploads").await?;
    names.sort();
    let names: Vec<&str> = names.iter().map(|name| &name[..]).collect();
    ground.lists("/", &names, "after unique uploads").await
}

pub(super) async fn a_unique_upload_replaces_nothing<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    let opened = ground.open("/file", Placement::Unique).await?;
    let name = text(opened.pathname.as_bytes());
    // Who is refused here has lost nothing either.
    if ground.put(&name, "somebody else's").await.is_err() {
        return finish(&name, opened.upload).await;
    }
    refused_as(
        "the finish of a unique upload whose name was taken meanwhile",
        opened.upload.finish().await,
        &[],
    )?;
    ground.holds(&name, b"somebody else's", "after a unique upload whose name was taken meanwhile").await
}
