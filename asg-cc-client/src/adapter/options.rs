//! The options of both HTTP adapters.

use std::time::Duration;

use crate::secret::Secret;

/// The maximum size of an answer. Cloud Controller's are smaller; a page of 5000 events has some
/// megabytes.
pub(super) const MAX_BODY: u64 = 64 << 20;

/// The text of the error for a larger answer.
pub(super) const TOO_LARGE: &str = "it is larger than 64 MB";

/// How the transports of this crate connect.
///
/// ```
/// use asg_cc_client::HttpOptions;
/// use std::time::Duration;
///
/// let options = HttpOptions { answer_timeout: Duration::from_secs(10), ..HttpOptions::default() };
/// assert!(!options.skip_tls_verification);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct HttpOptions {
    /// For each of: finding the address, connecting (with TLS), sending. 10 s.
    pub connect_timeout: Duration,
    /// For each of: the beginning of an answer, the rest of it. 60 s.
    pub answer_timeout: Duration,
    /// Certificates (PEM, any number in one text) to trust *instead of* the system's: the client
    /// talks to one server only, so naming its authority is the stricter choice. The server's own
    /// certificate may be among them, if it signs itself.
    pub ca_pem: Option<Vec<u8>>,
    /// A certificate and its private key (PEM, in one text), for a proxy or router that asks for
    /// one. Cloud Controller itself does not.
    pub client_pem: Option<Secret>,
    /// Trusts any server, as `cf login --skip-ssl-validation` does. Any server that answers gets
    /// the token.
    pub skip_tls_verification: bool,
}

impl HttpOptions {
    /// The default, as a constant.
    ///
    /// ```
    /// use asg_cc_client::HttpOptions;
    /// assert_eq!(HttpOptions::DEFAULT.connect_timeout.as_secs(), 10);
    /// ```
    pub const DEFAULT: Self = Self {
        connect_timeout: Duration::from_secs(10),
        answer_timeout: Duration::from_secs(60),
        ca_pem: None,
        client_pem: None,
        skip_tls_verification: false,
    };
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}
