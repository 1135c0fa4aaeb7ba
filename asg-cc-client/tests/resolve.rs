//! Resolution over real HTTP on loopback: the answers, and their cost.
#![cfg(feature = "ureq")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use asg_cc_client::api::BATCH;
use asg_cc_client::auth::Reach;
use asg_cc_client::client::{ApiVersion, Provenance};
use asg_cc_client::clock::Clock;
use asg_cc_client::embedded::{Event, Foundation};
use asg_cc_client::{Cached, CloudController, Error, HttpTransport, Token, Transport};
use asg_core::names::AppState;
use asg_core::{Guid, Identity, Timestamp};
use common::*;
use serde_json::json;

const BOTH: [ApiVersion; 2] = [ApiVersion::V2, ApiVersion::V3];

#[test]
fn the_articles_app_is_told_live_and_then_deleted_with_the_same_names() {
    for version in BOTH {
        let server = start(article());
        let cc = over(&server, version);
        assert_eq!(told(&cc, APP), "Live o/s/proxy", "{version:?}");
        server.update(|f| f.delete_app(APP, DELETED_AT));
        assert_eq!(told(&cc, APP), "Deleted o/s/proxy", "{version:?}");
        let identity = one(&cc, APP).unwrap();
        assert_eq!(identity.deleted_at.unwrap().to_string(), DELETED_AT, "{version:?}");
        assert_eq!(identity.app.unwrap().guid, APP);
        assert_eq!(identity.space.unwrap().guid, SPACE);
        assert_eq!(identity.org.unwrap().guid, ORG);
    }
}

#[test]
fn names_outlive_the_space_and_the_org() {
    for version in BOTH {
        let server = start(article());
        server.update(|f| f.delete_space(SPACE, DELETED_AT));
        assert_eq!(told(&over(&server, version), APP), "Deleted o/s/proxy", "{version:?}");
        let server = start(article());
        server.update(|f| f.delete_org(ORG, DELETED_AT));
        assert_eq!(told(&over(&server, version), APP), "Deleted o/s/proxy", "{version:?}");
    }
}

#[test]
fn v2_follows_the_article_request_by_request() {
    let server = start(article().without_v3());
    let cc = connect(&server, GLOBAL);
    assert_eq!(told(&cc, APP), "Live o/s/proxy");
    server.update(|f| f.delete_app(APP, DELETED_AT));
    assert_eq!(told(&cc, APP), "Deleted o/s/proxy");
    let targets: Vec<String> = server.requests().into_iter().map(|r| r.target).collect();
    let once = |path: &str, guid: &str| format!("/v2/{path}{guid}");
    assert_eq!(
        targets,
        [
            "/".to_owned(),
            once("apps/", APP),
            once("spaces/", SPACE),
            once("organizations/", ORG),
            once("apps/", APP),
            once("events?q=actee:", APP),
            once("spaces/", SPACE),
            once("organizations/", ORG),
        ]
    );
}

#[test]
fn a_process_of_a_rolling_deployment_ends_in_its_live_app() {
    let server = start(article());
    let cc = over(&server, ApiVersion::V3);
    server.update(|f| f.rolling_deployment(APP, SECOND_WEB));
    assert_eq!(told(&cc, SECOND_WEB), "Live o/s/proxy", "in the list of processes");
    assert_eq!(one(&cc, SECOND_WEB).unwrap().process_type.as_deref(), Some("web"));
    assert_eq!(told(&cc, APP), "Live o/s/proxy", "the first web process is the app's own GUID");
    server.update(|f| f.rolling_deployment(APP, THIRD_WEB));
    assert_eq!(told(&cc, SECOND_WEB), "Live o/s/proxy", "in the list of deployments only");
    assert_eq!(told(&cc, THIRD_WEB), "Live o/s/proxy");
    let blind = over(&server, ApiVersion::V3).with_search_pages(0);
    let unsearched = one(&blind, SECOND_WEB).unwrap();
    assert_eq!(unsearched, Identity::unavailable("the deployments were not searched"));
}

#[test]
fn workers_tasks_and_builds_are_their_apps() {
    let server = start(article());
    let cc = over(&server, ApiVersion::V3);
    let guids = [WORKER, TASK, BUILD, APP].map(guid);
    let found = listed(&guids, &cc.resolve(&guids).unwrap());
    let types: Vec<_> = found.iter().map(|f| f.process_type.as_deref()).collect();
    assert_eq!(types, [Some("worker"), None, None, None]);
    for identity in found {
        assert_eq!(identity.state, AppState::Live);
        assert_eq!(identity.path().as_deref(), Some("o/s/proxy"));
    }
}

#[test]
fn a_worker_of_a_deleted_app_is_found_by_its_own_event() {
    let server = start(article());
    server.update(|f| {
        f.rolling_deployment(APP, SECOND_WEB);
        f.delete_app(APP, DELETED_AT);
    });
    let cc = over(&server, ApiVersion::V3);
    for (id, process_type) in
        [(WORKER, Some("worker")), (SECOND_WEB, Some("web")), (APP, Some("web"))]
    {
        assert_eq!(told(&cc, id), "Deleted o/s/proxy", "{id}");
        let found = one(&cc, id).unwrap().process_type;
        // The app's own GUID needs no search, so nothing shows that it was a process too.
        assert_eq!(found.as_deref(), process_type.filter(|_| id != APP), "{id}");
    }
    assert_eq!(told(&cc, TASK), "Unknown", "tasks go with their app");
}

#[test]
fn a_scaled_away_process_of_a_live_app_is_not_deleted() {
    let mut foundation = article();
    foundation.delete_app(APP, DELETED_AT);
    // Only the process was deleted: remove the app's own delete request, and let the app live.
    foundation.events.retain(|e| e.kind != "audit.app.delete-request");
    let foundation = foundation.app(APP, "proxy", SPACE);
    assert_eq!(told(&over(&start(foundation), ApiVersion::V3), WORKER), "Live o/s/proxy");
}

#[test]
fn events_that_are_no_delete_request_prove_nothing() {
    for (version, state) in [(ApiVersion::V2, "Unavailable"), (ApiVersion::V3, "Unknown")] {
        let mut foundation = article();
        foundation.delete_app(APP, DELETED_AT);
        foundation.events.retain(|e| e.kind != "audit.app.delete-request");
        assert_eq!(told(&over(&start(foundation), version), APP), state, "{version:?}");
    }
}

#[test]
fn the_tokens_rights_decide_what_not_found_means() {
    let opaque = "opaque-token";
    let foundation = || article().token_for_spaces(opaque, &[]);
    for (version, token, existing, missing) in [
        (ApiVersion::V3, GLOBAL, "Live o/s/proxy", "Unknown"),
        (ApiVersion::V3, LIMITED, "Hidden", "Hidden"),
        (ApiVersion::V3, opaque, "Unavailable", "Unavailable"),
        (ApiVersion::V2, GLOBAL, "Live o/s/proxy", "Unavailable"),
        (ApiVersion::V2, LIMITED, "Hidden", "Hidden"),
        (ApiVersion::V2, opaque, "Hidden", "Unavailable"),
    ] {
        let server = start(foundation());
        let cc = connect(&server, token).with_version(version);
        assert_eq!(told(&cc, APP), existing, "{version:?} {token}");
        assert_eq!(told(&cc, STRANGER), missing, "{version:?} {token}");
        // Hidden is not deleted: the event of a space that may not be seen is not seen either.
        server.update(|f| f.delete_app(APP, DELETED_AT));
        let deleted = if token == GLOBAL { "Deleted o/s/proxy" } else { missing };
        assert_eq!(told(&cc, APP), deleted, "{version:?} {token}");
    }
}

#[test]
fn a_token_for_one_space_sees_that_space() {
    let server = start(article().token_for_spaces("mine", &[SPACE]));
    for version in BOTH {
        assert_eq!(told(&connect(&server, "mine").with_version(version), APP), "Live o/s/proxy");
    }
}

#[test]
fn the_root_document_decides_which_api_is_spoken() {
    for (foundation, version) in [
        (article(), ApiVersion::V3),
        (article().without_v2(), ApiVersion::V3),
        (article().without_v3(), ApiVersion::V2),
    ] {
        let server = start(foundation);
        let cc = connect(&server, GLOBAL);
        assert_eq!(cc.version().unwrap(), version);
        assert_eq!(told(&cc, APP), "Live o/s/proxy");
        let roots: Vec<_> = server.requests().into_iter().filter(|r| r.target == "/").collect();
        assert_eq!(roots.len(), 1, "asked once");
        assert!(!roots[0].authorized, "and without the token");
    }
}

#[test]
fn a_foundation_before_root_documents_is_v2() {
    let server = start(article());
    server.intercept(|request| {
        let body = br#"{"description":"Unknown request","error_code":"CF-NotFound","code":10000}"#;
        let answer = http::Response::builder().status(404).body(body.to_vec()).unwrap();
        (request.uri().path() == "/").then_some(answer)
    });
    let cc = connect(&server, GLOBAL);
    assert_eq!(cc.version().unwrap(), ApiVersion::V2);
    server.update(|f| f.v2 = false);
    assert_eq!(connect(&server, GLOBAL).version().unwrap_err(), Error::V2Disabled);
}

#[test]
fn a_v2_that_is_switched_off_deletes_nobody() {
    let server = start(article().without_v2());
    let err = one(&over(&server, ApiVersion::V2), APP).unwrap_err();
    assert_eq!(err, Error::V2Disabled);
}

/// Returns as many apps as asked for, all in the article's space, and their GUIDs.
fn many(count: u128) -> (Foundation, Vec<Guid>) {
    let guids: Vec<Guid> = (1..=count).map(Guid::from_u128).collect();
    let add =
        |foundation: Foundation, guid: &Guid| foundation.app(&guid.to_string(), "many", SPACE);
    (guids.iter().fold(article(), add), guids)
}

#[test]
fn requests_grow_with_pages_and_not_with_ids() {
    let (foundation, guids) = many(450);
    let server = start(foundation);
    let cc = over(&server, ApiVersion::V3);
    let twice: Vec<Guid> = guids.iter().chain(&guids).copied().collect();
    let found = cc.resolve(&twice).unwrap();
    assert_eq!(found.len(), 450);
    for (id, identity) in found {
        assert_eq!(identity.app.unwrap().guid, id.to_string());
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 3, "450 ids, each asked for once: {requests:?}");
    for request in requests {
        let (_, guids) = request.target.split_once("guids=").unwrap();
        let count = guids.split('&').next().unwrap().split(',').count();
        assert!(count <= BATCH && request.target.len() < 8000, "{count}");
    }
}

#[test]
fn deleted_and_missing_ones_come_in_batches_too() {
    let (foundation, guids) = many(450);
    let server = start(foundation);
    server.update(|f| {
        for guid in &guids[..225] {
            f.delete_app(&guid.to_string(), DELETED_AT);
        }
    });
    let missing = (1000..1200).map(Guid::from_u128);
    let ids: Vec<Guid> = guids.into_iter().chain(missing).collect();
    let found = over(&server, ApiVersion::V3).resolve(&ids).unwrap();
    let states: Vec<AppState> = ids.iter().map(|id| found[id].state).collect();
    assert!(states[..225].iter().all(|s| *s == AppState::Deleted));
    assert!(states[225..450].iter().all(|s| *s == AppState::Live));
    assert!(states[450..].iter().all(|s| *s == AppState::Unknown));
    // 650 ids: 4 of apps; 425 open ones: 3 each of processes, tasks, builds and events; 1 each of
    // the three searches.
    let requests = server.requests().len();
    assert!(requests <= 4 + 4 * 3 + 3 + 2, "{requests}");
}

#[test]
fn later_pages_are_read_wherever_the_server_says_they_are() {
    let (mut foundation, guids) = many(60);
    // As behind a tunnel: the foundation has another address for itself.
    foundation.external_url = Some("https://api.elsewhere.example".into());
    let server = start(foundation);
    server.intercept(shorten_pages);
    let found = over(&server, ApiVersion::V3).resolve(&guids).unwrap();
    assert!(found.values().all(|identity| identity.path().as_deref() == Some("o/s/many")));
    assert_eq!(server.requests().len(), 4, "60 apps at 25 a page, after one at 200");
}

/// Answers the first request by sending the client to pages of 25, which are the server's own.
fn shorten_pages(request: &http::Request<Vec<u8>>) -> Option<http::Response<Vec<u8>>> {
    let target = request.uri().path_and_query()?.as_str();
    if !target.starts_with("/v3/apps") || !target.contains("per_page=200") {
        return None;
    }
    let next = target.replace("per_page=200", "per_page=25&page=1");
    let body = format!(
        r#"{{"pagination":{{"next":{{"href":"https://evil.example{next}"}}}},"resources":[]}}"#
    );
    Some(http::Response::new(body.into_bytes()))
}

#[test]
fn v2s_events_are_read_to_the_last_page() {
    let mut foundation = article();
    for _ in 0..120 {
        let update = foundation.events.iter().find(|e| e.target == APP).unwrap().clone();
        foundation.events.push(update);
    }
    foundation.delete_app(APP, DELETED_AT);
    assert_eq!(told(&over(&start(foundation), ApiVersion::V2), APP), "Deleted o/s/proxy");
}

#[test]
fn a_renamed_app_is_deleted_under_its_last_name() {
    for version in BOTH {
        let mut foundation = article();
        foundation.apps[0].name = "proxy2".into();
        foundation.delete_app(APP, DELETED_AT);
        assert_eq!(told(&over(&start(foundation), version), APP), "Deleted o/s/proxy2");
    }
}

#[test]
fn a_cloud_controller_without_audit_events_still_finds_the_living() {
    // Korifi has none, and no deployments either.
    let server = start(article());
    server.intercept(|request| {
        let path = request.uri().path();
        let missing = ["/v3/audit_events", "/v3/deployments", "/v3/tasks", "/v3/builds"];
        let body =
            br#"{"errors":[{"detail":"Unknown request","title":"CF-NotFound","code":10000}]}"#;
        let answer = http::Response::builder().status(404).body(body.to_vec()).unwrap();
        missing.contains(&path).then_some(answer)
    });
    let cc = over(&server, ApiVersion::V3);
    assert_eq!(told(&cc, WORKER), "Live o/s/proxy");
    let stranger = one(&cc, STRANGER).unwrap();
    assert_eq!(stranger, Identity::unavailable("this Cloud Controller has no list of tasks"));
}

#[test]
fn a_cache_asks_once_and_again_for_what_was_not_found() {
    let server = start(article());
    let cc = Cached::new(over(&server, ApiVersion::V3));
    assert_eq!(told(&cc, APP), "Live o/s/proxy");
    assert_eq!(told(&cc, STRANGER), "Unknown");
    let before = server.requests().len();
    assert_eq!(told(&cc, STRANGER), "Unknown");
    assert_eq!(told(&cc, APP), "Live o/s/proxy");
    assert_eq!(server.requests().len(), before);
    server.update(|f| *f = std::mem::take(f).app(STRANGER, "late", SPACE));
    cc.forget_unresolved();
    assert_eq!(told(&cc, STRANGER), "Live o/s/late");
    server.update(|f| f.apps[0].name = "renamed".into());
    assert_eq!(told(&cc, APP), "Live o/s/proxy");
    cc.clear();
    assert_eq!(told(&cc, APP), "Live o/s/renamed");
}

#[test]
fn a_cache_does_not_remember_failures() {
    let server = start(article());
    server.intercept(|_| Some(http::Response::builder().status(503).body(Vec::new()).unwrap()));
    let cc = Cached::new(over(&server, ApiVersion::V3));
    assert!(cc.resolve(&[guid(APP)]).unwrap_err().is_temporary());
    server.intercept(|_| None);
    assert_eq!(told(&cc, APP), "Live o/s/proxy");
}

#[test]
fn nothing_is_asked_for_no_ids() {
    let server = start(article());
    assert!(connect(&server, GLOBAL).resolve(&[]).unwrap().is_empty());
    assert!(server.requests().is_empty());
}

#[test]
fn a_resolution_says_how_it_is_known_and_whether_the_token_would_have_seen_more() {
    let at = |text: &str| Timestamp::parse(text.as_bytes()).unwrap();
    let deleted = Provenance::Deleted { at: Some(at(DELETED_AT)) };
    let mut foundation = article();
    foundation.delete_app(APP, DELETED_AT);
    let foundation = foundation.app(THIRD_WEB, "other", SPACE).token_for_spaces("opaque", &[]);
    let server = start(foundation);
    let now = at("2017-06-24T00:00:00Z");
    let hidden = [Provenance::Hidden; 3];
    let unavailable = [Provenance::Unavailable; 3];
    for (token, reach, wanted) in [
        (GLOBAL, Reach::Global, [Provenance::Listed, deleted, Provenance::Unknown]),
        (LIMITED, Reach::Limited, hidden),
        ("opaque", Reach::Opaque, unavailable),
    ] {
        let cc = connect(&server, token).with_clock(Clock::new(move || now));
        let guids = [THIRD_WEB, APP, STRANGER].map(guid);
        let found = listed(&guids, &cc.resolve_in_full(&guids).unwrap());
        let known: Vec<Provenance> = found.iter().map(|one| one.provenance).collect();
        assert_eq!(known, wanted, "{token}");
        assert!(found.iter().all(|one| one.reach == reach), "{token}");
        assert!(found.iter().all(|one| one.events_since == at("2017-05-24T00:00:00Z")), "{token}");
    }
}

#[test]
fn an_app_has_the_name_that_it_had_when_it_was_seen() {
    let mut foundation = article();
    let mut rename = |at: &str, name: &str| {
        let mut event = foundation.events.iter().find(|e| e.target == APP).unwrap().clone();
        event.kind = "audit.app.update".into();
        event.at = at.into();
        event.target_name = name.into();
        event.data =
            serde_json::from_str(&format!(r#"{{"request":{{"name":"{name}"}}}}"#)).unwrap();
        foundation.events.push(event);
    };
    rename("2017-06-18T00:00:00Z", "second");
    rename("2017-06-20T00:00:00Z", "third");
    foundation.apps[0].name = "third".into();
    let server = start(foundation);
    let at = |text: &str| Timestamp::parse(text.as_bytes()).unwrap();
    let now = at("2017-06-24T00:00:00Z");
    let cc = over(&server, ApiVersion::V3).with_clock(Clock::new(move || now)).with_history();
    let times = ["2017-06-15", "2017-06-17", "2017-06-18", "2017-06-19", "2017-06-21"];
    // The worker too: the app's name counts.
    let guids = [APP, WORKER].map(guid);
    let wanted = [None, Some("proxy"), Some("second"), Some("second"), Some("third")];
    let found = cc.resolve_in_full(&guids).unwrap();
    for id in guids {
        let then = |day: &str| found[&id].identity.history.at(at(&format!("{day}T00:00:00Z")));
        assert_eq!(times.map(|day| then(day).app), wanted, "{id}");
        assert_eq!(found[&id].identity.path().as_deref(), Some("o/s/third"));
    }
    server.update(|f| f.delete_app(APP, DELETED_AT));
    let found = cc.resolve_in_full(&guids[..1]).unwrap();
    let then = |day: &str| found[&guids[0]].identity.history.at(at(&format!("{day}T00:00:00Z")));
    assert_eq!(times.map(|day| then(day).app), wanted, "also when it is gone");
}

/// Returns an event about the article's app, with these details and this actor.
fn event(kind: &str, data: serde_json::Value, actor: Option<&str>) -> Event {
    let serde_json::Value::Object(data) = data else { panic!("details are an object") };
    Event {
        kind: format!("audit.app.{kind}"),
        at: "2017-06-20T00:00:00Z".into(),
        target: APP.into(),
        target_type: "app".into(),
        target_name: "proxy".into(),
        space: Some(SPACE.into()),
        org: Some(ORG.into()),
        actor: actor.map(Into::into),
        data,
    }
}

#[test]
fn all_that_ran_of_a_deleted_app_is_found_by_its_events() {
    const CRASHED: &str = "cccccccc-0000-4000-8000-000000000001";
    const SCALED: &str = "cccccccc-0000-4000-8000-000000000002";
    let mut foundation = article();
    foundation.events.extend([
        event("task.create", json!({ "task_guid": TASK }), None),
        event("build.create", json!({ "build_guid": BUILD }), None),
        event("process.scale", json!({ "process_guid": SCALED, "process_type": "web" }), None),
        event("process.crash", json!({}), Some(CRASHED)),
    ]);
    foundation.delete_app(APP, DELETED_AT);
    let server = start(foundation);
    let all = [APP, WORKER, TASK, BUILD, SCALED, CRASHED];
    let cc = over(&server, ApiVersion::V3);
    let found = cc.resolve(&all.map(guid)).unwrap();
    for id in all {
        assert_eq!(found[&guid(id)].state, AppState::Deleted, "{id}");
        assert_eq!(found[&guid(id)].path().as_deref(), Some("o/s/proxy"), "{id}");
    }
    assert_eq!(found[&guid(SCALED)].process_type.as_deref(), Some("web"));
    assert_eq!(told(&cc, STRANGER), "Unknown");
}

#[test]
fn lists_that_cannot_be_filtered_are_read_once_and_then_only_what_is_new() {
    let now = Arc::new(AtomicI64::new(1_498_212_000));
    let reading = Arc::clone(&now);
    let clock =
        Clock::new(move || Timestamp::from_nanos(reading.load(Ordering::SeqCst) * 1_000_000_000));
    let mut foundation = article();
    for n in 0..30 {
        foundation.rolling_deployment(APP, &Guid::from_u128(n).to_string());
    }
    let server = start(foundation);
    // Five things a page.
    let http = HttpTransport::new().unwrap();
    let narrow = move |request: http::Request<Vec<u8>>| {
        let (mut parts, body) = request.into_parts();
        let uri = parts.uri.to_string().replace("per_page=1000", "per_page=5");
        parts.uri = uri.parse().unwrap();
        http.send(http::Request::from_parts(parts, body))
    };
    let cc = CloudController::new(narrow, &server.url(), Token::new(GLOBAL).unwrap()).unwrap();
    let cc = cc.with_clock(clock);
    let searches = || {
        let requests = server.requests();
        let targets = requests.iter().map(|request| request.target.as_str());
        targets.filter(|target| target.starts_with("/v3/deployments")).count()
    };
    let strangers = |n: u128| [Guid::from_u128(1000 + n)];
    assert_eq!(cc.resolve(&strangers(0)).unwrap()[&strangers(0)[0]].state, AppState::Unknown);
    assert_eq!(searches(), 6, "30 deployments");
    for n in 1..20 {
        cc.resolve(&strangers(n)).unwrap();
        assert_eq!(told(&cc, &Guid::from_u128(n).to_string()), "Live o/s/proxy");
    }
    assert_eq!(searches(), 6, "never again");
    // Ten minutes later, the first page shows whether there is anything new.
    now.fetch_add(600, Ordering::SeqCst);
    cc.resolve(&strangers(20)).unwrap();
    assert_eq!(searches(), 7);
    server.update(|f| {
        for n in 30..37 {
            f.rolling_deployment(APP, &Guid::from_u128(n).to_string());
        }
    });
    now.fetch_add(600, Ordering::SeqCst);
    assert_eq!(told(&cc, &Guid::from_u128(31).to_string()), "Live o/s/proxy");
    assert_eq!(searches(), 9, "7 new ones, on two pages");
}

#[test]
fn a_search_that_is_cut_is_no_proof() {
    let mut foundation = article();
    for n in 0..1500 {
        foundation.rolling_deployment(APP, &Guid::from_u128(n).to_string());
    }
    let server = start(foundation);
    let cc = over(&server, ApiVersion::V3).with_search_pages(1);
    assert_eq!(told(&cc, &Guid::from_u128(1400).to_string()), "Live o/s/proxy");
    let oldest = one(&cc, &Guid::from_u128(3).to_string()).unwrap();
    let why = "the search of the deployments ended after 1 pages";
    assert_eq!(oldest, Identity::unavailable(why));
    // Also in front of a cache, and not for long.
    let cached = Cached::new(cc);
    assert_eq!(told(&cached, STRANGER), "Unavailable");
    let other = Cached::new(over(&server, ApiVersion::V3));
    assert_eq!(other.restore(&cached.dump("f"), "f").unwrap(), 0, "it is not in the file");
}

#[test]
fn a_cloud_controller_without_include_is_asked_for_spaces_and_orgs() {
    let server = start(article());
    server.intercept(|request| {
        let body = r#"{"errors":[{"detail":"The query parameter is invalid: Unknown query parameter(s): 'include'. Valid parameters are: 'guids'","title":"CF-BadQueryParameter","code":10005}]}"#;
        let answer = http::Response::builder().status(400).body(body.into()).unwrap();
        request.uri().query().is_some_and(|query| query.contains("include=")).then_some(answer)
    });
    assert_eq!(told(&over(&server, ApiVersion::V3), APP), "Live o/s/proxy");
    let requests = server.requests();
    let refused = requests.iter().filter(|r| r.target.contains("include=")).count();
    assert_eq!(refused, 1, "it is learnt: {requests:?}");
}

#[test]
fn spaces_and_orgs_have_the_names_that_they_had_then() {
    let mut foundation = article();
    let rename = |kind: &str, at: &str, target: &str, name: &str| Event {
        kind: format!("audit.{kind}.update"),
        at: at.into(),
        target: target.into(),
        target_type: kind.into(),
        target_name: name.into(),
        ..event("update", json!({ "request": { "name": name } }), None)
    };
    foundation.events.extend([
        rename("space", "2017-06-18T00:00:00Z", SPACE, "s2"),
        rename("space", "2017-06-20T00:00:00Z", SPACE, "s3"),
        rename("organization", "2017-06-19T00:00:00Z", ORG, "o2"),
    ]);
    foundation.spaces[0].name = "s3".into();
    foundation.orgs[0].name = "o2".into();
    let server = start(foundation);
    let cc = over(&server, ApiVersion::V3).with_clock(stopped()).with_history();
    let found = cc.resolve_in_full(&[guid(APP)]).unwrap();
    let history = &found[&guid(APP)].identity.history;
    let at = |day: &str| {
        let then = history.at(Timestamp::parse(format!("{day}T00:00:00Z").as_bytes()).unwrap());
        (then.space, then.org)
    };
    assert_eq!(at("2017-06-18"), (Some("s2"), Some("o")));
    assert_eq!(at("2017-06-19"), (Some("s2"), Some("o2")));
    assert_eq!(at("2017-06-21"), (Some("s3"), Some("o2")));
}

#[test]
fn a_page_that_does_not_show_whether_more_follow_is_not_the_last_one() {
    for (pagination, why) in [
        ("", "nothing in it shows whether more pages follow"),
        (r#""pagination":{},"#, "nothing in it shows"),
        (r#""pagination":{"next":5},"#, "malformed"),
        (r#""pagination":{"next":{"href":5}},"#, "malformed"),
        (r#""next_url":[],"#, "malformed"),
    ] {
        let answer = move |_: http::Request<Vec<u8>>| {
            Ok(http::Response::new(format!(r#"{{{pagination}"resources":[]}}"#).into_bytes()))
        };
        let cc = CloudController::new(answer, "https://api", Token::new(GLOBAL).unwrap()).unwrap();
        let err = one(&cc.with_version(ApiVersion::V3), APP).unwrap_err();
        assert!(matches!(err, Error::Unreadable { .. }), "{err:?}");
        assert!(err.to_string().contains(why), "{pagination}: {err}");
    }
}

#[test]
fn an_answer_that_is_none_says_what_it_is() {
    let page = r#"{"pagination":{"next":null},"resources":[]}"#;
    let deep = "[".repeat(1000) + &"]".repeat(1000);
    let many = format!(r#"{{"resources":[{}{{}}]}}"#, r#"{"a":0},"#.repeat(5000));
    let large = format!(r#"{{"x":"{}"}}"#, "y".repeat(64 << 20));
    for (body, why) in [
        (b"\x1f\x8b\x08\x00".to_vec(), "it is compressed"),
        (b"<html>".to_vec(), "it is HTML"),
        (b"".to_vec(), "it is empty"),
        (b"{\"resources\":[{\"guid\":\"\xff\"}]}".to_vec(), "not valid JSON"),
        (page.as_bytes()[..20].to_vec(), "it ends early"),
        (format!("{page}{page}").into_bytes(), "more follows"),
        (deep.into_bytes(), "nested too deeply"),
        (many.into_bytes(), "more things than a page can hold"),
        (large.into_bytes(), "larger than 64 MB"),
    ] {
        let answer = |_: http::Request<Vec<u8>>| Ok(http::Response::new(body.clone()));
        let cc = CloudController::new(answer, "https://api", Token::new(GLOBAL).unwrap()).unwrap();
        let err = one(&cc.with_version(ApiVersion::V3), APP).unwrap_err().to_string();
        assert!(err.contains(why), "{why}: {err}");
        assert!(err.contains("the answer to /v3/apps?guids="), "{err}");
    }
    // A byte order mark does no harm.
    let answer =
        |_: http::Request<Vec<u8>>| Ok(http::Response::new(format!("\u{feff}{page}").into_bytes()));
    let cc = CloudController::new(answer, "https://api", Token::new(GLOBAL).unwrap()).unwrap();
    assert_eq!(told(&cc.with_version(ApiVersion::V3), APP), "Unknown");
}
