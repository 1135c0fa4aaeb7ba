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
    /// See [`KnownSaid::is_plain`].
    is_plain: bool,
}

#[derive(Debug, Clone)]
struct KnownData {
    /// See [`KnownSaid::is_plain`].
    is_plain: bool,
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
    all: Vec<Known<T>>,
    by_digest: HashTable<u32>,
    /// How many texts were forgotten. Numbers go on behind them, so that each is of one text.
    forgotten: u64,
}

#[derive(Debug, Clone)]
struct Known<T> {
    digest: u64,
    meaning: T,
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
        let (known, opened) = self.openings.find(seeds.digest(opening.text))?;
        let text = opening.data()?;
        let (about, data) = self.data.find(seeds.digest(text))?;
        let (event, is_cells_own) = (known.opened.event, known.is_cells_own);
        let is_plain = known.is_plain && about.is_plain;
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
                is_plain: begins_like_lager(line) && !may_hold_another(opening.text),
            };
            self.openings.put(MOST_OPENINGS, digest, known);
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
            is_plain: !may_hold_another(halves.data),
            texts: ranges,
            index: event.index,
            container_ip: event.container_ip,
            cell_ip: event.cell_ip,
            container_ipv6: event.container_ipv6,
            is_contradictory: event.is_contradictory,
        };
        Some(self.data.put(MOST_DATA, seeds.digest(halves.data), data))
    }
}

impl<T> Default for Texts<T> {
    fn default() -> Self {
        Self { all: Vec::new(), by_digest: HashTable::new(), forgotten: 0 }
    }
}

impl<T> Texts<T> {
    /// Returns the meaning of a text that was read before, and its number.
    fn find(&self, digest: u64) -> Option<(&T, u64)> {
        let place = self.place(digest)?;
        Some((&self.all[place as usize].meaning, self.forgotten + u64::from(place)))
    }

    /// Returns the meaning of the text with this number.
    fn get(&self, number: u64) -> Option<&T> {
        let place = number.checked_sub(self.forgotten)?;
        self.all.get(usize::try_from(place).ok()?).map(|known| &known.meaning)
    }

    fn place(&self, digest: u64) -> Option<u32> {
        let is_it = |n: &u32| {
            work::count(1);
            self.all[*n as usize].digest == digest
        };
        self.by_digest.find(digest, is_it).copied()
    }

    /// Remembers the meaning of a text, and numbers it. If there are too many texts, all are
    /// forgotten: containers come and go.
    fn put(&mut self, most: usize, digest: u64, meaning: T) -> u64 {
        if let Some(place) = self.place(digest) {
            return self.forgotten + u64::from(place);
        }
        if self.all.len() >= most {
            self.forgotten += self.all.len() as u64;
            self.all.clear();
            self.by_digest.clear();
        }
        let place = self.all.len() as u32;
        self.all.push(Known { digest, meaning });
        let all = &self.all;
        self.by_digest.insert_unique(digest, place, |n| all[*n as usize].digest);
        self.forgotten + u64::from(place)
    }
}
