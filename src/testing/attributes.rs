//! What clients set beside the content, and what they announce.

use alloc::format;

use super::{
    breach::{Outcome, ensure},
    ground::{Ground, finish, granted, path, refused_as, write},
};
use crate::{
    pathname::Pathname,
    storage::{Placement, Storage, StorageErrorKind::*},
    time_value::TimeValue,
};

pub(super) async fn modification_times_can_be_set<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    // 2024-02-29 12:34:56.
    let (file, time) = (&path("/file"), TimeValue::from_unix(1_709_210_096, 0));
    let missing = ground.store.set_modified(file, time).await;
    refused_as("setting the time of what is not there", missing, &[NotFound])?;
    ground.put("/file", "content").await?;
    granted("setting a time", ground.store.set_modified(file, time).await)?;
    let modified = granted("asking for the time", ground.store.stat(file).await)?.modified;
    ensure!(modified == Some(time), "a time was set to {time:?}, and is {modified:?}");
    ground.holds("/file", b"content", "after its time was set").await?;

    ground.put("/file", "newer").await?;
    let modified = granted("asking for the time", ground.store.stat(file).await)?.modified;
    ensure!(modified > Some(time), "a file that was just replaced has the time {modified:?}");
    Ok(())
}

pub(super) async fn permissions_can_be_set<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    let file = &path("/file");
    let missing = ground.store.set_mode(file, 0o644).await;
    refused_as("setting the permissions of what is not there", missing, &[NotFound])?;
    ground.put("/file", "content").await?;
    for mode in [0o600, 0o640] {
        granted("setting permissions", ground.store.set_mode(file, mode).await)?;
        let unix = granted("asking for permissions", ground.store.stat(file).await)?.unix;
        let is_set = unix.is_some_and(|unix| unix.mode == mode);
        let told = unix.map_or_else(|| "not told".into(), |unix| format!("{:o}", unix.mode));
        ensure!(is_set, "permissions were set to {mode:o}, and are {told}");
    }
    ground.holds("/file", b"content", "after its permissions were set").await
}

pub(super) async fn room_is_known<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    let room = granted("AVBL", ground.store.available(&Pathname::root()).await)?;
    ensure!(room > 0, "an empty store has no room");
    // It is somebody else's, too, and may grow a little meanwhile.
    for announced in [room.saturating_mul(2), u64::MAX].into_iter().filter(|&announced| announced > room) {
        let opened = ground.store.open_upload(&path("/file"), Placement::Replace, Some(announced)).await;
        let what = format!("an upload of {announced} announced bytes, with {room} available");
        refused_as(&what, opened, &[NoSpace, OverQuota])?;
    }
    ground.has_nothing_at("/file", "after an upload that was too large").await
}

pub(super) async fn more_than_announced_can_be_stored<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    for placement in ground.placements() {
        let opened = ground.store.open_upload(&path("/file"), placement, Some(4)).await;
        let mut upload = granted("an upload of 4 announced bytes", opened)?.upload;
        write(&mut upload, b"more than four").await?;
        finish("/file", upload).await?;
    }
    Ok(())
}
