//! Files and texts in the PEM format.

use std::{
    fs,
    path::{Path, PathBuf},
    vec::Vec,
};

use futures_rustls::pki_types::{
    CertificateDer,
    pem::{self, PemObject as _},
};

use super::error::TlsError;

pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|error| TlsError::Unreadable { path: PathBuf::from(path), error })
}

/// One certificate or more, from a text in the PEM format.
pub(super) fn read_certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(text).collect::<Result<_, _>>().map_err(TlsError::Certificates)?;
    if certificates.is_empty() {
        return Err(TlsError::Certificates(pem::Error::NoItemsFound));
    }
    Ok(certificates)
}
