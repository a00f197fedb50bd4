//! What the system is asked for without a detour, on Unix.

use core::ops::Range;
use std::{
    ffi::{OsStr, OsString},
    format,
    fs::File,
    io,
    os::{
        fd::AsRawFd as _,
        unix::{
            ffi::{OsStrExt as _, OsStringExt as _},
            fs::{FileExt as _, MetadataExt as _},
        },
    },
    path::Path,
    string::String,
    vec::Vec,
};

use bytes::Bytes;
use cap_std::fs::{Dir, Metadata, MetadataExt as _, OpenOptions, OpenOptionsExt as _};
use rustix::{
    fs::{Access, AtFlags, CWD, FlockOperation, Mode, OFlags, RawMode, Timespec, Timestamps, UTIME_OMIT},
    io::Errno,
};

use crate::{storage::UnixAttributes, time_value::TimeValue};

/// The path that has these bytes.
pub(super) fn path(bytes: &[u8]) -> Option<&Path> {
    Some(Path::new(OsStr::from_bytes(bytes)))
}

/// The bytes of a name.
pub(super) fn name_bytes(name: OsString) -> Option<Bytes> {
    Some(name.into_vec().into())
}

/// Opens without waiting for the other end of a FIFO, and never makes a terminal the server's own.
pub(super) fn never_wait(options: &mut OpenOptions) -> &mut OpenOptions {
    options.custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed())
}

/// Opens a file or directory for [`set_mode`] and [`set_modified`].
pub(super) fn for_attributes(options: &mut OpenOptions) -> &mut OpenOptions {
    never_wait(options.read(true))
}

/// Opens a symbolic link not at all, and nothing else with waiting.
pub(super) fn never_follow(options: &mut OpenOptions) -> &mut OpenOptions {
    options.custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW).bits().cast_signed())
}

/// When the content changed last.
pub(super) fn modified(metadata: &Metadata) -> Option<TimeValue> {
    Some(TimeValue::from_unix(metadata.mtime(), u32::try_from(metadata.mtime_nsec()).unwrap_or(0)))
}

pub(super) fn unix_attributes(metadata: &Metadata) -> Option<UnixAttributes> {
    Some(UnixAttributes {
        mode: metadata.mode() & 0o7777,
        links: metadata.nlink(),
        owner: metadata.uid(),
        group: metadata.gid(),
    })
}

pub(super) fn unique(metadata: &Metadata) -> Option<(u64, u64)> {
    Some((metadata.dev(), metadata.ino()))
}

/// Lets only the server use a file that is created.
pub(super) fn only_mine(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

/// What became of an attempt to lock a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    /// It is locked until it is closed, and it has a name.
    Taken,
    /// Somebody else has it locked, or has removed it.
    Lost,
    /// There are no locks here.
    Unsupported,
}

/// Locks a file without waiting.
pub(super) fn lock(file: &File) -> io::Result<Lock> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) if file.metadata()?.nlink() > 0 => Ok(Lock::Taken),
        Ok(()) | Err(Errno::WOULDBLOCK) => Ok(Lock::Lost),
        Err(_) => Ok(Lock::Unsupported),
    }
}

/// Whether the server may write to the file `name`, which need not be what it would take to replace it.
pub(super) fn may_write(directory: &Dir, name: &Path) -> bool {
    may(directory, name, Access::WRITE_OK)
}

/// Whether the server may make, rename and remove entries of a directory, as the system says.
pub(super) fn may_change_entries(directory: &Dir) -> bool {
    may(directory, Path::new("."), Access::WRITE_OK | Access::EXEC_OK)
}

/// Which rights the server has to what has this name, as the system says: to read (4), to write (2), to execute (1).
pub(super) fn rights(directory: &Dir, name: &Path) -> u32 {
    [(4, Access::READ_OK), (2, Access::WRITE_OK), (1, Access::EXEC_OK)]
        .into_iter()
        .filter(|&(_, access)| may(directory, name, access))
        .map(|(bit, _)| bit)
        .sum()
}

/// What is not refused for sure may be done.
fn may(directory: &Dir, name: &Path, access: Access) -> bool {
    // Without the flag, the real user would be asked about, whom only a set-user-id program has beside the effective.
    !matches!(
        rustix::fs::accessat(directory, name, access, AtFlags::EACCESS),
        Err(Errno::ACCESS | Errno::PERM | Errno::ROFS)
    )
}

/// Whether entries of a directory belong to their owners alone.
pub(super) fn is_sticky(metadata: &Metadata) -> bool {
    metadata.mode() & 0o1000 != 0
}

/// Reads at most `most` bytes at `position`; fewer at the end of the file only.
pub(super) fn read_at(file: &File, position: u64, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(most);
    while bytes.len() < most {
        let from = position + bytes.len() as u64;
        match rustix::io::pread(file, rustix::buffer::spare_capacity(&mut bytes), from) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    // A vector may have got more room than it was asked for.
    bytes.truncate(most);
    Ok(bytes)
}

/// Where the next bytes of a file are that are not in a hole, from `from` on; `None` if there are no more.
pub(super) fn next_data(file: &File, from: u64) -> io::Result<Option<Range<u64>>> {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_vendor = "apple"))]
    {
        use rustix::fs::{SeekFrom, seek};

        let found = seek(file, SeekFrom::Data(from))
            .and_then(|start| Ok(Some(start..seek(file, SeekFrom::Hole(start))?)));
        match found {
            Err(Errno::NXIO) => return Ok(None),
            // The file system tells nothing of holes.
            Err(Errno::INVAL | Errno::OPNOTSUPP) => {}
            found => return Ok(found?),
        }
    }
    let length = file.metadata()?.len();
    Ok((from < length).then_some(from..length))
}

/// A handle of the file `name`, which is open as `file`, for one that seeks. Everybody else here says where to read and
/// write, so it may be the same file description.
pub(super) fn seekable(_: &Dir, _: &Path, file: &File) -> io::Result<File> {
    file.try_clone()
}

pub(super) fn write_all_at(file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
    file.write_all_at(bytes, position)
}

/// Renames within a directory, unless there is something of the new name.
pub(super) fn rename_to_new(directory: &Dir, from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    {
        use rustix::fs::{RenameFlags, renameat_with};

        match renameat_with(directory, from, directory, to, RenameFlags::NOREPLACE) {
            // Some file systems, those over a network above all, do not offer it.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            done => return Ok(done?),
        }
    }
    link_to_new(directory, from, to)
}

/// The same in two steps. Between them the file has both names.
fn link_to_new(directory: &Dir, from: &Path, to: &Path) -> io::Result<()> {
    directory.hard_link(from, directory, to)?;
    // The file is in place. Its first name is hidden, and goes when the store is opened again at the latest.
    let _ = directory.remove_file(from);
    Ok(())
}

/// By what a directory can be synced.
#[derive(Debug)]
pub(super) enum Syncable {
    By(File),
    /// The server may not read it.
    Unreadable,
    /// The system has no such thing for directories.
    #[allow(dead_code, reason = "that is for other systems to say")]
    Never,
}

/// Opens a directory to be synced when its names have changed.
pub(super) fn open_to_sync(directory: &Dir) -> io::Result<Syncable> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match rustix::fs::openat(directory, c".", flags, Mode::empty()) {
        Ok(readable) => Ok(Syncable::By(readable.into())),
        Err(Errno::ACCESS) => Ok(Syncable::Unreadable),
        Err(error) => Err(error.into()),
    }
}

/// Makes the names in a directory survive a power cut.
pub(super) fn sync_directory(readable: &File) -> io::Result<()> {
    match rustix::fs::fsync(readable) {
        // The file system has no such thing for directories.
        Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::BADF) => Ok(()),
        synced => Ok(synced?),
    }
}

/// Makes a file and the names beside it survive a power cut, at the cost of waiting for the whole file system.
pub(super) fn sync_around(file: &File) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return Ok(rustix::fs::syncfs(file)?);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    file.sync_all()
}

/// Bytes that can still be stored; `None` if nobody knows.
pub(super) fn available(directory: &Dir) -> io::Result<Option<u64>> {
    let volume = rustix::fs::fstatvfs(directory)?;
    Ok(Some(volume.f_bavail.saturating_mul(volume.f_frsize)))
}

/// Opens a file or directory that the server may not read, for [`set_mode`] and [`set_modified`].
pub(super) fn open_unreadable(root: &Dir, path: &Path) -> io::Result<cap_std::fs::File> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return root
        .open_with(path, OpenOptions::new().read(true).custom_flags(OFlags::PATH.bits().cast_signed()));
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    root.open_with(path, never_wait(OpenOptions::new().write(true)))
}

/// Sets the permission bits.
pub(super) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    let mode = Mode::from_raw_mode(mode as RawMode);
    match rustix::fs::fchmod(file, mode) {
        Err(Errno::BADF) => Ok(rustix::fs::chmod(own_path(file), mode)?),
        done => Ok(done?),
    }
}

/// Sets the time of the last modification.
pub(super) fn set_modified(file: &File, modified: TimeValue) -> io::Result<()> {
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec {
            tv_sec: modified.unix_seconds(),
            tv_nsec: modified.subsec_nanoseconds().into(),
        },
    };
    match rustix::fs::futimens(file, &times) {
        Err(Errno::BADF) => Ok(rustix::fs::utimensat(CWD, own_path(file), &times, AtFlags::empty())?),
        done => Ok(done?),
    }
}

/// The name by which Linux changes a file that is open for nothing ([`open_unreadable`]).
fn own_path(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

#[cfg(test)]
mod tests {
    use cap_std::ambient_authority;

    use super::*;

    fn folder() -> (tempfile::TempDir, Dir) {
        let folder = tempfile::tempdir().unwrap();
        let directory = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        (folder, directory)
    }

    #[test]
    fn a_new_name_replaces_nothing() {
        let (_folder, directory) = folder();
        for rename in [rename_to_new, link_to_new] {
            directory.write("one", "1").unwrap();
            directory.write("other", "2").unwrap();
            let error = rename(&directory, Path::new("one"), Path::new("other")).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(directory.read("other").unwrap(), b"2");
            rename(&directory, Path::new("one"), Path::new("new")).unwrap();
            assert!(!directory.exists("one") && directory.read("new").unwrap() == b"1");
            directory.remove_file("new").unwrap();
        }
    }

    #[test]
    fn directories_are_synced() {
        let (_folder, directory) = folder();
        directory.write("file", "content").unwrap();
        let Syncable::By(readable) = open_to_sync(&directory).unwrap() else { panic!() };
        sync_directory(&readable).unwrap();
        sync_around(&directory.open("file").unwrap().into_std()).unwrap();
    }

    #[test]
    fn what_cannot_be_opened_can_be_changed() {
        let (_folder, root) = folder();
        root.write("file", "content").unwrap();
        let file = open_unreadable(&root, Path::new("file")).unwrap().into_std();
        set_mode(&file, 0o640).unwrap();
        set_modified(&file, TimeValue::from_unix(1_000_000_000, 5)).unwrap();
        let metadata = root.metadata("file").unwrap();
        assert_eq!(
            (metadata.mode() & 0o7777, metadata.mtime(), metadata.mtime_nsec()),
            (0o640, 1_000_000_000, 5)
        );
    }

    #[test]
    fn a_lock_is_lost_to_another_and_to_a_removal() {
        let (_folder, directory) = folder();
        directory.write("file", "content").unwrap();
        let open = || directory.open("file").unwrap().into_std();
        let (first, second) = (open(), open());
        assert_eq!(lock(&first).unwrap(), Lock::Taken);
        assert_eq!(lock(&second).unwrap(), Lock::Lost);
        drop(first);
        assert_eq!(lock(&second).unwrap(), Lock::Taken);
        drop(second);
        let removed = open();
        directory.remove_file("file").unwrap();
        assert_eq!(lock(&removed).unwrap(), Lock::Lost);
    }

    #[test]
    fn reads_stop_at_the_end_and_at_what_was_asked_for() {
        let (_folder, directory) = folder();
        directory.write("file", "0123456789").unwrap();
        let file = directory.open("file").unwrap().into_std();
        assert_eq!(read_at(&file, 0, 4).unwrap(), b"0123");
        assert_eq!(read_at(&file, 8, 4).unwrap(), b"89");
        assert!(read_at(&file, 10, 4).unwrap().is_empty());
    }
}
