//! Where every choice of a world comes from.

use std::time::Duration;

/// The choices, one after the other: the same seed or the same bytes give the same ones.
///
/// The lowest number is always the calmest choice, and what a chance made of bytes gives when they are used up.
pub struct Chance(Source);

enum Source {
    Seed(u64),
    Bytes { bytes: Box<[u8]>, next: usize },
}

impl Chance {
    pub const fn from_seed(seed: u64) -> Self {
        Self(Source::Seed(seed))
    }

    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(Source::Bytes { bytes: bytes.into(), next: 0 })
    }

    /// Whether nothing but calm is left.
    pub fn is_used_up(&self) -> bool {
        match &self.0 {
            Source::Seed(_) => false,
            Source::Bytes { bytes, next } => *next >= bytes.len(),
        }
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        match end {
            0 | 1 => 0,
            2..=256 => self.bits(1) % end,
            257..=65536 => self.bits(2) % end,
            _ => self.bits(4) % end,
        }
    }

    /// A number from `least` to `most`, both included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// True once in so many times; never if that is 0.
    pub fn one_in(&mut self, times: u64) -> bool {
        match times {
            0 => false,
            1 => true,
            2..=256 => self.bits(1) % times == times - 1,
            _ => self.bits(2) % times.min(1 << 16) == times.min(1 << 16) - 1,
        }
    }

    /// One of them; the first is the calmest.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// A time up to `most`. Short ones are as likely as long ones, whatever the magnitude.
    pub fn time(&mut self, most: Duration) -> Duration {
        let most = most.as_micros() as u64;
        if most == 0 {
            return Duration::ZERO;
        }
        let magnitude = self.below(u64::from(most.ilog2()) + 1);
        Duration::from_micros(self.below((most >> magnitude) + 1))
    }

    /// So many bytes' worth of choice.
    fn bits(&mut self, width: usize) -> u64 {
        match &mut self.0 {
            // splitmix64, whose numbers are as good as these worlds need.
            Source::Seed(state) => {
                *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                let mut z = *state;
                z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                (z ^ (z >> 31)) >> 8
            }
            Source::Bytes { bytes, next } => {
                let mut bits = 0;
                for _ in 0..width {
                    bits = bits << 8 | u64::from(bytes.get(*next).copied().unwrap_or(0));
                    *next += 1;
                }
                bits
            }
        }
    }
}
