//! Keys for grouping rows.

use super::grid::Cell;
use super::span::Span;
use crate::nearest::hint;
use crate::query::{COLUMNS, Column, Kind, Row};

/// One thing to group by. It makes one column, or two.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    /// A column of the table.
    Column(&'static Column),
    /// The owner: `app`, its path of names if they are known, and `owner`, the GUID or handle that
    /// identifies it.
    Owner,
    /// Pieces of time.
    Span(Span),
}

/// Names for several columns together.
pub(crate) const ALIASES: [(&str, &[&str]); 4] = [
    ("destination", &["dst", "dst_name", "dpt", "proto"]),
    ("container", &["handle", "index", "process_guid"]),
    ("space", &["org_name", "space_name"]),
    ("org", &["org_name"]),
];

/// Columns that follow from the owner and the meaning of the log prefix.
const OF_ANSWERS: [&str; 10] = [
    "verdict",
    "plane",
    "direction",
    "subject",
    "app_guid",
    "app_name",
    "space_guid",
    "space_name",
    "org_guid",
    "org_name",
];

/// Returns the parts for these names, behind a first one. `has` lists the columns.
///
/// # Errors
///
/// A sentence, if the column does not exist, or comes twice.
pub(crate) fn parts(
    first: Option<Part>,
    names: &[String],
    has_flows: bool,
    has: impl Fn(&Column) -> bool,
) -> Result<Vec<Part>, String> {
    let mut parts = Vec::from_iter(first);
    for name in names {
        if name == "app" && has_flows {
            parts.push(Part::Owner);
            continue;
        }
        let one = [name.as_str()];
        let columns = ALIASES.iter().find(|(alias, _)| alias == name);
        // Names of networks are there if the caller gives them.
        let can_miss = |name: &str| columns.is_some() && name == "dst_name";
        for wanted in columns.map_or(&one[..], |(_, columns)| columns) {
            if can_miss(wanted) && Column::named(wanted).is_none_or(|column| !has(column)) {
                continue;
            }
            let found = COLUMNS.iter().find(|column| column.name == *wanted && has(column));
            let Some(column) = found.filter(|column| column.kind != Kind::Bytes) else {
                let columns = COLUMNS.iter().filter(|column| has(column));
                let known = columns.map(|column| column.name);
                let near = hint(name, known.chain(ALIASES.map(|(alias, _)| alias)).chain(["app"]));
                return Err(format!("there is no column {name:?} to group by{near}"));
            };
            parts.push(Part::Column(column));
        }
    }
    let names: Vec<_> = parts.iter().flat_map(Part::columns).map(|(name, _)| name).collect();
    match (1..names.len()).find(|&n| names[..n].contains(&names[n])) {
        Some(n) => Err(format!("column {:?} is named twice", names[n])),
        None => Ok(parts),
    }
}

/// Returns the column with this name, which is there.
pub(crate) fn column(name: &str) -> Part {
    let found = COLUMNS.iter().find(|column| column.name == name);
    Part::Column(found.expect("the names that this module gives are in the list of columns"))
}

impl Part {
    /// Returns whether all flows with one [key](asg_core::Flow::key) have one value of it.
    pub(crate) const fn is_shared(&self) -> bool {
        match self {
            Self::Column(column) => column.is_shared(),
            Self::Owner => true,
            Self::Span(_) => false,
        }
    }

    /// Returns whether packets that have one answer have one value of it, whatever else differs.
    pub(crate) fn is_counted(&self) -> bool {
        match self {
            Self::Column(column) => OF_ANSWERS.contains(&column.name),
            Self::Owner => true,
            Self::Span(_) => false,
        }
    }

    pub(crate) fn columns(&self) -> Vec<(&'static str, Kind)> {
        match self {
            Self::Column(column) => vec![(column.name, column.kind)],
            Self::Owner => vec![("app", Kind::Text), ("owner", Kind::Text)],
            Self::Span(_) => vec![("time", Kind::Time)],
        }
    }

    /// Returns the key of the row's group.
    pub(crate) fn key(&self, row: &Row<'_>) -> Cell {
        match self {
            Self::Column(column) => Cell::of(&column.value(row)),
            Self::Owner => row.owner().map_or(Cell::Null, |owner| Cell::Text(owner.into())),
            Self::Span(span) => row.time().map(|time| span.start(time)).into(),
        }
    }

    /// The visible cells of a group, from its key and its first row.
    pub(crate) fn shown(&self, key: &Cell, row: &Row<'_>, shown: &mut Vec<Cell>) {
        if matches!(self, Self::Owner) {
            let path = if *key == Cell::Null { None } else { row.path() };
            shown.push(path.map_or(Cell::Null, |path| Cell::Text(path.into())));
        }
        shown.push(key.clone());
    }
}
