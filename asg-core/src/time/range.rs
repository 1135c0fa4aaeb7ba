//! Instants that are known up to an error.

use super::Timestamp;

/// An instant that is known up to an error: it lies somewhere between two.
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
    /// Not later than `error_nanos` after `time`, and not earlier than that before it.
    ///
    /// ```
    /// # use asg_core::{TimeRange, Timestamp};
    /// let time = Timestamp::from_nanos(1_000_000);
    /// let range = TimeRange::around(time, 1_000);
    /// assert_eq!((range.middle(), range.error_nanos()), (time, 1_000));
    /// ```
    #[must_use]
    pub const fn around(time: Timestamp, error_nanos: u64) -> Self {
        let nanos = time.as_nanos();
        Self {
            earliest: Timestamp::from_nanos(nanos.saturating_sub_unsigned(error_nanos)),
            latest: Timestamp::from_nanos(nanos.saturating_add_unsigned(error_nanos)),
        }
    }

    /// Between two instants, whichever is the earlier.
    ///
    /// ```
    /// # use asg_core::{TimeRange, Timestamp};
    /// let time = Timestamp::from_nanos(1_000_000);
    /// let range = TimeRange::between(Timestamp::from_nanos(10), Timestamp::from_nanos(4));
    /// assert_eq!(range.earliest().as_nanos(), 4);
    /// ```
    #[must_use]
    pub fn between(a: Timestamp, b: Timestamp) -> Self {
        Self { earliest: a.min(b), latest: a.max(b) }
    }

    /// The earliest that it can be.
    ///
    /// ```
    /// # use asg_core::{TimeRange, Timestamp};
    /// let time = Timestamp::from_nanos(1_000_000);
    /// assert_eq!(TimeRange::around(time, 1_000).earliest().as_nanos(), time.as_nanos() - 1_000);
    /// ```
    #[must_use]
    pub const fn earliest(self) -> Timestamp {
        self.earliest
    }

    /// The latest that it can be.
    ///
    /// ```
    /// # use asg_core::{TimeRange, Timestamp};
    /// let time = Timestamp::from_nanos(1_000_000);
    /// assert_eq!(TimeRange::around(time, 1_000).latest().as_nanos(), time.as_nanos() + 1_000);
    /// ```
    #[must_use]
    pub const fn latest(self) -> Timestamp {
        self.latest
    }

    /// The instant that is as far from the one as from the other.
    ///
    /// ```
    /// # use asg_core::{TimeRange, Timestamp};
    /// let time = Timestamp::from_nanos(1_000_000);
    /// assert_eq!(TimeRange::from(time).middle(), time);
    /// ```
    #[must_use]
    pub const fn middle(self) -> Timestamp {
        Timestamp::from_nanos(i64::midpoint(self.earliest.as_nanos(), self.latest.as_nanos()))
    }

    /// How far the middle can be out, in nanoseconds.
    ///
    /// ```
    /// # use asg_core::{TimeRange, Timestamp};
    /// let time = Timestamp::from_nanos(1_000_000);
    /// assert_eq!(TimeRange::from(time).error_nanos(), 0);
    /// ```
    #[must_use]
    pub const fn error_nanos(self) -> u64 {
        self.latest.as_nanos().abs_diff(self.earliest.as_nanos()).div_ceil(2)
    }
}

impl From<Timestamp> for TimeRange {
    /// Exactly then.
    fn from(time: Timestamp) -> Self {
        Self { earliest: time, latest: time }
    }
}
