//! Lines to rows: packets, and packets with their owners.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use asg_core::clock::UptimeClocks;
use asg_core::correlate::{AnyFlow, Batch, FlowCache, Gatherer, Joiner};
use asg_core::policy::Policy;
use asg_core::record::Outcome;
use asg_core::{Content, Correlation, Flow, Gathering, Guid, Ledger, Reader, Record, TimePolicy};

use crate::error::Error;
use crate::explain::{Explained, FlowExplainer, FlowFacts};
use crate::lines::Readers;
use crate::lock::Lock;
use crate::monitor::Monitor;
use crate::names::{AsDirectory, Names};
use crate::pieces::{Feed, Piece, Size};
use crate::pipeline::{Pipeline, Threads, Work};
use crate::query::columns::{Column, In};
use crate::query::row::{KnownRow, ReadRow, Row};
use crate::query::rows::{Counts, LastCounts, Rows, Sieve, View};

/// A ledger that several parts of a program share.
pub type SharedLedger = Arc<Mutex<Ledger>>;

/// The evidence of all sources, gathered once and shared by every reading of them.
#[derive(Debug)]
pub struct Gathered {
    phase: Lock<Phase>,
    policy: TimePolicy,
    /// Evidence from before.
    ledger: Option<SharedLedger>,
    /// The number of packets whose further lines are recognised; `None` for the default.
    remember: Option<usize>,
    /// GUIDs about which the directory is asked besides those of owners.
    also: Vec<Guid>,
    /// Those of the whole, if the sources are a part of it.
    clocks: Option<UptimeClocks>,
    /// Whether ledger and clocks hold all that the sources show.
    knows_all: bool,
}

/// How far the evidence is.
#[derive(Debug, Default)]
enum Phase {
    #[default]
    Nothing,
    /// Read, but owners have no names yet.
    Unnamed(Box<asg_core::correlate::Gathered>),
    Ready(Arc<Correlation>),
}

impl Gathered {
    /// Gathers nothing yet. Evidence from `ledger` is added when the first reading begins.
    #[must_use]
    pub const fn new(policy: TimePolicy, ledger: Option<SharedLedger>) -> Self {
        Self {
            phase: Lock::new(Phase::Nothing),
            policy,
            ledger,
            remember: None,
            also: Vec::new(),
            clocks: None,
            knows_all: false,
        }
    }

    /// Recognises further lines about so many packets; see [`Gathering::remembering`].
    #[must_use]
    pub fn remembering(mut self, packets: Option<usize>) -> Self {
        self.remember = packets;
        self
    }

    /// Asks the directory about these GUIDs, too.
    #[must_use]
    pub(crate) fn asking_about(mut self, guids: Vec<Guid>) -> Self {
        self.also = guids;
        self
    }

    /// Takes the times of lines from these clocks; see [`Gathering::with_clocks`].
    #[must_use]
    pub fn with_clocks(mut self, clocks: Option<UptimeClocks>) -> Self {
        self.clocks = clocks;
        self
    }

    /// Takes all from the ledger and the clocks; see [`Gathering::knowing_all`].
    #[must_use]
    pub const fn knowing_all(mut self, knows_all: bool) -> Self {
        self.knows_all = knows_all;
        self
    }

    /// Returns whether flows can be given without a first reading.
    ///
    /// # Errors
    ///
    /// As [`Lock::lock`].
    pub fn is_ready(&self, monitor: &dyn Monitor) -> Result<bool, Error> {
        Ok(matches!(*self.phase.lock(monitor)?, Phase::Ready(_)))
    }

    /// Returns the evidence, if it was gathered and named.
    ///
    /// # Errors
    ///
    /// As [`Lock::lock`].
    pub fn known(&self, monitor: &dyn Monitor) -> Result<Option<Arc<Correlation>>, Error> {
        match &*self.phase.lock(monitor)? {
            Phase::Ready(correlation) => Ok(Some(Arc::clone(correlation))),
            _ => Ok(None),
        }
    }

    /// Reads everything for evidence and asks for the names of all owners, if that was not done
    /// yet.
    ///
    /// # Errors
    ///
    /// Those of reading and of the directory. The evidence that was read stays.
    pub fn ready(
        &self,
        readers: &Readers,
        names: Option<&Arc<dyn Names>>,
    ) -> Result<Arc<Correlation>, Error> {
        let mut held = self.phase.lock(&**readers.monitor())?;
        if let Phase::Nothing = *held {
            *held = Phase::Unnamed(Box::new(self.gather(readers)?));
        }
        if let Phase::Unnamed(gathered) = &mut *held
            && let Some(names) = names
        {
            gathered.resolve(&mut AsDirectory(&**names))?;
            gathered.resolve_about(&self.also, &mut AsDirectory(&**names))?;
        }
        let correlation = match std::mem::take(&mut *held) {
            Phase::Unnamed(gathered) => Arc::new(gathered.correlate()),
            Phase::Ready(correlation) => correlation,
            Phase::Nothing => return Err(Error::Value("nothing was gathered".into())),
        };
        *held = Phase::Ready(Arc::clone(&correlation));
        Ok(correlation)
    }

    fn gather(&self, readers: &Readers) -> Result<asg_core::correlate::Gathered, Error> {
        let mut gathering = Gathering::with_policy(self.policy);
        if let Some(ledger) = &self.ledger {
            let ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
            gathering = gathering.with_ledger(ledger.clone());
        }
        if let Some(packets) = self.remember {
            gathering = gathering.remembering(packets);
        }
        if let Some(clocks) = &self.clocks {
            gathering = gathering.with_clocks(clocks.clone());
        }
        if self.knows_all {
            gathering = gathering.knowing_all();
        }
        gather(gathering, readers)
    }
}

/// Returns the first phase over all sources.
///
/// # Errors
///
/// Those of reading.
pub fn gather(
    mut gathering: Gathering,
    readers: &Readers,
) -> Result<asg_core::correlate::Gathered, Error> {
    let mut pipeline = Pipeline::new(&readers.first(), "reading evidence", Size::Small, || {
        Gather { gatherer: gathering.gatherer() }
    });
    while let Some(batch) = pipeline.next()? {
        let merged = gathering.merge(batch, 0);
        debug_assert_eq!(merged, Ok(()), "batches come in the order of their pieces");
    }
    gathering.finish(|joiner: &mut Joiner<'_>| {
        let readers = readers.quietly();
        let mut feed = Feed::new(&readers, "joining packets", Size::Small, Threads::ONE.get());
        let mut piece = Piece::default();
        while feed.next(&mut piece)? {
            piece.for_each(|raw| {
                if raw.part_of.is_none() {
                    joiner.look_at(raw.origin, &raw.line());
                }
            });
        }
        Ok(())
    })
}

struct Gather {
    gatherer: Gatherer,
}

impl Work for Gather {
    type Done = Batch;

    fn piece(&mut self, piece: &Piece) -> Batch {
        piece.for_each(|raw| match raw.part_of {
            None => self.gatherer.take(raw.origin, &raw.line()),
            Some(_) => self.gatherer.pass_over(raw.origin),
        });
        self.gatherer.take_batch()
    }
}

/// A consumer of rows, on one thread.
pub(crate) trait RowSink: Send + 'static {
    /// The result of the rows of a piece.
    type Done: Send + 'static;

    /// Whether it takes rows of a key that an earlier row had.
    const TAKES_KNOWN: bool = false;

    /// Whether it takes such rows with explanations.
    const TAKES_EXPLAINED: bool = false;

    /// Takes a row.
    fn row(&mut self, row: &Row<'_>);

    /// Takes a row whose key an earlier row had; returns `false` if it wants the whole row.
    fn known(&mut self, _row: &KnownRow<'_>) -> bool {
        false
    }

    /// Takes such a row with its explanation; returns `false` if it wants the whole row.
    fn explained(&mut self, _row: &KnownRow<'_>, _explained: &Explained) -> bool {
        false
    }

    /// Returns the result of the rows since the last call.
    fn take(&mut self) -> Self::Done;
}

/// Lines to rows to a sink.
pub(crate) struct RowWork<S> {
    rows: PieceRows,
    pub(crate) sink: S,
    /// The counts of the parts since the last result; `None` without parts.
    parts: Option<Counts>,
}

impl<S: RowSink> RowWork<S> {
    pub(crate) const fn new(rows: PieceRows, sink: S) -> Self {
        Self { rows, sink, parts: None }
    }

    fn take_rows(&mut self, piece: &Piece, counts: &mut Counts) {
        let Self { rows, sink, .. } = self;
        let takes_known = if rows.is_explained() { S::TAKES_EXPLAINED } else { S::TAKES_KNOWN };
        if takes_known && rows.are_all() {
            rows.each_known(piece, counts, sink);
        } else {
            rows.each(piece, counts, |row| sink.row(row));
        }
    }
}

impl<S: RowSink> Work for RowWork<S> {
    type Done = (S::Done, Counts);

    fn piece(&mut self, piece: &Piece) -> Self::Done {
        let mut counts = self.parts.take().unwrap_or_default();
        self.take_rows(piece, &mut counts);
        (self.sink.take(), counts)
    }

    fn part(&mut self, piece: &Piece) -> Option<Self::Done> {
        let mut counts = self.parts.take().unwrap_or_default();
        self.take_rows(piece, &mut counts);
        self.parts = Some(counts);
        None
    }

    fn rest(&mut self) -> Option<Self::Done> {
        self.parts.take().map(|counts| (self.sink.take(), counts))
    }
}

/// The rows of pieces, for one thread.
pub(crate) struct PieceRows {
    of: Of,
    view: View,
    sieve: Sieve,
    /// Of no line: for what a flow does not share with others.
    own: Box<Record<'static>>,
}

/// Where rows come from.
enum Of {
    Flows { correlation: Arc<Correlation>, cache: Box<FlowCache>, explaining: Option<Explaining> },
    Packets { reader: Box<Reader>, policy: TimePolicy, needs_time: bool, reported: Reported },
}

/// Whose reports of packets are rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reported {
    /// The kernel's.
    ByKernel,
    /// The kernel's, and those of iptables-logger, which may be about the same packets.
    ByAny,
}

impl Reported {
    /// Returns whether a line that holds no packet may be a row.
    fn may_be_loggers(self, line: &[u8]) -> bool {
        self == Self::ByAny && memchr::memmem::find(line, b"cfnetworking").is_some()
    }

    /// Returns the packet that a line of iptables-logger reports, if such lines are rows.
    fn logged<'a>(self, record: &Record<'a>) -> Option<Record<'a>> {
        match self {
            Self::ByKernel => None,
            Self::ByAny => asg_core::correlate::logged_packet(record),
        }
    }
}

/// Explains the flows of one thread.
struct Explaining {
    policy: Policy,
    facts: Arc<FlowFacts>,
    explainer: Box<FlowExplainer>,
}

impl fmt::Debug for PieceRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PieceRows").field("view", &self.view).finish_non_exhaustive()
    }
}

impl PieceRows {
    /// Packets with their owners.
    pub(crate) fn flows(correlation: Arc<Correlation>, view: View) -> Self {
        let of = Of::Flows { correlation, cache: Box::default(), explaining: None };
        Self { of, sieve: view.sieve(), view, own: Box::new(Record::of_packet()) }
    }

    /// Adds explanations, if the rows are flows.
    pub(crate) fn explained(mut self, policy: &Policy, facts: &Arc<FlowFacts>) -> Self {
        if let Of::Flows { explaining, .. } = &mut self.of {
            let explainer = Box::new(FlowExplainer::new(policy, Arc::clone(facts)));
            let (policy, facts) = (policy.clone(), Arc::clone(facts));
            *explaining = Some(Explaining { policy, facts, explainer });
        }
        self
    }

    /// Packets.
    pub(crate) fn packets(policy: TimePolicy, view: View, reported: Reported) -> Self {
        let needs_time = view.needs_time();
        let of = Of::Packets { reader: Box::default(), policy, needs_time, reported };
        Self { of, sieve: view.sieve(), view, own: Box::new(Record::of_packet()) }
    }

    /// Returns a copy for another thread.
    pub(crate) fn another(&self) -> Self {
        match &self.of {
            Of::Flows { correlation, explaining, .. } => {
                let rows = Self::flows(Arc::clone(correlation), self.view.clone());
                match explaining {
                    Some(Explaining { policy, facts, .. }) => rows.explained(policy, facts),
                    None => rows,
                }
            }
            Of::Packets { policy, reported, .. } => {
                Self::packets(*policy, self.view.clone(), *reported)
            }
        }
    }

    const fn is_explained(&self) -> bool {
        matches!(self.of, Of::Flows { explaining: Some(_), .. })
    }

    /// Returns whether all flows are wanted, as the logs have them.
    fn are_all(&self) -> bool {
        let is_on_request = |column: &&Column| column.of == In::OnRequest;
        matches!(self.of, Of::Flows { .. })
            && self.view.steps.is_empty()
            && self.view.labels.is_none()
            && !self.view.columns.iter().any(is_on_request)
    }

    /// Returns the evidence, if all flows are wanted, as the logs have them.
    pub(crate) fn all(&self) -> Option<&Arc<Correlation>> {
        match &self.of {
            Of::Flows { correlation, .. } if self.are_all() => Some(correlation),
            _ => None,
        }
    }

    /// Passes all flows of a piece to a sink: of those whose key an earlier one had only what they
    /// do not share, unless it wants more.
    fn each_known<S: RowSink>(&mut self, piece: &Piece, counts: &mut Counts, sink: &mut S) {
        let Of::Flows { correlation, cache, explaining } = &mut self.of else { return };
        let own = &mut self.own;
        piece.for_each(|raw| {
            counts.lines += 1;
            if raw.part_of.is_some() {
                return;
            }
            let line = raw.line();
            let mut whole = |flow: &Flow<'_, '_>, it: &mut Option<Explaining>, sink: &mut S| {
                let explained = it.as_mut().map(|it| it.explainer.explain(flow));
                let row = ReadRow { explained: explained.as_ref(), ..ReadRow::of(flow, raw.bytes) };
                counts.damaged += u64::from(row.error.is_some());
                sink.row(&Row::Read(&row));
            };
            let (mut rows, mut is_wanted) = (0, false);
            correlation.each(cache, raw.origin, &line, |flow| {
                rows += 1;
                match flow {
                    AnyFlow::Whole(flow) => whole(flow, explaining, sink),
                    AnyFlow::Known(flow) => {
                        let row = KnownRow::of(flow, (raw.source, raw.bytes), own);
                        is_wanted = match explaining {
                            None => !sink.known(&row),
                            Some(it) => {
                                let explained = it.explainer.explain_known(flow, &row.packet().ip);
                                let explained = explained.as_ref();
                                !explained.is_some_and(|why| sink.explained(&row, why))
                            }
                        };
                    }
                }
            });
            if is_wanted {
                correlation.flows(cache, raw.origin, &line, |flow| whole(&flow, explaining, sink));
            }
            counts.packets += rows;
            counts.rows += rows;
        });
    }

    /// Returns whether no further row can be wanted.
    const fn is_done(&self) -> bool {
        self.sieve.is_done()
    }

    /// Passes the rows of a piece to `each`.
    pub(crate) fn each(
        &mut self,
        piece: &Piece,
        counts: &mut Counts,
        mut each: impl FnMut(&Row<'_>),
    ) {
        let Self { of, sieve, view, .. } = self;
        let labels = view.labels.as_deref();
        let mut row = |row: &ReadRow<'_>, counts: &mut Counts| {
            counts.packets += 1;
            counts.damaged += u64::from(row.error.is_some());
            let row = Row::Read(row);
            if sieve.admits(&row) {
                counts.rows += 1;
                each(&row);
            }
        };
        match of {
            Of::Flows { correlation, cache, explaining } => piece.for_each(|raw| {
                counts.lines += 1;
                if raw.part_of.is_some() {
                    return;
                }
                let line = raw.line();
                correlation.flows(cache, raw.origin, &line, |flow| {
                    let explained = explaining.as_mut().map(|it| it.explainer.explain(&flow));
                    let found = ReadRow::of(&flow, raw.bytes);
                    let explained = explained.as_ref();
                    row(&ReadRow { explained, labels, ..found }, counts);
                });
            }),
            Of::Packets { reader, policy, needs_time, reported } => piece.for_each(|raw| {
                counts.lines += 1;
                if raw.part_of.is_some() {
                    return counts.outcomes.count(raw.origin, Outcome::Other);
                }
                let line = raw.line();
                let may_be_row = || line.may_hold_packet() || reported.may_be_loggers(raw.bytes);
                if !raw.is_cut && !may_be_row() {
                    return counts.outcomes.count(raw.origin, Outcome::PassedOver);
                }
                let first = reader.classify(&line);
                let more = Record::more(&line);
                let outcome = Outcome::of(&line, &first);
                let outcome = Record::more(&line).fold(outcome, |it, record| it.with(&record));
                counts.outcomes.count(raw.origin, outcome);
                for record in std::iter::once(first).chain(more) {
                    let logged = reported.logged(&record);
                    // Tables do not show the writer, so they leave out forged packets.
                    let shown =
                        logged.as_ref().map_or_else(|| record.proven_packet(), Record::packet);
                    let Some((packet, cf)) = shown else { continue };
                    let error = match &record.content {
                        Content::Damaged(damaged) => Some(&damaged.error),
                        _ => None,
                    };
                    let found = ReadRow {
                        origin: raw.origin,
                        source: raw.source,
                        raw: raw.bytes,
                        time: if *needs_time { record.time(policy) } else { None },
                        record: logged.as_ref().unwrap_or(&record),
                        packet,
                        cf,
                        error,
                        flow: None,
                        known: None,
                        explained: None,
                        labels,
                    };
                    row(&found, counts);
                }
            }),
        }
    }
}

/// Rows in the caller's thread, for those who call back.
#[derive(Debug)]
pub(crate) struct Alone {
    feed: Feed,
    piece: Piece,
    rows: PieceRows,
    counts: Counts,
    last: LastCounts,
}

impl Alone {
    pub(crate) fn new(
        readers: &Readers,
        what: &'static str,
        rows: PieceRows,
        last: LastCounts,
    ) -> Self {
        let feed = Feed::new(readers, what, Size::Small, Threads::ONE.get());
        Self { feed, piece: Piece::default(), rows, counts: Counts::default(), last }
    }
}

impl Rows for Alone {
    fn step(&mut self, each: &mut dyn FnMut(&Row<'_>)) -> Result<bool, Error> {
        let more = !self.rows.is_done() && self.feed.next(&mut self.piece)?;
        if more {
            self.rows.each(&self.piece, &mut self.counts, each);
        } else {
            self.last.set(self.counts.clone());
        }
        Ok(more)
    }
}
