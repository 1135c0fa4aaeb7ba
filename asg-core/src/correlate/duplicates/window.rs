//! The latest packets, and how one is found among them.

use std::collections::VecDeque;

use hashbrown::HashTable;

use super::mark::{MachineMark, Mark, Print};
use super::senders::{Sender, SenderNumber, Senders};
use crate::bytes::hash::Seeds;
use crate::evidence::{Origin, SourceId};
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
#[derive(Debug, Clone)]
pub(in crate::correlate) struct Window {
    /// In the order in which they came.
    slots: VecDeque<Slot>,
    /// The number of packets before the first of these.
    gone: u64,
    /// The senders with runs; `None` if all packets are found by their text.
    senders: Option<Senders>,
    /// The number of packets before each packet, by its text and time: only the lowest digits, so
    /// that the table stays small.
    by_text: HashTable<u32>,
    most: usize,
    /// How many packets made room for others.
    displaced: u64,
    seeds: Seeds,
}

/// So many steps back through a run cost less than to end it.
const MOST_STEPS: usize = if cfg!(test) { 3 } else { 16 };

/// So many senders are remembered before all packets are looked for by their text.
const MOST_SENDERS: usize = 1 << 16;

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// Of the first line about it.
    print: Print,
    /// Another name of its machine, of a further line.
    also: MachineMark,
    link: Link,
    /// The place of the first line about it.
    line: u64,
    source: u32,
    /// The group in which it is counted.
    group: u32,
    came: Timestamp,
}

impl Slot {
    fn may_be(&self, print: Print) -> bool {
        self.print.may_be(print) && self.also.may_be(print.machine)
    }
}

/// How a packet is found.
#[derive(Debug, Clone, Copy)]
enum Link {
    /// By its text.
    Text,
    /// From those of its run that came after.
    Run {
        /// It is later than all of its run that came before.
        is_latest: bool,
        /// How many packets came before the last of these: the lowest digits.
        before: Option<u32>,
    },
}

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
    /// A window of this many packets.
    pub(in crate::correlate) fn new(most: usize) -> Self {
        Self {
            slots: VecDeque::new(),
            gone: 0,
            senders: Some(Senders::default()),
            by_text: HashTable::new(),
            most,
            displaced: 0,
            seeds: Seeds::default(),
        }
    }

    /// Returns the seeds of its marks.
    pub(in crate::correlate) const fn seeds(&self) -> Seeds {
        self.seeds
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
        mark: Mark,
        now: Timestamp,
        number: &mut SenderNumber,
    ) -> (Told, u32) {
        let sender = self.senders.as_ref().and_then(|all| all.find(mark.sender, number)).copied();
        let found = match sender {
            Some(sender) => self.find_of(sender, *number, mark.print),
            None if self.senders.is_none() => self.find_text(mark.print),
            None => None,
        };
        if let Some(known) = found {
            let known = &mut self.slots[known];
            let at = Origin { source: SourceId(known.source), line: known.line };
            let (first, come) = (known.print.machine, mark.print.machine);
            if (first.rank(), at) <= (come.rank(), origin) {
                if first != come {
                    known.also = come;
                }
                return (Told::After(at), known.group);
            }
            (known.source, known.line) = (origin.source.0, origin.line);
            if first != come {
                (known.print.machine, known.also) = (come, first);
            }
            return (Told::Before(at), std::mem::replace(&mut known.group, group));
        }
        if self.slots.len() >= self.most {
            self.displaced += 1;
            self.forget_one();
        }
        let link = self.link(mark, sender.is_some(), number);
        let (print, line, source) = (mark.print, origin.line, origin.source.0);
        let also = MachineMark::NONE;
        self.slots.push_back(Slot { print, also, link, line, source, group, came: now });
        if let Link::Text = link {
            self.put(self.gone + self.slots.len() as u64 - 1);
        }
        (Told::First, group)
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
        places.filter(|at| self.slots[*at].may_be(print)).max()
    }

    /// Searches the packets of a run; `last` is its last one.
    fn walk(&self, last: u32, print: Print) -> Walk {
        let mut run = Run { next: Some(last), end: self.slots.len() };
        for _ in 0..MOST_STEPS {
            let Some((at, is_latest)) = run.step(self) else { return Walk::Passed };
            let known = &self.slots[at];
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
    fn link(&mut self, mark: Mark, is_known: bool, number: &mut SenderNumber) -> Link {
        let (come, when) = (self.gone + self.slots.len() as u64, mark.print.key.when);
        if self.senders.as_ref().is_some_and(|senders| senders.len() >= MOST_SENDERS) {
            self.put_all();
        }
        let Some(senders) = &mut self.senders else { return Link::Text };
        if !is_known {
            *number = senders.put(mark.sender, when, come as u32);
            return Link::Run { is_latest: true, before: None };
        }
        let sender = *senders.get(*number);
        senders.add(*number, when, come as u32);
        if sender.begins_at(when) {
            self.put_run(sender.last);
            return Link::Run { is_latest: true, before: None };
        }
        Link::Run { is_latest: sender.ends_before(when), before: Some(sender.last) }
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
            if let Link::Run { .. } = self.slots[self.place(n as u32)].link {
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
        self.slots[at(n as u32)].link = Link::Text;
        let key = |n: u32| self.slots[at(n)].print.key;
        let own = key(n as u32);
        let alike = self.by_text.iter_hash(own.hash()).filter(|n| key(**n) == own);
        if alike.take(MOST_ALIKE).count() < MOST_ALIKE {
            self.by_text.insert_unique(own.hash(), n as u32, |&n| key(n).hash());
        }
    }

    /// Returns the index of the packet with this number.
    const fn place(&self, number: u32) -> usize {
        number.wrapping_sub(self.gone as u32) as usize
    }

    /// Removes packets that came before this time.
    pub(in crate::correlate) fn forget_before(&mut self, time: Timestamp) {
        while self.slots.front().is_some_and(|slot| slot.came < time) {
            self.forget_one();
        }
    }

    fn forget_one(&mut self) {
        let Some(slot) = self.slots.pop_front() else { return };
        let oldest = self.gone as u32;
        self.gone += 1;
        if let Link::Text = slot.link
            && let Ok(entry) = self.by_text.find_entry(slot.print.key.hash(), |&n| n == oldest)
        {
            entry.remove();
        }
    }
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
    /// The place of the next packet, and whether it is later than all of the run that came before.
    fn step(&mut self, window: &Window) -> Option<(usize, bool)> {
        // A removed packet has an index behind the end, and numbers start again after 2³² packets,
        // so steps must lead backwards.
        let at = window.place(self.next?);
        if at >= self.end {
            return None;
        }
        // Links of an ended run are not valid.
        let Link::Run { is_latest, before } = window.slots[at].link else { return None };
        (self.next, self.end) = (before, at);
        Some((at, is_latest))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::mark::{Key, Sequence, TIME_OF_DAY};
    use super::*;

    #[test]
    fn packets_that_make_room_are_counted_and_no_longer_recognised() {
        let mut window = Window::new(2);
        let mut take = |line, when| {
            let key = Key { text: when, when };
            let print = Print { key, machine: MachineMark(0), sequence: Sequence(None) };
            let origin = Origin { source: SourceId(0), line };
            let (mark, now) = (Mark { sender: 1, print }, Timestamp::from_nanos(0));
            let (told, _) = window.take((origin, 0), mark, now, &mut SenderNumber::default());
            (told, window.displaced())
        };
        let first = Origin { source: SourceId(0), line: 1 };
        assert_eq!(take(1, 10), (Told::First, 0));
        assert_eq!(take(2, 20), (Told::First, 0));
        assert_eq!(take(3, 10), (Told::After(first), 0));
        assert_eq!(take(4, 30), (Told::First, 1));
        assert_eq!(take(5, 10), (Told::First, 2));
    }

    proptest! {
        #[test]
        fn what_is_not_looked_for_would_not_have_been_found(
            // Sender, time, text, and whether the time is a time of day.
            lines in prop::collection::vec((0_u64..3, 0_u64..12, 0_u64..2, any::<bool>()), 1..90),
            most in 1_usize..40,
        ) {
            let mut lazy = Window::new(most);
            let mut numbers = [SenderNumber::default(); 2];
            let mut eager = Window { senders: None, ..Window::new(most) };
            for (n, (sender, when, text, is_of_day)) in (0..).zip(lines) {
                let when = if is_of_day { when | TIME_OF_DAY } else { when };
                // The text contains the sender's name and address.
                let key = Key { text: sender << 8 | text, when };
                let print = Print { key, machine: MachineMark(0), sequence: Sequence(None) };
                let mark = Mark { sender, print };
                let origin = Origin { source: SourceId(0), line: n };
                let now = Timestamp::from_nanos(n.cast_signed());
                // One cached number is shared by two senders.
                let at = (origin, 0);
                let told = lazy.take(at, mark, now, &mut numbers[sender as usize / 2]);
                prop_assert_eq!(told, eager.take(at, mark, now, &mut SenderNumber::default()));
                if n % 7 == 0 {
                    lazy.forget_before(Timestamp::from_nanos(n.cast_signed() - 10));
                    eager.forget_before(Timestamp::from_nanos(n.cast_signed() - 10));
                }
            }
        }
    }
}
