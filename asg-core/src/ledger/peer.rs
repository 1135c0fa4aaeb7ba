//! The peer: the holder of an address, on any cell.
//!
//! A line about a packet between containers names one of them; for the other it shows only the
//! address. On an overlay network each cell has addresses of its own, so an address and a time can
//! identify a container. The result is never more than `inferred`: the cells' clocks differ, and
//! lines about another holder may be lost.

use std::net::IpAddr;
use std::sync::Arc;

use super::answer::Sighting;
use super::crowd::{Crowd, Interval, Reaching};
use super::row::{CLOCK_TOLERANCE_MILLIS, Field, millis};
use super::{LeaseKey, Ledger, Lifetime, NONE};
use crate::ledger::attribution::{Attribution, MOST_CANDIDATES, Reason};
use crate::time::TimeRange;

impl Ledger {
    /// The container that had this address, on any cell, when a packet was logged. `inferred` if
    /// one container surely had it all the time in the range, and no other that is known may have
    /// had it within two minutes, by which two cells' clocks may differ; `ambiguous` if one may
    /// have had it. A container of the packet's own cell is excluded by that cell's clock, without
    /// these minutes. Where only other machines than its cell log a lease, two more minutes count
    /// at each end.
    ///
    /// ```
    /// # use asg_core::event::Moment;
    /// # use asg_core::evidence::Evidence;
    /// # use asg_core::guid::Handle;
    /// # use asg_core::ledger::Sighting;
    /// # use asg_core::{Certainty, Ledger, Origin, SourceId, Timestamp};
    /// let mut ledger = Ledger::new();
    /// let handle = Handle::parse(b"bfce786c-ab07-40ad-79f9-8f21").unwrap();
    /// for (line, moment, time) in
    ///     [(1, Moment::Created, b"2024-05-06T07:00:00Z"), (2, Moment::Destroyed, b"2024-05-06T08:00:00Z")]
    /// {
    ///     let origin = Origin { source: SourceId(0), line };
    ///     let mut evidence = Evidence::new(handle.clone(), moment, origin);
    ///     evidence.time = Some(Timestamp::parse(time)?);
    ///     evidence.address = Some("10.255.73.3".parse()?);
    ///     ledger.add(evidence);
    /// }
    /// let at = |time: &[u8]| Timestamp::parse(time).map(Sighting::at);
    /// let peer = ledger.peer("10.255.73.3".parse()?, &at(b"2024-05-06T07:30:00Z")?);
    /// assert_eq!(peer.certainty, Certainty::Inferred);
    /// assert_eq!(peer.container().unwrap().handle(), handle);
    /// let later = ledger.peer("10.255.73.3".parse()?, &at(b"2024-05-06T09:30:00Z")?);
    /// assert_eq!(later.certainty, Certainty::Unknown);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn peer(&self, address: IpAddr, seen: &Sighting<'_>) -> Attribution<'_> {
        let number = self.addresses.find(&address, |known| *known == address);
        let Some((number, time)) = number.zip(seen.time) else {
            return Attribution::unknown(Reason::NoAddressLease);
        };
        let mut near = self.near(number, time);
        if near.count <= MOST_CANDIDATES {
            near.first.retain(|row| !self.is_excluded_by_own_clock(*row, time, seen));
            near.count = near.first.len();
        }
        let all: Vec<_> = near.first.into_iter().map(|row| Lifetime::new(self, row)).collect();
        match all.as_slice() {
            [] => Attribution::unknown(Reason::NoAddressLease),
            [one] if near.count == 1 => {
                let times = one.times();
                let is_there = self.is_there(*one, seen);
                let (from, to) = if is_there { times.lease() } else { times.lease_elsewhere() };
                let is_sure = from <= millis(time.earliest()) && millis(time.latest()) <= to;
                let may_be_others = || {
                    self.may_be_an_unaddressed_ones(*one, time)
                        || self.may_be_another_holders(*one, number, time)
                };
                let is_sure = is_sure && (is_there || !may_be_others());
                if is_sure && one.conflict().is_none() {
                    Attribution::leased(*one)
                } else {
                    Attribution::doubted(*one, Reason::AddressLeaseUncertain)
                }
            }
            _ => Attribution::several(all, near.count, Reason::AmbiguousAddress),
        }
    }

    /// Returns the containers that had this address at any time, on any cell.
    pub(crate) fn had_address(&self, address: IpAddr) -> impl Iterator<Item = Lifetime<'_>> {
        let number = self.addresses.find(&address, |known| *known == address);
        let rows = number.into_iter().flat_map(|number| self.holders.get(&number));
        rows.map(|row| Lifetime::new(self, row))
    }

    /// True if another container may have had the address of this one just before or after it, as
    /// far as the clocks of two cells may differ: lines show no address of tasks, for example.
    fn may_be_an_unaddressed_ones(&self, it: Lifetime<'_>, time: TimeRange) -> bool {
        let [before, after] = ends_within_reach(it, time);
        let names = self.values(it.row(), Field::Cell).chain(self.values(it.row(), Field::Machine));
        // A bare file names no machine: what its cell logs may be of this one.
        names.chain([NONE]).any(|name| {
            before.is_some_and(|times| self.changes(LeaseKey::Ended(name), name, times))
                || after.is_some_and(|times| self.changes(LeaseKey::Begun(name), name, times))
        })
    }

    /// True if another holder of the address may have had it just before or after this one, because
    /// the lines about its end or its start are lost.
    fn may_be_another_holders(&self, it: Lifetime<'_>, address: u32, time: TimeRange) -> bool {
        let [before, after] = ends_within_reach(it, time);
        let holds = |key: LeaseKey, (from, to): (i64, i64)| {
            let intervals = || {
                let is_of = move |row: &u32| {
                    self.values(*row, Field::Address).any(|number| number == address)
                };
                self.holders.get(&address).filter(is_of).filter_map(move |row| {
                    let times = self.rows[row as usize].times();
                    match key {
                        LeaseKey::BegunUnseen(_) if !times.is_start_known => {
                            Some(Interval { from: i64::MIN, to: times.first, row })
                        }
                        LeaseKey::EndedUnseen(_) if !times.is_end_known() => {
                            Some(Interval { from: times.last, to: i64::MAX, row })
                        }
                        _ => None,
                    }
                })
            };
            if self.holders.count(&address) <= MOST_CANDIDATES {
                let found = Reaching::in_few(intervals(), to, from);
                return found.first.into_iter().any(|row| row != it.row());
            }
            let crowd = self.lease_crowds.get_or(key, || Arc::new(Crowd::of(intervals())));
            crowd.reaching(to, from).any(|row| row != it.row())
        };
        before.is_some_and(|times| holds(LeaseKey::EndedUnseen(address), times))
            || after.is_some_and(|times| holds(LeaseKey::BegunUnseen(address), times))
    }

    /// True if a container of this cell without a known address may have begun, or ended, between
    /// two times. For [`NONE`], one whose cell is unknown, but which a cell's own lines name.
    fn changes(&self, key: LeaseKey, name: u32, (from, to): (i64, i64)) -> bool {
        let intervals = || {
            let is_of = |row: &u32| {
                let is_logged_there = || self.rows[*row as usize].times().spoken != i64::MIN;
                let is_here = name != NONE || (self.may_be_of_any_cell(*row) && is_logged_there());
                is_here && self.rows[*row as usize].slot(Field::Address).is_none()
            };
            self.unaddressed.get(&name).filter(is_of).map(|row| {
                let times = self.rows[row as usize].times();
                let (from, to) = match key {
                    LeaseKey::Begun(_) if times.is_start_known => (times.first, times.first),
                    LeaseKey::Begun(_) => (i64::MIN, times.first),
                    _ if times.is_end_known() => (times.ended.at, times.last),
                    _ => (times.last, i64::MAX),
                };
                Interval { from, to, row }
            })
        };
        if self.unaddressed.count(&name) <= MOST_CANDIDATES {
            return Reaching::in_few(intervals(), to, from).count > 0;
        }
        let crowd = self.lease_crowds.get_or(key, || Arc::new(Crowd::of(intervals())));
        crowd.reaching(to, from).next().is_some()
    }

    /// True if a container was on the packet's own cell, by whose clock it did not have its address
    /// then.
    fn is_excluded_by_own_clock(&self, row: u32, time: TimeRange, seen: &Sighting<'_>) -> bool {
        let times = self.rows[row as usize].times();
        let (from, to) = times.lease_about();
        // The first line about it proves no start, and the last one no end.
        let is_to_come = times.is_start_known && millis(time.latest()) < from;
        let is_over = times.is_end_known() && to < millis(time.earliest());
        (is_to_come || is_over) && self.is_there(Lifetime::new(self, row), seen)
    }

    /// True if a container was on the packet's own cell.
    fn is_there(&self, it: Lifetime<'_>, seen: &Sighting<'_>) -> bool {
        seen.cell.and_then(|cell| self.was_on(it, cell, seen.kind)) == Some(true)
    }

    /// Returns the containers that had an address at a time, or within the error of clocks before
    /// or after it.
    fn near(&self, address: u32, time: TimeRange) -> Reaching {
        let intervals = || {
            // A row stays noted under an address that was removed because it had too many.
            let is_of =
                move |row: &u32| self.values(*row, Field::Address).any(|number| number == address);
            self.holders.get(&address).filter(is_of).map(|row| {
                let (from, to) = self.rows[row as usize].times().lease_about();
                Interval { from, to, row }
            })
        };
        let from = millis(time.earliest()).saturating_sub(CLOCK_TOLERANCE_MILLIS);
        let to = millis(time.latest()).saturating_add(CLOCK_TOLERANCE_MILLIS);
        if self.holders.count(&address) <= MOST_CANDIDATES {
            return Reaching::in_few(intervals(), to, from);
        }
        let key = LeaseKey::About(address);
        let crowd = self.lease_crowds.get_or(key, || {
            let mut all: Vec<_> = intervals().collect();
            all.sort_by(|a, b| self.order(a.row).cmp(&self.order(b.row)));
            Arc::new(Crowd::of(all.into_iter()))
        });
        Reaching::in_crowd(&crowd, to, from)
    }
}

/// Returns the time before the start of a lease, and the time behind its end, in which a packet was
/// logged by another cell's clock.
fn ends_within_reach(it: Lifetime<'_>, time: TimeRange) -> [Option<(i64, i64)>; 2] {
    let times = it.times();
    let (from, to) = times.lease_about();
    let earliest = millis(time.earliest()).saturating_sub(CLOCK_TOLERANCE_MILLIS);
    let latest = millis(time.latest()).saturating_add(CLOCK_TOLERANCE_MILLIS);
    [
        (earliest < from).then_some((earliest, from)),
        (times.is_end_known() && to < latest).then_some((to, latest)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Moment;
    use crate::evidence::{Evidence, Origin, SourceId};
    use crate::guid::Handle;
    use crate::ledger::attribution::Certainty;
    use crate::time::Timestamp;

    const ONE: &str = "bfce786c-ab07-40ad-79f9-8f21";
    const NEXT: &str = "d5978989-1401-49ff-46cd-33e5";

    /// Creates a ledger of lives by handle, cell, creation and end, in seconds; all had one
    /// address.
    fn ledger(lives: &[(&str, &str, i64, Option<i64>)]) -> Ledger {
        let mut ledger = Ledger::new();
        for (n, (handle, cell, from, to)) in (0..).zip(lives) {
            let ends = to.map(|to| (Moment::Destroyed, to));
            for (moment, at) in [(Moment::Created, *from)].into_iter().chain(ends) {
                let origin = Origin {
                    source: SourceId(0),
                    line: 2 * n + u64::from(moment != Moment::Created) + 1,
                };
                let mut evidence =
                    Evidence::new(Handle::parse(handle.as_bytes()).unwrap(), moment, origin);
                evidence.time = Some(Timestamp::from_nanos(at * 1_000_000_000));
                evidence.address = Some(address());
                evidence.cell = Some((*cell).into());
                evidence.is_cells_own = true;
                ledger.add(evidence);
            }
        }
        ledger
    }

    fn address() -> IpAddr {
        "10.255.73.3".parse().unwrap()
    }

    fn ask(ledger: &Ledger, from: i64, to: i64) -> (Certainty, Reason, Vec<String>) {
        ask_on(ledger, from, to, None)
    }

    fn ask_on(
        ledger: &Ledger,
        from: i64,
        to: i64,
        cell: Option<&str>,
    ) -> (Certainty, Reason, Vec<String>) {
        let at = |seconds: i64| Timestamp::from_nanos(seconds * 1_000_000_000);
        let seen = Sighting::at(TimeRange::between(at(from), at(to)));
        let peer = ledger.peer(address(), &Sighting { cell, ..seen });
        let named = peer.container().into_iter().chain(peer.candidates().iter().copied());
        (peer.certainty, peer.reason, named.map(|one| one.handle().to_string()).collect())
    }

    #[test]
    fn an_address_names_whoever_surely_had_it_and_nobody_when_it_changed_hands() {
        let lives = [(ONE, "a", 1_000, Some(2_000)), (NEXT, "a", 2_010, Some(3_000))];
        let ledger = ledger(&lives);
        let one =
            |handle: &str| (Certainty::Inferred, Reason::AddressLease, vec![handle.to_owned()]);
        assert_eq!(ask(&ledger, 1_500, 1_500), one(ONE));
        assert_eq!(ask(&ledger, 2_500, 2_500), one(NEXT));
        let both = vec![ONE.to_owned(), NEXT.to_owned()];
        for (from, to) in [(1_990, 1_990), (2_005, 2_005), (1_500, 2_500), (1_000, 3_000)] {
            let several = (Certainty::Ambiguous, Reason::AmbiguousAddress, both.clone());
            assert_eq!(ask(&ledger, from, to), several, "{from} to {to}");
        }
        let doubt = (Certainty::Ambiguous, Reason::AddressLeaseUncertain, vec![NEXT.to_owned()]);
        assert_eq!(ask(&ledger, 3_050, 3_050), doubt);
        assert_eq!(ask(&ledger, 2_500, 3_001), doubt, "a time that reaches beyond its end");
        for at in [500, 4_000] {
            assert_eq!(ask(&ledger, at, at), (Certainty::Unknown, Reason::NoAddressLease, vec![]));
        }
    }

    #[test]
    fn a_holder_whose_start_or_end_is_lost_may_have_had_the_address_at_once() {
        let evidence = |handle: &str, moment: Moment, at: i64| {
            let handle = Handle::parse(handle.as_bytes()).unwrap();
            let origin = Origin { source: SourceId(0), line: at.unsigned_abs() };
            let mut evidence = Evidence::new(handle, moment, origin);
            evidence.time = Some(Timestamp::from_nanos(at * 1_000_000_000));
            evidence.address = Some(address());
            evidence.cell = Some("a".into());
            evidence.is_cells_own = true;
            evidence
        };
        let (created, seen, ended) = (Moment::Created, Moment::Seen, Moment::Destroyed);
        let whole = [(ONE, created, 1_000), (ONE, ended, 2_000)];
        let cases = [
            // The next one is first seen long after, and a line logs its start or none does.
            ([(NEXT, seen, 2_600), (NEXT, ended, 3_000)], 1_890, false),
            ([(NEXT, created, 2_600), (NEXT, ended, 3_000)], 1_890, true),
            ([(NEXT, seen, 2_600), (NEXT, ended, 3_000)], 1_870, true),
            // The one before was last seen long before.
            ([(NEXT, created, 300), (NEXT, seen, 400)], 1_110, false),
            ([(NEXT, created, 300), (NEXT, ended, 400)], 1_110, true),
            ([(NEXT, created, 300), (NEXT, seen, 400)], 1_130, true),
        ];
        for (other, at, is_sure) in cases {
            let mut ledger = Ledger::new();
            for (handle, moment, at) in whole.into_iter().chain(other) {
                ledger.add(evidence(handle, moment, at));
            }
            let (certainty, ..) = ask(&ledger, at, at);
            let expected = if is_sure { Certainty::Inferred } else { Certainty::Ambiguous };
            assert_eq!(certainty, expected, "{other:?} {at}");
            // Many others change nothing.
            for n in 0..40 {
                let handle = format!("{n:08x}-1401-49ff-46cd-33e5");
                ledger.add(evidence(&handle, created, 100_000 + n * 10));
                ledger.add(evidence(&handle, ended, 100_005 + n * 10));
            }
            assert_eq!(ask(&ledger, at, at).0, expected, "{other:?} {at}");
        }
    }

    #[test]
    fn the_clocks_of_two_cells_may_differ_by_two_minutes_and_one_clock_not_from_itself() {
        let lives = [(ONE, "a", 1_000, Some(2_000)), (NEXT, "a", 2_010, Some(3_000))];
        let ledger = ledger(&lives);
        let named = |at, cell| ask_on(&ledger, at, at, cell).2;
        let (one, both, next) = (vec![ONE], vec![ONE, NEXT], vec![NEXT]);
        for (at, elsewhere, there) in [
            (1_889, &one, &one),
            (1_891, &both, &one),
            (1_999, &both, &one),
            (2_011, &both, &next),
            (2_119, &both, &next),
            (2_121, &next, &next),
        ] {
            assert_eq!(named(at, None), *elsewhere, "{at}");
            assert_eq!(named(at, Some("b")), *elsewhere, "{at}");
            assert_eq!(named(at, Some("a")), *there, "{at}");
        }
    }

    #[test]
    fn a_task_may_have_taken_over_the_address() {
        let task = |begun: i64, ended: i64| {
            let mut ledger = ledger(&[(ONE, "a", 1_000, Some(2_000)), (NEXT, "b", 0, Some(9_000))]);
            for (line, moment, at) in [(8, Moment::Created, begun), (9, Moment::Destroyed, ended)] {
                let handle = Handle::parse(b"5a0b8c1d-6f0e-4b7a-9c3d-1e2f3a4b5c6d").unwrap();
                let mut evidence =
                    Evidence::new(handle, moment, Origin { source: SourceId(0), line });
                evidence.time = Some(Timestamp::from_nanos(at * 1_000_000_000));
                evidence.cell = Some("a".into());
                evidence.is_cells_own = true;
                ledger.add(evidence);
            }
            ledger.retain(|lifetime| lifetime.handle().to_string() != NEXT);
            ledger
        };
        let is_named =
            |ledger: &Ledger, at, cell| ask_on(ledger, at, at, cell).0 == Certainty::Inferred;
        let (after, before) = (task(2_005, 2_200), task(700, 990));
        let long = task(10, 5_000);
        for (at, with_after, with_before) in [
            (1_001, true, false),
            (1_109, true, false),
            (1_111, true, true),
            (1_884, true, true),
            (1_886, false, true),
            (1_999, false, true),
        ] {
            assert_eq!(is_named(&after, at, None), with_after, "{at}");
            assert_eq!(is_named(&before, at, Some("b")), with_before, "{at}");
            assert!(is_named(&after, at, Some("a")), "{at}: one clock");
            assert!(is_named(&long, at, None), "{at}: it had an address of its own all the time");
        }
    }

    #[test]
    fn a_task_of_no_known_cell_may_have_had_the_address_however_the_ledger_is_made() {
        let task = |cell: Option<&str>, is_cells_own| {
            let mut ledger = Ledger::new();
            for (line, moment, at) in [(8, Moment::Created, 700), (9, Moment::Destroyed, 990)] {
                let handle = Handle::parse(b"5a0b8c1d-6f0e-4b7a-9c3d-1e2f3a4b5c6d").unwrap();
                let mut evidence =
                    Evidence::new(handle, moment, Origin { source: SourceId(0), line });
                evidence.time = Some(Timestamp::from_nanos(at * 1_000_000_000));
                evidence.cell = cell.map(Into::into);
                evidence.is_cells_own = is_cells_own;
                ledger.add(evidence);
            }
            ledger
        };
        let container = || ledger(&[(ONE, "a", 1_000, Some(2_000))]);
        for (cell, is_cells_own, expected) in [
            (None, true, Certainty::Ambiguous),
            (Some("a"), true, Certainty::Ambiguous),
            (Some("b"), true, Certainty::Inferred),
            // A database wrote this line, and not a cell.
            (None, false, Certainty::Inferred),
        ] {
            let (mut one, mut other) = (container(), task(cell, is_cells_own));
            one.merge(&task(cell, is_cells_own));
            other.merge(&container());
            let loaded = Ledger::from_bytes(&one.to_bytes(), SourceId(0)).unwrap();
            let mut late = task(None, is_cells_own);
            late.merge(&other);
            for (n, ledger) in [one, other, loaded, late].iter().enumerate() {
                let said = |at, seen| ask_on(ledger, at, at, seen).0;
                let what = format!("{cell:?} {is_cells_own} {n}");
                assert_eq!(said(1_050, Some("c")), expected, "{what}");
                assert_eq!(said(1_050, Some("a")), Certainty::Inferred, "{what}: one clock");
                assert_eq!(said(1_500, Some("c")), Certainty::Inferred, "{what}: long after");
            }
        }
    }

    #[test]
    fn the_same_address_on_two_cells_names_nobody() {
        let ledger = ledger(&[(ONE, "a", 1_000, Some(2_000)), (NEXT, "b", 1_000, Some(2_000))]);
        assert_eq!(ask(&ledger, 1_500, 1_500).1, Reason::AmbiguousAddress);
        let mut rest = ledger.clone();
        rest.retain(|lifetime| lifetime.handle().to_string() == ONE);
        assert_eq!(ask(&rest, 1_500, 1_500).2, [ONE]);
        let loaded = Ledger::from_bytes(&ledger.to_bytes(), SourceId(0)).unwrap();
        assert_eq!(ask(&loaded, 1_500, 1_500).1, Reason::AmbiguousAddress);
    }
}
