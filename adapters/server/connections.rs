//! How many clients there are, and who may come.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{adapters::signal::Signal, config::Config, reply::Reply};

const TOO_MANY: Reply = Reply::from_static("421 Too many connections; try again later.\r\n");
const TOO_MANY_FROM_ADDRESS: Reply =
    Reply::from_static("421 Too many connections from your address; close one first.\r\n");

/// Clients that are told at once that they may not come; further ones are told nothing.
const REFUSALS_LIMIT: usize = 64;

/// The clients of a server, and its tasks.
#[derive(Debug)]
pub(super) struct Connections {
    total_limit: usize,
    address_limit: usize,
    counts: Mutex<Counts>,
    all_ended: Signal,
}

#[derive(Debug, Default)]
struct Counts {
    tasks: usize,
    total: usize,
    refusals: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A task of the server, for as long as this is held.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    taken: Taken,
}

#[derive(Debug)]
enum Taken {
    Listener,
    Client(IpAddr),
    Refusal,
}

/// Whether a client may come.
#[derive(Debug)]
pub(super) enum Admission {
    Granted(Place),
    /// It is told why not.
    Refused(Place, Reply),
    /// It is not even told.
    Ignored,
}

impl Connections {
    pub(super) fn new(config: &Config) -> Arc<Self> {
        Arc::new(Self {
            total_limit: config.connections_limit,
            address_limit: config.connections_per_address_limit,
            counts: Mutex::default(),
            all_ended: Signal::default(),
        })
    }

    /// Given when the last place is given back, that of the listener included: nobody comes any more then.
    pub(super) const fn all_ended(&self) -> &Signal {
        &self.all_ended
    }

    /// A place for the task that lets clients in.
    pub(super) fn listener(self: &Arc<Self>) -> Place {
        self.place(&mut self.lock(), Taken::Listener)
    }

    /// Decides about a client. An IPv4 address counts as the same one in the form that IPv6 has for it.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Admission {
        let address = address.to_canonical();
        let mut counts = self.lock();
        let of_address = counts.by_address.get(&address).copied().unwrap_or_default();
        let reply = if counts.total >= self.total_limit {
            TOO_MANY
        } else if of_address >= self.address_limit {
            TOO_MANY_FROM_ADDRESS
        } else {
            counts.total += 1;
            counts.by_address.insert(address, of_address + 1);
            return Admission::Granted(self.place(&mut counts, Taken::Client(address)));
        };
        if counts.refusals >= REFUSALS_LIMIT {
            return Admission::Ignored;
        }
        counts.refusals += 1;
        Admission::Refused(self.place(&mut counts, Taken::Refusal), reply)
    }

    fn place(self: &Arc<Self>, counts: &mut Counts, taken: Taken) -> Place {
        counts.tasks += 1;
        Place { connections: Arc::clone(self), taken }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Nothing panics while it is held, and if it did, the counts would still be there.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.connections.lock();
        match self.taken {
            Taken::Listener => {}
            Taken::Refusal => counts.refusals = counts.refusals.saturating_sub(1),
            Taken::Client(address) => {
                counts.total = counts.total.saturating_sub(1);
                let left = counts.by_address.get(&address).map_or(0, |count| count.saturating_sub(1));
                if left == 0 {
                    counts.by_address.remove(&address);
                } else {
                    counts.by_address.insert(address, left);
                }
            }
        }
        counts.tasks = counts.tasks.saturating_sub(1);
        if counts.tasks == 0 {
            drop(counts);
            self.connections.all_ended.give();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, vec::Vec};

    use super::*;
    use crate::config::Settings;

    fn connections(connections_limit: usize, connections_per_address_limit: usize) -> Arc<Connections> {
        let settings = Settings { connections_limit, connections_per_address_limit, ..Settings::default() };
        Connections::new(&Config::new(settings).unwrap())
    }

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, last).into()
    }

    fn granted(admission: Admission) -> Place {
        match admission {
            Admission::Granted(place) => place,
            other => panic!("{other:?}"),
        }
    }

    fn refused(admission: Admission) -> Reply {
        match admission {
            Admission::Refused(_, reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_limit_holds_and_a_place_that_is_given_back_can_be_taken_again() {
        let connections = connections(3, 2);
        let first = granted(connections.admit(address(1)));
        let _second = granted(connections.admit(IpAddr::V6(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped())));
        assert_eq!(refused(connections.admit(address(1))), TOO_MANY_FROM_ADDRESS);
        let _third = granted(connections.admit(address(2)));
        assert_eq!(refused(connections.admit(address(3))), TOO_MANY);
        drop(first);
        let _again = granted(connections.admit(address(1)));
        assert_eq!(connections.lock().by_address.len(), 2);
    }

    #[test]
    fn refusals_are_limited_too() {
        let connections = connections(1, 1);
        let _only = granted(connections.admit(address(1)));
        let refusals: Vec<_> = (0..REFUSALS_LIMIT).map(|_| connections.admit(address(2))).collect();
        assert!(matches!(connections.admit(address(2)), Admission::Ignored));
        drop(refusals);
        assert_eq!(refused(connections.admit(address(2))), TOO_MANY);
    }

    #[test]
    fn the_end_of_all_tasks_is_told_once_the_last_one_is_gone() {
        let connections = connections(5, 5);
        let listener = connections.listener();
        drop(granted(connections.admit(address(1))));
        let client = granted(connections.admit(address(1)));
        drop(listener);
        let is_told = |connections: &Connections| {
            let mut wait = connections.all_ended().wait();
            let cx = &mut std::task::Context::from_waker(std::task::Waker::noop());
            std::future::Future::poll(std::pin::Pin::new(&mut wait), cx).is_ready()
        };
        assert!(!is_told(&connections));
        drop(client);
        assert!(is_told(&connections));
        assert!(connections.lock().by_address.is_empty());
    }
}
