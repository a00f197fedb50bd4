//! What stores tell of files and directories.

use core::fmt::{self, Write as _};

use bytes::Bytes;

use crate::time_value::TimeValue;

/// What a store knows about a file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// File, directory or something else.
    pub kind: EntryKind,
    /// Bytes of a file, or those that a directory itself takes, which only `LIST` shows; 0 where it has no meaning.
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

/// One thing that a user may do with a file or directory: a letter of the `perm` fact (RFC 3659 7.5.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Right {
    /// `APPE` to this file.
    Append,
    /// `STOR` of new files in this directory.
    Create,
    /// `DELE` or `RMD` of this.
    Delete,
    /// `CWD` to this directory.
    Enter,
    /// `RNFR` of this.
    Rename,
    /// `LIST` and the like of this directory.
    List,
    /// `MKD` in this directory.
    MakeDirectory,
    /// `DELE` and `RMD` of what is in this directory.
    Purge,
    /// `RETR` of this file.
    Retrieve,
    /// `STOR` over this file.
    Store,
}

impl Right {
    const ALL: [Self; 10] = [
        Self::Append,
        Self::Create,
        Self::Delete,
        Self::Enter,
        Self::Rename,
        Self::List,
        Self::MakeDirectory,
        Self::Purge,
        Self::Retrieve,
        Self::Store,
    ];

    const fn bit(self) -> u16 {
        1 << self as u16
    }

    const fn letter(self) -> u8 {
        match self {
            Self::Append => b'a',
            Self::Create => b'c',
            Self::Delete => b'd',
            Self::Enter => b'e',
            Self::Rename => b'f',
            Self::List => b'l',
            Self::MakeDirectory => b'm',
            Self::Purge => b'p',
            Self::Retrieve => b'r',
            Self::Store => b'w',
        }
    }
}

/// What a user may do with a file or directory, as the `perm` fact tells it (RFC 3659 7.5.5): a set of [`Right`]s.
///
/// Clients leave out what they read here that they may not do, and `CWD` and `RNFR` are refused without asking the store
/// any further where [`Right::Enter`] or [`Right::Rename`] is missing in what [`stat`](super::Storage::stat) tells. So
/// what a store does not know for sure to be refused is a right.
///
/// ```
/// use sansftp::storage::{EntryKind, Permissions, Right};
///
/// let permissions = Permissions::read_only(EntryKind::File).with(Right::Delete, true);
/// assert!(permissions.has(Right::Retrieve) && !permissions.has(Right::Store));
/// assert!(permissions.letters().eq(*b"dr"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Permissions(u16);

impl Permissions {
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// Everything that can be done with such an entry.
    #[must_use]
    pub const fn all(kind: EntryKind) -> Self {
        Self::NONE
            .with(Right::Append, matches!(kind, EntryKind::File))
            .with(Right::Create, matches!(kind, EntryKind::Directory))
            .with(Right::Delete, true)
            .with(Right::Rename, true)
            .with(Right::MakeDirectory, matches!(kind, EntryKind::Directory))
            .with(Right::Purge, matches!(kind, EntryKind::Directory))
            .with(Right::Store, matches!(kind, EntryKind::File))
            .and(Self::read_only(kind))
    }

    /// What changes nothing: `RETR` of a file, `CWD` and `LIST` of a directory.
    #[must_use]
    pub const fn read_only(kind: EntryKind) -> Self {
        Self::NONE
            .with(Right::Enter, matches!(kind, EntryKind::Directory))
            .with(Right::List, matches!(kind, EntryKind::Directory))
            .with(Right::Retrieve, matches!(kind, EntryKind::File))
    }

    /// The same set, and this one if `is_granted`; without it if not.
    #[must_use]
    pub const fn with(self, right: Right, is_granted: bool) -> Self {
        if is_granted { Self(self.0 | right.bit()) } else { Self(self.0 & !right.bit()) }
    }

    const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether this one is among them.
    #[must_use]
    pub const fn has(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }

    /// The letters of the `perm` fact.
    pub fn letters(self) -> impl Iterator<Item = u8> {
        Right::ALL.into_iter().filter(move |right| self.has(*right)).map(Right::letter)
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permissions(")?;
        self.letters().try_for_each(|letter| f.write_char(letter.into()))?;
        f.write_char(')')
    }
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The last segment of its pathname. A name that has a NUL, CR, LF or `/` cannot be sent in a listing nor be
    /// asked for by a client, and listings leave it out.
    pub name: Bytes,
    /// What the store knows about it. Of a symbolic link that it follows, it tells what [`stat`](super::Storage::stat)
    /// would: `MLSD` says what `MLST` says.
    pub metadata: Metadata,
    /// The link itself, if it is a symbolic link whose target a client may see: `LIST` shows it as `ls` does.
    pub link: Option<Link>,
}

impl Entry {
    /// An entry that is no symbolic link.
    #[must_use]
    pub const fn new(name: Bytes, metadata: Metadata) -> Self {
        Self { name, metadata, link: None }
    }
}

/// A symbolic link, as far as it is not what it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What it says, which is shown to clients.
    pub target: Bytes,
    /// When it was made.
    pub modified: Option<TimeValue>,
    /// Its own Unix attributes.
    pub unix: Option<UnixAttributes>,
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn the_perm_fact_tells_what_may_be_done() {
        use EntryKind::{Directory, File, Other, Symlink};

        for (permissions, letters) in [
            (Permissions::all(File), "adfrw"),
            (Permissions::all(Directory), "cdeflmp"),
            (Permissions::all(Symlink), "df"),
            (Permissions::all(Other), "df"),
            (Permissions::read_only(File), "r"),
            (Permissions::read_only(Directory), "el"),
            (Permissions::read_only(Other), ""),
            (Permissions::NONE, ""),
            (Permissions::all(File).with(Right::Append, false).with(Right::Store, false), "dfr"),
            (Permissions::NONE.with(Right::Create, true).with(Right::Create, true), "c"),
        ] {
            assert!(permissions.letters().eq(letters.bytes()), "{permissions:?}");
            assert_eq!(format!("{permissions:?}"), format!("Permissions({letters})"));
        }
    }

    #[test]
    fn each_right_is_one_of_its_own() {
        for right in Right::ALL {
            let alone = Permissions::NONE.with(right, true);
            assert_eq!(Right::ALL.map(|other| alone.has(other)), Right::ALL.map(|other| other == right));
        }
    }
}
