//! The servers that the transports trust, on loopback with the certificates in `fixtures/tls`.
//! `openssl req -x509` made these, so each is an authority's and signs itself.
#![cfg(feature = "ureq")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use asg_cc_client::transport::TransportErrorKind;
use asg_cc_client::{HttpOptions, HttpTransport, Retrying, Transport, TransportError};
use http::{Request, Response};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

const OWN: (&[u8], &[u8]) =
    (include_bytes!("../fixtures/tls/own.crt"), include_bytes!("../fixtures/tls/own.key"));
/// A certificate for `elsewhere.test`.
const NAMED: (&[u8], &[u8]) =
    (include_bytes!("../fixtures/tls/named.crt"), include_bytes!("../fixtures/tls/named.key"));
const OTHER: &[u8] = include_bytes!("../fixtures/tls/other.crt");

/// Starts a server with this certificate; returns it with the number of its connections.
fn serve((certificate, key): (&[u8], &[u8])) -> (String, Arc<AtomicUsize>) {
    let certificate = CertificateDer::from_pem_slice(certificate).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            count.fetch_add(1, Ordering::SeqCst);
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            // A client that does not trust the certificate disconnects.
            if stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
                let _ = stream.write_all(answer);
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    (url, connections)
}

fn trusting(pem: &[u8]) -> HttpOptions {
    HttpOptions { ca_pem: Some(pem.to_vec()), ..HttpOptions::default() }
}

type Answer = Result<Response<Vec<u8>>, TransportError>;

/// Returns the answers of both adapters, each behind a transport that tries again.
fn ask(url: &str, options: &HttpOptions) -> Vec<Answer> {
    let request = || Request::get(url).body(Vec::new()).unwrap();
    let blocking = Retrying::new(HttpTransport::with_options(options).unwrap());
    #[cfg_attr(not(feature = "reqwest"), expect(unused_mut))]
    let mut answers = vec![blocking.send(request())];
    #[cfg(feature = "reqwest")]
    {
        use asg_cc_client::AsyncHttpTransport;
        use asg_cc_client::transport::AsyncTransport;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let twin = AsyncHttpTransport::with_options(options).unwrap().retrying();
        answers.push(runtime.block_on(AsyncTransport::send(&twin, request())));
    }
    answers
}

#[test]
fn a_server_is_trusted_that_shows_the_chosen_certificate_itself() {
    let (url, _) = serve(OWN);
    let both = [OTHER, OWN.0].concat();
    for options in [
        trusting(OWN.0),
        trusting(&both),
        HttpOptions { skip_tls_verification: true, ..HttpOptions::default() },
    ] {
        for url in [&url, &url.replace("127.0.0.1", "localhost")] {
            for answer in ask(url, &options) {
                assert_eq!(answer.unwrap().body(), b"{}", "{url}");
            }
        }
    }
}

#[test]
fn an_untrusted_server_is_asked_once_and_gets_nothing() {
    for (server, options, what) in [
        (OWN, HttpOptions::default(), "a certificate that nobody knows"),
        (OWN, trusting(OTHER), "another certificate"),
        (NAMED, trusting(NAMED.0), "a certificate for another name"),
    ] {
        let (url, connections) = serve(server);
        let began = std::time::Instant::now();
        let answers = ask(&url, &options);
        for answer in &answers {
            let error = answer.as_ref().unwrap_err();
            assert_eq!(error.kind(), TransportErrorKind::Tls, "{what}: {error}");
        }
        assert_eq!(connections.load(Ordering::SeqCst), answers.len(), "{what}");
        assert!(began.elapsed() < Duration::from_secs(5), "{what}");
    }
}
