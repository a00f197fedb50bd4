//! The operations on names, as they run in the blocking pool.

use std::{
    fs::File,
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use cap_std::{
    ambient_authority,
    fs::{Dir, Metadata as SystemMetadata, OpenOptions},
};

use super::{
    super::mode::refuse_special_bits,
    credentials::Credentials,
    directory_sync::DirectorySync,
    leftovers::{self, Remains},
    likeness::Likeness,
    names::{existing, new_name},
    options::{Durability, Links, OnAbort},
    parts::Parts,
    rights::{Access, Surroundings},
    system,
};
use crate::{
    adapters::blocking_pool::BlockingPool,
    pathname::Pathname,
    storage::{EntryKind, Metadata, Right, StorageError, StorageErrorKind},
    time_value::TimeValue,
};

/// The directory that is the store's `/`, and how the store treats it.
#[derive(Debug, Clone)]
pub(super) struct Root {
    pub(super) directory: Arc<Dir>,
    pub(super) pool: BlockingPool,
    pub(super) durability: Durability,
    pub(super) on_abort: OnAbort,
    pub(super) access: Access,
    pub(super) links: Links,
    /// Held by whatever takes a name, or takes it away.
    pub(super) turn: Arc<Mutex<()>>,
    pub(super) parts: Arc<Parts>,
    /// Asked for when they are first wanted, which is after a program has become another user.
    pub(super) credentials: Arc<OnceLock<Credentials>>,
}

impl Root {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let directory = Arc::new(Dir::open_ambient_dir(path, ambient_authority())?);
        Ok(Self {
            directory,
            pool: BlockingPool::shared(),
            durability: Durability::default(),
            on_abort: OnAbort::default(),
            access: Access::ReadWrite,
            links: Links::default(),
            turn: Arc::default(),
            parts: Arc::default(),
            credentials: Arc::default(),
        })
    }

    pub(super) fn stat(&self, path: &Pathname) -> Result<Metadata, StorageError> {
        let real = self.resolve_link(path)?;
        let described = self.stat_real(&real)?;
        if real.is_root() {
            // It stays where it is.
            return Ok(with_moves(described, false));
        }
        match real == *path {
            true => Ok(described),
            false => {
                let (parent, name) = self.parent_and_name(path)?;
                let may_move =
                    self.surroundings(&parent)?.may_move(&parent.symlink_metadata(name)?, self.credentials());
                Ok(with_moves(described, may_move))
            }
        }
    }

    /// What the directory at `path` is known again by.
    pub(super) fn unique(&self, path: &Pathname) -> Option<(u64, u64)> {
        system::unique(&self.directory.metadata(existing(path).ok()?).ok()?)
    }

    /// What is at `path`, which is no symbolic link.
    fn stat_real(&self, path: &Pathname) -> Result<Metadata, StorageError> {
        let relative = existing(path)?;
        let metadata = self.directory.metadata(relative)?;
        let parent = self.parent(path)?;
        let rights = system::rights(&parent, relative.file_name().map_or(Path::new("."), Path::new));
        Ok(self.describe(&metadata, rights, self.surroundings(&parent)?))
    }

    pub(super) fn credentials(&self) -> &Credentials {
        self.credentials.get_or_init(Credentials::of_process)
    }

    pub(super) fn surroundings(&self, directory: &Dir) -> io::Result<Surroundings> {
        Surroundings::of(directory, self.access, self.credentials())
    }

    pub(super) fn make_directory(&self, path: &Pathname) -> Result<(), StorageError> {
        self.refuse_if_read_only()?;
        let name = new_name(path.name().ok_or(StorageErrorKind::AlreadyExists)?)?;
        let parent = self.parent(path)?;
        let synced = DirectorySync::open(&parent, self.durability)?;
        parent.create_dir(name)?;
        synced.sync("The directory is there, but might not survive a power cut.")
    }

    pub(super) fn remove_directory(&self, path: &Pathname) -> Result<(), StorageError> {
        self.refuse_if_read_only()?;
        let (parent, name) = self.parent_and_name(path)?;
        match parent.remove_dir(name) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                // Clients do not see temporary files, so those of a dead process must not keep the directory.
                match leftovers::remove(&parent.open_dir(name)?)? {
                    Remains::Entries => Err(error.into()),
                    Remains::Uploads => Err(StorageError::new(
                        StorageErrorKind::Busy,
                        "A file is being stored in that directory; try again later.",
                    )),
                    Remains::Nothing => Ok(parent.remove_dir(name)?),
                }
            }
            done => Ok(done?),
        }
    }

    pub(super) fn remove_file(&self, path: &Pathname) -> Result<(), StorageError> {
        self.refuse_if_read_only()?;
        if path.is_root() {
            return Err(StorageErrorKind::IsADirectory.into());
        }
        let (parent, name) = self.parent_and_name(path)?;
        let _turn = self.take_turn();
        parent.remove_file(name).map_err(|error| match parent.symlink_metadata(name) {
            // POSIX lets a system say "not permitted" here.
            Ok(present) if present.is_dir() => StorageErrorKind::IsADirectory.into(),
            _ => error.into(),
        })
    }

    pub(super) fn rename(&self, from: &Pathname, to: &Pathname) -> Result<(), StorageError> {
        const UNSYNCED: &str = "It has its new name, but might have the old one again after a power cut.";
        self.refuse_if_read_only()?;
        let (from_parent, from_name) = self.parent_and_name(from)?;
        let from_unique = system::unique(&from_parent.symlink_metadata(from_name)?);
        let to_name = new_name(to.name().ok_or(StorageErrorKind::AlreadyExists)?)?;
        let to_parent = self.parent(to)?;
        let synced = DirectorySync::open(&to_parent, self.durability)?;
        let also_synced = match from.parent() == to.parent() {
            true => None,
            false => Some(DirectorySync::open(&from_parent, self.durability)?),
        };
        let turn = self.take_turn();
        if self.parts.is_continued(from_unique) {
            // Under its new name it would become what is stored under the old one.
            let sentence = "An upload is just continuing that file; try again later.";
            return Err(StorageError::new(StorageErrorKind::Busy, sentence));
        }
        match to_parent.symlink_metadata(to_name) {
            Ok(present) if present.is_dir() => return Err(StorageErrorKind::AlreadyExists.into()),
            Ok(present) if !present.is_file() && !present.is_symlink() => {
                return Err(StorageErrorKind::NotAFile.into());
            }
            Ok(present) if present.is_file() => {
                let moved = Likeness::of(&from_parent, from_name)?;
                let replaced = Likeness::of(&to_parent, to_name)?;
                let narrowed =
                    moved.as_ref().zip(replaced.as_ref()).and_then(|(it, other)| it.narrow_to(other));
                let renamed = from_parent.rename(from_name, &to_parent, to_name);
                if let (Err(_), Some(narrowed)) = (&renamed, narrowed) {
                    narrowed.undo();
                }
                renamed?;
            }
            _ => from_parent.rename(from_name, &to_parent, to_name)?,
        }
        drop(turn);
        synced.sync(UNSYNCED)?;
        also_synced.map_or(Ok(()), |directory| directory.sync(UNSYNCED))
    }

    pub(super) fn set_modified(&self, path: &Pathname, modified: TimeValue) -> Result<(), StorageError> {
        Ok(system::set_modified(&self.open_for_attributes(path)?, modified)?)
    }

    pub(super) fn set_mode(&self, path: &Pathname, mode: u32) -> Result<(), StorageError> {
        refuse_special_bits(mode)?;
        Ok(system::set_mode(&self.open_for_attributes(path)?, mode)?)
    }

    pub(super) fn available(&self, path: &Pathname) -> Result<u64, StorageError> {
        let directory = self.directory.open_dir(existing(path)?)?;
        match self.access {
            Access::ReadOnly => Ok(0),
            Access::ReadWrite => Ok(system::available(&directory)?.ok_or(StorageErrorKind::Unsupported)?),
        }
    }

    /// Opens a regular file to be read, and tells what it is.
    pub(super) fn open_file(&self, path: &Pathname) -> Result<(File, SystemMetadata), StorageError> {
        let mut options = OpenOptions::new();
        let file = self.directory.open_with(existing(path)?, system::never_wait(options.read(true)))?;
        // What is open is looked at, not what has the name: that may be something else by now.
        let metadata = file.metadata()?;
        refuse_unless_file(&metadata)?;
        Ok((file.into_std(), metadata))
    }

    /// Opens the directory that `path` is in. An upload goes on in it even if it is renamed.
    pub(super) fn parent(&self, path: &Pathname) -> Result<Arc<Dir>, StorageError> {
        match path.parent() {
            Some(parent) if !parent.is_root() => Ok(Arc::new(self.directory.open_dir(existing(&parent)?)?)),
            _ => Ok(Arc::clone(&self.directory)),
        }
    }

    /// The pathname of what `path` leads to, if that is a symbolic link to something that is there; else `path` itself.
    pub(super) fn resolve_link(&self, path: &Pathname) -> Result<Pathname, StorageError> {
        let Ok(relative) = existing(path) else { return Ok(path.clone()) };
        if !self.directory.symlink_metadata(relative).is_ok_and(|entry| entry.is_symlink()) {
            return Ok(path.clone());
        }
        match self.directory.canonicalize(relative) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.clone()),
            real => system::name_bytes(real?.into_os_string())
                .and_then(|real| Pathname::root().resolve(&real).ok())
                .ok_or_else(|| StorageErrorKind::NameRefused.into()),
        }
    }

    /// Whether there is a file where a client stores one, and `entry` was found; an error if it cannot be replaced.
    ///
    /// A symbolic link that leads nowhere is replaced itself.
    pub(super) fn is_replaceable(
        &self,
        path: &Pathname,
        parent: &Dir,
        name: &Path,
        entry: io::Result<SystemMetadata>,
    ) -> Result<bool, StorageError> {
        let present = match entry {
            Ok(link) if link.is_symlink() => self.directory.metadata(existing(path)?),
            present => present,
        };
        let present = match present {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            present => present?,
        };
        refuse_unless_file(&present)?;
        // What takes the place of the file at the end would else come in vain.
        let may_move = self.surroundings(parent)?.may_move(&present, self.credentials());
        if !may_move || !system::may_write(parent, name) {
            return Err(StorageErrorKind::PermissionDenied.into());
        }
        Ok(true)
    }

    pub(super) fn refuse_if_read_only(&self) -> Result<(), StorageError> {
        match self.access {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => Err(StorageError::new(
                StorageErrorKind::PermissionDenied,
                "Permission denied: you may only read here.",
            )),
        }
    }

    /// What clients are told of an entry, of which the server has these rights to read (4), write (2) and execute (1).
    pub(super) fn describe(&self, metadata: &SystemMetadata, rights: u32, around: Surroundings) -> Metadata {
        let kind = kind(metadata);
        Metadata {
            kind,
            size: if matches!(kind, EntryKind::File | EntryKind::Directory) { metadata.len() } else { 0 },
            modified: system::modified(metadata),
            permissions: around.permissions(kind, rights, metadata, self.credentials()),
            unix: system::unix_attributes(metadata),
            unique: system::unique(metadata),
        }
    }

    /// The parent and the name of something that is there and is not the root.
    fn parent_and_name<'a>(&self, path: &'a Pathname) -> Result<(Arc<Dir>, &'a Path), StorageError> {
        let name = existing(path)?.file_name().map(Path::new).ok_or_else(|| {
            StorageError::new(
                StorageErrorKind::PermissionDenied,
                "Permission denied: the root directory stays where it is.",
            )
        })?;
        Ok((self.parent(path)?, name))
    }

    fn open_for_attributes(&self, path: &Pathname) -> Result<File, StorageError> {
        self.refuse_if_read_only()?;
        let path = existing(path)?;
        let mut options = OpenOptions::new();
        let file = match self.directory.open_with(path, system::for_attributes(&mut options)) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                system::open_unreadable(&self.directory, path)?
            }
            opened => opened?,
        };
        match kind(&file.metadata()?) {
            EntryKind::File | EntryKind::Directory => Ok(file.into_std()),
            EntryKind::Symlink | EntryKind::Other => Err(StorageErrorKind::NotAFile.into()),
        }
    }

    /// An upload that appends looks what has the name and then takes it; nothing of this store comes in between.
    pub(super) fn take_turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn kind(metadata: &SystemMetadata) -> EntryKind {
    match metadata.file_type() {
        file_type if file_type.is_file() => EntryKind::File,
        file_type if file_type.is_dir() => EntryKind::Directory,
        file_type if file_type.is_symlink() => EntryKind::Symlink,
        _ => EntryKind::Other,
    }
}

/// With whether it may be renamed and removed. A symbolic link to a directory is removed by `DELE`, and no directory is.
fn with_moves(metadata: Metadata, may_move: bool) -> Metadata {
    let may_remove = may_move && metadata.kind != EntryKind::Directory;
    let permissions = metadata.permissions.with(Right::Rename, may_move).with(Right::Delete, may_remove);
    Metadata { permissions, ..metadata }
}

fn refuse_unless_file(metadata: &SystemMetadata) -> Result<(), StorageError> {
    match metadata.file_type() {
        file_type if file_type.is_file() => Ok(()),
        file_type if file_type.is_dir() => Err(StorageErrorKind::IsADirectory.into()),
        _ => Err(StorageErrorKind::NotAFile.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, thread, time::Duration};

    use super::*;

    /// What comes between the look of an upload that appends and its rename would be undone.
    #[test]
    fn what_changes_a_name_waits_while_an_upload_takes_it() {
        for is_removed in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("file");
            fs::write(&file, "content").unwrap();
            let root = Root::open(folder.path()).unwrap();
            let turn = Arc::clone(&root.turn);
            let held = turn.lock().unwrap();
            let path = |name: &[u8]| Pathname::root().join(name).unwrap();
            let changing = thread::spawn(move || match is_removed {
                true => root.remove_file(&path(b"file")),
                false => root.rename(&path(b"file"), &path(b"other")),
            });
            thread::sleep(Duration::from_millis(100));
            assert!(file.exists());
            drop(held);
            changing.join().unwrap().unwrap();
            assert!(!file.exists());
        }
    }
}
