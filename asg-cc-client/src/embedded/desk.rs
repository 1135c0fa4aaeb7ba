//! The common parts of every server of this module: logs requests, and injects outages.

use std::fmt;
use std::sync::Mutex;

use http::header::{AUTHORIZATION, HeaderValue};
use http::{Request, Response};

use super::lock;
use super::outage::{Outage, mix};
use super::trouble::Manner;

/// A request to a server of this module, and the status of its answer.
///
/// It contains secrets, for tests that search for them; `Debug` prints none: neither headers nor
/// body.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Logged {
    /// Such as `GET`.
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// Whether a token came with it.
    pub authorized: bool,
    /// All headers as sent, secrets too; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as sent, secrets too.
    pub body: Vec<u8>,
    /// The status of the answer; 0 until it is known, or without an answer.
    pub status: u16,
}

impl Logged {
    /// Returns the first header of this name, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    fn of(request: &Request<Vec<u8>>) -> Self {
        let headers = request.headers().iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        Self {
            method: request.method().to_string(),
            target: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
            authorized: request.headers().contains_key(AUTHORIZATION),
            headers: headers.collect(),
            body: request.body().clone(),
            status: 0,
        }
    }
}

impl fmt::Debug for Logged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logged")
            .field("method", &self.method)
            .field("target", &self.target)
            .field("authorized", &self.authorized)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

pub(super) type Interceptor = Box<dyn Fn(&Request<Vec<u8>>) -> Option<Response<Vec<u8>>> + Send>;

/// An answer, and its fate on the way.
pub(super) struct Reply {
    pub(super) answer: Response<Vec<u8>>,
    pub(super) manner: Manner,
}

#[derive(Default)]
pub(super) struct Desk {
    log: Mutex<Vec<Logged>>,
    outage: Mutex<Outage>,
    interceptor: Mutex<Option<Interceptor>>,
}

impl Desk {
    pub(super) fn requests(&self) -> Vec<Logged> {
        lock(&self.log).clone()
    }

    pub(super) fn script(&self, outage: Outage) {
        *lock(&self.outage) = outage;
    }

    pub(super) fn intercept(&self, interceptor: Interceptor) {
        *lock(&self.interceptor) = Some(interceptor);
    }

    /// Returns the interceptor's answer, or the outage's, or `usual`.
    pub(super) fn reply(
        &self,
        request: &Request<Vec<u8>>,
        usual: impl FnOnce() -> Response<Vec<u8>>,
    ) -> Reply {
        let number = {
            let mut log = lock(&self.log);
            log.push(Logged::of(request));
            log.len() - 1
        };
        let intercepted = lock(&self.interceptor).as_ref().and_then(|answer| answer(request));
        let reply = if let Some(answer) = intercepted {
            Reply { answer, manner: Manner::Whole }
        } else {
            let trouble = lock(&self.outage).meets(request.uri().path());
            let manner = trouble.map_or(Manner::Whole, super::Trouble::manner);
            let troubled = trouble.and_then(|trouble| trouble.answer(request));
            let mut answer = troubled.unwrap_or_else(usual);
            name_request(request, number, &mut answer);
            Reply { answer, manner }
        };
        if reply.manner != Manner::Nothing {
            lock(&self.log)[number].status = reply.answer.status().as_u16();
        }
        reply
    }
}

/// Names the request as Cloud Controller does: the client's name before its own
/// (`middleware/vcap_request_context_setter.rb`).
fn name_request(request: &Request<Vec<u8>>, number: usize, answer: &mut Response<Vec<u8>>) {
    const OURS: &str = "x-vcap-request-id";
    // Answers from servers in front of Cloud Controller do not have this header.
    let Some(name) = answer.headers_mut().get_mut(OURS) else { return };
    let number = number as u64;
    let (high, low) = (mix(number, 1), mix(number, 2));
    let own = format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        low >> 52,
        low & 0xffff_ffff_ffff
    );
    let theirs = [OURS, "x-request-id"].into_iter().find_map(|n| request.headers().get(n));
    let theirs = theirs.and_then(|value| value.to_str().ok()).map(|value| {
        let kept = value.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        kept.take(255).collect::<String>()
    });
    let whole = theirs.map_or(own.clone(), |theirs| format!("{theirs}::{own}"));
    *name = HeaderValue::try_from(whole).expect("letters, digits, dashes, underscores and colons");
}
