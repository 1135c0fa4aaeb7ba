//! The writer of a line, by the names beside it: an app proves nothing in any wrapping.

use asg_core::record::Outcome;
use asg_core::{Line, Record};
use serde_json::json;

use super::{PACKET, REP, proves};

/// Names that apps and their parts have.
const APPS: [&str; 10] = [
    "my-app",
    "app2",
    "python3",
    "my-app-v2",
    "OrdersService",
    "app/web.1",
    "[APP/PROC/WEB/0]",
    "org.space.app2",
    "11111111-1111-4111-8111-111111111111",
    "11111111-1111-4111-8111-111111111111/[APP/PROC/WEB/0]",
];

/// Returns whether a line proves a packet.
fn proves_packet(text: &str) -> bool {
    let line = Line::new(text.as_bytes());
    Record::classify(&line).proven_packet().is_some()
}

/// Asserts that a line proves its text if rep or the kernel wrote it, and nothing if an app did.
/// `line` puts a program and a text together.
fn holds_for_apps(line: impl Fn(&str, &str) -> String) {
    let rep = line("rep", REP);
    assert_eq!(proves(&rep), 1, "{rep}");
    let kernel = line("kernel", PACKET);
    assert!(proves_packet(&kernel), "{kernel}");
    for app in APPS {
        let forged = line(app, REP);
        assert_eq!(proves(&forged), 0, "{forged}");
        let forged = line(app, PACKET);
        assert!(!proves_packet(&forged), "{forged}");
    }
}

#[test]
fn a_name_behind_the_hosts_column_is_the_program_whatever_its_form() {
    let quoted = |text: &str| text.replace('"', "\"\"");
    holds_for_apps(|program, text| {
        format!("\"2024-05-06T07:09:10Z\",\"cell-1\",\"{program}\",\"{}\"", quoted(text))
    });
    holds_for_apps(|program, text| {
        format!("\"2024-05-06T07:09:10Z\",\"{program}\",\"cell-1\",\"{}\"", quoted(text))
    });
    holds_for_apps(|program, text| format!("2024-05-06T07:09:10Z\tcell-1\t{program}\t{text}"));
    holds_for_apps(|program, text| {
        json!(["2024-05-06T07:09:10Z", "cell-1", program, text]).to_string()
    });
}

#[test]
fn a_row_of_graylogs_is_no_line_of_lagers() {
    for order in [
        |source: &str, program: &str, text: &str| {
            let text = serde_json::to_string(text).unwrap();
            format!(
                "{{\"timestamp\":\"2024-05-06T07:09:10.000Z\",\"source\":\"{source}\",\"level\":4,\
                 \"application_name\":\"{program}\",\"message\":{text}}}"
            )
        },
        |source: &str, program: &str, text: &str| {
            let text = serde_json::to_string(text).unwrap();
            format!(
                "{{\"timestamp\":\"2024-05-06T07:09:10.000Z\",\"level\":4,\"message\":{text},\
                 \"application_name\":\"{program}\",\"source\":\"{source}\"}}"
            )
        },
    ] {
        holds_for_apps(|program, text| order("cell-1", program, text));
        let text = order("cell-1", "kernel", PACKET);
        let line = Line::new(text.as_bytes());
        let record = Record::classify(&line);
        assert_eq!(record.envelope.cell().as_deref(), Some("cell-1"), "{text}");
        // A stream or a program names no machine.
        for source in ["stdout", "rep", "/var/log/kern.log"] {
            let text = order(source, "kernel", PACKET);
            let line = Line::new(text.as_bytes());
            assert_eq!(Record::classify(&line).envelope.cell(), None, "{text}");
        }
    }
    // A lager line about a packet's text is lager's.
    let text =
        REP.replace("\"container-guid\":", "\"error\":\"IN= OUT={\\\"\",\"container-guid\":");
    assert_eq!(proves(&text), 1, "{text}");
}

#[test]
fn keys_of_logfmt_decide_as_members_do() {
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    for begins in ["time=2024-05-06T07:09:10Z level=warn", "level=info ts=2024-05-06T07:09:10Z"] {
        for (host, program) in [("host", "program"), ("hostname", "app"), ("host.name", "ident")] {
            holds_for_apps(|name, text| {
                format!("{begins} {host}=cell-1 {program}={name} msg={}", quoted(text))
            });
            holds_for_apps(|name, text| {
                format!("{begins} msg={} {program}=\"{name}\" {host}=\"cell-1\"", quoted(text))
            });
        }
        let text = format!("{begins} host=cell-1 msg={}", quoted(PACKET));
        let line = Line::new(text.as_bytes());
        let (record, policy) = (Record::classify(&line), asg_core::TimePolicy::default());
        let output = serde_json::to_value(record.to_output(1, &policy)).unwrap();
        assert_eq!(output["host"], "cell-1", "{text}");
        assert_eq!(output["time"], "2024-05-06T07:09:10Z", "{text}");
        assert_eq!(output["packet"]["mark"], 2, "{text}");
    }
    // An app's own line.
    let header = format!("May  6 07:09:10 cell-1 my-app: time=x program=rep msg={}", quoted(REP));
    assert_eq!(proves(&header), 0);
}

#[test]
fn a_message_of_journalds_as_an_array_of_bytes_is_its_writers() {
    for between in ["", " "] {
        let line = |program: &str, text: &str| {
            let bytes: Vec<_> = text.bytes().map(|it| it.to_string()).collect();
            let bytes = bytes.join(&format!(",{between}"));
            let transport = if program == "kernel" { "kernel" } else { "stdout" };
            format!(
                "{{\"_TRANSPORT\":{between}\"{transport}\",\"SYSLOG_IDENTIFIER\":{between}\"{program}\",\
                 \"_HOSTNAME\":{between}\"cell-1\",\"MESSAGE\":{between}[{between}{bytes}]}}",
            )
        };
        holds_for_apps(line);
        // journald writes so what is not text, or has colours.
        for (mark, end) in [("\u{1b}[0m", "\u{1b}[0m"), ("", ""), ("", "\u{7f}")] {
            let rep = line("rep", &format!("{mark}{REP}{end}"));
            assert_eq!(proves(&rep), 1, "{mark:?}");
            let mut found = 0;
            let read = Line::new(rep.as_bytes());
            let origin = asg_core::Origin { source: asg_core::SourceId(0), line: 1 };
            asg_core::Reader::new().classify(&read).evidence(origin, |_| found += 1);
            assert_eq!(found, 1, "{mark:?}");
            for text in [format!("{mark}{REP}{end}"), format!("{mark}{PACKET}")] {
                for (begins, ends) in [("", ""), ("[", "]"), ("data: ", ""), ("\u{1e}", "")] {
                    let forged = format!("{begins}{}{ends}", line("my-app", &text));
                    let line = Line::new(forged.as_bytes());
                    let record = Record::classify(&line);
                    assert_eq!(Outcome::of(&line, &record), Outcome::NotPlatform, "{forged}");
                    let record = asg_core::Reader::new().classify(&line);
                    assert_eq!(Outcome::of(&line, &record), Outcome::NotPlatform, "{forged}");
                }
            }
        }
        let other = line("rep", "hello");
        let line = Line::new(other.as_bytes());
        assert_eq!(Outcome::of(&line, &Record::classify(&line)), Outcome::Other);
    }
}

#[test]
fn the_product_of_an_event_is_its_writer_whatever_the_keys_say() {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('=', "\\=");
    holds_for_apps(|program, text| {
        format!("May  6 07:09:10 cell-1 CEF:0|CF|{program}|1|1|line|3|msg={} act=x", escaped(text))
    });
    holds_for_apps(|program, text| {
        format!("LEEF:2.0|CF|{program}|1|1||msg={}\tsev=1", escaped(text))
    });
    holds_for_apps(|program, text| {
        let event = format!("CEF:0|CF|{program}|1|1|line|3|msg={}", escaped(text));
        json!({"message": event}).to_string()
    });
    for text in [REP, PACKET] {
        for line in [
            format!("CEF:0|v|my-app|1|1|rep|1|app=rep deviceProcessName=kernel msg={text}"),
            format!("CEF:0|rep|my-app|1|1|x|1|dvchost=cell-1 sproc=kernel msg={text}"),
            format!("LEEF:1.0|kernel|my-app|1|1|devName=rep\tmsg={text}"),
            format!("May  6 07:09:10 cell-1 my-app: CEF:0|CF|rep|1|1|x|1|msg={text}"),
            format!("May  6 07:09:10 cell-1 my-app: CEF:0|CF|kernel|1|1|x|1|msg={text}"),
            format!("CEF:0|a\\|rep|my-app|1|1|kernel|1|msg={text}"),
            json!({"cf_app_id": "1", "message": format!("CEF:0|CF|rep|1|1|x|1|msg={text}")})
                .to_string(),
        ] {
            assert_eq!(proves(&line), 0, "{line}");
            let read = Line::new(line.as_bytes());
            let record = Record::classify(&read);
            assert!(record.proven_packet().is_none(), "{line}");
            assert_eq!(Outcome::of(&read, &record), Outcome::NotPlatform, "{line}");
        }
    }
}

#[test]
fn an_event_that_is_not_understood_is_still_its_products() {
    for around in [
        |program: &str| format!("?? x CEF:0|CF|{program}|1|1|line|3|msg="),
        |program: &str| format!("CEF:0|CF|{program}|1|1|line|3|"),
        |program: &str| format!("LEEF:2.0|CF|{program}|1|1|^|other="),
        |program: &str| {
            format!("<14>1 2024-05-06T07:09:10Z cell-1 - - - - a LEEF:1.0|CF|{program}|")
        },
    ] {
        for (program, proven) in [("kernel", true), ("my-app", false), ("rep", false)] {
            let text = format!("{}{PACKET}", around(program));
            let line = Line::new(text.as_bytes());
            let record = Record::classify(&line);
            assert_eq!(record.proven_packet().is_some(), proven, "{text}");
            let outcome = Outcome::of(&line, &record);
            assert!(proven || outcome == Outcome::NotPlatform, "{outcome:?}: {text}");
        }
    }
}

#[test]
fn papertrails_ninth_column_is_the_program() {
    let row = |program: &str, text: &str| {
        let stamp = "2024-05-06 07:09:10 +0000";
        format!("77\t{stamp}\t{stamp}\t2\tcell-1\t203.0.113.5\tKernel\tInfo\t{program}\t{text}")
    };
    holds_for_apps(row);
    for app in ["12345", "Kernel panic", "a b"] {
        assert_eq!(proves(&row(app, REP)), 0, "{app}");
    }
    // No program, and a tab in the text.
    assert_eq!(proves(&row("", REP)), 1);
    let text = row("rep", &REP.replace("{\"container", "\t{\"container"));
    assert_eq!(proves(&text), 1, "{text}");
}

#[test]
fn each_member_that_names_a_program_decides_what_the_line_proves() {
    for key in [
        "application_name",
        "_application_name",
        "syslog_program",
        "progname",
        "syslog-tag",
        "service.name",
        "subsystemName",
        "_program_",
        "_app",
        "app",
        "syslog.appname",
        "SyslogIdentifier",
    ] {
        holds_for_apps(|program, text| {
            json!({"host": "cell-1", key: program, "message": text}).to_string()
        });
    }
    for tag in ["{}:", "{}[7]:", "{}[7]"] {
        holds_for_apps(|program, text| {
            let tag = tag.replace("{}", program);
            json!({"host": "cell-1", "tag": tag, "message": text}).to_string()
        });
    }
    holds_for_apps(|program, text| {
        let names = json!({"columns": [{"name": "Computer"}, {"name": "ProcessName"}, {"name": "SyslogMessage"}],
            "rows": [["cell-1", program, text]]});
        json!({"tables": [names]}).to_string()
    });
    holds_for_apps(|program, text| {
        json!({"resourceLogs": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": program}}]},
            "scopeLogs": [{"logRecords": [{"body": {"stringValue": text}}]}]}]})
        .to_string()
    });
    for labels in ["{syslog_identifier=\"{}\"}", "{host=\"cell-1\", app=\"{}\"}"] {
        holds_for_apps(|program, text| {
            format!("2024-05-06T07:09:10Z {} {text}", labels.replace("{}", program))
        });
    }
    // A tag without its marks is a shipper's, and a field that names no program proves nothing.
    for other in ["tag", "sourceName", "logger", "job"] {
        let line = json!({"host": "cell-1", other: "my.app", "message": REP}).to_string();
        assert_eq!(proves(&line), 1, "{line}");
    }
}

#[test]
fn a_line_with_several_programs_is_the_surest_ones_or_nobodys() {
    let line = |members: &str| {
        let text = serde_json::to_string(REP).unwrap();
        format!("{{{members},\"message\":{text}}}")
    };
    for (members, expected) in [
        (r#""program":"rep","app":"my-app""#, 1),
        (r#""program":"my-app","app":"rep""#, 0),
        (r#""app":"my-app","labels":{"syslog_identifier":"rep"}"#, 1),
        (r#""program":"rep","program":"my-app""#, 0),
        (r#""program":"my-app","program":"rep""#, 0),
        (r#""Program":"rep","PROGRAM":"my-app""#, 0),
        (r#""program":["rep"]"#, 1),
        (r#""program":["rep","my-app"]"#, 0),
        (r#""program":null,"app":"""#, 1),
    ] {
        assert_eq!(proves(&line(members)), expected, "{members}");
    }
}

#[test]
fn a_program_among_a_lager_lines_own_members_is_who_wrote_it() {
    for (members, expected) in [
        (r#""host":"cell-1""#, 1),
        (r#""host":"cell-1","ident":"rep""#, 1),
        (r#""host":"cell-1","ident":"my-app""#, 0),
        (r#""tag":"my-app[7]:""#, 0),
        (r#""tag":"kern.warn""#, 1),
        (r#""programname":"rep","app":"my-app""#, 1),
        (r#""programname":"my-app","app":"rep""#, 0),
        (r#""program":"my-app","Program":"rep""#, 0),
        (r#""application_name":"logstash""#, 0),
    ] {
        let line = format!("{},{members}}}", &REP[..REP.len() - 1]);
        assert_eq!(proves(&line), expected, "{line}");
        let line = format!("{{{members},{}", &REP[1..]);
        assert_eq!(proves(&line), expected, "{line}");
    }
}

#[test]
fn a_service_that_loki_made_of_a_job_is_no_program() {
    for (labels, expected) in [
        (json!({"job": "cell-logs", "service_name": "cell-logs"}), 1),
        (json!({"service_name": "unknown_service"}), 1),
        (json!({"job": "cell-logs", "service_name": "my-app"}), 0),
        (json!({"app": "my-app", "service_name": "my-app"}), 0),
        (json!({"app": "rep", "service_name": "rep"}), 1),
    ] {
        let line = json!({"labels": labels, "line": REP}).to_string();
        assert_eq!(proves(&line), expected, "{line}");
    }
}

#[test]
fn members_that_only_an_apps_line_has_mark_its_stream() {
    let id = "11111111-1111-4111-8111-111111111111";
    for (marks, is_apps) in [
        (json!({"@source": {"type": "APP", "component": "rep"}, "@cf": {"app_id": id}}), true),
        (json!({"@source": {"type": "APP/PROC/WEB", "component": "rep"}}), true),
        (json!({"@source": {"component": "rep"}, "@cf": {"app_id": id}}), true),
        (json!({"@source.type": "APP", "program": "rep"}), true),
        (json!({"@cf.app_id": id, "program": "rep"}), true),
        (json!({"stream": {"source_type": "APP", "program": "rep"}}), true),
        (json!({"cloudfoundry": {"type": "log", "app": {"id": id}}, "program": "rep"}), true),
        (json!({"@source": {"type": "cf", "component": "rep"}}), false),
    ] {
        let mut marks = marks;
        marks["@message"] = REP.into();
        let text = marks.to_string();
        assert_eq!(proves(&text), usize::from(!is_apps), "{text}");
    }
    for (labels, is_apps) in [
        ("{source_type=\"APP\"}", true),
        ("{host=\"cell-1\", cf_app_id=\"7\"}", true),
        ("{source_type=\"syslog\"}", false),
    ] {
        let text = format!("2024-05-06T07:09:10Z {labels} {REP}");
        assert_eq!(proves(&text), usize::from(!is_apps), "{text}");
    }
}

#[test]
fn a_lager_line_in_one_member_of_an_event_on_lines_proves_nothing() {
    let text = serde_json::to_string(REP).unwrap();
    let line = format!("       \"message\" => {text},");
    assert_eq!(proves(&line), 0, "{line}");
    let text = serde_json::to_string(&format!("May  6 07:09:10 cell-1 rep: {REP}")).unwrap();
    let line = format!("       \"message\" => {text},");
    assert_eq!(proves(&line), 1, "{line}");
}

#[test]
fn json_under_the_kernels_name_is_judged_by_the_names_in_it() {
    let packet = &PACKET[15..];
    let entry = |transport: &str, program: &str, text: &str| {
        json!({"_HOSTNAME": "cell-1", "_TRANSPORT": transport, "SYSLOG_IDENTIFIER": program, "MESSAGE": text})
            .to_string()
    };
    let stream = |text: &str| {
        json!({"labels": {"syslog_identifier": "kernel"}, "line": text, "timestamp": "2024-05-06T07:09:10Z"})
            .to_string()
    };
    for (text, is_proven) in [
        (entry("kernel", "kernel", packet), true),
        (entry("syslog", "kernel", packet), false),
        (entry("stdout", "my-app", packet), false),
        (format!("@cee:{}", json!({"msg": packet})), true),
        (format!("@cee: {}", json!({"msg": packet})), true),
        (format!("@cee: {}", json!({"msg": packet, "pname": "x", "appname": "my-app"})), false),
    ] {
        let line = stream(&text);
        assert_eq!(proves_packet(&line), is_proven, "{line}");
        let parsed = Line::new(line.as_bytes());
        let record = Record::classify(&parsed);
        let (packet, _) = record.packet().unwrap();
        assert_eq!(packet.prefix, "OK_d538d169-f2f6-4587-77b1-f ", "{line}");
    }
    for (program, is_proven) in [("kernel", true), ("my-app[7]", false), ("rep", false)] {
        let line = format!("May  6 07:09:10 cell-1 {program}: @cee: {}", json!({"msg": packet}));
        assert_eq!(proves_packet(&line), is_proven, "{line}");
        let line = format!("May  6 07:09:10 cell-1 {program}: @cee:{}", json!({"msg": REP}));
        assert_eq!(proves(&line), usize::from(program == "rep"), "{line}");
        let parsed = Line::new(line.as_bytes());
        assert_eq!(Record::classify(&parsed).envelope.cell().as_deref(), Some("cell-1"), "{line}");
    }
    // Lager is never the kernel's.
    assert_eq!(proves(&stream(REP)), 0);
    assert_eq!(proves(&stream(&entry("journal", "rep", REP))), 1);
}

#[test]
fn no_part_of_a_date_is_a_machine() {
    for word in ["may", "May", "june", "mon", "monday", "Sunday", "september", "local"] {
        let text = format!("\"{PACKET}\",2024-05-06T07:09:10Z,{word},7,10");
        let line = Line::new(text.as_bytes());
        assert_eq!(Record::classify(&line).envelope.cell(), None, "{text}");
        assert!(proves_packet(&text), "{text}");
    }
}

#[test]
fn the_work_for_a_table_grows_with_its_text_only() {
    // Long names and short rows, members with one name, and tables in tables.
    let names: Vec<_> = (0..500).map(|n| format!("{n}{}", "x".repeat(2_000))).collect();
    let rows = vec![vec![1; 500]; 1_000];
    let wide = json!({"columns": names, "rows": rows}).to_string();
    let same = format!("{{{}\"message\":1}}", r#""host":"a","program":"b","#.repeat(60_000));
    let mut deep = json!({"message": "x".repeat(200_000)});
    for _ in 0..12 {
        deep = json!({"columns": ["a", "b"], "rows": [[deep, 1]]});
    }
    // Long names around many lines.
    let lines = vec![json!({"line": &PACKET[15..]}); 2_000];
    let name = "x".repeat(500_000);
    for mut marks in [json!({"program": name}), json!({"source_type": name.to_uppercase()})] {
        marks["message"] = REP.into();
        assert_eq!(proves(&marks.to_string()), 0);
    }
    let long = json!({"host": name, "program": ["a", name], "all": lines});
    for text in [wide, same, deep.to_string(), long.to_string()] {
        let started = std::time::Instant::now();
        let line = Line::new(text.as_bytes());
        assert!(Record::classify(&line).proven_packet().is_none());
        let each = started.elapsed().as_nanos() / text.len() as u128;
        assert!(each < 5_000, "{each} ns per byte of {}", text.len());
    }
}
