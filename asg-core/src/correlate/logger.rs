//! iptables-logger's lines: which of the kernel's packets each reports, or a packet of its own.

use std::collections::btree_map::Entry as Place;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use crate::bytes::json::JsonStr;
use crate::bytes::text::Text;
use crate::event::lager::LoggerEvent;
use crate::evidence::Origin;
use crate::guid::{GuidPrefix, HandlePrefix};
use crate::packet::{Address, Family, Packet, Proto};
use crate::prefix::{Direction, LogPrefix, Plane, Subject, Verdict};
use crate::record::{Content, Record};
use crate::time::{LogTime, TimeRange, Timestamp};

/// iptables-logger reads what the kernel has written, so its stamp is later; clocks are read in
/// another order at times.
const EARLY_NANOS: i64 = 1_000_000_000;
const LATE_NANOS: i64 = 10_000_000_000;

/// How many lines of iptables-logger may wait for their packet.
const MOST_WAITING: usize = 1 << 20;

/// Lines of iptables-logger, by what they show of their packets.
#[derive(Debug, Clone, Default)]
pub(super) struct Loggers {
    lines: HashMap<Seen, BTreeMap<Timestamp, Entry>>,
    waiting: usize,
    /// Lines that found no room to wait.
    surplus: u64,
}

/// A line.
#[derive(Debug, Clone, Copy)]
struct Entry {
    origin: Origin,
    container: Option<GuidPrefix>,
    /// A line of the kernel reports its packet.
    is_joined: bool,
}

/// A line of the kernel that may report the packet of a waiting line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    seen: Seen,
    time: Timestamp,
    range: TimeRange,
    origin: Origin,
}

impl Loggers {
    /// Takes a line. Returns the line about the same packet by another way, if one is known.
    pub(super) fn take(&mut self, origin: Origin, event: &LoggerEvent<'_>) -> Option<Origin> {
        let (seen, time) = (Seen::by_logger(event)?, event.time?);
        let guid = |text: Option<&str>| HandlePrefix::parse(text?.as_bytes()).ok()?.guid();
        match self.lines.entry(seen).or_default().entry(time) {
            Place::Occupied(mut known) => {
                let other = known.get().origin;
                known.get_mut().origin = other.min(origin);
                (other != origin).then_some(other)
            }
            Place::Vacant(_) if self.waiting >= MOST_WAITING => {
                self.surplus += 1;
                None
            }
            Place::Vacant(new) => {
                self.waiting += 1;
                let container = guid(event.container_id.as_deref());
                new.insert(Entry { origin, container, is_joined: false });
                None
            }
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.waiting == 0 && self.surplus == 0
    }

    /// Returns the number of lines that no line of the kernel joins.
    pub(super) fn alone(&self) -> u64 {
        let entries = self.lines.values().flat_map(BTreeMap::values);
        entries.filter(|entry| !entry.is_joined).count() as u64 + self.surplus
    }

    /// Returns the containers that these lines name.
    pub(super) fn containers_alone(&self) -> BTreeSet<GuidPrefix> {
        let entries = self.lines.values().flat_map(BTreeMap::values);
        entries.filter(|entry| !entry.is_joined).filter_map(|entry| entry.container).collect()
    }

    /// Returns whether a line of the kernel reports the packet of this line.
    pub(super) fn is_joined(&self, event: &LoggerEvent<'_>) -> bool {
        let entry = || self.lines.get(&Seen::by_logger(event)?)?.get(&event.time?);
        entry().is_some_and(|entry| entry.is_joined)
    }

    /// Returns the kernel's line as a candidate, if a line of iptables-logger shows such a packet.
    pub(super) fn candidate(
        &self,
        origin: Origin,
        packet: &Packet<'_>,
        cf: &LogPrefix<'_>,
        range: TimeRange,
    ) -> Option<Candidate> {
        let seen = Seen::by_kernel(packet, cf)?;
        self.lines.get(&seen)?;
        // The uptime orders lines that were stamped in one second.
        let time = Timestamp::from_nanos(range.earliest().as_nanos().saturating_add(EARLY_NANOS));
        let time = time.min(range.latest());
        Some(Candidate { seen, time, range, origin })
    }

    /// Joins lines with the packets of the kernel: each with the latest one before it, or else with
    /// the next one, as far as clocks may differ. Each line reports one packet. Returns the line of
    /// the kernel and that of iptables-logger, for each packet that both report.
    pub(super) fn join(&mut self, mut candidates: Vec<Candidate>) -> Vec<(Origin, Origin)> {
        let key = |it: &Candidate| (it.seen, it.time, it.origin);
        candidates.sort_unstable_by_key(key);
        candidates.dedup_by_key(|it| key(it));
        let mut found = Vec::new();
        for packets in candidates.chunk_by(|a, b| a.seen == b.seen) {
            let Some(entries) = self.lines.get_mut(&packets[0].seen) else { continue };
            let mut free: BTreeSet<(Timestamp, usize)> =
                (0..).zip(packets).map(|(n, packet)| (packet.time, n)).collect();
            for (time, entry) in entries.iter_mut().filter(|(_, entry)| !entry.is_joined) {
                let fits = |(_, n): &(Timestamp, usize)| {
                    let range = packets[*n].range;
                    let told = time.as_nanos();
                    range.earliest().as_nanos().saturating_sub(EARLY_NANOS) <= told
                        && told <= range.latest().as_nanos().saturating_add(LATE_NANOS)
                };
                let before = free.range(..=(*time, usize::MAX)).next_back().copied();
                let behind = || free.range((*time, usize::MAX)..).next().copied();
                let Some(at) = before.filter(fits).or_else(|| behind().filter(fits)) else {
                    continue;
                };
                free.remove(&at);
                entry.is_joined = true;
                found.push((packets[at.1].origin, entry.origin));
            }
        }
        found
    }

    pub(super) fn forget_before(&mut self, time: Timestamp) {
        let waiting = &mut self.waiting;
        self.lines.retain(|_, lines| {
            let kept = lines.split_off(&time);
            *waiting -= std::mem::replace(lines, kept).len();
            !lines.is_empty()
        });
    }
}

/// Returns the packet of a line of iptables-logger, as if the kernel had reported it, and the time
/// of that; `None` for any other line.
pub(super) fn as_packet<'a>(record: &Record<'a>) -> Option<(Record<'a>, Timestamp, TimeRange)> {
    let Content::Logger(event) = &record.content else { return None };
    let seen = Seen::by_logger(event)?;
    let time = event.time?;
    let at = |nanos: i64| Timestamp::from_nanos(time.as_nanos().saturating_add(nanos));
    let range = TimeRange::between(at(-LATE_NANOS), at(EARLY_NANOS));
    let record = record.with_packet(|envelope, packet| {
        seen.fill(packet);
        envelope.time = LogTime::Instant(time);
        (envelope.uptime, envelope.repeated) = (None, None);
        if envelope.cell().is_none() {
            let cell = in_line(event.host_guid.as_ref());
            envelope.instance = cell.map(|text| Text::new(text.as_bytes()));
        }
        seen.prefix(event)
    });
    Some((record, time, range))
}

/// Returns a text of the line that is not empty.
fn in_line<'a>(text: Option<&JsonStr<'a>>) -> Option<&'a str> {
    text?.in_line().filter(|text| !text.is_empty())
}

/// The fields of a packet that both iptables-logger and the kernel show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Seen {
    src: IpAddr,
    dst: IpAddr,
    ports: [u16; 2],
    icmp: [u8; 2],
    proto: u8,
    mark: u32,
    is_egress: bool,
    is_allowed: bool,
}

impl Seen {
    fn fill(self, packet: &mut Packet<'_>) {
        packet.mark = Some(self.mark).filter(|mark| *mark != 0);
        packet.family = if self.src.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
        let named = [Proto::Tcp, Proto::Udp, Proto::Icmp, Proto::Icmpv6, Proto::Sctp];
        let named = named.into_iter().find(|proto| proto.number() == self.proto);
        let proto = named.unwrap_or(Proto::Other(self.proto));
        let ip = &mut packet.ip;
        (ip.src, ip.dst) = (Some(Address::from(self.src)), Some(Address::from(self.dst)));
        (ip.proto, ip.proto_num) = (Some(proto), Some(self.proto));
        if matches!(proto, Proto::Icmp | Proto::Icmpv6) {
            [ip.icmp_type, ip.icmp_code] = self.icmp.map(Some);
        } else if self.ports != [0; 2] {
            [ip.spt, ip.dpt] = self.ports.map(Some);
        }
    }

    /// Returns the meaning of the log prefix, as if the packet had one. Only network policies are
    /// about packets to a container.
    fn prefix<'a>(self, event: &LoggerEvent<'a>) -> LogPrefix<'a> {
        let named = |text: Option<&JsonStr<'a>>| {
            in_line(text).and_then(|text| HandlePrefix::parse(text.as_bytes()).ok())
        };
        let (container, app) = (named(event.container_id.as_ref()), named(event.app_guid.as_ref()));
        let subject = match (container, app) {
            (Some(_), _) => Subject::Container,
            (None, Some(_)) => Subject::App,
            (None, None) => Subject::None,
        };
        let (plane, direction) = if self.is_egress {
            (Plane::Asg, Direction::Egress)
        } else {
            (Plane::C2c, Direction::Ingress)
        };
        let verdict = if self.is_allowed { Verdict::Allowed } else { Verdict::Denied };
        LogPrefix {
            verdict,
            plane,
            direction,
            subject,
            handle_prefix: container.or(app),
            tag: None,
        }
    }

    fn by_logger(event: &LoggerEvent<'_>) -> Option<Self> {
        let small = |n: Option<u32>| u16::try_from(n.unwrap_or(0)).ok();
        let byte = |n: Option<u32>| u8::try_from(n.unwrap_or(0)).ok();
        let mark = event.mark.as_deref().unwrap_or("");
        let mark = match mark.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None if mark.is_empty() => 0,
            None => return None,
        };
        Some(Self {
            src: event.src_ip.as_deref()?.parse().ok()?,
            dst: event.dst_ip.as_deref()?.parse().ok()?,
            ports: [small(event.src_port)?, small(event.dst_port)?],
            icmp: [byte(event.icmp_type)?, byte(event.icmp_code)?],
            proto: proto(event.protocol.as_deref()?)?,
            mark,
            is_egress: match event.direction.as_deref()? {
                "egress" => true,
                "ingress" => false,
                _ => return None,
            },
            is_allowed: event.allowed?,
        })
    }

    fn by_kernel(packet: &Packet<'_>, cf: &LogPrefix<'_>) -> Option<Self> {
        let ip = &packet.ip;
        // Of an error that quotes a packet, iptables-logger shows the quoted ports.
        let ports = ip.nested.as_deref().unwrap_or(ip);
        Some(Self {
            src: ip.src.and_then(Address::ip)?,
            dst: ip.dst.and_then(Address::ip)?,
            ports: [ports.spt.unwrap_or(0), ports.dpt.unwrap_or(0)],
            icmp: [ip.icmp_type.unwrap_or(0), ip.icmp_code.unwrap_or(0)],
            proto: ip.proto_num?,
            mark: packet.mark.unwrap_or(0),
            is_egress: cf.direction == Direction::Egress,
            is_allowed: cf.verdict == Verdict::Allowed,
        })
    }
}

/// Returns a protocol by its name or its number.
fn proto(text: &str) -> Option<u8> {
    Proto::named(text).map(Proto::number).or_else(|| text.parse().ok())
}
