//! When a zone may change where no line shows it: for summer time.
//!
//! Summer time begins and ends at a full or half hour between Saturday, 14:00, and Sunday, 12:00
//! UTC, in spring or autumn. Source: the IANA time zone database, rules in force since 2020. Zones
//! that change on other days are left out: those of Iran, Morocco, Egypt and, in spring, Israel.

use crate::time::{Civil, Timestamp};

/// By how much nearly all zones change.
pub(super) const HOUR_NANOS: i64 = 3_600_000_000_000;
const STEP_NANOS: i64 = HOUR_NANOS / 2;
const DAY_NANOS: i64 = 24 * HOUR_NANOS;
const WEEK_NANOS: i64 = 7 * DAY_NANOS;

/// A week begins on a Thursday, as 1970 did. A zone may change between these two of its instants.
const OPENS: i64 = 2 * DAY_NANOS + 14 * HOUR_NANOS;
const CLOSES: i64 = 3 * DAY_NANOS + 12 * HOUR_NANOS;

/// The months of such weekends.
const MONTHS: [i8; 5] = [3, 4, 9, 10, 11];

/// Returns the first instant after this one at which a zone may change, within a week.
pub(super) fn change_after(nanos: i64) -> Option<i64> {
    let next = nanos.checked_add(STEP_NANOS)?;
    let next = next - next.rem_euclid(STEP_NANOS);
    let wait = match next.rem_euclid(WEEK_NANOS) {
        OPENS..=CLOSES => 0,
        early if early < OPENS => OPENS - early,
        late => WEEK_NANOS + OPENS - late,
    };
    next.checked_add(wait).filter(|at| is_in_season(*at))
}

/// Returns the last instant not after this one at which a zone may have changed, within a week.
pub(super) fn change_before(nanos: i64) -> Option<i64> {
    let last = nanos.checked_sub(nanos.rem_euclid(STEP_NANOS))?;
    let since = match last.rem_euclid(WEEK_NANOS) {
        OPENS..=CLOSES => 0,
        early if early < OPENS => WEEK_NANOS - CLOSES + early,
        late => late - CLOSES,
    };
    last.checked_sub(since).filter(|at| is_in_season(*at))
}

/// Returns whether the instant, or the weekend around it, is of such a month.
fn is_in_season(nanos: i64) -> bool {
    [-3, 0, 3].into_iter().any(|days| {
        let near = Timestamp::from_nanos(nanos.saturating_add(days * DAY_NANOS));
        MONTHS.contains(&Civil::of(near).month)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_nanos()
    }

    #[test]
    fn zones_change_on_weekends_of_spring_and_autumn() {
        for (at, after, before) in [
            // On the weekend itself, at the next half hour, and at the last.
            ("2018-10-28T00:10:00Z", Some("2018-10-28T00:30:00Z"), Some("2018-10-28T00:00:00Z")),
            ("2018-10-28T01:00:00Z", Some("2018-10-28T01:30:00Z"), Some("2018-10-28T01:00:00Z")),
            // In the week, on the next weekend and the last one.
            ("2018-10-30T12:00:00Z", Some("2018-11-03T14:00:00Z"), Some("2018-10-28T12:00:00Z")),
            ("2018-11-03T13:59:59Z", Some("2018-11-03T14:00:00Z"), Some("2018-10-28T12:00:00Z")),
            // A Sunday that is the first of its month.
            ("2019-08-28T12:00:00Z", Some("2019-08-31T14:00:00Z"), None),
            ("2018-07-03T17:03:20Z", None, None),
            ("2018-12-31T23:00:00Z", None, None),
        ] {
            assert_eq!(change_after(nanos(at)), after.map(nanos), "after {at}");
            assert_eq!(change_before(nanos(at)), before.map(nanos), "before {at}");
        }
        for at in [i64::MIN, i64::MAX] {
            let (after, before) = (change_after(at), change_before(at));
            assert!(after.is_none_or(|it| it > at) && before.is_none_or(|it| it <= at));
        }
    }

    #[test]
    fn all_changes_of_five_zones_are_on_such_weekends() {
        // Source: the IANA time zone database, transitions of 2024: Berlin, Anchorage, Auckland,
        // Beirut, Santiago.
        for at in [
            "2024-03-31T01:00:00Z",
            "2024-10-27T01:00:00Z",
            "2024-03-10T11:00:00Z",
            "2024-11-03T10:00:00Z",
            "2024-04-06T14:00:00Z",
            "2024-09-28T14:00:00Z",
            "2024-03-30T22:00:00Z",
            "2024-10-26T21:00:00Z",
            "2024-04-07T03:00:00Z",
            "2024-09-08T04:00:00Z",
        ] {
            assert_eq!(change_after(nanos(at) - 1), Some(nanos(at)), "{at}");
            assert_eq!(change_before(nanos(at)), Some(nanos(at)), "{at}");
        }
    }
}
