//! Where an output goes, and how.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use asg_cli::report::Failure;
use asg_cli::table::{Look, cut};
use serde_json::{Map, Value};

use super::options::{Format, Options};
use crate::answers::{Cell, Grid};
use crate::columns::{Column, Kind, Row};
use crate::write::{self, Half};

/// What the terminal is like, if standard output is one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    pub(crate) width: Option<usize>,
    pub(crate) colour: bool,
}

impl Screen {
    /// How a table looks: as plain text in a file.
    pub(crate) fn look(self, options: &Options) -> Look {
        match options.output {
            Some(_) => Look::default(),
            None => Look { width: self.width, colour: self.colour && options.colour },
        }
    }
}

/// Standard output, or a file that is written beside and moved into place, so that a half is never seen.
pub(crate) enum Out {
    Standard(BufWriter<io::Stdout>),
    File(BufWriter<File>, Half),
}

impl Out {
    pub(crate) fn new(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self::Standard(BufWriter::with_capacity(64 << 10, io::stdout())));
        };
        let half = Half::new(path);
        let file = half.create().map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        })?;
        Ok(Self::File(BufWriter::with_capacity(64 << 10, file), half))
    }

    /// That was all.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.flush()?;
        match self {
            Self::Standard(_) => Ok(()),
            Self::File(file, half) => {
                drop(file);
                Ok(half.finish()?)
            }
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard(out) => out.write(bytes),
            Self::File(file, _) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Standard(out) => out.flush(),
            Self::File(file, _) => file.flush(),
        }
    }
}

/// Rows as CSV (RFC 4180, but for the line ends): the names of the columns, then the values. What is missing is empty.
pub(crate) struct Csv {
    columns: Vec<&'static Column>,
    line: String,
}

impl Csv {
    pub(crate) fn new(columns: &[&'static Column], out: &mut impl Write) -> io::Result<Self> {
        let mut csv = Self { columns: columns.to_vec(), line: String::new() };
        for column in columns {
            push_csv(&mut csv.line, column.name);
        }
        csv.end(out)?;
        Ok(csv)
    }

    pub(crate) fn add(&mut self, row: &Row<'_>, out: &mut impl Write) -> io::Result<()> {
        for column in &self.columns {
            push_csv(&mut self.line, &(column.get)(row).text().unwrap_or_default());
        }
        self.end(out)
    }

    fn end(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.line.pop();
        self.line.push('\n');
        out.write_all(self.line.as_bytes())?;
        self.line.clear();
        Ok(())
    }
}

fn push_csv(line: &mut String, text: &str) {
    if text.contains([',', '"', '\n', '\r']) {
        line.extend(["\"", &text.replace('"', "\"\""), "\""]);
    } else {
        line.push_str(text);
    }
    line.push(',');
}

/// Writes a small table.
pub(crate) fn grid(grid: &Grid, options: &Options, screen: Screen) -> Result<(), Failure> {
    let path = options.output.as_deref();
    if let (Format::Parquet, Some(path)) = (options.format, path) {
        return write::parquet_batch(&grid.batch(), path).map_err(super::failed);
    }
    let mut out = Out::new(path)?;
    match options.format {
        Format::Ndjson => {
            for row in &grid.rows {
                serde_json::to_writer(&mut out, &object(grid, row))?;
                out.write_all(b"\n")?;
            }
        }
        Format::Csv => {
            let mut line = String::new();
            let heads = grid.names().into_iter().map(str::to_owned).collect();
            let text = |cell: &Cell| cell.value().text().unwrap_or_default();
            let rows = grid.rows.iter().map(|row| row.iter().map(text).collect());
            for row in std::iter::once(heads).chain(rows) {
                let row: Vec<String> = row;
                for text in &row {
                    push_csv(&mut line, text);
                }
                line.pop();
                writeln!(out, "{line}")?;
                line.clear();
            }
        }
        _ => table(grid, screen.look(options), &mut out)?,
    }
    out.finish()
}

fn object(grid: &Grid, row: &[Cell]) -> Map<String, Value> {
    let value = |cell: &Cell| match cell {
        Cell::Int(n) => Value::from(*n),
        cell => cell.value().text().map_or(Value::Null, Value::from),
    };
    grid.names().into_iter().map(str::to_owned).zip(row.iter().map(value)).collect()
}

fn table(grid: &Grid, look: Look, out: &mut impl Write) -> io::Result<()> {
    let text = |cell: &Cell| match cell {
        // Seconds are enough for people.
        Cell::Time(time) => time.to_string().chars().take(19).collect::<String>().replace('T', " "),
        cell => cell.value().text().unwrap_or_else(|| "-".into()),
    };
    // A column in which nothing stands, such as names where nobody was asked for them, tells people nothing.
    let told =
        |n: &usize| grid.rows.is_empty() || grid.rows.iter().any(|row| row[*n] != Cell::Null);
    let told: Vec<usize> = (0..grid.columns.len()).filter(told).collect();
    let kinds: Vec<Kind> = told.iter().map(|n| grid.columns[*n].1).collect();
    let heads: Vec<String> = told.iter().map(|n| grid.columns[*n].0.to_uppercase()).collect();
    let rows: Vec<Vec<String>> =
        grid.rows.iter().map(|row| told.iter().map(|n| text(&row[*n])).collect()).collect();
    let width = |n: usize| {
        std::iter::once(&heads).chain(&rows).map(|row| row[n].chars().count()).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..heads.len()).map(width).collect();
    look.fit(&mut widths, 2 * heads.len().saturating_sub(1), 9);
    for (at, row) in std::iter::once(&heads).chain(&rows).enumerate() {
        let mut line = String::new();
        for ((text, width), kind) in row.iter().zip(&widths).zip(&kinds) {
            let is_number = matches!(kind, Kind::Int | Kind::Long);
            let text = cut(text, *width);
            let text = if is_number { format!("{:>width$}", text.trim_end()) } else { text };
            line.extend([&*text, "  "]);
        }
        let line = line.trim_end().to_owned();
        writeln!(out, "{}", if at == 0 { look.head(line) } else { line })?;
    }
    Ok(())
}
