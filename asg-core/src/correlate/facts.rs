//! The evidence that both phases share, and the answers that all packets of a group have.

use super::gather::{Cell, Cells, Group, GroupName, Groups, Shown, Span};
use super::state::State;
use crate::clock::{Between, KnownTimes};
use crate::evidence::{Interface, NameKind};
use crate::guid::Guid;
use crate::ledger::attribution::{Attribution, Detached, Owners, Reason};
use crate::ledger::{Lifetime, Sighting};
use crate::prefix::{LogPrefix, Subject};
use crate::time::{LogTime, TimeRange, Timestamp};

/// The common data of both phases.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) state: State,
    pub(super) times: KnownTimes<'static>,
    pub(super) cells: Cells,
    /// By the numbers of `cells`.
    pub(super) machines: Vec<Cell>,
    pub(super) groups: Groups,
    /// By the numbers of `groups`.
    pub(super) counted: Vec<Group>,
}

/// The facts, and the answers that do not depend on a packet's time.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) facts: Facts,
    /// By the numbers of groups: the answer that all of their packets have, if there is one.
    pub(super) of_groups: Vec<Option<Detached>>,
}

/// When packets that have one answer were logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "callers treat each")]
pub enum CountedTimes {
    /// The [time](super::Flow::time) of the first and of the last.
    Between(Timestamp, Timestamp),
    /// No line shows when.
    Nothing,
    /// Their times are only in their lines.
    Unsettled,
}

impl CountedTimes {
    /// Returns the times of both.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Between(a, b), Self::Between(c, d)) => Self::Between(a.min(c), b.max(d)),
            (Self::Nothing, Self::Nothing) => Self::Nothing,
            _ => Self::Unsettled,
        }
    }
}

/// Whether the packets of a group have one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// All packets have the answer for this time, which may be that no time is known.
    OfAll(Option<TimeRange>),
    /// It depends on the packet's time.
    PerPacket,
}

impl Answers {
    /// Finds the answer of each group whose packets have one answer.
    pub(super) fn new(facts: Facts) -> Self {
        let groups = facts.groups.all().iter().zip(&facts.counted);
        let answer = |(name, group)| match facts.answer(name, group) {
            Answer::OfAll(time) => Some(facts.attribute(name, time).detach()),
            Answer::PerPacket => None,
        };
        let of_groups = groups.map(answer).collect();
        Self { facts, of_groups }
    }

    /// Returns whether all packets of a group have one answer.
    pub(super) fn is_one(&self, group: u32) -> bool {
        self.of_groups[group as usize].is_some()
    }
}

impl Facts {
    /// Returns the groups that have packets.
    pub(super) fn groups(&self) -> impl Iterator<Item = (&GroupName, &Group)> {
        self.groups.all().iter().zip(&self.counted).filter(|(_, group)| group.packets > 0)
    }

    /// Returns the owner of a packet of this group at this time.
    pub(super) fn attribute(&self, name: &GroupName, time: Option<TimeRange>) -> Attribution<'_> {
        let Some(cf) = name.cf() else { return Attribution::unknown(name.foreign()) };
        let (cell, kind) = named(self.machines[name.cell() as usize].name.as_ref());
        let (address, interface) = (name.address(), name.interface());
        let seen = Sighting { cell, time, kind, address, interface };
        self.state.ledger.attribute(&cf, &seen)
    }

    /// Adds all owners that a packet of this group may have at any time. Returns whether its prefix
    /// shows an app that no line names.
    pub(super) fn add_candidates(
        &self,
        cf: &LogPrefix<'_>,
        name: &GroupName,
        wanted: &mut Vec<Guid>,
    ) -> bool {
        let ledger = &self.state.ledger;
        let (cell, kind) = named(self.machines[name.cell() as usize].name.as_ref());
        let (address, interface) = (name.address(), name.interface());
        let seen = Sighting { cell, time: None, kind, address, interface };
        let answer = ledger.attribute(cf, &seen);
        wanted.extend(answer.subject());
        if let Owners::Several(all) = &answer.owners {
            wanted.extend(all.iter().copied().filter_map(Lifetime::subject));
        }
        if let Some(address) = name.address() {
            wanted.extend(ledger.had_address(address).filter_map(Lifetime::subject));
        }
        answer.reason == Reason::UnknownApp
    }

    /// Returns when the packets of a group were logged.
    pub(super) fn counted_times(&self, name: &GroupName, group: &Group) -> CountedTimes {
        if group.has_lost {
            return CountedTimes::Unsettled;
        }
        let boots = group.spans.all().map(|span| self.times_of_boot(name, span));
        boots.reduce(CountedTimes::and).unwrap_or(CountedTimes::Unsettled)
    }

    fn times_of_boot(&self, name: &GroupName, span: Span) -> CountedTimes {
        let Span::Between(first, last) = span else { return CountedTimes::Unsettled };
        if let (Shown { time: LogTime::Unknown, uptime: None }, _) = (first, last) {
            return CountedTimes::Nothing;
        }
        let cell = &self.machines[name.cell() as usize];
        let source = self.cells.all()[name.cell() as usize].source();
        let corners = [first, last].map(|shown| (shown.uptime, shown.time));
        let ends = self.times.ends(source, cell.clock, corners);
        ends.map_or(CountedTimes::Unsettled, |[first, last]| CountedTimes::Between(first, last))
    }

    /// Returns whether the packets of a group have the same answer at any time, because no
    /// container comes into question.
    fn is_timeless(&self, name: &GroupName) -> bool {
        let had = |address| self.state.ledger.had_address(address).next().is_some();
        match self.attribute(name, None).reason {
            Reason::NoEvidence
            | Reason::UnknownHandle
            | Reason::PrefixTooShort
            | Reason::HealthCheck => true,
            Reason::NoOwnerInPrefix => {
                let of_interface = name.interface().and_then(Interface::address);
                ![name.address(), of_interface].into_iter().flatten().any(had)
            }
            _ => false,
        }
    }

    /// Finds the answer of all packets of a group, if they have one.
    ///
    /// A container lives once. So if one container is the owner at both ends of a span, and no
    /// other comes into question within it, the container is the owner all the time. An answer for
    /// want of evidence does not depend on time.
    pub(super) fn answer(&self, name: &GroupName, group: &Group) -> Answer {
        // A prefix that names nobody, or an app outright, means that at any time.
        if name.cf().is_none_or(|cf| cf.subject == Subject::App) || self.is_timeless(name) {
            return Answer::OfAll(None);
        }
        let boots = group.spans.all().map(|span| self.answer_of_boot(name, span));
        boots.reduce(|one, other| self.both(name, one, other)).unwrap_or(Answer::PerPacket)
    }

    /// Returns the answer of all packets of two boots, if they have one.
    fn both(&self, name: &GroupName, one: Answer, other: Answer) -> Answer {
        match (one, other) {
            (Answer::OfAll(first), Answer::OfAll(second)) => {
                let [one, other] = [first, second].map(|time| self.attribute(name, time).detach());
                if one == other { Answer::OfAll(second) } else { Answer::PerPacket }
            }
            _ => Answer::PerPacket,
        }
    }

    /// Finds the answer of a group's packets of one boot, if they have one.
    fn answer_of_boot(&self, name: &GroupName, span: Span) -> Answer {
        let Span::Between(first, last) = span else { return Answer::PerPacket };
        let cell = &self.machines[name.cell() as usize];
        let source = self.cells.all()[name.cell() as usize].source();
        let times = &self.times;
        if let (LogTime::Unknown, LogTime::Unknown) = (first.time, last.time) {
            let has_no_time = self.state.policy.boot.is_none()
                && (first.uptime.is_none() || !times.knows(source, cell.clock));
            return if has_no_time { Answer::OfAll(None) } else { Answer::PerPacket };
        }
        let corners = [first, last].map(|shown| (shown.uptime, shown.time));
        let Some(Between { whole, first, last }) = times.between(source, cell.clock, corners)
        else {
            return Answer::PerPacket;
        };
        let answer = self.attribute(name, Some(whole));
        let may_be_another = matches!(
            answer.reason,
            Reason::AmbiguousHandlePrefix
                | Reason::AmbiguousAppPrefix
                | Reason::NoOwnerInPrefix
                | Reason::AddressLease
        );
        let is_everywhere = || {
            let ends = [first, last].map(|end| self.attribute(name, Some(end.into())));
            ends.iter().all(|end| is_same(end, &answer))
        };
        if !may_be_another && is_everywhere() {
            Answer::OfAll(Some(whole))
        } else {
            Answer::PerPacket
        }
    }
}

/// Returns a machine's name, and its kind.
pub(super) fn named(name: Option<&(Box<str>, NameKind)>) -> (Option<&str>, NameKind) {
    match name {
        Some((name, kind)) => (Some(name), *kind),
        None => (None, NameKind::Unknown),
    }
}

/// Returns whether both name the same owner for the same reason.
fn is_same(a: &Attribution<'_>, b: &Attribution<'_>) -> bool {
    let words = |it: &Attribution<'_>| (it.certainty, it.reason, it.subject());
    words(a) == words(b) && a.container() == b.container()
}
