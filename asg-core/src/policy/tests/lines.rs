//! Questions and answers in lines of JSON, and the schemas of the outputs.

use super::*;

fn answers(policy: &Policy, questions: &str, near: Option<usize>) -> Vec<Value> {
    let mut out = Vec::new();
    policy.evaluate_lines(questions.as_bytes(), near, &mut out);
    let text = String::from_utf8(out).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn example() -> Policy {
    let rules = json!([
        { "protocol": "tcp", "destination": "10.0.11.0/24,10.0.12.1", "ports": "443,5432", "log": true },
        { "protocol": "icmp", "destination": "10.0.11.0/24", "type": 8, "code": 0 },
    ]);
    let twin =
        json!([{ "protocol": "tcp", "destination": "10.0.12.1", "ports": "5432", "log": true }]);
    let groups = [
        group("g-1", json!({ "rules": rules })),
        group("g-2", json!({ "rules": twin })),
        group(
            "g-3",
            json!({ "rules": [{ "protocol": "all", "destination": "0.0.0.0/0" }], "relationships": {} }),
        ),
    ];
    policy(&groups, json!({ "deny_networks": { "always": ["10.0.11.200/32"] } }))
}

#[test]
fn each_line_is_answered_in_order() {
    let questions = [
        json!({ "id": 1, "space": "s", "phase": "running", "proto": "tcp", "dst": "10.0.12.1", "dpt": 5432 }),
        json!({ "id": "two", "space": "s", "proto": "icmp", "dst": "10.0.11.7", "type": 8, "code": 0 }),
        json!({ "id": null, "space": "s", "proto": "TCP", "dst": "10.0.11.200", "dpt": 443 }),
        json!({ "id": [4], "space": "s", "proto": "tcp", "dst": "10.0.11.7", "dpt": 443, "flags": "SYN ACK" }),
        json!({ "id": 5, "proto": 47, "dst": "10.0.11.7" }),
    ];
    let questions = questions.map(|question| question.to_string()).join("\n\n") + "\n";
    let found = answers(&example(), &questions, Some(1));
    let twin = |group: &str, rule: u32, destination: u32, port: u32| json!({ "group": group, "rule": rule, "destination": destination, "port": port });
    let first = twin("g-1", 0, 1, 1);
    assert_eq!(
        found[0],
        json!({
            "id": 1, "load": "ok", "verdict": "allow", "by": first, "decided": "certain", "log": "OK",
            "matches": [first, twin("g-2", 0, 0, 0)],
        })
    );
    let ping = json!({ "group": "g-1", "rule": 1, "destination": 0, "port": -1 });
    assert_eq!(
        found[1],
        json!({
            "id": "two", "load": "ok", "verdict": "allow", "by": ping, "decided": "certain", "matches": [ping],
        })
    );
    assert_eq!(
        found[2],
        json!({
            "id": null, "load": "ok", "verdict": "deny", "by": "deny_network", "decided": "certain",
            "matches": [twin("g-1", 0, 0, 0)], "near": [],
        })
    );
    assert_eq!(
        found[3],
        json!({
            "id": [4], "load": "ok", "verdict": "drop", "by": "invalid", "decided": "certain",
            "matches": [twin("g-1", 0, 0, 0)],
        })
    );
    assert_eq!(
        found[4],
        json!({
            "id": 5, "load": "ok", "verdict": "deny", "by": "default", "decided": "undetermined",
            "matches": [], "near": [], "because": [{ "code": "space_unknown" }],
        })
    );
    assert_eq!(found.len(), 5);
}

#[test]
fn near_misses_are_shown_up_to_a_number() {
    let question = json!({ "id": 1, "space": "s", "proto": "tcp", "dst": "10.0.11.7", "dpt": 80 });
    let near = |most| answers(&example(), &question.to_string(), most)[0]["near"].clone();
    assert_eq!(near(Some(0)), json!([]));
    assert_eq!(
        near(Some(1)),
        json!([{
            "how": "bind", "group": "g-3", "rule": 0, "destination": 0, "port": -1, "misses": [],
            "admits": { "addresses": 4_294_967_296_u64, "points": 16_777_216 },
            "change": { "bind": { "space": "s", "phase": "running" } },
        }])
    );
    assert_eq!(near(None).as_array().unwrap().len(), 3);
}

#[test]
fn a_line_that_is_no_question_is_answered_with_an_error() {
    let mut told = Vec::new();
    for question in [
        r#"{"id":1"#,
        r#"{"id":2,"proto":"tcp","dst":"10.0.0.1"}"#,
        r#"{"id":3,"proto":"tcp","dst":"example.com","dpt":1}"#,
        r#"{"id":4,"proto":"tcp","dst":"10.0.0.1","dpt":65536}"#,
        r#"{"id":5,"proto":"warp","dst":"10.0.0.1"}"#,
        r#"{"id":6,"proto":"tcp","dst":"10.0.0.1","dpt":1,"flags":"SIN"}"#,
        r#"{"id":7,"proto":"icmp","dst":"10.0.0.1","type":8}"#,
    ] {
        let answer = &answers(&example(), question, None)[0];
        told.push(format!("{} {}", answer["id"], answer["error"]["message"].as_str().unwrap()));
    }
    insta::assert_snapshot!(told.join("\n"), @r"
    null the text ends where more JSON was expected
    2 expected `dpt`, a port
    3 expected `dst`, an address
    4 malformed JSON: invalid value: integer `65536`, expected u16
    5 expected `proto`, a protocol's name or number
    6 expected `flags`, such as SYN ACK
    7 expected `code`, a number up to 255
    ");
}

#[test]
fn sets_that_are_refused_have_no_verdict_and_packets_to_containers_are_not_asked_about() {
    let bad = json!([{ "protocol": "all", "destination": "2001:db8::1" }]);
    let groups = [group("g", json!({ "rules": bad }))];
    let with = json!({ "overlay_networks": ["10.255.0.0/16"], "cell_networks": ["10.0.1.1"] });
    let policy = policy(&groups, with);
    let ask = |dst: &str| {
        let question = json!({ "id": 1, "space": "s", "proto": "tcp", "dst": dst, "dpt": 80 });
        answers(&policy, &question.to_string(), None).remove(0)
    };
    assert_eq!(ask("10.0.0.1"), json!({ "id": 1, "load": "refused" }));
    assert_eq!(ask("10.255.3.4"), json!({ "id": 1, "load": "ok", "governed": "c2c" }));
    assert_eq!(ask("10.0.1.1"), json!({ "id": 1, "load": "ok", "governed": "cell" }));
}

#[test]
fn an_incomplete_snapshot_is_said_and_leaves_nothing_certain() {
    let rules = json!([{ "protocol": "tcp", "destination": "10.0.0.1", "ports": "80" }]);
    let groups = vec![serde_json::from_value(group("g", json!({ "rules": rules }))).unwrap()];
    let partial = Snapshot::new(time("2026-03-01T12:00:00Z"), false, groups);
    let policy = Policy::new(vec![partial], CellSettings::default());
    let question = json!({ "id": 1, "space": "s", "proto": "tcp", "dst": "10.0.0.1", "dpt": 80 });
    let answer = answers(&policy, &question.to_string(), None).remove(0);
    let rule = json!({ "group": "g", "rule": 0, "destination": 0, "port": 0 });
    assert_eq!(
        answer,
        json!({
            "id": 1, "load": "ok", "verdict": "allow", "by_any_of": [rule], "decided": "undetermined",
            "matches": [rule], "because": [{ "code": "partial_snapshot" }],
        })
    );
}

/// Returns the validator of a schema in `schemas/`.
pub(super) fn schema(text: &str) -> jsonschema::Validator {
    jsonschema::validator_for(&serde_json::from_str(text).unwrap()).unwrap()
}

pub(super) fn hold(schema: &jsonschema::Validator, value: &Value) {
    let errors: Vec<String> = schema
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{value:#}: {errors:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn answers_and_coverage_are_as_their_schemas_have_them(
        groups in groups(4), with in profile(), probes in prop::collection::vec(probe(), 8),
    ) {
        let evaluate = schema(include_str!("../../../schemas/evaluate.schema.json"));
        let coverage = schema(include_str!("../../../schemas/coverage.schema.json"));
        let policy = policy(&groups, with);
        for probe in probes {
            let mut question = json!({ "id": 1, "space": "s", "dst": probe.destination });
            match probe.traffic {
                ProbeTraffic::Tcp { port, opening } => {
                    question["proto"] = "tcp".into();
                    question["dpt"] = port.into();
                    let flags = match opening {
                        Opening::New => "SYN",
                        Opening::PickUp => "ACK",
                        Opening::Invalid => "RST",
                    };
                    question["flags"] = flags.into();
                }
                ProbeTraffic::Udp { port } => {
                    question["proto"] = "udp".into();
                    question["dpt"] = port.into();
                }
                ProbeTraffic::Icmp { icmp_type, code } => {
                    question["proto"] = "icmp".into();
                    question["type"] = icmp_type.into();
                    question["code"] = code.into();
                }
                ProbeTraffic::Other(number) => question["proto"] = number.into(),
            }
            let answer = answers(&policy, &question.to_string(), None).remove(0);
            prop_assert!(answer.get("error").is_none(), "{}", answer);
            hold(&evaluate, &answer);
        }
        let found = policy.coverage("s", Phase::Running, None).unwrap();
        hold(&coverage, &serde_json::to_value(&found).unwrap());
    }
}

#[test]
fn the_schemas_have_the_closed_lists_of_words() {
    let explain: Value =
        serde_json::from_str(include_str!("../../../schemas/explain.schema.json")).unwrap();
    let words = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let because: Vec<&str> = Because::ALL.iter().map(|code| code.as_str()).collect();
    let blind: Vec<&str> = Blind::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(words(&explain["$defs"]["because"]["enum"]), because);
    assert_eq!(words(&explain["$defs"]["blind"]["enum"]), blind);
    let coverage: Value =
        serde_json::from_str(include_str!("../../../schemas/coverage.schema.json")).unwrap();
    assert_eq!(words(&coverage["$defs"]["blind"]["enum"]), blind);
}
