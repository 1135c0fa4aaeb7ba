//! The changes that would have allowed a denied packet.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::effective::{Effective, Entry};
use super::enforce::{EntryTraffic, Load, RuleEntry};
use super::evaluate::{Verdict, shared_text};
use super::group::SecurityGroup;
use super::listing::{Listings, MadeRule};
use super::probe::{Class, Probe, ProbeTraffic};
use super::settings::Profile;
use super::stored::StoredRule;

/// A kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// The space is bound to the group.
    Bind,
    /// The space is bound to the group, which holds there in the other phase already.
    Phase,
    /// One rule of a group that holds is widened.
    Widen,
}

/// What of a rule a packet misses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Miss {
    /// The protocol.
    Protocol,
    /// The destination.
    Address,
    /// The port.
    Port,
    /// Type and code of ICMP.
    Icmp,
}

/// What a change lets through: so many addresses, and at each so many points.
///
/// Points are ports, pairs of type and code of ICMP (65,536 for any), and 256 × 65,536 for every protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Admits {
    /// Addresses; `u128::MAX` stands for all of IPv6.
    pub addresses: u128,
    /// Points at each address.
    pub points: u64,
}

impl Admits {
    /// The product, as its high and its low half.
    fn pairs(self) -> (u128, u128) {
        let low = (self.addresses & u128::from(u64::MAX)) * u128::from(self.points);
        let high = (self.addresses >> 64) * u128::from(self.points) + (low >> 64);
        (high, low & u128::from(u64::MAX))
    }
}

/// A change as a JSON object: the members of the rule that become others (null: that go away); `add`, a rule to add to
/// the group where one rule cannot say both; or `bind`, the space and the phase for which the group is to be bound.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Change(Value);

impl Change {
    /// The object in JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.0.to_string()
    }
}

impl Serialize for Change {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// One change that would have allowed a packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NearMiss {
    /// Which kind of change.
    pub how: How,
    /// The group's GUID.
    #[serde(serialize_with = "shared_text")]
    pub group: Arc<str>,
    /// The rule's place in the group, from 0.
    pub rule: u32,
    /// The destination's place in the rule, from 0.
    pub destination: u32,
    /// The port item's place in the rule, from 0; -1 where the rule has none.
    pub port: i32,
    /// What the packet misses; nothing if the group has only to be bound.
    pub misses: Vec<Miss>,
    /// What the change lets through; of a group to be bound, its first rule that matches.
    pub admits: Admits,
    /// The change.
    pub change: Change,
}

/// A snapshot under some settings.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) listings: &'a Listings,
    pub(super) snapshot: usize,
    pub(super) settings: usize,
}

impl<'a> At<'a> {
    fn groups(self) -> &'a [SecurityGroup] {
        &self.listings.all()[self.snapshot].snapshot.groups
    }

    fn rules(self, group: usize) -> &'a [MadeRule] {
        self.listings.rules(self.snapshot, group, self.settings)
    }

    fn place(self, guid: &str) -> Option<usize> {
        self.listings.all()[self.snapshot].place(guid)
    }
}

/// In which order near misses are given; see [`near`].
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank<'a> {
    misses: usize,
    admits: (u128, u128),
    bits: u32,
    ports: u32,
    global: bool,
    name: &'a str,
    rule: u32,
    destination: u32,
    port: i32,
    guid: &'a str,
}

/// Every single change that would have allowed a packet which the rules deny, the nearest first.
///
/// The order is: fewest misses (none before one); for a miss, what the change admits; how many bits the smallest aligned
/// block with the entry's destination and the packet's has more than that of the entry alone; how far the port is from
/// the nearer end of the entry's ports; groups of the space before global ones; name; rule; destination; port item.
pub(super) fn near(
    at: At<'_>,
    effective: &Effective,
    space: Option<&str>,
    probe: &Probe,
) -> Vec<NearMiss> {
    let denied = effective.evaluate(probe).ruling;
    let is_denied = denied.is_some_and(|ruling| ruling.verdict == Verdict::Deny);
    // A chain that is empty is not cured by a rule; networks that are denied are asked before the rules.
    let asked_first = effective.settings().profile != Profile::Guardian;
    if !is_denied || effective.load() != Load::Ok || asked_first && effective.denies_network(probe)
    {
        return Vec::new();
    }
    let mut found = Vec::new();
    if let Some(space) = space {
        found.extend(bindings(at, effective, space, probe));
    }
    found.extend(widenings(at, effective, probe));
    found.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    found.into_iter().map(|(_, near)| near).collect()
}

fn bindings<'a>(
    at: At<'a>,
    effective: &'a Effective,
    space: &'a str,
    probe: &'a Probe,
) -> impl Iterator<Item = (Rank<'a>, NearMiss)> + 'a {
    let phase = effective.phase();
    let groups = at.groups().iter().enumerate();
    groups.filter(move |(_, group)| !group.is_effective(space, phase)).filter_map(
        move |(n, group)| {
            let rules = at.rules(n);
            if rules.iter().any(|made| made.enforceable.load != Load::Ok) {
                return None;
            }
            let (rule, made, entry) = (0..).zip(rules).find_map(|(rule, made)| {
                let entry = made.enforceable.entries.iter().find(|entry| entry.matches(probe))?;
                Some((rule, made, entry))
            })?;
            let other = phase.other();
            let near = NearMiss {
                how: if group.is_effective(space, other) { How::Phase } else { How::Bind },
                group: group.guid.as_str().into(),
                rule,
                destination: entry.destination,
                port: entry.port,
                misses: Vec::new(),
                admits: Admits { addresses: addresses(made), points: points(made) },
                change: Change(json!({ "bind": { "space": space, "phase": phase } })),
            };
            Some((rank(group, group.is_global(other), &near, (0, 0)), near))
        },
    )
}

fn widenings<'a>(
    at: At<'a>,
    effective: &Effective,
    probe: &Probe,
) -> impl Iterator<Item = (Rank<'a>, NearMiss)> + use<'a> {
    // The places in the snapshot, as sets of rules outlive it.
    let places: Vec<Option<usize>> =
        effective.groups().iter().map(|group| at.place(&group.guid)).collect();
    let mut best: HashMap<(u32, u32), (Rank<'a>, NearMiss)> = HashMap::new();
    for entry in effective.entries() {
        let Some(miss) = miss(effective, entry, probe) else { continue };
        for owner in &entry.owners {
            let Some(place) = places[owner.group as usize] else { continue };
            let group = &at.groups()[place];
            let made = &at.rules(place)[owner.rule as usize];
            let stored = &group.rules[owner.rule as usize];
            let Some(change) = change(stored, entry, miss, probe) else { continue };
            let near = NearMiss {
                how: How::Widen,
                group: effective.groups()[owner.group as usize].guid.clone(),
                rule: owner.rule,
                destination: owner.destination,
                port: owner.port,
                misses: vec![miss],
                admits: admits(made, entry, miss, probe),
                change,
            };
            let distance = (bits(entry, probe), port_distance(entry, probe));
            let rank = rank(group, group.is_global(effective.phase()), &near, distance);
            match best.entry((owner.group, owner.rule)) {
                Slot::Occupied(mut kept) if rank < kept.get().0 => {
                    kept.insert((rank, near));
                }
                Slot::Occupied(_) => {}
                Slot::Vacant(free) => {
                    free.insert((rank, near));
                }
            }
        }
    }
    best.into_values()
}

fn rank<'a>(
    group: &'a SecurityGroup,
    global: bool,
    near: &NearMiss,
    distance: (u32, u32),
) -> Rank<'a> {
    Rank {
        misses: near.misses.len(),
        admits: if near.misses.is_empty() { (0, 0) } else { near.admits.pairs() },
        bits: distance.0,
        ports: distance.1,
        global,
        name: &group.name,
        rule: near.rule,
        destination: near.destination,
        port: near.port,
        guid: &group.guid,
    }
}

/// The one thing that a packet misses of an entry, if it is one that a change can cure.
fn miss(effective: &Effective, entry: &Entry, probe: &Probe) -> Option<Miss> {
    let address = entry.range.contains(probe.destination);
    let (first, last) = entry.traffic.points();
    let point = (first..=last).contains(&probe.point());
    let class = probe.class();
    let miss = if entry.traffic.has(class) {
        match (address, point) {
            (false, true) => Miss::Address,
            (true, false) if class == Class::Icmp => Miss::Icmp,
            (true, false) => Miss::Port,
            _ => return None,
        }
    } else {
        // Between TCP and UDP the ports stay, so that they have to fit, too. No rule can name another protocol.
        let ports_fit =
            !with_ports(entry.traffic) || !matches!(class, Class::Tcp | Class::Udp) || point;
        (address && ports_fit && class != Class::Other).then_some(Miss::Protocol)?
    };
    let settings = effective.settings();
    let curable = match miss {
        // A second destination makes a list, and IPv6 breaks a chain of IPv4.
        Miss::Address => settings.reads_lists() && (settings.ipv6 || probe.destination.is_ipv4()),
        // Cloud Controller refuses port 0.
        Miss::Protocol if with_ports(entry.traffic) || class == Class::Icmp => true,
        Miss::Port | Miss::Protocol => probe.point() > 0,
        Miss::Icmp => true,
    };
    curable.then_some(miss)
}

const fn with_ports(traffic: EntryTraffic) -> bool {
    matches!(traffic, EntryTraffic::Tcp(..) | EntryTraffic::Udp(..))
}

fn admits(made: &MadeRule, entry: &Entry, miss: Miss, probe: &Probe) -> Admits {
    match miss {
        Miss::Address => Admits { addresses: 1, points: points(made) },
        Miss::Port | Miss::Icmp => Admits { addresses: addresses(made), points: 1 },
        Miss::Protocol => {
            let keeps_ports = with_ports(entry.traffic) && probe.class() != Class::Icmp;
            let points = if keeps_ports { points(made) } else { 1 };
            Admits { addresses: addresses(made), points }
        }
    }
}

/// The addresses of a rule, each counted once.
fn addresses(made: &MadeRule) -> u128 {
    let of = |is_ipv4: bool| {
        let entries = made.enforceable.entries.iter();
        let ranges = entries.filter(|entry| entry.range.first().is_ipv4() == is_ipv4);
        let mut ranges: Vec<(u128, u128)> = ranges
            .filter_map(|entry| entry.range.bits())
            .filter(|(first, last)| first <= last)
            .collect();
        ranges.sort_unstable();
        ranges.dedup();
        union(&ranges)
    };
    of(true).saturating_add(of(false))
}

/// The points of a rule, each counted once.
fn points(made: &MadeRule) -> u64 {
    let entries: &[RuleEntry] = &made.enforceable.entries;
    if entries.iter().any(|entry| entry.traffic == EntryTraffic::All) {
        return 256 * 65_536;
    }
    let mut ranges: Vec<(u128, u128)> = entries
        .iter()
        .map(|entry| entry.traffic.points())
        .filter(|(first, last)| first <= last)
        .map(|(first, last)| (first.into(), last.into()))
        .collect();
    ranges.sort_unstable();
    ranges.dedup();
    union(&ranges) as u64
}

/// How many numbers are in these ranges, which are sorted.
fn union(ranges: &[(u128, u128)]) -> u128 {
    let (mut count, mut next) = (0_u128, Some(0_u128));
    for (first, last) in ranges {
        let Some(from) = next.map(|next| next.max(*first)) else { break };
        if from <= *last {
            count = count.saturating_add((last - from).saturating_add(1));
            next = last.checked_add(1);
        }
    }
    count
}

/// The bits by which the smallest aligned block grows that holds the entry's destination, if it is to hold the packet's.
fn bits(entry: &Entry, probe: &Probe) -> u32 {
    let (Some((first, last)), destination) = (entry.range.bits(), probe.destination) else {
        return 0;
    };
    let (address, width) = match destination {
        IpAddr::V4(address) if entry.range.is_ipv4() => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) if !entry.range.is_ipv4() => (address.to_bits(), 128),
        // No block holds addresses of both families.
        _ => return 128,
    };
    let host_bits = |low: u128, high: u128| 128 - (low ^ high).leading_zeros();
    let own = host_bits(first, last);
    let joint = host_bits(first.min(last).min(address), first.max(last).max(address));
    joint.saturating_sub(own).min(width)
}

/// How far the packet's port is from the nearer end of the entry's.
fn port_distance(entry: &Entry, probe: &Probe) -> u32 {
    let (EntryTraffic::Tcp(first, last) | EntryTraffic::Udp(first, last)) = entry.traffic else {
        return 0;
    };
    let (ProbeTraffic::Tcp { port, .. } | ProbeTraffic::Udp { port }) = probe.traffic else {
        return 0;
    };
    u32::from(first.saturating_sub(port).max(port.saturating_sub(last)))
}

/// The change of a rule that cures a miss.
fn change(stored: &StoredRule, entry: &Entry, miss: Miss, probe: &Probe) -> Option<Change> {
    let icmp = |icmp_type: u8, code: u8| json!({ "type": icmp_type, "code": code });
    let value = match (miss, probe.traffic) {
        (Miss::Address, _) => {
            json!({ "destination": format!("{},{}", stored.destination(), probe.destination) })
        }
        (Miss::Icmp, ProbeTraffic::Icmp { icmp_type, code }) => icmp(icmp_type, code),
        (Miss::Port, ProbeTraffic::Tcp { port, .. } | ProbeTraffic::Udp { port }) => {
            let ports = stored.ports();
            if ports.contains('-') {
                // A rule has a list of ports or one range, and not both.
                json!({ "add": {
                    "protocol": stored.protocol(),
                    "destination": stored.destination(),
                    "ports": port.to_string(),
                } })
            } else {
                let ports = ports.trim_end_matches([',', ' ']);
                json!({ "ports": format!("{ports},{port}") })
            }
        }
        (Miss::Protocol, ProbeTraffic::Icmp { icmp_type, code }) => {
            json!({ "protocol": "icmp", "ports": null, "type": icmp_type, "code": code })
        }
        (Miss::Protocol, ProbeTraffic::Tcp { port, .. } | ProbeTraffic::Udp { port }) => {
            let is_tcp = matches!(probe.traffic, ProbeTraffic::Tcp { .. });
            let protocol = if is_tcp { "tcp" } else { "udp" };
            if with_ports(entry.traffic) {
                json!({ "protocol": protocol })
            } else {
                let ports = port.to_string();
                json!({ "protocol": protocol, "ports": ports, "type": null, "code": null })
            }
        }
        _ => return None,
    };
    Some(Change(value))
}
