//! A store whose finish takes five seconds, and fails for names that end in `.fail`:
//! `cargo run --example slow_store`, then `curl -v -T FILE ftp://me:secret@127.0.0.1:2121/`.

use std::{error::Error, time::Duration};

use sansftp::{
    AbortReason, Config, Layer, OpenedUpload, Pathname, Placement, Storage, StorageError, StorageErrorKind,
    Stored, Upload, UploadLayer,
    adapters::{Server, Tokio, Users, stores::Memory},
    unchanged,
};

/// Keeps files in memory, and takes its time.
#[derive(Clone)]
struct SlowStore(Memory);

/// What it does not mention, it leaves to the store in memory.
impl Layer for SlowStore {
    type Inner = Memory;
    type Upload = SlowUpload;
    unchanged!(Download, Listing);

    fn inner(&self) -> &Memory {
        &self.0
    }

    async fn open_upload(
        &self,
        path: &Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> Result<OpenedUpload<SlowUpload>, StorageError> {
        let opened = self.0.open_upload(path, placement, announced).await?;
        let acceptable = !opened.pathname.as_bytes().ends_with(b".fail");
        Ok(opened.map(|inner| SlowUpload { inner, acceptable }))
    }
}

/// A file on its way into a [`SlowStore`].
struct SlowUpload {
    inner: <Memory as Storage>::Upload,
    acceptable: bool,
}

impl UploadLayer for SlowUpload {
    type Inner = <Memory as Storage>::Upload;

    fn inner(&self) -> &Self::Inner {
        &self.inner
    }

    fn inner_mut(&mut self) -> &mut Self::Inner {
        &mut self.inner
    }

    fn into_inner(self) -> Self::Inner {
        self.inner
    }

    async fn finish(self) -> Result<Stored, StorageError> {
        // Here a real store replicates, uploads to a bucket, or waits for a virus scanner.
        tokio::time::sleep(Duration::from_secs(5)).await;
        if self.acceptable {
            return self.inner.finish().await;
        }
        self.inner.abort(AbortReason::StoreFailed).await;
        let why = "The archive refused this file; nothing was stored.";
        Err(StorageError::new(StorageErrorKind::ContentRefused, why))
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
