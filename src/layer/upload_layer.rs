//! Layers around uploads.

use core::future::Future;

use bytes::Bytes;

use super::around::Around;
use crate::storage::{AbortReason, StorageError, Stored, Upload};

/// What changes an upload of type `U`, as a [`Layer`](super::Layer) changes a store: everything that it does not write goes to the upload
/// that it is [around](Self::around).
///
/// ```
/// use bytes::Bytes;
/// use sansftp::{AbortReason, StorageError, StorageErrorKind, Stored, Upload, UploadLayer};
///
/// /// Refuses what begins as programs of Windows do. (A file that is continued begins elsewhere: its store refuses to go on
/// /// with one, or looks at the beginning.)
/// #[derive(Default)]
/// struct NoPrograms {
///     beginning: Vec<u8>,
/// }
///
/// impl<U: Upload> UploadLayer<U> for NoPrograms {
///     async fn write(&mut self, inner: &mut U, chunk: Bytes) -> Result<(), StorageError> {
///         let missing = 2_usize.saturating_sub(self.beginning.len());
///         self.beginning.extend(chunk.iter().take(missing));
///         inner.write(chunk).await
///     }
///
///     async fn finish(self, inner: U) -> Result<Stored, StorageError> {
///         if self.beginning == b"MZ" {
///             inner.abort(AbortReason::Refused).await;
///             return Err(StorageError::new(StorageErrorKind::ContentRefused, "No programs, please."));
///         }
///         inner.finish().await
///     }
/// }
/// ```
///
/// The layer of its store opens it by [`OpenedUpload::map`](crate::storage::OpenedUpload::map). Downloads and listings have one method each, so they need no
/// layer trait.
pub trait UploadLayer<U: Upload>: Send + 'static {
    /// The upload with this layer around it.
    fn around(self, inner: U) -> Around<U, Self>
    where
        Self: Sized,
    {
        Around { inner, layer: self }
    }

    /// As [`Upload::write`].
    fn write(
        &mut self,
        inner: &mut U,
        chunk: Bytes,
    ) -> impl Future<Output = Result<(), StorageError>> + Send {
        inner.write(chunk)
    }

    /// As [`Upload::prepare`].
    fn prepare(&mut self, inner: &mut U) -> impl Future<Output = Result<(), StorageError>> + Send {
        inner.prepare()
    }

    /// As [`Upload::finish`]. A layer that refuses the file aborts the inner upload, as [`Refused`](AbortReason::Refused).
    fn finish(self, inner: U) -> impl Future<Output = Result<Stored, StorageError>> + Send
    where
        Self: Sized,
    {
        inner.finish()
    }

    /// As [`Upload::abort`].
    fn abort(self, inner: U, why: AbortReason) -> impl Future<Output = ()> + Send
    where
        Self: Sized,
    {
        inner.abort(why)
    }

    /// As [`Upload::handle_missing_close_notify`].
    fn handle_missing_close_notify(&mut self, inner: &mut U) {
        inner.handle_missing_close_notify();
    }

    /// As [`Upload::finish_can_stop`]. A layer whose finish still waits for something when the inner one is done says `false`.
    fn finish_can_stop(&self, inner: &U) -> bool {
        inner.finish_can_stop()
    }
}

impl<U: Upload, L: UploadLayer<U>> Upload for Around<U, L> {
    fn write(&mut self, chunk: Bytes) -> impl Future<Output = Result<(), StorageError>> + Send {
        self.layer.write(&mut self.inner, chunk)
    }

    fn prepare(&mut self) -> impl Future<Output = Result<(), StorageError>> + Send {
        self.layer.prepare(&mut self.inner)
    }

    fn finish(self) -> impl Future<Output = Result<Stored, StorageError>> + Send {
        self.layer.finish(self.inner)
    }

    fn abort(self, why: AbortReason) -> impl Future<Output = ()> + Send {
        self.layer.abort(self.inner, why)
    }

    fn handle_missing_close_notify(&mut self) {
        self.layer.handle_missing_close_notify(&mut self.inner);
    }

    fn finish_can_stop(&self) -> bool {
        self.layer.finish_can_stop(&self.inner)
    }
}
