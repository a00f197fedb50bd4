//! How the names in a directory survive a power cut.

use std::{fs::File, io, sync::Arc};

use cap_std::fs::Dir;

use super::{
    options::Durability,
    system::{self, Syncable},
    temporary::Temporary,
};
use crate::storage::{StorageError, StorageErrorKind};

/// What a directory is synced by once its names have changed.
///
/// It is opened before they change: where that fails, because no file descriptor is left, nothing has happened yet.
#[derive(Debug)]
pub(super) enum DirectorySync {
    Unwanted,
    Directory(File),
    /// The server may not read the directory, so one of its files stands for the whole file system.
    Around(File),
}

impl DirectorySync {
    /// For a change of a name in a directory.
    pub(super) fn open(directory: &Arc<Dir>, durability: Durability) -> io::Result<Self> {
        // Who may change names may make files, too.
        let file = || Temporary::create(Arc::clone(directory))?.file().try_clone();
        Self::choose(directory, durability, file)
    }

    /// For an upload that is in that directory already.
    pub(super) fn beside(temporary: &Temporary, durability: Durability) -> io::Result<Self> {
        Self::choose(temporary.directory(), durability, || temporary.file().try_clone())
    }

    fn choose(
        directory: &Dir,
        durability: Durability,
        file: impl FnOnce() -> io::Result<File>,
    ) -> io::Result<Self> {
        if durability == Durability::Rename {
            return Ok(Self::Unwanted);
        }
        Ok(match system::open_to_sync(directory)? {
            Syncable::By(directory) => Self::Directory(directory),
            Syncable::Unreadable => Self::Around(file()?),
            Syncable::Never => Self::Unwanted,
        })
    }

    /// Syncs it. If that fails, the client reads `sentence`, which tells that the change is there.
    pub(super) fn sync(self, sentence: &'static str) -> Result<(), StorageError> {
        match self {
            Self::Unwanted => Ok(()),
            Self::Directory(directory) => system::sync_directory(&directory),
            Self::Around(file) => system::sync_around(&file),
        }
        .map_err(|error| StorageError::new(StorageErrorKind::Failed, sentence).with_source(error))
    }
}

#[cfg(unix)]
#[cfg(test)]
#[path = "../../../tests/stores/apart.rs"]
mod apart;

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use cap_std::ambient_authority;

    use super::*;

    #[test]
    fn a_drop_box_is_synced_around_and_nothing_is_left_in_it() {
        const TEST: &str = "adapters::stores::filesystem::directory_sync::tests::\
                            a_drop_box_is_synced_around_and_nothing_is_left_in_it";
        if apart::is_root() {
            return apart::as_nobody(TEST);
        }
        let folder = tempfile::tempdir().unwrap();
        let directory = Arc::new(Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap());
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o300)).unwrap();
        let opened = DirectorySync::open(&directory, Durability::Sync).unwrap();
        let temporary = Temporary::create(directory).unwrap();
        let beside = DirectorySync::beside(&temporary, Durability::Sync).unwrap();
        drop(temporary);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        for synced in [opened, beside] {
            assert!(matches!(synced, DirectorySync::Around(_)), "{synced:?}");
            synced.sync("It is not synced.").unwrap();
        }
    }
}
