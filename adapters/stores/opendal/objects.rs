//! What the operator reaches, and what is there of it.

use opendal::{EntryMode, Metadata as ObjectMetadata, Operator};

use super::{
    error::{explain, found},
    key::Key,
    occupied::Occupied,
};
use crate::{
    storage::{EntryKind, Metadata, Permissions, StorageError, StorageErrorKind},
    time_value::TimeValue,
};

/// What the operator reaches. A clone is the same.
#[derive(Debug, Clone)]
pub(super) struct Objects {
    pub(super) operator: Operator,
    pub(super) access: Access,
    pub(super) occupied: Occupied,
}

/// Whether users may change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    ReadWrite,
    ReadOnly,
}

impl Objects {
    /// What has a key. Of a file and a directory it is the file; a directory is there if it has a marker, or if anything
    /// is below it.
    pub(super) async fn find(&self, key: &Key) -> Result<Option<ObjectMetadata>, StorageError> {
        if !key.is_root() {
            match self.operator.stat(key.file()).await {
                Ok(metadata) => return Ok(Some(metadata)),
                Err(error) if error.kind() == opendal::ErrorKind::NotFound => {}
                Err(error) => return Err(explain(error)),
            }
        }
        found(self.operator.stat(&key.directory()).await)
    }

    /// What has a key, or why there is nothing.
    pub(super) async fn look_up(&self, key: &Key) -> Result<ObjectMetadata, StorageError> {
        match self.find(key).await? {
            Some(metadata) => Ok(metadata),
            None => Err(self.explain_absence(key).await),
        }
    }

    /// The file that has a key.
    pub(super) async fn look_up_file(&self, key: &Key) -> Result<ObjectMetadata, StorageError> {
        let metadata = self.look_up(key).await?;
        match metadata.mode() {
            EntryMode::FILE => Ok(metadata),
            EntryMode::DIR => Err(StorageErrorKind::IsADirectory.into()),
            EntryMode::Unknown => Err(StorageErrorKind::NotAFile.into()),
        }
    }

    /// Refuses what is not a directory.
    pub(super) async fn look_up_directory(&self, key: &Key) -> Result<(), StorageError> {
        match self.look_up(key).await?.mode() {
            EntryMode::DIR => Ok(()),
            _ => Err(StorageErrorKind::NotADirectory.into()),
        }
    }

    /// Refuses what could not be made because its directory is not there.
    pub(super) async fn look_up_parent(&self, key: &Key) -> Result<(), StorageError> {
        let Some(parent) = key.parent().filter(|parent| !parent.is_root()) else { return Ok(()) };
        // A directory is asked for first, because it nearly always is one.
        match found(self.operator.stat(&parent.directory()).await)? {
            Some(_) => Ok(()),
            None => self.look_up_directory(&parent).await,
        }
    }

    /// Nothing is there, and nothing can be if one of the directories on the way is a file.
    async fn explain_absence(&self, key: &Key) -> StorageError {
        let mut key = key.clone();
        while let Some(parent) = key.parent().filter(|parent| !parent.is_root()) {
            match self.find(&parent).await {
                Ok(None) => key = parent,
                Ok(Some(metadata)) if metadata.is_dir() => break,
                Ok(Some(_)) => return StorageErrorKind::NotADirectory.into(),
                Err(error) => return error,
            }
        }
        StorageErrorKind::NotFound.into()
    }

    /// What clients are told of what the service says.
    pub(super) fn describe(&self, metadata: &ObjectMetadata) -> Metadata {
        let kind = match metadata.mode() {
            EntryMode::FILE => EntryKind::File,
            EntryMode::DIR => EntryKind::Directory,
            EntryMode::Unknown => EntryKind::Other,
        };
        Metadata {
            kind,
            size: metadata.content_length(),
            modified: modified(metadata),
            permissions: match self.access {
                Access::ReadWrite => Permissions::all(kind),
                Access::ReadOnly => Permissions::read_only(kind),
            },
            unix: None,
            unique: None,
        }
    }
}

fn modified(metadata: &ObjectMetadata) -> Option<TimeValue> {
    let nanoseconds = metadata.last_modified()?.into_inner().as_nanosecond();
    let seconds = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).ok()?;
    Some(TimeValue::from_unix(seconds, nanoseconds.rem_euclid(1_000_000_000) as u32))
}
