//! Which permissions clients may set.

use crate::storage::{StorageError, StorageErrorKind};

/// Refuses the bits that let a program run as somebody else, which no client needs to set.
pub(super) fn refuse_special_bits(mode: u32) -> Result<(), StorageError> {
    match mode {
        ..=0o777 => Ok(()),
        _ => Err(StorageError::new(
            StorageErrorKind::UnsupportedParameter,
            "Only the permissions to read, write and execute can be set.",
        )),
    }
}
