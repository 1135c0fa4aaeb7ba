//! `asglog parse`: one JSON object per line of a log.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use asg_core::{Line, Record, RecordOutput};
use serde::Serialize;

use super::logs::Logs;
use super::options::{Format, Options};
use super::{Context, show};
use crate::output::Out;
use crate::output::csv::Csv;
use crate::query::{Query, for_each};
use crate::report::{Failure, Report};

/// A record, and the name of its source if there are several.
#[derive(Serialize)]
struct Object<'o> {
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'o str>,
    #[serde(flatten)]
    record: RecordOutput<'o, 'o>,
}

pub(super) fn run(mut options: Options, context: Context<'_>) -> Result<(), Failure> {
    if options.rest.is_empty() {
        options.rest.push(PathBuf::from("-"));
    }
    let Context { monitor, report } = context;
    let logs = Logs::new(&options.rest, false, &monitor)?;
    if options.format == Format::Ndjson {
        return objects(&options, &logs, report);
    }
    let packets = Query::packets(logs.readers.clone(), options.policy);
    match (options.format, options.output.as_deref()) {
        (Format::Parquet, Some(path)) => show::query_to_parquet(&packets, path)?,
        (_, path) => {
            let mut out = Out::new(path)?;
            let mut csv = Csv::new(packets.columns(), &mut out)?;
            for_each(packets.rows(), |row| Ok::<_, Failure>(csv.add(row, &mut out)?))?;
            out.finish()?;
        }
    }
    logs.close(packets.counts().map_or(0, |counts| counts.lines), report)
}

fn objects(options: &Options, logs: &Logs, report: &mut Report) -> Result<(), Failure> {
    let shows_source = options.rest.len() > 1;
    let mut out = Out::new(options.output.as_deref())?;
    let mut too_long = BTreeMap::<String, u64>::new();
    let mut lines = 0;
    let mut written = Ok(());
    let mut reader = logs.readers.open("reading");
    while reader.step(|raw| {
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
    })? {
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
