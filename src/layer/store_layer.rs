//! Layers around stores.

use alloc::string::String;
use core::future::Future;

use super::around::Around;
use crate::{
    pathname::Pathname,
    storage::{
        Download, Listing, Metadata, OpenedUpload, Placement, SiteCall, Storage, StorageError, Upload,
    },
    time_value::TimeValue,
};

/// What changes a store of type `S`: a virus scanner, a quota, a log, a rule for names.
///
/// A layer writes only what it changes, and everything else goes to the store that it is [around](Self::around). So nothing
/// is lost by it: not `MKD`, not the free space, and not what a later version of [`Storage`] has. A store with a layer
/// around it is a store again, and may have another layer around it.
///
/// A layer has to name the types that it opens. [`unchanged!`](crate::unchanged) says that they are those of the store; for
/// uploads of its own there is [`UploadLayer`](super::UploadLayer). A layer that refuses something has to be looked at again when [`Storage`]
/// gets a new method.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use sansftp::{Layer, Pathname, Storage, StorageError, unchanged};
///
/// /// Counts the files that are removed.
/// #[derive(Default)]
/// struct Count {
///     removed: AtomicU64,
/// }
///
/// impl<S: Storage> Layer<S> for Count {
///     unchanged!(S: Upload, Download, Listing);
///
///     async fn remove_file(&self, inner: &S, path: &Pathname) -> Result<(), StorageError> {
///         inner.remove_file(path).await?;
///         self.removed.fetch_add(1, Ordering::Relaxed);
///         Ok(())
///     }
/// }
///
/// # #[cfg(feature = "adapters")]
/// let store = Count::default().around(sansftp::adapters::stores::Memory::new());
/// ```
///
/// `testing::layer_contract` (feature `testing`) makes sure that a layer of yours passes on what it does not change.
pub trait Layer<S: Storage>: Send + Sync + 'static {
    /// As [`Storage::Upload`].
    type Upload: Upload;
    /// As [`Storage::Download`].
    type Download: Download;
    /// As [`Storage::Listing`].
    type Listing: Listing;

    /// The store with this layer around it.
    fn around(self, inner: S) -> Around<S, Self>
    where
        Self: Sized,
    {
        Around { inner, layer: self }
    }

    /// As [`Storage::list`]; [`unchanged!(S: Listing)`](crate::unchanged) passes it on.
    ///
    /// # Errors
    ///
    /// As those of [`Storage::list`].
    fn list(
        &self,
        inner: &S,
        path: &Pathname,
    ) -> impl Future<Output = Result<Self::Listing, StorageError>> + Send;

    /// As [`Storage::open_download`]; [`unchanged!(S: Download)`](crate::unchanged) passes it on.
    ///
    /// # Errors
    ///
    /// As those of [`Storage::open_download`].
    fn open_download(
        &self,
        inner: &S,
        path: &Pathname,
        offset: u64,
    ) -> impl Future<Output = Result<Self::Download, StorageError>> + Send;

    /// As [`Storage::open_upload`]; [`unchanged!(S: Upload)`](crate::unchanged) passes it on.
    ///
    /// # Errors
    ///
    /// As those of [`Storage::open_upload`].
    fn open_upload(
        &self,
        inner: &S,
        path: &Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> impl Future<Output = Result<OpenedUpload<Self::Upload>, StorageError>> + Send;

    /// As [`Storage::stat`].
    fn stat(
        &self,
        inner: &S,
        path: &Pathname,
    ) -> impl Future<Output = Result<Metadata, StorageError>> + Send {
        inner.stat(path)
    }

    /// As [`Storage::make_directory`].
    fn make_directory(
        &self,
        inner: &S,
        path: &Pathname,
    ) -> impl Future<Output = Result<(), StorageError>> + Send {
        inner.make_directory(path)
    }

    /// As [`Storage::remove_directory`].
    fn remove_directory(
        &self,
        inner: &S,
        path: &Pathname,
    ) -> impl Future<Output = Result<(), StorageError>> + Send {
        inner.remove_directory(path)
    }

    /// As [`Storage::remove_file`].
    fn remove_file(
        &self,
        inner: &S,
        path: &Pathname,
    ) -> impl Future<Output = Result<(), StorageError>> + Send {
        inner.remove_file(path)
    }

    /// As [`Storage::rename`].
    fn rename(
        &self,
        inner: &S,
        from: &Pathname,
        to: &Pathname,
    ) -> impl Future<Output = Result<(), StorageError>> + Send {
        inner.rename(from, to)
    }

    /// As [`Storage::set_modified`].
    fn set_modified(
        &self,
        inner: &S,
        path: &Pathname,
        modified: TimeValue,
    ) -> impl Future<Output = Result<(), StorageError>> + Send {
        inner.set_modified(path, modified)
    }

    /// As [`Storage::set_mode`].
    fn set_mode(
        &self,
        inner: &S,
        path: &Pathname,
        mode: u32,
    ) -> impl Future<Output = Result<(), StorageError>> + Send {
        inner.set_mode(path, mode)
    }

    /// As [`Storage::available`].
    fn available(
        &self,
        inner: &S,
        path: &Pathname,
    ) -> impl Future<Output = Result<u64, StorageError>> + Send {
        inner.available(path)
    }

    /// As [`Storage::site`].
    fn site(
        &self,
        inner: &S,
        command: SiteCall,
    ) -> impl Future<Output = Result<String, StorageError>> + Send {
        inner.site(command)
    }
}

impl<S: Storage, L: Layer<S>> Storage for Around<S, L> {
    type Upload = L::Upload;
    type Download = L::Download;
    type Listing = L::Listing;

    fn list(&self, path: &Pathname) -> impl Future<Output = Result<Self::Listing, StorageError>> + Send {
        self.layer.list(&self.inner, path)
    }

    fn open_download(
        &self,
        path: &Pathname,
        offset: u64,
    ) -> impl Future<Output = Result<Self::Download, StorageError>> + Send {
        self.layer.open_download(&self.inner, path, offset)
    }

    fn open_upload(
        &self,
        path: &Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> impl Future<Output = Result<OpenedUpload<Self::Upload>, StorageError>> + Send {
        self.layer.open_upload(&self.inner, path, placement, announced)
    }

    fn stat(&self, path: &Pathname) -> impl Future<Output = Result<Metadata, StorageError>> + Send {
        self.layer.stat(&self.inner, path)
    }

    fn make_directory(&self, path: &Pathname) -> impl Future<Output = Result<(), StorageError>> + Send {
        self.layer.make_directory(&self.inner, path)
    }

    fn remove_directory(&self, path: &Pathname) -> impl Future<Output = Result<(), StorageError>> + Send {
        self.layer.remove_directory(&self.inner, path)
    }

    fn remove_file(&self, path: &Pathname) -> impl Future<Output = Result<(), StorageError>> + Send {
        self.layer.remove_file(&self.inner, path)
    }

    fn rename(
        &self,
        from: &Pathname,
        to: &Pathname,
    ) -> impl Future<Output = Result<(), StorageError>> + Send {
        self.layer.rename(&self.inner, from, to)
    }

    fn set_modified(
        &self,
        path: &Pathname,
        modified: TimeValue,
    ) -> impl Future<Output = Result<(), StorageError>> + Send {
        self.layer.set_modified(&self.inner, path, modified)
    }

    fn set_mode(&self, path: &Pathname, mode: u32) -> impl Future<Output = Result<(), StorageError>> + Send {
        self.layer.set_mode(&self.inner, path, mode)
    }

    fn available(&self, path: &Pathname) -> impl Future<Output = Result<u64, StorageError>> + Send {
        self.layer.available(&self.inner, path)
    }

    fn site(&self, command: SiteCall) -> impl Future<Output = Result<String, StorageError>> + Send {
        self.layer.site(&self.inner, command)
    }
}

/// Says in a [`Layer<S>`](crate::layer::Layer) that uploads, downloads or listings are those of the store:
/// `unchanged!(S: Upload, Download, Listing)`, or those of the three that are.
#[macro_export]
macro_rules! unchanged {
    (@ Upload $store:ty) => {
        type Upload = <$store as $crate::storage::Storage>::Upload;

        async fn open_upload(
            &self,
            inner: &$store,
            path: &$crate::pathname::Pathname,
            placement: $crate::storage::Placement,
            announced: ::core::option::Option<u64>,
        ) -> ::core::result::Result<$crate::storage::OpenedUpload<Self::Upload>, $crate::storage::StorageError> {
            $crate::storage::Storage::open_upload(inner, path, placement, announced).await
        }
    };
    (@ Download $store:ty) => {
        type Download = <$store as $crate::storage::Storage>::Download;

        async fn open_download(
            &self,
            inner: &$store,
            path: &$crate::pathname::Pathname,
            offset: u64,
        ) -> ::core::result::Result<Self::Download, $crate::storage::StorageError> {
            $crate::storage::Storage::open_download(inner, path, offset).await
        }
    };
    (@ Listing $store:ty) => {
        type Listing = <$store as $crate::storage::Storage>::Listing;

        async fn list(
            &self,
            inner: &$store,
            path: &$crate::pathname::Pathname,
        ) -> ::core::result::Result<Self::Listing, $crate::storage::StorageError> {
            $crate::storage::Storage::list(inner, path).await
        }
    };
    ($store:ty: $($opened:ident),+ $(,)?) => { $($crate::unchanged! { @ $opened $store })+ };
}
