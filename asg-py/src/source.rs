//! What is read: files, bytes, Python's file objects and columns of lines, in any mixture, and again if asked.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::ArrayRef;
use asg_core::SourceId;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3_arrow::input::AnyArray;

use crate::errors::Failure;
use crate::line_column::LineColumn;
use crate::origins;

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
    Path(PathBuf),
    Bytes(PyBackedBytes),
    File(FileObject),
    Column(LineColumn),
    /// What a pipe gave, in a temporary file.
    Spooled(Arc<File>),
    Stdin,
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
        Ok(match &self.kind {
            Kind::Path(path) => {
                let file = open_file(path).map_err(fail)?;
                Open::Stream(decompressed(Counted::new(file, bytes)).map_err(fail)?)
            }
            Kind::Bytes(whole) if is_compressed(whole) => {
                let whole = io::Cursor::new(Python::attach(|py| whole.clone_ref(py)));
                let input = Counted::new(whole, bytes);
                Open::Stream(decompressed(input).map_err(fail)?)
            }
            Kind::Bytes(whole) => Open::Bytes(whole),
            Kind::File(object) => {
                let input = Counted::new(object.open()?, bytes);
                Open::Stream(decompressed(input).map_err(fail)?)
            }
            Kind::Column(column) => Open::Column(column),
            Kind::Spooled(file) => {
                let input = Counted::new(Again { file: Arc::clone(file), at: 0 }, bytes);
                Open::Stream(decompressed(input).map_err(fail)?)
            }
            Kind::Stdin => {
                let input = Counted::new(io::stdin(), bytes);
                Open::Stream(decompressed(input).map_err(fail)?)
            }
        })
    }

    /// A file by its path; `-` is standard input.
    pub(crate) fn path(path: PathBuf) -> Self {
        let name = path.display().to_string();
        let kind = if path == Path::new("-") { Kind::Stdin } else { Kind::Path(path) };
        Self { id: origins::number(&name), name, kind }
    }

    /// Makes sure that it can be read again: what comes through a pipe is written to a temporary file.
    pub(crate) fn keep(&mut self) -> Result<(), Failure> {
        let fail = |error| Failure::read(&self.name, error);
        let mut pipe: Box<dyn Read> = match &self.kind {
            Kind::Stdin => Box::new(io::stdin()),
            Kind::Path(path) => {
                let metadata = std::fs::metadata(path).map_err(fail)?;
                if metadata.is_file() || metadata.is_dir() {
                    return Ok(());
                }
                Box::new(File::open(path).map_err(fail)?)
            }
            _ => return Ok(()),
        };
        let mut spooled = tempfile::tempfile().map_err(fail)?;
        io::copy(&mut pipe, &mut spooled).map_err(fail)?;
        self.kind = Kind::Spooled(Arc::new(spooled));
        Ok(())
    }

    /// How many bytes it has, as it lies on disk, if that is known.
    pub(crate) fn size(&self) -> Option<u64> {
        match &self.kind {
            Kind::Path(path) => {
                std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|m| m.len())
            }
            Kind::Spooled(file) => file.metadata().ok().map(|m| m.len()),
            _ => None,
        }
    }

    /// True if it can be opened more than once.
    pub(crate) const fn is_repeatable(&self) -> bool {
        !matches!(&self.kind, Kind::File(FileObject { start: None, .. }) | Kind::Stdin)
    }
}

/// From what `asglog.sources` makes of a caller's argument: `(kind, name, value, start)`.
impl FromPyObject<'_, '_> for Item {
    type Error = PyErr;

    fn extract(item: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let (kind, name, value, start): (String, String, Bound<'_, PyAny>, Option<u64>) =
            item.extract()?;
        let kind = match kind.as_str() {
            "path" => Kind::Path(value.extract()?),
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

/// A file that several read at once, each from its own place.
struct Again {
    file: Arc<File>,
    at: u64,
}

impl Read for Again {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let n = std::os::unix::fs::FileExt::read_at(&*self.file, buffer, self.at)?;
        #[cfg(windows)]
        let n = std::os::windows::fs::FileExt::seek_read(&*self.file, buffer, self.at)?;
        self.at += n as u64;
        Ok(n)
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

/// Opens a file. A folder would open too, and fail only when it is read.
fn open_file(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    Ok(file)
}

/// gzip and Zstandard by their magic numbers; anything else as it is. Concatenated members are read through.
fn decompressed(mut input: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut magic = Vec::with_capacity(4);
    input.by_ref().take(4).read_to_end(&mut magic)?;
    let kind: [u8; 4] = magic.clone().try_into().unwrap_or_default();
    let whole = io::Cursor::new(magic).chain(input);
    Ok(match kind {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(whole)),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::new(whole)?),
        _ => Box::new(whole),
    })
}

fn is_compressed(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b]) || bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
}

/// Counts what is read through it.
struct Counted<R> {
    input: R,
    bytes: Arc<AtomicU64>,
}

impl<R> Counted<R> {
    fn new(input: R, bytes: &Arc<AtomicU64>) -> Self {
        Self { input, bytes: Arc::clone(bytes) }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buffer)?;
        self.bytes.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
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
