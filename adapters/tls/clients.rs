//! Who clients are: their certificates, and who vouches for these.

use std::{
    format, io,
    path::Path,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};

use bytes::Bytes;
use futures_rustls::{
    pki_types::CertificateDer,
    rustls::{
        RootCertStore, ServerConnection,
        crypto::ring,
        server::{VerifierBuilderError, WebPkiClientVerifier, danger::ClientCertVerifier},
    },
};
use x509_cert::{
    Certificate,
    der::{Decode, asn1::ObjectIdentifier},
    ext::pkix::name::DirectoryString,
};

use super::{
    error::TlsError,
    pem::{read_certificates, read_file},
};
use crate::{accounts::ClientCertificate, session::TlsClient};

/// The attribute of a subject that holds a common name (RFC 4519 2.3).
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// Whether a client has to have a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// It may. One that is not valid fails the handshake all the same.
    Optional,
    /// It has to: without one, the handshake fails.
    Required,
}

/// Who vouches for clients: the certificates that those of clients have to be signed by.
///
/// ```no_run
/// use sansftp::adapters::tls::{ClientAuthorities, ClientAuthentication, Identity, Tls};
///
/// let identity = Identity::from_files("certificate.pem", "key.pem")?;
/// let authorities = ClientAuthorities::from_file("clients.pem")?;
/// let tls = Tls::with_client_authorities(identity, &authorities, ClientAuthentication::Optional)?;
/// # Ok::<(), sansftp::adapters::tls::TlsError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ClientAuthorities(Arc<RootCertStore>);

impl ClientAuthorities {
    /// Reads certificates from a file in the PEM format.
    ///
    /// # Errors
    ///
    /// [`TlsError`] says why it is not usable.
    pub fn from_file(certificates: impl AsRef<Path>) -> Result<Self, TlsError> {
        Self::from_pem(&read_file(certificates.as_ref())?)
    }

    /// The same from a text in the PEM format.
    ///
    /// # Errors
    ///
    /// [`TlsError`] says why it is not usable.
    pub fn from_pem(certificates: &[u8]) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in read_certificates(certificates)? {
            roots.add(certificate)?;
        }
        Ok(Self(Arc::new(roots)))
    }

    pub(super) fn verifier(
        &self,
        policy: ClientAuthentication,
    ) -> Result<Arc<dyn ClientCertVerifier>, VerifierBuilderError> {
        let roots = Arc::clone(&self.0);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::new(ring::default_provider()));
        match policy {
            ClientAuthentication::Optional => verifier.allow_unauthenticated().build(),
            ClientAuthentication::Required => verifier.build(),
        }
    }
}

/// What a handshake has told of its client.
pub(super) fn describe(connection: &ServerConnection) -> io::Result<TlsClient> {
    let certificate = match connection.peer_certificates() {
        Some(chain) => read_chain(chain)?.map(Arc::new),
        None => None,
    };
    Ok(TlsClient { server_name: connection.server_name().map(String::from), certificate })
}

fn read_chain(chain: &[CertificateDer<'_>]) -> io::Result<Option<ClientCertificate>> {
    let Some(own) = chain.first() else { return Ok(None) };
    let certificate = Certificate::from_der(own).map_err(|error| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the client's certificate cannot be read: {error}"),
        )
    })?;
    let subject = certificate.tbs_certificate().subject();
    let mut common_names = subject.iter().filter(|attribute| attribute.oid == COMMON_NAME);
    let common_name = match (common_names.next(), common_names.next()) {
        (Some(only), None) => DirectoryString::try_from(&only.value).ok().map(String::from),
        _ => None,
    };
    let chain = chain.iter().map(|certificate| Bytes::copy_from_slice(certificate)).collect::<Vec<_>>();
    Ok(Some(ClientCertificate { subject: subject.to_string(), common_name, chain }))
}
