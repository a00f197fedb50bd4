//! What all sessions of a server have in common.

use std::sync::Arc;

use super::passive_ports::RestingPorts;
use crate::{adapters::tls::Tls, config::Config};

/// What each session of a server gets a clone of.
#[derive(Debug)]
pub struct ServerContext<R, A> {
    /// The runtime that the sessions run on.
    pub runtime: R,
    /// Who may log in.
    pub accounts: Arc<A>,
    /// The settings.
    pub config: Arc<Config>,
    /// What the server proves itself with, where the settings have TLS.
    #[cfg_attr(not(feature = "tls"), doc(hidden))]
    pub tls: Option<Tls>,
    /// Passive ports that no session tells for now.
    pub resting_ports: RestingPorts,
}

impl<R: Clone, A> Clone for ServerContext<R, A> {
    fn clone(&self) -> Self {
        let Self { runtime, accounts, config, tls, resting_ports } = self;
        Self {
            runtime: runtime.clone(),
            accounts: Arc::clone(accounts),
            config: Arc::clone(config),
            tls: tls.clone(),
            resting_ports: resting_ports.clone(),
        }
    }
}
