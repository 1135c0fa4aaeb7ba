//! Where a text can be divided without dividing a document.

use super::form::Form;
use super::prefixed::may_be_inside;
use super::{DocumentLines, LogLines, may_begin};
use crate::bytes::line_end::without_line_end;

/// Returns the start of the unfinished document at the end of this text; `None` if all documents in
/// it are complete. A text that is divided there gives the same documents as the whole. The text
/// must end behind a line, and begin outside of all documents; `form` is that of the log.
///
/// ```
/// use asg_core::line::{Form, unfinished_document};
///
/// let text = b"a log line\n{\n  \"a\": 1\n";
/// assert_eq!(unfinished_document(text, &Form::Lines), Some(11));
/// assert_eq!(unfinished_document(b"{\n  \"a\": 1\n}\n", &Form::Lines), None);
/// let text = b"__CURSOR=s=1\nA=1\n\n__CURSOR=s=2\n";
/// assert_eq!(unfinished_document(text, &Form::Export), Some(18));
/// ```
#[must_use]
pub fn unfinished_document(text: &[u8], form: &Form) -> Option<usize> {
    let start = match form {
        Form::Lines => begin_of_last(text),
        // Only what is before them shows what its lines are.
        _ => 0,
    };
    let mut lines = LogLines::within(form.clone());
    lines.push(&text[start..], |_| ());
    let DocumentLines { offsets, frames, tail, streams, .. } = &lines.documents;
    let waiting = [offsets.first().copied(), frames.begins(), streams.begins()];
    let waiting = waiting.into_iter().flatten().min();
    let first = [waiting, tail.begins(waiting)].into_iter().flatten().min()?;
    Some(start + usize::try_from(first).ok()?)
}

/// Returns the start of the last line that goes on with no document; the end of the text, if no
/// document can begin in it.
///
/// Whether a line goes on with a document may take its whole header. The first bytes and the last
/// show whether a document may begin, and in most texts none does.
fn begin_of_last(text: &[u8]) -> usize {
    let is_outside = |(start, line): &(usize, &[u8])| *start == 0 || !may_be_inside(line);
    match backwards(text).next() {
        None => 0,
        Some(last) if is_outside(&last) => last.0,
        Some(_) if !backwards(text).any(|(_, line)| may_begin(line)) => text.len(),
        Some(_) => backwards(text).find(is_outside).map_or(0, |(start, _)| start),
    }
}

/// Returns the lines of a text and their starts, from the last line to the first.
fn backwards(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut end = text.len();
    std::iter::from_fn(move || {
        let before = text[..end].strip_suffix(b"\n").or((end > 0).then(|| &text[..end]))?;
        end = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        Some((end, without_line_end(&before[end..])))
    })
}
