//! The servers that the options ask for: one, or two where some clients begin with TLS.

use std::{error::Error, io, net::SocketAddr, time::Duration};

use sansftp::{
    Accounts, Config, Settings,
    adapters::{Runtime, Server},
    config::{FinishPatience, PassiveAddress},
};

use crate::Options;
#[cfg(feature = "tls")]
use crate::tls::Protection;

/// A server, and another one where clients begin with TLS.
pub(crate) struct Servers<R> {
    server: Server<R>,
    #[cfg(feature = "tls")]
    implicit: Option<Server<R>>,
    #[cfg(feature = "tls")]
    protection: Option<Protection>,
}

impl<R: Runtime> Servers<R> {
    #[cfg(not(feature = "tls"))]
    pub(crate) fn start(
        runtime: R,
        accounts: impl Accounts,
        options: &Options,
    ) -> Result<Self, Box<dyn Error>> {
        let server = Server::start(runtime, accounts, Config::new(settings(options))?, options.listen)
            .map_err(|error| cannot_listen(options.listen, &error))?;
        Ok(Self { server })
    }

    #[cfg(feature = "tls")]
    pub(crate) fn start(
        runtime: R,
        accounts: impl Accounts,
        options: &Options,
    ) -> Result<Self, Box<dyn Error>> {
        use std::net::IpAddr;

        use sansftp::config::TlsStart;

        let public_ip = options.public_ip.map(IpAddr::from);
        let protection = options.tls.protection(public_ip.into_iter().chain([options.listen.ip()]))?;
        let accounts = std::sync::Arc::new(accounts);
        let start = |start, address| -> Result<Server<R>, Box<dyn Error>> {
            let (runtime, accounts) = (runtime.clone(), std::sync::Arc::clone(&accounts));
            let server = match &protection {
                Some(protection) => {
                    let config =
                        Config::new(Settings { tls: protection.settings(start), ..settings(options) })?;
                    Server::start_with_tls(runtime, accounts, config, protection.tls.clone(), address)
                }
                None => Server::start(runtime, accounts, Config::new(settings(options))?, address),
            };
            server.map_err(|error| cannot_listen(address, &error).into())
        };
        let server = start(TlsStart::Explicit, options.listen)?;
        let implicit = protection.as_ref().and_then(|protection| protection.implicit);
        let implicit = implicit.map(|address| start(TlsStart::Implicit, address)).transpose()?;
        Ok(Self { server, implicit, protection })
    }

    /// Where they listen, as standard output tells it.
    pub(crate) fn addresses(&self) -> String {
        let text = format!("listening on {}\n", self.server.local_addr());
        #[cfg(feature = "tls")]
        let text = match &self.implicit {
            Some(implicit) => text + &format!("listening with TLS on {}\n", implicit.local_addr()),
            None => text,
        };
        text
    }

    /// Reads the certificate again. `false` if there is none that could have changed.
    #[cfg(feature = "tls")]
    pub(crate) fn reload(&self, options: &Options) -> bool {
        match self.protection.as_ref().and_then(|protection| options.tls.reload(protection)) {
            Some(Ok(())) => tracing::info!("the certificate was read again"),
            Some(Err(error)) => tracing::error!(%error, "the certificate stays as it was"),
            None => return false,
        }
        true
    }

    #[cfg(not(feature = "tls"))]
    pub(crate) fn reload(&self, _: &Options) -> bool {
        false
    }

    pub(crate) async fn shutdown(self, deadline: Duration) {
        #[cfg(feature = "tls")]
        if let Some(implicit) = self.implicit {
            tokio::join!(self.server.shutdown(deadline), implicit.shutdown(deadline));
            return;
        }
        self.server.shutdown(deadline).await;
    }
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> String {
    format!("cannot listen on {address}: {error}")
}

fn settings(options: &Options) -> Settings {
    let finish_patience = match options.finish_patience.map(|seconds| Duration::from_secs(seconds.get())) {
        Some(every) => FinishPatience::ContinueAfter { silence: every, every },
        None => FinishPatience::Silent,
    };
    Settings {
        finish_patience,
        passive_ports: options.passive_ports.clone(),
        passive_address: options.public_ip.map_or(PassiveAddress::Local, PassiveAddress::Fixed),
        connections_limit: options.max_connections.get(),
        connections_per_address_limit: options.max_per_address.get(),
        ..options.quirks.settings()
    }
}
