//! Files in memory.

mod content;
mod space;
mod tree;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    vec::Vec,
};

use bytes::Bytes;

use self::{
    content::{Content, Draft},
    space::{Reservation, Space},
    tree::{NodeId, Place, Tree, reserve_entry},
};
use super::{
    mode::refuse_special_bits,
    unique_name::{random_number, unique_name},
};
use crate::{
    pathname::Pathname,
    storage::{
        AbortReason, Download, Entry, Listing, Metadata, OpenedUpload, Placement, Storage, StorageError,
        StorageErrorKind, Stored, Upload,
    },
    time_value::TimeValue,
};

/// Entries that are looked up while others wait.
const PAGE_SIZE: usize = 256;
/// How often to look for a name that nothing has.
const ATTEMPTS_LIMIT: usize = 16;

/// A store of files in memory, for tests and for trying things out.
///
/// A clone is the same store; the files go when the last one does. It has everything that a [`Storage`] can have but
/// `SITE` commands of its own. No method waits for anything.
///
/// ```
/// use sansftp::{
///     adapters::stores::Memory,
///     pathname::Pathname,
///     storage::{Download, Placement, Storage, Upload},
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Memory::new();
/// let path = Pathname::root().join(b"greeting.txt")?;
/// let mut upload = store.open_upload(&path, Placement::Replace, None).await?.upload;
/// upload.write("hello".into()).await?;
/// assert!(store.stat(&path).await.is_err());
/// upload.finish().await?;
/// assert_eq!(store.open_download(&path, 1).await?.read(100).await?, "ello");
/// # Ok(())
/// # }
/// ```
///
/// # What it costs
///
/// Its room is limited, to 1 GiB unless it is made [with another capacity](Self::with_capacity), and a store that is
/// full answers [`NoSpace`](StorageErrorKind::NoSpace). What counts are the bytes of files, those of uploads in
/// progress, those of replaced and removed files until the last download of them ends, and 512 bytes for each entry.
/// Bytes are copied once when they are stored and not at all when they are retrieved. `APPE` and `REST` with `STOR` share
/// what stays of the present file, though it counts twice, and copy 256 KiB of it at most.
///
/// # What it promises
///
/// A file is replaced in one step, when its upload is finished, and a download that has begun goes on with what it
/// was. A finish ends the first time that it is polled, so one that was dropped before has stored nothing, and
/// [`finish_can_stop`](Upload::finish_can_stop) is true. A name has at most 255 bytes. Listings are sorted by bytes.
#[derive(Debug, Clone)]
pub struct Memory {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    tree: Mutex<Tree>,
    space: Arc<Space>,
}

impl Shared {
    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory {
    /// An empty store with room for 1 GiB.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(1 << 30)
    }

    /// An empty store with room for so many bytes.
    #[must_use]
    pub fn with_capacity(bytes: u64) -> Self {
        let space = Arc::new(Space::new(bytes));
        Self { shared: Arc::new(Shared { tree: Mutex::new(Tree::new()), space }) }
    }
}

impl Storage for Memory {
    type Upload = MemoryUpload;
    type Download = MemoryDownload;
    type Listing = MemoryListing;

    async fn stat(&self, path: &Pathname) -> Result<Metadata, StorageError> {
        let tree = self.shared.tree();
        tree.metadata(tree.find(path)?)
    }

    async fn list(&self, path: &Pathname) -> Result<Self::Listing, StorageError> {
        let directory = self.shared.tree().find_directory(path)?;
        Ok(MemoryListing { shared: Arc::clone(&self.shared), directory, last: None })
    }

    async fn open_download(&self, path: &Pathname, offset: u64) -> Result<Self::Download, StorageError> {
        let tree = self.shared.tree();
        let content = Arc::clone(tree.content(tree.find(path)?)?);
        match offset <= content.size() {
            true => Ok(MemoryDownload { content, position: offset }),
            false => Err(StorageErrorKind::BadOffset.into()),
        }
    }

    async fn open_upload(
        &self,
        path: &Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> Result<OpenedUpload<Self::Upload>, StorageError> {
        let mut tree = self.shared.tree();
        let place = tree.place(path, StorageErrorKind::IsADirectory)?;
        let present = match (placement, place.present) {
            (Placement::Unique, _) | (_, None) => None,
            (_, Some(id)) => Some(Arc::clone(tree.content(id)?)),
        };
        let offset = match placement {
            Placement::Replace | Placement::Unique => 0,
            Placement::Resume { offset } => offset,
            Placement::Append => present.as_ref().map_or(0, |content| content.size()),
        };
        let name = match placement {
            Placement::Unique => pick_unique(&tree, place)?,
            _ => Bytes::copy_from_slice(place.name),
        };
        let directory = path.parent().unwrap_or_else(Pathname::root);
        let pathname = directory.join(&name).map_err(|_| StorageErrorKind::NameRefused)?;
        let room = reserve_entry(&self.shared.space)?;
        if announced.is_some_and(|announced| announced > self.shared.space.available()) {
            return Err(StorageErrorKind::NoSpace.into());
        }
        let draft = Draft::new(&self.shared.space, present.as_deref(), offset)?;
        let condition = match placement {
            Placement::Replace | Placement::Resume { .. } => Condition::Anything,
            Placement::Unique => Condition::Nothing,
            Placement::Append => Condition::Unchanged(present),
        };
        tree.begin_upload(place.directory)?;
        let ticket = Ticket { shared: Arc::clone(&self.shared), directory: place.directory };
        Ok(OpenedUpload { upload: MemoryUpload { name, condition, room, draft, ticket }, pathname, offset })
    }

    async fn make_directory(&self, path: &Pathname) -> Result<(), StorageError> {
        let mut tree = self.shared.tree();
        let place = tree.place(path, StorageErrorKind::AlreadyExists)?;
        let room = reserve_entry(&self.shared.space)?;
        tree.make_directory(place, room)
    }

    async fn remove_directory(&self, path: &Pathname) -> Result<(), StorageError> {
        let mut tree = self.shared.tree();
        let place = tree.place(path, StorageErrorKind::PermissionDenied)?;
        tree.remove_directory(place)
    }

    async fn remove_file(&self, path: &Pathname) -> Result<(), StorageError> {
        let mut tree = self.shared.tree();
        let place = tree.place(path, StorageErrorKind::IsADirectory)?;
        tree.remove_file(place)
    }

    async fn rename(&self, from: &Pathname, to: &Pathname) -> Result<(), StorageError> {
        self.shared.tree().rename(from, to)
    }

    async fn set_modified(&self, path: &Pathname, modified: TimeValue) -> Result<(), StorageError> {
        let mut tree = self.shared.tree();
        let id = tree.find(path)?;
        tree.set_modified(id, modified)
    }

    async fn set_mode(&self, path: &Pathname, mode: u32) -> Result<(), StorageError> {
        refuse_special_bits(mode)?;
        let mut tree = self.shared.tree();
        let id = tree.find(path)?;
        tree.set_mode(id, mode)
    }

    async fn available(&self, path: &Pathname) -> Result<u64, StorageError> {
        self.shared.tree().find_directory(path)?;
        Ok(self.shared.space.available())
    }
}

fn pick_unique(tree: &Tree, place: Place<'_>) -> Result<Bytes, StorageError> {
    for _ in 0..ATTEMPTS_LIMIT {
        let name = unique_name(place.name, random_number());
        if tree.entry(place.directory, &name)?.is_none() {
            return Ok(name.into());
        }
    }
    Err(StorageErrorKind::Busy.into())
}

/// A file of a [`Memory`] store that is being stored.
#[derive(Debug)]
pub struct MemoryUpload {
    name: Bytes,
    condition: Condition,
    room: Reservation,
    draft: Draft,
    ticket: Ticket,
}

/// What may have the name when the upload is finished.
#[derive(Debug)]
enum Condition {
    /// Whatever there is: the last one wins.
    Anything,
    /// Nothing. The name was made for this upload.
    Nothing,
    /// What the upload continues, `None` if that was nothing: appending must not undo what came in between.
    Unchanged(Option<Arc<Content>>),
}

impl Condition {
    fn check(&self, present: Option<&Arc<Content>>) -> Result<(), StorageError> {
        match (self, present) {
            (Self::Anything, _) | (Self::Nothing | Self::Unchanged(None), None) => Ok(()),
            (Self::Nothing, Some(_)) => Err(StorageErrorKind::AlreadyExists.into()),
            (Self::Unchanged(Some(before)), Some(now)) if Arc::ptr_eq(before, now) => Ok(()),
            (Self::Unchanged(_), _) => Err(StorageError::new(
                StorageErrorKind::Busy,
                "The file was changed meanwhile, so nothing was appended; try again.",
            )),
        }
    }
}

/// Keeps a directory from being removed while a file is stored into it.
#[derive(Debug)]
struct Ticket {
    shared: Arc<Shared>,
    directory: NodeId,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.shared.tree().end_upload(self.directory);
    }
}

impl Upload for MemoryUpload {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError> {
        self.draft.append(&chunk)
    }

    async fn finish(self) -> Result<Stored, StorageError> {
        let Self { name, condition, room, draft, ticket } = self;
        let mut tree = ticket.shared.tree();
        let present = tree.entry(ticket.directory, &name)?;
        condition.check(present.map(|id| tree.content(id)).transpose()?)?;
        let place = Place { directory: ticket.directory, name: &name, present };
        tree.store(place, draft.finish(), room)?;
        Ok(Stored::default())
    }

    async fn abort(self, _: AbortReason) {}

    fn finish_can_stop(&self) -> bool {
        true
    }
}

/// A file of a [`Memory`] store that is being retrieved, as it was when it was opened.
#[derive(Debug)]
pub struct MemoryDownload {
    content: Arc<Content>,
    position: u64,
}

impl Download for MemoryDownload {
    async fn read(&mut self, most: usize) -> Result<Bytes, StorageError> {
        let bytes = self.content.read(self.position, most);
        self.position += bytes.len() as u64;
        Ok(bytes)
    }
}

/// A directory of a [`Memory`] store that is being listed, 256 entries at a time. An entry that appears or goes
/// meanwhile may be listed or not.
#[derive(Debug)]
pub struct MemoryListing {
    shared: Arc<Shared>,
    directory: NodeId,
    last: Option<Bytes>,
}

impl Listing for MemoryListing {
    async fn next_page(&mut self) -> Result<Vec<Entry>, StorageError> {
        let page = self.shared.tree().page(self.directory, self.last.as_ref(), PAGE_SIZE);
        if let Some(entry) = page.last() {
            self.last = Some(entry.name.clone());
        }
        Ok(page)
    }
}
