//! Failures of a foundation, as answers.

use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{Request, Response};
use serde_json::json;

use super::answer::{PLAIN, error, from_controller, not_authorized, text, version_of};

/// One bad answer.
///
/// Statuses, headers and bodies are those of Cloud Controller (API 3.228.0), of the nginx in front
/// of it (capi-release) and of gorouter; errors have the shape of the requested API version.
///
/// ```
/// use asg_cc_client::embedded::{Foundation, Outage, Server, Trouble};
///
/// let server = Server::start(Foundation::new())?;
/// server.outage(Outage::new().first(1, "/v3/apps", Trouble::InvalidToken));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// 401 with code 1000: the token has expired or was revoked.
    InvalidToken,
    /// 401 with code 10002: no token came.
    NotAuthenticated,
    /// 403 with code 10003: not for this token. In v2 it means that the thing exists.
    Forbidden,
    /// 404, as for a thing that does not exist, or may not be seen.
    Hidden,
    /// 404 of nginx for all of v2 while that is switched off, in HTML.
    V2Disabled,
    /// 404 of gorouter, which has lost the route to the API.
    UnknownRoute,
    /// 414 of nginx, in HTML.
    UriTooLong,
    /// 422 with two errors.
    Unprocessable,
    /// 429.
    TooManyRequests(Limit),
    /// 500 or above.
    Unavailable(u16, Page),
    /// The right answer, but late.
    Slow(Duration),
    /// Half of the right answer, under a `Content-Length` for all of it.
    CutBody,
    /// Half of the right answer in chunks, without the last one.
    CutChunks,
    /// No answer at all: the connection is closed.
    HangUp,
}

/// The way in which a 429 shows when to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// `Retry-After` in seconds from now, and JSON that is labelled `text/plain`: Cloud
    /// Controller's usual one.
    Seconds(u64),
    /// `Retry-After` is a time, in seconds since 1970.
    Epoch(u64),
    /// `Retry-After` in seconds, and the body `null`: Cloud Controller's outside of v2 and v3.
    Null(u64),
    /// `Retry-After` in seconds, of the limit that Cloud Controller has for v2 alone.
    V2(u64),
    /// nginx's own limit: HTML, without a time.
    Silent,
}

/// The writer of a 5xx, which decides its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Page {
    /// Cloud Controller's JSON.
    Json,
    /// nginx, or a load balancer: HTML.
    Html,
    /// gorouter: a line of text and the header `X-Cf-RouterError`.
    Gorouter,
}

/// The fate of an answer on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Whole,
    Late(Duration),
    HalfOfLength,
    HalfInChunks,
    Nothing,
}

impl Trouble {
    /// Returns the answer in place of the right one; `None` if the right one is sent, in some
    /// [`Manner`].
    pub(super) fn answer(self, request: &Request<Vec<u8>>) -> Option<Response<Vec<u8>>> {
        let path = request.uri().path();
        let version = version_of(path);
        let cc = |status, code, title, detail| Some(error(version, status, code, title, detail));
        match self {
            Self::InvalidToken => cc(401, 1000, "CF-InvalidAuthToken", "Invalid Auth Token"),
            Self::NotAuthenticated => cc(401, 10002, "CF-NotAuthenticated", "Authentication error"),
            Self::Forbidden => Some(not_authorized(version)),
            Self::Hidden => match version {
                Some("v3") => cc(404, 10010, "CF-ResourceNotFound", "App not found"),
                _ => cc(404, 100_004, "CF-AppNotFound", "The app could not be found"),
            },
            Self::V2Disabled => Some(text(404, "V2 endpoints disabled")),
            Self::UnknownRoute => Some(unknown_route(request)),
            Self::UriTooLong => Some(uri_too_long()),
            Self::Unprocessable => Some(unprocessable()),
            Self::TooManyRequests(limit) => Some(too_many_requests(version, limit)),
            Self::Unavailable(status, page) => Some(unavailable(version, status, page)),
            Self::Slow(_) | Self::CutBody | Self::CutChunks | Self::HangUp => None,
        }
    }

    pub(super) const fn manner(self) -> Manner {
        match self {
            Self::Slow(delay) => Manner::Late(delay),
            Self::CutBody => Manner::HalfOfLength,
            Self::CutChunks => Manner::HalfInChunks,
            Self::HangUp => Manner::Nothing,
            _ => Manner::Whole,
        }
    }
}

/// Returns nginx's page for a request line that does not fit into its buffer.
pub(super) fn uri_too_long() -> Response<Vec<u8>> {
    text(414, &nginx_page(414, "Request-URI Too Large"))
}

/// Returns Cloud Controller's 429: JSON labelled as text, because the middleware sets no type.
pub(super) fn too_many_requests(version: Option<&str>, limit: Limit) -> Response<Vec<u8>> {
    let (after, mut answer) = match limit {
        Limit::Seconds(after) | Limit::Epoch(after) => {
            (after, error(version, 429, 10013, "CF-RateLimitExceeded", "Rate Limit Exceeded"))
        }
        Limit::V2(after) => {
            let detail = "Rate Limit of V2 API Exceeded. Please consider using the V3 API";
            (after, error(Some("v2"), 429, 10018, "CF-RateLimitV2APIExceeded", detail))
        }
        Limit::Null(after) => (after, text(429, "null")),
        Limit::Silent => return text(429, &nginx_page(429, "Too Many Requests")),
    };
    answer.headers_mut().insert(CONTENT_TYPE, PLAIN);
    answer.headers_mut().insert(RETRY_AFTER, after.into());
    answer
}

fn unknown_route(request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let host = request.headers().get(http::header::HOST).and_then(|host| host.to_str().ok());
    let host = host.unwrap_or("api.example.org");
    let body = format!("404 Not Found: Requested route ('{host}') does not exist.\n");
    gorouter(404, "unknown_route", body)
}

fn unprocessable() -> Response<Vec<u8>> {
    let one =
        |detail| json!({ "detail": detail, "title": "CF-UnprocessableEntity", "code": 10008 });
    let errors = json!({ "errors": [one("Name must be a string"), one("Rules must be an array")] });
    from_controller(422, &errors)
}

fn unavailable(version: Option<&str>, status: u16, page: Page) -> Response<Vec<u8>> {
    match (page, status) {
        (Page::Json, 502) => {
            let detail = "The UAA service is currently unavailable";
            error(version, 502, 20004, "CF-UaaUnavailable", detail)
        }
        (Page::Json, 503) => {
            error(version, 503, 10015, "CF-ServiceUnavailable", "Database connection failure")
        }
        (Page::Json, _) => {
            error(version, status, 10001, "UnknownError", "An unknown error occurred.")
        }
        // The page that operators switch on during maintenance.
        (Page::Html, 503) => text(503, "API down for maintenance"),
        (Page::Html, _) => text(status, &nginx_page(status, &reason(status))),
        (Page::Gorouter, 503) => {
            let body = "503 Service Unavailable: Requested route has no available endpoints.\n";
            gorouter(503, "no_endpoints", body.to_owned())
        }
        (Page::Gorouter, _) => {
            let what = "Registered endpoint failed to handle the request.";
            gorouter(status, "endpoint_failure", format!("{status} {}: {what}\n", reason(status)))
        }
    }
}

fn gorouter(status: u16, why: &str, body: String) -> Response<Vec<u8>> {
    let builder = Response::builder().status(status).header(CONTENT_TYPE, PLAIN);
    let builder = builder.header("X-Cf-Routererror", why);
    builder
        .body(body.into_bytes())
        .expect("a status of three digits and headers that are constants")
}

fn nginx_page(status: u16, reason: &str) -> String {
    let title = format!("{status} {reason}");
    format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n\
         <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
}

fn reason(status: u16) -> String {
    let status = http::StatusCode::from_u16(status).ok();
    status.and_then(|s| s.canonical_reason()).unwrap_or("Error").to_owned()
}
