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

mod cell;
mod limits;
mod notes;
mod report;
#[cfg(test)]
mod tests;
mod told;

pub use self::limits::{Limit, LogLimits};
pub use self::report::{CellReport, LimitReport, LostLines};
pub(crate) use self::told::{PacketTimes, Told};

use std::collections::{BTreeMap, HashMap, HashSet};

use self::cell::{Cell, Logged};
use self::told::{Note, micros, numbered};
use crate::bytes::hash::Seeds;
use crate::bytes::text::Text;
use crate::evidence::{NameKind, SourceId};
use crate::line::envelope::Envelope;
use crate::packet::Packet;
use crate::prefix::LogPrefix;
use crate::record::Record;
use crate::time::{Civil, LogTime};

/// Keeps what lines prove about the completeness of their logs, by cell and container. Its memory
/// grows with cells, and with the containers that were denied something or sent UDP, at most
/// 131,072.
///
/// Lines should come in the order of their logs, as they do from files; if some come a minute late,
/// a limit may be overlooked. Each source counts by itself, so that files without common packets
/// may come in any order.
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

/// The maximum number of containers, in all cells.
const MOST_CONTAINERS: usize = 1 << 17;
/// The maximum number of notes that are kept to detect duplicates. Further notes do not count,
/// because the result must stay a lower bound.
const MOST_NOTES: usize = 1 << 16;

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
        self.packet_of(source, (cell, container), &PacketTimes::of(envelope));
    }

    /// Adds a packet's line whose cell and container were looked up already.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "each packet takes it, and a call costs as much")]
    pub(crate) fn packet_of(
        &mut self,
        source: SourceId,
        (cell, container): (usize, Option<usize>),
        times: &PacketTimes,
    ) {
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
            container.add(source, now, most);
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
            self.containers.push(Logged::new(limit));
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
