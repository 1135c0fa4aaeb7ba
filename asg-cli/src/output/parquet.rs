//! Parquet files, compressed with Zstandard.
//!
//! Encoding the columns takes as long as making the rows. The caller's thread encodes, and makes
//! rows where it would wait. With two or three threads another one takes some of the columns, so
//! that all are busy; with more threads, half of them share the columns.

use std::fs::File;
use std::path::Path;
use std::sync::mpsc::{self, SyncSender};
use std::thread::{self, JoinHandle};

use arrow_array::RecordBatch;
use arrow_schema::{DataType, FieldRef, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;

use super::NewFile;
use crate::error::Error;
use crate::pipeline::Threads;
use crate::query::Query;

/// A row group is held in memory until it is complete.
const GROUP_ROWS: usize = 256 << 10;

/// The open page of each column is held in memory, as eight bytes for each row.
const PAGE_ROWS: usize = 8 << 10;

/// Numbers that differ from row to row: a dictionary of them is as long as the column, and to look
/// each of them up is most of the work.
const MANY_VALUES: [&str; 10] =
    ["time", "line", "uptime_us", "id", "spt", "seq", "ack", "window", "icmp_id", "icmp_seq"];

/// Texts that differ from file to file, and so from one row group to another. A reader skips groups
/// by their least and greatest values. Most groups have all values of other texts, and finding the
/// least of those takes a tenth of the time.
const SORTED_TEXTS: [&str; 4] = ["source", "cell", "host", "job"];

/// Writes the rows of a query to a Parquet file, in constant memory, on the threads of the query.
///
/// # Errors
///
/// Those of reading and writing.
pub fn write_query(query: &Query, path: &Path) -> std::result::Result<(), Error> {
    let batches = query.batches().in_parts();
    write_on((query.threads(), GROUP_ROWS), batches.schema(), batches, path)
}

/// Writes record batches with this schema to a Parquet file.
///
/// # Errors
///
/// Those of the batches and of writing.
pub fn write(
    schema: SchemaRef,
    batches: impl IntoIterator<Item = std::result::Result<RecordBatch, Error>>,
    path: &Path,
) -> std::result::Result<(), Error> {
    write_on((Threads::ONE, GROUP_ROWS), schema, batches, path)
}

fn write_on(
    (threads, group_rows): (Threads, usize),
    schema: SchemaRef,
    batches: impl IntoIterator<Item = std::result::Result<RecordBatch, Error>>,
    path: &Path,
) -> std::result::Result<(), Error> {
    let fail = |error| Error::file(path.to_string_lossy(), error);
    let other = |error: ParquetError| fail(std::io::Error::other(error.to_string()));
    let new = NewFile::new(path);
    let file = new.create().map_err(fail)?;
    let mut groups = Groups::new((threads, group_rows), file, schema).map_err(other)?;
    for batch in batches {
        groups.write(&batch?).map_err(other)?;
    }
    let file = groups.finish().map_err(other)?;
    new.finish(&file).map_err(fail)
}

fn properties(schema: &Schema) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_data_page_row_count_limit(PAGE_ROWS);
    for column in MANY_VALUES {
        let column = ColumnPath::from(column);
        properties = properties
            .set_column_encoding(column.clone(), Encoding::DELTA_BINARY_PACKED)
            .set_column_dictionary_enabled(column, false);
    }
    for field in schema.fields() {
        if field.data_type() == &DataType::Utf8 && !(SORTED_TEXTS.contains(&field.name().as_str()))
        {
            let column = ColumnPath::from(field.name().as_str());
            properties = properties.set_column_statistics_enabled(column, EnabledStatistics::None);
        }
    }
    properties.build()
}

/// A file, row group by row group.
struct Groups {
    threads: usize,
    /// Of a complete group.
    rows: usize,
    schema: SchemaRef,
    file: SerializedFileWriter<File>,
    writers: ArrowRowGroupWriterFactory,
    /// The group that is not complete, and its rows.
    open: Option<(Crew, usize)>,
    complete: usize,
}

impl Groups {
    fn new((threads, rows): (Threads, usize), file: File, schema: SchemaRef) -> Result<Self> {
        let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties(&schema)))?;
        let (file, writers) = writer.into_serialized_writer()?;
        let threads = threads.get().get();
        Ok(Self { threads, rows, schema, file, writers, open: None, complete: 0 })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut start = 0;
        while start < batch.num_rows() {
            let (mut crew, rows) = match self.open.take() {
                Some(open) => open,
                None => (self.crew()?, 0),
            };
            let fits = (self.rows - rows).min(batch.num_rows() - start);
            let is_taken = crew.write(&batch.slice(start, fits));
            self.open = Some((crew, rows + fits));
            if !is_taken || rows + fits == self.rows {
                self.close()?;
            }
            start += fits;
        }
        Ok(())
    }

    /// Begins a group.
    fn crew(&self) -> Result<Crew> {
        let writers = self.writers.create_column_writers(self.complete)?;
        // How many other threads encode, and how many of four columns are theirs.
        let (hands, of_four) = match self.threads {
            1 => (0, 0),
            few @ 2..4 => (1, few - 1),
            many => (many / 2, 4),
        };
        let mut own = Share::default();
        let mut shares: Vec<Share> = std::iter::repeat_with(Share::default).take(hands).collect();
        let mut next = (0..hands).cycle().peekable();
        // Similar columns are neighbours, so each share gets some of every kind.
        for (number, (field, writer)) in self.schema.fields().iter().zip(writers).enumerate() {
            let column = Column { number, field: field.clone(), writer };
            let is_given = number % 4 < of_four;
            let share = next.next_if(|_| is_given).map_or(&mut own, |hand| &mut shares[hand]);
            share.columns.push(column);
        }
        Ok(Crew::new(own, shares))
    }

    /// Ends the open group.
    fn close(&mut self) -> Result<()> {
        let Some((crew, _)) = self.open.take() else { return Ok(()) };
        let mut chunks = crew.close()?;
        chunks.sort_by_key(|(number, _)| *number);
        let mut group = self.file.next_row_group()?;
        for (_, chunk) in chunks {
            chunk.append_to_row_group(&mut group)?;
        }
        group.close()?;
        self.complete += 1;
        Ok(())
    }

    fn finish(mut self) -> Result<File> {
        self.close()?;
        self.file.into_inner()
    }
}

/// A column of a row group. No column of ours is nested, so each has one writer.
struct Column {
    number: usize,
    field: FieldRef,
    writer: ArrowColumnWriter,
}

/// The columns that one thread encodes.
#[derive(Default)]
struct Share {
    columns: Vec<Column>,
}

type Chunks = Vec<(usize, ArrowColumnChunk)>;

impl Share {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        for Column { number, field, writer } in &mut self.columns {
            let array = batch.columns().get(*number);
            let array = array.ok_or_else(|| ParquetError::General("a column is missing".into()))?;
            for leaf in compute_leaves(field, array)? {
                writer.write(&leaf)?;
            }
        }
        Ok(())
    }

    fn close(self) -> Result<Chunks> {
        let close = |column: Column| Ok((column.number, column.writer.close()?));
        self.columns.into_iter().map(close).collect()
    }
}

/// The threads that encode a row group.
struct Crew {
    /// The columns of the caller's thread, and how they fared.
    own: Share,
    result: Result<()>,
    hands: Vec<(SyncSender<RecordBatch>, JoinHandle<Result<Chunks>>)>,
}

/// How many batches wait for a thread at most.
const MOST_WAITING: usize = 2;

impl Crew {
    fn new(own: Share, shares: Vec<Share>) -> Self {
        let start = |mut share: Share| {
            let (batches, taken) = mpsc::sync_channel::<RecordBatch>(MOST_WAITING);
            let work = move || {
                for batch in taken {
                    share.write(&batch)?;
                }
                share.close()
            };
            (batches, thread::spawn(work))
        };
        Self { own, result: Ok(()), hands: shares.into_iter().map(start).collect() }
    }

    /// Encodes rows; returns false after a failure, which [`Crew::close`] returns.
    fn write(&mut self, batch: &RecordBatch) -> bool {
        let are_taken = self.hands.iter().all(|(batches, _)| batches.send(batch.clone()).is_ok());
        self.result = self.own.write(batch);
        are_taken && self.result.is_ok()
    }

    /// Returns the encoded columns. A thread's panic goes on here.
    fn close(self) -> Result<Chunks> {
        let (batches, workers): (Vec<_>, Vec<_>) = self.hands.into_iter().unzip();
        drop(batches);
        let own = self.result.and_then(|()| self.own.close());
        let join = |worker: JoinHandle<Result<Chunks>>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        let others: Vec<Result<Chunks>> = workers.into_iter().map(join).collect();
        let all: Result<Vec<Chunks>> = std::iter::once(own).chain(others).collect();
        Ok(all?.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, StringArray};

    use super::*;

    /// Of a row group.
    const ROWS: usize = 300;

    /// Batches whose rows cross the border of a row group.
    fn batches() -> Vec<RecordBatch> {
        let batch = |first: usize, rows: usize| {
            let numbers =
                (first..first + rows).map(|n| (n % 7 > 0).then_some(n.cast_signed() as i64));
            let texts =
                (first..first + rows).map(|n| (n % 5 > 0).then(|| format!("app-{}", n % 99)));
            RecordBatch::try_from_iter_with_nullable([
                ("line", Arc::new(numbers.clone().collect::<Int64Array>()) as ArrayRef, true),
                ("app", Arc::new(texts.collect::<StringArray>()), true),
                ("len", Arc::new(numbers.collect::<Int64Array>()), true),
            ])
        };
        let sizes = [0, 1, ROWS - 2, 1, 0, ROWS + 3];
        let mut first = 0;
        let mut next = |rows| {
            first += rows;
            batch(first - rows, rows).unwrap()
        };
        sizes.map(&mut next).into()
    }

    #[test]
    fn any_number_of_threads_writes_what_the_library_writes() {
        let folder = tempfile::tempdir().unwrap();
        let (batches, schema) = (batches(), batches()[0].schema());
        let library = folder.path().join("library");
        let whole = WriterProperties::into_builder(properties(&schema));
        let whole = whole.set_max_row_group_row_count(Some(ROWS)).build();
        let file = File::create(&library).unwrap();
        let mut writer = ArrowWriter::try_new(file, schema.clone(), Some(whole)).unwrap();
        for batch in &batches {
            writer.write(batch).unwrap();
        }
        writer.close().unwrap();
        let expected = std::fs::read(&library).unwrap();
        for threads in [1, 2, 3, 4, 7] {
            let path = folder.path().join(threads.to_string());
            let threads = Threads::new(NonZero::new(threads).unwrap());
            let all = batches.iter().cloned().map(Ok);
            write_on((threads, ROWS), schema.clone(), all, &path).unwrap();
            assert!(std::fs::read(&path).unwrap() == expected, "{threads:?}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_batch_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let batches = batches();
        let two = batches[1].project(&[0, 1]).unwrap();
        for threads in [1, 2, 6] {
            let path = folder.path().join("out");
            let threads = Threads::new(NonZero::new(threads).unwrap());
            let all = [Ok(batches[1].clone()), Err(Error::Value("no".into())), Ok(two.clone())];
            let told = write_on((threads, ROWS), two.schema(), all, &path).unwrap_err();
            assert_eq!(told.to_string(), "no");
            assert!(!path.exists(), "a file that is not complete is not there");
        }
    }
}
