//! Exports whose first line names the columns: each row has the machine, time and program of its
//! columns, wherever they are.

use asg_core::line::{LogLines, RawLine};
use asg_core::record::Outcome;
use asg_core::{Origin, Record, SourceId};

use super::{PACKET, REP, outputs};

/// Names of columns, by store: those of a time, a machine, a program and a text.
const NAMES: [[&str; 4]; 9] = [
    ["timestamp", "host", "program", "message"],
    ["_time", "host", "process_name", "_raw"],
    ["@timestamp", "host.name", "process.name", "message"],
    ["Time", "Hostname", "Program", "Line"],
    ["TimeGenerated [UTC]", "Computer", "ProcessName", "SyslogMessage"],
    ["timestamp", "source", "application_name", "message"],
    ["generated_at", "source_name", "program", "message"],
    ["date", "hostname", "syslogtag", "msg"],
    ["EventTime", "HostName", "SYSLOG_IDENTIFIER", "Message"],
];

/// Orders of these columns.
const ORDERS: [[usize; 4]; 6] =
    [[0, 1, 2, 3], [0, 2, 1, 3], [2, 0, 1, 3], [3, 2, 1, 0], [3, 0, 1, 2], [2, 3, 1, 0]];

#[derive(Debug, Clone, Copy)]
enum Quotes {
    All,
    Needed,
}

fn row(fields: &[&str], delimiter: &str, quotes: Quotes) -> String {
    let quoted = |field: &&str| match quotes {
        Quotes::Needed if !field.contains([',', '"', '\n', '\t', ';']) => (*field).to_owned(),
        _ => format!("\"{}\"", field.replace('"', "\"\"")),
    };
    fields.iter().map(quoted).collect::<Vec<_>>().join(delimiter) + "\n"
}

/// The machines of a log's proven packets and of its evidence, and a count of outcomes.
#[derive(Debug, Default)]
struct Given {
    packets: Vec<Option<String>>,
    evidence: Vec<Option<String>>,
    not_platform: usize,
}

fn given(log: &str) -> Given {
    let mut given = Given::default();
    let mut each = |raw: RawLine<'_>| {
        let line = raw.line();
        if raw.part_of.is_some() {
            return;
        }
        let first = Record::classify(&line);
        given.not_platform += usize::from(Outcome::of(&line, &first) == Outcome::NotPlatform);
        for record in Record::all(&line) {
            if record.proven_packet().is_some() {
                given.packets.push(record.envelope.cell());
            }
            let origin = Origin { source: SourceId(0), line: raw.number };
            record.evidence(origin, |_| given.evidence.push(record.envelope.cell()));
        }
    };
    let mut lines = LogLines::new();
    lines.push(log.as_bytes(), &mut each);
    lines.finish(each);
    given
}

/// Passes on logs of these rows, each a program and a text, in all forms.
fn each_form(rows: &[(&str, &str)], mut each: impl FnMut(String)) {
    for (names, order) in NAMES.iter().flat_map(|names| ORDERS.iter().map(move |it| (names, it))) {
        for delimiter in [",", "\t", ";"] {
            for quotes in [Quotes::All, Quotes::Needed] {
                let line = |fields: [&str; 4]| row(&order.map(|n| fields[n]), delimiter, quotes);
                let rows = rows.iter().map(|(program, text)| {
                    let tag = format!("{program}:");
                    let program = if names[2] == "syslogtag" { &tag } else { *program };
                    line(["2024-05-06T07:09:10Z", "cell-1", program, text])
                });
                each(format!("{}{}", line(*names), rows.collect::<String>()));
            }
        }
    }
}

#[test]
fn each_row_has_what_its_columns_say_in_any_order() {
    let rows = [("kernel", PACKET), ("rep", REP), ("sshd", "hello"), ("kernel", &PACKET[15..])];
    each_form(&rows, |log| {
        let given = given(&log);
        let cell = || Some("cell-1".to_owned());
        assert_eq!(given.packets, [cell(), cell()], "{log}");
        assert_eq!(given.evidence, [cell()], "{log}");
        let all = outputs(log.as_bytes());
        assert_eq!(all.len(), 5, "{log}");
        // The times of Azure Monitor's columns have another form.
        assert_eq!(all[1]["time"], "2024-05-06T07:09:10Z", "{log}");
        assert_eq!(all[1]["uptime"], "88008.920287", "{log}");
        assert_eq!(all[1]["packet"]["mark"], 2, "{log}");
    });
}

#[test]
fn a_column_without_a_value_names_nobody() {
    for none in ["", "-", "null", "NULL", "(null)", "\\N", "N/A", "n/a"] {
        each_form(&[(none, &format!("May  6 07:09:10 cell-2 rep: {REP}"))], |log| {
            // There the value would be a tag: this text and a colon.
            if log.contains("syslogtag") {
                return;
            }
            let with_host = given(&log);
            assert_eq!((with_host.evidence.len(), with_host.not_platform), (1, 0), "{log}");
            let without_host = given(&log.replace("cell-1", none));
            assert_eq!(without_host.evidence, [Some("cell-2".to_owned())], "{log}");
        });
    }
}

#[test]
fn a_text_may_be_the_only_column() {
    let packet = format!("2024-05-06T07:09:10.581301Z cell-1 kernel: {PACKET}");
    let tags = r#"[instance@47450 director="" deployment="cf" group="cell" az="z1" id="cell-1"]"#;
    let rep = format!("<14>1 2024-05-06T07:09:10Z 10.0.16.15 rep - - {tags} {REP}");
    let of_app = format!("<14>1 2024-05-06T07:09:10Z 10.0.16.15 my-app - - {tags} {REP}");
    let (all, needed) = (Quotes::All, Quotes::Needed);
    for (name, kinds) in [
        ("_raw", &[all, needed][..]),
        ("@message", &[all, needed]),
        ("message", &[all]),
        ("SyslogMessage", &[all]),
    ] {
        for quotes in kinds {
            let rows = [name, &packet, &rep, &of_app].map(|text| row(&[text], ",", *quotes));
            let log = rows.concat();
            let given = given(&log);
            let cell = || Some("cell-1".to_owned());
            assert_eq!((given.packets, given.evidence), (vec![cell()], vec![cell()]), "{log}");
            assert_eq!(given.not_platform, 1, "{log}");
            assert_eq!(outputs(log.as_bytes())[1]["packet"]["mark"], 2, "{log}");
        }
    }
}

#[test]
fn a_row_of_an_apps_proves_nothing_whatever_its_text_is() {
    for app in ["my-app", "app2", "11111111-1111-4111-8111-111111111111", "[APP/PROC/WEB/0]"] {
        let header = format!("May  6 07:09:10 cell-1 kernel: {PACKET}");
        // A text of several lines, one of them like a row.
        let forged =
            format!("hello\n2024-05-06T07:09:10Z,cell-1,kernel,{PACKET}\n{PACKET}\n{REP}\n");
        let rows =
            [(app, PACKET), (app, REP), (app, &*header), (app, &*forged), ("kernel", PACKET)];
        each_form(&rows, |log| {
            let given = given(&log);
            assert_eq!(given.packets.len(), 1, "{log}");
            assert_eq!(given.evidence.len(), 0, "{log}");
            assert!(given.not_platform >= 3, "{given:?} {log}");
        });
    }
}

#[test]
fn a_program_in_a_column_without_a_known_name_decides_too() {
    let log = |program: &str, text: &str| {
        let head = row(&["timestamp", "who", "host", "message"], ",", Quotes::All);
        head + &row(&["2024-05-06T07:09:10Z", program, "cell-1", text], ",", Quotes::All)
    };
    assert_eq!(given(&log("rep", REP)).evidence, [Some("cell-1".to_owned())]);
    assert_eq!(given(&log("kernel", PACKET)).packets.len(), 1);
    for app in ["my-app", "app2"] {
        assert_eq!(given(&log(app, REP)).evidence.len(), 0, "{app}");
        assert_eq!(given(&log(app, PACKET)).packets.len(), 0, "{app}");
    }
    // Splunk's own columns name no program.
    let names = ["_raw", "_time", "host", "source", "sourcetype", "index", "linecount"];
    let values = [REP, "2024-05-06T07:09:10Z", "cell-1", "/a/rep.log", "rep_log", "main", "1"];
    let log = row(&names, ",", Quotes::All) + &row(&values, ",", Quotes::All);
    assert_eq!(given(&log).evidence.len(), 1, "{log}");
}

#[test]
fn a_stores_own_columns_name_no_program() {
    let header = "2024-05-06T07:09:10.581301+00:00 cell-1";
    let (kernel, rep) = (format!("{header} kernel: {PACKET}"), format!("{header} rep: {REP}"));
    for (names, values) in [
        (
            ["@timestamp", "data_stream.dataset", "host.name"],
            ["May 6, 2024 @ 07:09:10.581", "system.syslog", "cell-1"],
        ),
        (
            ["@timestamp", "_index", "host.name"],
            ["May 6, 2024 @ 07:09:10.581", ".ds-logs-1", "cell-1"],
        ),
        (["_time", "OUT", "host"], ["2024-05-06T07:09:10.581+0000", "eth0", "cell-1"]),
        (
            ["_time", "data.container-state", "host"],
            ["2024-05-06T07:09:10.581+0000", "reserved", "cell-1"],
        ),
        (["_messagetime", "_sourcehost", "_collector"], ["1714979350581", "cell-1", "cf-prod"]),
        (["_messagetime", "_sourcehost", "_source"], ["1714979350581", "cell-1", "tcp-syslog"]),
        (["timestamp", "hostname", "logtype"], ["1714979350581", "cell-1", "syslog-rfc5424"]),
        (
            ["TimeGenerated", "Computer", "CollectorHostName"],
            ["2024-05-06T07:09:10.581Z", "cell-1", "relay-1"],
        ),
        // Kibana shows an absent value so.
        (["timestamp", "host", "container.name"], ["1714979350581", "cell-1", "-"]),
    ] {
        for (text, expected) in
            [(&*kernel, (1, 0)), (&*rep, (0, 1)), (PACKET, (1, 0)), (REP, (0, 1))]
        {
            let line = |fields: [&str; 3], text| {
                row(&[fields[0], fields[1], text, fields[2]], ",", Quotes::All)
            };
            let log = line(names, "message") + &line(values, text);
            let given = given(&log);
            assert_eq!((given.packets.len(), given.evidence.len()), expected, "{log}");
            let cell = given.packets.into_iter().chain(given.evidence).next().unwrap();
            assert_eq!(cell.as_deref(), Some("cell-1"), "{log}");
        }
    }
}

#[test]
fn labels_in_a_column_decide_as_columns_do() {
    let log = |labels: &str, text: &str| {
        let head = row(&["Time", "Line", "tsNs", "id", "labels"], ",", Quotes::All);
        let values = ["1714979350581", text, "1714979350581301000", "x", labels];
        head + &row(&values, ",", Quotes::All)
    };
    let cell = || vec![Some("cell-1".to_owned())];
    let labels =
        |name: &str, program: &str| format!("{{\"host\":\"cell-1\",\"{name}\":\"{program}\"}}");
    for name in ["app", "syslog_identifier"] {
        assert_eq!(given(&log(&labels(name, "kernel"), PACKET)).packets, cell());
        assert_eq!(given(&log(&labels(name, "rep"), REP)).evidence, cell());
        for text in [PACKET, REP, &format!("May  6 07:09:10 cell-1 rep: {REP}")] {
            let log = log(&labels(name, "my-app"), text);
            let given = given(&log);
            assert_eq!((given.packets.len(), given.evidence.len()), (0, 0), "{log}");
            assert_eq!(given.not_platform, 1, "{log}");
        }
    }
    for text in [PACKET, REP] {
        let given = given(&log("{\"host\":\"cell-1\",\"cf_app_name\":\"a\"}", text));
        assert_eq!((given.packets.len(), given.evidence.len(), given.not_platform), (0, 0, 1));
    }
}

#[test]
fn a_header_that_an_app_prints_names_no_other_program() {
    let texts = |app: &str| {
        let header = "May  6 07:09:10 cell-1";
        [
            format!("{header} kernel: {PACKET}"),
            format!("{header} rep: {REP}"),
            format!("hello {header} kernel: {PACKET}"),
            format!("hello\n{header} kernel: {PACKET}"),
            format!("{app}\n{header} rep: {REP}"),
        ]
    };
    // Columns that the table of names does not have, and rows without a head.
    let heads = ["container_name", "pod", "unit", "logger_name", "svc"]
        .map(|name| row(&["time", "host", name, "message"], ",", Quotes::All));
    for head in heads.iter().map(String::as_str).chain([""]) {
        for app in ["myapp", "web-app", "11111111-1111-4111-8111-111111111111", "nginx"] {
            // Without a head, nothing shows that a row goes on over several lines.
            for text in texts(app).iter().filter(|text| !head.is_empty() || !text.contains('\n')) {
                let at = "2024-05-06T07:09:10Z";
                let log = format!("{head}{}", row(&[at, "cell-1", app, text], ",", Quotes::All));
                let given = given(&log);
                assert_eq!((given.packets.len(), given.evidence.len()), (0, 0), "{log}");
            }
        }
        let texts = texts("kernel");
        for (program, text) in [("kernel", &texts[0]), ("rep", &texts[1])] {
            let log = [head, &row(&["", "cell-1", program, text], ",", Quotes::All)].concat();
            let given = given(&log);
            assert_eq!(given.packets.len() + given.evidence.len(), 1, "{log}");
        }
    }
    // An unquoted tab makes another number of columns.
    let text = format!("hello\t{}", texts("a")[0]);
    let log = format!("time\thost\tprogram\tmessage\n-\tcell-1\tmyapp\t{text}\n");
    assert_eq!(given(&log).packets.len(), 0);
    let log = format!("2024-05-06T07:09:10Z\tcell-1\tmyapp\t{}\n", texts("a")[0]);
    assert_eq!(given(&log).packets.len(), 0);
}

#[test]
fn rows_behind_a_second_head_have_its_columns() {
    let at = "2024-05-06T07:09:10Z";
    let first = ["time", "program", "severity", "host", "message"];
    let first = row(&first, ",", Quotes::Needed)
        + &row(&[at, "cron", "info", "cell-1", "x"], ",", Quotes::Needed);
    let names = ["host", "severity", "time", "program", "message"];
    for delimiter in [",", "\t", ";"] {
        for (program, proven) in [("kernel", 1), ("myapp", 0)] {
            let text = format!("{PACKET}\n");
            let values = ["cell-2", "kern", at, program, &text];
            let second = [&names[..], &values].map(|it| row(it, delimiter, Quotes::Needed));
            let log = format!("{first}{}", second.concat());
            let second_rows = given(&log);
            assert_eq!(second_rows.packets.len(), proven, "{log}");
            assert!(
                second_rows.packets.iter().all(|cell| cell.as_deref() == Some("cell-2")),
                "{log}"
            );
            // In a value it is a text.
            let quoted = row(&[at, "myapp", "", "", &second.concat()], ",", Quotes::Needed);
            let log = format!(
                "{first}{quoted}{}",
                row(&[at, "kernel", "", "c", PACKET], ",", Quotes::All)
            );
            assert_eq!(given(&log).packets, [Some("c".to_owned())], "{log}");
        }
    }
}

#[test]
fn what_is_no_table_stays_as_it_is() {
    let line = format!("May  6 07:09:10 cell-1 kernel: {PACKET}\n");
    for first in
        ["time,host is text: x\n", "hello, world\n", "a,b\n", "host\n", "\n", "time,host\n"]
    {
        let log = format!("{first}{line}");
        assert_eq!(given(&log).packets, [Some("cell-1".to_owned())], "{log}");
    }
    // Only the first line is a head: elsewhere a program may have printed it.
    let log = format!(
        "hello\n{}{}",
        row(&["timestamp", "program", "host", "message"], ",", Quotes::All),
        row(&["2024-05-06T07:09:10Z", "my-app", "cell-1", REP], ",", Quotes::All)
    );
    assert_eq!(given(&log).evidence.len(), 0);
    // A row that has other columns is read by the form of its fields.
    let log = row(&["timestamp", "host", "program", "message"], ",", Quotes::All)
        + &row(&["2024-05-06T07:09:10Z", "cell-1", PACKET], ",", Quotes::All);
    assert_eq!(given(&log).packets, [Some("cell-1".to_owned())]);
    // The last row is cut.
    let row = row(&["2024-05-06T07:09:10Z", "cell-1", "kernel", PACKET], ",", Quotes::All);
    let log = format!("timestamp,host,program,message\n{}", &row[..row.len() - 9]);
    let all = outputs(log.as_bytes());
    assert_eq!((&all[1]["kind"], &all[1]["cf"]["verdict"]), (&"damaged".into(), &"allowed".into()));
}

#[test]
fn a_line_that_names_the_delimiter_may_stand_before_the_head() {
    let rows =
        [("kernel", PACKET), ("rep", REP), ("my-app", PACKET), ("my-app", &format!("x\n{PACKET}"))];
    each_form(&rows, |log| {
        for (delimiter, sep) in
            [(",", "sep=,\n"), (";", "sep=;\r\n"), (";", "\"sep=;\"\n"), ("\t", "sep=\t\n")]
        {
            if log.lines().next().is_some_and(|head| head.contains(delimiter)) {
                let given = given(&format!("{sep}{log}"));
                let cell = || Some("cell-1".to_owned());
                assert_eq!(
                    (given.packets, given.evidence),
                    (vec![cell()], vec![cell()]),
                    "{sep}{log}"
                );
                assert_eq!(given.not_platform, 2, "{sep}{log}");
            }
        }
    });
    // Without a head, lines are what they are.
    let log = format!("sep=;\nMay  6 07:09:10 cell-1 kernel: {PACKET}\n");
    assert_eq!(given(&log).packets, [Some("cell-1".to_owned())]);
}

#[test]
fn a_value_of_several_lines_is_one_without_a_head_too() {
    let header = format!("May  6 07:09:10 cell-1 kernel: {PACKET}");
    for (quotes, time) in [
        (Quotes::All, "2024-05-06T07:09:10Z"),
        (Quotes::Needed, "2024-05-06 07:09:10.000"),
        (Quotes::Needed, "1714979350.5"),
    ] {
        for order in [[0, 1, 2, 3], [2, 0, 3, 1], [0, 3, 2, 1]] {
            let line = |fields: [&str; 4]| row(&order.map(|n| fields[n]), ",", quotes);
            for text in [PACKET, REP, &header, "a\n\nb"] {
                let text = format!("hello\n{text}\n\"quoted\", {text}");
                let app = line([time, "cell-1", "my-app", &text]);
                for log in [
                    format!(
                        "{}{app}{}",
                        line([time, "cell-1", "kernel", PACKET]),
                        line([time, "cell-1", "rep", REP])
                    ),
                    format!(
                        "{app}{}{}",
                        line([time, "cell-1", "kernel", PACKET]),
                        line([time, "cell-1", "rep", REP])
                    ),
                ] {
                    // A first line that is one open value may be anything.
                    if log.starts_with("\"hello\n") {
                        continue;
                    }
                    let given = given(&log);
                    assert_eq!((given.packets.len(), given.evidence.len()), (1, 1), "{log}");
                    assert_eq!(given.not_platform, usize::from(!text.contains("\n\n")), "{log}");
                }
            }
            // Lines of the kernel's are read one by one.
            let two = format!("{PACKET}\n{PACKET}");
            let kernels = line([time, "cell-1", "kernel", &two]);
            let log = format!("{kernels}{}", line([time, "cell-1", "rep", REP]));
            let given = given(&log);
            assert_eq!((given.packets.len(), given.evidence.len()), (2, 1), "{log}");
        }
    }
    // No row, so no value.
    for first in
        ["log", "May  6 07:09:10 cell-1 sshd: a, b, c", "a,b,c", "2024-05-06T07:09:10Z,\"x\"y,z"]
    {
        let log = format!("{first}\nx,y,\"z\n{header}\n");
        assert_eq!(given(&log).packets.len(), 1, "{log}");
    }
}
