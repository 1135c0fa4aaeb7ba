//! The asynchronous adapter over loopback: it gives the answers of the blocking one.
#![cfg(all(feature = "reqwest", feature = "ureq"))]

mod common;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use asg_cc_client::clock::Random;
use asg_cc_client::embedded::{Limit, Outage, Page, Trouble};
use asg_cc_client::transport::{AsyncTransport, TimeLeft, TransportErrorKind};
use asg_cc_client::{
    AsyncCloudController, AsyncHttpTransport, HttpOptions, HttpTransport, Retrying, Token,
    Transport,
};
use common::*;
use http::Request;

#[test]
fn both_adapters_find_the_same() {
    let server = start(article());
    server.update(|f| f.rolling_deployment(APP, SECOND_WEB));
    let ids = [APP, WORKER, TASK, BUILD, SECOND_WEB, STRANGER].map(guid);
    let url = server.url();
    let wanted = connect(&server, GLOBAL).with_clock(stopped()).resolve_in_full(&ids).unwrap();
    let found = block_on(async {
        let transport = AsyncHttpTransport::new().unwrap();
        let cc = AsyncCloudController::new(transport, &url, Token::new(GLOBAL).unwrap()).unwrap();
        cc.with_clock(stopped()).with_concurrency(4).resolve_in_full(&ids).await.unwrap()
    });
    assert_eq!(found, wanted);
}

#[test]
fn a_bad_day_is_survived_on_tokios_clock_too() {
    let server = start(article());
    server.outage(
        Outage::new()
            .first(1, "/v3/apps", Trouble::TooManyRequests(Limit::Null(0)))
            .first(2, "/v3/apps", Trouble::Unavailable(503, Page::Html))
            .first(1, "/v3/processes", Trouble::CutBody)
            .first(2, "/v3/processes", Trouble::HangUp),
    );
    let url = server.url();
    let (state, counts) = block_on(async {
        let transport =
            AsyncHttpTransport::new().unwrap().retrying().with_random(Random::new(|| 0.0));
        let cc = AsyncCloudController::new(transport, &url, Token::new(GLOBAL).unwrap()).unwrap();
        let state = cc.resolve(&[guid(WORKER)]).await.unwrap()[&guid(WORKER)].state;
        (state, cc.get_ref().counts())
    });
    assert_eq!(state, asg_core::names::AppState::Live);
    assert!(counts.lost >= 2 && counts.rate_limited == 1, "{counts:?}");
}

#[test]
fn failures_have_the_same_kinds_in_both_adapters() {
    let options =
        HttpOptions { answer_timeout: Duration::from_millis(300), ..HttpOptions::default() };
    let blocking = HttpTransport::with_options(&options).unwrap();
    let twin = AsyncHttpTransport::with_options(&options).unwrap();
    let kinds = |url: &str| {
        let request = || Request::get(url).body(Vec::new()).unwrap();
        let one = blocking.send(request()).unwrap_err().kind();
        let other = block_on(AsyncTransport::send(&twin, request())).unwrap_err();
        assert!(!other.to_string().contains("127.0.0.1/secret"), "{other}");
        (one, other.kind())
    };
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/secret", listener.local_addr().unwrap())
    };
    let both = |kind| (kind, kind);
    assert_eq!(kinds(&nobody), both(TransportErrorKind::Connect));
    for (reply, kind) in [
        ("", TransportErrorKind::Timeout),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", TransportErrorKind::Timeout),
        ("garbage\r\n\r\n", TransportErrorKind::Interrupted),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().unwrap();
                // Answering before the request has come would be a failure of another kind.
                assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
                stream.write_all(reply.as_bytes()).unwrap();
                let mut rest = Vec::new();
                drop(stream.read_to_end(&mut rest));
            }
        });
        assert_eq!(kinds(&url), both(kind), "{reply:?}");
        server.join().unwrap();
    }
}

/// Answers two connections, one after the other, with the output of `serve`.
fn serving(
    serve: impl Fn(&mut std::net::TcpStream) + Send + 'static,
) -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
            serve(&mut stream);
        }
    });
    (url, server)
}

#[test]
fn both_adapters_bound_the_whole_answer_in_time_and_in_size() {
    let options =
        HttpOptions { answer_timeout: Duration::from_millis(300), ..HttpOptions::default() };
    let patient = HttpOptions::default();
    let kinds = |url: &str, options: &HttpOptions| {
        let request = || Request::get(url).body(Vec::new()).unwrap();
        let one = HttpTransport::with_options(options).unwrap().send(request()).unwrap_err();
        let twin = AsyncHttpTransport::with_options(options).unwrap();
        let other = block_on(AsyncTransport::send(&twin, request())).unwrap_err();
        (one.kind(), other.kind())
    };
    // A byte now and then is not an answer, though each comes in time.
    let (url, server) = serving(|stream| {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
        stream.write_all(head).unwrap();
        while stream.write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let timeout = TransportErrorKind::Timeout;
    assert_eq!(kinds(&url, &options), (timeout, timeout));
    server.join().unwrap();
    let (url, server) = serving(|stream| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 70 << 20);
        stream.write_all(head.as_bytes()).unwrap();
        while stream.write_all(&vec![b' '; 1 << 16]).is_ok() {}
    });
    let large = TransportErrorKind::TooLarge;
    assert_eq!(kinds(&url, &patient), (large, large));
    server.join().unwrap();
    // A port that does not speak TLS: trying again would not help.
    let (url, server) = serving(|stream| stream.write_all(b"HTTP/1.1 400 Bad\r\n\r\n").unwrap());
    let tls = TransportErrorKind::Tls;
    assert_eq!(kinds(&url.replace("http:", "https:"), &patient), (tls, tls));
    server.join().unwrap();
}

#[test]
fn the_time_that_is_left_is_kept() {
    let (url, server) = serving(|stream| drop(stream.read_to_end(&mut Vec::new())));
    let request = || {
        let mut request = Request::get(&url).body(Vec::new()).unwrap();
        request.extensions_mut().insert(TimeLeft(Duration::from_millis(200)));
        request
    };
    let one = HttpTransport::new().unwrap().send(request()).unwrap_err();
    let twin = AsyncHttpTransport::new().unwrap();
    let other = block_on(AsyncTransport::send(&twin, request())).unwrap_err();
    assert_eq!([one.kind(), other.kind()], [TransportErrorKind::Timeout; 2]);
    drop(twin);
    server.join().unwrap();
}

#[test]
fn pem_texts_without_what_they_are_for_are_refused() {
    for options in [
        HttpOptions { ca_pem: Some(Vec::new()), ..HttpOptions::default() },
        HttpOptions { client_pem: Some("".into()), ..HttpOptions::default() },
    ] {
        let err = AsyncHttpTransport::with_options(&options).unwrap_err();
        assert_eq!(err.kind(), TransportErrorKind::Tls, "{err}");
    }
    let options = HttpOptions { client_pem: Some("sesame".into()), ..HttpOptions::default() };
    assert!(!format!("{options:?}").contains("sesame"));
    let transport = Retrying::new(AsyncHttpTransport::new().unwrap());
    assert!(format!("{transport:?}").contains("AsyncHttpTransport"));
}
