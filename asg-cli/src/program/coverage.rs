//! `asglog coverage`: which rules leave lines, and which packets cannot.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write as _};

use asg_core::Timestamp;
use asg_core::completeness::{Completeness, Limit};
use asg_core::policy::{Blind, BlindSpot, Coverage, CoveredEntry, EntryState, Phase, Policy};

use super::explain::load;
use super::logs::Logs;
use super::options::Options;
use super::{Context, look};
use crate::explain::{Words, span};
use crate::output::Out;
use crate::output::format::Format;
use crate::output::table::{Columns, Table};
use crate::report::Failure;

pub(super) fn run(options: &Options, context: Context<'_>) -> Result<(), Failure> {
    let asked = &options.rules;
    let Context { monitor, report } = context;
    let policy = load(asked, report)?;
    let mut lost = Vec::new();
    if !options.rest.is_empty() {
        let logs = Logs::new(&options.rest, false, options, &monitor)?;
        let gathered = logs.gather(options)?;
        lost = of_cells(gathered.completeness());
        logs.close(gathered.outcomes(), report)?;
    }
    let all = all(&policy, &asked.spaces, asked.phase).map(|mut coverage| {
        coverage.blind.extend(lost.iter().cloned());
        coverage
    });
    let mut out = Out::new(options.output.as_deref())?;
    if options.format == Format::Ndjson {
        for coverage in all {
            serde_json::to_writer(&mut out, &coverage)?;
            out.write_all(b"\n")?;
        }
    } else {
        let words = Words::new(&policy);
        let mut table = Table::with_columns(&mut out, look(options), &COLUMNS);
        let mut blind = BTreeSet::new();
        for coverage in all {
            blind.extend(coverage.blind.iter().filter(|spot| spot.cell.is_none()).map(|s| s.code));
            rows(&coverage, &words, |row| table.push(row))?;
        }
        for code in blind {
            let any = || "any".to_owned();
            table.push([any(), any(), "none".to_owned(), code.what().to_owned()])?;
        }
        for spot in &lost {
            let any = || "any".to_owned();
            table.push([any(), any(), "none".to_owned(), of_cell(spot)])?;
        }
        table.finish()?;
    }
    Ok(out.finish()?)
}

/// Returns the blind spots of cells and times, as far as their logs show them.
fn of_cells(completeness: &Completeness) -> Vec<BlindSpot> {
    let spot = |code, cell: &str, span: Option<(Timestamp, Timestamp)>| {
        let mut spot = BlindSpot::from(code);
        spot.cell = Some(cell.to_owned());
        (spot.from, spot.until) = span.unzip();
        spot
    };
    let mut spots: Vec<BlindSpot> = Vec::new();
    for lines in completeness.lost() {
        let next = spot(Blind::LinesLost, lines.cell, span(lines.noted));
        // Spans that touch are one.
        match spots.last_mut().filter(|last| last.cell == next.cell && next.from <= last.until) {
            Some(last) if next.from.is_some() && last.from.is_some() => {
                last.until = last.until.max(next.until);
            }
            Some(last) if *last == next => {}
            _ => spots.push(next),
        }
    }
    for cell in completeness.report() {
        let has = |limit| cell.at_limit.iter().any(|reached| reached.limit == limit);
        let reached = [(Limit::Udp, Blind::UdpRate), (Limit::Denied, Blind::DenyRate)];
        let reached = reached.into_iter().filter(|(limit, _)| has(*limit));
        spots.extend(reached.map(|(_, code)| spot(code, cell.cell, None)));
    }
    spots
}

/// Returns a sentence about a blind spot of one cell.
fn of_cell(spot: &BlindSpot) -> String {
    let mut what = spot.code.what().to_owned();
    if let Some(cell) = spot.cell.as_deref().filter(|cell| !cell.is_empty()) {
        let _ = write!(what, " Cell {cell}");
    }
    if let (Some(from), Some(until)) = (spot.from, spot.until) {
        let _ = write!(what, ", {from} to {until}");
    }
    what
}

/// Returns the coverage of these spaces, or of all to which groups are bound; in one phase or both.
pub(super) fn all(
    policy: &Policy,
    spaces: &[String],
    phase: Option<Phase>,
) -> impl Iterator<Item = Coverage> {
    let spaces = if spaces.is_empty() { bound(policy) } else { spaces.to_vec() };
    let phases = phase.map_or(Phase::ALL.to_vec(), |phase| vec![phase]);
    let pairs = spaces
        .into_iter()
        .flat_map(move |space| phases.clone().into_iter().map(move |phase| (space.clone(), phase)));
    pairs.filter_map(|(space, phase)| policy.coverage(&space, phase, None))
}

/// The spaces to which groups are bound, by the last complete snapshot, or by the last.
fn bound(policy: &Policy) -> Vec<String> {
    let complete = policy.snapshots().rfind(|snapshot| snapshot.complete);
    let Some(snapshot) = complete.or(policy.snapshots().next_back()) else { return Vec::new() };
    let spaces = snapshot
        .groups
        .iter()
        .flat_map(|group| group.running_spaces.iter().chain(&group.staging_spaces).cloned());
    spaces.collect::<BTreeSet<_>>().into_iter().collect()
}

static COLUMNS: Columns<4> = Columns {
    heads: ["SPACE", "PHASE", "LINES", "RULE OR PACKETS"],
    kept: &[0, 1],
    arrow: usize::MAX,
    colour: |column, row| match (column, &*row[2]) {
        (2, "logged") => Some(32),
        (2, _) => Some(33),
        _ => None,
    },
};

/// Pushes a row for each entry: space, phase, lines, rule.
pub(super) fn rows(
    coverage: &Coverage,
    words: &Words,
    mut push: impl FnMut([String; 4]) -> io::Result<()>,
) -> io::Result<()> {
    for CoveredEntry { rule, state, .. } in &coverage.entries {
        let (space, phase) = (coverage.space.clone(), coverage.phase.as_str().to_owned());
        let mut what = words.entry(rule);
        let lines = match state {
            EntryState::Logged => "logged",
            EntryState::Unchecked => "unchecked",
            EntryState::Unlogged => "none",
            EntryState::HiddenBy(others) => {
                let others: Vec<_> = others.iter().map(|other| words.entry(other)).collect();
                let _ = write!(what, ", behind {}", others.join("; "));
                "hidden"
            }
        };
        push([space, phase, lines.to_owned(), what])?;
    }
    Ok(())
}
