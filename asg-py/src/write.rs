//! Rows to files.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
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

/// The names of all files that are half written.
static HALVES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// How many there were.
static MADE: AtomicU64 = AtomicU64::new(0);

/// Removes them.
pub(crate) fn remove_halves() {
    for half in &*HALVES.lock().unwrap_or_else(PoisonError::into_inner) {
        drop(std::fs::remove_file(half));
    }
}

/// A file that is being written beside another, whose place it takes when it is whole. If that does not come, it is removed.
///
/// A link stays one, and the file keeps its permissions. What is no file, such as a device or a pipe, is written to.
pub(crate) struct Half {
    /// `None` if there is no other file.
    beside: Option<PathBuf>,
    path: PathBuf,
}

impl Half {
    /// For this file; it is not made yet.
    pub(crate) fn new(path: &Path) -> Self {
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
        if std::fs::metadata(&path).is_ok_and(|there| !there.is_file()) {
            return Self { beside: None, path };
        }
        let mut beside = path.as_os_str().to_owned();
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        beside.push(format!(".{}-{number}.part", std::process::id()));
        let beside = PathBuf::from(beside);
        HALVES.lock().unwrap_or_else(PoisonError::into_inner).push(beside.clone());
        Self { beside: Some(beside), path }
    }

    pub(crate) fn create(&self) -> io::Result<File> {
        let file = File::create(self.beside.as_deref().unwrap_or(&self.path))?;
        if let (Some(_), Ok(there)) = (&self.beside, std::fs::metadata(&self.path)) {
            file.set_permissions(there.permissions())?;
        }
        Ok(file)
    }

    /// It is whole.
    pub(crate) fn finish(self) -> io::Result<()> {
        match &self.beside {
            Some(beside) => std::fs::rename(beside, &self.path),
            None => Ok(()),
        }
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        let Some(beside) = &self.beside else { return };
        let mut halves = HALVES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(n) = halves.iter().position(|half| half == beside) {
            halves.swap_remove(n);
        }
        drop(std::fs::remove_file(beside));
    }
}

fn write(
    schema: SchemaRef,
    mut next: impl FnMut() -> Result<Option<RecordBatch>, Failure>,
    path: &Path,
) -> Result<(), Failure> {
    let fail = |error| Failure::read(path.to_string_lossy(), error);
    let other =
        |error: parquet::errors::ParquetError| fail(std::io::Error::other(error.to_string()));
    let half = Half::new(path);
    let file = half.create().map_err(fail)?;
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
    half.finish().map_err(fail)
}
