//! Directories that are listed.

use core::{future::poll_fn, pin::Pin};
use std::{fmt, string::String, vec::Vec};

use bytes::Bytes;
use futures_core::Stream as _;
use opendal::{Entry as ObjectEntry, Lister};

use super::{super::hidden_name::is_hidden, error::explain, key::Key, objects::Objects};
use crate::storage::{Entry, Listing, StorageError};

/// Entries that are given out in one go.
const PAGE_SIZE: usize = 256;

/// A directory of an [`OpenDal`](super::OpenDal) store that is being listed.
///
/// Entries come in the order that the service has them in, in pages of 256, and no more of them are in memory than one
/// page and what the service sends at once (S3: 1000).
pub struct OpenDalListing {
    objects: Objects,
    directory: String,
    lister: Lister,
}

impl OpenDalListing {
    pub(super) async fn open(objects: &Objects, key: &Key) -> Result<Self, StorageError> {
        objects.look_up_directory(key).await?;
        let directory = key.directory();
        let lister = objects.operator.lister(&directory).await.map_err(explain)?;
        Ok(Self { objects: objects.clone(), directory, lister })
    }

    /// `None` for the directory itself, and for names that no client could ask for.
    fn entry(&self, entry: &ObjectEntry) -> Option<Entry> {
        let below_root = entry.path().trim_start_matches('/');
        let name = below_root.strip_prefix(self.directory.trim_start_matches('/'))?;
        let name = name.strip_suffix('/').unwrap_or(name);
        let is_shown = !matches!(name, "" | "." | "..") && !name.contains('/') && !is_hidden(name.as_bytes());
        let metadata = self.objects.describe(entry.metadata());
        is_shown.then(|| Entry::new(Bytes::copy_from_slice(name.as_bytes()), metadata))
    }
}

impl Listing for OpenDalListing {
    async fn next_page(&mut self) -> Result<Vec<Entry>, StorageError> {
        let mut page = Vec::new();
        while page.len() < PAGE_SIZE {
            let Some(entry) = poll_fn(|cx| Pin::new(&mut self.lister).poll_next(cx)).await else { break };
            page.extend(self.entry(&entry.map_err(explain)?));
        }
        Ok(page)
    }
}

impl fmt::Debug for OpenDalListing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenDalListing").field("directory", &self.directory).finish_non_exhaustive()
    }
}
