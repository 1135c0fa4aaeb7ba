//! What is read: files, bytes, Python's file objects and columns of lines, in any mixture, and again if asked.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::ArrayRef;
use asg_cli::input::{Counted, Input, Meter, decompressed, is_compressed};
use asg_core::SourceId;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3_arrow::input::AnyArray;

use crate::errors::Failure;
use crate::line_column::LineColumn;
use crate::origins;
use crate::watch::Watch;

/// One log, or a piece of one.
#[derive(Debug)]
pub(crate) struct Item {
    /// What outputs call it.
    pub(crate) name: String,
    /// Its number, by that name.
    pub(crate) id: SourceId,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Log(Input),
    Bytes(PyBackedBytes),
    File(FileObject),
    Column(LineColumn),
}

/// An open [`Item`].
pub(crate) enum Open<'s> {
    /// In memory, and not compressed.
    Bytes(&'s [u8]),
    /// To be read, decompressed.
    Stream(Box<dyn Read + Send>),
    /// Lines already.
    Column(&'s LineColumn),
}

impl Item {
    /// Opens it from its beginning. What is read is counted, before it is decompressed.
    pub(crate) fn open(&self, bytes: &Arc<AtomicU64>) -> Result<Open<'_>, Failure> {
        let fail = |error| Failure::read(&self.name, error);
        let meter = Listening(Arc::clone(bytes));
        Ok(match &self.kind {
            Kind::Log(input) => Open::Stream(input.open(&meter).map_err(fail)?),
            Kind::Bytes(whole) if is_compressed(whole) => {
                let whole = io::Cursor::new(Python::attach(|py| whole.clone_ref(py)));
                Open::Stream(decompressed(Counted::new(whole, meter)).map_err(fail)?)
            }
            Kind::Bytes(whole) => Open::Bytes(whole),
            Kind::File(object) => {
                let input = Counted::new(object.open()?, meter);
                Open::Stream(decompressed(input).map_err(fail)?)
            }
            Kind::Column(column) => Open::Column(column),
        })
    }

    /// A file by its path; `-` is standard input.
    pub(crate) fn path(path: PathBuf, id: SourceId) -> Self {
        let input = Input::from_arg(path);
        Self { id, name: input.name().to_owned(), kind: Kind::Log(input) }
    }

    /// Makes sure that it can be read again: what comes through a pipe is written to a temporary file.
    pub(crate) fn keep(&mut self, meter: &impl Meter) -> Result<(), Failure> {
        let Kind::Log(input) = &mut self.kind else { return Ok(()) };
        input.keep(meter).map_err(|error| Failure::read(&self.name, error))
    }

    /// How many bytes it has, as it lies on disk, if that is known.
    pub(crate) fn size(&self) -> Option<u64> {
        match &self.kind {
            Kind::Log(input) => input.size(),
            _ => None,
        }
    }

    /// True if it can be opened more than once.
    pub(crate) const fn is_repeatable(&self) -> bool {
        match &self.kind {
            Kind::Log(input) => !input.is_standard_input(),
            Kind::File(object) => object.start.is_some(),
            Kind::Bytes(_) | Kind::Column(_) => true,
        }
    }
}

/// Counts bytes. If there are none yet and a signal comes, it asks whether that was Ctrl-C.
#[derive(Clone)]
struct Listening(Arc<AtomicU64>);

impl Meter for Listening {
    fn add(&self, bytes: usize) -> io::Result<()> {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
        if bytes > 0 {
            return Ok(());
        }
        Watch::look_now().map_err(|failure| io::Error::other(PyErr::from(failure)))
    }
}

/// From what `asglog.sources` makes of a caller's argument: `(kind, name, value, start)`.
impl FromPyObject<'_, '_> for Item {
    type Error = PyErr;

    fn extract(item: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let (kind, name, value, start): (String, String, Bound<'_, PyAny>, Option<u64>) =
            item.extract()?;
        let kind = match kind.as_str() {
            "path" => Kind::Log(Input::file(value.extract()?)),
            "bytes" => Kind::Bytes(value.extract()?),
            "file" => Kind::File(FileObject {
                object: Arc::new(value.unbind()),
                start,
                turn: Arc::default(),
            }),
            "column" => Kind::Column(column(&value)?),
            _ => return Err(PyValueError::new_err(format!("no kind of source: {kind}"))),
        };
        Ok(Self { id: origins::number(&name), name, kind })
    }
}

fn column(value: &Bound<'_, PyAny>) -> PyResult<LineColumn> {
    let (chunks, _) = value.extract::<AnyArray>()?.into_chunked_array()?.into_inner();
    let chunks: Vec<ArrayRef> = chunks;
    LineColumn::new(&chunks).ok_or_else(|| {
        let of = chunks.first().map(|chunk| chunk.data_type().to_string()).unwrap_or_default();
        PyTypeError::new_err(format!("a column of lines is text or binary, not {of}"))
    })
}

/// A file object of Python's.
#[derive(Debug)]
struct FileObject {
    object: Arc<Py<PyAny>>,
    /// Where it stood when it was handed in; `None` if it cannot go back there.
    start: Option<u64>,
    turn: Turn,
}

/// Held by who moves the file: several readings may share it, each with a place of its own. It is never waited for by a
/// thread that holds the interpreter. True once somebody has read.
type Turn = Arc<Mutex<bool>>;

impl FileObject {
    fn open(&self) -> Result<FileObjectReader, Failure> {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if *turn && self.start.is_none() {
            return Err(Failure::Usage(
                "this file object cannot be read twice: give a path, or a file that can seek",
            ));
        }
        *turn = true;
        Ok(FileObjectReader {
            object: Arc::clone(&self.object),
            place: self.start,
            turn: Arc::clone(&self.turn),
            held: None,
            at: 0,
        })
    }
}

struct FileObjectReader {
    object: Arc<Py<PyAny>>,
    /// Where this reading is, if the file can seek.
    place: Option<u64>,
    turn: Turn,
    held: Option<PyBackedBytes>,
    at: usize,
}

impl FileObjectReader {
    fn next_piece(&mut self) -> PyResult<PyBackedBytes> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        Python::attach(|py| {
            let object = self.object.bind(py);
            if let Some(place) = self.place {
                object.call_method1("seek", (place,))?;
            }
            let piece: PyBackedBytes =
                object.call_method1("read", (1 << 20,))?.extract().map_err(|_| {
                    PyTypeError::new_err("read() gives no bytes: open the file in binary mode")
                })?;
            if let Some(place) = &mut self.place {
                *place = object.call_method0("tell")?.extract()?;
            }
            Ok(piece)
        })
    }
}

impl Read for FileObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.held.as_ref().is_none_or(|held| self.at == held.len()) {
            // Errors of Python's travel inside the error of reading; `Failure` takes them out again.
            self.held = Some(self.next_piece().map_err(io::Error::other)?);
            self.at = 0;
        }
        let rest = self.held.as_ref().map_or(&[][..], |held| &held[self.at..]);
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        Ok(n)
    }
}
