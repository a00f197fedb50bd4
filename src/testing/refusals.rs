//! What a store may refuse.

use alloc::format;

use super::{
    breach::Outcome,
    ground::{Ground, path, refused_as},
};
use crate::{
    storage::{Placement, Storage, StorageErrorKind::*},
    time_value::TimeValue,
};

/// An operation that a store may refuse to all, as [`Unsupported`](crate::storage::StorageErrorKind::Unsupported),
/// [`UnsupportedParameter`](crate::storage::StorageErrorKind::UnsupportedParameter) or
/// [`PermissionDenied`](crate::storage::StorageErrorKind::PermissionDenied).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// [`Placement::Append`] (`APPE`).
    Append,
    /// [`Placement::Resume`] (`REST`, `STOR`).
    Resume,
    /// [`Placement::Unique`] (`STOU`).
    Unique,
    /// [`Storage::make_directory`] (`MKD`); the store has no directories but its root, then.
    MakeDirectory,
    /// [`Storage::remove_directory`] (`RMD`).
    RemoveDirectory,
    /// [`Storage::remove_file`] (`DELE`).
    RemoveFile,
    /// [`Storage::rename`] of a file (`RNFR`, `RNTO`).
    RenameFile,
    /// [`Storage::rename`] of a directory.
    RenameDirectory,
    /// [`Storage::set_modified`] (`MFMT`).
    SetModified,
    /// [`Storage::set_mode`] (`SITE CHMOD`).
    SetMode,
    /// [`Storage::available`] (`AVBL`).
    Available,
}

pub(super) async fn what_is_refused_changes_nothing<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    let (file, other, directory) = (&path("/file"), &path("/other"), &path("/directory"));
    let has_directories = ground.offers(Operation::MakeDirectory);
    let names: &[&str] = if has_directories { &["directory", "file"] } else { &["file"] };
    ground.put("/file", "content").await?;
    if has_directories {
        ground.make("/directory").await?;
    }
    for operation in ground.refused() {
        let store = &ground.store;
        let refused = match operation {
            Operation::Append => store.open_upload(file, Placement::Append, None).await.map(drop),
            Operation::Resume => {
                store.open_upload(file, Placement::Resume { offset: 7 }, None).await.map(drop)
            }
            Operation::Unique => store.open_upload(file, Placement::Unique, None).await.map(drop),
            Operation::MakeDirectory => store.make_directory(other).await,
            Operation::RemoveDirectory if has_directories => store.remove_directory(directory).await,
            Operation::RemoveFile => store.remove_file(file).await,
            Operation::RenameFile => store.rename(file, other).await,
            Operation::RenameDirectory if has_directories => store.rename(directory, other).await,
            Operation::RemoveDirectory | Operation::RenameDirectory => continue,
            Operation::SetModified => store.set_modified(file, TimeValue::from_unix(0, 0)).await,
            Operation::SetMode => store.set_mode(file, 0o600).await,
            Operation::Available => store.available(&path("/")).await.map(drop),
        };
        let what = format!("{operation:?}, which is said not to be offered,");
        refused_as(&what, refused, &[Unsupported, UnsupportedParameter, PermissionDenied])?;
        ground.holds("/file", b"content", &format!("after {operation:?} was refused")).await?;
        ground.lists("/", names, &format!("after {operation:?} was refused")).await?;
    }
    Ok(())
}
