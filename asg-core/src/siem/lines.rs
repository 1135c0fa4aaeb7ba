//! The writer of all formats.

use std::io::Write as _;

use serde::Serialize;

use super::facts::{DestinationName, Facts, Rule};
use super::quick::Quick;
use super::{Cef, Cim, Ecs, Ocsf, Reading, otlp};
use crate::correlate::flow::Flow;
use crate::correlate::known::KnownFlow;
use crate::words::words;

/// A standard for records of flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Standard {
    /// Elastic Common Schema 9.4.0.
    Ecs,
    /// OCSF 1.8.0, Network Activity.
    Ocsf,
    /// OpenTelemetry logs as OTLP/JSON.
    Otlp,
    /// Common Event Format.
    Cef,
    /// Splunk's Common Information Model 8.5, Network Traffic.
    Cim,
}

words! {
    "siem" Standard "a standard" {
        Ecs = "ecs", Ocsf = "ocsf", Otlp = "otlp", Cef = "cef", Cim = "cim",
    }
}

impl Standard {
    /// Returns the standard with this word, in any case.
    ///
    /// ```
    /// use asg_core::siem::Standard;
    /// assert_eq!(Standard::named("OCSF"), Some(Standard::Ocsf));
    /// assert_eq!(Standard::named("ndjson"), None);
    /// ```
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str().eq_ignore_ascii_case(name))
    }
}

/// Writes flows as lines: one record for each, except that in OTLP consecutive flows of one cell
/// share a request, at most 512 of them, as a collector's file receiver expects. Where several
/// writers share the work, a [`RecordJoiner`] makes the lines.
///
/// ```
/// use asg_core::siem::{Reading, RecordLines, Standard};
/// use asg_core::Timestamp;
///
/// let reading = Reading::new(Timestamp::parse(b"2024-05-06T07:10:00Z")?);
/// let mut lines = RecordLines::new(Standard::Otlp, reading);
/// assert_eq!(lines.take(), b"", "without flows there is no line");
/// # Ok::<(), asg_core::Error>(())
/// ```
#[derive(Debug)]
pub struct RecordLines<'r> {
    standard: Standard,
    reading: Reading<'r>,
    out: Vec<u8>,
    /// Where records of OTLP end.
    runs: otlp::Runs,
    quick: Option<Quick>,
}

impl<'r> RecordLines<'r> {
    /// Creates a writer without lines.
    ///
    /// ```
    /// # use asg_core::siem::{Reading, RecordLines, Standard};
    /// # use asg_core::Timestamp;
    /// let reading = Reading::new(Timestamp::parse(b"2024-05-06T07:10:00Z").unwrap());
    /// let mut lines = RecordLines::new(Standard::Ecs, reading);
    /// assert_eq!(lines.take(), b"");
    /// ```
    #[must_use]
    pub fn new(standard: Standard, reading: Reading<'r>) -> Self {
        Self { standard, reading, out: Vec::new(), runs: otlp::Runs::default(), quick: None }
    }

    /// Keeps the text that flows of one [key](Flow::key) share, which is quicker. All flows that
    /// are added must be made with one [`FlowCache`](crate::correlate::FlowCache) or
    /// [`FlowReader`](crate::correlate::FlowReader), because others have other keys. Without this the flows
    /// may come from anywhere.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use asg_core::siem::{Reading, RecordLines, Standard};
    /// # use asg_core::{Gathering, Line, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// # let line = Line::new(packet);
    /// # let mut gathering = Gathering::new();
    /// # gathering.ingest(at, packet);
    /// # let gathered = gathering.finish(|_| Ok::<(), Infallible>(())).unwrap();
    /// # let correlation = gathered.correlate();
    /// # let reading = Reading::new(asg_core::Timestamp::parse(b"2024-05-06T07:10:00Z").unwrap());
    /// let mut reader = correlation.reader();
    /// let mut lines = RecordLines::new(Standard::Ecs, reading).with_keys();
    /// lines.add(&reader.flow(at, &line).unwrap(), "kern.log");
    /// let first = lines.take();
    /// lines.add(&reader.flow(at, &line).unwrap(), "kern.log");
    /// assert_eq!(lines.take(), first);
    /// ```
    #[must_use]
    pub fn with_keys(self) -> Self {
        Self { quick: Some(Quick::default()), ..self }
    }

    /// Adds a flow. Returns false if its prefix is not Cloud Foundry's, so that it has no record.
    /// `source` is the name of its log.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use asg_core::{Gathering, Line, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// # let line = Line::new(packet);
    /// # let mut gathering = Gathering::new();
    /// # gathering.ingest(at, packet);
    /// # let gathered = gathering.finish(|_| Ok::<(), Infallible>(())).unwrap();
    /// # let correlation = gathered.correlate();
    /// let flow = correlation.reader().flow(at, &line).unwrap();
    /// # use asg_core::siem::{Reading, RecordLines, Standard};
    /// # let reading = Reading::new(asg_core::Timestamp::parse(b"2024-05-06T07:10:00Z").unwrap());
    /// let mut lines = RecordLines::new(Standard::Ecs, reading);
    /// assert!(lines.add(&flow, "kern.log"));
    /// assert!(lines.take().ends_with(b"\n"));
    /// ```
    pub fn add(&mut self, flow: &Flow<'_, '_>, source: &str) -> bool {
        self.add_named(flow, source, None)
    }

    /// As [`add`](Self::add), with the caller's name for the destination: `cf.asg.destination_name`
    /// in ECS and OTLP, `dst_endpoint.name` or `zone` in OCSF, `cs1` in CEF, `cf_dest_name` in CIM.
    pub fn add_named(
        &mut self,
        flow: &Flow<'_, '_>,
        source: &str,
        destination: Option<DestinationName<'_>>,
    ) -> bool {
        self.add_explained(flow, source, destination, None)
    }

    /// As [`add_named`](Self::add_named), with the rule that decided: `rule` in ECS,
    /// `firewall_rule` and `policy` in OCSF, `security_rule` in OTLP, `cs1` in CEF (and the
    /// destination's name in `flexString1`), `rule` and `rule_id` in CIM. It is left out where the
    /// owner is not certain.
    pub fn add_explained(
        &mut self,
        flow: &Flow<'_, '_>,
        source: &str,
        destination: Option<DestinationName<'_>>,
        rule: Option<Rule<'_>>,
    ) -> bool {
        // Names and rules are the caller's, and may differ for each packet.
        let quick = self.quick.as_mut().filter(|_| destination.is_none() && rule.is_none());
        if let Some(quick) = quick
            && quick.add(self.standard, flow, source, &mut self.out)
        {
            return true;
        }
        let start = self.out.len();
        let Some(facts) = Facts::of(flow, source, self.reading) else { return false };
        let mut facts = facts.with_rule(rule);
        facts.destination = destination;
        let out = &mut self.out;
        match self.standard {
            Standard::Ecs => push_line(out, &Ecs(facts)),
            Standard::Ocsf => push_line(out, &Ocsf(facts)),
            Standard::Cim => push_line(out, &Cim(facts)),
            Standard::Otlp => self.runs.add(&facts, out),
            Standard::Cef => {
                let written = writeln!(out, "{}", Cef(facts));
                debug_assert!(written.is_ok());
            }
        }
        if let Some(quick) = &mut self.quick
            && destination.is_none()
            && rule.is_none()
        {
            quick.learn(self.standard, flow, source, &self.out[start..]);
        }
        true
    }

    /// Adds a flow whose key an earlier one had. Returns false if it must be added whole, because
    /// the writer was made without [keys](Self::with_keys) or needs more facts.
    ///
    /// ```
    /// use asg_core::correlate::{AnyFlow, FlowCache};
    /// use asg_core::siem::{Reading, RecordLines, Standard};
    /// use asg_core::{Gathering, Line, Origin, SourceId, Timestamp};
    ///
    /// let text = "2024-05-06T07:09:10Z cell-1 kernel: [637.500000] OK_bfce786c-ab07-40ad-79f9-8 \
    ///     IN=s-010255073003 OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 \
    ///     TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 LEN=41 ";
    /// let line = Line::new(text.as_bytes());
    /// let at = Origin { source: SourceId(0), line: 1 };
    /// let mut gathering = Gathering::new();
    /// gathering.ingest(at, text.as_bytes());
    /// let gathered = gathering.finish(|_| Ok::<(), std::convert::Infallible>(())).unwrap();
    ///
    /// let (correlation, mut cache) = (gathered.correlate(), FlowCache::default());
    /// let reading = Reading::new(Timestamp::parse(b"2024-05-06T07:10:00Z").unwrap());
    /// let mut lines = RecordLines::new(Standard::Ecs, reading).with_keys();
    /// let mut records = Vec::new();
    /// for _ in 0..2 {
    ///     correlation.each(&mut cache, at, &line, |flow| match flow {
    ///         AnyFlow::Whole(flow) => assert!(lines.add(flow, "kern.log")),
    ///         AnyFlow::Known(flow) => assert!(lines.add_known(flow)),
    ///     });
    ///     records.push(lines.take());
    /// }
    /// assert_eq!(records[0], records[1]);
    /// ```
    pub fn add_known(&mut self, flow: &KnownFlow<'_>) -> bool {
        let Self { standard, quick, out, .. } = self;
        quick.as_mut().is_some_and(|quick| quick.add_known(*standard, flow, out))
    }

    /// Returns the lines of the flows since the last call.
    ///
    /// ```
    /// # use asg_core::siem::{Reading, RecordLines, Standard};
    /// # use asg_core::Timestamp;
    /// let reading = Reading::new(Timestamp::parse(b"2024-05-06T07:10:00Z").unwrap());
    /// let mut lines = RecordLines::new(Standard::Cef, reading);
    /// assert_eq!(lines.take(), b"", "no flow was added");
    /// ```
    pub fn take(&mut self) -> Vec<u8> {
        let batch = self.take_batch();
        if batch.standard != Standard::Otlp {
            return batch.text;
        }
        let (mut joiner, mut out) = (RecordJoiner::new(), Vec::with_capacity(batch.text.len()));
        joiner.add(batch, &mut out);
        joiner.finish(&mut out);
        out
    }

    /// Returns the records of the flows since the last call, for a [`RecordJoiner`].
    pub fn take_batch(&mut self) -> RecordBatch {
        let room = self.out.len() + self.out.len() / 8;
        let text = std::mem::replace(&mut self.out, Vec::with_capacity(room));
        let runs = std::mem::take(&mut self.runs);
        RecordBatch { standard: self.standard, text, runs }
    }
}

/// Records that one writer wrote, of flows that follow each other. A [`RecordJoiner`] makes lines
/// of them.
#[derive(Debug)]
pub struct RecordBatch {
    standard: Standard,
    text: Vec<u8>,
    runs: otlp::Runs,
}

/// Joins the records that several writers wrote. The lines depend on the records and their order,
/// and not on how many writers there were or how many records each of them had.
///
/// ```
/// # use std::convert::Infallible;
/// # use asg_core::{Gathering, Line, Origin, SourceId};
/// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
/// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
/// #     LEN=41 ";
/// # let at = Origin { source: SourceId(0), line: 1 };
/// # let line = Line::new(packet);
/// # let mut gathering = Gathering::new();
/// # gathering.ingest(at, packet);
/// # let gathered = gathering.finish(|_| Ok::<(), Infallible>(())).unwrap();
/// # let correlation = gathered.correlate();
/// use asg_core::siem::{Reading, RecordJoiner, RecordLines, Standard};
///
/// let reading = Reading::new(asg_core::Timestamp::parse(b"2024-05-06T07:10:00Z").unwrap());
/// let mut reader = correlation.reader();
/// let mut one = RecordLines::new(Standard::Otlp, reading);
/// let mut joiner = RecordJoiner::new();
/// let mut lines = Vec::new();
/// for _ in 0..3 {
///     one.add(&reader.flow(at, &line).unwrap(), "kern.log");
///     joiner.add(one.take_batch(), &mut lines);
/// }
/// joiner.finish(&mut lines);
/// assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), 1, "they share a request");
/// ```
#[derive(Debug)]
pub struct RecordJoiner {
    open: otlp::Open,
    /// How many more records are wanted.
    left: u64,
}

impl Default for RecordJoiner {
    fn default() -> Self {
        Self::new()
    }
}

impl RecordJoiner {
    /// Creates a joiner that takes all records.
    ///
    /// ```
    /// use asg_core::siem::RecordJoiner;
    /// assert!(!RecordJoiner::new().is_full());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self { open: otlp::Open::default(), left: u64::MAX }
    }

    /// Takes this many records at most.
    ///
    /// ```
    /// use asg_core::siem::RecordJoiner;
    /// assert!(RecordJoiner::new().limited_to(0).is_full());
    /// ```
    #[must_use]
    pub fn limited_to(self, records: u64) -> Self {
        Self { left: records, ..self }
    }

    /// Returns whether it takes no more records.
    ///
    /// ```
    /// use asg_core::siem::RecordJoiner;
    /// assert!(!RecordJoiner::new().limited_to(1).is_full());
    /// ```
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.left == 0
    }

    /// Writes the next records into `out`; returns how many. The last line may go on with the next
    /// batch.
    pub fn add(&mut self, batch: RecordBatch, out: &mut Vec<u8>) -> u64 {
        let RecordBatch { standard, text, runs } = batch;
        let added = if standard == Standard::Otlp {
            self.open.add(&runs, &text, self.left, out)
        } else {
            let (mut added, mut end) = (0, 0);
            for at in memchr::memchr_iter(b'\n', &text) {
                if added == self.left {
                    break;
                }
                (added, end) = (added + 1, at + 1);
            }
            out.extend_from_slice(&text[..end]);
            added
        };
        self.left -= added;
        added
    }

    /// Ends the last line.
    ///
    /// ```
    /// use asg_core::siem::RecordJoiner;
    /// let mut lines = Vec::new();
    /// RecordJoiner::new().finish(&mut lines);
    /// assert_eq!(lines, b"");
    /// ```
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.open.close(out);
    }
}

fn push_line(out: &mut Vec<u8>, record: &impl Serialize) {
    push(out, record);
    out.push(b'\n');
}

/// Serialises into memory, which cannot fail for the contents of records.
pub(super) fn push(out: &mut Vec<u8>, value: &impl Serialize) {
    let written = serde_json::to_writer(out, value);
    debug_assert!(written.is_ok());
}
