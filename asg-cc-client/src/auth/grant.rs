//! Requests for tokens: `POST {uaa}/oauth/token` as values, without I/O.
//!
//! Source: the UAA's API documentation (`cloudfoundry/uaa`, §Token), and the requests of the cf CLI
//! (`cli:api/uaa`).

use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Request, Response};
use serde_json::Value;

use crate::api::{AGENT, Address};
use crate::error::Error;
use crate::secret::Secret;
use crate::text::{base64, encode};
use crate::token::Token;

/// The proof of identity for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Grant {
    /// A user's name and password.
    Password {
        /// The name.
        username: String,
        /// The password.
        password: Secret,
        /// The identity provider that knows the user, such as `ldap`; without it the UAA chooses.
        origin: Option<String>,
    },
    /// The one-time code that `{login}/passcode` shows. It works once: later renewals use its
    /// refresh token.
    Passcode(Secret),
    /// The client's own name and secret. Best for programs: give the client the authority
    /// `cloud_controller.admin_read_only` or `cloud_controller.global_auditor`.
    ClientCredentials,
    /// An earlier refresh token.
    RefreshToken(Secret),
    /// An assertion of another identity provider.
    JwtBearer(Secret),
}

impl Grant {
    /// Creates the grant for a user's name and password.
    ///
    /// ```
    /// use asg_cc_client::auth::Grant;
    /// let grant = Grant::password("marissa", "koala");
    /// assert!(!format!("{grant:?}").contains("koala"));
    /// ```
    pub fn password(username: impl Into<String>, password: impl Into<Secret>) -> Self {
        Self::Password { username: username.into(), password: password.into(), origin: None }
    }

    /// Returns the form's fields.
    fn fields(&self) -> Vec<(&'static str, &str)> {
        const BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        match self {
            Self::Password { username, password, .. } => vec![
                ("grant_type", "password"),
                ("username", username),
                ("password", password.expose()),
            ],
            Self::Passcode(code) => vec![("grant_type", "password"), ("passcode", code.expose())],
            Self::ClientCredentials => vec![("grant_type", "client_credentials")],
            Self::RefreshToken(token) => {
                vec![("grant_type", "refresh_token"), ("refresh_token", token.expose())]
            }
            Self::JwtBearer(assertion) => {
                vec![("grant_type", BEARER), ("assertion", assertion.expose())]
            }
        }
    }

    pub(super) const fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Password { password: secret, .. }
            | Self::Passcode(secret)
            | Self::RefreshToken(secret)
            | Self::JwtBearer(secret) => Some(secret),
            Self::ClientCredentials => None,
        }
    }
}

/// An OAuth client of the UAA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) secret: Secret,
}

impl Client {
    /// Returns name and secret as they are sent.
    pub(super) fn basic(&self) -> String {
        base64(format!("{}:{}", self.id, self.secret.expose()).as_bytes())
    }

    pub(super) fn request(&self, uaa: &Address, grant: &Grant) -> Request<Vec<u8>> {
        let basic = base64(format!("{}:{}", self.id, self.secret.expose()).as_bytes());
        let mut authorization =
            HeaderValue::try_from(format!("Basic {basic}")).expect("base 64 is visible ASCII");
        authorization.set_sensitive(true);
        let hint = match grant {
            Grant::Password { origin: Some(origin), .. } => {
                let hint = serde_json::json!({ "origin": origin }).to_string();
                format!("?login_hint={}", encode(&hint))
            }
            _ => String::new(),
        };
        let fields = grant.fields();
        let pairs = fields.iter().map(|(name, value)| format!("{name}={}", encode(value)));
        let form = pairs.collect::<Vec<_>>().join("&");
        Request::post(format!("{uaa}/oauth/token{hint}"))
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(USER_AGENT, AGENT)
            .header(AUTHORIZATION, authorization)
            .body(form.into_bytes())
            .expect("the address was checked, and the query is encoded")
    }
}

/// The maximum length of a UAA's answer.
const MOST: usize = 1 << 20;

/// The tokens in the UAA's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tokens {
    pub(super) access: Token,
    pub(super) refresh: Option<Secret>,
    /// The lifetime of the access token from its issue on, independent of this machine's clock.
    pub(super) lifetime: Option<Duration>,
}

impl Tokens {
    pub(super) fn parse(response: &Response<Vec<u8>>) -> Result<Self, Error> {
        let status = response.status();
        let json = Some(response.body()).filter(|body| body.len() <= MOST);
        let body: Option<Value> = json.and_then(|json| serde_json::from_slice(json).ok());
        let text = |key: &str| {
            let text = body.as_ref()?.get(key)?.as_str()?;
            Some(text.to_owned()).filter(|text| !text.is_empty())
        };
        if !status.is_success() {
            let is_of_router = response.headers().contains_key("x-cf-routererror");
            return Err(match (status.as_u16(), text("error")) {
                _ if is_of_router => Error::from_response(response),
                (300..400 | 429 | 500.., _) => Error::from_response(response),
                (_, Some(error)) => Error::Login {
                    error,
                    description: text("error_description").unwrap_or_default(),
                },
                (status, None) => Error::NotUaa { status },
            });
        }
        let not_uaa = || Error::NotUaa { status: status.as_u16() };
        let access = Token::new(&text("access_token").ok_or_else(not_uaa)?)?;
        let expires_in = || body.as_ref()?.get("expires_in")?.as_u64();
        let stated = expires_in().filter(|seconds| *seconds > 0).map(Duration::from_secs);
        let lifetime = stated.or_else(|| access.lifetime());
        Ok(Self { refresh: text("refresh_token").map(Secret::new), lifetime, access })
    }
}
