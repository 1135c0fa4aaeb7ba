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
use crate::{Address, Envelope, LogPrefix, Packet, Subject, Text, Timestamp};

/// The latest packets, each by what tells it from all others. Its memory is bounded: the oldest make room.
///
/// In most logs few things are told twice, and each sender's lines come nearly in the order of their uptimes, but for when its
/// machine boots: they come in runs. So a packet is looked for among its sender's only, backwards, until one is met that was
/// later than all of its run before and yet is earlier than this: nearly always that is the first one met. Where it takes too
/// many steps, as with files that are not read in the order in which they were written, a table of all packets is made.
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
    /// Among its sender's, with so many steps so far.
    Senders(HashTable<Sender>, u64),
    /// By its text, how many came before it: the lowest digits, so that the table stays small.
    Numbers(HashTable<u32>),
}

#[derive(Debug, Clone, Copy)]
struct Sender {
    name: u64,
    /// When the packets of the runs before were written.
    before: Times,
    /// The same, of this run: no packet of it is earlier than its first.
    run: Times,
    /// How many packets came before the one that came last: the lowest digits.
    last: u32,
}

/// The first and the last time of several.
#[derive(Debug, Clone, Copy)]
struct Times(u64, u64);

impl Times {
    const NONE: Self = Self(u64::MAX, 0);

    const fn are_around(self, when: u64) -> bool {
        self.0 <= when && when <= self.1
    }

    fn and(self, other: Self) -> Self {
        Self(self.0.min(other.0), self.1.max(other.1))
    }
}

impl Sender {
    /// True if none of its packets was written then.
    const fn is_new(&self, when: u64) -> bool {
        !self.run.are_around(when) && !self.before.are_around(when)
    }

    fn add(&mut self, when: u64, number: u32) {
        if when < self.run.0 {
            self.before = self.before.and(self.run);
            self.run = Times(when, when);
        }
        self.run.1 = self.run.1.max(when);
        self.last = number;
    }
}

/// So many steps for each packet cost less than a table; and so many at first, for packets that came in bursts.
const MOST_STEPS: u64 = 2;
const FIRST_STEPS: u64 = if cfg!(test) { 16 } else { 1 << 18 };

/// So many senders are remembered before a table is made.
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
    link: Link,
    /// The least place of a line that tells it.
    line: u64,
    source: u32,
    came: Timestamp,
}

/// How a packet lies among those of its sender that came before.
#[derive(Debug, Clone, Copy)]
struct Link {
    /// It is later than all of its run.
    is_latest: bool,
    /// How many packets came before the last of them: the lowest digits.
    before: Option<u32>,
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
        let search = Search::Senders(HashTable::new(), 0);
        Self { slots: VecDeque::new(), gone: 0, search, most, seeds: Seeds::default() }
    }

    /// What its marks are made with.
    pub(super) const fn seeds(&self) -> Seeds {
        self.seeds
    }

    /// Takes a packet line. `now` is when it came, by the log's time.
    pub(super) fn take(&mut self, origin: Origin, mark: Mark, now: Timestamp) -> Told {
        let (known, link) = self.find(mark);
        if let Some(known) = known {
            let known = &mut self.slots[known];
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
        let (print, line, source) = (mark.print, origin.line, origin.source.0);
        self.slots.push_back(Slot { print, link, line, source, came: now });
        self.note(mark);
        Told::First
    }

    /// Where the packet is, and how it lies among its sender's if it is nowhere.
    fn find(&mut self, mark: Mark) -> (Option<usize>, Link) {
        let Mark { sender, print } = mark;
        match &self.search {
            Search::Senders(senders, _) => {
                let Some(&sender) = senders.find(sender, |known| known.name == sender) else {
                    return (None, Link { is_latest: true, before: None });
                };
                let when = print.key.when;
                let is_latest = when < sender.run.0 || sender.run.1 < when;
                let found = if sender.is_new(when) { None } else { self.walk(&sender, print) };
                (found, Link { is_latest, before: Some(sender.last) })
            }
            Search::Numbers(numbers) => {
                let at = |n: u32| self.place(n);
                let is_it = |n: &u32| self.slots[at(*n)].print.may_be(print);
                let found = numbers.find(print.key.text, is_it).map(|n| at(*n));
                (found, Link { is_latest: false, before: None })
            }
        }
    }

    /// Looks for a packet among its sender's.
    fn walk(&mut self, sender: &Sender, print: Print) -> Option<usize> {
        let when = print.key.when;
        let is_of_run = !sender.before.are_around(when);
        let (mut found, mut steps) = (None, 0);
        let (mut next, mut end) = (Some(sender.last), self.slots.len());
        while let Some(number) = next {
            // What is gone has a place behind the end, and numbers begin anew after 2³² packets: steps lead only backwards.
            let at = self.place(number);
            if at >= end {
                break;
            }
            (end, steps) = (at, steps + 1);
            let slot = &self.slots[at];
            if slot.print.may_be(print) {
                found = Some(at);
                break;
            }
            // Then all of its run before are earlier too.
            let is_enough = is_of_run && slot.link.is_latest && slot.print.key.when < when;
            next = slot.link.before.filter(|_| !is_enough);
        }
        if let Search::Senders(_, all) = &mut self.search {
            *all += steps;
            if *all > FIRST_STEPS + MOST_STEPS * (self.gone + self.slots.len() as u64) {
                self.make_table();
            }
        }
        found
    }

    /// Notes the packet that came last, so that it will be found.
    fn note(&mut self, mark: Mark) {
        let number = self.gone + self.slots.len() as u64 - 1;
        match &mut self.search {
            Search::Senders(senders, _) => {
                let (name, when, last) = (mark.sender, mark.print.key.when, number as u32);
                if let Some(sender) = senders.find_mut(name, |known| known.name == name) {
                    sender.add(when, last);
                } else if senders.len() < MOST_SENDERS {
                    let sender = Sender { name, before: Times::NONE, run: Times(when, when), last };
                    senders.insert_unique(name, sender, |known| known.name);
                } else {
                    self.make_table();
                }
            }
            Search::Numbers(numbers) => put(numbers, &self.slots, self.gone, number),
        }
    }

    fn make_table(&mut self) {
        let mut numbers = HashTable::with_capacity(self.slots.len());
        let all = self.gone..self.gone + self.slots.len() as u64;
        all.for_each(|n| put(&mut numbers, &self.slots, self.gone, n));
        self.search = Search::Numbers(numbers);
    }

    /// The place of the packet before which so many came.
    const fn place(&self, number: u32) -> usize {
        number.wrapping_sub(self.gone as u32) as usize
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

/// A digest of what all packets of a sender's have in common: the prefix, and the address on its side. A prefix that is not
/// Cloud Foundry's says nothing of the machine, whose link and address do, as far as they are told.
pub(super) fn sender(
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

/// What a prefix says of the sender. One that names an app says nothing of the container: the address stands for it then, with
/// two bits of the app's GUID, for all who send to a container are too many for one sender, and each by itself would make too
/// many senders.
pub(super) fn sender_name(prefix: &[u8], cf: &LogPrefix<'_>, seeds: Seeds) -> u64 {
    match cf.subject {
        Subject::App => {
            let digit = cf.handle_prefix.and_then(|app| app.as_str().bytes().next()).unwrap_or(0);
            u64::from(digit & 3).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        }
        _ => seeds.digest(prefix),
    }
}

/// Puts the slot before which so many came into the table.
fn put(numbers: &mut HashTable<u32>, slots: &VecDeque<Slot>, gone: u64, n: u64) {
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
            lines in prop::collection::vec((0_u64..3, 0_u64..12, 0_u64..2, any::<bool>()), 1..90),
            most in 1_usize..40,
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
