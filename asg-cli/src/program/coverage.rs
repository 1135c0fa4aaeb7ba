//! `asglog coverage`: which rules leave lines, and which packets cannot.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write as _};

use asg_core::policy::{Coverage, CoveredEntry, EntryState, Phase, Policy};

use super::explain::load;
use super::options::Options;
use super::{Context, look};
use crate::explain::Words;
use crate::output::Out;
use crate::output::format::Format;
use crate::output::table::{Columns, Table};
use crate::report::Failure;

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<(), Failure> {
    let asked = &options.rules;
    if let Some(more) = options.rest.first() {
        let what = "is no page of security groups";
        return Err(Failure::Usage(format!("{} {what}", more.display())));
    }
    let policy = load(asked, context.report)?;
    let all = all(&policy, &asked.spaces, asked.phase);
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
            blind.extend(coverage.blind.iter().map(|spot| spot.code));
            rows(&coverage, &words, |row| table.push(row))?;
        }
        for code in blind {
            let any = || "any".to_owned();
            table.push([any(), any(), "none".to_owned(), code.what().to_owned()])?;
        }
        table.finish()?;
    }
    Ok(out.finish()?)
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
