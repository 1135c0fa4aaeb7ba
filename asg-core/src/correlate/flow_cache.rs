//! The cache of a thread that makes flows: what lines have in common is worked out once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;

use super::facts::{Answers, Facts, named};
use super::flow::{Flow, FlowKey};
use super::gather::GroupKey;
use super::known::{Known, KnownFlow, KnownSenders};
use super::{own_address, own_interface};
use crate::bytes::hash::Seeds;
use crate::clock::{StampMemo, When};
use crate::evidence::{Interface, Origin, SourceId};
use crate::ledger::Sighting;
use crate::ledger::attribution::{Attribution, Detached, Reason};
use crate::line::Line;
use crate::prefix::{LogPrefix, Subject, TagSpan};
use crate::record::Record;
use crate::record::reader::{Glimpse, Reader, Sight};
use crate::time::{LogTime, Uptime};

/// The cache of one thread that makes flows: headers, packet heads, machines.
///
/// Earlier lines never change a flow.
#[derive(Debug, Default)]
pub struct FlowCache {
    /// Of the correlation that it serves.
    seeds: Option<Seeds>,
    reader: Reader,
    /// By the reader's numbers of headers: the machine, in the source where the header was last
    /// seen.
    header_cells: Vec<Option<(SourceId, Option<u32>)>>,
    keys: HashMap<Shared, FlowKey>,
    /// By the reader's numbers of packet heads: the last key.
    head_keys: Vec<Option<(Shared, FlowKey)>>,
    /// Answers that depend on a packet's time, numbered.
    answers: HashMap<Detached, u32>,
    /// By the numbers of machines.
    stamps: Vec<StampMemo>,
    senders: KnownSenders<Known>,
    /// The groups of packets, if all packets of a group have one answer.
    counted: KnownSenders<u32>,
}

/// The common parts of flows with one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Shared {
    source: SourceId,
    header: u32,
    head: u32,
    /// The tag of the prefix: heads do not show it.
    tag: u64,
    answer: SharedAnswer,
}

/// The answer that flows share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum SharedAnswer {
    /// That of a group.
    OfGroup(u32),
    /// One of the cache's own.
    Numbered(u32),
}

/// How many keys a cache numbers.
const MOST_KEYS: usize = 1 << 15;

impl FlowCache {
    /// Returns the key of flows with these parts.
    fn key(&mut self, shared: Shared) -> Option<FlowKey> {
        let head = shared.head as usize;
        if let Some(Some((known, key))) = self.head_keys.get(head)
            && *known == shared
        {
            return Some(*key);
        }
        let new = FlowKey(self.keys.len() as u32);
        let key = match self.keys.get(&shared) {
            Some(key) => *key,
            None if self.keys.len() < MOST_KEYS => *self.keys.entry(shared).or_insert(new),
            None => return None,
        };
        if self.head_keys.len() <= head {
            self.head_keys.resize(head + 1, None);
        }
        self.head_keys[head] = Some((shared, key));
        Some(key)
    }

    /// Returns the number of an answer.
    fn number(&mut self, attribution: &Attribution<'_>) -> Option<u32> {
        let answer = attribution.detach();
        let new = self.answers.len() as u32;
        match self.answers.get(&answer) {
            Some(number) => Some(*number),
            None if self.answers.len() < MOST_KEYS => {
                self.answers.insert(answer, new);
                Some(new)
            }
            None => None,
        }
    }

    /// Looks up a line's beginning. Forgets all if it has served another correlation.
    pub(super) fn sight<'a>(&mut self, answers: &Answers, line: &'a Line<'_>) -> Sight<'a> {
        let seeds = Some(answers.facts.state.reports.seeds());
        if self.seeds != seeds {
            *self = Self { seeds, ..Self::default() };
        }
        self.reader.sight(line)
    }

    /// Returns the record of any line.
    pub(super) fn classify<'a>(&mut self, line: &'a Line<'_>) -> Record<'a> {
        self.reader.classify(line)
    }

    /// Returns the flow of a packet without other lines, if an earlier flow shares the rest.
    pub(super) fn known<'c>(
        &mut self,
        answers: &'c Answers,
        origin: Origin,
        glimpse: &Glimpse<'c>,
    ) -> Option<KnownFlow<'c>> {
        let Answers { facts, of_groups } = answers;
        let Known { cell, group, key, has_history } = self.senders.find(origin.source, glimpse)?;
        let shown = (glimpse.time(), glimpse.uptime());
        let when = self.when(facts, cell, origin.source, shown);
        let identity = || {
            let answer = of_groups[group as usize].as_ref()?.attach(&facts.state.ledger);
            facts.state.identity(&answer)
        };
        let history = if has_history { identity().map(|identity| &identity.history) } else { None };
        Some(KnownFlow::new(key, origin, when, history, glimpse))
    }

    /// Returns whether the packet of a line is in a group that has one answer.
    pub(super) fn is_counted(
        &mut self,
        answers: &Answers,
        origin: Origin,
        line: &Line<'_>,
        sight: &Sight<'_>,
    ) -> bool {
        if let Sight::Packet(glimpse) = sight
            && let Some(group) = self.counted.find(origin.source, glimpse)
        {
            return answers.is_one(group);
        }
        let Some(record) = self.packet(answers, origin, line, sight) else { return false };
        let place = self.place(answers, origin.source, &record);
        let Some(group) = place.and_then(|place| place.group) else { return false };
        self.counted.remember(origin.source, &record, group);
        answers.is_one(group)
    }

    /// Returns the record of a line that reports a packet first.
    pub(super) fn packet<'a>(
        &mut self,
        answers: &Answers,
        origin: Origin,
        line: &'a Line<'_>,
        sight: &Sight<'a>,
    ) -> Option<Record<'a>> {
        let reports = &answers.facts.state.reports;
        if let Sight::Said(..) = sight {
            return None;
        }
        if let Sight::Other(_) = sight {
            if !line.may_hold_packet() {
                return None;
            }
            let record = self.reader.record(line, sight);
            record.proven_packet()?;
            return (!reports.is_copy(origin)).then_some(record);
        }
        let is_copy = reports.is_copy(origin);
        (!is_copy).then(|| self.reader.record(line, sight))
    }

    /// When a line of a machine was written.
    fn when(
        &mut self,
        facts: &Facts,
        cell: u32,
        source: SourceId,
        shown: (LogTime, Option<Uptime>),
    ) -> Option<When> {
        let (clock, cell) = (facts.machines[cell as usize].clock, cell as usize);
        if self.stamps.len() <= cell {
            self.stamps.resize(cell + 1, StampMemo::default());
        }
        facts.times.when_of(&mut self.stamps[cell], source, clock, shown)
    }

    /// Returns the machine and the group of a packet.
    pub(super) fn place(
        &mut self,
        answers: &Answers,
        source: SourceId,
        record: &Record<'_>,
    ) -> Option<Place> {
        let facts = &answers.facts;
        let (packet, cf) = record.proven_packet()?;
        let cell = self.cell(facts, source, record);
        let seeds = facts.state.reports.seeds();
        let address = cf.and_then(|cf| own_address(packet, cf));
        let interface = cf.and_then(|cf| own_interface(packet, cf));
        let is_understood = record.shows_prefix();
        let key = cell.and_then(|cell| GroupKey::of_record(cell, record, seeds));
        let group = key.and_then(|key| facts.groups.find(key));
        Some(Place { cell, group, address, interface, is_understood })
    }

    /// Returns the number of the machine that wrote a record.
    fn cell(&mut self, facts: &Facts, source: SourceId, record: &Record<'_>) -> Option<u32> {
        let header = record.memo.header.map(|header| header as usize);
        if let Some(Some(Some((of, cell)))) = header.map(|header| self.header_cells.get(header))
            && *of == source
        {
            return *cell;
        }
        let seeds = facts.state.reports.seeds();
        let cell = facts.cells.find(source, &record.envelope, seeds);
        if let Some(header) = header {
            if self.header_cells.len() <= header {
                self.header_cells.resize(header + 1, None);
            }
            self.header_cells[header] = Some((source, cell));
        }
        cell
    }

    /// Returns the flow of a packet at its place.
    pub(super) fn flow_at<'a, 'c>(
        &mut self,
        answers: &'c Answers,
        origin: Origin,
        record: Record<'a>,
        place: &Place,
        also: Vec<Origin>,
    ) -> Flow<'a, 'c> {
        let Facts { state, times, cells, machines, .. } = &answers.facts;
        let shown = record.clocks();
        let when = match place.cell {
            Some(cell) => self.when(&answers.facts, cell, origin.source, shown),
            None => times.when(origin.source, &record.envelope_of_clocks()),
        };
        let range = when.map(|When { range, .. }| range);
        let packet = record.packet();
        let cf = packet.and_then(|(_, cf)| cf.copied());
        let name = place.cell.and_then(|cell| machines[cell as usize].name.as_ref());
        let (cell, kind) = named(name);
        let seen = Sighting { cell, kind, time: range, ..Sighting::default() };
        let (attribution, group) = answers.attribution(place, cf.as_ref(), seen);
        let peer = packet.and_then(|(packet, _)| state.peer(packet, cf.as_ref(), &seen));
        let key = match (record.memo.header, record.memo.head) {
            (Some(header), Some(head)) if peer.is_none() => {
                let answer = match group {
                    Some(group) => Some(SharedAnswer::OfGroup(group)),
                    None => self.number(&attribution).map(SharedAnswer::Numbered),
                };
                let source = origin.source;
                let prefix = packet.map_or(&[][..], |(packet, _)| packet.prefix.as_bytes());
                let tag = TagSpan::of(prefix).digits(prefix);
                answer.and_then(|answer| self.key(Shared { source, header, head, tag, answer }))
            }
            _ => None,
        };
        let identity = state.identity(&attribution);
        if let (Some(cell), Some(group), Some(key)) = (place.cell, group, key) {
            let has_history = identity.is_some_and(|identity| !identity.history.is_empty());
            let known = Known { cell, group, key, has_history };
            self.senders.remember(origin.source, &record, known);
        }
        let name = place.cell.and_then(|cell| cells.all()[cell as usize].shown());
        let cell = name.or_else(|| attribution.container()?.cell()).map(Cow::Borrowed);
        Flow {
            time: when.map(|When { time, .. }| time),
            range,
            origin,
            also,
            cell,
            cf,
            identity,
            attribution,
            peer,
            record,
            key,
        }
    }
}

impl Answers {
    /// Returns the attribution of a packet, and its group if all packets of the group have that
    /// answer.
    fn attribution(
        &self,
        place: &Place,
        cf: Option<&LogPrefix<'_>>,
        seen: Sighting<'_>,
    ) -> (Attribution<'_>, Option<u32>) {
        let state = &self.facts.state;
        // Of an app that a prefix names, the lease of an address may show the container.
        let group = place.group.filter(|_| cf.is_none_or(|cf| cf.subject != Subject::App));
        if let Some(group) = group
            && let Some(answer) = &self.of_groups[group as usize]
        {
            return (answer.attach(&state.ledger), Some(group));
        }
        let Some(cf) = cf else {
            return (Attribution::unknown(Reason::of_foreign(place.is_understood)), None);
        };
        let Place { address, interface, .. } = *place;
        let seen = Sighting { address, interface, ..seen };
        (state.ledger.attribute(cf, &seen), None)
    }
}

/// The machine and the group of a packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    cell: Option<u32>,
    pub(super) group: Option<u32>,
    /// The address and the interface on the side of the prefix's subject.
    address: Option<IpAddr>,
    interface: Option<Interface>,
    is_understood: bool,
}
