//! Counts over all lines and flows of logs.

use std::collections::BTreeMap;

use asg_core::{
    Certainty, Completeness, Content, Correlation, Counts, Flow, Lifetime, LogTime, Outcomes, Part,
    Reader, Reason, Record, TimeNote, TimePolicy, Timestamp, Verdict,
};

use crate::error::Error;
use crate::lines::Readers;
use crate::origins;
use crate::pieces::{Piece, Size};
use crate::pipeline::{Pipeline, Work};
use crate::query::{Query, Row};

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
    pub(crate) sources: BTreeMap<String, SourceFacts>,
    pub(crate) flows: FlowFacts,
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
}

/// Examples of one log.
#[derive(Debug, Default)]
pub(crate) struct SourceFacts {
    /// Packets with a stamp without a year.
    pub(crate) no_year: u64,
    /// The beginning of the first line with a header that was not understood.
    pub(crate) header: Option<String>,
    /// The beginning of the first line of another kind.
    pub(crate) other: Option<String>,
}

/// Counts of flows.
#[derive(Debug, Default)]
pub(crate) struct FlowFacts {
    pub(crate) packets: u64,
    pub(crate) allowed: u64,
    pub(crate) denied: u64,
    pub(crate) no_time: u64,
    pub(crate) owned: u64,
    pub(crate) named: u64,
    pub(crate) reasons: BTreeMap<Reason, u64>,
    pub(crate) first: Option<Timestamp>,
    pub(crate) last: Option<Timestamp>,
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
        let look = || Look { reader: Box::default(), sources: BTreeMap::new() };
        let mut pipeline = Pipeline::new(readers, "looking at lines", Size::Small, look);
        while pipeline.next()?.is_some() {}
        let mut sources = BTreeMap::<String, SourceFacts>::new();
        for (name, found) in pipeline.finish().into_iter().flat_map(|look| look.sources) {
            sources.entry(name).or_default().add(found);
        }
        let mut facts = Self::known(correlation);
        facts.sources = sources;
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

    /// The facts that a correlation has by itself.
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

    /// The questions that these logs can answer.
    pub(crate) fn answers(&self) -> Vec<String> {
        let FlowFacts { packets, denied, owned, named, .. } = &self.flows;
        let answers = [
            (*packets > 0, "where packets went, and how many".to_owned()),
            (*denied > 0, "which packets were denied".to_owned()),
            (*owned > 0, format!("which process sent a packet, for {owned} of {packets}")),
            (*named > 0, format!("which app sent a packet, for {named} of {packets}")),
            (self.containers > 0, "which containers there were".to_owned()),
        ];
        answers.into_iter().filter(|(can, _)| *can).map(|(_, what)| what).collect()
    }

    /// A sum over all logs.
    pub(crate) fn sum(&self, of: impl Fn(&SourceFacts) -> u64) -> u64 {
        self.sources.values().map(of).sum()
    }

    /// The zone in which most packets are inside the life of their containers, in seconds; `None`
    /// if that is the zone in use, or no zone fits.
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
        if let Some(flow) = row.flow() {
            self.add(flow);
        }
    }

    fn add(&mut self, flow: &Flow<'_, '_>) {
        self.packets += 1;
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
        self.owned += other.owned;
        self.named += other.named;
        for (reason, packets) in other.reasons {
            *self.reasons.entry(reason).or_default() += packets;
        }
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
        self.foreign = self.foreign.or(other.foreign);
        self.without_zone += other.without_zone;
        self.fits.resize(self.fits.len().max(other.fits.len()), 0);
        for (fits, more) in self.fits.iter_mut().zip(other.fits) {
            *fits += more;
        }
        self
    }
}

/// The first and the last time at which a container is known to have lived.
fn life(lifetime: Lifetime<'_>) -> Option<(i64, i64)> {
    let seen = lifetime.seen();
    let start = lifetime.created().or_else(|| seen.as_ref().map(|seen| *seen.start()))?;
    let end = lifetime.destroyed().or_else(|| seen.map(|seen| *seen.end()))?;
    Some((start.as_nanos(), end.as_nanos()))
}

impl SourceFacts {
    fn add(&mut self, other: Self) {
        self.no_year += other.no_year;
        self.header = self.header.take().or(other.header);
        self.other = self.other.take().or(other.other);
    }
}

/// Looks at lines, for one thread.
struct Look {
    reader: Box<Reader>,
    sources: BTreeMap<String, SourceFacts>,
}

impl Work for Look {
    type Done = ();

    fn piece(&mut self, piece: &Piece) {
        let Self { reader, sources } = self;
        piece.for_each(|raw| {
            if !sources.contains_key(raw.source) {
                sources.insert(raw.source.to_owned(), SourceFacts::default());
            }
            let Some(facts) = sources.get_mut(raw.source) else { return };
            if raw.part_of.is_some() {
                return;
            }
            let line = raw.line();
            facts.line(&reader.read(&line), raw.bytes);
        });
    }
}

impl SourceFacts {
    fn line(&mut self, record: &Record<'_>, bytes: &[u8]) {
        let is_packet = match &record.content {
            Content::Packet { .. } => true,
            Content::Damaged(damaged) => matches!(damaged.part, Some(Part::Packet { .. })),
            _ => false,
        };
        let is_other = record.content == Content::Other;
        if is_other && self.other.is_none() && !bytes.is_empty() {
            self.other = Some(excerpt(bytes));
        }
        if is_packet {
            self.no_year += u64::from(matches!(record.envelope.time, LogTime::NoYear(_)));
        }
        if record.header_not_understood.is_some() && self.header.is_none() {
            self.header = Some(excerpt(bytes));
        }
    }
}

/// The beginning of a line.
fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(EXCERPT * 4)]);
    let mut short: String = text.chars().take(EXCERPT).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
