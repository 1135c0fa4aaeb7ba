//! Text in a line that the kernel did not print: what a person or a program added behind it, or
//! wrote in the place of a value.

use crate::bytes::text::Text;

/// The parts that few lines have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Extra<'a> {
    /// The text behind the line.
    pub(super) trailing: Option<Text<'a>>,
    /// The names of the fields whose values are masked.
    pub(super) redacted: Vec<&'static str>,
    /// The line itself, if it contains more than its fields.
    pub(super) line: Option<Text<'a>>,
}

impl<'a> Extra<'a> {
    /// Returns the parts of a line with words that are not the kernel's.
    pub(super) fn altered(line: &'a [u8], redacted: Vec<&'static str>) -> Self {
        Self { trailing: None, redacted, line: Some(Text::new(line)) }
    }
}

/// Text that tools add behind a line: quotes of CSV and JSON; line ends and tabs as rsyslog
/// (`$EscapeControlCharactersOnReceive`) and JSON escape them; the non-breaking blanks of word
/// processors.
const MARKS: [&[u8]; 18] = [
    b"\"",
    b"'",
    b"`",
    b",",
    b";",
    b"\t",
    b"\r",
    b"#011",
    b"#012",
    b"#015",
    b"#033[0m",
    b"\\n",
    b"\\r",
    b"\\t",
    b"\\",
    b"\xc2\xa0",
    b"\xa0",
    b"\0",
];

/// Splits a line from the text that tools have added behind it.
pub(super) fn divide(text: &[u8]) -> (&[u8], &[u8]) {
    let mut line = text;
    loop {
        let end = line.iter().rposition(|b| *b != b' ').map_or(0, |at| at + 1);
        let last = &line[..end];
        let Some(shorter) = MARKS.iter().find_map(|mark| last.strip_suffix(*mark)) else { break };
        line = shorter;
    }
    text.split_at(line.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tools_put_behind_a_line() {
        for (line, trailing) in [
            ("A=1", ""),
            ("A=1 ", ""),
            ("A=1", "\""),
            ("A=1 ", "#015"),
            ("A=1", "#012"),
            ("A=1 ", "\\n\","),
            ("A=1", "\t"),
            ("A=1 ", "`"),
            ("A=1", "\u{a0}"),
            ("A=1", "\" "),
            ("A=1  ", "#015 #012"),
            ("", "\""),
        ] {
            let text = [line, trailing].concat();
            assert_eq!(divide(text.as_bytes()), (line.as_bytes(), trailing.as_bytes()), "{text:?}");
        }
    }
}
