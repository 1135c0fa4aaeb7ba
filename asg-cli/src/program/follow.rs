//! `asglog correlate --follow`: the packets of logs that are still being written, with their
//! owners.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use asg_core::correlate::{FollowerCounts, FollowerOptions};
use asg_core::line::RawLine;
use asg_core::record::Outcome;
use asg_core::siem::{RecordLines, Standard};
use asg_core::{Flow, Follower, Ledger, Line, Origin, Timestamp};

use super::correlate::{destination, reading, without_record};
use super::logs::{Directory, Logs, flows, note_forgotten};
use super::options::{Options, before_now};
use super::outages::{Held, Patient, Unnamed};
use super::progress::Attended;
use super::{Context, look};
use crate::error::Error;
use crate::follow::{Bytes, SavedHeld, SavedTail, State, StateFile, Tails, standard_output};
use crate::labels::Labels;
use crate::ledger_file;
use crate::origins;
use crate::output::flow_row::FlowRow;
use crate::output::flow_table::FlowTable;
use crate::output::format::Format;
use crate::output::metrics::{Metrics, Now};
use crate::output::{Out, ndjson, sources};
use crate::query::rows::Sieve;
use crate::query::{ReadRow, Row};
use crate::report::{Failure, Report};

/// How often files are looked at.
const PERIOD: Duration = Duration::from_millis(200);

/// How long containers are known after their end: logs of a day explain each other, because they
/// are read one after the other, though they were written side by side.
const RETENTION: Duration = Duration::from_secs(24 * 3_600);

/// How often the state is saved at most, and how often without output.
const SAVED: Duration = Duration::from_secs(1);
const SAVED_QUIETLY: Duration = Duration::from_secs(30);

/// How often the file of `--metrics` is replaced.
const MEASURED: Duration = Duration::from_secs(5);

pub(super) fn run(options: &Options, mut context: Context<'_>) -> Result<(), Failure> {
    if options.output.is_some() {
        return Err(Failure::Usage("with --follow, flows go to standard output".into()));
    }
    if options.rest.is_empty() {
        return Err(Failure::Usage("--follow takes logs; - is standard input".into()));
    }
    let (directory, why_not) = Directory::failing(options, &mut context)?;
    let Context { monitor, report } = context;
    let mut out = Out::new(None)?;
    let mut tails = Tails::new(&options.rest, options.state.as_deref())?;
    let state = options.state.clone().map(|path| StateFile::new(path, standard_output()));
    let saved = state.as_ref().map_or(Ok(None), StateFile::load)?;
    if let (Some(state), None) = (&state, &saved) {
        // The logs may be rotated before anything else is saved.
        tails.open();
        let begin = State { logs: tails.places(), ..State::default() };
        state.commit(begin, &Ledger::new(), &mut out)?;
    }
    let (saved, mut evidence) = saved.unwrap_or_default();
    evidence.merge(&evidence_so_far(options, &monitor, report)?);
    if let Some(before) = ledger_file::load_all(&options.ledgers)? {
        evidence.merge(&before);
    }
    let mut settings = FollowerOptions::default();
    settings.policy = options.policy;
    settings.retention = options.retention.unwrap_or(RETENTION);
    settings.silence = settings.retention.saturating_mul(7);
    settings.hold = options.hold.unwrap_or(settings.hold);
    settings.most_remembered = options.remember.unwrap_or(settings.most_remembered);
    let follower = Follower::new(settings).with_ledger(evidence);
    let buffer = Buffer::default();
    let shown = match options.format {
        Format::Ndjson => Shown::Ndjson(buffer.clone()),
        Format::Standard(standard) => Shown::Records(standard, options, buffer.clone()),
        _ => Shown::Table(FlowTable::new(buffer.clone(), look(options))),
    };
    let (sieve, labels) = chosen(options, &directory, &monitor)?;
    let unnamed = Unnamed::default();
    let since = options.since;
    let metrics = options.metrics.as_deref().map(|path| (path, Metrics::default()));
    let sink = Sink {
        shown,
        sieve,
        labels,
        since,
        directory: &directory,
        unnamed: &unnamed,
        metrics,
        foreign: 0,
    };
    let wait = Duration::from_secs(options.names_wait.unwrap_or(0));
    let mut names = Patient::new(directory.names.as_deref(), wait, &unnamed, report);
    if let Some(why) = why_not {
        names.fails(why);
    }
    let mut run = Run {
        follower,
        sink,
        buffer,
        names,
        out,
        state,
        others: Vec::new(),
        saved: None,
        measured: None,
        pace: SAVED,
        noted: FollowerCounts::default(),
        told: HashSet::new(),
    };
    let missing = run.go_on(saved, &mut tails)?;
    run.follow(&mut tails, &monitor, report)?;
    let foreign = run.sink.foreign;
    let unread = run.unread();
    drop(run);
    if let Format::Standard(standard) = options.format
        && let Some(sentence) = without_record(foreign, standard)
    {
        report.note(sentence);
    }
    if let Some((sentence, is_left_out)) = unread {
        if is_left_out {
            report.left_out(sentence);
        } else {
            report.note(sentence);
        }
    }
    for what in missing.into_iter().chain(unnamed.sentence()) {
        report.left_out(what);
    }
    Ok(())
}

/// Gathers the evidence in the present files. It counts for all packets, in any order of files.
fn evidence_so_far(
    options: &Options,
    monitor: &Arc<Attended>,
    report: &mut Report,
) -> Result<Ledger, Failure> {
    let files = Tails::readable(&options.rest);
    if files.is_empty() {
        return Ok(Ledger::new());
    }
    let logs = Logs::new(&files, true, options, monitor)?;
    let gathered = logs.gather(options)?;
    // Followed files that cannot be read are reported when they are followed.
    let is_followed = |name: &str| files.iter().any(|file| file.display().to_string() == name);
    for (name, what) in logs.unread().into_iter().filter(|(name, _)| !is_followed(name)) {
        report.left_out(format_args!("{name}: {what}"));
    }
    Ok(gathered.into_ledger())
}

/// Returns the filter of flows, and the caller's names and verdicts.
fn chosen(
    options: &Options,
    directory: &Directory,
    monitor: &Arc<Attended>,
) -> Result<(Sieve, Option<Arc<Labels>>), Failure> {
    let logs = Logs::none(options, monitor);
    let (query, _) = flows(options, &logs, directory)?;
    Ok((query.sieve(), query.labels()))
}

/// A follower, and all that it needs.
struct Run<'d> {
    follower: Follower,
    sink: Sink<'d>,
    /// The output that was not written yet.
    buffer: Buffer,
    names: Patient<'d>,
    out: Out,
    state: Option<StateFile>,
    /// Places of logs that are not followed now.
    others: Vec<SavedTail>,
    /// When the state was saved by this run.
    saved: Option<Instant>,
    /// When the metrics were written.
    measured: Option<Instant>,
    /// How often the state is saved: saving a large one takes time.
    pace: Duration,
    noted: FollowerCounts,
    /// Classes of lines that standard error names already.
    told: HashSet<Outcome>,
}

impl Run<'_> {
    /// Writes what another run left, and takes the packets that waited. Returns sentences about
    /// lines that may be missing.
    fn go_on(&mut self, saved: State, tails: &mut Tails) -> Result<Vec<String>, Failure> {
        let State { logs, held, output, .. } = saved;
        self.buffer.write_all(output.as_bytes())?;
        let origin =
            |held: &SavedHeld| Origin { source: origins::number(&held.source), line: held.line };
        let places: HashSet<_> = held.iter().map(origin).collect();
        let mut seen = HashSet::new();
        let mut taken = Ok(());
        // Lines are taken in their order, because a second line about a packet follows its first.
        let mut recall = |origin: Origin, raw: RawLine<'_>| {
            if !places.contains(&origin) {
                if raw.part_of.is_none() {
                    self.follower.recall(origin, raw);
                }
            } else if taken.is_ok() {
                seen.insert(origin);
                let line = raw.line();
                taken = take(&mut self.follower, &mut self.names, &mut self.sink, origin, line);
            }
        };
        let mut notes = Vec::new();
        self.others = tails.resume(logs, &mut recall, &mut |what| notes.push(what));
        taken?;
        for held in held.iter().filter(|held| !seen.contains(&origin(held))) {
            let bytes = &held.text.0;
            let line = if held.is_cut { Line::cut(bytes) } else { Line::new(bytes) };
            take(&mut self.follower, &mut self.names, &mut self.sink, origin(held), line)?;
        }
        self.noted = self.follower.counts();
        Ok(notes)
    }

    /// Follows until the run is to end.
    fn follow(
        &mut self,
        tails: &mut Tails,
        monitor: &Attended,
        report: &Report,
    ) -> Result<(), Failure> {
        let mut last = Instant::now();
        while !monitor.is_stopped() {
            let mut taken = Ok(());
            let any = {
                let Self { follower, names, sink, .. } = self;
                let mut each = |origin: Origin, raw: RawLine<'_>| {
                    if raw.part_of.is_some() {
                        follower.pass_over(origin);
                    } else if taken.is_ok() {
                        taken = take(follower, names, sink, origin, raw.line());
                    }
                };
                tails.poll(&mut each, &mut |what| report.note(what))
            };
            taken?;
            if any {
                last = Instant::now();
            } else if tails.are_over() {
                break;
            } else if let Some(now) = self.follower.now().filter(|_| !self.names.is_waiting()) {
                // By the log's time: whoever reads old logs is not to wait for today.
                let idle = i64::try_from(last.elapsed().as_nanos()).unwrap_or(i64::MAX);
                let time = Timestamp::from_nanos(now.as_nanos().saturating_add(idle));
                let sink = &mut self.sink;
                went_on(self.follower.tick(time, &mut self.names, |flow| sink.flow(flow)))?;
                last = Instant::now();
            }
            self.note(report);
            self.write(tails, false)?;
            self.measure(false)?;
            if !any {
                thread::sleep(PERIOD);
            }
        }
        // A later run goes on with the packets that wait.
        if self.state.is_none() || tails.are_over() {
            let sink = &mut self.sink;
            self.names.hurry();
            went_on(self.follower.finish(&mut self.names, |flow| sink.flow(flow)))?;
        }
        self.write(tails, true)?;
        self.measure(true)
    }

    /// Replaces the file of `--metrics`, now and then.
    fn measure(&mut self, is_last: bool) -> Result<(), Failure> {
        let Some((path, metrics)) = &self.sink.metrics else { return Ok(()) };
        if !is_last && self.measured.is_some_and(|at| at.elapsed() < MEASURED) {
            return Ok(());
        }
        let age = self.follower.now().zip(before_now(Duration::ZERO)).map(|(latest, now)| {
            Duration::from_nanos(
                now.as_nanos().saturating_sub(latest.as_nanos()).max(0).cast_unsigned(),
            )
        });
        let now = Now {
            counts: self.follower.counts(),
            outcomes: self.follower.outcomes(),
            lag: age.map(|age| age.as_secs_f64()),
            outages: self.names.outages(),
        };
        metrics.write(path, &now).map_err(|error| Error::file(path.to_string_lossy(), error))?;
        self.measured = Some(Instant::now());
        Ok(())
    }

    /// All lines that do not count in full, as a sentence, and whether their ends were skipped.
    fn unread(&self) -> Option<(String, bool)> {
        let outcomes = self.follower.outcomes();
        let sentence = sources::sentence(outcomes, origins::name, |_| true)?;
        Some((sentence, outcomes.total().get(Outcome::OverLong) > 0))
    }

    /// Reports what the follower had to decide, and lines that it did not understand.
    fn note(&mut self, report: &Report) {
        let outcomes = self.follower.outcomes();
        let is_new = |outcome| !self.told.contains(&outcome);
        if let Some(sentence) = sources::sentence(outcomes, origins::name, is_new) {
            report.note(sentence);
            let seen = outcomes.total();
            self.told.extend(seen.iter().filter(|(_, lines)| *lines > 0).map(|(it, _)| it));
        }
        let now = self.follower.counts();
        let before = std::mem::replace(&mut self.noted, now);
        if before.lines.displaced == 0 {
            note_forgotten(&now.lines, report);
        }
        if now.leaps > before.leaps {
            report.note(format_args!(
                "the time of the logs leaped by more than an hour; leaps so far: {}",
                now.leaps
            ));
        }
        if now.forgotten > before.forgotten {
            report.note(format_args!(
                "containers of long ago were forgotten, {} so far (see --retention)",
                now.forgotten
            ));
        }
        if now.hurried > 0 && before.hurried == 0 {
            report.note("too many packets wait for evidence, so that some do not wait --hold");
        }
    }

    /// Writes the output that has come, and saves the state before that.
    fn write(&mut self, tails: &Tails, is_last: bool) -> Result<(), Failure> {
        self.sink.flush()?;
        let Some(state) = &self.state else {
            let text = self.buffer.take();
            self.out.write_all(&text)?;
            return Ok(self.out.flush()?);
        };
        let pace = if self.buffer.is_empty() { SAVED_QUIETLY } else { self.pace };
        if !is_last && self.saved.is_some_and(|at| at.elapsed() < pace) {
            return Ok(());
        }
        let begun = Instant::now();
        let held = self.follower.held().map(|(origin, line)| SavedHeld {
            source: origins::name(origin.source).to_owned(),
            line: origin.line,
            text: Bytes(line.raw().to_vec()),
            is_cut: line.is_cut(),
        });
        let saved = State {
            logs: tails.places().into_iter().chain(self.others.iter().cloned()).collect(),
            held: held.collect(),
            output: String::from_utf8_lossy(&self.buffer.take()).into_owned(),
            ..State::default()
        };
        state.commit(saved, self.follower.ledger(), &mut self.out)?;
        self.pace = SAVED.max(begun.elapsed() * 10);
        self.saved = Some(Instant::now());
        Ok(())
    }
}

fn take(
    follower: &mut Follower,
    names: &mut Patient<'_>,
    sink: &mut Sink<'_>,
    origin: Origin,
    line: Line<'_>,
) -> Result<(), Failure> {
    went_on(follower.take(origin, line, names, |flow| sink.flow(flow)))
}

/// Flows that are held for their names come later.
fn went_on(given: Result<ControlFlow<Failure>, Held>) -> Result<(), Failure> {
    match given {
        Ok(ControlFlow::Break(failure)) => Err(failure),
        Ok(ControlFlow::Continue(())) | Err(Held) => Ok(()),
    }
}

/// Text that several write to.
#[derive(Debug, Clone, Default)]
struct Buffer(Rc<RefCell<Vec<u8>>>);

impl Buffer {
    fn take(&self) -> Vec<u8> {
        self.0.take()
    }

    fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Shown<'o> {
    Table(FlowTable<Buffer>),
    Ndjson(Buffer),
    Records(Standard, &'o Options, Buffer),
}

/// Where flows go.
struct Sink<'o> {
    shown: Shown<'o>,
    /// Chooses flows.
    sieve: Sieve,
    labels: Option<Arc<Labels>>,
    /// Packets of before are not shown.
    since: Option<Timestamp>,
    directory: &'o Directory,
    unnamed: &'o Unnamed,
    /// The file of `--metrics`, and what is in it.
    metrics: Option<(&'o Path, Metrics)>,
    /// Packets that have no record in the format.
    foreign: u64,
}

impl Sink<'_> {
    /// Shows what came.
    fn flush(&mut self) -> Result<(), Failure> {
        match &mut self.shown {
            Shown::Table(table) => Ok(table.flush()?),
            Shown::Ndjson(_) | Shown::Records(..) => Ok(()),
        }
    }

    fn flow(&mut self, flow: &Flow<'_, '_>) -> ControlFlow<Failure> {
        let is_old = matches!((flow.time, self.since), (Some(time), Some(since)) if time < since);
        let labels = self.labels.clone();
        let row = ReadRow { labels: labels.as_deref(), ..ReadRow::of(flow, &[]) };
        if is_old || !self.sieve.admits(&Row::Read(&row)) {
            return ControlFlow::Continue(());
        }
        self.unnamed.note(flow);
        if let Some((_, metrics)) = &mut self.metrics {
            metrics.flow(flow);
        }
        match self.write(flow, &row) {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => ControlFlow::Break(failure),
        }
    }

    fn write(&mut self, flow: &Flow<'_, '_>, row: &ReadRow<'_>) -> Result<(), Failure> {
        match &mut self.shown {
            Shown::Table(table) => {
                let shown = FlowRow::of(flow, self.directory.is_answering());
                table.push(shown.labelled(row))?;
            }
            Shown::Records(standard, options, out) => {
                let mut lines = RecordLines::new(*standard, reading(options));
                let source = origins::name(flow.origin.source);
                let is_added = lines.add_named(flow, source, destination(row));
                self.foreign += u64::from(!is_added);
                out.write_all(&lines.take())?;
            }
            Shown::Ndjson(out) => {
                let mut text = serde_json::to_vec(&flow.to_output(origins::name))?;
                text.push(b'\n');
                ndjson::label(&mut text, row);
                out.write_all(&text)?;
            }
        }
        Ok(())
    }
}
