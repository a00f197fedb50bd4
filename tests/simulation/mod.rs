//! A deterministic world around the real driver and server: network, clock, stores and clients are simulated, and all
//! that could differ from run to run is chosen by one [`Chance`](chance::Chance).
//!
//! Reading order: [`chance`]; [`world`] (clock, tasks, network); [`store`], which goes wrong and keeps the ledger;
//! [`client`]; [`tls`], which some worlds have; [`play`], which puts them together; [`oracle`], which judges.
#![allow(dead_code, reason = "the fuzz target does not need all of it")]

pub mod chance;
pub mod client;
pub mod counts;
pub mod log;
pub mod oracle;
pub mod play;
pub mod store;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(not(feature = "tls"))]
#[path = "without_tls.rs"]
pub mod tls;
pub mod world;
