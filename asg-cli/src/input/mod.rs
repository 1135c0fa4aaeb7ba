//! Reading logs: files, standard input, gzip and Zstandard, as bytes and as lines.

use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use asg_core::{LogLines, RawLine};

mod source;
mod utf8;

pub use utf8::Utf8;
pub use source::{Log, Opened, ReadCounter, SeparateLines, Source};

/// How much is read at once.
const PIECE: usize = 256 << 10;

/// Is told how much is read, and can end it. Clones count together.
pub trait Meter: Clone + Send + 'static {
    /// So many bytes more were read, as they lie on disk.
    ///
    /// # Errors
    ///
    /// If nobody wants more: reading fails with this error then.
    fn add(&self, bytes: usize) -> io::Result<()>;
}

/// Counts only.
impl Meter for Arc<AtomicU64> {
    fn add(&self, bytes: usize) -> io::Result<()> {
        self.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(())
    }
}

/// A log to read: a file, or standard input.
#[derive(Debug)]
pub struct Input {
    name: String,
    from: From,
}

#[derive(Debug)]
enum From {
    File(PathBuf),
    Stdin,
    /// What a pipe gave: it gives it once only.
    Spooled(Arc<File>),
    Bundled(&'static [u8]),
}

impl Input {
    /// From a command-line argument: `-` is standard input.
    #[must_use]
    pub fn from_arg(arg: impl Into<PathBuf>) -> Self {
        let path = arg.into();
        if path == Path::new("-") {
            Self { name: "-".to_owned(), from: From::Stdin }
        } else {
            Self::file(path)
        }
    }

    /// A file, whatever its name.
    #[must_use]
    pub fn file(path: PathBuf) -> Self {
        Self { name: path.display().to_string(), from: From::File(path) }
    }

    /// A log that is part of the program.
    #[must_use]
    pub fn bundled(name: &str, text: &'static [u8]) -> Self {
        Self { name: name.to_owned(), from: From::Bundled(text) }
    }

    /// The name by which outputs call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many bytes it has, as it lies on disk, if that can be told before it is read.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        match &self.from {
            // A file that is not there gives no bytes, and an error when it is opened.
            From::File(path) => {
                fs::metadata(path).map_or(Some(0), |known| known.is_file().then_some(known.len()))
            }
            From::Spooled(file) => file.metadata().ok().map(|m| m.len()),
            From::Bundled(text) => Some(text.len() as u64),
            From::Stdin => None,
        }
    }

    /// True if it is standard input, which is read once only.
    #[must_use]
    pub const fn is_standard_input(&self) -> bool {
        matches!(self.from, From::Stdin)
    }

    /// Makes sure that it can be read again: what comes through a pipe is written to a temporary
    /// file.
    ///
    /// # Errors
    ///
    /// Those of reading, and of writing the temporary file. What the pipe gave until then is lost.
    pub fn keep(&mut self, meter: &impl Meter) -> io::Result<()> {
        let mut pipe: Box<dyn Read> = match &self.from {
            From::Stdin => Box::new(io::stdin()),
            From::File(path) => {
                let file = File::open(path)?;
                let metadata = file.metadata()?;
                if metadata.is_file() || metadata.is_dir() {
                    return Ok(());
                }
                Box::new(file)
            }
            From::Spooled(_) | From::Bundled(_) => return Ok(()),
        };
        let mut spooled = tempfile::tempfile()?;
        let mut buffer = vec![0; PIECE];
        loop {
            match read_piece(&mut pipe, &mut buffer)? {
                0 => break,
                n => {
                    meter.add(n)?;
                    spooled.write_all(&buffer[..n])?;
                }
            }
        }
        self.from = From::Spooled(Arc::new(spooled));
        Ok(())
    }

    /// Hands each line to `each`, until there are no more or it says `Break`.
    ///
    /// # Errors
    ///
    /// Those of opening and reading, with the lines before them handed on, the last of them as far
    /// as it was read.
    pub fn for_each_line(
        &self,
        meter: &impl Meter,
        each: impl FnMut(RawLine<'_>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        for_each_line(self.open(meter)?, each)
    }

    /// Its bytes, decompressed, from the first. What was kept can be open several times at once.
    ///
    /// # Errors
    ///
    /// Those of opening, and of reading the first bytes.
    pub fn open(&self, meter: &impl Meter) -> io::Result<Box<dyn Read + Send>> {
        let bytes: Box<dyn Read + Send> = match &self.from {
            From::Stdin => Box::new(io::stdin()),
            From::File(path) => {
                let file = File::open(path)?;
                // A folder opens, and fails only when it is read.
                if file.metadata()?.is_dir() {
                    return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
                }
                Box::new(file)
            }
            From::Spooled(file) => Box::new(Again { file: Arc::clone(file), at: 0 }),
            From::Bundled(text) => Box::new(*text),
        };
        decompressed(Counted::new(bytes, meter.clone()))
    }
}

/// gzip and Zstandard by their magic numbers; anything else as it is. Concatenated members are read
/// through.
///
/// # Errors
///
/// Those of reading the first bytes.
pub fn decompressed(mut input: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut magic = Vec::with_capacity(4);
    input.by_ref().take(4).read_to_end(&mut magic)?;
    let packing = Packing::of(&magic);
    let whole = io::Cursor::new(magic).chain(input);
    Ok(match packing {
        Some(Packing::Gzip) => Box::new(flate2::read::MultiGzDecoder::new(whole)),
        Some(Packing::Zstandard) => Box::new(zstd::Decoder::new(whole)?),
        None => Box::new(whole),
    })
}

/// True if the bytes begin as something compressed that [`decompressed`] reads.
#[must_use]
pub fn is_compressed(bytes: &[u8]) -> bool {
    Packing::of(bytes).is_some()
}

enum Packing {
    Gzip,
    Zstandard,
}

impl Packing {
    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstandard),
            _ => None,
        }
    }
}

/// A reader whose bytes are counted.
#[derive(Debug)]
pub struct Counted<R, M> {
    inner: R,
    meter: M,
}

impl<R, M> Counted<R, M> {
    /// Tells `meter` what is read from `inner`.
    pub const fn new(inner: R, meter: M) -> Self {
        Self { inner, meter }
    }
}

impl<R: Read, M: Meter> Read for Counted<R, M> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer);
        if let Err(e) = &read
            && e.kind() == io::ErrorKind::Interrupted
        {
            // Whoever reads tries again, unless the meter wants no more.
            self.meter.add(0)?;
        }
        let n = read?;
        self.meter.add(n)?;
        Ok(n)
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

fn for_each_line(
    input: impl Read,
    mut each: impl FnMut(RawLine<'_>) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut input = Utf8::new(input);
    let mut lines = LogLines::new();
    let mut buffer = vec![0; PIECE];
    let mut flow = ControlFlow::Continue(());
    let mut each = |line: RawLine<'_>, flow: &mut ControlFlow<()>| {
        if flow.is_continue() {
            *flow = each(line);
        }
    };
    let mut result = Ok(());
    while flow.is_continue() {
        match read_piece(&mut input, &mut buffer) {
            Ok(0) => break,
            Ok(n) => lines.push(&buffer[..n], |line| each(line, &mut flow)),
            Err(e) => {
                result = Err(e);
                break;
            }
        }
    }
    lines.finish(|line| each(line, &mut flow));
    result
}

/// Reads once; a signal is no reason not to.
pub(crate) fn read_piece(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(buffer) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read(bytes: &[u8]) -> (Vec<String>, io::Result<()>) {
        let mut lines = Vec::new();
        let result = decompressed(io::Cursor::new(bytes.to_vec())).and_then(|input| {
            for_each_line(input, |line| {
                lines.push(String::from_utf8_lossy(line.bytes).into_owned());
                ControlFlow::Continue(())
            })
        });
        (lines, result)
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn compressed_logs_are_read_as_they_are_and_so_are_several_in_one_file() {
        let plain = "one\ntwo\n";
        let members = [gzip("one\n"), gzip("two\n")].concat();
        let frames = ["one\n", "two\n"].map(|text| zstd::encode_all(text.as_bytes(), 1).unwrap());
        for bytes in [plain.as_bytes().to_vec(), gzip(plain), members, frames.concat()] {
            let (lines, result) = read(&bytes);
            result.unwrap();
            assert_eq!(lines, ["one", "two"]);
        }
        for short in ["", "a", "\x1f", "\u{28}"] {
            let (lines, result) = read(short.as_bytes());
            result.unwrap();
            assert_eq!(lines.concat(), short);
        }
    }

    #[test]
    fn whoever_has_seen_enough_gets_no_more_lines() {
        let mut seen = 0;
        let result = for_each_line(&b"1\n2\n3\n4"[..], |_| {
            seen += 1;
            if seen == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        result.unwrap();
        assert_eq!(seen, 2);
    }

    #[test]
    fn a_compressed_log_that_breaks_off_gives_its_lines_and_an_error() {
        let noise: String =
            (0..2_000).map(|n: u64| format!("{}\n", n.wrapping_mul(0x9e37_79b9))).collect();
        let mut bytes = gzip(&noise);
        bytes.truncate(bytes.len() / 2);
        let (lines, result) = read(&bytes);
        assert!(result.is_err());
        assert!(lines.len() > 100 && noise.starts_with(&lines[..100].join("\n")));
    }

    #[test]
    fn what_was_kept_is_read_by_several_at_once() {
        let mut spooled = tempfile::tempfile().unwrap();
        spooled.write_all(&gzip("one\ntwo\n")).unwrap();
        let input = Input { name: "-".into(), from: From::Spooled(Arc::new(spooled)) };
        let meter = Arc::new(AtomicU64::new(0));
        let mut open = [input.open(&meter).unwrap(), input.open(&meter).unwrap()];
        for reading in &mut open {
            let mut text = String::new();
            reading.read_to_string(&mut text).unwrap();
            assert_eq!(text, "one\ntwo\n");
        }
        assert_eq!(meter.load(Ordering::Relaxed), 2 * input.size().unwrap());
    }

    #[test]
    fn a_meter_ends_the_reading() {
        #[derive(Clone)]
        struct Enough;
        impl Meter for Enough {
            fn add(&self, _: usize) -> io::Result<()> {
                Err(io::Error::other("enough"))
            }
        }
        let input = Input::bundled("it", b"one\n");
        let result = input.for_each_line(&Enough, |_| panic!("no line is to be read"));
        assert_eq!(result.unwrap_err().to_string(), "enough");
    }
}
