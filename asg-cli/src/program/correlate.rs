//! `asglog correlate`: the packets of finished logs with their owners.

use std::io::Write as _;

use super::logs::{Directory, Logs, Numbered, flows};
use super::options::{Format, Options};
use super::{Context, look, show, summary};
use crate::origins;
use crate::output::csv::Csv;
use crate::output::summary::Summary;
use crate::output::table::Table;
use crate::output::{Out, missing};
use crate::query::{Row, for_each};
use crate::report::Failure;

pub(super) fn run(options: &Options, mut context: Context<'_>) -> Result<(), Failure> {
    let directory = Directory::new(options, &mut context)?;
    let has_names = !options.names.is_empty();
    correlate(options, Numbered::new(&options.rest)?, &directory, has_names, context)
}

/// Correlates these logs. `has_names` suppresses the hint about names.
pub(super) fn correlate(
    options: &Options,
    logs: Numbered,
    directory: &Directory,
    has_names: bool,
    context: Context<'_>,
) -> Result<(), Failure> {
    // Conditions may be about what counts do not keep, so each packet is looked at for them.
    if options.format == Format::Summary && options.conditions.is_empty() {
        return summary::run(options, logs, directory, context);
    }
    let Context { monitor, report } = context;
    let logs = Logs::of(logs, true, &monitor)?;
    let (flows, gathered) = flows(options, &logs, directory)?;
    if let (Format::Parquet, Some(path)) = (options.format, options.output.as_deref()) {
        show::query_to_parquet(&flows, path)?;
    } else {
        let mut out = Out::new(options.output.as_deref())?;
        match options.format {
            Format::Ndjson => for_each(flows.rows(), |row| {
                if let Some(flow) = row.flow {
                    serde_json::to_writer(&mut out, &flow.to_output(origins::name))?;
                    out.write_all(b"\n")?;
                }
                Ok::<_, Failure>(())
            })?,
            Format::Csv => {
                let mut csv = Csv::new(flows.columns(), &mut out)?;
                for_each(flows.rows(), |row| Ok::<_, Failure>(csv.add(row, &mut out)?))?;
            }
            Format::Summary => {
                let mut summary = Summary::default();
                for_each(flows.timed_rows(), |row| {
                    if let Some(flow) = row.flow {
                        summary.add_flow(flow);
                    }
                    Ok::<_, Failure>(())
                })?;
                gathered.known(&*monitor, |correlator| {
                    summary.print(correlator.counts(), &mut out)?;
                    missing::print(correlator.completeness(), origins::name, &mut out)?;
                    Ok::<_, Failure>(())
                })?;
            }
            Format::Table | Format::Parquet => {
                let mut table = Table::with_look(&mut out, look(options));
                for_each(flows.timed_rows(), |row: &Row<'_>| match row.flow {
                    Some(flow) => Ok::<_, Failure>(table.add(flow, directory.is_answering())?),
                    None => Ok(()),
                })?;
                table.finish()?;
            }
        }
        out.finish()?;
    }
    directory.close(report);
    let counts = gathered.known(&*monitor, |known| Ok::<_, Failure>(*known.counts()))?;
    if options.format == Format::Table {
        if counts.packets == 0 && counts.lines > 0 {
            let what = "is packet logging switched on in a security group?";
            report.note(format_args!("there are no packets in these logs: {what}"));
        } else if !has_names && counts.packets > 0 {
            report.note("to see names, give --cf, --api or --cc-export (see --help)");
        }
    }
    logs.close(counts.lines, report)
}
