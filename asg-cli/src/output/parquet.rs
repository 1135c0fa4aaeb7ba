//! Parquet files, compressed with Zstandard.

use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::NewFile;
use crate::error::Error;
use crate::query::Query;

/// A row group is held in memory until it is complete.
const GROUP_ROWS: usize = 256 << 10;

/// Numbers that differ from row to row: a dictionary of them is as long as the column, and to look
/// each of them up is most of the work.
const MANY_VALUES: [&str; 10] =
    ["time", "line", "uptime_us", "id", "spt", "seq", "ack", "window", "icmp_id", "icmp_seq"];

/// Writes the rows of a query to a Parquet file, in constant memory.
///
/// # Errors
///
/// Those of reading and writing.
pub fn write_query(query: &Query, path: &Path) -> Result<(), Error> {
    let batches = query.batches();
    write(batches.schema(), batches, path)
}

/// Writes record batches with this schema to a Parquet file.
///
/// # Errors
///
/// Those of the batches and of writing.
pub fn write(
    schema: SchemaRef,
    batches: impl IntoIterator<Item = Result<RecordBatch, Error>>,
    path: &Path,
) -> Result<(), Error> {
    let fail = |error| Error::file(path.to_string_lossy(), error);
    let other =
        |error: parquet::errors::ParquetError| fail(std::io::Error::other(error.to_string()));
    let new = NewFile::new(path);
    let file = new.create().map_err(fail)?;
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(GROUP_ROWS));
    for column in MANY_VALUES {
        let column = ColumnPath::from(column);
        properties = properties
            .set_column_encoding(column.clone(), Encoding::DELTA_BINARY_PACKED)
            .set_column_dictionary_enabled(column, false);
    }
    let properties = Some(properties.build());
    let mut writer = ArrowWriter::try_new(file, schema, properties).map_err(other)?;
    for batch in batches {
        writer.write(&batch?).map_err(other)?;
    }
    let file = writer.into_inner().map_err(other)?;
    new.finish(&file).map_err(fail)
}
