//! Base64 (RFC 4648, 4), as protobuf's JSON has bytes.

/// Decodes text with or without its padding; `None` if it is not base64.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.strip_suffix(b"=").unwrap_or(text);
    let text = text.strip_suffix(b"=").unwrap_or(text);
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    for group in text.chunks(4) {
        let mut bits = 0_u32;
        for &digit in group {
            bits = bits << 6 | u32::from(value(digit)?);
        }
        let missing = 4 - group.len();
        if missing == 3 {
            return None;
        }
        let [_, bytes @ ..] = (bits << (6 * missing)).to_be_bytes();
        out.extend_from_slice(&bytes[..3 - missing]);
    }
    Some(out)
}

const fn value(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_standard() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm8", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(decode(text.as_bytes()), Some(bytes.into()), "{text}");
        }
        assert_eq!(decode(b"+/-_"), Some(vec![0xfb, 0xff, 0xbf]));
        for text in [&b"Z"[..], b"Zm9vY", b"Zm9 "] {
            assert_eq!(decode(text), None);
        }
    }
}
