//! A store whose finish takes five seconds, and fails for names that end in `.fail`:
//! `cargo run --example slow_store`, then `curl -v -T FILE ftp://me:secret@127.0.0.1:2121/`.

use std::{error::Error, time::Duration};

use sansftp::{
    AbortReason, Around, Config, Layer, OpenedUpload, Pathname, Placement, Storage, StorageError,
    StorageErrorKind, Stored, Upload, UploadLayer,
    adapters::{Server, Tokio, Users, stores::Memory},
    unchanged,
};

/// Makes a store take its time. What this does not mention is left to that store.
#[derive(Clone)]
struct Slow;

impl<S: Storage> Layer<S> for Slow {
    type Upload = Around<S::Upload, SlowUpload>;
    unchanged!(S: Download, Listing);

    async fn open_upload(
        &self,
        inner: &S,
        path: &Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> Result<OpenedUpload<Self::Upload>, StorageError> {
        let opened = inner.open_upload(path, placement, announced).await?;
        let acceptable = !opened.pathname.as_bytes().ends_with(b".fail");
        Ok(opened.map(|upload| SlowUpload { acceptable }.around(upload)))
    }
}

/// The same for a file on its way into the store.
struct SlowUpload {
    acceptable: bool,
}

impl<U: Upload> UploadLayer<U> for SlowUpload {
    async fn finish(self, inner: U) -> Result<Stored, StorageError> {
        // Here a real store replicates, uploads to a bucket, or waits for a virus scanner.
        tokio::time::sleep(Duration::from_secs(5)).await;
        if self.acceptable {
            return inner.finish().await;
        }
        inner.abort(AbortReason::Refused).await;
        let why = "The archive refused this file; nothing was stored.";
        Err(StorageError::new(StorageErrorKind::ContentRefused, why))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let users = Users::new().with_user("me", "secret", Slow.around(Memory::new()));
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:2121".to_owned());
    let server = Server::start(Tokio, users, Config::default(), address.parse()?)?;
    println!("listening on {}; Ctrl-C ends it", server.local_addr());
    tokio::signal::ctrl_c().await?;
    server.shutdown(Duration::from_secs(10)).await;
    Ok(())
}
