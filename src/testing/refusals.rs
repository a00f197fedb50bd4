//! What a store refuses changes nothing.

use alloc::format;

use super::{
    breach::Outcome,
    ground::{Ground, path, refused_as},
    operation::Operation,
};
use crate::{
    storage::{Placement, Storage, StorageErrorKind::*},
    time_value::TimeValue,
};

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
