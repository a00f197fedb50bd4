//! Stores that are other stores with something changed.

use alloc::string::String;
use core::future::Future;

use bytes::Bytes;

use super::{
    AbortReason, Download, Listing, Metadata, OpenedUpload, Placement, SiteCall, Storage, StorageError,
    Stored, Upload,
};
use crate::{pathname::Pathname, time_value::TimeValue};

/// A store around another one, of which it changes something: a virus scanner, a quota, a log, a rule for names.
///
/// It writes only what it changes; everything else goes to [`inner`](Self::inner). So nothing is lost by wrapping a store:
/// not `MKD`, not the free space, and not what a later version of [`Storage`] has. Every layer is a [`Storage`], and may be
/// the inner store of another one.
///
/// What it opens has to be named. [`unchanged!`](crate::unchanged) says that it opens what the inner store opens; for
/// uploads of its own there is [`UploadLayer`].
///
/// ```
/// use sansftp::{
///     Pathname, Storage, unchanged,
///     storage::{Layer, StorageError, StorageErrorKind},
/// };
///
/// /// Whoever uses it can remove no file below `/archive`.
/// struct Archived<S>(S);
///
/// impl<S: Storage> Layer for Archived<S> {
///     type Inner = S;
///     unchanged!(Upload, Download, Listing);
///
///     fn inner(&self) -> &S {
///         &self.0
///     }
///
///     async fn remove_file(&self, path: &Pathname) -> Result<(), StorageError> {
///         if path.as_bytes().starts_with(b"/archive/") {
///             let why = "What is in the archive stays there.";
///             return Err(StorageError::new(StorageErrorKind::PermissionDenied, why));
///         }
///         self.0.remove_file(path).await
///     }
/// }
/// ```
///
/// Where both traits are in scope, a call on a layer has to say which one it means: `Storage::stat(&layer, path)`.
///
/// `testing::layer_contract` (feature `testing`) makes sure that a layer of yours passes on what it does not change.
pub trait Layer: Send + Sync + 'static {
    /// The store that it is around.
    type Inner: Storage;
    /// As [`Storage::Upload`].
    type Upload: Upload;
    /// As [`Storage::Download`].
    type Download: Download;
    /// As [`Storage::Listing`].
    type Listing: Listing;

    /// The store that it is around.
    fn inner(&self) -> &Self::Inner;

    /// As [`Storage::list`]; [`unchanged!(Listing)`](crate::unchanged) passes it on.
    ///
    /// # Errors
    ///
    /// As those of [`Storage::list`].
    fn list(&self, path: &Pathname) -> impl Future<Output = Result<Self::Listing, StorageError>> + Send;

    /// As [`Storage::open_download`]; [`unchanged!(Download)`](crate::unchanged) passes it on.
    ///
    /// # Errors
    ///
    /// As those of [`Storage::open_download`].
    fn open_download(
        &self,
        path: &Pathname,
        offset: u64,
    ) -> impl Future<Output = Result<Self::Download, StorageError>> + Send;

    /// As [`Storage::open_upload`]; [`unchanged!(Upload)`](crate::unchanged) passes it on.
    ///
    /// # Errors
    ///
    /// As those of [`Storage::open_upload`].
    fn open_upload(
        &self,
        path: &Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> impl Future<Output = Result<OpenedUpload<Self::Upload>, StorageError>> + Send;

    /// As [`Storage::stat`].
    fn stat(&self, path: &Pathname) -> impl Future<Output = Result<Metadata, StorageError>> + Send {
        self.inner().stat(path)
    }

    /// As [`Storage::make_directory`].
    fn make_directory(&self, path: &Pathname) -> impl Future<Output = Result<(), StorageError>> + Send {
        self.inner().make_directory(path)
    }

    /// As [`Storage::remove_directory`].
    fn remove_directory(&self, path: &Pathname) -> impl Future<Output = Result<(), StorageError>> + Send {
        self.inner().remove_directory(path)
    }

    /// As [`Storage::remove_file`].
    fn remove_file(&self, path: &Pathname) -> impl Future<Output = Result<(), StorageError>> + Send {
        self.inner().remove_file(path)
    }

    /// As [`Storage::rename`].
    fn rename(
        &self,
        from: &Pathname,
        to: &Pathname,
    ) -> impl Future<Output = Result<(), StorageError>> + Send {
        self.inner().rename(from, to)
    }

    /// As [`Storage::set_modified`].
    fn set_modified(
        &self,
        path: &Pathname,
        modified: TimeValue,
    ) -> impl Future<Output = Result<(), StorageError>> + Send {
        self.inner().set_modified(path, modified)
    }

    /// As [`Storage::set_mode`].
    fn set_mode(&self, path: &Pathname, mode: u32) -> impl Future<Output = Result<(), StorageError>> + Send {
        self.inner().set_mode(path, mode)
    }

    /// As [`Storage::available`].
    fn available(&self, path: &Pathname) -> impl Future<Output = Result<u64, StorageError>> + Send {
        self.inner().available(path)
    }

    /// As [`Storage::site`].
    fn site(&self, command: SiteCall) -> impl Future<Output = Result<String, StorageError>> + Send {
        self.inner().site(command)
    }
}

impl<L: Layer> Storage for L {
    type Upload = L::Upload;
    type Download = L::Download;
    type Listing = L::Listing;

    fn stat(&self, path: &Pathname) -> impl Future<Output = Result<Metadata, StorageError>> + Send {
        Layer::stat(self, path)
    }

    fn list(&self, path: &Pathname) -> impl Future<Output = Result<Self::Listing, StorageError>> + Send {
        Layer::list(self, path)
    }

    fn open_download(
        &self,
        path: &Pathname,
        offset: u64,
    ) -> impl Future<Output = Result<Self::Download, StorageError>> + Send {
        Layer::open_download(self, path, offset)
    }

    fn open_upload(
        &self,
        path: &Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> impl Future<Output = Result<OpenedUpload<Self::Upload>, StorageError>> + Send {
        Layer::open_upload(self, path, placement, announced)
    }

    fn make_directory(&self, path: &Pathname) -> impl Future<Output = Result<(), StorageError>> + Send {
        Layer::make_directory(self, path)
    }

    fn remove_directory(&self, path: &Pathname) -> impl Future<Output = Result<(), StorageError>> + Send {
        Layer::remove_directory(self, path)
    }

    fn remove_file(&self, path: &Pathname) -> impl Future<Output = Result<(), StorageError>> + Send {
        Layer::remove_file(self, path)
    }

    fn rename(
        &self,
        from: &Pathname,
        to: &Pathname,
    ) -> impl Future<Output = Result<(), StorageError>> + Send {
        Layer::rename(self, from, to)
    }

    fn set_modified(
        &self,
        path: &Pathname,
        modified: TimeValue,
    ) -> impl Future<Output = Result<(), StorageError>> + Send {
        Layer::set_modified(self, path, modified)
    }

    fn set_mode(&self, path: &Pathname, mode: u32) -> impl Future<Output = Result<(), StorageError>> + Send {
        Layer::set_mode(self, path, mode)
    }

    fn available(&self, path: &Pathname) -> impl Future<Output = Result<u64, StorageError>> + Send {
        Layer::available(self, path)
    }

    fn site(&self, command: SiteCall) -> impl Future<Output = Result<String, StorageError>> + Send {
        Layer::site(self, command)
    }
}

/// An upload around another one, of which it changes something. As with a [`Layer`], everything else goes to the inner one.
///
/// ```
/// use bytes::Bytes;
/// use sansftp::storage::{AbortReason, StorageError, StorageErrorKind, Stored, Upload, UploadLayer};
///
/// /// Refuses a file that begins as programs of Windows do.
/// struct NoPrograms<U> {
///     inner: U,
///     begins_with: Vec<u8>,
/// }
///
/// impl<U: Upload> UploadLayer for NoPrograms<U> {
///     type Inner = U;
///
///     fn inner(&self) -> &U {
///         &self.inner
///     }
///
///     fn inner_mut(&mut self) -> &mut U {
///         &mut self.inner
///     }
///
///     fn into_inner(self) -> U {
///         self.inner
///     }
///
///     async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError> {
///         let missing = 2_usize.saturating_sub(self.begins_with.len());
///         self.begins_with.extend(chunk.iter().take(missing));
///         self.inner.write(chunk).await
///     }
///
///     async fn finish(self) -> Result<Stored, StorageError> {
///         if self.begins_with == b"MZ" {
///             self.inner.abort(AbortReason::StoreFailed).await;
///             return Err(StorageError::new(StorageErrorKind::ContentRefused, "No programs, please."));
///         }
///         self.inner.finish().await
///     }
/// }
/// ```
///
/// Its store yields it by [`OpenedUpload::map`]. Downloads and listings have one method each, so there is nothing for layers of
/// them to pass on.
pub trait UploadLayer: Send + 'static {
    /// The upload that it is around.
    type Inner: Upload;

    /// The upload that it is around.
    fn inner(&self) -> &Self::Inner;

    /// The upload that it is around.
    fn inner_mut(&mut self) -> &mut Self::Inner;

    /// Takes the upload out, to be finished or aborted.
    fn into_inner(self) -> Self::Inner;

    /// As [`Upload::write`].
    fn write(&mut self, chunk: Bytes) -> impl Future<Output = Result<(), StorageError>> + Send {
        self.inner_mut().write(chunk)
    }

    /// As [`Upload::prepare`].
    fn prepare(&mut self) -> impl Future<Output = Result<(), StorageError>> + Send {
        self.inner_mut().prepare()
    }

    /// As [`Upload::finish`]. One that refuses the file aborts the inner upload first.
    fn finish(self) -> impl Future<Output = Result<Stored, StorageError>> + Send
    where
        Self: Sized,
    {
        self.into_inner().finish()
    }

    /// As [`Upload::abort`].
    fn abort(self, why: AbortReason) -> impl Future<Output = ()> + Send
    where
        Self: Sized,
    {
        self.into_inner().abort(why)
    }

    /// As [`Upload::handle_missing_close_notify`].
    fn handle_missing_close_notify(&mut self) {
        self.inner_mut().handle_missing_close_notify();
    }

    /// As [`Upload::finish_can_stop`]. One that still waits for something when the inner upload has finished says `false`.
    fn finish_can_stop(&self) -> bool {
        self.inner().finish_can_stop()
    }
}

impl<U: UploadLayer> Upload for U {
    fn write(&mut self, chunk: Bytes) -> impl Future<Output = Result<(), StorageError>> + Send {
        UploadLayer::write(self, chunk)
    }

    fn prepare(&mut self) -> impl Future<Output = Result<(), StorageError>> + Send {
        UploadLayer::prepare(self)
    }

    fn finish(self) -> impl Future<Output = Result<Stored, StorageError>> + Send {
        UploadLayer::finish(self)
    }

    fn abort(self, why: AbortReason) -> impl Future<Output = ()> + Send {
        UploadLayer::abort(self, why)
    }

    fn handle_missing_close_notify(&mut self) {
        UploadLayer::handle_missing_close_notify(self);
    }

    fn finish_can_stop(&self) -> bool {
        UploadLayer::finish_can_stop(self)
    }
}

/// Says in a [`Layer`](crate::storage::Layer) that uploads, downloads or listings are those of the inner store:
/// `unchanged!(Upload, Download, Listing)`, or those of them that are.
#[macro_export]
macro_rules! unchanged {
    ($($opened:ident),+ $(,)?) => { $($crate::unchanged_one! { $opened })+ };
}

/// A part of [`unchanged!`](crate::unchanged).
#[doc(hidden)]
#[macro_export]
macro_rules! unchanged_one {
    (Upload) => {
        type Upload = <Self::Inner as $crate::storage::Storage>::Upload;

        async fn open_upload(
            &self,
            path: &$crate::pathname::Pathname,
            placement: $crate::storage::Placement,
            announced: ::core::option::Option<u64>,
        ) -> ::core::result::Result<$crate::storage::OpenedUpload<Self::Upload>, $crate::storage::StorageError> {
            $crate::storage::Storage::open_upload($crate::storage::Layer::inner(self), path, placement, announced)
                .await
        }
    };
    (Download) => {
        type Download = <Self::Inner as $crate::storage::Storage>::Download;

        async fn open_download(
            &self,
            path: &$crate::pathname::Pathname,
            offset: u64,
        ) -> ::core::result::Result<Self::Download, $crate::storage::StorageError> {
            $crate::storage::Storage::open_download($crate::storage::Layer::inner(self), path, offset).await
        }
    };
    (Listing) => {
        type Listing = <Self::Inner as $crate::storage::Storage>::Listing;

        async fn list(
            &self,
            path: &$crate::pathname::Pathname,
        ) -> ::core::result::Result<Self::Listing, $crate::storage::StorageError> {
            $crate::storage::Storage::list($crate::storage::Layer::inner(self), path).await
        }
    };
}
