//! Characters as HTML and XML write them: `&quot;`.

/// The references that are undone. Source: XML 1.0, 4.6; Python's and Go's `html.escape`.
const ENTITIES: [(&[u8], u8); 8] = [
    (b"&quot;", b'"'),
    (b"&#34;", b'"'),
    (b"&#x27;", b'\''),
    (b"&#39;", b'\''),
    (b"&apos;", b'\''),
    (b"&lt;", b'<'),
    (b"&gt;", b'>'),
    (b"&amp;", b'&'),
];

/// Returns whether a text has a quote that is written so.
pub(crate) fn has_quotes(text: &[u8]) -> bool {
    ENTITIES[..2].iter().any(|(quote, _)| memchr::memmem::find(text, quote).is_some())
}

/// Replaces the references by their characters, once.
pub(crate) fn undone(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'&', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let entity = ENTITIES.iter().find(|(entity, _)| rest.starts_with(entity));
        let (len, byte) = entity.map_or((1, b'&'), |(entity, byte)| (entity.len(), *byte));
        out.push(byte);
        rest = &rest[len..];
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_undone_once() {
        for (text, plain) in [
            ("plain", "plain"),
            ("{&quot;a&#34;:1}", "{\"a\":1}"),
            ("&lt;4&gt;a &amp;lt; & &; &quo", "<4>a &lt; & &; &quo"),
        ] {
            assert_eq!(undone(text.as_bytes()), plain.as_bytes(), "{text}");
        }
        assert!(has_quotes(b"a&quot;b") && !has_quotes(b"a&lt;b"));
    }
}
