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

#[test]
fn the_order_of_the_arguments_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let text = log();
    let (kernel, rep): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.contains(" kernel "));
    let names = ["b-kern.log", "a-rep.log", "c-both.log"].map(|name| path(at, name));
    fs::write(&names[0], kernel.join("\n")).unwrap();
    fs::write(&names[1], rep.join("\n")).unwrap();
    fs::write(&names[2], text).unwrap();
    let ledgers = ["y.ledger", "x.ledger"].map(|name| path(at, name));
    for (ledger, log) in ledgers.iter().zip(&names) {
        let built =
            Command::new(common::ASGLOG).args(["ledger", "build", "-o", ledger, log]).output();
        assert!(built.unwrap().status.success());
    }
    let case = path(at, "case.zip");
    let digest = |names: &[&String], ledgers: [&String; 2]| {
        let fixed = [
            "--app", STOREFRONT, "--ledger", ledgers[0], "--ledger", ledgers[1], "-o", &case, "--",
        ];
        let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        let made = run("bundle", &[&fixed[..], &names].concat());
        assert_eq!(made.status, 0, "{}", made.stderr);
        verified(&case);
        made.stdout
    };
    let [b, a, c] = &names;
    let first = digest(&[b, a, c], [&ledgers[0], &ledgers[1]]);
    let sources = manifest(&case)["sources"].clone();
    let listed: Vec<_> =
        sources.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(listed, [a, b, c]);
    for order in [[a, b, c], [c, b, a], [a, c, b]] {
        assert_eq!(digest(&order, [&ledgers[1], &ledgers[0]]), first, "{order:?}");
    }
    // A log that is given twice is there twice.
    assert_ne!(digest(&[a, a, b, c], [&ledgers[0], &ledgers[1]]), first);
}

#[test]
fn documents_about_one_container_and_others_go_in_reduced() {
    const OWN: &str = "bfce786c-ab07-40ad-79f9-8f21";
    const OTHER: &str = "c4a9d3e5-7f10-4b26-4d81-e2f6";
    const OTHERS_APP: &str = "a3f5e7d9-1b2c-4d3e-8f40-516273849a5b";
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    // Of the log only the packets: the documents alone show whose they are.
    let packets: Vec<_> =
        log().lines().filter(|line| line.contains(" SRC=")).map(str::to_owned).collect();
    let entry = |handle: &str, ip: &str, app: &str| {
        format!(
            r#""{handle}":{{"handle":"{handle}","ip":"{ip}","metadata":{{"app_id":"{app}","space_id":"0b1c2d3e-4f50-4617-8a29-3b4c5d6e7f80"}}}}"#
        )
    };
    let own = entry(OWN, "10.255.73.3", STOREFRONT);
    let other = entry(OTHER, "10.255.73.6", OTHERS_APP);
    // Silk's store of the cell, and the same from another day, with other neighbours and indented.
    let third = entry(
        "90b8f1a2-63d4-4e57-5c8e-7f19",
        "10.255.73.5",
        "6f4e3d2c-1b0a-4998-b776-655443322110",
    );
    let later: Value = serde_json::from_str(&format!("{{{own},{third}}}")).unwrap();
    let names = ["kern.log", "store.json", "store-later.json"].map(|name| path(at, name));
    fs::write(&names[0], packets.join("\n")).unwrap();
    fs::write(&names[1], format!("{{{other},{own}}}\n")).unwrap();
    fs::write(&names[2], serde_json::to_string_pretty(&later).unwrap()).unwrap();
    let case = path(at, "case.zip");
    let args = ["--app", STOREFRONT, "-o", &case, "--", &names[0], &names[1], &names[2]];
    let made = run("bundle", &args);
    assert_eq!(made.status, 0, "{}", made.stderr);
    let extracts = member(&case, "extracts.ndjson");
    let objects: Vec<Value> =
        extracts.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // One fact of each document, cited where it stood.
    assert_eq!(objects.len(), 2, "{extracts}");
    for object in &objects {
        assert_eq!((&object["handle"], &object["app"]), (&OWN.into(), &STOREFRONT.into()));
    }
    let answers = member(&case, "answers.ndjson");
    let cited = ["store.json", "store-later.json"].iter().filter(|name| answers.contains(**name));
    assert!(answers.lines().count() > 1 && cited.count() > 0, "{answers}");
    let bytes = fs::read(&case).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    for secret in [OTHERS_APP, "6f4e3d2c-1b0a-4998-b776-655443322110"] {
        assert!(!text.contains(secret), "{secret}");
    }
    verified(&case);
    // One document less makes another bundle, and the answers stay.
    let args = ["--app", STOREFRONT, "-o", &case, "--", &names[0], &names[1]];
    assert_eq!(run("bundle", &args).status, 0);
    let fewer = member(&case, "answers.ndjson");
    assert_eq!(answers.lines().count(), fewer.lines().count());
    verified(&case);
}

#[test]
fn logs_of_several_kinds_need_no_whole_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let case = path(folder.path(), "case.zip");
    let fixture = |name: &str| here(&format!("../asg-core/fixtures/{name}"));
    for (app, logs) in [
        // Stamps without a zone, and lines of other logs that show one.
        ("10.254.0.10", ["kernel/transports/dmesg-ctime-T.log", "rep/rep-lines.txt"]),
        (
            STOREFRONT,
            ["kernel/transports/dmesg-ctime-T.log", "truth/c1-db-vm-called-silent-cell/a.log"],
        ),
        ("d08bb414", ["kernel/transports/dmesg-ctime-T.log", "truth/z1-local-time-needless/a.log"]),
        // A prefix that may be a handle's, and is an app's.
        (STOREFRONT, ["kernel/transports/proc-kmsg.log", "truth/g3-logger-names-another/a.log"]),
    ] {
        let logs = logs.map(fixture);
        let made = run("bundle", &["--app", app, "-o", &case, "--", &logs[0], &logs[1]]);
        assert_eq!(made.status, 0, "{app} {logs:?}: {}", made.stderr);
        assert!(manifest(&case)["packets"].as_u64() > Some(0), "{app} {logs:?}");
        verified(&case);
    }
}
