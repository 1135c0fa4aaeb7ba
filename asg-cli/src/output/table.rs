//! Tables for people.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use asg_core::Identity;
use asg_core::bytes::escape_text;
use asg_core::names::AppState;

use super::zone::Zone;

/// The columns of a table: their heads, and how they look.
#[derive(Debug, Clone, Copy)]
pub struct Columns<const N: usize> {
    /// The heads.
    pub heads: [&'static str; N],
    /// The columns that are never cut.
    pub kept: &'static [usize],
    /// The column before which an arrow is drawn; none if there are fewer.
    pub arrow: usize,
    /// The number of an ANSI colour for a cell, by its column and its row.
    pub colour: fn(usize, &[String; N]) -> Option<u8>,
}

/// Returns green for what was allowed, red for what was denied.
pub(crate) fn of_verdict(text: &str) -> Option<u8> {
    match text.split(' ').next() {
        Some("allowed") => Some(32),
        Some("denied") => Some(31),
        _ => None,
    }
}

/// Rows that are held until their widths are known: a screenful or so, that a stream shows soon.
const HELD: usize = 512;

/// How a table looks where it is shown.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// So many characters are in a line of the terminal; what is longer is cut. `None` if nothing
    /// is.
    pub width: Option<usize>,
    /// The terminal has colours.
    pub colour: bool,
    /// Nothing is cut, though lines may be longer then.
    pub whole: bool,
    /// The zone of times.
    pub zone: Zone,
}

impl Look {
    /// Reduces the widths of columns until their sum fits into a line beside `fixed` characters,
    /// the widest first, and none below `least`. Columns that are `kept` are not cut.
    pub fn fit(
        &self,
        widths: &mut [usize],
        fixed: usize,
        least: usize,
        kept: impl Fn(usize) -> bool,
    ) {
        let room = self.width.filter(|_| !self.whole);
        let Some(room) = room.map(|width| width.saturating_sub(fixed)) else { return };
        while widths.iter().sum::<usize>() > room {
            let widest = (0..widths.len()).filter(|n| !kept(*n)).max_by_key(|n| widths[*n]);
            match widest {
                Some(widest) if widths[widest] > least => widths[widest] -= 1,
                _ => return,
            }
        }
    }

    /// Returns text in bold letters, if there are colours.
    #[must_use]
    pub fn head(&self, text: String) -> String {
        if self.colour { format!("\x1b[1m{text}\x1b[0m") } else { text }
    }

    pub(crate) fn paint(&self, colour: u8, text: &str) -> String {
        if self.colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Returns the number of characters in a text.
pub(super) fn characters(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}

/// Appends blanks to a text.
pub(super) fn push_blanks(text: &mut String, mut blanks: usize) {
    const SOME: &str = "                                                                ";
    while blanks > SOME.len() {
        text.push_str(SOME);
        blanks -= SOME.len();
    }
    text.push_str(&SOME[..blanks]);
}

/// Returns text of exactly so many characters; if some are cut off, the last one shows that.
#[must_use]
pub fn cut(text: &str, width: usize) -> String {
    let mut out = String::new();
    push_cut(&mut out, text, width);
    out
}

/// Appends what [`cut`] returns.
pub(super) fn push_cut(out: &mut String, text: &str, width: usize) {
    let len = characters(text);
    if len <= width {
        out.push_str(text);
        push_blanks(out, width - len);
    } else {
        out.extend(text.chars().take(width.saturating_sub(1)));
        out.push('…');
    }
}

/// Lays rows out in columns as wide as their cells. Memory does not grow with the number of rows.
#[derive(Debug)]
pub struct Table<W: Write, const N: usize> {
    out: W,
    look: Look,
    columns: &'static Columns<N>,
    widths: [usize; N],
    held: Vec<[String; N]>,
    is_headed: bool,
}

impl<W: Write, const N: usize> Table<W, N> {
    /// Returns a table with these columns.
    pub fn with_columns(out: W, look: Look, columns: &'static Columns<N>) -> Self {
        let widths = columns.heads.map(str::len);
        Self { out, look, columns, widths, held: Vec::new(), is_headed: false }
    }

    /// Adds a row.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn push(&mut self, cells: [String; N]) -> io::Result<()> {
        self.held.push(cells.map(safe));
        if self.held.len() == HELD { self.show() } else { Ok(()) }
    }

    /// Shows the rows that are held.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn finish(&mut self) -> io::Result<()> {
        self.show()?;
        self.out.flush()
    }

    fn show(&mut self) -> io::Result<()> {
        let Columns { heads, kept, arrow, colour } = *self.columns;
        for row in &self.held {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut widths = self.widths;
        // Two blanks behind each, and the arrow.
        let arrow_width = if arrow < N { 3 } else { 0 };
        self.look.fit(&mut widths, N * 2 + arrow_width - 2, 9, |column| kept.contains(&column));
        let heads = (!self.is_headed && !self.held.is_empty()).then(|| heads.map(str::to_owned));
        self.is_headed |= heads.is_some();
        for row in heads.iter().chain(&self.held) {
            let is_head = heads.as_ref() == Some(row);
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
                let before = match column == arrow {
                    true if is_head => "   ",
                    true => "→  ",
                    false => "",
                };
                let text = cut(cell, width);
                let text = match colour(column, row) {
                    Some(colour) if column + 1 == N => self.look.paint(colour, text.trim_end()),
                    Some(colour) => self.look.paint(colour, &text),
                    None => text,
                };
                let _ = write!(line, "{before}{text}  ");
            }
            let line = line.trim_end().to_owned();
            writeln!(self.out, "{}", if is_head { self.look.head(line) } else { line })?;
        }
        self.held.clear();
        Ok(())
    }
}

/// Returns a text as [`escape_text`] shows it.
fn safe(text: String) -> String {
    match escape_text(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(shown) => shown,
    }
}

/// Returns ` (deleted 2026-11-12)`, if the app was.
pub(super) fn deletion(identity: &Identity) -> Option<String> {
    if identity.state != AppState::Deleted {
        return None;
    }
    Some(match identity.deleted_at {
        Some(at) => format!(" (deleted {})", at.to_string().chars().take(10).collect::<String>()),
        None => " (deleted)".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_columns_are_cut_until_a_line_fits() {
        let look = Look { width: Some(40), ..Look::default() };
        let mut widths = [5, 30, 20];
        look.fit(&mut widths, 4, 9, |_| false);
        assert_eq!(widths.iter().sum::<usize>(), 36);
        assert_eq!(widths[0], 5);
        let mut narrow = [20, 20];
        Look { width: Some(3), ..Look::default() }.fit(&mut narrow, 4, 9, |column| column == 1);
        assert_eq!(narrow, [9, 20]);
        let mut free = [500];
        Look::default().fit(&mut free, 4, 9, |_| false);
        assert_eq!(free, [500]);
        assert_eq!(
            (cut("öäüß", 3), cut("ab", 3), cut("abc", 3)),
            ("öä…".into(), "ab ".into(), "abc".into())
        );
    }
}
