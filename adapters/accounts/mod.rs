//! The accounts that come with the library: a fixed list of [`Users`], and, with the feature `accounts-file`, a file of
//! users, hashes of their passwords, and their roots (`AccountsFile`).

#[cfg(feature = "accounts-file")]
mod accounts_file;
mod users;

#[cfg(feature = "accounts-file")]
pub use self::accounts_file::{AccountsFile, AccountsFileError, hash_password};
pub use self::users::Users;
