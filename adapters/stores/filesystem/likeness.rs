//! What a file that is replaced leaves to the one that takes its place.

use std::{
    fs::{File, Permissions},
    io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown},
    path::Path,
};

use cap_std::fs::{Dir, MetadataExt as _, OpenOptions};

use super::{
    access_list::{AccessList, copy_attributes},
    system::never_follow,
};

/// Nobody but the owner is let in before it is known who may be.
const OWNER_ONLY: u32 = 0o600;

/// A file that is replaced: who may read and write it, and what else goes over to its successor.
#[derive(Debug)]
pub(super) struct Likeness {
    owner: u32,
    group: u32,
    /// The permission bits, without those that let a program run as somebody else: they are not for a new content.
    mode: u32,
    access_list: AccessList,
    may_server_read: bool,
    /// The file itself, while its attributes are wanted and where the server could open it.
    file: Option<File>,
}

impl Likeness {
    /// Looks at what has the name; `None` if that is no file.
    pub(super) fn of(directory: &Dir, name: &Path) -> io::Result<Option<Self>> {
        match directory.symlink_metadata(name) {
            Ok(present) if present.is_file() => {}
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
        let open = |options: &mut OpenOptions| directory.open_with(name, never_follow(options));
        let readable = open(OpenOptions::new().read(true));
        let may_server_read = !matches!(&readable, Err(error) if is_refused(error));
        let opened = if may_server_read { readable } else { open(OpenOptions::new().write(true)) };
        let (metadata, file) = match opened {
            Ok(file) => (file.metadata()?, Some(file.into_std())),
            Err(error) if is_refused(&error) => (directory.symlink_metadata(name)?, None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let access_list = file.as_ref().map_or(AccessList::Unknown, AccessList::of);
        let (owner, group, mode) = (metadata.uid(), metadata.gid(), metadata.mode() & 0o777);
        Ok(metadata.is_file().then_some(Self { owner, group, mode, access_list, may_server_read, file }))
    }

    /// The same without the file: what can be told without it.
    pub(super) fn closed(self) -> Self {
        Self { file: None, ..self }
    }

    /// Makes `file`, which is the server's own, like it, as far as the system lets the server.
    ///
    /// At no moment may anybody read or write it who could not read or write the file that it replaces, but for the
    /// server. So what is given away first is the group, which costs nobody anything while only the owner is let in; and
    /// where that must stay another one, what the group and others may do is cut.
    pub(super) fn give(&self, file: &File) -> io::Result<()> {
        let present = file.metadata()?;
        if present.mode() & 0o777 != OWNER_ONLY {
            set_mode(file, OWNER_ONLY)?;
        }
        if let Some(from) = &self.file {
            copy_attributes(from, file);
        }
        let is_group_kept = present.gid() == self.group || fchown(file, None, Some(self.group)).is_ok();
        let (access_list, mode) = match is_group_kept {
            true => (&self.access_list, self.mode),
            false => (&self.access_list.for_another_group(), mode_for_another_group(self.mode)),
        };
        if mode != self.mode {
            tracing::warn!(
                group = self.group,
                mode = %format_args!("{:o} to {mode:o}", self.mode),
                "the group of a file is not kept, so fewer may use it"
            );
        }
        match access_list.give(file) {
            Ok(()) if matches!(access_list, AccessList::Absent) => set_mode(file, mode)?,
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(%error, "the access list of a file is not kept, so only its owner may use it");
                set_mode(file, self.mode & 0o700)?;
            }
        }
        // Only root may give files away. The server, as the owner, gets what it had, and not what the owner had.
        if present.uid() != self.owner && fchown(file, Some(self.owner), None).is_err() {
            let servers_own = if self.may_server_read { 0o600 } else { 0o200 };
            let others = file.metadata()?.mode() & 0o077;
            set_mode(file, servers_own | self.mode & 0o100 | others)?;
        }
        Ok(())
    }

    /// Takes from the group and others of this file what they may not do with `replaced`, whose name it is to get; not
    /// the right to execute it. `None` if they may do no more, or if the file is not the server's to change.
    pub(super) fn narrow_to(&self, replaced: &Self) -> Option<Narrowed<'_>> {
        // Who belongs to one group need not belong to the other.
        let is_alike = self.group == replaced.group && self.access_list == replaced.access_list;
        let limit = match is_alike && self.access_list != AccessList::Unknown {
            true => replaced.mode,
            false => replaced.access_list.shared(replaced.mode) * 0o11,
        };
        let file = self.file.as_ref()?;
        let mode = file.metadata().ok()?.mode() & 0o7777;
        let narrow = mode & (limit | 0o7711);
        (narrow != mode && set_mode(file, narrow).is_ok()).then_some(Narrowed { file, mode })
    }
}

/// The permissions that a file had before it was [narrowed](Likeness::narrow_to).
#[derive(Debug)]
pub(super) struct Narrowed<'a> {
    file: &'a File,
    mode: u32,
}

impl Narrowed<'_> {
    pub(super) fn undo(self) {
        if let Err(error) = set_mode(self.file, self.mode) {
            tracing::debug!(%error, "a file that could not be renamed does not get its permissions back");
        }
    }
}

/// The old group's members are others then, and the new group's were, so neither gets more than both had.
const fn mode_for_another_group(mode: u32) -> u32 {
    let shared = mode & mode >> 3 & 0o007;
    mode & 0o700 | shared << 3 | shared
}

fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode))
}

/// Whether a file cannot be opened like this, because of its permissions or because a program runs from it.
fn is_refused(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ExecutableFileBusy)
}
