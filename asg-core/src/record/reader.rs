//! The stateful reader: parses lines, and remembers how lines begin.
//!
//! All kernel lines of one machine have one header between the stamp and the uptime, and all
//! packets of one sender begin alike, up to the source address. Lager lines about one container
//! often have the same data. The reader parses each such text once, keeps where its fields lie,
//! and knows it again by its bytes, or by a digest of them. It never decides anything:
//! [`Reader::classify`] equals [`Record::classify`] for every line, whatever came before, and the
//! tests hold it to that.
//!
//! Digests have 64 bits and secret seeds. Texts that differ have one digest in fewer than one of
//! 10¹⁸ comparisons, and nobody can make such texts. The texts themselves would take most of the
//! processor's cache.

mod headers;
mod heads;
mod said;

pub(crate) use self::headers::Header;
use self::headers::Headers;
use self::heads::{Heads, KnownHead};
pub(crate) use self::said::KnownSaid;
pub(crate) use self::said::MOST_DATA;
use self::said::Said;
use super::quiet::is_quiet;
use super::{Content, Record};
use crate::bytes::hash::Seeds;
use crate::bytes::text::Text;
use crate::line::Line;
use crate::line::envelope::Envelope;
use crate::line::envelope::role::{Proof, Role};
use crate::packet::{Address, Packet, Tail};
use crate::prefix::LogPrefix;
use crate::time::{LogTime, Uptime};

/// Parses lines quickly where they resemble earlier ones.
///
/// A reader belongs to one thread. Which lines it has seen never changes what it returns, only how
/// fast. Its memory is bounded: 16,384 headers, 65,536 packet heads, and of lager lines 1,024
/// openings and the data of 8,192.
///
/// # Example
///
/// ```
/// use asg_core::{Line, Reader, Record};
///
/// let mut reader = Reader::new();
/// for port in [80, 443] {
///     let text = format!("2018-04-03T17:05:02.358719+00:00 cell-1 kernel: [1468637.581122] x IN= OUT=eth0 SRC=10.0.16.5 \
///         DST=10.0.16.20 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=7 DF PROTO=TCP SPT=4242 DPT={port} WINDOW=8192 RES=0x00 SYN \
///         URGP=0 ");
///     let line = Line::new(text.as_bytes());
///     let record = reader.classify(&line);
///     assert_eq!(record.packet().unwrap().0.ip.dpt, Some(port));
///     assert_eq!(record, Record::classify(&line));
/// }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Reader {
    /// Those of the digests by which texts are known.
    seeds: Seeds,
    headers: Headers,
    heads: Heads,
    said: Said,
}

/// The cached beginnings of a line, as numbers of the reader that returned them.
///
/// Records are compared by content, so all memos are equal.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memo {
    /// The header. Lines with one number name one machine and one program.
    pub(crate) header: Option<u32>,
    /// The head of the packet. Lines with one number have one log prefix, except its tag, and one
    /// pair of interfaces.
    pub(crate) head: Option<u32>,
    /// The role of the line's program, once it was looked up.
    pub(crate) role: Option<Role>,
    /// The data of the lager line. Lines with one number have the same facts about one container,
    /// and differ in time, source and message.
    pub(crate) data: Option<u64>,
    /// Whether the whole line [is quiet](super::quiet); false if that was not asked.
    pub(super) is_quiet: bool,
}

impl PartialEq for Memo {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// A common packet line whose header and head are remembered: all of its fields, in little room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Glimpse<'a> {
    header: Header,
    head: KnownHead,
    pub(crate) body: &'a [u8],
}

impl Glimpse<'_> {
    /// Returns the number of the header.
    pub(crate) const fn header(&self) -> u32 {
        self.header.number
    }

    /// Returns the number of the head.
    pub(crate) const fn head(&self) -> u32 {
        self.head.number
    }

    /// Returns the digest of the head's text behind the tag.
    pub(crate) const fn head_digest(&self) -> u64 {
        self.head.digest
    }

    /// Returns the source address.
    pub(crate) const fn src(&self) -> Address {
        self.head.src
    }

    /// Returns the fields behind the source address.
    pub(crate) const fn tail(&self) -> &Tail {
        &self.head.tail
    }

    /// Returns the source address, if it is behind the head.
    pub(crate) fn src_behind(&self) -> Option<Address> {
        Some(self.head.src).filter(|_| !self.head.has_src)
    }

    /// Returns the header's stamp.
    pub(crate) const fn time(&self) -> LogTime {
        self.header.time
    }

    /// Returns the kernel's uptime.
    pub(crate) const fn uptime(&self) -> Option<Uptime> {
        self.header.uptime
    }

    /// Returns the digits of the prefix's tag, as one number; 0 if it has none.
    pub(crate) fn tag(&self) -> u64 {
        self.head.tag.digits(self.body)
    }
}

/// A line at first sight.
#[derive(Debug)]
pub(crate) enum Sight<'a> {
    /// A common packet.
    Packet(Glimpse<'a>),
    /// A common lager line, with its header if it has one.
    Said(Option<Header>, KnownSaid<'a>),
    /// Any line, with its header if that is remembered.
    Other(Option<Header>),
}

impl Reader {
    /// Creates a reader that remembers nothing yet.
    ///
    /// ```
    /// use asg_core::{Line, Reader};
    /// assert_eq!(Reader::new().classify(&Line::new(b"hello")).kind(), "other");
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a reader whose [digests of heads](Glimpse::head_digest) have these seeds.
    pub(crate) fn seeded(seeds: Seeds) -> Self {
        Self { seeds, ..Self::default() }
    }

    /// Parses a line. Any bytes give a record.
    ///
    /// ```
    /// # use asg_core::{Line, Record};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// let line = Line::new(packet);
    /// let mut reader = asg_core::Reader::new();
    /// assert_eq!(reader.classify(&line), Record::classify(&line));
    /// ```
    #[must_use]
    pub fn classify<'a>(&mut self, line: &'a Line<'_>) -> Record<'a> {
        let sight = self.sight(line);
        self.record(line, &sight)
    }

    /// Looks up how the line begins.
    #[inline]
    pub(crate) fn sight<'a>(&mut self, line: &'a Line<'_>) -> Sight<'a> {
        // Of an over-long line nothing is common.
        let Some(text) = line.unwrapped_text().filter(|_| !line.is_cut()) else {
            return Sight::Other(None);
        };
        let Some(header) = self.headers.find(text) else {
            // Without a header, the line might be a wrapping.
            return match self.said.find(self.seeds, text) {
                Some(said) if said.is_plain => Sight::Said(None, said),
                _ => Sight::Other(None),
            };
        };
        if self.headers.proves_packets(header.number)
            && let body = &text[header.body_at..]
            && let heads = &mut self.heads
            && let Some(head) =
                heads.find(self.seeds, body).or_else(|| heads.learn(self.seeds, body))
        {
            return Sight::Packet(Glimpse { header, head, body });
        }
        if let body @ [b'{', ..] = &text[header.body_at..]
            && self.headers.role(header.number).proves(Proof::Lager)
            && let Some(said) = self.said.find(self.seeds, body)
        {
            return Sight::Said(Some(header), said);
        }
        Sight::Other(Some(header))
    }

    /// Returns the log prefix of a packet, as a text and parsed.
    pub(crate) fn prefix<'a>(&self, glimpse: &Glimpse<'a>) -> (&'a [u8], LogPrefix<'a>) {
        self.heads.prefix(glimpse.head(), glimpse.body)
    }

    /// Parses the line of a sight.
    pub(crate) fn record<'a>(&mut self, line: &'a Line<'_>, sight: &Sight<'a>) -> Record<'a> {
        // Most lines are packets, and a packet is large: it is filled where it lies.
        let mut record = Record::new_packet();
        match sight {
            Sight::Packet(glimpse) => {
                let text = line.unwrapped_text().unwrap_or_default();
                self.headers.restore(&glimpse.header, text, &mut record.envelope);
                let Content::Packet { packet, cf } = &mut record.content else { return record };
                self.heads.restore(&glimpse.head, glimpse.body, packet, cf);
                let number = glimpse.header.number;
                let role = Some(self.headers.role(number));
                let (header, head) = (Some(number), Some(glimpse.head()));
                record.memo = Memo { header, head, role, ..Memo::default() };
            }
            Sight::Other(Some(header)) => {
                let text = line.unwrapped_text().unwrap_or_default();
                self.headers.restore(header, text, &mut record.envelope);
                record.memo.header = Some(header.number);
                let role = self.headers.role(header.number);
                record.memo.role = Some(role);
                self.fill_content(line, role, &mut record);
            }
            Sight::Said(header, said) => {
                let text = line.unwrapped_text().unwrap_or_default();
                match header {
                    Some(header) => {
                        self.headers.restore(header, text, &mut record.envelope);
                        record.memo.header = Some(header.number);
                    }
                    None => record.envelope.body = Text::new(text),
                }
                let role = record.envelope.role();
                record.memo.role = Some(role);
                match self.said.event(said) {
                    Some(event) => {
                        record.content = Content::Rep(event);
                        record.memo.data = Some(said.data);
                    }
                    None => self.fill_content(line, role, &mut record),
                }
            }
            Sight::Other(None) => {
                line.fill_envelope(&mut record.envelope);
                // A header with colours is not remembered.
                let text = line.unwrapped_text().filter(|_| !line.has_colours());
                let role = record.envelope.role();
                record.memo.role = Some(role);
                record.memo.header =
                    text.and_then(|text| self.headers.remember(text, &record.envelope, role));
                if line.is_cut() {
                    record.fill_content(line);
                } else if line.has_colours() {
                    record.fill_content(line);
                    record.read_again(line);
                } else if !self.fill_known(&mut record) {
                    self.fill_content(line, role, &mut record);
                }
            }
        }
        line.name_machine(&mut record.envelope);
        record
    }

    /// Parses the content of a line, and remembers what other lines may have in common with it.
    fn fill_content<'a>(&mut self, line: &'a Line<'_>, role: Role, record: &mut Record<'a>) {
        let text = line.unwrapped_text();
        record.memo.is_quiet = !line.is_cut() && text.is_some_and(is_quiet);
        record.fill_content(line);
        let is_damaged = matches!(record.content, Content::Damaged(_));
        if (is_damaged || !record.memo.is_quiet) && record.read_again(line) {
            return;
        }
        let body = record.envelope.body.as_bytes();
        if let Content::Rep(event) = &record.content
            && (record.memo.header.is_some() || is_bare(line, record))
            && body.starts_with(b"{")
            && role.proves(Proof::Lager)
            && !line.is_cut()
        {
            record.memo.data = self.said.remember(self.seeds, body, event);
        }
        self.remember_head(record);
    }

    /// Fills a packet whose head is remembered, of a line whose header is not.
    fn fill_known(&self, record: &mut Record<'_>) -> bool {
        // Only in a line that the kernel wrote itself does its text count as a packet.
        // And one whose wrapping is cut may be cut, too.
        let envelope = &record.envelope;
        if envelope.uptime.is_none() || envelope.is_cut || !record.proves(Proof::Packet) {
            return false;
        }
        let body = record.envelope.body.as_bytes();
        let Some(known) = self.heads.find(self.seeds, body) else { return false };
        let Content::Packet { packet, cf } = &mut record.content else { return false };
        self.heads.restore(&known, body, packet, cf);
        record.memo.head = Some(known.number);
        true
    }

    fn remember_head(&mut self, record: &mut Record<'_>) {
        let Content::Packet { cf: Some(cf), .. } = &record.content else { return };
        if let Some(header) = record.memo.header
            && record.envelope.proves(Proof::Packet)
        {
            self.headers.set_proves_packets(header);
        }
        let body = record.envelope.body.as_bytes();
        record.memo.head = self.heads.remember(self.seeds, body, cf);
    }
}

/// Returns whether a line has no header, and begins as lager's lines do.
fn is_bare(line: &Line<'_>, record: &Record<'_>) -> bool {
    line.unwrapped_text().is_some_and(|text| text.starts_with(b"{\"timestamp\":"))
        && record.envelope.body_at == 0
}

impl Record<'_> {
    /// Returns a record of no line, with an empty packet, into which fields can be written.
    ///
    /// ```
    /// use asg_core::Record;
    /// let record = Record::of_packet();
    /// assert_eq!((record.kind(), record.packet().unwrap().0.ip.dst), ("packet", None));
    /// ```
    #[must_use]
    pub fn of_packet() -> Self {
        Self::new_packet()
    }

    /// Returns a record in whose place another is parsed.
    pub(super) fn new_packet() -> Self {
        Self {
            envelope: Envelope::default(),
            content: Content::Packet { packet: Packet::default(), cf: None },
            header_not_understood: None,
            memo: Memo::default(),
            part_of: None,
        }
    }
}

#[cfg(test)]
mod tests;
