//! Progress of a long run on a terminal, and the monitor of the program.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::monitor::{Monitor, Progress, Stop};
use crate::report::Report;

/// Nothing is shown before this time, and then no more often.
const EVERY: Duration = Duration::from_millis(500);

/// Ends runs on request, and shows progress if standard error is a terminal.
#[derive(Debug)]
pub(super) struct Attended {
    stop: Stop,
    /// Progress is shown.
    is_terminal: bool,
    is_quiet: bool,
}

impl Attended {
    pub(super) fn new(stop: Stop, is_quiet: bool) -> Self {
        Self { stop, is_terminal: io::stderr().is_terminal() && !is_quiet, is_quiet }
    }

    /// Returns whether the run was asked to end.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.status().is_some()
    }
}

impl Monitor for Attended {
    fn check(&self) -> Result<(), Error> {
        if self.is_stopped() { Err(Error::Stopped) } else { Ok(()) }
    }

    fn begin(
        &self,
        what: &'static str,
        total: Option<u64>,
    ) -> Result<Option<Box<dyn Progress>>, Error> {
        let line = || -> Box<dyn Progress> { Box::new(Line::new(what, total)) };
        Ok(self.is_terminal.then(line))
    }

    fn waiting(&self, what: &str) {
        let mut report = Report::new("asglog");
        report.set_quiet(self.is_quiet);
        report.note(what);
    }
}

/// A line on the terminal with the number of bytes read.
#[derive(Debug)]
struct Line {
    what: &'static str,
    total: Option<u64>,
    read: u64,
    shown: Instant,
    is_shown: bool,
}

impl Line {
    fn new(what: &'static str, total: Option<u64>) -> Self {
        Self { what, total, read: 0, shown: Instant::now(), is_shown: false }
    }

    fn text(&self) -> String {
        let mega = |bytes: u64| bytes / 1_000_000;
        match self.total.filter(|total| *total >= self.read && *total > 0) {
            Some(total) => {
                let percent = self.read * 100 / total;
                format!("{} of {} MB ({percent} %)", mega(self.read), mega(total))
            }
            None => format!("{} MB", mega(self.read)),
        }
    }
}

impl Progress for Line {
    fn advance(&mut self, bytes: u64) -> Result<(), Error> {
        self.read += bytes;
        if self.shown.elapsed() >= EVERY {
            (self.shown, self.is_shown) = (Instant::now(), true);
            let _ = write!(io::stderr(), "\r\x1b[K{}: {}", self.what, self.text());
        }
        Ok(())
    }

    fn finish(&mut self, _: u64) -> Result<(), Error> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.is_shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_grew_meanwhile_shows_no_more_than_all_of_it() {
        let mut line = Line::new("reading", Some(2_000_000));
        line.advance(1_000_000).unwrap();
        assert_eq!(line.text(), "1 of 2 MB (50 %)");
        line.advance(1_500_000).unwrap();
        assert_eq!(line.text(), "2 MB");
    }
}
