//! Runs of packets with short gaps between them, whatever order the packets come in.

use std::collections::HashMap;

use asg_core::Timestamp;

use super::grid::{Cell, Grid};
use super::keys::Part;
use crate::query::{Kind, Row};

/// Runs by key. Memory grows with the runs.
pub(crate) struct Episodes {
    parts: Vec<Part>,
    /// Nanoseconds.
    gap: i64,
    runs: HashMap<Vec<Cell>, (Vec<Cell>, Runs)>,
}

/// The runs of one key, separate and in order; and the packets without a time.
#[derive(Debug, Default)]
struct Runs {
    timed: Vec<Run>,
    untimed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    first: i64,
    last: i64,
    packets: u64,
}

impl Episodes {
    pub(crate) fn new(parts: Vec<Part>, gap: i64) -> Self {
        Self { parts, gap, runs: HashMap::new() }
    }

    pub(crate) fn add(&mut self, row: &Row<'_>) {
        let key: Vec<Cell> = self.parts.iter().map(|part| part.key(row)).collect();
        let parts = &self.parts;
        let (_, runs) = self.runs.entry(key).or_insert_with_key(|key| {
            let mut shown = Vec::new();
            parts.iter().zip(key).for_each(|(part, key)| part.shown(key, row, &mut shown));
            (shown, Runs::default())
        });
        match row.time() {
            Some(time) => runs.add(time.as_nanos(), self.gap),
            None => runs.untimed += 1,
        }
    }

    /// Returns the runs of both.
    pub(crate) fn merged(mut self, other: Self) -> Self {
        for (key, (shown, runs)) in other.runs {
            let (known, all) =
                self.runs.entry(key).or_insert_with(|| (shown.clone(), Runs::default()));
            if shown < *known {
                *known = shown;
            }
            all.untimed += runs.untimed;
            for run in runs.timed {
                all.join(run, self.gap);
            }
        }
        self
    }

    pub(crate) fn grid(self) -> Grid {
        let mut columns: Vec<_> = self.parts.iter().flat_map(Part::columns).collect();
        columns.extend([("first", Kind::Time), ("last", Kind::Time), ("packets", Kind::Long)]);
        let mut rows = Vec::new();
        for (shown, runs) in self.runs.into_values() {
            let time = |nanos| Cell::Time(Timestamp::from_nanos(nanos));
            let mut row = |first, last, packets| {
                let mut row = shown.clone();
                row.extend([first, last, Cell::count(packets)]);
                rows.push(row);
            };
            for run in &runs.timed {
                row(time(run.first), time(run.last), run.packets);
            }
            if runs.untimed > 0 {
                row(Cell::Null, Cell::Null, runs.untimed);
            }
        }
        let first = columns.len() - 3;
        rows.sort_by(|a, b| (&a[first], a).cmp(&(&b[first], b)));
        Grid { columns, rows }
    }
}

impl Runs {
    /// Adds a packet.
    fn add(&mut self, time: i64, gap: i64) {
        self.join(Run { first: time, last: time, packets: 1 }, gap);
    }

    /// Joins all runs that are near enough to this one, so that the order of packets does not
    /// matter.
    fn join(&mut self, mut joined: Run, gap: i64) {
        let from = self.timed.partition_point(|run| run.last < joined.first.saturating_sub(gap));
        let until = self.timed.partition_point(|run| run.first <= joined.last.saturating_add(gap));
        for run in &self.timed[from..until] {
            joined.first = joined.first.min(run.first);
            joined.last = joined.last.max(run.last);
            joined.packets += run.packets;
        }
        self.timed.splice(from..until, [joined]);
    }
}
