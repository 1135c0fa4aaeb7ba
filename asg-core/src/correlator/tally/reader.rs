//! Reading lines for a tally: all that needs no other line.

use super::cells::Cells;
use super::groups::{GroupKey, Groups, Shown};
use crate::completeness::{Limit, PacketTimes, Told};
use crate::correlator::duplicates::Mark;
use crate::correlator::{Counts, own_address, own_machine};
use crate::digest::Seeds;
use crate::evidence::{Evidence, Origin};
use crate::record::{Content, Record};
use crate::{Line, SourceId, TimePolicy, Timestamp};

/// Reads lines for a [`Tally`](super::Tally). It needs the tally only to hand over, so several can read at a time.
#[derive(Debug)]
pub struct TallyReader {
    pub(super) seeds: Seeds,
    /// With what notes are told from others.
    pub(super) note_seeds: Seeds,
    pub(super) cells: Cells,
    pub(super) groups: Groups,
    pub(super) counts: Counts,
    /// Times with a year, the latest of each run of lines of one source.
    pub(super) latest: Vec<(SourceId, Timestamp)>,
    pub(super) evidence: Vec<Evidence>,
    pub(super) read: Vec<Read>,
    /// The tally's numbers for those of `cells` and `groups`.
    pub(super) cell_numbers: Vec<u32>,
    pub(super) group_numbers: Vec<u32>,
}

/// What was read of a line.
#[derive(Debug)]
pub(super) enum Read {
    /// A packet.
    Packet(Seen),
    /// Something about the completeness of a cell's log.
    Told { cell: u32, told: Told },
    /// A line that shows uptime and time.
    Clock { cell: u32, shown: Shown },
}

/// A packet that was read.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) origin: Origin,
    pub(super) mark: Option<Mark>,
    pub(super) group: u32,
    pub(super) is_damaged: bool,
    pub(super) limit: Option<Limit>,
    pub(super) shown: Shown,
    pub(super) times: PacketTimes,
}

impl TallyReader {
    /// Reads a line.
    pub fn read(&mut self, origin: Origin, line: &[u8]) {
        let line = Line::new(line);
        let record = Record::read(&line);
        let envelope = &record.envelope;
        let is_damaged = matches!(record.content, Content::Damaged(_));
        self.counts.lines += 1;
        self.counts.damaged += u64::from(is_damaged);
        if let Some(time) = record.time(&TimePolicy::default()) {
            match self.latest.last_mut() {
                Some((source, latest)) if *source == origin.source => *latest = time.max(*latest),
                _ => self.latest.push((origin.source, time)),
            }
        }
        if let Some((packet, cf)) = record.packet() {
            self.counts.packets += 1;
            let cell = self.cells.see(origin.source, envelope, self.seeds);
            // Whose prefix means nothing has as many addresses as there are machines in the world.
            let address = cf.and_then(|cf| own_address(packet, cf));
            let key = GroupKey::of(cell, envelope, (packet.prefix.as_bytes(), address), self.seeds);
            // Of a line that is cut, nobody knows what it would have said.
            let mark =
                if is_damaged { None } else { Mark::of(envelope, packet, key.sender, self.seeds) };
            self.read.push(Read::Packet(Seen {
                origin,
                mark,
                group: self.groups.see(key),
                is_damaged,
                limit: Limit::of(packet, cf),
                shown: Shown::of(envelope),
                times: PacketTimes::of(envelope),
            }));
            return;
        }
        if let Some(told) = Told::of(&record, self.note_seeds) {
            let cell = self.cells.see(origin.source, envelope, self.seeds);
            self.read.push(Read::Told { cell, told });
        }
        if envelope.uptime.is_some() {
            let cell = self.cells.see(origin.source, envelope, self.seeds);
            self.read.push(Read::Clock { cell, shown: Shown::of(envelope) });
        }
        self.counts.logger_lines += u64::from(matches!(record.content, Content::Logger(_)));
        let known = self.evidence.len();
        let machine = own_machine(&record);
        record.evidence(origin, |mut evidence| {
            evidence.machine.clone_from(&machine);
            self.evidence.push(evidence);
        });
        self.counts.evidence += u64::from(self.evidence.len() > known);
    }
}
