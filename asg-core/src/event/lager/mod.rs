//! Lager: the JSON lines of Diego's components, and what they say about containers.
//!
//! Two formats of the same thing: `{"timestamp":"1498136872.889604807","source":…,"message":…,"log_level":1,"data":{…}}`,
//! and since 2018 `{"timestamp":"2024-05-06T07:08:05.400000120Z","level":"info","source":…,"message":…,"data":{…}}`. The keys
//! inside `data` differ by component and year; [`rep`] knows them, [`message`] knows what the messages prove.
//!
//! Sources: cloudfoundry/lager `models.go` and `writer_sink.go`; rep, executor, bbs, guardian and garden by message, see
//! [`message`]; silk-release `src/code.cloudfoundry.org/iptables-logger`.

mod cut;
mod fast;
mod logger;
mod message;
#[cfg(test)]
mod reference;
mod rep;
#[cfg(test)]
mod tests;

pub use logger::LoggerEvent;
pub use message::RepEventKind;
pub use rep::RepEvent;
pub(crate) use rep::names_of_properties;

use crate::bytes::digits::Digits;
use crate::bytes::json::Object;
use crate::error::Error;
use crate::line::envelope::role;
use crate::time::{Timestamp, rfc3339};

/// What a JSON line says.
#[derive(Debug, Clone, PartialEq)]
pub enum LagerEvent<'a> {
    /// Something about a container.
    Rep(RepEvent<'a>),
    /// A packet with an identity, from silk's iptables-logger.
    Logger(LoggerEvent<'a>),
    /// Neither, or no lager line at all.
    Other,
}

impl<'a> LagerEvent<'a> {
    /// Reads one whole JSON line.
    ///
    /// # Errors
    ///
    /// If it is malformed, or cut, at the byte where that shows.
    ///
    /// # Example
    ///
    /// ```
    /// use asg_core::{LagerEvent, RepEventKind};
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

    /// A whole line about a container, if it can be read in one walk.
    fn plain(line: &'a [u8]) -> Option<RepEvent<'a>> {
        fast::read(line)
    }

    /// What a whole JSON line is at first sight.
    pub(crate) fn glance(line: &'a [u8]) -> Glance<'a> {
        // Many lines of a component prove nothing: they are looked through, not read.
        let is_lager = line.starts_with(br#"{"timestamp":"#) && line.ends_with(b"}");
        if is_lager && !Self::may_be_in(line) && !may_be_envelope(line) {
            return Glance::Nothing;
        }
        Self::plain(line).map_or(Glance::Unusual, Glance::Rep)
    }

    /// The outermost object of a whole line.
    pub(crate) fn object(line: &'a [u8]) -> Result<Object<'a>, Error> {
        Object::parse(line).map_err(|e| Error::of_json(line, &e))
    }

    /// What an object says, if it is lager's: it has a source and a message.
    pub(crate) fn of(object: &Object<'a>) -> Self {
        let (Some(source), Some(message)) =
            (object.string(&["source"]), object.string(&["message"]))
        else {
            return Self::Other;
        };
        // A shipper puts the members of an app's JSON line beside its own.
        if role::stream_of(object).is_some() {
            return Self::Other;
        }
        let time = object.get(&["timestamp"]).and_then(|time| stamp(time.get()));
        let Some(data) = object.object(&["data"]) else { return Self::Other };
        if message.starts_with(IPTABLES_LOGGER) {
            return LoggerEvent::read(time, &data).map_or(Self::Other, Self::Logger);
        }
        RepEvent::read(time, source, message, &data).map_or(Self::Other, Self::Rep)
    }

    /// Reads what a line proves that breaks off anywhere: the members that are whole. A string without its closing quote
    /// and a number at the end prove nothing.
    ///
    /// ```
    /// use asg_core::LagerEvent;
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

    /// False if a line can be told to be no evidence without reading it: no key in it names a container, and it is not
    /// iptables-logger's. A line of which this is false is [`LagerEvent::Other`], or malformed.
    ///
    /// ```
    /// use asg_core::LagerEvent;
    ///
    /// assert!(!LagerEvent::may_be_in(br#"{"timestamp":"1.0","source":"rep","message":"rep.exited","data":{}}"#));
    /// assert!(LagerEvent::may_be_in(br#"{"source":"guardian","message":"m","data":{"handle":"h"}}"#));
    /// ```
    #[must_use]
    #[expect(
        clippy::needless_bitwise_bool,
        reason = "without branches many places are asked at once"
    )]
    pub fn may_be_in(line: &[u8]) -> bool {
        // One scan for all: of each text two bytes in a row, asked of every place alike, so that the compiler asks many
        // at once. It begins at the end, where the data is.
        let mut rest = line;
        while rest.len() >= 2 {
            let block = &rest[rest.len().saturating_sub(BLOCK + 1)..];
            let mut found = false;
            for (&a, &b) in block.iter().zip(&block[1..]) {
                for [x, y] in NEEDLES {
                    found |= (a == x) & (b == y);
                }
            }
            if found {
                return true;
            }
            rest = &rest[..rest.len().saturating_sub(BLOCK)];
        }
        false
    }
}

/// True if the second member is `source_id`, as in log-cache's envelopes.
fn may_be_envelope(line: &[u8]) -> bool {
    let start = &line[..line.len().min(64)];
    memchr::memchr(b',', start)
        .is_some_and(|at| line[at + 1..].trim_ascii_start().starts_with(b"\"source_id\""))
}

/// What a line is at first sight.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it is taken apart at once")]
pub(crate) enum Glance<'a> {
    /// Something about a container, said plainly.
    Rep(RepEvent<'a>),
    /// Lager's, and nothing that is asked for.
    Nothing,
    /// It takes a closer look.
    Unusual,
}

const BLOCK: usize = 128;

const IPTABLES_LOGGER: &str = "cfnetworking.iptables.";

/// Pieces of which each line that proves something has one: of the keys `guid`, `Guid`, `process_guid`, …; of `handle` and
/// `ContainerHandle`; of iptables-logger's messages. Or else a character of the key is escaped, as Go never does.
const NEEDLES: [[u8; 2]; 4] = [*b"ui", *b"dl", *b"fn", *b"\\u"];

/// The time of a lager line that tells nothing else: its first member's.
pub(crate) fn stamp_of(line: &[u8]) -> Option<Timestamp> {
    let text = line.strip_prefix(br#"{"timestamp":"#)?;
    let value = text.strip_prefix(b"\"")?;
    let end = memchr::memchr(b'"', &value[..value.len().min(48)])?;
    stamp(std::str::from_utf8(&text[..end + 2]).ok()?)
}

/// `"1498136872.889604807"` (lager v1; readers should also take a number), or RFC 3339 (v2).
fn stamp(json: &str) -> Option<Timestamp> {
    if let Some(time) = plain_seconds(json.as_bytes()) {
        return Some(time);
    }
    let text = json.trim_matches('"').as_bytes();
    match rfc3339(text) {
        Some((time, len, _)) if len == text.len() => Some(time),
        _ => seconds(text),
    }
}

/// The same of `"1498136872.889604807"`, of which there are so many: ten digits and nine.
fn plain_seconds(json: &[u8]) -> Option<Timestamp> {
    let text: &[u8; 22] = json.try_into().ok()?;
    let [b'"', digits @ .., b'"'] = text else { return None };
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

/// Seconds since the epoch with up to nine decimals, exactly: a float would lose the last two digits.
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
