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
use std::net::IpAddr;

use hashbrown::HashTable;

use crate::digest::Seeds;
use crate::evidence::{Origin, SourceId};
use crate::time::LogTime;
use crate::{Envelope, LogPrefix, Subject, Timestamp};

/// The latest packets, each by what tells it from all others. Its memory is bounded: the oldest make room.
///
/// In most logs nothing is told twice, and each sender's lines come in the order of their uptimes. A line that is later than
/// all of its sender's tells no packet that was told before, and so, until the first comes that is not, nothing is looked
/// for: the packets are only kept.
#[derive(Debug, Clone)]
pub(super) struct Window {
    /// In the order in which they came.
    slots: VecDeque<Slot>,
    /// How many came before the first of these.
    gone: u64,
    search: Search,
    most: usize,
    seeds: Seeds,
}

/// How a packet is looked for.
#[derive(Debug, Clone)]
enum Search {
    /// Not at all yet: by sender, the latest that was told.
    Latest(HashTable<Latest>),
    /// By its text, how many came before it: the lowest digits, so that the table stays small.
    Numbers(HashTable<u32>),
}

#[derive(Debug, Clone, Copy)]
struct Latest {
    sender: u64,
    when: u64,
}

/// So many senders are remembered before packets are looked for after all.
const MOST_SENDERS: usize = 1 << 16;

/// Whose packet it is, and which.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    /// See [`sender`].
    sender: u64,
    print: Print,
}

/// What tells a packet from all others: its fingerprint.
#[derive(Debug, Clone, Copy)]
struct Print {
    key: Key,
    machine: MachineMark,
    sequence: Sequence,
}

/// What is the same in two lines about the same packet: its text, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    text: u64,
    when: u64,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    print: Print,
    /// The least place of a line that tells it.
    line: u64,
    source: u32,
    came: Timestamp,
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
        let search = Search::Latest(HashTable::new());
        Self { slots: VecDeque::new(), gone: 0, search, most, seeds: Seeds::default() }
    }

    /// What its marks are made with.
    pub(super) const fn seeds(&self) -> Seeds {
        self.seeds
    }

    /// Takes a packet line. `now` is when it came, by the log's time.
    pub(super) fn take(&mut self, origin: Origin, mark: Mark, now: Timestamp) -> Told {
        if !self.is_latest(mark)
            && let Some(known) = self.find(mark.print)
        {
            let at = Origin { source: SourceId(known.source), line: known.line };
            if at <= origin {
                return Told::After(at);
            }
            (known.source, known.line) = (origin.source.0, origin.line);
            return Told::Before(at);
        }
        if self.slots.len() >= self.most {
            self.forget_one();
        }
        self.slots.push_back(Slot {
            print: mark.print,
            line: origin.line,
            source: origin.source.0,
            came: now,
        });
        if let Search::Numbers(numbers) = &mut self.search {
            let last = self.slots.len() as u64 - 1;
            number(numbers, &self.slots, self.gone, self.gone + last);
        }
        Told::First
    }

    /// True if the packet is known to be later than all of its sender's so far.
    fn is_latest(&mut self, mark: Mark) -> bool {
        let Search::Latest(senders) = &mut self.search else { return false };
        let has_room = senders.len() < MOST_SENDERS;
        let is_it = |known: &Latest| known.sender == mark.sender;
        match senders.find_mut(mark.sender, is_it) {
            Some(latest) if latest.when < mark.print.key.when => {
                latest.when = mark.print.key.when;
                true
            }
            None if has_room => {
                let latest = Latest { sender: mark.sender, when: mark.print.key.when };
                senders.insert_unique(mark.sender, latest, |known| known.sender);
                true
            }
            _ => {
                let mut numbers = HashTable::with_capacity(self.slots.len());
                let all = self.gone..self.gone + self.slots.len() as u64;
                all.for_each(|n| number(&mut numbers, &self.slots, self.gone, n));
                self.search = Search::Numbers(numbers);
                false
            }
        }
    }

    fn find(&mut self, print: Print) -> Option<&mut Slot> {
        let Search::Numbers(numbers) = &self.search else { return None };
        let at = |n: u32| n.wrapping_sub(self.gone as u32) as usize;
        let n = numbers.find(print.key.text, |&n| self.slots[at(n)].print.may_be(print))?;
        let at = at(*n);
        self.slots.get_mut(at)
    }

    /// Forgets what came before this time.
    pub(super) fn forget_before(&mut self, time: Timestamp) {
        while self.slots.front().is_some_and(|slot| slot.came < time) {
            self.forget_one();
        }
    }

    fn forget_one(&mut self) {
        let Some(slot) = self.slots.pop_front() else { return };
        let oldest = self.gone as u32;
        self.gone += 1;
        if let Search::Numbers(numbers) = &mut self.search
            && let Ok(entry) = numbers.find_entry(slot.print.key.text, |&n| n == oldest)
        {
            entry.remove();
        }
    }
}

/// A digest of what all packets of a sender's have in common: the prefix, and the address on its side. A prefix that names an
/// app says nothing of the container, whose address stands for it then.
pub(super) fn sender(
    prefix: &[u8],
    cf: Option<&LogPrefix<'_>>,
    address: Option<IpAddr>,
    seeds: Seeds,
) -> u64 {
    let names_app = cf.is_some_and(|cf| cf.subject == Subject::App);
    let name = if names_app { 0 } else { seeds.digest(prefix) };
    name ^ seeds.of_address(address)
}

/// Puts the slot before which so many came into the table.
fn number(numbers: &mut HashTable<u32>, slots: &VecDeque<Slot>, gone: u64, n: u64) {
    let text = |n: u32| slots[n.wrapping_sub(gone as u32) as usize].print.key.text;
    numbers.insert_unique(text(n as u32), n as u32, |&n| text(n));
}

impl Mark {
    /// The mark of a packet line, given its IP ID and a digest of its text; `None` if nothing tells its packet from all
    /// others.
    pub(super) fn of(
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

impl Print {
    fn may_be(self, other: Self) -> bool {
        self.key == other.key
            && self.machine.may_be(other.machine)
            && self.sequence.may_be(other.sequence)
    }
}

/// When a line was written, if that tells its packet from others.
fn when(envelope: &Envelope<'_>, id: Option<u16>) -> Option<u64> {
    // It stands for so many others.
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

/// The name of a line's machine, in so few bits that a million fit; 0 if it has none that tells it from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MachineMark(u32);

impl MachineMark {
    pub(super) fn of(envelope: &Envelope<'_>, seeds: Seeds) -> Self {
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

    /// False if both have a name of one kind, and it is not the same.
    const fn may_be(self, other: Self) -> bool {
        self.0 >> 29 != other.0 >> 29 || self.0 == other.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_not_looked_for_would_not_have_been_found(
            // What of a sender's lines tells one from another, and all of it from what came before.
            lines in prop::collection::vec((0_u64..3, 0_u64..12, 0_u64..2, any::<bool>()), 1..60),
            most in 1_usize..20,
        ) {
            let mut lazy = Window::new(most);
            let mut eager = Window { search: Search::Numbers(HashTable::new()), ..Window::new(most) };
            for (n, (sender, when, text, is_of_day)) in (0..).zip(lines) {
                let when = if is_of_day { when | TIME_OF_DAY } else { when };
                // The text holds the sender's name and address.
                let key = Key { text: sender << 8 | text, when };
                let print = Print { key, machine: MachineMark(0), sequence: Sequence(None) };
                let mark = Mark { sender, print };
                let origin = Origin { source: SourceId(0), line: n };
                let now = Timestamp::from_nanos(n.cast_signed());
                prop_assert_eq!(lazy.take(origin, mark, now), eager.take(origin, mark, now));
                if n % 7 == 0 {
                    lazy.forget_before(Timestamp::from_nanos(n.cast_signed() - 10));
                    eager.forget_before(Timestamp::from_nanos(n.cast_signed() - 10));
                }
            }
        }
    }
}
