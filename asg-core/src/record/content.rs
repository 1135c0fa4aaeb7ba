//! The content of a line: its body, read as what the writer of the line may prove.

use crate::bytes::colours::without_colours;
use crate::bytes::text::Text;
use crate::bytes::trailing;
use crate::error::Error;
use crate::event::lager::{Glance, LagerEvent, LoggerEvent, RepEvent};
use crate::event::{self, app_log};
use crate::line::envelope::role::{Proof, Role};
use crate::line::envelope::{Envelope, uptime_text};
use crate::packet::{self, Packet};
use crate::prefix::LogPrefix;

/// The content of a line.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "callers treat each")]
pub enum Content<'a> {
    /// A packet.
    Packet {
        /// Its fields.
        packet: Packet<'a>,
        /// The meaning of its prefix, if it is Cloud Foundry's.
        cf: Option<LogPrefix<'a>>,
    },
    /// A line about a container: lager's, from rep, executor, Garden or the BBS, or one of an app's
    /// log stream, of the router, or of a document.
    Rep(RepEvent<'a>),
    /// A whole document about several containers, on one line; see [`crate::record::documents`].
    Document(Vec<RepEvent<'a>>),
    /// A packet with an identity, from silk's iptables-logger.
    Logger(LoggerEvent<'a>),
    /// None of these.
    Other,
    /// A packet or JSON line that is cut, split or malformed.
    Damaged(Damaged<'a>),
}

/// The undamaged part of a damaged line.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Damaged<'a> {
    /// The error, with the byte offset into the line.
    pub error: Error,
    /// The part that could be parsed.
    pub part: Option<Part<'a>>,
}

/// The part of a damaged line that could be parsed.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "as in `Content`")]
#[non_exhaustive]
pub enum Part<'a> {
    /// Of a packet.
    Packet {
        /// Its fields.
        packet: Packet<'a>,
        /// The meaning of its prefix, if it is Cloud Foundry's.
        cf: Option<LogPrefix<'a>>,
    },
    /// Of a lager line about a container.
    Rep(RepEvent<'a>),
}

impl<'a> Damaged<'a> {
    /// Returns the part of a lager line about a container that could be parsed.
    ///
    /// ```
    /// use asg_core::{Content, Line, Record};
    /// let line = Line::new(b"x IN=eth0 OUT= SRC=10.254.0.10 DST=10.0.1");
    /// let Content::Damaged(damaged) = Record::classify(&line).content else { panic!() };
    /// assert!(damaged.rep().is_none(), "it is a packet");
    /// ```
    #[must_use]
    pub const fn rep(&self) -> Option<&RepEvent<'a>> {
        match &self.part {
            Some(Part::Rep(event)) => Some(event),
            _ => None,
        }
    }
}

impl<'a> Content<'a> {
    /// Parses a body into this new packet, unless the body is a JSON object. `is_quiet` is true if
    /// the body [is quiet](super::quiet) for certain.
    pub(super) fn fill(&mut self, envelope: &Envelope<'a>, role: Role, is_quiet: bool) {
        let proves = |proof| role.proves(proof);
        // An app can print anything into its log. `app_log` reads the platform's own lines there.
        if role == Role::Stream
            && let Some(event) = app_log::classify(envelope)
        {
            return *self = Self::Rep(event);
        }
        let body = envelope.body.as_bytes();
        match body {
            [b'{', ..] if [Proof::Lager, Proof::Logger].into_iter().any(proves) => {
                return *self = Self::json(body, role, is_quiet);
            }
            [b'[', ..] if proves(Proof::Document) && event::documents::may_be_array(body) => {
                if let Some(content) = Self::array(body) {
                    return *self = content;
                }
            }
            _ => {}
        }
        // Only in a line of the kernel can a piece of `IN=… OUT=…` be recognised.
        let is_kernel = envelope.is_kernel_as(role);
        // A user may put anything into a request, and the router quotes it.
        if !is_kernel
            && proves(Proof::AccessLog)
            && let Some(event) = app_log::classify(envelope)
        {
            return *self = Self::Rep(event);
        }
        if self.packet(body, is_kernel) {
            return;
        }
        if envelope.is_bare() && self.end_of_packet(body) {
            return;
        }
        *self = if proves(Proof::Lager) && is_continuation(envelope) {
            let error = Error::expected(0, "`{`, with which a JSON line begins");
            Self::Damaged(Damaged { error, part: None })
        } else {
            Self::Other
        };
    }

    /// Shortens a prefix that is longer than possible, if the header was not understood. The part
    /// before it is the header, which is returned.
    pub(super) fn shorten_prefix(&mut self, envelope: &Envelope<'_>) -> Option<&'a [u8]> {
        let (Self::Packet { packet, cf }
        | Self::Damaged(Damaged { part: Some(Part::Packet { packet, cf }), .. })) = self
        else {
            return None;
        };
        let header = packet.prefix.as_bytes();
        // Cloud Foundry's prefixes have no colours, so a tool has put these in. Another rule's
        // prefix may have them, if nothing is between the kernel's stamp and the prefix.
        if cf.is_none()
            && let Some(at) = memchr::memchr(0x1b, header)
            && (envelope.uptime.is_none()
                || LogPrefix::classify(&without_colours(header)).is_some())
        {
            return Some(&header[..at]);
        }
        if header.len() <= MAX_IPTABLES_PREFIX {
            return None;
        }
        let end = end_of_header(header);
        // A header may be longer than it seemed: no prefix has the kernel's stamp. But an object
        // before the stamp is a line by itself.
        let is_header = |end: &[u8]| ends_with_stamp(&header[..header.len() - end.len()]);
        if envelope.is_read() && (envelope.uptime.is_some() || !end.is_some_and(is_header)) {
            return None;
        }
        let Some(end) = end else { return Some(header) };
        packet.prefix = Text::new(end);
        *cf = LogPrefix::classify(end);
        Some(&header[..header.len() - end.len()])
    }

    /// Returns whether the body is a packet line, complete or not. On false, the packet's contents
    /// are unspecified.
    fn packet(&mut self, body: &'a [u8], is_kernel: bool) -> bool {
        let Self::Packet { packet, cf } = self else { return false };
        let Some(mut read) = packet.fill(body, is_kernel) else { return false };
        *cf = LogPrefix::classify(packet.prefix.as_bytes());
        if cf.is_some()
            && read.is_ok()
            && let Some(error) = packet.cut_before_ip(body)
        {
            read = Err(error);
        }
        if let Err(error) = read {
            if packet::foreign::writer(body).is_some() {
                *self = Self::Other;
                return true;
            }
            let part = Part::Packet { packet: std::mem::take(packet), cf: *cf };
            *self = Self::Damaged(Damaged { error, part: Some(part) });
        }
        true
    }

    /// Returns whether the body is the end of a packet's line, as a file begins with that was cut
    /// out of another.
    fn end_of_packet(&mut self, body: &'a [u8]) -> bool {
        let Self::Packet { packet, cf } = self else { return false };
        *packet = Packet::default();
        let Some(error) = packet.fill_end(body) else { return false };
        *cf = None;
        let part = Part::Packet { packet: std::mem::take(packet), cf: None };
        *self = Self::Damaged(Damaged { error, part: Some(part) });
        true
    }

    fn json(body: &'a [u8], role: Role, is_quiet: bool) -> Self {
        match LagerEvent::glance(body, is_quiet) {
            Glance::Rep(event) if role.proves(Proof::Lager) => Self::Rep(event),
            Glance::Rep(_) | Glance::Nothing => Self::Other,
            Glance::Unusual => Self::unusual_json(body, role),
        }
    }

    /// Parses JSON that needs the full parser.
    fn unusual_json(body: &'a [u8], role: Role) -> Self {
        let error = match LagerEvent::object(body) {
            Ok(object) => {
                return match LagerEvent::of(&object) {
                    LagerEvent::Rep(event) if role.proves(Proof::Lager) => Self::Rep(event),
                    LagerEvent::Logger(event) if role.proves(Proof::Logger) => Self::Logger(event),
                    LagerEvent::Other if role.proves(Proof::Document) => {
                        Self::of(event::documents::containers(&object))
                    }
                    _ => Self::Other,
                };
            }
            Err(error) => error,
        };
        let (whole, marks) = trailing::divide_object(body);
        if !marks.is_empty() && LagerEvent::object(whole).is_ok() {
            return Self::json(whole, role, false);
        }
        // A log prefix may begin with a brace.
        if let Ok(packet) = Packet::parse(body) {
            let cf = LogPrefix::classify(packet.prefix.as_bytes());
            return Self::Packet { packet, cf };
        }
        let part = match LagerEvent::parse_cut(body) {
            LagerEvent::Rep(event) if role.proves(Proof::Lager) => Some(Part::Rep(event)),
            _ => None,
        };
        Self::Damaged(Damaged { error, part })
    }

    /// Parses an array; `None` if the body is not one. Its end may be missing.
    fn array(body: &'a [u8]) -> Option<Self> {
        let (body, _) = trailing::divide(body);
        let error = match event::documents::containers_of_array(body) {
            Ok(containers) => return Some(Self::of(containers)),
            Err(error) => Error::of_json(body, &error),
        };
        error.is_cut().then_some(Self::Damaged(Damaged { error, part: None }))
    }

    fn of(mut containers: Vec<RepEvent<'a>>) -> Self {
        match containers.len() {
            0 => Self::Other,
            1 => containers.pop().map_or(Self::Other, Self::Rep),
            _ => Self::Document(containers),
        }
    }

    /// Marks a line as damaged whose rest, behind this many bytes, was skipped.
    pub(super) fn cut_at(self, len: usize) -> Self {
        let error = Error::cut(len, "the rest of a line that is longer than the limit");
        match self {
            Self::Packet { packet, cf } => {
                Self::Damaged(Damaged { error, part: Some(Part::Packet { packet, cf }) })
            }
            Self::Rep(event) => Self::Damaged(Damaged { error, part: Some(Part::Rep(event)) }),
            Self::Logger(_) | Self::Document(_) => Self::Damaged(Damaged { error, part: None }),
            content => content,
        }
    }
}

/// iptables keeps at most 29 bytes of a prefix (`xt_LOG.h`); nft keeps 127.
pub(super) const MAX_IPTABLES_PREFIX: usize = 29;

/// Returns the prefix at the end of a header that was not understood: no more bytes than iptables
/// keeps, behind one that is of no word, and Cloud Foundry's.
fn end_of_header(text: &[u8]) -> Option<&[u8]> {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/');
    let from = text.len().saturating_sub(MAX_IPTABLES_PREFIX).max(1);
    let starts = (from..text.len()).filter(|at| !is_word(text[at - 1]));
    starts.map(|at| &text[at..]).find(|end| LogPrefix::classify(end).is_some())
}

/// Returns whether a text ends with the kernel's stamp and a blank, and has no object before it.
fn ends_with_stamp(text: &[u8]) -> bool {
    if memchr::memmem::find(text, b"{\"").is_some() {
        return false;
    }
    let at = memchr::memrchr(b'[', text);
    let stamp =
        at.and_then(|at| uptime_text(text[at + 1..].strip_suffix(b"] ")?.trim_ascii_start()));
    stamp.is_some()
}

/// `logger -t vcap.rep` splits long lines into several messages of the same name; all but the first
/// begin anywhere.
fn is_continuation(envelope: &Envelope<'_>) -> bool {
    let body = envelope.body.as_bytes();
    envelope.program.is_some_and(|program| program.as_bytes().starts_with(b"vcap."))
        && memchr::memmem::find(body, b"\":").is_some()
}
