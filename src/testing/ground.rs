//! The store of one check, and the steps that checks are made of. Each step fails with a sentence.

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::{error::Error as _, fmt};

use bytes::Bytes;

use super::{
    breach::{Outcome, ensure},
    operation::Operation,
};
use crate::{
    pathname::Pathname,
    storage::{
        Download, Entry, Listing as _, OpenedUpload, Placement, Storage, StorageError, StorageErrorKind,
        Upload,
    },
};

/// The store of one check, which is empty at its start.
pub(super) struct Ground<'a, S> {
    pub(super) store: S,
    refused: &'a [Operation],
}

impl<'a, S: Storage> Ground<'a, S> {
    pub(super) const fn new(store: S, refused: &'a [Operation]) -> Self {
        Self { store, refused }
    }

    pub(super) const fn refused(&self) -> &'a [Operation] {
        self.refused
    }

    /// Without `MKD` there is no directory that could be removed or renamed.
    pub(super) fn offers(&self, operation: Operation) -> bool {
        let of_directories = [Operation::RemoveDirectory, Operation::RenameDirectory];
        !self.refused.contains(&operation)
            && (!of_directories.contains(&operation) || self.offers(Operation::MakeDirectory))
    }

    /// How an upload may be placed where there is no file, or a short one.
    pub(super) fn placements(&self) -> Vec<Placement> {
        let mut placements = [Placement::Replace].to_vec();
        if self.offers(Operation::Resume) {
            placements.push(Placement::Resume { offset: 0 });
        }
        if self.offers(Operation::Append) {
            placements.push(Placement::Append);
        }
        placements
    }

    pub(super) async fn open(&self, name: &str, placement: Placement) -> Outcome<OpenedUpload<S::Upload>> {
        let opened = self.store.open_upload(&path(name), placement, None).await;
        opened.map_err(|error| refusal(&format!("an upload to {name} ({placement:?})"), &error))
    }

    /// Opens and writes an upload, which is left to be finished.
    pub(super) async fn begin(&self, name: &str, placement: Placement, content: &[u8]) -> Outcome<S::Upload> {
        let mut upload = self.open(name, placement).await?.upload;
        write(&mut upload, content).await?;
        Ok(upload)
    }

    /// The same, and prepares it.
    pub(super) async fn prepare(&self, name: &str, content: &[u8]) -> Outcome<S::Upload> {
        let mut upload = self.begin(name, Placement::Replace, content).await?;
        granted(&format!("preparing {name}"), upload.prepare().await)?;
        Ok(upload)
    }

    pub(super) async fn put(&self, name: &str, content: impl AsRef<[u8]>) -> Outcome {
        finish(name, self.begin(name, Placement::Replace, content.as_ref()).await?).await
    }

    pub(super) async fn make(&self, name: &str) -> Outcome {
        granted(&format!("MKD {name}"), self.store.make_directory(&path(name)).await)
    }

    pub(super) async fn remove(&self, name: &str) -> Outcome {
        granted(&format!("DELE {name}"), self.store.remove_file(&path(name)).await)
    }

    pub(super) async fn rename(&self, from: &str, to: &str) -> Outcome {
        granted(&format!("renaming {from} to {to}"), self.store.rename(&path(from), &path(to)).await)
    }

    pub(super) async fn open_download(&self, name: &str) -> Outcome<S::Download> {
        let opened = self.store.open_download(&path(name), 0).await;
        granted(&format!("retrieving {name}"), opened)
    }

    /// The content of a file, or the error to retrieving it.
    pub(super) async fn read(&self, path: &Pathname) -> Outcome<Result<Vec<u8>, StorageError>> {
        match self.store.open_download(path, 0).await {
            Ok(mut download) => read_all(&mut download, 30_000).await,
            Err(error) => Ok(Err(error)),
        }
    }

    /// The content of a file, or nothing if it is not there.
    pub(super) async fn content(&self, name: &str) -> Outcome<Option<Vec<u8>>> {
        match self.read(&path(name)).await? {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == StorageErrorKind::NotFound => Ok(None),
            Err(error) => Err(refusal(&format!("retrieving {name}"), &error)),
        }
    }

    /// Ends the check unless the file has one of these contents, of which nothing is one, too.
    pub(super) async fn holds_one_of(&self, name: &str, wanted: &[Option<&[u8]>], when: &str) -> Outcome {
        let present = self.content(name).await.map_err(|sentence| format!("{when}, {sentence}"))?;
        let wants: Vec<_> = wanted.iter().map(|content| tell(*content)).collect();
        ensure!(
            wanted.contains(&present.as_deref()),
            "{when}, {name} should hold {}, and there is {}",
            wants.join(" or "),
            tell(present.as_deref())
        );
        Ok(())
    }

    pub(super) async fn holds(&self, name: &str, wanted: &[u8], when: &str) -> Outcome {
        self.holds_one_of(name, &[Some(wanted)], when).await?;
        let size = granted(&format!("STAT {name}"), self.store.stat(&path(name)).await)?.size;
        ensure!(
            size == wanted.len() as u64,
            "{when}, {name} has {} bytes, and its size is {size}",
            wanted.len()
        );
        Ok(())
    }

    pub(super) async fn has_nothing_at(&self, name: &str, when: &str) -> Outcome {
        self.holds_one_of(name, &[None], when).await?;
        let found = self.store.stat(&path(name)).await;
        refused_as(&format!("{when}, asking what {name} is"), found, &[StorageErrorKind::NotFound])
    }

    /// The entries of a directory, each of which must come once.
    pub(super) async fn entries(&self, directory: &str) -> Outcome<BTreeMap<Vec<u8>, Entry>> {
        let listing = self.store.list(&path(directory)).await;
        let mut listing = granted(&format!("listing {directory}"), listing)?;
        let mut entries = BTreeMap::new();
        loop {
            let page = granted(&format!("the next page of {directory}"), listing.next_page().await)?;
            if page.is_empty() {
                break;
            }
            for entry in page {
                let name = entry.name.to_vec();
                let is_another = entries.insert(name.clone(), entry).is_some();
                ensure!(!is_another, "the listing of {directory} has {} twice", show(&name));
            }
        }
        let page = granted("a page behind the end", listing.next_page().await)?;
        ensure!(
            page.is_empty(),
            "the listing of {directory} goes on behind the empty page, which is its end"
        );
        Ok(entries)
    }

    /// Ends the check unless these are the names of a directory, which are given in order.
    pub(super) async fn lists(&self, directory: &str, wanted: &[&str], when: &str) -> Outcome {
        let names: Vec<String> = self.entries(directory).await?.keys().map(|name| text(name)).collect();
        let (count, wanted_count) = (names.len(), wanted.len());
        ensure!(
            count == wanted_count || wanted_count < 20,
            "{when}, the listing of {directory} should have {wanted_count} names, and has {count}"
        );
        ensure!(names == wanted, "{when}, the listing of {directory} should be {wanted:?}, and is {names:?}");
        Ok(())
    }
}

/// A pathname from a literal; what is none would be the root.
pub(super) fn path(name: impl AsRef<[u8]>) -> Pathname {
    Pathname::root().resolve(name.as_ref()).unwrap_or_else(|_| Pathname::root())
}

/// Bytes of which each 64 tell their place, and which differ from `seed` to `seed`.
pub(super) fn pattern(length: usize, seed: u8) -> Vec<u8> {
    let mut content = Vec::with_capacity(length + 64);
    while content.len() < length {
        let place = content.len() as u64;
        content.extend_from_slice(&[seed; 56]);
        content.extend_from_slice(&place.to_le_bytes());
    }
    content.truncate(length);
    content
}

pub(super) async fn write(upload: &mut impl Upload, content: &[u8]) -> Outcome {
    for chunk in content.chunks(100_000) {
        granted("a write", upload.write(Bytes::copy_from_slice(chunk)).await)?;
    }
    Ok(())
}

pub(super) async fn finish(name: &str, upload: impl Upload) -> Outcome {
    granted(&format!("the finish of {name}"), upload.finish().await).map(drop)
}

/// No file of the checks has so many bytes, …
const MOST_BYTES: usize = 1 << 20;
/// … nor is one given out in so many pieces.
const MOST_READS: usize = 10_000;

/// Reads to the end, or to the error.
pub(super) async fn read_all(
    download: &mut impl Download,
    most: usize,
) -> Outcome<Result<Vec<u8>, StorageError>> {
    let mut content = Vec::new();
    for _ in 0..MOST_READS {
        let bytes = match download.read(most).await {
            Ok(bytes) => bytes,
            Err(error) => return Ok(Err(error)),
        };
        ensure!(bytes.len() <= most, "a read of at most {most} bytes yielded {}", bytes.len());
        if bytes.is_empty() {
            return Ok(Ok(content));
        }
        content.extend_from_slice(&bytes);
        if content.len() > MOST_BYTES {
            break;
        }
    }
    Err(format!("a download does not end: {} bytes have come", content.len()))
}

/// What the store yields, which should not refuse it.
pub(super) fn granted<T>(what: &str, result: Result<T, StorageError>) -> Outcome<T> {
    result.map_err(|error| refusal(what, &error))
}

/// Whether the store does what is asked while something is under way. It may say that it is too busy for that.
pub(super) fn granted_unless_busy(what: &str, result: Result<(), StorageError>) -> Outcome<bool> {
    match result {
        Err(error) if error.kind() == StorageErrorKind::Busy => Ok(false),
        result => granted(what, result).map(|()| true),
    }
}

fn refusal(what: &str, error: &StorageError) -> String {
    let hint = match error.kind() {
        StorageErrorKind::Unsupported | StorageErrorKind::UnsupportedParameter => {
            " (an operation that the store does not offer has to be declared)"
        }
        _ => "",
    };
    let mut causes = String::new();
    let mut source = error.source();
    while let Some(cause) = source {
        causes += &format!(", because of: {cause}");
        source = cause.source();
    }
    format!("{what} was refused as {:?}, {:?}{causes}{hint}", error.kind(), error.message())
}

/// Ends the check unless the store refuses something, as one of these kinds, or as any if there is none.
pub(super) fn refused_as<T>(
    what: &str,
    result: Result<T, StorageError>,
    kinds: &[StorageErrorKind],
) -> Outcome {
    match result {
        Err(error) if kinds.is_empty() || kinds.contains(&error.kind()) => Ok(()),
        Err(error) => Err(format!("{}, and should be{}", refusal(what, &error), Kinds(kinds))),
        Ok(_) => Err(format!("{what} succeeds, and should be refused{}", Kinds(kinds))),
    }
}

/// Kinds of errors as the end of a sentence.
struct Kinds<'a>(&'a [StorageErrorKind]);

impl fmt::Display for Kinds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(|kind| format!("{kind:?}")).collect();
        if names.is_empty() { Ok(()) } else { write!(f, " as {}", names.join(" or ")) }
    }
}

/// A content, short enough to be read.
fn tell(content: Option<&[u8]>) -> String {
    match content {
        None => "nothing".to_string(),
        Some(content) if content.len() <= 40 => format!("{:?}", text(content)),
        Some(content) => {
            let start = content.get(..8).unwrap_or_default();
            format!("{} bytes (they begin with {start:02x?})", content.len())
        }
    }
}

/// A name in quotes, short enough to be read.
pub(super) fn show(name: &[u8]) -> String {
    match name.get(..40) {
        Some(start) if name.len() > 60 => format!("{:?}… ({} bytes)", text(start), name.len()),
        _ => format!("{:?}", text(name)),
    }
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
