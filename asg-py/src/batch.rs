//! Rows to Arrow: one builder for each column that is wanted.

use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Int32Builder, Int64Builder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;

use crate::columns::{Column, Kind, Row, Value, schema};

/// A batch is handed on when it has so many rows…
const ROWS: usize = 32 << 10;

/// …or its lines so many bytes: over-long lines must not make it huge.
const BYTES: usize = 32 << 20;

/// Builds record batches.
pub(crate) struct Builder {
    schema: SchemaRef,
    columns: Vec<(&'static Column, Cells)>,
    rows: usize,
    bytes: usize,
}

enum Cells {
    Text(StringBuilder),
    Int(Int32Builder),
    Long(Int64Builder),
    Bool(BooleanBuilder),
    Time(TimestampMicrosecondBuilder),
    Bytes(BinaryBuilder),
}

impl Builder {
    pub(crate) fn new(columns: &[&'static Column]) -> Self {
        let cells = |column: &&'static Column| (*column, Cells::new(column.kind));
        Self {
            schema: Arc::new(schema(columns)),
            columns: columns.iter().map(cells).collect(),
            rows: 0,
            bytes: 0,
        }
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    pub(crate) fn push(&mut self, row: &Row<'_>) {
        for (column, cells) in &mut self.columns {
            cells.push(&(column.get)(row));
        }
        self.rows += 1;
        self.bytes += row.raw.len();
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.rows >= ROWS || self.bytes >= BYTES
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// What was pushed since the last time.
    pub(crate) fn finish(&mut self) -> RecordBatch {
        let arrays = self.columns.iter_mut().map(|(_, cells)| cells.finish()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        (self.rows, self.bytes) = (0, 0);
        RecordBatch::try_new_with_options(self.schema(), arrays, &options)
            .expect("each builder makes the type of its column, and got one value for each row")
    }
}

impl Cells {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Int => Self::Int(Int32Builder::new()),
            Kind::Long => Self::Long(Int64Builder::new()),
            Kind::Bool => Self::Bool(BooleanBuilder::new()),
            Kind::Time => Self::Time(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
            Kind::Bytes => Self::Bytes(BinaryBuilder::new()),
        }
    }

    fn push(&mut self, value: &Value<'_>) {
        match (self, value) {
            (Self::Text(cells), Value::Null) => cells.append_null(),
            (Self::Text(cells), value) => {
                // Memory does not fail to be written to.
                let _ = value.write_text(cells);
                cells.append_value("");
            }
            // What does not fit is no value; no kernel and no Diego prints such a number.
            (Self::Int(cells), Value::Int(n)) => cells.append_option(i32::try_from(*n).ok()),
            (Self::Int(cells), _) => cells.append_null(),
            (Self::Long(cells), Value::Int(n)) => cells.append_value(*n),
            (Self::Long(cells), _) => cells.append_null(),
            (Self::Bool(cells), Value::Bool(flag)) => cells.append_value(*flag),
            (Self::Bool(cells), _) => cells.append_null(),
            (Self::Time(cells), Value::Time(time)) => {
                cells.append_value(time.as_nanos().div_euclid(1000));
            }
            (Self::Time(cells), _) => cells.append_null(),
            (Self::Bytes(cells), Value::Bytes(bytes)) => cells.append_value(bytes),
            (Self::Bytes(cells), _) => cells.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(cells) => Arc::new(cells.finish()),
            Self::Int(cells) => Arc::new(cells.finish()),
            Self::Long(cells) => Arc::new(cells.finish()),
            Self::Bool(cells) => Arc::new(cells.finish()),
            Self::Time(cells) => Arc::new(cells.finish()),
            Self::Bytes(cells) => Arc::new(cells.finish()),
        }
    }
}
