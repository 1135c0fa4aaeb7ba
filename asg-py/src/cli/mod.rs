//! The command line `asglog`. Python hands over the arguments and what the terminal is like, and ends the process with the
//! status that it gets; all else is done here.
//!
//! It works in a thread of its own, so that Python's main thread can look after Ctrl-C whatever this one waits for.

mod correlate;
mod follow;
mod help;
mod ledger;
mod logs;
mod options;
mod output;
mod parse;
mod summary;
mod top;
mod who;

use std::ffi::OsString;

use asg_cli::report::{self, Report, say};
use pyo3::prelude::*;

use self::options::{Asked, COMMANDS, Command, Options};
use self::output::Screen;
use crate::errors::Failure;
use crate::{watch, write};

/// Runs the command line; gives the exit status. `width` is the terminal's, if standard output is one; `progress` is as
/// with tables.
#[pyfunction]
pub(crate) fn command_line(
    py: Python<'_>,
    args: Vec<OsString>,
    width: Option<usize>,
    colour: bool,
    progress: Option<Py<PyAny>>,
) -> u8 {
    py.detach(|| {
        let mut report = Report::new("asglog");
        let result = run(args, Screen { width, colour }, progress, &mut report);
        // Whoever pressed Ctrl-C knows why it ended.
        if watch::is_stopped() { 130 } else { report.status(result) }
    })
}

/// Removes files that are half written: the process ends before their writer could.
#[pyfunction]
pub(crate) fn remove_halves() {
    write::remove_halves();
}

/// Has the command line end soon: Ctrl-C was pressed.
#[pyfunction]
pub(crate) fn stop_command_line() {
    watch::stop();
}

fn run(
    args: Vec<OsString>,
    screen: Screen,
    progress: Option<Py<PyAny>>,
    report: &mut Report,
) -> Result<(), report::Failure> {
    let words: Vec<_> = args.iter().map(|arg| arg.to_str().unwrap_or_default()).collect();
    let (command, taken) = match words[..] {
        [] | ["-h" | "--help" | "help"] => return say(&help::general()),
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
            return Err(report::Failure::Usage(what.into()));
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
            report::Failure::Usage(what)
        })?;
    if words[0] == "help" {
        return say(&help::of(command));
    }
    let options = match Options::read(command, args.into_iter().skip(taken))? {
        Asked::Help => return say(&help::of(command)),
        Asked::Run(options) => *options,
    };
    match command {
        Command::Parse => parse::run(options, progress, report),
        Command::Correlate if options.follow => follow::run(&options, screen, report),
        Command::Correlate => correlate::run(options, screen, progress, report),
        Command::Who => who::run(options, progress, report),
        Command::Top => top::run(options, screen, progress, report),
        Command::LedgerBuild => ledger::build(options, progress, report),
        Command::LedgerMerge => ledger::merge(&options),
        Command::LedgerShow => ledger::show(&options, screen),
    }
}

/// What went wrong, as a sentence.
pub(crate) fn failed(failure: Failure) -> report::Failure {
    let what = match failure {
        Failure::Read(name, error) => format!("{name}: {error}"),
        Failure::Directory(what) | Failure::Ledger(what) | Failure::Arrow(what) => what,
        Failure::Value(what) => return report::Failure::Usage(what),
        Failure::Usage(what) => what.into(),
        Failure::Damaged(damage) => damage.reason,
        Failure::Python(error) => error.to_string(),
    };
    report::Failure::Other(what)
}
