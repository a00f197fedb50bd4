//! Stores around other stores: what they do not change, they do not lose.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use sansftp::{
    adapters::stores::Memory,
    pathname::Pathname,
    storage::{
        AbortReason, Layer, Metadata, OpenedUpload, Placement, Storage, StorageError, StorageErrorKind::*,
        Stored, Upload, UploadLayer,
    },
    testing::{Innermost, Operation, layer_contract, layer_contract_without, store_contract},
    unchanged,
};

use crate::steps::*;

/// Changes nothing, or has no file removed.
struct Around<S> {
    inner: S,
    keeps_files: bool,
}

impl<S: Storage> Layer for Around<S> {
    type Inner = S;
    type Upload = AroundUpload<S::Upload>;
    unchanged!(Download, Listing);

    fn inner(&self) -> &S {
        &self.inner
    }

    async fn open_upload(
        &self,
        path: &Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> Result<OpenedUpload<Self::Upload>, StorageError> {
        Ok(self.inner.open_upload(path, placement, announced).await?.map(AroundUpload))
    }

    async fn remove_file(&self, path: &Pathname) -> Result<(), StorageError> {
        match self.keeps_files {
            true => Err(PermissionDenied.into()),
            false => self.inner.remove_file(path).await,
        }
    }
}

struct AroundUpload<U>(U);

impl<U: Upload> UploadLayer for AroundUpload<U> {
    type Inner = U;

    fn inner(&self) -> &U {
        &self.0
    }

    fn inner_mut(&mut self) -> &mut U {
        &mut self.0
    }

    fn into_inner(self) -> U {
        self.0
    }
}

/// All of it is the inner store's.
struct Plain<S>(S);

impl<S: Storage> Layer for Plain<S> {
    type Inner = S;
    unchanged!(Upload, Download, Listing);

    fn inner(&self) -> &S {
        &self.0
    }
}

fn around<S>(inner: S) -> Around<S> {
    Around { inner, keeps_files: false }
}

#[tokio::test]
async fn a_layer_passes_on_what_it_does_not_change() {
    layer_contract(Plain).await.unwrap();
    layer_contract(around).await.unwrap();
    layer_contract(|inner| around(Plain(around(inner)))).await.unwrap();
    store_contract(async || Plain(Memory::new())).await.unwrap();
    store_contract(async || around(Plain(Memory::new()))).await.unwrap();
}

#[tokio::test]
async fn what_a_layer_changes_is_found_unless_it_is_said() {
    let keeper = |inner| Around { inner, keeps_files: true };
    assert_eq!(rules(layer_contract(keeper).await), ["remove_file"]);
    layer_contract_without(&[Operation::RemoveFile], keeper).await.unwrap();
}

/// The rules that were broken, each once.
fn rules(result: Result<(), sansftp::testing::ContractBroken>) -> Vec<&'static str> {
    let broken = result.unwrap_err();
    let mut rules: Vec<_> = broken.breaches().iter().map(|breach| breach.rule()).collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}

/// A wrapper that was written by hand, and has all that the compiler asks for.
struct Forgetful(Innermost);

struct ForgetfulUpload(Innermost);

impl Storage for Forgetful {
    type Upload = ForgetfulUpload;
    type Download = Innermost;
    type Listing = Innermost;

    async fn stat(&self, path: &Pathname) -> Result<Metadata, StorageError> {
        self.0.stat(path).await
    }

    async fn list(&self, path: &Pathname) -> Result<Innermost, StorageError> {
        self.0.list(path).await
    }

    async fn open_download(&self, path: &Pathname, offset: u64) -> Result<Innermost, StorageError> {
        self.0.open_download(path, offset).await
    }

    async fn open_upload(
        &self,
        path: &Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> Result<OpenedUpload<ForgetfulUpload>, StorageError> {
        Ok(self.0.open_upload(path, placement, announced).await?.map(ForgetfulUpload))
    }
}

impl Upload for ForgetfulUpload {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError> {
        self.0.write(chunk).await
    }

    async fn finish(self) -> Result<Stored, StorageError> {
        self.0.finish().await
    }

    async fn abort(self, why: AbortReason) {
        self.0.abort(why).await;
    }
}

#[tokio::test]
async fn whatever_a_wrapper_loses_is_found() {
    let lost = [
        "available",
        "handle_missing_close_notify",
        "make_directory",
        "prepare",
        "remove_directory",
        "remove_file",
        "rename",
        "set_mode",
        "set_modified",
        "site",
    ];
    assert_eq!(rules(layer_contract(Forgetful).await), lost);
}

/// Asks for the wrong thing, in the wrong words, and keeps to itself what it hears.
struct Garbling(Innermost);

struct GarblingUpload(Innermost);

impl Layer for Garbling {
    type Inner = Innermost;
    type Upload = GarblingUpload;
    unchanged!(Download);
    type Listing = Innermost;

    fn inner(&self) -> &Innermost {
        &self.0
    }

    async fn stat(&self, path: &Pathname) -> Result<Metadata, StorageError> {
        let metadata = self.0.stat(path).await.map_err(|_| NotFound)?;
        Ok(Metadata { modified: None, ..metadata })
    }

    async fn list(&self, path: &Pathname) -> Result<Innermost, StorageError> {
        self.0.list(&path.parent().unwrap()).await
    }

    async fn open_upload(
        &self,
        path: &Pathname,
        _: Placement,
        announced: Option<u64>,
    ) -> Result<OpenedUpload<GarblingUpload>, StorageError> {
        Ok(self.0.open_upload(path, Placement::Replace, announced).await?.map(GarblingUpload))
    }
}

impl UploadLayer for GarblingUpload {
    type Inner = Innermost;

    fn inner(&self) -> &Innermost {
        &self.0
    }

    fn inner_mut(&mut self) -> &mut Innermost {
        &mut self.0
    }

    fn into_inner(self) -> Innermost {
        self.0
    }

    async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError> {
        self.0.write(chunk.slice(1..)).await
    }

    async fn finish(self) -> Result<Stored, StorageError> {
        self.0.finish().await.map(|_| Stored::default())
    }

    async fn abort(self, _: AbortReason) {
        self.0.abort(AbortReason::ClientAborted).await;
    }

    fn finish_can_stop(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn whatever_a_layer_garbles_is_found() {
    let garbled = ["abort", "finish", "list", "open_upload", "stat", "write"];
    assert_eq!(rules(layer_contract(Garbling).await), garbled);
}

/// A scanner, as others would write it: what it refuses is aborted, and never seen.
struct Scanned<S> {
    store: S,
    verdicts: Arc<Mutex<Vec<AbortReason>>>,
}

struct Scan<U> {
    inner: U,
    seen: Vec<u8>,
    verdicts: Arc<Mutex<Vec<AbortReason>>>,
}

impl<S: Storage> Layer for Scanned<S> {
    type Inner = S;
    type Upload = Scan<S::Upload>;
    unchanged!(Download, Listing);

    fn inner(&self) -> &S {
        &self.store
    }

    async fn open_upload(
        &self,
        path: &Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> Result<OpenedUpload<Self::Upload>, StorageError> {
        let opened = self.store.open_upload(path, placement, announced).await?;
        Ok(opened.map(|inner| Scan { inner, seen: Vec::new(), verdicts: Arc::clone(&self.verdicts) }))
    }
}

impl<U: Upload> UploadLayer for Scan<U> {
    type Inner = U;

    fn inner(&self) -> &U {
        &self.inner
    }

    fn inner_mut(&mut self) -> &mut U {
        &mut self.inner
    }

    fn into_inner(self) -> U {
        self.inner
    }

    async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError> {
        self.seen.extend_from_slice(&chunk);
        self.inner.write(chunk).await
    }

    async fn finish(self) -> Result<Stored, StorageError> {
        if !self.seen.windows(5).any(|word| word == b"virus") {
            return self.inner.finish().await;
        }
        self.verdicts.lock().unwrap().push(AbortReason::StoreFailed);
        self.inner.abort(AbortReason::StoreFailed).await;
        Err(StorageError::new(ContentRefused, "It has a virus."))
    }
}

#[tokio::test]
async fn what_a_scanner_refuses_is_not_stored() {
    let verdicts = Arc::new(Mutex::new(Vec::new()));
    let scanned = |store| Scanned { store, verdicts: Arc::clone(&verdicts) };
    layer_contract(|inner| Scanned { store: inner, verdicts: Arc::clone(&verdicts) }).await.unwrap();
    let store = scanned(Memory::new());
    let clean = begin(&store, "/clean", Placement::Replace, "nothing").await;
    Upload::finish(clean).await.unwrap();
    let sick = begin(&store, "/sick", Placement::Replace, "a virus").await;
    let refused = Upload::finish(sick).await;
    assert_eq!(kind(refused), ContentRefused);
    assert_eq!(kind(store.store.stat(&path("/sick")).await), NotFound);
    assert_eq!(*verdicts.lock().unwrap(), [AbortReason::StoreFailed]);
}
