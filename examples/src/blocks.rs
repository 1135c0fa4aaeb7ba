//! Whole lines, a quarter of a megabyte at a time: pieces of a log that several threads can read at once.

use std::io::{self, Read};

use asg_core::Lines;

/// As much of a log as is handed out at a time, unless a line is longer.
const BLOCK: usize = 256 << 10;

/// Some whole lines of a log.
#[derive(Debug, Default)]
pub struct Block {
    /// The lines, each with its line feed but perhaps the last of the log. Of a line that is longer than a block, only the
    /// beginning.
    pub bytes: Vec<u8>,
    /// How many lines stand before these.
    pub lines_before: u64,
}

/// Cuts a log into blocks.
#[derive(Debug)]
pub struct Blocks<R> {
    input: R,
    lines: u64,
    /// The beginning of a line whose end has not been read.
    rest: Vec<u8>,
    is_over: bool,
}

impl<R: Read> Blocks<R> {
    /// Reads from `input`.
    pub const fn new(input: R) -> Self {
        Self { input, lines: 0, rest: Vec::new(), is_over: false }
    }

    /// Puts the next block into this one; false if there is none.
    ///
    /// # Errors
    ///
    /// Those of reading. What was read before is in the block then, even if that is no whole line, and no more follows.
    pub fn next(&mut self, block: &mut Block) -> io::Result<bool> {
        block.lines_before = self.lines;
        block.bytes.clear();
        block.bytes.append(&mut self.rest);
        let mut result = Ok(());
        let (mut cut, mut searched) = (None, 0);
        while cut.is_none() && !self.is_over {
            result = self.fill(&mut block.bytes);
            let new = &block.bytes[searched..];
            cut = memchr::memrchr(b'\n', new).map(|n| searched + n + 1);
            searched = block.bytes.len();
            if cut.is_none() && block.bytes.len() > BLOCK {
                // Nobody keeps so long a line, so the rest of it is passed over.
                block.bytes.truncate(Lines::new().limit() + 1);
                result = self.skip_line(&mut block.bytes);
                cut = Some(block.bytes.len());
            }
        }
        // After the last of the log no other piece of its line comes.
        if let Some(cut) = cut.filter(|cut| *cut < block.bytes.len() && !self.is_over) {
            self.rest.extend_from_slice(&block.bytes[cut..]);
            block.bytes.truncate(cut);
        }
        self.lines += memchr::memchr_iter(b'\n', &block.bytes).count() as u64;
        result.map(|()| !block.bytes.is_empty())
    }

    /// Reads until a block is full or the log is over.
    fn fill(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let wanted = BLOCK.saturating_sub(bytes.len()).max(BLOCK / 8) as u64;
        let read = self.input.by_ref().take(wanted).read_to_end(bytes);
        self.is_over = read.as_ref().map_or(true, |n| (*n as u64) < wanted);
        read.map(drop)
    }

    /// Reads up to the end of a line, which replaces the last byte; what follows it is kept for the next block.
    fn skip_line(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let mut piece = Vec::new();
        while !self.is_over {
            piece.clear();
            let result = self.fill(&mut piece);
            if let Some(end) = memchr::memchr(b'\n', &piece) {
                bytes.push(b'\n');
                self.rest.extend_from_slice(&piece[end + 1..]);
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

    fn blocks(input: impl Read) -> (Vec<(u64, Vec<u8>)>, io::Result<bool>) {
        let (mut blocks, mut block, mut all) = (Blocks::new(input), Block::default(), Vec::new());
        loop {
            let next = blocks.next(&mut block);
            if !block.bytes.is_empty() {
                all.push((block.lines_before, block.bytes.clone()));
            }
            if !matches!(next, Ok(true)) {
                return (all, next);
            }
        }
    }

    #[test]
    fn blocks_are_whole_lines_and_know_how_many_stand_before_them() {
        let text: String = (0..400_000).map(|n| format!("line {n}\n")).collect();
        for text in [&text[..], &text[..text.len() - 1]] {
            let (blocks, end) = blocks(text.as_bytes());
            assert!(!end.unwrap() && blocks.len() > 3);
            assert!(text_of(&blocks) == text.as_bytes());
            for (before, bytes) in &blocks {
                assert!(bytes.starts_with(format!("line {before}\n").as_bytes()));
            }
        }
    }

    #[test]
    fn of_an_endless_line_only_the_beginning_is_kept_and_the_next_is_whole() {
        let text = [&b"first\n"[..], &vec![b'x'; 5 * BLOCK], b"\nlast\nend"].concat();
        let (blocks, end) = blocks(&text[..]);
        assert!(!end.unwrap());
        let whole = text_of(&blocks);
        let lines: Vec<&[u8]> = whole.split(|b| *b == b'\n').collect();
        assert_eq!((lines[0], lines[2], lines[3]), (&b"first"[..], &b"last"[..], &b"end"[..]));
        assert!(lines[1].len() > 64 << 10 && lines[1].iter().all(|b| *b == b'x'));
        assert!(blocks.iter().all(|(_, bytes)| bytes.len() <= 2 * BLOCK));
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
        let (blocks, end) = blocks(Broken(b"one\ntw"));
        assert!(end.is_err());
        assert_eq!(text_of(&blocks), b"one\ntw");
    }

    fn text_of(blocks: &[(u64, Vec<u8>)]) -> Vec<u8> {
        blocks.iter().flat_map(|(_, bytes)| bytes.clone()).collect()
    }
}
