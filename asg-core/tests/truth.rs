//! Small logs with the answers that they prove, through the public API.
//!
//! Each folder of `fixtures/truth` contains the logs of one case. A case is read in both orders of
//! its files.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::Duration;

use asg_core::clock::TimeNote;
use asg_core::ledger::Lifetime;
use asg_core::{Gathering, Line, Origin, SourceId, TimePolicy, Timestamp};

/// A flow, as far as the table goes.
#[derive(Debug)]
struct Answer {
    /// `kern.log:3 ambiguous outside_lifetime`: the place, the certainty and the reason.
    text: String,
    handle: Option<String>,
    candidates: Vec<String>,
    /// The certainty and the reason of the other container.
    peer: Option<String>,
    time: Option<Timestamp>,
    /// In seconds.
    error: f64,
}

/// All results of a case.
struct Given {
    flows: Vec<Answer>,
    notes: Vec<TimeNote>,
    dropped: u64,
    folded: u64,
    silent: Vec<String>,
}

fn files(case: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/truth").join(case);
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{case}");
    files
}

fn seconds(nanos: u64) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64()
}

/// Reads a case as a program does.
fn answered(case: &str, policy: TimePolicy, is_reversed: bool) -> Given {
    let files = files(case);
    let texts: Vec<_> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    let mut lines: Vec<(Origin, &[u8])> = Vec::new();
    for (source, text) in (0..).zip(&texts) {
        let of_file = text.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        lines.extend(
            (1..)
                .zip(of_file)
                .map(|(line, text)| (Origin { source: SourceId(source), line }, text)),
        );
    }
    let order: Vec<_> =
        if is_reversed { lines.iter().rev().collect() } else { lines.iter().collect() };
    let mut gathering = Gathering::with_policy(policy);
    for (origin, line) in order {
        gathering.ingest(*origin, line);
    }
    let Ok(gathered) = gathering.finish(|joiner| {
        for (origin, line) in &lines {
            joiner.look(*origin, line);
        }
        Ok::<(), Infallible>(())
    });
    let correlation = gathered.correlate();
    let mut reader = correlation.reader();
    let mut flows = Vec::new();
    for (origin, text) in &lines {
        let line = Line::new(text);
        let Some(flow) = reader.flow(*origin, &line) else { continue };
        let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let error = flow.range.zip(flow.time).map_or(0, |(range, time)| {
            let far = |end: Timestamp| end.as_nanos().abs_diff(time.as_nanos());
            far(range.earliest()).max(far(range.latest()))
        });
        let file = files[flow.origin.source.0 as usize].file_name().unwrap();
        let attribution = &flow.attribution;
        let mut text = format!("{}:{}", file.to_string_lossy(), flow.origin.line);
        let certainty = serde_json::to_value(attribution.certainty).unwrap();
        let reason = serde_json::to_value(attribution.reason).unwrap();
        let conflict = attribution.conflict().map(|it| serde_json::to_value(it).unwrap());
        for value in [Some(certainty), Some(reason), conflict].into_iter().flatten() {
            text = format!("{text} {}", word(&value));
        }
        let handle = |it: &Lifetime<'_>| it.handle().to_string();
        let peer = flow.peer.as_ref().map(|peer| {
            let certainty = serde_json::to_value(peer.attribution.certainty).unwrap();
            let reason = serde_json::to_value(peer.attribution.reason).unwrap();
            format!("{} {}", word(&certainty), word(&reason))
        });
        flows.push(Answer {
            text,
            handle: attribution.container().as_ref().map(handle),
            candidates: attribution.candidates().iter().map(handle).collect(),
            peer,
            time: flow.time,
            error: seconds(error),
        });
    }
    let report = correlation.completeness().report();
    Given {
        flows,
        notes: correlation.time_notes().collect(),
        dropped: report.iter().map(|cell| cell.dropped).sum(),
        folded: report.iter().map(|cell| cell.folded).sum(),
        silent: report
            .iter()
            .filter(|cell| cell.is_silent())
            .map(|cell| cell.cell.to_owned())
            .collect(),
    }
}

/// Case by case, each flow.
const ANSWERS: &[(&str, &[&str])] = &[
    ("d1-candidates-order", &["a.log:5 ambiguous ambiguous_handle_prefix"]),
    (
        "f1-two-cells-one-file",
        &[
            "kern.log:1 unknown unknown_handle",
            "kern.log:2 unique_prefix unique_handle_prefix",
            "kern.log:3 ambiguous outside_lifetime",
        ],
    ),
    (
        "g1-logger-joins-wrong-retransmit",
        &[
            "a.log:2 unique_prefix unique_handle_prefix",
            "a.log:3 unique_prefix unique_handle_prefix",
        ],
    ),
    ("g2-logger-only", &["a.log:2 exact whole_handle"]),
    ("g3-logger-names-another", &["a.log:2 ambiguous conflicting_address"]),
    ("h1-task-other-machine", &["a.log:2 ambiguous other_cell"]),
    ("h1c-lrp-other-machine-known", &["a.log:3 ambiguous other_cell"]),
    ("h2-whole-other-machine", &["a.log:2 ambiguous other_cell"]),
    ("i1-db-clock-inferred-wrong", &["a.log:6 ambiguous ambiguous_handle_prefix"]),
    ("l3-exact-two-machines", &["a.log:3 ambiguous conflicting_evidence machine"]),
    ("o1-name-of-file-kern-first", &["b-syslog.log:3 ambiguous other_cell"]),
    ("o1-name-of-file-syslog-first", &["a-syslog.log:3 ambiguous other_cell"]),
    ("o1-only-syslog", &["a-syslog.log:3 ambiguous other_cell"]),
    ("m1-day-apart", &["kern.log:1 unknown no_evidence", "kern.log:2 unknown no_evidence"]),
    ("m2-two-boots", &["kern.log:1 unknown no_evidence", "kern.log:2 unknown no_evidence"]),
    ("p1-handle-vs-instance", &["a.log:2 ambiguous conflicting_evidence line"]),
    ("p1c-request-url-contradicts", &["a.log:2 ambiguous conflicting_evidence line"]),
    ("p3-in-interface-contradicts", &["a.log:2 ambiguous conflicting_address"]),
    ("s1b-app-stdout-drain", &["kern.log:1 unknown no_evidence"]),
    ("s2-app-prints-cell-line", &["kern.log:1 unknown no_evidence"]),
    ("s3-router-user-agent", &["kern.log:1 unknown unknown_handle"]),
    ("s6-app-hides-itself", &["a.log:3 unique_prefix unique_handle_prefix"]),
    ("s8-app-prints-logger-line", &["a.log:2 unknown no_evidence"]),
    (
        "t3-stall-certain-wrong",
        &[
            "a.log:4 unique_prefix unique_handle_prefix",
            "a.log:5 ambiguous ambiguous_handle_prefix",
            "a.log:6 ambiguous ambiguous_handle_prefix",
            "a.log:7 ambiguous ambiguous_handle_prefix",
            "a.log:8 ambiguous ambiguous_handle_prefix",
            "a.log:9 ambiguous ambiguous_handle_prefix",
            // The other one ran by then, for half a minute.
            "a.log:10 unique_prefix unique_handle_prefix",
        ],
    ),
    ("u1-instant-told-second", &["b.log:1 unique_prefix unique_handle_prefix"]),
    ("u2-instant-told-first", &["a.log:1 unique_prefix unique_handle_prefix"]),
    ("y5-wall-dst", &["kern.log:1 exact whole_handle", "kern.log:2 exact whole_handle"]),
    ("y6-old-year-mixed", &["old-kern.log:1 exact whole_handle"]),
    ("y7-good", &["a.log:3 exact whole_handle"]),
    ("y7-one-future-stamp", &["a.log:3 exact whole_handle"]),
    ("z1-local-time-needless", &["a.log:2 unique_prefix unique_handle_prefix"]),
    ("z1b-given", &["a.log:2 unique_prefix unique_handle_prefix"]),
];

#[test]
fn each_case_gives_its_answer_whatever_the_order_of_lines() {
    for (case, expected) in ANSWERS {
        let given = answered(case, TimePolicy::default(), false);
        let texts: Vec<_> = given.flows.iter().map(|flow| flow.text.as_str()).collect();
        assert_eq!(texts, *expected, "{case}");
        let reversed = answered(case, TimePolicy::default(), true);
        assert_eq!(format!("{:?}", given.flows), format!("{:?}", reversed.flows), "{case}");
    }
}

#[test]
fn candidates_have_an_order_and_the_owner_that_time_leaves_is_the_right_one() {
    let order = answered("d1-candidates-order", TimePolicy::default(), false);
    let ends = ["8f21", "8f26", "8f27", "8f29"];
    let handles = ends.map(|end| format!("bfce786c-ab07-40ad-79f9-{end}"));
    assert_eq!(order.flows[0].candidates, handles);
    let stalled = answered("t3-stall-certain-wrong", TimePolicy::default(), false);
    let certain: Vec<_> = stalled.flows.iter().filter_map(|flow| flow.handle.as_deref()).collect();
    assert_eq!(certain, ["bfce786c-ab07-40ad-79f9-8f21", "bfce786c-ab07-40ad-79f9-8f77"]);
}

#[test]
fn at_least_is_at_least() {
    for (case, dropped, folded) in
        [("c2-note-false", 0, 0), ("c3-note-twice", 34, 0), ("m5-repeated", 0, 2)]
    {
        let given = answered(case, TimePolicy::default(), false);
        assert_eq!((given.dropped, given.folded), (dropped, folded), "{case}");
    }
    for case in ["c1-db-vm-called-silent-cell", "f1-two-cells-one-file", "m5-repeated"] {
        assert_eq!(answered(case, TimePolicy::default(), false).silent, [""; 0], "{case}");
    }
}

/// Case by case, the true time of each packet.
const TIMES: &[(&str, &[&str])] = &[
    ("t4-stall-without-uptime", &["2024-05-06T07:00:00.1Z"]),
    // The packet was logged before the first late line of rep was written.
    ("t6-stall-before-its-late-lines", &["2024-05-06T06:52:00Z"]),
    ("t7-stall-without-zones", &["2024-05-06T06:52:00Z"]),
    ("u1-instant-told-second", &["2024-05-06T07:00:10.857797Z"]),
    ("u2-instant-told-first", &["2024-05-06T07:00:10.857797Z"]),
    ("y5-wall-dst", &["2017-03-26T00:59:50Z", "2017-03-26T01:00:10Z"]),
    ("y6-old-year-mixed", &["2017-06-16T23:18:38Z"]),
    ("y7-good", &["2017-06-16T23:18:38Z"]),
    ("y7-one-future-stamp", &["2017-06-16T23:18:38Z"]),
    ("z1-local-time-needless", &["2017-06-22T13:08:00Z"]),
    ("z1b-given", &["2017-06-22T13:08:00Z"]),
];

/// Case by case, when the machine booted.
const BOOTS: &[(&str, &str)] =
    &[("t1-stall", "2024-05-06T06:45:00Z"), ("t3-stall-certain-wrong", "2024-05-06T06:43:20Z")];

#[test]
fn no_time_is_further_from_the_truth_than_its_error() {
    let check = |case: &str, flow: &Answer, truth: i64| {
        let far = seconds(flow.time.unwrap().as_nanos().abs_diff(truth));
        assert!(far <= flow.error, "{case} {flow:?}");
    };
    let instant = |text: &str| Timestamp::parse(text.as_bytes()).unwrap().as_nanos();
    for (case, times) in TIMES {
        let given = answered(case, TimePolicy::default(), false);
        assert_eq!(given.flows.len(), times.len(), "{case}");
        for (flow, truth) in given.flows.iter().zip(*times) {
            check(case, flow, instant(truth));
        }
    }
    for (case, booted) in BOOTS {
        let text = std::fs::read_to_string(&files(case)[0]).unwrap();
        let packets = text.lines().filter(|line| line.contains(" IN="));
        let uptime = |line: &str| -> i64 {
            let uptime = line.split("] [").nth(1).unwrap().split('.').next().unwrap();
            uptime.trim().parse().unwrap()
        };
        let uptimes: Vec<_> = packets.map(uptime).collect();
        let given = answered(case, TimePolicy::default(), false);
        assert_eq!(given.flows.len(), uptimes.len(), "{case}");
        for (flow, uptime) in given.flows.iter().zip(uptimes) {
            check(case, flow, instant(booted) + uptime * 1_000_000_000);
        }
    }
}

#[test]
fn a_packet_has_the_better_time_of_its_lines_whatever_their_files_are_called() {
    for case in ["u1-instant-told-second", "u2-instant-told-first"] {
        let given = answered(case, TimePolicy::default(), false);
        assert!(given.flows[0].error < 1.1, "{case} {:?}", given.flows);
    }
}

#[test]
fn a_given_zone_that_changes_leaves_the_true_times_possible() {
    let policy = TimePolicy { utc_offset: Some(7_200), ..TimePolicy::default() };
    let given = answered("t5-given-zone-changes", policy, false);
    let reversed = answered("t5-given-zone-changes", policy, true);
    assert_eq!(format!("{:?}", given.flows), format!("{:?}", reversed.flows));
    let changed = Timestamp::parse(b"2024-10-27T01:00:00Z").unwrap().as_nanos();
    let truths = [-3_000, -1_200, -600, -60, -5, 5, 60, 600, 1_200, 3_000];
    assert_eq!(given.flows.len(), truths.len());
    for (flow, seconds_after) in given.flows.iter().zip(truths) {
        let truth = changed + seconds_after * 1_000_000_000;
        let far = seconds(flow.time.unwrap().as_nanos().abs_diff(truth));
        assert!(far <= flow.error && flow.error < 3_605.0, "{flow:?}");
    }
}

#[test]
fn a_task_in_a_file_without_headers_is_a_rival_for_an_address() {
    for is_reversed in [false, true] {
        let given = answered("v1-task-in-a-bare-file", TimePolicy::default(), is_reversed);
        let peers: Vec<_> = given.flows.iter().map(|flow| flow.peer.as_deref()).collect();
        assert_eq!(peers, [Some("ambiguous address_lease_uncertain")]);
    }
}

#[test]
fn a_zone_that_lines_prove_is_used_and_noted_and_so_is_one_that_is_assumed() {
    let wrong = TimePolicy { utc_offset: Some(0), ..TimePolicy::default() };
    for policy in [TimePolicy::default(), wrong] {
        let given = answered("z1-local-time-needless", policy, false);
        assert!(given.flows[0].error < 1.1, "{:?}", given.flows);
        let [TimeNote::Zone { utc_offset: 7_200, is_overruled, .. }] = given.notes[..] else {
            panic!("{:?}", given.notes);
        };
        assert_eq!(is_overruled, policy.utc_offset.is_some());
    }
    for case in ["y7-good", "y7-one-future-stamp"] {
        let given = answered(case, TimePolicy::default(), false);
        assert!(given.flows[0].error < 2.0, "{case} {:?}", given.flows);
        assert_eq!(given.notes, [], "{case}");
    }
    let assumed = answered("y5-wall-dst", TimePolicy::default(), false);
    assert!(assumed.flows.iter().all(|flow| flow.error > 14.0 * 3_600.0), "{:?}", assumed.flows);
    assert!(matches!(assumed.notes[..], [TimeNote::AssumedZone { would_fit: None, .. }]));
}
