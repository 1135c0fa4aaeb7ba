//! Conversions to and from the times of the standard library, and of jiff (feature `jiff`).

use std::num::TryFromIntError;
use std::time::{Duration, SystemTime};

use super::{TimeRange, Timestamp, Uptime};

/// ```
/// use std::time::{Duration, SystemTime};
/// use asg_core::Timestamp;
///
/// let time = SystemTime::from(Timestamp::from_nanos(1_500_000_000));
/// let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
/// assert_eq!(since, Duration::from_millis(1_500));
/// ```
impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        let span = Duration::from_nanos(time.as_nanos().unsigned_abs());
        if time.as_nanos() < 0 { Self::UNIX_EPOCH - span } else { Self::UNIX_EPOCH + span }
    }
}

/// An error outside the years 1678 to 2261.
///
/// ```
/// use std::time::SystemTime;
/// use asg_core::Timestamp;
/// assert_eq!(Timestamp::try_from(SystemTime::UNIX_EPOCH)?, Timestamp::from_nanos(0));
/// # Ok::<(), std::num::TryFromIntError>(())
/// ```
impl TryFrom<SystemTime> for Timestamp {
    type Error = TryFromIntError;

    fn try_from(time: SystemTime) -> Result<Self, TryFromIntError> {
        let signed = |span: Duration| i128::try_from(span.as_nanos());
        let nanos = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(span) => signed(span)?,
            Err(before) => -signed(before.duration())?,
        };
        i64::try_from(nanos).map(Self::from_nanos)
    }
}

/// ```
/// use std::time::Duration;
/// use asg_core::time::Uptime;
/// assert_eq!(Duration::from(Uptime::from_micros(1_500_000)), Duration::from_millis(1_500));
/// ```
impl From<Uptime> for Duration {
    fn from(uptime: Uptime) -> Self {
        Self::from_micros(uptime.as_micros())
    }
}

/// Nanoseconds are cut off. An error beyond some 584,000 years.
///
/// ```
/// use std::time::Duration;
/// use asg_core::time::Uptime;
/// assert_eq!(Uptime::try_from(Duration::from_nanos(1_999))?, Uptime::from_micros(1));
/// # Ok::<(), std::num::TryFromIntError>(())
/// ```
impl TryFrom<Duration> for Uptime {
    type Error = TryFromIntError;

    fn try_from(span: Duration) -> Result<Self, TryFromIntError> {
        u64::try_from(span.as_micros()).map(Self::from_micros)
    }
}

/// From the earliest to the latest.
///
/// ```
/// use asg_core::Timestamp;
/// use asg_core::time::TimeRange;
/// let range = TimeRange::from(Timestamp::from_nanos(7));
/// assert_eq!(<(Timestamp, Timestamp)>::from(range), (range.earliest(), range.latest()));
/// ```
impl From<TimeRange> for (Timestamp, Timestamp) {
    fn from(range: TimeRange) -> Self {
        (range.earliest(), range.latest())
    }
}

/// ```
/// use asg_core::Timestamp;
/// assert_eq!(jiff::Timestamp::from(Timestamp::from_nanos(0)), jiff::Timestamp::UNIX_EPOCH);
/// ```
#[cfg(feature = "jiff")]
impl From<Timestamp> for jiff::Timestamp {
    fn from(time: Timestamp) -> Self {
        time.to_jiff()
    }
}

/// An error outside the years 1678 to 2261.
///
/// ```
/// use asg_core::Timestamp;
/// assert_eq!(Timestamp::try_from(jiff::Timestamp::UNIX_EPOCH)?, Timestamp::from_nanos(0));
/// # Ok::<(), std::num::TryFromIntError>(())
/// ```
#[cfg(feature = "jiff")]
impl TryFrom<jiff::Timestamp> for Timestamp {
    type Error = TryFromIntError;

    fn try_from(time: jiff::Timestamp) -> Result<Self, TryFromIntError> {
        i64::try_from(time.as_nanosecond()).map(Self::from_nanos)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn times_convert_there_and_back(nanos: i64, micros: u64) {
            let time = Timestamp::from_nanos(nanos);
            prop_assert_eq!(Timestamp::try_from(SystemTime::from(time)), Ok(time));
            #[cfg(feature = "jiff")]
            prop_assert_eq!(Timestamp::try_from(jiff::Timestamp::from(time)), Ok(time));
            let uptime = Uptime::from_micros(micros);
            prop_assert_eq!(Uptime::try_from(Duration::from(uptime)), Ok(uptime));
        }
    }

    #[test]
    fn what_is_out_of_range_is_an_error() {
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
        assert!(Timestamp::try_from(far).is_err());
        assert!(Uptime::try_from(Duration::MAX).is_err());
        #[cfg(feature = "jiff")]
        assert!(Timestamp::try_from(jiff::Timestamp::MAX).is_err());
    }
}
