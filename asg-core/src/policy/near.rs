//! Finds the changes that would have allowed a denied packet.
//!
//! A change is one binding of a group, or one edit of one rule. A rule is a candidate if the packet
//! misses one of its entries in one respect only. Whether the edit is possible is decided here;
//! the tests confirm each change by evaluation, and search for others by brute force.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::effective::{Effective, Entry};
use super::enforce::{EntryTraffic, Load, RuleEntry};
use super::evaluate::{Verdict, shared_text};
use super::group::{Phase, SecurityGroup};
use super::listing::{Listings, MadeRule};
use super::probe::{Class, Probe, ProbeTraffic};
use super::settings::Profile;
use super::stored::StoredRule;
use crate::words::words;

/// A kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "callers treat each")]
pub enum How {
    /// Bind the space to the group.
    Bind,
    /// Bind the space to the group, which is effective there in the other phase.
    Phase,
    /// Widen one rule of a group that is effective.
    Widen,
}

words! {
    "policy" How "a kind of change" {
        Bind = "bind", Phase = "phase", Widen = "widen",
    }
}

/// The respect in which a packet misses a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Miss {
    /// The protocol.
    Protocol,
    /// The destination.
    Address,
    /// The port.
    Port,
    /// The type and code of ICMP.
    Icmp,
}

words! {
    "policy" Miss "a respect in which a packet misses" {
        Protocol = "protocol", Address = "address", Port = "port", Icmp = "icmp",
    }
}

/// The packets that a change admits: a number of addresses, and a number of points at each.
///
/// A point is a port, or a pair of ICMP type and code (65,536 for any). Every protocol counts as
/// 256 × 65,536 points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Admits {
    /// Addresses; `u128::MAX` for all of IPv6.
    pub addresses: u128,
    /// Points at each address.
    pub points: u64,
}

impl Admits {
    /// Multiplies both, into a high and a low half.
    fn pairs(self) -> (u128, u128) {
        let low = (self.addresses & u128::from(u64::MAX)) * u128::from(self.points);
        let high = (self.addresses >> 64) * u128::from(self.points) + (low >> 64);
        (high, low & u128::from(u64::MAX))
    }
}

/// A change as a JSON object.
///
/// It has the members of the rule that change (null removes one), or `add` with a rule to add to
/// the group if one rule cannot hold both, or `bind` with the space and the phase of a binding.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Change(Edit);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Edit {
    Bind { space: Arc<str>, phase: Phase },
    Destination(Box<str>),
    Ports(Box<str>),
    Icmp { icmp_type: u8, code: u8 },
    Protocol(&'static str),
    ToIcmp { icmp_type: u8, code: u8 },
    ToPort { protocol: &'static str, port: u16 },
    Add { protocol: Box<str>, destination: Box<str>, port: u16 },
}

impl Change {
    /// Returns the object in JSON.
    ///
    /// ```
    /// # use asg_core::policy::{Phase, Policy, Probe, Settings, Snapshot};
    /// let page = br#"{"taken_at":"2026-03-01T12:00:00Z","complete":true,"resources":[
    ///     {"guid":"g-1","name":"web","globally_enabled":{"running":true},
    ///     "rules":[{"protocol":"tcp","destination":"10.0.0.1","ports":"443","log":true}]}]}"#;
    /// let policy = Policy::new(Snapshot::parse(page, None).unwrap(), Settings::default().into());
    /// # let [https, http] = [443, 80].map(|port| Probe::tcp([10, 0, 0, 1].into(), port));
    /// let rules = policy.effective("s-1", Phase::Running).unwrap();
    /// let denied = policy.evaluator().unwrap().evaluate(Some("s-1"), Phase::Running, &http);
    /// assert_eq!(denied.near[0].change.to_json(), r#"{"ports":"443,80"}"#);
    /// ```
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "texts and numbers can always be written")]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers")
    }
}

/// The members are in the order of their names.
impl Serialize for Change {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.0 {
            Edit::Bind { space, phase } => {
                map.serialize_entry("bind", &Binding { phase: *phase, space })?;
            }
            Edit::Destination(destination) => map.serialize_entry("destination", destination)?,
            Edit::Ports(ports) => map.serialize_entry("ports", ports)?,
            Edit::Icmp { icmp_type, code } => {
                map.serialize_entry("code", code)?;
                map.serialize_entry("type", icmp_type)?;
            }
            Edit::Protocol(protocol) => map.serialize_entry("protocol", protocol)?,
            Edit::ToIcmp { icmp_type, code } => {
                map.serialize_entry("code", code)?;
                map.serialize_entry("ports", &None::<u16>)?;
                map.serialize_entry("protocol", "icmp")?;
                map.serialize_entry("type", icmp_type)?;
            }
            Edit::ToPort { protocol, port } => {
                map.serialize_entry("code", &None::<u8>)?;
                map.serialize_entry("ports", &format_args!("{port}"))?;
                map.serialize_entry("protocol", protocol)?;
                map.serialize_entry("type", &None::<u8>)?;
            }
            Edit::Add { protocol, destination, port } => {
                let ports = format_args!("{port}");
                map.serialize_entry("add", &Added { destination, ports, protocol })?;
            }
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Binding<'a> {
    phase: Phase,
    space: &'a str,
}

#[derive(Serialize)]
struct Added<'a> {
    destination: &'a str,
    ports: fmt::Arguments<'a>,
    protocol: &'a str,
}

/// One change that would have allowed a packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NearMiss {
    /// The kind of change.
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
    /// The miss that the change cures; empty for a binding.
    pub misses: Vec<Miss>,
    /// The packets that the change admits; for a binding, those of the first rule that matches.
    pub admits: Admits,
    /// The change.
    pub change: Change,
}

/// One snapshot, with the settings of one kind of cells.
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

/// The order of near misses; see [`near`].
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

/// Lists every single change that would have allowed a denied packet, the nearest first.
///
/// Changes are ordered by:
///
/// 1. the number of misses: bindings have none, edits have one;
/// 2. for edits, the packets that they admit;
/// 3. the growth, in bits, of the smallest aligned block around the entry's destinations if it has
///    to include the packet's, too;
/// 4. the distance of the port from the nearer end of the entry's ports;
/// 5. groups of the space before global groups;
/// 6. the group's name, and the places of rule, destination and port item.
pub(super) fn near(
    at: At<'_>,
    effective: &Effective,
    space: Option<&str>,
    probe: &Probe,
) -> Vec<NearMiss> {
    let denied = effective.evaluate(probe).ruling;
    let is_denied = denied.is_some_and(|ruling| ruling.verdict == Verdict::Deny);
    // No rule cures an empty chain. silk checks denied networks before its rules.
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

/// Returns the groups whose binding would allow the packet: one candidate for each group.
fn bindings<'a>(
    at: At<'a>,
    effective: &'a Effective,
    space: &'a str,
    probe: &'a Probe,
) -> impl Iterator<Item = (Rank<'a>, NearMiss)> + 'a {
    let phase = effective.phase();
    let shared: Arc<str> = space.into();
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
            let Reach { addresses, points } = made.reach;
            let (destination, port) = (entry.destination, entry.port);
            let rank = Rank {
                misses: 0,
                admits: (0, 0),
                bits: 0,
                ports: 0,
                global: group.is_global(other),
                name: &group.name,
                rule,
                destination,
                port,
                guid: &group.guid,
            };
            let near = NearMiss {
                how: if group.is_effective(space, other) { How::Phase } else { How::Bind },
                group: group.guid.as_str().into(),
                rule,
                destination,
                port,
                misses: Vec::new(),
                admits: Admits { addresses, points },
                change: Change(Edit::Bind { space: Arc::clone(&shared), phase }),
            };
            Some((rank, near))
        },
    )
}

/// Returns the rules whose edit would allow the packet: one candidate for each rule, by its best
/// entry.
fn widenings<'a>(
    at: At<'a>,
    effective: &'a Effective,
    probe: &Probe,
) -> impl Iterator<Item = (Rank<'a>, NearMiss)> {
    // A set of rules is shared by several snapshots; the places are those of this one.
    let places: Vec<Option<usize>> =
        effective.groups().iter().map(|group| at.place(&group.guid)).collect();
    let mut best: HashMap<(u32, u32), Widening<'a>> = HashMap::new();
    for entry in effective.entries() {
        let Some(miss) = miss(effective, entry, probe) else { continue };
        for owner in &entry.owners {
            let Some(place) = places[owner.group as usize] else { continue };
            let group = &at.groups()[place];
            let made = &at.rules(place)[owner.rule as usize];
            let admits = admits(made.reach, entry, miss, probe);
            let rank = Rank {
                misses: 1,
                admits: admits.pairs(),
                bits: bits(entry, probe),
                ports: port_distance(entry, probe),
                global: group.is_global(effective.phase()),
                name: &group.name,
                rule: owner.rule,
                destination: owner.destination,
                port: owner.port,
                guid: &group.guid,
            };
            let stored = &group.rules[owner.rule as usize];
            let guid = &effective.groups()[owner.group as usize].guid;
            let found = Widening { rank, guid, admits, stored, entry, miss };
            match best.entry((owner.group, owner.rule)) {
                Slot::Occupied(mut kept) if found.rank < kept.get().rank => {
                    kept.insert(found);
                }
                Slot::Occupied(_) => {}
                Slot::Vacant(free) => {
                    free.insert(found);
                }
            }
        }
    }
    best.into_values().filter_map(|best| best.near(probe))
}

/// The best candidate of a rule so far.
struct Widening<'a> {
    rank: Rank<'a>,
    guid: &'a Arc<str>,
    admits: Admits,
    stored: &'a StoredRule,
    entry: &'a Entry,
    miss: Miss,
}

impl<'a> Widening<'a> {
    fn near(self, probe: &Probe) -> Option<(Rank<'a>, NearMiss)> {
        let Self { rank, guid, admits, stored, entry, miss } = self;
        let near = NearMiss {
            how: How::Widen,
            group: Arc::clone(guid),
            rule: rank.rule,
            destination: rank.destination,
            port: rank.port,
            misses: vec![miss],
            admits,
            change: change(stored, entry, miss, probe)?,
        };
        Some((rank, near))
    }
}

/// Returns the single respect in which a packet misses an entry; `None` if there are more, or no
/// edit cures it.
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
        // An edit from TCP to UDP keeps the ports, so they must fit. Rules name no other protocol.
        let ports_fit =
            !with_ports(entry.traffic) || !matches!(class, Class::Tcp | Class::Udp) || point;
        (address && ports_fit && class != Class::Other).then_some(Miss::Protocol)?
    };
    let settings = effective.settings();
    let curable = match miss {
        // The edit makes a list of destinations. An IPv6 address breaks a chain of IPv4.
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

fn admits(reach: Reach, entry: &Entry, miss: Miss, probe: &Probe) -> Admits {
    let Reach { addresses, points } = reach;
    match miss {
        Miss::Address => Admits { addresses: 1, points },
        Miss::Port | Miss::Icmp => Admits { addresses, points: 1 },
        Miss::Protocol => {
            let keeps_ports = with_ports(entry.traffic) && probe.class() != Class::Icmp;
            Admits { addresses, points: if keeps_ports { points } else { 1 } }
        }
    }
}

/// The addresses and the points of a rule, each counted once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    addresses: u128,
    points: u64,
}

impl Reach {
    pub(super) fn of(entries: &[RuleEntry]) -> Self {
        Self { addresses: addresses(entries), points: points(entries) }
    }
}

fn addresses(entries: &[RuleEntry]) -> u128 {
    let of = |is_ipv4: bool| {
        let ranges = entries.iter().filter(|entry| entry.range.first().is_ipv4() == is_ipv4);
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

fn points(entries: &[RuleEntry]) -> u64 {
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

/// Counts the numbers in sorted ranges, each once.
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

/// Returns the growth, in bits, of the smallest aligned block around the entry's destinations if it
/// has to include the packet's, too.
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

/// Returns the distance of the packet's port from the nearer end of the entry's.
fn port_distance(entry: &Entry, probe: &Probe) -> u32 {
    let (EntryTraffic::Tcp(first, last) | EntryTraffic::Udp(first, last)) = entry.traffic else {
        return 0;
    };
    let (ProbeTraffic::Tcp { port, .. } | ProbeTraffic::Udp { port }) = probe.traffic else {
        return 0;
    };
    u32::from(first.saturating_sub(port).max(port.saturating_sub(last)))
}

/// Returns the edit of a rule that cures a miss.
fn change(stored: &StoredRule, entry: &Entry, miss: Miss, probe: &Probe) -> Option<Change> {
    let edit = match (miss, probe.traffic) {
        (Miss::Address, _) => {
            let destinations = format!("{},{}", stored.destination(), probe.destination);
            Edit::Destination(destinations.into())
        }
        (Miss::Icmp, ProbeTraffic::Icmp { icmp_type, code }) => Edit::Icmp { icmp_type, code },
        (Miss::Port, ProbeTraffic::Tcp { port, .. } | ProbeTraffic::Udp { port }) => {
            let ports = stored.ports();
            if ports.contains('-') {
                // A rule has either a list of ports or one range.
                let (protocol, destination) = (stored.protocol(), stored.destination());
                Edit::Add { protocol: protocol.into(), destination: destination.into(), port }
            } else {
                let ports = ports.trim_end_matches([',', ' ']);
                Edit::Ports(format!("{ports},{port}").into())
            }
        }
        (Miss::Protocol, ProbeTraffic::Icmp { icmp_type, code }) => {
            Edit::ToIcmp { icmp_type, code }
        }
        (Miss::Protocol, ProbeTraffic::Tcp { port, .. } | ProbeTraffic::Udp { port }) => {
            let is_tcp = matches!(probe.traffic, ProbeTraffic::Tcp { .. });
            let protocol = if is_tcp { "tcp" } else { "udp" };
            if with_ports(entry.traffic) {
                Edit::Protocol(protocol)
            } else {
                Edit::ToPort { protocol, port }
            }
        }
        _ => return None,
    };
    Some(Change(edit))
}
