//! Accounts from a file of users, hashes of their passwords, and their roots.

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
    fs, io,
    path::Path,
    string::{String, ToString},
    sync::Arc,
};

use argon2::{
    Argon2, Params,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use async_lock::Semaphore;

use crate::{
    accounts::{Accounts, Credentials, Denied, Secret},
    adapters::blocking_pool::BlockingPool,
    storage::Storage,
};

/// Passwords that are checked at once; further ones wait. Each takes as much memory as its hash says: 19 MiB, if it is from
/// [`hash_password`].
const HASHES_AT_ONCE: usize = 4;

/// [`Accounts`] over a text file that has a line for each user: the name, the hash of the password, and the root of what
/// that user has, with blanks between them. Empty lines, and lines that begin with `#`, say nothing.
///
/// ```text
/// # name  hash                                     root
/// anna    $argon2id$v=19$m=19456,t=2,p=1$c2…$x4…   URI:DIR2:m4c…:q7q…
/// ```
///
/// A root is what the program makes a store of: the capability of a directory for
/// [`Tahoe`](crate::adapters::stores::tahoe::Tahoe), say, or the name of a folder. Everything behind the hash is the root, so it may
/// have blanks. A name may not.
///
/// Hashes are those of Argon2 in the form of PHC strings. [`hash_password`] makes them, and so do other programs, such as
/// `argon2` on the command line. The file has no password, but who reads it may guess some, and roots may be secrets: only
/// the server's user should be able to read it.
///
/// The file is read once. A password is checked in the [shared pool](BlockingPool::shared), at most four at a time. A name
/// that is not in the file takes as long as the first one that is.
///
/// ```
/// use sansftp::adapters::{
///     accounts::{AccountsFile, hash_password},
///     stores::Filesystem,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let (file, root) = (folder.path().join("accounts"), folder.path().display());
/// let hash = hash_password(b"secret")?;
/// std::fs::write(&file, format!("anna {hash} {root}\n"))?;
/// let accounts = AccountsFile::open(&file, |root| Filesystem::open(root))?;
/// # Ok(())
/// # }
/// ```
pub struct AccountsFile<S> {
    users: BTreeMap<String, User<S>>,
    /// What the password of a user who does not exist is compared with.
    nobody: Arc<str>,
    permits: Arc<Semaphore>,
}

struct User<S> {
    hash: Arc<str>,
    store: S,
}

/// Why an accounts file cannot be used. It names the line and shows nothing of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountsFileError {
    /// It cannot be read.
    #[error("cannot read the accounts: {0}")]
    Unreadable(#[from] io::Error),
    /// A line lacks something: a name, a hash, or a root.
    #[error("line {line} of the accounts: a name, a hash and a root are needed")]
    Incomplete {
        /// The number of the line, from 1 on.
        line: usize,
    },
    /// The hash of a line is not one of Argon2 in the form of a PHC string.
    #[error("line {line} of the accounts: the hash is not one of Argon2 ($argon2id$...)")]
    BadHash {
        /// The number of the line, from 1 on.
        line: usize,
    },
    /// The name has been in an earlier line.
    #[error("line {line} of the accounts: the name has been there before")]
    NameTwice {
        /// The number of the line, from 1 on.
        line: usize,
    },
    /// No store can be made of the root.
    #[error("line {line} of the accounts: {problem}")]
    BadRoot {
        /// The number of the line, from 1 on.
        line: usize,
        /// What the program says of it.
        problem: String,
    },
}

/// The hash of a password for an [`AccountsFile`], with a new salt. It takes 19 MiB for some tens of milliseconds.
///
/// # Errors
///
/// The system has no randomness.
pub fn hash_password(password: &[u8]) -> io::Result<String> {
    let hash: PasswordHash = Argon2::default().hash_password(password).map_err(io::Error::other)?;
    Ok(hash.to_string())
}

impl<S: Storage + Clone> AccountsFile<S> {
    /// Reads the file. `open_root` makes a store of a user's root; the text of its error is shown, and so should have
    /// nothing of a root that is a secret. It blocks, and belongs before the start of the server.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or the first line that is wrong.
    pub fn open<E: Display>(
        file: impl AsRef<Path>,
        open_root: impl FnMut(&str) -> Result<S, E>,
    ) -> Result<Self, AccountsFileError> {
        Self::parse(&fs::read_to_string(file)?, open_root)
    }

    /// The same for a text that the program has from somewhere else.
    ///
    /// # Errors
    ///
    /// The first line that is wrong.
    pub fn parse<E: Display>(
        text: &str,
        mut open_root: impl FnMut(&str) -> Result<S, E>,
    ) -> Result<Self, AccountsFileError> {
        let mut users = BTreeMap::new();
        let mut nobody = None;
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let (name, hash, root) = fields(text).ok_or(AccountsFileError::Incomplete { line })?;
            let hash = check_hash(hash).ok_or(AccountsFileError::BadHash { line })?;
            let store = open_root(root)
                .map_err(|error| AccountsFileError::BadRoot { line, problem: error.to_string() })?;
            nobody.get_or_insert_with(|| Arc::clone(&hash));
            if users.insert(name.to_string(), User { hash, store }).is_some() {
                return Err(AccountsFileError::NameTwice { line });
            }
        }
        // Without any user there is nothing to find out about them.
        let nobody = nobody.unwrap_or_else(|| "".into());
        Ok(Self { users, nobody, permits: Arc::new(Semaphore::new(HASHES_AT_ONCE)) })
    }

    async fn is_right(&self, password: Secret, hash: Arc<str>) -> bool {
        let permit = self.permits.acquire_arc().await;
        BlockingPool::shared()
            .run(move || {
                let verified = Argon2::default().verify_password(password.expose(), &*hash);
                drop(permit);
                verified.is_ok()
            })
            .await
    }
}

/// Name, hash and root.
fn fields(line: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = line.split_once(char::is_whitespace)?;
    let (hash, root) = rest.trim_start().split_once(char::is_whitespace)?;
    Some((name, hash, root.trim_start()))
}

/// The same hash, if passwords can be compared with it.
fn check_hash(hash: &str) -> Option<Arc<str>> {
    let parsed = PasswordHash::new(hash).ok()?;
    let is_argon2 = parsed.algorithm.as_str().starts_with("argon2");
    let is_whole = parsed.salt.is_some() && parsed.hash.is_some() && Params::try_from(&parsed).is_ok();
    (is_argon2 && is_whole).then(|| hash.into())
}

impl<S> fmt::Debug for AccountsFile<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountsFile").field("names", &self.users.keys()).finish_non_exhaustive()
    }
}

impl<S: Storage + Clone> Accounts for AccountsFile<S> {
    type Storage = S;

    async fn log_in(&self, credentials: &Credentials) -> Result<S, Denied> {
        let password = credentials.password.clone().ok_or(Denied::PasswordNeeded)?;
        let user = self.users.get(&credentials.user);
        let hash = user.map_or(&self.nobody, |user| &user.hash);
        let is_right = self.is_right(password, Arc::clone(hash)).await;
        user.filter(|_| is_right).map(|user| user.store.clone()).ok_or(Denied::Refused)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        format,
        future::Future,
        pin::pin,
        sync::{Mutex, mpsc},
        task::{Context, Poll, Wake},
        vec::Vec,
    };

    use argon2::{Algorithm, Version};

    use super::*;
    use crate::adapters::stores::Memory;

    /// A hash that costs next to nothing.
    fn cheap_hash(password: &[u8]) -> String {
        let params = Params::new(8, 1, 1, None).unwrap();
        let hash: PasswordHash =
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password(password).unwrap();
        hash.to_string()
    }

    fn parse(text: &str) -> Result<(AccountsFile<Memory>, Vec<String>), AccountsFileError> {
        let mut roots = Vec::new();
        let accounts = AccountsFile::parse(text, |root| {
            roots.push(root.to_string());
            Ok::<_, Infallible>(Memory::new())
        })?;
        Ok((accounts, roots))
    }

    struct Wakeup(Mutex<mpsc::Sender<()>>);

    impl Wake for Wakeup {
        fn wake(self: Arc<Self>) {
            let _ = self.0.lock().unwrap().send(());
        }
    }

    fn block_on<F: Future>(future: F) -> F::Output {
        let (sender, wakeups) = mpsc::channel();
        let waker = Arc::new(Wakeup(Mutex::new(sender))).into();
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return output;
            }
            wakeups.recv().unwrap();
        }
    }

    fn log_in(accounts: &AccountsFile<Memory>, user: &str, password: Option<&[u8]>) -> Result<(), Denied> {
        let address = "192.0.2.1:50000".parse().unwrap();
        let credentials = Credentials {
            user: user.into(),
            password: password.map(Secret::new),
            account: None,
            certificate: None,
            host: None,
            peer: address,
            local: address,
        };
        block_on(accounts.log_in(&credentials)).map(drop)
    }

    #[test]
    fn lines_have_a_name_a_hash_and_a_root() {
        let (anna, otto) = (cheap_hash(b"secret"), cheap_hash(b""));
        let text =
            format!("# who\n\n  anna {anna} URI:DIR2:a:b\r\n\totto\t {otto}  /a folder/of his \n #x y z\n");
        let (accounts, roots) = parse(&text).unwrap();
        assert_eq!(roots, ["URI:DIR2:a:b", "/a folder/of his"]);
        assert_eq!(log_in(&accounts, "anna", Some(b"secret")), Ok(()));
        assert_eq!(log_in(&accounts, "otto", Some(b"")), Ok(()));
        for (user, password) in [
            ("anna", &b"Secret"[..]),
            ("anna", b""),
            ("otto", b"secret"),
            ("Anna", b"secret"),
            ("", b"secret"),
            ("#", b""),
        ] {
            assert_eq!(log_in(&accounts, user, Some(password)), Err(Denied::Refused), "{user}");
        }
        assert_eq!(log_in(&accounts, "anna", None), Err(Denied::PasswordNeeded));
        assert_eq!(format!("{accounts:?}"), "AccountsFile { names: [\"anna\", \"otto\"], .. }");
    }

    #[test]
    fn nobody_can_log_in_by_an_empty_file() {
        let (accounts, _) = parse("").unwrap();
        assert_eq!(log_in(&accounts, "", Some(b"")), Err(Denied::Refused));
    }

    #[test]
    fn hashes_are_salted_and_have_todays_costs() {
        let (one, other) = (hash_password(b"secret").unwrap(), hash_password(b"secret").unwrap());
        assert!(one != other && one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one} {other}");
        let (accounts, _) = parse(&format!("anna {one} x\notto {other} x")).unwrap();
        assert_eq!(log_in(&accounts, "anna", Some(b"secret")), Ok(()));
        assert_eq!(log_in(&accounts, "otto", Some(b"secret")), Ok(()));
    }

    #[test]
    fn a_wrong_line_is_named_and_not_shown() {
        let hash = cheap_hash(b"secret");
        for (line, problem) in [
            ("anna".to_string(), "are needed"),
            (format!("anna {hash}"), "are needed"),
            ("anna secret URI:DIR2:a:b".to_string(), "not one of Argon2"),
            ("anna $argon2id$v=19$m=8,t=1,p=1 URI:DIR2:a:b".to_string(), "not one of Argon2"),
            ("anna $2b$12$abcdefghijklmnopqrstuv URI:DIR2:a:b".to_string(), "not one of Argon2"),
            (hash.replace("argon2id", "scrypt") + " URI:DIR2:a:b x", "not one of Argon2"),
            (format!("otto {hash} URI:DIR2:c:d"), "been there before"),
        ] {
            let error = parse(&format!("# one\notto {hash} URI:DIR2:a:b\n\n{line}\n")).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(
                shown.starts_with("line 4 of the accounts: ") && shown.contains(problem),
                "{line}: {shown}"
            );
            assert!(!shown.contains("URI:") && !shown.contains("argon2id$v"), "{shown}");
        }
    }

    #[test]
    fn a_root_of_which_there_is_no_store_is_explained() {
        let text = format!("anna {} URI:DIR2:a:b", cheap_hash(b"secret"));
        let error = AccountsFile::<Memory>::parse(&text, |_| Err("no such thing")).unwrap_err();
        assert_eq!(error.to_string(), "line 1 of the accounts: no such thing");
        let error = AccountsFile::<Memory>::open("/does/not/exist", |_| Err("")).unwrap_err();
        assert!(error.to_string().starts_with("cannot read the accounts: "), "{error}");
    }
}
