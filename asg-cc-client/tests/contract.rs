//! The contract: one suite for the client against the embedded Cloud Controller and against a mock
//! server that shares no code with this project.
//!
//! The mock is npm's `@stoplight/prism-cli`; `sh tests/contract/install-mock.sh` installs it into
//! the target folder. It refuses requests that `fixtures/openapi.json` does not describe, and
//! always answers with the bodies of `fixtures/v3`. So the suite compares shapes and statuses, not
//! values. The test with the mock is ignored by default, because it needs node and npm.
#![cfg(feature = "ureq")]

mod common;

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use asg_cc_client::api::v3;
use asg_cc_client::client::ApiVersion;
use asg_cc_client::embedded::{Foundation, Outage, Page, SecurityGroup, Server, Trouble};
use asg_cc_client::{CloudController, Error, HttpTransport, Token, Transport, TransportError};
use asg_core::Guid;
use asg_core::policy::Rule;
use common::*;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use serde_json::{Value, json};

const GROUP: &str = "b85a788e-671f-4549-814d-e34cdb2f539a";

/// A server under the contract.
trait Stand {
    fn url(&self) -> String;

    /// Gives every answer this status, or the usual one again.
    fn answer_with(&self, status: Option<u16>);

    /// Returns the transport of the client's requests.
    fn transport(&self) -> Arc<dyn Transport + Send + Sync>;
}

struct Embedded(Server);

impl Embedded {
    fn start() -> Self {
        // A rule of each form, in accepted spellings.
        let rules = vec![
            json!({ "protocol": "tcp", "destination": "10.10.10.0/24", "ports": "443,80,8080" }),
            json!({ "protocol": "icmp", "destination": "10.0.0.1-10.0.0.9", "type": 8, "code": 0 }),
            json!({ "protocol": "icmpv6", "destination": "::/0", "type": -1, "code": -1 }),
            json!({ "protocol": "all", "destination": "0.0.0.0/0", "log": true, "description": "d" }),
        ];
        let group = SecurityGroup {
            guid: GROUP.into(),
            name: "g".into(),
            rules,
            running: true,
            staging_spaces: vec![SPACE.into()],
            ..SecurityGroup::default()
        };
        let mut foundation: Foundation = article().security_group(group);
        foundation.rolling_deployment(APP, SECOND_WEB);
        Self(start(foundation))
    }
}

impl Stand for Embedded {
    fn url(&self) -> String {
        self.0.url()
    }

    fn answer_with(&self, status: Option<u16>) {
        let trouble = status.map(|status| match status {
            401 => Trouble::InvalidToken,
            403 => Trouble::Forbidden,
            404 => Trouble::Hidden,
            status => Trouble::Unavailable(status, Page::Json),
        });
        let outage = Outage::new();
        self.0.outage(trouble.map_or(outage.clone(), |trouble| outage.always("/v3/", trouble)));
    }

    fn transport(&self) -> Arc<dyn Transport + Send + Sync> {
        Arc::new(HttpTransport::new().unwrap())
    }
}

/// The mock server, until it is dropped.
struct Mock {
    child: Child,
    port: u16,
    /// The preferred status of the next answers.
    preferred: Arc<Mutex<Option<u16>>>,
}

impl Mock {
    /// Starts it. Panics with the reason if it cannot.
    fn start() -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let prism: PathBuf = target.join("prism/node_modules/@stoplight/prism-cli/dist/index.js");
        assert!(prism.is_file(), "no mock server: sh asg-cc-client/tests/contract/install-mock.sh");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let port = port.unwrap().port();
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let child = Command::new("node")
            .arg(here.join("tests/contract/mock.cjs"))
            .arg(prism)
            .args(["mock", "--multiprocess", "false", "--host", "127.0.0.1", "--port"])
            .arg(port.to_string())
            .arg(fixture("openapi.json"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("node does not start: {e}"));
        let mut mock = Self { child, port, preferred: Arc::default() };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Ok(Some(status)) = mock.child.try_wait() {
                panic!("the mock server ends at once: {status}");
            }
            assert!(started.elapsed() < Duration::from_secs(60), "the mock server does not listen");
            std::thread::sleep(Duration::from_millis(100));
        }
        mock
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Stand for Mock {
    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn answer_with(&self, status: Option<u16>) {
        *self.preferred.lock().unwrap() = status;
    }

    fn transport(&self) -> Arc<dyn Transport + Send + Sync> {
        let (http, preferred) = (HttpTransport::new().unwrap(), Arc::clone(&self.preferred));
        Arc::new(
            move |mut request: Request<Vec<u8>>| -> Result<Response<Vec<u8>>, TransportError> {
                if let Some(status) = *preferred.lock().unwrap() {
                    let prefer = format!("code={status}").parse().unwrap();
                    request.headers_mut().insert("prefer", prefer);
                }
                http.send(request)
            },
        )
    }
}

/// The suite: the server accepts the client's requests, its answers have the right shapes, and
/// errors are the right ones.
fn suite(stand: &dyn Stand) {
    let token = Token::new(GLOBAL).unwrap();
    let cc = CloudController::new(stand.transport(), &stand.url(), token).unwrap();
    // The description requires a token even for the root, which the client does not send there.
    let cc = cc.with_version(ApiVersion::V3);
    let guids = [APP, WORKER, TASK, BUILD, SPACE, ORG].map(ToOwned::to_owned);
    let is_guid = |text: &str| text.parse::<Guid>().is_ok();

    let info = cc.call(&v3::info()).unwrap();
    assert!(info.name.is_some() && info.build.is_some(), "{info:?}");
    let apps = cc.call(&v3::apps(&guids)[0]).unwrap();
    for app in not_empty(&apps.resources) {
        assert!(is_guid(&app.guid) && app.name.is_some(), "{app:?}");
        assert!(app.space.as_deref().is_some_and(is_guid), "{app:?}");
    }
    let processes = cc.call(&v3::processes(&guids)[0]).unwrap();
    for process in not_empty(&processes.resources) {
        assert!(process.app.as_deref().is_some_and(is_guid), "{process:?}");
        assert!(process.process_type.is_some(), "{process:?}");
    }
    for call in [&v3::tasks(&guids)[0], &v3::builds(&guids)[0]] {
        for work in not_empty(&cc.call(call).unwrap().resources) {
            assert!(is_guid(&work.guid) && work.app.as_deref().is_some_and(is_guid), "{work:?}");
        }
    }
    let spaces = cc.call(&v3::spaces(&guids)[0]).unwrap();
    for space in not_empty(&spaces.resources) {
        assert!(is_guid(&space.guid) && space.name.is_some(), "{space:?}");
        assert!(space.org.as_deref().is_some_and(is_guid), "{space:?}");
    }
    let orgs = cc.call(&v3::organizations(&guids)[0]).unwrap();
    for org in not_empty(&orgs.resources) {
        assert!(is_guid(&org.guid) && org.name.is_some(), "{org:?}");
    }
    let deployments = cc.call(&v3::deployments()).unwrap();
    for deployment in not_empty(&deployments.resources) {
        assert!(deployment.app.as_deref().is_some_and(is_guid), "{deployment:?}");
        assert!(deployment.new_processes.iter().all(|p| is_guid(&p.guid)), "{deployment:?}");
    }
    let events = cc.call(&v3::audit_events(&guids, &["audit.app.create"])[0]).unwrap();
    for event in not_empty(&events.resources) {
        assert!(event.kind.starts_with("audit.") && event.at.is_some(), "{event:?}");
        assert!(event.target.is_some() && event.target_name.is_some(), "{event:?}");
    }

    for status in [401, 403, 500, 502, 503] {
        stand.answer_with(Some(status));
        let error = cc.call(&v3::apps(&guids)[0]).unwrap_err();
        stand.answer_with(None);
        let is_right = match status {
            401 => error == Error::TokenRejected,
            403 => matches!(error, Error::Forbidden { .. }),
            _ => matches!(error, Error::Unavailable { status: s, .. } if s == status),
        };
        assert!(is_right, "{status}: {error:?}");
    }
    // A list is never "not found".
    stand.answer_with(Some(404));
    let missing = get(stand, &format!("/v3/apps/{APP}"));
    stand.answer_with(None);
    let missing: Value = serde_json::from_slice(missing.body()).unwrap();
    assert_eq!(missing["errors"][0]["code"], json!(10010), "{missing}");
    assert_eq!(missing["errors"][0]["title"], json!("CF-ResourceNotFound"), "{missing}");
    assert!(cc.call(&v3::info()).is_ok(), "afterwards all is well");
}

/// Returns every resource of a server, by its path, and its content, parsed as in the client.
fn resources(stand: &dyn Stand) -> Vec<(&'static str, Value)> {
    const PATHS: [&str; 9] = [
        "/v3/apps",
        "/v3/processes",
        "/v3/tasks",
        "/v3/builds",
        "/v3/deployments",
        "/v3/spaces",
        "/v3/organizations",
        "/v3/audit_events",
        "/v3/security_groups",
    ];
    let one = |path| {
        let list = body(&get(stand, path));
        for key in ["total_results", "total_pages"] {
            assert!(list["pagination"][key].is_u64(), "{path}: {list}");
        }
        for key in ["first", "last"] {
            assert!(list["pagination"][key]["href"].is_string(), "{path}: {list}");
        }
        (path, list["resources"][0].clone())
    };
    PATHS.map(one).into()
}

/// Checks that the rules in a list of security groups can all be parsed.
fn rules_are_read(stand: &dyn Stand) {
    for path in [
        "/v3/security_groups".to_owned(),
        format!("/v3/spaces/{SPACE}/running_security_groups"),
        format!("/v3/spaces/{SPACE}/staging_security_groups"),
    ] {
        let list = body(&get(stand, &path));
        let groups = not_empty(list["resources"].as_array().unwrap());
        for rule in groups.iter().flat_map(|group| group["rules"].as_array().unwrap()) {
            let read = Rule::parse(rule.to_string().as_bytes());
            assert!(read.is_ok(), "{path}: {rule}: {read:?}");
        }
    }
}

fn get(stand: &dyn Stand, path: &str) -> Response<Vec<u8>> {
    let request = Request::get(format!("{}{path}", stand.url()))
        .header(AUTHORIZATION, format!("Bearer {GLOBAL}"))
        .body(Vec::new());
    stand.transport().send(request.unwrap()).unwrap()
}

fn body(answer: &Response<Vec<u8>>) -> Value {
    let text = String::from_utf8_lossy(answer.body());
    assert_eq!(answer.status(), 200, "{text}");
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn not_empty<T>(all: &[T]) -> &[T] {
    assert!(!all.is_empty());
    all
}

/// Finds the places where `ours` has a key that `theirs` does not have, or another type of value.
fn differences(at: &str, ours: &Value, theirs: &Value, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (key, value) in ours {
                let at = format!("{at}.{key}");
                match theirs.get(key) {
                    Some(other) => differences(&at, value, other, found),
                    None => found.push(format!("{at} is not theirs")),
                }
            }
        }
        // Null matches anything; lists may have any length; times and names are texts.
        (Value::Null, _) | (_, Value::Null) | (Value::Array(_), Value::Array(_)) => {}
        _ if std::mem::discriminant(ours) == std::mem::discriminant(theirs) => {}
        _ => found.push(format!("{at} is {ours}, not {theirs}")),
    }
}

#[test]
fn the_client_and_the_embedded_cloud_controller_keep_the_contract() {
    let embedded = Embedded::start();
    suite(&embedded);
    rules_are_read(&embedded);
}

#[test]
fn the_embedded_cloud_controller_writes_no_member_that_the_fixtures_do_not_have() {
    let mut found = Vec::new();
    for (path, ours) in resources(&Embedded::start()) {
        let list =
            std::fs::read(fixture(&format!("{}.json", path.trim_start_matches('/')))).unwrap();
        let list: Value = serde_json::from_slice(&list).unwrap();
        assert!(ours.is_object() && list["resources"][0].is_object(), "{path}");
        differences(path, &ours, &list["resources"][0], &mut found);
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn the_embedded_cloud_controller_has_the_links_options_and_details_that_others_look_for() {
    // It has no droplets and no quotas.
    const NOT_THERE: [&str; 2] = ["droplet", "quota"];
    for (path, ours) in resources(&Embedded::start()) {
        let list =
            std::fs::read(fixture(&format!("{}.json", path.trim_start_matches('/')))).unwrap();
        let list: Value = serde_json::from_slice(&list).unwrap();
        for (link, target) in list["resources"][0]["links"].as_object().unwrap() {
            let is_there = ours["links"][link]["href"].is_string();
            assert!(is_there || NOT_THERE.contains(&link.as_str()), "{path}: {link}");
            assert!(!is_there || ours["links"][link]["method"] == target["method"], "{link}");
        }
        for (member, keys) in [
            ("options", &["max_in_flight"][..]),
            ("status", &["value", "reason", "details"]),
            ("actor", &["guid", "type", "name"]),
        ] {
            let is_there = list["resources"][0][member].is_object();
            assert!(!is_there || keys.iter().all(|key| !ours[member][key].is_null()), "{path}");
        }
        if path == "/v3/deployments" {
            let details = &ours["status"]["details"];
            for key in ["last_successful_healthcheck", "last_status_change"] {
                assert!(details[key].is_string(), "{ours}");
            }
        }
    }
}

#[test]
#[ignore = "needs a mock server: sh asg-cc-client/tests/contract/install-mock.sh"]
fn the_client_keeps_the_contract_with_an_independent_mock() {
    let mock = Mock::start();
    suite(&mock);
    rules_are_read(&mock);
    let refused = get(&mock, "/v3/apps?per_page=5001");
    assert_eq!(refused.status(), 422, "the mock compares requests with the description");
}
