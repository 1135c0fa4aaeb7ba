//! `asglog correlate`: the packets of finished logs with their owners.

use std::io::Write as _;

use asg_core::Outcomes;

use super::logs::{Answers, Directory, Logs, NamedLogs, flows};
use super::options::{Format, Options};
use super::{Context, look, show, summary};
use crate::flows::RowSink;
use crate::output::ndjson::FlowWriter;
use crate::output::table::{Cells, Table, row};
use crate::output::{Out, csv};
use crate::pieces::Size;
use crate::query::{Query, Row};
use crate::report::Failure;

pub(super) fn run(options: &Options, mut context: Context<'_>) -> Result<(), Failure> {
    let directory = Directory::new(options, &mut context)?;
    let has_names = !options.names.is_empty();
    correlate(options, NamedLogs::new(&options.rest)?, &directory, has_names, context)
}

/// Correlates these logs. `has_names` suppresses the hint about names.
pub(super) fn correlate(
    options: &Options,
    logs: NamedLogs,
    directory: &Directory,
    has_names: bool,
    context: Context<'_>,
) -> Result<(), Failure> {
    let Context { monitor, report } = context;
    let logs = Logs::of(logs, true, options, &monitor)?;
    let (flows, gathered) = flows(options, &logs, directory)?;
    if let (Format::Parquet, Some(path)) = (options.format, options.output.as_deref()) {
        show::query_to_parquet(&flows, path)?;
    } else {
        let mut out = Out::new(options.output.as_deref())?;
        match options.format {
            Format::Ndjson => ndjson(&flows, &mut out)?,
            Format::Csv => {
                csv::write_rows::<Failure>(&flows, options.formulas, &mut out, Failure::from)?;
            }
            Format::Summary => {
                let evidence = gathered.ready(&logs.readers, directory.names.as_ref())?;
                // A summary of nothing would look like an answer.
                if logs.are_all_left_out() {
                    return logs.close(&Outcomes::default(), report);
                }
                summary::write(options, &logs, &flows, &evidence, &mut out)?;
            }
            Format::Table | Format::Parquet => table(options, &flows, directory, &mut out)?,
        }
        out.finish()?;
    }
    directory.close(report);
    let known = gathered.known(&*monitor)?;
    let (counts, outcomes) =
        known.map_or_else(Default::default, |known| (*known.counts(), known.outcomes().clone()));
    if counts.duplicates > 0 && counts.displaced > 0 {
        let what = "packets were forgotten, so that later lines about them count again";
        report.note(format_args!("{} {what}", counts.displaced));
    }
    if options.format == Format::Table {
        if counts.packets == 0 && counts.lines > 0 {
            let what = match counts.other_kernel_lines {
                0 => ", nor other lines of a kernel, which writes them: is its log among these?",
                _ => ": is packet logging switched on in a security group?",
            };
            report.note(format_args!("there are no packets in these logs{what}"));
        } else if !has_names && counts.packets > 0 {
            report.note("to see names, give --cf, --api or --cc-export (see --help)");
        }
    }
    logs.close(&outcomes, report)
}

fn ndjson(flows: &Query, out: &mut Out) -> Result<(), Failure> {
    let mut running = flows.run(Size::Small, FlowWriter::default)?;
    while let Some(text) = running.next()? {
        out.write_all(&text)?;
    }
    Ok(())
}

impl RowSink for FlowWriter {
    type Done = Vec<u8>;

    fn row(&mut self, row: &Row<'_>) {
        if let Some(flow) = row.flow() {
            self.add(flow);
        }
    }

    fn take(&mut self) -> Vec<u8> {
        Self::take(self)
    }
}

fn table(
    options: &Options,
    flows: &Query,
    directory: &Directory,
    out: &mut Out,
) -> Result<(), Failure> {
    let mut table = Table::with_look(out, look(options));
    let answers = directory.answers();
    let sink = || TableRows { answers: answers.clone(), rows: Vec::new() };
    let mut running = flows.timed_run(sink)?;
    while let Some(rows) = running.next()? {
        for row in rows {
            table.push(row)?;
        }
    }
    Ok(table.finish()?)
}

/// The cells of rows.
struct TableRows {
    /// The directory was asked before the first row.
    answers: Answers,
    rows: Vec<Cells>,
}

impl RowSink for TableRows {
    type Done = Vec<Cells>;

    fn row(&mut self, found: &Row<'_>) {
        if let Some(flow) = found.flow() {
            self.rows.push(row(flow, self.answers.are_there()));
        }
    }

    fn take(&mut self) -> Vec<Cells> {
        std::mem::take(&mut self.rows)
    }
}
