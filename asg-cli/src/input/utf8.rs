//! Text of any encoding as UTF-8.

use std::io::{self, Read};

use asg_core::line::Transcoder;

use super::read_piece;

/// How much is read at once of what has to be transcoded.
const PIECE: usize = 64 << 10;

/// Reads UTF-16 and text with a byte order mark as UTF-8; see [`Transcoder`]. Any other stream is
/// read as it is.
#[derive(Debug)]
pub struct Utf8<R> {
    inner: R,
    transcoder: Transcoder,
    /// The last piece.
    read: Vec<u8>,
    /// The UTF-8 text of the last piece.
    text: Vec<u8>,
    /// How much of that was handed out.
    at: usize,
    is_over: bool,
}

impl<R: Read> Utf8<R> {
    /// Starts at the beginning of a stream.
    pub const fn new(inner: R) -> Self {
        Self {
            inner,
            transcoder: Transcoder::new(),
            read: Vec::new(),
            text: Vec::new(),
            at: 0,
            is_over: false,
        }
    }
}

impl<R: Read> Read for Utf8<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let rest = &self.text[self.at..];
            if !rest.is_empty() || buffer.is_empty() {
                let n = rest.len().min(buffer.len());
                buffer[..n].copy_from_slice(&rest[..n]);
                self.at += n;
                return Ok(n);
            }
            if self.is_over {
                return Ok(0);
            }
            if self.transcoder.is_done() {
                return self.inner.read(buffer);
            }
            self.read.resize(PIECE, 0);
            let n = read_piece(&mut self.inner, &mut self.read)?;
            (self.at, self.is_over) = (0, n == 0);
            self.text.clear();
            self.text.extend_from_slice(match n {
                0 => self.transcoder.finish(),
                n => self.transcoder.push(&self.read[..n]),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that returns its bytes one by one.
    struct Drops(&'static [u8]);

    impl Read for Drops {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = self.0.len().min(1).min(buffer.len());
            self.0.read(&mut buffer[..n])
        }
    }

    #[test]
    fn any_encoding_is_read_as_utf8() {
        for (bytes, expected) in [
            (&b"\xff\xfea\0\n\0"[..], "a\n"),
            (b"\xfe\xff\0a\0\n", "a\n"),
            (b"\xef\xbb\xbfa\n", "a\n"),
            (b"\xef\xbb", "\u{fffd}"),
            (b"a\n", "a\n"),
            (b"", ""),
        ] {
            for mut input in
                [Box::new(Utf8::new(bytes)) as Box<dyn Read>, Box::new(Utf8::new(Drops(bytes)))]
            {
                let mut read = Vec::new();
                input.read_to_end(&mut read).unwrap();
                assert_eq!(String::from_utf8_lossy(&read), expected);
            }
        }
    }
}
