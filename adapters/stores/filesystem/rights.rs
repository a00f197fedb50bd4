//! What the server may do with an entry of a directory.

use std::io;

use cap_std::fs::{Dir, Metadata as SystemMetadata};

use super::{credentials::Credentials, system};
use crate::storage::{EntryKind, Permissions, Right};

/// What a user may do to the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    ReadWrite,
    ReadOnly,
}

/// A directory, as far as it decides what may be done with its entries. It is looked at once for all of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings {
    access: Access,
    is_writable: bool,
    /// Whether only their owners may rename and remove entries.
    is_restricted: bool,
}

impl Surroundings {
    pub(super) fn of(directory: &Dir, access: Access, credentials: &Credentials) -> io::Result<Self> {
        let metadata = directory.dir_metadata()?;
        Ok(Self {
            access,
            is_writable: access == Access::ReadWrite && system::may_change_entries(directory),
            is_restricted: system::is_sticky(&metadata) && !credentials.owns(&metadata),
        })
    }

    /// What may be done with an entry, of which the server has these rights to read (4), write (2) and execute (1).
    pub(super) fn permissions(
        self,
        kind: EntryKind,
        bits: u32,
        metadata: &SystemMetadata,
        credentials: &Credentials,
    ) -> Permissions {
        let may_move = self.may_move(metadata, credentials);
        let may_read = bits & 4 != 0;
        let permissions = Permissions::NONE.with(Right::Delete, may_move).with(Right::Rename, may_move);
        match kind {
            EntryKind::File => {
                // A file that is stored takes the place of the old one.
                let may_replace = may_move && bits & 2 != 0;
                permissions
                    .with(Right::Retrieve, may_read)
                    .with(Right::Store, may_replace)
                    .with(Right::Append, may_replace && may_read)
            }
            EntryKind::Directory => {
                let may_search = bits & 1 != 0;
                let may_change = self.access == Access::ReadWrite && may_search && bits & 2 != 0;
                permissions
                    .with(Right::Enter, may_search)
                    .with(Right::List, may_read && may_search)
                    .with(Right::Create, may_change)
                    .with(Right::MakeDirectory, may_change)
                    .with(Right::Purge, may_change)
            }
            EntryKind::Symlink | EntryKind::Other => permissions,
        }
    }

    /// Whether an entry may be renamed and removed.
    pub(super) fn may_move(self, metadata: &SystemMetadata, credentials: &Credentials) -> bool {
        self.is_writable && (!self.is_restricted || credentials.owns(metadata))
    }
}
