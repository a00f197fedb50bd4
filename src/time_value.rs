//! The time values of `MDTM`, `MFMT` and `MLSD` (RFC 3659 2.3).

use core::{fmt, str};

use bytes::{BufMut, BytesMut};

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;
const NANOSECONDS_PER_SECOND: u32 = 1_000_000_000;
/// From 0000-03-01, where the arithmetic below begins so that a leap day ends its year, to 1970-01-01.
const DAYS_TO_UNIX_EPOCH: i64 = 719_468;
/// The Gregorian calendar repeats itself.
const DAYS_PER_400_YEARS: i64 = 146_097;

/// A point in time in UTC, to the nanosecond.
///
/// It is written `YYYYMMDDHHMMSS`, and `.sss` follows where there are milliseconds; [`TimePrecision`] can leave them out.
/// Times before the year 0 and after 9999, for which there are no four digits, are written as the first and the last
/// that can be.
///
/// ```
/// use sansftp::time_value::TimeValue;
///
/// let time = TimeValue::parse(b"20240229123456.75")?;
/// assert_eq!((time.unix_seconds(), time.subsec_nanoseconds()), (1_709_210_096, 750_000_000));
/// assert_eq!(time.to_string(), "20240229123456.750");
/// assert!(TimeValue::parse(b"20230229123456").is_err());
/// # Ok::<(), sansftp::time_value::TimeValueError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeValue {
    seconds: i64,
    nanoseconds: u32,
}

/// How exactly clients are told a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimePrecision {
    /// In whole seconds, always in 14 digits.
    #[default]
    Seconds,
    /// With milliseconds where there are some.
    Milliseconds,
}

/// A date of the Gregorian calendar, also for the time before it was made, with a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Civil {
    /// The year; 0 is 1 BC.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
}

impl TimeValue {
    /// The time that is so many seconds and nanoseconds after 1970-01-01 00:00 UTC. Nanoseconds beyond a second count
    /// as seconds.
    #[must_use]
    pub const fn from_unix(seconds: i64, nanoseconds: u32) -> Self {
        Self {
            seconds: seconds.saturating_add((nanoseconds / NANOSECONDS_PER_SECOND) as i64),
            nanoseconds: nanoseconds % NANOSECONDS_PER_SECOND,
        }
    }

    /// Whole seconds since 1970-01-01 00:00 UTC, rounded towards the past.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.seconds
    }

    /// The nanoseconds that follow the whole second, less than 1,000,000,000.
    #[must_use]
    pub const fn subsec_nanoseconds(self) -> u32 {
        self.nanoseconds
    }

    /// The same time, without what is finer than `precision`.
    ///
    /// ```
    /// use sansftp::time_value::{TimePrecision, TimeValue};
    ///
    /// let time = TimeValue::parse(b"20240229123456.7589")?;
    /// assert_eq!(time.to_precision(TimePrecision::Seconds).to_string(), "20240229123456");
    /// assert_eq!(time.to_precision(TimePrecision::Milliseconds).to_string(), "20240229123456.758");
    /// # Ok::<(), sansftp::time_value::TimeValueError>(())
    /// ```
    #[must_use]
    pub const fn to_precision(self, precision: TimePrecision) -> Self {
        let step = match precision {
            TimePrecision::Seconds => NANOSECONDS_PER_SECOND,
            TimePrecision::Milliseconds => 1_000_000,
        };
        Self { seconds: self.seconds, nanoseconds: self.nanoseconds / step * step }
    }

    /// Reads `YYYYMMDDHHMMSS`, with or without a `.` and digits of a fraction, however many: what is finer than a
    /// nanosecond is dropped.
    ///
    /// A leap second (`235960`) is read as the second before it, because Unix time has no number for it.
    ///
    /// # Errors
    ///
    /// [`TimeValueError`] if it is written differently, or not a date.
    pub fn parse(text: &[u8]) -> Result<Self, TimeValueError> {
        let (date_and_time, fraction) = text.split_at_checked(14).ok_or(TimeValueError::Form)?;
        let nanoseconds = match fraction {
            [] => 0,
            [b'.', digits @ ..] if !digits.is_empty() => parse_fraction(digits)?,
            _ => return Err(TimeValueError::Form),
        };
        let seconds = parse_date_and_time(date_and_time)?.unix_seconds();
        Ok(Self { seconds, nanoseconds })
    }

    /// The date and time of day in UTC.
    #[must_use]
    pub const fn civil(self) -> Civil {
        let day_number = self.seconds.div_euclid(SECONDS_PER_DAY) + DAYS_TO_UNIX_EPOCH;
        let second_of_day = self.seconds.rem_euclid(SECONDS_PER_DAY);

        let day_of_cycle = day_number.rem_euclid(DAYS_PER_400_YEARS);
        // Taking the leap days away leaves years of 365 days each.
        let leap_days = day_of_cycle / 1460 - day_of_cycle / 36_524 + day_of_cycle / 146_096;
        let year_of_cycle = (day_of_cycle - leap_days) / 365;
        let day_of_year = day_of_cycle - days_before_year(year_of_cycle);
        // From March on, each five months have 153 days.
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day_of_month = day_of_year - days_before_month(month_from_march);
        let is_next_year = month_from_march >= 10;

        Civil {
            year: day_number.div_euclid(DAYS_PER_400_YEARS) * 400 + year_of_cycle + is_next_year as i64,
            month: (if is_next_year { month_from_march - 9 } else { month_from_march + 3 }) as u8,
            day: (day_of_month + 1) as u8,
            hour: (second_of_day / 3600) as u8,
            minute: (second_of_day / 60 % 60) as u8,
            second: (second_of_day % 60) as u8,
        }
    }

    /// Appends what `Display` shows.
    pub(crate) fn write(self, out: &mut BytesMut) {
        out.put_slice(self.digits().as_flattened());
        let milliseconds = self.nanoseconds / 1_000_000;
        if milliseconds > 0 {
            let digits = [milliseconds / 100, milliseconds / 10 % 10, milliseconds % 10];
            out.put_u8(b'.');
            out.put_slice(&digits.map(|digit| b'0' + digit as u8));
        }
    }

    fn digits(self) -> [[u8; 2]; 7] {
        let Civil { year, month, day, hour, minute, second } = match self.civil() {
            Civil { year: ..0, .. } => Civil { year: 0, month: 1, day: 1, hour: 0, minute: 0, second: 0 },
            Civil { year: 10_000.., .. } => {
                Civil { year: 9999, month: 12, day: 31, hour: 23, minute: 59, second: 59 }
            }
            civil => civil,
        };
        let pairs = [(year / 100) as u8, (year % 100) as u8, month, day, hour, minute, second];
        pairs.map(|number| [b'0' + number / 10, b'0' + number % 10])
    }
}

impl fmt::Display for TimeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits();
        f.write_str(str::from_utf8(digits.as_flattened()).map_err(|_| fmt::Error)?)?;
        match self.nanoseconds / 1_000_000 {
            0 => Ok(()),
            milliseconds => write!(f, ".{milliseconds:03}"),
        }
    }
}

impl Civil {
    const fn unix_seconds(self) -> i64 {
        let year_from_march = self.year - (self.month < 3) as i64;
        let month_from_march = (self.month as i64 + 9) % 12;
        let day_number =
            days_before_year(year_from_march) + days_before_month(month_from_march) + self.day as i64 - 1;
        (day_number - DAYS_TO_UNIX_EPOCH) * SECONDS_PER_DAY
            + self.hour as i64 * 3600
            + self.minute as i64 * 60
            + self.second as i64
    }

    const fn days_in_month(year: i64, month: u8) -> u8 {
        let is_leap_year = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        match month {
            4 | 6 | 9 | 11 => 30,
            2 if is_leap_year => 29,
            2 => 28,
            _ => 31,
        }
    }
}

/// Days from 0000-03-01 to the first of March of `year`.
const fn days_before_year(year: i64) -> i64 {
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400)
}

/// Days from the first of March to the first day of a month that is counted from March, which is 0.
const fn days_before_month(month_from_march: i64) -> i64 {
    (153 * month_from_march + 2) / 5
}

fn parse_date_and_time(text: &[u8]) -> Result<Civil, TimeValueError> {
    if !text.iter().all(u8::is_ascii_digit) {
        return Err(TimeValueError::Form);
    }
    let mut pairs =
        text.chunks_exact(2).map(|pair| pair.iter().fold(0, |sum, digit| sum * 10 + (digit & 0x0F)));
    let mut next = || pairs.next().ok_or(TimeValueError::Form);
    let year = i64::from(next()?) * 100 + i64::from(next()?);
    let (month, day, hour, minute, second) = (next()?, next()?, next()?, next()?, next()?);

    let is_date = matches!(month, 1..=12) && (1..=Civil::days_in_month(year, month)).contains(&day);
    let is_leap_second = (hour, minute, second) == (23, 59, 60);
    let is_time = hour < 24 && minute < 60 && (second < 60 || is_leap_second);
    if is_date && is_time {
        Ok(Civil { year, month, day, hour, minute, second: second.min(59) })
    } else {
        Err(TimeValueError::NoSuchTime)
    }
}

fn parse_fraction(digits: &[u8]) -> Result<u32, TimeValueError> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(TimeValueError::Form);
    }
    let nine_digits = digits.iter().chain([b'0'; 9].iter()).take(9);
    Ok(nine_digits.fold(0, |sum, digit| sum * 10 + u32::from(digit & 0x0F)))
}

/// Why a text is no time value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TimeValueError {
    /// It is not written as RFC 3659 2.3 says.
    #[error("a time is written YYYYMMDDHHMMSS, in UTC")]
    Form,
    /// The calendar or the clock does not have it, e.g. the 30th of February.
    #[error("there is no such date or time of day")]
    NoSuchTime,
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use proptest::prelude::*;

    use super::*;

    const FIRST_SECOND_OF_0000: i64 = -62_167_219_200;
    const LAST_SECOND_OF_9999: i64 = 253_402_300_799;

    #[test]
    fn knows_well_known_times() {
        for (seconds, text) in [
            (FIRST_SECOND_OF_0000, "00000101000000"),
            (-12_219_292_800, "15821015000000"),
            (-315_619_200, "19600101000000"),
            (-1, "19691231235959"),
            (0, "19700101000000"),
            (951_782_400, "20000229000000"),
            (1_000_000_000, "20010909014640"),
            (2_147_483_648, "20380119031408"),
            (4_107_542_400, "21000301000000"),
            (LAST_SECOND_OF_9999, "99991231235959"),
        ] {
            assert_eq!(TimeValue::from_unix(seconds, 0).to_string(), text);
            assert_eq!(TimeValue::parse(text.as_bytes()), Ok(TimeValue::from_unix(seconds, 0)));
        }
    }

    /// Days counted one by one, from 1970 to the end of 2500 and back to 1500.
    #[test]
    fn counts_days_as_a_calendar_does() {
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for day_number in 0.. {
            let civil = TimeValue::from_unix(day_number * SECONDS_PER_DAY, 0).civil();
            assert_eq!((civil.year, civil.month, civil.day), (year, month, day));
            day += 1;
            if day > Civil::days_in_month(year, month) {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
            if year > 2500 {
                break;
            }
        }
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for day_number in (i64::MIN..=0).rev() {
            let civil = TimeValue::from_unix(day_number * SECONDS_PER_DAY, 0).civil();
            assert_eq!((civil.year, civil.month, civil.day), (year, month, day));
            day -= 1;
            if day == 0 {
                (year, month) = if month == 1 { (year - 1, 12) } else { (year, month - 1) };
                day = Civil::days_in_month(year, month);
            }
            if year < 1500 {
                break;
            }
        }
    }

    #[test]
    fn reads_fractions_of_any_length() {
        let nanoseconds = |text: &str| TimeValue::parse(text.as_bytes()).map(TimeValue::subsec_nanoseconds);
        assert_eq!(nanoseconds("20240101000000.5"), Ok(500_000_000));
        assert_eq!(nanoseconds("20240101000000.000000001"), Ok(1));
        assert_eq!(nanoseconds("20240101000000.9999999999999999999999"), Ok(999_999_999));
        assert_eq!(nanoseconds("20240101000000."), Err(TimeValueError::Form));
        assert_eq!(nanoseconds("20240101000000.1x"), Err(TimeValueError::Form));
        assert_eq!(nanoseconds("20240101000000,1"), Err(TimeValueError::Form));
    }

    #[test]
    fn refuses_what_no_calendar_has() {
        for text in [
            "20240001000000",
            "20241301000000",
            "20240100000000",
            "20240132000000",
            "20240230000000",
            "20230229000000",
            "21000229000000",
            "20240431000000",
            "20240101240000",
            "20240101006000",
            "20240101000060",
            "20240101235961",
        ] {
            assert_eq!(TimeValue::parse(text.as_bytes()), Err(TimeValueError::NoSuchTime), "{text}");
        }
        assert!(TimeValue::parse(b"20000229000000").is_ok(), "2000 was a leap year");
    }

    #[test]
    fn refuses_other_forms() {
        for text in [
            &b""[..],
            b"2024",
            b"2024010100000",
            b"202401010000000",
            b"2024-01-01T00:00",
            b"+2024010100000",
            b"20240101 00000",
            b"20240101000000Z",
            b"\xFF\xFF\xFF\xFF0101000000",
        ] {
            assert_eq!(TimeValue::parse(text), Err(TimeValueError::Form), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn reads_a_leap_second_as_the_one_before() {
        assert_eq!(TimeValue::parse(b"20161231235960"), TimeValue::parse(b"20161231235959"));
    }

    #[test]
    fn shows_milliseconds_where_there_are_some() {
        assert_eq!(TimeValue::from_unix(0, 999_999).to_string(), "19700101000000");
        assert_eq!(TimeValue::from_unix(0, 1_000_000).to_string(), "19700101000000.001");
        assert_eq!(TimeValue::from_unix(0, 999_999_999).to_string(), "19700101000000.999");
    }

    #[test]
    fn carries_nanoseconds_beyond_a_second() {
        assert_eq!(TimeValue::from_unix(1, 2_500_000_000), TimeValue::from_unix(3, 500_000_000));
    }

    #[test]
    fn shows_the_unspeakable_as_its_nearest() {
        assert_eq!(TimeValue::from_unix(i64::MIN, 0).to_string(), "00000101000000");
        assert_eq!(TimeValue::from_unix(i64::MAX, u32::MAX).to_string(), "99991231235959.294");
        assert_eq!(TimeValue::from_unix(LAST_SECOND_OF_9999 + 1, 0).to_string(), "99991231235959");
    }

    proptest! {
        #[test]
        fn reads_what_it_shows(seconds in FIRST_SECOND_OF_0000..=LAST_SECOND_OF_9999, milliseconds in 0..1000_u32) {
            let time = TimeValue::from_unix(seconds, milliseconds * 1_000_000);
            prop_assert_eq!(TimeValue::parse(time.to_string().as_bytes()), Ok(time));
        }

        #[test]
        fn civil_and_back_is_the_same(seconds in any::<i64>(), scale in 0..48_u32) {
            let seconds = seconds >> scale;
            prop_assert_eq!(TimeValue::from_unix(seconds, 0).civil().unix_seconds(), seconds);
        }

        #[test]
        fn later_times_have_later_dates(seconds in -1_i64 << 40..1 << 40, more in 1_i64..1 << 40) {
            let civil = |seconds| TimeValue::from_unix(seconds, 0).civil();
            prop_assert!(civil(seconds) < civil(seconds + more));
        }

        #[test]
        fn writes_what_display_shows(seconds in any::<i64>(), scale in 0..48_u32, nanoseconds in any::<u32>()) {
            let time = TimeValue::from_unix(seconds >> scale, nanoseconds);
            let mut out = BytesMut::new();
            time.write(&mut out);
            prop_assert_eq!(out, time.to_string());
        }

        #[test]
        fn reads_anything_without_a_panic(text in prop::collection::vec(any::<u8>(), 0..24), digits in "[0-9]{14}(\\.[0-9]{0,12})?") {
            let _ = TimeValue::parse(&text);
            if let Ok(time) = TimeValue::parse(digits.as_bytes()) {
                prop_assert!(digits.starts_with(&time.to_string()[..12]));
            }
        }
    }
}
