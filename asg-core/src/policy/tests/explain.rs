//! Explanations: claims, certainty and codes.

use super::lines::{hold, schema};
use super::*;
use crate::time::TimeRange;

/// Returns the packet at noon, in the space `s`, as the chain of the groups logged it.
fn facts(observed: Outcome) -> PacketFacts<'static> {
    PacketFacts {
        time: Some(time("2026-03-01T12:00:00Z").into()),
        space: Some("s"),
        phase: Some(Phase::Running),
        probe: Some(tcp("10.0.0.1", 80)),
        observed: Some(observed),
        ..PacketFacts::default()
    }
}

fn web(guid: &str, ports: &str) -> Value {
    let rules =
        json!([{ "protocol": "tcp", "destination": "10.0.0.1", "ports": ports, "log": true }]);
    group(guid, json!({ "rules": rules }))
}

/// Returns one line: basis, claims, decider, codes.
fn short(policy: &Policy, facts: &PacketFacts<'_>) -> String {
    let explanation = policy.explainer().explain(facts);
    let output = ExplainOutput {
        source: Some("kern.log"),
        line: Some(7),
        time: facts.time.map(TimeRange::middle),
        app: Some(json!({ "guid": "a" })),
        space: facts.space.map(|space| json!({ "guid": space })),
        phase: facts.phase,
        probe: facts.probe,
        explanation: &explanation,
        near: None,
    };
    let json = serde_json::to_value(&output).unwrap();
    hold(&schema(include_str!("../../../schemas/explain.schema.json")), &json);
    let word = |name: &str| json[name].as_str().unwrap_or("-").to_owned();
    let codes: Vec<&str> = json["because"]
        .as_array()
        .unwrap()
        .iter()
        .map(|code| code["code"].as_str().unwrap())
        .collect();
    let rule = |rule: &Value| match rule.as_str() {
        Some(word) => word.to_owned(),
        None => format!("{}#{}", rule["group"].as_str().unwrap(), rule["rule"]),
    };
    let by = match (json.get("by"), json.get("by_any_of")) {
        (Some(by), _) => rule(by),
        (_, Some(any)) => format!(
            "any({})",
            any.as_array().unwrap().iter().map(rule).collect::<Vec<_>>().join(",")
        ),
        _ => "-".to_owned(),
    };
    let agrees = json.get("agrees").map_or("-".to_owned(), Value::to_string);
    format!(
        "{} {}: configured {}, enforced {}, agrees {agrees}, {by} {}; {}",
        word("governed"),
        json["rules"]["basis"].as_str().unwrap(),
        word("configured"),
        word("enforced"),
        word("decided"),
        codes.join(" ")
    )
}

fn policy_of(snapshots: Vec<Snapshot>) -> Policy {
    Policy::new(snapshots, settings(json!({ "iptables_logging": true })))
}

#[test]
fn equal_snapshots_around_a_packet_are_exact() {
    let groups = [web("g", "80")];
    let policy = policy_of(vec![
        snapshot("2026-03-01T11:00:00Z", &groups),
        snapshot("2026-03-01T13:00:00Z", &groups),
    ]);
    insta::assert_snapshot!(short(&policy, &facts(Outcome::Allowed)), @"asg exact: configured allowed, enforced allowed, agrees true, g#0 certain; rule");
    insta::assert_snapshot!(short(&policy, &facts(Outcome::Denied)), @"asg exact: configured allowed, enforced allowed, agrees false, default undetermined; default_deny sync_lag");
    let other = PacketFacts { probe: Some(tcp("10.0.0.1", 81)), ..facts(Outcome::Denied) };
    insta::assert_snapshot!(short(&policy, &other), @"asg exact: configured denied, enforced denied, agrees true, default certain; default_deny");
}

#[test]
fn the_basis_follows_from_when_the_snapshots_were_taken() {
    let basis = |taken: &[(&str, &str)], packet: &str, error: u64| {
        let snapshots = taken
            .iter()
            .map(|(at, ports)| snapshot(&format!("2026-03-01T{at}Z"), &[web("g", ports)]));
        let policy = policy_of(snapshots.collect());
        let at = time(&format!("2026-03-01T{packet}Z"));
        let time = Some(TimeRange::around(at, error * 1_000_000_000));
        let explanation =
            policy.explainer().explain(&PacketFacts { time, ..facts(Outcome::Allowed) });
        let used: Vec<String> = explanation
            .snapshots
            .iter()
            .map(|used| used.taken_at.to_string()[11..19].to_owned())
            .collect();
        format!("{:?} {}", explanation.basis, used.join(" "))
    };
    let same = [("11:00:00", "80"), ("11:30:00", "80"), ("12:30:00", "80")];
    assert_eq!(basis(&same, "12:00:00", 0), "Exact 11:30:00 12:30:00");
    assert_eq!(basis(&same, "13:00:00", 0), "Earlier 12:30:00");
    assert_eq!(basis(&same, "10:00:00", 0), "Later 11:00:00");
    let other = [("11:30:00", "80"), ("12:30:00", "81")];
    assert_eq!(basis(&other, "12:00:00", 0), "Either 11:30:00 12:30:00");
    // A change may take two minutes to arrive, and no longer.
    let within = [("11:00:00", "80"), ("11:58:00", "80"), ("12:30:00", "80")];
    assert_eq!(basis(&within, "12:00:00", 0), "Exact 11:00:00 11:58:00 12:30:00");
    assert_eq!(basis(&within, "12:00:01", 0), "Exact 11:58:00 12:30:00");
    assert_eq!(basis(&within, "12:00:01", 1), "Exact 11:00:00 11:58:00 12:30:00");
    let changed = [("11:00:00", "81"), ("11:58:00", "80"), ("12:30:00", "80")];
    assert_eq!(basis(&changed, "12:00:00", 0), "Either 11:00:00 11:58:00 12:30:00");
    assert_eq!(basis(&changed, "12:00:01", 0), "Exact 11:58:00 12:30:00");
    // The packet may have been sent after the third.
    assert_eq!(basis(&same, "12:29:59", 1), "Earlier 11:30:00 12:30:00");
    assert_eq!(basis(&[("11:59:00", "80")], "12:00:00", 0), "Earlier 11:59:00");
    assert_eq!(
        basis(&[("11:59:00", "80"), ("12:30:00", "80")], "12:00:00", 0),
        "Later 11:59:00 12:30:00"
    );
    assert_eq!(basis(&[], "12:00:00", 0), "None ");
}

/// The agent's line narrows the interval by the agent's part of the tolerance, and no further: what
/// it put in place is what the policy server had.
#[test]
fn an_agents_line_shows_that_the_servers_rules_have_arrived() {
    let taken = ["11:00:00", "11:58:30", "12:30:00"];
    let snapshots = taken.iter().zip(["81", "80", "80"]);
    let snapshots: Vec<_> = snapshots
        .map(|(at, ports)| snapshot(&format!("2026-03-01T{at}Z"), &[web("g", ports)]))
        .collect();
    let basis = |settings_: Value, line: Option<&str>| {
        let policy = Policy::new(snapshots.clone(), settings(settings_));
        let rules_updated = line.map(|at| time(&format!("2026-03-01T{at}Z")).into());
        let facts = PacketFacts { rules_updated, ..facts(Outcome::Allowed) };
        policy.explainer().explain(&facts).basis.as_str()
    };
    let none = || json!({});
    assert_eq!(basis(none(), None), "either");
    // The server may have been a minute behind.
    assert_eq!(basis(none(), Some("11:59:30")), "either");
    assert_eq!(basis(none(), Some("11:59:31")), "exact");
    assert_eq!(basis(none(), Some("11:59:59")), "exact");
    // An old line shows nothing about what came later.
    assert_eq!(basis(none(), Some("11:50:00")), "either");
    // Of another tolerance the server's part is not known, unless it is given.
    assert_eq!(basis(json!({ "sync_tolerance": 300 }), Some("11:59:59")), "either");
    let given = json!({ "sync_tolerance": 300, "server_tolerance": 60 });
    assert_eq!(basis(given, Some("11:59:59")), "exact");
    // Static cells have no agent.
    let fixed = json!({ "profile": "silk_static" });
    assert_eq!(basis(fixed, Some("11:59:59")), "none");
}

/// The clock of a cell may be ahead of that of the listings, or behind it.
#[test]
fn a_clock_tolerance_widens_the_basis_at_both_ends() {
    let basis = |taken: [&str; 3], ports: [&str; 3], seconds: u32| {
        let snapshots = taken.iter().zip(ports);
        let snapshots =
            snapshots.map(|(at, ports)| snapshot(&format!("2026-03-01T{at}Z"), &[web("g", ports)]));
        let with = settings(json!({ "clock_tolerance": seconds }));
        let policy = Policy::new(snapshots.collect(), with);
        policy.explainer().explain(&facts(Outcome::Allowed)).basis.as_str()
    };
    let behind = ["11:50:00", "12:00:30", "12:10:00"];
    assert_eq!(basis(behind, ["80", "80", "81"], 29), "exact");
    assert_eq!(basis(behind, ["80", "80", "81"], 30), "either");
    let ahead = ["11:50:00", "11:57:30", "12:10:00"];
    assert_eq!(basis(ahead, ["81", "80", "80"], 29), "exact");
    assert_eq!(basis(ahead, ["81", "80", "80"], 30), "either");
}

/// A chain that was emptied has whole rules again once the agent says that it put some there.
#[test]
fn an_agents_line_ends_the_doubt_after_rules_that_emptied_the_chain() {
    let broken = group(
        "g",
        json!({ "rules": [
            { "protocol": "tcp", "destination": "10.0.0.1", "ports": "80", "log": true },
            { "protocol": "all", "destination": "10.0.0.0/255.0.0.0" },
        ] }),
    );
    let policy = policy_of(vec![
        snapshot("2026-03-01T10:00:00Z", &[web("g", "80")]),
        snapshot("2026-03-01T10:30:00Z", &[broken]),
        snapshot("2026-03-01T11:00:00Z", &[web("g", "80")]),
        snapshot("2026-03-01T11:30:00Z", &[web("g", "80")]),
        snapshot("2026-03-01T13:00:00Z", &[web("g", "80")]),
    ]);
    let with = |line: Option<&str>| {
        let rules_updated = line.map(|at| time(&format!("2026-03-01T{at}Z")).into());
        short(&policy, &PacketFacts { rules_updated, ..facts(Outcome::Allowed) })
    };
    let doubt = "asg exact: configured allowed, enforced -, agrees -, any(g#0) undetermined; rule poisoned_set";
    assert_eq!(with(None), doubt);
    assert_eq!(with(Some("10:45:00")), doubt);
    assert_eq!(
        with(Some("11:10:00")),
        "asg exact: configured allowed, enforced allowed, agrees true, g#0 certain; rule"
    );
}

#[test]
fn snapshots_that_differ_are_both_evaluated() {
    let policy = policy_of(vec![
        snapshot("2026-03-01T11:00:00Z", &[web("g", "80")]),
        snapshot("2026-03-01T13:00:00Z", &[web("g", "81")]),
    ]);
    insta::assert_snapshot!(short(&policy, &facts(Outcome::Allowed)), @"asg either: configured -, enforced -, agrees -, any(g#0) undetermined; rule sync_lag");
    insta::assert_snapshot!(short(&policy, &facts(Outcome::Denied)), @"asg either: configured -, enforced -, agrees -, default undetermined; default_deny sync_lag");
    let neither = PacketFacts { probe: Some(tcp("10.0.0.1", 82)), ..facts(Outcome::Allowed) };
    insta::assert_snapshot!(short(&policy, &neither), @"asg either: configured denied, enforced denied, agrees false, - undetermined; sync_lag");
}

#[test]
fn a_group_that_was_updated_between_two_equal_snapshots_is_not_exact() {
    let basis = |updated_at: &str, name: &str| {
        let mut before = web("g", "80");
        before["updated_at"] = "2026-01-01T00:00:00Z".into();
        let mut after = before.clone();
        after["updated_at"] = updated_at.into();
        after["name"] = name.into();
        let policy = policy_of(vec![
            snapshot("2026-03-01T11:00:00.5Z", &[before]),
            snapshot("2026-03-01T13:00:00Z", &[after]),
        ]);
        policy.explainer().explain(&facts(Outcome::Allowed)).basis
    };
    assert_eq!(basis("2026-01-01T00:00:00Z", "renamed"), Basis::Exact, "names do not matter");
    assert_eq!(basis("2026-03-01T12:30:00Z", "g"), Basis::Either);
    assert_eq!(basis("2026-03-01T11:00:00Z", "g"), Basis::Either, "in the second of the first");
    assert_eq!(basis("2026-03-01T10:59:59Z", "g"), Basis::Exact);
}

#[test]
fn incomplete_snapshots_are_never_exact_and_claim_no_denial() {
    let partial = |at: &str, ports: &str| {
        let mut partial = snapshot(at, &[web("g", ports)]);
        partial.complete = false;
        partial
    };
    let policy = policy_of(vec![
        partial("2026-03-01T11:00:00Z", "80"),
        partial("2026-03-01T13:00:00Z", "80"),
    ]);
    insta::assert_snapshot!(short(&policy, &facts(Outcome::Allowed)), @"asg earlier: configured allowed, enforced allowed, agrees true, any(g#0) undetermined; rule partial_snapshot");
    let other = PacketFacts { probe: Some(tcp("10.0.0.1", 81)), ..facts(Outcome::Denied) };
    insta::assert_snapshot!(short(&policy, &other), @"asg earlier: configured -, enforced -, agrees -, default undetermined; default_deny partial_snapshot");
    // A complete one is better, wherever it is.
    let mixed = policy_of(vec![
        partial("2026-03-01T11:00:00Z", "81"),
        snapshot("2026-03-01T13:00:00Z", &[web("g", "80")]),
    ]);
    insta::assert_snapshot!(short(&mixed, &facts(Outcome::Allowed)), @"asg later: configured allowed, enforced allowed, agrees true, any(g#0) undetermined; rule");
}

#[test]
fn other_chains_and_unreadable_packets_have_their_own_answers() {
    let groups = [web("g", "80")];
    let policy = policy_of(vec![
        snapshot("2026-03-01T11:00:00Z", &groups),
        snapshot("2026-03-01T13:00:00Z", &groups),
    ]);
    let c2c = PacketFacts { chain: Chain::C2c, ..facts(Outcome::Denied) };
    insta::assert_snapshot!(short(&policy, &c2c), @"c2c none: configured -, enforced -, agrees -, - -; not_governed");
    let rate = PacketFacts { chain: Chain::RateLimit, ..facts(Outcome::Denied) };
    insta::assert_snapshot!(short(&policy, &rate), @"rate_limit exact: configured allowed, enforced -, agrees -, - -; rate_limit");
    assert_eq!(policy.explainer().explain(&rate).matches.len(), 1);
    let redacted = PacketFacts { probe: None, ..facts(Outcome::Denied) };
    insta::assert_snapshot!(short(&policy, &redacted), @"unknown none: configured -, enforced -, agrees -, - -; not_governed");
    let space = PacketFacts { space: None, ..facts(Outcome::Denied) };
    insta::assert_snapshot!(short(&policy, &space), @"asg exact: configured -, enforced -, agrees -, default undetermined; default_deny space_unknown");
    let phase = PacketFacts { phase: None, ..facts(Outcome::Allowed) };
    insta::assert_snapshot!(short(&policy, &phase), @"asg exact: configured -, enforced -, agrees -, any(g#0) undetermined; rule phase_unknown");
    let traffic = ProbeTraffic::Tcp { port: 80, opening: Opening::PickUp };
    let probe = Some(Probe { traffic, ..tcp("10.0.0.1", 80) });
    let pick_up = PacketFacts { probe, ..facts(Outcome::Allowed) };
    insta::assert_snapshot!(short(&policy, &pick_up), @"asg exact: configured allowed, enforced allowed, agrees true, g#0 certain; rule pick_up");
    let none = policy_of(Vec::new());
    insta::assert_snapshot!(short(&none, &facts(Outcome::Denied)), @"asg none: configured -, enforced -, agrees -, default undetermined; default_deny no_snapshot");
    let undated = PacketFacts { time: None, ..facts(Outcome::Allowed) };
    insta::assert_snapshot!(short(&policy, &undated), @"asg none: configured -, enforced -, agrees -, - undetermined; no_snapshot");
}

#[test]
fn a_static_container_has_the_rules_of_its_version() {
    let policy = |profile: &str| {
        Policy::new(
            vec![
                snapshot("2026-03-01T08:00:00Z", &[web("g", "80")]),
                snapshot("2026-03-01T10:00:00Z", &[web("g", "80")]),
                snapshot("2026-03-01T11:00:00Z", &[web("g", "81")]),
                snapshot("2026-03-01T13:00:00Z", &[web("g", "81")]),
            ],
            settings(json!({ "profile": profile, "iptables_logging": false })),
        )
    };
    let desired =
        |at: &str| PacketFacts { desired: Some(time(at).into()), ..facts(Outcome::Allowed) };
    let fixed = policy("silk_static");
    insta::assert_snapshot!(short(&fixed, &desired("2026-03-01T09:00:00Z")), @"asg exact: configured denied, enforced allowed, agrees true, g#0 certain; rule static_container");
    insta::assert_snapshot!(short(&fixed, &desired("2026-03-01T11:30:00Z")), @"asg exact: configured denied, enforced denied, agrees false, - undetermined; static_container");
    insta::assert_snapshot!(short(&fixed, &facts(Outcome::Allowed)), @"asg none: configured denied, enforced -, agrees -, - undetermined; static_container");
    insta::assert_snapshot!(short(&policy("silk_dynamic"), &desired("2026-03-01T09:00:00Z")), @"asg exact: configured denied, enforced denied, agrees false, - undetermined; sync_lag");
}

#[test]
fn an_order_that_the_database_decides_leaves_the_decider_open() {
    let groups = [web("a", "80"), web("b", "80-90")];
    let of = |order: &str| {
        Policy::new(
            vec![
                snapshot("2026-03-01T08:00:00Z", &groups),
                snapshot("2026-03-01T13:00:00Z", &groups),
            ],
            settings(json!({ "profile": "silk_static", "group_order": order })),
        )
    };
    let facts = PacketFacts {
        desired: Some(time("2026-03-01T09:00:00Z").into()),
        ..facts(Outcome::Allowed)
    };
    insta::assert_snapshot!(short(&of("unknown"), &facts), @"asg exact: configured allowed, enforced allowed, agrees true, any(b#0,a#0) undetermined; rule order_unknown");
    insta::assert_snapshot!(short(&of("listed"), &facts), @"asg exact: configured allowed, enforced allowed, agrees true, b#0 by_order; rule");
}

#[test]
fn a_poisoned_set_stays_empty_until_another_comes() {
    let masked = group(
        "bad",
        json!({ "rules": [{ "protocol": "all", "destination": "10.0.0.0/255.0.0.0" }] }),
    );
    let good = [web("g", "80")];
    let bad = [web("g", "80"), masked];
    let history = |last: &[Value]| {
        policy_of(vec![
            snapshot("2026-03-01T08:00:00Z", &good),
            snapshot("2026-03-01T09:00:00Z", &bad),
            snapshot("2026-03-01T10:00:00Z", &bad),
            snapshot("2026-03-01T11:00:00Z", last),
            snapshot("2026-03-01T13:00:00Z", last),
        ])
    };
    let during =
        PacketFacts { time: Some(time("2026-03-01T09:30:00Z").into()), ..facts(Outcome::Denied) };
    insta::assert_snapshot!(short(&history(&good), &during), @"asg exact: configured allowed, enforced denied, agrees true, default certain; default_deny poisoned_set");
    insta::assert_snapshot!(short(&history(&good), &facts(Outcome::Denied)), @"asg exact: configured allowed, enforced -, agrees -, default undetermined; default_deny poisoned_set");
    let new = PacketFacts {
        created: Some(time("2026-03-01T11:30:00Z").into()),
        ..facts(Outcome::Allowed)
    };
    insta::assert_snapshot!(short(&history(&good), &new), @"asg exact: configured allowed, enforced allowed, agrees true, g#0 certain; rule");
    insta::assert_snapshot!(short(&history(&[web("g", "80-81")]), &facts(Outcome::Allowed)), @"asg exact: configured allowed, enforced allowed, agrees true, g#0 certain; rule");
}

#[test]
fn a_rule_that_iptables_refuses_freezes_the_rules_before() {
    let v6 =
        group("v6", json!({ "rules": [{ "protocol": "all", "destination": "2001:db8::/32" }] }));
    let frozen = [web("g", "81"), v6];
    let policy = policy_of(vec![
        snapshot("2026-03-01T08:00:00Z", &[web("g", "80")]),
        snapshot("2026-03-01T09:00:00Z", &frozen),
        snapshot("2026-03-01T13:00:00Z", &frozen),
    ]);
    insta::assert_snapshot!(short(&policy, &facts(Outcome::Allowed)), @"asg exact: configured denied, enforced allowed, agrees true, any(g#0) undetermined; rule frozen_set");
    let unknown = policy_of(vec![
        snapshot("2026-03-01T09:00:00Z", &frozen),
        snapshot("2026-03-01T13:00:00Z", &frozen),
    ]);
    insta::assert_snapshot!(short(&unknown, &facts(Outcome::Allowed)), @"asg exact: configured denied, enforced -, agrees -, - undetermined; frozen_set");
}

#[test]
fn words_that_are_enforced_otherwise_are_named() {
    let rules = json!([
        { "protocol": "icmp", "destination": "10.0.0.1", "type": 8, "code": -1, "log": true },
        { "protocol": "icmp", "destination": "10.0.0.2", "type": -1, "code": 3, "log": true },
        { "protocol": "icmpv6", "destination": "::/0", "type": -1, "code": -1 },
    ]);
    let groups = [group("g", json!({ "rules": rules }))];
    let policy = policy_of(vec![
        snapshot("2026-03-01T11:00:00Z", &groups),
        snapshot("2026-03-01T13:00:00Z", &groups),
    ]);
    let packet = |probe: Probe, observed| PacketFacts { probe: Some(probe), ..facts(observed) };
    let ping = |address: &str| Probe::icmp(address.parse().unwrap(), 8, 0);
    insta::assert_snapshot!(short(&policy, &packet(ping("10.0.0.1"), Outcome::Denied)), @"asg exact: configured allowed, enforced denied, agrees true, default certain; default_deny icmp_code_any");
    insta::assert_snapshot!(short(&policy, &packet(ping("10.0.0.2"), Outcome::Allowed)), @"asg exact: configured denied, enforced allowed, agrees true, g#1 certain; rule icmp_type_any");
    let v6 =
        Probe { destination: "2001:db8::1".parse().unwrap(), traffic: ProbeTraffic::Other(58) };
    insta::assert_snapshot!(short(&policy, &packet(v6, Outcome::Denied)), @"asg exact: configured allowed, enforced denied, agrees true, default certain; default_deny unenforceable_rule");
}

#[test]
fn a_line_by_a_rule_that_does_not_log_contradicts() {
    let mut quiet = web("g", "80");
    quiet["rules"][0]["log"] = false.into();
    let groups = [quiet];
    let of = |with: Value| {
        Policy::new(
            vec![
                snapshot("2026-03-01T11:00:00Z", &groups),
                snapshot("2026-03-01T13:00:00Z", &groups),
            ],
            settings(with),
        )
    };
    let allowed = facts(Outcome::Allowed);
    insta::assert_snapshot!(short(&of(json!({ "iptables_logging": false })), &allowed), @"asg exact: configured allowed, enforced allowed, agrees false, - undetermined; sync_lag");
    insta::assert_snapshot!(short(&of(json!({})), &allowed), @"asg exact: configured allowed, enforced allowed, agrees true, g#0 certain; rule");
}

#[test]
fn cells_have_their_own_settings() {
    let groups = [web("g", "80")];
    let policy = Policy::new(
        vec![snapshot("2026-03-01T11:00:00Z", &groups), snapshot("2026-03-01T13:00:00Z", &groups)],
        settings(
            json!({ "cells": { "walled": { "deny_networks": { "running": ["10.0.0.0/8"] } } } }),
        ),
    );
    let on = |cell| PacketFacts { cell: Some(cell), ..facts(Outcome::Denied) };
    let asked = |cell| PacketFacts { chain: Chain::NoLine, observed: None, ..on(cell) };
    insta::assert_snapshot!(short(&policy, &asked("walled")), @"deny_network exact: configured allowed, enforced denied, agrees -, deny_network certain; deny_network");
    // Nothing shows the cell of this line, and so its settings.
    let unknown = PacketFacts { cell: None, ..facts(Outcome::Allowed) };
    insta::assert_snapshot!(short(&policy, &unknown), @"asg exact: configured allowed, enforced -, agrees -, any(g#0) undetermined; rule");
    // silk logs no such packet: the chain of this one was another.
    insta::assert_snapshot!(short(&policy, &on("walled")), @"asg exact: configured allowed, enforced denied, agrees true, default undetermined; default_deny poisoned_set");
    insta::assert_snapshot!(short(&policy, &on("other")), @"asg exact: configured allowed, enforced allowed, agrees false, default undetermined; default_deny sync_lag");
}

#[test]
fn blind_codes_are_those_that_touch_the_packet() {
    let rules = json!([{ "protocol": "udp", "destination": "10.0.0.1", "ports": "53" }]);
    let groups = [web("g", "80"), group("dns", json!({ "rules": rules }))];
    let policy = policy_of(vec![
        snapshot("2026-03-01T11:00:00Z", &groups),
        snapshot("2026-03-01T13:00:00Z", &groups),
    ]);
    let blind = |facts: PacketFacts<'_>| {
        let explanation = policy.explainer().explain(&facts);
        explanation.blind.iter().map(Blind::as_str).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(blind(facts(Outcome::Allowed)), "established");
    let udp = Some(Probe::udp("10.0.0.1".parse().unwrap(), 53));
    let allowed = PacketFacts { probe: udp, ..facts(Outcome::Allowed) };
    assert_eq!(blind(allowed), "established udp_replied udp_rate");
    let denied = PacketFacts {
        lines_lost: true,
        created: Some(time("2026-03-01T11:59:30Z").into()),
        ..facts(Outcome::Denied)
    };
    assert_eq!(blind(denied), "deny_rate before_chain lines_lost");
    assert_eq!(blind(PacketFacts { chain: Chain::C2c, ..facts(Outcome::Denied) }), "c2c_unlogged");
}

#[test]
fn near_misses_and_other_apps_are_shown_for_denials() {
    let groups = [
        web("g", "81"),
        group(
            "free",
            json!({ "rules": [{ "protocol": "all", "destination": "10.0.0.1" }], "relationships": {} }),
        ),
    ];
    let policy = policy_of(vec![
        snapshot("2026-03-01T11:00:00Z", &groups),
        snapshot("2026-03-01T13:00:00Z", &groups),
    ]);
    let facts = PacketFacts { other_apps: Some(3), ..facts(Outcome::Denied) };
    let explanation = policy.explainer().explain(&facts);
    let how: Vec<How> = explanation.near.iter().map(|near| near.how).collect();
    assert_eq!((how, explanation.other_apps), (vec![How::Bind, How::Widen], Some(3)));
}

/// Near misses are cached for snapshots that give equal ones.
#[test]
fn near_misses_are_those_of_the_snapshot_where_only_names_or_bindings_differ() {
    let named = |guid: &str, name: &str, is_bound: bool| {
        let spaces = if is_bound { json!([{ "guid": "s" }]) } else { json!([]) };
        let mut group = web(guid, "80");
        group["name"] = name.into();
        group["relationships"] = json!({ "staging_spaces": { "data": spaces } });
        group
    };
    let history = [
        ("10:00:00", [named("g", "a", false), named("h", "b", false)]),
        ("10:30:00", [named("g", "b", false), named("h", "a", false)]),
        ("11:00:00", [named("g", "b", true), named("h", "a", false)]),
        ("11:30:00", [named("g", "b", false), named("h", "a", false)]),
        ("12:30:00", [named("g", "a", false), named("h", "b", false)]),
    ];
    let snapshots =
        history.iter().map(|(at, groups)| snapshot(&format!("2026-03-01T{at}Z"), groups));
    let policy = policy_of(snapshots.collect());
    let mut explainer = policy.explainer();
    let mut near = |at: &str| {
        let at = Some(time(&format!("2026-03-01T{at}Z")).into());
        let explanation = explainer.explain(&PacketFacts { time: at, ..facts(Outcome::Denied) });
        let shown = |near: &NearMiss| format!("{} {}", near.how, near.group);
        explanation.near.iter().map(shown).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(near("10:10:00"), "bind g, bind h");
    assert_eq!(near("10:40:00"), "bind h, bind g");
    // A group of the other phase comes like any other, by its name.
    assert_eq!(near("11:10:00"), "bind h, phase g");
    assert_eq!(near("11:40:00"), "bind h, bind g");
    assert_eq!(near("12:40:00"), "bind g, bind h");
}

#[test]
fn the_answer_does_not_depend_on_what_was_asked_before() {
    let history = vec![
        snapshot("2026-03-01T11:00:00Z", &[web("g", "80")]),
        snapshot("2026-03-01T12:30:00Z", &[web("g", "80-82"), web("h", "1-100")]),
        snapshot("2026-03-01T13:00:00Z", &[web("h", "1-100")]),
    ];
    let policy = policy_of(history);
    let mut shared = policy.explainer();
    for minute in 0..59 {
        for port in [80, 81, 200] {
            let facts = PacketFacts {
                time: Some(time(&format!("2026-03-01T12:{minute:02}:00Z")).into()),
                probe: Some(tcp("10.0.0.1", port)),
                ..facts(Outcome::Allowed)
            };
            assert_eq!(shared.explain(&facts), policy.explainer().explain(&facts));
        }
    }
}
