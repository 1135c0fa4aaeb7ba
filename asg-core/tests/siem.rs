//! Records of other standards: the worked examples, the ids, and wrong records.
#![cfg(feature = "siem")]

use std::collections::HashMap;
use std::convert::Infallible;

use asg_core::names::{AppState, Entity, directory_fn};
use asg_core::packet::{Address, Proto};
use asg_core::siem::{CommunityId, Reading, RecordJoiner, RecordLines, Rule, Standard};
use asg_core::{
    Certainty, Flow, Gathering, Guid, Identity, Line, Origin, Packet, SourceId, Timestamp,
};
use serde_json::{Value, json};

#[path = "siem/check.rs"]
mod check;

fn fixture(name: &str) -> String {
    let path = format!("{}/fixtures/siem/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

fn examples() -> Vec<Value> {
    let all: Value = serde_json::from_str(&fixture("examples.json")).unwrap();
    all.as_array().unwrap().clone()
}

fn reading() -> Reading<'static> {
    let at = Timestamp::parse(b"2024-05-06T07:10:00Z").unwrap();
    Reading::new(at).with_version("0.1.0")
}

/// Returns the app, space and org that a flow of an example has.
fn identity(flow: &Value) -> Option<(Guid, Identity)> {
    let entity = |it: &Value| {
        let guid = it["guid"].as_str()?;
        Some(it["name"].as_str().map_or_else(|| Entity::unnamed(guid), |n| Entity::named(guid, n)))
    };
    let app = entity(&flow["app"])?;
    let owner = flow["process_guid"].as_str().map_or(&*app.guid, |it| &it[..36]).parse().unwrap();
    let state = if flow["app"]["state"] == "deleted" { AppState::Deleted } else { AppState::Live };
    let (space, org) = (entity(&flow["space"]), entity(&flow["org"]));
    Some((owner, Identity { state, app: Some(app), space, org, ..Identity::unknown() }))
}

/// Correlates a log and gives each flow to `each`.
fn correlate(
    lines: &[String],
    names: &HashMap<Guid, Identity>,
    mut each: impl FnMut(&Flow<'_, '_>),
) {
    let mut gathering = Gathering::new();
    let at = |n: usize| Origin { source: SourceId(0), line: n as u64 + 1 };
    for (n, line) in lines.iter().enumerate() {
        gathering.ingest(at(n), line.as_bytes());
    }
    let mut gathered = gathering.finish(|_| Ok::<(), Infallible>(())).unwrap();
    let mut directory = directory_fn(|guids: &[Guid]| {
        let known = guids.iter().filter_map(|guid| Some((*guid, names.get(guid)?.clone())));
        Ok::<_, Infallible>(known.collect::<HashMap<_, _>>())
    });
    gathered.resolve(&mut directory).unwrap();
    let correlation = gathered.correlate();
    let mut reader = correlation.reader();
    for (n, line) in lines.iter().enumerate() {
        let line = Line::new(line.as_bytes());
        if let Some(flow) = reader.flow(at(n), &line) {
            each(&flow);
        }
    }
}

const APP: &str = "bc6f229d-5e4a-4c41-a63f-e8795496c283";

/// Returns the log of an example.
fn log(example: &Value) -> Vec<String> {
    let foundation: Vec<String> = fixture("foundation.log").lines().map(Into::into).collect();
    let packet_line = |text: &str| {
        format!(
            "<4>1 {}+00:00 10.0.16.15 kernel - - [instance@47450 director=\"\" deployment=\"cf\" \
             group=\"diego-cell\" az=\"z1\" id=\"0455ec2b-11fa-41ab-9d1c-f3a575cd55ea\"] {text}",
            example["flow"]["time"].as_str().unwrap_or_default().trim_end_matches('Z')
        )
    };
    match example["case"].as_str().unwrap() {
        "denied-egress-udp" => {
            let text = "[  680.119770] DENY_2d7e64b1-95c0-4f18-6a3b IN=s-010255073004 OUT=eth0 SRC=10.255.73.4 \
                DST=203.0.113.53 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=2806 DF PROTO=UDP SPT=40555 DPT=53 LEN=41 ";
            [foundation, vec![packet_line(text)]].concat()
        }
        // Another container's handle begins alike, so only the address's lease decides.
        "inferred-owner" => {
            let container = |handle: &str, address: &str| {
                foundation[3]
                    .replace("2d7e64b1-95c0-4f18-6a3b-c4d2", handle)
                    .replace("10.255.73.4", address)
                    .replace("d2c81f6e-4b3a-4e59-8c07-91a2b3c4d5e6", APP)
                    .replace("5b7d9e1f-2c4a-4d68-a0b3-c5e7f9012345", "1c0d4ae2-93f4-4c5e-b3b1-2f1b0f9a7d10")
                    .replace("\"index\":1", "\"index\":0")
            };
            let owner = container("bfce786c-ab07-40ad-79f9-8f21", "10.255.73.3");
            let rival = container("bfce786c-ab07-40ad-79f9-8aaa", "10.255.73.77");
            // A later line shows that the container still had the address.
            let later = owner.replace("07:08:14", "07:26:14");
            let packet = foundation[6]
                .replace("2024-05-06T07:09:10.583114", "2024-05-06T07:15:10.583114")
                .replace("[  637.582907]", "[  997.582907]");
            vec![owner, rival, later, String::new(), packet]
        }
        "icmpv6-without-time-or-cell" => vec![
            "[  637.581122] OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 \
             SRC=fd00:0000:0000:0000:0000:0000:0000:0003 DST=2001:0db8:0000:0000:0000:0000:0000:0001 LEN=104 TC=0 \
             HOPLIMIT=63 FLOWLBL=0 PROTO=ICMPv6 TYPE=128 CODE=0 ID=172 SEQ=1 "
                .into(),
        ],
        "rate-limited" => vec![
            String::new(),
            "[  638.581122] DENY_ORL_2d7e64b1-95c0-4f18-6 IN=s-010255073004 OUT=eth0 SRC=10.255.73.4 DST=203.0.113.25 \
             LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=7 DF PROTO=TCP SPT=40222 DPT=5432 WINDOW=27400 RES=0x00 SYN URGP=0 "
                .into(),
        ],
        _ => foundation,
    }
}

/// Returns the id of the kernel text of a line whose text the example does not give.
fn replaced_id(record: &Value, from: &str, to: &str) -> Value {
    serde_json::from_str(&record.to_string().replace(from, to)).unwrap()
}

#[test]
fn the_nine_examples_give_their_records_in_all_formats() {
    let all = examples();
    assert_eq!(all.len(), 9);
    for example in &all {
        let case = example["case"].as_str().unwrap();
        let lines = log(example);
        let names = all.iter().filter_map(|example| identity(&example["flow"])).collect();
        let names = if identity(&example["flow"]).is_some() { names } else { HashMap::new() };
        let mut found = 0;
        let wanted = &example["flow"];
        correlate(&lines, &names, |flow| {
            if flow.origin.line != wanted["line"].as_u64().unwrap() {
                return;
            }
            found += 1;
            let source = wanted["source"].as_str().unwrap();
            let reading = reading();
            let ecs = serde_json::to_value(flow.to_ecs(source, &reading)).unwrap();
            // For three examples only the record is known, not the line.
            let is_known = !matches!(
                case,
                "denied-egress-udp" | "icmpv6-without-time-or-cell" | "rate-limited"
            );
            let (expected_id, id) =
                (example["ecs"]["event"]["id"].as_str().unwrap(), &ecs["event"]["id"]);
            assert_eq!(id == expected_id, is_known, "{case}");
            let id = id.as_str().unwrap();
            let expected = |format: &str| replaced_id(&example[format], expected_id, id);
            assert_eq!(ecs, expected("ecs"), "{case}: {ecs}");
            let ocsf = serde_json::to_value(flow.to_ocsf(source, &reading)).unwrap();
            assert_eq!(ocsf, expected("ocsf"), "{case}: {ocsf}");
            let otlp = serde_json::to_value(flow.to_otlp(source, &reading)).unwrap();
            assert_eq!(otlp, expected("otlp"), "{case}: {otlp}");
            let cim = serde_json::to_value(flow.to_cim(source, &reading)).unwrap();
            assert_eq!(cim, expected("splunk_cim"), "{case}: {cim}");
            let cef = flow.to_cef(source, &reading).unwrap().to_string();
            assert_eq!(expected("cef"), cef, "{case}");
        });
        assert_eq!(found, 1, "{case}");
    }
}

#[test]
fn flows_of_one_cell_share_a_request() {
    let mut lines = RecordLines::new(Standard::Otlp, reading());
    let log = log(&examples()[0]);
    let mut many = 0;
    correlate(&log, &HashMap::new(), |flow| many += usize::from(lines.add(flow, "f.log")));
    let out = String::from_utf8(lines.take()).unwrap();
    let mut records = 0;
    let mut cells = Vec::new();
    for line in out.lines() {
        let request: Value = serde_json::from_str(line).unwrap();
        assert_eq!(check::otlp(&request), [""; 0]);
        let resource = &request["resourceLogs"][0];
        cells.push(resource["resource"]["attributes"].clone());
        records += resource["scopeLogs"][0]["logRecords"].as_array().unwrap().len();
    }
    assert_eq!(records, many);
    assert!(many > 5 && cells.len() < many, "{many} flows in {} requests", cells.len());
    assert!(cells.windows(2).all(|two| two[0] != two[1]), "neighbours share a request");
}

#[test]
fn requests_do_not_depend_on_how_records_come_in_pieces() {
    let log = log(&examples()[0]);
    // Each time later, so that no packet comes twice.
    let later = |n: usize| {
        let at = move |line: &String| line.replace("] [  6", &format!("] [{n:3}6"));
        log.iter().map(at).collect::<Vec<_>>()
    };
    let log: Vec<_> = (0..200).flat_map(later).collect();
    let written = |piece: usize, most: u64| {
        let mut writer = RecordLines::new(Standard::Otlp, reading());
        let mut joiner = RecordJoiner::new().limited_to(most);
        let (mut out, mut many) = (Vec::new(), 0_usize);
        correlate(&log, &HashMap::new(), |flow| {
            many += usize::from(writer.add(flow, "f.log"));
            if many % piece == 0 {
                joiner.add(writer.take_batch(), &mut out);
            }
        });
        joiner.add(writer.take_batch(), &mut out);
        joiner.finish(&mut out);
        (many, String::from_utf8(out).unwrap())
    };
    let records = |text: &str| text.matches("\"eventName\"").count();
    let (many, one) = written(1, u64::MAX);
    assert!(many > 1_024 && records(&one) == many, "{many} records");
    assert!(one.lines().count() > 2 && one.lines().all(|line| records(line) <= 512));
    for piece in [2, 7, 511, 513, many] {
        assert!(written(piece, u64::MAX).1 == one, "{piece} records in a piece");
    }
    let (_, some) = written(100, 700);
    assert_eq!(records(&some), 700);
    assert!(written(3, 700).1 == some);
}

#[test]
fn the_instance_is_in_the_records_where_the_app_is_not_known() {
    let mut many = 0;
    correlate(&log(&examples()[0]), &HashMap::new(), |flow| {
        let container = flow.attribution.container();
        let is_certain = flow.attribution.certainty >= Certainty::UniquePrefix;
        let index = container.and_then(asg_core::ledger::Lifetime::index);
        let (Some(index), true, None) = (index, is_certain, flow.app()) else { return };
        many += 1;
        let ecs = serde_json::to_value(flow.to_ecs("f.log", &reading())).unwrap();
        assert_eq!(check::ecs(&ecs), [""; 0], "{ecs}");
        assert_eq!(ecs["cloudfoundry"], json!({"app": {"instance": {"id": index.to_string()}}}));
        let otlp = serde_json::to_value(flow.to_otlp("f.log", &reading())).unwrap();
        let attribute = json!({"key": "cloudfoundry.app.instance.id", "value": {"stringValue": index.to_string()}});
        assert!(otlp.to_string().contains(&attribute.to_string()), "{otlp}");
        let ocsf = serde_json::to_value(flow.to_ocsf("f.log", &reading())).unwrap();
        assert_eq!(ocsf["enrichments"][0]["data"]["index"], index, "{ocsf}");
        // These two have no field for it.
        let cim = serde_json::to_value(flow.to_cim("f.log", &reading())).unwrap();
        assert!(cim["cf_app_id"].is_null() && cim["cf_container"].is_string(), "{cim}");
        let cef = flow.to_cef("f.log", &reading()).unwrap().to_string();
        assert!(!cef.contains("cs3=") && cef.contains("cs4Label=container handle"), "{cef}");
    });
    assert!(many > 3, "{many}");
}

#[test]
fn community_ids_are_those_of_other_programs() {
    let all: Value = serde_json::from_str(&fixture("community-id.json")).unwrap();
    let vectors = all["vectors"].as_array().unwrap();
    assert!(vectors.len() >= 59);
    for vector in vectors {
        let address = |name: &str| {
            let ip: std::net::IpAddr = vector[name].as_str().unwrap().parse().unwrap();
            Some(Address::from(ip))
        };
        let number =
            |names: &[&str]| names.iter().find_map(|name| vector.get(name)).and_then(Value::as_u64);
        let mut packet = Packet::default();
        let ip = &mut packet.ip;
        (ip.src, ip.dst) = (address("src"), address("dst"));
        let proto = u8::try_from(vector["proto"].as_u64().unwrap()).unwrap();
        let known =
            ["tcp", "udp", "icmp", "icmpv6", "sctp"].iter().filter_map(|it| Proto::named(it));
        let known = known.into_iter().find(|it| it.number() == proto);
        ip.proto = Some(known.unwrap_or(Proto::Other(proto)));
        match proto {
            1 | 58 => {
                // A message that has an answer is given by both types.
                ip.icmp_type = number(&["type", "icmp_type", "sport"]).map(|it| it as u8);
                ip.icmp_code = number(&["code", "icmp_code", "dport"]).map(|it| it as u8);
            }
            _ => {
                ip.spt = number(&["sport"]).map(|it| it as u16);
                ip.dpt = number(&["dport"]).map(|it| it as u16);
            }
        }
        for (seed, name) in [(0, "id"), (1, "id_seed1")] {
            let id = CommunityId::of(ip, seed).map(|id| id.to_string());
            assert_eq!(id.as_deref(), vector[name].as_str(), "{vector}");
        }
    }
    let mut packet = Packet::default();
    assert_eq!(CommunityId::of(&packet.ip, 0), None, "without addresses");
    let any = Some(Address::from(std::net::IpAddr::from([10, 0, 0, 1])));
    (packet.ip.src, packet.ip.dst, packet.ip.proto) = (any, any, Some(Proto::Tcp));
    assert_eq!(CommunityId::of(&packet.ip, 0), None, "without ports");
    (packet.ip.spt, packet.ip.dpt) = (Some(1), Some(2));
    assert!(CommunityId::of(&packet.ip, 0).is_some());
    packet.ip.frag_offset = Some(185);
    assert_eq!(CommunityId::of(&packet.ip, 0), None, "of a later fragment");
}

#[test]
fn names_as_attackers_write_them_stay_text() {
    let all = examples();
    let evil = "a=b|c\\d\n e\r\u{1b}[31m\u{202e}\" ";
    let mut names: HashMap<Guid, Identity> =
        all.iter().filter_map(|example| identity(&example["flow"])).collect();
    for identity in names.values_mut() {
        for entity in
            [&mut identity.app, &mut identity.space, &mut identity.org].into_iter().flatten()
        {
            entity.name = Some(evil.into());
        }
    }
    let mut many = 0;
    correlate(&log(&all[0]), &names, |flow| {
        let reading = reading();
        let Some(cef) = flow.to_cef("f.log", &reading) else { return };
        assert_eq!(check::cef(&cef.to_string()), [""; 0], "{cef}");
        let ecs = serde_json::to_value(flow.to_ecs("f.log", &reading)).unwrap();
        many += usize::from(ecs["orchestrator"]["namespace"] == evil);
    });
    assert!(many > 3);
}

/// Returns the records of a flow in all standards, by name; CEF as a string.
fn records(flow: &Flow<'_, '_>, rule: Option<Rule<'_>>) -> Option<Vec<(&'static str, Value)>> {
    let reading = reading();
    let json = |record: serde_json::Result<Value>| record.unwrap();
    Some(vec![
        ("ecs", json(serde_json::to_value(flow.to_ecs("f.log", &reading)?.with_rule(rule)))),
        ("ocsf", json(serde_json::to_value(flow.to_ocsf("f.log", &reading)?.with_rule(rule)))),
        ("otlp", json(serde_json::to_value(flow.to_otlp("f.log", &reading)?.with_rule(rule)))),
        ("cim", json(serde_json::to_value(flow.to_cim("f.log", &reading)?.with_rule(rule)))),
        ("cef", flow.to_cef("f.log", &reading)?.with_rule(rule).to_string().into()),
    ])
}

fn problems(standard: &str, record: &Value) -> check::Problems {
    match standard {
        "ecs" => check::ecs(record),
        "ocsf" => check::ocsf(record),
        "otlp" => check::otlp(record),
        "cim" => check::cim(record),
        _ => check::cef(record.as_str().unwrap()),
    }
}

#[test]
fn a_rule_is_in_the_fields_for_rules_of_each_standard_if_the_owner_is_certain() {
    let all = examples();
    let names: HashMap<Guid, Identity> =
        all.iter().filter_map(|example| identity(&example["flow"])).collect();
    let group = "c4a9d3e5-7f10-4b26-8d81-e2f6a0b1c2d3";
    let id = format!("{group}/3");
    let plain = Rule {
        name: "tcp 10.0.16.0/24 443",
        id: &id,
        group,
        group_name: Some("billing"),
        description: Some("the database"),
    };
    let evil = "a=b|c\\d\n e\r\u{1b}[31m\u{202e}\" ";
    let hostile = Rule { name: evil, group_name: Some(evil), description: Some(evil), ..plain };
    let bare = Rule { group_name: None, description: None, ..plain };
    let (mut certain, mut others) = (0, 0);
    let foundation = log(&all[0]);
    correlate(&foundation, &names, |flow| {
        let Some(without) = records(flow, None) else { return };
        for rule in [plain, hostile, bare] {
            let with = records(flow, Some(rule)).unwrap();
            for (standard, record) in &with {
                assert_eq!(problems(standard, record), [""; 0], "{standard}: {record}");
            }
            if flow.attribution.certainty < Certainty::UniquePrefix {
                others += 1;
                assert_eq!(with, without, "whose rules hold is not certain");
                continue;
            }
            certain += 1;
            let by = |standard: &str| &with.iter().find(|(name, _)| *name == standard).unwrap().1;
            let ruleset = rule.group_name.unwrap_or(group);
            assert_eq!(by("ecs")["rule"]["uuid"], *id);
            assert_eq!(by("ecs")["rule"]["name"], rule.name);
            assert_eq!(by("ecs")["rule"]["ruleset"], ruleset);
            assert_eq!(by("ecs")["cf"]["asg"]["security_group"], group);
            assert_eq!(by("ocsf")["firewall_rule"]["uid"], *id);
            assert_eq!(by("ocsf")["policy"]["uid"], group);
            assert_eq!(by("cim")["rule_id"], *id);
            let otlp = by("otlp").to_string();
            assert!(otlp.contains("security_rule.ruleset.name"), "{otlp}");
            assert!(by("cef").as_str().unwrap().contains(" cs1Label=rule"), "{}", by("cef"));
        }
    });
    assert!(certain > 3 && others > 2, "{certain} {others}");
}

#[test]
fn records_with_wrong_rules_are_refused() {
    let all = examples();
    let key = |format| if format == "cim" { "splunk_cim" } else { format };
    let case = |format| all[0][key(format)].clone();
    for (format, path, value) in [
        ("ecs", "/rule", json!({"name": 7})),
        ("ecs", "/rule", json!({"names": "tcp"})),
        ("ecs", "/rule", json!({"uuid": ["x"]})),
        ("ocsf", "/firewall_rule", json!({"desc": "neither name nor uid"})),
        ("ocsf", "/firewall_rule", json!({"uid": 3})),
        ("ocsf", "/policy", json!({"uid": "x", "guid": "x"})),
        ("ocsf", "/rule", json!({"name": "x"})),
        ("cim", "/rule", json!(7)),
        ("cim", "/rule_uuid", json!("x")),
    ] {
        let record = spoilt(&case(format), &Wrong::Set(path, value.clone()));
        assert!(!problems(format, &record).is_empty(), "{format} {path} {value}");
    }
    let attributes = "/resourceLogs/0/scopeLogs/0/logRecords/0/attributes/-";
    for key in ["security_rule.id", "security_rule.ruleset", "rule.name"] {
        let value = json!({"key": key, "value": {"stringValue": "x"}});
        let record = spoilt(&case("otlp"), &Wrong::Set(attributes, value));
        assert!(!check::otlp(&record).is_empty(), "{key}");
    }
    let cef = case("cef");
    for more in [" cs1=x", " flexString1=x", " rule=x"] {
        let line = format!("{}{more}", cef.as_str().unwrap());
        assert!(!check::cef(&line).is_empty(), "{more}");
    }
}

type Check = fn(&Value) -> check::Problems;

/// One fault in an example's record.
enum Wrong {
    Set(&'static str, Value),
    Remove(&'static str),
}

fn spoilt(record: &Value, wrong: &Wrong) -> Value {
    let mut record = record.clone();
    let path = match wrong {
        Wrong::Set(path, _) | Wrong::Remove(path) => path,
    };
    let (parent, name) = path.rsplit_once('/').unwrap();
    let parent = record.pointer_mut(parent).unwrap_or_else(|| panic!("{path}"));
    match (wrong, parent) {
        (Wrong::Set(_, value), Value::Object(parent)) => {
            parent.insert(name.into(), value.clone());
        }
        (Wrong::Set(_, value), Value::Array(parent)) => match name.parse::<usize>() {
            Ok(n) => parent[n] = value.clone(),
            Err(_) => parent.push(value.clone()),
        },
        (Wrong::Remove(_), Value::Object(parent)) => {
            assert!(parent.remove(name).is_some(), "{path}");
        }
        _ => panic!("{path}"),
    }
    record
}

#[test]
fn wrong_records_are_refused() {
    use Wrong::{Remove, Set};
    let all = examples();
    let case = |name: &str| all.iter().find(|it| it["case"] == name).unwrap();
    let (allowed, inferred, limited) =
        (case("allowed-egress-tcp"), case("inferred-owner"), case("rate-limited"));
    let formats: [(&str, Check, &Value, Vec<Wrong>); 6] = [
        (
            "ecs",
            check::ecs,
            allowed,
            vec![
                Set("/event/outcome", json!("failure")),
                Set("/event/type", json!("allowed")),
                Set("/event/type/1", json!("admin")),
                Set("/event/category", json!(["sound"])),
                Set("/event/sequence", json!("637.582907")),
                Set("/source/bytes", json!(null)),
                Set("/source/port", json!("51858")),
                Set("/source/ip", json!("fd00:0000:0000:0000:0000:0000:0000:0003")),
                Set("/network/iana_number", json!(6)),
                Set("/network/proto", json!("tcp")),
                Set("/container/handle", json!("x")),
                Set("/host/id", json!("")),
                Set("/data_stream/dataset", json!("cloudfoundry-asg")),
                Set("/source.ip", json!("10.0.0.1")),
                Remove("/@timestamp"),
                Remove("/cf/asg/attribution/reason"),
            ],
        ),
        (
            "ecs",
            check::ecs,
            inferred,
            vec![
                Set("/container", json!({"id": "bfce786c-ab07-40ad-79f9-8f21"})),
                Set("/cloudfoundry", json!({"app": {"id": "x"}})),
            ],
        ),
        ("ecs", check::ecs, limited, vec![Set("/event/outcome", json!("success"))]),
        (
            "ocsf",
            check::ocsf,
            allowed,
            vec![
                Set("/type_uid", json!(400_101)),
                Set("/disposition_id", json!(25)),
                Set("/activity_name", json!("Open")),
                Set("/metadata/profiles", json!(["datetime", "host", "security_control"])),
                Set(
                    "/metadata/profiles",
                    json!(["security_control", "host", "datetime", "container"]),
                ),
                Set("/src_endpoint/instance_uid", json!(7)),
                Set("/dst_endpoint/interface_name", json!("eth0")),
                Set("/handle", json!("x")),
                Set("/observables/0/value", json!("10.9.9.9")),
                Set("/enrichments/0/data/certainty", json!("inferred")),
                Set("/time", json!("2024-05-06T07:09:10Z")),
                Remove("/severity_id"),
                Remove("/metadata/product"),
            ],
        ),
        (
            "otlp",
            check::otlp,
            allowed,
            vec![
                Set(
                    "/resourceLogs/0/scopeLogs/0/logRecords/0/timeUnixNano",
                    json!(1_714_979_350_583_114_000_u64),
                ),
                Set("/resourceLogs/0/scopeLogs/0/logRecords/0/time_unix_nano", json!("1")),
                Set("/resourceLogs/0/scopeLogs/0/logRecords/0/severityNumber", json!(13)),
                Set(
                    "/resourceLogs/0/scopeLogs/0/logRecords/0/attributes/2/value",
                    json!({"stringValue": "51858"}),
                ),
                Set(
                    "/resourceLogs/0/scopeLogs/0/logRecords/0/attributes/1/key",
                    json!("source.ip"),
                ),
                Set(
                    "/resourceLogs/0/scopeLogs/0/logRecords/0/attributes/1/key",
                    json!("destination.address"),
                ),
                Set(
                    "/resourceLogs/0/scopeLogs/0/logRecords/0/attributes/15/value",
                    json!({"stringValue": "inferred"}),
                ),
            ],
        ),
        (
            "splunk_cim",
            check::cim,
            allowed,
            vec![
                Set("/action", json!("denied")),
                Set("/app", json!(null)),
                Set("/direction", json!("egress")),
                Set("/src_port", json!("51858")),
                Set("/dest_priority_of_mine", json!("x")),
                Set("/tcp_flag", json!("ECE")),
                Set("/cf_certainty", json!("inferred")),
                Set("/_time", json!(1_714_979_350_u64)),
                Remove("/cf_event_id"),
            ],
        ),
    ];
    let mut many = 0;
    for (format, check, example, wrong) in &formats {
        assert_eq!(check(&example[format]), [""; 0], "{format}");
        for wrong in wrong {
            let record = spoilt(&example[format], wrong);
            let what = match wrong {
                Set(path, value) => format!("{path} = {value}"),
                Remove(path) => format!("no {path}"),
            };
            assert_ne!(check(&record), [""; 0], "{format}: {what}");
            many += 1;
        }
    }
    let line = allowed["cef"].as_str().unwrap();
    assert_eq!(check::cef(line), [""; 0]);
    for (from, to) in [
        ("CEF:0|", "CEF:0 "),
        ("|1|rt", "|Medium|rt"),
        ("\\= cs6Label", "= cs6Label"),
        (" cs5Label=certainty", ""),
        ("src=10.255.73.3", "src=fd00::3"),
        ("rt=1714979350583", "rt=yesterday"),
        ("act=allowed", "verdict=allowed"),
        ("proto=TCP", "proto="),
        ("cat=asg", "cat=asg cat=asg"),
    ] {
        assert!(line.contains(from), "{from}");
        assert_ne!(check::cef(&line.replace(from, to)), [""; 0], "{from}");
        many += 1;
    }
    assert!(many >= 37, "{many}");
}
