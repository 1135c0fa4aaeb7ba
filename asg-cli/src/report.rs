//! How a run ends: what was left out, in sentences on standard error, and the exit status.

use std::fmt::Display;
use std::io::{self, Write as _};

use asg_core::bytes::escape_text;

use crate::error::Error;

/// Keeps the failures and the resulting exit status.
///
/// | status | meaning |
/// |---|---|
/// | 0 | everything was done |
/// | 1 | something was left out, and a sentence on standard error describes it |
/// | 2 | nothing could be done |
#[derive(Debug)]
pub struct Report {
    program: &'static str,
    incomplete: bool,
    is_quiet: bool,
}

impl Report {
    /// Creates the report of a run of `program` in which nothing went wrong yet.
    #[must_use]
    pub const fn new(program: &'static str) -> Self {
        Self { program, incomplete: false, is_quiet: false }
    }

    /// Reports something that was left out; the run goes on.
    pub fn left_out(&mut self, what: impl Display) {
        self.incomplete = true;
        self.say(&what);
    }

    /// Sets whether notes are left out.
    pub const fn set_quiet(&mut self, is_quiet: bool) {
        self.is_quiet = is_quiet;
    }

    /// Prints a message about something else: nothing was left out. File names and servers' texts
    /// in it are escaped.
    pub fn note(&self, what: impl Display) {
        if !self.is_quiet {
            self.say(&what);
        }
    }

    fn say(&self, what: &dyn Display) {
        // A full or closed standard error must not stop the output.
        let what = what.to_string();
        let _ = writeln!(io::stderr(), "{}: {}", self.program, escape_text(&what));
    }

    /// Returns the exit status. A closed standard output (`| head`) is not an error.
    #[must_use]
    pub fn status(self, result: Result<(), Failure>) -> u8 {
        match result {
            Ok(()) if self.incomplete => 1,
            Ok(()) => 0,
            Err(Failure::Output(e)) if e.kind() == io::ErrorKind::BrokenPipe => 0,
            Err(e) => {
                self.say(&e);
                2
            }
        }
    }
}

/// Why nothing could be done.
#[derive(Debug)]
pub enum Failure {
    /// The command line is invalid; the sentence has the remedy.
    Usage(String),
    /// None of the logs could be read.
    Inputs,
    /// The output cannot be written.
    Output(io::Error),
    /// The demonstration could not be set up.
    Demo(String),
    /// Another failure, as a sentence.
    Other(String),
}

/// Prints a text to standard output: the help, the version.
///
/// # Errors
///
/// [`Failure::Output`].
pub fn say(text: &str) -> Result<(), Failure> {
    Ok(io::stdout().write_all(text.as_bytes())?)
}

impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Usage(what) => write!(f, "{what} (see --help)"),
            Self::Inputs => f.write_str("no log could be read"),
            Self::Output(e) => write!(f, "the output cannot be written: {e}"),
            Self::Other(what) => f.write_str(what),
            Self::Demo(what) => write!(f, "the demonstration cannot be run: {what}"),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Value(what) => Self::Usage(what),
            error => Self::Other(error.to_string()),
        }
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Output(error.into())
    }
}
