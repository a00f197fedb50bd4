//! What can be wrong with what a store is made of.

/// Why a [`Gateway`](super::Gateway) or a [`Tahoe`](super::Tahoe) cannot be made. No text of it has a capability in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// The URL of the gateway is not one.
    #[error("the gateway's URL has to be like http://127.0.0.1:3456")]
    BadUrl,
    /// What should be the capability of the root directory is not that of a directory.
    #[error("the root capability has to be that of a directory, which begins with URI:DIR2")]
    NoDirectoryCap,
}
