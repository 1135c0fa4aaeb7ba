//! Time stamps of syslog.

use crate::time::{Civil, LogTime, Timestamp};

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

const WEEKDAYS: [&[u8; 4]; 7] = [b"Mon ", b"Tue ", b"Wed ", b"Thu ", b"Fri ", b"Sat ", b"Sun "];

/// Parses `Jun 16 23:18:38`, the day padded with a blank, a zero or not at all, perhaps with a
/// fraction. Returns the time and the length.
pub(crate) fn rfc3164(text: &[u8]) -> Option<(LogTime, usize)> {
    let head: &[u8; 15] = text.first_chunk()?;
    let month = month(head)?;
    let (civil, len) = day_and_time(&text[3..])?;
    let civil = Civil { month, ..civil };
    has_day(civil, 2000).then_some((LogTime::NoYear(civil), 3 + len))
}

/// Parses `* 20 23:05:03`: the article's second example, in which a shell glob has replaced the
/// month. It is skipped, and gives no time.
pub(crate) fn without_month(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(b"*")?;
    day_and_time(rest).map(|(_, len)| 1 + len)
}

/// Parses `Mon Jul 24 19:19:10 2017`: C's `ctime`.
pub(crate) fn ctime(text: &[u8]) -> Option<(LogTime, usize)> {
    let weekday: &[u8; 4] = text.first_chunk()?;
    if !WEEKDAYS.contains(&weekday) {
        return None;
    }
    let (LogTime::NoYear(civil), len) = rfc3164(&text[4..])? else { return None };
    let at = 4 + len;
    let year = text.get(at..at + 5)?;
    let year = year.strip_prefix(b" ").and_then(|y| std::str::from_utf8(y).ok()?.parse().ok())?;
    has_day(civil, year).then_some((LogTime::Local(Civil { year, ..civil }), at + 5))
}

/// Parses `May  6 2024 07:09:10`: Cisco's form, and some appliances'.
pub(crate) fn with_year(text: &[u8]) -> Option<(LogTime, usize)> {
    let month = month(text)?;
    let day: &[u8; 9] = text.get(3..12)?.try_into().ok()?;
    let [b' ', .., b' ', _, _, _, _, b' '] = day else {
        // `May 6 2024`, without the extra blank.
        return shorter_with_year(text, month);
    };
    let year = year(&text[7..11])?;
    let mut civil = [b' '; 32];
    let rest = text.get(11..text.len().min(11 + 28))?;
    civil[..3].copy_from_slice(&text[3..6]);
    civil[3..3 + rest.len()].copy_from_slice(rest);
    let (civil, len) = day_and_time(&civil[..3 + rest.len()])?;
    let civil = Civil { year, month, ..civil };
    has_day(civil, year).then_some((LogTime::Local(civil), 8 + len))
}

fn shorter_with_year(text: &[u8], month: i8) -> Option<(LogTime, usize)> {
    let [b' ', b'1'..=b'9', b' ', a, b, c, d, b' ', rest @ ..] = &text[3..] else { return None };
    let year = year(&[*a, *b, *c, *d])?;
    let mut civil = [b' '; 32];
    let len = rest.len().min(28);
    civil[2] = text[4];
    civil[4..4 + len].copy_from_slice(&rest[..len]);
    let (civil, len) = day_and_time(&civil[..4 + len])?;
    let civil = Civil { year, month, ..civil };
    has_day(civil, year).then_some((LogTime::Local(civil), 7 + len))
}

/// Parses `2024 May  6 07:09:10`: syslog-ng's `$YEAR $DATE`, and OSSEC's archives.
pub(crate) fn year_first(text: &[u8]) -> Option<(LogTime, usize)> {
    let year = year(text.get(..4)?)?;
    let (LogTime::NoYear(civil), len) = rfc3164(text[4..].strip_prefix(b" ")?)? else {
        return None;
    };
    has_day(civil, year).then_some((LogTime::Local(Civil { year, ..civil }), 5 + len))
}

fn year(digits: &[u8]) -> Option<i16> {
    let year = digits.iter().try_fold(0, |n, b| Some(n * 10 + digit(*b)?))?;
    i16::try_from(year).ok().filter(|year| (1970..2200).contains(year))
}

/// Parses `2024-05-06T07:09:10.581301`, or with a blank, slashes or a comma, and no zone behind it.
pub(crate) fn without_zone(text: &[u8]) -> Option<(LogTime, usize)> {
    let head: &[u8; 19] = text.first_chunk()?;
    let is_date = matches!((head[4], head[7]), (b'-', b'-') | (b'/', b'/'));
    if !is_date || !matches!(head[10], b'T' | b' ') {
        return None;
    }
    let two = |at: usize| Some(digit(head[at])? * 10 + digit(head[at + 1])?);
    let year = i16::try_from(two(0)? * 100 + two(2)?).ok()?;
    let month = i8::try_from(two(5)?).ok().filter(|month| (1..=12).contains(month))?;
    // From the day on it is a traditional stamp, except for the mark between day and time.
    let mut day = [b' '; 32];
    let rest = text[8..].split(|b| matches!(b, b' ' | b'\t')).nth(usize::from(head[10] == b' '))?;
    let time = if head[10] == b' ' { rest } else { rest.get(3..)? };
    day[1..3].copy_from_slice(&head[8..10]);
    day.get_mut(4..4 + time.len())?.copy_from_slice(time);
    if day[12] == b',' {
        day[12] = b'.';
    }
    let (civil, len) = day_and_time(&day[..4 + time.len()])?;
    let civil = Civil { year, month, ..civil };
    (len == 4 + time.len() && has_day(civil, year))
        .then_some((LogTime::Local(civil), 11 + time.len()))
}

/// Parses `1500923950.581122`, journald's short-unix, and the time since the epoch as others print
/// it: in seconds with or without a fraction, in milliseconds, microseconds or nanoseconds.
pub(crate) fn unix(text: &[u8]) -> Option<(LogTime, usize)> {
    let len = text.iter().take(30).take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    let time = since_epoch(&text[..len])?;
    (text.get(len) == Some(&b' ')).then_some((LogTime::Instant(time), len))
}

/// Parses a whole text as time since the epoch. The number of digits before the point gives the
/// unit.
pub(crate) fn since_epoch(text: &[u8]) -> Option<Timestamp> {
    let point = text.iter().position(|b| *b == b'.').unwrap_or(text.len());
    let (whole, fraction) = (&text[..point], text.get(point + 1..));
    let unit = match whole.len() {
        10 => 1_000_000_000,
        13 => 1_000_000,
        16 => 1_000,
        19 => 1,
        _ => return None,
    };
    let mut nanos = 0_i64;
    for b in whole {
        nanos = nanos.checked_mul(10)?.checked_add(digit(*b)?)?;
    }
    nanos = nanos.checked_mul(unit)?;
    let fraction = fraction.unwrap_or_default();
    if point + 1 == text.len() || fraction.len() > 9 {
        return None;
    }
    let mut scale = unit;
    for b in fraction {
        scale /= 10;
        nanos = nanos.checked_add(digit(*b)? * scale)?;
    }
    Some(Timestamp::from_nanos(nanos))
}

/// Returns whether a word is the name of a month or of a day of the week.
pub(crate) fn is_word(word: &[u8]) -> bool {
    word.len() == 3
        && (month(word).is_some() || WEEKDAYS.iter().any(|weekday| weekday.starts_with(word)))
}

/// Returns whether a word is the name of a time zone, as stamps have it.
pub(crate) fn is_zone(word: &[u8]) -> bool {
    const ZONES: [&[u8]; 15] = [
        b"UTC", b"GMT", b"CET", b"CEST", b"WET", b"WEST", b"EET", b"EEST", b"BST", b"EST", b"EDT",
        b"CST", b"CDT", b"PST", b"PDT",
    ];
    ZONES.contains(&word)
}

/// Returns whether a text begins with a stamp that is recognised by its form.
pub(crate) fn is_at(text: &[u8]) -> bool {
    match text.first() {
        Some(b'0'..=b'9') => {
            super::rfc3339(text).is_some()
                || without_zone(text).is_some()
                || year_first(text).is_some()
                || of_access_log(text).is_some()
                || by_numbers(text).is_some()
        }
        Some(b'A'..=b'Z') => {
            rfc3164(text).is_some() || with_year(text).is_some() || full(text).is_some()
        }
        _ => false,
    }
}

/// Parses `Mon 2017-07-24 19:19:10.581122 UTC`: journald's short-full. UTC is the only zone with an
/// unambiguous name.
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
        ([b'+' | b'-', ..], LogTime::Local(civil)) => {
            LogTime::Instant(civil.at(civil.year, offset(zone)?)?)
        }
        _ if zone.len() > 5 => return None,
        _ => time,
    };
    Some((time, end))
}

/// Parses `06/May/2024:07:09:10 +0000`, as access logs have it.
fn of_access_log(text: &[u8]) -> Option<(LogTime, usize)> {
    let head: &[u8; 20] = text.first_chunk()?;
    let [a, b, b'/', _, _, _, b'/', years @ ..] = head else { return None };
    let (month, years, rest) = (month(&head[3..])?, years.first_chunk::<4>()?, &head[11..]);
    let mut day = [b' '; 12];
    (day[1], day[2]) = (*a, *b);
    day[4..].copy_from_slice(rest.strip_prefix(b":")?);
    let year = year(years)?;
    let (civil, _) = day_and_time(&day)?;
    let civil = Civil { year, month, ..civil };
    let zone: &[u8; 5] = text[head.len()..].strip_prefix(b" ")?.first_chunk()?;
    let time = has_day(civil, year).then(|| civil.at(year, offset(zone)?))??;
    Some((LogTime::Instant(time), head.len() + 1 + zone.len()))
}

/// Parses `13/05/2024 07:09:10`, `05/13/2024 07:09:10`, or with hyphens or points, and no zone
/// behind it. Where the day and the month may be either, the time is not known.
pub(crate) fn by_numbers(text: &[u8]) -> Option<(LogTime, usize)> {
    let [a, b, mark, c, d, other, y, e, a_year, r, b' ', ..] = *text else { return None };
    if !matches!(mark, b'/' | b'-' | b'.') || mark != other {
        return None;
    }
    let clock = &text[11..];
    let in_order = |day: [u8; 2], month: [u8; 2]| {
        let digits = [&[y, e, a_year, r][..], b"-", &month, b"-", &day, b" "].concat();
        let is_clock = |b: &&u8| b.is_ascii_digit() || matches!(b, b':' | b'.' | b',');
        let len = clock.iter().take(18).take_while(is_clock).count();
        let joined = [&digits, &clock[..len]].concat();
        without_zone(&joined).filter(|(_, len)| *len == joined.len())
    };
    let (first, second) = ([a, b], [c, d]);
    match (in_order(first, second), in_order(second, first)) {
        (Some(one), Some(other)) if one != other => Some((LogTime::Unknown, one.1)),
        (one, other) => one.or(other),
    }
}

/// Returns whether a text is a date of digits alone: `2024-05-06`, `05/06/2024`.
pub(crate) fn is_date(text: &[u8]) -> bool {
    let with_clock = || [text, b" 00:00:00"].concat();
    text.len() == 10 && {
        let joined = with_clock();
        without_zone(&joined).or_else(|| by_numbers(&joined)).is_some()
    }
}

/// Parses `2024-05-06 07:09:10.581 UTC`, or with `+0000`, and `2024-05-06 07:09:10+00`, as
/// `PostgreSQL` prints it, and the stamp of access logs. Of zones with letters only UTC's names are
/// not taken for a host's.
pub(crate) fn zoned(text: &[u8]) -> Option<(LogTime, usize)> {
    if text.get(2) == Some(&b'/') {
        return of_access_log(text);
    }
    let is_clock = |b: &&u8| b.is_ascii_digit() || matches!(b, b'.' | b',');
    let clock = 19 + text.get(19..)?.iter().take(12).take_while(is_clock).count();
    let (LogTime::Local(civil), _) = without_zone(&text[..clock])? else { return None };
    let rest = &text[clock..];
    let zone = rest.strip_prefix(b" ").unwrap_or(rest);
    let before = text.len() - zone.len();
    let zone = &zone[..zone.iter().position(|b| matches!(b, b' ' | b']')).unwrap_or(zone.len())];
    let seconds = if matches!(zone, b"UTC" | b"GMT") { 0 } else { offset(zone)? };
    Some((LogTime::Instant(civil.at(civil.year, seconds)?), before + zone.len()))
}

/// Parses `+02`, `-0330` or `+03:30`: zones whose names have no letters. Returns seconds.
fn offset(zone: &[u8]) -> Option<i32> {
    let (sign, digits) = zone.split_first().filter(|(sign, _)| matches!(sign, b'+' | b'-'))?;
    let number = |tens: u8, ones: u8| {
        let are_digits = tens.is_ascii_digit() && ones.is_ascii_digit();
        are_digits.then(|| i32::from(tens - b'0') * 10 + i32::from(ones - b'0'))
    };
    let (hours, minutes) = match *digits {
        [a, b] => (number(a, b)?, 0),
        [a, b, c, d] | [a, b, b':', c, d] => {
            (number(a, b)?, number(c, d).filter(|minutes| *minutes < 60)?)
        }
        _ => return None,
    };
    let seconds = hours * 3_600 + minutes * 60;
    Some(if *sign == b'-' { -seconds } else { seconds })
}

/// Returns whether the month has the day in this year. Any other text is not a stamp.
const fn has_day(civil: Civil, year: i16) -> bool {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match civil.month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    civil.day <= days
}

/// Parses `5/6/2024, 7:09:12.000 AM`: a whole text, as Azure's portal exports it.
pub(crate) fn american(text: &[u8]) -> Option<LogTime> {
    let text = std::str::from_utf8(text).ok()?;
    let (date, time) = text.split_once(", ")?;
    let mut date = date.split('/').map(|part| part.parse::<i16>().ok());
    let (month, day, year) = (date.next()??, date.next()??, date.next()??);
    let (clock, half) = time.split_once(' ')?;
    let (hour, rest) = clock.split_once(':')?;
    let hour = hour.parse::<i16>().ok().filter(|hour| (1..=12).contains(hour))? % 12;
    let hour = match half {
        "AM" => hour,
        "PM" => hour + 12,
        _ => return None,
    };
    let joined = format!("{year:04}-{month:02}-{day:02} {hour:02}:{rest}");
    let (time, len) = without_zone(joined.as_bytes())?;
    (len == joined.len()).then_some(time)
}

/// Parses `May 6, 2024 @ 07:09:10.581`: a whole text, as Kibana shows it, in the browser's zone.
///
/// Source: kibana `src/core/packages/ui-settings/server-internal`, the setting `dateFormat`.
pub(crate) fn kibana(text: &[u8]) -> Option<LogTime> {
    let month = month(text)?;
    let text = std::str::from_utf8(text).ok()?;
    let (date, clock) = text.get(3..)?.split_once(" @ ")?;
    let (day, year) = date.strip_prefix(' ')?.split_once(", ")?;
    let (day, year) = (day.parse::<u8>().ok()?, year.parse::<u16>().ok()?);
    let joined = format!("{year:04}-{month:02}-{day:02} {clock}");
    let (time, len) = without_zone(joined.as_bytes())?;
    (len == joined.len()).then_some(time)
}

/// Returns whether a text is the name of a month or of a day of the week, whole or its first three
/// letters, in any case.
pub(crate) fn is_whole_word(text: &[u8]) -> bool {
    const NAMES: [&str; 19] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let is = |name: &str| text.eq_ignore_ascii_case(name.as_bytes());
    NAMES.iter().any(|name| is(name) || is(&name[..3]))
}

/// Returns the number of the month at the start of the text.
pub(crate) fn month(text: &[u8]) -> Option<i8> {
    let name: &[u8; 3] = text.first_chunk()?;
    MONTHS.iter().position(|m| *m == name).and_then(|n| i8::try_from(n + 1).ok())
}

/// Parses ` 16 23:18:38`, `  6 23:18:38.123456` or ` 6 23:18:38`: the year and month are left at 0.
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

    #[test]
    fn halves_of_a_day_are_told_apart() {
        for (text, expected) in [
            ("5/6/2024, 7:09:12.500 AM", Some("2024-05-06T07:09:12.5Z")),
            ("12/31/2024, 12:00:00 AM", Some("2024-12-31T00:00:00Z")),
            ("12/31/2024, 12:00:00 PM", Some("2024-12-31T12:00:00Z")),
            ("12/31/2024, 11:59:59 PM", Some("2024-12-31T23:59:59Z")),
            ("13/31/2024, 11:59:59 PM", None),
            ("5/6/2024, 0:09:12 AM", None),
            ("5/6/2024, 7:09:12", None),
        ] {
            let time = american(text.as_bytes());
            let time = time.and_then(|time| time.resolve(&crate::time::TimePolicy::default()));
            assert_eq!(time.map(|it| it.time.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn zones_by_number_are_read_and_those_by_letters_are_not() {
        let text = |zone: &str| format!("Mon 2024-05-06 09:09:10 {zone} cell-1 kernel: x");
        let found = |zone: &str| full(text(zone).as_bytes()).map(|(time, _)| time);
        let at = |text: &str| {
            crate::time::rfc3339(text.as_bytes()).map(|(time, ..)| LogTime::Instant(time))
        };
        for (zone, expected) in [
            ("UTC", "2024-05-06T09:09:10Z"),
            ("+02", "2024-05-06T07:09:10Z"),
            ("-0330", "2024-05-06T12:39:10Z"),
            ("+03:30", "2024-05-06T05:39:10Z"),
        ] {
            assert_eq!(found(zone), at(expected), "{zone}");
        }
        assert!(matches!(found("CEST"), Some(LogTime::Local(_))));
        for zone in ["+2", "+0260", "+99", "+02:0"] {
            assert_eq!(found(zone), None, "{zone}");
        }
    }

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
        fn a_stamp_is_of_a_day_that_there_is(month in 1_i8..13, day in 1_i8..32, year in 1900_i16..2200) {
            let name = std::str::from_utf8(MONTHS[usize::from(month.unsigned_abs()) - 1]).unwrap();
            let is_day = |year| jiff::civil::Date::new(year, month, day).is_ok();
            let traditional = format!("{name} {day:2} 12:00:00");
            prop_assert_eq!(rfc3164(traditional.as_bytes()).is_some(), is_day(2000));
            let with_year = [
                ctime(format!("Mon {traditional} {year}").as_bytes()),
                without_zone(format!("{year}-{month:02}-{day:02} 12:00:00").as_bytes()),
            ];
            prop_assert!(with_year.iter().all(|stamp| stamp.is_some() == is_day(year)));
        }

        #[test]
        fn any_seconds_are_a_stamp_or_not(seconds in 0_u64..=9_999_999_999) {
            let text = format!("{seconds:010}.999999 vm");
            let largest = i64::MAX as u64 / 1_000_000_000;
            prop_assert_eq!(unix(text.as_bytes()).is_some(), seconds < largest, "{}", text);
        }

        #[test]
        fn each_way_to_write_a_date_gives_the_same_time(
            nanos in 0_i64..4_000_000_000_000_000_000, is_padded: bool,
        ) {
            let time = Timestamp::from_nanos(nanos / 1_000_000_000 * 1_000_000_000);
            let at = jiff::tz::Offset::UTC.to_datetime(time.to_jiff());
            let day = if is_padded { "%e" } else { "%-d" };
            for form in [
                format!("%b {day} %Y %H:%M:%S"), format!("%Y %b {day} %H:%M:%S"), "%Y/%m/%d %H:%M:%S".into(),
                "%Y-%m-%d %H:%M:%S,000".into(), "%Y-%m-%dT%H:%M:%S".into(),
            ] {
                let text = at.strftime(&form).to_string();
                let line = format!("{text} host kernel: x");
                let found = [with_year, year_first, without_zone].iter().find_map(|read| read(line.as_bytes()));
                let (read, len) = found.unwrap();
                prop_assert_eq!(read.resolve(&crate::time::TimePolicy::default()).unwrap().time, time, "{}", text);
                prop_assert_eq!(len, text.len(), "{}", text);
                prop_assert!(is_at(line.as_bytes()), "{}", text);
            }
            for unit in [1_000_000_000, 1_000_000, 1_000, 1] {
                let text = (nanos / unit).to_string();
                let expected = Timestamp::from_nanos(nanos / unit * unit);
                if nanos > 1_000_000_000_000_000_000 {
                    prop_assert_eq!(since_epoch(text.as_bytes()), Some(expected), "{}", text);
                }
            }
        }

        #[test]
        fn any_bytes_are_a_stamp_or_not(text: Vec<u8>) {
            let readers = [rfc3164, ctime, without_zone, unix, full, with_year, year_first];
            let ends = readers.iter().filter_map(|read| read(&text).map(|(_, end)| end));
            prop_assert!(ends.chain(without_month(&text)).all(|end| end <= text.len()));
        }
    }
}
