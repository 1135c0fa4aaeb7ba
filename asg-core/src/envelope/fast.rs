//! The short way through the headers that most lines have: a stamp, a host, a tag and perhaps BOSH's `[job=… index=…]`,
//! before kernel text with its uptime or before JSON; and RFC 5424.
//!
//! At the first surprise it gives up, and the other readers begin anew; what it reads it reads as they do
//! (`tests::the_short_way_reads_a_header_as_the_long_one_does`).

use super::{Dialect, Envelope, console, stamp, syslog};
use crate::Text;
use crate::time::{LogTime, rfc3339};

/// Reads a header into a new envelope; `None`, and an envelope with anything in it, if it is not one of the common ones.
pub(super) fn read<'a>(text: &'a [u8], e: &mut Envelope<'a>) -> Option<()> {
    match text.first()? {
        b'0'..=b'9' => {
            let (time, len, false) = rfc3339(text)? else { return None };
            (e.dialect, e.time) = (Dialect::Rfc3339, LogTime::Instant(time));
            host_and_tag(text, len, e)?;
        }
        b'A'..=b'Z' => {
            let (time, len) = stamp::rfc3164(text)?;
            (e.dialect, e.time) = (Dialect::Rfc3164, time);
            host_and_tag(text, len, e)?;
        }
        b'<' => {
            let (priority, at) = syslog::priority(text, 0)?;
            if !text[at..].starts_with(b"1 ") {
                return None;
            }
            syslog::rfc5424(text, at + 2, e)?;
            e.priority = Some(priority);
        }
        _ => return None,
    }
    match text.get(e.body_at)? {
        b'{' => {}
        b'[' => {
            if let Some(stamp) = console::boot_stamp(&text[e.body_at..]) {
                stamp.put_into(e);
            }
        }
        _ => return None,
    }
    e.body = Text::new(&text[e.body_at..]);
    Some(())
}

/// ` host program: ` or ` host program [job=… index=…] `, up to the brace or bracket behind them.
fn host_and_tag<'a>(text: &'a [u8], at: usize, e: &mut Envelope<'a>) -> Option<()> {
    let (host, rest) = name(text[at..].strip_prefix(b" ")?)?;
    let (program, rest) = name(rest.strip_prefix(b" ")?)?;
    // A container runtime's mark stands where the host would.
    if matches!(host, b"stdout" | b"stderr") {
        return None;
    }
    e.host = Some(Text::new(host));
    e.program = Some(Text::new(program));
    let rest = if let Some(rest) = rest.strip_prefix(b": ") {
        rest
    } else {
        let inside = rest.strip_prefix(b" [job=")?;
        // busybox's `kern.warn` is no program.
        if program.contains(&b'.') && !program.starts_with(b"vcap.") {
            return None;
        }
        let (job, inside) = name(inside)?;
        let (index, inside) = name(inside.strip_prefix(b" index=")?)?;
        (e.job, e.index) = (Some(Text::new(job)), Some(Text::new(index)));
        if syslog::is_facility(host) {
            e.host = None;
        }
        let rest = inside.strip_prefix(b"] ")?;
        rest.strip_prefix(b" ").unwrap_or(rest)
    };
    // Another of BOSH's marks, or what only looks so.
    if rest.starts_with(b"[job=") || rest.starts_with(b"[bosh ") {
        return None;
    }
    e.body_at = text.len() - rest.len();
    Some(())
}

/// Letters, digits, `.`, `-` and `_`.
const NAME: [bool; 256] = {
    let mut name = [false; 256];
    let mut b = 0;
    while b < 128 {
        name[b] = (b as u8).is_ascii_alphanumeric() || matches!(b as u8, b'.' | b'-' | b'_');
        b += 1;
    }
    name
};

/// A name of such, of one at least, and the rest.
fn name(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|b| !NAME[usize::from(*b)])?;
    (end > 0).then(|| text.split_at(end))
}
