//! Directories that are listed.

use std::{io, vec::Vec};

use cap_std::fs::{DirEntry, ReadDir};

use super::{super::hidden_name::is_hidden, names, pooled::Pooled, rights::Surroundings, root::Root, system};
use crate::{
    pathname::Pathname,
    storage::{Entry, EntryKind, Listing, Metadata, Permissions, StorageError},
};

/// Entries that are looked up in one go.
const PAGE_SIZE: usize = 256;

type Page = Result<Vec<Entry>, StorageError>;

/// A directory of a [`Filesystem`](super::Filesystem) that is being listed.
///
/// Entries come in the order that the file system has them in, in pages of 256, of which one is in memory, however
/// many there are. A page is one call in the blocking pool, the first one along with opening the directory. An entry
/// that appears or goes meanwhile may be listed or not.
#[derive(Debug)]
pub struct FilesystemListing {
    first: Option<Vec<Entry>>,
    entries: Pooled<Entries, Page>,
}

#[derive(Debug)]
struct Entries {
    root: Root,
    directory: ReadDir,
    around: Surroundings,
}

impl FilesystemListing {
    pub(super) fn open(root: &Root, path: &Pathname) -> Result<Self, StorageError> {
        let relative = names::existing(path)?;
        let directory = root.directory.read_dir(relative)?;
        let around = root.surroundings(&root.directory.open_dir(relative)?)?;
        let (entries, first) = Entries { root: root.clone(), directory, around }.next_page();
        Ok(Self { first: Some(first?), entries: entries.map_or_else(Pooled::closed, Pooled::new) })
    }
}

impl Entries {
    /// The next page, and the rest if there may be more.
    fn next_page(mut self) -> (Option<Self>, Page) {
        let mut page = Vec::new();
        while page.len() < PAGE_SIZE {
            match self.directory.next().map(|entry| entry.and_then(|entry| self.describe(&entry))) {
                Some(Ok(Some(entry))) => page.push(entry),
                Some(Ok(None)) => {}
                Some(Err(error)) => return (None, Err(error.into())),
                None => return (None, Ok(page)),
            }
        }
        (Some(self), Ok(page))
    }

    /// What is told of an entry; `None` if it is hidden or gone.
    fn describe(&self, entry: &DirEntry) -> io::Result<Option<Entry>> {
        let Some(name) = system::name_bytes(entry.file_name()) else { return Ok(None) };
        if is_hidden(&name) {
            return Ok(None);
        }
        match entry.metadata() {
            Ok(metadata) => {
                let rights = self.root.credentials().bits(&metadata);
                Ok(Some(Entry { name, metadata: self.root.describe(&metadata, rights, self.around) }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            // A server that was mounted there and is gone, say, must not hide the other entries.
            Err(_) => Ok(Some(Entry { name, metadata: unknown(entry) })),
        }
    }
}

fn unknown(entry: &DirEntry) -> Metadata {
    let kind = match entry.file_type() {
        Ok(file_type) if file_type.is_dir() => EntryKind::Directory,
        Ok(file_type) if file_type.is_file() => EntryKind::File,
        Ok(file_type) if file_type.is_symlink() => EntryKind::Symlink,
        _ => EntryKind::Other,
    };
    Metadata { kind, size: 0, modified: None, permissions: Permissions::NONE, unix: None, unique: None }
}

impl Listing for FilesystemListing {
    async fn next_page(&mut self) -> Page {
        if let Some(first) = self.first.take() {
            return Ok(first);
        }
        let settled = self.entries.settle().await;
        let page = match settled {
            Some(page) => Some(page),
            None => self.entries.run(Entries::next_page).await,
        };
        page.unwrap_or(Ok(Vec::new()))
    }
}
