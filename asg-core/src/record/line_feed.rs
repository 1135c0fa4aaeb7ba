//! A text that is given as one line and holds several.

use memchr::memchr;

use super::{Content, Damaged};
use crate::bytes::find::position;
use crate::error::Error;

/// Where lager's lines begin.
const LAGER: &[u8] = b"\n{\"timestamp\":\"";

/// Makes a record damaged whose text is several lines: what was read of them may be of any of them.
pub(super) fn refuse(content: &mut Content<'_>, body: &[u8]) {
    if let Some(at) = find(content, body) {
        const WHAT: &str = "one line, and not a line feed in it";
        *content = Content::Damaged(Damaged { error: Error::expected(at, WHAT), part: None });
    }
}

/// Returns the line feed that divides packets, or a packet or a lager line from other text. JSON
/// may hold line feeds between its tokens.
fn find(content: &Content<'_>, body: &[u8]) -> Option<usize> {
    match content {
        Content::Packet { packet, .. } => {
            let prefix = memchr(b'\n', packet.prefix.as_bytes());
            // Behind the prefix only what is left over may hold one.
            prefix.or_else(|| memchr(b'\n', packet.trailing()?.as_bytes()).and(memchr(b'\n', body)))
        }
        Content::Damaged(damaged) if matches!(body.first(), Some(b'{' | b'[')) => {
            let at = damaged.error.offset();
            let before = body.get(..at)?;
            let blanks = before.len() - before.trim_ascii_end().len();
            let feed = memchr(b'\n', &before[at - blanks..])? + at - blanks;
            serde_json::from_slice::<serde::de::IgnoredAny>(&body[..feed]).ok().map(|_| feed)
        }
        Content::Damaged(_) => memchr(b'\n', body),
        Content::Other if !matches!(body.first(), Some(b'{' | b'[')) => position!(LAGER, body),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::line::Line;
    use crate::record::Record;
    use crate::record::reader::Reader;

    const PACKET: &str = "x IN= OUT=eth0 SRC=10.0.16.5 DST=10.0.16.20 LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=7 PROTO=2 ";
    const REP: &str = r#"{"timestamp":"1.5","source":"rep","message":"rep.x","log_level":1,"data":{"guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"}}"#;

    #[test]
    fn several_lines_are_not_one() {
        for (text, at) in [
            (format!("{PACKET}\n{PACKET}"), PACKET.len()),
            (format!("hello\n{PACKET}"), 5),
            (format!("{PACKET}\nhello"), PACKET.len()),
            (format!("{PACKET}\n\n"), PACKET.len()),
            (format!("{REP}\n{REP}"), REP.len()),
            (format!("{REP}\nhello"), REP.len()),
            (format!("hello\n{REP}"), 5),
        ] {
            let line = Line::new(text.as_bytes());
            let error = Record::parse(&line).expect_err(&text);
            let expected = format!("byte {at}: expected one line, and not a line feed in it");
            assert_eq!(error.to_string(), expected, "{text}");
            assert_eq!(Reader::new().classify(&line), Record::classify(&line));
        }
    }

    #[test]
    fn one_line_takes_one_line_end() {
        for line in [PACKET, REP, "hello", "[    1.000002] hello"] {
            for end in ["\n", "\r\n", "\r"] {
                let ended = format!("{line}{end}");
                let (line, ended) = (Line::new(line.as_bytes()), Line::new(ended.as_bytes()));
                assert_eq!(Record::classify(&ended), Record::classify(&line));
            }
        }
        let pretty = REP.replace(',', ",\n  ");
        assert_eq!(Record::classify(&Line::new(pretty.as_bytes())).kind(), "rep");
        assert_eq!(Record::classify(&Line::new(b"a trace\n  of several lines")).kind(), "other");
    }
}
