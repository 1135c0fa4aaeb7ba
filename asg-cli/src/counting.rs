//! Counting packets with a [`Tally`], by one thread or several, and what is printed of it.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use asg_core::{Guid, Identity, Lines, Origin, SourceId, Tally, TallyReader, TallyReading};

use crate::blocks::{Block, Blocks};
use crate::input::{Input, Meter};
use crate::output::missing;
use crate::output::summary::Summary;
use crate::report::Failure;

/// How many threads count, as the option `--threads` says it.
#[derive(Debug, Clone, Copy)]
pub struct Threads(NonZero<usize>);

impl Threads {
    /// From the option's value.
    ///
    /// ```
    /// use asg_cli::counting::Threads;
    ///
    /// assert!(Threads::parse("3").is_ok());
    /// assert!(Threads::parse("0").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] if that is no number, or 0.
    pub fn parse(value: &str) -> Result<Self, Failure> {
        value.parse().map(Self).map_err(|_| {
            Failure::Usage(format!("--threads is a number from 1 on, and not `{value}`"))
        })
    }
}

/// As many as there are processors.
impl Default for Threads {
    fn default() -> Self {
        Self(thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN))
    }
}

/// What came of counting.
#[derive(Debug)]
pub struct Count {
    /// All packets, counted.
    pub tally: Tally,
    /// What could not be read, or not whole: the number of the log, and why. In the order of their numbers as sources.
    pub failures: Vec<(usize, io::Error)>,
    /// How many logs were read, at least in part.
    pub read: usize,
}

impl Count {
    /// The packets by their owners. `resolve` is asked for names, for all owners together.
    pub fn summary(&mut self, resolve: impl FnMut(&[Guid]) -> Vec<Identity>) -> Summary {
        let mut summary = Summary::default();
        self.tally.give(resolve, |counted| summary.add(counted));
        summary
    }

    /// Prints this summary of it, and what is missing. `source` names a log.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn print<'s>(
        &self,
        summary: &Summary,
        source: impl Fn(SourceId) -> &'s str,
        out: &mut impl Write,
    ) -> io::Result<()> {
        summary.print(self.tally.counts(), out)?;
        missing::print(self.tally.completeness(), source, out)
    }
}

/// Counts the packets of the logs, each with its number, in addition to what the tally has. They are read in the order of
/// these numbers, whatever theirs is.
///
/// `meter` makes a meter for what is being done, to so many bytes. If one ends the reading, what was read until then is
/// counted.
#[must_use]
pub fn count<M: Meter>(
    tally: Tally,
    logs: &mut [Input],
    ids: &[SourceId],
    threads: Threads,
    meter: impl Fn(&'static str, Option<u64>) -> M,
) -> Count {
    let mut failures = Vec::new();
    let mut order: Vec<usize> = (0..logs.len()).collect();
    order.sort_by_key(|&n| ids[n]);
    // All are made sure of first: a pipe may be one of them.
    let keeping = meter("reading what is piped", None);
    order.retain(|&n| logs[n].keep(&keeping).map_err(|e| failures.push((n, e))).is_ok());
    drop(keeping);
    let logs = &*logs;
    let sizes = order.iter().map(|&n| logs[n].size()).sum();
    let feed = Feed {
        logs,
        ids,
        order: &order,
        threads: threads.0,
        meter: meter("counting packets", sizes),
        open: None,
        failures,
        read: 0,
        blocks: 0,
        is_over: false,
    };
    let feed = Mutex::new(feed);
    let queue = Queue { threads: threads.0.get() as u64, ..Queue::default() };
    let mut taker = Taker { tally, taken: (SourceId(0), 0) };
    thread::scope(|scope| {
        for _ in 1..threads.0.get() {
            let reader = taker.tally.reader();
            scope.spawn(|| work(&feed, &queue, reader));
        }
        taker.work(&feed, &queue);
    });
    let Feed { mut failures, read, .. } = feed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failures.sort_by_key(|(n, _)| ids[*n]);
    let mut tally = taker.tally;
    if !tally.is_settled() {
        let meter = meter("counting packets again", sizes);
        for &n in &order {
            // What cannot be read now could not be read before, and is among the failures.
            let _ = logs[n].for_each_line(&meter, |raw| {
                tally.read_again(Origin { source: ids[n], line: raw.number }, raw.bytes);
                ControlFlow::Continue(())
            });
        }
    }
    Count { tally, failures, read }
}

/// Hands out blocks of one log after the other.
struct Feed<'l, M> {
    logs: &'l [Input],
    ids: &'l [SourceId],
    /// The logs that are still to be read.
    order: &'l [usize],
    /// How many threads want blocks.
    threads: NonZero<usize>,
    meter: M,
    open: Option<Open>,
    failures: Vec<(usize, io::Error)>,
    read: usize,
    /// How many blocks were handed out.
    blocks: u64,
    is_over: bool,
}

/// A log that is being read.
struct Open {
    log: usize,
    blocks: Blocks<Box<dyn Read + Send>>,
    /// It gave something.
    is_read: bool,
}

impl<M: Meter> Feed<'_, M> {
    /// The next block: its number, and whose lines it holds.
    fn next(&mut self, block: &mut Block) -> Option<(u64, SourceId)> {
        while !self.is_over {
            // A long way of decompressing may read little, and so ask the meter too seldom.
            if let Err(e) = self.meter.add(0) {
                self.is_over = true;
                let open = self.open.take()?;
                self.read += usize::from(open.is_read);
                self.failures.push((open.log, e));
                return None;
            }
            let Some(open) = &mut self.open else {
                let Some((&log, rest)) = self.order.split_first() else { break };
                self.order = rest;
                match self.logs[log].open(&self.meter) {
                    Ok(input) => {
                        let blocks = Blocks::new(input, self.threads);
                        self.open = Some(Open { log, blocks, is_read: false });
                    }
                    Err(e) => self.failures.push((log, e)),
                }
                continue;
            };
            let log = open.log;
            let more = open.blocks.next(block);
            open.is_read |= more.is_ok() || !block.bytes().is_empty();
            if !matches!(more, Ok(true)) {
                self.read += usize::from(open.is_read);
                self.open = None;
            }
            if let Err(e) = more {
                self.failures.push((log, e));
            }
            if !block.bytes().is_empty() {
                self.blocks += 1;
                return Some((self.blocks - 1, self.ids[log]));
            }
        }
        self.is_over = true;
        None
    }
}

/// What was read of blocks and was not taken yet. Who takes is one thread, for what it takes goes into tables that had better
/// stay in one processor's cache.
#[derive(Default)]
struct Queue {
    of: Mutex<Waiting>,
    changed: Condvar,
    threads: u64,
}

#[derive(Default)]
struct Waiting {
    /// By the numbers of their blocks.
    read: BTreeMap<u64, BlockRead>,
    /// The number of the block that is taken next.
    next: u64,
    /// A thread has panicked: its block will never come.
    is_broken: bool,
}

struct BlockRead {
    reading: TallyReading,
    source: SourceId,
    lines: u64,
}

/// So many blocks for each thread may be read before they are taken.
const MOST_AHEAD: u64 = 4;

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while(&self, is_early: impl Fn(&Waiting) -> bool) -> MutexGuard<'_, Waiting> {
        let is_early = |waiting: &mut Waiting| is_early(waiting) && !waiting.is_broken;
        self.changed.wait_while(self.lock(), is_early).unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a block that was read; waits while many are.
    fn put(&self, number: u64, block: BlockRead) {
        let most = MOST_AHEAD * self.threads;
        let mut waiting = self.wait_while(|waiting| number >= waiting.next + most);
        waiting.read.insert(number, block);
        if number == waiting.next {
            self.changed.notify_all();
        }
    }

    /// The block that is taken next, if it was read.
    fn next(&self, mut waiting: MutexGuard<'_, Waiting>) -> Option<BlockRead> {
        let next = waiting.next;
        let block = waiting.read.remove(&next)?;
        waiting.next += 1;
        if self.threads > 1 {
            self.changed.notify_all();
        }
        Some(block)
    }
}

/// Tells the others, if a thread panics, so that none waits for it.
struct Watch<'q>(&'q Queue);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.lock().is_broken = true;
            self.0.changed.notify_all();
        }
    }
}

/// Reads blocks until there are no more.
fn work(feed: &Mutex<Feed<'_, impl Meter>>, queue: &Queue, mut reader: TallyReader) {
    let _watch = Watch(queue);
    let mut block = Block::default();
    while let Some((number, block)) = read(feed, &mut block, &mut reader) {
        queue.put(number, block);
    }
}

/// The thread that takes.
struct Taker {
    tally: Tally,
    /// The log of the block before, and how many of its lines were taken.
    taken: (SourceId, u64),
}

impl Taker {
    /// Takes blocks until there are no more, and reads some while none is to be taken.
    fn work(&mut self, feed: &Mutex<Feed<'_, impl Meter>>, queue: &Queue) {
        let _watch = Watch(queue);
        let mut reader = self.tally.reader();
        let mut block = Block::default();
        while let Some((number, block)) = read(feed, &mut block, &mut reader) {
            queue.lock().read.insert(number, block);
            while let Some(block) = queue.next(queue.lock()) {
                self.take(block);
            }
        }
        let all = feed.lock().unwrap_or_else(PoisonError::into_inner).blocks;
        let is_early =
            |waiting: &Waiting| waiting.next < all && !waiting.read.contains_key(&waiting.next);
        while let Some(block) = queue.next(queue.wait_while(is_early)) {
            self.take(block);
        }
        self.tally.finish(reader);
    }

    fn take(&mut self, BlockRead { reading, source, lines }: BlockRead) {
        if self.taken.0 != source {
            self.taken = (source, 0);
        }
        self.tally.take_behind(reading, self.taken.1);
        self.taken.1 += lines;
    }
}

/// Reads the next block: its number, and what was read of it.
fn read(
    feed: &Mutex<Feed<'_, impl Meter>>,
    block: &mut Block,
    reader: &mut TallyReader,
) -> Option<(u64, BlockRead)> {
    let next = feed.lock().unwrap_or_else(PoisonError::into_inner).next(block);
    let (number, source) = next?;
    let lines = read_lines(block, source, reader);
    Some((number, BlockRead { reading: reader.hand_over(), source, lines }))
}

/// Reads the lines of a block, counted from its first; how many they are.
fn read_lines(block: &Block, source: SourceId, reader: &mut TallyReader) -> u64 {
    let mut lines = Lines::new();
    let mut last = 0;
    let mut each = |raw: asg_core::RawLine<'_>| {
        last = raw.number;
        reader.read(Origin { source, line: raw.number }, raw.bytes);
    };
    lines.push(block.bytes(), &mut each);
    lines.finish(each);
    last
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    const REP: &str = r#"{"timestamp":"2024-05-06T07:08:00Z","level":"info","source":"rep","message":"rep.x","data":{"container-guid":"bfce786c-ab07-40ad-79f9-8f21"}}"#;

    fn packets(many: usize) -> String {
        let packet = |n: usize| {
            format!(
                "2024-05-06T07:09:{:02}+00:00 cell kernel: [{n:>6}.000001] OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 \
                 OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID={} DF PROTO=TCP SPT=51858 \
                 DPT={} WINDOW=27400 RES=0x00 SYN URGP=0 \n",
                n / 1_000 % 60,
                n % 60_000,
                n % 1_000
            )
        };
        (0..many).map(packet).collect()
    }

    /// Logs in a folder, and one that is not there.
    fn written(texts: &[&str]) -> (tempfile::TempDir, Vec<Input>) {
        let folder = tempfile::tempdir().unwrap();
        let path = |n: usize| folder.path().join(format!("{n}.log"));
        for (n, text) in texts.iter().enumerate() {
            std::fs::write(path(n), text).unwrap();
        }
        let logs = (0..=texts.len()).map(|n| Input::file(path(n))).collect();
        (folder, logs)
    }

    fn ids(logs: &[Input]) -> Vec<SourceId> {
        (0..).take(logs.len()).map(SourceId).collect()
    }

    fn printed(mut count: Count) -> String {
        let mut out = Vec::new();
        let unknown = |guids: &[Guid]| vec![Identity::unknown(); guids.len()];
        let summary = count.summary(unknown);
        count.print(&summary, |_| "a log", &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn several_logs_are_one_whole_for_any_number_of_threads() {
        let (many, few) = (packets(6_000), packets(10));
        let (_folder, mut logs) = written(&[&many, "", REP, &few]);
        let ids = ids(&logs);
        let mut counted = |threads: &str| {
            let bytes = Arc::new(AtomicU64::new(0));
            let threads = Threads::parse(threads).unwrap();
            let count = count(Tally::new(), &mut logs, &ids, threads, |_, _| Arc::clone(&bytes));
            assert_eq!((count.read, count.failures.len(), count.failures[0].0), (4, 1, 4));
            assert_eq!(bytes.load(Ordering::Relaxed) as usize, many.len() + few.len() + REP.len());
            printed(count)
        };
        let one = counted("1");
        assert!(
            one.starts_with("6011 lines: 6010 packets, 1 about containers, 0 damaged\n"),
            "{one}"
        );
        assert!(one.contains("10 of the packets were told before"), "{one}");
        assert!(one.contains("        6000  unique prefix"), "{one}");
        for threads in ["2", "5"] {
            assert_eq!(counted(threads), one);
        }
    }

    #[test]
    fn a_meter_that_wants_no_more_ends_it_soon() {
        #[derive(Clone)]
        struct Enough(Arc<AtomicU64>);
        impl Meter for Enough {
            fn add(&self, bytes: usize) -> io::Result<()> {
                match self.0.fetch_add(bytes as u64, Ordering::Relaxed) {
                    0..=400_000 => Ok(()),
                    _ => Err(io::Error::other("enough")),
                }
            }
        }
        let many = packets(6_000);
        let (_folder, mut logs) = written(&[&many, &many, &many]);
        let ids = ids(&logs);
        let threads = Threads::parse("2").unwrap();
        let meter = Enough(Arc::default());
        let count = count(Tally::new(), &mut logs, &ids, threads, |_, _| meter.clone());
        let lines = count.tally.counts().lines;
        assert!((1..5_000).contains(&lines), "{lines}");
        let failed: Vec<_> = count.failures.iter().map(|(log, _)| *log).collect();
        assert_eq!((count.read, failed), (1, vec![0, 3]), "the last is not there");
    }

    #[test]
    fn a_log_that_gives_nothing_but_an_error_was_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("broken.gz");
        std::fs::write(&path, b"\x1f\x8b is no gzip").unwrap();
        let mut logs = [Input::file(path)];
        let meter = |_, _| Arc::new(AtomicU64::new(0));
        let count = count(Tally::new(), &mut logs, &[SourceId(0)], Threads::default(), meter);
        assert_eq!((count.read, count.failures.len()), (0, 1));
    }
}
