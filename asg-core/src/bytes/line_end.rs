//! The ends of lines.

/// Returns the line without the line feed, the carriage return, or both at its end.
#[inline]
pub(crate) fn without_line_end(line: &[u8]) -> &[u8] {
    without_cr(line.strip_suffix(b"\n").unwrap_or(line))
}

/// Returns the line without the carriage return at its end.
#[inline]
pub(crate) fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}
