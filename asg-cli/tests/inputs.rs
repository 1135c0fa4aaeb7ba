//! Logs as they are found: folders, archives of `bosh logs`, compressed files, and files that are
//! not logs.

use std::fs;
use std::path::Path;

mod common;
#[path = "common/pack.rs"]
mod pack;

use common::{Run, here, run, run_with};
use pack::{gzip, tar, zip};

/// Returns the files of one cell: rep's log, and the kernel's in two parts; logrotate has
/// compressed the older one.
fn cell(number: usize) -> Vec<(String, Vec<u8>)> {
    let log = fs::read_to_string(here("data/foundation.log")).unwrap();
    let log = log
        .replace("0455ec2b", &format!("{number}455ec2b"))
        .replace("10.0.16.15", &format!("10.0.16.1{number}"));
    let part = |is_rep: bool| -> Vec<&str> {
        log.lines().filter(|line| line.contains(" rep ") == is_rep).collect()
    };
    let text = |lines: &[&str]| format!("{}\n", lines.join("\n")).into_bytes();
    let (rep, kernel) = (part(true), part(false));
    let (old, new) = kernel.split_at(3);
    vec![
        ("rep/rep.stdout.log".to_owned(), text(&rep)),
        ("var/log/kern.log".to_owned(), text(new)),
        ("var/log/kern.log.2.gz".to_owned(), gzip(&text(old))),
    ]
}

/// Returns the name that `bosh logs` gives the archive of a cell.
fn name(number: usize) -> String {
    format!("diego-cell.{number}455ec2b-11fa-41ab-9d1c-f3a575cd55ea.2026-11-29-11-00-0{number}")
}

fn write_all(folder: &Path, files: &[(String, Vec<u8>)]) {
    for (path, bytes) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn correlate(args: &[&str]) -> Run {
    run("correlate", &[&["--format", "ndjson"][..], args].concat())
}

/// Flows in any order, with names of sources as the folder has them.
fn flows(run: &Run, outer: &str) -> Vec<String> {
    assert_eq!(run.status, 0, "{}", run.stderr);
    let text = run.stdout.replace(&format!("{outer}:"), "").replace(&format!("{outer}/"), "");
    let mut lines: Vec<_> = text.replace(".tgz:", "/").lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn the_archive_of_one_instance_gives_what_the_folder_gives() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    write_all(&folder.path().join("cell"), &cell(1));
    let mut files = cell(1);
    fs::write(at("cell.tgz"), gzip(&tar(&files))).unwrap();
    fs::write(at("cell.zip"), zip(&files)).unwrap();
    files.reverse();
    // The ending means nothing.
    fs::write(at("cell.txt"), tar(&files)).unwrap();
    let expected = flows(&correlate(&[&at("cell")]), &at("cell"));
    assert_eq!(expected.len(), 9);
    assert!(expected.iter().all(|flow| flow.contains("var/log/kern.log")));
    let known = expected.iter().filter(|flow| flow.contains("unique_prefix")).count();
    assert_eq!(known, 7);
    for archive in ["cell.tgz", "cell.zip", "cell.txt"] {
        assert_eq!(flows(&correlate(&[&at(archive)]), &at(archive)), expected, "{archive}");
    }
    // Through a pipe, and with any number of threads.
    let bytes = fs::read(at("cell.tgz")).unwrap();
    let piped = run_with("correlate", &["--format", "ndjson", "-"], &[], &bytes);
    assert_eq!(flows(&piped, "-"), expected);
    for threads in ["1", "4"] {
        let found = correlate(&["--threads", threads, &at("cell.tgz")]);
        assert_eq!(flows(&found, &at("cell.tgz")), expected);
    }
}

#[test]
fn the_archive_of_three_archives_gives_what_the_folder_gives() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let cells: Vec<_> =
        (1..4).map(|n| (format!("{}.tgz", name(n)), gzip(&tar(&cell(n))))).collect();
    fs::write(at("all.tgz"), gzip(&tar(&cells))).unwrap();
    for n in 1..4 {
        write_all(&folder.path().join("all").join(name(n)), &cell(n));
    }
    let expected = flows(&correlate(&[&at("all")]), &at("all"));
    assert_eq!(expected.len(), 27);
    assert_eq!(flows(&correlate(&[&at("all.tgz")]), &at("all.tgz")), expected);
    // A folder of archives.
    write_all(&folder.path().join("tgz"), &cells);
    assert_eq!(flows(&correlate(&[&at("tgz")]), &at("tgz")), expected);
    // Other outputs go the same way.
    for format in ["summary", "csv", "table"] {
        let text = |path: &str| {
            let found = run("correlate", &["--format", format, &at(path)]);
            let outer = [format!("{}:", at(path)), format!("{}/", at(path))];
            let text = outer.iter().fold(found.stdout, |text, outer| text.replace(outer, ""));
            text.replace(".tgz:", "/")
        };
        assert_eq!(text("all.tgz"), text("all"), "{format}");
    }
    let parse = |path: &str| run("parse", &[&at(path)]).objects().len();
    assert_eq!(parse("all.tgz"), parse("all"));
    let who = |path: &str| run("who", &["bfce786c-ab07-40ad-79f9-8", &at(path)]).stdout;
    assert!(who("all.tgz").contains("bfce786c-ab07-40ad-79f9-8"));
}

#[test]
fn the_name_of_an_instances_archive_names_the_machine_of_lines_that_name_none() {
    const PACKET: &str = "OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=60 \
        TOS=0x00 PREC=0x00 TTL=63 ID=7 DF PROTO=TCP SPT=1 DPT=2 WINDOW=27400 RES=0x00 SYN URGP=0 ";
    let folder = tempfile::tempdir().unwrap();
    let bare = |n: usize| format!("[    {n}.000001] {PACKET}\n").into_bytes();
    let named =
        format!("2024-05-06T07:09:10Z cell-7 kernel: [    9.000001] {PACKET}\n").into_bytes();
    let archive = |files: Vec<(&str, Vec<u8>)>| {
        let files: Vec<_> = files.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
        gzip(&tar(&files))
    };
    let one = archive(vec![("./var/log/dmesg", bare(1)), ("./var/log/kern.log", named)]);
    let two = archive(vec![("./var/log/dmesg", bare(2))]);
    let names = [1, 2].map(|n| format!("./{}.tgz", name(n)));
    let other = archive(vec![("dmesg", bare(3))]);
    let all = vec![(&*names[0], one), (&*names[1], two), ("./dmesg.2026-11-29.tgz", other)];
    let all = archive(all);
    let path = folder.path().join("cf.tgz");
    fs::write(&path, all).unwrap();
    let flows = correlate(&[path.to_str().unwrap()]).objects();
    let cell = |uptime: &str| {
        let flow = flows.iter().find(|flow| flow["uptime"] == uptime).unwrap();
        flow["cell"].as_str().map(str::to_owned)
    };
    let id = |n: usize| Some(format!("{n}455ec2b-11fa-41ab-9d1c-f3a575cd55ea"));
    assert_eq!(cell("1.000001"), id(1));
    assert_eq!(cell("2.000001"), id(2));
    assert_eq!(cell("9.000001").as_deref(), Some("cell-7"), "a line's own name counts");
    assert_eq!(cell("3.000001"), None, "other names say nothing");
}

#[test]
fn what_cannot_be_read_in_a_folder_or_an_archive_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let mut files = cell(1);
    files.push(("core".to_owned(), b"\x7fELF\x02\x01\x01\0".to_vec()));
    files.push(("journal".to_owned(), b"LPKSHHRH\0\0\0\0".to_vec()));
    files.push(("broken.tgz".to_owned(), gzip(&tar(&cell(2)))[..200].to_vec()));
    fs::write(at("cell.tgz"), gzip(&tar(&files))).unwrap();
    write_all(&folder.path().join("cell"), &files);
    for path in ["cell", "cell.tgz"] {
        let found = correlate(&[&at(path)]);
        assert_eq!((found.status, found.stdout.lines().count()), (1, 9), "{}", found.stderr);
        for name in ["core: it is a program", "journal: it is a journal", "broken.tgz"] {
            assert!(found.stderr.contains(name), "{name}: {}", found.stderr);
        }
    }
    // Nothing else is there.
    let only = folder.path().join("only");
    fs::create_dir(&only).unwrap();
    fs::write(only.join("core"), b"\x7fELF\x02\x01\x01\0").unwrap();
    let found = correlate(&[only.to_str().unwrap()]);
    assert_eq!(found.status, 2);
    assert!(found.stderr.contains("no log could be read"), "{}", found.stderr);
}

#[cfg(unix)]
#[test]
fn entries_of_a_folder_that_cannot_be_opened_are_named() {
    let folder = tempfile::tempdir().unwrap();
    write_all(folder.path(), &cell(1));
    std::os::unix::fs::symlink("nowhere", folder.path().join("gone.log")).unwrap();
    // A link that leads back is followed once.
    std::os::unix::fs::symlink("..", folder.path().join("rep/up")).unwrap();
    drop(std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap());
    let path = folder.path().to_str().unwrap();
    let found = correlate(&[path]);
    assert_eq!((found.status, found.stdout.lines().count()), (1, 9), "{}", found.stderr);
    let said: Vec<_> = found.stderr.lines().collect();
    assert_eq!(said.len(), 2, "{}", found.stderr);
    assert!(said[0].contains("gone.log") && said[1].ends_with("it is neither a file nor a folder"));
}

#[test]
fn what_is_no_log_is_never_read_as_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kern.log");
    for (bytes, what) in [
        (&b"7z\xbc\xaf\x27\x1c\0\x04"[..], "a 7-Zip archive"),
        (b"\x04\x22\x4d\x18\x64\x40\xa7", "LZ4"),
        (b"Rar!\x1a\x07\x01\0", "a RAR archive"),
    ] {
        fs::write(&path, bytes).unwrap();
        for command in ["correlate", "parse"] {
            let found = run(command, &[path.to_str().unwrap()]);
            assert_eq!((found.status, found.stdout.as_str()), (2, ""), "{command}");
            assert!(found.stderr.contains(what), "{}", found.stderr);
            let piped = run_with(command, &["-"], &[], bytes);
            assert_eq!((piped.status, piped.stdout.as_str()), (2, ""), "{command}");
            assert!(piped.stderr.contains(what), "{}", piped.stderr);
        }
    }
}

#[test]
fn an_archive_in_a_pipe_is_parsed_like_a_file() {
    let bytes = gzip(&tar(&cell(1)));
    let found = run_with("parse", &["-"], &[], &bytes);
    let sources: std::collections::BTreeSet<_> =
        found.objects().iter().map(|o| o["source"].as_str().unwrap().to_owned()).collect();
    let expected = ["-:rep/rep.stdout.log", "-:var/log/kern.log", "-:var/log/kern.log.2.gz"];
    assert_eq!(sources, expected.map(str::to_owned).into());
    assert_eq!((found.status, found.objects().len()), (0, 16));
}

#[test]
fn queries_of_the_library_expand_folders_and_archives_at_each_reading() {
    let folder = tempfile::tempdir().unwrap();
    let (archive, cells) = (folder.path().join("all.tgz"), folder.path().join("all"));
    let files: Vec<_> =
        (1..3).map(|n| (format!("{}.tgz", name(n)), gzip(&tar(&cell(n))))).collect();
    fs::write(&archive, gzip(&tar(&files))).unwrap();
    write_all(&cells, &files);
    for path in [&archive, &cells] {
        let flows = asg_cli::query::Query::flows_of([path]);
        let packets = asg_cli::query::Query::packets_of([path]);
        for _ in 0..2 {
            let rows = |query: &asg_cli::query::Query| {
                let batches = query.batches().collect::<Result<Vec<_>, _>>().unwrap();
                batches.iter().map(arrow_array::RecordBatch::num_rows).sum::<usize>()
            };
            assert_eq!((rows(&flows), rows(&packets)), (18, 18));
        }
    }
    let missing = asg_cli::query::Query::flows_of([folder.path().join("nowhere.tgz")]);
    let error = missing.batches().next().unwrap().unwrap_err();
    let asg_cli::error::Error::File(_, error) = error else { panic!("{error}") };
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert!(error.raw_os_error().is_some());
}
