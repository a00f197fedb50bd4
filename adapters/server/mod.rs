//! A listening server.

mod connections;

use std::{
    fmt,
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_io::AsyncWrite;

use self::connections::{Admission, Connections, Place};
use crate::{
    accounts::Accounts,
    adapters::{
        driver::{self, RestingPorts, ServerContext},
        runtimes::Runtime,
        signal::Signal,
        tls::Tls,
    },
    config::{Config, Endpoints, TlsRequirement, TlsStart},
    instant::Instant,
    reply::Reply,
};

/// Between two attempts to accept a connection when the system has no file descriptor for it.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// For a client to take the reply that refuses it.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);
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
    /// No client is let in any more.
    closed: Signal,
    /// Sessions end when their transfers have.
    ending: Ending,
    /// Sessions end now.
    stopped: Signal,
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
            closed: Signal::default(),
            ending: Ending::default(),
            stopped: Signal::default(),
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
            closed: server.closed.clone(),
            ending: server.ending.clone(),
            stopped: server.stopped.clone(),
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
        self.closed.give();
        self.ending.give(self.runtime.now() + deadline);
        let ended = self.connections.all_ended();
        if ended.or(self.runtime.sleep(deadline.saturating_add(STOP_TIMEOUT))).await.is_some() {
            self.stopped.give();
            ended.or(self.runtime.sleep(STOP_TIMEOUT)).await;
        }
    }
}

impl<R> Drop for Server<R> {
    fn drop(&mut self) {
        self.closed.give();
    }
}

impl<R> fmt::Debug for Server<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

/// The signal for sessions to end, and by when.
#[derive(Debug, Clone, Default)]
struct Ending {
    signal: Signal,
    deadline: Arc<OnceLock<Instant>>,
}

impl Ending {
    fn give(&self, deadline: Instant) {
        // Only the first one counts, and there is only one: a server is shut down once.
        let _ = self.deadline.set(deadline);
        self.signal.give();
    }

    async fn wait(self) -> Instant {
        self.signal.wait().await;
        self.deadline.get().copied().unwrap_or_default()
    }
}

/// Accepts clients, and starts a session for each that may come.
struct Acceptor<R, A> {
    context: ServerContext<R, A>,
    connections: Arc<Connections>,
    closed: Signal,
    ending: Ending,
    stopped: Signal,
    place: Place,
}

impl<R: Runtime, A: Accounts> Acceptor<R, A> {
    async fn run(self, listener: R::Listener) {
        let runtime = &self.context.runtime;
        while let Some(accepted) = self.closed.or(runtime.accept(&listener)).await {
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer),
                Err(error) if is_of_one_client(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "no connection can be accepted for now");
                    self.closed.or(runtime.sleep(ACCEPT_RETRY)).await;
                }
            }
        }
        drop(listener);
        drop(self.place);
    }

    fn admit(&self, stream: R::Stream, peer: SocketAddr) {
        let runtime = &self.context.runtime;
        // A connection that cannot be set up any more is gone already.
        let Ok(local) = runtime.prepare_control(&stream) else { return };
        match self.connections.admit(peer.ip()) {
            Admission::Granted(place) => {
                let session = driver::serve(
                    self.context.clone(),
                    stream,
                    Endpoints { local, peer },
                    self.ending.clone().wait(),
                );
                let stopped = self.stopped.clone();
                runtime.spawn(async move {
                    stopped.or(session).await;
                    drop(place);
                });
            }
            Admission::Refused(place, reply) => {
                tracing::info!(%peer, ?reply, "connection refused");
                let (timer, stopped) = (runtime.clone(), self.stopped.clone());
                runtime.spawn(async move {
                    stopped.or(refuse(stream, &reply, timer.sleep(REFUSAL_TIMEOUT))).await;
                    drop(place);
                });
            }
            Admission::Ignored => {}
        }
    }
}

/// Whether an error of accepting is that of a client that has gone in the meantime, and not the server's.
fn is_of_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// Tells a client that it may not come, as far as it takes that in time.
async fn refuse(mut stream: impl AsyncWrite + Unpin, reply: &Reply, timeout: impl Future<Output = ()>) {
    let mut timeout = pin!(timeout);
    let mut unsent = reply.as_bytes();
    poll_fn(|cx| {
        let sending = poll_refusal(Pin::new(&mut stream), &mut unsent, cx);
        if sending.is_pending() { timeout.as_mut().poll(cx) } else { sending }
    })
    .await;
}

/// Ready when all is sent, or cannot be.
fn poll_refusal(mut stream: Pin<&mut impl AsyncWrite>, unsent: &mut &[u8], cx: &mut Context<'_>) -> Poll<()> {
    while !unsent.is_empty() {
        let sent = ready!(stream.as_mut().poll_write(cx, unsent)).unwrap_or(0);
        match unsent.get(sent..) {
            Some(rest) if sent > 0 => *unsent = rest,
            _ => return Poll::Ready(()),
        }
    }
    stream.poll_close(cx).map(drop)
}
