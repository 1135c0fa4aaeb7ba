//! Instants with a known error.

use super::Timestamp;

/// An instant with a known error: it is somewhere between two others.
///
/// ```
/// use asg_core::Timestamp;
/// use asg_core::time::TimeRange;
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
    ///
    /// ```
    /// # use asg_core::Timestamp;
    /// # use asg_core::time::TimeRange;
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

    /// Returns the range between two instants, in either order.
    ///
    /// ```
    /// # use asg_core::Timestamp;
    /// # use asg_core::time::TimeRange;
    /// let time = Timestamp::from_nanos(1_000_000);
    /// let range = TimeRange::between(Timestamp::from_nanos(10), Timestamp::from_nanos(4));
    /// assert_eq!(range.earliest().as_nanos(), 4);
    /// ```
    #[must_use]
    pub fn between(a: Timestamp, b: Timestamp) -> Self {
        Self { earliest: a.min(b), latest: a.max(b) }
    }

    /// Returns the earliest possible instant.
    ///
    /// ```
    /// # use asg_core::Timestamp;
    /// # use asg_core::time::TimeRange;
    /// let time = Timestamp::from_nanos(1_000_000);
    /// assert_eq!(TimeRange::around(time, 1_000).earliest().as_nanos(), time.as_nanos() - 1_000);
    /// ```
    #[must_use]
    pub const fn earliest(self) -> Timestamp {
        self.earliest
    }

    /// Returns the latest possible instant.
    ///
    /// ```
    /// # use asg_core::Timestamp;
    /// # use asg_core::time::TimeRange;
    /// let time = Timestamp::from_nanos(1_000_000);
    /// assert_eq!(TimeRange::around(time, 1_000).latest().as_nanos(), time.as_nanos() + 1_000);
    /// ```
    #[must_use]
    pub const fn latest(self) -> Timestamp {
        self.latest
    }

    /// Returns the instant halfway between the two ends.
    ///
    /// ```
    /// # use asg_core::Timestamp;
    /// # use asg_core::time::TimeRange;
    /// let time = Timestamp::from_nanos(1_000_000);
    /// assert_eq!(TimeRange::from(time).middle(), time);
    /// ```
    #[must_use]
    pub const fn middle(self) -> Timestamp {
        Timestamp::from_nanos(i64::midpoint(self.earliest.as_nanos(), self.latest.as_nanos()))
    }

    /// Returns the maximum error of the middle, in nanoseconds.
    ///
    /// ```
    /// # use asg_core::Timestamp;
    /// # use asg_core::time::TimeRange;
    /// let time = Timestamp::from_nanos(1_000_000);
    /// assert_eq!(TimeRange::from(time).error_nanos(), 0);
    /// ```
    #[must_use]
    pub const fn error_nanos(self) -> u64 {
        self.latest.as_nanos().abs_diff(self.earliest.as_nanos()).div_ceil(2)
    }

    /// Returns how far an instant can be from the ends, in milliseconds, rounded up. `None` if that
    /// is more than 49 days.
    ///
    /// ```
    /// # use asg_core::Timestamp;
    /// # use asg_core::time::TimeRange;
    /// let [from, time, to] = [0, 1_000_001, 4_000_000].map(Timestamp::from_nanos);
    /// assert_eq!(TimeRange::between(from, to).millis_around(time), Some(3));
    /// ```
    #[must_use]
    pub fn millis_around(self, time: Timestamp) -> Option<u32> {
        let nanos = |end: Timestamp| end.as_nanos().abs_diff(time.as_nanos());
        let furthest = nanos(self.earliest).max(nanos(self.latest));
        u32::try_from(furthest.div_ceil(1_000_000)).ok()
    }
}

impl From<Timestamp> for TimeRange {
    /// Returns a range without an error.
    fn from(time: Timestamp) -> Self {
        Self { earliest: time, latest: time }
    }
}
