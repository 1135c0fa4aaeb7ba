//! Pipes that are followed: each is read by a thread of its own, because a read may wait.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::thread;

use asg_core::line::{LogLines, RawLine};
use asg_core::{Origin, SourceId};

use super::{Each, Note};
use crate::input::{Utf8, decompressed, read_piece};
use crate::origins;

/// So much is read at once, and so many pieces may wait.
const PIECE: usize = 64 << 10;
const MOST_WAITING: usize = 16;

/// A pipe.
#[derive(Debug)]
pub(crate) struct Pipe {
    name: String,
    id: SourceId,
    lines: LogLines,
    count: u64,
    pieces: Receiver<Piece>,
    is_over: bool,
}

enum Piece {
    Bytes(Vec<u8>),
    /// A writer has closed the pipe: the beginning of a last line is a line.
    End,
    Failed(io::Error),
}

impl Pipe {
    /// Reads standard input to its end.
    ///
    /// # Errors
    ///
    /// If the system starts no thread.
    pub(crate) fn standard_input() -> io::Result<Self> {
        Self::start("-".to_owned(), |to| {
            pass_on(io::stdin(), to);
        })
    }

    /// Reads a named pipe, one writer after the other.
    ///
    /// # Errors
    ///
    /// If the system starts no thread.
    pub(crate) fn named(path: PathBuf) -> io::Result<Self> {
        Self::start(path.display().to_string(), move |to| {
            loop {
                // This waits for a writer.
                let opened = File::open(&path);
                let goes_on = match opened {
                    Ok(file) => pass_on(file, to),
                    Err(error) => {
                        drop(to.send(Piece::Failed(error)));
                        false
                    }
                };
                if !goes_on {
                    return;
                }
            }
        })
    }

    fn start(
        name: String,
        read: impl FnOnce(&SyncSender<Piece>) + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, pieces) = mpsc::sync_channel(MOST_WAITING);
        thread::Builder::new().name("pipe".to_owned()).spawn(move || read(&sender))?;
        let id = origins::number(&name);
        Ok(Self { name, id, lines: LogLines::new(), count: 0, pieces, is_over: false })
    }

    /// Passes on the lines that have come; true if there were any.
    pub(super) fn poll(&mut self, each: &mut Each<'_>, note: &mut Note<'_>) -> bool {
        let Self { name, id, lines, count, .. } = self;
        let mut give = |line: RawLine<'_>| {
            *count += 1;
            each(Origin { source: *id, line: *count }, line);
        };
        let mut any = false;
        for _ in 0..2 * MOST_WAITING {
            match self.pieces.try_recv() {
                Ok(Piece::Bytes(bytes)) => lines.push(&bytes, &mut give),
                Ok(Piece::End) => std::mem::replace(lines, LogLines::new()).finish(&mut give),
                Ok(Piece::Failed(error)) => note(format!("{name}: {error}")),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    self.is_over = true;
                    break;
                }
            }
            any = true;
        }
        if !any {
            lines.release(give);
        }
        any
    }

    /// Returns whether nothing more can come.
    pub(super) const fn is_over(&self) -> bool {
        self.is_over
    }
}

/// Passes on what one writer gives; false if nobody wants more.
fn pass_on(from: impl Read + Send + 'static, to: &SyncSender<Piece>) -> bool {
    let mut from = match decompressed(from) {
        Ok(from) => Utf8::new(from),
        Err(error) => return to.send(Piece::Failed(error)).is_ok(),
    };
    loop {
        let mut piece = vec![0; PIECE];
        let next = match read_piece(&mut from, &mut piece) {
            Ok(0) => return to.send(Piece::End).is_ok(),
            Ok(n) => {
                piece.truncate(n);
                Piece::Bytes(piece)
            }
            Err(error) => return to.send(Piece::Failed(error)).is_ok(),
        };
        if to.send(next).is_err() {
            return false;
        }
    }
}
