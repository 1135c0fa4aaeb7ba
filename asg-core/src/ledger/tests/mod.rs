//! The ledger: tables of what it says. Its laws, and a slow one that keeps every line, are beside.

mod laws;
mod slow;

use super::*;
use crate::event::Moment;
use crate::ledger::attribution::{Certainty, Owners, Reason};
use crate::prefix::{LogPrefix, Subject};
use crate::time::TimeRange;

const APP: &str = "46ab3511-e11c-45cd-9f3e-a20ad836a9e4";
const VERSION: &str = "843b85ee-f2b7-4c4b-9ee7-4833ec1e066f";
const SECOND: i64 = 1_000_000_000;

fn evidence(line: u64, handle: &str, process: &str) -> Evidence {
    let origin = Origin { source: SourceId(0), line };
    let mut evidence = Evidence::new(Handle::parse(handle).unwrap(), Moment::Seen, origin);
    evidence.process = (!process.is_empty()).then(|| ProcessName::parse(process));
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
    let answer = ledger.attribute(&LogPrefix::parse(prefix.as_bytes()).expect(prefix), seen);
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
        (&one, "OK_bfce786c-ab07-40ad-79f9-8", Reason::NoSuchHandle),
        (&one, "OK_0001_bc6f229d-5e4a-4c41-a", Reason::NoSuchApp),
        (&one, "OK_d08bb414-cdba-4 ", Reason::PrefixTooShort),
        (&one, "REJECT_LOCAL: ", Reason::NamesNobody),
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
        let beginning = (Certainty::UniquePrefix, Reason::OneHandleBeginsSo);
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
        ("process", with(&|e| e.process = Some(ProcessName::parse(&format!("{VERSION}-{APP}"))))),
        ("app", with(&|e| e.app = Some(other))),
        ("index", with(&|e| e.index = Some(2))),
        ("cell", with(&|e| e.cell = Some("cell-2".into()))),
    ] {
        let said = with(&|_| {});
        assert_eq!(anywhere(&ledger([said.clone()]), handle).0, Certainty::Exact);
        let answer = (Certainty::Ambiguous, Reason::ProcessesContradict);
        assert_eq!(anywhere(&ledger([said, e]), handle), answer, "{what}");
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
        (seen.on("b2"), Reason::OnAnotherCell),
        (seen.on("diego-cell/1"), Reason::OnAnotherCell),
        (seen.with_address(ip("10.255.0.3")), Reason::WholeHandle),
        (seen.with_address(ip("fd00::3")), Reason::WholeHandle),
        (seen.with_address(ip("10.255.0.4")), Reason::AddressContradicts),
        (seen.with_address(ip("fd00::4")), Reason::AddressContradicts),
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
        let prefix = LogPrefix::parse(b"46ab3511-e11c-45cd-9f3e-a20ad").unwrap();
        let answer = ledger.attribute(&prefix, &Sighting::default());
        let known = (answer.certainty, answer.reason);
        assert_eq!(known, (Certainty::UniquePrefix, Reason::OneAppBeginsSo));
        assert_eq!((answer.container(), answer.process()), (None, None));
        assert_eq!(answer.subject().unwrap().to_string(), APP);
        assert_eq!(answer.evidence(), [Origin { source: SourceId(0), line: 1 }]);
    }
}

#[test]
fn a_policy_line_names_the_app_of_any_of_its_processes() {
    let ledger = ledger([evidence(1, "bfce786c-ab07-40ad-79f9-8f21", &format!("{APP}-{VERSION}"))]);
    let prefix = LogPrefix::parse(b"OK_0001_46ab3511-e11c-45cd-9 ").unwrap();
    let answer = ledger.attribute(&prefix, &Sighting::default());
    assert_eq!(answer.reason, Reason::OneAppBeginsSo);
    assert_eq!(answer.subject().unwrap().to_string(), APP);
}

#[test]
fn a_lease_tells_the_container_only_when_proven_and_only_on_its_cell() {
    let ip: IpAddr = "10.255.0.3".parse().unwrap();
    let handle = "bfce786c-ab07-40ad-79f9-8f21";
    let mut made = timed(1, handle, Moment::Created, 1_000);
    (made.cell, made.address) = (Some("a1".into()), Some(ip));
    made.process = Some(ProcessName::parse(&format!("{APP}-{VERSION}")));
    let gone = timed(2, handle, Moment::Destroyed, 2_000);
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
    let policy = LogPrefix::parse(b"OK_0001_46ab3511-e11c-45cd-9 ").unwrap();
    let answer = ledger.attribute(&policy, &seen);
    assert_eq!(answer.certainty, Certainty::UniquePrefix);
    assert_eq!(answer.lease.unwrap().handle().to_string(), handle);
    // The address is another container's than the prefix shows: the prefix is right, or neither.
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

/// Any bytes between a right header and a right checksum.
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
    later[8] = 3;
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
    the ledger is of version 3 of its format, and this program reads version 2
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
    ledger.add(Evidence::new(Handle::parse(task).unwrap(), Moment::Seen, origin));
    ledger.learn_app(task.parse().unwrap(), app);
    let ask = |prefix: &[u8]| {
        let prefix = LogPrefix::parse(prefix).unwrap();
        let answer = ledger.attribute(&prefix, &Sighting::default());
        (answer.certainty, answer.subject().map(|guid| guid.to_string()))
    };
    let named = ask(b"OK_0001_46ab3511-e11c-45cd-9 ");
    assert_eq!(named, (Certainty::UniquePrefix, Some(app.to_string())));
    let own = ask(b"OK_5a0b8c1d-6f0e-4b7a-9c3d-1 ");
    assert_eq!(own, (Certainty::UniquePrefix, Some(task.to_owned())), "no app has its GUID");
}
