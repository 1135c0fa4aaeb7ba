//! Enforces rules as cells do, by slow code of its own: no line of it is shared with
//! `asg_core::policy`, which it judges.
//!
//! Source: what silk's planner, Cloud Controller's conversion, guardian's translator and a real
//! kernel do with rules, as `asg-core/fixtures/asg/netrules_vectors.json` shows it.

use std::net::{IpAddr, Ipv4Addr};

use super::groups::{Destination, Group, Phase, Protocol, Rule};

/// The program that enforces rules on a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Enforcer {
    /// silk with an agent that keeps rules up to date.
    Dynamic,
    /// silk with the rules of the time when the process version was desired.
    Static,
    /// guardian, with those rules, too.
    Guardian,
}

impl Enforcer {
    /// Returns its word in settings.
    #[must_use]
    pub const fn profile(self) -> &'static str {
        match self {
            Self::Dynamic => "silk_dynamic",
            Self::Static => "silk_static",
            Self::Guardian => "guardian",
        }
    }
}

/// One place in the listing of rules: indices count from 0; the port is -1 where a rule has none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the fields are those of the answers")]
pub struct Name {
    pub group: String,
    pub rule: u32,
    pub destination: u32,
    pub port: i32,
}

/// A packet on its way out of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are what they are called")]
pub struct Sent {
    pub destination: Ipv4Addr,
    pub flight: Flight,
}

/// The protocol, with the port or the type and code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are what they are called")]
pub enum Flight {
    Syn(u16),
    /// ACK without SYN.
    Ack(u16),
    /// RST, which belongs to no connection.
    Reset(u16),
    Udp(u16),
    Icmp(u8, u8),
}

/// One kernel rule, with everything in the listing that asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelRule {
    protocol: Protocol,
    addresses: (u32, u32),
    /// Ports, or type and code; 255 as the type is any.
    points: (u16, u16),
    /// Whether it logs.
    pub log: bool,
    /// Its owners; those in the list's order.
    pub owners: Vec<Name>,
}

impl KernelRule {
    /// Returns whether it matches a packet.
    #[must_use]
    pub fn matches(&self, sent: &Sent) -> bool {
        let address = sent.destination.to_bits();
        let (first, last) = self.points;
        let fits = match (self.protocol, sent.flight) {
            (Protocol::All, _) => true,
            (Protocol::Tcp, Flight::Syn(port) | Flight::Ack(port) | Flight::Reset(port))
            | (Protocol::Udp, Flight::Udp(port)) => first <= port && port <= last,
            (Protocol::Icmp, Flight::Icmp(kind, code)) => {
                first == 255 || first == u16::from(kind) && last == u16::from(code)
            }
            _ => false,
        };
        fits && self.addresses.0 <= address && address <= self.addresses.1
    }

    /// Returns whether the kernel cannot tell it from another rule.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        (self.protocol, self.addresses, self.points, self.log)
            == (other.protocol, other.addresses, other.points, other.log)
    }

    /// Returns the points at which coverage can change: the ends of its addresses and ports, and
    /// the places behind them.
    #[must_use]
    pub fn corners(&self) -> (Vec<u32>, Vec<u16>) {
        let (low, high) = self.addresses;
        let (first, last) = self.points;
        (vec![low, high, high.saturating_add(1)], vec![first, last, last.saturating_add(1)])
    }

    /// Returns whether all packets of one address and one point match, if they are of the other
    /// rule's protocol.
    #[must_use]
    pub fn holds(&self, like: &Self, address: u32, point: u16) -> bool {
        let (first, last) = self.points;
        let about = match (self.protocol, like.protocol) {
            (Protocol::All, _) => true,
            (Protocol::Icmp, Protocol::Icmp) => first == 255 || self.points == like.points,
            (a, b) => a == b && first <= point && point <= last,
        };
        about && self.addresses.0 <= address && address <= self.addresses.1
    }
}

/// What becomes of the rules that hold for a space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Set {
    /// A chain, in the order of the kernel.
    Rules(Vec<KernelRule>),
    /// A destination cannot be read: silk's agent empties the chain, and Diego refuses the app.
    Unreadable,
    /// iptables refuses the rules: the old ones stay, and no container starts.
    Refused,
}

/// Expands the rules of these groups, which are in the order in which the enforcer gets them. A
/// setting can make all rules log, but for guardian's; then rules that differ in their flag only
/// are equal.
#[must_use]
pub fn expand(groups: &[&Group], phase: Phase, enforcer: Enforcer, logs_all: bool) -> Set {
    let mut rules: Vec<(&Group, u32, &Rule)> = Vec::new();
    for group in groups {
        rules.extend((0..).zip(&group.rules).map(|(n, rule)| (*group, n, rule)));
    }
    match enforcer {
        Enforcer::Dynamic => rules.sort_by_key(|(group, ..)| !group.global[phase as usize]),
        Enforcer::Static | Enforcer::Guardian => rules.sort_by_key(|(.., rule)| rule.log),
    }
    let mut refused = false;
    let mut list: Vec<KernelRule> = Vec::new();
    for (group, rule_number, rule) in rules {
        for (destination, item) in (0..).zip(&rule.destinations) {
            let addresses = match item {
                Destination::Address(address) => (*address, *address),
                Destination::Block(address, length) => {
                    let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
                    (address & mask, address & mask | !mask)
                }
                Destination::Range(first, last) => (*first, *last),
                Destination::Netmask(..) => return Set::Unreadable,
                Destination::V6 => {
                    refused = true;
                    continue;
                }
            };
            let points: Vec<(i32, (u16, u16))> = match rule.protocol {
                Protocol::Tcp | Protocol::Udp => (0..).zip(rule.ports.iter().copied()).collect(),
                // A negative number becomes the greatest byte, and as a type it means any.
                Protocol::Icmp => {
                    let byte = |number: i16| u16::from(number as u8);
                    vec![(-1, (byte(rule.icmp.0), byte(rule.icmp.1)))]
                }
                Protocol::All => vec![(-1, (0, 0))],
            };
            for (port, points) in points {
                let name = Name { group: group.guid.clone(), rule: rule_number, destination, port };
                let new = KernelRule {
                    protocol: rule.protocol,
                    addresses,
                    points,
                    log: rule.log || logs_all && enforcer != Enforcer::Guardian,
                    owners: vec![name.clone()],
                };
                match list.iter_mut().find(|known| known.is_like(&new)) {
                    Some(known) => known.owners.push(name),
                    None => list.push(new),
                }
            }
        }
    }
    if refused {
        return Set::Refused;
    }
    list.reverse();
    Set::Rules(list)
}

/// Returns whether the words of these groups allow a packet.
#[must_use]
pub fn words_allow(groups: &[&Group], sent: &Sent) -> bool {
    let address = sent.destination.to_bits();
    groups.iter().flat_map(|group| &group.rules).any(|rule| {
        let traffic = match (rule.protocol, sent.flight) {
            (Protocol::All, _) => true,
            (Protocol::Tcp, Flight::Syn(port) | Flight::Ack(port) | Flight::Reset(port))
            | (Protocol::Udp, Flight::Udp(port)) => {
                rule.ports.iter().any(|(first, last)| *first <= port && port <= *last)
            }
            (Protocol::Icmp, Flight::Icmp(kind, code)) => {
                let fits = |want: i16, is: u8| want == -1 || want == i16::from(is);
                fits(rule.icmp.0, kind) && fits(rule.icmp.1, code)
            }
            _ => false,
        };
        traffic && rule.destinations.iter().any(|item| item.means(address))
    })
}

/// Returns whether an address is one of these networks', each as its first address and length.
#[must_use]
pub(super) fn is_in(networks: &[(Ipv4Addr, u32)], address: IpAddr) -> bool {
    let IpAddr::V4(address) = address else { return false };
    networks.iter().any(|(network, length)| {
        let shift = 32 - length;
        address.to_bits() >> shift == network.to_bits() >> shift
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(protocol: Protocol, destination: Destination, log: bool) -> Rule {
        Rule {
            protocol,
            destinations: vec![destination],
            ports: vec![(80, 90)],
            icmp: (8, -1),
            log,
        }
    }

    fn group(guid: &str, global: bool, rules: Vec<Rule>) -> Group {
        Group { guid: guid.into(), global: [global; 2], rules, ..Group::default() }
    }

    #[test]
    fn agents_look_at_the_newest_bound_group_first_and_static_cells_at_rules_that_log() {
        let net = Destination::Block(0x0a00_0000, 24);
        let old = group("old", false, vec![rule(Protocol::Tcp, net, true)]);
        let new = group("new", true, vec![rule(Protocol::Tcp, net, false)]);
        let first = |enforcer| {
            let Set::Rules(rules) = expand(&[&old, &new], Phase::Running, enforcer, false) else {
                panic!("all can be read")
            };
            rules[0].owners[0].group.clone()
        };
        assert_eq!(first(Enforcer::Dynamic), "old");
        assert_eq!(first(Enforcer::Static), "old");
        let loud = group("loud", true, vec![rule(Protocol::Tcp, net, true)]);
        let quiet = group("quiet", false, vec![rule(Protocol::Tcp, net, false)]);
        let Set::Rules(rules) = expand(&[&loud, &quiet], Phase::Running, Enforcer::Static, false)
        else {
            panic!("all can be read")
        };
        assert_eq!(rules[0].owners[0].group, "loud");
    }

    #[test]
    fn a_code_of_minus_one_allows_no_ping_but_means_every_code() {
        let address = Destination::Address(0x0a00_0001);
        let ping = group("ping", true, vec![rule(Protocol::Icmp, address, true)]);
        let sent = Sent { destination: [10, 0, 0, 1].into(), flight: Flight::Icmp(8, 0) };
        let Set::Rules(rules) = expand(&[&ping], Phase::Running, Enforcer::Dynamic, false) else {
            panic!("it can be read")
        };
        assert!(!rules[0].matches(&sent) && words_allow(&[&ping], &sent));
    }
}
