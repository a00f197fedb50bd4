//! What the store opens: each writes down what becomes of it.

use bytes::Bytes;
use sansftp::{
    AbortReason, Download, Entry, Listing, Metadata, Storage, StorageError, StorageErrorKind, Stored, Upload,
    adapters::stores::Memory,
};

use super::{
    Fate, Store, Tag, at_once,
    ledger::{Commit, Subject},
};

/// An upload.
pub struct SimUpload {
    store: Store,
    tag: Tag,
    /// The version of the file that it continues, 0 if there was none.
    version: Option<u64>,
    reserved: u64,
    memory: Option<<Memory as Storage>::Upload>,
    can_stop: bool,
    is_prepared: bool,
    life: Life,
}

#[derive(PartialEq)]
enum Life {
    Open,
    Finishing,
    Ended,
}

impl SimUpload {
    pub fn new(
        store: &Store,
        tag: Tag,
        version: Option<u64>,
        memory: Option<<Memory as Storage>::Upload>,
    ) -> Self {
        let can_stop = store.world.choose(|chance| chance.one_in(store.moods.can_stop));
        let mut ledger = store.lock();
        ledger.upload(tag).can_stop = can_stop;
        let reserved = ledger.upload(tag).base.len() as u64;
        drop(ledger);
        Self {
            store: store.clone(),
            tag,
            version,
            reserved,
            memory,
            can_stop,
            is_prepared: false,
            life: Life::Open,
        }
    }

    fn set_fate(&mut self, life: Life, fate: Fate) {
        self.life = life;
        let tag = self.tag;
        self.store.world.note(|| format!("{tag:?}: {fate:?}"));
        let (now, stamp) = {
            let mut state = self.store.world.lock();
            (state.now, state.stamp())
        };
        let mut ledger = self.store.lock();
        let attempt = ledger.attempt(tag);
        if let Fate::Finishing = attempt.fate {
            attempt.finishing = now - attempt.since;
        }
        attempt.since = now;
        attempt.stamp = stamp;
        let is_wrong = match (&attempt.fate, &fate) {
            (Fate::Open, Fate::Finished(_) | Fate::DroppedInFinish) | (Fate::Finishing, Fate::Finishing) => {
                true
            }
            (Fate::Open | Fate::Finishing, _) => false,
            _ => true,
        };
        let before = std::mem::replace(&mut attempt.fate, fate.clone());
        drop(ledger);
        if is_wrong {
            self.store.world.violate(format!("promise 2: {tag:?} was {before:?} and then {fate:?}"));
        }
    }

    /// The commit point: from here on the file is the new one.
    fn commit(&mut self) -> Result<(), StorageError> {
        let stamp = self.store.world.lock().stamp();
        let memory = self.memory.take().map(|memory| at_once(memory.finish()));
        let mut guard = self.store.lock();
        let ledger = &mut *guard;
        let upload = match &mut ledger.attempts[self.tag.0].subject {
            Subject::Upload(upload) => upload,
            Subject::Source(_) => return Err(StorageErrorKind::Failed.into()),
        };
        let present = ledger.tree.files.get(&upload.path).map_or(0, |file| file.version);
        let result = match self.version {
            Some(version) if version != present => Err(StorageErrorKind::Busy),
            _ => ledger.tree.check_place(&upload.path),
        };
        if result.is_ok() {
            let content = Bytes::from([&upload.base[..], &upload.written].concat());
            upload.committed = Some(Commit { stamp, content: content.clone() });
            ledger.tree.put(&upload.path, content);
            ledger.tree.reserved -= std::mem::take(&mut self.reserved);
        }
        drop(guard);
        if let Some(memory) = memory {
            self.store.compare("finish", &result, &memory);
        }
        if result.is_ok() {
            let tag = self.tag;
            self.store.world.note(|| format!("{tag:?} is in place"));
        }
        Ok(result?)
    }

    async fn make_room(&mut self, count: u64) -> Result<(), StorageError> {
        self.store.suffer("write").await?;
        self.store.lock().tree.reserve(count)?;
        self.reserved += count;
        Ok(())
    }

    async fn put_in_place(&mut self) -> Result<Stored, StorageError> {
        self.store.take_long().await;
        self.store.suffer("finish").await?;
        self.commit()?;
        if !self.can_stop {
            self.store.tell_late().await;
        }
        let has_note = self.store.world.choose(|chance| chance.one_in(8));
        Ok(Stored { note: has_note.then(|| format!("kept as {}", self.tag.0)) })
    }
}

impl Upload for SimUpload {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError> {
        if chunk.is_empty() {
            self.store.world.violate("an empty chunk is written".into());
        }
        if self.is_prepared {
            self.store.world.violate(format!("{:?} is written to after it was prepared", self.tag));
        }
        let now = self.store.world.lock().now;
        self.store.lock().upload(self.tag).last_written = now;
        let room = self.make_room(chunk.len() as u64).await;
        let now = self.store.world.lock().now;
        let mut ledger = self.store.lock();
        let upload = ledger.upload(self.tag);
        upload.has_written = now;
        upload.failure = room.as_ref().err().map(ToString::to_string).or(upload.failure.take());
        room?;
        upload.written.extend_from_slice(&chunk);
        drop(ledger);
        match &mut self.memory {
            Some(memory) => at_once(memory.write(chunk)),
            None => Ok(()),
        }
    }

    async fn prepare(&mut self) -> Result<(), StorageError> {
        if std::mem::replace(&mut self.is_prepared, true) {
            self.store.world.violate(format!("{:?} is prepared twice", self.tag));
        }
        let now = self.store.world.lock().now;
        self.store.lock().upload(self.tag).preparing_since = Some(now);
        let suffered = self.store.suffer("prepare").await;
        self.store.lock().upload(self.tag).failure = suffered.as_ref().err().map(ToString::to_string);
        suffered?;
        self.memory.as_mut().map_or(Ok(()), |memory| at_once(memory.prepare()))
    }

    // It is the call that decides: its future may be dropped before it is polled.
    fn finish(mut self) -> impl Future<Output = Result<Stored, StorageError>> + Send {
        self.set_fate(Life::Finishing, Fate::Finishing);
        async move {
            let result = self.put_in_place().await;
            self.set_fate(Life::Ended, Fate::finished(&result));
            result
        }
    }

    fn abort(mut self, why: AbortReason) -> impl Future<Output = ()> + Send {
        self.set_fate(Life::Ended, Fate::Aborted(why));
        async move {
            if let Some(memory) = self.memory.take() {
                at_once(memory.abort(why));
            }
            let _ = self.store.suffer("abort").await;
            let stamp = self.store.world.lock().stamp();
            self.store.lock().upload(self.tag).aborted = Some(stamp);
        }
    }

    fn handle_missing_close_notify(&mut self) {
        self.store.lock().upload(self.tag).misses_close_notify = true;
    }

    fn finish_can_stop(&self) -> bool {
        self.can_stop
    }
}

impl Drop for SimUpload {
    fn drop(&mut self) {
        match self.life {
            Life::Open => self.set_fate(Life::Ended, Fate::Dropped),
            Life::Finishing => self.set_fate(Life::Ended, Fate::DroppedInFinish),
            Life::Ended => {}
        }
        self.store.lock().tree.reserved -= self.reserved;
    }
}

/// A download.
pub struct Source {
    store: Store,
    tag: Tag,
    content: Bytes,
    memory: Option<<Memory as Storage>::Download>,
}

impl Source {
    pub fn new(
        store: &Store,
        tag: Tag,
        content: Bytes,
        memory: Option<<Memory as Storage>::Download>,
    ) -> Self {
        let mut ledger = store.lock();
        ledger.open_sources += 1;
        ledger.source(tag).given.extend_from_slice(&content);
        Self { store: store.clone(), tag, content, memory }
    }
}

impl Download for Source {
    async fn read(&mut self, most: usize) -> Result<Bytes, StorageError> {
        self.store.suffer("read").await?;
        let mut most = most.min(self.content.len());
        if most > 1 && self.store.world.choose(|chance| chance.one_in(8)) {
            most = self.store.world.choose(|chance| chance.between(1, most as u64)) as usize;
        }
        if let Some(memory) = &mut self.memory {
            let found = at_once(memory.read(most.max(1)))?;
            most = found.len().min(self.content.len());
            if found != self.content[..most] || found.is_empty() != self.content.is_empty() {
                self.store.world.violate(format!("{:?}: Memory gives other bytes", self.tag));
            }
        }
        Ok(self.content.split_to(most))
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.store.lock().open_sources -= 1;
    }
}

/// A directory that is listed, a few entries at a time.
pub struct Pages {
    store: Store,
    tag: Option<Tag>,
    entries: Vec<Entry>,
}

impl Pages {
    pub fn new(
        store: &Store,
        directory: String,
        tag: Option<Tag>,
        memory: Option<<Memory as Storage>::Listing>,
    ) -> Self {
        let mut ledger = store.lock();
        ledger.open_sources += 1;
        let mut names: Vec<String> = ledger.tree.names(&directory).map(str::to_owned).collect();
        names.sort();
        let prefix = if directory == "/" { String::new() } else { directory };
        let entries: Vec<Entry> = names
            .into_iter()
            .map(|name| {
                let file = ledger.tree.files.get(&format!("{prefix}/{name}"));
                let metadata =
                    file.map_or_else(Metadata::directory, |file| Metadata::file(file.content.len() as u64));
                Entry::new(name.into(), metadata)
            })
            .collect();
        drop(ledger);
        if let Some(mut listing) = memory {
            let found = at_once(listing.next_page()).unwrap_or_default();
            if !entries.iter().map(|entry| &entry.name).eq(found.iter().map(|entry| &entry.name)) {
                store.world.violate(format!("Memory lists {found:?} instead of {entries:?}"));
            }
        }
        Self { store: store.clone(), tag, entries }
    }
}

impl Listing for Pages {
    async fn next_page(&mut self) -> Result<Vec<Entry>, StorageError> {
        self.store.suffer("next_page").await?;
        let most = self.store.world.choose(|chance| chance.between(1, 4)) as usize;
        let page: Vec<Entry> = self.entries.drain(..most.min(self.entries.len())).collect();
        if let Some(tag) = self.tag {
            let names = page.iter().map(|entry| String::from_utf8_lossy(&entry.name).into_owned());
            self.store.lock().source(tag).names.extend(names);
        }
        Ok(page)
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.store.lock().open_sources -= 1;
    }
}
