//! The error type of this crate: each error shows who is at fault and what to do.
//!
//! [`Error`] is the reason, [`Fault`] whose fault it is, and [`ApiError`] Cloud Controller's own
//! answer with [`RetryAfter`]. [`CustomError`] is for directories of other crates.
//!
//! ```
//! use asg_cc_client::Error;
//! use asg_cc_client::error::Fault;
//! use http::Response;
//!
//! let answer = Response::builder().status(503).body(Vec::new()).unwrap();
//! let error = Error::from_response(&answer);
//! assert!(error.is_temporary() && error.fault() == Fault::Server);
//! ```

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use asg_core::Timestamp;
use asg_core::bytes::escape_text;
use http::{Response, StatusCode};
use serde_json::Value;

use crate::transport::{TransportError, TransportErrorKind};

/// The reason why a directory has no answer.
///
/// Each prints as one sentence with the fault and a remedy. If an app, space or org is not found,
/// that is *not* an error of a directory, and no error here ever means "deleted".
///
/// # Example
///
/// ```
/// use asg_cc_client::Error;
/// use asg_cc_client::error::Fault;
/// use http::Response;
///
/// let body = br#"{"description":"Invalid Auth Token","error_code":"CF-InvalidAuthToken","code":1000}"#;
/// let err = Error::from_response(&Response::builder().status(401).body(body.to_vec()).unwrap());
/// assert_eq!(err, Error::TokenRejected);
/// assert_eq!(err.fault(), Fault::Credentials);
/// assert_eq!(
///     err.to_string(),
///     "the access token is expired or not this foundation's: log in again with `cf login`, or renew it with `cf oauth-token`"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address of the API cannot be used.
    #[error("the API address {0}: give it as in `https://api.example.org` (`cf api` prints it)")]
    Address(&'static str),
    /// The text given as a token is not one.
    #[error("the access token cannot be used, {0}: give what `cf oauth-token` prints")]
    Token(&'static str),
    /// The configuration of the cf CLI cannot be used.
    #[error("the cf CLI's configuration cannot be used: {0}")]
    CfConfig(String),
    /// No answer came.
    #[error("{}", hint("API", .0))]
    Transport(TransportError),
    /// The server that answers is not a Cloud Controller.
    #[error(
        "what answers there (HTTP {status}) is not a Cloud Controller: check the API address (`cf api` prints it)"
    )]
    NotCloudController {
        /// The HTTP status.
        status: u16,
    },
    /// The answer is a redirect, which is not followed, because the request carries a token.
    #[error(
        "the API answers with a redirect (HTTP {status}), which the token must not follow: give the address that it leads to"
    )]
    Redirect {
        /// The HTTP status.
        status: u16,
    },
    /// The foundation's router has no route for this host name.
    #[error(
        "the router knows no such host: check the API address, or try again later if the Cloud Controller is being restarted"
    )]
    NoRoute,
    /// 401 with code 1000.
    #[error(
        "the access token is expired or not this foundation's: log in again with `cf login`, or renew it with `cf oauth-token`"
    )]
    TokenRejected,
    /// Cloud Controller refuses tokens that its UAA has just issued.
    #[error(
        "the Cloud Controller refuses tokens that the UAA has just issued{}: check that both are of one foundation, and that their clocks and this machine's agree",
        clocks(*.ahead)
    )]
    FreshTokenRefused {
        /// The seconds by which this machine's clock is ahead of the UAA's, if the token shows it.
        ahead: Option<i64>,
    },
    /// The caller ended the work: see [`Stop`](crate::Stop).
    #[error("stopped before the Cloud Controller had answered")]
    Stopped,
    /// The deadline for the whole question passed.
    #[error("the Cloud Controller did not answer everything within {} s: try again, or allow more time", .0.as_secs_f64())]
    Deadline(Duration),
    /// The UAA refuses the login.
    #[error(
        "the UAA refuses the login ({}: {}): check the user, the client and their secrets, or log in again",
        escape_text(error),
        escape_text(description)
    )]
    Login {
        /// The UAA's word for it, such as `unauthorized`.
        error: String,
        /// The description for people.
        description: String,
    },
    /// The server at the token endpoint is not a UAA.
    #[error("what answers at the token endpoint (HTTP {status}) is not a UAA: check its address")]
    NotUaa {
        /// The HTTP status.
        status: u16,
    },
    /// The UAA, and not the Cloud Controller, gave no answer.
    #[error("{}", at_uaa(address, error))]
    Uaa {
        /// The UAA's address.
        address: String,
        /// The error of the login.
        error: Box<Self>,
    },
    /// The UAA's address is missing, or cannot be used.
    #[error("the UAA's address {0}: give it, or a token")]
    UaaAddress(&'static str),
    /// The caller's own source of headers failed.
    #[error("the provider of the `Authorization` header failed: {0}")]
    Provider(String),
    /// 429, and the token expired before, by its own claims and this machine's clock: requests
    /// without a valid token have a lower limit of their own.
    #[error(
        "too many requests without a valid token, and the access token ended {at}: log in again with `cf login`, or renew it with `cf oauth-token`"
    )]
    TokenEnded {
        /// The time when it expired.
        at: Timestamp,
    },
    /// 401 with code 10002.
    #[error("not logged in: log in with `cf login`, or give an access token")]
    NotLoggedIn,
    /// 403: the token does not allow this.
    #[error("the token does not allow this ({}): use one with the scope `cloud_controller.admin_read_only` or `cloud_controller.global_auditor`", list(.errors))]
    Forbidden {
        /// Cloud Controller's errors.
        errors: Vec<ApiError>,
    },
    /// The v2 API is switched off, as it is by default since 2025.
    #[error("the v2 API is switched off on this foundation: use v3")]
    V2Disabled,
    /// Cloud Controller does not have this path: it is too old or too new for it, or is another
    /// implementation.
    #[error(
        "this Cloud Controller has no such endpoint: its API is too old, or v2 was removed from it; try the other API version"
    )]
    NoSuchEndpoint,
    /// Cloud Controller reports that the thing does not exist, *or* that this token may not see it.
    /// This does not prove a deletion.
    #[error("not found, or not visible with this token: {}", list(.errors))]
    NotFound {
        /// Cloud Controller's errors.
        errors: Vec<ApiError>,
    },
    /// 414: a server in front of Cloud Controller does not accept request lines of this length.
    #[error(
        "the request is too long for a server before the Cloud Controller: ask for fewer things at a time"
    )]
    TooLong,
    /// 429: too many requests.
    #[error("too many requests: try again {}", when(*.retry))]
    RateLimited {
        /// When the server would answer again, if it shows that.
        retry: Option<RetryAfter>,
    },
    /// The server failed, or is being maintained, or a server that it needs failed.
    #[error("the Cloud Controller cannot answer now (HTTP {status}{}): try again later, and tell its operators if it stays so", because(.errors))]
    Unavailable {
        /// The HTTP status: 500 or above.
        status: u16,
        /// Cloud Controller's errors; empty if a server in front of it answered.
        errors: Vec<ApiError>,
    },
    /// Cloud Controller refuses the request: an error of this crate, or an API that changed.
    #[error("the Cloud Controller refuses the request (HTTP {status}: {}): this is a fault of asg-cc-client or of an API version that it does not know, please report it", list(.errors))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// All of Cloud Controller's errors.
        errors: Vec<ApiError>,
    },
    /// An answer of Cloud Controller has an unexpected shape.
    #[error(
        "the answer to {request} cannot be read, {why}: check that nothing between here and the Cloud Controller rewrites it"
    )]
    Unreadable {
        /// Path and query of the request.
        request: String,
        /// The fault.
        why: &'static str,
    },
    /// A directory that the caller brought failed.
    #[error("{0}")]
    Custom(CustomError),
    /// The file of a cache cannot be used, or not be written.
    #[error("the cache file cannot be used: {0}; delete it to begin anew")]
    CacheFile(String),
    /// The text is not a recording of requests and answers.
    #[error("the recording cannot be used: {0}")]
    Recording(String),
    /// The file is not a saved page.
    #[error("{0}")]
    Export(String),
}

impl Error {
    /// Converts an answer whose status is not 2xx.
    ///
    /// The status alone is not enough: routers, proxies and maintenance pages answer too. So "not
    /// found" and "forbidden" need Cloud Controller's own JSON, and any other answer counts as one
    /// of another server.
    ///
    /// ```
    /// use asg_cc_client::Error;
    /// use http::Response;
    ///
    /// let answer = Response::builder().status(503).body(Vec::new()).unwrap();
    /// assert!(Error::from_response(&answer).is_temporary());
    /// ```
    #[must_use]
    pub fn from_response(response: &Response<Vec<u8>>) -> Self {
        let status = response.status();
        let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok());
        let errors = ApiError::parse(response.body());
        let has = |code: i64| errors.iter().any(|e| e.code == code);
        match status {
            s if s.is_redirection() => Self::Redirect { status: s.as_u16() },
            StatusCode::URI_TOO_LONG => Self::TooLong,
            StatusCode::TOO_MANY_REQUESTS => Self::RateLimited { retry: RetryAfter::parse(header) },
            StatusCode::NOT_FOUND if header("x-cf-routererror").is_some() => Self::NoRoute,
            s if s.is_server_error() => Self::Unavailable { status: s.as_u16(), errors },
            StatusCode::NOT_FOUND if is_v2_disabled(response.body()) => Self::V2Disabled,
            // The space supporters' 403 on v2 is HTML from Cloud Controller: it names the role. It
            // has no code of its own.
            StatusCode::FORBIDDEN if names_space_supporter(response.body()) => Self::Forbidden {
                errors: vec![ApiError {
                    code: 403,
                    title: "Forbidden".into(),
                    detail: "space supporters have no access to the v2 API".into(),
                }],
            },
            s if errors.is_empty() => Self::NotCloudController { status: s.as_u16() },
            StatusCode::UNAUTHORIZED if has(10002) => Self::NotLoggedIn,
            StatusCode::UNAUTHORIZED => Self::TokenRejected,
            StatusCode::FORBIDDEN => Self::Forbidden { errors },
            StatusCode::NOT_FOUND if has(10000) => Self::NoSuchEndpoint,
            StatusCode::NOT_FOUND => Self::NotFound { errors },
            s => Self::Refused { status: s.as_u16(), errors },
        }
    }

    /// Returns whether the caller ended this question.
    pub(crate) fn is_stop(&self) -> bool {
        match self {
            Self::Stopped => true,
            Self::Transport(error) => error.kind() == TransportErrorKind::Stopped,
            Self::Uaa { error, .. } => error.is_stop(),
            _ => false,
        }
    }

    /// Returns who has to act.
    ///
    /// ```
    /// use asg_cc_client::Error;
    /// use asg_cc_client::error::Fault;
    /// use http::Response;
    ///
    /// let answer = Response::builder().status(503).body(Vec::new()).unwrap();
    /// assert_eq!(Error::from_response(&answer).fault(), Fault::Server);
    /// ```
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Address(_)
            | Self::CfConfig(_)
            | Self::Redirect { .. }
            | Self::CacheFile(_)
            | Self::Recording(_)
            | Self::Export(_)
            | Self::V2Disabled
            | Self::NoSuchEndpoint
            | Self::Custom(_)
            | Self::Stopped
            | Self::NotFound { .. } => Fault::Input,
            Self::Token(_)
            | Self::TokenRejected
            | Self::NotLoggedIn
            | Self::Forbidden { .. }
            | Self::Login { .. }
            | Self::FreshTokenRefused { .. }
            | Self::TokenEnded { .. }
            | Self::Provider(_) => Fault::Credentials,
            Self::Transport(_)
            | Self::Deadline(_)
            | Self::NotCloudController { .. }
            | Self::NoRoute
            | Self::NotUaa { .. }
            | Self::UaaAddress(_) => Fault::Network,
            Self::RateLimited { .. } | Self::Unavailable { .. } | Self::Unreadable { .. } => {
                Fault::Server
            }
            Self::Refused { .. } | Self::TooLong => Fault::Client,
            Self::Uaa { error, .. } => error.fault(),
        }
    }

    /// Returns whether the same request may succeed later, without a change on this side.
    ///
    /// ```
    /// use asg_cc_client::transport::TransportErrorKind;
    /// use asg_cc_client::{Error, TransportError};
    ///
    /// assert!(Error::Unavailable { status: 503, errors: vec![] }.is_temporary());
    /// assert!(!Error::TokenRejected.is_temporary());
    /// assert!(Error::from(TransportError::new(TransportErrorKind::Timeout, "")).is_temporary());
    /// ```
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        match self {
            Self::NoRoute
            | Self::RateLimited { .. }
            | Self::Unavailable { .. }
            | Self::Deadline(_) => true,
            Self::Transport(e) => matches!(
                e.kind(),
                TransportErrorKind::Connect
                    | TransportErrorKind::Timeout
                    | TransportErrorKind::Interrupted
            ),
            Self::Uaa { error, .. } => error.is_temporary(),
            _ => false,
        }
    }

    /// Returns whether Cloud Controller itself refused one request, so that others may still
    /// succeed.
    pub(crate) const fn is_answer(&self) -> bool {
        matches!(
            self,
            Self::NotFound { .. }
                | Self::Forbidden { .. }
                | Self::NoSuchEndpoint
                | Self::Refused { .. }
                | Self::TooLong
        )
    }

    /// Removes these secrets from all texts of the error: a server may echo them.
    pub(crate) fn scrubbed(mut self, secrets: &[String]) -> Self {
        let scrub = |text: &mut String| {
            for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
                *text = text.replace(secret, "[redacted]");
            }
        };
        match &mut self {
            Self::Transport(e) => scrub(e.message_mut()),
            Self::Provider(text) => scrub(text),
            Self::Uaa { error, .. } => **error = error.as_ref().clone().scrubbed(secrets),
            Self::Login { error, description } => {
                scrub(error);
                scrub(description);
            }
            Self::Forbidden { errors }
            | Self::NotFound { errors }
            | Self::Unavailable { errors, .. }
            | Self::Refused { errors, .. } => {
                for error in errors {
                    scrub(&mut error.title);
                    scrub(&mut error.detail);
                }
            }
            _ => {}
        }
        self
    }
}

// By hand, because `#[from]` would make it the `source` too, and its text is in ours already.
impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

impl From<Infallible> for Error {
    fn from(error: Infallible) -> Self {
        match error {}
    }
}

impl Error {
    /// Wraps the error of a caller's own directory, so that it passes through
    /// [`Cached`](crate::Cached) and [`Layered`](crate::Layered).
    ///
    /// ```
    /// use asg_cc_client::Error;
    ///
    /// let broken = Error::custom(std::io::Error::other("the database is away"));
    /// assert_eq!(broken.to_string(), "the database is away");
    /// let Error::Custom(inner) = &broken else { unreachable!() };
    /// assert!(inner.get_ref().is::<std::io::Error>());
    /// ```
    pub fn custom(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Custom(CustomError(Arc::new(error)))
    }
}

/// An error of the caller: see [`Error::custom`]. Two are equal if one is a clone of the other.
#[derive(Debug, Clone)]
pub struct CustomError(Arc<dyn std::error::Error + Send + Sync>);

impl CustomError {
    /// Returns the error itself.
    #[must_use]
    pub fn get_ref(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        &*self.0
    }
}

impl PartialEq for CustomError {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for CustomError {}

impl fmt::Display for CustomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The party that has to act on an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The input: an address, a file, an API version.
    Input,
    /// The credentials: no token, an expired one, or one with too few rights.
    Credentials,
    /// The network: addresses, proxies, certificates.
    Network,
    /// The server.
    Server,
    /// This crate.
    Client,
}

/// One error in Cloud Controller's words, from either API.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiError {
    /// The number, such as 10010.
    pub code: i64,
    /// The name that goes with the number, such as `CF-ResourceNotFound`.
    pub title: String,
    /// For people; the wording is not stable.
    pub detail: String,
}

impl ApiError {
    /// Parses both shapes: v3's `{"errors":[{"code","title","detail"}]}` and v2's
    /// `{"code","error_code","description"}`. Returns an empty list for any other text.
    fn parse(body: &[u8]) -> Vec<Self> {
        if body.len() > MOST {
            return Vec::new();
        }
        let Ok(body) = serde_json::from_slice::<Value>(body) else { return Vec::new() };

        let one = |value: &Value, title: &str, detail: &str| {
            let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
            Some(Self { code: value["code"].as_i64()?, title: text(title), detail: text(detail) })
        };
        match &body["errors"] {
            Value::Array(errors) => {
                errors.iter().filter_map(|e| one(e, "title", "detail")).collect()
            }
            _ => one(&body, "error_code", "description").into_iter().collect(),
        }
    }
}

/// The maximum length of an error of Cloud Controller.
const MOST: usize = 64 << 10;

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (title, detail) = (escape_text(&self.title), escape_text(&self.detail));
        write!(f, "{} {title}: {detail}", self.code)
    }
}

/// When a server that refuses for now would answer again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryAfter {
    /// After so many seconds.
    Seconds(u64),
    /// At this time.
    At(Timestamp),
}

impl RetryAfter {
    /// Parses `Retry-After` as seconds; some versions of Cloud Controller write the epoch there,
    /// and all of them in `X-RateLimit-Reset`.
    fn parse<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        const EPOCHS_START: u64 = 1_000_000_000;
        let number = |name: &str| header(name)?.trim().parse::<u64>().ok();
        let value = number("retry-after")
            .or_else(|| number("x-ratelimit-reset"))
            .or_else(|| number("x-ratelimit-reset-v2-api"))?;
        if value < EPOCHS_START {
            return Some(Self::Seconds(value));
        }
        let nanos = i64::try_from(value).ok()?.checked_mul(1_000_000_000)?;
        Some(Self::At(Timestamp::from_nanos(nanos)))
    }
}

/// Recognises nginx' page in front of Cloud Controller, which is `text/html`.
fn is_v2_disabled(body: &[u8]) -> bool {
    body.trim_ascii().eq_ignore_ascii_case(b"V2 endpoints disabled")
}

fn names_space_supporter(body: &[u8]) -> bool {
    body.len() <= MOST && String::from_utf8_lossy(body).contains("Space Supporter Role in V2")
}

/// Returns the error of a transport in words; `peer` is the server's name.
fn hint(peer: &str, error: &TransportError) -> String {
    let message = error.to_string();
    let hint = match error.kind() {
        TransportErrorKind::Connect => {
            "no connection to the {} (check its address, the network and the proxy variables)"
        }
        TransportErrorKind::Timeout => "the {} did not answer in time (try again)",
        TransportErrorKind::Interrupted => {
            "the connection to the {} broke (try again; if it stays so, check the address and its port)"
        }
        TransportErrorKind::Tls => certificate(&message),
        TransportErrorKind::TooLarge => "the answer cannot be the {}'s",
        TransportErrorKind::Stopped => "stopped before the {} had answered",
        TransportErrorKind::Budget => "no more requests are made (raise the budget)",
        TransportErrorKind::Other => "the request could not be made",
    };
    format!("{}: {}", hint.replace("{}", peer), escape_text(&message))
}

/// Returns the error of a login in words.
fn at_uaa(address: &str, error: &Error) -> String {
    let uaa = format!("UAA at {}", escape_text(address));
    match error {
        Error::Transport(error) => hint(&uaa, error),
        Error::NotUaa { status } => format!(
            "what answers to a login at {} (HTTP {status}) is not a UAA: check its address",
            escape_text(address)
        ),
        Error::Redirect { status } => format!(
            "the {uaa} answers with a redirect (HTTP {status}), which a login must not follow: give the address that it leads to"
        ),
        Error::NoRoute => format!(
            "the router knows no such host as the {uaa}: check its address, or try again later if it is being restarted"
        ),
        Error::RateLimited { retry } => {
            format!("the {uaa} takes no more logins for now: try again {}", when(*retry))
        }
        Error::Unavailable { status, .. } => format!(
            "the {uaa} cannot answer now (HTTP {status}): try again later, and tell its operators if it stays so"
        ),
        other => other.to_string(),
    }
}

/// Returns the beginning of a sentence for each cause of a failed handshake, by rustls' words for
/// it.
fn certificate(message: &str) -> &'static str {
    const CAUSES: [(&str, &str); 5] = [
        (
            "UnknownIssuer",
            "the certificate of the {} is not trusted (give its CA, or skip verification if you must)",
        ),
        (
            "CaUsedAsEndEntity",
            "the certificate of the {} is marked as a CA's, which no server's may be (have it issued without CA:TRUE, or skip verification if you must)",
        ),
        (
            "Expired",
            "the certificate of the {} is over (have it renewed, or check this machine's clock)",
        ),
        ("NotValidYet", "the certificate of the {} is not valid yet (check this machine's clock)"),
        ("NotValidForName", "the certificate of the {} is for another host (check the address)"),
    ];
    let lower = message.to_ascii_lowercase();
    let cause = CAUSES.iter().find(|(word, _)| message.contains(word));
    let name = || lower.contains("not valid for name").then_some(CAUSES[4].1);
    let over = || lower.contains("expired").then_some(CAUSES[2].1);
    let early = || lower.contains("not valid yet").then_some(CAUSES[3].1);
    let known = cause.map(|(_, sentence)| *sentence);
    known.or_else(name).or_else(over).or_else(early).unwrap_or(
        "no secure connection to the {} (check that its address and port speak TLS 1.2 or later)",
    )
}

fn list(errors: &[ApiError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Returns a considerable difference of clocks, in brackets.
fn clocks(ahead: Option<i64>) -> String {
    match ahead {
        Some(seconds @ 60..) => {
            format!(" (this machine's clock is {seconds} s ahead of the UAA's)")
        }
        Some(seconds @ ..=-60) => {
            format!(" (this machine's clock is {} s behind the UAA's)", seconds.unsigned_abs())
        }
        _ => String::new(),
    }
}

fn because(errors: &[ApiError]) -> String {
    if errors.is_empty() { String::new() } else { format!(", {}", list(errors)) }
}

fn when(retry: Option<RetryAfter>) -> String {
    match retry {
        Some(RetryAfter::Seconds(seconds)) => format!("in {seconds} s"),
        Some(RetryAfter::At(time)) => format!("after {time}"),
        None => "later".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Error {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        Error::from_response(&response.body(body.into()).unwrap())
    }

    #[test]
    fn a_404_without_cloud_controllers_json_is_never_not_found() {
        for (headers, body) in [
            (&[][..], "V2 endpoints disabled"),
            (&[("X-Cf-RouterError", "unknown_route")][..], "404 Not Found"),
            // Also JSON in Cloud Controller's shape, if a header shows that the router wrote it.
            (&[("X-Cf-RouterError", "unknown_route")][..], r#"{"code":100004}"#),
            (&[][..], "<html>Not Found</html>"),
            (&[][..], ""),
            (&[][..], "null"),
            (&[][..], r#"{"errors":[]}"#),
            (&[][..], r#"{"message":"no"}"#),
        ] {
            let err = answer(404, headers, body);
            assert!(!matches!(err, Error::NotFound { .. }), "{body}: {err:?}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_an_epoch() {
        for (headers, retry) in [
            (&[("Retry-After", "1743")][..], Some(RetryAfter::Seconds(1743))),
            (
                &[("Retry-After", "1498136872")][..],
                Some(RetryAfter::At(Timestamp::from_nanos(1_498_136_872_000_000_000))),
            ),
            (
                &[("X-RateLimit-Reset", "1498136872")][..],
                Some(RetryAfter::At(Timestamp::from_nanos(1_498_136_872_000_000_000))),
            ),
            (&[("Retry-After", "99999999999999999999")][..], None),
            (&[("Retry-After", "9999999999999")][..], None),
            (&[("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT")][..], None),
            (&[][..], None),
        ] {
            for body in ["null", "", "{}", r#"{"code":10013,"error_code":"CF-RateLimitExceeded"}"#]
            {
                assert_eq!(answer(429, headers, body), Error::RateLimited { retry }, "{headers:?}");
            }
        }
    }

    #[test]
    fn all_of_v3s_errors_are_kept() {
        let body = r#"{"errors":[{"code":10008,"title":"CF-UnprocessableEntity","detail":"a"},{"code":10008,"title":"CF-UnprocessableEntity","detail":"b"}]}"#;
        let err = answer(422, &[], body).to_string();
        assert!(
            err.contains("10008 CF-UnprocessableEntity: a; 10008 CF-UnprocessableEntity: b"),
            "{err}"
        );
    }

    #[test]
    fn a_servers_text_commands_no_terminal() {
        let body = "{\"code\":1,\"error_code\":\"X\\u001b[2J\",\"description\":\"\\u202egone\\n\"}";
        let text = answer(500, &[], body).to_string();
        assert!(text.contains(r"1 X\u{1b}[2J: \u{202e}gone\u{a}"), "{text}");
        let (error, description) = ("\u{9b}2J".to_owned(), "a\rb".to_owned());
        let text = Error::Login { error, description }.to_string();
        assert!(text.contains(r"(\u{9b}2J: a\u{d}b)"), "{text}");
    }

    #[test]
    fn a_failed_handshake_says_what_is_wrong_with_the_certificate() {
        for (message, words) in [
            ("invalid peer certificate: UnknownIssuer", "is not trusted"),
            ("invalid peer certificate: Expired", "is over"),
            ("invalid peer certificate: certificate expired: verification time 1", "is over"),
            ("invalid peer certificate: NotValidYet", "not valid yet"),
            ("invalid peer certificate: certificate not valid for name \"a\"", "another host"),
            ("invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))", "without CA:TRUE"),
            ("received fatal alert: ProtocolVersion", "speak TLS 1.2"),
        ] {
            let error: Error = TransportError::new(TransportErrorKind::Tls, message).into();
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn a_failure_of_the_uaa_names_the_uaa_and_what_it_would_be_of_the_api() {
        let transport = |kind| Error::from(TransportError::new(kind, "why"));
        for (error, words) in [
            (transport(TransportErrorKind::Connect), "no connection to the UAA at https://uaa"),
            (transport(TransportErrorKind::Timeout), "the UAA at https://uaa did not answer in"),
            (transport(TransportErrorKind::Tls), "no secure connection to the UAA at https://uaa"),
            (Error::NotUaa { status: 404 }, "a login at https://uaa (HTTP 404) is not a UAA"),
            (Error::Redirect { status: 302 }, "the UAA at https://uaa answers with a redirect"),
            (Error::NoRoute, "no such host as the UAA at https://uaa"),
            (
                Error::RateLimited { retry: Some(RetryAfter::Seconds(7)) },
                "the UAA at https://uaa takes no more logins for now: try again in 7 s",
            ),
            (
                Error::Unavailable { status: 503, errors: vec![] },
                "the UAA at https://uaa cannot answer now (HTTP 503)",
            ),
        ] {
            let (fault, is_temporary) = (error.fault(), error.is_temporary());
            let error = Error::Uaa { address: "https://uaa".into(), error: Box::new(error) };
            let text = error.to_string();
            assert!(text.contains(words), "{text}");
            assert!(!text.contains("API") && !text.contains("Cloud Controller"), "{text}");
            assert_eq!((error.fault(), error.is_temporary()), (fault, is_temporary), "{text}");
        }
    }

    #[test]
    fn an_echoed_token_is_taken_out() {
        let body = r#"{"code":10005,"error_code":"sesame","description":"bad: sesame"}"#;
        let err = answer(400, &[], body).scrubbed(&["sesame".into()]);
        assert!(!format!("{err:?} {err}").contains("sesame"));
    }
}
