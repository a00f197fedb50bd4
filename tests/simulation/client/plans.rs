//! What clients upload, and what they have in mind to do with it.

use std::time::Duration;

use bytes::Bytes;

use super::Client;
use crate::simulation::{chance::Chance, store::Upload};

/// What a client has in mind.
pub struct Plan {
    pub verb: &'static str,
    pub path: String,
    pub is_ascii: bool,
    /// On the wire, and in the store.
    pub wire: Bytes,
    pub whole: Bytes,
    pub announced: Option<u64>,
    pub offset: u64,
    pub ending: Ending,
    /// Where it ends, or says something.
    pub stop: usize,
}

/// What a client does in the middle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    Whole,
    /// So often.
    Says(&'static str, u64),
    /// When everything is sent.
    SaysAfter(&'static str),
    LeavesAfter,
    Aborts,
    /// Before the server has said anything: while the store opens it, perhaps.
    AbortsAtOnce,
    Resets,
    Vanishes,
    Dies,
    Stalls,
    NeverConnects,
    LosesControl,
    HalfCloses,
    /// Ends without a `close_notify`, where TLS would have one.
    Truncates,
}

impl Plan {
    /// For the ledger.
    pub fn upload(&self) -> Upload {
        Upload {
            whole: self.whole.clone(),
            wire: self.wire.clone(),
            is_given_up: false,
            least_size: self.announced.filter(|_| self.verb != "APPE" || !self.is_ascii),
            path: self.path.clone(),
            is_ascii: self.is_ascii,
            base: Bytes::new(),
            written: Vec::new(),
            last_written: Duration::ZERO,
            has_written: Duration::ZERO,
            failure: None,
            aborted: None,
            can_stop: false,
            committed: None,
            is_passive: false,
            connection: None,
            misses_close_notify: false,
            preparing_since: None,
            told: Vec::new(),
        }
    }

    /// Whether nothing but a failure can keep it from being stored.
    pub fn is_plain(&self) -> bool {
        self.is_simple() && self.announced.is_none()
    }

    /// Whether the same is true of a client that has ended its side of the control connection before.
    pub fn is_certain(&self, is_secure: bool) -> bool {
        let has_size = self.announced.is_some_and(|size| size > 0 && size == self.wire.len() as u64);
        self.is_simple() && (has_size && !self.is_ascii || is_secure && self.announced.is_none())
    }

    fn is_simple(&self) -> bool {
        let is_in_root = self.path.rfind('/') == Some(0);
        self.verb != "APPE" && is_in_root && self.offset == 0
    }
}

impl Client {
    pub fn plan(&self, path: String) -> Plan {
        let is_ascii = self.is_ascii;
        let number = self.store.lock().attempts.len();
        let wildness = self.habits.wildness;
        let is_secure = self.protects_data();
        let mut guard = self.world.lock();
        let chance = &mut guard.chance;
        let size = size(chance, self.habits.sizes);
        let wire = content(number as u64, size, is_ascii);
        let whole = if is_ascii { to_store(&wire) } else { wire.clone() };
        let verb = chance.pick(&["STOR", "STOR", "STOR", "STOR", "APPE", "STOU"]);
        let offset =
            if verb == "STOR" && !is_ascii && chance.one_in(10) { chance.between(1, 2000) } else { 0 };
        let announced = match chance.below(24) {
            1 => Some(wire.len() as u64 + offset),
            2 => Some((wire.len() as u64 + offset) / 2),
            3 if wildness > 0 => Some(wire.len() as u64 + offset + 1 + chance.below(2000)),
            _ => None,
        };
        let ending = if is_secure && wildness > 0 && chance.one_in(6) {
            Ending::Truncates
        } else if chance.one_in(wildness) {
            wild_ending(chance)
        } else if self.habits.reads_late && chance.one_in(2) {
            // More replies than the connection takes.
            Ending::Says("STAT", 8)
        } else {
            Ending::Whole
        };
        let stop = chance.below(wire.len() as u64 + 1) as usize;
        let stop = if ending == Ending::Truncates && chance.one_in(3) { wire.len() } else { stop };
        Plan { verb, path, is_ascii, wire, whole, announced, offset, ending, stop }
    }
}

fn wild_ending(chance: &mut Chance) -> Ending {
    chance.pick(&[
        Ending::Says("NOOP", 1),
        Ending::Says("STAT", 1),
        Ending::Says("QUIT", 1),
        Ending::SaysAfter("ABOR"),
        Ending::SaysAfter("ABOR"),
        Ending::SaysAfter("STAT"),
        Ending::SaysAfter("QUIT"),
        Ending::LeavesAfter,
        Ending::Aborts,
        Ending::AbortsAtOnce,
        Ending::Resets,
        Ending::Dies,
        Ending::Dies,
        Ending::Vanishes,
        Ending::Stalls,
        Ending::NeverConnects,
        Ending::LosesControl,
        Ending::HalfCloses,
    ])
}

fn size(chance: &mut Chance, largest: usize) -> usize {
    let sizes = [100, 0, 1, 3000, 20_000, 3000, 100_000];
    let most = chance.pick(&sizes).min(largest);
    chance.below(most as u64 + 1) as usize
}

/// Bytes that no other upload has.
fn content(number: u64, size: usize, is_ascii: bool) -> Bytes {
    let mut noise = Chance::from_seed(number);
    let bytes = (0..size).map(|_| {
        let byte = noise.below(256) as u8;
        match byte {
            _ if !is_ascii => byte,
            0..40 => b'\n',
            40..80 => b'\r',
            _ => byte,
        }
    });
    bytes.collect()
}

/// Lines on the wire end with CR LF.
pub fn to_wire(stored: &[u8]) -> Bytes {
    let mut wire = Vec::new();
    for &byte in stored {
        if byte == b'\n' && wire.last() != Some(&b'\r') {
            wire.push(b'\r');
        }
        wire.push(byte);
    }
    wire.into()
}

/// Lines in the store end with LF.
pub fn to_store(wire: &[u8]) -> Bytes {
    let mut stored: Vec<u8> = Vec::new();
    for &byte in wire {
        if byte == b'\n' && stored.last() == Some(&b'\r') {
            stored.pop();
        }
        stored.push(byte);
    }
    stored.into()
}
