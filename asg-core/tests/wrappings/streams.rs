//! Lines of several machines or containers, one between the other: each document and each divided
//! line is joined of the lines of its own stream.

use asg_core::line::{LogLines, RawLine};
use asg_core::record::Outcome;
use asg_core::{Origin, Record, SourceId};
use serde_json::{Value, json};

use super::{REP, outputs};

const APP: &str = "bc6f229d-5e4a-4c41-a63f-e8795496c283";

fn handle(cell: usize, n: usize) -> String {
    format!("d538d169-f2f6-4587-77b1-{cell:04}{n:08}")
}

fn store(cell: usize, count: usize) -> Value {
    let entry = |n| {
        let metadata = json!({"app_id": APP});
        (
            handle(cell, n),
            json!({"handle": handle(cell, n), "ip": "10.255.15.7", "metadata": metadata}),
        )
    };
    Value::Object((0..count).map(entry).collect())
}

fn pretty(cell: usize, count: usize) -> Vec<String> {
    let text = serde_json::to_string_pretty(&store(cell, count)).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// The lines of all in turns, so many of each at a time.
fn in_turns(all: &[Vec<String>], at_a_time: usize) -> String {
    let most = all.iter().map(Vec::len).max().unwrap_or_default();
    let turns = (0..most)
        .step_by(at_a_time)
        .flat_map(|from| all.iter().flat_map(move |lines| lines.iter().skip(from).take(at_a_time)));
    turns.map(|line| format!("{line}\n")).collect()
}

/// Counts the containers that a log proves, with the machine of each, and the lines that get a
/// sentence.
fn given(log: &str) -> (usize, Vec<Option<String>>, usize) {
    let (mut found, mut cells, mut told, mut count) = (0, Vec::new(), 0, 0);
    let mut each = |raw: RawLine<'_>| {
        count += 1;
        assert_eq!(raw.number, count, "each line once");
        if raw.part_of.is_some() {
            return;
        }
        let line = raw.line();
        let mut outcome = Outcome::Other;
        for record in Record::all(&line) {
            outcome = outcome.max(Outcome::of(&line, &record));
            let origin = Origin { source: SourceId(0), line: raw.number };
            let before = found;
            record.evidence(origin, |_| found += 1);
            if found > before {
                cells.push(record.envelope.cell());
            }
        }
        told += usize::from(outcome.consequence().is_some());
    };
    let mut lines = LogLines::new();
    for piece in log.as_bytes().chunks(1_000) {
        lines.push(piece, &mut each);
    }
    lines.finish(&mut each);
    assert_eq!(count as usize, log.lines().count());
    (found, cells, told)
}

type Prefix = fn(usize) -> String;

/// The prefixes of tools, by machine.
const TOOLS: [(&str, Prefix); 8] = [
    ("bosh ssh", |cell| format!("diego-cell/0455ec2b-11fa-41ab-9d1c-f3a575cd55e{cell}: stdout | ")),
    ("pdsh", |cell| format!("cell-{cell}: ")),
    ("docker compose", |cell| format!("cell-{cell}  | ")),
    ("kubectl --prefix", |cell| format!("[pod/cell-{cell}/rep] ")),
    ("kubectl, both", |cell| format!("[pod/cell-{cell}/rep] 2024-05-06T07:08:05.4005Z ")),
    ("stern", |cell| format!("cell-{cell} rep ")),
    ("parallel --tag", |cell| format!("cell-{cell}\t")),
    ("grep -H", |cell| format!("/tmp/store-{cell}.json:")),
];

fn behind(prefix: &str, lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| format!("{prefix}{line}")).collect()
}

#[test]
fn documents_of_machines_are_read_whose_lines_come_in_turns() {
    for (name, prefix) in TOOLS {
        for at_a_time in [1, 2, 3, 7, 40] {
            let all: Vec<_> =
                (0..4).map(|cell| behind(&prefix(cell), &pretty(cell, 3 + cell))).collect();
            let log = in_turns(&all, at_a_time);
            let (found, cells, told) = given(&log);
            assert_eq!((found, told), (3 + 4 + 5 + 6, 0), "{name}: {log}");
            let mut cells: Vec<_> = cells.into_iter().flatten().collect();
            cells.dedup();
            assert!(cells.is_empty() || cells.len() == 4, "{name}: {cells:?}");
        }
    }
}

#[test]
fn the_banner_of_a_machine_is_no_line_of_its_document() {
    let cell = |n: usize| format!("diego-cell/0455ec2b-11fa-41ab-9d1c-f3a575cd55e{n}");
    let banner = |n: usize| {
        ["Unauthorized use is prohibited.", "", "All access is logged."]
            .map(|line| format!("{}: stderr | {line}", cell(n)))
    };
    let document = |n: usize| behind(&format!("{}: stdout | ", cell(n)), &pretty(n, 5));
    let all = [document(0), banner(0).to_vec(), banner(1).to_vec(), document(1)];
    let log = format!("Using environment '10.0.0.6' as client 'admin'\n\n{}", in_turns(&all, 1));
    let (found, cells, told) = given(&log);
    assert_eq!((found, cells.len(), told), (10, 2, 0), "{log}");
}

fn dockers(output: &str, text: &str) -> String {
    json!({"log": text, "stream": output, "time": "2024-05-06T07:09:10.6Z"}).to_string()
}

#[test]
fn a_document_is_read_whose_lines_docker_has_wrapped() {
    let lines: Vec<_> =
        pretty(1, 250).iter().map(|line| dockers("stdout", &format!("{line}\n"))).collect();
    let errors: Vec<_> = (0..900).map(|n| dockers("stderr", &format!("  warning {n}\n"))).collect();
    for log in [in_turns(std::slice::from_ref(&lines), 1), in_turns(&[errors, lines.clone()], 3)] {
        let (found, _, told) = given(&log);
        assert_eq!((found, told), (250, 0));
    }
    // A line of the same stream that fits into no document ends it.
    let mut broken = lines;
    broken.insert(9, dockers("stdout", "hello\n"));
    let (found, _, told) = given(&in_turns(&[broken], 1));
    assert_eq!(found, 0);
    assert!(told >= 250, "{told}");
}

#[test]
fn a_line_is_read_that_a_runtime_has_divided_while_others_print() {
    const MOST: usize = 16 << 10;
    let store = store(1, 250).to_string();
    let text = format!("{store}\n");
    assert!(text.len() > 2 * MOST);
    let parts: Vec<_> =
        text.as_bytes().chunks(MOST).map(|it| String::from_utf8_lossy(it)).collect();
    let docker: Vec<_> = parts.iter().map(|part| dockers("stdout", part)).collect();
    let others: Vec<_> = (0..9).map(|n| dockers("stderr", &format!("other {n}\n"))).collect();
    for log in [in_turns(std::slice::from_ref(&docker), 1), in_turns(&[docker, others], 1)] {
        assert_eq!(given(&log).0, 250);
    }
    let last = parts.len() - 1;
    let tag = |n: usize| if n < last { "P" } else { "F" };
    for before in ["", "/var/log/pods/a/b/0.log:", "[pod/a/b] "] {
        let cri = |(n, part): (usize, &std::borrow::Cow<'_, str>)| {
            format!("{before}2024-05-06T07:09:10.6Z stdout {} {}", tag(n), part.trim_end())
        };
        let cri: Vec<_> = parts.iter().enumerate().map(cri).collect();
        let error = format!("{before}2024-05-06T07:09:10.6Z stderr F other");
        let others = vec![error; 9];
        let log = in_turns(&[cri.clone(), others], 1);
        let (found, _, told) = given(&log);
        assert_eq!((found, told), (250, 0), "{before}");
        if !before.is_empty() {
            let of_app =
                |line: &String| line.replace("a/b", "app/c").replace("d538d169", "0000d169");
            let apps: Vec<_> = cri.iter().map(of_app).collect();
            assert_eq!(given(&in_turns(&[cri, apps], 1)).0, 500, "{before}");
        }
    }
}

#[test]
fn an_apps_lines_between_those_of_a_document_prove_nothing() {
    let document = behind("[pod/cell-1/rep] ", &pretty(1, 5));
    let forged = behind("[pod/my-app/web] 2024-05-06T07:09:10Z cell-1 my-app[7]: ", &pretty(9, 5));
    let log = in_turns(&[document.clone(), forged], 1);
    assert_eq!(given(&log).0, 5, "{log}");
    // A document whose beginning is nowhere.
    let cut = behind("[pod/my-app/web] ", &pretty(9, 5)[1..]);
    let (found, _, told) = given(&in_turns(&[document, cut], 1));
    assert_eq!(found, 0);
    assert!(told > 9, "{told}");
}

#[test]
fn a_document_that_does_not_go_on_holds_no_log_back() {
    let mut passed = 0;
    let mut lines = LogLines::new();
    let other = format!("cell-2: 2024-05-06T07:09:10Z cell-2 rep[7]: {REP}\n");
    let count = (5 << 20) / other.len();
    lines.push(b"cell-1: {\n", |_| passed += 1);
    for _ in 0..count {
        lines.push(other.as_bytes(), |_| passed += 1);
    }
    assert_eq!(passed, count + 1);
}

#[test]
fn each_line_of_a_machine_is_shown_where_it_was() {
    let all: Vec<_> =
        (0..2).map(|cell| behind(&format!("cell-{cell}: "), &pretty(cell, 1))).collect();
    let found = outputs(in_turns(&all, 1).as_bytes());
    let kinds: Vec<_> =
        found.iter().map(|it| (it["kind"].as_str(), it["part_of"].as_u64())).collect();
    assert_eq!(kinds[..2], [(Some("rep"), None), (Some("rep"), None)]);
    assert_eq!(kinds[2..6], [1, 2, 1, 2].map(|first| (Some("other"), Some(first))));
}

#[test]
fn a_document_behind_stamps_is_read_between_other_lines() {
    let stamp = |n: usize| format!("2024-05-06T07:08:{:02}.4005Z ", n % 60);
    let behind_stamps = |lines: Vec<String>| {
        lines.iter().enumerate().map(|(n, line)| format!("{}{line}", stamp(n))).collect::<Vec<_>>()
    };
    let document = behind_stamps(pretty(1, 5));
    let others = behind_stamps(vec![REP.to_owned(), "hello".to_owned(), "a  b: c".to_owned()]);
    for at_a_time in [1, 2, 5] {
        let log = in_turns(&[document.clone(), vec![others.clone(); 3].concat()], at_a_time);
        let (found, _, told) = given(&log);
        assert_eq!((found, told), (5 + 3, 0), "{log}");
        // Of two documents nothing shows which line is whose.
        let log = in_turns(&[document.clone(), behind_stamps(pretty(2, 5))], at_a_time);
        let (found, _, told) = given(&log);
        assert!(found == 0 && told >= 10, "{found} {told}: {log}");
    }
}

fn filebeats(cell: usize, n: usize, text: &str) -> String {
    json!({"@timestamp": "2024-05-06T07:09:10.6Z", "log": {"offset": n, "file": {"path": "/tmp/store.json"}},
        "message": text, "host": {"name": format!("cell-{cell}")}})
    .to_string()
}

#[test]
fn a_document_is_read_whose_lines_filebeat_has_wrapped() {
    let wrapped = |cell: usize| {
        let lines = pretty(cell, 7);
        let wrap = |(n, line): (usize, &String)| filebeats(cell, n, line);
        lines.iter().enumerate().map(wrap).collect::<Vec<_>>()
    };
    let others: Vec<_> = (0..9).map(|n| filebeats(3, n, &format!("hello {n}"))).collect();
    let log = in_turns(&[wrapped(1), wrapped(2), others], 1);
    let (found, cells, told) = given(&log);
    assert_eq!((found, told), (14, 0), "{log}");
    let cells: Vec<_> = cells.into_iter().flatten().collect();
    assert_eq!(cells, ["cell-1", "cell-2"]);
    // A line that another program wrote into the same file is in no document of rep's.
    let of = |program: &str, line: &String| {
        line.replacen('{', &format!("{{\"process\":{{\"name\":\"{program}\"}},"), 1)
    };
    let document: Vec<_> = wrapped(1).iter().map(|line| of("rep", line)).collect();
    let forged = filebeats(1, 5, &format!("  \"{}\": {{\"ip\": \"10.255.1.1\"}},", handle(9, 9)));
    let mut lines = document;
    lines.insert(1, of("my-app", &forged));
    let (found, _, _) = given(&in_turns(&[lines], 1));
    assert!(found == 7 || found == 0, "{found}");
    // An app's document stays the app's.
    let of_app = |line: &String| line.replacen('{', "{\"cf_app_id\":\"d538d169\",", 1);
    let log = in_turns(&[wrapped(1).iter().map(of_app).collect()], 1);
    let (found, _, told) = given(&log);
    assert!(found == 0 && told > 0, "{found} {told}");
}

#[test]
fn blanks_behind_dockers_colons_change_nothing() {
    let blank = |line: &String| line.replace("\":\"", "\": \"").replace("\",\"", "\", \"");
    let lines: Vec<_> = pretty(1, 250)
        .iter()
        .map(|line| {
            blank(&dockers("stdout", &format!("{line}\n")).replace("\\\": \\\"", "\\\":\\\""))
        })
        .collect();
    let errors: Vec<_> = (0..9).map(|n| blank(&dockers("stderr", &format!("{n}\n")))).collect();
    let (found, _, told) = given(&in_turns(&[lines, errors], 1));
    assert_eq!((found, told), (250, 0));
}

#[test]
fn a_line_of_a_document_may_be_divided_by_the_runtime() {
    let mut lines = Vec::new();
    for line in pretty(1, 5) {
        let (a, b) = line.split_at(line.len() / 2);
        let is_divided = line.contains("handle");
        let tagged = |tag: &str, text: &str| format!("2024-05-06T07:09:10.6Z stdout {tag} {text}");
        if is_divided {
            lines.extend([tagged("P", a), tagged("P", ""), tagged("F", b)]);
        } else {
            lines.push(tagged("F", &line));
        }
    }
    let errors = vec!["2024-05-06T07:09:10.6Z stderr F other".to_owned(); 9];
    let (found, _, told) = given(&in_turns(&[lines, errors], 1));
    assert_eq!((found, told), (5, 0));
}
