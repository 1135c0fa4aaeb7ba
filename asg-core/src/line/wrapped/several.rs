//! The lines of a text that holds several: the output of a command, or a message, in one string of
//! JSON or in one frame.
//!
//! Shippers join the lines of an app's message. So in a message the first program that does not
//! hand on lines has the rest, as in a [glued line](super::glued).

use super::is_payload;
use crate::bytes::find::position;
use crate::bytes::line_end::without_cr;
use crate::line::envelope::layers;
use crate::line::gather::DocumentLines;
use crate::line::split::RawLine;

/// A shorter line is not kept if it only resembles a packet or a document: each line that is kept
/// takes some hundred bytes.
const LEAST: usize = 48;

/// Returns the lines of a text that hold a packet's or a container's text; the whole text if it is
/// in none of them. An indented document is one line.
pub(super) fn lines(text: &[u8], is_output: bool) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut each = |line: RawLine<'_>| {
        if line.part_of.is_none() && may_hold(line.bytes) {
            found.push(line.bytes.to_vec());
        }
    };
    let mut documents = DocumentLines::new();
    let mut offset = 0;
    for (number, line) in (1..).zip(text.split(|b| *b == b'\n')) {
        let mut bytes = without_cr(line);
        let is_last = !is_output && !layers::peel(bytes).role().carries_lines();
        if is_last {
            bytes = &text[offset as usize..];
        }
        documents.push(RawLine { number, offset, bytes, skipped: 0, part_of: None }, &mut each);
        if is_last {
            break;
        }
        offset += line.len() as u64 + 1;
    }
    documents.finish(each);
    if found.is_empty() {
        found.push(text.to_vec());
    }
    found
}

/// Returns the lines of a message that came in a frame, each behind the message's header; `None` if
/// it is one line, or its writer hands on no lines.
pub(super) fn of_frame(message: &[u8]) -> Option<Vec<Vec<u8>>> {
    memchr::memchr(b'\n', message)?;
    let header = layers::headers(message).filter(|header| header.role().carries_lines())?;
    let head = &message[..header.body_at];
    // The uptime is of the first line.
    let uptime = memchr::memrchr(b'[', head).filter(|_| header.uptime.is_some());
    let head = &head[..uptime.unwrap_or(head.len())];
    let lines = lines(&message[head.len()..], false);
    Some(lines.into_iter().map(|line| [head, &line].concat()).collect())
}

/// Returns whether a line has such a text, or what is left of one that is cut.
pub(super) fn may_hold(line: &[u8]) -> bool {
    let is_json = || {
        matches!(line.trim_ascii_start(), [b'{' | b'[', ..]) && memchr::memchr(b'"', line).is_some()
    };
    is_payload(line) || (line.len() > LEAST && (position!(b"SRC=", line).is_some() || is_json()))
}
