//! Cloud Controller's rate limiter: how many requests a holder of tokens has left.

use std::collections::HashMap;

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};

use super::foundation::RateLimit;

/// The requests of everyone in the current window.
#[derive(Debug, Default)]
pub(super) struct Limiter(HashMap<String, (u64, u64)>);

/// The state of a limit after one request.
pub(super) struct Left {
    limit: u64,
    remaining: u64,
    /// The end of the window, in seconds since 1970.
    reset: u64,
    /// Whether the limit was exceeded by this request.
    pub(super) exceeded: bool,
    /// Seconds until the window ends.
    pub(super) wait: u64,
}

impl Limiter {
    /// Counts a request of `holder` at `now`, in seconds since 1970.
    pub(super) fn count(&mut self, limit: RateLimit, holder: &str, now: u64) -> Left {
        let window = limit.window_seconds.max(1);
        let start = now - now % window;
        let used = self.0.entry(holder.to_owned()).or_insert((start, 0));
        if used.0 != start {
            *used = (start, 0);
        }
        used.1 += 1;
        let remaining = limit.requests.saturating_sub(used.1);
        let (reset, exceeded) = (start + window, used.1 > limit.requests);
        Left { limit: limit.requests, remaining, reset, exceeded, wait: reset - now }
    }
}

impl Left {
    /// Writes the headers. The remaining requests are rounded to tenths of the limit, because each
    /// process of Cloud Controller counts for itself (`middleware/base_rate_limiter.rb`,
    /// `estimate_remaining`).
    pub(super) fn write(&self, headers: &mut HeaderMap, names: [&'static str; 3]) {
        let step = (self.limit / 10).max(1);
        let values = [self.limit, self.remaining / step * step, self.reset];
        for (name, value) in names.into_iter().zip(values) {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
        }
    }
}

/// The names of the general limiter's headers: limit, remaining, reset.
pub(super) const GENERAL: [&str; 3] =
    ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];
/// The names of the headers of the limiter for v2.
pub(super) const V2: [&str; 3] =
    ["x-ratelimit-limit-v2-api", "x-ratelimit-remaining-v2-api", "x-ratelimit-reset-v2-api"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_holder_has_a_window_of_their_own() {
        let limit = RateLimit { requests: 20, window_seconds: 60 };
        let mut limiter = Limiter::default();
        let left: Vec<_> = (0..21).map(|_| limiter.count(limit, "a", 90)).collect();
        assert!(!left[19].exceeded && left[20].exceeded);
        assert_eq!((left[20].reset, left[20].wait), (120, 30));
        assert!(!limiter.count(limit, "b", 90).exceeded);
        assert!(!limiter.count(limit, "a", 120).exceeded);
        let mut headers = HeaderMap::new();
        left[4].write(&mut headers, GENERAL);
        assert_eq!(headers["x-ratelimit-remaining"], "14", "in steps of a tenth, which is 2");
    }
}
