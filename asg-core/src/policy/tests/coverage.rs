//! Coverage against a look at every packet.

use super::*;

/// Returns whether an entry is hidden: each of its packets matches an earlier entry that does not
/// log.
fn is_hidden(set: &Effective, n: usize) -> bool {
    let entry = &set.entries()[n];
    let before = || set.entries()[..n].iter().filter(|other| !other.log);
    let (first, last) = (entry.range.first(), entry.range.last());
    let (std::net::IpAddr::V4(first), std::net::IpAddr::V4(last)) = (first, last) else {
        return false;
    };
    let points: Vec<ProbeTraffic> = match entry.traffic {
        EntryTraffic::Tcp(first, last) => {
            (first..=last).map(|port| ProbeTraffic::Tcp { port, opening: Opening::New }).collect()
        }
        EntryTraffic::Udp(first, last) => {
            (first..=last).map(|port| ProbeTraffic::Udp { port }).collect()
        }
        EntryTraffic::Icmp(255, _) => [(0, 0), (8, 0), (3, 4), (255, 255), (8, 255)]
            .map(|(icmp_type, code)| ProbeTraffic::Icmp { icmp_type, code })
            .to_vec(),
        EntryTraffic::Icmp(icmp_type, code) => vec![ProbeTraffic::Icmp { icmp_type, code }],
        EntryTraffic::All => vec![ProbeTraffic::Other(47)],
    };
    (first.to_bits()..=last.to_bits()).all(|bits| {
        points.iter().all(|traffic| {
            let destination = std::net::Ipv4Addr::from_bits(bits).into();
            before().any(|other| other.matches(&Probe { destination, traffic: *traffic }))
        })
    })
}

fn small_rule() -> impl Strategy<Value = Value> {
    let end = 0_u8..6;
    let destination =
        (end.clone(), end).prop_map(|(a, b)| format!("10.0.0.{}-10.0.0.{}", a.min(b), a.max(b)));
    let ports = (1_u8..6, 1_u8..6).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b)));
    let kind = prop::sample::select(vec!["tcp", "tcp", "tcp", "udp", "all", "icmp", "any"]);
    (destination, ports, kind, any::<bool>()).prop_map(|(destination, ports, kind, log)| match kind {
        "icmp" => json!({ "protocol": "icmp", "destination": destination, "type": 8, "code": 0, "log": log }),
        "any" => json!({ "protocol": "icmp", "destination": destination, "type": -1, "code": -1, "log": log }),
        "all" => json!({ "protocol": "all", "destination": destination, "log": log }),
        _ => json!({ "protocol": kind, "destination": destination, "ports": ports, "log": log }),
    })
}

proptest! {
    #[test]
    fn an_entry_is_hidden_if_all_its_packets_are(rules in prop::collection::vec(small_rule(), 1..9)) {
        let set = effective(&[group("g", json!({ "rules": rules }))], json!({}));
        let covered = set.coverage();
        let mut covered = covered.iter();
        for (n, entry) in set.entries().iter().enumerate() {
            for owner in &entry.owners {
                let found = covered.next().unwrap();
                prop_assert_eq!(found.rule.rule, owner.rule);
                match &found.state {
                    EntryState::Unlogged => prop_assert!(!entry.log),
                    EntryState::Logged => prop_assert!(entry.log && !is_hidden(&set, n)),
                    EntryState::HiddenBy(by) => {
                        prop_assert!(entry.log && is_hidden(&set, n));
                        prop_assert!(!by.is_empty());
                    }
                    EntryState::Unchecked => prop_assert!(false, "so few are checked"),
                }
            }
        }
    }
}

#[test]
fn several_rules_hide_one_together_and_those_that_do_not_help_are_not_named() {
    let rule = |destination: &str, ports: &str, log: bool| json!({ "protocol": "tcp", "destination": destination, "ports": ports, "log": log });
    let rules = json!([
        rule("10.0.0.0-10.0.0.9", "1-100", true),
        rule("10.0.0.0-10.0.0.4", "1-100", false),
        rule("10.0.0.5-10.0.0.9", "1-60", false),
        rule("10.0.0.5-10.0.0.9", "40-100", false),
        rule("10.0.0.5", "50", false),
    ]);
    let coverage = effective(&[group("g", json!({ "rules": rules }))], json!({})).coverage();
    let last = &coverage[4];
    let EntryState::HiddenBy(by) = &last.state else { panic!("{last:?}") };
    assert_eq!(by.iter().map(|rule| rule.rule).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(serde_json::to_value(last).unwrap()["state"], "hidden_by");
}

#[test]
fn blind_spots_are_those_of_the_profile_and_its_settings() {
    let rules = json!([{ "protocol": "all", "destination": "10.0.0.0/8", "log": true }]);
    let blind = |with: Value| {
        let set = effective(&[group("g", json!({ "rules": rules }))], with);
        set.blind().iter().map(Blind::as_str).collect::<Vec<_>>().join(" ")
    };
    insta::assert_snapshot!(blind(json!({})), @"established udp_replied udp_rate deny_logging_off tcp_invalid host_traffic c2c_unlogged before_chain");
    insta::assert_snapshot!(
        blind(json!({ "iptables_logging": true, "deny_networks": { "running": ["10.0.0.0/8"] } })),
        @"established udp_replied udp_rate deny_rate deny_network tcp_invalid host_traffic c2c_unlogged before_chain"
    );
    insta::assert_snapshot!(blind(json!({ "profile": "guardian" })), @"established udp_replied before_chain guardian_deny");
}
