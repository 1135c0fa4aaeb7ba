//! HTML that cannot be written without escaping: markup is text of this program, and everything
//! else goes through [`escape`]. The result is also well-formed XML.

use asg_core::Timestamp;
use asg_core::bytes::escape_text;
use svg::node::element::Element;

use crate::output::zone::Zone;

/// The characters of a text that a page shows, and of a command, which people copy.
const MOST: usize = 240;
const MOST_OF_COMMAND: usize = 8_192;

/// A page, or a part of one.
#[derive(Debug, Default)]
pub(crate) struct Html(String);

/// Escapes a text for elements and attributes. Invisible characters become escapes, as everywhere
/// in the program, markup becomes text, and a long text is cut.
pub(crate) fn escape(text: &str) -> String {
    escape_to(text, MOST)
}

fn escape_to(text: &str, most: usize) -> String {
    let text = escape_text(text);
    let mut out = String::with_capacity(text.len() + 8);
    for (n, c) in text.chars().enumerate() {
        if n == most {
            out.push('…');
            break;
        }
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // No characters of XML, and nothing to see.
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

impl Html {
    /// Writes markup of this program.
    pub(crate) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Writes any text.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.0.push_str(&escape(text));
        self
    }

    /// Writes an element with a text: `<b>…</b>`.
    pub(crate) fn element(&mut self, name: &'static str, text: &str) -> &mut Self {
        self.0.extend(["<", name, ">"]);
        self.text(text);
        self.0.extend(["</", name, ">"]);
        self
    }

    /// Writes a command.
    pub(crate) fn command(&mut self, command: &str) -> &mut Self {
        self.0.push_str("<code>");
        self.0.push_str(&escape_to(command, MOST_OF_COMMAND));
        self.0.push_str("</code>");
        self
    }

    /// Writes an attribute behind a blank, inside a tag that `raw` has begun.
    pub(crate) fn attribute(&mut self, name: &'static str, value: &str) -> &mut Self {
        self.0.extend([" ", name, "=\""]);
        self.text(value);
        self.0.push('"');
        self
    }

    /// Writes a picture. Its texts are escaped already.
    pub(crate) fn picture(&mut self, picture: &Element) -> &mut Self {
        self.0.push_str(&picture.to_string());
        self
    }

    /// Writes a time to the second in a zone, and in full for programs.
    pub(crate) fn time(&mut self, time: Timestamp, zone: &Zone) -> &mut Self {
        self.raw("<time").attribute("datetime", &time.to_string()).raw(">");
        self.text(&zone.whole(time)).raw("</time>")
    }

    /// Writes another part.
    pub(crate) fn part(&mut self, part: &Self) -> &mut Self {
        self.0.push_str(&part.0);
        self
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Formats a number with commas between thousands.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a count: `1 app`, `2 apps`, `1,000 apps`.
pub(crate) fn count(n: u64, one: &str) -> String {
    format!("{} {one}{}", grouped(n), if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_a_text() {
        for (text, expected) in [
            ("orders", "orders"),
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("\" onload='x' &amp;", "&quot; onload=&#39;x&#39; &amp;amp;"),
            ("a\nb\u{202e}c\0", r"a\u{a}b\u{202e}c\u{0}"),
            ("käse 🧀", "käse 🧀"),
            ("\u{ffff}", "\u{fffd}"),
        ] {
            assert_eq!(escape(text), expected);
        }
        assert_eq!(escape(&"ä".repeat(MOST)).chars().count(), MOST);
        assert_eq!(escape(&"ä".repeat(MOST + 1)), "ä".repeat(MOST) + "…");
    }

    #[test]
    fn numbers_have_commas() {
        let all = [0, 999, 1_000, 123_456, 1_234_567].map(grouped);
        assert_eq!(all, ["0", "999", "1,000", "123,456", "1,234,567"]);
        assert_eq!((count(1, "app"), count(1_000, "app")), ("1 app".into(), "1,000 apps".into()));
    }
}
