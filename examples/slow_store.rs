//! A store whose finish takes five seconds, and fails for names that end in `.fail`:
//! `cargo run --example slow_store`, then `curl -v -T FILE ftp://me:secret@127.0.0.1:2121/`.

use std::{error::Error, time::Duration};

use bytes::Bytes;
use sansftp::{
    AbortReason, Config, Metadata, OpenedUpload, Pathname, Placement, Storage, StorageError,
    StorageErrorKind, Stored, Upload,
    adapters::{Server, Tokio, Users, stores::Memory},
};

/// Keeps files in memory, and takes its time.
#[derive(Clone)]
struct SlowStore(Memory);

impl Storage for SlowStore {
    type Upload = SlowUpload;
    type Download = <Memory as Storage>::Download;
    type Listing = <Memory as Storage>::Listing;

    async fn stat(&self, path: &Pathname) -> Result<Metadata, StorageError> {
        self.0.stat(path).await
    }

    async fn list(&self, path: &Pathname) -> Result<Self::Listing, StorageError> {
        self.0.list(path).await
    }

    async fn open_download(&self, path: &Pathname, offset: u64) -> Result<Self::Download, StorageError> {
        self.0.open_download(path, offset).await
    }

    async fn open_upload(
        &self,
        path: &Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> Result<OpenedUpload<SlowUpload>, StorageError> {
        let opened = self.0.open_upload(path, placement, announced).await?;
        let acceptable = !opened.pathname.as_bytes().ends_with(b".fail");
        let upload = SlowUpload { inner: opened.upload, acceptable };
        Ok(OpenedUpload { upload, pathname: opened.pathname, offset: opened.offset })
    }
}

/// A file on its way into a [`SlowStore`].
struct SlowUpload {
    inner: <Memory as Storage>::Upload,
    acceptable: bool,
}

impl Upload for SlowUpload {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError> {
        self.inner.write(chunk).await
    }

    async fn prepare(&mut self) -> Result<(), StorageError> {
        self.inner.prepare().await
    }

    async fn finish(self) -> Result<Stored, StorageError> {
        // Here a real store replicates, uploads to a bucket, or waits for a virus scanner.
        tokio::time::sleep(Duration::from_secs(5)).await;
        if !self.acceptable {
            let why = "The archive refused this file; nothing was stored.";
            return Err(StorageError::new(StorageErrorKind::ContentRefused, why));
        }
        self.inner.finish().await
    }

    async fn abort(self, why: AbortReason) {
        self.inner.abort(why).await;
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let users = Users::new().with_user("me", "secret", SlowStore(Memory::new()));
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:2121".to_owned());
    let server = Server::start(Tokio, users, Config::default(), address.parse()?)?;
    println!("listening on {}; Ctrl-C ends it", server.local_addr());
    tokio::signal::ctrl_c().await?;
    server.shutdown(Duration::from_secs(10)).await;
    Ok(())
}
