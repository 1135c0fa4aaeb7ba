//! Lines to rows: what a table is read from, piece by piece.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use asg_core::{Content, Line, Record, TimePolicy};

use crate::batch::Builder;
use crate::columns::{Column, Row};
use crate::errors::Failure;
use crate::filter::Filter;
use crate::lines::{Reader, may_be_packet};

/// What a reading of a table has seen so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) lines: u64,
    /// Damaged ones included.
    pub(crate) packets: u64,
    pub(crate) damaged: u64,
    /// Packets that the filter admits.
    pub(crate) rows: u64,
}

/// The counts of the last reading that came to its end; `None` before.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known(Arc<Mutex<Option<Counts>>>);

impl Known {
    pub(crate) fn get(&self) -> Option<Counts> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set(&self, counts: Counts) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(counts);
    }
}

/// What rows are wanted, and how they are shown.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) columns: Vec<&'static Column>,
    pub(crate) filter: Filter,
}

impl View {
    /// True if somebody will look at rows' times.
    fn needs_time(&self) -> bool {
        let filtered = self.filter.columns();
        self.filter.needs_time()
            || self.columns.iter().copied().chain(filtered).any(|column| column.name == "time")
    }
}

/// Gives rows until there are none left.
pub(crate) trait Rows: Send {
    /// Hands on the rows of the next piece; false if there is no other behind it.
    fn step(&mut self, each: &mut dyn FnMut(&Row<'_>)) -> Result<bool, Failure>;
}

/// A batch is handed on after so long, even if it is empty: consumers have threads of their own, and look up from their work
/// only between batches.
const PATIENCE: Duration = Duration::from_millis(50);

/// Rows as record batches.
pub(crate) struct Batches {
    rows: Box<dyn Rows>,
    builder: Builder,
    more: bool,
}

impl Batches {
    pub(crate) fn new(rows: Box<dyn Rows>, columns: &[&'static Column]) -> Self {
        Self { rows, builder: Builder::new(columns), more: true }
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.builder.schema()
    }

    pub(crate) fn next_batch(&mut self) -> Result<Option<RecordBatch>, Failure> {
        let Self { rows, builder, more } = self;
        let start = Instant::now();
        while *more && !builder.is_full() && start.elapsed() < PATIENCE {
            *more = rows.step(&mut |row| builder.push(row))?;
        }
        Ok((*more || !builder.is_empty()).then(|| builder.finish()))
    }
}

/// The packets of a source.
pub(crate) struct Packets {
    reader: Reader,
    policy: TimePolicy,
    filter: Filter,
    needs_time: bool,
    counts: Counts,
    known: Known,
}

impl Packets {
    pub(crate) fn new(reader: Reader, policy: TimePolicy, view: &View, known: Known) -> Self {
        Self {
            reader,
            policy,
            needs_time: view.needs_time(),
            filter: view.filter.clone(),
            counts: Counts::default(),
            known,
        }
    }
}

impl Rows for Packets {
    fn step(&mut self, each: &mut dyn FnMut(&Row<'_>)) -> Result<bool, Failure> {
        let Self { reader, policy, filter, needs_time, counts, known } = self;
        let more = reader.step(|raw| {
            counts.lines += 1;
            if !may_be_packet(raw.bytes) {
                return;
            }
            let line = Line::new(raw.bytes);
            let mut record = Record::read(&line);
            if raw.is_cut {
                record = record.cut_at(raw.bytes.len());
            }
            let Some((packet, cf)) = record.packet() else { return };
            counts.packets += 1;
            let error = match &record.content {
                Content::Damaged(damaged) => Some(&damaged.error),
                _ => None,
            };
            counts.damaged += u64::from(error.is_some());
            let row = Row {
                origin: raw.origin,
                source: raw.source,
                raw: raw.bytes,
                time: if *needs_time { record.time(policy) } else { None },
                record: &record,
                packet,
                cf,
                error,
                flow: None,
            };
            if filter.admits(&row) {
                counts.rows += 1;
                each(&row);
            }
        })?;
        if !more {
            known.set(*counts);
        }
        Ok(more)
    }
}
