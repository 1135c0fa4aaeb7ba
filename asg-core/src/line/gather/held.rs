//! The texts of lines that wait.

/// Drops the texts of lines that were passed on, once they are the larger part. `starts` are the
/// places of the lines that still wait, the first line first.
pub(super) fn drop_passed<'h>(text: &mut Vec<u8>, starts: impl Iterator<Item = &'h mut usize>) {
    let mut starts = starts.peekable();
    let done = starts.peek().map_or(text.len(), |first| **first);
    if done == 0 || done * 2 < text.len() {
        return;
    }
    text.drain(..done);
    starts.for_each(|start| *start -= done);
    if text.is_empty() {
        text.shrink_to(1 << 16);
    }
}
