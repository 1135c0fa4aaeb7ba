//! Rows of a query, and record batches made of them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use asg_core::record::Outcomes;

use super::batch::Builder;
use super::columns::{Column, schema};
use super::filter::Filter;
use super::row::{KnownRow, Row};
use super::{Query, Running};
use crate::error::Error;
use crate::flows::RowSink;
use crate::labels::Labels;
use crate::pieces::Size;

/// Counts of one reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// All lines.
    pub lines: u64,
    /// Packets, damaged ones included.
    pub packets: u64,
    /// Damaged packets.
    pub damaged: u64,
    /// Packets that the filter admits.
    pub rows: u64,
    /// The lines by outcome. Of packets without owners, lines that hold none for certain were
    /// passed over.
    pub outcomes: Outcomes,
}

impl Counts {
    /// Adds those of other lines.
    pub(crate) fn add(&mut self, other: &Self) {
        self.lines += other.lines;
        self.packets += other.packets;
        self.damaged += other.damaged;
        self.rows += other.rows;
        self.outcomes.add(&other.outcomes);
    }
}

/// The counts of the last complete reading; `None` before the first. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastCounts(Arc<Mutex<Option<Counts>>>);

impl LastCounts {
    pub(crate) fn get(&self) -> Option<Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, counts: Counts) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(counts);
    }
}

/// Which rows are wanted, and which columns of them.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) columns: Vec<&'static Column>,
    pub(crate) steps: Vec<Step>,
    /// The caller's names and verdicts.
    pub(crate) labels: Option<Arc<Labels>>,
}

/// A choice of rows. Each step sees the rows that the steps before it have let through.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Rows that meet conditions.
    Filter(Filter),
    /// Some consecutive rows.
    Slice {
        /// The number of rows before them.
        skip: u64,
        /// Their number; `None` for all rows to the end.
        take: Option<u64>,
    },
}

impl View {
    /// Returns whether the time of a row will be used.
    pub(crate) fn needs_time(&self) -> bool {
        let is_time = |column: &'static Column| column.name == "time";
        self.columns.iter().copied().any(is_time)
            || self.steps.iter().any(|step| match step {
                Step::Filter(filter) => filter.needs_time() || filter.columns().any(is_time),
                Step::Slice { .. } => false,
            })
    }

    /// Adds conditions.
    pub(crate) fn filter(
        &mut self,
        add: impl FnOnce(Filter) -> Result<Filter, Error>,
    ) -> Result<(), Error> {
        let last = match self.steps.pop() {
            Some(Step::Filter(last)) => last,
            Some(step) => {
                self.steps.push(step);
                Filter::default()
            }
            None => Filter::default(),
        };
        self.steps.push(Step::Filter(add(last)?));
        Ok(())
    }

    /// Returns whether rows can be chosen in any order: none is chosen by its number.
    pub(crate) fn is_orderless(&self) -> bool {
        self.steps.iter().all(|step| matches!(step, Step::Filter(_)))
    }

    /// Returns the steps at the beginning of a reading.
    pub(crate) fn sieve(&self) -> Sieve {
        Sieve { steps: self.steps.clone(), is_done: self.steps.iter().any(Step::is_empty) }
    }
}

impl Step {
    const fn is_empty(&self) -> bool {
        matches!(self, Self::Slice { take: Some(0), .. })
    }
}

/// The steps of a view during a reading.
#[derive(Debug)]
pub(crate) struct Sieve {
    /// Slices count down.
    steps: Vec<Step>,
    is_done: bool,
}

impl Sieve {
    /// Returns whether the next row is wanted.
    pub(crate) fn admits(&mut self, row: &Row<'_>) -> bool {
        if self.is_done {
            return false;
        }
        for step in &mut self.steps {
            let is_admitted = match step {
                Step::Filter(filter) => filter.admits(row),
                Step::Slice { skip, .. } if *skip > 0 => {
                    *skip -= 1;
                    false
                }
                Step::Slice { take: Some(take), .. } => {
                    *take -= 1;
                    self.is_done |= *take == 0;
                    true
                }
                Step::Slice { take: None, .. } => true,
            };
            if !is_admitted {
                return false;
            }
        }
        true
    }

    /// Returns whether no further row can be wanted.
    pub(crate) const fn is_done(&self) -> bool {
        self.is_done
    }
}

/// A reading that gives rows piece by piece.
pub trait Rows: Send {
    /// Passes the rows of the next piece to `each`; returns `false` after the last piece.
    ///
    /// # Errors
    ///
    /// Those of reading, of the directory, and of the monitor.
    fn step(&mut self, each: &mut dyn FnMut(&Row<'_>)) -> Result<bool, Error>;
}

/// Passes all rows to `each`, until it fails.
///
/// # Errors
///
/// Those of reading and of `each`.
pub fn for_each<E: From<Error>>(
    mut rows: Box<dyn Rows>,
    mut each: impl FnMut(&Row<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut result = Ok(());
    let mut more = true;
    while more && result.is_ok() {
        let step = rows.step(&mut |row| {
            if result.is_ok() {
                result = each(row);
            }
        });
        more = step?;
    }
    result
}

/// Rows as record batches, made on all threads.
pub struct Batches {
    query: Query,
    size: Size,
    schema: SchemaRef,
    running: Option<Running<Builder>>,
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl Batches {
    pub(crate) fn new(query: Query) -> Self {
        let schema = Arc::new(schema(query.columns()));
        Self { query, size: Size::Batch, schema, running: None }
    }

    /// Makes smaller batches, for a writer that collects them into groups.
    pub(crate) fn in_parts(self) -> Self {
        Self { size: Size::Part, ..self }
    }

    /// Returns the schema of all batches.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Returns the next batch, which may be empty; `None` after the last. It comes soon also from a
    /// slow source, because consumers with threads of their own react to signals only between
    /// batches.
    ///
    /// # Errors
    ///
    /// As [`Rows::step`].
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>, Error> {
        let running = match &mut self.running {
            Some(running) => running,
            None => {
                let columns = self.query.columns().to_vec();
                let running = self.query.run(self.size, || Builder::new(&columns))?;
                self.running.insert(running)
            }
        };
        running.next()
    }
}

impl RowSink for Builder {
    type Done = RecordBatch;

    const TAKES_KNOWN: bool = true;

    fn known(&mut self, row: &KnownRow<'_>) -> bool {
        self.push_known(row)
    }

    fn row(&mut self, row: &Row<'_>) {
        self.push(row);
    }

    fn take(&mut self) -> RecordBatch {
        self.finish()
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}
