//! Groups of packets that have in common all that an answer depends on, except the time.

use std::net::IpAddr;

use hashbrown::HashTable;

use crate::bytes::hash::Seeds;
use crate::bytes::work;
use crate::completeness::Limit;
use crate::correlate::{own_address, own_interface};
use crate::evidence::Interface;
use crate::guid::HandlePrefix;
use crate::ledger::attribution::Reason;
use crate::prefix::{LogPrefix, Subject};
use crate::record::Record;
use crate::time::{LogTime, Uptime};

/// All groups, numbered as they come.
#[derive(Debug, Clone, Default)]
pub(in crate::correlate) struct Groups {
    all: Vec<GroupName>,
    numbers: HashTable<u32>,
}

/// The common parts of the packets of a group.
#[derive(Debug, Clone)]
pub(in crate::correlate) struct GroupName {
    digest: u64,
    cell: u32,
    time: TimeKind,
    address: Option<IpAddr>,
    interface: Option<Interface>,
    prefix: Box<[u8]>,
    /// See [`Record::shows_prefix`](crate::Record).
    is_understood: bool,
    /// As much of the prefix as names an app, if that is all that they have in common of it.
    app: Option<Box<[u8]>>,
}

/// The parts of one packet that its group has in common.
#[derive(Debug, Clone, Copy)]
pub(in crate::correlate) struct GroupKey<'a> {
    /// The digest of the common part of the prefix, and of the address.
    digest: u64,
    cell: u32,
    time: TimeKind,
    address: Option<IpAddr>,
    interface: Option<Interface>,
    prefix: &'a [u8],
    is_understood: bool,
    app: Option<&'a [u8]>,
}

/// How a line shows the time. Only times that are shown in one way can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::correlate) enum TimeKind {
    Instant,
    Local,
    NoYear,
    Uptime,
    Nothing,
}

impl TimeKind {
    pub(in crate::correlate) const fn of(time: LogTime, uptime: Option<Uptime>) -> Self {
        match time {
            LogTime::Instant(_) => Self::Instant,
            LogTime::Local(_) => Self::Local,
            LogTime::NoYear(_) => Self::NoYear,
            LogTime::Unknown if uptime.is_some() => Self::Uptime,
            LogTime::Unknown => Self::Nothing,
        }
    }
}

impl<'a> GroupKey<'a> {
    pub(in crate::correlate) fn of(
        cell: u32,
        time: TimeKind,
        (prefix, cf, is_understood): (&'a [u8], Option<&LogPrefix<'a>>, bool),
        (address, interface): (Option<IpAddr>, Option<Interface>),
        limit: Option<Limit>,
        seeds: Seeds,
    ) -> Self {
        // If a prefix names an app, an address shows which container it was, and a tag shows the
        // sender: the answer contains neither. Limits are those of rules, and each prefix has a
        // rule of its own.
        let app = cf.filter(|cf| cf.subject == Subject::App);
        let address = address.filter(|_| app.is_none());
        let interface = interface.filter(|_| app.is_none());
        let app = app.filter(|_| limit.is_none()).and_then(|cf| cf.handle_prefix);
        let app = app.map(HandlePrefix::as_bytes);
        let digest = seeds.digest(app.unwrap_or(prefix)) ^ seeds.of_address(address);
        Self { digest, cell, time, address, interface, prefix, is_understood, app }
    }

    /// Returns the group of a record's packet, from a machine; `None` if it reports none.
    pub(in crate::correlate) fn of_record(
        cell: u32,
        record: &Record<'a>,
        seeds: Seeds,
    ) -> Option<Self> {
        let (packet, cf) = record.proven_packet()?;
        let prefix = packet.prefix.as_bytes();
        let limit = Limit::of(prefix, cf, packet.ip.proto_num);
        let (time, uptime) = record.clocks();
        let kind = TimeKind::of(time, uptime);
        let address = cf.and_then(|cf| own_address(packet, cf));
        let interface = cf.and_then(|cf| own_interface(packet, cf));
        let whose = (prefix, cf, record.shows_prefix());
        Some(Self::of(cell, kind, whose, (address, interface), limit, seeds))
    }

    const fn hash(&self) -> u64 {
        self.digest ^ (self.cell as u64 * 8 + self.time as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn is_of(&self, name: &GroupName) -> bool {
        work::count(1);
        self.digest == name.digest
            && self.cell == name.cell
            && self.time == name.time
            && self.address == name.address
            && self.interface == name.interface
            && self.is_understood == name.is_understood
            && match (self.app, &name.app) {
                (Some(app), Some(known)) => *app == **known,
                (None, None) => *self.prefix == *name.prefix,
                _ => false,
            }
    }
}

impl GroupName {
    /// Returns the number of its machine.
    pub(in crate::correlate) const fn cell(&self) -> u32 {
        self.cell
    }

    pub(in crate::correlate) const fn address(&self) -> Option<IpAddr> {
        self.address
    }

    pub(in crate::correlate) const fn interface(&self) -> Option<Interface> {
        self.interface
    }

    pub(in crate::correlate) const fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// Returns why nobody owns a packet whose prefix is not Cloud Foundry's.
    pub(in crate::correlate) const fn foreign(&self) -> Reason {
        Reason::of_foreign(self.is_understood)
    }

    pub(in crate::correlate) fn cf(&self) -> Option<LogPrefix<'_>> {
        LogPrefix::classify(&self.prefix)
    }

    fn key(&self, cell: u32) -> GroupKey<'_> {
        let Self { digest, time, address, interface, prefix, is_understood, app, .. } = self;
        let (address, interface, app) = (*address, *interface, app.as_deref());
        let (digest, time, is_understood) = (*digest, *time, *is_understood);
        GroupKey { digest, cell, time, address, interface, prefix, is_understood, app }
    }
}

impl Groups {
    /// Returns the number of the group of a packet.
    pub(in crate::correlate) fn see(&mut self, key: GroupKey<'_>) -> u32 {
        self.find(key).unwrap_or_else(|| {
            let GroupKey { digest, cell, time, address, interface, prefix, is_understood, app } =
                key;
            let (prefix, app) = (prefix.into(), app.map(Into::into));
            self.put(GroupName {
                digest,
                cell,
                time,
                address,
                interface,
                prefix,
                is_understood,
                app,
            })
        })
    }

    pub(in crate::correlate) fn find(&self, key: GroupKey<'_>) -> Option<u32> {
        self.numbers.find(key.hash(), |n| key.is_of(&self.all[*n as usize])).copied()
    }

    /// Returns the number of a group that another numbered, whose seeds are the same, and whose
    /// machine has this number here.
    pub(in crate::correlate) fn take(&mut self, name: &GroupName, cell: u32) -> u32 {
        self.see(name.key(cell))
    }

    /// Returns all of them, by number.
    pub(in crate::correlate) fn all(&self) -> &[GroupName] {
        &self.all
    }

    fn put(&mut self, name: GroupName) -> u32 {
        let n = self.all.len() as u32;
        let hash = |name: &GroupName| name.key(name.cell).hash();
        self.numbers.insert_unique(hash(&name), n, |n| hash(&self.all[*n as usize]));
        self.all.push(name);
        n
    }
}

/// The time of one line, as it shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::correlate) struct Shown {
    pub(in crate::correlate) time: LogTime,
    pub(in crate::correlate) uptime: Option<Uptime>,
}

impl Shown {
    pub(in crate::correlate) fn of(record: &Record<'_>) -> Self {
        let (time, uptime) = record.clocks();
        Self { time, uptime }
    }

    /// Returns whether this has a later stamp than a boot between these corners, given that its
    /// uptime is less. A line that is late in spite of that is a boot by itself, and costs nothing.
    fn is_later_boot(self, first: Self, last: Self) -> bool {
        match (self.time, first.uptime, last.time) {
            (LogTime::Instant(it), Some(_), LogTime::Instant(last)) => it > last,
            _ => false,
        }
    }

    /// Moves two corners so far apart that this lies between them too, each of its clocks by
    /// itself. Returns false if they are not shown in one way; then they are of no use.
    fn part(self, first: &mut Self, last: &mut Self) -> bool {
        use LogTime::{Instant, Local, NoYear, Unknown};
        match (&mut first.time, self.time, &mut last.time) {
            (Instant(from), Instant(it), Instant(to)) => reach(it, from, to),
            (Local(from), Local(it), Local(to)) | (NoYear(from), NoYear(it), NoYear(to)) => {
                reach(it, from, to);
            }
            (Unknown, Unknown, Unknown) => {}
            _ => return false,
        }
        match (&mut first.uptime, self.uptime, &mut last.uptime) {
            (Some(since), Some(it), Some(until)) => reach(it, since, until),
            (None, None, None) => {}
            _ => return false,
        }
        true
    }
}

/// Moves the first or the last of several so that a value lies between them. Most come in order.
fn reach<T: Copy + Ord>(it: T, first: &mut T, last: &mut T) {
    if it > *last {
        *last = it;
    } else if it < *first {
        *first = it;
    }
}

/// When the packets of a group were seen, by the boots of their machine.
#[derive(Debug, Clone, Default)]
pub(in crate::correlate) struct Spans {
    /// That of the latest boot.
    latest: Span,
    /// Those of earlier ones. A prefix that names an app, and an address, may outlive a boot, but
    /// few do.
    earlier: Option<Box<Boots>>,
}

#[derive(Debug, Clone, Default)]
struct Boots(Vec<Span>);

/// When packets were seen.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::correlate) enum Span {
    /// Never yet.
    #[default]
    Empty,
    /// Between these. No line need show the time and the uptime of a corner together: lines come
    /// out of order.
    Between(Shown, Shown),
    /// Some show an uptime, and some do not; or they are of too many boots.
    Mixed,
}

/// So many boots of a machine are known apart.
const MOST_BOOTS: usize = 8;

impl Spans {
    #[inline]
    pub(in crate::correlate) fn extend(&mut self, shown: Shown) {
        match &mut self.latest {
            Span::Empty => self.latest = Span::Between(shown, shown),
            Span::Between(first, last) => {
                if shown.uptime < first.uptime && shown.is_later_boot(*first, *last) {
                    self.begin(shown);
                } else if !shown.part(first, last) {
                    self.latest = Span::Mixed;
                }
            }
            Span::Mixed => {}
        }
    }

    #[cold]
    fn begin(&mut self, shown: Shown) {
        let Boots(earlier) = &mut **self.earlier.get_or_insert_default();
        if earlier.len() < MOST_BOOTS {
            earlier.push(self.latest);
            self.latest = Span::Between(shown, shown);
        } else {
            self.latest = Span::Mixed;
        }
    }

    /// Returns the span of each boot.
    pub(in crate::correlate) fn all(&self) -> impl Iterator<Item = Span> {
        self.earlier().iter().copied().chain([self.latest])
    }

    fn earlier(&self) -> &[Span] {
        self.earlier.as_ref().map_or(&[], |boots| &boots.0)
    }
}

/// Where a group's packets are counted that are under a limit.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::correlate) enum Container {
    /// Not looked for yet.
    #[default]
    Unasked,
    /// Here, or nowhere.
    At(Option<usize>),
}

impl Container {
    /// Returns the place, which is looked up once: all packets of a prefix are under the same
    /// limit, if any.
    pub(in crate::correlate) fn of(
        &mut self,
        limit: Option<Limit>,
        find: impl FnOnce(Limit) -> Option<usize>,
    ) -> Option<usize> {
        let limit = limit?;
        if let Self::Unasked = self {
            *self = Self::At(find(limit));
        }
        match self {
            Self::At(place) => *place,
            Self::Unasked => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn boots_have_spans_of_their_own() {
        let shown = |(second, uptime): (i64, u64)| Shown {
            time: LogTime::Instant(Timestamp::from_nanos(second * 1_000_000_000)),
            uptime: Some(Uptime::from_micros(uptime * 1_000_000)),
        };
        let mut spans = Spans::default();
        // The fourth line is late, and of the first boot still.
        for seen in [(100, 50), (110, 60), (105, 55), (108, 49), (200, 5), (210, 15)].map(shown) {
            spans.extend(seen);
        }
        let corners = |span| match span {
            Span::Between(first, last) => [first.uptime, last.uptime].map(Option::unwrap),
            _ => panic!("{span:?}"),
        };
        let seconds = |span| corners(span).map(|uptime| uptime.as_micros() / 1_000_000);
        assert_eq!(spans.all().map(seconds).collect::<Vec<_>>(), [[49, 60], [5, 15]]);
    }

    #[test]
    fn too_many_boots_are_no_span() {
        let mut spans = Spans::default();
        for (time, uptime) in (0..).zip((0..2 * MOST_BOOTS as u64).rev()) {
            spans.extend(Shown {
                time: LogTime::Instant(Timestamp::from_nanos(time)),
                uptime: Some(Uptime::from_micros(uptime)),
            });
        }
        assert_eq!(spans.all().count(), MOST_BOOTS + 1);
        assert!(matches!(spans.latest, Span::Mixed));
    }
}
