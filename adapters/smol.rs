//! The adapter for smol.
//!
//! ```
//! use std::time::Duration;
//! use sansftp::{
//!     adapters::{server::Server, smol::Smol, stores::Memory, users::Users},
//!     config::Config,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let users = Users::new().with_user("anna", "secret", Memory::new());
//! let server = Server::start(Smol, users, Config::default(), "127.0.0.1:0".parse()?)?;
//! println!("listening on {}", server.local_addr());
//! smol::block_on(server.shutdown(Duration::from_secs(30)));
//! # Ok(())
//! # }
//! ```

use super::async_io;
pub use super::async_io::AsyncIoStream;

/// The global executor of smol. It has one thread, or as many as the environment variable `SMOL_THREADS` says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Smol;

async_io::runtime!(Smol, future => ::smol::spawn(future).detach());
