//! Names and what they stand for.

use core::ops::Bound;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::UNIX_EPOCH,
    vec::Vec,
};

use bytes::Bytes;

use super::{
    super::unique_name::NAME_LIMIT,
    content::Content,
    space::{Reservation, Space},
};
use crate::{
    pathname::Pathname,
    storage::{
        Entry, EntryKind, Metadata, Permissions, StorageError,
        StorageErrorKind::{
            self, AlreadyExists, Busy, IsADirectory, NameRefused, NotADirectory, NotEmpty, NotFound,
            PermissionDenied,
        },
        UnixAttributes,
    },
    time_value::TimeValue,
};

/// What an entry takes of the room beside its content: about what the longest name and the maps need.
const ENTRY_COST: u64 = 512;
const FILE_MODE: u32 = 0o644;
const DIRECTORY_MODE: u32 = 0o755;
const ROOT: NodeId = NodeId(0);

/// Stays with a file or directory when it is renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct NodeId(u64);

/// All files and directories. A directory names its entries by id, so that renaming one does not touch what is below.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: HashMap<NodeId, Node>,
    next: u64,
}

#[derive(Debug)]
pub(super) struct Node {
    kind: NodeKind,
    modified: TimeValue,
    mode: u32,
    _reservation: Option<Reservation>,
}

#[derive(Debug)]
enum NodeKind {
    File(Arc<Content>),
    Directory { entries: BTreeMap<Bytes, NodeId>, uploads: usize },
}

impl NodeKind {
    const fn empty_directory() -> Self {
        Self::Directory { entries: BTreeMap::new(), uploads: 0 }
    }
}

/// A name in a directory, and what it stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) directory: NodeId,
    pub(super) name: &'a [u8],
    pub(super) present: Option<NodeId>,
}

/// Room for an entry.
pub(super) fn reserve_entry(space: &Arc<Space>) -> Result<Reservation, StorageError> {
    space.reserve(ENTRY_COST)
}

impl Tree {
    pub(super) fn new() -> Self {
        let root = Node {
            kind: NodeKind::empty_directory(),
            modified: now(),
            mode: DIRECTORY_MODE,
            _reservation: None,
        };
        Self { nodes: HashMap::from([(ROOT, root)]), next: 1 }
    }

    pub(super) fn find(&self, path: &Pathname) -> Result<NodeId, StorageError> {
        path.segments().try_fold(ROOT, |id, name| Ok(self.entry(id, name)?.ok_or(NotFound)?))
    }

    /// The place of `path`, whose directory is there; for the root, `root_kind` is the error.
    pub(super) fn place<'a>(
        &self,
        path: &'a Pathname,
        root_kind: StorageErrorKind,
    ) -> Result<Place<'a>, StorageError> {
        let name = path.name().ok_or(root_kind)?;
        if name.len() > NAME_LIMIT {
            return Err(NameRefused.into());
        }
        let directory = self.find(&path.parent().unwrap_or_else(Pathname::root))?;
        Ok(Place { directory, name, present: self.entry(directory, name)? })
    }

    pub(super) fn metadata(&self, id: NodeId) -> Result<Metadata, StorageError> {
        let node = self.node(id)?;
        let (kind, size) = match &node.kind {
            NodeKind::File(content) => (EntryKind::File, content.size()),
            NodeKind::Directory { .. } => (EntryKind::Directory, 0),
        };
        Ok(Metadata {
            kind,
            size,
            modified: Some(node.modified),
            permissions: Permissions::all(kind),
            unix: Some(UnixAttributes { mode: node.mode, links: 1, owner: 0, group: 0 }),
            unique: Some((0, id.0)),
        })
    }

    pub(super) fn content(&self, id: NodeId) -> Result<&Arc<Content>, StorageError> {
        match &self.node(id)?.kind {
            NodeKind::File(content) => Ok(content),
            NodeKind::Directory { .. } => Err(IsADirectory.into()),
        }
    }

    pub(super) fn find_directory(&self, path: &Pathname) -> Result<NodeId, StorageError> {
        let id = self.find(path)?;
        if self.is_directory(id) { Ok(id) } else { Err(NotADirectory.into()) }
    }

    fn is_directory(&self, id: NodeId) -> bool {
        self.nodes.get(&id).is_some_and(|node| matches!(node.kind, NodeKind::Directory { .. }))
    }

    /// At most `most` entries that come after `last`; none if the directory is gone.
    pub(super) fn page(&self, id: NodeId, last: Option<&Bytes>, most: usize) -> Vec<Entry> {
        let Some(Node { kind: NodeKind::Directory { entries, .. }, .. }) = self.nodes.get(&id) else {
            return Vec::new();
        };
        let start = last.map_or(Bound::Unbounded, Bound::Excluded);
        entries
            .range::<Bytes, _>((start, Bound::Unbounded))
            .take(most)
            .filter_map(|(name, id)| Some(Entry::new(name.clone(), self.metadata(*id).ok()?)))
            .collect()
    }

    pub(super) fn make_directory(&mut self, place: Place<'_>, room: Reservation) -> Result<(), StorageError> {
        match place.present {
            Some(_) => Err(AlreadyExists.into()),
            None => self.add(place, NodeKind::empty_directory(), DIRECTORY_MODE, room),
        }
    }

    pub(super) fn remove_directory(&mut self, place: Place<'_>) -> Result<(), StorageError> {
        let id = place.present.ok_or(NotFound)?;
        match &self.node(id)?.kind {
            NodeKind::File(_) => Err(NotADirectory.into()),
            NodeKind::Directory { entries, .. } if !entries.is_empty() => Err(NotEmpty.into()),
            NodeKind::Directory { uploads: 1.., .. } => {
                Err(StorageError::new(Busy, "A file is being stored in that directory; try again later."))
            }
            NodeKind::Directory { .. } => self.remove(place, id),
        }
    }

    pub(super) fn remove_file(&mut self, place: Place<'_>) -> Result<(), StorageError> {
        let id = place.present.ok_or(NotFound)?;
        self.content(id)?;
        self.remove(place, id)
    }

    pub(super) fn rename(&mut self, from: &Pathname, to: &Pathname) -> Result<(), StorageError> {
        let is_below = to.as_bytes().strip_prefix(from.as_bytes()).is_some_and(|rest| rest.starts_with(b"/"));
        let from = self.place(from, PermissionDenied)?;
        let id = from.present.ok_or(NotFound)?;
        let to = self.place(to, AlreadyExists)?;
        match to.present {
            Some(present) if self.is_directory(present) => return Err(AlreadyExists.into()),
            _ if is_below && self.is_directory(id) => return Err(NameRefused.into()),
            Some(present) if present == id => return Ok(()),
            Some(_) if self.is_directory(id) => return Err(NotADirectory.into()),
            Some(present) => self.remove(to, present)?,
            None => {}
        }
        self.entries(from.directory)?.remove(from.name);
        self.entries(to.directory)?.insert(Bytes::copy_from_slice(to.name), id);
        self.touch(from.directory)?;
        self.touch(to.directory)
    }

    /// Puts a finished content in place, over the file that has the name by now, if any.
    pub(super) fn store(
        &mut self,
        place: Place<'_>,
        content: Content,
        room: Reservation,
    ) -> Result<(), StorageError> {
        let kind = NodeKind::File(Arc::new(content));
        let Some(id) = place.present else { return self.add(place, kind, FILE_MODE, room) };
        self.content(id)?;
        let node = self.node_mut(id)?;
        node.kind = kind;
        node.modified = now();
        Ok(())
    }

    pub(super) fn set_modified(&mut self, id: NodeId, modified: TimeValue) -> Result<(), StorageError> {
        self.node_mut(id)?.modified = modified;
        Ok(())
    }

    pub(super) fn set_mode(&mut self, id: NodeId, mode: u32) -> Result<(), StorageError> {
        self.node_mut(id)?.mode = mode;
        Ok(())
    }

    /// Counts an upload into a directory that begins.
    pub(super) fn begin_upload(&mut self, directory: NodeId) -> Result<(), StorageError> {
        match &mut self.node_mut(directory)?.kind {
            NodeKind::File(_) => Err(NotADirectory.into()),
            NodeKind::Directory { uploads, .. } => {
                *uploads += 1;
                Ok(())
            }
        }
    }

    /// Counts an upload into a directory that is over.
    pub(super) fn end_upload(&mut self, directory: NodeId) {
        if let Some(Node { kind: NodeKind::Directory { uploads, .. }, .. }) = self.nodes.get_mut(&directory) {
            *uploads = uploads.saturating_sub(1);
        }
    }

    /// What has this name in a directory.
    pub(super) fn entry(&self, directory: NodeId, name: &[u8]) -> Result<Option<NodeId>, StorageError> {
        match &self.node(directory)?.kind {
            NodeKind::Directory { entries, .. } => Ok(entries.get(name).copied()),
            NodeKind::File(_) => Err(NotADirectory.into()),
        }
    }

    fn add(
        &mut self,
        place: Place<'_>,
        kind: NodeKind,
        mode: u32,
        room: Reservation,
    ) -> Result<(), StorageError> {
        let id = NodeId(self.next);
        self.entries(place.directory)?.insert(Bytes::copy_from_slice(place.name), id);
        self.next += 1;
        self.nodes.insert(id, Node { kind, modified: now(), mode, _reservation: Some(room) });
        self.touch(place.directory)
    }

    fn remove(&mut self, place: Place<'_>, id: NodeId) -> Result<(), StorageError> {
        self.entries(place.directory)?.remove(place.name);
        self.nodes.remove(&id);
        self.touch(place.directory)
    }

    fn touch(&mut self, directory: NodeId) -> Result<(), StorageError> {
        self.set_modified(directory, now())
    }

    fn entries(&mut self, directory: NodeId) -> Result<&mut BTreeMap<Bytes, NodeId>, StorageError> {
        match &mut self.node_mut(directory)?.kind {
            NodeKind::Directory { entries, .. } => Ok(entries),
            NodeKind::File(_) => Err(NotADirectory.into()),
        }
    }

    fn node(&self, id: NodeId) -> Result<&Node, StorageError> {
        Ok(self.nodes.get(&id).ok_or(NotFound)?)
    }

    fn node_mut(&mut self, id: NodeId) -> Result<&mut Node, StorageError> {
        Ok(self.nodes.get_mut(&id).ok_or(NotFound)?)
    }
}

fn now() -> TimeValue {
    let since_epoch = UNIX_EPOCH.elapsed().unwrap_or_default();
    TimeValue::from_unix(i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX), since_epoch.subsec_nanos())
}
