//! Small tables, for people and as JSON lines.

use std::io::{self, Write};

use asg_core::bytes::escape_text;
use serde_json::{Map, Value};

use super::table::{Look, cut};
use crate::answers::{Cell, Grid};
use crate::query::Kind;

/// Writes one JSON object for each row.
///
/// # Errors
///
/// Those of writing.
pub fn write_ndjson(grid: &Grid, out: &mut impl Write) -> io::Result<()> {
    let value = |cell: &Cell| match cell {
        Cell::Int(n) => Value::from(*n),
        cell => cell.value().text().map_or(Value::Null, Value::from),
    };
    for row in &grid.rows {
        let names = grid.names().into_iter().map(str::to_owned);
        let object: Map<String, Value> = names.zip(row.iter().map(value)).collect();
        serde_json::to_writer(&mut *out, &object)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Columns of text that are never cut.
const KEPT: [&str; 6] = ["address", "app", "dst", "src", "proto", "verdict"];

/// Writes aligned columns. A column without any value is left out, such as names if no directory
/// was asked.
///
/// # Errors
///
/// Those of writing.
pub fn write_table(grid: &Grid, look: &Look, out: &mut impl Write) -> io::Result<()> {
    let text = |cell: &Cell| match cell {
        // People need no fractions of seconds.
        Cell::Time(time) => look.zone.whole(*time),
        cell => cell.value().text().map_or_else(|| "-".into(), |text| escape_text(&text).into()),
    };
    let has_value =
        |n: &usize| grid.rows.is_empty() || grid.rows.iter().any(|row| row[*n] != Cell::Null);
    let shown: Vec<usize> = (0..grid.columns.len()).filter(has_value).collect();
    let kinds: Vec<Kind> = shown.iter().map(|n| grid.columns[*n].1).collect();
    let heads: Vec<String> = shown.iter().map(|n| grid.columns[*n].0.to_uppercase()).collect();
    let rows: Vec<Vec<String>> =
        grid.rows.iter().map(|row| shown.iter().map(|n| text(&row[*n])).collect()).collect();
    let width = |n: usize| {
        std::iter::once(&heads).chain(&rows).map(|row| row[n].chars().count()).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let is_kept = |n: usize| kinds[n] != Kind::Text || KEPT.contains(&grid.columns[shown[n]].0);
    look.fit(&mut widths, 2 * heads.len().saturating_sub(1), 9, is_kept);
    for (at, row) in std::iter::once(&heads).chain(&rows).enumerate() {
        let mut line = String::new();
        for ((text, width), kind) in row.iter().zip(&widths).zip(&kinds) {
            let is_number = matches!(kind, Kind::Int | Kind::Long | Kind::Seconds);
            let text = cut(text, *width);
            let text = if is_number { format!("{:>width$}", text.trim_end()) } else { text };
            line.extend([&*text, "  "]);
        }
        let line = line.trim_end().to_owned();
        writeln!(out, "{}", if at == 0 { look.head(line) } else { line })?;
    }
    Ok(())
}
