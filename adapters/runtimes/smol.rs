//! The adapter for smol.

use super::async_io::{self, AsyncIoStream};

/// The global executor of smol. It has one thread, or as many as the environment variable `SMOL_THREADS` says.
///
/// ```
/// use std::time::Duration;
/// use sansftp::{
///     adapters::{Server, Smol, Users, stores::Memory},
///     config::Config,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let users = Users::new().with_user("anna", "secret", Memory::new());
/// let server = Server::start(Smol, users, Config::default(), "127.0.0.1:0".parse()?)?;
/// println!("listening on {}", server.local_addr());
/// smol::block_on(server.shutdown(Duration::from_secs(30)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Smol;

async_io::runtime!(Smol, future => ::smol::spawn(future).detach());
