//! Near misses against brute force over all single changes.

use super::*;

/// A change and the groups after it, with the numbers by which it is ranked.
struct Edit {
    how: &'static str,
    guid: String,
    rule: usize,
    groups: Vec<Value>,
    admits: (u128, u64),
}

fn stored(rule: &Value) -> StoredRule {
    StoredRule::parse(rule.to_string().as_bytes()).unwrap()
}

/// All addresses and points of a rule, counted one by one where there are few.
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

/// Every single change of a binding or of one member of a rule.
fn edits(groups: &[Value], probe: &Probe, with: &CellSettings) -> Vec<Edit> {
    let mut edits = Vec::new();
    let is_bound = |group: &Value, phase: &str| {
        let spaces = &group["relationships"][format!("{phase}_spaces")]["data"];
        spaces.as_array().is_some_and(|spaces| !spaces.is_empty())
            || group["globally_enabled"][phase] == true
    };
    for (n, group) in groups.iter().enumerate() {
        let guid = group["guid"].as_str().unwrap().to_owned();
        let mut edit = |how, rule, changed: Value, admits| {
            let mut groups = groups.to_vec();
            groups[n] = changed;
            edits.push(Edit { how, guid: guid.clone(), rule, groups, admits });
        };
        if !is_bound(group, "running") {
            let mut bound = group.clone();
            bound["relationships"]["running_spaces"]["data"] = json!([{ "guid": "s" }]);
            let how = if is_bound(group, "staging") { "phase" } else { "bind" };
            edit(how, usize::MAX, bound, (0, 0));
            continue;
        }
        for (r, rule) in group["rules"].as_array().unwrap().iter().enumerate() {
            let (addresses, points) = size(rule, with);
            let mut change = |members: Value, beside: bool, admits| {
                let mut changed = group.clone();
                let rules = changed["rules"].as_array_mut().unwrap();
                if beside {
                    rules.push(members);
                } else {
                    for (name, value) in members.as_object().unwrap() {
                        rules[r][name] = value.clone();
                    }
                }
                edit("widen", r, changed, admits);
            };
            let list = format!("{},{}", rule["destination"].as_str().unwrap(), probe.destination);
            change(json!({ "destination": list }), false, (1, points));
            let protocol = rule["protocol"].as_str().unwrap();
            match (protocol, probe.traffic) {
                ("tcp", ProbeTraffic::Tcp { port, .. }) | ("udp", ProbeTraffic::Udp { port }) => {
                    let mut beside = rule.clone();
                    beside["ports"] = port.to_string().into();
                    if port > 0 {
                        change(beside, true, (addresses, 1));
                    }
                }
                ("icmp", ProbeTraffic::Icmp { icmp_type, code }) => {
                    change(json!({ "type": icmp_type, "code": code }), false, (addresses, 1));
                }
                ("tcp", ProbeTraffic::Udp { .. }) => {
                    change(json!({ "protocol": "udp" }), false, (addresses, points));
                }
                ("udp", ProbeTraffic::Tcp { .. }) => {
                    change(json!({ "protocol": "tcp" }), false, (addresses, points));
                }
                ("icmp", ProbeTraffic::Tcp { port, .. }) if port > 0 => {
                    change(
                        json!({ "protocol": "tcp", "ports": port.to_string() }),
                        false,
                        (addresses, 1),
                    );
                }
                ("icmp", ProbeTraffic::Udp { port }) if port > 0 => {
                    change(
                        json!({ "protocol": "udp", "ports": port.to_string() }),
                        false,
                        (addresses, 1),
                    );
                }
                ("tcp" | "udp", ProbeTraffic::Icmp { icmp_type, code }) => {
                    let members = json!({ "protocol": "icmp", "ports": null, "type": icmp_type, "code": code });
                    change(members, false, (addresses, 1));
                }
                _ => {}
            }
        }
    }
    edits
}

fn allows(groups: &[Value], with: &Value, probe: &Probe) -> bool {
    let ruling = effective(groups, with.clone()).evaluate(probe).ruling;
    ruling.is_some_and(|ruling| ruling.verdict == Verdict::Allow)
}

/// How a near miss is mended, its group, its rule if one is edited, and what that admits.
type Edited = (String, String, i64, Option<(u128, u64)>);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn near_misses_are_all_single_changes_that_help(
        groups in groups(5), with in profile(), probe in probe(),
    ) {
        let mut with = with;
        // What guardian lets pass has no near misses.
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
        let mut expected: Vec<Edited> = Vec::new();
        for edit in edits(&groups, &probe, &cells) {
            if !allows(&edit.groups, &with, &probe) {
                continue;
            }
            let rule = if edit.rule == usize::MAX { -1 } else { i64::try_from(edit.rule).unwrap() };
            let admits = (rule >= 0).then_some(edit.admits);
            expected.push((edit.how.to_owned(), edit.guid, rule, admits));
        }
        // One candidate for each rule: the one that admits least.
        expected.sort();
        expected.sort_by_key(|(_, _, _, admits)| admits.map(|(a, p)| a * u128::from(p)));
        let mut seen = std::collections::BTreeSet::new();
        expected.retain(|(_, guid, rule, _)| seen.insert((guid.clone(), *rule)));
        let found: Vec<_> = evaluation.near.iter().map(|near| {
            let how = serde_json::to_value(near.how).unwrap().as_str().unwrap().to_owned();
            let widens = near.how == How::Widen;
            let rule = if widens { i64::from(near.rule) } else { -1 };
            let admits = widens.then_some((near.admits.addresses, near.admits.points));
            (how, near.group.to_string(), rule, admits)
        }).collect();
        let sorted = |list: &[Edited]| {
            let mut list = list.to_vec();
            list.sort();
            list
        };
        prop_assert_eq!(sorted(&found), sorted(&expected));
        let costs = |list: &[Edited]| -> Vec<_> {
            list.iter().map(|(_, _, _, admits)| admits.map(|(a, p)| a * u128::from(p))).collect()
        };
        prop_assert_eq!(costs(&found), costs(&expected), "the order");
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
