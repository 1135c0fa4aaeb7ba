//! Rows to files.

use std::fs::File;
use std::path::Path;

use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::errors::Failure;
use crate::rows::Batches;

/// Writes a Parquet file, Zstandard inside. It is written beside and moved into place, so that a half is never seen.
pub(crate) fn parquet(mut rows: Batches, path: &Path) -> Result<(), Failure> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let beside = Path::new(&beside);
    let written = write_parquet(&mut rows, beside).and_then(|()| {
        std::fs::rename(beside, path).map_err(|error| Failure::read(path.to_string_lossy(), error))
    });
    if written.is_err() {
        drop(std::fs::remove_file(beside));
    }
    written
}

fn write_parquet(rows: &mut Batches, path: &Path) -> Result<(), Failure> {
    let fail = |error| Failure::read(path.to_string_lossy(), error);
    let other =
        |error: parquet::errors::ParquetError| fail(std::io::Error::other(error.to_string()));
    let file = File::create(path).map_err(fail)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        // A row group is held in memory until it is whole.
        .set_max_row_group_row_count(Some(256 << 10))
        .build();
    let mut writer = ArrowWriter::try_new(file, rows.schema(), Some(properties)).map_err(other)?;
    while let Some(batch) = rows.next_batch()? {
        writer.write(&batch).map_err(other)?;
    }
    writer.close().map_err(other)?;
    Ok(())
}
