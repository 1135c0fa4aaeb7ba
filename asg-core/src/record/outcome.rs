//! Outcomes: the class of each line after reading, counted by source.
//!
//! A line that was not read as it should be is in a class of its own, so that it is seen. The table
//! is in the order of rank: a line with several records, such as an export's document, is in the
//! highest of their classes.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{Content, Record, broken, encoded};
use crate::bytes::find::position;
use crate::event::lager::LagerEvent;
use crate::evidence::{Origin, SourceId};
use crate::line::Line;
use crate::line::envelope::tools;
use crate::packet;

/// The class of a line after reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It holds no packet for certain, and was not looked at more closely, because only packets
    /// were asked for.
    PassedOver,
    /// It is of another kind, or a further line of a document.
    Other,
    /// It is about containers.
    Evidence,
    /// It is iptables-logger's about a packet.
    Logger,
    /// It is a packet.
    Packet,
    /// It is cut, split or malformed.
    Damaged,
    /// It has a text in base64, as a store passes lines on.
    Encoded,
    /// It has a packet's or a container's text in a form that is not understood.
    NotUnderstood,
    /// It has such a text, which an app, a user or a shipper printed.
    NotPlatform,
    /// It is a packet, whose header was not understood.
    HeaderNotUnderstood,
    /// It is longer than what is kept of a line; its end was skipped.
    OverLong,
}

/// A class of lines.
struct Class {
    outcome: Outcome,
    word: &'static str,
    meaning: &'static str,
    /// The effect on results, if that is worth a sentence.
    consequence: Option<&'static str>,
}

const fn class(
    outcome: Outcome,
    word: &'static str,
    meaning: &'static str,
    consequence: Option<&'static str>,
) -> Class {
    Class { outcome, word, meaning, consequence }
}

const TABLE: [Class; 11] = [
    class(Outcome::PassedOver, "passed_over", "not looked at, because they hold no packet", None),
    class(Outcome::Other, "other", "of other kinds", None),
    class(Outcome::Evidence, "evidence", "about containers", None),
    class(Outcome::Logger, "logger", "of iptables-logger", None),
    class(Outcome::Packet, "packet", "packets", None),
    class(Outcome::Damaged, "damaged", "damaged", Some("cut, split or malformed")),
    class(
        Outcome::Encoded,
        "encoded",
        "with a text in base64, as Kinesis, Pub/Sub and CloudWatch pass lines on",
        Some(
            "not read: decode it with `base64 -d`, and with `zcat` behind it if it begins with `H4sI`",
        ),
    ),
    class(
        Outcome::NotUnderstood,
        "not_understood",
        "with a packet's or a container's text in a form that is not understood",
        Some("counted for nothing"),
    ),
    class(
        Outcome::NotPlatform,
        "not_platform",
        "with a packet's or a container's text that an app, a user or a shipper printed",
        Some("counted for nothing"),
    ),
    class(
        Outcome::HeaderNotUnderstood,
        "header_not_understood",
        "with a packet behind a header that is not understood",
        Some("machine and time may be missing"),
    ),
    class(
        Outcome::OverLong,
        "over_long",
        "longer than 64 KiB, or documents longer than 64 MiB",
        Some("the end was skipped"),
    ),
];

impl Outcome {
    /// All of them, in the order of their rank.
    ///
    /// ```
    /// use asg_core::record::Outcome;
    ///
    /// assert!(Outcome::ALL.is_sorted());
    /// assert_eq!(Outcome::ALL.map(Outcome::as_str)[4], "packet");
    /// ```
    pub const ALL: [Self; TABLE.len()] = {
        let mut all = [Self::Other; TABLE.len()];
        let mut n = 0;
        while n < TABLE.len() {
            all[n] = TABLE[n].outcome;
            n += 1;
        }
        all
    };

    /// Gives the outcome of a line with one record.
    ///
    /// ```
    /// use asg_core::record::Outcome;
    /// use asg_core::{Line, Record};
    ///
    /// let outcome = |text: &str| {
    ///     let line = Line::new(text.as_bytes());
    ///     Outcome::of(&line, &Record::classify(&line))
    /// };
    /// assert_eq!(outcome("Jun 16 23:18:38 cell-1 sshd[71]: hello"), Outcome::Other);
    /// assert_eq!(outcome("? IN: SRC=10.0.0.1 DST=10.0.0.2"), Outcome::NotUnderstood);
    /// ```
    #[must_use]
    pub fn of(line: &Line<'_>, record: &Record<'_>) -> Self {
        if line.is_cut() {
            return Self::OverLong;
        }
        let body = record.envelope.body.as_bytes();
        // Further records have their own part of the text, and an array of bytes shows none.
        let is_raw = line.count_more() == 0 && !line.has_message_of_bytes();
        Self::of_record(record, if is_raw { line.raw() } else { body })
    }

    /// Gives the outcome of a line that has this record too; see [`Record::more`].
    ///
    /// ```
    /// use asg_core::record::Outcome;
    /// use asg_core::{Line, Record};
    ///
    /// let packet = "x IN= OUT=eth0 SRC=10.0.16.5 DST=10.0.16.20 LEN=28 TOS=0x00 PREC=0x00 TTL=64 \
    ///     ID=7 PROTO=2 ";
    /// let events = format!(r#"["{packet}", "x IN= OUT=eth0 SRC=10.0"]"#);
    /// let line = Line::new(events.as_bytes());
    /// let first = Outcome::of(&line, &Record::classify(&line));
    /// assert_eq!(first, Outcome::Packet);
    /// let outcome = Record::more(&line).fold(first, |it, record| it.with(&record));
    /// assert_eq!(outcome, Outcome::Damaged);
    /// ```
    #[must_use]
    pub fn with(self, record: &Record<'_>) -> Self {
        self.max(Self::of_record(record, record.envelope.body.as_bytes()))
    }

    fn of_record(record: &Record<'_>, text: &[u8]) -> Self {
        if record.not_platform() {
            return Self::NotPlatform;
        }
        if record.header_not_understood.is_some() {
            return Self::HeaderNotUnderstood;
        }
        match &record.content {
            Content::Packet { .. } => Self::Packet,
            Content::Rep(_) | Content::Document(_) => Self::Evidence,
            Content::Logger(_) => Self::Logger,
            Content::Damaged(damaged) if damaged.part.is_none() && has_payload(text) => {
                Self::NotUnderstood
            }
            Content::Damaged(_) if holds_second(record, text) => Self::NotUnderstood,
            Content::Damaged(_) => Self::Damaged,
            Content::Other if record.part_of.is_some() => Self::Other,
            Content::Other if broken::is_piece(record.envelope.body.as_bytes()) => {
                if record.is_platform() { Self::NotUnderstood } else { Self::NotPlatform }
            }
            Content::Other if record.is_platform() && encoded::is_in(text) => Self::Encoded,
            Content::Other if record.memo.is_quiet => Self::Other,
            Content::Other
                if !holds_text(text, record.is_platform())
                    && !holds_member(record.envelope.body.as_bytes(), record.is_platform()) =>
            {
                Self::Other
            }
            Content::Other
                if packet::foreign::writer(record.envelope.body.as_bytes()).is_some() =>
            {
                Self::Other
            }
            Content::Other if record.is_platform() => Self::NotUnderstood,
            Content::Other => Self::NotPlatform,
        }
    }

    const fn class(self) -> &'static Class {
        &TABLE[self as usize]
    }

    /// Returns the word for programs.
    ///
    /// ```
    /// use asg_core::record::Outcome;
    /// let letters = |word: &str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    /// assert!(Outcome::ALL.iter().all(|outcome| letters(outcome.as_str())));
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.class().word
    }

    /// Returns the words for people, behind a number of lines.
    ///
    /// ```
    /// use asg_core::record::Outcome;
    /// assert!(Outcome::ALL.iter().all(|outcome| !outcome.meaning().is_empty()));
    /// ```
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        self.class().meaning
    }

    /// Returns the effect of such lines on results, if readers of these need to know.
    ///
    /// ```
    /// use asg_core::record::Outcome;
    ///
    /// assert_eq!(Outcome::Packet.consequence(), None);
    /// assert_eq!(Outcome::OverLong.consequence(), Some("the end was skipped"));
    /// ```
    #[must_use]
    pub const fn consequence(self) -> Option<&'static str> {
        self.class().consequence
    }
}

/// Returns whether a text that was not understood looks like a packet's or a container's. No
/// [quiet](super::quiet) text does. A lager line that begins the text was read, if the platform
/// wrote it.
fn holds_text(text: &[u8], is_platform: bool) -> bool {
    // Between the fields may be tabs, or whatever a store puts there for a blank.
    if let Some(at) = position!(b"SRC=", text)
        && position!(b"DST=", &text[at..]).is_some()
    {
        return true;
    }
    if holds_fields(text) {
        return true;
    }
    // UTF-16 without its mark is not known for what it is.
    if memchr::memchr(0, text).is_some() && position!(b"S\0R\0C\0=\0", text).is_some() {
        return true;
    }
    // One pass over the bytes rules out containers in most texts.
    if !LagerEvent::may_be_in(text) {
        return false;
    }
    // One behind something, or inside a JSON string or a page, was not.
    let of_page = || position!(b"{&quot;timestamp&quot;:", text);
    let escaped = position!(br#"{\"timestamp\":"#, text).or_else(of_page);
    let inner = match text.trim_ascii_start() {
        [b'{', ..] | [b'[', b'{' | b'[' | b'"' | b' ' | b'\n', ..]
            if is_platform && !tools::is_continuation(text) =>
        {
            [escaped, None, None]
        }
        _ => {
            [escaped, position!(br#"{"timestamp":"#, text), position!(br#"{""timestamp"":"#, text)]
        }
    };
    inner.into_iter().flatten().any(|at| names_container(&text[at..]))
}

/// Names of a packet's fields.
pub(super) const FIELDS: [&[u8]; 15] = [
    b"OUT", b"MAC", b"SRC", b"DST", b"LEN", b"TOS", b"PREC", b"TTL", b"ID", b"PROTO", b"SPT",
    b"DPT", b"WINDOW", b"RES", b"URGP",
];

/// Returns whether a text has three fields of a packet: so has a piece of a line that a terminal or
/// a letter has broken. One of them is `SRC`, `PREC` or `MAC`, without which the text would be
/// quiet.
fn holds_fields(text: &[u8]) -> bool {
    if position!(b"C=", text).is_none() {
        return false;
    }
    let is_field = |at: &usize| {
        let before = &text[..*at];
        let len = before.iter().rev().take_while(|b| b.is_ascii_uppercase()).count();
        let (before, name) = before.split_at(before.len() - len);
        before.last().is_none_or(|b| *b == b' ') && FIELDS.contains(&name)
    };
    memchr::memchr_iter(b'=', text).filter(is_field).nth(2).is_some()
}

/// The members of documents that name a container.
const MEMBERS: [&[u8]; 6] = [
    b"handle",
    b"instance_guid",
    b"process_guid",
    b"container_guid",
    b"task_guid",
    b"container-guid",
];

/// Returns whether a text is a line of an indented document that names a container, with or without
/// a prefix. Such a line is alone if its document was not understood. A whole document of the
/// platform's was read.
fn holds_member(text: &[u8], is_platform: bool) -> bool {
    LagerEvent::may_be_in(text)
        && (!is_platform || memchr::memchr(b'\n', text).is_none())
        && text.split(|b| *b == b'\n').any(is_member)
}

/// Returns whether a line ends in one of [`MEMBERS`] that is alone there, as in
/// `    "handle": "d538d169-f2f6-4587-77b1-f00d",`. In a string its quotes have backslashes.
fn is_member(line: &[u8]) -> bool {
    let is_blank = |b: &u8| matches!(b, b' ' | b'\t');
    memchr::memchr_iter(b':', line).any(|at| {
        let quote = if line[..at].ends_with(b"\\\"") { &b"\\\""[..] } else { b"\"" };
        let name = || {
            let inside = line[..at].strip_suffix(quote)?;
            let begin = inside.iter().rposition(|b| *b == b'"')?;
            let before = line[..=begin].strip_suffix(quote)?;
            let is_alone = before.last().is_none_or(is_blank)
                && !matches!(before.trim_ascii_end().last(), Some(b'{' | b','));
            Some(&inside[begin + 1..]).filter(|_| is_alone)
        };
        let value = || {
            let value = line[at + 1..].trim_ascii_start().strip_prefix(quote)?;
            let (value, behind) = value.split_at(memchr::memmem::find(value, quote)?);
            let behind = behind[quote.len()..].trim_ascii_end();
            Some(value).filter(|_| quote.len() > 1 || matches!(behind, b"" | b","))
        };
        name().is_some_and(|name| MEMBERS.contains(&name)) && value().is_some_and(is_handle)
    })
}

/// Returns whether a value begins as a GUID does.
fn is_handle(value: &[u8]) -> bool {
    value.get(8) == Some(&b'-') && value[..8].iter().all(u8::is_ascii_hexdigit)
}

/// Returns whether a damaged text that gave nothing has a packet's or a container's text.
fn has_payload(text: &[u8]) -> bool {
    let quoted = |at: usize| matches!(text.get(at), Some(b'"' | b'\'' | b'\\' | b'&'));
    let has_handle =
        || memchr::memmem::find_iter(text, b"handle").any(|at| quoted(at + b"handle".len()));
    (position!(b"SRC=", text).is_some() && position!(b"DST=", text).is_some())
        || [&b"container-guid"[..], b"process-guid", b"process_guid", b"instance-guid"]
            .into_iter()
            .any(|name| memchr::memmem::find(text, name).is_some())
        || has_handle()
}

/// Returns whether a damaged packet has a second packet, or a lager line, behind its own fields.
fn holds_second(record: &Record<'_>, text: &[u8]) -> bool {
    let behind = |first: &[u8]| {
        memchr::memmem::find(text, first).map_or(&[][..], |at| &text[at + first.len()..])
    };
    record.packet().is_some() && {
        let rest = behind(b" DST=");
        position!(b" OUT=", rest).is_some() || position!(b"{\"timestamp\":", rest).is_some()
    }
}

/// Returns whether a text has a member of lager lines about containers.
fn names_container(text: &[u8]) -> bool {
    position!(b"container-guid", text).is_some()
        || position!(b"process-guid", text).is_some()
        || position!(b"instance-guid", text).is_some()
        || position!(b"handle", text).is_some()
}

/// The lines of one source by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutcomeCounts {
    lines: [u64; TABLE.len()],
    /// The first line of each class; 0 without one.
    first: [u64; TABLE.len()],
}

impl OutcomeCounts {
    /// Returns the number of lines of a class.
    ///
    /// ```
    /// # use asg_core::record::{Outcome, Outcomes};
    /// # use asg_core::{Origin, SourceId};
    /// let outcome = Outcome::ALL[0];
    /// let mut outcomes = Outcomes::default();
    /// outcomes.count(Origin { source: SourceId(0), line: 3 }, outcome);
    /// outcomes.count(Origin { source: SourceId(0), line: 4 }, outcome);
    /// assert_eq!(outcomes.total().get(outcome), 2);
    /// ```
    #[must_use]
    pub const fn get(&self, outcome: Outcome) -> u64 {
        self.lines[outcome as usize]
    }

    /// Returns the number of the first line of a class.
    ///
    /// ```
    /// # use asg_core::record::{Outcome, Outcomes};
    /// # use asg_core::{Origin, SourceId};
    /// let outcome = Outcome::ALL[0];
    /// let mut outcomes = Outcomes::default();
    /// outcomes.count(Origin { source: SourceId(0), line: 3 }, outcome);
    /// outcomes.count(Origin { source: SourceId(0), line: 4 }, outcome);
    /// assert_eq!(outcomes.total().first(outcome), Some(3));
    /// ```
    #[must_use]
    pub fn first(&self, outcome: Outcome) -> Option<u64> {
        Some(self.first[outcome as usize]).filter(|first| *first > 0)
    }

    /// All lines.
    ///
    /// ```
    /// # use asg_core::record::{Outcome, Outcomes};
    /// # use asg_core::{Origin, SourceId};
    /// let outcome = Outcome::ALL[0];
    /// let mut outcomes = Outcomes::default();
    /// outcomes.count(Origin { source: SourceId(0), line: 3 }, outcome);
    /// outcomes.count(Origin { source: SourceId(0), line: 4 }, outcome);
    /// assert_eq!(outcomes.total().sum(), 2);
    /// ```
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.lines.iter().sum()
    }

    /// Each class with the number of its lines.
    ///
    /// ```
    /// # use asg_core::record::{Outcome, Outcomes};
    /// # use asg_core::{Origin, SourceId};
    /// let outcome = Outcome::ALL[0];
    /// let mut outcomes = Outcomes::default();
    /// outcomes.count(Origin { source: SourceId(0), line: 3 }, outcome);
    /// outcomes.count(Origin { source: SourceId(0), line: 4 }, outcome);
    /// let total = outcomes.total();
    /// assert!(total.iter().any(|counted| counted == (outcome, 2)));
    /// ```
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Outcome, u64)> {
        Outcome::ALL.into_iter().zip(self.lines)
    }

    const fn count(&mut self, line: u64, outcome: Outcome) {
        let n = outcome as usize;
        self.lines[n] += 1;
        if self.first[n] == 0 || line < self.first[n] {
            self.first[n] = line;
        }
    }

    fn add(&mut self, other: &Self, lines_before: u64) {
        for n in 0..TABLE.len() {
            self.lines[n] += other.lines[n];
            let first = other.first[n] + lines_before;
            if other.first[n] > 0 && (self.first[n] == 0 || first < self.first[n]) {
                self.first[n] = first;
            }
        }
    }
}

/// Each word with its number.
impl Serialize for OutcomeCounts {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(Some(TABLE.len()))?;
        for (outcome, lines) in self.iter() {
            map.serialize_entry(outcome.as_str(), &lines)?;
        }
        map.end()
    }
}

/// The lines of each source by outcome.
///
/// ```
/// use asg_core::record::{Outcome, Outcomes};
/// use asg_core::{Origin, SourceId};
///
/// let mut outcomes = Outcomes::default();
/// let at = |source, line| Origin { source: SourceId(source), line };
/// outcomes.count(at(1, 7), Outcome::OverLong);
/// outcomes.count(at(1, 8), Outcome::Packet);
/// outcomes.count(at(0, 1), Outcome::Packet);
/// assert_eq!((outcomes.sum(), outcomes.total().get(Outcome::Packet)), (3, 2));
/// assert_eq!(outcomes.first(Outcome::OverLong), Some(at(1, 7)));
/// assert_eq!(outcomes.sources().count(), 2);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Outcomes {
    sources: Vec<(SourceId, OutcomeCounts)>,
    /// The place of the source that was counted last.
    last: usize,
}

impl Outcomes {
    /// Counts a line.
    ///
    /// ```
    /// # use asg_core::record::{Outcome, Outcomes};
    /// # use asg_core::{Origin, SourceId};
    /// let outcome = Outcome::ALL[0];
    /// let mut outcomes = Outcomes::default();
    /// outcomes.count(Origin { source: SourceId(0), line: 3 }, outcome);
    /// outcomes.count(Origin { source: SourceId(0), line: 4 }, outcome);
    /// outcomes.count(Origin { source: SourceId(0), line: 5 }, outcome);
    /// assert_eq!(outcomes.sum(), 3);
    /// ```
    #[inline]
    pub fn count(&mut self, origin: Origin, outcome: Outcome) {
        let counts = match self.sources.get_mut(self.last) {
            Some((source, counts)) if *source == origin.source => counts,
            _ => self.source(origin.source),
        };
        counts.count(origin.line, outcome);
    }

    /// Adds the lines that others have counted.
    ///
    /// ```
    /// # use asg_core::record::{Outcome, Outcomes};
    /// # use asg_core::{Origin, SourceId};
    /// let outcome = Outcome::ALL[0];
    /// let mut outcomes = Outcomes::default();
    /// outcomes.count(Origin { source: SourceId(0), line: 3 }, outcome);
    /// outcomes.count(Origin { source: SourceId(0), line: 4 }, outcome);
    /// let other = outcomes.clone();
    /// outcomes.add(&other);
    /// assert_eq!(outcomes.sum(), 4);
    /// ```
    pub fn add(&mut self, other: &Self) {
        self.add_behind(other, 0);
    }

    /// Adds lines whose numbers begin behind so many.
    pub(crate) fn add_behind(&mut self, other: &Self, lines_before: u64) {
        for (source, counts) in &other.sources {
            self.source(*source).add(counts, lines_before);
        }
    }

    fn source(&mut self, source: SourceId) -> &mut OutcomeCounts {
        let known = self.sources.binary_search_by_key(&source, |(source, _)| *source);
        self.last = known.unwrap_or_else(|place| {
            self.sources.insert(place, (source, OutcomeCounts::default()));
            place
        });
        &mut self.sources[self.last].1
    }

    /// Each source with its lines, in the order of their numbers.
    ///
    /// ```
    /// # use asg_core::record::{Outcome, Outcomes};
    /// # use asg_core::{Origin, SourceId};
    /// let outcome = Outcome::ALL[0];
    /// let mut outcomes = Outcomes::default();
    /// outcomes.count(Origin { source: SourceId(0), line: 3 }, outcome);
    /// outcomes.count(Origin { source: SourceId(0), line: 4 }, outcome);
    /// assert_eq!(outcomes.sources().len(), 1);
    /// ```
    pub fn sources(&self) -> impl ExactSizeIterator<Item = (SourceId, &OutcomeCounts)> {
        self.sources.iter().map(|(source, counts)| (*source, counts))
    }

    /// Returns the lines of all sources; their first lines are of no use.
    ///
    /// ```
    /// # use asg_core::record::{Outcome, Outcomes};
    /// # use asg_core::{Origin, SourceId};
    /// let outcome = Outcome::ALL[0];
    /// let mut outcomes = Outcomes::default();
    /// outcomes.count(Origin { source: SourceId(0), line: 3 }, outcome);
    /// outcomes.count(Origin { source: SourceId(0), line: 4 }, outcome);
    /// assert_eq!(outcomes.total().get(outcome), 2);
    /// ```
    #[must_use]
    pub fn total(&self) -> OutcomeCounts {
        let mut total = OutcomeCounts::default();
        self.sources.iter().for_each(|(_, counts)| total.add(counts, 0));
        total
    }

    /// All lines.
    ///
    /// ```
    /// # use asg_core::record::{Outcome, Outcomes};
    /// # use asg_core::{Origin, SourceId};
    /// let outcome = Outcome::ALL[0];
    /// let mut outcomes = Outcomes::default();
    /// outcomes.count(Origin { source: SourceId(0), line: 3 }, outcome);
    /// outcomes.count(Origin { source: SourceId(0), line: 4 }, outcome);
    /// assert_eq!(outcomes.sum(), 2);
    /// ```
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sources.iter().map(|(_, counts)| counts.sum()).sum()
    }

    /// Returns the first line of a class, in the first source that has one.
    ///
    /// ```
    /// # use asg_core::record::{Outcome, Outcomes};
    /// # use asg_core::{Origin, SourceId};
    /// let outcome = Outcome::ALL[0];
    /// let mut outcomes = Outcomes::default();
    /// outcomes.count(Origin { source: SourceId(0), line: 3 }, outcome);
    /// outcomes.count(Origin { source: SourceId(0), line: 4 }, outcome);
    /// assert_eq!(outcomes.first(outcome).unwrap().line, 3);
    /// ```
    #[must_use]
    pub fn first(&self, outcome: Outcome) -> Option<Origin> {
        self.sources.iter().find_map(|(source, counts)| {
            Some(Origin { source: *source, line: counts.first(outcome)? })
        })
    }
}

/// The counts are compared, and not which source came last.
impl PartialEq for Outcomes {
    fn eq(&self, other: &Self) -> bool {
        self.sources == other.sources
    }
}

impl Eq for Outcomes {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::quiet::is_quiet;

    fn outcome(text: &[u8]) -> Outcome {
        let line = Line::new(text);
        let first = Outcome::of(&line, &Record::classify(&line));
        Record::more(&line).fold(first, |outcome, record| outcome.with(&record))
    }

    #[test]
    fn each_class_is_in_its_row_and_has_a_word_of_its_own() {
        let mut words = std::collections::BTreeSet::new();
        for outcome in Outcome::ALL {
            assert_eq!(outcome.class().outcome, outcome);
            let word: String = outcome
                .as_str()
                .split('_')
                .map(|part| part[..1].to_uppercase() + &part[1..])
                .collect();
            assert_eq!(format!("{outcome:?}"), word);
            assert!(words.insert(outcome.as_str()));
        }
    }

    const PACKET: &str = "OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 \
        LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=2806 DF PROTO=UDP SPT=36556 DPT=53 LEN=41 ";
    const REP: &str = r#"{"timestamp":"1498136872.889604807","source":"rep","message":"rep.executing-container-operation.starting","log_level":1,"data":{"container-guid":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"}}"#;

    #[test]
    fn a_line_is_in_the_class_that_its_text_and_its_writer_say() {
        let packet = |header: &str| format!("{header}{PACKET}");
        let rep = |header: &str| format!("{header}{REP}");
        let deep = |text: &str| {
            let text = serde_json::to_string(text).unwrap();
            format!("{}{text}{}", r#"{"a":"#.repeat(12), "}".repeat(12))
        };
        let member =
            |before: &str| format!("{before}\"handle\": \"bfce786c-ab07-40ad-79f9-8f21\",");
        let kernel = "Jun 16 23:18:38 cell-1 kernel: [87921.493829] ";
        for (text, expected) in [
            (packet(kernel), Outcome::Packet),
            (packet(kernel)[..180].to_owned(), Outcome::Damaged),
            (packet("Jun 16 23:18:38 cell-1 sshd[71]: "), Outcome::NotPlatform),
            (packet("one two three four five six seven "), Outcome::HeaderNotUnderstood),
            (deep(PACKET), Outcome::NotUnderstood),
            (deep(REP), Outcome::NotUnderstood),
            (rep(""), Outcome::Evidence),
            (rep("Jun 16 23:18:38 cell-1 sshd[71]: "), Outcome::NotPlatform),
            (rep("2024-05-06T07:08:03Z [APP/PROC/WEB/0] OUT "), Outcome::NotPlatform),
            (rep("<?one two three "), Outcome::NotUnderstood),
            (rep("<a>May  6 07:09:10 h my-app: ").replace('"', "&quot;"), Outcome::NotPlatform),
            (format!("{kernel}eth0: link up"), Outcome::Other),
            (
                r#"{"timestamp":"1","source":"bbs","message":"x","data":{"handle":1}}"#.into(),
                Outcome::Other,
            ),
            (String::new(), Outcome::Other),
            (rep("[2024-05-06 07:09:13] "), Outcome::NotUnderstood),
            (rep("[x] 2024-05-06T07:09:10Z h my-app[9]: "), Outcome::NotPlatform),
            (rep("x['"), Outcome::NotUnderstood),
            (rep("    "), Outcome::Evidence),
            (rep(&" ".repeat(30)), Outcome::NotUnderstood),
            (packet(&format!("{}{kernel}", " ".repeat(30))), Outcome::HeaderNotUnderstood),
            (rep("MESSAGE="), Outcome::NotUnderstood),
            (rep("> \tMESSAGE="), Outcome::NotUnderstood),
            (packet("MESSAGE="), Outcome::HeaderNotUnderstood),
            (packet(kernel).replace("OK_bfce", "OK_\u{1b}[01;31mbfce"), Outcome::Packet),
            // Another rule's prefix may have colours; a tool's may hide a header.
            (
                packet(kernel).replace("OK_bfce786c-ab07-40ad-79f9-8", "a\u{7}b\u{1b}[0m"),
                Outcome::Packet,
            ),
            (
                packet("cell-1 \u{1b}[33mkernel\u{1b}[0m ")
                    .replace("OK_bfce786c-ab07-40ad-79f9-8", "x"),
                Outcome::HeaderNotUnderstood,
            ),
            (packet("syslog: "), Outcome::NotPlatform),
            (packet(&format!("May  6 07:09:10 cell-1 syslog: {kernel}")), Outcome::Packet),
            (rep("2024-05-06T07:09:10+00:00\th\tmy-app[99]:\t"), Outcome::NotPlatform),
            (
                rep("time:2024-05-06T07:09:10Z\thost:h\tident:my-app\tmessage:"),
                Outcome::NotPlatform,
            ),
            (rep("time:2024-05-06T07:09:10Z\thost:h\tident:rep\tmessage:"), Outcome::Evidence),
            (packet("[1468399.963562] h my-app[99]: "), Outcome::NotPlatform),
            (packet("[1468399.963562                ] h kernel: "), Outcome::Packet),
            (rep("[1468399.963562                ] h rep[7]: "), Outcome::Evidence),
            (packet(kernel).replace(' ', "+"), Outcome::NotUnderstood),
            (packet(kernel).replace(' ', "\t"), Outcome::NotUnderstood),
            (packet(kernel).replace(' ', "%20"), Outcome::NotUnderstood),
            (packet(kernel).replace(' ', "\u{a0}"), Outcome::NotUnderstood),
            (member("    "), Outcome::NotUnderstood),
            (member("diego-cell/0455ec2b: stdout |     "), Outcome::NotUnderstood),
            (member("2024-05-06T07:08:03Z [APP/PROC/WEB/0] OUT   "), Outcome::NotPlatform),
            (
                format!(r#"{{"log":{}}}"#, serde_json::to_string(&member("  ")).unwrap()),
                Outcome::NotUnderstood,
            ),
            (member(r#"{"a": 1, "#), Outcome::NotUnderstood),
            (r#"  "handle": "somebody","#.into(), Outcome::Other),
            (
                format!("2024-05-06T07:08:03Z [APP/PROC/WEB/0] OUT {{\n{}1}}", member("  ") + "\n"),
                Outcome::NotPlatform,
            ),
            (format!("cell-1: {{\n{}\n}}", member("  ").trim_end_matches(',')), Outcome::Other),
            (format!("{{{}}}", member("").trim_end_matches(',')), Outcome::Other),
        ] {
            assert_eq!(outcome(text.as_bytes()), expected, "{text}");
        }
        let wide: Vec<_> = PACKET.bytes().flat_map(|b| [b, 0]).collect();
        assert_eq!(outcome(&wide), Outcome::NotUnderstood);
        let line = Line::cut(PACKET.as_bytes());
        assert_eq!(Outcome::of(&line, &Record::classify(&line)), Outcome::OverLong);
    }

    #[test]
    fn a_middle_piece_of_a_broken_packet_is_told() {
        for piece in [
            "LEN=61 TOS=0x00",
            "TTL=63 ID=2806 DF",
            "DST=203.0.113.10 LEN=60 TOS=0x00",
            "D=45400 DF SPT=352",
            "36 DPT=80 WINDOW=29200 RE",
            "0x00 TTL=63 ID=45400 DF ",
            "WINDOW=29200 RES=0x00 SYN URGP=0",
            "SYN URGP=0",
            "PREC=0x00 TTL=63 ID=45400 D",
            "TYPE=8 CODE=0",
        ] {
            for header in ["", "May  6 07:09:10 cell-1 kernel: "] {
                let told = outcome(format!("{header}{piece}").as_bytes());
                let is_told = matches!(told, Outcome::NotUnderstood | Outcome::Damaged);
                assert!(is_told, "{header}{piece}: {told:?}");
            }
            let of_app = format!("May  6 07:09:10 cell-1 my-app[7]: {piece}");
            assert_eq!(outcome(of_app.as_bytes()), Outcome::NotPlatform, "{of_app}");
        }
        for other in [
            "ID=ubuntu",
            "ID=5",
            "SYN flood",
            "LEN=5 bytes",
            "eth0: MTU=1500",
            "DF MF",
            "80 90",
            "",
        ] {
            for header in ["", "May  6 07:09:10 cell-1 kernel: "] {
                let text = format!("{header}{other}");
                assert_eq!(outcome(text.as_bytes()), Outcome::Other, "{text}");
            }
        }
    }

    #[test]
    fn a_packet_in_json_of_any_depth_is_read_or_told() {
        let text = serde_json::to_string(PACKET).unwrap();
        for (begin, end) in
            [(r#"{"a":"#, "}"), ("[", "]"), (r#"[{"a":"#, "}]"), (r#"{"a":["#, "]}")]
        {
            for depth in 1..60 {
                let line = format!("{}{text}{}", begin.repeat(depth), end.repeat(depth));
                let outcome = outcome(line.as_bytes());
                let is_deep = depth * begin.matches(['{', '[']).count() > 3;
                let is_told = outcome.consequence().is_some();
                assert!(outcome == Outcome::Packet || (is_deep && is_told), "{line}: {outcome:?}");
            }
        }
    }

    #[test]
    fn counts_of_pieces_add_up_and_keep_the_first_line() {
        let at = |source, line| Origin { source: SourceId(source), line };
        let lines = [(2, 1, Outcome::Packet), (1, 5, Outcome::Damaged), (1, 3, Outcome::Damaged)];
        let mut all = Outcomes::default();
        let mut added = Outcomes::default();
        for (source, line, outcome) in lines {
            all.count(at(source, line), outcome);
            let mut one = Outcomes::default();
            one.count(at(source, line - 1), outcome);
            if line > 1 {
                added.add_behind(&one, 1);
            } else {
                one = Outcomes::default();
                one.count(at(source, line), outcome);
                added.add(&one);
            }
        }
        assert_eq!(all, added);
        assert_eq!(all.first(Outcome::Damaged), Some(at(1, 3)));
        assert_eq!(all.total().iter().map(|(_, lines)| lines).sum::<u64>(), 3);
    }

    const PIECES: [&str; 18] = [
        "SRC=",
        "DST=",
        "S\0R\0C\0=\0",
        "\n",
        "\0",
        "{\"timestamp\":\"",
        "{\\\"timestamp\\\":",
        "{\"\"timestamp\"\":",
        "container-guid",
        "process-guid",
        "instance-guid",
        "handle",
        "\\",
        "u",
        "hello",
        " ",
        "C",
        "x",
    ];

    proptest! {
        #[test]
        fn a_quiet_text_holds_nothing_that_is_looked_for(
            pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..12),
            blanks in 0..90_usize,
        ) {
            let text = format!("{}{}", pieces.concat(), " ".repeat(blanks));
            let text = text.as_bytes();
            let has = |byte: u8| text.contains(&byte);
            if holds_text(text, true) || holds_text(text, false) || LagerEvent::may_be_in(text) || has(b'\n') || has(0) {
                prop_assert!(!is_quiet(text));
            }
        }
    }
}
