//! Tables in JSON: rows of cells beside the names of their columns.
//!
//! Sources: Azure Monitor's query API (`columns`, `rows`); Elasticsearch's SQL (`columns`, `rows`)
//! and ES|QL (`columns`, `values`); `OpenSearch`'s SQL (`schema`, `datarows`); Splunk's `json_rows`
//! and `json_cols` (`fields`); Athena's `GetQueryResults` (`ColumnInfo`, `Rows`); `ClickHouse`'s
//! `JSONCompact` (`meta`, `data`); `InfluxDB`'s query API (`columns`, `values`).

use serde_json::value::RawValue;

use super::facts::{elements, scalar, unquoted};
use super::{Outer, columns, is_payload, json};
use crate::bytes::json::Object;
use crate::line::envelope::members;
use crate::time::LogTime;

/// Members with the names of a table's columns, as strings or as objects with a name. The array may
/// be in an object of that name.
const COLUMNS: [&str; 5] = ["fields", "columns", "schema", "meta", "ResultSetMetadata"];
const COLUMNS_INSIDE: [&str; 2] = ["ColumnInfo", "fields"];
const NAME: [&str; 2] = ["name", "Name"];

/// Members with the rows beside the names, and the member with the cells if a row is an object.
const ROWS: [&str; 5] = ["rows", "values", "datarows", "data", "Rows"];
const CELLS: [&str; 1] = ["Data"];

/// The rows of a table: for each the value where it begins, and its cells.
pub(super) type Rows<'t> = Vec<(&'t RawValue, Vec<&'t RawValue>)>;

/// Returns the names of a table's columns, and its rows; `None` if an object is not a table.
pub(super) fn read<'t>(object: &Object<'t>) -> Option<(Vec<&'t str>, Rows<'t>)> {
    let mut lists = COLUMNS.iter().filter_map(|key| {
        let value = object.get(&[key])?;
        let inside = || Object::parse(value.get().as_bytes()).ok()?.get(&COLUMNS_INSIDE);
        if value.get().starts_with('{') { inside() } else { Some(value) }
    });
    let names = lists.find_map(column_names);
    let rows = |key: &&str| elements(object.get(&[key])?)?.into_iter().map(row).collect();
    let rows: Option<Rows<'t>> = ROWS.iter().find_map(rows);
    // Without them, a first row of names is the head.
    let head = || {
        let (_, cells) = rows.as_ref()?.first()?;
        let names: Vec<_> = cells.iter().copied().map(unquoted).collect::<Option<_>>()?;
        members::are_columns(names.iter().copied()).then_some(names)
    };
    let names = names.or_else(head)?;
    let fits = |rows: &Rows<'t>| rows.iter().any(|(_, cells)| cells.len() == names.len());
    if let Some(rows) = rows.filter(fits) {
        return Some((names, rows));
    }
    // Splunk's columns, each with the cells of all rows.
    let columns = elements(object.get(&["columns"])?)?;
    let columns = columns.into_iter().map(elements).collect::<Option<Vec<_>>>()?;
    let most = columns.first().filter(|_| columns.len() == names.len())?.len();
    let row = |n: usize| {
        let cells: Vec<_> = columns.iter().map_while(|cells| cells.get(n).copied()).collect();
        Some((*cells.first()?, cells))
    };
    Some((names, (0..most).filter_map(row).collect()))
}

/// Returns the names in a list of columns. A name with an escape does not count.
fn column_names(list: &RawValue) -> Option<Vec<&str>> {
    let names: Option<Vec<_>> = elements(list)?.into_iter().map(column_name).collect();
    names.filter(|names| !names.is_empty())
}

fn column_name(value: &RawValue) -> Option<&str> {
    if value.get().starts_with('{') {
        return unquoted(Object::parse(value.get().as_bytes()).ok()?.get(&NAME)?);
    }
    unquoted(value)
}

/// Returns the cells of a row.
fn row(value: &RawValue) -> Option<(&RawValue, Vec<&RawValue>)> {
    if value.get().starts_with('{') {
        let object = Object::parse(value.get().as_bytes()).ok()?;
        let cells = elements(object.get(&CELLS)?)?;
        return Some((value, cells.into_iter().map(scalar).collect()));
    }
    Some((value, elements(value)?))
}

/// Returns what the cells beside a line show by their form, if one of them is a time: a row without
/// its table's names.
pub(super) fn row_without_names(cells: &[&RawValue]) -> Option<Outer> {
    if !(3..=MOST_CELLS).contains(&cells.len()) || !cells.iter().all(|it| is_cell(it)) {
        return None;
    }
    let texts: Vec<_> = cells.iter().filter_map(|cell| json::string(cell)).collect();
    let (lines, others): (Vec<_>, Vec<_>) =
        texts.iter().map(AsRef::as_ref).partition(|text| is_payload(text));
    let is_row = lines.len() == 1;
    let outer = is_row.then(|| columns::told(others.into_iter()))?;
    (outer.time != LogTime::Unknown).then_some(outer)
}

/// The largest number of cells in a row without names.
const MOST_CELLS: usize = 64;

fn is_cell(value: &RawValue) -> bool {
    !matches!(value.get().as_bytes().first(), Some(b'[' | b'{'))
}
