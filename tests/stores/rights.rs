//! What `perm` says is what can be done. Several users, to whom the system lets different things, try it.

use std::{
    env, fs,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
};

use sansftp::{
    adapters::stores::{Durability, Filesystem},
    pathname::Pathname,
    storage::{AbortReason, Permissions, Placement, Right, Storage, Upload},
};

use crate::{apart, steps::*};

const FOLDER: &str = "SANSFTP_TEST_FOLDER";

const SERVER: u32 = 6001;
const GROUP: u32 = 4000;
const OTHER: u32 = 5001;

/// Owner, group and permission bits of directories in which entries are.
const PLACES: [(u32, u32, u32); 7] = [
    (SERVER, SERVER, 0o700),
    (SERVER, SERVER, 0o555),
    (OTHER, GROUP, 0o770),
    (OTHER, GROUP, 0o707),
    (OTHER, OTHER, 0o755),
    (OTHER, OTHER, 0o1777),
    (SERVER, OTHER, 0o1700),
];

/// Owner, group and permission bits of the entries.
const ENTRIES: [(u32, u32, u32); 11] = [
    (SERVER, SERVER, 0o700),
    (SERVER, SERVER, 0o577),
    (SERVER, SERVER, 0o277),
    (OTHER, GROUP, 0o700),
    (OTHER, GROUP, 0o750),
    (OTHER, GROUP, 0o707),
    (OTHER, OTHER, 0o705),
    (OTHER, OTHER, 0o777),
    (SERVER, SERVER, 0o477),
    (OTHER, OTHER, 0o744),
    (0, 0, 0o000),
];

/// With the options of `setpriv` that make them.
const SERVERS: [(u32, &[u32], &[&str]); 5] = [
    (SERVER, &[SERVER], &[]),
    (SERVER, &[SERVER, GROUP], &[]),
    (OTHER, &[GROUP], &[]),
    (0, &[0], &[]),
    // Root in many containers.
    (0, &[0, GROUP], &["--bounding-set=-all", "--inh-caps=-all"]),
];

#[test]
fn perm_tells_what_can_be_done() {
    const TEST: &str = "rights::perm_tells_what_can_be_done";
    if apart::is_child() {
        return tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(try_all());
    }
    if !apart::is_root() {
        return apart::skip(TEST, "only root can be all the users that it takes");
    }
    let programs = tempfile::tempdir().unwrap();
    let program = apart::program_for_all(programs.path());
    for (user, groups, options) in SERVERS {
        let folder = tempfile::tempdir().unwrap();
        for (number, place) in PLACES.iter().enumerate() {
            let directory = folder.path().join(number.to_string());
            fs::create_dir(&directory).unwrap();
            for (number, entry) in ENTRIES.iter().enumerate() {
                make_entries(&directory, number, *entry);
            }
            set_owner_and_mode(&directory, *place);
        }
        set_owner_and_mode(folder.path(), (0, 0, 0o755));
        let mut command = apart::as_somebody(user, groups);
        command.args(options).env(FOLDER, folder.path());
        apart::pass_as(command, &program, TEST);
    }
}

fn set_owner_and_mode(path: &Path, (owner, group, mode): (u32, u32, u32)) {
    chown(path, Some(owner), Some(group)).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A file, a directory with something in it, and an empty one.
fn make_entries(directory: &Path, number: usize, owner_and_mode: (u32, u32, u32)) {
    fs::write(directory.join(format!("file{number}")), "content").unwrap();
    fs::create_dir_all(directory.join(format!("full{number}/inner"))).unwrap();
    fs::create_dir(directory.join(format!("empty{number}"))).unwrap();
    for kind in ["file", "full", "empty"] {
        set_owner_and_mode(&directory.join(format!("{kind}{number}")), owner_and_mode);
    }
}

/// The part of the process that is somebody else.
async fn try_all() {
    let folder = env::var_os(FOLDER).unwrap();
    let store = Filesystem::open(folder).unwrap().with_durability(Durability::Rename);
    for place in 0..PLACES.len() {
        let place = path(place.to_string());
        // A server that may not look into the place cannot list it either.
        let Ok(mut listing) = store.list(&place).await else { continue };
        let listed = sansftp::storage::Listing::next_page(&mut listing).await.unwrap();
        for entry in listed {
            let name = place.join(&entry.name).unwrap();
            let Ok(metadata) = store.stat(&name).await else {
                assert_eq!(entry.metadata.permissions, Permissions::NONE);
                continue;
            };
            let permissions = metadata.permissions;
            assert_eq!(permissions, entry.metadata.permissions, "{name:?} in a listing and alone");
            for right in [
                Right::Append,
                Right::Store,
                Right::Retrieve,
                Right::List,
                Right::Enter,
                Right::Create,
                Right::MakeDirectory,
                Right::Purge,
                Right::Rename,
                Right::Delete,
            ] {
                if let Some(can) = can(&store, &name, right).await {
                    assert_eq!(permissions.has(right), can, "{right:?}: {permissions:?} of {name:?}");
                }
            }
        }
    }
}

/// Whether it can be done; `None` if this is nothing to do it with.
async fn can(store: &Filesystem, name: &Pathname, right: Right) -> Option<bool> {
    let is_file = name.name().unwrap().starts_with(b"file");
    let is_full = name.name().unwrap().starts_with(b"full");
    let inner = name.join(b"inner").unwrap();
    let new = name.join(b"new").unwrap();
    let is_done = match (right, is_file) {
        (Right::Append, true) => upload(store, name, Placement::Append).await,
        (Right::Store, true) => upload(store, name, Placement::Replace).await,
        (Right::Retrieve, true) => store.open_download(name, 0).await.is_ok(),
        (Right::List, false) => store.list(name).await.is_ok(),
        (Right::Enter, false) if is_full => store.stat(&inner).await.is_ok(),
        (Right::Create, false) => upload(store, &new, Placement::Replace).await,
        (Right::MakeDirectory, false) => store.make_directory(&new).await.is_ok(),
        (Right::Purge, false) => {
            let _ = store.remove_directory(&inner).await;
            store.remove_directory(&new).await.is_ok()
        }
        (Right::Rename, _) => {
            let other = path("/").join(b"renamed").unwrap();
            let other = name.parent().unwrap().join(other.name().unwrap()).unwrap();
            let is_renamed = store.rename(name, &other).await.is_ok();
            assert!(!is_renamed || store.rename(&other, name).await.is_ok());
            is_renamed
        }
        (Right::Delete, true) => store.remove_file(name).await.is_ok(),
        (Right::Delete, false) if !is_full => store.remove_directory(name).await.is_ok(),
        _ => return None,
    };
    Some(is_done)
}

async fn upload(store: &Filesystem, name: &Pathname, placement: Placement) -> bool {
    match store.open_upload(name, placement, None).await {
        Ok(opened) => {
            opened.upload.abort(AbortReason::ClientAborted).await;
            true
        }
        Err(_) => false,
    }
}

#[tokio::test]
async fn the_root_stays_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let permissions =
        Filesystem::open(folder.path()).unwrap().stat(&Pathname::root()).await.unwrap().permissions;
    assert!(!permissions.has(Right::Rename) && !permissions.has(Right::Delete), "{permissions:?}");
    assert!(permissions.has(Right::Enter) && permissions.has(Right::Create), "{permissions:?}");
}
