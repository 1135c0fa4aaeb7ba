//! Openings and data of lager lines that were read before.
//!
//! Diego's components write about one container again and again, and `data` is then the same up
//! to its last member, the session. The text between the time and `data` is one of few.

use std::net::IpAddr;
use std::ops::Range;

use hashbrown::HashTable;

use crate::bytes::hash::Seeds;
use crate::bytes::work;
use crate::event::lager::{Halves, Opened, Opening, RepEvent};

/// The meanings of texts in lager lines.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    openings: Texts<Opened>,
    data: Texts<KnownData>,
    seeds: Seeds,
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

/// Texts, each with its meaning.
#[derive(Debug, Clone)]
struct Texts<T> {
    all: Vec<Known<T>>,
    by_text: HashTable<u32>,
    /// How many texts were forgotten. Numbers go on behind them, so that each is of one text.
    forgotten: u64,
}

#[derive(Debug, Clone)]
struct Known<T> {
    digest: u64,
    text: Box<[u8]>,
    meaning: T,
}

/// How many openings are remembered, about 300 kB.
const MOST_OPENINGS: usize = 1 << 10;

/// How many texts of data are remembered, about 5 MB.
pub(crate) const MOST_DATA: usize = 1 << 13;

impl Said {
    /// Parses a lager line whose opening and data were read before; also returns the number of the
    /// data.
    pub(super) fn event<'a>(&self, line: &'a [u8]) -> Option<(RepEvent<'a>, u64)> {
        let opening = Opening::of(line)?;
        let (opened, _) = self.openings.find(self.seeds, opening.text)?;
        let data = opening.data()?;
        let (known, number) = self.data.find(self.seeds, data)?;
        let (event, texts) = opening.event(opened, data, &known.texts)?;
        let [handle, process_guid, instance_guid, domain, cell_id] = texts;
        let &KnownData { index, container_ip, cell_ip, container_ipv6, is_contradictory, .. } =
            known;
        let event = RepEvent {
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
        };
        Some((event, number))
    }

    /// Remembers the opening and the data of a lager line with this event, if it has the usual
    /// form; returns the number of the data.
    ///
    /// An event's facts about a container depend on these two texts alone, so lines that have both
    /// in common have the same facts.
    pub(super) fn remember(&mut self, line: &[u8], event: &RepEvent<'_>) -> Option<u64> {
        // Neither is in a common line.
        if event.bridge.is_some() || event.names.is_some() {
            return None;
        }
        let opening = Opening::of(line)?;
        let halves = Halves::of(line)?;
        if self.openings.find(self.seeds, opening.text).is_none() {
            let opened = opening.read(&halves)?;
            self.openings.put(self.seeds, MOST_OPENINGS, opening.text, opened);
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
        Some(self.data.put(self.seeds, MOST_DATA, halves.data, data))
    }
}

impl<T> Default for Texts<T> {
    fn default() -> Self {
        Self { all: Vec::new(), by_text: HashTable::new(), forgotten: 0 }
    }
}

impl<T> Texts<T> {
    /// Returns the meaning of a text that was read before, and its number.
    fn find(&self, seeds: Seeds, text: &[u8]) -> Option<(&T, u64)> {
        let place = self.place(seeds.digest(text), text)?;
        Some((&self.all[place as usize].meaning, self.forgotten + u64::from(place)))
    }

    fn place(&self, digest: u64, text: &[u8]) -> Option<u32> {
        let is_it = |n: &u32| {
            work::count(1);
            *self.all[*n as usize].text == *text
        };
        self.by_text.find(digest, is_it).copied()
    }

    /// Remembers the meaning of a text, and numbers it. If there are too many texts, all are
    /// forgotten: containers come and go.
    fn put(&mut self, seeds: Seeds, most: usize, text: &[u8], meaning: T) -> u64 {
        let digest = seeds.digest(text);
        if let Some(place) = self.place(digest, text) {
            return self.forgotten + u64::from(place);
        }
        if self.all.len() >= most {
            self.forgotten += self.all.len() as u64;
            self.all.clear();
            self.by_text.clear();
        }
        let place = self.all.len() as u32;
        self.all.push(Known { digest, text: text.into(), meaning });
        let all = &self.all;
        self.by_text.insert_unique(digest, place, |n| all[*n as usize].digest);
        self.forgotten + u64::from(place)
    }
}
