//! Cloud Controller's own published bodies and errors: all of them must read.

mod common;

use std::fs;

use asg_cc_client::api::{self, Call, v2, v3};
use asg_cc_client::{CfConfig, Clock, CloudController, Error, Export, Grant, Login, RetryAfter};
use common::{files, official};
use http::Response;

#[test]
fn every_official_error_gives_its_typed_error() {
    let Some(folder) = official("errors") else { return };
    let files = files(&folder);
    assert!(files.len() >= 45, "{}", files.len());
    for (name, bytes) in files {
        let response = if bytes.starts_with(b"HTTP/") {
            raw(&bytes)
        } else {
            let status: u16 =
                name.split('_').nth(1).unwrap().trim_end_matches(".json").parse().unwrap();
            Response::builder().status(status).body(bytes).unwrap()
        };
        let err = Error::from_response(&response);
        let text = err.to_string();
        assert!(!text.contains("delete"), "{name}: {text}");
        assert!(!text.contains('\n') && text.contains(": "), "one sentence: {text}");
        let right = match name.trim_end_matches(".json").trim_end_matches(".http") {
            "gorouter_404_unknown_route" => err == Error::NoRoute,
            "gorouter_502" => err == Error::Unavailable { status: 502, errors: vec![] },
            "maintenance_503" => err == Error::Unavailable { status: 503, errors: vec![] },
            "root_429_null_body" | "v2_429" | "v3_429" => {
                err == Error::RateLimited { retry: Some(RetryAfter::Seconds(1743)) }
            }
            "v2_disabled_404" => err == Error::V2Disabled,
            "v2_space_supporter_403" => matches!(err, Error::Forbidden { .. }),
            other => match &other[3..] {
                "401_invalid_auth_token" => err == Error::TokenRejected,
                "401_not_authenticated" => err == Error::NotLoggedIn,
                "404_unknown_request" => err == Error::NoSuchEndpoint,
                "422_multi" => matches!(&err, Error::Refused { errors, .. } if errors.len() == 2),
                kind => match &kind[..3] {
                    "400" => {
                        matches!(&err, Error::Refused { status: 400, errors } if errors[0].code == 10005)
                    }
                    "403" => {
                        matches!(&err, Error::Forbidden { errors } if matches!(errors[0].code, 10003 | 10007))
                    }
                    "404" => matches!(&err, Error::NotFound { errors } if errors.len() == 1),
                    "429" => err == Error::RateLimited { retry: None },
                    "500" | "502" | "503" => {
                        matches!(&err, Error::Unavailable { errors, .. } if errors.len() == 1)
                    }
                    _ => false,
                },
            },
        };
        assert!(right, "{name}: {err:?}");
    }
}

#[test]
fn every_official_body_reads() {
    let Some(v2_folder) = official("v2") else { return };
    let v3_folder = official("v3").unwrap();
    let guid = "15b3885d-0351-4b9b-8697-86641668c123";
    let all = [guid.to_owned()];
    let read = |version: &str, path: &str| {
        let folder = if version == "v2" { &v2_folder } else { &v3_folder };
        Response::new(fs::read(folder.join(path)).unwrap_or_else(|e| panic!("{path}: {e}")))
    };
    let app = v2::app(guid).read(&read("v2", "app.json")).unwrap();
    assert_eq!(app.name.as_deref(), Some("name-2401"));
    assert_eq!(app.space.as_deref(), Some("7846301e-c84c-4ba9-9c6a-2dfdae948d52"));
    let space = v2::space(guid).read(&read("v2", "space.json")).unwrap();
    assert_eq!(space.org.as_deref(), Some("6e1ca5aa-55f1-4110-a97f-1f3473e771b9"));
    assert!(v2::organization(guid).read(&read("v2", "organization.json")).unwrap().name.is_some());
    assert_eq!(
        v2::info().read(&read("v2", "info.json")).unwrap().api_version.as_deref(),
        Some("2.293.0")
    );
    for list in ["events_list.json", "events_list_q_actee_timestamp.json", "space_events_list.json"]
    {
        let page = v2::events(guid).read(&read("v2", list)).unwrap();
        assert!(!page.resources.is_empty(), "{list}");
        assert!(page.resources.iter().all(|e| e.at.is_some() && e.target.is_some()), "{list}");
    }

    let root = v3::root().read(&read("v3", "root/global_root.json")).unwrap();
    assert!(root.v2 && root.v3 && root.uaa.is_some() && root.login.is_some());
    for info in ["info/populated_info.json", "info/empty_info.json"] {
        v3::info().read(&read("v3", info)).unwrap();
    }
    let first = |call: &Call<_>, path: &str| call.read(&read("v3", path)).unwrap();
    let apps = first(&v3::apps(&all)[0], "apps/paginated_list_of_apps.json");
    assert_eq!(apps.resources[0].space.as_deref(), Some("2f35885d-0c9d-4423-83ad-fd05066f8576"));
    let next = v3::apps(&all)[0].next(&apps).unwrap().unwrap();
    assert_eq!(next.target(), "/v3/apps?page=2&per_page=2");
    let page = v3::processes(&all)[0]
        .read(&read("v3", "processes/paginated_list_of_processes.json"))
        .unwrap();
    assert!(page.resources.iter().all(|p| p.app.is_some() && p.process_type.is_some()));
    let page = v3::deployments()
        .read(&read("v3", "deployments/paginated_list_of_deployments.json"))
        .unwrap();
    assert!(page.resources.iter().all(|d| d.app.is_some() && !d.new_processes.is_empty()));
    let events = v3::audit_events(&all, &["audit.app.update"]);
    let page =
        events[0].read(&read("v3", "audit_events/paginated_list_of_audit_events.json")).unwrap();
    assert_eq!(page.resources[0].target_name.as_deref(), Some("my-app"));
    for (calls, list) in [
        (v3::tasks(&all), "tasks/paginated_list_of_tasks.json"),
        (v3::builds(&all), "builds/paginated_list_of_builds.json"),
    ] {
        let page = calls[0].read(&read("v3", list)).unwrap();
        assert!(page.resources.iter().all(|work| work.app.is_some()), "{list}");
    }
    let page =
        v3::spaces(&all)[0].read(&read("v3", "spaces/paginated_list_of_spaces.json")).unwrap();
    assert!(page.resources.iter().all(|s| s.org.is_some() && s.name.is_some()));
    let groups = [
        (v3::all_security_groups(), "security_groups/security_group_paginated.json"),
        (
            v3::running_security_groups(guid),
            "security_groups/space_running_security_group_paginated.json",
        ),
        (
            v3::staging_security_groups(guid),
            "security_groups/space_staging_security_group_paginated.json",
        ),
    ];
    for (call, list) in groups {
        let page = call.read(&read("v3", list)).unwrap();
        assert!(page.resources.iter().all(|g| g.name.is_some()), "{list}");
        assert!(page.resources.iter().any(|g| !g.rules.is_empty()), "{list}");
        assert!(
            page.resources.iter().any(|g| g.everywhere.running || !g.running_spaces.is_empty())
        );
    }
    let group =
        v2::security_group(guid).read(&read("v2", "security_group_create_response.json")).unwrap();
    assert!(!group.rules.is_empty() && group.rules[0].contains("\"protocol\""), "{group:?}");
    for list in ["security_groups_list.json", "space_staging_security_groups_list.json"] {
        let page = v2::all_security_groups().read(&read("v2", list)).unwrap();
        assert!(!page.resources.is_empty(), "{list}");
    }
    assert!(!v2::all_apps().read(&read("v2", "apps_list.json")).unwrap().resources.is_empty());
    assert!(!v2::all_spaces().read(&read("v2", "spaces_list.json")).unwrap().resources.is_empty());
    let orgs = v2::all_organizations().read(&read("v2", "organizations_list.json")).unwrap();
    assert!(!orgs.resources.is_empty());
    let page = v3::organizations(&all)[0]
        .read(&read("v3", "organizations/paginated_list_of_organizations.json"))
        .unwrap();
    assert!(page.resources.iter().all(|o| o.name.is_some()));
}

#[test]
fn every_official_answer_of_a_uaa_gives_its_token_or_its_error() {
    let Some(folder) = official("uaa") else { return };
    for (name, bytes) in files(&folder) {
        let body: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let seen = std::sync::Mutex::new(None);
        let transport = |request: http::Request<Vec<u8>>| {
            let text = |text: &str| Ok(Response::new(text.as_bytes().to_vec()));
            match request.uri().path() {
                "/" => text(r#"{"links":{"cloud_controller_v3":{},"login":{"href":"https://l"}}}"#),
                "/oauth/token" => {
                    assert_eq!(request.uri().host(), Some("l"));
                    let status = if name.starts_with("error_401") { 401 } else { 200 };
                    Ok(Response::builder().status(status).body(bytes.clone()).unwrap())
                }
                _ => {
                    let header = request.headers()["authorization"].to_str().unwrap().to_owned();
                    *seen.lock().unwrap() = Some(header);
                    text(r#"{"pagination":{"next":null},"resources":[]}"#)
                }
            }
        };
        let login = Login::new(Grant::password("marissa", "koala"));
        // As long ago as the tokens of the files, so that they live.
        let long_ago = Clock::new(|| asg_core::Timestamp::from_nanos(1_400_000_000_000_000_000));
        let cc = CloudController::new(transport, "https://api.example.org", login).unwrap();
        let cc = cc.with_clock(long_ago);
        let result = cc.resolve(&[common::guid(common::APP)]);
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

#[test]
fn an_export_recognises_every_official_resource_and_refuses_everything_else() {
    let Some(v3) = official("v3") else { return };
    let ours = [
        "apps",
        "audit_events",
        "builds",
        "deployments",
        "organizations",
        "processes",
        "security_groups",
        "spaces",
        "tasks",
    ];
    for folder in fs::read_dir(&v3).unwrap().map(|entry| entry.unwrap().path()) {
        let kind = folder.file_name().unwrap().to_string_lossy().into_owned();
        for (name, bytes) in files(&folder) {
            let resource = name.starts_with("paginated_list_of_")
                || name.starts_with("single_")
                || name == "canceling_task.json"
                || name.ends_with("security_group_paginated.json")
                || matches!(name.as_str(), "space.json" | "organization.json");
            let part = name == "single_process_instance.json";
            let read = Export::from_pages([&bytes[..]]);
            let about_itself = matches!(
                name.as_str(),
                "global_root.json" | "populated_info.json" | "empty_info.json"
            );
            let wanted = ours.contains(&kind.as_str()) && resource && !part || about_itself;
            assert_eq!(read.is_ok(), wanted, "{kind}/{name}: {:?}", read.err());
        }
    }
    for (name, bytes) in files(&official("v2").unwrap()) {
        let kind = name.trim_end_matches(".json").trim_end_matches("_list");
        let wanted = matches!(kind, "app" | "apps" | "space" | "spaces")
            || kind.starts_with("organization")
            || matches!(
                kind,
                "event" | "events" | "events_list_q_actee_timestamp" | "space_events"
            )
            || kind == "info"
            // One of them is no JSON, as it was published.
            || kind.contains("security_group") && kind != "space_security_groups";
        let read = Export::from_pages([&bytes[..]]);
        assert_eq!(read.is_ok(), wanted, "v2/{name}: {:?}", read.err());
    }
    for (name, bytes) in files(&official("errors").unwrap()) {
        assert!(Export::from_pages([&bytes[..]]).is_err(), "{name}");
    }
}

#[test]
fn the_cf_clis_own_configuration_reads() {
    let Some(folder) = official("cf_cli") else { return };
    let config = CfConfig::load(&folder.join("config_v4.json")).unwrap();
    assert_eq!(config.target, "https://api.example.org");
    assert!(!config.ssl_disabled);
    assert!(!format!("{config:?}").contains("eyJ"), "{config:?}");
    assert!(api::Address::parse(&config.target).is_ok());
}

/// A response as it stands on the wire.
fn raw(bytes: &[u8]) -> Response<Vec<u8>> {
    let text = String::from_utf8(bytes.to_vec()).unwrap().replace("\r\n", "\n");
    let (head, body) = text.split_once("\n\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let mut response = Response::builder().status(status);
    for (name, value) in lines.map(|line| line.split_once(": ").unwrap()) {
        response = response.header(name, value);
    }
    response.body(body.trim_end().into()).unwrap()
}
