//! Answers: small tables made from all rows of a query, in one reading and in the memory of their
//! keys.

mod episodes;
mod grid;
mod groups;
mod keys;
mod overview;
mod span;
mod spans;

use std::sync::Arc;

use asg_core::Verdict;

use self::episodes::Episodes;
pub use self::grid::{Cell, Grid};
pub(crate) use self::groups::Sums;
use self::groups::{Group, Groups};
pub(crate) use self::keys::ALIASES;
use self::keys::{Part, column};
pub(crate) use self::overview::{Found, Overview, Whys};
pub use self::span::Span;
pub(crate) use self::spans::{Spans, Verdicts};
use crate::error::Error;
use crate::nearest::hint;
use crate::query::{Column, Kind, Query, Row};

/// The measure by which groups are sorted.
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

    /// The names of all measures.
    pub(crate) const WORDS: [&str; 4] =
        [Self::ALL[0].0, Self::ALL[1].0, Self::ALL[2].0, Self::ALL[3].0];

    /// Parses the name of a measure.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for an unknown name.
    pub fn parse(name: &str) -> Result<Self, Error> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, it)| *it);
        found.ok_or_else(|| {
            let what = "the measure is packets, bytes, allowed or denied";
            Error::Value(format!("{what}, not {name:?}{}", hint(name, Self::WORDS)))
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

/// The columns that group rows; see [`Query::by`].
#[derive(Debug, Clone)]
pub struct By(Vec<Part>);

impl By {
    pub(crate) fn new(
        span: Option<Span>,
        names: &[String],
        has_flows: bool,
        has: impl Fn(&Column) -> bool,
    ) -> Result<Self, String> {
        keys::parts(span.map(Part::Span), names, has_flows, has).map(Self)
    }
}

/// Returns the largest groups, the largest first, `most` of them at most.
///
/// # Errors
///
/// Those of reading.
pub fn top(query: &Query, by: &By, most: Option<usize>, measure: Measure) -> Result<Grid, Error> {
    let groups = merged(all_groups(query, by)?);
    Ok(groups.grid(|groups| {
        groups.sort_by_key(|(_, sums)| std::cmp::Reverse(measure.of(sums)));
        groups.truncate(most.unwrap_or(usize::MAX));
    }))
}

/// Returns the groups of all rows, from each thread.
fn all_groups(query: &Query, by: &By) -> Result<Vec<Groups>, Error> {
    let new = || Groups::new(by.0.clone());
    match query.fold_counted(new, Groups::add_counted, Groups::add)? {
        Some(groups) => Ok(groups),
        None => query.sinks(new),
    }
}

/// Returns the groups in the order of their keys.
///
/// # Errors
///
/// Those of reading.
pub fn timeline(query: &Query, by: &By) -> Result<Grid, Error> {
    let groups = merged(query.sinks(|| Groups::new(by.0.clone()))?);
    Ok(groups.grid(|_| {}))
}

/// Sums of all rows, of damaged ones, and by verdict, plane, direction, subject, protocol,
/// certainty, reason and state of the app.
///
/// # Errors
///
/// Those of reading.
pub fn summary(query: &Query) -> Result<Grid, Error> {
    const WHAT: [&str; 8] =
        ["verdict", "plane", "direction", "subject", "proto", "certainty", "reason", "app_state"];
    let there: Vec<_> = WHAT
        .into_iter()
        .filter(|name| match column(name) {
            Part::Column(column) => query.has(column),
            _ => false,
        })
        .collect();
    let sums = query.fold(|| AllSums::new(&there), AllSums::add)?;
    let sums = sums.into_iter().reduce(AllSums::merged).unwrap_or_else(|| AllSums::new(&there));
    let AllSums { all, damaged, by } = sums;
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
    let parts = [Part::Owner, column("dst"), column("dpt"), column("proto")];
    let before = Arc::new(merged(baseline.fold(|| Groups::new(parts.to_vec()), add_outgoing)?));
    let new = || New { before: Arc::clone(&before), groups: Groups::new(parts.to_vec()) };
    let found = query.fold(new, |new, row| {
        if goes_out(row) && !new.before.has(row) {
            new.groups.add(row);
        }
    })?;
    let groups = merged(found.into_iter().map(|new| new.groups).collect());
    Ok(groups.grid(|groups| groups.sort_by_key(|(_, sums)| (sums.first.is_none(), sums.first))))
}

/// Destinations that are not among those before.
struct New {
    before: Arc<Groups>,
    groups: Groups,
}

/// Returns whether the app sent the packet. A network policy logs packets that arrive at one.
fn goes_out(row: &Row<'_>) -> bool {
    !row.is_ingress()
}

fn add_outgoing(groups: &mut Groups, row: &Row<'_>) {
    if goes_out(row) {
        groups.add(row);
    }
}

/// Returns the groups of all threads. There is one thread at least.
fn merged(all: Vec<Groups>) -> Groups {
    all.into_iter().reduce(Groups::merged).unwrap_or_else(|| Groups::new(Vec::new()))
}

/// The sums of a summary.
struct AllSums {
    all: Groups,
    damaged: Groups,
    by: Vec<(&'static str, Groups)>,
}

impl AllSums {
    fn new(columns: &[&'static str]) -> Self {
        let by = columns.iter().map(|name| (*name, Groups::new(vec![column(name)])));
        Self { all: Groups::new(Vec::new()), damaged: Groups::new(Vec::new()), by: by.collect() }
    }

    fn add(&mut self, row: &Row<'_>) {
        self.all.add(row);
        if row.is_damaged() {
            self.damaged.add(row);
        }
        for (_, groups) in &mut self.by {
            groups.add(row);
        }
    }

    fn merged(self, other: Self) -> Self {
        let by = self.by.into_iter().zip(other.by);
        Self {
            all: self.all.merged(other.all),
            damaged: self.damaged.merged(other.damaged),
            by: by.map(|((name, one), (_, other))| (name, one.merged(other))).collect(),
        }
    }
}

/// Runs of denials of one owner to one destination, with gaps of at most this many nanoseconds.
///
/// # Errors
///
/// Those of reading.
pub fn denied_episodes(query: &Query, gap: i64) -> Result<Grid, Error> {
    let parts =
        vec![Part::Owner, column("direction"), column("dst"), column("dpt"), column("proto")];
    let all = query.fold(
        || Episodes::new(parts.clone(), gap),
        |episodes, row| {
            if row.verdict() == Some(Verdict::Denied) {
                episodes.add(row);
            }
        },
    )?;
    let all = all.into_iter().reduce(Episodes::merged);
    Ok(all.unwrap_or_else(|| Episodes::new(parts, gap)).grid())
}
