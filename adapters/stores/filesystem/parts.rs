//! Parts of files that were left by uploads, and that other uploads continue as they are.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    vec::Vec,
};

use super::file_state::State;

/// How many are remembered. Of more, the oldest one is taken for a whole file.
const PARTS_LIMIT: usize = 10_000;

/// What the system knows a file by.
type Unique = (u64, u64);

/// Those that are known.
#[derive(Debug, Default)]
pub(super) struct Parts(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// As they were left. A file that is not as it was any more is not one of them.
    left: VecDeque<State>,
    continued: Vec<Unique>,
}

impl Parts {
    /// Remembers a part that is left under its name.
    pub(super) fn leave(&self, part: State) {
        let mut known = self.known();
        known.left.push_back(part);
        if known.left.len() > PARTS_LIMIT {
            known.left.pop_front();
        }
    }

    /// Whether an upload is just continuing this file.
    pub(super) fn is_continued(&self, unique: Option<Unique>) -> bool {
        unique.is_some_and(|unique| self.known().continued.contains(&unique))
    }

    /// Takes a part for one upload alone.
    pub(super) fn claim(self: &Arc<Self>, part: State) -> Option<Claim> {
        let unique = part.unique?;
        let mut known = self.known();
        let place = known.left.iter().position(|left| *left == part)?;
        known.left.remove(place);
        known.continued.push(unique);
        drop(known);
        Some(Claim { parts: Arc::clone(self), unique })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to continue a part, which ends when this is dropped. The part is not remembered then, but for
/// [`leave`](Self::leave).
#[derive(Debug)]
pub(super) struct Claim {
    parts: Arc<Parts>,
    unique: Unique,
}

impl Claim {
    /// Remembers the part as it is left now.
    pub(super) fn leave(self, part: State) {
        self.parts.leave(part);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut known = self.parts.known();
        if let Some(place) = known.continued.iter().position(|unique| *unique == self.unique) {
            known.continued.swap_remove(place);
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_part_belongs_to_one_upload_at_a_time() {
        let file = tempfile::tempfile().unwrap();
        let (parts, part) = (Arc::new(Parts::default()), State::of(&file).unwrap());
        assert!(parts.claim(part).is_none());
        parts.leave(part);
        let claim = parts.claim(part).unwrap();
        assert!(parts.claim(part).is_none() && parts.is_continued(part.unique));
        claim.leave(part);
        assert!(!parts.is_continued(part.unique));
        drop(parts.claim(part).unwrap());
        assert!(parts.claim(part).is_none() && !parts.is_continued(part.unique));
    }

    #[test]
    fn only_so_many_are_remembered() {
        let file = tempfile::tempfile().unwrap();
        let (parts, first) = (Arc::new(Parts::default()), State::of(&file).unwrap());
        file.set_len(1).unwrap();
        let other = State::of(&file).unwrap();
        parts.leave(first);
        for _ in 0..PARTS_LIMIT {
            parts.leave(other);
        }
        assert!(parts.claim(first).is_none() && parts.claim(other).is_some());
        assert_eq!(parts.known().left.len(), PARTS_LIMIT - 1);
    }
}
