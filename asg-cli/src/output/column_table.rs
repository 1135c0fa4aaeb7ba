//! Chosen columns of rows as a table for people.

use std::io::{self, Write};

use asg_core::Timestamp;
use asg_core::bytes::{SmallText, escape_text};
use asg_core::packet::Address;

use super::table::{Look, characters, of_verdict, push_blanks, push_cut};
use crate::flows::RowSink;
use crate::query::row::KnownRow;
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

/// Rows of cells, in one text.
#[derive(Debug, Default)]
pub(crate) struct CellRows {
    text: String,
    /// Where each cell ends.
    ends: Vec<usize>,
}

impl CellRows {
    fn cells(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).map(|(start, end)| &self.text[*start..*end])
    }

    fn put(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }
}

/// Makes the cells of rows, for one thread. Those that flows with one
/// [key](asg_core::Flow::key) share are made once.
#[derive(Debug)]
pub(crate) struct CellSink {
    columns: Vec<&'static Column>,
    look: Look,
    /// By key, the cells of the shared columns.
    shared: Vec<Option<Box<[Box<str>]>>>,
    /// The last second that was shown, and its text.
    second: Option<(i64, String)>,
    /// The cell that is being made; empty before and after.
    small: SmallText,
    rows: CellRows,
}

impl CellSink {
    pub(crate) fn new(columns: &[&'static Column], look: Look) -> Self {
        let columns = columns.to_vec();
        let (small, rows) = (SmallText::default(), CellRows::default());
        Self { columns, look, shared: Vec::new(), second: None, small, rows }
    }

    fn put(&mut self, value: &Value<'_>) {
        match value {
            Value::Null => self.rows.put("-"),
            Value::Time(time) => self.put_time(*time),
            Value::Word(word) => self.rows.put(word),
            Value::Address(Address::V4(ip)) => {
                self.small.dotted(ip.octets());
                self.put_small();
            }
            Value::Int(number @ 0..) => {
                self.small.number(number.unsigned_abs());
                self.put_small();
            }
            value => self.rows.put(&escape_text(&value.text().unwrap_or_default())),
        }
    }

    fn put_small(&mut self) {
        self.rows.put(&String::from_utf8_lossy(self.small.as_bytes()));
        self.small.clear();
    }

    /// Puts a time without its fraction. Rows that follow each other often show one second.
    fn put_time(&mut self, time: Timestamp) {
        let second = time.as_nanos().div_euclid(1_000_000_000);
        if self.second.as_ref().is_none_or(|(shown, _)| *shown != second) {
            self.second = Some((second, self.look.zone.whole(time)));
        }
        if let Some((_, text)) = &self.second {
            self.rows.put(text);
        }
    }

    /// Keeps the shared cells of the last row.
    fn keep(&mut self, key: usize) {
        let cells = self.rows.ends.len() - self.columns.len();
        let cells = self.rows.cells().skip(cells).zip(&self.columns);
        let shared = cells.filter(|(_, column)| column.is_shared()).map(|(cell, _)| cell.into());
        let shared = shared.collect();
        if self.shared.len() <= key {
            self.shared.resize(key + 1, None);
        }
        self.shared[key] = Some(shared);
    }
}

impl RowSink for CellSink {
    type Done = CellRows;

    const TAKES_KNOWN: bool = true;

    fn known(&mut self, row: &KnownRow<'_>) -> bool {
        let key = row.key();
        let Some(shared) = self.shared.get_mut(key).and_then(Option::take) else { return false };
        let mut cells = shared.iter();
        for at in 0..self.columns.len() {
            let column = self.columns[at];
            if column.is_shared() {
                self.rows.put(cells.next().map_or("", |cell| cell));
            } else {
                self.put(&row.own_value(column));
            }
        }
        self.shared[key] = Some(shared);
        true
    }

    fn row(&mut self, row: &Row<'_>) {
        for at in 0..self.columns.len() {
            self.put(&self.columns[at].value(row));
        }
        if let Some(key) = row.key() {
            self.keep(key);
        }
    }

    fn take(&mut self) -> CellRows {
        std::mem::take(&mut self.rows)
    }
}

/// Lays chosen columns out. Memory does not grow with the number of rows.
#[derive(Debug)]
pub(crate) struct ColumnTable<W: Write> {
    out: W,
    look: Look,
    columns: Vec<&'static Column>,
    widths: Vec<usize>,
    held: CellRows,
    is_headed: bool,
}

impl<W: Write> ColumnTable<W> {
    pub(crate) fn new(out: W, look: Look, columns: &[&'static Column]) -> Self {
        let head = |column: &&Column| characters(&head(column, &look));
        let widths = columns.iter().map(head).collect();
        let (columns, held) = (columns.to_vec(), CellRows::default());
        Self { out, look, columns, widths, held, is_headed: false }
    }

    pub(crate) fn push(&mut self, rows: &CellRows) -> io::Result<()> {
        for cell in rows.cells() {
            self.held.put(cell);
            if self.held.ends.len() == HELD * self.columns.len() {
                self.show()?;
            }
        }
        Ok(())
    }

    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.show()?;
        self.out.flush()
    }

    fn show(&mut self) -> io::Result<()> {
        let columns = self.columns.len();
        for (n, cell) in self.held.cells().enumerate() {
            let width = &mut self.widths[n % columns];
            *width = (*width).max(characters(cell));
        }
        let widths = self.fitted();
        let is_first = !std::mem::replace(&mut self.is_headed, true) && !self.held.ends.is_empty();
        let mut text = String::new();
        if is_first {
            for (column, width) in self.columns.iter().zip(&widths) {
                push_cell(&mut text, column.kind, &head(column, &self.look), *width);
            }
            text.truncate(text.trim_end().len());
            text = self.look.head(text) + "\n";
        }
        for (n, cell) in self.held.cells().enumerate() {
            let (column, width) = (self.columns[n % columns], widths[n % columns]);
            let is_verdict = self.look.colour && column.name == "verdict";
            match of_verdict(cell).filter(|_| is_verdict) {
                None => push_cell(&mut text, column.kind, cell, width),
                Some(colour) => {
                    let mut shown = String::new();
                    push_cut(&mut shown, cell, width);
                    text += &self.look.paint(colour, &shown);
                    text += GAP;
                }
            }
            if n % columns == columns - 1 {
                text.truncate(text.trim_end_matches(|c| c != '\n' && char::is_whitespace(c)).len());
                text.push('\n');
            }
        }
        self.held.clear();
        self.out.write_all(text.as_bytes())
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

/// The blanks between two columns.
const GAP: &str = "  ";

/// Appends a cell and the gap behind it. Numbers end where their column ends.
fn push_cell(text: &mut String, kind: Kind, cell: &str, width: usize) {
    if matches!(kind, Kind::Int | Kind::Long) {
        push_blanks(text, width.saturating_sub(characters(cell)));
        text.push_str(cell);
    } else {
        push_cut(text, cell, width);
    }
    text.push_str(GAP);
}

fn head(column: &Column, look: &Look) -> String {
    match column.kind {
        Kind::Time => format!("{} ({})", column.name.to_uppercase(), look.zone.name()),
        _ => column.name.to_uppercase(),
    }
}
