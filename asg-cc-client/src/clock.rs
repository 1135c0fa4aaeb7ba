//! Time and random numbers from outside, so that tests control both.
//!
//! Whatever here waits, expires or draws lots takes a [`Clock`] and a [`Random`].
//!
//! ```
//! use asg_cc_client::clock::{Clock, Random};
//! use asg_core::Timestamp;
//!
//! assert_eq!(Clock::new(|| Timestamp::from_nanos(7)).now().as_nanos(), 7);
//! let chances = [Random::seeded(7), Random::seeded(7)].map(|random| random.next());
//! assert_eq!(chances[0].to_bits(), chances[1].to_bits());
//! ```

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use asg_core::Timestamp;

/// A source of the current time.
///
/// ```
/// use asg_cc_client::clock::Clock;
/// use asg_core::Timestamp;
///
/// let stopped = Clock::new(|| Timestamp::from_nanos(1_498_212_000_000_000_000));
/// assert_eq!(stopped.now().to_string(), "2017-06-23T10:00:00Z");
/// assert!(Clock::system().now() > stopped.now());
/// ```
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// Returns the system's clock.
    ///
    /// ```
    /// use asg_cc_client::clock::Clock;
    /// assert!(Clock::system().now().as_nanos() > 0);
    /// ```
    #[must_use]
    pub fn system() -> Self {
        Self::new(|| {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let nanos = i64::try_from(since.unwrap_or_default().as_nanos());
            Timestamp::from_nanos(nanos.unwrap_or(i64::MAX))
        })
    }

    /// Creates a clock that calls `now`.
    ///
    /// ```
    /// use asg_cc_client::clock::Clock;
    /// use asg_core::Timestamp;
    /// assert_eq!(Clock::new(|| Timestamp::from_nanos(7)).now().as_nanos(), 7);
    /// ```
    #[must_use]
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Returns the time.
    ///
    /// ```
    /// use asg_cc_client::clock::Clock;
    /// let clock = Clock::system();
    /// assert!(clock.now() <= clock.now());
    /// ```
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").finish_non_exhaustive()
    }
}

/// Random numbers, from 0 up to but not including 1. They spread waits and lifetimes; no secret
/// depends on them.
///
/// ```
/// use asg_cc_client::clock::Random;
///
/// assert!((0.0..1.0).contains(&Random::system().next()));
/// assert_eq!(Random::new(|| 7.0).next(), 1.0, "what is out of range is brought into it");
/// ```
#[derive(Clone)]
pub struct Random(Arc<dyn Fn() -> f64 + Send + Sync>);

impl Random {
    /// Seeds from the operating system.
    ///
    /// ```
    /// use asg_cc_client::clock::Random;
    /// assert!((0.0..=1.0).contains(&Random::system().next()));
    /// ```
    #[must_use]
    pub fn system() -> Self {
        Self::seeded(RandomState::new().build_hasher().finish())
    }

    /// Creates a generator; equal seeds give equal numbers.
    ///
    /// ```
    /// use asg_cc_client::clock::Random;
    /// assert_eq!(Random::seeded(7).next().to_bits(), Random::seeded(7).next().to_bits());
    /// ```
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        let state = AtomicU64::new(seed);
        // SplitMix64 (Steele, Lea, Flood 2014).
        Self::new(move || {
            const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
            let mut z = state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            // 32 bits are enough, and an f64 holds them exactly.
            f64::from((z >> 32) as u32) / f64::from(u32::MAX).next_up()
        })
    }

    /// Creates a generator that calls `next`.
    ///
    /// ```
    /// use asg_cc_client::clock::Random;
    /// assert!((Random::new(|| 0.5).next() - 0.5).abs() < f64::EPSILON);
    /// ```
    #[must_use]
    pub fn new(next: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(next))
    }

    /// Returns the next number.
    ///
    /// ```
    /// use asg_cc_client::clock::Random;
    /// let random = Random::seeded(7);
    /// assert!((0.0..=1.0).contains(&random.next()));
    /// ```
    #[must_use]
    pub fn next(&self) -> f64 {
        (self.0)().clamp(0.0, 1.0)
    }
}

impl Default for Random {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Random").finish_non_exhaustive()
    }
}

/// Returns `time` plus this duration.
pub(crate) fn later(time: Timestamp, by: Duration) -> Timestamp {
    let by = i64::try_from(by.as_nanos()).unwrap_or(i64::MAX);
    Timestamp::from_nanos(time.as_nanos().saturating_add(by))
}

/// Returns the time from `from` to `to`; zero if that is past.
pub(crate) fn until(from: Timestamp, to: Timestamp) -> Duration {
    let nanos = to.as_nanos().saturating_sub(from.as_nanos());
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_numbers_repeat_and_fill_the_range() {
        let draw = |seed| {
            let random = Random::seeded(seed);
            (0..1000).map(|_| random.next()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let mean = draw(7).iter().sum::<f64>() / 1000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
        assert!(draw(7).iter().all(|n| (0.0..1.0).contains(n)));
    }
}
