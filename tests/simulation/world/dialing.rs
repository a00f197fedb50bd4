//! How connections come to be.

use std::{collections::VecDeque, net::SocketAddr, task::Waker, time::Duration};

use super::{Happening, Side, State};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DialId(pub u64);

/// A connection attempt.
#[derive(Debug)]
pub struct Dialing {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub by_server: bool,
    pub result: DialResult,
    pub waker: Option<Waker>,
    way_back: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DialResult {
    Unknown,
    /// It has been decided, and the answer is on its way.
    Made(u64),
    Refused,
    Told(Option<u64>),
}

/// A listening socket, and the connections that nobody has accepted yet.
pub struct Listening {
    pub by_server: bool,
    pub queue: VecDeque<(u64, SocketAddr)>,
    pub waker: Option<Waker>,
}

impl State {
    pub(super) fn dial(&mut self, from: SocketAddr, to: SocketAddr, by_server: bool) -> DialId {
        let id = DialId(self.stamp());
        let latency = self.weather.latency;
        let (there, way_back) = (self.chance.time(latency), self.chance.time(latency));
        let is_lost = self.chance.one_in(self.weather.lost_dials);
        self.note(|| format!("{from} dials {to}{}", if is_lost { ", in vain" } else { "" }));
        let result = DialResult::Unknown;
        self.dialings.insert(id, Dialing { from, to, by_server, result, waker: None, way_back });
        if is_lost && self.chance.one_in(2) {
            self.dialings.get_mut(&id).unwrap().result = DialResult::Refused;
            self.plan(self.now + there + way_back, Happening::Answered(id));
        } else if !is_lost {
            self.plan(self.now + there, Happening::Dialled(id));
        }
        id
    }

    pub(super) fn handle_dialled(&mut self, id: DialId) {
        let Some(dialing) = self.dialings.get(&id) else { return };
        let (from, to, by_server, back) = (dialing.from, dialing.to, dialing.by_server, dialing.way_back);
        let result = match self.listening.contains_key(&to) {
            true => {
                let server = if by_server { Side::Dialler } else { Side::Acceptor };
                let connection = self.connect(from, to, server);
                let listening = self.listening.get_mut(&to).unwrap();
                listening.queue.push_back((connection, from));
                listening.waker.take().into_iter().for_each(Waker::wake);
                DialResult::Made(connection)
            }
            false => DialResult::Refused,
        };
        self.dialings.get_mut(&id).unwrap().result = result;
        self.plan(self.now + back, Happening::Answered(id));
    }

    pub(super) fn handle_answered(&mut self, id: DialId) {
        let Some(dialing) = self.dialings.get_mut(&id) else { return };
        dialing.result = match dialing.result {
            DialResult::Made(connection) => DialResult::Told(Some(connection)),
            DialResult::Refused => DialResult::Told(None),
            other => other,
        };
        dialing.waker.take().into_iter().for_each(Waker::wake);
    }

    /// Nobody waits for it any more.
    pub(super) fn forget_dialing(&mut self, id: DialId) {
        if let Some(dialing) = self.dialings.remove(&id)
            && let DialResult::Made(connection) | DialResult::Told(Some(connection)) = dialing.result
        {
            self.close(connection, Side::Dialler, Duration::ZERO);
        }
    }
}
