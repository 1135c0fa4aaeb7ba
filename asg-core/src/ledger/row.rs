//! One container's row, packed, because there may be ten million of them.

use crate::event::Moment;
use crate::evidence::{Origin, SourceId};
use crate::guid::GuidPrefix;
use crate::time::Timestamp;

/// No value in a slot. All slots of a row except its times are numbers of values that are kept
/// elsewhere.
pub(super) const NONE: u32 = u32::MAX;

/// No line.
pub(super) const NO_ORIGIN: Origin = Origin { source: SourceId(u32::MAX), line: u64::MAX };

/// The facts about one container, without the values that lines contradict. It has 96 bytes, which
/// a test checks.
///
/// Each part grows by a rule that gives one result for any order (a minimum, a maximum, an "or"),
/// so rows can be merged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// The GUID at the beginning of the handle; 0 without one.
    pub(super) bits: u128,
    /// [`Times`] without its flags, which as separate fields would cost 16 bytes of padding.
    first: i64,
    last: i64,
    spoken: i64,
    ran: i64,
    held: i64,
    ended: i64,
    /// The values of the fields, by [`Field`].
    pub(super) slots: [u32; FIELDS],
    /// The handle's text, if it is not just a GUID.
    pub(super) text: u32,
    /// Characters of a handle that is a GUID; 0 for text.
    pub(super) len: u8,
    pub(super) flags: Flags,
}

/// Yes-or-no facts about a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Flags(pub(super) u8);

impl Flags {
    /// A line logs its making.
    pub(super) const START: u8 = 1;
    /// The time since when it had its address is by the cell's own clock.
    pub(super) const HELD_OWN: u8 = 2;
    /// The time when it was gone is by the cell's own clock.
    pub(super) const ENDED_OWN: u8 = 4;
    /// A line about it contradicts itself.
    pub(super) const GARBLED: u8 = 8;
    /// A line about it does not contradict itself.
    pub(super) const CLEAR: u8 = 16;
    /// A line shows that a task runs in it.
    pub(super) const TASK: u8 = 32;
    /// A line shows that an app is staged in it.
    pub(super) const STAGING: u8 = 64;
    pub(super) const ALL: u8 = 127;

    pub(super) const fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    pub(super) const fn set(&mut self, flag: u8, is_set: bool) {
        self.0 = if is_set { self.0 | flag } else { self.0 & !flag };
    }
}

/// The facts about a container in lines, each a slot of its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Field {
    /// The process in it.
    Process,
    /// The app that a line names outright.
    App,
    /// The index of the instance, from 0.
    Index,
    /// The cell's own name for itself.
    Cell,
    /// The name of the machine in its log lines.
    Machine,
    /// Its address. There may be two, of either family.
    Address,
}

pub(super) const FIELDS: usize = 6;

impl Field {
    pub(super) const ALL: [Self; FIELDS] =
        [Self::Process, Self::App, Self::Index, Self::Cell, Self::Machine, Self::Address];
}

/// The times of a container, in milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    /// The earliest line.
    pub(super) first: i64,
    /// The latest line.
    pub(super) last: i64,
    /// The latest line of the cell's own; without one, the smallest number.
    pub(super) spoken: i64,
    /// The latest line of the cell's own that shows it running; without one, the smallest number.
    pub(super) ran: i64,
    /// The time since when it surely had its address: it was made, or a line shows the address.
    pub(super) held: Moved,
    /// The time when it was gone.
    pub(super) ended: Moved,
    /// Whether a line logs its making.
    pub(super) is_start_known: bool,
}

/// The earliest time of an event: by the cell's own clock if any line shows that, because others
/// may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moved {
    /// The largest number if it is not known.
    pub(super) at: i64,
    pub(super) is_own: bool,
}

impl Moved {
    pub(super) const NEVER: Self = Self { at: i64::MAX, is_own: false };

    const fn of(at: i64, is_own: bool) -> Self {
        Self { at, is_own }
    }

    fn joined(self, other: Self) -> Self {
        match (self.is_own, other.is_own) {
            (true, false) => self,
            (false, true) => other,
            _ => Self { at: self.at.min(other.at), ..self },
        }
    }

    pub(super) const fn is_known(self) -> bool {
        self.at != i64::MAX
    }

    /// Returns its possible error.
    pub(super) const fn tolerance(self) -> i64 {
        if self.is_own { 0 } else { CLOCK_TOLERANCE_MILLIS }
    }
}

/// The maximum difference between the clocks of cells and of the machine that stamps a line; a
/// smaller difference contradicts nothing.
pub(super) const CLOCK_TOLERANCE_MILLIS: i64 = 120_000;

impl Times {
    pub(super) const UNKNOWN: Self = Self {
        first: i64::MAX,
        last: i64::MIN,
        spoken: i64::MIN,
        ran: i64::MIN,
        held: Moved::NEVER,
        ended: Moved::NEVER,
        is_start_known: false,
    };

    /// Returns the times from one line.
    pub(super) fn of(
        moment: Moment,
        time: Option<Timestamp>,
        shows_address: bool,
        is_own: bool,
    ) -> Self {
        let Some(time) = time else { return Self::UNKNOWN };
        let at = millis(time);
        let is_start_known = moment == Moment::Created;
        let has_run = matches!(moment, Moment::Created | Moment::Running);
        let or_never = |holds: bool| if holds { Moved::of(at, is_own) } else { Moved::NEVER };
        let own_or_never = |holds: bool| if holds && is_own { at } else { i64::MIN };
        Self {
            first: at,
            last: at,
            spoken: own_or_never(true),
            ran: own_or_never(has_run),
            held: or_never(is_start_known || shows_address),
            ended: or_never(moment == Moment::Destroyed),
            is_start_known,
        }
    }

    /// Returns the times from both together.
    pub(super) fn joined(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            spoken: self.spoken.max(other.spoken),
            ran: self.ran.max(other.ran),
            held: self.held.joined(other.held),
            ended: self.ended.joined(other.ended),
            is_start_known: self.is_start_known || other.is_start_known,
        }
    }

    pub(super) const fn is_end_known(self) -> bool {
        self.ended.is_known()
    }

    pub(super) const fn are_known(self) -> bool {
        self.first != i64::MAX
    }

    /// Returns whether it ran on its cell after the cell logged its end.
    pub(super) const fn has_run_after_its_end(self) -> bool {
        self.ended.is_own && self.ran > self.ended.at.saturating_add(CLOCK_TOLERANCE_MILLIS)
    }

    /// Returns the bounds of its life, with the error of other clocks.
    pub(super) const fn life(self) -> (i64, i64) {
        let born = if self.is_start_known {
            self.first.saturating_sub(CLOCK_TOLERANCE_MILLIS)
        } else {
            i64::MIN
        };
        let dead = if self.is_end_known() {
            self.last.saturating_add(CLOCK_TOLERANCE_MILLIS)
        } else {
            i64::MAX
        };
        (born, dead)
    }

    /// Between which it surely had its address, by the clock of its cell: it was made, or showed
    /// the address, before; and it was destroyed, or spoken of some time, after. Times by another
    /// clock count with what that may be out.
    pub(super) fn lease(self) -> (i64, i64) {
        let (from, to) = self.lease_elsewhere();
        (from, if self.is_end_known() { to } else { to.max(self.ran) })
    }

    /// The interval for another cell, whose clock may be out: where no end is known, what happened
    /// after the last line of the container's cell may not have been logged.
    pub(super) const fn lease_elsewhere(self) -> (i64, i64) {
        let from = self.held.at.saturating_add(self.held.tolerance());
        // The last line about a container may be about its remains.
        let to = if self.is_end_known() {
            self.ended.at.saturating_sub(self.ended.tolerance())
        } else if self.spoken != i64::MIN {
            self.spoken.saturating_sub(CLOCK_TOLERANCE_MILLIS)
        } else {
            self.last.saturating_sub(2 * CLOCK_TOLERANCE_MILLIS)
        };
        (from, to)
    }

    /// Between which it may have had its address, by the clock of its cell.
    pub(super) fn lease_about(self) -> (i64, i64) {
        if !self.held.is_known() {
            return (i64::MAX, i64::MIN);
        }
        let from = self.held.at.saturating_sub(self.held.tolerance());
        let to = if self.is_end_known() {
            self.ended.at.saturating_add(self.ended.tolerance())
        } else {
            self.last
        };
        (from, to.max(from))
    }
}

pub(super) fn millis(time: Timestamp) -> i64 {
    time.as_nanos().div_euclid(1_000_000)
}

pub(super) fn instant(millis: i64) -> Timestamp {
    Timestamp::from_nanos(millis.saturating_mul(1_000_000))
}

impl Row {
    pub(super) const fn new(bits: u128, len: u8, text: u32) -> Self {
        let Times { first, last, spoken, ran, held, ended, .. } = Times::UNKNOWN;
        Self {
            bits,
            first,
            last,
            spoken,
            ran,
            held: held.at,
            ended: ended.at,
            slots: [NONE; FIELDS],
            text,
            len,
            flags: Flags(0),
        }
    }

    pub(super) const fn times(&self) -> Times {
        let Self { first, last, spoken, ran, held, ended, flags, .. } = *self;
        Times {
            first,
            last,
            spoken,
            ran,
            held: Moved::of(held, flags.has(Flags::HELD_OWN)),
            ended: Moved::of(ended, flags.has(Flags::ENDED_OWN)),
            is_start_known: flags.has(Flags::START),
        }
    }

    pub(super) const fn set_times(&mut self, times: Times) {
        let Times { first, last, spoken, ran, held, ended, is_start_known } = times;
        (self.first, self.last) = (first, last);
        (self.spoken, self.ran) = (spoken, ran);
        (self.held, self.ended) = (held.at, ended.at);
        self.flags.set(Flags::START, is_start_known);
        self.flags.set(Flags::HELD_OWN, held.is_own);
        self.flags.set(Flags::ENDED_OWN, ended.is_own);
    }

    /// Returns the GUID, and the number of its characters in the handle.
    pub(super) const fn key(&self) -> (u128, u8) {
        (self.bits, self.len)
    }

    pub(super) const fn slot(&self, field: Field) -> Option<u32> {
        match self.slots[field as usize] {
            NONE => None,
            value => Some(value),
        }
    }

    /// Returns the handle, if it is a GUID or 28 characters of one.
    pub(super) fn guid(&self) -> Option<GuidPrefix> {
        if self.len == 0 {
            return None;
        }
        GuidPrefix::from(crate::guid::Guid::from_u128(self.bits)).truncated(usize::from(self.len))
    }
}

/// The lines that identify a container.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origins {
    pub(super) process: Origin,
    pub(super) app: Origin,
    pub(super) first: Origin,
}

impl Origins {
    pub(super) const NONE: Self = Self { process: NO_ORIGIN, app: NO_ORIGIN, first: NO_ORIGIN };

    pub(super) const fn of(&mut self, field: Field) -> Option<&mut Origin> {
        match field {
            Field::Process => Some(&mut self.process),
            Field::App => Some(&mut self.app),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_as_small_as_it_says() {
        assert_eq!(size_of::<Row>(), 96);
    }
}
