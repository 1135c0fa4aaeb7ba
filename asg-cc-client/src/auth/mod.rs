//! Tokens, and where they come from.
//!
//! [`Credentials`] are what a client takes: a [`Token`], a [`Login`] that logs in with a [`Grant`]
//! and renews its token, a file that is read again, or a closure. [`CfConfig`] is the cf CLI's
//! login. A [`Secret`] and a token do not print. [`Reach`] is what a token may read.
//!
//! ```
//! use asg_cc_client::auth::Grant;
//! use asg_cc_client::{Credentials, Login, Token};
//!
//! let token: Credentials = Token::new("bearer sesame")?.into();
//! let login = Login::new(Grant::ClientCredentials).with_client("reader", "sesame");
//! for credentials in [token, login.into()] {
//!     assert!(!format!("{credentials:?}").contains("sesame"));
//! }
//! # Ok::<(), asg_cc_client::Error>(())
//! ```

mod config;
pub(crate) mod grant;
pub(crate) mod session;

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use asg_core::Timestamp;
use http::HeaderValue;

pub use config::CfConfig;
pub use grant::Grant;

use crate::api::Address;
use crate::error::Error;
pub use crate::secret::Secret;
use crate::text::to_utf8;
pub use crate::token::{Reach, Token};
use grant::Client;
use session::{Reread, Session};

/// The source of a request's `Authorization`: a [`Token`], a [`Login`] that renews itself, a file
/// that is read again, or a closure that returns headers.
///
/// ```
/// use asg_cc_client::auth::Grant;
/// use asg_cc_client::{Credentials, Login, Token};
///
/// let given: Credentials = Token::new("bearer sesame")?.into();
/// let kept: Credentials = Login::new(Grant::ClientCredentials).with_client("reader", "sesame").into();
/// let made = Credentials::provider(|| Ok::<_, String>("Bearer sesame".into()));
/// for credentials in [given, kept, made] {
///     assert!(!format!("{credentials:?}").contains("sesame"));
/// }
/// # Ok::<(), asg_cc_client::Error>(())
/// ```
#[derive(Debug)]
pub struct Credentials(pub(crate) Kind);

#[derive(Debug)]
pub(crate) enum Kind {
    Token(Token),
    Provider(Provider),
    Login(Box<Session>),
}

impl Credentials {
    /// Calls `header` for the value of the `Authorization` header before each request, and once
    /// more after Cloud Controller has refused one: for logins that this crate does not support.
    ///
    /// ```
    /// use asg_cc_client::Credentials;
    /// let credentials = Credentials::provider(|| Ok::<_, String>("Bearer sesame".into()));
    /// assert!(!format!("{credentials:?}").contains("sesame"));
    /// ```
    pub fn provider<E: fmt::Display>(
        header: impl Fn() -> Result<String, E> + Send + Sync + 'static,
    ) -> Self {
        let header = move || header().map_err(|e| Error::Provider(e.to_string()));
        Self(Kind::Provider(Provider { header: Box::new(header), last: Mutex::default() }))
    }

    /// Reads the token from a file, as `cf oauth-token` prints it. The file is read for each
    /// request, so a token that is written there later is used.
    ///
    /// The file may be UTF-16, as PowerShell writes it.
    ///
    /// ```
    /// use asg_cc_client::Credentials;
    ///
    /// let file = tempfile::NamedTempFile::new()?;
    /// std::fs::write(file.path(), "bearer sesame\n")?;
    /// let credentials = Credentials::token_file(file.path())?;
    /// assert!(!format!("{credentials:?}").contains("sesame"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Provider`] if it cannot be read, [`Error::Token`] if it contains none.
    pub fn token_file(path: &Path) -> Result<Self, Error> {
        let path = path.to_owned();
        let read = move || {
            let text = fs::read(&path).map_err(|e| {
                Error::Provider(format!("the token file {} cannot be read: {e}", path.display()))
            })?;
            Token::new(&to_utf8(&text))
        };
        read()?;
        Ok(Self::reading(read))
    }

    /// Returns the login of the cf CLI in this `config.json`, and the file as it is now.
    ///
    /// The file is read again for each request, so that a later `cf login` or any other use of the
    /// CLI renews the token here, too. It is never written. With `renew`, an expired token is
    /// renewed by the CLI's refresh token or client secret, if any: see [`CfConfig::login`].
    ///
    /// # Errors
    ///
    /// Like [`CfConfig::load`]; [`Error::NotLoggedIn`] without a token and, with `renew`, without a
    /// way to get one.
    ///
    /// ```
    /// use asg_cc_client::Credentials;
    ///
    /// let file = tempfile::NamedTempFile::new()?;
    /// std::fs::write(file.path(), r#"{"ConfigVersion":4,"Target":"https://cf.example",
    ///     "AccessToken":"bearer sesame"}"#)?;
    /// let (config, _) = Credentials::cf_cli(file.path(), false)?;
    /// assert_eq!(config.target, "https://cf.example");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cf_cli(path: &Path, renew: bool) -> Result<(CfConfig, Self), Error> {
        let config = CfConfig::load(path)?;
        let login = if renew { config.login()? } else { None };
        let (path, target) = (path.to_owned(), config.target.clone());
        let read = move || {
            let now = CfConfig::load(&path)?;
            if now.target != target {
                let what =
                    format!("the cf CLI is logged in to {} now, not to {target}", now.target);
                return Err(Error::Provider(what));
            }
            now.token.ok_or(Error::NotLoggedIn)
        };
        let credentials = match login {
            Some(login) => Self(Kind::Login(Box::new(login.session(Some(Box::new(read)))))),
            None => {
                read()?;
                Self::reading(read)
            }
        };
        Ok((config, credentials))
    }

    fn reading(read: impl Fn() -> Result<Token, Error> + Send + Sync + 'static) -> Self {
        let header = move || Ok(format!("Bearer {}", read()?.secret()));
        Self(Kind::Provider(Provider { header: Box::new(header), last: Mutex::default() }))
    }

    pub(crate) fn reach(&self) -> Reach {
        match &self.0 {
            Kind::Token(token) => token.reach(),
            Kind::Provider(provider) => {
                Token::new(&provider.last()).map_or(Reach::Opaque, |token| token.reach())
            }
            Kind::Login(session) => session.token().map_or(Reach::Opaque, |token| token.reach()),
        }
    }

    /// Returns when the token expired, by its own claims, if it has and cannot be renewed here.
    pub(crate) fn ended(&self, now: Timestamp) -> Option<Timestamp> {
        let token = match &self.0 {
            Kind::Token(token) => token.clone(),
            Kind::Provider(provider) => Token::new(&provider.last()).ok()?,
            Kind::Login(_) => return None,
        };
        token.expires_at().filter(|end| *end <= now)
    }

    /// Returns the texts that must not occur in any output, the longest first: one may be a part of
    /// another.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let mut secrets = match &self.0 {
            Kind::Token(token) => vec![token.secret().to_owned()],
            Kind::Provider(provider) => {
                let header = provider.last();
                let value = header.split_once(' ').map(|(_, value)| value.to_owned());
                value.into_iter().chain([header]).collect()
            }
            Kind::Login(session) => session.secrets(),
        };
        secrets.retain(|secret| !secret.is_empty());
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets
    }
}

impl From<Token> for Credentials {
    fn from(token: Token) -> Self {
        Self(Kind::Token(token))
    }
}

impl From<Login> for Credentials {
    fn from(login: Login) -> Self {
        Self(Kind::Login(Box::new(login.session(None))))
    }
}

/// A login at the UAA, which is found through Cloud Controller's root document. It is renewed a
/// minute before its token ends, and once when Cloud Controller refuses the token: with the refresh
/// token if there is one, or else, and if that fails, with the grant again.
///
/// However many threads use it, one of them asks the UAA and the others wait. If the UAA replaces a
/// refresh token, it is replaced here, too. A refused secret is not sent again: repeated wrong
/// passwords lock users out. If Cloud Controller refuses two tokens in a row that were just issued,
/// the UAA is not asked for ten minutes ([`Error::FreshTokenRefused`]). Clocks do not decide
/// whether a new token is used: lifetimes are counted from its arrival.
///
/// # Example
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use asg_cc_client::auth::Grant;
/// use asg_cc_client::{CloudController, Login, TransportError};
/// use http::{Request, Response};
///
/// let logins = AtomicU32::new(0);
/// let canned = |request: Request<Vec<u8>>| -> Result<Response<Vec<u8>>, TransportError> {
///     let body: &[u8] = match request.uri().path() {
///         "/" => br#"{"links":{"uaa":{"href":"https://uaa.example.org"},
///             "cloud_controller_v3":{"href":"https://api.example.org/v3"}}}"#,
///         "/oauth/token" => {
///             logins.fetch_add(1, Ordering::Relaxed);
///             br#"{"access_token":"sesame","expires_in":1200}"#
///         }
///         _ => br#"{"pagination":{"next":null},"resources":[]}"#,
///     };
///     Ok(Response::new(body.to_vec()))
/// };
/// let login = Login::new(Grant::ClientCredentials).with_client("reader", "secret");
/// let cc = CloudController::new(&canned, "https://api.example.org", login)?;
/// cc.resolve(&["4ccbb24c-268e-421a-9d1b-3678b6eb40d0".parse()?])?;
/// assert_eq!(logins.into_inner(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    grant: Grant,
    client: Client,
    uaa: Option<Address>,
    token: Option<Token>,
}

impl Login {
    /// Uses this grant, as the public client `cf`, whose secret is empty.
    ///
    /// ```
    /// use asg_cc_client::Login;
    /// use asg_cc_client::auth::Grant;
    /// assert_eq!(Login::new(Grant::ClientCredentials), Login::new(Grant::ClientCredentials));
    /// ```
    #[must_use]
    pub fn new(grant: Grant) -> Self {
        let client = Client { id: "cf".into(), secret: "".into() };
        Self { grant, client, uaa: None, token: None }
    }

    /// Logs in as this client of the UAA.
    ///
    /// ```
    /// use asg_cc_client::Login;
    /// use asg_cc_client::auth::Grant;
    /// let login = Login::new(Grant::ClientCredentials).with_client("asg-names", "sesame");
    /// assert!(!format!("{login:?}").contains("sesame"));
    /// ```
    #[must_use]
    pub fn with_client(self, id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        Self { client: Client { id: id.into(), secret: secret.into() }, ..self }
    }

    /// Logs in at this UAA, and not at that of the root document.
    ///
    /// ```
    /// use asg_cc_client::api::Address;
    /// use asg_cc_client::Login;
    /// use asg_cc_client::auth::Grant;
    ///
    /// let uaa = Address::parse("https://uaa.example.org")?;
    /// let login = Login::new(Grant::ClientCredentials).with_uaa(uaa);
    /// assert_ne!(login, Login::new(Grant::ClientCredentials));
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    #[must_use]
    pub fn with_uaa(self, uaa: Address) -> Self {
        Self { uaa: Some(uaa), ..self }
    }

    /// Uses this access token until it ends.
    ///
    /// ```
    /// use asg_cc_client::auth::Grant;
    /// use asg_cc_client::{Login, Token};
    /// let login = Login::new(Grant::ClientCredentials).with_token(Token::new("sesame")?);
    /// assert!(!format!("{login:?}").contains("sesame"));
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    #[must_use]
    pub fn with_token(self, token: Token) -> Self {
        Self { token: Some(token), ..self }
    }

    fn session(self, reread: Option<Reread>) -> Session {
        let Self { grant, client, uaa, token } = self;
        Session::new(client, grant, uaa, token, reread)
    }
}

type Header = Box<dyn Fn() -> Result<String, Error> + Send + Sync>;

pub(crate) struct Provider {
    header: Header,
    /// The last header that it returned, to keep it out of texts.
    last: Mutex<String>,
}

impl Provider {
    pub(crate) fn header(&self) -> Result<HeaderValue, Error> {
        let text = (self.header)()?;
        text.clone_into(&mut self.last.lock().unwrap_or_else(PoisonError::into_inner));
        let bad = |_| Error::Token("it has characters that no header has");
        let mut value = HeaderValue::try_from(text).map_err(bad)?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn last(&self) -> String {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").finish_non_exhaustive()
    }
}
