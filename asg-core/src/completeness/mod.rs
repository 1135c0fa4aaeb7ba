//! What is missing from logs, as far as the logs show it.
//!
//! [`Completeness`] observes records, and its report has one [`CellReport`] for each machine;
//! [`LimitReport`] and [`Limit`] are about containers that reached a rule's limit.
//!
//! Counts of log lines are not counts of packets. Each figure here is a lower bound: a number that
//! the lines prove to be missing, or a limit that was reached, so that a count is a minimum.
//!
//! | missing | evidence |
//! |---|---|
//! | packets beyond a rule's limit | one container's chain logs as fast as it may: silk lets one denied packet, and 100 UDP packets, per second and container through |
//! | lines that the kernel, journald, rsyslog or loggregator dropped | a note with their number |
//! | records of the kernel's buffer | gaps in the record numbers of `/dev/kmsg` |
//! | packets folded into one line | `message repeated 3 times: […]`: three behind the first |
//! | lines that are cut or split | they are damaged |
//! | all packets of a cell | rep logs containers there, and no packets come: logging is off, or kern.log is not forwarded |
//!
//! Source of the limits: silk-release 5148d058, `netrules/netout_chain.go`, jobs `silk-cni` and
//! `vxlan-policy-agent`.
//!
//! ```
//! use asg_core::completeness::Completeness;
//! use asg_core::{Line, Record, SourceId};
//!
//! let mut completeness = Completeness::default();
//! let note = b"2024-05-06T07:09:10Z a kernel: [637.5] net_ratelimit: 12 callbacks suppressed";
//! completeness.observe(SourceId(0), &Record::classify(&Line::new(note)));
//! assert_eq!(completeness.report()[0].dropped, 12);
//! ```

mod notes;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::bytes::hash::Seeds;
use crate::bytes::text::Text;
use crate::evidence::{NameKind, SourceId, is_cells_own};
use crate::line::envelope::Envelope;
use crate::packet::Packet;
use crate::prefix::{LogPrefix, Verdict};
use crate::record::{Content, Record};
use crate::time::{Civil, LogTime, Uptime};

/// Keeps what lines prove about the completeness of their logs, by cell and container. Its memory
/// grows with cells, and with the containers that were denied something or sent UDP, at most
/// 131,072.
///
/// Lines should come in the order of their logs, as they do from files; if some come a minute late,
/// a limit may be overlooked.
///
/// ```
/// use asg_core::completeness::Completeness;
/// use asg_core::{Line, Record, SourceId};
///
/// let mut completeness = Completeness::default();
/// for text in [
///     "2024-05-06T07:09:10+00:00 cell-1 kernel: [637.5] net_ratelimit: 12 callbacks suppressed",
///     "2024-05-06T07:09:11+00:00 cell-1 kernel: x IN=eth0 OUT= SRC=10.254.0.10 DST=10.0.1",
/// ] {
///     let line = Line::new(text.as_bytes());
///     completeness.observe(SourceId(0), &Record::classify(&line));
/// }
/// let report = completeness.report();
/// assert_eq!((report[0].cell, report[0].dropped, report[0].damaged), ("cell-1", 12, 1));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Completeness {
    limits: LogLimits,
    seeds: Seeds,
    cells: Vec<Cell>,
    /// Places in `cells`.
    by_text: HashMap<(Box<str>, Option<SourceId>), usize>,
    /// Notes of missing lines, and the cells under whose names each came, with its stamp there: the
    /// smallest, if there are too many.
    notes: BTreeMap<Note, BTreeMap<usize, LogTime>>,
    /// Places in `cells`.
    by_name: HashMap<u64, usize>,
    /// The cell of the last line: lines of one cell usually come together.
    last: Option<(u64, usize)>,
    containers: Vec<Logged>,
}

/// The number of packets per second that a container's chains may log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct LogLimits {
    /// silk's `iptables_denied_logs_per_sec`: 1 by default.
    pub denied_per_second: u32,
    /// silk's `iptables_accepted_udp_logs_per_sec`: 100 by default.
    pub udp_per_second: u32,
}

impl LogLimits {
    /// silk's own limits.
    ///
    /// ```
    /// use asg_core::completeness::LogLimits;
    /// assert_eq!(LogLimits::DEFAULT.udp_per_second, 100);
    /// ```
    pub const DEFAULT: Self = Self { denied_per_second: 1, udp_per_second: 100 };
}

impl Default for LogLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The minimum that is missing from the logs of one cell.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CellReport<'c> {
    /// The name of the machine in its lines; empty if they have no distinctive one.
    pub cell: &'c str,
    /// The source of its lines, if they have no name: such lines of one source count as one cell's.
    pub source: Option<SourceId>,
    /// Packet lines.
    pub packets: u64,
    /// Lines that the cell wrote about its own containers.
    pub about_containers: u64,
    /// Lines of any kind that programs report to have dropped. A note that arrived twice counts
    /// once.
    pub dropped: u64,
    /// Records of the kernel's buffer, of any kind, whose numbers are missing.
    pub missing_records: u64,
    /// Packets that are folded into another line, or into the line itself, beside those with a line
    /// of their own.
    pub folded: u64,
    /// Lines that are cut, split or malformed.
    pub damaged: u64,
    /// Containers that reached a limit, the most often first. Their counts are lower bounds.
    pub at_limit: Vec<LimitReport<'c>>,
    /// Packets come under names of another kind, or under none, and may be the cell's; or
    /// iptables-logger reports them.
    has_unnamed_packets: bool,
}

impl CellReport<'_> {
    /// Returns whether lines that a cell writes about its own containers come under this name, and
    /// no packets: none is logged, or they are not forwarded. If packets come under no name, or
    /// under a name of another kind, they may be this cell's.
    ///
    /// ```
    /// # use asg_core::completeness::Completeness;
    /// # use asg_core::{Line, Record, SourceId};
    /// let line = Line::new(
    ///     b"2024-05-06T07:09:10Z cell-1 kernel: [637.5] net_ratelimit: 12 callbacks suppressed",
    /// );
    /// let mut completeness = Completeness::default();
    /// completeness.observe(SourceId(0), &Record::classify(&line));
    /// assert!(!completeness.report()[0].is_silent(), "it wrote nothing about containers");
    /// ```
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        self.packets == 0
            && self.about_containers > 0
            && !self.cell.is_empty()
            && !self.has_unnamed_packets
    }

    /// Returns whether nothing is known to be missing.
    ///
    /// ```
    /// # use asg_core::completeness::Completeness;
    /// # use asg_core::{Line, Record, SourceId};
    /// let line = Line::new(
    ///     b"2024-05-06T07:09:10Z cell-1 kernel: [637.5] net_ratelimit: 12 callbacks suppressed",
    /// );
    /// let mut completeness = Completeness::default();
    /// completeness.observe(SourceId(0), &Record::classify(&line));
    /// assert!(!completeness.report()[0].is_whole(), "12 lines are missing");
    /// ```
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.is_silent()
            && self.at_limit.is_empty()
            && [self.dropped, self.missing_records, self.folded, self.damaged] == [0; 4]
    }
}

/// Lines of a cell that were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LostLines<'c> {
    /// The cell, as in [`CellReport::cell`].
    pub cell: &'c str,
    /// The source, where the lines name no cell.
    pub source: Option<SourceId>,
    /// The number of lines.
    pub lines: u64,
    /// The stamp of the note that counts them: they were lost before it. [`LogTime::Unknown`] if no
    /// stamp shows when.
    pub noted: LogTime,
}

/// A container that reached a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitReport<'c> {
    /// The handle or app GUID prefix in its log prefix.
    pub prefix: &'c str,
    /// The limit.
    pub limit: Limit,
    /// Packets that were logged.
    pub logged: u64,
    /// The number of times that as many packets were logged in a second as the limit allows (for a
    /// limit of one: two in two seconds). More may have been sent each time.
    pub spans: u64,
}

/// The limit that applies to a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// The limit of denied packets.
    Denied,
    /// The limit of UDP packets that passed.
    Udp,
}

/// The maximum number of containers, in all cells.
const MOST_CONTAINERS: usize = 1 << 17;
/// The maximum number of notes that are kept to detect duplicates. Further notes do not count,
/// because the result must stay a lower bound.
const MOST_NOTES: usize = 1 << 16;

#[derive(Debug, Clone, Default)]
struct Cell {
    name: Box<str>,
    kind: NameKind,
    source: Option<SourceId>,
    packets: u64,
    about_containers: u64,
    /// Whether iptables-logger's lines come, which may be the only packets that are forwarded.
    has_logger: bool,
    folded: u64,
    damaged: u64,
    /// The present boot, and the one before.
    boots: [Option<Records>; 2],
    /// The most that were missing in one earlier boot.
    missing_records: u64,
    /// Indexes into the containers of all cells, by log prefix.
    containers: BTreeMap<Box<str>, usize>,
}

/// Records of the kernel's buffer in one boot.
#[derive(Debug, Clone, Copy)]
struct Records {
    first: u64,
    last: u64,
    seen: u64,
    uptime: u64,
}

impl Records {
    /// Returns whether a line is certainly of this boot: lines come late by a minute at most.
    const fn is_near(&self, uptime: u64) -> bool {
        self.uptime.abs_diff(uptime) <= 60_000_000
    }

    fn add(&mut self, number: u64, uptime: u64) {
        self.first = self.first.min(number);
        self.last = self.last.max(number);
        self.seen += 1;
        self.uptime = self.uptime.max(uptime);
    }

    const fn missing(self) -> u64 {
        // A record that arrived twice is counted twice: then fewer seem to be missing.
        (self.last - self.first + 1).saturating_sub(self.seen)
    }
}

/// The packets that one log prefix has logged under its limit.
#[derive(Debug, Clone, Copy)]
struct Logged {
    limit: Limit,
    lines: u64,
    spans: u64,
    /// The start of the current span in microseconds, and the number of lines in it.
    since: u64,
    in_span: u32,
}

impl Completeness {
    /// Creates one with limits that are not silk's usual ones.
    ///
    /// ```
    /// use asg_core::completeness::{Completeness, LogLimits};
    ///
    /// let mut limits = LogLimits::default();
    /// limits.denied_per_second = 5;
    /// assert!(Completeness::with_limits(limits).report().is_empty());
    /// ```
    #[must_use]
    pub fn with_limits(limits: LogLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Adds a line.
    ///
    /// ```
    /// # use asg_core::completeness::Completeness;
    /// # use asg_core::{Line, Record, SourceId};
    /// let line = Line::new(
    ///     b"2024-05-06T07:09:10Z cell-1 kernel: [637.5] net_ratelimit: 12 callbacks suppressed",
    /// );
    /// let mut completeness = Completeness::default();
    /// completeness.observe(SourceId(0), &Record::classify(&line));
    /// assert_eq!(completeness.report()[0].dropped, 12);
    /// ```
    pub fn observe(&mut self, source: SourceId, record: &Record<'_>) {
        let envelope = &record.envelope;
        if let Some((packet, cf)) = record.proven_packet() {
            self.packet(source, envelope, packet, cf);
        }
        if let Some(told) = Told::of(record) {
            let cell = self.cell_of(source, envelope);
            self.tell(cell, told);
        }
    }

    /// Adds a packet's line.
    ///
    /// ```
    /// use asg_core::completeness::Completeness;
    /// use asg_core::{Line, Packet, SourceId};
    ///
    /// let line = Line::new(b"2024-05-06T07:09:10+00:00 cell-1 kernel: [637.5] hello");
    /// let packet = Packet::parse(b"x IN= OUT=eth0 SRC=10.0.16.5 DST=10.0.16.20 LEN=28 TOS=0x00 \
    ///     PREC=0x00 TTL=64 ID=7 PROTO=2 ")?;
    /// let mut completeness = Completeness::default();
    /// completeness.packet(SourceId(0), &line.envelope(), &packet, None);
    /// assert_eq!(completeness.report()[0].packets, 1);
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    pub fn packet(
        &mut self,
        source: SourceId,
        envelope: &Envelope<'_>,
        packet: &Packet<'_>,
        cf: Option<&LogPrefix<'_>>,
    ) {
        let cell = self.cell_of(source, envelope);
        let prefix = packet.prefix.as_bytes();
        let limit = Limit::of(prefix, cf, packet.ip.proto_num);
        let container = limit.and_then(|limit| self.container(cell, prefix, limit));
        self.packet_of(cell, container, PacketTimes::of(envelope));
    }

    /// Adds a packet's line whose cell and container were looked up already.
    pub(crate) fn packet_of(&mut self, cell: usize, container: Option<usize>, times: PacketTimes) {
        let cell = &mut self.cells[cell];
        cell.packets += 1;
        cell.folded += u64::from(times.folded);
        if let Some((number, uptime)) = numbered(times.sequence, times.uptime) {
            cell.record(number, uptime);
        }
        if let Some(container) = container
            && let Some(now) = micros(times.uptime, times.time)
        {
            let container = &mut self.containers[container];
            let most = match container.limit {
                Limit::Denied => self.limits.denied_per_second,
                Limit::Udp => self.limits.udp_per_second,
            };
            container.add(now, most);
        }
    }

    /// Returns the index of a container that is under a limit; `None` if there are too many.
    pub(crate) fn container(&mut self, cell: usize, prefix: &[u8], limit: Limit) -> Option<usize> {
        let prefix = std::str::from_utf8(prefix.trim_ascii_end()).ok()?;
        let known = &mut self.cells[cell].containers;
        if let Some(&at) = known.get(prefix) {
            return Some(at);
        }
        let at = self.containers.len();
        (at < MOST_CONTAINERS).then(|| {
            self.containers.push(Logged { limit, lines: 0, spans: 0, since: 0, in_span: 0 });
            known.insert(prefix.into(), at);
            at
        })
    }

    /// Adds what a line proves beside packets.
    pub(crate) fn tell(&mut self, at: usize, told: Told) {
        let cell = &mut self.cells[at];
        match told {
            Told::Damage => cell.damaged += 1,
            Told::AboutContainer => cell.about_containers += 1,
            Told::Logger => {
                cell.about_containers += 1;
                cell.has_logger = true;
            }
            Told::Other { note, record } => {
                if let Some((number, uptime)) = record {
                    cell.record(number, uptime);
                }
                if let Some((note, time)) = note {
                    noted(self.notes.entry(note).or_default(), at, time);
                    self.forget_notes();
                }
            }
        }
    }

    fn forget_notes(&mut self) {
        while self.notes.len() > MOST_NOTES {
            self.notes.pop_last();
        }
    }

    /// Returns the number of lines that are missing by the notes of each cell.
    ///
    /// A note that arrives twice comes under two names: that of its machine, and another or none.
    /// It counts under the first. It counts for both only where ids of one kind prove that they are
    /// two machines, so that both may have written it.
    fn dropped(&self) -> HashMap<usize, u64> {
        let mut dropped: HashMap<usize, u64> = HashMap::new();
        for (note, cells) in &self.notes {
            for at in self.writers(cells) {
                let sum = dropped.entry(at).or_default();
                *sum = sum.saturating_add(note.missing);
            }
        }
        dropped
    }

    /// Returns the cells that wrote a note, of those under whose names it came.
    fn writers(&self, cells: &BTreeMap<usize, LogTime>) -> Vec<usize> {
        let is_of = |kind| move |at: &&usize| self.cells[**at].kind == kind;
        let of_kind = |kind| cells.keys().filter(is_of(kind)).copied().collect::<Vec<_>>();
        let ids = [NameKind::Instance, NameKind::Index].map(of_kind);
        ids.into_iter().find(|ids| !ids.is_empty()).unwrap_or_else(|| {
            let name = |at: &&usize| (&self.cells[**at].name, self.cells[**at].source);
            // The smallest distinctive name, whichever came first.
            let one =
                cells.keys().max_by_key(|at| (!name(at).0.is_empty(), std::cmp::Reverse(name(at))));
            one.into_iter().copied().collect()
        })
    }

    /// Returns the lines that were lost, cell by cell, and when: one value for each note, and one
    /// without a time for the records of the kernel's buffer whose numbers are left out.
    ///
    /// ```
    /// use asg_core::completeness::Completeness;
    /// use asg_core::time::LogTime;
    /// use asg_core::{Line, Record, SourceId};
    ///
    /// let line = Line::new(
    ///     b"2024-05-06T07:09:10Z cell-1 kernel: [637.5] net_ratelimit: 12 callbacks suppressed",
    /// );
    /// let mut completeness = Completeness::default();
    /// completeness.observe(SourceId(0), &Record::classify(&line));
    /// let lost = completeness.lost();
    /// assert_eq!((lost[0].cell, lost[0].lines), ("cell-1", 12));
    /// assert!(matches!(lost[0].noted, LogTime::Instant(_)));
    /// ```
    #[must_use]
    pub fn lost(&self) -> Vec<LostLines<'_>> {
        let lines = |at: usize, lines, noted| {
            let Cell { name, source, .. } = &self.cells[at];
            LostLines { cell: name, source: *source, lines, noted }
        };
        let mut lost = Vec::new();
        for (note, cells) in &self.notes {
            let writers = self.writers(cells).into_iter();
            lost.extend(writers.map(|at| lines(at, note.missing, cells[&at])));
        }
        let missing = self.cells.iter().map(Cell::missing_records).enumerate();
        let missing = missing.filter(|(_, missing)| *missing > 0);
        lost.extend(missing.map(|(at, missing)| lines(at, missing, LogTime::Unknown)));
        lost.sort_by_key(|lost| (lost.cell, lost.source, order(lost.noted)));
        lost
    }

    /// Adds the counts of another instance, which saw other lines.
    ///
    /// ```
    /// # use asg_core::completeness::Completeness;
    /// # use asg_core::{Line, Record, SourceId};
    /// let line = Line::new(
    ///     b"2024-05-06T07:09:10Z cell-1 kernel: [637.5] net_ratelimit: 12 callbacks suppressed",
    /// );
    /// let mut completeness = Completeness::default();
    /// completeness.observe(SourceId(0), &Record::classify(&line));
    /// let mut all = Completeness::default();
    /// all.merge(&completeness);
    /// assert_eq!(all.report(), completeness.report());
    /// ```
    pub fn merge(&mut self, other: &Self) {
        let mut places = Vec::with_capacity(other.cells.len());
        for theirs in &other.cells {
            let at = place(&mut self.cells, &mut self.by_text, &theirs.name, theirs);
            places.push(at);
            let cell = &mut self.cells[at];
            cell.packets += theirs.packets;
            cell.about_containers += theirs.about_containers;
            cell.has_logger |= theirs.has_logger;
            cell.folded += theirs.folded;
            cell.damaged += theirs.damaged;
            // It is not known whether both saw the same boot; the greater is a lower bound for
            // both.
            cell.missing_records = cell.missing_records().max(theirs.missing_records());
            cell.boots = [None; 2];
            for (prefix, logged) in &theirs.containers {
                let logged = other.containers[*logged];
                if let Some(known) = self.container(at, prefix.as_bytes(), logged.limit) {
                    self.containers[known].lines += logged.lines;
                    self.containers[known].spans += logged.spans;
                }
            }
        }
        for (note, cells) in &other.notes {
            let own = self.notes.entry(note.clone()).or_default();
            for (at, time) in cells {
                noted(own, places[*at], *time);
            }
        }
        self.forget_notes();
        // The indexes depend on this instance's seeds; they are looked up anew.
        self.by_name.clear();
        self.last = None;
    }

    /// Returns the counts of each cell, ordered by name, also of cells with nothing known to be
    /// missing.
    ///
    /// ```
    /// # use asg_core::completeness::Completeness;
    /// # use asg_core::{Line, Record, SourceId};
    /// let line = Line::new(
    ///     b"2024-05-06T07:09:10Z cell-1 kernel: [637.5] net_ratelimit: 12 callbacks suppressed",
    /// );
    /// let mut completeness = Completeness::default();
    /// completeness.observe(SourceId(0), &Record::classify(&line));
    /// let report = completeness.report();
    /// assert_eq!((report.len(), report[0].cell), (1, "cell-1"));
    /// ```
    #[must_use]
    pub fn report(&self) -> Vec<CellReport<'_>> {
        let dropped = self.dropped();
        let with_packets = self.cells.iter().filter(|cell| cell.packets > 0);
        let kinds: HashSet<NameKind> =
            with_packets.filter(|cell| cell.about_containers == 0).map(|cell| cell.kind).collect();
        let mut cells: Vec<_> = (0..)
            .zip(&self.cells)
            .map(|(at, cell)| CellReport {
                dropped: dropped.get(&at).copied().unwrap_or_default(),
                has_unnamed_packets: cell.has_logger || kinds.iter().any(|kind| *kind != cell.kind),
                ..cell.report(&self.containers)
            })
            .collect();
        cells.sort_by_key(|cell| (cell.cell, cell.source));
        cells
    }

    /// Returns the index of a cell.
    pub(crate) fn cell_of(&mut self, source: SourceId, envelope: &Envelope<'_>) -> usize {
        let digest = |text: Text<'_>| self.seeds.digest(text.as_bytes());
        let key = match (envelope.instance, envelope.job, envelope.index, envelope.host) {
            (Some(instance), ..) => digest(instance),
            (_, Some(job), Some(index), _) => digest(job).rotate_left(17) ^ digest(index),
            (.., Some(host)) if host != "localhost" => digest(host),
            _ => u64::from(source.0),
        };
        if let Some((last, at)) = self.last
            && last == key
        {
            return at;
        }
        let at = *self.by_name.entry(key).or_insert_with(|| {
            let named = NameKind::of(envelope);
            let source = named.is_none().then_some(source);
            let (name, kind) = named.unwrap_or_default();
            let cell = Cell { kind, source, ..Cell::default() };
            place(&mut self.cells, &mut self.by_text, &name, &cell)
        });
        self.last = Some((key, at));
        at
    }
}

/// Notes under which cell a note came; of two stamps the sooner one stays.
fn noted(cells: &mut BTreeMap<usize, LogTime>, at: usize, time: LogTime) {
    let known = cells.entry(at).or_insert(time);
    if order(time) < order(*known) {
        *known = time;
    }
}

/// Returns the rank of a stamp: those that show more come first.
fn order(time: LogTime) -> (u8, i64, Option<Civil>) {
    match time {
        LogTime::Instant(time) => (0, time.as_nanos(), None),
        LogTime::Local(civil) => (1, 0, Some(civil)),
        LogTime::NoYear(civil) => (2, 0, Some(civil)),
        LogTime::Unknown => (3, 0, None),
    }
}

/// Returns the index of the cell with this name, and with the kind and source of another cell.
fn place(
    cells: &mut Vec<Cell>,
    by_text: &mut HashMap<(Box<str>, Option<SourceId>), usize>,
    name: &str,
    like: &Cell,
) -> usize {
    let Cell { kind, source, .. } = *like;
    *by_text.entry((name.into(), source)).or_insert_with(|| {
        cells.push(Cell { name: name.into(), kind, source, ..Cell::default() });
        cells.len() - 1
    })
}

impl Cell {
    /// Adds a record's number and uptime.
    fn record(&mut self, number: u64, uptime: u64) {
        let [now, before] = &mut self.boots;
        // The last lines of a boot may come behind the first of the next.
        if let Some(before) = before
            && before.is_near(uptime)
        {
            return before.add(number, uptime);
        }
        match now {
            Some(now) if now.is_near(uptime) || (now.last < number && now.uptime < uptime) => {
                now.add(number, uptime);
            }
            _ => {
                let new = Records { first: number, last: number, seen: 1, uptime };
                let gone = std::mem::replace(before, now.replace(new));
                let missing = gone.map_or(0, Records::missing);
                self.missing_records = self.missing_records.max(missing);
            }
        }
    }

    fn missing_records(&self) -> u64 {
        let boots = self.boots.iter().flatten().map(|boot| boot.missing());
        boots.max().unwrap_or(0).max(self.missing_records)
    }

    fn report<'c>(&'c self, containers: &[Logged]) -> CellReport<'c> {
        let logged = self.containers.iter().map(|(prefix, at)| (prefix, containers[*at]));
        let limited = logged.filter(|(_, logged)| logged.spans > 0);
        let mut at_limit: Vec<_> = limited
            .map(|(prefix, logged)| LimitReport {
                prefix,
                limit: logged.limit,
                logged: logged.lines,
                spans: logged.spans,
            })
            .collect();
        at_limit.sort_by_key(|report| (std::cmp::Reverse(report.spans), report.prefix));
        CellReport {
            cell: &self.name,
            source: self.source,
            packets: self.packets,
            about_containers: self.about_containers,
            dropped: 0,
            missing_records: self.missing_records(),
            folded: self.folded,
            damaged: self.damaged,
            at_limit,
            has_unnamed_packets: false,
        }
    }
}

impl Logged {
    fn add(&mut self, now: u64, most: u32) {
        self.lines += 1;
        if most == 0 {
            return;
        }
        // One line alone does not show how fast others might have come.
        let reached = most.max(2);
        let span = u64::from(reached) * 1_000_000 / u64::from(most);
        // If the time goes back, this is another boot, another day or a late line: a new span
        // begins.
        if now < self.since || now - self.since >= span {
            (self.since, self.in_span) = (now, 0);
        }
        self.in_span += 1;
        // A span in which the limit was reached is counted once.
        self.spans += u64::from(self.in_span == reached);
    }
}

/// A note of missing lines, reduced to the parts that do not depend on its way through the logs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Note {
    missing: u64,
    /// The uptime in microseconds; or the second of the hour, which does not depend on the time
    /// zone.
    at: u64,
    text: Box<[u8]>,
}

/// Of longer notes only the beginning is kept.
const MOST_NOTE_BYTES: usize = 256;

impl Note {
    fn of(envelope: &Envelope<'_>) -> Option<Self> {
        let body = envelope.body.as_bytes().trim_ascii_end();
        let missing = notes::missing(notes::Writer::of(envelope)?, body)?;
        let at = match envelope.uptime {
            Some(uptime) => uptime.as_micros(),
            None => micros(None, envelope.time).map_or(0, |micros| micros / 1_000_000 % 3_600),
        };
        let text = body[..body.len().min(MOST_NOTE_BYTES)].into();
        Some(Self { missing, at, text })
    }
}

/// The content of a line beside packets.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    /// The line is damaged.
    Damage,
    /// A cell wrote it about a container of its own.
    AboutContainer,
    /// iptables-logger wrote it.
    Logger,
    /// A note of missing lines, or a record of the kernel's buffer.
    Other { note: Option<(Note, LogTime)>, record: Option<(u64, u64)> },
}

impl Told {
    /// Classifies a line; `None` for nearly all lines but those about containers.
    pub(crate) fn of(record: &Record<'_>) -> Option<Self> {
        let envelope = &record.envelope;
        match &record.content {
            Content::Damaged(_) => record.is_platform().then_some(Self::Damage),
            Content::Rep(event) => is_cells_own(&event.source).then_some(Self::AboutContainer),
            Content::Logger(_) => Some(Self::Logger),
            Content::Other if !envelope.body.as_bytes().starts_with(b"{") => {
                let note = Note::of(envelope).map(|note| (note, envelope.time));
                let record =
                    numbered(envelope.sequence, envelope.uptime).filter(|_| record.is_kernel());
                (note.is_some() || record.is_some()).then_some(Self::Other { note, record })
            }
            Content::Packet { .. } | Content::Document(_) | Content::Other => None,
        }
    }
}

/// The time and number of a packet line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PacketTimes {
    pub(crate) time: LogTime,
    pub(crate) uptime: Option<Uptime>,
    /// Its number in the kernel's buffer.
    sequence: Option<u64>,
    /// The number of further packets that are folded into this line.
    folded: u32,
}

impl PacketTimes {
    /// Returns the times of a line without a number that is one packet.
    pub(crate) const fn plain(time: LogTime, uptime: Option<Uptime>) -> Self {
        Self { time, uptime, sequence: None, folded: 0 }
    }

    pub(crate) fn of(envelope: &Envelope<'_>) -> Self {
        let Envelope { time, uptime, sequence, repeated, .. } = *envelope;
        // rsyslog's `message repeated 3 times` means three messages behind the first, and is itself
        // one line. Source: rsyslog `runtime/ratelimit.c`, `ratelimitGenRepMsg`, `nsupp`.
        Self { time, uptime, sequence, folded: repeated.unwrap_or(0).saturating_sub(1) }
    }
}

impl Limit {
    /// Returns the limit for packets of this prefix and protocol, if any.
    pub(crate) fn of(prefix: &[u8], cf: Option<&LogPrefix<'_>>, proto: Option<u8>) -> Option<Self> {
        match cf?.verdict {
            Verdict::Denied => Some(Self::Denied),
            // garden-linux and guardian have no limits, and no `OK_`.
            Verdict::Allowed => {
                (proto == Some(17) && prefix.starts_with(b"OK_")).then_some(Self::Udp)
            }
        }
    }
}

/// Returns the number of a record of the kernel's buffer, and its uptime.
fn numbered(sequence: Option<u64>, uptime: Option<Uptime>) -> Option<(u64, u64)> {
    Some((sequence?, uptime?.as_micros()))
}

/// Returns when a line was written: the uptime, or the time of day, in microseconds. Only
/// differences are used.
fn micros(uptime: Option<Uptime>, time: LogTime) -> Option<u64> {
    let of_day = |hour: i8, minute: i8, second: i8, nanos: i32| {
        let seconds = (i64::from(hour) * 60 + i64::from(minute)) * 60 + i64::from(second);
        (seconds * 1_000_000 + i64::from(nanos) / 1_000).unsigned_abs()
    };
    match (uptime, time) {
        (Some(uptime), _) => Some(uptime.as_micros()),
        (None, LogTime::Instant(time)) => u64::try_from(time.as_nanos() / 1_000).ok(),
        (None, LogTime::Local(at) | LogTime::NoYear(at)) => {
            Some(of_day(at.hour, at.minute, at.second, at.nanos))
        }
        (None, LogTime::Unknown) => None,
    }
}
