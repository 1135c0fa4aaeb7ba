//! How gently to ask: what is tried again, when, and how often in all.

mod attempt;
mod notice;
mod retrying;
mod trace;

use std::time::Duration;

pub use notice::{Counts, Notice};
pub use retrying::Retrying;

/// How [`Retrying`] tries again.
///
/// ```
/// use asg_cc_client::Policy;
///
/// let strict = Policy { budget: Some(500), ..Policy::default() };
/// assert_eq!((strict.tries, strict.longest_wait.as_secs()), (5, 30));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Tries of one request, the first included. 5.
    pub tries: u32,
    /// The pause before the second try is between nothing and this; each further one may be twice
    /// as long. 500 ms.
    pub first_wait: Duration,
    /// No pause is longer. A server that asks for more gets its way: its answer is given back at
    /// once, and says when it would answer again
    /// ([`Error::RateLimited`](crate::Error::RateLimited)). 30 s.
    pub longest_wait: Duration,
    /// Requests in all, repetitions included; after that every request fails
    /// ([`TransportErrorKind::Budget`](crate::TransportErrorKind::Budget)). Without limit by
    /// default.
    pub budget: Option<u64>,
    /// Requests for tokens in all, as `budget`. Without limit by default.
    pub logins: Option<u64>,
    /// After so long, `budget` and `logins` begin anew: for programs that run for weeks. Never by
    /// default.
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
