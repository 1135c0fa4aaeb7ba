//! The first phase on one thread: all that a line shows without any other line.

use std::net::IpAddr;
use std::num::NonZero;

use hashbrown::HashTable;

use super::cells::{CellName, Cells};
use super::groups::{GroupKey, GroupName, Groups, Shown, TimeKind};
use crate::bytes::hash::Seeds;
use crate::clock::{delay, punctual_span};
use crate::completeness::{Limit, PacketTimes, Told};
use crate::correlate::duplicates::{Mark, packet_digest, sender, sender_name, text_digest};
use crate::correlate::state::peer_address;
use crate::correlate::{Counts, own_address, own_interface, text_key};
use crate::event::Moment;
use crate::event::lager::LoggerEvent;
use crate::evidence::{Evidence, Interface, Origin, SourceId, is_cells_own, rep_time};
use crate::line::Line;
use crate::line::envelope::Envelope;
use crate::packet::Address;
use crate::prefix::{Direction, LogPrefix, Plane};
use crate::record::outcome::{Outcome, Outcomes};
use crate::record::reader::{Glimpse, Header, KnownSaid, MOST_DATA, Reader, Sight};
use crate::record::{Content, Record};
use crate::time::{LogTime, Timestamp};

/// Reads lines for a [`Gathering`](super::Gathering), on a thread of its own.
///
/// Its results go to the gathering as [`Batch`]es.
#[derive(Debug)]
pub struct Gatherer {
    seeds: Seeds,
    reader: Reader,
    cells: Cells,
    groups: Groups,
    /// By the reader's numbers of headers: the machine, in the source where the header was last
    /// seen.
    header_cells: Vec<Option<(SourceId, u32)>>,
    /// The span of each cell's last punctual stamp.
    punctual: Vec<Option<i64>>,
    /// The machine of lines that name none, in the source where the last one was seen.
    bare_cell: Option<(SourceId, u32)>,
    /// By the reader's numbers of packet heads.
    senders: Vec<Option<Sender>>,
    /// Those on the sender's side, by the same numbers.
    interfaces: Vec<Option<Interface>>,
    peers: HashTable<IpAddr>,
    /// By the place of [`Fact::Again`].
    facts: Vec<Option<FactKey>>,
    /// The day of the last stamp without a zone.
    day: Option<(SourceId, i8, i8)>,
    keeps_text_keys: bool,
    /// See [`Gathering::knowing_all`](super::Gathering::knowing_all).
    knows_all: bool,
    batch: Batch,
    /// How many of `cells` and `groups` are in earlier batches.
    handed: (usize, usize),
}

/// The common parts of packets with one head, and the groups of the last ones.
///
/// Each packet needs one of thousands of these, so each is a line of the processor's cache; a test
/// holds its size.
#[derive(Debug, Clone)]
#[repr(align(64))]
struct Sender {
    /// See [`sender`]; for packets to a container without the address.
    name: u64,
    /// The address on the sender's side: that in the head, or that of the last packet.
    address: Option<IpAddr>,
    is_in_head: bool,
    direction: Direction,
    is_c2c: bool,
    /// The limits that UDP packets, and others, are under.
    limits: [Option<Limit>; 2],
    /// The machine of the last packet, and how its line shows the time.
    cell: u32,
    kind: TimeKind,
    /// By whether packets are under a limit: their group on this machine, of this address.
    groups: [Option<GroupNumber>; 2],
    /// The tag in the prefix of the last packet under a limit.
    tag: u64,
}

/// The number of a group; an option of it takes four bytes, too.
#[derive(Debug, Clone, Copy)]
struct GroupNumber(NonZero<u32>);

impl GroupNumber {
    /// `None` for the last number of all, which no group has.
    fn of(number: u32) -> Option<Self> {
        number.checked_add(1).and_then(NonZero::new).map(Self)
    }

    const fn get(self) -> u32 {
        self.0.get() - 1
    }
}

const UDP: u8 = 17;

/// How many addresses of peers a gatherer remembers.
const MOST_PEERS: usize = 1 << 16;

/// The results of a [`Gatherer`] since its last batch.
#[derive(Debug)]
#[must_use = "lines count once their batch is merged"]
pub struct Batch {
    pub(super) gatherer: usize,
    pub(super) seeds: Seeds,
    /// How many batches of the gatherer came before.
    pub(super) number: usize,
    /// Machines and groups that are in no earlier batch.
    pub(super) cells: Vec<CellName>,
    pub(super) groups: Vec<GroupName>,
    /// Times with a year, the latest of each run of lines of one source.
    pub(super) latest: Vec<(SourceId, Timestamp)>,
    /// Stamps of machines that lack a zone, each with the instant that its line shows.
    pub(super) zones: Vec<(u32, LogTime, Timestamp)>,
    pub(super) evidence: Vec<Fact>,
    pub(super) loggers: Vec<(Origin, LoggerEvent<'static>)>,
    /// Addresses at the other ends of packets between containers, unless an earlier batch has them.
    pub(super) peers: Vec<IpAddr>,
    pub(super) read: Vec<Read>,
    /// Of packet lines that are compared with others, if they are wanted.
    pub(super) text_keys: Vec<u64>,
    pub(super) counts: Counts,
    pub(super) outcomes: Outcomes,
}

/// The evidence of a line.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it is made in its place, and taken apart at once")]
pub(super) enum Fact {
    New {
        evidence: Evidence,
        /// The machine whose own line it is from.
        machine: Option<u32>,
        /// The place of [`Fact::Again`] for later lines with the same data.
        place: Option<usize>,
    },
    /// It equals the last one of this place, except in these fields.
    Again { place: usize, moment: Moment, time: Option<Timestamp>, origin: Origin },
}

/// How many places [`Fact::Again`] has.
pub(super) const MOST_FACTS: usize = MOST_DATA;

/// Determines the evidence of a lager line, except its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FactKey {
    /// The reader's number of the data.
    data: u64,
    is_cells_own: bool,
    /// The machine, if it is the cell's own line.
    machine: Option<u32>,
}

/// The results of lines, in the order of the lines.
#[derive(Debug)]
pub(super) enum Read {
    Packet(Seen),
    /// A packet of a part whose evidence is known: only its group is missing.
    Placed {
        group: u32,
        shown: Shown,
        /// The length of the IP packet, if it was logged.
        len: u32,
        is_damaged: bool,
    },
    /// Something about the completeness of a machine's log.
    Told {
        cell: u32,
        told: Told,
    },
    /// The first stamp without a zone of its day.
    Stamp {
        source: SourceId,
        time: LogTime,
    },
    /// A line that shows uptime and time.
    Clock {
        cell: u32,
        shown: Shown,
    },
}

/// A packet line.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) origin: Origin,
    pub(super) mark: Option<Mark>,
    pub(super) cell: u32,
    pub(super) group: u32,
    pub(super) is_damaged: bool,
    /// The length of the IP packet, if it was logged.
    pub(super) len: u32,
    pub(super) limit: Option<Limit>,
    pub(super) times: PacketTimes,
}

impl Batch {
    /// Returns an empty batch with a little more room than another needed.
    fn after(other: &Self) -> Self {
        fn room<T>(held: &[T]) -> Vec<T> {
            Vec::with_capacity(held.len() * 9 / 8)
        }
        let Self { gatherer, seeds, number, latest, evidence, read, text_keys, .. } = other;
        Self {
            latest: room(latest),
            evidence: room(evidence),
            read: room(read),
            text_keys: room(text_keys),
            ..Self::new(*gatherer, *seeds, number + 1)
        }
    }

    fn new(gatherer: usize, seeds: Seeds, number: usize) -> Self {
        Self {
            gatherer,
            seeds,
            number,
            cells: Vec::new(),
            groups: Vec::new(),
            latest: Vec::new(),
            zones: Vec::new(),
            evidence: Vec::new(),
            loggers: Vec::new(),
            peers: Vec::new(),
            read: Vec::new(),
            text_keys: Vec::new(),
            counts: Counts::default(),
            outcomes: Outcomes::default(),
        }
    }
}

impl Gatherer {
    /// Returns the gatherer with this number.
    pub(super) fn new(
        gatherer: usize,
        seeds: Seeds,
        keeps_text_keys: bool,
        knows_all: bool,
    ) -> Self {
        Self {
            seeds,
            keeps_text_keys,
            knows_all,
            reader: Reader::seeded(seeds),
            cells: Cells::default(),
            groups: Groups::default(),
            header_cells: Vec::new(),
            punctual: Vec::new(),
            bare_cell: None,
            senders: Vec::new(),
            interfaces: Vec::new(),
            peers: HashTable::new(),
            facts: Vec::new(),
            day: None,
            batch: Batch::new(gatherer, seeds, 0),
            handed: (0, 0),
        }
    }

    /// Ends the batch of the lines that were read since the last call, and returns it.
    ///
    /// ```
    /// # use asg_core::{Gathering, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// let mut gathering = Gathering::new();
    /// let mut gatherer = gathering.gatherer();
    /// gatherer.ingest(at, packet);
    /// gathering.merge(gatherer.take_batch(), 0).unwrap();
    /// assert_eq!(gathering.counts().packets, 1);
    /// ```
    pub fn take_batch(&mut self) -> Batch {
        let new = Batch::after(&self.batch);
        let mut batch = std::mem::replace(&mut self.batch, new);
        let (cells, groups) = (self.cells.all(), self.groups.all());
        batch.cells.extend_from_slice(&cells[self.handed.0..]);
        batch.groups.extend_from_slice(&groups[self.handed.1..]);
        self.handed = (cells.len(), groups.len());
        batch
    }

    /// Counts a further line of a document, whose first line has all of its content; see
    /// [`DocumentLines`](crate::line::DocumentLines).
    pub fn pass_over(&mut self, origin: Origin) {
        self.batch.counts.lines += 1;
        self.batch.outcomes.count(origin, Outcome::Other);
    }

    /// Reads a line without its line feed.
    ///
    /// ```
    /// # use asg_core::{Gathering, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// let mut gathering = Gathering::new();
    /// let mut gatherer = gathering.gatherer();
    /// gatherer.ingest(at, packet);
    /// gathering.merge(gatherer.take_batch(), 0).unwrap();
    /// assert_eq!(gathering.counts().lines, 1);
    /// ```
    pub fn ingest(&mut self, origin: Origin, line: &[u8]) {
        self.take(origin, &Line::new(line));
    }

    /// Reads a line that may be [over-long](Line::cut).
    pub fn take(&mut self, origin: Origin, line: &Line<'_>) {
        self.batch.counts.lines += 1;
        let sight = self.reader.sight(line);
        if let Sight::Packet(glimpse) = &sight
            && self.glimpse(origin, glimpse)
        {
            self.batch.outcomes.count(origin, Outcome::Packet);
            return;
        }
        if let Sight::Said(header, said) = &sight
            && self.said(origin, line, header.as_ref(), said)
        {
            return;
        }
        if self.knows_all {
            return self.place(origin, line, &sight);
        }
        let record = self.reader.record(line, &sight);
        self.record(origin, &record, true);
        let mut outcome = Outcome::of(line, &record);
        for record in Record::more(line) {
            self.record(origin, &record, false);
            outcome = outcome.with(&record);
        }
        self.batch.outcomes.count(origin, outcome);
    }

    /// Takes the groups of a line's packets, and nothing else.
    fn place(&mut self, origin: Origin, line: &Line<'_>, sight: &Sight<'_>) {
        if matches!(sight, Sight::Packet(_)) || line.may_hold_packet() {
            let record = self.reader.record(line, sight);
            self.record(origin, &record, true);
        }
        for record in Record::more(line) {
            self.record(origin, &record, false);
        }
    }

    /// Takes a common packet; false if its machine or its sender is new.
    fn glimpse(&mut self, origin: Origin, glimpse: &Glimpse<'_>) -> bool {
        let Some(Some((source, cell))) = self.header_cells.get(glimpse.header() as usize).copied()
        else {
            return false;
        };
        let Some(Some(sender)) = self.senders.get_mut(glimpse.head() as usize) else {
            return false;
        };
        if source != origin.source {
            return false;
        }
        let (time, uptime) = (glimpse.time(), glimpse.uptime());
        let proto = glimpse.tail().proto_num();
        let limit = sender.limits[usize::from(proto != UDP)];
        let tag = glimpse.tag();
        sender.take(cell, TimeKind::of(time, uptime), glimpse.tail().dst());
        if limit.is_some() {
            sender.take_tag(tag);
        }
        let group = match &mut sender.groups[usize::from(limit.is_some())] {
            Some(group) => group.get(),
            group => {
                let (prefix, cf) = self.reader.prefix(glimpse);
                let whose = (prefix, Some(&cf), true);
                let interface = self.interfaces[glimpse.head() as usize];
                let place = (sender.address, interface);
                let key = GroupKey::of(cell, sender.kind, whose, place, limit, self.seeds);
                let number = self.groups.see(key);
                *group = GroupNumber::of(number);
                number
            }
        };
        if sender.is_c2c {
            let peer = match sender.direction {
                Direction::Egress => Some(glimpse.tail().dst()),
                Direction::Ingress => Address::ip(glimpse.src()),
            };
            see_peer(&mut self.peers, &mut self.batch.peers, peer, self.seeds);
        }
        self.batch.counts.packets += 1;
        let len = glimpse.tail().len();
        if self.knows_all {
            let shown = Shown { time, uptime };
            self.batch.read.push(Read::Placed { group, shown, len, is_damaged: false });
            return true;
        }
        let name = if sender.is_in_head {
            sender.name
        } else {
            sender.name ^ self.seeds.of_address(sender.address)
        };
        let head = (glimpse.head_digest(), tag);
        let text = text_digest(head, glimpse.src_behind(), glimpse.tail(), self.seeds);
        let whose = (name, self.cells.mark(cell));
        let mark = Mark::with_uptime((time, uptime), glimpse.tail().id(), whose, text);
        if self.keeps_text_keys && mark.is_some() {
            self.batch.text_keys.push(text_key(glimpse.body));
        }
        self.shows(origin.source, time);
        let times = PacketTimes::plain(time, uptime);
        let seen = Seen { origin, mark, cell, group, is_damaged: false, len, limit, times };
        self.batch.read.push(Read::Packet(seen));
        true
    }

    /// Takes a common lager line; false if its machine or its data is new.
    fn said(
        &mut self,
        origin: Origin,
        line: &Line<'_>,
        header: Option<&Header>,
        said: &KnownSaid<'_>,
    ) -> bool {
        if self.knows_all {
            return true;
        }
        let cell = match header {
            Some(header) => self.header_cells.get(header.number() as usize).copied().flatten(),
            None if line.instance().is_none() => self.bare_cell,
            None => {
                let mut envelope = Envelope::default();
                line.name_machine(&mut envelope);
                Some((origin.source, self.cells.see(origin.source, &envelope, self.seeds)))
            }
        };
        let Some((source, cell)) = cell else { return false };
        let KnownSaid { data, is_cells_own, event, .. } = *said;
        let place = (data % MOST_FACTS as u64) as usize;
        let key = FactKey { data, is_cells_own, machine: is_cells_own.then_some(cell) };
        if source != origin.source || self.facts.get(place) != Some(&Some(key)) {
            return false;
        }
        let own = said.time();
        self.has_time(source, own);
        let shown = header.map_or(LogTime::Unknown, Header::time);
        self.shows_clock(cell, shown, own);
        if is_cells_own {
            self.batch.read.push(Read::Told { cell, told: Told::AboutContainer });
        }
        let (moment, time) = (event.moment(), Some(own).filter(|_| event.was_there()));
        self.batch.evidence.push(Fact::Again { place, moment, time, origin });
        self.batch.counts.evidence += 1;
        self.batch.outcomes.count(origin, Outcome::Evidence);
        true
    }

    /// Takes any record. Only the first one of a line is compared with others, by its line's place.
    fn record(&mut self, origin: Origin, record: &Record<'_>, is_first: bool) {
        let envelope = &record.envelope;
        match record.own_time().filter(|_| !self.knows_all) {
            Some(own) => self.shows_own(origin.source, record, own),
            None if record.is_platform() && !self.knows_all => {
                self.shows(origin.source, envelope.time);
            }
            None => {}
        }
        if record.not_platform() || self.knows_all && record.proven_packet().is_none() {
            return;
        }
        let is_damaged = matches!(record.content, Content::Damaged(_));
        self.batch.counts.damaged += u64::from(is_damaged);
        if let Some((packet, cf)) = record.proven_packet() {
            self.batch.counts.packets += 1;
            let cell = self.cell(origin.source, record);
            let prefix = packet.prefix.as_bytes();
            // Packets without a Cloud Foundry prefix come from any number of addresses.
            let address = cf.and_then(|cf| own_address(packet, cf));
            let limit = Limit::of(prefix, cf, packet.ip.proto_num);
            let Some(key) = GroupKey::of_record(cell, record, self.seeds) else { return };
            let group = self.groups.see(key);
            if let Content::Packet { packet, cf: Some(cf) } = &record.content {
                self.remember_sender(record, sender(packet, Some(cf), address, self.seeds), cf);
            }
            self.see_peer(peer_address(packet, cf));
            let len = packet.ip.len.unwrap_or_default();
            if self.knows_all {
                let shown = Shown::of(record);
                self.batch.read.push(Read::Placed { group, shown, len, is_damaged });
                return;
            }
            // A damaged line may be the beginning of any packet's.
            let mark = if is_damaged || !is_first {
                None
            } else {
                let text = packet_digest(envelope.body.as_bytes(), cf, self.seeds);
                let sender = sender(packet, cf, address, self.seeds);
                Mark::of(envelope, packet.ip.id, (sender, self.cells.mark(cell)), text)
            };
            if self.keeps_text_keys && mark.is_some() {
                self.batch.text_keys.push(text_key(envelope.body.as_bytes()));
            }
            let times = PacketTimes::of(&record.envelope_of_clocks());
            let seen = Seen { origin, mark, cell, group, is_damaged, len, limit, times };
            self.batch.read.push(Read::Packet(seen));
            return;
        }
        self.batch.counts.other_kernel_lines += u64::from(record.is_kernel());
        if let Some(told) = Told::of(record) {
            let cell = self.cell(origin.source, record);
            self.batch.read.push(Read::Told { cell, told });
        }
        if record.clocks().1.is_some() && record.is_platform() {
            let cell = self.cell(origin.source, record);
            self.batch.read.push(Read::Clock { cell, shown: Shown::of(record) });
        }
        if let Content::Logger(event) = &record.content {
            self.batch.counts.logger_lines += 1;
            if event.direction.as_deref() == Some("ingress") {
                self.see_peer(event.src_ip.as_deref().and_then(|ip| ip.parse().ok()));
            }
            self.batch.loggers.push((origin, event.clone().into_owned()));
        }
        let known = self.batch.evidence.len();
        self.evidence(origin, record);
        self.batch.counts.evidence += u64::from(self.batch.evidence.len() > known);
    }

    /// Takes the evidence of a record.
    fn evidence(&mut self, origin: Origin, record: &Record<'_>) {
        let mut cell = None;
        let mut place = None;
        if let (Content::Rep(event), Some(data)) = (&record.content, record.memo.data)
            && !event.is_contradictory
        {
            let is_cells_own = is_cells_own(&event.source);
            cell = is_cells_own.then(|| self.cell(origin.source, record));
            let key = FactKey { data, is_cells_own, machine: cell };
            let at = (data % MOST_FACTS as u64) as usize;
            if self.facts.get(at) == Some(&Some(key)) {
                let (moment, time) = (event.moment(), rep_time(event, None));
                self.batch.evidence.push(Fact::Again { place: at, moment, time, origin });
                return;
            }
            put(&mut self.facts, at, key);
            place = Some(at);
        }
        let known = self.batch.evidence.len();
        record.evidence(origin, |evidence| {
            self.batch.evidence.push(Fact::New { evidence, machine: cell, place });
        });
        if let Some(at) = place
            && self.batch.evidence.len() == known
        {
            // The line names no container, and neither will the next one with its data.
            self.facts[at] = None;
        }
        let is_own =
            |fact: &Fact| matches!(fact, Fact::New { evidence, .. } if evidence.is_cells_own);
        if place.is_none() && self.batch.evidence[known..].iter().any(is_own) {
            let cell = self.cell(origin.source, record);
            for fact in &mut self.batch.evidence[known..] {
                if let Fact::New { evidence, machine, .. } = fact {
                    *machine = evidence.is_cells_own.then_some(cell);
                }
            }
        }
    }

    /// Returns the number of the machine that a line names.
    fn cell(&mut self, source: SourceId, record: &Record<'_>) -> u32 {
        let header = record.memo.header.map(|header| header as usize);
        if let Some(Some(Some((of, cell)))) = header.map(|header| self.header_cells.get(header))
            && *of == source
        {
            return *cell;
        }
        let cell = self.cells.see(source, &record.envelope, self.seeds);
        if let Some(header) = header {
            put(&mut self.header_cells, header, (source, cell));
        } else if !record.envelope.names_machine() {
            self.bare_cell = Some((source, cell));
        }
        cell
    }

    fn remember_sender(&mut self, record: &Record<'_>, name: u64, cf: &LogPrefix<'_>) {
        let Some(head) = record.memo.head else { return };
        if let Some(Some(_)) = self.senders.get(head as usize) {
            return;
        }
        let Some((packet, _)) = record.packet() else { return };
        let prefix = packet.prefix.as_bytes();
        let is_egress = cf.direction == Direction::Egress;
        let address = own_address(packet, cf);
        let sender = Sender {
            name: if is_egress { name } else { sender_name(prefix, cf, self.seeds) },
            address,
            is_in_head: is_egress && address.is_some(),
            direction: cf.direction,
            is_c2c: cf.plane == Plane::C2c,
            limits: [Some(UDP), None].map(|proto| Limit::of(prefix, Some(cf), proto)),
            cell: u32::MAX,
            kind: TimeKind::Nothing,
            groups: [None; 2],
            tag: 0,
        };
        put(&mut self.interfaces, head as usize, own_interface(packet, cf));
        put(&mut self.senders, head as usize, sender);
    }

    fn see_peer(&mut self, peer: Option<IpAddr>) {
        see_peer(&mut self.peers, &mut self.batch.peers, peer, self.seeds);
    }

    /// A line shows this in its header.
    #[inline]
    fn shows(&mut self, source: SourceId, time: LogTime) {
        match time {
            LogTime::Instant(time) => self.has_time(source, time),
            LogTime::NoYear(civil) | LogTime::Local(civil) => {
                let day = (source, civil.month, civil.day);
                if self.day != Some(day) {
                    self.day = Some(day);
                    self.batch.read.push(Read::Stamp { source, time });
                }
            }
            LogTime::Unknown => {}
        }
    }

    /// A line shows this in its header, and an instant behind it.
    fn shows_own(&mut self, source: SourceId, record: &Record<'_>, own: Timestamp) {
        self.has_time(source, own);
        let time = record.envelope.time;
        if time != LogTime::Unknown {
            let cell = self.cell(source, record);
            self.shows_clock(cell, time, own);
        }
    }

    /// A cell's line shows this in its header, and an instant behind it. Lines with a whole stamp
    /// that are punctual show the same as the one before, nearly always.
    #[inline]
    fn shows_clock(&mut self, cell: u32, time: LogTime, own: Timestamp) {
        match time {
            LogTime::Instant(stamp) if delay(stamp, own).is_none() => {
                let span = Some(punctual_span(stamp));
                let at = cell as usize;
                if self.punctual.get(at) == Some(&span) {
                    return;
                }
                put(&mut self.punctual, at, span);
            }
            LogTime::Instant(_) | LogTime::NoYear(_) | LogTime::Local(_) => {}
            LogTime::Unknown => return,
        }
        self.batch.zones.push((cell, time, own));
    }

    #[inline]
    fn has_time(&mut self, source: SourceId, time: Timestamp) {
        match self.batch.latest.last_mut() {
            Some((known, latest)) if *known == source => *latest = time.max(*latest),
            _ => self.batch.latest.push((source, time)),
        }
    }
}

impl Sender {
    /// Takes the place of a packet. Its groups are others if that changes.
    #[inline]
    fn take(&mut self, cell: u32, kind: TimeKind, dst: IpAddr) {
        let is_there = self.is_in_head || self.address == Some(dst);
        if self.cell == cell && self.kind == kind && is_there {
            return;
        }
        (self.cell, self.kind, self.groups) = (cell, kind, [None; 2]);
        if !self.is_in_head {
            self.address = Some(dst);
        }
    }

    /// Takes the tag of a packet under a limit, on which its group depends.
    #[inline]
    fn take_tag(&mut self, tag: u64) {
        if self.tag != tag {
            self.tag = tag;
            self.groups[1] = None;
        }
    }
}

fn see_peer(
    known: &mut HashTable<IpAddr>,
    new: &mut Vec<IpAddr>,
    peer: Option<IpAddr>,
    seeds: Seeds,
) {
    let Some(peer) = peer else { return };
    let hash = |peer: &IpAddr| seeds.of_address(Some(*peer));
    if known.len() < MOST_PEERS && known.find(hash(&peer), |known| *known == peer).is_none() {
        known.insert_unique(hash(&peer), peer, hash);
        new.push(peer);
    }
}

/// Puts a value at a place of a table that grows to hold it.
pub(super) fn put<T: Clone>(table: &mut Vec<Option<T>>, at: usize, value: impl Into<Option<T>>) {
    if table.len() <= at {
        table.resize(at + 1, None);
    }
    table[at] = value.into();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_takes_a_line_of_the_cache() {
        assert_eq!(size_of::<Option<Sender>>(), 64);
    }

    #[test]
    fn every_group_has_a_number() {
        for number in [0, 1, u32::MAX - 1] {
            assert_eq!(GroupNumber::of(number).map(GroupNumber::get), Some(number));
        }
        assert!(GroupNumber::of(u32::MAX).is_none());
    }
}
