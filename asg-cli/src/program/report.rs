//! `asglog report`: one page of HTML.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;

use asg_core::policy::Policy;
use asg_core::record::Outcomes;

use super::check::{given, quoted};
use super::commands::Command;
use super::explain::load;
use super::logs::{Directory, Logs, NamedLogs, all_flows, all_saved_flows, chosen, labelled};
use super::options::{Options, before_now};
use super::{Context, coverage};
use crate::answers::{Found, Overview};
use crate::check::{Facts, FlowFacts, Given};
use crate::explain::Words;
use crate::origins;
use crate::output::Out;
use crate::page::{Commands, File, Page, Rules};
use crate::query::Query;
use crate::query::rows::Sieve;
use crate::report::Failure;

/// Rows of a table without `--limit`.
const ROWS: usize = 100;

/// Logs that commands below tables name; more are [`LOGS`].
const MOST_NAMED: usize = 3;
const LOGS: &str = "LOG…";

/// Bars of the timeline.
const BARS: u32 = 120;

/// The longest time between two packets of an episode without `--gap`.
const GAP: Duration = Duration::from_secs(300);

pub(super) fn run(options: &Options, mut context: Context<'_>) -> Result<(), Failure> {
    let path = options.output.as_deref();
    if path.is_none() && !options.is_standard_output && io::stdout().is_terminal() {
        let what =
            "a report goes to a file: give --output FILE.html, or --output - for standard output";
        return Err(Failure::Usage(what.into()));
    }
    if let Some(saved) = &options.flows {
        if !options.rules.sources.groups.is_empty() {
            let what = "--flows does not go with --groups: saved flows have their answers already";
            return Err(Failure::Usage(what.into()));
        }
        let query = labelled(all_saved_flows(saved, options)?, options)?;
        let (found, _) = look(options, &query, None)?;
        return write(Parts { found, facts: None, files: Vec::new(), rules: None }, options, path);
    }
    let directory = Directory::new(options, &mut context)?;
    of_logs(options, path, NamedLogs::new(&options.rest)?, &directory, context)
}

/// Writes the report of logs.
pub(super) fn of_logs(
    options: &Options,
    path: Option<&Path>,
    logs: NamedLogs,
    directory: &Directory,
    context: Context<'_>,
) -> Result<(), Failure> {
    let Context { monitor, report } = context;
    let sources = &options.rules.sources;
    let policy = if sources.groups.is_empty() { None } else { Some(load(&options.rules, report)?) };
    let logs = Logs::of(logs, true, options, &monitor)?;
    let (query, gathered) = all_flows(options, &logs, directory)?;
    let query = match &policy {
        Some(policy) => query.explained(policy)?,
        None => query,
    };
    let query = labelled(query, options)?;
    let (found, flows) = look(options, &query, policy.as_ref())?;
    // A page about nothing would look like an answer.
    if logs.are_all_left_out() {
        return logs.close(&Outcomes::default(), report);
    }
    let correlation = gathered.ready(&logs.readers, directory.names.as_ref())?;
    let facts = Facts::with_flows(&logs.readers, &options.policy, flows, &correlation)?;
    let files = files(&facts.outcomes);
    let rules = policy.as_ref().map(rules);
    write(Parts { found, facts: Some(facts), files, rules }, options, path)?;
    directory.close(report);
    logs.close(correlation.outcomes(), report)
}

/// The results of a thread: facts of all flows, and answers about the wanted ones.
struct Looking {
    sieve: Sieve,
    facts: FlowFacts,
    overview: Overview,
}

/// Reads the flows once.
fn look(
    options: &Options,
    query: &Query,
    policy: Option<&Policy>,
) -> Result<(Found, FlowFacts), Failure> {
    let wanted = chosen(query.clone(), options)?;
    let gap = i64::try_from(options.gap.unwrap_or(GAP).as_nanos()).unwrap_or(i64::MAX).max(1);
    let empty = || Overview::new(query, gap, BARS, policy.map(Words::new));
    // The columns that it needs are there, or nothing is.
    let mut all = (empty()?, FlowFacts::default());
    let threads = query.fold(
        || Looking {
            sieve: wanted.sieve(),
            facts: FlowFacts::default(),
            overview: empty().expect("the first one was made, and each is made alike"),
        },
        |looking, row| {
            looking.facts.add_row(row);
            if looking.sieve.admits(row) {
                looking.overview.add(row);
            }
        },
    )?;
    for Looking { facts, overview, .. } in threads {
        all = (all.0.merged(overview), all.1.merged(facts));
    }
    Ok((all.0.answers(options.new_since), all.1))
}

/// The contents of a page besides options.
struct Parts {
    found: Found,
    facts: Option<Facts>,
    files: Vec<File>,
    rules: Option<Rules>,
}

fn write(parts: Parts, options: &Options, path: Option<&Path>) -> Result<(), Failure> {
    let Parts { found, facts, files, rules } = parts;
    let commands = commands(options, &found);
    let title =
        options.title.clone().unwrap_or_else(|| "Application traffic by security groups".into());
    let page = Page {
        title,
        zone: options.look.zone.clone(),
        coverage: facts.map(|facts| (facts, logs_in_short(given(options), options))),
        found,
        rules,
        files,
        commands,
        most: options.limit.unwrap_or(ROWS),
        made: before_now(Duration::ZERO),
    };
    let mut out = Out::new(path)?;
    out.write_all(page.text().as_bytes())?;
    Ok(out.finish()?)
}

/// Returns the options for findings, with few names of logs.
fn logs_in_short(given: Given, options: &Options) -> Given {
    if are_named(options) { given } else { Given { logs: LOGS.into(), ..given } }
}

/// Returns whether commands name the logs: there are few, and not those of the demonstration.
fn are_named(options: &Options) -> bool {
    options.rest.len() <= MOST_NAMED && options.command != Command::Demo
}

/// Returns each log and its lines, by name.
fn files(outcomes: &Outcomes) -> Vec<File> {
    let file = |(source, counts): (asg_core::SourceId, &asg_core::record::OutcomeCounts)| {
        let classes = counts.iter().rev().filter(|(_, lines)| *lines > 0);
        let classes: Vec<_> =
            classes.map(|(it, lines)| format!("{lines} {}", it.meaning())).collect();
        let name = origins::name(source).to_owned();
        File { name, lines: counts.sum(), classes: classes.join(", ") }
    };
    let mut files: Vec<_> = outcomes.sources().map(file).collect();
    files.sort_by(|one, other| one.name.cmp(&other.name));
    files
}

fn rules(policy: &Policy) -> Rules {
    let words = Words::new(policy);
    let (mut entries, mut blind) = (Vec::new(), BTreeSet::new());
    for covered in coverage::all(policy, &[], None) {
        blind.extend(covered.blind.iter().map(|spot| spot.code));
        let pushed = coverage::rows(&covered, &words, |row| {
            entries.push(row);
            Ok(())
        });
        debug_assert!(pushed.is_ok(), "nothing is written");
    }
    Rules { entries, blind: blind.into_iter().map(asg_core::policy::Blind::what).collect() }
}

/// Returns the commands that give the same numbers, with the options that they share with this one.
fn commands(options: &Options, found: &Found) -> Commands {
    let command = |what: &str, command: Command| {
        let entry = command.entry();
        let mut words = vec![format!("asglog {what}")];
        let mut is_list = false;
        for (name, value) in &options.given {
            // Rows and looks are each command's own.
            let is_own = ["output", "limit", "color", "no-color", "quiet", "threads", "verbose"];
            let is_own = is_own.contains(name) && command != options.command;
            let Some(option) = entry.option(name).filter(|_| !is_own) else { continue };
            words.push(format!("--{name}"));
            if !option.takes.placeholder().is_empty() {
                words.push(quoted(value));
            }
            is_list = ["cc-export", "groups"].contains(name);
        }
        if is_list && !options.rest.is_empty() {
            words.push("--".into());
        }
        let is_whole = are_named(options) || command == Command::Report;
        let logs = options.rest.iter().map(|path| quoted(&path.to_string_lossy()));
        words.extend(logs.filter(|_| is_whole));
        if !is_whole && command != Command::Demo {
            words.push(LOGS.into());
        }
        words.join(" ")
    };
    let top =
        |by: &str, rows: usize| command(&format!("top --by {by} -n {}", rows.max(1)), Command::Top);
    let every = crate::page::span(found.timeline.seconds());
    let new = found.since.filter(|_| options.since.is_none());
    Commands {
        this: command(options.command.entry().name, options.command),
        senders: top("app", found.senders.rows.len()),
        pairs: top("app,destination", found.pairs.rows.len()),
        timeline: command(&format!("timeline --every {every}"), Command::Timeline),
        episodes: command("episodes", Command::Episodes),
        new: new.map(|since| command(&format!("new --since {since}"), Command::New)),
        reasons: top("certainty,reason", found.certainties.rows.len()),
        coverage: command("coverage", Command::Coverage),
    }
}
