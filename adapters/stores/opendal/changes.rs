//! Directories and names that change.

use core::future::poll_fn;
use std::string::String;

use futures_core::Stream as _;
use opendal::{
    EntryMode, Metadata as ObjectMetadata,
    options::{DeleteOptions, ListOptions},
};

use super::{
    error::{explain, explain_condition, found},
    key::Key,
    objects::Objects,
};
use crate::storage::{StorageError, StorageErrorKind};

impl Objects {
    pub(super) async fn make_directory_at(&self, key: &Key) -> Result<(), StorageError> {
        if key.is_root() || self.find(key).await?.is_some() {
            return Err(StorageErrorKind::AlreadyExists.into());
        }
        self.occupied.refuse_directory(key)?;
        self.look_up_parent(key).await?;
        self.operator.create_dir(&key.directory()).await.map_err(explain)
    }

    pub(super) async fn remove_directory_at(&self, key: &Key) -> Result<(), StorageError> {
        refuse_root(key)?;
        self.look_up_directory(key).await?;
        self.occupied.refuse_directory(key)?;
        let directory = key.directory();
        if !self.is_empty(&directory).await? {
            return Err(StorageErrorKind::NotEmpty.into());
        }
        self.operator.delete(&directory).await.map_err(explain)?;
        self.keep_parent(key).await
    }

    pub(super) async fn remove_file_at(&self, key: &Key) -> Result<(), StorageError> {
        self.look_up_removable(key, StorageErrorKind::IsADirectory).await?;
        self.operator.delete(key.file()).await.map_err(explain)?;
        self.keep_parent(key).await
    }

    pub(super) async fn rename_at(&self, from: &Key, to: &Key) -> Result<(), StorageError> {
        refuse_root(from)?;
        let refused = StorageError::new(
            StorageErrorKind::UnsupportedParameter,
            "Only files can be renamed here, not directories.",
        );
        let source = match self.look_up(from).await? {
            metadata if metadata.is_dir() => return Err(refused),
            metadata => metadata,
        };
        if to.is_root() {
            return Err(StorageErrorKind::AlreadyExists.into());
        }
        match self.find(to).await?.map(|metadata| metadata.mode()) {
            Some(EntryMode::DIR) => return Err(StorageErrorKind::AlreadyExists.into()),
            // What is moved onto itself must not be removed.
            _ if from == to => return Ok(()),
            Some(_) => {}
            None => self.look_up_parent(to).await?,
        }
        let capability = self.operator.info().capability();
        if capability.rename {
            self.operator.rename(from.file(), to.file()).await.map_err(explain)?;
        } else if capability.copy && capability.delete {
            self.copy_and_remove(from, to, &source).await?;
        } else {
            return Err(StorageErrorKind::Unsupported.into());
        }
        self.keep_parent(from).await
    }

    async fn copy_and_remove(
        &self,
        from: &Key,
        to: &Key,
        source: &ObjectMetadata,
    ) -> Result<(), StorageError> {
        self.operator.copy(from.file(), to.file()).await.map_err(explain)?;
        let can_compare = self.operator.info().capability().delete_with_if_match;
        let if_match = source.etag().filter(|_| can_compare).map(String::from);
        let options = DeleteOptions { if_match, ..DeleteOptions::default() };
        self.operator.delete_options(from.file(), options).await.map_err(|error| {
            let sentence = "The file was stored anew meanwhile; both names are there now.";
            explain_condition(error, StorageError::new(StorageErrorKind::Busy, sentence))
        })
    }

    async fn look_up_removable(&self, key: &Key, directory: StorageErrorKind) -> Result<(), StorageError> {
        match key.is_root() || self.look_up(key).await?.is_dir() {
            true => Err(directory.into()),
            false => Ok(()),
        }
    }

    async fn is_empty(&self, directory: &str) -> Result<bool, StorageError> {
        // The directory's own marker may be the first one.
        let options = ListOptions { limit: Some(2), ..ListOptions::default() };
        let mut lister = self.operator.lister_options(directory, options).await.map_err(explain)?;
        loop {
            match poll_fn(|cx| core::pin::Pin::new(&mut lister).poll_next(cx)).await {
                None => return Ok(true),
                Some(Err(error)) => return Err(explain(error)),
                Some(Ok(entry)) if entry.path() == directory => {}
                Some(Ok(_)) => return Ok(false),
            }
        }
    }

    /// A directory without a marker goes with its last entry, but clients expect it to stay until they remove it: many
    /// remove a tree by removing the files, and then the directories.
    async fn keep_parent(&self, key: &Key) -> Result<(), StorageError> {
        let Some(parent) = key.parent().filter(|parent| !parent.is_root()) else { return Ok(()) };
        let parent = parent.directory();
        match found(self.operator.stat(&parent).await)? {
            Some(_) => Ok(()),
            None => self.operator.create_dir(&parent).await.map_err(explain),
        }
    }
}

fn refuse_root(key: &Key) -> Result<(), StorageError> {
    match key.is_root() {
        true => Err(StorageError::new(
            StorageErrorKind::PermissionDenied,
            "Permission denied: the root directory stays where it is.",
        )),
        false => Ok(()),
    }
}
