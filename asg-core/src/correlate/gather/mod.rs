//! The first phase: evidence, clocks, duplicates and groups of packets, from all lines of all logs.
//!
//! * [`gatherer`] reads lines, on any number of threads; [`cells`] and [`groups`] number what
//!   packets have in common.
//! * [`Gathering`] merges what they have read, in the order of the lines.
//! * [`samples`] keeps from the clocks what they know already.

#[cfg(test)]
mod again_tests;
mod cells;
mod gatherer;
mod groups;
mod samples;

use std::collections::HashSet;
use std::net::IpAddr;

pub(super) use self::cells::Cells;
pub use self::gatherer::{Batch, Gatherer};
use self::gatherer::{Fact, Read, Seen, put};
use self::groups::Container;
pub(super) use self::groups::{GroupKey, GroupName, Groups, Shown, Span, Spans, TimeKind};
use self::samples::Samples;
use super::Counts;
use super::duplicates::{SenderNumber, Told};
use super::gathered::Gathered;
use super::logger::Candidate;
use super::reports::Reports;
use super::state::State;
use crate::clock::{KnownTimes, StampDay, StampKind, UptimeClocks, ZoneLines};
use crate::completeness::Completeness;
use crate::evidence::{Evidence, NameKind, Origin};
use crate::ledger::Ledger;
use crate::line::Line;
use crate::line::envelope::Envelope;
use crate::record::outcome::Outcomes;
use crate::record::reader::Reader;
use crate::time::{LogTime, TimePolicy, Timestamp};

/// The first phase of a correlation: reads all lines for evidence, and counts packets by sender.
///
/// A rep line may follow the packet that it explains by days, so logs are read twice: first to
/// gather evidence, then to make flows. [`Gathering::finish`] ends the first phase; only what it
/// returns leads to flows.
///
/// Memory grows with containers, machines and senders, and by 2,097,152 packets at most, within
/// which a second line about one packet is recognised.
///
/// # Example
///
/// ```
/// use asg_core::{Certainty, Gathering, NoDirectory, Origin, SourceId};
///
/// let rep = br#"{"timestamp":"1498136872.889604807","source":"rep","message":"rep.executing-container-operation.starting",
///     "log_level":1,"data":{"container-guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"}}"#;
/// let packet = b"[1122561.945562] d08bb414-cdba-4381-412a-e9eccIN=wbrdg-0afe0008 OUT=eth0 SRC=10.254.0.10 \
///     DST=10.0.16.10 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=60879 DF PROTO=TCP SPT=42630 DPT=80 WINDOW=28280 RES=0x00 \
///     SYN URGP=0 ";
/// let lines = [&rep[..], packet, packet];
/// let at = |line| Origin { source: SourceId(0), line };
///
/// let mut gathering = Gathering::new();
/// for (line, text) in (1..).zip(lines) {
///     gathering.ingest(at(line), text);
/// }
/// let gathered = gathering.finish(|_| Ok::<(), std::io::Error>(()))?;
/// assert_eq!(gathered.counts().duplicates, 1, "the third line reports the packet of the second");
///
/// let correlation = gathered.correlate();
/// let mut reader = correlation.reader();
/// let flows = (1..).zip(lines).filter(|(line, text)| {
///     let line = asg_core::Line::new(text);
///     reader.flow(at(1), &line).is_some_and(|flow| flow.attribution.certainty == Certainty::UniquePrefix)
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Gathering {
    state: State,
    cells: Cells,
    /// By the numbers of `cells`.
    cell_facts: Vec<Cell>,
    groups: Groups,
    /// By the numbers of `groups`.
    counted: Vec<Group>,
    peers: HashSet<IpAddr>,
    gatherers: Vec<Numbers>,
    /// The day of the last stamp without a zone.
    day: StampDay,
    /// Those of all lines, if these are a part.
    clocks: Option<UptimeClocks>,
    /// Those of packet lines, if they are wanted.
    text_keys: Option<Vec<u64>>,
    /// See [`Gathering::knowing_all`].
    knows_all: bool,
    /// For callers with one thread.
    own: Option<Gatherer>,
    unmerged: usize,
}

/// The gathering's numbers for those of a gatherer.
#[derive(Debug, Default)]
struct Numbers {
    cells: Vec<u32>,
    groups: Vec<u32>,
    /// By the place of [`Fact::Again`].
    facts: Vec<Option<KnownFact>>,
    /// How many batches were merged.
    merged: usize,
}

/// Evidence that other lines may give again.
#[derive(Debug, Clone)]
struct KnownFact {
    /// That of the first line.
    evidence: Evidence,
    /// The machine whose own line it is from.
    cell: Option<u32>,
    /// The container's row in the ledger.
    row: Option<u32>,
}

/// The facts about a machine.
#[derive(Debug)]
pub(super) struct Cell {
    /// Its name, if that identifies it.
    pub(super) name: Option<(Box<str>, NameKind)>,
    /// Its number in the ledger, once it has one.
    number: Option<u32>,
    /// Its place in [`Completeness`].
    place: usize,
    /// Its number in the clocks.
    pub(super) clock: Option<u64>,
    /// Of lines with instants beside stamps that lack a zone.
    zones: ZoneLines,
    /// Of lines with instants.
    samples: Samples,
    /// Of lines whose stamps lack a zone, by [`StampKind`].
    stamps: [Samples; 2],
}

/// The facts about a group.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Packets, each counted once.
    pub(super) packets: u64,
    /// Those of damaged lines.
    pub(super) damaged: u64,
    /// The sum of their lengths.
    pub(super) bytes: u64,
    pub(super) spans: Spans,
    /// Whether a span is too long, because of a packet that is counted in another group now.
    pub(super) has_lost: bool,
    container: Container,
    /// The sender of the last of them.
    sender: SenderNumber,
}

impl Group {
    /// Counts a packet.
    #[inline]
    fn count(&mut self, shown: Shown, len: u32, is_damaged: bool) {
        self.packets += 1;
        self.damaged += u64::from(is_damaged);
        self.bytes += u64::from(len);
        self.spans.extend(shown);
    }

    /// Takes back a packet, which is counted in another group. Lines with one text have one length,
    /// and damaged ones are not compared.
    fn lose(&mut self, len: u32) {
        self.packets -= 1;
        self.bytes -= u64::from(len);
        self.has_lost = true;
    }
}

/// A batch was merged too early, or into another gathering than its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a batch belongs to another gathering, or an earlier batch of its gatherer is missing")]
#[non_exhaustive]
pub struct MisplacedBatch;

/// How many lines [`Gathering::ingest`] holds before it merges them.
const TOGETHER: usize = 4_096;

/// So many results of lines are [fetched](Gathering::fetch) at once.
const AT_ONCE: usize = 16;

impl Gathering {
    /// Creates a gathering. It takes a missing year to be the one nearest to the latest time with a
    /// year in the same source, or where that shows none, in any.
    ///
    /// ```
    /// use asg_core::Gathering;
    /// assert_eq!(Gathering::new().counts().lines, 0);
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a gathering that completes times by this policy. Where the policy leaves the year
    /// open, it is as with [`Gathering::new`].
    ///
    /// ```
    /// use asg_core::time::YearPolicy;
    /// use asg_core::{Gathering, TimePolicy};
    ///
    /// let policy = TimePolicy { year: YearPolicy::Fixed(2017), ..TimePolicy::default() };
    /// assert_eq!(Gathering::with_policy(policy).counts().lines, 0);
    /// ```
    #[must_use]
    pub fn with_policy(policy: TimePolicy) -> Self {
        Self { state: State::with_policy(policy), ..Self::default() }
    }

    /// Recognises lines about one packet if they are so many packets apart at most; the default is
    /// 2,097,152. A remembered packet takes 40 bytes; packets that make room are
    /// [counted](super::Counts::displaced).
    ///
    /// ```
    /// use asg_core::{Gathering, Origin, SourceId};
    ///
    /// let packet = |id| {
    ///     format!(
    ///         "2024-05-06T07:09:10Z cell kernel: [637.58112{id}] DENY_bfce786c-ab07-40ad-79f9 \
    ///          IN= OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID={id} \
    ///          DF PROTO=TCP SPT=51858 DPT=80 WINDOW=27400 RES=0x00 SYN URGP=0 "
    ///     )
    /// };
    /// let mut gathering = Gathering::new().remembering(2);
    /// for (line, id) in [(1, 1), (2, 2), (3, 1), (4, 3), (5, 1)] {
    ///     gathering.ingest(Origin { source: SourceId(0), line }, packet(id).as_bytes());
    /// }
    /// let gathered = gathering.finish(|_| Ok::<(), std::convert::Infallible>(()))?;
    /// // The last line is not recognised: two other packets came behind the first.
    /// let counts = gathered.counts();
    /// assert_eq!((counts.duplicates, counts.displaced), (1, 2));
    /// # Ok::<(), std::convert::Infallible>(())
    /// ```
    #[must_use]
    pub fn remembering(mut self, packets: usize) -> Self {
        self.state.reports.remember(packets);
        self
    }

    /// Begins with the evidence of a ledger, such as a saved one.
    ///
    /// ```
    /// use asg_core::event::Moment;
    /// use asg_core::evidence::Evidence;
    /// use asg_core::guid::Handle;
    /// use asg_core::{Gathering, Ledger, Origin, SourceId};
    ///
    /// let mut before = Ledger::new();
    /// let handle = Handle::parse(b"bfce786c-ab07-40ad-79f9-8f21").unwrap();
    /// before.add(Evidence::new(handle, Moment::Seen, Origin { source: SourceId(0), line: 1 }));
    /// assert_eq!(Gathering::new().with_ledger(before).ledger().len(), 1);
    /// ```
    #[must_use]
    pub fn with_ledger(mut self, ledger: Ledger) -> Self {
        self.state.ledger = ledger;
        // Numbers of another ledger are of no use.
        self.cell_facts.iter_mut().for_each(|cell| cell.number = None);
        for known in
            self.gatherers.iter_mut().flat_map(|numbers| numbers.facts.iter_mut().flatten())
        {
            known.row = None;
        }
        self
    }

    /// Takes the times of lines from these clocks, which all lines of all parts taught, and not
    /// from the lines of this part. Whatever the part, a line has one time then.
    ///
    /// ```
    /// use asg_core::{Gathering, Origin, SourceId};
    ///
    /// let told = b"2018-04-03T17:05:02.358719Z cell-1 kernel: [  637.581122] hello";
    /// let at = Origin { source: SourceId(0), line: 1 };
    /// let mut all = Gathering::new();
    /// all.ingest(at, told);
    /// let all = all.finish(|_| Ok::<(), std::convert::Infallible>(()))?;
    ///
    /// let part = Gathering::new().with_clocks(all.clocks().clone());
    /// let part = part.finish(|_| Ok::<(), std::convert::Infallible>(()))?;
    /// assert_eq!(part.clocks().boots_known(), 1);
    /// # Ok::<(), std::convert::Infallible>(())
    /// ```
    #[must_use]
    pub fn with_clocks(mut self, clocks: UptimeClocks) -> Self {
        self.state.clocks = clocks.part();
        self.clocks = Some(clocks);
        self
    }

    /// Teaches clocks that can be merged with these, which are a part of one whole.
    ///
    /// ```
    /// use asg_core::clock::UptimeClocks;
    /// use asg_core::{Gathering, Origin, SourceId};
    ///
    /// let told = b"2018-04-03T17:05:02.358719Z cell-1 kernel: [  637.581122] hello";
    /// let mut whole = UptimeClocks::default();
    /// let mut part = Gathering::new().teaching(&whole);
    /// part.ingest(Origin { source: SourceId(0), line: 1 }, told);
    /// let part = part.finish(|_| Ok::<(), std::convert::Infallible>(()))?;
    /// whole.merge(part.clocks());
    /// assert_eq!(whole.boots_known(), 1);
    /// # Ok::<(), std::convert::Infallible>(())
    /// ```
    #[must_use]
    pub fn teaching(mut self, whole: &UptimeClocks) -> Self {
        self.state.clocks = whole.part();
        self
    }

    /// Keeps the text key of each packet line that is compared with others: eight bytes for each.
    /// No two of these lines are about one packet if all of their keys differ. Call it before the
    /// first line.
    ///
    /// ```
    /// use asg_core::{Gathering, Origin, SourceId};
    ///
    /// let packet = "[  639.500000] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    ///     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 LEN=41 ";
    /// let mut gathering = Gathering::new().keeping_text_keys();
    /// for (line, header) in [(1, ""), (2, "2024-05-06T07:09:10Z cell-7 kernel: ")] {
    ///     let line = (Origin { source: SourceId(0), line }, format!("{header}{packet}"));
    ///     gathering.ingest(line.0, line.1.as_bytes());
    /// }
    /// let gathered = gathering.finish(|_| Ok::<(), std::convert::Infallible>(()))?;
    /// let keys = gathered.text_keys();
    /// assert_eq!((keys.len(), keys[0]), (2, keys[1]));
    /// # Ok::<(), std::convert::Infallible>(())
    /// ```
    #[must_use]
    pub fn keeping_text_keys(mut self) -> Self {
        self.text_keys = Some(Vec::new());
        self
    }

    /// Takes from lines only what neither the ledger nor the clocks hold: what packets have in
    /// common. Call it before the first line, for a part of a whole that was gathered before.
    ///
    /// The ledger and the clocks must be [those of the whole](Gathering::with_clocks), this part
    /// included. No two of its lines may be about one packet, and none may be of iptables-logger.
    /// Then the flows are those of a gathering that reads everything. Only lines and packets are
    /// counted.
    ///
    /// ```
    /// use asg_core::{Gathering, Line, Origin, SourceId};
    ///
    /// let rep = br#"{"timestamp":"1498136872.889604807","source":"rep","log_level":1,
    ///     "message":"rep.executing-container-operation.starting",
    ///     "data":{"container-guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"}}"#;
    /// let rep: Vec<u8> = rep.iter().copied().filter(|byte| *byte != b'\n').collect();
    /// let packet = b"[1122561.945562] d08bb414-cdba-4381-412a-e9eccIN=wbrdg-0afe0008 OUT=eth0 \
    ///     SRC=10.254.0.10 DST=10.0.16.10 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=7 PROTO=2 ";
    /// let at = |line| Origin { source: SourceId(0), line };
    /// let mut whole = Gathering::new();
    /// whole.ingest(at(1), &rep);
    /// whole.ingest(at(2), packet);
    /// let whole = whole.finish(|_| Ok::<(), std::convert::Infallible>(()))?;
    ///
    /// let part = Gathering::new().with_clocks(whole.clocks().clone());
    /// let mut part = part.with_ledger(whole.ledger().clone()).knowing_all();
    /// part.ingest(at(2), packet);
    /// let part = part.finish(|_| Ok::<(), std::convert::Infallible>(()))?.correlate();
    /// let line = Line::new(packet);
    /// let flow = part.reader().flow(at(2), &line).unwrap();
    /// let handle = flow.attribution.container().unwrap().handle();
    /// assert_eq!(handle.to_string(), "d08bb414-cdba-4381-412a-e9ecc1b7d0f4");
    /// # Ok::<(), std::convert::Infallible>(())
    /// ```
    #[must_use]
    pub fn knowing_all(mut self) -> Self {
        self.knows_all = true;
        self
    }

    /// Returns the counts of the batches merged so far.
    ///
    /// ```
    /// # use asg_core::{Gathering, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// let mut gathering = Gathering::new();
    /// let mut gatherer = gathering.gatherer();
    /// gatherer.ingest(at, packet);
    /// gathering.merge(gatherer.take_batch(), 0).unwrap();
    /// assert_eq!((gathering.counts().lines, gathering.counts().packets), (1, 1));
    /// ```
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.state.counts
    }

    /// Returns the lines of the batches merged so far, by source and outcome.
    ///
    /// ```
    /// # use asg_core::{Gathering, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// let mut gathering = Gathering::new();
    /// let mut gatherer = gathering.gatherer();
    /// gatherer.ingest(at, packet);
    /// gathering.merge(gatherer.take_batch(), 0).unwrap();
    /// assert_eq!(gathering.outcomes().sum(), 1);
    /// ```
    #[must_use]
    pub const fn outcomes(&self) -> &Outcomes {
        &self.state.outcomes
    }

    /// Returns the evidence of the batches merged so far.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.state.ledger
    }

    /// Returns what is missing from the logs, as far as they show it.
    ///
    /// ```
    /// # use asg_core::{Gathering, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// let mut gathering = Gathering::new();
    /// let mut gatherer = gathering.gatherer();
    /// gatherer.ingest(at, packet);
    /// gathering.merge(gatherer.take_batch(), 0).unwrap();
    /// assert_eq!(gathering.completeness().report()[0].packets, 1);
    /// ```
    #[must_use]
    pub const fn completeness(&self) -> &Completeness {
        &self.state.completeness
    }

    /// Reads the next line, without its line feed.
    ///
    /// ```
    /// # use asg_core::{Gathering, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// let mut gathering = Gathering::new();
    /// gathering.ingest(at, packet);
    /// let gathered = gathering.finish(|_| Ok::<(), std::convert::Infallible>(()))?;
    /// assert_eq!(gathered.counts().packets, 1);
    /// # Ok::<(), std::convert::Infallible>(())
    /// ```
    pub fn ingest(&mut self, origin: Origin, line: &[u8]) {
        self.with_own(|own| own.ingest(origin, line));
    }

    /// Counts a further line of a document; see [`Gatherer::pass_over`].
    pub fn pass_over(&mut self, origin: Origin) {
        self.with_own(|own| own.pass_over(origin));
    }

    fn with_own(&mut self, f: impl FnOnce(&mut Gatherer)) {
        let mut own = match self.own.take() {
            Some(own) => own,
            None => self.gatherer(),
        };
        f(&mut own);
        self.own = Some(own);
        self.unmerged += 1;
        if self.unmerged >= TOGETHER {
            self.merge_own();
        }
    }

    /// Creates a gatherer for another thread.
    ///
    /// ```
    /// # use asg_core::{Gathering, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// let mut gathering = Gathering::new();
    /// // Such a gatherer may go to another thread.
    /// let mut gatherer = gathering.gatherer();
    /// gatherer.ingest(at, packet);
    /// gathering.merge(gatherer.take_batch(), 0).unwrap();
    /// assert_eq!(gathering.counts().packets, 1);
    /// ```
    pub fn gatherer(&mut self) -> Gatherer {
        let number = self.gatherers.len();
        self.gatherers.push(Numbers::default());
        let (seeds, keeps_text_keys) = (self.state.reports.seeds(), self.text_keys.is_some());
        Gatherer::new(number, seeds, keeps_text_keys, self.knows_all)
    }

    /// Merges a batch. Batches are merged in the order of their lines, a few thousand lines each,
    /// for it matters which line about a packet came first. `lines_before` is added to the line
    /// numbers of the batch.
    ///
    /// # Errors
    ///
    /// [`MisplacedBatch`], and nothing is merged.
    ///
    /// ```
    /// # use asg_core::{Gathering, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// let mut gathering = Gathering::new();
    /// let mut gatherer = gathering.gatherer();
    /// gatherer.ingest(at, packet);
    /// assert!(gathering.merge(gatherer.take_batch(), 0).is_ok());
    /// assert_eq!(gathering.counts().lines, 1);
    /// ```
    pub fn merge(&mut self, batch: Batch, lines_before: u64) -> Result<(), MisplacedBatch> {
        let Batch {
            gatherer,
            number,
            seeds,
            cells,
            groups,
            latest,
            zones,
            evidence,
            loggers,
            peers,
            read,
            text_keys,
            counts,
            outcomes,
        } = batch;
        let is_next = |numbers: &Numbers| numbers.merged == number;
        if seeds != self.state.reports.seeds() || !self.gatherers.get(gatherer).is_some_and(is_next)
        {
            return Err(MisplacedBatch);
        }
        let mut numbers = std::mem::take(&mut self.gatherers[gatherer]);
        numbers.merged += 1;
        numbers.cells.extend(cells.iter().map(|name| self.cells.take(name)));
        for name in &self.cells.all()[self.cell_facts.len()..] {
            let envelope = name.envelope();
            let state = &mut self.state;
            self.cell_facts.push(Cell {
                name: NameKind::of(&envelope).map(|(name, kind)| (name.into(), kind)),
                number: None,
                place: state.completeness.cell_of(name.source(), &envelope),
                clock: state.clocks.machine(&envelope),
                zones: ZoneLines::default(),
                samples: Samples::default(),
                stamps: Default::default(),
            });
        }
        for name in &groups {
            let cell = numbers.cells[name.cell() as usize];
            numbers.groups.push(self.groups.take(name, cell));
        }
        self.counted.resize_with(self.groups.all().len(), Group::default);
        for (source, time) in latest {
            self.state.clocks.learn_year(source, time);
        }
        for (cell, time, own) in zones {
            let cell = numbers.cells[cell as usize] as usize;
            let source = self.cells.all()[cell].source();
            let Cell { clock, zones, .. } = &mut self.cell_facts[cell];
            if let LogTime::Instant(_) = time {
                self.state.clocks.learn_late((source, *clock), time, own);
            } else {
                zones.add(&mut self.state.clocks, (source, *clock), time, own);
            }
        }
        for fact in evidence {
            self.fact(&mut numbers, fact, lines_before);
        }
        for (mut origin, event) in loggers {
            origin.line += lines_before;
            self.state.reports.logger(origin, &event);
        }
        self.peers.extend(peers);
        if let Some(all) = &mut self.text_keys {
            all.extend(text_keys);
        }
        for some in read.chunks(AT_ONCE) {
            self.fetch(&numbers, some);
            for read in some {
                self.read(&numbers, read, lines_before);
            }
        }
        self.gatherers[gatherer] = numbers;
        self.state.counts.add(&counts);
        self.state.outcomes.add_behind(&outcomes, lines_before);
        self.state.counts.duplicates = self.state.reports.copies();
        self.state.counts.displaced = self.state.reports.displaced();
        Ok(())
    }

    /// Ends the first phase. All batches must have been merged.
    ///
    /// If the logs hold lines of silk's iptables-logger, their packets must be found, now that all
    /// times are known. Then `look_again` is called once, and shows every line to the [`Joiner`] a
    /// second time, in order. Without such lines it is not called.
    ///
    /// # Errors
    ///
    /// Those of `look_again`.
    ///
    /// ```
    /// # use asg_core::{Gathering, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// let mut gathering = Gathering::new();
    /// gathering.ingest(at, packet);
    /// let gathered = gathering.finish(|joiner| {
    ///     joiner.look(at, packet);
    ///     Ok::<(), std::convert::Infallible>(())
    /// })?;
    /// assert_eq!(gathered.counts().packets, 1);
    /// # Ok::<(), std::convert::Infallible>(())
    /// ```
    pub fn finish<E>(
        mut self,
        look_again: impl FnOnce(&mut Joiner<'_>) -> Result<(), E>,
    ) -> Result<Gathered, E> {
        self.merge_own();
        let Self { mut state, cells, mut cell_facts, groups, counted, peers, .. } = self;
        let Self { clocks: all, text_keys, .. } = self;
        let text_keys = text_keys.unwrap_or_default();
        for (cell, name) in cell_facts.iter_mut().zip(cells.all()) {
            let (source, clocks) = (name.source(), &mut state.clocks);
            cell.zones.flush(clocks, (source, cell.clock));
            cell.samples
                .flush(|(uptime, stamp)| clocks.learn_of(source, cell.clock, uptime, stamp));
            for kind in [StampKind::WithYear, StampKind::WithoutYear] {
                cell.stamps[kind as usize].flush(|(uptime, stamp)| {
                    clocks.learn_stamp(source, cell.clock, kind, uptime, stamp);
                });
            }
        }
        if let Some(all) = all {
            state.clocks = all;
        }
        if state.reports.has_loggers() {
            let State { reports, clocks, policy, .. } = &mut state;
            let mut joiner = Joiner {
                reports,
                times: clocks.complete(policy),
                reader: Reader::default(),
                candidates: Vec::new(),
            };
            look_again(&mut joiner)?;
            let Joiner { reports, candidates, .. } = joiner;
            reports.join(candidates);
            state.counts.packets += state.reports.loggers_alone();
        }
        Ok(Gathered::new(state, cells, cell_facts, groups, counted, peers, text_keys))
    }

    fn merge_own(&mut self) {
        self.unmerged = 0;
        let Some(mut own) = self.own.take() else { return };
        let merged = self.merge(own.take_batch(), 0);
        debug_assert_eq!(merged, Ok(()));
        self.own = Some(own);
    }

    /// Takes the evidence of a line.
    fn fact(&mut self, numbers: &mut Numbers, fact: Fact, lines_before: u64) {
        match fact {
            Fact::New { mut evidence, machine, place } => {
                evidence.origin.line += lines_before;
                self.state.rule_updates.take(&evidence);
                let cell = machine.map(|cell| numbers.cells[cell as usize]);
                let Some(place) = place else {
                    self.add(evidence, cell);
                    return;
                };
                let row = Some(self.add(evidence.clone(), cell));
                put(&mut numbers.facts, place, KnownFact { evidence, cell, row });
            }
            Fact::Again { place, moment, time, mut origin } => {
                origin.line += lines_before;
                let Some(Some(known)) = numbers.facts.get_mut(place) else { return };
                let KnownFact { evidence, cell, row } = known;
                if let Some(row) = row.filter(|_| origin >= evidence.origin) {
                    self.state.ledger.add_again(row, evidence, moment, time);
                } else {
                    evidence.origin = origin;
                    let again = Evidence { moment, time, ..evidence.clone() };
                    *row = Some(self.add(again, *cell));
                }
            }
        }
    }

    /// Adds evidence from a machine's own line, or from another; returns the container's row.
    fn add(&mut self, evidence: Evidence, cell: Option<u32>) -> u32 {
        let ledger = &mut self.state.ledger;
        let machine = cell.and_then(|cell| {
            let Cell { name, number, .. } = &mut self.cell_facts[cell as usize];
            let (name, kind) = name.as_ref()?;
            let machine = || ledger.machine_number(name.clone(), *kind);
            Some(*number.get_or_insert_with(machine))
        });
        ledger.add_of(evidence, machine)
    }

    /// Looks at everything that packets need, and changes nothing.
    ///
    /// It lies at random places of a large memory. Here the processor fetches all of it at once,
    /// and not one piece after the other while packets are counted.
    fn fetch(&self, numbers: &Numbers, some: &[Read]) {
        let groups = some.iter().filter_map(|read| match read {
            Read::Packet(seen) => {
                self.counted.get(*numbers.groups.get(seen.group as usize)? as usize)
            }
            _ => None,
        });
        let mut senders = [SenderNumber::default(); AT_ONCE];
        let mut seen = 0;
        for (sender, group) in senders.iter_mut().zip(groups) {
            *sender = group.sender;
            seen ^= group.packets;
        }
        for sender in senders {
            seen ^= self.state.reports.glance(sender);
        }
        // Without this the compiler would leave all of it out.
        std::hint::black_box(seen);
    }

    fn read(&mut self, numbers: &Numbers, read: &Read, lines_before: u64) {
        match read {
            Read::Packet(seen) => {
                let line = seen.origin.line + lines_before;
                let cell = numbers.cells[seen.cell as usize];
                let group = numbers.groups[seen.group as usize];
                self.packet(cell, group, Origin { line, ..seen.origin }, seen);
            }
            Read::Placed { group, shown, len, is_damaged } => {
                let group = &mut self.counted[numbers.groups[*group as usize] as usize];
                group.count(*shown, *len, *is_damaged);
            }
            Read::Told { cell, told } => {
                let cell = &self.cell_facts[numbers.cells[*cell as usize] as usize];
                self.state.completeness.tell(cell.place, told.clone());
            }
            Read::Stamp { source, time } => {
                let envelope = Envelope { time: *time, ..Envelope::default() };
                self.state.clocks.learn(*source, &envelope, None);
            }
            Read::Clock { cell, shown } => self.clock(numbers.cells[*cell as usize], *shown),
        }
    }

    fn packet(&mut self, cell: u32, number: u32, origin: Origin, seen: &Seen) {
        let shown = Shown { time: seen.times.time, uptime: seen.times.uptime };
        self.clock(cell, shown);
        let state = &mut self.state;
        let group = &mut self.counted[number as usize];
        if let Some(mark) = &seen.mark {
            match state.reports.marked((origin, number), mark, NOW, &mut group.sender) {
                (Told::First, _) => {}
                (Told::After(_), _) => return,
                // This line is the first about a packet that another line reported.
                (Told::Before(_), counted) => {
                    group.count(shown, seen.len, false);
                    self.counted[counted as usize].lose(seen.len);
                    return;
                }
            }
        }
        let place = self.cell_facts[cell as usize].place;
        let name = || &self.groups.all()[number as usize];
        group.count(shown, seen.len, seen.is_damaged);
        let completeness = &mut state.completeness;
        let container = group
            .container
            .of(seen.limit, |limit| completeness.container(place, name().prefix(), limit));
        completeness.packet_of(origin.source, (place, container), &seen.times);
        if seen.is_damaged {
            completeness.tell(place, crate::completeness::Told::Damage);
        }
    }

    /// Takes a line that shows both clocks, or only one.
    fn clock(&mut self, cell: u32, shown: Shown) {
        let name = || &self.cells.all()[cell as usize];
        let Cell { clock, samples, stamps, .. } = &mut self.cell_facts[cell as usize];
        let clocks = &mut self.state.clocks;
        match (shown.uptime, shown.time) {
            (Some(uptime), LogTime::Instant(stamp)) => {
                samples.add(uptime, stamp, |(uptime, stamp)| {
                    clocks.learn_of(name().source(), *clock, uptime, stamp);
                });
            }
            // Their day comes with `Read::Stamp`.
            (Some(uptime), LogTime::Local(_) | LogTime::NoYear(_)) => {
                let Some((kind, stamp)) = self.day.convert(shown.time) else { return };
                stamps[kind as usize].add(uptime, stamp, |(uptime, stamp)| {
                    clocks.learn_stamp(name().source(), *clock, kind, uptime, stamp);
                });
            }
            (uptime, time) => {
                let name = name();
                let envelope = Envelope { time, uptime, ..name.envelope() };
                clocks.learn(name.source(), &envelope, None);
            }
        }
    }
}

/// Nothing is forgotten in the first phase, so it does not matter when a line came.
const NOW: Timestamp = Timestamp::from_nanos(0);

/// Finds the packets of iptables-logger's lines; see [`Gathering::finish`].
#[derive(Debug)]
pub struct Joiner<'g> {
    reports: &'g mut Reports,
    times: KnownTimes<'g>,
    reader: Reader,
    candidates: Vec<Candidate>,
}

impl Joiner<'_> {
    /// Looks at a line a second time.
    ///
    /// ```
    /// # use asg_core::{Gathering, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// let mut gathering = Gathering::new();
    /// gathering.ingest(at, packet);
    /// let gathered = gathering.finish(|joiner| {
    ///     joiner.look(at, packet);
    ///     Ok::<(), std::convert::Infallible>(())
    /// })?;
    /// assert_eq!(gathered.counts().lines, 1);
    /// # Ok::<(), std::convert::Infallible>(())
    /// ```
    pub fn look(&mut self, origin: Origin, line: &[u8]) {
        self.look_at(origin, &Line::new(line));
    }

    /// Looks a second time at a line that may be [over-long](Line::cut).
    pub fn look_at(&mut self, origin: Origin, line: &Line<'_>) {
        let record = self.reader.classify(line);
        let candidate = State::candidate(self.reports, &self.times, origin, &record);
        self.candidates.extend(candidate);
    }
}
