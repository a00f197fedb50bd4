//! What layers are around.

/// A store with a [`Layer`](super::Layer) around it, or an upload with an [`UploadLayer`](super::UploadLayer).
#[derive(Debug, Clone)]
pub struct Around<I, L> {
    pub(super) inner: I,
    pub(super) layer: L,
}

impl<I, L> Around<I, L> {
    /// What the layer is around.
    pub const fn inner(&self) -> &I {
        &self.inner
    }

    /// The layer.
    pub const fn layer(&self) -> &L {
        &self.layer
    }
}
