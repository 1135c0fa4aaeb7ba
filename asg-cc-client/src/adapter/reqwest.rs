//! The transport of feature `reqwest`.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use http::{Request, Response};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Identity};

use super::options::{HttpOptions, MAX_BODY, is_loopback};
use crate::policy::Retrying;
use crate::transport::{AsyncTransport, Sending, TransportError, TransportErrorKind as Kind};

/// HTTP for tokio, over reqwest and rustls: what [`HttpTransport`](crate::HttpTransport) is for threads.
///
/// It keeps connections, uses the proxies that the environment names except for loopback addresses, trusts the system's
/// certificates, and follows no redirects. If the program has chosen no cryptography for rustls, it chooses ring.
///
/// ```no_run
/// use asg_cc_client::{AsyncCloudController, AsyncHttpTransport, Token};
///
/// let token = Token::new(&std::env::var("CF_TOKEN").unwrap())?;
/// let transport = AsyncHttpTransport::new()?.retrying();
/// let cc = AsyncCloudController::new(transport, "https://api.example.org", token)?;
/// # Ok::<(), asg_cc_client::Error>(())
/// ```
#[derive(Clone)]
pub struct AsyncHttpTransport {
    client: Client,
    /// Without proxies.
    nearby: Client,
    answer_timeout: Duration,
}

impl AsyncHttpTransport {
    /// With [`HttpOptions::default`].
    ///
    /// # Errors
    ///
    /// If the system's certificates cannot be used.
    pub fn new() -> Result<Self, TransportError> {
        Self::with_options(&HttpOptions::default())
    }

    /// With these options.
    ///
    /// # Errors
    ///
    /// If [`HttpOptions::ca_pem`] has no certificate in it, or [`HttpOptions::client_pem`] no certificate or key.
    pub fn with_options(options: &HttpOptions) -> Result<Self, TransportError> {
        // Of no effect if there is one.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = builder(options)?.build().map_err(explain)?;
        let nearby = builder(options)?.no_proxy().build().map_err(explain)?;
        Ok(Self { client, nearby, answer_timeout: options.answer_timeout })
    }

    /// The same, trying again on tokio's clock.
    #[must_use]
    pub fn retrying(self) -> Retrying<Self, fn(Duration) -> tokio::time::Sleep> {
        Retrying::new(self).with_async_sleep(tokio::time::sleep)
    }

    async fn exchange(
        &self,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Vec<u8>>, TransportError> {
        let is_near = request.uri().host().is_some_and(is_loopback);
        let client = if is_near { &self.nearby } else { &self.client };
        let request = reqwest::Request::try_from(request).map_err(explain)?;
        let slow = |_| TransportError::new(Kind::Timeout, "the answer did not begin in time");
        let sent = tokio::time::timeout(self.answer_timeout, client.execute(request));
        let mut answer = sent.await.map_err(slow)?.map_err(explain)?;
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(explain)? {
            if (body.len() + part.len()) as u64 > MAX_BODY {
                return Err(TransportError::new(Kind::Other, "the answer is too large"));
            }
            body.extend_from_slice(&part);
        }
        let mut response = Response::new(body);
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

impl AsyncTransport for AsyncHttpTransport {
    fn send(&self, request: Request<Vec<u8>>) -> Sending<'_> {
        Box::pin(self.exchange(request))
    }
}

impl fmt::Debug for AsyncHttpTransport {
    /// Without the clients: they hold the proxy's URL, and that may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncHttpTransport").finish_non_exhaustive()
    }
}

fn builder(options: &HttpOptions) -> Result<ClientBuilder, TransportError> {
    let bad = |what: &str| TransportError::new(Kind::Tls, what.to_owned());
    let mut builder = Client::builder()
        .redirect(Policy::none())
        .connect_timeout(options.connect_timeout)
        .read_timeout(options.answer_timeout);
    if let Some(pem) = &options.ca_pem {
        let malformed = |_| bad("the extra CA certificates: malformed PEM");
        let certificates = Certificate::from_pem_bundle(pem).map_err(malformed)?;
        if certificates.is_empty() {
            return Err(bad("the extra CA certificates: there is none in the PEM text"));
        }
        builder = builder.tls_certs_only(certificates);
    }
    if let Some(pem) = &options.client_pem {
        let malformed = |_| bad("the client certificate: there is no certificate with its key");
        builder = builder.identity(Identity::from_pem(pem.expose().as_bytes()).map_err(malformed)?);
    }
    Ok(builder.tls_danger_accept_invalid_certs(options.skip_tls_verification))
}

#[expect(clippy::needless_pass_by_value, reason = "it is used where an error is mapped")]
fn explain(error: reqwest::Error) -> TransportError {
    let causes = || {
        let first: Option<&(dyn std::error::Error + 'static)> = error.source();
        std::iter::successors(first, |cause| (*cause).source())
    };
    let is_tls = causes().any(|cause| {
        let inner = cause.downcast_ref::<std::io::Error>().and_then(|e| e.get_ref());
        cause.is::<rustls::Error>() || matches!(inner, Some(inner) if inner.is::<rustls::Error>())
    });
    let kind = if is_tls || error.is_builder() && error.to_string().contains("certificate") {
        Kind::Tls
    } else if error.is_connect() {
        Kind::Connect
    } else if error.is_timeout() {
        Kind::Timeout
    } else if error.is_request() || error.is_body() || error.is_decode() {
        Kind::Interrupted
    } else {
        Kind::Other
    };
    // Not the error's own text: it has the URL in it.
    let message = causes().last().map_or_else(|| "the request failed".into(), ToString::to_string);
    TransportError::new(kind, message)
}
