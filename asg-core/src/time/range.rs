//! Instants with a known error.

use super::Timestamp;

/// An instant with a known error: it is somewhere between two others.
///
/// ```
/// use asg_core::{TimeRange, Timestamp};
///
/// let noon = Timestamp::parse(b"2018-04-03T12:00:00Z")?;
/// let about = TimeRange::around(noon, 500_000_000);
/// assert_eq!(about.earliest().to_string(), "2018-04-03T11:59:59.5Z");
/// assert_eq!(about.latest().to_string(), "2018-04-03T12:00:00.5Z");
/// assert_eq!((about.middle(), about.error_nanos()), (noon, 500_000_000));
/// # Ok::<(), asg_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeRange {
    earliest: Timestamp,
    latest: Timestamp,
}

impl TimeRange {
    /// Returns the range `time ± error_nanos`.
    #[must_use]
    pub const fn around(time: Timestamp, error_nanos: u64) -> Self {
        let nanos = time.as_nanos();
        Self {
            earliest: Timestamp::from_nanos(nanos.saturating_sub_unsigned(error_nanos)),
            latest: Timestamp::from_nanos(nanos.saturating_add_unsigned(error_nanos)),
        }
    }

    /// Returns the range between two instants, in either order.
    #[must_use]
    pub fn between(a: Timestamp, b: Timestamp) -> Self {
        Self { earliest: a.min(b), latest: a.max(b) }
    }

    /// Returns the earliest possible instant.
    #[must_use]
    pub const fn earliest(self) -> Timestamp {
        self.earliest
    }

    /// Returns the latest possible instant.
    #[must_use]
    pub const fn latest(self) -> Timestamp {
        self.latest
    }

    /// Returns the instant halfway between the two ends.
    #[must_use]
    pub const fn middle(self) -> Timestamp {
        Timestamp::from_nanos(i64::midpoint(self.earliest.as_nanos(), self.latest.as_nanos()))
    }

    /// Returns the maximum error of the middle, in nanoseconds.
    #[must_use]
    pub const fn error_nanos(self) -> u64 {
        self.latest.as_nanos().abs_diff(self.earliest.as_nanos()).div_ceil(2)
    }
}

impl From<Timestamp> for TimeRange {
    /// Returns a range without an error.
    fn from(time: Timestamp) -> Self {
        Self { earliest: time, latest: time }
    }
}
