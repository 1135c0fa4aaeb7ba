//! Tries requests again: after which errors, with which pauses, and how often in all.
//!
//! [`Retrying`] goes around a transport with a [`Policy`]. It reports each event as a [`Notice`]
//! and adds up [`Counts`].
//!
//! ```
//! use std::cell::Cell;
//! use std::time::Duration;
//!
//! use asg_cc_client::{Retrying, Transport, TransportError};
//! use http::{Request, Response};
//!
//! let calls = Cell::new(0);
//! let flaky = |_: Request<Vec<u8>>| -> Result<Response<Vec<u8>>, TransportError> {
//!     calls.set(calls.get() + 1);
//!     let status = if calls.get() == 1 { 503 } else { 200 };
//!     Ok(Response::builder().status(status).body(Vec::new()).unwrap())
//! };
//! let transport = Retrying::new(flaky).with_sleep(|_: Duration| ());
//! assert_eq!(transport.send(Request::new(Vec::new()))?.status(), 200);
//! assert_eq!(transport.counts().retries, 1);
//! # Ok::<(), TransportError>(())
//! ```

mod attempt;
mod notice;
mod retrying;
mod sleep;
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
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct Policy {
    /// The number of tries of one request, the first included. 5.
    pub tries: u32,
    /// The maximum pause before the second try; each further one may be twice as long. 500 ms.
    pub first_wait: Duration,
    /// The maximum pause. If a server asks for more, its answer is returned at once, with the time
    /// at which it would answer again ([`Error::RateLimited`](crate::Error::RateLimited)). 30 s.
    pub longest_wait: Duration,
    /// The total number of requests, repetitions included; after that every request fails
    /// ([`TransportErrorKind::Budget`](crate::transport::TransportErrorKind::Budget)). Without
    /// limit by default.
    pub budget: Option<u64>,
    /// The total number of requests for tokens, like `budget`. Without limit by default.
    pub logins: Option<u64>,
    /// The interval after which `budget` and `logins` start again: for programs that run for weeks.
    /// Never by default.
    pub renewed_every: Option<Duration>,
}

impl Policy {
    /// The default, as a constant.
    ///
    /// ```
    /// use asg_cc_client::Policy;
    /// const ONCE: Policy = Policy { tries: 1, ..Policy::DEFAULT };
    /// assert_eq!(ONCE.longest_wait.as_secs(), 30);
    /// ```
    pub const DEFAULT: Self = Self {
        tries: 5,
        first_wait: Duration::from_millis(500),
        longest_wait: Duration::from_secs(30),
        budget: None,
        logins: None,
        renewed_every: None,
    };
}

impl Default for Policy {
    fn default() -> Self {
        Self::DEFAULT
    }
}
