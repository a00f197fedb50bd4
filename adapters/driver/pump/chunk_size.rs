//! How large the next chunk of a file may be.

/// Bytes of the first chunk: small files are many, and a big chunk takes longer to get than they take to be sent.
const FIRST: usize = 16 << 10;
/// A chunk that was filled is followed by one that is so many times larger.
const GROWTH: usize = 4;

/// Grows with what there is to move.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChunkSize {
    bytes: usize,
    largest: usize,
}

impl ChunkSize {
    pub(super) fn new(largest: usize) -> Self {
        Self { bytes: FIRST.min(largest), largest }
    }

    pub(super) const fn bytes(self) -> usize {
        self.bytes
    }

    /// Whether it grows no more.
    pub(super) const fn is_largest(self) -> bool {
        self.bytes == self.largest
    }

    /// A chunk of this size was filled.
    pub(super) fn grow(&mut self) {
        self.bytes = self.bytes.saturating_mul(GROWTH).min(self.largest);
    }
}
