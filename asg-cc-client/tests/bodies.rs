//! Bodies in the shapes of Cloud Controller and the UAA: each gives its values, its error, or a
//! refusal.
//!
//! The bodies in `fixtures` are our own: names, GUIDs and times are invented. Their members are
//! those of API 3.228.0 and 2.293.0 (`cloud_controller_ng`@3bbba906: `app/presenters`, `docs`), of
//! uaa@13dc87a6 and of the cf CLI's configuration, version 4.

mod common;

use asg_cc_client::api::{self, App, Body, Call, Event, Everywhere, Page, Space, v2, v3};
use asg_cc_client::auth::Grant;
use asg_cc_client::clock::Clock;
use asg_cc_client::error::RetryAfter;
use asg_cc_client::{CfConfig, CloudController, Error, Export, Login};
use common::{files, fixture};
use http::Response;
use serde_json::json;

const APP: &str = "fcbf9ee9-5fa3-4058-a96d-53383cad1e35";
const RYE: &str = "f9f76570-6c60-4843-860e-bb923ce59c39";
const GONE: &str = "fe668c0f-3e28-4099-8990-eb32eef6ac0a";
const SPACE: &str = "baaca29c-6231-4b44-b286-bcceeaf8df4a";
const ORG: &str = "c5a1618d-6eee-4efe-97f4-7bbcb5e6d768";
const WEB: &str = "979109ef-c528-47eb-b857-c4f6b6756cdd";
const WORKER: &str = "09e8f5a5-a5d7-4919-b8c3-b48fc7620f24";
const ROLLED: &str = "e12cfea8-87e4-490a-8000-17a9fdd82724";
const TASK: &str = "9f847cf2-a59c-45ac-9977-0099e77bac06";

/// The check of an error that was read.
type Expected = fn(&Error) -> bool;

#[test]
fn every_error_of_both_apis_gives_its_typed_error() {
    const NOT_FOUND: Expected = |e| matches!(e, Error::NotFound { errors } if errors.len() == 1);
    const FORBIDDEN: Expected = |e| matches!(e, Error::Forbidden { errors } if errors.len() == 1);
    const LIMITED: Expected = |e| *e == Error::RateLimited { retry: None };
    const BAD: Expected =
        |e| matches!(e, Error::Refused { status: 400, errors } if errors[0].code == 10005);
    const DOWN: Expected = |e| matches!(e, Error::Unavailable { errors, .. } if errors.len() == 1);
    // Codes and titles are those of `errors/v2.yml`, except the last three. The sentences are our
    // own.
    let table: [(u16, i64, &str, Expected); 23] = [
        (400, 10005, "CF-BadQueryParameter", BAD),
        (401, 1000, "CF-InvalidAuthToken", |e| *e == Error::TokenRejected),
        (401, 10002, "CF-NotAuthenticated", |e| *e == Error::NotLoggedIn),
        (403, 10003, "CF-NotAuthorized", FORBIDDEN),
        (403, 10007, "CF-InsufficientScope", FORBIDDEN),
        (404, 10000, "CF-NotFound", |e| *e == Error::NoSuchEndpoint),
        (404, 10010, "CF-ResourceNotFound", NOT_FOUND),
        (404, 30003, "CF-OrganizationNotFound", NOT_FOUND),
        (404, 40004, "CF-SpaceNotFound", NOT_FOUND),
        (404, 100_004, "CF-AppNotFound", NOT_FOUND),
        (404, 230_002, "CF-EventNotFound", NOT_FOUND),
        (404, 300_002, "CF-SecurityGroupNotFound", NOT_FOUND),
        (422, 10008, "CF-UnprocessableEntity", |e| matches!(e, Error::Refused { status: 422, .. })),
        (429, 10013, "CF-RateLimitExceeded", LIMITED),
        (429, 10014, "CF-IPBasedRateLimitExceeded", LIMITED),
        (429, 10018, "CF-RateLimitV2APIExceeded", LIMITED),
        (429, 20008, "CF-UaaRateLimited", LIMITED),
        (500, 10001, "UnknownError", DOWN),
        (502, 20004, "CF-UaaUnavailable", DOWN),
        (503, 10015, "CF-ServiceUnavailable", DOWN),
        (405, 10000, "CF-NotFound", |e| matches!(e, Error::Refused { status: 405, .. })),
        (410, 10010, "CF-ResourceNotFound", |e| matches!(e, Error::Refused { status: 410, .. })),
        (501, 10001, "CF-NotImplemented", DOWN),
    ];
    for (status, code, title, is_right) in table {
        let bodies = [
            json!({ "code": code, "error_code": title, "description": "the oven is cold" }),
            json!({ "errors": [{ "code": code, "title": title, "detail": "the oven is cold" }] }),
            json!({ "errors": [{ "code": code, "title": title, "detail": "", "new": [1] }], "new": 1 }),
        ];
        for body in bodies {
            let error = answer(status, &[], &body.to_string());
            assert!(is_right(&error), "{status} {body}: {error:?}");
            is_one_sentence_and_no_deletion(&error);
        }
    }
    let two = json!({ "errors": [
        { "code": 10008, "title": "CF-UnprocessableEntity", "detail": "Name is too long" },
        { "code": 10008, "title": "CF-UnprocessableEntity", "detail": "Rules[0]: ports are missing" },
    ] });
    let error = answer(422, &[], &two.to_string());
    assert!(matches!(&error, Error::Refused { errors, .. } if errors.len() == 2), "{error:?}");
    is_one_sentence_and_no_deletion(&error);
}

#[test]
fn answers_of_routers_and_limiters_give_their_typed_error() {
    let unavailable = |status| Error::Unavailable { status, errors: vec![] };
    let limited = Error::RateLimited { retry: Some(RetryAfter::Seconds(37)) };
    let v2_limit =
        json!({ "code": 10018, "error_code": "CF-RateLimitV2APIExceeded", "description": "" });
    let v3_limit =
        json!({ "errors": [{ "code": 10013, "title": "CF-RateLimitExceeded", "detail": "" }] });
    let text = ("Content-Type", "text/plain; charset=utf-8");
    let html = ("Content-Type", "text/html");
    for (status, headers, body, expected) in [
        (
            404,
            &[text, ("X-Cf-Routererror", "unknown_route")][..],
            "404 Not Found: no such route",
            Error::NoRoute,
        ),
        (
            502,
            &[text, ("X-Cf-Routererror", "endpoint_failure")],
            "502 Bad Gateway: no answer",
            unavailable(502),
        ),
        (503, &[html, ("Server", "nginx")], "closed for cleaning", unavailable(503)),
        // The limiters label JSON as text; for paths of neither API it is `null`.
        (
            429,
            &[text, ("Retry-After", "37"), ("X-RateLimit-Reset", "1714980000")],
            "null",
            limited.clone(),
        ),
        (429, &[text, ("Retry-After", "37")], &v2_limit.to_string(), limited.clone()),
        (429, &[text, ("Retry-After", "37")], &v3_limit.to_string(), limited),
        (404, &[html, ("Server", "nginx")], "V2 endpoints disabled\n", Error::V2Disabled),
    ] {
        let error = answer(status, headers, body);
        assert_eq!(error, expected, "{status} {body}");
        is_one_sentence_and_no_deletion(&error);
    }
    // `middleware/block_v3_only_roles.rb`: a page of HTML that names the role.
    let page = "Not for you. See section 'Space Supporter Role in V2' of the documentation";
    let error = answer(403, &[html], page);
    assert!(matches!(error, Error::Forbidden { .. }), "{error:?}");
    is_one_sentence_and_no_deletion(&error);
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Error {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Error::from_response(&response.body(body.into()).unwrap())
}

fn is_one_sentence_and_no_deletion(error: &Error) {
    let text = error.to_string();
    assert!(!text.contains("delete"), "{text}");
    assert!(!text.contains('\n') && text.contains(": "), "{text}");
}

/// Parses a fixture as the answer to this call.
fn parsed<T: Body>(call: &Call<T>, path: &str) -> T {
    let body = std::fs::read(fixture(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    call.parse(&Response::new(body)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[test]
fn every_list_of_v3_reads() {
    let all = [APP.to_owned()];
    let some = |text: &str| Some(text.to_owned());

    let root = parsed(&v3::root(), "v3/root.json");
    assert!(root.v2 && root.v3, "{root:?}");
    assert_eq!(root.uaa.as_deref(), Some("https://uaa.cf.example.net"));
    assert_eq!(root.login.as_deref(), Some("https://login.cf.example.net"));
    let root = parsed(&v3::root(), "v3/root_without_v2.json");
    assert_eq!((root.v2, root.v3, root.uaa), (false, true, None));
    let info = parsed(&v3::info(), "v3/info.json");
    assert_eq!((info.name, info.build), (some("bakery foundation"), some("cf-deployment v40.2.0")));
    let info = parsed(&v3::info(), "v3/info_empty.json");
    assert_eq!((info.name, info.build), (None, None));

    let call = &v3::apps(&all)[0];
    let page = parsed(call, "v3/apps.json");
    let app = |guid: &str, name| App { guid: guid.into(), name: some(name), space: some(SPACE) };
    assert_eq!(page.resources, [app(APP, "sourdough"), app(RYE, "rye")]);
    let next = call.next(&page).unwrap().unwrap();
    assert_eq!(next.target(), "/v3/apps?include=space.organization&page=2&per_page=2");

    let call = &v3::processes(&all)[0];
    let page = parsed(call, "v3/processes.json");
    let process = |at: usize| {
        let process: &api::Process = &page.resources[at];
        (process.guid.as_str(), process.app.as_deref(), process.process_type.as_deref())
    };
    assert_eq!(process(0), (WEB, Some(APP), Some("web")));
    assert_eq!(process(1), (WORKER, Some(APP), Some("proofing")));
    assert!(page.resources.len() == 2 && call.next(&page).unwrap().is_none());

    let page = parsed(&v3::tasks(&all)[0], "v3/tasks.json");
    let apps: Vec<_> = page.resources.iter().map(|work| work.app.as_deref()).collect();
    assert_eq!((page.resources[0].guid.as_str(), apps), (TASK, vec![Some(APP), Some(RYE)]));
    let page = parsed(&v3::builds(&all)[0], "v3/builds.json");
    let apps: Vec<_> = page.resources.iter().map(|work| work.app.as_deref()).collect();
    assert_eq!(apps, [Some(APP)]);

    let page = parsed(&v3::deployments(), "v3/deployments.json");
    assert_eq!(page.resources.len(), 1);
    assert_eq!(page.resources[0].app.as_deref(), Some(RYE));
    let [process] = &page.resources[0].new_processes[..] else { panic!("{page:?}") };
    assert_eq!((process.guid.as_str(), process.app.as_deref()), (ROLLED, Some(RYE)));

    let page = parsed(&v3::spaces(&all)[0], "v3/spaces.json");
    let space = Space { guid: SPACE.into(), name: some("öfen"), org: some(ORG) };
    assert_eq!((&page.resources[0], page.resources.len()), (&space, 2));
    let page = parsed(&v3::organizations(&all)[0], "v3/organizations.json");
    let names: Vec<_> = page.resources.iter().map(|org| org.name.as_deref()).collect();
    assert_eq!(names, [Some("bakery"), Some("café")]);
}

#[test]
fn every_audit_event_says_what_it_is_about() {
    let all = [APP.to_owned()];
    let page = parsed(&v3::audit_events(&all, &["audit.app.update"])[0], "v3/audit_events.json");
    insta::assert_snapshot!(events(&page), @r"
    audit.app.delete-request 2024-05-09T09:09:00Z pumpernickel run=- type=- renamed=- deletes=true
    audit.app.update 2024-05-08T09:08:00Z bread run=- type=- renamed=sourdough deletes=false
    audit.app.process.crash 2024-05-08T09:08:00Z sourdough run=979109ef-c528-47eb-b857-c4f6b6756cdd type=- renamed=- deletes=false
    audit.app.task.create 2024-05-08T09:08:00Z sourdough run=9f847cf2-a59c-45ac-9977-0099e77bac06 type=- renamed=migrate deletes=false
    audit.app.process.create 2024-05-07T09:07:00Z sourdough run=09e8f5a5-a5d7-4919-b8c3-b48fc7620f24 type=proofing renamed=- deletes=false
    ");
    for (list, expected) in
        [("v2/events.json", &["sourdough", "-", "-"][..]), ("v2/space_events.json", &["öfen"])]
    {
        let page = parsed(&v2::events(APP), list);
        let renamed: Vec<_> =
            page.resources.iter().map(|event| shown(event.renamed_to.as_ref())).collect();
        assert_eq!(renamed, expected, "{list}");
        assert!(page.resources.iter().all(|e| e.at.is_some() && e.target.is_some()), "{list}");
        assert!(page.resources.iter().all(|e| e.org.as_deref() == Some(ORG)), "{list}");
    }
    let deleted = parsed(&v2::events(APP), "v2/events.json").resources.pop().unwrap();
    assert!(deleted.deletes_app() && deleted.target.as_deref() == Some(APP), "{deleted:?}");
}

fn events(page: &Page<Event>) -> String {
    let one = |event: &Event| {
        let (run, kind) = (shown(event.run.as_ref()), shown(event.process_type.as_ref()));
        format!(
            "{} {} {} run={run} type={kind} renamed={} deletes={}",
            event.kind,
            event.at.unwrap(),
            shown(event.target_name.as_ref()),
            shown(event.renamed_to.as_ref()),
            event.deletes_app()
        )
    };
    page.resources.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn shown(text: Option<&String>) -> &str {
    text.map_or("-", String::as_str)
}

#[test]
fn every_security_group_keeps_its_rules_and_bindings() {
    let running = Everywhere { running: true, staging: false };
    let staging = Everywhere { running: false, staging: true };
    let both = Everywhere { running: true, staging: true };
    assert_ne!(running, staging);
    for (call, list, bound) in [
        (v3::all_security_groups(), "v3/security_groups.json", true),
        (v3::running_security_groups(SPACE), "v3/running_security_groups.json", true),
        (v3::staging_security_groups(SPACE), "v3/staging_security_groups.json", true),
        (v2::running_security_groups(SPACE), "v2/space_security_groups.json", false),
        (v2::all_security_groups(), "v2/security_groups.json", false),
    ] {
        let page = parsed(&call, list);
        let mills = &page.resources[0];
        assert_eq!((mills.name.as_deref(), mills.everywhere), (Some("mills"), staging), "{list}");
        assert_eq!(mills.rules.len(), 3, "{list}");
        assert!(mills.rules[0].contains(r#""ports":"443,8443""#), "{list}: {mills:?}");
        assert_eq!(mills.running_spaces.iter().any(|space| space == SPACE), bound, "{list}");
        let dns = page.resources.get(1);
        assert!(dns.is_none_or(|dns| dns.everywhere == both && dns.rules.is_empty()), "{list}");
    }
    let group = parsed(&v2::security_group(APP), "v2/security_group.json");
    assert_eq!((group.everywhere, group.rules.len()), (staging, 3));
    let page = parsed(&v2::staging_security_groups(SPACE), "v2/space_staging_security_groups.json");
    assert_eq!(page.resources[0].everywhere, both);
}

#[test]
fn every_resource_of_v2_reads() {
    let app = parsed(&v2::app(APP), "v2/app.json");
    let expected =
        App { guid: APP.into(), name: Some("sourdough".into()), space: Some(SPACE.into()) };
    assert_eq!(app, expected);
    let space = parsed(&v2::space(SPACE), "v2/space.json");
    assert_eq!((space.name.as_deref(), space.org.as_deref()), (Some("öfen"), Some(ORG)));
    let org = parsed(&v2::organization(ORG), "v2/organization.json");
    assert_eq!(org.name.as_deref(), Some("bakery"));
    let info = parsed(&v2::info(), "v2/info.json");
    assert_eq!(info.api_version.as_deref(), Some("2.211.0"));
    let call = v2::all_apps();
    let page = parsed(&call, "v2/apps.json");
    assert_eq!((&page.resources[0], page.resources.len()), (&expected, 2));
    let next = call.next(&page).unwrap().unwrap();
    assert_eq!(next.target(), "/v2/apps?order-direction=asc&page=2&results-per-page=2");
    assert_eq!(parsed(&v2::all_spaces(), "v2/spaces.json").resources.len(), 2);
    assert_eq!(parsed(&v2::all_organizations(), "v2/organizations.json").resources.len(), 1);
}

#[test]
fn every_answer_of_a_uaa_gives_its_token_or_its_error() {
    let answers = files("uaa");
    assert_eq!(answers.len(), 8);
    for (name, bytes) in answers {
        let body: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let seen = std::sync::Mutex::new(None);
        let transport = |request: http::Request<Vec<u8>>| {
            let text = |text: &str| Ok(Response::new(text.as_bytes().to_vec()));
            match request.uri().path() {
                "/" => text(r#"{"links":{"cloud_controller_v3":{},"login":{"href":"https://l"}}}"#),
                "/oauth/token" => {
                    assert_eq!(request.uri().host(), Some("l"));
                    let status = if name.starts_with("error") { 401 } else { 200 };
                    Ok(Response::builder().status(status).body(bytes.clone()).unwrap())
                }
                _ => {
                    let header = request.headers()["authorization"].to_str().unwrap().to_owned();
                    *seen.lock().unwrap() = Some(header);
                    text(r#"{"pagination":{"next":null},"resources":[]}"#)
                }
            }
        };
        let login = Login::new(Grant::password("baker", "rye"));
        // Long ago, so that every token still lives.
        let long_ago = Clock::new(|| asg_core::Timestamp::from_nanos(1_400_000_000_000_000_000));
        let cc = CloudController::new(transport, "https://api.example.org", login).unwrap();
        let cc = cc.with_clock(long_ago);
        let result = common::one(&cc, APP);
        if name.starts_with("error") {
            let Err(Error::Login { error, description }) = result else { panic!("{name}") };
            assert_eq!(body["error"], error, "{name}");
            assert_eq!(body["error_description"].as_str().unwrap_or_default(), description);
        } else {
            let token = body["access_token"].as_str().unwrap();
            assert_eq!(seen.lock().unwrap().as_deref(), Some(format!("Bearer {token}").as_str()));
        }
    }
}

/// Bodies about other things than resources: an export refuses them.
const OTHERS: [&str; 11] = [
    "v2/app_summary.json",
    "v3/app_current_droplet.json",
    "v3/info_usage_summary.json",
    "v3/organization_usage_summary.json",
    "v3/process_instance.json",
    "v3/process_instances.json",
    "v3/process_stats.json",
    "v3/security_group_running_spaces.json",
    "v3/space_isolation_segment.json",
    "v3/space_usage_summary.json",
    "v3/v3_root.json",
];

#[test]
fn an_export_recognises_every_resource_and_refuses_everything_else() {
    let refused = |folder: &str| -> (usize, Vec<String>) {
        let files = files(folder);
        let is_refused = |bytes: &[u8]| Export::from_pages([bytes]).is_err();
        let names = files.iter().filter(|(_, bytes)| is_refused(bytes));
        (files.len(), names.map(|(name, _)| format!("{folder}/{name}")).collect())
    };
    let ((v2, not_v2), (v3, not_v3), (uaa, not_uaa)) =
        (refused("v2"), refused("v3"), refused("uaa"));
    assert_eq!([not_v2, not_v3].concat(), OTHERS);
    assert_eq!((v2, v3, uaa, not_uaa.len()), (15, 34, 8, 8));
    let broken = br#"{"resources":[{"metadata":{"guid":"g"} "entity":{}}]}"#;
    assert!(Export::from_pages([&broken[..]]).is_err(), "a comma is missing");
}

#[test]
fn an_export_of_saved_lists_names_apps_processes_tasks_and_the_deleted() {
    let lists = ["apps", "app", "processes", "tasks", "deployments", "audit_events", "spaces"];
    let pages = lists.map(|list| std::fs::read(fixture(&format!("v3/{list}.json"))).unwrap());
    let export = Export::from_pages(pages.iter().map(Vec::as_slice)).unwrap();
    for (guid, expected) in [
        (APP, "Live bakery/öfen/sourdough"),
        (WEB, "Live bakery/öfen/sourdough"),
        (WORKER, "Live bakery/öfen/sourdough"),
        (TASK, "Live bakery/öfen/sourdough"),
        (ROLLED, "Live bakery/öfen/rye"),
        (GONE, "Deleted café/counter/pumpernickel"),
        // No builds were saved, so it may be the GUID of one.
        (ORG, "Unavailable"),
    ] {
        assert_eq!(common::told(&export, guid), expected, "{guid}");
    }
    let groups = std::fs::read(fixture("v3/security_groups.json")).unwrap();
    let export = Export::from_pages([&groups[..]]).unwrap();
    assert_eq!(export.security_groups().len(), 2);
}

#[test]
fn the_cf_clis_own_configuration_reads() {
    let config = CfConfig::load(&fixture("cf_cli_config.json")).unwrap();
    assert_eq!(config.target, "https://api.cf.example.net");
    assert!(!config.ssl_disabled);
    assert!(!format!("{config:?}").contains("eyJ"), "{config:?}");
    assert!(api::Address::parse(&config.target).is_ok());
}
