//! The store in the middle of the layers that are checked.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;

use super::{ground::path, operation::Operation};
use crate::{
    pathname::Pathname,
    storage::{
        AbortReason, Download, Entry, Listing, Metadata, OpenedUpload, Placement, SiteCall, Storage,
        StorageError, StorageErrorKind, Stored, Upload,
    },
    time_value::TimeValue,
};

pub(super) const NAME: &str = "/a name";
pub(super) const OTHER: &str = "/another";
pub(super) const PICKED: &str = "/what the store picked";
pub(super) const CONTENT: Bytes = Bytes::from_static(b"content");
pub(super) const OFFSET: u64 = 3;
pub(super) const MODE: u32 = 0o640;
pub(super) const ROOM: u64 = 4711;
pub(super) const WHY: AbortReason = AbortReason::DataStalled;
pub(super) const SENTENCE: &str = "The innermost store is busy.";
/// Each with a size of its own that is announced.
pub(super) const PLACEMENTS: [(Placement, u64, Option<Operation>); 4] = [
    (Placement::Replace, 10, None),
    (Placement::Resume { offset: OFFSET }, 11, Some(Operation::Resume)),
    (Placement::Append, 12, Some(Operation::Append)),
    (Placement::Unique, 13, Some(Operation::Unique)),
];

pub(super) fn time() -> TimeValue {
    TimeValue::from_unix(1_709_210_096, 0)
}

pub(super) fn metadata() -> Metadata {
    Metadata { modified: Some(time()), ..Metadata::file(7) }
}

pub(super) fn page() -> Vec<Entry> {
    [Entry::new(Bytes::from_static(b"entry"), metadata())].to_vec()
}

pub(super) fn stored() -> Stored {
    Stored { note: Some("kept".into()) }
}

pub(super) fn site_call() -> SiteCall {
    SiteCall { verb: "PRINT".into(), argument: CONTENT, working_directory: path(OTHER) }
}

/// What can be asked of a store and of what it opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
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
    pub(super) const fn rule(self) -> &'static str {
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

/// The store in the middle of the layers that [`layer_contract`](super::layer_contract) checks. It knows the calls that it expects, and notices
/// them.
#[derive(Debug, Clone)]
pub struct Innermost {
    noticed: Arc<AtomicU32>,
    fails: Fails,
    can_stop: bool,
}

/// What fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fails {
    Nothing,
    Everything,
    Only(Call),
}

impl Innermost {
    pub(super) fn new(fails: Fails, can_stop: bool) -> Self {
        Self { noticed: Arc::default(), fails, can_stop }
    }

    /// Whether it has noticed this call since it was asked last.
    pub(super) fn take_notice_of(&self, call: Call) -> bool {
        self.noticed.swap(0, Ordering::Relaxed) & (1 << call as u32) != 0
    }

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

    pub(super) fn refuses(&self, call: Call) -> bool {
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
        self.can_stop
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
