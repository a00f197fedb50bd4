//! Stores of any type, and shared ones.

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use core::{fmt, future::Future, pin::Pin};

use bytes::Bytes;

use crate::{
    pathname::Pathname,
    storage::{
        AbortReason, Download, Entry, Listing, Metadata, OpenedUpload, Placement, SiteCall, Storage,
        StorageError, Stored, Upload,
    },
    time_value::TimeValue,
};

type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
type Answer<'a, T> = Pending<'a, Result<T, StorageError>>;

/// A store whose type is forgotten, so that the users of one server can have stores of different kinds. A clone is the same
/// store.
///
/// Each call allocates once more than the store itself does.
///
/// ```
/// # #[cfg(feature = "adapters")] {
/// use sansftp::{
///     AnyStorage,
///     adapters::{Users, stores::{Filesystem, Memory}},
/// };
///
/// # let directory = tempfile::tempdir().unwrap();
/// # let directory = directory.path();
/// let users = Users::new()
///     .with_user("anna", "secret", AnyStorage::new(Filesystem::open(directory).unwrap()))
///     .with_user("guest", "", AnyStorage::new(Memory::new()));
/// # }
/// ```
#[derive(Clone)]
pub struct AnyStorage(Arc<dyn Requests>);

/// What an [`AnyStorage`] opens to store a file.
pub struct AnyUpload(Box<dyn Uploading>);

/// What an [`AnyStorage`] opens to retrieve a file.
pub struct AnyDownload(Box<dyn Downloading>);

/// What an [`AnyStorage`] opens to list a directory.
pub struct AnyListing(Box<dyn Listed>);

impl AnyStorage {
    /// Forgets the type of a store.
    #[must_use]
    pub fn new(store: impl Storage) -> Self {
        Self(Arc::new(store))
    }
}

/// [`Storage`] with futures whose types are forgotten, too.
trait Requests: Send + Sync {
    fn stat<'a>(&'a self, path: &'a Pathname) -> Answer<'a, Metadata>;
    fn list<'a>(&'a self, path: &'a Pathname) -> Answer<'a, AnyListing>;
    fn open_download<'a>(&'a self, path: &'a Pathname, offset: u64) -> Answer<'a, AnyDownload>;
    fn open_upload<'a>(
        &'a self,
        path: &'a Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> Answer<'a, OpenedUpload<AnyUpload>>;
    fn make_directory<'a>(&'a self, path: &'a Pathname) -> Answer<'a, ()>;
    fn remove_directory<'a>(&'a self, path: &'a Pathname) -> Answer<'a, ()>;
    fn remove_file<'a>(&'a self, path: &'a Pathname) -> Answer<'a, ()>;
    fn rename<'a>(&'a self, from: &'a Pathname, to: &'a Pathname) -> Answer<'a, ()>;
    fn set_modified<'a>(&'a self, path: &'a Pathname, modified: TimeValue) -> Answer<'a, ()>;
    fn set_mode<'a>(&'a self, path: &'a Pathname, mode: u32) -> Answer<'a, ()>;
    fn available<'a>(&'a self, path: &'a Pathname) -> Answer<'a, u64>;
    fn site(&self, command: SiteCall) -> Answer<'_, String>;
}

impl<S: Storage> Requests for S {
    fn stat<'a>(&'a self, path: &'a Pathname) -> Answer<'a, Metadata> {
        Box::pin(Storage::stat(self, path))
    }

    fn list<'a>(&'a self, path: &'a Pathname) -> Answer<'a, AnyListing> {
        Box::pin(async move { Ok(AnyListing(Box::new(Storage::list(self, path).await?))) })
    }

    fn open_download<'a>(&'a self, path: &'a Pathname, offset: u64) -> Answer<'a, AnyDownload> {
        Box::pin(async move { Ok(AnyDownload(Box::new(Storage::open_download(self, path, offset).await?))) })
    }

    fn open_upload<'a>(
        &'a self,
        path: &'a Pathname,
        placement: Placement,
        announced: Option<u64>,
    ) -> Answer<'a, OpenedUpload<AnyUpload>> {
        Box::pin(async move {
            let opened = Storage::open_upload(self, path, placement, announced).await?;
            Ok(opened.map(|upload| AnyUpload(Box::new(upload))))
        })
    }

    fn make_directory<'a>(&'a self, path: &'a Pathname) -> Answer<'a, ()> {
        Box::pin(Storage::make_directory(self, path))
    }

    fn remove_directory<'a>(&'a self, path: &'a Pathname) -> Answer<'a, ()> {
        Box::pin(Storage::remove_directory(self, path))
    }

    fn remove_file<'a>(&'a self, path: &'a Pathname) -> Answer<'a, ()> {
        Box::pin(Storage::remove_file(self, path))
    }

    fn rename<'a>(&'a self, from: &'a Pathname, to: &'a Pathname) -> Answer<'a, ()> {
        Box::pin(Storage::rename(self, from, to))
    }

    fn set_modified<'a>(&'a self, path: &'a Pathname, modified: TimeValue) -> Answer<'a, ()> {
        Box::pin(Storage::set_modified(self, path, modified))
    }

    fn set_mode<'a>(&'a self, path: &'a Pathname, mode: u32) -> Answer<'a, ()> {
        Box::pin(Storage::set_mode(self, path, mode))
    }

    fn available<'a>(&'a self, path: &'a Pathname) -> Answer<'a, u64> {
        Box::pin(Storage::available(self, path))
    }

    fn site(&self, command: SiteCall) -> Answer<'_, String> {
        Box::pin(Storage::site(self, command))
    }
}

/// [`Upload`] with futures whose types are forgotten, too.
trait Uploading: Send {
    fn write(&mut self, chunk: Bytes) -> Answer<'_, ()>;
    fn prepare(&mut self) -> Answer<'_, ()>;
    fn finish(self: Box<Self>) -> Answer<'static, Stored>;
    fn abort(self: Box<Self>, why: AbortReason) -> Pending<'static, ()>;
    fn handle_missing_close_notify(&mut self);
    fn finish_can_stop(&self) -> bool;
}

impl<U: Upload> Uploading for U {
    fn write(&mut self, chunk: Bytes) -> Answer<'_, ()> {
        Box::pin(Upload::write(self, chunk))
    }

    fn prepare(&mut self) -> Answer<'_, ()> {
        Box::pin(Upload::prepare(self))
    }

    fn finish(self: Box<Self>) -> Answer<'static, Stored> {
        Box::pin(Upload::finish(*self))
    }

    fn abort(self: Box<Self>, why: AbortReason) -> Pending<'static, ()> {
        Box::pin(Upload::abort(*self, why))
    }

    fn handle_missing_close_notify(&mut self) {
        Upload::handle_missing_close_notify(self);
    }

    fn finish_can_stop(&self) -> bool {
        Upload::finish_can_stop(self)
    }
}

/// [`Download`] with futures whose types are forgotten, too.
trait Downloading: Send {
    fn read(&mut self, most: usize) -> Answer<'_, Bytes>;
}

impl<D: Download> Downloading for D {
    fn read(&mut self, most: usize) -> Answer<'_, Bytes> {
        Box::pin(Download::read(self, most))
    }
}

/// [`Listing`] with futures whose types are forgotten, too.
trait Listed: Send {
    fn next_page(&mut self) -> Answer<'_, Vec<Entry>>;
}

impl<L: Listing> Listed for L {
    fn next_page(&mut self) -> Answer<'_, Vec<Entry>> {
        Box::pin(Listing::next_page(self))
    }
}

impl Upload for AnyUpload {
    fn write(&mut self, chunk: Bytes) -> impl Future<Output = Result<(), StorageError>> + Send {
        self.0.write(chunk)
    }

    fn prepare(&mut self) -> impl Future<Output = Result<(), StorageError>> + Send {
        self.0.prepare()
    }

    fn finish(self) -> impl Future<Output = Result<Stored, StorageError>> + Send {
        self.0.finish()
    }

    fn abort(self, why: AbortReason) -> impl Future<Output = ()> + Send {
        self.0.abort(why)
    }

    fn handle_missing_close_notify(&mut self) {
        self.0.handle_missing_close_notify();
    }

    fn finish_can_stop(&self) -> bool {
        self.0.finish_can_stop()
    }
}

impl Download for AnyDownload {
    fn read(&mut self, most: usize) -> impl Future<Output = Result<Bytes, StorageError>> + Send {
        self.0.read(most)
    }
}

impl Listing for AnyListing {
    fn next_page(&mut self) -> impl Future<Output = Result<Vec<Entry>, StorageError>> + Send {
        self.0.next_page()
    }
}

/// A [`Storage`] whose every call is one of another, which `$store` yields.
macro_rules! pass_on {
    ($self:ident => $store:expr) => {
        async fn stat(&$self, path: &Pathname) -> Result<Metadata, StorageError> {
            $store.stat(path).await
        }

        async fn list(&$self, path: &Pathname) -> Result<Self::Listing, StorageError> {
            $store.list(path).await
        }

        async fn open_download(&$self, path: &Pathname, offset: u64) -> Result<Self::Download, StorageError> {
            $store.open_download(path, offset).await
        }

        async fn open_upload(
            &$self,
            path: &Pathname,
            placement: Placement,
            announced: Option<u64>,
        ) -> Result<OpenedUpload<Self::Upload>, StorageError> {
            $store.open_upload(path, placement, announced).await
        }

        async fn make_directory(&$self, path: &Pathname) -> Result<(), StorageError> {
            $store.make_directory(path).await
        }

        async fn remove_directory(&$self, path: &Pathname) -> Result<(), StorageError> {
            $store.remove_directory(path).await
        }

        async fn remove_file(&$self, path: &Pathname) -> Result<(), StorageError> {
            $store.remove_file(path).await
        }

        async fn rename(&$self, from: &Pathname, to: &Pathname) -> Result<(), StorageError> {
            $store.rename(from, to).await
        }

        async fn set_modified(&$self, path: &Pathname, modified: TimeValue) -> Result<(), StorageError> {
            $store.set_modified(path, modified).await
        }

        async fn set_mode(&$self, path: &Pathname, mode: u32) -> Result<(), StorageError> {
            $store.set_mode(path, mode).await
        }

        async fn available(&$self, path: &Pathname) -> Result<u64, StorageError> {
            $store.available(path).await
        }

        async fn site(&$self, command: SiteCall) -> Result<String, StorageError> {
            $store.site(command).await
        }
    };
}

impl Storage for AnyStorage {
    type Upload = AnyUpload;
    type Download = AnyDownload;
    type Listing = AnyListing;

    pass_on! { self => self.0 }
}

/// A store that cannot be cloned can be shared all the same.
impl<S: Storage> Storage for Arc<S> {
    type Upload = S::Upload;
    type Download = S::Download;
    type Listing = S::Listing;

    pass_on! { self => **self }
}

macro_rules! show_as {
    ($($type:ident)*) => { $(
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($type))
            }
        }
    )* };
}

show_as! { AnyStorage AnyUpload AnyDownload AnyListing }
