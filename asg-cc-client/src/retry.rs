//! Trying again, as a transport around a transport.

use std::fmt;
use std::time::Duration;

use http::{Method, Request, Response};

use crate::error::RetryAfter;
use crate::{Error, Transport, TransportError};

/// Tries GETs again that failed for now: no connection, no answer, 429, 5xx, and a router that has lost its route.
///
/// It waits as long as the server asks in `Retry-After`, or else half a second, doubled each time. If the server asks for
/// more than the longest wait, its answer is given back at once: the caller knows better what to do with an hour.
///
/// # Example
///
/// ```
/// use std::cell::{Cell, RefCell};
/// use std::time::Duration;
/// use asg_cc_client::{Retrying, Transport, TransportError};
/// use http::{Request, Response};
///
/// let calls = Cell::new(0);
/// let flaky = |_: Request<Vec<u8>>| -> Result<Response<Vec<u8>>, TransportError> {
///     calls.set(calls.get() + 1);
///     let status = if calls.get() < 3 { 503 } else { 200 };
///     Ok(Response::builder().status(status).body(Vec::new()).unwrap())
/// };
/// let waits = RefCell::new(Vec::new());
/// let transport = Retrying::new(flaky).with_sleep(|wait: Duration| waits.borrow_mut().push(wait.as_millis()));
/// assert_eq!(transport.send(Request::new(Vec::new()))?.status(), 200);
/// assert_eq!(waits.into_inner(), [500, 1000]);
/// # Ok::<(), TransportError>(())
/// ```
pub struct Retrying<T, S = fn(Duration)> {
    inner: T,
    tries: u32,
    longest_wait: Duration,
    sleep: S,
}

impl<T: Transport> Retrying<T> {
    /// Up to three tries, and waits of up to 30 s, in which the thread sleeps.
    #[must_use]
    pub const fn new(inner: T) -> Self {
        Self { inner, tries: 3, longest_wait: Duration::from_secs(30), sleep: std::thread::sleep }
    }
}

impl<T, S> Retrying<T, S> {
    /// So many tries, the first included.
    #[must_use]
    pub fn with_tries(self, tries: u32) -> Self {
        Self { tries, ..self }
    }

    /// Waits no longer than this at a time.
    #[must_use]
    pub fn with_longest_wait(self, longest_wait: Duration) -> Self {
        Self { longest_wait, ..self }
    }

    /// Waits in this way: for tests, or to stop waiting when a program ends.
    #[must_use]
    pub fn with_sleep<U: Fn(Duration)>(self, sleep: U) -> Retrying<T, U> {
        let Self { inner, tries, longest_wait, .. } = self;
        Retrying { inner, tries, longest_wait, sleep }
    }
}

impl<T: Transport, S: Fn(Duration)> Transport for Retrying<T, S> {
    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, TransportError> {
        let mut wait = Duration::from_millis(500);
        for _ in 1..self.tries {
            let result = self.inner.send(request.clone());
            let error = match &result {
                Ok(response) if response.status().is_success() => return result,
                Ok(response) => Error::from_response(response),
                Err(e) => Error::Transport(e.clone()),
            };
            let asked = match &error {
                Error::RateLimited { retry: Some(RetryAfter::Seconds(seconds)) } => {
                    Some(Duration::from_secs(*seconds))
                }
                // A time of day needs a clock to wait for, which the caller has.
                Error::RateLimited { retry: Some(RetryAfter::At(_)) } => return result,
                _ => None,
            };
            let pause = asked.unwrap_or(wait);
            if request.method() != Method::GET || !error.is_temporary() || pause > self.longest_wait
            {
                return result;
            }
            (self.sleep)(pause);
            wait = wait.saturating_mul(2);
        }
        self.inner.send(request)
    }
}

impl<T: fmt::Debug, S> fmt::Debug for Retrying<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inner, tries, longest_wait, sleep: _ } = self;
        f.debug_struct("Retrying")
            .field("inner", inner)
            .field("tries", tries)
            .field("longest_wait", longest_wait)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;
    use crate::TransportErrorKind as Kind;

    /// Sends `answers` in turn; gives the last one that was given back, and the waits in milliseconds.
    fn run(answers: &[Result<Response<Vec<u8>>, TransportError>]) -> (String, Vec<u128>) {
        let next = Cell::new(0);
        let inner = |_: Request<Vec<u8>>| {
            next.set(next.get() + 1);
            answers[next.get() - 1].clone()
        };
        let waits = RefCell::new(Vec::new());
        let transport =
            Retrying::new(inner).with_sleep(|wait| waits.borrow_mut().push(wait.as_millis()));
        let told = match transport.send(Request::new(Vec::new())) {
            Ok(response) => response.status().as_u16().to_string(),
            Err(e) => e.to_string(),
        };
        (told, waits.into_inner())
    }

    #[test]
    fn only_what_may_pass_is_tried_again_and_only_for_so_long() {
        let status = |status: u16| Ok(Response::builder().status(status).body(vec![]).unwrap());
        let limited = |after: &str| {
            Ok(Response::builder().status(429).header("Retry-After", after).body(vec![]).unwrap())
        };
        let lost = |kind| Err(TransportError::new(kind, format!("{kind:?}")));
        let unrouted = Ok(Response::builder()
            .status(404)
            .header("X-Cf-RouterError", "x")
            .body(vec![])
            .unwrap());
        for (answers, told, waits) in [
            (vec![status(200)], "200", vec![]),
            (vec![status(401)], "401", vec![]),
            (vec![status(404)], "404", vec![]),
            (vec![status(502), status(200)], "200", vec![500]),
            (vec![unrouted, status(200)], "200", vec![500]),
            (
                vec![lost(Kind::Timeout), lost(Kind::Interrupted), status(200)],
                "200",
                vec![500, 1000],
            ),
            (vec![lost(Kind::Connect), status(500), status(503)], "503", vec![500, 1000]),
            (vec![lost(Kind::Tls)], "Tls", vec![]),
            (vec![limited("7"), status(200)], "200", vec![7000]),
            (vec![limited("1743")], "429", vec![]),
            (vec![limited("1498136872")], "429", vec![]),
        ] {
            assert_eq!(run(&answers), (told.to_owned(), waits), "{answers:?}");
        }
    }
}
