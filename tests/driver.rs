//! The driver and the server, in a world of memory with a clock that the tests turn and a store that fails as they
//! want it.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code"
)]
#![cfg(feature = "adapters")]

mod driver {
    pub mod client;
    pub mod store;
    pub mod world;

    mod control;
    mod data_connections;
    mod downloads;
    mod server;
    mod settling;
    #[cfg(feature = "tls")]
    mod tls;
    mod uploads;
}
