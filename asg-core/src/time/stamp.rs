//! Time stamps of syslog.

use crate::time::{Civil, LogTime, Timestamp};

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

const WEEKDAYS: [&[u8; 4]; 7] = [b"Mon ", b"Tue ", b"Wed ", b"Thu ", b"Fri ", b"Sat ", b"Sun "];

/// `Jun 16 23:18:38`, the day padded with a blank, a zero or not at all, perhaps with a fraction:
/// the time and how long it is.
pub(crate) fn rfc3164(text: &[u8]) -> Option<(LogTime, usize)> {
    let head: &[u8; 15] = text.first_chunk()?;
    let month = month(head)?;
    let (civil, len) = day_and_time(&text[3..])?;
    Some((LogTime::NoYear(Civil { month, ..civil }), 3 + len))
}

/// `* 20 23:05:03`: the article's second example, whose month a shell glob has eaten. That is no
/// time.
pub(crate) fn without_month(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(b"*")?;
    day_and_time(rest).map(|(_, len)| 1 + len)
}

/// `Mon Jul 24 19:19:10 2017`: C's `ctime`.
pub(crate) fn ctime(text: &[u8]) -> Option<(LogTime, usize)> {
    let weekday: &[u8; 4] = text.first_chunk()?;
    if !WEEKDAYS.contains(&weekday) {
        return None;
    }
    let (LogTime::NoYear(civil), len) = rfc3164(&text[4..])? else { return None };
    let at = 4 + len;
    let year = text.get(at..at + 5)?;
    let year = year.strip_prefix(b" ").and_then(|y| std::str::from_utf8(y).ok()?.parse().ok())?;
    Some((LogTime::Local(Civil { year, ..civil }), at + 5))
}

/// `2024-05-06T07:09:10.581301` or with a blank, and no zone behind it.
pub(crate) fn without_zone(text: &[u8]) -> Option<(LogTime, usize)> {
    let head: &[u8; 19] = text.first_chunk()?;
    if head[4] != b'-' || head[7] != b'-' || !matches!(head[10], b'T' | b' ') {
        return None;
    }
    let two = |at: usize| Some(digit(head[at])? * 10 + digit(head[at + 1])?);
    let year = i16::try_from(two(0)? * 100 + two(2)?).ok()?;
    let month = i8::try_from(two(5)?).ok().filter(|month| (1..=12).contains(month))?;
    // From the day on it is as in a traditional stamp, but for the mark between day and time.
    let mut day = [b' '; 32];
    let rest = text[8..].split(|b| *b == b' ').nth(usize::from(head[10] == b' '))?;
    let time = if head[10] == b' ' { rest } else { rest.get(3..)? };
    day[1..3].copy_from_slice(&head[8..10]);
    day.get_mut(4..4 + time.len())?.copy_from_slice(time);
    let (civil, len) = day_and_time(&day[..4 + time.len()])?;
    (len == 4 + time.len()).then_some(())?;
    Some((LogTime::Local(Civil { year, month, ..civil }), 11 + time.len()))
}

/// `1500923950.581122`: journald's short-unix.
pub(crate) fn unix(text: &[u8]) -> Option<(LogTime, usize)> {
    let (seconds, rest) = text.split_at_checked(10)?;
    let micros = rest.strip_prefix(b".")?.get(..6)?;
    let number = |digits: &[u8]| digits.iter().try_fold(0_i64, |n, b| Some(n * 10 + digit(*b)?));
    let nanos =
        number(seconds)?.checked_mul(1_000_000_000)?.checked_add(number(micros)? * 1_000)?;
    (text.get(17) == Some(&b' ')).then_some((LogTime::Instant(Timestamp::from_nanos(nanos)), 17))
}

/// `Mon 2017-07-24 19:19:10.581122 UTC`: journald's short-full. Of zones, only UTC says what it
/// means.
pub(crate) fn full(text: &[u8]) -> Option<(LogTime, usize)> {
    let weekday: &[u8; 4] = text.first_chunk()?;
    if !WEEKDAYS.contains(&weekday) {
        return None;
    }
    let (time, len) = without_zone(&text[4..])?;
    let zone = text[4 + len..].strip_prefix(b" ")?;
    let zone = &zone[..memchr::memchr(b' ', zone)?];
    let end = 4 + len + 1 + zone.len();
    let time = match (zone, time) {
        (b"UTC" | b"GMT", LogTime::Local(civil)) => LogTime::Instant(civil.at(civil.year, 0)?),
        _ if zone.len() > 5 => return None,
        _ => time,
    };
    Some((time, end))
}

/// The number of the month that the text begins with.
pub(crate) fn month(text: &[u8]) -> Option<i8> {
    let name: &[u8; 3] = text.first_chunk()?;
    MONTHS.iter().position(|m| *m == name).and_then(|n| i8::try_from(n + 1).ok())
}

/// ` 16 23:18:38`, `  6 23:18:38.123456` or ` 6 23:18:38`: the year and month are left at 0.
fn day_and_time(text: &[u8]) -> Option<(Civil, usize)> {
    if let [b' ', b'0'..=b'9', b' ', ..] = text {
        let mut padded = [b' '; 32];
        let len = text.len().min(31);
        padded[1..=len].copy_from_slice(&text[..len]);
        return day_and_time(&padded[..=len]).map(|(civil, len)| (civil, len - 1));
    }
    let head: &[u8; 12] = text.first_chunk()?;
    if head[0] != b' ' || head[3] != b' ' || head[6] != b':' || head[9] != b':' {
        return None;
    }
    let two = |at: usize| Some(digit(head[at])? * 10 + digit(head[at + 1])?);
    let day = if head[1] == b' ' { digit(head[2])? } else { two(1)? };
    let (hour, minute, second) = (two(4)?, two(7)?, two(10)?);
    if !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut len = 12;
    let mut nanos = 0;
    if text.get(len) == Some(&b'.') {
        let digits = text[len + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
        for n in 0..9 {
            nanos = nanos * 10 + if n < digits { digit(text[len + 1 + n])? } else { 0 };
        }
        len += if digits > 0 { 1 + digits } else { 0 };
    }
    let small = |n: i64| i8::try_from(n).ok();
    let civil = Civil {
        year: 0,
        month: 0,
        day: small(day)?,
        hour: small(hour)?,
        minute: small(minute)?,
        second: small(second.min(59))?,
        nanos: i32::try_from(nanos).ok()?,
    };
    Some((civil, len))
}

fn digit(b: u8) -> Option<i64> {
    b.is_ascii_digit().then(|| i64::from(b - b'0'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_stamp_without_a_zone_is_the_one_in_utc_without_its_mark(
            nanos in -2_000_000_000_000_000_000_i64..4_000_000_000_000_000_000, decimals in 0_usize..=9, blank: bool,
        ) {
            let unit = 10_i64.pow(9 - decimals as u32);
            let time = Timestamp::from_nanos(nanos / unit * unit);
            let mut text = format!("{:.decimals$}", jiff::tz::Offset::UTC.to_datetime(time.to_jiff()));
            if blank {
                text = text.replace('T', " ");
            }
            let (read, len) = without_zone(format!("{text} and more").as_bytes()).unwrap();
            prop_assert_eq!(read.resolve(&crate::time::TimePolicy::default()).unwrap().time, time, "{}", text);
            prop_assert_eq!(len, text.len());
        }

        #[test]
        fn any_seconds_are_a_stamp_or_not(seconds in 0_u64..=9_999_999_999) {
            let text = format!("{seconds:010}.999999 vm");
            let largest = i64::MAX as u64 / 1_000_000_000;
            prop_assert_eq!(unix(text.as_bytes()).is_some(), seconds < largest, "{}", text);
        }

        #[test]
        fn any_bytes_are_a_stamp_or_not(text: Vec<u8>) {
            let readers = [rfc3164, ctime, without_zone, unix, full];
            let ends = readers.iter().filter_map(|read| read(&text).map(|(_, end)| end));
            prop_assert!(ends.chain(without_month(&text)).all(|end| end <= text.len()));
        }
    }
}
