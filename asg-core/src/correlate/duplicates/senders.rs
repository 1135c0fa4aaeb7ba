//! The senders of packets, and the times of their last packets.

use hashbrown::HashTable;

use crate::bytes::work;

/// Senders, numbered as they come.
#[derive(Debug, Clone, Default)]
pub(super) struct Senders {
    all: Vec<Sender>,
    numbers: HashTable<u32>,
}

/// A cached guess at the number of a sender; it may be another sender's. Passing it back skips the
/// search.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::correlate) struct SenderNumber(u32);

#[derive(Debug, Clone, Copy)]
pub(super) struct Sender {
    name: u64,
    /// The times of the packets of earlier runs.
    before: Times,
    /// The times of this run: its packets are not earlier than the first of these.
    run: Times,
    /// The number of packets before the last one: its lowest digits.
    pub(super) last: u32,
}

/// Where a packet is in its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunPlace {
    /// It is earlier than all of the last run, and begins a new one.
    First,
    /// It is later than all of its run.
    Latest,
    /// It is neither.
    Within,
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

impl Senders {
    pub(super) const fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns a sender by its name.
    pub(super) fn find(&self, name: u64, number: &mut SenderNumber) -> Option<&Sender> {
        if self.all.get(number.0 as usize).is_none_or(|sender| sender.name != name) {
            let is_it = |n: &u32| {
                work::count(1);
                self.all[*n as usize].name == name
            };
            number.0 = *self.numbers.find(name, is_it)?;
        }
        self.all.get(number.0 as usize)
    }

    /// Returns something of a sender.
    #[inline]
    pub(super) fn glance(&self, number: SenderNumber) -> u64 {
        self.all.get(number.0 as usize).map_or(0, |sender| sender.name)
    }

    /// Ends the run of a sender that has this number; returns the number of packets before its last
    /// one.
    pub(super) fn end_run(&mut self, number: SenderNumber) -> u32 {
        let sender = &mut self.all[number.0 as usize];
        sender.before = sender.before.and(sender.run);
        sender.run = Times::NONE;
        sender.last
    }

    /// Takes a packet of a sender that is known under this number. Returns the number of packets
    /// before the one that was the last so far, and its place in the run.
    pub(super) fn add(&mut self, number: SenderNumber, when: u64, last: u32) -> (u32, RunPlace) {
        let sender = &mut self.all[number.0 as usize];
        (std::mem::replace(&mut sender.last, last), sender.add(when))
    }

    /// Takes the first packet of a sender.
    pub(super) fn put(&mut self, name: u64, when: u64, last: u32) -> SenderNumber {
        let n = self.all.len() as u32;
        self.numbers.insert_unique(name, n, |n| self.all[*n as usize].name);
        self.all.push(Sender { name, before: Times::NONE, run: Times(when, when), last });
        SenderNumber(n)
    }
}

impl Sender {
    /// Returns whether no packet has this time.
    pub(super) const fn is_new_at(&self, when: u64) -> bool {
        !self.is_around(when) && !self.was_before(when)
    }

    /// Returns whether packets of an earlier run may have this time.
    pub(super) const fn was_before(&self, when: u64) -> bool {
        self.before.are_around(when)
    }

    /// Returns whether packets of this run may have this time.
    pub(super) const fn is_around(&self, when: u64) -> bool {
        self.run.are_around(when)
    }

    fn add(&mut self, when: u64) -> RunPlace {
        if when < self.run.0 {
            self.before = self.before.and(self.run);
            self.run = Times(when, when);
            RunPlace::First
        } else if self.run.1 < when {
            self.run.1 = when;
            RunPlace::Latest
        } else {
            RunPlace::Within
        }
    }
}
