//! One container's row: packed, for there may be ten million of them.

use crate::event::Moment;
use crate::evidence::{Origin, SourceId};
use crate::guid::GuidPrefix;
use crate::time::Timestamp;

/// No value in a slot. All slots of a row but its times are numbers of values that are kept elsewhere.
pub(super) const NONE: u32 = u32::MAX;

/// No line.
pub(super) const NO_ORIGIN: Origin = Origin { source: SourceId(u32::MAX), line: u64::MAX };

/// All that is known of one container but for what lines contradict. 80 bytes, which a test holds.
///
/// Each part grows by a rule that gives the same whatever the order (a minimum, a maximum, an "or"), so rows can be merged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// The GUID that the handle begins with; 0 if it begins with none.
    pub(super) bits: u128,
    /// [`Times`] without its flag, which as a field of them would cost 16 bytes of padding.
    first: i64,
    last: i64,
    held: i64,
    ended: i64,
    /// The values of the fields, by [`Field`].
    pub(super) slots: [u32; FIELDS],
    /// The handle's text, if it is not just a GUID.
    pub(super) text: u32,
    /// Characters of a handle that is a GUID; 0 for text.
    pub(super) len: u8,
    is_start_known: bool,
}

/// What lines say of a container, each a slot of its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Field {
    /// What runs in it.
    Process,
    /// The app that a line names outright.
    App,
    /// The instance, from 0.
    Index,
    /// The cell's own name for itself.
    Cell,
    /// The name under which the machine's lines reach us.
    Machine,
    /// Its address. There may be two, of either family.
    Address,
}

pub(super) const FIELDS: usize = 6;

impl Field {
    pub(super) const ALL: [Self; FIELDS] =
        [Self::Process, Self::App, Self::Index, Self::Cell, Self::Machine, Self::Address];

    /// True if a container has one at most, so that a second value contradicts the first.
    pub(super) const fn is_single(self) -> bool {
        matches!(self, Self::Process | Self::App | Self::Index | Self::Cell)
    }
}

/// When a container was there, in milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    /// The earliest line.
    pub(super) first: i64,
    /// The latest line.
    pub(super) last: i64,
    /// Since when it surely had its address: it was made, or a line shows the address.
    pub(super) held: i64,
    /// When it was gone.
    pub(super) ended: i64,
    /// A line tells of its making.
    pub(super) is_start_known: bool,
}

impl Times {
    pub(super) const UNKNOWN: Self = Self {
        first: i64::MAX,
        last: i64::MIN,
        held: i64::MAX,
        ended: i64::MAX,
        is_start_known: false,
    };

    /// What one line tells.
    pub(super) fn of(moment: Moment, time: Option<Timestamp>, shows_address: bool) -> Self {
        let Some(time) = time else { return Self::UNKNOWN };
        let at = millis(time);
        let is_start_known = moment == Moment::Created;
        let or_never = |holds: bool| if holds { at } else { i64::MAX };
        Self {
            first: at,
            last: at,
            held: or_never(is_start_known || shows_address),
            ended: or_never(moment == Moment::Destroyed),
            is_start_known,
        }
    }

    /// What both tell together.
    pub(super) fn joined(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            held: self.held.min(other.held),
            ended: self.ended.min(other.ended),
            is_start_known: self.is_start_known || other.is_start_known,
        }
    }

    pub(super) const fn is_end_known(self) -> bool {
        self.ended != i64::MAX
    }

    pub(super) const fn are_known(self) -> bool {
        self.first != i64::MAX
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
        let Times { first, last, held, ended, is_start_known } = Times::UNKNOWN;
        let slots = [NONE; FIELDS];
        Self { bits, first, last, held, ended, slots, text, len, is_start_known }
    }

    pub(super) const fn times(&self) -> Times {
        let Self { first, last, held, ended, is_start_known, .. } = *self;
        Times { first, last, held, ended, is_start_known }
    }

    pub(super) const fn set_times(&mut self, times: Times) {
        let Times { first, last, held, ended, is_start_known } = times;
        (self.first, self.last) = (first, last);
        (self.held, self.ended) = (held, ended);
        self.is_start_known = is_start_known;
    }

    pub(super) const fn slot(&self, field: Field) -> Option<u32> {
        match self.slots[field as usize] {
            NONE => None,
            value => Some(value),
        }
    }

    /// The handle, if it is a GUID or 28 characters of one.
    pub(super) fn guid(&self) -> Option<GuidPrefix> {
        if self.len == 0 {
            return None;
        }
        GuidPrefix::from(crate::guid::Guid::from_u128(self.bits)).truncated(usize::from(self.len))
    }

    /// True if the handle is a GUID, or 28 characters of one, and begins with these.
    pub(super) fn begins(&self, shown: GuidPrefix) -> bool {
        let (low, high) = shown.range();
        (low..=high).contains(&self.bits) && shown.len() <= usize::from(self.len)
    }
}

/// The lines that say who a container is.
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
        assert_eq!(size_of::<Row>(), 80);
    }
}
