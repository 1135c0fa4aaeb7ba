//! Groups of packets that have all in common on which an answer depends, but the time.

use std::net::IpAddr;

use hashbrown::HashTable;

use super::super::duplicates::sender;
use super::super::own_address;
use crate::digest::Seeds;
use crate::evidence::SourceId;
use crate::time::{LogTime, Uptime};
use crate::{Envelope, LogPrefix, Packet, TimePolicy, TimeRange};

/// All groups, numbered as they come.
#[derive(Debug, Clone, Default)]
pub(super) struct Groups {
    all: Vec<Group>,
    numbers: HashTable<usize>,
}

/// Packets that have all in common but the time.
#[derive(Debug, Clone)]
pub(super) struct Group {
    hash: u64,
    source: SourceId,
    time: TimeKind,
    prefix: Box<[u8]>,
    address: Option<IpAddr>,
    sender: u64,
    cell: [Option<Box<[u8]>>; 2],
    /// The cell's name, if it tells the machine from others.
    machine: Option<Box<str>>,
    /// How many packets were told, each once.
    pub(super) packets: u64,
    pub(super) first: Extent,
    pub(super) last: Extent,
    /// Where one answer is not every packet's: a time of each, and how many packets have it.
    pub(super) answers: Vec<(Option<TimeRange>, u64)>,
}

/// What the packets of a group have in common.
#[derive(Debug)]
pub(super) struct Key<'a> {
    source: SourceId,
    time: TimeKind,
    prefix: &'a [u8],
    address: Option<IpAddr>,
    /// See [`sender`].
    pub(super) sender: u64,
    /// As [`Envelope::cell`] has it, not yet put together.
    cell: [Option<&'a [u8]>; 2],
}

/// What a line shows of the time. Only what is shown in one way can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeKind {
    Instant,
    Local,
    NoYear,
    Uptime,
    Nothing,
}

/// The time of one line, as it shows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    time: LogTime,
    uptime: Option<Uptime>,
}

impl Extent {
    pub(super) const fn of(envelope: &Envelope<'_>) -> Self {
        Self { time: envelope.time, uptime: envelope.uptime }
    }

    pub(super) fn range(self, policy: &TimePolicy) -> Option<TimeRange> {
        let shown = self.time.resolve(policy).or_else(|| self.uptime?.resolve(policy));
        shown.map(|resolved| TimeRange::from(resolved.time))
    }

    /// False for times of different kinds.
    fn is_before(self, other: Self) -> bool {
        match (self.time, other.time) {
            (LogTime::Instant(a), LogTime::Instant(b)) => a < b,
            (LogTime::Local(a), LogTime::Local(b)) | (LogTime::NoYear(a), LogTime::NoYear(b)) => {
                a < b
            }
            _ => self.uptime < other.uptime,
        }
    }
}

impl<'a> Key<'a> {
    pub(super) fn of(
        source: SourceId,
        envelope: &Envelope<'a>,
        packet: &Packet<'a>,
        cf: Option<&LogPrefix<'a>>,
        seeds: Seeds,
    ) -> Self {
        let bytes = |text: Option<crate::Text<'a>>| text.map(crate::Text::as_bytes);
        let cell = match (envelope.instance, envelope.job, envelope.index) {
            (Some(instance), ..) => [bytes(Some(instance)), None],
            (_, job @ Some(_), index @ Some(_)) => [bytes(job), bytes(index)],
            _ => [bytes(envelope.host), None],
        };
        let time = match envelope.time {
            LogTime::Instant(_) => TimeKind::Instant,
            LogTime::Local(_) => TimeKind::Local,
            LogTime::NoYear(_) => TimeKind::NoYear,
            LogTime::Unknown if envelope.uptime.is_some() => TimeKind::Uptime,
            LogTime::Unknown => TimeKind::Nothing,
        };
        // Whose prefix means nothing has as many addresses as there are machines in the world.
        let address = cf.and_then(|cf| own_address(packet, cf));
        let prefix = packet.prefix.as_bytes();
        let sender = sender(prefix, address, seeds);
        Self { source, time, prefix, address, sender, cell }
    }

    fn hash(&self, seeds: Seeds) -> u64 {
        let digest = |name: Option<&[u8]>| name.map_or(0, |name| seeds.digest(name));
        let [a, b] = self.cell.map(digest);
        self.sender ^ a.rotate_left(8) ^ b.rotate_left(16)
    }

    fn is_of(&self, group: &Group) -> bool {
        let is_name = |n: usize| group.cell[n].as_deref() == self.cell[n];
        group.address == self.address
            && *group.prefix == *self.prefix
            && is_name(0)
            && is_name(1)
            && group.source == self.source
            && group.time == self.time
    }
}

impl Group {
    pub(super) const fn source(&self) -> SourceId {
        self.source
    }

    pub(super) const fn address(&self) -> Option<IpAddr> {
        self.address
    }

    pub(super) fn machine(&self) -> Option<&str> {
        self.machine.as_deref()
    }

    pub(super) fn cf(&self) -> Option<LogPrefix<'_>> {
        LogPrefix::parse(&self.prefix)
    }

    fn extend(&mut self, extent: Extent) {
        if extent.is_before(self.first) {
            self.first = extent;
        } else if self.last.is_before(extent) {
            self.last = extent;
        }
    }
}

impl Groups {
    /// The number of the group that a packet belongs to, which takes note of when that was.
    pub(super) fn see(&mut self, key: &Key<'_>, envelope: &Envelope<'_>, seeds: Seeds) -> usize {
        let extent = Extent::of(envelope);
        let hash = key.hash(seeds);
        if let Some(&n) = self.numbers.find(hash, |&n| key.is_of(&self.all[n])) {
            self.all[n].extend(extent);
            return n;
        }
        self.put(Group {
            hash,
            source: key.source,
            time: key.time,
            prefix: key.prefix.into(),
            address: key.address,
            sender: key.sender,
            cell: key.cell.map(|name| name.map(Into::into)),
            machine: super::super::machine(envelope).map(Into::into),
            packets: 0,
            first: extent,
            last: extent,
            answers: Vec::new(),
        })
    }

    pub(super) fn find(&self, key: &Key<'_>, seeds: Seeds) -> Option<usize> {
        self.numbers.find(key.hash(seeds), |&n| key.is_of(&self.all[n])).copied()
    }

    pub(super) fn at(&mut self, n: usize) -> &mut Group {
        &mut self.all[n]
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Group> {
        self.all.iter()
    }

    /// Takes the groups of others, which are hashed alike.
    pub(super) fn join(&mut self, others: Self) {
        for other in others.all {
            let is_it = |&n: &usize| other.key().is_of(&self.all[n]);
            if let Some(&n) = self.numbers.find(other.hash, is_it) {
                let group = &mut self.all[n];
                group.extend(other.first);
                group.extend(other.last);
                group.packets += other.packets;
            } else {
                self.put(other);
            }
        }
    }

    fn put(&mut self, group: Group) -> usize {
        let n = self.all.len();
        self.numbers.insert_unique(group.hash, n, |&n| self.all[n].hash);
        self.all.push(group);
        n
    }
}

impl Group {
    fn key(&self) -> Key<'_> {
        Key {
            source: self.source,
            time: self.time,
            prefix: &self.prefix,
            address: self.address,
            sender: self.sender,
            cell: [self.cell[0].as_deref(), self.cell[1].as_deref()],
        }
    }
}

impl std::ops::Index<usize> for Groups {
    type Output = Group;

    fn index(&self, n: usize) -> &Group {
        &self.all[n]
    }
}
