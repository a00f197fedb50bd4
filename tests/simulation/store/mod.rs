//! A store that goes wrong in every way that a store may, and a ledger of what it was asked and what it holds.
//!
//! What it must not do it does not: it never says that a file is stored that is not, nor the other way round.

mod ledger;
mod moods;
mod storage;
mod transfers;
mod tree;

use std::{
    collections::BTreeSet,
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use sansftp::{Download, EntryKind, Listing, Pathname, Storage, adapters::stores::Memory};

use self::tree::File;
pub use self::{
    ledger::{Answer, Attempt, Ended, Fate, Ledger, Source, Subject, Tag, Told, Upload},
    moods::Moods,
    tree::Tree,
};
use super::world::World;

/// The room of the store in memory, and what an entry takes of it.
const MEMORY_CAPACITY: u64 = 1 << 30;
const ENTRY_COST: u64 = 512;

/// The store. Clones are the same one.
#[derive(Clone)]
pub struct Store {
    pub world: World,
    pub moods: Arc<Moods>,
    ledger: Arc<Mutex<Ledger>>,
    /// In some worlds the library's own store has the files, and the ledger's tree says what it should have.
    memory: Option<Memory>,
}

impl Store {
    pub fn new(world: World) -> Self {
        let moods = world.choose(Moods::new);
        let memory = moods.is_memory.then(|| Memory::with_capacity(MEMORY_CAPACITY));
        let ledger = Ledger::new(moods.capacity);
        Self { world, moods: Arc::new(moods), ledger: Arc::new(Mutex::new(ledger)), memory }
    }

    /// Where the store in memory has something else than it should, or more, or has not got its room back.
    pub fn differences(&self) -> Vec<String> {
        let Some(memory) = &self.memory else { return Vec::new() };
        let ledger = self.lock();
        let tree = &ledger.tree;
        let differs = |(name, file): &(&String, &File)| content(memory, name).as_ref() != Some(&file.content);
        let differing = tree.files.iter().filter(differs);
        let mut differences: Vec<String> =
            differing.map(|(name, _)| format!("Memory has another content of {name}")).collect();
        let (found, expected) = (paths(memory, "/"), tree.paths());
        if found != expected {
            differences.push(format!("Memory has {found:?} instead of {expected:?}"));
        }
        let used: usize = tree.files.values().map(|file| file.content.len()).sum();
        let expected = MEMORY_CAPACITY - used as u64 - ENTRY_COST * expected.len() as u64;
        match at_once(memory.available(&Pathname::root())) {
            Ok(available) if available == expected => {}
            available => differences.push(format!("Memory has room for {available:?} instead of {expected}")),
        }
        differences
    }

    pub fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }
}

/// What a file in memory has in it; none if that cannot be read.
fn content(memory: &Memory, name: &str) -> Option<Bytes> {
    let path = Pathname::root().resolve(name.as_bytes()).ok()?;
    let mut download = at_once(memory.open_download(&path, 0)).ok()?;
    let mut content = Vec::new();
    loop {
        let bytes = at_once(download.read(1 << 20)).ok()?;
        if bytes.is_empty() {
            return Some(content.into());
        }
        content.extend_from_slice(&bytes);
    }
}

/// All that is below a directory in memory.
fn paths(memory: &Memory, directory: &str) -> BTreeSet<String> {
    let path = Pathname::root().resolve(directory.as_bytes()).unwrap();
    let Ok(mut listing) = at_once(memory.list(&path)) else { return BTreeSet::new() };
    let mut found = BTreeSet::new();
    while let Ok(page) = at_once(listing.next_page())
        && !page.is_empty()
    {
        for entry in page {
            let name = path.join(&entry.name).unwrap().to_string();
            if entry.metadata.kind == EntryKind::Directory {
                found.extend(paths(memory, &name));
            }
            found.insert(name);
        }
    }
    found
}

/// The output of a future of the store in memory, which waits for nothing.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the store in memory waits"),
    }
}

/// The name that a pathname means, and the tag that the client has put behind it, so that what the store is asked and
/// what the client wants can be told to be one.
pub fn split_tag(path: &Pathname) -> (String, Option<Tag>) {
    let text = String::from_utf8_lossy(path.as_bytes()).into_owned();
    let Some((name, number)) = text.rsplit_once('~') else { return (text, None) };
    let Ok(number) = number.parse() else { return (text, None) };
    let name = if name.len() > 1 { name.trim_end_matches('/') } else { name };
    (name.into(), Some(Tag(number)))
}
