//! Access tokens: never printed, and parsed only for their rights.

use std::fmt;
use std::time::Duration;

use asg_core::Timestamp;
use http::HeaderValue;
use serde_json::Value;

use crate::error::Error;
use crate::text::{base64, unbase64};

/// The scopes with which Cloud Controller shows every org, space, app and audit event.
const GLOBAL: [&str; 3] = [
    "cloud_controller.admin",
    "cloud_controller.admin_read_only",
    "cloud_controller.global_auditor",
];

/// An access token of the UAA, as `cf oauth-token` prints it.
///
/// It does not print: `Debug` hides it, and `Display` is not implemented. Errors of this crate
/// never contain it.
///
/// # Example
///
/// ```
/// use asg_cc_client::Token;
/// use asg_cc_client::auth::Reach;
///
/// let token = Token::new("bearer 7b2d6421-da08-4a1d")?;
/// assert_eq!(format!("{token:?}"), "Token([redacted])");
/// assert_eq!(token, Token::new("7b2d6421-da08-4a1d")?);
/// assert_eq!(token.reach(), Reach::Opaque);
/// assert!(Token::new("  ").is_err());
/// # Ok::<(), asg_cc_client::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes a token, with or without the word `bearer` in front of it.
    ///
    /// # Errors
    ///
    /// [`Error::Token`] if nothing is left, or it is not valid in an HTTP header.
    ///
    /// ```
    /// use asg_cc_client::Token;
    /// assert_eq!(Token::new("bearer sesame")?, Token::new("sesame")?);
    /// assert!(Token::new("").is_err());
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    pub fn new(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let token = match text.split_once(char::is_whitespace) {
            Some((word, rest)) if word.eq_ignore_ascii_case("bearer") => rest.trim_start(),
            _ => text,
        };
        if token.is_empty() || token.eq_ignore_ascii_case("bearer") {
            return Err(Error::Token("it is empty"));
        }
        if !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::Token("it has blanks or characters that no token has"));
        }
        Ok(Self(token.to_owned()))
    }

    /// Returns the reach of the token, from its payload without verification (Cloud Controller
    /// verifies it).
    ///
    /// ```
    /// use asg_cc_client::Token;
    /// use asg_cc_client::auth::Reach;
    /// assert_eq!(Token::new("sesame")?.reach(), Reach::Opaque);
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    #[must_use]
    pub fn reach(&self) -> Reach {
        let Some(claims) = self.claims() else { return Reach::Opaque };
        let global = |scope: &str| GLOBAL.contains(&scope);
        // UAA writes `scope` as a list; other issuers write words in one string.
        match &claims["scope"] {
            Value::Array(scopes) if scopes.iter().filter_map(Value::as_str).any(global) => {
                Reach::Global
            }
            Value::String(scopes) if scopes.split_whitespace().any(global) => Reach::Global,
            Value::Array(_) | Value::String(_) => Reach::Limited,
            _ => Reach::Opaque,
        }
    }

    /// Returns when the token expires, from its payload without verification; `None` if the payload
    /// does not show it.
    ///
    /// ```
    /// use asg_cc_client::Token;
    /// assert!(Token::new("sesame")?.expires_at().is_none(), "an opaque token does not show it");
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        let claims = self.claims()?;
        let seconds = claims["exp"].as_i64()?;
        Some(Timestamp::from_nanos(seconds.checked_mul(1_000_000_000)?))
    }

    /// Returns the time from its issue to its end, by the issuer's clock alone; `None` if the
    /// payload does not have both.
    pub(crate) fn lifetime(&self) -> Option<Duration> {
        let claims = self.claims()?;
        let seconds = claims["exp"].as_i64()?.checked_sub(claims["iat"].as_i64()?)?;
        u64::try_from(seconds).ok().map(Duration::from_secs)
    }

    /// Returns when it was issued, by the issuer's clock.
    pub(crate) fn issued_at(&self) -> Option<Timestamp> {
        let seconds = self.claims()?["iat"].as_i64()?;
        Some(Timestamp::from_nanos(seconds.checked_mul(1_000_000_000)?))
    }

    /// Returns the payload of a JSON Web Token.
    fn claims(&self) -> Option<Value> {
        let mut parts = self.0.split('.');
        let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
        serde_json::from_slice(&unbase64(payload)?).ok()
    }

    /// Returns an invalid token with equal scopes, for recordings.
    pub(crate) fn faded(&self) -> String {
        let scope = self.claims().map_or(Value::Null, |claims| claims["scope"].clone());
        if scope.is_null() {
            return "redacted".into();
        }
        let claims = serde_json::json!({ "scope": scope }).to_string();
        let payload = base64(claims.as_bytes()).replace('+', "-").replace('/', "_");
        format!("e30.{}.redacted", payload.trim_end_matches('='))
    }

    pub(crate) fn secret(&self) -> &str {
        &self.0
    }

    pub(crate) fn header(&self) -> HeaderValue {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.0))
            .expect("Token::new admits visible ASCII only");
        // HTTP libraries then neither print it nor keep it in a compression table.
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([redacted])")
    }
}

/// The reach of a token: it decides what "not found" means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reach {
    /// Everything: a thing that is not found does not exist.
    Global,
    /// Some spaces or orgs: a thing that is not found may be hidden.
    Limited,
    /// Unknown: the token is not a JSON Web Token, or has no scopes.
    Opaque,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reach_is_read_from_the_payload() {
        // Payloads: {"scope":["cloud_controller.read","cloud_controller.global_auditor"]},
        // {"scope":["cloud_controller.read"]}, {"scope":"openid cloud_controller.admin"}, {}, and a
        // text that is not JSON.
        for (payload, reach) in [
            (
                "eyJzY29wZSI6WyJjbG91ZF9jb250cm9sbGVyLnJlYWQiLCJjbG91ZF9jb250cm9sbGVyLmdsb2JhbF9hdWRpdG9yIl19",
                Reach::Global,
            ),
            ("eyJzY29wZSI6WyJjbG91ZF9jb250cm9sbGVyLnJlYWQiXX0", Reach::Limited),
            ("eyJzY29wZSI6Im9wZW5pZCBjbG91ZF9jb250cm9sbGVyLmFkbWluIn0=", Reach::Global),
            ("e30", Reach::Opaque),
            ("bm90IGpzb24", Reach::Opaque),
            ("a b", Reach::Opaque),
        ] {
            let token = Token(format!("eyJhbGciOiJub25lIn0.{payload}.sig"));
            assert_eq!(token.reach(), reach, "{payload}");
        }
    }

    #[test]
    fn what_no_header_can_hold_is_no_token() {
        for text in ["", "bearer", "BEARER  ", "two words", "a\r\nX-Evil: 1", "käse"] {
            assert!(matches!(Token::new(text), Err(Error::Token(_))), "{text:?}");
        }
    }
}
