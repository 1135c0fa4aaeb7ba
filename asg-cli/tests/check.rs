//! `asglog check` names the cause of what logs cannot answer, and a command that works; other
//! commands give the same hints.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{ASGLOG, apps, here, run};
use flate2::Compression;
use flate2::write::GzEncoder;

/// Returns a folder with logs of one cell.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let log = fs::read_to_string(here("data/foundation.log")).unwrap();
    let part = |is_packet: bool| -> String {
        log.lines()
            .filter(|line| line.contains(" IN=") == is_packet)
            .map(|line| format!("{line}\n"))
            .collect()
    };
    put("kern.log", &part(true));
    put("rep.log", &part(false));
    put("empty.log", "");
    let old = fs::read_to_string(here("data/article.log")).unwrap();
    put(
        "old.log",
        &old.lines()
            .filter(|line| line.contains("IN="))
            .map(|line| format!("{line}\n"))
            .collect::<String>(),
    );
    // A container that lived for three minutes, and packets whose stamps are five hours behind.
    let event = |time: &str, event: &str| {
        format!(
            "{{\"timestamp\":\"2025-03-04T{time}Z\",\"level\":\"info\",\"source\":\"rep\",\"message\":\"rep.{event}\",\
             \"data\":{{\"container-guid\":\"bfce786c-ab07-40ad-79f9-8f21\"}}}}\n"
        )
    };
    put(
        "zone-rep.log",
        &[
            event("10:29:00", "executing-container-operation.ordinary-lrp-processor.process-reserved-container.run-container.containerstore-create.starting"),
            event("10:30:00", "executing-container-operation.ordinary-lrp-processor.process-running-container.container-is-running"),
            event("10:32:00", "executing-container-operation.ordinary-lrp-processor.process-completed-container.deleted-container"),
        ]
        .concat(),
    );
    let packet = "kernel: [637.581122] OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 \
        LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP SPT=51858 DPT=80 WINDOW=27400 RES=0x00 SYN URGP=0";
    put(
        "zone-kern.log",
        &format!("Mar  4 05:30:05 cell-1 {packet} \nMar  4 05:30:07 cell-1 {packet} \n"),
    );
    let inner =
        archive(&[("./rep/rep.stdout.log", &part(false)), ("./var/log/kern.log", &part(true))]);
    fs::write(folder.path().join("cells.tgz"), inner).unwrap();
    folder
}

fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        header.set_cksum();
        tar.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// Runs a line of a shell in a folder.
fn shell(line: &str, folder: &Path) -> (i32, String, String) {
    let bin = Path::new(ASGLOG).parent().unwrap().display().to_string();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    let run = Command::new("sh")
        .args(["-c", line])
        .current_dir(folder)
        .env("PATH", path)
        .env_remove("HOME")
        .env_remove("CF_HOME")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (run.status.code().unwrap(), text(run.stdout), text(run.stderr))
}

#[test]
fn the_page_names_the_cause_and_a_command_that_works() {
    let folder = folder();
    for (args, cause, next) in [
        (
            "kern.log",
            "no line in these logs is about a container",
            "asglog top --by destination kern.log",
        ),
        (
            "rep.log",
            "there are no packets in these logs",
            "asglog ledger build --output cells.ledger rep.log",
        ),
        ("old.log", "the stamps show no year", "asglog top --by destination old.log"),
        ("old.log rep.log", "2 packets with a stamp without a year", "asglog correlate --where"),
        (
            "zone-kern.log zone-rep.log",
            "outside the life of their containers",
            "asglog correlate --utc-offset=-05:00 zone-kern.log zone-rep.log",
        ),
        ("empty.log", "these logs are empty", "asglog demo"),
        ("/etc/passwd", "no line about a container; the first line is \"root:", "asglog demo"),
        (
            "cells.tgz",
            "no line speaks of the containers of 1 packet",
            "asglog correlate --where reason=unknown_handle cells.tgz",
        ),
        ("--year 2017 old.log rep.log", "no packet is denied", "asglog correlate --where"),
    ] {
        let (status, page, stderr) = shell(&format!("asglog check {args}"), folder.path());
        assert_eq!((status, stderr.as_str()), (0, ""), "{args}");
        assert!(page.contains(cause), "{args}: {page}");
        let command = page.rsplit("Next, type:\n").next().unwrap().trim();
        assert!(command.starts_with(next), "{args}: {page}");
        let (status, answer, why) = shell(command, folder.path());
        assert_eq!(status, 0, "{command}: {why}");
        assert!(!answer.is_empty() || command.contains("ledger build"), "{command} says nothing");
    }
}

#[test]
fn the_page_is_one_page() {
    let folder = folder();
    let (_, page, _) = shell("asglog check kern.log rep.log", folder.path());
    insta::assert_snapshot!(page);
}

#[test]
fn other_commands_hint_at_the_half_that_is_missing() {
    let folder = folder();
    for command in ["correlate", "top", "correlate --format ndjson", "correlate --format summary"] {
        let hint = |logs: &str| shell(&format!("asglog {command} {logs}"), folder.path()).2;
        assert!(hint("kern.log").contains("give rep.stdout.log of the same cells"), "{command}");
        assert!(!hint("kern.log").contains("--cf"), "{command}: names do not help here");
        assert!(hint("rep.log").contains("is its log among these?"), "{command}");
        assert!(hint("empty.log").contains("these logs are empty"), "{command}");
        assert!(hint("/etc/passwd").contains("no line about a container"), "{command}");
        assert_eq!(hint("-q kern.log"), "", "{command}");
    }
    let (_, _, why) = shell("asglog correlate --where dpt=1 kern.log rep.log", folder.path());
    assert!(why.contains("no packet is as --where"), "{why}");
}

#[test]
fn security_groups_show_how_many_packets_their_rules_explain() {
    let folder = tempfile::tempdir().unwrap();
    let pages = apps(folder.path());
    let log = here("data/foundation.log");
    let check = |more: &[&str]| {
        let args = ["--groups", &here("data/groups.json"), "--cc-export", &pages];
        run("check", &[&args[..], more, &["--", &log]].concat())
    };
    let checked = check(&[]);
    assert_eq!((checked.status, &*checked.stderr), (0, ""));
    let page = checked.stdout;
    for line in [
        "           5  of them explained by the rule that decided",
        "  * which rule decided, for 5 of 7",
        "  * 6 entries of rules leave no line",
    ] {
        assert!(page.lines().any(|found| found == line), "{page}");
    }
    assert!(!page.contains("contradicts the rules"), "{page}");

    // The groups that allow what the log shows are gone.
    let all = fs::read_to_string(here("data/groups.json")).unwrap();
    let fewer = folder.path().join("fewer groups.json");
    let kept = |line: &&str| !line.contains("\"backends\"");
    let text: String = all.lines().filter(kept).map(|line| format!("{line}\n")).collect();
    fs::write(&fewer, text).unwrap();
    let args = format!(
        "--groups '{}' --group-order listed --sync-tolerance 60 --cc-export {pages} -- {log}",
        fewer.display()
    );
    let (status, page, stderr) = shell(&format!("asglog check {args}"), folder.path());
    assert_eq!((status, &*stderr), (0, ""), "{page}");
    let what = "  * 3 packets whose line contradicts the rules";
    assert!(page.lines().any(|line| line == what), "{page}");
    // The command has all that the answer needs.
    let command = page.lines().find_map(|line| line.trim().strip_prefix("asglog explain "));
    let command = format!("asglog explain --format ndjson {}", command.unwrap());
    assert!(command.contains("--group-order listed") && command.contains("--sync-tolerance 60"));
    let (status, answers, stderr) = shell(&command, folder.path());
    assert_eq!((status, answers.lines().count(), &*stderr), (0, 3, ""), "{command}");
}

#[test]
fn security_groups_that_cannot_be_read_end_the_check_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let log = here("data/foundation.log");
    let missing = folder.path().join("groups.json").display().to_string();
    let settings = folder.path().join("settings.json").display().to_string();
    fs::write(&settings, r#"{"profil":"guardian"}"#).unwrap();
    let groups = here("data/groups.json");
    for (args, what) in [
        (&["--groups", &missing][..], "groups.json: No such file or directory"),
        (&["--groups", &log], "looks like a log, and not like security groups"),
        (&["--groups", &settings], "a page of security groups with `resources`"),
        (&["--groups", &groups, "--settings", &settings], "unknown field `profil`"),
    ] {
        let refused = run("check", &[args, &["--", &log]].concat());
        assert_eq!((refused.status, &*refused.stdout), (2, ""), "{args:?}");
        assert!(refused.stderr.contains(what), "{args:?}: {}", refused.stderr);
    }
}

#[test]
fn what_is_in_logs_commands_no_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("a b\u{1b}[31m.log");
    fs::write(&log, "x\u{1b}[31my\n").unwrap();
    let page = run("check", &[log.to_str().unwrap()]).stdout;
    assert!(!page.contains('\u{1b}'), "{page}");
}
