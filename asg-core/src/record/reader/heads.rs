//! Heads of packet lines that were read before.

use std::ops::Range;

use hashbrown::HashTable;

use crate::bytes::hash::hash;
use crate::bytes::text::Text;
use crate::bytes::work;
use crate::guid::HandlePrefix;
use crate::packet::{Address, Family, Head, Packet, Tail};
use crate::prefix::{Direction, LogPrefix, Plane, Subject, Verdict};

/// Heads: the text of packet lines up to the source address, and with it where the prefix names the
/// sender.
#[derive(Debug, Clone, Default)]
pub(super) struct Heads {
    /// By number: all that a look-up needs, in little room. It shares the processor's cache with
    /// everything else that a line takes.
    known: Vec<KnownText>,
    /// The texts, one behind the other.
    texts: Vec<u8>,
    /// By number: the rest.
    parts: Vec<Parts>,
    by_start: HashTable<u32>,
}

/// The text of a head.
#[derive(Debug, Clone, Copy)]
struct KnownText {
    /// Where it begins among all texts.
    start: u32,
    len: u16,
    family: Family,
    /// The source address, if it is part of the text.
    src: Option<Address>,
}

/// The meaning of a head.
#[derive(Debug, Clone)]
struct Parts {
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
pub(super) struct KnownHead<'a> {
    pub(super) number: u32,
    pub(super) src: Address,
    pub(super) tail: Tail,
    /// The text behind the remembered head.
    pub(super) rest: &'a [u8],
}

/// How many heads are remembered, about 20 MB.
const MOST: usize = 1 << 16;

/// The bytes that heads are looked up by. They show the beginning of a handle, and no head is
/// shorter.
const KEY: usize = 24;

/// How many heads that begin alike are remembered.
const MOST_ALIKE: usize = 8;

impl Heads {
    /// Looks up the head of a packet line, and parses what follows; `None` if that is not whole and
    /// common.
    #[inline]
    pub(super) fn find<'a>(&self, body: &'a [u8]) -> Option<KnownHead<'a>> {
        let hash = hash::<KEY>(body.first_chunk()?);
        let is_it = |n: &u32| {
            work::count(1);
            body.starts_with(self.text(*n))
        };
        let number = *self.by_start.find(hash, is_it)?;
        let known = &self.known[number as usize];
        let rest = &body[usize::from(known.len)..];
        let (src, behind) = match known.src {
            Some(src) => (src, rest),
            None => Head::source(rest, known.family)?,
        };
        let tail = Tail::parse(behind, known.family)?;
        Some(KnownHead { number, src, tail, rest })
    }

    /// Remembers the head of a whole packet line, if it is a common one, and numbers it.
    pub(super) fn remember(
        &mut self,
        body: &[u8],
        packet: &Packet<'_>,
        cf: &LogPrefix<'_>,
    ) -> Option<u32> {
        // A brace may begin a JSON object.
        if matches!(body, [b'{' | b'[', ..]) {
            return None;
        }
        let head = Head::split(body)?;
        Tail::parse(&body[head.len..], head.family)?;
        // Many senders write to one container, each with an address of its own.
        let is_senders = cf.direction == Direction::Egress;
        let text = &body[..if is_senders { head.len } else { head.src_at }];
        let key = hash::<KEY>(text.first_chunk()?);
        if let Some(number) = self.by_start.find(key, |n| self.text(*n) == text) {
            return Some(*number);
        }
        let (start, len) = (u32::try_from(self.texts.len()).ok()?, u16::try_from(text.len()).ok()?);
        if self.known.len() >= MOST || self.by_start.iter_hash(key).count() >= MOST_ALIKE {
            return None;
        }
        let range = |part: &[u8]| {
            let starts = part.as_ptr().addr() - body.as_ptr().addr();
            starts..starts + part.len()
        };
        let number = self.known.len() as u32;
        let src = is_senders.then_some(head.src);
        self.known.push(KnownText { start, len, family: head.family, src });
        self.texts.extend_from_slice(text);
        self.parts.push(Parts {
            prefix: packet.prefix.as_bytes().len(),
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
        let Self { known, texts, by_start, .. } = self;
        let hash_of = |n: &u32| known[*n as usize].of(texts).first_chunk().map_or(0, hash::<KEY>);
        by_start.insert_unique(key, number, hash_of);
        Some(number)
    }

    /// Writes the head's fields of a line that begins with it.
    pub(super) fn restore<'a>(
        &self,
        number: u32,
        body: &'a [u8],
        src: Address,
        p: &mut Packet<'a>,
        cf: &mut Option<LogPrefix<'a>>,
    ) {
        let known = &self.parts[number as usize];
        p.family = self.known[number as usize].family;
        p.prefix = Text::new(&body[..known.prefix]);
        p.in_if = Some(Text::new(&body[known.in_if.clone()]));
        p.out_if = Some(Text::new(&body[known.out_if.clone()]));
        p.mac_raw = known.link.clone().map(|link| Text::new(&body[link]));
        p.ip.src = Some(src);
        *cf = Some(known.prefix_in(body));
    }

    /// Returns the log prefix of a head.
    pub(super) fn prefix(&self, number: u32) -> LogPrefix<'_> {
        self.parts[number as usize].prefix_in(self.text(number))
    }

    /// Returns the text of a head.
    #[inline]
    pub(super) fn text(&self, number: u32) -> &[u8] {
        self.known[number as usize].of(&self.texts)
    }

    /// Returns the text of a head's log prefix.
    pub(super) fn prefix_text(&self, number: u32) -> &[u8] {
        &self.text(number)[..self.parts[number as usize].prefix]
    }
}

impl KnownText {
    #[inline]
    fn of(self, texts: &[u8]) -> &[u8] {
        &texts[self.start as usize..][..usize::from(self.len)]
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
