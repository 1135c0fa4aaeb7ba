//! The grammars of security groups: a rule, a group's page, the settings of cells, an address.

use std::net::IpAddr;

use asg_core::Timestamp;
use asg_core::policy::{
    AddressRange, CellSettings, Grammar, Phase, Policy, Probe, ProbeTraffic, Profile, Rule,
    Settings, Snapshot, StoredRule, ValidatorSettings, check,
};
use serde_json::json;

/// A page longer than this only costs time.
const MOST_RULES: usize = 64;

pub(crate) fn rules(data: &[u8]) {
    rule(data);
    if let Ok(text) = std::str::from_utf8(data) {
        range(text);
    }
    if let Err(error) = CellSettings::from_json(data) {
        assert!(error.offset() <= data.len(), "{error}");
    }
    let at = Timestamp::from_nanos(1_700_000_000_000_000_000);
    match Snapshot::parse(data, Some(at)) {
        Err(error) => assert!(error.offset() <= data.len(), "{error}"),
        Ok(snapshots) => {
            let groups = snapshots.iter().flat_map(|snapshot| &snapshot.groups);
            if groups.map(|group| group.rules.len()).sum::<usize>() <= MOST_RULES {
                page(&snapshots);
            }
        }
    }
}

/// Checks that each rule that a Cloud Controller accepts is parsed, and prints back.
fn rule(data: &[u8]) {
    let read = Rule::parse(data);
    if let Ok(rule) = &read {
        let again = Rule::parse(rule.to_json().as_bytes());
        assert_eq!(again.as_ref(), Ok(rule), "{}", rule.to_json());
        assert!(!rule.to_string().is_empty());
    }
    for (ipv6, lists) in [(false, false), (false, true), (true, false), (true, true)] {
        for grammar in [Grammar::Netaddr, Grammar::Ipaddr] {
            let verdicts = check(data, ValidatorSettings { ipv6, lists, grammar });
            let is_taken = verdicts.model.is_empty();
            assert!(!is_taken || read.is_ok(), "{read:?}: {}", data.escape_ascii());
        }
    }
    if let Ok(stored) = StoredRule::parse(data) {
        let again = StoredRule::parse(stored.to_json().as_bytes());
        assert_eq!(again.as_ref(), Ok(&stored));
        assert_eq!(stored.rule().is_ok(), read.is_ok());
        for profile in [Profile::SilkDynamic, Profile::SilkStatic, Profile::Guardian] {
            let _ = stored.enforceable(&Settings::of(profile));
        }
    }
}

fn range(text: &str) {
    let Ok(range) = text.parse::<AddressRange>() else { return };
    let is_empty = range.count() == 0;
    for end in [range.first(), range.last()] {
        assert_eq!(range.contains(end), !is_empty && !range.is_mixed(), "{text}");
    }
}

/// The index finds what looking at every entry finds, and each question has one answer.
fn page(snapshots: &[Snapshot]) {
    let bound = |snapshot: &Snapshot| {
        let group = snapshot.groups.iter().find(|group| !group.running_spaces.is_empty());
        group.map(|group| group.running_spaces[0].clone())
    };
    let space = snapshots.iter().find_map(bound).unwrap_or_else(|| "s-1".into());
    for profile in [Profile::SilkDynamic, Profile::SilkStatic, Profile::Guardian] {
        let policy = Policy::new(snapshots.to_vec(), Settings::of(profile).into());
        for phase in [Phase::Running, Phase::Staging] {
            let Some(effective) = policy.effective(&space, phase) else { continue };
            for probe in probes() {
                assert_eq!(effective.matches(&probe), effective.matches_by_scan(&probe));
            }
            let _ = (effective.coverage(), effective.arguments("handle"));
        }
        let mut answers = Vec::new();
        let question = json!({"space": space, "proto": "tcp", "dst": "10.0.0.7", "dpt": 443});
        policy.evaluate_lines(question.to_string().as_bytes(), Some(2), &mut answers);
        assert_eq!(answers.split(|b| *b == b'\n').count(), 2, "one line");
    }
}

fn probes() -> Vec<Probe> {
    let addresses = ["10.0.0.7", "0.0.0.0", "255.255.255.255", "2001:db8::7"];
    let addresses = addresses.map(|text| text.parse::<IpAddr>().expect("an address"));
    let traffic = [
        ProbeTraffic::Udp { port: 53 },
        ProbeTraffic::Icmp { icmp_type: 8, code: 0 },
        ProbeTraffic::Other(47),
    ];
    let all = addresses.into_iter().flat_map(|destination| {
        let others = traffic.map(|traffic| Probe { destination, traffic });
        [Probe::tcp(destination, 443)].into_iter().chain(others)
    });
    all.collect()
}
