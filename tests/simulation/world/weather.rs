//! How bad the network is, and how slow the machine.

use std::time::Duration;

use super::Chance;

/// Rates are "once in so many"; 0 is never.
#[derive(Clone, Debug, Default)]
pub struct Weather {
    /// Each direction of a connection has a latency up to this, …
    pub latency: Duration,
    /// … and each segment a delay up to this beside it.
    pub jitter: Duration,
    /// Writes that are split, reads that are short, writes that are taken in part.
    pub splits: u64,
    /// Segments that are held up for long, …
    pub hiccups: u64,
    /// … after which nothing comes any more, …
    pub holes: u64,
    /// … or that are answered by a reset of both sides.
    pub resets: u64,
    /// Connection attempts that are never answered, or refused.
    pub lost_dials: u64,
    /// Attempts to accept that fail, and passive ports that a stranger connects to first: both cost a client a moment.
    pub failed_accepts: u64,
    pub strangers: u64,
    /// Attempts to listen that find the port taken by somebody else.
    pub taken_ports: u64,
    /// Arrivals that the runtime notices later.
    pub late_notices: u64,
    /// Polls that nobody asked for, polls that come late, and whether tasks are polled out of order.
    pub spurious_polls: u64,
    pub lag: u64,
    pub order: u64,
    /// Whether the runtime can ask the system what has arrived.
    pub can_look: bool,
    /// Whether a socket takes few bytes.
    pub narrow: bool,
}

impl Weather {
    pub fn new(chance: &mut Chance) -> Self {
        let calm = Self { can_look: true, ..Self::default() };
        if chance.below(8) == 0 {
            return calm;
        }
        let breeze = Self {
            latency: chance.time(Duration::from_millis(80)),
            jitter: chance.time(Duration::from_millis(20)),
            splits: chance.pick(&[0, 20, 6]),
            late_notices: chance.pick(&[0, 10]),
            spurious_polls: chance.pick(&[0, 30]),
            lag: chance.pick(&[0, 20, 4]),
            order: chance.below(2),
            can_look: !chance.one_in(4),
            narrow: chance.one_in(4),
            failed_accepts: chance.pick(&[0, 30, 5]),
            strangers: chance.pick(&[0, 10, 2]),
            ..calm
        };
        if chance.below(3) == 0 {
            return breeze;
        }
        Self {
            hiccups: chance.pick(&[0, 400, 100]),
            holes: chance.pick(&[0, 3000, 600]),
            resets: chance.pick(&[0, 1000, 200]),
            lost_dials: chance.pick(&[0, 30, 8]),
            taken_ports: chance.pick(&[0, 20, 5]),
            ..breeze
        }
    }

    /// Whether whoever behaves well gets through.
    pub const fn is_fair(&self) -> bool {
        self.hiccups == 0
            && self.holes == 0
            && self.resets == 0
            && self.lost_dials == 0
            && self.taken_ports == 0
    }
}
