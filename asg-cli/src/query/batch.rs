//! Rows to Arrow: one builder for each chosen column.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use asg_core::correlate::KnownFlow;

use super::cells::Cells;
use super::columns::{Column, schema};
use super::row::{KnownRow, Row};
use super::shared::{Kept, Shared};
use super::value::Value;

/// Builds record batches.
pub(crate) struct Builder {
    schema: SchemaRef,
    columns: Vec<&'static Column>,
    /// The cells of each column.
    cells: Vec<Cells>,
    rows: usize,
    shared: Shared,
    /// By the [shape](KnownFlow::shape) of known flows.
    plans: Vec<Option<Box<[Step]>>>,
}

/// A column, by its place, that may have a value in known flows of one shape, and is not shared.
enum Step {
    /// All of these flows have the value.
    Common(usize, Kept),
    Own(usize),
}

impl Builder {
    pub(crate) fn new(columns: &[&'static Column]) -> Self {
        Self {
            schema: Arc::new(schema(columns)),
            columns: columns.to_vec(),
            cells: columns.iter().map(|column| Cells::new(column.kind)).collect(),
            rows: 0,
            shared: Shared::new(columns),
            plans: std::iter::repeat_with(|| None).take(KnownFlow::SHAPES).collect(),
        }
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Adds a row. All rows of flows come from one [`FlowCache`](asg_core::correlate::FlowCache).
    pub(crate) fn push(&mut self, row: &Row<'_>) {
        let Self { columns, cells, rows, shared, .. } = self;
        let key = row.key();
        match key {
            Some(key) if shared.knows(key) => shared.wait(*rows, key),
            Some(key) => {
                shared.learn(key, columns, row);
                shared.wait(*rows, key);
            }
            None => shared.put(cells),
        }
        for (column, cells) in columns.iter().zip(cells) {
            if key.is_none() || !column.is_shared() {
                column.put(row, *rows, cells);
            }
        }
        *rows += 1;
    }

    /// Adds a row whose key an earlier one had, if its values are known; else returns `false`.
    pub(crate) fn push_known(&mut self, row: &KnownRow<'_>) -> bool {
        let Self { columns, cells, rows, shared, plans, .. } = self;
        if !shared.knows(row.key()) {
            return false;
        }
        shared.wait(*rows, row.key());
        for step in plans[row.shape()].get_or_insert_with(|| plan(columns, row)) {
            match step {
                Step::Common(at, kept) => cells[*at].put(*rows, &kept.value()),
                Step::Own(at) => columns[*at].put_own(row, *rows, &mut cells[*at]),
            }
        }
        *rows += 1;
        true
    }

    /// Returns the rows since the last batch.
    pub(crate) fn finish(&mut self) -> RecordBatch {
        self.shared.put(&mut self.cells);
        let arrays = self.cells.iter_mut().map(|cells| cells.finish(self.rows)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows = 0;
        RecordBatch::try_new_with_options(self.schema(), arrays, &options)
            .expect("each builder makes the type of its column, and got one value for each row")
    }
}

/// Plans which columns that are not shared to fill of known flows with the shape of this one.
fn plan(columns: &[&'static Column], row: &KnownRow<'_>) -> Box<[Step]> {
    let step = |(at, column): (usize, &&'static Column)| match row.value_of_shape(column) {
        _ if column.is_shared() => None,
        None => Some(Step::Own(at)),
        Some(Value::Null) => None,
        Some(value) => Some(Step::Common(at, Kept::of(&value))),
    };
    columns.iter().enumerate().filter_map(step).collect()
}
