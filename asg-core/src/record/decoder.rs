//! The push decoder: it takes bytes in any pieces, and returns records; diagnostics go to a sink of
//! the caller's choice.

use crate::error::Error;
use crate::line::gather::LogLines;
use crate::line::split::RawLine;
use crate::line::transcode::Transcoder;
use crate::record::{Content, Record};
use crate::time::{LogTime, Resolved, TimePolicy};

/// Reads a stream of log lines that comes in pieces. It does no I/O: whoever reads the stream calls
/// [`Decoder::decode`].
///
/// Any pieces give the same records. Of a line that is spread over two pieces, and of a document on
/// several lines, at most as many bytes are held as the limits allow. UTF-16 and marks at the
/// beginning of the stream are read as [`Transcoder`] does.
///
/// ```
/// use asg_core::record::Diagnostic;
/// use asg_core::{Decoder, TimePolicy};
///
/// let mut decoder = Decoder::new(TimePolicy::default());
/// let (mut kinds, mut wrong) = (Vec::new(), Vec::<Diagnostic>::new());
/// for piece in ["[ 2343.595381] x IN=eth0 OU", "T= SRC=10.254\n{\"timesta", "mp\":"] {
///     decoder.decode(piece.as_bytes(), &mut wrong, |line| kinds.push((line.number, line.record.kind())));
/// }
/// decoder.flush(&mut wrong, |line| kinds.push((line.number, line.record.kind())));
/// assert_eq!(kinds, [(1, "damaged"), (2, "damaged")]);
/// assert_eq!(wrong.last().unwrap().to_string(), "line 2: byte 13: the text ends where more JSON was expected");
/// ```
#[derive(Debug, Clone)]
pub struct Decoder {
    transcoder: Transcoder,
    lines: LogLines,
    policy: TimePolicy,
}

/// One line of a stream, read.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Decoded<'a> {
    /// Counted from 1.
    pub number: u64,
    /// Where the line begins, in bytes from the start of the stream, or of its text if that begins
    /// with a byte order mark.
    pub offset: u64,
    /// The content.
    pub record: Record<'a>,
    /// When it happened, as the decoder's policy completes it.
    pub time: Option<Resolved>,
}

impl Decoder {
    /// Returns a decoder that completes times by this policy, with the limits of [`Lines::new`].
    ///
    /// [`Lines::new`]: crate::Lines::new
    ///
    /// ```
    /// use asg_core::{Decoder, TimePolicy};
    /// let mut lines = 0;
    /// Decoder::new(TimePolicy::default()).decode(b"hello\n", &mut (), |_| lines += 1);
    /// assert_eq!(lines, 1);
    /// ```
    #[must_use]
    pub const fn new(policy: TimePolicy) -> Self {
        Self { transcoder: Transcoder::new(), lines: LogLines::new(), policy }
    }

    /// Returns a decoder that keeps at most `limit` bytes of a line, at least 1. The rest of a
    /// longer line is skipped and reported, and its record is damaged.
    ///
    /// ```
    /// use asg_core::record::{Diagnostic, DiagnosticKind};
    /// use asg_core::{Decoder, TimePolicy};
    ///
    /// let mut decoder = Decoder::with_limit(TimePolicy::default(), 4);
    /// let mut first: Option<Diagnostic> = None;
    /// decoder.decode(b"123456\n", &mut first, |line| assert_eq!(line.record.kind(), "other"));
    /// assert_eq!(first.unwrap().kind, DiagnosticKind::OverLong { skipped: 2 });
    /// ```
    #[must_use]
    pub const fn with_limit(policy: TimePolicy, limit: usize) -> Self {
        Self { transcoder: Transcoder::new(), lines: LogLines::with_limit(limit), policy }
    }

    /// Takes the next piece of the stream, and hands on the lines that end in it, unless a document
    /// holds them back.
    ///
    /// ```
    /// use asg_core::{Decoder, TimePolicy};
    /// let (mut decoder, mut lines) = (Decoder::new(TimePolicy::default()), 0);
    /// decoder.decode(b"one\ntw", &mut (), |_| lines += 1);
    /// decoder.decode(b"o\n", &mut (), |_| lines += 1);
    /// assert_eq!(lines, 2);
    /// ```
    pub fn decode(
        &mut self,
        piece: &[u8],
        sink: &mut impl DiagnosticSink,
        mut each: impl FnMut(Decoded<'_>),
    ) {
        let Self { transcoder, lines, policy } = self;
        lines.push(transcoder.push(piece), |raw| decode(raw, policy, sink, &mut each));
    }

    /// Ends the stream: hands on the last line, if it has no line feed.
    ///
    /// ```
    /// use asg_core::{Decoder, TimePolicy};
    /// let (mut decoder, mut lines) = (Decoder::new(TimePolicy::default()), 0);
    /// decoder.decode(b"no line end", &mut (), |_| lines += 1);
    /// decoder.flush(&mut (), |_| lines += 1);
    /// assert_eq!(lines, 1);
    /// ```
    pub fn flush(&mut self, sink: &mut impl DiagnosticSink, mut each: impl FnMut(Decoded<'_>)) {
        let Self { transcoder, lines, policy } = self;
        lines.push(transcoder.finish(), |raw| decode(raw, policy, sink, &mut each));
        lines.finish(|raw| decode(raw, policy, sink, &mut each));
    }
}

fn decode(
    raw: RawLine<'_>,
    policy: &TimePolicy,
    sink: &mut impl DiagnosticSink,
    each: &mut impl FnMut(Decoded<'_>),
) {
    if let Some(first) = raw.part_of {
        let record = Record::part_of(first);
        return each(Decoded { number: raw.number, offset: raw.offset, record, time: None });
    }
    let mut report = |kind| sink.report(Diagnostic { line: raw.number, offset: raw.offset, kind });
    let line = raw.line();
    let record = Record::classify(&line);
    if raw.skipped > 0 {
        report(DiagnosticKind::OverLong { skipped: raw.skipped });
    }
    if let Content::Damaged(damaged) = &record.content {
        report(DiagnosticKind::Damaged(damaged.error.clone()));
    }
    let time = record.resolved_time(policy);
    let shows_some = record.envelope.time != LogTime::Unknown || record.envelope.uptime.is_some();
    if time.is_none() && shows_some && record.content != Content::Other {
        report(DiagnosticKind::TimeIncomplete);
    }
    each(Decoded { number: raw.number, offset: raw.offset, record, time });
}

/// Something that a reader of the log may want to know about a line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// The line, counted from 1.
    pub line: u64,
    /// Where it begins in the stream, in bytes.
    pub offset: u64,
    /// The subject of the diagnostic.
    pub kind: DiagnosticKind,
}

/// The subject of a [`Diagnostic`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiagnosticKind {
    /// The line is longer than the limit; so many of its bytes were skipped.
    OverLong {
        /// Bytes.
        skipped: u64,
    },
    /// The line is a packet or JSON that is cut, split or malformed; the error's offset is in the
    /// line.
    Damaged(Error),
    /// The line shows a time without a year, or an uptime, and the policy cannot complete it.
    TimeIncomplete,
}

impl std::fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.kind {
            DiagnosticKind::OverLong { skipped } => {
                write!(f, "longer than the limit; {skipped} bytes were skipped")
            }
            DiagnosticKind::Damaged(error) => error.fmt(f),
            DiagnosticKind::TimeIncomplete => {
                f.write_str("its time lacks a year, or the time of boot, and no policy tells it")
            }
        }
    }
}

/// Where diagnostics go: `()` drops them, an `Option` keeps the first, a `Vec` keeps all, and a
/// closure does what it likes.
pub trait DiagnosticSink {
    /// Takes one.
    fn report(&mut self, diagnostic: Diagnostic);
}

impl DiagnosticSink for () {
    fn report(&mut self, _: Diagnostic) {}
}

impl DiagnosticSink for Option<Diagnostic> {
    fn report(&mut self, diagnostic: Diagnostic) {
        self.get_or_insert(diagnostic);
    }
}

impl DiagnosticSink for Vec<Diagnostic> {
    fn report(&mut self, diagnostic: Diagnostic) {
        self.push(diagnostic);
    }
}

impl<F: FnMut(Diagnostic)> DiagnosticSink for F {
    fn report(&mut self, diagnostic: Diagnostic) {
        self(diagnostic);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all<'p>(
        limit: usize,
        pieces: impl IntoIterator<Item = &'p [u8]>,
    ) -> (Vec<String>, Vec<Diagnostic>) {
        let mut decoder = Decoder::with_limit(TimePolicy::default(), limit);
        let (mut seen, mut wrong) = (Vec::new(), Vec::new());
        for piece in pieces {
            decoder.decode(piece, &mut wrong, |line| seen.push(format!("{line:?}")));
        }
        decoder.flush(&mut wrong, |line| seen.push(format!("{line:?}")));
        (seen, wrong)
    }

    #[test]
    fn diagnostics_say_which_line_and_why() {
        let text = b"Jun 16 23:18:38 vm kernel: x IN=eth0 OUT= SRC=10.2\n\
            {\"source\":x}\n<13>1 2024-05-06T07:08:05Z vm vcap.rep - - - uid\":\"1\",\"lrp-key\":{}}}\n[1.000002] an over-long line, of which the decoder was asked to keep but seventy-two bytes";
        let (_, wrong) = all(72, [text.as_slice()]);
        let texts: Vec<_> = wrong.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(texts.join("\n"), @r"
        line 1: byte 46: the text ends where an IPv4 address was expected
        line 1: its time lacks a year, or the time of boot, and no policy tells it
        line 2: byte 10: malformed JSON: expected value at line 1 column 11
        line 3: byte 45: expected `{`, with which a JSON line begins
        line 4: longer than the limit; 18 bytes were skipped
        ");
    }

    #[test]
    fn nothing_of_an_over_long_line_is_whole() {
        let text = b"[1.000002] x IN=eth0 OUT= SRC=10.254.0.10 DST=10.0.16.10 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=2 and more";
        let mut kinds = Vec::new();
        let mut decoder = Decoder::with_limit(TimePolicy::default(), 103);
        decoder.decode(text, &mut (), |line| kinds.push(line.record.kind()));
        decoder.flush(&mut |_: Diagnostic| {}, |line| kinds.push(line.record.kind()));
        assert_eq!(kinds, ["damaged"]);
    }

    proptest! {
        #[test]
        fn chunking_never_matters(
            lines in prop::collection::vec(prop::sample::select(&[
                "[ 2343.595381] x IN=eth0 OUT= SRC=10.254.0.10 DST=10.0.16.10 LEN=60 ",
                "{\"timestamp\":\"1.5\",\"source\":\"rep\",\"message\":\"m\",\"log_level\":1,\"data\":{\"guid\":\"h\"}}",
                "{", "[", "  {", "  \"a\": 1", "}", "]", "\u{feff}{",
                "Jun 16 23:18:38 vm kernel: IN= OUT=", "{\"a\":", "", "\r", "\u{e9}", "Cell c stopping instance x",
            ][..]), 0..6),
            cuts in prop::collection::vec(0_usize..400, 0..10),
            limit in 1_usize..120,
        ) {
            let text = lines.join("\n");
            let bytes = text.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|c| c.min(bytes.len())).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]);
            prop_assert_eq!(all(limit, pieces), all(limit, [bytes]));
        }

        #[test]
        fn any_bytes_give_a_record_each_line(text: Vec<u8>) {
            let (seen, wrong) = all(64, [text.as_slice()]);
            let mut transcoder = Transcoder::new();
            let mut utf8 = transcoder.push(&text).to_vec();
            utf8.extend_from_slice(transcoder.finish());
            prop_assert_eq!(seen.len(), utf8.split_inclusive(|b| *b == b'\n').count());
            prop_assert!(wrong.iter().all(|w| w.line as usize <= seen.len()));
        }
    }
}
