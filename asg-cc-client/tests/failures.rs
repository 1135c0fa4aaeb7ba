//! Failures: each is an error with a remedy, and never "deleted"; and no token leaks.
#![cfg(feature = "ureq")]

mod common;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Mutex;
use std::time::Duration;

use asg_cc_client::api::{Address, v3};
use asg_cc_client::client::ApiVersion;
use asg_cc_client::embedded::Server;
use asg_cc_client::error::{Fault, RetryAfter};
use asg_cc_client::transport::TransportErrorKind;
use asg_cc_client::{
    Cached, CfConfig, CloudController, Error, Export, HttpOptions, HttpTransport, Token, Transport,
    TransportError,
};
use common::*;
use http::header::AUTHORIZATION;
use http::{Request, Response};

const BOTH: [ApiVersion; 2] = [ApiVersion::V2, ApiVersion::V3];

#[test]
fn clients_and_errors_go_to_other_threads() {
    fn goes<T: Send + Sync + 'static>() {}
    goes::<CloudController<HttpTransport>>();
    goes::<CloudController<Box<dyn Transport + Send + Sync>>>();
    goes::<Cached<CloudController<HttpTransport>>>();
    goes::<(Export, CfConfig, Error, Server)>();
}

#[test]
fn an_expired_token_says_log_in_again() {
    let server = start(article());
    for version in BOTH {
        let err = one(&connect(&server, "expired").with_version(version), APP).unwrap_err();
        assert_eq!(err, Error::TokenRejected);
        assert_eq!(err.fault(), Fault::Credentials);
        assert!(err.to_string().contains("cf login"), "{err}");
    }
}

#[test]
fn a_wrong_address_says_check_the_address() {
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let cc = |url: &str| {
        CloudController::new(HttpTransport::new().unwrap(), url, Token::new("sesame").unwrap())
    };
    let err = one(&cc(&nobody).unwrap(), APP).unwrap_err();
    assert!(
        matches!(&err, Error::Transport(e) if e.kind() == TransportErrorKind::Connect),
        "{err:?}"
    );
    assert_eq!(err.fault(), Fault::Network);
    assert!(err.to_string().contains("check its address"), "{err}");

    let err = one(&cc("http://no-such-host.invalid").unwrap(), APP).unwrap_err();
    assert!(
        matches!(&err, Error::Transport(e) if e.kind() == TransportErrorKind::Connect),
        "{err:?}"
    );

    // TLS to a port that speaks plain HTTP.
    let server = start(article());
    let err = one(&cc(&server.url().replace("http:", "https:")).unwrap(), APP).unwrap_err();
    assert!(matches!(err, Error::Transport(_)), "{err:?}");
}

#[test]
fn something_else_there_is_no_cloud_controller() {
    let answers: [(u16, &str); 7] = [
        (200, "<html>Welcome to nginx!</html>"),
        (200, ""),
        (200, "{}"),
        (200, r#"{"links":{}}"#),
        (404, "<html>Not Found</html>"),
        (401, "<html>Log in to the proxy</html>"),
        (418, "teapot"),
    ];
    for (status, body) in answers {
        let there = move |_: Request<Vec<u8>>| {
            Ok(Response::builder().status(status).body(body.into()).unwrap())
        };
        let cc = CloudController::new(there, "https://api.example.org", Token::new("t").unwrap());
        let err = one(&cc.unwrap(), APP).unwrap_err();
        assert_eq!(err, Error::NotCloudController { status }, "{body}");
        assert_eq!(err.fault(), Fault::Network);
    }
}

#[test]
fn no_answer_but_cloud_controllers_own_ever_means_gone() {
    let answers: [(u16, &str); 12] = [
        (404, "V2 endpoints disabled"),
        (404, ""),
        (404, "null"),
        (404, "<html>Not Found</html>"),
        (404, r#"{"errors":[{"code":10000,"title":"CF-NotFound","detail":"Unknown request"}]}"#),
        (401, r#"{"errors":[{"code":10002,"title":"CF-NotAuthenticated","detail":""}]}"#),
        (403, r#"{"errors":[{"code":10003,"title":"CF-NotAuthorized","detail":""}]}"#),
        (500, r#"{"code":100004,"error_code":"CF-AppNotFound","description":"no"}"#),
        (503, "API down for maintenance"),
        (200, "<html>Hello</html>"),
        (200, r#"{"pagination":{},"resources":"#),
        (302, ""),
    ];
    for version in BOTH {
        for (status, body) in answers {
            let server = start(article());
            server.intercept(move |_| {
                Some(Response::builder().status(status).body(body.into()).unwrap())
            });
            match one(&over(&server, version), APP) {
                Err(_) => {}
                // v2's 403 with code 10003 means "hidden", in v2's shape or v3's.
                Ok(identity) => {
                    assert_eq!((status, version), (403, ApiVersion::V2), "{body}: {identity:?}");
                    assert_eq!(identity, asg_core::Identity::hidden());
                }
            }
        }
    }
}

#[test]
fn a_failure_in_the_middle_is_an_error_and_no_half_answer() {
    for failing in ["/v3/processes", "/v3/audit_events", "/v3/spaces"] {
        let server = start(article());
        server.update(|f| f.delete_app(APP, DELETED_AT));
        server.intercept(move |request| {
            let answer = Response::builder().status(502).body(Vec::new()).unwrap();
            (request.uri().path() == failing).then_some(answer)
        });
        let err = one(&over(&server, ApiVersion::V3), APP).unwrap_err();
        assert_eq!(err, Error::Unavailable { status: 502, errors: vec![] }, "{failing}");
    }
}

#[test]
fn a_rate_limit_says_when_to_come_back() {
    let server = start(article());
    server.intercept(|_| {
        let answer = Response::builder().status(429).header("Retry-After", "1743");
        Some(answer.header("Content-Type", "text/plain").body(b"null".to_vec()).unwrap())
    });
    let err = one(&over(&server, ApiVersion::V3), APP).unwrap_err();
    assert_eq!(err, Error::RateLimited { retry: Some(RetryAfter::Seconds(1743)) });
    assert!(err.to_string().contains("in 1743 s"), "{err}");
}

#[test]
fn a_server_that_says_nothing_is_a_timeout_and_a_half_answer_an_interruption() {
    for (reply, kind) in [
        ("", TransportErrorKind::Timeout),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", TransportErrorKind::Timeout),
        ("garbage\r\n\r\n", TransportErrorKind::Interrupted),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(reply.as_bytes()).unwrap();
            // Until the client gives up.
            let mut rest = Vec::new();
            drop(stream.read_to_end(&mut rest));
        });
        let options =
            HttpOptions { answer_timeout: Duration::from_millis(200), ..HttpOptions::default() };
        let transport = HttpTransport::with_options(&options).unwrap();
        let err = transport.send(Request::get(&url).body(Vec::new()).unwrap()).unwrap_err();
        assert_eq!(err.kind(), kind, "{reply:?}: {err}");
        drop(transport);
        server.join().unwrap();
    }
}

#[test]
fn the_token_goes_to_the_configured_origin_alone() {
    let seen = Mutex::new(Vec::new());
    let spy = |request: Request<Vec<u8>>| -> Result<Response<Vec<u8>>, TransportError> {
        let uri = request.uri().clone();
        seen.lock().unwrap().push((uri.clone(), request.headers().contains_key(AUTHORIZATION)));
        let body = match (uri.path(), uri.query().unwrap_or_default()) {
            ("/v3/apps", query) if query != "page=2" => {
                r#"{"pagination":{"next":{"href":"https://evil.example:666/v3/apps?page=2"}},"resources":[]}"#
            }
            _ => r#"{"pagination":{"next":null},"resources":[]}"#,
        };
        Ok(Response::new(body.into()))
    };
    let cc = CloudController::new(spy, "https://api.example.org", Token::new("sesame").unwrap())
        .unwrap()
        .with_version(ApiVersion::V3);
    cc.resolve(&[guid(APP)]).unwrap();
    let seen = seen.lock().unwrap();
    assert!(seen.iter().any(|(uri, _)| uri.query() == Some("page=2")));
    for (uri, authorized) in seen.iter() {
        assert_eq!(uri.authority().unwrap(), "api.example.org", "{uri}");
        assert!(authorized);
    }
}

#[test]
fn proxies_of_the_environment_are_used_but_for_loopback() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    // A process of its own, because the environment belongs to all tests of this one.
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_of_the_proxy_test"])
        .env("ASG_TEST_PROXY_CHILD", "1")
        .envs([("http_proxy", &url.replace("//", "//me:open-proxy@")), ("all_proxy", &url)])
        .env_remove("no_proxy")
        .env_remove("NO_PROXY")
        .spawn()
        .unwrap();
    let (mut stream, _) = proxy.accept().unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head);
    assert!(head.starts_with("CONNECT api.example.invalid:80 "), "{head}");
    assert!(!head.contains("sesame"), "the proxy is not who the token is for: {head}");
    stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").unwrap();
    drop(stream);
    assert!(child.wait_with_output().unwrap().status.success());
}

/// The other half of the test above.
#[test]
fn child_of_the_proxy_test() {
    if std::env::var_os("ASG_TEST_PROXY_CHILD").is_none() {
        return;
    }
    let server = start(article());
    assert_eq!(told(&connect(&server, GLOBAL), APP), "Live o/s/proxy", "not through the proxy");
    let transport = HttpTransport::new().unwrap();
    let cc = CloudController::new(
        transport.clone(),
        "http://api.example.invalid",
        Token::new("sesame").unwrap(),
    );
    let err = one(&cc.unwrap(), APP).unwrap_err();
    assert!(
        matches!(&err, Error::Transport(e) if e.kind() == TransportErrorKind::Connect),
        "{err:?}"
    );
    assert!(!format!("{transport:?} {err:?}").contains("open-proxy"), "{transport:?} {err:?}");
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = start(article());
    let server = start(article());
    let location = elsewhere.url();
    server.intercept(move |request| {
        let to = format!("{location}{}", request.uri().path());
        Some(Response::builder().status(302).header("Location", to).body(Vec::new()).unwrap())
    });
    let err = one(&over(&server, ApiVersion::V3), APP).unwrap_err();
    assert_eq!(err, Error::Redirect { status: 302 });
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn links_to_next_pages_that_lead_nowhere_are_refused() {
    let call = &v3::apps(&[APP.to_owned()])[0];
    let page = |href: &str| {
        let body = format!(r#"{{"pagination":{{"next":{{"href":"{href}"}}}},"resources":[]}}"#);
        call.parse(&Response::new(body.into_bytes())).unwrap()
    };
    for href in [
        "https://api.example.org/v3/users?page=2",
        "https://api.example.org/?page=2",
        "?page=2",
        "https://api.example.org/v3/apps?page=2 HTTP/1.1",
        "https://api.example.org/v3/apps?page=2\\u0000",
        &format!("https://api.example.org{}", call.target()),
    ] {
        let next = call.next(&page(href));
        assert!(matches!(next, Err(Error::Unreadable { .. })), "{href}: {next:?}");
    }
    let address = Address::parse("http://tunnel:8080/cf").unwrap();
    let next = call.next(&page("https://api.example.org/v3/apps?page=2")).unwrap().unwrap();
    let uri = next.request(&address, None).uri().to_string();
    assert_eq!(uri, "http://tunnel:8080/cf/v3/apps?page=2");
}

#[test]
fn a_list_that_never_ends_is_an_error() {
    let count = Mutex::new(0);
    let endless = |_: Request<Vec<u8>>| -> Result<Response<Vec<u8>>, TransportError> {
        let mut count = count.lock().unwrap();
        *count += 1;
        let body = format!(
            r#"{{"pagination":{{"next":{{"href":"/v3/apps?page={count}"}}}},"resources":[]}}"#
        );
        Ok(Response::new(body.into_bytes()))
    };
    let cc = CloudController::new(endless, "https://api.example.org", Token::new("t").unwrap());
    let err = one(&cc.unwrap().with_version(ApiVersion::V3), APP).unwrap_err();
    assert!(matches!(err, Error::Unreadable { .. }), "{err:?}");
}

#[test]
fn no_secret_is_in_anything_that_prints() {
    const SECRET: &str = "open-sesame-0123456789";
    let token = Token::new(&format!("bearer {SECRET}")).unwrap();
    let json = format!(
        r#"{{"ConfigVersion":4,"Target":"https://api.example.org","AccessToken":"bearer {SECRET}","RefreshToken":"{SECRET}"}}"#
    );
    let config = CfConfig::parse(json.as_bytes()).unwrap();
    let address = Address::parse("https://api.example.org").unwrap();
    let call = v3::root();
    let mut printed = vec![
        format!("{token:?}"),
        format!("{config:?}"),
        format!("{:?}", call.request(&address, Some(&token))),
        format!("{:?}", CloudController::from_cf_config(&config).unwrap()),
        format!("{:?}", Address::parse(&format!("https://me:{SECRET}@api.example.org"))),
        format!(
            "{:?}",
            CfConfig::parse(json.replace("ConfigVersion\":4", "ConfigVersion\":3").as_bytes())
        ),
        format!("{:?}", CfConfig::parse(&json.as_bytes()[..json.len() - 3])),
        format!("{:?}", Token::new(&format!("{SECRET} {SECRET}"))),
    ];
    // A server and a transport that repeat everything that was sent.
    for status in [200, 302, 400, 401, 403, 404, 422, 429, 500, 502] {
        for body in [
            format!(r#"{{"code":1,"error_code":"{SECRET}","description":"Bearer {SECRET}"}}"#),
            format!(r#"{{"errors":[{{"code":1,"title":"{SECRET}","detail":"{SECRET}"}}]}}"#),
            format!("<html>{SECRET}</html>"),
        ] {
            let echo = move |_: Request<Vec<u8>>| {
                Ok(Response::builder().status(status).body(body.clone().into()).unwrap())
            };
            let cc = CloudController::new(echo, "https://api.example.org", token.clone()).unwrap();
            let err = one(&cc.with_version(ApiVersion::V3), APP).unwrap_err();
            printed.push(format!("{err:?} {err}"));
        }
    }
    let broken = |request: Request<Vec<u8>>| -> Result<Response<Vec<u8>>, TransportError> {
        let header = request.headers()[AUTHORIZATION].to_str().unwrap().to_owned();
        Err(TransportError::new(TransportErrorKind::Other, format!("cannot send {header}")))
    };
    let cc = CloudController::new(broken, "https://api.example.org", token.clone()).unwrap();
    let err = one(&cc.with_version(ApiVersion::V3), APP).unwrap_err();
    printed.push(format!("{err:?} {err}"));
    for text in printed {
        assert!(!text.contains(SECRET), "{text}");
    }
}

#[test]
fn the_agent_is_not_taken_for_an_old_cf_cli() {
    let request = v3::root().request(&Address::parse("https://api.example.org").unwrap(), None);
    let agent = request.headers()["user-agent"].to_str().unwrap();
    let (product, rest) = agent.split_once('/').unwrap();
    assert!(!product.contains("cf") && rest.ends_with(" (rust)"), "{agent}");
}

#[test]
fn a_server_stops_when_it_is_dropped() {
    let server = start(article());
    let cc = connect(&server, GLOBAL);
    assert_eq!(told(&cc, APP), "Live o/s/proxy");
    drop::<Server>(server);
    // Neither an existing connection nor a new one is answered.
    for _ in 0..3 {
        assert!(matches!(one(&cc, APP), Err(Error::Transport(_))));
    }
}
