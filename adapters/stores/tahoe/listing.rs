//! Directories that are listed.

use std::{fmt, string::String, vec::Vec};

use super::{
    body::RequestBody,
    connection::Answer,
    gateway::{Gateway, Head},
    node::Node,
    refusal::{lost, strange},
    splitter::Splitter,
    tree::require_directory,
};
use crate::{
    adapters::runtime::Runtime,
    storage::{Entry, Listing, StorageError},
};

/// The most entries of a page.
const PAGE_SIZE: usize = 256;

/// A directory of the grid that is being listed, as it was when it was opened.
///
/// Its entries are taken from the gateway's answer as that comes, however many there are.
pub struct TahoeListing<R: Runtime> {
    gateway: Gateway<R>,
    /// `None` once all of it has come.
    coming: Option<(Answer<R::Stream>, Splitter)>,
    ready: Vec<Entry>,
    /// Whether the user may change what is listed.
    may_change: bool,
}

impl<R: Runtime> fmt::Debug for TahoeListing<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TahoeListing").field("ready", &self.ready.len()).finish_non_exhaustive()
    }
}

impl<R: Runtime> TahoeListing<R> {
    pub(super) async fn open(
        gateway: &Gateway<R>,
        url: String,
        may_change: bool,
    ) -> Result<Self, StorageError> {
        let answer = gateway.ask(Head::get(url + "?t=json"), RequestBody::empty()).await?;
        let coming = Some((answer, Splitter::default()));
        let mut listing = Self { gateway: gateway.clone(), coming, ready: Vec::new(), may_change };
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
            self.gateway.keep(answer);
            return splitter.finish().map(drop).map_err(strange);
        };
        let children = splitter.feed(&bytes).map_err(strange)?;
        require_directory(&splitter)?;
        let may_change = self.may_change;
        self.ready.extend(children.into_iter().filter_map(|(name, node)| describe(name, &node, may_change)));
        self.coming = Some((answer, splitter));
        Ok(())
    }
}

/// What is told of an entry. The grid has names that no pathname can have.
fn describe(name: String, node: &Node, may_change: bool) -> Option<Entry> {
    let is_name = !matches!(name.as_str(), "" | "." | "..");
    is_name.then(|| Entry { name: name.into_bytes().into(), metadata: node.describe(may_change) })
}

impl<R: Runtime> Listing for TahoeListing<R> {
    async fn next_page(&mut self) -> Result<Vec<Entry>, StorageError> {
        while self.ready.len() < PAGE_SIZE && self.coming.is_some() {
            self.receive().await?;
        }
        let rest = self.ready.split_off(self.ready.len().min(PAGE_SIZE));
        Ok(std::mem::replace(&mut self.ready, rest))
    }
}
