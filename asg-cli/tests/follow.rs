//! `asglog correlate --follow`: rotations, late writers, pipes, folders, and restarts.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

mod common;
#[path = "common/pack.rs"]
mod pack;

use common::ASGLOG;
use serde_json::Value;

const REP: &str = r#"{"timestamp":"2024-05-06T07:00:00Z","level":"info","source":"rep","message":"rep.executing-container-operation.starting","data":{"container-guid":"bfce786c-ab07-40ad-79f9-8f21"}}
"#;

/// The packet with this number. A hundred are of one second.
fn packet(number: u32) -> String {
    let seconds = number / 100;
    format!(
        "2024-05-06T07:{:02}:{:02}+00:00 cell kernel: [{}.{:06}] OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 \
         SRC=10.255.73.3 DST=8.8.8.8 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID={} DF PROTO=TCP SPT={} DPT={} WINDOW=27400 \
         RES=0x00 SYN URGP=0 \n",
        10 + seconds / 60,
        seconds % 60,
        600 + seconds,
        number % 100,
        number % 65_536,
        1_024 + number / 50_000,
        number % 50_000,
    )
}

fn number(flow: &Value) -> u32 {
    let field = |name: &str| u32::try_from(flow[name].as_u64().unwrap()).unwrap();
    (field("spt") - 1_024) * 50_000 + field("dpt")
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// A run that follows, and its output so far.
struct Following {
    child: Child,
    text: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Following {
    fn start(args: &[&str]) -> Self {
        Self::start_to(args, Stdio::piped())
    }

    fn start_to(args: &[&str], stdout: Stdio) -> Self {
        let mut child = Command::new(ASGLOG)
            .args(["correlate", "--follow", "--format", "ndjson", "--hold", "0"])
            .args(args)
            .env_remove("HOME")
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let collect = |mut from: Box<dyn std::io::Read + Send>| {
            let text = Arc::new(Mutex::new(Vec::new()));
            let to = Arc::clone(&text);
            let reader = thread::spawn(move || {
                let mut piece = [0; 4_096];
                while let Ok(n @ 1..) = from.read(&mut piece) {
                    to.lock().unwrap().extend(&piece[..n]);
                }
            });
            (text, reader)
        };
        let (text, reader) = match child.stdout.take() {
            Some(stdout) => collect(Box::new(stdout)),
            None => collect(Box::new(std::io::empty())),
        };
        let (said, said_reader) = collect(Box::new(child.stderr.take().unwrap()));
        Self { child, text, readers: vec![reader, said_reader], said }
    }

    fn count(&self) -> usize {
        self.text.lock().unwrap().split(|b| *b == b'\n').count() - 1
    }

    /// Waits for so many flows, generously.
    fn wait(&mut self, many: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.count() < many && Instant::now() < deadline {
            assert!(self.child.try_wait().unwrap().is_none(), "{}", self.said());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn said(&self) -> String {
        String::from_utf8(self.said.lock().unwrap().clone()).unwrap()
    }

    /// Ends it with a signal; its exit status, and its output.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let kill = Command::new("kill").args(["-s", signal, &self.child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        self.finish()
    }

    /// Waits for its end.
    fn finish(&mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap().code();
        self.readers.drain(..).for_each(|reader| reader.join().unwrap());
        (status, String::from_utf8(self.text.lock().unwrap().clone()).unwrap())
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// How often each packet came.
fn counted(text: &str) -> BTreeMap<u32, usize> {
    let mut counts = BTreeMap::new();
    for line in text.lines() {
        let flow: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        *counts.entry(number(&flow)).or_default() += 1;
    }
    counts
}

/// Panics unless each of so many packets came once.
fn assert_once(text: &str, many: u32) {
    let counts = counted(text);
    let missing: Vec<_> = (0..many).filter(|n| !counts.contains_key(n)).collect();
    let twice: Vec<_> = counts.iter().filter(|(_, n)| **n > 1).collect();
    assert!(missing.is_empty() && twice.is_empty(), "missing {missing:?}, twice {twice:?}");
    assert_eq!(counts.len(), many as usize);
}

/// Renames a log and its older ones, and makes it anew, as logrotate does.
fn rotate(path: &Path) {
    let older = |n: u32| PathBuf::from(format!("{}.{n}", path.display()));
    for n in (1..40).rev() {
        drop(fs::rename(older(n), older(n + 1)));
    }
    fs::rename(path, older(1)).unwrap();
    File::create_new(path).unwrap();
}

/// Copies a log, and empties it.
fn copy_and_truncate(path: &Path) {
    let older = |n: u32| PathBuf::from(format!("{}.{n}", path.display()));
    for n in (1..40).rev() {
        drop(fs::rename(older(n), older(n + 1)));
    }
    fs::copy(path, older(1)).unwrap();
    OpenOptions::new().write(true).open(path).unwrap().set_len(0).unwrap();
}

#[test]
fn rotations_with_late_writers_lose_and_repeat_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // Each log has the packets from its thousand on.
    let logs = [0_u64, 300, 1_000, 3_000, 5_000];
    for n in 0..6 {
        append(&at(&format!("{n}.log")), "");
    }
    let paths: Vec<String> =
        (0..7).map(|n| at(&format!("{n}.log")).to_str().unwrap().to_owned()).collect();
    // Its first flow shows that it follows.
    append(&at("6.log"), &packet(9_000));
    let mut running = Following::start(&paths.iter().map(String::as_str).collect::<Vec<_>>());
    running.wait(1);
    let mut writers = Vec::new();
    for (n, late) in (0..).zip(logs) {
        let path = at(&format!("{n}.log"));
        writers.push(thread::spawn(move || {
            let mut old = OpenOptions::new().append(true).open(&path).unwrap();
            old.write_all(packet(n * 1_000).as_bytes()).unwrap();
            rotate(&path);
            old.write_all(packet(n * 1_000 + 1).as_bytes()).unwrap();
            thread::sleep(Duration::from_millis(late));
            // The last line has no end when the writer goes away.
            old.write_all(packet(n * 1_000 + 2).trim_end_matches('\n').as_bytes()).unwrap();
            append(&path, &packet(n * 1_000 + 3));
        }));
    }
    let path = at("5.log");
    writers.push(thread::spawn(move || {
        for n in 0..40 {
            append(&path, &packet(5_000 + n));
            if n % 4 == 3 {
                thread::sleep(Duration::from_millis(150));
                append(&path, &packet(6_000 + n));
                copy_and_truncate(&path);
            }
        }
    }));
    for writer in writers {
        writer.join().unwrap();
    }
    // The last lines without an end are given when their files were quiet for ten seconds.
    running.wait(1 + 5 * 4 + 40 + 10);
    let said = running.said();
    let (status, text) = running.end("INT");
    assert_eq!(status, Some(130), "{said}");
    let counts = counted(&text);
    let expected = (0..5)
        .flat_map(|n| (0..4).map(move |m| n * 1_000 + m))
        .chain(5_000..5_040)
        .chain([9_000])
        .chain((0..40).filter(|n| n % 4 == 3).map(|n| 6_000 + n));
    assert_eq!(counts, expected.map(|n| (n, 1)).collect(), "{said}");
}

/// Writes packets, and rotates the log now and then, in all ways.
fn writer(path: PathBuf, many: u32) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut late: Option<(File, u32)> = None;
        for n in 0..many {
            // Some come late, to the log that was renamed before.
            match &mut late {
                Some((file, left)) if n % 3 == 0 && *left > 0 => {
                    *left -= 1;
                    file.write_all(packet(n).as_bytes()).unwrap();
                }
                _ => append(&path, &packet(n)),
            }
            match n % 400 {
                199 => {
                    let old = OpenOptions::new().append(true).open(&path).unwrap();
                    rotate(&path);
                    late = Some((old, 40));
                }
                399 => copy_and_truncate(&path),
                _ => {}
            }
            thread::sleep(Duration::from_millis(2));
        }
    })
}

/// Starts and ends runs with one state until the writer is done; all that they wrote.
fn restarted(signal: &str, to_file: bool) -> String {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    append(Path::new(&at("rep.log")), REP);
    append(Path::new(&at("kern.log")), "");
    let writer = writer(PathBuf::from(at("kern.log")), MANY);
    let args = [at("kern.log"), at("rep.log"), "--state".into(), at("state")];
    let args = args.iter().map(String::as_str).collect::<Vec<_>>();
    let flows = at("flows.ndjson");
    let stdout = || {
        if to_file {
            OpenOptions::new().create(true).append(true).open(&flows).unwrap().into()
        } else {
            Stdio::piped()
        }
    };
    let (mut text, mut said) = (String::new(), String::new());
    let mut runs = 0;
    while runs < 20 || !writer.is_finished() {
        let running = Following::start_to(&args, stdout());
        // Of different length, and some hardly begin.
        thread::sleep(Duration::from_millis(100 + runs * 379 % 900));
        let said_now = Arc::clone(&running.said);
        let (status, more) = running.end(signal);
        said += &String::from_utf8_lossy(&said_now.lock().unwrap());
        assert_eq!(status, if signal == "TERM" { Some(143) } else { None });
        text += &more;
        runs += 1;
    }
    writer.join().unwrap();
    let last = Following::start_to(&args, stdout());
    let deadline = Instant::now() + Duration::from_secs(60);
    let written = |last: &Following| {
        let piped = text.lines().count() + last.count();
        if to_file { fs::read_to_string(&flows).unwrap().lines().count() } else { piped }
    };
    while written(&last) < MANY as usize && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(50));
    }
    // Nothing comes twice.
    thread::sleep(Duration::from_millis(1_500));
    said += &last.said();
    let (_, more) = last.end("TERM");
    eprintln!("{runs} runs ended with {signal}: {said}");
    if to_file { fs::read_to_string(&flows).unwrap() } else { text + &more }
}

const MANY: u32 = 4_000;

#[test]
fn runs_that_are_ended_go_on_where_they_were() {
    let text = restarted("TERM", false);
    assert_once(&text, MANY);
    // Evidence outlives the runs.
    assert_eq!(text.lines().filter(|line| line.contains("unique_prefix")).count(), MANY as usize);
}

#[test]
fn runs_that_are_killed_at_any_moment_lose_and_repeat_nothing() {
    assert_once(&restarted("KILL", true), MANY);
}

#[test]
fn runs_that_are_killed_while_they_write_to_a_pipe_lose_nothing() {
    let text = restarted("KILL", false);
    let whole: String =
        text.lines().filter(|line| line.ends_with('}')).map(|l| l.to_owned() + "\n").collect();
    let counts = counted(&whole);
    assert_eq!(counts.len(), MANY as usize);
    // A chunk has six flows at most.
    assert!(counts.values().map(|n| n - 1).sum::<usize>() <= 20 * 6);
}

#[test]
fn standard_input_is_followed_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let rep = folder.path().join("rep.log");
    append(&rep, REP);
    let mut running = Following::start(&["-"]);
    let mut pipe = running.child.stdin.take().unwrap();
    pipe.write_all(REP.as_bytes()).unwrap();
    pipe.write_all(packet(0).as_bytes()).unwrap();
    running.wait(1);
    pipe.write_all(packet(200).trim_end_matches('\n').as_bytes()).unwrap();
    drop(pipe);
    let (status, text) = running.finish();
    assert_eq!((status, counted(&text)), (Some(0), [(0, 1), (200, 1)].into()));
    assert!(text.lines().all(|line| line.contains("unique_prefix")));
}

#[test]
fn a_named_pipe_is_followed_from_one_writer_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let mut running = Following::start(&[path.to_str().unwrap()]);
    for n in 0..3 {
        let mut pipe = OpenOptions::new().write(true).open(&path).unwrap();
        pipe.write_all(packet(n * 200).as_bytes()).unwrap();
        drop(pipe);
        running.wait(n as usize + 1);
    }
    let (status, text) = running.end("INT");
    assert_eq!((status, counted(&text)), (Some(130), [(0, 1), (200, 1), (400, 1)].into()));
}

#[test]
fn a_folder_is_followed_with_the_files_that_come_later() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("cell")).unwrap();
    append(&at("cell/kern.log"), &packet(0));
    // It was read before, and only shows the owners of containers.
    fs::write(at("cell/rep.log.2.gz"), pack::gzip(REP.as_bytes())).unwrap();
    append(&at("cell/rep.log"), "");
    // The state is not taken for a log.
    let state = at("state");
    let args = [folder.path().to_str().unwrap(), "--state", state.to_str().unwrap()];
    let mut running = Following::start(&args);
    running.wait(1);
    rotate(&at("cell/kern.log"));
    append(&at("cell/kern.log"), &packet(200));
    running.wait(2);
    append(&at("other.log"), &packet(400));
    running.wait(3);
    fs::create_dir(at("later")).unwrap();
    append(&at("later/kern.log"), &packet(600));
    running.wait(4);
    copy_and_truncate(&at("later/kern.log"));
    append(&at("later/kern.log"), &packet(800));
    running.wait(5);
    thread::sleep(Duration::from_millis(1_500));
    let said = running.said();
    let (_, text) = running.end("INT");
    assert_eq!(counted(&text), (0..5).map(|n| (n * 200, 1)).collect(), "{said}");
    let saved = fs::read_to_string(&state).unwrap_or_default();
    assert!(!saved.contains("state\",\"count"), "{saved}");
    assert!(text.lines().all(|line| line.contains("unique_prefix")), "{text}");
}

#[test]
fn packets_before_since_are_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kern.log");
    append(&path, &(0..10).map(|n| packet(n * 100)).collect::<String>());
    let path = path.to_str().unwrap();
    let mut running = Following::start(&["--since", "2024-05-06T07:10:06Z", path]);
    running.wait(4);
    append(Path::new(path), &packet(1_500));
    running.wait(5);
    let (_, text) = running.end("INT");
    let expected = [600, 700, 800, 900, 1_500];
    assert_eq!(counted(&text), expected.map(|n| (n, 1)).into());
    let none = Following::start(&["--since", "1h", path]);
    thread::sleep(Duration::from_millis(1_500));
    assert_eq!(none.end("INT").1, "");
}

#[test]
fn leaps_of_time_and_forgotten_containers_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kern.log");
    append(&path, REP);
    append(&path, &packet(0));
    let mut running = Following::start(&["--retention", "1h", path.to_str().unwrap()]);
    running.wait(1);
    let later: String =
        (0..5).map(|n| packet(200 + n).replace("2024-05-06", "2024-05-16")).collect();
    append(&path, &later);
    running.wait(6);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !running.said().contains("forgotten") && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(50));
    }
    let said = running.said();
    assert!(said.contains("leaped by more than an hour"), "{said}");
    assert!(said.contains("containers of long ago were forgotten, 1 so far"), "{said}");
    running.end("INT");
}

#[test]
fn counts_are_kept_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let (path, metrics) = (folder.path().join("kern.log"), folder.path().join("asg.prom"));
    append(&path, REP);
    append(&path, &(packet(0) + &packet(200).replace("OK_", "DENY_") + "something else\n"));
    let args = ["--metrics", metrics.to_str().unwrap(), path.to_str().unwrap()];
    let mut running = Following::start(&args);
    running.wait(2);
    running.end("INT");
    let text = fs::read_to_string(&metrics).unwrap();
    for line in [
        "# TYPE asg_flows counter",
        "asg_flows_total{plane=\"asg\",verdict=\"allowed\",transport=\"tcp\",certainty=\"unique_prefix\"} 1",
        "asg_flows_total{plane=\"asg\",verdict=\"denied\",transport=\"tcp\",certainty=\"unique_prefix\"} 1",
        "asg_denials_total{certainty=\"unique_prefix\"} 1",
        "asg_lines_total{outcome=\"packet\"} 2",
        "asg_lines_total{outcome=\"evidence\"} 1",
        "asg_lines_total{outcome=\"other\"} 1",
        "asg_containers 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    assert!(text.ends_with("# EOF\n"), "{text}");
}

#[test]
fn a_compressed_log_is_named_and_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (packed, path) = (folder.path().join("old.log"), folder.path().join("kern.log"));
    fs::write(&packed, pack::gzip(packet(0).as_bytes())).unwrap();
    append(&path, &packet(200));
    let mut running = Following::start(&[packed.to_str().unwrap(), path.to_str().unwrap()]);
    running.wait(1);
    let said = Arc::clone(&running.said);
    assert_eq!(counted(&running.end("INT").1), [(200, 1)].into());
    let said = String::from_utf8(said.lock().unwrap().clone()).unwrap();
    assert!(said.contains("old.log: its format cannot be followed"), "{said}");
}
