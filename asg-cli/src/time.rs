//! The options `--year` and `--utc-offset`, which complete time stamps that lack a year or a zone.

use asg_core::time::YearPolicy;
use asg_core::{TimePolicy, Timestamp};

use crate::output::zone::Zone;
use crate::report::Failure;

/// Sets the year of time stamps without one.
///
/// # Errors
///
/// [`Failure::Usage`] if the text is not a year.
pub fn set_year(policy: &mut TimePolicy, text: &str) -> Result<(), Failure> {
    let year = text.parse().ok().filter(|year| (1970..=2261).contains(year));
    let year = year.ok_or_else(|| {
        Failure::Usage(format!("--year takes a year from 1970 to 2261, and not `{text}`"))
    })?;
    policy.year = YearPolicy::Fixed(year);
    Ok(())
}

/// Sets the zone of time stamps without one.
///
/// ```
/// use asg_core::TimePolicy;
/// use asg_cli::time::set_utc_offset;
///
/// let mut policy = TimePolicy::default();
/// set_utc_offset(&mut policy, "-03:30").unwrap();
/// assert_eq!(policy.utc_offset, Some(-12_600));
/// assert!(set_utc_offset(&mut policy, "Europe/Berlin").is_err());
/// ```
///
/// # Errors
///
/// [`Failure::Usage`] if the text is not an offset.
pub fn set_utc_offset(policy: &mut TimePolicy, text: &str) -> Result<(), Failure> {
    policy.utc_offset = Some(offset(text).ok_or_else(|| {
        Failure::Usage(format!(
            "--utc-offset takes an offset such as +02:00 or -5, and not `{text}`"
        ))
    })?);
    Ok(())
}

/// Returns a time as people write it: with a zone, or a date or a date and a time in this zone.
pub(crate) fn moment(text: &str, zone: &Zone) -> Option<Timestamp> {
    Timestamp::parse(text.as_bytes()).ok().or_else(|| zone.read(text))
}

/// Parses `+02:00`, `+0200`, `-5` or `Z` into seconds east of UTC.
pub(crate) fn offset(text: &str) -> Option<i32> {
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (hours, minutes) = match (digits.split_once(':'), digits.len()) {
        (Some(parts), _) => parts,
        (None, 4) => digits.split_at_checked(2)?,
        (None, _) => (digits, "0"),
    };
    let number = |text: &str| {
        (1..=2).contains(&text.len()).then_some(())?;
        text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<i32>().ok())?
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_what_people_write_and_nothing_else() {
        for (text, seconds) in [
            ("0", Some(0)),
            ("Z", Some(0)),
            ("2", Some(7_200)),
            ("+02:00", Some(7_200)),
            ("-0330", Some(-12_600)),
            ("+5:45", Some(20_700)),
            ("-5", Some(-18_000)),
            ("", None),
            ("+", None),
            ("24", None),
            ("1:60", None),
            ("--5", None),
            ("+-5", None),
            ("é200", None),
            ("5.5", None),
        ] {
            assert_eq!(offset(text), seconds, "{text}");
        }
    }
}
