//! Reading logs: files, gzip and Zstandard, as lines.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use asg_core::{Lines, RawLine};

/// Opens a file for reading, decompressed.
///
/// # Errors
///
/// If it cannot be opened, is a folder, or its first bytes cannot be read.
pub(crate) fn open(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    let file = File::open(path)?;
    // A folder opens, and fails only when it is read.
    if file.metadata()?.is_dir() {
        return Err(io::Error::from_raw_os_error(21));
    }
    decompressed(file)
}

/// gzip and Zstandard by their magic numbers; anything else as it is. Concatenated members are read through.
pub(crate) fn decompressed(
    mut input: impl Read + Send + 'static,
) -> io::Result<Box<dyn Read + Send>> {
    let mut magic = Vec::with_capacity(4);
    input.by_ref().take(4).read_to_end(&mut magic)?;
    let kind = magic.clone();
    let whole = Cursor::new(magic).chain(input);
    Ok(match kind[..] {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(whole)),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::new(whole)?),
        _ => Box::new(whole),
    })
}

/// Hands each line of a stream to `each`.
///
/// # Errors
///
/// Those of reading, after the lines before them were handed on, the last of them as far as it was read.
pub(crate) fn for_each_line(
    mut input: impl Read,
    mut each: impl FnMut(RawLine<'_>),
) -> io::Result<()> {
    let mut lines = Lines::new();
    let mut buffer = vec![0; 256 << 10];
    let ended = loop {
        match input.read(&mut buffer) {
            Ok(0) => break Ok(()),
            Ok(n) => lines.push(&buffer[..n], &mut each),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => break Err(e),
        }
    };
    lines.finish(each);
    ended
}
