//! The follower, over logs of a few lines. Whole foundations are followed in asg-benches' tests.

use std::convert::Infallible;

use super::*;
use crate::evidence::SourceId;
use crate::names::deferred::{Deferred, Unanswered};
use crate::names::directory::{NoDirectory, directory_fn};
use crate::names::identity::{AppState, Entity, Identity};

const HANDLE: &str = "bfce786c-ab07-40ad-79f9-8f21";

fn stamp(seconds: u32) -> String {
    format!("2024-05-06T07:{:02}:{:02}", seconds / 60 % 60, seconds % 60)
}

/// Returns a packet at so many seconds, with this IP ID.
fn packet(seconds: u32, id: u32) -> String {
    format!(
        "{}+00:00 localhost kernel: [{seconds}.{id:06}] OK_{} IN=s-010255073003 OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=60 \
         TOS=0x00 PREC=0x00 TTL=63 ID={id} DF PROTO=TCP SPT=51858 DPT=80 WINDOW=27400 RES=0x00 SYN URGP=0 ",
        stamp(seconds),
        &HANDLE[..25]
    )
}

fn rep(seconds: u32, handle: &str, what: &str) -> String {
    format!(
        r#"{{"timestamp":"{}Z","level":"info","source":"rep","message":"rep.executing-container-operation.{what}","data":{{"container-guid":"{handle}"}}}}"#,
        stamp(seconds)
    )
}

const SEEN: &str = "starting";
const GONE: &str = "ordinary-lrp-processor.process-completed-container.delete-container.containerstore.destroy.node-destroy.destroyed-container-in-garden";

#[derive(Default)]
struct Given(Vec<(u64, Certainty, usize)>);

impl Given {
    fn take(&mut self, flow: &Flow<'_, '_>) -> ControlFlow<()> {
        self.0.push((flow.origin.line, flow.attribution.certainty, flow.also.len()));
        ControlFlow::Continue(())
    }
}

fn follow(options: FollowerOptions, lines: &[(u64, String)]) -> (Given, Follower) {
    let (mut given, mut follower) = (Given::default(), Follower::new(options));
    for (line, text) in lines {
        let origin = Origin { source: SourceId(0), line: *line };
        let taken =
            follower.take(origin, text.as_bytes(), &mut NoDirectory, |flow| given.take(flow));
        assert_eq!(taken, Ok(ControlFlow::Continue(())));
    }
    (given, follower)
}

fn hold(seconds: u64) -> FollowerOptions {
    FollowerOptions { hold: Duration::from_secs(seconds), ..FollowerOptions::default() }
}

#[test]
fn a_packet_waits_for_its_evidence_and_no_longer() {
    let log = |evidence: u32| {
        let moves_on = format!("{}+00:00 localhost kernel: hello", stamp(41));
        let mut lines = vec![
            (10, packet(10, 1)),
            (evidence, rep(evidence, HANDLE, SEEN)),
            (41, moves_on),
            (50, packet(50, 2)),
        ];
        lines.sort_by_key(|(at, _)| *at);
        (1..).zip(lines.into_iter().map(|(_, text)| text)).collect::<Vec<_>>()
    };
    let (given, follower) = follow(hold(30), &log(35));
    assert_eq!(given.0, [(1, Certainty::UniquePrefix, 0)]);
    assert_eq!((follower.counts().held, follower.counts().flows), (1, 1));
    let (given, follower) = follow(hold(30), &log(45));
    assert_eq!(given.0, [(1, Certainty::Unknown, 0)], "its time was over");
    assert_eq!(follower.counts().unexplained, 1);
}

#[test]
fn a_quiet_log_is_told_how_late_it_is_and_a_finished_one_gives_the_rest() {
    let lines = [(1, rep(9, HANDLE, SEEN)), (2, packet(10, 1))];
    let (mut given, mut follower) = follow(hold(30), &lines);
    assert_eq!(given.0, []);
    let at = |seconds| Timestamp::parse(format!("{}Z", stamp(seconds)).as_bytes()).unwrap();
    assert!(follower.tick(at(39), &mut NoDirectory, |flow| given.take(flow)).is_ok());
    assert_eq!(given.0, []);
    assert!(follower.tick(at(41), &mut NoDirectory, |flow| given.take(flow)).is_ok());
    assert_eq!(given.0.len(), 1);
    let (mut given, mut follower) = follow(hold(30), &lines);
    assert!(follower.finish(&mut NoDirectory, |flow| given.take(flow)).is_ok());
    assert_eq!(given.0, [(2, Certainty::UniquePrefix, 0)]);
}

#[test]
fn too_many_packets_do_not_wait_and_are_counted() {
    let lines: Vec<_> = (1..=100).map(|n| (u64::from(n), packet(10, n))).collect();
    let (given, follower) = follow(FollowerOptions { most_held: 8, ..hold(30) }, &lines);
    let counts = follower.counts();
    assert_eq!(counts.most_held, 9);
    assert_eq!(counts.hurried, given.0.len() as u64);
    assert_eq!(given.0.len() + counts.held, 100);
    let order: Vec<_> = given.0.iter().map(|(line, ..)| *line).collect();
    assert!(order.is_sorted());
}

#[test]
fn a_second_telling_is_no_second_flow_also_when_it_comes_late() {
    let lines = [
        (5, packet(10, 1)),
        (6, packet(10, 1)),
        (3, packet(10, 1)),
        (7, packet(50, 2)),
        (8, packet(10, 1)),
        (2, packet(10, 1)),
    ];
    let (mut given, mut follower) = follow(hold(30), &lines);
    assert!(follower.finish(&mut NoDirectory, |flow| given.take(flow)).is_ok());
    assert_eq!(given.0, [(3, Certainty::Unknown, 2), (7, Certainty::Unknown, 0)]);
    let counts = follower.counts();
    assert_eq!((counts.lines.duplicates, counts.late_duplicates, counts.flows), (4, 2, 2));
}

#[test]
fn what_has_ended_is_forgotten_and_what_goes_on_is_not() {
    let other = "d5978989-1401-49ff-46cd-33e5";
    let minute = Duration::from_secs(60);
    let options = FollowerOptions { retention: minute, silence: 20 * minute, ..hold(10) };
    let lines = [(1, rep(10, HANDLE, GONE)), (2, rep(11, other, SEEN))];
    let quiet =
        (3..40).map(|n| (n, format!("{}+00:00 localhost kernel: hello", stamp(20 * n as u32))));
    let lines: Vec<_> = lines.into_iter().chain(quiet).collect();
    let (_, follower) = follow(options, &lines);
    let known: Vec<_> = follower.ledger().lifetimes().map(|l| l.handle().to_string()).collect();
    assert_eq!(known, [other]);
    assert_eq!((follower.counts().forgotten, follower.counts().lifetimes), (1, 1));
    let more =
        (40..100).map(|n| (n, format!("{}+00:00 localhost kernel: hello", stamp(20 * n as u32))));
    let lines: Vec<_> = lines.into_iter().chain(more).collect();
    assert_eq!(follow(options, &lines).1.counts().lifetimes, 0, "silent for longer than it may be");
}

#[test]
fn names_are_asked_for_once() {
    let process = "bc6f229d-5e4a-4c41-a63f-e8795496c283";
    let named = rep(9, HANDLE, SEEN).replace(
        "}}",
        &format!(r#","lrp-key":{{"process_guid":"{process}-843b85ee-f2b7-4c4b-9ee7-4833ec1e066f","index":0,"domain":"cf-apps"}}}}}}"#),
    );
    let (mut asked, mut flows, mut follower) = (Vec::new(), 0, Follower::new(hold(5)));
    let mut directory = directory_fn(|guids: &[Guid]| {
        asked.extend_from_slice(guids);
        Ok::<_, Infallible>(guids.iter().map(|guid| (*guid, Identity::unknown())).collect())
    });
    let mut each = |_: &Flow<'_, '_>| -> ControlFlow<()> {
        flows += 1;
        ControlFlow::Continue(())
    };
    for (line, text) in (1..).zip([named, packet(10, 1), packet(20, 2), packet(30, 3)]) {
        let origin = Origin { source: SourceId(0), line };
        let Ok(_) = follower.take(origin, text.as_bytes(), &mut directory, &mut each);
    }
    let Ok(_) = follower.finish(&mut directory, &mut each);
    assert_eq!((asked, flows), (vec![process.parse().unwrap()], 3));
}

#[test]
fn flows_wait_for_a_directory_that_fails_and_go_on_without_one_that_answers_nothing() {
    let lines = [(1, rep(9, HANDLE, SEEN)), (2, packet(10, 1))];
    let process = "bc6f229d-5e4a-4c41-a63f-e8795496c283";
    let named = lines[0].1.replace(
        "}}",
        &format!(r#","lrp-key":{{"process_guid":"{process}-843b85ee-f2b7-4c4b-9ee7-4833ec1e066f","index":0,"domain":"cf-apps"}}}}}}"#),
    );
    let (mut given, mut follower) = follow(hold(5), &[(1, named), lines[1].clone()]);
    let mut broken = directory_fn(|_: &[Guid]| Err::<HashMap<Guid, Identity>, _>("down"));
    for _ in 0..2 {
        assert_eq!(follower.finish(&mut broken, |flow| given.take(flow)), Err("down"));
        assert_eq!((follower.counts().held, given.0.len()), (1, 0));
    }
    let states = std::cell::RefCell::new(Vec::new());
    let each = |flow: &Flow<'_, '_>| -> ControlFlow<()> {
        states.borrow_mut().push(flow.identity.map(|identity| identity.state));
        ControlFlow::Continue(())
    };
    assert!(follower.finish(&mut NoDirectory, each).is_ok());
    assert_eq!((states.into_inner(), follower.counts().held), (vec![None], 0));
}

#[test]
fn a_directory_that_stays_away_is_asked_seldom_and_names_all_in_the_end() {
    let process = "bc6f229d-5e4a-4c41-a63f-e8795496c283";
    let named = rep(9, HANDLE, SEEN).replace(
        "}}",
        &format!(r#","lrp-key":{{"process_guid":"{process}-843b85ee-f2b7-4c4b-9ee7-4833ec1e066f","index":0,"domain":"cf-apps"}}}}}}"#),
    );
    let (mut asked, mut follower) = (0, Follower::new(hold(5)));
    let mut states = Vec::new();
    let mut each = |flow: &Flow<'_, '_>| -> ControlFlow<()> {
        states.push(flow.identity.map(|identity| identity.state));
        ControlFlow::Continue(())
    };
    let packets = (0..2_000).map(|n| packet(10 + n, n));
    for (line, text) in (1..).zip(std::iter::once(named).chain(packets)) {
        let origin = Origin { source: SourceId(0), line };
        let mut away = directory_fn(|_: &[Guid]| {
            asked += 1;
            Err::<HashMap<Guid, Identity>, _>("down")
        });
        let _ = follower.take(origin, text.as_bytes(), &mut away, &mut each);
    }
    assert_eq!(follower.counts().held, 2_000);
    assert!((10..80).contains(&asked), "{asked}");
    // An unavailable identity may be asked for again.
    for state in [AppState::Unavailable, AppState::Unknown] {
        let mut back = directory_fn(|guids: &[Guid]| {
            let identity = Identity { state, ..Identity::unknown() };
            Ok::<_, Infallible>(guids.iter().map(|guid| (*guid, identity.clone())).collect())
        });
        let line = packet(3_000, 7);
        let origin = Origin { source: SourceId(0), line: 10_000 };
        let Ok(_) = follower.finish(&mut back, &mut each);
        let Ok(_) = follower.take(origin, line.as_bytes(), &mut back, &mut each);
    }
    assert_eq!(states.len(), 2_001);
    assert_eq!(states.last(), Some(&Some(AppState::Unknown)));
}

#[test]
fn a_callback_may_stop_and_the_rest_is_held() {
    let lines: Vec<_> = (1..=5).map(|n| (u64::from(n), packet(10, n))).collect();
    let (_, mut follower) = follow(hold(30), &lines);
    let stop = |flow: &Flow<'_, '_>| match flow.origin.line {
        3 => ControlFlow::Break("enough"),
        _ => ControlFlow::Continue(()),
    };
    assert_eq!(follower.finish(&mut NoDirectory, stop), Ok(ControlFlow::Break("enough")));
    assert_eq!((follower.counts().flows, follower.counts().held), (3, 2));
}

/// A run that ends after any line, and another that goes on there, give the flows of one run.
#[test]
fn a_restart_neither_loses_nor_repeats_a_packet() {
    let mut lines: Vec<(u32, String)> =
        vec![(0, rep(0, HANDLE, SEEN)), (58, rep(58, HANDLE, SEEN))];
    for id in 0..30 {
        lines.push((id * 4, packet(id * 4, id)));
        // Some come twice, one soon and the other late.
        if id % 3 == 0 {
            lines.push((id * 4 + id, packet(id * 4, id)));
        }
    }
    lines.sort_by_key(|(at, _)| *at);
    let lines: Vec<_> = (1..).zip(lines.into_iter().map(|(_, text)| text)).collect();
    let run = |mut given: Given, mut follower: Follower| {
        let end = follower.finish(&mut NoDirectory, |flow| given.take(flow));
        assert_eq!(end, Ok(ControlFlow::Continue(())));
        given.0.iter().map(|(line, certainty, _)| (*line, *certainty)).collect::<Vec<_>>()
    };
    let (given, follower) = follow(hold(10), &lines);
    let expected = run(given, follower);
    assert_eq!(expected.len(), 30);
    for end in 0..lines.len() {
        let (mut given, follower) = follow(hold(10), &lines[..end]);
        let held: Vec<u64> = follower.held().map(|(origin, _)| origin.line).collect();
        let saved = follower.ledger().to_bytes();
        let ledger = Ledger::from_bytes(&saved, SourceId(9)).unwrap();
        let mut follower = Follower::new(hold(10)).with_ledger(ledger);
        for (line, text) in &lines {
            let origin = Origin { source: SourceId(0), line: *line };
            if *line <= end as u64 && !held.contains(line) {
                follower.recall(origin, text.as_bytes());
            } else {
                let each = |flow: &Flow<'_, '_>| given.take(flow);
                let taken = follower.take(origin, text.as_bytes(), &mut NoDirectory, each);
                assert_eq!(taken, Ok(ControlFlow::Continue(())));
            }
        }
        assert_eq!(run(given, follower), expected, "after {end} lines");
    }
}

/// Answers that come some lines after their questions name the same flows as answers at once.
#[test]
fn a_directory_that_answers_later_names_the_same_flows() {
    let handle = |n: u32| format!("{n:08x}-ab07-40ad-79f9-8f21");
    let named = |n: u32| {
        let key = format!(
            r#","lrp-key":{{"process_guid":"{n:08x}-5e4a-4c41-a63f-e8795496c283-843b85ee-f2b7-4c4b-9ee7-4833ec1e066f","index":0,"domain":"cf-apps"}}}}}}"#
        );
        rep(n * 3, &handle(n), SEEN).replace("}}", &key)
    };
    let of = |n: u32, id: u32| packet(n * 3 + id, id).replace(&HANDLE[..25], &handle(n)[..25]);
    let lines: Vec<String> = (0..40).flat_map(|n| [named(n), of(n, 1), of(n, 2)]).collect();
    let flows = |delay: usize| {
        let mut follower = Follower::new(hold(5));
        let (mut directory, mut waiting) = (Deferred::new(), VecDeque::new());
        let mut given = Vec::new();
        let mut each = |flow: &Flow<'_, '_>| -> ControlFlow<()> {
            let name = flow.identity.and_then(|it| it.app.as_ref()?.name.clone());
            given.push((flow.origin.line, name));
            ControlFlow::Continue(())
        };
        let answer = |directory: &mut Deferred, asked: &[Guid]| {
            let identity = |guid: &Guid| {
                let app = Some(Entity::named(guid.to_string(), format!("app-{guid}")));
                (*guid, Identity { state: AppState::Live, app, ..Identity::unknown() })
            };
            let found = asked.iter().map(identity).collect();
            directory.answer(asked, Ok::<_, Infallible>(found));
        };
        for (n, text) in lines.iter().enumerate() {
            let origin = Origin { source: SourceId(0), line: n as u64 + 1 };
            let _ = follower.take(origin, text.as_bytes(), &mut directory, &mut each);
            let asked = directory.questions();
            if !asked.is_empty() {
                waiting.push_back((n + delay, asked));
            }
            while waiting.front().is_some_and(|(due, _)| *due <= n) {
                let (_, asked) = waiting.pop_front().unwrap();
                answer(&mut directory, &asked);
                let now = follower.now().unwrap();
                let _ = follower.tick(now, &mut directory, &mut each);
            }
        }
        while follower.finish(&mut directory, &mut each) == Err(Unanswered) {
            waiting.push_back((0, directory.questions()));
            waiting.drain(..).for_each(|(_, asked)| answer(&mut directory, &asked));
        }
        given
    };
    let at_once = flows(0);
    assert_eq!(at_once.len(), 80);
    assert!(at_once.iter().all(|(_, name)| name.is_some()));
    for delay in [1, 7, 50, 1_000] {
        assert_eq!(flows(delay), at_once, "{delay}");
    }
}
