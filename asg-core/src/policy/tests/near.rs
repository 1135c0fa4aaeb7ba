//! Near misses against brute force over all single changes.

use super::*;

/// A change and the groups after it.
struct Edit {
    how: How,
    /// The place of the group in the listing.
    group: usize,
    /// The rule that is widened, and the miss that this cures.
    widened: Option<(usize, Miss)>,
    groups: Vec<Value>,
    /// Addresses, and points at each of them.
    admits: (u128, u64),
}

fn stored(rule: &Value) -> StoredRule {
    StoredRule::parse(rule.to_string().as_bytes()).unwrap()
}

/// Returns the number of addresses and points of a rule, counted one by one if there are few.
fn size(rule: &Value, with: &CellSettings) -> (u128, u64) {
    let made = stored(rule).enforceable(with.of(None));
    let mut points = std::collections::BTreeSet::new();
    let mut addresses: Vec<(u128, u128)> = Vec::new();
    let bits = |address: std::net::IpAddr| match address {
        std::net::IpAddr::V4(address) => u128::from(address.to_bits()),
        std::net::IpAddr::V6(address) => address.to_bits(),
    };
    for entry in &made.entries {
        addresses.push((bits(entry.range.first()), bits(entry.range.last())));
        let (first, last) = match entry.traffic {
            EntryTraffic::Tcp(first, last) | EntryTraffic::Udp(first, last) => (first, last),
            EntryTraffic::Icmp(255, _) => (0, 65_535),
            EntryTraffic::Icmp(_, _) => (1, 1),
            EntryTraffic::All => (0, 0),
        };
        points.extend(first..=last);
    }
    let all = made.entries.iter().any(|entry| entry.traffic == EntryTraffic::All);
    addresses.sort_unstable();
    let mut count = 0;
    let mut from = 0;
    for (first, last) in addresses {
        let first = first.max(from);
        if first <= last {
            count += last - first + 1;
            from = last + 1;
        }
    }
    (count, if all { 256 * 65_536 } else { points.len() as u64 })
}

/// Returns every single change of a binding or of one member of a rule.
fn edits(groups: &[Value], probe: &Probe, with: &CellSettings) -> Vec<Edit> {
    let mut edits = Vec::new();
    let is_bound = |group: &Value, phase: &str| {
        let spaces = &group["relationships"][format!("{phase}_spaces")]["data"];
        spaces.as_array().is_some_and(|spaces| !spaces.is_empty())
            || group["globally_enabled"][phase] == true
    };
    for (n, group) in groups.iter().enumerate() {
        let mut edit = |how, widened, changed: Value, admits| {
            let mut groups = groups.to_vec();
            groups[n] = changed;
            edits.push(Edit { how, group: n, widened, groups, admits });
        };
        if !is_bound(group, "running") {
            let mut bound = group.clone();
            bound["relationships"]["running_spaces"]["data"] = json!([{ "guid": "s" }]);
            let how = if is_bound(group, "staging") { How::Phase } else { How::Bind };
            edit(how, None, bound, (0, 0));
            continue;
        }
        for (r, rule) in group["rules"].as_array().unwrap().iter().enumerate() {
            let (addresses, points) = size(rule, with);
            let mut change = |miss, members: Value, admits| {
                let mut changed = group.clone();
                for (name, value) in members.as_object().unwrap() {
                    changed["rules"][r][name] = value.clone();
                }
                edit(How::Widen, Some((r, miss)), changed, admits);
            };
            let list = format!("{},{}", rule["destination"].as_str().unwrap(), probe.destination);
            change(Miss::Address, json!({ "destination": list }), (1, points));
            let protocol = rule["protocol"].as_str().unwrap();
            match (protocol, probe.traffic) {
                ("icmp", ProbeTraffic::Icmp { icmp_type, code }) => {
                    let members = json!({ "type": icmp_type, "code": code });
                    change(Miss::Icmp, members, (addresses, 1));
                }
                ("tcp", ProbeTraffic::Udp { .. }) | ("udp", ProbeTraffic::Tcp { .. }) => {
                    let other = if protocol == "tcp" { "udp" } else { "tcp" };
                    change(Miss::Protocol, json!({ "protocol": other }), (addresses, points));
                }
                ("icmp", ProbeTraffic::Tcp { port, .. }) if port > 0 => {
                    let members = json!({ "protocol": "tcp", "ports": port.to_string() });
                    change(Miss::Protocol, members, (addresses, 1));
                }
                ("icmp", ProbeTraffic::Udp { port }) if port > 0 => {
                    let members = json!({ "protocol": "udp", "ports": port.to_string() });
                    change(Miss::Protocol, members, (addresses, 1));
                }
                ("tcp" | "udp", ProbeTraffic::Icmp { icmp_type, code }) => {
                    let members = json!({ "protocol": "icmp", "ports": null, "type": icmp_type, "code": code });
                    change(Miss::Protocol, members, (addresses, 1));
                }
                ("tcp", ProbeTraffic::Tcp { port, .. }) | ("udp", ProbeTraffic::Udp { port })
                    if port > 0 =>
                {
                    // A list and a range do not mix, so a rule beside this one has the new port.
                    let mut changed = group.clone();
                    let mut beside = rule.clone();
                    beside["ports"] = port.to_string().into();
                    changed["rules"].as_array_mut().unwrap().push(beside);
                    edit(How::Widen, Some((r, Miss::Port)), changed, (addresses, 1));
                }
                _ => {}
            }
        }
    }
    edits
}

/// Returns whether the packet would match the entry if it differed in this one respect.
fn misses_only(entry: &RuleEntry, miss: Miss, probe: &Probe) -> bool {
    if entry.matches(probe) {
        return false;
    }
    let (first, _) = entry.traffic.points();
    let [icmp_type, code] = first.to_be_bytes();
    let other = match (miss, probe.traffic) {
        (Miss::Address, _) => Probe { destination: entry.range.first(), ..*probe },
        (Miss::Port, ProbeTraffic::Tcp { opening, .. }) => {
            Probe { traffic: ProbeTraffic::Tcp { port: first, opening }, ..*probe }
        }
        (Miss::Port, ProbeTraffic::Udp { .. }) => Probe::udp(probe.destination, first),
        (Miss::Icmp, ProbeTraffic::Icmp { .. }) => Probe::icmp(probe.destination, icmp_type, code),
        (Miss::Protocol, traffic) => match (entry.traffic, traffic) {
            (EntryTraffic::Tcp(..), ProbeTraffic::Udp { port }) => {
                Probe::tcp(probe.destination, port)
            }
            (EntryTraffic::Udp(..), ProbeTraffic::Tcp { port, .. }) => {
                Probe::udp(probe.destination, port)
            }
            (EntryTraffic::Tcp(..), ProbeTraffic::Icmp { .. }) => {
                Probe::tcp(probe.destination, first)
            }
            (EntryTraffic::Udp(..), ProbeTraffic::Icmp { .. }) => {
                Probe::udp(probe.destination, first)
            }
            (EntryTraffic::Icmp(..), ProbeTraffic::Tcp { .. } | ProbeTraffic::Udp { .. }) => {
                Probe::icmp(probe.destination, icmp_type, code)
            }
            _ => return false,
        },
        _ => return false,
    };
    entry.matches(&other)
}

/// Returns the growth in bits of the smallest block around the entry's destinations, and the
/// distance of the port: both by trying.
fn distance(entry: &RuleEntry, probe: &Probe) -> (u32, u32) {
    let number = |address: std::net::IpAddr| match address {
        std::net::IpAddr::V4(address) => Some(address.to_bits()),
        std::net::IpAddr::V6(_) => None,
    };
    let ends = [number(entry.range.first()), number(entry.range.last())];
    let host_bits = |numbers: &[u32]| {
        let is_one = |bits: &u32| {
            let block = |number: &u32| number.checked_shr(*bits).unwrap_or(0);
            numbers.iter().all(|number| block(number) == block(&numbers[0]))
        };
        (0..=32).find(is_one).unwrap()
    };
    let bits = match (ends, number(probe.destination)) {
        ([Some(first), Some(last)], Some(address)) => {
            host_bits(&[first, last, address]) - host_bits(&[first, last])
        }
        _ => 128,
    };
    let ports = match (entry.traffic, probe.traffic) {
        (
            EntryTraffic::Tcp(first, last) | EntryTraffic::Udp(first, last),
            ProbeTraffic::Tcp { port, .. } | ProbeTraffic::Udp { port },
        ) => (first..=last).map(|end| u32::from(end.abs_diff(port))).min().unwrap_or(0),
        _ => 0,
    };
    (bits, ports)
}

/// The stated order: misses, packets that are admitted, bits, ports, global, name, places, GUID.
type Place = (usize, u128, u32, u32, bool, String, u32, u32, i32, String);

/// Returns the places of all near misses by brute force, the nearest first, with kind and miss.
fn expected(
    groups: &[Value],
    with: &Value,
    cells: &CellSettings,
    probe: &Probe,
) -> Vec<(Place, How, Option<Miss>)> {
    let mut all = Vec::new();
    for edit in edits(groups, probe, cells) {
        if !allows(&edit.groups, with, probe) {
            continue;
        }
        let group = &groups[edit.group];
        let rules = group["rules"].as_array().unwrap();
        let made = |rule: &Value| stored(rule).enforceable(cells.of(None)).entries;
        let word = |name: &str| group[name].as_str().unwrap().to_owned();
        let place = |misses, admits, (bits, ports), global, rule: usize, entry: &RuleEntry| {
            let (name, guid) = (word("name"), word("guid"));
            let rule = u32::try_from(rule).unwrap();
            (misses, admits, bits, ports, global, name, rule, entry.destination, entry.port, guid)
        };
        let is_global = |phase: &str| group["globally_enabled"][phase] == true;
        match edit.widened {
            None => {
                let first = rules.iter().enumerate().find_map(|(r, rule)| {
                    let entry = made(rule).into_iter().find(|entry| entry.matches(probe))?;
                    Some(place(0, 0, (0, 0), is_global("staging"), r, &entry))
                });
                all.push((first.unwrap(), edit.how, None));
            }
            Some((r, miss)) => {
                let (addresses, points) = edit.admits;
                let admits = addresses * u128::from(points);
                for entry in made(&rules[r]).iter().filter(|it| misses_only(it, miss, probe)) {
                    let distance = distance(entry, probe);
                    let place = place(1, admits, distance, is_global("running"), r, entry);
                    all.push((place, edit.how, Some(miss)));
                }
            }
        }
    }
    all.sort();
    // One candidate for each rule: its best entry.
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|(place, how, _)| *how != How::Widen || seen.insert((place.9.clone(), place.6)));
    all
}

fn allows(groups: &[Value], with: &Value, probe: &Probe) -> bool {
    let ruling = effective(groups, with.clone()).evaluate(probe).ruling;
    ruling.is_some_and(|ruling| ruling.verdict == Verdict::Allow)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn near_misses_are_all_single_changes_that_help_in_the_stated_order(
        groups in groups(5), with in profile(), probe in probe(),
    ) {
        let mut with = with;
        // Packets that guardian allows have no near misses.
        with["deny_networks"] = json!({ "always": [] });
        if with["profile"] == "guardian" {
            with.as_object_mut().unwrap().remove("deny_networks");
        }
        let policy = policy(&groups, with.clone());
        let evaluation = policy.evaluator().unwrap().evaluate(Some("s"), Phase::Running, &probe);
        if evaluation.verdict != Some(Verdict::Deny) {
            prop_assert!(evaluation.near.is_empty());
            return Ok(());
        }
        let cells = settings(with.clone());
        let expected = expected(&groups, &with, &cells, &probe);
        let expected: Vec<_> = expected.iter().map(|(place, how, miss)| {
            let miss: Vec<Miss> = miss.iter().copied().collect();
            (*how, place.9.clone(), place.6, place.7, place.8, miss)
        }).collect();
        let found: Vec<_> = evaluation.near.iter().map(|near| {
            let group = near.group.to_string();
            (near.how, group, near.rule, near.destination, near.port, near.misses.clone())
        }).collect();
        prop_assert_eq!(&found, &expected);
        // The admitted packets equal those of brute force, too.
        for near in &evaluation.near {
            if near.how == How::Widen {
                let one = |edit: &Edit| {
                    groups[edit.group]["guid"] == *near.group
                        && edit.widened == Some((near.rule as usize, near.misses[0]))
                };
                let edits = edits(&groups, &probe, &cells);
                let edit = edits.iter().find(|edit| one(edit)).unwrap();
                prop_assert_eq!(edit.admits, (near.admits.addresses, near.admits.points));
            }
        }
    }
}

fn nearest(groups: &[Value], probe: &Probe) -> Vec<String> {
    let policy = policy(groups, json!({}));
    let evaluation = policy.evaluator().unwrap().evaluate(Some("s"), Phase::Running, probe);
    let line = |near: &NearMiss| {
        let misses = serde_json::to_string(&near.misses).unwrap();
        let how = serde_json::to_value(near.how).unwrap();
        format!(
            "{} {} {}/{}/{} {misses} {}x{} {}",
            how.as_str().unwrap(),
            near.group,
            near.rule,
            near.destination,
            near.port,
            near.admits.addresses,
            near.admits.points,
            near.change.to_json()
        )
    };
    evaluation.near.iter().map(line).collect()
}

#[test]
fn ties_are_broken_by_bits_then_ports_then_global_then_name() {
    let rule = |destination: &str, ports: &str| json!({ "protocol": "tcp", "destination": destination, "ports": ports });
    let one = |guid: &str, destination: &str, ports: &str| {
        group(guid, json!({ "rules": [rule(destination, ports)] }))
    };
    let mut global = one("a-global", "10.0.0.7", "440");
    global["globally_enabled"] = json!({ "running": true });
    let groups = [
        one("port-far", "10.0.0.7", "1000"),
        one("port-near-2", "10.0.0.7", "440"),
        global,
        one("port-near-1", "10.0.0.7", "440"),
        one("bits-2", "10.0.0.4", "443"),
        one("bits-1", "10.0.0.6", "443"),
    ];
    assert_eq!(
        nearest(&groups, &tcp("10.0.0.7", 443)),
        [
            r#"widen port-near-1 0/0/0 ["port"] 1x1 {"ports":"440,443"}"#,
            r#"widen port-near-2 0/0/0 ["port"] 1x1 {"ports":"440,443"}"#,
            r#"widen a-global 0/0/0 ["port"] 1x1 {"ports":"440,443"}"#,
            r#"widen port-far 0/0/0 ["port"] 1x1 {"ports":"1000,443"}"#,
            r#"widen bits-1 0/0/0 ["address"] 1x1 {"destination":"10.0.0.6,10.0.0.7"}"#,
            r#"widen bits-2 0/0/0 ["address"] 1x1 {"destination":"10.0.0.4,10.0.0.7"}"#,
        ]
    );
}

#[test]
fn bindings_come_first_and_are_no_remedy_if_the_group_breaks_the_set() {
    let good = json!({ "protocol": "all", "destination": "10.0.0.0/8" });
    let masked = json!({ "protocol": "all", "destination": "10.0.0.0/255.0.0.0" });
    let v6 = json!({ "protocol": "all", "destination": "2001:db8::/32" });
    let groups = [
        group("unreadable", json!({ "rules": [good, masked], "relationships": {} })),
        group("v6", json!({ "rules": [good, v6], "relationships": {} })),
        group("staging", json!({ "rules": [v6.clone()], "relationships": {} })),
        group(
            "z-free",
            json!({ "rules": [{ "protocol": "icmp", "destination": "10.0.0.0/8", "type": 0, "code": 0 }, good], "relationships": {} }),
        ),
        group(
            "a-default",
            json!({ "rules": [good], "relationships": {}, "globally_enabled": { "staging": true } }),
        ),
        group(
            "held",
            json!({ "rules": [{ "protocol": "udp", "destination": "10.0.0.7", "ports": "440-450" }] }),
        ),
    ];
    assert_eq!(
        nearest(&groups, &tcp("10.0.0.7", 443)),
        [
            r#"bind z-free 1/0/-1 [] 16777216x16777216 {"bind":{"phase":"running","space":"s"}}"#,
            r#"phase a-default 0/0/-1 [] 16777216x16777216 {"bind":{"phase":"running","space":"s"}}"#,
            r#"widen held 0/0/0 ["protocol"] 1x11 {"protocol":"tcp"}"#,
        ]
    );
}

#[test]
fn a_range_of_ports_gets_a_rule_beside_it_and_icmp_is_missed_as_it_is_enforced() {
    let groups = [group(
        "g",
        json!({ "rules": [
        { "protocol": "tcp", "destination": "10.0.0.0/30", "ports": "1000-2000" },
        { "protocol": "icmp", "destination": "10.0.0.1", "type": 8, "code": -1 },
    ] }),
    )];
    assert_eq!(
        nearest(&groups, &tcp("10.0.0.1", 443)),
        [
            r#"widen g 1/0/-1 ["protocol"] 1x1 {"code":null,"ports":"443","protocol":"tcp","type":null}"#,
            r#"widen g 0/0/0 ["port"] 4x1 {"add":{"destination":"10.0.0.0/30","ports":"443","protocol":"tcp"}}"#,
        ]
    );
    assert_eq!(
        nearest(&groups, &Probe::icmp("10.0.0.1".parse().unwrap(), 8, 0)),
        [
            r#"widen g 1/0/-1 ["icmp"] 1x1 {"code":0,"type":8}"#,
            r#"widen g 0/0/0 ["protocol"] 4x1 {"code":0,"ports":null,"protocol":"icmp","type":8}"#,
        ]
    );
}

#[test]
fn nothing_helps_against_networks_that_are_denied_and_broken_sets() {
    let groups = [group(
        "g",
        json!({ "rules": [{ "protocol": "tcp", "destination": "10.0.0.1", "ports": "80" }] }),
    )];
    let with = json!({ "deny_networks": { "always": ["10.0.0.0/8"] } });
    let policy = policy(&groups, with);
    let denied =
        policy.evaluator().unwrap().evaluate(Some("s"), Phase::Running, &tcp("10.0.0.1", 80));
    assert_eq!(denied.by, Some(By::Other("deny_network")));
    assert_eq!((denied.matches.len(), denied.near.len()), (1, 0));
}
