//! Which passive port a client is told, and which ones rest because it was told them in vain.

use std::{
    collections::VecDeque,
    io, mem,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
    vec::Vec,
};

use crate::{
    adapters::runtimes::Runtime,
    config::{Config, DataPeer, Endpoints},
    instant::Instant,
};

/// Ports that rest at once, …
const RESTS_LIMIT: usize = 4096;
/// … and for one client, so that none can have those of the others forgotten.
const RESTS_OF_CLIENT_LIMIT: usize = 32;
/// Ports of the system that rest, before one of them is told all the same.
const SYSTEM_PORT_ATTEMPTS: usize = 8;

/// Ports that some client was told and has not used, and that it may still connect to: they are not told to it again
/// for as long as [`passive_port_rest`](crate::config::Settings::passive_port_rest) says. Clones are the same.
///
/// Bounded: 32 ports of a client and 4096 in all; of more, those that have rested for longest are forgotten.
#[derive(Debug, Clone, Default)]
pub struct RestingPorts(Arc<Mutex<VecDeque<Rest>>>);

/// A port that rests. In the queue, those that have rested for longest come first.
#[derive(Debug, Clone, Copy)]
struct Rest {
    client: IpAddr,
    port: u16,
    end: Instant,
}

impl RestingPorts {
    /// Those of a client, by how long they have rested.
    fn of(&self, client: IpAddr, now: Instant) -> Vec<u16> {
        let rests = self.lock();
        let of_client = rests.iter().filter(|rest| rest.client == client && rest.end > now);
        of_client.map(|rest| rest.port).collect()
    }

    fn add(&self, new: Rest, now: Instant) {
        let mut rests = self.lock();
        rests.retain(|rest| rest.end > now && (rest.client, rest.port) != (new.client, new.port));
        let mut of_client = (0..).zip(rests.iter()).filter(|(_, rest)| rest.client == new.client);
        let oldest = of_client.next().map(|(index, _)| index);
        if of_client.count() + 1 >= RESTS_OF_CLIENT_LIMIT {
            oldest.and_then(|index| rests.remove(index));
        } else if rests.len() >= RESTS_LIMIT {
            rests.pop_front();
        }
        rests.push_back(new);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Rest>> {
        // Nothing panics while it is held, and if it did, the ports would still be there.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The passive ports of one session.
pub(super) struct PassivePorts<R> {
    runtime: R,
    resting: RestingPorts,
    range: Option<RangeInclusive<u16>>,
    rest: Duration,
    client: IpAddr,
}

impl<R: Runtime> PassivePorts<R> {
    pub(super) fn new(runtime: R, resting: RestingPorts, config: &Config, endpoints: Endpoints) -> Self {
        let client = match config.data_peer {
            DataPeer::ControlPeer => endpoints.peer.ip(),
            // Whoever comes late, all sessions would take it for theirs.
            DataPeer::AnyAddress => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        let (range, rest) = (config.passive_ports.clone(), config.passive_port_rest);
        Self { runtime, resting, range, rest, client }
    }

    /// Listens on a port that does not rest, if there is one; otherwise on the one that has rested for longest.
    pub(super) fn listen(&self, address: SocketAddr) -> io::Result<(PassivePort<R>, SocketAddr)> {
        let resting = self.resting.of(self.client, self.runtime.now());
        let listener = match &self.range {
            Some(range) => self.listen_within(range, address, &resting),
            None => self.listen_anywhere(address, &resting),
        }?;
        let address = self.runtime.local_address(&listener)?;
        let port = PassivePort {
            listener,
            runtime: self.runtime.clone(),
            resting: self.resting.clone(),
            rest: self.rest,
            client: self.client,
            port: address.port(),
            is_used: false,
        };
        Ok((port, address))
    }

    /// On the first port of the range that can be had, from one of them on that differs from session to session: few
    /// attempts find a free one, and nobody can tell beforehand which it will be.
    fn listen_within(
        &self,
        range: &RangeInclusive<u16>,
        mut address: SocketAddr,
        resting: &[u16],
    ) -> io::Result<R::Listener> {
        let count = u64::try_from(range.len()).unwrap_or(u64::MAX).max(1);
        let start = usize::try_from(self.runtime.random_number() % count).unwrap_or_default();
        let ports = range.clone().skip(start).chain(range.clone().take(start));
        let rested = ports.filter(|port| !resting.contains(port));
        for port in rested.chain(resting.iter().copied().filter(|port| range.contains(port))) {
            address.set_port(port);
            match self.runtime.listen(address) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                listening_or_failed => return listening_or_failed,
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "all ports of passive_ports are in use"))
    }

    /// On one that the system gives. One that rests is kept for a moment, so that the system gives another.
    fn listen_anywhere(&self, address: SocketAddr, resting: &[u16]) -> io::Result<R::Listener> {
        let mut listener = self.runtime.listen(address)?;
        let mut kept = Vec::new();
        while kept.len() < SYSTEM_PORT_ATTEMPTS
            && resting.contains(&self.runtime.local_address(&listener)?.port())
        {
            kept.push(mem::replace(&mut listener, self.runtime.listen(address)?));
        }
        Ok(listener)
    }
}

/// A port that a client is told. If it goes before the client has come, it rests.
pub(super) struct PassivePort<R: Runtime> {
    pub(super) listener: R::Listener,
    runtime: R,
    resting: RestingPorts,
    rest: Duration,
    client: IpAddr,
    port: u16,
    is_used: bool,
}

impl<R: Runtime> PassivePort<R> {
    /// Somebody has come, who is the client as far as anybody knows yet.
    pub(super) const fn handle_connected(&mut self) {
        self.is_used = true;
    }

    /// It was somebody else.
    pub(super) const fn handle_refused(&mut self) {
        self.is_used = false;
    }
}

impl<R: Runtime> Drop for PassivePort<R> {
    fn drop(&mut self) {
        if !self.is_used {
            let now = self.runtime.now();
            let rest = Rest { client: self.client, port: self.port, end: now + self.rest };
            self.resting.add(rest, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(client: u32, port: u16, end: u64) -> Rest {
        Rest { client: IpAddr::V4(client.into()), port, end: Instant::default() + Duration::from_secs(end) }
    }

    fn ports_of(resting: &RestingPorts, client: u32) -> Vec<u16> {
        resting.of(IpAddr::V4(client.into()), Instant::default())
    }

    #[test]
    fn a_client_with_many_costs_another_nothing() {
        let resting = RestingPorts::default();
        resting.add(rest(1, 2000, 1), Instant::default());
        (3000..3100).for_each(|port| resting.add(rest(2, port, 1), Instant::default()));
        assert_eq!(ports_of(&resting, 1), [2000]);
        assert_eq!(ports_of(&resting, 2), (3068..3100).collect::<Vec<_>>());
    }

    #[test]
    fn not_more_than_a_bounded_number_rest() {
        let resting = RestingPorts::default();
        (0..5000).for_each(|client| resting.add(rest(client, 2000, 1), Instant::default()));
        assert_eq!(resting.lock().len(), RESTS_LIMIT);
        assert_eq!(ports_of(&resting, 903), [0; 0]);
        assert_eq!(ports_of(&resting, 904), [2000]);
    }

    #[test]
    fn what_has_rested_takes_no_room() {
        let resting = RestingPorts::default();
        (2000..2010).for_each(|port| resting.add(rest(1, port, 1), Instant::default()));
        resting.add(rest(2, 2000, 9), Instant::default() + Duration::from_secs(1));
        assert_eq!(resting.lock().len(), 1);
    }

    #[test]
    fn a_port_that_rests_again_does_so_to_the_later_end() {
        let resting = RestingPorts::default();
        for (port, end) in [(2000, 1), (2001, 2), (2000, 3)] {
            resting.add(rest(1, port, end), Instant::default());
        }
        assert_eq!(ports_of(&resting, 1), [2001, 2000]);
    }
}
