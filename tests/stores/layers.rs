//! Stores with layers around them: what these do not change, they do not lose.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use sansftp::{
    AnyStorage,
    adapters::stores::{Filesystem, Memory, OnAbort},
    layer::{Around, Layer, UploadLayer},
    pathname::Pathname,
    storage::{
        AbortReason, Metadata, OpenedUpload, Placement, Storage, StorageError, StorageErrorKind::*, Stored,
        Upload,
    },
    testing::{ContractBroken, Innermost, Operation, layer_contract, layer_contract_without, store_contract},
    unchanged,
};

use crate::steps::*;

/// Changes nothing.
#[derive(Clone)]
struct Nothing;

impl<S: Storage> Layer<S> for Nothing {
    unchanged!(S: Upload, Download, Listing);
}

/// Changes nothing of an upload, or has no file removed.
#[derive(Clone)]
struct Keeper {
    keeps_files: bool,
}

impl<S: Storage> Layer<S> for Keeper {
    type Upload = Around<S::Upload, Nothing>;
    unchanged!(S: Download, Listing);

    async fn open_upload(
        &self,
        inner: &S,
        path: &Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> Result<OpenedUpload<Self::Upload>, StorageError> {
        let opened = inner.open_upload(path, placement, announced).await?;
        Ok(opened.map(|upload| UploadLayer::around(Nothing, upload)))
    }

    async fn remove_file(&self, inner: &S, path: &Pathname) -> Result<(), StorageError> {
        match self.keeps_files {
            true => Err(PermissionDenied.into()),
            false => inner.remove_file(path).await,
        }
    }
}

impl<U: Upload> UploadLayer<U> for Nothing {}

const IDLE: Keeper = Keeper { keeps_files: false };

#[tokio::test]
async fn a_layer_passes_on_what_it_does_not_change() {
    layer_contract(|inner| Layer::around(Nothing, inner)).await.unwrap();
    layer_contract(|inner| IDLE.around(inner)).await.unwrap();
    layer_contract(|inner| IDLE.around(Layer::around(Nothing, IDLE.around(inner)))).await.unwrap();
    store_contract(async || Layer::around(Nothing, Memory::new())).await.unwrap();
    store_contract(async || IDLE.around(IDLE.around(Memory::new()))).await.unwrap();
}

#[tokio::test]
async fn what_a_layer_changes_is_found_unless_it_is_said() {
    let keeper = |inner| Keeper { keeps_files: true }.around(inner);
    let broken = layer_contract(keeper).await.unwrap_err();
    assert_eq!(rules(Err(broken.clone())), ["remove_file"]);
    let findings: Vec<_> = broken.breaches().iter().map(|breach| breach.finding()).collect();
    assert_eq!(findings, ["does not reach the store as it was asked", "failed: Permission denied."]);
    layer_contract_without(&[Operation::RemoveFile], keeper).await.unwrap();
}

/// The rules that were broken, each once.
fn rules(result: Result<(), ContractBroken>) -> Vec<&'static str> {
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
struct Garbling;

impl Layer<Innermost> for Garbling {
    type Upload = Around<Innermost, Self>;
    unchanged!(Innermost: Download);
    type Listing = Innermost;

    async fn stat(&self, inner: &Innermost, path: &Pathname) -> Result<Metadata, StorageError> {
        let metadata = inner.stat(path).await.map_err(|_| NotFound)?;
        Ok(Metadata { modified: None, ..metadata })
    }

    async fn list(&self, inner: &Innermost, path: &Pathname) -> Result<Innermost, StorageError> {
        inner.list(&path.parent().unwrap()).await
    }

    async fn open_upload(
        &self,
        inner: &Innermost,
        path: &Pathname,
        _: Placement,
        announced: Option<u64>,
    ) -> Result<OpenedUpload<Self::Upload>, StorageError> {
        let opened = inner.open_upload(path, Placement::Replace, announced).await?;
        Ok(opened.map(|upload| UploadLayer::around(Self, upload)))
    }
}

impl UploadLayer<Innermost> for Garbling {
    async fn write(&mut self, inner: &mut Innermost, chunk: Bytes) -> Result<(), StorageError> {
        inner.write(chunk.slice(1..)).await
    }

    async fn finish(self, inner: Innermost) -> Result<Stored, StorageError> {
        inner.finish().await.map(|_| Stored::default())
    }

    async fn abort(self, inner: Innermost, _: AbortReason) {
        inner.abort(AbortReason::ClientAborted).await;
    }

    fn finish_can_stop(&self, _: &Innermost) -> bool {
        true
    }
}

#[tokio::test]
async fn whatever_a_layer_garbles_is_found() {
    let garbled = ["abort", "finish", "list", "open_upload", "stat", "write"];
    assert_eq!(rules(layer_contract(|inner| Layer::around(Garbling, inner)).await), garbled);
}

/// A scanner, as others would write it: what it refuses is aborted, and never seen.
#[derive(Clone, Default)]
struct Scanner {
    refused: Arc<Mutex<usize>>,
}

#[derive(Default)]
struct Scan {
    content: Vec<u8>,
    refused: Arc<Mutex<usize>>,
}

impl<S: Storage> Layer<S> for Scanner {
    type Upload = Around<S::Upload, Scan>;
    unchanged!(S: Download, Listing);

    async fn open_upload(
        &self,
        inner: &S,
        path: &Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> Result<OpenedUpload<Self::Upload>, StorageError> {
        let scan = Scan { refused: Arc::clone(&self.refused), ..Scan::default() };
        Ok(inner.open_upload(path, placement, announced).await?.map(|upload| scan.around(upload)))
    }
}

impl<U: Upload> UploadLayer<U> for Scan {
    async fn write(&mut self, inner: &mut U, chunk: Bytes) -> Result<(), StorageError> {
        self.content.extend_from_slice(&chunk);
        inner.write(chunk).await
    }

    async fn finish(self, inner: U) -> Result<Stored, StorageError> {
        if !self.content.windows(5).any(|word| word == b"virus") {
            return inner.finish().await;
        }
        *self.refused.lock().unwrap() += 1;
        inner.abort(AbortReason::Refused).await;
        Err(StorageError::new(ContentRefused, "It has a virus."))
    }
}

#[tokio::test]
async fn what_a_scanner_refuses_is_not_stored() {
    let scanner = Scanner::default();
    layer_contract(|inner| scanner.clone().around(inner)).await.unwrap();
    store_contract(async || scanner.clone().around(Memory::new())).await.unwrap();
    let store = scanner.clone().around(Memory::new());
    begin(&store, "/clean", Placement::Replace, "nothing").await.finish().await.unwrap();
    let refused = begin(&store, "/sick", Placement::Replace, "a virus").await.finish().await;
    assert_eq!(kind(refused), ContentRefused);
    assert_eq!(kind(store.inner().stat(&path("/sick")).await), NotFound);
    assert_eq!(*scanner.refused.lock().unwrap(), 1);
}

/// Where parts are kept of uploads that were cut off, none is kept of what was refused.
#[tokio::test]
async fn nothing_is_kept_of_what_a_scanner_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let files = Filesystem::open(folder.path()).unwrap().with_on_abort(OnAbort::KeepPartial);
    let store = Scanner::default().around(files);
    let refused = begin(&store, "/sick", Placement::Replace, "a virus").await.finish().await;
    assert_eq!(kind(refused), ContentRefused);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    begin(&store, "/cut", Placement::Replace, "a viru").await.abort(AbortReason::DataConnectionLost).await;
    assert_eq!(std::fs::read(folder.path().join("cut")).unwrap(), b"a viru");
}

/// Asks for the room first, as a quota does.
struct Quota;

impl<S: Storage> Layer<S> for Quota {
    type Upload = Around<S::Upload, Strict>;
    unchanged!(S: Download, Listing);

    async fn open_upload(
        &self,
        inner: &S,
        path: &Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> Result<OpenedUpload<Self::Upload>, StorageError> {
        inner.available(path).await?;
        let opened = inner.open_upload(path, placement, announced).await?;
        Ok(opened.map(|upload| Strict::default().around(upload)))
    }
}

/// Takes no call that the contract does not allow.
#[derive(Default)]
struct Strict {
    has_failed: bool,
}

impl<U: Upload> UploadLayer<U> for Strict {
    async fn write(&mut self, inner: &mut U, chunk: Bytes) -> Result<(), StorageError> {
        let result = inner.write(chunk).await;
        self.has_failed = result.is_err();
        result
    }

    async fn prepare(&mut self, inner: &mut U) -> Result<(), StorageError> {
        assert!(!self.has_failed, "prepared behind an error");
        let result = inner.prepare().await;
        self.has_failed = result.is_err();
        result
    }

    async fn finish(self, inner: U) -> Result<Stored, StorageError> {
        assert!(!self.has_failed, "finished behind an error");
        inner.finish().await
    }
}

#[tokio::test]
async fn a_layer_may_ask_more_than_it_is_asked_and_rely_on_the_contract() {
    layer_contract(|inner| Quota.around(inner)).await.unwrap();
}

#[tokio::test]
async fn a_store_whose_type_is_forgotten_loses_nothing() {
    layer_contract(AnyStorage::new).await.unwrap();
    layer_contract(Arc::new).await.unwrap();
    layer_contract(|inner| Arc::new(AnyStorage::new(AnyStorage::new(IDLE.around(inner))))).await.unwrap();
    store_contract(async || AnyStorage::new(Memory::new())).await.unwrap();
    store_contract(async || Arc::new(Memory::new())).await.unwrap();
}

/// One list holds them, as the users of a server do.
#[tokio::test]
async fn stores_of_different_kinds_are_of_one_type() {
    let folder = tempfile::tempdir().unwrap();
    let files = AnyStorage::new(Filesystem::open(folder.path()).unwrap());
    let stores = [files.clone(), AnyStorage::new(Layer::around(Nothing, Memory::new()))];
    for store in &stores {
        begin(store, "/file", Placement::Replace, "content").await.finish().await.unwrap();
    }
    assert_eq!(std::fs::read(folder.path().join("file")).unwrap(), b"content");
    // A clone is the same store.
    files.remove_file(&path("/file")).await.unwrap();
    assert_eq!(kind(stores[0].stat(&path("/file")).await), NotFound);
    stores[1].stat(&path("/file")).await.unwrap();
}
