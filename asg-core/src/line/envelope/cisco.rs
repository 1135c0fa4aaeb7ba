//! `29: cell-1: *May  6 07:09:10.581 UTC: `: the header of Cisco's systems, which relays and
//! collectors for network devices write, too.
//!
//! The priority is followed by a sequence number, the host, and a stamp, with a colon behind each.
//! The number and the host may be missing. `*` and `.` before the stamp mark a clock that is not
//! set.
//!
//! Source: Cisco IOS, "System Message Logging", the section about the format of messages.

use super::syslog::is_host;
use super::{Dialect, Envelope};
use crate::bytes::text::Text;
use crate::time::{LogTime, stamp};

/// The longest name of a host here.
const MOST_HOST: usize = 64;

/// Parses the header that begins at this place.
pub(super) fn header(text: &[u8], at: usize) -> Option<Envelope<'_>> {
    let rest = &text[at..];
    let (number, behind) = word(rest).filter(|(number, _)| is_sequence(number)).unzip();
    let rest = behind.unwrap_or(rest);
    let host = word(rest).filter(|(host, _)| number.is_some() && is_host(host));
    let (host, rest) = match host {
        Some((host, rest)) => (Some(host), rest),
        // The number may be left out.
        None => (None, rest.strip_prefix(b": ").or(rest.strip_prefix(b":")).unwrap_or(rest)),
    };
    let marked = rest.strip_prefix(b"*").or(rest.strip_prefix(b".")).unwrap_or(rest);
    let (time, len) = stamp::rfc3164(marked).or_else(|| stamp::with_year(marked))?;
    let (zone, rest) = zone(&marked[len..]);
    let body = rest.strip_prefix(b": ")?;
    let time = match time {
        LogTime::Local(civil) if zone => civil.at(civil.year, 0).map_or(time, LogTime::Instant),
        time => time,
    };
    Some(Envelope {
        dialect: Dialect::Rfc3164,
        time,
        host: host.map(Text::new),
        body_at: text.len() - body.len(),
        ..Envelope::default()
    })
}

/// Returns a word with a colon and a blank behind it, and the rest.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = text.iter().take(MOST_HOST).position(|b| *b == b' ')?;
    let word = text[..len].strip_suffix(b":").filter(|word| !word.is_empty())?;
    Some((word, &text[len + 1..]))
}

/// Returns whether a word is a sequence number.
pub(super) fn is_sequence(word: &[u8]) -> bool {
    word.len() <= 12 && !word.is_empty() && word.iter().all(u8::is_ascii_digit)
}

/// Returns whether ` UTC` comes first, and the rest behind the name of a zone.
fn zone(text: &[u8]) -> (bool, &[u8]) {
    let Some(behind) = text.strip_prefix(b" ") else { return (false, text) };
    let len = behind.iter().take(6).take_while(|b| b.is_ascii_uppercase()).count();
    if (2..=5).contains(&len) {
        (matches!(&behind[..len], b"UTC" | b"GMT"), &behind[len..])
    } else {
        (false, text)
    }
}
