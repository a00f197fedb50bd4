//! Removing and renaming, also of what is under way: whoever was told that something is done finds it done.

use super::{
    breach::{Outcome, ensure},
    ground::{Ground, finish, granted, path, refused_as},
    refusals::Operation,
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
    ground.holds("/file", b"again", "after DELE and another upload").await
}

pub(super) async fn a_file_is_removed_under_an_upload<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    ground.put("/file", "old").await?;
    let upload = ground.begin("/file", Placement::Replace, b"new").await?;
    ground.remove("/file").await?;
    ground.has_nothing_at("/file", "after DELE, before the finish").await?;
    let wanted = upload.finish().await.is_ok().then_some(&b"new"[..]);
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
    ground.rename("/two", "/two").await?;
    ground.holds("/two", b"1", "after it was renamed to itself").await?;
    if ground.offers(Operation::MakeDirectory) {
        ground.make("/directory").await?;
        ground.rename("/two", "/directory/two").await?;
        ground.holds("/directory/two", b"1", "after it was moved").await?;
        for (to, what) in [("/directory", "to a directory"), ("/missing/two", "into no directory")] {
            let renamed = ground.store.rename(&path("/directory/two"), &path(to)).await;
            let kinds: &[_] = if to == "/directory" { &[] } else { &[NotFound] };
            refused_as(&alloc::format!("renaming a file {what}"), renamed, kinds)?;
            ground.holds("/directory/two", b"1", "after a renaming that was refused").await?;
        }
    }
    Ok(())
}

pub(super) async fn a_file_is_renamed_under_an_upload<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    ground.put("/file", "old").await?;
    let upload = ground.begin("/file", Placement::Replace, b"new").await?;
    ground.rename("/file", "/other").await?;
    ground.holds("/other", b"old", "after /file was renamed to it, before the finish").await?;
    finish("/file", upload).await?;
    ground.holds("/other", b"old", "after the finish of /file").await?;
    ground.holds("/file", b"new", "after the old file was renamed, and the finish").await
}

pub(super) async fn directories_are_renamed<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    for directory in ["/a", "/a/b", "/a/b/c"] {
        ground.make(directory).await?;
    }
    ground.put("/a/b/c/file", "deep").await?;
    ground.put("/file", "content").await?;
    for to in ["/a/b/new", "/a/b", "/file"] {
        let renamed = ground.store.rename(&path("/a"), &path(to)).await;
        refused_as(&alloc::format!("renaming the directory /a to {to}"), renamed, &[])?;
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
    granted("renaming a directory", ground.store.rename(&path("/before"), &path("/after")).await)?;
    let is_stored = upload.finish().await.is_ok();
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
