//! Lines of ten years, what they say, and what is left of them when they break off.

use std::path::PathBuf;

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

/// The `rep` object of the output, or the kind of event that it is not.
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
            let mut v = lrp("seen");
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

/// The research's own lines: each is read, and cut anywhere it never says what the whole line does not.
#[test]
fn every_collected_line_is_read_and_no_cut_of_it_says_more() {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let root = std::env::var_os("ASG_SHARED").map_or(beside, PathBuf::from);
    let Ok(text) = std::fs::read_to_string(root.join("data/rep/rep-lines.txt")) else {
        println!("skipped: the collected rep lines (rep/rep-lines.txt) are not beside the project");
        return;
    };
    let mut n = 0;
    for line in text.lines().filter(|line| line.starts_with('{')) {
        let whole = LagerEvent::parse(line.as_bytes()).unwrap_or_else(|e| panic!("{e}: {line}"));
        let empty = line.contains("rep.exited");
        assert_eq!(matches!(whole, LagerEvent::Rep(_)), !empty, "{line}");
        assert_eq!(
            LagerEvent::may_be_in(line.as_bytes()),
            !empty || line.contains("dump"),
            "{line}"
        );
        no_cut_says_more(line);
        n += 1;
    }
    assert!(n > 20);
}

fn no_cut_says_more(line: &str) {
    let whole = rep(line);
    for end in 0..line.len() {
        let LagerEvent::Rep(event) = LagerEvent::parse_cut(&line.as_bytes()[..end]) else {
            continue;
        };
        let cut = serde_json::to_value(event).unwrap();
        for (key, value) in cut.as_object().unwrap() {
            // What is the best name for the container depends on the keys that are there; its value is in the line whole.
            let text =
                value.as_str().map_or_else(|| value.to_string(), std::borrow::ToOwned::to_owned);
            let quoted = format!("\"{text}\"");
            assert!(
                whole.get(key) == Some(value)
                    || line.contains(&quoted)
                    || line.contains(&format!("\\\"{text}\\\"")),
                "{key}={value} of {line} cut at {end}"
            );
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_an_event_or_an_error(text: Vec<u8>) {
        if let Err(error) = LagerEvent::parse(&text) {
            prop_assert!(error.offset() <= text.len());
        }
        let _ = LagerEvent::parse_cut(&text);
    }

    #[test]
    fn any_text_of_json_pieces_is_an_event_or_an_error(pieces in prop::collection::vec(
        prop::sample::select(&["{", "}", "[", "]", ",", ":", "\"guid\"", "\"data\"", "\"message\"", "\"source\"", "1", "null", "\"\\u0041\"", "\"", "\\"][..]), 0..40))
    {
        let text = pieces.concat();
        let _ = LagerEvent::parse(text.as_bytes());
        let _ = LagerEvent::parse_cut(text.as_bytes());
    }
}
