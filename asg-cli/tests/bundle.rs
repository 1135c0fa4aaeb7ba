//! `asglog bundle` and `asglog verify`: what goes in, what they print, and how they end.

mod common;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use asg_cc_client::embedded::{Foundation, Server};
use common::{CfHome, Run, here, jwt, run, run_with};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

const STOREFRONT: &str = "bc6f229d-5e4a-4c41-a63f-e8795496c283";

fn log() -> String {
    fs::read_to_string(here("data/foundation.log")).unwrap()
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

/// Returns a member of a bundle. Members lie in it as they are.
fn member(bundle: &str, name: &str) -> String {
    let mut zip = zip::ZipArchive::new(fs::File::open(bundle).unwrap()).unwrap();
    std::io::read_to_string(zip.by_name(name).unwrap()).unwrap()
}

fn manifest(bundle: &str) -> Value {
    serde_json::from_str(&member(bundle, "manifest.json")).unwrap()
}

fn sha256(file: &str) -> Option<String> {
    let run = Command::new("sha256sum").arg(file).output().ok()?;
    let text = String::from_utf8(run.stdout).unwrap();
    Some(text.split(' ').next().unwrap().to_owned())
}

fn verified(bundle: &str) -> Run {
    let verified = run("verify", &[bundle]);
    assert_eq!(verified.status, 0, "{}{}", verified.stdout, verified.stderr);
    verified
}

#[test]
fn names_rules_ledgers_folders_and_compressed_logs_go_in() {
    let story = asg_cli::program::demo::foundation();
    let token = jwt("cloud_controller.admin_read_only");
    let server = Server::start(Foundation { tokens: Vec::new(), ..story }.token(&token)).unwrap();
    let cf = CfHome::new(&server.url(), &format!("bearer {token}"));
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    // The kernel's lines are compressed, in a folder; rep's are in a ledger.
    let text = log();
    let (kernel, rep): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.contains(" kernel "));
    fs::create_dir(at.join("logs")).unwrap();
    let gz = path(at, "logs/kern.log.1.gz");
    let mut file = GzEncoder::new(fs::File::create(&gz).unwrap(), Compression::fast());
    file.write_all(kernel.join("\n").as_bytes()).unwrap();
    file.finish().unwrap();
    fs::write(at.join("rep.log"), rep.join("\n")).unwrap();
    let ledger = path(at, "cells.ledger");
    let built = Command::new(common::ASGLOG)
        .args(["ledger", "build", "-o", &ledger, &path(at, "rep.log")])
        .output()
        .unwrap();
    assert!(built.status.success());

    let case = path(at, "case.zip");
    let groups = here("data/groups.json");
    let args = [
        "--app",
        STOREFRONT,
        "--from",
        "2024-05-06",
        "--to",
        "2024-05-07",
        "--cf",
        "--ledger",
        &ledger,
        "--groups",
        &groups,
        "-o",
        &case,
        "--",
        &path(at, "logs"),
    ];
    let made = run_with("bundle", &args, &[cf.env()], b"");
    assert_eq!(made.status, 0, "{}", made.stderr);
    assert!(made.stderr.contains("4 packets: 4 unique prefix"), "{}", made.stderr);
    let manifest = manifest(&case);
    assert_eq!(manifest["question"]["from"], "2024-05-06T00:00:00Z");
    let of = |name: &str| {
        let files = manifest["files"].as_array().unwrap();
        files.iter().find(|file| file["name"] == name).unwrap_or_else(|| panic!("no {name}"))
    };
    let size = |name: &str| fs::metadata(name).unwrap().len();
    for name in [&gz, &ledger, &groups] {
        assert_eq!(of(name)["bytes"], size(name));
        if let Some(sum) = sha256(name) {
            assert_eq!(of(name)["sha256"], *sum, "{name}");
        }
    }
    let answers = member(&case, "answers.ndjson");
    assert!(answers.contains("\"name\":\"storefront\""), "{answers}");
    assert!(answers.contains("cells.ledger"), "{answers}");
    assert_eq!(member(&case, "explanations.ndjson").lines().count(), 4);
    let verified = verified(&case);
    for said in ["answers     4 of 4 hold", "reasons     4 of 4 hold", "none was changed"] {
        assert!(verified.stdout.contains(said), "{}", verified.stdout);
    }
    // The digest that was printed is the file's, and verify prints it, too.
    let digest = made.stdout.split("  ").next().unwrap();
    assert!(verified.stdout.contains(digest), "{}", verified.stdout);
    if let Some(sum) = sha256(&case) {
        assert_eq!(made.stdout, format!("{sum}  {case}\n"));
    }
    let objects = run("verify", &["--format", "ndjson", &case]).objects();
    assert_eq!(objects.len(), 8);
    assert!(objects.iter().all(|object| object["holds"] == true), "{objects:?}");
}

#[test]
fn logs_without_a_year_or_a_zone_and_from_pipes_are_answered_alike() {
    let folder = tempfile::tempdir().unwrap();
    let case = path(folder.path(), "case.zip");
    let text = fs::read(here("data/article.log")).unwrap();
    let args = ["--year", "2017", "--utc-offset", "+02:00", "-o", &case, "-"];
    let made = run_with("bundle", &args, &[], &text);
    assert_eq!(made.status, 0, "{}", made.stderr);
    let manifest = manifest(&case);
    assert_eq!(manifest["options"]["year"], "2017");
    assert_eq!(manifest["files"][0]["bytes"], text.len());
    let flows =
        ["--format", "ndjson", "--flow-id", "--year", "2017", "--utc-offset", "+02:00", "-"];
    let flows = run_with("correlate", &flows, &[], &text);
    assert_eq!(member(&case, "answers.ndjson"), flows.stdout);
    verified(&case);
}

#[test]
fn a_question_without_packets_is_said_to_prove_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let case = path(folder.path(), "case.zip");
    let made = run("bundle", &["--app", "nobody", "-o", &case, &here("data/foundation.log")]);
    assert_eq!(made.status, 0);
    assert!(made.stderr.contains("no packet is in question"), "{}", made.stderr);
    let verified = verified(&case);
    assert!(verified.stdout.contains("answers     0 of 0 hold"), "{}", verified.stdout);
    assert!(verified.stderr.contains("proves no absence"), "{}", verified.stderr);
}

#[test]
fn what_the_logs_lack_is_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let name = path(folder.path(), "kern.log");
    let header = "<4>1 2024-05-06T07:09:30.000000+00:00 10.0.16.15 kernel - - [instance@47450 director=\"\" \
                  deployment=\"cf\" group=\"diego-cell\" az=\"z1\" id=\"0455ec2b-11fa-41ab-9d1c-f3a575cd55ea\"]";
    let note = format!("{header} [  657.000000] net_ratelimit: 12 callbacks suppressed\n");
    fs::write(&name, log() + &note).unwrap();
    let case = path(folder.path(), "case.zip");
    assert_eq!(run("bundle", &["--app", STOREFRONT, "-o", &case, &name]).status, 0);
    let said = verified(&case).stdout;
    assert!(
        said.contains("0455ec2b-11fa-41ab-9d1c-f3a575cd55ea: at least 12 lines dropped"),
        "{said}"
    );
}

#[test]
fn a_changed_file_and_what_is_no_bundle_have_a_sentence_and_status_2() {
    let folder = tempfile::tempdir().unwrap();
    let case = path(folder.path(), "case.zip");
    let log = here("data/foundation.log");
    assert_eq!(run("bundle", &["--app", STOREFRONT, "-o", &case, &log]).status, 0);
    let mut bytes = fs::read(&case).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&case, bytes).unwrap();
    let missing = path(folder.path(), "nowhere.zip");
    for (file, said) in
        [(&case, "does not verify"), (&log, "it is no zip archive"), (&missing, "nowhere.zip")]
    {
        let run = run("verify", &[file]);
        assert_eq!(run.status, 2, "{file}");
        assert!(run.stderr.contains(said), "{file}: {}", run.stderr);
    }
    for (command, args, said) in [
        ("bundle", &["--app", "x", &log][..], "give --output FILE.zip"),
        ("verify", &[], "takes one file"),
        ("bundle", &["--from", "noon", "-o", &case, &log], "--from takes a time"),
    ] {
        let run = run(command, args);
        assert_eq!(run.status, 2, "{command} {args:?}");
        assert!(run.stderr.contains(said), "{}", run.stderr);
    }
}

#[test]
fn lines_inside_of_json_go_in_alone_and_documents_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let lines = log();
    let wrapped: String = lines
        .lines()
        .map(|line| serde_json::json!({ "log": line, "stream": "stdout" }).to_string() + "\n")
        .collect();
    let document = lines.lines().map(|line| serde_json::json!({ "message": line }));
    let document = serde_json::json!({ "logEvents": document.collect::<Vec<_>>() }).to_string();
    let (one, all) = (path(at, "docker.log"), path(at, "export.json"));
    fs::write(&one, wrapped).unwrap();
    fs::write(&all, document).unwrap();

    let bundle = path(at, "one.zip");
    let made = run("bundle", &["--app", STOREFRONT, "-o", &bundle, &one]);
    assert_eq!(made.status, 0, "{}", made.stderr);
    verified(&bundle);
    let kept = member(&bundle, "lines/0001.txt");
    let packets = |text: &str| text.matches("DST=").count();
    assert!((1..packets(&lines)).contains(&packets(&kept)), "{kept}");
    let answers = member(&bundle, "answers.ndjson");
    assert_eq!(packets(&kept), answers.lines().count(), "no other packet is in it");

    let bundle = path(at, "all.zip");
    let refused = run("bundle", &["--app", STOREFRONT, "-o", &bundle, &all]);
    assert_eq!(refused.status, 2, "{}", refused.stdout);
    let what = "export.json:1 is one document about these packets and others, and cannot be divided: give --whole";
    assert!(refused.stderr.contains(what), "{}", refused.stderr);
    assert!(!Path::new(&bundle).exists());
    let whole = run("bundle", &["--app", STOREFRONT, "--whole", "-o", &bundle, &all]);
    assert_eq!(whole.status, 0, "{}", whole.stderr);
    verified(&bundle);
}
