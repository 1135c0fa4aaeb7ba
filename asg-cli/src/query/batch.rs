//! Rows to Arrow: one builder for each chosen column.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;

use super::cells::Cells;
use super::columns::{Column, Row, schema};

/// Builds record batches.
pub(crate) struct Builder {
    schema: SchemaRef,
    columns: Vec<(&'static Column, Cells)>,
    rows: usize,
}

impl Builder {
    pub(crate) fn new(columns: &[&'static Column]) -> Self {
        let cells = |column: &&'static Column| (*column, Cells::new(column.kind));
        Self {
            schema: Arc::new(schema(columns)),
            columns: columns.iter().map(cells).collect(),
            rows: 0,
        }
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    pub(crate) fn push(&mut self, row: &Row<'_>) {
        for (column, cells) in &mut self.columns {
            column.put(row, self.rows, cells);
        }
        self.rows += 1;
    }

    /// The rows since the last batch.
    pub(crate) fn finish(&mut self) -> RecordBatch {
        let arrays = self.columns.iter_mut().map(|(_, cells)| cells.finish(self.rows)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows = 0;
        RecordBatch::try_new_with_options(self.schema(), arrays, &options)
            .expect("each builder makes the type of its column, and got one value for each row")
    }
}
