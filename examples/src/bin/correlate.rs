//! The whole procedure: packet logs and Diego's logs in, app, space and org of each packet out.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use asg_core::{Correlator, Directory, Flow, Guid, Identity, Origin, SourceId, Tally, TimePolicy};
use asg_examples::counting::{Threads, count};
use asg_examples::input::Input;
use asg_examples::names::is_saved_page;
use asg_examples::progress::Progress;
use asg_examples::report::{Failure, Report, say};
use asg_examples::table::Table;
use asg_examples::time::{set_utc_offset, set_year};
use asg_examples::{demo, names};
use lexopt::Arg::{Long, Short, Value};
use lexopt::ValueExt as _;

const HELP: &str = "\
Tells for each packet in Cloud Foundry's logs which app, space and org sent it, and how sure that is.

Usage: correlate [OPTIONS] [LOG…]

  LOG  kernel logs and rep logs of one foundation, in any order; plain, gzip or Zstandard; - is standard input.
       Without one, bundled logs are read and an embedded Cloud Controller is asked: a demonstration.

Output:
  --format FORMAT        table (for people, the default), ndjson (one JSON object per packet) or summary (counts)

  --threads N            how many threads count for a summary; as many as there are processors if not given

Names; without one of these the output has GUIDs only:
  --cf                   ask the Cloud Controller that the cf CLI is logged in to
  --api URL              ask this one, with the cf CLI's token
  --token-file FILE      with this token instead, as `cf oauth-token` prints it
  --ca-cert FILE         trust the certificates in this PEM file instead of the system's
  --skip-ssl-validation  trust any server; whoever answers gets the token
  --cc-export FILE…      read pages that were saved with `cf curl /v3/…`; no network is used

Times:
  --year YEAR            the year of time stamps without one; if not given, it is the one nearest to the latest time with
                         a year in the logs
  --utc-offset OFFSET    the zone of time stamps without one, such as +02:00; UTC if not given

  -h, --help             this text
  -V, --version          the version

Exit status: 0; 1 if something was left out (a sentence says what: a file, the names); 2 if nothing could be done.

Examples:
  correlate
  correlate --cf kern.log rep.stdout.log
  correlate --format ndjson --cc-export apps.json processes.json deleted.json -- cells/*.log.gz | jq .app.name
  ssh syslog-host zcat /var/log/cf/2024-05-06.gz | correlate --format summary -
";

/// Packet lines that are looked up together, at most, and their bytes.
const BATCH_LINES: usize = 8 << 10;
const BATCH_BYTES: usize = 4 << 20;

fn main() -> ExitCode {
    let mut report = Report::new("correlate");
    let result = Options::read().and_then(|options| match options {
        Some(options) => run(options, &mut report),
        None => Ok(()),
    });
    report.exit(result)
}

#[derive(Debug, Clone, Copy)]
enum Format {
    Table,
    Ndjson,
    Summary,
}

struct Options {
    format: Format,
    threads: Threads,
    names: names::Options,
    policy: TimePolicy,
    logs: Vec<Input>,
}

impl Options {
    /// What the command line says; `None` if it asks for help, which is printed then.
    fn read() -> Result<Option<Self>, Failure> {
        let mut names = names::Options::default();
        let mut policy = TimePolicy::default();
        let mut format = Format::Table;
        let mut threads = Threads::default();
        let mut logs = Vec::new();
        // Pages may follow `--cc-export`, and logs may follow the pages.
        let mut pages_follow = false;
        let mut args = lexopt::Parser::from_env();
        while let Some(arg) = args.next()? {
            let follows_page = std::mem::take(&mut pages_follow);
            match arg {
                Long("format") => {
                    format = match args.value()?.string()?.as_str() {
                        "table" => Format::Table,
                        "ndjson" => Format::Ndjson,
                        "summary" => Format::Summary,
                        other => {
                            let what =
                                format!("--format is table, ndjson or summary, and not `{other}`");
                            return Err(Failure::Usage(what));
                        }
                    }
                }
                Long("threads") => threads = Threads::parse(&args.value()?.string()?)?,
                Long("cf") => names.cf = true,
                Long("api") => names.api = Some(args.value()?.string()?),
                Long("token-file") => names.token_file = Some(args.value()?.into()),
                Long("ca-cert") => names.ca_cert = Some(args.value()?.into()),
                Long("skip-ssl-validation") => names.skip_ssl_validation = true,
                Long("cc-export") => {
                    names.exports.push(args.value()?.into());
                    pages_follow = true;
                }
                Long("year") => set_year(&mut policy, &args.value()?.string()?)?,
                Long("utc-offset") => set_utc_offset(&mut policy, &args.value()?.string()?)?,
                Short('h') | Long("help") => {
                    return say(HELP).map(|()| None);
                }
                Short('V') | Long("version") => {
                    let version = concat!("correlate ", env!("CARGO_PKG_VERSION"), "\n");
                    return say(version).map(|()| None);
                }
                Value(path) => {
                    let path = PathBuf::from(path);
                    if follows_page && is_saved_page(&path) {
                        names.exports.push(path);
                        pages_follow = true;
                    } else {
                        logs.push(Input::from_arg(path));
                    }
                }
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(Some(Self { format, threads, names, policy, logs }))
    }
}

fn run(options: Options, report: &mut Report) -> Result<(), Failure> {
    let Options { format, threads, names, policy, mut logs } = options;
    let directory = match names.directory()? {
        Ok(directory) => directory.map(|it| Box::new(it) as Box<AnyDirectory>),
        Err(why) => {
            report.left_out(format_args!("there are no names: {why}"));
            None
        }
    };
    let job = Job { format, threads, policy };
    if !logs.is_empty() {
        return correlate(&job, &mut logs, directory, report);
    }
    let server = demo::server().map_err(|e| Failure::Demo(e.to_string()))?;
    let directory = match directory {
        None if names.is_empty() => {
            report.note(format_args!(
                "a demonstration on bundled logs, with an embedded Cloud Controller on {}; see --help for your own",
                server.url()
            ));
            let cc = demo::directory(&server).map_err(|e| Failure::Demo(e.to_string()))?;
            Some(Box::new(cc) as Box<AnyDirectory>)
        }
        other => other,
    };
    correlate(&job, &mut demo::logs(), directory, report)
}

/// What is to be done, whatever the logs and whoever knows names.
struct Job {
    format: Format,
    threads: Threads,
    policy: TimePolicy,
}

fn correlate(
    job: &Job,
    logs: &mut [Input],
    directory: Option<Box<AnyDirectory>>,
    report: &mut Report,
) -> Result<(), Failure> {
    let ids = source_ids(logs);
    let mut names = Names { is_asked: directory.is_some(), directory, failure: None };
    let out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    match job.format {
        Format::Summary => summarise(job, logs, &ids, &mut names, out, report)?,
        Format::Table | Format::Ndjson => list(job, logs, &ids, &mut names, out, report)?,
    }
    if let Some(why) = names.failure {
        report.left_out(format_args!("names are missing: {why}"));
    }
    Ok(())
}

/// Counts the packets.
fn summarise(
    job: &Job,
    logs: &mut [Input],
    ids: &[SourceId],
    names: &mut Names,
    mut out: impl Write,
    report: &mut Report,
) -> Result<(), Failure> {
    let tally = Tally::with_policy(job.policy);
    let mut count = count(tally, logs, ids, job.threads, Progress::new);
    for (n, e) in &count.failures {
        report.left_out(format_args!("{}: {e}", logs[*n].name()));
    }
    if count.read == 0 {
        return Err(Failure::Inputs);
    }
    let sources = source_names(logs, ids);
    let summary = count.summary(|guids| names.of(guids));
    Ok(count.print(&summary, |id| sources[id.0 as usize], &mut out)?)
}

/// Gives each packet.
fn list(
    job: &Job,
    logs: &mut [Input],
    ids: &[SourceId],
    names: &mut Names,
    mut out: impl Write,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut correlator = Correlator::with_policy(job.policy);
    let readable = first_pass(logs, ids, &mut correlator, report)?;
    if matches!(job.format, Format::Ndjson) {
        let sources = source_names(logs, ids);
        second_pass(logs, ids, &readable, &mut correlator, names, |flow, _| {
            serde_json::to_writer(&mut out, &flow.to_output(|id| sources[id.0 as usize]))?;
            Ok(out.write_all(b"\n")?)
        })?;
        return Ok(out.flush()?);
    }
    let packets = correlator.counts().packets;
    let mut table = Table::new(&mut out);
    second_pass(logs, ids, &readable, &mut correlator, names, |flow, is_named| {
        Ok(table.add(flow, is_named)?)
    })?;
    table.finish()?;
    if packets == 0 {
        report.note("there are no packets in these logs: is packet logging switched on in a security group?");
    } else if !names.is_asked {
        report.note("to see names, give --cf, --api or --cc-export (see --help)");
    }
    Ok(())
}

/// Numbers the logs by name, so that the order in which they are given does not matter to any answer.
fn source_ids(logs: &[Input]) -> Vec<SourceId> {
    let mut by_name: Vec<_> = (0..logs.len()).collect();
    by_name.sort_by_key(|&n| logs[n].name());
    let mut ids = vec![SourceId(0); logs.len()];
    for (id, n) in (0..).zip(by_name) {
        ids[n] = SourceId(id);
    }
    ids
}

/// The names of the logs, by number.
fn source_names<'l>(logs: &'l [Input], ids: &[SourceId]) -> Vec<&'l str> {
    let mut names = vec![""; logs.len()];
    for (id, log) in ids.iter().zip(logs) {
        names[id.0 as usize] = log.name();
    }
    names
}

/// Takes the evidence; tells which logs could be read.
fn first_pass(
    logs: &mut [Input],
    ids: &[SourceId],
    correlator: &mut Correlator,
    report: &mut Report,
) -> Result<Vec<bool>, Failure> {
    let mut readable = Vec::new();
    for (log, id) in logs.iter_mut().zip(ids) {
        let kept = log.keep(&Progress::new("reading what is piped", None));
        let progress = Progress::new("reading evidence", log.size());
        let mut any = false;
        let result = kept.and_then(|()| {
            log.for_each_line(&progress, |raw| {
                any = true;
                correlator.observe(Origin { source: *id, line: raw.number }, raw.bytes);
                ControlFlow::Continue(())
            })
        });
        drop(progress);
        if let Err(e) = &result {
            report.left_out(format_args!("{}: {e}", log.name()));
        }
        readable.push(any || result.is_ok());
    }
    if readable.contains(&true) { Ok(readable) } else { Err(Failure::Inputs) }
}

/// Hands each packet's flow to `each`, in order of the logs and lines, and whether names were asked for.
fn second_pass(
    logs: &[Input],
    ids: &[SourceId],
    readable: &[bool],
    correlator: &mut Correlator,
    names: &mut Names,
    mut each: impl FnMut(&Flow<'_, '_>, bool) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut batch = Batch::default();
    let mut result = Ok(());
    for ((log, id), _) in logs.iter().zip(ids).zip(readable).filter(|(_, readable)| **readable) {
        let progress = Progress::new("naming packets", log.size());
        // What cannot be read here could not be read in the first pass, and was reported there.
        let _ = log.for_each_line(&progress, |raw| {
            batch.add(Origin { source: *id, line: raw.number }, raw.bytes);
            if batch.is_full() {
                result = batch.flows(correlator, names, &mut each);
            }
            if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        std::mem::replace(&mut result, Ok(()))?;
    }
    batch.flows(correlator, names, &mut each)
}

/// Lines, until they are looked up together.
#[derive(Default)]
struct Batch {
    text: Vec<u8>,
    ends: Vec<(Origin, usize)>,
}

impl Batch {
    fn add(&mut self, origin: Origin, line: &[u8]) {
        self.text.extend_from_slice(line);
        self.ends.push((origin, self.text.len()));
    }

    fn is_full(&self) -> bool {
        self.ends.len() == BATCH_LINES || self.text.len() >= BATCH_BYTES
    }

    fn flows(
        &mut self,
        correlator: &mut Correlator,
        names: &mut Names,
        each: &mut impl FnMut(&Flow<'_, '_>, bool) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut start = 0;
        let lines: Vec<(Origin, &[u8])> = self
            .ends
            .iter()
            .map(|&(origin, end)| (origin, &self.text[std::mem::replace(&mut start, end)..end]))
            .collect();
        let mut result = Ok(());
        let is_named = names.is_asked && names.failure.is_none();
        correlator.flows(
            &lines,
            |guids| names.of(guids),
            |flow| {
                if result.is_ok() {
                    result = each(flow, is_named);
                }
            },
        );
        self.text.clear();
        self.ends.clear();
        result
    }
}

type AnyDirectory = dyn Directory<Error = asg_cc_client::Error>;

/// A directory that is asked no more once it has failed.
struct Names {
    directory: Option<Box<AnyDirectory>>,
    is_asked: bool,
    failure: Option<String>,
}

impl Names {
    fn of(&mut self, guids: &[Guid]) -> Vec<Identity> {
        let Some(directory) = &mut self.directory else {
            return vec![Identity::unknown(); guids.len()];
        };
        let found = directory.identities(guids).unwrap_or_else(|e| {
            self.failure = Some(e.to_string());
            self.directory = None;
            HashMap::new()
        });
        let one = |guid: &Guid| found.get(guid).cloned().unwrap_or_else(Identity::unknown);
        guids.iter().map(one).collect()
    }
}
