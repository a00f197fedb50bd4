//! Names that a store may take for something else.

use alloc::{format, vec::Vec};

use super::{
    breach::{Outcome, ensure},
    ground::{Ground, granted, path, show, write},
    operation::Operation,
};
use crate::{
    pathname::Pathname,
    storage::{Placement, Storage, StorageError, StorageErrorKind, Upload as _},
};

pub(super) async fn names_come_back_or_are_refused<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    let names: [&[u8]; 22] = [
        b" ",
        b" a",
        b"a ",
        b"-la",
        b"...",
        b"~",
        b".hidden",
        b"a\"b",
        b"a\\b",
        b"*?[x]",
        b"a:b",
        b"a|b>c",
        b"$HOME",
        b"%41",
        b"a+b&c=d#e;f",
        b"\x1b[2J",
        b"a\x7f",
        b"a\tb",
        b"NUL.txt",
        b"\xff\xfe not UTF-8 \x80",
        "\u{e4}".as_bytes(),
        "\u{1f600}".as_bytes(),
    ];
    put_each(ground, names.into_iter()).await?;
    make_and_rename_each(ground, names.into_iter()).await
}

pub(super) async fn long_names_come_back_or_are_refused<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    // They differ at their ends only: it shows if they are cut off.
    let names: Vec<_> =
        [100, 255, 256, 1000, 4000].map(|length| format!("{}{length:04}", "n".repeat(length - 4))).into();
    put_each(ground, names.iter().map(|name| name.as_bytes())).await
}

/// Stores a file under each name. One that the store accepts has to be found under it, and no other one.
async fn put_each<'n, S: Storage>(ground: &Ground<'_, S>, names: impl Iterator<Item = &'n [u8]>) -> Outcome {
    let mut kept = Vec::new();
    for name in names {
        let shown = show(name);
        let path = Pathname::root().join(name).map_err(|error| format!("{shown}: {error}"))?;
        match ground.store.open_upload(&path, Placement::Replace, None).await {
            Err(error) => require_name_refused(&shown, &error)?,
            Ok(mut opened) => {
                let to = opened.pathname;
                ensure!(to == path, "an upload to {shown} goes to {}", show(to.as_bytes()));
                write(&mut opened.upload, name).await?;
                granted(&format!("the finish of {shown}"), opened.upload.finish().await)?;
                kept.push((name.to_vec(), path));
            }
        }
    }
    let listed: Vec<_> = ground.entries("/").await?.into_keys().collect();
    for (name, path) in &kept {
        let shown = show(name);
        let read = granted(&format!("retrieving {shown}"), ground.read(path).await?)?;
        ensure!(read == *name, "the file {shown} has the content of another one");
        ensure!(listed.contains(name), "{shown} was stored, and the listing does not have it");
    }
    ensure!(listed.len() == kept.len(), "{} files were stored, and {} are listed", kept.len(), listed.len());
    Ok(())
}

/// Makes a directory of each name, and moves a file to it there.
async fn make_and_rename_each<'n, S: Storage>(
    ground: &Ground<'_, S>,
    names: impl Iterator<Item = &'n [u8]>,
) -> Outcome {
    if !ground.offers(Operation::MakeDirectory) {
        return Ok(());
    }
    ground.make("/directory").await?;
    let (directory, from) = (path("/directory"), path("/file"));
    let mut kept = Vec::new();
    for name in names {
        let shown = show(name);
        let made = directory.join(name).map_err(|error| format!("{shown}: {error}"))?;
        if let Err(error) = ground.store.make_directory(&made).await {
            require_name_refused(&shown, &error)?;
            continue;
        }
        kept.push(name);
        if ground.offers(Operation::RenameFile) {
            ground.put("/file", name).await?;
            let file = made.join(name).map_err(|error| format!("{shown}: {error}"))?;
            granted(&format!("renaming /file to {shown}"), ground.store.rename(&from, &file).await)?;
            let read = granted(&format!("retrieving {shown}"), ground.read(&file).await?)?;
            ensure!(read == name, "the file that was renamed to {shown} has another content");
        }
    }
    let listed = ground.entries("/directory").await?;
    for name in kept {
        ensure!(listed.contains_key(name), "after MKD {} the listing does not have it", show(name));
    }
    Ok(())
}

fn require_name_refused(shown: &str, error: &StorageError) -> Outcome {
    let kind = error.kind();
    ensure!(kind == StorageErrorKind::NameRefused, "the name {shown} was refused as {kind:?}");
    Ok(())
}
