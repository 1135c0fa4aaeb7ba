//! Lines of ten years: the facts in them, and those that are left when they break off.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const LRP: &str = r#""lrp-instance-key":{"instance_guid":"bfce786c-ab07-40ad-79f9-8f21","cell_id":"0455ec2b-11fa-41ab-9d1c-f3a575cd55ea"},"lrp-key":{"process_guid":"bc6f229d-5e4a-4c41-a63f-e8795496c283-1c0d4ae2-93f4-4c5e-b3b1-2f1b0f9a7d10","index":2,"domain":"cf-apps"}"#;

fn line(message: &str, data: &str) -> String {
    let data = data.replace("$LRP", LRP);
    format!(
        r#"{{"timestamp":"2024-05-06T07:08:05.400000120Z","level":"info","source":"rep","message":"{message}","data":{data}}}"#
    )
}

/// Returns the `rep` object of the output, or the kind of event if it is another.
fn rep(line: &str) -> Value {
    match LagerEvent::parse(line.as_bytes()).unwrap() {
        LagerEvent::Rep(event) => serde_json::to_value(event).unwrap(),
        LagerEvent::Logger(_) => json!("logger"),
        LagerEvent::Other => json!("other"),
    }
}

#[test]
fn each_spelling_of_a_container_and_its_process() {
    let short = "bfce786c-ab07-40ad-79f9-8f21";
    let task = "5a0b8c1d-6f0e-4b7a-9c3d-1e2f3a4b5c6d";
    let process = "bc6f229d-5e4a-4c41-a63f-e8795496c283-1c0d4ae2-93f4-4c5e-b3b1-2f1b0f9a7d10";
    let cell = "0455ec2b-11fa-41ab-9d1c-f3a575cd55ea";
    let lrp = |event: &str| {
        json!({"handle": short, "process_guid": process, "instance_guid": short, "index": 2, "domain": "cf-apps",
            "cell_id": cell, "event": event})
    };
    let with_ip = |event: &str| {
        let mut value = lrp(event);
        value["container_ip"] = json!("10.255.73.3");
        value
    };
    for (message, data, expected) in [
        (
            "rep.x.node-create.created-container-in-garden",
            r#"{"container-guid":"bfce786c-ab07-40ad-79f9-8f21",$LRP}"#,
            lrp("created"),
        ),
        (
            "rep.x.node-destroy.destroyed-container-in-garden",
            r#"{"Guid":"bfce786c-ab07-40ad-79f9-8f21",$LRP}"#,
            lrp("destroyed"),
        ),
        (
            "rep.x.process-running-container.bbs-start-actual-lrp",
            r#"{"guid":"bfce786c-ab07-40ad-79f9-8f21",$LRP,"net_info":{"address":"10.0.16.15","ports":[],"instance_address":"10.255.73.3"}}"#,
            with_ip("running"),
        ),
        (
            "rep.x.anything",
            r#"{"handle":"bfce786c-ab07-40ad-79f9-8f21"}"#,
            json!({"handle": short, "event": "seen"}),
        ),
        (
            "rep.request.handling-stop-lrp-instance.stop-container.starting",
            r#"{"Guid":"bfce786c-ab07-40ad-79f9-8f21","instance-guid":"bfce786c-ab07-40ad-79f9-8f21","process-guid":"p-1","request":"/v1/lrps"}"#,
            json!({"handle": short, "instance_guid": short, "process_guid": "p-1", "event": "seen"}),
        ),
        (
            "rep.x.evacuation-lrp-processor.process-running-container.bbs-evacuate-running-actual-lrp",
            r#"{"container-guid":"bfce786c-ab07-40ad-79f9-8f21","net_info":{"instance_address":"10.255.73.3"}}"#,
            json!({"handle": short, "container_ip": "10.255.73.3", "event": "evacuating"}),
        ),
        ("rep.x.executing-residual-instance-lrp-operation.starting", r"{$LRP}", {
            let mut v = lrp("missing");
            v.as_object_mut().unwrap().remove("handle");
            v
        }),
        (
            "rep.x.task-processor.starting-task",
            r#"{"container-guid":"5a0b8c1d-6f0e-4b7a-9c3d-1e2f3a4b5c6d"}"#,
            json!({"handle": task, "event": "creating"}),
        ),
        (
            "rep.request.cancel-task.deleting-container",
            r#"{"instance-guid":"5a0b8c1d-6f0e-4b7a-9c3d-1e2f3a4b5c6d"}"#,
            json!({"handle": task, "event": "destroying"}),
        ),
        (
            "bbs.request.claim-actual-lrp.ignored",
            r#"{"instance_guid":{"instance_guid":"bfce786c-ab07-40ad-79f9-8f21","cell_id":"c"},"process_guid":"p-1","index":0}"#,
            json!({"instance_guid": short, "cell_id": "c", "process_guid": "p-1", "index": 0, "event": "seen"}),
        ),
        (
            "bbs.request.start-actual-lrp.db-start-actual-lrp.starting",
            r#"{"actual_lrp_instance_key":{"instance_guid":"i"},"actual_lrp_key":{"process_guid":"p-1","index":0,"domain":"d"}}"#,
            json!({"instance_guid": "i", "process_guid": "p-1", "index": 0, "domain": "d", "event": "running"}),
        ),
        (
            "guardian.create.network.config-create",
            r#"{"config":{"ContainerHandle":"h-1","ContainerIP":"10.254.0.10","BridgeName":"wbrdg-0afe0008"},"handle":"h-1"}"#,
            json!({"handle": "h-1", "container_ip": "10.254.0.10", "event": "seen"}),
        ),
        (
            "rep.x.container-allocation-failure",
            r#"{"failed-request":{"Guid":"g-1","Tags":{"instance-guid":"i","process-guid":"p-1","process-index":"3","domain":"cf-apps"}}}"#,
            json!({"handle": "g-1", "instance_guid": "i", "process_guid": "p-1", "index": 3, "domain": "cf-apps", "event": "failed"}),
        ),
        (
            "rep.x.creating-container",
            r#"{"data_dump":"lager.Data{\"container-guid\":\"bfce786c-ab07-40ad-79f9-8f21\", \"x\":1}","lager serialisation error":"json"}"#,
            json!({"handle": short, "event": "seen"}),
        ),
        ("rep.x.y", r#"{"container-guid":"*REDACTED*","guid":"abc-(truncated)"}"#, json!("other")),
        (
            "rep.x.y",
            r#"{"lrp-key":{"domain":"cf-apps","index":1.0,"process_guid":"p-1"}}"#,
            json!({"domain": "cf-apps", "index": 1, "process_guid": "p-1", "event": "seen"}),
        ),
        // Facts that contradict each other prove nothing.
        ("rep.x.y", r#"{"container-guid":"a-1","guid":"b-2"}"#, json!("other")),
        ("rep.x.y", r#"{"guid":"a-1","guid":"b-2"}"#, json!("other")),
        (
            "rep.x.y",
            r#"{"guid":"a-1","process-guid":"p-1","lrp-key":{"process_guid":"p-2","index":1}}"#,
            json!({"handle": "a-1", "index": 1, "event": "seen"}),
        ),
        // Names of processes in a container are not names of the container.
        ("rep.x.y", r#"{"guid":"bfce786c-ab07-40ad-79f9-8f21-envoy"}"#, json!("other")),
        (
            "rep.x.y",
            r#"{"handle":"bfce786c-ab07-40ad-79f9-8f21-envoy-liveness-healthcheck-12"}"#,
            json!("other"),
        ),
        // rep of early 2015
        (
            "rep.event-consumer.operation-stream.executing-container-operation.ordinary-lrp-processor.x",
            r#"{"lrp-container-key":{"instance_guid":"i","cell_id":"c"},"lrp-key":{"process_guid":"p-1","index":0,"domain":"d"},"net-info":{"address":"10.0.16.15"}}"#,
            json!({"instance_guid": "i", "cell_id": "c", "process_guid": "p-1", "index": 0, "domain": "d", "event": "seen"}),
        ),
        // garden-linux of 2015 logged the whole specification
        (
            "garden-linux.garden-server.create.creating",
            r#"{"request":{"bind_mounts":[],"handle":"h-1","properties":{"executor:state":"created","tag:domain":"cf-apps","tag:instance-guid":"i","tag:lifecycle":"lrp","tag:process-guid":"p-1","tag:process-index":"3"}}}"#,
            json!({"handle": "h-1", "domain": "cf-apps", "instance_guid": "i", "process_guid": "p-1", "index": 3, "event": "creating"}),
        ),
        (
            "guardian.create.external-networker-result",
            r#"{"action":"up","handle":"h-1","session":"555","stderr":"","stdin":"{\"Pid\":19335,\"Properties\":{\"app_id\":\"a\",\"org_id\":\"o\",\"space_id\":\"s\"}}","stdout":"{\"properties\":{\"garden.network.container-ip\":\"10.255.67.13\",\"garden.network.host-ip\":\"255.255.255.255\"}}\n"}"#,
            json!({"handle": "h-1", "container_ip": "10.255.67.13", "event": "seen"}),
        ),
        (
            "guardian.net-in.external-networker-result",
            r#"{"action":"net-in","handle":"h-1","stdin":"{\"HostIP\":\"10.0.16.15\",\"HostPort\":0,\"ContainerIP\":\"10.255.67.13\",\"ContainerPort\":8080}","stdout":"{\"host_port\":1}"}"#,
            json!({"handle": "h-1", "container_ip": "10.255.67.13", "event": "seen"}),
        ),
        ("rep.exited", "{}", json!("other")),
        ("rep.exited", "null", json!("other")),
    ] {
        assert_eq!(rep(&line(message, data)), expected, "{message} {data}");
    }
}

#[test]
fn names_are_read_where_executor_writes_them() {
    let data = r#"{"guid":"h","info":{"guid":"h","internal_ip":"10.255.73.3","log_config":{"tags":{"app_id":"a","app_name":"proxy","space_name":"s"}},
        "network":{"properties":{"org_id":"o"}},"Tags":{"process-guid":"p-1","process-index":"0"}}}"#;
    let text = line("rep.x.node-create.container-created", data);
    let LagerEvent::Rep(event) = LagerEvent::parse(text.as_bytes()).unwrap() else { panic!() };
    let names = event.names.as_deref().unwrap();
    assert_eq!(names.app_name.as_deref(), Some("proxy"));
    assert_eq!(names.org_guid.as_deref(), Some("o"));
    assert_eq!((event.process_guid.as_deref(), event.index), (Some("p-1"), Some(0)));
}

#[test]
fn names_are_read_from_what_garden_gave_the_networker() {
    let data = r#"{"handle":"h-1","stdin":"{\"Pid\":1,\"Properties\":{\"app_id\":\"a\",\"org_id\":\"o\"}}"}"#;
    let text = line("guardian.create.external-networker-result", data);
    let LagerEvent::Rep(event) = LagerEvent::parse(text.as_bytes()).unwrap() else { panic!() };
    let names = event.names.as_deref().unwrap();
    assert_eq!((names.app_guid.as_deref(), names.org_guid.as_deref()), (Some("a"), Some("o")));
}

#[test]
fn both_formats_of_time_are_exact() {
    for (stamp, expected) in [
        (r#""1498136872.889604807""#, Some("2017-06-22T13:07:52.889604807Z")),
        ("1498136872.5", Some("2017-06-22T13:07:52.5Z")),
        (r#""2024-05-06T07:08:05.400000120Z""#, Some("2024-05-06T07:08:05.40000012Z")),
        (r#""2018-03-25T07:08:05.4Z""#, Some("2018-03-25T07:08:05.4Z")),
        (r#""now""#, None),
        ("null", None),
        ("99999999999999999999", None),
    ] {
        let text = format!(
            r#"{{"timestamp":{stamp},"source":"rep","message":"rep.x","data":{{"guid":"h"}}}}"#
        );
        let LagerEvent::Rep(event) = LagerEvent::parse(text.as_bytes()).unwrap() else { panic!() };
        assert_eq!(event.time.map(|t| t.to_string()).as_deref(), expected, "{stamp}");
    }
}

#[test]
fn iptables_logger_names_a_container_whole() {
    let text = r#"{"timestamp":"2024-05-06T07:09:10.900000000Z","level":"info","source":"cfnetworking.iptables","message":"cfnetworking.iptables.egress-allowed","data":{"packet":{"direction":"egress","allowed":true,"src_ip":"10.255.73.3","dst_ip":"8.8.8.8","src_port":51858,"dst_port":80,"protocol":"TCP","mark":"","icmp_type":0,"icmp_code":0},"source":{"container_id":"bfce786c-ab07-40ad-79f9-8f21","app_guid":"","host_ip":"10.0.16.15"}}}"#;
    let LagerEvent::Logger(event) = LagerEvent::parse(text.as_bytes()).unwrap() else { panic!() };
    assert_eq!(event.container_id.as_deref(), Some("bfce786c-ab07-40ad-79f9-8f21"));
    assert_eq!((event.app_guid, event.mark, event.dst_port), (None, None, Some(80)));
}

#[test]
fn json_of_others_is_other_and_broken_json_says_where() {
    for text in ["{}", "[1]", "1", r#"{"message":"x"}"#, r#"{"message":{"a":1},"source":"rep"}"#] {
        match LagerEvent::parse(text.as_bytes()) {
            Ok(event) => assert_eq!(event, LagerEvent::Other, "{text}"),
            Err(error) => assert!(!text.starts_with('{'), "{text}: {error}"),
        }
    }
    for (text, message) in [
        (r#"{"source":"re"#, "byte 13: the text ends where more JSON was expected"),
        (r#"{"source":x}"#, "byte 10: malformed JSON: expected value at line 1 column 11"),
    ] {
        assert_eq!(LagerEvent::parse(text.as_bytes()).unwrap_err().to_string(), message);
    }
}

/// Checks that each line gives what it proves, and that no cut of it gives anything that the whole
/// line does not.
#[test]
fn every_collected_line_gives_what_it_proves_and_no_cut_of_it_says_more() {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/rep/rep-lines.txt"));
    let mut proved = String::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("# ") {
            let label = heading.split_whitespace().next().unwrap();
            if label.len() > 1 && label[1..].bytes().all(|b| b.is_ascii_digit()) {
                proved = proved + label + ": ";
            }
        }
        if line.starts_with('{') {
            let value: Value = serde_json::from_str(line).unwrap();
            let said = rep(line);
            assert_eq!(reference::rep(&value).unwrap_or(json!("other")), said, "{line}");
            assert!(LagerEvent::may_be_in(line.as_bytes()) || said == "other", "{line}");
            no_cut_says_more(line);
            proved = proved + &short(&said) + "\n";
        }
    }
    insta::assert_snapshot!(proved, @r"
    A1: {event:creating,handle:PROCESS-A-A}
    A3: {cell_id:cell-1,domain:cf-apps,event:creating,handle:PROCESS-A-A,index:0,instance_guid:A,process_guid:PROCESS-A}
    A5: {cell_id:cell-1,domain:cf-apps,event:completed,handle:PROCESS-A-A,index:0,instance_guid:A,process_guid:PROCESS-A}
    B1: {event:seen,handle:B}
    B3: {cell_id:CELL-B,domain:cf-apps,event:creating,handle:B,index:0,instance_guid:B,process_guid:PROCESS-B}
    B5: {cell_id:CELL-B,domain:cf-apps,event:created,handle:B,index:0,instance_guid:B,process_guid:PROCESS-B}
    B7: {cell_id:CELL-B,domain:cf-apps,event:running,handle:B,index:0,instance_guid:B,process_guid:PROCESS-B}
    B9: {event:stopping,handle:B,instance_guid:B,process_guid:PROCESS-B}
    B11: {cell_id:CELL-B,domain:cf-apps,event:destroyed,handle:B,index:0,instance_guid:B,process_guid:PROCESS-B}
    C1: {cell_id:CELL-C,container_ip:10.255.73.3,domain:cf-apps,event:running,handle:C,index:0,instance_guid:C,process_guid:PROCESS-C}
    C3: {cell_id:CELL-C,container_ip:10.255.73.3,domain:cf-apps,event:running,handle:C,index:0,instance_guid:C,process_guid:PROCESS-C}
    C5: {cell_id:CELL-C,container_ip:10.255.73.3,domain:cf-apps,event:running,handle:C,index:0,instance_guid:C,process_guid:PROCESS-C}
    C7: {cell_id:CELL-C,domain:cf-apps,event:created,handle:C,index:0,instance_guid:C,process_guid:PROCESS-C}
    C9: {cell_id:CELL-C,domain:cf-apps,event:running,handle:C,index:0,instance_guid:C,process_guid:PROCESS-C}
    C11: {cell_id:CELL-C,domain:cf-apps,event:destroying,handle:C,index:0,instance_guid:C,process_guid:PROCESS-C}
    C13: {container_ip:10.255.73.3,event:evacuating,handle:C}
    C15: {cell_id:CELL-C,domain:cf-apps,event:missing,index:2,instance_guid:C,process_guid:PROCESS-C}
    C17: {event:seen,handle:C,instance_guid:C,process_guid:PROCESS-C}
    C19: {cell_id:CELL-C,container_ip:10.255.73.3,domain:cf-apps,event:created,handle:C,index:0,instance_guid:C,process_guid:PROCESS-C}
    C21: {event:destroyed,handle:C}
    D1: {event:creating,handle:TASK}
    D3: {event:completed,handle:TASK}
    D5: {event:destroying,handle:TASK}
    E1: {event:creating,handle:C}
    E3: {container_ip:10.254.0.10,event:seen,handle:B}
    E5: {event:destroying,handle:C}
    G1: {cell_id:CELL-C,container_ip:10.255.73.3,domain:cf-apps,event:running,index:0,instance_guid:C,process_guid:PROCESS-C}
    G3: {cell_id:CELL-C,event:seen,index:0,instance_guid:C,process_guid:PROCESS-C}
    F1: {cell_id:CELL-C,domain:cf-apps,event:created,handle:C,index:0,instance_guid:C,process_guid:PROCESS-C}
    F3: {event:creating,handle:C}
    F5: other
    ");
}

/// Returns the `rep` object with the identifiers of these lines shortened.
fn short(rep: &Value) -> String {
    let mut text = serde_json::to_string(rep).unwrap().replace('"', "");
    for (long, name) in [
        ("46ab3511-e11c-45cd-9f3e-a20ad836a9e4-843b85ee-f2b7-4c4b-9ee7-4833ec1e066f", "PROCESS-A"),
        ("4ccbb24c-268e-421a-9d1b-3678b6eb40d0-0f0f6a2e-7c1b-4d0a-8a55-5f2f8f0e6c11", "PROCESS-B"),
        ("bc6f229d-5e4a-4c41-a63f-e8795496c283-1c0d4ae2-93f4-4c5e-b3b1-2f1b0f9a7d10", "PROCESS-C"),
        ("a85d5b3b-ccef-47ca-5ee1-3620b3a349d9", "A"),
        ("d08bb414-cdba-4381-412a-e9ecc1b7d0f4", "B"),
        ("bfce786c-ab07-40ad-79f9-8f21", "C"),
        ("5a0b8c1d-6f0e-4b7a-9c3d-1e2f3a4b5c6d", "TASK"),
        ("diego_cell-2-41f21178-d619-4976-901c-325bc2d0d11d", "CELL-B"),
        ("0455ec2b-11fa-41ab-9d1c-f3a575cd55ea", "CELL-C"),
    ] {
        text = text.replace(long, name);
    }
    text
}

fn no_cut_says_more(line: &str) {
    let whole = rep(line);
    for end in 0..line.len() {
        let LagerEvent::Rep(event) = LagerEvent::parse_cut(&line.as_bytes()[..end]) else {
            continue;
        };
        let cut = serde_json::to_value(event).unwrap();
        for (key, value) in cut.as_object().unwrap() {
            assert_eq!(whole.get(key), Some(value), "{key} of {line} cut at {end}");
        }
    }
}

/// Checks that a whole line is read like one that may be cut, and that an error's offset is inside
/// the line.
fn is_an_event_or_an_error(line: &[u8]) -> Result<(), TestCaseError> {
    match LagerEvent::parse(line) {
        Ok(event) => prop_assert_eq!(LagerEvent::parse_cut(line), event),
        Err(error) => prop_assert!(error.offset() <= line.len()),
    }
    Ok(())
}

/// Keys and values for any mixture of members in `data`.
fn data() -> impl Strategy<Value = Value> {
    let text = prop::sample::select(
        &[
            "a-1",
            "b-2",
            "10.0.0.1",
            "10.0.0.2",
            "",
            "*REDACTED*",
            "x-(truncated)",
            "7",
            "a-1-envoy",
            "q\"\u{e9}",
        ][..],
    );
    let leaf = prop_oneof![
        6 => text.prop_map(Value::from),
        1 => (0_u32..3).prop_map(Value::from),
        1 => prop::sample::select(vec![json!(null), json!(1.0), json!(1.5), json!(true), json!(-1), json!([1])]),
    ];
    let keys = &[
        "container-guid",
        "guid",
        "Guid",
        "handle",
        "task-guid",
        "instance-guid",
        "instance_guid",
        "process-guid",
        "process_guid",
        "lrp-key",
        "key",
        "lrp-instance-key",
        "lrp-container-key",
        "instance_key",
        "cell_id",
        "index",
        "domain",
        "net_info",
        "net-info",
        "instance_address",
        "address",
        "config",
        "ContainerHandle",
        "ContainerIP",
        "info",
        "internal_ip",
        "Tags",
        "tags",
        "process-index",
        "failed-request",
        "request",
        "Handle",
        "properties",
        "tag:process-guid",
        "tag:instance-guid",
        "tag:process-index",
        "session",
        "stdin",
        "stdout",
    ][..];
    let nested = leaf.prop_recursive(3, 24, 6, move |inner| {
        prop::collection::hash_map(prop::sample::select(keys), inner, 0..6)
            .prop_map(|members| members.into_iter().collect())
    });
    prop::collection::hash_map(prop::sample::select(keys), nested, 0..8)
        .prop_map(|members| members.into_iter().collect())
}

fn message() -> impl Strategy<Value = &'static str> {
    prop::sample::select(
        &[
            "rep.x",
            "rep.request.cancel-task.deleting-container",
            "guardian.create.external-networker-result",
            "rep.x.node-create.created-container-in-garden",
        ][..],
    )
}

proptest! {
    #[test]
    fn the_reader_agrees_with_the_obvious_one(message in message(), data in data()) {
        let line = json!({"timestamp": "1.5", "source": "rep", "message": message, "log_level": 1, "data": data});
        let text = line.to_string();
        prop_assert_eq!(rep(&text), reference::rep(&line).unwrap_or(json!("other")), "{}", text);
    }

    #[test]
    fn no_evidence_is_behind_the_prefilter(message in message(), data in data(), escaped: prop::sample::Index) {
        let text = json!({"source": "rep", "message": message, "data": data}).to_string();
        // Any character of a JSON string may be escaped.
        let at = escaped.index(text.len());
        let letter = text.as_bytes()[at];
        let text = if letter.is_ascii_alphanumeric() && text.is_char_boundary(at) {
            format!("{}\\u{:04x}{}", &text[..at], letter, &text[at + 1..])
        } else {
            text
        };
        if !LagerEvent::may_be_in(text.as_bytes()) {
            prop_assert_ne!(LagerEvent::parse(text.as_bytes()).map(|event| event != LagerEvent::Other), Ok(true), "{}", text);
        }
    }

    #[test]
    fn a_cut_line_names_no_other_container(message in message(), data in data(), at: prop::sample::Index) {
        let text = json!({"source": "rep", "message": message, "data": data}).to_string();
        let whole: Value = serde_json::from_str(&text).unwrap();
        let LagerEvent::Rep(event) = LagerEvent::parse_cut(&text.as_bytes()[..at.index(text.len())]) else { return Ok(()) };
        let cut = serde_json::to_value(event).unwrap();
        for (key, value) in cut.as_object().unwrap() {
            // The beginning does not show that the rest contradicts a value, but the value is in
            // the text.
            let says_so = reference::rep(&whole).and_then(|rep| rep.get(key).cloned()).as_ref() == Some(value);
            prop_assert!(says_so || text.contains(value.as_str().unwrap_or(&value.to_string())), "{} of {}", key, text);
        }
    }

    #[test]
    fn any_bytes_are_an_event_or_an_error(text: Vec<u8>) {
        is_an_event_or_an_error(&text)?;
    }

    #[test]
    fn any_text_of_json_pieces_is_an_event_or_an_error(pieces in prop::collection::vec(
        prop::sample::select(&["{", "}", "[", "]", ",", ":", "\"guid\"", "\"data\"", "\"message\"", "\"source\"", "1", "null", "\"\\u0041\"", "\"", "\\"][..]), 0..40))
    {
        is_an_event_or_an_error(pieces.concat().as_bytes())?;
    }

    #[test]
    fn plain_seconds_are_read_as_any_others(
        seconds in 0..10_000_000_000_u64,
        nanos in 0..1_000_000_000_u32,
        change in prop::option::of((0..22_usize, prop::sample::select(&b"019.-:\"eE \xff"[..]))),
    ) {
        let mut text = format!("\"{seconds:010}.{nanos:09}\"").into_bytes();
        if let Some((at, byte)) = change {
            text[at] = byte;
        }
        let inside = &text[1..text.len() - 1];
        match text.as_slice().try_into().ok().and_then(plain_seconds) {
            Some(time) => prop_assert_eq!(Some(time), super::seconds(inside)),
            None => prop_assert!(change.is_some() || super::seconds(inside).is_none()),
        }
    }
}
