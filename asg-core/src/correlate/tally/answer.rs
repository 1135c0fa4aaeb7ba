//! Which answer a group of packets has: one for all of them, or one for each of several times.

use super::groups::{GroupKey, GroupName, Span};
use super::{Counted, Group, Tally};
use crate::clock::KnownTimes;
use crate::completeness::Limit;
use crate::correlate::{Correlator, own_address};
use crate::evidence::{NameKind, Origin};
use crate::guid::Guid;
use crate::ledger::Sighting;
use crate::ledger::attribution::{Attribution, Reason};
use crate::line::Line;
use crate::names::identity::Identity;
use crate::prefix::Subject;
use crate::record::Record;
use crate::time::{LogTime, TimeRange, Timestamp};

const SECOND_NANOS: i64 = 1_000_000_000;

impl Tally {
    /// True if every group has one answer. If not, all lines are to be shown once more, to [`Tally::read_again`], before
    /// anything is given.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.groups().all(|(name, group)| self.one_time(name, group).is_some())
    }

    /// Looks at a line once more, for the groups that have no one answer.
    pub fn read_again(&mut self, origin: Origin, line: &[u8]) {
        let line = Line::new(line);
        let record = Record::read(&line);
        let Some((packet, cf)) = record.packet() else { return };
        if self.correlator.reports.is_copy(origin) {
            return;
        }
        let seeds = self.correlator.reports.seeds();
        let cell = self.cells.see(origin.source, &record.envelope, seeds);
        let address = cf.and_then(|cf| own_address(packet, cf));
        let whose = (packet.prefix.as_bytes(), cf);
        let limit = Limit::of(whose.0, cf, packet.ip.proto_num);
        let key = GroupKey::of(cell, &record.envelope, whose, address, limit, seeds);
        let Some(n) = self.groups.find(key) else { return };
        let (name, group) = (&self.groups.all()[n as usize], &self.counted[n as usize]);
        if group.answers.is_empty() && self.one_time(name, group).is_some() {
            return;
        }
        let time = self.times().when(origin.source, &record.envelope).map(|when| when.range);
        let answer = self.attribute(name, time);
        let is_it = |(known, _): &(_, u64)| is_same(&self.attribute(name, *known), &answer);
        let known = group.answers.iter().position(is_it);
        let answers = &mut self.counted[n as usize].answers;
        match known {
            Some(known) => answers[known].1 += 1,
            None => answers.push((time, 1)),
        }
    }

    /// Gives the packets that have one answer, group by group. `resolve` is asked as by
    /// [`Correlator::flows`](crate::Correlator::flows), for all owners together.
    pub fn give(
        &mut self,
        mut resolve: impl FnMut(&[Guid]) -> Vec<Identity>,
        mut each: impl FnMut(&Counted<'_>),
    ) {
        let answers: Vec<_> = self.answers().collect();
        let mut wanted = Vec::new();
        let mut names_apps = false;
        for (n, time, _) in &answers {
            let answer = self.attribute(&self.groups.all()[*n], *time);
            wanted.extend(answer.subject());
            names_apps |= answer.reason == Reason::UnknownApp;
        }
        self.correlator.learn_owners(wanted, names_apps, &mut resolve);
        for (n, time, packets) in answers {
            let name = &self.groups.all()[n];
            let attribution = self.attribute(name, time);
            let subject = attribution.subject();
            let identity = subject.and_then(|guid| self.correlator.identities.get(&guid));
            each(&Counted { packets, cf: name.cf(), attribution, identity });
        }
    }

    fn groups(&self) -> impl Iterator<Item = (&GroupName, &Group)> {
        self.groups.all().iter().zip(&self.counted).filter(|(_, group)| group.packets > 0)
    }

    /// The numbers of all groups, each with a time for which its answer holds, and how many packets it is of.
    fn answers(&self) -> impl Iterator<Item = (usize, Option<TimeRange>, u64)> {
        let counted = self.counted.iter().enumerate().filter(|(_, group)| group.packets > 0);
        counted.flat_map(|(n, group)| {
            let time = || self.one_time(&self.groups.all()[n], group).unwrap_or_default();
            let whole = group.answers.is_empty().then(|| (n, time(), group.packets));
            let parts = group.answers.iter().map(move |(time, packets)| (n, *time, *packets));
            whole.into_iter().chain(parts)
        })
    }

    fn attribute(&self, name: &GroupName, time: Option<TimeRange>) -> Attribution<'_> {
        let Some(cf) = name.cf() else { return Attribution::unknown(Reason::NotCloudFoundry) };
        let (cell, kind) = match &self.cell_facts[name.cell() as usize].name {
            Some((name, kind)) => (Some(&**name), *kind),
            None => (None, NameKind::Unknown),
        };
        let seen = Sighting { cell, kind, time, address: name.address(), interface: None };
        self.correlator.ledger.attribute(&cf, &seen)
    }

    fn times(&self) -> &KnownTimes<'static> {
        let Correlator { clocks, policy, .. } = &self.correlator;
        self.times.get_or_init(|| clocks.clone().into_complete(policy))
    }

    /// A time whose answer is that of every packet of the group, perhaps that no time is known; `None` if there may be
    /// several answers.
    ///
    /// A container lives once. So who is the one owner at both ends of a time, and is the only one in question all the
    /// while, was it always. An answer for want of evidence does not depend on time.
    #[expect(clippy::option_option, reason = "an answer, if there is one, may be that of no time")]
    fn one_time(&self, name: &GroupName, group: &Group) -> Option<Option<TimeRange>> {
        // Whose prefix names nobody, or an app outright, it was at any time.
        if name.cf().is_none_or(|cf| cf.subject == Subject::App) {
            return Some(None);
        }
        let Span::Between(first, last) = group.span else { return None };
        let cell = &self.cell_facts[name.cell() as usize];
        let source = self.cells.all()[name.cell() as usize].source();
        let clocks = self.times();
        let (from, to) = match (first.time, last.time) {
            (LogTime::Instant(from), LogTime::Instant(to)) => (from, to),
            (LogTime::Unknown, LogTime::Unknown)
                if self.correlator.policy.boot.is_none()
                    && (first.uptime.is_none() || !clocks.knows(source, cell.clock)) =>
            {
                return Some(None);
            }
            // The zone or the year of stamps that show none may change between them.
            _ => return None,
        };
        let earliest =
            clocks.earliest(source, cell.clock, [(first.uptime, from), (last.uptime, to)])?;
        let latest = Timestamp::from_nanos(to.as_nanos().checked_add(SECOND_NANOS)?);
        let whole = TimeRange::between(earliest, latest);
        let answer = self.attribute(name, Some(whole));
        let may_be_another = matches!(
            answer.reason,
            Reason::AmbiguousHandlePrefix
                | Reason::AmbiguousAppPrefix
                | Reason::NoOwnerInPrefix
                | Reason::AddressLease
        );
        let is_everywhere = || {
            let ends = [from, latest].map(|end| self.attribute(name, Some(end.into())));
            ends.iter().all(|end| is_same(end, &answer))
        };
        (!may_be_another && is_everywhere()).then_some(Some(whole))
    }
}

/// The same would be said of both.
fn is_same(a: &Attribution<'_>, b: &Attribution<'_>) -> bool {
    let words = |it: &Attribution<'_>| (it.certainty, it.reason, it.subject());
    words(a) == words(b) && a.container() == b.container()
}
