//! `asglog correlate --format summary`: the packets of finished logs, counted.

use std::io::Write;
use std::sync::Arc;

use asg_core::Correlation;
use asg_core::bytes::escape_text;

use super::logs::Logs;
use super::options::Options;
use crate::answers::{self, Cell, Measure};
use crate::origins;
use crate::output::format::Format;
use crate::output::summary::{self, Summary};
use crate::output::{missing, sources};
use crate::query::Query;
use crate::report::Failure;
use crate::uncounted;

/// Counts the flows and writes their summary, and what is missing.
pub(super) fn write(
    options: &Options,
    logs: &Logs,
    flows: &Query,
    correlation: &Arc<Correlation>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    // Conditions may be about values that counts do not keep.
    let summary = if options.chooses() {
        let all = flows.fold(Summary::default, |summary, row| {
            if let Some(flow) = row.flow() {
                summary.add_flow(flow);
            }
        })?;
        all.into_iter().reduce(Summary::merged).unwrap_or_default()
    } else {
        counted(correlation, logs)?
    };
    if options.format == Format::SummaryJson {
        let known = summary::Known {
            counts: correlation.counts(),
            outcomes: correlation.outcomes(),
            completeness: correlation.completeness(),
        };
        serde_json::to_writer(&mut *out, &summary.to_json(&known, options.limit, origins::name))?;
        return Ok(out.write_all(b"\n")?);
    }
    summary.print(correlation.counts(), options.limit, out)?;
    if flows.labels().is_some_and(|labels| labels.has_networks()) {
        destinations(options, flows, out)?;
    }
    sources::print(correlation.outcomes(), origins::name, out)?;
    Ok(missing::print(correlation.completeness(), origins::name, out)?)
}

/// Counts the packets to each network that has a name.
fn destinations(options: &Options, flows: &Query, out: &mut impl Write) -> Result<(), Failure> {
    let by = flows.by(&["dst_name".to_owned()])?;
    let found = answers::top(flows, &by, options.limit, Measure::Packets)?;
    let at = |name: &str| found.names().iter().position(|it| *it == name);
    let columns = ["packets", "denied", "dst_name"].map(at);
    let cell = |row: &[Cell], at: Option<usize>| {
        let text = at.and_then(|at| row[at].value().text());
        text.map_or_else(|| "(no name)".to_owned(), |text| escape_text(&text).into_owned())
    };
    writeln!(out, "\n{:>12}  {:>12}  DESTINATION", "PACKETS", "DENIED")?;
    for row in &found.rows {
        let [packets, denied, name] = columns.map(|at| cell(row, at));
        writeln!(out, "{packets:>12}  {denied:>12}  {name}")?;
    }
    Ok(())
}

/// Sums up all packets; the first phase has counted most of them.
fn counted(correlation: &Arc<Correlation>, logs: &Logs) -> Result<Summary, Failure> {
    let mut summary = Summary::default();
    correlation.counted().for_each(|counted| summary.add(&counted));
    let (rest, _) =
        uncounted::fold(correlation, &logs.readers, Summary::default, |summary, row| {
            if let Some(flow) = row.flow() {
                summary.add_flow(flow);
            }
        })?;
    Ok(rest.into_iter().fold(summary, Summary::merged))
}
