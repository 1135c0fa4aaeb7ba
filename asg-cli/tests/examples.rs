//! Every help has an example that runs, and every mistake has a sentence.

mod common;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use asg_cc_client::embedded::{Foundation, Server};
use common::{ASGLOG, CfHome, here, jwt, run};
use flate2::Compression;
use flate2::write::GzEncoder;

/// Examples with these need what a test has not.
const SKIPPED: [&str; 9] =
    ["jq", "ssh ", "journalctl", "--follow", "/var/", "/usr/", "zcat", "zsh", "api.example.org"];

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

/// Runs a line of bash in a folder, logged in at a Cloud Controller.
fn bash(line: &str, folder: &Path, cf: &CfHome) -> (i32, String) {
    let bin = Path::new(ASGLOG).parent().unwrap().display().to_string();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    let (name, value) = cf.env();
    let run = Command::new("bash")
        .args(["-c", line])
        .current_dir(folder)
        .env("PATH", path)
        .env_remove("HOME")
        .env(name, value)
        .output()
        .unwrap();
    (run.status.code().unwrap(), String::from_utf8(run.stderr).unwrap())
}

#[test]
fn the_examples_of_every_help_run() {
    if Command::new("bash").arg("--version").output().is_err() {
        println!("skipped: bash is not installed");
        return;
    }
    let story = asg_cli::program::demo::foundation();
    let token = jwt("cloud_controller.admin_read_only");
    let server = Server::start(Foundation { tokens: Vec::new(), ..story }.token(&token)).unwrap();
    let cf = CfHome::new(&server.url(), &format!("bearer {token}"));
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let log = ["article", "foundation"]
        .map(|name| fs::read_to_string(here(&format!("data/{name}.log"))).unwrap());
    let log = log.concat();
    for folder in ["rep", "cells"] {
        fs::create_dir(at.join(folder)).unwrap();
    }
    for name in ["kern.log", "rep.stdout.log"] {
        fs::write(at.join(name), &log).unwrap();
    }
    for name in ["a.log.gz", "rep/a.log.gz", "cells/a.log.gz"] {
        fs::write(at.join(name), gzip(&log)).unwrap();
    }
    fs::write(at.join("rep/b.log"), &log).unwrap();
    fs::write(at.join("cells.tgz"), gzip(&log)).unwrap();
    for name in ["groups.json", "monday.json", "tuesday.json"] {
        fs::copy(here("data/groups.json"), at.join(name)).unwrap();
    }
    for line in [
        "asglog ledger build --output cells.ledger kern.log",
        "cp cells.ledger yesterday.ledger; cp cells.ledger all.ledger",
        "asglog export --cf --output saved",
    ] {
        assert_eq!(bash(line, at, &cf).0, 0, "{line}");
    }
    let general = run("help", &[]).stdout;
    let list = general.split("[LOG…]\n\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names: Vec<_> = list.lines().map(|line| line[2..16].trim()).collect();
    assert!(names.contains(&"ledger build") && names.contains(&"check"), "{names:?}");
    for name in names {
        let help = run("help", &name.split(' ').collect::<Vec<_>>()).stdout;
        let (_, examples) = help.split_once("Examples:\n").unwrap();
        let can = |line: &&str| SKIPPED.iter().all(|word| !line.contains(word));
        let examples: Vec<_> = examples.lines().map(str::trim).filter(can).collect();
        assert!(examples.iter().any(|it| it.contains(&format!("asglog {name}"))), "{name}");
        for line in examples.iter().filter(|line| !line.contains("| source")) {
            let (status, stderr) = bash(line, at, &cf);
            assert_eq!(status, 0, "{line}: {stderr}");
        }
    }
}

/// Mistakes end with status 1 or 2 and a sentence that begins as all others.
#[test]
fn every_mistake_has_a_sentence_and_no_native_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let put = |name: &str, bytes: &[u8]| {
        fs::write(path(name), bytes).unwrap();
        path(name)
    };
    let log = here("data/foundation.log");
    let log = log.as_str();
    let no_ledger = put("no.ledger", b"no ledger");
    let no_json = put("no.json", b"{\"resources\": [");
    let no_parquet = put("no.parquet", b"PAR1 and nothing");
    let half = put("half.gz", &gzip("a line\n")[..12]);
    let missing = path("nowhere/x.csv");
    let cases: &[(&[&str], &str)] = &[
        (&["corelate", log], "did you mean `correlate`?"),
        (&["correlate", "--frmat", "csv", log], "did you mean `--format`?"),
        (&["correlate", "-x", log], "has no option `-x`"),
        (&["correlate", "--format"], "--format takes a value"),
        (&["correlate", "--format", "xlsx", log], "--format is one of table"),
        (&["correlate", "--where", "dpt", log], "COLUMN=VALUE"),
        (&["correlate", "--where", "port80", log], "COLUMN=VALUE"),
        (&["correlate", "--where", "dst=10.0.0.0/99", log], "dst is an address or a network"),
        (&["correlate", "--where", "dst=example.org", log], "dst is an address or a network"),
        (&["correlate", "--where", "dpt=70000", log], "from 0 to 65535"),
        (&["correlate", "--where", "dpt=9-1", log], "the smaller one comes first"),
        (&["correlate", "--where", "dst>10.0.0.0", log], "dst is no number"),
        (&["correlate", "--where", "proto=HTTP", log], "TCP"),
        (&["correlate", "--where", "app_nmae=orders", log], "did you mean `app_name`?"),
        (&["correlate", "--where", "time=2024-05-06", log], "compare it with <"),
        (&["correlate", "--where", "raw=x", log], "raw cannot be filtered by"),
        (&["correlate", "--columns", "", log], "there is no column"),
        (&["correlate", "--columns", "dpt,dpt", log], "named twice"),
        (&["correlate", "--sort", "dports", log], "there is no column \"dports\""),
        (&["correlate", "--since", "tomorrow", log], "--since takes a time"),
        (&["correlate", "--until", "2024-13-01", log], "--until takes a time"),
        (&["correlate", "--limit", "-1", log], "--limit takes a number"),
        (&["correlate", "--width", "0", log], "--width takes a number"),
        (&["correlate", "--tz", "Berlin", log], "Europe/Berlin"),
        (&["correlate", "--color", "yes", log], "--color is auto, always or never"),
        (&["correlate", "--year", "24", log], "--year takes a year"),
        (&["correlate", "--utc-offset", "CEST", log], "--utc-offset takes an offset"),
        (&["correlate", "--threads", "0", log], "--threads is a number"),
        (&["correlate", "--hold", "9", log], "--hold goes with --follow"),
        (&["correlate", "-o", &missing, log], "No such file"),
        (&["correlate", "-o", "flows.xlsx", log], "says no format"),
        (&["correlate", "--format", "parquet", log], "give --output FILE.parquet"),
        (&["correlate", "--csv-safe", log], "--csv-safe goes with --format csv"),
        (&["correlate", "--ledger", &no_ledger, log], "no saved ledger"),
        (&["correlate", "--token-file", "x", log], "goes with --api or --cf"),
        (&["correlate", "--cf", "--cc-export", "x", "--", log], "not from both"),
        (&["correlate", "/nowhere"], "no log could be read"),
        (&["correlate", &half], "half.gz"),
        (&["parse", "--format", "table", log], "ndjson, csv, parquet"),
        (&["parse", "--where", "certainty=exact", log], "there is no column \"certainty\""),
        (&["top", "--by", "", log], "there is no column"),
        (&["top", "--by", "raw", log], "there is no column"),
        (&["top", "--measure", "volume", log], "the measure is packets, bytes"),
        (&["report", "--new-since", "noon", log], "--new-since takes a time"),
        (&["report", "--format", "html", log], "has no option `--format`"),
        (
            &["report", "--flows", &no_json, "--groups", &no_json],
            "--flows does not go with --groups",
        ),
        (&["report", "--flows", &no_json, log], "--flows does not go with LOG"),
        (&["who"], "takes a handle"),
        (&["who", "bfce786c"], "give logs, --flows or --ledger"),
        (&["who", "bfce786c", "--flows", &no_parquet], "is not a Parquet file"),
        (&["who", "--at", "noon", "bfce786c", log], "--at takes a time"),
        (&["who", "--address", "x", "bfce786c", log], "address is an IP address"),
        (&["who", "::1", log], "no line shows a container with this address"),
        (&["ledger"], ""),
        (&["ledger", "burn"], "no command `ledger burn`"),
        (&["ledger", "build", log], "--output"),
        (&["ledger", "merge", "-o", &path("m.ledger")], "no ledgers"),
        (&["ledger", "show", log], "no saved ledger"),
        (&["demo", log], "asglog correlate"),
        (&["explain", log], "security groups"),
        (&["explain", "--groups", &no_json, log], "no.json"),
        (&["coverage", "--groups", &no_json], "no.json"),
        (&["snapshot", "-o", &path("s.json")], "--cf"),
        (&["export", "-o", &path("e")], "--cf"),
        (&["help", "colums"], "no help about `colums`; did you mean `columns`?"),
        (&["help", "corelate"], "no help about `corelate`; did you mean `correlate`?"),
        (&["help", "ledger", "biuld"], "did you mean `ledger build`?"),
        (&["help", "--mann"], "did you mean `--man`?"),
        (&["help", "nonsense"], "no help about `nonsense`, but about parse,"),
        (&["help", "nonsense"], "columns, --man"),
        (&["colums"], "no command `colums`; did you mean `help columns`?"),
        (&["completion", "powershell"], "bash, zsh or fish"),
        (&["check", "/nowhere"], "no log could be read"),
    ];
    for (args, said) in cases {
        let found = Command::new(ASGLOG)
            .args(*args)
            .env_remove("HOME")
            .env_remove("CF_HOME")
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let stderr = String::from_utf8(found.stderr).unwrap();
        let status = found.status.code().unwrap();
        if said.is_empty() {
            assert_eq!(status, 0, "{args:?}: {stderr}");
            continue;
        }
        assert!(matches!(status, 1 | 2), "{args:?}: {status} {stderr}");
        assert!(stderr.contains(said), "{args:?}: {stderr}");
        for native in [
            "panicked",
            "Utf8Error",
            "ParseIntError",
            "invalid digit",
            "RUST_BACKTRACE",
            "Error {",
            "lexopt",
        ] {
            assert!(!stderr.contains(native), "{args:?}: {stderr}");
        }
        assert!(stderr.lines().all(|line| line.starts_with("asglog: ")), "{args:?}: {stderr}");
    }
    assert!(cases.len() > 60);
}
