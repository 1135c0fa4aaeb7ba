//! Trying again: for both kinds of transport alike, within a budget, and watched.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use asg_cc_client::clock::{Clock, Random};
use asg_cc_client::error::RetryAfter;
use asg_cc_client::retry::Notice;
use asg_cc_client::transport::{AsyncTransport, TransportErrorKind};
use asg_cc_client::{Error, Policy, Retrying, Transport, TransportError};
use asg_core::Timestamp;
use common::block_on;
use http::{Request, Response};

type Answer = Result<Response<Vec<u8>>, TransportError>;

const NOW: i64 = 1_498_136_862;

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Ok(response.body(body.into()).unwrap())
}

fn clock() -> Clock {
    Clock::new(|| Timestamp::from_nanos(NOW * 1_000_000_000))
}

/// Sends one GET to a server that returns `answers` in turn, over both kinds of transport, which
/// must agree. Returns the last answer, and the waits in milliseconds.
fn run(answers: &[Answer]) -> (Answer, Vec<u128>) {
    let policy = Policy { tries: 4, ..Policy::default() };
    let random = || Random::new(|| 0.0);
    let waits = Mutex::new(Vec::new());
    let pause = |wait: Duration| waits.lock().unwrap().push(wait.as_millis());
    let script = |next: Arc<AtomicUsize>| {
        let answers = answers.to_vec();
        move || answers[next.fetch_add(1, Ordering::SeqCst)].clone()
    };
    let request = || Request::get("https://api.example.org/v3/apps").body(Vec::new()).unwrap();

    let next = script(Arc::default());
    let transport = Retrying::new(move |_: Request<Vec<u8>>| next())
        .with_policy(policy.clone())
        .with_clock(clock())
        .with_random(random())
        .with_sleep(pause);
    let blocking = Transport::send(&transport, request());
    let slept = std::mem::take(&mut *waits.lock().unwrap());

    let next = script(Arc::default());
    let twin = Retrying::new(move |_: Request<Vec<u8>>| std::future::ready(next()))
        .with_policy(policy)
        .with_clock(clock())
        .with_random(random())
        .with_async_sleep(|wait| {
            pause(wait);
            std::future::ready(())
        });
    let later = block_on(AsyncTransport::send(&twin, request()));
    assert_eq!(format!("{blocking:?}"), format!("{later:?}"));
    assert_eq!(slept, *waits.lock().unwrap());
    assert_eq!(transport.counts(), twin.counts());
    (blocking, slept)
}

#[test]
fn a_limit_is_waited_for_in_every_form_up_to_the_longest_wait() {
    let limited = |headers: &[(&str, &str)], body: &str| answer(429, headers, body);
    let (soon, late) = ((NOW + 10).to_string(), (NOW + 3600).to_string());
    for (headers, waits) in [
        (&[("Retry-After", "7")][..], &[7000][..]),
        (&[("Retry-After", "7"), ("Content-Type", "text/plain; charset=utf-8")], &[7000]),
        (&[("Retry-After", &soon)], &[10_000]),
        (&[("X-RateLimit-Reset", &soon)], &[10_000]),
        (&[("X-RateLimit-Reset-V2-API", &soon)], &[10_000]),
        // nginx sends no time, so it is a random pause, which is 0 here.
        (&[], &[0]),
        (&[("Retry-After", "31")], &[]),
        (&[("Retry-After", &late)], &[]),
    ] {
        for body in ["null", "", "<html>429</html>", r#"{"errors":[{"code":10013}]}"#] {
            let (told, waited) = run(&[limited(headers, body), answer(200, &[], "{}")]);
            assert_eq!(waited, waits, "{headers:?}");
            let status = told.unwrap().status().as_u16();
            assert_eq!(status, if waits.is_empty() { 429 } else { 200 }, "{headers:?}");
        }
    }
    let (told, _) = run(&[limited(&[("Retry-After", &late)], "null")]);
    let err = Error::from_response(&told.unwrap());
    let reset = Timestamp::from_nanos((NOW + 3600) * 1_000_000_000);
    assert_eq!(err, Error::RateLimited { retry: Some(RetryAfter::At(reset)) });
}

#[test]
fn only_what_may_pass_is_tried_again() {
    let lost = |kind| Err(TransportError::new(kind, "lost"));
    for (first, again) in [
        (answer(500, &[], ""), true),
        (answer(502, &[("X-Cf-RouterError", "endpoint_failure")], "502 Bad Gateway"), true),
        (answer(503, &[], "API down for maintenance"), true),
        (answer(504, &[], "<html></html>"), true),
        (answer(404, &[("X-Cf-RouterError", "unknown_route")], "404"), true),
        (answer(200, &[], r#"{"resources":["#), true),
        (answer(200, &[], r#"[{"guid":"#), true),
        (lost(TransportErrorKind::Connect), true),
        (lost(TransportErrorKind::Timeout), true),
        (lost(TransportErrorKind::Interrupted), true),
        (answer(200, &[], "{}\n"), false),
        (answer(200, &[], "<html>"), false),
        (answer(200, &[], ""), false),
        (answer(302, &[], ""), false),
        (answer(400, &[], "{"), false),
        (answer(401, &[], ""), false),
        (answer(404, &[], "V2 endpoints disabled"), false),
        (answer(414, &[], ""), false),
        (answer(422, &[], ""), false),
        (lost(TransportErrorKind::Tls), false),
        (lost(TransportErrorKind::Other), false),
    ] {
        let (told, waits) = run(&[first.clone(), answer(200, &[], "{\"second\":1}")]);
        assert_eq!(waits.len(), usize::from(again), "{first:?}");
        let second = told.is_ok_and(|response| response.body().ends_with(b"1}"));
        assert_eq!(second, again, "{first:?}");
    }
}

#[test]
fn a_request_for_a_token_is_repeated_only_if_it_was_not_read() {
    for (first, again) in [
        (Err(TransportError::new(TransportErrorKind::Connect, "")), true),
        (answer(429, &[], ""), true),
        (answer(503, &[], ""), true),
        (Err(TransportError::new(TransportErrorKind::Interrupted, "")), false),
        (Err(TransportError::new(TransportErrorKind::Timeout, "")), false),
        (answer(500, &[], ""), false),
        (answer(502, &[], ""), false),
    ] {
        let sent = AtomicUsize::new(0);
        let transport = Retrying::new(|_: Request<Vec<u8>>| {
            if sent.fetch_add(1, Ordering::SeqCst) == 0 {
                first.clone()
            } else {
                answer(200, &[], "")
            }
        })
        .with_sleep(|_| {});
        drop(transport.send(Request::post("https://uaa.example.org/").body(vec![1]).unwrap()));
        assert_eq!(sent.load(Ordering::SeqCst) == 2, again, "{first:?}");
    }
}

#[test]
fn what_the_server_asks_of_one_holds_back_all() {
    let now = Arc::new(Mutex::new(NOW));
    let reading = Arc::clone(&now);
    let slept = Mutex::new(Vec::new());
    let sent = AtomicUsize::new(0);
    let transport = Retrying::new(|_: Request<Vec<u8>>| {
        let first = sent.fetch_add(1, Ordering::SeqCst) == 0;
        if first { answer(429, &[("Retry-After", "20")], "") } else { answer(200, &[], "{}") }
    })
    .with_random(Random::new(|| 0.0))
    .with_clock(Clock::new(move || Timestamp::from_nanos(*reading.lock().unwrap() * 1_000_000_000)))
    .with_sleep(|pause| slept.lock().unwrap().push(pause.as_secs()));
    let get = || transport.send(Request::new(Vec::new())).unwrap();
    get();
    *now.lock().unwrap() += 5;
    get();
    *now.lock().unwrap() += 15;
    get();
    assert_eq!(*slept.lock().unwrap(), [20, 15], "the third comes when it is over");
}

#[test]
fn a_budget_ends_requests_and_repetitions_with_an_error_that_says_so() {
    let policy = Policy { budget: Some(3), ..Policy::default() };
    let transport = Retrying::new(|_: Request<Vec<u8>>| answer(503, &[], ""))
        .with_policy(policy)
        .with_sleep(|_| {});
    let err = transport.send(Request::new(Vec::new())).unwrap_err();
    assert_eq!(err.kind(), TransportErrorKind::Budget);
    let err = Error::from(err);
    assert!(!err.is_temporary());
    assert!(err.to_string().contains("the budget of 3 requests"), "{err}");
    assert_eq!(transport.counts().requests, 3);
}

#[test]
fn every_request_and_every_wait_is_told() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = Arc::clone(&told);
    let sent = AtomicUsize::new(0);
    let transport =
        Retrying::new(|_: Request<Vec<u8>>| match sent.fetch_add(1, Ordering::SeqCst) {
            0 => answer(429, &[("Retry-After", "1")], ""),
            1 => answer(500, &[], ""),
            2 => Err(TransportError::new(TransportErrorKind::Timeout, "")),
            _ => answer(200, &[], "{}"),
        })
        .with_random(Random::new(|| 0.5))
        .with_clock(clock())
        .with_sleep(|_| {})
        .with_observer(move |notice| {
            telling.lock().unwrap().push(match notice {
                Notice::Sending { attempt, .. } => format!("{attempt}"),
                Notice::Answered { status, .. } => format!("{status}"),
                Notice::Lost { kind, .. } => format!("{kind:?}"),
                Notice::Waiting { pause, .. } => format!("{pause:?}"),
                _ => unreachable!(),
            });
        });
    let request = Request::get("https://api.example.org/v3/apps").header("Authorization", "sesame");
    transport.send(request.body(Vec::new()).unwrap()).unwrap();
    let told = told.lock().unwrap().join(" ");
    assert_eq!(told, "1 429 1.25s 2 500 500ms 3 Timeout 1s 4 200");
    let counts = transport.counts();
    let numbers =
        [counts.requests, counts.retries, counts.rate_limited, counts.server_errors, counts.lost];
    assert_eq!(numbers, [4, 3, 1, 1, 1]);
    assert_eq!(counts.waited, Duration::from_millis(2750));
}

#[test]
fn logins_have_a_budget_of_their_own_and_budgets_come_again() {
    let now = Arc::new(Mutex::new(0));
    let clock = {
        let now = Arc::clone(&now);
        Clock::new(move || Timestamp::from_nanos(*now.lock().unwrap() * 1_000_000_000))
    };
    let policy = Policy {
        budget: Some(4),
        logins: Some(2),
        renewed_every: Some(Duration::from_secs(3_600)),
        ..Policy::default()
    };
    let transport = Retrying::new(|_: Request<Vec<u8>>| answer(200, &[], "{}"))
        .with_policy(policy)
        .with_clock(clock);
    let send = |method: &str| {
        let request = Request::builder().method(method).uri("/").body(Vec::new()).unwrap();
        transport.send(request).map(drop).map_err(|e| e.to_string())
    };
    let over = |what: &str| Err(format!("the budget of {what} is used up"));
    assert_eq!([send("POST"), send("POST")], [Ok(()), Ok(())]);
    assert_eq!(send("POST"), over("2 logins"));
    assert_eq!([send("GET"), send("GET")], [Ok(()), Ok(())]);
    assert_eq!(send("GET"), over("4 requests"));
    *now.lock().unwrap() = 3_599;
    assert_eq!(send("GET"), over("4 requests"));
    *now.lock().unwrap() = 3_600;
    assert_eq!([send("POST"), send("GET")], [Ok(()), Ok(())]);
}
