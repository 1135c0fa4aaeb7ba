//! Bytes as lines, and a line without its wrappings.
//!
//! [`Lines`] cuts a stream at line feeds into [`RawLine`]s, and [`LogLines`] also joins the lines
//! of an indented JSON document ([`DocumentLines`]). [`Transcoder`] makes UTF-8 of UTF-16. A
//! [`Line`] peels off what transports put around a text: its [`Envelope`] has the time, machine and
//! program of the header, in one [`Dialect`]. [`Role`] is the kind of program that wrote the line,
//! and [`Proof`] what such a program's word proves.
//!
//! ```
//! use asg_core::line::Dialect;
//! use asg_core::{Line, Lines};
//!
//! let mut lines = Lines::new();
//! let mut hosts = Vec::new();
//! lines.push(b"<4>1 2024-05-06T07:09:12Z 10.0.16.15 kernel - - - [  639.014210] hello\n", |raw| {
//!     let line = Line::from(raw);
//!     let envelope = line.envelope();
//!     assert_eq!((envelope.dialect, envelope.body), (Dialect::Rfc5424, "hello".into()));
//!     hosts.push(envelope.host.unwrap().to_string());
//! });
//! assert_eq!(hosts, ["10.0.16.15"]);
//! ```

// Some transports escape their content: `/dev/kmsg` writes `\xNN`, journald and log shippers write
// JSON. That content has to be unescaped before it can be parsed, so a [`Line`] may own text. All
// others are borrowed. One line may carry several: an export's document, or a stream whose line
// feeds were lost.

pub(crate) mod envelope;
pub(crate) mod gather;
pub(crate) mod split;
pub(crate) mod transcode;
pub(crate) mod wrapped;

use std::sync::OnceLock;

pub use self::envelope::role::{Proof, Role};
pub use self::envelope::{Dialect, Envelope};
pub use self::gather::{DocumentLines, Form, LogLines, unfinished_document};
pub use self::split::{Lines, RawLine};
pub use self::transcode::Transcoder;
pub use self::wrapped::Head;
use self::wrapped::{Part, Unwrapped};
use crate::bytes::entities;
use crate::bytes::find::position;
use crate::bytes::text::Text;

/// One line of a log, ready to be parsed.
///
/// ```
/// use asg_core::Line;
///
/// let line = Line::new(br"4,31017,2343595381,-;caf\xc3\xa9 IN= OUT=eth0 ");
/// assert_eq!(line.envelope().body, "caf\u{e9} IN= OUT=eth0 ");
/// assert_eq!(line.envelope().uptime.unwrap().to_string(), "2343.595381");
/// ```
#[derive(Debug, Clone)]
pub struct Line<'a> {
    raw: &'a [u8],
    is_cut: bool,
    /// The machine, for a line that names none.
    instance: Option<&'a str>,
    /// The contents of its wrappings, once they are needed: most lines have a header that rules
    /// wrappings out.
    unwrapped: OnceLock<Option<Box<Unwrapped<'a>>>>,
    /// The contents of the line without its colours, or divided, if those are read.
    plain: OnceLock<Box<Unwrapped<'a>>>,
}

impl<'a> From<RawLine<'a>> for Line<'a> {
    fn from(raw: RawLine<'a>) -> Self {
        raw.line()
    }
}

/// ```
/// use asg_core::Line;
///
/// let text = String::from("[    1.000002] text");
/// assert_eq!(Line::from(&text).envelope().body, "text");
/// ```
impl<'a, T: AsRef<[u8]> + ?Sized> From<&'a T> for Line<'a> {
    fn from(text: &'a T) -> Self {
        Self::new(text.as_ref())
    }
}

impl<'a> Line<'a> {
    /// Takes any bytes. A line feed at the end, a carriage return, or both are dropped.
    ///
    /// ```
    /// use asg_core::Line;
    ///
    /// for end in ["", "\n", "\r\n", "\r"] {
    ///     let text = format!("[    1.000002] text{end}");
    ///     assert_eq!(Line::new(text.as_bytes()).envelope().body, "text");
    /// }
    /// ```
    #[inline]
    #[must_use]
    pub const fn new(raw: &'a [u8]) -> Self {
        let raw = if let [line @ .., b'\r', b'\n'] | [line @ .., b'\n' | b'\r'] = raw {
            line
        } else {
            raw
        };
        Self {
            raw,
            is_cut: false,
            instance: None,
            unwrapped: OnceLock::new(),
            plain: OnceLock::new(),
        }
    }

    /// Takes the first bytes of an over-long line; [`Lines`] skips the rest. Packets
    /// and lines about containers are damaged then, because more may have followed.
    ///
    /// ```
    /// use asg_core::{Line, Lines, Record};
    ///
    /// let mut lines = Lines::with_limit(60);
    /// let mut kinds = Vec::new();
    /// let packet = b"x IN= OUT=eth0 SRC=10.0.16.5 DST=10.0.16.20 LEN=28 TOS=0x00 PREC=0x00 \
    ///     TTL=64 ID=7 PROTO=2\n";
    /// lines.push(packet, |raw| {
    ///     assert!(raw.skipped > 0);
    ///     kinds.push(Record::classify(&Line::cut(raw.bytes)).kind());
    /// });
    /// assert_eq!(kinds, ["damaged"]);
    /// ```
    #[must_use]
    pub const fn cut(raw: &'a [u8]) -> Self {
        Self {
            raw,
            is_cut: true,
            instance: None,
            unwrapped: OnceLock::new(),
            plain: OnceLock::new(),
        }
    }

    /// Names the line's machine, if the caller knows it. Records of the line have this BOSH
    /// instance, unless the line names a machine itself.
    ///
    /// ```
    /// use asg_core::{Line, Record};
    ///
    /// let id = "0455ec2b-11fa-41ab-9d1c-f3a575cd55ea";
    /// let named = "May  6 07:09:10 cell-1 kernel: text";
    /// for (text, cell) in [("[    1.000002] text", id), (named, "cell-1")] {
    ///     let line = Line::new(text.as_bytes()).of_instance(Some(id));
    ///     assert_eq!(Record::classify(&line).envelope.cell().as_deref(), Some(cell));
    /// }
    /// ```
    #[must_use]
    pub fn of_instance(self, instance: Option<&'a str>) -> Self {
        Self { instance, ..self }
    }

    /// Returns whether the rest of the line was skipped.
    ///
    /// ```
    /// use asg_core::Line;
    /// assert!(!Line::new(b"hello").is_cut());
    /// ```
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Returns the machine that the caller named.
    pub(crate) const fn instance(&self) -> Option<&'a str> {
        self.instance
    }

    /// Sets the machine of an envelope that names none.
    #[inline]
    pub(crate) fn name_machine<'e>(&'e self, envelope: &mut Envelope<'e>) {
        if let Some(instance) = self.instance
            && !envelope.names_machine()
        {
            envelope.instance = Some(Text::new(instance.as_bytes()));
        }
    }

    /// Returns the line as it stood in the log, without the bytes at its end that [`Line::new`]
    /// drops.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Returns the header of the line, and its body.
    ///
    /// ```
    /// use asg_core::Line;
    /// let line = Line::new(b"2024-05-06T07:09:10Z cell-1 kernel: [  637.581122] hello");
    /// assert_eq!(line.envelope().uptime.unwrap().to_string(), "637.581122");
    /// ```
    #[must_use]
    pub fn envelope(&self) -> Envelope<'_> {
        let mut envelope = Envelope::default();
        self.fill_envelope(&mut envelope);
        envelope
    }

    /// Parses the envelope in place: an envelope is large.
    #[inline]
    pub(crate) fn fill_envelope<'e>(&'e self, envelope: &mut Envelope<'e>) {
        if envelope::fill_common(self.raw, envelope) {
            return;
        }
        match self.unwrapped() {
            None => *envelope = envelope::any(self.raw),
            Some(unwrapped) => {
                *envelope = Envelope::default();
                unwrapped.first.fill_envelope(envelope);
            }
        }
    }

    fn unwrapped(&self) -> Option<&Unwrapped<'a>> {
        self.unwrapped.get_or_init(|| wrapped::unwrap(self.raw)).as_deref()
    }

    /// Returns whether the line, or a text in its wrappings, has colours. Of the latter only those
    /// count that were found already.
    #[inline]
    pub(crate) fn has_colours(&self) -> bool {
        let inside = || matches!(self.unwrapped.get(), Some(Some(texts)) if texts.has_colours());
        !self.is_cut && (memchr::memchr(0x1b, self.raw).is_some() || inside())
    }

    /// Returns the contents of the line without its colours.
    pub(crate) fn without_colours(&self) -> Box<Unwrapped<'static>> {
        wrapped::without_colours(self.raw)
    }

    /// Returns the lines that the line holds without line feeds between them; `None` if it is one.
    /// Those in its wrappings were divided already.
    pub(crate) fn divided(&self) -> Option<Box<Unwrapped<'a>>> {
        wrapped::divided(self.unwrapped_text().filter(|_| !self.is_cut).map(|_| self.raw)?)
    }

    /// Returns the contents of the line without HTML's entities; `None` if it has no quotes so.
    pub(crate) fn without_entities(&self) -> Option<Box<Unwrapped<'static>>> {
        let is_written_so = !self.is_cut && entities::has_quotes(self.unwrapped_text()?);
        is_written_so.then(|| wrapped::without_entities(self.raw))
    }

    /// Reads these contents from now on, and returns them.
    pub(crate) fn read_plain(&self, plain: Box<Unwrapped<'a>>) -> &Unwrapped<'a> {
        self.plain.get_or_init(|| plain)
    }

    /// Returns whether wrappings and layers were looked for.
    #[cfg(test)]
    pub(crate) fn is_searched(&self) -> bool {
        self.unwrapped.get().is_some()
    }

    /// Returns the lines behind the first one, once that was parsed.
    fn more(&self) -> &[Part<'a>] {
        if let Some(plain) = self.plain.get() {
            return &plain.more;
        }
        match self.unwrapped.get() {
            Some(Some(unwrapped)) => &unwrapped.more,
            _ => &[],
        }
    }

    /// Returns how many lines the line carries beside the first, once that was parsed.
    #[inline]
    pub(crate) fn count_more(&self) -> usize {
        self.more().len()
    }

    /// Parses the envelope of one of them.
    pub(crate) fn fill_envelope_of<'e>(&'e self, n: usize, envelope: &mut Envelope<'e>) {
        if let Some(part) = self.more().get(n) {
            part.fill_envelope(envelope);
        }
    }

    /// Returns the line itself, unless a wrapping was removed.
    #[inline]
    pub(crate) fn unwrapped_text(&self) -> Option<&[u8]> {
        match self.unwrapped.get() {
            Some(Some(_)) => None,
            _ => Some(self.raw),
        }
    }

    /// Returns false if the line certainly has no packet. Packets contain `IN=`, or `DST=` and
    /// others if their beginning is missing, unless a wrapping hides it behind an escape or in an
    /// array of bytes.
    ///
    /// ```
    /// use asg_core::Line;
    ///
    /// assert!(Line::new(b"kernel: TTL=63 ID=1 PROTO=2 ").may_hold_packet());
    /// assert!(!Line::new(br#"{"timestamp":"1","message":"a=b"}"#).may_hold_packet());
    /// ```
    #[must_use]
    pub fn may_hold_packet(&self) -> bool {
        let is_key = |at: usize| at > 0 && self.raw[at - 1].is_ascii_uppercase();
        memchr::memchr_iter(b'=', self.raw).any(is_key)
            || position!(b"\\u00", self.raw).is_some()
            || matches!(self.raw.trim_ascii_start(), [b'{', ..])
                && position!(b"MESSAGE\"", self.raw).is_some()
    }

    /// Returns whether the line is an object of journald's whose message is an array of bytes.
    pub(crate) fn has_message_of_bytes(&self) -> bool {
        const NAME: &[u8] = b"\"MESSAGE\"";
        self.unwrapped_text().is_none()
            && memchr::memmem::find_iter(self.raw, NAME).any(|at| {
                let behind = self.raw[at + NAME.len()..].trim_ascii_start();
                behind.strip_prefix(b":").is_some_and(|it| it.trim_ascii_start().starts_with(b"["))
            })
    }

    /// Converts an offset in the text that [`Line::envelope`] parses to one in the raw line. Inside
    /// escaped text it gives the nearest known place: where that text begins.
    ///
    /// ```
    /// use asg_core::Line;
    /// let line = Line::new(b"2024-05-06T07:09:10Z cell-1 kernel: [  637.581122] hello");
    /// assert_eq!(line.raw_offset(7), 7, "the line is not wrapped");
    /// ```
    #[must_use]
    pub fn raw_offset(&self, offset: usize) -> usize {
        if let Some(plain) = self.plain.get() {
            return plain.first.raw_offset(offset);
        }
        match self.unwrapped.get() {
            Some(Some(unwrapped)) => unwrapped.first.raw_offset(offset),
            _ => offset,
        }
    }

    /// Converts an offset in one of the further lines.
    pub(crate) fn raw_offset_of(&self, n: usize, offset: usize) -> usize {
        self.more().get(n).map_or(offset, |part| part.raw_offset(offset))
    }
}

/// Returns whether a text begins with `{"timestamp":"…","source":` or `{"timestamp":"…","level":`,
/// and no other object seems to follow without a line feed, nor to be in a string. Graylog's rows
/// begin so, too.
pub(crate) fn is_like_lager(text: &[u8]) -> bool {
    let holds_another =
        || may_hold_another(text) && (holds_object(text) || position!(b"IN=", text).is_some());
    begins_like_lager(text) && !holds_another()
}

/// As [`is_like_lager`], of the beginning alone.
pub(crate) fn begins_like_lager(text: &[u8]) -> bool {
    let Some(rest) = text.strip_prefix(br#"{"timestamp":""#) else { return false };
    let stamp = &rest[..rest.len().min(48)];
    let is_key = |end: usize| {
        [&br#","source":"#[..], br#","level":"#].iter().any(|key| rest[end + 1..].starts_with(key))
    };
    memchr::memchr(b'"', stamp).is_some_and(is_key)
}

/// Returns false if no object begins in a string of this part of a lager line, or behind an object,
/// and no packet is in it.
pub(crate) fn may_hold_another(text: &[u8]) -> bool {
    holds_object(text) || position!(b"OUT=", text).is_some()
}

fn holds_object(text: &[u8]) -> bool {
    position!(br#"}{""#, text).is_some() || position!(br#"{\""#, text).is_some()
}
