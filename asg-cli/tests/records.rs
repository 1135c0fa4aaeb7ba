//! `asglog correlate --format ecs|ocsf|otlp|cef|cim`.

use std::fs;

#[path = "../../asg-core/tests/siem/check.rs"]
mod check;
mod common;

use common::run;
use serde_json::Value;

const FORMATS: [&str; 5] = ["ecs", "ocsf", "otlp", "cef", "cim"];

/// Returns the problems of a line in a format.
fn problems(format: &str, line: &str) -> Vec<String> {
    if format == "cef" {
        return check::cef(line);
    }
    let record: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    match format {
        "ecs" => check::ecs(&record),
        "ocsf" => check::ocsf(&record),
        "otlp" => check::otlp(&record),
        _ => check::cim(&record),
    }
}

#[test]
fn every_record_of_the_demonstration_is_valid_in_all_formats() {
    for format in FORMATS {
        let args = ["--format", format, "--read-at", "2024-05-06T07:10:00Z"];
        let all = run("demo", &args);
        assert_eq!(all.status, 0, "{format}: {}", all.stderr);
        let out = all.stdout;
        let one = run("demo", &[&args[..], &["--threads", "1"]].concat()).stdout;
        assert_eq!(out, one, "{format}: threads change nothing");
        let mut many = 0;
        for line in out.lines() {
            assert_eq!(problems(format, line), [""; 0], "{format}: {line}");
            many += line.matches("\"eventName\"").count().max(1);
        }
        assert!(many > 10, "{format}: {many}");
    }
}

#[test]
fn packets_of_other_firewalls_have_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kern.log");
    let line = |prefix: &str| {
        format!(
            "2024-05-06T07:10:00+00:00 cell kernel: [6.000001] {prefix}IN=eth0 OUT= SRC=10.255.73.3 DST=8.8.8.8 LEN=60 \
             TOS=0x00 PREC=0x00 TTL=63 ID=7 DF PROTO=TCP SPT=1 DPT=2 WINDOW=27400 RES=0x00 SYN URGP=0 \n"
        )
    };
    fs::write(&path, line("[UFW BLOCK] ") + &line("OK_bfce786c-ab07-40ad-79f9-8 ")).unwrap();
    for format in FORMATS {
        let ended = run("correlate", &["--format", format, path.to_str().unwrap()]);
        let said =
            format!("1 packets of other firewalls have no verdict, and so no record in {format}");
        assert!(ended.stderr.contains(&said), "{}", ended.stderr);
        let out = ended.stdout;
        assert_eq!(out.lines().count(), 1, "{format}: {out}");
        assert!(out.contains("asg"), "{format}: {out}");
    }
}

#[test]
fn options_that_a_format_cannot_follow_are_refused() {
    let ended = run("demo", &["--format", "ndjson", "--read-at", "2024-05-06"]);
    let said = ended.stderr;
    assert_eq!(ended.status, 2, "{said}");
    let labelled = run("demo", &["--format", "ecs", "--networks", "networks.csv"]);
    assert_eq!(labelled.status, 2);
    assert!(
        labelled.stderr.contains("--networks and --prefixes do not go with"),
        "{}",
        labelled.stderr
    );
    assert!(said.contains("--read-at goes with --format ecs, ocsf, otlp, cef or cim"), "{said}");
}
