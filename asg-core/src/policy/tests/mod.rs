//! The tests of several modules together.
#![expect(
    clippy::needless_pass_by_value,
    reason = "helpers take the values that `json!` makes where they are called"
)]

mod coverage;
mod enforcement;
mod explain;
mod history;
mod lines;
mod near;
mod order;
mod snapshots;
mod vectors;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::time::Timestamp;

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text.as_bytes()).unwrap()
}

fn settings(json: Value) -> CellSettings {
    CellSettings::from_json(json.to_string().as_bytes()).unwrap()
}

/// Creates a group, by default bound to the space `s` while apps run.
fn group(guid: &str, more: Value) -> Value {
    let mut group = json!({
        "guid": guid,
        "name": guid,
        "rules": [],
        "relationships": { "running_spaces": { "data": [{ "guid": "s" }] } },
    });
    for (name, value) in more.as_object().unwrap() {
        group[name] = value.clone();
    }
    group
}

fn snapshot(taken_at: &str, groups: &[Value]) -> Snapshot {
    let groups: Vec<SecurityGroup> =
        groups.iter().map(|group| serde_json::from_value(group.clone()).unwrap()).collect();
    Snapshot::new(time(taken_at), true, groups)
}

/// Creates a policy of one complete snapshot.
fn policy(groups: &[Value], with: Value) -> Policy {
    Policy::new(vec![snapshot("2026-03-01T12:00:00Z", groups)], settings(with))
}

/// Returns the rules that hold for the space `s` while apps run.
fn effective(groups: &[Value], with: Value) -> Effective {
    policy(groups, with).effective("s", Phase::Running).unwrap()
}

fn tcp(address: &str, port: u16) -> Probe {
    Probe::tcp(address.parse().unwrap(), port)
}

fn rule() -> impl Strategy<Value = Value> {
    let destination = prop::sample::select(vec![
        "10.0.0.1",
        "10.0.0.0/24",
        "10.0.0.0/30",
        "10.0.0.2-10.0.0.9",
        "10.0.0.1,10.0.1.1",
        "0.0.0.0/0",
        "10.0.1.0/24,10.0.0.5",
        "::ffff:10.0.0.0/126",
    ]);
    let ports = prop::sample::select(vec!["80", "80,443", "70-90", "443", "1-65535", "81,80,79"]);
    let port_rule = (prop::sample::select(vec!["tcp", "udp"]), destination.clone(), ports).prop_map(
        |(protocol, destination, ports)| {
            json!({ "protocol": protocol, "destination": destination, "ports": ports })
        },
    );
    let number = prop::sample::select(vec![-1, 0, 8, 255]);
    let icmp = (destination.clone(), number.clone(), number).prop_map(|(destination, t, c)| {
        json!({ "protocol": "icmp", "destination": destination, "type": t, "code": c })
    });
    let all = destination
        .prop_map(|destination| json!({ "protocol": "all", "destination": destination }));
    (prop_oneof![4 => port_rule, 2 => icmp, 1 => all], any::<bool>()).prop_map(|(mut rule, log)| {
        if log {
            rule["log"] = true.into();
        }
        rule
    })
}

/// Groups that are bound to `s`, to nothing, or global, in one phase or both.
fn groups(most: usize) -> impl Strategy<Value = Vec<Value>> {
    let binding = prop::sample::select(vec!["bound", "bound", "global", "staging", "free"]);
    let one = (prop::collection::vec(rule(), 1..4), binding);
    prop::collection::vec(one, 1..=most).prop_map(|groups| {
        let groups = groups.into_iter().enumerate();
        groups.map(|(n, (rules, binding))| listed(&format!("g-{n}"), rules, binding)).collect()
    })
}

fn listed(guid: &str, rules: Vec<Value>, binding: &str) -> Value {
    let bound = json!({ "data": [{ "guid": "s" }] });
    let none = json!({ "data": [] });
    json!({
        "guid": guid,
        // Names are not in the order of the listing.
        "name": format!("{:x}", guid.bytes().map(|b| u32::from(b) * 7919 % 101).sum::<u32>()),
        "rules": rules,
        "globally_enabled": { "running": binding == "global", "staging": false },
        "relationships": {
            "running_spaces": if binding == "bound" { bound.clone() } else { none.clone() },
            "staging_spaces": if binding == "staging" { bound } else { none },
        },
    })
}

fn probe() -> impl Strategy<Value = Probe> {
    let address = prop::sample::select(vec![
        "10.0.0.0",
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.3",
        "10.0.0.4",
        "10.0.0.9",
        "10.0.0.10",
        "10.0.1.1",
        "10.0.1.0",
        "192.0.2.1",
        "255.255.255.255",
        "0.0.0.0",
        "2001:db8::1",
    ]);
    let port = prop::sample::select(vec![0, 1, 69, 70, 79, 80, 81, 90, 91, 443, 65535]);
    let opening = prop::sample::select(vec![Opening::New, Opening::PickUp, Opening::Invalid]);
    let number = prop::sample::select(vec![0_u8, 8, 255]);
    let traffic = prop_oneof![
        3 => (port.clone(), opening).prop_map(|(port, opening)| ProbeTraffic::Tcp { port, opening }),
        2 => port.prop_map(|port| ProbeTraffic::Udp { port }),
        2 => (number.clone(), number).prop_map(|(t, c)| ProbeTraffic::Icmp { icmp_type: t, code: c }),
        1 => prop::sample::select(vec![47_u8, 132]).prop_map(ProbeTraffic::Other),
    ];
    (address, traffic)
        .prop_map(|(address, traffic)| Probe { destination: address.parse().unwrap(), traffic })
}

fn profile() -> impl Strategy<Value = Value> {
    let profile = prop::sample::select(vec!["silk_dynamic", "silk_static", "guardian"]);
    let order = prop::sample::select(vec!["listed", "unknown"]);
    (profile, order, any::<bool>()).prop_map(|(profile, order, logging)| {
        json!({ "profile": profile, "group_order": order, "iptables_logging": logging })
    })
}
