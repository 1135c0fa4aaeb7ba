//! Escapes characters that control a terminal or that are invisible.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Shows control characters, C1 controls, bidirectional controls and other invisible characters as
/// escapes.
///
/// A name or a server's message goes through this before people read it in a terminal, a table or
/// an error. JSON and other machine-readable outputs keep the text as it is. The result has no line
/// break.
///
/// ```
/// use asg_core::bytes::escape_text;
///
/// assert_eq!(escape_text("käse 🧀"), "käse 🧀");
/// assert_eq!(escape_text("\u{1b}[31mred\n"), r"\u{1b}[31mred\u{a}");
/// assert_eq!(escape_text("app\u{202e}exe"), r"app\u{202e}exe");
/// ```
#[must_use]
pub fn escape_text(text: &str) -> Cow<'_, str> {
    escape(text, is_unsafe)
}

/// Shows a name as [`escape_text`] does, and its slashes as escapes too, so that it is one part of
/// a path like `org/space/app`.
///
/// ```
/// use asg_core::bytes::escape_name;
///
/// assert_eq!(escape_name("proxy"), "proxy");
/// assert_eq!(escape_name("o/s"), r"o\u{2f}s");
/// ```
#[must_use]
pub fn escape_name(name: &str) -> Cow<'_, str> {
    escape(name, |c| c == '/' || is_unsafe(c))
}

fn escape(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_escaped(c) {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Unicode's categories Cc and Cf, and the line and paragraph separators, as of Unicode 16.
const fn is_unsafe(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0001}'
            | '\u{e0020}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_control_character_becomes_an_escape() {
        for c in ('\0'..=char::MAX).filter(|c| c.is_control()) {
            let shown = escape_text(&c.to_string()).into_owned();
            assert_eq!(shown, format!("\\u{{{:x}}}", u32::from(c)));
        }
    }

    #[test]
    fn letters_digits_punctuation_and_blanks_stay() {
        for text in ["", " ", "o/s/proxy", "\\", "ä-ü_ß.42", "日本語", "😀", "a\u{300}"] {
            assert!(matches!(escape_text(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }
}
