//! What the store holds: the plainest that can be.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use sansftp::StorageErrorKind::{self, *};

/// Files and directories by their pathnames.
pub struct Tree {
    pub files: BTreeMap<String, File>,
    directories: BTreeSet<String>,
    capacity: u64,
    /// Bytes of uploads that have not ended.
    pub reserved: u64,
    last_version: u64,
}

#[derive(Clone)]
pub struct File {
    pub content: Bytes,
    /// Another one after each change.
    pub version: u64,
}

pub fn parent(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(slash) => &path[..slash],
    }
}

impl Tree {
    pub fn new(capacity: u64) -> Self {
        let directories = BTreeSet::from(["/".into()]);
        Self { files: BTreeMap::new(), directories, capacity, reserved: 0, last_version: 0 }
    }

    pub fn is_directory(&self, path: &str) -> bool {
        self.directories.contains(path)
    }

    pub fn file(&self, path: &str) -> Result<&File, StorageErrorKind> {
        match self.files.get(path) {
            Some(file) => Ok(file),
            None if self.is_directory(path) => Err(IsADirectory),
            None => Err(NotFound),
        }
    }

    /// Whether a file can have this name.
    pub fn check_place(&self, path: &str) -> Result<(), StorageErrorKind> {
        match (
            self.is_directory(path),
            self.is_directory(parent(path)),
            self.files.contains_key(parent(path)),
        ) {
            (true, ..) => Err(IsADirectory),
            (_, true, _) => Ok(()),
            (_, _, true) => Err(NotADirectory),
            _ => Err(NotFound),
        }
    }

    pub fn available(&self) -> u64 {
        let used: usize = self.files.values().map(|file| file.content.len()).sum();
        self.capacity.saturating_sub(used as u64 + self.reserved)
    }

    pub fn reserve(&mut self, bytes: u64) -> Result<(), StorageErrorKind> {
        if bytes > self.available() {
            return Err(if self.capacity.is_multiple_of(16) { NoSpace } else { OverQuota });
        }
        self.reserved += bytes;
        Ok(())
    }

    pub fn put(&mut self, path: &str, content: Bytes) {
        self.last_version += 1;
        let version = self.last_version;
        self.files.insert(path.into(), File { content, version });
    }

    /// The names in a directory.
    pub fn names<'a>(&'a self, directory: &'a str) -> impl Iterator<Item = &'a str> {
        let paths = self.files.keys().chain(&self.directories);
        paths.filter(move |path| *path != "/" && parent(path) == directory).map(|path| {
            let start = path.rfind('/').map_or(0, |slash| slash + 1);
            &path[start..]
        })
    }

    /// All that there is.
    pub fn paths(&self) -> BTreeSet<String> {
        let paths = self.files.keys().chain(&self.directories);
        paths.filter(|path| *path != "/").cloned().collect()
    }

    pub fn make_directory(&mut self, path: &str) -> Result<(), StorageErrorKind> {
        if self.is_directory(path) || self.files.contains_key(path) {
            return Err(AlreadyExists);
        }
        self.check_place(path)?;
        self.directories.insert(path.into());
        Ok(())
    }

    pub fn remove_directory(&mut self, path: &str) -> Result<(), StorageErrorKind> {
        if path == "/" {
            return Err(PermissionDenied);
        }
        if !self.is_directory(path) {
            return Err(if self.files.contains_key(path) { NotADirectory } else { NotFound });
        }
        if self.names(path).next().is_some() {
            return Err(NotEmpty);
        }
        self.directories.remove(path);
        Ok(())
    }

    pub fn remove_file(&mut self, path: &str) -> Result<(), StorageErrorKind> {
        self.file(path)?;
        self.files.remove(path);
        Ok(())
    }

    /// Renames a file, which stays the one that it was.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), StorageErrorKind> {
        let file = self.file(from)?.clone();
        self.check_place(to)?;
        self.files.remove(from);
        self.files.insert(to.into(), file);
        Ok(())
    }
}
