//! The second look at packets, for the lines of iptables-logger about them.

use super::super::logger::Candidate;
use super::super::reports::Reports;
use super::super::state::State;
use crate::clock::KnownTimes;
use crate::evidence::Origin;
use crate::line::Line;
use crate::record::reader::Reader;

/// Finds the packets of iptables-logger's lines; see
/// [`Gathering::finish`](super::Gathering::finish).
#[derive(Debug)]
pub struct Joiner<'g> {
    reports: &'g mut Reports,
    times: KnownTimes<'g>,
    reader: Reader,
    candidates: Vec<Candidate>,
}

impl<'g> Joiner<'g> {
    pub(super) fn new(reports: &'g mut Reports, times: KnownTimes<'g>) -> Self {
        Self { reports, times, reader: Reader::default(), candidates: Vec::new() }
    }

    /// Joins the lines of iptables-logger with the packets of the lines it was shown.
    pub(super) fn join(self) {
        self.reports.join(self.candidates);
    }
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
