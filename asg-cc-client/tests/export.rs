//! Exports: whole ones, incomplete ones that report it, and every way in which people save them.

mod common;

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use asg_cc_client::embedded::{Event, Foundation, SecurityGroup};
use asg_cc_client::{AsyncCloudController, CloudController, Error, Export, Token, Transport};
use asg_core::Identity;
use asg_core::names::AppState;
use common::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{Request, Response};

const URL: &str = "https://api.example.org";

/// Returns three hundred apps beside the article's, and a group with a binding.
fn large() -> Foundation {
    let group = SecurityGroup {
        guid: "b85a788e-671f-4549-814d-e34cdb2f539a".into(),
        name: "g".into(),
        rules: vec![serde_json::json!({ "protocol": "all", "destination": "0.0.0.0/0" })],
        running_spaces: vec![SPACE.into()],
        ..SecurityGroup::default()
    };
    let mut made = (1..=300).fold(article().security_group(group), |made, n| {
        made.app(&asg_core::Guid::from_u128(n).to_string(), &format!("app-{n}"), SPACE)
    });
    made.rolling_deployment(APP, SECOND_WEB);
    made.rolling_deployment(APP, THIRD_WEB);
    made.delete_app(&asg_core::Guid::from_u128(1).to_string(), DELETED_AT);
    made
}

fn page(foundation: &Foundation, target: &str) -> Vec<u8> {
    let request = Request::get(format!("{URL}{target}"))
        .header("Authorization", format!("bearer {GLOBAL}"))
        .body(Vec::new());
    foundation.send(request.unwrap()).unwrap().into_body()
}

fn connect(transport: impl Transport + Sync) -> CloudController<impl Transport + Sync> {
    let token = Token::new(GLOBAL).unwrap();
    CloudController::new(transport, URL, token).unwrap().with_clock(stopped())
}

fn gaps(export: &Export) -> Vec<String> {
    export.gaps().iter().map(ToString::to_string).collect()
}

#[test]
fn a_missing_page_is_a_sentence_and_makes_names_unavailable() {
    let foundation = large();
    let first = page(&foundation, "/v3/apps?per_page=100&include=space.organization");
    let mut export = Export::new();
    export.add_from("apps.json", &first[..]).unwrap();
    assert_eq!(gaps(&export), ["apps.json holds 100 of 300 apps: save the other pages, too"]);
    let stranger = &export.resolve(&[guid(STRANGER)])[&guid(STRANGER)];
    assert_eq!(*stranger, Identity::unavailable("apps.json holds 100 of 300 apps"));
    // The last page, and the first one once more, leave a hole.
    let last = page(&foundation, "/v3/apps?per_page=100&include=space.organization&page=3");
    export.add_from("apps-3.json", &last[..]).unwrap();
    export.add_from("apps.json", &first[..]).unwrap();
    assert_eq!(gaps(&export), ["apps.json holds 200 of 300 apps: save the other pages, too"]);
    let second = page(&foundation, "/v3/apps?per_page=100&include=space.organization&page=2");
    export.add_from("apps-2.json", &second[..]).unwrap();
    assert!(export.gaps().is_empty(), "{:?}", export.gaps());
    // Now no page is missing, but lists are.
    let stranger = &export.resolve(&[guid(STRANGER)])[&guid(STRANGER)];
    let why = "the export has no list of processes, tasks, builds, deployments, audit events";
    assert_eq!(*stranger, Identity::unavailable(why));
}

#[test]
fn pages_of_v2_are_counted_too() {
    let app =
        |n: u32| format!(r#"{{"metadata":{{"guid":"{n}","url":"/v2/apps/{n}"}},"entity":{{}}}}"#);
    let page = |n: u32, next: &str, previous: &str| {
        format!(
            r#"{{"total_results":3,"total_pages":3,"prev_url":{previous},"next_url":{next},"resources":[{}]}}"#,
            app(n)
        )
    };
    let link = |n: u32| format!(r#""/v2/apps?order-direction=asc&page={n}&results-per-page=1""#);
    let pages = [page(1, &link(2), "null"), page(2, &link(3), &link(1)), page(3, "null", &link(2))];
    let mut export = Export::new();
    for (n, wanted) in [(0, "apps.json holds 1 of 3 apps"), (2, "apps.json holds 2 of 3 apps")] {
        export.add_from("apps.json", pages[n].as_bytes()).unwrap();
        assert!(gaps(&export)[0].starts_with(wanted), "{:?}", gaps(&export));
    }
    export.add_from("apps.json", pages[1].as_bytes()).unwrap();
    assert!(export.gaps().is_empty());
}

#[test]
fn a_list_of_events_without_deletions_proves_no_absence() {
    let foundation = article();
    let mut export = Export::new();
    for list in ["apps", "processes", "tasks", "builds", "deployments"] {
        let page = page(&foundation, &format!("/v3/{list}?per_page=5000"));
        export.add_from(list, &page[..]).unwrap();
    }
    let mut add = |target: &str| {
        export.add_from("events", &page(&foundation, target)[..]).unwrap();
        export.resolve(&[guid(STRANGER)])[&guid(STRANGER)].state
    };
    assert_eq!(add("/v3/audit_events?types=audit.app.create"), AppState::Unavailable);
    let types = "audit.app.create%2Caudit.app.delete-request";
    assert_eq!(add(&format!("/v3/audit_events?types={types}")), AppState::Unknown);
}

/// Returns the forms in which the bytes of a page may be saved.
fn ways(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let units = |unit: fn(u16) -> [u8; 2], mark: &str| {
        format!("{mark}{text}").encode_utf16().flat_map(unit).collect::<Vec<u8>>()
    };
    let zip = |bytes: &[u8]| {
        let mut zip = GzEncoder::new(Vec::new(), Compression::fast());
        zip.write_all(bytes).unwrap();
        zip.finish().unwrap()
    };
    let (head, tail) = text.as_bytes().split_at(text.len() / 2);
    vec![
        ("plain", text.as_bytes().to_vec()),
        ("UTF-8 with a mark", [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        ("PowerShell", units(u16::to_le_bytes, "\u{feff}")),
        ("UTF-16, the other way", units(u16::to_be_bytes, "\u{feff}")),
        ("UTF-16 without a mark", units(u16::to_le_bytes, "")),
        ("gzip", zip(text.as_bytes())),
        ("gzip in two members", [zip(head), zip(tail)].concat()),
        ("PowerShell, gzip", zip(&units(u16::to_le_bytes, "\u{feff}"))),
    ]
}

/// A reader that returns one byte at a time.
struct Drip<'a>(&'a [u8]);

impl Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let end = buffer.len().min(1);
        self.0.read(&mut buffer[..end])
    }
}

#[test]
fn a_page_is_read_in_whatever_way_it_was_saved() {
    let text = format!(
        r#"{{"guid":"{}","name":"käse 🧀","links":{{"self":{{"href":"{URL}/v3/apps/x"}}}}}}"#,
        APP.to_uppercase()
    );
    for (way, bytes) in ways(&text) {
        for drips in [false, true] {
            let mut export = Export::new();
            let read: Box<dyn Read> =
                if drips { Box::new(Drip(&bytes)) } else { Box::new(&bytes[..]) };
            export.add_from("apps.json", read).unwrap_or_else(|e| panic!("{way}: {e}"));
            let found = &export.resolve(&[guid(APP)])[&guid(APP)];
            assert_eq!(found.path().as_deref(), Some("?/?/käse 🧀"), "{way}");
        }
    }
    // Half a character, half a member, and a line to report.
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let zipped = &ways(&text)[5].1;
    for (bytes, why) in [
        (&utf16[..utf16.len() - 1], "cannot be read"),
        (&zipped[..zipped.len() / 2], "cannot be read"),
        (b"{\"guid\":1}\n{\n\"x\": nonsense}", "line 3"),
    ] {
        let err = match Export::from_pages([bytes]) {
            Err(e) => e.to_string(),
            Ok(_) => panic!("{why}"),
        };
        assert!(err.contains(why) || err.contains("not of a Cloud Controller"), "{err}");
    }
}

#[test]
fn the_trace_of_cf_curl_is_read() {
    let list = page(&article(), "/v3/apps?per_page=5000&include=space.organization");
    let list = String::from_utf8(list).unwrap();
    let trace = format!(
        "REQUEST: [2026-11-29T10:00:00Z]\nPOST /oauth/token HTTP/1.1\nHost: uaa\n\n[PRIVATE DATA HIDDEN]\n\n\
         RESPONSE: [2026-11-29T10:00:00Z]\nHTTP/1.1 200 OK\n\n{{\"access_token\": \"[PRIVATE DATA HIDDEN]\"}}\n\n\
         REQUEST: [2026-11-29T10:00:01Z]\nGET /v3/apps HTTP/1.1\nAuthorization: [PRIVATE DATA HIDDEN]\n\n\
         RESPONSE: [2026-11-29T10:00:01Z]\nHTTP/1.1 200 OK\nContent-Type: application/json\n\n{list}\n\n{list}\n"
    );
    let export = Export::from_pages([trace.as_bytes()]).unwrap();
    let found = &export.resolve(&[guid(APP)])[&guid(APP)];
    assert_eq!(found.path().as_deref(), Some("o/s/proxy"));
    assert!(export.gaps().is_empty());
    let cut = &trace.as_bytes()[..trace.find("GET /v3").unwrap()];
    let err = Export::from_pages([cut]).unwrap_err().to_string();
    assert!(err.contains("a trace without an answer"), "{err}");
}

#[test]
fn other_lists_beside_those_of_apps_are_passed_over() {
    let route = format!(r#"{{"guid":"g","links":{{"self":{{"href":"{URL}/v3/routes/g"}}}}}}"#);
    let app = format!(r#"{{"guid":"{APP}","links":{{"self":{{"href":"{URL}/v3/apps/{APP}"}}}}}}"#);
    for both in [
        format!(r#"{{"resources":[{route},{app}]}}"#),
        format!("{route}\n{app}"),
        format!("[{app},{route}]"),
    ] {
        let export = Export::from_pages([both.as_bytes()]).unwrap();
        assert_eq!(export.resolve(&[guid(APP)])[&guid(APP)].state, AppState::Live);
    }
}

/// Repeats `unit` endlessly, and counts the bytes that are taken.
struct Endless<'a> {
    head: &'static [u8],
    unit: &'static [u8],
    at: usize,
    taken: &'a AtomicUsize,
}

impl Read for Endless<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for byte in &mut *buffer {
            *byte = match self.at.checked_sub(self.head.len()) {
                None => self.head[self.at],
                Some(at) => self.unit[at % self.unit.len()],
            };
            self.at += 1;
        }
        self.taken.fetch_add(buffer.len(), Ordering::SeqCst);
        Ok(buffer.len())
    }
}

#[test]
fn a_list_of_nothing_is_refused_at_its_first_item() {
    let units: [&'static [u8]; 3] = [b"{\"a\":0},", b"7,", b"[[]],"];
    for unit in units {
        let taken = AtomicUsize::new(0);
        let head = br#"{"resources":["#;
        let endless = Endless { head, unit, at: 0, taken: &taken };
        let err = Export::new().add_from("apps.json", endless).unwrap_err().to_string();
        assert!(err.contains("not of a Cloud Controller"), "{err}");
        assert!(taken.load(Ordering::SeqCst) < 100_000, "{taken:?}");
    }
}

#[test]
fn what_is_saved_answers_as_the_foundation_did() {
    let mut foundation = large();
    let crash = Event {
        kind: "audit.app.process.crash".into(),
        at: DELETED_AT.into(),
        target: APP.into(),
        target_type: "app".into(),
        target_name: "proxy".into(),
        space: Some(SPACE.into()),
        org: Some(ORG.into()),
        actor: Some("cccccccc-0000-4000-8000-000000000001".into()),
        data: serde_json::Map::new(),
    };
    foundation.events.push(crash);
    let ids = [
        APP,
        WORKER,
        TASK,
        BUILD,
        SECOND_WEB,
        THIRD_WEB,
        STRANGER,
        "cccccccc-0000-4000-8000-000000000001",
        "00000000-0000-0000-0000-000000000001",
        "00000000-0000-0000-0000-000000000002",
    ]
    .map(guid);
    let folder = tempfile::tempdir().unwrap();
    let into = |name: &str| folder.path().join(name);
    // Fewer things a page, so that there are several pages.
    let narrow = |request: Request<Vec<u8>>| {
        let (mut parts, body) = request.into_parts();
        let uri = parts.uri.to_string().replace("per_page=1000", "per_page=90");
        parts.uri = uri.parse().unwrap();
        foundation.send(Request::from_parts(parts, body))
    };
    let cc = connect(narrow);
    let saved = cc.save(&into("whole")).unwrap();
    assert!(saved.pages > 13 && saved.absent.is_empty(), "{saved:?}");
    let mut export = Export::new();
    export.add_path(&into("whole")).unwrap();
    assert!(export.gaps().is_empty(), "{:?}", export.gaps());
    assert_eq!(export.taken_at(), Some(saved.taken_at));
    let live = cc.resolve(&ids).unwrap();
    let read = export.resolve(&ids);
    for id in ids {
        assert_eq!(read[&id].state, live[&id].state, "{id}");
        assert_eq!(read[&id].path(), live[&id].path(), "{id}");
    }
    assert_eq!(read[&guid(STRANGER)].state, AppState::Unknown);
    assert_eq!(export.security_groups().len(), 1);
    assert_eq!(export.security_groups()[0].running_spaces, [SPACE]);
    // A finished export and a folder of other things are left unchanged.
    let err = cc.save(&into("whole")).unwrap_err().to_string();
    assert!(err.contains("a finished export"), "{err}");
    std::fs::create_dir(into("other")).unwrap();
    std::fs::write(into("other").join("letter.txt"), "").unwrap();
    let err = cc.save(&into("other")).unwrap_err().to_string();
    assert!(err.contains("not empty"), "{err}");

    // Interrupted at any request, it continues there, and no page is asked for twice.
    for broken in [0, 1, 2, 5, 9] {
        let asked = AtomicUsize::new(0);
        let failing = |request: Request<Vec<u8>>| {
            if request.uri().path() != "/" && asked.fetch_add(1, Ordering::SeqCst) == broken {
                return Ok(Response::builder().status(503).body(Vec::new()).unwrap());
            }
            narrow(request)
        };
        let cc = connect(&failing);
        let path = into(&format!("broken-{broken}"));
        assert!(matches!(cc.save(&path), Err(Error::Unavailable { .. })));
        let mut part = Export::new();
        part.add_path(&path).unwrap();
        let missing = part.resolve(&[guid(STRANGER)]);
        assert_eq!(missing[&guid(STRANGER)].state, AppState::Unavailable);
        let rest = cc.save(&path).unwrap();
        assert_eq!(broken + rest.pages, saved.pages);
        let mut export = Export::new();
        export.add_path(&path).unwrap();
        assert_eq!(export.resolve(&ids), read);
    }

    // The asynchronous driver saves the same files.
    let twin = |request: Request<Vec<u8>>| std::future::ready(article().send(request));
    let cc = AsyncCloudController::new(twin, URL, Token::new(LIMITED).unwrap()).unwrap();
    block_on(cc.save(&into("twin"))).unwrap();
    let mut export = Export::new();
    export.add_path(&into("twin")).unwrap();
    let found = &export.resolve(&[guid(APP)])[&guid(APP)];
    let why = "the export was saved with a token that may not see everything";
    assert_eq!(*found, Identity::unavailable(why));
}

#[test]
fn lists_that_a_cloud_controller_does_not_have_are_absent() {
    let without_events = |request: Request<Vec<u8>>| {
        if request.uri().path() == "/v3/audit_events" {
            let body =
                r#"{"errors":[{"detail":"Unknown request","title":"CF-NotFound","code":10000}]}"#;
            return Ok(Response::builder().status(404).body(body.into()).unwrap());
        }
        article().send(request)
    };
    let folder = tempfile::tempdir().unwrap();
    let saved = connect(without_events).save(&folder.path().join("export")).unwrap();
    assert_eq!(saved.absent, ["audit_events"]);
    let mut export = Export::new();
    export.add_path(&folder.path().join("export")).unwrap();
    let stranger = &export.resolve(&[guid(STRANGER)])[&guid(STRANGER)];
    let why = "this Cloud Controller has no list of audit events";
    assert_eq!(*stranger, Identity::unavailable(why));
}
