//! Order: the index against the scan, and certainty against every order of groups.

use std::collections::BTreeSet;

use super::*;

/// Returns every order of these.
fn orders(groups: &[Value]) -> Vec<Vec<Value>> {
    if groups.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for n in 0..groups.len() {
        let mut rest = groups.to_vec();
        let first = rest.remove(n);
        all.extend(orders(&rest).into_iter().map(|mut order| {
            order.insert(0, first.clone());
            order
        }));
    }
    all
}

/// Returns the words of a kernel rule, which identify it under another order.
fn words(entry: &Entry) -> String {
    format!("{:?} {} {}", entry.traffic, entry.range, entry.log)
}

/// Returns the kernel rules that could have decided.
fn deciders(set: &Effective, probe: &Probe) -> BTreeSet<String> {
    let entry = |n: &u32| words(&set.entries()[*n as usize]);
    match set.evaluate(probe).ruling.map(|ruling| ruling.by) {
        Some(Decider::Entry(n)) => BTreeSet::from([entry(&n)]),
        Some(Decider::AnyOf(entries)) => entries.iter().map(entry).collect(),
        _ => BTreeSet::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_index_finds_what_a_scan_finds(
        groups in groups(6), with in profile(), probes in prop::collection::vec(probe(), 8),
    ) {
        let set = effective(&groups, with);
        for probe in probes {
            prop_assert_eq!(set.evaluate(&probe), set.evaluate_by_scan(&probe), "{:?}", probe);
        }
    }

    #[test]
    fn it_is_certain_what_no_order_of_groups_changes(
        groups in groups(4), with in profile(), probes in prop::collection::vec(probe(), 4),
    ) {
        let set = effective(&groups, with.clone());
        let mut listed = with;
        listed["group_order"] = "listed".into();
        let others: Vec<Effective> =
            orders(&groups).iter().map(|order| effective(order, listed.clone())).collect();
        for probe in probes {
            let possible: BTreeSet<String> =
                others.iter().flat_map(|other| deciders(other, &probe)).collect();
            let Some(ruling) = set.evaluate(&probe).ruling else { continue };
            match ruling.decided {
                Decided::Certain => prop_assert!(possible.len() <= 1, "{:?}", possible),
                Decided::ByOrder => prop_assert!(possible.len() > 1 && set.order_is_known()),
                Decided::Undetermined => {
                    prop_assert!(possible.len() > 1 && !set.order_is_known());
                    prop_assert_eq!(deciders(&set, &probe), possible.clone());
                }
            }
            // Verdicts and lines do not depend on it, since the parts of the list have one kind of
            // rule each.
            for other in &others {
                let other = other.evaluate(&probe).ruling.unwrap();
                prop_assert_eq!(other.verdict, ruling.verdict);
            }
        }
    }

    #[test]
    fn wide_addresses_and_ports_are_found_at_their_ends(
        ranges in prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>()), 1..60),
        address: u8, port: u8,
    ) {
        let rules: Vec<Value> = ranges.iter().map(|(a, b, c, d)| {
            let (a, b, c, d) = (a.min(b), a.max(b), c.min(d), c.max(d));
            json!({ "protocol": "tcp", "destination": format!("10.0.0.{a}-10.0.0.{b}"), "ports": format!("{c}-{d}") })
        }).collect();
        let set = effective(&[group("g", json!({ "rules": rules }))], json!({}));
        let probe = tcp(&format!("10.0.0.{address}"), port.into());
        prop_assert_eq!(set.matches(&probe), set.matches_by_scan(&probe));
    }
}

#[test]
fn bound_groups_are_looked_at_before_global_ones_and_later_ones_before_earlier_ones() {
    let rule =
        |port: &str| json!([{ "protocol": "tcp", "destination": "10.0.0.0/8", "ports": port }]);
    let groups = [
        group("bound-1", json!({ "rules": rule("1-10") })),
        group("global", json!({ "rules": rule("1-20"), "globally_enabled": { "running": true } })),
        group("bound-2", json!({ "rules": rule("1-30") })),
        group("free", json!({ "rules": rule("1-40"), "relationships": {} })),
    ];
    let set = effective(&groups, json!({}));
    let order: Vec<&str> = set
        .owners_of(&[0, 1, 2])
        .iter()
        .map(|rule| {
            &*set.groups()[set.groups().iter().position(|group| group.guid == rule.group).unwrap()]
                .guid
        })
        .map(|guid| match guid {
            "bound-1" => "bound-1",
            "bound-2" => "bound-2",
            _ => "global",
        })
        .collect();
    assert_eq!(order, ["bound-2", "bound-1", "global"]);
    assert_eq!(set.entries().len(), 3);
    let decided = |port| set.evaluate(&tcp("10.0.0.1", port)).ruling.unwrap().decided;
    assert_eq!(decided(15), Decided::Certain, "a bound group comes before a global one");
    assert_eq!(decided(5), Decided::ByOrder);
    assert_eq!(decided(25), Decided::Certain);
}

#[test]
fn rules_that_log_are_looked_at_first_where_cloud_controller_sorts_them() {
    let rule = |log: bool| json!([{ "protocol": "all", "destination": "10.0.0.0/8", "log": log }]);
    let groups = [
        group("logs", json!({ "rules": rule(true) })),
        group("silent", json!({ "rules": rule(false) })),
    ];
    let evaluate = |with: Value| {
        let ruling = effective(&groups, with).evaluate(&tcp("10.0.0.1", 80)).ruling.unwrap();
        (ruling.decided, ruling.log)
    };
    assert_eq!(evaluate(json!({})), (Decided::ByOrder, None));
    let fixed = json!({ "profile": "silk_static" });
    assert_eq!(evaluate(fixed), (Decided::Certain, Some(LogLine::Ok)));
}
