//! Files that are stored.

use std::{
    fmt, format,
    string::{String, ToString},
};

use bytes::Bytes;
use hyper::{Method, Response, body::Incoming};

use super::{
    body::{Feed, RequestBody},
    cap::Cap,
    connection::{Answer, Exchange},
    directories::Ticket,
    gateway::{Gateway, Head},
    node::Node,
    refusal::{lost, refusal, strange},
    tree::{Replace, Tree},
};
use crate::{
    adapters::runtimes::Runtime,
    storage::{AbortReason, StorageError, Stored, Upload},
};

/// A file that is being stored in the grid.
pub struct TahoeUpload<R: Runtime> {
    target: Target<R>,
    sending: Option<Sending<R>>,
    size: u64,
    names_read_cap: bool,
}

/// Which entry the file becomes.
pub(super) struct Target<R: Runtime> {
    pub(super) tree: Tree<R>,
    pub(super) directory: Cap,
    pub(super) name: String,
    pub(super) replace: Replace,
    pub(super) ticket: Ticket,
}

/// The request that the file goes out with.
struct Sending<R: Runtime> {
    exchange: Exchange<R::Stream>,
    feed: Feed,
}

impl<R: Runtime> Sending<R> {
    async fn begin(gateway: Gateway<R>) -> Result<Self, StorageError> {
        let (body, feed) = RequestBody::fed();
        let exchange = gateway.send(head(), body).await?;
        Ok(Self { exchange, feed })
    }
}

impl<R: Runtime> fmt::Debug for TahoeUpload<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TahoeUpload")
            .field("name", &self.target.name)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// Where a file goes that is not an entry of a directory yet. Encrypted as the gateway always does it: the same file again
/// takes no room.
fn head() -> Head {
    Head::new(Method::PUT, "/uri?format=CHK".to_string())
}

impl<R: Runtime> TahoeUpload<R> {
    pub(super) const fn new(target: Target<R>, names_read_cap: bool) -> Self {
        Self { target, sending: None, size: 0, names_read_cap }
    }

    fn gateway(&self) -> Gateway<R> {
        self.target.tree.gateway.clone()
    }

    /// Ends the body and waits until the grid has the file.
    async fn upload(&mut self) -> Result<Cap, StorageError> {
        let gateway = self.gateway();
        let exchange = match self.sending.take() {
            Some(Sending { mut exchange, feed }) => {
                refuse_early(exchange.flush(&feed).await)?;
                feed.end();
                exchange
            }
            None => gateway.send(head(), RequestBody::empty()).await?,
        };
        let answer: Answer<R::Stream> = exchange.answer().await.map_err(lost)?;
        let text = gateway.text(gateway.check(answer).await?).await?;
        let cap = Cap::parse(&text).ok_or_else(|| strange("a capability was expected"))?;
        match cap.file_size() {
            Some(size) if size == self.size => Ok(cap),
            other => Err(strange(format!("{} bytes were sent, and stored were {other:?}", self.size))),
        }
    }
}

/// An answer that comes before the file has been sent is a refusal.
fn refuse_early(flushed: hyper::Result<Option<Response<Incoming>>>) -> Result<(), StorageError> {
    match flushed.map_err(lost)? {
        Some(response) => Err(refusal(response.status(), "")),
        None => Ok(()),
    }
}

impl<R: Runtime> Upload for TahoeUpload<R> {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError> {
        if chunk.is_empty() {
            return Ok(());
        }
        let sending = match &mut self.sending {
            Some(sending) => sending,
            None => {
                let sending = Sending::begin(self.gateway()).await?;
                self.sending.insert(sending)
            }
        };
        self.size += chunk.len() as u64;
        sending.feed.give(chunk);
        refuse_early(sending.exchange.flush(&sending.feed).await)
    }

    async fn finish(mut self) -> Result<Stored, StorageError> {
        let cap = self.upload().await?;
        let Target { tree, directory, name, replace, ticket } = self.target;
        let entry = Node::json_of_new_file(&cap);
        let gateway = tree.gateway.clone();
        gateway
            .carry_out(async move {
                let _locked = tree.gateway.directories().lock(&directory).await;
                let linked = tree.link(&directory, &name, entry, replace).await;
                drop(ticket);
                linked
            })
            .await?;
        let note = self.names_read_cap.then(|| cap.into());
        Ok(Stored { note })
    }

    async fn abort(self, _: AbortReason) {}
}
