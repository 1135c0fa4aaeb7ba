//! Fingerprints of packets.

use std::net::IpAddr;

use crate::bytes::hash::Seeds;
use crate::bytes::text::Text;
use crate::line::envelope::Envelope;
use crate::packet::{Address, Head, Packet, Tail};
use crate::prefix::{Direction, LogPrefix, Subject};
use crate::time::{LogTime, Uptime};

/// A packet's sender and fingerprint.
#[derive(Debug, Clone, Copy)]
pub(in crate::correlate) struct Mark {
    /// See [`sender`].
    pub(super) sender: u64,
    pub(super) print: Print,
}

/// The fingerprint of a packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Print {
    pub(super) key: Key,
    pub(super) machine: MachineMark,
    pub(super) sequence: Sequence,
}

/// The parts that are equal in two lines about one packet: its text, and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) text: u64,
    pub(super) when: u64,
}

impl Key {
    /// A digest of both.
    pub(super) const fn hash(self) -> u64 {
        // Times in whole seconds have the same lowest digits, by which a table is divided.
        self.text ^ self.when.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32)
    }
}

/// The lowest digits of a record's number in the kernel's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sequence(pub(super) Option<u16>);

impl Sequence {
    const fn may_be(self, other: Self) -> bool {
        match (self.0, other.0) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        }
    }
}

/// The bit that distinguishes a time of day, which is less than 2⁴⁷ nanoseconds, from an uptime.
pub(super) const TIME_OF_DAY: u64 = 1 << 63;
const DAY_NANOS: i64 = 86_400_000_000_000;

/// Returns a digest of the common parts of a sender's packets: the prefix, and the address on its
/// side. A prefix that is not Cloud Foundry's does not identify the machine, so the link header and
/// the machine's own address count, as far as they are shown.
pub(in crate::correlate) fn sender(
    packet: &Packet<'_>,
    cf: Option<&LogPrefix<'_>>,
    address: Option<IpAddr>,
    seeds: Seeds,
) -> u64 {
    let prefix = packet.prefix.as_bytes();
    match cf {
        Some(cf) => sender_name(prefix, cf, seeds) ^ seeds.of_address(address),
        None => {
            let is_none = |interface: Option<Text<'_>>| {
                interface.is_some_and(|name| name.as_bytes().is_empty())
            };
            let own = match (is_none(packet.in_if), is_none(packet.out_if)) {
                (false, true) => packet.ip.dst,
                (true, false) => packet.ip.src,
                _ => None,
            };
            let link = packet.mac_raw.map_or(0, |link| seeds.digest(link.as_bytes()));
            seeds.digest(prefix) ^ link ^ seeds.of_address(own.and_then(Address::ip))
        }
    }
}

/// Returns the digest of the sender's name in a prefix. One that names an app does not identify the
/// container, so only the address counts: a sender for each source of a container's packets would
/// be too many senders.
pub(in crate::correlate) fn sender_name(prefix: &[u8], cf: &LogPrefix<'_>, seeds: Seeds) -> u64 {
    match cf.subject {
        Subject::App => 0,
        _ => seeds.digest(prefix),
    }
}

impl Mark {
    /// Creates the mark of a packet line that shows an uptime and is only one packet.
    pub(in crate::correlate) fn with_uptime(
        uptime: Option<Uptime>,
        (sender, machine): (u64, MachineMark),
        text: u64,
    ) -> Option<Self> {
        let key = Key { text, when: uptime?.as_micros() & !TIME_OF_DAY };
        Some(Self { sender, print: Print { key, machine, sequence: Sequence(None) } })
    }

    /// Creates the mark of a packet line, given its IP ID and a digest of its text; `None` if its
    /// packet cannot be distinguished from others.
    pub(in crate::correlate) fn of(
        envelope: &Envelope<'_>,
        id: Option<u16>,
        (sender, machine): (u64, MachineMark),
        text: u64,
    ) -> Option<Self> {
        let key = Key { text, when: when(envelope, id)? };
        let sequence = Sequence(envelope.sequence.map(|n| n as u16));
        Some(Self { sender, print: Print { key, machine, sequence } })
    }
}

/// A digest of a packet line's text, without blanks at its end.
///
/// The head of a sender's lines has a digest of its own, so that it need not be computed anew for
/// each line.
pub(in crate::correlate) fn packet_digest(
    body: &[u8],
    cf: Option<&LogPrefix<'_>>,
    seeds: Seeds,
) -> u64 {
    let body = body.trim_ascii_end();
    let split = || {
        let cf = cf.filter(|_| !matches!(body, [b'{' | b'[', ..]))?;
        let head = Head::split(body)?;
        Tail::parse(&body[head.len..], head.family)?;
        Some(body.split_at(if cf.direction == Direction::Egress { head.len } else { head.src_at }))
    };
    match split() {
        Some((head, rest)) => seeds.of_both(seeds.digest(head), seeds.digest(rest)),
        None => seeds.digest(body),
    }
}

impl Print {
    pub(super) fn may_be(self, other: Self) -> bool {
        self.key == other.key
            && self.machine.may_be(other.machine)
            && self.sequence.may_be(other.sequence)
    }
}

/// Returns when a line was written, if that distinguishes its packet from others.
fn when(envelope: &Envelope<'_>, id: Option<u16>) -> Option<u64> {
    // The line is several packets.
    if envelope.repeated.is_some() {
        return None;
    }
    match (envelope.uptime, envelope.time) {
        (Some(uptime), _) => Some(uptime.as_micros() & !TIME_OF_DAY),
        (None, _) if id.is_none_or(|id| id == 0) => None,
        (None, LogTime::Unknown) => None,
        (None, LogTime::Instant(time)) => {
            Some(time.as_nanos().rem_euclid(DAY_NANOS).unsigned_abs() | TIME_OF_DAY)
        }
        (None, LogTime::Local(at) | LogTime::NoYear(at)) => {
            let seconds = [(at.hour, 3_600), (at.minute, 60), (at.second, 1)];
            let seconds: i64 = seconds.iter().map(|(n, of)| i64::from(*n) * of).sum();
            Some((seconds * 1_000_000_000 + i64::from(at.nanos)).unsigned_abs() | TIME_OF_DAY)
        }
    }
}

/// The name of a line's machine, in so few bits that a million fit; 0 without a distinctive name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::correlate) struct MachineMark(pub(super) u32);

impl MachineMark {
    /// Of a line without a name.
    pub(super) const NONE: Self = Self(0);

    pub(in crate::correlate) fn of(envelope: &Envelope<'_>, seeds: Seeds) -> Self {
        let hash = |text: &[u8]| (seeds.digest(text) as u32) >> 3;
        let (kind, hash) = match (envelope.instance, envelope.job, envelope.index, envelope.host) {
            (Some(instance), ..) => (1, hash(instance.as_bytes())),
            (_, Some(job), Some(index), _) => {
                (2, hash(job.as_bytes()).rotate_left(7) ^ hash(index.as_bytes()))
            }
            (.., Some(host)) if host == "localhost" => return Self(0),
            (.., Some(host)) => {
                let is_address = host.as_bytes().iter().all(|b| matches!(b, b'0'..=b'9' | b'.'));
                (if is_address { 3 } else { 4 }, hash(host.as_bytes()))
            }
            _ => return Self(0),
        };
        Self((kind << 29) | (hash & 0x1fff_ffff))
    }

    /// Returns false if both have a name of one kind, and the names differ.
    pub(super) const fn may_be(self, other: Self) -> bool {
        self.0 >> 29 != other.0 >> 29 || self.0 == other.0
    }

    /// Ranks the kinds of names, the most exact first: a line that names its machine counts as the
    /// first about its packet, wherever it is.
    pub(super) const fn rank(self) -> u32 {
        match self.0 >> 29 {
            0 => 4,
            3 => 3,
            4 => 2,
            kind => kind - 1,
        }
    }
}
