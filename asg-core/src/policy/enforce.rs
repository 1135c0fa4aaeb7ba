//! How cells enforce one rule.
//!
//! Sources: silk-release 5148d058 (`cni-wrapper-plugin/netrules/rule_converter.go`,
//! `security_group_rule.go`, `lib/rules/rules.go`), `cloud_controller_ng` 3bbba906
//! (`lib/cloud_controller/diego/egress_rules.rb`), BBS b2385bea (`models/security_group.go`),
//! executor 9e97ac1b (`depot/containerstore/helpers.go`) and guardian c2d9348c
//! (`kawasaki/iptables`). Verdicts of a real kernel are in `fixtures/asg/netrules_vectors.json`.

use super::go::{self, AddressRange};
use super::probe::{Class, Probe};
use super::rule::ruby_split;
use super::settings::{Profile, Settings};
use super::stored::StoredRule;
use crate::words::words;

/// The fate of a set of rules on a cell, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Load {
    /// It is enforced.
    Ok,
    /// iptables refuses the whole batch: the old rules stay, and no container starts.
    Refused,
    /// silk's agent cannot parse a destination and makes no chain: a container that starts now is
    /// denied everything, and the chains of running containers are emptied. The agent does not get
    /// as far as calling iptables.
    Skipped,
    /// Diego rejects the app.
    RefusedLrp,
}

words! {
    "policy" Load "the fate of a set of rules" {
        Ok = "ok", Refused = "refused", Skipped = "skipped", RefusedLrp = "refused_lrp",
    }
}

/// The traffic of one kernel rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EntryTraffic {
    /// TCP to these ports, from the first to the last.
    Tcp(u16, u16),
    /// UDP to these ports, from the first to the last.
    Udp(u16, u16),
    /// ICMP of this type and code; type 255 is every type and every code.
    Icmp(u8, u8),
    /// Every protocol.
    All,
}

impl EntryTraffic {
    /// Returns whether it applies to packets of this class.
    pub(super) const fn has(self, class: Class) -> bool {
        matches!(
            (self, class),
            (Self::All, _)
                | (Self::Tcp(..), Class::Tcp)
                | (Self::Udp(..), Class::Udp)
                | (Self::Icmp(..), Class::Icmp)
        )
    }

    /// Returns its points within such a class, from the first to the last.
    pub(super) const fn points(self) -> (u16, u16) {
        match self {
            Self::Tcp(first, last) | Self::Udp(first, last) => (first, last),
            Self::Icmp(255, _) | Self::All => (0, u16::MAX),
            Self::Icmp(icmp_type, code) => {
                let point = u16::from_be_bytes([icmp_type, code]);
                (point, point)
            }
        }
    }

    /// Returns the word in rules.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp(..) => "tcp",
            Self::Udp(..) => "udp",
            Self::Icmp(..) => "icmp",
            Self::All => "all",
        }
    }
}

/// The source of one kernel rule: one rule, one of its destinations, and one of its port items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RuleEntry {
    /// The packets, apart from their destination.
    pub traffic: EntryTraffic,
    /// The destinations.
    pub range: AddressRange,
    /// The place of the destination in the rule's list, from 0.
    pub destination: u32,
    /// The place of the port item in the rule's list, from 0; -1 where the rule has none.
    pub port: i32,
}

impl RuleEntry {
    /// Returns whether it matches the packet.
    ///
    /// ```
    /// use asg_core::policy::{Probe, Settings, StoredRule};
    /// let json = br#"{"protocol":"tcp","destination":"10.0.0.1","ports":"443"}"#;
    /// let enforceable = StoredRule::parse(json)?.enforceable(&Settings::default());
    /// assert!(enforceable.entries[0].matches(&Probe::tcp("10.0.0.1".parse().unwrap(), 443)));
    /// # Ok::<(), asg_core::policy::RuleError>(())
    /// ```
    #[must_use]
    pub fn matches(&self, probe: &Probe) -> bool {
        let (first, last) = self.traffic.points();
        self.traffic.has(probe.class())
            && (first..=last).contains(&probe.point())
            && self.range.contains(probe.destination)
    }
}

/// A difference between a rule's words and its enforcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Quirk {
    /// ICMP with a type and code -1: only code 255, which no real packet has.
    IcmpCodeAny,
    /// ICMP with type -1 and a code: every type and every code.
    IcmpTypeAny,
    /// `icmpv6`: silk makes no rule of it, and Diego rejects the app.
    Icmpv6,
    /// An unknown protocol: silk makes no rule of it, and Diego rejects the app.
    UnknownProtocol,
    /// TCP or UDP without a valid port: silk makes no rule of it.
    NoPorts,
    /// `icmp` or `all` with ports: silk's agent makes no rule of it.
    PortsNotAllowed,
    /// The port item at this place is dropped.
    PortDropped(u32),
    /// Ports that mix a list with a range: Cloud Controller sends only the numbers around the first
    /// dash.
    PortsCut,
    /// A port 0, which Diego rejects.
    PortZero,
    /// The range of ports at this place ends before it begins: for TCP, iptables refuses all rules;
    /// for UDP, it matches nothing.
    PortsReversed(u32),
    /// The cell cannot parse the destination at this place.
    Unreadable(u32),
    /// The range at this place ends before it begins, and matches nothing.
    Reversed(u32),
    /// The destination at this place is IPv6, and the cell has none: iptables refuses all rules.
    Ipv6OnIpv4(u32),
    /// The destination at this place looks like IPv6, and is IPv4 to the kernel.
    Mapped(u32),
}

/// One rule as a cell enforces it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Enforceable {
    /// The kernel rules, in the order of the rule: destinations, and in each the port items.
    pub entries: Vec<RuleEntry>,
    /// The effect of this rule alone on the set that it is in.
    pub load: Load,
    /// The differences between words and enforcement.
    pub quirks: Vec<Quirk>,
}

impl StoredRule {
    /// Returns the rule as cells enforce it.
    ///
    /// ```
    /// use asg_core::policy::{EntryTraffic, Load, Quirk, Settings, StoredRule};
    ///
    /// let ping = br#"{"protocol":"icmp","destination":"10.0.0.0/8","type":8,"code":-1}"#;
    /// let made = StoredRule::parse(ping)?.enforceable(&Settings::default());
    /// assert_eq!(made.entries[0].traffic, EntryTraffic::Icmp(8, 255), "no ping has code 255");
    /// assert_eq!(made.quirks, [Quirk::IcmpCodeAny]);
    ///
    /// let mask = br#"{"protocol":"all","destination":"10.0.0.0/255.0.0.0"}"#;
    /// assert_eq!(StoredRule::parse(mask)?.enforceable(&Settings::default()).load, Load::Skipped);
    /// # Ok::<(), asg_core::policy::RuleError>(())
    /// ```
    #[must_use]
    pub fn enforceable(&self, settings: &Settings) -> Enforceable {
        let mut quirks = Vec::new();
        let dynamic = settings.profile == Profile::SilkDynamic;
        let mut load = Load::Ok;
        let mut worsen = |found: Load| load = load.max(found);

        let mut ranges = Vec::new();
        let texts: Vec<&str> = if settings.reads_lists() {
            self.destination().split(',').collect()
        } else {
            vec![self.destination()]
        };
        for (n, text) in (0..).zip(texts) {
            match AddressRange::of(text) {
                None => {
                    quirks.push(Quirk::Unreadable(n));
                    worsen(if dynamic { Load::Skipped } else { Load::RefusedLrp });
                }
                Some(range) => {
                    if range.first().is_ipv4() && text.contains(':') {
                        quirks.push(Quirk::Mapped(n));
                    }
                    if range.count() == 0 && !range.is_mixed() {
                        quirks.push(Quirk::Reversed(n));
                        if !dynamic {
                            worsen(Load::RefusedLrp);
                        }
                    }
                    ranges.push((n, range));
                }
            }
        }

        let (traffics, diego) = self.traffics(settings, &mut quirks);
        if !dynamic {
            worsen(diego);
        }
        let mut entries = Vec::with_capacity(ranges.len() * traffics.len());
        for (destination, range) in &ranges {
            if !traffics.is_empty() && (range.is_mixed() || !range.is_ipv4() && !settings.ipv6) {
                quirks.push(Quirk::Ipv6OnIpv4(*destination));
                worsen(Load::Refused);
            }
            entries.extend(traffics.iter().map(|(port, traffic)| RuleEntry {
                traffic: *traffic,
                range: *range,
                destination: *destination,
                port: *port,
            }));
        }
        for (port, traffic) in traffics.iter().filter(|_| !ranges.is_empty()) {
            match traffic {
                EntryTraffic::Tcp(first, last) if first > last => {
                    quirks.push(Quirk::PortsReversed(port.unsigned_abs()));
                    worsen(Load::Refused);
                }
                // iptables 1.8.9 checks this for TCP only.
                EntryTraffic::Udp(first, last) if first > last => {
                    quirks.push(Quirk::PortsReversed(port.unsigned_abs()));
                }
                _ => {}
            }
        }
        Enforceable { entries, load, quirks }
    }

    /// Returns the traffic of the rule's port items, each with its place; and whether Diego accepts
    /// it.
    fn traffics(
        &self,
        settings: &Settings,
        quirks: &mut Vec<Quirk>,
    ) -> (Vec<(i32, EntryTraffic)>, Load) {
        let dynamic = settings.profile == Profile::SilkDynamic;
        match self.protocol() {
            protocol @ ("tcp" | "udp") => {
                let (ports, load) = if dynamic {
                    (self.agent_ports(settings, quirks), Load::Ok)
                } else {
                    self.diego_ports(quirks)
                };
                if ports.is_empty() {
                    quirks.push(Quirk::NoPorts);
                }
                let of = if protocol == "tcp" { EntryTraffic::Tcp } else { EntryTraffic::Udp };
                let traffics = ports.into_iter().map(|(n, first, last)| (n, of(first, last)));
                (traffics.collect(), load)
            }
            "icmp" | "all"
                if dynamic && !self.agent_ports(settings, &mut Vec::new()).is_empty() =>
            {
                quirks.push(Quirk::PortsNotAllowed);
                (Vec::new(), Load::Ok)
            }
            "icmp" => {
                // Each number becomes one byte, and the kernel's tool takes type 255 for "any",
                // whatever the code.
                let (icmp_type, code) = (self.icmp_type() as u8, self.icmp_code() as u8);
                match (icmp_type, code) {
                    (255, 255) => {}
                    (255, _) => quirks.push(Quirk::IcmpTypeAny),
                    (_, 255) => quirks.push(Quirk::IcmpCodeAny),
                    _ => {}
                }
                (vec![(-1, EntryTraffic::Icmp(icmp_type, code))], Load::Ok)
            }
            "all" => (vec![(-1, EntryTraffic::All)], Load::Ok),
            protocol => {
                let known = protocol == "icmpv6";
                quirks.push(if known { Quirk::Icmpv6 } else { Quirk::UnknownProtocol });
                (Vec::new(), Load::RefusedLrp)
            }
        }
    }

    /// Returns the ports as silk's agent parses them: it drops items other than a number, or two
    /// with a dash between them.
    fn agent_ports(&self, settings: &Settings, quirks: &mut Vec<Quirk>) -> Vec<(i32, u16, u16)> {
        let number = |text: &str| {
            let blank = !settings.trims_ports() && text.trim() != text;
            // Ports wrap as 16-bit numbers.
            go::integer(text).filter(|_| !blank).map(|port| port as u16)
        };
        let mut ports = Vec::new();
        for (n, item) in (0..).zip(self.ports().split(',')) {
            let mut ends = item.split('-');
            let ends = (ends.next().map(number), ends.next().map(number), ends.next());
            match ends {
                (Some(Some(port)), None, None) => ports.push((n, port, port)),
                (Some(Some(first)), Some(Some(last)), None) => ports.push((n, first, last)),
                _ if item.trim().is_empty() => {}
                _ => quirks.push(Quirk::PortDropped(n as u32)),
            }
        }
        ports
    }

    /// Returns the ports as Cloud Controller sends them to Diego: a list, or if there is a dash,
    /// the numbers around the first.
    fn diego_ports(&self, quirks: &mut Vec<Quirk>) -> (Vec<(i32, u16, u16)>, Load) {
        let parts = ruby_split(self.ports(), '-');
        let mut load = Load::Ok;
        let mut ports = Vec::new();
        if let [list] = parts[..] {
            let items = ruby_split(list, ',');
            for (n, item) in (0..).zip(&items) {
                let port = ruby_integer(item);
                if port == 0 {
                    quirks.push(Quirk::PortZero);
                }
                if port == 0 || port > u64::from(u32::MAX) {
                    load = Load::RefusedLrp;
                }
                ports.push((n, port as u16, port as u16));
            }
            if items.is_empty() {
                load = Load::RefusedLrp;
            }
        } else {
            let end = |n: usize| parts.get(n).map_or(0, |text| ruby_integer(text));
            let (first, last) = (end(0), end(1));
            if self.ports().contains(',') || parts.len() > 2 {
                quirks.push(Quirk::PortsCut);
            }
            if first == 0 || last == 0 {
                quirks.push(Quirk::PortZero);
            }
            if first == 0 || last == 0 || first > last || last > u64::from(u32::MAX) {
                load = Load::RefusedLrp;
            }
            ports.push((0, first as u16, last as u16));
        }
        (ports, load)
    }
}

/// Parses a number like Ruby's `to_i`: the digits at the beginning, with single underscores
/// between; else 0.
fn ruby_integer(text: &str) -> u64 {
    let text = text.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}');
    let text = text.strip_prefix('+').unwrap_or(text);
    let (mut number, mut after_digit) = (0_u64, false);
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => {
                number = number.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
                after_digit = true;
            }
            b'_' if after_digit => after_digit = false,
            _ => break,
        }
    }
    number
}
