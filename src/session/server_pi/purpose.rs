//! What the accounts and the store are asked for.

use bytes::Bytes;

use crate::{
    listing::ListingFormat,
    pathname::{Pathname, names_directory},
    pattern::Pattern,
    reply::Reply,
    session::action::RequestId,
    storage::EntryKind,
    time_value::TimeValue,
};

/// A request that is under way.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Pending {
    pub(crate) id: RequestId,
    pub(crate) purpose: Purpose,
}

/// What a request is for.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) enum Purpose {
    LogIn,
    ChangeDirectory(Pathname),
    RenameFrom(Pathname, Wanted),
    /// The running transfer.
    Open,
    /// The running transfer, which turns to the one entry if this is no directory, and to a pattern if it is nothing.
    OpenListing(Listed),
    /// The one entry.
    ListFile(Pathname, ListingFormat),
    Facts(Pathname, Wanted),
    Size,
    /// `MDTM`, and what it sets if there is nothing of that name.
    ModificationTime(Wanted, TimeToSet),
    /// A time is set, and then read back.
    SetModified {
        pathname: Pathname,
        modified: TimeValue,
        told: TimeReply,
    },
    /// The time that a file has now that this one was set.
    ModifiedIsSet(TimeValue, TimeReply),
    /// `STAT` of a directory, which turns to the one entry if this is none, and to the pattern if it is nothing.
    Status(Listed),
    StatusOfFile(Pathname, ListingFormat),
    /// `STAT` of a pattern.
    StatusOfMatches(ListingFormat),
    Available,
    Text,
    Rename,
    /// This reply, if it could be done.
    Reply(Reply),
}

/// What a name is to lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Anything,
    Directory,
}

impl Wanted {
    /// A file is not found by a name that ends in a slash.
    pub(crate) fn by_name(argument: &[u8]) -> Self {
        if names_directory(argument) { Self::Directory } else { Self::Anything }
    }

    pub(crate) const fn is_met_by(self, kind: EntryKind) -> bool {
        matches!((self, kind), (Self::Anything, _) | (Self::Directory, EntryKind::Directory))
    }
}

/// What the argument of an `MDTM` sets if it is no pathname.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) enum TimeToSet {
    None,
    /// The time of the file that has this name.
    Of(Bytes, TimeValue),
    /// A time that has several meanings.
    Unclear,
}

/// How the client is told of a time that it has set.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) enum TimeReply {
    /// As `MDTM` tells it.
    Digits,
    /// As the fact of this name (the draft of `MFMT`).
    Fact(Bytes),
}

/// What is listed, over a data connection or by `STAT`.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Listed {
    pub(crate) pathname: Pathname,
    pub(crate) wanted: Wanted,
    /// The pattern that the last segment is, if nothing has that very name.
    pub(crate) pattern: Option<Pattern>,
    pub(crate) format: ListingFormat,
}
