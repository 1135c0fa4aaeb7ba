//! `asglog correlate --format ecs|ocsf|otlp|cef|cim`.

use std::fmt::Write as _;
use std::fs;

#[path = "../../asg-core/tests/siem/check.rs"]
mod check;
mod common;

use asg_cc_client::embedded::{Foundation, Server};
use common::{CfHome, jwt, run, run_with};
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
fn the_rule_that_decided_is_in_the_records_of_explained_packets() {
    let story = asg_cli::program::demo::foundation();
    let token = jwt("cloud_controller.admin_read_only");
    let server = Server::start(Foundation { tokens: Vec::new(), ..story }.token(&token)).unwrap();
    let cf = CfHome::new(&server.url(), &format!("bearer {token}"));
    let run_as = |command: &str, args: &[&str]| run_with(command, args, &[cf.env()], b"");
    let log = common::here("data/foundation.log");
    let groups = common::here("data/groups.json");
    let args = ["-q", "--format", "ndjson", "--groups", &groups, "--cf", "--", &log];
    let explained = run_as("explain", &args);
    let objects = explained.objects();
    let is_sure = |it: &&Value| it["decided"] == "certain" && it["by"]["group"].is_string();
    let sure: Vec<_> = objects.iter().filter(is_sure).filter(|it| it["agrees"] == true).collect();
    for format in FORMATS {
        let args = ["-q", "--format", format, "--read-at", "2024-05-06T07:10:00Z"];
        let args = [&args[..], &["--groups", &groups, "--cf", "--", &log]].concat();
        let found = run_as("correlate", &args);
        assert_eq!(found.status, 0, "{format}: {}", found.stderr);
        for line in found.stdout.lines() {
            assert_eq!(problems(format, line), [""; 0], "{format}: {line}");
        }
        let marker = match format {
            "ecs" => "\"rule\":{",
            "ocsf" => "\"firewall_rule\":{",
            "otlp" => "security_rule.uuid",
            "cim" => "\"rule_id\":",
            _ => " cs1Label=rule",
        };
        let many = found.stdout.matches(marker).count();
        assert!(many > 0 && many <= sure.len(), "{format}: {many} of {}", sure.len());
        if format == "ecs" {
            for event in found.objects().iter().filter(|event| event["rule"].is_object()) {
                let line = &event["cf"]["asg"]["line"];
                let answer = sure.iter().find(|answer| answer["line"] == *line).unwrap();
                let (group, rule) = (&answer["by"]["group"], &answer["by"]["rule"]);
                let id = format!("{}/{rule}", group.as_str().unwrap());
                assert_eq!(event["rule"]["uuid"], id, "line {line}");
            }
        }
    }
    for (args, said) in [
        (&["--groups", &groups, "--", &log][..], "asglog explain has tables"),
        (&["--follow", "--format", "ecs", "--groups", &groups, "--", &log], "--follow"),
    ] {
        let found = run("correlate", args);
        assert_eq!(found.status, 2);
        assert!(found.stderr.contains(said), "{}", found.stderr);
    }
}

#[test]
fn destinations_have_the_names_that_the_caller_gives() {
    let folder = tempfile::tempdir().unwrap();
    let networks = folder.path().join("networks.csv");
    fs::write(&networks, "10.0.16.8,billing\n10.0.31.0/24,back ends\n").unwrap();
    let networks = networks.to_str().unwrap();
    let log = common::here("data/foundation.log");
    for format in FORMATS {
        let args = ["-q", "--format", format, "--read-at", "2024-05-06T07:10:00Z", &log];
        let plain = run("correlate", &args).stdout;
        let named = run("correlate", &[&["--networks", networks], &args[..]].concat());
        assert_eq!(named.status, 0, "{format}: {}", named.stderr);
        let [of_address, of_network] = match format {
            "ecs" => ["\"destination_name\":\"billing\"", "\"destination_name\":\"back ends\""],
            "ocsf" => ["\"name\":\"billing\"", "\"zone\":\"back ends\""],
            "otlp" => ["\"stringValue\":\"billing\"", "\"stringValue\":\"back ends\""],
            "cef" => ["cs1=billing cs1Label=destination name", "cs1=back ends cs1Label="],
            _ => ["\"cf_dest_name\":\"billing\"", "\"cf_dest_name\":\"back ends\""],
        };
        let count = |text: &str, what: &str| text.matches(what).count();
        assert_eq!([count(&plain, of_address), count(&plain, of_network)], [0, 0], "{format}");
        let found = [count(&named.stdout, of_address), count(&named.stdout, of_network)];
        assert_eq!(found, [1, 2], "{format}: {}", named.stdout);
        for line in named.stdout.lines() {
            assert_eq!(problems(format, line), [""; 0], "{format}: {line}");
        }
        let args = ["--follow", "--networks", networks, "-q", "--format", format, "-"];
        let log = fs::read(&log).unwrap();
        let followed = common::run_with("correlate", &args, &[], &log).stdout;
        assert_eq!(
            [count(&followed, of_address), count(&followed, of_network)],
            [1, 2],
            "{format}"
        );
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
    let labelled = run("demo", &["--format", "ecs", "--prefixes", "prefixes.csv"]);
    assert_eq!(labelled.status, 2);
    assert!(labelled.stderr.contains("--prefixes does not go with"), "{}", labelled.stderr);
    assert!(said.contains("--read-at goes with --format ecs, ocsf, otlp, cef or cim"), "{said}");
}

/// Writes a log with many packets, every seventh another firewall's.
fn mixed_log(path: &std::path::Path) -> (usize, usize) {
    let text = fs::read_to_string(common::here("data/foundation.log")).unwrap();
    let (mut log, mut own, mut foreign) = (text.clone(), 0, 0);
    let packets: Vec<_> = text.lines().filter(|line| line.contains(" SRC=")).collect();
    for n in 0..4_000 {
        let line = packets[n % packets.len()].replace(" ID=", &format!(" ID={}", n / 50 + 1));
        let uptime = format!("[{}.{:06}] ", 10_000 + n / 100, n);
        let (head, rest) = line.split_once("] [").unwrap();
        let (_, packet) = rest.split_once("] ").unwrap();
        // Runs of one cell are of any length.
        let head =
            if n * n % 997 < 40 { head.replace("0455ec2b", "1455ec2b") } else { head.into() };
        let packet = if n % 7 == 0 {
            foreign += 1;
            format!("DROP {}", &packet[packet.find("IN=").unwrap()..])
        } else {
            own += 1;
            packet.to_owned()
        };
        writeln!(log, "{head}] {uptime}{packet}").unwrap();
    }
    fs::write(path, log).unwrap();
    (own, foreign)
}

#[test]
fn lines_do_not_depend_on_the_number_of_threads_and_a_limit_counts_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mixed.log");
    let (own, foreign) = mixed_log(&path);
    let log = path.to_str().unwrap();
    assert!(fs::metadata(log).unwrap().len() > 3 << 18, "more than a piece for each thread");
    let records = |format: &str, text: &str| match format {
        "otlp" => text.matches("\"eventName\"").count(),
        _ => text.lines().count(),
    };
    for format in FORMATS {
        let written = |more: &[&str]| {
            let args = ["--format", format, "--read-at", "2024-05-06T07:10:00Z"];
            let run = run("correlate", &[&args[..], more, &["--", log]].concat());
            assert_eq!(run.status, 0, "{format} {more:?}: {}", run.stderr);
            (run.stdout, run.stderr)
        };
        let (all, said) = written(&["--threads", "1"]);
        assert!(records(format, &all) >= own, "{format}: {}", records(format, &all));
        assert!(said.contains(&format!("{foreign} packets of other firewalls")), "{said}");
        for threads in ["2", "5"] {
            assert!(written(&["--threads", threads]).0 == all, "{format}: {threads} threads");
        }
        for limit in [0, 5, 1_601, own + 1_000_000] {
            let more = ["--limit", &limit.to_string()];
            let (some, said) = written(&more);
            let expected = limit.min(records(format, &all));
            assert_eq!(records(format, &some), expected, "{format}, limit {limit}");
            if format != "otlp" {
                assert!(all.starts_with(&some), "{format}, limit {limit}");
            }
            let (on_five, said_five) = written(&[&more[..], &["--threads", "5"]].concat());
            assert!(on_five == some && said_five == said, "{format}, limit {limit}: {said}");
        }
    }
}
