//! The law that a 404 is not a deletion, and that live answers, exports and an obvious reading
//! agree, for random foundations.

mod common;

use std::collections::HashSet;

use asg_cc_client::client::ApiVersion;
use asg_cc_client::embedded::{Foundation, Process};
use asg_cc_client::{CloudController, Export, Layered, Token, Transport};
use asg_core::Guid;
use asg_core::names::AppState;
use common::*;
use http::Request;
use proptest::prelude::*;

/// A change of a foundation; the steps happen in order.
#[derive(Debug, Clone)]
enum Step {
    Push(u8),
    Worker(u8),
    Deploy(u8),
    Delete(u8),
    /// A worker is removed from a living app.
    Retire(u8),
    /// The retention of audit events passes.
    ForgetEvents,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_u8).prop_map(Step::Push),
        2 => (0..6_u8).prop_map(Step::Worker),
        3 => (0..6_u8).prop_map(Step::Deploy),
        2 => (0..6_u8).prop_map(Step::Delete),
        1 => (0..6_u8).prop_map(Step::Retire),
        1 => Just(Step::ForgetEvents),
    ]
}

fn app(n: u8) -> Guid {
    Guid::from_u128(0xa000_u128 << 112 | u128::from(n))
}

/// Returns the next GUID. GUIDs are never used twice, so they carry the number of earlier ones.
fn process(n: usize) -> Guid {
    Guid::from_u128(0xb000_u128 << 112 | n as u128)
}

/// Returns the foundation after these steps, and the owner of every process that it ever had.
fn foundation(steps: &[Step]) -> (Foundation, Vec<(Guid, Guid)>) {
    let mut made = article();
    let mut owners = Vec::new();
    let mut ever = HashSet::new();
    for step in steps {
        let lives =
            |made: &Foundation, n: u8| made.apps.iter().any(|a| a.guid == app(n).to_string());
        match *step {
            Step::Push(n) if ever.insert(n) => {
                made = made.app(&app(n).to_string(), &format!("app-{n}"), SPACE);
                owners.push((app(n), app(n)));
            }
            Step::Worker(n) if lives(&made, n) => {
                let guid = process(owners.len());
                owners.push((guid, app(n)));
                made = made.process(&guid.to_string(), "worker", &app(n).to_string());
            }
            Step::Deploy(n) if lives(&made, n) => {
                let guid = process(owners.len());
                owners.push((guid, app(n)));
                made.rolling_deployment(&app(n).to_string(), &guid.to_string());
            }
            Step::Delete(n) if lives(&made, n) => made.delete_app(&app(n).to_string(), DELETED_AT),
            Step::Retire(n) => {
                let worker = made
                    .processes
                    .iter()
                    .find(|p| p.app == app(n).to_string() && p.process_type == "worker");
                if let Some(guid) = worker.map(|p| p.guid.clone()) {
                    made.delete_process(&guid, DELETED_AT);
                }
            }
            Step::ForgetEvents => made.events.clear(),
            _ => {}
        }
    }
    (made, owners)
}

/// Returns everything that `cf curl` would save.
fn export(foundation: &Foundation) -> Export {
    let lists = [
        "apps",
        "processes",
        "tasks",
        "builds",
        "deployments",
        "spaces",
        "organizations",
        "audit_events",
    ];
    let pages: Vec<Vec<u8>> = lists
        .iter()
        .map(|list| {
            let url = format!("https://api.example.org/v3/{list}?per_page=5000");
            let request = Request::get(url).header("Authorization", format!("bearer {GLOBAL}"));
            foundation.send(request.body(Vec::new()).unwrap()).unwrap().into_body()
        })
        .collect();
    Export::from_pages(pages.iter().map(Vec::as_slice)).unwrap()
}

/// Interprets the records in the obvious way, one id at a time.
fn obvious(foundation: &Foundation, id: Guid) -> AppState {
    let id = id.to_string();
    let app = |guid: &String| foundation.apps.iter().any(|a| a.guid == *guid);
    let deleted = |guid: &String| {
        foundation.events.iter().any(|e| e.kind == "audit.app.delete-request" && e.target == *guid)
    };
    let state = |guid: &String| match (app(guid), deleted(guid)) {
        (true, _) => Some(AppState::Live),
        (false, true) => Some(AppState::Deleted),
        (false, false) => None,
    };
    let by_process = foundation.processes.iter().find(|p: &&Process| p.guid == id).map(|p| &p.app);
    let by_deployment = foundation.deployments.iter().find(|d| d.new_process == id).map(|d| &d.app);
    let by_event =
        foundation.events.iter().find(|e| e.data.get("process_guid").is_some_and(|g| *g == id));
    state(&id)
        .or_else(|| state(by_process.or(by_deployment).or(by_event.map(|e| &e.target))?))
        .unwrap_or(AppState::Unknown)
}

proptest! {
    #[test]
    fn live_export_and_the_obvious_reading_agree(
        steps in prop::collection::vec(step(), 0..24),
        // Ids that are asked for together help each other, so ask for only some.
        asked in prop::collection::vec(any::<bool>(), 24),
    ) {
        let (foundation, owners) = foundation(&steps);
        let owners: Vec<(Guid, Guid)> =
            owners.into_iter().zip(asked).filter(|(_, asked)| *asked).map(|(o, _)| o).collect();
        let ids: Vec<Guid> = owners.iter().map(|(id, _)| *id).chain([guid(STRANGER)]).collect();
        let token = Token::new(GLOBAL).unwrap();
        let cc = CloudController::new(foundation.clone(), "https://api.example.org", token).unwrap();
        let live = listed(&ids, &cc.resolve(&ids).unwrap());
        let saved = listed(&ids, &export(&foundation).resolve(&ids));
        let v2 = cc.with_version(ApiVersion::V2).resolve(&ids).unwrap();
        let v2 = listed(&ids, &v2);
        for (n, id) in ids.iter().enumerate() {
            prop_assert_eq!(live[n].state, obvious(&foundation, *id), "{}", id);
            // An export may have more process types, because it has all processes.
            prop_assert_eq!(live[n].state, saved[n].state, "{}", id);
            prop_assert_eq!(&live[n].app, &saved[n].app, "{}", id);
            prop_assert_eq!(live[n].path(), saved[n].path(), "{}", id);
            // v2 sees less, and nothing else.
            if v2[n].state != AppState::Unavailable {
                prop_assert_eq!(&v2[n].app, &live[n].app, "{}", id);
                prop_assert_eq!(v2[n].state, live[n].state, "{}", id);
            }
            // A named app is the owner, and an app that is called deleted was deleted.
            if let (Some(named), Some((_, owner))) = (&live[n].app, owners.get(n)) {
                prop_assert_eq!(&named.guid, &owner.to_string());
            }
            if live[n].state == AppState::Deleted {
                let app = &live[n].app.as_ref().unwrap().guid;
                prop_assert!(foundation.apps.iter().all(|a| a.guid != *app));
                prop_assert!(foundation.events.iter().any(|e| e.target == *app));
            }
        }
    }

    #[test]
    fn what_servers_on_the_way_let_through_changes_no_answer(
        steps in prop::collection::vec(step(), 0..24),
        longest in 120_usize..2000,
        per_page in 1_usize..5,
        lanes in 1_usize..8,
    ) {
        let (foundation, owners) = foundation(&steps);
        let ids: Vec<Guid> = owners.iter().map(|(id, _)| *id).chain([guid(STRANGER)]).collect();
        let token = || Token::new(GLOBAL).unwrap();
        let url = "https://api.example.org";
        let wanted = CloudController::new(foundation.clone(), url, token()).unwrap();
        let wanted = wanted.with_clock(stopped());
        let wanted = wanted.resolve_in_full(&ids).unwrap();
        // A proxy with a short buffer, before a server that returns fewer items per page than
        // asked.
        let narrow = move |request: Request<Vec<u8>>| {
            let target = request.uri().path_and_query().unwrap().as_str().to_owned();
            // One GUID and the rest of the longest query must fit.
            if target.len() > longest.max(420) {
                return Ok(http::Response::builder().status(414).body(Vec::new()).unwrap());
            }
            let sizes = ["per_page=200", "per_page=1000", "per_page=5000"];
            let small = sizes.iter().fold(target, |target, size| {
                target.replace(size, &format!("per_page={per_page}"))
            });
            let (mut parts, body) = request.into_parts();
            parts.uri = format!("{url}{small}").parse().unwrap();
            foundation.send(Request::from_parts(parts, body))
        };
        let cc = CloudController::new(narrow, url, token()).unwrap();
        let cc = cc.with_clock(stopped()).with_search_pages(100).with_concurrency(lanes);
        prop_assert_eq!(&cc.resolve_in_full(&ids).unwrap(), &wanted);
        let all = Layered(cc.preload().unwrap(), cc);
        let found = all.resolve(&ids).unwrap();
        for (id, wanted) in wanted {
            prop_assert_eq!(found[&id].state, wanted.identity.state);
            prop_assert_eq!(&found[&id].app, &wanted.identity.app);
        }
    }

    #[test]
    fn any_answer_to_any_request_is_read_or_refused(
        status in 100_u16..600,
        body in prop_oneof![
            any::<Vec<u8>>(),
            "\\{\"(resources|errors|links|pagination|code)\":(\\[\\]|\\{\\}|null|7|\\[null,7,\\{\\}\\])\\}".prop_map(String::into_bytes),
        ],
    ) {
        let answer = move |_: Request<Vec<u8>>| {
            Ok(http::Response::builder().status(status).body(body.clone()).unwrap())
        };
        for version in [ApiVersion::V2, ApiVersion::V3] {
            let token = Token::new(GLOBAL).unwrap();
            let directory = CloudController::new(&answer, "https://api.example.org", token).unwrap();
            let directory = directory.with_version(version);
            if let Ok(identity) = one(&directory, APP) {
                prop_assert!(identity.app.is_none(), "{:?}", identity);
            }
        }
    }
}
