//! The counts of one cell.

use std::collections::BTreeMap;

use super::limits::Limit;
use super::report::{CellReport, LimitReport};
use crate::evidence::{NameKind, SourceId};

#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    pub(super) name: Box<str>,
    pub(super) kind: NameKind,
    pub(super) source: Option<SourceId>,
    pub(super) packets: u64,
    pub(super) about_containers: u64,
    /// Whether iptables-logger's lines come, which may be the only packets that are forwarded.
    pub(super) has_logger: bool,
    pub(super) folded: u64,
    pub(super) damaged: u64,
    /// The present boot, and the one before.
    pub(super) boots: [Option<Records>; 2],
    /// The most that were missing in one earlier boot.
    pub(super) missing_records: u64,
    /// Indexes into the containers of all cells, by log prefix.
    pub(super) containers: BTreeMap<Box<str>, usize>,
}

/// Records of the kernel's buffer in one boot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Records {
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
pub(super) struct Logged {
    pub(super) limit: Limit,
    pub(super) lines: u64,
    pub(super) spans: u64,
    /// The source of the current span, its start in microseconds, and the number of lines in it.
    source: SourceId,
    since: u64,
    in_span: u32,
}

impl Cell {
    /// Adds a record's number and uptime.
    pub(super) fn record(&mut self, number: u64, uptime: u64) {
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

    pub(super) fn missing_records(&self) -> u64 {
        let boots = self.boots.iter().flatten().map(|boot| boot.missing());
        boots.max().unwrap_or(0).max(self.missing_records)
    }

    pub(super) fn report<'c>(&'c self, containers: &[Logged]) -> CellReport<'c> {
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
    pub(super) const fn new(limit: Limit) -> Self {
        Self { limit, lines: 0, spans: 0, source: SourceId(0), since: 0, in_span: 0 }
    }

    pub(super) fn add(&mut self, source: SourceId, now: u64, most: u32) {
        self.lines += 1;
        if most == 0 {
            return;
        }
        // One line alone does not show how fast others might have come.
        let reached = most.max(2);
        let span = u64::from(reached) * 1_000_000 / u64::from(most);
        // If the time goes back, this is another boot, another day or a late line: a new span
        // begins. So it does in another file, or spans would depend on the order of files.
        if source != self.source || now < self.since || now - self.since >= span {
            (self.source, self.since, self.in_span) = (source, now, 0);
        }
        self.in_span += 1;
        // A span in which the limit was reached is counted once.
        self.spans += u64::from(self.in_span == reached);
    }
}
