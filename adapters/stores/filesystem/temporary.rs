//! Where the bytes of an upload wait until it is finished.

use std::{fs::File, io, path::Path, string::String, sync::Arc};

use cap_std::fs::{Dir, OpenOptions};

use super::{
    super::hidden_name::temporary_name,
    file_state::State,
    system::{self, Lock},
};

/// How often to look for a name that nothing has. Names are random, so the second one is as good as never needed.
const ATTEMPTS_LIMIT: usize = 16;

/// A hidden file beside the one that it is to become. Dropping it removes it, which blocks.
///
/// It is locked (`flock`) from its first moment on. That is how [leftovers](super::leftovers) of a process that was
/// killed are told from the files of one that lives: the system takes the lock from the dead.
#[derive(Debug)]
pub(super) struct Temporary {
    directory: Arc<Dir>,
    name: String,
    file: File,
    names: Names,
}

/// Which names the file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    Hidden,
    /// The one of the part that it is, too.
    HiddenAndOwn,
    Own,
}

impl Temporary {
    /// Makes an empty one, with the permissions of any new file.
    pub(super) fn create(directory: Arc<Dir>) -> io::Result<Self> {
        Self::create_with(directory, OpenOptions::new().write(true).create_new(true))
    }

    /// Makes an empty one that only the server may use.
    pub(super) fn create_private(directory: Arc<Dir>) -> io::Result<Self> {
        Self::create_with(directory, system::only_mine(OpenOptions::new().write(true).create_new(true)))
    }

    fn create_with(directory: Arc<Dir>, options: &OpenOptions) -> io::Result<Self> {
        for _ in 0..ATTEMPTS_LIMIT {
            let name = temporary_name();
            match directory.open_with(&name, options) {
                Ok(file) => {
                    let file = file.into_std();
                    let temporary =
                        Self { directory: Arc::clone(&directory), name, file, names: Names::Hidden };
                    // Between its creation and its lock it may look like a leftover, and be removed as one.
                    if system::lock(&temporary.file)? != Lock::Lost {
                        return Ok(temporary);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    /// Gives the part of a file that `name` has a second, hidden name; `None` if it is not as it was left, or if somebody
    /// else uses it.
    pub(super) fn of_part(directory: Arc<Dir>, name: &Path, part: State) -> io::Result<Option<Self>> {
        let opened = directory.open_with(name, system::never_follow(OpenOptions::new().write(true)))?;
        let is_alone = system::unix_attributes(&opened.metadata()?).is_some_and(|unix| unix.links == 1);
        let file = opened.into_std();
        if !is_alone || State::of(&file)? != part || system::lock(&file)? == Lock::Lost {
            return Ok(None);
        }
        let hidden = temporary_name();
        directory.hard_link(name, &directory, &hidden)?;
        let temporary = Self { directory, name: hidden, file, names: Names::HiddenAndOwn };
        // Between the two steps the name may have become another file's.
        Ok(temporary.is_named(Path::new(&temporary.name))?.then_some(temporary))
    }

    /// Whether it is a part that has the name `target`, too.
    pub(super) fn is_named(&self, target: &Path) -> io::Result<bool> {
        if self.names != Names::HiddenAndOwn {
            return Ok(false);
        }
        match self.directory.symlink_metadata(target) {
            Ok(present) => Ok(State::new(&present).unique == State::of(&self.file)?.unique),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    /// Another handle of it, for one that seeks.
    pub(super) fn seekable(&self) -> io::Result<File> {
        system::seekable(&self.directory, Path::new(&self.name), &self.file)
    }

    pub(super) fn directory(&self) -> &Dir {
        &self.directory
    }

    /// Gives it the name `target`, in place of another file that has that name.
    pub(super) fn replace(&mut self, target: &Path) -> io::Result<()> {
        self.directory.rename(&self.name, &self.directory, target)?;
        self.names = Names::Own;
        Ok(())
    }

    /// Gives it the name `target`, unless something has that name.
    pub(super) fn place(&mut self, target: &Path) -> io::Result<()> {
        system::rename_to_new(&self.directory, Path::new(&self.name), target)?;
        self.names = Names::Own;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if self.names == Names::Own {
            return;
        }
        match self.directory.remove_file(&self.name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(name = self.name, %error, "a temporary file stays until the store is opened again");
            }
            _ => {}
        }
    }
}
