//! Listings.

use alloc::{boxed::Box, format, string::String, vec::Vec};

use super::{
    breach::{Outcome, ensure},
    ground::{Ground, granted, path},
    operation::Operation,
    together::{Step, all},
};
use crate::{
    storage::{EntryKind, Storage},
    time_value::TimeValue,
};

pub(super) async fn a_listing_has_each_entry_once<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    // More than one page of many services. At the same time, for those that take long for each.
    let names: Vec<String> = (0..130).map(|number| format!("file {number:03}")).collect();
    for names in names.chunks(20) {
        let put = |name: &String| {
            let name = format!("/{name}");
            Box::pin(async move { ground.put(&name, "").await }) as Step<'_>
        };
        all(names.iter().map(put)).await?;
    }
    let names: Vec<&str> = names.iter().map(|name| &name[..]).collect();
    ground.lists("/", &names, "after 130 uploads").await
}

pub(super) async fn a_listing_tells_what_stat_tells<S: Storage>(ground: &Ground<'_, S>) -> Outcome {
    ground.put("/file", "content").await?;
    ground.put("/other", "others").await?;
    let mut wanted = [("file", EntryKind::File, 7), ("other", EntryKind::File, 6)].to_vec();
    if ground.offers(Operation::MakeDirectory) {
        ground.make("/directory").await?;
        wanted.push(("directory", EntryKind::Directory, 0));
    }
    let entries = ground.entries("/").await?;
    let mut identities = Vec::new();
    for (name, kind, size) in wanted {
        let stat = granted(&format!("asking what {name} is"), ground.store.stat(&path(name)).await)?;
        let listed = entries.get(name.as_bytes()).map(|entry| &entry.metadata);
        let Some(listed) = listed else { return Err(format!("the listing does not have {name}")) };
        for (metadata, by) in [(&stat, "stat"), (listed, "the listing")] {
            ensure!(metadata.kind == kind, "{name} is {kind:?}, and by {by} {:?}", metadata.kind);
            let has_size = kind == EntryKind::Directory || metadata.size == size;
            ensure!(has_size, "{name} has {size} bytes, and by {by} {}", metadata.size);
            let is_recent = metadata.modified.is_none_or(|modified| modified > LONG_AGO);
            ensure!(is_recent, "{name} was just stored, and by {by} at {:?}", metadata.modified);
        }
        ensure!(
            (stat.permissions, stat.unix) == (listed.permissions, listed.unix),
            "by stat {name} has {:?} and {:?}, and by the listing {:?} and {:?}",
            stat.permissions,
            stat.unix,
            listed.permissions,
            listed.unix
        );
        // Some services tell fractions of seconds in one place only.
        let seconds = |modified: Option<TimeValue>| modified.map(TimeValue::unix_seconds);
        ensure!(
            seconds(stat.modified) == seconds(listed.modified),
            "{name} was modified at {:?} by stat, and at {:?} by the listing",
            stat.modified,
            listed.modified
        );
        ensure!(
            stat.unique == listed.unique,
            "the unique fact of {name} differs between stat and the listing"
        );
        ensure!(
            stat.unique.is_none() || !identities.contains(&stat.unique),
            "{name} has the same unique fact as another file"
        );
        identities.push(stat.unique);
    }
    Ok(())
}

/// No store has been used so long ago. A clock that is a little wrong does not matter.
const LONG_AGO: TimeValue = TimeValue::from_unix(1_600_000_000, 0);
