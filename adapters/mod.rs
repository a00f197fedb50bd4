//! Everything that waits, blocks, or asks the time: the driver, the server, and what they stand on.
//!
//! Reading order: [`runtimes`] says what is needed of a runtime, [`driver`] has the one loop, which joins
//! `control_connection`, `data_connection`, `requests` and `transfers`; its `pump` moves the bytes of one transfer.
//! [`server`] accepts connections and starts a loop for each. The adapters of runtimes, [`accounts`] and [`stores`] are
//! there to be used, and can be replaced by a program's own; [`runtimes`] tells which runtime to take.

pub mod accounts;
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
    driver::{RestingPorts, Service, serve},
    runtimes::Runtime,
    server::Server,
};
