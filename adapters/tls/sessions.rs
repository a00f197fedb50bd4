//! The TLS sessions that data connections may resume.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    vec::Vec,
};

use futures_rustls::rustls::server::{ProducesTickets, StoresServerSessions};

/// Tickets that a client gets on its control connection, under TLS 1.3. Some use each only once, and rustls keeps no
/// more than these of a server.
pub(super) const CONTROL_TICKETS: usize = 8;
/// TLS sessions that are remembered for one control connection: those tickets, and the latest of data connections.
const LIMIT: usize = 32;

/// The TLS sessions of one control connection and its data connections.
///
/// A client may resume each of them as often as it likes, for some know only the one of their control connection. (What
/// a ticket of TLS 1.3 is used only once for is early data, which there is none of.) So the first ones stay.
#[derive(Debug, Default)]
pub(super) struct ControlSessions(Mutex<VecDeque<Session>>);

#[derive(Debug)]
struct Session {
    key: Vec<u8>,
    secrets: Vec<u8>,
}

impl ControlSessions {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Session>> {
        // Nothing panics while it is held, and if it did, the sessions would still be there.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StoresServerSessions for ControlSessions {
    fn put(&self, key: Vec<u8>, secrets: Vec<u8>) -> bool {
        let mut sessions = self.lock();
        if sessions.len() >= LIMIT {
            sessions.remove(CONTROL_TICKETS);
        }
        sessions.push_back(Session { key, secrets });
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.lock().iter().find(|session| session.key == key).map(|session| session.secrets.clone())
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.get(key)
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
}
