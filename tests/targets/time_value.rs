//! Time values.
//!
//! Input: seconds and nanoseconds since 1970, of which a time is made; a text, which is read as one.

use sansftp::{
    TimeValue,
    time_value::{Civil, TimeValueError},
};

#[path = "input.rs"]
mod input;
use self::input::Input;

const FIRST_SECOND_OF_0000: i64 = -62_167_219_200;
const LAST_SECOND_OF_9999: i64 = 253_402_300_799;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let seconds = i64::from_le_bytes(input.bytes());
    let nanoseconds = u32::from_le_bytes(input.bytes());
    let text = input.rest();

    check_time(TimeValue::from_unix(seconds, nanoseconds));
    // Most seconds are in no year that has four digits.
    let of_four_digits =
        seconds.rem_euclid(LAST_SECOND_OF_9999 + 1 - FIRST_SECOND_OF_0000) + FIRST_SECOND_OF_0000;
    check_time(TimeValue::from_unix(of_four_digits, nanoseconds));
    check_text(text);
}

/// It is printed in one form, which is read as the same time to the millisecond.
fn check_time(time: TimeValue) {
    assert!(time.subsec_nanoseconds() < 1_000_000_000);
    let Civil { year, month, day, hour, minute, second } = time.civil();
    assert!((1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day));
    assert!(hour < 24 && minute < 60 && second < 60);
    let next_second = TimeValue::from_unix(time.unix_seconds().saturating_add(1), 0);
    assert!(time.civil() <= next_second.civil(), "the calendar goes on");

    let printed = time.to_string();
    let (date_and_time, fraction) = printed.split_at(14);
    assert!(date_and_time.bytes().all(|byte| byte.is_ascii_digit()));
    match time.subsec_nanoseconds() / 1_000_000 {
        0 => assert_eq!(fraction, ""),
        milliseconds => assert_eq!(fraction, format!(".{milliseconds:03}")),
    }
    if (FIRST_SECOND_OF_0000..=LAST_SECOND_OF_9999).contains(&time.unix_seconds()) {
        assert_eq!(date_and_time, format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}"));
        assert_eq!(TimeValue::parse(printed.as_bytes()), Ok(to_the_millisecond(time)));
    }
}

fn to_the_millisecond(time: TimeValue) -> TimeValue {
    TimeValue::from_unix(time.unix_seconds(), time.subsec_nanoseconds() / 1_000_000 * 1_000_000)
}

/// RFC 3659 2.3, with a calendar that counts year by year.
fn check_text(text: &[u8]) {
    let parsed = TimeValue::parse(text);
    assert_eq!(parsed, read(text), "{}", text.escape_ascii());
    if let Ok(time) = parsed {
        let printed = time.to_string();
        assert_eq!(TimeValue::parse(printed.as_bytes()), Ok(to_the_millisecond(time)));
        check_time(time);
    }
}

fn read(text: &[u8]) -> Result<TimeValue, TimeValueError> {
    let text = str::from_utf8(text).map_err(|_| TimeValueError::Form)?;
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, part)| (whole, Some(part)));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 14 || !is_number(whole) || !fraction.is_none_or(is_number) {
        return Err(TimeValueError::Form);
    }
    let field = |from: usize, to: usize| whole[from..to].parse::<u8>().map_err(|_| TimeValueError::Form);
    let year = i64::from(field(0, 2)?) * 100 + i64::from(field(2, 4)?);
    let (month, day) = (field(4, 6)?, field(6, 8)?);
    let (hour, minute, second) = (field(8, 10)?, field(10, 12)?, field(12, 14)?);
    let is_date = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    let is_leap_second = hour == 23 && minute == 59 && second == 60;
    if !is_date || hour > 23 || minute > 59 || (second > 59 && !is_leap_second) {
        return Err(TimeValueError::NoSuchTime);
    }
    let days_to = |year| (0..year).map(|year| if is_leap_year(year) { 366 } else { 365 }).sum::<i64>();
    let years = days_to(year) - days_to(1970);
    let months = (1..month).map(|month| i64::from(days_in_month(year, month))).sum::<i64>();
    let days = years + months + i64::from(day) - 1;
    let minutes = days * 1440 + i64::from(hour) * 60 + i64::from(minute);
    let nanoseconds = format!("{:0<9.9}", fraction.unwrap_or_default()).parse().unwrap_or(u32::MAX);
    Ok(TimeValue::from_unix(minutes * 60 + i64::from(second.min(59)), nanoseconds))
}

const fn is_leap_year(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in_month(year: i64, month: u8) -> u8 {
    match month {
        2 if is_leap_year(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
