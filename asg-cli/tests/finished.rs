//! Finished logs that change while they are read twice.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use asg_cli::error::Error;
use asg_cli::flows::Gathered;
use asg_cli::input::{Input, Log, Opened, ReadCounter, Source};
use asg_cli::lines::Readers;
use asg_cli::monitor::Unattended;
use asg_cli::origins;
use asg_cli::output::csv;
use asg_cli::pipeline::Threads;
use asg_cli::query::Query;
use asg_core::{SourceId, TimePolicy};

mod common;

use common::{ASGLOG, here};

/// A log with a hook that is called when it is opened, and before each read.
struct Hooked {
    log: Log,
    hook: Hook,
}

type Hook = Arc<dyn Fn() + Send + Sync>;

impl std::fmt::Debug for Hooked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.log.fmt(f)
    }
}

impl Source for Hooked {
    fn name(&self) -> &str {
        self.log.name()
    }

    fn id(&self) -> SourceId {
        self.log.id()
    }

    fn open(&self, counter: &ReadCounter) -> Result<Opened<'_>, Error> {
        (self.hook)();
        let Opened::Stream(stream) = self.log.open(counter)? else { unreachable!("a file") };
        Ok(Opened::Stream(Box::new(HookedStream { stream, hook: Arc::clone(&self.hook) })))
    }

    fn size(&self) -> Option<u64> {
        self.log.size()
    }

    fn is_repeatable(&self) -> bool {
        true
    }

    fn hold(&self) -> Result<(), Error> {
        self.log.hold()
    }
}

struct HookedStream {
    stream: Box<dyn Read + Send>,
    hook: Hook,
}

impl Read for HookedStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (self.hook)();
        let most = buffer.len().min(16 << 10);
        self.stream.read(&mut buffer[..most])
    }
}

/// Returns the flows of all files, or the sentence of an error.
fn flows(paths: &[PathBuf], threads: usize, hook: &Hook) -> Result<Vec<u8>, String> {
    let source = |path: &PathBuf| -> Arc<dyn Source> {
        let input = Input::file(path.clone());
        let id = origins::number(input.name());
        Arc::new(Hooked { log: Log::new(input, id), hook: Arc::clone(hook) })
    };
    let readers = Readers::new(paths.iter().map(source).collect(), Arc::new(Unattended))
        .with_threads(Threads::new(threads.try_into().unwrap()));
    let policy = TimePolicy::default();
    let gathered = Arc::new(Gathered::new(policy, None));
    let query = Query::flows(readers, policy, gathered, None);
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("flows.csv");
    csv::write_query(&query, csv::Formulas::Keep, &output).map_err(|error| error.to_string())?;
    Ok(fs::read(&output).unwrap())
}

type Change = fn(&Path);

/// All that happens to a log.
const CHANGES: [(&str, Change); 8] = [
    ("rotated", |path| {
        fs::rename(path, path.with_extension("1")).unwrap();
        fs::write(path, "").unwrap();
    }),
    ("removed", |path| fs::remove_file(path).unwrap()),
    ("replaced", |path| {
        let other = path.with_extension("new");
        fs::write(&other, fs::read(here("data/article.log")).unwrap()).unwrap();
        fs::rename(other, path).unwrap();
    }),
    ("emptied", |path| drop(fs::File::create(path).unwrap())),
    ("halved", |path| {
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    }),
    ("emptied and refilled", |path| {
        let old = fs::read(path).unwrap();
        let mut file = fs::File::create(path).unwrap();
        file.write_all(&[&b"new\n"[..], &old, &old].concat()).unwrap();
    }),
    ("overwritten", |path| {
        let text = fs::read(path).unwrap();
        let mut file = OpenOptions::new().write(true).open(path).unwrap();
        file.write_all(&vec![b'x'; text.len()]).unwrap();
    }),
    ("continued", |path| {
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(&fs::read(here("data/foundation.log")).unwrap()).unwrap();
    }),
];

/// Returns a log of many packets, with evidence at its end.
fn long_log(rounds: usize) -> Vec<u8> {
    let text = fs::read_to_string(here("data/foundation.log")).unwrap();
    let (rep, kernel): (Vec<&str>, Vec<&str>) = text.lines().partition(|l| l.contains(" rep "));
    let mut log = String::new();
    for n in 0..rounds {
        for line in &kernel {
            log += &line.replace("[  6", &format!("[ {n:03}6"));
            log.push('\n');
        }
    }
    (log + &rep.join("\n") + "\n").into_bytes()
}

#[test]
fn a_log_that_changes_gives_all_its_flows_or_an_error_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let (first, last) = (folder.path().join("a.log"), folder.path().join("z.log"));
    let paths = [first.clone(), last.clone()];
    let text = long_log(60);
    let prepare = || {
        fs::write(&first, &text).unwrap();
        fs::write(&last, fs::read(here("data/article.log")).unwrap()).unwrap();
    };
    prepare();
    let moments = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&moments);
    let count: Hook = Arc::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let expected = flows(&paths, 1, &count).unwrap();
    assert_eq!(expected.split(|b| *b == b'\n').count() - 1, 1 + 60 * 9 + 2);
    let moments = moments.load(Ordering::Relaxed);
    assert!(moments > 30, "{moments}");
    let mut whole = 0;
    for (what, change) in CHANGES {
        for moment in (0..20).map(|n| 2 + n * (moments - 2) / 20) {
            prepare();
            let threads = 1 + moment % 3;
            let at = AtomicUsize::new(0);
            let path = first.clone();
            // The first two calls come before the first read: it has no state to compare with.
            let hook: Hook = Arc::new(move || {
                if at.fetch_add(1, Ordering::Relaxed) == moment {
                    change(&path);
                }
            });
            match flows(&paths, threads, &hook) {
                Ok(found) => {
                    assert!(found == expected, "{what} at {moment}, {threads} threads");
                    whole += 1;
                }
                Err(error) => {
                    let name = first.to_str().unwrap();
                    assert!(error.starts_with(name), "{what} at {moment}: {error}");
                    let is_harmless = ["rotated", "removed", "replaced", "continued"];
                    assert!(!is_harmless.contains(&what), "{what} at {moment}: {error}");
                }
            }
        }
    }
    assert!(whole >= 4 * 20, "{whole}");
}

#[test]
fn the_program_names_a_log_that_changed_and_ends_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kern.log");
    let start = || {
        fs::write(&path, long_log(900)).unwrap();
        let mut child = Command::new(ASGLOG)
            .args(["correlate", "--threads", "1", "--format", "ndjson", path.to_str().unwrap()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The first flow shows that the second reading has begun. It goes on when there is room.
        let mut first = [0; 1];
        child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
        child
    };
    for (what, change) in CHANGES {
        let child = start();
        change(&path);
        let run = child.wait_with_output().unwrap();
        let (flows, said) = (run.stdout.split(|b| *b == b'\n').count() - 1, run.stderr);
        let said = String::from_utf8(said).unwrap();
        if ["emptied", "halved", "emptied and refilled", "overwritten"].contains(&what) {
            assert_eq!(run.status.code(), Some(1), "{what}: {said}");
            assert!(said.contains("kern.log: it changed while it was read"), "{what}: {said}");
        } else {
            assert_eq!((run.status.code(), flows), (Some(0), 900 * 9), "{what}: {said}");
        }
    }
}
