//! Rows counted in groups. Memory grows with the groups, not with the rows.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use asg_core::correlate::{Counted, CountedTimes};
use asg_core::{Timestamp, Verdict};

use super::grid::{Cell, Grid};
use super::keys::Part;
use crate::flows::RowSink;
use crate::query::row::KnownRow;
use crate::query::{Kind, ReadRow, Row};

/// The sums of a group.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sums {
    pub(crate) packets: u64,
    pub(crate) allowed: u64,
    pub(crate) denied: u64,
    /// Bytes of the IP packets whose length is logged.
    pub(crate) bytes: u64,
    pub(crate) first: Option<Timestamp>,
    pub(crate) last: Option<Timestamp>,
}

impl Sums {
    pub(crate) const COLUMNS: [(&'static str, Kind); 6] = [
        ("packets", Kind::Long),
        ("allowed", Kind::Long),
        ("denied", Kind::Long),
        ("bytes", Kind::Long),
        ("first", Kind::Time),
        ("last", Kind::Time),
    ];

    fn add(&mut self, row: &Row<'_>) {
        self.add_packet(row.verdict(), row.ip_len(), row.time());
    }

    fn add_packet(&mut self, verdict: Option<Verdict>, len: Option<u64>, time: Option<Timestamp>) {
        self.packets += 1;
        match verdict {
            Some(Verdict::Allowed) => self.allowed += 1,
            Some(Verdict::Denied) => self.denied += 1,
            None => {}
        }
        self.bytes += len.unwrap_or(0);
        if let Some(time) = time {
            self.first = Some(self.first.map_or(time, |first| first.min(time)));
            self.last = self.last.max(Some(time));
        }
    }

    /// Adds packets that were counted before. Returns `false` if their times are only in their
    /// lines.
    fn add_counted(&mut self, verdict: Option<Verdict>, counted: &Counted<'_>) -> bool {
        let (first, last) = match counted.times {
            CountedTimes::Between(first, last) => (Some(first), Some(last)),
            CountedTimes::Nothing => (None, None),
            CountedTimes::Unsettled => return false,
        };
        let of = |wanted| if verdict == Some(wanted) { counted.packets } else { 0 };
        self.merge(&Self {
            packets: counted.packets,
            allowed: of(Verdict::Allowed),
            denied: of(Verdict::Denied),
            bytes: counted.bytes,
            first,
            last,
        });
        true
    }

    fn merge(&mut self, other: &Self) {
        self.packets += other.packets;
        self.allowed += other.allowed;
        self.denied += other.denied;
        self.bytes += other.bytes;
        self.first = match (self.first, other.first) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        self.last = self.last.max(other.last);
    }

    fn cells(&self) -> [Cell; 6] {
        [
            Cell::count(self.packets),
            Cell::count(self.allowed),
            Cell::count(self.denied),
            Cell::count(self.bytes),
            self.first.into(),
            self.last.into(),
        ]
    }
}

/// A group: its visible cells and its sums.
pub(crate) type Group = (Vec<Cell>, Sums);

/// Groups by key.
pub(crate) struct Groups {
    parts: Vec<Part>,
    all: Vec<Group>,
    /// Places in `all`.
    found: HashMap<Vec<Cell>, usize>,
    key: Vec<Cell>,
    /// By the key of flows, if all of them are of one group: its place, and their verdict.
    known: Vec<Option<(usize, Option<Verdict>)>>,
}

impl Groups {
    pub(crate) fn new(parts: Vec<Part>) -> Self {
        let (all, found) = (Vec::new(), HashMap::new());
        Self { parts, all, found, key: Vec::new(), known: Vec::new() }
    }

    pub(crate) fn add(&mut self, row: &Row<'_>) {
        let at = self.place(row);
        self.all[at].1.add(row);
    }

    /// Adds packets that were counted before; returns `false` if their lines are needed.
    pub(crate) fn add_counted(&mut self, counted: &Counted<'_>) -> bool {
        if !self.parts.iter().all(Part::is_counted) {
            return false;
        }
        let flow = counted.flow();
        let row = Row::Read(&ReadRow::of(&flow, &[]));
        let at = self.place(&row);
        self.all[at].1.add_counted(row.verdict(), counted)
    }

    /// Returns the place of the row's group.
    fn place(&mut self, row: &Row<'_>) -> usize {
        let Self { parts, all, found, key, .. } = self;
        key.clear();
        key.extend(parts.iter().map(|part| part.key(row)));
        if let Some(at) = found.get(key) {
            return *at;
        }
        let mut shown = Vec::new();
        parts.iter().zip(&*key).for_each(|(part, key)| part.shown(key, row, &mut shown));
        found.insert(key.clone(), all.len());
        all.push((shown, Sums::default()));
        all.len() - 1
    }

    /// Returns whether a row with the key of this one was added.
    pub(crate) fn has(&self, row: &Row<'_>) -> bool {
        let key: Vec<Cell> = self.parts.iter().map(|part| part.key(row)).collect();
        self.found.contains_key(&key)
    }

    /// Returns the groups of both.
    pub(crate) fn merged(mut self, mut other: Self) -> Self {
        for (key, at) in std::mem::take(&mut other.found) {
            let (shown, sums) = std::mem::take(&mut other.all[at]);
            match self.found.entry(key) {
                Entry::Vacant(place) => {
                    place.insert(self.all.len());
                    self.all.push((shown, sums));
                }
                Entry::Occupied(place) => {
                    let (known, all) = &mut self.all[*place.get()];
                    // Which thread saw a group first must not matter.
                    if shown < *known {
                        *known = shown;
                    }
                    all.merge(&sums);
                }
            }
        }
        self
    }

    /// Returns the groups in the order of their visible cells.
    pub(crate) fn sorted(self) -> Vec<Group> {
        let mut groups = self.all;
        groups.sort_by(|(a, _), (b, _)| a.cmp(b));
        groups
    }

    /// Returns the columns of keys and sums.
    pub(crate) fn columns(&self) -> Vec<(&'static str, Kind)> {
        self.parts.iter().flat_map(Part::columns).chain(Sums::COLUMNS).collect()
    }

    /// Returns the table of groups, after `sort` has ordered them.
    pub(crate) fn grid(self, sort: impl FnOnce(&mut Vec<Group>)) -> Grid {
        let columns = self.columns();
        let mut groups = self.sorted();
        sort(&mut groups);
        let row = |(mut shown, sums): Group| {
            shown.extend(sums.cells());
            shown
        };
        Grid { columns, rows: groups.into_iter().map(row).collect() }
    }
}

/// Takes all rows of a reading on one thread.
impl RowSink for Groups {
    type Done = ();

    const TAKES_KNOWN: bool = true;

    fn row(&mut self, row: &Row<'_>) {
        let at = self.place(row);
        self.all[at].1.add(row);
        if let Some(key) = row.key()
            && self.parts.iter().all(Part::is_shared)
        {
            if self.known.len() <= key {
                self.known.resize(key + 1, None);
            }
            self.known[key] = Some((at, row.verdict()));
        }
    }

    fn known(&mut self, row: &KnownRow<'_>) -> bool {
        let Some(Some((at, verdict))) = self.known.get(row.key()) else { return false };
        let len = row.packet().ip.len.map(u64::from);
        self.all[*at].1.add_packet(*verdict, len, row.flow.time);
        true
    }

    fn take(&mut self) {}
}
