//! Files below a directory of the operating system.

#[cfg(unix)]
#[cfg_attr(not(any(target_os = "linux", target_os = "android")), path = "no_access_list.rs")]
mod access_list;
mod commit_point;
mod copying;
#[cfg_attr(not(unix), path = "no_credentials.rs")]
mod credentials;
mod directory_sync;
mod download;
mod file_state;
mod leftovers;
#[cfg_attr(not(unix), path = "no_likeness.rs")]
mod likeness;
mod listing;
mod names;
mod options;
mod parts;
mod pooled;
mod rights;
mod root;
mod start;
#[cfg_attr(not(unix), path = "portable.rs")]
mod system;
mod target;
mod temporary;
mod upload;

use std::{format, io, path::Path};

pub use self::{
    download::FilesystemDownload,
    listing::FilesystemListing,
    options::{Durability, Links, OnAbort},
    upload::FilesystemUpload,
};
use self::{
    leftovers::{Progress, Walk},
    rights::Access,
    root::Root,
};
use crate::{
    adapters::blocking_pool::BlockingPool,
    pathname::Pathname,
    storage::{Metadata, OpenedUpload, Placement, Storage, StorageError},
    time_value::TimeValue,
};

/// Entries that [`Filesystem::open`] itself looks at in search of leftovers, before it leaves the rest to the
/// background. A disk that has to look them all up takes some seconds for them.
const ENTRIES_AT_OPEN: usize = 100_000;

/// A store of the files below a directory of the operating system.
///
/// A clone is the same store. Open it once and give each user a clone.
///
/// ```
/// use sansftp::{
///     adapters::stores::{Durability, Filesystem},
///     pathname::Pathname,
///     storage::{Placement, Storage, Upload},
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let directory = directory.path();
/// let store = Filesystem::open(directory)?.with_durability(Durability::Rename);
/// let path = Pathname::root().join(b"greeting.txt")?;
/// let mut upload = store.open_upload(&path, Placement::Replace, None).await?.upload;
/// upload.write("hello".into()).await?;
/// assert!(!directory.join("greeting.txt").exists());
/// upload.finish().await?;
/// assert_eq!(std::fs::read(directory.join("greeting.txt"))?, b"hello");
/// # Ok(())
/// # }
/// ```
///
/// # Where it reaches
///
/// No pathname leads out of the directory: on Linux the kernel itself sees to that (`openat2` with `RESOLVE_BENEATH`),
/// elsewhere [`cap_std`] does, one segment after the other. Symbolic links that stay inside are followed, but by
/// `DELE`, `RNFR` and `RNTO`, which take the link itself; one that leads outside is
/// [`PermissionDenied`](crate::storage::StorageErrorKind::PermissionDenied), also if it is swapped in during use. So is
/// an absolute one, wherever it leads. How listings show links is a choice ([`Links`]).
/// FIFOs, sockets and devices are listed, and can be renamed and deleted, but are neither opened for longer than it
/// takes to see what they are nor replaced.
///
/// # What may be done
///
/// The `perm` fact, and so whether `CWD` and `RNFR` are refused at once, says what the system lets the server do. For one
/// file or directory it is asked; what a listing says of its entries follows from the server's user and groups and from
/// the owners, groups and permission bits of the entries and of the directory, without a call for each. So a listing can
/// be wrong where more than these decides, as access control lists do, or a mount in it that can only be read. The
/// server's user and groups are asked for when the first listing or fact is.
///
/// # How files are stored
///
/// An upload goes to a temporary file in the directory of its target, and
/// [`finish`](crate::storage::Upload::finish) renames it over the target. So the old content stays whole until the new
/// one is, whatever happens in between (but see [`OnAbort`] for where there is no old content), and a download that has
/// begun goes on with the old one. It follows that
///
/// * the store needs room for both, and the server must be allowed to write to the directory;
/// * `APPE` and `REST` with `STOR` copy what stays of the present file (not of a part, see [`OnAbort`]), which takes time
///   and room for as many bytes (neither where the file system shares them, as Btrfs and XFS do, nor for holes, which
///   stay holes). The copy is made in the background while new bytes arrive, 8 MiB at a time, and the finish waits for
///   it: it has to be done within [`finish_timeout`](crate::config::Settings::finish_timeout) of the last byte, and a
///   finish that is given up because of it leaves a warning in the log. If it fails, as on a disk that is full, the next
///   write tells, or the finish;
/// * of two uploads at a time to one name, the one that is finished last wins, but one that appends is refused as
///   [`Busy`](crate::storage::StorageErrorKind::Busy) if the file was changed since it was copied;
/// * what is stored to a symbolic link goes to the file that it leads to, in that file's own directory. A link that leads
///   nowhere is replaced itself, and one that leads to a directory is refused;
/// * a file keeps its permission bits, and its owner and its group, each as far as the server may give it away; on Linux
///   also its access control list (POSIX) and its users' extended attributes (`user.`). It does not keep other hard
///   links. A file that the server may not write to is not replaced. A new file has the permissions that the process's
///   umask, or the default list of its directory, leaves.
///
/// Nobody but the server may read or write a file after an upload who could not before, and only the server may while it
/// is stored; but a part that an upload goes on with ([`OnAbort::KeepPartial`]) keeps its permissions meanwhile. Where
/// its group cannot be kept, because the server is neither root nor a member, others and the group
/// that it gets may do what others and the old group could both do; where a list cannot be kept, nobody but the owner may
/// do anything. `RNTO` moves a file with its own permissions, as `mv` does; over another file, its group and others
/// keep of their rights to read and write what they have there, as far as the server may change it.
///
/// The temporary files have names of 25 bytes that begin with `.sansftp-`. Clients neither see nor reach any name
/// that begins like this: it is [`NotFound`](crate::storage::StorageErrorKind::NotFound), or
/// [`NameRefused`](crate::storage::StorageErrorKind::NameRefused) for something new. Each is locked (`flock`) while
/// its upload lives. A process that is killed leaves its files behind without locks, and [`open`](Self::open) removes
/// them; so does `RMD` of a directory that has nothing else in it. Where there are no such locks, as on Windows and in
/// some file systems, leftovers stay until somebody removes them.
///
/// # What it costs
///
/// All that may block runs in a [`BlockingPool`], never where it was called. A command is one call
/// there; an upload and a download say what they take. Room that is lacking is
/// [`NoSpace`](crate::storage::StorageErrorKind::NoSpace), at the start if the client has announced the size; a quota
/// of the file system is [`OverQuota`](crate::storage::StorageErrorKind::OverQuota).
///
/// # Systems other than Unix
///
/// Names must be UTF-8 and have no `\` nor `:`. `SITE CHMOD` and `AVBL` are
/// [`Unsupported`](crate::storage::StorageErrorKind::Unsupported), there are no Unix attributes, and
/// [`Durability::Sync`] does not include the directory.
#[derive(Debug, Clone)]
pub struct Filesystem {
    root: Root,
}

impl Filesystem {
    /// The store whose `/` is this directory.
    ///
    /// Removes the temporary files that dead processes have left there, up to 64 directories deep: of the first
    /// 100,000 entries before it returns, and of the others in the background. So it blocks, and belongs before the
    /// start of the server.
    ///
    /// # Errors
    ///
    /// The directory is not there, is none, or may not be read.
    pub fn open(directory: impl AsRef<Path>) -> io::Result<Self> {
        let directory = directory.as_ref();
        let explain = |error: io::Error| {
            io::Error::new(
                error.kind(),
                format!("cannot serve the directory {}: {error}", directory.display()),
            )
        };
        let root = Root::open(directory).map_err(explain)?;
        let mut walk = Walk::new(&root.directory).map_err(explain)?;
        if walk.advance(ENTRIES_AT_OPEN) == Progress::Underway {
            root.pool.run(move || while walk.advance(ENTRIES_AT_OPEN) == Progress::Underway {}).detach();
        }
        Ok(Self { root })
    }

    /// The same store with another durability; [`Durability::Sync`] is what it has otherwise.
    #[must_use]
    pub fn with_durability(self, durability: Durability) -> Self {
        Self { root: Root { durability, ..self.root } }
    }

    /// The same store that does this with uploads that are aborted; [`OnAbort::Discard`] is what it does otherwise.
    #[must_use]
    pub fn with_on_abort(self, on_abort: OnAbort) -> Self {
        Self { root: Root { on_abort, ..self.root } }
    }

    /// The same store whose listings show symbolic links like this; [`Links::Follow`] is how they do it otherwise.
    #[must_use]
    pub fn with_links(self, links: Links) -> Self {
        Self { root: Root { links, ..self.root } }
    }

    /// The same store without any way to change it: every change is
    /// [`PermissionDenied`](crate::storage::StorageErrorKind::PermissionDenied).
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { root: Root { access: Access::ReadOnly, ..self.root } }
    }

    /// The same store with the threads of this pool; [`BlockingPool::shared`] is what it has otherwise. So files
    /// that hang do not keep anybody from logging in, as passwords are checked in the shared pool.
    #[must_use]
    pub fn with_pool(self, pool: BlockingPool) -> Self {
        Self { root: Root { pool, ..self.root } }
    }

    async fn in_pool<T: Send + 'static>(
        &self,
        path: &Pathname,
        operation: impl FnOnce(&Root, &Pathname) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let (root, path) = (self.root.clone(), path.clone());
        self.root.pool.run(move || operation(&root, &path)).await
    }
}

impl Storage for Filesystem {
    type Upload = FilesystemUpload;
    type Download = FilesystemDownload;
    type Listing = FilesystemListing;

    async fn stat(&self, path: &Pathname) -> Result<Metadata, StorageError> {
        self.in_pool(path, Root::stat).await
    }

    async fn list(&self, path: &Pathname) -> Result<Self::Listing, StorageError> {
        self.in_pool(path, FilesystemListing::open).await
    }

    async fn open_download(&self, path: &Pathname, offset: u64) -> Result<Self::Download, StorageError> {
        self.in_pool(path, move |root, path| FilesystemDownload::open(root, path, offset)).await
    }

    async fn open_upload(
        &self,
        path: &Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> Result<OpenedUpload<Self::Upload>, StorageError> {
        self.in_pool(path, move |root, path| upload::open(root, path, placement, announced)).await
    }

    async fn make_directory(&self, path: &Pathname) -> Result<(), StorageError> {
        self.in_pool(path, Root::make_directory).await
    }

    async fn remove_directory(&self, path: &Pathname) -> Result<(), StorageError> {
        self.in_pool(path, Root::remove_directory).await
    }

    async fn remove_file(&self, path: &Pathname) -> Result<(), StorageError> {
        self.in_pool(path, Root::remove_file).await
    }

    async fn rename(&self, from: &Pathname, to: &Pathname) -> Result<(), StorageError> {
        let to = to.clone();
        self.in_pool(from, move |root, from| root.rename(from, &to)).await
    }

    async fn set_modified(&self, path: &Pathname, modified: TimeValue) -> Result<(), StorageError> {
        self.in_pool(path, move |root, path| root.set_modified(path, modified)).await
    }

    async fn set_mode(&self, path: &Pathname, mode: u32) -> Result<(), StorageError> {
        self.in_pool(path, move |root, path| root.set_mode(path, mode)).await
    }

    async fn available(&self, path: &Pathname) -> Result<u64, StorageError> {
        self.in_pool(path, Root::available).await
    }
}
