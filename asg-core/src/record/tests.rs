//! Every source of evidence: what its lines prove, and what they must not.

use proptest::prelude::*;

use super::*;
use crate::event::Moment;
use crate::evidence::SourceId;

const ORIGIN: Origin = Origin { source: SourceId(0), line: 1 };

fn proven(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    Record::classify(&Line::new(line.as_bytes()))
        .evidence(ORIGIN, |evidence| found.push(short(&evidence)));
    found
}

/// Evidence in one line: what is known, in the order of its fields.
fn short(e: &Evidence) -> String {
    let mut text = format!("{:?} {}", e.moment, e.handle);
    let mut say = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            text = format!("{text} {name}={value}");
        }
    };
    say("at", e.time.map(|t| t.to_string()));
    say("cell", e.cell.as_deref().map(Into::into));
    say("process", e.process.as_ref().map(ToString::to_string));
    say("index", e.index.map(|i| i.to_string()));
    say("app", e.app.map(|app| app.to_string()[..8].to_owned()));
    say("ip", e.address.map(|ip| ip.to_string()));
    say("ipv6", e.address_v6.map(|ip| ip.to_string()));
    say("cell_ip", e.cell_address.map(|ip| ip.to_string()));
    say("name", e.names.as_ref().and_then(|n| Some(n.app_name.as_deref()?.to_owned())));
    text
}

const C: &str = "bfce786c-ab07-40ad-79f9-8f21";

#[test]
fn lines_that_are_not_lagers_prove_what_the_platform_wrote() {
    let drain = "<14>1 2024-05-06T07:08:03.29Z org.space.app bc6f229d-5e4a-4c41-a63f-e8795496c283";
    let tags = r#"[tags@47450 app_id="bc6f229d-5e4a-4c41-a63f-e8795496c283" app_name="pro\"xy" index="0455ec2b" instance_id="2" ip="10.0.16.15" origin="rep" process_instance_id="bfce786c-ab07-40ad-79f9-8f21" source_type="APP"]"#;
    let access = r#"dora.example - [2022-05-26T22:16:11.073797015Z] "GET / HTTP/2.0" 200 0 13 "-" "curl instance_id:\"x\" app_id:\"y\"" "1.2.3.4:1" "10.0.0.1:2" x_forwarded_for:"1.2.3.4, 5.6.7.8" response_time:0.02 app_id:"34ac676f-5adc-4605-a412-c0a69eb2dbaf" app_index:"3""#;
    for (line, expected) in [
        (
            format!("   2024-05-06T07:08:03.29+0000 [CELL/1] OUT Cell c-1 creating container for instance {C}"),
            vec![format!("Seen {C} at=2024-05-06T07:08:03.29Z cell=c-1 index=1")],
        ),
        (
            format!("2024-05-06T07:08:03.29+0000 [CELL/1]     OUT Cell c-1 successfully created container for instance {C}"),
            vec![format!("Created {C} at=2024-05-06T07:08:03.29Z cell=c-1 index=1")],
        ),
        (
            format!("{drain} [CELL/1] - - Cell c-1 successfully destroyed container for instance {C}"),
            vec![format!("Destroyed {C} at=2024-05-06T07:08:03.29Z cell=c-1 index=1 app=bc6f229d")],
        ),
        (
            format!("185 {drain} [CELL/1] - {tags} Cell c-1 stopping instance {C}"),
            vec![format!(
                "Seen {C} at=2024-05-06T07:08:03.29Z cell=c-1 index=1 app=bc6f229d cell_ip=10.0.16.15 name=pro\"xy"
            )],
        ),
        // A buildpack prints into this stream, too.
        (
            "2019-09-14T12:05:28.34+0200 [STG/0] OUT Cell c-1 creating container for instance 0c3c9b72-b627-4100-973e-4ac6023e7704".into(),
            vec![],
        ),
        // The tags of any line of an app identify its owner, but the app's own text never does.
        (
            format!("{drain} [APP/PROC/WEB/2] - {tags} hello"),
            vec![format!(
                "Seen {C} at=2024-05-06T07:08:03.29Z cell=0455ec2b index=2 app=bc6f229d cell_ip=10.0.16.15 name=pro\"xy"
            )],
        ),
        (format!("2024-05-06T07:08:03.29+0000 [APP/PROC/WEB/0] OUT Cell c-1 creating container for instance {C}"), vec![]),
        (format!("2024-05-06T07:08:03.29+0000 [APP/PROC/WEB/0] OUT {access} instance_id:\"{C}\""), vec![]),
        // If tags and text disagree about a fact, neither proves it.
        (format!("{drain} [CELL/1] - {tags} Cell c-1 stopping instance b270af0a-e682-4b9c-50b2-8f3b"), vec![]),
        // Cut in the handle.
        ("2024-05-06T07:08:03.29+0000 [CELL/1] OUT Cell c-1 creating container for instance bfce786c-ab07-40ad".into(), vec![]),
        (
            format!("{access} instance_id:\"{C}\" x_cf_routererror:\"-\""),
            vec![format!("Seen {C} at=2022-05-26T22:16:11.073797015Z index=3 app=34ac676f")],
        ),
        (
            format!("2022-05-26T16:16:11.09-0600 [RTR/0] OUT {access} instance_id:\"{C}\" x_cf_routererror:\"-\""),
            vec![format!("Seen {C} at=2022-05-26T22:16:11.073797015Z index=3 app=34ac676f")],
        ),
        // The endpoint may have been gone.
        (
            format!("{access} instance_id:\"{C}\" x_cf_routererror:\"endpoint_failure\""),
            vec![format!("Seen {C} index=3 app=34ac676f")],
        ),
        // A route of the platform's own: an instance, and no container.
        (
            access.replace("34ac676f-5adc-4605-a412-c0a69eb2dbaf", "-") + &format!(" instance_id:\"{C}\""),
            vec![],
        ),
        // Without an instance, in the form before 2022, or with two.
        (access.into(), vec![]),
        (format!("{access} instance_id:\"{C}\" instance_id:\"b270af0a-e682-4b9c-50b2-8f3b\""), vec![]),
        (format!("{access} instance_id:\"bfce786c-ab07"), vec![]),
    ] {
        assert_eq!(proven(&line), expected, "{line}");
    }
}

/// silk's agent writes into the stream in which executor writes that it made a container. A program
/// in a container prints into another one. Tasks and staging share their streams with the programs,
/// and without tags no line names the container.
#[test]
fn only_silks_agent_says_that_rules_were_updated() {
    let said = "Security group rules were updated";
    let tags = format!("[tags@47450 process_instance_id=\"{C}\" instance_id=\"1\"]");
    let drain = |stream: &str, tags: &str, text: &str| {
        format!(
            "<14>1 2024-05-06T07:08:03.29Z org.space.app bc6f229d-5e4a-4c41-a63f-e8795496c283 \
             [{stream}] - {tags} {text}"
        )
    };
    let stored = |source: &str, text: &str| {
        let payload: String = match text {
            "Security group rules were updated" => {
                "U2VjdXJpdHkgZ3JvdXAgcnVsZXMgd2VyZSB1cGRhdGVk".into()
            }
            _ => "aGVsbG8=".into(),
        };
        format!(
            r#"{{"timestamp":"1714979283290000000","source_id":"a","tags":{{"source_type":"{source}","process_instance_id":"{C}"}},"log":{{"payload":"{payload}"}}}}"#
        )
    };
    for (line, expected) in [
        (drain("CELL/1", &tags, said), vec![true]),
        (drain("CELL/1", &tags, &format!("{said}\n")), vec![true]),
        (drain("CELL/1", &tags, &format!("{said}!")), vec![false]),
        (drain("CELL/1", &tags, "hello"), vec![false]),
        (drain("CELL/1", "-", said), vec![]),
        (drain("APP/PROC/WEB/1", &tags, said), vec![false]),
        (drain("APP/TASK/CELL/1", &tags, said), vec![false]),
        (drain("STG/0", &tags, said), vec![false]),
        (drain("API/0", &tags, said), vec![false]),
        (format!("2024-05-06T07:08:03.29+0000 [CELL/1] OUT {said}"), vec![]),
        (stored("CELL", said), vec![true]),
        (stored("CELL", "hello"), vec![false]),
        (stored("APP/PROC/WEB", said), vec![false]),
        (stored("STG", said), vec![false]),
    ] {
        let text = Line::new(line.as_bytes());
        let mut found = Vec::new();
        Record::classify(&text).evidence(ORIGIN, |evidence| {
            assert_eq!(evidence.moment, Moment::Seen, "{line}");
            assert_eq!(evidence.time, Timestamp::parse(b"2024-05-06T07:08:03.29Z").ok(), "{line}");
            found.push(evidence.rules_updated);
        });
        assert_eq!(found, expected, "{line}");
    }
}

#[test]
fn a_lager_line_says_when_whatever_else_it_says() {
    let time =
        |line: &str| Record::classify(&Line::new(line.as_bytes())).time(&TimePolicy::default());
    let said = r#"{"timestamp":"2025-08-15T18:32:49.238756741Z","level":"info","source":"rep","message":"rep.x","data":{}}"#;
    let expected = Timestamp::parse(b"2025-08-15T18:32:49.238756741Z").ok();
    for line in [said.into(), format!("Aug 15 11:32:49 vm rep: {said}"), format!(" \t{said}")] {
        assert_eq!(time(&line), expected, "{line}");
    }
    // An app can print anything.
    let printed = format!("2024-05-06T07:08:03Z [APP/PROC/WEB/0] OUT {said}");
    assert_eq!(time(&printed), Timestamp::parse(b"2024-05-06T07:08:03Z").ok());
}

#[test]
fn a_container_is_found_in_json_behind_blanks() {
    let line = format!(
        r#"{{"timestamp":"1498136872.8","source":"rep","message":"rep.x","log_level":1,"data":{{"container-guid":"{C}"}}}}"#
    );
    for line in [format!(" {line}"), format!("\t\t{line}")] {
        assert_eq!(proven(&line), [format!("Seen {C} at=2017-06-22T13:07:52.8Z")], "{line}");
    }
}

#[test]
fn a_packet_that_an_app_prints_is_shown_with_its_program_and_proves_nothing() {
    let packet = "[ 9.000002] DENY_bfce786c-ab07-40ad-79f9 IN= OUT=eth0 SRC=10.0.16.5 DST=10.0.16.20 LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=7 PROTO=2";
    for (header, program) in [
        ("2024-05-06T07:08:03.29+0000 [APP/PROC/WEB/0] OUT ", "APP/PROC/WEB/0"),
        ("<14>1 2024-05-06T07:00:00Z org.space.evil 1111 [APP/TASK/x/0] - - ", "1111"),
        // A drain that knows no app's GUID, and headers that are not understood.
        ("<14>1 2024-05-06T07:00:00Z org.space.evil  [APP/TASK/x/0] - - ", "APP/TASK/x/0"),
        ("<14>1 2024-05-06T07:00:00Z org.space [STG/0] - - ", "[STG/0]"),
        ("one two three [APP/PROC/WEB/0] four five six seven ", "APP/PROC/WEB/0"),
        ("2024-05-06T07:08:03Z web-1 sshd[7]: ", "sshd"),
        ("2024-05-06T07:08:03Z web-1 vcap.gorouter: ", "vcap.gorouter"),
        ("2024-05-06T07:08:03Z web-1 logger: ", "logger"),
    ] {
        let text = format!("{header}{packet}");
        let line = Line::new(text.as_bytes());
        let record = Record::classify(&line);
        assert!(record.not_platform() && record.proven_packet().is_none(), "{text}");
        let output = serde_json::to_value(record.to_output(1, &TimePolicy::default())).unwrap();
        assert_eq!(
            (&output["kind"], &output["program"], &output["cf"]["verdict"]),
            (&"packet".into(), &program.into(), &"denied".into()),
            "{text}"
        );
    }
    for header in
        ["", "<4>", "2024-05-06T07:08:03Z web-1 kernel: ", "Jun 16 23:18:38 vm ulogd[7]: "]
    {
        let text = format!("{header}{packet}");
        let line = Line::new(text.as_bytes());
        let record = Record::classify(&line);
        assert!(!record.not_platform() && record.proven_packet().is_some(), "{text}");
        let output = serde_json::to_value(record.to_output(1, &TimePolicy::default())).unwrap();
        assert_eq!(output.get("program"), None, "{text}");
    }
}

/// Each kind of evidence, behind each kind of writer: only who is entitled to it gives it.
#[test]
fn evidence_counts_only_from_programs_that_are_entitled_to_it() {
    let rep = format!(
        r#"{{"timestamp":"2024-05-06T07:00:00Z","level":"info","source":"rep","message":"rep.created-container-in-garden","data":{{"container-guid":"{C}"}}}}"#
    );
    let logger = format!(
        r#"{{"timestamp":"2024-05-06T07:00:00Z","level":"info","source":"cfnetworking.iptables","message":"cfnetworking.iptables.egress-allowed","data":{{"packet":{{"direction":"egress","allowed":true,"src_ip":"10.255.73.3"}},"source":{{"container_id":"{C}","app_guid":"bc6f229d-5e4a-4c41-a63f-e8795496c283"}}}}}}"#
    );
    let store = format!(r#"{{"{C}":{{"handle":"{C}","ip":"10.255.73.3","metadata":{{}}}}}}"#);
    let access = format!(
        r#"dora.example - [2022-05-26T22:16:11.07Z] "GET / HTTP/2.0" 200 app_id:"34ac676f-5adc-4605-a412-c0a69eb2dbaf" instance_id:"{C}" x:"-""#
    );
    for (program, proves) in [
        ("", [1, 1, 1, 1]),
        ("rep[12]: ", [1, 1, 0, 0]),
        ("vcap.rep: ", [1, 1, 0, 0]),
        ("rep/rep.stdout.log: ", [1, 1, 0, 0]),
        ("iptables-logger: ", [0, 1, 0, 0]),
        ("vcap.gorouter: ", [0, 0, 0, 1]),
        ("kernel: ", [0, 0, 0, 0]),
        ("sshd[12]: ", [0, 0, 0, 0]),
        ("root: ", [0, 0, 0, 0]),
        ("vcap.uaa: ", [0, 0, 0, 0]),
    ] {
        for (text, expected) in [&rep, &logger, &store, &access].into_iter().zip(proves) {
            let header = if program.is_empty() { "" } else { "2024-05-06T07:00:00Z vm " };
            let line = format!("{header}{program}{text}");
            assert_eq!(proven(&line).len(), expected, "{line}");
        }
    }
}

/// JSON marks an app's stream too: by the part of the stream, or by members of apps' lines only.
#[test]
fn evidence_in_an_apps_json_is_none() {
    let rep = format!(
        r#"{{"timestamp":"2024-05-06T07:00:00Z","level":"info","source":"rep","message":"rep.created-container-in-garden","data":{{"container-guid":"{C}"}}}}"#
    );
    let escaped = serde_json::to_string(&rep).unwrap();
    for (member, expected) in [
        (r#""x":1"#, 1),
        (r#""source_type":"APP/PROC/WEB""#, 0),
        (r#""tags":{"source_type":"APP/TASK"}"#, 0),
        (r#""event_type":"LogMessage""#, 0),
        (r#""cf_app_id":"1111""#, 0),
        (r#""@cf":{"cf_app_id":"1111"}"#, 0),
        (r#""ident":"sshd""#, 0),
        (r#""appname":"11111111-1111-4111-8111-111111111111""#, 0),
        (r#""ident":"vcap.rep""#, 1),
    ] {
        let wrapped = format!(r#"{{"message":{escaped},{member}}}"#);
        assert_eq!(proven(&wrapped).len(), expected, "{wrapped}");
        if member.contains("ident") || member.contains("appname") {
            continue;
        }
        // A shipper may have put the members of the JSON that it carries beside its own.
        let merged = rep.replacen('{', &format!("{{{member},"), 1);
        assert_eq!(proven(&merged).len(), expected, "{merged}");
    }
}

/// Stores spell the marks of an app's stream in their own ways. Without a mark, or with the
/// platform's program in its place, the same form gives evidence.
#[test]
fn an_apps_text_proves_nothing_however_a_store_spells_its_marks() {
    let rep = format!(
        r#"{{"timestamp":"2024-05-06T07:00:00Z","level":"info","source":"rep","message":"rep.created-container-in-garden","data":{{"container-guid":"{C}"}}}}"#
    );
    let packet = "[1.000002] x IN= OUT=eth0 SRC=10.0.16.5 DST=10.0.16.20 LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=7 PROTO=2";
    let stored = |form: &str, text: &str| {
        let json = serde_json::to_string(text).unwrap();
        let doubled = text.replace('"', "\"\"");
        form.replace("JSON", &json).replace("PLAIN", text).replace("DOUBLED", &doubled)
    };
    // A form, an app's mark in it, and the text in that place of a line of the platform's.
    for (form, mark, other) in [
        (r#"{"Body":JSON,"LogAttributes":{MARK}}"#, ORG, r#""a.b":"APP/PROC/WEB""#),
        (r#"{"Body":JSON,"ResourceAttributes":{MARK}}"#, ORG, r#""a.b":"rep""#),
        (r#"{"stream":{MARK},"values":[["1714979289000000000",JSON]]}"#, ORG_, r#""job":"x""#),
        (
            "2024-05-06T07:08:09Z {MARK} PLAIN",
            r#"org_cloudfoundry_source_type="APP/TASK/x""#,
            r#"job="x""#,
        ),
        (
            r#"{"_source":{"Body":JSON,MARK}}"#,
            r#""Attributes.org.cloudfoundry.app_id":"g""#,
            r#""Attributes.x":"g""#,
        ),
        (
            r#"{"_source":{"message":JSON,"org":{"cloudfoundry":{MARK}}}}"#,
            r#""source_type":"APP""#,
            r#""origin":"rep""#,
        ),
        (r#"{"body":JSON,"resource":{"attributes":{MARK}}}"#, ORG, r#""origin":"rep""#),
        (r#"{"event":JSON,"fields":{MARK}}"#, ORG, r#""origin":"rep""#),
        (
            r#"{"message":JSON,"attributes":{"org":{"cloudfoundry":{MARK}}}}"#,
            r#""app_id":"g""#,
            r#""origin":"rep""#,
        ),
        (
            r#"{"message":JSON,"tags":[MARK]}"#,
            r#""source_type:APP/PROC/WEB","a:b""#,
            r#""source_type:file""#,
        ),
        (r#"{"message":JSON,"ddtags":"MARK"}"#, "a:b,source_type:APP/PROC/WEB", "a:b,env:APP"),
        (r#"{"body":JSON,"attributes_string":{MARK}}"#, ORG, r#""origin":"rep""#),
        (
            r#"{"message":JSON,"customDimensions":"{MARK}"}"#,
            r#"\"org.cloudfoundry.app_id\":\"g\""#,
            r#"\"cloudfoundry\":\"g\""#,
        ),
        (
            "logs,MARK body=JSON 1714979350581301000",
            "org.cloudfoundry.source_type=APP/PROC/WEB",
            "a=APP",
        ),
        (
            r#"2024-05-06T07:08:09+00:00,10.0.16.15,user,info,MARK,"DOUBLED""#,
            "o.s.a[[APP/PROC/WEB/0]]:",
            "info",
        ),
        (
            r#"{"host":"10.0.16.15",MARK,"message":JSON}"#,
            r#""tag":"o.s.a[[APP/PROC/WEB/0]]""#,
            r#""x":"a[[CELL/0]]""#,
        ),
        (
            r#"{"host":"cell-1",MARK,"message":JSON}"#,
            r#""procid":"[APP/PROC/WEB/0]""#,
            r#""procid":"7""#,
        ),
        (
            r#"{"host":"cell-1",MARK,"message":JSON}"#,
            r#""proc_id":"[APP\/TASK\/x\/0]""#,
            r#""proc_id":"-""#,
        ),
        (r#"{"process":{MARK},"message":JSON}"#, r#""pid":"[STG/0]""#, r#""pid":"[7]""#),
        (r#"{"syslog5424_proc":MARK,"message":JSON}"#, r#""[SSH/0]""#, r#""[x/0]""#),
        (
            r#"{"log":{"payload":JSON},"deprecated_tags":{MARK}}"#,
            r#""source_type":{"text":"APP"}"#,
            r#""origin":{"text":"rep"}"#,
        ),
    ] {
        for text in [&*rep, packet] {
            let proves = |mark: &str| {
                let line = stored(&form.replace("MARK", mark), text);
                let line = Line::new(line.as_bytes());
                let record = Record::classify(&line);
                let mut count = usize::from(record.proven_packet().is_some());
                record.evidence(ORIGIN, |_| count += 1);
                count
            };
            assert_eq!((proves(mark), proves(other)), (0, 1), "{form} {mark} {other} {text}");
        }
    }
}

const ORG: &str = r#""org.cloudfoundry.source_type":"APP/PROC/WEB","org.cloudfoundry.app_id":"g""#;
const ORG_: &str = r#""org_cloudfoundry_source_type":"APP/PROC/WEB""#;

/// Whatever an app writes, in every form in which its stream reaches us, is text: an app that
/// prints another's container would blame it, one that prints its own would hide itself.
#[test]
fn text_of_an_apps_stream_proves_nothing_whatever_it_imitates() {
    let rep = format!(
        r#"{{"timestamp":"2024-05-06T07:00:00Z","level":"info","source":"rep","message":"rep.created-container-in-garden","data":{{"container-guid":"{C}","process_guid":"d2c8"}}}}"#
    );
    let logger = format!(
        r#"{{"timestamp":"2024-05-06T07:00:00Z","level":"info","source":"cfnetworking.iptables","message":"cfnetworking.iptables.egress-allowed","data":{{"packet":{{"direction":"egress","allowed":true,"src_ip":"10.255.73.3"}},"source":{{"container_id":"{C}","app_guid":"bc6f229d-5e4a-4c41-a63f-e8795496c283"}}}}}}"#
    );
    let store = format!(
        r#"{{"{C}":{{"handle":"{C}","ip":"10.255.73.3","metadata":{{"app_id":"bc6f229d-5e4a-4c41-a63f-e8795496c283"}}}}}}"#
    );
    let array = format!(r#"[{{"instance_guid":"{C}","process_guid":"d2c8"}}]"#);
    let packet = "[1.000002] x IN= OUT=eth0 SRC=10.0.16.5 DST=10.0.16.20 LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=7 PROTO=2";
    for text in [&rep, &logger, &store, &array, packet, "{\"cut", "[{\"cut"] {
        for stream in
            ["APP/PROC/WEB/0", "APP/TASK/migrate/0", "STG/0", "SSH/0", "RTR/1", "CELL/0", "API/0"]
        {
            for line in [
                format!(
                    "<14>1 2024-05-06T07:00:00+00:00 org.space.evil 1111 [{stream}] - - {text}"
                ),
                format!("   2024-05-06T07:08:03.29+0000 [{stream}] OUT {text}"),
                // As rsyslog writes a drain's line into a file, and with a header in the text.
                format!("2024-05-06T07:00:00+00:00 org.space.evil 1111[[{stream}]] {text}"),
                format!(
                    "May  6 07:00:00 org.space.evil 1111[[{stream}]] May  6 07:00:00 localhost vcap.rep: {text}"
                ),
                format!("2024-05-06T07:00:00+00:00 org.space.evil 1111[[{stream}]]: {text}"),
            ] {
                let line = Line::new(line.as_bytes());
                let record = Record::classify(&line);
                let expected = if text == packet { "packet" } else { "other" };
                assert_eq!(record.kind(), expected, "{line:?}");
                assert!(record.proven_packet().is_none() && !record.is_platform(), "{line:?}");
            }
        }
    }
}

#[test]
fn documents_prove_one_thing_for_each_container() {
    for (line, expected) in [
        (
            r#"{"process_guid":"p-1","index":0,"domain":"cf-apps","instance_guid":"01c8092c-ce02-469e-65df-0368","cell_id":"c-1","address":"10.223.32.36","ports":[],"instance_address":"10.255.57.25","preferred_address":"HOST","crash_count":0,"state":"RUNNING","since":1605773993281003611,"modification_tag":{"epoch":"e","index":32},"presence":"ORDINARY"}"#,
            &[
                "Running 01c8092c-ce02-469e-65df-0368 at=2020-11-19T08:19:53.281003611Z cell=c-1 process=p-1 index=0 ip=10.255.57.25 cell_ip=10.223.32.36",
            ][..],
        ),
        (
            r#"{"process_guid":"p-1","index":0,"domain":"cf-apps","instance_guid":"","cell_id":"","state":"UNCLAIMED","since":1}"#,
            &[],
        ),
        (
            r#"{"instance":{"process_guid":"p-1","index":0,"domain":"d","instance_guid":"i-1","cell_id":"c-1","state":"CLAIMED"},"evacuating":{"process_guid":"p-1","index":0,"domain":"d","instance_guid":"i-0","cell_id":"c-0","state":"RUNNING"}}"#,
            &["Seen i-1 cell=c-1 process=p-1 index=0", "Running i-0 cell=c-0 process=p-1 index=0"],
        ),
        (
            r#"{"task_definition":{"log_guid":"34ac676f-5adc-4605-a412-c0a69eb2dbaf"},"task_guid":"t-1","domain":"cf-tasks","state":"Running","cell_id":"c-1"}"#,
            &["Seen t-1 cell=c-1 app=34ac676f"],
        ),
        (
            r#"{"h-1":{"handle":"h-1","ip":"10.255.73.3","ipv6":"fd00::3","metadata":{"app_id":"34ac676f-5adc-4605-a412-c0a69eb2dbaf","org_id":"o"}},"h-2":{"handle":"h-2","ip":"10.255.73.4","metadata":null},"h-3":{"handle":"other","ip":"10.255.73.5"}}"#,
            &["Seen h-1 app=34ac676f ip=10.255.73.3 ipv6=fd00::3", "Seen h-2 ip=10.255.73.4"],
        ),
        (
            r#"{"resources":[{"type":"web","index":0,"instance_guid":"i-1","state":"RUNNING","usage":{"time":"2016-03-23T23:17:30.476314154Z"},"host":"10.244.16.10","instance_internal_ip":"10.255.93.167"},{"type":"web","index":1,"state":"DOWN","host":""}]}"#,
            &[
                "Running i-1 at=2016-03-23T23:17:30.476314154Z index=0 ip=10.255.93.167 cell_ip=10.244.16.10",
            ],
        ),
        (r#"[{"task_guid":"t-1","domain":"d","cell_id":"c-1"}]"#, &["Seen t-1 cell=c-1"]),
        (r#"{"guid":"a","name":"b"}"#, &[]),
    ] {
        assert_eq!(proven(line), expected, "{line}");
        let expected_kind = if expected.is_empty() { "other" } else { "rep" };
        assert_eq!(Record::classify(&Line::new(line.as_bytes())).kind(), expected_kind, "{line}");
        // This document as a pretty-printed file.
        let pretty: serde_json::Value = serde_json::from_str(line).unwrap();
        let pretty = format!("{pretty:#}\n{pretty:#}");
        let mut found = Vec::new();
        documents::evidence(pretty.as_bytes(), ORIGIN, |evidence| found.push(short(&evidence)))
            .unwrap();
        found.sort();
        let mut twice = [expected, expected].concat();
        twice.sort_unstable();
        assert_eq!(found, twice, "{pretty}");
    }
}

#[test]
fn a_broken_document_says_where() {
    let error = documents::evidence(b"{\"a\":1}\n{\"b\":\n  x}", ORIGIN, |_| ()).unwrap_err();
    insta::assert_snapshot!(error, @"byte 16: malformed JSON: expected value at line 3 column 3");
    let error = documents::evidence(b"{\"a\":", ORIGIN, |_| ()).unwrap_err();
    insta::assert_snapshot!(error, @"byte 5: the text ends where more JSON was expected");
}

#[test]
fn lager_proves_addresses_interfaces_and_names() {
    for (line, expected) in [
        (
            r#"{"timestamp":"1498136872.100054197","source":"guardian","message":"guardian.create.network.config-create","log_level":1,"data":{"config":{"ContainerHandle":"h-1","BridgeName":"wbrdg-0afe0008","ContainerIP":"10.254.0.10","ExternalIP":"10.0.16.15"},"handle":"h-1"}}"#,
            "Seen h-1 at=2017-06-22T13:07:52.100054197Z ip=10.254.0.10 cell_ip=10.0.16.15",
        ),
        (
            r#"{"timestamp":"2024-05-06T07:09:10.9Z","level":"info","source":"cfnetworking.iptables","message":"cfnetworking.iptables.ingress-allowed","data":{"packet":{"direction":"ingress","allowed":true,"src_ip":"10.255.73.3","dst_ip":"10.255.9.9"},"destination":{"container_id":"h-1","app_guid":"34ac676f-5adc-4605-a412-c0a69eb2dbaf","space_guid":"s","organization_guid":"o","host_ip":"10.0.16.15","host_guid":"c-1"}}}"#,
            "Seen h-1 at=2024-05-06T07:09:10.9Z cell=c-1 app=34ac676f ip=10.255.9.9 cell_ip=10.0.16.15",
        ),
        // Nothing is known of when it was there.
        (
            r#"{"timestamp":"1.5","source":"rep","message":"rep.x.executing-residual-instance-lrp-operation.starting","log_level":1,"data":{"lrp-instance-key":{"instance_guid":"i-1","cell_id":"c-1"}}}"#,
            "Seen i-1 cell=c-1",
        ),
    ] {
        assert_eq!(proven(line), [expected], "{line}");
    }
}

#[test]
fn a_chunk_that_logger_split_off_is_damaged_and_proves_nothing() {
    let head = "<13>1 2024-05-06T07:08:05Z 10.0.16.15 vcap.rep - - [instance@47450 id=\"i\"] ";
    let json = r#"{"timestamp":"1.5","source":"rep","message":"rep.x","log_level":1,"data":{"guid":"h-1","lrp-instance-key":{"instance_guid":"i-1","cell_id":"c-1"},"session":"1"}}"#;
    for at in 1..json.len() {
        let chunk = format!("{head}{}", &json[at..]);
        let line = Line::new(chunk.as_bytes());
        let record = Record::classify(&line);
        assert!(matches!(record.kind(), "damaged" | "other"), "{chunk}");
        assert_eq!(proven(&chunk), Vec::<String>::new(), "{chunk}");
        // The first chunk proves what is whole in it.
        let first = proven(&format!("{head}{}", &json[..at]));
        assert!(
            first.iter().all(|e| e.starts_with("Seen h-1 at=1970-01-01T00:00:01.5Z")),
            "{first:?}"
        );
    }
}

/// Section 6 of the collected envelopes holds lines of other logs than lager's.
#[test]
fn the_collected_lines_of_other_logs_prove_a_container() {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/rep/envelopes.txt"));
    let section: Vec<_> = text
        .lines()
        .skip_while(|line| !line.starts_with("6. "))
        .take_while(|line| !line.starts_with("7. "))
        .filter(|line| !line.starts_with(['#', '=', '6']) && !line.is_empty())
        .collect();
    assert_eq!(section.len(), 7);
    for line in section {
        assert_eq!(proven(line).len(), 1, "{line}");
    }
}

proptest! {
    #[test]
    fn any_bytes_give_a_record_and_perhaps_evidence(text: Vec<u8>) {
        let line = Line::new(&text);
        let record = Record::classify(&line);
        record.evidence(ORIGIN, |_| ());
        if let Content::Damaged(damaged) = &record.content {
            prop_assert!(damaged.error.offset() <= text.len());
        }
        prop_assert_eq!(Record::parse(&line).is_err(), record.kind() == "damaged");
        if let Err(error) = documents::evidence(&text, ORIGIN, |_| ()) {
            prop_assert!(error.offset() <= text.len());
        }
    }
}
