//! Computes when lines were written, once all lines have been seen.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::boot::{Boot, Extent, LAG_NANOS, ZoneChange, hidden_nanos};
use super::late::Late;
use super::memo::StampMemo;
use super::season::HOUR_NANOS;
use super::uptime::{StampKind, UptimeClocks, take};
use super::year::{Candidates, Shown, candidates};
use super::zone::{KnownZones, LATE_NANOS, MOST_OFFSET_NANOS};
use crate::bytes::hash::DigestMap;
use crate::evidence::SourceId;
use crate::line::envelope::Envelope;
use crate::time::{LogTime, TimePolicy, TimeRange, Timestamp, Uptime, YearPolicy};

/// The times of lines, which [`UptimeClocks::complete`] computes.
#[derive(Debug, Clone)]
pub struct KnownTimes<'c> {
    pub(super) clocks: Cow<'c, UptimeClocks>,
    pub(super) policy: TimePolicy,
    zones: BTreeMap<SourceId, KnownZones>,
    /// The zones of machines, for their sources without any.
    machine_zones: DigestMap<KnownZones>,
    /// The late lines of machines, for their sources without any lager line.
    machine_late: DigestMap<Late>,
    /// The instants that a source shows, of all machines.
    years: BTreeMap<SourceId, Shown>,
    /// The instants that a machine shows, in all sources.
    machine_years: DigestMap<Shown>,
    /// The boots of machines with stamps that had to be completed.
    completed: DigestMap<Vec<Boot>>,
    /// Where uptimes show that the zone changes which the policy gives for all stamps.
    given: HashMap<(SourceId, Option<u64>, StampKind), GivenZone>,
}

/// The time of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct When {
    /// The time: the line's stamp, completed if it lacks a year or a zone, or else the middle of
    /// the range.
    pub time: Timestamp,
    /// The range of the true time. If the zone or the year is a guess, it is wide enough for any.
    pub range: TimeRange,
}

/// A note for people about the times in an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeNote {
    /// Stamps of the source show no zone, and its lines prove one that is not UTC, or not the one
    /// that the policy gives.
    Zone {
        /// The source.
        source: SourceId,
        /// The start of that zone.
        since: Timestamp,
        /// Seconds east of UTC.
        utc_offset: i32,
        /// Whether the policy gives another.
        is_overruled: bool,
    },
    /// Stamps of the source show no zone, and no line proves one: UTC is assumed, and every zone
    /// stays possible.
    AssumedZone {
        /// The source.
        source: SourceId,
        /// The zone that other sources of these logs have, in seconds east of UTC, if they agree.
        would_fit: Option<i32>,
    },
    /// Stamps of the source show no year, and the policy's is not the one that its lines prove.
    Year {
        /// The source.
        source: SourceId,
        /// The start of that year.
        since: Timestamp,
    },
}

/// A stamp that has been completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) best: Timestamp,
    /// The earliest and the latest instant that the stamp may mean.
    pub(super) earliest: Timestamp,
    pub(super) latest: Timestamp,
    /// Whether the zone is an assumption: no line shows it, and no policy gives one.
    pub(super) is_zone_assumed: bool,
}

impl Stamp {
    pub(super) const fn exact(best: Timestamp) -> Self {
        Self { best, earliest: best, latest: best, is_zone_assumed: false }
    }

    pub(super) fn is_exact(&self) -> bool {
        self.earliest == self.latest && !self.is_zone_assumed
    }

    /// Returns the time of a line that shows nothing but its stamp.
    pub(super) fn alone(&self) -> When {
        let zone = if self.is_zone_assumed { MOST_OFFSET_NANOS } else { 0 };
        let earliest = self.earliest.as_nanos().saturating_sub(LAG_NANOS + zone);
        let latest = self.latest.as_nanos().saturating_add(hidden_nanos(self.latest) + zone);
        let range =
            TimeRange::between(Timestamp::from_nanos(earliest), Timestamp::from_nanos(latest));
        When { time: self.best, range }
    }
}

impl<'c> KnownTimes<'c> {
    pub(super) fn of(clocks: Cow<'c, UptimeClocks>, policy: TimePolicy) -> Self {
        let mut years: BTreeMap<_, Shown> = BTreeMap::new();
        let mut machine_years: DigestMap<Shown> = DigestMap::default();
        for ((source, machine), shown) in &clocks.years {
            years.entry(*source).or_default().join(shown);
            if let Some(machine) = machine {
                machine_years.entry(*machine).or_default().join(shown);
            }
        }
        let mut machine_late: DigestMap<Late> = DigestMap::default();
        for ((_, machine), late) in &clocks.late {
            if let Some(machine) = machine {
                machine_late.entry(*machine).or_default().join(late);
            }
        }
        let zones: BTreeMap<_, _> =
            clocks.zones.iter().map(|(source, zones)| (*source, zones.known())).collect();
        let shows_none = |source| zones.get(source).is_none_or(KnownZones::is_empty);
        let machine_zones = if clocks.days.keys().any(shows_none) {
            let all = clocks.machine_zones.iter();
            all.map(|(machine, zones)| (*machine, zones.known())).collect()
        } else {
            DigestMap::default()
        };
        let (completed, given) = (DigestMap::default(), HashMap::new());
        let mut known = Self {
            clocks,
            policy,
            zones,
            machine_zones,
            machine_late,
            years,
            machine_years,
            completed,
            given,
        };
        known.given = known.given_zones();
        let clocks = &known.clocks;
        let mut completed: DigestMap<Vec<Boot>> = DigestMap::default();
        for ((source, machine, kind), boots) in &clocks.civil {
            let number = machine.unwrap_or_else(|| clocks.unnamed(*source));
            for (micros, shown) in boots.iter().flat_map(Boot::samples) {
                let stamp = known.stamp(*source, *machine, kind.stamp(shown));
                if let Some(stamp) = stamp.filter(Stamp::is_exact) {
                    let learnt = || clocks.machines.get(&number).cloned().unwrap_or_default();
                    let boots = completed.entry(number).or_insert_with(learnt);
                    take(boots, Uptime::from_micros(micros), stamp.best);
                }
            }
        }
        known.completed = completed;
        known
    }

    /// Returns when a line was written, and the error of that time. `None` if it shows no stamp
    /// that can be completed, and its uptime does not help: no line of its machine shows both, or
    /// it may be of several boots.
    ///
    /// ```
    /// # use asg_core::clock::UptimeClocks;
    /// # use asg_core::{Line, SourceId, TimePolicy};
    /// # let both = Line::new(b"2018-04-03T17:05:02.358719Z cell-1 kernel: [  637.581122] hello");
    /// let mut clocks = UptimeClocks::default();
    /// clocks.learn(SourceId(0), &both.envelope(), None);
    /// let known = clocks.complete(&TimePolicy::default());
    /// let later = Line::new(b"[  647.581122] cell-1 kernel: hello");
    /// let when = known.when(SourceId(1), &later.envelope()).unwrap();
    /// assert!(when.range.earliest() < when.range.latest());
    /// assert!(known.when(SourceId(1), &Line::new(b"hello").envelope()).is_none());
    /// ```
    #[must_use]
    pub fn when(&self, source: SourceId, envelope: &Envelope<'_>) -> Option<When> {
        let machine = self.clocks.machine(envelope);
        let stamp = self.stamp(source, machine, envelope.time);
        self.of_stamp((source, machine), (envelope.time, envelope.uptime), stamp)
    }

    /// Returns the time of a line whose machine was looked up already.
    pub(crate) fn when_of(
        &self,
        memo: &mut StampMemo,
        source: SourceId,
        machine: Option<u64>,
        (time, uptime): (LogTime, Option<Uptime>),
    ) -> Option<When> {
        let stamp = memo.stamp(self, source, machine, time);
        self.of_stamp((source, machine), (time, uptime), stamp)
    }

    fn of_stamp(
        &self,
        (source, machine): (SourceId, Option<u64>),
        (time, uptime): (LogTime, Option<Uptime>),
        stamp: Option<Stamp>,
    ) -> Option<When> {
        let boots =
            uptime.and_then(|uptime| Some((self.boots(source, machine)?, uptime.as_micros())));
        let Some((boots, micros)) = boots else {
            let of_boot = || uptime?.resolve(&self.policy).map(|it| Stamp::exact(it.time));
            let stamp = stamp.or_else(of_boot)?;
            return Some(self.alone((source, machine), (time, uptime), &stamp));
        };
        let Some(stamp) = stamp else {
            let mut times = boots.iter().filter_map(|boot| boot.at(micros));
            let range = times.next().filter(|_| times.next().is_none());
            return range.map(|range| When { time: range.middle(), range });
        };
        if stamp.is_exact() {
            let own = Extent::of(micros, stamp.best);
            let boot = boots.iter().find(|boot| boot.extent().is_same(own));
            return Some(match boot {
                Some(boot) => {
                    let range = boot.stamped(micros, stamp.best);
                    let range = match StampKind::of(time).filter(|_| !self.given.is_empty()) {
                        Some((kind, _, shown)) => {
                            let given = self.given.get(&(source, machine, kind));
                            given.map_or(range, |given| given.widened(range, micros, shown))
                        }
                        None => range,
                    };
                    When { time: stamp.best, range }
                }
                None => self.alone((source, machine), (time, uptime), &stamp),
            });
        }
        let by_uptime = self.by_uptime(boots, micros, stamp, (source, machine, time));
        Some(by_uptime.unwrap_or_else(|| self.alone((source, machine), (time, uptime), &stamp)))
    }

    /// Returns the time of a line whose stamp no boot bounds. It may be as late as the lines of its
    /// machine beside it, or as uptimes show it to be behind other stamps of its kind.
    fn alone(
        &self,
        (source, machine): (SourceId, Option<u64>),
        (shown, uptime): (LogTime, Option<Uptime>),
        stamp: &Stamp,
    ) -> When {
        let When { time, range } = stamp.alone();
        let late = self.late(source, machine, stamp.earliest, stamp.latest);
        // An assumed zone makes the range wide enough for any delay.
        let uptime_of_zone = uptime.filter(|_| !stamp.is_zone_assumed);
        let behind = || self.behind((source, machine), (uptime_of_zone?, shown));
        let late = late.max(behind().unwrap_or_default());
        let season = match uptime {
            None => self.season((source, machine), shown, [stamp.earliest, stamp.latest]),
            Some(_) => 0,
        };
        let earliest = range.earliest().as_nanos().saturating_sub(late + season);
        let latest = range.latest().as_nanos().saturating_add(season);
        let [earliest, latest] = [earliest, latest].map(Timestamp::from_nanos);
        When { time, range: TimeRange::between(earliest, latest) }
    }

    /// Returns by how much stamps without a zone and without an uptime may be wrong between two
    /// instants, because summer time may have begun or ended unseen. Uptimes would show it.
    pub(super) fn season(
        &self,
        (source, machine): (SourceId, Option<u64>),
        shown: LogTime,
        [first, last]: [Timestamp; 2],
    ) -> i64 {
        let has_zone = matches!(shown, LogTime::Instant(_) | LogTime::Unknown);
        let zones = if has_zone { None } else { self.zones(source, machine) };
        if zones.is_some_and(|zones| zones.is_unsure_between(first, last)) { HOUR_NANOS } else { 0 }
    }

    /// Returns by how much a stamp may be later than its line was written, as uptimes beside other
    /// stamps without a zone show it, whatever the zone is. Where the zone changes, this is more
    /// than the line is late. `None` if the stamp shows an instant.
    fn behind(
        &self,
        (source, machine): (SourceId, Option<u64>),
        (uptime, shown): (Uptime, LogTime),
    ) -> Option<i64> {
        let (kind, _, stamp) = StampKind::of(shown)?;
        let micros = uptime.as_micros();
        let boots = self.clocks.civil.get(&(source, machine, kind))?;
        let boot = boots.iter().find(|it| it.extent().is_same(Extent::of(micros, stamp)))?;
        let earliest = boot.stamped(micros, stamp).earliest();
        Some(stamp.as_nanos().saturating_sub(earliest.as_nanos()))
    }

    /// Returns by how much a line may be late that was stamped between two instants, as the lager
    /// lines of its machine show: those of its source, or else those of other sources. A source
    /// without any may have come by the same relay.
    pub(super) fn late(
        &self,
        source: SourceId,
        machine: Option<u64>,
        from: Timestamp,
        to: Timestamp,
    ) -> i64 {
        let of_source = self.clocks.late.get(&(source, machine));
        let of_machine = || self.machine_late.get(&machine?);
        of_source.or_else(of_machine).map_or(0, |late| late.near(from, to))
    }

    /// Finds where the zone changes that the policy gives for stamps without any, or that is the
    /// only one in the lines of a machine.
    fn given_zones(&self) -> HashMap<(SourceId, Option<u64>, StampKind), GivenZone> {
        // If lines show several zones, they also show when each began.
        let is_given = |source, machine| match self.zones(source, machine) {
            Some(zones) => zones.is_one(),
            None => self.policy.utc_offset.is_some(),
        };
        let civil = self.clocks.civil.iter();
        let given = civil.filter(|((source, machine, _), _)| is_given(*source, *machine));
        given.filter_map(|(key, boots)| Some((*key, GivenZone::of(boots)?))).collect()
    }

    /// Returns whether the zone changes that the policy gives for these stamps.
    pub(super) fn changes_given_zone(&self, source: SourceId, machine: Option<u64>) -> bool {
        let kinds = [StampKind::WithYear, StampKind::WithoutYear];
        kinds.iter().any(|kind| self.given.contains_key(&(source, machine, *kind)))
    }

    /// Returns the zones that lines of a source show, or else those of the machine in other
    /// sources.
    pub(super) fn zones(&self, source: SourceId, machine: Option<u64>) -> Option<&KnownZones> {
        let of_source = self.zones.get(&source).filter(|zones| !zones.is_empty());
        let of_machine = || self.machine_zones.get(&machine?).filter(|zones| !zones.is_empty());
        of_source.or_else(of_machine)
    }

    /// Returns when a line was written that shows an uptime beside a stamp with more than one
    /// meaning; `None` if it is of no boot or may be of several.
    fn by_uptime(
        &self,
        boots: &[Boot],
        micros: u64,
        stamp: Stamp,
        (source, machine, shown): (SourceId, Option<u64>, LogTime),
    ) -> Option<When> {
        let widest = stamp.alone().range;
        let is_near = |range: &TimeRange| {
            let late = 86_400_000_000_000;
            let earliest = widest.earliest().as_nanos().saturating_sub(late);
            range.earliest() <= widest.latest() && range.latest().as_nanos() >= earliest
        };
        let all = boots.iter().map(|boot| (boot, boot.of_uptime(micros)));
        let mut near = all.filter(|(_, range)| is_near(range));
        let (Some((boot, range)), None) = (near.next(), near.next()) else { return None };
        // The zone in which the stamp is not earlier than the line, and has the least delay.
        let instants = self.instants((source, machine), shown, stamp);
        let not_early = instants.filter(|time| {
            time.as_nanos().saturating_add(hidden_nanos(*time)) >= range.earliest().as_nanos()
        });
        Some(match not_early.min() {
            Some(time)
                if time.as_nanos().saturating_sub(range.latest().as_nanos()) < LATE_NANOS =>
            {
                When { time, range: boot.stamped(micros, time) }
            }
            _ => When { time: range.middle(), range },
        })
    }

    /// Returns the possible instants of a stamp: in the zones that lines show, or in any.
    fn instants(
        &self,
        (source, machine): (SourceId, Option<u64>),
        shown: LogTime,
        stamp: Stamp,
    ) -> impl Iterator<Item = Timestamp> {
        let known = self.zones(source, machine).filter(|_| !stamp.is_zone_assumed);
        let known = known.into_iter().flat_map(move |zones| zones.instants(shown));
        let quarters = if stamp.is_zone_assumed { -56..=56 } else { 0..=0 };
        let assumed = quarters.map(move |quarter: i64| {
            Timestamp::from_nanos(stamp.best.as_nanos().saturating_add(quarter * QUARTER_NANOS))
        });
        known.map(|(time, _)| time).chain(assumed)
    }

    /// Completes a stamp.
    pub(super) fn stamp(
        &self,
        source: SourceId,
        machine: Option<u64>,
        shown: LogTime,
    ) -> Option<Stamp> {
        if let LogTime::Instant(time) = shown {
            return Some(Stamp::exact(time));
        }
        if shown == LogTime::Unknown {
            return None;
        }
        if let Some(zones) = self.zones(source, machine) {
            let times = || zones.instants(shown);
            let best = times().max_by_key(|(time, offset)| (zones.lines(*offset), *time));
            if let Some((best, _)) = best {
                let earliest = times().map(|(time, _)| time).min().unwrap_or(best);
                let latest = times().map(|(time, _)| time).max().unwrap_or(best);
                return Some(Stamp { best, earliest, latest, is_zone_assumed: false });
            }
        }
        let is_zone_assumed = self.policy.utc_offset.is_none();
        let in_year = |year| {
            let policy = TimePolicy { year: YearPolicy::Fixed(year), ..self.policy };
            shown.resolve(&policy).map(|resolved| resolved.time)
        };
        let by_lines = || self.year(source, machine, in_year);
        let found = match (shown, self.policy.year) {
            (LogTime::NoYear(_), YearPolicy::Unset) => by_lines()?,
            (LogTime::NoYear(_), YearPolicy::Fixed(year)) => {
                let days = self.clocks.days.get(&source).copied().unwrap_or_default();
                let latest = year - days.years_before_latest(shown);
                let given = in_year(latest)?;
                // The year of a log over New Year may be meant for its first days.
                let also = days.is_over_new_year().then(|| in_year(latest + 1)).flatten();
                let best = by_lines().map(|it| it.best).filter(|best| Some(*best) == also);
                let best = best.unwrap_or(given);
                Candidates { best, earliest: best, latest: best }
            }
            _ => {
                let best = shown.resolve(&self.policy)?.time;
                Candidates { best, earliest: best, latest: best }
            }
        };
        let Candidates { best, earliest, latest } = found;
        Some(Stamp { best, earliest, latest, is_zone_assumed })
    }

    /// Returns the year from the lines of the machine in this source, the machine in others, the
    /// source, or all sources.
    fn year(
        &self,
        source: SourceId,
        machine: Option<u64>,
        in_year: impl Fn(i16) -> Option<Timestamp>,
    ) -> Option<Candidates> {
        let here = machine.and_then(|_| self.clocks.years.get(&(source, machine)));
        let elsewhere = || self.machine_years.get(&machine?);
        if let Some(shown) = here.or_else(elsewhere).or_else(|| self.years.get(&source)) {
            return candidates(shown.spans(), in_year);
        }
        candidates(self.years.values().flat_map(Shown::spans), in_year)
    }

    /// Returns notes for people: zones that lines prove, zones that are only assumed.
    pub fn notes(&self) -> impl Iterator<Item = TimeNote> + '_ {
        let given = self.policy.utc_offset;
        let proven = self.zones.iter().flat_map(move |(source, zones)| {
            let is_news = move |offset: i32| given.map_or(offset != 0, |given| given != offset);
            let changes = zones.changes().map(|(since, minutes)| (since, i32::from(minutes) * 60));
            let mut has_changed = false;
            changes.filter_map(move |(since, utc_offset)| {
                // A return to an earlier zone is reported, too.
                has_changed |= is_news(utc_offset);
                has_changed.then_some(TimeNote::Zone {
                    source: *source,
                    since,
                    utc_offset,
                    is_overruled: given.is_some_and(|given| given != utc_offset),
                })
            })
        });
        let mut others = self.zones.values().flat_map(KnownZones::changes).map(|(_, zone)| zone);
        let first = others.next();
        let would_fit = first.filter(|first| others.all(|other| other == *first));
        let would_fit = would_fit.map(|minutes| i32::from(minutes) * 60);
        // The zone of machines that also occur elsewhere may be known.
        let mut all_known: BTreeMap<SourceId, bool> = BTreeMap::new();
        for (source, machine, _) in self.clocks.civil.keys() {
            let is_known = self.zones(*source, *machine).is_some();
            *all_known.entry(*source).or_insert(true) &= is_known;
        }
        let assumed = self.clocks.days.keys().filter(move |source| {
            let is_known = || all_known.get(source).copied().unwrap_or_default();
            given.is_none() && self.zones(**source, None).is_none() && !is_known()
        });
        proven
            .chain(assumed.map(move |source| TimeNote::AssumedZone { source: *source, would_fit }))
    }

    /// Returns whether no line of the source shows a zone, or all show one between two instants.
    pub(super) fn has_one_zone(
        &self,
        (source, machine): (SourceId, Option<u64>),
        first: Timestamp,
        last: Timestamp,
    ) -> bool {
        self.zones(source, machine).is_none_or(|zones| zones.only_between(first, last).is_some())
    }

    /// Returns whether a boot of the machine is known.
    pub(crate) fn knows(&self, source: SourceId, named: Option<u64>) -> bool {
        self.boots(source, named).is_some()
    }

    pub(super) fn boots(&self, source: SourceId, named: Option<u64>) -> Option<&[Boot]> {
        let of = |machine: u64| {
            let completed = self.completed.get(&machine);
            completed.or_else(|| self.clocks.machines.get(&machine)).map(Vec::as_slice)
        };
        if let Some(machine) = named {
            return of(machine);
        }
        let by_source = of(self.clocks.unnamed(source));
        by_source.or_else(|| of((*self.clocks.named.get(&source)?)?))
    }
}

/// A zone that the policy or a few lines give for all stamps of a machine, and that uptimes show to
/// change. It holds before or after a change, and no line proves which.
#[derive(Debug, Clone)]
struct GivenZone {
    /// The boots, each with its zones.
    boots: Vec<(Extent, Vec<InZone>)>,
    /// How far west and how far east of the first zone it comes.
    least: i64,
    greatest: i64,
}

/// A zone of a boot.
#[derive(Debug, Clone, Copy)]
struct InZone {
    /// The uptimes from which on lines may be in it, and from which on all are.
    since: u64,
    settled: u64,
    /// How much further east it is than the first zone.
    east: i64,
}

impl GivenZone {
    /// Returns `None` if the zone does not change.
    fn of(boots: &[Boot]) -> Option<Self> {
        let (mut now, mut least, mut greatest) = (0_i64, 0, 0);
        let mut has_changed = false;
        let mut changes_of = |boot: &Boot| {
            let mut all = vec![InZone { since: 0, settled: 0, east: now }];
            for ZoneChange { since, settled, by } in boot.zone_changes() {
                now = now.saturating_add(by);
                (least, greatest) = (now.min(least), now.max(greatest));
                has_changed = true;
                all.push(InZone { since, settled, east: now });
            }
            (boot.extent(), all)
        };
        let boots = boots.iter().map(&mut changes_of).collect();
        has_changed.then_some(Self { boots, least, greatest })
    }

    /// Returns the range of a line in any of the zones, given as in the one that the policy gives.
    fn widened(&self, range: TimeRange, micros: u64, shown: Timestamp) -> TimeRange {
        let own = Extent::of(micros, shown);
        let boot = self.boots.iter().find(|(extent, _)| extent.is_same(own));
        let zones = boot.map(|(_, all)| &all[..all.partition_point(|it| it.since <= micros)]);
        let Some([before @ .., InZone { settled, east, .. }]) = zones else { return range };
        // The zone changed among the lines of one span.
        let other = before.last().filter(|_| micros < *settled).map_or(*east, |it| it.east);
        let (west, east) = (other.min(*east), other.max(*east));
        let moved =
            |time: Timestamp, by: i64| Timestamp::from_nanos(time.as_nanos().saturating_add(by));
        TimeRange::between(
            moved(range.latest(), -2 * LAG_NANOS - (east - self.least)).min(range.earliest()),
            moved(range.latest(), self.greatest - west),
        )
    }
}

/// Zones differ by quarters of an hour.
const QUARTER_NANOS: i64 = 900_000_000_000;
