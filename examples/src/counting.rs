//! Counting packets with a [`Tally`], by one thread or several.

use std::io::{self, Read};
use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use asg_core::{Lines, Origin, SourceId, Tally, TallyReader, TimePolicy};

use crate::blocks::{Block, Blocks};
use crate::input::Input;
use crate::progress::Progress;

/// What came of counting.
#[derive(Debug)]
pub struct Count {
    /// All packets, counted.
    pub tally: Tally,
    /// What could not be read, or not whole: the number of the log, and why.
    pub failures: Vec<(usize, io::Error)>,
    /// How many logs were read, at least in part.
    pub read: usize,
}

/// Counts the packets of the logs, each with its number. They are read in the order of these numbers, whatever theirs is.
#[must_use]
pub fn count(
    logs: &mut [Input],
    ids: &[SourceId],
    policy: TimePolicy,
    threads: NonZero<usize>,
) -> Count {
    let mut failures = Vec::new();
    let mut order: Vec<usize> = (0..logs.len()).collect();
    order.sort_by_key(|&n| ids[n]);
    // All are made sure of first: a pipe may be one of them.
    order.retain(|&n| logs[n].keep().map_err(|e| failures.push((n, e))).is_ok());
    let logs = &*logs;
    let sizes = order.iter().map(|&n| logs[n].size()).sum();
    let progress = Progress::new("counting packets", sizes);
    let feed =
        Feed { logs, ids, order: &order, progress, open: None, failures, read: 0, blocks: 0 };
    let feed = Mutex::new(feed);
    let turn = Turn { tally: Tally::with_policy(policy), block: 0, is_broken: false };
    let turns = Turns { of: Mutex::new(turn), next: Condvar::new() };
    thread::scope(|scope| {
        for _ in 1..threads.get() {
            scope.spawn(|| work(&feed, &turns));
        }
        work(&feed, &turns);
    });
    let Feed { failures, read, .. } = feed.into_inner().unwrap_or_else(PoisonError::into_inner);
    let turn = turns.of.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut tally = turn.tally;
    if !tally.is_settled() {
        for &n in &order {
            let progress = Progress::new("counting packets again", logs[n].size());
            // What cannot be read now could not be read before, and is among the failures.
            let _ = logs[n].for_each_line(&progress, |raw| {
                tally.read_again(Origin { source: ids[n], line: raw.number }, raw.bytes);
                ControlFlow::Continue(())
            });
        }
    }
    Count { tally, failures, read }
}

/// Hands out blocks of one log after the other.
struct Feed<'l> {
    logs: &'l [Input],
    ids: &'l [SourceId],
    /// The logs that are still to be read.
    order: &'l [usize],
    progress: Progress,
    open: Option<(usize, Blocks<Box<dyn Read + Send + 'l>>)>,
    failures: Vec<(usize, io::Error)>,
    read: usize,
    /// How many blocks were handed out.
    blocks: u64,
}

impl Feed<'_> {
    /// The next block: its number, and whose lines it holds.
    fn next(&mut self, block: &mut Block) -> Option<(u64, SourceId)> {
        loop {
            let Some((n, blocks)) = &mut self.open else {
                let (&n, rest) = self.order.split_first()?;
                self.order = rest;
                match self.logs[n].open(&self.progress) {
                    Ok(input) => {
                        self.read += 1;
                        self.open = Some((n, Blocks::new(input)));
                    }
                    Err(e) => self.failures.push((n, e)),
                }
                continue;
            };
            let n = *n;
            let more = blocks.next(block);
            let is_over = !matches!(more, Ok(true));
            if let Err(e) = more {
                self.failures.push((n, e));
            }
            if is_over {
                self.open = None;
            }
            if !block.bytes.is_empty() {
                self.blocks += 1;
                return Some((self.blocks - 1, self.ids[n]));
            }
        }
    }
}

/// Whose turn it is to hand over what was read.
struct Turns {
    of: Mutex<Turn>,
    next: Condvar,
}

struct Turn {
    tally: Tally,
    /// The number of the block that the tally takes next.
    block: u64,
    /// A thread has panicked: its block will never come.
    is_broken: bool,
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, Turn> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the others, if a thread panics, so that none waits for it.
struct Watch<'t>(&'t Turns);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.lock().is_broken = true;
            self.0.next.notify_all();
        }
    }
}

/// Reads blocks until there are no more.
fn work(feed: &Mutex<Feed<'_>>, turns: &Turns) {
    let _watch = Watch(turns);
    let mut reader = turns.lock().tally.reader();
    let mut block = Block::default();
    loop {
        let next = feed.lock().unwrap_or_else(PoisonError::into_inner).next(&mut block);
        let Some((number, source)) = next else { break };
        read(&block, source, &mut reader);
        let waits = |turn: &mut Turn| turn.block != number && !turn.is_broken;
        let turn = turns.next.wait_while(turns.lock(), waits);
        let mut turn = turn.unwrap_or_else(PoisonError::into_inner);
        if turn.is_broken {
            return;
        }
        turn.tally.take(&mut reader);
        turn.block += 1;
        turns.next.notify_all();
    }
    turns.lock().tally.finish(reader);
}

fn read(block: &Block, source: SourceId, reader: &mut TallyReader) {
    let mut lines = Lines::new();
    let mut each = |raw: asg_core::RawLine<'_>| {
        let line = block.lines_before + raw.number;
        reader.read(Origin { source, line }, raw.bytes);
    };
    lines.push(&block.bytes, &mut each);
    lines.finish(each);
}
