//! The heads of packet lines that were read before.
//!
//! All packets of a sender's begin alike: log prefix, interfaces, link header and source address are the same. Whoever has
//! read them once need not read them again. What follows is looked through as carefully as ever.

use std::net::IpAddr;

use hashbrown::HashTable;

use super::groups::TimeKind;
use crate::bytes::hash::{Seeds, hash};
use crate::completeness::Limit;
use crate::correlate::duplicates::sender;
use crate::packet::{Family, Packet};
use crate::prefix::{Direction, LogPrefix};

/// Heads, each with what it says.
#[derive(Debug, Clone, Default)]
pub(super) struct Heads(HashTable<Head>);

/// The head of a sender's lines.
#[derive(Debug, Clone)]
pub(super) struct Head {
    text: Box<[u8]>,
    digest: u64,
    prefix_len: usize,
    family: Family,
    pub(super) address: Option<IpAddr>,
    /// See [`sender`].
    pub(super) sender: u64,
    /// The limits of its packets: of UDP, of others.
    limits: [Option<Limit>; 2],
    /// The group of the last of its packets, with what else that depends on.
    pub(super) group: Option<(u32, TimeKind, u32)>,
}

/// A packet line whose head is known.
#[derive(Debug)]
pub(super) struct Known<'h> {
    pub(super) head: &'h mut Head,
    /// A digest of its text.
    pub(super) text: u64,
    /// The number of its protocol.
    pub(super) proto: u8,
}

const UDP: u8 = 17;

/// So many are remembered, 16 MB.
const MOST: usize = 1 << 16;

/// What heads are looked for by: long enough to show the beginning of a handle, and no longer than any head.
const KEY: usize = 24;

impl Head {
    pub(super) fn prefix(&self) -> &[u8] {
        &self.text[..self.prefix_len]
    }

    /// The limit that packets of this protocol are under.
    pub(super) const fn limit(&self, proto: u8) -> Option<Limit> {
        self.limits[if proto == UDP { 0 } else { 1 }]
    }
}

impl Heads {
    /// The line, if its head is known and what follows is common and whole.
    pub(super) fn find(&mut self, body: &[u8], seeds: Seeds) -> Option<Known<'_>> {
        let hash = hash::<KEY>(body.first_chunk()?);
        let head = self.0.find_mut(hash, |head| body.starts_with(&head.text))?;
        let rest = &body[head.text.len()..];
        let proto = Packet::look_through(rest, head.family)?;
        let text = seeds.of_both(head.digest, seeds.digest(rest.trim_ascii_end()));
        Some(Known { head, text, proto })
    }

    /// A digest of a packet line's text, of which the head is remembered if it shows all that [`Head`] wants to know.
    pub(super) fn remember(
        &mut self,
        body: &[u8],
        (packet, cf): (&Packet<'_>, Option<&LogPrefix<'_>>),
        address: Option<IpAddr>,
        seeds: Seeds,
    ) -> u64 {
        let body = body.trim_ascii_end();
        // Of packets to a container the address is not in the head. A brace may be JSON's.
        let is_wanted = cf.is_some_and(|cf| cf.direction == Direction::Egress)
            && !matches!(body, [b'{' | b'[', ..]);
        let split = || {
            let (len, family) = Packet::head_len(body)?;
            let (head, rest) = body.split_at(len);
            Packet::look_through(rest, family).map(|_| (head, rest, family))
        };
        let Some((head, rest, family)) = is_wanted.then(split).flatten() else {
            return seeds.digest(body);
        };
        let digest = seeds.digest(head);
        if let Some(key) = head.first_chunk::<KEY>().filter(|_| self.0.len() < MOST) {
            let is_it = |known: &Head| *known.text == *head;
            if self.0.find(hash(key), is_it).is_none() {
                let prefix = packet.prefix.as_bytes();
                let head = Head {
                    text: head.into(),
                    digest,
                    prefix_len: prefix.len(),
                    family,
                    address,
                    sender: sender(packet, cf, address, seeds),
                    limits: [Some(UDP), None].map(|proto| Limit::of(prefix, cf, proto)),
                    group: None,
                };
                let hash_of = |head: &Head| head.text.first_chunk().map_or(0, hash::<KEY>);
                self.0.insert_unique(hash(key), head, hash_of);
            }
        }
        seeds.of_both(digest, seeds.digest(rest))
    }
}
