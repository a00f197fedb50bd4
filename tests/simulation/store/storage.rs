//! The store as the server sees it.

use std::{fmt::Display, net::SocketAddr};

use bytes::Bytes;
use sansftp::{
    Accounts, Credentials, Denied, Metadata, OpenedUpload, Pathname, Placement, Storage, StorageError,
    StorageErrorKind, TimeValue,
};

use super::{
    Ledger, Store, Tag, Tree, at_once, split_tag,
    transfers::{Pages, SimUpload, Source},
};

/// The store of one user.
pub struct View {
    store: Store,
    peer: SocketAddr,
}

/// Lets `anna` in with the password `secret`, `berta` with an account as well, and nobody else.
impl Accounts for Store {
    type Storage = View;

    async fn log_in(&self, credentials: &Credentials) -> Result<View, Denied> {
        self.suffer("log_in").await.map_err(|_| Denied::Unavailable)?;
        let knows = credentials.password.as_ref().is_some_and(|password| password.matches(b"secret"));
        match (credentials.user.as_str(), knows, &credentials.account) {
            ("anna", true, _) | ("berta", true, Some(_)) => {
                Ok(View { store: self.clone(), peer: credentials.peer })
            }
            ("berta", true, None) => Err(Denied::AccountNeeded),
            _ => Err(Denied::Refused),
        }
    }
}

impl View {
    /// Does something to the tree, and to the store in memory, if there is one; both must agree.
    async fn act<T, U>(
        &self,
        call: &'static str,
        on_tree: impl FnOnce(&mut Tree) -> Result<T, StorageErrorKind>,
        on_memory: impl Future<Output = Result<U, StorageError>>,
    ) -> Result<T, StorageError> {
        self.store.suffer(call).await?;
        let result = on_tree(&mut self.store.lock().tree);
        if self.store.memory.is_some() {
            self.store.compare(call, &result, &at_once(on_memory));
        }
        Ok(result?)
    }

    /// The attempt that a pathname is tagged with, and its own name.
    fn opening(&self, path: &Pathname) -> (String, Tag) {
        let (name, tag) = split_tag(path);
        let tag = tag.unwrap_or_else(|| panic!("{path} has no tag"));
        let now = self.store.world.lock().now;
        let mut ledger = self.store.lock();
        let attempt = ledger.attempt(tag);
        let is_wrong = attempt.peer != self.peer || attempt.opened.replace(now).is_some();
        drop(ledger);
        if is_wrong {
            self.store.world.violate(format!("{tag:?} is opened twice, or by another session"));
        }
        (name, tag)
    }
}

impl Store {
    pub(super) fn compare<T, U>(
        &self,
        call: &str,
        expected: &Result<T, StorageErrorKind>,
        found: &Result<U, impl Display>,
    ) {
        if expected.is_ok() != found.is_ok() {
            let (expected, found) = (expected.as_ref().err(), found.as_ref().err().map(ToString::to_string));
            self.world.violate(format!("{call}: {expected:?} is expected, and Memory says {found:?}"));
        }
    }
}

fn plain(path: &Pathname) -> Pathname {
    Pathname::root().resolve(split_tag(path).0.as_bytes()).unwrap()
}

fn metadata(tree: &Tree, name: &str) -> Result<Metadata, StorageErrorKind> {
    match tree.file(name) {
        Ok(file) => Ok(Metadata::file(file.content.len() as u64)),
        Err(StorageErrorKind::IsADirectory) => Ok(Metadata::directory()),
        Err(kind) => Err(kind),
    }
}

/// What of the present file stays, and which version of it that is.
fn base_of(
    ledger: &Ledger,
    name: &str,
    placement: Placement,
) -> Result<(Bytes, Option<u64>), StorageErrorKind> {
    let present = ledger.tree.files.get(name);
    match placement {
        Placement::Replace | Placement::Unique => Ok((Bytes::new(), None)),
        Placement::Append => {
            let present = present.map(|file| (file.content.clone(), file.version));
            Ok(present.map_or((Bytes::new(), Some(0)), |(content, version)| (content, Some(version))))
        }
        Placement::Resume { offset } => {
            let content = present.map(|file| file.content.clone()).unwrap_or_default();
            match offset as usize <= content.len() {
                true => Ok((content.slice(..offset as usize), None)),
                false => Err(StorageErrorKind::BadOffset),
            }
        }
    }
}

impl Storage for View {
    type Upload = SimUpload;
    type Download = Source;
    type Listing = Pages;

    async fn stat(&self, path: &Pathname) -> Result<Metadata, StorageError> {
        let (name, _) = split_tag(path);
        let memory = self.store.memory.clone();
        let plain = plain(path);
        let on_memory = async move { memory.unwrap_or_default().stat(&plain).await };
        self.act("stat", |tree| metadata(tree, &name), on_memory).await
    }

    async fn list(&self, path: &Pathname) -> Result<Pages, StorageError> {
        self.store.suffer("list").await?;
        let (name, tag) = split_tag(path);
        let ledger = self.store.lock();
        if !ledger.tree.is_directory(&name) {
            let is_file = ledger.tree.files.contains_key(&name);
            return Err(
                if is_file { StorageErrorKind::NotADirectory } else { StorageErrorKind::NotFound }.into()
            );
        }
        drop(ledger);
        if tag.is_some() {
            self.opening(path);
        }
        let memory =
            self.store.memory.as_ref().map(|memory| at_once(memory.list(&plain(path)))).transpose()?;
        Ok(Pages::new(&self.store, name, tag, memory))
    }

    async fn open_download(&self, path: &Pathname, offset: u64) -> Result<Source, StorageError> {
        self.store.suffer("open_download").await?;
        let (name, _) = split_tag(path);
        let content = self.store.lock().tree.file(&name)?.content.clone();
        if offset as usize > content.len() {
            return Err(StorageErrorKind::BadOffset.into());
        }
        let memory =
            self.store.memory.as_ref().map(|memory| at_once(memory.open_download(&plain(path), offset)));
        let (_, tag) = self.opening(path);
        Ok(Source::new(&self.store, tag, content.slice(offset as usize..), memory.transpose()?))
    }

    async fn open_upload(
        &self,
        path: &Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> Result<OpenedUpload<SimUpload>, StorageError> {
        self.store.suffer("open_upload").await?;
        let (mut name, _) = split_tag(path);
        let mut ledger = self.store.lock();
        ledger.tree.check_place(&name)?;
        let (base, version) = base_of(&ledger, &name, placement)?;
        if announced.is_some_and(|announced| announced > ledger.tree.available()) {
            return Err(StorageErrorKind::NoSpace.into());
        }
        ledger.tree.reserve(base.len() as u64)?;
        drop(ledger);
        let (_, tag) = self.opening(path);
        let placement = if placement == Placement::Unique {
            name = format!("{name}.{}", tag.0);
            Placement::Replace
        } else {
            placement
        };
        let place = Pathname::root().resolve(name.as_bytes()).unwrap();
        let memory = self.store.memory.as_ref();
        let memory = memory.map(|memory| at_once(memory.open_upload(&place, placement, announced)));
        let tagged = Pathname::root().resolve(format!("{name}~{}", tag.0).as_bytes()).unwrap();
        let offset = base.len() as u64;
        let now = self.store.world.lock().now;
        let mut ledger = self.store.lock();
        ledger.upload(tag).last_written = now;
        ledger.upload(tag).path = name;
        ledger.upload(tag).base = base;
        drop(ledger);
        let memory = memory.transpose()?.map(|opened| opened.upload);
        Ok(OpenedUpload {
            upload: SimUpload::new(&self.store, tag, version, memory),
            pathname: tagged,
            offset,
        })
    }

    async fn make_directory(&self, path: &Pathname) -> Result<(), StorageError> {
        let name = path.to_string();
        let memory = async { self.memory().make_directory(path).await };
        self.act("make_directory", |tree| tree.make_directory(&name), memory).await
    }

    async fn remove_directory(&self, path: &Pathname) -> Result<(), StorageError> {
        let name = path.to_string();
        if self.store.memory.is_some() {
            // Memory keeps a directory into which a file is being stored; the tree does not know of that.
            return Err(StorageErrorKind::Busy.into());
        }
        self.act("remove_directory", |tree| tree.remove_directory(&name), async { Ok(()) }).await
    }

    async fn remove_file(&self, path: &Pathname) -> Result<(), StorageError> {
        let name = path.to_string();
        let memory = async { self.memory().remove_file(path).await };
        self.act("remove_file", |tree| tree.remove_file(&name), memory).await
    }

    async fn rename(&self, from: &Pathname, to: &Pathname) -> Result<(), StorageError> {
        let names = (from.to_string(), to.to_string());
        if self.store.lock().tree.is_directory(&names.0) {
            return Err(StorageErrorKind::NameRefused.into());
        }
        let memory = async { self.memory().rename(from, to).await };
        self.act("rename", |tree| tree.rename(&names.0, &names.1), memory).await
    }

    async fn set_modified(&self, path: &Pathname, _: TimeValue) -> Result<(), StorageError> {
        let name = path.to_string();
        self.act("set_modified", |tree| metadata(tree, &name).map(drop), async {
            self.memory().stat(path).await
        })
        .await
    }

    async fn available(&self, _: &Pathname) -> Result<u64, StorageError> {
        self.store.suffer("available").await?;
        Ok(self.store.lock().tree.available())
    }
}

impl View {
    fn memory(&self) -> sansftp::adapters::stores::Memory {
        self.store.memory.clone().unwrap_or_default()
    }
}
