//! Who tells a packet: its line, the same line by another way, and iptables-logger's line about it.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use super::duplicates::{
    Copies, MachineMark, Mark, SenderNumber, Told, Window, packet_digest, sender,
};
use super::own_address;
use crate::bytes::hash::Seeds;
use crate::event::lager::LoggerEvent;
use crate::evidence::Origin;
use crate::packet::{Address, Packet};
use crate::prefix::{Direction, LogPrefix, Verdict};
use crate::record::{Content, Record};
use crate::time::{TimeRange, Timestamp};

/// How far apart two lines about one packet may be, in packets. In a finished set of logs the same
/// line may be anywhere in another file, so this, and not a time, bounds the memory: 72 bytes each.
const MOST_PACKETS: usize = 1 << 20;

/// How many lines may be known to tell what others have told.
const MOST_COPIES: usize = 1 << 22;

/// How many lines of iptables-logger may wait for their packet.
const MOST_WAITING: usize = 1 << 18;

/// iptables-logger reads what the kernel has written, so its stamp is later; clocks are read in
/// another order at times.
const LOGGER_EARLY_NANOS: i64 = 1_000_000_000;
const LOGGER_LATE_NANOS: i64 = 10_000_000_000;

/// All lines that tell packets, as far as more than one tells the same.
#[derive(Debug, Clone)]
pub(super) struct Reports {
    window: Window,
    shared: Copies,
    copies: u64,
    loggers: HashMap<Seen, VecDeque<(Timestamp, Origin)>>,
    waiting: usize,
}

impl Default for Reports {
    fn default() -> Self {
        Self {
            window: Window::new(MOST_PACKETS),
            shared: Copies::default(),
            copies: 0,
            loggers: HashMap::new(),
            waiting: 0,
        }
    }
}

impl Reports {
    /// Takes a packet line that came at this time of the log.
    pub(super) fn packet(&mut self, origin: Origin, record: &Record<'_>, now: Timestamp) -> Told {
        // Of a line that is cut, nobody knows what it would have said.
        let Content::Packet { packet, cf } = &record.content else { return Told::First };
        let address = cf.as_ref().and_then(|cf| own_address(packet, cf));
        let seeds = self.window.seeds();
        let whose =
            (sender(packet, cf.as_ref(), address, seeds), MachineMark::of(&record.envelope, seeds));
        let text = packet_digest(record.envelope.body.as_bytes(), cf.as_ref(), seeds);
        let mark = Mark::of(&record.envelope, packet.ip.id, whose, text);
        mark.map_or(Told::First, |mark| {
            self.marked(origin, mark, now, &mut SenderNumber::default())
        })
    }

    /// What marks are made with.
    pub(super) const fn seeds(&self) -> Seeds {
        self.window.seeds()
    }

    /// Takes the mark of a packet line; whose sender's number may be remembered.
    pub(super) fn marked(
        &mut self,
        origin: Origin,
        mark: Mark,
        now: Timestamp,
        number: &mut SenderNumber,
    ) -> Told {
        if self.shared.len() >= MOST_COPIES {
            return Told::First;
        }
        let told = self.window.take(origin, mark, now, number);
        let (first, copy) = match told {
            Told::First => return told,
            Told::After(first) => (first, origin),
            Told::Before(copy) => (origin, copy),
        };
        if first == copy {
            // The same line, taken twice.
            return Told::First;
        }
        self.shared.put(first, copy);
        self.copies += 1;
        told
    }

    /// Takes a line of iptables-logger's; false if too many wait already.
    pub(super) fn logger(&mut self, origin: Origin, event: &LoggerEvent<'_>) -> bool {
        let (Some(seen), Some(time)) = (Seen::by_logger(event), event.time) else { return true };
        if self.waiting >= MOST_WAITING {
            return false;
        }
        let waiting = self.loggers.entry(seen).or_default();
        let at = waiting.partition_point(|known| *known < (time, origin));
        if waiting.get(at) != Some(&(time, origin)) {
            waiting.insert(at, (time, origin));
            self.waiting += 1;
        }
        true
    }

    /// Whether lines of iptables-logger wait for their packets.
    pub(super) const fn has_waiting_loggers(&self) -> bool {
        self.waiting > 0
    }

    /// True if another line, which is the first, tells the packet of this one.
    pub(super) fn is_copy(&self, origin: Origin) -> bool {
        self.shared.is_copy(origin)
    }

    /// The other lines that tell this packet, in order.
    pub(super) fn others(&self, origin: Origin) -> Vec<Origin> {
        self.shared.others(origin)
    }

    /// Finds iptables-logger's line about the packet of this line: the earliest that tells no
    /// other.
    pub(super) fn join_logger(
        &mut self,
        origin: Origin,
        packet: &Packet<'_>,
        cf: Option<&LogPrefix<'_>>,
        time: Option<TimeRange>,
    ) {
        if self.waiting == 0 {
            return;
        }
        let (Some(time), Some(cf)) = (time, cf) else { return };
        let Some(seen) = Seen::by_kernel(packet, cf) else { return };
        let Some(waiting) = self.loggers.get_mut(&seen) else { return };
        let from = time.earliest().as_nanos().saturating_sub(LOGGER_EARLY_NANOS);
        let to = time.latest().as_nanos().saturating_add(LOGGER_LATE_NANOS);
        let at = waiting.partition_point(|(told, _)| told.as_nanos() < from);
        if waiting.get(at).is_none_or(|(told, _)| told.as_nanos() > to) {
            return;
        }
        let Some((_, logger)) = waiting.remove(at) else { return };
        if waiting.is_empty() {
            self.loggers.remove(&seen);
        }
        self.waiting -= 1;
        self.shared.share(origin, logger);
    }

    /// Lines that tell what others have told.
    pub(super) const fn copies(&self) -> u64 {
        self.copies
    }

    /// Packets that were forgotten for want of room: another line about one of them counts as a
    /// packet of its own.
    pub(super) const fn displaced(&self) -> u64 {
        self.window.displaced()
    }

    /// Forgets which other lines tell the packet of this one.
    pub(super) fn given(&mut self, origin: Origin) {
        self.shared.forget(origin);
    }

    /// Forgets what came before this time.
    pub(super) fn forget_before(&mut self, time: Timestamp) {
        self.window.forget_before(time);
        let waiting = &mut self.waiting;
        self.loggers.retain(|_, lines| {
            let old = lines.partition_point(|(told, _)| *told < time);
            *waiting -= old;
            lines.drain(..old);
            !lines.is_empty()
        });
    }
}

/// All that iptables-logger tells of a packet, and the kernel too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Seen {
    src: IpAddr,
    dst: IpAddr,
    ports: [u16; 2],
    icmp: [u8; 2],
    proto: Proto,
    mark: u32,
    is_egress: bool,
    is_allowed: bool,
}

/// Protocols by the names that both print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Proto {
    Tcp,
    Udp,
    Icmp,
}

impl Proto {
    fn named(name: &str) -> Option<Self> {
        let known = [("TCP", Self::Tcp), ("UDP", Self::Udp), ("ICMP", Self::Icmp)];
        known.into_iter().find(|(known, _)| *known == name).map(|(_, proto)| proto)
    }
}

impl Seen {
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
            proto: Proto::named(event.protocol.as_deref()?)?,
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
        let proto = match ip.proto_num? {
            6 => Proto::Tcp,
            17 => Proto::Udp,
            1 => Proto::Icmp,
            _ => return None,
        };
        Some(Self {
            src: ip.src.and_then(Address::ip)?,
            dst: ip.dst.and_then(Address::ip)?,
            ports: [ports.spt.unwrap_or(0), ports.dpt.unwrap_or(0)],
            icmp: [ip.icmp_type.unwrap_or(0), ip.icmp_code.unwrap_or(0)],
            proto,
            mark: packet.mark.unwrap_or(0),
            is_egress: cf.direction == Direction::Egress,
            is_allowed: cf.verdict == Verdict::Allowed,
        })
    }
}
