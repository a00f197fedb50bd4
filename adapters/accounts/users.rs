//! Accounts from a fixed list.

use std::{collections::BTreeMap, fmt, string::String};

use crate::{
    accounts::{Accounts, Credentials, Denied, Secret},
    storage::Storage,
};

/// The names that clients log in with where they have none.
const ANONYMOUS: [&str; 2] = ["anonymous", "ftp"];

/// [`Accounts`] over a fixed list of users, each with a store, and with a password or a certificate.
///
/// The store is cloned for each log-in. A wrong password and a name that is not on the list are refused alike, and
/// passwords are compared in a time that tells nothing of their letters. Passwords are held in memory as they are:
/// for anything more, implement [`Accounts`] over what knows your users.
///
/// ```
/// use sansftp::adapters::{Users, stores::Memory};
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
    /// `None` for one who needs a certificate.
    password: Option<Secret>,
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
        let password = Some(Secret::new(password.as_bytes()));
        self.users.insert(name.into(), User { password, store });
        self
    }

    /// Adds a user who has no password and needs none, but a certificate with this common name, in place of an earlier
    /// user of that name. Who vouches for such certificates is a matter of TLS: `Tls::with_client_authorities`.
    #[must_use]
    pub fn with_certificate_user(mut self, name: &str, store: S) -> Self {
        self.users.insert(name.into(), User { password: None, store });
        self
    }

    /// Lets `anonymous` and `ftp` log in with any password. A user of one of these names who was added
    /// logs in as was said there.
    #[must_use]
    pub fn with_anonymous(mut self, store: S) -> Self {
        self.anonymous = Some(store);
        self
    }

    fn find(&self, credentials: &Credentials) -> Result<&S, Denied> {
        let user = self.users.get(&credentials.user);
        if let Some(User { password: None, store }) = user
            && has_common_name(credentials)
        {
            return Ok(store);
        }
        let password = credentials.password.as_ref().ok_or(Denied::PasswordNeeded)?;
        let expected = user.and_then(|user| user.password.as_ref());
        let is_right = password.matches(expected.unwrap_or(&self.nobody).expose()) && expected.is_some();
        let is_anonymous = || ANONYMOUS.iter().any(|name| credentials.user.eq_ignore_ascii_case(name));
        let store = match user {
            Some(user) => is_right.then_some(&user.store),
            None => self.anonymous.as_ref().filter(|_| is_anonymous()),
        };
        store.ok_or(Denied::Refused)
    }
}

/// Whether the client has a certificate for the name that it logs in with.
fn has_common_name(credentials: &Credentials) -> bool {
    let certificate = credentials.certificate.as_ref();
    certificate.is_some_and(|certificate| certificate.common_name.as_ref() == Some(&credentials.user))
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
        self.find(credentials).cloned()
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, vec::Vec};

    use super::*;
    use crate::{accounts::ClientCertificate, adapters::stores::Memory};

    fn is_let_in(users: &Users<Memory>, user: &str, password: &[u8]) -> bool {
        log_in(users, user, Some(password), None).is_ok()
    }

    fn log_in(
        users: &Users<Memory>,
        user: &str,
        password: Option<&[u8]>,
        common_name: Option<&str>,
    ) -> Result<(), Denied> {
        let address = "192.0.2.1:50000".parse().unwrap();
        let certificate = |name: &str| {
            let common_name = Some(name.into());
            Arc::new(ClientCertificate { subject: String::new(), common_name, chain: Vec::new() })
        };
        let credentials = Credentials {
            user: user.into(),
            password: password.map(Secret::new),
            account: None,
            certificate: common_name.map(certificate),
            host: None,
            peer: address,
            local: address,
        };
        users.find(&credentials).map(drop)
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

    #[test]
    fn a_certificate_is_enough_for_the_user_whose_name_it_has() {
        let users = Users::new()
            .with_user("anna", "secret", Memory::new())
            .with_certificate_user("otto", Memory::new())
            .with_anonymous(Memory::new());
        assert_eq!(log_in(&users, "otto", None, Some("otto")), Ok(()));
        assert_eq!(log_in(&users, "otto", Some(b"x"), Some("otto")), Ok(()));
        for (user, common_name) in
            [("anna", "anna"), ("anna", "otto"), ("otto", "anna"), ("otto", "Otto"), ("ftp", "ftp")]
        {
            assert_eq!(log_in(&users, user, None, Some(common_name)), Err(Denied::PasswordNeeded));
        }
        assert_eq!(log_in(&users, "anna", Some(b"secret"), Some("otto")), Ok(()));
        assert_eq!(log_in(&users, "anna", Some(b"wrong"), Some("anna")), Err(Denied::Refused));
        assert_eq!(log_in(&users, "ftp", Some(b""), Some("otto")), Ok(()));
        for password in [&b""[..], b"secret", b"no user has this password"] {
            assert_eq!(log_in(&users, "otto", Some(password), None), Err(Denied::Refused));
            assert_eq!(log_in(&users, "otto", Some(password), Some("anna")), Err(Denied::Refused));
        }
    }
}
