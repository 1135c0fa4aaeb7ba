//! How runs end: full and closed streams, signals, and nothing to read.
#![cfg(unix)]

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

mod common;

use common::{ASGLOG, here, run, run_with};

fn foundation() -> String {
    here("data/foundation.log")
}

#[test]
fn a_full_or_closed_standard_error_costs_no_output() {
    for args in [
        &["correlate", "--format", "ndjson"][..],
        &["correlate", "--format", "table"],
        &["correlate", "--format", "summary", "--threads", "2"],
        &["parse"],
        &["top"],
    ] {
        // It prints a message: a file is missing.
        let foundation = foundation();
        let args = [args, &["no/such/file", &foundation]].concat();
        let usual = Command::new(ASGLOG).args(&args).stdin(Stdio::null()).output().unwrap();
        assert!(!usual.stdout.is_empty() && !usual.stderr.is_empty());
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let full =
            Command::new(ASGLOG).args(&args).stdin(Stdio::null()).stderr(full).output().unwrap();
        let script = "program=$1; shift; exec \"$program\" \"$@\" 2>&-";
        let closed = Command::new("sh")
            .args([&["-c", script, "sh", ASGLOG][..], &args[..]].concat())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        for other in [full, closed] {
            assert_eq!(other.stdout, usual.stdout, "{args:?}");
            assert_eq!((other.status.code(), usual.status.code()), (Some(1), Some(1)), "{args:?}");
        }
    }
}

#[test]
fn a_full_standard_output_is_an_error() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let run =
        Command::new(ASGLOG).args(["correlate", &foundation()]).stdout(full).output().unwrap();
    assert_eq!(run.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&run.stderr).contains("the output cannot be written"));
}

/// Starts a run that reads a pipe, and has begun to write its output.
fn begun(folder: &Path, args: &[&str]) -> Child {
    let mut child = Command::new(ASGLOG)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = fs::read(foundation()).unwrap();
    child.stdin.as_mut().unwrap().write_all(&log).unwrap();
    wait_for(|| fs::read_dir(folder).unwrap().count() > 0);
    child
}

fn wait_for(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    assert!(is_so());
}

#[test]
fn signals_that_end_a_run_leave_no_unfinished_file() {
    for (signal, status) in [("TERM", 143), ("HUP", 129), ("INT", 130)] {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("packets.ndjson");
        let mut child = begun(folder.path(), &["parse", "-o", output.to_str().unwrap(), "-"]);
        // The pipe stays open, so that nothing else ends the run.
        let pipe = child.stdin.take();
        let kill = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(status), "{signal}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{signal}");
        drop(pipe);
    }
}

#[test]
fn a_redaction_that_is_ended_leaves_no_folder_that_looks_whole() {
    for (signal, status) in [("TERM", Some(143)), ("INT", Some(130)), ("KILL", None)] {
        for is_there in [false, true] {
            let (folder, keys) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let output = folder.path().join("new");
            if is_there {
                fs::create_dir(&output).unwrap();
            }
            let key = keys.path().join("key");
            let watched = if is_there { output.as_path() } else { folder.path() };
            let args = ["redact", "--key", key.to_str().unwrap(), "--new-key", "-o"];
            let mut child = begun(watched, &[&args[..], &[output.to_str().unwrap(), "-"]].concat());
            let pipe = child.stdin.take();
            let kill = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
            assert!(kill.unwrap().success());
            assert_eq!(child.wait().unwrap().code(), status, "{signal}");
            drop(pipe);
            assert!(!output.join("logs").exists(), "{signal}");
            if status.is_some() {
                assert_eq!(fs::read_dir(watched).unwrap().count(), 0, "{signal}");
            } else {
                // Nobody can remove it, and it has another name.
                let name = fs::read_dir(watched).unwrap().next().unwrap().unwrap().file_name();
                let ending = std::path::Path::new(&name).extension();
                assert_eq!(ending, Some("part".as_ref()), "{name:?}");
            }
        }
    }
}

#[test]
fn a_run_that_nohup_protects_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("packets.ndjson");
    // The shell ignores the signal, and so does every program that it starts.
    let script = "trap '' HUP; program=$1; shift; exec \"$program\" \"$@\"";
    let mut child = Command::new("sh")
        .args(["-c", script, "sh", ASGLOG, "parse", "-o", output.to_str().unwrap(), "-"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(&fs::read(foundation()).unwrap()).unwrap();
    wait_for(|| fs::read_dir(folder.path()).unwrap().count() > 0);
    let kill = Command::new("kill").args(["-s", "HUP", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
    thread::sleep(Duration::from_millis(200));
    drop(pipe);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(fs::read_to_string(&output).unwrap().lines().count(), 16);
}

#[test]
fn a_minus_as_output_is_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    for (command, format) in [("correlate", "ndjson"), ("parse", "csv"), ("top", "table")] {
        let usual = run(command, &["--format", format, &foundation()]);
        let output = Command::new(ASGLOG)
            .args([command, "-o", "-", "--format", format, &foundation()])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), usual.stdout, "{command}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let parquet = run("correlate", &["-o", "-", "--format", "parquet", &foundation()]);
    assert_eq!(parquet.status, 2);
}

#[test]
fn what_is_piped_is_read_and_nothing_takes_its_place() {
    let log = fs::read(foundation()).unwrap();
    let usual = run("correlate", &["--format", "ndjson", &foundation()]);
    let piped = run_with("correlate", &["--format", "ndjson"], &[], &log);
    assert_eq!(piped.stdout.replace("\"source\":\"-\"", "X"), {
        let source = format!("\"source\":{}", serde_json::to_string(&foundation()).unwrap());
        usual.stdout.replace(&source, "X")
    });
}

#[test]
fn without_logs_there_is_an_error_whatever_the_options_are() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("apps.json");
    fs::write(&pages, r#"{"pagination":{"next":null},"resources":[]}"#).unwrap();
    let pages = pages.to_str().unwrap();
    for args in [
        &["correlate"][..],
        &["correlate", "--cc-export", pages],
        &["correlate", "--api", "http://127.0.0.1:9", "--token-file", "/dev/null"],
        &["correlate", "--format", "summary"],
        &["top", "--cc-export", pages],
    ] {
        let run = run(args[0], &args[1..]);
        assert_eq!((run.status, run.stderr.contains("there are no logs")), (2, true), "{args:?}");
        assert!(!run.stdout.contains("proxy"), "it is no demonstration: {args:?}");
    }
}

#[test]
fn an_output_replaces_the_old_one_only_when_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("flows.csv");
    fs::write(&output, "old").unwrap();
    let path = output.to_str().unwrap();
    let failed = run("correlate", &["-o", path, "--where", "nothing=1", &foundation()]);
    assert_eq!((failed.status, fs::read(&output).unwrap()), (2, b"old".to_vec()));
    let whole = run("correlate", &["-o", path, &foundation()]);
    assert_eq!(whole.status, 0, "{}", whole.stderr);
    assert_eq!(fs::read_to_string(&output).unwrap().lines().count(), 10);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
