//! Stores that are other stores with something changed.

mod around;
mod store_layer;
mod upload_layer;

pub use self::{around::Around, store_layer::Layer, upload_layer::UploadLayer};
