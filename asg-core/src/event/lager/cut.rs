//! Repairs JSON that breaks off: keeps the longest document that its whole members make.

/// Nesting deeper than this is ignored; lager's own is below ten.
const MAX_DEPTH: usize = 100;

/// Drops incomplete parts at the end of the text, and closes all open brackets. The result is a
/// JSON document if the text is the beginning of one. Takes linear time.
pub(super) fn complete(text: &[u8]) -> Vec<u8> {
    let mut open = Vec::new();
    // The place where the text can end, and what is open there. Behind it objects only open, so the
    // stack below stays.
    let mut safe = (0, 0);
    let mut in_string = false;
    let mut escaped = false;
    for (at, &b) in text.iter().enumerate() {
        if in_string {
            in_string = escaped || b != b'"';
            escaped = !escaped && b == b'\\';
            continue;
        }
        match b {
            b'"' => in_string = true,
            b'{' | b'[' if open.len() == MAX_DEPTH => break,
            b'{' | b'[' => {
                open.push(if b == b'{' { b'}' } else { b']' });
                safe = (at + 1, open.len());
            }
            b'}' | b']' => {
                if open.pop() != Some(b) {
                    break;
                }
                safe = (at + 1, open.len());
                if open.is_empty() {
                    break;
                }
            }
            // A value is whole when something follows it: a number may lack digits.
            b',' => safe = (at, open.len()),
            _ => {}
        }
    }
    let (end, depth) = safe;
    let mut whole = text[..end].to_vec();
    whole.extend(open[..depth.min(open.len())].iter().rev());
    whole
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_cut_of_a_document_is_a_document_of_its_whole_members() {
        let text = br#"{"a":{"b":"x\"}","c":[1,23,{"d":null}]},"e":45,"f":"g"}"#;
        let whole: Value = serde_json::from_slice(text).unwrap();
        for end in 1..=text.len() {
            let part = complete(&text[..end]);
            let part: Value =
                serde_json::from_slice(&part).unwrap_or_else(|e| panic!("{end}: {e}"));
            assert!(is_part(&part, &whole), "{end}: {part}");
        }
    }

    fn is_part(part: &Value, whole: &Value) -> bool {
        match (part, whole) {
            (Value::Object(p), Value::Object(w)) => {
                p.iter().all(|(k, v)| w.get(k).is_some_and(|w| is_part(v, w)))
            }
            (Value::Array(p), Value::Array(w)) => p.iter().zip(w).all(|(p, w)| is_part(p, w)),
            _ => part == whole,
        }
    }

    #[test]
    fn the_stack_of_a_deep_text_is_bounded() {
        let deep = vec![b'['; 1_000_000];
        assert_eq!(complete(&deep).len(), 2 * MAX_DEPTH);
    }
}
