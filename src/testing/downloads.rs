//! Retrieving.

use alloc::{format, vec::Vec};

use super::{
    breach::{Outcome, ensure},
    ground::{Ground, granted, granted_unless_busy, path, pattern, read_all, refused_as},
    operation::Operation,
};
use crate::storage::{Download as _, Placement, Storage, StorageErrorKind};

pub(super) async fn what_is_not_there_is_not_found<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    const NOT_FOUND: &[StorageErrorKind] = &[StorageErrorKind::NotFound];
    let (missing, other) = (path("/missing"), path("/other"));
    ground.has_nothing_at("/missing", "in an empty store").await?;
    refused_as("listing what is not there", ground.store.list(&missing).await, NOT_FOUND)?;
    refused_as("retrieving from byte 7", ground.store.open_download(&missing, 7).await, NOT_FOUND)?;
    if ground.offers(Operation::RemoveFile) {
        refused_as("DELE of what is not there", ground.store.remove_file(&missing).await, NOT_FOUND)?;
    }
    if ground.offers(Operation::RemoveDirectory) {
        refused_as("RMD of what is not there", ground.store.remove_directory(&missing).await, NOT_FOUND)?;
    }
    if ground.offers(Operation::RenameFile) {
        refused_as("renaming what is not there", ground.store.rename(&missing, &other).await, NOT_FOUND)?;
    }
    let opened = ground.store.open_upload(&path("/missing/below"), Placement::Replace, None).await;
    let kinds = [StorageErrorKind::NotFound, StorageErrorKind::NameRefused];
    refused_as("an upload into no directory", opened, &kinds)?;
    ground.lists("/", &[], "after commands for what is not there").await
}

pub(super) async fn retrieving_starts_at_an_offset<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    let content = pattern(300_000, 1);
    ground.put("/file", &content).await?;
    for offset in [0, 1, 65_535, 65_536, 262_143, 262_144, 299_999, 300_000] {
        let opened = ground.store.open_download(&path("/file"), offset as u64).await;
        let mut download = granted(&format!("retrieving from byte {offset} of 300000"), opened)?;
        let read = granted("a read", read_all(&mut download, 50_000).await?)?;
        let wanted = content.get(offset..).unwrap_or_default();
        ensure!(read == wanted, "from byte {offset} of 300000 on, {} bytes came, or others", read.len());
        let behind = granted("a read behind the end", download.read(10).await)?;
        ensure!(behind.is_empty(), "{} bytes came behind the end", behind.len());
    }
    for offset in [300_001, u64::MAX] {
        let opened = ground.store.open_download(&path("/file"), offset).await;
        let what = format!("retrieving from byte {offset} of 300000");
        refused_as(&what, opened, &[StorageErrorKind::BadOffset])?;
    }
    Ok(())
}

pub(super) async fn a_download_keeps_what_it_opened_or_fails<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    // What fits into one read, and what does not.
    for length in [1000, 500_000] {
        let old = pattern(length, 1);
        ground.put("/file", &old).await?;
        let mut downloads = [
            ground.open_download("/file").await?,
            ground.open_download("/file").await?,
            ground.open_download("/file").await?,
        ];
        // A store may notice every change, so all of them have to have begun.
        let mut beginnings = Vec::new();
        for download in &mut downloads {
            beginnings.push(granted("a read of at most 10 bytes, at 0", download.read(10).await)?);
        }
        let changes = ["replaced", "renamed", "removed"];
        for ((download, first), change) in downloads.iter_mut().zip(beginnings).zip(changes) {
            match change {
                "replaced" => ground.put("/file", pattern(length, 2)).await?,
                "renamed" if ground.offers(Operation::RenameFile) => {
                    let renamed = ground.store.rename(&path("/file"), &path("/other")).await;
                    granted_unless_busy("renaming /file to /other", renamed)?;
                }
                "removed" if ground.offers(Operation::RemoveFile) => {
                    ground.put("/file", "short-lived").await?;
                    granted_unless_busy("DELE /file", ground.store.remove_file(&path("/file")).await)?;
                }
                _ => {}
            }
            // An error is a 4xx; the mistake is an end that comes too early, or somebody else's bytes.
            if let Ok(rest) = read_all(download, 65_536).await? {
                let is_old = [&first[..], &rest].concat() == old;
                ensure!(
                    is_old,
                    "of {length} bytes {} were read, the file was {change}, and reads of at most 65536 end well with {} \
                     more, which are others",
                    first.len(),
                    rest.len()
                );
            }
        }
    }
    Ok(())
}
