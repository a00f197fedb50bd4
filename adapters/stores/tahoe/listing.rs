//! Directories that are listed.

use std::{fmt, mem, string::String, vec::Vec};

use super::{
    body::RequestBody,
    connection::Answer,
    gateway::Head,
    names,
    node::Node,
    refusal::{lost, strange},
    splitter::Splitter,
    tree::{Tree, require_directory},
};
use crate::{
    adapters::runtimes::Runtime,
    pathname::Pathname,
    storage::{Entry, Listing, StorageError, StorageErrorKind},
};

/// The most entries of a page.
const PAGE_SIZE: usize = 256;

/// A directory of the grid that is being listed, as it was when it was opened.
///
/// Its entries are taken from the gateway's answer as that comes, however many there are.
pub struct TahoeListing<R: Runtime> {
    tree: Tree<R>,
    path: Pathname,
    /// `None` once all of it has come.
    coming: Option<(Answer<R::Stream>, Splitter)>,
    ready: Vec<(String, Node)>,
    /// Whether the user may change the directory, if that is known. The gateway says it last.
    may_change: Option<bool>,
}

impl<R: Runtime> fmt::Debug for TahoeListing<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TahoeListing").field("ready", &self.ready.len()).finish_non_exhaustive()
    }
}

impl<R: Runtime> TahoeListing<R> {
    pub(super) async fn open(
        tree: &Tree<R>,
        path: &Pathname,
        may_change: Option<bool>,
    ) -> Result<Self, StorageError> {
        let url = names::url(&tree.root, path)? + "?t=json";
        let answer = tree.gateway.ask(Head::get(url), RequestBody::empty()).await?;
        let coming = Some((answer, Splitter::default()));
        let (tree, path) = (tree.clone(), path.clone());
        let mut listing = Self { tree, path, coming, ready: Vec::new(), may_change };
        // Until it is known that it is a directory.
        while listing.coming.as_ref().is_some_and(|(_, splitter)| splitter.kind().is_none()) {
            listing.receive().await?;
        }
        Ok(listing)
    }

    /// Waits for further entries.
    async fn receive(&mut self) -> Result<(), StorageError> {
        let Some((mut answer, mut splitter)) = self.coming.take() else { return Ok(()) };
        let Some(bytes) = answer.next().await.map_err(lost)? else {
            self.tree.gateway.keep(answer);
            let write_cap = splitter.finish().map_err(strange)?;
            self.may_change.get_or_insert(write_cap.is_some());
            return Ok(());
        };
        let children = splitter.feed(&bytes).map_err(strange)?;
        require_directory(&splitter)?;
        self.ready.extend(children.into_iter().filter(|(name, _)| is_name(name)));
        self.coming = Some((answer, splitter));
        Ok(())
    }

    /// Whether the user may change the directory. If it is gone meanwhile, nobody can.
    async fn may_change(&mut self) -> Result<bool, StorageError> {
        if let Some(may_change) = self.may_change {
            return Ok(may_change);
        }
        let may_change = match self.tree.find_directory(&self.path).await {
            Ok(cap) => cap.is_writable_directory(),
            Err(error) if error.kind() == StorageErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        Ok(*self.may_change.insert(may_change))
    }
}

/// The grid has names that no pathname can have.
fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
}

impl<R: Runtime> Listing for TahoeListing<R> {
    async fn next_page(&mut self) -> Result<Vec<Entry>, StorageError> {
        while self.ready.len() < PAGE_SIZE && self.coming.is_some() {
            self.receive().await?;
        }
        let may_change = self.may_change().await?;
        let rest = self.ready.split_off(self.ready.len().min(PAGE_SIZE));
        let page = mem::replace(&mut self.ready, rest).into_iter();
        Ok(page.map(|(name, node)| Entry::new(name.into_bytes().into(), node.describe(may_change))).collect())
    }
}
