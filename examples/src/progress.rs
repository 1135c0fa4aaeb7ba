//! How far a long run has come, for the person who waits: on standard error, if that is a terminal, and only after a
//! moment.

use std::io::{self, IsTerminal as _, Read, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Nothing is shown before this, and then no oftener.
const EVERY: Duration = Duration::from_millis(500);

/// A line on the terminal that says how many bytes were read. Clones count together.
#[derive(Debug, Clone)]
pub struct Progress(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    what: &'static str,
    total: Option<u64>,
    read: u64,
    shown: Instant,
    is_shown: bool,
    terminal: bool,
}

impl Progress {
    /// `what` is being done to `total` bytes, if that is known.
    #[must_use]
    pub fn new(what: &'static str, total: Option<u64>) -> Self {
        let terminal = io::stderr().is_terminal();
        let shown = Instant::now();
        let state = State { what, total, read: 0, shown, is_shown: false, terminal };
        Self(Arc::new(Mutex::new(state)))
    }

    /// So many bytes more were read.
    pub fn add(&self, bytes: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).add(bytes);
    }
}

impl State {
    fn add(&mut self, bytes: usize) {
        self.read += bytes as u64;
        if self.terminal && self.shown.elapsed() >= EVERY {
            (self.shown, self.is_shown) = (Instant::now(), true);
            eprint!("\r\x1b[K{}: {}", self.what, self.text());
            let _ = io::stderr().flush();
        }
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

impl Drop for State {
    fn drop(&mut self) {
        if self.is_shown {
            eprint!("\r\x1b[K");
        }
    }
}

/// A reader whose bytes are counted.
#[derive(Debug)]
pub struct Counted<R> {
    inner: R,
    progress: Progress,
}

impl<R> Counted<R> {
    /// Counts what is read from `inner`.
    pub const fn new(inner: R, progress: Progress) -> Self {
        Self { inner, progress }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.progress.add(n);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_grew_meanwhile_shows_no_more_than_all_of_it() {
        let progress = Progress::new("reading", Some(2_000_000));
        let text = || progress.0.lock().unwrap().text();
        progress.add(1_000_000);
        assert_eq!(text(), "1 of 2 MB (50 %)");
        progress.clone().add(1_500_000);
        assert_eq!(text(), "2 MB");
    }
}
