//! Rows to Arrow: one builder for each chosen column.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use asg_core::Timestamp;
use asg_core::correlate::KnownFlow;

use super::cells::Cells;
use super::columns::{Column, KnownRow, Row, Value, schema};

/// Builds record batches.
pub(crate) struct Builder {
    schema: SchemaRef,
    columns: Vec<(&'static Column, Cells)>,
    rows: usize,
    /// By the key of flows: the values of shared columns, in their order.
    shared: Vec<Option<Box<[Kept]>>>,
    /// By the [shape](KnownFlow::shape) of known flows.
    plans: Vec<Option<Box<[Step]>>>,
}

/// A column that may have a value in known flows of one shape, by its place.
enum Step {
    Shared(usize),
    /// All of these flows have the value.
    Common(usize, Kept),
    Own(usize),
}

/// A value that outlives its row.
enum Kept {
    Null,
    Text(Box<[u8]>),
    Int(i64),
    Bool(bool),
    Time(Timestamp),
}

impl Kept {
    fn of(value: &Value<'_>) -> Self {
        match value {
            Value::Int(number) => Self::Int(*number),
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Time(time) => Self::Time(*time),
            Value::Raw(raw) => Self::Text((*raw).into()),
            value => value.text().map_or(Self::Null, |text| Self::Text(text.into_bytes().into())),
        }
    }

    const fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) => Value::Raw(text),
            Self::Int(number) => Value::Int(*number),
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Time(time) => Value::Time(*time),
        }
    }
}

impl Builder {
    pub(crate) fn new(columns: &[&'static Column]) -> Self {
        let cells = |column: &&'static Column| (*column, Cells::new(column.kind));
        Self {
            schema: Arc::new(schema(columns)),
            columns: columns.iter().map(cells).collect(),
            rows: 0,
            shared: Vec::new(),
            plans: std::iter::repeat_with(|| None).take(KnownFlow::SHAPES).collect(),
        }
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Adds a row. All rows of flows come from one [`FlowCache`](asg_core::correlate::FlowCache).
    pub(crate) fn push(&mut self, row: &Row<'_>) {
        let Self { columns, rows, shared, .. } = self;
        let kept = row.key().map(|key| {
            if shared.len() <= key {
                shared.resize_with(key + 1, || None);
            }
            &**shared[key].get_or_insert_with(|| {
                let all = columns.iter().filter(|(column, _)| column.is_shared());
                all.map(|(column, _)| Kept::of(&column.value(row))).collect()
            })
        });
        let mut kept = kept.map(|kept| kept.iter());
        for (column, cells) in columns {
            match kept.as_mut().filter(|_| column.is_shared()).and_then(Iterator::next) {
                Some(kept) => cells.put(*rows, &kept.value()),
                None => column.put(row, *rows, cells),
            }
        }
        *rows += 1;
    }

    /// Adds a row whose key an earlier one had, if its values are known; else returns `false`.
    pub(crate) fn push_known(&mut self, row: &KnownRow<'_>) -> bool {
        let Self { columns, rows, shared, plans, .. } = self;
        let Some(Some(kept)) = shared.get(row.key()) else { return false };
        let plan = plans[row.shape()].get_or_insert_with(|| plan(columns, row));
        let mut kept = kept.iter();
        for step in plan {
            match step {
                Step::Shared(at) => {
                    let Some(kept) = kept.next() else { break };
                    columns[*at].1.put(*rows, &kept.value());
                }
                Step::Common(at, kept) => columns[*at].1.put(*rows, &kept.value()),
                Step::Own(at) => {
                    let (column, cells) = &mut columns[*at];
                    column.put_own(row, *rows, cells);
                }
            }
        }
        *rows += 1;
        true
    }

    /// Returns the rows since the last batch.
    pub(crate) fn finish(&mut self) -> RecordBatch {
        let arrays = self.columns.iter_mut().map(|(_, cells)| cells.finish(self.rows)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows = 0;
        RecordBatch::try_new_with_options(self.schema(), arrays, &options)
            .expect("each builder makes the type of its column, and got one value for each row")
    }
}

/// Plans which columns to fill of known flows with the shape of this one.
fn plan(columns: &[(&'static Column, Cells)], row: &KnownRow<'_>) -> Box<[Step]> {
    let step = |(at, (column, _)): (usize, &(&'static Column, Cells))| {
        if column.is_shared() {
            return Some(Step::Shared(at));
        }
        match row.value_of_shape(column) {
            None => Some(Step::Own(at)),
            Some(Value::Null) => None,
            Some(value) => Some(Step::Common(at, Kept::of(&value))),
        }
    };
    columns.iter().enumerate().filter_map(step).collect()
}
