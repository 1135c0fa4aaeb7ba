//! Redacted logs of simulated foundations: every answer of the program about them is, with the
//! key, the answer about the old logs; and nothing of the old is in them.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use asg_benches::parallel::in_parallel;
use asg_benches::sim::{Config, Damage, Envelope, Era, Layout, Memory, Simulation};
use asg_cc_client::embedded::Server;
use asg_cli::program;
use asg_cli::redact::{Key, Redactor, reverse};
use asg_core::{Content, Line, Record};
use serde_json::{Value, json};

/// A simulated foundation on disk, as it was and redacted.
struct Both {
    folder: tempfile::TempDir,
    names: Vec<String>,
    memory: Memory,
    words: BTreeSet<String>,
    redactor: Redactor,
}

fn asglog(args: &[&str]) -> u8 {
    program::main(args.iter().map(Into::into).collect(), || None)
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

impl Both {
    fn new(config: &Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mut memory = Memory::default();
        let simulation = Simulation::run(config, &mut memory).unwrap();
        let mut names = Vec::new();
        for (name, log) in &memory.files {
            let path = at("old").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, log).unwrap();
            names.push(text(&path));
        }
        names.sort();
        let foundation = simulation.cloud_controller_at(simulation.end());
        let spaces: Vec<_> = foundation.spaces.iter().map(|space| space.guid.clone()).collect();
        let server = Server::start(foundation.token("sesame")).unwrap();
        fs::write(at("token"), "sesame").unwrap();
        let (url, token, saved) = (server.url(), text(&at("token")), text(&at("saved")));
        let status = asglog(&["export", "-q", "--api", &url, "--token-file", &token, "-o", &saved]);
        assert_eq!(status, 0);
        fs::write(at("groups.json"), groups(&spaces).to_string()).unwrap();
        fs::write(at("settings.json"), settings().to_string()).unwrap();
        let mut history = Vec::new();
        simulation.history().write(&mut history).unwrap();
        let words = words(&serde_json::from_slice(&history).unwrap());
        let redactor = {
            let key = at("key");
            let (key, new) = (text(&key), text(&at("new")));
            let (groups, settings) = (text(&at("groups.json")), text(&at("settings.json")));
            let mut args = vec!["redact", "-q", "--key", &key, "--new-key", "-o", &new];
            args.extend([
                "--cc-export",
                &saved,
                "--groups",
                &groups,
                "--settings",
                &settings,
                "--",
            ]);
            args.extend(names.iter().map(String::as_str));
            let status = asglog(&args);
            assert!(status == 0 || config.damage != Damage::NONE, "{status}");
            Redactor::new(&Key::load(Path::new(&key)).unwrap())
        };
        Self { folder, names, memory, words, redactor }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn new_names(&self) -> Vec<String> {
        let name = |n: usize| text(&self.at(&format!("new/logs/{:04}.log", n + 1)));
        let all = (0..self.names.len()).map(name);
        all.filter(|name| Path::new(name).exists()).collect()
    }

    /// Runs a command about the old and about the new files, and returns both answers: the new one
    /// with the key.
    fn ask(&self, args: &[&str], has_policy: bool) -> [Vec<Value>; 2] {
        let asked = |names: &[String], is_new: bool| {
            let export = text(&self.at(if is_new { "new/export" } else { "saved" }));
            let file = |name: &str| {
                text(&self.at(&if is_new { format!("new/{name}") } else { name.into() }))
            };
            let (groups, settings) = (file("groups.json"), file("settings.json"));
            let out = text(&self.at("answer"));
            let mut all: Vec<&str> = args.to_vec();
            if has_policy {
                all.extend(["--groups", &groups, "--settings", &settings]);
            }
            all.extend(["-q", "-o", &out, "--cc-export", &export, "--"]);
            all.extend(names.iter().map(String::as_str));
            let status = asglog(&all);
            assert!(status < 2, "{args:?} ended with {status}");
            let answer = fs::read_to_string(&out).unwrap();
            let object = |line: &str| {
                let mut object: Value = serde_json::from_str(line).unwrap();
                self.normalise(&mut object, is_new);
                object
            };
            answer.lines().map(object).collect::<Vec<_>>()
        };
        [asked(&self.names, false), asked(&self.new_names(), true)]
    }

    /// Puts old values into an answer about new files, and lists in the order of the old names.
    fn normalise(&self, value: &mut Value, is_new: bool) {
        match value {
            Value::String(text) => {
                let place = text
                    .rsplit_once("/logs/")
                    .and_then(|(_, name)| name.strip_suffix(".log")?.parse::<usize>().ok());
                if let Some(place) = place.filter(|_| is_new) {
                    text.clone_from(&self.names[place - 1]);
                } else if is_new {
                    *text = reverse(&self.redactor, text);
                }
            }
            Value::Array(items) => {
                for item in &mut *items {
                    self.normalise(item, is_new);
                }
                // Lists of equal rank are in the order of names.
                items.sort_by_cached_key(Value::to_string);
            }
            Value::Object(members) => {
                for (name, member) in members {
                    let id = member.as_str().filter(|_| is_new && name == "handle_prefix");
                    let id = id.filter(|id| !id.contains('-') && id.len() == 11);
                    if let Some(interface) =
                        member.as_str().filter(|_| is_new && is_interface(name))
                    {
                        *member = self.redactor.reversed().interface(interface).into();
                        continue;
                    }
                    match id.and_then(|id| self.redactor.reversed().short_id(id)) {
                        Some(id) => *member = id.into(),
                        None => self.normalise(member, is_new),
                    }
                }
            }
            _ => {}
        }
    }
}

fn is_interface(member: &str) -> bool {
    matches!(member, "in" | "out")
}

/// Returns the names and GUIDs of Cloud Controller's history.
fn words(history: &Value) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for change in history.as_array().unwrap() {
        let members = change.as_object().unwrap().iter();
        let members =
            members.filter(|(name, _)| !matches!(name.as_str(), "change" | "process_type"));
        words.extend(members.filter_map(|(_, value)| Some(value.as_str()?.to_owned())));
    }
    words
}

/// Groups whose rules the simulator's packets meet: an address, a block, a list, a range.
fn groups(spaces: &[String]) -> Value {
    let bound: Vec<_> = spaces.iter().step_by(2).map(|guid| json!({ "guid": guid })).collect();
    let rule = |destination: &str, ports: &str| {
        json!({ "protocol": "tcp", "destination": destination, "ports": ports, "log": true,
            "description": "reaches the payroll" })
    };
    let group = |n: u32, name: &str, running: bool, rules: Value| {
        json!({ "guid": format!("7d1f0c2a-0000-4000-8000-00000000000{n}"), "name": name,
            "created_at": "2013-01-01T00:00:00Z", "updated_at": "2013-01-01T00:00:00Z",
            "globally_enabled": { "running": running, "staging": false }, "rules": rules,
            "relationships": { "running_spaces": { "data": if running { vec![] } else { bound.clone() } },
                "staging_spaces": { "data": [] } } })
    };
    json!({ "taken_at": "2013-02-01T00:00:00Z", "complete": true, "resources": [
        group(1, "public-networks", true, json!([
            { "protocol": "udp", "destination": "0.0.0.0-9.255.255.255", "ports": "53", "log": true },
            rule("11.0.0.0-169.253.255.255", "443,8080-8090"),
        ])),
        group(2, "payroll-database", false, json!([
            rule("10.0.16.0/20", "5432"),
            rule("10.240.0.0/13,172.16.0.7,192.168.1.1-192.168.9.9", "1-65535"),
            { "protocol": "icmp", "destination": "0.0.0.0/0", "type": -1, "code": -1, "log": true },
        ])),
    ] })
}

fn settings() -> Value {
    json!({ "iptables_logging": true, "overlay_networks": ["10.240.0.0/12"], "cell_networks": ["10.0.0.0-10.0.15.255"],
        "deny_networks": { "always": ["10.99.0.0/16"] }, "cells": { "diego_cell/1": { "denied_per_second": 3 } } })
}

fn small(era: Era, seed: u64) -> Config {
    Config {
        seed,
        cells: 2,
        minutes: 1,
        containers: 16,
        packets_per_minute: 10,
        ..Config::new(era)
    }
}

#[track_caller]
fn assert_equal_answers(both: &Both, args: &[&str], has_policy: bool, what: &str) -> usize {
    let [old, new] = both.ask(args, has_policy);
    assert_eq!(old.len(), new.len(), "{what}: {args:?}");
    for (n, (old, new)) in old.iter().zip(&new).enumerate() {
        assert_eq!(old, new, "{what}: {args:?}, object {n}");
    }
    old.len()
}

/// The destinations' places of ranges are mapped back, and the order of proposals of equal rank is
/// by name: they are compared without it.
fn assert_equal_explanations(both: &Both, what: &str) -> usize {
    let moved: Value =
        serde_json::from_slice(&fs::read(both.at("new/groups-moved.json")).unwrap()).unwrap();
    let [old, new] = both.ask(&["explain", "--format", "ndjson"], true);
    assert_eq!(old.len(), new.len(), "{what}");
    let moved: Vec<(String, u64, Vec<u64>)> = moved
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let was = it["was"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
            (
                both.redactor.reversed().id(it["group"].as_str().unwrap()),
                it["rule"].as_u64().unwrap(),
                was,
            )
        })
        .collect();
    for (n, (old, mut new)) in old.into_iter().zip(new).enumerate() {
        let mut old = old;
        map_places(&mut new, &moved);
        for answer in [&mut old, &mut new] {
            resort(answer);
            for near in answer["near"].as_array_mut().unwrap() {
                // What a change of a range admits depends on where it was divided.
                near.as_object_mut()
                    .unwrap()
                    .retain(|name, _| matches!(name.as_str(), "how" | "group"));
            }
        }
        assert_eq!(old, new, "{what}: explanation {n}");
    }
    n_of(both)
}

fn n_of(both: &Both) -> usize {
    both.memory.truths.len()
}

fn resort(value: &mut Value) {
    if let Some(matches) = value["matches"].as_array_mut() {
        matches.sort_by_cached_key(Value::to_string);
        matches.dedup();
    }
}

fn map_places(value: &mut Value, moved: &[(String, u64, Vec<u64>)]) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| map_places(item, moved)),
        Value::Object(members) => {
            let found = moved.iter().find(|(group, rule, _)| {
                members.get("group").is_some_and(|it| it == group)
                    && members.get("rule").is_some_and(|it| it == *rule)
            });
            if let (Some((.., was)), Some(place)) = (found, members.get_mut("destination")) {
                let new = usize::try_from(place.as_u64().unwrap()).unwrap();
                *place = was[new].into();
            }
            members.values_mut().for_each(|member| map_places(member, moved));
        }
        _ => {}
    }
}

/// Every address, GUID and name of the old files, in every spelling that a log may have.
fn secrets(both: &Both) -> Vec<String> {
    let mut secrets: BTreeSet<String> = both.words.clone();
    let mut addresses: BTreeSet<IpAddr> = BTreeSet::new();
    for life in &both.memory.lives {
        let facts = &life.facts;
        secrets.extend([facts.handle.clone(), facts.instance_guid.clone(), facts.cell.clone()]);
        secrets.extend(facts.process_guid.clone());
        addresses.insert(facts.address);
    }
    for (_, text) in &both.memory.files {
        for raw in text.split(|b| *b == b'\n') {
            let line = Line::new(raw);
            let record = Record::classify(&line);
            if let Some((packet, _)) = record.packet() {
                let ends = [packet.ip.src, packet.ip.dst].into_iter().flatten();
                addresses.extend(ends.filter_map(asg_core::packet::Address::ip));
            }
            if let Content::Rep(event) = &record.content {
                addresses.extend([event.container_ip, event.cell_ip].into_iter().flatten());
            }
            let host = record.envelope.host.map(|host| host.to_string());
            match host.map(|host| (host.parse::<IpAddr>(), host)) {
                Some((Ok(ip), _)) => drop(addresses.insert(ip)),
                Some((_, host)) if host != "localhost" => drop(secrets.insert(host)),
                _ => {}
            }
        }
    }
    secrets.extend([
        "payroll".into(),
        "public-networks".into(),
        "diego-cell".into(),
        "diego_cell".into(),
    ]);
    for ip in addresses.into_iter().filter(|ip| both.redactor.address(*ip) != *ip) {
        secrets.insert(ip.to_string());
        if let IpAddr::V4(ip) = ip {
            let [a, b, c, d] = ip.octets();
            secrets.insert(format!("s-{a:03}{b:03}{c:03}{d:03}"));
            secrets.insert(format!("{a:02x}{b:02x}{c:02x}{d:02x}"));
            secrets.insert(format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}"));
        }
        if let IpAddr::V6(ip) = ip {
            let groups: Vec<_> = ip.segments().iter().map(|group| format!("{group:04x}")).collect();
            secrets.insert(groups.join(":"));
        }
    }
    secrets.into_iter().filter(|secret| secret.len() >= 4).collect()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

fn assert_nothing_leaks(both: &Both, what: &str) {
    let secrets = secrets(both);
    assert!(secrets.len() > 50, "{what}: {}", secrets.len());
    // An address is not within a longer one, and the first of a large block is not an address: of
    // ranges of millions, some image begins where an old address is.
    let patterns: Vec<_> = secrets
        .iter()
        .map(|secret| {
            let is_dotted = secret.parse::<std::net::Ipv4Addr>().is_ok();
            let text = regex::escape(secret);
            if is_dotted { format!(r"\b{text}\b(?:[^/]|$)") } else { text }
        })
        .collect();
    let any = regex::RegexBuilder::new(&patterns.join("|")).size_limit(1 << 28).build().unwrap();
    // The search finds what it looks for.
    let mut old = both.names.iter().map(|name| fs::read_to_string(name).unwrap());
    assert!(old.any(|text| any.is_match(&text)), "{what}");
    let mut all = Vec::new();
    files(&both.at("new"), &mut all);
    assert!(all.len() >= both.names.len(), "{what}");
    for path in all {
        let name = path.strip_prefix(both.at("new")).unwrap().to_str().unwrap().to_owned();
        let text = name + "\n" + &String::from_utf8(fs::read(&path).unwrap()).unwrap();
        let found = any.find(&text).map(|found| {
            let line = text[..found.start()].rfind('\n').map_or(0, |at| at + 1);
            let end = text[found.end()..].find('\n').map_or(text.len(), |at| found.end() + at);
            (found.as_str(), &text[line..end])
        });
        assert_eq!(found, None, "{what}: {}", path.display());
    }
}

fn check(config: &Config, what: &str) {
    let both = Both::new(config);
    assert_nothing_leaks(&both, what);
    let flows = assert_equal_answers(&both, &["correlate", "--format", "ndjson"], false, what);
    assert!(flows > 20, "{what}: {flows}");
    assert_equal_answers(&both, &["correlate", "--format", "summary-json"], false, what);
    assert!(assert_equal_explanations(&both, what) > 20, "{what}");
}

#[test]
fn every_answer_about_redacted_logs_of_each_era_is_that_about_the_old_ones() {
    for (n, era) in (0..).zip(Era::ALL) {
        let config = Config { debug: n % 2 == 0, ..small(era, 40 + n) };
        check(&config, era.name());
    }
}

#[test]
fn the_envelope_does_not_matter() {
    for (n, envelope) in (0..).zip(Envelope::ALL) {
        let layout = if n % 2 == 0 { Layout::One } else { Layout::PerCell };
        let config = Config { envelope, layout, ..small(Era::SilkModern, 60 + n) };
        check(&config, envelope.name());
    }
}

#[test]
fn damaged_logs_are_no_worse_when_they_are_redacted() {
    in_parallel((0..).zip(Damage::LEVELS), |(n, (name, damage))| {
        let config = Config { damage, ..small(Era::SilkModern, 80 + n) };
        let both = Both::new(&config);
        assert_nothing_leaks(&both, name);
        if !is_cut(&damage) {
            assert_equal_answers(&both, &["correlate", "--format", "ndjson"], false, name);
        }
    });
}

/// Lines that are cut may show a part of a value, for which there is no image.
fn is_cut(damage: &Damage) -> bool {
    damage.cut > 0.0 || damage.cut_at_1024 || damage.split_at_1024
}
