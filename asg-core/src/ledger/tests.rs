//! The ledger, held to its laws and to a slow one that keeps every line.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::attribution::{Certainty, Owners, Reason};
use crate::evidence::Moment;
use crate::{LogPrefix, Subject, TimeRange};

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
        let names = crate::Names {
            app_name: Some(crate::JsonStr::borrowed(name)),
            ..crate::Names::default()
        };
        (e.app, e.names) = (APP.parse().ok(), Some(Box::new(names)));
        e
    };
    let ledger = ledger([said(1, 20, "new"), said(2, 10, "old")]);
    assert_eq!(ledger.names(APP.parse().unwrap()).unwrap().app_name(), Some("new"));
}

// A small world in which nearly everything collides.

const HANDLES: [&str; 9] = [
    "d08bb414-cdba-4381-412a-e9ecc1b7d0f4",
    "d08bb414-cdba-4381-412a-e9ecc1b7d0f5",
    "d08bb414-cdba-4381-412a-e9ec",
    "d08bb414-cdba-4381-9",
    "46ab3511-e11c-45cd-9f3e-a20ad836a9e4-843b85ee-f2b7-4c4b-9ee7-4833ec1e066f-a85d5b3b-ccef-47ca-5ee1-3620b3a349d9",
    "46ab3511-e11c-45cd-9f3e-a20ad836a9e4-a85d5b3bccef47ca5ee13620b3a349d9",
    "46ab3511-e11c-45cd-9f3e-a20ad836a9e5",
    "17vkp0n9mtb",
    "check-3f0d2b1c-8a77-4e21-5b6d-0c1d2e3f4a5b",
];
const PREFIXES: [&str; 12] = [
    "d08bb414-cdba-4381-412a-e9ecc",
    "d08bb414-cdba-4381-412a-e9ec ",
    "OK_d08bb414-cdba-4381-412a-e ",
    "DENY_C2C_d08bb414-cdba-4381- ",
    "OK_d08bb414-cdba-43 ",
    "OK_d08bb414-cdba ",
    "46ab3511-e11c-45cd-9f3e-a20ad",
    "OK_0001_46ab3511-e11c-45cd-9 ",
    "OK_00000001_46ab3511-e11c-45 ",
    "warden-i-17vkp0n9mtb ",
    "REJECT_LOCAL: ",
    "OK_0001_843b85ee-f2b7-4c4b-9 ",
];
const CELLS: [&str; 3] = ["a1", "b2", "relay"];

fn any_evidence() -> impl Strategy<Value = Evidence> {
    let maybe = |n: u8| prop_oneof![2 => Just(None), 1 => (0..n).prop_map(Some)];
    let ids = (0..HANDLES.len(), maybe(3), maybe(3), maybe(2), 0_u32..2, 1_u64..9);
    let rest = (0_u8..3, prop::option::of(0_i64..2_000), maybe(3), maybe(3), maybe(3));
    (ids, rest).prop_map(
        |((handle, process, app, index, source, line), (moment, time, cell, machine, address))| {
            let origin = Origin { source: SourceId(source), line };
            let moment = [Moment::Created, Moment::Seen, Moment::Destroyed][usize::from(moment)];
            let mut e = Evidence::new(Handle::parse(HANDLES[handle]).unwrap(), moment, origin);
            e.time = time.map(|seconds| Timestamp::from_nanos(seconds * SECOND));
            let guids = [APP, VERSION, "46ab3511-e11c-45cd-9f3e-a20ad836a9e6"];
            e.process = process.map(|n: u8| match n {
                2 => ProcessName::parse("lattice"),
                n => ProcessName::parse(&format!("{}-{VERSION}", guids[usize::from(n)])),
            });
            e.app = app.map(|n: u8| guids[usize::from(n)].parse().unwrap());
            e.index = index.map(u32::from);
            e.cell = cell.map(|n: u8| CELLS[usize::from(n)].into());
            e.machine = machine.map(|n: u8| CELLS[usize::from(n)].into());
            let addresses = ["10.0.0.1", "10.0.0.2", "fd00::1"];
            e.address = address.map(|n: u8| addresses[usize::from(n)].parse().unwrap());
            e
        },
    )
}

/// At most `n` facts: few, for where nearly everything collides many leave nothing certain.
fn world(n: usize) -> impl Strategy<Value = Vec<Evidence>> {
    prop::collection::vec(any_evidence(), 0..n)
}

fn any_sighting() -> impl Strategy<Value = Sighting<'static>> {
    (
        prop::option::of((-1_000_i64..4_000, 0_u64..300)),
        prop::option::of(0..CELLS.len()),
        prop::option::of(0_usize..3),
    )
        .prop_map(|(time, cell, address)| Sighting {
            time: time.map(|(at, error)| {
                TimeRange::around(Timestamp::from_nanos(at * SECOND), error * 1_000_000_000)
            }),
            cell: cell.map(|n| CELLS[n]),
            address: address.map(|n| ["10.0.0.1", "10.0.0.2", "fd00::1"][n].parse().unwrap()),
        })
}

/// What an answer says, for comparing answers of two ledgers.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    certainty: Certainty,
    reason: Reason,
    owners: Vec<String>,
    process: Option<String>,
    lease: Option<String>,
}

fn said(ledger: &Ledger, prefix: &str, seen: &Sighting<'_>) -> Said {
    let answer = ledger.attribute(&LogPrefix::parse(prefix.as_bytes()).unwrap(), seen);
    let mut owners: Vec<_> = match &answer.owners {
        Owners::None => Vec::new(),
        Owners::Container(it) => vec![it.handle().to_string()],
        Owners::App { app, .. } => vec![format!("app {app}")],
        Owners::Several(all) => all.iter().map(|it| it.handle().to_string()).collect(),
    };
    owners.sort();
    Said {
        certainty: answer.certainty,
        reason: answer.reason,
        owners,
        process: answer.process().map(ToString::to_string),
        lease: answer.lease.map(|it| it.handle().to_string()),
    }
}

/// The slow ledger: every line is kept, and every question reads them all.
struct Slow<'e>(&'e [Evidence]);

impl<'e> Slow<'e> {
    fn about(&self, handle: &str) -> Vec<&'e Evidence> {
        self.0.iter().filter(|e| e.handle.to_string() == handle).collect()
    }

    fn handles(&self, begin: &str) -> Vec<String> {
        let all: BTreeSet<_> = self.0.iter().map(|e| e.handle.to_string()).collect();
        all.into_iter().filter(|h| h.starts_with(begin)).collect()
    }

    fn process_of(e: &Evidence) -> Option<String> {
        Some(e.process.as_ref()?.guid()?.process.to_string())
    }

    /// Each GUID of an app or process that any line shows.
    fn apps(&self, begin: &str) -> Vec<String> {
        let mut all = BTreeSet::new();
        for e in self.0 {
            all.extend(Self::process_of(e));
            all.extend(e.app.map(|app| app.to_string()));
            if e.handle.guid().is_none() {
                all.extend(e.handle.leading_guid().map(|guid| guid.to_string()));
            }
        }
        all.into_iter().filter(|app| app.starts_with(begin)).collect()
    }

    /// The apps that lines tell for a process.
    fn apps_of(&self, process: &str) -> BTreeSet<String> {
        let told = self.0.iter().filter(|e| Self::process_of(e).as_deref() == Some(process));
        told.filter_map(|e| e.app).map(|app| app.to_string()).filter(|app| app != process).collect()
    }

    fn processes(&self, handle: &str) -> BTreeSet<ProcessName> {
        let lines = self.about(handle);
        let told = lines.iter().filter_map(|e| e.process.clone());
        let embedded = Handle::parse(handle).unwrap().embedded_process().map(ProcessName::Guid);
        told.chain(embedded).collect()
    }

    fn outright(&self, handle: &str) -> BTreeSet<Guid> {
        self.about(handle).iter().filter_map(|e| e.app).collect()
    }

    fn is_contradicted(&self, handle: &str) -> bool {
        let lines = self.about(handle);
        let processes = self.processes(handle);
        let apps = self.outright(handle);
        let cells: BTreeSet<_> = lines.iter().filter_map(|e| e.cell.clone()).collect();
        let indices: BTreeSet<_> = lines.iter().filter_map(|e| e.index).collect();
        if [processes.len(), apps.len(), cells.len(), indices.len()].iter().any(|n| *n > 1) {
            return true;
        }
        let Some(process) = processes.first().and_then(ProcessName::guid) else { return false };
        let told = self.apps_of(&process.process.to_string());
        let outright = apps.first().map(ToString::to_string);
        told.len() > 1
            || matches!((told.first(), outright), (Some(told), Some(app)) if *told != app)
    }

    fn seconds(&self, handle: &str, moment: Option<Moment>) -> Vec<i64> {
        let lines = self.about(handle);
        let of = lines.into_iter().filter(|e| moment.is_none_or(|moment| e.moment == moment));
        of.filter_map(|e| e.time).map(|time| time.as_nanos() / SECOND).collect()
    }

    fn may_live(&self, handle: &str, seen: &Sighting<'_>) -> bool {
        let Some(time) = seen.time else { return true };
        let all = self.seconds(handle, None);
        let early = !self.seconds(handle, Some(Moment::Created)).is_empty()
            && time.latest().as_nanos() / SECOND < all.iter().min().unwrap() - 120;
        let late = !self.seconds(handle, Some(Moment::Destroyed)).is_empty()
            && time.earliest().as_nanos() / SECOND > all.iter().max().unwrap() + 120;
        !early && !late
    }

    /// The cells whose lines come under a machine's name.
    fn cells_of(&self, machine: &str) -> BTreeSet<String> {
        let told = self.0.iter().filter(|e| e.machine.as_deref() == Some(machine));
        told.filter_map(|e| e.cell.as_deref().map(str::to_owned)).collect()
    }

    fn names(&self, handle: &str) -> BTreeSet<String> {
        let lines = self.about(handle);
        let names = lines.iter().flat_map(|e| [e.cell.as_deref(), e.machine.as_deref()]);
        names.flatten().map(str::to_owned).collect()
    }

    fn is_elsewhere(&self, handle: &str, name: &str) -> bool {
        let cells = self.cells_of(name);
        if cells.len() > 1 || self.names(handle).contains(name) {
            return false;
        }
        let own = self.about(handle).iter().find_map(|e| e.cell.as_deref().map(str::to_owned));
        let is_cell = self.0.iter().any(|e| e.cell.as_deref() == Some(name));
        match (own, cells.first()) {
            (None, _) => false,
            (Some(own), Some(cell)) => own != *cell,
            (Some(_), None) => is_cell,
        }
    }

    fn addresses(&self, handle: &str) -> BTreeSet<IpAddr> {
        self.about(handle).iter().filter_map(|e| e.address).collect()
    }

    fn holder(&self, seen: &Sighting<'_>) -> Option<String> {
        let (time, cell, address) = (seen.time?, seen.cell?, seen.address?);
        let cells = self.cells_of(cell);
        if cells.len() > 1 {
            return None;
        }
        let holds = |handle: &String| {
            let names = self.names(handle);
            let here =
                names.contains(cell) || cells.first().is_some_and(|cell| names.contains(cell));
            let lines = self.about(handle);
            let held = lines
                .iter()
                .filter(|e| e.moment == Moment::Created || e.address.is_some())
                .filter_map(|e| e.time)
                .min();
            let ended = self.seconds(handle, Some(Moment::Destroyed));
            let last = ended
                .into_iter()
                .min()
                .or_else(|| self.seconds(handle, None).into_iter().max().map(|last| last - 120));
            here && self.addresses(handle).contains(&address)
                && held.is_some_and(|held| held <= time.earliest())
                && last.is_some_and(|last| time.latest().as_nanos() <= last * SECOND)
        };
        let mut holders = self.handles("").into_iter().filter(holds);
        let one = holders.next()?;
        (holders.next().is_none() && !self.is_contradicted(&one)).then_some(one)
    }

    fn answer(&self, prefix: &str, seen: &Sighting<'_>) -> Said {
        let plain = |certainty, reason, owners: Vec<String>| Said {
            certainty,
            reason,
            owners,
            process: None,
            lease: None,
        };
        let unknown = |reason| plain(Certainty::Unknown, reason, Vec::new());
        let container = |certainty, reason, handle: String, lease| Said {
            certainty,
            reason,
            process: self.processes(&handle).first().map(ToString::to_string),
            owners: vec![handle],
            lease,
        };
        let prefix = LogPrefix::parse(prefix.as_bytes()).unwrap();
        let Some(shown) = prefix.handle_prefix else {
            return match self.holder(seen) {
                Some(one) => {
                    container(Certainty::Inferred, Reason::AddressLease, one.clone(), Some(one))
                }
                None => unknown(Reason::NamesNobody),
            };
        };
        let shown = shown.as_str();
        if self.0.is_empty() {
            return unknown(Reason::NoEvidence);
        }
        let is_guid = crate::GuidPrefix::parse(shown.as_bytes()).is_ok();
        if is_guid && shown.len() < 16 {
            return unknown(Reason::PrefixTooShort);
        }
        let is_app = prefix.subject == Subject::App;
        let plain_guid = |h: &String| Handle::parse(h).unwrap().guid().is_some() || !is_guid;
        let handles: Vec<_> = if is_app {
            Vec::new()
        } else {
            self.handles(shown).into_iter().filter(plain_guid).collect()
        };
        let apps = if is_guid { self.apps(shown) } else { Vec::new() };
        match (handles.as_slice(), apps.as_slice()) {
            ([], []) if is_app => unknown(Reason::NoSuchApp),
            ([], []) => unknown(Reason::NoSuchHandle),
            ([], [app]) => {
                let contradicted = self.apps_of(app).len() > 1;
                let holder = self.holder(seen).filter(|holder| self.is_of(holder, app));
                let (certainty, reason) = if contradicted {
                    (Certainty::Ambiguous, Reason::ProcessesContradict)
                } else {
                    (Certainty::UniquePrefix, Reason::OneAppBeginsSo)
                };
                Said { lease: holder, ..plain(certainty, reason, vec![format!("app {app}")]) }
            }
            ([], _) => plain(Certainty::Ambiguous, Reason::SeveralHandlesBeginSo, Vec::new()),
            (handles, []) => {
                let alive: Vec<_> = handles.iter().filter(|h| self.may_live(h, seen)).collect();
                let one = if let [one] = handles {
                    Some(one)
                } else if let [one] = alive[..] {
                    Some(one)
                } else {
                    None
                };
                let Some(one) = one else {
                    return match self.holder(seen).filter(|holder| handles.contains(holder)) {
                        Some(it) => container(
                            Certainty::Inferred,
                            Reason::AddressLease,
                            it.clone(),
                            Some(it),
                        ),
                        None => plain(
                            Certainty::Ambiguous,
                            Reason::SeveralHandlesBeginSo,
                            handles.to_vec(),
                        ),
                    };
                };
                let family =
                    |known: &&IpAddr| Some(known.is_ipv4()) == seen.address.map(|a| a.is_ipv4());
                let addresses = self.addresses(one);
                let known: Vec<_> = addresses.iter().filter(family).collect();
                let doubt = if self.is_contradicted(one) {
                    Reason::ProcessesContradict
                } else if !self.may_live(one, seen) {
                    Reason::OutsideLifetime
                } else if seen.cell.is_some_and(|cell| self.is_elsewhere(one, cell)) {
                    Reason::OnAnotherCell
                } else if !known.is_empty()
                    && !known.iter().any(|known| Some(**known) == seen.address)
                {
                    Reason::AddressContradicts
                } else if one == shown && handles.len() == 1 {
                    return container(Certainty::Exact, Reason::WholeHandle, one.clone(), None);
                } else {
                    let reason = Reason::OneHandleBeginsSo;
                    return container(Certainty::UniquePrefix, reason, one.clone(), None);
                };
                plain(Certainty::Ambiguous, doubt, vec![one.clone()])
            }
            (handles, _) => {
                plain(Certainty::Ambiguous, Reason::SeveralHandlesBeginSo, handles.to_vec())
            }
        }
    }

    fn is_of(&self, handle: &str, app: &str) -> bool {
        let outright = self.outright(handle).first().map(ToString::to_string);
        let process = self.processes(handle).first().and_then(ProcessName::guid);
        let process = process.map(|guid| guid.process.to_string());
        let told = process.as_deref().and_then(|process| self.apps_of(process).into_iter().next());
        let parsed = Handle::parse(handle).unwrap();
        let lead = if parsed.guid().is_none() { parsed.leading_guid() } else { None };
        let is = |known: &Option<String>| known.as_deref() == Some(app);
        let lead = lead.map(|guid| guid.to_string());
        is(&outright)
            || is(&process)
            || (outright.is_none() && is(&told))
            || (outright.is_none() && process.is_none() && is(&lead))
            || (outright.is_none()
                && self.processes(handle).is_empty()
                && parsed
                    .guid()
                    .and_then(crate::GuidPrefix::full)
                    .is_some_and(|guid| !guid.is_rep_made() && guid.to_string() == app))
    }
}

/// All that a ledger knows, in a form that shows no order of arrival.
fn dump(ledger: &Ledger) -> (Vec<u8>, BTreeMap<String, Vec<Origin>>) {
    let lines = ledger.lifetimes().map(|it| (it.handle().to_string(), it.evidence().collect()));
    (ledger.to_bytes(), lines.collect())
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
    later[8] = 2;
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
    the ledger is of version 2 of its format, and this program reads version 1
    the ledger says that it has 30 bytes, and there are 29
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_slow_ledger_agrees(facts in world(10), sightings in prop::collection::vec(any_sighting(), 4)) {
        let fast = ledger(facts.clone());
        for prefix in PREFIXES {
            for seen in &sightings {
                prop_assert_eq!(said(&fast, prefix, seen), Slow(&facts).answer(prefix, seen), "{} {:?}", prefix, seen);
            }
        }
    }

    #[test]
    fn the_order_of_evidence_never_matters(facts in world(12).prop_shuffle(), turn: prop::sample::Index) {
        let mut turned = facts.clone();
        if !turned.is_empty() {
            let by = turn.index(turned.len());
            turned.rotate_left(by);
        }
        turned.reverse();
        prop_assert_eq!(dump(&ledger(facts)), dump(&ledger(turned)));
    }

    #[test]
    fn a_saved_ledger_answers_as_before(facts in world(12), sightings in prop::collection::vec(any_sighting(), 4)) {
        let before = ledger(facts);
        let bytes = before.to_bytes();
        let after = Ledger::from_bytes(&bytes, SourceId(7)).unwrap();
        prop_assert_eq!(after.to_bytes(), bytes);
        for prefix in PREFIXES {
            for seen in &sightings {
                prop_assert_eq!(said(&before, prefix, seen), said(&after, prefix, seen));
            }
        }
    }

    #[test]
    fn a_loaded_ledger_learns_on(a in world(8), b in world(8)) {
        let mut loaded = Ledger::from_bytes(&ledger(a.clone()).to_bytes(), SourceId(7)).unwrap();
        b.iter().cloned().for_each(|e| loaded.add(e));
        prop_assert_eq!(loaded.to_bytes(), ledger([a, b].concat()).to_bytes());
    }

    #[test]
    fn any_change_of_a_saved_ledger_is_refused(facts in world(12), flip in 1_u8..=255, cut: prop::sample::Index) {
        let bytes = ledger(facts).to_bytes();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= flip;
            prop_assert!(Ledger::from_bytes(&flipped, SourceId(0)).is_err(), "byte {}", at);
        }
        prop_assert!(Ledger::from_bytes(&bytes[..cut.index(bytes.len())], SourceId(0)).is_err());
        prop_assert!(Ledger::from_bytes(&[&bytes[..], b"x"].concat(), SourceId(0)).is_err());
    }

    #[test]
    fn bytes_that_are_sealed_but_senseless_are_refused_or_read(body: Vec<u8>) {
        let _ = Ledger::from_bytes(&sealed(&body), SourceId(0));
    }

    #[test]
    fn merging_is_commutative_associative_and_idempotent(a in world(8), b in world(8), c in world(8)) {
        let all = ledger([a.clone(), b.clone(), c.clone()].concat());
        let (a, b, c) = (ledger(a), ledger(b), ledger(c));
        let merged = |one: &Ledger, other: &Ledger| {
            let mut one = one.clone();
            one.merge(other);
            one
        };
        prop_assert_eq!(dump(&merged(&a, &b)), dump(&merged(&b, &a)));
        let left = merged(&merged(&a, &b), &c);
        prop_assert_eq!(dump(&left), dump(&merged(&a, &merged(&b, &c))));
        prop_assert_eq!(dump(&left), dump(&all), "merging is as reading all lines");
        prop_assert_eq!(dump(&merged(&left, &left)), dump(&left));
        prop_assert_eq!(dump(&merged(&left, &a)), dump(&left));
    }

    /// A true world: every container has one process, cell, address and life, and lines tell the truth about it.
    #[test]
    fn taking_evidence_away_only_lowers_the_certainty(
        guids in prop::collection::btree_map(any::<u128>(), 0_u8..4, 1..6),
        lines in prop::collection::vec((any::<prop::sample::Index>(), 0_i64..1_000, 0_u8..3, any::<u8>(), any::<bool>()), 1..20),
        at in 0_i64..1_000,
        cut in 16_usize..=29,
    ) {
        let containers: Vec<_> = guids.iter().map(|(bits, kind)| {
            let guid = Guid::from_u128(*bits).to_string();
            let process = format!("{}-{VERSION}", Guid::from_u128(bits.rotate_left(64)));
            match kind {
                0 => (guid[..28].to_owned(), process, guid),
                1 => (guid.clone(), process, guid),
                2 => (guid.clone(), String::new(), guid),
                _ => {
                    let process = format!("{guid}-{VERSION}");
                    (format!("{process}-a85d5b3b-ccef-47ca-5ee1-3620b3a349d9"), process, guid)
                }
            }
        }).collect();
        // Those that begin alike by chance (it takes 2^52 tries) are not this law's.
        let heads: BTreeSet<_> = containers.iter().map(|(h, ..)| h[..16].to_owned()).collect();
        prop_assume!(heads.len() == containers.len());
        let truth: Vec<_> = (1..).zip(&lines).map(|(line, (which, time, moment, what, _))| {
            let n = which.index(containers.len());
            let (handle, process, _) = &containers[n];
            let mut e = evidence(line, handle, if what & 1 == 0 { process } else { "" });
            let (moment, time) = match moment {
                0 => (Moment::Created, 0),
                1 => (Moment::Destroyed, 1_000),
                _ => (Moment::Seen, *time),
            };
            (e.moment, e.time) = (moment, Some(Timestamp::from_nanos(time * SECOND)));
            e.index = (what & 2 == 0).then_some(n as u32);
            e.cell = (what & 4 == 0).then(|| "a1".into());
            e.machine = (what & 8 == 0).then(|| "cell/0".into());
            e.address = (what & 16 == 0).then(|| IpAddr::from([10, 255, 0, n as u8]));
            e
        }).collect();
        let kept = truth.iter().zip(&lines).filter(|(_, line)| line.4).map(|(e, _)| e.clone());
        let (all, part) = (ledger(truth.clone()), ledger(kept));
        for (n, (handle, _, guid)) in containers.iter().enumerate() {
            let seen = Sighting::at(Timestamp::from_nanos(at * SECOND))
                .on("cell/0")
                .with_address(IpAddr::from([10, 255, 0, n as u8]));
            let shown = &handle[..cut.min(handle.len())];
            let text = format!("OK_{shown} ");
            let prefix = LogPrefix::parse(text.as_bytes()).unwrap();
            let (full, less) = (all.attribute(&prefix, &seen), part.attribute(&prefix, &seen));
            prop_assert!(less.certainty <= full.certainty, "{less:?} {full:?}");
            for answer in [full, less] {
                if answer.certainty < Certainty::Inferred {
                    continue;
                }
                match answer.owners {
                    Owners::Container(it) => prop_assert_eq!(&it.handle().to_string(), handle),
                    Owners::App { app, .. } => prop_assert_eq!(&app.to_string(), guid),
                    other => prop_assert!(false, "{other:?}"),
                }
            }
        }
    }

    #[test]
    fn forgetting_leaves_what_reading_only_the_rest_gives(facts in world(12)) {
        let mut some = ledger(facts.clone());
        some.retain(|it| it.handle().to_string().starts_with('d'));
        let rest = facts.into_iter().filter(|e| e.handle.to_string().starts_with('d'));
        let rest = ledger(rest);
        // Names of cells stay with those that bear them; all else is as if the others had never been.
        let handles = |l: &Ledger| l.lifetimes().map(|it| format!("{it:?}")).collect::<BTreeSet<_>>();
        prop_assert_eq!(some.len(), rest.len());
        prop_assert!(handles(&some).iter().all(|it| it.contains("Handle(d")));
    }
}
