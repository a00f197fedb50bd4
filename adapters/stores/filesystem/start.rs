//! What stays of the present file when an upload continues it.

use core::ops::Range;
use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use cap_std::fs::Dir;

use super::{file_state::State, root::Root, system};
use crate::{
    pathname::Pathname,
    storage::{StorageError, StorageErrorKind},
};

/// The first bytes of a file, which stay. The file is open, so they are those of the file that had the name then, also if
/// another one has it meanwhile.
#[derive(Debug)]
pub(super) struct Start {
    file: File,
    length: u64,
    /// The entry of the directory, and what was opened: two things if the entry is a symbolic link.
    entry: State,
    content: State,
}

impl Start {
    /// Opens what is at `path`, whose entry was found to be `entry`; all of it stays if there is no `length`.
    pub(super) fn open(
        root: &Root,
        path: &Pathname,
        entry: State,
        length: Option<u64>,
    ) -> Result<Self, StorageError> {
        let (file, metadata) = root.open_file(path)?;
        let length = length.unwrap_or(metadata.len());
        match length <= metadata.len() {
            true => Ok(Self { file, length, entry, content: State::new(&metadata) }),
            false => Err(StorageErrorKind::BadOffset.into()),
        }
    }

    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// The file, if all of it stays and it is no symbolic link that led to it.
    pub(super) fn whole(&self) -> Option<State> {
        (self.length == self.content.size && self.entry == self.content).then_some(self.content)
    }

    /// Where its next bytes are that are not in a hole, from `from` on; `None` if there are no more.
    pub(super) fn next_data(&self, from: u64) -> io::Result<Option<Range<u64>>> {
        let data = system::next_data(&self.file, from)?.map(|data| data.start..data.end.min(self.length));
        Ok(data.filter(|data| !data.is_empty()))
    }

    /// Copies bytes to the same place of another file, by a handle that nobody else seeks with, and tells how many.
    ///
    /// The standard library lets the kernel do it (`copy_file_range`), which shares the bytes instead where the file
    /// system can.
    pub(super) fn copy(&self, bytes: &Range<u64>, mut to: &File) -> Result<u64, StorageError> {
        let mut from = &self.file;
        from.seek(SeekFrom::Start(bytes.start))?;
        to.seek(SeekFrom::Start(bytes.start))?;
        match io::copy(&mut from.take(bytes.end - bytes.start), &mut to)? {
            0 => Err(StorageErrorKind::Busy.into()),
            copied => Ok(copied),
        }
    }

    /// Fails if the file has become shorter than what was to stay.
    pub(super) fn refuse_if_cut(&self) -> Result<(), StorageError> {
        match self.file.metadata()?.len() < self.length {
            true => Err(StorageErrorKind::Busy.into()),
            false => Ok(()),
        }
    }

    /// Whether `name` still has this file, and the file is as it was.
    pub(super) fn is_unchanged(&self, directory: &Dir, name: &Path) -> io::Result<bool> {
        let entry = match directory.symlink_metadata(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            entry => State::new(&entry?),
        };
        Ok((entry, State::of(&self.file)?) == (self.entry, self.content))
    }
}
