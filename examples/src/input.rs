//! Reading logs: files, standard input, gzip and Zstandard, as lines.

use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::path::{Path, PathBuf};

use asg_core::{Lines, RawLine};

/// A log to read: a file, or standard input.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// Standard input, `-`.
    Stdin,
    /// A file; compressed ones are recognised by their first bytes.
    File(PathBuf),
}

impl Input {
    /// From a command-line argument: `-` is standard input.
    #[must_use]
    pub fn from_arg(arg: impl Into<PathBuf>) -> Self {
        let path = arg.into();
        if path == Path::new("-") { Self::Stdin } else { Self::File(path) }
    }

    /// The name by which outputs call it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => "-".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Opens it for reading, decompressed.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, or its first bytes cannot be read.
    pub fn open(&self) -> io::Result<Box<dyn Read>> {
        match self {
            Self::Stdin => decompressed(io::stdin().lock()),
            Self::File(path) => {
                let mut file = File::open(path)?;
                // A folder opens, and fails only when it is read.
                if file.metadata()?.is_dir() {
                    return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
                }
                decompressed(file)
            }
        }
    }
}

/// Hands each line of a stream to `each`; stops early if that says so.
///
/// # Errors
///
/// Those of reading, with the lines before them handed on, the last of them as far as it was read.
pub fn for_each_line(mut input: impl Read, mut each: impl FnMut(RawLine<'_>)) -> io::Result<()> {
    let mut lines = Lines::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => lines.push(&buffer[..n], &mut each),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => {
                lines.finish(&mut each);
                return Err(e);
            }
        }
    }
    lines.finish(&mut each);
    Ok(())
}

/// gzip and Zstandard by their magic numbers; anything else as it is. Concatenated members are read through.
fn decompressed(mut input: impl Read + 'static) -> io::Result<Box<dyn Read>> {
    let mut magic = [0; 4];
    let mut n = 0;
    while n < magic.len() {
        match input.read(&mut magic[n..]) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    let whole = io::Cursor::new(magic[..n].to_vec()).chain(input);
    Ok(match magic[..n] {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(whole)),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::new(whole)?),
        _ => Box::new(whole),
    })
}
