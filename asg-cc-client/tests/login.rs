//! Logins at a UAA beside the Cloud Controller: every grant, renewal in time and by one thread, and
//! requests that are never repeated.
#![cfg(feature = "ureq")]

mod common;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use asg_cc_client::api::Address;
use asg_cc_client::auth::Grant;
use asg_cc_client::client::ApiVersion;
use asg_cc_client::clock::{Clock, Random};
use asg_cc_client::embedded::{self, Limit, Outage, Page, Realm, Server, Trouble};
use asg_cc_client::error::Fault;
use asg_cc_client::transport::TimeLeft;
use asg_cc_client::{
    AsyncCloudController, CfConfig, CloudController, Credentials, Error, HttpTransport, Login,
    Policy, Retrying, Stop, Token, Transport,
};
use asg_core::Timestamp;
use common::*;
use http::Request;

const START: u64 = 1_498_136_862;

struct Stage {
    server: Server,
    hands: embedded::Clock,
}

impl Stage {
    fn new(realm: Realm) -> Self {
        let hands = embedded::Clock::at(START);
        let mut foundation = article();
        foundation.tokens.clear();
        let server = Server::start_with_uaa(foundation, realm, hands.clone()).unwrap();
        Self { server, hands }
    }

    fn clock(&self) -> Clock {
        let hands = self.hands.clone();
        Clock::new(move || Timestamp::from_nanos(hands.now().as_nanos() as i64))
    }

    fn connect(&self, credentials: impl Into<Credentials>) -> CloudController<HttpTransport> {
        CloudController::new(HttpTransport::new().unwrap(), &self.server.url(), credentials)
            .unwrap()
            .with_clock(self.clock())
    }

    fn grants(&self) -> Vec<String> {
        self.server.uaa().unwrap().grants()
    }
}

fn realm() -> Realm {
    let scopes = ["cloud_controller.read", "cloud_controller.global_auditor"];
    Realm::new()
        .client("cf", "")
        .robot("reader", "s3cret:with?odd&signs", &scopes)
        .user("marissa", "koala & =", &scopes, &[])
        .passcode("one-time")
        .assertion("signed.by.idp")
}

fn password() -> Login {
    Login::new(Grant::password("marissa", "koala & ="))
}

const LIVE: &str = "Live o/s/proxy";

#[test]
fn every_grant_gives_a_token_that_shows_everything() {
    for (login, grant) in [
        (password(), "password"),
        (Login::new(Grant::Passcode("one-time".into())), "password"),
        (
            Login::new(Grant::ClientCredentials).with_client("reader", "s3cret:with?odd&signs"),
            "client_credentials",
        ),
        (
            Login::new(Grant::JwtBearer("signed.by.idp".into())),
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
        ),
    ] {
        for opaque in [false, true] {
            let stage = Stage::new(if opaque { realm().opaque() } else { realm() });
            let cc = stage.connect(login.clone());
            assert_eq!(told(&cc, APP), LIVE, "{login:?}");
            assert_eq!(told(&cc, WORKER), LIVE);
            assert_eq!(stage.grants(), [grant], "one token serves all requests");
        }
    }
}

#[test]
fn a_token_is_renewed_a_minute_before_its_end_and_not_earlier() {
    for opaque in [false, true] {
        let stage = Stage::new(if opaque { realm().opaque() } else { realm() });
        let cc = stage.connect(password());
        assert_eq!(told(&cc, APP), LIVE);
        stage.hands.advance(Duration::from_secs(1200 - 61));
        assert_eq!(told(&cc, APP), LIVE);
        assert_eq!(stage.grants(), ["password"]);
        stage.hands.advance(Duration::from_secs(1));
        assert_eq!(told(&cc, APP), LIVE);
        assert_eq!(stage.grants(), ["password", "refresh_token"]);
    }
}

#[test]
fn tokens_that_live_for_a_minute_serve_half_of_it() {
    let stage = Stage::new(Realm { access_seconds: 60, ..realm() });
    let cc = stage.connect(password());
    for _ in 0..29 {
        assert_eq!(told(&cc, APP), LIVE);
        stage.hands.advance(Duration::from_secs(1));
    }
    assert_eq!(stage.grants().len(), 1);
}

#[test]
fn a_revoked_token_is_renewed_once_and_rotated_refresh_tokens_are_kept() {
    for realm in [realm(), realm().rotating()] {
        let stage = Stage::new(realm);
        let cc = stage.connect(password());
        assert_eq!(told(&cc, APP), LIVE);
        for _ in 0..3 {
            stage.server.uaa().unwrap().revoke_access_tokens();
            assert_eq!(told(&cc, APP), LIVE);
        }
        assert_eq!(stage.grants(), ["password", "refresh_token", "refresh_token", "refresh_token"]);
    }
}

#[test]
fn a_refused_refresh_token_leads_back_to_the_grant_if_that_can_be_repeated() {
    // Some versions of the UAA answer 500 to an unknown refresh token.
    for failing in [None, Some(Trouble::Unavailable(500, Page::Html))] {
        let stage = Stage::new(realm());
        let uaa = stage.server.uaa().unwrap();
        let cc = stage.connect(password());
        assert_eq!(told(&cc, APP), LIVE);
        uaa.revoke_access_tokens();
        uaa.revoke_refresh_tokens();
        if let Some(trouble) = failing {
            uaa.outage(Outage::new().first(1, "/", trouble));
        }
        assert_eq!(told(&cc, APP), LIVE, "{failing:?}");
        assert_eq!(stage.grants(), ["password", "refresh_token", "password"], "{failing:?}");
    }
    // A passcode is used up.
    let stage = Stage::new(realm());
    let uaa = stage.server.uaa().unwrap();
    let cc = stage.connect(Login::new(Grant::Passcode("one-time".into())));
    assert_eq!(told(&cc, APP), LIVE);
    uaa.revoke_access_tokens();
    uaa.revoke_refresh_tokens();
    for _ in 0..3 {
        let err = one(&cc, APP).unwrap_err();
        assert!(matches!(&err, Error::Login { error, .. } if error == "invalid_token"), "{err:?}");
        assert_eq!(err.fault(), Fault::Credentials);
    }
    assert_eq!(stage.grants(), ["password", "refresh_token"], "and it is not tried again");
}

#[test]
fn what_the_uaa_refuses_is_remembered_and_what_it_cannot_do_for_a_while() {
    let stage = Stage::new(realm());
    let cc = stage.connect(Login::new(Grant::password("marissa", "wrong")));
    for _ in 0..5 {
        let err = one(&cc, APP).unwrap_err();
        assert!(err.to_string().contains("unauthorized: Bad credentials"), "{err}");
        stage.hands.advance(Duration::from_secs(3600));
    }
    assert_eq!(stage.grants().len(), 1, "a password that is wrong five times locks its user out");

    let stage = Stage::new(realm());
    let uaa = stage.server.uaa().unwrap();
    uaa.outage(Outage::new().first(1, "/", Trouble::Unavailable(503, Page::Html)));
    let cc = stage.connect(password());
    for _ in 0..5 {
        assert!(one(&cc, APP).unwrap_err().is_temporary());
    }
    assert_eq!(stage.grants().len(), 1);
    stage.hands.advance(Duration::from_secs(10));
    assert_eq!(told(&cc, APP), LIVE);
}

#[test]
fn a_login_that_fails_names_the_server_that_failed() {
    let stage = |at_uaa: Outage, at_cc: Outage| {
        let stage = Stage::new(realm());
        stage.server.uaa().unwrap().outage(at_uaa);
        stage.server.outage(at_cc);
        let uaa = stage.server.uaa().unwrap().url();
        (one(&stage.connect(password()), APP).unwrap_err(), uaa)
    };
    // One of the two fails, and the other is well.
    for (trouble, of_uaa, of_cc) in [
        (
            Trouble::Unavailable(503, Page::Html),
            "cannot answer now (HTTP 503)",
            "the Cloud Controller cannot answer now (HTTP 503)",
        ),
        (Trouble::HangUp, "broke (try again", "the connection to the API broke (try again"),
        (
            Trouble::TooManyRequests(Limit::Null(3_600)),
            "takes no more logins for now: try again in 3600 s",
            "too many requests: try again in 3600 s",
        ),
        (
            Trouble::UnknownRoute,
            "the router knows no such host as the UAA",
            "the router knows no such host: check the API address",
        ),
        (
            Trouble::V2Disabled,
            "(HTTP 404) is not a UAA: check its address",
            "(HTTP 404) is not a Cloud Controller: check the API address",
        ),
    ] {
        let (error, uaa) = stage(Outage::new().always("/", trouble), Outage::new());
        let text = error.to_string();
        assert!(text.contains(of_uaa) && text.contains(&uaa), "{trouble:?}: {text}");
        assert!(!text.contains("Cloud Controller") && !text.contains("API"), "{text}");
        // The root document is there, so that it is known where to log in.
        let (error, _) = stage(Outage::new(), Outage::new().always("/v3/", trouble));
        let text = error.to_string();
        let is_named = text.contains(of_cc) || trouble == Trouble::V2Disabled;
        assert!(is_named && !text.contains("UAA"), "{trouble:?}: {text}");
    }
    // A Cloud Controller that refuses what the UAA has issued, and a UAA that refuses.
    let (error, _) = stage(Outage::new(), Outage::new().always("/v3/", Trouble::InvalidToken));
    let text = error.to_string();
    assert!(text.contains("refuses tokens that the UAA has just issued"), "{text}");
    let (error, _) = stage(Outage::new(), Outage::new().always("/v3/", Trouble::Forbidden));
    let text = error.to_string();
    assert!(text.contains("the token does not allow this"), "{text}");

    // Nobody is at one of the two addresses.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("http://{nobody}");
    let stage = Stage::new(realm());
    let elsewhere = password().with_uaa(Address::parse(&nobody).unwrap());
    let text = one(&stage.connect(elsewhere), APP).unwrap_err().to_string();
    assert!(text.contains(&format!("no connection to the UAA at {nobody}")), "{text}");
    let uaa = Address::parse(&stage.server.uaa().unwrap().url()).unwrap();
    let login = password().with_uaa(uaa);
    let cc = CloudController::new(HttpTransport::new().unwrap(), &nobody, login).unwrap();
    let text = one(&cc.with_clock(stage.clock()), APP).unwrap_err().to_string();
    assert!(text.contains("no connection to the API"), "{text}");
}

#[test]
fn a_uaa_that_fails_early_does_not_take_the_living_token_away() {
    let stage = Stage::new(realm());
    let cc = stage.connect(password());
    assert_eq!(told(&cc, APP), LIVE);
    let uaa = stage.server.uaa().unwrap();
    uaa.outage(Outage::new().always("/", Trouble::Unavailable(503, Page::Html)));
    stage.hands.advance(Duration::from_secs(1150));
    assert_eq!(told(&cc, APP), LIVE);
    stage.hands.advance(Duration::from_secs(50));
    assert!(one(&cc, APP).is_err(), "now it is over");
}

#[test]
fn not_logged_in_is_no_reason_to_renew() {
    let stage = Stage::new(realm());
    let cc = stage.connect(password());
    assert_eq!(told(&cc, APP), LIVE);
    stage.server.outage(Outage::new().always("/v3", Trouble::NotAuthenticated));
    assert_eq!(one(&cc, APP).unwrap_err(), Error::NotLoggedIn);
    assert_eq!(stage.grants().len(), 1);
    // A token that is always refused is renewed once per request.
    stage.server.outage(Outage::new().always("/v3", Trouble::InvalidToken));
    let before = stage.server.requests().len();
    assert_eq!(one(&cc, APP).unwrap_err(), Error::TokenRejected);
    assert_eq!(stage.server.requests().len() - before, 2);
    assert_eq!(stage.grants().len(), 2);
}

#[test]
fn many_threads_renew_once() {
    let stage = Stage::new(realm().rotating());
    let cc = stage.connect(password()).with_concurrency(8);
    for round in 1..=3 {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(told(&cc, APP), LIVE));
            }
        });
        assert_eq!(stage.grants().len(), round);
        stage.server.uaa().unwrap().revoke_access_tokens();
    }
}

#[test]
fn many_futures_renew_once_and_one_that_is_dropped_holds_up_nobody() {
    let stage = Stage::new(realm().rotating());
    let http = HttpTransport::new().unwrap();
    let slow = move |request: Request<Vec<u8>>| {
        let http = http.clone();
        async move {
            tokio::task::yield_now().await;
            http.send(request)
        }
    };
    let cc = AsyncCloudController::new(slow, &stage.server.url(), password()).unwrap();
    let cc = cc.with_clock(stage.clock()).with_concurrency(8);
    let ids: Vec<asg_core::Guid> = (0..1000).map(asg_core::Guid::from_u128).collect();
    block_on(async {
        cc.version().await.unwrap();
        {
            // Polled until it asks the UAA, then dropped.
            let mut first = Box::pin(cc.resolve(&ids));
            let polled = std::future::poll_fn(|context| {
                std::task::Poll::Ready(first.as_mut().poll(context).is_pending())
            });
            assert!(polled.await);
        }
        assert_eq!(cc.resolve(&ids).await.unwrap().len(), 1000);
        assert_eq!(stage.grants(), ["password"]);
        stage.server.uaa().unwrap().revoke_access_tokens();
        assert_eq!(cc.resolve(&ids).await.unwrap().len(), 1000);
    });
    assert_eq!(stage.grants(), ["password", "refresh_token"]);
}

#[test]
fn the_cf_clis_refresh_token_outlives_its_access_token() {
    let stage = Stage::new(realm());
    let uaa = stage.server.uaa().unwrap();
    let form = "grant_type=password&username=marissa&password=koala%20%26%20%3D";
    let request = Request::post(format!("{}/oauth/token", uaa.url()))
        .header("Authorization", "Basic Y2Y6")
        .header("Content-Type", "application/x-www-form-urlencoded");
    let answer = HttpTransport::new().unwrap().send(request.body(form.into()).unwrap()).unwrap();
    let tokens: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
    let json = serde_json::json!({
        "ConfigVersion": 4, "Target": stage.server.url(), "UaaEndpoint": uaa.url(),
        "AccessToken": format!("bearer {}", tokens["access_token"].as_str().unwrap()),
        "RefreshToken": tokens["refresh_token"],
    });
    let config = CfConfig::parse(json.to_string().as_bytes()).unwrap();
    let cc = stage.connect(config.login().unwrap().unwrap());
    assert_eq!(told(&cc, APP), LIVE);
    assert_eq!(stage.grants().len(), 1, "its token is used while it lives");
    stage.hands.advance(Duration::from_secs(1200));
    assert_eq!(told(&cc, APP), LIVE);
    assert_eq!(stage.grants(), ["password", "refresh_token"]);
}

#[test]
fn a_provider_of_headers_is_asked_again_when_one_is_refused() {
    let server = start(article());
    let next = Mutex::new(vec![GLOBAL, "old"]);
    let provider = Credentials::provider(move || {
        let mut next = next.lock().unwrap();
        let token = if next.len() > 1 { next.pop().unwrap() } else { next[0] };
        Ok::<_, String>(format!("bearer {token}"))
    });
    let connect = |credentials| {
        CloudController::new(HttpTransport::new().unwrap(), &server.url(), credentials).unwrap()
    };
    assert_eq!(told(&connect(provider), APP), LIVE);
    let stuck = connect(Credentials::provider(|| Ok::<_, String>("bearer old".into())));
    let before = server.requests().len();
    assert_eq!(one(&stuck, APP).unwrap_err(), Error::TokenRejected);
    assert_eq!(server.requests().len() - before, 2, "the root, and one refusal");
    let broken = connect(Credentials::provider(|| Err::<String, _>("the vault is sealed")));
    let err = one(&broken, APP).unwrap_err();
    assert_eq!(err.fault(), Fault::Credentials);
    assert!(err.to_string().contains("the vault is sealed"), "{err}");
}

#[test]
fn passwords_are_not_sent_where_the_root_document_should_not_lead() {
    for (url, root, why) in [
        ("https://api", r#"{"cloud_controller_v3":{},"uaa":{"href":"http://uaa"}}"#, "without TLS"),
        ("https://api", r#"{"cloud_controller_v3":{},"uaa":null}"#, "not in the API's root"),
        ("https://api", r#"{"cloud_controller_v3":{},"uaa":{"href":"ftp://uaa"}}"#, "no address"),
    ] {
        let transport = |request: Request<Vec<u8>>| {
            assert_eq!(request.uri().to_string(), format!("{url}/"));
            Ok(http::Response::new(format!(r#"{{"links":{root}}}"#).into_bytes()))
        };
        let cc = CloudController::new(transport, url, password()).unwrap();
        let err = cc.resolve(&[guid(APP)]).unwrap_err();
        assert!(matches!(err, Error::UaaAddress(_)), "{err:?}");
        assert!(err.to_string().contains(why), "{err}");
    }
    // The login server replaces the UAA, and a given address replaces both.
    let stage = Stage::new(realm());
    let uaa = Address::parse(&stage.server.uaa().unwrap().url()).unwrap();
    assert_eq!(told(&stage.connect(password().with_uaa(uaa)), APP), LIVE);
    let old = Token::new(GLOBAL).unwrap();
    assert_eq!(told(&stage.connect(password().with_token(old)), APP), LIVE, "it was refused first");
}

#[test]
fn a_bad_day_with_a_revoked_token_loses_no_answer() {
    let day = |outage: Option<Outage>| {
        let stage = Stage::new(realm().rotating());
        let http = Retrying::new(HttpTransport::new().unwrap())
            .with_policy(Policy { tries: 6, ..Policy::default() })
            .with_random(Random::seeded(3))
            .with_sleep(|_| {});
        let cc = CloudController::new(http, &stage.server.url(), password()).unwrap();
        let cc = cc.with_clock(stage.clock());
        if let Some(outage) = outage {
            stage.server.outage(outage);
        }
        let ids = [APP, WORKER, TASK, BUILD, STRANGER];
        let answers: Vec<String> = (0..100)
            .map(|n| {
                if n == 50 {
                    stage.server.uaa().unwrap().revoke_access_tokens();
                }
                told(&cc, ids[n % ids.len()])
            })
            .collect();
        assert_eq!(stage.grants(), ["password", "refresh_token"]);
        (answers, cc.get_ref().counts())
    };
    let (calm, few) = day(None);
    let outage = Outage::new()
        .rate(0.05, "/", 1, Trouble::Unavailable(502, Page::Gorouter))
        .rate(0.05, "/", 2, Trouble::Unavailable(503, Page::Json))
        .rate(0.025, "/", 3, Trouble::TooManyRequests(Limit::Seconds(1)))
        .rate(0.025, "/", 4, Trouble::TooManyRequests(Limit::Null(1)))
        .rate(0.005, "/", 5, Trouble::CutBody)
        .rate(0.005, "/", 6, Trouble::CutChunks);
    let (bad, many) = day(Some(outage));
    assert_eq!(bad, calm);
    assert!(many.rate_limited > 0 && many.server_errors > 0 && many.lost > 0, "{many:?}");
    let (few, many) = (few.requests, many.requests);
    assert!(many > few && many * 10 <= few * 13, "{many} instead of {few}");
}

/// Returns a clock that differs from the stage's by so many seconds.
fn shifted(stage: &Stage, seconds: i64) -> Clock {
    let clock = stage.clock();
    Clock::new(move || Timestamp::from_nanos(clock.now().as_nanos() + seconds * 1_000_000_000))
}

#[test]
fn a_clock_that_is_ahead_or_behind_costs_no_further_login() {
    for hours in [-2, -1, 0, 1, 2] {
        for opaque in [false, true] {
            let stage = Stage::new(if opaque { realm().opaque() } else { realm() });
            let cc = stage.connect(password()).with_clock(shifted(&stage, hours * 3600));
            for _ in 0..3 {
                assert_eq!(told(&cc, APP), LIVE, "{hours} h");
            }
            assert_eq!(stage.grants(), ["password"], "{hours} h");
            stage.hands.advance(Duration::from_secs(1140));
            assert_eq!(told(&cc, APP), LIVE, "{hours} h");
            assert_eq!(stage.grants(), ["password", "refresh_token"], "{hours} h");
        }
    }
}

/// Returns a foundation whose UAA gives this answer, and whose Cloud Controller answers with this
/// status; counts logins.
fn stubborn(tokens: &'static str, status: u16) -> (impl Transport + Sync, Arc<AtomicUsize>) {
    let logins = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&logins);
    let transport = move |request: Request<Vec<u8>>| {
        let (status, body) = match request.uri().path() {
            "/" => (200, r#"{"links":{"cloud_controller_v3":{},"uaa":{"href":"https://uaa"}}}"#),
            "/oauth/token" => {
                count.fetch_add(1, Ordering::SeqCst);
                (200, tokens)
            }
            _ if status == 401 => {
                (401, r#"{"errors":[{"code":1000,"title":"CF-InvalidAuthToken","detail":"x"}]}"#)
            }
            _ => (status, r#"{"pagination":{"next":null},"resources":[]}"#),
        };
        Ok(http::Response::builder().status(status).body(body.into()).unwrap())
    };
    (transport, logins)
}

#[test]
fn logins_end_whatever_the_uaa_says_of_lifetimes() {
    // `{"exp":-1}`, and `{"exp":1498136861,"iat":1498140462}`: expired before it was issued.
    const PAST: &str = r#"{"access_token":"e30.eyJleHAiOi0xfQ.x"}"#;
    const TURNED: &str =
        r#"{"access_token":"e30.eyJleHAiOjE0OTgxMzY4NjEsImlhdCI6MTQ5ODE0MDQ2Mn0.x"}"#;
    let zero = r#"{"access_token":"x","expires_in":0}"#;
    let one = r#"{"access_token":"x","expires_in":1}"#;
    let refresh = r#"{"access_token":"x","refresh_token":"r","expires_in":0}"#;
    for tokens in [PAST, TURNED, zero, one, refresh, r#"{"access_token":"x"}"#] {
        // Cloud Controller accepts the token: then it is used while that lasts.
        let (transport, logins) = stubborn(tokens, 200);
        let cc = CloudController::new(transport, "https://api", password()).unwrap();
        for _ in 0..5 {
            cc.resolve(&[guid(APP)]).unwrap();
        }
        assert_eq!(logins.load(Ordering::SeqCst), 1, "{tokens}");
        // It refuses every token.
        let (transport, logins) = stubborn(tokens, 401);
        let now = Arc::new(AtomicU64::new(START));
        let reading = Arc::clone(&now);
        let clock = Clock::new(move || {
            Timestamp::from_nanos(reading.load(Ordering::SeqCst).cast_signed() * 1_000_000_000)
        });
        let cc = CloudController::new(transport, "https://api", password()).unwrap();
        let cc = cc.with_clock(clock).with_concurrency(8);
        for _ in 0..5 {
            let err = cc.resolve(&[guid(APP)]).unwrap_err();
            assert!(matches!(err, Error::FreshTokenRefused { .. }), "{tokens}: {err:?}");
            assert!(err.to_string().contains("clocks"), "{err}");
            assert_eq!(err.fault(), Fault::Credentials);
        }
        assert_eq!(logins.load(Ordering::SeqCst), 2, "{tokens}");
        // After ten minutes it may be asked once more.
        now.fetch_add(601, Ordering::SeqCst);
        for _ in 0..5 {
            assert!(cc.resolve(&[guid(APP)]).is_err());
        }
        assert_eq!(logins.load(Ordering::SeqCst), 3, "{tokens}");
    }
}

#[test]
fn a_difference_of_clocks_is_in_the_sentence() {
    // `{"iat":1498136862,"exp":1498138062}`, issued at the stage's start.
    let tokens = r#"{"access_token":"e30.eyJpYXQiOjE0OTgxMzY4NjIsImV4cCI6MTQ5ODEzODA2Mn0.x"}"#;
    for (shift, words) in [
        (3600, "this machine's clock is 3600 s ahead of the UAA's"),
        (-7200, "this machine's clock is 7200 s behind the UAA's"),
        (5, "just issued: check"),
    ] {
        let (transport, _) = stubborn(tokens, 401);
        let now = START.cast_signed() + shift;
        let cc = CloudController::new(transport, "https://api", password()).unwrap();
        let cc = cc.with_clock(Clock::new(move || Timestamp::from_nanos(now * 1_000_000_000)));
        let err = cc.resolve(&[guid(APP)]).unwrap_err().to_string();
        assert!(err.contains(words), "{err}");
    }
}

#[test]
fn both_drivers_end_their_logins() {
    let (transport, logins) = stubborn(r#"{"access_token":"x","expires_in":0}"#, 401);
    let twin = move |request| std::future::ready(transport.send(request));
    let cc = AsyncCloudController::new(twin, "https://api", password()).unwrap();
    let err = block_on(cc.resolve(&[guid(APP)])).unwrap_err();
    assert!(matches!(err, Error::FreshTokenRefused { .. }), "{err:?}");
    assert_eq!(logins.load(Ordering::SeqCst), 2);
}

#[test]
fn a_token_file_is_read_again() {
    let server = start(article());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "bearer old\n").unwrap();
    let http = HttpTransport::new().unwrap();
    let credentials = Credentials::token_file(&path).unwrap();
    let cc = CloudController::new(http, &server.url(), credentials).unwrap();
    assert_eq!(one(&cc, APP).unwrap_err(), Error::TokenRejected);
    // As PowerShell writes it.
    let text = format!("\u{feff}bearer {GLOBAL}\r\n");
    std::fs::write(&path, text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>())
        .unwrap();
    assert_eq!(told(&cc, APP), LIVE);
    std::fs::remove_file(&path).unwrap();
    let err = one(&cc, APP).unwrap_err().to_string();
    assert!(err.contains("cannot be read"), "{err}");
    assert!(Credentials::token_file(&path).is_err());
}

#[test]
fn the_cf_clis_file_is_read_again_when_its_token_is_refused() {
    let stage = Stage::new(realm());
    let uaa = stage.server.uaa().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let tokens = || -> serde_json::Value {
        let form = "grant_type=password&username=marissa&password=koala%20%26%20%3D";
        let request = Request::post(format!("{}/oauth/token", uaa.url()))
            .header("Authorization", "Basic Y2Y6")
            .header("Content-Type", "application/x-www-form-urlencoded");
        let answer = HttpTransport::new().unwrap().send(request.body(form.into()).unwrap());
        serde_json::from_slice(answer.unwrap().body()).unwrap()
    };
    let write = |tokens: &serde_json::Value, target: &str| {
        let json = serde_json::json!({
            "ConfigVersion": 4, "Target": target, "UaaEndpoint": uaa.url(),
            "AccessToken": format!("bearer {}", tokens["access_token"].as_str().unwrap()),
            "RefreshToken": tokens["refresh_token"],
        });
        std::fs::write(&path, json.to_string()).unwrap();
    };
    let url = stage.server.url();
    for renew in [false, true] {
        write(&tokens(), &url);
        let before = stage.grants().len();
        let (config, credentials) = Credentials::cf_cli(&path, renew).unwrap();
        assert_eq!(config.target, url);
        let cc = stage.connect(credentials);
        assert_eq!(told(&cc, APP), LIVE);
        uaa.revoke_access_tokens();
        // The CLI logs in again meanwhile: that is the one further grant.
        write(&tokens(), &url);
        assert_eq!(told(&cc, APP), LIVE);
        assert_eq!(stage.grants().len(), before + 1);
        uaa.revoke_access_tokens();
        let now = told(&cc, APP);
        assert_eq!(now == LIVE, renew, "{now}");
        // A token for another foundation is not used for this one.
        write(&tokens(), "https://api.elsewhere.example");
        uaa.revoke_access_tokens();
        if !renew {
            let err = one(&cc, APP).unwrap_err().to_string();
            assert!(err.contains("logged in to https://api.elsewhere.example"), "{err}");
        }
    }
}

#[test]
fn too_many_requests_without_a_valid_token_say_log_in_again() {
    // `{"exp":1498136861}`.
    let token = Token::new("e30.eyJleHAiOjE0OTgxMzY4NjF9.x").unwrap();
    let limited = |_: Request<Vec<u8>>| {
        let answer = http::Response::builder().status(429).header("Retry-After", "3000");
        Ok(answer.body(b"null".to_vec()).unwrap())
    };
    for (now, is_over) in [(START - 100, false), (START + 100, true)] {
        let cc = CloudController::new(limited, "https://api", token.clone()).unwrap();
        let cc = cc.with_version(ApiVersion::V3);
        let cc = cc.with_clock(Clock::new(move || {
            Timestamp::from_nanos(now.cast_signed() * 1_000_000_000)
        }));
        let err = cc.resolve(&[guid(APP)]).unwrap_err();
        assert_eq!(matches!(err, Error::TokenEnded { .. }), is_over, "{err:?}");
        assert_eq!(err.to_string().contains("log in again"), is_over, "{err}");
    }
}

#[test]
fn a_stop_ends_a_question_and_its_pauses() {
    let stop = Stop::new();
    let from_server = stop.clone();
    let asked = AtomicUsize::new(0);
    let slow = |_: Request<Vec<u8>>| {
        if asked.fetch_add(1, Ordering::SeqCst) == 2 {
            from_server.stop();
        }
        let answer = http::Response::builder().status(503).header("Retry-After", "20");
        Ok(answer.body(Vec::new()).unwrap())
    };
    let transport = Retrying::new(slow).with_random(Random::new(|| 0.0)).with_stop(&stop);
    let cc = CloudController::new(transport, "https://api", Token::new("sesame").unwrap());
    let cc = cc.unwrap().with_stop(stop.clone());
    let err = cc.resolve(&[guid(APP)]).unwrap_err();
    assert!(err.to_string().contains("stopped"), "{err}");
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    assert_eq!(cc.resolve(&[guid(APP)]).unwrap_err(), Error::Stopped);
    assert_eq!(asked.load(Ordering::SeqCst), 3, "nothing is sent after it");
}

#[test]
fn an_interruption_ends_a_question_and_not_the_next_one() {
    let stop = Stop::new();
    let from_server = stop.clone();
    let asked = AtomicUsize::new(0);
    let failing_first = |request: Request<Vec<u8>>| match asked.fetch_add(1, Ordering::SeqCst) {
        n @ 0..3 => {
            if n == 2 {
                from_server.interrupt();
            }
            let answer = http::Response::builder().status(503);
            let asks = if n == 2 { "20" } else { "0" };
            Ok(answer.header("Retry-After", asks).body(Vec::new()).unwrap())
        }
        _ => article().send(request),
    };
    let transport = Retrying::new(failing_first).with_random(Random::new(|| 0.0)).with_stop(&stop);
    let cc = CloudController::new(transport, "https://api", Token::new(GLOBAL).unwrap());
    let cc = cc.unwrap().with_stop(stop.clone());
    let start = Instant::now();
    let err = cc.resolve(&[guid(APP)]).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(20), "an interruption before the pause ends it");
    assert!(err.to_string().contains("stopped"), "{err}");
    assert_eq!(asked.load(Ordering::SeqCst), 3, "nothing is sent after it");
    assert_eq!(told(&cc, APP), LIVE);
}

#[test]
fn a_deadline_is_for_a_whole_question() {
    let now = Arc::new(AtomicU64::new(START));
    let clock = || {
        let now = Arc::clone(&now);
        Clock::new(move || {
            Timestamp::from_nanos(now.load(Ordering::SeqCst).cast_signed() * 1_000_000_000)
        })
    };
    // Each answer takes four seconds.
    let slow = |request: Request<Vec<u8>>| {
        now.fetch_add(4, Ordering::SeqCst);
        let left = request.extensions().get::<TimeLeft>().copied();
        assert!(left.is_some_and(|left| left.0 <= Duration::from_secs(10)), "{left:?}");
        article().send(request)
    };
    let connect = |time| {
        let cc = CloudController::new(slow, "https://api", Token::new(GLOBAL).unwrap()).unwrap();
        cc.with_clock(clock()).with_deadline(Duration::from_secs(time))
    };
    assert_eq!(told(&connect(10), APP), LIVE, "two answers");
    let err = connect(10).resolve(&[guid(STRANGER)]).unwrap_err();
    assert_eq!(err, Error::Deadline(Duration::from_secs(10)));
    assert!(err.is_temporary() && err.to_string().contains("within 10 s"), "{err}");
    // With pauses between tries, too.
    let failing = |_: Request<Vec<u8>>| {
        now.fetch_add(4, Ordering::SeqCst);
        Ok(http::Response::builder().status(503).body(Vec::new()).unwrap())
    };
    let began = now.load(Ordering::SeqCst);
    let transport = Retrying::new(failing).with_clock(clock()).with_sleep(|_| {});
    let cc = CloudController::new(transport, "https://api", Token::new(GLOBAL).unwrap()).unwrap();
    let cc = cc.with_version(ApiVersion::V3).with_clock(clock());
    let err = cc.with_deadline(Duration::from_secs(10)).resolve(&[guid(APP)]).unwrap_err();
    assert!(matches!(err, Error::Unavailable { .. }), "{err:?}");
    assert!(now.load(Ordering::SeqCst) - began <= 12);
}
