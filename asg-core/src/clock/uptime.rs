//! Gathers what lines show about the clocks of all machines.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::boot::{Boot, Extent};
use super::known::KnownTimes;
use super::late::Late;
use super::spans::Span;
use super::year::{Days, Shown};
use super::zone::{self, Offset, Zones};
use crate::bytes::hash::{DigestMap, Seeds};
use crate::evidence::SourceId;
use crate::line::envelope::Envelope;
use crate::time::{Civil, LogTime, TimePolicy, Timestamp, Uptime, YearPolicy};

/// The maximum number of boots per machine; the latest ones are kept.
const MOST_BOOTS: usize = 32;

/// Gathers what lines show about clocks: kernels' uptimes beside stamps, stamps without a zone
/// beside instants, and years. [`UptimeClocks::complete`] computes the times of lines from it.
///
/// Boots are distinguished by their lines. A machine boots after its last line, so lines whose
/// times since boot overlap are of one boot, unless the offsets of uptime and stamp are more than a
/// day apart: then they come from several machines in one file. (If the clocks have drifted apart
/// by more than a line's uptime, lines of a boot's first minutes may count as a boot of their own,
/// which only costs precision.) The order of lines does not matter, and the results of several
/// threads can be merged. A machine takes at most some kilobytes, however many lines it writes.
///
/// A line without uptime may be as late as the lines of its machine that were stamped within a
/// minute of it, as the instants behind their headers show.
///
/// It makes four assumptions. No line is stamped before it was written. Among the lines around any
/// moment of a boot, back to the last punctual one and on to the next, one was stamped within a
/// second. The two clocks drift apart by no more than 500 millionths. Where neither lines nor
/// uptimes show the zone, it changes only on weekends of spring and autumn.
///
/// ```
/// use asg_core::clock::UptimeClocks;
/// use asg_core::{Line, SourceId, TimePolicy};
///
/// let mut clocks = UptimeClocks::default();
/// let both = Line::new(b"2018-04-03T17:05:02.358719+00:00 cell-1 kernel: [  637.581122] hello");
/// clocks.learn(SourceId(0), &both.envelope(), None);
/// let alone = Line::new(b"[  647.581122] cell-1 kernel: hello");
/// let known = clocks.complete(&TimePolicy::default());
/// let range = known.when(SourceId(1), &alone.envelope()).unwrap().range;
/// assert!(range.earliest().to_string() < "2018-04-03T17:05:12.358719Z".to_owned());
/// assert!(range.latest().to_string() > "2018-04-03T17:05:12.358719Z".to_owned());
/// assert!(range.error_nanos() < 1_000_000_000);
/// ```
#[derive(Debug, Clone, Default)]
pub struct UptimeClocks {
    pub(super) seeds: Seeds,
    pub(super) machines: DigestMap<Vec<Boot>>,
    /// Boots from stamps that lack a zone, and perhaps a year, as if they were in UTC and of the
    /// year 2000.
    pub(super) civil: HashMap<(SourceId, Option<u64>, StampKind), Vec<Boot>>,
    /// The one machine that a source names; `None` if it names several.
    pub(super) named: HashMap<SourceId, Option<u64>>,
    pub(super) zones: BTreeMap<SourceId, Zones>,
    /// The zones that lines of a machine show, in any source.
    pub(super) machine_zones: DigestMap<Zones>,
    pub(super) years: BTreeMap<(SourceId, Option<u64>), Shown>,
    pub(super) days: BTreeMap<SourceId, Days>,
    /// The lines that were stamped late, and where punctual ones are.
    pub(super) late: BTreeMap<(SourceId, Option<u64>), Late>,
    /// The machine of the last look-up: lines of one usually come together.
    last: Option<(SourceId, u64)>,
}

/// The parts of a stamp without a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum StampKind {
    WithYear,
    WithoutYear,
}

/// A year that has every day.
const LEAP_YEAR: i16 = 2000;

impl StampKind {
    /// Converts a stamp to an instant, as if it were in UTC and of a leap year; `None` for a line
    /// that shows an instant or nothing.
    pub(crate) fn of(shown: LogTime) -> Option<(Self, Civil, Timestamp)> {
        let (kind, civil, year) = match shown {
            LogTime::Local(civil) => (Self::WithYear, civil, civil.year),
            LogTime::NoYear(civil) => (Self::WithoutYear, civil, LEAP_YEAR),
            LogTime::Instant(_) | LogTime::Unknown => return None,
        };
        Some((kind, civil, civil.at(year, 0)?))
    }

    /// Returns the stamp of such an instant.
    pub(super) fn stamp(self, shown: Timestamp) -> LogTime {
        let civil = Civil::of(shown);
        match self {
            Self::WithYear => LogTime::Local(civil),
            Self::WithoutYear => LogTime::NoYear(Civil { year: 0, ..civil }),
        }
    }
}

impl UptimeClocks {
    /// Creates an empty part for another thread; its result can be merged.
    ///
    /// ```
    /// # use asg_core::clock::UptimeClocks;
    /// # use asg_core::{Line, SourceId, TimePolicy};
    /// # let both = Line::new(b"2018-04-03T17:05:02.358719Z cell-1 kernel: [  637.581122] hello");
    /// let mut clocks = UptimeClocks::default();
    /// clocks.learn(SourceId(0), &both.envelope(), None);
    /// let part = clocks.part();
    /// assert_eq!(part.boots_known(), 0);
    /// ```
    #[must_use]
    pub fn part(&self) -> Self {
        Self::with_seeds(self.seeds)
    }

    /// Creates empty clocks that number machines by these seeds.
    pub(super) fn with_seeds(seeds: Seeds) -> Self {
        Self { seeds, ..Self::default() }
    }

    /// Adds a line. `own` is the instant in the text behind its header, if it has one: a lager
    /// line's own time. It must be `None` for text that an app or a packet can write.
    ///
    /// ```
    /// use asg_core::clock::UptimeClocks;
    /// use asg_core::{Line, SourceId};
    ///
    /// let mut clocks = UptimeClocks::default();
    /// let both = Line::new(b"2018-04-03T17:05:02.358719Z cell-1 kernel: [  637.581122] hello");
    /// clocks.learn(SourceId(0), &both.envelope(), None);
    /// assert_eq!(clocks.boots_known(), 1);
    /// ```
    pub fn learn(&mut self, source: SourceId, envelope: &Envelope<'_>, own: Option<Timestamp>) {
        let stamp = match envelope.time {
            LogTime::Instant(stamp) => Some(stamp),
            _ => None,
        };
        if envelope.uptime.is_none() && own.or(stamp).is_none() && envelope.time == LogTime::Unknown
        {
            return;
        }
        let machine = self.machine(envelope);
        if let Some(own) = own {
            self.learn_own((source, machine), envelope.time, own);
            self.learn_delay((source, machine), envelope.time, own);
        } else if let Some(stamp) = stamp {
            self.years.entry((source, machine)).or_default().add(stamp);
        }
        if let (Some(uptime), Some(stamp)) = (envelope.uptime, stamp) {
            self.learn_of(source, machine, uptime, stamp);
        }
        if let Some((kind, civil, shown)) = StampKind::of(envelope.time) {
            self.days.entry(source).or_default().add(civil);
            if let Some(uptime) = envelope.uptime {
                self.learn_stamp(source, machine, kind, uptime, shown);
            }
        }
    }

    /// Adds a line with uptime and a stamp without a zone, converted by [`StampKind::of`], whose
    /// machine was looked up already. The day of the stamp is not recorded.
    pub(crate) fn learn_stamp(
        &mut self,
        source: SourceId,
        named: Option<u64>,
        kind: StampKind,
        uptime: Uptime,
        shown: Timestamp,
    ) {
        if let Some(named) = named {
            self.name(source, named);
        }
        take(self.civil.entry((source, named, kind)).or_default(), uptime, shown);
    }

    /// Adds lines whose machine was looked up already, with stamps of this day beside instants, and
    /// the zone of the stamps, if that is known. The instants are within one span of [`Zones`].
    pub(super) fn learn_zone(
        &mut self,
        (source, machine): (SourceId, Option<u64>),
        day: Civil,
        offset: Option<Offset>,
        written: Span,
    ) {
        self.years.entry((source, machine)).or_default().add_span(written);
        self.days.entry(source).or_default().add(day);
        let of_source = Some(self.zones.entry(source).or_default());
        let of_machine = machine.map(|machine| self.machine_zones.entry(machine).or_default());
        for zones in [of_source, of_machine].into_iter().flatten() {
            if let Some(offset) = offset {
                zones.add_span(offset, written);
            }
        }
    }

    /// Adds a line whose machine was looked up already, with an instant behind its header.
    pub(super) fn learn_own(
        &mut self,
        (source, machine): (SourceId, Option<u64>),
        shown: LogTime,
        own: Timestamp,
    ) {
        self.years.entry((source, machine)).or_default().add(own);
        if let Some((_, civil, _)) = StampKind::of(shown) {
            self.days.entry(source).or_default().add(civil);
            self.zones.entry(source).or_default().add(shown, own);
            if let Some(machine) = machine {
                self.machine_zones.entry(machine).or_default().add(shown, own);
            }
        }
    }

    /// Adds how late a line was stamped: its machine was looked up already, and it has an instant
    /// behind its header.
    pub(crate) fn learn_delay(
        &mut self,
        (source, machine): (SourceId, Option<u64>),
        shown: LogTime,
        own: Timestamp,
    ) {
        let stamp = match shown {
            LogTime::Instant(stamp) => Some(stamp),
            _ => zone::stamped(shown, own),
        };
        if let Some(stamp) = stamp {
            self.late.entry((source, machine)).or_default().add(stamp, own);
        }
    }

    /// Adds an instant from a line of the source.
    pub(crate) fn learn_year(&mut self, source: SourceId, time: Timestamp) {
        self.years.entry((source, None)).or_default().add(time);
    }

    /// Adds a line with uptime and instant, whose machine was looked up already.
    pub(crate) fn learn_of(
        &mut self,
        source: SourceId,
        named: Option<u64>,
        uptime: Uptime,
        stamp: Timestamp,
    ) {
        let machine = named.unwrap_or_else(|| self.unnamed(source));
        if let Some(named) = named {
            self.name(source, named);
        }
        take(self.machines.entry(machine).or_default(), uptime, stamp);
    }

    /// Returns whether the other can be merged: it is a [`UptimeClocks::part`] of this one, or both
    /// are parts of a third.
    ///
    /// ```
    /// use asg_core::clock::UptimeClocks;
    ///
    /// let clocks = UptimeClocks::default();
    /// assert!(clocks.can_merge(&clocks.part()));
    /// assert!(!clocks.can_merge(&UptimeClocks::default()));
    /// ```
    #[must_use]
    pub fn can_merge(&self, other: &Self) -> bool {
        self.seeds == other.seeds
    }

    /// Adds the contents of another part, from other lines, or from the same again.
    ///
    /// # Panics
    ///
    /// If the other is not a [`UptimeClocks::part`] of this one.
    ///
    /// ```
    /// # use asg_core::clock::UptimeClocks;
    /// # use asg_core::{Line, SourceId, TimePolicy};
    /// let mut clocks = UptimeClocks::default();
    /// let mut part = clocks.part();
    /// let line = Line::new(b"2018-04-03T17:05:02.358719+00:00 cell-1 kernel: [  637.581122] hello");
    /// part.learn(SourceId(0), &line.envelope(), None);
    /// clocks.merge(&part);
    /// assert_eq!(clocks.boots_known(), 1);
    /// ```
    pub fn merge(&mut self, other: &Self) {
        assert!(self.can_merge(other), "the other is no part of this one");
        for (source, machine) in &other.named {
            let known = self.named.entry(*source).or_insert(*machine);
            *known = known.filter(|known| Some(*known) == *machine);
        }
        for (machine, boots) in &other.machines {
            join(self.machines.entry(*machine).or_default(), boots);
        }
        for (key, boots) in &other.civil {
            join(self.civil.entry(*key).or_default(), boots);
        }
        for (source, zones) in &other.zones {
            self.zones.entry(*source).or_default().join(zones);
        }
        for (machine, zones) in &other.machine_zones {
            self.machine_zones.entry(*machine).or_default().join(zones);
        }
        for (key, shown) in &other.years {
            self.years.entry(*key).or_default().join(shown);
        }
        for (source, days) in &other.days {
            self.days.entry(*source).or_default().join(*days);
        }
        for (key, late) in &other.late {
            self.late.entry(*key).or_default().join(late);
        }
        self.last = None;
    }

    /// Returns the approximate instant of a stamp, while the log is still being written: in the
    /// year nearest to the time that the log has reached, and in the last zone of its source, or of
    /// its machine.
    pub(crate) fn about(
        &self,
        (source, machine): (SourceId, Option<u64>),
        shown: LogTime,
        policy: &TimePolicy,
        now: Option<Timestamp>,
    ) -> Option<Timestamp> {
        let year = match (policy.year, now) {
            (YearPolicy::Unset, Some(now)) => YearPolicy::Nearest(now),
            (year, _) => year,
        };
        let of_source = || self.zones.get(&source)?.latest();
        let of_machine = || self.machine_zones.get(&machine?)?.latest();
        let zone = of_source().or_else(of_machine).map(|minutes| i32::from(minutes) * 60);
        let utc_offset = zone.or(policy.utc_offset);
        shown.resolve(&TimePolicy { year, utc_offset, ..*policy }).map(|resolved| resolved.time)
    }

    /// Computes the times of all lines, as far as they prove them; the policy completes the rest.
    ///
    /// ```
    /// # use asg_core::clock::UptimeClocks;
    /// # use asg_core::{Line, SourceId, TimePolicy};
    /// # let both = Line::new(b"2018-04-03T17:05:02.358719Z cell-1 kernel: [  637.581122] hello");
    /// let mut clocks = UptimeClocks::default();
    /// clocks.learn(SourceId(0), &both.envelope(), None);
    /// let known = clocks.complete(&TimePolicy::default());
    /// let alone = Line::new(b"[  637.581122] cell-1 kernel: hello");
    /// assert!(known.when(SourceId(1), &alone.envelope()).is_some());
    /// ```
    #[must_use]
    pub fn complete(&self, policy: &TimePolicy) -> KnownTimes<'_> {
        KnownTimes::of(Cow::Borrowed(self), *policy)
    }

    /// Returns the times of all lines as [`UptimeClocks::complete`] does, in a value of its own.
    #[must_use]
    pub fn into_complete(self, policy: &TimePolicy) -> KnownTimes<'static> {
        KnownTimes::of(Cow::Owned(self), *policy)
    }

    /// Returns the number of known boots of all machines.
    ///
    /// ```
    /// # use asg_core::clock::UptimeClocks;
    /// # use asg_core::{Line, SourceId, TimePolicy};
    /// # let both = Line::new(b"2018-04-03T17:05:02.358719Z cell-1 kernel: [  637.581122] hello");
    /// let mut clocks = UptimeClocks::default();
    /// clocks.learn(SourceId(0), &both.envelope(), None);
    /// assert_eq!(clocks.boots_known(), 1);
    /// ```
    #[must_use]
    pub fn boots_known(&self) -> usize {
        self.machines.values().chain(self.civil.values()).map(Vec::len).sum()
    }

    /// Notes that a source names this machine.
    fn name(&mut self, source: SourceId, machine: u64) {
        if self.last != Some((source, machine)) {
            self.last = Some((source, machine));
            let known = self.named.entry(source).or_insert(Some(machine));
            *known = known.filter(|known| *known == machine);
        }
    }

    /// Returns the machine in a line; `None` for `localhost`, the name of every machine.
    pub(crate) fn machine(&self, envelope: &Envelope<'_>) -> Option<u64> {
        let digest = |text: crate::bytes::text::Text<'_>| self.seeds.digest(text.as_bytes());
        match (envelope.instance, envelope.job, envelope.index, envelope.host) {
            (Some(instance), ..) => Some(digest(instance)),
            (_, Some(job), Some(index), _) => Some(digest(job).rotate_left(17) ^ digest(index)),
            (.., Some(host)) if host == "localhost" => None,
            (.., host) => host.map(digest),
        }
    }

    pub(super) fn unnamed(&self, source: SourceId) -> u64 {
        self.seeds.digest(&[&[0; 12][..], &source.0.to_le_bytes()].concat())
    }
}

/// Adds a line of a machine with these boots.
pub(super) fn take(boots: &mut Vec<Boot>, uptime: Uptime, stamp: Timestamp) {
    let micros = uptime.as_micros();
    let line = Extent::of(micros, stamp);
    // Nearly all lines are of the last boot, and do not change the set of boots.
    if let [others @ .., last] = boots.as_mut_slice()
        && last.extent().is_same(line)
    {
        let grown = last.extent().joined(line);
        let is_apart = |other: &Boot| !other.extent().is_same(grown) && other.extent() < grown;
        if others.iter().all(is_apart) {
            last.take(micros, stamp);
            return;
        }
    }
    put(boots, Boot::of(micros, stamp));
}

pub(super) fn join(boots: &mut Vec<Boot>, others: &[Boot]) {
    for other in others {
        put(boots, other.clone());
    }
}

/// Adds a boot to others, and joins those that are one.
fn put(boots: &mut Vec<Boot>, mut boot: Boot) {
    // A boot that has grown may now be one with another.
    while let Some(at) = boots.iter().position(|other| other.extent().is_same(boot.extent())) {
        boot.join(&boots.remove(at));
    }
    let at = boots.partition_point(|other| other.extent() < boot.extent());
    boots.insert(at, boot);
    if boots.len() > MOST_BOOTS {
        boots.remove(0);
    }
}
