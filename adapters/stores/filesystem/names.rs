//! Which names of the file system clients reach.

use std::path::Path;

use super::{super::hidden_name::is_hidden, system};
use crate::{
    pathname::Pathname,
    storage::{StorageError, StorageErrorKind},
};

/// The pathname below the root, which is `.`, if clients may reach it.
pub(super) fn existing(path: &Pathname) -> Result<&Path, StorageError> {
    if path.segments().any(is_hidden) {
        return Err(StorageErrorKind::NotFound.into());
    }
    match path.as_bytes() {
        [b'/'] => Ok(Path::new(".")),
        [b'/', relative @ ..] => system::path(relative).ok_or_else(|| StorageErrorKind::NotFound.into()),
        _ => Err(StorageErrorKind::NotFound.into()),
    }
}

/// The last segment as a name for something new, if clients may give it.
pub(super) fn new_name(name: &[u8]) -> Result<&Path, StorageError> {
    match system::path(name) {
        Some(name_here) if !is_hidden(name) => Ok(name_here),
        _ => Err(StorageErrorKind::NameRefused.into()),
    }
}
