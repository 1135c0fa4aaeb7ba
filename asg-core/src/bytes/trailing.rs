//! Marks that tools put behind a line.

/// The marks: quotes of CSV and JSON, line ends and tabs that are escaped, as
/// rsyslog (`$EscapeControlCharactersOnReceive`) and JSON escape them, blanks of word processors.
const MARKS: [&[u8]; 20] = [
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
    b"\x0b",
    b"\x0c",
];

/// Divides a line from what such tools have put behind it.
pub(crate) fn divide(text: &[u8]) -> (&[u8], &[u8]) {
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
