//! The fast path for lager lines that name a container plainly: one pass over the text that keeps
//! only what is needed.
//!
//! It gives up at the first surprise (an escape, a blank between tokens, a member that needs the
//! full parser), and then [`RepEvent::read`] parses the line. Both give the same result for the
//! lines that the fast path accepts; the tests compare both with the reference parser.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::rep::{is_of_two, names_process};
use super::{IPTABLES_LOGGER, RepEvent, RepEventKind, stamp, stamped};
use crate::bytes::find;
use crate::bytes::json::{JsonStr, is_usable};
use crate::time::Timestamp;

/// Parses a whole line; `None` if it is not one of the plain ones.
pub(super) fn parse(line: &[u8]) -> Option<RepEvent<'_>> {
    let mut scan = Scan::new(line)?;
    let mut outer = Outer::default();
    let (mut said, mut has_data) = (Said::NOTHING, false);
    scan.object(|scan, key| match key {
        "data" if !has_data => {
            has_data = true;
            scan.object(|scan, key| said.member(key, scan))
        }
        key => outer.member(key, scan),
    })?;
    let handle = said.handle.get()?;
    if scan.at != line.len() || names_process(handle) {
        return None;
    }
    let process_guid = said.process_guid.get();
    if process_guid.is_none() && said.beside.is_set() {
        return None;
    }
    Some(RepEvent {
        handle: Some(JsonStr::borrowed(handle)),
        process_guid: process_guid.map(JsonStr::borrowed),
        instance_guid: said
            .instance_guid
            .get()
            .filter(|name| !names_process(name))
            .map(JsonStr::borrowed),
        index: said.index.and(said.beside).get(),
        domain: said.domain.get().map(JsonStr::borrowed),
        cell_id: said.cell_id.get().map(JsonStr::borrowed),
        container_ip: said.container_ip.get(),
        cell_ip: said.cell_ip.get(),
        container_ipv6: said.container_ipv6.get(),
        is_contradictory: said.is_contradictory(),
        ..outer.event()?
    })
}

/// The members beside `data`.
#[derive(Default)]
struct Outer<'a> {
    timestamp: Option<&'a str>,
    source: Option<&'a str>,
    message: Option<&'a str>,
}

impl<'a> Outer<'a> {
    fn member(&mut self, key: &str, scan: &mut Scan<'a>) -> Option<()> {
        let Self { timestamp, source, message } = self;
        match key {
            "timestamp" if timestamp.is_none() => *timestamp = Some(scan.skip(0)?),
            "source" if source.is_none() => *source = Some(usable(scan.string()?)?),
            "message" if message.is_none() => *message = Some(usable(scan.string()?)?),
            "level" | "log_level" => drop(scan.skip(0)?),
            // A member that occurs twice needs the full parser. Any other may mark an app's line;
            // the full parser finds out who wrote it.
            _ => return None,
        }
        Some(())
    }

    /// Returns the event without what `data` says; `None` if it may be in a special member there.
    fn event(&self) -> Option<RepEvent<'a>> {
        let (source, message) = (self.source?, self.message?);
        let is_special = message.starts_with(IPTABLES_LOGGER)
            || message.ends_with("external-networker-result")
            || CANCEL_TASK.find(message.as_bytes()).is_some();
        (!is_special).then(|| {
            let time = self.timestamp.and_then(stamp);
            let event = RepEventKind::of(message);
            RepEvent::new(time, JsonStr::borrowed(source), JsonStr::borrowed(message), event)
        })
    }
}

/// A line as Diego's components print it, in two parts: `data`, which says the same in many lines,
/// and the rest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Halves<'a> {
    /// `{"timestamp":…,"log_level":1`
    head: &'a [u8],
    /// `{"container-guid":…`, up to the session, which is in each line another one.
    pub(crate) data: &'a [u8],
}

impl<'a> Halves<'a> {
    /// Divides a line; `None` if it has another form.
    pub(crate) fn of(line: &'a [u8]) -> Option<Self> {
        let inside = without_session(line)?;
        let at = find::position!(DATA, inside)?;
        let (head, data) = inside.split_at(at);
        Some(Self { head, data: &data[DATA.len()..] })
    }

    /// Parses the members before `data`; the event has nothing of the container. `None` if it is
    /// not one of the plain lines.
    pub(crate) fn event(&self) -> Option<RepEvent<'a>> {
        let mut scan = Scan::new(self.head)?;
        let mut outer = Outer::default();
        scan.byte(b'{')?;
        loop {
            let key = scan.string()?;
            scan.byte(b':')?;
            outer.member(key, &mut scan)?;
            if scan.at == self.head.len() {
                return outer.event();
            }
            scan.byte(b',')?;
        }
    }
}

/// Returns a line up to the session, with which `data` and the line end.
fn without_session(line: &[u8]) -> Option<&[u8]> {
    let inside = line.strip_suffix(b"\"}}")?;
    let session = inside.iter().rev().take_while(|b| matches!(b, b'0'..=b'9' | b'.')).count();
    inside[..inside.len() - session].strip_suffix(b",\"session\":\"")
}

/// The beginning of a line whose first member is the time, and whose first brace behind it is that
/// of `data`, as in nearly all lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opening<'a> {
    line: &'a [u8],
    pub(crate) time: Timestamp,
    /// `,"source":…,"data":`, which is the same in many lines.
    pub(crate) text: &'a [u8],
    /// Where that begins.
    at: usize,
}

/// The meaning of an opening's text, in any line.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    /// Where source and message lie in the text.
    source: Range<u16>,
    message: Range<u16>,
    pub(crate) event: RepEventKind,
}

impl<'a> Opening<'a> {
    /// Finds the opening of a line; `None` if the line has another form.
    pub(crate) fn of(line: &'a [u8]) -> Option<Self> {
        let (time, rest) = stamped(line)?;
        let text = &rest[..memchr::memchr(b'{', rest)?];
        Some(Self { line, time, text, at: line.len() - rest.len() })
    }

    /// Returns the meaning of the opening of a plain line with these halves; `None` if it is
    /// special.
    pub(crate) fn read(&self, halves: &Halves<'a>) -> Option<Opened> {
        if !self.divides_as(halves) {
            return None;
        }
        let event = halves.event()?;
        let range = |text: &str| {
            let start = text.as_ptr().addr().checked_sub(self.text.as_ptr().addr())?;
            let end = start.checked_add(text.len()).filter(|end| *end <= self.text.len())?;
            Some(u16::try_from(start).ok()?..u16::try_from(end).ok()?)
        };
        let (source, message) = (range(&event.source)?, range(&event.message)?);
        Some(Opened { source, message, event: event.event })
    }

    /// Returns whether the data of these halves begins behind the opening.
    pub(crate) const fn divides_as(&self, halves: &Halves<'a>) -> bool {
        halves.head.len() + DATA.len() == self.at + self.text.len()
    }

    /// Returns the data behind the opening, of a line that ends as [`Halves`] do.
    pub(crate) fn data(&self) -> Option<&'a [u8]> {
        without_session(self.line)?.get(self.at + self.text.len()..)
    }

    /// Returns the event, given the meaning of the opening, and the texts at these places of the
    /// data.
    /// The event has nothing else of the container.
    pub(crate) fn event<const MANY: usize>(
        &self,
        opened: &Opened,
        data: &[u8],
        places: &[Option<Range<u16>>; MANY],
    ) -> Option<(RepEvent<'a>, [Option<JsonStr<'a>>; MANY])> {
        let len = self.text.len() + data.len();
        let text = std::str::from_utf8(&self.line[self.at..][..len]).ok()?;
        let (head, data) = text.split_at_checked(self.text.len())?;
        let part = |text: &'a str, range: &Range<u16>| {
            text.get(usize::from(range.start)..usize::from(range.end)).map(JsonStr::borrowed)
        };
        let (source, message) = (part(head, &opened.source)?, part(head, &opened.message)?);
        let event = RepEvent::new(Some(self.time), source, message, opened.event);
        Some((event, places.each_ref().map(|range| part(data, range.as_ref()?))))
    }
}

const DATA: &[u8] = b",\"data\":";

static CANCEL_TASK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(".cancel-task"));

fn usable(text: &str) -> Option<&str> {
    is_usable(text).then_some(text)
}

/// The values of several places for one thing: nothing, one value, or a contradiction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Agreed<T> {
    Nothing,
    One(T),
    Contradiction,
}

impl<T: Copy + PartialEq> Agreed<T> {
    fn add(&mut self, value: T) {
        *self = self.and(Self::One(value));
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, said) | (said, Self::Nothing) => said,
            (Self::One(a), Self::One(b)) if a == b => self,
            _ => Self::Contradiction,
        }
    }

    fn get(self) -> Option<T> {
        if let Self::One(value) = self { Some(value) } else { None }
    }

    fn is_set(self) -> bool {
        self != Self::Nothing
    }
}

impl<'a> Agreed<&'a str> {
    fn add_text(&mut self, scan: &mut Scan<'a>) -> Option<()> {
        if scan.peek()? == b'"' {
            let text = scan.string()?;
            if is_usable(text) {
                self.add(text);
            }
            Some(())
        } else {
            scan.skip(0).map(drop)
        }
    }
}

impl Agreed<IpAddr> {
    fn add_address(&mut self, scan: &mut Scan<'_>) -> Option<()> {
        let mut text = Agreed::Nothing;
        text.add_text(scan)?;
        if let Some(address) = text.get().and_then(|text| text.parse().ok()) {
            self.add(address);
        }
        Some(())
    }
}

impl Agreed<u32> {
    /// Digits; a number in any other form needs the full parser.
    fn add_number(&mut self, scan: &mut Scan<'_>) -> Option<()> {
        self.add(scan.skip(0)?.parse().ok()?);
        Some(())
    }
}

/// The contents of `data`.
struct Said<'a> {
    handle: Agreed<&'a str>,
    process_guid: Agreed<&'a str>,
    instance_guid: Agreed<&'a str>,
    /// The index beside a process GUID: elsewhere an `index` member does not count.
    beside: Agreed<u32>,
    index: Agreed<u32>,
    domain: Agreed<&'a str>,
    cell_id: Agreed<&'a str>,
    container_ip: Agreed<IpAddr>,
    container_ipv6: Agreed<IpAddr>,
    cell_ip: Agreed<IpAddr>,
    request: Agreed<&'a str>,
}

impl<'a> Said<'a> {
    const NOTHING: Self = Self {
        handle: Agreed::Nothing,
        process_guid: Agreed::Nothing,
        instance_guid: Agreed::Nothing,
        beside: Agreed::Nothing,
        index: Agreed::Nothing,
        domain: Agreed::Nothing,
        cell_id: Agreed::Nothing,
        container_ip: Agreed::Nothing,
        container_ipv6: Agreed::Nothing,
        cell_ip: Agreed::Nothing,
        request: Agreed::Nothing,
    };

    /// Returns whether places contradict each other about the container.
    fn is_contradictory(&self) -> bool {
        let Self { handle, process_guid, instance_guid, container_ip, .. } = self;
        let texts = [handle, process_guid, instance_guid];
        texts.into_iter().any(|said| matches!(said, Agreed::Contradiction))
            || matches!(container_ip, Agreed::Contradiction)
            || is_of_two(
                handle.get(),
                instance_guid.get().filter(|name| !names_process(name)),
                process_guid.get(),
                self.request.get(),
            )
    }

    fn member(&mut self, key: &str, scan: &mut Scan<'a>) -> Option<()> {
        let is_object = scan.peek()? == b'{';
        match key {
            "container-guid" | "guid" | "Guid" | "handle" | "task-guid" | "task_guid" => {
                self.handle.add_text(scan)
            }
            "lrp-instance-key"
            | "lrp-container-key"
            | "actual_lrp_instance_key"
            | "instance_key"
            | "instance_guid"
                if is_object =>
            {
                scan.object(|scan, key| match key {
                    "instance_guid" => self.instance_guid.add_text(scan),
                    "cell_id" => self.cell_id.add_text(scan),
                    _ => scan.skip(0).map(drop),
                })
            }
            "instance-guid" | "instance_guid" => self.instance_guid.add_text(scan),
            "lrp-key" | "actual_lrp_key" | "lrp_key" | "key" if is_object => {
                scan.object(|scan, key| match key {
                    "process_guid" => self.process_guid.add_text(scan),
                    "index" => self.index.add_number(scan),
                    "domain" => self.domain.add_text(scan),
                    _ => scan.skip(0).map(drop),
                })
            }
            "process-guid" | "process_guid" => self.process_guid.add_text(scan),
            "index" => self.beside.add_number(scan),
            "net_info" | "net-info" if is_object => scan.object(|scan, key| match key {
                "instance_address" => self.container_ip.add_address(scan),
                "address" => self.cell_ip.add_address(scan),
                "instance_ipv6_address" => self.container_ipv6.add_address(scan),
                _ => scan.skip(0).map(drop),
            }),
            "info" | "config" | "failed-request" | "request" if is_object => None,
            "request" => self.request.add_text(scan),
            _ => scan.skip(0).map(drop),
        }
    }
}

/// A pass over JSON as Go prints it: no blank between tokens, and no escape or control character
/// anywhere.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

/// Go's own data nests a few levels deep.
const MAX_DEPTH: u32 = 16;

impl<'a> Scan<'a> {
    /// Begins at the start of a text; `None` if it has an escape or a control character.
    fn new(text: &'a [u8]) -> Option<Self> {
        // Checks all bytes in the same way, so that the compiler vectorises the loop, and no string
        // needs another check.
        let escapes = |b: &u8| u8::from(*b < 0x20) | u8::from(*b == b'\\');
        if text.iter().fold(0, |bad, b| bad | escapes(b)) != 0 {
            return None;
        }
        Some(Self { text: std::str::from_utf8(text).ok()?, at: 0 })
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn byte(&mut self, wanted: u8) -> Option<()> {
        (self.peek()? == wanted).then(|| self.at += 1)
    }

    /// Parses an object; the closure parses each member's value.
    fn object(&mut self, mut member: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        self.byte(b'{')?;
        if self.byte(b'}').is_some() {
            return Some(());
        }
        loop {
            let key = self.string()?;
            self.byte(b':')?;
            member(self, key)?;
            if self.byte(b',').is_none() {
                return self.byte(b'}');
            }
        }
    }

    /// Parses a string, and returns the text between its quotes.
    fn string(&mut self) -> Option<&'a str> {
        self.byte(b'"')?;
        let starts = self.at;
        let len = find::find(b'"', &self.text.as_bytes()[starts..])?;
        self.at = starts + len;
        self.byte(b'"')?;
        self.text.get(starts..starts + len)
    }

    /// Skips any value, and returns its text.
    fn skip(&mut self, depth: u32) -> Option<&'a str> {
        let starts = self.at;
        match self.peek()? {
            b'"' => drop(self.string()?),
            b'{' if depth < MAX_DEPTH => {
                self.object(|scan, _| scan.skip(depth + 1).map(drop))?;
            }
            b'[' if depth < MAX_DEPTH => {
                self.at += 1;
                while self.byte(b']').is_none() {
                    self.skip(depth + 1)?;
                    if self.byte(b',').is_none() {
                        self.byte(b']')?;
                        break;
                    } else if self.peek() == Some(b']') {
                        return None;
                    }
                }
            }
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            b'n' => self.word("null")?,
            _ => self.number()?,
        }
        self.text.get(starts..self.at)
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.text.as_bytes()[self.at..].starts_with(word.as_bytes()).then(|| self.at += word.len())
    }

    /// Skips digits, perhaps with a sign and decimals; an exponent needs the full parser.
    fn number(&mut self) -> Option<()> {
        let _ = self.byte(b'-');
        let zero = self.peek()? == b'0';
        let whole = self.digits();
        if whole == 0 || (zero && whole > 1) {
            return None;
        }
        if self.byte(b'.').is_some() && self.digits() == 0 {
            return None;
        }
        (!matches!(self.peek(), Some(b'e' | b'E'))).then_some(())
    }

    fn digits(&mut self) -> usize {
        let rest = &self.text.as_bytes()[self.at..];
        let len = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        self.at += len;
        len
    }
}
