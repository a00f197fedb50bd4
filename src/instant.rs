//! The core's clock reading.

use core::{ops::Add, time::Duration};

/// A point on the driver's monotonic clock: the time since an origin that the driver picks.
///
/// The core never reads a clock. The one who drives a [`Session`](crate::session::Session) passes the time in, so a
/// test can let an hour pass in no time.
///
/// ```
/// use core::time::Duration;
/// use sansftp::instant::Instant;
///
/// let start = Instant::from_origin(Duration::from_secs(5));
/// let later = start + Duration::from_secs(2);
/// assert_eq!(later.saturating_since(start), Duration::from_secs(2));
/// assert_eq!(start.saturating_since(later), Duration::ZERO);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(Duration);

impl Instant {
    /// The point that lies `elapsed` after the driver's origin.
    #[must_use]
    pub const fn from_origin(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// How long after the driver's origin this is.
    #[must_use]
    pub const fn since_origin(self) -> Duration {
        self.0
    }

    /// How long after `earlier` this is; zero if it is before.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Later by `delay`; the end of time (584 billion years) if that overflows.
    fn add(self, delay: Duration) -> Self {
        Self(self.0.saturating_add(delay))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_has_an_origin_and_an_end() {
        let start = Instant::from_origin(Duration::from_secs(5));
        let later = start + Duration::from_secs(2);
        assert_eq!(later.since_origin(), Duration::from_secs(7));
        assert_eq!(later.saturating_since(start), Duration::from_secs(2));
        assert_eq!(start.saturating_since(later), Duration::ZERO);
        assert_eq!((later + Duration::MAX).since_origin(), Duration::MAX);
    }
}
