//! `--flows FILE`: flows that were saved before.

use std::fs;

mod common;

use common::run;

/// Returns the flows of the demonstration, saved in both forms.
fn saved(folder: &std::path::Path) -> Vec<String> {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let mut all = vec![path("flows.ndjson")];
    if cfg!(feature = "parquet") {
        all.push(path("flows.parquet"));
    }
    for path in &all {
        let made = run("demo", &["--output", path]);
        assert_eq!(made.status, 0, "{}", made.stderr);
    }
    all
}

#[test]
fn answers_from_saved_flows_are_those_of_the_logs() {
    let folder = tempfile::tempdir().unwrap();
    let columns = "time,source,line,verdict,proto,src,spt,dst,dpt,certainty,reason,handle,app_name,flags,uptime_us";
    let wanted = run("demo", &["--format", "csv", "--columns", columns]).stdout;
    assert!(wanted.lines().count() > 10);
    for path in saved(folder.path()) {
        let flows = ["--flows", &path];
        let csv = [&["--format", "csv", "--columns", columns][..], &flows].concat();
        assert_eq!(run("correlate", &csv).stdout, wanted, "{path}");
        let top = run("top", &[&["--format", "ndjson"][..], &flows].concat());
        assert!(top.stdout.contains("storefront"), "{path}: {} {}", top.stdout, top.stderr);
        let denied = [&["--where", "verdict=denied", "--format", "ndjson"][..], &flows].concat();
        let denied = run("correlate", &denied);
        assert!(denied.stderr.contains("saved flows keep no other ends of packets"), "{path}");
        let denied = denied.objects();
        assert!(denied.len() > 1 && denied.iter().all(|flow| flow["verdict"] == "denied"));
        let table = run("correlate", &flows).stdout;
        assert!(table.contains("storefront"), "{path}: {table}");
        for command in ["timeline", "episodes"] {
            let ended = run(command, &flows);
            assert_eq!(ended.status, 0, "{command} {path}: {}", ended.stderr);
            assert!(ended.stdout.lines().count() > 1, "{command} {path}");
        }
    }
}

#[test]
fn other_files_and_other_sources_are_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("kern.log");
    fs::write(&log, "{\"verdict\":\"allowed\"}\n").unwrap();
    let log = log.to_str().unwrap();
    let ended = run("correlate", &["--flows", log]);
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.contains("kern.log:1 is no flow of ours"), "{}", ended.stderr);
    let ended = run("correlate", &["--flows", log, log]);
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.contains("--flows does not go with LOG"), "{}", ended.stderr);
    let ended = run("top", &["--flows", "no/such/file"]);
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.contains("no/such/file"), "{}", ended.stderr);
    // A line of a log that looks like a flow never becomes one.
    let line = run("demo", &["--format", "ndjson"]).stdout;
    let path = folder.path().join("app.log");
    fs::write(&path, line).unwrap();
    let flows = run("correlate", &["--format", "ndjson", path.to_str().unwrap()]).stdout;
    assert_eq!(flows, "");
}
