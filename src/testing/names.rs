//! Names that a store may take for something else.

use alloc::{format, vec::Vec};

use super::{
    breach::{Outcome, ensure},
    ground::{Ground, granted, text, write},
};
use crate::{
    pathname::Pathname,
    storage::{Placement, Storage, StorageErrorKind, Upload as _},
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
    put_each(ground, names.into_iter()).await
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
        let shown = text(name);
        let path = Pathname::root().join(name).map_err(|error| format!("{shown:?}: {error}"))?;
        match ground.store.open_upload(&path, Placement::Replace, None).await {
            Err(error) => {
                let kind = error.kind();
                ensure!(kind == StorageErrorKind::NameRefused, "the name {shown:?} was refused as {kind:?}");
            }
            Ok(mut opened) => {
                ensure!(opened.pathname == path, "an upload to {shown:?} goes to {:?}", opened.pathname);
                write(&mut opened.upload, name).await?;
                granted(&format!("the finish of {shown:?}"), opened.upload.finish().await)?;
                kept.push((name.to_vec(), path));
            }
        }
    }
    let listed: Vec<_> = ground.entries("/").await?.into_keys().collect();
    for (name, path) in &kept {
        let read = granted(&format!("retrieving {:?}", text(name)), ground.read(path).await?)?;
        ensure!(read == *name, "the file {:?} has the content of another one", text(name));
        ensure!(listed.contains(name), "{:?} was stored, and the listing does not have it", text(name));
    }
    ensure!(listed.len() == kept.len(), "{} files were stored, and {} are listed", kept.len(), listed.len());
    Ok(())
}
