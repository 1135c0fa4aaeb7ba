//! The transport of feature `reqwest`.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use http::{Request, Response};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Identity, Proxy};
use tokio::time::timeout;

use super::options::{HttpOptions, MAX_BODY, TOO_LARGE};
use super::proxy::Proxies;
use super::trust::chosen;
use crate::retry::Retrying;
use crate::transport::{
    AsyncTransport, Sending, TimeLeft, TransportError, TransportErrorKind as Kind,
};

/// HTTP for tokio, over reqwest and rustls: the asynchronous twin of
/// [`HttpTransport`](crate::HttpTransport).
///
/// It keeps connections, uses the proxies that the environment names as
/// [`HttpTransport`](crate::HttpTransport) does, trusts the system's certificates, and follows no
/// redirects. It keeps to [`TimeLeft`]. If the program has chosen no cryptography for rustls, it
/// chooses ring.
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
    proxies: Proxies,
    answer_timeout: Duration,
}

impl AsyncHttpTransport {
    /// Creates it with [`HttpOptions::default`].
    ///
    /// # Errors
    ///
    /// If the system's certificates cannot be used.
    ///
    /// ```
    /// use asg_cc_client::AsyncHttpTransport;
    /// assert!(AsyncHttpTransport::new().is_ok());
    /// ```
    pub fn new() -> Result<Self, TransportError> {
        Self::with_options(&HttpOptions::default())
    }

    /// Creates it with these options.
    ///
    /// # Errors
    ///
    /// If [`HttpOptions::ca_pem`] has no certificate in it, or [`HttpOptions::client_pem`] no
    /// certificate or key.
    ///
    /// ```
    /// use asg_cc_client::{AsyncHttpTransport, HttpOptions};
    /// let ca_pem = Some(b"no certificate".to_vec());
    /// let options = HttpOptions { ca_pem, ..HttpOptions::default() };
    /// assert!(AsyncHttpTransport::with_options(&options).is_err());
    /// ```
    pub fn with_options(options: &HttpOptions) -> Result<Self, TransportError> {
        // This has no effect if one is installed already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let proxies = Proxies::from_env();
        let of = proxies.clone();
        let proxy = move |url: &reqwest::Url| {
            let proxy = of.of(&url.as_str().parse().ok()?).ok()??;
            reqwest::Url::parse(proxy).ok()
        };
        let client = builder(options)?.no_proxy().proxy(Proxy::custom(proxy));
        let client = client.build().map_err(explain)?;
        Ok(Self { client, proxies, answer_timeout: options.answer_timeout })
    }

    /// Wraps it to try again on tokio's clock.
    ///
    /// ```
    /// use asg_cc_client::AsyncHttpTransport;
    /// assert_eq!(AsyncHttpTransport::new()?.retrying().counts().retries, 0);
    /// # Ok::<(), asg_cc_client::TransportError>(())
    /// ```
    #[must_use]
    pub fn retrying(self) -> Retrying<Self, fn(Duration) -> tokio::time::Sleep> {
        Retrying::new(self).with_async_sleep(tokio::time::sleep)
    }

    async fn exchange(
        &self,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Vec<u8>>, TransportError> {
        // reqwest would ignore an unusable address.
        self.proxies.of(request.uri())?;
        let request = reqwest::Request::try_from(request).map_err(explain)?;
        let sent = timeout(self.answer_timeout, self.client.execute(request));
        let slow = |_| TransportError::new(Kind::Timeout, "the answer did not begin in time");
        let mut answer = sent.await.map_err(slow)?.map_err(explain)?;
        let read = timeout(self.answer_timeout, body_of(&mut answer));
        let slow = |_| TransportError::new(Kind::Timeout, "the answer did not end in time");
        let body = read.await.map_err(slow)??;
        let mut response = Response::new(body);
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

impl AsyncTransport for AsyncHttpTransport {
    fn send(&self, request: Request<Vec<u8>>) -> Sending<'_> {
        let left = request.extensions().get::<TimeLeft>().map(|left| left.0);
        Box::pin(async move {
            let Some(left) = left else { return self.exchange(request).await };
            let slow = |_| TransportError::new(Kind::Timeout, "no whole answer came in time");
            timeout(left, self.exchange(request)).await.map_err(slow)?
        })
    }
}

impl fmt::Debug for AsyncHttpTransport {
    /// Prints it without the clients, which have the proxy's URL, and that may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncHttpTransport").finish_non_exhaustive()
    }
}

async fn body_of(answer: &mut reqwest::Response) -> Result<Vec<u8>, TransportError> {
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(explain)? {
        if (body.len() + part.len()) as u64 > MAX_BODY {
            return Err(TransportError::new(Kind::TooLarge, TOO_LARGE));
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

fn builder(options: &HttpOptions) -> Result<ClientBuilder, TransportError> {
    let bad = |what: &str| TransportError::new(Kind::Tls, what.to_owned());
    let mut builder = Client::builder()
        .redirect(Policy::none())
        .connect_timeout(options.connect_timeout)
        .read_timeout(options.answer_timeout);
    if let Some(tls) = chosen(options)? {
        return Ok(builder.tls_backend_preconfigured(tls));
    }
    if let Some(pem) = &options.client_pem {
        let malformed = |_| bad("the client certificate: there is no certificate with its key");
        builder = builder.identity(Identity::from_pem(pem.expose().as_bytes()).map_err(malformed)?);
    }
    Ok(builder.tls_danger_accept_invalid_certs(options.skip_tls_verification))
}

#[expect(clippy::needless_pass_by_value, reason = "it is used where an error is mapped")]
fn explain(error: reqwest::Error) -> TransportError {
    // An `io::Error` with another error inside skips it in `source`.
    fn inner<'e>(
        cause: &'e (dyn std::error::Error + 'static),
    ) -> Option<&'e (dyn std::error::Error + 'static)> {
        match cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => cause.source(),
        }
    }
    let causes = || std::iter::successors(error.source(), |cause| inner(*cause));
    let is_tls = causes().any(<dyn std::error::Error>::is::<rustls::Error>);
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
    // The error's own text contains the URL, so it is not used.
    let message = causes().last().map_or_else(|| "the request failed".into(), ToString::to_string);
    TransportError::new(kind, message)
}
