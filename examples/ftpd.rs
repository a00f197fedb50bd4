//! A server for one folder: `cargo run --release --example ftpd -- DIR`, and `--help` for the options.

#[cfg(feature = "accounts-file")]
#[path = "ftpd/accounts.rs"]
mod accounts;
#[path = "ftpd/folder.rs"]
mod folder;
#[path = "ftpd/quirks.rs"]
mod quirks;
#[path = "ftpd/servers.rs"]
mod servers;
#[path = "ftpd/store.rs"]
mod store;
#[cfg(feature = "tahoe")]
#[path = "ftpd/tahoe.rs"]
mod tahoe;
#[cfg(feature = "tls")]
#[path = "ftpd/tls.rs"]
mod tls;

use std::{
    collections::hash_map::RandomState,
    error::Error,
    hash::BuildHasher,
    io::{self, IsTerminal, Write},
    net::{Ipv4Addr, SocketAddr},
    num::{NonZeroU64, NonZeroUsize},
    ops::RangeInclusive,
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, ValueEnum};
#[cfg(feature = "async-std")]
use sansftp::adapters::AsyncStd;
#[cfg(feature = "smol")]
use sansftp::adapters::Smol;
use sansftp::{
    Accounts, Storage,
    adapters::{Runtime, Tokio, Users},
};
use tracing_subscriber::filter::LevelFilter;

use self::{
    servers::Servers,
    store::{Place, Stores},
};

/// Serves a folder by FTP. The 226 that ends an upload leaves only when the file is safely in place.
#[derive(Debug, Parser)]
#[command(name = "ftpd")]
struct Options {
    /// The folder to serve
    #[arg(value_name = "DIR", required_unless_present = "store", conflicts_with = "store")]
    folder: Option<PathBuf>,

    /// Serve something else than a folder: memory, or s3://BUCKET/PREFIX with AWS_REGION, AWS_ENDPOINT_URL,
    /// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY from the environment, or tahoe, a directory of a Tahoe-LAFS grid
    #[arg(long, value_name = "WHERE")]
    store: Option<Place>,

    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:2121")]
    listen: SocketAddr,

    /// Let this user in; repeatable [default: sansftp, with a new password]
    #[arg(long = "user", value_name = "NAME[:PASSWORD]", value_parser = parse_user)]
    users: Vec<User>,

    /// Also let "anonymous" and "ftp" in with any password, to read only
    #[arg(long)]
    anonymous: bool,

    /// Let nobody change anything
    #[arg(long)]
    read_only: bool,

    /// Ports for passive data connections, several for each client at once [default: any free one]
    #[arg(long, value_name = "LO-HI", value_parser = parse_ports)]
    passive_ports: Option<RangeInclusive<u16>>,

    /// IPv4 address in replies to PASV, for use behind NAT [default: the one reached]
    #[arg(long, value_name = "IP")]
    public_ip: Option<Ipv4Addr>,

    #[command(flatten)]
    files: folder::FolderOptions,

    /// Tell clients that their file is still being stored, from so many seconds on and again after as many; if that fails
    /// then, their connection is closed
    #[arg(long, value_name = "SECONDS")]
    finish_patience: Option<NonZeroU64>,

    /// Clients at once; one more gets a 421
    #[arg(long, value_name = "N", default_value = "1000")]
    max_connections: NonZeroUsize,

    /// Clients at once from one address
    #[arg(long, value_name = "N", default_value = "100")]
    max_per_address: NonZeroUsize,

    /// What running transfers get to end after SIGTERM or Ctrl-C
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    grace: u64,

    /// The async runtime that the sessions run on; those that the program was built with
    #[arg(long, value_name = "NAME", value_enum, default_value = "tokio")]
    runtime: RuntimeOption,

    #[command(flatten)]
    quirks: quirks::QuirksOptions,

    #[cfg(feature = "accounts-file")]
    #[command(flatten)]
    accounts: accounts::AccountsOptions,

    #[cfg(feature = "tahoe")]
    #[command(flatten)]
    tahoe: tahoe::TahoeOptions,

    #[cfg(feature = "tls")]
    #[command(flatten)]
    tls: tls::TlsOptions,

    /// Log to standard error: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: LevelFilter,
}

impl Options {
    #[cfg(feature = "tls")]
    const fn has_client_ca(&self) -> bool {
        self.tls.has_client_ca()
    }

    #[cfg(not(feature = "tls"))]
    const fn has_client_ca(&self) -> bool {
        false
    }
}

/// A user name, and a password if a certificate will not do.
#[derive(Debug, Clone)]
struct User {
    name: String,
    password: Option<String>,
}

/// Each is there with its cargo feature.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum RuntimeOption {
    Tokio,
    #[cfg(feature = "async-std")]
    AsyncStd,
    #[cfg(feature = "smol")]
    Smol,
}

fn parse_user(text: &str) -> Result<User, String> {
    match text.split_once(':') {
        Some((name, password)) if !name.is_empty() && !password.is_empty() => {
            Ok(User { name: name.to_owned(), password: Some(password.to_owned()) })
        }
        None if !text.is_empty() => Ok(User { name: text.to_owned(), password: None }),
        _ => Err("give a name, a colon and a password, like anna:secret".to_owned()),
    }
}

fn parse_ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let ports = text.split_once('-').and_then(|(lo, hi)| Some((lo.parse().ok()?, hi.parse().ok()?)));
    match ports {
        Some((lo, hi)) if 1024 <= lo && lo <= hi => Ok(lo..=hi),
        _ => Err("give two ports from 1024 to 65535, the lower one first, like 50000-50099".to_owned()),
    }
}

/// Whatever runtime the sessions run on, this task waits for signals on tokio.
#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    tracing_subscriber::fmt()
        .with_max_level(options.log)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
    let served = match options.runtime {
        RuntimeOption::Tokio => serve_on(Tokio, options).await,
        #[cfg(feature = "async-std")]
        RuntimeOption::AsyncStd => serve_on(AsyncStd, options).await,
        #[cfg(feature = "smol")]
        RuntimeOption::Smol => serve_on(Smol, options).await,
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ftpd: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve_on<R: Runtime>(runtime: R, options: Options) -> Result<(), Box<dyn Error>> {
    #[cfg(feature = "accounts-file")]
    if options.accounts.hash_password {
        println!("{}", accounts::hash_from_standard_input()?);
        return Ok(());
    }
    match (&options.store, &options.folder) {
        #[cfg(all(feature = "accounts-file", feature = "tahoe"))]
        (Some(Place::Tahoe), _) if options.accounts.accounts.is_some() => {
            let accounts = options.tahoe.accounts(runtime.clone(), &options.accounts, options.read_only)?;
            serve(runtime, accounts, None, options).await
        }
        #[cfg(feature = "tahoe")]
        (Some(Place::Tahoe), _) => {
            let stores = options.tahoe.open(runtime.clone()).await?;
            serve_users(runtime, stores, options).await
        }
        #[cfg(feature = "accounts-file")]
        _ if options.accounts.accounts.is_some() => Err("--accounts needs --store tahoe".into()),
        (Some(Place::Memory), _) => {
            serve_users(runtime, store::memory(options.read_only || options.anonymous)?, options).await
        }
        #[cfg(feature = "opendal-services")]
        (Some(Place::S3 { bucket, prefix }), _) => {
            // Its HTTP client finds its sockets and timers in the context of the task that asks it.
            if !matches!(options.runtime, RuntimeOption::Tokio) {
                return Err("--store s3 needs --runtime tokio".into());
            }
            serve_users(runtime, store::s3(bucket, prefix).await?, options).await
        }
        (None, Some(folder)) => serve_users(runtime, options.files.open(folder)?, options).await,
        _ => Err("there is nothing to serve".into()),
    }
}

/// Serves a store to the users of the options.
async fn serve_users<R: Runtime, S: Storage + Clone>(
    runtime: R,
    stores: Stores<S>,
    options: Options,
) -> Result<(), Box<dyn Error>> {
    let writable = if options.read_only { &stores.readable } else { &stores.writable };
    let generated = options.users.is_empty().then(generate_user);
    let mut users = Users::new();
    for User { name, password } in options.users.iter().chain(&generated) {
        users = match password {
            Some(password) => users.with_user(name, password, writable.clone()),
            None if options.has_client_ca() => users.with_certificate_user(name, writable.clone()),
            None => {
                return Err(
                    format!("{name} has no password: give one, like {name}:secret, or --client-ca").into()
                );
            }
        };
    }
    if options.anonymous {
        users = users.with_anonymous(stores.readable);
    }
    serve(runtime, users, generated, options).await
}

async fn serve<R: Runtime>(
    runtime: R,
    accounts: impl Accounts,
    generated: Option<User>,
    options: Options,
) -> Result<(), Box<dyn Error>> {
    let mut interrupts = Interrupts::new()?;
    let servers = Servers::start(runtime, accounts, &options)?;
    announce(servers.addresses(), generated.as_ref())?;

    while interrupts.next().await == Interrupt::Hangup && servers.reload(&options) {}
    tracing::info!("ending: running transfers get {} s; a second signal ends at once", options.grace);
    tokio::select! {
        () = servers.shutdown(Duration::from_secs(options.grace)) => {}
        () = interrupts.end() => {}
    }
    tracing::info!("ended");
    Ok(())
}

/// A user whose password nobody can guess: 64 bits of the keys that the standard library's hash maps get from the
/// system, as 13 letters and digits.
fn generate_user() -> User {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bits = RandomState::new().hash_one(std::process::id());
    let mut password = String::new();
    for _ in 0..13 {
        let index = usize::try_from(bits % 32).unwrap_or_default();
        password.extend(ALPHABET.get(index).copied().map(char::from));
        bits /= 32;
    }
    User { name: "sansftp".to_owned(), password: Some(password) }
}

/// Tells on standard output that the server is ready. Whoever started it may have closed that; it serves all the same.
fn announce(addresses: String, generated: Option<&User>) -> io::Result<()> {
    let mut text = String::new();
    if let Some(User { name, password: Some(password) }) = generated {
        text = format!("user {name}, password {password}\n");
    }
    text += &addresses;
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Interrupt {
    End,
    Hangup,
}

/// Ctrl-C and, on Unix, SIGTERM and SIGHUP.
struct Interrupts {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hangup: tokio::signal::unix::Signal,
}

impl Interrupts {
    #[cfg(unix)]
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    #[cfg(unix)]
    async fn next(&mut self) -> Interrupt {
        tokio::select! {
            _ = self.terminate.recv() => Interrupt::End,
            _ = self.interrupt.recv() => Interrupt::End,
            _ = self.hangup.recv() => Interrupt::Hangup,
        }
    }

    #[cfg(not(unix))]
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) -> Interrupt {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Interrupt::End
    }

    /// Waits for the one that ends the server at once.
    async fn end(&mut self) {
        while self.next().await == Interrupt::Hangup {}
    }
}
