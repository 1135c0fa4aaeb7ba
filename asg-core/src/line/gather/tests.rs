//! Documents among lines: how they are divided, whatever the pieces of the stream.

use proptest::prelude::*;

use super::*;

type Seen = (u64, u64, Vec<u8>, Option<u64>);

fn seen<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<Seen> {
    seen_by(LogLines::new(), pieces)
}

fn seen_by<'p>(mut lines: LogLines, pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<Seen> {
    let mut all = Vec::new();
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
    let expected = [("log", 0), ("{\n  \"a\": [\n    1\n  ]\n}", 4), ("log", 0), ("[\n  {}\n]", 2)];
    assert_eq!(documents(text), expected.map(|(text, n)| (text.to_owned(), n)));
    let windows = text.replace('\n', "\r\n");
    assert_eq!(documents(&windows), documents(text));
}

#[test]
fn a_document_behind_a_prefix_is_one_line_behind_its_first_prefix() {
    for (text, whole) in [
        ("    {\n      \"a\": [\n\n      ]\n    }\n", "    {\n  \"a\": [\n\n  ]\n}"),
        (
            "cell-1: {\ncell-1:   \"a\": 1,\ncell-1:   \"b\":2\ncell-1: }\n",
            "cell-1: {\n  \"a\": 1,\n  \"b\":2\n}",
        ),
        ("9:{\n10:  \"a\": 1,\n11:  \"b\":2\n12:}\n", "9:{\n  \"a\": 1,\n  \"b\":2\n}"),
    ] {
        let expected = [("log", 0), (whole, text.matches('\n').count() - 1), ("log", 0)];
        let expected = expected.map(|(text, n)| (text.to_owned(), n));
        assert_eq!(documents(&format!("log\n{text}log\n")), expected);
    }
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
        // Another machine's, a message's further lines, and code.
        "cell-1: {\ncell-2:   \"a\": 1\ncell-1: }\n",
        "cell-1: {\n  \"a\": 1\n}\n",
        "                      {\n                        \"a\": 1\n                      }\n",
        "server {\n  \"a\": 1\n}\n",
        "server: {\nserver:   \"a\": 1\nserver: }\n",
        "__CURSOR=s=1\nlog\n",
        // A program may print it into a log.
        "log\n__CURSOR=s=1\nMESSAGE=x\n\n",
        // No value has such a length, nor ends in a line.
        "__CURSOR=s=1\nERROR\n2024-05-06 log\nlog\n",
        "__CURSOR=s=1\nDATA\n\u{1}\0\0\0\0\0\0\0log\nlog\n",
        "MESSAGE=x\n_HOSTNAME=cell-1\n\n",
        "Mon 2024-05-06 07:09:10 UTC cell-1 kernel: [s=1]\n    x\n",
        "Mon 2024-05-06 07:09:10 UTC [s=1]\nlog\n",
    ] {
        let plain = text.lines().map(|line| (line.to_owned(), 0)).collect::<Vec<_>>();
        assert_eq!(documents(text), plain, "{text}");
    }
}

#[test]
fn an_entry_of_journald_is_one_line_and_its_parts() {
    let export = "__CURSOR=s=1\nMESSAGE=x\nDATA\n\u{5}\0\0\0\0\0\0\0\nA=\nB\n\n";
    let head = "Mon 2024-05-06 07:09:10 UTC [s=1]";
    for (text, expected) in [
        (format!("{export}log\n{export}"), [(export, 6), ("log", 0), (export, 6)]),
        (
            format!("log\n{head}\n    A=x\n        y\nlog\n"),
            [("log", 0), (&format!("{head}\n    A=x\n        y\n"), 2), ("log", 0)],
        ),
    ] {
        let whole =
            expected.map(|(text, n)| (text.strip_suffix('\n').unwrap_or(text).to_owned(), n));
        assert_eq!(documents(&text), whole);
    }
    // Two entries, and one that is cut.
    let found = documents(&format!("{export}{export}__CURSOR=s=1\nMESSAGE=x\n"));
    assert_eq!(found.iter().map(|(_, parts)| *parts).collect::<Vec<_>>(), [6, 6, 1]);
}

#[test]
fn over_long_lines_of_an_entry_stay_marked() {
    let long = "x".repeat(70_000);
    let skipped = |text: &str| {
        let mut all = Vec::new();
        let mut lines = LogLines::new();
        let mut keep = |line: RawLine<'_>| all.push((line.number, line.skipped > 0));
        lines.push(text.as_bytes(), &mut keep);
        lines.finish(keep);
        all.into_iter().filter(|(_, skipped)| *skipped).map(|(n, _)| n).collect::<Vec<_>>()
    };
    // As a whole the entry is over-long; taken apart, its second line is.
    assert_eq!(skipped(&format!("__CURSOR=s=1\nA={long}\nB=1\n\n")), [1]);
    assert_eq!(skipped(&format!("__CURSOR=s=1\nA={long}\nERROR\n2024-05-06 log\n")), [2]);
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

#[test]
fn a_frame_that_waits_decides_about_the_lines_before_it() {
    let text = b"llo\n{\n  \"a\": 1\n}\n9 <4>1 ab\n21 <14>1 - - app - - - a\n";
    let form = Form::of(text);
    assert_eq!(form, Form::Tail(frames::MOST_FRAME));
    assert_eq!(unfinished_document(text, &form), Some(4));
    let lines = seen([&text[..]]);
    assert!(lines[1..4].iter().all(|line| line.2.starts_with(tail::HEADER)));
    // Behind the frame nothing waits for it.
    let longer = [&text[..], b"21 <14>1 - - app - - - a\n"].concat();
    assert_eq!(unfinished_document(&longer, &form), None);
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
        "__CURSOR=s=1",
        "MESSAGE=x",
        "_HOSTNAME=cell-1\r",
        "BINARY\n\u{3}\0\0\0\0\0\0\0\nxy",
        "BINARY\n\u{9}\0\0\0\0\0\0\0\n__CURSOR\r",
        "BINARY",
        "Mon 2024-05-06 07:09:10 UTC [s=1]",
        "    MESSAGE=x",
        "t,cell-1,kernel,IN= OUT=",
        "\"t\",cell-1,\"app\",\"x",
        "IN= OUT=\"",
        "program,host,time,message",
        "\"\"",
        "t,c,p,\"x\"y",
        "    {",
        "    }",
        "cell-1: {",
        "cell-1:   \"a\": 1",
        "cell-1:   {",
        "cell-1:   }",
        "cell-1: }",
        "cell-2: }",
        "cell-1: log",
        "{\"log\":\"{\\n\",\"stream\":\"stdout\"}",
        "{\"log\":\"  \\\"a\\\": 1\\n\",\"stream\":\"stdout\"}",
        "{\"log\":\"}\\n\",\"stream\":\"stdout\"}",
        "{\"log\":\"b\\n\",\"stream\":\"stderr\"}",
        "t;c;\"x",
        "y\";2024-05-06T07:08:05Z",
        "20 <14>1 - - app 345",
        "21 <14>1 - - app - - - a",
        "7 <14>1 - - app - - - a",
        "pod-1 rep   \"a\": 1",
        "pod-1 rep }",
        "2024-05-06T07:08:05Z   \"a\": [",
        "2024-05-06T07:08:05Z   ]",
        "2024-05-06T07:08:05Z }",
        "2024-05-06T07:08:07Z stdout P   \"a\"",
        "2024-05-06T07:08:07Z stdout F : 1",
        "cell-1:  ",
        "12:{",
        "13:  \"a\": {",
        "14:  }",
        "15:}",
        "2024-05-06T07:08:05Z stdout F [",
        "2024-05-06T07:08:06Z stdout F   1",
        "2024-05-06T07:08:07Z stdout F ]",
        "2024-05-06T07:08:07Z stdout P a",
        "2024-05-06T07:08:07Z stdout F",
        "2024-05-06T07:08:07Z stderr P b",
        "vcap@cell-1:~$ {",
        "$ [",
        "9 <4>1 ab",
        "15 <4>1 ab\nc\n{",
        "12 <4>1 ab",
        "20 <4>1 ab9 <4>1 a",
        "99 <14>1 - - app ",
        "3 <4> 7 <4>1 a",
        "cell-1: {\ncell-1:   \"a\": [\ncell-1:   ]\ncell-1: }",
        "  {\n    \"a\": [\n    ]\n  }",
    ];
    const HEADS: &[&str] = &[
        "",
        "9 <14>1 ab\n",
        "14 <14>1 ab\n",
        "time,host,program,message\n",
        "\"time\",\"message\"\r\n",
        "{\"log\":\"a\\n\",\"stream\":\"stdout\"}\n",
        "cell-1: log\n",
        "2024-05-06T07:08:07Z stdout F log\n",
        "2024-05-06T07:08:05Z;c;x\n",
        "\"a\n",
        "llo\n",
        "<14>1 - - app - - - a\n",
        "5 <14>1 - - app - - - a\n",
        "pod-1 rep {\n",
        "2024-05-06T07:08:05Z {\n",
    ];
    let lines = prop::collection::vec(prop::sample::select(LINES), 0..16)
        .prop_map(|lines| lines.iter().map(|line| format!("{line}\n")).collect::<String>());
    (prop::sample::select(HEADS), lines).prop_map(|(head, lines)| format!("{head}{lines}"))
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
            // A row may have become an object, and a part a whole line.
            let is_row = matches!(Form::of(text.as_bytes()), Form::Table(_));
            let rest = &text.as_bytes()[*offset as usize..];
            let is_part = rest.get(28..30) == Some(b"P ") || rest.starts_with(b"{\"log\"");
            // The end of a frame has a header before each line.
            let bytes = bytes.strip_prefix(tail::HEADER).unwrap_or(bytes);
            prop_assert!(is_row || is_part || rest.starts_with(bytes.split(|b| *b == b'\n').next().unwrap()));
        }
    }

    #[test]
    fn a_text_divided_before_an_unfinished_document_gives_the_same(text in any_lines(), at: prop::sample::Index) {
        let ends: Vec<_> = text.match_indices('\n').map(|(n, _)| n + 1).chain([0]).collect();
        let end = ends[at.index(ends.len())];
        let form = Form::of(text.as_bytes());
        let cut = unfinished_document(&text.as_bytes()[..end], &form).unwrap_or(end);
        let seen = |text, form| seen_by(LogLines::within(form), [text]);
        let whole = seen(text.as_bytes(), form.clone());
        let first = seen(&text.as_bytes()[..cut], form.clone());
        let behind = form.behind(&text.as_bytes()[..cut]);
        let mut both = first.clone();
        both.extend(seen(&text.as_bytes()[cut..], behind).into_iter().map(|(number, offset, bytes, part_of)| {
            let before = first.len() as u64;
            (number + before, offset + cut as u64, bytes, part_of.map(|n| n + before))
        }));
        prop_assert_eq!(both, whole);
    }
}
