//! What other systems have of that which `system.rs` asks Unix for, and how they say that they have it not.

use core::ops::Range;
use std::{
    ffi::OsString,
    fs::{File, FileTimes},
    io::{self, Seek as _, SeekFrom, Write as _},
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
    vec,
    vec::Vec,
};

use bytes::Bytes;
use cap_std::fs::{Dir, Metadata, OpenOptions};

use crate::{storage::UnixAttributes, time_value::TimeValue};

/// The path that has these bytes, if they are UTF-8 and nothing in them means something else to the system.
pub(super) fn path(bytes: &[u8]) -> Option<&Path> {
    let text = core::str::from_utf8(bytes).ok()?;
    (!text.contains(['\\', ':'])).then(|| Path::new(text))
}

/// The bytes of a name, if a client could send them.
pub(super) fn name_bytes(name: OsString) -> Option<Bytes> {
    name.into_string().ok().map(Bytes::from)
}

pub(super) fn never_wait(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Opens a file for [`set_modified`].
pub(super) fn for_attributes(options: &mut OpenOptions) -> &mut OpenOptions {
    options.write(true)
}

pub(super) fn never_follow(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// When the content changed last.
pub(super) fn modified(metadata: &Metadata) -> Option<TimeValue> {
    let modified = metadata.modified().ok()?.into_std();
    let nanoseconds = match modified.duration_since(UNIX_EPOCH) {
        Ok(after) => i128::try_from(after.as_nanos()).ok()?,
        Err(before) => -i128::try_from(before.duration().as_nanos()).ok()?,
    };
    let seconds = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).ok()?;
    Some(TimeValue::from_unix(seconds, nanoseconds.rem_euclid(1_000_000_000) as u32))
}

pub(super) fn unix_attributes(_: &Metadata) -> Option<UnixAttributes> {
    None
}

pub(super) fn unique(_: &Metadata) -> Option<(u64, u64)> {
    None
}

pub(super) fn only_mine(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// What became of an attempt to lock a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "the other cases are Unix's")]
pub(super) enum Lock {
    /// It is locked until it is closed, and it has a name.
    Taken,
    /// Somebody else has it locked, or has removed it.
    Lost,
    /// There are no locks here.
    Unsupported,
}

pub(super) fn lock(_: &File) -> io::Result<Lock> {
    Ok(Lock::Unsupported)
}

pub(super) fn may_write(_: &Dir, _: &Path) -> bool {
    true
}

pub(super) fn may_change_entries(_: &Dir) -> bool {
    true
}

/// Which rights the server has to what has this name: to read (4), to write (2), to execute (1).
pub(super) fn rights(directory: &Dir, name: &Path) -> u32 {
    let is_fixed = directory.metadata(name).is_ok_and(|it| it.is_file() && it.permissions().readonly());
    if is_fixed { 0o5 } else { 0o7 }
}

pub(super) fn is_sticky(_: &Metadata) -> bool {
    false
}

/// Reads at most `most` bytes at `position`; fewer at the end of the file only.
pub(super) fn read_at(mut file: &File, position: u64, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; most];
    let mut length = 0;
    file.seek(SeekFrom::Start(position))?;
    while let Some(room) = bytes.get_mut(length..).filter(|room| !room.is_empty()) {
        match io::Read::read(&mut file, room) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// Where the next bytes of a file are, from `from` on; `None` if there are no more.
pub(super) fn next_data(file: &File, from: u64) -> io::Result<Option<Range<u64>>> {
    let length = file.metadata()?.len();
    Ok((from < length).then_some(from..length))
}

/// A handle of the file `name` with a position of its own, for [`write_all_at`] moves that of the other one.
pub(super) fn seekable(directory: &Dir, name: &Path, _: &File) -> io::Result<File> {
    Ok(directory.open_with(name, OpenOptions::new().write(true))?.into_std())
}

pub(super) fn write_all_at(mut file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(position))?;
    file.write_all(bytes)
}

/// Renames within a directory, unless there is something of the new name. Between its two steps the file has both
/// names.
pub(super) fn rename_to_new(directory: &Dir, from: &Path, to: &Path) -> io::Result<()> {
    directory.hard_link(from, directory, to)?;
    // The file is in place. Its first name is hidden, and goes when the store is opened again at the latest.
    let _ = directory.remove_file(from);
    Ok(())
}

/// By what a directory can be synced.
#[derive(Debug)]
#[allow(dead_code, reason = "the other cases are Unix's")]
pub(super) enum Syncable {
    By(File),
    /// The server may not read it.
    Unreadable,
    /// The system has no such thing for directories.
    Never,
}

pub(super) fn open_to_sync(_: &Dir) -> io::Result<Syncable> {
    Ok(Syncable::Never)
}

pub(super) fn sync_directory(_: &File) -> io::Result<()> {
    Ok(())
}

pub(super) fn sync_around(_: &File) -> io::Result<()> {
    Ok(())
}

/// Bytes that can still be stored; `None` if nobody knows.
pub(super) fn available(_: &Dir) -> io::Result<Option<u64>> {
    Ok(None)
}

/// Opens a file that the server may not read.
pub(super) fn open_unreadable(root: &Dir, path: &Path) -> io::Result<cap_std::fs::File> {
    root.open_with(path, OpenOptions::new().write(true))
}

pub(super) fn set_mode(_: &File, _: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Sets the time of the last modification.
pub(super) fn set_modified(file: &File, modified: TimeValue) -> io::Result<()> {
    let seconds = Duration::from_secs(modified.unix_seconds().unsigned_abs());
    let whole = match modified.unix_seconds() {
        ..0 => UNIX_EPOCH.checked_sub(seconds),
        _ => UNIX_EPOCH.checked_add(seconds),
    };
    let exact: Option<SystemTime> =
        whole.and_then(|time| time.checked_add(Duration::from_nanos(modified.subsec_nanoseconds().into())));
    let exact = exact.ok_or(io::ErrorKind::InvalidInput)?;
    file.set_times(FileTimes::new().set_modified(exact))
}
