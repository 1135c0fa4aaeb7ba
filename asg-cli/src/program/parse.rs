//! `asglog parse`: one JSON object per line of a log.

use std::io::Write as _;
use std::path::PathBuf;

use asg_core::{Outcome, Outcomes, Reader, Record, RecordOutput, TimePolicy};
use serde::Serialize;

use super::logs::Logs;
use super::options::{Format, Options};
use super::{Context, show};
use crate::output::{Out, csv};
use crate::pieces::{Piece, Size};
use crate::pipeline::{Pipeline, Work};
use crate::query::Query;
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
    let logs = Logs::new(&options.rest, false, &options, &monitor)?;
    if options.format == Format::Ndjson {
        return objects(&options, &logs, report);
    }
    let packets = Query::packets(logs.readers.clone(), options.policy);
    match (options.format, options.output.as_deref()) {
        (Format::Parquet, Some(path)) => show::query_to_parquet(&packets, path)?,
        (_, path) => {
            let mut out = Out::new(path)?;
            csv::write_rows::<Failure>(&packets, options.formulas, &mut out, Failure::from)?;
            out.finish()?;
        }
    }
    logs.close(&packets.counts().unwrap_or_default().outcomes, report)
}

fn objects(options: &Options, logs: &Logs, report: &mut Report) -> Result<(), Failure> {
    let mut out = Out::new(options.output.as_deref())?;
    let objects = || Objects {
        reader: Reader::new(),
        policy: options.policy,
        shows_source: logs.are_several(),
    };
    let mut pipeline = Pipeline::new(&logs.readers, "reading", Size::Small, objects);
    let mut outcomes = Outcomes::default();
    while let Some(done) = pipeline.next()? {
        let done = done?;
        out.write_all(&done.text)?;
        outcomes.add(&done.outcomes);
    }
    out.finish()?;
    logs.close(&outcomes, report)
}

/// Lines as objects, for one thread.
struct Objects {
    reader: Reader,
    policy: TimePolicy,
    shows_source: bool,
}

/// The objects of a piece.
#[derive(Default)]
struct Written {
    text: Vec<u8>,
    outcomes: Outcomes,
}

impl Work for Objects {
    type Done = Result<Written, serde_json::Error>;

    fn piece(&mut self, piece: &Piece) -> Self::Done {
        let Self { reader, policy, shows_source } = self;
        let mut written = Written::default();
        let mut result = Ok(());
        piece.for_each(|raw| {
            let line = raw.line();
            let record = match raw.part_of {
                None => reader.read(&line),
                Some(first) => Record::part_of(first),
            };
            let source = shows_source.then_some(raw.source);
            let more: Vec<_> = Record::more(&line).collect();
            let outcome = Outcome::of(&line, &record);
            let outcome = more.iter().fold(outcome, |it, record| it.with(record));
            written.outcomes.count(raw.origin, outcome);
            let record = record.to_output(raw.origin.line, policy).with_more(&more);
            if result.is_ok() {
                result = serde_json::to_writer(&mut written.text, &Object { source, record });
                written.text.push(b'\n');
            }
        });
        result.map(|()| written)
    }
}
