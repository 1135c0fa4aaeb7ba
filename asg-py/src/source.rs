//! Sources of Python's: paths, bytes, file objects and columns of lines.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, ArrayRef, LargeBinaryArray};
use arrow_schema::{DataType, FieldRef, Fields};
use asg_cli::error::Error;
use asg_cli::input::{
    Counted, Log, Opened, ReadCounter, SeparateLines as _, Source, decompressed, is_compressed,
};
use asg_cli::lines::Readers;
use asg_cli::lock::Lock;
use asg_cli::origins;
use asg_cli::pipeline::Threads;
use asg_core::SourceId;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::{PyTraverseError, PyVisit};
use pyo3_arrow::input::AnyArray;

use crate::callback::{self, PyMonitor, Slot};
use crate::line_column::LineColumn;

/// The sources of a reading and its progress, with the references of one owner to Python's objects.
#[derive(Debug, Default)]
pub(crate) struct Given {
    items: Vec<Item>,
    progress: Option<Slot>,
}

impl Given {
    pub(crate) fn new(items: Vec<Item>, progress: Option<Py<PyAny>>) -> Self {
        Self { items, progress: progress.map(Slot::new) }
    }

    /// Returns a copy for another owner, with references of its own.
    pub(crate) fn another(&self, py: Python<'_>) -> Self {
        Self {
            items: self.items.iter().map(|item| item.another(py)).collect(),
            progress: self.progress.as_ref().map(|slot| slot.another(py)),
        }
    }

    pub(crate) fn readers(&self) -> Readers {
        let source = |item: &Item| -> Arc<dyn Source> {
            match item {
                Item::Log(log) | Item::OfTask(log) => Arc::<Log>::clone(log),
                Item::Bytes(bytes) => Arc::<Bytes>::clone(bytes),
                Item::Column(column) => Arc::<Column>::clone(column),
                Item::File(file) => Arc::new(file.clone()),
            }
        };
        let monitor = Arc::new(PyMonitor { progress: self.progress.clone() });
        let readers = Readers::new(self.items.iter().map(source).collect(), monitor);
        if self.items.iter().any(|item| matches!(item, Item::OfTask(_))) {
            return readers.with_threads(Threads::ONE);
        }
        readers
    }

    /// Returns whether all of it is at hand, and so little that people do not notice the time of
    /// reading.
    pub(crate) fn is_small(&self) -> bool {
        const BYTES: u64 = 1 << 20;
        const LINES: usize = 10_000;
        let (mut bytes, mut lines) = (0_u64, 0_usize);
        for item in &self.items {
            match item {
                Item::Log(log) | Item::OfTask(log) => {
                    let size = log.size().or_else(|| folder_size(Path::new(log.name())));
                    bytes = bytes.saturating_add(size.unwrap_or(u64::MAX));
                }
                Item::Bytes(whole) => bytes = bytes.saturating_add(whole.whole.len() as u64),
                Item::Column(column) => lines = lines.saturating_add(column.lines.len()),
                Item::File(_) => return false,
            }
        }
        bytes <= BYTES && lines <= LINES
    }

    /// Returns whether it can be read again.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.items.iter().all(|item| match item {
            Item::Log(log) | Item::OfTask(log) => log.is_repeatable(),
            Item::File(file) => file.is_repeatable(),
            Item::Bytes(_) | Item::Column(_) => true,
        })
    }

    pub(crate) fn visit(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.slots().try_for_each(|slot| slot.visit(visit))
    }

    pub(crate) fn clear(&self) {
        self.slots().for_each(Slot::clear);
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.items.iter().filter_map(Item::slot).chain(&self.progress)
    }
}

/// The bytes of the files in a folder; `None` if it has more than some hundred.
fn folder_size(folder: &Path) -> Option<u64> {
    const FILES: usize = 500;
    let (mut folders, mut files, mut bytes) = (vec![folder.to_path_buf()], 0, 0_u64);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).ok()? {
            let entry = entry.ok()?;
            files += 1;
            if files > FILES {
                return None;
            }
            // Symbolic links are not followed.
            let known = entry.metadata().ok()?;
            if known.is_dir() {
                folders.push(entry.path());
            } else {
                bytes = bytes.saturating_add(known.len());
            }
        }
    }
    Some(bytes)
}

/// One source.
#[derive(Debug)]
pub(crate) enum Item {
    Log(Arc<Log>),
    /// A log that a task of a cluster reads, which has one processor.
    OfTask(Arc<Log>),
    Bytes(Arc<Bytes>),
    Column(Arc<Column>),
    File(FileObject),
}

impl Item {
    fn another(&self, py: Python<'_>) -> Self {
        match self {
            Self::Log(log) => Self::Log(Arc::clone(log)),
            Self::OfTask(log) => Self::OfTask(Arc::clone(log)),
            Self::Bytes(bytes) => Self::Bytes(Arc::clone(bytes)),
            Self::Column(column) => Self::Column(Arc::clone(column)),
            Self::File(file) => {
                Self::File(FileObject { object: file.object.another(py), ..file.clone() })
            }
        }
    }

    const fn slot(&self) -> Option<&Slot> {
        match self {
            Self::File(file) => Some(&file.object),
            _ => None,
        }
    }
}

/// Converts the result of `asglog.sources` for a caller's argument: `(kind, name, value, start)`.
impl FromPyObject<'_, '_> for Item {
    type Error = PyErr;

    fn extract(item: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let (kind, name, value, start): (String, String, Bound<'_, PyAny>, Option<u64>) =
            item.extract()?;
        let id = origins::number(&name);
        Ok(match kind.as_str() {
            "path" => Self::Log(Arc::new(Log::file(value.extract()?))),
            "of task" => Self::OfTask(Arc::new(Log::file(value.extract()?))),
            "bytes" => Self::Bytes(Arc::new(Bytes { name, id, whole: value.extract()? })),
            "lines" => Self::Column(Arc::new(Column { name, id, lines: lines(&value)? })),
            "column" => Self::Column(Arc::new(Column { name, id, lines: column(&value)? })),
            "file" => Self::File(FileObject {
                name,
                id,
                object: Slot::new(value.unbind()),
                start,
                turn: Arc::new(Lock::new(false)),
            }),
            _ => return Err(PyValueError::new_err(format!("no kind of source: {kind}"))),
        })
    }
}

/// Lines in memory; `None` is a missing one.
fn lines(value: &Bound<'_, PyAny>) -> PyResult<LineColumn> {
    let lines: Vec<Option<PyBackedBytes>> = value.extract()?;
    let lines: LargeBinaryArray = lines.iter().map(Option::as_deref).collect();
    let chunk: ArrayRef = Arc::new(lines);
    LineColumn::new(&[chunk]).ok_or_else(|| PyTypeError::new_err("these are no lines"))
}

fn column(value: &Bound<'_, PyAny>) -> PyResult<LineColumn> {
    let array = value.extract::<AnyArray>().and_then(|array| Ok(array.into_chunked_array()?));
    let (chunks, _) = array
        .map_err(|error| {
            let kind = value.get_type().name();
            let kind = kind.map_or_else(|_| "this".to_owned(), |name| name.to_string());
            PyTypeError::new_err(format!("{kind} gives no Arrow column of lines: {error}"))
        })?
        .into_inner();
    let chunks: Vec<ArrayRef> = chunks;
    let of = chunks.first().map(|chunk| chunk.data_type().clone());
    let chunks = match &of {
        Some(DataType::Struct(fields)) if fields.len() == 1 => only_column(&chunks),
        Some(DataType::Struct(fields)) => return Err(no_column(fields)),
        _ => chunks,
    };
    LineColumn::new(&chunks).ok_or_else(|| {
        let of = of.map(|of| of.to_string()).unwrap_or_default();
        PyTypeError::new_err(format!(
            "a column of lines is text or binary, not {of}: give the column with the lines"
        ))
    })
}

/// Returns the column of a table that has one.
fn only_column(chunks: &[ArrayRef]) -> Vec<ArrayRef> {
    let column = |chunk: &ArrayRef| match chunk.as_struct_opt() {
        Some(table) => Arc::clone(table.column(0)),
        None => Arc::clone(chunk),
    };
    chunks.iter().map(column).collect()
}

/// Returns an error for a table of several columns, with the way to one of them.
fn no_column(fields: &Fields) -> PyErr {
    let is_text = |field: &&FieldRef| {
        use DataType::{Binary, LargeBinary, LargeUtf8, Utf8, Utf8View};
        matches!(field.data_type(), Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary)
    };
    let mut texts = fields.iter().filter(is_text);
    let names: Vec<_> = fields.iter().take(8).map(|field| field.name().as_str()).collect();
    let more = if fields.len() > names.len() { ", …" } else { "" };
    let example = texts.next().map_or("message", |field| field.name());
    PyTypeError::new_err(format!(
        "this is a table with the columns {}{more}: give the one with the lines, such as \
         df[{example:?}]",
        names.join(", ")
    ))
}

/// The bytes of a log.
pub(crate) struct Bytes {
    name: String,
    id: SourceId,
    whole: PyBackedBytes,
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bytes").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Source for Bytes {
    fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> SourceId {
        self.id
    }

    fn open(&self, counter: &ReadCounter) -> Result<Opened<'_>, Error> {
        if !is_compressed(&self.whole) {
            return Ok(Opened::Bytes(&self.whole));
        }
        let whole = io::Cursor::new(Python::attach(|py| self.whole.clone_ref(py)));
        let stream = decompressed(Counted::new(whole, counter.clone()));
        Ok(Opened::Stream(stream.map_err(|error| Error::file(&*self.name, error))?))
    }

    fn size(&self) -> Option<u64> {
        Some(self.whole.len() as u64)
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}

/// A column of lines.
#[derive(Debug)]
pub(crate) struct Column {
    name: String,
    id: SourceId,
    lines: LineColumn,
}

impl Source for Column {
    fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> SourceId {
        self.id
    }

    fn open(&self, _: &ReadCounter) -> Result<Opened<'_>, Error> {
        Ok(Opened::Lines(&self.lines))
    }

    fn size(&self) -> Option<u64> {
        None
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}

/// A file object of Python's.
#[derive(Debug, Clone)]
pub(crate) struct FileObject {
    name: String,
    id: SourceId,
    object: Slot,
    /// Its position when it was handed in; `None` if it cannot return there.
    start: Option<u64>,
    turn: Turn,
}

/// Held by the thread that moves the file, because several readings may share it, each with a
/// position of its own. No thread waits for it while it holds the interpreter. True after the first
/// reading.
type Turn = Arc<Lock<bool>>;

impl Source for FileObject {
    fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> SourceId {
        self.id
    }

    fn open(&self, counter: &ReadCounter) -> Result<Opened<'_>, Error> {
        let mut turn = self.turn.lock(&PyMonitor::QUIET)?;
        if *turn && self.start.is_none() {
            return Err(Error::Usage(
                "this file object cannot be read twice: give a path, or a file that can seek",
            ));
        }
        *turn = true;
        drop(turn);
        let reader = FileReader { file: self.clone(), place: self.start, held: None, at: 0 };
        let stream = decompressed(Counted::new(reader, counter.clone()));
        Ok(Opened::Stream(stream.map_err(|error| Error::file(&*self.name, error))?))
    }

    fn size(&self) -> Option<u64> {
        None
    }

    fn is_repeatable(&self) -> bool {
        self.start.is_some()
    }
}

struct FileReader {
    file: FileObject,
    /// The position of this reading, if the file can seek.
    place: Option<u64>,
    held: Option<PyBackedBytes>,
    at: usize,
}

impl FileReader {
    fn next_piece(&mut self) -> Result<PyBackedBytes, Error> {
        let Self { file, place, .. } = self;
        let _turn = file.turn.lock(&PyMonitor::QUIET)?;
        callback::call(|py| {
            let object = file.object.get(py)?;
            if let Some(place) = place {
                object.call_method1("seek", (*place,))?;
            }
            let piece: PyBackedBytes =
                object.call_method1("read", (1 << 20,))?.extract().map_err(|_| {
                    PyTypeError::new_err("read() gives no bytes: open the file in binary mode")
                })?;
            if let Some(place) = place {
                *place = object.call_method0("tell")?.extract()?;
            }
            Ok(piece)
        })
    }
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.held.as_ref().is_none_or(|held| self.at == held.len()) {
            self.held = Some(self.next_piece()?);
            self.at = 0;
        }
        let rest = self.held.as_ref().map_or(&[][..], |held| &held[self.at..]);
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        Ok(n)
    }
}
