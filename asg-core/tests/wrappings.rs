//! Lines in all the wrappings that programs put around them: each is parsed, its machine and time
//! are found, and its writer decides what it proves.

use asg_core::line::{LogLines, RawLine};
use asg_core::record::Outcome;
use asg_core::{Gathering, Line, Origin, Record, SourceId, TimePolicy};
use serde_json::{Value, json};

/// One wrapping. `{P}` is replaced by the program, `{PU}` by its name in capitals, `{B}` by the
/// text, `{N}` by the number of bytes that follow.
struct Wrapping {
    name: String,
    template: String,
    encoding: String,
    cell: Option<String>,
    time: Option<String>,
}

impl Wrapping {
    fn all() -> Vec<Self> {
        let text = include_str!("../fixtures/line/wrappings.jsonl");
        let all = text.lines().map(|row| {
            let row: Value = serde_json::from_str(row).unwrap();
            let text = |key: &str| row[key].as_str().map(str::to_owned);
            Self {
                name: text("name").unwrap(),
                template: text("template").unwrap(),
                encoding: text("encoding").unwrap(),
                cell: text("cell"),
                time: text("time"),
            }
        });
        all.collect()
    }

    fn around(&self, program: &str, body: &str) -> String {
        let body = match &*self.encoding {
            "json" => serde_json::to_string(body).unwrap().trim_matches('"').to_owned(),
            "csv" => body.replace('"', "\"\""),
            _ => body.to_owned(),
        };
        // Quotes in the template's own headers are escaped like the body's.
        let line = self.template.replace("{PU}", &program.to_uppercase()).replace("{P}", program);
        let line = line.replace("{B}", &body);
        match line.strip_prefix("{N} ") {
            Some(rest) => format!("{} {rest}", rest.len()),
            None => line,
        }
    }
}

const PACKET: &str = "[88008.920287] OK_d538d169-f2f6-4587-77b1-f IN=s-010255015007 OUT=eth0 \
    MAC=aa:aa:0a:ff:0f:07:ee:ee:0a:ff:0f:07:08:00 SRC=10.255.15.7 DST=203.0.113.10 LEN=60 TOS=0x00 PREC=0x00 \
    TTL=63 ID=45400 DF PROTO=TCP SPT=35236 DPT=80 WINDOW=29200 RES=0x00 SYN URGP=0 MARK=0x2 ";

const REP: &str = r#"{"timestamp":"1714979350.100000000","source":"rep","message":"rep.executing-container-operation.ordinary-lrp-processor.process-reserved-container.run-container.containerstore-create.node-create.created-container-in-garden","log_level":1,"data":{"container-guid":"d538d169-f2f6-4587-77b1-f00d","guid":"d538d169-f2f6-4587-77b1-f00d"}}"#;

/// Returns the faults of a packet's line, in words.
fn faults(wrapping: &Wrapping) -> Vec<String> {
    let text = wrapping.around("kernel", PACKET);
    let line = Line::new(text.as_bytes());
    let record = Record::classify(&line);
    let output = serde_json::to_value(record.to_output(1, &TimePolicy::default())).unwrap();
    let mut faults = Vec::new();
    let mut hold = |what: &str, got: &Value, expected: Value| {
        if *got != expected {
            faults.push(format!("{}: {what} is {got}, expected {expected}: {text}", wrapping.name));
        }
    };
    hold("kind", &output["kind"], "packet".into());
    hold("verdict", &output["cf"]["verdict"], "allowed".into());
    hold("handle", &output["cf"]["handle_prefix"], "d538d169-f2f6-4587-77b1-f".into());
    hold("source", &output["packet"]["src"], "10.255.15.7".into());
    hold("destination", &output["packet"]["dst"], "203.0.113.10".into());
    hold("mark", &output["packet"]["mark"], 2.into());
    hold("uptime", &output["uptime"], "88008.920287".into());
    hold("program", &output["program"], Value::Null);
    hold("header_not_understood", &output["header_not_understood"], Value::Null);
    hold("cell", &record.envelope.cell().into(), wrapping.cell.clone().into());
    hold("time", &output["time"], wrapping.time.clone().into());
    faults
}

#[test]
fn a_packet_is_read_in_each_wrapping_with_its_machine_and_time() {
    let all = Wrapping::all();
    let faults: Vec<_> = all.iter().flat_map(faults).collect();
    assert!(all.len() >= 310, "{}", all.len());
    assert!(faults.is_empty(), "{}\n{}", faults.len(), faults.join("\n"));
}

fn proves(line: &str) -> usize {
    let mut found = 0;
    let origin = Origin { source: SourceId(0), line: 1 };
    Record::classify(&Line::new(line.as_bytes())).evidence(origin, |_| found += 1);
    found
}

#[test]
fn a_rep_line_is_evidence_in_each_wrapping_and_an_apps_is_in_none() {
    let mut faults = Vec::new();
    for wrapping in Wrapping::all() {
        let text = wrapping.around("rep", REP);
        if proves(&text) != 1 {
            faults.push(format!("{}: no evidence: {text}", wrapping.name));
        }
        for program in ["sshd", "app", "11111111-1111-4111-8111-111111111111"] {
            let text = wrapping.around(program, REP);
            if proves(&text) != 0 {
                faults.push(format!("{}: forged evidence: {text}", wrapping.name));
            }
            let text = wrapping.around(program, PACKET);
            let line = Line::new(text.as_bytes());
            if Record::classify(&line).proven_packet().is_some() {
                faults.push(format!("{}: forged packet: {text}", wrapping.name));
            }
        }
    }
    assert!(faults.is_empty(), "{}\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn marks_behind_a_line_cost_nothing() {
    let json = serde_json::json!({"host": "cell-1", "ident": "rep", "message": REP}).to_string();
    for marks in
        ["\"", "'", "`", ",", "\t", "#015", "#012", "\\n", "\\r\\n", "\u{a0}", "\0", "\",", " #015"]
    {
        for (line, is_evidence) in [
            (REP.to_owned(), true),
            (format!("May  6 07:09:10 cell-1 rep: {REP}"), true),
            (json.clone(), true),
            (format!("May  6 07:09:10 cell-1 kernel: {PACKET}"), false),
        ] {
            let text = format!("{line}{marks}");
            let line = Line::new(text.as_bytes());
            let record = Record::classify(&line);
            let kind = if is_evidence { "rep" } else { "packet" };
            assert_eq!(record.kind(), kind, "{text}");
            assert_eq!(proves(&text), usize::from(is_evidence), "{text}");
            let is_shown = !text.starts_with("{\"host\"");
            let output = serde_json::to_value(record.to_output(1, &TimePolicy::default())).unwrap();
            assert_eq!(output["trailing"].is_string(), is_shown, "{output}");
        }
        // A line that is cut does not count as a whole one with marks.
        let cut = format!("{}{marks}", &REP[..REP.len() - 1]);
        assert_eq!(Record::classify(&Line::new(cut.as_bytes())).kind(), "damaged", "{cut}");
    }
}

#[test]
fn a_program_named_in_a_header_that_is_not_understood_is_who_wrote_the_line() {
    for header in ["?? one two three ", "a|b|c d=e ", "May  6 07:09:10 what is this ", "[x] {y} "] {
        for (tag, proven) in
            [("kernel: ", true), ("sshd[7]: ", false), ("my-app: ", false), ("", true)]
        {
            let text = format!("{header}{tag}{PACKET}");
            let line = Line::new(text.as_bytes());
            let record = Record::classify(&line);
            assert_eq!(record.proven_packet().is_some(), proven, "{text}");
            let outcome = Outcome::of(&line, &record);
            assert!(proven || outcome == Outcome::NotPlatform, "{text}: {outcome:?}");
            assert!(record.envelope.uptime.is_some(), "{text}");
        }
    }
    // A whole header behind such a text is the line's, unless the text is a program's.
    let inner = format!("May  6 07:09:10 cell-1 kernel: {PACKET}");
    for (text, host) in [("=~ ", Some("cell-1")), ("[a] (b) ", Some("cell-1")), ("app: - ", None)] {
        let text = format!("{text}{inner}");
        let line = Line::new(text.as_bytes());
        let record = Record::classify(&line);
        assert_eq!(record.envelope.host.map(|it| it.to_string()).as_deref(), host, "{text}");
    }
}

/// Returns the content of each line of a log, documents on several lines included.
fn outputs(log: &[u8]) -> Vec<Value> {
    let mut all = Vec::new();
    let mut each = |raw: RawLine<'_>| {
        let line = raw.line();
        let record = match raw.part_of {
            Some(first) => Record::part_of(first),
            None => Record::classify(&line),
        };
        let policy = TimePolicy::default();
        let mut output = serde_json::to_value(record.to_output(raw.number, &policy)).unwrap();
        output["cell"] = record.envelope.cell().into();
        all.push(output);
    };
    let mut lines = LogLines::new();
    lines.push(log, &mut each);
    lines.finish(each);
    all
}

/// Passes on the rows of a fixture: the lines, the line of the packet, and its content.
fn each_row(text: &str, mut each: impl FnMut(&str, &Value, Value)) -> usize {
    let mut rows = 0;
    for row in text.lines() {
        let row: Value = serde_json::from_str(row).unwrap();
        rows += 1;
        let lines = row["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap());
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        let outputs = outputs(text.as_bytes());
        let packet = outputs.into_iter().find(|output| output["kind"] != "other");
        let packet = packet.unwrap_or_else(|| panic!("no packet: {row}"));
        each(row["name"].as_str().unwrap(), &row, packet);
    }
    rows
}

#[test]
fn each_shape_of_the_log_stores_is_read_with_the_time_and_machine_that_it_has() {
    let text = include_str!("../fixtures/line/stores.jsonl");
    let rows = each_row(text, |name, row, output| {
        assert_eq!(output["kind"], "packet", "{name}: {output}");
        assert_eq!(output["cf"]["verdict"], "denied", "{name}");
        assert_eq!(output["cf"]["handle_prefix"], "9c41d0e7-52b8-4f6a-6d13", "{name}");
        assert_eq!(output["packet"]["dst"], "198.51.100.77", "{name}");
        assert_eq!(output["packet"]["dpt"], 443, "{name}");
        for key in ["cell", "time", "uptime"] {
            assert_eq!(output[key], row[key], "{name}: {key}");
        }
    });
    assert_eq!(rows, 84);
}

#[test]
fn the_number_of_a_line_is_not_the_version_of_its_header() {
    for number in ["1 ", "      1 ", "2 ", "1\t", "117 "] {
        let text = format!("{number}2024-05-06T07:09:10Z cell-1 kernel: {PACKET}");
        let line = Line::new(text.as_bytes());
        let record = Record::classify(&line);
        assert!(record.proven_packet().is_some(), "{number}");
        assert_eq!(record.envelope.program, Some("kernel".into()), "{number}");
    }
    let text = format!("1 2024-05-06T07:09:10Z cell-1 kernel - - - {PACKET}");
    let line = Line::new(text.as_bytes());
    assert_eq!(Record::classify(&line).envelope.dialect, asg_core::line::Dialect::Rfc5424);
}

#[test]
fn objects_without_line_feeds_between_them_are_read_one_by_one() {
    let kinds = |text: &str| {
        let line = Line::new(text.as_bytes());
        Record::all(&line).map(|record| record.kind()).collect::<Vec<_>>()
    };
    let packet = |n: u32| format!("2024-05-06T07:09:1{n}Z cell-1 kernel: {PACKET}");
    let document =
        |n| json!({"logGroup": "cf", "logEvents": [{"message": packet(n)}, {"message": REP}]});
    let documents: Vec<_> = (0..3).map(|n| document(n).to_string()).collect();
    for between in ["", " ", "\t"] {
        assert_eq!(kinds(&documents.join(between)), ["packet", "rep"].repeat(3), "{between:?}");
    }
    assert_eq!(kinds(&REP.repeat(3)), ["rep"; 3]);
    assert_eq!(kinds(&format!("{REP}{}", documents[0])), ["rep", "packet", "rep"]);
    // Braces inside a text divide nothing.
    let odd = REP.replace(r#""data":{"#, r#""data":{"a":"}{","#);
    assert_eq!(kinds(&odd), ["rep"]);

    let of_app = json!({"message": packet(4), "cf_app_id": "d538d169-f2f6-4587-77b1-f00d", "source_type": "APP"});
    let text = format!("{}{of_app}", documents[0]);
    let line = Line::new(text.as_bytes());
    let forged: Vec<_> = Record::all(&line).map(|record| record.not_platform()).collect();
    assert_eq!(forged, [false, false, true]);

    // One that has no line is not dropped: it may be a document.
    let store = json!({"d538d169-f2f6-4587-77b1-f00d": {"handle": "d538d169-f2f6-4587-77b1-f00d", "ip": "10.255.15.7",
        "metadata": {"app_id": "bc6f229d-5e4a-4c41-a63f-e8795496c283"}}});
    assert_eq!(kinds(&format!("{store}{}{{}}", documents[0])), ["rep", "packet", "rep"]);
    assert_eq!(kinds(&format!("{store}{store}")), ["rep", "rep"]);
    let of_app =
        store.to_string().replacen('{', r#"{"cf_app_id":"d538d169","source_type":"APP","#, 1);
    assert_eq!(kinds(&format!("{store}{of_app}")), ["rep", "other"]);

    // Nothing of a line that is cut counts as whole.
    let cut = documents.concat();
    assert_eq!(kinds(&cut[..cut.len() - 3]), ["damaged"]);
}

/// An entry of `journalctl -o export`: its fields, some of them with the length of their value.
fn exported(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut text = b"__CURSOR=s=1;i=2\n".to_vec();
    for (name, value) in fields {
        text.extend_from_slice(name.as_bytes());
        if value.contains('\n') || name.starts_with("BINARY") {
            text.push(b'\n');
            text.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            text.push(b'=');
        }
        text.extend_from_slice(value.as_bytes());
        text.push(b'\n');
    }
    text.push(b'\n');
    text
}

/// An entry of `journalctl -o verbose`.
fn verbose(fields: &[(&str, &str)]) -> Vec<u8> {
    let head = "Mon 2024-05-06 09:09:10.581301 CEST [s=1f;i=2;b=3;m=4;t=617c3befd1035;x=6]\n";
    let fields = fields.iter().map(|(name, value)| {
        let blanks = " ".repeat(name.len() + 5);
        format!("    {name}={}\n", value.replace('\n', &format!("\n{blanks}")))
    });
    format!("{head}{}", fields.collect::<String>()).into_bytes()
}

#[test]
fn an_entry_of_journald_is_read_as_a_whole() {
    let packet = &PACKET[15..];
    let micros = "1714979350581301";
    let export = |message: &str, rest: &[(&str, &str)]| {
        let first = [("__REALTIME_TIMESTAMP", micros), ("BINARY", "\n\r\n"), ("MESSAGE", message)];
        exported(&[&first, rest].concat())
    };
    let entry = |message: &str, rest: &[(&str, &str)]| {
        verbose(&[&[("PRIORITY", "4"), ("MESSAGE", message)], rest].concat())
    };
    let of = |program| [("SYSLOG_IDENTIFIER", program), ("_HOSTNAME", "cell-1")];
    let kernel = [("_TRANSPORT", "kernel"), ("_HOSTNAME", "cell-1")];
    for (log, kinds) in [
        (export(packet, &kernel), vec!["packet"]),
        (export(packet, &of("kernel")), vec!["packet"]),
        (export(REP, &of("rep")), vec!["rep"]),
        (entry(packet, &of("kernel")), vec!["packet"]),
        (entry(REP, &of("rep")), vec!["rep"]),
        ([export(packet, &kernel), export(REP, &of("rep"))].concat(), vec!["packet", "rep"]),
        ([entry(packet, &kernel), entry(REP, &of("rep"))].concat(), vec!["packet", "rep"]),
    ] {
        let text = String::from_utf8_lossy(&log);
        let all = outputs(&log);
        assert_eq!(all.len(), log.split_inclusive(|b| *b == b'\n').count(), "{text}");
        let found: Vec<_> = all.iter().filter(|output| output["part_of"].is_null()).collect();
        assert_eq!(found.iter().map(|it| &it["kind"]).collect::<Vec<_>>(), kinds, "{text}");
        for output in found {
            assert_eq!(output["cell"], "cell-1", "{text}");
            let own_time = if output["kind"] == "rep" { "10.1Z" } else { "10.581301Z" };
            assert_eq!(output["time"], format!("2024-05-06T07:09:{own_time}"), "{text}");
        }
    }
}

#[test]
fn no_text_in_an_entry_of_journald_is_an_entry() {
    let packet = &PACKET[15..];
    let of_kernel = [("_HOSTNAME", "cell-2"), ("SYSLOG_IDENTIFIER", "kernel"), ("MESSAGE", packet)];
    let of_app = |message: &str| {
        [("SYSLOG_IDENTIFIER", "my-app".to_owned()), ("MESSAGE", message.to_owned())]
    };
    for make in [exported, verbose] {
        let forged = format!("hello\n\n{}\n\n", String::from_utf8(make(&of_kernel)).unwrap());
        let fields = of_app(&forged);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, &**value)).collect();
        let log = [make(&fields), make(&of_kernel)].concat();
        let all = outputs(&log);
        let whole: Vec<_> = all.iter().filter(|output| output["part_of"].is_null()).collect();
        assert_eq!(whole.len(), 2, "{all:#?}");
        assert_eq!(whole[1]["cell"], "cell-2");
        // Its text has a packet's line, which is the app's.
        assert!(whole[0]["kind"] == "damaged" || whole[0]["program"] == "my-app", "{all:#?}");
        assert_eq!(whole[0]["cf"], Value::Null);
        // A packet of an app's is shown with its program.
        let all = outputs(&make(&[("SYSLOG_IDENTIFIER", "my-app"), ("MESSAGE", packet)]));
        assert_eq!(all[0]["program"], "my-app");
    }
    // An entry with two names proves nothing, nor does one that only calls itself the kernel.
    let two = exported(&[
        ("SYSLOG_IDENTIFIER", "my-app"),
        ("SYSLOG_IDENTIFIER", "rep"),
        ("MESSAGE", REP),
    ]);
    assert_eq!(outputs(&two)[0]["kind"], "other");
    let fields = [("_TRANSPORT", "syslog"), ("SYSLOG_IDENTIFIER", "kernel"), ("MESSAGE", packet)];
    for log in [
        exported(&fields),
        verbose(&fields),
        format!(
            "{}\n",
            json!({"_TRANSPORT": "syslog",
        "SYSLOG_IDENTIFIER": "kernel", "MESSAGE": packet})
        )
        .into_bytes(),
    ] {
        assert_eq!(outputs(&log)[0]["program"], "kernel by syslog");
    }
    // Without its other fields nobody knows whose a message is.
    let fields = [("_HOSTNAME", "cell-1"), ("SYSLOG_IDENTIFIER", "my-app"), ("MESSAGE", REP)];
    for log in [exported(&fields), verbose(&fields)] {
        let part = log.split_inclusive(|b| *b == b'\n').skip(1).collect::<Vec<_>>().concat();
        assert!(outputs(&part).iter().all(|output| output["kind"] == "other"));
    }
    // A value ends before the line end of Windows.
    let fields = [("_TRANSPORT", "kernel"), ("_HOSTNAME", "cell-1"), ("MESSAGE", packet)];
    for log in [exported(&fields), verbose(&fields)] {
        let log = String::from_utf8(log).unwrap().replace('\n', "\r\n");
        let all = outputs(log.as_bytes());
        assert_eq!((&all[0]["kind"], &all[0]["host"]), (&"packet".into(), &"cell-1".into()));
    }
    // An entry that ends within a value is damaged.
    let fields = [("SYSLOG_IDENTIFIER", "kernel"), ("MESSAGE", packet), ("BINARY", "value")];
    let log = exported(&fields);
    let all = outputs(&log[..log.len() - 4]);
    assert_eq!(all[0]["kind"], "damaged");
}

#[test]
fn each_of_the_collected_wrappings_is_read() {
    let text = include_str!("../fixtures/line/given.jsonl");
    let rows = each_row(text, |name, row, output| {
        let expected = &row["expect"];
        // The packet grammar decides about text behind the last field.
        let is_whole = !matches!(name, "tab end" | "#015 end" | "nbsp");
        if is_whole {
            assert_eq!(output["kind"], expected["kind"], "{name}");
        }
        assert_eq!(output["cf"]["verdict"], expected["verdict"], "{name}");
        assert_eq!(output["cf"]["handle_prefix"], expected["handle_prefix"], "{name}");
        assert_eq!(output["packet"]["dst"], expected["dst"], "{name}");
        assert_eq!(output["packet"]["dpt"], expected["dpt"], "{name}");
        if row["cell"].is_string() {
            assert_eq!(output["cell"], row["cell"], "{name}");
        }
    });
    assert_eq!(rows, 34);
}

#[test]
fn a_header_that_is_not_understood_leaves_verdict_and_handle_and_is_told() {
    for (header, offset) in [
        ("whatever | stands $ here ~ ", 0),
        ("2024-05-06T07:09:10Z cell-1 [whatever] stands here >>", 28),
        ("\"a\";\"b\";\"", 0),
    ] {
        let text = format!("{header}OK_d538d169-f2f6-4587-77b1-f {}", &PACKET[44..]);
        let line = Line::new(text.as_bytes());
        let record = Record::classify(&line);
        assert_eq!(record.header_not_understood, Some(offset), "{text}");
        let (packet, cf) = record.proven_packet().unwrap();
        assert_eq!(packet.prefix, "OK_d538d169-f2f6-4587-77b1-f ", "{text}");
        assert!(cf.is_some(), "{text}");
        assert_ne!(
            record.envelope.host.map(|host| host.to_string()).as_deref(),
            Some("[whatever]")
        );
    }
    // Where the header was read, a prefix may have as many bytes as nft keeps.
    let long = "x".repeat(90);
    for header in ["May  6 07:09:10 cell-1 kernel: ", "[88008.920287] ", "4,7,637581122,-;"] {
        let text = format!("{header}{long} OK_d538d169-f2f6-4587-77b1-f {}", &PACKET[44..]);
        let line = Line::new(text.as_bytes());
        let record = Record::classify(&line);
        assert_eq!(record.header_not_understood, None, "{text}");
        assert_eq!(record.packet().unwrap().0.prefix.as_bytes().len(), 120, "{text}");
    }
}

#[test]
fn a_folded_message_has_what_the_message_has() {
    let text =
        format!("2024-05-06T07:09:11Z cell-1 kernel: message repeated 41 times: [ {PACKET}]");
    for body in [&PACKET[15..], PACKET] {
        let text = text.replace(PACKET, body);
        let line = Line::new(text.as_bytes());
        let record = Record::classify(&line);
        assert_eq!(record.kind(), "packet", "{text}");
        let output = serde_json::to_value(record.to_output(1, &TimePolicy::default())).unwrap();
        assert_eq!(output["repeated"], 41, "{text}");
        assert_eq!(record.packet().unwrap().0.prefix, "OK_d538d169-f2f6-4587-77b1-f ");
        assert_eq!(record.envelope.uptime.is_some(), body.len() == PACKET.len(), "{text}");
    }
    // rsyslog cuts the message behind 800 bytes; it may be cut anywhere then.
    for cut in 60..PACKET.len() - 20 {
        let text = text.replace(PACKET, &PACKET[..cut]);
        let line = Line::new(text.as_bytes());
        let record = Record::classify(&line);
        let (_, cf) = record.packet().unwrap_or_else(|| panic!("{text}"));
        assert!(cf.is_some(), "{text}");
    }
}

#[test]
fn a_line_may_carry_several_records() {
    let syslog = |n: u32| format!("<4>1 2024-05-06T07:09:1{n}Z cell-{n} kernel - - - {PACKET}");
    let frames = |end: &str| -> String {
        (0..3).map(|n| format!("{} {}{end}", syslog(n).len() + end.len(), syslog(n))).collect()
    };
    let streams = serde_json::json!({"data": {"result": [
        {"stream": {"host": "cell-0"}, "values": [["1714979350000000000", format!("kernel: {PACKET}")]]},
        {"stream": {"host": "cell-1"}, "values": [["1714979351000000000", format!("kernel: {PACKET}")]]},
        {"stream": {"host": "cell-2"}, "values": [["1714979352000000000", format!("kernel: {PACKET}")]]},
    ]}});
    let hits = serde_json::json!({"hits": {"total": 3, "hits": [
        {"_source": {"message": syslog(0)}}, {"_source": {"message": syslog(1)}},
        {"_source": {"message": syslog(2)}},
    ]}});
    for text in [frames(""), streams.to_string(), hits.to_string()] {
        let line = Line::new(text.as_bytes());
        let records: Vec<_> = Record::all(&line).collect();
        assert_eq!(records.len(), 3, "{text}");
        for (n, record) in records.iter().enumerate() {
            assert_eq!(record.envelope.cell(), Some(format!("cell-{n}")), "{text}");
            let time = record.time(&TimePolicy::default()).unwrap();
            assert_eq!(time.to_string(), format!("2024-05-06T07:09:1{n}Z"), "{text}");
            assert!(record.proven_packet().is_some(), "{text}");
        }
    }
    // A correct count divides nothing.
    let one = format!("{} {}", syslog(1).len(), syslog(1));
    assert_eq!(Record::all(&Line::new(one.as_bytes())).count(), 1);
}

/// Headers that cells, drains and stores write, each with the host that it names.
const HEADERS: [(&str, Option<&str>); 5] = [
    ("2024-05-06T07:09:10.581301+00:00 cell-1 kernel: ", Some("cell-1")),
    ("May  6 07:09:10 cell-1 kernel: ", Some("cell-1")),
    (
        "<4>1 2024-05-06T07:09:10Z 10.0.16.15 kernel - - [instance@47450 director=\"\" deployment=\"cf\" \
         group=\"diego-cell\" az=\"z1\" id=\"0455ec2b-11fa-41ab-9d1c-f3a575cd55ea\"] ",
        Some("10.0.16.15"),
    ),
    // Half of such an id may be a host's name.
    (
        "diego-cell/0455ec2b-11fa-41ab-9d1c-f3a575cd55ea: stdout | ",
        Some("diego-cell/0455ec2b-11fa-41ab-9d1c-f3a575cd55ea"),
    ),
    ("", None),
];

#[test]
fn a_line_without_its_front_is_never_called_anothers_and_no_value_of_it_is_wrong() {
    let bodies = [
        PACKET,
        "[88008.920287] DENY_C2C_d538d169-f2f6-4587- IN=s-010255015007 OUT=s-010255015008 SRC=10.255.15.7 \
         DST=10.255.15.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=0 DF PROTO=UDP SPT=45564 DPT=8125 LEN=41 MARK=0x2 ",
        "[88008.920287] OK_d538d169-f2f6-4587-77b1-f IN=s-010255015007 OUT=eth0 SRC=10.255.15.7 DST=203.0.113.10 \
         LEN=84 TOS=0x00 PREC=0x00 TTL=63 ID=45400 DF PROTO=ICMP TYPE=8 CODE=0 ID=34 SEQ=1 ",
    ];
    let policy = TimePolicy::default();
    for ((header, host), body) in HEADERS.iter().flat_map(|it| bodies.iter().map(move |b| (it, b)))
    {
        let whole = format!("{header}{body}");
        let line = Line::new(whole.as_bytes());
        let record = Record::classify(&line);
        let expected = serde_json::to_value(record.to_output(1, &policy)).unwrap();
        let prefix_at = whole.find("] ").unwrap() + 2;
        let fields_at = whole.find("SRC=").unwrap();
        for cut in 1..whole.len() - 1 {
            let text = &whole[cut..];
            let line = Line::new(text.as_bytes());
            let record = Record::classify(&line);
            let found = serde_json::to_value(record.to_output(1, &policy)).unwrap();
            if let Some(packet) = found["packet"].as_object() {
                for (key, value) in packet {
                    // Unknown is not a wrong value.
                    if key == "prefix" || (key == "family" && value == "unknown") {
                        continue;
                    }
                    assert_eq!(*value, expected["packet"][key], "{key}: {text}");
                }
            }
            if let Some(found) = found["host"].as_str() {
                assert!(host.is_some_and(|host| host.ends_with(found)), "{found}: {text}");
            }
            if found["cf"].is_object() {
                assert_eq!(found["cf"], expected["cf"], "{text}");
            }
            // The prefix is whole, and its blank before it was seen.
            if cut < prefix_at {
                assert_eq!(found["cf"], expected["cf"], "{text}");
            }
            if cut <= fields_at {
                assert!(record.packet().is_some(), "{text}");
            }
            // Half the word `kernel` counts as another program's name.
            let is_proven = record.proven_packet().is_some();
            assert!(!is_proven || reason(text) != "not_cloud_foundry", "{text}");
            // A line that shows the packet's addresses is never `Other`.
            if cut <= fields_at {
                assert_ne!(Outcome::of(&line, &record), Outcome::Other, "{text}");
            }
        }
    }
    // A prefix that is wholly another program's is reported as such.
    let text = format!("May  6 07:09:10 cell-1 kernel: [UFW BLOCK] {}", &PACKET[44..]);
    assert_eq!(reason(&text), "not_cloud_foundry");
    assert_eq!(reason(&format!("[UFW BLOCK] {}", &PACKET[44..])), "not_cloud_foundry");
}

/// Returns why the packet of this line has no owner.
fn reason(text: &str) -> &'static str {
    let origin = Origin { source: SourceId(0), line: 1 };
    let mut gathering = Gathering::new();
    gathering.ingest(origin, text.as_bytes());
    let gathered = gathering.finish(|_| Ok::<(), std::convert::Infallible>(())).unwrap();
    let correlation = gathered.correlate();
    let line = Line::new(text.as_bytes());
    let flow = correlation.reader().flow(origin, &line);
    flow.unwrap_or_else(|| panic!("no flow: {text}")).attribution.reason.as_str()
}

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
fn a_damaged_line_that_holds_a_container_and_gives_nothing_is_told() {
    let rep = &REP[..REP.len() - 1];
    for text in [
        rep.replace("\"data\"", "\"data\"\"").clone(),
        rep.replace('"', "&quot;").replacen("{&quot;", "{", 1),
        format!("{}vcap@c:~$ ", json!({"a": {"handle": "a", "metadata": {"app_id": "b"}}})),
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
