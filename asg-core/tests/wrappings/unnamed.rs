//! Writers whom no usual header names: tools, tables, access logs and streams around a whole line.

use asg_core::record::Outcome;
use asg_core::{Line, Record};
use serde_json::json;

use super::{PACKET, REP, proves};

/// A line of the kernel's and one of rep's, each with a whole header, which any app can print.
fn whole_lines() -> [String; 2] {
    [
        format!("2024-05-06T07:09:10.581301+00:00 cell-1 kernel: {PACKET}"),
        format!("<14>1 2024-05-06T07:09:10Z cell-1 rep - - - {REP}"),
    ]
}

/// A writer's text around a line.
type Around = fn(&str) -> String;

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

#[test]
fn a_whole_line_in_the_text_of_a_user_or_an_app_proves_nothing() {
    let guid = "11111111-1111-4111-8111-111111111111";
    let around: &[Around] = &[
        // Access logs quote what users send.
        |it| {
            format!(
                "a.apps.x - [2024-05-06T07:09:10.5Z] \"GET / HTTP/1.1\" 200 0 12 \"-\" \"{it}\" \"10.0.0.1:9\""
            )
        },
        |it| {
            format!(
                "10.0.0.1 - - [06/May/2024:07:09:10 +0000] \"GET / HTTP/2.0\" 200 1 \"-\" \"{it}\""
            )
        },
        // Tables and events with a field for the program.
        |it| format!("  1 | 2024-05-06 07:09:10 | cell-1   | my-app    | {it}"),
        |it| format!("May  6 07:09:10 relay CEF:0|v|my-app|1|1|x|1|msg={it}"),
        // A tag in the text of a header without a program.
        |it| format!("<14>1 2024-05-06T07:09:10Z cell-1 - - - - my-app: {it}"),
        // Marks of streams, with and without a stamp.
        |it| format!("   2024-05-06T07:09:10.58+0000 [unknown/0] OUT {it}"),
        |it| format!("[APP/PROC/WEB/0] {it}"),
        |it| format!("[APP/PROC/WEB/0] OUT {it}"),
        |it| {
            json!({"syslog_program": "doppler", "message": format!("[APP/TASK/0] {it}")})
                .to_string()
        },
        // Forms of shippers in the text of an app.
        |it| {
            format!(
                "   2024-05-06T07:09:10.58+0000 [APP/PROC/WEB/0] OUT \"message\" => {},",
                quoted(it)
            )
        },
        |it| format!("<14>May  6 07:09:10 cell-1 my-app: \"message\" => {},", quoted(it)),
        |it| {
            format!(
                "1\t2024-05-06 07:09:10\t2024-05-06 07:09:10\t1\tx\t10.0.16.15\tUser\tInfo\tmy-app\t\"message\" => {},",
                quoted(it)
            )
        },
        |it| {
            format!(
                "May  6 07:09:10 cell-1 my-app: tag: [1714979350.581301, {{\"program\":\"rep\",\"message\":{}}}]",
                quoted(it)
            )
        },
        |it| {
            format!(
                "2024-05-06T07:09:10Z org.space.app 11111111-1111-4111-8111-111111111111[[APP/PROC/WEB/0]]: {{\"program\":\"rep\",\"host\":\"x\",\"message\":{}}}",
                quoted(it)
            )
        },
        // grep's name of a file before a drain's line.
        |it| {
            format!(
                "app.log:<14>1 2024-05-06T07:09:10Z o.s.app 11111111-1111-4111-8111-111111111111 [APP/PROC/WEB/0] - - {it}"
            )
        },
        |it| format!("kern.log:12:<14>1 2024-05-06T07:09:10Z cell-1 my-app - - - {it}"),
    ];
    for around in around {
        for whole in whole_lines() {
            let text = around(&whole);
            assert_eq!(proves(&text), 0, "{text}");
            let line = Line::new(text.as_bytes());
            let record = Record::classify(&line);
            // A packet behind a header that is not understood counts, with an outcome of its own.
            let outcome = Outcome::of(&line, &record);
            let is_said = match record.proven_packet() {
                Some(_) => {
                    outcome == Outcome::HeaderNotUnderstood
                        && record.envelope.cell().as_deref() != Some("cell-1")
                }
                None => matches!(outcome, Outcome::NotPlatform | Outcome::NotUnderstood),
            };
            assert!(is_said, "{outcome:?}: {text}");
        }
    }
    // Members of more stores that name the writer.
    let pair = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    for text in [REP, PACKET] {
        for line in [
            json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": text},
                "attributes": [pair("org.cloudfoundry.source_type", "APP/PROC/WEB")]}]}]}]}),
            json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": text},
                "attributes": [pair("source_type", "APP/PROC/WEB")]}]}]}]}),
            json!({"body": text, "attributes": [pair("org.cloudfoundry.app_id", guid)]}),
            json!({"_msg": text, "_stream": "{app_name=\"my-app\",hostname=\"cell-1\"}"}),
            json!({"EventType_s": "LogMessage", "Message": text, "ApplicationName_s": "my-app",
                "SourceType_s": "APP/PROC/WEB"}),
            json!({"program": {"string": "my-app"}, "message": {"string": text}}),
            json!({"program": {"S": "my-app"}, "message": {"S": text}}),
            json!({"_TRANSPORT": "journal", "_COMM": "my-app", "MESSAGE": text}),
            json!({"_TRANSPORT": "syslog", "_PID": "7", "MESSAGE": text}),
            json!({"_TRANSPORT": "stdout", "_COMM": "kernel", "MESSAGE": text}),
            json!({"labels": {"hostname": "cell-1", "unit": "my-app.service"}, "line": text}),
        ] {
            let text = line.to_string();
            assert_eq!(proves(&text), 0, "{text}");
            assert!(
                Record::classify(&Line::new(text.as_bytes())).proven_packet().is_none(),
                "{text}"
            );
        }
    }
}

#[test]
fn a_header_of_the_routers_access_log_is_behind_no_column() {
    let access = "a.apps.x - [2024-05-06T07:09:10.5Z] \"GET / HTTP/1.1\" 200 0 12 \"-\" \"curl\" \
        app_id:\"11111111-1111-4111-8111-111111111111\" app_index:\"0\" \
        instance_id:\"d538d169-f2f6-4587-77b1-f00d\"";
    assert_eq!(proves(access), 1);
    assert_eq!(proves(&format!("my-app\t{access}")), 0);
}

#[test]
fn the_router_proves_its_line_whatever_a_user_sends() {
    let [kernel, _] = whole_lines();
    let access = format!(
        "a.apps.x - [2024-05-06T07:09:10.5Z] \"GET / HTTP/1.1\" 200 0 12 \"-\" \"{kernel}\" \
         app_id:\"11111111-1111-4111-8111-111111111111\" app_index:\"0\" \
         instance_id:\"d538d169-f2f6-4587-77b1-f00d\""
    );
    assert_eq!(proves(&access), 1);
    assert!(Record::classify(&Line::new(access.as_bytes())).proven_packet().is_none());
}

#[test]
fn the_machine_is_found_in_the_forms_of_more_tools() {
    let [kernel, _] = whole_lines();
    let bare = PACKET.split_once("] ").unwrap().1;
    let labels = |program: &str| format!("{{host=\"cell-1\", syslog_identifier=\"{program}\"}}");
    for text in [
        format!("2024-05-06T07:09:10.581301000+0000\t{}\t{PACKET}", labels("kernel")),
        json!({"_msg": PACKET, "_stream": "{app_name=\"kernel\",hostname=\"cell-1\"}"}).to_string(),
        format!("2024-05-06T07:09:10.581301+00:00 kern warning cell-1 kernel: {PACKET}"),
        json!({"program": "kernel", "message": format!("cell-1 kernel: {PACKET}")}).to_string(),
        json!({"host": {"string": "cell-1"}, "program": {"string": "kernel"},
            "message": {"string": PACKET}})
        .to_string(),
        format!("kern.log:<4>1 2024-05-06T07:09:10Z cell-1 kernel - - - {PACKET}"),
        format!("kern.log:12:<4>1 2024-05-06T07:09:10Z cell-1 kernel - - - {PACKET}"),
        format!("a/b.log-<4>1 2024-05-06T07:09:10Z cell-1 kernel - - - {PACKET}"),
        format!("changed: [cell-1] => {}", json!({"rc": 0, "stdout": kernel})),
        format!("changed: [cell-1] => {}", json!({"rc": 0, "stdout": PACKET})),
    ] {
        let line = Line::new(text.as_bytes());
        let record = Record::classify(&line);
        let (packet, _) = record.proven_packet().unwrap_or_else(|| panic!("{text}"));
        assert_eq!(packet.prefix, "OK_d538d169-f2f6-4587-77b1-f ", "{text}");
        assert_eq!(record.envelope.cell().as_deref(), Some("cell-1"), "{text}");
        assert_eq!(record.header_not_understood, None, "{text}");
    }
    // util-linux prints a blank before the caller.
    let text = format!("[88008.920287] [ T1234] {bare}");
    let line = Line::new(text.as_bytes());
    let record = Record::classify(&line);
    assert_eq!(record.proven_packet().unwrap().0.prefix, "OK_d538d169-f2f6-4587-77b1-f ");
    assert_eq!(record.envelope.caller.unwrap(), "T1234");
    // journald's short-monotonic form names an app without its number, too.
    let text = format!("[88008.920287] cell-1 my-app: {bare}");
    let line = Line::new(text.as_bytes());
    assert_eq!(Outcome::of(&line, &Record::classify(&line)), Outcome::NotPlatform);
}

#[test]
fn every_line_of_the_output_that_ansible_prints_is_read() {
    let [kernel, _] = whole_lines();
    let output = [&*kernel, &*kernel, &*kernel].join("\n");
    let text = format!("changed: [cell-1] => {}", json!({"rc": 0, "stdout": output}));
    let line = Line::new(text.as_bytes());
    let packets = std::iter::once(Record::classify(&line)).chain(Record::more(&line));
    assert_eq!(packets.filter(|record| record.proven_packet().is_some()).count(), 3);
}
