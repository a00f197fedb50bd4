//! Access control lists (POSIX.1e), as Linux hands them out and takes them: as an extended attribute.

use std::{ffi::CStr, fs::File, vec::Vec};

use rustix::{
    buffer::spare_capacity,
    fs::{XattrFlags, fgetxattr, fgetxattr_query, flistxattr, flistxattr_query, fremovexattr, fsetxattr},
    io::{self, Errno},
};

/// The attribute that is the list of a file. A version, `2`, is followed by entries of eight bytes, all of them least
/// significant byte first: a tag of two bytes, rights of two bytes, and the number of a user or group.
const LIST: &CStr = c"system.posix_acl_access";
const VERSION: [u8; 4] = [2, 0, 0, 0];
const OWNER: u8 = 0x01;
const OWNING_GROUP: u8 = 0x04;
const NAMED_GROUP: u8 = 0x08;
const MASK: u8 = 0x10;
const OTHER: u8 = 0x20;

/// What users' own attributes begin with. Others are the system's, or tell what programs may do.
const USER_ATTRIBUTE: &[u8] = b"user.";

/// The list that says who may do what with a file, beside its permission bits.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AccessList {
    /// There is none: the permission bits say it all.
    Absent,
    Entries(Vec<u8>),
    /// There may be one.
    Unknown,
}

impl AccessList {
    pub(super) fn of(file: &File) -> Self {
        match attribute(file, LIST) {
            Ok(entries) => Self::Entries(entries),
            Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS) => Self::Absent,
            Err(_) => Self::Unknown,
        }
    }

    /// The same list for a file whose group is another one.
    ///
    /// The old group's members are others then, and among the new group's are some who were others, or whom a group that
    /// is named kept out; so neither gets more than each of these has.
    pub(super) fn for_another_group(&self) -> Self {
        let mut entries = match self {
            Self::Entries(entries) => entries.clone(),
            Self::Absent => return Self::Absent,
            Self::Unknown => return Self::Unknown,
        };
        let Some((&mut VERSION, list)) = entries.split_first_chunk_mut() else { return Self::Unknown };
        let (list, _) = list.as_chunks_mut::<8>();
        let shared = list
            .iter()
            .filter(|[tag, ..]| matches!(*tag, OWNING_GROUP | NAMED_GROUP | MASK | OTHER))
            .fold(0o7, |shared, [_, _, rights, ..]| shared & rights);
        for [tag, _, rights, ..] in list {
            if matches!(*tag, OWNING_GROUP | OTHER) {
                *rights = shared;
            }
        }
        Self::Entries(entries)
    }

    /// What everybody may do but the owner: to read (4), write (2) and execute (1). `mode` are the file's permission bits.
    pub(super) fn shared(&self, mode: u32) -> u32 {
        match self {
            Self::Absent => mode >> 3 & mode & 0o7,
            Self::Entries(entries) => {
                let Some((&VERSION, list)) = entries.split_first_chunk() else { return 0 };
                let (list, _) = list.as_chunks::<8>();
                let others = list.iter().filter(|[tag, ..]| *tag != OWNER);
                others.fold(0o7, |shared, [_, _, rights, ..]| shared & u32::from(*rights))
            }
            Self::Unknown => 0,
        }
    }

    /// Makes it the list of a file, whose permission bits it changes, too.
    pub(super) fn give(&self, file: &File) -> io::Result<()> {
        match self {
            Self::Entries(entries) => fsetxattr(file, LIST, entries, XattrFlags::empty()),
            // A file may have one of its own: the directory has a default for what is made in it.
            Self::Absent => match fremovexattr(file, LIST) {
                Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
                removed => removed,
            },
            Self::Unknown => Err(Errno::ACCESS),
        }
    }
}

/// Gives a file the attributes that users have set for another one, as far as the server may. One value at a time is in
/// memory; Linux lets none of them, nor all names together, be longer than 64 KiB.
pub(super) fn copy_attributes(from: &File, to: &File) {
    let Ok(length @ 1..) = flistxattr_query(from) else { return };
    let mut names = Vec::with_capacity(length);
    if flistxattr(from, spare_capacity(&mut names)).is_err() {
        return;
    }
    for name in names.split_inclusive(|&byte| byte == 0).filter(|name| name.starts_with(USER_ATTRIBUTE)) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
        let copied = attribute(from, name).and_then(|value| fsetxattr(to, name, &value, XattrFlags::empty()));
        if let Err(error) = copied {
            tracing::debug!(?name, %error, "an extended attribute is not kept");
        }
    }
}

fn attribute(file: &File, name: &CStr) -> io::Result<Vec<u8>> {
    // Of a vector without room the length would be asked once more.
    let mut value = Vec::with_capacity(fgetxattr_query(file, name)?.max(1));
    fgetxattr(file, name, spare_capacity(&mut value))?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    #[test]
    fn a_list_that_cannot_be_read_gives_nobody_anything() {
        let read_by_all =
            [&VERSION[..], &[OWNER, 0, 7, 0, 0, 0, 0, 0], &[OTHER, 0, 4, 0, 0, 0, 0, 0]].concat();
        assert_eq!(AccessList::Entries(read_by_all).shared(0o777), 4);
        for unreadable in [vec![], vec![2, 0], vec![3, 0, 0, 0]] {
            assert_eq!(AccessList::Entries(unreadable).shared(0o777), 0);
        }
    }
}
