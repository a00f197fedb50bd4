//! What stores tell of files and directories.

use bytes::Bytes;

use crate::time_value::TimeValue;

/// What a store knows about a file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// File, directory or something else.
    pub kind: EntryKind,
    /// Bytes of a file; 0 where it has no meaning.
    pub size: u64,
    /// When the content last changed.
    pub modified: Option<TimeValue>,
    /// What the user may do with it (the `perm` fact).
    pub permissions: Permissions,
    /// Unix attributes, where the store has them.
    pub unix: Option<UnixAttributes>,
    /// The same for two names of one file and for nothing else in the store (the `unique` fact).
    pub unique: Option<(u64, u64)>,
}

impl Metadata {
    /// A file of `size` bytes with which its user may do everything.
    #[must_use]
    pub const fn file(size: u64) -> Self {
        Self::new(EntryKind::File, size)
    }

    /// A directory with which its user may do everything.
    #[must_use]
    pub const fn directory() -> Self {
        Self::new(EntryKind::Directory, 0)
    }

    const fn new(kind: EntryKind, size: u64) -> Self {
        Self { kind, size, modified: None, permissions: Permissions::all(kind), unix: None, unique: None }
    }
}

/// Unix attributes of a file or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnixAttributes {
    /// Permission bits, at most `0o7777`.
    pub mode: u32,
    /// Number of hard links.
    pub links: u64,
    /// Number of the owning user.
    pub owner: u32,
    /// Number of the owning group.
    pub group: u32,
}

/// What an entry of a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A file whose content can be retrieved.
    File,
    /// A directory.
    Directory,
    /// A symbolic link. Only listings have it: [`stat`](super::Storage::stat) follows links.
    Symlink,
    /// Something that can be neither retrieved nor entered: a device, a socket, a FIFO.
    Other,
}

/// What a user may do with a file or directory, as the `perm` fact tells it (RFC 3659 7.5.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permissions {
    /// A file: RETR, STOR, APPE, DELE, RNFR. A directory: CWD, LIST, STOR in it, MKD in it, RMD, RNFR, deletion in it.
    All(EntryKind),
    /// A file: RETR. A directory: CWD, LIST.
    ReadOnly(EntryKind),
    /// Nothing.
    None,
}

impl Permissions {
    /// Everything that can be done with such an entry.
    #[must_use]
    pub const fn all(kind: EntryKind) -> Self {
        Self::All(kind)
    }

    /// The letters of the `perm` fact.
    #[must_use]
    pub const fn letters(self) -> &'static str {
        match self {
            Self::All(EntryKind::File) => "adfrw",
            Self::All(EntryKind::Directory) => "cdeflmp",
            Self::All(_) => "df",
            Self::ReadOnly(EntryKind::File) => "r",
            Self::ReadOnly(EntryKind::Directory) => "el",
            Self::ReadOnly(_) | Self::None => "",
        }
    }
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The last segment of its pathname. A name that has a NUL, CR, LF or `/` cannot be sent in a listing nor be
    /// asked for by a client, and listings leave it out.
    pub name: Bytes,
    /// What the store knows about it.
    pub metadata: Metadata,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_perm_fact_tells_what_may_be_done() {
        use EntryKind::{Directory, File, Other, Symlink};

        for (permissions, letters) in [
            (Permissions::all(File), "adfrw"),
            (Permissions::all(Directory), "cdeflmp"),
            (Permissions::all(Symlink), "df"),
            (Permissions::all(Other), "df"),
            (Permissions::ReadOnly(File), "r"),
            (Permissions::ReadOnly(Directory), "el"),
            (Permissions::ReadOnly(Other), ""),
            (Permissions::None, ""),
        ] {
            assert_eq!(permissions.letters(), letters, "{permissions:?}");
        }
    }
}
