//! Rows of a table: of an export whose first line names the columns.
//!
//! A value in quotes may have line feeds, so a row may go on over several lines. Whatever looks
//! like a row there is a text in that value.

use super::State;
use crate::line::wrapped::{DELIMITERS, Head, closing_quote};

/// A row that has begun: a value in quotes is open.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// The byte between two columns; `None` if that is not known.
    delimiter: Option<u8>,
}

impl Row {
    /// Begins a row with this line. Most end in it.
    pub(super) fn begin(line: &[u8], head: &Head) -> (Self, State) {
        Self::begin_with(line, Some(head.delimiter()))
    }

    /// Begins a row of a table without a head.
    pub(super) fn begin_with(line: &[u8], delimiter: Option<u8>) -> (Self, State) {
        let row = Self { delimiter };
        let state = row.scan(line, false);
        (row, state)
    }

    /// Takes a further line.
    pub(super) fn take(&self, line: &[u8]) -> State {
        self.scan(line, true)
    }

    /// Returns the state behind a line that begins in quotes or outside of them. Text behind a
    /// closing quote shows that it is not a row.
    fn scan(&self, line: &[u8], mut in_quotes: bool) -> State {
        let divides = |b: &u8| match self.delimiter {
            Some(delimiter) => *b == delimiter,
            None => DELIMITERS.contains(b),
        };
        let mut at = 0;
        loop {
            let rest = &line[at..];
            if in_quotes || rest.first() == Some(&b'"') {
                let begins = usize::from(!in_quotes);
                let Some(len) = closing_quote(&rest[begins..]) else { return State::Open };
                at += begins + len + 1;
                in_quotes = false;
            } else {
                at += rest.iter().position(divides).unwrap_or(rest.len());
            }
            match line.get(at) {
                None => return State::Closed,
                Some(b) if divides(b) => at += 1,
                Some(_) if line[at..].trim_ascii().is_empty() => return State::Closed,
                Some(_) => return State::Broken,
            }
        }
    }
}
