//! A store that breaks the contract in one way.

use std::sync::Arc;

use sansftp::{
    adapters::stores::Memory,
    pathname::Pathname,
    storage::{EntryKind, Metadata, OpenedUpload, Placement, Storage, StorageError, StorageErrorKind},
    time_value::TimeValue,
};

use crate::{
    broken_transfers::{BrokenDownload, BrokenListing, BrokenUpload, content_of, store},
    steps::{get, path},
};

/// What a store gets wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    NothingWorks,
    LastByteIsLost,
    FileOfNothingIsLost,
    WritesAreVisible,
    PrepareStores,
    PreparedIsLost,
    AbortStores,
    DropStores,
    StoppedFinishStores,
    ChangedFileStays,
    UploadsAreMixedUp,
    FinishErrorIsSwallowed,
    ResumeAt0Appends,
    AppendReplaces,
    AppendLosesOthers,
    ResumeReplaces,
    UniqueTakesTheHint,
    UniqueReplaces,
    NotFoundIsFailed,
    OffsetIsIgnored,
    ReadsAreTooLong,
    DownloadFollowsChanges,
    RootIsNotFound,
    FileIsListed,
    DirectoryIsMadeTwice,
    DirectoryIsNotFollowed,
    FullDirectoryIsRemoved,
    BusyDirectoryIsRemoved,
    DirectoryIsRemovedAsAFile,
    RemoveDoesNothing,
    RenameCopies,
    RenameOfDirectoryDoesNothing,
    NamesAreTrimmed,
    NamesAreCutOff,
    LaterPagesAreLost,
    EntryComesTwice,
    ListedSizeIsWrong,
    TimesAreIgnored,
    PermissionsAreIgnored,
    AnnouncedSizeIsIgnored,
    AnnouncedSizeIsALimit,
    AppendIsNotOffered,
    DownloadHasNoEnd,
    FinishHasAGap,
    MissingDirectoryIsMade,
    ListedPermissionsAreWrong,
    NamesOfDirectoriesAreTrimmed,
    RenamedNamesAreTrimmed,
    DirectoryGoesWithItsLastFile,
    // No faults, but what the contract leaves open.
    WhatIsInUseIsBusy,
    RoomHasNoEnd,
    ResumedFileIsNotFound,
    SameNameIsRefused,
    ResumeIsNotOffered,
    DirectoriesAreNotOffered,
}

use Fault::*;

/// A store in memory with a fault.
pub(crate) struct Broken {
    inner: Memory,
    fault: Fault,
    /// Transfers have clones of it.
    in_use: Arc<()>,
}

impl Broken {
    pub(crate) fn new(fault: Fault) -> Self {
        Self { inner: Memory::new(), fault, in_use: Arc::default() }
    }

    /// Whether a change has to wait for the end of a transfer.
    fn is_busy(&self) -> bool {
        self.fault == WhatIsInUseIsBusy && Arc::strong_count(&self.in_use) > 1
    }

    /// A directory as the prefix of the names of its files: without one, it is gone.
    async fn forget_empty(&self, directory: Option<Pathname>) {
        if self.fault == DirectoryGoesWithItsLastFile
            && let Some(directory) = directory
        {
            let _ = self.inner.remove_directory(&directory).await;
        }
    }

    fn has(&self, fault: Fault) -> bool {
        [fault, NothingWorks].contains(&self.fault)
    }

    fn name(&self, given: &Pathname) -> Pathname {
        let bytes = given.as_bytes();
        match self.fault {
            NamesAreTrimmed if given.name() != Some(b" ") => path(bytes.trim_ascii()),
            NamesAreCutOff => path(&bytes[..bytes.len().min(200)]),
            _ => given.clone(),
        }
    }

    /// What a fault makes of a result.
    fn spoil<T>(&self, result: Result<T, StorageError>) -> Result<T, StorageError> {
        match result {
            _ if self.fault == NothingWorks => Err(StorageErrorKind::Failed.into()),
            Err(error) if self.fault == NotFoundIsFailed && error.kind() == StorageErrorKind::NotFound => {
                Err(StorageErrorKind::Failed.into())
            }
            result => result,
        }
    }

    /// Takes an error of one kind for success.
    fn overlook(
        &self,
        fault: Fault,
        kind: StorageErrorKind,
        result: Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        match self.spoil(result) {
            Err(error) if self.fault == fault && error.kind() == kind => Ok(()),
            result => result,
        }
    }
}

impl Storage for Broken {
    type Upload = BrokenUpload;
    type Download = BrokenDownload;
    type Listing = BrokenListing;

    async fn stat(&self, path: &Pathname) -> Result<Metadata, StorageError> {
        if self.has(RootIsNotFound) && path.is_root() {
            return Err(StorageErrorKind::NotFound.into());
        }
        self.spoil(self.inner.stat(&self.name(path)).await)
    }

    async fn list(&self, path: &Pathname) -> Result<BrokenListing, StorageError> {
        let path = match self.inner.stat(path).await {
            Ok(metadata) if self.fault == FileIsListed && metadata.kind == EntryKind::File => {
                &Pathname::root()
            }
            _ => path,
        };
        let listing = self.spoil(self.inner.list(path).await)?;
        Ok(BrokenListing { inner: listing, fault: self.fault })
    }

    async fn open_download(&self, path: &Pathname, offset: u64) -> Result<BrokenDownload, StorageError> {
        let path = self.name(path);
        let download = self.spoil(self.inner.open_download(&path, offset).await)?;
        let download =
            if self.has(OffsetIsIgnored) { self.inner.open_download(&path, 0).await? } else { download };
        let (store, _in_use) = (self.inner.clone(), Arc::clone(&self.in_use));
        Ok(BrokenDownload { inner: download, fault: self.fault, store, path, offset, _in_use })
    }

    async fn open_upload(
        &self,
        path: &Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> Result<OpenedUpload<BrokenUpload>, StorageError> {
        let placement = match (self.fault, placement) {
            (AppendReplaces, Placement::Append) | (ResumeReplaces, Placement::Resume { .. }) => {
                Placement::Replace
            }
            (UniqueTakesTheHint, Placement::Unique) => Placement::Replace,
            (ResumeAt0Appends, Placement::Resume { offset: 0 }) => Placement::Append,
            (AppendIsNotOffered, Placement::Append) | (ResumeIsNotOffered, Placement::Resume { .. }) => {
                return Err(StorageErrorKind::Unsupported.into());
            }
            (_, placement) => placement,
        };
        let parent = path.parent().unwrap_or_else(Pathname::root);
        if self.fault == MissingDirectoryIsMade && self.inner.stat(&parent).await.is_err() {
            let _ = self.inner.make_directory(&parent).await;
        }
        if self.fault == ResumedFileIsNotFound && matches!(placement, Placement::Resume { offset: 1.. }) {
            self.inner.stat(path).await?;
        }
        let asked = if self.has(AnnouncedSizeIsIgnored) { None } else { announced };
        let opened = self.spoil(self.inner.open_upload(&self.name(path), placement, asked).await)?;
        let pathname = if opened.pathname == self.name(path) { path.clone() } else { opened.pathname };
        let upload = BrokenUpload {
            inner: Some(opened.upload),
            fault: self.fault,
            store: self.inner.clone(),
            path: self.name(&pathname),
            placement,
            announced,
            content: Vec::new(),
            before: content_of(&self.inner, &self.name(&pathname)),
            _in_use: Arc::clone(&self.in_use),
        };
        Ok(OpenedUpload { upload, pathname, offset: opened.offset })
    }

    async fn make_directory(&self, path: &Pathname) -> Result<(), StorageError> {
        let path = match self.fault {
            DirectoriesAreNotOffered => return Err(StorageErrorKind::Unsupported.into()),
            NamesOfDirectoriesAreTrimmed => &trimmed(path),
            _ => path,
        };
        let made = self.inner.make_directory(path).await;
        self.overlook(DirectoryIsMadeTwice, StorageErrorKind::AlreadyExists, made)
    }

    async fn remove_directory(&self, path: &Pathname) -> Result<(), StorageError> {
        if self.fault == DirectoriesAreNotOffered {
            return Err(StorageErrorKind::Unsupported.into());
        }
        let removed = self.inner.remove_directory(path).await;
        let removed = self.overlook(FullDirectoryIsRemoved, StorageErrorKind::NotEmpty, removed);
        self.overlook(BusyDirectoryIsRemoved, StorageErrorKind::Busy, removed)
    }

    async fn remove_file(&self, path: &Pathname) -> Result<(), StorageError> {
        match (self.fault, self.inner.stat(path).await?.kind) {
            (RemoveDoesNothing, EntryKind::File) => Ok(()),
            (DirectoryIsRemovedAsAFile, EntryKind::Directory) => self.inner.remove_directory(path).await,
            _ if self.is_busy() => Err(StorageErrorKind::Busy.into()),
            _ => {
                let removed = self.spoil(self.inner.remove_file(path).await);
                self.forget_empty(path.parent()).await;
                removed
            }
        }
    }

    async fn rename(&self, from: &Pathname, to: &Pathname) -> Result<(), StorageError> {
        let kind = self.inner.stat(from).await?.kind;
        match self.fault {
            // What should be refused is refused.
            RenameOfDirectoryDoesNothing if to.as_bytes() == b"/moved" => Ok(()),
            RenameCopies if kind == EntryKind::File => {
                let content = get(&self.inner, from.as_bytes()).await;
                store(&self.inner, to, &content).await
            }
            SameNameIsRefused if from == to => Err(StorageErrorKind::AlreadyExists.into()),
            RenamedNamesAreTrimmed => self.inner.rename(from, &trimmed(to)).await,
            _ if self.is_busy() => Err(StorageErrorKind::Busy.into()),
            _ => {
                let renamed = self.spoil(self.inner.rename(from, to).await);
                self.forget_empty(from.parent()).await;
                renamed
            }
        }
    }

    async fn set_modified(&self, path: &Pathname, modified: TimeValue) -> Result<(), StorageError> {
        self.spoil(self.inner.stat(path).await)?;
        if self.fault == TimesAreIgnored { Ok(()) } else { self.inner.set_modified(path, modified).await }
    }

    async fn set_mode(&self, path: &Pathname, mode: u32) -> Result<(), StorageError> {
        self.spoil(self.inner.stat(path).await)?;
        if self.fault == PermissionsAreIgnored { Ok(()) } else { self.inner.set_mode(path, mode).await }
    }

    async fn available(&self, path: &Pathname) -> Result<u64, StorageError> {
        if self.fault == RoomHasNoEnd { Ok(u64::MAX) } else { self.spoil(self.inner.available(path).await) }
    }
}

/// The same pathname, but for a blank at its end.
fn trimmed(given: &Pathname) -> Pathname {
    match given.name() {
        Some(b" ") => given.clone(),
        _ => path(given.as_bytes().trim_ascii_end()),
    }
}
