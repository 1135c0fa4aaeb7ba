//! The sequences by which terminals set colours: `ESC [ 01;31 m`.

/// Returns the length of the sequence at the start of a text.
pub(crate) fn sequence(text: &[u8]) -> Option<usize> {
    const START: &[u8] = b"\x1b[";
    let inside = text.strip_prefix(START)?;
    let end = inside.iter().take(16).position(|b| (0x40..0x7f).contains(b))?;
    Some(START.len() + end + 1)
}

/// Returns the text without all sequences, and without what is left of those that are cut.
pub(crate) fn without_colours(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(0x1b, rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let cut = if rest.starts_with(b"\x1b[") { 2 } else { 1 };
        rest = &rest[sequence(rest).unwrap_or(cut)..];
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_go_and_text_stays() {
        for (text, left) in [
            ("plain", "plain"),
            ("\x1b[01;31mred\x1b[0m", "red"),
            ("a\x1b[Kb\x1b[mc", "abc"),
            ("a\x1bb\x1b[", "ab"),
            ("\x1b[;;;;;;;;;;;;;;;;;;;;m", ";;;;;;;;;;;;;;;;;;;;m"),
        ] {
            assert_eq!(without_colours(text.as_bytes()), left.as_bytes(), "{text:?}");
        }
    }
}
