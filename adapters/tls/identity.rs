//! What a server proves itself with.

use std::{
    collections::BTreeMap,
    path::Path,
    string::String,
    sync::{Arc, PoisonError, RwLock},
};

use futures_rustls::{
    pki_types::{PrivateKeyDer, pem::PemObject as _},
    rustls::{
        crypto::ring,
        server::{ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    },
};

use super::{
    error::TlsError,
    pem::{read_certificates, read_file},
};

/// Certificates and a key, which can be replaced while servers use them. All clones are the same one.
///
/// ```no_run
/// use sansftp::adapters::tls::{Identity, Tls};
///
/// let identity = Identity::from_files("certificate.pem", "key.pem")?;
/// let tls = Tls::new(identity.clone())?;
/// // Some weeks later:
/// identity.replace(&Identity::from_files("certificate.pem", "key.pem")?);
/// # Ok::<(), sansftp::adapters::tls::TlsError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Identity(Arc<RwLock<Arc<CertifiedKey>>>);

impl Identity {
    /// Reads a chain of certificates, the server's own first, and its key from files in the PEM format.
    ///
    /// # Errors
    ///
    /// [`TlsError`] says what is not usable, and why.
    pub fn from_files(certificates: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, TlsError> {
        Self::from_pem(&read_file(certificates.as_ref())?, &read_file(key.as_ref())?)
    }

    /// The same from texts in the PEM format.
    ///
    /// # Errors
    ///
    /// [`TlsError`] says what is not usable, and why.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = read_certificates(certificates)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(TlsError::Key)?;
        let certified = CertifiedKey::from_der(chain, key, &ring::default_provider())?;
        Ok(Self(Arc::new(RwLock::new(Arc::new(certified)))))
    }

    /// Takes over the certificates and the key of another one. Handshakes that begin later use them.
    pub fn replace(&self, other: &Self) {
        let certified = other.certified();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = certified;
    }

    fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The identity of each host of a server, by the name that clients begin TLS with (server name indication, RFC 6066 3).
///
/// ```no_run
/// use sansftp::adapters::tls::{Identities, Identity, Tls};
///
/// let main = Identity::from_files("example.com.pem", "example.com.key")?;
/// let other = Identity::from_files("example.org.pem", "example.org.key")?;
/// let tls = Tls::new(Identities::new(main).with_host("ftp.example.org", other))?;
/// # Ok::<(), sansftp::adapters::tls::TlsError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Identities {
    main: Identity,
    hosts: BTreeMap<String, Identity>,
}

impl Identities {
    /// This one for clients that say no name, or one that no host has.
    #[must_use]
    pub const fn new(main: Identity) -> Self {
        Self { main, hosts: BTreeMap::new() }
    }

    /// Adds that of a host, in place of an earlier one.
    #[must_use]
    pub fn with_host(mut self, host: &str, identity: Identity) -> Self {
        self.hosts.insert(host.to_ascii_lowercase(), identity);
        self
    }
}

impl From<Identity> for Identities {
    fn from(identity: Identity) -> Self {
        Self::new(identity)
    }
}

impl ResolvesServerCert for Identities {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let host = hello.server_name().and_then(|name| self.hosts.get(&name.to_ascii_lowercase()));
        Some(host.unwrap_or(&self.main).certified())
    }
}
