//! The data of lager lines that were read before.
//!
//! Diego's components write about one container again and again, and `data` then says the same up
//! to its last member, the session.

use std::net::IpAddr;
use std::ops::Range;

use hashbrown::HashTable;

use crate::bytes::hash::Seeds;
use crate::bytes::json::JsonStr;
use crate::bytes::work;
use crate::event::lager::{Halves, LagerEvent, RepEvent};

/// What texts of `data` say.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    all: Vec<KnownData>,
    by_text: HashTable<u32>,
    seeds: Seeds,
}

#[derive(Debug, Clone)]
struct KnownData {
    digest: u64,
    text: Box<[u8]>,
    /// Where handle, process GUID, instance GUID, domain and cell lie in the text.
    texts: [Option<Range<u16>>; 5],
    index: Option<u32>,
    container_ip: Option<IpAddr>,
    cell_ip: Option<IpAddr>,
    container_ipv6: Option<IpAddr>,
    is_contradictory: bool,
}

/// How many texts are remembered, about 5 MB. Then all are forgotten: containers come and go.
const MOST: usize = 1 << 13;

impl Said {
    /// Parses a lager line whose data was read before.
    pub(super) fn event<'a>(&self, line: &'a [u8]) -> Option<RepEvent<'a>> {
        let halves = Halves::of(line)?;
        let is_it = |n: &u32| {
            work::count(1);
            *self.all[*n as usize].text == *halves.data
        };
        let number = *self.by_text.find(self.seeds.digest(halves.data), is_it)?;
        let known = &self.all[number as usize];
        let [handle, process_guid, instance_guid, domain, cell_id] =
            known.texts.each_ref().map(|range| {
                let range = range.as_ref()?;
                let text = &halves.data[usize::from(range.start)..usize::from(range.end)];
                std::str::from_utf8(text).ok().map(JsonStr::borrowed)
            });
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
            ..halves.event()?
        })
    }

    /// Remembers the data of a lager line, if it is a plain one.
    pub(super) fn remember(&mut self, line: &[u8]) -> Option<()> {
        let (halves, event) = (Halves::of(line)?, LagerEvent::plain(line)?);
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
        if self.all.len() >= MOST {
            self.all.clear();
            self.by_text.clear();
        }
        let digest = self.seeds.digest(halves.data);
        let number = self.all.len() as u32;
        self.all.push(KnownData {
            digest,
            text: halves.data.into(),
            texts: ranges,
            index: event.index,
            container_ip: event.container_ip,
            cell_ip: event.cell_ip,
            container_ipv6: event.container_ipv6,
            is_contradictory: event.is_contradictory,
        });
        let all = &self.all;
        self.by_text.insert_unique(digest, number, |n| all[*n as usize].digest);
        Some(())
    }
}
