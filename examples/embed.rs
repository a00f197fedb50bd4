//! An FTP server inside a tokio program: `cargo run --example embed`.

use std::{error::Error, time::Duration};

use sansftp::{
    Config,
    adapters::{Server, Tokio, Users, stores::Memory},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let users = Users::new().with_user("me", "secret", Memory::new());
    let server = Server::start(Tokio, users, Config::default(), "127.0.0.1:2121".parse()?)?;
    println!("listening on {}; Ctrl-C ends it", server.local_addr());
    tokio::signal::ctrl_c().await?;
    server.shutdown(Duration::from_secs(10)).await;
    Ok(())
}
