//! Everything that waits, blocks, or asks the time.
//!
//! A program needs a [`Server`], and for it one of each of these, which it can also write itself:
//!
//! * [`runtimes`]: the program's own, tokio, smol or async-std; it tells which one to take.
//! * [`accounts`]: who may log in, from a fixed list or from a file.
//! * [`stores`]: where the files are: in memory, below a directory, in object storage, in a Tahoe-LAFS grid.
//! * `tls` (feature `tls`), if the settings have TLS: certificates and keys.
//!
//! Who wants to know how it works reads [`driver`], which has the one loop that drives a session, and then [`server`],
//! which accepts connections and starts a loop for each.

pub mod accounts;
mod blocking_pool;
pub mod driver;
pub mod runtimes;
pub mod server;
mod signal;
pub mod stores;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(not(feature = "tls"))]
mod tls;

#[cfg(feature = "async-std")]
pub use self::runtimes::AsyncStd;
#[cfg(feature = "smol")]
pub use self::runtimes::Smol;
#[cfg(feature = "tokio")]
pub use self::runtimes::Tokio;
pub use self::{
    accounts::Users,
    blocking_pool::{BlockingPool, BlockingTask},
    driver::{RestingPorts, ServerContext, serve},
    runtimes::Runtime,
    server::Server,
};
