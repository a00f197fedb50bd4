//! The contract of `Storage`, on each store that comes with the library, and what is particular to each.

#![cfg(feature = "adapters")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code"
)]

#[cfg(unix)]
#[path = "stores/apart.rs"]
mod apart;
#[path = "stores/broken.rs"]
mod broken;
#[path = "stores/broken_store.rs"]
mod broken_store;
#[path = "stores/broken_transfers.rs"]
mod broken_transfers;
#[path = "stores/contract.rs"]
mod contract;
#[path = "stores/decisions.rs"]
mod decisions;
#[cfg(unix)]
#[path = "stores/filesystem.rs"]
mod filesystem;
#[cfg(all(feature = "tahoe", feature = "tokio"))]
#[path = "stores/gateway.rs"]
mod gateway;
#[path = "stores/layers.rs"]
mod layers;
#[cfg(unix)]
#[path = "stores/leftovers.rs"]
mod leftovers;
#[cfg(unix)]
#[path = "stores/links.rs"]
mod links;
#[path = "stores/memory.rs"]
mod memory;
#[cfg(feature = "opendal")]
#[path = "stores/opendal.rs"]
mod opendal;
#[cfg(unix)]
#[path = "stores/parts.rs"]
mod parts;
#[cfg(target_os = "linux")]
#[path = "stores/privacy.rs"]
mod privacy;
#[cfg(unix)]
#[path = "stores/resuming.rs"]
mod resuming;
#[cfg(target_os = "linux")]
#[path = "stores/rights.rs"]
mod rights;
#[cfg(unix)]
#[path = "stores/sandbox.rs"]
mod sandbox;
#[path = "stores/steps.rs"]
mod steps;
#[cfg(all(feature = "tahoe", feature = "tokio"))]
#[path = "stores/tahoe.rs"]
mod tahoe;
