//! How often a store goes wrong, and how.

use std::{future::pending, time::Duration};

use sansftp::{StorageError, StorageErrorKind};

use super::Store;
use crate::simulation::{chance::Chance, world::StorePanic};

/// Every kind of error that a store may answer with.
const KINDS: [StorageErrorKind; 17] = [
    StorageErrorKind::Failed,
    StorageErrorKind::Busy,
    StorageErrorKind::NoSpace,
    StorageErrorKind::Unsupported,
    StorageErrorKind::UnsupportedParameter,
    StorageErrorKind::Changed,
    StorageErrorKind::NotFound,
    StorageErrorKind::PermissionDenied,
    StorageErrorKind::AlreadyExists,
    StorageErrorKind::IsADirectory,
    StorageErrorKind::NotADirectory,
    StorageErrorKind::NotEmpty,
    StorageErrorKind::NotAFile,
    StorageErrorKind::ContentRefused,
    StorageErrorKind::OverQuota,
    StorageErrorKind::NameRefused,
    StorageErrorKind::BadOffset,
];

/// Rates are "once in so many calls"; 0 is never.
#[derive(Debug, Default)]
pub struct Moods {
    slow: u64,
    fails: u64,
    hangs: u64,
    panics: u64,
    /// How long a slow call takes at most.
    delay: Duration,
    /// Finishes that take their time, …
    takes_long: u64,
    /// … those that tell of their end only later, …
    pub tells_late: u64,
    /// … and uploads whose finish can be stopped.
    pub can_stop: u64,
    /// Bytes that it has room for.
    pub capacity: u64,
    pub is_memory: bool,
}

impl Moods {
    pub fn new(chance: &mut Chance) -> Self {
        let is_memory = chance.one_in(4);
        let good = Self { capacity: 1 << 30, is_memory, ..Self::default() };
        if chance.below(3) == 0 {
            return good;
        }
        let delays = [Duration::from_millis(5), Duration::from_secs(2), Duration::from_secs(500)];
        Self {
            slow: chance.pick(&[0, 20, 3]),
            fails: chance.pick(&[0, 0, 60, 15]),
            hangs: chance.pick(&[0, 0, 150, 60]),
            panics: chance.pick(&[0, 0, 0, 150]),
            delay: chance.pick(&delays),
            takes_long: chance.pick(&[0, 6, 2]),
            tells_late: chance.pick(&[0, 6, 2]),
            can_stop: chance.pick(&[0, 1, 2]),
            capacity: chance.pick(&[1 << 30, 1 << 30, 300_000, 5_000]),
            ..good
        }
    }

    /// Whether whoever asks for what is right gets it.
    pub const fn is_good(&self) -> bool {
        self.slow == 0
            && self.takes_long == 0
            && self.tells_late == 0
            && self.fails == 0
            && self.hangs == 0
            && self.panics == 0
            && self.capacity == 1 << 30
    }
}

impl Store {
    /// What goes wrong with a call.
    pub(super) async fn suffer(&self, call: &'static str) -> Result<(), StorageError> {
        let Moods { slow, fails, hangs, panics, delay, .. } = *self.moods;
        let world = &self.world;
        if world.choose(|chance| chance.one_in(slow)) {
            world.wait(world.choose(|chance| chance.time(delay))).await;
        }
        if world.choose(|chance| chance.one_in(hangs)) {
            world.note(|| format!("the store hangs in {call}"));
            world.count(&format!("store: {call} hangs"));
            pending::<()>().await;
        }
        if world.choose(|chance| chance.one_in(panics)) {
            world.note(|| format!("the store panics in {call}"));
            world.count(&format!("store: {call} panics"));
            StorePanic::raise();
        }
        if world.choose(|chance| chance.one_in(fails)) {
            let kind = world.choose(|chance| chance.pick(&KINDS));
            world.note(|| format!("the store fails in {call}: {kind:?}"));
            world.count(&format!("store: {call} fails"));
            return Err(kind.into());
        }
        Ok(())
    }

    /// A finish has much to do.
    pub(super) async fn take_long(&self) {
        let Moods { takes_long, delay, .. } = *self.moods;
        let world = &self.world;
        if world.choose(|chance| chance.one_in(takes_long)) {
            let time = world.choose(|chance| chance.below(delay.as_millis() as u64));
            world.wait(Duration::from_millis(time)).await;
        }
    }

    /// The end of a finish is told late or never.
    pub(super) async fn tell_late(&self) {
        let Moods { tells_late, delay, hangs, .. } = *self.moods;
        let world = &self.world;
        if world.choose(|chance| chance.one_in(tells_late)) {
            world.count("store: finish tells late");
            world.wait(world.choose(|chance| chance.time(delay))).await;
            if hangs > 0 && world.choose(|chance| chance.one_in(5)) {
                world.count("store: finish is stored and never tells");
                pending::<()>().await;
            }
        }
    }
}
