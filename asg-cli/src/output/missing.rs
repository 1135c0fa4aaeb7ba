//! Prints what is missing from the logs, for people; nothing if nothing is known to be missing.

use std::io::{self, Write};

use asg_core::SourceId;
use asg_core::bytes::escape_text;
use asg_core::completeness::{CellReport, Completeness, Limit, LimitReport};

/// Containers at a limit that are printed, at most.
const MOST: usize = 20;

/// Prints it. `source` names a source, for lines that name no machine.
///
/// # Errors
///
/// Those of writing.
pub fn print<'s>(
    completeness: &Completeness,
    source: impl Fn(SourceId) -> &'s str,
    out: &mut impl Write,
) -> io::Result<()> {
    let cells = completeness.report();
    let name = |cell: &CellReport<'_>| match cell.source {
        Some(id) => escape_text(source(id)).into_owned(),
        None => escape_text(cell.cell).into_owned(),
    };
    let rows: Vec<_> = cells.iter().flat_map(|cell| missing(cell, &name(cell))).collect();
    if !rows.is_empty() {
        writeln!(out, "\nMissing, at least:")?;
    }
    for (n, what) in rows {
        writeln!(out, "{n:>12}  {what}")?;
    }
    let mut at_limit: Vec<_> =
        cells.iter().flat_map(|cell| cell.at_limit.iter().map(move |at| (cell, at))).collect();
    at_limit.sort_by_key(|(_, at)| std::cmp::Reverse(at.spans));
    if !at_limit.is_empty() {
        writeln!(out, "\nLogged as fast as the limit lets, so there may have been more:")?;
        writeln!(out, "{:>12}  {:>12}  PREFIX", "LOGGED", "AT LIMIT")?;
    }
    for (cell, LimitReport { prefix, limit, logged, spans, .. }) in at_limit.iter().take(MOST) {
        let what = match limit {
            Limit::Udp => " UDP",
            _ => "",
        };
        let prefix = escape_text(prefix);
        writeln!(out, "{logged:>12}  {spans:>12}  {prefix}{what} on {}", name(cell))?;
    }
    if at_limit.len() > MOST {
        writeln!(out, "{:>12}  containers more", at_limit.len() - MOST)?;
    }
    out.flush()
}

fn missing(cell: &CellReport<'_>, name: &str) -> Vec<(u64, String)> {
    let mut rows = vec![
        (cell.dropped, format!("lines that notes say were dropped, of {name}")),
        (cell.missing_records, format!("kernel records whose numbers are left out, of {name}")),
        (cell.folded, format!("packets folded into the line before, of {name}")),
        (cell.damaged, format!("lines of {name} are cut, split or malformed")),
    ];
    rows.retain(|(n, _)| *n > 0);
    if cell.is_silent() {
        let lines = cell.about_containers;
        rows.push((0, format!("packets of {name} are there, and {lines} lines about containers")));
    }
    rows
}
