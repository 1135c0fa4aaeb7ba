//! A followed log against all that rotations do, one step at a time.
//!
//! A rotation is a list of steps. Between any two of them the follower may look, or end and begin
//! anew with the places that it saved.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use asg_core::Origin;
use asg_core::line::RawLine;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::state::SavedTail;
use super::tail::Tail;

/// The next event.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// A program writes a line.
    Write,
    /// A program writes the first half of a line, or the second.
    WriteHalf,
    /// A program writes a line to the log that was renamed last.
    WriteLate,
    /// The next step of what logrotate does, if it does something.
    Step,
    /// logrotate begins.
    Begin(Rotation),
    /// The follower looks.
    Poll,
    /// The follower ends, and another goes on.
    Restart,
}

#[derive(Debug, Clone, Copy)]
enum Rotation {
    Create,
    Copytruncate,
    /// Compresses the log before the newest rotated one.
    Compress,
}

/// An action of logrotate that is not divided.
#[derive(Debug, Clone)]
enum Step {
    Rename(PathBuf, PathBuf),
    RenameLog,
    Create,
    BeginCopy,
    CopyHalf,
    CopyAll,
    Truncate,
    BeginGzip(PathBuf),
    Gzip(PathBuf),
    Remove(PathBuf),
}

struct World {
    folder: tempfile::TempDir,
    steps: VecDeque<Step>,
    written: u32,
    is_half: bool,
    late: Option<File>,
    tail: Tail,
    found: BTreeMap<String, u32>,
    notes: Vec<String>,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        File::create(&path).unwrap();
        let mut tail = Tail::new(path);
        tail.begin();
        Self {
            folder,
            steps: VecDeque::new(),
            written: 0,
            is_half: false,
            late: None,
            tail,
            found: BTreeMap::new(),
            notes: Vec::new(),
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn older(&self, n: u32) -> PathBuf {
        self.folder.path().join(format!("log.{n}"))
    }

    fn packed(&self, n: u32) -> PathBuf {
        self.folder.path().join(format!("log.{n}.gz"))
    }

    fn line(&mut self) -> String {
        self.written += 1;
        // Longer than what is remembered of a log, at times. Lines with stamps are all different.
        let filler = format!("{:04x} ", self.written).repeat((self.written * 37 % 60) as usize);
        format!("line {} {filler}", self.written)
    }

    fn append(&self, text: &str) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Write => {
                let line = self.line();
                let text = if std::mem::take(&mut self.is_half) { "\n" } else { "" };
                self.append(&format!("{text}{line}\n"));
            }
            Event::WriteHalf if self.is_half => {
                self.is_half = false;
                self.append(" end\n");
            }
            Event::WriteHalf => {
                let line = self.line();
                self.is_half = true;
                self.append(&line);
            }
            Event::WriteLate => {
                let line = self.line();
                match &mut self.late {
                    Some(late) => late.write_all(format!("{line}\n").as_bytes()).unwrap(),
                    None => self.written -= 1,
                }
            }
            Event::Step => self.step(),
            Event::Begin(rotation) if self.steps.is_empty() => self.begin(rotation),
            Event::Begin(_) => {}
            Event::Poll => {
                self.poll();
            }
            Event::Restart => self.restart(),
        }
    }

    fn begin(&mut self, rotation: Rotation) {
        let renames: Vec<_> = (1..40)
            .rev()
            .flat_map(|n| {
                [(self.older(n), self.older(n + 1)), (self.packed(n), self.packed(n + 1))]
            })
            .filter(|(from, _)| from.exists())
            .map(|(from, to)| Step::Rename(from, to))
            .collect();
        match rotation {
            // As with `notifempty`.
            _ if fs::metadata(self.log()).unwrap().len() == 0 => {}
            Rotation::Create => {
                self.steps.extend(renames);
                self.steps.extend([Step::RenameLog, Step::Create]);
            }
            Rotation::Copytruncate => {
                self.steps.extend(renames);
                self.steps.extend([Step::BeginCopy, Step::CopyHalf, Step::CopyAll, Step::Truncate]);
            }
            Rotation::Compress => {
                let plain = (2..40).map(|n| (self.older(n), self.packed(n)));
                if let Some((from, to)) = plain.clone().find(|(from, _)| from.exists()) {
                    // Nobody writes to it any more.
                    self.late = None;
                    self.steps.extend([
                        Step::BeginGzip(to.clone()),
                        Step::Gzip(from.clone()),
                        Step::Remove(from),
                    ]);
                }
            }
        }
    }

    fn step(&mut self) {
        let copy = self.older(1);
        let gzip = |from: &Path| from.with_file_name(format!("{}.gz", name(from)));
        match self.steps.pop_front() {
            None => {}
            Some(Step::Rename(from, to)) => fs::rename(from, to).unwrap(),
            Some(Step::RenameLog) => {
                let mut late = OpenOptions::new().append(true).open(self.log()).unwrap();
                if std::mem::take(&mut self.is_half) {
                    late.write_all(b" end\n").unwrap();
                }
                self.late = Some(late);
                fs::rename(self.log(), copy).unwrap();
            }
            // A program may have made it.
            Some(Step::Create) => {
                OpenOptions::new().create(true).append(true).open(self.log()).map(drop).unwrap();
            }
            Some(Step::BeginCopy) => drop(File::create_new(copy).unwrap()),
            Some(Step::CopyHalf) => {
                let bytes = fs::read(self.log()).unwrap();
                fs::write(copy, &bytes[..bytes.len() / 2]).unwrap();
            }
            Some(Step::CopyAll) => {
                fs::write(copy, fs::read(self.log()).unwrap()).unwrap();
            }
            Some(Step::Truncate) => {
                self.is_half = false;
                // Lines between copy and truncation would be lost, as logrotate(8) warns.
                fs::write(copy, fs::read(self.log()).unwrap()).unwrap();
                OpenOptions::new().write(true).open(self.log()).unwrap().set_len(0).unwrap();
            }
            Some(Step::BeginGzip(to)) => drop(File::create_new(to).unwrap()),
            Some(Step::Gzip(from)) => {
                let mut packed =
                    GzEncoder::new(File::create(gzip(&from)).unwrap(), Compression::fast());
                io::copy(&mut File::open(from).unwrap(), &mut packed).unwrap();
                packed.finish().unwrap();
            }
            Some(Step::Remove(from)) => fs::remove_file(from).unwrap(),
        }
    }

    fn poll(&mut self) -> bool {
        let Self { tail, found, notes, .. } = self;
        let mut each = |_: Origin, line: RawLine<'_>| {
            *found.entry(String::from_utf8(line.bytes.to_vec()).unwrap()).or_default() += 1;
        };
        tail.poll(&mut each, &mut |what| notes.push(what))
    }

    fn restart(&mut self) {
        let saved = serde_json::to_vec(&self.tail.place()).unwrap();
        let saved: SavedTail = serde_json::from_slice(&saved).unwrap();
        self.tail = Tail::new(self.log());
        let Self { tail, notes, .. } = self;
        tail.resume(saved, &mut |_, _| {}, &mut |what| notes.push(what));
    }

    /// All that comes when nothing is written any more.
    fn finish(&mut self) {
        while !self.steps.is_empty() {
            self.step();
        }
        self.append("the last\n");
        while self.poll() {}
        // Beginnings of lines are lines now.
        self.tail.hurry(Duration::ZERO);
        while self.poll() {}
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => Just(Event::Write),
        1 => Just(Event::WriteHalf),
        2 => Just(Event::WriteLate),
        8 => Just(Event::Step),
        1 => Just(Event::Begin(Rotation::Create)),
        1 => Just(Event::Begin(Rotation::Copytruncate)),
        1 => Just(Event::Begin(Rotation::Compress)),
        4 => Just(Event::Poll),
        2 => Just(Event::Restart),
    ]
}

/// Fails unless each line comes once.
fn assert_each_once(events: Vec<Event>) -> Result<(), TestCaseError> {
    let mut world = World::new();
    for event in events {
        world.happen(event);
    }
    world.finish();
    let mut numbers: BTreeMap<u32, u32> = BTreeMap::new();
    for (line, count) in &world.found {
        if let Some(number) = line.split(' ').nth(1).and_then(|n| n.parse().ok()) {
            *numbers.entry(number).or_default() += count;
        }
    }
    let expected: BTreeMap<_, _> = (1..=world.written).map(|n| (n, 1)).collect();
    prop_assert_eq!(numbers, expected, "{:?}", world.notes);
    // The log is missing between its renaming and the creation of the next.
    world.notes.retain(|note| !note.contains("waiting for it"));
    prop_assert!(world.notes.is_empty(), "{:?}", world.notes);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_line_is_lost_or_repeated_whatever_happens_between_two_steps(
        events in proptest::collection::vec(event(), 1..150),
    ) {
        assert_each_once(events)?;
    }
}
