//! Time stamps of syslog.

use crate::time::{Civil, LogTime};

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// `Jun 16 23:18:38`, the day padded with a blank or a zero, perhaps with a fraction: the time and how long it is.
pub(super) fn rfc3164(text: &[u8]) -> Option<(LogTime, usize)> {
    let head: &[u8; 15] = text.first_chunk()?;
    let month = month(head)?;
    let (civil, len) = day_and_time(&text[3..])?;
    Some((LogTime::NoYear(Civil { month, ..civil }), 3 + len))
}

/// `* 20 23:05:03`: the article's second example, whose month a shell glob has eaten. That is no time.
pub(super) fn without_month(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(b"*")?;
    day_and_time(rest).map(|(_, len)| 1 + len)
}

/// `Mon Jul 24 19:19:10 2017`: C's `ctime`.
pub(super) fn ctime(text: &[u8]) -> Option<(LogTime, usize)> {
    const WEEKDAYS: [&[u8; 4]; 7] = [b"Mon ", b"Tue ", b"Wed ", b"Thu ", b"Fri ", b"Sat ", b"Sun "];
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

/// The number of the month that the text begins with.
pub(super) fn month(text: &[u8]) -> Option<i8> {
    let name: &[u8; 3] = text.first_chunk()?;
    MONTHS.iter().position(|m| *m == name).and_then(|n| i8::try_from(n + 1).ok())
}

/// ` 16 23:18:38` or `  6 23:18:38.123456`: the year and month are left at 0.
fn day_and_time(text: &[u8]) -> Option<(Civil, usize)> {
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
        fn any_bytes_are_a_stamp_or_not(text: Vec<u8>) {
            let _ = (rfc3164(&text), ctime(&text), without_month(&text));
        }
    }
}
