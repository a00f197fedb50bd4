//! A store that goes wrong in every way that a store may, and a ledger of what it was asked and what it holds.
//!
//! What it must not do it does not: it never says that a file is stored that is not, nor the other way round.

mod ledger;
mod moods;
mod storage;
mod transfers;
mod tree;

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use sansftp::{Download, Pathname, Storage, adapters::stores::Memory};

use self::tree::File;
pub use self::{
    ledger::{Answer, Attempt, Ended, Fate, Ledger, Source, Subject, Tag, Upload},
    moods::Moods,
    tree::Tree,
};
use super::world::World;

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
        let memory = moods.is_memory.then(Memory::new);
        let ledger = Ledger::new(moods.capacity);
        Self { world, moods: Arc::new(moods), ledger: Arc::new(Mutex::new(ledger)), memory }
    }

    /// Where the store in memory has something else than it should.
    pub fn differences(&self) -> Vec<String> {
        let Some(memory) = &self.memory else { return Vec::new() };
        let ledger = self.lock();
        let differs = |(name, file): &(&String, &File)| {
            let path = Pathname::root().resolve(name.as_bytes()).unwrap();
            let mut found = Vec::new();
            let Ok(mut download) = at_once(memory.open_download(&path, 0)) else { return true };
            while let Ok(bytes) = at_once(download.read(1 << 20))
                && !bytes.is_empty()
            {
                found.extend_from_slice(&bytes);
            }
            found != file.content
        };
        let differing = ledger.tree.files.iter().filter(differs);
        differing.map(|(name, _)| format!("Memory has another content of {name}")).collect()
    }

    pub fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }
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
