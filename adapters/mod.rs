//! Everything that waits, blocks, or asks the time: the driver, the server, and what they stand on.
//!
//! Reading order: [`runtime`] says what is needed of a runtime, [`driver`] has the one loop, which joins
//! `control_connection`, `data_connection`, `requests` and `transfers`; `pump` moves the bytes of one transfer.
//! [`server`] accepts connections and starts a loop for each. The adapters of runtimes, [`users`] and [`stores`] are
//! there to be used, and can be replaced by a program's own; [`runtime`] tells which runtime to take.

#[cfg(feature = "accounts-file")]
pub mod accounts_file;
mod arranged;
#[cfg(any(feature = "async-std", feature = "smol"))]
mod async_io;
#[cfg(feature = "async-std")]
pub mod async_std;
mod connections;
mod control_connection;
mod counted;
mod data_connection;
pub mod driver;
mod journal;
mod passive_ports;
mod pump;
mod requests;
pub mod runtime;
pub mod server;
mod signal;
mod slot;
#[cfg(feature = "smol")]
pub mod smol;
#[cfg(any(feature = "async-std", feature = "smol", feature = "tokio"))]
mod sockets;
pub mod stores;
mod stream;
mod timer;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(not(feature = "tls"))]
#[path = "without_tls.rs"]
mod tls;
#[cfg(feature = "tokio")]
pub mod tokio;
mod transfers;
mod turn;
pub mod users;

pub use self::{
    driver::{Service, serve},
    passive_ports::RestingPorts,
    runtime::Runtime,
    server::Server,
};
