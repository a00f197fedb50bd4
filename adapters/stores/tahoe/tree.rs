//! Looking things up, and changing directories.

use std::string::{String, ToString};

use bytes::Bytes;
use hyper::Method;
use serde_json::Value;

use super::{
    body::RequestBody,
    cap::Cap,
    directories::Locked,
    gateway::{Gateway, Head},
    names::{self, push_encoded},
    node::Node,
    refusal::{lost, read_only, strange},
    splitter::Splitter,
};
use crate::{
    adapters::runtimes::Runtime,
    pathname::Pathname,
    storage::{StorageError, StorageErrorKind},
    time_value::TimeValue,
};

/// The files below a directory of the grid.
#[derive(Debug, Clone)]
pub(super) struct Tree<R: Runtime> {
    pub(super) gateway: Gateway<R>,
    pub(super) root: Cap,
}

/// A directory, and an entry of it.
#[derive(Debug)]
pub(super) struct Found {
    /// Whether the directory can be changed.
    pub(super) is_writable: bool,
    pub(super) node: Option<Node>,
}

/// A directory in which nobody else of this process changes anything.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) cap: Cap,
    pub(super) locked: Locked,
}

/// What an entry may replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replace {
    Anything,
    Files,
    Nothing,
}

impl Replace {
    const fn argument(self) -> &'static str {
        match self {
            Self::Anything => "true",
            Self::Files => "only-files",
            Self::Nothing => "false",
        }
    }

    /// What it means that something is there which may not be replaced.
    const fn conflict(self) -> StorageErrorKind {
        match self {
            Self::Files => StorageErrorKind::IsADirectory,
            Self::Anything | Self::Nothing => StorageErrorKind::AlreadyExists,
        }
    }
}

impl<R: Runtime> Tree<R> {
    /// The capability of the directory at `path`.
    pub(super) async fn find_directory(&self, path: &Pathname) -> Result<Cap, StorageError> {
        if path.is_root() {
            return Ok(self.root.clone());
        }
        let url = names::url(&self.root, path)? + "?t=uri";
        let text = self.gateway.ask_text(Head::get(url), RequestBody::empty()).await?;
        let cap = Cap::parse(&text).ok_or_else(|| strange("a capability was expected"))?;
        if cap.is_directory() { Ok(cap) } else { Err(StorageErrorKind::NotADirectory.into()) }
    }

    /// The entry at `path`, which is not the root.
    pub(super) async fn find(&self, path: &Pathname) -> Result<Node, StorageError> {
        Ok(self.find_in_directory(path).await?.0)
    }

    /// The same, and whether its directory can be changed.
    pub(super) async fn find_in_directory(&self, path: &Pathname) -> Result<(Node, bool), StorageError> {
        let directory = path.parent().unwrap_or_else(Pathname::root);
        let name = names::present_name(path)?;
        let found = self.look_up_at(names::url(&self.root, &directory)?, &name).await?;
        Ok((found.node.ok_or(StorageErrorKind::NotFound)?, found.is_writable))
    }

    /// The entry of a directory that has this name, if there is one.
    pub(super) async fn look_up(&self, directory: &Cap, name: &str) -> Result<Found, StorageError> {
        self.look_up_at(names::url_of_cap(directory), name).await
    }

    async fn look_up_at(&self, directory: String, name: &str) -> Result<Found, StorageError> {
        let mut node = None;
        let (_, write_cap) = self
            .read_directory(directory, |child| {
                if child.0 == name {
                    node = Some(child.1);
                }
            })
            .await?;
        Ok(Found { is_writable: write_cap.is_some(), node })
    }

    /// Reads a directory, and tells how many entries it has, and the right to change it.
    async fn read_directory(
        &self,
        url: String,
        mut take: impl FnMut((String, Node)) + Send,
    ) -> Result<(usize, Option<Cap>), StorageError> {
        let mut answer = self.gateway.ask(Head::get(url + "?t=json"), RequestBody::empty()).await?;
        let mut splitter = Splitter::default();
        let mut count = 0;
        while let Some(bytes) = answer.next().await.map_err(lost)? {
            let children = splitter.feed(&bytes).map_err(strange)?;
            require_directory(&splitter)?;
            count += children.len();
            children.into_iter().for_each(&mut take);
        }
        self.gateway.keep(answer);
        require_directory(&splitter)?;
        Ok((count, splitter.finish().map_err(strange)?))
    }

    /// Waits until nobody else changes the directory at `path`, which can be changed.
    pub(super) async fn hold(&self, path: &Pathname) -> Result<Held, StorageError> {
        loop {
            let removals = self.gateway.directories().removals();
            let cap = self.find_directory(path).await?;
            if !cap.is_writable_directory() {
                return Err(read_only());
            }
            let locked = self.gateway.directories().lock(&cap).await;
            // Otherwise it may be gone: what were stored in it then could not be reached any more.
            if self.gateway.directories().removals() == removals {
                return Ok(Held { cap, locked });
            }
        }
    }

    /// Makes an entry of a directory, whose lock the caller has.
    pub(super) async fn link(
        &self,
        directory: &Cap,
        name: &str,
        entry: Value,
        replace: Replace,
    ) -> Result<(), StorageError> {
        let url = names::url_of_cap(directory) + "?t=set_children&replace=" + replace.argument();
        let entries = Value::Object([(name.to_string(), entry)].into_iter().collect());
        self.post(url, entries.to_string().into()).await.map_err(|error| match error.kind() {
            StorageErrorKind::AlreadyExists => replace.conflict().into(),
            _ => error,
        })
    }

    async fn post(&self, url: String, body: Bytes) -> Result<(), StorageError> {
        self.gateway.ask_text(Head::new(Method::POST, url), body.into()).await.map(drop)
    }

    /// Removes an entry of a directory, whose lock the caller has, whatever it is.
    async fn unlink(&self, directory: &Cap, name: &str) -> Result<(), StorageError> {
        let head = Head::new(Method::DELETE, names::url_in(directory, name)?);
        self.gateway.ask_text(head, RequestBody::empty()).await.map(drop)
    }

    pub(super) async fn make_directory(self, path: Pathname) -> Result<(), StorageError> {
        let (parent, name) = place(&path, StorageErrorKind::AlreadyExists)?;
        let name = names::new_name(name)?;
        let held = self.hold(&parent).await?;
        let mut url = names::url_of_cap(&held.cap) + "?t=mkdir&replace=false&name=";
        push_encoded(&mut url, &name);
        self.post(url, Bytes::new()).await
    }

    pub(super) async fn remove_file(self, path: Pathname) -> Result<(), StorageError> {
        let (parent, _) = place(&path, StorageErrorKind::IsADirectory)?;
        let name = names::present_name(&path)?;
        let held = self.hold(&parent).await?;
        let node = self.look_up(&held.cap, &name).await?.node.ok_or(StorageErrorKind::NotFound)?;
        if node.is_directory() {
            return Err(StorageErrorKind::IsADirectory.into());
        }
        self.unlink(&held.cap, &name).await
    }

    pub(super) async fn remove_directory(self, path: Pathname) -> Result<(), StorageError> {
        let (parent, _) = place(&path, StorageErrorKind::PermissionDenied)?;
        let name = names::present_name(&path)?;
        let parent = self.find_directory(&parent).await?;
        if !parent.is_writable_directory() {
            return Err(read_only());
        }
        let found = self.look_up(&parent, &name).await?.node;
        let directory = directory_cap(found.as_ref())?;
        let directories = self.gateway.directories();
        let _locked = directories.lock_both(&parent, &directory).await;
        let found = self.look_up(&parent, &name).await?.node;
        if directory_cap(found.as_ref())? != directory {
            return Err(StorageErrorKind::Busy.into());
        }
        let (entries, _) = self.read_directory(names::url_of_cap(&directory), |_| {}).await?;
        if entries > 0 {
            return Err(StorageErrorKind::NotEmpty.into());
        }
        if directories.has_uploads(&directory) {
            return Err(StorageError::new(
                StorageErrorKind::Busy,
                "A file is being stored in that directory; try again later.",
            ));
        }
        directories.count_removal();
        self.unlink(&parent, &name).await
    }

    pub(super) async fn set_modified(self, path: Pathname, modified: TimeValue) -> Result<(), StorageError> {
        let (parent, _) = place(&path, StorageErrorKind::PermissionDenied)?;
        let name = names::present_name(&path)?;
        let held = self.hold(&parent).await?;
        let node = self.look_up(&held.cap, &name).await?.node.ok_or(StorageErrorKind::NotFound)?;
        if node.read_cap.is_none() {
            return Err(StorageErrorKind::NotAFile.into());
        }
        // It replaces itself.
        let entry = node.with_modified(modified).to_json();
        self.link(&held.cap, &name, entry, Replace::Anything).await
    }

    pub(super) async fn rename(self, from: Pathname, to: Pathname) -> Result<(), StorageError> {
        let (from_parent, _) = place(&from, StorageErrorKind::PermissionDenied)?;
        let from_name = names::present_name(&from)?;
        let from_cap = self.find_directory(&from_parent).await?;
        let node = self.look_up(&from_cap, &from_name).await?.node.ok_or(StorageErrorKind::NotFound)?;
        let (to_parent, to_name) = place(&to, StorageErrorKind::AlreadyExists)?;
        let to_name = names::new_name(to_name)?;
        let directories = self.gateway.directories();
        let _moves = if node.is_directory() { Some(directories.lock_moves().await) } else { None };
        let removals = directories.removals();
        let to_cap = self.find_directory(&to_parent).await?;
        if !from_cap.is_writable_directory() || !to_cap.is_writable_directory() {
            return Err(read_only());
        }
        let _locked = directories.lock_both(&from_cap, &to_cap).await;
        if directories.removals() != removals {
            return Err(StorageErrorKind::Busy.into());
        }
        let Some(node) = self.look_up(&from_cap, &from_name).await?.node else {
            return Err(StorageErrorKind::NotFound.into());
        };
        let present = self.look_up(&to_cap, &to_name).await?.node;
        if from_cap == to_cap && from_name == to_name {
            return Ok(());
        }
        let replace = self.may_move(&node, present.as_ref(), &to_parent).await?;
        self.link(&to_cap, &to_name, node.to_json(), replace).await?;
        self.unlink(&from_cap, &from_name).await
    }

    /// Whether `node` may become an entry of the directory at `parent`, in place of what is `present` there.
    async fn may_move(
        &self,
        node: &Node,
        present: Option<&Node>,
        parent: &Pathname,
    ) -> Result<Replace, StorageError> {
        if node.read_cap.is_none() {
            return Err(StorageErrorKind::NotAFile.into());
        }
        match present {
            Some(present) if present.is_directory() => return Err(StorageErrorKind::AlreadyExists.into()),
            Some(_) if node.is_directory() => return Err(StorageErrorKind::NotADirectory.into()),
            _ => {}
        }
        if !node.is_directory() {
            return Ok(Replace::Files);
        }
        // By capabilities, not by names: a directory of the grid can have several pathnames.
        let mut ancestor = parent.clone();
        while !ancestor.is_root() {
            if self.find(&ancestor).await?.is_same(node) {
                return Err(StorageError::new(
                    StorageErrorKind::NameRefused,
                    "A directory cannot be moved into itself.",
                ));
            }
            ancestor = ancestor.parent().unwrap_or_else(Pathname::root);
        }
        Ok(Replace::Nothing)
    }
}

/// The directory and the name of `path`; for the root, `root_kind` is the error.
pub(super) fn place(path: &Pathname, root_kind: StorageErrorKind) -> Result<(Pathname, &[u8]), StorageError> {
    let name = path.name().ok_or(root_kind)?;
    Ok((path.parent().unwrap_or_else(Pathname::root), name))
}

/// Refuses what is no directory, as soon as that is known.
pub(super) fn require_directory(splitter: &Splitter) -> Result<(), StorageError> {
    match splitter.kind() {
        Some("dirnode") | None => Ok(()),
        Some(_) => Err(StorageErrorKind::NotADirectory.into()),
    }
}

/// The capability of an entry that is a directory.
fn directory_cap(node: Option<&Node>) -> Result<Cap, StorageError> {
    let node = node.ok_or(StorageErrorKind::NotFound)?;
    let cap = node.write_cap.as_ref().or(node.read_cap.as_ref());
    match cap {
        Some(cap) if node.is_directory() => Ok(cap.clone()),
        _ => Err(StorageErrorKind::NotADirectory.into()),
    }
}
