//! The adapter for async-std, for programs that still run on it.
//!
//! The authors of async-std have given it up and recommend [smol](https://docs.rs/smol). A new program takes smol or
//! tokio; one that moves from async-std to smol says `Smol` where it said `AsyncStd`, and nothing else changes for its
//! server.

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

/// The global executor of async-std. It has a thread for each processor, or as many as the environment variable
/// `ASYNC_STD_THREAD_COUNT` says.
#[derive(Debug, Clone, Copy, Default)]
pub struct AsyncStd;

impl Runtime for AsyncStd {
    type Stream = AsyncIoStream;
    type Listener = Async<TcpListener>;

    fn now(&self) -> Instant {
        async_io::now()
    }

    async fn sleep(&self, time: Duration) {
        async_io::sleep(time).await;
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        drop(::async_std::task::spawn(future));
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
