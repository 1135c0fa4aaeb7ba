//! The transport of feature `ureq`.

use std::fmt;
use std::time::Duration;

use http::{Request, Response};
use ureq::tls::{ClientCert, PemItem, RootCerts, TlsConfig, parse_pem};

use super::connector::agent;
use super::options::{HttpOptions, MAX_BODY, TOO_LARGE};
use super::proxy::Proxies;
use super::trust::chosen;
use crate::transport::{TimeLeft, Transport, TransportError, TransportErrorKind as Kind};

/// Blocking HTTP/1.1 over TCP or TLS.
///
/// It keeps connections, uses the proxies that the environment names (`HTTPS_PROXY`, `HTTP_PROXY`,
/// `NO_PROXY`, read as the cf CLI reads them) except for loopback addresses, trusts the system's
/// certificates, and follows no redirects. It keeps to [`TimeLeft`].
///
/// At the level TRACE of the `log` crate, the target `ureq_proto` prints everything that it sends
/// and receives, tokens and secrets included. A program that shows logs of that level must leave
/// this target out, for example with `ureq_proto=debug`.
///
/// ```no_run
/// use asg_cc_client::{CloudController, HttpTransport, Token};
///
/// let token = Token::new(&std::env::var("CF_TOKEN").unwrap())?;
/// let cc = CloudController::new(HttpTransport::new()?, "https://api.example.org", token)?;
/// # Ok::<(), asg_cc_client::Error>(())
/// ```
#[derive(Clone)]
pub struct HttpTransport {
    agent: ureq::Agent,
    proxies: Proxies,
    answer_timeout: Duration,
}

impl HttpTransport {
    /// Creates it with [`HttpOptions::default`].
    ///
    /// # Errors
    ///
    /// Never with these options; it is a `Result` so that calls with other options look alike.
    pub fn new() -> Result<Self, TransportError> {
        Self::with_options(&HttpOptions::default())
    }

    /// Creates it with these options.
    ///
    /// # Errors
    ///
    /// If [`HttpOptions::ca_pem`] has no certificate in it, or [`HttpOptions::client_pem`] no
    /// certificate or key.
    pub fn with_options(options: &HttpOptions) -> Result<Self, TransportError> {
        let chosen = chosen(options)?;
        let identity = options.client_pem.as_ref().map(|pem| identity(pem.expose())).transpose()?;
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .client_cert(identity)
            .disable_verification(options.skip_tls_verification)
            .build();
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            // Each request has its own proxy.
            .proxy(None)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_resolve(Some(options.connect_timeout))
            .timeout_connect(Some(options.connect_timeout))
            .timeout_send_request(Some(options.connect_timeout))
            .timeout_recv_response(Some(options.answer_timeout))
            .timeout_recv_body(Some(options.answer_timeout))
            .build();
        let answer_timeout = options.answer_timeout;
        let agent = match chosen {
            Some(tls) => agent(config, tls),
            None => config.new_agent(),
        };
        Ok(Self { agent, proxies: Proxies::from_env(), answer_timeout })
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, TransportError> {
        let (parts, body) = request.into_parts();
        let response = if body.is_empty() {
            self.run(Request::from_parts(parts, ()))?
        } else {
            self.run(Request::from_parts(parts, body))?
        };
        let (parts, mut body) = response.into_parts();
        let body = body.with_config().limit(MAX_BODY).read_to_vec().map_err(|e| explain(&e))?;
        Ok(Response::from_parts(parts, body))
    }
}

impl fmt::Debug for HttpTransport {
    /// Prints it without the agent, which has the proxy's URL, and that may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport").finish_non_exhaustive()
    }
}

impl HttpTransport {
    fn run(
        &self,
        request: Request<impl ureq::AsSendBody>,
    ) -> Result<Response<ureq::Body>, TransportError> {
        let unusable = |_| TransportError::new(Kind::Other, "the proxy's address cannot be used");
        let proxy = self.proxies.of(request.uri())?;
        let proxy = proxy.map(ureq::Proxy::new).transpose().map_err(unusable)?;
        let left = request.extensions().get::<TimeLeft>().map(|left| left.0);
        let request = self.agent.configure_request(request).proxy(proxy);
        let request = match left {
            Some(left) => request
                .timeout_global(Some(left))
                .timeout_recv_response(Some(left.min(self.answer_timeout)))
                .timeout_recv_body(Some(left.min(self.answer_timeout))),
            None => request,
        };
        self.agent.run(request.build()).map_err(|e| explain(&e))
    }
}

/// Parses a client's certificates and its key.
fn identity(pem: &str) -> Result<ClientCert, TransportError> {
    let bad = |why: &str| TransportError::new(Kind::Tls, format!("the client certificate: {why}"));
    let (mut chain, mut key) = (Vec::new(), None);
    for item in parse_pem(pem.as_bytes()) {
        match item.map_err(|_| bad("malformed PEM"))? {
            PemItem::Certificate(certificate) => chain.push(certificate),
            PemItem::PrivateKey(found) => key = Some(found),
            _ => {}
        }
    }
    let key = key.ok_or_else(|| bad("there is no key in the PEM text"))?;
    if chain.is_empty() {
        return Err(bad("there is no certificate in the PEM text"));
    }
    Ok(ClientCert::new_with_certs(&chain, key))
}

fn explain(error: &ureq::Error) -> TransportError {
    use std::io::ErrorKind as Io;
    use ureq::Timeout as Phase;

    let kind = match error {
        ureq::Error::Io(e) => match e.kind() {
            Io::TimedOut | Io::WouldBlock => Kind::Timeout,
            Io::ConnectionRefused
            | Io::AddrNotAvailable
            | Io::HostUnreachable
            | Io::NetworkUnreachable
            | Io::NotFound => Kind::Connect,
            Io::ConnectionReset
            | Io::ConnectionAborted
            | Io::BrokenPipe
            | Io::UnexpectedEof
            | Io::Interrupted => Kind::Interrupted,
            // rustls reports a failed handshake through io::Error.
            Io::InvalidData => Kind::Tls,
            // The standard library has no stable kind for a name that does not resolve.
            _ if e.to_string().starts_with("failed to lookup address") => Kind::Connect,
            _ => Kind::Other,
        },
        ureq::Error::Timeout(Phase::Resolve | Phase::Connect)
        | ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::ConnectProxyFailed(_)
        | ureq::Error::InvalidProxyUrl => Kind::Connect,
        ureq::Error::Timeout(_) => Kind::Timeout,
        ureq::Error::Protocol(_) => Kind::Interrupted,
        ureq::Error::BodyExceedsLimit(_) => return TransportError::new(Kind::TooLarge, TOO_LARGE),
        ureq::Error::LargeResponseHeader(..) => {
            return TransportError::new(Kind::TooLarge, "its head is larger than 64 KB");
        }
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => Kind::Tls,
        _ => Kind::Other,
    };
    TransportError::new(kind, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_where_nobody_listens_is_a_failure_to_connect() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let request = Request::get(format!("http://{address}/")).body(Vec::new()).unwrap();
        let err = HttpTransport::new().unwrap().send(request).unwrap_err();
        assert_eq!(err.kind(), Kind::Connect, "{err}");
    }

    #[test]
    fn pem_texts_without_what_they_are_for_are_refused() {
        for pem in ["", "-----BEGIN NOTHING-----"] {
            let options = HttpOptions { ca_pem: Some(pem.into()), ..HttpOptions::default() };
            assert_eq!(HttpTransport::with_options(&options).unwrap_err().kind(), Kind::Tls);
            let options = HttpOptions { client_pem: Some(pem.into()), ..HttpOptions::default() };
            let err = HttpTransport::with_options(&options).unwrap_err();
            assert_eq!(err.kind(), Kind::Tls, "{err}");
        }
    }
}
