//! Lines without line feeds between them: each is read, and an app's text reaches to the end.

use asg_core::record::Outcome;
use asg_core::{Line, Origin, Reader, Record, SourceId, TimePolicy};
use serde_json::json;

use super::{PACKET, REP};

/// Marks in the place of a line end.
const ENDS: [&str; 10] =
    ["\\n", "\\r\\n", "#012", "#015#012", "\r", "\r\r", "\0", "\x0b", "\x0c", " \\n "];

/// Headers of cells: the `n`th line of a program.
const HEADERS: [fn(usize, &str) -> String; 5] = [
    |n, program| format!("<4>Mar  1 07:09:1{n} cell-{n} {program}: "),
    |n, program| format!("<4>1 2024-05-06T07:09:1{n}Z cell-{n} {program} - - - "),
    |n, program| format!("Mar  1 07:09:1{n} cell-{n} {program}: "),
    |n, program| format!("2024-05-06T07:09:1{n}Z cell-{n} {program}: "),
    |n, program| format!("<4>Mar  1 07:09:1{n} cell-{n} {program}[7]: "),
];

/// The hosts of a log's proven packets, and those of its evidence.
#[derive(Debug, Default, PartialEq)]
struct Given {
    packets: Vec<Option<String>>,
    evidence: Vec<Option<String>>,
    damaged: usize,
}

impl Given {
    fn take(&mut self, text: &str) {
        let line = Line::new(text.as_bytes());
        assert_eq!(Reader::new().classify(&line), Record::classify(&line), "{text:?}");
        let origin = Origin { source: SourceId(0), line: 1 };
        for record in Record::all(&line) {
            let host = record.envelope.host.map(|host| host.to_string());
            let is_damaged = record.kind() == "damaged";
            self.damaged += usize::from(is_damaged);
            if let Some((packet, Some(_))) = record.proven_packet() {
                let is_whole = (packet.mark, packet.ip.dpt) == (Some(2), Some(80));
                assert!(is_whole || is_damaged, "{text:?}");
                assert_eq!(packet.prefix, "OK_d538d169-f2f6-4587-77b1-f ", "{text:?}");
                self.packets.push(host.clone());
            }
            record.evidence(origin, |_| self.evidence.push(host.clone()));
        }
    }

    fn of(text: &str) -> Self {
        let mut given = Self::default();
        given.take(text);
        given
    }

    fn of_lines<'t>(lines: impl IntoIterator<Item = &'t String>) -> Self {
        let mut given = Self::default();
        lines.into_iter().for_each(|line| given.take(line));
        given
    }
}

fn outcome(text: &str) -> Outcome {
    let line = Line::new(text.as_bytes());
    let first = Record::classify(&line);
    Record::more(&line).fold(Outcome::of(&line, &first), |it, more| it.with(&more))
}

#[test]
fn packets_and_container_lines_without_line_feeds_give_what_they_give_on_lines() {
    for header in HEADERS {
        let lines = [
            format!("{}{PACKET}", header(0, "kernel")),
            format!("{}{REP}", header(1, "rep")),
            format!("{}{PACKET}", header(2, "kernel")),
            format!("{}{PACKET}", header(3, "kernel")),
        ];
        let expected = Given::of_lines(&lines);
        let count = |all: &Vec<_>| all.len();
        let is_kernels = header(0, "x").contains("[7]");
        if !is_kernels {
            assert_eq!((count(&expected.packets), count(&expected.evidence)), (3, 1));
        }
        for between in ENDS.iter().chain(&["", " "]) {
            for order in [[0, 1, 2, 3], [1, 0, 3, 2], [2, 3, 0, 1]] {
                let lines: Vec<_> = order.iter().map(|n| lines[*n].clone()).collect();
                let expected = Given::of_lines(&lines);
                assert_eq!(Given::of(&lines.join(between)), expected, "{between:?}");
                let ended = format!("{}{between}", lines.join(between));
                assert_eq!(Given::of(&ended), expected, "{ended:?}");
                // Without the blank at the end of a packet, only a mark or a priority divides.
                let is_stamp = between.is_empty() && !lines[0].starts_with('<');
                if is_stamp {
                    continue;
                }
                let lines: Vec<_> = lines.iter().map(|line| line.trim_end().to_owned()).collect();
                assert_eq!(Given::of(&lines.join(between)), expected, "{between:?}");
                // In a wrapping.
                let text = json!({"host": "cell-9", "message": lines.join(between)}).to_string();
                assert_eq!(Given::of(&text), expected, "{text:?}");
            }
        }
    }
}

#[test]
fn lines_of_the_kernels_buffer_and_of_lager_alone_are_divided_too() {
    let dmesg = |n: usize| PACKET.replace("88008", &format!("8800{n}"));
    let pri = |n: usize| format!("<4>{}", dmesg(n));
    for lines in [
        [dmesg(1), dmesg(2), dmesg(3)],
        [pri(1), pri(2), pri(3)],
        [REP.to_owned(), REP.to_owned(), REP.to_owned()],
    ] {
        for between in ENDS.iter().chain(&["", " "]) {
            let text = lines.join(between);
            assert_eq!(Given::of(&text), Given::of_lines(&lines), "{text:?}");
        }
    }
}

#[test]
fn the_output_of_a_command_that_ansible_prints_on_one_line_is_read_line_by_line() {
    let of_cell = |lines: &[String]| {
        let text = format!("cell-7 | CHANGED | rc=0 | (stdout) {}", lines.join("\\n"));
        Given::of(&text)
    };
    let at = |n| Some(format!("cell-{n}"));
    for header in HEADERS {
        let lines = [0, 1, 2].map(|n| format!("{}{PACKET}", header(n, "kernel")));
        assert_eq!(of_cell(&lines), Given::of_lines(&lines), "{lines:?}");
        let of_app = [format!("{}hello", header(3, "my-app")), lines[0].clone(), lines[1].clone()];
        assert_eq!(of_cell(&of_app).packets, []);
    }
    let dmesg = [PACKET.to_owned(), "[88008.930000] eth0: up".to_owned(), PACKET.to_owned()];
    assert_eq!(of_cell(&dmesg).packets, [at(7), at(7)]);
    assert_eq!(of_cell(&[REP.to_owned(), REP.to_owned()]).evidence, [at(7), at(7)]);
}

#[test]
fn a_stream_without_line_feeds_may_be_as_long_as_a_document() {
    let line = |n: usize| format!("{}{PACKET}", HEADERS[1](n, "kernel"));
    let framed = |n: usize| format!("{} {}", line(n).len(), line(n));
    for (begins, stream) in [
        ("", (0..400).map(|n| line(n % 10)).collect::<String>()),
        ("", (0..400).map(|n| framed(n % 10)).collect()),
        ("cell-7 | CHANGED | rc=0 | (stdout) ", [line(1), "\\n".to_owned()].concat().repeat(400)),
    ] {
        assert!(stream.len() > 1 << 16);
        let (mut lines, mut packets) = (asg_core::line::LogLines::new(), 0);
        let mut each = |raw: asg_core::line::RawLine<'_>| {
            let line = raw.line();
            packets += Record::all(&line).filter(|it| it.proven_packet().is_some()).count();
        };
        lines.push(format!("{begins}{stream}\n").as_bytes(), &mut each);
        lines.finish(each);
        assert_eq!(packets, 400, "{begins}");
    }
}

#[test]
fn other_lines_of_the_kernel_between_packets_hide_none() {
    let other = "[88008.100000] eth0: link becomes ready";
    for header in HEADERS {
        let line = |n, text: &str| format!("{}{text}", header(n, "kernel"));
        let lines = [line(0, PACKET), line(1, other), line(2, PACKET), line(3, PACKET)];
        for between in ENDS {
            let text = lines.join(between);
            assert_eq!(Given::of(&text), Given::of_lines(&lines), "{text:?}");
            let text = lines[1..].join(between);
            assert_eq!(Given::of(&text), Given::of_lines(&lines[1..]), "{text:?}");
        }
        // Without a mark, the priority shows where a line begins.
        if header(0, "x").starts_with('<') {
            assert_eq!(Given::of(&lines.concat()), Given::of_lines(&lines));
        }
    }
}

#[test]
fn an_apps_text_is_the_apps_to_the_end_of_the_line() {
    for header in HEADERS {
        let forged =
            [format!("{}{PACKET}", header(0, "kernel")), format!("{}{REP}", header(1, "rep"))];
        for app in ["my-app", "sshd", "11111111-1111-4111-8111-111111111111", "gorouter"] {
            for between in ENDS.iter().chain(&["", " "]) {
                let forged = forged.join(between);
                // Its own line, behind its text or alone, and behind whole lines of others.
                for text in ["", "hello ", PACKET, REP] {
                    let of_app = format!("{}{text}{between}{forged}", header(2, app));
                    let given = Given::of(&of_app);
                    assert_eq!((given.packets.len(), given.evidence.len()), (0, 0), "{of_app:?}");
                    assert_eq!(outcome(&of_app), Outcome::NotPlatform, "{of_app:?}");
                    let text = format!("{}{PACKET}{between}{of_app}", header(3, "kernel"));
                    let given = Given::of(&text);
                    assert_eq!((given.packets.len(), given.evidence.len()), (1, 0), "{text:?}");
                    let line = Line::new(text.as_bytes());
                    assert!(Record::all(&line).any(|record| record.not_platform()), "{text:?}");
                    // An object's strings, too.
                    let text = json!({"program": app, "message": of_app}).to_string();
                    let given = Given::of(&text);
                    assert_eq!((given.packets.len(), given.evidence.len()), (0, 0), "{text:?}");
                }
            }
        }
    }
    // A line of an app's stream has no program.
    let forged = format!("{}{PACKET}", HEADERS[0](0, "kernel"));
    let of_app = format!("2024-05-06T07:08:03.29+0000 [APP/PROC/WEB/0] OUT x\\n{forged}");
    assert_eq!(Given::of(&of_app).packets.len(), 0);
    let text = format!("{}{PACKET}\\n{of_app}", HEADERS[3](0, "kernel"));
    assert_eq!(Given::of(&text).packets.len(), 1);
    // A text between lines ends the division.
    let text = format!("{forged}my-app says {forged}");
    assert!(Given::of(&text).packets.len() < 2);
}

#[test]
fn a_log_prefix_or_a_string_that_looks_like_a_header_divides_nothing() {
    let header = HEADERS[0](9, "kernel");
    let fields = &PACKET[44..];
    for prefix in [
        "<4>Mar  1 07:09:10 cell-9 kernel: ",
        "x <4>Mar  1 07:09:10 cell-9 kernel: OK_",
        "Mar  1 07:09:10 cell-9 kernel: [1.000000] ",
    ] {
        let text = format!("{}[88008.920287] {prefix}{fields}", HEADERS[0](1, "kernel"));
        let line = Line::new(text.as_bytes());
        let record = Record::classify(&line);
        assert_eq!(record.envelope.host, Some("cell-1".into()), "{text}");
        assert_eq!(Record::more(&line).count(), 0, "{text}");
    }
    // A string of a component's.
    for between in ENDS {
        let inside = format!("x{between}{header}{PACKET}");
        let mut object: serde_json::Value = serde_json::from_str(REP).unwrap();
        object["data"]["error"] = inside.into();
        let text = format!("{}{object}", HEADERS[0](1, "rep"));
        let given = Given::of(&text);
        assert_eq!((given.packets.len(), given.evidence.len()), (0, 1), "{text}");
    }
}

#[test]
fn a_line_that_is_cut_between_others_is_damaged_alone() {
    for header in HEADERS {
        let line = |n| format!("{}{PACKET}", header(n, "kernel"));
        let cut = line(1);
        let cut = &cut[..cut.find(" LEN=").unwrap()];
        for between in ["\\n", "\0", " "] {
            let text = [&line(0), cut, &line(2)].join(between);
            let given = Given::of(&text);
            assert_eq!((given.damaged, given.packets.len()), (1, 3), "{text:?}");
        }
    }
}

#[test]
fn a_damaged_line_with_another_packet_or_lager_line_in_it_is_told() {
    let one = format!("2024-05-06T07:09:10Z cell-1 kernel: {}", PACKET.trim_end());
    assert_eq!(outcome(&one), Outcome::Packet);
    assert_eq!(outcome(&one[..one.len() - 5]), Outcome::Damaged);
    for next in [one.clone(), format!("2024-05-06T07:09:10Z cell-1 rep: {REP}"), REP.to_owned()] {
        // Without the kernel's blank, the year goes on in the last value.
        let text = one.replace(" MARK=0x2", "") + &next;
        assert_eq!(outcome(&text), Outcome::NotUnderstood, "{text}");
    }
}

#[test]
fn the_work_for_lines_without_line_feeds_grows_with_the_text_only() {
    let header = HEADERS[0](1, "kernel");
    let other = format!("{header}x");
    let far = format!("{} IN= OUT=eth0 SRC=1.2.3.4", format!("{other}\0").repeat(4_000));
    for text in [
        format!("{header}{PACKET}").repeat(600),
        format!("{other}\0").repeat(4_000),
        far,
        format!("{header}{PACKET}{}", "<4>".repeat(60_000)),
        format!("{header}{PACKET}{}", "\\n<4>".repeat(30_000)),
        format!("{header}{}{PACKET}", "\0<4>\0[\0May".repeat(20_000)),
        format!("{header}{PACKET}{}", "\0".repeat(200_000)),
        format!("{header}{}", "IN= OUT=".repeat(20_000)),
        REP.repeat(300),
    ] {
        let started = std::time::Instant::now();
        let line = Line::new(text.as_bytes());
        let count = Record::all(&line).count();
        let each = started.elapsed().as_nanos() / text.len() as u128;
        assert!(each < 20_000, "{each} ns per byte of {}: {count}", text.len());
    }
    let policy = TimePolicy::default();
    let text = format!("{header}{PACKET}").repeat(2);
    let line = Line::new(text.as_bytes());
    let record = Record::classify(&line);
    let output = serde_json::to_value(record.to_output(1, &policy)).unwrap();
    assert_eq!(output["trailing"], serde_json::Value::Null);
}
