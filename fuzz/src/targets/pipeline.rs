//! Every way from lines to flows gives the same flows: one reader or several, pieces of any size,
//! either order of two sources, with a cache or without, and counts without a second look.

use std::convert::Infallible;
use std::ops::ControlFlow;

use asg_core::correlate::{FlowCache, FollowerOptions, Gatherer};
use asg_core::line::LogLines;
use asg_core::record::{Outcome, Outcomes};
use asg_core::{Correlation, Follower, Gathering, Line, NoDirectory, Origin, Record, SourceId};

/// A line of a log, or a further line of a document.
struct Stood {
    origin: Origin,
    text: Vec<u8>,
    is_part: bool,
}

/// The first byte chooses how often the lines are repeated in the log, the second how it is
/// divided. With the first two bytes 255 and nothing else, the log is a long one: more lines than
/// are merged at once.
pub(crate) fn pipeline(data: &[u8]) {
    let Some((&[often, size], text)) = data.split_first_chunk() else { return };
    let mut log = Vec::new();
    if [often, size] == [255; 2] && text.is_empty() {
        (0..LONG).for_each(|n| log.extend_from_slice(long(n).as_bytes()));
    } else {
        for _ in 0..=often % 4 {
            log.extend_from_slice(text);
            log.push(b'\n');
        }
    }
    let (first, second) = log.split_at(log.len() / 2);
    let mut lines = stood(0, first);
    lines.extend(stood(1, second));
    let whole = correlation(&lines, lines.len().max(1), 0);
    let flows = flows(&whole, &lines);
    check_counts(&whole, &lines, flows.len());

    let step = usize::from(size) % 97 + 1;
    for (pieces, readers) in [(step, 1), (step, 3)] {
        let other = correlation(&lines, pieces, readers);
        assert_eq!(self::flows(&other, &lines), flows, "pieces of {pieces}, {readers} readers");
        assert_eq!(other.counts(), whole.counts());
        assert_eq!(other.outcomes(), whole.outcomes());
    }
    if lines.len() < 1_000 {
        follow(&lines, &whole);
    }
}

/// The lines of a long log: more than the 4,096 that a gathering merges at once.
const LONG: u32 = 4_500;

/// One of many lines, of a thousand hosts.
fn long(n: u32) -> String {
    let (host, id) = (n % 1_000, n % 60_000);
    format!(
        "2024-05-06T07:{:02}:{:02}Z cell-{host} kernel: [{n:>5}.000001] OK_d538d169-f2f6-4587-77b1-f \
         IN=s-010255015007 OUT=eth0 SRC=10.255.15.7 DST=203.0.113.10 LEN=28 TOS=0x00 PREC=0x00 \
         TTL=63 ID={id} PROTO=2 \n",
        n / 60 % 60,
        n % 60
    )
}

fn stood(source: u32, log: &[u8]) -> Vec<Stood> {
    let mut found = Vec::new();
    let mut lines = LogLines::new();
    let mut each = |raw: asg_core::line::RawLine<'_>| {
        let origin = Origin { source: SourceId(source), line: raw.number };
        let is_part = raw.part_of.is_some();
        found.push(Stood { origin, text: raw.bytes.to_vec(), is_part });
    };
    lines.push(log, &mut each);
    lines.finish(each);
    found
}

/// Correlates the lines, read in pieces by so many readers in turn; with none, by the gathering
/// itself.
fn correlation(lines: &[Stood], piece: usize, readers: usize) -> Correlation {
    let mut gathering = Gathering::new();
    if readers == 0 {
        for Stood { origin, text, is_part } in lines {
            if *is_part {
                gathering.pass_over(*origin);
            } else {
                gathering.ingest(*origin, text);
            }
        }
    }
    let mut readers: Vec<Gatherer> = (0..readers).map(|_| gathering.gatherer()).collect();
    let pieces = if readers.is_empty() { [].chunks(1) } else { lines.chunks(piece) };
    for (n, piece) in pieces.enumerate() {
        let at = n % readers.len();
        let reader = &mut readers[at];
        for Stood { origin, text, is_part } in piece {
            if *is_part {
                reader.pass_over(*origin);
            } else {
                reader.ingest(*origin, text);
            }
        }
        gathering.merge(reader.take_batch(), 0).expect("batches come in order");
    }
    let gathered = gathering.finish(|joiner| {
        for Stood { origin, text, .. } in lines.iter().filter(|line| !line.is_part) {
            joiner.look(*origin, text);
        }
        Ok::<(), Infallible>(())
    });
    gathered.unwrap_or_else(|never| match never {}).correlate()
}

/// Returns all flows as the output contract has them, with a cache; and each by a reader of its
/// own.
fn flows(correlation: &Correlation, lines: &[Stood]) -> Vec<String> {
    let mut cache = FlowCache::default();
    let mut found = Vec::new();
    for Stood { origin, text, .. } in lines.iter().filter(|line| !line.is_part) {
        let line = Line::new(text);
        let before = found.len();
        correlation.flows(&mut cache, *origin, &line, |flow| {
            found.push(serde_json::to_string(&flow.to_output(|_| "log")).expect("a flow is JSON"));
        });
        if lines.len() < 1_000 {
            let line = Line::new(text);
            let mut again = Vec::new();
            correlation.reader().flows(*origin, &line, |flow| {
                again.push(serde_json::to_string(&flow.to_output(|_| "log")).expect("JSON"));
            });
            assert_eq!(again, found[before..], "{}", text.escape_ascii());
        }
    }
    found
}

/// Checks the counts with and without the second phase.
fn check_counts(correlation: &Correlation, lines: &[Stood], flows: usize) {
    let mut packets: u64 = correlation.counted().map(|counted| counted.packets).sum();
    let mut cache = FlowCache::default();
    let mut outcomes = Outcomes::default();
    for Stood { origin, text, is_part } in lines {
        let line = Line::new(text);
        if *is_part {
            outcomes.count(*origin, Outcome::Other);
            continue;
        }
        correlation.uncounted(&mut cache, *origin, &line, |_| packets += 1);
        let line = Line::new(text);
        let first = Outcome::of(&line, &Record::classify(&line));
        let outcome = Record::more(&line).fold(first, |it, record| it.with(&record));
        outcomes.count(*origin, outcome);
    }
    assert_eq!(packets, flows as u64, "a summary counts the flows");
    assert_eq!(*correlation.outcomes(), outcomes);
    assert_eq!(correlation.counts().lines, lines.len() as u64);
}

/// Follows the lines: as many are read, and none gives a flow of its own twice.
fn follow(lines: &[Stood], whole: &Correlation) {
    let mut follower = Follower::new(FollowerOptions::default());
    let mut given = 0_u64;
    let mut records = 0_u64;
    for Stood { origin, text, is_part } in lines {
        if *is_part {
            follower.pass_over(*origin);
            continue;
        }
        let line = Line::new(text);
        records += Record::all(&line).count() as u64;
        let taken = follower.take(*origin, line, &mut NoDirectory, |_| {
            given += 1;
            ControlFlow::<()>::Continue(())
        });
        assert_eq!(taken, Ok(ControlFlow::Continue(())));
    }
    let ended = follower.finish(&mut NoDirectory, |_| {
        given += 1;
        ControlFlow::<()>::Continue(())
    });
    assert_eq!(ended, Ok(ControlFlow::Continue(())));
    assert!(given <= records, "{given} flows of {records} records");
    let counts = follower.counts();
    assert_eq!(counts.lines.packets, whole.counts().packets);
    assert_eq!(counts.lines.damaged, whole.counts().damaged);
    assert_eq!(counts.lines.evidence, whole.counts().evidence);
    assert_eq!(counts.lines.lines, whole.counts().lines);
    assert_eq!(follower.outcomes(), whole.outcomes());
}
