//! The latest packets, and how one is found among them.

use std::collections::VecDeque;

use hashbrown::{HashMap, HashTable};

use super::mark::{Key, Mark, Print};
use super::senders::{RunPlace, Sender, SenderNumber, Senders};
use super::slots::{Known, Link, Slots};
use crate::bytes::hash::Seeds;
use crate::bytes::work;
use crate::evidence::Origin;
use crate::time::Timestamp;

/// The latest packets, by fingerprint. Its memory is bounded: the oldest make room.
///
/// Most logs have few duplicates, and each sender's lines come in the order of their uptimes until
/// its machine boots: they come in runs. So a packet that is later than all of its run, and outside
/// the times of earlier runs, is new; nearly every packet takes only this test. Within a run, the
/// search goes backwards and stops at the first packet that is earlier than this one and later than
/// all before it: nearly always the first one visited. If that does not come soon, another boot has
/// begun, or files are not read in the order in which they were written, and the run ends. Packets
/// of ended runs are found by their text, in a table.
///
/// A line that shows an uptime and one that does not are compared by their seconds, in a table that
/// is made when there are both kinds.
#[derive(Debug, Clone)]
pub(in crate::correlate) struct Window {
    slots: Slots,
    /// The number of packets before the first of these.
    gone: u64,
    /// When they came: how many came before, where a second of the log's time began.
    seconds: VecDeque<(u64, Timestamp)>,
    /// The senders with runs; `None` if all packets are found by their text.
    senders: Option<Senders>,
    /// The number of packets before each packet, by its text and time: only the lowest digits, so
    /// that the table stays small.
    by_text: HashTable<u32>,
    /// Packets by their seconds, for lines with an uptime beside lines without one.
    mixed: Mixed,
    most: usize,
    /// How many packets made room for others.
    displaced: u64,
    seeds: Seeds,
}

/// So many steps back through a run cost less than to end it.
const MOST_STEPS: usize = if cfg!(test) { 3 } else { 16 };

/// So many senders are remembered before all packets are looked for by their text.
const MOST_SENDERS: usize = 1 << 16;

/// The status of a packet line, given the earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// The first about its packet.
    First,
    /// This line, which comes before it, reports the same packet.
    After(Origin),
    /// This line, which comes after it, reports the same packet.
    Before(Origin),
}

/// At most so many packets of one text and time are compared with a line. They are of as many
/// machines, so something is wrong with their names, and further ones are packets of their own.
const MOST_ALIKE: usize = 16;

impl Window {
    /// Returns a window of this many packets.
    pub(in crate::correlate) fn new(most: usize) -> Self {
        Self {
            slots: Slots::default(),
            gone: 0,
            seconds: VecDeque::new(),
            senders: Some(Senders::default()),
            by_text: HashTable::new(),
            mixed: Mixed::default(),
            most,
            displaced: 0,
            seeds: Seeds::default(),
        }
    }

    /// Remembers this many packets from now on, at least one.
    pub(in crate::correlate) const fn remember(&mut self, packets: usize) {
        self.most = if packets == 0 { 1 } else { packets };
    }

    /// Returns the seeds of its marks.
    pub(in crate::correlate) const fn seeds(&self) -> Seeds {
        self.seeds
    }

    /// Returns something of a sender, so that the processor has it at hand.
    #[inline]
    pub(in crate::correlate) fn glance(&self, number: SenderNumber) -> u64 {
        self.senders.as_ref().map_or(0, |senders| senders.glance(number))
    }

    /// How many packets made room for others: a second line about one of them is not recognised.
    pub(in crate::correlate) const fn displaced(&self) -> u64 {
        self.displaced
    }

    /// Takes a packet line, which is counted in a group. `now` is when it came, by the log's time.
    /// The caller gets the number of its sender, to pass it back. Returns also the group in which
    /// the packet was counted before.
    pub(in crate::correlate) fn take(
        &mut self,
        (origin, group): (Origin, u32),
        mark: &Mark,
        now: Timestamp,
        number: &mut SenderNumber,
    ) -> (Told, u32) {
        if self.mixed.begins_with(mark.print) {
            (self.gone..self.gone + self.slots.len() as u64).for_each(|n| self.put_second(n));
        }
        let (mut found, mut is_known) = (None, false);
        match &self.senders {
            Some(senders) => {
                if let Some(sender) = senders.find(mark.sender, number) {
                    is_known = true;
                    if !sender.is_new_at(mark.print.key.when) {
                        found = self.find_of(*sender, *number, mark.print);
                    }
                }
            }
            None => found = self.find_text(mark.print),
        }
        if found.is_none() && self.mixed.is_on() {
            found = self.find_mixed(mark.print);
        }
        if let Some(known) = found {
            return self.tell((origin, group), mark.print, known);
        }
        if self.slots.len() >= self.most {
            self.displaced += 1;
            self.forget_one();
        }
        let link = self.link(mark, is_known, number);
        let came = self.gone + self.slots.len() as u64;
        if self.seconds.back().is_none_or(|(_, second)| !is_second_of(*second, now)) {
            self.seconds.push_back((came, now));
        }
        self.slots.push(mark.print, (origin, group), link);
        if let Link::Text = link {
            self.put(came);
        }
        if self.mixed.is_on() {
            self.put_second(came);
        }
        (Told::First, group)
    }

    /// Takes a further line about the packet at this place.
    fn tell(&mut self, (origin, group): (Origin, u32), print: Print, known: usize) -> (Told, u32) {
        let at = self.slots.origin(known);
        let slot = self.slots.get(known);
        let (first, come, counted) = (slot.machine, print.machine, slot.group);
        let (known_rank, rank) = (self.slots.rank(known), print.rank());
        if slot.stamp.is_unknown() {
            self.slots.set_stamp(known, print.stamp);
        }
        if (first.rank(), known_rank, at) <= (come.rank(), rank, origin) {
            if first != come {
                self.slots.set_other(known, come);
            }
            return (Told::After(at), counted);
        }
        (Told::Before(at), self.slots.set_first(known, (origin, group), (come, rank)))
    }

    /// The place of a packet that another line shows without an uptime, or with one.
    fn find_mixed(&mut self, print: Print) -> Option<usize> {
        let Mixed { by_second, by_uptime, uptimes, .. } = &self.mixed;
        let has_uptime = !print.key.is_time_of_day();
        let learnt = by_uptime.iter_hash(print.key.hash()).find(|n| {
            let Known { print: known, other } = self.slots.known(self.place(**n));
            Known { print: Print { key: uptimes[*n], ..known }, other }.may_be(print)
        });
        if let Some(learnt) = learnt {
            return Some(self.place(*learnt));
        }
        let of_second = by_second.iter_hash(print.hash_of_second()?).copied().filter(|n| {
            let known = self.slots.known(self.place(*n));
            let knows_uptime = !known.print.key.is_time_of_day() || uptimes.contains_key(n);
            knows_uptime != has_uptime && known.may_be_of_second(print)
        });
        let number = of_second.max_by_key(|n| self.place(*n))?;
        if has_uptime {
            let Mixed { by_uptime, uptimes, .. } = &mut self.mixed;
            uptimes.insert(number, print.key);
            by_uptime.insert_unique(print.key.hash(), number, |n| uptimes[n].hash());
        }
        Some(self.place(number))
    }

    /// Where the packet is, of a sender that is known under this number.
    fn find_of(&mut self, sender: Sender, number: SenderNumber, print: Print) -> Option<usize> {
        let when = print.key.when;
        let mut is_by_text = sender.was_before(when);
        if sender.is_around(when) {
            match self.walk(sender.last, print) {
                Walk::Met(at) => return Some(at),
                Walk::Passed => {}
                Walk::TooLong => {
                    self.end_run(number);
                    is_by_text = true;
                }
            }
        }
        if is_by_text { self.find_text(print) } else { None }
    }

    fn find_text(&self, print: Print) -> Option<usize> {
        let places = self.by_text.iter_hash(print.key.hash()).map(|n| self.place(*n));
        // The latest one, as in a run.
        places.filter(|at| self.slots.known(*at).may_be(print)).max()
    }

    /// Searches the packets of a run; `last` is its last one.
    fn walk(&self, last: u32, print: Print) -> Walk {
        let mut run = Run { next: Some(last), end: self.slots.len() };
        for _ in 0..MOST_STEPS {
            let Some((at, is_latest)) = run.step(self) else { return Walk::Passed };
            let known = self.slots.known(at);
            if known.may_be(print) {
                return Walk::Met(at);
            }
            // Then all of its run before are earlier too.
            if is_latest && known.print.key.when < print.key.when {
                return Walk::Passed;
            }
        }
        Walk::TooLong
    }

    /// How the packet that comes next will be found: a new one, of a sender that is known under
    /// this number or is not.
    fn link(&mut self, mark: &Mark, is_known: bool, number: &mut SenderNumber) -> Link {
        let (come, when) = (self.gone + self.slots.len() as u64, mark.print.key.when);
        if self.senders.as_ref().is_some_and(|senders| senders.len() >= MOST_SENDERS) {
            self.put_all();
        }
        let Some(senders) = &mut self.senders else { return Link::Text };
        if !is_known {
            *number = senders.put(mark.sender, when, come as u32);
            return Link::First;
        }
        let (before, place) = senders.add(*number, when, come as u32);
        if place == RunPlace::First {
            self.put_run(before);
            return Link::First;
        }
        Link::Behind { before, is_latest: place == RunPlace::Latest }
    }

    /// The sender's next packet begins a new run.
    fn end_run(&mut self, number: SenderNumber) {
        if let Some(senders) = &mut self.senders {
            let last = senders.end_run(number);
            self.put_run(last);
        }
    }

    /// From now on all packets are found by their text.
    fn put_all(&mut self) {
        self.senders = None;
        for n in self.gone..self.gone + self.slots.len() as u64 {
            if self.slots.get(self.place(n as u32)).link() != Link::Text {
                self.put(n);
            }
        }
    }

    /// Puts the packets of a run into the table; `last` is its last one.
    fn put_run(&mut self, last: u32) {
        let mut run = Run { next: Some(last), end: self.slots.len() };
        while let Some((at, _)) = run.step(self) {
            self.put(self.gone + at as u64);
        }
    }

    /// Puts the packet with this number into the table.
    fn put(&mut self, n: u64) {
        let gone = self.gone as u32;
        let at = |n: u32| n.wrapping_sub(gone) as usize;
        self.slots.set_link(at(n as u32), Link::Text);
        let key = |n: u32| self.slots.get(at(n)).key;
        let own = key(n as u32);
        work::count(1);
        let alike = self.by_text.iter_hash(own.hash()).filter(|n| key(**n) == own);
        let alike = alike.inspect(|_| work::count(1));
        if alike.take(MOST_ALIKE).count() < MOST_ALIKE {
            self.by_text.insert_unique(own.hash(), n as u32, |&n| key(n).hash());
        }
    }

    /// Puts the one before which so many came into the table of seconds.
    fn put_second(&mut self, n: u64) {
        let (gone, slots) = (self.gone as u32, &self.slots);
        let hash = |n: u32| slots.get(n.wrapping_sub(gone) as usize).hash_of_second();
        let Some(own) = hash(n as u32) else { return };
        let table = &mut self.mixed.by_second;
        let alike = table.iter_hash(own).filter(|n| hash(**n) == Some(own));
        let alike = alike.inspect(|_| work::count(1));
        if alike.take(MOST_ALIKE).count() < MOST_ALIKE {
            table.insert_unique(own, n as u32, |&n| hash(n).unwrap_or_default());
        }
    }

    /// Returns the index of the packet with this number.
    const fn place(&self, number: u32) -> usize {
        number.wrapping_sub(self.gone as u32) as usize
    }

    /// Forgets what came before this time, but for a second.
    pub(in crate::correlate) fn forget_before(&mut self, time: Timestamp) {
        while let Some((_, second)) = self.seconds.front()
            && *second < time
            && !is_second_of(*second, time)
        {
            self.seconds.pop_front();
            let next = self.seconds.front().map_or(u64::MAX, |(came, _)| *came);
            while self.gone < next && self.slots.len() > 0 {
                self.forget_one();
            }
        }
    }

    fn forget_one(&mut self) {
        let Some(slot) = self.slots.pop() else { return };
        let oldest = self.gone as u32;
        self.gone += 1;
        if slot.link() == Link::Text
            && let Ok(entry) = self.by_text.find_entry(slot.key.hash(), |&n| n == oldest)
        {
            entry.remove();
        }
        self.mixed.forget(oldest, slot.hash_of_second());
    }
}

/// Packets by their second, where lines with an uptime and lines without one are read together. It
/// is empty until both kinds have come.
#[derive(Debug, Clone, Default)]
struct Mixed {
    /// Whether lines with an uptime came, and without one.
    kinds: [bool; 2],
    /// By the text and the second of a packet, its number.
    by_second: HashTable<u32>,
    /// By number, the uptimes of packets whose first line shows none.
    uptimes: HashMap<u32, Key>,
    /// The numbers of these by that key.
    by_uptime: HashTable<u32>,
}

impl Mixed {
    fn is_on(&self) -> bool {
        self.kinds == [true; 2]
    }

    /// True if this line is the first of the other kind.
    fn begins_with(&mut self, print: Print) -> bool {
        let is_seen = &mut self.kinds[usize::from(print.key.is_time_of_day())];
        !std::mem::replace(is_seen, true) && self.is_on()
    }

    fn forget(&mut self, number: u32, hash_of_second: Option<u64>) {
        if !self.is_on() {
            return;
        }
        if let Some(hash) = hash_of_second
            && let Ok(entry) = self.by_second.find_entry(hash, |n| *n == number)
        {
            entry.remove();
        }
        if let Some(key) = self.uptimes.remove(&number)
            && let Ok(entry) = self.by_uptime.find_entry(key.hash(), |n| *n == number)
        {
            entry.remove();
        }
    }
}

/// True if it is within a second after another time.
fn is_second_of(second: Timestamp, time: Timestamp) -> bool {
    second == time
        || (0..1_000_000_000).contains(&time.as_nanos().saturating_sub(second.as_nanos()))
}

/// The result of searching a packet in its run.
enum Walk {
    /// It is here.
    Met(usize),
    /// It is not in the run.
    Passed,
    /// It is not known.
    TooLong,
}

/// A way back through a run.
struct Run {
    next: Option<u32>,
    /// The next packet is before this index.
    end: usize,
}

impl Run {
    /// Returns the place of the next packet, and whether it is later than all of the run that came
    /// before.
    fn step(&mut self, window: &Window) -> Option<(usize, bool)> {
        work::count(1);
        // A removed packet has an index behind the end, and numbers start again after 2³² packets,
        // so steps must lead backwards.
        let at = window.place(self.next?);
        if at >= self.end {
            return None;
        }
        // Of a run that is over, the links are too.
        let (next, is_latest) = match window.slots.get(at).link() {
            Link::Text => return None,
            Link::First => (None, true),
            Link::Behind { before, is_latest } => (Some(before), is_latest),
        };
        (self.next, self.end) = (next, at);
        Some((at, is_latest))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::mark::{Fraction, MachineMark, Sequence, Stamp, TIME_OF_DAY};
    use super::*;
    use crate::evidence::SourceId;
    use crate::time::{Civil, LogTime};

    #[test]
    fn packets_that_make_room_are_counted_and_no_longer_recognised() {
        let mut window = Window::new(2);
        let mut take = |line, when| {
            let told = told(&mut window, &[(line, mark((when, when), 0, None, Stamp::NONE))]);
            (told[0], window.displaced())
        };
        let first = at(1);
        assert_eq!(take(1, 10), (Told::First, 0));
        assert_eq!(take(2, 20), (Told::First, 0));
        assert_eq!(take(3, 10), (Told::After(first), 0));
        assert_eq!(take(4, 30), (Told::First, 1));
        assert_eq!(take(5, 10), (Told::First, 2));
    }

    /// Names of machines of two kinds, and no name.
    const MACHINES: [u32; 4] = [0, 1 << 29 | 5, 1 << 29 | 6, 4 << 29 | 7];

    fn mark((text, when): (u64, u64), machine: usize, sequence: Option<u16>, stamp: Stamp) -> Mark {
        let (key, machine) = (Key { text, when }, MachineMark(MACHINES[machine]));
        let (sequence, fraction) = (Sequence(sequence), Fraction::NONE);
        Mark { sender: 1, print: Print { key, machine, sequence, stamp, fraction } }
    }

    fn at(line: u64) -> Origin {
        Origin { source: SourceId(0), line }
    }

    /// Takes these lines, by their numbers, and returns the status of each.
    fn told(window: &mut Window, lines: &[(u64, Mark)]) -> Vec<Told> {
        let now = Timestamp::from_nanos(0);
        let number = &mut SenderNumber::default();
        lines.iter().map(|(line, mark)| window.take((at(*line), 0), mark, now, number).0).collect()
    }

    #[test]
    fn names_and_numbers_of_packets_are_compared_however_they_are_found() {
        let key = (1, 10);
        let of = |machine, sequence| mark(key, machine, sequence, Stamp::NONE);
        let lines = [
            (5, of(0, None)),
            // Another name of the same machine, at an earlier line: it is the first now.
            (3, of(3, None)),
            // A second name, of another kind, is kept beside it.
            (6, of(1, None)),
            // It is not that machine, but another of its kind.
            (7, of(2, None)),
            (8, of(1, Some(4))),
            // A number that a line shows, and another one.
            (9, mark((2, 20), 0, Some(4), Stamp::NONE)),
            (10, mark((2, 20), 0, Some(5), Stamp::NONE)),
            (11, mark((2, 20), 0, None, Stamp::NONE)),
            (12, mark((2, 20), 0, Some(4), Stamp::NONE)),
        ];
        let expected = [
            Told::First,
            Told::Before(at(5)),
            Told::Before(at(3)),
            Told::First,
            Told::After(at(6)),
            Told::First,
            Told::First,
            Told::After(at(10)),
            Told::After(at(9)),
        ];
        let eager = || Window { senders: None, ..Window::new(9) };
        for mut window in [Window::new(9), eager()] {
            assert_eq!(told(&mut window, &lines), expected);
        }
        // Of the packets that make room, nothing is left.
        for mut window in [Window::new(2), Window { most: 2, ..eager() }] {
            told(&mut window, &lines);
            let others = [
                (13, mark((3, 30), 1, None, Stamp::NONE)),
                (14, mark((4, 40), 0, None, Stamp::NONE)),
            ];
            assert_eq!(told(&mut window, &others), [Told::First; 2]);
            // They have other names and numbers than the ones that had their places.
            let again = [
                (15, mark((3, 30), 1, Some(7), Stamp::NONE)),
                (16, mark((4, 40), 2, Some(8), Stamp::NONE)),
                (17, mark((3, 30), 2, None, Stamp::NONE)),
            ];
            let expected = [Told::After(at(13)), Told::Before(at(14)), Told::First];
            assert_eq!(told(&mut window, &again), expected);
        }
    }

    #[test]
    fn names_and_numbers_of_packets_are_compared_if_they_are_found_by_second() {
        let stamp = Stamp::of(LogTime::Instant(Timestamp::from_nanos(9_000_000_000)), Some(7));
        let of = |when, machine, sequence| mark((1, when), machine, sequence, stamp);
        let day = |machine, sequence| of(9 | TIME_OF_DAY, machine, sequence);
        // All lines of one second are of one packet, unless a name or a number differs.
        let cases = [
            ([(1, day(0, None)), (2, of(5, 1, Some(3)))], Told::Before(at(1))),
            ([(1, day(1, None)), (2, of(5, 2, None))], Told::First),
            ([(1, day(0, Some(4))), (2, of(5, 0, Some(3)))], Told::First),
            ([(1, of(5, 0, Some(3))), (2, day(0, Some(3)))], Told::After(at(1))),
        ];
        for (lines, expected) in cases {
            assert_eq!(told(&mut Window::new(9), &lines), [Told::First, expected]);
        }
        // The name of the second line is known with the first.
        let lines =
            [(1, day(3, None)), (2, of(5, 1, None)), (3, of(5, 2, None)), (4, of(5, 1, None))];
        let expected = [Told::First, Told::Before(at(1)), Told::First, Told::After(at(2))];
        assert_eq!(told(&mut Window::new(9), &lines), expected);
    }

    #[test]
    fn the_first_line_is_the_one_that_says_most_wherever_it_is() {
        let instant = |micros: i64| LogTime::Instant(Timestamp::from_nanos(micros * 1_000));
        let civil = Civil::of(Timestamp::from_nanos(9_000_000_000));
        let local = LogTime::NoYear(Civil { year: 0, ..civil });
        // From the best to the worst, each a machine's name and a stamp.
        let best = [
            (1, local),
            (3, LogTime::Unknown),
            (0, instant(9_000_001)),
            (0, instant(9_999_999)),
            (0, instant(9_000_000)),
            (0, instant(11_000_000)),
            (0, local),
            (0, LogTime::Unknown),
        ];
        for a in 0..best.len() {
            for b in 0..best.len() {
                for c in 0..best.len() {
                    let lines = [(3, a), (1, b), (2, c)];
                    let first = lines.into_iter().min_by_key(|(line, rank)| (*rank, *line));
                    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
                    {
                        let mut window = Window::new(9);
                        let marks = order.map(|n| {
                            let (line, rank) = lines[n];
                            let (machine, time) = best[rank];
                            let mut mark = mark((1, 10), machine, None, Stamp::of(time, Some(7)));
                            mark.print.fraction = Fraction::of(time);
                            (line, mark)
                        });
                        let told = told(&mut window, &marks);
                        assert_eq!(told[0], Told::First);
                        assert_eq!(told.iter().filter(|told| **told == Told::First).count(), 1);
                        assert_eq!(Some(window.slots.origin(0).line), first.map(|(line, _)| line));
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_not_looked_for_would_not_have_been_found(
            // Sender, time and text; a name and a number.
            lines in prop::collection::vec(
                ((0_u64..3, 0_u64..12, 0_u64..2), (0_usize..4, prop::option::of(0_u16..2))),
                1..90,
            ),
            has_names in any::<bool>(),
            most in 1_usize..40,
            is_of_day in any::<bool>(),
        ) {
            let mut lazy = Window::new(most);
            let mut numbers = [SenderNumber::default(); 2];
            let mut eager = Window { senders: None, ..Window::new(most) };
            for (n, ((sender, when, text), (name, number))) in (0..).zip(lines) {
                let when = if is_of_day { when | TIME_OF_DAY } else { when };
                // The text contains the sender's name and address.
                let key = (sender << 8 | text, when);
                let (name, number) = if has_names { (name, number) } else { (0, None) };
                let mark = mark(key, name, number, Stamp::NONE);
                let mark = Mark { sender, ..mark };
                let second = |n: u64| Timestamp::from_nanos(n.cast_signed() * 1_000_000_000);
                let now = second(n);
                // One number is remembered for two senders.
                let at = (at(n), 0);
                let told = lazy.take(at, &mark, now, &mut numbers[sender as usize / 2]);
                prop_assert_eq!(told, eager.take(at, &mark, now, &mut SenderNumber::default()));
                if n % 7 == 0 {
                    lazy.forget_before(second(n.saturating_sub(10)));
                    eager.forget_before(second(n.saturating_sub(10)));
                }
            }
        }
    }
}
