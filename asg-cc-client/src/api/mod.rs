//! Cloud Controller's endpoints as plain values: a [`Call`] builds its request and parses its
//! answer, and does no I/O.
//!
//! [`CloudController`](crate::CloudController) drives calls over a [`Transport`](crate::Transport).
//! Other programs, such as those with an async runtime of their own, can drive calls themselves:
//!
//! ```
//! use asg_cc_client::Token;
//! use asg_cc_client::api::{self, Address, v3};
//! use http::Response;
//!
//! let address = Address::parse("https://api.example.org")?;
//! let token = Token::new("bearer sesame")?;
//! let mut next = v3::apps(&["4ccbb24c-268e-421a-9d1b-3678b6eb40d0".into()]).pop();
//! while let Some(call) = next {
//!     let request = call.request(&address, Some(&token));
//!     assert_eq!(request.uri().host(), Some("api.example.org"));
//!     let response = Response::new(br#"{"pagination":{"next":null},"resources":[]}"#.to_vec());
//!     let page = call.parse(&response)?;
//!     assert!(page.resources.is_empty());
//!     next = call.next(&page)?;
//! }
//! # Ok::<(), asg_cc_client::Error>(())
//! ```

pub(crate) mod body;
pub(crate) mod json;
mod model;
mod security;
pub mod v2;
pub mod v3;

use std::fmt;
use std::marker::PhantomData;

use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri};

pub use body::Body;
pub(crate) use body::FromResource;
pub use model::{App, Deployment, Event, Info, Org, Process, Root, Space, Work};
pub use security::{Everywhere, SecurityGroup};

use crate::error::Error;
use crate::text::encode;
use crate::token::Token;

/// The number of GUIDs per request. nginx in front of Cloud Controller reads request lines up to 8
/// KiB, which have room for some 208.
pub const BATCH: usize = 200;

/// The name must not have "cf" before the slash: Cloud Controller would take the client for an
/// outdated cf CLI and warn.
pub(crate) const AGENT: &str = concat!("asglog/", env!("CARGO_PKG_VERSION"), " (rust)");

/// The address of a Cloud Controller: scheme, host, port, and a path before `/v3` if a proxy needs
/// one.
///
/// ```
/// use asg_cc_client::api::Address;
///
/// assert_eq!(Address::parse("https://api.example.org/")?.to_string(), "https://api.example.org");
/// for wrong in ["api.example.org", "ftp://api.example.org", "https://", "https://me:secret@api.example.org", "https://api:99999"] {
///     assert!(Address::parse(wrong).is_err(), "{wrong}");
/// }
/// # Ok::<(), asg_cc_client::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    scheme: Scheme,
    authority: Authority,
    /// Without a slash at its end; mostly empty.
    path: String,
}

impl Address {
    pub(crate) fn is_https(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// Parses an `http` or `https` URL.
    ///
    /// # Errors
    ///
    /// [`Error::Address`]; it does not repeat the text, which may contain a password.
    ///
    /// ```
    /// use asg_cc_client::api::Address;
    /// assert_eq!(Address::parse("https://cf.example/")?.to_string(), "https://cf.example");
    /// assert!(Address::parse("api").is_err());
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    pub fn parse(url: &str) -> Result<Self, Error> {
        let uri: Uri = url.trim().parse().map_err(|_| Error::Address("is not a URL"))?;
        uri.try_into()
    }
}

impl std::str::FromStr for Address {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self, Error> {
        Self::parse(url)
    }
}

/// ```
/// use asg_cc_client::api::Address;
/// use http::Uri;
///
/// let uri = Uri::from_static("https://api.example.org/cf/");
/// let address = Address::try_from(uri)?;
/// assert_eq!(address.to_string(), "https://api.example.org/cf");
/// assert_eq!(Address::try_from(Uri::from(address.clone()))?, address);
/// # Ok::<(), asg_cc_client::Error>(())
/// ```
impl TryFrom<Uri> for Address {
    type Error = Error;

    fn try_from(uri: Uri) -> Result<Self, Error> {
        let parts = uri.into_parts();
        let authority = match parts.authority {
            Some(a) if a.as_str().contains('@') => {
                return Err(Error::Address("has a user name or password in it"));
            }
            Some(a) if a.host().len() < a.as_str().len() && a.port_u16().is_none() => {
                return Err(Error::Address("has an impossible port"));
            }
            Some(a) if !a.host().is_empty() => a,
            _ => return Err(Error::Address("has no host name")),
        };
        let scheme = match parts.scheme {
            Some(s) if s == Scheme::HTTPS || s == Scheme::HTTP => s,
            _ => return Err(Error::Address("does not begin with `https://`")),
        };
        let path = match &parts.path_and_query {
            Some(p) if p.query().is_some() => return Err(Error::Address("has a query")),
            Some(p) => p.path().trim_end_matches('/').to_owned(),
            None => String::new(),
        };
        Ok(Self { scheme, authority, path })
    }
}

impl From<Address> for Uri {
    fn from(address: Address) -> Self {
        let path = if address.path.is_empty() { "/" } else { &address.path };
        let parts = Self::builder().scheme(address.scheme).authority(address.authority);
        parts.path_and_query(path).build().expect("the parts are those of a URI")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

/// One GET: the request, and how to parse the answer as a `T`.
pub struct Call<T> {
    path: String,
    /// The parameter with many GUIDs, and the GUIDs: these can be divided if the request is too
    /// long.
    guids: Option<(&'static str, Vec<String>)>,
    query: String,
    /// The whole query of a later page, from its link. The parts of a divided call begin with the
    /// first page again.
    later: Option<String>,
    read: PhantomData<fn() -> T>,
}

impl<T: Body> Call<T> {
    /// Creates a GET. `path` begins with a slash; `query` comes without its question mark, and
    /// encoded.
    fn get(path: impl Into<String>, query: impl Into<String>) -> Self {
        Self { path: path.into(), guids: None, query: query.into(), later: None, read: PhantomData }
    }

    /// Creates one call for each batch of `guids`.
    fn batches(path: &str, parameter: &'static str, guids: &[String], query: &str) -> Vec<Self> {
        let one = |batch: &[String]| Self {
            guids: Some((parameter, batch.to_vec())),
            ..Self::get(path, query)
        };
        guids.chunks(BATCH).map(one).collect()
    }

    /// Returns path and query, as in `/v3/apps?guids=…`.
    ///
    /// ```
    /// use asg_cc_client::api::v3;
    /// assert_eq!(v3::info().target(), "/v3/info");
    /// ```
    #[must_use]
    pub fn target(&self) -> String {
        let query = self.query();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{mark}{query}", self.path)
    }

    fn query(&self) -> String {
        if let Some(later) = &self.later {
            return later.clone();
        }
        let Some((parameter, guids)) = &self.guids else { return self.query.clone() };
        let guids = guids.iter().map(|guid| encode(guid)).collect::<Vec<_>>().join(",");
        let and = if self.query.is_empty() { "" } else { "&" };
        format!("{parameter}={guids}{and}{}", self.query)
    }

    /// Divides the call in two, for a server that finds it too long (414); `None` if it asks for
    /// one thing.
    ///
    /// ```
    /// use asg_cc_client::api::v3;
    ///
    /// let call = v3::processes(&["a".into(), "b".into(), "c".into()]).remove(0);
    /// let [one, other] = call.split().unwrap();
    /// assert!(one.target().starts_with("/v3/processes?guids=a&"));
    /// assert!(other.target().starts_with("/v3/processes?guids=b,c&"));
    /// assert!(one.split().is_none());
    /// ```
    #[must_use]
    pub fn split(&self) -> Option<[Self; 2]> {
        let (parameter, guids) = self.guids.as_ref().filter(|(_, guids)| guids.len() > 1)?;
        let (one, other) = guids.split_at(guids.len() / 2);
        let part = |guids: &[String]| Self {
            path: self.path.clone(),
            guids: Some((*parameter, guids.to_vec())),
            query: self.query.clone(),
            later: None,
            read: PhantomData,
        };
        Some([part(one), part(other)])
    }

    /// Returns the last part of the path: for a list, its name.
    pub(crate) fn list(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Returns the call without `include=`; `None` if it has none.
    pub(crate) fn without_include(&self) -> Option<Self> {
        let at = self.query.find("&include=")?;
        let end = self.query[at + 1..].find('&').map_or(self.query.len(), |end| at + 1 + end);
        let query = format!("{}{}", &self.query[..at], &self.query[end..]);
        Some(Self { guids: self.guids.clone(), ..Self::get(self.path.clone(), query) })
    }

    /// Returns the number of GUIDs that it asks for.
    pub(crate) fn width(&self) -> usize {
        self.guids.as_ref().map_or(0, |(_, guids)| guids.len())
    }

    /// Builds the request, to `address` and nowhere else.
    ///
    /// # Panics
    ///
    /// Never: a call's path and query were encoded when it was made.
    ///
    /// ```
    /// use asg_cc_client::Token;
    /// use asg_cc_client::api::{Address, v3};
    ///
    /// let address = Address::parse("https://cf.example")?;
    /// let request = v3::info().request(&address, Some(&Token::new("sesame")?));
    /// assert_eq!(request.uri(), "https://cf.example/v3/info");
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    #[must_use]
    pub fn request(&self, address: &Address, token: Option<&Token>) -> Request<Vec<u8>> {
        self.request_with(address, token.map(Token::header))
    }

    pub(crate) fn request_with(
        &self,
        address: &Address,
        authorization: Option<HeaderValue>,
    ) -> Request<Vec<u8>> {
        let mut request = Request::get(format!("{address}{}", self.target()))
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, AGENT);
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        // Paths and queries are encoded when a call is created, and addresses are checked when they
        // are parsed.
        request.body(Vec::new()).expect("a valid URI and headers")
    }

    /// Parses the answer.
    ///
    /// # Errors
    ///
    /// [`Error::from_response`] for any status but 2xx; [`Error::Unreadable`] if the body is not
    /// the requested JSON, or larger than 64 MiB.
    ///
    /// ```
    /// use asg_cc_client::api::v3;
    /// use http::Response;
    ///
    /// let body = br#"{"pagination":{"next":null},"resources":[]}"#;
    /// let page = v3::all_apps().parse(&Response::new(body.to_vec()))?;
    /// assert!(page.resources.is_empty());
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    pub fn parse(&self, response: &Response<Vec<u8>>) -> Result<T, Error> {
        let status = response.status();
        if !status.is_success() {
            return Err(Error::from_response(response));
        }
        T::decode(response.body()).map_err(|why| self.unreadable(why))
    }

    fn unreadable(&self, why: &'static str) -> Error {
        Error::Unreadable { request: self.target(), why }
    }
}

impl<T: Body> Call<Page<T>>
where
    Page<T>: Body,
{
    /// Returns the call for the page after `page`, which this call returned; `None` behind the
    /// last.
    ///
    /// Cloud Controller links pages by absolute URL (v3) or path (v2). Only the query of such a
    /// link is used, with this call's own path: wherever it points, the request goes to the
    /// configured API, and so does the token.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`] if the link does not lead to another page of this list.
    ///
    /// ```
    /// use asg_cc_client::api::v3;
    /// use http::Response;
    ///
    /// let body = br#"{"pagination":{"next":null},"resources":[]}"#;
    /// let call = v3::all_apps();
    /// let page = call.parse(&Response::new(body.to_vec()))?;
    /// assert!(call.next(&page)?.is_none(), "this page is the last one");
    /// # Ok::<(), asg_cc_client::Error>(())
    /// ```
    pub fn next(&self, page: &Page<T>) -> Result<Option<Self>, Error> {
        let Some(link) = &page.next else { return Ok(None) };
        let (path, query) = link.split_once('?').unwrap_or((link, ""));
        let query = query.split('#').next().unwrap_or_default();
        if !path.trim_end_matches('/').ends_with(self.path.as_str()) {
            return Err(self.unreadable("its link to the next page leads elsewhere"));
        }
        let next = Self {
            guids: self.guids.clone(),
            later: Some(query.to_owned()),
            ..Self::get(self.path.clone(), self.query.clone())
        };
        if query == self.query() || next.target().parse::<PathAndQuery>().is_err() {
            return Err(self.unreadable("its link to the next page leads nowhere"));
        }
        Ok(Some(next))
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "GET {} ({} GUIDs) {}",
            self.path,
            self.guids.as_ref().map_or(0, |g| g.1.len()),
            self.query
        )
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The things listed.
    pub resources: Vec<T>,
    /// Spaces that the answer includes (`include=`).
    pub spaces: Vec<Space>,
    /// Orgs that the answer includes (`include=`).
    pub orgs: Vec<Org>,
    /// The link to the next page as the server wrote it: see [`Call::next`].
    pub next: Option<String>,
}
