//! Keeps the lines of a JSON document together.
//!
//! `cf curl`, `jq` and `json.tool` print a document indented: it begins in the first column with
//! `{` or `[`, and each further line begins with a blank, `}` or `]`, or is empty. A log line with
//! a header never begins like that. Therefore a document ends where its brackets are closed, and a
//! line that begins otherwise shows that it was not a document.

use serde::de::IgnoredAny;

use super::split::{Lines, MOST_DOCUMENT, RawLine};

/// A document that is evidence never nests deeper than this.
const MOST_NESTED: usize = 128;

/// Joins the lines of a JSON document.
///
/// Takes lines and passes them on. The first line of a document on several lines is passed on with
/// the text of all of them, and each further line with [`RawLine::part_of`]. Lines that turn out
/// not to be a document are passed on unchanged. Up to 64 MiB are held, and only for a document.
///
/// # Example
///
/// ```
/// use asg_core::Lines;
/// use asg_core::line::DocumentLines;
///
/// let mut documents = DocumentLines::new();
/// let mut lines = Lines::new();
/// let mut seen = Vec::new();
/// lines.push(b"{\n  \"a\": 1\n}\nlog line\n", |line| {
///     documents.push(line, |line| seen.push((line.number, line.bytes.len(), line.part_of)));
/// });
/// documents.finish(|line| seen.push((line.number, line.bytes.len(), line.part_of)));
/// assert_eq!(seen, [(1, 12, None), (2, 8, Some(1)), (3, 1, Some(1)), (4, 8, None)]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct DocumentLines {
    open: Brackets,
    /// The lines so far, with a line feed behind each.
    text: Vec<u8>,
    /// The offset of each of them in the stream.
    offsets: Vec<u64>,
    /// The number of the first.
    first: u64,
}

impl DocumentLines {
    /// Holds nothing yet.
    ///
    /// ```
    /// use asg_core::line::DocumentLines;
    /// let mut lines = 0;
    /// DocumentLines::new().finish(|_| lines += 1);
    /// assert_eq!(lines, 0);
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        let open = Brackets { closers: Vec::new(), len: 0 };
        Self { open, text: Vec::new(), offsets: Vec::new(), first: 0 }
    }

    /// Takes the next line, and passes on the lines that are complete.
    ///
    /// ```
    /// use asg_core::Lines;
    /// use asg_core::line::DocumentLines;
    /// let (mut documents, mut found) = (DocumentLines::new(), Vec::new());
    /// Lines::new().push(b"{\n \"a\": 1\n}\nhello\n", |line| {
    ///     documents.push(line, |line| found.push(line.part_of));
    /// });
    /// assert_eq!(found, [None, Some(1), Some(1), None], "the document begins in line 1");
    /// ```
    #[inline]
    pub fn push(&mut self, line: RawLine<'_>, mut each: impl FnMut(RawLine<'_>)) {
        if self.offsets.is_empty() && !matches!(line.bytes.first(), Some(b'{' | b'[')) {
            return each(line);
        }
        self.take(line, &mut each);
    }

    fn take(&mut self, line: RawLine<'_>, each: &mut impl FnMut(RawLine<'_>)) {
        let goes_on = line.skipped == 0 && self.open.may_go_on(line.bytes);
        if !goes_on {
            self.pass_on(each);
        }
        let is_first = self.offsets.is_empty();
        if is_first && (line.skipped > 0 || !may_begin(line.bytes)) {
            return each(line);
        }
        if is_first {
            (self.open, self.first) = (Brackets::default(), line.number);
        }
        let state = self.open.scan(line.bytes);
        if is_first && state != State::Open {
            return each(line);
        }
        self.text.extend_from_slice(line.bytes);
        self.text.push(b'\n');
        self.offsets.push(line.offset);
        match state {
            State::Open => {}
            State::Closed if self.is_json() => self.pass_on_document(each),
            State::Closed | State::Broken => self.pass_on(each),
        }
    }

    /// Ends the stream: an incomplete document is passed on as single lines.
    ///
    /// ```
    /// use asg_core::Lines;
    /// use asg_core::line::DocumentLines;
    /// let (mut documents, mut found) = (DocumentLines::new(), 0);
    /// Lines::new().push(b"{\n \"a\": 1\n", |line| documents.push(line, |_| found += 1));
    /// documents.finish(|_| found += 1);
    /// assert_eq!(found, 2, "a document that is not closed is passed on line by line");
    /// ```
    pub fn finish(&mut self, mut each: impl FnMut(RawLine<'_>)) {
        self.pass_on(&mut each);
    }

    fn is_json(&self) -> bool {
        let text = std::str::from_utf8(&self.text);
        text.is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
    }

    /// Passes on the lines, one by one.
    fn pass_on(&mut self, each: &mut impl FnMut(RawLine<'_>)) {
        for line in self.lines() {
            each(line);
        }
        self.clear();
    }

    fn pass_on_document(&mut self, each: &mut impl FnMut(RawLine<'_>)) {
        for line in self.lines() {
            each(if line.number == self.first {
                RawLine { bytes: &self.text[..self.text.len() - 1], ..line }
            } else {
                RawLine { part_of: Some(self.first), ..line }
            });
        }
        self.clear();
    }

    fn lines(&self) -> impl Iterator<Item = RawLine<'_>> {
        let lines = self.text.split_inclusive(|b| *b == b'\n').zip(&self.offsets);
        lines.zip(self.first..).map(|((line, offset), number)| RawLine {
            number,
            offset: *offset,
            bytes: &line[..line.len() - 1],
            skipped: 0,
            part_of: None,
        })
    }

    fn clear(&mut self) {
        self.offsets.clear();
        // A log has few documents, so the memory of a large one is released.
        self.text.clear();
        self.text.shrink_to(1 << 16);
    }
}

/// Returns the start of the unfinished document at the end of this text; `None` if all documents in
/// it are complete. A text that is divided there gives the same documents as the whole. The text
/// must end behind a line.
///
/// ```
/// let text = b"a log line\n{\n  \"a\": 1\n";
/// assert_eq!(asg_core::line::unfinished_document(text), Some(11));
/// assert_eq!(asg_core::line::unfinished_document(b"{\n  \"a\": 1\n}\n"), None);
/// ```
#[must_use]
pub fn unfinished_document(text: &[u8]) -> Option<usize> {
    let mut end = text.len();
    let start = loop {
        let line = text[..end].strip_suffix(b"\n").unwrap_or(&text[..end]);
        let start = memchr::memrchr(b'\n', line).map_or(0, |at| at + 1);
        if !is_continuation(&line[start..]) {
            break start;
        }
        if start == 0 {
            return None;
        }
        end = start;
    };
    let mut open = Brackets::default();
    for (n, line) in text[start..].split_inclusive(|b| *b == b'\n').enumerate() {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let may_be = if n == 0 { may_begin(line) } else { open.may_go_on(line) };
        if !may_be || open.scan(line) != State::Open {
            return None;
        }
    }
    Some(start)
}

/// Returns whether a document may begin with this line. A line that ends in a closing bracket is a
/// document of its own, or not one: nearly all lines of `rep` are.
fn may_begin(line: &[u8]) -> bool {
    matches!(line.first(), Some(b'{' | b'['))
        && !matches!(line.trim_ascii_end().last(), Some(b'}' | b']'))
}

const fn is_continuation(line: &[u8]) -> bool {
    matches!(line.first(), None | Some(b' ' | b'\t' | b'\r' | b'}' | b']'))
}

/// The open brackets of a document.
#[derive(Debug, Clone, Default)]
struct Brackets {
    /// The closing bracket of each of them.
    closers: Vec<u8>,
    /// The length of the text, with its line feeds.
    len: usize,
}

/// The state of a document after a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Closed,
    Broken,
}

impl Brackets {
    /// Returns whether this may be a further line of the document.
    const fn may_go_on(&self, line: &[u8]) -> bool {
        is_continuation(line) && self.len + line.len() < MOST_DOCUMENT
    }

    fn scan(&mut self, line: &[u8]) -> State {
        self.len += line.len() + 1;
        let mut at = 0;
        while let Some(&byte) = line.get(at) {
            at += 1;
            match byte {
                b'{' | b'[' if self.closers.len() < MOST_NESTED => {
                    self.closers.push(if byte == b'{' { b'}' } else { b']' });
                }
                b'}' | b']' if self.closers.last() == Some(&byte) => {
                    self.closers.pop();
                    if self.closers.is_empty() {
                        let is_end = line[at..].trim_ascii().is_empty();
                        return if is_end { State::Closed } else { State::Broken };
                    }
                }
                b'{' | b'[' | b'}' | b']' => return State::Broken,
                // A string ends on its line.
                b'"' => match string_len(&line[at..]) {
                    Some(len) => at += len + 1,
                    None => return State::Broken,
                },
                _ => {}
            }
        }
        State::Open
    }
}

/// Returns the place of the first `"` without a backslash before it.
fn string_len(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// Splits a stream of bytes into the lines of a log: [`Lines`], and the documents among them.
///
/// # Example
///
/// ```
/// let mut lines = asg_core::line::LogLines::new();
/// let mut seen = Vec::new();
/// for piece in ["{\n  \"a\"", ": 1\n}\nlast"] {
///     lines.push(piece.as_bytes(), |line| seen.push((line.number, line.part_of)));
/// }
/// lines.finish(|line| seen.push((line.number, line.part_of)));
/// assert_eq!(seen, [(1, None), (2, Some(1)), (3, Some(1)), (4, None)]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct LogLines {
    lines: Lines,
    documents: DocumentLines,
}

impl LogLines {
    /// Starts at the beginning of a stream, with the limits of [`Lines::new`].
    ///
    /// ```
    /// use asg_core::line::LogLines;
    /// let mut lines = 0;
    /// LogLines::new().push(b"one\ntwo\n", |_| lines += 1);
    /// assert_eq!(lines, 2);
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self { lines: Lines::new(), documents: DocumentLines::new() }
    }

    /// Starts at the beginning of a stream, with the limit of [`Lines::with_limit`].
    ///
    /// ```
    /// use asg_core::line::LogLines;
    /// let mut lengths = Vec::new();
    /// LogLines::with_limit(4).push(b"a long line\n", |line| lengths.push(line.bytes.len()));
    /// assert_eq!(lengths, [4]);
    /// ```
    #[must_use]
    pub const fn with_limit(limit: usize) -> Self {
        Self { lines: Lines::with_limit(limit), documents: DocumentLines::new() }
    }

    /// Takes the next piece of the stream, and passes on the lines that end in it, unless a
    /// document holds them back.
    ///
    /// ```
    /// use asg_core::line::LogLines;
    /// let (mut log, mut lines) = (LogLines::new(), 0);
    /// log.push(b"one\ntw", |_| lines += 1);
    /// log.push(b"o\n", |_| lines += 1);
    /// assert_eq!(lines, 2);
    /// ```
    #[inline]
    pub fn push(&mut self, piece: &[u8], mut each: impl FnMut(RawLine<'_>)) {
        let Self { lines, documents } = self;
        lines.push(piece, |line| documents.push(line, &mut each));
    }

    /// Ends the stream: passes on the rest. Another stream can follow; its lines and bytes are
    /// counted on.
    ///
    /// ```
    /// use asg_core::line::LogLines;
    /// let (mut log, mut lines) = (LogLines::new(), 0);
    /// log.push(b"one", |_| lines += 1);
    /// log.finish(|_| lines += 1);
    /// assert_eq!(lines, 1);
    /// ```
    pub fn finish(&mut self, mut each: impl FnMut(RawLine<'_>)) {
        let Self { lines, documents } = self;
        lines.finish(|line| documents.push(line, &mut each));
        documents.finish(each);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Seen = (u64, u64, Vec<u8>, Option<u64>);

    fn seen<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<Seen> {
        let mut all = Vec::new();
        let mut lines = LogLines::new();
        let mut keep = |l: RawLine<'_>| all.push((l.number, l.offset, l.bytes.to_vec(), l.part_of));
        for piece in pieces {
            lines.push(piece, &mut keep);
        }
        lines.finish(keep);
        all
    }

    /// Returns the text of each line that is not part of another, and the number of its parts.
    fn documents(text: &str) -> Vec<(String, usize)> {
        let mut found: Vec<(String, usize)> = Vec::new();
        for (_, _, bytes, part_of) in seen([text.as_bytes()]) {
            match part_of {
                None => found.push((String::from_utf8(bytes).unwrap(), 0)),
                Some(_) => found.last_mut().unwrap().1 += 1,
            }
        }
        found
    }

    #[test]
    fn a_document_is_one_line_and_its_parts() {
        let text = "log\n{\n  \"a\": [\n    1\n  ]\n}\nlog\n[\n  {}\n]\n";
        let expected =
            [("log", 0), ("{\n  \"a\": [\n    1\n  ]\n}", 4), ("log", 0), ("[\n  {}\n]", 2)];
        assert_eq!(documents(text), expected.map(|(text, n)| (text.to_owned(), n)));
        let windows = text.replace('\n', "\r\n");
        assert_eq!(documents(&windows), documents(text));
    }

    #[test]
    fn lines_that_are_no_document_are_passed_on_as_they_came() {
        for text in [
            "{\"timestamp\":\"1.5\",\"source\":\n{\"timestamp\":\"2.5\"}\n",
            "{\n  \"a\": 1\nlog\n}\n",
            "{\n  \"a\": 1\n",
            "{\n  not json\n}\n",
            "{\n  \"a\n\": 1\n}\n",
            "[ 1.5] text\n  more\n]\n",
            "[\n}\n",
            "}\n  \"a\"\n{\"b\":1}\n",
            "{\n  \"a\": 1\n} x\n",
        ] {
            let plain = text.lines().map(|line| (line.to_owned(), 0)).collect::<Vec<_>>();
            assert_eq!(documents(text), plain, "{text}");
        }
    }

    #[test]
    fn a_broken_document_does_not_hide_the_next() {
        let text = "{\n  \"a\":\n{\n  \"b\": 1\n}\n";
        assert_eq!(documents(text)[2], ("{\n  \"b\": 1\n}".to_owned(), 2));
    }

    #[test]
    fn what_is_longer_than_the_limit_is_no_document() {
        let line = format!("  \"{}\",\n", "x".repeat(1 << 16));
        let mut lines = LogLines::new();
        let (mut parts, mut plain) = (0, 0);
        let mut each = |line: RawLine<'_>| match line.part_of {
            Some(_) => parts += 1,
            None => plain += 1,
        };
        lines.push(b"[\n", &mut each);
        for _ in 0..=MOST_DOCUMENT >> 16 {
            lines.push(line.as_bytes(), &mut each);
        }
        lines.push(b"  1\n]\n", &mut each);
        lines.finish(each);
        assert_eq!((parts, plain), (0, (MOST_DOCUMENT >> 16) + 4));
    }

    /// Lines of documents and others, in any order.
    fn any_lines() -> impl Strategy<Value = String> {
        const LINES: &[&str] = &[
            "{",
            "}",
            "[",
            "]",
            "  {",
            "  }",
            "  },",
            "  \"a\": 1",
            "  \"a\": 1,",
            "  \"a\": [",
            "  1",
            "log",
            "[ 1.5] x",
            "{\"a\":",
            "{\"a\":1}",
            "",
            "  \"x",
            "\r",
            " ",
            "{\n  \"a\": 1\n}",
            "[\n  1\n]",
            "{\n  \"a\": {\n  }\n}",
        ];
        prop::collection::vec(prop::sample::select(LINES), 0..16)
            .prop_map(|lines| lines.iter().map(|line| format!("{line}\n")).collect())
    }

    proptest! {
        #[test]
        fn chunking_never_matters(text in any_lines(), cuts in prop::collection::vec(0_usize..200, 0..8)) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|c| c.min(bytes.len())).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            prop_assert_eq!(seen(cuts.windows(2).map(|w| &bytes[w[0]..w[1]])), seen([bytes]));
        }

        #[test]
        fn every_line_is_passed_on_once_and_where_it_was(text in any_lines()) {
            let all = seen([text.as_bytes()]);
            let numbers: Vec<_> = all.iter().map(|seen| seen.0).collect();
            prop_assert_eq!(numbers, (1..=text.lines().count() as u64).collect::<Vec<_>>());
            for (_, offset, bytes, _) in &all {
                prop_assert!(text.as_bytes()[*offset as usize..].starts_with(bytes.split(|b| *b == b'\n').next().unwrap()));
            }
        }

        #[test]
        fn a_text_divided_before_an_unfinished_document_gives_the_same(text in any_lines(), at: prop::sample::Index) {
            let ends: Vec<_> = text.match_indices('\n').map(|(n, _)| n + 1).chain([0]).collect();
            let end = ends[at.index(ends.len())];
            let cut = unfinished_document(&text.as_bytes()[..end]).unwrap_or(end);
            let whole = seen([text.as_bytes()]);
            let first = seen([&text.as_bytes()[..cut]]);
            let mut both = first.clone();
            both.extend(seen([&text.as_bytes()[cut..]]).into_iter().map(|(number, offset, bytes, part_of)| {
                let before = first.len() as u64;
                (number + before, offset + cut as u64, bytes, part_of.map(|n| n + before))
            }));
            prop_assert_eq!(both, whole);
        }
    }
}
