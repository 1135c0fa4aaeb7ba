//! Lager: the JSON lines of Diego's components, and their facts about containers.
//!
//! There are two formats:
//! `{"timestamp":"1498136872.889604807","source":…,"message":…,"log_level":1,"data":{…}}`, and
//! since 2018
//! `{"timestamp":"2024-05-06T07:08:05.400000120Z","level":"info","source":…,"message":…,"data":{…}}`.
//! The keys inside `data` differ by component and year; [`rep`] has the keys, [`message`] the
//! meaning of the messages.
//!
//! Sources: cloudfoundry/lager `models.go` and `writer_sink.go`; rep, executor, bbs, guardian and
//! garden by message, see [`message`]; silk-release `src/code.cloudfoundry.org/iptables-logger`.

mod cut;
mod fast;
mod logger;
mod message;
#[cfg(test)]
mod reference;
mod rep;
#[cfg(test)]
mod tests;

pub(crate) use fast::{Halves, Opened, Opening};
pub use logger::LoggerEvent;
pub use message::RepEventKind;
pub use rep::RepEvent;
pub(crate) use rep::names_of_properties;

use crate::bytes::digits::Digits;
use crate::bytes::json::Object;
use crate::bytes::pairs;
use crate::error::Error;
use crate::line::envelope::{marks, members};
use crate::time::{Timestamp, rfc3339};

/// The content of a JSON line.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum LagerEvent<'a> {
    /// An event of a container.
    Rep(RepEvent<'a>),
    /// A packet with an identity, from silk's iptables-logger.
    Logger(LoggerEvent<'a>),
    /// Neither, or not a lager line at all.
    Other,
}

impl<'a> LagerEvent<'a> {
    /// Parses one whole JSON line.
    ///
    /// # Errors
    ///
    /// If it is malformed or cut; the offset is the byte where that shows.
    ///
    /// # Example
    ///
    /// ```
    /// use asg_core::event::{LagerEvent, RepEventKind};
    ///
    /// let line = br#"{"timestamp":"1498140002.833300412","source":"rep","message":"rep.executing-container-operation.\
    /// ordinary-lrp-processor.process-completed-container.delete-container.containerstore.destroy.node-destroy.\
    /// destroyed-container-in-garden","log_level":1,"data":{"guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"}}"#;
    /// let line = line.iter().copied().filter(|b| !matches!(b, b'\\' | b'\n' | b' ')).collect::<Vec<_>>();
    /// let LagerEvent::Rep(event) = LagerEvent::parse(&line)? else { panic!() };
    /// assert_eq!(event.event, RepEventKind::Destroyed);
    /// assert_eq!(event.handle.as_deref(), Some("d08bb414-cdba-4381-412a-e9ecc1b7d0f4"));
    /// assert_eq!(event.time.unwrap().to_string(), "2017-06-22T14:00:02.833300412Z");
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    pub fn parse(line: &'a [u8]) -> Result<Self, Error> {
        match Self::plain(line) {
            Some(event) => Ok(Self::Rep(event)),
            None => Self::object(line).map(|object| Self::of(&object)),
        }
    }

    /// Parses a whole line about a container, if one pass is enough.
    pub(crate) fn plain(line: &'a [u8]) -> Option<RepEvent<'a>> {
        fast::parse(line)
    }

    /// Classifies a whole JSON line without parsing it fully. `is_quiet` is true if a scan
    /// has found none of [`NEEDLES`].
    pub(crate) fn glance(line: &'a [u8], is_quiet: bool) -> Glance<'a> {
        // Many lines of a component prove nothing: they are scanned, not parsed.
        let is_lager = line.starts_with(br#"{"timestamp":"#) && line.ends_with(b"}");
        if is_lager && (is_quiet || !Self::may_be_in(line)) && !may_be_envelope(line) {
            return Glance::Nothing;
        }
        Self::plain(line).map_or(Glance::Unusual, Glance::Rep)
    }

    /// Parses the outermost object of a whole line.
    pub(crate) fn object(line: &'a [u8]) -> Result<Object<'a>, Error> {
        Object::parse(line).map_err(|e| Error::of_json(line, &e))
    }

    /// Extracts the event of an object, if it is lager's: it has a source and a message.
    pub(crate) fn of(object: &Object<'a>) -> Self {
        let (Some(source), Some(message)) =
            (object.string(&["source"]), object.string(&["message"]))
        else {
            return Self::Other;
        };
        // A shipper puts the members of an app's JSON line beside its own.
        if marks::stream_of(object).is_some() || members::tell_other_program(object) {
            return Self::Other;
        }
        let time = object.get(&["timestamp"]).and_then(|time| stamp(time.get()));
        let Some(data) = object.object(&["data"]) else { return Self::Other };
        if message.starts_with(IPTABLES_LOGGER) {
            return LoggerEvent::extract(time, &data).map_or(Self::Other, Self::Logger);
        }
        RepEvent::extract(time, source, message, &data).map_or(Self::Other, Self::Rep)
    }

    /// Parses a line that breaks off anywhere: only its whole members count. A string without its
    /// closing quote and a number at the end prove nothing.
    ///
    /// ```
    /// use asg_core::event::LagerEvent;
    ///
    /// let cut = br#"{"timestamp":"1498140002.833300412","source":"rep","message":"rep.x","log_level":1,"data":{"guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4","lrp-key":{"process_guid":"4ccb"#;
    /// let LagerEvent::Rep(event) = LagerEvent::parse_cut(cut) else { panic!() };
    /// assert_eq!(event.handle.as_deref(), Some("d08bb414-cdba-4381-412a-e9ecc1b7d0f4"));
    /// assert_eq!(event.process_guid, None);
    /// ```
    #[must_use]
    pub fn parse_cut(line: &[u8]) -> LagerEvent<'static> {
        let whole = cut::complete(line);
        match LagerEvent::parse(&whole) {
            Ok(LagerEvent::Rep(event)) => LagerEvent::Rep(event.into_owned()),
            Ok(LagerEvent::Logger(event)) => LagerEvent::Logger(event.into_owned()),
            Ok(LagerEvent::Other) | Err(_) => LagerEvent::Other,
        }
    }

    /// Returns false if a quick scan rules the line out as evidence: no key in it names a
    /// container, and it is not iptables-logger's. Such a line is [`LagerEvent::Other`], or
    /// malformed.
    ///
    /// ```
    /// use asg_core::event::LagerEvent;
    ///
    /// assert!(!LagerEvent::may_be_in(br#"{"timestamp":"1.0","source":"rep","message":"rep.exited","data":{}}"#));
    /// assert!(LagerEvent::may_be_in(br#"{"source":"guardian","message":"m","data":{"handle":"h"}}"#));
    /// ```
    #[must_use]
    pub fn may_be_in(line: &[u8]) -> bool {
        pairs::has_any(line, NEEDLES, 0)
    }
}

/// Returns whether the second member is `source_id`, as in log-cache's envelopes.
fn may_be_envelope(line: &[u8]) -> bool {
    let start = &line[..line.len().min(64)];
    memchr::memchr(b',', start)
        .is_some_and(|at| line[at + 1..].trim_ascii_start().starts_with(b"\"source_id\""))
}

/// A quick classification of a line.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it is taken apart at once")]
pub(crate) enum Glance<'a> {
    /// An event of a container, in plain form.
    Rep(RepEvent<'a>),
    /// A lager line without evidence.
    Nothing,
    /// It needs the full parser.
    Unusual,
}

const IPTABLES_LOGGER: &str = "cfnetworking.iptables.";

/// Byte pairs. Every line that proves something contains at least one of them: in the keys
/// `guid`, `Guid`, `process_guid`, …; in `handle` and `ContainerHandle`; in iptables-logger's
/// messages. The last is for keys with an escaped character, which Go never writes.
pub(crate) const NEEDLES: [[u8; 2]; 4] = [*b"ui", *b"dl", *b"fn", *b"\\u"];

/// Returns the time of a lager line without evidence: that of its first member.
pub(crate) fn stamp_of(line: &[u8]) -> Option<Timestamp> {
    stamped(line).map(|(time, _)| time)
}

/// Parses the first member of a lager line, its time, and returns it with the text behind it.
fn stamped(line: &[u8]) -> Option<(Timestamp, &[u8])> {
    let text = line.strip_prefix(br#"{"timestamp":"#)?;
    if let Some((value, rest)) = text.split_first_chunk()
        && let Some(time) = plain_seconds(value)
    {
        return Some((time, rest));
    }
    let value = text.strip_prefix(b"\"")?;
    let end = memchr::memchr(b'"', &value[..value.len().min(48)])?;
    let (value, rest) = text.split_at(end + 2);
    Some((stamp(std::str::from_utf8(value).ok()?)?, rest))
}

/// Parses `"1498136872.889604807"` (lager v1; readers should also accept a number), or RFC 3339
/// (v2).
fn stamp(json: &str) -> Option<Timestamp> {
    if let Some(time) = json.as_bytes().try_into().ok().and_then(plain_seconds) {
        return Some(time);
    }
    let text = json.trim_matches('"').as_bytes();
    match rfc3339(text) {
        Some((time, len, _)) if len == text.len() => Some(time),
        _ => seconds(text),
    }
}

/// Parses the most common form, `"1498136872.889604807"`: ten digits and nine.
fn plain_seconds(json: &[u8; 22]) -> Option<Timestamp> {
    let [b'"', digits @ .., b'"'] = json else { return None };
    let number = |at: usize, count: usize| {
        let digits = Digits::new(*digits[at..].first_chunk()?);
        (digits.count() >= count).then(|| digits.number(count).cast_signed())
    };
    if digits[10] != b'.' {
        return None;
    }
    let (seconds, rest) = (number(0, 8)?, number(2, 8)? % 100);
    let (millions, units) = (number(11, 8)?, number(12, 8)? % 10);
    let nanos = (seconds * 100 + rest).checked_mul(1_000_000_000)?;
    Some(Timestamp::from_nanos(nanos.checked_add(millions * 10 + units)?))
}

/// Parses seconds since the epoch with up to nine decimals, exactly: a float would lose the last
/// two digits.
fn seconds(text: &[u8]) -> Option<Timestamp> {
    let point = text.iter().position(|&b| b == b'.').unwrap_or(text.len());
    let (whole, decimals) = (&text[..point], text.get(point + 1..).unwrap_or_default());
    let digits = |text: &[u8]| {
        text.iter().try_fold(0_i64, |n, b| {
            n.checked_mul(10)?.checked_add(b.is_ascii_digit().then(|| i64::from(b - b'0'))?)
        })
    };
    if whole.is_empty() {
        return None;
    }
    let kept = decimals.len().min(9);
    let nanos = digits(&decimals[..kept])? * 10_i64.pow(9 - kept as u32);
    digits(&decimals[kept..])?;
    Some(Timestamp::from_nanos(digits(whole)?.checked_mul(1_000_000_000)?.checked_add(nanos)?))
}
