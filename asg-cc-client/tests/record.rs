//! Recordings: they answer as the foundation did, and contain no secret. And no other output
//! contains one.
#![cfg(feature = "ureq")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use asg_cc_client::auth::Grant;
use asg_cc_client::embedded::{Clock, Outage, Page, Realm, Server, Trouble};
use asg_cc_client::record::{Recorder, Replay};
use asg_cc_client::{
    AsyncCloudController, Cached, CloudController, Credentials, Error, HttpTransport, Login,
    Policy, Retrying, Token, Transport, TransportError,
};
use common::*;
use http::{Request, Response};

const PASSWORD: &str = "open sesame & more";
const CLIENT_SECRET: &str = "client:sesame?";

fn stage() -> Server {
    let scopes = ["cloud_controller.read", "cloud_controller.global_auditor"];
    let realm = Realm::new()
        .client("own", CLIENT_SECRET)
        .user("marissa", PASSWORD, &scopes, &[])
        .user("joe", "koala bear", &["cloud_controller.read"], &[])
        .rotating();
    let mut foundation = article();
    foundation.tokens.clear();
    Server::start_with_uaa(foundation, realm, Clock::system()).unwrap()
}

fn login(user: &str, password: &str) -> Login {
    Login::new(Grant::password(user, password)).with_client("own", CLIENT_SECRET)
}

fn quiet<T: Transport>(inner: T) -> Retrying<T, impl Fn(Duration)> {
    Retrying::new(inner).with_sleep(|_| {})
}

#[test]
fn a_recording_answers_as_the_foundation_did_with_the_same_certainty() {
    for (user, password, stranger) in
        [("marissa", PASSWORD, "Unknown"), ("joe", "koala bear", "Hidden")]
    {
        let server = stage();
        server.outage(Outage::new().nth(2, "/v3/apps", Trouble::Unavailable(502, Page::Gorouter)));
        let recorder = Recorder::new(HttpTransport::new().unwrap());
        let url = server.url();
        let cc = CloudController::new(quiet(recorder), &url, login(user, password)).unwrap();
        let wanted: Vec<String> = [APP, WORKER, STRANGER].map(|id| told(&cc, id)).into();
        assert_eq!(wanted[2], stranger);
        let recording = cc.get_ref().get_ref().recording().unwrap();
        drop(server);

        let uaa = recording_of_root_names_no_secret(&recording);
        assert!(uaa);
        let replay = Replay::new(&recording).unwrap();
        let same = CloudController::new(replay, "https://api.elsewhere.example", anyone()).unwrap();
        // The failure is in the recording too.
        let same: Vec<String> = [APP, WORKER, STRANGER].map(|id| told(&same, id)).into();
        assert_ne!(same, wanted, "without trying again, the 502 is met");
        let replay = quiet(Replay::new(&recording).unwrap());
        let url = url.as_str();
        let same = CloudController::new(replay, url, login(user, "any password will do")).unwrap();
        let same: Vec<String> = [APP, WORKER, STRANGER].map(|id| told(&same, id)).into();
        assert_eq!(same, wanted);
        let replay = Replay::new(&recording).unwrap();
        let twin = AsyncCloudController::new(
            Retrying::new(replay).with_async_sleep(|_| std::future::ready(())),
            url,
            login(user, "any password will do"),
        );
        let twin = twin.unwrap();
        for (id, wanted) in [APP, WORKER, STRANGER].iter().zip(&wanted) {
            let state = block_on(twin.resolve(&[guid(id)])).unwrap()[&guid(id)].state;
            assert!(wanted.starts_with(&format!("{state:?}")));
        }
    }
}

fn anyone() -> Credentials {
    Token::new("anyone").unwrap().into()
}

fn recording_of_root_names_no_secret(recording: &[u8]) -> bool {
    let text = String::from_utf8_lossy(recording);
    for secret in [PASSWORD, CLIENT_SECRET, "koala bear", "sesame"] {
        assert!(!text.contains(secret), "{secret}");
    }
    text.lines().any(|line| line.contains(r#""target":"/oauth/token""#))
}

#[test]
fn what_is_no_recording_is_refused() {
    for text in ["", "{}", "[]", "x", "{\"format\":\"asg-cc-client recording 2\"}"] {
        assert!(matches!(Replay::new(text.as_bytes()), Err(Error::Recording(_))), "{text}");
    }
    let head = "{\"format\":\"asg-cc-client recording 1\"}\n";
    for line in [
        "{",
        "{}",
        r#"{"method":"GET","target":"/"}"#,
        r#"{"method":"GET","target":"/","status":7}"#,
    ] {
        let text = format!("{head}{line}");
        assert!(matches!(Replay::new(text.as_bytes()), Err(Error::Recording(_))), "{text}");
    }
    let empty = Replay::new(head.as_bytes()).unwrap();
    let err = empty.send(Request::get("https://a/v3/apps?x=1").body(Vec::new()).unwrap());
    assert_eq!(err.unwrap_err().to_string(), "nothing is recorded for GET /v3/apps?x=1");
}

/// A transport that repeats everything that it was sent in all its answers, and remembers the
/// secrets in it.
#[derive(Clone, Default)]
struct Parrot {
    heard: Arc<Mutex<Vec<String>>>,
    status: u16,
}

impl Transport for Parrot {
    fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, TransportError> {
        let header = request.headers().get("authorization");
        let header = header.and_then(|h| h.to_str().ok()).unwrap_or_default().to_owned();
        let form = String::from_utf8_lossy(request.body()).into_owned();
        let mut heard = self.heard.lock().unwrap();
        let value = header.split(' ').next_back().unwrap_or_default();
        heard.extend([value.to_owned()].into_iter().filter(|value| !value.is_empty()));
        // Each answer only contains secrets that the client knows: a password occurs only at the
        // login, and the tokens only after it.
        let own = match request.uri().path() {
            "/oauth/token" => format!("{PASSWORD} {CLIENT_SECRET}"),
            _ if value == "access-sesame" => format!("{PASSWORD} {CLIENT_SECRET} refresh-sesame"),
            _ => String::new(),
        };
        let said = format!("{header} {form} {own}");
        let body = if self.status == 200 && request.uri().path() == "/oauth/token" {
            r#"{"access_token":"access-sesame","refresh_token":"refresh-sesame","expires_in":1200}"#
                .into()
        } else if request.uri().path() == "/" {
            r#"{"links":{"cloud_controller_v3":{},"uaa":{"href":"https://uaa.example.org"}}}"#
                .into()
        } else if self.status == 200 {
            serde_json::json!({ "errors": [{ "code": 10008, "title": said, "detail": said }] })
                .to_string()
        } else {
            serde_json::json!({
                "error": said, "error_description": said, "code": 10008, "error_code": said,
                "description": said,
            })
            .to_string()
        };
        let status = match (self.status, request.uri().path()) {
            (_, "/") | (200, "/oauth/token") => 200,
            (200, _) => 422,
            (status, _) => status,
        };
        if status == 599 {
            let kind = asg_cc_client::transport::TransportErrorKind::Other;
            return Err(TransportError::new(kind, format!("cannot send {said}")));
        }
        Ok(Response::builder().status(status).body(body.into_bytes()).unwrap())
    }
}

#[test]
fn no_secret_is_in_any_text_error_trace_cache_or_recording() {
    let basic = "b3duOmNsaWVudDpzZXNhbWU/";
    let mut secrets: Vec<String> =
        [PASSWORD, CLIENT_SECRET, "refresh-sesame", "access-sesame", basic, "given-sesame"]
            .map(str::to_owned)
            .into();
    let mut texts = Vec::new();
    for status in [200, 302, 400, 401, 403, 404, 422, 429, 500, 599] {
        let given: Credentials = Token::new("bearer given-sesame").unwrap().into();
        let made = Credentials::provider(|| Ok::<_, String>("bearer given-sesame".into()));
        for credentials in [login("marissa", PASSWORD).into(), given, made] {
            let parrot = Parrot { status, ..Parrot::default() };
            let heard = Arc::clone(&parrot.heard);
            let notices = Arc::new(Mutex::new(Vec::new()));
            let noting = Arc::clone(&notices);
            let transport = Retrying::new(Recorder::new(parrot))
                .with_policy(Policy { tries: 2, ..Policy::default() })
                .with_sleep(|_| {})
                .with_observer(move |notice| noting.lock().unwrap().push(format!("{notice:?}")));
            texts.push(format!("{credentials:?}"));
            let url = "https://api.example.org";
            let cc = Cached::new(CloudController::new(transport, url, credentials).unwrap());
            for _ in 0..2 {
                let err = cc.resolve(&[guid(APP)]).unwrap_err();
                texts.extend([format!("{err:?}"), err.to_string()]);
            }
            texts.push(format!("{:?}", cc.get_ref().get_ref().counts()));
            texts.push(String::from_utf8(cc.dump(url)).unwrap());
            let recorder = cc.get_ref().get_ref().get_ref();
            texts.push(String::from_utf8(recorder.recording().unwrap()).unwrap());
            texts.append(&mut notices.lock().unwrap());
            secrets.append(&mut heard.lock().unwrap());
        }
    }
    texts.push(format!("{:?}", login("marissa", PASSWORD)));
    texts.push(format!("{:?}", Grant::Passcode(PASSWORD.into())));
    assert!(texts.len() > 300, "{}", texts.len());
    secrets.sort();
    secrets.dedup();
    for text in texts {
        for secret in &secrets {
            let encoded = secret.replace(' ', "%20").replace('&', "%26");
            assert!(!text.contains(secret.as_str()), "{secret}: {text}");
            assert!(!text.contains(&encoded), "{encoded}: {text}");
        }
    }
}

#[test]
fn a_secret_is_taken_out_in_every_way_of_writing_it() {
    const ODD: &str = "pa\"ss\\w0rd & more";
    let echo = |request: Request<Vec<u8>>| -> Result<Response<Vec<u8>>, TransportError> {
        let form = String::from_utf8_lossy(request.body()).into_owned();
        let body = if request.method() == http::Method::GET {
            r#"{"note":"you sent pa\"ss\\w0rd & more, or p\u0061\"ss\\w0rd \u0026 more"}"#.into()
        } else {
            serde_json::json!({ "error": "x", "note": ODD, "form": form, "plus": form.replace("%20", "+") })
                .to_string()
        };
        Ok(Response::builder().status(400).body(body.into_bytes()).unwrap())
    };
    let recorder = Recorder::new(echo);
    let form = "grant_type=password&username=me&password=pa%22ss%5Cw0rd%20%26%20more";
    let login = Request::post("https://uaa/oauth/token").body(form.as_bytes().to_vec()).unwrap();
    recorder.send(login).unwrap();
    recorder.send(Request::get("https://api/v3/apps").body(Vec::new()).unwrap()).unwrap();
    let recording = recorder.recording().unwrap();
    let text = String::from_utf8(recording).unwrap();
    assert_eq!(text.matches("w0rd").count(), 0, "{text}");
    assert_eq!(text.matches("[redacted]").count(), 5, "{text}");
}

#[test]
fn a_secret_that_occurs_by_chance_is_not_recorded_around() {
    let answer = |_: Request<Vec<u8>>| Ok(Response::new(b"{\"v3\":3}".to_vec()));
    let recorder = Recorder::new(answer);
    assert!(recorder.recording().is_ok(), "nothing was sent yet");
    let form = "grant_type=password&username=me&password=3".as_bytes().to_vec();
    recorder.send(Request::post("https://uaa/oauth/token").body(form).unwrap()).unwrap();
    let err = recorder.recording().unwrap_err();
    assert!(err.to_string().contains("too short"), "{err}");
}
