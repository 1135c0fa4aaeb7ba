//! Answers: small tables made from all rows of a query, in one reading and in the memory of their keys.

mod episodes;
mod grid;
mod groups;
mod keys;

use asg_core::{Direction, Verdict};

use self::episodes::Episodes;
pub use self::grid::{Cell, Grid};
use self::groups::{Group, Groups, Sums};
use self::keys::{Part, column};
use crate::error::Error;
use crate::query::{Column, Kind, Query, Row, Rows};

/// What makes a group large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// The number of packets.
    Packets,
    /// The sum of the IP packets' lengths.
    Bytes,
    /// The number of allowed packets.
    Allowed,
    /// The number of denied packets.
    Denied,
}

impl Measure {
    const ALL: [(&str, Self); 4] = [
        ("packets", Self::Packets),
        ("bytes", Self::Bytes),
        ("allowed", Self::Allowed),
        ("denied", Self::Denied),
    ];

    /// The measure with this name.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] if there is none.
    pub fn parse(name: &str) -> Result<Self, Error> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, it)| *it);
        found.ok_or_else(|| {
            let what = "the measure is packets, bytes, allowed or denied";
            Error::Value(format!("{what}, not {name:?}"))
        })
    }

    const fn of(self, sums: &Sums) -> u64 {
        match self {
            Self::Packets => sums.packets,
            Self::Bytes => sums.bytes,
            Self::Allowed => sums.allowed,
            Self::Denied => sums.denied,
        }
    }
}

/// What rows are grouped by; see [`Query::by`].
#[derive(Debug, Clone)]
pub struct By(Vec<Part>);

impl By {
    pub(crate) fn new(
        span: Option<i64>,
        names: &[String],
        has_flows: bool,
        has: impl Fn(&Column) -> bool,
    ) -> Result<Self, String> {
        keys::parts(span.map(Part::Span), names, has_flows, has).map(Self)
    }
}

fn read(mut rows: Box<dyn Rows>, mut each: impl FnMut(&Row<'_>)) -> Result<(), Error> {
    while rows.step(&mut each)? {}
    Ok(())
}

/// The largest groups, the largest first, `most` of them at most.
///
/// # Errors
///
/// Those of reading.
pub fn top(query: &Query, by: By, most: Option<usize>, measure: Measure) -> Result<Grid, Error> {
    let mut groups = Groups::new(by.0);
    read(query.timed_rows(), |row| groups.add(row))?;
    Ok(groups.grid(|groups| {
        groups.sort_by_key(|(_, sums)| std::cmp::Reverse(measure.of(sums)));
        groups.truncate(most.unwrap_or(usize::MAX));
    }))
}

/// The groups in the order of their keys.
///
/// # Errors
///
/// Those of reading.
pub fn timeline(query: &Query, by: By) -> Result<Grid, Error> {
    let mut groups = Groups::new(by.0);
    read(query.timed_rows(), |row| groups.add(row))?;
    Ok(groups.grid(|_| {}))
}

/// Sums of all rows, of damaged ones, and by verdict, plane, direction, subject, protocol, certainty,
/// reason and state of the app.
///
/// # Errors
///
/// Those of reading.
pub fn summary(query: &Query) -> Result<Grid, Error> {
    const WHAT: [&str; 8] =
        ["verdict", "plane", "direction", "subject", "proto", "certainty", "reason", "app_state"];
    let mut all = Groups::new(Vec::new());
    let mut damaged = Groups::new(Vec::new());
    let there = WHAT.into_iter().filter(|name| match column(name) {
        Part::Column(column) => query.has(column),
        _ => false,
    });
    let mut by: Vec<_> = there.map(|name| (name, Groups::new(vec![column(name)]))).collect();
    read(query.timed_rows(), |row| {
        all.add(row);
        if row.error.is_some() {
            damaged.add(row);
        }
        for (_, groups) in &mut by {
            groups.add(row);
        }
    })?;
    let columns = [("what", Kind::Text), ("value", Kind::Text)];
    let mut grid =
        Grid { columns: columns.into_iter().chain(Sums::COLUMNS).collect(), rows: Vec::new() };
    let totals = [("all", all), ("damaged", damaged)].into_iter().map(|(what, groups)| {
        let mut grid = groups.grid(|_| {});
        grid.rows.iter_mut().for_each(|row| row.insert(0, Cell::Null));
        (what, grid)
    });
    let largest_first = |groups: &mut Vec<Group>| {
        groups.sort_by_key(|(_, sums)| std::cmp::Reverse(sums.packets));
    };
    let parts = by.into_iter().map(|(what, groups)| (what, groups.grid(largest_first)));
    for (what, part) in totals.chain(parts) {
        for mut row in part.rows {
            row.insert(0, Cell::Text(what.into()));
            grid.rows.push(row);
        }
    }
    Ok(grid)
}

/// Destinations of each app that are not in the baseline, the earliest first.
///
/// # Errors
///
/// Those of reading.
pub fn new_destinations(query: &Query, baseline: &Query) -> Result<Grid, Error> {
    let parts = || vec![Part::Owner, column("dst"), column("dpt"), column("proto")];
    let (mut before, mut groups) = (Groups::new(parts()), Groups::new(parts()));
    // A network policy logs packets that arrive at an app.
    let goes_out = |row: &Row<'_>| row.cf.is_none_or(|cf| cf.direction == Direction::Egress);
    read(baseline.timed_rows(), |row| {
        if goes_out(row) {
            before.add(row);
        }
    })?;
    read(query.timed_rows(), |row| {
        if goes_out(row) && !before.has(row) {
            groups.add(row);
        }
    })?;
    Ok(groups.grid(|groups| groups.sort_by_key(|(_, sums)| (sums.first.is_none(), sums.first))))
}

/// Runs of denials of one owner to one destination, with gaps of at most this many nanoseconds.
///
/// # Errors
///
/// Those of reading.
pub fn denied_episodes(query: &Query, gap: i64) -> Result<Grid, Error> {
    let parts =
        vec![Part::Owner, column("direction"), column("dst"), column("dpt"), column("proto")];
    let mut episodes = Episodes::new(parts, gap);
    read(query.timed_rows(), |row| {
        if row.cf.is_some_and(|cf| cf.verdict == Verdict::Denied) {
            episodes.add(row);
        }
    })?;
    Ok(episodes.grid())
}
