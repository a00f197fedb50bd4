//! The adapter for smol.
//!
//! ```
//! use std::time::Duration;
//! use sansftp::{
//!     adapters::{server::Server, smol::Smol, stores::Memory, users::Users},
//!     config::Config,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let users = Users::new().with_user("anna", "secret", Memory::new());
//! let server = Server::start(Smol, users, Config::default(), "127.0.0.1:0".parse()?)?;
//! println!("listening on {}", server.local_addr());
//! smol::block_on(server.shutdown(Duration::from_secs(30)));
//! # Ok(())
//! # }
//! ```

use std::{
    future::Future,
    io,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use ::async_io::Async;

pub use super::async_io::AsyncIoStream;
use super::{async_io, runtime::Runtime};
use crate::instant::Instant;

/// The global executor of smol. It has one thread, or as many as the environment variable `SMOL_THREADS` says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Smol;

impl Runtime for Smol {
    type Stream = AsyncIoStream;
    type Listener = Async<TcpListener>;

    fn now(&self) -> Instant {
        async_io::now()
    }

    async fn sleep(&self, time: Duration) {
        async_io::sleep(time).await;
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        ::smol::spawn(future).detach();
    }

    fn listen(&self, address: SocketAddr) -> io::Result<Async<TcpListener>> {
        async_io::listen(address)
    }

    fn local_address(&self, listener: &Async<TcpListener>) -> io::Result<SocketAddr> {
        listener.get_ref().local_addr()
    }

    async fn accept(&self, listener: &Async<TcpListener>) -> io::Result<(AsyncIoStream, SocketAddr)> {
        async_io::accept(listener).await
    }

    async fn connect(&self, from: SocketAddr, to: SocketAddr) -> io::Result<AsyncIoStream> {
        async_io::connect(from, to).await
    }

    fn prepare_control(&self, stream: &AsyncIoStream) -> io::Result<SocketAddr> {
        async_io::prepare_control(stream)
    }

    fn has_ended(&self, stream: &AsyncIoStream) -> bool {
        async_io::has_ended(stream)
    }
}
