//! The clock of this module's servers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The clock of a [`Server`](super::Server) and its UAA: the system's, or one that only moves on
/// request.
///
/// Clones show the same time.
///
/// ```
/// use std::time::Duration;
/// use asg_cc_client::embedded::Clock;
///
/// let clock = Clock::at(1_498_136_872);
/// let same = clock.clone();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(same.now().as_secs(), 1_498_136_932);
/// ```
#[derive(Clone)]
pub struct Clock(Hand);

#[derive(Clone)]
enum Hand {
    System,
    /// Milliseconds since 1970.
    Set(Arc<AtomicU64>),
}

impl Clock {
    /// Returns the system's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(Hand::System)
    }

    /// Creates a stopped clock with this time, in seconds since 1970.
    #[must_use]
    pub fn at(seconds: u64) -> Self {
        Self(Hand::Set(Arc::new(AtomicU64::new(seconds.saturating_mul(1000)))))
    }

    /// Returns the time since 1970.
    #[must_use]
    pub fn now(&self) -> Duration {
        match &self.0 {
            // If the system's clock is before 1970, the time is 1970.
            Hand::System => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            Hand::Set(millis) => Duration::from_millis(millis.load(Ordering::SeqCst)),
        }
    }

    /// Moves a stopped clock; has no effect on the system's.
    pub fn advance(&self, by: Duration) {
        if let Hand::Set(millis) = &self.0 {
            millis.fetch_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}
