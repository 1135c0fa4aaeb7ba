//! The program `asglog`: one file for each command.
//!
//! | file | what |
//! |---|---|
//! | `commands`, `option_table` | the tables of commands and options |
//! | `options`, `policy_options` | a command line, read by that table |
//! | `help`, `completion` | what is made of the table: `--help`, the manual page, completion |
//! | `logs` | logs, ledgers and directories as several commands' options describe them |
//! | `outages` | a directory that is asked again, for logs that are followed |
//! | `parse`, `correlate`, `summary`, `follow`, `answers`, `check`, `report`, `who`, `ledger`, `export`, `demo` | the commands |
//! | `explain`, `coverage`, `snapshot` | the commands about security groups |
//! | `progress`, `show` | progress on a terminal, small tables in the chosen format |

mod answers;
mod bundle;
mod check;
mod commands;
mod completion;
mod correlate;
mod coverage;
pub mod demo;
mod explain;
mod export;
mod follow;
mod help;
mod ledger;
mod logs;
mod option_table;
mod options;
mod outages;
mod parse;
mod policy_options;
mod progress;
mod redact;
mod report;
mod show;
mod snapshot;
mod sorted;
mod summary;
mod verify;
mod who;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use self::commands::{COMMANDS, Command};
use self::options::{Asked, Colour, LookOptions, Options};
use self::progress::Attended;
use crate::monitor::{PERIOD, Stop};
use crate::nearest::{hint, nearest};
use crate::output::{remove_unfinished, table::Look};
use crate::report::{Failure, Report, say};

/// How long a run may take to clean up after it was asked to end.
const CLEANUP: Duration = Duration::from_millis(500);

/// Runs the program and returns its exit status.
///
/// `args` are the arguments behind the program's name. `interrupted` is called every [`PERIOD`] in
/// the calling thread; a status that it returns ends the run with that status, for example 130
/// after Ctrl-C. The caller must then end the process, because a thread may still wait for a pipe
/// or a server.
///
/// ```
/// assert_eq!(asg_cli::program::main(vec!["--version".into()], || None), 0);
/// assert_eq!(asg_cli::program::main(vec!["nonsense".into()], || None), 2);
/// ```
pub fn main(args: Vec<OsString>, mut interrupted: impl FnMut() -> Option<u8>) -> u8 {
    let stop = Stop::default();
    let (done, finished) = mpsc::channel();
    let worker_stop = stop.clone();
    let worker = thread::Builder::new().name("asglog".to_owned()).spawn(move || {
        let mut report = Report::new("asglog");
        let result = run(args, &worker_stop, &mut report);
        // A run that was asked to end needs no message.
        let status = worker_stop.status().unwrap_or_else(|| report.status(result));
        let _ = done.send(status);
    });
    if let Err(error) = worker {
        return Report::new("asglog").status(Err(Failure::Other(error.to_string())));
    }
    loop {
        match finished.recv_timeout(PERIOD) {
            Ok(status) => return status,
            // The worker has panicked, and the panic's text is on standard error.
            Err(mpsc::RecvTimeoutError::Disconnected) => return 2,
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        if let Some(status) = interrupted() {
            stop.request(status);
            let _ = finished.recv_timeout(CLEANUP);
            remove_unfinished();
            return status;
        }
    }
}

/// The environment of a command, beside its options.
struct Context<'r> {
    monitor: Arc<Attended>,
    report: &'r mut Report,
}

fn run(args: Vec<OsString>, stop: &Stop, report: &mut Report) -> Result<(), Failure> {
    let words: Vec<_> = args.iter().map(|arg| arg.to_str().unwrap_or_default()).collect();
    let (name, taken) = match words[..] {
        [] | ["-h" | "--help" | "help"] | ["help", "-h" | "--help"] => return say(&help::general()),
        ["-V" | "--version", ..] => {
            return say(concat!("asglog ", env!("CARGO_PKG_VERSION"), "\n"));
        }
        ["help", "--man"] => return say(&help::manual()),
        ["help", "columns"] => return say(&help::columns()),
        ["help", ref name @ ..] => return explain_topic(&name.join(" ")),
        [first, second, ..] if is_command(&format!("{first} {second}")) => {
            (format!("{first} {second}"), 2)
        }
        [first, ..] if is_command(first) => (first.to_owned(), 1),
        // Of several commands that begin so.
        [first] | [first, "-h" | "--help"] => return explain_command(first),
        [first, second, ..] if is_begin(first) => {
            return Err(no_command(&format!("{first} {second}")));
        }
        [first, ..] => return Err(no_command(first)),
    };
    let command = COMMANDS.iter().find(|entry| entry.name == name).map(|entry| entry.command);
    let command = command.ok_or_else(|| no_command(&name))?;
    let options = match Options::parse(command, args.into_iter().skip(taken))? {
        Asked::Help => return explain_command(&name),
        Asked::Run(options) => *options,
    };
    report.set_quiet(options.quiet);
    let monitor = Arc::new(Attended::new(stop.clone(), options.quiet));
    let mut context = Context { monitor, report };
    match command {
        Command::Parse => parse::run(options, context),
        Command::Correlate if options.follow => follow::run(&options, context),
        Command::Correlate => correlate::run(&options, context),
        Command::Demo => demo::run(&options, context),
        Command::Who => who::run(&options, context),
        Command::Check => check::run(&options, context),
        Command::Report => report::run(&options, context),
        Command::Top | Command::Timeline | Command::New | Command::Episodes => {
            answers::run(&options, context)
        }
        Command::LedgerBuild => ledger::build(&options, context),
        Command::LedgerMerge => ledger::merge(&options),
        Command::LedgerShow => ledger::show(&options),
        Command::Export => export::run(&options, context),
        Command::Explain => explain::run(&options, context),
        Command::Coverage => coverage::run(&options, context),
        Command::Bundle => bundle::run(&options, context),
        Command::Verify => verify::run(&options, &mut context),
        Command::Redact => redact::run(&options, context),
        Command::Snapshot => snapshot::run(&options, &mut context),
        Command::Completion => match &options.rest[..] {
            [shell] => say(&completion::script(&shell.to_string_lossy())?),
            _ => Err(Failure::Usage("asglog completion takes bash, zsh or fish".into())),
        },
        Command::Help => say(&help::general()),
    }
}

fn is_command(name: &str) -> bool {
    COMMANDS.iter().any(|entry| entry.name == name)
}

/// Returns whether commands of two words begin with this one.
fn is_begin(word: &str) -> bool {
    COMMANDS.iter().any(|entry| entry.name.split_once(' ').is_some_and(|(first, _)| first == word))
}

fn explain_command(name: &str) -> Result<(), Failure> {
    say(&help::of(name).ok_or_else(|| no_command(name))?)
}

fn explain_topic(name: &str) -> Result<(), Failure> {
    let no_topic = || {
        let topics = || command_names().chain(help::TOPICS);
        let near = match hint(name, topics()) {
            near if near.is_empty() => format!(", but about {}", listed(topics())),
            near => near,
        };
        Failure::Usage(format!("there is no help about `{name}`{near}"))
    };
    say(&help::of(name).ok_or_else(no_topic)?)
}

fn command_names() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().map(|entry| entry.name)
}

fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

fn no_command(name: &str) -> Failure {
    let topic = || nearest(name, help::TOPICS).map(|topic| format!("help {topic}"));
    let near = match nearest(name, command_names()).map(str::to_owned).or_else(topic) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => format!(", but {}", listed(command_names())),
    };
    let is_file = std::path::Path::new(name).exists();
    let near = if is_file { format!(": for a log, type asglog correlate {name}") } else { near };
    Failure::Usage(format!("there is no command `{name}`{near}"))
}

/// How a table looks: plain and whole in a file or a pipe, fitted and coloured on a terminal.
fn look(options: &Options) -> Look {
    let is_terminal = options.output.is_none() && io::stdout().is_terminal();
    let LookOptions { colour, wide, no_trunc, width: wanted, zone, .. } = &options.look;
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let colour = match colour {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => is_terminal && !is_set("NO_COLOR") && !is_dumb(),
    };
    let width = wanted.or_else(|| is_terminal.then(width)).filter(|_| !wide);
    Look { width, colour, whole: *no_trunc, zone: zone.clone() }
}

/// Returns the terminal's width in characters; `COLUMNS` in the environment overrides it.
fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    columns
        .filter(|width| *width > 0)
        .or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)))
        .filter(|width| *width > 0)
        .unwrap_or(80)
}
