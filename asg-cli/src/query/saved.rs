//! Rows of saved tables: record batches in memory, or a Parquet file.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, ArrayRef, RecordBatch};
use arrow_schema::Schema;
use asg_core::Timestamp;

use super::columns::{Column, In};
use super::row::Row;
use super::rows::{Counts, LastCounts, Rows, Sieve, View};
use super::saved_lines;
use super::value::{Kind, Value};
use crate::error::Error;
use crate::monitor::Monitor;

/// A saved table.
#[derive(Debug, Clone)]
pub(crate) struct Saved {
    /// The columns that it has.
    columns: Vec<&'static Column>,
    has_flows: bool,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Memory(Arc<[RecordBatch]>),
    #[cfg(feature = "parquet")]
    Parquet(PathBuf),
    /// Lines of JSON.
    Lines(PathBuf),
}

impl Saved {
    /// Batches that have these columns, in this order.
    pub(crate) fn memory(
        columns: Vec<&'static Column>,
        batches: Vec<RecordBatch>,
        has_flows: bool,
    ) -> Self {
        Self { columns, has_flows, place: Place::Memory(batches.into()) }
    }

    /// Returns a Parquet file.
    #[cfg(feature = "parquet")]
    pub(crate) fn parquet(path: PathBuf) -> Result<Self, Error> {
        let schema = Arc::clone(open_parquet(&path)?.schema());
        let columns = known_columns(&schema)
            .map_err(|what| Error::Value(format!("{}: {what}", path.display())))?;
        let has_flows = columns.iter().any(|column| column.of == In::Flows);
        Ok(Self { columns, has_flows, place: Place::Parquet(path) })
    }

    #[cfg(feature = "parquet")]
    pub(crate) fn of_parquet(path: PathBuf) -> Result<Self, Error> {
        Self::parquet(path)
    }

    #[cfg(not(feature = "parquet"))]
    pub(crate) fn of_parquet(path: PathBuf) -> Result<Self, Error> {
        let what = "is a Parquet file, which this build of asglog does not read";
        Err(Error::Value(format!("{} {what}", path.display())))
    }

    /// Returns a file of flows as lines of JSON.
    pub(crate) fn lines(path: PathBuf) -> Self {
        Self { columns: saved_lines::columns(), has_flows: true, place: Place::Lines(path) }
    }

    pub(crate) const fn has_flows(&self) -> bool {
        self.has_flows
    }

    pub(crate) fn has(&self, column: &Column) -> bool {
        self.columns.iter().any(|known| std::ptr::eq(*known, column))
    }

    fn open(&self) -> Result<Box<dyn Iterator<Item = Result<RecordBatch, Error>> + Send>, Error> {
        match &self.place {
            Place::Memory(batches) => {
                let batches = Arc::clone(batches);
                Ok(Box::new((0..batches.len()).map(move |n| Ok(batches[n].clone()))))
            }
            Place::Lines(path) => Ok(Box::new(saved_lines::open(path)?)),
            #[cfg(feature = "parquet")]
            Place::Parquet(path) => {
                let name = path.display().to_string();
                let fail = move |what: &dyn fmt::Display| Error::Arrow(format!("{name}: {what}"));
                let reader = open_parquet(path)?.build().map_err(|error| fail(&error))?;
                Ok(Box::new(reader.map(move |batch| batch.map_err(|error| fail(&error)))))
            }
        }
    }
}

#[cfg(feature = "parquet")]
type ParquetBuilder = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder<std::fs::File>;

#[cfg(feature = "parquet")]
fn open_parquet(path: &std::path::Path) -> Result<ParquetBuilder, Error> {
    let name = || path.display().to_string();
    let file = std::fs::File::open(path).map_err(|error| Error::file(name(), error))?;
    ParquetBuilder::try_new(file)
        .map_err(|error| Error::Value(format!("{} is not a Parquet file: {error}", name())))
}

/// Returns the columns of a schema that tables of packets and flows have.
fn known_columns(schema: &Schema) -> Result<Vec<&'static Column>, String> {
    let mut columns = Vec::new();
    for field in schema.fields() {
        let Some(column) = Column::named(field.name()) else { continue };
        if *field.data_type() != column.kind.arrow() {
            let (name, is, wanted) = (column.name, field.data_type(), column.kind.arrow());
            return Err(format!("column {name} is {is}, and not {wanted}"));
        }
        columns.push(column);
    }
    if columns.is_empty() {
        return Err("the table has no column of packets or flows".into());
    }
    Ok(columns)
}

/// The arrays of a batch, each with its column.
#[derive(Debug)]
struct Batch(Vec<(&'static Column, ArrayRef)>);

impl Batch {
    fn new(saved: &Saved, batch: &RecordBatch) -> Self {
        let array = |column: &&'static Column| Some((*column, batch.column_by_name(column.name)?));
        let arrays = saved.columns.iter().filter_map(array);
        Self(arrays.map(|(column, array)| (column, Arc::clone(array))).collect())
    }
}

/// A row of a saved table.
#[derive(Debug, Clone, Copy)]
pub struct SavedRow<'r> {
    batch: &'r Batch,
    row: usize,
}

impl<'r> SavedRow<'r> {
    /// Returns the value of a column.
    #[must_use]
    pub fn value(&self, column: &Column) -> Value<'r> {
        let found = self.batch.0.iter().find(|(known, _)| std::ptr::eq(*known, column));
        let Some((_, array)) = found.filter(|(_, array)| array.is_valid(self.row)) else {
            return Value::Null;
        };
        match column.kind {
            Kind::Text => Value::Text(Cow::Borrowed(array.as_string::<i32>().value(self.row))),
            Kind::Int => Value::Int(array.as_primitive::<Int32Type>().value(self.row).into()),
            Kind::Long => Value::Int(array.as_primitive::<Int64Type>().value(self.row)),
            Kind::Bool => Value::Bool(array.as_boolean().value(self.row)),
            Kind::Seconds => millis(array.as_primitive::<Float64Type>().value(self.row)),
            Kind::Bytes => Value::Bytes(array.as_binary::<i32>().value(self.row)),
            Kind::Time => {
                let micros = array.as_primitive::<TimestampMicrosecondType>().value(self.row);
                Value::Time(Timestamp::from_nanos(micros.saturating_mul(1_000)))
            }
        }
    }

    pub(crate) fn has_column(&self, column: &Column) -> bool {
        self.batch.0.iter().any(|(known, _)| std::ptr::eq(*known, column))
    }

    fn named(&self, column: &str) -> Value<'r> {
        Column::named(column).map_or(Value::Null, |column| self.value(column))
    }

    pub(crate) fn text(&self, column: &str) -> Option<&'r str> {
        match self.named(column) {
            Value::Text(Cow::Borrowed(text)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn int(&self, column: &str) -> Option<i64> {
        match self.named(column) {
            Value::Int(number) => Some(number),
            _ => None,
        }
    }

    pub(crate) fn time(&self, column: &str) -> Option<Timestamp> {
        match self.named(column) {
            Value::Time(time) => Some(time),
            _ => None,
        }
    }
}

/// Returns seconds as they were saved.
pub(super) fn millis(seconds: f64) -> Value<'static> {
    let millis = (seconds * 1_000.0).round();
    if (0.0..=f64::from(u32::MAX)).contains(&millis) {
        #[expect(clippy::cast_possible_truncation, reason = "it is in the range of whole numbers")]
        let millis = millis as i64;
        return Value::Millis(millis);
    }
    Value::Null
}

/// Reads a saved table.
pub(crate) struct SavedRows {
    saved: Saved,
    batches: Option<Box<dyn Iterator<Item = Result<RecordBatch, Error>> + Send>>,
    sieve: Sieve,
    monitor: Arc<dyn Monitor>,
    counts: Counts,
    last: LastCounts,
}

impl SavedRows {
    pub(crate) fn new(
        saved: Saved,
        view: &View,
        monitor: Arc<dyn Monitor>,
        last: LastCounts,
    ) -> Self {
        let sieve = view.sieve();
        Self { saved, batches: None, sieve, monitor, counts: Counts::default(), last }
    }
}

impl Rows for SavedRows {
    fn step(&mut self, each: &mut dyn FnMut(&Row<'_>)) -> Result<bool, Error> {
        self.monitor.check()?;
        let batches = match &mut self.batches {
            Some(batches) => batches,
            None => self.batches.insert(self.saved.open()?),
        };
        let Some(batch) = batches.next().transpose()?.filter(|_| !self.sieve.is_done()) else {
            self.last.set(self.counts.clone());
            return Ok(false);
        };
        let arrays = Batch::new(&self.saved, &batch);
        for row in 0..batch.num_rows() {
            let row = Row::Saved(SavedRow { batch: &arrays, row });
            self.counts.lines += 1;
            self.counts.packets += 1;
            self.counts.damaged += u64::from(row.is_damaged());
            if self.sieve.admits(&row) {
                self.counts.rows += 1;
                each(&row);
            }
        }
        Ok(true)
    }
}
