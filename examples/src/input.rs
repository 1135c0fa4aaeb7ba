//! Reading logs: files, standard input, gzip and Zstandard, as lines.

use std::fs::{self, File};
use std::io::{self, Read, Seek as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use asg_core::{Lines, RawLine};

use crate::progress::{Counted, Progress};

/// A log to read: a file, or standard input. It can be read more than once.
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
    Spooled(File),
    Bundled(&'static [u8]),
}

impl Input {
    /// From a command-line argument: `-` is standard input.
    #[must_use]
    pub fn from_arg(arg: impl Into<PathBuf>) -> Self {
        let path = arg.into();
        let is_stdin = path == Path::new("-");
        Self {
            name: path.display().to_string(),
            from: if is_stdin { From::Stdin } else { From::File(path) },
        }
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
            From::File(path) => {
                fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|m| m.len())
            }
            From::Spooled(file) => file.metadata().ok().map(|m| m.len()),
            From::Bundled(text) => Some(text.len() as u64),
            From::Stdin => None,
        }
    }

    /// Makes sure that it can be read again: what comes through a pipe is written to a temporary file.
    ///
    /// # Errors
    ///
    /// Those of reading, and of writing the temporary file.
    pub fn keep(&mut self) -> io::Result<()> {
        let mut pipe: Box<dyn Read> = match &self.from {
            From::Stdin => Box::new(io::stdin().lock()),
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
        io::copy(&mut pipe, &mut spooled)?;
        self.from = From::Spooled(spooled);
        Ok(())
    }

    /// Hands each line to `each`, until there are no more or it says `Break`.
    ///
    /// # Errors
    ///
    /// Those of opening and reading, with the lines before them handed on, the last of them as far as it was read.
    pub fn for_each_line(
        &self,
        progress: &Progress,
        each: impl FnMut(RawLine<'_>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        for_each_line(self.open(progress)?, each)
    }

    /// Its bytes, decompressed.
    ///
    /// # Errors
    ///
    /// Those of opening, and of reading the first bytes.
    pub fn open(&self, progress: &Progress) -> io::Result<Box<dyn Read + Send + '_>> {
        let file: Box<dyn Read + Send> = match &self.from {
            From::Stdin => Box::new(io::stdin()),
            From::File(path) => {
                let file = File::open(path)?;
                // A folder opens, and fails only when it is read.
                if file.metadata()?.is_dir() {
                    return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
                }
                Box::new(file)
            }
            From::Spooled(file) => {
                let mut file = file;
                file.rewind()?;
                Box::new(file)
            }
            From::Bundled(text) => Box::new(*text),
        };
        decompressed(Counted::new(file, progress.clone()))
    }
}

fn for_each_line(
    mut input: impl Read,
    mut each: impl FnMut(RawLine<'_>) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut lines = Lines::new();
    let mut buffer = vec![0; 256 << 10];
    let mut flow = ControlFlow::Continue(());
    let mut each = |line: RawLine<'_>, flow: &mut ControlFlow<()>| {
        if flow.is_continue() {
            *flow = each(line);
        }
    };
    let mut result = Ok(());
    while flow.is_continue() {
        match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => lines.push(&buffer[..n], |line| each(line, &mut flow)),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => {
                result = Err(e);
                break;
            }
        }
    }
    lines.finish(|line| each(line, &mut flow));
    result
}

/// gzip and Zstandard by their magic numbers; anything else as it is. Concatenated members are read through.
fn decompressed<'r>(mut input: impl Read + Send + 'r) -> io::Result<Box<dyn Read + Send + 'r>> {
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

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read(bytes: &[u8]) -> (Vec<String>, io::Result<()>) {
        let mut lines = Vec::new();
        let result = decompressed(bytes).and_then(|input| {
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
}
