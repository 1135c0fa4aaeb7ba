//! A small UAA: the token endpoint, and its valid tokens.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{Method, Request, Response};
use serde_json::{Value, json};

use super::answer::{Grant, JSON, text};
use super::clock::Clock;
use super::desk::{Desk, Logged, Reply};
use super::jwt;
use super::listen::Host;
use super::lock;
use super::outage::{Outage, mix};
use super::query::Query;
use super::realm::{Client, JWT_BEARER, Realm, User};

/// The UAA beside an embedded Cloud Controller, which accepts its tokens while they live.
///
/// `POST /oauth/token` grants by `password` (also with a `passcode`), `client_credentials`,
/// `refresh_token` and `jwt-bearer`; the client authenticates in the `Authorization` header or in
/// the form. Answers and errors are those of `cloudfoundry/uaa` (its API documentation,
/// `TokenMvcMockTests` and `UaaExceptionTranslator`).
///
/// Clones share one UAA.
///
/// ```
/// use asg_cc_client::embedded::{Clock, Foundation, Realm, Server};
///
/// let realm = Realm::new().client("cf", "").user("marissa", "koala", &["cloud_controller.read"], &[]);
/// let server = Server::start_with_uaa(Foundation::new(), realm, Clock::at(1_498_136_872))?;
/// let uaa = server.uaa().expect("it was started with one");
/// assert!(uaa.url().starts_with("http://127.0.0.1:"));
/// assert!(uaa.requests().is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Uaa(Arc<Inner>);

pub(super) struct Inner {
    url: String,
    clock: Clock,
    realm: Mutex<Realm>,
    issued: Mutex<Issued>,
    desk: Desk,
}

#[derive(Default)]
struct Issued {
    count: u64,
    access: HashMap<String, Access>,
    refresh: HashMap<String, Refresh>,
}

struct Access {
    grant: Grant,
    /// In seconds since 1970.
    expires: u64,
}

struct Refresh {
    client: String,
    user: String,
    /// In seconds since 1970.
    expires: u64,
}

/// An error of the token endpoint.
struct Refused {
    status: u16,
    error: &'static str,
    description: &'static str,
}

const BAD_CLIENT: Refused =
    Refused { status: 401, error: "invalid_client", description: "Bad credentials" };
const BAD_USER: Refused =
    Refused { status: 401, error: "unauthorized", description: "Bad credentials" };
const BAD_REFRESH_TOKEN: Refused = Refused {
    status: 401,
    error: "invalid_token",
    description: "The token expired, was revoked, or the token ID is incorrect: ",
};
const NO_GRANT: Refused =
    Refused { status: 400, error: "invalid_request", description: "Missing grant type" };
const UNKNOWN_GRANT: Refused =
    Refused { status: 400, error: "unsupported_grant_type", description: "Unsupported grant type" };
const FORBIDDEN_GRANT: Refused =
    Refused { status: 401, error: "unauthorized_client", description: "Unauthorized grant type" };

impl Uaa {
    pub(super) fn new(realm: Realm, url: String, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            url,
            clock,
            realm: Mutex::new(realm),
            issued: Mutex::default(),
            desk: Desk::default(),
        }))
    }

    /// Returns `http://127.0.0.1:<port>`; the token endpoint is `/oauth/token` below it.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.url.clone()
    }

    /// Returns the requests so far, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Logged> {
        self.0.desk.requests()
    }

    /// Returns the grants that were asked for so far, in order: `password`, `refresh_token` and so
    /// on.
    #[must_use]
    pub fn grants(&self) -> Vec<String> {
        let form = |logged: Logged| {
            let form = Query::parse(&String::from_utf8_lossy(&logged.body));
            form.get("grant_type").unwrap_or_default().to_owned()
        };
        self.requests().into_iter().map(form).collect()
    }

    /// Returns the number of access tokens it has issued.
    #[must_use]
    pub fn issued(&self) -> u64 {
        lock(&self.0.issued).count
    }

    /// Injects trouble from now on.
    pub fn outage(&self, outage: Outage) {
        self.0.desk.script(outage);
    }

    /// Changes the clients and users; issued tokens stay valid.
    pub fn update(&self, change: impl FnOnce(&mut Realm)) {
        change(&mut lock(&self.0.realm));
    }

    /// Makes all issued access tokens invalid.
    pub fn revoke_access_tokens(&self) {
        lock(&self.0.issued).access.clear();
    }

    /// Makes all issued refresh tokens invalid.
    pub fn revoke_refresh_tokens(&self) {
        lock(&self.0.issued).refresh.clear();
    }

    /// Returns the rights of a living access token.
    pub(super) fn grant(&self, token: &str) -> Option<Grant> {
        let now = self.0.clock.now().as_secs();
        let issued = lock(&self.0.issued);
        issued.access.get(token).filter(|a| now < a.expires).map(|a| a.grant.clone())
    }

    pub(super) fn host(&self) -> Arc<Inner> {
        Arc::clone(&self.0)
    }
}

impl fmt::Debug for Uaa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uaa").field("url", &self.0.url).finish_non_exhaustive()
    }
}

impl Host for Inner {
    fn reply(&self, request: &Request<Vec<u8>>) -> Reply {
        self.desk.reply(request, || {
            if request.method() != Method::POST || request.uri().path() != "/oauth/token" {
                return text(404, "<html><body>Not Found</body></html>");
            }
            match self.token(request) {
                Ok(body) => respond(200, &body),
                Err(refused) => refused.answer(),
            }
        })
    }
}

impl Inner {
    fn token(&self, request: &Request<Vec<u8>>) -> Result<Value, Refused> {
        let is_form = request.headers().get(CONTENT_TYPE).is_some_and(|value| {
            value.as_bytes().starts_with(b"application/x-www-form-urlencoded")
        });
        // A servlet parses no parameters from a body that is not labelled as a form.
        let body = if is_form { request.body().as_slice() } else { &[] };
        let form = Query::parse(&String::from_utf8_lossy(body));
        let mut realm = lock(&self.realm);
        let (id, secret) = credentials(request, &form).ok_or(BAD_CLIENT)?;
        let known = realm.clients.iter().find(|c| c.id == id && c.secret == secret);
        let client = known.ok_or(BAD_CLIENT)?.clone();
        let grant = form.get("grant_type").ok_or(NO_GRANT)?;
        if !["password", "client_credentials", "refresh_token", JWT_BEARER].contains(&grant) {
            return Err(UNKNOWN_GRANT);
        }
        if !client.grants.iter().any(|allowed| allowed == grant) {
            return Err(FORBIDDEN_GRANT);
        }
        match grant {
            "client_credentials" => Ok(self.issue(&realm, &client, None, None)),
            "refresh_token" => {
                let old = form.get("refresh_token").unwrap_or_default();
                let user = self.refreshed(&realm, &client, old)?;
                let kept = (!realm.rotates_refresh_tokens).then_some(old);
                Ok(self.issue(&realm, &client, Some(&user), kept))
            }
            _ => {
                let user = user_of(&mut realm, &form)?;
                Ok(self.issue(&realm, &client, Some(&user), None))
            }
        }
    }

    /// Returns the user of this refresh token; if tokens rotate, it becomes invalid.
    fn refreshed(&self, realm: &Realm, client: &Client, token: &str) -> Result<User, Refused> {
        let now = self.clock.now().as_secs();
        let mut issued = lock(&self.issued);
        let held = issued.refresh.get(token).ok_or(BAD_REFRESH_TOKEN)?;
        if held.expires <= now || held.client != client.id {
            return Err(BAD_REFRESH_TOKEN);
        }
        let user = realm.users.iter().find(|u| u.name == held.user).ok_or(BAD_REFRESH_TOKEN)?;
        if realm.rotates_refresh_tokens {
            issued.refresh.remove(token);
        }
        Ok(user.clone())
    }

    /// Issues an access token, and with it the refresh token `kept` or a new one; no refresh token
    /// for a client of its own.
    fn issue(
        &self,
        realm: &Realm,
        client: &Client,
        user: Option<&User>,
        kept: Option<&str>,
    ) -> Value {
        let now = self.clock.now().as_secs();
        let mut issued = lock(&self.issued);
        issued.count += 1;
        let jti = format!("{:016x}{:016x}", mix(issued.count, 1), mix(issued.count, 2));
        let expires = now.saturating_add(realm.access_seconds);
        let (holder, scopes, spaces) = match user {
            Some(user) => (&user.name, &user.scopes, &user.spaces),
            None => (&client.id, &client.scopes, &client.spaces),
        };
        let mut claims = json!({
            "jti": jti, "sub": holder, "scope": scopes, "client_id": client.id, "cid": client.id,
            "azp": client.id, "iat": now, "exp": expires, "iss": format!("{}/oauth/token", self.url),
            "zid": "uaa", "aud": ["cloud_controller", client.id],
        });
        if let Some(user) = user {
            claims["user_name"] = json!(user.name);
            claims["origin"] = json!("uaa");
        }
        let access = if realm.opaque { jti.clone() } else { jwt::token(&claims) };
        let grant = Grant {
            holder: holder.clone(),
            scopes: Some(scopes.clone()),
            spaces: Some(spaces.clone()),
        };
        issued.access.insert(access.clone(), Access { grant, expires });
        let mut answer = json!({
            "access_token": access, "token_type": "bearer", "expires_in": realm.access_seconds,
            "scope": scopes.join(" "), "jti": jti,
        });
        if let Some(user) = user {
            let refresh = kept.map_or_else(|| format!("{jti}-r"), ToOwned::to_owned);
            let held = Refresh {
                client: client.id.clone(),
                user: user.name.clone(),
                expires: now.saturating_add(realm.refresh_seconds),
            };
            issued.refresh.entry(refresh.clone()).or_insert(held);
            answer["refresh_token"] = json!(refresh);
        }
        answer
    }
}

/// Returns the client's name and secret: from the header or from the form.
fn credentials(request: &Request<Vec<u8>>, form: &Query) -> Option<(String, String)> {
    let Some(header) = request.headers().get(AUTHORIZATION) else {
        let secret = form.get("client_secret").unwrap_or_default();
        return Some((form.get("client_id")?.to_owned(), secret.to_owned()));
    };
    let (scheme, coded) = header.to_str().ok()?.split_once(' ')?;
    let text = String::from_utf8(jwt::from_base64(coded)?).ok()?;
    let (id, secret) = text.split_once(':').filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    Some((id.to_owned(), secret.to_owned()))
}

/// Returns the user in the form; a passcode works once.
fn user_of(realm: &mut Realm, form: &Query) -> Result<User, Refused> {
    let found = if form.get("grant_type") == Some(JWT_BEARER) {
        let assertion = form.get("assertion").unwrap_or_default();
        realm.users.iter().find(|user| user.assertions.iter().any(|a| a == assertion)).cloned()
    } else if let Some(passcode) = form.get("passcode") {
        realm.users.iter_mut().find_map(|user| {
            let at = user.passcodes.iter().position(|p| p == passcode)?;
            user.passcodes.remove(at);
            Some(user.clone())
        })
    } else {
        let (name, password) = (form.get("username"), form.get("password"));
        let is = |user: &&User| Some(&*user.name) == name && Some(&*user.password) == password;
        realm.users.iter().find(is).cloned()
    };
    found.ok_or(BAD_USER)
}

impl Refused {
    fn answer(&self) -> Response<Vec<u8>> {
        let body = json!({ "error": self.error, "error_description": self.description });
        let mut answer = respond(self.status, &body);
        if self.status == 401 {
            let challenge = format!("Bearer error={:?}", self.error);
            let challenge = challenge.parse().expect("one of the words above");
            answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        answer
    }
}

fn respond(status: u16, body: &Value) -> Response<Vec<u8>> {
    let builder = Response::builder().status(status).header(CONTENT_TYPE, JSON);
    let builder = builder.header(CACHE_CONTROL, "no-store");
    builder.body(body.to_string().into_bytes()).expect("a status and headers that are constants")
}
