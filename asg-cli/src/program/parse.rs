//! `asglog parse`: one JSON object per line of a log.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use asg_core::record::{Outcome, Outcomes, RecordOutput};
use asg_core::{Content, Reader, Record, TimePolicy};
use serde::Serialize;

use super::logs::{Logs, filtered};
use super::options::Options;
use super::{Context, show};
use crate::labels::Labels;
use crate::lines::Raw;
use crate::output::format::Format;
use crate::output::{Out, csv};
use crate::pieces::{Piece, Size};
use crate::pipeline::{Pipeline, Work};
use crate::query::rows::Sieve;
use crate::query::{Query, ReadRow, Row};
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
        return objects(options, &logs, report);
    }
    let packets = filtered(packets(&options, &logs), &options)?;
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

fn packets(options: &Options, logs: &Logs) -> Query {
    Query::packets(logs.readers.clone(), options.policy)
}

fn objects(options: Options, logs: &Logs, report: &mut Report) -> Result<(), Failure> {
    let (limit, chosen) = (options.limit, Options { limit: None, ..options });
    let mut out = Out::new(chosen.output.as_deref())?;
    let chooses = chosen.chooses();
    let packets = filtered(packets(&chosen, logs), &chosen)?;
    let objects = || Objects {
        reader: Reader::new(),
        policy: chosen.policy,
        shows_source: logs.are_several(),
        sieve: chooses.then(|| packets.sieve()),
        labels: packets.labels(),
    };
    let mut pipeline = Pipeline::new(&logs.readers, "reading", Size::Small, objects);
    let mut outcomes = Outcomes::default();
    let mut left = limit.unwrap_or(usize::MAX);
    while left > 0
        && let Some(done) = pipeline.next()?
    {
        let done = done?;
        let ends = memchr::memchr_iter(b'\n', &done.text);
        let end = ends.take(left).inspect(|_| left -= 1).last().map_or(0, |end| end + 1);
        out.write_all(&done.text[..end])?;
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
    /// Chooses packets, if only some are wanted.
    sieve: Option<Sieve>,
    labels: Option<Arc<Labels>>,
}

/// The objects of a piece.
#[derive(Default)]
struct Written {
    text: Vec<u8>,
    outcomes: Outcomes,
}

/// Returns whether a line is a wanted packet.
fn admits(
    sieve: &mut Sieve,
    labels: Option<&Labels>,
    raw: &Raw<'_>,
    record: &Record<'_>,
    policy: &TimePolicy,
) -> bool {
    let Some((packet, cf)) = record.proven_packet() else { return false };
    let error = match &record.content {
        Content::Damaged(damaged) => Some(&damaged.error),
        _ => None,
    };
    let row = ReadRow {
        origin: raw.origin,
        source: raw.source,
        raw: raw.bytes,
        time: record.time(policy),
        record,
        packet,
        cf,
        error,
        flow: None,
        known: None,
        explained: None,
        labels,
    };
    sieve.admits(&Row::Read(&row))
}

impl Work for Objects {
    type Done = Result<Written, serde_json::Error>;

    fn piece(&mut self, piece: &Piece) -> Self::Done {
        let Self { reader, policy, shows_source, sieve, labels } = self;
        let mut written = Written::default();
        let mut result = Ok(());
        piece.for_each(|raw| {
            let line = raw.line();
            let record = match raw.part_of {
                None => reader.classify(&line),
                Some(first) => Record::part_of(first),
            };
            let source = shows_source.then_some(raw.source);
            let more: Vec<_> = Record::more(&line).collect();
            let outcome = Outcome::of(&line, &record);
            let outcome = more.iter().fold(outcome, |it, record| it.with(record));
            written.outcomes.count(raw.origin, outcome);
            let is_wanted =
                |sieve: &mut Sieve| admits(sieve, labels.as_deref(), &raw, &record, policy);
            if !sieve.as_mut().is_none_or(is_wanted) {
                return;
            }
            let record = record.to_output(raw.origin.line, policy).with_more(&more);
            if result.is_ok() {
                result = serde_json::to_writer(&mut written.text, &Object { source, record });
                written.text.push(b'\n');
            }
        });
        result.map(|()| written)
    }
}
