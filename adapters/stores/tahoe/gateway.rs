//! The gateway: its address, its connections, and requests to it.

use std::{
    fmt,
    future::{Future, poll_fn},
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs},
    pin::pin,
    string::String,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
    vec::Vec,
};

use hyper::{
    Method, Request, Uri,
    header::{ACCEPT, CONTENT_LENGTH, HOST, HeaderValue, RANGE},
};

use super::{
    body::RequestBody,
    connection::{Answer, Connection, Exchange},
    directories::Directories,
    gateway_error::GatewayError,
    refusal::{lost, refusal, strange},
};
use crate::{
    adapters::{blocking_pool::BlockingPool, runtimes::Runtime},
    instant::Instant,
    storage::StorageError,
};

/// Connections that are kept open for the next request.
const IDLE_LIMIT: usize = 16;
/// How long one of them is kept. The gateway closes it after 60 s; to use it then could fail.
const IDLE_TIME: Duration = Duration::from_secs(20);
/// The most that is read of an answer that is only looked at: a capability, or the text of an error.
const TEXT_LIMIT: usize = 64 * 1024;
/// How long to wait for a connection. The gateway is near.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The gateway of a grid: a Tahoe-LAFS node that runs as a client and offers the web API.
///
/// A clone is the same gateway. All stores of one gateway should come from one `Gateway` and its clones: they share its
/// connections, and take care not to disturb each other.
#[derive(Clone)]
pub struct Gateway<R: Runtime>(Arc<Shared<R>>);

struct Shared<R: Runtime> {
    runtime: R,
    host: String,
    port: u16,
    /// Host and port, as each request names them.
    authority: HeaderValue,
    idle: Mutex<Vec<Idle<R>>>,
    directories: Directories,
}

/// A connection without a request, and since when.
struct Idle<R: Runtime> {
    connection: Connection<R::Stream>,
    since: Instant,
}

/// A request without its body.
pub(super) struct Head {
    pub(super) method: Method,
    /// Path and query.
    pub(super) url: String,
    /// The first byte wanted of a file.
    pub(super) offset: u64,
}

impl Head {
    pub(super) const fn get(url: String) -> Self {
        Self { method: Method::GET, url, offset: 0 }
    }

    pub(super) const fn new(method: Method, url: String) -> Self {
        Self { method, url, offset: 0 }
    }
}

impl<R: Runtime> fmt::Debug for Gateway<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("host", &self.0.host)
            .field("port", &self.0.port)
            .finish_non_exhaustive()
    }
}

impl<R: Runtime> Gateway<R> {
    /// The gateway at `url`, such as `http://127.0.0.1:3456`, reached by this runtime. Nothing is sent before a store has
    /// something to ask.
    ///
    /// # Errors
    ///
    /// [`GatewayError::BadUrl`] if it is not a scheme `http`, a host, and at most a port.
    pub fn new(runtime: R, url: &str) -> Result<Self, GatewayError> {
        let url: Uri = url.parse().map_err(|_| GatewayError::BadUrl)?;
        let is_plain =
            url.scheme_str() == Some("http") && url.path_and_query().is_none_or(|rest| rest == "/");
        let host = url.host().filter(|_| is_plain).ok_or(GatewayError::BadUrl)?;
        let authority = url.authority().ok_or(GatewayError::BadUrl)?;
        let authority = HeaderValue::from_str(authority.as_str()).map_err(|_| GatewayError::BadUrl)?;
        Ok(Self(Arc::new(Shared {
            runtime,
            host: host.trim_matches(['[', ']']).into(),
            port: url.port_u16().unwrap_or(80),
            authority,
            idle: Mutex::default(),
            directories: Directories::default(),
        })))
    }

    pub(super) fn runtime(&self) -> &R {
        &self.0.runtime
    }

    pub(super) fn directories(&self) -> &Directories {
        &self.0.directories
    }

    /// Sends a request, whose answer is not waited for.
    pub(super) async fn send(
        &self,
        head: Head,
        body: RequestBody,
    ) -> Result<Exchange<R::Stream>, StorageError> {
        let connection = match self.take_idle() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        Ok(connection.send(self.request(head, body)?))
    }

    /// The answer to a request, if it is a success.
    pub(super) async fn ask(&self, head: Head, body: RequestBody) -> Result<Answer<R::Stream>, StorageError> {
        self.check(self.send(head, body).await?.answer().await.map_err(lost)?).await
    }

    /// An answer, if it is a success.
    pub(super) async fn check(
        &self,
        mut answer: Answer<R::Stream>,
    ) -> Result<Answer<R::Stream>, StorageError> {
        let status = answer.head().status;
        if status.is_success() {
            return Ok(answer);
        }
        // Without its text the status tells enough.
        let (text, is_whole) = answer.text(TEXT_LIMIT).await.unwrap_or_default();
        if is_whole {
            self.keep(answer);
        }
        Err(refusal(status, &text))
    }

    /// The text of the answer to a request.
    pub(super) async fn ask_text(&self, head: Head, body: RequestBody) -> Result<String, StorageError> {
        self.text(self.ask(head, body).await?).await
    }

    /// The text of an answer.
    pub(super) async fn text(&self, mut answer: Answer<R::Stream>) -> Result<String, StorageError> {
        let (text, is_whole) = answer.text(TEXT_LIMIT).await.map_err(lost)?;
        if !is_whole {
            return Err(strange("the answer is too long"));
        }
        self.keep(answer);
        Ok(text)
    }

    /// Keeps the connection of an answer that has been read to its end.
    pub(super) fn keep(&self, answer: Answer<R::Stream>) {
        let since = self.0.runtime.now();
        let mut idle = self.idle();
        if idle.len() < IDLE_LIMIT {
            idle.push(Idle { connection: answer.into_connection(), since });
        }
    }

    /// The output of a future, or `None` if it takes longer than `limit`.
    pub(super) async fn within<F: Future>(&self, limit: Duration, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let mut limit = pin!(self.0.runtime.sleep(limit));
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => limit.as_mut().poll(cx).map(|()| None),
        })
        .await
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle<R>>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_idle(&self) -> Option<Connection<R::Stream>> {
        let now = self.0.runtime.now();
        loop {
            let Idle { mut connection, since } = self.idle().pop()?;
            if now.saturating_since(since) < IDLE_TIME && connection.is_usable() {
                return Some(connection);
            }
        }
    }

    async fn connect(&self) -> Result<Connection<R::Stream>, StorageError> {
        let connected = self.within(CONNECT_TIMEOUT, self.connect_to_any()).await;
        let stream = connected.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into())).map_err(lost)?;
        Connection::open(stream).await.map_err(lost)
    }

    async fn connect_to_any(&self) -> io::Result<R::Stream> {
        let mut error = io::ErrorKind::NotFound.into();
        for address in self.addresses().await? {
            let from: IpAddr = match address {
                SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
            };
            match self.0.runtime.connect(SocketAddr::new(from, 0), address).await {
                Ok(stream) => return Ok(stream),
                Err(failed) => error = failed,
            }
        }
        Err(error)
    }

    async fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let port = self.0.port;
        if let Ok(address) = self.0.host.parse::<IpAddr>() {
            return Ok(Vec::from([SocketAddr::new(address, port)]));
        }
        let host = self.0.host.clone();
        BlockingPool::shared().run(move || Ok((host.as_str(), port).to_socket_addrs()?.collect())).await
    }

    fn request(&self, head: Head, body: RequestBody) -> Result<Request<RequestBody>, StorageError> {
        let mut request = Request::builder()
            .method(head.method)
            .uri(head.url)
            .header(HOST, self.0.authority.clone())
            // Otherwise errors are pages of HTML.
            .header(ACCEPT, HeaderValue::from_static("text/plain"));
        if head.offset > 0 {
            request = request.header(RANGE, std::format!("bytes={}-", head.offset));
        }
        if matches!(body, RequestBody::Whole(None)) {
            // The gateway wants to be told that there is none.
            request = request.header(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        request.body(body).map_err(strange)
    }
}
