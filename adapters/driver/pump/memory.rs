//! Memory for what is moved, which is used again.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    vec,
    vec::Vec,
};

use super::chunk_size::ChunkSize;

/// Bytes that the process keeps for its next transfers. New memory has to be cleared by the system first.
const MOST_SPARE: usize = 2 << 20;

static SPARE: Mutex<Spare> = Mutex::new(Spare::new());

/// A piece of memory, all of it initialised. What others have received may still be in it.
///
/// That of the largest chunks is kept for others when it is dropped, wherever that is.
#[derive(Debug, Default)]
pub(super) struct Memory {
    bytes: Vec<u8>,
    is_kept: bool,
}

impl Memory {
    /// Memory of this size; that of the largest chunks may have been used before.
    pub(super) fn get(size: ChunkSize) -> Self {
        let is_kept = size.is_largest();
        let spare = if is_kept { spare().take(size.bytes()) } else { None };
        Self { bytes: spare.unwrap_or_else(|| vec![0; size.bytes()]), is_kept }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl AsRef<[u8]> for Memory {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if self.is_kept {
            spare().keep(mem::take(&mut self.bytes));
        }
    }
}

/// What is kept.
struct Spare {
    pieces: Vec<Vec<u8>>,
    bytes: usize,
}

impl Spare {
    const fn new() -> Self {
        Self { pieces: Vec::new(), bytes: 0 }
    }

    fn take(&mut self, size: usize) -> Option<Vec<u8>> {
        let index = self.pieces.iter().rposition(|piece| piece.len() == size)?;
        self.bytes -= size;
        Some(self.pieces.swap_remove(index))
    }

    fn keep(&mut self, piece: Vec<u8>) {
        if self.bytes + piece.len() <= MOST_SPARE {
            self.bytes += piece.len();
            self.pieces.push(piece);
        }
    }
}

fn spare() -> MutexGuard<'static, Spare> {
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_is_allowed() {
        let mut spare = Spare::new();
        for _ in 0..5 {
            spare.keep(vec![0; MOST_SPARE / 2]);
            spare.keep(vec![0; MOST_SPARE + 1]);
        }
        assert_eq!(spare.take(1), None);
        for is_there in [true, true, false] {
            assert_eq!(spare.take(MOST_SPARE / 2).is_some(), is_there);
        }
        assert_eq!((spare.pieces.len(), spare.bytes), (0, 0));
        spare.keep(vec![0; MOST_SPARE]);
        assert!(spare.take(MOST_SPARE).is_some());
    }
}
