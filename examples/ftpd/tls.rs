//! The options of TLS.

#[path = "certificate.rs"]
mod certificate;

use std::{
    error::Error,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use clap::{Args, ValueEnum};
use sansftp::{
    adapters::tls::{ClientAuthentication, ClientAuthorities, Identity, Tls, TlsError},
    config::{SessionReuse, TlsRequirement, TlsSettings, TlsStart, Truncation},
};

#[derive(Debug, Args)]
pub(crate) struct TlsOptions {
    /// Certificates in the PEM format, the server's own first: clients may use AUTH TLS. SIGHUP reads them again
    #[arg(long, value_name = "FILE", requires = "tls_key", conflicts_with = "tls_self_signed")]
    tls_cert: Option<PathBuf>,

    /// The key of the certificate, in the PEM format
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Make a certificate for this run, for where it listens and --public-ip, and print its fingerprint
    #[arg(long)]
    tls_self_signed: bool,

    /// Also listen here for clients that begin with TLS (implicit FTPS)
    #[arg(long, value_name = "ADDR:PORT")]
    implicit: Option<SocketAddr>,

    /// What clients have to protect by TLS: no, control or all
    #[arg(long, value_name = "WHAT", value_enum, default_value = "no", hide_possible_values = true)]
    require_tls: Requirement,

    /// Ask clients for certificates signed by one of these, in the PEM format. A user without a password (--user NAME)
    /// logs in by one with that common name
    #[arg(long, value_name = "FILE")]
    client_ca: Option<PathBuf>,

    /// Let nobody in who has no such certificate
    #[arg(long, requires = "client_ca")]
    require_client_cert: bool,

    /// Take uploads for whole that end without TLS's close_notify, as some old clients and Node's empty files do
    #[arg(long)]
    accept_truncated: bool,

    /// Refuse data connections that do not resume the TLS session of their control connection
    #[arg(long)]
    require_session_reuse: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Requirement {
    No,
    Control,
    All,
}

/// TLS as the options have it.
pub(crate) struct Protection {
    pub(crate) tls: Tls,
    identity: Identity,
    /// Where to listen for implicit FTPS.
    pub(crate) implicit: Option<SocketAddr>,
    settings: TlsSettings,
}

impl TlsOptions {
    /// TLS, if there is to be some, for a server that clients reach at these addresses, and where it listens for implicit
    /// FTPS. A new certificate is told on standard output.
    pub(crate) fn protection(
        &self,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Result<Option<Protection>, Box<dyn Error>> {
        let identity = match (&self.tls_cert, &self.tls_key) {
            (Some(certificates), Some(key)) => Identity::from_files(certificates, key)?,
            _ if self.tls_self_signed => {
                let addresses = addresses.into_iter().chain(self.implicit.map(|implicit| implicit.ip()));
                certificate::self_signed(addresses)?
            }
            _ if self.needs_tls() => {
                return Err("TLS needs --tls-cert and --tls-key, or --tls-self-signed".into());
            }
            _ => return Ok(None),
        };
        let requirement = match self.require_tls {
            Requirement::No => TlsRequirement::Nothing,
            Requirement::Control => TlsRequirement::Control,
            Requirement::All => TlsRequirement::ControlAndData,
        };
        let session_reuse =
            if self.require_session_reuse { SessionReuse::Require } else { SessionReuse::Offer };
        let truncation = if self.accept_truncated { Truncation::Accept } else { Truncation::Refuse };
        Ok(Some(Protection {
            tls: self.tls(identity.clone())?,
            identity,
            implicit: self.implicit,
            settings: TlsSettings { requirement, session_reuse, truncation, ..TlsSettings::default() },
        }))
    }

    /// Whether clients can prove themselves by certificates.
    pub(crate) const fn has_client_ca(&self) -> bool {
        self.client_ca.is_some()
    }

    fn tls(&self, identity: Identity) -> Result<Tls, Box<dyn Error>> {
        let Some(client_ca) = &self.client_ca else { return Ok(Tls::new(identity)?) };
        let clients = match (self.require_client_cert, self.require_tls) {
            (true, Requirement::No) => {
                return Err("--require-client-cert needs --require-tls control or all: \
                            clients could log in without TLS"
                    .into());
            }
            (true, _) => ClientAuthentication::Required,
            (false, _) => ClientAuthentication::Optional,
        };
        let authorities = ClientAuthorities::from_file(client_ca)?;
        Ok(Tls::with_client_authorities(identity, &authorities, clients)?)
    }

    fn needs_tls(&self) -> bool {
        self.implicit.is_some()
            || self.client_ca.is_some()
            || self.require_tls != Requirement::No
            || self.require_session_reuse
            || self.accept_truncated
    }

    /// Reads the certificate again, for handshakes from now on. `None` if it is not in a file.
    pub(crate) fn reload(&self, protection: &Protection) -> Option<Result<(), TlsError>> {
        let (certificates, key) = (self.tls_cert.as_ref()?, self.tls_key.as_ref()?);
        let read = Identity::from_files(certificates, key);
        Some(read.map(|identity| protection.identity.replace(&identity)))
    }
}

impl Protection {
    pub(crate) fn settings(&self, start: TlsStart) -> TlsSettings {
        TlsSettings { start, ..self.settings }
    }
}
