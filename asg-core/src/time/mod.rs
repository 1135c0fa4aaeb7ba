//! Instants, the kernel's uptimes, and stamps that are not complete.
//!
//! A [`Timestamp`] is an instant and a [`TimeRange`] its bounds. A header shows a [`LogTime`],
//! which may lack a year or a zone; a [`TimePolicy`] completes it, and [`Resolved`] says how well.
//! An [`Uptime`] counts from the boot of a machine.
//!
//! ```
//! use asg_core::time::{Civil, LogTime, YearPolicy};
//! use asg_core::{TimePolicy, Timestamp};
//!
//! let stamp = Timestamp::parse(b"2024-05-06T09:09:10+02:00")?;
//! assert_eq!(stamp.to_string(), "2024-05-06T07:09:10Z");
//! assert!(matches!(
//!     asg_core::Line::new(b"May  6 07:09:10 cell-1 kernel: hello").envelope().time,
//!     LogTime::NoYear(Civil { month: 5, day: 6, .. }),
//! ));
//! assert_eq!(TimePolicy::default().year, YearPolicy::default());
//! # Ok::<(), asg_core::Error>(())
//! ```

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Error;
use crate::words::{from_str, words};

mod convert;
mod range;
mod rfc3339;
pub(crate) mod stamp;
mod text;

pub use range::TimeRange;
use rfc3339::days_since_epoch;
pub(crate) use rfc3339::{Stamps, rfc3339};
pub use text::TimeText;

/// An instant, in nanoseconds since 1970-01-01T00:00:00Z without leap seconds; the years 1678 to
/// 2261.
///
/// It prints as RFC 3339 in UTC, with as many decimals as it has.
///
/// ```
/// use asg_core::Timestamp;
///
/// let time = Timestamp::parse(b"2018-04-03T17:05:02.358719+02:00")?;
/// assert_eq!(time.to_string(), "2018-04-03T15:05:02.358719Z");
/// assert_eq!(Timestamp::from_nanos(0).to_string(), "1970-01-01T00:00:00Z");
/// # Ok::<(), asg_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Creates the instant `nanos` nanoseconds after (before, if negative) the epoch.
    ///
    /// ```
    /// use asg_core::Timestamp;
    /// assert_eq!(Timestamp::from_nanos(1_500_000_000).to_string(), "1970-01-01T00:00:01.5Z");
    /// ```
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Returns the nanoseconds since the epoch.
    ///
    /// ```
    /// use asg_core::Timestamp;
    /// assert_eq!(Timestamp::from_nanos(7).as_nanos(), 7);
    /// ```
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Parses RFC 3339: date, `T` or a blank, time, any number of decimals, and `Z` or an offset.
    ///
    /// # Errors
    ///
    /// If it is not that, or the instant is out of range; the offset is the start of the text.
    ///
    /// ```
    /// use asg_core::Timestamp;
    /// let time = Timestamp::parse(b"2024-05-06T09:09:10+02:00")?;
    /// assert_eq!(time.to_string(), "2024-05-06T07:09:10Z");
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        const WHAT: &str = "a time such as 2018-04-03T17:05:02.358719Z";
        match rfc3339(text) {
            Some((time, len, false)) if len == text.len() => Ok(time),
            Some((_, len, _)) => Err(Error::expected(len.min(text.len()), "the end of the time")),
            None => Err(Error::expected_in(text, 0, WHAT)),
        }
    }

    /// Returns the year, in UTC.
    pub(crate) fn year(self) -> i16 {
        jiff::tz::Offset::UTC.to_datetime(self.to_jiff()).year()
    }

    #[cfg(test)]
    pub(crate) fn from_jiff(time: jiff::Timestamp) -> Option<Self> {
        i64::try_from(time.as_nanosecond()).ok().map(Self)
    }

    pub(crate) fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_nanosecond(i128::from(self.0))
            .expect("an i64 of nanoseconds is within jiff's range")
    }
}

from_str!(Timestamp, Uptime);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_jiff().fmt(f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        Self::parse(text.as_bytes()).map_err(serde::de::Error::custom)
    }
}

/// A time as a line shows it, before it is completed.
///
/// Traditional syslog stamps have neither year nor zone; `dmesg -T` has a year but no zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a stamp lacks nothing, a zone, a year too, or all")]
pub enum LogTime {
    /// The line shows none, or only a part of one.
    #[default]
    Unknown,
    /// An instant.
    Instant(Timestamp),
    /// Date and time without a zone.
    Local(Civil),
    /// Date and time without a year and a zone; [`Civil::year`] is 0.
    NoYear(Civil),
}

/// A date and a time of day, in an unknown zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "its fields are all that it can have")]
pub struct Civil {
    /// 0 if it is unknown.
    pub year: i16,
    /// 1 to 12.
    pub month: i8,
    /// 1 to 31.
    pub day: i8,
    /// 0 to 23.
    pub hour: i8,
    /// 0 to 59.
    pub minute: i8,
    /// 0 to 59.
    pub second: i8,
    /// Nanoseconds.
    pub nanos: i32,
}

/// The furthest from UTC that a zone may be, in seconds: what jiff takes.
const MOST_OFFSET: u32 = 25 * 3_600 + 59 * 60 + 59;

impl Civil {
    /// Returns the date and the time of day of an instant, in UTC.
    pub(crate) fn of(time: Timestamp) -> Self {
        let time = jiff::tz::Offset::UTC.to_datetime(time.to_jiff());
        Self {
            year: time.year(),
            month: time.month(),
            day: time.day(),
            hour: time.hour(),
            minute: time.minute(),
            second: time.second(),
            nanos: time.subsec_nanosecond(),
        }
    }

    /// Returns the instant in this year and zone; `None` if the day does not exist.
    ///
    /// Hand-written because completing one stamp tries several years; the tests compare it with the
    /// calendar library.
    pub(crate) fn at(self, year: i16, utc_offset: i32) -> Option<Timestamp> {
        let Self { month, day, hour, minute, second, nanos, .. } = self;
        if !self.is_time() || utc_offset.unsigned_abs() > MOST_OFFSET {
            return None;
        }
        let (month, day) = (u32::try_from(month).ok()?, u32::try_from(day).ok()?);
        let days = days_since_epoch(u32::try_from(year).ok()?, month, day)?;
        let seconds =
            days * 86_400 + i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second)
                - i64::from(utc_offset);
        // The first and the last second of all timestamps are not whole.
        let nanos = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        i64::try_from(nanos).ok().map(Timestamp::from_nanos)
    }

    /// Returns the instant of this time of day, in the day that begins at an instant.
    pub(crate) fn since(self, begins: Timestamp) -> Option<Timestamp> {
        let Self { hour, minute, second, nanos, .. } = self;
        let seconds = (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second);
        let nanos = seconds * 1_000_000_000 + i64::from(nanos);
        let time = begins.as_nanos().checked_add(nanos).filter(|_| self.is_time())?;
        Some(Timestamp::from_nanos(time))
    }

    fn is_time(self) -> bool {
        let Self { hour, minute, second, nanos, .. } = self;
        (0..24).contains(&hour)
            && (0..60).contains(&minute)
            && (0..60).contains(&second)
            && (0..1_000_000_000).contains(&nanos)
    }
}

/// How to complete times that lack a year or a zone. Nothing is guessed unless asked for.
///
/// ```
/// use asg_core::time::YearPolicy;
/// use asg_core::{Line, TimePolicy};
///
/// let line = Line::new(b"Jun 16 23:18:38 localhost kernel: [2681198.826158] hello");
/// let time = line.envelope().time;
/// assert_eq!(time.resolve(&TimePolicy::default()), None);
/// let policy = TimePolicy { year: YearPolicy::Fixed(2017), ..TimePolicy::default() };
/// assert_eq!(time.resolve(&policy).unwrap().time.to_string(), "2017-06-16T23:18:38Z");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct TimePolicy {
    /// The year of a time without one.
    pub year: YearPolicy,
    /// Seconds east of UTC. Without it stamps are completed in UTC, the zone of BOSH virtual
    /// machines.
    pub utc_offset: Option<i32>,
    /// The time when the kernel booted, for lines that show nothing but the time since then.
    /// Unknown by default: such lines have no time. A log that spans a reboot has more than one.
    pub boot: Option<Timestamp>,
}

impl TimePolicy {
    /// The default, as a constant: it guesses nothing.
    ///
    /// ```
    /// use asg_core::time::YearPolicy;
    /// use asg_core::{Decoder, TimePolicy};
    ///
    /// const IN_2017: TimePolicy = TimePolicy { year: YearPolicy::Fixed(2017), ..TimePolicy::DEFAULT };
    /// const DECODER: Decoder = Decoder::new(IN_2017);
    /// let mut times = Vec::new();
    /// DECODER.clone().decode(b"Jun 16 23:18:38 cell-1 kernel: hello\n", &mut (), |decoded| {
    ///     times.extend(decoded.time.map(|resolved| resolved.time.to_string()));
    /// });
    /// assert_eq!(times, ["2017-06-16T23:18:38Z"]);
    /// ```
    pub const DEFAULT: Self = Self { year: YearPolicy::Unset, utc_offset: None, boot: None };
}

impl Default for TimePolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// How to choose the year of a time without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum YearPolicy {
    /// Not chosen: such times stay unknown.
    #[default]
    Unset,
    /// This year. 29 February is unknown if the year does not have it.
    Fixed(i16),
    /// The latest that is not after this instant: for logs that were written before it.
    NotAfter(Timestamp),
    /// The year that brings the time nearest to this instant.
    Nearest(Timestamp),
}

/// A time, and whether the line showed it or a policy completed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Resolved {
    /// The instant.
    pub time: Timestamp,
    /// Whether it was shown or completed.
    pub quality: TimeQuality,
}

/// Whether a line showed a time or a policy completed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TimeQuality {
    /// The line shows it whole.
    Read,
    /// The year, the zone or the time of boot comes from a policy.
    Completed,
}

words! {
    "time" TimeQuality "a quality of a time" {
        Read = "read", Completed = "completed",
    }
}

impl LogTime {
    /// Returns the instant, completed by the policy where something is missing; `None` if that is
    /// not possible.
    ///
    /// ```
    /// use asg_core::{Line, TimePolicy};
    /// let line = Line::new(b"2024-05-06T07:09:10+00:00 cell-1 kernel: hello");
    /// let resolved = line.envelope().time.resolve(&TimePolicy::default()).unwrap();
    /// assert_eq!(resolved.time.to_string(), "2024-05-06T07:09:10Z");
    /// ```
    #[must_use]
    pub fn resolve(self, policy: &TimePolicy) -> Option<Resolved> {
        let completed = |time| Resolved { time, quality: TimeQuality::Completed };
        let utc_offset = policy.utc_offset.unwrap_or_default();
        let (civil, year) = match self {
            Self::Unknown => return None,
            Self::Instant(time) => return Some(Resolved { time, quality: TimeQuality::Read }),
            Self::Local(civil) => return civil.at(civil.year, utc_offset).map(completed),
            Self::NoYear(civil) => (civil, policy.year),
        };
        let in_year = |year| civil.at(year, utc_offset);
        // A leap day may be years away from the given instant: eight, around 1900 and 2100.
        let around = |near: Timestamp| {
            let year = near.year();
            (year.saturating_sub(8)..=year.saturating_add(8)).filter_map(in_year)
        };
        let time = match year {
            YearPolicy::Unset => None,
            YearPolicy::Fixed(year) => in_year(year),
            YearPolicy::NotAfter(end) => around(end).filter(|time| *time <= end).max(),
            YearPolicy::Nearest(near) => nearest(near, in_year),
        };
        time.map(completed)
    }
}

/// Returns the instant of a stamp in the year that brings it nearest. `in_year` gives the stamp in
/// a year.
pub(crate) fn nearest(
    near: Timestamp,
    in_year: impl Fn(i16) -> Option<Timestamp>,
) -> Option<Timestamp> {
    let year = near.year();
    let far = |time: &Timestamp| time.as_nanos().abs_diff(near.as_nanos());
    // Those of other years are at least 365 days away from this one.
    if let Some(time) = in_year(year).filter(|time| far(time) < HALF_YEAR_NANOS) {
        return Some(time);
    }
    let around = |years: i16| {
        let years = year.saturating_sub(years)..=year.saturating_add(years);
        years.filter_map(&in_year).min_by_key(far)
    };
    // A leap day may be years away: eight, around 1900 and 2100.
    around(1).filter(|time| far(time) <= HALF_YEAR_NANOS).or_else(|| around(8))
}

const HALF_YEAR_NANOS: u64 = 182 * 86_400_000_000_000;

/// Time since the kernel booted, in microseconds, as in `[2681198.826158]`.
///
/// ```
/// # use asg_core::time::Uptime;
/// assert_eq!(Uptime::from_micros(2_681_198_826_158).to_string(), "2681198.826158");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uptime(u64);

impl Uptime {
    /// Parses seconds with six decimals, as the kernel prints them and as this displays.
    ///
    /// # Errors
    ///
    /// If it is not that, or too long ago; the offset is the start of the text.
    ///
    /// ```
    /// use asg_core::time::Uptime;
    /// let uptime = Uptime::parse(b"2343.595381")?;
    /// assert_eq!(uptime.as_micros(), 2_343_595_381);
    /// assert!(Uptime::parse(b"2343.5").is_err());
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        const WHAT: &str = "seconds with six decimals, such as 2343.595381";
        let micros = || {
            let (seconds, micros) = std::str::from_utf8(text).ok()?.split_once('.')?;
            let is_number = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
            if micros.len() != 6 || !is_number(seconds) || !is_number(micros) {
                return None;
            }
            let whole = seconds.parse::<u64>().ok()?.checked_mul(1_000_000)?;
            whole.checked_add(micros.parse().ok()?)
        };
        micros().map(Self).ok_or(Error::expected_in(text, 0, WHAT))
    }

    /// Creates the uptime `micros` microseconds after boot.
    ///
    /// ```
    /// use asg_core::time::Uptime;
    /// assert_eq!(Uptime::from_micros(637_500_000).to_string(), "637.500000");
    /// ```
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Returns the microseconds since boot.
    ///
    /// ```
    /// use asg_core::time::Uptime;
    /// assert_eq!(Uptime::from_micros(7).as_micros(), 7);
    /// ```
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Returns the instant, if the policy has the time of boot. The kernel's clock drifts from the
    /// wall clock, and stops while the machine sleeps.
    ///
    /// ```
    /// use asg_core::time::Uptime;
    /// use asg_core::{TimePolicy, Timestamp};
    ///
    /// let boot = Some(Timestamp::parse(b"2017-05-16T22:31:59Z")?);
    /// let policy = TimePolicy { boot, ..TimePolicy::default() };
    /// let resolved = Uptime::from_micros(2_681_198_826_158).resolve(&policy).unwrap();
    /// assert_eq!(resolved.time.to_string(), "2017-06-16T23:18:37.826158Z");
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    #[must_use]
    pub fn resolve(self, policy: &TimePolicy) -> Option<Resolved> {
        let nanos = i128::from(policy.boot?.0) + i128::from(self.0) * 1_000;
        let time = Timestamp(i64::try_from(nanos).ok()?);
        Some(Resolved { time, quality: TimeQuality::Completed })
    }
}

impl fmt::Display for Uptime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

impl Serialize for Uptime {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn civil(month: i8, day: i8) -> LogTime {
        LogTime::NoYear(Civil { year: 0, month, day, hour: 12, minute: 0, second: 0, nanos: 0 })
    }

    fn resolve(time: LogTime, year: YearPolicy) -> Option<String> {
        time.resolve(&TimePolicy { year, ..TimePolicy::default() }).map(|r| r.time.to_string())
    }

    #[test]
    fn a_missing_year_is_completed_as_asked() {
        let new_year: Timestamp = Timestamp::parse(b"2018-01-01T03:00:00Z").unwrap();
        for (time, policy, expected) in [
            (civil(12, 31), YearPolicy::Unset, None),
            (civil(12, 31), YearPolicy::Fixed(2017), Some("2017-12-31T12:00:00Z")),
            (civil(12, 31), YearPolicy::NotAfter(new_year), Some("2017-12-31T12:00:00Z")),
            (civil(1, 1), YearPolicy::NotAfter(new_year), Some("2017-01-01T12:00:00Z")),
            (civil(1, 1), YearPolicy::Nearest(new_year), Some("2018-01-01T12:00:00Z")),
            (civil(12, 31), YearPolicy::Nearest(new_year), Some("2017-12-31T12:00:00Z")),
            (civil(2, 29), YearPolicy::Fixed(2017), None),
            (civil(2, 29), YearPolicy::NotAfter(new_year), Some("2016-02-29T12:00:00Z")),
            (civil(2, 30), YearPolicy::Nearest(new_year), None),
        ] {
            assert_eq!(resolve(time, policy).as_deref(), expected, "{time:?} {policy:?}");
        }
    }

    #[test]
    fn a_zone_is_taken_from_the_policy() {
        let time = Civil { year: 2017, month: 7, day: 24, hour: 1, minute: 0, second: 0, nanos: 0 };
        let policy = TimePolicy { utc_offset: Some(7_200), ..TimePolicy::default() };
        let resolved = LogTime::Local(time).resolve(&policy).unwrap();
        assert_eq!(resolved.time.to_string(), "2017-07-23T23:00:00Z");
        assert_eq!(resolved.quality, TimeQuality::Completed);
    }

    proptest! {
        #[test]
        fn a_completed_time_shows_what_the_line_showed(month in 1_i8..13, day in 1_i8..32, near: i64, offset in -50_000_i32..50_000) {
            let near = Timestamp::from_nanos(near);
            let shown = civil(month, day);
            let at = |year| shown.resolve(&TimePolicy { year, utc_offset: Some(offset), boot: None });
            for policy in [YearPolicy::NotAfter(near), YearPolicy::Nearest(near)] {
                let Some(Resolved { time, quality }) = at(policy) else { continue };
                prop_assert_eq!(quality, TimeQuality::Completed);
                let local = jiff::tz::Offset::from_seconds(offset).unwrap().to_datetime(time.to_jiff());
                prop_assert_eq!((local.month(), local.day(), local.hour()), (month, day, 12));
                // Asking for that year outright gives the same instant; the years beside it are not
                // nearer.
                prop_assert_eq!(at(YearPolicy::Fixed(local.year())).unwrap().time, time);
                let far = |t: Timestamp| t.as_nanos().abs_diff(near.as_nanos());
                for other in [local.year() - 1, local.year() + 1] {
                    let Some(other) = at(YearPolicy::Fixed(other)).map(|r| r.time) else { continue };
                    match policy {
                        YearPolicy::NotAfter(_) => prop_assert!(other < time || other > near),
                        _ => prop_assert!(far(time) <= far(other)),
                    }
                }
            }
        }

        #[test]
        fn uptimes_add_up(boot: i64, micros: u64) {
            let policy = TimePolicy { boot: Some(Timestamp::from_nanos(boot)), ..TimePolicy::default() };
            let sum = i128::from(boot) + i128::from(micros) * 1_000;
            let resolved = Uptime::from_micros(micros).resolve(&policy).map(|r| i128::from(r.time.as_nanos()));
            prop_assert_eq!(resolved, i64::try_from(sum).ok().map(i128::from));
            prop_assert_eq!(Uptime::from_micros(micros).resolve(&TimePolicy::default()), None);
        }

        #[test]
        fn completing_never_panics_and_keeps_its_promise(month in -1_i8..15, day in -1_i8..33, near: i64) {
            let near = Timestamp::from_nanos(near);
            if let Some(r) = civil(month, day).resolve(&TimePolicy { year: YearPolicy::NotAfter(near), ..TimePolicy::default() }) {
                prop_assert!(r.time <= near);
            }
            let policy = TimePolicy { year: YearPolicy::Nearest(near), utc_offset: Some(-90_000), boot: None };
            // At the limits of a timestamp, the nearest year may be out of range.
            let is_inside = near.as_nanos().unsigned_abs() < 9_190_000_000_000_000_000;
            if let Some(r) = civil(month, day).resolve(&policy).filter(|_| is_inside) {
                // The 29th of February comes every four years, or every eight.
                let days = r.time.as_nanos().abs_diff(near.as_nanos()) / 86_400_000_000_000;
                let most = if (month, day) == (2, 29) { 4 * 366 } else { 184 };
                prop_assert!(days <= most);
            }
        }
    }
}
