//! Which transfer a data connection is for is known from its port alone, so a port that was told in vain rests; and what
//! becomes of those who come later than that, or where there is no other port.

use std::time::Duration;

use bytes::Bytes;

use super::Oracle;
use crate::simulation::{
    store::{Attempt, Ended, Ledger, Subject, Upload},
    world::{PassivePort, World},
};

impl Oracle<'_> {
    /// No client is told a port that rests for it, as long as there is another one.
    pub(super) fn judge_passive_ports(&self) -> Vec<String> {
        let Some(range) = &self.settings.passive_ports else { return Vec::new() };
        let state = self.world.lock();
        let ports = &state.passive_ports;
        let rests = |at: &PassivePort, port: u16| {
            let is_it = |one: &&PassivePort| one.client == at.client && one.port == port;
            let mut told = ports.iter().filter(is_it);
            told.any(|one| one.rests(at.opened, self.settings.passive_port_rest))
        };
        let is_free = |at: &PassivePort, port: u16| {
            let is_open = ports.iter().any(|one| one.port == port && one.is_open(at.opened));
            !is_open && !at.taken.contains(&port) && !rests(at, port)
        };
        let too_early = ports.iter().filter(|at| rests(at, at.port));
        let avoidable = too_early.filter(|at| range.clone().any(|port| is_free(at, port)));
        let what = |at: &PassivePort| format!("{} is told to {} again, too early", at.port, at.client);
        avoidable.map(what).collect()
    }
}

/// Where a data connection came to the port of another transfer, gives that transfer what was sent, as the server does,
/// which cannot tell them apart; the transfer that it was meant for has nothing. Transfers are left out of the judgement
/// where that is not an upload.
pub fn redirect(world: &World, ledger: &mut Ledger) {
    let all: Vec<Attempt> = ledger.attempts.clone();
    for attempt in &mut ledger.attempts {
        let Some(port) = attempt.port else { continue };
        let state = world.lock();
        let came = state.passive_ports[port].connection;
        drop(state);
        let sender = all.iter().find(|one| came.is_some() && one.connection() == came);
        let is_its_own = match sender {
            Some(sender) => sender.connection() == attempt.connection(),
            None => came.is_some() || attempt.connection().is_none(),
        };
        if !is_its_own {
            sender.iter().for_each(|_| world.count("data connections: taken for another transfer's"));
            attempt.receive_from(sender);
        }
    }
}

impl Attempt {
    fn connection(&self) -> Option<u64> {
        match &self.subject {
            Subject::Upload(upload) => upload.connection,
            Subject::Source(source) => source.connection,
        }
    }

    /// Gets what another one sent, or nothing.
    fn receive_from(&mut self, sender: Option<&Self>) {
        let Subject::Upload(upload) = &mut self.subject else {
            self.is_beyond_judgement = true;
            return;
        };
        (self.ended, self.resumption) = (Ended::NotInOrder, None);
        upload.replace_sent(&[], None);
        let Some(sender) = sender else { return };
        let Subject::Upload(sent) = &sender.subject else {
            self.is_beyond_judgement = true;
            return;
        };
        upload.replace_sent(&sent.wire, sent.connection);
        self.resumption = sender.resumption;
        self.ended = match sender.ended {
            // It was not this client that was killed.
            Ended::Killed { bytes, data, has_said_so, .. } if sender.peer != self.peer => {
                Ended::Killed { bytes, data, control: Duration::MAX, has_said_so }
            }
            ended => ended,
        };
    }
}

impl Upload {
    fn replace_sent(&mut self, wire: &[u8], connection: Option<u64>) {
        self.whole = self.stored_form(wire);
        (self.wire, self.connection) = (Bytes::copy_from_slice(wire), connection);
    }
}
