//! Rows to files.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::errors::Failure;
use crate::rows::Batches;

/// Writes a Parquet file, Zstandard inside. It is written beside and moved into place, so that a half is never seen.
pub(crate) fn parquet(mut rows: Batches, path: &Path) -> Result<(), Failure> {
    write(rows.schema(), || rows.next_batch(), path)
}

/// The same of one batch.
pub(crate) fn parquet_batch(batch: &RecordBatch, path: &Path) -> Result<(), Failure> {
    let mut rest = Some(batch.clone());
    write(batch.schema(), || Ok(rest.take()), path)
}

fn write(
    schema: SchemaRef,
    next: impl FnMut() -> Result<Option<RecordBatch>, Failure>,
    path: &Path,
) -> Result<(), Failure> {
    let fail = |error| Failure::read(path.to_string_lossy(), error);
    let half = Half::new(path);
    write_parquet(schema, next, half.beside())?;
    half.finish().map_err(fail)
}

/// The names of all files that are half written.
static HALVES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes them.
pub(crate) fn remove_halves() {
    for half in &*HALVES.lock().unwrap_or_else(PoisonError::into_inner) {
        drop(std::fs::remove_file(half));
    }
}

/// A file that is being written beside another, whose place it takes when it is whole. If that does not come, it is removed.
pub(crate) struct Half {
    beside: PathBuf,
    path: PathBuf,
}

impl Half {
    /// For this file; it is not made yet.
    pub(crate) fn new(path: &Path) -> Self {
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".{}.part", std::process::id()));
        let beside = PathBuf::from(beside);
        HALVES.lock().unwrap_or_else(PoisonError::into_inner).push(beside.clone());
        Self { beside, path: path.into() }
    }

    pub(crate) fn beside(&self) -> &Path {
        &self.beside
    }

    /// It is whole.
    pub(crate) fn finish(self) -> io::Result<()> {
        std::fs::rename(&self.beside, &self.path)
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        let mut halves = HALVES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(n) = halves.iter().position(|half| *half == self.beside) {
            halves.swap_remove(n);
        }
        drop(std::fs::remove_file(&self.beside));
    }
}

fn write_parquet(
    schema: SchemaRef,
    mut next: impl FnMut() -> Result<Option<RecordBatch>, Failure>,
    path: &Path,
) -> Result<(), Failure> {
    let fail = |error| Failure::read(path.to_string_lossy(), error);
    let other =
        |error: parquet::errors::ParquetError| fail(std::io::Error::other(error.to_string()));
    let file = File::create(path).map_err(fail)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        // A row group is held in memory until it is whole.
        .set_max_row_group_row_count(Some(256 << 10))
        .build();
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).map_err(other)?;
    while let Some(batch) = next()? {
        writer.write(&batch).map_err(other)?;
    }
    writer.close().map_err(other)?;
    Ok(())
}
