//! The ledger's laws, in a small world in which nearly everything collides.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::slow::{Slow, said};
use super::*;

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
const CELLS: [&str; 4] = ["a1", "b2", "relay", "0455ec2b-11fa-41ab-9d1c-f3a575cd55ea"];
const KINDS: [NameKind; 3] = [NameKind::Unknown, NameKind::Instance, NameKind::Host];

fn any_evidence() -> impl Strategy<Value = Evidence> {
    let maybe = |n: u8| prop_oneof![2 => Just(None), 1 => (0..n).prop_map(Some)];
    let ids = (0..HANDLES.len(), maybe(3), maybe(3), maybe(2), 0_u32..2, 1_u64..9);
    let rest = (0_usize..4, prop::option::of(0_i64..2_000), maybe(4), maybe(4), maybe(3));
    let flags = (any::<bool>(), prop::bool::weighted(0.1), 0_usize..3);
    (ids, rest, flags).prop_map(
        |(
            (handle, process, app, index, source, line),
            (moment, time, cell, machine, address),
            flags,
        )| {
            let origin = Origin { source: SourceId(source), line };
            let moment =
                [Moment::Created, Moment::Seen, Moment::Destroyed, Moment::Running][moment];
            let mut e =
                Evidence::new(Handle::parse(HANDLES[handle].as_bytes()).unwrap(), moment, origin);
            e.time = time.map(|seconds| Timestamp::from_nanos(seconds * SECOND));
            let guids = [APP, VERSION, "46ab3511-e11c-45cd-9f3e-a20ad836a9e6"];
            e.process = process.map(|n: u8| match n {
                2 => ProcessName::new("lattice"),
                n => ProcessName::new(&format!("{}-{VERSION}", guids[usize::from(n)])),
            });
            e.app = app.map(|n: u8| guids[usize::from(n)].parse().unwrap());
            e.index = index.map(u32::from);
            e.cell = cell.map(|n: u8| CELLS[usize::from(n)].into());
            e.machine = machine.map(|n: u8| CELLS[usize::from(n)].into());
            (e.is_cells_own, e.is_contradictory) = (flags.0, flags.1);
            e.machine_kind = if e.machine.is_some() { KINDS[flags.2] } else { NameKind::Unknown };
            let addresses = ["10.0.0.1", "10.0.0.2", "fd00::1"];
            e.address = address.map(|n: u8| addresses[usize::from(n)].parse().unwrap());
            e
        },
    )
}

/// At most `n` facts: few, because nearly everything collides here, and many leave nothing certain.
fn world(n: usize) -> impl Strategy<Value = Vec<Evidence>> {
    prop::collection::vec(any_evidence(), 0..n)
}

fn any_sighting() -> impl Strategy<Value = Sighting<'static>> {
    (
        prop::option::of((-1_000_i64..4_000, 0_u64..300)),
        prop::option::of(0..CELLS.len()),
        prop::option::of(0_usize..3),
        (0_usize..3, prop::option::of(0_usize..3)),
    )
        .prop_map(|(time, cell, address, (kind, interface))| Sighting {
            kind: KINDS[kind],
            interface: interface.and_then(|n| {
                Interface::classify(
                    [&b"s-010000000001"[..], b"wbrdg-0a000000", b"s-010000000002"][n],
                )
            }),
            time: time.map(|(at, error)| {
                TimeRange::around(Timestamp::from_nanos(at * SECOND), error * 1_000_000_000)
            }),
            cell: cell.map(|n| CELLS[n]),
            address: address.map(|n| ["10.0.0.1", "10.0.0.2", "fd00::1"][n].parse().unwrap()),
        })
}

/// Returns all facts of a ledger, in a form that does not depend on the order of arrival.
fn dump(ledger: &Ledger) -> (Vec<u8>, BTreeMap<String, Vec<Origin>>) {
    let lines = ledger.lifetimes().map(|it| (it.handle().to_string(), it.evidence().collect()));
    (ledger.to_bytes(), lines.collect())
}

/// At least a thousand, or as many as the variable `PROPTEST_CASES` asks for.
fn cases() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases.max(1_000), ..usual }
}

proptest! {
    #![proptest_config(cases())]

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
        if let Ok(ledger) = Ledger::from_bytes(&sealed(&body), SourceId(0)) {
            let saved = ledger.to_bytes();
            prop_assert_eq!(Ledger::from_bytes(&saved, SourceId(0)).unwrap().to_bytes(), saved);
        }
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

    /// A consistent world: every container has one process, cell, address and life, and all lines
    /// about it are true.
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
        // Equal beginnings by chance (one in 2^52) are not the subject of this law.
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
            let prefix = LogPrefix::classify(text.as_bytes()).unwrap();
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
        // Names of cells stay with those that have them; everything else is as if the others had
        // never existed.
        let handles = |l: &Ledger| l.lifetimes().map(|it| format!("{it:?}")).collect::<BTreeSet<_>>();
        prop_assert_eq!(some.len(), rest.len());
        prop_assert!(handles(&some).iter().all(|it| it.contains("Handle(d")));
    }
}
