//! What is transferred.

use crate::{
    pathname::Pathname,
    session::{action::Direction, event::FinishKind},
};

/// What is transferred.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) enum Subject {
    Upload(UploadSubject),
    Download,
    Listing,
}

/// What the session has to know about an upload.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct UploadSubject {
    /// Where it goes.
    pathname: Pathname,
    /// Bytes of the file that were there before.
    offset: u64,
    /// What its size tells of it.
    announced: Announced,
    /// What an `ABOR` does to its finish.
    finish: FinishKind,
    /// What the client is told about its name.
    naming: Naming,
}

/// What the size that `ALLO` announced says of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Announced {
    Nothing,
    /// Fewer bytes on the wire are not the whole file. More are nothing special: in `TYPE A` the wire has more of them
    /// than the client's own file.
    Least(u64),
    /// Fewer bytes are not the whole file, and as many are.
    Whole(u64),
}

/// Whether the client chose the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// It did.
    Given,
    /// The store did (`STOU`), and the replies tell it.
    Unique,
}

impl UploadSubject {
    pub(crate) const fn new(pathname: Pathname, announced: Announced, naming: Naming) -> Self {
        Self { pathname, offset: 0, announced, finish: FinishKind::RunsToItsEnd, naming }
    }

    /// The store has opened it, in its own way.
    pub(super) fn handle_opened(&mut self, pathname: Pathname, offset: u64, finish: FinishKind) {
        (self.pathname, self.offset, self.finish) = (pathname, offset, finish);
    }

    /// The size of the file when this number of bytes has come.
    const fn size(&self, bytes: u64) -> u64 {
        self.offset.saturating_add(bytes)
    }
}

impl Subject {
    pub(crate) const fn direction(&self) -> Direction {
        match self {
            Self::Upload(_) => Direction::Store,
            Self::Download | Self::Listing => Direction::Retrieve,
        }
    }

    const fn upload(&self) -> Option<&UploadSubject> {
        match self {
            Self::Upload(upload) => Some(upload),
            Self::Download | Self::Listing => None,
        }
    }

    pub(crate) const fn is_upload(&self) -> bool {
        self.upload().is_some()
    }

    /// Where an upload goes.
    pub(crate) fn upload_pathname(&self) -> Option<&Pathname> {
        self.upload().map(|upload| &upload.pathname)
    }

    /// The name of an upload that the store has chosen.
    pub(crate) fn unique_name(&self) -> Option<&Pathname> {
        self.upload().filter(|upload| upload.naming == Naming::Unique).map(|upload| &upload.pathname)
    }

    /// Whether an `ABOR` can stop the finish of an upload.
    pub(super) fn can_stop(&self) -> bool {
        self.upload().is_some_and(|upload| upload.finish == FinishKind::CanStop)
    }

    /// Whether its size will tell that an upload is whole.
    pub(super) fn announces_whole(&self) -> bool {
        self.upload().is_some_and(|upload| matches!(upload.announced, Announced::Whole(_)))
    }

    /// Whether an upload of this number of bytes has just the announced size.
    pub(super) fn has_announced_size(&self, bytes: u64) -> bool {
        self.upload().is_some_and(|upload| upload.announced == Announced::Whole(upload.size(bytes)))
    }

    /// Whether an upload of this number of bytes has fewer than were announced.
    pub(super) fn is_short(&self, bytes: u64) -> bool {
        self.upload().is_some_and(|upload| match upload.announced {
            Announced::Nothing => false,
            Announced::Least(least) | Announced::Whole(least) => upload.size(bytes) < least,
        })
    }
}
