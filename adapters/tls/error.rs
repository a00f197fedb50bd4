//! Why there is no TLS.

use std::{io, path::PathBuf};

use futures_rustls::{
    pki_types::pem,
    rustls::{self, server::VerifierBuilderError},
};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The certificates are not in the PEM format.
    #[error("the certificates are not usable: {0}")]
    Certificates(#[source] pem::Error),
    /// The key is not in the PEM format.
    #[error("the key is not usable: {0}")]
    Key(#[source] pem::Error),
    /// Certificates and key do not belong together, or cannot be used at all.
    #[error("TLS cannot be set up: {0}")]
    Unusable(#[from] rustls::Error),
    /// Nobody's certificate could be verified.
    #[error("clients' certificates cannot be verified: {0}")]
    Authorities(#[from] VerifierBuilderError),
}
