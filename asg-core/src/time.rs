//! Points in time: instants, and the kernel's uptime stamps.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::Error;

/// An instant, in nanoseconds since 1970-01-01T00:00:00Z without leap seconds; the years 1678 to 2261.
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
    /// The instant `nanos` nanoseconds after (before, if negative) the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339: date, `T` or a blank, time, any number of decimals, and `Z` or an offset.
    ///
    /// # Errors
    ///
    /// If it is not that, or the instant is out of range; the offset is the start of the text.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        const WHAT: &str = "a time such as 2018-04-03T17:05:02.358719Z";
        let text = std::str::from_utf8(text).map_err(|e| Error::expected(e.valid_up_to(), WHAT))?;
        let time: jiff::Timestamp =
            text.parse().map_err(|_| Error::expected_in(text.as_bytes(), 0, WHAT))?;
        Self::from_jiff(time)
            .ok_or(Error::invalid(0, "the time is out of range (years 1678 to 2261)"))
    }

    pub(crate) fn from_jiff(time: jiff::Timestamp) -> Option<Self> {
        i64::try_from(time.as_nanosecond()).ok().map(Self)
    }

    pub(crate) fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_nanosecond(i128::from(self.0))
            .expect("an i64 of nanoseconds is within jiff's range")
    }
}

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

/// Time since the kernel booted, in microseconds, as in `[2681198.826158]`.
///
/// ```
/// # use asg_core::Uptime;
/// assert_eq!(Uptime::from_micros(2_681_198_826_158).to_string(), "2681198.826158");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uptime(u64);

impl Uptime {
    /// `micros` microseconds after boot.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since boot.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
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
