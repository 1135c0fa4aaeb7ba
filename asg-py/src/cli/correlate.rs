//! `asglog correlate`: the packets of finished logs with their owners.

use std::io::Write as _;

use asg_cli::missing;
use asg_cli::report::{Failure, Report};
use asg_cli::summary::Summary;
use asg_cli::table;
use pyo3::prelude::*;

use super::failed;
use super::logs::{Asked, Logs, flows};
use super::options::{Format, Options};
use super::output::{Csv, Out, Screen};
use crate::columns::Row;
use crate::rows::Rows;
use crate::{origins, write};

pub(crate) fn run(
    options: Options,
    screen: Screen,
    progress: Option<Py<PyAny>>,
    report: &mut Report,
) -> Result<(), Failure> {
    let asked = Asked::new(&options, report)?;
    let logs = Logs::new(&options.rest, true, progress)?;
    let (flows, gathered) = flows(&options, &logs, &asked)?;
    if let (Format::Parquet, Some(path)) = (options.format, options.output.as_deref()) {
        write::parquet(flows.batches(), path).map_err(failed)?;
    } else {
        let mut out = Out::new(options.output.as_deref())?;
        match options.format {
            Format::Ndjson => each(flows.rows(), |row| {
                if let Some(flow) = row.flow {
                    serde_json::to_writer(&mut out, &flow.to_output(origins::name))?;
                    out.write_all(b"\n")?;
                }
                Ok(())
            })?,
            Format::Csv => {
                let mut csv = Csv::new(flows.columns(), &mut out)?;
                each(flows.rows(), |row| Ok(csv.add(row, &mut out)?))?;
            }
            Format::Summary => {
                let mut summary = Summary::default();
                each(flows.all(), |row| {
                    if let Some(flow) = row.flow {
                        summary.add_flow(flow);
                    }
                    Ok(())
                })?;
                gathered.known(|correlator| {
                    summary.print(correlator.counts(), &mut out)?;
                    missing::print(correlator.completeness(), origins::name, &mut out)
                })?;
            }
            Format::Table | Format::Parquet => {
                let mut table = table::Table::with_look(&mut out, screen.look(&options));
                each(flows.all(), |row| match row.flow {
                    Some(flow) => Ok(table.add(flow, asked.is_telling())?),
                    None => Ok(()),
                })?;
                table.finish()?;
            }
        }
        out.finish()?;
    }
    asked.close(report);
    let counts = gathered.known(|correlator| Ok(*correlator.counts()))?;
    if options.format == Format::Table {
        if counts.packets == 0 && counts.lines > 0 {
            report.note("there are no packets in these logs: is packet logging switched on in a security group?");
        } else if options.names.is_empty() && counts.packets > 0 {
            report.note("to see names, give --cf, --api or --cc-export (see --help)");
        }
    }
    logs.close(counts.lines, report)
}

fn each(
    mut rows: Box<dyn Rows>,
    mut each: impl FnMut(&Row<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut result = Ok(());
    let mut more = true;
    while more && result.is_ok() {
        let step = rows.step(&mut |row| {
            if result.is_ok() {
                result = each(row);
            }
        });
        more = step.map_err(failed)?;
    }
    result
}
