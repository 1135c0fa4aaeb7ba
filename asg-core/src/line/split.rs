//! Splits bytes into lines: a push decoder that takes any chunking.

use memchr::memchr;

use super::Line;
use crate::bytes::line_end::without_cr;

/// One line of a stream, without its line feed (or carriage return and line feed).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RawLine<'a> {
    /// Counted from 1.
    pub number: u64,
    /// The byte offset of the line in the stream.
    pub offset: u64,
    /// The line, or its first bytes up to [`Lines::limit`].
    pub bytes: &'a [u8],
    /// The number of skipped bytes of an over-long line; 0 for nearly all.
    pub skipped: u64,
    /// The number of the document's first line, if this is a further line of a document; see
    /// [`DocumentLines`](crate::line::DocumentLines).
    pub part_of: Option<u64>,
}

impl<'a> RawLine<'a> {
    /// Returns the line, ready to be parsed.
    ///
    /// ```
    /// use asg_core::Lines;
    /// use asg_core::line::RawLine;
    /// let mut kernel = false;
    /// let mut each = |raw: RawLine<'_>| kernel = raw.line().envelope().is_kernel();
    /// Lines::new().push(b"[  637.581122] hello\n", &mut each);
    /// assert!(kernel);
    /// ```
    #[must_use]
    pub const fn line(&self) -> Line<'a> {
        if self.skipped > 0 { Line::cut(self.bytes) } else { Line::new(self.bytes) }
    }
}

/// The maximum length of a line, unless it may be a document.
const MOST_LINE: usize = 64 << 10;

/// The maximum length of a document: a `store.json` of 200,000 containers.
pub(crate) const MOST_DOCUMENT: usize = 64 << 20;

/// Splits a stream of bytes into lines, for any chunking.
///
/// Lines that are whole in a piece are borrowed from it; only a line that spans two pieces is
/// copied. A line that is longer than the limit is passed on with its first bytes and the number of
/// skipped bytes, so memory stays bounded for any input. [`Lines::finish`] passes on a last line
/// without a line feed.
///
/// # Example
///
/// ```
/// use asg_core::Lines;
///
/// let mut lines = Lines::new();
/// let mut seen = Vec::new();
/// for piece in ["first\nsec", "ond\r\n", "\nlast"] {
///     lines.push(piece.as_bytes(), |line| seen.push((line.number, line.bytes.to_vec())));
/// }
/// lines.finish(|line| seen.push((line.number, line.bytes.to_vec())));
/// let seen: Vec<_> = seen.iter().map(|(n, bytes)| (*n, &bytes[..])).collect();
/// assert_eq!(seen, [(1, &b"first"[..]), (2, b"second"), (3, b""), (4, b"last")]);
/// ```
#[derive(Debug, Clone)]
pub struct Lines {
    limit: usize,
    /// The limit of a line that may be a document.
    document_limit: usize,
    /// The beginning of a line that has not ended yet.
    held: Vec<u8>,
    skipped: u64,
    number: u64,
    offset: u64,
}

impl Default for Lines {
    fn default() -> Self {
        Self::new()
    }
}

impl Lines {
    /// Creates a decoder with a limit of 64 KiB for a line, and of 64 MiB for a line that begins
    /// with `{` or `[`, or has `{"` in its first 512 bytes: such a line may be a whole document.
    /// Several packets in one line, or lines of lager's, have the same limit.
    ///
    /// ```
    /// let mut lines = asg_core::Lines::new();
    /// for (begins, kept) in [("x", 65_536), ("{", 70_001)] {
    ///     let line = format!("{begins}{}\n", " ".repeat(70_000));
    ///     lines.push(line.as_bytes(), |line| assert_eq!(line.bytes.len(), kept));
    /// }
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        let mut lines = Self::with_limit(MOST_LINE);
        lines.document_limit = MOST_DOCUMENT;
        lines
    }

    /// Creates a decoder that keeps at most `limit` bytes of any line; at least 1.
    ///
    /// ```
    /// use asg_core::Lines;
    /// let mut lengths = Vec::new();
    /// Lines::with_limit(4).push(b"a long line\n", |line| lengths.push(line.bytes.len()));
    /// assert_eq!(lengths, [4]);
    /// ```
    #[must_use]
    pub const fn with_limit(limit: usize) -> Self {
        let limit = if limit == 0 { 1 } else { limit };
        let document_limit = limit;
        Self { limit, document_limit, held: Vec::new(), skipped: 0, number: 0, offset: 0 }
    }

    /// Returns the maximum number of bytes that are kept of a line with this beginning.
    ///
    /// ```
    /// use asg_core::Lines;
    /// assert_eq!(Lines::with_limit(4).limit(b"a long line"), 4);
    /// ```
    #[must_use]
    pub fn limit(&self, line: &[u8]) -> usize {
        match line.first() {
            Some(b'{' | b'[') => self.document_limit,
            _ if line.len() > self.limit && may_be_long(&line[..self.limit]) => self.document_limit,
            _ => self.limit,
        }
    }

    /// Takes the next piece of the stream and passes on the lines that end in it.
    ///
    /// ```
    /// use asg_core::Lines;
    /// let (mut lines, mut found) = (Lines::new(), 0);
    /// lines.push(b"one\ntw", |_| found += 1);
    /// lines.push(b"o\n", |_| found += 1);
    /// assert_eq!(found, 2);
    /// ```
    pub fn push(&mut self, mut piece: &[u8], mut each: impl FnMut(RawLine<'_>)) {
        while let Some(end) = memchr(b'\n', piece) {
            let line = &piece[..end];
            piece = &piece[end + 1..];
            let is_short = line.len() <= self.limit || line.len() <= self.limit(line);
            if is_short && self.is_between_lines() {
                self.number += 1;
                each(RawLine {
                    number: self.number,
                    offset: self.offset,
                    bytes: without_cr(line),
                    skipped: 0,
                    part_of: None,
                });
                self.offset += end as u64 + 1;
            } else {
                self.hold(line);
                self.hand_on(&mut each);
                self.offset += 1;
            }
        }
        self.hold(piece);
    }

    /// Ends the stream: passes on the last line, if it has no line feed. The decoder can then begin
    /// another stream; its lines and bytes are counted on.
    ///
    /// ```
    /// use asg_core::Lines;
    /// let (mut lines, mut found) = (Lines::new(), 0);
    /// lines.push(b"one", |_| found += 1);
    /// lines.finish(|_| found += 1);
    /// assert_eq!(found, 1);
    /// ```
    pub fn finish(&mut self, mut each: impl FnMut(RawLine<'_>)) {
        if !self.is_between_lines() {
            self.hand_on(&mut each);
        }
    }

    const fn is_between_lines(&self) -> bool {
        self.held.is_empty() && self.skipped == 0
    }

    fn hold(&mut self, piece: &[u8]) {
        let room = self.limit.saturating_sub(self.held.len());
        let (kept, rest) = piece.split_at(room.min(piece.len()));
        self.held.extend_from_slice(kept);
        if rest.is_empty() {
            return;
        }
        // Only behind the limit is it asked what the line is: its beginning is whole then.
        let is_document =
            matches!(self.held.first(), Some(b'{' | b'[')) || may_be_long(&self.held[..self.limit]);
        let limit = if is_document { self.document_limit } else { self.limit };
        let room = limit.saturating_sub(self.held.len());
        let (kept, rest) = rest.split_at(room.min(rest.len()));
        self.held.extend_from_slice(kept);
        self.skipped += rest.len() as u64;
    }

    /// Passes on the held line, and moves the offset behind it.
    fn hand_on(&mut self, each: &mut impl FnMut(RawLine<'_>)) {
        self.number += 1;
        let bytes = if self.skipped == 0 { without_cr(&self.held) } else { &self.held };
        each(RawLine {
            number: self.number,
            offset: self.offset,
            bytes,
            skipped: self.skipped,
            part_of: None,
        });
        self.offset += self.held.len() as u64 + self.skipped;
        self.held.clear();
        self.held.shrink_to(MOST_LINE);
        self.skipped = 0;
    }
}

/// The longest text before a document.
const MOST_BEFORE: usize = 512;

/// Returns whether a line that begins like this may be long: with a document behind a header, as
/// `bosh ssh` and container runtimes write it; or with several lines that have no line feeds.
fn may_be_long(line: &[u8]) -> bool {
    let head = &line[..line.len().min(MOST_BEFORE)];
    memchr::memmem::find(head, b"{\"").is_some()
        || [&b" OUT="[..], b"{\"timestamp\":"].iter().any(|it| count(it, line) > 1)
}

fn count(what: &[u8], text: &[u8]) -> usize {
    memchr::memmem::find_iter(text, what).take(2).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Seen = Vec<(u64, u64, Vec<u8>, u64)>;

    fn split<'a>(limit: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> Seen {
        let mut seen = Seen::new();
        let mut lines = Lines::with_limit(limit);
        let mut keep =
            |l: RawLine<'_>| seen.push((l.number, l.offset, l.bytes.to_vec(), l.skipped));
        for piece in pieces {
            lines.push(piece, &mut keep);
        }
        lines.finish(&mut keep);
        seen
    }

    /// Splits a stream slowly and plainly, as the oracle.
    fn reference(limit: usize, all: &[u8]) -> Seen {
        let mut seen = Seen::new();
        let mut offset = 0;
        for line in all.split_inclusive(|&b| b == b'\n') {
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            let kept = &text[..text.len().min(limit)];
            let skipped = (text.len() - kept.len()) as u64;
            let kept = if skipped == 0 { without_cr(kept) } else { kept };
            seen.push((seen.len() as u64 + 1, offset, kept.to_vec(), skipped));
            offset += line.len() as u64;
        }
        seen
    }

    #[test]
    fn an_over_long_line_is_cut_and_counted() {
        let seen = split(4, [b"123".as_slice(), b"456789\nab\n"]);
        assert_eq!(seen, [(1, 0, b"1234".to_vec(), 5), (2, 10, b"ab".to_vec(), 0)]);
    }

    #[test]
    fn a_document_behind_a_header_is_kept_whole_in_any_pieces() {
        for (head, is_whole) in [
            ("diego-cell/0455ec2b: stdout | {\"a\":\"", true),
            ("2024-05-06T07:08:05.400512000Z stdout F {\"a\":\"", true),
            ("data: {\"a\":\"", true),
            (" {\"a\":\"", true),
            ("May  6 07:09:10 cell-1 kernel: ", false),
        ] {
            let text = format!("{head}{}\"}}\nnext\n", "x".repeat(100_000));
            for piece in [1_000_000, 7, 65_536, 65_537] {
                let (mut lines, mut seen) = (Lines::new(), Vec::new());
                for piece in text.as_bytes().chunks(piece) {
                    lines.push(piece, |line| seen.push((line.bytes.len(), line.skipped)));
                }
                let kept = if is_whole { head.len() + 100_002 } else { MOST_LINE };
                let skipped = head.len() + 100_002 - kept;
                assert_eq!(seen, [(kept, skipped as u64), (4, 0)], "{head} {piece}");
            }
        }
    }

    proptest! {
        #[test]
        fn chunking_never_matters(all in "[a\r\n]{0,60}", cuts in prop::collection::vec(0_usize..60, 0..8), limit in 1_usize..12) {
            let all = all.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|c| c.min(all.len())).chain([0, all.len()]).collect();
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|w| &all[w[0]..w[1]]);
            prop_assert_eq!(split(limit, pieces), reference(limit, all));
        }
    }
}
