//! What a store may refuse.

/// An operation that a store may refuse to all, as [`Unsupported`](crate::storage::StorageErrorKind::Unsupported),
/// [`UnsupportedParameter`](crate::storage::StorageErrorKind::UnsupportedParameter) or
/// [`PermissionDenied`](crate::storage::StorageErrorKind::PermissionDenied).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// [`Placement::Append`](crate::storage::Placement::Append) (`APPE`).
    Append,
    /// [`Placement::Resume`](crate::storage::Placement::Resume) (`REST`, `STOR`).
    Resume,
    /// [`Placement::Unique`](crate::storage::Placement::Unique) (`STOU`).
    Unique,
    /// [`Storage::make_directory`](crate::storage::Storage::make_directory) (`MKD`); the store has no directories but its root, then.
    MakeDirectory,
    /// [`Storage::remove_directory`](crate::storage::Storage::remove_directory) (`RMD`).
    RemoveDirectory,
    /// [`Storage::remove_file`](crate::storage::Storage::remove_file) (`DELE`).
    RemoveFile,
    /// [`Storage::rename`](crate::storage::Storage::rename) of a file (`RNFR`, `RNTO`).
    RenameFile,
    /// [`Storage::rename`](crate::storage::Storage::rename) of a directory.
    RenameDirectory,
    /// [`Storage::set_modified`](crate::storage::Storage::set_modified) (`MFMT`).
    SetModified,
    /// [`Storage::set_mode`](crate::storage::Storage::set_mode) (`SITE CHMOD`).
    SetMode,
    /// [`Storage::available`](crate::storage::Storage::available) (`AVBL`).
    Available,
}
