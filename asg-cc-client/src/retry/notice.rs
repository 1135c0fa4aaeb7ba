//! The events that a caller can watch: each request and each wait, and their numbers.

use std::time::Duration;

use http::Method;

use crate::transport::TransportErrorKind;

/// An event of [`Retrying`](crate::Retrying), reported as it happens. It contains no secret:
/// neither headers nor bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice<'a> {
    /// A request is sent.
    Sending {
        /// Its method.
        method: &'a Method,
        /// Its path and query.
        target: &'a str,
        /// The number of the try, from 1.
        attempt: u32,
    },
    /// An answer came.
    Answered {
        /// Path and query of the request.
        target: &'a str,
        /// The HTTP status.
        status: u16,
    },
    /// No whole answer came.
    Lost {
        /// Path and query of the request.
        target: &'a str,
        /// The kind of failure.
        kind: TransportErrorKind,
    },
    /// The request is made again after this pause.
    Waiting {
        /// Path and query of the request.
        target: &'a str,
        /// The length of the pause.
        pause: Duration,
    },
}

/// The numbers of requests and failures so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Requests, repetitions included.
    pub requests: u64,
    /// Those of them that repeat another.
    pub retries: u64,
    /// Answers with status 429.
    pub rate_limited: u64,
    /// Answers with status 500 or above.
    pub server_errors: u64,
    /// Requests without a whole answer.
    pub lost: u64,
    /// Time waited before repetitions, in all.
    pub waited: Duration,
}

impl Counts {
    pub(crate) fn add(&mut self, notice: &Notice<'_>) {
        match *notice {
            Notice::Sending { attempt, .. } => {
                self.requests += 1;
                self.retries += u64::from(attempt > 1);
            }
            Notice::Answered { status: 429, .. } => self.rate_limited += 1,
            Notice::Answered { status: 500.., .. } => self.server_errors += 1,
            Notice::Answered { .. } => {}
            Notice::Lost { .. } => self.lost += 1,
            Notice::Waiting { pause, .. } => self.waited += pause,
        }
    }
}
