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
