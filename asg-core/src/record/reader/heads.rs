//! Heads of packet lines that were read before.

use std::net::Ipv4Addr;
use std::ops::Range;

use hashbrown::HashTable;

use crate::bytes::hash::{Seeds, hash};
use crate::bytes::text::Text;
use crate::bytes::work;
use crate::guid::HandlePrefix;
use crate::packet::{Address, Family, Head, Packet, Tail};
use crate::prefix::{Direction, LogPrefix, Plane, Subject, TagSpan, Verdict};
use crate::record::content::MAX_IPTABLES_PREFIX;

/// Heads: the text of packet lines up to the source address, and with it where the prefix names the
/// sender.
///
/// A head is known by a digest of 64 bits: of 65,536 heads, two have the same one in fewer than one
/// of 10⁹ logs. Heads that differ only in the tag of a policy are one, since each pair of apps that
/// may talk would have a head of its own otherwise.
#[derive(Debug, Clone, Default)]
pub(super) struct Heads {
    /// By their [long keys](long_key).
    by_start: HashTable<KnownText>,
    /// Heads that are too short for that, by their first bytes.
    short: HashTable<KnownText>,
    /// By number: the rest.
    parts: Vec<Parts>,
}

/// The text of a head: all that a look-up needs. It lies in the table itself and takes 24 bytes,
/// since each packet needs one of thousands; a test holds its size.
#[derive(Debug, Clone, Copy)]
struct KnownText {
    /// That of the text behind the tag.
    digest: u64,
    key: Key,
    number: u32,
    /// The length of the text behind the tag.
    len: u16,
    tag: TagSpan,
    src: Source,
}

/// The place of the source address of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// In the text of the head, whose address this is.
    V4(Ipv4Addr),
    /// In the text of the head; [`Parts`] has it.
    V6,
    /// Behind the head.
    Behind(Family),
}

/// The hash by which a head is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key(u32);

/// The meaning of a head.
#[derive(Debug, Clone)]
struct Parts {
    family: Family,
    /// The source address, if it is part of the text.
    src: Option<Address>,
    prefix: usize,
    in_if: Range<usize>,
    out_if: Range<usize>,
    link: Option<Range<usize>>,
    verdict: Verdict,
    plane: Plane,
    direction: Direction,
    subject: Subject,
    handle: Option<Range<usize>>,
    tag: Option<Range<usize>>,
}

/// A packet line whose head is remembered.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownHead {
    pub(super) number: u32,
    /// The digest of the head's text behind the tag.
    pub(super) digest: u64,
    pub(super) src: Address,
    /// Whether the source address is in the head's text.
    pub(super) has_src: bool,
    pub(super) tag: TagSpan,
    pub(super) tail: Tail,
}

/// How many heads are remembered, about 13 MB.
const MOST: usize = 1 << 16;

/// The bytes that short heads are looked up by. No head is shorter.
const SHORT: usize = 24;

/// The bytes that heads are looked up by. They show the handle and the container's interface, since
/// the containers of one app may have one prefix.
const LONG: usize = 48;

/// The bytes that heads with a tag are looked up by. They show the app, and in the link header
/// which of its containers it is.
const LONG_TAGGED: usize = 80;

/// How many heads that begin alike are remembered.
const MOST_ALIKE: usize = 8;

impl Heads {
    /// Looks up the head of a packet line, and parses what follows; `None` if that is not whole and
    /// common.
    #[inline]
    pub(super) fn find(&self, seeds: Seeds, body: &[u8]) -> Option<KnownHead> {
        let tag = TagSpan::of(body);
        let behind_tag = tag.rest(body);
        let find = |table: &'_ HashTable<KnownText>, key: Key| {
            let is_it = |known: &KnownText| {
                work::count(1);
                known.is_start_of(seeds, (tag, key), behind_tag)
            };
            table.find(key.hash(), is_it).copied()
        };
        let long = long_key(tag, behind_tag).and_then(|key| find(&self.by_start, key));
        let known = match long {
            None if !self.short.is_empty() => find(&self.short, short_key(behind_tag)?)?,
            found => found?,
        };
        let KnownText { number, digest, len, .. } = known;
        let rest = &behind_tag[usize::from(len)..];
        let has_src = !matches!(known.src, Source::Behind(_));
        let (src, family, behind) = match known.src {
            Source::V4(src) => (Address::V4(src), Family::Ipv4, rest),
            Source::V6 => (self.parts[number as usize].src?, Family::Ipv6, rest),
            Source::Behind(family) => {
                let (src, behind) = Head::source(rest, family)?;
                (src, family, behind)
            }
        };
        let tail = Tail::parse(behind, family)?;
        Some(KnownHead { number, digest, src, has_src, tag, tail })
    }

    /// Remembers the head of a line with a known header of the kernel's, and parses what follows;
    /// `None` if the line is not whole and common. The full way gives the same record, and takes
    /// longer.
    #[cold]
    pub(super) fn learn(&mut self, seeds: Seeds, body: &[u8]) -> Option<KnownHead> {
        let head = Head::split(body)?;
        // Longer ones may have a header in them, and only printable ones are read without a look
        // for colours and line feeds.
        let is_plain = |b: &u8| matches!(b, b' '..=b'~');
        if head.prefix.len() > MAX_IPTABLES_PREFIX || !head.prefix.iter().all(is_plain) {
            return None;
        }
        let cf = LogPrefix::classify(head.prefix)?;
        self.put(seeds, body, &head, &cf)
    }

    /// Remembers the head of a whole packet line, if it is a common one, and numbers it.
    pub(super) fn remember(
        &mut self,
        seeds: Seeds,
        body: &[u8],
        cf: &LogPrefix<'_>,
    ) -> Option<u32> {
        self.put(seeds, body, &Head::split(body)?, cf).map(|known| known.number)
    }

    fn put(
        &mut self,
        seeds: Seeds,
        body: &[u8],
        head: &Head<'_>,
        cf: &LogPrefix<'_>,
    ) -> Option<KnownHead> {
        // A brace may begin a JSON object.
        if matches!(body, [b'{' | b'[', ..]) {
            return None;
        }
        let tail = Tail::parse(&body[head.len..], head.family)?;
        // Many senders write to one container, each with an address of its own.
        let is_senders = cf.direction == Direction::Egress;
        let tag = TagSpan::of(body);
        let text = tag.rest(&body[..if is_senders { head.len } else { head.src_at }]);
        let found = |known: &KnownText| KnownHead {
            number: known.number,
            digest: known.digest,
            src: head.src,
            has_src: is_senders,
            tag,
            tail,
        };
        let (table, key) = match long_key(tag, text) {
            Some(key) => (&mut self.by_start, key),
            None => (&mut self.short, short_key(text)?),
        };
        let is_it = |known: &KnownText| {
            usize::from(known.len) == text.len() && known.is_start_of(seeds, (tag, key), text)
        };
        if let Some(known) = table.find(key.hash(), is_it) {
            return Some(found(known));
        }
        let len = u16::try_from(text.len()).ok()?;
        if self.parts.len() >= MOST || table.iter_hash(key.hash()).count() >= MOST_ALIKE {
            return None;
        }
        let range = |part: &[u8]| {
            let starts = part.as_ptr().addr() - body.as_ptr().addr();
            starts..starts + part.len()
        };
        let number = self.parts.len() as u32;
        let src = match (is_senders, head.src) {
            (true, Address::V4(src)) => Source::V4(src),
            (true, _) => Source::V6,
            (false, _) => Source::Behind(head.family),
        };
        let known = KnownText { digest: seeds.digest(text), key, number, len, tag, src };
        table.insert_unique(key.hash(), known, |known| known.key.hash());
        self.parts.push(Parts {
            family: head.family,
            src: is_senders.then_some(head.src),
            prefix: head.prefix.len(),
            in_if: range(head.in_if),
            out_if: range(head.out_if),
            link: head.link.map(range),
            verdict: cf.verdict,
            plane: cf.plane,
            direction: cf.direction,
            subject: cf.subject,
            handle: cf.handle_prefix.map(|handle| range(handle.as_bytes())),
            tag: cf.tag.map(|tag| range(tag.as_bytes())),
        });
        Some(found(&known))
    }

    /// Writes all fields of a packet line.
    pub(super) fn restore<'a>(
        &self,
        head: &KnownHead,
        body: &'a [u8],
        p: &mut Packet<'a>,
        cf: &mut Option<LogPrefix<'a>>,
    ) {
        let known = &self.parts[head.number as usize];
        p.family = known.family;
        p.prefix = Text::new(&body[..known.prefix]);
        p.in_if = Some(Text::new(&body[known.in_if.clone()]));
        p.out_if = Some(Text::new(&body[known.out_if.clone()]));
        p.mac_raw = known.link.clone().map(|link| Text::new(&body[link]));
        p.ip.src = Some(head.src);
        head.tail.put_into(p);
        *cf = Some(known.prefix_in(body));
    }

    /// Returns the log prefix of a line that begins with a head, as a text and parsed.
    pub(super) fn prefix<'a>(&self, number: u32, body: &'a [u8]) -> (&'a [u8], LogPrefix<'a>) {
        let parts = &self.parts[number as usize];
        (&body[..parts.prefix], parts.prefix_in(body))
    }
}

/// Returns the key of a text behind a tag; `None` if it is too short.
#[inline]
fn long_key(tag: TagSpan, behind: &[u8]) -> Option<Key> {
    let hash = if tag == TagSpan::NONE {
        behind.first_chunk().map(hash::<LONG>)
    } else {
        behind.first_chunk().map(hash::<LONG_TAGGED>)
    };
    hash.map(Key::of)
}

fn short_key(behind: &[u8]) -> Option<Key> {
    behind.first_chunk().map(hash::<SHORT>).map(Key::of)
}

impl Key {
    const fn of(hash: u64) -> Self {
        Self(hash as u32)
    }

    /// Returns the hash for a table, which takes its lowest and its highest bits.
    const fn hash(self) -> u64 {
        (self.0 as u64) | (self.0 as u64) << 32
    }
}

impl KnownText {
    /// Returns whether a line begins with this text, given its tag, its key, and the text behind
    /// the tag.
    #[inline]
    fn is_start_of(self, seeds: Seeds, (tag, key): (TagSpan, Key), behind_tag: &[u8]) -> bool {
        self.key == key
            && self.tag == tag
            && behind_tag
                .get(..usize::from(self.len))
                .is_some_and(|text| seeds.digest(text) == self.digest)
    }
}

impl Parts {
    fn prefix_in<'a>(&self, body: &'a [u8]) -> LogPrefix<'a> {
        LogPrefix {
            verdict: self.verdict,
            plane: self.plane,
            direction: self.direction,
            subject: self.subject,
            handle_prefix: self.handle.clone().map(|handle| HandlePrefix::of_ascii(&body[handle])),
            tag: self.tag.clone().map(|tag| Text::new(&body[tag])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_takes_little_of_the_cache() {
        assert_eq!(size_of::<KnownText>(), 24);
    }
}
