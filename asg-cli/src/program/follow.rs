//! `asglog correlate --follow`: the packets of logs that are still being written, with their
//! owners.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use asg_core::{Flow, Follower, FollowerOptions, LogLines, Origin, RawLine, SourceId, Timestamp};

use super::logs::{Directory, Logs, flows, has_standard_input};
use super::options::{Format, Options};
use super::outages::{Patient, Unnamed};
use super::{Context, look};
use crate::ledger_file;
use crate::origins;
use crate::output::Out;
use crate::output::table::Table;
use crate::query::rows::Sieve;
use crate::query::{ReadRow, Row};
use crate::report::{Failure, Report};

/// How often files are looked at.
const PERIOD: Duration = Duration::from_millis(200);

/// So much is read of one file before the next has its turn.
const TURN: u64 = 4 << 20;

/// What logs of a day tell of each other: they are read one after the other, though they were
/// written side by side.
const RETENTION: Duration = Duration::from_secs(24 * 3_600);

pub(super) fn run(options: &Options, mut context: Context<'_>) -> Result<(), Failure> {
    if options.output.is_some() {
        return Err(Failure::Usage("with --follow, flows go to standard output".into()));
    }
    if options.rest.is_empty() || has_standard_input(&options.rest) {
        return Err(Failure::Usage("--follow takes files, and not a pipe".into()));
    }
    let directory = Directory::failing(options, &mut context)?;
    let Context { monitor, report } = context;
    let logs = Logs::new(&options.rest, true, options, &monitor)?;
    // What is there already is evidence for all packets, in whatever order files are read.
    let mut evidence = logs.gather(options)?.into_ledger();
    if let Some(before) = ledger_file::load_all(&options.ledgers)? {
        evidence.merge(&before);
    }
    let mut settings = FollowerOptions::default();
    settings.policy = options.policy;
    settings.retention = RETENTION;
    settings.silence = RETENTION * 7;
    if let Some(seconds) = options.hold {
        settings.hold = Duration::from_secs(seconds);
    }
    let mut follower = Follower::new(settings).with_ledger(evidence);
    let (query, _) = flows(options, &logs, &directory)?;
    let mut out = Out::new(None)?;
    let shown = match options.format {
        Format::Ndjson => Shown::Ndjson(&mut out),
        _ => Shown::Table(Table::with_look(&mut out, look(options))),
    };
    let unnamed = Unnamed::default();
    let mut sink = Sink { shown, sieve: query.sieve(), directory: &directory, unnamed: &unnamed };
    let wait = Duration::from_secs(options.names_wait.unwrap_or(0));
    let mut names = Patient::new(directory.names.as_deref(), wait, &unnamed, report);
    let mut tails: Vec<_> = options.rest.iter().cloned().map(Tail::new).collect();
    let mut last = Instant::now();
    while !monitor.is_stopped() {
        let mut any = false;
        for tail in &mut tails {
            let mut written = ControlFlow::Continue(());
            let read = tail.poll(&mut |origin, line| {
                any = true;
                if written.is_continue() {
                    let taken = follower.take(origin, line, &mut names, |flow| sink.flow(flow));
                    written = taken.unwrap_or(ControlFlow::Continue(()));
                }
            });
            if let ControlFlow::Break(failure) = written {
                return Err(failure);
            }
            if let Err(error) = read {
                tail.complain(&error, report);
            }
        }
        if any {
            last = Instant::now();
        } else if let Some(now) = follower.now().filter(|_| !names.is_waiting()) {
            // By the log's time: whoever reads old logs is not to wait for today.
            let idle = i64::try_from(last.elapsed().as_nanos()).unwrap_or(i64::MAX);
            let time = Timestamp::from_nanos(now.as_nanos().saturating_add(idle));
            let ticked = follower.tick(time, &mut names, |flow| sink.flow(flow));
            if let Ok(ControlFlow::Break(failure)) = ticked {
                return Err(failure);
            }
            last = Instant::now();
        }
        sink.flush()?;
        if !any {
            thread::sleep(PERIOD);
        }
    }
    names.hurry();
    if let Ok(ControlFlow::Break(failure)) = follower.finish(&mut names, |flow| sink.flow(flow)) {
        return Err(failure);
    }
    sink.flush()?;
    if let Some(flows) = unnamed.sentence() {
        report.left_out(flows);
    }
    Ok(())
}

enum Shown<'o> {
    Table(Table<&'o mut Out>),
    Ndjson(&'o mut Out),
}

/// Where flows go.
struct Sink<'o> {
    shown: Shown<'o>,
    /// Chooses flows.
    sieve: Sieve,
    directory: &'o Directory,
    unnamed: &'o Unnamed,
}

impl Sink<'_> {
    /// Shows what came.
    fn flush(&mut self) -> Result<(), Failure> {
        match &mut self.shown {
            Shown::Table(table) => table.finish()?,
            Shown::Ndjson(out) => out.flush()?,
        }
        Ok(())
    }

    fn flow(&mut self, flow: &Flow<'_, '_>) -> ControlFlow<Failure> {
        self.unnamed.note(flow);
        if !self.sieve.admits(&Row::Read(&ReadRow::of(flow, &[]))) {
            return ControlFlow::Continue(());
        }
        match self.write(flow) {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => ControlFlow::Break(failure),
        }
    }

    fn write(&mut self, flow: &Flow<'_, '_>) -> Result<(), Failure> {
        match &mut self.shown {
            Shown::Table(table) => table.add(flow, self.directory.is_answering())?,
            Shown::Ndjson(out) => {
                serde_json::to_writer(&mut **out, &flow.to_output(origins::name))?;
                out.write_all(b"\n")?;
            }
        }
        Ok(())
    }
}

/// A log that grows, is moved away and made anew, or is emptied.
struct Tail {
    path: PathBuf,
    id: SourceId,
    open: Option<Grown>,
    lines: LogLines,
    /// Lines of files that are gone: their numbers are not given again.
    before: u64,
    last: u64,
    complained: bool,
}

struct Grown {
    file: File,
    is: Identified,
    at: u64,
    /// The last bytes that were read: where others stand in their place, the file was emptied and
    /// has grown since.
    end: Vec<u8>,
    /// It has another name now. Who writes to it may not know yet, so it is read once more.
    is_moved: bool,
}

/// So many of the last bytes are enough to know a log by: its lines have stamps.
const REMEMBERED: usize = 256;

impl Grown {
    /// True if what was read still stands there. It goes on behind that.
    fn is_as_it_was(&mut self) -> io::Result<bool> {
        self.file.seek(SeekFrom::Start(self.at - self.end.len() as u64))?;
        let mut now = vec![0; self.end.len()];
        match self.file.read_exact(&mut now) {
            Ok(()) => Ok(now == self.end),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(e) => Err(e),
        }
    }
}

impl Tail {
    fn new(path: PathBuf) -> Self {
        Self {
            id: origins::number(&path.display().to_string()),
            path,
            open: None,
            lines: LogLines::new(),
            before: 0,
            last: 0,
            complained: false,
        }
    }

    /// Reads what has come, and sees whether the file is still the one with that name.
    fn poll(&mut self, each: &mut impl FnMut(Origin, &[u8])) -> io::Result<()> {
        if self.open.is_none() {
            let file = File::open(&self.path)?;
            let is = Identified::by(&file.metadata()?)?;
            self.open = Some(Grown { file, is, at: 0, end: Vec::new(), is_moved: false });
            self.complained = false;
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        if !open.is_as_it_was()? {
            (open.at, open.end) = (0, Vec::new());
            open.file.seek(SeekFrom::Start(0))?;
            self.end(each);
        }
        if self.read(each)? {
            return Ok(());
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let now = std::fs::metadata(&self.path).and_then(|metadata| Identified::by(&metadata));
        match now {
            Ok(now) if now == open.is => open.is_moved = false,
            // Between moving and making anew there is none.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ if !open.is_moved => open.is_moved = true,
            Ok(_) => {
                self.end(each);
                self.open = None;
            }
            Err(_) => {}
        }
        Ok(())
    }

    /// Hands on what has come, up to a turn's; true if there was something.
    fn read(&mut self, each: &mut impl FnMut(Origin, &[u8])) -> io::Result<bool> {
        let Self { open: Some(open), lines, id, before, last, .. } = self else { return Ok(false) };
        let mut buffer = vec![0; 64 << 10];
        let mut read = 0;
        while read < TURN {
            let n = match open.file.read(&mut buffer) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                n => n?,
            };
            if n == 0 {
                break;
            }
            read += n as u64;
            open.at += n as u64;
            open.end.extend(&buffer[..n]);
            open.end.drain(..open.end.len().saturating_sub(REMEMBERED));
            lines.push(&buffer[..n], |line: RawLine<'_>| {
                *last = *before + line.number;
                if line.part_of.is_none() {
                    each(Origin { source: *id, line: *last }, line.bytes);
                }
            });
        }
        Ok(read > 0)
    }

    /// That was all of this file: the beginning of a last line is a line.
    fn end(&mut self, each: &mut impl FnMut(Origin, &[u8])) {
        let Self { lines, id, before, last, .. } = self;
        std::mem::replace(lines, LogLines::new()).finish(|line| {
            *last = *before + line.number;
            if line.part_of.is_none() {
                each(Origin { source: *id, line: *last }, line.bytes);
            }
        });
        *before = *last;
    }

    /// Says once that it cannot be read; it is tried again and again.
    fn complain(&mut self, error: &io::Error, report: &Report) {
        if !std::mem::replace(&mut self.complained, true) {
            report.note(format_args!("{}: {error}; waiting for it", self.path.display()));
        }
    }
}

/// What tells a file from another with the same name.
#[derive(Debug, PartialEq, Eq)]
struct Identified {
    #[cfg(unix)]
    inode: (u64, u64),
    #[cfg(not(unix))]
    created: std::time::SystemTime,
}

impl Identified {
    #[cfg(unix)]
    fn by(metadata: &Metadata) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;
        if metadata.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        Ok(Self { inode: (metadata.dev(), metadata.ino()) })
    }

    #[cfg(not(unix))]
    fn by(metadata: &Metadata) -> io::Result<Self> {
        Ok(Self { created: metadata.created()? })
    }
}
