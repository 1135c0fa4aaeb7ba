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
        let shorter = MARKS.iter().find_map(|mark| last.strip_suffix(*mark));
        let Some(shorter) = shorter.or_else(|| without_prompt(last)) else { break };
        line = shorter;
    }
    text.split_at(line.len())
}

/// Marks that may also end a line of their own: of lists, tables and emphasis, and what `cat -v`
/// writes for a carriage return.
const CLOSERS: [&[u8]; 6] = [b"]", b")", b"}", b"|", b"*", b"^M"];

/// The most marks that are taken from a line's end one by one.
pub(crate) const MOST_CLOSERS: usize = 8;

/// Returns a text without one mark at its end: one that tools put behind a line, or one that closes
/// a list, a table, code or a tag of HTML. `None` without any. The caller decides whether the mark
/// is the line's own.
pub(crate) fn without_closer(text: &[u8]) -> Option<&[u8]> {
    let text = text.trim_ascii_end();
    let found = without_tag(text).or_else(|| without_entity(text));
    found.or_else(|| CLOSERS.iter().chain(&MARKS).find_map(|mark| text.strip_suffix(*mark)))
}

/// Divides an object from the marks behind it. No mark ends in the object's closing bracket.
pub(crate) fn divide_object(text: &[u8]) -> (&[u8], &[u8]) {
    let is_end = |line: &[u8]| line.trim_ascii_end().ends_with(b"}");
    let divided = divide(text);
    if !text.starts_with(b"{") || is_end(divided.0) {
        return divided;
    }
    let mut line = text;
    for _ in 0..MOST_CLOSERS {
        let Some(shorter) = without_closer(line) else { break };
        line = shorter;
        if is_end(line) {
            return text.split_at(line.len());
        }
    }
    divided
}

/// Returns the text before a tag of HTML at its end, such as `</pre>` or `<br />`.
fn without_tag(text: &[u8]) -> Option<&[u8]> {
    const MOST_TAG: usize = 12;
    let inside = text.strip_suffix(b">")?;
    let open = memchr::memrchr(b'<', inside).filter(|at| inside.len() - at <= MOST_TAG)?;
    let name = &inside[open + 1..];
    let name = name.strip_prefix(b"/").or_else(|| name.strip_suffix(b"/")).unwrap_or(name);
    let is_name = |name: &[u8]| name.iter().all(u8::is_ascii_alphanumeric);
    let begins = name.first().is_some_and(u8::is_ascii_alphabetic);
    (begins && is_name(name.trim_ascii_end())).then_some(&text[..open])
}

/// Returns the text before a character reference of HTML at its end, such as `&#13;`.
fn without_entity(text: &[u8]) -> Option<&[u8]> {
    const MOST_ENTITY: usize = 8;
    let inside = text.strip_suffix(b";")?;
    let open = memchr::memrchr(b'&', inside).filter(|at| inside.len() - at <= MOST_ENTITY)?;
    let name = &inside[open + 1..];
    let is_name = name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'#');
    (!name.is_empty() && is_name).then_some(&text[..open])
}

/// The longest prompt of a shell.
const MOST_PROMPT: usize = 128;

/// Returns the text before a shell's prompt at its end, which a file without a last line feed is
/// followed by: `}vcap@cell-1:~$`.
fn without_prompt(text: &[u8]) -> Option<&[u8]> {
    let [before @ .., b'$' | b'#' | b'%'] = text else { return None };
    let name = before.iter().rev().take(MOST_PROMPT).take_while(|b| is_in_prompt(**b)).count();
    let (rest, name) = before.split_at(before.len() - name);
    // In brackets it has a blank: `[root@cell-1 ~]#`.
    let rest = match name {
        [b'~' | b'/', .., b']'] => {
            let rest = rest.strip_suffix(b" ")?;
            let open = memchr::memrchr(b'[', rest).filter(|at| rest.len() - at < MOST_PROMPT)?;
            &rest[..open]
        }
        _ => rest,
    };
    let is_prompt = name.is_empty() || name.iter().any(|b| matches!(b, b'@' | b'~'));
    // Outside of JSON a blank is before it.
    let stands_alone = matches!(rest.last(), None | Some(b'}' | b']' | b' '));
    (is_prompt && stands_alone).then_some(rest)
}

const fn is_in_prompt(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/' | b'@' | b':' | b'~' | b']')
}

/// Returns whether a text is a prompt of a shell.
pub(crate) fn is_prompt(text: &[u8]) -> bool {
    without_prompt(text.trim_ascii()).is_some_and(<[u8]>::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_that_close_what_is_around_a_line() {
        for (line, closer) in [
            ("A=1 ", "]"),
            ("A=1", ")"),
            ("A=1 ", "|"),
            ("A=1", "^M"),
            ("A=1 ", "\""),
            ("A=1 ", "</pre>"),
            ("A=1", "<br />"),
            ("A=1", "<br/>"),
            ("A=1", "<h1>"),
            ("A=1 ", "&#13;"),
            ("A=1", "&quot;"),
            ("A=1 ", "] "),
        ] {
            let text = [line, closer].concat();
            assert_eq!(without_closer(text.as_bytes()), Some(line.as_bytes()), "{text}");
        }
        for text in ["", "A=1", "A=1 ", "A=<14>", "A=1>", "A=<a b>"] {
            assert_eq!(without_closer(text.as_bytes()), None, "{text}");
        }
        for (object, behind) in [("{}", "']"), ("{}", "</td></tr>"), ("{}", ""), ("{x", "'")] {
            let text = [object, behind].concat();
            assert_eq!(divide_object(text.as_bytes()).0, object.as_bytes(), "{text}");
        }
    }

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
            ("{\"a\":1}", "vcap@cell-1:~$ "),
            ("{\"a\":1}", "[root@cell-1 ~]# "),
            ("{\"a\":[1]}", "diego-cell/0455ec2b:/var/vcap/data~$"),
            ("{\"a\":1}", "$ "),
            ("A=1 ", "vcap@c:~$ "),
            ("A=1 x# ", ""),
            ("A=x@y#", ""),
            ("A=1 100%", ""),
        ] {
            let text = [line, trailing].concat();
            assert_eq!(divide(text.as_bytes()), (line.as_bytes(), trailing.as_bytes()), "{text:?}");
        }
    }
}
