//! The Common Event Format of `ArcSight` (implementation standard, document version 27).

use std::borrow::Cow;
use std::fmt::{self, Display, Write as _};

use super::facts::{self, Cell, DestinationName, Facts, Owner, Short, Subject};
use crate::packet::Address;
use crate::prefix::{Direction, Verdict};

/// A flow as a line of CEF; it prints without a line feed. See
/// [`Flow::to_cef`](crate::Flow::to_cef).
#[derive(Debug, Clone)]
pub struct Cef<'f>(pub(super) Facts<'f>);

/// The maximum lengths of a custom string, of a service's name, and of a device's id, in
/// characters.
const CUSTOM: usize = 4_000;
const SERVICE: usize = 1_023;
const DEVICE: usize = 255;

impl Display for Cef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = &self.0;
        let (action, name) = facts.action().names();
        let severity = match facts.cf.verdict {
            Verdict::Allowed => 1,
            Verdict::Denied => 3,
        };
        write!(
            f,
            "CEF:0|Cloud Foundry|Container Networking|{}|{action}|{name}|{severity}|",
            header(facts.reading.version())
        )?;
        let millis = facts.time_or_reading().as_nanos().div_euclid(1_000_000);
        write!(f, "rt={millis}")?;
        let mut out = Extension(f);
        addresses(&mut out, facts)?;
        let [spt, dpt] = facts.ports();
        out.put("spt", spt)?;
        out.put("dpt", dpt)?;
        let proto = facts.proto().and_then(facts::keyword);
        out.put("proto", proto.map(|word| word.to_ascii_uppercase()))?;
        out.put("act", Some(facts::verdict(facts.cf.verdict)))?;
        out.put("deviceDirection", Some(u8::from(facts.cf.direction == Direction::Egress)))?;
        out.text("deviceInboundInterface", facts.in_if().map(|it| it.to_string()), DEVICE)?;
        out.text("deviceOutboundInterface", facts.out_if().map(|it| it.to_string()), DEVICE)?;
        out.text("deviceExternalId", facts.cell.map(Cell::name), DEVICE)?;
        out.put("externalId", Some(facts.id))?;
        out.put("cat", Some(facts::plane(facts.cf.plane)))?;
        let owner = facts.certain();
        let service = match facts.subject() {
            Subject::Source => "sourceServiceName",
            Subject::Destination => "destinationServiceName",
        };
        let app = owner.and_then(|it| it.app_name());
        out.text(service, app, SERVICE)?;
        let path = owner.and_then(|it| {
            let (org, space) = (it.org?.name.as_deref()?, it.space?.name.as_deref()?);
            Some(format!("{org}/{space}/{}", app?))
        });
        let destination = facts.destination.map(DestinationName::name);
        match facts.rule() {
            Some(rule) => {
                out.labelled("cs1", "rule", Some(format!("{}: {}", rule.ruleset(), rule.name)))?;
                out.labelled("flexString1", "destination name", destination)?;
            }
            None => out.labelled("cs1", "destination name", destination)?,
        }
        out.labelled("cs2", "org/space/app", path)?;
        out.labelled("cs3", "app guid", owner.and_then(|it| it.app_id()))?;
        let handle = owner.and_then(Owner::handle).map(ToString::to_string);
        out.labelled("cs4", "container handle", handle)?;
        let certainty = facts::certainty(facts.attribution.certainty);
        out.labelled("cs5", "certainty", Some(certainty))?;
        out.labelled("cs6", "community id", facts.community.map(|it| it.to_string()))
    }
}

/// Writes the addresses; IPv6 has fields of its own.
fn addresses(out: &mut Extension<'_, '_>, facts: &Facts<'_>) -> fmt::Result {
    let ends = [
        (facts.src(), "src", "c6a2", "Source IPv6 Address"),
        (facts.dst(), "dst", "c6a3", "Destination IPv6 Address"),
    ];
    for (address, short, long, label) in ends {
        match address {
            Some(Address::V4(ip)) => out.put(short, Some(ip))?,
            Some(address @ Address::V6(_)) => {
                out.put(long, Some(Short(address)))?;
                out.put(&format!("{long}Label"), Some(label))?;
            }
            Some(Address::Blank) | None => {}
        }
    }
    Ok(())
}

/// Writes keys and values.
struct Extension<'f, 'g>(&'f mut fmt::Formatter<'g>);

impl Extension<'_, '_> {
    /// Writes a value that needs no escapes.
    fn put(&mut self, key: &str, value: Option<impl Display>) -> fmt::Result {
        value.map_or(Ok(()), |value| write!(self.0, " {key}={value}"))
    }

    /// Writes any text.
    fn text(&mut self, key: &str, text: Option<impl AsRef<str>>, most: usize) -> fmt::Result {
        let Some(text) = text else { return Ok(()) };
        self.put(key, Some(escaped(text.as_ref(), most)))
    }

    /// Writes a custom string with its label.
    fn labelled(&mut self, key: &str, label: &str, text: Option<impl AsRef<str>>) -> fmt::Result {
        let Some(text) = text else { return Ok(()) };
        self.text(key, Some(text), if key.starts_with("cs") { CUSTOM } else { SERVICE })?;
        write!(self.0, " {key}Label={label}")
    }
}

/// Returns a text of the header.
fn header(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().filter(|c| !c.is_control()) {
        if matches!(c, '\\' | '|') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Returns a value: at most so many characters, escaped. Blanks at its ends would be lost, so they
/// become U+2420, their symbol; other control characters become U+FFFD.
fn escaped(text: &str, most: usize) -> Cow<'_, str> {
    let is_plain = |c: char| !matches!(c, '\\' | '=') && !c.is_control();
    if text.len() <= most
        && text.chars().all(is_plain)
        && !text.starts_with(' ')
        && !text.ends_with(' ')
    {
        return Cow::Borrowed(text);
    }
    let cut: String = text.chars().take(most).collect();
    let inner = cut.trim_matches(' ');
    let before = cut.len() - cut.trim_start_matches(' ').len();
    let after = cut.len() - before - inner.len();
    let mut out = "\u{2420}".repeat(before);
    for c in inner.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '=' => out.push_str("\\="),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    let _ = write!(out, "{}", "\u{2420}".repeat(after));
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_equal_signs_bars_line_feeds_and_blanks() {
        for (text, expected) in [
            ("plain", "plain"),
            ("a=b|c\\d", "a\\=b|c\\\\d"),
            ("a\nb\r", "a\\nb\\r"),
            (" a  b ", "\u{2420}a  b\u{2420}"),
            ("   ", "\u{2420}\u{2420}\u{2420}"),
            ("\u{1b}[31m", "\u{fffd}[31m"),
        ] {
            assert_eq!(escaped(text, 100), expected, "{text:?}");
        }
        assert_eq!(escaped("äöü", 2), "äö");
        assert_eq!(header("1|2\\3\n"), "1\\|2\\\\3");
    }
}
