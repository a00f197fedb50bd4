//! Directories, and what is under way in them.

use alloc::format;

use super::{
    breach::{Outcome, ensure},
    ground::{Ground, granted, path, refused_as},
    operation::Operation,
};
use crate::{
    pathname::Pathname,
    storage::{
        AbortReason, EntryKind, Placement, Storage,
        StorageErrorKind::{
            AlreadyExists, IsADirectory, NameRefused, NotADirectory, NotAFile, NotEmpty, NotFound,
        },
        Upload as _,
    },
};

pub(super) async fn the_root_is_a_directory_and_stays<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    let (store, root) = (&ground.store, &Pathname::root());
    let kind = granted("asking what / is", store.stat(root).await)?.kind;
    ensure!(kind == EntryKind::Directory, "/ is a directory, and not {kind:?}");
    ground.lists("/", &[], "before anything was stored").await?;
    refused_as("RMD /", store.remove_directory(root).await, &[])?;
    refused_as("DELE /", store.remove_file(root).await, &[])?;
    refused_as("renaming /", store.rename(root, &path("/other")).await, &[])?;
    refused_as("retrieving /", store.open_download(root, 0).await, &[IsADirectory, NotAFile])?;
    let opened = store.open_upload(root, Placement::Replace, None).await;
    refused_as("an upload to /", opened, &[IsADirectory, NotAFile])?;
    ground.put("/file", "content").await?;
    refused_as("renaming /file to /", store.rename(&path("/file"), root).await, &[])?;
    ground.holds("/file", b"content", "after / could not be changed").await?;
    ground.lists("/", &["file"], "after / could not be changed").await
}

pub(super) async fn a_file_is_no_directory<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    let (store, file, below) = (&ground.store, &path("/file"), &path("/file/below"));
    ground.put("/file", "content").await?;
    // The server lists the one file then.
    refused_as("listing /file", store.list(file).await, &[NotADirectory])?;
    if ground.offers(Operation::RemoveDirectory) {
        refused_as("RMD of a file", store.remove_directory(file).await, &[NotADirectory])?;
    }
    let kinds = &[NotADirectory, NotFound, NameRefused];
    refused_as("asking for something below a file", store.stat(below).await, kinds)?;
    refused_as("retrieving something below a file", store.open_download(below, 0).await, kinds)?;
    if ground.offers(Operation::MakeDirectory) {
        refused_as("MKD below a file", store.make_directory(below).await, kinds)?;
        let opened = store.open_upload(below, Placement::Replace, None).await;
        refused_as("an upload to a pathname below a file", opened, kinds)?;
    }
    ground.holds("/file", b"content", "after commands for what is below it").await
}

pub(super) async fn directories_are_made<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    let store = &ground.store;
    ground.make("/outer").await?;
    ground.make("/outer/inner").await?;
    ground.put("/file", "content").await?;
    ground.lists("/", &["file", "outer"], "after MKD").await?;
    ground.lists("/outer", &["inner"], "after MKD").await?;
    ground.lists("/outer/inner", &[], "after MKD").await?;
    for present in ["/outer", "/outer/inner", "/file", "/"] {
        let made = store.make_directory(&path(present)).await;
        refused_as(&format!("MKD {present}, which is there"), made, &[AlreadyExists])?;
    }
    ground.put("/outer/inner/file", "below").await?;
    ground.holds("/outer/inner/file", b"below", "after an upload into a directory").await?;
    ground.holds("/file", b"content", "after an upload to the same name in a directory").await?;
    let below = path("/missing/below");
    refused_as("MKD in no directory", store.make_directory(&below).await, &[NotFound])?;
    refused_as("listing what is in no directory", store.list(&below).await, &[NotFound])?;
    for placement in ground.placements() {
        let opened = store.open_upload(&below, placement, None).await;
        refused_as(&format!("an upload into no directory ({placement:?})"), opened, &[NotFound])?;
    }
    ground.has_nothing_at("/missing/below", "after commands for it").await?;
    ground.has_nothing_at("/missing", "after commands for what is below it").await
}

pub(super) async fn directories_are_removed<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    ground.make("/outer").await?;
    ground.make("/outer/inner").await?;
    let outer = path("/outer");
    refused_as("RMD of a directory that has one", ground.store.remove_directory(&outer).await, &[NotEmpty])?;
    ground.lists("/outer", &["inner"], "after RMD was refused").await?;
    ground.put("/file", "content").await?;
    for directory in ["/outer/inner", "/outer"] {
        granted("RMD of an empty directory", ground.store.remove_directory(&path(directory)).await)?;
        ground.has_nothing_at(directory, "after RMD").await?;
    }
    ground.make("/outer").await?;
    ground.put("/outer/file", "content").await?;
    refused_as(
        "RMD of a directory that has a file",
        ground.store.remove_directory(&outer).await,
        &[NotEmpty],
    )?;
    ground.holds("/outer/file", b"content", "after RMD was refused").await
}

pub(super) async fn a_directory_is_no_file<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    let (store, directory) = (&ground.store, &path("/directory"));
    ground.make("/directory").await?;
    refused_as("retrieving a directory", store.open_download(directory, 0).await, &[IsADirectory, NotAFile])?;
    for placement in ground.placements() {
        let opened = store.open_upload(directory, placement, None).await;
        let what = format!("an upload to a directory ({placement:?})");
        refused_as(&what, opened, &[IsADirectory, NotAFile, AlreadyExists])?;
    }
    if ground.offers(Operation::RemoveFile) {
        refused_as("DELE of a directory", store.remove_file(directory).await, &[IsADirectory, NotAFile])?;
    }
    ground.lists("/directory", &[], "after commands for files").await
}

pub(super) async fn a_directory_takes_the_name_of_an_upload<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    let upload = ground.begin("/name", Placement::Replace, b"content").await?;
    let is_made = ground.store.make_directory(&path("/name")).await.is_ok();
    let is_stored = upload.finish().await.is_ok();
    ensure!(is_made || is_stored, "neither MKD nor an upload of the same name succeeds");
    if is_stored {
        ground.holds("/name", b"content", "after an upload beside MKD").await?;
    }
    if is_made {
        ground.lists("/name", &[], "after MKD beside an upload").await?;
    }
    Ok(())
}

pub(super) async fn a_directory_is_removed_under_an_upload<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    ground.make("/another").await?;
    ground.begin("/another/file", Placement::Replace, b"content").await?.abort(AbortReason::Incomplete).await;
    granted("RMD after an abort", ground.store.remove_directory(&path("/another")).await)?;

    ground.make("/directory").await?;
    let upload = ground.begin("/directory/file", Placement::Replace, b"content").await?;
    ground.lists("/directory", &[], "while a file is stored in it").await?;
    let is_removed = ground.store.remove_directory(&path("/directory")).await.is_ok();
    let is_stored = upload.finish().await.is_ok();
    ensure!(is_removed || is_stored, "RMD was refused, and the upload into that directory, too");
    if is_stored {
        return ground.holds("/directory/file", b"content", "after an upload beside RMD").await;
    }
    ground.has_nothing_at("/directory", "after RMD beside an upload that failed").await
}
