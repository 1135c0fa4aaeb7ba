//! Cloud Controller's work before any endpoint: routes, tokens, errors.

use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use http::{Method, Request, Response};
use serde_json::{Value, json};

use super::foundation::Foundation;
use super::query::Query;
use super::trouble::uri_too_long;
use crate::transport::{Transport, TransportError};

/// nginx reads the request line into one buffer of this size (`large_client_header_buffers`, its
/// default).
const LONGEST_REQUEST_LINE: usize = 8 << 10;

/// A request as the endpoints see it.
pub(super) struct Asked<'a> {
    /// The path's segments behind `/v2` or `/v3`.
    pub(super) segments: Vec<&'a str>,
    pub(super) path: &'a str,
    pub(super) query: Query,
    /// The beginning of links.
    pub(super) base: String,
    pub(super) viewer: Viewer,
}

/// The rights of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    /// The holder of the token: requests are counted by holder.
    pub(super) holder: String,
    /// Absent if the token may read everything that it shows.
    pub(super) scopes: Option<Vec<String>>,
    /// The GUIDs of the spaces that it shows; all spaces, if absent or if a scope allows it.
    pub(super) spaces: Option<Vec<String>>,
}

impl Grant {
    /// Returns whether the holder's rate is unlimited.
    pub(super) fn is_admin(&self) -> bool {
        self.has(&["cloud_controller.admin", "cloud_controller.admin_read_only"])
    }

    fn is_global(&self) -> bool {
        self.is_admin() || self.has(&["cloud_controller.global_auditor"])
    }

    fn may_read(&self) -> bool {
        self.scopes.is_none() || self.is_global() || self.has(&["cloud_controller.read"])
    }

    fn has(&self, any: &[&str]) -> bool {
        self.scopes.iter().flatten().any(|scope| any.contains(&scope.as_str()))
    }

    fn viewer(self) -> Viewer {
        if self.is_global() { Viewer(None) } else { Viewer(self.spaces) }
    }
}

/// The spaces that the caller may see.
pub(super) struct Viewer(Option<Vec<String>>);

impl Viewer {
    pub(super) fn sees_all(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn sees_space(&self, guid: &str) -> bool {
        self.0.as_ref().is_none_or(|spaces| spaces.iter().any(|s| s == guid))
    }

    pub(super) fn sees_org(&self, foundation: &Foundation, guid: &str) -> bool {
        self.sees_all()
            || foundation.spaces.iter().any(|s| s.org == guid && self.sees_space(&s.guid))
    }
}

impl Foundation {
    /// Returns the answer to one request, as a Cloud Controller with this data gives it. A
    /// [`Server`] adds rate limits and the tokens of a UAA.
    ///
    /// [`Server`]: super::Server
    ///
    /// ```
    /// use asg_cc_client::embedded::Foundation;
    /// use http::Request;
    ///
    /// let request = Request::get("/v2/apps/7").body(Vec::new())?;
    /// let answer = Foundation::new().without_v2().answer(&request);
    /// assert_eq!((answer.status().as_u16(), &answer.body()[..]), (404, &b"V2 endpoints disabled"[..]));
    /// # Ok::<(), http::Error>(())
    /// ```
    #[must_use]
    pub fn answer(&self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        self.answer_to(request, self.caller(request, true, |_| None), None)
    }

    /// Returns the answer to a caller, who may be unknown.
    pub(super) fn answer_to(
        &self,
        request: &Request<Vec<u8>>,
        caller: Result<Grant, Unauthorized>,
        uaa: Option<&str>,
    ) -> Response<Vec<u8>> {
        let path = request.uri().path();
        let target = request.uri().path_and_query().map_or("", http::uri::PathAndQuery::as_str);
        let line = request.method().as_str().len() + target.len() + "  HTTP/1.1\r\n".len();
        if line > LONGEST_REQUEST_LINE {
            return uri_too_long();
        }
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| request.uri().authority().map(http::uri::Authority::as_str));
        let base = match &self.external_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", host.unwrap_or("localhost")),
        };
        let mut segments = path.split('/').filter(|s| !s.is_empty());
        let version = segments.next();
        let segments: Vec<&str> = segments.collect();
        if request.method() != Method::GET {
            return unknown_request(version);
        }
        match (version, &segments[..]) {
            (None, _) => return ok(&self.root(&base, uaa)),
            (Some("v2"), ["info"]) => return ok(&self.v2_info(&base, uaa)),
            // nginx answers this, before the token is checked.
            (Some("v2"), _) if !self.v2 => return text(404, "V2 endpoints disabled"),
            (Some("v3"), []) if self.v3 => return ok(&Self::v3_root(&base)),
            (Some("v3"), ["info"]) if self.v3 => return ok(&self.v3_info(&base)),
            (Some("v2"), _) => {}
            (Some("v3"), _) if self.v3 => {}
            _ => return unknown_request(version),
        }
        let grant = match caller {
            Ok(grant) => grant,
            Err(Unauthorized::NoToken) => {
                return error(version, 401, 10002, "CF-NotAuthenticated", "Authentication error");
            }
            Err(Unauthorized::BadToken) => {
                return error(version, 401, 1000, "CF-InvalidAuthToken", "Invalid Auth Token");
            }
        };
        if !grant.may_read() {
            if version == Some("v3") {
                return not_authorized(version);
            }
            let detail = "Your token lacks the necessary scopes to access this resource.";
            return error(version, 403, 10007, "CF-InsufficientScope", detail);
        }
        let query = Query::parse(request.uri().query().unwrap_or_default());
        let asked = Asked { segments, path, query, base, viewer: grant.viewer() };
        if version == Some("v2") { self.v2(&asked) } else { self.v3(&asked) }
    }

    /// Finds the grant of the request's token. A foundation without tokens of its own accepts any
    /// if `open`; `issued` looks up those of the UAA.
    pub(super) fn caller(
        &self,
        request: &Request<Vec<u8>>,
        open: bool,
        issued: impl Fn(&str) -> Option<Grant>,
    ) -> Result<Grant, Unauthorized> {
        let header = request.headers().get(AUTHORIZATION).and_then(|v| v.to_str().ok());
        let (scheme, token) =
            header.and_then(|h| h.split_once(' ')).ok_or(Unauthorized::NoToken)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Unauthorized::NoToken);
        }
        let holder = token.to_owned();
        if let Some(access) = self.tokens.iter().find(|a| a.token == token) {
            let (scopes, spaces) = (access.scopes.clone(), access.spaces.clone());
            return Ok(Grant { holder, scopes, spaces });
        }
        if open && self.tokens.is_empty() {
            return Ok(Grant { holder, scopes: None, spaces: None });
        }
        issued(token).ok_or(Unauthorized::BadToken)
    }

    fn root(&self, base: &str, uaa: Option<&str>) -> Value {
        let link = |path: &str| json!({ "href": format!("{base}{path}") });
        let uaa = |path: &str| uaa.map_or_else(|| link(path), |uaa| json!({ "href": uaa }));
        let mut links = json!({
            "self": link(""),
            "network_policy_v0": link("/networking/v0/external"),
            "network_policy_v1": link("/networking/v1/external"),
            "login": uaa("/login"),
            "uaa": uaa("/uaa"),
            "credhub": null,
            "routing": null,
            "logging": null,
            "log_cache": null,
            "log_stream": null,
            "app_ssh": {
                "href": "localhost:2222",
                "meta": { "host_key_fingerprint": null, "oauth_client": "ssh-proxy" }
            },
        });
        if self.v2 {
            links["cloud_controller_v2"] =
                json!({ "href": format!("{base}/v2"), "meta": { "version": "2.293.0" } });
        }
        if self.v3 {
            links["cloud_controller_v3"] =
                json!({ "href": format!("{base}/v3"), "meta": { "version": "3.228.0" } });
        }
        json!({ "links": links })
    }
}

/// Answers in process, without a socket: for tests in which HTTP itself does not matter.
impl Transport for Foundation {
    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, TransportError> {
        Ok(self.answer(&request))
    }
}

/// The reason why a caller is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unauthorized {
    NoToken,
    BadToken,
}

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
pub(super) const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html");

/// Returns `v2`, `v3` or any other first segment of the path.
pub(super) fn version_of(path: &str) -> Option<&str> {
    path.split('/').find(|s| !s.is_empty())
}

pub(super) fn ok(body: &Value) -> Response<Vec<u8>> {
    from_controller(200, body)
}

pub(super) fn unknown_request(version: Option<&str>) -> Response<Vec<u8>> {
    error(version, 404, 10000, "CF-NotFound", "Unknown request")
}

pub(super) fn not_authorized(version: Option<&str>) -> Response<Vec<u8>> {
    let detail = "You are not authorized to perform the requested action";
    error(version, 403, 10003, "CF-NotAuthorized", detail)
}

/// Builds an error in the shape of the API version.
pub(super) fn error(
    version: Option<&str>,
    status: u16,
    code: i64,
    title: &str,
    detail: &str,
) -> Response<Vec<u8>> {
    let body = match version {
        Some("v3") => json!({ "errors": [{ "detail": detail, "title": title, "code": code }] }),
        _ => json!({ "description": detail, "error_code": title, "code": code }),
    };
    from_controller(status, &body)
}

/// Builds an answer of Cloud Controller itself; a [`Server`](super::Server) gives each a request id
/// of its own.
pub(super) fn from_controller(status: u16, body: &Value) -> Response<Vec<u8>> {
    let mut answer = respond(status, JSON, body.to_string());
    answer.headers_mut().insert(
        "x-vcap-request-id",
        HeaderValue::from_static("98bf2012-2533-46a9-942f-565bf7b06434"),
    );
    answer
}

/// Builds a page of a server in front of Cloud Controller.
pub(super) fn text(status: u16, body: &str) -> Response<Vec<u8>> {
    respond(status, HTML, body.to_owned())
}

fn respond(status: u16, content_type: HeaderValue, body: String) -> Response<Vec<u8>> {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, content_type)
        .header("X-Content-Type-Options", "nosniff")
        .body(body.into_bytes())
        .expect("a status of three digits and headers that are constants")
}
