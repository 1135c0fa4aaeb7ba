//! The packets of a window, in few bytes each.

use std::collections::VecDeque;

use super::mark::{Fraction, Key, MachineMark, Print, Sequence, Stamp, StampRank};
use crate::bytes::work;
use crate::evidence::{Origin, SourceId};

/// Packets in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(super) struct Slots {
    all: VecDeque<Slot>,
    /// `None` until a packet has something rare.
    rare: Option<Rare>,
}

/// The parts of packets that few logs have.
#[derive(Debug, Clone, Default)]
struct Rare {
    /// Of lines of `/dev/kmsg`.
    sequences: Column<Sequence>,
    /// Another name of a packet's machine, of a further line.
    others: Column<MachineMark>,
    /// The digits of places for which a slot has no room.
    highest: Column<u64>,
    /// The rank of the stamp of the first line, if that is not the known one.
    ranks: Column<Option<StampRank>>,
}

/// A packet. There may be millions of them, so a test holds its size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    /// As the first line about it shows it.
    pub(super) key: Key,
    pub(super) machine: MachineMark,
    pub(super) stamp: Stamp,
    /// How many packets came before the last of its run: the lowest digits.
    before: u32,
    /// The group in which it is counted.
    pub(super) group: u32,
    /// From the lowest bit: the line of the first line about it, its source, the fraction of its
    /// stamp, and how it is found.
    place: u64,
}

/// How a packet is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// By its text.
    Text,
    /// Later ones of its run lead to it; it is the first.
    First,
    /// From later ones of its run, which has earlier ones too.
    Behind {
        /// How many packets came before the last of these: the lowest digits.
        before: u32,
        /// It is later than all of them.
        is_latest: bool,
    },
}

/// All that is known of a packet and compared with a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) print: Print,
    /// Another name of its machine.
    pub(super) other: MachineMark,
}

impl Known {
    pub(super) fn may_be(&self, print: Print) -> bool {
        work::count(1);
        self.print.may_be(print) && self.other.may_be(print.machine)
    }

    /// Looks for it by the second alone.
    pub(super) fn may_be_of_second(&self, print: Print) -> bool {
        work::count(1);
        self.print.may_be_of_second(print) && self.other.may_be(print.machine)
    }
}

/// The bits of a line's number and of its source in [`Slot::place`].
const LINE_BITS: u32 = 31;
const HIGH_LINE_BITS: u32 = u64::BITS - LINE_BITS;
const SOURCE_BITS: u32 = 11;
const FRACTION_AT: u32 = LINE_BITS + SOURCE_BITS;
const LINK_AT: u32 = FRACTION_AT + Fraction::BITS;

impl Slot {
    pub(super) const fn link(&self) -> Link {
        match self.place >> LINK_AT {
            0 => Link::Text,
            1 => Link::First,
            kind => Link::Behind { before: self.before, is_latest: kind == 3 },
        }
    }

    /// Returns the fraction of the first line's stamp.
    const fn fraction(&self) -> Fraction {
        Fraction((self.place >> FRACTION_AT & low_bits(Fraction::BITS)) as u32)
    }

    /// Returns the rank of the known stamp.
    const fn rank(&self) -> StampRank {
        self.stamp.rank(self.fraction())
    }

    const fn set_link(&mut self, link: Link) {
        let (bits, before) = link.parts();
        self.place = self.place & low_bits(LINK_AT) | bits;
        self.before = before;
    }

    /// Returns a digest of the text and the second; see [`Print::hash_of_second`].
    pub(super) fn hash_of_second(&self) -> Option<u64> {
        self.stamp.hash_with(self.key.text)
    }
}

impl Link {
    /// Returns the bits of [`Slot::place`], and [`Slot::before`].
    const fn parts(self) -> (u64, u32) {
        match self {
            Self::Text => (0, 0),
            Self::First => (1 << LINK_AT, 0),
            Self::Behind { before, is_latest: false } => (2 << LINK_AT, before),
            Self::Behind { before, is_latest: true } => (3 << LINK_AT, before),
        }
    }
}

const fn low_bits(many: u32) -> u64 {
    (1 << many) - 1
}

/// Returns the lowest digits of a line's number and of its source, and the others.
const fn split(Origin { source: SourceId(source), line }: Origin) -> (u64, u64) {
    let source = source as u64;
    let low = line & low_bits(LINE_BITS) | (source & low_bits(SOURCE_BITS)) << LINE_BITS;
    (low, line >> LINE_BITS | source >> SOURCE_BITS << HIGH_LINE_BITS)
}

/// Returns the place that was [`split`] so.
const fn joined(low: u64, high: u64) -> Origin {
    let line = low & low_bits(LINE_BITS) | (high & low_bits(HIGH_LINE_BITS)) << LINE_BITS;
    let source = low >> LINE_BITS & low_bits(SOURCE_BITS) | high >> HIGH_LINE_BITS << SOURCE_BITS;
    Origin { source: SourceId(source as u32), line }
}

impl Slots {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, at: usize) -> &Slot {
        &self.all[at]
    }

    /// Returns what is compared of a packet.
    pub(super) fn known(&self, at: usize) -> Known {
        let slot = &self.all[at];
        let (Slot { key, machine, stamp, .. }, fraction) = (*slot, slot.fraction());
        let rare = self.rare.as_ref();
        let (sequence, other) =
            rare.map(|rare| (rare.sequences.get(at), rare.others.get(at))).unwrap_or_default();
        Known { print: Print { key, machine, sequence, stamp, fraction }, other }
    }

    /// Returns the place of the first line about a packet.
    pub(super) fn origin(&self, at: usize) -> Origin {
        joined(self.all[at].place, self.rare.as_ref().map_or(0, |rare| rare.highest.get(at)))
    }

    /// Adds the packet that came last.
    #[inline]
    pub(super) fn push(&mut self, print: Print, (origin, group): (Origin, u32), link: Link) {
        let Print { key, machine, sequence, stamp, fraction } = print;
        let ((place, high), (bits, before)) = (split(origin), link.parts());
        let place = place | u64::from(fraction.0) << FRACTION_AT | bits;
        self.all.push_back(Slot { key, machine, stamp, before, group, place });
        if self.rare.is_some() || sequence != Sequence::default() || high != 0 {
            let rare = self.rare.get_or_insert_default();
            rare.sequences.push(sequence, &self.all);
            rare.others.push(MachineMark::NONE, &self.all);
            rare.highest.push(high, &self.all);
            rare.ranks.push(None, &self.all);
        }
    }

    /// Removes the packet that came first.
    pub(super) fn pop(&mut self) -> Option<Slot> {
        if let Some(rare) = &mut self.rare {
            rare.sequences.pop();
            rare.others.pop();
            rare.highest.pop();
            rare.ranks.pop();
        }
        self.all.pop_front()
    }

    pub(super) fn set_link(&mut self, at: usize, link: Link) {
        self.all[at].set_link(link);
    }

    /// Notes the stamp of another line about a packet whose first line has none.
    pub(super) fn set_stamp(&mut self, at: usize, stamp: Stamp) {
        let first = self.rank(at);
        self.all[at].stamp = stamp;
        self.set_rank(at, first);
    }

    /// Returns the rank of the stamp in the first line about a packet.
    pub(super) fn rank(&self, at: usize) -> StampRank {
        let noted = self.rare.as_ref().and_then(|rare| rare.ranks.get(at));
        noted.unwrap_or(self.all[at].rank())
    }

    fn set_rank(&mut self, at: usize, rank: StampRank) {
        let rank = Some(rank).filter(|rank| *rank != self.all[at].rank());
        if rank.is_some() || self.rare.is_some() {
            self.rare.get_or_insert_default().ranks.set(at, rank, &self.all);
        }
    }

    /// Notes another name of a packet's machine.
    pub(super) fn set_other(&mut self, at: usize, machine: MachineMark) {
        self.rare.get_or_insert_default().others.set(at, machine, &self.all);
    }

    /// Notes another first line about a packet, which names its machine so and has a stamp of this
    /// rank. Returns the group in which the packet was counted before.
    pub(super) fn set_first(
        &mut self,
        at: usize,
        (origin, group): (Origin, u32),
        (machine, rank): (MachineMark, StampRank),
    ) -> u32 {
        let (place, high) = split(origin);
        let slot = &mut self.all[at];
        let first = std::mem::replace(&mut slot.machine, machine);
        let place = place | u64::from(rank.fraction.0) << FRACTION_AT;
        slot.place = slot.place & !low_bits(LINK_AT) | place;
        let counted = std::mem::replace(&mut slot.group, group);
        self.set_rank(at, rank);
        if high != 0 || self.rare.is_some() {
            self.rare.get_or_insert_default().highest.set(at, high, &self.all);
        }
        if first != machine {
            self.set_other(at, first);
        }
        counted
    }
}

/// A value of each packet, where most logs show the default only. It is empty until another comes,
/// and takes one value for each packet from then on.
#[derive(Debug, Clone, Default)]
struct Column<T>(VecDeque<T>);

impl<T: Copy + Default + PartialEq> Column<T> {
    fn get(&self, at: usize) -> T {
        self.0.get(at).copied().unwrap_or_default()
    }

    /// Adds the value of the packet that is the last one of all.
    fn push(&mut self, value: T, all: &VecDeque<Slot>) {
        if !self.0.is_empty() {
            self.0.push_back(value);
        } else if value != T::default() {
            self.set(all.len() - 1, value, all);
        }
    }

    fn set(&mut self, at: usize, value: T, all: &VecDeque<Slot>) {
        if self.0.is_empty() {
            if value == T::default() {
                return;
            }
            self.0.reserve_exact(all.capacity());
            self.0.resize(all.len(), T::default());
        }
        self.0[at] = value;
    }

    fn pop(&mut self) {
        self.0.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{LogTime, Timestamp};

    fn print(machine: u32, sequence: Option<u16>) -> Print {
        Print {
            key: Key { text: 1, when: 2 },
            machine: MachineMark(machine),
            sequence: Sequence(sequence),
            stamp: Stamp::NONE,
            fraction: Fraction::NONE,
        }
    }

    #[test]
    fn a_packet_takes_forty_bytes() {
        assert_eq!(size_of::<Slot>(), 40);
        assert_eq!(size_of::<Option<StampRank>>(), 16, "where two lines show unlike seconds");
    }

    #[test]
    fn every_place_and_link_is_given_back() {
        let mut slots = Slots::default();
        let numbers = [0, 1, (1 << SOURCE_BITS) - 1, 1 << SOURCE_BITS, u32::MAX];
        let lines = [0, 1, (1 << LINE_BITS) - 1, 1 << LINE_BITS, u64::MAX];
        let links = [
            Link::Text,
            Link::First,
            Link::Behind { before: u32::MAX, is_latest: false },
            Link::Behind { before: 0, is_latest: true },
        ];
        let origins = numbers.map(|n| lines.map(|line| Origin { source: SourceId(n), line }));
        let all: Vec<_> =
            origins.iter().flatten().flat_map(|at| links.map(|to| (*at, to))).collect();
        for (origin, link) in &all {
            slots.push(print(0, None), (*origin, 7), *link);
        }
        let given = |slots: &Slots, at| (slots.origin(at), slots.get(at).link());
        for (at, known) in all.iter().enumerate() {
            assert_eq!(given(&slots, at), *known);
        }
        // Each place goes to a packet of another link.
        for (at, (origin, _)) in all.iter().rev().enumerate() {
            let told = (MachineMark(0), Stamp::NONE.rank(Fraction::NONE));
            assert_eq!(slots.set_first(at, (*origin, 8), told), 7);
        }
        for (at, ((origin, _), (_, link))) in all.iter().rev().zip(&all).enumerate() {
            assert_eq!(given(&slots, at), (*origin, *link));
        }
    }

    #[test]
    fn rare_values_take_room_when_they_come_and_go_with_their_packets() {
        let mut slots = Slots::default();
        let at = |line| Origin { source: SourceId(0), line };
        for line in 0..3 {
            slots.push(print(5, None), (at(line), 0), Link::Text);
        }
        assert!(slots.rare.is_none());
        slots.push(print(5, Some(9)), (at(1 << 50), 0), Link::Text);
        slots.set_other(1, MachineMark(6));
        let shown = |slots: &Slots, n| {
            let known = slots.known(n);
            (known.print.sequence.0, known.other.0, slots.origin(n).line)
        };
        let all = |slots: &Slots| (0..slots.len()).map(|n| shown(slots, n)).collect::<Vec<_>>();
        assert_eq!(all(&slots), [(None, 0, 0), (None, 6, 1), (None, 0, 2), (Some(9), 0, 1 << 50)]);
        slots.pop();
        slots.push(print(5, None), (at(4), 0), Link::Text);
        assert_eq!(all(&slots), [(None, 6, 1), (None, 0, 2), (Some(9), 0, 1 << 50), (None, 0, 4)]);
        while slots.pop().is_some() {}
        let lengths =
            |rare: &Rare| (rare.sequences.0.len(), rare.others.0.len(), rare.highest.0.len());
        assert_eq!(slots.rare.as_ref().map(lengths), Some((0, 0, 0)));
    }

    #[test]
    fn the_rank_of_a_stamp_is_that_of_the_first_line() {
        let time = LogTime::Instant(Timestamp::from_nanos(9_125_000_000));
        let shown = Stamp::of(time, Some(7));
        let (instant, none) =
            (shown.rank(Fraction::of(time)), Stamp::NONE.rank(Fraction::of(LogTime::Unknown)));
        let whole = shown.rank(Fraction::NONE);
        assert!(instant < whole && whole < none);
        let mut slots = Slots::default();
        for line in 0..3 {
            slots.push(print(5, None), (Origin { source: SourceId(0), line }, 0), Link::Text);
        }
        slots.set_stamp(1, shown);
        assert_eq!([0, 1, 2].map(|at| slots.rank(at)), [none; 3], "a further line showed it");
        slots.set_first(1, (Origin { source: SourceId(0), line: 7 }, 0), (MachineMark(5), instant));
        assert_eq!([0, 1, 2].map(|at| slots.rank(at)), [none, instant, none]);
        assert_eq!((slots.origin(1).line, slots.get(1).link()), (7, Link::Text));
        slots.pop();
        assert_eq!([0, 1].map(|at| slots.rank(at)), [instant, none]);
    }
}
