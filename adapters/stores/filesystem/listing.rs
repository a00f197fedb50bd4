//! Directories that are listed.

use std::{io, iter, vec::Vec};

use bytes::Bytes;
use cap_std::fs::{DirEntry, ReadDir};

use super::{
    super::hidden_name::is_hidden, names, options::Links, pooled::Pooled, rights::Surroundings, root::Root,
    system,
};
use crate::{
    pathname::Pathname,
    storage::{Entry, EntryKind, Link, Listing, Metadata, Permissions, StorageError},
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
    path: Pathname,
    directory: ReadDir,
    around: Surroundings,
    /// What is known again of the directories on the way to this one, and of this one, once a link asks for it.
    way: Option<Vec<(u64, u64)>>,
}

impl FilesystemListing {
    pub(super) fn open(root: &Root, path: &Pathname) -> Result<Self, StorageError> {
        let relative = names::existing(path)?;
        let directory = root.directory.read_dir(relative)?;
        let around = root.surroundings(&root.directory.open_dir(relative)?)?;
        let (entries, first) =
            Entries { root: root.clone(), path: path.clone(), directory, around, way: None }.next_page();
        Ok(Self { first: Some(first?), entries: Pooled::new(&root.pool, entries) })
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
    fn describe(&mut self, entry: &DirEntry) -> io::Result<Option<Entry>> {
        let Some(name) = system::name_bytes(entry.file_name()) else { return Ok(None) };
        if is_hidden(&name) {
            return Ok(None);
        }
        match entry.metadata() {
            Ok(metadata) if metadata.is_symlink() && self.root.links == Links::Hide => Ok(None),
            Ok(metadata) => {
                let rights = self.root.credentials().bits(&metadata);
                let described = self.root.describe(&metadata, rights, self.around);
                match described.kind {
                    EntryKind::Symlink => Ok(Some(self.describe_link(name, described))),
                    _ => Ok(Some(Entry::new(name, described))),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            // A server that was mounted there and is gone, say, must not hide the other entries.
            Err(_) => Ok(Some(Entry::new(name, unknown(entry)))),
        }
    }

    /// What is told of a symbolic link. What it says is for clients only if it leads to something inside: it is relative
    /// then, and no segment of it was outside.
    fn describe_link(&mut self, name: Bytes, of_link: Metadata) -> Entry {
        let followed = self.path.join(&name).ok().and_then(|path| {
            let metadata = self.root.stat(&path).ok()?;
            let target = self.root.directory.read_link_contents(names::existing(&path).ok()?).ok()?;
            let target = target.is_relative().then(|| system::name_bytes(target.into_os_string()))??;
            Some((metadata, Link { target, modified: of_link.modified, unix: of_link.unix }))
        });
        let Some((metadata, link)) = followed else { return Entry::new(name, of_link) };
        let is_shown_as_link = self.root.links == Links::Show || self.is_on_the_way(&metadata);
        Entry { name, metadata: if is_shown_as_link { of_link } else { metadata }, link: Some(link) }
    }

    /// Whether it is a directory that a client has come through to this one by the pathname that it uses.
    ///
    /// A walk through links that never ends would have to come to some link for the second time by a pathname that leads
    /// through what the link leads to. There it ends.
    fn is_on_the_way(&mut self, metadata: &Metadata) -> bool {
        if metadata.kind != EntryKind::Directory {
            return false;
        }
        // Where directories are not known again, none that a link leads to is shown as one.
        let Some(unique) = metadata.unique else { return true };
        let way = self.way.get_or_insert_with(|| {
            let parents = iter::successors(Some(self.path.clone()), Pathname::parent);
            parents.filter_map(|parent| self.root.unique(&parent)).collect()
        });
        way.contains(&unique)
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
