//! A small table in memory.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema};
use asg_core::Timestamp;

use crate::query::{Cells, Kind, Value};

/// One value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cell {
    /// No value.
    Null,
    /// A whole number.
    Int(i64),
    /// A time.
    Time(Timestamp),
    /// A text.
    Text(Box<str>),
}

impl Cell {
    /// Returns a copy of a value.
    #[must_use]
    pub fn of(value: &Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Int(n) => Self::Int(*n),
            Value::Time(time) => Self::Time(*time),
            value => value.text().map_or(Self::Null, |text| Self::Text(text.into())),
        }
    }

    /// Returns a count.
    #[must_use]
    pub fn count(n: u64) -> Self {
        Self::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }

    /// Returns the value.
    #[must_use]
    pub fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Int(n) => Value::Int(*n),
            Self::Time(time) => Value::Time(*time),
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
        }
    }
}

impl From<Option<Timestamp>> for Cell {
    fn from(time: Option<Timestamp>) -> Self {
        time.map_or(Self::Null, Self::Time)
    }
}

/// Columns with their names, and rows.
#[derive(Debug, Clone)]
pub struct Grid {
    /// The name and type of each column.
    pub columns: Vec<(&'static str, Kind)>,
    /// The rows, each with a cell for every column.
    pub rows: Vec<Vec<Cell>>,
}

impl Grid {
    /// Returns the table as a record batch.
    ///
    /// # Panics
    ///
    /// If a row has fewer cells than there are columns.
    #[must_use]
    pub fn batch(&self) -> RecordBatch {
        let field = |(name, kind): &(&str, Kind)| Field::new(*name, kind.arrow(), true);
        let schema = Arc::new(Schema::new(self.columns.iter().map(field).collect::<Vec<_>>()));
        let array = |(n, (_, kind)): (usize, &(&str, Kind))| -> ArrayRef {
            let mut cells = Cells::new(*kind);
            for (at, row) in self.rows.iter().enumerate() {
                cells.put(at, &row[n].value());
            }
            cells.finish(self.rows.len())
        };
        let arrays = self.columns.iter().enumerate().map(array).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows.len()));
        RecordBatch::try_new_with_options(schema, arrays, &options)
            .expect("each column is made for its kind, and has one value for each row")
    }

    /// Returns the names of the columns.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.columns.iter().map(|(name, _)| *name).collect()
    }
}
