//! The whole content of one line, and readers of many lines.
//!
//! A [`Record`] has the envelope of a line and its [`Content`]: a packet with the meaning of its
//! prefix, a line about a container, a damaged one ([`Damaged`]), or another. [`RecordOutput`] is
//! the object of the JSON contract. Three readers make records, from the quickest to the easiest:
//!
//! * [`Reader`] takes lines one by one, remembers headers, and lends its records.
//! * [`Decoder`] takes bytes in pieces, and tells a [`DiagnosticSink`] what went wrong.
//! * [`records`] makes an iterator of a [`BufRead`](std::io::BufRead); each [`RecordBuf`] owns its
//!   line.
//!
//! [`Outcomes`] counts what became of lines.
//!
//! ```
//! use asg_core::{Content, records};
//!
//! let log: &[u8] = b"<4>1 2024-05-06T07:09:12Z 10.0.16.15 kernel - - - [  639.014210] \
//!     DENY_2d7e64b1-95c0-4f18-6a3b IN=s-010255073004 OUT=eth0 SRC=10.255.73.4 DST=203.0.113.25 \
//!     LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=7 PROTO=2 \n";
//! let mut packets = 0;
//! for record in records(log) {
//!     let (_, record) = record?;
//!     let is_packet = record.with(|record| matches!(record.content, Content::Packet { .. }));
//!     packets += u64::from(is_packet);
//! }
//! assert_eq!(packets, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod decoder;
pub mod documents;
mod line_feed;
pub(crate) mod outcome;
pub(crate) mod owned;
pub(crate) mod reader;

pub use self::decoder::{Decoded, Decoder, Diagnostic, DiagnosticKind, DiagnosticSink};
pub use self::outcome::{Outcome, OutcomeCounts, Outcomes};
pub use self::owned::{RecordBuf, Records, records};
pub use self::reader::Reader;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::bytes::text::Text;
use crate::bytes::trailing;
use crate::error::Error;
use crate::event::lager::{Glance, LagerEvent, LoggerEvent, RepEvent};
use crate::event::{self, app_log};
use crate::evidence::{Evidence, Origin, logger_evidence, rep_evidence};
use crate::line::Line;
use crate::line::envelope::role::{Proof, Role};
use crate::line::envelope::{Envelope, layers};
use crate::packet::{self, Packet};
use crate::prefix::LogPrefix;
use crate::time::{LogTime, Resolved, TimePolicy, TimeQuality, Timestamp};

/// One line, parsed: its envelope, and its content. Borrowed from its [`Line`].
///
/// # Example
///
/// ```
/// use asg_core::{Content, Line, Record};
///
/// let line = Line::new(b"<4>1 2024-05-06T07:09:10.581301+00:00 10.0.16.15 kernel - - [instance@47450 director=\"\" \
///     deployment=\"cf\" group=\"diego-cell\" az=\"z1\" id=\"0455ec2b-11fa-41ab-9d1c-f3a575cd55ea\"] [  637.581122] \
///     DENY_bfce786c-ab07-40ad-79f9 IN=s-010255073003 OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=60 TOS=0x00 PREC=0x00 \
///     TTL=63 ID=15946 DF PROTO=TCP SPT=51858 DPT=80 WINDOW=27400 RES=0x00 SYN URGP=0 ");
/// let record = Record::classify(&line);
/// assert_eq!(record.envelope.job.unwrap(), "diego-cell");
/// let Content::Packet { packet, cf } = record.content else { panic!() };
/// assert_eq!(packet.ip.dpt, Some(80));
/// assert_eq!(cf.unwrap().handle_prefix.unwrap().as_str(), "bfce786c-ab07-40ad-79f9");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Record<'a> {
    /// The header.
    pub envelope: Envelope<'a>,
    /// The content.
    pub content: Content<'a>,
    /// The byte of the line at which its header stops making sense, if it is a packet's: of its
    /// prefix, only the end was taken, or none if that shows nothing.
    pub header_not_understood: Option<usize>,
    pub(crate) memo: reader::Memo,
    /// The first line of the document that the line is a further line of.
    pub(crate) part_of: Option<u64>,
}

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

impl<'a> Record<'a> {
    /// Parses a line. Any bytes give a record.
    ///
    /// ```
    /// use asg_core::{Line, Record};
    /// assert_eq!(Record::classify(&Line::new(b"hello")).kind(), "other");
    /// ```
    // Inlined, so that the record is written where the caller wants it.
    #[inline]
    #[must_use]
    pub fn classify(line: &'a Line<'_>) -> Self {
        // Most lines are packets, and a packet is large: it is filled where it lies.
        let mut record = Self::new_packet();
        line.fill_envelope(&mut record.envelope);
        record.fill_content(line);
        line.name_machine(&mut record.envelope);
        record
    }

    /// Returns a record of the same line with a packet, which this fills in.
    pub(crate) fn with_packet(
        &self,
        fill: impl FnOnce(&mut Envelope<'a>, &mut Packet<'a>) -> LogPrefix<'a>,
    ) -> Self {
        let mut record = Self::new_packet();
        record.envelope = self.envelope;
        record.part_of = self.part_of;
        if let Content::Packet { packet, cf } = &mut record.content {
            *cf = Some(fill(&mut record.envelope, packet));
        }
        record
    }

    fn fill_content(&mut self, line: &Line<'_>) {
        self.fill_content_at(|offset| line.raw_offset(offset));
        if line.is_cut() {
            let content = std::mem::replace(&mut self.content, Content::Other);
            self.content = content.cut_at(line.raw().len());
        }
    }

    /// Parses the content; `place` converts an offset in the text to one in the line.
    fn fill_content_at(&mut self, place: impl Fn(usize) -> usize) {
        let role = self.role();
        self.memo.role = Some(role);
        self.content.fill(&self.envelope, role);
        line_feed::refuse(&mut self.content, self.envelope.body.as_bytes());
        if let Some(unread) = self.content.shorten_prefix(&self.envelope) {
            layers::unread_end(unread, &mut self.envelope);
            // The end of the header may name another program.
            self.memo.role = None;
            self.header_not_understood = Some(place(self.envelope.body_at));
        }
        // The damage is in the line, and not in its body.
        if let Content::Damaged(damaged) = &mut self.content {
            let in_text = self.envelope.body_at + damaged.error.offset();
            damaged.error = damaged.error.clone().moved_to(place(in_text));
        }
    }

    /// Reads all records of a line: the one that [`Record::classify`] gives, and those behind it,
    /// which a document of a log store has, or a stream of frames without line feeds.
    ///
    /// ```
    /// use asg_core::{Line, Record};
    ///
    /// let line = Line::new(br#"{"logEvents":[{"message":"2024-05-06T07:09:10Z cell-1 kernel: a IN= OUT=b SRC=1.2.3.4"},
    ///     {"message":"2024-05-06T07:09:11Z cell-1 kernel: b IN= OUT=b SRC=1.2.3.4"}]}"#);
    /// let prefixes = Record::all(&line).map(|record| record.packet().unwrap().0.prefix.to_string());
    /// assert_eq!(prefixes.collect::<Vec<_>>(), ["a ", "b "]);
    /// ```
    pub fn all(line: &'a Line<'_>) -> impl Iterator<Item = Self> {
        std::iter::once(Self::classify(line)).chain(Self::more(line))
    }

    /// Returns the records behind the first one, of a line that has been read: none, before.
    ///
    /// ```
    /// use asg_core::{Line, Record};
    /// assert_eq!(Record::more(&Line::new(b"hello")).count(), 0);
    /// ```
    pub fn more(line: &'a Line<'_>) -> impl Iterator<Item = Self> {
        (0..line.count_more()).map(move |n| {
            let mut record = Self::new_packet();
            line.fill_envelope_of(n, &mut record.envelope);
            record.fill_content_at(|offset| line.raw_offset_of(n, offset));
            line.name_machine(&mut record.envelope);
            record
        })
    }

    /// Parses a line strictly: damage is an error.
    ///
    /// # Errors
    ///
    /// If the line is a packet or JSON that is cut, split or malformed: the byte of the line at
    /// which that shows, and what was expected there. Any other line is [`Content::Other`], and not
    /// an error.
    ///
    /// ```
    /// use asg_core::{Line, Record};
    ///
    /// let line = Line::new(b"[ 2343.595381] x IN=eth0 OUT= SRC=10.254.0.10 DST=10.0.1");
    /// assert!(Record::parse(&line).unwrap_err().is_cut());
    /// assert_eq!(Record::parse(&Line::new(b"hello")).unwrap().kind(), "other");
    /// ```
    pub fn parse(line: &'a Line<'_>) -> Result<Self, Error> {
        let record = Self::classify(line);
        match record.content {
            Content::Damaged(damaged) => Err(damaged.error),
            _ => Ok(record),
        }
    }

    /// Returns when it happened; see [`Record::resolved_time`].
    ///
    /// ```
    /// use asg_core::{Line, Record, TimePolicy};
    /// let line = Line::new(b"2024-05-06T07:09:10+00:00 cell-1 kernel: [637.5] hello");
    /// let time = Record::classify(&line).time(&TimePolicy::default()).unwrap();
    /// assert_eq!(time.to_string(), "2024-05-06T07:09:10Z");
    /// ```
    #[must_use]
    pub fn time(&self, policy: &TimePolicy) -> Option<Timestamp> {
        self.resolved_time(policy).map(|resolved| resolved.time)
    }

    /// Returns when it happened, and whether the line shows that whole: its own stamp, or the
    /// envelope's, completed by the policy if it lacks a year or a zone, or else the kernel's
    /// uptime, if the policy has the time of boot. `None` without any of these.
    ///
    /// ```
    /// use asg_core::time::{TimeQuality, YearPolicy};
    /// use asg_core::{Line, Record, TimePolicy};
    ///
    /// let line = Line::new(b"Jun 16 23:18:38 localhost kernel: hello");
    /// let record = Record::classify(&line);
    /// assert_eq!(record.resolved_time(&TimePolicy::default()), None);
    /// let policy = TimePolicy { year: YearPolicy::Fixed(2017), ..TimePolicy::default() };
    /// assert_eq!(record.resolved_time(&policy).unwrap().quality, TimeQuality::Completed);
    /// ```
    #[must_use]
    pub fn resolved_time(&self, policy: &TimePolicy) -> Option<Resolved> {
        self.own_time()
            .map(|time| Resolved { time, quality: TimeQuality::Read })
            .or_else(|| self.envelope.time.resolve(policy))
            .or_else(|| self.envelope.uptime?.resolve(policy))
    }

    /// Returns the instant in the text behind the header.
    pub(crate) fn own_time(&self) -> Option<Timestamp> {
        match &self.content {
            Content::Rep(event) => event.time,
            Content::Logger(event) => event.time,
            Content::Damaged(damaged) => damaged.rep().and_then(|event| event.time),
            Content::Other if self.proves(Proof::Lager) => {
                crate::event::lager::stamp_of(self.envelope.body.as_bytes())
            }
            Content::Packet { .. } | Content::Document(_) | Content::Other => None,
        }
    }

    /// Returns the packet and the meaning of its prefix, also of a damaged line; `None` if the line
    /// is not a packet.
    ///
    /// ```
    /// # use asg_core::{Line, Record};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// let line = Line::new(packet);
    /// let record = Record::classify(&line);
    /// let (packet, cf) = record.packet().unwrap();
    /// assert_eq!((packet.ip.dpt, cf.is_some()), (Some(53), true));
    /// ```
    #[must_use]
    pub const fn packet(&self) -> Option<(&Packet<'a>, Option<&LogPrefix<'a>>)> {
        match &self.content {
            Content::Packet { packet, cf }
            | Content::Damaged(Damaged { part: Some(Part::Packet { packet, cf }), .. }) => {
                Some((packet, cf.as_ref()))
            }
            _ => None,
        }
    }

    /// Returns the packet of a line whose writer may report packets. Correlations count only these.
    ///
    /// ```
    /// use asg_core::{Line, Record};
    ///
    /// let packet = "OK_x IN= OUT=eth0 SRC=10.0.16.5 DST=10.0.16.20 LEN=28 TOS=0x00 PREC=0x00 \
    ///     TTL=64 ID=7 PROTO=2 ";
    /// let is_proven = |header: &str| {
    ///     let line = format!("{header}{packet}");
    ///     let line = Line::new(line.as_bytes());
    ///     let record = Record::classify(&line);
    ///     assert_eq!(record.kind(), "packet");
    ///     assert_eq!(record.not_platform(), record.proven_packet().is_none());
    ///     record.proven_packet().is_some()
    /// };
    /// assert!(is_proven("Jun 16 23:18:38 cell-1 kernel: [87921.493829] "));
    /// assert!(!is_proven("Jun 16 23:18:38 cell-1 sshd[71]: [87921.493829] "));
    /// ```
    #[must_use]
    pub fn proven_packet(&self) -> Option<(&Packet<'a>, Option<&LogPrefix<'a>>)> {
        self.packet().filter(|_| self.proves(Proof::Packet))
    }

    /// Returns whether the platform wrote the line, judged by its envelope. Times of other lines
    /// prove nothing.
    ///
    /// ```
    /// # use asg_core::{Line, Record};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// let line = Line::new(packet);
    /// assert!(Record::classify(&line).is_platform());
    /// ```
    #[must_use]
    pub fn is_platform(&self) -> bool {
        self.role().is_platform()
    }

    /// Returns the role of the program that wrote the line.
    fn role(&self) -> Role {
        self.memo.role.unwrap_or_else(|| self.envelope.role())
    }

    fn proves(&self, proof: Proof) -> bool {
        self.role().proves(proof)
    }

    /// As [`Envelope::is_kernel`].
    pub(crate) fn is_kernel(&self) -> bool {
        self.envelope.is_kernel_as(self.role())
    }

    /// Returns whether the line holds a packet's text, and its writer is not one that reports
    /// packets.
    ///
    /// ```
    /// # use asg_core::{Line, Record};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// let line = Line::new(packet);
    /// assert!(!Record::classify(&line).not_platform());
    /// ```
    #[must_use]
    pub fn not_platform(&self) -> bool {
        self.packet().is_some() && !self.proves(Proof::Packet)
    }

    /// Returns whether the whole log prefix is in the line, if it is a packet's: not if its header
    /// was not understood, or its beginning is missing.
    pub(crate) fn shows_prefix(&self) -> bool {
        if self.header_not_understood.is_some() {
            return false;
        }
        let Some((packet, None)) = self.packet() else { return true };
        let prefix = packet.prefix.as_bytes();
        let is_headless = match &self.content {
            Content::Damaged(Damaged { error, .. }) => {
                prefix.is_empty()
                    && packet.in_if.is_none()
                    && packet.out_if.is_none()
                    && !error.is_cut()
            }
            _ => false,
        };
        let is_bare = self.envelope.is_bare() && crate::prefix::may_be_end(prefix);
        !(is_headless || is_bare)
    }

    /// Hands on what the line proves about containers: nothing, for nearly all lines; one fact, or
    /// several where a line is a whole document. `origin` is where the line stood.
    ///
    /// ```
    /// use asg_core::{Line, Origin, Record, SourceId};
    ///
    /// let line = Line::new(br#"{"timestamp":"1498136872.8","source":"guardian","message":"guardian.destroy.finished",
    ///     "log_level":1,"data":{"handle":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"}}"#);
    /// let mut handles = Vec::new();
    /// let origin = Origin { source: SourceId(0), line: 7 };
    /// let record = Record::classify(&line);
    /// record.evidence(origin, |evidence| handles.push(evidence.handle.to_string()));
    /// assert_eq!(handles, ["d08bb414-cdba-4381-412a-e9ecc1b7d0f4"]);
    /// ```
    pub fn evidence(&self, origin: Origin, each: impl FnMut(Evidence)) {
        let shown = match self.envelope.time {
            LogTime::Instant(time) => Some(time),
            _ => None,
        };
        let found = match &self.content {
            Content::Rep(event) => rep_evidence(event, shown, origin),
            Content::Logger(event) => logger_evidence(event, origin),
            Content::Damaged(damaged) => {
                damaged.rep().and_then(|event| rep_evidence(event, shown, origin))
            }
            Content::Document(containers) => {
                return containers
                    .iter()
                    .filter_map(|event| rep_evidence(event, None, origin))
                    .for_each(each);
            }
            Content::Packet { .. } | Content::Other => None,
        };
        found.into_iter().for_each(each);
    }

    /// Returns the word of the output contract for the kind of line.
    ///
    /// ```
    /// # use asg_core::{Line, Record};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// let line = Line::new(packet);
    /// assert_eq!(Record::classify(&line).kind(), "packet");
    /// ```
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.content {
            Content::Packet { .. } => "packet",
            Content::Rep(_) | Content::Document(_) => "rep",
            Content::Logger(_) => "logger",
            Content::Other => "other",
            Content::Damaged(_) => "damaged",
        }
    }

    /// Returns the object of the output contract for the line with this number.
    ///
    /// ```
    /// # use asg_core::{Line, Record};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// let line = Line::new(packet);
    /// let policy = asg_core::TimePolicy::default();
    /// let json = serde_json::to_value(Record::classify(&line).to_output(7, &policy)).unwrap();
    /// assert_eq!((&json["line"], &json["kind"]), (&7.into(), &"packet".into()));
    /// ```
    #[must_use]
    pub const fn to_output<'r>(
        &'r self,
        line: u64,
        policy: &'r TimePolicy,
    ) -> RecordOutput<'r, 'a> {
        RecordOutput { record: self, line, policy, more: &[] }
    }
}

impl<'a> Content<'a> {
    /// Parses a body into this new packet, unless the body is a JSON object.
    fn fill(&mut self, envelope: &Envelope<'a>, role: Role) {
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
                return *self = Self::json(body, role);
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
        if self.packet(body, is_kernel) {
            return;
        }
        if envelope.is_bare() && self.end_of_packet(body) {
            return;
        }
        let told =
            if !is_kernel && proves(Proof::AccessLog) { app_log::classify(envelope) } else { None };
        *self = match told {
            Some(event) => Self::Rep(event),
            None if proves(Proof::Lager) && is_continuation(envelope) => {
                let error = Error::expected(0, "`{`, with which a JSON line begins");
                Self::Damaged(Damaged { error, part: None })
            }
            None => Self::Other,
        };
    }

    /// Shortens a prefix that is longer than possible, if the header was not understood. The part
    /// before it is the header, which is returned.
    fn shorten_prefix(&mut self, envelope: &Envelope<'_>) -> Option<&'a [u8]> {
        let (Self::Packet { packet, cf }
        | Self::Damaged(Damaged { part: Some(Part::Packet { packet, cf }), .. })) = self
        else {
            return None;
        };
        let header = packet.prefix.as_bytes();
        if header.len() <= MAX_IPTABLES_PREFIX || envelope.is_read() {
            return None;
        }
        let Some(end) = end_of_header(header) else { return Some(header) };
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

    fn json(body: &'a [u8], role: Role) -> Self {
        match LagerEvent::glance(body) {
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
        let (whole, marks) = trailing::divide(body);
        if !marks.is_empty() && LagerEvent::object(whole).is_ok() {
            return Self::json(whole, role);
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
    fn cut_at(self, len: usize) -> Self {
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
const MAX_IPTABLES_PREFIX: usize = 29;

/// Returns the prefix at the end of a header that was not understood: no more bytes than iptables
/// keeps, behind one that is of no word, and Cloud Foundry's.
fn end_of_header(text: &[u8]) -> Option<&[u8]> {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/');
    let from = text.len().saturating_sub(MAX_IPTABLES_PREFIX).max(1);
    let starts = (from..text.len()).filter(|at| !is_word(text[at - 1]));
    starts.map(|at| &text[at..]).find(|end| LogPrefix::classify(end).is_some())
}

/// `logger -t vcap.rep` splits long lines into several messages of the same name; all but the first
/// begin anywhere.
fn is_continuation(envelope: &Envelope<'_>) -> bool {
    let body = envelope.body.as_bytes();
    envelope.program.is_some_and(|program| program.as_bytes().starts_with(b"vcap."))
        && memchr::memmem::find(body, b"\":").is_some()
}

/// A record as the object of the output contract; see [`Record::to_output`].
#[derive(Debug, Clone, Copy)]
pub struct RecordOutput<'r, 'a> {
    record: &'r Record<'a>,
    line: u64,
    policy: &'r TimePolicy,
    more: &'r [Record<'a>],
}

impl<'r, 'a> RecordOutput<'r, 'a> {
    /// Adds the records behind this one on the line; see [`Record::all`].
    ///
    /// ```
    /// use asg_core::{Line, Record, TimePolicy};
    ///
    /// let line = Line::new(br#"[{"message":"a IN= OUT=b SRC=1.2.3.4"},{"message":"b IN= OUT=b SRC=1.2.3.4"}]"#);
    /// let records: Vec<_> = Record::all(&line).collect();
    /// let policy = TimePolicy::default();
    /// let output = records[0].to_output(1, &policy).with_more(&records[1..]);
    /// let output = serde_json::to_value(output)?;
    /// assert_eq!(output["more"][0]["packet"]["prefix"], "b ");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub const fn with_more(self, more: &'r [Record<'a>]) -> Self {
        Self { more, ..self }
    }
}

impl Serialize for RecordOutput<'_, '_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let Self { record, line, policy, more } = *self;
        let mut map = s.serialize_map(None)?;
        map.serialize_entry("line", &line)?;
        let members = |record| Members { record, policy };
        members(record).serialize_into(&mut map)?;
        if !more.is_empty() {
            map.serialize_entry("more", &more.iter().map(members).collect::<Vec<_>>())?;
        }
        map.end()
    }
}

/// The content of a record, without the place of its line.
struct Members<'r, 'a> {
    record: &'r Record<'a>,
    policy: &'r TimePolicy,
}

impl Serialize for Members<'_, '_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(None)?;
        self.serialize_into(&mut map)?;
        map.end()
    }
}

impl Members<'_, '_> {
    fn serialize_into<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let Record { envelope, content, .. } = self.record;
        map.serialize_entry("kind", self.record.kind())?;
        map.serialize_entry("time", &self.record.time(self.policy))?;
        map.serialize_entry("host", &envelope.host)?;
        map.serialize_entry("job", &envelope.job)?;
        map.serialize_entry("index", &envelope.index)?;
        map.serialize_entry("instance", &envelope.instance)?;
        map.serialize_entry("uptime", &envelope.uptime)?;
        if let Some(first) = self.record.part_of {
            map.serialize_entry("part_of", &first)?;
        }
        let rep = match content {
            Content::Rep(event) => Some(event),
            // One object a line: the first container is written in the place of a single one, the
            // others behind it.
            Content::Document(containers) => {
                if let Some((first, more)) = containers.split_first() {
                    map.serialize_entry("rep", first)?;
                    map.serialize_entry("rep_more", more)?;
                }
                None
            }
            Content::Damaged(damaged) => damaged.rep(),
            Content::Logger(event) => {
                map.serialize_entry("logger", event)?;
                None
            }
            Content::Packet { .. } | Content::Other => None,
        };
        if let Some(repeated) = envelope.repeated {
            map.serialize_entry("repeated", &repeated)?;
        }
        if self.record.not_platform()
            && let Some(program) = envelope.writer()
        {
            map.serialize_entry("program", &program)?;
        }
        if let Some((packet, cf)) = self.record.packet() {
            if let Some(cf) = cf {
                map.serialize_entry("cf", cf)?;
            }
            map.serialize_entry("packet", packet)?;
            if let Some(trailing) = packet.trailing() {
                map.serialize_entry("trailing", &trailing)?;
            }
            if !packet.redacted().is_empty() {
                map.serialize_entry("redacted", packet.redacted())?;
            }
        } else if *content == Content::Other
            && let Some(writer) = packet::foreign::writer(envelope.body.as_bytes())
        {
            map.serialize_entry("writer", writer)?;
        }
        if let Some(event) = rep {
            map.serialize_entry("rep", event)?;
        }
        let body = envelope.body.as_bytes();
        if matches!(content, Content::Rep(_) | Content::Logger(_) | Content::Document(_))
            && matches!(body, [b'{' | b'[', ..])
            && let (_, marks @ [_, ..]) = trailing::divide(body)
        {
            map.serialize_entry("trailing", &Text::new(marks))?;
        }
        if let Content::Damaged(Damaged { error, .. }) = content {
            map.serialize_entry("error", error)?;
        }
        if let Some(offset) = self.record.header_not_understood {
            map.serialize_entry("header_not_understood", &Offset { offset })?;
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct Offset {
    offset: usize,
}

#[cfg(test)]
mod tests;
