//! Merges the batches of gatherers, in the order of their lines.

use super::Gathering;
use super::gatherer::{Batch, Fact, Read, Seen, put};
use super::groups::{Container, Shown, Spans};
use super::samples::Samples;
use crate::clock::ZoneLines;
use crate::correlate::duplicates::{SenderNumber, Told};
use crate::evidence::{Evidence, NameKind, Origin};
use crate::line::envelope::Envelope;
use crate::time::{LogTime, Timestamp};

/// The gathering's numbers for those of a gatherer.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    cells: Vec<u32>,
    groups: Vec<u32>,
    /// By the place of [`Fact::Again`].
    pub(super) facts: Vec<Option<KnownFact>>,
    /// How many batches were merged.
    pub(super) merged: usize,
}

/// Evidence that other lines may give again.
#[derive(Debug, Clone)]
pub(super) struct KnownFact {
    /// That of the first line.
    evidence: Evidence,
    /// The machine whose own line it is from.
    cell: Option<u32>,
    /// The container's row in the ledger.
    pub(super) row: Option<u32>,
}

/// The facts about a machine.
#[derive(Debug)]
pub(in crate::correlate) struct Cell {
    /// Its name, if that identifies it.
    pub(in crate::correlate) name: Option<(Box<str>, NameKind)>,
    /// Its number in the ledger, once it has one.
    pub(super) number: Option<u32>,
    /// Its place in [`Completeness`].
    place: usize,
    /// Its number in the clocks.
    pub(in crate::correlate) clock: Option<u64>,
    /// Of lines with instants beside stamps that lack a zone.
    pub(super) zones: ZoneLines,
    /// Of lines with instants.
    pub(super) samples: Samples,
    /// Of lines whose stamps lack a zone, by [`StampKind`].
    pub(super) stamps: [Samples; 2],
}

/// The facts about a group.
#[derive(Debug, Default)]
pub(in crate::correlate) struct Group {
    /// Packets, each counted once.
    pub(in crate::correlate) packets: u64,
    /// Those of damaged lines.
    pub(in crate::correlate) damaged: u64,
    /// The sum of their lengths.
    pub(in crate::correlate) bytes: u64,
    pub(in crate::correlate) spans: Spans,
    /// Whether a span is too long, because of a packet that is counted in another group now.
    pub(in crate::correlate) has_lost: bool,
    container: Container,
    /// The sender of the last of them.
    sender: SenderNumber,
}

impl Group {
    /// Counts a packet.
    #[inline]
    fn count(&mut self, shown: Shown, len: u32, is_damaged: bool) {
        self.packets += 1;
        self.damaged += u64::from(is_damaged);
        self.bytes += u64::from(len);
        self.spans.extend(shown);
    }

    /// Takes back a packet, which is counted in another group. Lines with one text have one length,
    /// and damaged ones are not compared.
    fn lose(&mut self, len: u32) {
        self.packets -= 1;
        self.bytes -= u64::from(len);
        self.has_lost = true;
    }
}

/// So many results of lines are [fetched](Gathering::fetch) at once.
const AT_ONCE: usize = 16;

/// Nothing is forgotten in the first phase, so it does not matter when a line came.
const NOW: Timestamp = Timestamp::from_nanos(0);

impl Gathering {
    /// Merges the next batch of the gatherer whose numbers these are.
    pub(super) fn merge_next(&mut self, numbers: &mut Numbers, batch: Batch, lines_before: u64) {
        let Batch { cells, groups, latest, zones, evidence, loggers, peers, .. } = batch;
        let Batch { read, text_keys, counts, outcomes, .. } = batch;
        numbers.merged += 1;
        numbers.cells.extend(cells.iter().map(|name| self.cells.take(name)));
        for name in &self.cells.all()[self.cell_facts.len()..] {
            let envelope = name.envelope();
            let state = &mut self.state;
            self.cell_facts.push(Cell {
                name: NameKind::of(&envelope).map(|(name, kind)| (name.into(), kind)),
                number: None,
                place: state.completeness.cell_of(name.source(), &envelope),
                clock: state.clocks.machine(&envelope),
                zones: ZoneLines::default(),
                samples: Samples::default(),
                stamps: Default::default(),
            });
        }
        for name in &groups {
            let cell = numbers.cells[name.cell() as usize];
            numbers.groups.push(self.groups.take(name, cell));
        }
        self.counted.resize_with(self.groups.all().len(), Group::default);
        for (source, time) in latest {
            self.state.clocks.learn_year(source, time);
        }
        for (cell, time, own) in zones {
            let cell = numbers.cells[cell as usize] as usize;
            let source = self.cells.all()[cell].source();
            let Cell { clock, zones, .. } = &mut self.cell_facts[cell];
            if let LogTime::Instant(_) = time {
                self.state.clocks.learn_delay((source, *clock), time, own);
            } else {
                zones.add(&mut self.state.clocks, (source, *clock), time, own);
            }
        }
        for fact in evidence {
            self.fact(numbers, fact, lines_before);
        }
        for (mut origin, event) in loggers {
            origin.line += lines_before;
            self.state.reports.logger(origin, &event);
        }
        self.peers.extend(peers);
        if let Some(all) = &mut self.text_keys {
            all.extend(text_keys);
        }
        for some in read.chunks(AT_ONCE) {
            self.fetch(numbers, some);
            for read in some {
                self.read(numbers, read, lines_before);
            }
        }
        self.state.counts.add(&counts);
        self.state.outcomes.add_behind(&outcomes, lines_before);
        self.state.counts.duplicates = self.state.reports.copies();
        self.state.counts.displaced = self.state.reports.displaced();
    }

    /// Takes the evidence of a line.
    fn fact(&mut self, numbers: &mut Numbers, fact: Fact, lines_before: u64) {
        match fact {
            Fact::New { mut evidence, machine, place } => {
                evidence.origin.line += lines_before;
                self.state.rule_updates.take(&evidence);
                let cell = machine.map(|cell| numbers.cells[cell as usize]);
                let Some(place) = place else {
                    self.add(evidence, cell);
                    return;
                };
                let row = Some(self.add(evidence.clone(), cell));
                put(&mut numbers.facts, place, KnownFact { evidence, cell, row });
            }
            Fact::Again { place, moment, time, mut origin } => {
                origin.line += lines_before;
                let Some(Some(known)) = numbers.facts.get_mut(place) else { return };
                let KnownFact { evidence, cell, row } = known;
                if let Some(row) = row.filter(|_| origin >= evidence.origin) {
                    self.state.ledger.add_again(row, evidence, moment, time);
                } else {
                    evidence.origin = origin;
                    let again = Evidence { moment, time, ..evidence.clone() };
                    *row = Some(self.add(again, *cell));
                }
            }
        }
    }

    /// Adds evidence from a machine's own line, or from another; returns the container's row.
    fn add(&mut self, evidence: Evidence, cell: Option<u32>) -> u32 {
        let ledger = &mut self.state.ledger;
        let machine = cell.and_then(|cell| {
            let Cell { name, number, .. } = &mut self.cell_facts[cell as usize];
            let (name, kind) = name.as_ref()?;
            let machine = || ledger.machine_number(name.clone(), *kind);
            Some(*number.get_or_insert_with(machine))
        });
        ledger.add_of(evidence, machine)
    }

    /// Looks at everything that packets need, and changes nothing.
    ///
    /// It lies at random places of a large memory. Here the processor fetches all of it at once,
    /// and not one piece after the other while packets are counted.
    fn fetch(&self, numbers: &Numbers, some: &[Read]) {
        let groups = some.iter().filter_map(|read| match read {
            Read::Packet(seen) => {
                self.counted.get(*numbers.groups.get(seen.group as usize)? as usize)
            }
            _ => None,
        });
        let mut senders = [SenderNumber::default(); AT_ONCE];
        let mut seen = 0;
        for (sender, group) in senders.iter_mut().zip(groups) {
            *sender = group.sender;
            seen ^= group.packets;
        }
        for sender in senders {
            seen ^= self.state.reports.glance(sender);
        }
        // Without this the compiler would leave all of it out.
        std::hint::black_box(seen);
    }

    fn read(&mut self, numbers: &Numbers, read: &Read, lines_before: u64) {
        match read {
            Read::Packet(seen) => {
                let line = seen.origin.line + lines_before;
                let cell = numbers.cells[seen.cell as usize];
                let group = numbers.groups[seen.group as usize];
                self.packet(cell, group, Origin { line, ..seen.origin }, seen);
            }
            Read::Placed { group, shown, len, is_damaged } => {
                let group = &mut self.counted[numbers.groups[*group as usize] as usize];
                group.count(*shown, *len, *is_damaged);
            }
            Read::Told { cell, told } => {
                let cell = &self.cell_facts[numbers.cells[*cell as usize] as usize];
                self.state.completeness.tell(cell.place, told.clone());
            }
            Read::Stamp { source, time } => {
                let envelope = Envelope { time: *time, ..Envelope::default() };
                self.state.clocks.learn(*source, &envelope, None);
            }
            Read::Clock { cell, shown } => self.clock(numbers.cells[*cell as usize], *shown),
        }
    }

    fn packet(&mut self, cell: u32, number: u32, origin: Origin, seen: &Seen) {
        let shown = Shown { time: seen.times.time, uptime: seen.times.uptime };
        self.clock(cell, shown);
        let state = &mut self.state;
        let group = &mut self.counted[number as usize];
        if let Some(mark) = &seen.mark {
            match state.reports.marked((origin, number), mark, NOW, &mut group.sender) {
                (Told::First, _) => {}
                (Told::After(_), _) => return,
                // This line is the first about a packet that another line reported.
                (Told::Before(_), counted) => {
                    group.count(shown, seen.len, false);
                    self.counted[counted as usize].lose(seen.len);
                    return;
                }
            }
        }
        let place = self.cell_facts[cell as usize].place;
        let name = || &self.groups.all()[number as usize];
        group.count(shown, seen.len, seen.is_damaged);
        let completeness = &mut state.completeness;
        let container = group
            .container
            .of(seen.limit, |limit| completeness.container(place, name().prefix(), limit));
        completeness.packet_of(origin.source, (place, container), &seen.times);
        if seen.is_damaged {
            completeness.tell(place, crate::completeness::Told::Damage);
        }
    }

    /// Takes a line that shows both clocks, or only one.
    fn clock(&mut self, cell: u32, shown: Shown) {
        let name = || &self.cells.all()[cell as usize];
        let Cell { clock, samples, stamps, .. } = &mut self.cell_facts[cell as usize];
        let clocks = &mut self.state.clocks;
        match (shown.uptime, shown.time) {
            (Some(uptime), LogTime::Instant(stamp)) => {
                samples.add(uptime, stamp, |(uptime, stamp)| {
                    clocks.learn_of(name().source(), *clock, uptime, stamp);
                });
            }
            // Their day comes with `Read::Stamp`.
            (Some(uptime), LogTime::Local(_) | LogTime::NoYear(_)) => {
                let Some((kind, stamp)) = self.day.convert(shown.time) else { return };
                stamps[kind as usize].add(uptime, stamp, |(uptime, stamp)| {
                    clocks.learn_stamp(name().source(), *clock, kind, uptime, stamp);
                });
            }
            (uptime, time) => {
                let name = name();
                let envelope = Envelope { time, uptime, ..name.envelope() };
                clocks.learn(name.source(), &envelope, None);
            }
        }
    }
}
