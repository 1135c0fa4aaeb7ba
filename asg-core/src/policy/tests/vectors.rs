//! Every argument that silk makes, and every verdict of a real kernel.

use serde_json::Value;

use super::super::*;

struct Vector {
    json: Value,
}

impl Vector {
    fn all() -> Vec<Self> {
        let text = include_str!("../../../fixtures/asg/netrules_vectors.json");
        let json: Value = serde_json::from_str(text).unwrap();
        let Value::Array(vectors) = json["vectors"].clone() else { panic!("a list of vectors") };
        vectors.into_iter().map(|json| Self { json }).collect()
    }

    fn name(&self) -> &str {
        self.json["id"].as_str().unwrap()
    }

    fn handle(&self) -> &str {
        self.json["input"]["handle"].as_str().unwrap()
    }

    fn settings(&self, profile: Profile) -> Result<CellSettings, crate::error::Error> {
        let input = &self.json["input"];
        let mut settings = serde_json::json!({
            "profile": profile.as_str(),
            "iptables_logging": input["iptables_logging"],
        });
        if let Some(networks) = input.get("deny_networks") {
            settings["deny_networks"] = networks.clone();
            if input["container_workload"] == "" {
                // A container that is neither app, task nor staging has the networks of no phase.
                settings["deny_networks"] = serde_json::json!({ "always": networks["always"] });
            }
        }
        if let Some(Value::Object(mut limit)) = input.get("outbound_connections").cloned() {
            let rate = limit.remove("rate_per_sec").unwrap();
            limit.insert("rate".to_owned(), rate);
            settings["outbound_connections"] = limit.into();
        }
        CellSettings::from_json(settings.to_string().as_bytes())
    }

    fn phase(&self) -> Phase {
        match self.json["input"]["container_workload"].as_str().unwrap() {
            "staging" => Phase::Staging,
            _ => Phase::Running,
        }
    }

    fn effective(&self, profile: Profile) -> Option<Effective> {
        let group = serde_json::json!({
            "guid": "g",
            "rules": self.json["input"]["rules"],
            "globally_enabled": { "running": true, "staging": true },
        });
        let group: SecurityGroup = serde_json::from_value(group).unwrap();
        let taken_at = crate::time::Timestamp::from_nanos(0);
        let snapshot = Snapshot::new(taken_at, true, vec![group]);
        let policy = Policy::new(vec![snapshot], self.settings(profile).ok()?);
        policy.effective("s", self.phase())
    }

    fn texts(&self, pointer: &str) -> Vec<String> {
        let list = self.json.pointer(pointer).and_then(Value::as_array);
        list.into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
    }
}

fn probe(json: &Value) -> Probe {
    let number = |name: &str| json[name].as_u64().unwrap();
    let destination = json["dst"].as_str().unwrap().parse().unwrap();
    match json["proto"].as_str().unwrap() {
        "tcp" => Probe::tcp(destination, number("dpt") as u16),
        "udp" => Probe::udp(destination, number("dpt") as u16),
        "icmp" => Probe::icmp(destination, number("type") as u8, number("code") as u8),
        "sctp" => Probe { destination, traffic: ProbeTraffic::Other(132) },
        "gre" => Probe { destination, traffic: ProbeTraffic::Other(47) },
        other => panic!("a protocol that the vectors do not have: {other}"),
    }
}

#[test]
fn silks_arguments_are_made_for_each_set_of_rules() {
    let mut compared = 0;
    for vector in Vector::all() {
        let name = vector.name();
        match vector.json["silk"]["error"].as_str() {
            Some("failed to convert destination to ip range") => {
                let load = vector.effective(Profile::SilkDynamic).unwrap().load();
                assert_eq!(load, Load::Skipped, "{name}");
            }
            Some(error) => {
                let refused = vector.settings(Profile::SilkDynamic).unwrap_err().to_string();
                let network = error.rsplit(' ').next().unwrap();
                assert!(refused.contains(network), "{name}: {refused}");
            }
            None => {
                let effective = vector.effective(Profile::SilkDynamic).unwrap();
                let arguments = effective.arguments(vector.handle());
                assert_eq!(arguments, vector.texts("/silk/rules"), "{name}");
                assert_eq!(
                    Effective::chain(vector.handle()),
                    vector.json["silk"]["chain"],
                    "{name}"
                );
            }
        }
        compared += 1;
    }
    assert_eq!(compared, 91);
}

#[test]
fn guardians_arguments_are_made_for_each_set_of_rules() {
    let mut compared = 0;
    for vector in Vector::all().iter().filter(|vector| vector.json.get("guardian").is_some()) {
        let effective = vector.effective(Profile::Guardian).unwrap();
        if vector.json["guardian"].get("error").is_some() {
            assert_eq!(effective.load(), Load::RefusedLrp, "{}", vector.name());
        } else {
            let arguments =
                effective.arguments(vector.handle()).join("\n").replace("-ID-", "-abc-");
            let expected = vector.texts("/guardian/rules").join("\n");
            assert_eq!(arguments, expected, "{}", vector.name());
        }
        compared += 1;
    }
    assert_eq!(compared, 32);
}

#[test]
fn every_verdict_is_the_kernels() {
    let (mut probes, mut logged) = (0, 0);
    for vector in Vector::all() {
        let name = vector.name();
        let load = vector.json.pointer("/kernel/load").and_then(Value::as_str);
        let Some(effective) = vector.effective(Profile::SilkDynamic) else { continue };
        match load {
            None => continue,
            Some("refused") => {
                assert_eq!(effective.load(), Load::Refused, "{name}");
                continue;
            }
            Some(_) => assert_eq!(effective.load(), Load::Ok, "{name}"),
        }
        let arguments = effective.arguments(vector.handle());
        let entries_at = arguments.iter().position(|rule| rule.starts_with("-m iprange"));
        for json in vector.json["kernel"]["probes"].as_array().unwrap() {
            let answer = effective.evaluate(&probe(json));
            assert_eq!(answer, effective.evaluate_by_scan(&probe(json)), "{name}: {json}");
            let ruling = answer.ruling.unwrap();
            let verdict = serde_json::to_value(ruling.verdict).unwrap();
            assert_eq!(verdict, json["verdict"], "{name}: {json}");
            let rule = json["rule"].as_u64().unwrap() as usize;
            match ruling.by {
                Decider::Entry(n) => {
                    assert_eq!(n as usize + entries_at.unwrap(), rule, "{name}: {json}");
                }
                Decider::Default => assert_eq!(rule, arguments.len() - 1, "{name}: {json}"),
                Decider::DenyNetwork => {
                    assert!(arguments[rule].starts_with("-d "), "{name}: {json}");
                }
                other => panic!("{name}: {json}: {other:?}"),
            }
            // A denied packet may have met the limit of one line a second.
            let prefix = json["log"].as_array().map(|prefixes| prefixes[0].as_str().unwrap());
            match (ruling.log, prefix) {
                (Some(LogLine::Ok), Some(prefix)) => assert!(prefix.starts_with("OK_"), "{json}"),
                (Some(LogLine::Deny), Some(prefix)) => {
                    assert!(prefix.starts_with("DENY_"), "{json}");
                }
                (Some(LogLine::Deny) | None, None) => {}
                other => panic!("{name}: {json}: {other:?}"),
            }
            probes += 1;
            logged += usize::from(ruling.log.is_some());
        }
    }
    assert_eq!(probes, 4028);
    assert!(logged > 400, "{logged}");
}
