//! GUIDs and URLs as text.

use std::collections::HashSet;

/// `text` as one path segment or query value.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(byte.into());
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            out.extend([
                '%',
                HEX[usize::from(byte >> 4)].into(),
                HEX[usize::from(byte & 15)].into(),
            ]);
        }
    }
    out
}

/// Without repetitions, in order of appearance.
pub(crate) fn distinct(guids: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = HashSet::new();
    guids.filter(|guid| seen.insert(guid.clone())).collect()
}
