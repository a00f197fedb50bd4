//! A listening server.

mod acceptor;
mod connections;
mod signals;

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use self::{acceptor::Acceptor, connections::Connections, signals::Signals};
use crate::{
    accounts::Accounts,
    adapters::{
        driver::{RestingPorts, ServerContext},
        runtimes::Runtime,
        tls::Tls,
    },
    config::{Config, TlsRequirement, TlsStart},
};

/// For sessions whose transfers were aborted to end, and for tasks that were dropped to be gone.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A server that listens, and the sessions of its clients.
///
/// If it is dropped it stops listening, and the sessions that there are run on to their ends. To end them as well, call
/// [`shutdown`](Self::shutdown).
///
/// ```
/// use std::time::Duration;
/// use sansftp::{
///     adapters::{Server, Tokio, Users, stores::Memory},
///     config::Config,
/// };
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let users = Users::new().with_user("anna", "secret", Memory::new());
/// let server = Server::start(Tokio, users, Config::default(), "127.0.0.1:0".parse()?)?;
/// println!("listening on {}", server.local_addr());
/// server.shutdown(Duration::from_secs(30)).await;
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run()).unwrap();
/// ```
pub struct Server<R> {
    runtime: R,
    address: SocketAddr,
    connections: Arc<Connections>,
    signals: Signals,
}

impl<R: Runtime> Server<R> {
    /// Starts to listen at `address`; port 0 lets the system choose one. When this returns, clients can connect.
    ///
    /// # Errors
    ///
    /// That of the system if it is not possible to listen there; `InvalidInput` if the settings have TLS.
    pub fn start<A: Accounts>(
        runtime: R,
        accounts: A,
        config: Config,
        address: SocketAddr,
    ) -> io::Result<Self> {
        Self::start_with(runtime, accounts, config, None, address)
    }

    /// The same with TLS, as [`Settings::tls`](crate::config::Settings::tls) has it. For explicit and implicit FTPS at
    /// once, start two servers with the same accounts.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start); `InvalidInput` if clients have to have certificates, and need not use TLS.
    #[cfg(feature = "tls")]
    pub fn start_with_tls<A: Accounts>(
        runtime: R,
        accounts: A,
        config: Config,
        tls: Tls,
        address: SocketAddr,
    ) -> io::Result<Self> {
        Self::start_with(runtime, accounts, config, Some(tls), address)
    }

    fn start_with<A: Accounts>(
        runtime: R,
        accounts: A,
        config: Config,
        tls: Option<Tls>,
        address: SocketAddr,
    ) -> io::Result<Self> {
        if config.tls.start != TlsStart::Never && tls.is_none() {
            let why = "the settings have TLS, and there is no certificate: use Server::start_with_tls";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let is_optional =
            config.tls.requirement == TlsRequirement::Nothing && config.tls.start != TlsStart::Implicit;
        if is_optional && tls.as_ref().is_some_and(Tls::requires_certificates) {
            let why = "clients have to have certificates, and could log in without TLS: set tls.requirement";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let listener = runtime.listen(address)?;
        let address = runtime.local_address(&listener)?;
        let connections = Connections::new(&config);
        let server = Self {
            runtime: runtime.clone(),
            address,
            connections: Arc::clone(&connections),
            signals: Signals::default(),
        };
        let acceptor = Acceptor {
            context: ServerContext {
                runtime: runtime.clone(),
                accounts: Arc::new(accounts),
                config: Arc::new(config),
                tls,
                resting_ports: RestingPorts::default(),
            },
            place: connections.listener(),
            connections,
            signals: server.signals.clone(),
        };
        runtime.spawn(acceptor.run(listener));
        Ok(server)
    }

    /// Where the server listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Ends the server: it stops listening, idle clients are told `421`, and the others when their transfers have ended.
    ///
    /// Returns when all sessions have ended. Transfers that have not after `deadline` are aborted, and their clients
    /// told so. A session that is still there five seconds later (its store or its client does nothing any more) is
    /// dropped, and so is its upload, which means the same as an abort: what was there before stays.
    pub async fn shutdown(self, deadline: Duration) {
        self.signals.closed.give();
        self.signals.ending.give(self.runtime.now() + deadline);
        let ended = self.connections.all_ended();
        if ended.or(self.runtime.sleep(deadline.saturating_add(STOP_TIMEOUT))).await.is_some() {
            self.signals.stopped.give();
            ended.or(self.runtime.sleep(STOP_TIMEOUT)).await;
        }
    }
}

impl<R> Drop for Server<R> {
    fn drop(&mut self) {
        self.signals.closed.give();
    }
}

impl<R> fmt::Debug for Server<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}
