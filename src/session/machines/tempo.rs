//! How promptly a client acts, and so how long the end of its upload takes to settle.
//!
//! The system of a client that is killed closes the data connection first and the control connection next, mostly within
//! 0.1 ms. But on a busy machine it has to wait for its turn in between, and then it had to wait before the first of them,
//! too: between the last bytes and their end there is a pause. A client that is done closes the data connection right
//! behind its last bytes. So what settles at once is told from what may not by the waits for the client.

use core::time::Duration;

use crate::{instant::Instant, session::event::Waits};

/// A client that is done sends without longer waits than this, and closes the data connection as soon: even on a busy
/// machine, 99 of 100 take less than a quarter of it.
const PAUSE: Duration = Duration::from_micros(200);
/// The two ends may be this many times as far apart as the bytes before them: a client that lost its turn once may lose it
/// for longer.
const DELAY_FACTOR: u32 = 8;
/// Turns are a few milliseconds, so beyond this time …
const TURNS: Duration = Duration::from_millis(12);
/// … a smaller factor is enough.
const LONG_DELAY_FACTOR: u32 = 3;
/// A client that was killed after a pause may have got its turn soon, and have had to wait long for the next one.
const PAUSE_FACTOR: u32 = 64;
/// A client that pauses behind a small file that came in one go could only have been killed in that very moment.
const SMALL_PAUSE_FACTOR: u32 = 4;
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
        let Some(waits) = waits else { return most };
        let turn = self.fastest.unwrap_or_default();
        // A turn that is awaited before bytes is no delay, and without any bytes the end stands for them. A client
        // that sent nothing does not count as prompt.
        let pause = if bytes == 0 { waits.last.saturating_sub(turn).max(PAUSE) } else { waits.last };
        let delay = waits.longest.saturating_sub(turn);
        let comes_in_one_go = delay < PAUSE && (1..ONE_GO_LIMIT).contains(&bytes);
        let for_pause = match pause < PAUSE {
            true if comes_in_one_go => return Duration::ZERO,
            true => Duration::ZERO,
            false => pause.saturating_mul(if comes_in_one_go { SMALL_PAUSE_FACTOR } else { PAUSE_FACTOR }),
        };
        let for_delay = match delay < PAUSE {
            true => Duration::ZERO,
            false => {
                delay.saturating_mul(DELAY_FACTOR).min(TURNS).max(delay.saturating_mul(LONG_DELAY_FACTOR))
            }
        };
        for_pause.max(for_delay).max(least).min(most)
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
        for (longest, last) in [(0, 0), (199, 0), (199, 199)] {
            assert_eq!(settling(Tempo::default(), MEGABYTE, longest, last), micros(300));
        }
    }

    #[test]
    fn the_later_bytes_came_the_later_an_end_may_come() {
        for (longest, expected) in
            [(200, 1600), (1000, 8000), (1501, 12_000), (4000, 12_000), (5000, 15_000), (33_334, 100_000)]
        {
            assert_eq!(settling(Tempo::default(), MEGABYTE, longest, 0), micros(expected));
        }
        assert_eq!(settling(Tempo::default(), MEGABYTE, u64::MAX, 0), micros(100_000));
    }

    #[test]
    fn a_pause_before_the_end_is_what_a_killed_client_makes() {
        for (bytes, longest, last, expected) in [
            (0, 0, 0, 12_800),
            (0, 0, 201, 12_864),
            (MEGABYTE, 0, 200, 12_800),
            (MEGABYTE, 4266, 200, 12_800),
            (MEGABYTE, 4300, 200, 12_900),
            (MEGABYTE, 0, 1562, 99_968),
            (MEGABYTE, 0, 1563, 100_000),
            (1, 200, 200, 12_800),
            // A small file that has come in one go is one whose client would have been killed in a very short time.
            (1, 0, 200, 800),
            (65_535, 199, 24_999, 99_996),
            (65_535, 199, 25_001, 100_000),
        ] {
            assert_eq!(settling(Tempo::default(), bytes, longest, last), micros(expected), "{bytes} {last}");
        }
        assert_eq!(settling(Tempo::default(), MEGABYTE, 0, u64::MAX), micros(100_000));
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
            (0, 0, 0, 12_800),
            (1, 0, 0, 0),
            (65_535, 199, 199, 0),
            (65_536, 0, 0, 300),
            (65_535, 200, 0, 1600),
        ] {
            assert_eq!(settling(Tempo::default(), bytes, longest, last), micros(expected), "{bytes}");
        }
    }

    #[test]
    fn a_network_that_is_slow_is_no_delay() {
        let mut tempo = Tempo::default();
        tempo.handle_received(at(5));
        assert_eq!(settling(tempo, MEGABYTE, 20_000, 0), micros(60_000), "nothing was told before");
        for (told, received) in [(1000, 31_000), (40_000, 60_000), (70_000, 95_000)] {
            tempo.handle_replies_sent(at(told));
            tempo.handle_received(at(received));
            tempo.handle_received(at(received + 1));
        }
        assert_eq!(settling(tempo, MEGABYTE, 20_000, 0), micros(300));
        assert_eq!(settling(tempo, MEGABYTE, 21_000, 0), micros(8000));
        assert_eq!(settling(tempo, MEGABYTE, 21_000, 200), micros(12_800));
        assert_eq!(settling(tempo, 0, 0, 20_200), micros(12_800), "an empty file");
        assert_eq!(settling(tempo, 0, 0, 20_201), micros(12_864));
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
