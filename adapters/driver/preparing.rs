//! What the store does for an upload while the session makes sure that the file is whole.

use std::{
    boxed::Box,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use super::pump::{Progress, StreamEnd};
use crate::storage::{AbortReason, StorageError, StorageErrorKind, Stored, Upload};

/// A finish that the store prepares.
pub(super) struct Preparing<U> {
    end: StreamEnd,
    stop: Arc<Progress>,
    /// Ends with the upload; or with an error, and then the upload is aborted.
    preparing: Pin<Box<dyn Future<Output = Result<U, StorageError>> + Send>>,
}

impl<U: Upload + Send + 'static> Preparing<U> {
    pub(super) fn start(end: StreamEnd, upload: U) -> Self {
        let stop = Arc::new(Progress::default());
        Self { end, stop: Arc::clone(&stop), preparing: Box::pin(prepare(upload, stop)) }
    }

    /// Ready when there is no more to prepare.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(StreamEnd, U), StorageError>> {
        let prepared = ready!(self.preparing.as_mut().poll(cx));
        Poll::Ready(prepared.map(|upload| (self.end, upload)))
    }

    /// Finishes the upload behind it.
    pub(super) async fn finish(self) -> Result<Stored, StorageError> {
        finish(self.end, self.preparing.await?).await
    }

    /// Aborts the upload, whatever the store is at.
    pub(super) async fn abort(self, why: AbortReason) {
        self.stop.stop(why);
        let _ = self.preparing.await;
    }
}

async fn prepare<U: Upload>(mut upload: U, stop: Arc<Progress>) -> Result<U, StorageError> {
    let prepared = stop.until_stopped(upload.prepare()).await;
    let (why, error) = match prepared {
        Ok(Ok(())) => return Ok(upload),
        Ok(Err(error)) => (AbortReason::from(&error), error),
        Err(why) => (why, StorageErrorKind::Failed.into()),
    };
    upload.abort(why).await;
    Err(error)
}

/// Finishes an upload that ended like this. The store is asked at once, though the future may be dropped before it is polled.
pub(super) fn finish<U: Upload>(
    end: StreamEnd,
    mut upload: U,
) -> impl Future<Output = Result<Stored, StorageError>> + Send {
    if end == StreamEnd::Truncated {
        upload.handle_missing_close_notify();
    }
    upload.finish()
}
