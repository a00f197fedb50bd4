//! Files in a Tahoe-LAFS grid.

mod body;
mod cap;
mod change;
mod connection;
mod directories;
mod download;
mod gateway;
mod hyper_stream;
mod listing;
mod names;
mod node;
mod refusal;
mod splitter;
mod tree;
mod upload;

use std::string::String;

use self::{
    cap::Cap,
    tree::{Replace, Tree, place},
    upload::Target,
};
pub use self::{download::TahoeDownload, gateway::Gateway, listing::TahoeListing, upload::TahoeUpload};
use super::unique_name::{random_number, unique_name};
use crate::{
    adapters::runtime::Runtime,
    pathname::Pathname,
    storage::{Metadata, OpenedUpload, Placement, Storage, StorageError, StorageErrorKind},
    time_value::TimeValue,
};

/// How often to look for a name that nothing has.
const ATTEMPTS_LIMIT: usize = 16;

/// Why a [`Gateway`] or a [`Tahoe`] cannot be made. No text of it has a capability in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// The URL of the gateway is not one.
    #[error("the gateway's URL has to be like http://127.0.0.1:3456")]
    BadUrl,
    /// What should be the capability of the root directory is not that of a directory.
    #[error("the root capability has to be that of a directory, which begins with URI:DIR2")]
    NoDirectoryCap,
}

/// A store of the files below a directory of a Tahoe-LAFS grid.
#[derive(Debug, Clone)]
pub struct Tahoe<R: Runtime> {
    tree: Tree<R>,
    names_read_caps: bool,
}

impl<R: Runtime> Tahoe<R> {
    /// The store whose `/` is the directory with the capability `root`; blanks around it do not matter.
    ///
    /// # Errors
    ///
    /// [`GatewayError::NoDirectoryCap`].
    pub fn new(gateway: Gateway<R>, root: &str) -> Result<Self, GatewayError> {
        let tree = Tree { gateway, root: Cap::parse_root(root)? };
        Ok(Self { tree, names_read_caps: false })
    }

    /// The same store, whose `226` tells the capability to read the new file. Whoever sees that reply, in a client's log
    /// say, can read the file for ever; so it is not told otherwise.
    #[must_use]
    pub fn with_read_caps_named(self) -> Self {
        Self { names_read_caps: true, ..self }
    }

    /// A name like the hint that nothing in the directory has.
    async fn pick_unique(&self, directory: &Cap, hint: &[u8]) -> Result<String, StorageError> {
        for _ in 0..ATTEMPTS_LIMIT {
            let name = names::new_name(&unique_name(hint, random_number()))?;
            if self.tree.look_up(directory, &name).await?.node.is_none() {
                return Ok(name);
            }
        }
        Err(StorageErrorKind::Busy.into())
    }

    /// Refuses to replace what an upload cannot replace.
    async fn check_replaceable(&self, directory: &Cap, name: &str) -> Result<(), StorageError> {
        let found = self.tree.look_up(directory, name).await?;
        match found.node.map(|node| node.kind) {
            _ if !found.is_writable => Err(refusal::read_only()),
            Some(node::NodeKind::Directory) => Err(StorageErrorKind::IsADirectory.into()),
            Some(node::NodeKind::Mutable) => Err(StorageError::new(
                StorageErrorKind::PermissionDenied,
                "That is a mutable file, which is not replaced here: other directories may have it, too.",
            )),
            _ => Ok(()),
        }
    }
}

impl<R: Runtime> Storage for Tahoe<R> {
    type Upload = TahoeUpload<R>;
    type Download = TahoeDownload<R>;
    type Listing = TahoeListing<R>;

    async fn stat(&self, path: &Pathname) -> Result<Metadata, StorageError> {
        if path.is_root() {
            return Ok(Metadata::directory());
        }
        Ok(self.tree.find(path).await?.describe(self.tree.root.is_writable_directory()))
    }

    async fn list(&self, path: &Pathname) -> Result<Self::Listing, StorageError> {
        let url = names::url(&self.tree.root, path)?;
        TahoeListing::open(&self.tree.gateway, url, self.tree.root.is_writable_directory()).await
    }

    async fn open_download(&self, path: &Pathname, offset: u64) -> Result<Self::Download, StorageError> {
        if path.is_root() {
            return Err(StorageErrorKind::IsADirectory.into());
        }
        TahoeDownload::open(&self.tree.gateway, &self.tree.find(path).await?, offset).await
    }

    async fn open_upload(
        &self,
        path: &Pathname,
        placement: Placement,
        _announced: Option<u64>,
    ) -> Result<OpenedUpload<Self::Upload>, StorageError> {
        refuse_to_continue(placement)?;
        let (parent, hint) = place(path, StorageErrorKind::IsADirectory)?;
        let held = self.tree.hold(&parent).await?;
        let (name, replace) = match placement {
            Placement::Unique => (self.pick_unique(&held.cap, hint).await?, Replace::Nothing),
            _ => {
                let name = names::new_name(hint)?;
                self.check_replaceable(&held.cap, &name).await?;
                (name, Replace::Files)
            }
        };
        let pathname = parent.join(name.as_bytes()).map_err(|_| StorageErrorKind::NameRefused)?;
        let ticket = held.locked.begin_upload();
        let target = Target { tree: self.tree.clone(), directory: held.cap, name, replace, ticket };
        Ok(OpenedUpload { upload: TahoeUpload::new(target, self.names_read_caps), pathname, offset: 0 })
    }

    async fn make_directory(&self, path: &Pathname) -> Result<(), StorageError> {
        self.tree.gateway.carry_out(self.tree.clone().make_directory(path.clone())).await
    }

    async fn remove_directory(&self, path: &Pathname) -> Result<(), StorageError> {
        self.tree.gateway.carry_out(self.tree.clone().remove_directory(path.clone())).await
    }

    async fn remove_file(&self, path: &Pathname) -> Result<(), StorageError> {
        self.tree.gateway.carry_out(self.tree.clone().remove_file(path.clone())).await
    }

    async fn rename(&self, from: &Pathname, to: &Pathname) -> Result<(), StorageError> {
        self.tree.gateway.carry_out(self.tree.clone().rename(from.clone(), to.clone())).await
    }

    async fn set_modified(&self, path: &Pathname, modified: TimeValue) -> Result<(), StorageError> {
        self.tree.gateway.carry_out(self.tree.clone().set_modified(path.clone(), modified)).await
    }
}

/// An immutable file cannot be continued.
fn refuse_to_continue(placement: Placement) -> Result<(), StorageError> {
    match placement {
        Placement::Append => Err(StorageError::new(
            StorageErrorKind::Unsupported,
            "Files of the grid cannot be appended to; store the whole file.",
        )),
        Placement::Resume { offset: 1.. } => Err(StorageError::new(
            StorageErrorKind::UnsupportedParameter,
            "Files of the grid cannot be continued; store the whole file.",
        )),
        Placement::Replace | Placement::Unique | Placement::Resume { offset: 0 } => Ok(()),
    }
}
