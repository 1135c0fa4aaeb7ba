//! Rows counted in groups. Memory grows with the groups, not with the rows.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use asg_core::{Timestamp, Verdict};

use super::grid::{Cell, Grid};
use super::keys::Part;
use crate::query::{Kind, Row};

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
        self.packets += 1;
        match row.verdict() {
            Some(Verdict::Allowed) => self.allowed += 1,
            Some(Verdict::Denied) => self.denied += 1,
            None => {}
        }
        self.bytes += row.ip_len().unwrap_or(0);
        if let Some(time) = row.time() {
            self.first = Some(self.first.map_or(time, |first| first.min(time)));
            self.last = self.last.max(Some(time));
        }
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
    found: HashMap<Vec<Cell>, Group>,
    key: Vec<Cell>,
}

impl Groups {
    pub(crate) fn new(parts: Vec<Part>) -> Self {
        Self { parts, found: HashMap::new(), key: Vec::new() }
    }

    pub(crate) fn add(&mut self, row: &Row<'_>) {
        let Self { parts, found, key } = self;
        key.clear();
        key.extend(parts.iter().map(|part| part.key(row)));
        if let Some((_, sums)) = found.get_mut(key) {
            sums.add(row);
            return;
        }
        let mut shown = Vec::new();
        parts.iter().zip(&*key).for_each(|(part, key)| part.shown(key, row, &mut shown));
        let (_, sums) = found.entry(key.clone()).or_insert((shown, Sums::default()));
        sums.add(row);
    }

    /// Returns whether a row with the key of this one was added.
    pub(crate) fn has(&self, row: &Row<'_>) -> bool {
        let key: Vec<Cell> = self.parts.iter().map(|part| part.key(row)).collect();
        self.found.contains_key(&key)
    }

    /// Returns the groups of both.
    pub(crate) fn merged(mut self, other: Self) -> Self {
        for (key, (shown, sums)) in other.found {
            match self.found.entry(key) {
                Entry::Vacant(place) => {
                    place.insert((shown, sums));
                }
                Entry::Occupied(mut place) => {
                    let (known, all) = place.get_mut();
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
        let mut groups: Vec<Group> = self.found.into_values().collect();
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
