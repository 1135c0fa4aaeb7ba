//! The decision after each try, without sleeping or sending, for both kinds of transport.

use std::time::Duration;

use asg_core::Timestamp;
use http::{Method, Response};

use super::Policy;
use crate::clock::until;
use crate::error::Error;
use crate::error::RetryAfter;
use crate::transport::{TransportError, TransportErrorKind as Kind};

/// One request and its tries so far.
#[derive(Debug)]
pub(super) struct Attempt {
    method: Method,
    tried: u32,
}

/// A pause before the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pause {
    pub(super) length: Duration,
    /// Whether the server asked for it: then it is for all requests, not only for this one.
    pub(super) asked: bool,
}

impl Attempt {
    pub(super) const fn new(method: Method) -> Self {
        Self { method, tried: 0 }
    }

    /// Begins a try; returns its number, from 1.
    pub(super) const fn begin(&mut self) -> u32 {
        self.tried += 1;
        self.tried
    }

    /// Decides after a try: returns the pause before the next one, or `None` if `result` is final.
    pub(super) fn after(
        &self,
        policy: &Policy,
        result: &Result<Response<Vec<u8>>, TransportError>,
        now: Timestamp,
        random: f64,
    ) -> Option<Pause> {
        let error = match result {
            Ok(response) if response.status().is_success() => {
                is_cut(response.body()).then(|| lost("the answer ends early"))?
            }
            Ok(response) => Error::from_response(response),
            Err(e) => Error::Transport(e.clone()),
        };
        if self.tried >= policy.tries || !error.is_temporary() || !self.may_repeat(&error) {
            return None;
        }
        let asked = match error {
            Error::RateLimited { retry: Some(RetryAfter::Seconds(seconds)) } => {
                Some(Duration::from_secs(seconds))
            }
            Error::RateLimited { retry: Some(RetryAfter::At(time)) } => Some(until(now, time)),
            _ => None,
        };
        let backoff = policy
            .first_wait
            .saturating_mul(1_u32.checked_shl(self.tried - 1).unwrap_or(u32::MAX))
            .min(policy.longest_wait)
            .mul_f64(random);
        match asked {
            Some(asked) if asked > policy.longest_wait => None,
            // A little later than asked, so that clients do not all come back at the same moment.
            Some(asked) => {
                Some(Pause { length: asked + backoff.min(policy.first_wait), asked: true })
            }
            None => Some(Pause { length: backoff, asked: false }),
        }
    }

    /// Returns whether a request may be repeated. A POST asks for a token. It may have used up a
    /// passcode or a refresh token even if no answer came, so it is repeated only if the server
    /// surely did not read it.
    fn may_repeat(&self, error: &Error) -> bool {
        match error {
            _ if self.method == Method::GET => true,
            Error::Transport(e) => e.kind() == Kind::Connect,
            Error::RateLimited { .. } | Error::NoRoute | Error::Unavailable { status: 503, .. } => {
                true
            }
            _ => false,
        }
    }
}

fn lost(why: &str) -> Error {
    Error::Transport(TransportError::new(Kind::Interrupted, why))
}

/// Returns whether the text is JSON without its end: a proxy gave up in the middle without an
/// error.
fn is_cut(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    match body.first() {
        Some(b'{') => body.last() != Some(&b'}'),
        Some(b'[') => body.last() != Some(&b']'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_pause_is_never_longer_than_the_longest_nor_shorter_than_asked(
            tried in 1_u32..40,
            tries in 1_u32..40,
            random in 0.0..1.0_f64,
            after in 0_u64..100,
        ) {
            let policy = Policy { tries, ..Policy::default() };
            let attempt = Attempt { method: Method::GET, tried };
            let now = Timestamp::from_nanos(0);
            let unavailable = Ok(Response::builder().status(503).body(vec![]).unwrap());
            let pause = attempt.after(&policy, &unavailable, now, random);
            prop_assert_eq!(pause.is_some(), tried < tries);
            prop_assert!(pause.is_none_or(|p| !p.asked && p.length <= policy.longest_wait));
            let limited = Response::builder().status(429).header("Retry-After", after.to_string());
            let pause = attempt.after(&policy, &Ok(limited.body(vec![]).unwrap()), now, random);
            prop_assert_eq!(pause.is_some(), tried < tries && after <= 30);
            if let Some(pause) = pause {
                let asked = Duration::from_secs(after);
                prop_assert!(pause.length >= asked && pause.length <= asked + policy.first_wait);
            }
        }
    }
}
