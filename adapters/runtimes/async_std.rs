//! The adapter for async-std.

use super::async_io::{self, AsyncIoStream};

/// The global executor of async-std. It has a thread for each processor, or as many as the environment variable
/// `ASYNC_STD_THREAD_COUNT` says.
///
/// The authors of async-std have given it up and recommend [smol](https://docs.rs/smol). A new program takes smol or
/// tokio; one that moves from async-std to smol says `Smol` where it said `AsyncStd`, and nothing else changes for its
/// server.
#[derive(Debug, Clone, Copy, Default)]
pub struct AsyncStd;

async_io::runtime!(AsyncStd, future => drop(::async_std::task::spawn(future)));
