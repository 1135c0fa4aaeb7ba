//! The interface to the network: one method.
//!
//! [`Transport`] sends a request and waits, and [`AsyncTransport`] is its asynchronous twin, which
//! returns a future ([`Sending`]). Closures are transports. [`TransportError`] says why no whole
//! answer came, by [`TransportErrorKind`]. A request may carry its [`TimeLeft`].
//!
//! ```
//! use asg_cc_client::{Transport, TransportError};
//! use http::{Request, Response};
//!
//! let teapot = |_: Request<Vec<u8>>| -> Result<Response<Vec<u8>>, TransportError> {
//!     Ok(Response::builder().status(418).body(Vec::new()).unwrap())
//! };
//! assert_eq!(teapot.send(Request::new(Vec::new()))?.status(), 418);
//! # Ok::<(), TransportError>(())
//! ```

mod future;

pub use future::{AsyncTransport, Sending};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};

/// The time that is left for a request with all its repetitions, as of now: an extension of the
/// request.
///
/// The transports of this crate respect it. Another transport may ignore it: the client checks the
/// time between requests, too.
///
/// ```
/// use std::time::Duration;
/// use asg_cc_client::transport::TimeLeft;
/// use http::Request;
///
/// let mut request = Request::new(Vec::<u8>::new());
/// request.extensions_mut().insert(TimeLeft(Duration::from_secs(5)));
/// assert_eq!(request.extensions().get::<TimeLeft>().unwrap().0.as_secs(), 5);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "its fields are all that it can have")]
pub struct TimeLeft(pub Duration);

/// Sends a request and waits for the answer.
///
/// Any `Fn(Request<Vec<u8>>) -> Result<Response<Vec<u8>>, TransportError>` is one, so a test needs
/// no server and a program can use its own HTTP client. A transport returns *every* answer,
/// whatever its status. It follows no redirects, because the request carries a token for one server
/// only.
///
/// # Example
///
/// ```
/// use asg_cc_client::{Transport, TransportError};
/// use http::{Request, Response};
///
/// let teapot = |_: Request<Vec<u8>>| -> Result<Response<Vec<u8>>, TransportError> {
///     Ok(Response::builder().status(418).body(Vec::new()).unwrap())
/// };
/// let transport: &dyn Transport = &teapot;
/// let answer = transport.send(Request::new(Vec::new()))?;
/// assert_eq!(answer.status(), 418);
/// # Ok::<(), TransportError>(())
/// ```
pub trait Transport {
    /// Sends `request`; returns the answer, whatever its status.
    ///
    /// # Errors
    ///
    /// If no whole answer came.
    ///
    /// ```
    /// # use asg_cc_client::{Retrying, Transport, TransportError};
    /// # use http::{Request, Response};
    /// let fine = |_: Request<Vec<u8>>| Ok::<_, TransportError>(Response::new(Vec::new()));
    /// let transport = Retrying::new(fine);
    /// let answer = transport.send(Request::new(Vec::new()))?;
    /// assert_eq!(answer.status(), 200);
    /// # Ok::<(), TransportError>(())
    /// ```
    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, TransportError>;
}

impl<F> Transport for F
where
    F: Fn(Request<Vec<u8>>) -> Result<Response<Vec<u8>>, TransportError>,
{
    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, TransportError> {
        self(request)
    }
}

impl Transport for Box<dyn Transport + '_> {
    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, TransportError> {
        (**self).send(request)
    }
}

impl Transport for Box<dyn Transport + Send + Sync + '_> {
    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, TransportError> {
        (**self).send(request)
    }
}

impl<T: Transport + ?Sized> Transport for Arc<T> {
    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, TransportError> {
        (**self).send(request)
    }
}

/// The reason why no answer came.
///
/// ```
/// use asg_cc_client::TransportError;
/// use asg_cc_client::transport::TransportErrorKind;
///
/// let err = TransportError::new(TransportErrorKind::Timeout, "no answer within 30 s");
/// assert_eq!(err.kind(), TransportErrorKind::Timeout);
/// assert_eq!(err.to_string(), "no answer within 30 s");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportError {
    kind: TransportErrorKind,
    message: String,
}

impl TransportError {
    /// Creates an error of this kind; `message` describes it and must not contain a secret.
    ///
    /// ```
    /// use asg_cc_client::TransportError;
    /// use asg_cc_client::transport::TransportErrorKind;
    /// let error = TransportError::new(TransportErrorKind::Timeout, "no answer in 30 s");
    /// assert_eq!(error.kind(), TransportErrorKind::Timeout);
    /// ```
    #[must_use]
    pub fn new(kind: TransportErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Returns the kind of failure.
    ///
    /// ```
    /// use asg_cc_client::TransportError;
    /// use asg_cc_client::transport::TransportErrorKind;
    /// let error = TransportError::new(TransportErrorKind::Timeout, "no answer");
    /// assert_eq!(error.kind(), TransportErrorKind::Timeout);
    /// ```
    #[must_use]
    pub const fn kind(&self) -> TransportErrorKind {
        self.kind
    }

    pub(crate) const fn message_mut(&mut self) -> &mut String {
        &mut self.message
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TransportError {}

/// The kind of a [`TransportError`], for a retry policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// No connection: the name does not resolve, the port is closed, or a proxy refuses.
    Connect,
    /// Nothing came in time.
    Timeout,
    /// The connection broke before the answer was whole.
    Interrupted,
    /// No trust: certificates or protocol.
    Tls,
    /// The answer, or its head, is larger than any of Cloud Controller's.
    TooLarge,
    /// Nothing was sent: the caller ended the work.
    Stopped,
    /// Nothing was sent: the caller's budget of requests is used up.
    Budget,
    /// Anything else; trying again will not help.
    Other,
}
