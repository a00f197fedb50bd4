//! The steps that tests are made of.

use std::{collections::BTreeMap, fmt::Debug, pin::pin, sync::mpsc, task::Poll};

use bytes::Bytes;
use sansftp::{
    adapters::BlockingPool,
    pathname::Pathname,
    storage::{
        Download, Entry, Listing, OpenedUpload, Placement, Storage, StorageError, StorageErrorKind, Upload,
    },
};

pub(crate) fn path(text: impl AsRef<[u8]>) -> Pathname {
    Pathname::root().resolve(text.as_ref()).unwrap()
}

pub(crate) fn kind<T: Debug>(result: Result<T, StorageError>) -> StorageErrorKind {
    result.unwrap_err().kind()
}

/// Bytes that differ from place to place and from `seed` to `seed`.
pub(crate) fn pattern(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|index| (index % 251) as u8 ^ (index >> 16) as u8 ^ seed).collect()
}

pub(crate) async fn open<S: Storage>(
    store: &S,
    name: impl AsRef<[u8]>,
    placement: Placement,
) -> OpenedUpload<S::Upload> {
    store.open_upload(&path(name), placement, None).await.unwrap()
}

pub(crate) async fn write_all<U: Upload>(upload: &mut U, content: &[u8]) {
    for chunk in content.chunks(100_000) {
        upload.write(Bytes::copy_from_slice(chunk)).await.unwrap();
    }
}

/// Opens and writes an upload, which is left to be finished.
pub(crate) async fn begin<S: Storage>(
    store: &S,
    name: impl AsRef<[u8]>,
    placement: Placement,
    content: impl AsRef<[u8]>,
) -> S::Upload {
    let mut upload = open(store, name, placement).await.upload;
    write_all(&mut upload, content.as_ref()).await;
    upload
}

pub(crate) async fn put<S: Storage>(store: &S, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) {
    begin(store, name, Placement::Replace, content).await.finish().await.unwrap();
}

pub(crate) async fn read_all<D: Download>(download: &mut D, most: usize) -> Result<Vec<u8>, StorageError> {
    let mut content = Vec::new();
    loop {
        let bytes = download.read(most).await?;
        if bytes.is_empty() {
            return Ok(content);
        }
        assert!(bytes.len() <= most);
        content.extend_from_slice(&bytes);
    }
}

pub(crate) async fn get<S: Storage>(store: &S, name: impl AsRef<[u8]>) -> Vec<u8> {
    read_all(&mut store.open_download(&path(name), 0).await.unwrap(), 30_000).await.unwrap()
}

pub(crate) async fn size<S: Storage>(store: &S, name: impl AsRef<[u8]>) -> u64 {
    store.stat(&path(name)).await.unwrap().size
}

pub(crate) async fn make<S: Storage>(store: &S, name: impl AsRef<[u8]>) {
    store.make_directory(&path(name)).await.unwrap();
}

/// The entries of a directory, each of which must come once.
pub(crate) async fn entries<S: Storage>(store: &S, name: impl AsRef<[u8]>) -> BTreeMap<Vec<u8>, Entry> {
    let mut listing = store.list(&path(name)).await.unwrap();
    let mut entries = BTreeMap::new();
    loop {
        let page = listing.next_page().await.unwrap();
        if page.is_empty() {
            return entries;
        }
        for entry in page {
            let before = entries.insert(entry.name.to_vec(), entry);
            assert!(before.is_none(), "{before:?}");
        }
    }
}

pub(crate) async fn names<S: Storage>(store: &S, name: impl AsRef<[u8]>) -> Vec<String> {
    entries(store, name).await.into_keys().map(|name| String::from_utf8_lossy(&name).into_owned()).collect()
}

pub(crate) async fn exists<S: Storage>(store: &S, name: impl AsRef<[u8]>) -> bool {
    match store.stat(&path(name)).await {
        Ok(_) => true,
        Err(error) if error.kind() == StorageErrorKind::NotFound => false,
        Err(error) => panic!("{error:?}"),
    }
}

/// Polls a future once and drops it.
pub(crate) async fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

/// A thread that does nothing else until this is dropped.
pub(crate) struct Held(#[allow(dead_code, reason = "it is for dropping")] mpsc::Sender<()>);

/// Holds a thread of a pool, once it is this one's turn.
pub(crate) fn hold(pool: &BlockingPool) -> Held {
    let (sender, receiver) = mpsc::channel();
    pool.run(move || receiver.recv()).detach();
    Held(sender)
}
