//! The dashboards of `docs/dashboards` ask only for what the program writes.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use common::{ASGLOG, here, run};
use serde_json::Value;

fn dashboard(name: &str) -> String {
    fs::read_to_string(here(&format!("../docs/dashboards/{name}"))).unwrap()
}

/// Follows the bundled logs, with the names of the demonstration, until all flows are there;
/// returns the counts.
fn counts() -> String {
    let folder = tempfile::tempdir().unwrap();
    let metrics = folder.path().join("asg.prom");
    let log = fs::read_to_string(here("data/foundation.log")).unwrap();
    let packets = "2024-05-06T07:09:10.5Z cell kernel: [  637.581122] DENY_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 \
        SRC=10.255.73.3 DST=10.7.0.9 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP SPT=1 DPT=2 WINDOW=3 RES=0x00 SYN URGP=0 \n";
    let mut child = Command::new(ASGLOG)
        .args(["correlate", "--follow", "--format", "ndjson", "--hold", "0", "--metrics"])
        .args([metrics.to_str().unwrap(), "-"])
        .args(["--cc-export", &here("data/foundation.json"), "--"])
        .env_remove("HOME")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(log.as_bytes()).unwrap();
    pipe.write_all(packets.as_bytes()).unwrap();
    drop(pipe);
    let mut rest = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_to_string(&mut rest).unwrap();
    // One, because the export lacks pages.
    assert!(child.wait().unwrap().code() < Some(2));
    assert!(!rest.is_empty());
    fs::read_to_string(&metrics).unwrap()
}

/// Asks a server on loopback for its metrics, until it answers.
fn scrape(port: u16) -> String {
    for _ in 0..100 {
        let mut answer = String::new();
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
            stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
            stream.read_to_string(&mut answer).unwrap();
            return answer;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("nobody listens on port {port}");
}

#[test]
fn node_exporter_serves_the_counts() {
    let names = ["prometheus-node-exporter", "node_exporter"];
    let found = names.iter().find(|name| Command::new(name).arg("--version").output().is_ok());
    let Some(name) = found else {
        println!("skipped: node_exporter is not installed (Debian: prometheus-node-exporter)");
        return;
    };
    let text = counts();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("asg.prom"), &text).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut server = Command::new(name)
        .args(["--collector.disable-defaults", "--collector.textfile"])
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg(format!("--collector.textfile.directory={}", folder.path().display()))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let served = scrape(port);
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(served.contains("node_textfile_scrape_error 0"), "{served}");
    for sample in text.lines().filter(|line| line.starts_with("asg_lines_total{")) {
        assert!(served.lines().any(|line| line == sample), "{sample} in {served}");
    }
}

/// Metrics with the names of their labels.
fn metrics(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.as_bytes().lines().map(Result::unwrap) {
        let Some(line) = line.strip_prefix("# TYPE ") else {
            if !line.starts_with('#') {
                let end = line.find(['{', ' ']).unwrap();
                let labels = found.entry(line[..end].to_owned()).or_default();
                let inside = line[end..].split_once('}').map_or("", |(inside, _)| inside);
                let names = inside.trim_start_matches('{').split("\",");
                labels.extend(names.filter_map(|it| Some(it.split_once('=')?.0.to_owned())));
            }
            continue;
        };
        let (name, kind) = line.split_once(' ').unwrap();
        let ending = if kind == "counter" { "_total" } else { "" };
        found.entry(format!("{name}{ending}")).or_default();
    }
    found
}

/// Words of `PromQL` that are no names.
const PROMQL: [&str; 14] = [
    "sum",
    "by",
    "and",
    "rate",
    "increase",
    "topk",
    "max",
    "end",
    "label_values",
    "__interval",
    "__rate_interval",
    "__range",
    "plane",
    "source",
];

#[test]
fn grafanas_queries_ask_for_metrics_and_labels_that_are_written() {
    let known = metrics(&counts());
    assert!(known["asg_flows_total"].contains("verdict"), "{known:?}");
    // Labels without a value are left out, so a denial without names has one only.
    let denial = ["certainty", "org", "space", "app", "app_guid"];
    let mut asked = BTreeSet::new();
    let dashboard: Value = serde_json::from_str(&dashboard("grafana.json")).unwrap();
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            queries.push(target["expr"].as_str().unwrap());
        }
        // Without a choice Grafana shows numbers from 80 on in red.
        let defaults = &panel["fieldConfig"]["defaults"];
        let has_color = defaults["thresholds"].is_object() || defaults["color"]["mode"] == "fixed";
        assert!(has_color || panel["type"] != "stat", "{panel}");
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        queries.extend(variable["query"]["query"].as_str());
    }
    assert!(queries.len() > 10);
    for query in queries {
        assert_eq!(query.matches('(').count(), query.matches(')').count(), "{query}");
        assert_eq!(query.matches('{').count(), query.matches('}').count(), "{query}");
        // Without texts in quotes.
        let code: String = query.split('"').step_by(2).collect();
        let words: Vec<_> = code
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
            .collect();
        let metric = *words.iter().find(|word| word.starts_with("asg_")).unwrap();
        let labels = known.get(metric).unwrap_or_else(|| panic!("{metric} is not written"));
        asked.insert(metric.to_owned());
        for word in words.iter().filter(|word| **word != metric && !PROMQL.contains(word)) {
            let is_known =
                labels.contains(*word) || metric == "asg_denials_total" && denial.contains(word);
            assert!(is_known, "{metric} has no label {word}: {query}");
        }
    }
    let all: BTreeSet<_> = known.keys().cloned().collect();
    assert_eq!(asked, all, "a count that no panel shows");
}

/// The names of all members of an event, with dots.
fn names(value: &Value, before: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let dot = if before.is_empty() { "" } else { "." };
                names(value, &format!("{before}{dot}{name}"), found);
            }
        }
        _ => drop(found.insert(before.to_owned())),
    }
}

fn fields(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| fields(item, found)),
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_str() {
                    Some(field) if matches!(name.as_str(), "field" | "timeFieldName") => {
                        found.insert(field.to_owned());
                    }
                    // Objects inside texts.
                    Some(text) => {
                        if let Ok(inside @ (Value::Object(_) | Value::Array(_))) =
                            serde_json::from_str(text)
                        {
                            fields(&inside, found);
                        }
                    }
                    None => fields(value, found),
                }
                if name == "query"
                    && let Some((field, _)) =
                        value.as_str().and_then(|query| query.split_once(" : "))
                {
                    found.insert(field.to_owned());
                }
            }
        }
        _ => {}
    }
}

#[test]
fn kibanas_panels_ask_for_fields_that_are_written_and_refer_to_what_is_there() {
    let events = run("demo", &["--format", "ecs", "-q"]).objects();
    let mut known = BTreeSet::new();
    for event in &events {
        names(event, "", &mut known);
    }
    let objects: Vec<Value> = dashboard("kibana.ndjson")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (objects, summary) = objects.split_at(objects.len() - 1);
    assert_eq!(summary[0]["exportedCount"], objects.len());
    let mut asked = BTreeSet::new();
    let ids: BTreeSet<_> =
        objects.iter().map(|it| (it["type"].as_str(), it["id"].as_str())).collect();
    for object in objects {
        fields(object, &mut asked);
        // Without it Kibana takes an object for one of its first version, and converts it.
        let kind = object["type"].as_str().unwrap();
        assert!(object["migrationVersion"][kind].is_string(), "{kind}");
        for reference in object["references"].as_array().unwrap() {
            let target = (reference["type"].as_str(), reference["id"].as_str());
            assert!(ids.contains(&target), "{target:?}");
        }
    }
    assert!(asked.len() > 6, "{asked:?}");
    let missing: Vec<_> = asked.difference(&known).collect();
    assert!(missing.is_empty(), "{missing:?} of {known:?}");
    // The index is the data stream that the events name.
    let stream = &events[0]["data_stream"];
    let name =
        format!("{}-{}-", stream["type"].as_str().unwrap(), stream["dataset"].as_str().unwrap());
    assert_eq!(objects[0]["attributes"]["title"], format!("{name}*"));
}
