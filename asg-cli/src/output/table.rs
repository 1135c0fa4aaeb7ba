//! Flows as a table for people.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use asg_core::{AppState, Certainty, Flow, Identity, Plane, Subject, Verdict, escape_text};

/// The columns of a table: their heads, and how they look.
#[derive(Debug, Clone, Copy)]
pub struct Columns<const N: usize> {
    /// The heads.
    pub heads: [&'static str; N],
    /// The column before which an arrow is drawn; none if there are fewer.
    pub arrow: usize,
    /// The number of an ANSI colour for a cell, by its column and its row.
    pub colour: fn(usize, &[String; N]) -> Option<u8>,
}

/// The columns of flows.
static FLOWS: Columns<7> = Columns {
    heads: ["TIME (UTC)", "CELL", "VERDICT", "APP", "SOURCE", "DESTINATION", "CERTAINTY"],
    arrow: 5,
    colour: |column, row| match column {
        2 => of_verdict(&row[2]),
        6 if row[6].starts_with("unknown") || row[6].starts_with("ambiguous") => Some(33),
        _ => None,
    },
};

/// Green for what was allowed, red for what was denied.
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
#[derive(Debug, Clone, Copy, Default)]
pub struct Look {
    /// So many characters are in a line of the terminal; what is longer is cut. `None` if nothing
    /// is.
    pub width: Option<usize>,
    /// The terminal has colours.
    pub colour: bool,
}

impl Look {
    /// Cuts the widths of columns until their sum is no more than what is left of a line beside
    /// `fixed` characters, the widest first, and none below `least`.
    pub fn fit(self, widths: &mut [usize], fixed: usize, least: usize) {
        let Some(room) = self.width.map(|width| width.saturating_sub(fixed)) else { return };
        while widths.iter().sum::<usize>() > room {
            match widths.iter_mut().max() {
                Some(widest) if *widest > least => *widest -= 1,
                _ => return,
            }
        }
    }

    /// Text in bold letters, if there are colours.
    #[must_use]
    pub fn head(self, text: String) -> String {
        if self.colour { format!("\x1b[1m{text}\x1b[0m") } else { text }
    }

    fn paint(self, colour: u8, text: String) -> String {
        if self.colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text }
    }
}

/// Text in exactly so many characters; where some are cut off, the last one says so.
#[must_use]
pub fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return format!("{text:width$}");
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    kept + "…"
}

/// Lays rows out in columns as wide as their cells. Memory does not grow with the number of rows.
#[derive(Debug)]
pub struct Table<W: Write, const N: usize = 7> {
    out: W,
    look: Look,
    columns: &'static Columns<N>,
    widths: [usize; N],
    held: Vec<[String; N]>,
    is_headed: bool,
}

impl<W: Write> Table<W> {
    /// A table of flows, without rows.
    pub fn new(out: W) -> Self {
        Self::with_look(out, Look::default())
    }

    /// The same, for a terminal.
    pub fn with_look(out: W, look: Look) -> Self {
        Self::with_columns(out, look, &FLOWS)
    }

    /// Adds a flow; `is_named` tells whether a directory was asked for names.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn add(&mut self, flow: &Flow<'_, '_>, is_named: bool) -> io::Result<()> {
        self.push(row(flow, is_named))
    }
}

impl<W: Write, const N: usize> Table<W, N> {
    /// A table with these columns.
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
        let Columns { heads, arrow, colour } = *self.columns;
        for row in &self.held {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut widths = self.widths;
        // Two blanks behind each, and the arrow.
        let arrow_width = if arrow < N { 3 } else { 0 };
        self.look.fit(&mut widths, N * 2 + arrow_width - 2, 9);
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
                    Some(colour) if column + 1 == N => {
                        self.look.paint(colour, text.trim_end().to_owned())
                    }
                    Some(colour) => self.look.paint(colour, text),
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

/// A text as [`escape_text`] shows it.
fn safe(text: String) -> String {
    match escape_text(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(shown) => shown,
    }
}

/// The cells of a flow's row.
pub(crate) type Cells = [String; 7];

/// The cells of a flow; `is_named` tells whether a directory was asked for names.
pub(crate) fn row(flow: &Flow<'_, '_>, is_named: bool) -> Cells {
    let dash = || "-".to_owned();
    let ip = &flow.packet().ip;
    let [spt, dpt] = ip.ports();
    let end = |address: Option<asg_core::Address>, port: Option<u16>| {
        let address = address.map_or_else(dash, |a| a.to_string());
        let address = if address.is_empty() { "(blanked)".to_owned() } else { address };
        match port {
            Some(port) if address.contains(':') => format!("[{address}]:{port}"),
            Some(port) => format!("{address}:{port}"),
            None => address,
        }
    };
    let proto = ip.proto.map_or_else(String::new, |proto| format!(" {proto}"));
    [
        flow.time.map_or_else(dash, |time| {
            time.to_string().chars().take(19).collect::<String>().replace('T', " ")
        }),
        flow.cell.as_deref().map_or_else(dash, short_cell),
        verdict(flow),
        owner(flow, is_named),
        end(ip.src, spt),
        end(ip.dst, dpt) + &proto,
        certainty(flow),
    ]
}

/// A BOSH instance id by its first group, as people do.
fn short_cell(cell: &str) -> String {
    match asg_core::Guid::parse(cell.as_bytes()) {
        Ok(_) => cell[..8].to_owned(),
        Err(_) => cell.to_owned(),
    }
}

fn verdict(flow: &Flow<'_, '_>) -> String {
    let Some(cf) = flow.cf else { return "-".to_owned() };
    let plane = match cf.plane {
        Plane::Asg => "",
        Plane::C2c => " c2c",
        Plane::RateLimit => " rate limit",
    };
    let verdict = match cf.verdict {
        Verdict::Allowed => "allowed",
        Verdict::Denied => "denied",
    };
    format!("{verdict}{plane}")
}

/// `org/space/app`, the process type where it is not the web process, the instance, and what became
/// of the app.
fn owner(flow: &Flow<'_, '_>, is_named: bool) -> String {
    let container = flow.attribution.container();
    let mut text = match flow.identity {
        Some(identity) if is_named => named(identity),
        _ => None,
    }
    .or_else(|| flow.attribution.process().map(|process| format!("process {process}")))
    .or_else(|| flow.attribution.subject().map(|guid| format!("task or app {guid}")))
    .or_else(|| container.map(|container| format!("container {}", container.handle())))
    .unwrap_or_else(|| "-".to_owned());
    if let Some(kind) =
        flow.identity.and_then(|i| i.process_type.as_deref()).filter(|kind| *kind != "web")
    {
        let _ = write!(text, " {kind}");
    }
    if let Some(index) = container.and_then(asg_core::Lifetime::index) {
        let _ = write!(text, " #{index}");
    }
    text.extend(flow.identity.and_then(deletion));
    match flow.identity.map(|identity| identity.state) {
        Some(AppState::Hidden) => text.push_str(" (hidden from this token)"),
        Some(AppState::Unknown) if is_named => text.push_str(" (not in the directory)"),
        Some(AppState::Unavailable) if is_named => text.push_str(" (name unavailable)"),
        _ => {}
    }
    // A policy line names the app that the packet goes to.
    if flow.cf.is_some_and(|cf| {
        cf.direction == asg_core::Direction::Ingress && cf.subject != Subject::None
    }) {
        text.insert_str(0, "to ");
    }
    text
}

/// ` (deleted 2026-11-12)`, if the app was.
pub(super) fn deletion(identity: &Identity) -> Option<String> {
    if identity.state != AppState::Deleted {
        return None;
    }
    Some(match identity.deleted_at {
        Some(at) => format!(" (deleted {})", at.to_string().chars().take(10).collect::<String>()),
        None => " (deleted)".to_owned(),
    })
}

fn named(identity: &Identity) -> Option<String> {
    identity.path()
}

fn certainty(flow: &Flow<'_, '_>) -> String {
    let reason = flow.attribution.reason.sentence();
    match flow.attribution.certainty {
        Certainty::Exact => "exact".to_owned(),
        Certainty::UniquePrefix => "unique prefix".to_owned(),
        Certainty::Inferred => format!("inferred: {reason}"),
        Certainty::Ambiguous => format!("ambiguous: {reason}"),
        Certainty::Unknown => format!("unknown: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_columns_are_cut_until_a_line_fits() {
        let look = Look { width: Some(40), colour: false };
        let mut widths = [5, 30, 20];
        look.fit(&mut widths, 4, 9);
        assert_eq!(widths.iter().sum::<usize>(), 36);
        assert_eq!(widths[0], 5);
        let mut narrow = [20, 20];
        Look { width: Some(3), ..look }.fit(&mut narrow, 4, 9);
        assert_eq!(narrow, [9, 9]);
        let mut free = [500];
        Look::default().fit(&mut free, 4, 9);
        assert_eq!(free, [500]);
        assert_eq!(
            (cut("öäüß", 3), cut("ab", 3), cut("abc", 3)),
            ("öä…".into(), "ab ".into(), "abc".into())
        );
    }
}
