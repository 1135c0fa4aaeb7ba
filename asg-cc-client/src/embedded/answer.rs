//! What a Cloud Controller does before any endpoint: routes, tokens, errors.

use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request, Response};
use serde_json::{Value, json};

use super::foundation::{Access, Foundation};
use super::query::Query;
use crate::{Transport, TransportError};

/// A request as the endpoints see it.
pub(super) struct Asked<'a> {
    /// The path's segments behind `/v2` or `/v3`.
    pub(super) segments: Vec<&'a str>,
    pub(super) path: &'a str,
    pub(super) query: Query,
    /// What links begin with.
    pub(super) base: String,
    pub(super) viewer: Viewer<'a>,
}

/// Who asks, and so what is shown.
#[derive(Clone, Copy)]
pub(super) struct Viewer<'a>(Option<&'a [String]>);

impl Viewer<'_> {
    pub(super) fn sees_space(self, guid: Option<&str>) -> bool {
        self.0.is_none_or(|spaces| guid.is_some_and(|guid| spaces.iter().any(|s| s == guid)))
    }

    pub(super) fn sees_org(self, foundation: &Foundation, guid: &str) -> bool {
        self.0.is_none()
            || foundation.spaces.iter().any(|s| s.org == guid && self.sees_space(Some(&s.guid)))
    }

    /// Memberships of spaces that are gone show nothing.
    pub(super) fn sees_event(self, foundation: &Foundation, space: Option<&str>) -> bool {
        let exists = space.is_some_and(|guid| foundation.space_by_guid(guid).is_some());
        self.0.is_none() || exists && self.sees_space(space)
    }
}

impl Foundation {
    /// The answer to one request, as a Cloud Controller with this data gives it.
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
        let path = request.uri().path();
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
        let is_info = segments == ["info"];
        let viewer = match (version, is_info) {
            (None, _) => return ok(&self.root(&base)),
            (Some("v2"), true) => return ok(&self.v2_info(&base)),
            // nginx answers this, before anyone looks at the token.
            (Some("v2"), false) if !self.v2 => return text(404, "V2 endpoints disabled"),
            (Some("v3"), true) if self.v3 => return ok(&Self::v3_info(&base)),
            (Some("v2"), _) => self.viewer(request),
            (Some("v3"), _) if self.v3 => self.viewer(request),
            _ => return unknown_request(version),
        };
        let viewer = match viewer {
            Ok(viewer) => viewer,
            Err(Unauthorized::NoToken) => {
                return error(version, 401, 10002, "CF-NotAuthenticated", "Authentication error");
            }
            Err(Unauthorized::BadToken) => {
                return error(version, 401, 1000, "CF-InvalidAuthToken", "Invalid Auth Token");
            }
        };
        let query = Query::parse(request.uri().query().unwrap_or_default());
        let asked = Asked { segments, path, query, base, viewer };
        if version == Some("v2") { self.v2(&asked) } else { self.v3(&asked) }
    }

    fn viewer(&self, request: &Request<Vec<u8>>) -> Result<Viewer<'_>, Unauthorized> {
        let header = request.headers().get(AUTHORIZATION).and_then(|v| v.to_str().ok());
        let (scheme, token) =
            header.and_then(|h| h.split_once(' ')).ok_or(Unauthorized::NoToken)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Unauthorized::NoToken);
        }
        if self.tokens.is_empty() {
            return Ok(Viewer(None));
        }
        let access: &Access =
            self.tokens.iter().find(|a| a.token == token).ok_or(Unauthorized::BadToken)?;
        Ok(Viewer(access.spaces.as_deref()))
    }

    fn root(&self, base: &str) -> Value {
        let link = |path: &str| json!({ "href": format!("{base}{path}") });
        let mut links = json!({
            "self": link(""),
            "login": link("/login"),
            "uaa": link("/uaa"),
            "credhub": null,
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

/// In process, with no socket: for tests where HTTP itself is not the point.
impl Transport for Foundation {
    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, TransportError> {
        Ok(self.answer(&request))
    }
}

enum Unauthorized {
    NoToken,
    BadToken,
}

pub(super) fn ok(body: &Value) -> Response<Vec<u8>> {
    respond(200, "application/json; charset=utf-8", body.to_string())
}

pub(super) fn text(status: u16, body: &str) -> Response<Vec<u8>> {
    respond(status, "text/html", body.to_owned())
}

pub(super) fn unknown_request(version: Option<&str>) -> Response<Vec<u8>> {
    error(version, 404, 10000, "CF-NotFound", "Unknown request")
}

/// An error in the shape of the API version.
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
    respond(status, "application/json; charset=utf-8", body.to_string())
}

fn respond(status: u16, content_type: &str, body: String) -> Response<Vec<u8>> {
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, content_type)
        .header("X-Content-Type-Options", "nosniff")
        .header(
            "X-Vcap-Request-Id",
            "3daaf178-7520-495e-7a7c-9d50633c9d28::98bf2012-2533-46a9-942f-565bf7b06434",
        )
        .body(body.into_bytes())
        .expect("a status and headers that are constants here")
}
