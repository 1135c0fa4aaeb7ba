//! Logs, ledgers and directories, as the options of several commands describe them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use asg_core::correlate::Counts;
use asg_core::policy::Policy;
use asg_core::record::{Outcome, Outcomes};
use asg_core::{Gathering, Guid, Identity, SourceId};

use super::Context;
use super::commands::Command;
use super::options::Options;
use super::progress::Attended;
use crate::error::Error;
use crate::flows::{Gathered, gather};
use crate::input::{Input, Log, Source};
use crate::labels::Labels;
use crate::ledger_file;
use crate::lines::{Failures, Readers};
use crate::monitor::{Monitor, Supervised};
use crate::names::{Asked, Late, Names, Shared};
use crate::origins;
use crate::output::format::Format;
use crate::output::sources;
use crate::query::Query;
use crate::report::{Failure, Report};

/// The logs of a command line.
pub(super) struct NamedLogs {
    inputs: Vec<Input>,
    /// The user named no log, and standard input is a pipe or a file.
    is_implied: bool,
}

impl NamedLogs {
    /// Without a log, standard input is read unless it is a terminal.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] if there is nothing to read.
    pub(super) fn new(paths: &[PathBuf]) -> Result<Self, Failure> {
        let is_implied = paths.is_empty();
        if is_implied && io::stdin().is_terminal() {
            return Err(no_logs());
        }
        let standard_input = [PathBuf::from("-")];
        let paths = if is_implied { &standard_input } else { paths };
        Ok(Self { is_implied, ..Self::of(paths.iter().map(Input::from_arg).collect()) })
    }

    /// These.
    pub(super) const fn of(inputs: Vec<Input>) -> Self {
        Self { inputs, is_implied: false }
    }
}

/// Numbers logs by name, so that their order does not matter to any answer. A log that is given
/// twice has two numbers.
fn numbered(inputs: Vec<Input>) -> Vec<Arc<dyn Source>> {
    let mut names: Vec<_> = inputs.iter().map(Input::name).zip(0..).collect();
    names.sort_unstable();
    let mut ids = vec![SourceId(0); inputs.len()];
    let mut before = "";
    for (name, n) in names {
        let id = origins::number(name);
        ids[n] = if name == before { origins::another(id) } else { id };
        before = name;
    }
    let log = |(input, id)| -> Arc<dyn Source> { Arc::new(Log::new(input, id)) };
    inputs.into_iter().zip(ids).map(log).collect()
}

fn no_logs() -> Failure {
    Failure::Usage("there are no logs: name some, or pipe one into standard input".into())
}

/// Logs that are read as far as they can be.
pub(super) struct Logs {
    pub(super) readers: Readers,
    failures: Failures,
    /// The number of different logs.
    many: usize,
    is_implied: bool,
    is_verbose: bool,
    begun: Instant,
}

impl Logs {
    /// The logs of a command line; see [`NamedLogs::new`]. With `again` they can be read several
    /// times.
    pub(super) fn new(
        paths: &[PathBuf],
        again: bool,
        options: &Options,
        monitor: &Arc<Attended>,
    ) -> Result<Self, Failure> {
        Self::of(NamedLogs::new(paths)?, again, options, monitor)
    }

    /// These logs, and those in folders and archives among them.
    pub(super) fn of(
        given: NamedLogs,
        again: bool,
        options: &Options,
        monitor: &Arc<Attended>,
    ) -> Result<Self, Failure> {
        let monitor: Arc<dyn Monitor> = Arc::<Attended>::clone(monitor);
        let meter = Supervised::new(Arc::clone(&monitor), "looking at the logs", None);
        let (mut logs, mut failures) = (Vec::new(), BTreeMap::new());
        for mut input in given.inputs {
            let kept = if again { input.keep(&meter) } else { input.begin(&meter) };
            match kept.map_err(|error| Error::file(input.name(), error)) {
                Ok(()) => logs.extend(input.logs(&meter)?),
                Err(Error::File(name, error)) => {
                    failures.insert(name, error.to_string());
                }
                Err(error) => return Err(error.into()),
            }
        }
        drop(meter);
        let names = logs.iter().map(Input::name).chain(failures.keys().map(String::as_str));
        let many = names.collect::<BTreeSet<_>>().len();
        let failures: Failures = Arc::new(Mutex::new(failures));
        let readers = Readers::new(numbered(logs), monitor)
            .leaving_out(Arc::clone(&failures))
            .with_threads(options.threads);
        let (is_implied, is_verbose) = (given.is_implied, options.verbose);
        Ok(Self { readers, failures, many, is_implied, is_verbose, begun: Instant::now() })
    }

    /// No logs, for queries that only choose flows.
    pub(super) fn none(options: &Options, monitor: &Arc<Attended>) -> Self {
        let monitor: Arc<dyn Monitor> = Arc::<Attended>::clone(monitor);
        let readers = Readers::new(Vec::new(), monitor).with_threads(options.threads);
        Self {
            readers,
            failures: Failures::default(),
            many: 0,
            is_implied: false,
            is_verbose: false,
            begun: Instant::now(),
        }
    }

    /// Whether there is more than one, so that each line needs the name of its log.
    pub(super) const fn are_several(&self) -> bool {
        self.many > 1
    }

    /// Takes all evidence.
    pub(super) fn gather(
        &self,
        options: &Options,
    ) -> Result<asg_core::correlate::Gathered, Failure> {
        Ok(gather(Gathering::with_policy(options.policy), &self.readers)?)
    }

    /// Why logs could not be read, by name.
    pub(super) fn unread(&self) -> BTreeMap<String, String> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether no log could be read.
    pub(super) fn are_all_left_out(&self) -> bool {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).len() == self.many
    }

    /// Reports what was read.
    fn tell(&self, outcomes: &Outcomes, report: &Report) {
        let total = outcomes.total();
        let classes = total.iter().rev().filter(|(_, lines)| *lines > 0);
        let classes: Vec<_> =
            classes.map(|(it, lines)| format!("{lines} {}", it.meaning())).collect();
        let seconds = self.begun.elapsed().as_secs_f64();
        report.note(format_args!(
            "read {} logs with {} lines in {seconds:.1} s: {}",
            self.many,
            outcomes.sum(),
            classes.join(", ")
        ));
    }

    /// Reports what could not be read, and what was not understood; fails if nothing could be read.
    pub(super) fn close(&self, outcomes: &Outcomes, report: &mut Report) -> Result<(), Failure> {
        if self.is_verbose {
            self.tell(outcomes, report);
        }
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, what) in &*failures {
            report.left_out(format_args!("{name}: {what}"));
        }
        for (name, returns) in self.readers.lone_returns() {
            report.note(format_args!(
                "{name}: its lines end in carriage returns alone ({returns}), so it is one line, and all flows have \
                 its number; `tr '\\r' '\\n'` mends it"
            ));
        }
        if let Some(sentence) = sources::sentence(outcomes, origins::name, |_| true) {
            // All other lines were read, whatever they are.
            if outcomes.total().get(Outcome::OverLong) > 0 {
                report.left_out(sentence);
            } else {
                report.note(sentence);
            }
        }
        match outcomes.sum() {
            0 if failures.len() == self.many => Err(Failure::Inputs),
            0 if self.is_implied => Err(no_logs()),
            _ => Ok(()),
        }
    }
}

/// A directory that is not asked again after a failure, because flows are useful without names.
#[derive(Debug)]
struct Gentle {
    directory: Asked,
    failure: Arc<Mutex<Option<String>>>,
}

impl Names for Gentle {
    fn identities(&self, guids: &[Guid]) -> Result<HashMap<Guid, Identity>, Error> {
        let failed = || self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let unavailable = |what: &str| {
            let identity = Identity::unavailable(what);
            Ok(guids.iter().map(|guid| (*guid, identity.clone())).collect())
        };
        if let Some(what) = &*failed() {
            return unavailable(what);
        }
        match self.directory.identities(guids) {
            Err(Error::Directory(what)) => {
                let answer = unavailable(&what);
                *failed() = Some(what);
                answer
            }
            result => result,
        }
    }
}

/// The directory that the options choose, and its failure.
#[derive(Default)]
pub(super) struct Directory {
    pub(super) names: Option<Arc<dyn Names>>,
    failure: Arc<Mutex<Option<String>>>,
}

impl Directory {
    pub(super) fn new(options: &Options, context: &mut Context<'_>) -> Result<Self, Failure> {
        let directory = Self::opened(options.names.directory()?, context);
        Ok(directory.map_or_else(Self::default, |it| Self::of(it, &context.monitor)))
    }

    /// Opens a directory whose failures are errors, so that the caller can ask again. Also returns
    /// why it cannot be asked now.
    pub(super) fn failing(
        options: &Options,
        context: &mut Context<'_>,
    ) -> Result<(Self, Option<String>), Failure> {
        let monitor: Arc<dyn Monitor> = Arc::<Attended>::clone(&context.monitor);
        let (names, why): (Option<Arc<dyn Names>>, _) = match options.names.directory()? {
            Err(why) if options.names.may_open_later() => {
                (Some(Arc::new(Late::new(options.names.clone(), monitor))), Some(why))
            }
            opened => match Self::opened(opened, context) {
                Some(it) => (Some(Arc::new(Asked::new(it, monitor))), None),
                None => (None, None),
            },
        };
        Ok((Self { names, ..Self::default() }, why))
    }

    /// Reports what is missing in a directory, or the whole of it.
    fn opened(
        opened: Result<Option<Arc<Shared>>, String>,
        context: &mut Context<'_>,
    ) -> Option<Arc<Shared>> {
        match opened {
            Ok(directory) => {
                for gap in directory.iter().flat_map(|directory| directory.gaps()) {
                    context.report.left_out(gap);
                }
                directory
            }
            Err(why) => {
                context.report.left_out(format_args!("there are no names: {why}"));
                None
            }
        }
    }

    /// This directory.
    pub(super) fn of(directory: Arc<Shared>, monitor: &Arc<Attended>) -> Self {
        let monitor: Arc<dyn Monitor> = Arc::<Attended>::clone(monitor);
        let failure = Arc::<Mutex<_>>::default();
        let gentle =
            Gentle { directory: Asked::new(directory, monitor), failure: Arc::clone(&failure) };
        Self { names: Some(Arc::new(gentle)), failure }
    }

    fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the directory answers, for other threads.
    pub(super) fn answers(&self) -> Answers {
        Answers { is_asked: self.names.is_some(), failure: Arc::clone(&self.failure) }
    }

    /// Whether the directory is asked and has not failed.
    pub(super) fn is_answering(&self) -> bool {
        self.answers().are_there()
    }

    /// Reports the failure, if there was one.
    pub(super) fn close(&self, report: &mut Report) {
        if let Some(why) = self.failure() {
            report.left_out(format_args!("names are missing: {why}"));
        }
    }
}

/// Whether a directory answers.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    is_asked: bool,
    failure: Arc<Mutex<Option<String>>>,
}

impl Answers {
    /// Whether the directory is asked and has not failed.
    pub(super) fn are_there(&self) -> bool {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_asked && failure.is_none()
    }
}

/// Reports that further lines about some packets are not recognised.
pub(super) fn note_forgotten(counts: &Counts, report: &Report) {
    let Counts { displaced, .. } = counts;
    if *displaced > 0 {
        report.note(format_args!(
            "{displaced} packets were forgotten for want of room; a further line about one of them counts as a packet of \
             its own (see --remember)"
        ));
    }
}

/// The flows that the options ask for.
pub(super) fn flows(
    options: &Options,
    logs: &Logs,
    directory: &Directory,
) -> Result<(Query, Arc<Gathered>), Failure> {
    let (query, gathered) = all_flows(options, logs, directory)?;
    Ok((filtered(query, options)?, gathered))
}

/// The saved flows that the options ask for.
pub(super) fn saved_flows(path: &Path, options: &Options) -> Result<Query, Failure> {
    filtered(all_saved_flows(path, options)?, options)
}

/// Returns all saved flows.
pub(super) fn all_saved_flows(path: &Path, options: &Options) -> Result<Query, Failure> {
    let asked = [
        ("LOG", !options.rest.is_empty()),
        ("--ledger", !options.ledgers.is_empty()),
        ("--cf, --api and --cc-export", !options.names.is_empty()),
        ("--follow", options.follow),
    ];
    if let Some((what, _)) = asked.iter().find(|(_, is_given)| *is_given) {
        let why = "saved flows have their answers and names already";
        return Err(Failure::Usage(format!("--flows does not go with {what}: {why}")));
    }
    Ok(Query::from_flows(path)?)
}

/// The flows that the options ask for, with their explanations, which `--where` may be about.
pub(super) fn explained(
    options: &Options,
    policy: &Policy,
    logs: &Logs,
    directory: &Directory,
) -> Result<(Query, Arc<Gathered>), Failure> {
    let (query, gathered) = all_flows(options, logs, directory)?;
    Ok((filtered(query.explained(policy)?, options)?, gathered))
}

/// Returns all flows.
pub(super) fn all_flows(
    options: &Options,
    logs: &Logs,
    directory: &Directory,
) -> Result<(Query, Arc<Gathered>), Failure> {
    let ledger = ledger_file::load_all(&options.ledgers)?;
    let ledger = ledger.map(|ledger| Arc::new(Mutex::new(ledger)));
    let gathered = Gathered::new(options.policy, ledger).remembering(options.remember);
    let gathered = Arc::new(gathered);
    let query = Query::flows(
        logs.readers.clone(),
        options.policy,
        Arc::clone(&gathered),
        directory.names.clone(),
    );
    Ok((query, gathered))
}

/// Returns the wanted rows, with the caller's names and verdicts.
pub(super) fn filtered(query: Query, options: &Options) -> Result<Query, Failure> {
    chosen(labelled(query, options)?, options)
}

/// Returns the rows with the caller's names and verdicts.
pub(super) fn labelled(query: Query, options: &Options) -> Result<Query, Failure> {
    if options.networks.is_empty() && options.prefixes.is_empty() {
        return Ok(query);
    }
    Ok(query.labelled(Labels::load(&options.networks, &options.prefixes)?))
}

/// Returns the wanted rows.
pub(super) fn chosen(mut query: Query, options: &Options) -> Result<Query, Failure> {
    for condition in &options.conditions {
        query = query.meeting(condition, &options.look.zone)?;
    }
    // With --follow, each packet is compared with the time when it comes.
    let is_for_rows = !options.follow && options.command != Command::New;
    let since = options.since.filter(|_| is_for_rows);
    if since.is_some() || options.until.is_some() {
        query = query.between(since, options.until);
    }
    // Others take as many of what they make of the rows.
    let takes_rows = matches!(
        options.command,
        Command::Correlate | Command::Demo | Command::Parse | Command::Explain
    ) && !options.format.is_summary()
        && !matches!(options.format, Format::Standard(_))
        && options.look.sort.is_empty();
    match options.limit {
        Some(limit) if takes_rows => Ok(query.slice(0, Some(limit as u64))),
        _ => Ok(query),
    }
}
