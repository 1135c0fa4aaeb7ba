//! Fingerprints of packets.

use std::net::IpAddr;

use crate::bytes::hash::Seeds;
use crate::bytes::text::Text;
use crate::line::envelope::Envelope;
use crate::packet::{Address, Head, Packet, Tail};
use crate::prefix::{Direction, LogPrefix, Subject, TagSpan};
use crate::time::{Civil, LogTime, Uptime};

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
    pub(super) stamp: Stamp,
    pub(super) fraction: Fraction,
}

impl Print {
    /// Ranks the line's stamp among those of other lines about its packet.
    pub(super) const fn rank(self) -> StampRank {
        self.stamp.rank(self.fraction)
    }
}

/// The parts that are equal in two lines about one packet: its text, and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) text: u64,
    pub(super) when: u64,
}

impl Key {
    /// Returns a digest of both.
    pub(super) const fn hash(self) -> u64 {
        // Times in whole seconds have the same lowest digits, by which a table is divided.
        self.text ^ self.when.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32)
    }

    /// True if the line shows no uptime.
    pub(super) const fn is_time_of_day(self) -> bool {
        self.when & TIME_OF_DAY != 0
    }
}

/// The lowest digits of a record's number in the kernel's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
    /// The mark of a packet line that shows an uptime and was not repeated, given its IP ID.
    #[inline]
    pub(in crate::correlate) fn with_uptime(
        (time, uptime): (LogTime, Option<Uptime>),
        id: Option<u16>,
        (sender, machine): (u64, MachineMark),
        text: u64,
    ) -> Option<Self> {
        let key = Key { text, when: uptime?.as_micros() & !TIME_OF_DAY };
        let (stamp, fraction) = (Stamp::of(time, id), Fraction::of(time));
        let print = Print { key, machine, sequence: Sequence(None), stamp, fraction };
        Some(Self { sender, print })
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
        let (stamp, fraction) = (Stamp::of(envelope.time, id), Fraction::of(envelope.time));
        Some(Self { sender, print: Print { key, machine, sequence, stamp, fraction } })
    }
}

/// Returns a digest of a packet line's text, without blanks at its end.
///
/// The head of a sender's lines has a digest of its own, so that it need not be computed anew for
/// each line. The rest counts by its values, which are parsed in any case.
pub(in crate::correlate) fn packet_digest(
    body: &[u8],
    cf: Option<&LogPrefix<'_>>,
    seeds: Seeds,
) -> u64 {
    let body = body.trim_ascii_end();
    let split = || {
        let cf = cf.filter(|_| !matches!(body, [b'{' | b'[', ..]))?;
        let head = Head::split(body)?;
        let tail = Tail::parse(&body[head.len..], head.family)?;
        let is_senders = cf.direction == Direction::Egress;
        let text = &body[..if is_senders { head.len } else { head.src_at }];
        let tag = TagSpan::of(text);
        let key = (seeds.digest(tag.rest(text)), tag.digits(text));
        Some(text_digest(key, Some(head.src).filter(|_| !is_senders), &tail, seeds))
    };
    split().unwrap_or_else(|| seeds.digest(body))
}

/// Returns the digest of a packet line's text, given that of its head without the tag's beginning,
/// the tag, the source address if that is behind the head, and what follows.
#[inline]
pub(in crate::correlate) fn text_digest(
    (head, tag): (u64, u64),
    src: Option<Address>,
    tail: &Tail,
    seeds: Seeds,
) -> u64 {
    let head = if tag == 0 { head } else { seeds.of_both(head, tag) };
    let src = seeds.of_address(src.and_then(Address::ip));
    seeds.of_both(head, tail.digest(seeds) ^ src)
}

impl Print {
    pub(super) fn may_be(self, other: Self) -> bool {
        self.key == other.key
            && self.machine.may_be(other.machine)
            && self.sequence.may_be(other.sequence)
            && !self.stamp.is_far_from(other.stamp)
    }

    /// True if text, machine, sequence and the stamp's second agree.
    pub(super) fn may_be_of_second(self, other: Self) -> bool {
        self.key.text == other.key.text
            && self.stamp.is_second_of(other.stamp)
            && self.machine.may_be(other.machine)
            && self.sequence.may_be(other.sequence)
    }

    /// Returns a digest of the text and the second; `None` if nothing separates packets of one
    /// second.
    pub(super) fn hash_of_second(self) -> Option<u64> {
        self.stamp.hash_with(self.key.text)
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

/// The second that a line's stamp shows, in few bits.
///
/// The lowest bit is set if the packet has an IP ID, without which others of the second look
/// alike; the next one if the stamp shows a zone. The rest counts seconds from 1: those since
/// 1970, or of the year where no zone is shown. Without a stamp it is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp(u32);

/// The microseconds of a stamp behind its second. A whole second is the last: it may hide any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fraction(pub(super) u32);

impl Fraction {
    /// A fraction is less than 2²⁰.
    pub(super) const BITS: u32 = 20;
    /// Of a stamp of whole seconds, or of none.
    pub(super) const NONE: Self = Self((1 << Self::BITS) - 1);

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "each packet takes it, and a call costs as much")]
    pub(super) fn of(time: LogTime) -> Self {
        let nanos = match time {
            LogTime::Unknown => 0,
            LogTime::Instant(time) => time.as_nanos().rem_euclid(1_000_000_000).unsigned_abs(),
            LogTime::Local(at) | LogTime::NoYear(at) => u64::from(at.nanos.unsigned_abs()),
        };
        let micros = (nanos / 1_000) as u32;
        if nanos == 0 || micros > Self::NONE.0 { Self::NONE } else { Self(micros) }
    }
}

/// The order of stamps: the first shows most of a time. Of two that show as much it is the earlier
/// one, since relays only delay lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StampRank {
    shows: u8,
    seconds: u32,
    pub(super) fraction: Fraction,
}

/// Stamps in different zones are up to 14 hours apart, and relays are late. Two lines that are
/// further apart than this are of two days, or of two boots.
const ONE_PACKET_SECONDS: u32 = 20 * 3_600;

impl Stamp {
    /// Of a line without one.
    #[cfg(test)]
    pub(super) const NONE: Self = Self(0);
    const HAS_ID: u32 = 1;
    const HAS_ZONE: u32 = 2;
    /// Seconds are counted anew after so many: some 34 years, and a leap year.
    const CYCLES: [u32; 2] = [366 * 86_400, (1 << 30) - 1];

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "each packet takes it, and a call costs as much")]
    pub(super) fn of(time: LogTime, id: Option<u16>) -> Self {
        let (seconds, zone) = match time {
            LogTime::Unknown => return Self(0),
            LogTime::Instant(time) => {
                let seconds = time.as_nanos().div_euclid(1_000_000_000);
                let cycle = i64::from(Self::CYCLES[1]);
                (seconds.rem_euclid(cycle) as u32, Self::HAS_ZONE)
            }
            LogTime::Local(at) | LogTime::NoYear(at) => (second_of_year(at), 0),
        };
        let id = if id.is_some_and(|id| id != 0) { Self::HAS_ID } else { 0 };
        Self((seconds + 1) << 2 | zone | id)
    }

    const fn seconds(self) -> u32 {
        self.0 >> 2
    }

    pub(super) const fn is_unknown(self) -> bool {
        self.seconds() == 0
    }

    /// Ranks stamps by how much of a time they show, an instant, less, or nothing, and by their
    /// seconds and fractions.
    pub(super) const fn rank(self, fraction: Fraction) -> StampRank {
        let shows = match (self.is_unknown(), self.0 & Self::HAS_ZONE) {
            (true, _) => 2,
            (false, 0) => 1,
            (false, _) => 0,
        };
        StampRank { shows, seconds: self.seconds(), fraction }
    }

    /// True if both show a date, and not the same.
    const fn is_far_from(self, other: Self) -> bool {
        let (one, other_one) = (self.seconds(), other.seconds());
        if one == 0 || other_one == 0 || (self.0 ^ other.0) & Self::HAS_ZONE != 0 {
            return false;
        }
        let apart = one.abs_diff(other_one);
        let cycle = Self::CYCLES[(self.0 & Self::HAS_ZONE) as usize / 2];
        apart > ONE_PACKET_SECONDS && cycle - apart > ONE_PACKET_SECONDS
    }

    /// True if both show the same second, and nothing else of that second looks alike.
    const fn is_second_of(self, other: Self) -> bool {
        self.is_telling() && self.0 == other.0
    }

    /// Returns a digest of the second and a text; `None` if nothing separates packets of one
    /// second.
    pub(super) fn hash_with(self, text: u64) -> Option<u64> {
        let key = Key { text, when: u64::from(self.0) };
        self.is_telling().then_some(key.hash())
    }

    /// True if the packet has an IP ID and the line a stamp.
    const fn is_telling(self) -> bool {
        self.0 & Self::HAS_ID != 0 && self.seconds() != 0
    }
}

/// Seconds since the year began, if it is a leap year.
fn second_of_year(at: Civil) -> u32 {
    const BEFORE: [u32; 12] = [0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335];
    let field = |n: i8| u32::try_from(n).unwrap_or(0);
    let month = usize::try_from(at.month - 1).unwrap_or(0).min(11);
    let days = BEFORE[month] + field(at.day).saturating_sub(1);
    days * 86_400 + field(at.hour) * 3_600 + field(at.minute) * 60 + field(at.second)
}

/// The name of a line's machine, in so few bits that a million fit; 0 without a distinctive name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
