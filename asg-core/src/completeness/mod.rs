//! Completeness: what is missing from logs, as far as they tell it themselves.
//!
//! Counts of log lines are not counts of packets. Each figure here is a lower bound: what the lines prove to be missing, or
//! that a limit was reached, so that a count is the least it can be.
//!
//! | what | how it shows |
//! |---|---|
//! | packets beyond a rule's limit | the chain of one container logs as fast as it may: silk lets one denied packet per second and container through, and 100 UDP packets |
//! | lines that the kernel, journald, rsyslog or loggregator dropped | they say so in a note, with a number |
//! | records of the kernel's buffer | `/dev/kmsg` numbers them, and numbers are left out |
//! | packets folded into one line | `message repeated 3 times: […]` |
//! | lines that are cut or split | they are damaged |
//! | all packets of a cell | rep speaks of containers there, and no packet came: logging is off, or kern.log is not forwarded |
//!
//! Source of the limits: silk-release 5148d058, `netrules/netout_chain.go`, jobs `silk-cni` and `vxlan-policy-agent`.

mod notes;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::bytes::hash::Seeds;
use crate::bytes::text::Text;
use crate::evidence::SourceId;
use crate::line::envelope::Envelope;
use crate::packet::Packet;
use crate::prefix::{LogPrefix, Verdict};
use crate::record::{Content, Record};
use crate::time::{LogTime, Uptime};

/// Keeps what lines prove about the completeness of their logs, by cell and container. Its memory grows with cells, and with
/// the containers that were denied something or sent UDP, of which it tells 131,072 apart at most.
///
/// Lines should come in the order of their logs, as they do from files; where some come a minute late, a limit may be
/// overlooked.
///
/// ```
/// use asg_core::{Completeness, Line, Record, SourceId};
///
/// let mut completeness = Completeness::default();
/// for text in [
///     "2024-05-06T07:09:10+00:00 cell-1 kernel: [637.5] net_ratelimit: 12 callbacks suppressed",
///     "2024-05-06T07:09:11+00:00 cell-1 kernel: x IN=eth0 OUT= SRC=10.254.0.10 DST=10.0.1",
/// ] {
///     let line = Line::new(text.as_bytes());
///     completeness.observe(SourceId(0), &Record::read(&line));
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
    by_name: HashMap<u64, usize>,
    /// The cell of the last line: lines of one come together.
    last: Option<(u64, usize)>,
    containers: Vec<Logged>,
}

/// How many packets per second a container's chains may log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct LogLimits {
    /// silk's `iptables_denied_logs_per_sec`: 1 by default.
    pub denied_per_second: u32,
    /// silk's `iptables_accepted_udp_logs_per_sec`: 100 by default.
    pub udp_per_second: u32,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { denied_per_second: 1, udp_per_second: 100 }
    }
}

/// What is missing from the logs of one cell, at least.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CellReport<'c> {
    /// The name under which its lines reach us; empty if they have none that tells it from others.
    pub cell: &'c str,
    /// Where its lines are, if they have no name: such lines of one source are taken for one cell's.
    pub source: Option<SourceId>,
    /// Packet lines.
    pub packets: u64,
    /// Lines about containers.
    pub about_containers: u64,
    /// Lines that notes say were dropped, of whatever kind.
    pub dropped: u64,
    /// Records of the kernel's buffer whose numbers are left out, of whatever kind.
    pub missing_records: u64,
    /// Packets that are folded into the line before.
    pub folded: u64,
    /// Lines that are cut, split or malformed.
    pub damaged: u64,
    /// Containers of which a limit was reached, the most often first. Their counts are floors.
    pub at_limit: Vec<LimitReport<'c>>,
}

impl CellReport<'_> {
    /// True if lines about containers come under this name, and no packets: none is logged, or they are not forwarded, or
    /// come under another name.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        self.packets == 0 && self.about_containers > 0 && !self.cell.is_empty()
    }

    /// True if nothing is known to be missing.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.is_silent()
            && self.at_limit.is_empty()
            && [self.dropped, self.missing_records, self.folded, self.damaged] == [0; 4]
    }
}

/// A container of which a limit was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitReport<'c> {
    /// What its log prefix shows.
    pub prefix: &'c str,
    /// Which limit.
    pub limit: Limit,
    /// Packets that were logged.
    pub logged: u64,
    /// How often as many were logged in a second as the limit lets through (of a limit of one: two in two seconds). More may
    /// have been sent each time.
    pub spans: u64,
}

/// Which limit a packet is under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// That of denied packets.
    Denied,
    /// That of UDP packets that passed.
    Udp,
}

/// Containers that are told apart, in all cells.
const MOST_CONTAINERS: usize = 1 << 17;
/// Notes of one cell that are remembered, so that one that comes by two ways counts once.
const MOST_NOTES: usize = 1 << 12;

#[derive(Debug, Clone, Default)]
struct Cell {
    name: Box<str>,
    source: Option<SourceId>,
    packets: u64,
    about_containers: u64,
    dropped: u64,
    folded: u64,
    damaged: u64,
    notes: HashSet<u64>,
    /// The present boot, and the one before.
    boots: [Option<Records>; 2],
    /// The most that were missing in one boot before.
    missing_records: u64,
    /// By log prefix, places in the containers of all cells.
    containers: BTreeMap<Box<str>, usize>,
}

/// Records of the kernel's buffer, in one boot.
#[derive(Debug, Clone, Copy)]
struct Records {
    first: u64,
    last: u64,
    seen: u64,
    uptime: u64,
}

impl Records {
    /// True if a line is of this boot for sure: lines come late by a minute at most.
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
        // One that came by two ways is seen twice: then fewer seem to be missing.
        (self.last - self.first + 1).saturating_sub(self.seen)
    }
}

/// What one log prefix has logged under its limit.
#[derive(Debug, Clone, Copy)]
struct Logged {
    limit: Limit,
    lines: u64,
    spans: u64,
    /// When the present span began, in microseconds, and how many lines are in it.
    since: u64,
    in_span: u32,
}

impl Completeness {
    /// With limits that are not silk's usual ones.
    #[must_use]
    pub fn with_limits(limits: LogLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Takes a line.
    pub fn observe(&mut self, source: SourceId, record: &Record<'_>) {
        let envelope = &record.envelope;
        if let Some((packet, cf)) = record.packet() {
            self.packet(source, envelope, packet, cf);
        }
        if let Some(told) = Told::of(record, self.seeds) {
            let cell = self.cell_of(source, envelope);
            self.tell(cell, told);
        }
    }

    /// Takes a packet's line.
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

    /// Takes a packet's line, whose cell and container have been looked for.
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

    /// The place of a container that is under a limit; `None` if there are too many.
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

    /// With what notes are told from others.
    pub(crate) const fn seeds(&self) -> Seeds {
        self.seeds
    }

    /// Takes what a line tells.
    pub(crate) fn tell(&mut self, cell: usize, told: Told) {
        let cell = &mut self.cells[cell];
        match told {
            Told::Damage => cell.damaged += 1,
            Told::AboutContainer => cell.about_containers += 1,
            Told::Other { note, record } => {
                if let Some((number, uptime)) = record {
                    cell.record(number, uptime);
                }
                if let Some((missing, digest)) = note
                    && (cell.notes.len() >= MOST_NOTES || cell.notes.insert(digest))
                {
                    cell.dropped = cell.dropped.saturating_add(missing);
                }
            }
        }
    }

    /// Takes what another has seen, of other lines.
    pub fn merge(&mut self, other: &Self) {
        for theirs in &other.cells {
            let is_it = |cell: &Cell| cell.name == theirs.name && cell.source == theirs.source;
            let known = self.cells.iter().position(is_it);
            let at = known.unwrap_or_else(|| {
                let (name, source) = (theirs.name.clone(), theirs.source);
                self.cells.push(Cell { name, source, ..Cell::default() });
                self.cells.len() - 1
            });
            let cell = &mut self.cells[at];
            cell.packets += theirs.packets;
            cell.about_containers += theirs.about_containers;
            cell.dropped = cell.dropped.saturating_add(theirs.dropped);
            cell.folded += theirs.folded;
            cell.damaged += theirs.damaged;
            cell.notes.extend(&theirs.notes);
            // Whether both saw the same boot is not known; the greater is a lower bound for both.
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
        // The places are by the digests of one's own seeds; they are found anew.
        self.by_name.clear();
        self.last = None;
    }

    /// What is missing, by cell in order of their names; cells of which nothing is known to be missing are there too.
    #[must_use]
    pub fn report(&self) -> Vec<CellReport<'_>> {
        let report = |cell| Cell::report(cell, &self.containers);
        let mut cells: Vec<_> = self.cells.iter().map(report).collect();
        cells.sort_by_key(|cell| (cell.cell, cell.source));
        cells
    }

    /// The place of a cell.
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
        let cells = &mut self.cells;
        let at = *self.by_name.entry(key).or_insert_with(|| {
            let name = envelope.cell().filter(|name| name != "localhost").unwrap_or_default();
            let source = name.is_empty().then_some(source);
            let is_it = |cell: &Cell| *cell.name == *name && cell.source == source;
            cells.iter().position(is_it).unwrap_or_else(|| {
                cells.push(Cell { name: name.into(), source, ..Cell::default() });
                cells.len() - 1
            })
        });
        self.last = Some((key, at));
        at
    }
}

impl Cell {
    /// Takes a record's number and uptime.
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
            dropped: self.dropped,
            missing_records: self.missing_records(),
            folded: self.folded,
            damaged: self.damaged,
            at_limit,
        }
    }
}

impl Logged {
    fn add(&mut self, now: u64, most: u32) {
        self.lines += 1;
        if most == 0 {
            return;
        }
        // One line alone says nothing about how fast others might have come.
        let reached = most.max(2);
        let span = u64::from(reached) * 1_000_000 / u64::from(most);
        // A time that goes back is another boot, another day or a line that came late: a span begins anew.
        if now < self.since || now - self.since >= span {
            (self.since, self.in_span) = (now, 0);
        }
        self.in_span += 1;
        // A span in which the limit was reached is counted once.
        self.spans += u64::from(self.in_span == reached);
    }
}

/// What a line tells beside packets.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Told {
    /// It is damaged.
    Damage,
    /// It is about a container.
    AboutContainer,
    /// It is a note of missing lines, with a digest that tells it from others, or a record of the kernel's buffer.
    Other { note: Option<(u64, u64)>, record: Option<(u64, u64)> },
}

impl Told {
    /// What a line tells; `None` for nearly all but those about containers.
    pub(crate) fn of(record: &Record<'_>, seeds: Seeds) -> Option<Self> {
        let envelope = &record.envelope;
        match &record.content {
            Content::Damaged(_) => Some(Self::Damage),
            Content::Rep(_) | Content::Logger(_) => Some(Self::AboutContainer),
            Content::Other if !envelope.body.as_bytes().starts_with(b"{") => {
                // An app prints what it likes.
                let missing = match envelope.stream() {
                    None => notes::missing(envelope.body.as_bytes()),
                    Some(_) => None,
                };
                let note = missing.map(|missing| {
                    let at = micros(envelope.uptime, envelope.time).unwrap_or(0).to_le_bytes();
                    let text = [envelope.body.as_bytes().trim_ascii_end(), &at].concat();
                    (missing, seeds.digest(&text))
                });
                let record =
                    numbered(envelope.sequence, envelope.uptime).filter(|_| envelope.is_kernel());
                (note.is_some() || record.is_some()).then_some(Self::Other { note, record })
            }
            Content::Packet { .. } | Content::Document(_) | Content::Other => None,
        }
    }
}

/// What a packet line shows of when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PacketTimes {
    pub(crate) time: LogTime,
    pub(crate) uptime: Option<Uptime>,
    /// Its number in the kernel's buffer.
    sequence: Option<u64>,
    /// For how many lines it stands beside itself.
    folded: u32,
}

impl PacketTimes {
    /// Of a line that shows no number and stands for itself alone.
    pub(crate) const fn plain(time: LogTime, uptime: Option<Uptime>) -> Self {
        Self { time, uptime, sequence: None, folded: 0 }
    }

    pub(crate) fn of(envelope: &Envelope<'_>) -> Self {
        let Envelope { time, uptime, sequence, repeated, .. } = *envelope;
        Self { time, uptime, sequence, folded: repeated.unwrap_or(0) }
    }
}

impl Limit {
    /// The limit that packets of this prefix and protocol are under, if any.
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

/// The number of a record of the kernel's buffer, and its uptime.
fn numbered(sequence: Option<u64>, uptime: Option<Uptime>) -> Option<(u64, u64)> {
    Some((sequence?, uptime?.as_micros()))
}

/// When a line was written: the uptime, or the time of day, in microseconds. Only differences are looked at.
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
