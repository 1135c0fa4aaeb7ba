//! `asglog parse`: one JSON object per line of a log.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use asg_cli::report::{Failure, Report};
use asg_core::{Line, Record, RecordOutput};
use pyo3::prelude::*;
use serde::Serialize;

use super::failed;
use super::logs::Logs;
use super::options::{Format, Options};
use super::output::{Csv, Out};
use crate::table::Table;
use crate::write;

/// A record, and which of several inputs it is from.
#[derive(Serialize)]
struct Object<'o> {
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'o str>,
    #[serde(flatten)]
    record: RecordOutput<'o, 'o>,
}

pub(crate) fn run(
    mut options: Options,
    progress: Option<Py<PyAny>>,
    report: &mut Report,
) -> Result<(), Failure> {
    if options.rest.is_empty() {
        options.rest.push(PathBuf::from("-"));
    }
    let logs = Logs::new(&options.rest, false, progress)?;
    if options.format == Format::Ndjson {
        return objects(&options, &logs, report);
    }
    let table = Table::new(logs.readers.clone(), options.policy, None);
    match (options.format, options.output.as_deref()) {
        (Format::Parquet, Some(path)) => write::parquet(table.batches(), path).map_err(failed)?,
        (_, path) => {
            let mut out = Out::new(path)?;
            let mut csv = Csv::new(table.columns(), &mut out)?;
            let mut written = Ok(());
            let mut rows = table.rows();
            while rows
                .step(&mut |row| {
                    if written.is_ok() {
                        written = csv.add(row, &mut out);
                    }
                })
                .map_err(failed)?
            {
                std::mem::replace(&mut written, Ok(()))?;
            }
            written?;
            out.finish()?;
        }
    }
    logs.close(table.lines(), report)
}

fn objects(options: &Options, logs: &Logs, report: &mut Report) -> Result<(), Failure> {
    let shows_source = options.rest.len() > 1;
    let mut out = Out::new(options.output.as_deref())?;
    let mut too_long = BTreeMap::<String, u64>::new();
    let mut lines = 0;
    let mut written = Ok(());
    let mut reader = logs.readers.open();
    while reader
        .step(|raw| {
            lines += 1;
            let line = Line::new(raw.bytes);
            let mut record = Record::read(&line);
            if raw.is_cut {
                record = record.cut_at(raw.bytes.len());
                *too_long.entry(raw.source.to_owned()).or_default() += 1;
            }
            let source = shows_source.then_some(raw.source);
            let record = record.to_output(raw.origin.line, &options.policy);
            if written.is_ok() {
                written = serde_json::to_writer(&mut out, &Object { source, record })
                    .map_err(Failure::from)
                    .and_then(|()| Ok(out.write_all(b"\n")?));
            }
        })
        .map_err(failed)?
    {
        std::mem::replace(&mut written, Ok(()))?;
    }
    written?;
    out.finish()?;
    for (name, lines) in too_long {
        report.left_out(format_args!(
            "{name}: lines longer than 64 KiB: {lines}; their ends were skipped"
        ));
    }
    logs.close(lines, report)
}
