//! Openings and data of lager lines that were read before.
//!
//! Diego's components write about one container again and again, and `data` is then the same up
//! to its last member, the session. The text between the time and `data` is one of few.

use std::net::IpAddr;
use std::ops::Range;

use hashbrown::HashTable;

use crate::bytes::hash::Seeds;
use crate::bytes::work;
use crate::event::lager::{Halves, Opened, Opening, RepEvent, RepEventKind};
use crate::evidence::is_cells_own;
use crate::line::{begins_like_lager, may_hold_another};
use crate::time::Timestamp;

/// The meanings of texts in lager lines.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    openings: Texts<KnownOpening>,
    data: Texts<KnownData>,
}

#[derive(Debug, Clone)]
struct KnownOpening {
    opened: Opened,
    /// See [`is_cells_own`].
    is_cells_own: bool,
}

#[derive(Debug, Clone)]
struct KnownData {
    /// Where handle, process GUID, instance GUID, domain and cell lie in the text.
    texts: [Option<Range<u16>>; 5],
    index: Option<u32>,
    container_ip: Option<IpAddr>,
    cell_ip: Option<IpAddr>,
    container_ipv6: Option<IpAddr>,
    is_contradictory: bool,
}

/// Texts, each with its meaning. A text is known by its digest.
#[derive(Debug, Clone)]
struct Texts<T> {
    known: HashTable<Known>,
    meanings: Vec<T>,
    /// How many texts were forgotten. Numbers go on behind them, so that each is of one text.
    forgotten: u64,
}

/// All that a look-up needs of a text. It lies in the table itself, since each lager line needs one
/// of thousands.
#[derive(Debug, Clone, Copy)]
struct Known {
    digest: u64,
    /// The place of the meaning.
    place: u32,
    /// See [`KnownSaid::is_plain`].
    is_plain: bool,
}

/// A lager line whose opening and data were read before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KnownSaid<'a> {
    opening: Opening<'a>,
    /// The number of the opening.
    opened: u64,
    /// The text of the data.
    text: &'a [u8],
    pub(crate) event: RepEventKind,
    /// See [`is_cells_own`].
    pub(crate) is_cells_own: bool,
    /// The number of the data; see [`Memo`](super::Memo).
    pub(crate) data: u64,
    /// Whether the line [is like lager's](crate::line::is_like_lager). Such a line wraps no other.
    pub(super) is_plain: bool,
}

impl KnownSaid<'_> {
    /// Returns the line's own time.
    pub(crate) const fn time(&self) -> Timestamp {
        self.opening.time
    }
}

/// How many openings are remembered, about 50 kB.
const MOST_OPENINGS: usize = 1 << 10;

/// How many texts of data are remembered, about 1 MB.
pub(crate) const MOST_DATA: usize = 1 << 13;

impl Said {
    /// Looks up the opening and the data of a lager line.
    pub(super) fn find<'a>(&self, seeds: Seeds, line: &'a [u8]) -> Option<KnownSaid<'a>> {
        let opening = Opening::of(line)?;
        let (opened, is_plain) = self.openings.find(seeds.digest(opening.text))?;
        let text = opening.data()?;
        let (data, is_plain_too) = self.data.find(seeds.digest(text))?;
        let KnownOpening { opened: Opened { event, .. }, is_cells_own } =
            *self.openings.get(opened)?;
        let is_plain = is_plain && is_plain_too;
        Some(KnownSaid { opening, opened, text, event, is_cells_own, data, is_plain })
    }

    /// Returns the event of a line that was looked up.
    pub(super) fn event<'a>(&self, said: &KnownSaid<'a>) -> Option<RepEvent<'a>> {
        let (opened, known) = (self.openings.get(said.opened)?, self.data.get(said.data)?);
        let (event, texts) = said.opening.event(&opened.opened, said.text, &known.texts)?;
        let [handle, process_guid, instance_guid, domain, cell_id] = texts;
        let &KnownData { index, container_ip, cell_ip, container_ipv6, is_contradictory, .. } =
            known;
        Some(RepEvent {
            handle,
            process_guid,
            instance_guid,
            index,
            domain,
            cell_id,
            container_ip,
            cell_ip,
            container_ipv6,
            is_contradictory,
            ..event
        })
    }

    /// Remembers the opening and the data of a lager line with this event, if it has the usual
    /// form; returns the number of the data.
    ///
    /// An event's facts about a container depend on these two texts alone, so lines that have both
    /// in common have the same facts.
    pub(super) fn remember(
        &mut self,
        seeds: Seeds,
        line: &[u8],
        event: &RepEvent<'_>,
    ) -> Option<u64> {
        // Neither is in a common line.
        if event.bridge.is_some() || event.names.is_some() {
            return None;
        }
        let opening = Opening::of(line)?;
        let halves = Halves::of(line)?;
        let digest = seeds.digest(opening.text);
        if self.openings.find(digest).is_none() {
            let known = KnownOpening {
                opened: opening.read(&halves)?,
                is_cells_own: is_cells_own(&event.source),
            };
            let is_plain = begins_like_lager(line) && !may_hold_another(opening.text);
            self.openings.put(MOST_OPENINGS, (digest, is_plain), known);
        } else if !opening.divides_as(&halves) {
            return None;
        }
        let texts = [
            &event.handle,
            &event.process_guid,
            &event.instance_guid,
            &event.domain,
            &event.cell_id,
        ];
        let mut ranges = [const { None }; 5];
        for (range, text) in ranges.iter_mut().zip(texts) {
            if let Some(text) = text {
                let text = text.as_bytes();
                let start = text.as_ptr().addr().checked_sub(halves.data.as_ptr().addr())?;
                let end = start.checked_add(text.len()).filter(|end| *end <= halves.data.len())?;
                *range = Some(u16::try_from(start).ok()?..u16::try_from(end).ok()?);
            }
        }
        let data = KnownData {
            texts: ranges,
            index: event.index,
            container_ip: event.container_ip,
            cell_ip: event.cell_ip,
            container_ipv6: event.container_ipv6,
            is_contradictory: event.is_contradictory,
        };
        let is_plain = !may_hold_another(halves.data);
        Some(self.data.put(MOST_DATA, (seeds.digest(halves.data), is_plain), data))
    }
}

impl<T> Default for Texts<T> {
    fn default() -> Self {
        Self { known: HashTable::new(), meanings: Vec::new(), forgotten: 0 }
    }
}

impl<T> Texts<T> {
    /// Returns the number of a text that was read before, and whether it is plain.
    #[inline]
    fn find(&self, digest: u64) -> Option<(u64, bool)> {
        let is_it = |known: &Known| {
            work::count(1);
            known.digest == digest
        };
        let known = self.known.find(digest, is_it)?;
        Some((self.forgotten + u64::from(known.place), known.is_plain))
    }

    /// Returns the meaning of the text with this number.
    fn get(&self, number: u64) -> Option<&T> {
        let place = number.checked_sub(self.forgotten)?;
        self.meanings.get(usize::try_from(place).ok()?)
    }

    /// Remembers the meaning of a text, and numbers it. If there are too many texts, all are
    /// forgotten: containers come and go.
    fn put(&mut self, most: usize, (digest, is_plain): (u64, bool), meaning: T) -> u64 {
        if let Some((number, _)) = self.find(digest) {
            return number;
        }
        if self.meanings.len() >= most {
            self.forgotten += self.meanings.len() as u64;
            self.meanings.clear();
            self.known.clear();
        }
        let place = self.meanings.len() as u32;
        self.meanings.push(meaning);
        let known = Known { digest, place, is_plain };
        self.known.insert_unique(digest, known, |known| known.digest);
        self.forgotten + u64::from(place)
    }
}
