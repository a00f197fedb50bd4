//! Whether a layer passes on what it does not change.

use alloc::{
    boxed::Box,
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};
use core::{
    fmt::Debug,
    sync::atomic::{AtomicU32, Ordering},
};

use bytes::Bytes;

use super::{
    breach::{Breach, ContractBroken},
    ground::path,
    operation::Operation,
};
use crate::{
    pathname::Pathname,
    storage::{
        AbortReason, Download, Entry, Listing, Metadata, OpenedUpload, Placement, SiteCall, Storage,
        StorageError, StorageErrorKind, Stored, Upload,
    },
    time_value::TimeValue,
};

const NAME: &str = "/a name";
const OTHER: &str = "/another";
const PICKED: &str = "/what the store picked";
const CONTENT: Bytes = Bytes::from_static(b"content");
const OFFSET: u64 = 3;
const MODE: u32 = 0o640;
const ROOM: u64 = 4711;
const WHY: AbortReason = AbortReason::DataStalled;
const SENTENCE: &str = "The innermost store is busy.";
/// Each with a size of its own that is announced.
const PLACEMENTS: [(Placement, u64, Option<Operation>); 4] = [
    (Placement::Replace, 10, None),
    (Placement::Resume { offset: OFFSET }, 11, Some(Operation::Resume)),
    (Placement::Append, 12, Some(Operation::Append)),
    (Placement::Unique, 13, Some(Operation::Unique)),
];

fn time() -> TimeValue {
    TimeValue::from_unix(1_709_210_096, 0)
}

fn metadata() -> Metadata {
    Metadata { modified: Some(time()), ..Metadata::file(7) }
}

fn page() -> Vec<Entry> {
    [Entry::new(Bytes::from_static(b"entry"), metadata())].to_vec()
}

fn stored() -> Stored {
    Stored { note: Some("kept".into()) }
}

fn site_call() -> SiteCall {
    SiteCall { verb: "PRINT".into(), argument: CONTENT, working_directory: path(OTHER) }
}

/// What can be asked of a store and of what it opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Stat,
    List,
    NextPage,
    OpenDownload,
    Read,
    OpenUpload,
    Write,
    Prepare,
    HandleMissingCloseNotify,
    Finish,
    Abort,
    MakeDirectory,
    RemoveDirectory,
    RemoveFile,
    Rename,
    SetModified,
    SetMode,
    Available,
    Site,
}

impl Call {
    const fn rule(self) -> &'static str {
        match self {
            Self::Stat => "stat",
            Self::List => "list",
            Self::NextPage => "next_page",
            Self::OpenDownload => "open_download",
            Self::Read => "read",
            Self::OpenUpload => "open_upload",
            Self::Write => "write",
            Self::Prepare => "prepare",
            Self::HandleMissingCloseNotify => "handle_missing_close_notify",
            Self::Finish => "finish",
            Self::Abort => "abort",
            Self::MakeDirectory => "make_directory",
            Self::RemoveDirectory => "remove_directory",
            Self::RemoveFile => "remove_file",
            Self::Rename => "rename",
            Self::SetModified => "set_modified",
            Self::SetMode => "set_mode",
            Self::Available => "available",
            Self::Site => "site",
        }
    }
}

/// The store in the middle of the layers that [`layer_contract`] checks. It knows the calls that it expects, and notices
/// them.
#[derive(Debug, Clone)]
pub struct Innermost {
    noticed: Arc<AtomicU32>,
    fails: Fails,
    finish_can_stop: bool,
}

/// What fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fails {
    Nothing,
    Everything,
    Only(Call),
}

impl Innermost {
    fn notice(&self, call: Call, is_as_asked: bool) {
        if is_as_asked {
            self.noticed.fetch_or(1 << call as u32, Ordering::Relaxed);
        }
    }

    fn answer<T>(&self, call: Call, is_as_asked: bool, answer: T) -> Result<T, StorageError> {
        self.notice(call, is_as_asked);
        match self.refuses(call) {
            true => Err(StorageError::new(StorageErrorKind::Busy, SENTENCE)),
            false => Ok(answer),
        }
    }

    fn refuses(&self, call: Call) -> bool {
        match self.fails {
            Fails::Nothing => false,
            Fails::Everything => true,
            Fails::Only(only) => call == only,
        }
    }
}

impl Storage for Innermost {
    type Upload = Self;
    type Download = Self;
    type Listing = Self;

    async fn stat(&self, asked: &Pathname) -> Result<Metadata, StorageError> {
        self.answer(Call::Stat, *asked == path(NAME), metadata())
    }

    async fn list(&self, asked: &Pathname) -> Result<Self, StorageError> {
        self.answer(Call::List, *asked == path(NAME), self.clone())
    }

    async fn open_download(&self, asked: &Pathname, offset: u64) -> Result<Self, StorageError> {
        self.answer(Call::OpenDownload, *asked == path(NAME) && offset == OFFSET, self.clone())
    }

    async fn open_upload(
        &self,
        asked: &Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> Result<OpenedUpload<Self>, StorageError> {
        let is_placed = PLACEMENTS.iter().any(|(one, size, _)| *one == placement && Some(*size) == announced);
        let opened = OpenedUpload { upload: self.clone(), pathname: path(PICKED), offset: OFFSET };
        self.answer(Call::OpenUpload, *asked == path(NAME) && is_placed, opened)
    }

    async fn make_directory(&self, asked: &Pathname) -> Result<(), StorageError> {
        self.answer(Call::MakeDirectory, *asked == path(NAME), ())
    }

    async fn remove_directory(&self, asked: &Pathname) -> Result<(), StorageError> {
        self.answer(Call::RemoveDirectory, *asked == path(NAME), ())
    }

    async fn remove_file(&self, asked: &Pathname) -> Result<(), StorageError> {
        self.answer(Call::RemoveFile, *asked == path(NAME), ())
    }

    async fn rename(&self, from: &Pathname, to: &Pathname) -> Result<(), StorageError> {
        self.answer(Call::Rename, *from == path(NAME) && *to == path(OTHER), ())
    }

    async fn set_modified(&self, asked: &Pathname, modified: TimeValue) -> Result<(), StorageError> {
        self.answer(Call::SetModified, *asked == path(NAME) && modified == time(), ())
    }

    async fn set_mode(&self, asked: &Pathname, mode: u32) -> Result<(), StorageError> {
        self.answer(Call::SetMode, *asked == path(NAME) && mode == MODE, ())
    }

    async fn available(&self, asked: &Pathname) -> Result<u64, StorageError> {
        self.answer(Call::Available, *asked == path(NAME), ROOM)
    }

    async fn site(&self, command: SiteCall) -> Result<String, StorageError> {
        self.answer(Call::Site, command == site_call(), NAME.into())
    }
}

impl Upload for Innermost {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError> {
        self.answer(Call::Write, chunk == CONTENT, ())
    }

    async fn prepare(&mut self) -> Result<(), StorageError> {
        self.answer(Call::Prepare, true, ())
    }

    async fn finish(self) -> Result<Stored, StorageError> {
        self.answer(Call::Finish, true, stored())
    }

    async fn abort(self, why: AbortReason) {
        self.notice(Call::Abort, why == WHY);
    }

    fn handle_missing_close_notify(&mut self) {
        self.notice(Call::HandleMissingCloseNotify, true);
    }

    fn finish_can_stop(&self) -> bool {
        self.finish_can_stop
    }
}

impl Download for Innermost {
    async fn read(&mut self, most: usize) -> Result<Bytes, StorageError> {
        self.answer(Call::Read, most == CONTENT.len(), CONTENT)
    }
}

impl Listing for Innermost {
    async fn next_page(&mut self) -> Result<Vec<Entry>, StorageError> {
        self.answer(Call::NextPage, true, page())
    }
}

/// Checks that a layer around a store passes on what it does not change: each call with what was asked, and each answer and
/// error with all that is in it.
///
/// `layer` puts the layer around the store that it is given. The names, contents and times that are used are ordinary
/// ones. To test what the layer itself does, run [`store_contract`](super::store_contract) with the layer around the store
/// in memory. A layer that gives every file another name or another content cannot be checked by this.
///
/// ```
/// # use sansftp::{Layer, Storage, unchanged};
/// # struct Archive;
/// # impl<S: Storage> Layer<S> for Archive {
/// #     unchanged!(S: Upload, Download, Listing);
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// sansftp::testing::layer_contract(|inner| Archive.around(inner)).await.unwrap();
/// # }
/// ```
///
/// # Errors
///
/// What the layer loses or changes, a [`Breach`] for each call.
pub async fn layer_contract<S: Storage>(layer: impl Fn(Innermost) -> S) -> Result<(), ContractBroken> {
    layer_contract_without(&[], layer).await
}

/// Checks a layer that refuses or changes the operations in `changed`, and passes on the others.
///
/// # Errors
///
/// As those of [`layer_contract`].
pub async fn layer_contract_without<S: Storage>(
    changed: &[Operation],
    layer: impl Fn(Innermost) -> S,
) -> Result<(), ContractBroken> {
    let mut breaches = Vec::new();
    let parts = [Call::NextPage, Call::Read, Call::Write, Call::Prepare, Call::Finish].map(Fails::Only);
    for fails in [Fails::Nothing, Fails::Everything].into_iter().chain(parts) {
        let noticed = Arc::new(AtomicU32::new(0));
        for finish_can_stop in [false, true] {
            let innermost = Innermost { noticed: Arc::clone(&noticed), fails, finish_can_stop };
            let store = layer(innermost.clone());
            let mut check = Check { innermost, changed, breaches: &mut breaches };
            // Boxed, or the future of this function would hold the states of all checks.
            Box::pin(check.requests(&store)).await;
            Box::pin(check.uploads(&store)).await;
        }
    }
    ContractBroken::unless_empty(breaches)
}

struct Check<'a> {
    innermost: Innermost,
    changed: &'a [Operation],
    breaches: &'a mut Vec<Breach>,
}

impl Check<'_> {
    async fn requests(&mut self, store: &impl Storage) {
        use Operation::*;
        let (name, other) = (&path(NAME), &path(OTHER));
        self.expect(&[], Call::Stat, store.stat(name).await, metadata());
        if let Some(mut listing) = self.opened(Call::List, store.list(name).await) {
            self.expect(&[], Call::NextPage, listing.next_page().await, page());
        }
        if let Some(mut download) = self.opened(Call::OpenDownload, store.open_download(name, OFFSET).await) {
            self.expect(&[], Call::Read, download.read(CONTENT.len()).await, CONTENT);
        }
        self.expect(&[MakeDirectory], Call::MakeDirectory, store.make_directory(name).await, ());
        self.expect(&[RemoveDirectory], Call::RemoveDirectory, store.remove_directory(name).await, ());
        self.expect(&[RemoveFile], Call::RemoveFile, store.remove_file(name).await, ());
        self.expect(&[RenameFile, RenameDirectory], Call::Rename, store.rename(name, other).await, ());
        self.expect(&[SetModified], Call::SetModified, store.set_modified(name, time()).await, ());
        self.expect(&[SetMode], Call::SetMode, store.set_mode(name, MODE).await, ());
        self.expect(&[Available], Call::Available, store.available(name).await, ROOM);
        self.expect(&[], Call::Site, store.site(site_call()).await, NAME.into());
    }

    async fn uploads(&mut self, store: &impl Storage) {
        for (placement, size, operation) in PLACEMENTS {
            if operation.is_some_and(|operation| self.changed.contains(&operation)) {
                continue;
            }
            for is_finished in [true, false] {
                let opened = store.open_upload(&path(NAME), placement, Some(size)).await;
                let Some(OpenedUpload { mut upload, pathname, offset }) =
                    self.opened(Call::OpenUpload, opened)
                else {
                    continue;
                };
                if pathname != path(PICKED) || offset != OFFSET {
                    self.find(
                        Call::OpenUpload,
                        format!("opened {pathname} at {offset} instead of what the store did"),
                    );
                }
                let is_over = !self.expect(&[], Call::Write, upload.write(CONTENT).await, ())
                    || !self.expect(&[], Call::Prepare, upload.prepare().await, ());
                if is_over {
                    // As behind every error of the two.
                    upload.abort(WHY).await;
                    self.expect_noticed(Call::Abort);
                    continue;
                }
                upload.handle_missing_close_notify();
                self.expect_noticed(Call::HandleMissingCloseNotify);
                if upload.finish_can_stop() && !self.innermost.finish_can_stop {
                    self.find(Call::Finish, "says that a finish can stop that cannot".into());
                }
                if is_finished {
                    self.expect(&[], Call::Finish, upload.finish().await, stored());
                } else {
                    upload.abort(WHY).await;
                    self.expect_noticed(Call::Abort);
                }
            }
        }
    }

    /// What was opened, if the store opened it.
    fn opened<T>(&mut self, call: Call, result: Result<T, StorageError>) -> Option<T> {
        if self.is_refused(call, result.as_ref().err()) {
            return None;
        }
        self.expect_noticed(call);
        match result {
            Ok(opened) if !self.innermost.refuses(call) => return Some(opened),
            Ok(_) => self.find(call, "opened what the store did not open".into()),
            Err(error) => self.find(call, format!("failed: {error}")),
        }
        None
    }

    /// Whether the call went well, as far as the store is concerned.
    fn expect<T: PartialEq + Debug>(
        &mut self,
        operations: &[Operation],
        call: Call,
        result: Result<T, StorageError>,
        expected: T,
    ) -> bool {
        if operations.iter().any(|operation| self.changed.contains(operation)) {
            self.innermost.noticed.store(0, Ordering::Relaxed);
            return true;
        }
        if self.is_refused(call, result.as_ref().err()) {
            return false;
        }
        self.expect_noticed(call);
        match result {
            Ok(answer) if !self.innermost.refuses(call) && answer == expected => {}
            Ok(answer) => self.find(call, format!("answered {answer:?} instead of what the store did")),
            Err(error) => self.find(call, format!("failed: {error}")),
        }
        true
    }

    /// Whether a call failed as the store lets it. If all calls fail, it may have been another one that the layer made
    /// first.
    fn is_refused(&mut self, call: Call, error: Option<&StorageError>) -> bool {
        let is_the_stores =
            |error: &StorageError| error.kind() == StorageErrorKind::Busy && error.message() == SENTENCE;
        let is_refused = self.innermost.refuses(call) && error.is_some_and(is_the_stores);
        if is_refused {
            self.innermost.noticed.store(0, Ordering::Relaxed);
        }
        is_refused
    }

    fn expect_noticed(&mut self, call: Call) {
        let noticed = self.innermost.noticed.swap(0, Ordering::Relaxed);
        if noticed & (1 << call as u32) == 0 {
            self.find(call, "does not reach the store as it was asked".to_string());
        }
    }

    fn find(&mut self, call: Call, finding: String) {
        let breach = Breach::new(call.rule(), finding);
        if !self.breaches.contains(&breach) {
            self.breaches.push(breach);
        }
    }
}
