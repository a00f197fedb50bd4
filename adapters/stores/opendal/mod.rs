//! Files in object storage and whatever else Apache OpenDAL reaches.

mod changes;
mod download;
mod error;
mod key;
mod listing;
mod objects;
mod occupied;
mod parts;
mod publication;
mod target;
mod upload;

use core::num::NonZeroUsize;
use std::string::String;

use opendal::{Capability, EntryMode, Metadata as ObjectMetadata, Operator, options::WriteOptions};

pub use self::{download::OpenDalDownload, listing::OpenDalListing, upload::OpenDalUpload};
use self::{
    key::Key,
    objects::{Access, Objects},
    occupied::Occupied,
    parts::Parts,
    publication::Publication,
    target::{Condition, Target},
};
use super::unique_name::{random_number, unique_name};
use crate::{
    pathname::Pathname,
    storage::{Metadata, OpenedUpload, Placement, Storage, StorageError, StorageErrorKind},
};

/// What a part has unless it is said otherwise. S3 takes none smaller than 5 MiB but the last, and no more than 10,000 of
/// an object, so that an object can have 78 GiB.
const PART_SIZE: usize = 8 << 20;
/// Parts on their way unless it is said otherwise: one waits for its answer while the next one leaves.
const PARTS_IN_FLIGHT: usize = 2;
/// How often to look for a name that nothing has.
const ATTEMPTS_LIMIT: usize = 16;

/// A store of the files that an [`opendal::Operator`] reaches: in S3, GCS, Azure, HDFS, WebDAV and many other services.
///
/// A clone is the same store. Make it once and give each user a clone, or a store whose operator has a root of the
/// user's own.
///
/// ```
/// use sansftp::{
///     adapters::stores::OpenDal,
///     pathname::Pathname,
///     storage::{Placement, Storage, Upload},
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let operator = opendal::Operator::new(opendal::services::Memory::default())?;
/// let store = OpenDal::new(operator.clone());
/// let path = Pathname::root().join(b"greeting.txt")?;
/// let mut upload = store.open_upload(&path, Placement::Replace, None).await?.upload;
/// upload.write("hello".into()).await?;
/// assert!(!operator.exists("greeting.txt").await?);
/// upload.finish().await?;
/// assert_eq!(operator.read("greeting.txt").await?.to_bytes(), "hello");
/// # Ok(())
/// # }
/// ```
///
/// # What it needs
///
/// Rust 1.91, and a dependency on `opendal` of the same minor version, whose features turn on the services and the HTTP
/// client that the program uses. The store itself needs no runtime; OpenDAL's HTTP client (reqwest) and its service `fs`
/// run in the context of tokio only, so sessions that use them have to run on [tokio](crate::adapters::runtimes::Tokio).
///
/// Have an operator wait for no answer for ever (`TimeoutLayer`): an upload that is aborted waits until the service has
/// answered what is under way. `RetryLayer` does no harm here: it sends a part of an upload again under the same number,
/// closes and aborts again, and goes on with a download where it stopped, from the same content as below. When the
/// answer to a close gets lost after the service has stored the file, the repeated close fails, so that the client is
/// told that its file is not stored, never the other way round. The timeouts belong inside, the retries outside.
///
/// # How files are stored
///
/// An upload streams: parts leave while the client sends, so that its finish has only the last part and the completion
/// to do. Parts have [8 MiB](Self::with_part_size), and [two](Self::with_parts_in_flight) are under way at a time. An
/// upload takes memory for two parts more, one that is being filled and one that waits: 32 MiB in all, when it is as
/// large as that. A service that takes a file only in one go (its capability `write_can_multi` is false, as with WebDAV
/// and key-value stores) takes no larger one than this; more is [`OverQuota`](StorageErrorKind::OverQuota).
///
/// What was at a pathname before stays until all of the file is there. Services are known to keep it while an object is
/// written and aborted: Azure Blob, B2, COS, GCS, OBS, OSS, S3, TOS, and `memory`. Elsewhere (`fs`, HDFS, SFTP, WebDAV …)
/// a file is written under a hidden name beside its own, and then renamed, which is as atomic as the service's rename;
/// where there is no rename either, uploads are [`Unsupported`](StorageErrorKind::Unsupported). Hidden names begin with
/// `.sansftp-`, and clients neither see nor reach them: they are [`NotFound`](StorageErrorKind::NotFound), or
/// [`NameRefused`](StorageErrorKind::NameRefused) for something new.
///
/// An abort removes what has come. What is only dropped (a runtime that ends, a finish whose deadline has passed, a
/// process that is killed) leaves it in the service: parts without an object, which a lifecycle rule of the bucket removes
/// (`AbortIncompleteMultipartUpload`), or a hidden file, which nobody removes. When a finish fails, the file may be in
/// place nevertheless, if the service's answer was lost.
///
/// * `APPE` and `REST` with `STOR` work where a new object can begin with a copy of the present one that the service
///   itself makes, and where it compares identities: the capabilities `write_can_copy_from`, `read_with_if_match` and, for
///   `APPE`, `write_with_if_match`, as S3 has them. The copy is made when the file is opened, within
///   [`request_timeout`](crate::config::Settings::request_timeout). Elsewhere they are `Unsupported`; OpenDAL's own
///   append is not used, since servers of S3's kind that do not know of it replace the object. `APPE` to a file that is
///   not there needs `write_with_if_not_exists`. An `APPE` to a file that was changed meanwhile is
///   [`Busy`](StorageErrorKind::Busy).
/// * `STOU` refuses at the end if the name has been taken meanwhile; in one step with storing the file, where the service
///   has `write_with_if_not_exists`, and a moment before it elsewhere.
///
/// Not every server that speaks a service's protocol has what OpenDAL says of the service. For a server that ignores
/// conditions, take them from the operator by OpenDAL's `CapabilityOverrideLayer`; then the store does without, and
/// refuses what it could not do safely.
///
/// # Directories and names
///
/// A directory is there if it has a marker, an empty object whose key ends in a slash, or if anything is below it. `MKD`
/// makes a marker, and a directory whose last entry is removed gets one, so that it stays until `RMD`. Files are stored
/// only into directories that are there. Where a file and a directory have the same name, which this store does not
/// bring about, listings have both, and commands mean the file.
///
/// * `RMD` of a directory that has entries is [`NotEmpty`](StorageErrorKind::NotEmpty). One into which a client of this
///   process is storing a file is `Busy`. A file that comes from elsewhere at that moment survives.
/// * `RNTO` renames files only; of a directory it is
///   [`UnsupportedParameter`](StorageErrorKind::UnsupportedParameter). Where the service has no rename, the file is
///   copied, and then removed: not in one step, so both may be there for a while, or for good if the removal fails. Where
///   the service has `delete_with_if_match`, a file that was stored anew in between is not removed.
/// * Names are UTF-8, without control characters and without blanks where a pathname begins or ends, and have at most 255
///   bytes; a pathname has at most 1023, with the operator's root. Others are `NameRefused`.
/// * `MFMT`, `SITE CHMOD` and `AVBL` are `Unsupported`.
///
/// OpenDAL's service `fs` follows symbolic links to wherever they lead, and shows names that are not UTF-8 as others. The
/// store for files of the system is [`Filesystem`](super::Filesystem).
#[derive(Debug, Clone)]
pub struct OpenDal {
    objects: Objects,
    part_size: NonZeroUsize,
    parts_in_flight: NonZeroUsize,
}

/// The present content that an upload goes on with.
struct Start {
    etag: String,
    length: u64,
}

impl OpenDal {
    /// The store whose `/` is the operator's root.
    #[must_use]
    pub fn new(operator: Operator) -> Self {
        Self {
            objects: Objects { operator, access: Access::ReadWrite, occupied: Occupied::default() },
            part_size: NonZeroUsize::new(PART_SIZE).unwrap_or(NonZeroUsize::MAX),
            parts_in_flight: NonZeroUsize::new(PARTS_IN_FLIGHT).unwrap_or(NonZeroUsize::MIN),
        }
    }

    /// The same store with parts of so many bytes. The service's own limits come first: S3 has parts of 5 MiB at least.
    /// Files of S3 have at most 10,000 parts. 8 MiB is what it has otherwise.
    #[must_use]
    pub fn with_part_size(self, bytes: NonZeroUsize) -> Self {
        Self { part_size: bytes, ..self }
    }

    /// The same store with so many parts of an upload under way at a time; 2 is what it has otherwise. More are faster
    /// where answers take long, as from another continent.
    #[must_use]
    pub fn with_parts_in_flight(self, parts: NonZeroUsize) -> Self {
        Self { parts_in_flight: parts, ..self }
    }

    /// The same store without any way to change it: every change is
    /// [`PermissionDenied`](StorageErrorKind::PermissionDenied).
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { objects: Objects { access: Access::ReadOnly, ..self.objects }, ..self }
    }

    fn refuse_if_read_only(&self) -> Result<(), StorageError> {
        match self.objects.access {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => Err(StorageError::new(
                StorageErrorKind::PermissionDenied,
                "Permission denied: you may only read here.",
            )),
        }
    }

    /// The key for something new.
    fn new_key(&self, path: &Pathname) -> Result<Key, StorageError> {
        Key::new(path, self.objects.operator.info().root().trim_start_matches('/').len())
    }

    async fn pick_unique(&self, path: &Pathname) -> Result<Pathname, StorageError> {
        let hint = path.name().ok_or(StorageErrorKind::IsADirectory)?;
        let directory = path.parent().unwrap_or_else(Pathname::root);
        for _ in 0..ATTEMPTS_LIMIT {
            let name = unique_name(hint, random_number());
            let unique = directory.join(&name).map_err(|_| StorageErrorKind::NameRefused)?;
            if self.objects.find(&self.new_key(&unique)?).await?.is_none() {
                return Ok(unique);
            }
        }
        Err(StorageErrorKind::Busy.into())
    }

    /// How many bytes an upload may have, if the service takes it only in one go.
    fn room(&self, capability: Capability, announced: Option<u64>) -> Result<Option<u64>, StorageError> {
        let parts = self.parts_in_flight.saturating_add(2);
        let memory = (!capability.write_can_multi).then(|| self.part_size.saturating_mul(parts).get());
        let room = memory.into_iter().chain(capability.write_total_max_size).min().map(|room| room as u64);
        match room.is_some_and(|room| announced.is_some_and(|announced| announced > room)) {
            true => Err(Target::too_large()),
            false => Ok(room.filter(|_| !capability.write_can_multi)),
        }
    }
}

/// What may have the name when the upload is finished, and what of the present file stays.
fn plan(
    placement: Placement,
    present: Option<&ObjectMetadata>,
    publication: Publication,
    capability: Capability,
) -> Result<(Condition, Option<Start>), StorageError> {
    let can_copy = publication == Publication::AtClose
        && capability.write_can_multi
        && capability.write_can_copy_from
        && capability.read_with_if_match;
    let start = |length: u64| match present.and_then(ObjectMetadata::etag).filter(|_| can_copy) {
        Some(etag) => Ok(Start { etag: String::from(etag), length }),
        None => Err(StorageError::new(
            StorageErrorKind::Unsupported,
            "This store cannot go on with a file; store it as a whole.",
        )),
    };
    match (placement, present) {
        (Placement::Replace | Placement::Resume { offset: 0 }, _) => Ok((Condition::Anything, None)),
        (Placement::Unique, _) => Ok((Condition::Nothing, None)),
        (Placement::Resume { .. }, None) => Err(StorageErrorKind::BadOffset.into()),
        (Placement::Resume { offset }, Some(file)) => match offset <= file.content_length() {
            true => Ok((Condition::Anything, Some(start(offset)?))),
            false => Err(StorageErrorKind::BadOffset.into()),
        },
        (Placement::Append, None)
            if publication == Publication::AtClose && capability.write_with_if_not_exists =>
        {
            Ok((Condition::StillNothing, None))
        }
        (Placement::Append, Some(file)) if capability.write_with_if_match => {
            let start = start(file.content_length())?;
            Ok((Condition::Unchanged(start.etag.clone()), Some(start)))
        }
        (Placement::Append, _) => Err(StorageError::new(
            StorageErrorKind::Unsupported,
            "This store cannot append to files; store them as a whole.",
        )),
    }
}

impl Storage for OpenDal {
    type Upload = OpenDalUpload;
    type Download = OpenDalDownload;
    type Listing = OpenDalListing;

    async fn stat(&self, path: &Pathname) -> Result<Metadata, StorageError> {
        Ok(self.objects.describe(&self.objects.look_up(&Key::existing(path)?).await?))
    }

    async fn list(&self, path: &Pathname) -> Result<Self::Listing, StorageError> {
        OpenDalListing::open(&self.objects, &Key::existing(path)?).await
    }

    async fn open_download(&self, path: &Pathname, offset: u64) -> Result<Self::Download, StorageError> {
        OpenDalDownload::open(&self.objects, &Key::existing(path)?, offset).await
    }

    async fn open_upload(
        &self,
        path: &Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> Result<OpenedUpload<Self::Upload>, StorageError> {
        self.refuse_if_read_only()?;
        let capability = self.objects.operator.info().capability();
        let publication = Publication::of(&self.objects.operator, capability);
        if publication == Publication::Never {
            let sentence = "This store cannot take files without endangering those that it has.";
            return Err(StorageError::new(StorageErrorKind::Unsupported, sentence));
        }
        let pathname = match placement {
            Placement::Unique => self.pick_unique(path).await?,
            _ => path.clone(),
        };
        let key = self.new_key(&pathname)?;
        let present = self.objects.find(&key).await?;
        match present.as_ref().map(ObjectMetadata::mode) {
            Some(EntryMode::FILE) => {}
            Some(EntryMode::DIR) => return Err(StorageErrorKind::IsADirectory.into()),
            Some(EntryMode::Unknown) => return Err(StorageErrorKind::NotAFile.into()),
            None => self.objects.look_up_parent(&key).await?,
        }
        let (condition, start) = plan(placement, present.as_ref(), publication, capability)?;
        let offset = start.as_ref().map_or(0, |start| start.length);
        let room = self.room(capability, announced)?;

        let parts = Parts::default();
        let context = self.objects.operator.base_context().with_executor(parts.executor());
        let options = WriteOptions {
            chunk: capability.write_can_multi.then(|| self.part_size.get()),
            concurrent: self.parts_in_flight.get(),
            ..WriteOptions::default()
        };
        let ticket = self.objects.occupied.enter(&key);
        let target = Target::new(&key, condition, publication);
        let sink = target.open(self.objects.operator.clone().with_context(context), options).await?;
        let mut upload = OpenDalUpload::new(sink, room, parts, ticket);
        if let Some(Start { etag, length }) = start {
            upload.begin_with_copy(etag, length).await?;
        }
        Ok(OpenedUpload { upload, pathname, offset })
    }

    async fn make_directory(&self, path: &Pathname) -> Result<(), StorageError> {
        self.refuse_if_read_only()?;
        self.objects.make_directory_at(&self.new_key(path)?).await
    }

    async fn remove_directory(&self, path: &Pathname) -> Result<(), StorageError> {
        self.refuse_if_read_only()?;
        self.objects.remove_directory_at(&Key::existing(path)?).await
    }

    async fn remove_file(&self, path: &Pathname) -> Result<(), StorageError> {
        self.refuse_if_read_only()?;
        self.objects.remove_file_at(&Key::existing(path)?).await
    }

    async fn rename(&self, from: &Pathname, to: &Pathname) -> Result<(), StorageError> {
        self.refuse_if_read_only()?;
        self.objects.rename_at(&Key::existing(from)?, &self.new_key(to)?).await
    }
}
