//! Lines in all the wrappings that programs put around them: each is parsed, its machine and time
//! are found, and its writer decides what it proves.

mod frames;
mod glued;
mod heads;
mod prefixed;
mod streams;
mod texts;
mod unnamed;
mod writers;

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
        let text = include_str!("../../fixtures/line/wrappings.jsonl");
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
    for marks in [
        "\"",
        "'",
        "`",
        ",",
        "\t",
        "#015",
        "#012",
        "\\n",
        "\\r\\n",
        "\u{a0}",
        "\0",
        "\",",
        " #015",
        "']",
        "\"]",
        "')",
        " |",
        "|",
        "**",
        "`]",
        "</pre>",
        "<br>",
        " <br />",
        "</td></tr>",
        "</code></pre>",
        "^M",
        "&#13;",
        "\\n'",
    ] {
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
fn marks_around_a_line_cost_nothing() {
    for (before, behind) in [
        ("'", "',"),
        ("['", "']"),
        ("    \"", "\","),
        ("('", "')"),
        ("> ", ""),
        ("> `", "`"),
        ("* `", "`"),
        ("- ", ""),
        ("- '", "'"),
        ("| ", " |"),
        ("|", "|"),
        ("**", "**"),
        ("<pre>", "</pre>"),
        ("<td>", "</td></tr>"),
        ("<tr><td>", "</td></tr>"),
        ("<li>", "</li>"),
    ] {
        let proves_packet =
            |text: &str| Record::classify(&Line::new(text.as_bytes())).proven_packet().is_some();
        for (header, body) in [
            ("May  6 07:09:10 cell-1 kernel: ", PACKET),
            ("<4>1 2024-05-06T07:09:10Z cell-1 kernel - - - ", PACKET),
            ("May  6 07:09:10 cell-1 rep: ", REP),
            ("", REP),
            ("", PACKET),
        ] {
            let text = format!("{before}{header}{body}{behind}");
            let line = Line::new(text.as_bytes());
            let record = Record::classify(&line);
            let cell = record.envelope.cell();
            assert_eq!(cell.as_deref(), Some("cell-1").filter(|_| !header.is_empty()), "{text}");
            assert_eq!(proves_packet(&text), body == PACKET, "{text}");
            assert_eq!(proves(&text), usize::from(body == REP), "{text}");
            let packet = record.packet().map(|(packet, _)| packet.mark);
            assert!(packet.is_none_or(|mark| mark == Some(2)), "{text}");
            assert!(record.kind() != "damaged", "{text}");
            // An app's line stays the app's.
            for header in [
                "May  6 07:09:10 cell-1 my-app: ",
                "2024-05-06T07:08:05.40+0000 [APP/PROC/WEB/0] OUT ",
            ] {
                for text in [
                    format!("{before}{header}{body}{behind}"),
                    format!("{header}{before}{body}{behind}"),
                ] {
                    assert_eq!((proves_packet(&text), proves(&text)), (false, 0), "{text}");
                }
            }
        }
        // Marks behind a cut line do not make it whole.
        let cut = format!(
            "{before}May  6 07:09:10 cell-1 kernel: {}{behind}",
            &PACKET[..PACKET.len() - 40]
        );
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
    let text = include_str!("../../fixtures/line/stores.jsonl");
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
    let text = include_str!("../../fixtures/line/given.jsonl");
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
    // A header goes on where the kernel's stamp shows it.
    for header in [
        "May  6 07:09:10 cell-1 kernel: [ID 702911 kern.warning] ",
        "May  6 07:09:10 10.0.16.15 kernel: [instance@47450 director=\"\" id=\"cell-1\"] ",
        "[Mon May 06 07:09:11.123456 2024] [core:info] [pid 1:tid 2] cell-1 kernel: ",
    ] {
        let text = format!("{header}{PACKET}");
        let line = Line::new(text.as_bytes());
        let record = Record::classify(&line);
        assert!(record.header_not_understood.is_some(), "{text}");
        let (packet, cf) = record.packet().unwrap();
        assert_eq!(packet.prefix, "OK_d538d169-f2f6-4587-77b1-f ", "{text}");
        assert!(cf.is_some(), "{text}");
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
