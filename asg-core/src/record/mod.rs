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

mod broken;
mod content;
pub(crate) mod decoder;
pub mod documents;
mod encoded;
mod line_feed;
pub(crate) mod outcome;
mod output;
pub(crate) mod owned;
mod quiet;
pub(crate) mod reader;
mod unread;

pub use self::content::{Content, Damaged, Part};
pub use self::decoder::{Decoded, Decoder, Diagnostic, DiagnosticKind, DiagnosticSink};
pub use self::outcome::{Outcome, OutcomeCounts, Outcomes};
pub use self::output::RecordOutput;
pub use self::owned::{RecordBuf, Records, records};
pub use self::reader::Reader;

use crate::bytes::find::position;
use crate::error::Error;
use crate::evidence::{Evidence, Origin, logger_evidence, rep_evidence};
use crate::line::Line;
use crate::line::envelope::role::{Proof, Role};
use crate::line::envelope::{Envelope, unknown};
use crate::line::wrapped;
use crate::packet::Packet;
use crate::prefix::LogPrefix;
use crate::time::{LogTime, Resolved, TimePolicy, TimeQuality, Timestamp, Uptime};

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
        record.read_again(line);
        line.name_machine(&mut record.envelope);
        record
    }

    /// Reads a line again that may hold more: without its colours, divided, or without entities.
    /// Returns whether it was read so.
    #[inline]
    fn read_again(&mut self, line: &'a Line<'_>) -> bool {
        let has_colours = line.has_colours();
        let is_plain = has_colours && self.without_colours(line);
        // Without colours, it is divided already.
        let is_divided = !is_plain && self.may_be_several() && self.divide(line);
        let is_damaged = !is_plain && !is_divided && matches!(self.content, Content::Damaged(_));
        let has_entities = is_damaged && self.without_entities(line);
        has_colours || is_divided || has_entities
    }

    /// Reads a damaged line again whose quotes are HTML's entities, if that shows more of it.
    #[cold]
    fn without_entities(&mut self, line: &'a Line<'_>) -> bool {
        let Some(plain) = line.without_entities() else { return false };
        let shows_more = Record::of_part(&plain.first).shows_more_than(self);
        if shows_more {
            *self = Self::of_part(&line.read_plain(plain).first);
        }
        shows_more
    }

    /// Reads a line that holds several without line feeds between them.
    #[cold]
    fn divide(&mut self, line: &'a Line<'_>) -> bool {
        let Some(lines) = line.divided() else { return false };
        *self = Self::of_part(&line.read_plain(lines).first);
        true
    }

    /// Returns whether the line's content was read in a way that several lines would be.
    #[inline]
    fn may_be_several(&self) -> bool {
        match &self.content {
            Content::Packet { packet, .. } => {
                packet.prefix.as_bytes().len() > content::MAX_IPTABLES_PREFIX
                    || packet.trailing().is_some()
            }
            Content::Damaged(_) => true,
            Content::Other => {
                let body = self.envelope.body.as_bytes();
                let is_object = matches!(body, [b'{' | b'[', ..]);
                !is_object && !self.memo.is_quiet && position!(b"{\"timestamp\":\"", body).is_some()
            }
            _ => false,
        }
    }

    /// Reads a line with colours again without them, if that shows more of it.
    #[cold]
    fn without_colours(&mut self, line: &'a Line<'_>) -> bool {
        let plain = line.without_colours();
        let shows_more = Record::of_part(&plain.first).shows_more_than(self);
        if shows_more {
            *self = Self::of_part(&line.read_plain(plain).first);
        }
        shows_more
    }

    fn of_part(part: &'a wrapped::Part<'_>) -> Self {
        let mut record = Self::new_packet();
        part.fill_envelope(&mut record.envelope);
        record.fill_content_at(|offset| part.raw_offset(offset));
        record
    }

    /// Returns whether a line without its colours shows more than with them. Another rule's log
    /// prefix may have colours of its own, so a packet with it stays as it is.
    fn shows_more_than(&self, coloured: &Record<'_>) -> bool {
        match &self.content {
            Content::Packet { cf: None, .. } => {
                self.header_not_understood.is_none()
                    && self.envelope.is_read()
                    && !matches!(coloured.content, Content::Packet { .. })
            }
            Content::Packet { .. }
            | Content::Rep(_)
            | Content::Logger(_)
            | Content::Document(_) => true,
            Content::Damaged(Damaged { part: Some(Part::Packet { cf, .. }), .. }) => cf.is_some(),
            Content::Damaged(Damaged { part, .. }) => part.is_some(),
            Content::Other => false,
        }
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
        self.content.fill(&self.envelope, role, self.memo.is_quiet);
        // A text that proves nothing is its writer's, with all its lines.
        if !self.memo.is_quiet && role.is_platform() {
            line_feed::refuse(&mut self.content, self.envelope.body.as_bytes());
        }
        if let Some(unread) = self.content.shorten_prefix(&self.envelope) {
            unknown::unread_end(unread, &mut self.envelope);
            // The end of the header may name another program.
            self.memo.role = None;
            self.header_not_understood = Some(place(self.envelope.body_at));
        } else if role == Role::Unseen && self.packet().is_some() {
            self.header_not_understood = Some(place(self.envelope.body_at));
        }
        if self.envelope.is_cut || self.header_not_understood.is_some() {
            self.damage_if_cut();
        }
        // The damage is in the line, and not in its body.
        if let Content::Damaged(damaged) = &mut self.content {
            let in_text = self.envelope.body_at + damaged.error.offset();
            damaged.error = damaged.error.clone().moved_to(place(in_text));
        }
    }

    /// Marks a packet as damaged whose line is cut, as the marks around it show.
    #[cold]
    fn damage_if_cut(&mut self) {
        let body = self.envelope.body.as_bytes();
        let Content::Packet { packet, cf } = &mut self.content else { return };
        let error = if self.envelope.is_cut || unknown::has_open_quote(body) {
            Error::cut(body.len(), "the end of what is around the line")
        } else if cf.is_some()
            && let Some(error) = packet.cut_before_ip(body)
        {
            error
        } else {
            return;
        };
        let part = Part::Packet { packet: std::mem::take(packet), cf: *cf };
        self.content = Content::Damaged(Damaged { error, part: Some(part) });
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

    /// Returns the stamp and the uptime, as far as they are those of the machine that the line
    /// names. A header that was not understood may have named any machine.
    pub(crate) fn clocks(&self) -> (LogTime, Option<Uptime>) {
        let Envelope { time, uptime, .. } = self.envelope;
        let is_known = self.header_not_understood.is_none() || self.envelope.names_machine();
        (time, uptime.filter(|_| is_known))
    }

    /// Returns the envelope with these [`clocks`](Self::clocks).
    pub(crate) fn envelope_of_clocks(&self) -> Envelope<'a> {
        let (time, uptime) = self.clocks();
        Envelope { time, uptime, ..self.envelope }
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
        RecordOutput::new(self, line, policy)
    }
}

#[cfg(test)]
mod tests;
