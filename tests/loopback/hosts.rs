//! The runtimes that the suite runs on.

use std::future::Future;

use sansftp::adapters::Runtime;

/// A runtime, and how a test runs something on it.
pub(crate) trait Host: Sync {
    type Runtime: Runtime;

    fn start() -> Self;

    fn runtime(&self) -> Self::Runtime;

    fn block_on<F: Future>(&self, future: F) -> F::Output;
}

/// An adapter whose sockets can be looked at.
#[cfg(any(feature = "tokio", feature = "async-std", feature = "smol"))]
pub(crate) trait Adapter: Host {
    fn socket(stream: &<Self::Runtime as Runtime>::Stream) -> socket2::SockRef<'_>;
}

#[cfg(feature = "tokio")]
pub(crate) use self::on_tokio::OnTokio;

#[cfg(feature = "tokio")]
mod on_tokio {
    use sansftp::adapters::runtimes::{Tokio, TokioStream};
    use socket2::SockRef;

    use super::{Adapter, Future, Host};

    pub(crate) struct OnTokio(tokio::runtime::Runtime);

    impl Host for OnTokio {
        type Runtime = Tokio;

        fn start() -> Self {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            Self(builder.worker_threads(2).enable_all().build().unwrap())
        }

        fn runtime(&self) -> Tokio {
            Tokio
        }

        fn block_on<F: Future>(&self, future: F) -> F::Output {
            self.0.block_on(future)
        }
    }

    impl Adapter for OnTokio {
        fn socket(stream: &TokioStream) -> SockRef<'_> {
            SockRef::from(stream.get_ref())
        }
    }
}

/// The runtimes that there is one of in a program, which starts by itself.
#[cfg(any(feature = "async-std", feature = "smol"))]
macro_rules! global_host {
    ($runtime:ident in $adapter:ident, $block_on:path) => {
        mod $adapter {
            use sansftp::adapters::runtimes::{AsyncIoStream, $runtime};
            use socket2::SockRef;

            use super::{Adapter, Future, Host};

            impl Host for $runtime {
                type Runtime = Self;

                fn start() -> Self {
                    Self
                }

                fn runtime(&self) -> Self {
                    *self
                }

                fn block_on<F: Future>(&self, future: F) -> F::Output {
                    $block_on(future)
                }
            }

            impl Adapter for $runtime {
                fn socket(stream: &AsyncIoStream) -> SockRef<'_> {
                    SockRef::from(stream.get_ref())
                }
            }
        }
    };
}

#[cfg(feature = "async-std")]
global_host!(AsyncStd in async_std, ::async_std::task::block_on);

#[cfg(feature = "smol")]
global_host!(Smol in smol, ::smol::block_on);
