//! The contract of `Storage`, by the checks that other stores can be put to, too.

use core::cell::Cell;

#[cfg(any(feature = "opendal", all(feature = "tahoe", feature = "tokio")))]
use sansftp::testing::{Operation::*, store_contract_without};
use sansftp::{
    adapters::stores::{Durability, Filesystem, Memory},
    testing::store_contract,
};

#[tokio::test]
async fn on_memory() {
    store_contract(async || Memory::new()).await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn on_filesystem() {
    for durability in [Durability::Sync, Durability::Rename] {
        let (outer, count) = (tempfile::tempdir().unwrap(), Cell::new(0));
        let new_store = async || {
            let folder = outer.path().join(number(&count));
            std::fs::create_dir(&folder).unwrap();
            Filesystem::open(folder).unwrap().with_durability(durability)
        };
        store_contract(new_store).await.unwrap();
        // Whatever happened, no temporary file stays.
        no_temporary_files(outer.path());
    }
}

/// It has no rename, and only of a service that gives files identities can the beginning of one be kept safely.
#[cfg(feature = "opendal")]
#[tokio::test]
async fn on_opendal_memory() {
    let refused = [Append, Resume, RenameFile, RenameDirectory, SetModified, SetMode, Available];
    store_contract_without(&refused, async || crate::opendal::in_memory()).await.unwrap();
}

#[cfg(feature = "opendal-services")]
#[tokio::test]
async fn on_opendal_fs() {
    let (outer, count) = (tempfile::tempdir().unwrap(), Cell::new(0));
    let refused = [Append, Resume, RenameDirectory, SetModified, SetMode, Available];
    let new_store = async || crate::opendal::in_folder(&outer.path().join(number(&count)));
    store_contract_without(&refused, new_store).await.unwrap();
}

#[cfg(feature = "opendal-services")]
#[ignore = "scripts/s3 runs it, with a server"]
#[tokio::test]
async fn on_opendal_s3() {
    let count = Cell::new(0);
    let new_store = async || crate::opendal::in_bucket(&format!("contract {}", number(&count)));
    let refused = [RenameDirectory, SetModified, SetMode, Available];
    store_contract_without(&refused, new_store).await.unwrap();
}

#[cfg(all(feature = "tahoe", feature = "tokio"))]
mod on_tahoe {
    use super::*;

    #[ignore = "the system test runs it, with a grid"]
    #[tokio::test]
    async fn the_contract_is_kept() {
        let refused = [Append, Resume, SetMode, Available];
        store_contract_without(&refused, async || crate::tahoe::on_a_grid()).await.unwrap();
    }
}

/// A name that nothing had before.
fn number(count: &Cell<usize>) -> String {
    count.set(count.get() + 1);
    count.get().to_string()
}

/// Drops may still be on their way through the pool, so this waits for a while.
pub(crate) fn no_temporary_files(folder: &std::path::Path) {
    for _ in 0..1000 {
        if temporary_files(folder) == 0 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("a temporary file stayed");
}

fn temporary_files(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| match entry.file_type().unwrap().is_dir() {
            true => temporary_files(&entry.path()),
            false => usize::from(entry.file_name().as_encoded_bytes().starts_with(b".sansftp-")),
        })
        .sum()
}
