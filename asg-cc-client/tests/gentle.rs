//! The costs: requests by pages and not by ids, and little more under failures.

mod common;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use asg_cc_client::clock::Random;
use asg_cc_client::embedded::Foundation;
use asg_cc_client::transport::TransportErrorKind;
use asg_cc_client::{
    AsyncCloudController, CloudController, Error, Layered, Policy, Retrying, Token, Transport,
    TransportError,
};
use asg_core::names::AppState;
use asg_core::{Guid, Identity};
use common::*;
use http::{Request, Response};

type Answer = Result<Response<Vec<u8>>, TransportError>;

const MANY: u128 = 62_500;
const PAGES: usize = (MANY as usize).div_ceil(200);
/// Processes of rolling deployments: their GUIDs are their apps' with this bit.
const ROLLED: u128 = 1 << 100;

/// Answers for a foundation of 62,500 apps, derived from the question.
fn huge(request: &Request<Vec<u8>>) -> Answer {
    let path = request.uri().path();
    let query = request.uri().query().unwrap_or_default();
    let guids = query.split('&').find_map(|pair| pair.strip_prefix("guids="));
    let guids = guids.into_iter().flat_map(|guids| guids.split(',')).map(guid);
    let resources: Vec<String> = guids
        .filter_map(|id| {
            let number = id.as_u128();
            let app = Guid::from_u128(number & !ROLLED);
            match path {
                "/v3/apps" if number < MANY => Some(format!(
                    r#"{{"guid":"{id}","name":"app-{number}","relationships":{{"space":{{"data":{{"guid":"{SPACE}"}}}}}}}}"#
                )),
                "/v3/processes" if app.as_u128() < MANY => Some(format!(
                    r#"{{"guid":"{id}","type":"web","relationships":{{"app":{{"data":{{"guid":"{app}"}}}}}}}}"#
                )),
                _ => None,
            }
        })
        .collect();
    let body = format!(
        r#"{{"links":{{"cloud_controller_v3":{{}}}},"pagination":{{"next":null}},"resources":[{}],"included":{{
            "spaces":[{{"guid":"{SPACE}","name":"s","relationships":{{"organization":{{"data":{{"guid":"{ORG}"}}}}}}}}],
            "organizations":[{{"guid":"{ORG}","name":"o"}}]}}}}"#,
        resources.join(",")
    );
    Ok(Response::new(body.into_bytes()))
}

#[test]
fn tens_of_thousands_of_apps_cost_two_requests_per_two_hundred_at_most() {
    let web = |n: u128| n;
    let rolled = |n: u128| n | ROLLED;
    let mixed = |n: u128| if n.is_multiple_of(2) { n } else { n | ROLLED };
    for (ids, most) in [
        (&web as &dyn Fn(u128) -> u128, PAGES + 1),
        (&rolled, 2 * PAGES + 2),
        (&mixed, 2 * PAGES + 2),
    ] {
        let sent = AtomicUsize::new(0);
        let transport = |request: Request<Vec<u8>>| {
            sent.fetch_add(1, Ordering::Relaxed);
            huge(&request)
        };
        let token = Token::new(GLOBAL).unwrap();
        let cc = CloudController::new(transport, "https://api.example.org", token).unwrap();
        let ids: Vec<Guid> = (0..MANY).map(|n| Guid::from_u128(ids(n))).collect();
        let found = cc.with_concurrency(8).resolve(&ids).unwrap();
        assert_eq!(found.len(), ids.len());
        for (id, identity) in &found {
            assert_eq!(identity.path(), Some(format!("o/s/app-{}", id.as_u128() & !ROLLED)));
        }
        let sent = sent.into_inner();
        assert!(sent <= most, "{sent} requests, and {most} are allowed");
    }
}

#[test]
fn a_server_that_reads_short_lines_only_is_asked_in_short_lines() {
    let sizes = Mutex::new(Vec::new());
    let transport = |request: Request<Vec<u8>>| {
        let length = request.uri().to_string().len();
        sizes.lock().unwrap().push(length);
        // A proxy with a buffer of 2 KiB.
        if length > 2048 {
            return Ok(Response::builder().status(414).body(b"<html>".to_vec()).unwrap());
        }
        huge(&request)
    };
    let token = Token::new(GLOBAL).unwrap();
    let cc = CloudController::new(transport, "https://api.example.org", token).unwrap();
    let ids: Vec<Guid> = (0..1000).map(Guid::from_u128).collect();
    let found = cc.resolve(&ids).unwrap();
    assert!(found.values().all(|identity| identity.state == AppState::Live));
    let sizes = sizes.lock().unwrap();
    let refused = sizes.iter().filter(|size| **size > 2048).count();
    assert_eq!(refused, 3, "200, then two of 100: what is learnt of one batch goes for the others");
    assert_eq!(sizes.len() - refused, 1 + 1000 / 50, "the root, and 50 at a time");

    let one = |_: Request<Vec<u8>>| Ok(Response::builder().status(414).body(Vec::new()).unwrap());
    let cc = CloudController::new(one, "https://api.example.org", Token::new(GLOBAL).unwrap());
    let cc = cc.unwrap().with_version(asg_cc_client::client::ApiVersion::V3);
    assert_eq!(cc.resolve(&ids).unwrap_err(), Error::TooLong, "one alone cannot be divided");
}

/// Resolves every process of a foundation with deleted and living apps through `transport`.
fn day(transport: impl Transport + Sync) -> (HashMap<Guid, Identity>, u64) {
    let transport = Retrying::new(transport)
        .with_policy(Policy { tries: 6, ..Policy::default() })
        .with_random(Random::seeded(1))
        .with_sleep(|_| {});
    let token = Token::new(GLOBAL).unwrap();
    let cc = CloudController::new(transport, "https://api.example.org", token).unwrap();
    let ids: Vec<Guid> = (0..30_000).map(|n| Guid::from_u128(n | ROLLED)).collect();
    let found = cc.resolve(&ids).unwrap();
    let requests = cc.get_ref().counts().requests;
    (found, requests)
}

#[test]
fn a_bad_day_loses_no_answer_and_costs_less_than_a_third_more() {
    let (calm, few) = day(|request: Request<Vec<u8>>| huge(&request));
    let kinds = Mutex::new([0; 3]);
    for seed in 0..5 {
        let chance = Random::seeded(seed);
        let (found, requests) = day(|request: Request<Vec<u8>>| {
            let status = |status: u16| Response::builder().status(status);
            let (kind, answer) = match chance.next() {
                n if n < 0.05 => (0, Ok(status(502).body(b"502 Bad Gateway".to_vec()).unwrap())),
                n if n < 0.10 => (0, Ok(status(500).body(b"<html>".to_vec()).unwrap())),
                n if n < 0.15 => {
                    let limited = status(429).header("Retry-After", "1");
                    (1, Ok(limited.body(b"null".to_vec()).unwrap()))
                }
                n if n < 0.155 => {
                    (2, Err(TransportError::new(TransportErrorKind::Interrupted, "cut")))
                }
                n if n < 0.16 => {
                    let whole = huge(&request).unwrap().into_body();
                    (2, Ok(Response::new(whole[..whole.len() / 2].to_vec())))
                }
                _ => return huge(&request),
            };
            kinds.lock().unwrap()[kind] += 1;
            answer
        });
        assert_eq!(found, calm);
        assert!(requests * 10 <= few * 13, "{requests} instead of {few}");
    }
    assert!(kinds.lock().unwrap().iter().all(|n| *n > 10), "each kind of trouble came: {kinds:?}");
}

#[test]
fn both_drivers_ask_the_same_and_find_the_same() {
    let mut foundation = article();
    foundation.rolling_deployment(APP, SECOND_WEB);
    foundation.rolling_deployment(APP, THIRD_WEB);
    let mut gone = article();
    gone.delete_space(SPACE, DELETED_AT);
    for (foundation, token) in [
        (foundation.clone(), GLOBAL),
        (foundation.without_v3(), GLOBAL),
        (article(), LIMITED),
        (gone.clone(), GLOBAL),
        (gone.without_v3(), GLOBAL),
    ] {
        let ids = [APP, WORKER, TASK, BUILD, SECOND_WEB, THIRD_WEB, STRANGER].map(guid);
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let taken = || std::mem::take(&mut *log.lock().unwrap());
        let answer = |foundation: Foundation| {
            let log = Arc::clone(&log);
            move |request: Request<Vec<u8>>| {
                log.lock().unwrap().push(request.uri().to_string());
                foundation.send(request)
            }
        };
        let url = "https://api.example.org";
        let token = Token::new(token).unwrap();
        let cc = CloudController::new(answer(foundation.clone()), url, token.clone()).unwrap();
        let cc = cc.with_clock(stopped());
        let blocking = cc.resolve_in_full(&ids).unwrap();
        let asked = taken();
        let send = answer(foundation);
        let send = move |request| std::future::ready(send(request));
        for lanes in [1, 3, 99] {
            let cc = AsyncCloudController::new(send.clone(), url, token.clone()).unwrap();
            let cc = cc.with_clock(stopped()).with_concurrency(lanes);
            assert_eq!(block_on(cc.resolve_in_full(&ids)).unwrap(), blocking);
            assert_eq!(taken(), asked);
        }
        let cc = cc.with_concurrency(99);
        assert_eq!(cc.resolve_in_full(&ids).unwrap(), blocking);
    }
}

#[test]
fn eight_are_asked_at_a_time_and_no_more() {
    let [now, most, sent] = [const { AtomicUsize::new(0) }; 3];
    let transport = |request: Request<Vec<u8>>| {
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        // The root document and the first page come alone; then eight requests wait for each other.
        let is_alone = sent.fetch_add(1, Ordering::SeqCst) < 2;
        while !is_alone && most.load(Ordering::SeqCst) < 8 {
            std::thread::yield_now();
        }
        now.fetch_sub(1, Ordering::SeqCst);
        huge(&request)
    };
    let token = Token::new(GLOBAL).unwrap();
    let cc = CloudController::new(transport, "https://api.example.org", token).unwrap();
    let ids: Vec<Guid> = (0..8000).map(Guid::from_u128).collect();
    cc.with_concurrency(50).resolve(&ids).unwrap();
    assert_eq!(most.into_inner(), 8);
}

#[test]
fn a_preloaded_foundation_costs_pages_and_leaves_only_the_new_to_ask_for() {
    for foundation in [article(), article().without_v3()] {
        let sent = Mutex::new(0);
        let made = Mutex::new(foundation);
        let transport = |request: Request<Vec<u8>>| {
            *sent.lock().unwrap() += 1;
            made.lock().unwrap().send(request)
        };
        let token = Token::new(GLOBAL).unwrap();
        let cc = CloudController::new(transport, "https://api.example.org", token).unwrap();
        let preloaded = cc.preload().unwrap();
        let pages = *sent.lock().unwrap();
        assert!(pages <= 4, "{pages}");
        let both = Layered(preloaded, cc);
        assert_eq!(told(&both, APP), "Live o/s/proxy");
        assert_eq!(*sent.lock().unwrap(), pages);
        let new = made.lock().unwrap().clone().app(STRANGER, "late", SPACE);
        *made.lock().unwrap() = new;
        assert_eq!(told(&both, STRANGER), "Live o/s/late");
        assert!(*sent.lock().unwrap() > pages);
    }
}
