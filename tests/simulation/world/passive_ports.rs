//! Passive ports as the world saw them: which session had which, when, and who came.

use std::{net::IpAddr, time::Duration};

use super::{State, network::CONTROL_PORT};

/// A port that the server listened on for a session.
pub struct PassivePort {
    /// The control connection.
    pub session: u64,
    pub client: IpAddr,
    pub port: u16,
    pub opened: Moment,
    pub closed: Option<Moment>,
    /// Ports that were found taken in the search for this one.
    pub taken: Vec<u16>,
    /// The connection that the client, or somebody at its address, made to it, once that was accepted.
    pub connection: Option<u64>,
}

/// A time, and the stamp by which things at the same time are told apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Moment {
    pub at: Duration,
    pub stamp: u64,
}

impl PassivePort {
    pub fn is_open(&self, moment: Moment) -> bool {
        self.opened < moment && self.closed.is_none_or(|closed| closed > moment)
    }

    /// Whether it was told in vain, and a connection to it may still come.
    pub fn rests(&self, moment: Moment, rest: Duration) -> bool {
        let may_come = |closed: Moment| closed < moment && moment.at < closed.at + rest;
        self.connection.is_none() && self.closed.is_some_and(may_come)
    }
}

impl State {
    /// The index of the port that a session was told as the `count`th one, of which the first has the number 0.
    pub fn passive_port(&self, session: u64, count: usize) -> Option<usize> {
        let mut ports = (0..).zip(&self.passive_ports).filter(|(_, port)| port.session == session);
        ports.nth(count).map(|(index, _)| index)
    }

    pub(super) fn note_port_taken(&mut self, port: u16) {
        self.tasks.taken_ports.push(port);
    }

    pub(super) fn note_port_opened(&mut self, port: u16) {
        let Some(session) = self.tasks.current_session() else { return };
        if port == CONTROL_PORT {
            return;
        }
        let client = self.connection(session).client().ip();
        let (opened, taken) = (self.moment(), std::mem::take(&mut self.tasks.taken_ports));
        let (closed, connection) = (None, None);
        self.passive_ports.push(PassivePort { session, client, port, opened, closed, taken, connection });
    }

    pub(super) fn note_port_used(&mut self, port: u16, peer: IpAddr, connection: u64) {
        let is_it = |it: &&mut PassivePort| it.port == port && it.closed.is_none() && it.client == peer;
        let passive = self.passive_ports.iter_mut().rev().find(is_it);
        passive.into_iter().for_each(|passive| passive.connection = Some(connection));
    }

    pub(super) fn note_port_closed(&mut self, port: u16) {
        let moment = self.moment();
        let is_it = |it: &&mut PassivePort| it.port == port && it.closed.is_none();
        let passive = self.passive_ports.iter_mut().rev().find(is_it);
        passive.into_iter().for_each(|passive| passive.closed = Some(moment));
    }

    fn moment(&mut self) -> Moment {
        Moment { at: self.now, stamp: self.stamp() }
    }
}
