//! Reading lines for a tally: all that needs no other line.

use super::cells::{CellName, Cells};
use super::groups::{GroupKey, GroupName, Groups, Shown, TimeKind};
use super::headers::Headers;
use super::heads::{Heads, Known};
use crate::bytes::hash::Seeds;
use crate::completeness::{Limit, PacketTimes, Told};
use crate::correlate::duplicates::{Mark, sender, sender_name};
use crate::correlate::{Counts, own_address};
use crate::event::lager::{Glance, LagerEvent, RepEvent, stamp_of};
use crate::evidence::{Evidence, Origin, SourceId, is_cells_own, rep_evidence};
use crate::line::envelope::Envelope;
use crate::line::{Line, begins_as_lager};
use crate::packet::Packet;
use crate::prefix::{Direction, LogPrefix};
use crate::record::{Content, Record};
use crate::time::{LogTime, Timestamp};

/// Reads lines for a [`Tally`](super::Tally). It needs the tally only to hand over, so several can read at a time.
#[derive(Debug)]
pub struct TallyReader {
    seeds: Seeds,
    cells: Cells,
    groups: Groups,
    headers: Headers,
    heads: Heads,
    out: TallyReading,
    /// How many of `cells` and `groups` were handed over.
    handed: (usize, usize),
}

/// What a [`TallyReader`] has read since it last handed over. All of its readings are to be taken, in their order.
///
/// ```
/// use asg_core::{Origin, SourceId, Tally};
///
/// let log: Vec<String> = (0..90).map(|n| format!("[ 2343.5953{n:02}] device s-01025507300{n:02} entered")).collect();
/// let mut tally = Tally::new();
/// let mut readers = [tally.reader(), tally.reader()];
/// let readings = std::thread::scope(|scope| {
///     let halves = log.chunks(45).zip(&mut readers);
///     let threads: Vec<_> = halves
///         .map(|(half, reader)| {
///             scope.spawn(move || {
///                 for (line, text) in (1..).zip(half) {
///                     reader.read(Origin { source: SourceId(0), line }, text.as_bytes());
///                 }
///                 reader.hand_over()
///             })
///         })
///         .collect();
///     threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
/// });
/// for (reading, lines_before) in readings.into_iter().zip([0, 45]) {
///     tally.take_behind(reading, lines_before);
/// }
/// readers.into_iter().for_each(|reader| tally.finish(reader));
/// assert_eq!(tally.counts().lines, 90);
/// ```
#[derive(Debug)]
#[must_use = "what was read counts when a tally has taken it"]
pub struct TallyReading {
    /// Of which reader, and of which tally.
    pub(super) reader: usize,
    pub(super) seeds: Seeds,
    /// How many readings of the reader came before.
    pub(super) number: usize,
    /// Those that were seen for the first time.
    pub(super) cells: Vec<CellName>,
    pub(super) groups: Vec<GroupName>,
    /// Times with a year, the latest of each run of lines of one source.
    pub(super) latest: Vec<(SourceId, Timestamp)>,
    /// Stamps that lack a zone, each with the instant that its line shows.
    pub(super) zones: Vec<(SourceId, LogTime, Timestamp)>,
    /// Each with the machine whose own line it is from.
    pub(super) evidence: Vec<(Evidence, Option<u32>)>,
    pub(super) read: Vec<Read>,
    pub(super) counts: Counts,
}

/// What was read of a line.
#[derive(Debug)]
pub(super) enum Read {
    /// A packet.
    Packet(Seen),
    /// Something about the completeness of a cell's log.
    Told { cell: u32, told: Told },
    /// A stamp that lacks a zone.
    Stamp { source: SourceId, time: LogTime },
    /// A line that shows uptime and time.
    Clock { cell: u32, shown: Shown },
}

/// A packet that was read.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) origin: Origin,
    pub(super) mark: Option<Mark>,
    pub(super) cell: u32,
    pub(super) group: u32,
    pub(super) is_damaged: bool,
    pub(super) limit: Option<Limit>,
    pub(super) times: PacketTimes,
}

impl TallyReading {
    /// With room for a little more than another has.
    fn like(other: &Self) -> Self {
        fn room<T>(held: &[T]) -> Vec<T> {
            Vec::with_capacity(held.len() * 9 / 8)
        }
        let Self { reader, seeds, number, latest, evidence, read, .. } = other;
        Self {
            reader: *reader,
            seeds: *seeds,
            number: number + 1,
            cells: Vec::new(),
            groups: Vec::new(),
            latest: room(latest),
            zones: Vec::new(),
            evidence: room(evidence),
            read: room(read),
            counts: Counts::default(),
        }
    }
}

impl TallyReader {
    /// The reader with this number.
    pub(super) fn new(reader: usize, seeds: Seeds) -> Self {
        let out = TallyReading {
            reader,
            seeds,
            number: 0,
            cells: Vec::new(),
            groups: Vec::new(),
            latest: Vec::new(),
            zones: Vec::new(),
            evidence: Vec::new(),
            read: Vec::new(),
            counts: Counts::default(),
        };
        Self {
            seeds,
            cells: Cells::default(),
            groups: Groups::default(),
            headers: Headers::default(),
            heads: Heads::default(),
            out,
            handed: (0, 0),
        }
    }

    /// What was read since the last time.
    pub fn hand_over(&mut self) -> TallyReading {
        let new = TallyReading::like(&self.out);
        let mut reading = std::mem::replace(&mut self.out, new);
        let (cells, groups) = (self.cells.all(), self.groups.all());
        reading.cells.extend_from_slice(&cells[self.handed.0..]);
        reading.groups.extend_from_slice(&groups[self.handed.1..]);
        self.handed = (cells.len(), groups.len());
        reading
    }

    /// Reads a line.
    pub fn read(&mut self, origin: Origin, line: &[u8]) {
        self.out.counts.lines += 1;
        // The object that was found to take a closer look.
        let mut unusual: &[u8] = &[];
        // Any other object may be a wrapping.
        let bare = line.strip_suffix(b"\r").unwrap_or(line);
        if begins_as_lager(bare) {
            if self.read_json(origin, &Envelope::default(), bare, None) {
                return;
            }
            unusual = bare;
        }
        let header = self.headers.read(line, origin.source);
        if let Some((envelope, cell)) = &header {
            if let body @ [b'{', ..] = envelope.body.as_bytes() {
                if self.read_json(origin, envelope, body, Some(*cell)) {
                    return;
                }
                unusual = body;
            } else if self.read_known(origin, envelope, Some(*cell))
                || self.read_received(origin, envelope, *cell)
            {
                return;
            }
        }
        let raw = line;
        let line = Line::new(raw);
        let mut envelope = Envelope::default();
        line.read_envelope(&mut envelope);
        if header.is_none() && self.read_known(origin, &envelope, None) {
            return;
        }
        if let body @ [b'{', ..] = envelope.body.as_bytes()
            && !std::ptr::eq(body, unusual)
            // An app prints what it likes.
            && envelope.stream().is_none()
        {
            if header.is_none() {
                let cell = self.cells.see(origin.source, &envelope, self.seeds);
                self.headers.remember(raw, &envelope, origin.source, cell);
            }
            if self.read_json(origin, &envelope, body, None) {
                return;
            }
        }
        let record = &Record::unusual(envelope, &line);
        let envelope = &record.envelope;
        if let Some(own) = record.own_time() {
            self.shows_own(origin.source, envelope.time, own);
        } else {
            self.shows(origin.source, envelope.time);
        }
        let is_damaged = matches!(record.content, Content::Damaged(_));
        self.out.counts.damaged += u64::from(is_damaged);
        if let Some((packet, cf)) = record.packet() {
            self.out.counts.packets += 1;
            let cell = self.cells.see(origin.source, envelope, self.seeds);
            if header.is_none() {
                self.headers.remember(raw, envelope, origin.source, cell);
            }
            let prefix = packet.prefix.as_bytes();
            // Whose prefix means nothing has as many addresses as there are machines in the world.
            let address = cf.and_then(|cf| own_address(packet, cf));
            let limit = Limit::of(prefix, cf, packet.ip.proto_num);
            let key = GroupKey::of(cell, envelope, (prefix, cf), address, limit, self.seeds);
            // Of a line that is cut, nobody knows what it would have said.
            let mark = if is_damaged {
                None
            } else {
                let body = envelope.body.as_bytes();
                let text = self.heads.remember(body, (packet, cf), address, self.seeds);
                let sender = sender(packet, cf, address, self.seeds);
                Mark::of(envelope, packet.ip.id, (sender, self.cells.mark(cell)), text)
            };
            let group = self.groups.see(key);
            let times = PacketTimes::of(envelope);
            let seen = Seen { origin, mark, cell, group, is_damaged, limit, times };
            self.out.read.push(Read::Packet(seen));
            return;
        }
        if let Some(told) = Told::of(record) {
            let cell = self.cells.see(origin.source, envelope, self.seeds);
            self.out.read.push(Read::Told { cell, told });
        }
        if envelope.uptime.is_some() {
            let cell = self.cells.see(origin.source, envelope, self.seeds);
            self.out.read.push(Read::Clock { cell, shown: Shown::of(envelope) });
        }
        self.out.counts.logger_lines += u64::from(matches!(record.content, Content::Logger(_)));
        let known = self.out.evidence.len();
        record.evidence(origin, |evidence| self.out.evidence.push((evidence, None)));
        if self.out.evidence[known..].iter().any(|(evidence, _)| evidence.is_cells_own) {
            let cell = self.cells.see(origin.source, envelope, self.seeds);
            for (evidence, machine) in &mut self.out.evidence[known..] {
                *machine = evidence.is_cells_own.then_some(cell);
            }
        }
        self.out.counts.evidence += u64::from(self.out.evidence.len() > known);
    }

    /// Reads a JSON line; false if it takes a closer look. The number of its machine may be known.
    fn read_json(
        &mut self,
        origin: Origin,
        envelope: &Envelope<'_>,
        body: &[u8],
        cell: Option<u32>,
    ) -> bool {
        let (own_time, event) = match LagerEvent::glance(body) {
            Glance::Rep(event) => (event.time, Some(event)),
            Glance::Nothing => (stamp_of(body), None),
            Glance::Unusual => return false,
        };
        match own_time {
            Some(own) => self.shows_own(origin.source, envelope.time, own),
            None => self.shows(origin.source, envelope.time),
        }
        if event.is_none() && envelope.uptime.is_none() {
            return true;
        }
        let see = || self.cells.see(origin.source, envelope, self.seeds);
        let cell = cell.unwrap_or_else(see);
        if let Some(event) = event {
            self.read_event(origin, envelope, cell, &event);
        }
        if envelope.uptime.is_some() {
            self.out.read.push(Read::Clock { cell, shown: Shown::of(envelope) });
        }
        true
    }

    /// Reads what a lager line says about a container.
    fn read_event(
        &mut self,
        origin: Origin,
        envelope: &Envelope<'_>,
        cell: u32,
        event: &RepEvent<'_>,
    ) {
        if is_cells_own(&event.source) {
            self.out.read.push(Read::Told { cell, told: Told::AboutContainer });
        }
        let shown = match envelope.time {
            LogTime::Instant(time) => Some(time),
            _ => None,
        };
        if let Some(evidence) = rep_evidence(event, shown, origin) {
            let machine = evidence.is_cells_own.then_some(cell);
            self.out.evidence.push((evidence, machine));
            self.out.counts.evidence += 1;
        }
    }

    /// Reads a packet whose head is known; false if the line is none. The number of its machine may be known too.
    fn read_known(
        &mut self,
        origin: Origin,
        envelope: &Envelope<'_>,
        known_cell: Option<u32>,
    ) -> bool {
        // Without an uptime the IP ID is wanted, which is not looked for here; an app prints what it likes.
        if envelope.uptime.is_none() || envelope.stream().is_some() {
            return false;
        }
        let Some(known) = self.heads.find(envelope.body.as_bytes(), self.seeds) else {
            return false;
        };
        let Known { head, text, proto } = known;
        let time = TimeKind::of(envelope);
        let sender = head.sender;
        let (cell, group) = match head.group {
            Some((cell, known_time, group))
                if known_time == time
                    && known_cell.map_or_else(
                        || self.cells.shows(cell, origin.source, envelope),
                        |known| known == cell,
                    ) =>
            {
                (cell, group)
            }
            _ => {
                let see = || self.cells.see(origin.source, envelope, self.seeds);
                let cell = known_cell.unwrap_or_else(see);
                // Heads name containers.
                let key = GroupKey::of(
                    cell,
                    envelope,
                    (head.prefix(), None),
                    head.address,
                    None,
                    self.seeds,
                );
                let group = self.groups.see(key);
                head.group = Some((cell, time, group));
                (cell, group)
            }
        };
        let limit = head.limit(proto);
        let mark = Mark::of(envelope, None, (sender, self.cells.mark(cell)), text);
        self.shows(origin.source, envelope.time);
        self.out.counts.packets += 1;
        self.out.read.push(Read::Packet(Seen {
            origin,
            mark,
            cell,
            group,
            is_damaged: false,
            limit,
            times: PacketTimes::of(envelope),
        }));
        true
    }

    /// Reads a packet to a container, given its machine: of its line only the log prefix may be met again, so no head of it
    /// is known. False if the line is none.
    fn read_received(&mut self, origin: Origin, envelope: &Envelope<'_>, cell: u32) -> bool {
        let body = envelope.body.as_bytes();
        let received = || {
            // A brace may be JSON's.
            let (prefix, path) =
                Packet::split_prefix(body).filter(|_| !matches!(body, [b'{' | b'[', ..]))?;
            let cf = LogPrefix::parse(prefix).filter(|cf| cf.direction == Direction::Ingress)?;
            Some((prefix, cf, Packet::look_through_path(path)?))
        };
        let Some((prefix, cf, (address, proto))) = received() else { return false };
        let (seeds, address) = (self.seeds, Some(address));
        let limit = Limit::of(prefix, Some(&cf), Some(proto));
        let whose = (prefix, Some(&cf));
        let key = GroupKey::of(cell, envelope, whose, address, limit, seeds);
        let group = self.groups.see(key);
        let sender = sender_name(prefix, &cf, seeds) ^ seeds.of_address(address);
        let text = seeds.digest(body.trim_ascii_end());
        let mark = Mark::of(envelope, None, (sender, self.cells.mark(cell)), text);
        let times = PacketTimes::of(envelope);
        self.shows(origin.source, envelope.time);
        self.out.counts.packets += 1;
        let seen = Seen { origin, mark, cell, group, is_damaged: false, limit, times };
        self.out.read.push(Read::Packet(seen));
        true
    }

    /// A line shows this in its header.
    fn shows(&mut self, source: SourceId, time: LogTime) {
        match time {
            LogTime::Instant(time) => self.has_time(source, time),
            LogTime::NoYear(_) | LogTime::Local(_) => {
                self.out.read.push(Read::Stamp { source, time });
            }
            LogTime::Unknown => {}
        }
    }

    /// A line shows this in its header, and an instant behind it.
    fn shows_own(&mut self, source: SourceId, time: LogTime, own: Timestamp) {
        self.has_time(source, own);
        if matches!(time, LogTime::NoYear(_) | LogTime::Local(_)) {
            self.out.zones.push((source, time, own));
        }
    }

    fn has_time(&mut self, source: SourceId, time: Timestamp) {
        match self.out.latest.last_mut() {
            Some((known, latest)) if *known == source => *latest = time.max(*latest),
            _ => self.out.latest.push((source, time)),
        }
    }
}
