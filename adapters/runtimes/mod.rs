//! What an async runtime gives to the driver, and which one to take.
//!
//! The server is the same on each of them, so the choice is that of the program around it:
//!
//! * A program that runs on tokio, or on nothing yet, takes `Tokio`, which is there by default. Sessions run on
//!   the runtime that starts the server, on all threads that it has.
//! * One that runs on smol, or wants less beside it, takes `Smol`, feature `smol`. Sessions run on smol's global
//!   executor.
//! * One that still runs on async-std takes `AsyncStd`, feature `async-std`. Its authors have given async-std
//!   up in favour of smol.
//! * One with a runtime of its own takes the feature `adapters` and implements [`Runtime`]. `tests/loopback/threads.rs`
//!   is such a runtime, of threads and `std::net`.
//! * One without any runtime takes no feature, and drives a [`Session`](crate::session::Session) by hand, as
//!   `examples/sans_io.rs` does.
//!
//! Each feature adds its adapter and changes no other. As tokio is the default, a program that wants smol and no tokio
//! says `default-features = false` as well.

#[cfg(any(feature = "async-std", feature = "smol"))]
mod async_io;
#[cfg(feature = "async-std")]
mod async_std;
mod runtime;
#[cfg(feature = "smol")]
mod smol;
#[cfg(any(feature = "async-std", feature = "smol", feature = "tokio"))]
mod sockets;
#[cfg(feature = "tokio")]
mod tokio;

#[cfg(any(feature = "async-std", feature = "smol"))]
pub use self::async_io::AsyncIoStream;
#[cfg(feature = "async-std")]
pub use self::async_std::AsyncStd;
pub use self::runtime::Runtime;
#[cfg(feature = "smol")]
pub use self::smol::Smol;
#[cfg(feature = "tokio")]
pub use self::tokio::{Tokio, TokioStream};
