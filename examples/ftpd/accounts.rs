//! Users from a file.

use std::{io, path::PathBuf};

use clap::Args;
use sansftp::adapters::accounts::hash_password;

#[derive(Debug, Args)]
pub(crate) struct AccountsOptions {
    /// A file with a line for each user: name, hash of the password, and root (for --store tahoe, a capability)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["users", "anonymous"])]
    pub(crate) accounts: Option<PathBuf>,

    /// Read a password from standard input, print its hash for such a file, and end
    #[arg(long, exclusive = true)]
    pub(crate) hash_password: bool,
}

/// The hash of the password that is the first line of standard input.
pub(crate) fn hash_from_standard_input() -> io::Result<String> {
    let mut password = String::new();
    io::stdin().read_line(&mut password)?;
    let password = password.trim_end_matches(['\r', '\n']);
    match password {
        "" => Err(io::Error::new(io::ErrorKind::InvalidInput, "no password came from standard input")),
        _ => hash_password(password.as_bytes()),
    }
}
