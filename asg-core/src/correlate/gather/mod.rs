//! The first phase: evidence, clocks, duplicates and groups of packets, from all lines of all logs.
//!
//! * [`gatherer`] reads lines, on any number of threads; [`cells`] and [`groups`] number what
//!   packets have in common.
//! * [`Gathering`] has the public steps, and [`merging`] merges the results of gatherers.
//! * [`joiner`] looks at packets again, if iptables-logger reported some.
//! * [`samples`] keeps from the clocks what they know already.

#[cfg(test)]
mod again_tests;
mod cells;
mod gatherer;
mod groups;
mod joiner;
mod merging;
mod samples;

use std::collections::HashSet;
use std::net::IpAddr;

pub(super) use self::cells::Cells;
pub use self::gatherer::{Batch, Gatherer};
pub(super) use self::groups::{GroupKey, GroupName, Groups, Shown, Span, TimeKind};
pub use self::joiner::Joiner;
use self::merging::Numbers;
pub(super) use self::merging::{Cell, Group};
use super::Counts;
use super::gathered::Gathered;
use super::state::State;
use crate::clock::{StampDay, StampKind, UptimeClocks};
use crate::completeness::Completeness;
use crate::evidence::Origin;
use crate::ledger::Ledger;
use crate::record::outcome::Outcomes;
use crate::time::TimePolicy;

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

/// A batch was merged too early, or into another gathering than its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a batch belongs to another gathering, or an earlier batch of its gatherer is missing")]
#[non_exhaustive]
pub struct MisplacedBatch;

/// How many lines [`Gathering::ingest`] holds before it merges them.
const TOGETHER: usize = 4_096;

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
        let (gatherer, number) = (batch.gatherer, batch.number);
        let is_next = |numbers: &Numbers| numbers.merged == number;
        let is_own = batch.seeds == self.state.reports.seeds();
        if !is_own || !self.gatherers.get(gatherer).is_some_and(is_next) {
            return Err(MisplacedBatch);
        }
        let mut numbers = std::mem::take(&mut self.gatherers[gatherer]);
        self.merge_next(&mut numbers, batch, lines_before);
        self.gatherers[gatherer] = numbers;
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
            let mut joiner = Joiner::new(reports, clocks.complete(policy));
            look_again(&mut joiner)?;
            joiner.join();
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
}
