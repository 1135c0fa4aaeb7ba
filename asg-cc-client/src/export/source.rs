//! The text of a file: unpacked, as UTF-8, with the number of lines so far.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::read::MultiGzDecoder;

/// UTF-8 text without a byte order mark.
pub(super) struct Source<'r> {
    inner: BufReader<Box<dyn Read + 'r>>,
    lines: usize,
}

impl<'r> Source<'r> {
    pub(super) fn new(reader: impl Read + 'r) -> io::Result<Self> {
        let (mut head, mut reader) = peek(Box::new(reader))?;
        if head.starts_with(&[0x1f, 0x8b]) {
            (head, reader) = peek(Box::new(MultiGzDecoder::new(reader)))?;
        }
        let reader: Box<dyn Read + 'r> = match head.as_slice() {
            [0xff, 0xfe, ..] | [b'{' | b'[', 0, ..] => {
                Box::new(Utf16::new(reader, u16::from_le_bytes))
            }
            [0xfe, 0xff, ..] | [0, b'{' | b'[', ..] => {
                Box::new(Utf16::new(reader, u16::from_be_bytes))
            }
            [0xef, 0xbb, 0xbf, ..] => {
                let mut reader = reader;
                reader.read_exact(&mut [0; 3])?;
                reader
            }
            _ => reader,
        };
        Ok(Self { inner: BufReader::new(reader), lines: 0 })
    }

    /// Returns the number of line ends that were read.
    pub(super) const fn lines(&self) -> usize {
        self.lines
    }

    /// Skips blanks; returns the byte behind them without taking it.
    pub(super) fn next_start(&mut self) -> io::Result<Option<u8>> {
        loop {
            let buffer = self.inner.fill_buf()?;
            let Some(&byte) = buffer.first() else { return Ok(None) };
            if !byte.is_ascii_whitespace() {
                return Ok(Some(byte));
            }
            self.lines += usize::from(byte == b'\n');
            self.inner.consume(1);
        }
    }

    /// Skips the rest of the line; returns its beginning.
    pub(super) fn skip_line(&mut self) -> io::Result<Vec<u8>> {
        const MOST: usize = 64;
        let mut beginning = Vec::new();
        loop {
            let buffer = self.inner.fill_buf()?;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let length = end.map_or(buffer.len(), |end| end + 1);
            let wanted = length.min(MOST - beginning.len());
            beginning.extend_from_slice(&buffer[..wanted]);
            self.inner.consume(length);
            if end.is_some() || length == 0 {
                self.lines += usize::from(end.is_some());
                return Ok(beginning);
            }
        }
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        let ends = buffer[..n].iter().map(|byte| usize::from(*byte == b'\n'));
        self.lines += ends.sum::<usize>();
        Ok(n)
    }
}

/// Returns the first bytes, and a reader that still begins with them.
fn peek<'r>(mut reader: Box<dyn Read + 'r>) -> io::Result<(Vec<u8>, Box<dyn Read + 'r>)> {
    let mut head = Vec::new();
    (&mut reader).take(4).read_to_end(&mut head)?;
    Ok((head.clone(), Box::new(Cursor::new(head).chain(reader))))
}

/// Converts UTF-16 to UTF-8.
struct Utf16<R> {
    inner: BufReader<R>,
    unit: fn([u8; 2]) -> u16,
    /// The second half of a pair that was read behind a first half that it does not belong to.
    held: Option<u16>,
    ready: [u8; 4],
    /// The part of `ready` that is still to be returned.
    given: usize,
    end: usize,
}

impl<R: Read> Utf16<R> {
    fn new(inner: R, unit: fn([u8; 2]) -> u16) -> Self {
        let inner = BufReader::new(inner);
        Self { inner, unit, held: None, ready: [0; 4], given: 0, end: 0 }
    }

    fn unit(&mut self) -> io::Result<Option<u16>> {
        if let Some(held) = self.held.take() {
            return Ok(Some(held));
        }
        let mut pair = Vec::new();
        (&mut self.inner).take(2).read_to_end(&mut pair)?;
        match pair.as_slice() {
            [] => Ok(None),
            [a, b] => Ok(Some((self.unit)([*a, *b]))),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "half a UTF-16 character at its end",
            )),
        }
    }

    fn character(&mut self) -> io::Result<Option<char>> {
        let Some(first) = self.unit()? else { return Ok(None) };
        let second = if (0xd800..0xdc00).contains(&first) { self.unit()? } else { None };
        let units = [Some(first), second].into_iter().flatten();
        let mut characters = char::decode_utf16(units);
        let character = characters.next().and_then(Result::ok).unwrap_or('\u{fffd}');
        // The text behind a lone first half stays.
        if character == '\u{fffd}' {
            self.held = second;
        }
        Ok(Some(character))
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut n = 0;
        while n < buffer.len() {
            if self.given == self.end {
                match self.character()? {
                    None => break,
                    Some('\u{feff}') => continue,
                    Some(character) => {
                        self.end = character.encode_utf8(&mut self.ready).len();
                        self.given = 0;
                    }
                }
            }
            buffer[n] = self.ready[self.given];
            self.given += 1;
            n += 1;
        }
        Ok(n)
    }
}
