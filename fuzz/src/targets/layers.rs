//! Any line in any wrapping gives records with places inside it, and a writer without authority
//! proves nothing, whatever the text looks like.

use asg_core::{Content, Line, Origin, Reader, Record, SourceId};

const ORIGIN: Origin = Origin { source: SourceId(0), line: 1 };

/// Layers of text around a line.
pub(crate) fn layers(data: &[u8]) {
    any(data);
    // An app's text, by each transport of an app's stream, and an unknown program's.
    let headers = [
        "<14>1 2024-05-06T07:09:10Z org.space.app 1111 [APP/PROC/WEB/0] - - ",
        "   2024-05-06T07:09:10.00+0000 [APP/TASK/x/0] OUT ",
        "May  6 07:09:10 cell-1 sshd[7]: ",
        "diego-cell/0 | 2024-05-06T07:09:10Z cell-1 cron[7]: ",
    ];
    let header = headers[data.len() % headers.len()];
    proves_nothing(&[header.as_bytes(), data].concat());
}

/// Lines in JSON, tables and frames.
pub(crate) fn wrapped(data: &[u8]) {
    any(data);
    let text = String::from_utf8_lossy(data);
    let marks = [("source_type", "APP/PROC/WEB"), ("ident", "sshd"), ("cf_app_id", "1111")];
    let (name, value) = marks[data.len() % marks.len()];
    let object = serde_json::json!({ "message": text, name: value });
    proves_nothing(object.to_string().as_bytes());
}

/// Checks the laws of any line.
fn any(data: &[u8]) {
    let line = Line::new(data);
    let records: Vec<_> = Record::all(&line).collect();
    assert!(!records.is_empty() && records.len() <= data.len() + 1);
    for record in &records {
        if let Content::Damaged(damaged) = &record.content {
            assert!(damaged.error.offset() <= data.len(), "{}", damaged.error);
        }
        assert!(record.header_not_understood.is_none_or(|at| at <= data.len()));
    }
    // A reader that has seen the line parses it alike.
    let mut reader = Reader::new();
    for _ in 0..2 {
        let again = Line::new(data);
        assert_eq!(reader.classify(&again), records[0]);
    }
}

fn proves_nothing(text: &[u8]) {
    let line = Line::new(text);
    for record in Record::all(&line) {
        assert!(record.proven_packet().is_none(), "{}", text.escape_ascii());
        record.evidence(ORIGIN, |found| panic!("{found:?}: {}", text.escape_ascii()));
    }
}
