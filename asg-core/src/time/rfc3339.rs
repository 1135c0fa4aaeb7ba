//! A fast parser of RFC 3339.

use super::{LogTime, Timestamp, stamp};
use crate::bytes::digits::{Digits, nanos};

/// Parses a stamp at the start of the text. Returns the instant, the length of the stamp, and
/// whether a comma marked the fraction.
///
/// It also accepts the offset `+0000`, as journald writes it. It is hand-written because every line
/// of a modern log has a stamp; the tests compare it with the calendar library.
pub(crate) fn rfc3339(text: &[u8]) -> Option<(Timestamp, usize, bool)> {
    const DATE: [u8; 8] = *b"0000-00-";
    const CLOCK: [u8; 8] = *b"00:00:00";
    let head: &[u8; 19] = text.first_chunk()?;
    let date = Digits::without(*head.first_chunk()?, DATE);
    let clock = Digits::without(*head.last_chunk()?, CLOCK);
    let [day_tens, day_ones] = [head[8], head[9]].map(|b| b.wrapping_sub(b'0'));
    let is_day = day_tens.max(day_ones) < 10;
    if !date.are(DATE) || !clock.are(CLOCK) || !is_day || !matches!(head[10], b'T' | b't' | b' ') {
        return None;
    }
    let [century, _, year, _, _, month, ..] = date.pairs().map(u32::from);
    let [hour, _, _, minute, _, _, second, _] = clock.pairs().map(i64::from);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut at = 19;
    let mut fraction = 0;
    let comma = text.get(at) == Some(&b',');
    if matches!(text.get(at), Some(b'.' | b',')) {
        let (nanos, digits) = nanos(&text[at + 1..])?;
        fraction = i64::from(nanos);
        at += 1 + digits;
    }
    let mut offset = 0;
    match text.get(at)? {
        b'Z' | b'z' => at += 1,
        b'+' if text[at..].starts_with(b"+00:00") => at += 6,
        sign @ (b'+' | b'-') => {
            let zone = &text[at + 1..];
            let (hours, minutes, len) = match zone {
                [a, b, b':', c, d, ..] => ([*a, *b], [*c, *d], 5),
                [a, b, c, d, ..] => ([*a, *b], [*c, *d], 4),
                _ => return None,
            };
            let number = |[a, b]: [u8; 2], most| {
                Some(digit(a)? * 10 + digit(b)?).filter(|number| *number <= most)
            };
            offset = number(hours, 23)? * 3600 + number(minutes, 59)? * 60;
            if *sign == b'-' {
                offset = -offset;
            }
            at += 1 + len;
        }
        _ => return None,
    }
    // A leap second is shown as the last moment of the minute.
    let second = second.min(59);
    let day = u32::from(day_tens) * 10 + u32::from(day_ones);
    let days = days_since_epoch(century * 100 + year, month, day)?;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    let time = seconds.checked_mul(1_000_000_000)?.checked_add(fraction)?;
    Some((Timestamp::from_nanos(time), at, comma))
}

/// Parses stamps that come in the order of a log: within a minute only the seconds need be parsed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stamps {
    minute: Option<Minute>,
    second: Option<Second>,
}

/// A second as traditional syslog shows it, and the blank behind it: `Jun 16 23:18:38 `.
#[derive(Debug, Clone, Copy)]
struct Second {
    text: [u8; 16],
    shown: LogTime,
}

/// A minute of UTC.
#[derive(Debug, Clone, Copy)]
struct Minute {
    /// The common part of its stamps, up to the colon before the seconds.
    text: [u8; MINUTE],
    /// Its first nanosecond.
    starts: i64,
}

const MINUTE: usize = "2024-05-06T07:09:".len();

impl Stamps {
    /// Parses a stamp like [`rfc3339`].
    #[inline]
    pub(crate) fn parse(&mut self, text: &[u8]) -> Option<(Timestamp, usize, bool)> {
        self.in_minute(text).map(|(time, len)| (time, len, false)).or_else(|| self.remember(text))
    }

    /// Reads a traditional stamp as [`stamp::rfc3164`] does.
    #[inline]
    pub(crate) fn read_rfc3164(&mut self, text: &[u8]) -> Option<(LogTime, usize)> {
        if let (Some(second), Some(start)) = (&self.second, text.first_chunk())
            && second.text == *start
        {
            return Some((second.shown, start.len() - 1));
        }
        let (shown, len) = stamp::rfc3164(text)?;
        if let Some(start @ [.., b' ']) = text.first_chunk::<16>()
            && len == start.len() - 1
        {
            self.second = Some(Second { text: *start, shown });
        }
        Some((shown, len))
    }

    /// Parses only forms such as `2024-05-06T07:09:10.581301+00:00`.
    #[inline]
    fn in_minute(&self, text: &[u8]) -> Option<(Timestamp, usize)> {
        let minute = self.minute.as_ref()?;
        let (head, rest) = text.split_first_chunk()?;
        let ([tens, ones, b'.'], fraction) = rest.split_first_chunk()? else { return None };
        let [tens, ones] = [tens, ones].map(|b| b.wrapping_sub(b'0'));
        if *head != minute.text || tens > 5 || ones > 9 {
            return None;
        }
        let (nanos, digits) = nanos(fraction)?;
        let zone = match fraction.get(digits..)? {
            [b'Z', ..] => 1,
            zone if zone.starts_with(b"+00:00") => 6,
            _ => return None,
        };
        let seconds = i64::from(tens * 10 + ones);
        let time = minute.starts + seconds * 1_000_000_000 + i64::from(nanos);
        Some((Timestamp::from_nanos(time), MINUTE + "10.".len() + digits + zone))
    }

    fn remember(&mut self, text: &[u8]) -> Option<(Timestamp, usize, bool)> {
        let (time, len, comma) = rfc3339(text)?;
        let is_utc = matches!(text[..len], [.., b'Z'] | [.., b'+', b'0', b'0', b':', b'0', b'0']);
        // Then the whole minute is in range.
        let starts = time.as_nanos().div_euclid(MINUTE_NANOS) * MINUTE_NANOS;
        if is_utc && starts < i64::MAX - MINUTE_NANOS {
            self.minute = Some(Minute { text: *text.first_chunk()?, starts });
        }
        Some((time, len, comma))
    }
}

const MINUTE_NANOS: i64 = 60_000_000_000;

fn digit(b: u8) -> Option<i64> {
    b.is_ascii_digit().then(|| i64::from(b - b'0'))
}

/// Returns the days from 1970-01-01 in the proleptic Gregorian calendar; `None` if the day does not
/// exist.
pub(super) fn days_since_epoch(year: u32, month: u32, day: u32) -> Option<i64> {
    /// The days of each month, and those before it in a year that begins in March, so that the leap
    /// day is its last.
    const MONTHS: [(u32, u32); 12] = [
        (31, 306),
        (29, 337),
        (31, 0),
        (30, 31),
        (31, 61),
        (30, 92),
        (31, 122),
        (31, 153),
        (30, 184),
        (31, 214),
        (30, 245),
        (31, 275),
    ];
    let (last, before) = *MONTHS.get(month.wrapping_sub(1) as usize)?;
    let is_leap =
        || year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if day.wrapping_sub(1) >= last || (month == 2 && day == 29 && !is_leap()) {
        return None;
    }
    // Four centuries are added, so that the year before the year 0 is not a special case.
    let year = year + 400 - u32::from(month <= 2);
    let days = year * 365 + year / 4 - year / 100 + year / 400 + before + day - 1;
    Some(i64::from(days) - (719_468 + 146_097))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_offset_is_below_a_day_and_its_minutes_below_an_hour() {
        let is_read =
            |zone: &str| rfc3339(format!("2024-05-06T07:09:10{zone}").as_bytes()).is_some();
        for zone in ["+23:59", "-12:00", "+0530", "+00:59"] {
            assert!(is_read(zone), "{zone}");
        }
        for zone in ["+24:00", "-99:00", "+02:60", "+0299"] {
            assert!(!is_read(zone), "{zone}");
        }
    }

    proptest! {
        #[test]
        fn the_hand_written_stamp_agrees_with_the_calendar_library(
            nanos: i64, decimals in 0_usize..=9, minutes in -1439_i64..=1439, colon: bool,
        ) {
            let time = Timestamp::from_nanos(nanos / 10_i64.pow(9 - decimals as u32) * 10_i64.pow(9 - decimals as u32));
            let offset = jiff::tz::Offset::from_seconds((minutes * 60) as i32).unwrap();
            let local = offset.to_datetime(time.to_jiff());
            let sign = if minutes < 0 { '-' } else { '+' };
            let zone = format!("{sign}{:02}{}{:02}", minutes.abs() / 60, if colon { ":" } else { "" }, minutes.abs() % 60);
            let text = format!("{local:.decimals$}{zone} and more");
            let (read, len, comma) = rfc3339(text.as_bytes()).unwrap();
            prop_assert_eq!(read, time, "{}", text);
            prop_assert_eq!(&text[len..], " and more");
            prop_assert!(!comma);
        }

        #[test]
        fn stamps_of_a_log_are_read_as_each_by_itself(
            lines in prop::collection::vec((0..3_u8, 0..70_u8, 0..12_usize, 0..8_usize, any::<(u8, prop::sample::Index)>()), 1..20),
        ) {
            let mut stamps = Stamps::default();
            for (minute, second, digits, zone, (byte, at)) in lines {
                let zone = ["Z", "+00:00", "+00:00 ", "-00:00", "+01:00", "+0000", "z x", ""][zone];
                let fraction = if digits == 0 { String::new() } else { format!(".{:.digits$}", "123456789012") };
                let mut text = format!("2024-05-06T07:{minute:02}:{second:02}{fraction}{zone}").into_bytes();
                prop_assert_eq!(stamps.parse(&text), rfc3339(&text));
                let at = at.index(text.len());
                text[at] = byte;
                prop_assert_eq!(stamps.parse(&text), rfc3339(&text), "{}", text.escape_ascii());
            }
        }

        #[test]
        fn traditional_stamps_of_a_log_are_read_as_each_by_itself(
            lines in prop::collection::vec(
                (0..4_usize, 0..3_u8, 0..4_usize, any::<(u8, prop::sample::Index)>()), 1..20,
            ),
        ) {
            let mut stamps = Stamps::default();
            for (day, second, behind, (byte, at)) in lines {
                let day = ["16", " 6", "06", "6"][day];
                let behind = [" host", ".5 host", "", "x"][behind];
                let mut text = format!("Jun {day} 23:18:3{second}{behind}").into_bytes();
                prop_assert_eq!(stamps.read_rfc3164(&text), stamp::rfc3164(&text));
                let at = at.index(text.len());
                text[at] = byte;
                prop_assert_eq!(stamps.read_rfc3164(&text), stamp::rfc3164(&text));
            }
        }

        #[test]
        fn what_is_no_day_is_no_stamp(month in 0_u8..14, day in 0_u8..33, year in 1700_i16..2200) {
            let text = format!("{year:04}-{month:02}-{day:02}T12:00:00Z");
            let ours = rfc3339(text.as_bytes()).map(|(t, ..)| t);
            let calendar = text.parse().ok().and_then(Timestamp::from_jiff);
            prop_assert_eq!(ours, calendar);
        }

        #[test]
        fn any_bytes_are_a_stamp_or_not(text: Vec<u8>) {
            prop_assert!(rfc3339(&text).is_none_or(|(_, end, _)| end <= text.len()));
        }
    }
}
