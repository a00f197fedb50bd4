//! How promptly a client acts, and so how long the end of its upload takes to settle.
//!
//! The system of a client that is killed closes the data connection first and the control connection next, mostly within
//! 0.1 ms. But on a busy machine it has to wait for its turn in between, and then it had to wait before the first of them,
//! too: between the last bytes and their end there is a pause. A client that is done closes the data connection right
//! behind its last bytes. So what settles at once is told from what may not by the waits for the client.

use core::time::Duration;

use crate::{instant::Instant, session::event::Waits};

/// A client that is done closes the data connection sooner than this: even on a busy machine, 99 of 100 take less than a
/// quarter of it.
const PAUSE: Duration = Duration::from_micros(200);
/// The two ends may be this many times as far apart as the bytes before them.
const FACTOR: u32 = 4;
/// A file that is smaller and comes without a pause is not one that a killed client was in the middle of: what clients
/// send at once is a power of two, up to this.
const ONE_GO_LIMIT: u64 = 64 << 10;

/// The machine; see [the module](self).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tempo {
    /// When the client had been told everything, unless it has said something since.
    told: Option<Instant>,
    /// Its fastest command after a reply: the network takes that time in both directions, if not more.
    fastest: Option<Duration>,
}

impl Tempo {
    pub(crate) const fn handle_replies_sent(&mut self, now: Instant) {
        self.told = Some(now);
    }

    pub(crate) fn handle_received(&mut self, now: Instant) {
        if let Some(told) = self.told.take() {
            let turn = now.saturating_since(told);
            self.fastest = Some(self.fastest.map_or(turn, |fastest| fastest.min(turn)));
        }
    }

    /// How long the end of the control connection may take to follow that of an upload in clear, if the client was killed
    /// when it had sent these bytes: between `least` and `most`, or nothing if the file came in one go.
    pub(crate) fn settling_time(
        self,
        bytes: u64,
        waits: Option<Waits>,
        least: Duration,
        most: Duration,
    ) -> Duration {
        // A turn that is awaited before the next bytes are sent, as before the first ones, is no delay.
        let turn = self.fastest.unwrap_or_default();
        let turn_before_end = if bytes == 0 { turn } else { Duration::ZERO };
        let Some(waits) = waits.filter(|waits| waits.last.saturating_sub(turn_before_end) < PAUSE) else {
            return most;
        };
        let delay = waits.longest.saturating_sub(turn);
        if delay < PAUSE && (1..ONE_GO_LIMIT).contains(&bytes) {
            return Duration::ZERO;
        }
        delay.saturating_mul(FACTOR).max(least).min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEGABYTE: u64 = 1 << 20;

    fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    fn at(since: u64) -> Instant {
        Instant::from_origin(micros(since))
    }

    fn settling(tempo: Tempo, bytes: u64, longest: u64, last: u64) -> Duration {
        let waits = Waits { longest: micros(longest), last: micros(last) };
        tempo.settling_time(bytes, Some(waits), micros(300), micros(100_000))
    }

    #[test]
    fn who_was_prompt_is_waited_for_a_little() {
        for (longest, last) in [(0, 0), (75, 0), (75, 199)] {
            assert_eq!(settling(Tempo::default(), MEGABYTE, longest, last), micros(300));
        }
    }

    #[test]
    fn the_later_bytes_came_the_later_an_end_may_come() {
        for (longest, expected) in [(76, 304), (1000, 4000), (25_000, 100_000), (25_001, 100_000)] {
            assert_eq!(settling(Tempo::default(), MEGABYTE, longest, 0), micros(expected));
        }
        assert_eq!(settling(Tempo::default(), MEGABYTE, u64::MAX, 0), micros(100_000));
    }

    #[test]
    fn a_pause_before_the_end_is_what_a_killed_client_makes() {
        for bytes in [0, 1, MEGABYTE] {
            assert_eq!(settling(Tempo::default(), bytes, 0, 200), micros(100_000));
        }
    }

    #[test]
    fn of_a_driver_that_measures_nothing_nothing_is_known() {
        for bytes in [0, 1, MEGABYTE] {
            let time = Tempo::default().settling_time(bytes, None, micros(300), micros(100_000));
            assert_eq!(time, micros(100_000));
        }
    }

    #[test]
    fn a_small_file_in_one_go_is_whole() {
        for (bytes, longest, last, expected) in [
            (0, 0, 0, 300),
            (1, 0, 0, 0),
            (65_535, 199, 199, 0),
            (65_536, 0, 0, 300),
            (65_535, 200, 0, 800),
            (65_535, 0, 200, 100_000),
        ] {
            assert_eq!(settling(Tempo::default(), bytes, longest, last), micros(expected), "{bytes}");
        }
    }

    #[test]
    fn a_network_that_is_slow_is_no_delay() {
        let mut tempo = Tempo::default();
        tempo.handle_received(at(5));
        assert_eq!(settling(tempo, MEGABYTE, 20_000, 0), micros(80_000), "nothing was told before");
        for (told, received) in [(1000, 31_000), (40_000, 60_000), (70_000, 95_000)] {
            tempo.handle_replies_sent(at(told));
            tempo.handle_received(at(received));
            tempo.handle_received(at(received + 1));
        }
        assert_eq!(settling(tempo, MEGABYTE, 20_000, 0), micros(300));
        assert_eq!(settling(tempo, MEGABYTE, 21_000, 0), micros(4000));
        assert_eq!(settling(tempo, MEGABYTE, 21_000, 200), micros(100_000));
        assert_eq!(settling(tempo, 0, 0, 20_199), micros(300), "an empty file");
        assert_eq!(settling(tempo, 0, 0, 20_200), micros(100_000));
    }

    #[test]
    fn the_most_counts_and_may_be_nothing() {
        let waits = Some(Waits::default());
        for (least, most, expected) in [(300, 0, 0), (300, 200, 200), (0, 200, 0)] {
            let time = Tempo::default().settling_time(MEGABYTE, waits, micros(least), micros(most));
            assert_eq!(time, micros(expected));
        }
    }
}
