//! The answers: what is missing, cell by cell.

use super::limits::Limit;
use crate::evidence::SourceId;
use crate::time::LogTime;

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
    pub(super) has_unnamed_packets: bool,
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
