//! A store that does what a test wants, and writes down what it was asked.

use std::{
    collections::HashMap,
    future::{pending, poll_fn},
    mem,
    sync::{Arc, Mutex, MutexGuard},
    task::{Poll, Waker},
};

use bytes::Bytes;
use sansftp::{
    AbortReason, Accounts, Credentials, Denied, Download, Entry, Listing, Metadata, OpenedUpload, Pathname,
    Placement, Storage, StorageError, StorageErrorKind, Stored, Upload,
};

/// The store. Clones are the same one.
#[derive(Clone, Default)]
pub struct Store(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    files: HashMap<String, Vec<u8>>,
    calls: Vec<String>,
    write: Write,
    prepare: Prepare,
    finish: Finish,
    abort: Abort,
    finish_can_stop: bool,
    entries: usize,
    pages: usize,
    waiting: Vec<Gate>,
}

/// What a write does.
#[derive(Clone, Copy, Default)]
pub enum Write {
    #[default]
    Takes,
    /// Keeps every chunk as it is.
    Keeps,
    Hangs,
    /// Waits for [`Store::release`].
    Waits,
    Fails(StorageErrorKind),
    Panics,
}

/// What the store does to prepare a finish.
#[derive(Clone, Copy, Default)]
pub enum Prepare {
    /// Nothing.
    #[default]
    Nothing,
    /// It is called, and waits for [`Store::release`].
    Waits,
    Fails(StorageErrorKind),
}

/// What a finish does.
#[derive(Clone, Copy, Default)]
pub enum Finish {
    #[default]
    Succeeds,
    Fails(StorageErrorKind),
    /// Waits for [`Store::release`].
    Waits,
}

/// What an abort does.
#[derive(Clone, Copy, Default)]
pub enum Abort {
    #[default]
    Succeeds,
    Hangs,
}

#[derive(Clone, Default)]
struct Gate(Arc<Mutex<GateState>>);

#[derive(Default)]
struct GateState {
    result: Option<Result<Stored, StorageErrorKind>>,
    waker: Option<Waker>,
}

impl Store {
    pub fn on_write(&self, write: Write) {
        self.lock().write = write;
    }

    pub fn on_prepare(&self, prepare: Prepare) {
        self.lock().prepare = prepare;
    }

    pub fn on_finish(&self, finish: Finish) {
        self.lock().finish = finish;
    }

    pub fn on_abort(&self, abort: Abort) {
        self.lock().abort = abort;
    }

    pub fn let_finish_stop(&self) {
        self.lock().finish_can_stop = true;
    }

    /// Has directories of so many entries.
    pub fn set_entries(&self, count: usize) {
        self.lock().entries = count;
    }

    pub fn put(&self, name: &str, content: &[u8]) {
        self.lock().files.insert(name.into(), content.into());
    }

    pub fn content(&self, name: &str) -> Option<Vec<u8>> {
        self.lock().files.get(name).cloned()
    }

    /// Pages of listings that were asked for.
    pub fn pages(&self) -> usize {
        self.lock().pages
    }

    /// What was asked since the last time, without the writes.
    pub fn calls(&self) -> Vec<String> {
        mem::take(&mut self.lock().calls)
    }

    /// Whether a write, a prepare or a finish waits for [`Store::release`].
    pub fn is_waited_for(&self) -> bool {
        !self.lock().waiting.is_empty()
    }

    /// Lets the oldest waiting write, prepare or finish end with this.
    pub fn release(&self, result: Result<Stored, StorageErrorKind>) {
        let gate = self.lock().waiting.remove(0);
        let mut gate = gate.0.lock().unwrap();
        gate.result = Some(result);
        gate.waker.take().into_iter().for_each(Waker::wake);
    }

    fn note(&self, call: impl Into<String>) {
        self.lock().calls.push(call.into());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

/// Lets `anna` in, with the password `secret`, and counts the others.
impl Accounts for Store {
    type Storage = Self;

    async fn log_in(&self, credentials: &Credentials) -> Result<Self, Denied> {
        let knows = credentials.password.as_ref().is_some_and(|password| password.matches(b"secret"));
        match (credentials.user.as_str(), knows) {
            ("anna", true) => Ok(self.clone()),
            ("slow", _) => pending().await,
            _ => Err(Denied::Refused),
        }
    }
}

impl Storage for Store {
    type Upload = FaultyUpload;
    type Download = Source;
    type Listing = Pages;

    async fn stat(&self, path: &Pathname) -> Result<Metadata, StorageError> {
        if path.is_root() {
            return Ok(Metadata::directory());
        }
        let size = self.content(&path.to_string()).ok_or(StorageErrorKind::NotFound)?.len();
        Ok(Metadata::file(size as u64))
    }

    async fn list(&self, path: &Pathname) -> Result<Pages, StorageError> {
        if self.content(&path.to_string()).is_some() {
            return Err(StorageErrorKind::NotADirectory.into());
        }
        if !path.is_root() {
            return Err(StorageErrorKind::NotFound.into());
        }
        Ok(Pages { store: self.clone(), next: 0 })
    }

    async fn open_download(&self, path: &Pathname, offset: u64) -> Result<Source, StorageError> {
        let content = self.content(&path.to_string()).ok_or(StorageErrorKind::NotFound)?;
        self.note(format!("open {path}"));
        Ok(Source {
            content: Bytes::from(content).slice(offset as usize..),
            store: self.clone(),
            is_cut: path.to_string().contains("cut"),
        })
    }

    async fn open_upload(
        &self,
        path: &Pathname,
        _: Placement,
        _: Option<u64>,
    ) -> Result<OpenedUpload<FaultyUpload>, StorageError> {
        self.note(format!("open {path}"));
        let upload = FaultyUpload {
            store: self.clone(),
            name: path.to_string(),
            content: Vec::new(),
            kept: Vec::new(),
            life: Life::Open,
        };
        Ok(OpenedUpload { upload, pathname: path.clone(), offset: 0 })
    }
}

/// An upload that tells what becomes of it.
pub struct FaultyUpload {
    store: Store,
    name: String,
    content: Vec<u8>,
    kept: Vec<Bytes>,
    life: Life,
}

#[derive(PartialEq)]
enum Life {
    Open,
    Finishing,
    Ended,
}

impl Upload for FaultyUpload {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError> {
        assert!(!chunk.is_empty(), "an empty chunk is written");
        let write = self.store.lock().write;
        match write {
            Write::Takes => self.content.extend_from_slice(&chunk),
            Write::Keeps => self.kept.push(chunk),
            Write::Hangs => pending().await,
            Write::Waits => {
                let gate = Gate::default();
                self.store.lock().waiting.push(gate.clone());
                gate.wait().await?;
                self.content.extend_from_slice(&chunk);
            }
            Write::Fails(kind) => return Err(kind.into()),
            Write::Panics => panic!("a store that panics, as the test wants it"),
        }
        Ok(())
    }

    async fn prepare(&mut self) -> Result<(), StorageError> {
        let prepare = self.store.lock().prepare;
        match prepare {
            Prepare::Nothing => Ok(()),
            Prepare::Waits => {
                self.store.note("prepare");
                let gate = Gate::default();
                self.store.lock().waiting.push(gate.clone());
                gate.wait().await?;
                self.store.note("prepared");
                Ok(())
            }
            Prepare::Fails(kind) => {
                self.store.note("prepare");
                Err(kind.into())
            }
        }
    }

    async fn finish(mut self) -> Result<Stored, StorageError> {
        self.store.note("finish");
        self.life = Life::Finishing;
        let finish = self.store.lock().finish;
        let result = match finish {
            Finish::Succeeds => Ok(Stored::default()),
            Finish::Fails(kind) => Err(kind),
            Finish::Waits => {
                let gate = Gate::default();
                self.store.lock().waiting.push(gate.clone());
                gate.wait().await
            }
        };
        self.life = Life::Ended;
        let stored = result?;
        let content = self
            .kept
            .iter()
            .fold(mem::take(&mut self.content), |content, chunk| [&content[..], chunk].concat());
        self.store.put(&self.name, &content);
        self.store.note("stored");
        Ok(stored)
    }

    async fn abort(mut self, why: AbortReason) {
        self.life = Life::Ended;
        self.store.note(format!("abort: {why:?}"));
        let abort = self.store.lock().abort;
        if let Abort::Hangs = abort {
            self.life = Life::Finishing;
            pending().await
        }
    }

    fn finish_can_stop(&self) -> bool {
        self.store.lock().finish_can_stop
    }
}

impl Drop for FaultyUpload {
    fn drop(&mut self) {
        match self.life {
            Life::Open => self.store.note("dropped"),
            Life::Finishing => self.store.note("dropped at the end"),
            Life::Ended => {}
        }
    }
}

impl Gate {
    async fn wait(&self) -> Result<Stored, StorageErrorKind> {
        poll_fn(|cx| {
            let mut gate = self.0.lock().unwrap();
            match gate.result.take() {
                Some(result) => Poll::Ready(result),
                None => {
                    gate.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

/// A download; the file is cut short at its end if its name has "cut" in it.
pub struct Source {
    content: Bytes,
    store: Store,
    is_cut: bool,
}

impl Download for Source {
    async fn read(&mut self, most: usize) -> Result<Bytes, StorageError> {
        assert!(most > 0);
        if self.content.is_empty() && self.is_cut {
            return Err(StorageErrorKind::Changed.into());
        }
        Ok(self.content.split_to(most.min(self.content.len())))
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.store.note("closed");
    }
}

/// A directory, in pages of a hundred entries.
pub struct Pages {
    store: Store,
    next: usize,
}

impl Listing for Pages {
    async fn next_page(&mut self) -> Result<Vec<Entry>, StorageError> {
        let mut state = self.store.lock();
        state.pages += 1;
        let end = state.entries.min(self.next + 100);
        let entry = |number| Entry::new(format!("file {number}").into(), Metadata::file(number as u64));
        let page = (self.next..end).map(entry).collect();
        self.next = end;
        Ok(page)
    }
}
