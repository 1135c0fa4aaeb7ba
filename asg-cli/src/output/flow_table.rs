//! Flows as a table for people.
//!
//! Times, ports, protocols and the app's own name are never cut. Where a row is wider than the
//! terminal, parts of it leave in a fixed order: the cell first, and how sure the answer is last.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use asg_core::Certainty;
use asg_core::ledger::Reason;

use super::flow_row::{Brief, FlowRow};
use super::table::{Look, characters, of_verdict, push_blanks};

/// Rows that are held until their widths are known: a screenful or so, that a stream shows soon.
const HELD: usize = 512;

const HEADS: [&str; 7] = ["TIME", "CELL", "VERDICT", "APP", "SOURCE", "DESTINATION", "CERTAINTY"];

const TIME: usize = 0;
const CELL: usize = 1;
const VERDICT: usize = 2;
const SOURCE: usize = 4;
const DESTINATION: usize = 5;
const CERTAINTY: usize = 6;

/// A part that leaves, or that becomes short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Cell,
    SourcePort,
    Org,
    Space,
    Guids,
    Source,
    /// `unique prefix` becomes `unique`, and `(deleted 2024-05-06)` becomes `(deleted)`.
    Words,
    Certainty,
}

/// The order in which parts leave.
const STEPS: [Part; 8] = [
    Part::Cell,
    Part::SourcePort,
    Part::Org,
    Part::Space,
    Part::Guids,
    Part::Source,
    Part::Words,
    Part::Certainty,
];

/// The parts that have left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Gone(u16);

impl Gone {
    const fn has(self, part: Part) -> bool {
        self.0 & (1 << part as u16) != 0
    }

    const fn with(self, part: Part) -> Self {
        Self(self.0 | 1 << part as u16)
    }

    const fn without(self, part: Part) -> Self {
        Self(self.0 & !(1 << part as u16))
    }

    const fn hides(self, column: usize) -> bool {
        match column {
            CELL => self.has(Part::Cell),
            SOURCE => self.has(Part::Source),
            CERTAINTY => self.has(Part::Certainty),
            _ => false,
        }
    }
}

/// Lays flows out in columns. Memory does not grow with the number of flows.
#[derive(Debug)]
pub struct FlowTable<W: Write> {
    out: W,
    look: Look,
    held: Vec<FlowRow>,
    gone: Gone,
    widths: [usize; 7],
    is_headed: bool,
    /// The year of the last row. A new year gets its own line.
    year: Option<i16>,
    reasons: BTreeMap<(Certainty, Reason), u64>,
    /// Reasons that were explained while the table goes on.
    told: Vec<Reason>,
}

impl<W: Write> FlowTable<W> {
    /// Returns a table without rows.
    pub fn new(out: W, look: Look) -> Self {
        Self {
            out,
            look,
            held: Vec::new(),
            gone: Gone::default(),
            widths: [0; 7],
            is_headed: false,
            year: None,
            reasons: BTreeMap::new(),
            told: Vec::new(),
        }
    }

    /// Adds a row.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn push(&mut self, row: FlowRow) -> io::Result<()> {
        let (certainty, reason) = (row.of_key.certainty, row.of_key.reason);
        if matches!(certainty, Certainty::Inferred | Certainty::Ambiguous | Certainty::Unknown) {
            *self.reasons.entry((certainty, reason)).or_default() += 1;
        }
        self.held.push(row);
        if self.held.len() == HELD { self.show() } else { Ok(()) }
    }

    /// Shows the rows that are held, and explains reasons that are new, in a table that goes on.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn flush(&mut self) -> io::Result<()> {
        self.show()?;
        let new: Vec<_> = self
            .reasons
            .keys()
            .filter(|(_, reason)| !self.told.contains(reason))
            .copied()
            .collect();
        for (certainty, reason) in new {
            self.told.push(reason);
            writeln!(self.out, "{}: {}", word(certainty), reason.sentence())?;
        }
        self.out.flush()
    }

    /// Shows the rows that are held, and below them the reasons for answers that are not sure.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn finish(&mut self) -> io::Result<()> {
        self.show()?;
        let mut text = String::new();
        for ((certainty, reason), packets) in &self.reasons {
            let plural = if *packets == 1 { "" } else { "s" };
            let what =
                format!("{} ({packets} packet{plural}): {}", word(*certainty), reason.sentence());
            text.push('\n');
            fill(&mut text, "", &what, self.look.width);
            if !reason.advice().starts_with("nothing") {
                fill(&mut text, "    ", reason.advice(), self.look.width);
            }
        }
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    fn show(&mut self) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let held = std::mem::take(&mut self.held);
        self.fit(&held);
        let has_years = self.look.width.is_none();
        let mut text = String::new();
        if !std::mem::replace(&mut self.is_headed, true) {
            let mut line = String::new();
            self.write_line(&mut line, &self.heads(self.gone), true);
            text += &self.look.head(line);
            text.push('\n');
        }
        for row in &held {
            if !has_years
                && let Some(year) = row.time.map(|time| self.look.zone.year(time))
                && self.year.replace(year) != Some(year)
            {
                let _ = writeln!(text, "{year}");
            }
            self.write_line(&mut text, &self.cells(row, self.gone), false);
            text.push('\n');
        }
        self.out.write_all(text.as_bytes())?;
        // The room is kept.
        self.held = held;
        self.held.clear();
        Ok(())
    }

    fn heads(&self, gone: Gone) -> Cells<'static> {
        let mut heads = HEADS.map(Cow::Borrowed);
        heads[TIME] = format!("TIME ({})", self.look.zone.name()).into();
        if gone.has(Part::Words) {
            heads[CERTAINTY] = "SURE".into();
        }
        heads
    }

    /// Decides what leaves, so that these rows and those before them fit.
    fn fit(&mut self, rows: &[FlowRow]) {
        let Some(room) = self.look.width else {
            self.widths = self.widths_of(rows, Gone::default(), self.widths);
            return;
        };
        let width = |gone: Gone, before: [usize; 7]| {
            let widths = self.widths_of(rows, gone, before);
            let shown = (0..7).filter(|column| !gone.hides(*column));
            // Two blanks between columns, and the arrow.
            let all: usize = shown.map(|column| widths[column] + 2).sum();
            all - 2 + if gone.has(Part::Source) { 0 } else { 3 }
        };
        if self.is_headed && width(self.gone, self.widths) <= room {
            self.widths = self.widths_of(rows, self.gone, self.widths);
            return;
        }
        let can = |part: &Part| {
            let shortens = matches!(part, Part::Org | Part::Space | Part::Guids | Part::Words);
            !(self.look.whole && (shortens || *part == Part::SourcePort))
        };
        let steps: Vec<_> = STEPS.into_iter().filter(can).collect();
        let mut gone = Gone::default();
        for part in &steps {
            if width(gone, [0; 7]) <= room {
                break;
            }
            gone = gone.with(*part);
        }
        // Parts that left in vain come back, the last one first.
        for part in steps.iter().rev() {
            if gone.has(*part) && width(gone.without(*part), [0; 7]) <= room {
                gone = gone.without(*part);
            }
        }
        self.gone = gone;
        self.widths = self.widths_of(rows, gone, [0; 7]);
    }

    fn widths_of(&self, rows: &[FlowRow], gone: Gone, mut widths: [usize; 7]) -> [usize; 7] {
        let mut widen = |cells: Cells<'_>| {
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(characters(&cell));
            }
        };
        widen(self.heads(gone));
        for row in rows {
            widen(self.cells(row, gone));
        }
        widths
    }

    fn cells<'r>(&self, row: &'r FlowRow, gone: Gone) -> Cells<'r> {
        let time = match (row.time, &row.stamp, self.look.width) {
            (Some(time), _, None) => self.look.zone.whole(time).into(),
            (Some(time), _, Some(_)) => self.look.zone.short(time).into(),
            (None, Some(stamp), _) => Cow::Borrowed(&**stamp),
            (None, None, _) => "-".into(),
        };
        let brief = Brief {
            org: gone.has(Part::Org),
            space: gone.has(Part::Space),
            guid: gone.has(Part::Guids),
            became: gone.has(Part::Words),
        };
        let of_key = &*row.of_key;
        let certainty = word(of_key.certainty);
        let certainty = if gone.has(Part::Words) {
            certainty.split(' ').next().unwrap_or_default()
        } else {
            certainty
        };
        [
            time,
            of_key.cell.as_str().into(),
            of_key.verdict.as_str().into(),
            of_key.owner.text(brief),
            row.source(!gone.has(Part::SourcePort)),
            row.destination().into(),
            certainty.into(),
        ]
    }

    fn write_line(&self, text: &mut String, cells: &Cells<'_>, is_head: bool) {
        let start = text.len();
        for (column, (cell, width)) in cells.iter().zip(self.widths).enumerate() {
            if self.gone.hides(column) {
                continue;
            }
            if column == DESTINATION && !self.gone.has(Part::Source) {
                text.push_str(if is_head { "   " } else { "→  " });
            }
            let colour = match column {
                _ if !self.look.colour => None,
                VERDICT if !is_head => of_verdict(cell),
                CERTAINTY if cell.starts_with("unknown") || cell.starts_with("ambiguous") => {
                    Some(33)
                }
                _ => None,
            };
            let is_last =
                column == CERTAINTY || (column == DESTINATION && self.gone.hides(CERTAINTY));
            if let Some(colour) = colour {
                let _ = write!(text, "\x1b[{colour}m");
            }
            text.push_str(cell);
            if !is_last {
                push_blanks(text, width.saturating_sub(characters(cell)));
            }
            if colour.is_some() {
                text.push_str("\x1b[0m");
            }
            if !is_last {
                text.push_str("  ");
            }
        }
        let end = text[start..].trim_end().len();
        text.truncate(start + end);
    }
}

/// The words of a row, column by column.
type Cells<'r> = [Cow<'r, str>; 7];

const fn word(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Exact => "exact",
        Certainty::UniquePrefix => "unique prefix",
        Certainty::Inferred => "inferred",
        Certainty::Ambiguous => "ambiguous",
        Certainty::Unknown => "unknown",
    }
}

/// Writes words in lines of this width, all but the first of them further in.
fn fill(text: &mut String, indent: &str, words: &str, width: Option<usize>) {
    let width = width.unwrap_or(usize::MAX);
    let mut column = indent.chars().count();
    text.push_str(indent);
    for (n, word) in words.split(' ').enumerate() {
        let len = word.chars().count();
        if n > 0 && column + 1 + len > width {
            text.push_str("\n    ");
            column = 4;
        } else if n > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += len;
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_leave_in_their_order_and_come_back_if_they_need_not() {
        assert_eq!(STEPS.map(|part| part as u16), [0, 1, 2, 3, 4, 5, 6, 7]);
        let gone = STEPS.into_iter().fold(Gone::default(), Gone::with);
        assert!([CELL, SOURCE, CERTAINTY].into_iter().all(|column| gone.hides(column)));
        assert!([TIME, VERDICT, 3, DESTINATION].into_iter().all(|column| !gone.hides(column)));
        assert!(!gone.without(Part::Cell).hides(CELL));
    }

    #[test]
    fn words_go_on_in_the_next_line() {
        let mut text = String::new();
        fill(&mut text, "", "one two three", Some(9));
        assert_eq!(text, "one two\n    three\n");
    }
}
