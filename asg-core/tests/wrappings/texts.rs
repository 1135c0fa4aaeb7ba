//! Texts in wrappings: of several lines, cut, coloured, and long.

use asg_core::line::{LogLines, RawLine};
use asg_core::record::Outcome;
use asg_core::{Line, Origin, Record, SourceId, TimePolicy};
use serde_json::{Value, json};

use super::{PACKET, REP, outputs, proves};

fn kinds_and_outcome(text: &str) -> (Vec<&'static str>, Outcome) {
    let line = Line::new(text.as_bytes());
    let first = Record::classify(&line);
    let outcome = Record::more(&line).fold(Outcome::of(&line, &first), |it, more| it.with(&more));
    let kinds = Record::all(&line).map(|record| record.kind()).collect();
    (kinds, outcome)
}

#[test]
fn a_string_of_several_lines_gives_the_records_of_each() {
    let packet = |n: u32| format!("May  6 07:09:1{n} cell-1 kernel: {PACKET}");
    let stdout = format!("{}\n{}\nhello\n\n{REP}\n{}\n", packet(0), packet(1), packet(2));
    for key in ["StandardOutputContent", "stdout", "message", "MESSAGE"] {
        for text in [stdout.clone(), stdout.replace('\n', "\r\n")] {
            let text = json!({ key: text }).to_string();
            let (kinds, outcome) = kinds_and_outcome(&text);
            assert_eq!(kinds, ["packet", "packet", "rep", "packet"], "{text}");
            assert_eq!(outcome, Outcome::Packet);
            let line = Line::new(text.as_bytes());
            let cells = Record::all(&line).filter(|it| it.packet().is_some());
            assert!(cells.map(|it| it.envelope.cell()).all(|it| it.as_deref() == Some("cell-1")));
        }
    }
    // An app's lines stay an app's.
    let of_app = json!({"program": "my-app", "message": format!("{PACKET}\n{REP}")}).to_string();
    let line = Line::new(of_app.as_bytes());
    assert!(Record::all(&line).all(|record| record.proven_packet().is_none()));
    let mut found = 0;
    let origin = Origin { source: SourceId(0), line: 1 };
    Record::all(&line).for_each(|record| record.evidence(origin, |_| found += 1));
    assert_eq!(found, 0);
    // An indented document in a string is one line.
    let store = "{\n  \"a\": {\n    \"handle\": \"x\",\n    \"t\": \"IN= OUT= SRC=\"\n  }\n}";
    let text = json!({"stdout": format!("{store}\n{}", packet(0))}).to_string();
    assert_eq!(kinds_and_outcome(&text).0.last(), Some(&"packet"));
}

#[test]
fn an_apps_message_is_the_apps_to_its_end() {
    let apps = [
        "<14>May  6 07:09:09 cell-1 myapp: hi",
        "May  6 07:09:09 cell-1 myapp[7]: hi",
        "<14>1 2024-05-06T07:09:09Z cell-1 myapp - - - hi",
    ];
    let kernel = format!("May  6 07:09:10 cell-1 kernel: {PACKET}");
    for app in apps {
        for forged in [PACKET.to_owned(), kernel.clone(), REP.to_owned()] {
            let text = format!("{app}\n{forged}\nmore");
            for log in [
                json!({"message": text}),
                json!({"log": text}),
                json!({"host": "cell-1", "message": text.replace('\n', "\r\n")}),
                json!({"event": {"original": text}}),
                json!({"messages": [text]}),
                json!({"streams": [{"stream": {}, "values": [["1714979350000000000", text]]}]}),
                json!({"MESSAGE": text}),
                json!(text),
            ] {
                let log = log.to_string();
                let line = Line::new(log.as_bytes());
                assert!(Record::all(&line).all(|it| it.proven_packet().is_none()), "{log}");
                assert_eq!(proves(&log), 0, "{log}");
                let (_, outcome) = kinds_and_outcome(&log);
                assert!(outcome.consequence().is_some(), "{outcome:?} {log}");
            }
            // A command's output has lines of many programs.
            let log = json!({"stdout": format!("{app}\n{kernel}")}).to_string();
            assert_eq!(kinds_and_outcome(&log).0.last(), Some(&"packet"), "{log}");
            // Lines before it count.
            let log = json!({"message": format!("{kernel}\n{text}")}).to_string();
            assert_eq!(kinds_and_outcome(&log).0[0], "packet", "{log}");
            assert_eq!(proves(&log), 0, "{log}");
        }
    }
}

#[test]
fn each_row_of_an_array_on_lines_of_its_own_is_read() {
    let row = |n: u32| json!({"host": "cell-1", "msg": format!("May  6 07:09:1{n} cell-1 kernel: {PACKET}")});
    let log = format!("[{},\n{},\n{}]\n", row(0), row(1), row(2));
    let kinds: Vec<_> = outputs(log.as_bytes()).into_iter().map(|it| it["kind"].clone()).collect();
    assert_eq!(kinds, ["packet"; 3]);
    for line in [format!("[{REP},"), format!("{REP},"), format!("{REP}]")] {
        assert_eq!(proves(&line), 1, "{line}");
    }
}

#[test]
fn a_line_that_is_cut_in_its_wrapping_is_damaged_and_keeps_what_was_read() {
    let kernel = format!("May  6 07:09:10 cell-1 kernel: {PACKET}");
    let json = json!({"host": "cell-1", "message": kernel}).to_string();
    for (name, whole, from) in [
        ("repeated", kernel.replace(": [", ": message repeated 41 times: [ [") + "]", 40),
        ("json", json, 30),
        ("csv", format!("\"cell-1\",\"2024-05-06T07:09:10Z\",\"{kernel}\""), 45),
        ("ruby", format!("\"message\" => \"{kernel}\","), 20),
        (
            "fluentd",
            format!(
                "2024-05-06 07:09:10 +0000 kern: {{\"host\":\"cell-1\",\"ident\":\"kernel\",\"message\":\"{PACKET}\"}}"
            ),
            90,
        ),
    ] {
        assert_eq!(Record::classify(&Line::new(whole.as_bytes())).kind(), "packet", "{whole}");
        let ends = whole.rfind("MARK=0x2").unwrap() + "MARK=0x2 ".len();
        let starts = whole.find("SRC=").unwrap();
        for end in from.max(starts + 4)..=ends {
            let cut = &whole[..end];
            let line = Line::new(cut.as_bytes());
            let record = Record::classify(&line);
            assert_eq!(record.kind(), "damaged", "{name}: {cut}");
            let (_, cf) = record.packet().unwrap_or_else(|| panic!("{name}: {cut}"));
            let handle = cf.and_then(|cf| cf.handle_prefix).map(|it| it.as_str().to_owned());
            assert_eq!(handle.as_deref(), Some("d538d169-f2f6-4587-77b1-f"), "{name}: {cut}");
        }
    }
    // A program that is named before the cut wrote the line.
    let of_app = format!("{{\"ident\":\"my-app\",\"message\":\"{PACKET}");
    let line = Line::new(of_app.as_bytes());
    assert!(Record::classify(&line).proven_packet().is_none());
}

#[test]
fn a_value_that_is_cut_behind_the_packet_is_not_known() {
    let message = json!(PACKET).to_string();
    for (name, value) in [
        ("hostname", "\"cell-1\""),
        ("time", "\"2024-05-06T07:09:10.581301Z\""),
        ("time", "1714979350581"),
        ("labels", "{\"host\":\"cell-1\",\"time\":\"2024-05-06T07:09:10Z\"}"),
    ] {
        for end in 0..value.len() {
            let cut = format!("{{\"a\":1,\"message\":{message},\"{name}\":{}", &value[..end]);
            let line = Line::new(cut.as_bytes());
            let record = Record::classify(&line);
            assert_eq!(record.kind(), "damaged", "{cut}");
            assert!(record.packet().is_some(), "{cut}");
            let cell = record.envelope.cell();
            assert!(cell.is_none_or(|cell| cell == "cell-1"), "{cut}");
            let output = serde_json::to_value(record.to_output(1, &TimePolicy::default())).unwrap();
            assert!(output["time"].is_null(), "{cut} {output}");
        }
    }
}

#[test]
fn a_damaged_line_that_holds_a_container_and_gives_nothing_is_told() {
    let rep = &REP[..REP.len() - 1];
    for text in [
        rep.replace("\"data\"", "\"data\"\"").clone(),
        rep.replace('"', "&quot;").replacen("{&quot;", "{", 1),
        format!("{} hello", json!({"a": {"handle": "a", "metadata": {"app_id": "b"}}})),
    ] {
        let (kinds, outcome) = kinds_and_outcome(&text);
        assert_eq!((kinds, outcome), (vec!["damaged"], Outcome::NotUnderstood), "{text}");
    }
}

#[test]
fn colours_anywhere_in_a_line_cost_nothing() {
    let kernel = format!("May  6 07:09:10 cell-1 kernel: {PACKET}");
    let rep = format!("May  6 07:09:10 cell-1 rep: {REP}");
    let json = json!({"host": "cell-1", "message": kernel}).to_string();
    let mut reader = asg_core::Reader::new();
    for word in [
        "OK_",
        "cell-1",
        "kernel",
        "d538d169",
        "SRC=",
        "10.255.15.7",
        "203",
        "URGP=0",
        "DPT=80",
        "IN=",
        "May",
    ] {
        for (begin, end) in [
            ("\x1b[01;31m\x1b[K", "\x1b[m\x1b[K"),
            ("\x1b[0;1;38;5;185m", "\x1b[0m"),
            ("\x1b[1m", ""),
        ] {
            let coloured = |text: &str| text.replacen(word, &format!("{begin}{word}{end}"), 1);
            let inside = json!({"host": "cell-1", "message": coloured(&kernel)}).to_string();
            for text in [coloured(&kernel), coloured(&json), inside] {
                let line = Line::new(text.as_bytes());
                let record = Record::classify(&line);
                let output =
                    serde_json::to_value(record.to_output(1, &TimePolicy::default())).unwrap();
                assert_eq!(output["kind"], "packet", "{text:?}");
                assert_eq!(output["cf"]["handle_prefix"], "d538d169-f2f6-4587-77b1-f", "{text:?}");
                assert_eq!(output["packet"]["src"], "10.255.15.7", "{text:?}");
                assert_eq!(output["packet"]["dst"], "203.0.113.10", "{text:?}");
                assert_eq!(output["packet"]["dpt"], 80, "{text:?}");
                assert_eq!(record.envelope.cell().as_deref(), Some("cell-1"), "{text:?}");
                assert!(record.proven_packet().is_some(), "{text:?}");
                assert_eq!(Outcome::of(&line, &record), Outcome::Packet, "{text:?}");
                let plain = Line::new(kernel.as_bytes());
                _ = reader.classify(&plain);
                assert_eq!(reader.classify(&Line::new(text.as_bytes())), record, "{text:?}");
            }
        }
    }
    // Prefixes of all forms, in a wrapping; another rule's keeps its own colours.
    for (prefix, kept, handle) in [
        ("OK_\x1b[1md538d169-f2f6-4587-77b1-f\x1b[m ", "OK_d538d169-f2f6-4587-77b1-f ", true),
        ("\x1b[1md538d169\x1b[m-f2f6-4587-77b1-f8aa", "d538d169-f2f6-4587-77b1-f8aa", true),
        ("w-0-\x1b[1minstance\x1b[m-511fb8iq52t ", "w-0-instance-511fb8iq52t ", true),
        ("DROP\x1b[1m: ", "DROP\x1b[1m: ", false),
        ("DROP OK_x\x1b[1m: ", "DROP OK_x\x1b[1m: ", false),
    ] {
        let (_, packet) = PACKET.split_once("IN=").unwrap();
        let text = format!("May  6 07:09:10 cell-1 kernel: [639.500000] {prefix}IN={packet}");
        let text = json!({"host": "cell-1", "message": text}).to_string();
        let line = Line::new(text.as_bytes());
        let record = Record::classify(&line);
        let (packet, cf) = record.proven_packet().unwrap();
        assert_eq!(packet.prefix, *kept, "{text}");
        assert_eq!(cf.is_some(), handle, "{text}");
    }
    for word in ["rep", "cell-1", "timestamp", "source", "message", "d538d169", "data"] {
        let text = rep.replacen(word, &format!("\x1b[01;31m\x1b[K{word}\x1b[m\x1b[K"), 1);
        assert_eq!(proves(&text), 1, "{text:?}");
        // An app's colours forge nothing.
        assert_eq!(
            proves(&text.replacen("rep: ", "my-app: ", 1).replacen(
                "rep\x1b[m\x1b[K: ",
                "my-app: ",
                1
            )),
            0
        );
    }
}

#[test]
fn a_document_of_a_cell_is_read_behind_what_stands_before_it() {
    let guid = |n: u32| format!("d538d169-f2f6-4587-77b1-{n:012}");
    let store: serde_json::Map<_, _> = (0..400)
        .map(|n| {
            let app = "bc6f229d-5e4a-4c41-a63f-e8795496c283";
            (guid(n), json!({"handle": guid(n), "ip": "10.255.15.7", "metadata": {"app_id": app}}))
        })
        .collect();
    let store = Value::Object(store).to_string();
    assert!(store.len() > 65_536);
    for before in [
        "",
        " ",
        "data: ",
        "diego-cell/0455ec2b-11fa-41ab-9d1c-f3a575cd55ea: stdout | ",
        "2024-05-06T07:08:05.400512000Z stdout F ",
    ] {
        let (mut lines, mut found) = (LogLines::new(), 0);
        let mut each = |raw: RawLine<'_>| {
            assert_eq!(raw.skipped, 0, "{before}");
            let origin = Origin { source: SourceId(0), line: 1 };
            Record::classify(&raw.line()).evidence(origin, |_| found += 1);
        };
        lines.push(format!("{before}{store}\n").as_bytes(), &mut each);
        lines.finish(each);
        assert_eq!(found, 400, "{before}");
    }
}

#[test]
fn a_document_that_is_alone_in_a_string_is_read() {
    let guid = "d538d169-f2f6-4587-77b1-f00d";
    let app = json!({"app_id": "bc6f229d-5e4a-4c41-a63f-e8795496c283"});
    let store = json!({guid: {"handle": guid, "ip": "10.255.15.7", "metadata": app}});
    for text in
        [store.to_string(), serde_json::to_string_pretty(&store).unwrap(), format!("{store}\n")]
    {
        for line in [
            json!(text).to_string(),
            json!([text]).to_string(),
            json!({"stdout": text}).to_string(),
            json!({"rc": 0, "cmd": ["cat", "store.json"], "stdout": text}).to_string(),
            json!({"results": [{"host": "cell-1", "content": text}]}).to_string(),
        ] {
            assert_eq!(proves(&line), 1, "{line}");
        }
        for line in [
            json!({"program": "my-app", "stdout": text}).to_string(),
            json!({"cf_app_id": "1", "message": text}).to_string(),
            format!("May  6 07:09:10 cell-1 my-app: {}", json!(text)),
            format!("May  6 07:09:10 cell-1 logger: {}", json!({"stdout": text})),
        ] {
            assert_eq!(proves(&line), 0, "{line}");
        }
    }
}

#[test]
fn entities_of_html_are_undone_and_forge_nothing() {
    let escaped = |text: &str| {
        text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
    };
    let mut reader = asg_core::Reader::new();
    for (header, is_proven) in [
        ("", true),
        ("<14>1 2024-05-06T07:09:10Z cell-1 rep - - - ", true),
        ("<14>May  6 07:09:10 cell-1 rep: ", true),
        ("2024-05-06T07:09:10Z cell-1 rep: ", true),
        ("<14>May  6 07:09:10 cell-1 my-app: ", false),
        ("2024-05-06T07:09:10Z cell-1 my-app: ", false),
        ("2024-05-06T07:08:03.29+0000 [APP/PROC/WEB/0] OUT ", false),
    ] {
        let line = format!("{header}{REP}");
        for text in [escaped(&line), line.replace('"', "&quot;"), line.replace('"', "&#34;")] {
            assert_eq!(proves(&text), usize::from(is_proven), "{text}");
            let line = Line::new(text.as_bytes());
            assert_eq!(reader.classify(&line), Record::classify(&line), "{text}");
        }
        let of_kernel = header.replace("rep", "kernel");
        let text = escaped(&format!("{of_kernel}{PACKET}"));
        let line = Line::new(text.as_bytes());
        let record = Record::classify(&line);
        assert_eq!(record.proven_packet().is_some(), is_proven, "{text}");
        assert!(is_proven || Outcome::of(&line, &record) == Outcome::NotPlatform, "{text}");
    }
}

#[test]
fn a_prompt_of_a_shell_hides_no_document() {
    let guid = "d538d169-f2f6-4587-77b1-f00d";
    let app = json!({"app_id": "bc6f229d-5e4a-4c41-a63f-e8795496c283"});
    let store = json!({guid: {"handle": guid, "ip": "10.255.15.7", "metadata": app}});
    let pretty = serde_json::to_string_pretty(&store).unwrap();
    let found = |log: &str| {
        let (mut lines, mut found) = (LogLines::new(), 0);
        let mut each = |raw: RawLine<'_>| {
            let origin = Origin { source: SourceId(0), line: raw.number };
            if raw.part_of.is_none() {
                Record::classify(&raw.line()).evidence(origin, |_| found += 1);
            }
        };
        lines.push(log.as_bytes(), &mut each);
        lines.finish(each);
        found
    };
    for prompt in ["vcap@cell-1:~$ ", "[root@cell-1 ~]# ", "$ ", "diego-cell/0:/var/vcap@x~# "] {
        let packet = format!("May  6 07:09:10 cell-1 kernel: {PACKET}{prompt}");
        assert_eq!(Record::classify(&Line::new(packet.as_bytes())).kind(), "packet", "{packet}");
        for log in [
            format!("{prompt}{store}\n"),
            format!("{prompt}{store}{prompt}\n"),
            format!("{store}{prompt}exit\n{store}{prompt}\n"),
            format!("{prompt}cat store.json\n{pretty}{prompt}\n"),
            format!("{prompt}cat store.json\n{pretty}{prompt}"),
            format!("{prompt}cat rep.stdout.log\n{prompt}{REP}\n"),
            format!("May  6 07:09:10 cell-1 rep: {REP}{prompt}\n"),
        ] {
            assert_eq!(found(&log), 1, "{log}");
        }
        let log = format!("May  6 07:09:10 cell-1 my-app: {prompt}{REP}\n");
        assert_eq!(found(&log), 0, "{log}");
        let forged = format!("May  6 07:09:10 cell-1 my-app: {prompt}{PACKET}{prompt}");
        let (_, outcome) = kinds_and_outcome(&forged);
        assert_eq!(outcome, Outcome::NotPlatform, "{forged}");
    }
}

#[test]
fn a_line_that_a_terminal_has_broken_is_told_with_each_of_its_pieces() {
    for header in ["May  6 07:09:10 cell-1 kernel: ", "", "2024-05-06T07:09:10Z cell-1 kernel: "] {
        for columns in [72, 76, 80, 100, 120, 132, 160] {
            let line = format!("{header}{PACKET}");
            let bytes = line.as_bytes();
            for piece in bytes.chunks(columns) {
                let line = Line::new(piece);
                let record = Record::classify(&line);
                let outcome = Outcome::of(&line, &record);
                // A piece of a few fields is not a packet's for certain.
                let text = String::from_utf8_lossy(piece);
                let has_fields = text.matches('=').count() > 2 && text.contains("C=");
                let is_told = outcome.consequence().is_some();
                assert!(is_told || !has_fields, "{outcome:?}: {text}");
                assert!(record.proven_packet().is_none() || outcome != Outcome::Packet, "{text}");
            }
        }
    }
}

#[test]
fn a_text_in_base64_is_told_where_a_store_put_it() {
    let data =
        "TWF5ICA2IDA3OjA5OjEwIGNlbGwtMSBrZXJuZWw6IFs4ODAwOC45MjAyODddIE9LX2Q1MzhkMTY5LWYyZjY=";
    let outcome = |text: &str| {
        let line = Line::new(text.as_bytes());
        let first = Record::classify(&line);
        Record::more(&line).fold(Outcome::of(&line, &first), |it, more| it.with(&more))
    };
    let kinesis = json!({"Records": [{"SequenceNumber": "4954", "ApproximateArrivalTimestamp": 1.5,
        "Data": data, "PartitionKey": "cell-1"}], "NextShardIterator": "AAAA"});
    let lambda = json!({"Records": [{"kinesis": {"partitionKey": "1", "sequenceNumber": "4954", "data": data},
        "eventSource": "aws:kinesis"}]});
    let firehose = json!({"invocationId": "i", "records": [{"recordId": "1", "data": data}]});
    let pulled = json!([{"ackId": "A", "message": {"data": data, "messageId": "1", "publishTime": "2024-05-06T07:09:10Z"}}]);
    let pushed = json!({"message": {"attributes": {"a": "b"}, "data": data, "message_id": "1"}, "subscription": "s"});
    let awslogs = json!({"awslogs": {"data": data}});
    for value in [kinesis, lambda, firehose, pulled, pushed, awslogs] {
        for text in [value.to_string(), format!("{value:#}"), format!("{value},")] {
            assert_eq!(outcome(&text), Outcome::Encoded, "{text}");
        }
        let app = format!("2024-05-06T07:08:05.40+0000 [APP/PROC/WEB/0] OUT {value}");
        assert_eq!(outcome(&app), Outcome::Other, "{app}");
        assert!(outcome(&value.to_string().replace(data, "short")) == Outcome::Other);
    }
    let other = json!({"data": data, "name": "picture"}).to_string();
    assert_eq!(outcome(&other), Outcome::Other);
}

#[test]
fn a_line_that_a_runtime_has_divided_is_one() {
    let head = |n: usize, tag: &str| format!("2024-05-06T07:09:1{n}.400512000Z stdout {tag} ");
    let kernels = format!("May  6 07:09:10 cell-1 kernel: {PACKET}");
    let reps = format!("May  6 07:09:10 cell-1 rep: {REP}");
    let apps = [&kernels, &reps].map(|line| format!("May  6 07:09:10 cell-1 my-app: hello {line}"));
    for (line, kind) in [(&kernels, "packet"), (&reps, "rep"), (&apps[0], "app"), (&apps[1], "app")]
    {
        for at in (1..line.len() - 1).step_by(3) {
            let middle = (at + 20).min(line.len());
            for parts in [
                vec![&line[..at], &line[at..]],
                vec![&line[..at], &line[at..middle], &line[middle..]],
            ] {
                let mut log = format!("{}start\n", head(0, "F"));
                for (n, part) in parts.iter().enumerate() {
                    let tag = if n + 1 < parts.len() { "P" } else { "F" };
                    log.push_str(&[&*head(n + 1, tag), *part, "\n"].concat());
                }
                let found = outputs(log.as_bytes());
                if kind == "app" {
                    assert!(
                        found.iter().all(|it| it["kind"] != "rep" && it["cf"].is_null()
                            || it["program"] == "my-app"),
                        "{log}: {found:?}"
                    );
                } else {
                    assert_eq!(found[1]["kind"], kind, "{log}");
                    assert_eq!(found[1]["host"], "cell-1", "{log}");
                }
                assert!(found[2..].iter().all(|it| it["part_of"] == 2), "{log}");
            }
        }
    }
    // A line of the other output comes between the parts. At the end of the log a part is alone.
    let other = "2024-05-06T07:09:12Z stderr F x\n";
    let part = format!("{}{}\n{other}", head(1, "P"), &kernels[..120]);
    let log = format!("{part}{}{}\n", head(2, "F"), &kernels[120..]);
    let found = outputs(log.as_bytes());
    let kinds: Vec<_> = found.iter().map(|it| &it["kind"]).collect();
    assert_eq!(kinds, ["packet", "other", "other"]);
    assert_eq!((&found[1]["part_of"], &found[2]["part_of"]), (&Value::Null, &json!(1)));
    let found = outputs(part.as_bytes());
    assert_eq!([&found[0]["kind"], &found[1]["kind"]], ["damaged", "other"]);
}
