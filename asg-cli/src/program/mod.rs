//! The program `asglog`: one file for each command.
//!
//! | file | what |
//! |---|---|
//! | `options`, `policy_options`, `help` | arguments, texts of `--help`, completions for shells |
//! | `logs` | logs, ledgers and directories as several commands' options describe them |
//! | `outages` | a directory that is asked again, for logs that are followed |
//! | `parse`, `correlate`, `summary`, `follow`, `top`, `who`, `ledger`, `export`, `demo` | the commands |
//! | `explain`, `coverage`, `snapshot` | the commands about security groups |
//! | `progress`, `show` | progress on a terminal, small tables in the chosen format |

mod correlate;
mod coverage;
pub mod demo;
mod explain;
mod export;
mod follow;
mod help;
mod ledger;
mod logs;
mod options;
mod outages;
mod parse;
mod policy_options;
mod progress;
mod show;
mod snapshot;
mod summary;
mod top;
mod who;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use self::options::{Asked, COMMANDS, Command, Options};
use self::progress::Attended;
use crate::monitor::{PERIOD, Stop};
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
        // Nobody needs to be told why a run ended that was asked to end.
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

/// What a command needs besides its options.
struct Context<'r> {
    monitor: Arc<Attended>,
    report: &'r mut Report,
}

fn run(args: Vec<OsString>, stop: &Stop, report: &mut Report) -> Result<(), Failure> {
    let words: Vec<_> = args.iter().map(|arg| arg.to_str().unwrap_or_default()).collect();
    let (command, taken) = match words[..] {
        [] | ["-h" | "--help" | "help"] => return say(help::GENERAL),
        ["-V" | "--version", ..] => {
            return say(concat!("asglog ", env!("CARGO_PKG_VERSION"), "\n"));
        }
        ["completion", "-h" | "--help", ..]
        | ["completion", _, "-h" | "--help"]
        | ["help", "completion", ..] => {
            return say(help::COMPLETION);
        }
        ["completion", shell] => return say(&help::completion(shell)?),
        ["completion", ..] => {
            let what = "asglog completion takes bash, zsh or fish";
            return Err(Failure::Usage(what.into()));
        }
        ["ledger"] | ["ledger", "-h" | "--help", ..] | ["help", "ledger", ..] => {
            return say(help::LEDGER);
        }
        ["help", name, ..] => (name.to_owned(), 2),
        ["ledger", what, ..] => (format!("ledger {what}"), 2),
        [name, ..] => (name.to_owned(), 1),
    };
    let command =
        COMMANDS.iter().find(|(name, _)| *name == command).map(|(_, it)| *it).ok_or_else(|| {
            let names: Vec<_> = COMMANDS.iter().map(|(name, _)| *name).collect();
            let what = format!("there is no command `{command}`, but {}", names.join(", "));
            Failure::Usage(what)
        })?;
    if words[0] == "help" {
        return say(&help::of(command));
    }
    let options = match Options::read(command, args.into_iter().skip(taken))? {
        Asked::Help => return say(&help::of(command)),
        Asked::Run(options) => *options,
    };
    let monitor = Arc::new(Attended::new(stop.clone()));
    let mut context = Context { monitor, report };
    match command {
        Command::Parse => parse::run(options, context),
        Command::Correlate if options.follow => follow::run(&options, context),
        Command::Correlate => correlate::run(&options, context),
        Command::Demo => demo::run(&options, context),
        Command::Who => who::run(&options, context),
        Command::Top => top::run(&options, context),
        Command::LedgerBuild => ledger::build(&options, context),
        Command::LedgerMerge => ledger::merge(&options),
        Command::LedgerShow => ledger::show(&options),
        Command::Export => export::run(&options, context),
        Command::Explain => explain::run(&options, context),
        Command::Coverage => coverage::run(&options, &context),
        Command::Snapshot => snapshot::run(&options, &mut context),
    }
}

/// How a table looks: plain in a file or a pipe, fitted and coloured on a terminal.
fn look(options: &Options) -> Look {
    if options.output.is_some() || !io::stdout().is_terminal() {
        return Look::default();
    }
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    Look { width: Some(width()), colour: options.colour && !is_set("NO_COLOR") && !is_dumb }
}

/// The terminal's width in characters; `COLUMNS` in the environment overrides it.
fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    columns
        .filter(|width| *width > 0)
        .or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)))
        .filter(|width| *width > 0)
        .unwrap_or(80)
}
