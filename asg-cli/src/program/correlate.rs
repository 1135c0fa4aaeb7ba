//! `asglog correlate`: the packets of finished logs with their owners.

use std::io::Write as _;
use std::time::Duration;

use asg_core::policy::Policy;
use asg_core::record::Outcomes;
use asg_core::siem::{DestinationName, Reading, RecordBatch, RecordJoiner, RecordLines, Standard};
use asg_core::{TimePolicy, Timestamp};

use super::check::hint;
use super::explain::load;
use super::logs::{Directory, Logs, NamedLogs, explained, flows, note_forgotten, saved_flows};
use super::options::{Options, before_now};
use super::sorted::{Keyed, Order};
use super::{Context, look, show, summary};
use crate::explain::DecidedRules;
use crate::flows::RowSink;
use crate::origins;
use crate::output::Out;
use crate::output::column_table::{CellSink, ColumnTable};
use crate::output::csv::Csv;
use crate::output::flow_row::{FlowRow, FlowRows};
use crate::output::flow_table::FlowTable;
use crate::output::format::Format;
use crate::output::ndjson::FlowWriter;
use crate::query::row::KnownRow;
use crate::query::{Query, ReadRow, Row};
use crate::report::{Failure, Report};

pub(super) fn run(options: &Options, mut context: Context<'_>) -> Result<(), Failure> {
    if let Some(path) = &options.flows {
        return saved(options, &saved_flows(path, options)?, context.report);
    }
    let directory = Directory::new(options, &mut context)?;
    correlate(options, NamedLogs::new(&options.rest)?, &directory, context)
}

/// Shows saved flows.
fn saved(options: &Options, flows: &Query, report: &Report) -> Result<(), Failure> {
    /// Columns of a table, unless others are chosen.
    const COLUMNS: [&str; 8] =
        ["time", "verdict", "org_name", "space_name", "app_name", "proto", "dst", "dpt"];
    let flows = match (&options.look.columns[..], options.format) {
        ([], Format::Table) => flows.select(&COLUMNS.map(String::from))?,
        ([], _) => flows.clone(),
        (names, _) => flows.select_by(names)?,
    };
    if let (Format::Parquet, Some(path)) = (options.format, options.output.as_deref()) {
        return show::query_to_parquet(&flows, path);
    }
    let mut out = Out::new(options.output.as_deref())?;
    match options.format {
        Format::Csv => csv(options, &flows, &mut out)?,
        Format::Ndjson => {
            each(options, &flows, Objects::default, |text| Ok(out.write_all(&text)?))?;
            let what = "other ends of packets, candidates, further lines and errors of times";
            report.note(format_args!("saved flows keep no {what}: these members are empty here"));
        }
        Format::Table => column_table(options, &flows, &mut out)?,
        format => {
            let what = "goes with logs: saved flows lack the packets that it is made from";
            return Err(Failure::Usage(format!("--format {} {what}", format.name())));
        }
    }
    Ok(out.finish()?)
}

/// Saved flows as objects.
#[derive(Default)]
struct Objects(Vec<u8>);

impl RowSink for Objects {
    type Done = Vec<u8>;

    fn row(&mut self, row: &Row<'_>) {
        let object = row.to_object(&TimePolicy::default());
        self.0.extend_from_slice(object.to_string().as_bytes());
        self.0.push(b'\n');
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

/// Correlates these logs.
pub(super) fn correlate(
    options: &Options,
    logs: NamedLogs,
    directory: &Directory,
    context: Context<'_>,
) -> Result<(), Failure> {
    let Context { monitor, report } = context;
    let policy = rules(options, report)?;
    let logs = Logs::of(logs, true, options, &monitor)?;
    let (flows, gathered) = match &policy {
        Some(policy) => explained(options, policy, &logs, directory)?,
        None => flows(options, &logs, directory)?,
    };
    let flows = match &options.look.columns[..] {
        [] => flows,
        names => flows.select_by(names)?,
    };
    if let (Format::Parquet, Some(path)) = (options.format, options.output.as_deref()) {
        show::query_to_parquet(&flows, path)?;
    } else {
        let mut out = Out::new(options.output.as_deref())?;
        match options.format {
            Format::Ndjson => ndjson(options, &flows, &mut out)?,
            Format::Csv => csv(options, &flows, &mut out)?,
            Format::Standard(standard) => {
                let foreign = records(standard, options, (&flows, policy.as_ref()), &mut out)?;
                if let Some(sentence) = without_record(foreign, standard) {
                    report.note(sentence);
                }
            }
            Format::Summary | Format::SummaryJson => {
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
    note_forgotten(&counts, report);
    if let Some(known) = gathered.known(&*monitor)? {
        hint(&known, &flows, &logs, options, report);
    }
    logs.close(&outcomes, report)
}

/// Returns the security groups, which records of other standards show.
fn rules(options: &Options, report: &Report) -> Result<Option<Policy>, Failure> {
    if options.rules.sources.groups.is_empty() {
        return Ok(None);
    }
    if !matches!(options.format, Format::Standard(_)) {
        let what = "--groups goes with --format ecs, ocsf, otlp, cef or cim; asglog explain has tables and ndjson";
        return Err(Failure::Usage(what.into()));
    }
    load(&options.rules, report).map(Some)
}

/// Passes what a sink makes of rows to `take`, in the order of the rows or of `--sort`.
fn each<S: RowSink>(
    options: &Options,
    flows: &Query,
    sink: impl Fn() -> S,
    mut take: impl FnMut(S::Done) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let Some(order) = Order::new(&options.look.sort, flows)? else {
        let mut running = flows.timed_run(sink)?;
        while let Some(done) = running.next()? {
            take(done)?;
        }
        return Ok(());
    };
    let keyed = || Keyed { order: order.clone(), sink: sink(), rows: Vec::new() };
    let mut running = flows.timed_run(keyed)?;
    let mut rows = Vec::new();
    while let Some(more) = running.next()? {
        rows.extend(more);
    }
    rows.sort_by(|(one, _), (other, _)| order.compare(one, other));
    rows.truncate(options.limit.unwrap_or(usize::MAX));
    rows.into_iter().try_for_each(|(_, done)| take(done))
}

fn ndjson(options: &Options, flows: &Query, out: &mut Out) -> Result<(), Failure> {
    let writer = || FlowWriter::new(options.flow_id);
    each(options, flows, writer, |text| Ok(out.write_all(&text)?))
}

fn records(
    standard: Standard,
    options: &Options,
    (flows, policy): (&Query, Option<&Policy>),
    out: &mut Out,
) -> Result<u64, Failure> {
    let reading = reading(options);
    let sink = || Records {
        // Each thread has flows of one cache.
        lines: RecordLines::new(standard, reading).with_keys(),
        rules: policy.map(DecidedRules::new),
        made: 0,
        foreign: Vec::new(),
    };
    // Some packets have no record, so records are counted where they are written.
    let most = options.limit.map_or(u64::MAX, |most| most as u64);
    let mut joiner = RecordJoiner::new().limited_to(most);
    let (mut all, mut text) = (0, Vec::new());
    let mut running = flows.timed_run(sink)?;
    while !joiner.is_full()
        && let Some((batch, foreign)) = running.next()?
    {
        text.clear();
        let added = joiner.add(batch, &mut text);
        let is_before = |records: &&u64| **records < added || !joiner.is_full();
        all += foreign.iter().filter(is_before).count() as u64;
        out.write_all(&text)?;
    }
    text.clear();
    joiner.finish(&mut text);
    out.write_all(&text)?;
    Ok(all)
}

/// Returns a sentence about packets without a record; `None` if each has one.
pub(super) fn without_record(packets: u64, standard: Standard) -> Option<String> {
    let what = "of other firewalls have no verdict, and so no record in";
    let name = standard.as_str();
    (packets > 0).then(|| format!("{packets} packets {what} {name}; --format ndjson has them"))
}

/// This reading, as records of other standards have it.
pub(super) fn reading(options: &Options) -> Reading<'static> {
    let now = || before_now(Duration::ZERO).unwrap_or(Timestamp::from_nanos(0));
    let at = options.read_at.unwrap_or_else(now);
    Reading::new(at).with_version(env!("CARGO_PKG_VERSION"))
}

fn csv(options: &Options, flows: &Query, out: &mut Out) -> Result<(), Failure> {
    let csv = || Csv::new(flows.columns(), options.formulas);
    csv().write_names(out)?;
    each(options, flows, csv, |text| Ok(out.write_all(&text)?))
}

/// Returns the caller's name for the destination of a packet, for records of other standards.
pub(super) fn destination<'r>(row: &ReadRow<'r>) -> Option<DestinationName<'r>> {
    let named = row.destination_name().filter(|(name, _)| !name.is_empty());
    named.map(|(name, is_address)| {
        if is_address { DestinationName::Address(name) } else { DestinationName::Network(name) }
    })
}

/// Records, and the packets that have none.
struct Records {
    lines: RecordLines<'static>,
    rules: Option<DecidedRules>,
    made: u64,
    /// How many records there were before each packet without one.
    foreign: Vec<u64>,
}

impl RowSink for Records {
    type Done = (RecordBatch, Vec<u64>);

    const TAKES_KNOWN: bool = true;

    fn known(&mut self, row: &KnownRow<'_>) -> bool {
        let is_added = self.lines.add_known(row.flow);
        self.made += u64::from(is_added);
        is_added
    }

    fn row(&mut self, row: &Row<'_>) {
        if let Row::Read(read @ ReadRow { flow: Some(flow), .. }) = row {
            let source = origins::name(flow.origin.source);
            let rule = self.rules.as_mut().zip(read.explained);
            let rule = rule.and_then(|(rules, explained)| rules.of(explained));
            let is_added = self.lines.add_explained(flow, source, destination(read), rule);
            if is_added {
                self.made += 1;
            } else {
                self.foreign.push(self.made);
            }
        }
    }

    fn take(&mut self) -> Self::Done {
        self.made = 0;
        (self.lines.take_batch(), std::mem::take(&mut self.foreign))
    }
}

impl RowSink for FlowWriter {
    type Done = Vec<u8>;

    const TAKES_KNOWN: bool = true;

    fn known(&mut self, row: &KnownRow<'_>) -> bool {
        self.add_known(row.flow, &row.packet().ip)
    }

    fn row(&mut self, row: &Row<'_>) {
        if let Row::Read(read @ ReadRow { flow: Some(flow), .. }) = row {
            self.add(flow);
            self.label(read);
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
    if !options.look.columns.is_empty() {
        return column_table(options, flows, out);
    }
    let mut table = FlowTable::new(out, look(options));
    let answers = directory.answers();
    // The directory was asked before the first row.
    let is_named = answers.are_there();
    let sink = || TableRows { words: FlowRows::new(is_named), rows: Vec::new() };
    each(options, flows, sink, |rows| Ok(rows.into_iter().try_for_each(|row| table.push(row))?))?;
    Ok(table.finish()?)
}

/// Returns a table of chosen columns.
fn column_table(options: &Options, flows: &Query, out: &mut Out) -> Result<(), Failure> {
    let look = look(options);
    let mut table = ColumnTable::new(out, look.clone(), flows.columns());
    let sink = || CellSink::new(flows.columns(), look.clone());
    each(options, flows, sink, |rows| Ok(table.push(&rows)?))?;
    Ok(table.finish()?)
}

/// The words of rows.
struct TableRows {
    words: FlowRows,
    rows: Vec<FlowRow>,
}

impl RowSink for TableRows {
    type Done = Vec<FlowRow>;

    const TAKES_KNOWN: bool = true;

    fn known(&mut self, row: &KnownRow<'_>) -> bool {
        let found = self.words.of_known(row.flow, &row.packet().ip);
        found.map(|row| self.rows.push(row)).is_some()
    }

    fn row(&mut self, found: &Row<'_>) {
        if let Row::Read(read @ ReadRow { flow: Some(flow), .. }) = found {
            let row = self.words.of(flow);
            self.rows.push(row.labelled(read));
        }
    }

    fn take(&mut self) -> Vec<FlowRow> {
        std::mem::take(&mut self.rows)
    }
}
