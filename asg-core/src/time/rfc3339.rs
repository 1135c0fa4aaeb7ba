//! RFC 3339, at the pace of a log.

use super::Timestamp;

/// Reads a stamp at the start of the text: the instant, how long the stamp is, and whether a comma marked the fraction.
///
/// Also `+0000` for the offset, as journald has it. Hand-written because every line of a modern log has one; the tests hold
/// it to the calendar library.
pub(crate) fn rfc3339(text: &[u8]) -> Option<(Timestamp, usize, bool)> {
    let head: &[u8; 19] = text.first_chunk()?;
    let punctuation = [head[4], head[7], head[13], head[16]];
    if punctuation != *b"--::" || !matches!(head[10], b'T' | b't' | b' ') {
        return None;
    }
    // All digits are looked at, and asked once whether they are.
    let mut worst = 0;
    let mut two = |at: usize| {
        let (a, b) = (head[at].wrapping_sub(b'0'), head[at + 1].wrapping_sub(b'0'));
        worst = worst.max(a).max(b);
        i64::from(a) * 10 + i64::from(b)
    };
    let year = two(0) * 100 + two(2);
    let (month, day) = (two(5), two(8));
    let (hour, minute, second) = (two(11), two(14), two(17));
    if worst > 9 || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut at = 19;
    let mut nanos = 0_i64;
    let comma = text.get(at) == Some(&b',');
    if matches!(text.get(at), Some(b'.' | b',')) {
        at += 1;
        let digits = text[at..].iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        for n in 0..9 {
            nanos = nanos * 10 + if n < digits { digit(text[at + n])? } else { 0 };
        }
        at += digits;
    }
    let mut offset = 0;
    match text.get(at)? {
        b'Z' | b'z' => at += 1,
        sign @ (b'+' | b'-') => {
            let zone = &text[at + 1..];
            let (hours, minutes, len) = match zone {
                [a, b, b':', c, d, ..] => ([*a, *b], [*c, *d], 5),
                [a, b, c, d, ..] => ([*a, *b], [*c, *d], 4),
                _ => return None,
            };
            let number = |[a, b]: [u8; 2]| Some(digit(a)? * 10 + digit(b)?);
            offset = number(hours)? * 3600 + number(minutes)? * 60;
            if *sign == b'-' {
                offset = -offset;
            }
            at += 1 + len;
        }
        _ => return None,
    }
    // A leap second is shown as the last moment of the minute.
    let second = second.min(59);
    let days = days_since_epoch(year, month, day)?;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    let time = seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?;
    Some((Timestamp::from_nanos(time), at, comma))
}

fn digit(b: u8) -> Option<i64> {
    b.is_ascii_digit().then(|| i64::from(b - b'0'))
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar; `None` if there is no such day.
fn days_since_epoch(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    // Years begin in March here, so that the leap day is the last of one.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        fn what_is_no_day_is_no_stamp(month in 0_u8..14, day in 0_u8..33, year in 1700_i16..2200) {
            let text = format!("{year:04}-{month:02}-{day:02}T12:00:00Z");
            let ours = rfc3339(text.as_bytes()).map(|(t, ..)| t);
            let calendar = text.parse().ok().and_then(Timestamp::from_jiff);
            prop_assert_eq!(ours, calendar);
        }

        #[test]
        fn any_bytes_are_a_stamp_or_not(text: Vec<u8>) {
            let _ = rfc3339(&text);
        }
    }
}
