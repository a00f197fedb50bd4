//! The TLS sessions that data connections may resume.

use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    vec::Vec,
};

use futures_rustls::rustls::server::{ProducesTickets, StoresServerSessions};

/// Tickets that a client gets on its control connection, under TLS 1.3. Some use each only once, and rustls keeps no
/// more than these of a server.
pub(super) const CONTROL_TICKETS: usize = 8;
/// TLS sessions that are remembered for one control connection: those tickets, and the latest of data connections.
const LIMIT: usize = 32;
/// Bytes of one of them, which has the client's certificates. A client that sends more of these than anybody needs resumes
/// nothing.
const SIZE_LIMIT: usize = 8 << 10;

/// The TLS sessions of one control connection, and of those data connections that have resumed one of them. So whoever
/// resumes one is the client of the control connection.
///
/// A client may resume each of them as often as it likes, for some know only the one of their control connection. (What
/// a ticket of TLS 1.3 is used only once for is early data, which there is none of.) So the first ones stay.
#[derive(Debug, Default)]
pub(super) struct ControlSessions(Mutex<VecDeque<Session>>);

/// What a data connection sees of them. Its own are remembered once it has shown whose it is, for anybody may connect.
#[derive(Debug)]
pub(super) struct DataSessions {
    known: Arc<ControlSessions>,
    own: Mutex<Vec<Session>>,
}

#[derive(Debug)]
struct Session {
    key: Vec<u8>,
    secrets: Vec<u8>,
}

impl Session {
    /// None if it is too large to be remembered.
    fn new(key: Vec<u8>, secrets: Vec<u8>) -> Option<Self> {
        (secrets.len() <= SIZE_LIMIT).then_some(Self { key, secrets })
    }
}

/// Nothing panics while it is held, and if it did, the sessions would still be there.
fn lock<T>(sessions: &Mutex<T>) -> MutexGuard<'_, T> {
    sessions.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ControlSessions {
    fn remember(&self, session: Session) {
        let mut sessions = lock(&self.0);
        if sessions.len() >= LIMIT {
            sessions.remove(CONTROL_TICKETS);
        }
        sessions.push_back(session);
    }
}

impl DataSessions {
    pub(super) fn new(known: &Arc<ControlSessions>) -> Self {
        Self { known: Arc::clone(known), own: Mutex::default() }
    }

    /// The data connection has resumed one that is known.
    pub(super) fn handle_resumed(&self) {
        mem::take(&mut *lock(&self.own)).into_iter().for_each(|session| self.known.remember(session));
    }
}

impl StoresServerSessions for ControlSessions {
    fn put(&self, key: Vec<u8>, secrets: Vec<u8>) -> bool {
        Session::new(key, secrets).map(|session| self.remember(session)).is_some()
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        lock(&self.0).iter().find(|session| session.key == key).map(|session| session.secrets.clone())
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.get(key)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

impl StoresServerSessions for DataSessions {
    fn put(&self, key: Vec<u8>, secrets: Vec<u8>) -> bool {
        Session::new(key, secrets).map(|session| lock(&self.own).push(session)).is_some()
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.known.get(key)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.known.get(key)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

/// No tickets that the server need not remember: whose they are could not be told.
#[derive(Debug)]
pub(super) struct NoTickets;

impl ProducesTickets for NoTickets {
    fn enabled(&self) -> bool {
        false
    }

    fn lifetime(&self) -> u32 {
        0
    }

    fn encrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn decrypt(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    #[test]
    fn the_first_and_the_latest_sessions_are_remembered_and_can_be_taken_again() {
        let sessions = ControlSessions::default();
        for number in 0..100 {
            assert!(sessions.put(vec![number], vec![number, number]));
        }
        let known: Vec<u8> = (0..100).filter(|number| sessions.take(&[*number]).is_some()).collect();
        let expected: Vec<u8> = (0..8).chain(76..100).collect();
        assert_eq!(known, expected);
        assert_eq!(sessions.take(&[7]), Some(vec![7, 7]));
        assert_eq!(sessions.get(&[7]), Some(vec![7, 7]), "it was not taken away");
    }

    #[test]
    fn those_of_a_data_connection_are_remembered_once_it_has_resumed_one() {
        let sessions = Arc::<ControlSessions>::default();
        assert!(sessions.put(vec![1], vec![1]));
        let data = DataSessions::new(&sessions);
        assert_eq!(data.take(&[1]), Some(vec![1]));
        assert!(data.put(vec![2], vec![2]));
        assert_eq!((data.get(&[2]), sessions.get(&[2])), (None, None));
        data.handle_resumed();
        assert_eq!((data.get(&[2]), sessions.get(&[2])), (Some(vec![2]), Some(vec![2])));
    }

    #[test]
    fn none_is_larger_than_it_may_be() {
        let sessions = Arc::<ControlSessions>::default();
        let data = DataSessions::new(&sessions);
        for (size, fits) in [(SIZE_LIMIT, true), (SIZE_LIMIT + 1, false)] {
            assert_eq!(sessions.put(vec![1], vec![0; size]), fits);
            assert_eq!(data.put(vec![2], vec![0; size]), fits);
        }
    }
}
