//! Documents on several lines among the lines of a log.

use asg_core::line::{Form, LogLines, unfinished_document};
use asg_core::record::documents;
use asg_core::{Line, Origin, Record, SourceId};

/// A line and its place: number, offset, text and the document that it is a further line of.
type Seen = (u64, u64, Vec<u8>, Option<u64>);

/// Every line is passed on once, in order; a text that is divided outside of documents gives the
/// same lines; and the first line of a JSON document is parsed as such.
pub(crate) fn documents(data: &[u8]) {
    let whole = seen(data, &Form::of(data));
    let is_table = matches!(Form::of(data), Form::Table(_) | Form::Rows(_));
    let lines = data.split_inclusive(|b| *b == b'\n').count() as u64;
    assert!(whole.iter().map(|seen| seen.0).eq(1..=lines), "each line once");
    for (n, (number, _, text, part_of)) in whole.iter().enumerate() {
        assert!(part_of.is_none_or(|first| first < *number));
        if whole.get(n + 1).is_some_and(|next| next.3 == Some(*number)) {
            // It may be an entry of journald's, or a row.
            if is_table || !matches!(text.first(), Some(b'{' | b'[')) {
                continue;
            }
            // Half a surrogate pair in a key is refused when the key is read.
            if text.windows(2).any(|two| two == b"\\u") {
                continue;
            }
            let line = Line::new(text);
            // A text in it may be a packet's that is cut.
            let holds_packet = text.windows(3).any(|three| three == b"IN=");
            let is_damaged = Record::classify(&line).kind() == "damaged";
            assert!(!is_damaged || holds_packet, "a document is whole");
            let origin = Origin { source: SourceId(0), line: *number };
            documents::evidence(text, origin, |_| ()).expect("it is JSON");
        }
    }
    let form = Form::of(data);
    for end in (0..data.len()).filter(|end| data[*end] == b'\n').step_by(7).take(32) {
        let end = end + 1;
        let cut = unfinished_document(&data[..end], &form).unwrap_or(end);
        let before = data[..cut].split_inclusive(|b| *b == b'\n').count() as u64;
        let first = seen(&data[..cut], &form);
        let second = seen(&data[cut..], &form.behind(&data[..cut]));
        let second = second.into_iter().map(|(number, offset, text, part_of)| {
            (number + before, offset + cut as u64, text, part_of.map(|first| first + before))
        });
        assert!(first.into_iter().chain(second).eq(whole.iter().cloned()), "divided at {cut}");
    }
}

fn seen(data: &[u8], form: &Form) -> Vec<Seen> {
    let mut all = Vec::new();
    let mut lines = LogLines::within(form.clone());
    let mut keep = |line: asg_core::line::RawLine<'_>| {
        all.push((line.number, line.offset, line.bytes.to_vec(), line.part_of));
    };
    lines.push(data, &mut keep);
    lines.finish(keep);
    all
}
