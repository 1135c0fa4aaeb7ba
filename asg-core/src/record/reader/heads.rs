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
    all: Vec<RememberedHead>,
    by_start: HashTable<u32>,
}

#[derive(Debug, Clone)]
struct RememberedHead {
    text: Box<[u8]>,
    /// The source address, if it is part of the text.
    src: Option<Address>,
    family: Family,
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
            body.starts_with(&self.all[*n as usize].text)
        };
        let number = *self.by_start.find(hash, is_it)?;
        let known = &self.all[number as usize];
        let rest = &body[known.text.len()..];
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
        let is_it = |n: &u32| *self.all[*n as usize].text == *text;
        if let Some(number) = self.by_start.find(key, is_it) {
            return Some(*number);
        }
        if self.all.len() >= MOST || self.by_start.iter_hash(key).count() >= MOST_ALIKE {
            return None;
        }
        let range = |part: &[u8]| {
            let starts = part.as_ptr().addr() - body.as_ptr().addr();
            starts..starts + part.len()
        };
        let number = self.all.len() as u32;
        self.all.push(RememberedHead {
            text: text.into(),
            src: is_senders.then_some(head.src),
            family: head.family,
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
        let all = &self.all;
        let hash_of = |n: &u32| all[*n as usize].text.first_chunk().map_or(0, hash::<KEY>);
        self.by_start.insert_unique(key, number, hash_of);
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
        let known = &self.all[number as usize];
        p.family = known.family;
        p.prefix = Text::new(&body[..known.prefix]);
        p.in_if = Some(Text::new(&body[known.in_if.clone()]));
        p.out_if = Some(Text::new(&body[known.out_if.clone()]));
        p.mac_raw = known.link.clone().map(|link| Text::new(&body[link]));
        p.ip.src = Some(src);
        *cf = Some(known.prefix_in(body));
    }

    /// Returns the log prefix of a head.
    pub(super) fn prefix(&self, number: u32) -> LogPrefix<'_> {
        let known = &self.all[number as usize];
        known.prefix_in(&known.text)
    }

    /// Returns the text of a head.
    pub(super) fn text(&self, number: u32) -> &[u8] {
        &self.all[number as usize].text
    }

    /// Returns the text of a head's log prefix.
    pub(super) fn prefix_text(&self, number: u32) -> &[u8] {
        let known = &self.all[number as usize];
        &known.text[..known.prefix]
    }
}

impl RememberedHead {
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
