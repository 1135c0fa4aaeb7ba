//! Counts over all lines and flows of logs.

use std::collections::BTreeMap;

use asg_core::clock::TimeNote;
use asg_core::completeness::Completeness;
use asg_core::correlate::Counts;
use asg_core::ledger::{Lifetime, Reason};
use asg_core::policy::{Basis, Decided, Explanation, Governed};
use asg_core::record::Outcomes;
use asg_core::time::LogTime;
use asg_core::{Certainty, Correlation, Flow, Origin, TimePolicy, Timestamp, Verdict};

use crate::error::Error;
use crate::lines::Readers;
use crate::origins;
use crate::pieces::{Piece, Size};
use crate::pipeline::{Pipeline, Work};
use crate::query::{Query, ReadRow, Row};

/// A quarter of an hour: zones differ by multiples of it.
const QUARTER: i64 = 15 * 60 * 1_000_000_000;

/// The zones from 14 hours west to 14 hours east, in quarters of an hour.
const ZONES: i64 = 14 * 4;

/// How far the clocks of machines may be apart.
const SLACK: i64 = 120 * 1_000_000_000;

/// Bytes of a line in a sentence.
const EXCERPT: usize = 90;

/// Counts of logs.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) counts: Counts,
    pub(crate) outcomes: Outcomes,
    pub(crate) flows: FlowFacts,
    /// The beginning of the first line, if no line is useful.
    pub(crate) other: Option<String>,
    /// Cells that wrote about containers, and no packet.
    pub(crate) silent: Vec<String>,
    pub(crate) cells: usize,
    pub(crate) dropped: u64,
    pub(crate) at_limit: usize,
    pub(crate) containers: usize,
    /// Logs whose stamps show no zone, and the zone that would fit, in seconds.
    pub(crate) no_zone: Vec<(String, Option<i32>)>,
    /// The zone that stamps without one were read in, in seconds.
    pub(crate) utc_offset: i32,
    /// Places of rules that leave no line, and sets of rules that are not enforced as written.
    pub(crate) without_lines: usize,
    pub(crate) broken_sets: usize,
}

/// Counts of explanations, if security groups were given.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct RuleFacts {
    /// Packets about which security groups decided.
    pub(crate) governed: u64,
    /// Those whose decider is known.
    pub(crate) decided: u64,
    /// Those whose rules are not exactly known.
    pub(crate) vague: u64,
    /// Those whose line contradicts the rules.
    pub(crate) contradicted: u64,
}

impl RuleFacts {
    fn add(&mut self, explanation: &Explanation) {
        if explanation.governed != Governed::Asg {
            return;
        }
        let is_known = explanation.decided.is_some_and(|it| it != Decided::Undetermined);
        self.governed += 1;
        self.decided += u64::from(is_known);
        self.vague += u64::from(explanation.basis != Basis::Exact);
        self.contradicted += u64::from(explanation.agrees == Some(false));
    }

    const fn merged(self, other: Self) -> Self {
        Self {
            governed: self.governed + other.governed,
            decided: self.decided + other.decided,
            vague: self.vague + other.vague,
            contradicted: self.contradicted + other.contradicted,
        }
    }
}

/// Counts of flows.
#[derive(Debug, Default)]
pub(crate) struct FlowFacts {
    pub(crate) packets: u64,
    pub(crate) allowed: u64,
    pub(crate) denied: u64,
    pub(crate) no_time: u64,
    /// Packets with a stamp without a year.
    pub(crate) no_year: u64,
    /// The place and the beginning of the first line with a header that was not understood.
    header: Option<(Origin, String)>,
    pub(crate) owned: u64,
    pub(crate) named: u64,
    pub(crate) reasons: BTreeMap<Reason, u64>,
    pub(crate) first: Option<Timestamp>,
    pub(crate) last: Option<Timestamp>,
    pub(crate) rules: RuleFacts,
    /// A log prefix that is not Cloud Foundry's.
    pub(crate) foreign: Option<String>,
    /// Packets with a container, whose stamps show no zone.
    without_zone: u64,
    /// How many of them would be inside the life of the container, by the quarters of an hour that
    /// are added to their time.
    fits: Vec<u64>,
}

impl Facts {
    /// Counts the lines and the flows of these logs.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub(crate) fn of(
        readers: &Readers,
        policy: &TimePolicy,
        flows: &Query,
        correlation: &Correlation,
    ) -> Result<Self, Error> {
        let found = flows.fold(FlowFacts::default, FlowFacts::add_row)?;
        let found = found.into_iter().fold(FlowFacts::default(), FlowFacts::merged);
        Self::with_flows(readers, policy, found, correlation)
    }

    /// Counts the lines of these logs, whose flows were counted before.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub(crate) fn with_flows(
        readers: &Readers,
        policy: &TimePolicy,
        flows: FlowFacts,
        correlation: &Correlation,
    ) -> Result<Self, Error> {
        let mut facts = Self::known(correlation);
        if facts.tells_nothing() {
            facts.other = first_line(readers)?;
        }
        facts.flows = flows;
        facts.utc_offset = policy.utc_offset.unwrap_or(0);
        let note = |note| match note {
            TimeNote::AssumedZone { source, would_fit } => {
                Some((origins::name(source).to_owned(), would_fit))
            }
            _ => None,
        };
        facts.no_zone = correlation.time_notes().filter_map(note).collect();
        Ok(facts)
    }

    /// Returns the facts that a correlation has by itself.
    pub(crate) fn known(correlation: &Correlation) -> Self {
        let completeness: &Completeness = correlation.completeness();
        let cells = completeness.report();
        Self {
            counts: *correlation.counts(),
            outcomes: correlation.outcomes().clone(),
            silent: cells.iter().filter(|it| it.is_silent()).map(|it| it.cell.into()).collect(),
            cells: cells.iter().filter(|cell| !cell.cell.is_empty()).count(),
            dropped: cells.iter().map(|cell| cell.dropped + cell.missing_records).sum(),
            at_limit: cells.iter().map(|cell| cell.at_limit.len()).sum(),
            containers: correlation.ledger().len(),
            ..Self::default()
        }
    }

    /// Returns whether no line is a packet, about a container, or a kernel's.
    pub(crate) const fn tells_nothing(&self) -> bool {
        let Counts { packets, evidence, logger_lines, other_kernel_lines, .. } = self.counts;
        packets + evidence + logger_lines + other_kernel_lines == 0
    }

    /// Returns the questions that these logs can answer.
    pub(crate) fn answers(&self) -> Vec<String> {
        let FlowFacts { packets, denied, owned, named, rules, .. } = &self.flows;
        let (decided, governed) = (rules.decided, rules.governed);
        let answers = [
            (*packets > 0, "where packets went, and how many".to_owned()),
            (*denied > 0, "which packets were denied".to_owned()),
            (*owned > 0, format!("which process sent a packet, for {owned} of {packets}")),
            (*named > 0, format!("which app sent a packet, for {named} of {packets}")),
            (self.containers > 0, "which containers there were".to_owned()),
            (decided > 0, format!("which rule decided, for {decided} of {governed}")),
        ];
        answers.into_iter().filter(|(can, _)| *can).map(|(_, what)| what).collect()
    }

    /// Returns the zone in which most packets are inside the life of their containers, in seconds;
    /// `None` if that is the zone in use, or no zone fits.
    pub(crate) fn fitting_zone(&self) -> Option<i32> {
        let FlowFacts { without_zone, fits, .. } = &self.flows;
        if *without_zone == 0 {
            return None;
        }
        let quarters = (-ZONES..=ZONES).zip(fits.iter());
        let enough = |(_, inside): &(i64, &u64)| **inside * 5 >= *without_zone * 4;
        // The zone nearest to the one in use.
        let (added, _) = quarters.filter(enough).min_by_key(|(quarters, _)| quarters.abs())?;
        if added == 0 {
            return None;
        }
        let seconds = i64::from(self.utc_offset) - added * QUARTER / 1_000_000_000;
        i32::try_from(seconds).ok()
    }
}

impl FlowFacts {
    /// Counts a row that was just read.
    pub(crate) fn add_row(&mut self, row: &Row<'_>) {
        let Row::Read(ReadRow { flow: Some(flow), raw, explained, .. }) = row else { return };
        self.add(flow);
        if let Some(explained) = explained {
            self.rules.add(&explained.explanation);
        }
        let is_first = || self.header.as_ref().is_none_or(|(first, _)| flow.origin < *first);
        if flow.record.header_not_understood.is_some() && is_first() {
            self.header = Some((flow.origin, excerpt(raw)));
        }
    }

    /// Returns the beginning of the first line with a header that was not understood.
    pub(crate) fn header(&self) -> Option<&str> {
        self.header.as_ref().map(|(_, line)| &**line)
    }

    fn add(&mut self, flow: &Flow<'_, '_>) {
        self.packets += 1;
        self.no_year += u64::from(matches!(flow.record.envelope.time, LogTime::NoYear(_)));
        match flow.cf.map(|cf| cf.verdict) {
            Some(Verdict::Allowed) => self.allowed += 1,
            Some(Verdict::Denied) => self.denied += 1,
            None if self.foreign.is_none() => {
                self.foreign = Some(excerpt(flow.packet().prefix.as_bytes()));
            }
            None => {}
        }
        self.no_time += u64::from(flow.time.is_none());
        self.owned += u64::from(flow.attribution.certainty > Certainty::Ambiguous);
        self.named += u64::from(flow.identity.is_some_and(|identity| identity.path().is_some()));
        *self.reasons.entry(flow.attribution.reason).or_default() += 1;
        if let Some(time) = flow.time {
            self.first = Some(self.first.map_or(time, |first| first.min(time)));
            self.last = Some(self.last.map_or(time, |last| last.max(time)));
        }
        self.zones(flow);
    }

    /// Counts the zones in which the packet would be inside the life of its container, if its
    /// stamp shows none.
    fn zones(&mut self, flow: &Flow<'_, '_>) {
        if !matches!(flow.record.envelope.time, LogTime::Local(_) | LogTime::NoYear(_)) {
            return;
        }
        let attribution = &flow.attribution;
        let container = attribution.container().or(attribution.candidates().first().copied());
        let Some((time, life)) = flow.time.zip(container.and_then(life)) else { return };
        self.without_zone += 1;
        self.fits.resize(usize::try_from(2 * ZONES + 1).unwrap_or(0), 0);
        for (fits, added) in self.fits.iter_mut().zip(-ZONES..=ZONES) {
            let shifted = time.as_nanos().saturating_add(added * QUARTER);
            *fits += u64::from(life.0 - SLACK <= shifted && shifted <= life.1 + SLACK);
        }
    }

    pub(crate) fn merged(mut self, other: Self) -> Self {
        self.packets += other.packets;
        self.allowed += other.allowed;
        self.denied += other.denied;
        self.no_time += other.no_time;
        self.no_year += other.no_year;
        self.header = self.header.into_iter().chain(other.header).min();
        self.owned += other.owned;
        self.named += other.named;
        for (reason, packets) in other.reasons {
            *self.reasons.entry(reason).or_default() += packets;
        }
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
        self.foreign = self.foreign.or(other.foreign);
        self.rules = self.rules.merged(other.rules);
        self.without_zone += other.without_zone;
        self.fits.resize(self.fits.len().max(other.fits.len()), 0);
        for (fits, more) in self.fits.iter_mut().zip(other.fits) {
            *fits += more;
        }
        self
    }
}

/// Returns the first and the last time at which a container is known to have lived.
fn life(lifetime: Lifetime<'_>) -> Option<(i64, i64)> {
    let seen = lifetime.seen();
    let start = lifetime.created().or_else(|| seen.as_ref().map(|seen| *seen.start()))?;
    let end = lifetime.destroyed().or_else(|| seen.map(|seen| *seen.end()))?;
    Some((start.as_nanos(), end.as_nanos()))
}

/// Returns the beginning of the first line that is not empty. The reading ends there.
fn first_line(readers: &Readers) -> Result<Option<String>, Error> {
    let mut pipeline = Pipeline::new(&readers.quietly(), "looking at lines", Size::Small, || First);
    while let Some(found) = pipeline.next()? {
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Looks for a line that is not empty.
struct First;

impl Work for First {
    type Done = Option<String>;

    fn piece(&mut self, piece: &Piece) -> Option<String> {
        let mut first = None;
        piece.for_each(|raw| {
            if first.is_none() && !raw.bytes.is_empty() {
                first = Some(excerpt(raw.bytes));
            }
        });
        first
    }
}

/// Returns the beginning of a line.
fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(EXCERPT * 4)]);
    let mut short: String = text.chars().take(EXCERPT).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use asg_core::SourceId;

    use super::*;
    use crate::flows::Gathered;
    use crate::input::{Opened, ReadCounter, Source};
    use crate::monitor::Unattended;
    use crate::pipeline::Threads;

    /// A log that counts how often it is opened.
    #[derive(Debug)]
    struct Counting(&'static [u8], AtomicUsize);

    impl Source for Counting {
        fn name(&self) -> &'static str {
            "a.log"
        }

        fn id(&self) -> SourceId {
            crate::origins::number("a.log")
        }

        fn open(&self, _: &ReadCounter) -> Result<Opened<'_>, Error> {
            self.1.fetch_add(1, Ordering::Relaxed);
            Ok(Opened::Bytes(self.0))
        }

        fn size(&self) -> Option<u64> {
            Some(self.0.len() as u64)
        }

        fn is_repeatable(&self) -> bool {
            true
        }
    }

    #[test]
    fn logs_are_read_twice_and_a_log_of_nothing_is_looked_at_once_more() {
        for (log, readings) in
            [(&include_bytes!("../../data/foundation.log")[..], 2), (b"\na line\nmore\n", 3)]
        {
            let source = Arc::new(Counting(log, AtomicUsize::new(0)));
            let of: Arc<dyn Source> = Arc::<Counting>::clone(&source);
            let readers = Readers::new(vec![of], Arc::new(Unattended)).with_threads(Threads::ONE);
            let policy = TimePolicy::default();
            let gathered = Arc::new(Gathered::new(policy, None));
            let flows = Query::flows(readers.clone(), policy, Arc::clone(&gathered), None);
            let known = gathered.ready(&readers, None).unwrap();
            let facts = Facts::of(&readers, &policy, &flows, &known).unwrap();
            assert_eq!(source.1.load(Ordering::Relaxed), readings);
            assert_eq!(facts.other.as_deref(), (readings == 3).then_some("a line"));
        }
    }
}
