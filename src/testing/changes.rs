//! Removing and renaming, also of what is under way: a client that was told that something is done finds it done.

use alloc::format;

use super::{
    breach::{Outcome, ensure},
    ground::{Ground, granted_unless_busy, path, refused_as},
    operation::Operation,
};
use crate::storage::{Placement, Storage, StorageErrorKind::NotFound, Upload as _};

pub(super) async fn files_are_removed<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    ground.put("/file", "content").await?;
    ground.put("/other", "other").await?;
    ground.remove("/file").await?;
    ground.has_nothing_at("/file", "after DELE").await?;
    ground.lists("/", &["other"], "after DELE").await?;
    refused_as("the second DELE", ground.store.remove_file(&path("/file")).await, &[NotFound])?;
    ground.put("/file", "again").await?;
    ground.holds("/file", b"again", "after DELE and another upload").await?;
    if ground.offers(Operation::MakeDirectory) {
        ground.make("/directory").await?;
        ground.put("/directory/file", "content").await?;
        ground.remove("/directory/file").await?;
        ground.lists("/directory", &[], "after DELE of its only file").await?;
    }
    Ok(())
}

pub(super) async fn a_file_is_removed_under_an_upload<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    ground.put("/file", "old").await?;
    let upload = ground.begin("/file", Placement::Replace, b"new").await?;
    let is_removed = granted_unless_busy("DELE /file", ground.store.remove_file(&path("/file")).await)?;
    if is_removed {
        ground.has_nothing_at("/file", "after DELE, before the finish").await?;
    }
    let before = (!is_removed).then_some(&b"old"[..]);
    let wanted = if upload.finish().await.is_ok() { Some(&b"new"[..]) } else { before };
    ground.holds_one_of("/file", &[wanted], "after DELE and the finish").await
}

pub(super) async fn files_are_renamed<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    ground.put("/one", "1").await?;
    ground.put("/two", "2").await?;
    ground.rename("/one", "/uno").await?;
    ground.has_nothing_at("/one", "after it was renamed").await?;
    ground.holds("/uno", b"1", "after /one was renamed to it").await?;
    ground.rename("/uno", "/two").await?;
    ground.holds("/two", b"1", "after it was replaced by /uno").await?;
    ground.lists("/", &["two"], "after a file was renamed to another").await?;
    // Whether that is refused is the store's choice.
    let _ = ground.rename("/two", "/two").await;
    ground.holds("/two", b"1", "after it was renamed to itself").await?;
    if ground.offers(Operation::MakeDirectory) {
        ground.make("/directory").await?;
        ground.rename("/two", "/directory/two").await?;
        ground.holds("/directory/two", b"1", "after it was moved").await?;
        for (to, what) in [("/directory", "to a directory"), ("/missing/two", "into no directory")] {
            let renamed = ground.store.rename(&path("/directory/two"), &path(to)).await;
            let kinds: &[_] = if to == "/directory" { &[] } else { &[NotFound] };
            refused_as(&format!("renaming a file {what}"), renamed, kinds)?;
            ground.holds("/directory/two", b"1", "after a renaming that was refused").await?;
        }
        ground.rename("/directory/two", "/two").await?;
        ground.lists("/directory", &[], "after its only file was moved").await?;
    }
    Ok(())
}

pub(super) async fn a_file_is_renamed_under_an_upload<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    ground.put("/file", "old").await?;
    let upload = ground.begin("/file", Placement::Replace, b"new").await?;
    let renamed = ground.store.rename(&path("/file"), &path("/other")).await;
    let old = Some(&b"old"[..]);
    let (file, other) = match granted_unless_busy("renaming /file to /other", renamed)? {
        true => (None, old),
        false => (old, None),
    };
    ground.holds_one_of("/other", &[other], "after /file was renamed to it, before the finish").await?;
    let wanted = if upload.finish().await.is_ok() { Some(&b"new"[..]) } else { file };
    ground.holds_one_of("/other", &[other], "after the finish of /file").await?;
    ground.holds_one_of("/file", &[wanted], "after the old file was renamed, and the finish").await
}

pub(super) async fn directories_are_renamed<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    for directory in ["/a", "/a/b", "/a/b/c"] {
        ground.make(directory).await?;
    }
    ground.put("/a/b/c/file", "deep").await?;
    ground.put("/file", "content").await?;
    for to in ["/a/b/new", "/a/b", "/file"] {
        let renamed = ground.store.rename(&path("/a"), &path(to)).await;
        refused_as(&format!("renaming the directory /a to {to}"), renamed, &[])?;
    }
    ground.holds("/a/b/c/file", b"deep", "after renamings that were refused").await?;
    ground.holds("/file", b"content", "after renamings that were refused").await?;

    ground.rename("/a/b", "/moved").await?;
    ground.holds("/moved/c/file", b"deep", "after its directory was moved").await?;
    ground.lists("/a", &[], "after its only directory was moved").await?;
    // A name that only begins like the directory's is not below it.
    ground.rename("/a", "/ab").await?;
    ground.lists("/", &["ab", "file", "moved"], "after a directory was renamed").await
}

pub(super) async fn a_directory_is_renamed_under_an_upload<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    ground.make("/before").await?;
    let upload = ground.begin("/before/file", Placement::Replace, b"content").await?;
    let renamed = ground.store.rename(&path("/before"), &path("/after")).await;
    let is_renamed = granted_unless_busy("renaming a directory", renamed)?;
    let is_stored = upload.finish().await.is_ok();
    ensure!(is_renamed || is_stored, "renaming was refused, and the upload into that directory, too");
    let places = [ground.content("/before/file").await?, ground.content("/after/file").await?];
    let count = places.iter().flatten().count();
    ensure!(
        count == usize::from(is_stored),
        "after its directory was renamed, a finished file is there {count} times"
    );
    let is_whole = places.iter().flatten().all(|content| content == b"content");
    ensure!(is_whole, "after its directory was renamed, a finished file is not whole");
    Ok(())
}
