//! What a store implements: [`Storage`], and the transfers it opens.
//!
//! # The life of an upload
//!
//! [`Storage::open_upload`] yields an [`Upload`]. The server calls [`Upload::write`] for each chunk as it arrives,
//! perhaps [`Upload::prepare`] once the last one has come, and then **exactly one** of
//!
//! * [`Upload::finish`], when the whole file has come. The client's `226` waits for it. Its error is the client's
//!   `4xx` or `5xx`.
//! * [`Upload::abort`], when it has not: the connection was cut, the client sent `ABOR`, a write failed.
//!
//! Dropping an upload (a panic, a runtime that shuts down) means the same as `abort`. Every future here may be dropped
//! before it resolves; that is how the server gives up waiting.
//!
//! # The contract
//!
//! 1. Nothing of an upload is to be seen before its `finish`; what was there before stays whole and readable.
//! 2. `finish` puts the whole file in place at once, and resolves only when the file would survive whatever the store
//!    promises to survive. If it fails, there is what was there before, or the whole new file, where a store cannot know
//!    which (the answer of a service was lost).
//! 3. A `finish` that is dropped leaves what was there before, or the whole new file; and surely the former, if
//!    [`Upload::finish_can_stop`] says so. `abort`, and a drop before the `finish`, leave what was there before.
//! 4. Uploads to one name may be open at the same time, for clients repeat what took too long. The last one that is
//!    finished is there, whole. What appends must not lose what another upload has stored since: it fails instead.
//! 5. A download comes to the end of the file that it opened, or to an error. It never ends well with less, or with a
//!    part of another file.
//! 6. Files and directories may be removed and renamed while there are uploads and downloads, or be
//!    [`Busy`](StorageErrorKind::Busy) until these are over. A client that was told that it is done finds it done: an upload
//!    that finished after its directory was removed or renamed is there in the one or the other, or it failed.
//! 7. A name comes back as it was given, or is refused as [`NameRefused`](StorageErrorKind::NameRefused). A store may
//!    give it a normal form of Unicode, if it finds the file by both.
//!
//! `sansftp::testing` (feature `testing`) has this as checks for a store of your own.
//!
//! # Example
//!
//! A whole store: one directory of files in a map, which stands for a database or a service on the network.
//!
//! ```
//! use std::{
//!     collections::BTreeMap,
//!     sync::{Arc, Mutex, MutexGuard},
//! };
//!
//! use bytes::Bytes;
//! use sansftp::storage::{
//!     AbortReason, Download, Entry, Listing, Metadata, OpenedUpload, Placement, Storage, StorageError,
//!     StorageErrorKind, Stored, Upload,
//! };
//! use sansftp::{Pathname, testing::{Operation, store_contract_without}};
//!
//! #[derive(Clone, Default)]
//! struct Shelf(Arc<Mutex<BTreeMap<Bytes, Bytes>>>);
//!
//! /// A file on its way into a [`Shelf`]. Until the finish, it is here and nowhere else.
//! struct Incoming {
//!     shelf: Shelf,
//!     name: Bytes,
//!     content: Vec<u8>,
//! }
//!
//! impl Upload for Incoming {
//!     /// The client sends as fast as this resolves.
//!     async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError> {
//!         if self.content.len() + chunk.len() > 64 << 20 {
//!             return Err(StorageError::new(StorageErrorKind::OverQuota, "A file has 64 MiB at most."));
//!         }
//!         self.content.extend_from_slice(&chunk);
//!         Ok(())
//!     }
//!
//!     /// A real store would await here what it promises: a sync, the answers of its replicas, a commit. Whatever
//!     /// can fail comes before the one step by which the file is there.
//!     async fn finish(self) -> Result<Stored, StorageError> {
//!         self.shelf.files().insert(self.name, self.content.into());
//!         Ok(Stored::default())
//!     }
//!
//!     /// The future above either was not polled, or is done.
//!     fn finish_can_stop(&self) -> bool {
//!         true
//!     }
//!
//!     /// There is nothing to undo. A store that has put something elsewhere removes it here, and when it is dropped.
//!     async fn abort(self, _why: AbortReason) {}
//! }
//!
//! /// A file that is retrieved: what of it is still to come.
//! struct Outgoing(Bytes);
//!
//! impl Download for Outgoing {
//!     async fn read(&mut self, most: usize) -> Result<Bytes, StorageError> {
//!         Ok(self.0.split_to(most.min(self.0.len())))
//!     }
//! }
//!
//! /// All entries come in one page, and then the empty one.
//! struct Names(Vec<Entry>);
//!
//! impl Listing for Names {
//!     async fn next_page(&mut self) -> Result<Vec<Entry>, StorageError> {
//!         Ok(std::mem::take(&mut self.0))
//!     }
//! }
//!
//! impl Shelf {
//!     fn files(&self) -> MutexGuard<'_, BTreeMap<Bytes, Bytes>> {
//!         self.0.lock().unwrap()
//!     }
//!
//!     /// The name of a file, which is in the root.
//!     fn name(path: &Pathname) -> Result<&[u8], StorageErrorKind> {
//!         match (path.parent(), path.name()) {
//!             (Some(parent), Some(name)) if parent.is_root() => Ok(name),
//!             (Some(_), _) => Err(StorageErrorKind::NotFound),
//!             (None, _) => Err(StorageErrorKind::IsADirectory),
//!         }
//!     }
//!
//!     fn content(&self, path: &Pathname) -> Result<Bytes, StorageErrorKind> {
//!         self.files().get(Self::name(path)?).cloned().ok_or(StorageErrorKind::NotFound)
//!     }
//! }
//!
//! impl Storage for Shelf {
//!     type Upload = Incoming;
//!     type Download = Outgoing;
//!     type Listing = Names;
//!
//!     async fn stat(&self, path: &Pathname) -> Result<Metadata, StorageError> {
//!         match path.is_root() {
//!             true => Ok(Metadata::directory()),
//!             false => Ok(Metadata::file(self.content(path)?.len() as u64)),
//!         }
//!     }
//!
//!     async fn list(&self, path: &Pathname) -> Result<Names, StorageError> {
//!         if !path.is_root() {
//!             self.content(path)?;
//!             return Err(StorageErrorKind::NotADirectory.into());
//!         }
//!         let entry = |(name, content): (&Bytes, &Bytes)| {
//!             Entry::new(name.clone(), Metadata::file(content.len() as u64))
//!         };
//!         Ok(Names(self.files().iter().map(entry).collect()))
//!     }
//!
//!     async fn open_download(&self, path: &Pathname, offset: u64) -> Result<Outgoing, StorageError> {
//!         let mut content = self.content(path)?;
//!         let offset = usize::try_from(offset).ok().filter(|&offset| offset <= content.len());
//!         Ok(Outgoing(content.split_off(offset.ok_or(StorageErrorKind::BadOffset)?)))
//!     }
//!
//!     async fn open_upload(
//!         &self,
//!         path: &Pathname,
//!         placement: Placement,
//!         _announced: Option<u64>,
//!     ) -> Result<OpenedUpload<Incoming>, StorageError> {
//!         match placement {
//!             Placement::Replace => {}
//!             _ => return Err(StorageErrorKind::Unsupported.into()),
//!         }
//!         let name = Bytes::copy_from_slice(Self::name(path)?);
//!         let upload = Incoming { shelf: self.clone(), name, content: Vec::new() };
//!         Ok(OpenedUpload { upload, pathname: path.clone(), offset: 0 })
//!     }
//! }
//!
//! // Its test, on whatever runtime it needs; this one needs none in particular.
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use Operation::*;
//! let refused = [
//!     Append, Resume, Unique, MakeDirectory, RemoveDirectory, RemoveFile, RenameFile, RenameDirectory, SetModified,
//!     SetMode, Available,
//! ];
//! store_contract_without(&refused, async || Shelf::default()).await.unwrap();
//! # }
//! ```

mod error;
mod metadata;
mod transfers;

use alloc::string::String;
use core::future::Future;

use bytes::Bytes;

pub use self::{
    error::{StorageError, StorageErrorKind},
    metadata::{Entry, EntryKind, Link, Metadata, Permissions, Right, UnixAttributes},
    transfers::{AbortReason, Download, Listing, OpenedUpload, Placement, Stored, Upload},
};
use crate::{pathname::Pathname, time_value::TimeValue};

/// One user's view of the files, as [`Accounts::log_in`](crate::accounts::Accounts::log_in) yields it.
///
/// [`stat`](Self::stat), [`list`](Self::list), [`open_download`](Self::open_download) and
/// [`open_upload`](Self::open_upload) are what every store has to say something about; the other methods answer
/// [`Unsupported`](StorageErrorKind::Unsupported) until a store overrides them, which the client reads as a `502`
/// or `504`.
///
/// Methods take `&self` and may run at the same time as transfers that the same store opened. A pathname is absolute
/// and normalised: it never has an empty, `.` or `..` segment, nor NUL, CR or LF; it need not be UTF-8.
pub trait Storage: Send + Sync + 'static {
    /// A file that is being stored.
    type Upload: Upload;
    /// A file that is being retrieved.
    type Download: Download;
    /// A directory that is being listed.
    type Listing: Listing;

    /// What the store knows about the file or directory at `path`; symbolic links are followed.
    fn stat(&self, path: &Pathname) -> impl Future<Output = Result<Metadata, StorageError>> + Send;

    /// Opens the directory at `path` to be listed.
    ///
    /// # Errors
    ///
    /// [`NotADirectory`](StorageErrorKind::NotADirectory) for a file: the server then lists that one file.
    fn list(&self, path: &Pathname) -> impl Future<Output = Result<Self::Listing, StorageError>> + Send;

    /// Opens the file at `path` to be read from byte `offset` on.
    ///
    /// # Errors
    ///
    /// [`BadOffset`](StorageErrorKind::BadOffset) if the file is shorter than `offset`.
    fn open_download(
        &self,
        path: &Pathname,
        offset: u64,
    ) -> impl Future<Output = Result<Self::Download, StorageError>> + Send;

    /// Opens a file to be stored at `path`, as `placement` says.
    ///
    /// `announced` is the size that the client announced by `ALLO`. A store that has no room for it refuses here, before
    /// the client has sent a byte. The file may be longer, and shorter where lines end with fewer bytes in the store
    /// (`TYPE A`), or where the settings allow it.
    ///
    /// What was at `path` stays whole and readable until [`Upload::finish`] succeeds.
    ///
    /// # Errors
    ///
    /// [`NotFound`](StorageErrorKind::NotFound) if there is no such directory; nothing that this opens makes one.
    /// [`IsADirectory`](StorageErrorKind::IsADirectory), [`NameRefused`](StorageErrorKind::NameRefused),
    /// [`NoSpace`](StorageErrorKind::NoSpace) and the others that can be known before the first byte.
    fn open_upload(
        &self,
        path: &Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> impl Future<Output = Result<OpenedUpload<Self::Upload>, StorageError>> + Send;

    /// Makes the directory `path` (`MKD`).
    fn make_directory(&self, path: &Pathname) -> impl Future<Output = Result<(), StorageError>> + Send {
        let _ = path;
        unsupported()
    }

    /// Removes the directory `path`, which must be empty (`RMD`).
    fn remove_directory(&self, path: &Pathname) -> impl Future<Output = Result<(), StorageError>> + Send {
        let _ = path;
        unsupported()
    }

    /// Removes the file `path` (`DELE`); of a symbolic link, the link.
    fn remove_file(&self, path: &Pathname) -> impl Future<Output = Result<(), StorageError>> + Send {
        let _ = path;
        unsupported()
    }

    /// Renames `from` to `to` (`RNFR`, `RNTO`), replacing a file that is there.
    fn rename(
        &self,
        from: &Pathname,
        to: &Pathname,
    ) -> impl Future<Output = Result<(), StorageError>> + Send {
        let _ = (from, to);
        unsupported()
    }

    /// Sets the modification time of `path` (`MFMT`, `SITE UTIME`), which may be before 1970. A store that cannot keep
    /// it to the nanosecond, or at all, keeps the nearest: the client is told what [`stat`](Self::stat) tells then.
    fn set_modified(
        &self,
        path: &Pathname,
        modified: TimeValue,
    ) -> impl Future<Output = Result<(), StorageError>> + Send {
        let _ = (path, modified);
        unsupported()
    }

    /// Sets the permission bits of `path` (`SITE CHMOD`); `mode` is at most `0o7777`.
    fn set_mode(&self, path: &Pathname, mode: u32) -> impl Future<Output = Result<(), StorageError>> + Send {
        let _ = (path, mode);
        unsupported()
    }

    /// The bytes that can still be stored in the directory `path` (`AVBL`).
    fn available(&self, path: &Pathname) -> impl Future<Output = Result<u64, StorageError>> + Send {
        let _ = path;
        unsupported()
    }

    /// Runs a `SITE` command that the embedding program added to
    /// [`Settings::site_commands`](crate::config::Settings::site_commands); the text becomes the `200` reply.
    fn site(&self, command: SiteCall) -> impl Future<Output = Result<String, StorageError>> + Send {
        let _ = command;
        unsupported()
    }
}

fn unsupported<T>() -> core::future::Ready<Result<T, StorageError>> {
    core::future::ready(Err(StorageErrorKind::Unsupported.into()))
}

/// A call of a `SITE` command that the embedding program added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteCall {
    /// The command's name, in upper case.
    pub verb: String,
    /// What follows it, without the blank; not necessarily UTF-8.
    pub argument: Bytes,
    /// The user's working directory.
    pub working_directory: Pathname,
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;
    use core::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    /// A store that has nothing and overrides nothing.
    struct Nothing;

    /// What it never opens.
    struct Never;

    impl Storage for Nothing {
        type Upload = Never;
        type Download = Never;
        type Listing = Never;

        async fn stat(&self, _: &Pathname) -> Result<Metadata, StorageError> {
            Err(StorageErrorKind::NotFound.into())
        }

        async fn list(&self, _: &Pathname) -> Result<Never, StorageError> {
            Err(StorageErrorKind::NotFound.into())
        }

        async fn open_download(&self, _: &Pathname, _: u64) -> Result<Never, StorageError> {
            Err(StorageErrorKind::NotFound.into())
        }

        async fn open_upload(
            &self,
            _: &Pathname,
            _: Placement,
            _: Option<u64>,
        ) -> Result<OpenedUpload<Never>, StorageError> {
            Err(StorageErrorKind::NameRefused.into())
        }
    }

    impl Upload for Never {
        async fn write(&mut self, _: Bytes) -> Result<(), StorageError> {
            Ok(())
        }

        async fn finish(self) -> Result<Stored, StorageError> {
            Ok(Stored::default())
        }

        async fn abort(self, _: AbortReason) {}
    }

    impl Download for Never {
        async fn read(&mut self, _: usize) -> Result<Bytes, StorageError> {
            Ok(Bytes::new())
        }
    }

    impl Listing for Never {
        async fn next_page(&mut self) -> Result<Vec<Entry>, StorageError> {
            Ok(Vec::new())
        }
    }

    /// The kind of the error that a future yields without waiting.
    fn refusal<T>(future: impl Future<Output = Result<T, StorageError>>) -> Option<StorageErrorKind> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result.err().map(|error| error.kind()),
            Poll::Pending => None,
        }
    }

    #[test]
    fn what_a_store_does_not_override_is_unsupported() {
        let (path, time) = (Pathname::root(), TimeValue::from_unix(0, 0));
        let call =
            SiteCall { verb: "VERIFY".into(), argument: Bytes::new(), working_directory: path.clone() };
        for refusal in [
            refusal(Nothing.make_directory(&path)),
            refusal(Nothing.remove_directory(&path)),
            refusal(Nothing.remove_file(&path)),
            refusal(Nothing.rename(&path, &path)),
            refusal(Nothing.set_modified(&path, time)),
            refusal(Nothing.set_mode(&path, 0o644)),
            refusal(Nothing.available(&path)),
            refusal(Nothing.site(call)),
        ] {
            assert_eq!(refusal, Some(StorageErrorKind::Unsupported));
        }
    }

    /// Else an `ABOR` would drop a finish that may have stored the file, and say that it did not.
    #[test]
    fn a_finish_cannot_stop_unless_the_store_says_so() {
        assert!(!Never.finish_can_stop());
    }
}
