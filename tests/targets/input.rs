//! A fuzzer's bytes, taken apart.
#![allow(dead_code, reason = "no target takes them in every way")]

/// Gives the bytes out from the front, and zeros once they are used up.
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub fn bytes<const LENGTH: usize>(&mut self) -> [u8; LENGTH] {
        let taken = self.piece(LENGTH);
        std::array::from_fn(|at| taken.get(at).copied().unwrap_or(0))
    }

    /// So many bytes, or as many as are left.
    pub fn piece(&mut self, length: usize) -> &'a [u8] {
        let (piece, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        piece
    }

    pub const fn is_used_up(&self) -> bool {
        self.0.is_empty()
    }

    pub fn rest(&mut self) -> &'a [u8] {
        self.piece(usize::MAX)
    }
}
