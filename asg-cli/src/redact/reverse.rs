//! The way back: pseudonyms in any text, such as an answer that somebody sends.

use std::net::IpAddr;

use asg_core::bytes::escape_text;

use super::redactor::Redactor;

/// Puts the old values in the place of the new ones, in any text.
///
/// Renamed are addresses, GUIDs from their first eight digits and a hyphen on, names of this key,
/// link addresses, and interfaces behind `IN=` and `OUT=` or with an address in their name.
/// Everything else stays: so the text may be a table, JSON or prose. A name is escaped as JSON in a
/// line that is JSON, and elsewhere as `asglog` prints names. An address that was not renamed is
/// changed as well, because nothing shows that.
///
/// ```
/// use asg_cli::redact::{Key, Redactor, reverse};
///
/// let redactor = Redactor::new(&Key::from([7; 32]));
/// let (app, address) = (redactor.name("orders"), redactor.address([10, 0, 0, 7].into()));
/// let answer = format!("{app} was denied {address}:443");
/// assert_eq!(reverse(&redactor, &answer), "orders was denied 10.0.0.7:443");
/// ```
#[must_use]
pub fn reverse(redactor: &Redactor, text: &str) -> String {
    let back = redactor.reversed();
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let back = Back { redactor: &back, is_json: is_json(line) };
        back.line(line, &mut out);
    }
    out
}

fn is_json(line: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok()
}

/// The way back for one line.
struct Back<'r> {
    redactor: &'r Redactor,
    is_json: bool,
}

/// Returns whether a character may be within an address, a GUID or a name.
fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '_')
}

impl Back<'_> {
    fn line(&self, line: &str, out: &mut String) {
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let len = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            if len == 0 {
                out.push(first);
                rest = &rest[first.len_utf8()..];
                continue;
            }
            let marks = ["IN=", "OUT=", r#""in":""#, r#""out":""#];
            if marks.iter().any(|mark| out.ends_with(mark)) {
                out.push_str(&self.redactor.interface(&rest[..len]));
            } else {
                self.word(&rest[..len], out);
            }
            rest = &rest[len..];
        }
    }

    /// Renames a word, or the parts of it between marks.
    fn word(&self, word: &str, out: &mut String) {
        if let Some(new) = whole(self.redactor, word) {
            return self.push(&new, out);
        }
        // `10.0.0.7:443`, `OK_0001_bc6f229d-…`, `DENY_C2C_d5978989-…`, a sentence's last dot.
        for mark in [':', '_', '.'] {
            if let Some(at) = word.rfind(mark) {
                self.word(&word[..at], out);
                out.push(mark);
                return self.word(&word[at + 1..], out);
            }
        }
        out.push_str(word);
    }

    /// Writes an old value. A name may have any characters.
    fn push(&self, value: &str, out: &mut String) {
        if self.is_json {
            let quoted = serde_json::Value::from(value).to_string();
            out.push_str(&quoted[1..quoted.len() - 1]);
        } else {
            out.push_str(&escape_text(value));
        }
    }
}

fn whole(back: &Redactor, word: &str) -> Option<String> {
    if let Some(bytes) = link_header(back, word) {
        let bytes: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        return Some(bytes.join(":"));
    }
    if let Ok(ip) = word.parse::<IpAddr>() {
        return Some(back.address(ip).to_string());
    }
    if word.starts_with("s-") || word.starts_with("wbrdg-") {
        return Some(back.interface(word)).filter(|new| new != word);
    }
    // Alone, a short id looks like any word.
    let id = word.find("-instance-").map(|at| at + "-instance-".len());
    let id =
        id.filter(|_| word.starts_with("w-")).or_else(|| word.strip_prefix("warden-i-").map(|_| 9));
    if let Some(at) = id {
        return back.short_id(&word[at..]).map(|new| word[..at].to_owned() + &new);
    }
    let guid = word.strip_prefix("check-").unwrap_or(word);
    if guid.as_bytes().get(8) == Some(&b'-') {
        return back.guids(word);
    }
    Some(back.name(word)).filter(|new| new != word)
}

/// Renames a link address, or the two of an Ethernet header.
fn link_header(back: &Redactor, word: &str) -> Option<Vec<u8>> {
    let byte = |pair: &str| u8::from_str_radix(pair, 16).ok().filter(|_| pair.len() == 2);
    let mut bytes: Vec<u8> = word.split(':').map(byte).collect::<Option<_>>()?;
    let addresses = match bytes.len() {
        6 => 6,
        14 => 12,
        _ => return None,
    };
    let (addresses, _) = bytes[..addresses].as_chunks_mut::<6>();
    for address in addresses {
        *address = back.mac(*address);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Key;

    #[test]
    fn names_with_any_characters_leave_json_json_and_lines_lines() {
        let redactor = Redactor::new(&Key::from([7; 32]));
        for name in ["say \"hi\"", r"back\slash", "two\nlines", "ctl\u{1}\u{1f}app", "tab\there"] {
            let new = redactor.name(name);
            let object = serde_json::json!({ "app": new, "text": format!("about {new}.") });
            let old: serde_json::Value =
                serde_json::from_str(&reverse(&redactor, &format!("{object}\n"))).unwrap();
            assert_eq!(
                (&old["app"], &old["text"]),
                (&name.into(), &format!("about {name}.").into())
            );
            let table = reverse(&redactor, &format!("APP  {new}  DENIED\n"));
            assert_eq!(table, format!("APP  {}  DENIED\n", escape_text(name)));
            assert_eq!(table.matches(char::is_control).count(), 1, "{table:?}");
        }
    }
}
