//! Tables of a page. Without a script they can be read; with it they can be sorted and searched.

use asg_core::Timestamp;

use super::html::{Html, grouped};
use crate::answers::{Cell, Grid};
use crate::output::zone::Zone;

/// The type of a column, which decides its side and its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Time,
}

/// The head of a column.
pub(crate) type Head = (&'static str, Kind);

/// Columns of sums.
pub(crate) const SUMS: [Head; 3] =
    [("Packets", Kind::Number), ("Allowed", Kind::Number), ("Denied", Kind::Number)];

/// Writes a table of at most `most` rows, and how many more there are. `row` writes the cells of a
/// row, and `more` is a command that lists all rows.
pub(crate) fn table<T>(
    page: &mut Html,
    name: &'static str,
    heads: &[Head],
    rows: &[T],
    most: usize,
    more: &str,
    mut row: impl FnMut(&mut Html, &T),
) {
    page.raw("<div class=\"scroll\"><table class=\"data\"").attribute("id", name);
    page.raw("><thead><tr>");
    for (text, kind) in heads {
        page.raw(match kind {
            Kind::Text => "<th scope=\"col\">",
            Kind::Number => "<th scope=\"col\" class=\"n\">",
            Kind::Time => "<th scope=\"col\" class=\"t\">",
        });
        page.text(text).raw("</th>");
    }
    page.raw("</tr></thead><tbody>\n");
    for found in rows.iter().take(most) {
        page.raw("<tr>");
        row(page, found);
        page.raw("</tr>\n");
    }
    page.raw("</tbody></table></div>\n");
    if rows.len() > most {
        page.raw("<p class=\"more\">and ").text(&grouped((rows.len() - most) as u64));
        page.raw(" more, which ").command(more).raw(" lists</p>\n");
    }
}

/// Writes a cell with a text.
pub(crate) fn text(page: &mut Html, text: &str) {
    page.element("td", text);
}

/// Writes a cell with an address, a port and a protocol in one line, and the caller's name.
pub(crate) fn destination(page: &mut Html, text: &str, name: Option<&str>, note: &'static str) {
    page.raw("<td class=\"d\"").attribute("data-destination", text).raw(">");
    match name {
        Some(name) => {
            page.element("b", name).raw(" <span class=\"dim\">").text(text).raw("</span>");
        }
        None => {
            page.text(text);
        }
    }
    page.raw(note).raw("</td>");
}

/// Writes a cell with a number.
pub(crate) fn number(page: &mut Html, n: u64) {
    page.raw("<td class=\"n\"").attribute("data-v", &n.to_string()).raw(">");
    page.text(&grouped(n)).raw("</td>");
}

/// Writes a cell with a time, if there is one.
pub(crate) fn time(page: &mut Html, time: Option<Timestamp>, zone: &Zone) {
    page.raw("<td class=\"t\"");
    match time {
        Some(time) => {
            page.attribute("data-v", &time.as_nanos().to_string()).raw(">").time(time, zone)
        }
        None => page.raw(">–"),
    };
    page.raw("</td>");
}

/// Writes a cell with an app: its name and its GUID, as far as they are known.
pub(crate) fn owner(page: &mut Html, owner: &Owner<'_>) {
    page.raw("<td class=\"app\"");
    if let Some(guid) = owner.guid {
        page.attribute("data-owner", guid);
    }
    page.raw(">");
    match (owner.path.map(|path| path.rsplit_once('/').unwrap_or(("", path))), owner.guid) {
        (Some((space, app)), _) => {
            page.element("b", app).raw(" <span class=\"dim\">").text(space).raw("</span>");
        }
        (None, Some(guid)) => {
            page.element("code", guid);
        }
        (None, None) => {
            page.raw("<span class=\"dim\">owner not known</span>");
        }
    }
    page.raw("</td>");
}

/// An app with its path of names and its GUID, as far as they are known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner<'g> {
    pub(crate) path: Option<&'g str>,
    pub(crate) guid: Option<&'g str>,
}

impl Owner<'_> {
    /// Returns the name of the app, else the beginning of its GUID.
    pub(crate) fn short(&self) -> String {
        match (self.path, self.guid) {
            (Some(path), _) => path.rsplit_once('/').map_or(path, |(_, app)| app).to_owned(),
            (None, Some(guid)) => guid.chars().take(8).chain(['…']).collect(),
            (None, None) => "owner not known".to_owned(),
        }
    }
}

/// The rows of a small table, by the names of their columns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'g> {
    grid: &'g Grid,
    pub(crate) row: &'g [Cell],
}

impl<'g> Named<'g> {
    /// Returns all rows.
    pub(crate) fn all(grid: &'g Grid) -> Vec<Self> {
        grid.rows.iter().map(|row| Self { grid, row }).collect()
    }

    fn cell(&self, name: &str) -> Option<&'g Cell> {
        let at = self.grid.columns.iter().position(|(column, _)| *column == name)?;
        self.row.get(at)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&'g str> {
        match self.cell(name)? {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        match self.cell(name) {
            Some(Cell::Int(n)) => u64::try_from(*n).unwrap_or(0),
            _ => 0,
        }
    }

    pub(crate) fn time(&self, name: &str) -> Option<Timestamp> {
        match self.cell(name)? {
            Cell::Time(time) => Some(*time),
            _ => None,
        }
    }

    pub(crate) fn owner(&self) -> Owner<'g> {
        Owner { path: self.text("app"), guid: self.text("owner") }
    }

    /// Returns the destination: `10.0.11.7:5432 TCP`.
    pub(crate) fn destination(&self) -> String {
        let address = self.text("dst").unwrap_or("?");
        let port = match self.cell("dpt") {
            Some(Cell::Int(port)) if address.contains(':') => {
                return self.with_proto(&format!("[{address}]:{port}"));
            }
            Some(Cell::Int(port)) => format!(":{port}"),
            _ => String::new(),
        };
        self.with_proto(&format!("{address}{port}"))
    }

    fn with_proto(&self, text: &str) -> String {
        self.text("proto").map_or_else(|| text.to_owned(), |proto| format!("{text} {proto}"))
    }

    /// Writes the cells of [`SUMS`].
    pub(crate) fn sums(&self, page: &mut Html) {
        for name in ["packets", "allowed", "denied"] {
            number(page, self.number(name));
        }
    }
}
