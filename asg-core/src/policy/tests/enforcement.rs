//! How cells enforce rules, where the words suggest otherwise.

use super::*;

/// Load, and the kernel rules in the order of the rule, under the two profiles of silk.
fn made(rule: Value, profile: &str) -> String {
    let with = settings(json!({ "profile": profile }));
    let stored = StoredRule::parse(rule.to_string().as_bytes()).unwrap();
    let made = stored.enforceable(with.of(None));
    let entries = made.entries.iter().map(|entry| {
        let item = format!("{}/{}", entry.destination, entry.port);
        format!(" {:?} {} {item}", entry.traffic, entry.range)
    });
    format!("{:?}:{}", made.load, entries.collect::<Vec<_>>().join(";"))
}

fn ports(ports: &str) -> Value {
    json!({ "protocol": "tcp", "destination": "10.0.0.1", "ports": ports })
}

#[test]
fn ports_are_cut_by_cloud_controller_and_taken_apart_by_silks_agent() {
    for (text, dynamic, fixed) in [
        ("80", "80-80@0", "80-80@0"),
        ("000000443,", "443-443@0", "443-443@0"),
        (" 80\t,\u{b}443 ", "80-80@0 443-443@1", "80-80@0 443-443@1"),
        ("5000-5010,9443", "5000-5010@0 9443-9443@1", "5000-5010@0"),
        ("443,5000-5010", "443-443@0 5000-5010@1", "443-5010@0"),
        ("1-2-3", "", "1-2@0"),
        ("0", "0-0@0", "lrp"),
        ("http", "", "lrp"),
        ("443,,8443", "443-443@0 8443-8443@2", "lrp"),
        ("", "", "lrp"),
        (",", "", "lrp"),
        ("0-80", "0-80@0", "lrp"),
        ("90-80", "refused", "lrp"),
        ("65536", "0-0@0", "0-0@0"),
    ] {
        let short = |profile: &str, unloadable: Load| {
            let with = settings(json!({ "profile": profile }));
            let made = StoredRule::parse(ports(text).to_string().as_bytes()).unwrap();
            let made = made.enforceable(with.of(None));
            if made.load == unloadable {
                return if unloadable == Load::Refused { "refused" } else { "lrp" }.to_owned();
            }
            assert_eq!(made.load, Load::Ok, "{text}");
            let entries = made.entries.iter().map(|entry| {
                let EntryTraffic::Tcp(first, last) = entry.traffic else { panic!("TCP") };
                format!("{first}-{last}@{}", entry.port)
            });
            entries.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(short("silk_dynamic", Load::Refused), dynamic, "{text:?}");
        assert_eq!(short("silk_static", Load::RefusedLrp), fixed, "{text:?}");
    }
}

#[test]
fn a_reversed_range_of_ports_breaks_the_set_if_it_is_of_tcp() {
    let udp = json!({ "protocol": "udp", "destination": "10.0.0.1", "ports": "90-80" });
    assert_eq!(made(udp.clone(), "silk_dynamic"), "Ok: Udp(90, 80) 10.0.0.1-10.0.0.1 0/0");
    let set = effective(&[group("g", json!({ "rules": [udp] }))], json!({}));
    let probe = Probe::udp("10.0.0.1".parse().unwrap(), 85);
    assert_eq!(set.evaluate(&probe).ruling.unwrap().by, Decider::Default);
    assert_eq!(made(ports("90-80"), "silk_dynamic"), "Refused: Tcp(90, 80) 10.0.0.1-10.0.0.1 0/0");
}

#[test]
fn destinations_break_sets_in_the_way_of_each_profile() {
    let to = |destination: &str| json!({ "protocol": "all", "destination": destination });
    for (destination, dynamic, fixed) in [
        ("10.0.0.0/255.0.0.0", "Skipped:", "RefusedLrp:"),
        ("10.0.0.1-", "Skipped:", "RefusedLrp:"),
        ("fe80::1%eth0", "Skipped:", "RefusedLrp:"),
        ("[::1]", "Skipped:", "RefusedLrp:"),
        (
            "10.0.0.1,",
            "Skipped: All 10.0.0.1-10.0.0.1 0/-1",
            "RefusedLrp: All 10.0.0.1-10.0.0.1 0/-1",
        ),
        (
            "2001:db8::1",
            "Refused: All 2001:db8::1-2001:db8::1 0/-1",
            "Refused: All 2001:db8::1-2001:db8::1 0/-1",
        ),
        (
            "::ffff:10.63.7.0/120",
            "Ok: All 10.63.7.0-10.63.7.255 0/-1",
            "Ok: All 10.63.7.0-10.63.7.255 0/-1",
        ),
        (
            "::ffff:0:0/96",
            "Ok: All 0.0.0.0-255.255.255.255 0/-1",
            "Ok: All 0.0.0.0-255.255.255.255 0/-1",
        ),
        (
            "::ffff:0:0/95",
            "Refused: All ::fffe:0:0-255.255.255.255 0/-1",
            "Refused: All ::fffe:0:0-255.255.255.255 0/-1",
        ),
        (
            "10.0.0.9-10.0.0.1",
            "Ok: All 10.0.0.9-10.0.0.1 0/-1",
            "RefusedLrp: All 10.0.0.9-10.0.0.1 0/-1",
        ),
    ] {
        assert_eq!(made(to(destination), "silk_dynamic"), dynamic, "{destination}");
        assert_eq!(made(to(destination), "silk_static"), fixed, "{destination}");
    }
}

#[test]
fn protocols_are_dropped_by_silk_and_refused_by_diego() {
    let of = |protocol: &str| json!({ "protocol": protocol, "destination": "10.0.0.1", "type": 8, "code": 0 });
    for protocol in ["icmpv6", "TCP", "sctp", ""] {
        assert_eq!(made(of(protocol), "silk_dynamic"), "Ok:", "{protocol}");
        assert_eq!(made(of(protocol), "silk_static"), "RefusedLrp:", "{protocol}");
    }
    for (protocol, traffic) in [("icmp", "Icmp(8, 0)"), ("all", "All")] {
        let mut rule = of(protocol);
        rule["ports"] = "80".into();
        assert_eq!(made(rule.clone(), "silk_dynamic"), "Ok:", "{protocol} with ports");
        let whole = format!("Ok: {traffic} 10.0.0.1-10.0.0.1 0/-1");
        assert_eq!(made(rule, "silk_static"), whole, "{protocol} with ports");
    }
}

#[test]
fn one_bad_rule_breaks_the_set_of_a_space_and_of_no_other() {
    let rules = json!([{ "protocol": "all", "destination": "10.0.0.0/255.0.0.0" }]);
    let good = json!([{ "protocol": "all", "destination": "10.0.0.0/8" }]);
    let groups = [
        group("bad", json!({ "rules": rules })),
        group("good", json!({ "rules": good, "globally_enabled": { "running": true } })),
    ];
    let policy = policy(&groups, json!({ "iptables_logging": true }));
    let poisoned = policy.effective("s", Phase::Running).unwrap();
    let ruling = poisoned.evaluate(&tcp("10.0.0.1", 80)).ruling.unwrap();
    assert_eq!(
        (poisoned.load(), ruling.verdict, ruling.by),
        (Load::Skipped, Verdict::Deny, Decider::Default)
    );
    assert_eq!(ruling.log, Some(LogLine::Deny));
    // The chain has no rule that drops, either.
    let reset = Probe {
        traffic: ProbeTraffic::Tcp { port: 80, opening: Opening::Invalid },
        ..tcp("10.0.0.1", 80)
    };
    assert_eq!(poisoned.evaluate(&reset).ruling.unwrap().verdict, Verdict::Deny);
    let other = policy.effective("t", Phase::Running).unwrap();
    assert_eq!(other.evaluate(&tcp("10.0.0.1", 80)).ruling.unwrap().verdict, Verdict::Allow);
    assert_eq!(other.evaluate(&reset).ruling.unwrap().by, Decider::Invalid);
}

#[test]
fn old_silks_read_less() {
    let load = |version: &str, rule: Value| {
        let with = settings(json!({ "silk_version": version }));
        let stored = StoredRule::parse(rule.to_string().as_bytes()).unwrap();
        let made = stored.enforceable(with.of(None));
        (made.load, made.entries.len())
    };
    let list = json!({ "protocol": "all", "destination": "10.0.0.1,10.0.0.2" });
    assert_eq!(load("3.43.0", list.clone()), (Load::Skipped, 0));
    assert_eq!(load("3.44.0", list), (Load::Ok, 2));
    assert_eq!(load("3.7.0", ports("80, 443")), (Load::Ok, 1));
    assert_eq!(load("3.8.0", ports("80, 443")), (Load::Ok, 2));
}

#[test]
fn guardian_asks_its_networks_last_and_lets_the_rest_pass() {
    let rules = json!([{ "protocol": "all", "destination": "10.0.0.0/24" }]);
    let groups = [group("g", json!({ "rules": rules }))];
    let ruling = |networks: Value, address: &str| {
        let mut with = json!({ "profile": "guardian" });
        if !networks.is_null() {
            with["deny_networks"] = json!({ "always": networks });
        }
        let ruling = effective(&groups, with).evaluate(&tcp(address, 80)).ruling.unwrap();
        (ruling.verdict, ruling.by)
    };
    let networks = json!(["10.0.0.0/8"]);
    assert_eq!(ruling(networks.clone(), "10.0.0.1"), (Verdict::Allow, Decider::Entry(0)));
    assert_eq!(ruling(networks.clone(), "10.1.0.1"), (Verdict::Deny, Decider::DenyNetwork));
    assert_eq!(ruling(networks, "192.0.2.1"), (Verdict::Allow, Decider::Default));
    assert_eq!(ruling(Value::Null, "192.0.2.1"), (Verdict::Deny, Decider::Default));
}
