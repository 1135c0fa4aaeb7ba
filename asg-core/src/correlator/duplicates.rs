//! Duplicates: the same line that reached us by two ways.
//!
//! Two packet lines tell the same packet if
//!
//! * the kernel's text is the same, byte for byte but for blanks at its end: log prefix, interfaces, addresses, IP ID, length,
//!   ports, flags and all else that the kernel prints; and
//! * the kernel's uptime is the same, to the microsecond; where no uptime is shown, the time of day, as exactly as it is
//!   shown, and then the packet needs an IP ID that is not 0, for without one a second packet looks like the first; and
//! * they do not come from machines of different names, or have different numbers in the kernel's buffer. A name of one kind
//!   (an instance id) is not compared with one of another (a host name): the two ways may name the machine differently.
//!
//! Whatever is in doubt is two packets. A line with an uptime and one without are two, and so are a whole line and a cut one.
//! A packet that is sent again has another uptime, and nearly always another IP ID.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use crate::evidence::{Origin, SourceId};
use crate::time::LogTime;
use crate::{Envelope, Packet, Timestamp};

/// The latest packets, each by what tells it from all others. Its memory is bounded: the oldest make room.
#[derive(Debug, Clone)]
pub(super) struct Window {
    table: HashTable<Slot>,
    /// In the order in which they came, and how late it was then.
    order: VecDeque<(Key, Timestamp)>,
    most: usize,
    seeds: [u64; 2],
}

/// What is the same in two lines about the same packet: its text, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    text: u64,
    when: u64,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    key: Key,
    /// The least place of a line that tells it.
    line: u64,
    source: u32,
    machine: MachineMark,
    sequence: Sequence,
}

/// The lowest digits of a record's number in the kernel's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sequence(Option<u16>);

impl Sequence {
    const fn may_be(self, other: Self) -> bool {
        match (self.0, other.0) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        }
    }
}

/// Marks a time of day, which is less than 2⁴⁷ nanoseconds, so that it is no uptime.
const TIME_OF_DAY: u64 = 1 << 63;
const DAY_NANOS: i64 = 86_400_000_000_000;

/// What a packet line is, given those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// The first about its packet.
    First,
    /// This line, whose place is less, tells the same packet.
    After(Origin),
    /// This line, whose place is greater, tells the same packet.
    Before(Origin),
}

impl Window {
    /// A window of this many packets.
    pub(super) fn new(most: usize) -> Self {
        let seed = RandomState::new();
        let seeds = [seed.hash_one(1_u8), seed.hash_one(2_u8)];
        Self { table: HashTable::new(), order: VecDeque::new(), most, seeds }
    }

    /// Takes a packet line. `now` is when it came, by the log's time.
    pub(super) fn take(
        &mut self,
        origin: Origin,
        (envelope, packet): (&Envelope<'_>, &Packet<'_>),
        now: Timestamp,
    ) -> Told {
        let Some(key) = self.key(envelope, packet) else { return Told::First };
        let machine = MachineMark::of(envelope, self.seeds[0]);
        let sequence = Sequence(envelope.sequence.map(|n| n as u16));
        let is_it = |slot: &Slot| {
            slot.key == key && slot.machine.may_be(machine) && slot.sequence.may_be(sequence)
        };
        if let Some(known) = self.table.find_mut(key.text, is_it) {
            let at = Origin { source: SourceId(known.source), line: known.line };
            if at <= origin {
                return Told::After(at);
            }
            (known.source, known.line) = (origin.source.0, origin.line);
            return Told::Before(at);
        }
        if self.order.len() >= self.most {
            self.forget_one();
        }
        let slot = Slot { key, line: origin.line, source: origin.source.0, machine, sequence };
        self.table.insert_unique(key.text, slot, |slot| slot.key.text);
        self.order.push_back((key, now));
        Told::First
    }

    /// Forgets what came before this time.
    pub(super) fn forget_before(&mut self, time: Timestamp) {
        while self.order.front().is_some_and(|(_, came)| *came < time) {
            self.forget_one();
        }
    }

    fn forget_one(&mut self) {
        let Some((key, _)) = self.order.pop_front() else { return };
        if let Ok(slot) = self.table.find_entry(key.text, |slot| slot.key == key) {
            slot.remove();
        }
    }

    /// What tells the packet from all others; `None` if nothing does.
    fn key(&self, envelope: &Envelope<'_>, packet: &Packet<'_>) -> Option<Key> {
        // It stands for so many others.
        if envelope.repeated.is_some() {
            return None;
        }
        let when = match (envelope.uptime, envelope.time) {
            (Some(uptime), _) => uptime.as_micros() & !TIME_OF_DAY,
            (None, _) if packet.ip.id.is_none_or(|id| id == 0) => return None,
            (None, LogTime::Unknown) => return None,
            (None, LogTime::Instant(time)) => {
                time.as_nanos().rem_euclid(DAY_NANOS).unsigned_abs() | TIME_OF_DAY
            }
            (None, LogTime::Local(at) | LogTime::NoYear(at)) => {
                let seconds = [(at.hour, 3_600), (at.minute, 60), (at.second, 1)];
                let seconds: i64 = seconds.iter().map(|(n, of)| i64::from(*n) * of).sum();
                (seconds * 1_000_000_000 + i64::from(at.nanos)).unsigned_abs() | TIME_OF_DAY
            }
        };
        Some(Key { text: digest(envelope.body.as_bytes().trim_ascii_end(), self.seeds), when })
    }
}

/// The name of a line's machine, in so few bits that a million fit; 0 if it has none that tells it from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct MachineMark(u32);

impl MachineMark {
    fn of(envelope: &Envelope<'_>, seed: u64) -> Self {
        let hash = |text: &[u8]| (digest(text, [seed, !seed]) as u32) >> 3;
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

    /// False if both have a name of one kind, and it is not the same.
    const fn may_be(self, other: Self) -> bool {
        self.0 >> 29 != other.0 >> 29 || self.0 == other.0
    }
}

/// A digest of some bytes. Whoever does not know the seeds cannot choose bytes that give the same.
fn digest(bytes: &[u8], seeds: [u64; 2]) -> u64 {
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        (product as u64) ^ ((product >> 64) as u64)
    };
    let word = |bytes: &[u8]| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    };
    let mut sum = seeds[0] ^ bytes.len() as u64;
    let mut pairs = bytes.chunks_exact(16);
    for pair in &mut pairs {
        sum = fold(word(&pair[..8]) ^ seeds[0] ^ sum, word(&pair[8..]) ^ seeds[1]);
    }
    let (low, high) = pairs.remainder().split_at(pairs.remainder().len().min(8));
    sum = fold(word(low) ^ seeds[0] ^ sum, word(high) ^ seeds[1]);
    fold(sum ^ seeds[1], seeds[0] | 1)
}
