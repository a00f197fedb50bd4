//! What is particular to the store in memory.

use bytes::Bytes;
use sansftp::{
    adapters::stores::Memory,
    pathname::Pathname,
    storage::{AbortReason, Download, Placement, Storage, StorageErrorKind::*, Upload},
};

use crate::steps::*;

const CAPACITY: u64 = 1_000_000;

async fn available(store: &Memory) -> u64 {
    store.available(&Pathname::root()).await.unwrap()
}

#[tokio::test]
async fn room_is_taken_by_uploads_and_given_back() {
    let store = Memory::with_capacity(CAPACITY);
    assert_eq!(available(&store).await, CAPACITY);
    let upload = begin(&store, "/file", Placement::Replace, pattern(600_000, 1)).await;
    assert!(available(&store).await <= CAPACITY - 600_000);
    upload.abort(AbortReason::ClientAborted).await;
    assert_eq!(available(&store).await, CAPACITY);
    drop(begin(&store, "/file", Placement::Replace, pattern(600_000, 1)).await);
    assert_eq!(available(&store).await, CAPACITY);
    drop(begin(&store, "/file", Placement::Replace, pattern(600_000, 1)).await.finish());
    assert_eq!(available(&store).await, CAPACITY);

    put(&store, "/file", pattern(400_000, 1)).await;
    put(&store, "/file", pattern(300_000, 1)).await;
    assert_eq!(available(&store).await, CAPACITY - 300_000 - 512);
    begin(&store, "/file", Placement::Append, "more").await.finish().await.unwrap();
    assert_eq!(available(&store).await, CAPACITY - 300_004 - 512);
    store.remove_file(&path("/file")).await.unwrap();
    assert_eq!(available(&store).await, CAPACITY);
}

#[tokio::test]
async fn a_full_store_refuses_and_keeps_what_it_has() {
    let store = Memory::with_capacity(CAPACITY);
    put(&store, "/file", pattern(600_000, 1)).await;
    let mut upload = begin(&store, "/file", Placement::Replace, pattern(300_000, 2)).await;
    assert_eq!(kind(upload.write(pattern(200_000, 2).into()).await), NoSpace);
    upload.abort(AbortReason::StoreFailed).await;
    assert!(get(&store, "/file").await == pattern(600_000, 1));

    let announced = store.open_upload(&path("/other"), Placement::Replace, Some(500_000)).await;
    assert_eq!(announced.err().unwrap().kind(), NoSpace);
    let appended = store.open_upload(&path("/file"), Placement::Append, None).await;
    assert_eq!(appended.err().unwrap().kind(), NoSpace, "old and new are there at the same time");
}

#[tokio::test]
async fn entries_take_room() {
    let store = Memory::with_capacity(10_000);
    let mut made = 0;
    let full = loop {
        match store.make_directory(&path(format!("/{made}"))).await {
            Ok(()) => made += 1,
            Err(error) => break error.kind(),
        }
    };
    assert!(full == NoSpace && made == 10_000 / 512);
    store.remove_directory(&path("/0")).await.unwrap();
    open(&store, "/file", Placement::Replace).await.upload.finish().await.unwrap();
    let refused = store.open_upload(&path("/another"), Placement::Replace, None).await;
    assert_eq!(refused.err().unwrap().kind(), NoSpace);
}

#[tokio::test]
async fn a_download_holds_the_room_of_what_was_removed() {
    let store = Memory::with_capacity(CAPACITY);
    put(&store, "/file", pattern(600_000, 1)).await;
    let mut download = store.open_download(&path("/file"), 0).await.unwrap();
    store.remove_file(&path("/file")).await.unwrap();
    assert_eq!(available(&store).await, CAPACITY - 600_000);
    assert_eq!(read_all(&mut download, 65_536).await.unwrap().len(), 600_000);
    drop(download);
    assert_eq!(available(&store).await, CAPACITY);
}

#[tokio::test]
async fn retrieving_does_not_copy() {
    let store = Memory::new();
    put(&store, "/file", pattern(100_000, 1)).await;
    let address = async |offset| -> Bytes {
        store.open_download(&path("/file"), offset).await.unwrap().read(1000).await.unwrap()
    };
    let (first, second, later) = (address(0).await, address(0).await, address(500).await);
    assert!(first.as_ptr() == second.as_ptr() && first[500..].as_ptr() == later.as_ptr());
}

#[tokio::test]
async fn finishes_can_be_stopped() {
    let store = Memory::new();
    put(&store, "/file", "old").await;
    let upload = begin(&store, "/file", Placement::Replace, "new").await;
    assert!(upload.finish_can_stop());
    drop(upload.finish());
    assert_eq!(get(&store, "/file").await, b"old");
}

#[tokio::test]
async fn listings_are_sorted_and_survive_changes() {
    use sansftp::storage::Listing;

    let store = Memory::new();
    for number in 0..300 {
        make(&store, format!("/{number:03}")).await;
    }
    let mut listing = store.list(&Pathname::root()).await.unwrap();
    let first: Vec<_> = listing.next_page().await.unwrap().into_iter().map(|entry| entry.name).collect();
    assert!(first.len() == 256 && first.is_sorted());
    store.remove_directory(&path("/255")).await.unwrap();
    store.remove_directory(&path("/256")).await.unwrap();
    make(&store, "/256a").await;
    let second: Vec<_> = listing.next_page().await.unwrap().into_iter().map(|entry| entry.name).collect();
    assert!(second.len() == 44 && second[0] == "256a" && second.is_sorted());
}

/// Each rename puts a tree one level deeper, so nothing may walk it by recursion.
#[tokio::test]
async fn a_deep_tree_does_no_harm() {
    let store = Memory::new();
    make(&store, "/deep").await;
    for _ in 0..20_000 {
        make(&store, "/outer").await;
        store.rename(&path("/deep"), &path("/outer/deep")).await.unwrap();
        store.rename(&path("/outer"), &path("/deep")).await.unwrap();
    }
    assert_eq!(names(&store, "/deep/deep/deep").await, ["deep"]);
    drop(store);
}

#[tokio::test]
async fn clones_are_the_same_store() {
    let store = Memory::default();
    put(&store.clone(), "/file", "content").await;
    assert_eq!(get(&store, "/file").await, b"content");
}
