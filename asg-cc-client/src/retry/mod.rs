//! The retry policy: the errors that are tried again, the pauses, and the total number of requests.

mod attempt;
mod notice;
mod retrying;
mod trace;

use std::time::Duration;

pub use notice::{Counts, Notice};
pub use retrying::Retrying;

/// The options of [`Retrying`].
///
/// ```
/// use asg_cc_client::Policy;
///
/// let strict = Policy { budget: Some(500), ..Policy::default() };
/// assert_eq!((strict.tries, strict.longest_wait.as_secs()), (5, 30));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The number of tries of one request, the first included. 5.
    pub tries: u32,
    /// The maximum pause before the second try; each further one may be twice as long. 500 ms.
    pub first_wait: Duration,
    /// The maximum pause. If a server asks for more, its answer is returned at once, with the time
    /// at which it would answer again ([`Error::RateLimited`](crate::Error::RateLimited)). 30 s.
    pub longest_wait: Duration,
    /// The total number of requests, repetitions included; after that every request fails
    /// ([`TransportErrorKind::Budget`](crate::transport::TransportErrorKind::Budget)). Without limit by
    /// default.
    pub budget: Option<u64>,
    /// The total number of requests for tokens, like `budget`. Without limit by default.
    pub logins: Option<u64>,
    /// The interval after which `budget` and `logins` start again: for programs that run for weeks.
    /// Never by default.
    pub renewed_every: Option<Duration>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            tries: 5,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(30),
            budget: None,
            logins: None,
            renewed_every: None,
        }
    }
}
