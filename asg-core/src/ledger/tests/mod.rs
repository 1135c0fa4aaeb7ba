//! The ledger: tables of its answers. Its laws, and a slow ledger that keeps every line, are
//! beside.

mod laws;
mod slow;

use super::*;
use crate::bytes::work::steps_of;
use crate::event::Moment;
use crate::evidence::Interface;
use crate::ledger::attribution::{Certainty, Owners, Reason};
use crate::prefix::{LogPrefix, Subject};
use crate::time::TimeRange;

const APP: &str = "46ab3511-e11c-45cd-9f3e-a20ad836a9e4";
const VERSION: &str = "843b85ee-f2b7-4c4b-9ee7-4833ec1e066f";
const SECOND: i64 = 1_000_000_000;

fn evidence(line: u64, handle: &str, process: &str) -> Evidence {
    let origin = Origin { source: SourceId(0), line };
    let mut evidence =
        Evidence::new(Handle::parse(handle.as_bytes()).unwrap(), Moment::Seen, origin);
    evidence.process = (!process.is_empty()).then(|| ProcessName::new(process));
    evidence
}

fn timed(line: u64, handle: &str, moment: Moment, seconds: i64) -> Evidence {
    let mut evidence = evidence(line, handle, "");
    (evidence.moment, evidence.time) = (moment, Some(Timestamp::from_nanos(seconds * SECOND)));
    evidence
}

fn ledger(evidence: impl IntoIterator<Item = Evidence>) -> Ledger {
    let mut ledger = Ledger::new();
    evidence.into_iter().for_each(|e| ledger.add(e));
    ledger
}

fn at(seconds: i64) -> Sighting<'static> {
    Sighting::at(Timestamp::from_nanos(seconds * SECOND))
}

fn ask(ledger: &Ledger, prefix: &str, seen: &Sighting<'_>) -> (Certainty, Reason) {
    let answer = ledger.attribute(&LogPrefix::classify(prefix.as_bytes()).expect(prefix), seen);
    (answer.certainty, answer.reason)
}

fn anywhere(ledger: &Ledger, prefix: &str) -> (Certainty, Reason) {
    ask(ledger, prefix, &Sighting::default())
}

#[test]
fn nothing_is_known_without_evidence_and_each_reason_is_told_apart() {
    let empty = Ledger::new();
    let one = ledger([evidence(1, "d08bb414-cdba-4381-412a-e9ecc1b7d0f4", "")]);
    for (ledger, prefix, reason) in [
        (&empty, "OK_bfce786c-ab07-40ad-79f9-8", Reason::NoEvidence),
        (&empty, "OK_0001_bc6f229d-5e4a-4c41-a", Reason::NoEvidence),
        (&one, "OK_bfce786c-ab07-40ad-79f9-8", Reason::UnknownHandle),
        (&one, "OK_0001_bc6f229d-5e4a-4c41-a", Reason::UnknownApp),
        (&one, "OK_d08bb414-cdba-4 ", Reason::PrefixTooShort),
        (&one, "REJECT_LOCAL: ", Reason::NoOwnerInPrefix),
        (&one, "OK_check-3f0d2b1c-8a77-4e21-", Reason::HealthCheck),
    ] {
        assert_eq!(anywhere(ledger, prefix), (Certainty::Unknown, reason), "{prefix}");
    }
}

#[test]
fn a_whole_handle_is_exact_and_a_beginning_is_not() {
    let short = "bfce786c-ab07-40ad-79f9-8f21";
    let ledger =
        ledger([evidence(1, short, ""), evidence(2, "d08bb414-cdba-4381-412a-e9ecc1b7d0f4", "")]);
    let whole = anywhere(&ledger, &format!("{short} "));
    assert_eq!(whole, (Certainty::Exact, Reason::WholeHandle));
    for prefix in [
        "OK_bfce786c-ab07-40ad-79f9-8 ",
        "DENY_C2C_bfce786c-ab07-40ad- ",
        "d08bb414-cdba-4381-412a-e9ecc",
    ] {
        let beginning = (Certainty::UniquePrefix, Reason::UniqueHandlePrefix);
        assert_eq!(anywhere(&ledger, prefix), beginning, "{prefix}");
    }
}

#[test]
fn a_handle_of_another_era_that_begins_like_a_whole_one_leaves_it_ambiguous() {
    let (short, long) = ("bfce786c-ab07-40ad-79f9-8f21", "bfce786c-ab07-40ad-79f9-8f2100000000");
    let both = ledger([evidence(1, short, ""), evidence(2, long, "")]);
    assert_eq!(anywhere(&both, short).0, Certainty::Ambiguous);
}

#[test]
fn two_handles_that_begin_alike_are_ambiguous_until_time_tells_them_apart() {
    let ledger = ledger([
        timed(1, "d08bb414-cdba-4381-412a-e9ecc1b7d0f4", Moment::Destroyed, 1_000),
        timed(2, "d08bb414-cdba-4381-412a-e9ecc1b7d0f5", Moment::Created, 2_000),
    ]);
    let prefix = "d08bb414-cdba-4381-412a-e9ecc";
    for (seen, certainty) in [
        (Sighting::default(), Certainty::Ambiguous),
        (at(0), Certainty::UniquePrefix),
        (at(1_500), Certainty::Ambiguous),
        (at(3_000), Certainty::UniquePrefix),
        (
            Sighting::at(TimeRange::around(Timestamp::from_nanos(0), 1_900_000_000_000)),
            Certainty::Ambiguous,
        ),
    ] {
        assert_eq!(ask(&ledger, prefix, &seen).0, certainty, "{seen:?}");
    }
}

#[test]
fn a_packet_outside_its_containers_life_is_never_certain() {
    let handle = "bfce786c-ab07-40ad-79f9-8f21";
    let ledger = ledger([timed(1, handle, Moment::Destroyed, 0)]);
    assert_eq!(ask(&ledger, handle, &at(60)).0, Certainty::Exact, "clocks differ by a minute");
    let late = (Certainty::Ambiguous, Reason::OutsideLifetime);
    assert_eq!(ask(&ledger, handle, &at(3_600)), late);
    let unsure = TimeRange::around(Timestamp::from_nanos(3_600 * SECOND), 3_590_000_000_000);
    assert_eq!(
        ask(&ledger, handle, &Sighting::at(unsure)).0,
        Certainty::Exact,
        "its error is an hour"
    );
}

#[test]
fn lines_that_contradict_each_other_leave_nothing_certain() {
    let handle = "bfce786c-ab07-40ad-79f9-8f21";
    let process = format!("{APP}-{VERSION}");
    let with = |change: &dyn Fn(&mut Evidence)| {
        let mut e = evidence(2, handle, &process);
        (e.index, e.cell, e.app) = (Some(1), Some("cell-1".into()), Some(APP.parse().unwrap()));
        change(&mut e);
        e
    };
    let other: Guid = VERSION.parse().unwrap();
    for (what, e) in [
        ("process", with(&|e| e.process = Some(ProcessName::new(&format!("{VERSION}-{APP}"))))),
        ("app", with(&|e| e.app = Some(other))),
        ("index", with(&|e| e.index = Some(2))),
        ("cell", with(&|e| e.cell = Some("cell-2".into()))),
    ] {
        let said = with(&|_| {});
        assert_eq!(anywhere(&ledger([said.clone()]), handle).0, Certainty::Exact);
        let answer = (Certainty::Ambiguous, Reason::ConflictingEvidence);
        assert_eq!(anywhere(&ledger([said, e]), handle), answer, "{what}");
    }
}

/// Creates evidence from a line of the cell's own that comes from this machine.
fn own(line: u64, handle: &str, moment: Moment, seconds: i64, machine: &str) -> Evidence {
    let mut e = timed(line, handle, moment, seconds);
    (e.machine, e.machine_kind) = (Some(machine.into()), NameKind::Instance);
    e.is_cells_own = true;
    e
}

#[test]
fn each_contradiction_leaves_nothing_certain_and_has_a_name() {
    let handle = "bfce786c-ab07-40ad-79f9-8f21";
    let (a, b) = ("0455ec2b-11fa-41ab-9d1c-f3a575cd55ea", "7b9f0c1d-22fa-41ab-9d1c-f3a575cd55ea");
    let with_address = |line, address: &str| {
        let mut e = own(line, handle, Moment::Running, 10, a);
        e.address = address.parse().ok();
        e
    };
    let garbled = |line| Evidence { is_contradictory: true, ..evidence(line, handle, "") };
    let job = |mut e: Evidence, name: &str| {
        (e.machine, e.machine_kind) = (Some(name.into()), NameKind::Index);
        e
    };
    let seen = |line, machine| own(line, handle, Moment::Seen, 10, machine);
    let cases = [
        (vec![seen(1, a), seen(2, b)], Some(Conflict::Machine)),
        (vec![seen(1, a), job(seen(2, a), "diego_cell/0")], None),
        (
            vec![job(seen(1, a), "diego_cell/1"), job(seen(2, a), "diego_cell/0")],
            Some(Conflict::Machine),
        ),
        (
            vec![with_address(1, "10.255.73.3"), with_address(2, "10.255.73.4")],
            Some(Conflict::Address),
        ),
        (vec![with_address(1, "10.255.73.3"), with_address(2, "fd00::3")], None),
        (
            vec![
                own(1, handle, Moment::Destroyed, 0, a),
                own(2, handle, Moment::Running, 3_600, a),
            ],
            Some(Conflict::Lifetime),
        ),
        (
            vec![own(1, handle, Moment::Destroyed, 0, a), own(2, handle, Moment::Running, 60, a)],
            None,
        ),
        (vec![garbled(1)], Some(Conflict::Line)),
        (vec![garbled(1), seen(2, a)], None),
    ];
    for (lines, conflict) in cases {
        let ledger = ledger(lines.clone());
        let prefix = LogPrefix::classify(handle.as_bytes()).unwrap();
        let answer = ledger.attribute(&prefix, &Sighting::default());
        assert_eq!(answer.conflict(), conflict, "{lines:?}");
        assert_eq!(answer.certainty == Certainty::Exact, conflict.is_none(), "{lines:?}");
    }
}

#[test]
fn machines_are_compared_by_names_of_one_kind_without_a_cells_own_name() {
    let handle = "5a0b8c1d-6f0e-4b7a-9c3d-1e2f3a4b5c6d";
    let (a, b) = ("0455ec2b-11fa-41ab-9d1c-f3a575cd55ea", "7b9f0c1d-22fa-41ab-9d1c-f3a575cd55ea");
    let ledger = ledger([own(1, handle, Moment::Seen, 0, a)]);
    let seen = Sighting::default();
    for (seen, reason) in [
        (seen.on_machine(a, NameKind::Instance), Reason::WholeHandle),
        (seen.on_machine(b, NameKind::Instance), Reason::OtherCell),
        (seen.on_machine("diego_cell/1", NameKind::Index), Reason::WholeHandle),
        // A host's name may be a GUID that is not a BOSH instance id.
        (seen.on_machine(b, NameKind::Host), Reason::WholeHandle),
        (seen.on(b), Reason::WholeHandle),
    ] {
        assert_eq!(ask(&ledger, handle, &seen).1, reason, "{seen:?}");
    }
}

#[test]
fn a_cells_name_of_job_index_and_id_is_its_id() {
    let handle = "bfce786c-ab07-40ad-79f9-8f21";
    let (id, other) =
        ("0455ec2b-11fa-41ab-9d1c-f3a575cd55ea", "7b9f0c1d-22fa-41ab-9d1c-f3a575cd55ea");
    let [old, old_other] = [id, other].map(|id| format!("diego_cell-2-{id}"));
    for (cells, seen, reason) in [
        ([&*old, id], id, Reason::WholeHandle),
        ([id, &old], &old, Reason::WholeHandle),
        ([&old, &old], other, Reason::OtherCell),
        ([&old, &old], &old_other, Reason::OtherCell),
        ([&old, other], id, Reason::ConflictingEvidence),
        // Without an index it is another name.
        ([id, &format!("cell-{id}")], id, Reason::ConflictingEvidence),
        ([id, &format!("-2-{id}")], id, Reason::ConflictingEvidence),
    ] {
        let lines = (1..).zip(cells).map(|(line, cell)| {
            let mut e = evidence(line, handle, "");
            e.cell = Some(cell.into());
            e
        });
        let seen = Sighting::default().on_machine(seen, NameKind::Instance);
        assert_eq!(ask(&ledger(lines), handle, &seen).1, reason, "{cells:?} {seen:?}");
    }
}

#[test]
fn an_interface_corroborates_and_contradicts_as_an_address_does() {
    let handle = "bfce786c-ab07-40ad-79f9-8f21";
    let mut e = own(1, handle, Moment::Running, 0, "cell-1");
    e.address = "10.255.73.3".parse().ok();
    let later = own(2, handle, Moment::Seen, 1_000, "cell-1");
    let ledger = ledger([e, later]);
    let through = |name: &str| {
        at(500)
            .on_machine("cell-1", NameKind::Instance)
            .through(Interface::classify(name.as_bytes()).unwrap())
    };
    let v6: IpAddr = "fd00::3".parse().unwrap();
    let (own, other) = (through("s-010255073003"), through("s-010255073099"));
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    for (seen, reason) in [
        (own, Reason::WholeHandle),
        (own.with_address(v6), Reason::WholeHandle),
        (other, Reason::ConflictingAddress),
        (other.with_address(v6), Reason::ConflictingAddress),
        // A container that sends with another's address is not the one with that address.
        (other.with_address(address("10.255.73.3")), Reason::ConflictingAddress),
        (through("wbrdg-0aff4900"), Reason::WholeHandle),
        (through("wbrdg-0aff4904"), Reason::ConflictingAddress),
    ] {
        assert_eq!(ask(&ledger, handle, &seen).1, reason, "{seen:?}");
    }
    let nobody = "REJECT_LOCAL: ";
    assert_eq!(ask(&ledger, nobody, &own).0, Certainty::Inferred);
    assert_eq!(ask(&ledger, nobody, &own.with_address(v6)).0, Certainty::Inferred);
    let forged = other.with_address(address("10.255.73.3"));
    assert_eq!(ask(&ledger, nobody, &forged).0, Certainty::Unknown);
}

#[test]
fn a_rival_that_only_time_excludes_forbids_certainty_if_it_had_the_address() {
    let (one, other) =
        ("d08bb414-cdba-4381-412a-e9ecc1b7d0f4", "d08bb414-cdba-4381-412a-e9ecc1b7d0f5");
    let ip: IpAddr = "10.255.0.3".parse().unwrap();
    let mut gone = own(1, one, Moment::Destroyed, 1_000, "cell-1");
    gone.address = Some(ip);
    let made = own(2, other, Moment::Created, 2_000, "cell-1");
    let prefix = "d08bb414-cdba-4381-412a-e9ecc";
    let seen = at(3_000).on_machine("cell-1", NameKind::Instance);
    let both = ledger([gone.clone(), made.clone()]);
    assert_eq!(ask(&both, prefix, &seen).0, Certainty::UniquePrefix);
    let alike = (Certainty::Ambiguous, Reason::AmbiguousHandlePrefix);
    assert_eq!(ask(&both, prefix, &seen.with_address(ip)), alike);
    // Another cell's addresses are independent, and a known earlier holder of the address counts
    // like the rival.
    let elsewhere = at(3_000).on_machine("cell-2", NameKind::Instance).with_address(ip);
    assert_eq!(ask(&both, prefix, &elsewhere).1, Reason::OtherCell);
    let reused = ledger([gone, Evidence { address: Some(ip), ..made }]);
    assert_eq!(ask(&reused, prefix, &seen.with_address(ip)).0, Certainty::UniquePrefix);
}

#[test]
fn a_lease_begins_and_ends_by_the_clock_of_its_cell() {
    let handle = "bfce786c-ab07-40ad-79f9-8f21";
    let ip: IpAddr = "10.255.0.3".parse().unwrap();
    let cell = "0455ec2b-11fa-41ab-9d1c-f3a575cd55ea";
    let made = own(1, handle, Moment::Created, 310, cell);
    // A database with a slow clock.
    let mut told = timed(2, handle, Moment::Running, 252);
    (told.cell, told.address) = (Some(cell.into()), Some(ip));
    let gone = own(3, handle, Moment::Destroyed, 900, cell);
    let ask = |ledger: &Ledger, seconds| {
        let seen = at(seconds).on_machine(cell, NameKind::Instance).with_address(ip);
        ask(ledger, "REJECT_LOCAL: ", &seen).0
    };
    let all = ledger([made, told.clone(), gone]);
    let by_cell = [280, 310, 900, 901].map(|seconds| ask(&all, seconds) == Certainty::Inferred);
    assert_eq!(by_cell, [false, true, true, false]);
    // If only the database logs it, both ends are shortened by the error of its clock.
    let mut later = told.clone();
    (later.time, later.origin.line) = (Some(Timestamp::from_nanos(900 * SECOND)), 4);
    let few = ledger([told, later]);
    let by_database = [371, 372, 660, 661].map(|seconds| ask(&few, seconds) == Certainty::Inferred);
    assert_eq!(by_database, [false, true, true, false]);
}

#[test]
fn a_lease_without_an_end_lasts_while_its_cell_shows_the_container_running() {
    let handle = "check-3f0d2b1c-8a77-4e21-5b6d-0c1d2e3f4a5b";
    let (cell, interface) = ("a1", Interface::classify(b"s-010000000001").unwrap());
    let mut told = evidence(1, handle, "");
    told.address = Some("10.0.0.1".parse().unwrap());
    let seen_by = |is_cells_own: bool, moment, seconds| {
        let machine = Some(cell.into());
        Evidence { is_cells_own, machine, ..timed(2, handle, moment, seconds) }
    };
    let (made, runs) = (seen_by(true, Moment::Created, 0), seen_by(true, Moment::Running, 500));
    let (left, gone) = (seen_by(true, Moment::Seen, 900), seen_by(true, Moment::Destroyed, 400));
    // Each world, and until when the container had its address, which it has from second 0.
    for (facts, until) in [
        (vec![made.clone()], Some(0)),
        (vec![made.clone(), runs.clone()], Some(500)),
        (vec![made.clone(), left.clone()], Some(780)),
        (vec![made.clone(), runs, left], Some(780)),
        (vec![made.clone(), gone], Some(400)),
        (vec![made, seen_by(false, Moment::Running, 500)], Some(0)),
        (vec![seen_by(false, Moment::Created, 0)], None),
    ] {
        let facts = [facts, vec![told.clone()]].concat();
        let all = ledger(facts.clone());
        for seconds in [-1, 0, 1, 400, 401, 500, 501, 780, 781] {
            let seen = at(seconds).on(cell).through(interface);
            let answer = slow::said(&all, "REJECT_LOCAL: ", &seen);
            let holds = until.is_some_and(|until| (0..=until).contains(&seconds));
            let expected = if holds { Certainty::Inferred } else { Certainty::Unknown };
            assert_eq!(answer.certainty, expected, "at {seconds}: {facts:?}");
            assert_eq!(answer, slow::Slow(&facts).answer("REJECT_LOCAL: ", &seen));
        }
    }
}

#[test]
fn a_lease_decides_between_apps_that_begin_alike() {
    let ip: IpAddr = "10.255.0.3".parse().unwrap();
    let apps = ["46ab3511-e11c-45cd-9f3e-a20ad836a9e4", "46ab3511-e11c-45cd-9f3e-a20ad836a9e5"];
    let handles = ["bfce786c-ab07-40ad-79f9-8f21", "d5978989-1401-49ff-46cd-33e5"];
    let lines = handles.into_iter().zip(apps).zip([3, 4]).flat_map(|((handle, app), last)| {
        let mut made = own(u64::from(last), handle, Moment::Created, 0, "cell-1");
        made.process = Some(ProcessName::new(&format!("{app}-{VERSION}")));
        made.address = Some(IpAddr::from([10, 255, 0, last]));
        [made, own(9, handle, Moment::Seen, 2_000, "cell-1")]
    });
    let ledger = ledger(lines);
    let prefix = LogPrefix::classify(b"OK_0001_46ab3511-e11c-45cd-9f3e ").unwrap();
    let seen = at(1_000).on_machine("cell-1", NameKind::Instance);
    let answer = ledger.attribute(&prefix, &seen.with_address(ip));
    assert_eq!((answer.certainty, answer.reason), (Certainty::Inferred, Reason::AddressLease));
    assert_eq!(answer.subject().unwrap().to_string(), apps[0]);
    assert_eq!(answer.lease.unwrap().handle().to_string(), handles[0]);
    assert_eq!(ledger.attribute(&prefix, &seen).certainty, Certainty::Ambiguous);
}

/// The steps for an input of a size.
type Shape<'f> = &'f dyn Fn(u64) -> u64;

/// Inputs that make much of little, each of a size.
#[test]
fn work_grows_no_faster_than_its_input() {
    let handle = "bfce786c-ab07-40ad-79f9-8f21";
    let many = |n: u64, change: &dyn Fn(&mut Evidence, u64)| {
        let lines = (0..n).map(|line| {
            let mut e = own(line, handle, Moment::Running, 10, "cell-1");
            change(&mut e, line);
            e
        });
        ledger(lines)
    };
    let ip = |n: u64| IpAddr::from((0x0a00_0000 + n as u32).to_be_bytes());
    let cells_and_addresses = |n: u64| {
        steps_of(|| {
            drop(many(n, &|e, line| {
                (e.cell, e.address) = (Some(format!("cell-{line}").into()), Some(ip(line)));
            }));
            // The largest first.
            drop(many(n, &|e, line| {
                (e.cell, e.address) = (Some(format!("{}", n - line).into()), Some(ip(n - line)));
            }));
        })
    };
    let indexes = |n: u64| steps_of(|| drop(many(n, &|e, line| e.index = Some((n - line) as u32))));
    let alike = |n: u64| format!("bfce786c-ab07-40ad-79f9-8f21{n:08x}");
    let handles = |n: u64| {
        steps_of(|| {
            let ledger =
                many(n, &|e, line| e.handle = Handle::parse(alike(line).as_bytes()).unwrap());
            let prefix = LogPrefix::classify(b"OK_bfce786c-ab07-40ad-79f9-8 ").unwrap();
            for seconds in 0..n {
                let answer = ledger.attribute(&prefix, &at(seconds.cast_signed()));
                assert_eq!(answer.candidates().len(), attribution::MOST_CANDIDATES);
                assert_eq!(answer.candidates_more as u64, n - 16);
            }
        })
    };
    let holders = |n: u64| {
        steps_of(|| {
            let ledger = many(n, &|e, line| {
                e.handle = Handle::parse(alike(line).as_bytes()).unwrap();
                e.address = Some(ip(1));
                e.time = Some(Timestamp::from_nanos(line.cast_signed() * SECOND));
            });
            for seconds in 0..n {
                let time = at(seconds.cast_signed()).time.unwrap();
                let peer = ledger.peer(ip(1), &Sighting::at(time));
                assert_eq!(peer.certainty, Certainty::Ambiguous);
                assert!(peer.candidates().len() <= attribution::MOST_CANDIDATES);
                let seen = Sighting::at(time).on("cell-1").with_address(ip(1));
                ask(&ledger, "REJECT_LOCAL: ", &seen);
            }
        })
    };
    let shapes: [(&str, Shape<'_>); 4] = [
        ("cells and addresses of one handle", &cells_and_addresses),
        ("indexes of one handle", &indexes),
        ("handles that begin alike", &handles),
        ("containers of one address", &holders),
    ];
    for (what, steps) in shapes {
        let (once, twice) = (steps(2_000), steps(4_000));
        assert!(twice * 10 <= once * 23, "{what}: {once} steps, and {twice} for twice as much");
    }
}

#[test]
fn a_process_of_two_apps_leaves_its_containers_uncertain() {
    let process = format!("{VERSION}-{APP}");
    let handles = ["bfce786c-ab07-40ad-79f9-8f21", "d5978989-1401-49ff-46cd-33e5"];
    let apps = ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"];
    let said = (1..).zip(handles.into_iter().zip(apps)).map(|(line, (handle, app))| {
        let mut e = evidence(line, handle, &process);
        e.app = Some(app.parse().unwrap());
        e
    });
    let ledger = ledger(said);
    assert_eq!(anywhere(&ledger, handles[0]).0, Certainty::Ambiguous);
}

#[test]
fn a_packet_of_another_cell_or_address_is_never_certain() {
    let handle = "bfce786c-ab07-40ad-79f9-8f21";
    let mut e = evidence(1, handle, "");
    (e.cell, e.machine) = (Some("a1".into()), Some("diego-cell/0".into()));
    (e.address, e.address_v6) = ("10.255.0.3".parse().ok(), "fd00::3".parse().ok());
    let mut other = evidence(2, "d5978989-1401-49ff-46cd-33e5", "");
    (other.cell, other.machine) = (Some("b2".into()), Some("diego-cell/1".into()));
    let ledger = ledger([e, other]);
    let seen = Sighting::default();
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    for (seen, reason) in [
        (seen.on("a1"), Reason::WholeHandle),
        (seen.on("diego-cell/0"), Reason::WholeHandle),
        (seen.on("a name that no line explains"), Reason::WholeHandle),
        (seen.on("b2"), Reason::OtherCell),
        (seen.on("diego-cell/1"), Reason::OtherCell),
        (seen.with_address(ip("10.255.0.3")), Reason::WholeHandle),
        (seen.with_address(ip("fd00::3")), Reason::WholeHandle),
        (seen.with_address(ip("10.255.0.4")), Reason::ConflictingAddress),
        (seen.with_address(ip("fd00::4")), Reason::ConflictingAddress),
    ] {
        assert_eq!(ask(&ledger, handle, &seen).1, reason, "{seen:?}");
    }
}

#[test]
fn the_name_of_a_relay_is_no_cells() {
    let handles = ["bfce786c-ab07-40ad-79f9-8f21", "d5978989-1401-49ff-46cd-33e5"];
    let ledger =
        ledger((1..).zip(handles.into_iter().zip(["a1", "b2"])).map(|(line, (handle, cell))| {
            let mut e = evidence(line, handle, "");
            (e.cell, e.machine) = (Some(cell.into()), Some("10.0.0.9".into()));
            e
        }));
    let relayed = Sighting::default().on("10.0.0.9");
    assert_eq!(ask(&ledger, handles[0], &relayed).0, Certainty::Exact);
}

#[test]
fn old_handles_name_the_app_and_never_the_container() {
    let process = format!("{APP}-{VERSION}");
    let instance = format!("{process}-a85d5b3b-ccef-47ca-5ee1-3620b3a349d9");
    let staging = format!("{APP}-a85d5b3bccef47ca5ee13620b3a349d9");
    let other = format!("{process}-b85d5b3b-ccef-47ca-5ee1-3620b3a349d9");
    for handles in [vec![&instance], vec![&staging], vec![&instance, &other, &staging]] {
        let ledger = ledger((1..).zip(handles).map(|(n, handle)| evidence(n, handle, "")));
        let prefix = LogPrefix::classify(b"46ab3511-e11c-45cd-9f3e-a20ad").unwrap();
        let answer = ledger.attribute(&prefix, &Sighting::default());
        let known = (answer.certainty, answer.reason);
        assert_eq!(known, (Certainty::UniquePrefix, Reason::AppGuidPrefix));
        assert_eq!((answer.container(), answer.process()), (None, None));
        assert_eq!(answer.subject().unwrap().to_string(), APP);
        assert_eq!(answer.evidence(), [Origin { source: SourceId(0), line: 1 }]);
    }
}

#[test]
fn a_policy_line_names_the_app_of_any_of_its_processes() {
    let ledger = ledger([evidence(1, "bfce786c-ab07-40ad-79f9-8f21", &format!("{APP}-{VERSION}"))]);
    let prefix = LogPrefix::classify(b"OK_0001_46ab3511-e11c-45cd-9 ").unwrap();
    let answer = ledger.attribute(&prefix, &Sighting::default());
    assert_eq!(answer.reason, Reason::UniqueAppPrefix);
    assert_eq!(answer.subject().unwrap().to_string(), APP);
}

#[test]
fn a_lease_tells_the_container_only_when_proven_and_only_on_its_cell() {
    let ip: IpAddr = "10.255.0.3".parse().unwrap();
    let handle = "bfce786c-ab07-40ad-79f9-8f21";
    let mut made = timed(1, handle, Moment::Created, 1_000);
    (made.cell, made.address) = (Some("a1".into()), Some(ip));
    made.is_cells_own = true;
    made.process = Some(ProcessName::new(&format!("{APP}-{VERSION}")));
    let mut gone = timed(2, handle, Moment::Destroyed, 2_000);
    gone.is_cells_own = true;
    let ledger = ledger([made, gone]);
    for (seconds, cell, certainty) in [
        (1_500, "a1", Certainty::Inferred),
        (1_500, "b2", Certainty::Unknown),
        (999, "a1", Certainty::Unknown),
        (2_001, "a1", Certainty::Unknown),
    ] {
        let seen = at(seconds).on(cell).with_address(ip);
        assert_eq!(ask(&ledger, "REJECT_LOCAL: ", &seen).0, certainty, "{seen:?}");
    }
    let seen = at(1_500).on("a1").with_address(ip);
    let policy = LogPrefix::classify(b"OK_0001_46ab3511-e11c-45cd-9 ").unwrap();
    let answer = ledger.attribute(&policy, &seen);
    assert_eq!(answer.certainty, Certainty::UniquePrefix);
    assert_eq!(answer.lease.unwrap().handle().to_string(), handle);
    // The address is another container's than the prefix: the prefix is right, or neither.
    assert_eq!(ask(&ledger, "OK_d5978989-1401-49ff-46cd-3 ", &seen).0, Certainty::Unknown);
}

#[test]
fn the_latest_names_of_an_app_count() {
    let said = |line, seconds, name: &'static str| {
        let mut e = timed(line, "bfce786c-ab07-40ad-79f9-8f21", Moment::Seen, seconds);
        let names = crate::names::Names {
            app_name: Some(crate::bytes::json::JsonStr::borrowed(name)),
            ..crate::names::Names::default()
        };
        (e.app, e.names) = (APP.parse().ok(), Some(Box::new(names)));
        e
    };
    let ledger = ledger([said(1, 20, "new"), said(2, 10, "old")]);
    assert_eq!(ledger.names(APP.parse().unwrap()).unwrap().app_name(), Some("new"));
}

/// Puts a right header and a right checksum around any bytes.
fn sealed(body: &[u8]) -> Vec<u8> {
    let mut bytes = Ledger::new().to_bytes();
    bytes.truncate(20);
    bytes.extend_from_slice(body);
    let length = bytes.len() as u64 + 4;
    bytes[12..20].copy_from_slice(&length.to_le_bytes());
    let sum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

#[test]
fn what_is_wrong_with_a_saved_ledger_is_told() {
    let good = Ledger::new().to_bytes();
    let mut later = good.clone();
    later[8] = 4;
    let mut damaged = good.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let told = [
        b"something else".to_vec(),
        later,
        good[..good.len() - 1].to_vec(),
        damaged,
        sealed(b"\x01"),
    ]
    .map(|bytes| Ledger::from_bytes(&bytes, SourceId(0)).unwrap_err().to_string());
    insta::assert_snapshot!(told.join("\n"), @r"
    this is no saved ledger
    the ledger is of version 4 of its format, and this program reads version 3
    the ledger says that it has 31 bytes, and there are 30
    the ledger is damaged: its checksum is another
    the ledger makes no sense at byte 21
    ");
}

#[test]
fn a_task_leads_to_its_app_once_a_directory_has_said_so() {
    let task = "5a0b8c1d-6f0e-4b7a-9c3d-1e2f3a4b5c6d";
    let app: Guid = "46ab3511-e11c-45cd-9f3e-a20ad836a9e4".parse().unwrap();
    let mut ledger = Ledger::new();
    let origin = Origin { source: SourceId(0), line: 1 };
    ledger.add(Evidence::new(Handle::parse(task.as_bytes()).unwrap(), Moment::Seen, origin));
    ledger.learn_app(task.parse().unwrap(), app);
    let ask = |prefix: &[u8]| {
        let prefix = LogPrefix::classify(prefix).unwrap();
        let answer = ledger.attribute(&prefix, &Sighting::default());
        (answer.certainty, answer.subject().map(|guid| guid.to_string()))
    };
    let named = ask(b"OK_0001_46ab3511-e11c-45cd-9 ");
    assert_eq!(named, (Certainty::UniquePrefix, Some(app.to_string())));
    let own = ask(b"OK_5a0b8c1d-6f0e-4b7a-9c3d-1 ");
    assert_eq!(own, (Certainty::UniquePrefix, Some(task.to_owned())), "no app has its GUID");
}
