//! Accounts from a fixed list.

use std::{collections::BTreeMap, fmt, string::String};

use crate::{
    accounts::{Accounts, Credentials, Denied, Secret},
    storage::Storage,
};

/// The names that clients log in with where they have none.
const ANONYMOUS: [&str; 2] = ["anonymous", "ftp"];

/// [`Accounts`] over a fixed list of users, each with a password and a store.
///
/// The store is cloned for each log-in. A wrong password and a name that is not on the list are refused alike, and
/// passwords are compared in a time that tells nothing of their letters. Passwords are held in memory as they are:
/// for anything more, implement [`Accounts`] over what knows your users.
///
/// ```
/// use sansftp::adapters::{stores::Memory, users::Users};
///
/// let store = Memory::new();
/// let users = Users::new().with_user("anna", "secret", store.clone()).with_anonymous(store);
/// ```
pub struct Users<S> {
    users: BTreeMap<String, User<S>>,
    anonymous: Option<S>,
    /// What the password of a user who does not exist is compared with.
    nobody: Secret,
}

struct User<S> {
    password: Secret,
    store: S,
}

impl<S: Storage + Clone> Users<S> {
    /// An empty list: nobody can log in.
    #[must_use]
    pub fn new() -> Self {
        Self { users: BTreeMap::new(), anonymous: None, nobody: Secret::new(b"no user has this password") }
    }

    /// Adds a user, in place of an earlier one of that name.
    #[must_use]
    pub fn with_user(mut self, name: &str, password: &str, store: S) -> Self {
        self.users.insert(name.into(), User { password: Secret::new(password.as_bytes()), store });
        self
    }

    /// Lets `anonymous` and `ftp` log in with any password. A user of one of these names who was added by
    /// [`with_user`](Self::with_user) keeps the password.
    #[must_use]
    pub fn with_anonymous(mut self, store: S) -> Self {
        self.anonymous = Some(store);
        self
    }

    fn find(&self, credentials: &Credentials) -> Option<&S> {
        let user = self.users.get(&credentials.user);
        let is_right =
            credentials.password.matches(user.map_or(&self.nobody, |user| &user.password).expose());
        match user {
            Some(user) => is_right.then_some(&user.store),
            None if ANONYMOUS.iter().any(|name| credentials.user.eq_ignore_ascii_case(name)) => {
                self.anonymous.as_ref()
            }
            None => None,
        }
    }
}

impl<S: Storage + Clone> Default for Users<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> fmt::Debug for Users<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users")
            .field("names", &self.users.keys())
            .field("anonymous", &self.anonymous.is_some())
            .finish_non_exhaustive()
    }
}

impl<S: Storage + Clone> Accounts for Users<S> {
    type Storage = S;

    async fn log_in(&self, credentials: &Credentials) -> Result<S, Denied> {
        self.find(credentials).cloned().ok_or(Denied::Refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::stores::Memory;

    fn is_let_in(users: &Users<Memory>, user: &str, password: &[u8]) -> bool {
        let address = "192.0.2.1:50000".parse().unwrap();
        let credentials = Credentials {
            user: user.into(),
            password: Secret::new(password),
            account: None,
            host: None,
            peer: address,
            local: address,
        };
        users.find(&credentials).is_some()
    }

    #[test]
    fn the_right_password_and_no_other_lets_a_user_in() {
        let users =
            Users::new().with_user("anna", "secret", Memory::new()).with_user("otto", "", Memory::new());
        assert!(is_let_in(&users, "anna", b"secret"));
        for password in [&b""[..], b"secre", b"secrets", b"Secret", b"no user has this password"] {
            assert!(!is_let_in(&users, "anna", password));
        }
        assert!(is_let_in(&users, "otto", b""));
        for name in ["Anna", "anna ", "", "anonymous", "ftp"] {
            assert!(!is_let_in(&users, name, b"secret"));
            assert!(!is_let_in(&users, name, b"no user has this password"));
        }
    }

    #[test]
    fn anonymous_needs_no_password_but_a_listed_user_does() {
        let users = Users::new().with_user("ftp", "secret", Memory::new()).with_anonymous(Memory::new());
        assert!(is_let_in(&users, "anonymous", b"me@example.org"));
        assert!(is_let_in(&users, "Anonymous", b""));
        assert!(is_let_in(&users, "FTP", b""));
        assert!(!is_let_in(&users, "ftp", b""));
        assert!(is_let_in(&users, "ftp", b"secret"));
        assert!(!is_let_in(&users, "anna", b""));
    }
}
