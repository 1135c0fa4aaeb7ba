//! The servers as seen from a socket.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;

const ORG: &str = "2c279d6c-6f15-4cc0-99ed-72ef76ec50eb";
const SPACE: &str = "c65add41-d85b-4823-9e2a-545a5e0e5812";
const OTHER_SPACE: &str = "885735b5-aea4-4cf5-8e44-961af0e41920";
const APP: &str = "4ccbb24c-268e-421a-9d1b-3678b6eb40d0";

/// An answer from the wire.
struct Heard {
    status: u16,
    headers: String,
    body: Vec<u8>,
}

impl Heard {
    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| {
            let (n, value) = line.split_once(": ")?;
            n.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// Returns the code of a v3 error.
    fn code(&self) -> i64 {
        self.json()["errors"][0]["code"].as_i64().unwrap()
    }
}

/// Sends one request on a connection of its own.
fn send(url: &str, head: &str, body: &str) -> Heard {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    let request = format!("{head}\r\nHost: api.example.org\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        assert!(bytes.is_empty());
        return Heard { status: 0, headers: String::new(), body: Vec::new() };
    };
    let headers = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
    Heard { status, headers, body: bytes.split_off(end + 4) }
}

fn get(server: &Server, target: &str) -> Heard {
    get_as(server, "sesame", target)
}

fn get_as(server: &Server, token: &str, target: &str) -> Heard {
    send(&server.url(), &format!("GET {target} HTTP/1.1\r\nAuthorization: bearer {token}"), "")
}

fn post(uaa: &Uaa, client: Option<&str>, form: &str) -> Heard {
    let header = client.map_or(String::new(), |c| format!("\r\nAuthorization: Basic {c}"));
    let head = format!(
        "POST /oauth/token HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}{header}",
        form.len()
    );
    send(&uaa.url(), &head, form)
}

fn foundation() -> Foundation {
    Foundation::new()
        .org(ORG, "o")
        .space(SPACE, "s", ORG)
        .space(OTHER_SPACE, "t", ORG)
        .app(APP, "proxy", SPACE)
}

fn start() -> Server {
    Server::start(foundation()).unwrap()
}

/// `cf:` and `cf:wrong` in base 64.
const CF: &str = "Y2Y6";
const CF_WRONG: &str = "Y2Y6d3Jvbmc=";

fn realm() -> Realm {
    Realm::new()
        .client("cf", "")
        .robot("reader", "secret", &["cloud_controller.global_auditor"])
        .user("marissa", "koala", &["cloud_controller.read", "openid"], &[SPACE])
        .passcode("one-time")
        .assertion("header.claims.signature")
}

fn with_uaa(realm: Realm) -> (Server, Uaa, Clock) {
    let clock = Clock::at(1_498_136_872);
    let server = Server::start_with_uaa(foundation(), realm, clock.clone()).unwrap();
    let uaa = server.uaa().unwrap();
    (server, uaa, clock)
}

#[test]
fn each_trouble_has_its_status_and_body() {
    let troubles = [
        (Trouble::InvalidToken, 401, "CF-InvalidAuthToken"),
        (Trouble::NotAuthenticated, 401, "CF-NotAuthenticated"),
        (Trouble::Forbidden, 403, "CF-NotAuthorized"),
        (Trouble::Hidden, 404, "CF-ResourceNotFound"),
        (Trouble::V2Disabled, 404, "V2 endpoints disabled"),
        (Trouble::UnknownRoute, 404, "Requested route ('api.example.org') does not exist."),
        (Trouble::UriTooLong, 414, "<title>414 Request-URI Too Large</title>"),
        (Trouble::Unprocessable, 422, "CF-UnprocessableEntity"),
        (Trouble::TooManyRequests(Limit::Seconds(7)), 429, "CF-RateLimitExceeded"),
        (Trouble::TooManyRequests(Limit::Epoch(1_498_136_872)), 429, "10013"),
        (Trouble::TooManyRequests(Limit::Null(7)), 429, "null"),
        (Trouble::TooManyRequests(Limit::V2(7)), 429, "CF-RateLimitV2APIExceeded"),
        (Trouble::TooManyRequests(Limit::Silent), 429, "<html>"),
        (Trouble::Unavailable(500, Page::Json), 500, "UnknownError"),
        (Trouble::Unavailable(502, Page::Json), 502, "CF-UaaUnavailable"),
        (Trouble::Unavailable(503, Page::Json), 503, "CF-ServiceUnavailable"),
        (Trouble::Unavailable(503, Page::Html), 503, "API down for maintenance"),
        (Trouble::Unavailable(504, Page::Html), 504, "504 Gateway Timeout"),
        (Trouble::Unavailable(502, Page::Gorouter), 502, "Registered endpoint failed"),
        (Trouble::Unavailable(503, Page::Gorouter), 503, "no available endpoints"),
    ];
    for (trouble, status, part) in troubles {
        let server = start();
        server.outage(Outage::new().first(1, "/v3/apps", trouble));
        let heard = get(&server, "/v3/apps");
        assert_eq!(heard.status, status, "{trouble:?}");
        assert!(heard.text().contains(part), "{trouble:?}: {}", heard.text());
        let of_gorouter =
            matches!(trouble, Trouble::UnknownRoute | Trouble::Unavailable(_, Page::Gorouter));
        assert_eq!(heard.header("x-cf-routererror").is_some(), of_gorouter, "{trouble:?}");
        assert_eq!(get(&server, "/v3/apps").status, 200, "the outage was for one request");
        let logged: Vec<u16> = server.requests().iter().map(|r| r.status).collect();
        assert_eq!(logged, [status, 200]);
    }
}

#[test]
fn a_429_is_labelled_as_text_and_says_when() {
    let server = start();
    let limit = |limit| Outage::new().always("/", Trouble::TooManyRequests(limit));
    for (given, after) in [
        (Limit::Seconds(1743), Some("1743")),
        (Limit::Epoch(1_498_136_872), Some("1498136872")),
        (Limit::Null(1743), Some("1743")),
        (Limit::Silent, None),
    ] {
        server.outage(limit(given));
        let heard = get(&server, "/v3/apps");
        assert_eq!(heard.header("retry-after"), after);
        let label = heard.header("content-type").unwrap();
        assert_eq!(label == "text/plain; charset=utf-8", after.is_some(), "{label}");
    }
}

#[test]
fn answers_are_cut_late_or_missing_on_request() {
    let server = start();
    let whole = get(&server, "/v3/apps").body;
    for trouble in [Trouble::CutBody, Trouble::CutChunks] {
        server.outage(Outage::new().first(1, "/", trouble));
        let heard = get(&server, "/v3/apps");
        assert_eq!(heard.status, 200);
        let half = &whole[..whole.len() / 2];
        assert!(heard.body.ends_with(half) && !heard.body.ends_with(&whole), "{trouble:?}");
        let length = heard.header("content-length").map(str::to_owned);
        assert_eq!(length, (trouble == Trouble::CutBody).then(|| whole.len().to_string()));
    }
    server.outage(Outage::new().first(1, "/", Trouble::HangUp));
    assert_eq!(get(&server, "/v3/apps").status, 0);
    server.outage(Outage::new().first(1, "/", Trouble::Slow(Duration::from_millis(1))));
    assert_eq!(get(&server, "/v3/apps").body, whole);
}

#[test]
fn a_server_in_the_middle_of_a_slow_answer_stops_when_it_is_dropped() {
    let server = start();
    server.outage(Outage::new().always("/", Trouble::Slow(Duration::from_secs(3600))));
    let url = server.url();
    let client = std::thread::spawn(move || send(&url, "GET /v3/apps HTTP/1.1", ""));
    while server.requests().is_empty() {
        std::thread::yield_now();
    }
    assert!(!client.is_finished(), "the answer is an hour away");
    drop(server);
    assert_eq!(client.join().unwrap().status, 401, "it answers what it had, and ends");
}

#[test]
fn things_change_between_two_pages() {
    let guids = ["a", "b", "c"].map(|c| c.repeat(8));
    let mut foundation = foundation();
    for guid in &guids {
        foundation = foundation.app(guid, guid, SPACE);
    }
    let server = Server::start(foundation).unwrap();
    server.after(1, "/v3/apps", |foundation| foundation.delete_app(APP, "2017-06-23T10:00:00Z"));
    let names = |target: &str| {
        let body = get(&server, target).json();
        let resources = body["resources"].as_array().unwrap().clone();
        resources.iter().map(|r| r["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("/v3/apps?per_page=2&page=1"), ["proxy", &guids[0]]);
    assert_eq!(names("/v3/apps?per_page=2&page=2"), [&*guids[2]], "the second has moved up");
}

#[test]
fn a_request_is_logged_whole_and_printed_without_secrets() {
    let server = start();
    get_as(&server, "open-sesame", "/v3/apps?page=1");
    let logged = &server.requests()[0];
    assert_eq!((&*logged.method, &*logged.target), ("GET", "/v3/apps?page=1"));
    assert_eq!(logged.header("authorization"), Some("bearer open-sesame"));
    assert!(!format!("{logged:?}").contains("open-sesame"));
}

#[test]
fn a_request_keeps_the_name_that_its_sender_gave_it() {
    let server = start();
    let id = |head: &str| {
        let heard = send(&server.url(), &format!("GET /v3/apps HTTP/1.1{head}"), "");
        heard.header("x-vcap-request-id").unwrap().to_owned()
    };
    let (one, other) = (id(""), id(""));
    assert_ne!(one, other);
    assert_eq!(one.len(), 36);
    let named = id("\r\nX-Vcap-Request-Id: my_request-7!");
    assert!(named.starts_with("my_request-7::"), "{named}");
}

#[test]
fn a_request_line_that_nginx_has_no_buffer_for_is_414() {
    let server = start();
    let target = |length: usize| {
        let rest = "GET  HTTP/1.1\r\n".len() + "/v3/apps?guids=".len();
        format!("/v3/apps?guids={}", "a".repeat(length - rest))
    };
    assert_eq!(get(&server, &target(8192)).status, 200);
    let heard = get(&server, &target(8193));
    assert_eq!((heard.status, heard.header("content-type")), (414, Some("text/html")));
}

#[test]
fn rates_are_limited_by_holder_and_window_but_not_for_admins() {
    let scopes = |scopes: &[&str]| Some(scopes.iter().map(ToString::to_string).collect());
    let access = |token: &str, scopes| Access { token: token.into(), spaces: None, scopes };
    let mut foundation = foundation().limited_to(20, 3600);
    foundation.tokens = vec![
        access("auditor", scopes(&["cloud_controller.global_auditor"])),
        access("admin", scopes(&["cloud_controller.admin_read_only"])),
    ];
    let clock = Clock::at(3600 * 100 + 60);
    let server = Server::start_with_uaa(foundation, Realm::new(), clock.clone()).unwrap();
    for used in 1..=20 {
        let heard = get_as(&server, "auditor", "/v3/apps");
        assert_eq!(heard.status, 200);
        assert_eq!(heard.header("x-ratelimit-limit"), Some("20"));
        assert_eq!(heard.header("x-ratelimit-reset"), Some("363600"));
        let remaining = ((20 - used) / 2 * 2).to_string();
        assert_eq!(heard.header("x-ratelimit-remaining"), Some(&*remaining));
    }
    let heard = get_as(&server, "auditor", "/v3/apps");
    assert_eq!((heard.status, heard.code()), (429, 10013));
    assert_eq!(heard.header("retry-after"), Some("3540"));
    assert_eq!(get_as(&server, "auditor", "/v3").status, 200, "the root is not counted");
    let info = get_as(&server, "admin", "/v3/info").json();
    assert_eq!(
        info["rate_limits"],
        json!({ "enabled": true, "general_limit": 20, "reset_interval_in_minutes": 60 })
    );
    for _ in 0..30 {
        let heard = get_as(&server, "admin", "/v3/apps");
        assert_eq!((heard.status, heard.header("x-ratelimit-limit")), (200, None));
    }
    assert_eq!(get_as(&server, "stale", "/v3/apps").status, 401);
    clock.advance(Duration::from_secs(3540));
    assert_eq!(get_as(&server, "auditor", "/v3/apps").status, 200);

    server.update(|f| f.v2_rate_limit = Some(RateLimit { requests: 1, window_seconds: 60 }));
    let heard = get_as(&server, "auditor", "/v2/apps");
    assert_eq!(heard.header("x-ratelimit-remaining-v2-api"), Some("0"));
    let heard = get_as(&server, "auditor", "/v2/apps");
    assert_eq!((heard.status, heard.json()["code"].as_i64()), (429, Some(10018)));
}

#[test]
fn a_token_shows_what_its_scopes_and_spaces_say() {
    let access = |token: &str, scopes: &[&str], spaces: &[&str]| Access {
        token: token.into(),
        scopes: Some(scopes.iter().map(ToString::to_string).collect()),
        spaces: Some(spaces.iter().map(ToString::to_string).collect()),
    };
    let mut foundation = foundation();
    foundation.tokens = vec![
        access("auditor", &["cloud_controller.global_auditor"], &[]),
        access("developer", &["cloud_controller.read"], &[SPACE]),
        access("nobody", &["cloud_controller.read"], &[]),
        access("scopeless", &["openid"], &[SPACE]),
    ];
    let server = Server::start(foundation).unwrap();
    let counts = |token: &str| {
        ["apps", "spaces", "organizations", "processes", "audit_events"].map(|path| {
            let heard = get_as(&server, token, &format!("/v3/{path}"));
            heard.json()["pagination"]["total_results"].as_u64()
        })
    };
    assert_eq!(counts("auditor"), [1, 2, 1, 1, 4].map(Some));
    assert_eq!(counts("developer"), [1, 1, 1, 1, 2].map(Some));
    assert_eq!(counts("nobody"), [0; 5].map(Some));
    let heard = get_as(&server, "scopeless", "/v3/apps");
    assert_eq!((heard.status, heard.code()), (403, 10003));
    let heard = get_as(&server, "scopeless", "/v2/apps");
    assert_eq!((heard.status, heard.json()["code"].as_i64()), (403, Some(10007)));
    assert_eq!(get_as(&server, "scopeless", "/v3").status, 200);
    assert_eq!(get_as(&server, "nobody", &format!("/v2/apps/{APP}")).status, 403, "v2 tells");
    assert_eq!(get_as(&server, "nobody", &format!("/v3/apps/{APP}")).code(), 10010);
}

#[test]
fn every_grant_gives_a_token_that_the_cloud_controller_takes_until_it_expires() {
    let (server, uaa, clock) = with_uaa(realm());
    let root = send(&server.url(), "GET / HTTP/1.1", "").json();
    assert_eq!(root["links"]["uaa"]["href"], json!(uaa.url()));
    let password = "grant_type=password&username=marissa&password=koala";
    let jwt = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
    for (client, form) in [
        (Some(CF), password),
        (None, &*format!("{password}&client_id=cf&client_secret=")),
        (Some(CF), "grant_type=password&passcode=one-time"),
        (Some(CF), &format!("{jwt}&assertion=header.claims.signature")),
        (None, "grant_type=client_credentials&client_id=reader&client_secret=secret"),
    ] {
        let heard = post(&uaa, client, form);
        assert_eq!(heard.status, 200, "{form}: {}", heard.text());
        let body = heard.json();
        assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("bearer"), &json!(1200)));
        let is_client = form.contains("client_credentials");
        assert_eq!(body.get("refresh_token").is_none(), is_client, "{form}");
        let token = body["access_token"].as_str().unwrap();
        let payload = jwt::from_base64(token.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(claims["exp"], json!(clock.now().as_secs() + 1200));
        assert_eq!(claims["cid"], json!(if is_client { "reader" } else { "cf" }));
        let scope =
            if is_client { "cloud_controller.global_auditor" } else { "cloud_controller.read" };
        assert_eq!(claims["scope"][0], json!(scope));
        let seen =
            get_as(&server, token, "/v3/spaces").json()["pagination"]["total_results"].clone();
        assert_eq!(seen, json!(if is_client { 2 } else { 1 }));
        clock.advance(Duration::from_secs(1199));
        assert_eq!(get_as(&server, token, "/v3/spaces").status, 200);
        clock.advance(Duration::from_secs(1));
        assert_eq!(get_as(&server, token, "/v3/spaces").code(), 1000);
    }
    assert_eq!(
        uaa.grants()[2..],
        ["password", "urn:ietf:params:oauth:grant-type:jwt-bearer", "client_credentials"]
    );
    assert_eq!(uaa.issued(), 5);
    assert!(!format!("{uaa:?} {:?}", uaa.requests()).contains("koala"));
}

#[test]
fn refresh_tokens_are_renewed_rotated_revoked_and_expire() {
    let refresh = |uaa: &Uaa, token: &str| {
        post(uaa, Some(CF), &format!("grant_type=refresh_token&refresh_token={token}"))
    };
    let login = |uaa: &Uaa| {
        let heard = post(uaa, Some(CF), "grant_type=password&username=marissa&password=koala");
        heard.json()["refresh_token"].as_str().unwrap().to_owned()
    };
    let (server, uaa, clock) = with_uaa(realm().opaque());
    let token = login(&uaa);
    for _ in 0..3 {
        let heard = refresh(&uaa, &token).json();
        assert_eq!(heard["refresh_token"], json!(token));
        let access = heard["access_token"].as_str().unwrap();
        assert!(!access.contains('.'));
        assert_eq!(get_as(&server, access, "/v3/apps").status, 200);
        uaa.revoke_access_tokens();
        assert_eq!(get_as(&server, access, "/v3/apps").code(), 1000);
    }
    clock.advance(Duration::from_secs(2_592_000));
    let heard = refresh(&uaa, &token);
    assert_eq!((heard.status, &heard.json()["error"]), (401, &json!("invalid_token")));

    let (_server, uaa, _) = with_uaa(realm().rotating());
    let first = login(&uaa);
    let second = refresh(&uaa, &first).json()["refresh_token"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    assert_eq!(refresh(&uaa, &first).status, 401, "it was good once");
    uaa.revoke_refresh_tokens();
    assert_eq!(refresh(&uaa, &second).status, 401);
}

#[test]
fn the_uaa_refuses_as_the_real_one() {
    let (_server, uaa, _) = with_uaa(realm());
    for (client, form, status, error) in [
        (Some(CF_WRONG), "grant_type=password", 401, "invalid_client"),
        (
            None,
            "grant_type=client_credentials&client_id=reader&client_secret=no",
            401,
            "invalid_client",
        ),
        (None, "grant_type=client_credentials", 401, "invalid_client"),
        (Some(CF), "grant_type=password&username=marissa&password=bear", 401, "unauthorized"),
        (Some(CF), "grant_type=password&passcode=guess", 401, "unauthorized"),
        (Some(CF), "grant_type=refresh_token&refresh_token=old", 401, "invalid_token"),
        (Some(CF), "grant_type=client_credentials", 401, "unauthorized_client"),
        (Some(CF), "grant_type=magic", 400, "unsupported_grant_type"),
        (Some(CF), "", 400, "invalid_request"),
    ] {
        let heard = post(&uaa, client, form);
        assert_eq!((heard.status, &heard.json()["error"]), (status, &json!(error)), "{form}");
        assert!(heard.json()["error_description"].is_string());
    }
    let twice = "grant_type=password&passcode=one-time";
    assert_eq!(post(&uaa, Some(CF), twice).status, 200);
    assert_eq!(post(&uaa, Some(CF), twice).status, 401, "a passcode is good once");
    uaa.outage(Outage::new().first(1, "/oauth/token", Trouble::TooManyRequests(Limit::Silent)));
    assert_eq!(post(&uaa, Some(CF), twice).status, 429);
}

fn group(name: &str, running: bool, staging: bool, bound: [&[&str]; 2]) -> SecurityGroup {
    let owned = |guids: &[&str]| guids.iter().map(ToString::to_string).collect();
    SecurityGroup {
        guid: format!("guid-of-{name}"),
        name: name.into(),
        rules: vec![json!({ "protocol": "all", "destination": "10.0.0.1-", "log": null })],
        running,
        staging,
        running_spaces: owned(bound[0]),
        staging_spaces: owned(bound[1]),
    }
}

fn with_groups() -> Server {
    let foundation = foundation()
        .security_group(group("everywhere", true, false, [&[], &[]]))
        .security_group(group("here", false, false, [&[SPACE, OTHER_SPACE], &[]]))
        .security_group(group("there", false, false, [&[OTHER_SPACE], &[]]))
        .security_group(group("staging", false, true, [&[], &[SPACE]]))
        .token("sesame")
        .token_for_spaces("developer", &[SPACE]);
    Server::start(foundation).unwrap()
}

/// Returns the names in a list, of v2 or v3.
fn names(heard: &Heard) -> Vec<String> {
    let body = heard.json();
    let resources = body["resources"].as_array().unwrap_or_else(|| panic!("{body}"));
    let name =
        |one: &Value| one["name"].as_str().or(one["entity"]["name"].as_str()).map(Into::into);
    resources.iter().filter_map(name).collect()
}

#[test]
fn security_groups_are_shown_and_filtered_as_they_hold() {
    let server = with_groups();
    for (path, by_all, by_developer) in [
        ("/v3/security_groups", "everywhere here there staging", "everywhere here staging"),
        (
            &format!("/v3/spaces/{SPACE}/running_security_groups"),
            "everywhere here",
            "everywhere here",
        ),
        (&format!("/v3/spaces/{SPACE}/staging_security_groups"), "staging", "staging"),
        ("/v3/security_groups?names=here,there", "here there", "here"),
        ("/v3/security_groups?guids=guid-of-here", "here", "here"),
        (&format!("/v3/security_groups?running_space_guids={OTHER_SPACE}"), "here there", "here"),
        (&format!("/v3/security_groups?staging_space_guids={SPACE}"), "staging", "staging"),
        ("/v3/security_groups?globally_enabled_running=true", "everywhere", "everywhere"),
        (
            "/v3/security_groups?globally_enabled_staging=false",
            "everywhere here there",
            "everywhere here",
        ),
        ("/v2/security_groups", "everywhere here there staging", "everywhere here staging"),
        ("/v2/security_groups?q=name:here", "here", "here"),
        ("/v2/config/running_security_groups", "everywhere", "everywhere"),
        (&format!("/v2/spaces/{SPACE}/security_groups"), "everywhere here", "everywhere here"),
        (&format!("/v2/spaces/{SPACE}/staging_security_groups"), "staging", "staging"),
    ] {
        assert_eq!(names(&get(&server, path)).join(" "), by_all, "{path}");
        assert_eq!(names(&get_as(&server, "developer", path)).join(" "), by_developer, "{path}");
    }
    let one = get_as(&server, "developer", "/v3/security_groups/guid-of-here").json();
    assert_eq!(one["relationships"]["running_spaces"]["data"], json!([{ "guid": SPACE }]));
    assert_eq!(
        one["rules"][0],
        json!({ "protocol": "all", "destination": "10.0.0.1-", "log": null })
    );
    let hidden = format!("/v3/spaces/{OTHER_SPACE}/running_security_groups");
    assert_eq!(get_as(&server, "developer", &hidden).code(), 10010);
    let one = get(&server, "/v2/security_groups/guid-of-everywhere").json();
    assert_eq!(one["entity"]["running_default"], json!(true));
    assert_eq!(get(&server, "/v2/security_groups/7").json()["code"], json!(300_002));
}

#[test]
fn audit_events_have_all_their_filters() {
    let server = start();
    let (renamed, deleted) = ("2020-01-02T03:04:05Z", "2020-01-03T03:04:05Z");
    server.update(|foundation| {
        let mut event = foundation.events.last().unwrap().clone();
        event.kind = "audit.app.update".into();
        event.at = renamed.into();
        foundation.events.push(event);
        foundation.delete_app(APP, deleted);
    });
    let kinds = |query: &str| {
        let heard = get(&server, &format!("/v3/audit_events?{query}"));
        let body = heard.json();
        let all = body["resources"].as_array().unwrap_or_else(|| panic!("{query}: {body}"));
        let last =
            |one: &Value| one["type"].as_str().unwrap().rsplit('.').next().unwrap().to_owned();
        all.iter().map(last).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(kinds(""), "create create create create update delete-request delete");
    assert_eq!(
        kinds(&format!("target_guids={APP}&types=audit.app.delete-request")),
        "delete-request"
    );
    assert_eq!(kinds(&format!("target_guids[not]={APP},{SPACE}")), "create create");
    assert_eq!(kinds(&format!("target_guids%5Bnot%5D={APP}&space_guids={SPACE}")), "create");
    assert_eq!(kinds(&format!("organization_guids={ORG}&space_guids={OTHER_SPACE}")), "create");
    assert_eq!(kinds(&format!("created_ats[gt]={renamed}")), "delete-request delete");
    assert_eq!(kinds(&format!("created_ats[gte]={renamed}&created_ats[lt]={deleted}")), "update");
    assert_eq!(kinds(&format!("created_ats[lte]={renamed}&types=audit.app.update")), "update");
    assert_eq!(kinds(&format!("created_ats={renamed}")), "update");
    assert_eq!(kinds("order_by=-created_at&per_page=2"), "delete delete-request");
    let v2 = |q: &str| get(&server, &format!("/v2/events?{q}")).json()["total_results"].as_u64();
    assert_eq!(v2(&format!("q=actee:{APP}")), Some(4));
    assert_eq!(v2(&format!("q=actee%20IN%20{APP},{SPACE}&q=timestamp%3E=2020-01-02")), Some(3));
    assert_eq!(v2("q=timestamp%3E2020-01-02%2005:04:05%2B02:00"), Some(2), "another zone");
    assert_eq!(v2(&format!("q=actee:{APP}%3Btype:audit.app.update")), Some(1));
}

#[test]
fn wrong_queries_are_refused_with_the_status_of_each_controller() {
    let server = with_groups();
    for (target, status, code, part) in [
        ("/v3/apps?nonsense=1", 400, 10005, "Unknown query parameter(s): 'nonsense'"),
        ("/v3/audit_events?app_guids=1", 400, 10005, "Unknown query parameter(s): 'app_guids'"),
        ("/v3/security_groups?nonsense=1", 422, 10008, "Unknown query parameter(s): 'nonsense'"),
        (
            "/v3/security_groups?globally_enabled_running=yes",
            422,
            10008,
            "must be 'true' or 'false'",
        ),
        ("/v3/apps?per_page=5001", 400, 10005, "Per page must be between 1 and 5000"),
        ("/v3/apps?per_page=0", 400, 10005, "Per page must be between 1 and 5000"),
        ("/v3/apps?page=0", 400, 10005, "Page must be a positive integer"),
        ("/v3/apps?include=droplet", 400, 10005, "Invalid included resource: 'droplet'"),
        ("/v3/apps?order_by=guid", 400, 10005, "Order by can only be"),
        ("/v3/processes?order_by=name", 400, 10005, "Order by can only be"),
        ("/v3/apps?guids[not]=a", 400, 10005, "Guids must be an array"),
        (
            "/v3/audit_events?created_ats[gt]=yesterday",
            400,
            10005,
            "Created ats has an invalid timestamp",
        ),
        (
            "/v3/audit_events?created_ats[about]=2020-01-02T03:04:05Z",
            400,
            10005,
            "Invalid relational operator",
        ),
        ("/v3/nonsense", 404, 10000, "Unknown request"),
    ] {
        let heard = get(&server, target);
        assert_eq!((heard.status, heard.code()), (status, code), "{target}");
        assert!(heard.text().contains(part), "{target}: {}", heard.text());
    }
    for (target, status, code) in [
        ("/v2/apps?results-per-page=101", 400, 10005),
        ("/v2/apps?q=nonsense:1", 400, 10005),
        ("/v2/apps/7", 404, 100_004),
        ("/v2/nonsense", 404, 10000),
    ] {
        let heard = get(&server, target);
        assert_eq!((heard.status, heard.json()["code"].as_i64()), (status, Some(code)), "{target}");
    }
}

#[test]
fn what_belongs_together_comes_along_once() {
    let second = "885735b5-0000-4aec-8d6f-0000000000aa";
    let server = Server::start(foundation().app(second, "second", SPACE)).unwrap();
    let counts = |target: &str| {
        let included = get(&server, target).json()["included"].clone();
        ["spaces", "organizations"].map(|name| included[name].as_array().map_or(0, Vec::len))
    };
    assert_eq!(counts("/v3/apps?include=space.organization"), [1, 1]);
    assert_eq!(counts("/v3/apps?include=space"), [1, 0]);
    assert_eq!(counts("/v3/apps?include=org"), [0, 1]);
    assert_eq!(counts("/v3/spaces?include=organization"), [0, 1]);
    assert_eq!(counts(&format!("/v3/apps/{APP}?include=space,space.organization")), [1, 1]);
    for target in [
        &format!("/v3/processes?space_guids={SPACE}"),
        &format!("/v3/apps?organization_guids={ORG}&names=proxy,second"),
        &format!("/v3/processes?app_guids={APP},{second}&types=web"),
    ] {
        assert_eq!(
            get(&server, target).json()["resources"].as_array().unwrap().len(),
            2,
            "{target}"
        );
    }
}

#[test]
fn links_lead_to_what_they_name() {
    let worker = "885735b5-0000-4aec-8d6f-0000000000ab";
    let mut story = foundation().process(worker, "worker", APP).task("t1", APP).build("b1", APP);
    story.process_event("crash", worker, 1, "2017-06-23T10:00:00Z");
    let server = Server::start(story).unwrap();
    let follow = |body: &Value, link: &str| {
        let href = body["links"][link]["href"].as_str().unwrap().to_owned();
        get(&server, &href[href.find("/v3/").unwrap()..])
    };
    let app = get(&server, &format!("/v3/apps/{APP}")).json();
    for (link, count) in [("processes", 2), ("tasks", 1), ("packages", 0), ("revisions", 0)] {
        let list = follow(&app, link).json();
        assert_eq!(list["resources"].as_array().unwrap().len(), count, "{link}");
        assert_eq!(list["pagination"]["total_results"], count, "{link}");
    }
    assert_eq!(follow(&app, "space").json()["name"], "s");
    assert_eq!(follow(&follow(&app, "space").json(), "organization").json()["name"], "o");
    let process = get(&server, &format!("/v3/processes/{worker}")).json();
    assert_eq!(follow(&process, "app").json()["name"], "proxy");
    for link in ["self", "scale", "app", "space", "stats", "process_instances"] {
        assert!(process["links"][link]["href"].is_string(), "{link}");
    }
    assert_eq!(get(&server, &format!("/v3/apps/{OTHER_SPACE}/processes")).code(), 10010);
    let crashes = get(&server, "/v3/audit_events?types=audit.app.process.crash").json();
    let actor = &crashes["resources"][0]["actor"];
    assert_eq!(*actor, json!({ "guid": worker, "type": "process", "name": "worker" }));
    assert_eq!(crashes["resources"][0]["target"]["guid"], APP);
}

#[test]
fn a_process_has_a_version_that_is_a_guid_of_its_own() {
    let body = get(&start(), &format!("/v3/processes/{APP}")).json();
    let version = body["version"].as_str().unwrap();
    assert!(version.parse::<asg_core::Guid>().is_ok() && version != APP, "{version}");
    assert!(body["links"]["space"]["href"].as_str().unwrap().ends_with(SPACE));
}
