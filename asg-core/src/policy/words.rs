//! The traffic that Cloud Controller means by a rule.

use super::go::{self, AddressRange};
use super::probe::{Probe, ProbeTraffic};
use super::rule::{Destination, IcmpKind, Rule, Traffic};
use super::stored::StoredRule;

/// A rule as Cloud Controller means it.
#[derive(Debug, Clone)]
pub(super) struct Words {
    traffic: Option<Traffic>,
    /// The valid ports of a rule whose ports no Cloud Controller accepts today.
    ports: Vec<(u16, u16)>,
    ranges: Vec<AddressRange>,
    /// Whether a part of the rule cannot be parsed, so that it may mean more.
    unclear: bool,
}

impl Words {
    pub(super) fn new(stored: &StoredRule) -> Self {
        let range = |destination: &Destination| {
            let (first, last) = destination.bounds();
            AddressRange::new(first.to_canonical(), last.to_canonical())
        };
        if let Ok(Rule { traffic, destinations, .. }) = stored.rule() {
            let ranges = destinations.iter().map(range).collect();
            return Self { traffic: Some(traffic), ports: Vec::new(), ranges, unclear: false };
        }
        let mut unclear = false;
        let mut ranges = Vec::new();
        for text in stored.destination().split(',') {
            let read = text.parse().ok().map(|destination| range(&destination));
            match read.or_else(|| AddressRange::of(text)) {
                Some(range) => ranges.push(range),
                None => unclear = true,
            }
        }
        let mut ports = Vec::new();
        for item in stored.ports().split(',').filter(|item| !item.trim().is_empty()) {
            let (first, last) = item.split_once('-').unwrap_or((item, item));
            let number = |text: &str| go::integer(text).and_then(|port| u16::try_from(port).ok());
            match (number(first), number(last)) {
                (Some(first), Some(last)) => ports.push((first, last)),
                _ => unclear = true,
            }
        }
        let number = |number: i64| u8::try_from(number).ok();
        let kind =
            IcmpKind { icmp_type: number(stored.icmp_type()), code: number(stored.icmp_code()) };
        // The ports are those above.
        let none = || "1".parse().expect("a port");
        let traffic = match stored.protocol() {
            "all" => Some(Traffic::All),
            "tcp" => Some(Traffic::Tcp(none())),
            "udp" => Some(Traffic::Udp(none())),
            "icmp" => Some(Traffic::Icmp(kind)),
            "icmpv6" => Some(Traffic::Icmpv6(kind)),
            _ => None,
        };
        Self { unclear: unclear || traffic.is_none(), traffic, ports, ranges }
    }

    /// Returns whether the rule allows the packet; `None` if that cannot be claimed.
    pub(super) fn allow(&self, probe: &Probe) -> Option<bool> {
        let port = |listed: &super::rule::Ports, port: u16| {
            let odd = self.ports.iter().any(|(first, last)| (*first..=*last).contains(&port));
            if self.ports.is_empty() { listed.contains(port) } else { odd }
        };
        let fits = |wanted: Option<u8>, is: u8| wanted.is_none_or(|wanted| wanted == is);
        let traffic = match (&self.traffic, probe.traffic) {
            (Some(Traffic::All), _) => Some(true),
            (Some(Traffic::Tcp(ports)), ProbeTraffic::Tcp { port: p, .. })
            | (Some(Traffic::Udp(ports)), ProbeTraffic::Udp { port: p }) => Some(port(ports, p)),
            (Some(Traffic::Icmp(kind)), ProbeTraffic::Icmp { icmp_type, code }) => {
                Some(fits(kind.icmp_type, icmp_type) && fits(kind.code, code))
            }
            // A probe does not contain the type of such a packet.
            (Some(Traffic::Icmpv6(kind)), ProbeTraffic::Other(58)) => {
                (kind.icmp_type.is_none() && kind.code.is_none()).then_some(true)
            }
            (Some(_), _) => Some(false),
            (None, _) => None,
        };
        if traffic == Some(false) && !self.unclear {
            return Some(false);
        }
        let destination = self.ranges.iter().any(|range| range.contains(probe.destination));
        match (traffic, destination) {
            (Some(true), true) => Some(true),
            (_, false) if !self.unclear => Some(false),
            _ => None,
        }
    }
}
