//! `--networks` names destinations, and `--prefixes` gives verdicts to other firewalls, in every
//! output.

mod common;

use std::fs;

use common::{assert_schema, here, run, run_with};

const UFW: &str = "2024-05-06T07:09:10.581301+00:00 web-1 kernel: [  637.581122] [UFW BLOCK] IN=eth0 OUT= \
    MAC=4e:b7:a4:74:e2:45:0a:5a:66:81:1f:1d:08:00 SRC=203.0.113.9 DST=10.0.16.10 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF \
    PROTO=TCP SPT=51858 DPT=22 WINDOW=27400 RES=0x00 SYN URGP=0 \n";

struct Files {
    folder: tempfile::TempDir,
    log: String,
}

impl Files {
    fn new() -> Self {
        let (folder, log) = (tempfile::tempdir().unwrap(), here("data/foundation.log"));
        let files = Self { folder, log };
        files.put("networks.csv", "network,name\n10.0.0.0/8,corp\n10.0.16.8,billing\n203.0.113.0/24,\"partner, \u{1b}[31m\"\n");
        files.put("networks.json", r#"[{"network":"10.0.0.0/8","name":"corp"},{"network":"10.0.16.8/32","name":"billing"}]"#);
        files.put("prefixes.csv", "[UFW BLOCK],denied\n[UFW ALLOW],allowed\n");
        files.put("ufw.log", UFW);
        files
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn shown(&self, command: &str, args: &[&str]) -> String {
        let networks = self.path("networks.csv");
        let run = run(command, &[&["-q", "--networks", &networks], args, &[&self.log]].concat());
        assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{args:?}");
        run.stdout
    }
}

#[test]
fn the_smallest_network_names_a_destination_in_every_output() {
    let files = Files::new();
    let table = files.shown("correlate", &[]);
    assert!(table.contains("→  billing:443 TCP"), "{table}");
    assert!(table.contains("→  10.0.31.12:3306 TCP (corp)"), "{table}");
    assert!(table.contains(r"(partner, \u{1b}[31m)") && !table.contains('\u{1b}'), "{table}");
    let narrow = files.shown("correlate", &["--width", "80"]);
    assert!(narrow.contains("billing:443 TCP"), "{narrow}");
    let top = files.shown("top", &["--by", "destination"]);
    assert!(top.contains("DST_NAME") && top.contains("billing"), "{top}");
    let summary = files.shown("correlate", &["--format", "summary"]);
    assert!(summary.contains("DESTINATION\n") && summary.contains("corp"), "{summary}");
    let csv = files.shown("correlate", &["--format", "csv", "--columns", "destination"]);
    assert!(csv.starts_with("dst,dst_name,dpt,proto\n") && csv.contains("10.0.16.8,billing,443"));
    let parsed = files.shown("parse", &["--where", "dst_name=billing"]);
    assert_eq!(parsed.lines().count(), 1);
    let found = files.shown("correlate", &["--where", "dst_name=billing", "--columns", "dst,dpt"]);
    assert!(found.contains("10.0.16.8"), "{found}");
}

#[test]
fn objects_have_the_name_and_stay_as_the_schema_has_them() {
    let files = Files::new();
    let networks = files.path("networks.json");
    let args = ["--format", "ndjson", "--networks", &networks, &files.log];
    let flows = run("correlate", &args).objects();
    assert_schema("correlate", &flows);
    let named: Vec<_> = flows.iter().filter_map(|flow| flow["dst_name"].as_str()).collect();
    assert_eq!(named.iter().filter(|name| **name == "billing").count(), 1);
    assert!(named.len() < flows.len(), "without a name there is no member");
    let without = run("correlate", &["--format", "ndjson", &files.log]).objects();
    for (mut flow, plain) in flows.into_iter().zip(without) {
        flow.as_object_mut().unwrap().remove("dst_name");
        assert_eq!(flow, plain);
    }
}

#[test]
fn explanations_have_the_name_and_stay_as_the_schema_has_them() {
    let files = Files::new();
    let (networks, groups) = (files.path("networks.csv"), here("data/groups.json"));
    let args = ["-q", "--format", "ndjson", "--groups", &groups, "--", &files.log];
    let plain = run("explain", &args).objects();
    let named = run("explain", &[&["--networks", &networks], &args[..]].concat()).objects();
    assert_schema("explain", &named);
    let name = |flow: &&serde_json::Value| flow["dst_name"] == "billing";
    assert_eq!(named.iter().filter(name).count(), 1);
    for (mut flow, plain) in named.into_iter().zip(plain) {
        flow.as_object_mut().unwrap().remove("dst_name");
        assert_eq!(flow, plain);
    }
}

#[test]
fn logs_that_are_followed_have_the_names_and_verdicts() {
    let files = Files::new();
    let (networks, prefixes) = (files.path("networks.csv"), files.path("prefixes.csv"));
    let log = fs::read_to_string(&files.log).unwrap() + UFW;
    let labels = ["-q", "--networks", &networks, "--prefixes", &prefixes];
    let follow = |args: &[&str]| {
        let args = [&["--follow"], &labels[..], args, &["-"]].concat();
        let run = run_with("correlate", &args, &[], log.as_bytes());
        assert_eq!(run.status, 0, "{}", run.stderr);
        run
    };
    let followed = follow(&["--format", "ndjson"]).objects();
    assert_schema("correlate", &followed);
    files.put("all.log", &log);
    let all = files.path("all.log");
    let finished =
        run("correlate", &[&labels[..], &["--format", "ndjson", &all]].concat()).objects();
    let labels = |flows: &[serde_json::Value]| {
        let of = |flow: &serde_json::Value| {
            [&flow["line"], &flow["verdict"], &flow["dst_name"]].map(ToString::to_string)
        };
        let mut labels: Vec<_> = flows.iter().map(of).collect();
        labels.sort();
        labels
    };
    assert_eq!(labels(&followed), labels(&finished));
    assert!(followed.iter().any(|flow| flow["dpt"] == 22 && flow["verdict"] == "denied"));
    let table = follow(&[]).stdout;
    assert!(table.contains("→  billing:443 TCP") && table.contains("(corp)"), "{table}");
    let chosen = follow(&["--where", "dst_name=billing", "--format", "ndjson"]).objects();
    assert_eq!(chosen.len(), 1);
}

#[test]
fn prefixes_of_other_firewalls_have_the_verdicts_that_the_caller_gives() {
    let files = Files::new();
    let (log, prefixes) = (files.path("ufw.log"), files.path("prefixes.csv"));
    let with = |command: &str, args: &[&str]| {
        let run = run(command, &[&["-q", "--prefixes", &prefixes], args, &[&log]].concat());
        assert_eq!(run.status, 0, "{}", run.stderr);
        run
    };
    let flows = with("correlate", &["--format", "ndjson"]).objects();
    assert_schema("correlate", &flows);
    assert_eq!(flows[0]["verdict"], "denied");
    assert!(with("correlate", &[]).stdout.contains("  denied  "));
    assert!(
        with("correlate", &["--format", "csv", "--columns", "verdict"])
            .stdout
            .ends_with("denied\n")
    );
    assert_eq!(
        with("correlate", &["--format", "ndjson", "--where", "verdict=denied"]).objects().len(),
        1
    );
    let top = with("top", &["--by", "src", "--format", "ndjson"]).objects();
    assert_eq!((&top[0]["allowed"], &top[0]["denied"]), (&0.into(), &1.into()));
    let plain = run("correlate", &["-q", "--format", "ndjson", &log]).objects();
    assert_eq!(plain[0]["verdict"], serde_json::Value::Null);
}

#[test]
fn a_wrong_file_is_named_with_its_row() {
    let files = Files::new();
    files.put("wrong.csv", "10.0.0.0/8,corp\n10.0.0.0/99,x\n");
    files.put("verdict.csv", "[UFW BLOCK],deny\n");
    for (option, file, why) in [
        ("--networks", "wrong.csv", "wrong.csv: row 2:"),
        ("--networks", "none.csv", "No such file"),
        ("--prefixes", "verdict.csv", "did you mean `denied`?"),
    ] {
        let run = run("correlate", &[option, &files.path(file), &files.log]);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{file}");
        assert!(run.stderr.contains(why), "{file}: {}", run.stderr);
    }
}
