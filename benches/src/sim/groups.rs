//! Security groups over time: people change them, and listings show them.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::Chance;
use super::clock::{self, MINUTE, SECOND};
use super::enforce::Enforcer;

/// The configuration of security groups in a simulation.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// The enforcer of each cell; the list repeats.
    pub enforcers: Vec<Enforcer>,
    /// The number of changes in an hour, on average.
    pub changes_per_hour: u32,
    /// The minutes between two listings.
    pub listing_minutes: u32,
    /// The share of listings that show a part of the groups.
    pub partial: f64,
    /// The share of listings in which a group moved from one page to the other meanwhile.
    pub swapped: f64,
    /// Whether people write rules that break a whole set.
    pub breaking: bool,
    /// Whether bindings come and go between two listings, which nothing shows.
    pub flickering: bool,
    /// Seconds between two looks of the server at Cloud Controller, and of an agent at the server.
    pub poll: i64,
    /// Whether denied packets, and all allowed ones, are logged.
    pub logs_all: bool,
    /// Whether static cells and guardian get the groups in the order of the listing.
    pub listed: bool,
    /// Whether containers may not reach 10.0.3.0/28.
    pub denies_network: bool,
    /// Whether the logs have the agents' lines about rules in place, and imitations of them in the
    /// apps' own streams.
    pub tells_updates: bool,
    /// The setting `clock_tolerance`, in seconds.
    pub clock_tolerance: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            enforcers: vec![Enforcer::Dynamic],
            changes_per_hour: 4,
            listing_minutes: 15,
            partial: 0.0,
            swapped: 0.0,
            breaking: true,
            flickering: false,
            poll: 60,
            logs_all: true,
            listed: false,
            denies_network: true,
            tells_updates: false,
            clock_tolerance: 0,
        }
    }
}

/// The network that containers may not reach.
pub(super) const DENIED: (Ipv4Addr, u32) = (Ipv4Addr::new(10, 0, 3, 0), 28);

/// The phase of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the variants are what they are called")]
pub enum Phase {
    Running,
    Staging,
}

impl Phase {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Running, Self::Staging];

    /// Returns its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Staging => "staging",
        }
    }
}

/// The protocol of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the variants are what they are called")]
pub enum Protocol {
    Tcp,
    Udp,
    Icmp,
    All,
}

/// One item of a rule's destinations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Destination {
    /// One address.
    Address(u32),
    /// A block, by its first address and its length.
    Block(u32, u32),
    /// A range.
    Range(u32, u32),
    /// A block with a mask in place of a length, which Cloud Controller accepts and Go cannot read.
    Netmask(u32, u32),
    /// A block of IPv6.
    V6,
}

impl Destination {
    fn text(self) -> String {
        let ip = Ipv4Addr::from_bits;
        match self {
            Self::Address(address) => ip(address).to_string(),
            Self::Block(address, length) => format!("{}/{length}", ip(address)),
            Self::Range(first, last) => format!("{}-{}", ip(first), ip(last)),
            Self::Netmask(address, length) => {
                format!("{}/{}", ip(address), ip(u32::MAX << (32 - length)))
            }
            Self::V6 => "2001:db8::/32".into(),
        }
    }

    /// Returns whether Cloud Controller means an address by it.
    #[must_use]
    pub const fn means(self, address: u32) -> bool {
        match self {
            Self::Address(own) => own == address,
            Self::Block(own, length) | Self::Netmask(own, length) => {
                address >> (32 - length) == own >> (32 - length)
            }
            Self::Range(first, last) => first <= address && address <= last,
            Self::V6 => false,
        }
    }
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are Cloud Controller's")]
pub struct Rule {
    pub protocol: Protocol,
    pub destinations: Vec<Destination>,
    /// A list of ports, or one range.
    pub ports: Vec<(u16, u16)>,
    /// Type and code; -1 is any.
    pub icmp: (i16, i16),
    pub log: bool,
}

impl Rule {
    fn json(&self) -> Value {
        let list: Vec<String> = self.destinations.iter().map(|item| item.text()).collect();
        let mut rule = json!({ "destination": list.join(",") });
        let protocol = match self.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Icmp => "icmp",
            Protocol::All => "all",
        };
        rule["protocol"] = protocol.into();
        match self.protocol {
            Protocol::Tcp | Protocol::Udp => {
                let items = self.ports.iter().map(|(first, last)| {
                    if first == last { first.to_string() } else { format!("{first}-{last}") }
                });
                rule["ports"] = items.collect::<Vec<_>>().join(",").into();
            }
            Protocol::Icmp => {
                rule["type"] = self.icmp.0.into();
                rule["code"] = self.icmp.1.into();
            }
            Protocol::All => {}
        }
        if self.log {
            rule["log"] = true.into();
        }
        rule
    }

    /// Makes a rule about the few addresses and ports that containers talk to.
    fn random(chance: &mut Chance) -> Self {
        let mut destination = || {
            let address = 0x0a00_0000 + (chance.below(4) << 8 | chance.below(16)) as u32;
            match chance.below(8) {
                0..=2 => Destination::Address(address),
                3..=4 => Destination::Block(address, 28 + chance.below(4) as u32),
                5 => Destination::Block(0x0a00_0000, 22),
                _ => Destination::Range(address, address + chance.below(12) as u32),
            }
        };
        let destinations: Vec<_> = (0..3).map(|_| destination()).collect();
        let count = [1, 1, 2, 3][chance.index(4)];
        let port = |chance: &mut Chance| PORTS[chance.index(PORTS.len())];
        let ports = match chance.below(4) {
            0 => vec![(1, 65_535)],
            1 => vec![(80, 443)],
            2 => vec![port(chance)].into_iter().map(|port| (port, port)).collect(),
            _ => {
                let list = BTreeSet::from([port(chance), port(chance)]);
                list.into_iter().map(|port| (port, port)).collect()
            }
        };
        let protocols =
            [(Protocol::Tcp, 60), (Protocol::Udp, 20), (Protocol::Icmp, 14), (Protocol::All, 3)];
        Self {
            protocol: chance.weighted(&protocols),
            destinations: destinations[..count].to_vec(),
            ports,
            icmp: [(8, 0), (-1, -1), (8, -1), (-1, 0), (3, 3)][chance.index(5)],
            log: !chance.one_in(3),
        }
    }
}

/// The ports that rules name and packets go to.
pub(super) const PORTS: [u16; 6] = [53, 80, 443, 3306, 5432, 8080];

/// A security group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the fields are Cloud Controller's")]
pub struct Group {
    pub guid: String,
    pub name: String,
    pub rules: Vec<Rule>,
    /// By phase.
    pub global: [bool; 2],
    /// GUIDs of spaces, by phase.
    pub bound: [BTreeSet<String>; 2],
    /// In seconds since 1970.
    pub updated_at: i64,
}

impl Group {
    /// Returns whether it holds for a space.
    #[must_use]
    pub fn is_effective(&self, space: &str, phase: Phase) -> bool {
        self.global[phase as usize] || self.bound[phase as usize].contains(space)
    }

    fn json(&self) -> Value {
        let spaces = |phase: Phase| {
            let spaces = self.bound[phase as usize].iter();
            let data: Vec<Value> = spaces.map(|guid| json!({ "guid": guid })).collect();
            json!({ "data": data })
        };
        let at = |second: i64| clock::text(second * SECOND);
        json!({
            "guid": self.guid,
            "name": self.name,
            "created_at": at(0),
            "updated_at": at(self.updated_at),
            "rules": self.rules.iter().map(Rule::json).collect::<Vec<_>>(),
            "globally_enabled": { "running": self.global[0], "staging": self.global[1] },
            "relationships": {
                "running_spaces": spaces(Phase::Running),
                "staging_spaces": spaces(Phase::Staging),
            },
        })
    }
}

/// All groups at any time, in the order of their rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups {
    versions: Vec<(i64, Vec<Group>)>,
    listings: Vec<Listing>,
}

/// One listing of the groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The time, in nanoseconds since 1970.
    pub taken_at: i64,
    /// Whether it shows everything.
    pub complete: bool,
    /// The pages, with `taken_at` and, on an incomplete listing of a narrow token, `complete`.
    pub json: Value,
}

impl Groups {
    /// Returns the groups at a time.
    #[must_use]
    pub fn at(&self, time: i64) -> &[Group] {
        &self.versions[self.version(time)].1
    }

    /// Returns the number of the version of a time; the first version holds before it.
    #[must_use]
    pub fn version(&self, time: i64) -> usize {
        self.versions.partition_point(|(since, _)| *since <= time).saturating_sub(1)
    }

    /// Returns the groups of a version.
    #[must_use]
    pub fn of(&self, version: usize) -> &[Group] {
        &self.versions[version].1
    }

    /// Returns the times of all changes.
    pub fn times(&self) -> impl Iterator<Item = i64> {
        self.versions.iter().map(|(since, _)| *since)
    }

    /// Returns the listings, in order.
    #[must_use]
    pub fn listings(&self) -> &[Listing] {
        &self.listings
    }

    /// Makes some groups, and changes them for a week before the logs begin.
    pub(super) fn begin(
        &mut self,
        start: i64,
        spaces: &[String],
        rules: &Rules,
        chance: &mut Chance,
    ) {
        let since = start - 7 * 24 * 60 * MINUTE;
        let mut groups = Vec::new();
        for n in 0..6 {
            let mut group = new_group(n, since, chance);
            let phase = chance.index(2);
            match n {
                0 => group.global = [true, true],
                1 => group.global[phase] = true,
                _ => {
                    for space in spaces {
                        for bound in &mut group.bound {
                            if chance.one_in(3) {
                                bound.insert(space.clone());
                            }
                        }
                    }
                }
            }
            groups.push(group);
        }
        self.versions.push((since, groups));
        let calm = Rules { breaking: false, flickering: false, ..rules.clone() };
        for day in 1..7 {
            self.change(since + day * 24 * 60 * MINUTE, spaces, &calm, chance);
        }
    }

    /// Changes something.
    pub(super) fn change(
        &mut self,
        now: i64,
        spaces: &[String],
        rules: &Rules,
        chance: &mut Chance,
    ) {
        let mut groups = self.versions.last().map(|(_, groups)| groups.clone()).unwrap_or_default();
        let place = chance.index(groups.len());
        let phase = chance.index(2);
        let is_broken = |rule: &Rule| {
            let odd =
                |item: &Destination| matches!(item, Destination::Netmask(..) | Destination::V6);
            rule.destinations.iter().any(odd)
        };
        // What breaks sets is noticed, and mended first.
        let broken = groups.iter().position(|group| group.rules.iter().any(is_broken));
        if let Some(broken) = broken.filter(|_| !chance.one_in(3)) {
            groups[broken].rules.retain(|rule| !is_broken(rule));
            groups[broken].updated_at = now.div_euclid(SECOND);
            self.versions.push((now, groups));
            return;
        }
        match chance.below(if rules.breaking { 14 } else { 12 }) {
            0..=2 => {
                groups[place].rules = random_rules(chance);
                groups[place].updated_at = now.div_euclid(SECOND);
            }
            // One rule more, or one less.
            3 => {
                groups[place].rules.push(Rule::random(chance));
                groups[place].updated_at = now.div_euclid(SECOND);
            }
            4 => {
                groups[place].rules.pop();
                groups[place].updated_at = now.div_euclid(SECOND);
            }
            // Binding is no update of the group.
            5..=8 => {
                if let Some(space) = spaces.get(chance.index(spaces.len())) {
                    let bound = &mut groups[place].bound[phase];
                    if !bound.remove(space) {
                        bound.insert(space.clone());
                    }
                }
            }
            9 => {
                groups[place].global[phase] ^= true;
                groups[place].updated_at = now.div_euclid(SECOND);
            }
            10 => {
                groups[place].name = format!("renamed-{}", now.div_euclid(SECOND));
                groups[place].updated_at = now.div_euclid(SECOND);
            }
            11 => {
                if groups.len() > 6 {
                    groups.remove(place);
                }
                let mut group = new_group(now.div_euclid(SECOND), now, chance);
                for space in spaces {
                    if chance.one_in(2) {
                        group.bound[phase].insert(space.clone());
                    }
                }
                groups.push(group);
            }
            _ => {
                let item = if chance.one_in(2) {
                    Destination::Netmask(0x0a00_0200, 24)
                } else {
                    Destination::V6
                };
                let mut rule = Rule { log: true, ..Rule::random(chance) };
                rule.destinations.push(item);
                groups[place].rules.push(rule);
                groups[place].updated_at = now.div_euclid(SECOND);
            }
        }
        self.versions.push((now, groups));
    }

    /// Takes the last change back.
    pub(super) fn undo(&mut self, now: i64) {
        let [.., (_, before), (_, after)] = &self.versions[..] else { return };
        let mut groups = before.clone();
        for group in &mut groups {
            let changed = after.iter().find(|other| other.guid == group.guid && *other != group);
            // Editing back is an update, and unbinding is none.
            if let Some(changed) = changed
                && (changed.rules != group.rules || changed.global != group.global)
            {
                group.updated_at = now.div_euclid(SECOND);
            }
        }
        self.versions.push((now, groups));
    }

    /// Lists the groups.
    pub(super) fn list(&mut self, now: i64, rules: &Rules, chance: &mut Chance) {
        let groups = self.at(now).to_vec();
        let taken_at = clock::text(now);
        let (is_partial, is_swapped) = (chance.hits(rules.partial), chance.hits(rules.swapped));
        let mut all: Vec<Value> = groups.iter().map(Group::json).collect();
        let (complete, json) = if is_partial {
            all.retain(|_| !chance.one_in(3));
            let count = all.len();
            let mut page = page(&all, count);
            page["taken_at"] = taken_at.into();
            page["complete"] = false.into();
            (false, page)
        } else {
            let half = all.len() / 2;
            let total = all.len();
            let (first, mut second) = (all[..half].to_vec(), all[half..].to_vec());
            if is_swapped {
                // The first page's last group is the second page's first, and the last is missing.
                second.pop();
                second.insert(0, first[half - 1].clone());
            }
            let pages = json!([page(&first, total), page(&second, total)]);
            (!is_swapped, json!({ "taken_at": taken_at, "complete": true, "pages": pages }))
        };
        self.listings.push(Listing { taken_at: now, complete, json });
    }
}

fn page(groups: &[Value], total: usize) -> Value {
    json!({ "pagination": { "total_results": total }, "resources": groups })
}

fn new_group(n: i64, now: i64, chance: &mut Chance) -> Group {
    Group {
        guid: chance.cc_guid().to_string(),
        name: format!("group-{n}"),
        rules: random_rules(chance),
        updated_at: now.div_euclid(SECOND),
        ..Group::default()
    }
}

fn random_rules(chance: &mut Chance) -> Vec<Rule> {
    (0..=chance.below(4)).map(|_| Rule::random(chance)).collect()
}
