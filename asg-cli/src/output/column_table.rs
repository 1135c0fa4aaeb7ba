//! Chosen columns of rows as a table for people.

use std::io::{self, Write};

use asg_core::bytes::escape_text;

use super::table::{Look, cut, of_verdict};
use crate::query::{Column, Kind, Row, Value};

/// Rows that are held until their widths are known.
const HELD: usize = 512;

/// The least that is left of a text.
const LEAST: usize = 8;

/// Columns of text that are never cut.
const WHOLE: [&str; 9] = [
    "app_name",
    "dst",
    "nested_dst",
    "nested_proto",
    "nested_src",
    "proto",
    "src",
    "time",
    "verdict",
];

/// Lays chosen columns out. Memory does not grow with the number of rows.
#[derive(Debug)]
pub(crate) struct ColumnTable<W: Write> {
    out: W,
    look: Look,
    columns: Vec<&'static Column>,
    widths: Vec<usize>,
    held: Vec<Vec<String>>,
    is_headed: bool,
}

/// Returns the cells of a row.
pub(crate) fn cells(columns: &[&'static Column], look: &Look, row: &Row<'_>) -> Vec<String> {
    let cell = |column: &&'static Column| match column.value(row) {
        Value::Time(time) => look.zone.whole(time),
        value => {
            value.text().map_or_else(|| "-".to_owned(), |text| escape_text(&text).into_owned())
        }
    };
    columns.iter().map(cell).collect()
}

impl<W: Write> ColumnTable<W> {
    pub(crate) fn new(out: W, look: Look, columns: &[&'static Column]) -> Self {
        let head = |column: &&Column| head(column, &look).chars().count();
        let widths = columns.iter().map(head).collect();
        Self { out, look, columns: columns.to_vec(), widths, held: Vec::new(), is_headed: false }
    }

    pub(crate) fn push(&mut self, cells: Vec<String>) -> io::Result<()> {
        self.held.push(cells);
        if self.held.len() == HELD { self.show() } else { Ok(()) }
    }

    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.show()?;
        self.out.flush()
    }

    fn show(&mut self) -> io::Result<()> {
        for row in &self.held {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let widths = self.fitted();
        let is_first = !std::mem::replace(&mut self.is_headed, true) && !self.held.is_empty();
        let heads: Vec<_> = self.columns.iter().map(|column| head(column, &self.look)).collect();
        let line = |row: &[String], is_head: bool| {
            let mut line = String::new();
            for ((column, cell), width) in self.columns.iter().zip(row).zip(&widths) {
                let text = match column.kind {
                    Kind::Int | Kind::Long => format!("{cell:>width$}"),
                    _ => cut(cell, *width),
                };
                let colour = of_verdict(cell).filter(|_| column.name == "verdict" && !is_head);
                line += &colour.map_or_else(|| text.clone(), |it| self.look.paint(it, &text));
                line += "  ";
            }
            line.trim_end().to_owned()
        };
        if is_first {
            let text = self.look.head(line(&heads, true));
            writeln!(self.out, "{text}")?;
        }
        for row in &self.held {
            writeln!(self.out, "{}", line(row, false))?;
        }
        self.held.clear();
        Ok(())
    }

    /// Returns the widths, so that a line fits: the widest texts are cut.
    fn fitted(&self) -> Vec<usize> {
        let mut widths = self.widths.clone();
        let Some(room) = self.look.width.filter(|_| !self.look.whole) else { return widths };
        let gaps = 2 * widths.len().saturating_sub(1);
        let can = |n: &usize| {
            let column = self.columns[*n];
            column.kind == Kind::Text && !WHOLE.contains(&column.name)
        };
        while widths.iter().sum::<usize>() + gaps > room {
            let widest = (0..widths.len()).filter(can).max_by_key(|n| widths[*n]);
            match widest {
                Some(n) if widths[n] > LEAST => widths[n] -= 1,
                _ => break,
            }
        }
        widths
    }
}

fn head(column: &Column, look: &Look) -> String {
    match column.kind {
        Kind::Time => format!("{} ({})", column.name.to_uppercase(), look.zone.name()),
        _ => column.name.to_uppercase(),
    }
}
