//! The contract of `parse`: one object a line, in order, whatever the bytes, and the truth in it.

mod common;

use std::io::Write as _;

use common::{Run, assert_schema, fixture, here, run, run_with};
use serde_json::{Value, json};

#[test]
fn every_captured_packet_gives_its_truth() {
    let rows: Vec<Value> = std::fs::read_to_string(fixture("kernel/packets.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let lines: String =
        rows.iter().map(|row| format!("{}\n", row["line"].as_str().unwrap())).collect();
    let run = run_with("parse", &[], &[], lines.as_bytes());
    let objects = run.objects();
    assert_eq!((run.status, objects.len(), rows.len()), (0, 315, 315));
    assert_schema("parse", &objects);
    for (row, object) in rows.iter().zip(&objects) {
        let mut truth = row["truth"].clone();
        forget_unshown(&mut truth);
        assert_eq!(object["packet"], truth, "{}", row["case"]);
        let whole = truth.get("cut").is_none();
        assert_eq!(object["kind"], if whole { "packet" } else { "damaged" }, "{}", row["case"]);
    }
}

/// The truth knows more than the line shows in one respect: which extension header an `OPT ( )`
/// was.
fn forget_unshown(truth: &mut Value) {
    for header in truth.get_mut("ext").and_then(Value::as_array_mut).into_iter().flatten() {
        if ![44, 50, 51].map(Value::from).contains(&header["hdr"]) {
            header.as_object_mut().unwrap().remove("hdr");
        }
    }
    if let Some(nested) = truth.get_mut("nested") {
        forget_unshown(nested);
    }
}

#[test]
fn every_line_of_the_fixtures_gives_one_object_of_the_schema() {
    for (file, said) in [
        ("kernel/noise.log", ""),
        // The second half of a line that was divided.
        ("rep/envelopes.txt", "1 with a packet's or a container's text in a form"),
        ("rep/rep-lines.txt", ""),
    ] {
        let path = fixture(file);
        let text = std::fs::read(&path).unwrap();
        let lines = text.split_inclusive(|&b| b == b'\n').count();
        let Run { status, stdout, stderr } =
            run("parse", &["--year", "2017", path.to_str().unwrap()]);
        let objects: Vec<Value> =
            stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!((status, objects.len()), (0, lines), "{file}");
        assert!(stderr.contains(said) && stderr.is_empty() == said.is_empty(), "{file}: {stderr}");
        assert_schema("parse", &objects);
    }
}

#[test]
fn the_articles_line_is_the_contracts_example() {
    let object = &run("parse", &["--year=2017", &here("data/article.log")]).objects()[1];
    let mut head = object.clone();
    head.as_object_mut().unwrap().retain(|key, _| key != "packet");
    assert_eq!(
        head,
        json!({
            "line": 2, "kind": "packet", "time": "2017-06-16T23:18:38Z", "host": null, "job": "diego_cell",
            "index": "1", "instance": null, "uptime": "2681198.826158",
            "cf": {
                "verdict": "allowed", "plane": "asg", "direction": "egress", "subject": "container",
                "handle_prefix": "1f97ff6d-4517-43a0-5aef-f5915",
            },
        })
    );
}

#[test]
fn no_bytes_stop_it_and_no_line_is_lost() {
    let long = "x".repeat(70_000);
    let lines: [&[u8]; 8] = [
        b"\xff\xfd\x00 IN= OUT=",
        b"",
        b"{\"timestamp\":\"1498140002.833300412\",\"source\":\"rep\",\"message\":\"rep.x\",\"data\":{\"guid\":\"d08b",
        b"OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=6",
        b"{",
        b"[[[[[[",
        long.as_bytes(),
        b"last, without a line feed\r",
    ];
    let run = run_with("parse", &["-"], &[], &lines.join(&b'\n'));
    let objects = run.objects();
    let kinds: Vec<_> = objects.iter().map(|o| o["kind"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["damaged", "other", "damaged", "damaged", "damaged", "other", "other", "other"]
    );
    let numbers: Vec<_> = objects.iter().map(|o| o["line"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(objects[3]["packet"]["dst"], "8.8.8.8");
    assert_eq!(objects[3]["error"]["offset"], 89);
    assert_eq!(run.status, 1, "the end of the long line was skipped");
    assert_eq!(
        run.stderr,
        "asglog: not all lines count in full: 4 damaged (cut, split or malformed; the first is -:1), \
         1 longer than 64 KiB, or documents longer than 64 MiB (the end was skipped; the first is -:7); `asglog parse` shows them\n"
    );
    assert_schema("parse", &objects);
}

#[test]
fn compressed_logs_are_read_as_they_are() {
    let plain = std::fs::read(here("data/article.log")).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let expected = run_with("parse", &[], &[], &plain).stdout;
    for bytes in [gzip.finish().unwrap(), zstd::encode_all(&plain[..], 1).unwrap()] {
        assert_eq!(run_with("parse", &[], &[], &bytes).stdout, expected);
    }
}

#[test]
fn what_cannot_be_read_is_said_and_the_rest_is_read() {
    let good = here("data/article.log");
    let both = run("parse", &["no/such/file", &good]);
    assert_eq!((both.status, both.objects().len()), (1, 5));
    assert_eq!(both.objects()[0]["source"], good.as_str(), "several inputs are told apart");
    insta::assert_snapshot!(both.stderr, @"asglog: no/such/file: No such file or directory (os error 2)");
    let none = run("parse", &["no/such/file"]);
    assert_eq!((none.status, none.stdout.as_str()), (2, ""));
    insta::assert_snapshot!(none.stderr, @r"
    asglog: no/such/file: No such file or directory (os error 2)
    asglog: no log could be read
    ");
    let folder = run("parse", &[&here("data")]);
    assert_eq!((folder.status, folder.stderr.as_str()), (0, ""));
    assert!(folder.stdout.contains("data/foundation.log"), "a folder is the logs in it");
}

#[test]
fn wrong_options_say_what_is_right() {
    for (args, message) in [
        (
            &["--year", "17"][..],
            "asglog: --year takes a year from 1970 to 2261, and not `17` (see --help)\n",
        ),
        (
            &["--utc-offset", "CET"],
            "asglog: --utc-offset takes an offset such as +02:00 or -5, and not `CET` (see --help)\n",
        ),
        (&["--what"], "asglog: asglog parse has no option `--what` (see --help)\n"),
    ] {
        let Run { status, stdout, stderr } = run("parse", args);
        assert_eq!((status, stdout.as_str(), stderr.as_str()), (2, "", message));
    }
}

#[test]
fn help_has_examples() {
    let help = run("parse", &["--help"]);
    assert_eq!((help.status, help.stderr.as_str()), (0, ""));
    assert!(help.stdout.contains("\nExamples:\n"));
}

#[test]
fn a_line_of_several_records_is_one_object_and_an_odd_header_is_told() {
    let packet = "OK_d538d169-f2f6-4587-77b1-f IN=s-010255015007 OUT=eth0 SRC=10.255.15.7 DST=203.0.113.10 \
        LEN=28 TOS=0x00 PREC=0x00 TTL=63 ID=1 PROTO=2 ";
    let events: Vec<_> = (0..3)
        .map(|n| json!({"timestamp": 1_714_979_350_000_u64 + n, "message": format!("c-{n} $ {packet}")}))
        .collect();
    let several = json!({ "logEvents": events }).to_string();
    let forged = format!("2024-05-06T07:09:10Z web-1 sshd[7]: {packet}");
    let text = format!("{several}\n{forged}\n");
    let objects = run_with("parse", &[], &[], text.as_bytes()).objects();
    assert_schema("parse", &objects);
    assert_eq!(objects.len(), 2);
    let more = objects[0]["more"].as_array().unwrap();
    assert_eq!(more.len(), 2);
    for object in more.iter().chain([&objects[0]]) {
        assert_eq!(object["cf"]["handle_prefix"], "d538d169-f2f6-4587-77b1-f", "{object}");
        assert!(object["header_not_understood"]["offset"].is_u64(), "{object}");
    }
    assert_eq!(objects[1]["program"], "sshd");
}
