//! Records that own their line, and an iterator of them.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::{self, BufRead};
use std::str::FromStr;

use super::Record;
use crate::line::Line;
use crate::line::gather::LogLines;
use crate::line::split::RawLine;
use crate::line::transcode::Transcoder;

/// A line that owns its text and can be kept, sorted and sent to another thread.
///
/// A record is its line: this keeps the text, one allocation, and parses it when it is asked for.
///
/// ```
/// use asg_core::RecordBuf;
///
/// let kept = RecordBuf::new(b"[    1.000002] IPv6: link becomes ready".to_vec());
/// let thread = std::thread::spawn(move || kept.with(|record| record.envelope.uptime));
/// assert_eq!(thread.join().unwrap().unwrap().to_string(), "1.000002");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RecordBuf {
    line: Box<[u8]>,
    cut: bool,
    part_of: Option<u64>,
}

/// Any text is a record.
///
/// ```
/// use asg_core::RecordBuf;
/// let kept: RecordBuf = "hello".parse()?;
/// assert_eq!(kept.with(|record| record.kind()), "other");
/// # Ok::<(), std::convert::Infallible>(())
/// ```
impl FromStr for RecordBuf {
    type Err = Infallible;

    fn from_str(line: &str) -> Result<Self, Infallible> {
        Ok(Self::new(line.as_bytes()))
    }
}

impl RecordBuf {
    /// Keeps a line.
    ///
    /// ```
    /// use asg_core::RecordBuf;
    /// assert_eq!(RecordBuf::new(*b"hello").as_bytes(), b"hello");
    /// ```
    #[must_use]
    pub fn new(line: impl Into<Box<[u8]>>) -> Self {
        Self { line: line.into(), cut: false, part_of: None }
    }

    fn of(raw: &RawLine<'_>) -> Self {
        Self { line: raw.bytes.into(), cut: raw.skipped > 0, part_of: raw.part_of }
    }

    /// Parses the line, and passes the record on.
    ///
    /// ```
    /// use asg_core::RecordBuf;
    /// assert_eq!(RecordBuf::new(*b"hello").with(|record| record.kind()), "other");
    /// ```
    pub fn with<T>(&self, f: impl FnOnce(&Record<'_>) -> T) -> T {
        if let Some(first) = self.part_of {
            return f(&Record::part_of(first));
        }
        let line = if self.cut { Line::cut(&self.line) } else { Line::new(&self.line) };
        f(&Record::classify(&line))
    }

    /// Returns the line.
    ///
    /// ```
    /// use asg_core::RecordBuf;
    /// assert_eq!(RecordBuf::new(b"hello".to_vec()).as_bytes(), b"hello");
    /// ```
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.line
    }
}

/// The lines of a reader, each with its number from 1; see [`records`].
#[derive(Debug)]
pub struct Records<R> {
    input: R,
    transcoder: Transcoder,
    lines: LogLines,
    ready: VecDeque<(u64, RecordBuf)>,
    is_over: bool,
}

/// Reads a log line by line, as [`Decoder`](crate::Decoder) does: UTF-16 and byte order marks are
/// read, documents on several lines are kept together, and a line that is longer than the limit is
/// cut and its record damaged.
///
/// The items own their lines, which costs an allocation each. [`Decoder`](crate::Decoder) borrows.
///
/// ```
/// use asg_core::{RecordBuf, records};
///
/// let log = b"[    1.000002] IPv6: link becomes ready\n{\"a\":1}\n";
/// let kinds: Vec<_> = records(&log[..])
///     .map(|item| item.map(|(number, record)| (number, record.with(|record| record.kind()))))
///     .collect::<Result<_, _>>()?;
/// assert_eq!(kinds, [(1, "other"), (2, "other")]);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn records<R: BufRead>(input: R) -> Records<R> {
    Records {
        input,
        transcoder: Transcoder::new(),
        lines: LogLines::new(),
        ready: VecDeque::new(),
        is_over: false,
    }
}

impl<R: BufRead> Records<R> {
    /// Takes the next piece; the lines that end in it become ready.
    fn fill(&mut self) -> io::Result<()> {
        let Self { input, transcoder, lines, ready, is_over } = self;
        let mut keep = |raw: RawLine<'_>| ready.push_back((raw.number, RecordBuf::of(&raw)));
        let piece = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            piece => piece?,
        };
        let len = piece.len();
        if len == 0 {
            *is_over = true;
            lines.push(transcoder.finish(), &mut keep);
            lines.finish(keep);
        } else {
            lines.push(transcoder.push(piece), keep);
        }
        input.consume(len);
        Ok(())
    }
}

/// The number of each line, and the line; or an error of the reader, after which it may go on.
impl<R: BufRead> Iterator for Records<R> {
    type Item = io::Result<(u64, RecordBuf)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Some(Ok(ready));
            }
            if self.is_over {
                return None;
            }
            if let Err(error) = self.fill() {
                return Some(Err(error));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;
    use crate::record::decoder::Decoder;
    use crate::time::TimePolicy;

    proptest! {
        #[test]
        fn an_iterator_gives_the_records_of_the_decoder(
            lines in prop::collection::vec(prop::sample::select(&[
                "[ 2343.595381] x IN=eth0 OUT= SRC=10.254.0.10 DST=10.0.16.10 LEN=60 ",
                "{", "  \"a\": 1", "}", "", "Jun 16 23:18:38 vm kernel: IN= OUT=", "\u{e9}",
            ][..]), 0..6),
            size in 1_usize..50,
            ends: bool,
        ) {
            let text = lines.join("\n") + if ends { "\n" } else { "" };
            let mut expected = Vec::new();
            let mut decoder = Decoder::new(TimePolicy::default());
            let mut keep = |line: crate::record::decoder::Decoded<'_>| {
                expected.push((line.number, format!("{:?}", line.record)));
            };
            decoder.decode(text.as_bytes(), &mut (), &mut keep);
            decoder.flush(&mut (), &mut keep);
            let found: Vec<_> = records(BufReader::with_capacity(size, text.as_bytes()))
                .map(|item| item.map(|(n, kept)| (n, kept.with(|it| format!("{it:?}")))).unwrap())
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
