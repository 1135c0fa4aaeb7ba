//! Formats by their first bytes, and compressions decoded layer by layer.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::read_piece;

/// So many bytes identify a format: a header of tar.
const HEAD: usize = 512;

/// So much is read at once.
const ROOM: usize = 64 << 10;

/// How deep archives and compressed files may lie in each other.
pub(super) const MOST_LAYERS: usize = 8;

/// How many bytes one on disk may give, all layers together. gzip reaches 1,032.
const MOST_GROWTH: u64 = 2_000;

/// How many bytes any file may give.
const FREE: u64 = if cfg!(test) { 1 << 20 } else { 1 << 30 };

/// Why a file, or a member of an archive, is not read.
///
/// ```
/// use asg_cli::input::Unreadable;
///
/// let error = asg_cli::input::decompressed(&b"Rar!\x1a\x07\x01\x00"[..]).err().unwrap();
/// let why = error.get_ref().unwrap().downcast_ref::<Unreadable>();
/// assert_eq!(why, Some(&Unreadable::Format("a RAR archive")));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unreadable {
    /// The format is not a log's; its name.
    Format(&'static str),
    /// It is an archive, and was given as a stream.
    Archive(&'static str),
    /// Archives and compressed files lie in each other, more than eight deep.
    Nested,
    /// It grows more than two-thousandfold when it is decompressed, and beyond a gigabyte.
    Bomb,
    /// It has more than 100,000 members.
    Members,
    /// Something that is not compressed follows the compressed part.
    Trailing,
    /// It was shortened, replaced or overwritten between two readings.
    Changed,
    /// It is a device, a pipe or a socket in a folder.
    Special,
    /// The system or the decompressor refused it.
    Failed(io::ErrorKind, String),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format(name) => write!(f, "it is {name}, which this program does not read"),
            Self::Archive(name) => write!(f, "it is {name}: give the path of a file instead"),
            Self::Nested => {
                write!(f, "more than {MOST_LAYERS} archives or compressions are nested")
            }
            Self::Bomb => {
                write!(f, "it grows more than {MOST_GROWTH} times when it is decompressed")
            }
            Self::Members => f.write_str("it has too many members"),
            Self::Trailing => {
                f.write_str("something follows the compressed part, and was not read")
            }
            Self::Changed => {
                f.write_str("it changed while it was read, so its flows are not whole")
            }
            Self::Special => f.write_str("it is neither a file nor a folder"),
            Self::Failed(_, what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Unreadable {}

impl From<Unreadable> for io::Error {
    fn from(why: Unreadable) -> Self {
        let kind = match &why {
            Unreadable::Failed(kind, _) => *kind,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, why)
    }
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        let kind = error.kind();
        error.downcast().unwrap_or_else(|error| Self::Failed(kind, error.to_string()))
    }
}

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Packed(Packing),
    Tar,
    Zip,
    /// A known format that is not a log.
    Refused(&'static str),
    /// Anything else: logs have no magic number.
    Text,
}

/// A compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Zstandard,
    Xz,
    Bzip2,
}

/// First bytes. Those of text must not be among them.
///
/// Sources: RFC 1952, RFC 8878, the specifications of xz 1.2.1 and zip 6.3.10, bzip2's
/// `compress.c`, and `magic/Magdir` of file 5.46.
const MAGIC: &[(&[u8], Kind)] = &[
    (b"\x1f\x8b", Kind::Packed(Packing::Gzip)),
    (b"\x28\xb5\x2f\xfd", Kind::Packed(Packing::Zstandard)),
    (b"\xfd7zXZ\0", Kind::Packed(Packing::Xz)),
    (b"PK\x03\x04", Kind::Zip),
    (b"PK\x05\x06", Kind::Zip),
    (b"PK\x07\x08", Kind::Refused("a part of a divided zip archive")),
    (b"\x04\x22\x4d\x18", Kind::Refused("compressed with LZ4")),
    (b"LZIP\x01", Kind::Refused("compressed with lzip")),
    (b"\x89LZO\0", Kind::Refused("compressed with lzop")),
    (b"\x5d\0\0\x80\0", Kind::Refused("compressed with LZMA")),
    (b"\x1f\x9d", Kind::Refused("compressed with compress")),
    (b"\xff\x06\0\0sNaPpY", Kind::Refused("compressed with Snappy")),
    (b"7z\xbc\xaf\x27\x1c", Kind::Refused("a 7-Zip archive")),
    (b"Rar!\x1a\x07", Kind::Refused("a RAR archive")),
    (b"!<arch>\n", Kind::Refused("an ar archive")),
    (b"LPKSHHRH", Kind::Refused("a journal (`journalctl -o json` prints its lines)")),
    (b"\xc7\x71", Kind::Refused("a cpio archive")),
    (b"\x71\xc7", Kind::Refused("a cpio archive")),
    (b"Obj\x01", Kind::Refused("Avro")),
    (b"PAR1", Kind::Refused("Parquet")),
    (b"ARROW1\0\0", Kind::Refused("Arrow")),
    (b"ASGLEDGR", Kind::Refused("a ledger (give it with --ledger)")),
    (b"SQLite format 3\0", Kind::Refused("an SQLite database")),
    (b"\x7fELF", Kind::Refused("a program")),
    (b"ElfFile\0", Kind::Refused("a Windows event log")),
    (b"\xd4\xc3\xb2\xa1", Kind::Refused("captured packets")),
    (b"\xa1\xb2\xc3\xd4", Kind::Refused("captured packets")),
    (b"\x0a\x0d\x0d\x0a", Kind::Refused("captured packets")),
];

impl Kind {
    /// Returns the format that begins so.
    pub(super) fn of(head: &[u8]) -> Self {
        if let Some((_, kind)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
            return *kind;
        }
        match head {
            // pzstd and others begin with a frame that is to be skipped.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Packed(Packing::Zstandard),
            [b'B', b'Z', b'h', b'1'..=b'9', block @ ..]
                if block.starts_with(b"\x31\x41\x59\x26\x53\x59")
                    || block.starts_with(b"\x17\x72\x45\x38\x50\x90") =>
            {
                Self::Packed(Packing::Bzip2)
            }
            _ if is_tar(head) => Self::Tar,
            _ if is_cpio(head) => Self::Refused("a cpio archive"),
            _ if is_binary(head) => {
                Self::Refused("of no known format, and no text (Brotli has no mark)")
            }
            _ => Self::Text,
        }
    }

    /// Returns whether more bytes could not change the answer of [`Kind::of`]. Magic numbers are
    /// short; a header of tar holds no line feed.
    fn is_sure(head: &[u8]) -> bool {
        head.len() >= HEAD
            || Self::of(head) != Self::Text
            || (head.len() >= 16 && head.contains(&b'\n'))
            || (head.contains(&b'\n') && !MAGIC.iter().any(|(magic, _)| magic.starts_with(head)))
    }
}

/// Returns whether it is a header of cpio in text, which has digits only: `newc`'s or `odc`'s.
///
/// Source: cpio(5).
fn is_cpio(head: &[u8]) -> bool {
    let len = match head.get(..6) {
        Some(b"070701" | b"070702") => 110,
        Some(b"070707") => 76,
        _ => return false,
    };
    head.get(..len).is_some_and(|header| header.iter().all(u8::is_ascii_hexdigit))
}

/// Returns whether a quarter of these bytes is not text: they are not UTF-8, or control characters.
/// Zeros may be a hole in a log.
fn is_binary(head: &[u8]) -> bool {
    let is_control = |c: &char| matches!(c, '\x01'..='\x08' | '\x0e'..='\x1a' | '\x1c'..='\x1f');
    let odd: usize = head
        .utf8_chunks()
        .map(|chunk| chunk.valid().chars().filter(is_control).count() + chunk.invalid().len())
        .sum();
    head.len() >= LEAST_BINARY && odd * 4 > head.len()
}

/// Fewer bytes do not show whether they are text.
const LEAST_BINARY: usize = 128;

/// Returns whether it is a header of tar. Such a header holds the sum of its own bytes, with blanks
/// in place of the sum. So files of before POSIX, which have no magic number, are identified too.
pub(super) fn is_tar(head: &[u8]) -> bool {
    let Some(header) = head.get(..HEAD) else { return false };
    let told = std::str::from_utf8(&header[148..156]).unwrap_or("");
    let told = told.trim_matches([' ', '\0']);
    let sum = |of: fn(u8) -> i64| -> i64 {
        let bytes = header.iter().enumerate();
        bytes.map(|(at, b)| if (148..156).contains(&at) { 32 } else { of(*b) }).sum()
    };
    header[0] != 0
        && i64::from_str_radix(told, 8).is_ok_and(|told| {
            // Old programs added bytes with a sign.
            told == sum(i64::from) || told == sum(|b| i64::from(b.cast_signed()))
        })
}

/// A reader that can look ahead.
pub(super) struct Ahead<'r> {
    inner: Box<dyn Read + Send + 'r>,
    buffer: Vec<u8>,
    start: usize,
    /// The error behind the bytes in the buffer.
    failed: Option<io::Error>,
    is_over: bool,
}

impl fmt::Debug for Ahead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ahead").field("start", &self.start).finish_non_exhaustive()
    }
}

impl<'r> Ahead<'r> {
    pub(super) fn new(inner: Box<dyn Read + Send + 'r>) -> Self {
        Self { inner, buffer: Vec::new(), start: 0, failed: None, is_over: false }
    }

    /// Returns the next bytes, as many as identify their format.
    fn head(&mut self) -> &[u8] {
        while !Kind::is_sure(&self.buffer[self.start..]) && self.fill() {}
        let end = self.buffer.len().min(self.start + HEAD);
        &self.buffer[self.start..end]
    }

    /// Reads once; false if nothing came.
    fn fill(&mut self) -> bool {
        if self.is_over {
            return false;
        }
        self.buffer.drain(..std::mem::take(&mut self.start));
        let held = self.buffer.len();
        self.buffer.resize(held + ROOM, 0);
        let read = read_piece(&mut self.inner, &mut self.buffer[held..]);
        let n = *read.as_ref().unwrap_or(&0);
        self.buffer.truncate(held + n);
        // Behind an error nothing is read.
        self.is_over = n == 0;
        self.failed = read.err();
        n > 0
    }
}

impl BufRead for Ahead<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.buffer.len() && !self.fill() {
            return self.failed.take().map_or(Ok(&[]), Err);
        }
        Ok(&self.buffer[self.start..])
    }

    fn consume(&mut self, amount: usize) {
        self.start += amount;
    }
}

impl Read for Ahead<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        // The buffer is empty, so nothing is copied twice.
        if self.start == self.buffer.len() && !self.is_over {
            let read = self.inner.read(room);
            let goes_on = match &read {
                Ok(n) => *n > 0 || room.is_empty(),
                Err(error) => error.kind() == io::ErrorKind::Interrupted,
            };
            self.is_over = !goes_on;
            return read;
        }
        let held = self.fill_buf()?;
        let n = held.len().min(room.len());
        room[..n].copy_from_slice(&held[..n]);
        self.consume(n);
        Ok(n)
    }
}

/// How much was read, and how much came of it, in one file and all that lies in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Budget(Arc<Spent>);

#[derive(Debug, Default)]
struct Spent {
    read: AtomicU64,
    made: AtomicU64,
}

impl Budget {
    /// Counts the bytes of a file.
    pub(super) const fn count_read<R>(self, inner: R) -> Metered<R> {
        Metered { inner, budget: self, is_made: false }
    }

    /// Counts the bytes of a decompressor.
    pub(super) const fn count_made<R>(self, inner: R) -> Metered<R> {
        Metered { inner, budget: self, is_made: true }
    }
}

/// A reader whose bytes a [`Budget`] counts.
pub(super) struct Metered<R> {
    inner: R,
    budget: Budget,
    is_made: bool,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        let Spent { read, made } = &*self.budget.0;
        if self.is_made {
            let made = made.fetch_add(n as u64, Ordering::Relaxed) + n as u64;
            let most =
                FREE.saturating_add(MOST_GROWTH.saturating_mul(read.load(Ordering::Relaxed)));
            if made > most {
                return Err(Unreadable::Bomb.into());
            }
        } else {
            read.fetch_add(n as u64, Ordering::Relaxed);
        }
        Ok(n)
    }
}

/// Decodes all compressions: the format inside, their number, and the bytes.
///
/// # Errors
///
/// [`Unreadable::Format`] for formats that are not logs, and [`Unreadable::Nested`].
pub(super) fn peel<'r>(
    mut bytes: Ahead<'r>,
    budget: &Budget,
    most: usize,
) -> io::Result<(Kind, usize, Ahead<'r>)> {
    for layers in 0..=most {
        match Kind::of(bytes.head()) {
            Kind::Packed(packing) => {
                let members = Members::new(packing, bytes)?;
                bytes = Ahead::new(Box::new(budget.clone().count_made(members)));
            }
            Kind::Refused(name) => return Err(Unreadable::Format(name).into()),
            kind => return Ok((kind, layers, bytes)),
        }
    }
    Err(Unreadable::Nested.into())
}

/// Compressed members, one behind the other, as one stream.
struct Members<'r> {
    packing: Packing,
    /// `None` at the end.
    open: Option<Member<'r>>,
}

enum Member<'r> {
    Gzip(Box<flate2::bufread::GzDecoder<Ahead<'r>>>),
    Zstandard(zstd::Decoder<'static, Ahead<'r>>),
    Xz(Box<lzma_rust2::XzReader<Ahead<'r>>>),
    Bzip2(bzip2::bufread::BzDecoder<Ahead<'r>>),
}

/// How much memory an xz file may need, in KiB: twice as much as `xz -9` does.
const MOST_XZ_MEMORY: u32 = 128 << 10;

impl<'r> Member<'r> {
    fn new(packing: Packing, bytes: Ahead<'r>) -> io::Result<Self> {
        Ok(match packing {
            Packing::Gzip => Self::Gzip(Box::new(flate2::bufread::GzDecoder::new(bytes))),
            Packing::Zstandard => {
                Self::Zstandard(zstd::Decoder::with_buffer(bytes)?.single_frame())
            }
            Packing::Xz => Self::Xz(Box::new(lzma_rust2::XzReader::new_mem_limit(
                bytes,
                false,
                MOST_XZ_MEMORY,
            ))),
            Packing::Bzip2 => Self::Bzip2(bzip2::bufread::BzDecoder::new(bytes)),
        })
    }

    fn into_inner(self) -> Ahead<'r> {
        match self {
            Self::Gzip(member) => member.into_inner(),
            Self::Zstandard(member) => member.finish(),
            Self::Xz(member) => member.into_inner(),
            Self::Bzip2(member) => member.into_inner(),
        }
    }
}

impl Read for Member<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(member) => member.read(buffer),
            Self::Zstandard(member) => member.read(buffer),
            Self::Xz(member) => member.read(buffer),
            Self::Bzip2(member) => member.read(buffer),
        }
    }
}

impl<'r> Members<'r> {
    fn new(packing: Packing, bytes: Ahead<'r>) -> io::Result<Self> {
        Ok(Self { packing, open: Some(Member::new(packing, bytes)?) })
    }

    /// Begins the next member. Zeros that fill up a block are passed over.
    fn next(&mut self, mut bytes: Ahead<'r>) -> io::Result<()> {
        loop {
            let held = bytes.fill_buf()?;
            if held.is_empty() {
                return Ok(());
            }
            let zeros = held.iter().take_while(|b| **b == 0).count();
            let is_done = zeros < held.len();
            bytes.consume(zeros);
            if is_done {
                break;
            }
        }
        if Kind::of(bytes.head()) != Kind::Packed(self.packing) {
            return Err(Unreadable::Trailing.into());
        }
        self.open = Some(Member::new(self.packing, bytes)?);
        Ok(())
    }
}

impl Read for Members<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(member) = &mut self.open {
            let n = member.read(buffer)?;
            if n > 0 {
                return Ok(n);
            }
            let bytes = self.open.take().map(Member::into_inner);
            bytes.map_or(Ok(()), |bytes| self.next(bytes))?;
        }
        Ok(0)
    }
}

#[cfg(test)]
#[path = "packing_tests.rs"]
mod tests;
