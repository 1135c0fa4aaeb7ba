//! The tally: packets counted by who sent them, in one pass and without holding any.

mod groups;
#[cfg(test)]
mod tests;

use self::groups::{Extent, Group, Groups, Key};
use super::duplicates::{Mark, Told};
use super::{Correlator, Counts, own_machine};
use crate::attribution::{Attribution, Reason};
use crate::digest::Seeds;
use crate::evidence::{Evidence, Origin};
use crate::record::{Content, Record};
use crate::{
    Guid, Identity, Ledger, Line, LogPrefix, Sighting, SourceId, TimePolicy, TimeRange, Timestamp,
};

/// Counts packets by who sent them, where nobody wants to see each: the same answers as a [`Correlator`]'s, several times
/// as fast.
///
/// Who sent a packet depends on its prefix, cell, address and time. Packets that have all but the time in common make a
/// group, of which only the count and the first and the last time are kept. When all lines have been read, nearly every
/// group has one answer for the whole of its time, and then that is every packet's. If some group has not
/// ([`Tally::is_settled`] says so) all lines are to be shown once more, to [`Tally::read_again`].
///
/// Reading, which is most of the work, can be shared by threads: each has a [`TallyReader`] of its own and hands over what
/// it has read with [`Tally::take`]. Memory grows with containers and the addresses and cells under which they are seen,
/// not with packets.
///
/// # Example
///
/// ```
/// use asg_core::{Certainty, Identity, Origin, SourceId, Tally};
///
/// let rep = br#"{"timestamp":"1498136872.889604807","source":"rep","message":"rep.executing-container-operation.starting",
///     "log_level":1,"data":{"container-guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"}}"#;
/// let packet = b"[1122561.945562] d08bb414-cdba-4381-412a-e9eccIN=wbrdg-0afe0008 OUT=eth0 SRC=10.254.0.10 \
///     DST=10.0.16.10 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=60879 DF PROTO=TCP SPT=42630 DPT=80 WINDOW=28280 RES=0x00 \
///     SYN URGP=0 ";
/// let mut tally = Tally::new();
/// let mut reader = tally.reader();
/// for (line, text) in (1..).zip([&rep[..], packet, packet]) {
///     reader.read(Origin { source: SourceId(0), line }, text);
/// }
/// tally.finish(reader);
/// assert!(tally.is_settled());
/// tally.give(|guids| vec![Identity::unknown(); guids.len()], |counted| {
///     assert_eq!((counted.packets, counted.attribution.certainty), (1, Certainty::UniquePrefix));
/// });
/// assert_eq!(tally.counts().duplicates, 1, "the second line tells the same packet");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Tally {
    correlator: Correlator,
    groups: Groups,
}

/// Packets of a [`Tally`] that have one answer.
#[derive(Debug)]
#[non_exhaustive]
pub struct Counted<'t> {
    /// How many.
    pub packets: u64,
    /// What their prefix means, if it is Cloud Foundry's.
    pub cf: Option<LogPrefix<'t>>,
    /// Who sent them.
    pub attribution: Attribution<'t>,
    /// Names, if the directory knows them.
    pub identity: Option<&'t Identity>,
}

impl Tally {
    /// A tally that completes times as [`Correlator::new`] does.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A tally that completes times as [`Correlator::with_policy`] does.
    #[must_use]
    pub fn with_policy(policy: TimePolicy) -> Self {
        Self { correlator: Correlator::with_policy(policy), ..Self::default() }
    }

    /// What was seen.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        self.correlator.counts()
    }

    /// All evidence so far.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        self.correlator.ledger()
    }

    /// A reader for this tally.
    #[must_use]
    pub fn reader(&self) -> TallyReader {
        TallyReader {
            seeds: self.correlator.reports.seeds(),
            groups: Groups::default(),
            counts: Counts::default(),
            latest: Vec::new(),
            evidence: Vec::new(),
            seen: Vec::new(),
        }
    }

    /// Takes what the reader has read since the last time. Where readers share the work, they hand over in the order of what
    /// they read, a few thousand lines at a time, so that a packet that two lines tell is counted at the first.
    pub fn take(&mut self, reader: &mut TallyReader) {
        let correlator = &mut self.correlator;
        for (source, time) in reader.latest.drain(..) {
            correlator.has_time(source, time);
        }
        for evidence in reader.evidence.drain(..) {
            correlator.ledger.add(evidence);
        }
        for Seen { origin, mark, group } in reader.seen.drain(..) {
            let told = mark.map(|mark| correlator.reports.marked(origin, mark, NOW));
            if !matches!(told, Some(Told::After(_))) {
                reader.groups.at(group).packets += 1;
            }
        }
        correlator.counts.add(&std::mem::take(&mut reader.counts));
        correlator.counts.duplicates = correlator.reports.copies();
    }

    /// Takes the rest of what a reader has that has nothing more to read.
    pub fn finish(&mut self, mut reader: TallyReader) {
        self.take(&mut reader);
        self.groups.join(reader.groups);
    }

    /// True if every group has one answer. If not, all lines are to be shown once more, to [`Tally::read_again`], before
    /// anything is given.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.groups.iter().all(|group| self.one_answer(group).is_some())
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
        let key = Key::of(origin.source, &record.envelope, packet, cf, seeds);
        let Some(n) = self.groups.find(&key, seeds) else { return };
        let group = &self.groups[n];
        if group.answers.is_empty() && self.one_answer(group).is_some() {
            return;
        }
        let time = Extent::of(&record.envelope).range(&self.correlator.policy(origin.source));
        let answer = self.attribute(group, time);
        let known = group
            .answers
            .iter()
            .position(|(time, _)| is_same(&self.attribute(group, *time), &answer));
        let answers = &mut self.groups.at(n).answers;
        match known {
            Some(known) => answers[known].1 += 1,
            None => answers.push((time, 1)),
        }
    }

    /// Gives the packets that have one answer, group by group. `resolve` is asked as by [`Correlator::flows`], for all
    /// owners together.
    pub fn give(
        &mut self,
        mut resolve: impl FnMut(&[Guid]) -> Vec<Identity>,
        mut each: impl FnMut(&Counted<'_>),
    ) {
        let mut wanted = Vec::new();
        let mut names_apps = false;
        for (group, time, _) in self.answers() {
            let answer = self.attribute(group, time);
            wanted.extend(answer.subject());
            names_apps |= answer.reason == Reason::NoSuchApp;
        }
        self.correlator.learn_owners(wanted, names_apps, &mut resolve);
        for (group, time, packets) in self.answers() {
            let attribution = self.attribute(group, time);
            let identity =
                attribution.subject().and_then(|guid| self.correlator.identities.get(&guid));
            each(&Counted { packets, cf: group.cf(), attribution, identity });
        }
    }

    /// All groups with a time for which their answer holds, and how many packets it is of.
    fn answers(&self) -> impl Iterator<Item = (&Group, Option<TimeRange>, u64)> {
        self.groups.iter().filter(|group| group.packets > 0).flat_map(|group| {
            let settled = group.answers.is_empty();
            let whole = settled.then(|| (group, self.range(group), group.packets));
            let parts = group.answers.iter().map(move |(time, packets)| (group, *time, *packets));
            whole.into_iter().chain(parts)
        })
    }

    /// The whole time in which the group was seen; `None` if it is not known.
    fn range(&self, group: &Group) -> Option<TimeRange> {
        let policy = self.correlator.policy(group.source());
        let (first, last) = (group.first.range(&policy)?, group.last.range(&policy)?);
        Some(TimeRange::between(first.earliest(), last.latest()))
    }

    fn attribute(&self, group: &Group, time: Option<TimeRange>) -> Attribution<'_> {
        let Some(cf) = group.cf() else { return Attribution::unknown(Reason::NotCloudFoundry) };
        let seen = Sighting { cell: group.machine(), time, address: group.address() };
        self.correlator.ledger.attribute(&cf, &seen)
    }

    /// The answer for every packet of the group; `None` if there may be several.
    ///
    /// A container lives once, so who is the one owner at both ends of a time, and all the while in between, was it always.
    /// An answer for want of evidence does not depend on time.
    fn one_answer(&self, group: &Group) -> Option<Attribution<'_>> {
        let policy = self.correlator.policy(group.source());
        let (first, last) = (group.first.range(&policy), group.last.range(&policy));
        let (Some(first), Some(last)) = (first, last) else {
            return (first.is_none() && last.is_none()).then(|| self.attribute(group, None));
        };
        // Without a year, January may come after December.
        let span = last.latest().as_nanos().checked_sub(first.earliest().as_nanos())?;
        if first.latest() > last.latest() || span > HALF_YEAR_NANOS {
            return None;
        }
        let whole = self.attribute(group, self.range(group));
        let is_one =
            [first, last].iter().all(|time| is_same(&self.attribute(group, Some(*time)), &whole));
        let may_be_between =
            matches!(whole.reason, Reason::SeveralHandlesBeginSo | Reason::NamesNobody);
        (is_one && !may_be_between).then_some(whole)
    }
}

/// The same words would be said of both.
fn is_same(a: &Attribution<'_>, b: &Attribution<'_>) -> bool {
    let words = |it: &Attribution<'_>| (it.certainty, it.reason, it.subject());
    words(a) == words(b) && a.container() == b.container()
}

/// Nothing is forgotten, so it does not matter when a line came.
const NOW: Timestamp = Timestamp::from_nanos(0);

const HALF_YEAR_NANOS: i64 = 183 * 86_400 * 1_000_000_000;

/// Reads lines for a [`Tally`]. It needs the tally only to hand over, so several can read at a time.
#[derive(Debug)]
pub struct TallyReader {
    seeds: Seeds,
    groups: Groups,
    counts: Counts,
    /// By source, the latest time with a year.
    latest: Vec<(SourceId, Timestamp)>,
    evidence: Vec<Evidence>,
    seen: Vec<Seen>,
}

/// A packet that was read.
#[derive(Debug)]
struct Seen {
    origin: Origin,
    mark: Option<Mark>,
    group: usize,
}

impl TallyReader {
    /// Reads a line.
    pub fn read(&mut self, origin: Origin, line: &[u8]) {
        let line = Line::new(line);
        let record = Record::read(&line);
        self.counts.lines += 1;
        self.counts.damaged += u64::from(matches!(record.content, Content::Damaged(_)));
        if let Some(time) = record.time(&TimePolicy::default()) {
            match self.latest.last_mut() {
                Some((source, latest)) if *source == origin.source => *latest = time.max(*latest),
                _ => self.latest.push((origin.source, time)),
            }
        }
        if let Some((packet, cf)) = record.packet() {
            self.counts.packets += 1;
            let key = Key::of(origin.source, &record.envelope, packet, cf, self.seeds);
            let group = self.groups.see(&key, &record.envelope, self.seeds);
            let mark = Mark::of(&record.envelope, packet, key.sender, self.seeds);
            self.seen.push(Seen { origin, mark, group });
            return;
        }
        self.counts.logger_lines += u64::from(matches!(record.content, Content::Logger(_)));
        let known = self.evidence.len();
        let machine = own_machine(&record);
        record.evidence(origin, |mut evidence| {
            evidence.machine.clone_from(&machine);
            self.evidence.push(evidence);
        });
        self.counts.evidence += u64::from(self.evidence.len() > known);
    }
}
