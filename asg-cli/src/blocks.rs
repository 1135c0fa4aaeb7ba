//! Whole lines, some hundred kilobytes at a time: pieces of a log that several threads can read at
//! once.

use std::io::{self, Read};
use std::time::Instant;

use asg_core::Lines;
use asg_core::line::{Form, unfinished_document};

use crate::input::read_piece;
use crate::monitor::PERIOD;

/// A document never goes on in a line that is longer.
const MOST_HELD: usize = 64 << 20;

/// Some whole lines of a log.
#[derive(Debug, Default)]
pub struct Block {
    /// The bytes beyond `len` are from earlier use, and are free room.
    buffer: Vec<u8>,
    len: usize,
    form: Form,
}

impl Block {
    /// Returns the form of the log.
    pub(crate) const fn form(&self) -> &Form {
        &self.form
    }

    /// Returns the lines, each with its line feed except perhaps the last of the log. If a line is
    /// longer than a block, and cannot be a document, only its beginning.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[..self.len]
    }

    /// Drops the lines.
    pub(crate) const fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds bytes behind all others.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Replaces the bytes by others of a log of this form.
    pub(crate) fn set(&mut self, bytes: &[u8], form: Form) {
        (self.len, self.form) = (0, form);
        self.make_room(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.len = bytes.len();
    }

    /// Returns room behind the bytes, for so many at least.
    fn make_room(&mut self, bytes: usize) -> &mut [u8] {
        let wanted = self.len + bytes;
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        &mut self.buffer[self.len..wanted]
    }
}

/// Cuts a log into blocks.
#[derive(Debug)]
pub struct Blocks<R> {
    input: R,
    /// The beginning of a line that has not ended yet.
    rest: Vec<u8>,
    /// The form of what follows, once the log's first bytes were read.
    form: Option<Form>,
    is_over: bool,
    size: usize,
}

impl<R: Read> Blocks<R> {
    /// Reads from `input`, about `size` bytes a block.
    pub const fn new(input: R, size: usize) -> Self {
        Self { input, rest: Vec::new(), form: None, is_over: false, size }
    }

    /// Puts the next block into this one; returns false at the end.
    ///
    /// # Errors
    ///
    /// Those of reading. The block then has the bytes before the error, even if they are not a
    /// whole line, and no more follow.
    pub fn next(&mut self, block: &mut Block) -> io::Result<bool> {
        block.set(&self.rest, self.form.clone().unwrap_or_default());
        self.rest.clear();
        let mut result = Ok(());
        let (mut cut, mut searched) = (None, 0);
        while cut.is_none() && !self.is_over {
            result = self.fill(block);
            if self.form.is_none() {
                block.form = Form::of(block.bytes());
            }
            let new = &block.bytes()[searched..];
            let end = memchr::memrchr(b'\n', new).map(|n| searched + n + 1);
            if end.is_none() && searched == 0 && block.len > self.size {
                let limit = Lines::new().limit(block.bytes());
                if block.len > limit {
                    // So long a line is not kept whole, so the rest of it is skipped.
                    block.len = limit + 1;
                    result = self.skip_line(block);
                    cut = Some(block.len);
                }
                continue;
            }
            // A document is not divided: it goes into the next block, or this one grows.
            cut = match end
                .map(|end| (end, unfinished_document(&block.bytes()[..end], &block.form)))
            {
                Some((end, None)) => Some(end),
                Some((_, Some(0))) | None => None,
                Some((_, start)) => start,
            };
            searched = end.unwrap_or(searched);
            if cut.is_none() && searched > 0 && block.len - searched > MOST_HELD {
                // So long a line ends every document.
                cut = Some(searched);
            }
        }
        // At the end of the log, no other piece of its line follows.
        if let Some(cut) = cut.filter(|cut| *cut < block.len && !self.is_over) {
            self.rest.extend_from_slice(&block.bytes()[cut..]);
            block.len = cut;
        }
        self.form = Some(block.form.behind(block.bytes()));
        result.map(|()| block.len > 0)
    }

    /// Reads until a block is full, the log is over, or something has come and nothing more did for
    /// a while.
    fn fill(&mut self, block: &mut Block) -> io::Result<()> {
        // A document is looked at anew each time, so its room is doubled.
        let more = if block.len > self.size { block.len } else { self.size / 8 };
        let mut room = block.make_room(self.size.saturating_sub(block.len).max(more));
        let mut read = Ok(1);
        let mut filled = 0;
        let start = Instant::now();
        while let (Ok(1..), false) = (&read, room.is_empty()) {
            // The first read of a slow pipe gives what is there.
            if filled > 0 && start.elapsed() > PERIOD {
                break;
            }
            read = read_piece(&mut self.input, room);
            let n = *read.as_ref().unwrap_or(&0);
            filled += n;
            room = &mut room[n..];
        }
        self.is_over = !matches!(read, Ok(1..));
        block.len += filled;
        read.map(drop)
    }

    /// Reads up to the end of a line, which replaces the last byte; what follows it is kept for the
    /// next block.
    fn skip_line(&mut self, block: &mut Block) -> io::Result<()> {
        let mut piece = Block::default();
        while !self.is_over {
            piece.len = 0;
            let result = self.fill(&mut piece);
            if let Some(end) = memchr::memchr(b'\n', piece.bytes()) {
                block.make_room(1)[0] = b'\n';
                block.len += 1;
                self.rest.extend_from_slice(&piece.bytes()[end + 1..]);
                return result;
            }
            result?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALONE: usize = 128 << 10;
    const SHARED: usize = 512 << 10;

    fn blocks(input: impl Read, size: usize) -> (Vec<Vec<u8>>, io::Result<bool>) {
        let mut blocks = Blocks::new(input, size);
        let (mut block, mut all) = (Block::default(), Vec::new());
        loop {
            let next = blocks.next(&mut block);
            if !block.bytes().is_empty() {
                all.push(block.bytes().to_vec());
            }
            if !matches!(next, Ok(true)) {
                return (all, next);
            }
        }
    }

    #[test]
    fn blocks_are_whole_lines() {
        let text: String = (0..400_000).map(|n| format!("line {n}\n")).collect();
        for (text, most) in [(&text[..], ALONE), (&text[..text.len() - 1], SHARED)] {
            let (blocks, end) = blocks(text.as_bytes(), most);
            assert!(!end.unwrap() && blocks.len() > 3);
            assert!(blocks.concat() == text.as_bytes());
            assert!(blocks.iter().all(|bytes| bytes.starts_with(b"line ")));
            let (last, others) = blocks.split_last().unwrap();
            assert!(others.iter().all(|bytes| bytes.ends_with(b"\n") && bytes.len() <= most));
            assert!(last.len() <= most);
        }
    }

    #[test]
    fn of_an_endless_line_only_the_beginning_is_kept_and_the_next_is_whole() {
        let text = [&b"first\n"[..], &vec![b'x'; 5 * SHARED], b"\nlast\nend"].concat();
        let (blocks, end) = blocks(&text[..], SHARED);
        assert!(!end.unwrap());
        let whole = blocks.concat();
        let lines: Vec<&[u8]> = whole.split(|b| *b == b'\n').collect();
        assert_eq!((lines[0], lines[2], lines[3]), (&b"first"[..], &b"last"[..], &b"end"[..]));
        assert!(lines[1].len() > 64 << 10 && lines[1].iter().all(|b| *b == b'x'));
        assert!(blocks.iter().all(|bytes| bytes.len() <= 2 * SHARED));
    }

    #[test]
    fn what_was_read_before_an_error_is_handed_out() {
        struct Broken(&'static [u8]);
        impl Read for Broken {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                match self.0.read(buffer)? {
                    0 => Err(io::Error::other("broken")),
                    n => Ok(n),
                }
            }
        }
        let (blocks, end) = blocks(Broken(b"one\ntw"), ALONE);
        assert!(end.is_err());
        assert_eq!(blocks.concat(), b"one\ntw");
    }
}
