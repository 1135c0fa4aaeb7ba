//! Lines about containers as a table, for joins that other engines do.

use std::sync::Arc;

use arrow_array::builder::{
    Int32Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, StructArray};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, TimeUnit};
use asg_cli::lines::Raw;
use asg_core::event::RepEvent;
use asg_core::{Content, Reader, Record, TimePolicy, Timestamp};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use pyo3_arrow::ffi::{ArrayIterator, to_stream_pycapsule};

use crate::errors::Failure;
use crate::source::{Given, Item};
use crate::time_policy;

/// Returns a row for each container in each line about one, as a stream of one batch. The columns
/// are those of `asglog.batches.EVIDENCE`.
#[pyfunction]
pub(crate) fn evidence(
    py: Python<'_>,
    items: Vec<Item>,
    year: Option<i16>,
    utc_offset: f64,
) -> PyResult<Bound<'_, PyCapsule>> {
    let policy = time_policy(year, utc_offset)?;
    let readers = Given::new(items, None).readers();
    let table = py.detach(|| {
        let (mut rows, mut reader) = (Rows::default(), Reader::default());
        let mut lines = readers.open("reading");
        while lines.step(|raw| rows.take(&raw, &mut reader, &policy))? {}
        Ok::<_, asg_cli::error::Error>(rows.finish())
    });
    let table = table.map_err(Failure::from)?;
    let field: FieldRef = Arc::new(Field::new("", DataType::Struct(table.fields().clone()), false));
    let only: [Result<ArrayRef, ArrowError>; 1] = [Ok(Arc::new(table))];
    Ok(to_stream_pycapsule(py, Box::new(ArrayIterator::new(only, field)), None)?)
}

/// The columns, while they grow.
#[derive(Default)]
struct Rows {
    time: TimestampMicrosecondBuilder,
    cell: StringBuilder,
    event: StringBuilder,
    handle: StringBuilder,
    process: StringBuilder,
    instance: StringBuilder,
    index: Int32Builder,
    domain: StringBuilder,
    cell_id: StringBuilder,
    address: StringBuilder,
    row: Int64Builder,
}

/// What the lines of a document, or one line, share.
struct Line {
    time: Option<Timestamp>,
    cell: Option<String>,
    row: i64,
}

impl Rows {
    fn take(&mut self, raw: &Raw<'_>, reader: &mut Reader, policy: &TimePolicy) {
        // All of them are or contain JSON; most kernel lines do not, and are not read here.
        if raw.part_of.is_some() || !raw.bytes.contains(&b'{') {
            return;
        }
        let line = raw.line();
        let record = reader.classify(&line);
        self.record(&record, raw, policy);
        for record in Record::more(&line) {
            self.record(&record, raw, policy);
        }
    }

    fn record(&mut self, record: &Record<'_>, raw: &Raw<'_>, policy: &TimePolicy) {
        let of_line = || Line {
            time: record.time(policy),
            cell: record.envelope.cell().filter(|name| name != "localhost"),
            row: i64::try_from(raw.origin.line).unwrap_or(i64::MAX) - 1,
        };
        match &record.content {
            Content::Rep(event) => self.event(event, &of_line()),
            Content::Document(events) => {
                let line = of_line();
                for event in events {
                    self.event(event, &line);
                }
            }
            Content::Damaged(damaged) => {
                if let Some(event) = damaged.rep() {
                    self.event(event, &of_line());
                }
            }
            Content::Logger(event) => {
                self.line(&of_line());
                self.event.append_value("seen");
                self.handle.append_option(event.container_id.as_deref());
                self.process.append_option(event.app_guid.as_deref());
                self.instance.append_null();
                self.index.append_null();
                self.domain.append_null();
                self.cell_id.append_option(event.host_guid.as_deref());
                self.address.append_null();
            }
            Content::Packet { .. } | Content::Other => {}
        }
    }

    fn event(&mut self, event: &RepEvent<'_>, line: &Line) {
        self.line(line);
        self.event.append_value(event.event.word());
        self.handle.append_option(event.handle.as_deref());
        self.process.append_option(event.process_guid.as_deref());
        self.instance.append_option(event.instance_guid.as_deref());
        self.index.append_option(event.index.and_then(|index| i32::try_from(index).ok()));
        self.domain.append_option(event.domain.as_deref());
        self.cell_id.append_option(event.cell_id.as_deref());
        self.address.append_option(event.container_ip.map(|ip| ip.to_string()));
    }

    fn line(&mut self, Line { time, cell, row }: &Line) {
        self.time.append_option(time.map(|time| time.as_nanos().div_euclid(1_000)));
        self.cell.append_option(cell.as_deref());
        self.row.append_value(*row);
    }

    fn finish(mut self) -> StructArray {
        let time = self.time.finish().with_timezone("UTC");
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("time", Arc::new(time)),
            ("cell", Arc::new(self.cell.finish())),
            ("event", Arc::new(self.event.finish())),
            ("handle", Arc::new(self.handle.finish())),
            ("process_guid", Arc::new(self.process.finish())),
            ("instance_guid", Arc::new(self.instance.finish())),
            ("index", Arc::new(self.index.finish())),
            ("domain", Arc::new(self.domain.finish())),
            ("cell_id", Arc::new(self.cell_id.finish())),
            ("container_ip", Arc::new(self.address.finish())),
            ("row", Arc::new(self.row.finish())),
        ];
        let field =
            |(name, column): &(&str, ArrayRef)| Field::new(*name, column.data_type().clone(), true);
        let fields: Fields = columns.iter().map(field).collect();
        debug_assert_eq!(
            fields[0].data_type(),
            &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        );
        StructArray::new(fields, columns.into_iter().map(|(_, column)| column).collect(), None)
    }
}
