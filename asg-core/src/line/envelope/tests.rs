//! Every header of ten years, and texts that only look like one.

use proptest::prelude::*;

use super::*;
use crate::line::Line;
use crate::time::{TimePolicy, YearPolicy};

const BODY: &str =
    "OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=60 ";
const ID: &str = "0455ec2b-11fa-41ab-9d1c-f3a575cd55ea";

/// Returns the content of a header, in one line: dialect, time, host, program, job/index/instance,
/// uptime.
fn said(line: &str) -> String {
    let line = Line::new(line.as_bytes());
    let e = line.envelope();
    let policy = TimePolicy { year: YearPolicy::Fixed(2017), ..TimePolicy::default() };
    let text = |t: Option<Text<'_>>| t.map_or_else(|| "-".into(), |t| t.to_string());
    format!(
        "{} {} {} {} {}/{}/{} {}",
        serde_json::to_value(e.dialect).unwrap().as_str().unwrap(),
        e.time.resolve(&policy).map_or_else(|| "-".into(), |r| r.time.to_string()),
        text(e.host),
        text(e.program),
        text(e.job),
        text(e.index),
        text(e.instance),
        e.uptime.map_or_else(|| "-".into(), |u| u.to_string()),
    )
}

/// Headers and their content; `~` is short for the instance id.
pub(crate) const HEADERS: &[(&str, &str)] = &[
    ("", "bare - - - -/-/- -"),
    (
        "Jun 16 23:18:38 localhost kernel: [87921.493829] ",
        "rfc3164 2017-06-16T23:18:38Z localhost kernel -/-/- 87921.493829",
    ),
    (
        "May  3 23:34:07 localhost kernel: [   21.493829] ",
        "rfc3164 2017-05-03T23:34:07Z localhost kernel -/-/- 21.493829",
    ),
    (
        "Jul 8 06:51:09 localhost kernel: [87921.493829] ",
        "rfc3164 2017-07-08T06:51:09Z localhost kernel -/-/- 87921.493829",
    ),
    (
        "    Jun 16 23:18:38 localhost kernel: [87921.493829] ",
        "rfc3164 2017-06-16T23:18:38Z localhost kernel -/-/- 87921.493829",
    ),
    (
        "Mon Mar 23 13:16:49 2026 kern.warn kernel: [311423.870453] ",
        "rfc3164 2026-03-23T13:16:49Z - kernel -/-/- 311423.870453",
    ),
    (
        "Aug 17 10:31:49 10.0.80.70 vcap.gorouter:  [job=router_z2 index=0] ",
        "rfc3164 2017-08-17T10:31:49Z 10.0.80.70 vcap.gorouter router_z2/0/- -",
    ),
    (
        "2017-01-30T11:31:37.50-0500 [APP/PROC/WEB/0]OUT ",
        "cf_logs 2017-01-30T16:31:37.5Z - - -/-/- -",
    ),
    ("kernel: [ 9271.326139] ", "console - - kernel -/-/- 9271.326139"),
    (
        "<6> 1 2020-11-20T00:07:58.544040+01:00 vm kernel - - - [  718.799259] ",
        "rfc5424 2020-11-19T23:07:58.54404Z vm kernel -/-/- 718.799259",
    ),
    ("Jul 24 19:19:10.581122 vm kernel: ", "rfc3164 2017-07-24T19:19:10.581122Z vm kernel -/-/- -"),
    (
        "2018-04-03T17:05:02.358719+00:00 localhost kernel: [1468637.581122] ",
        "rfc3339 2018-04-03T17:05:02.358719Z localhost kernel -/-/- 1468637.581122",
    ),
    ("2017-07-24T19:19:10+0000 vm kernel: ", "rfc3339 2017-07-24T19:19:10Z vm kernel -/-/- -"),
    (
        "Jun 16 23:18:38 kern kernel [job=diego_cell index=1] [2681198.826158] ",
        "rfc3164 2017-06-16T23:18:38Z - kernel diego_cell/1/- 2681198.826158",
    ),
    (
        "* 20 23:05:03 kern kernel [job=diego_cell index=2] [1122561.945562] ",
        "rfc3164 - - kernel diego_cell/2/- 1122561.945562",
    ),
    (
        "<4>2017-06-16T23:18:38.826301+00:00 10.0.16.15 kernel [job=diego_cell index=1] [2681198.826158] ",
        "rfc3339 2017-06-16T23:18:38.826301Z 10.0.16.15 kernel diego_cell/1/- 2681198.826158",
    ),
    (
        "Jun 16 23:18:38 10.0.16.15 kernel [job=diego_cell index=1] [2681198.826158] ",
        "rfc3164 2017-06-16T23:18:38Z 10.0.16.15 kernel diego_cell/1/- 2681198.826158",
    ),
    (
        "<4>2016-04-23T10:00:00.123456+00:00 10.0.16.15 kernel diego-cell/~ [2681198.826158] ",
        "rfc3339 2016-04-23T10:00:00.123456Z 10.0.16.15 kernel diego-cell/-/~ 2681198.826158",
    ),
    (
        "<4>2016-05-07T10:00:00.123456+00:00 10.0.16.15 kernel cf/diego-cell/~ [2681198.826158] ",
        "rfc3339 2016-05-07T10:00:00.123456Z 10.0.16.15 kernel diego-cell/-/~ 2681198.826158",
    ),
    (
        "<4>12016-12-14T10:00:00.123456+00:00 10.0.16.15 kernel: [bosh instance=\"cf/diego-cell/~\"] [2681198.826158] ",
        "rfc3339 2016-12-14T10:00:00.123456Z 10.0.16.15 kernel diego-cell/-/~ 2681198.826158",
    ),
    (
        "<4>1 2024-05-06T07:09:10.581301+00:00 10.0.16.15 kernel - - [instance@47450 director=\"\" deployment=\"cf\" group=\"diego-cell\" az=\"z1\" id=\"~\"] [  637.581122] ",
        "rfc5424 2024-05-06T07:09:10.581301Z 10.0.16.15 kernel diego-cell/-/~ 637.581122",
    ),
    (
        "<4>1 2024-05-06T07:09:10.581301+00:00 10.0.16.15 kernel - - [x@1 a=\"\\\"]\" b=\"\"][instance@47450 group=\"diego-cell\" id=\"~\"] [  637.581122] ",
        "rfc5424 2024-05-06T07:09:10.581301Z 10.0.16.15 kernel diego-cell/-/~ 637.581122",
    ),
    (
        "<4>1 2026-11-23T04:04:36.692651+00:00 vm kernel - - - [ 2343.595381] ",
        "rfc5424 2026-11-23T04:04:36.692651Z vm kernel -/-/- 2343.595381",
    ),
    ("[1468637.581122] ", "console - - - -/-/- 1468637.581122"),
    ("[  863.777645][  T123] ", "console - - - -/-/- 863.777645"),
    ("<4>[ 2343.595381] ", "console - - - -/-/- 2343.595381"),
    ("[Mon Jul 24 19:19:10 2017] ", "console 2017-07-24T19:19:10Z - - -/-/- -"),
    ("2017-07-24T19:19:10,581122+00:00 ", "console 2017-07-24T19:19:10.581122Z - - -/-/- -"),
    ("kern  :warn  : [1468637.581122] ", "console - - - -/-/- 1468637.581122"),
    ("[Nov23 04:03] ", "console - - - -/-/- -"),
    ("[  +0.007446] ", "console - - - -/-/- -"),
    ("[<    0.007446>] ", "console - - - -/-/- -"),
    ("[ 2343.595381 <    0.007446>] ", "console - - - -/-/- 2343.595381"),
    ("4,31017,2343595381,-;", "dev_kmsg - - - -/-/- 2343.595381"),
    ("4,31017,2343595381,-,caller=T123;", "dev_kmsg - - - -/-/- 2343.595381"),
    (
        "var/log/kern.log:Jun 16 23:18:38 localhost kernel: [87921.493829] ",
        "rfc3164 2017-06-16T23:18:38Z localhost kernel -/-/- 87921.493829",
    ),
    ("kern.log.1:123:[87921.493829] ", "console - - - -/-/- 87921.493829"),
    (
        "kern.log-Jun 16 23:18:38 localhost kernel: [87921.493829] ",
        "rfc3164 2017-06-16T23:18:38Z localhost kernel -/-/- 87921.493829",
    ),
    (
        "diego-cell/kern.log-123-2018-04-03T17:05:02.358719+00:00 localhost kernel: [1.000002] ",
        "rfc3339 2018-04-03T17:05:02.358719Z localhost kernel -/-/- 1.000002",
    ),
    ("123:Jun 16 23:18:38 vm kernel: ", "rfc3164 2017-06-16T23:18:38Z vm kernel -/-/- -"),
    ("Jun 16 23:18:38 vm kernel[0]: ", "rfc3164 2017-06-16T23:18:38Z vm kernel -/-/- -"),
    ("Jun 16 23:18:38 kernel: [1.000002] ", "rfc3164 2017-06-16T23:18:38Z - kernel -/-/- 1.000002"),
    ("Jun 16 23:18:38 vm kern.warn kernel: ", "rfc3164 2017-06-16T23:18:38Z vm kernel -/-/- -"),
    (
        "2024-05-06 07:09:10.5 vm kernel: [1.000002] ",
        "rfc3339 2024-05-06T07:09:10.5Z vm kernel -/-/- 1.000002",
    ),
    ("[1468637.581122] vm kernel: ", "console - vm kernel -/-/- 1468637.581122"),
    ("1500923950.581122 vm kernel: ", "rfc3339 2017-07-24T19:19:10.581122Z vm kernel -/-/- -"),
    ("Mon 2017-07-24 19:19:10 UTC vm kernel: ", "rfc3339 2017-07-24T19:19:10Z vm kernel -/-/- -"),
    (
        "318 <4>1 2026-11-23T04:04:36.692651+00:00 vm kernel - - - [ 2343.595381] ",
        "rfc5424 2026-11-23T04:04:36.692651Z vm kernel -/-/- 2343.595381",
    ),
    (
        "<4>1 2026-11-23T04:04:36Z vm kernel - - [a@1 b=\"c\"][d@2] \u{feff}[ 2343.595381] ",
        "rfc5424 2026-11-23T04:04:36Z vm kernel -/-/- 2343.595381",
    ),
    ("MESSAGE=", "journal_field - - - -/-/- -"),
    ("    MESSAGE=", "journal_field - - - -/-/- -"),
    (
        "2024-05-06T07:08:05.400512000Z [ 2343.595381] ",
        "console 2024-05-06T07:08:05.400512Z - - -/-/- 2343.595381",
    ),
    (
        "2024-05-06T07:08:05.400512000Z stdout F ",
        "container 2024-05-06T07:08:05.400512Z - - -/-/- -",
    ),
    ("syslog_1  | Jun 16 23:18:38 vm kernel: ", "rfc3164 2017-06-16T23:18:38Z vm kernel -/-/- -"),
    // Programs that report no packets.
    (
        "2024-05-06T07:09:10Z vm sshd[71]: [  637.581122] ",
        "rfc3339 2024-05-06T07:09:10Z vm sshd -/-/- 637.581122",
    ),
    (
        "2024-05-06T07:09:10Z vm-0455ec2b vcap.rep: [  637.581122] ",
        "rfc3339 2024-05-06T07:09:10Z vm-0455ec2b vcap.rep -/-/- 637.581122",
    ),
    (
        "<14>1 2024-05-06T07:09:10Z org.space.app 1111 [APP/PROC/WEB/0] - - ",
        "rfc5424 2024-05-06T07:09:10Z org.space.app 1111 -/-/- -",
    ),
];

/// Prefixes that look like headers, and like fields.
const PREFIXES: &[&str] = &[
    "OK_x ",
    "",
    "<4>",
    "[eth0] ",
    "[UFW BLOCK] ",
    "SRC=1.2.3.4 ",
    "2026 ",
    "a:b ",
    "{",
    "[x] ",
    "  two",
];

#[test]
fn every_header_says_what_it_says_and_leaves_the_body_whole() {
    for (header, expected) in HEADERS {
        let header = header.replace('~', ID);
        let line = format!("{header}{BODY}");
        assert_eq!(said(&line), expected.replace('~', ID), "{line}");
        for prefix in PREFIXES {
            let body = format!("{prefix}IN= OUT=eth0 SRC=1.2.3.4 ");
            let line = format!("{header}{body}");
            let read = Line::new(line.as_bytes());
            assert_eq!(read.envelope().body, *body, "{line}");
        }
    }
}

#[test]
fn a_tag_right_before_a_packet_is_its_log_prefix_unless_it_names_a_program() {
    const PACKET: &str = "IN=eth0 OUT= SRC=1.2.3.4 ";
    for (header, prefix) in [
        ("Dec 10 09:52:01 MpFw2 ", "Shorewall:net2dmz:ACCEPT: "),
        ("Dec 10 09:52:01 ", "DENY: "),
        ("2018-04-03T17:05:02.358719+00:00 host ", "IN-work: "),
        ("Dec 10 09:52:01 host kernel: ", ""),
        ("Dec 10 09:52:01 host kernel: ", "DENY: "),
        ("Dec 10 09:52:01 host ulogd: ", ""),
        ("Dec 10 09:52:01 host firewall[7]: ", ""),
    ] {
        let line = format!("{header}{prefix}{PACKET}");
        let read = Line::new(line.as_bytes());
        assert_eq!(read.envelope().body, *format!("{prefix}{PACKET}"), "{line}");
    }
}

#[test]
fn no_blank_stands_in_the_stamp_of_rfc_5424() {
    let usual =
        HEADERS.iter().find(|(header, _)| header.contains("[instance@47450 director=")).unwrap().0;
    let usual = format!("{usual}{BODY}");
    let other = usual.replacen('T', " ", 1);
    assert!(said(&usual).starts_with("rfc5424 ") && said(&other).starts_with("bare "), "{other}");
}

#[test]
fn wrapped_lines_come_out_unescaped() {
    for (line, body) in [
        (r"6,1,2,-;a\x5cb\xc3\xa9 IN=".to_owned(), "a\\b\u{e9} IN="),
        (r#"{"__REALTIME_TIMESTAMP":"1500923950581122","_HOSTNAME":"vm","SYSLOG_IDENTIFIER":"kernel","MESSAGE":"q\"q IN="}"#.into(), "q\"q IN="),
        (r#"{"MESSAGE":[73,78,61],"_HOSTNAME":"vm"}"#.into(), "IN="),
        (r#"   {"pri":4,"time":  1468637.581122,"msg":"x IN="},"#.into(), "x IN="),
        (r#"{"timereported":"2017-06-16T23:18:38Z","hostname":"vm","programname":"kernel","msg":"x IN= "}"#.into(), "x IN= "),
        (r#"{"result":1,"_raw":"x IN=","_time":"2017-06-16T23:18:38Z"}"#.into(), "x IN="),
        (r#"{"log":"Jun 16 23:18:38 localhost kernel: [87921.493829] x IN=\n","stream":"stdout"}"#.into(), "x IN="),
    ] {
        assert_eq!(Line::new(line.as_bytes()).envelope().body, *body, "{line}");
    }
    let journal = r#"{"__REALTIME_TIMESTAMP":"1500923950581122","_SOURCE_MONOTONIC_TIMESTAMP":"1468637581122","_HOSTNAME":"vm","SYSLOG_IDENTIFIER":"kernel","MESSAGE":"x"}"#;
    assert_eq!(
        said(journal),
        "journal_json 2017-07-24T19:19:10.581122Z vm kernel -/-/- 1468637.581122"
    );
    assert_eq!(
        said(r#"{"pri":4,"time":  1468637.581122,"msg":"x"}"#),
        "dmesg_json - - - -/-/- 1468637.581122"
    );
}

#[test]
fn a_record_of_the_kernel_has_no_header_whatever_its_prefix_looks_like() {
    for body in
        ["[ 1234.567890] IN=", "<4>IN=", "Jun 16 23:18:38 vm kernel: IN=", "kern  :warn  : IN="]
    {
        let kmsg = format!("4,31017,2343595381,-;{body}");
        let json = format!(r#"{{"pri":4,"time":  2343.595381,"msg":"{body}"}}"#);
        for (line, dialect) in [(kmsg, Dialect::DevKmsg), (json, Dialect::DmesgJson)] {
            let read = Line::new(line.as_bytes());
            let envelope = read.envelope();
            assert_eq!((envelope.body, envelope.dialect), (body.into(), dialect), "{line}");
            assert_eq!(envelope.uptime.unwrap().to_string(), "2343.595381", "{line}");
        }
    }
}

#[test]
fn shippers_say_when_and_where_in_their_own_words() {
    for (line, expected) in [
        (
            r#"{"@timestamp":"2017-06-16T23:18:38.826Z","host":{"name":"vm"},"message":"[1.000002] x","agent":{}}"#,
            "console 2017-06-16T23:18:38.826Z vm - -/-/- 1.000002",
        ),
        (
            r#"{"timestamp":"2017-06-16T23:18:38Z","message":"x","host":"10.0.16.15"}"#,
            "json 2017-06-16T23:18:38Z 10.0.16.15 - -/-/- -",
        ),
        (
            r#"{"timereported":"2017-06-16T23:18:38Z","hostname":"vm","programname":"kernel","msg":"x"}"#,
            "json 2017-06-16T23:18:38Z vm kernel -/-/- -",
        ),
        (
            r#"{"log":"x\n","stream":"stdout","time":"2017-06-16T23:18:38.5Z"}"#,
            "json 2017-06-16T23:18:38.5Z - - -/-/- -",
        ),
        (
            r#"{"message":"<4>1 2024-05-06T07:09:10Z 10.0.16.15 kernel - - [instance@47450 group=\"cell\" id=\"i\"] [1.000002] x","@timestamp":"2025-01-01T00:00:00Z","host":"shipper"}"#,
            "rfc5424 2024-05-06T07:09:10Z 10.0.16.15 kernel cell/-/i 1.000002",
        ),
    ] {
        assert_eq!(said(line), expected, "{line}");
    }
}

/// Each line of each dialect has a header that is known, or is bare JSON.
#[test]
fn every_collected_envelope_is_read() {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/rep/envelopes.txt"));
    let mut kinds = std::collections::BTreeMap::<String, usize>::new();
    for line in text.lines().filter(|line| line.contains("IN=") || line.contains("\"timestamp\":"))
    {
        if line.starts_with('#') || line.starts_with(' ') {
            continue;
        }
        let read = Line::new(line.as_bytes());
        let (envelope, record) = (read.envelope(), crate::record::Record::classify(&read));
        let dialect = serde_json::to_value(envelope.dialect).unwrap();
        if envelope.dialect == Dialect::Bare {
            assert!(line.starts_with('{'), "{line}");
        }
        *kinds.entry(format!("{} {}", dialect.as_str().unwrap(), record.kind())).or_default() += 1;
    }
    let kinds: Vec<_> = kinds.iter().map(|(kind, n)| format!("{kind}: {n}")).collect();
    insta::assert_snapshot!(kinds.join("\n"), @r"
    bare rep: 3
    console packet: 6
    dev_kmsg packet: 1
    dmesg_json packet: 1
    journal_json packet: 1
    rfc3164 packet: 7
    rfc3164 rep: 3
    rfc3339 packet: 41
    rfc3339 rep: 4
    rfc5424 damaged: 2
    rfc5424 logger: 1
    rfc5424 packet: 3
    rfc5424 rep: 5
    ");
}

#[test]
fn a_lager_line_is_a_body_whatever_is_before_it() {
    let json = r#"{"timestamp":"1498136872.889604807","source":"rep","message":"rep.x","log_level":1,"data":{}}"#;
    for header in [
        "",
        "Jun 22 13:07:52 localhost vcap.rep: ",
        "May 06 07:08:05 vm vcap.rep[7123]: ",
        "Jun 22 13:07:52 user vcap.rep [job=diego_cell index=2] ",
        "<13>2017-06-22T13:07:52.889701+00:00 10.0.16.15 vcap.rep [job=diego_cell index=2]  ",
        "<14>1 2024-05-06T07:08:06.012345Z 10.0.16.15 rep/rep.stdout.log rs2 - [instance@47450 id=\"x\"]  ",
        "rep.stdout.log:",
        "rep.stdout.log-",
        "rep_1  | ",
        "2024-05-06T07:08:05.400512000Z ",
        "2024-05-06T07:08:05.400512000Z stdout F ",
        "[1468637.581122] vm vcap.rep[7123]: ",
    ] {
        assert_eq!(
            Line::new(format!("{header}{json}").as_bytes()).envelope().body,
            *json,
            "{header}"
        );
    }
}

#[test]
fn a_repeated_message_is_the_message() {
    // Metron's header has a blank of its own.
    for header in [
        "2018-04-03T17:05:03.358719+00:00 localhost kernel: ",
        "2018-04-03T17:05:03.358719+00:00 localhost kernel:  ",
        "<4>2016-06-16T23:18:38.1+00:00 10.0.16.15 kernel [job=diego_cell index=2]  ",
    ] {
        let line = format!("{header}message repeated 3 times: [{BODY}]");
        let line = Line::new(line.as_bytes());
        assert_eq!(line.envelope().repeated, Some(3), "{header}");
        assert_eq!(line.envelope().body, *BODY, "{header}");
    }
}

/// Logs that nine programs wrote for packets that one kernel printed, each with its dialect.
macro_rules! transports {
    ($($name:literal $dialect:ident,)*) => {
        [$(($name, Dialect::$dialect, include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"), "/fixtures/kernel/transports/", $name, ".log"
        )).as_slice()),)*]
    };
}

#[test]
fn every_transport_of_the_captures_is_known_and_carries_packets() {
    let transports = transports![
        "dev-kmsg" DevKmsg,
        "dmesg-ctime-T" Console,
        "dmesg-decode-x" Console,
        "dmesg-default" Console,
        "dmesg-raw-r" Console,
        "proc-kmsg" Console,
        "rsyslog-fileformat" Rfc3339,
        "rsyslog-protocol23" Rfc5424,
        "rsyslog-traditional" Rfc3164,
    ];
    for (name, dialect, text) in transports {
        let lines: Vec<_> = text.split(|&b| b == b'\n').filter(|line| !line.is_empty()).collect();
        for line in &lines {
            let line = Line::new(line);
            let envelope = line.envelope();
            assert_eq!(envelope.dialect, dialect, "{name}");
            let read =
                crate::packet::Packet::parse_lenient(envelope.body.as_bytes()).expect("a packet");
            assert!(read.stop.is_none_or(|stop| stop.is_cut()), "{name}");
            assert!(read.packet.prefix.as_bytes().len() <= 128, "{name}");
        }
        assert_eq!(lines.len(), 13, "{name}");
    }
}

proptest! {
    #[test]
    fn any_bytes_have_an_envelope(text: Vec<u8>) {
        let line = Line::new(&text);
        let envelope = line.envelope();
        let end = envelope.body_at + envelope.body.as_bytes().len();
        prop_assert!(end <= text.len() || text.trim_ascii_start().first() == Some(&0x7b));
    }

    #[test]
    fn any_change_of_a_header_leaves_a_body(n in 0..HEADERS.len(), at: prop::sample::Index, byte: u8) {
        let mut line = format!("{}{BODY}", HEADERS[n].0).into_bytes();
        let at = at.index(line.len());
        line[at] = byte;
        let read = Line::new(&line);
        let envelope = read.envelope();
        // Of a wrapped line the body is in another text: one without colours, for example.
        if read.unwrapped_text().is_some() {
            prop_assert_eq!(envelope.body.as_bytes(), &line[envelope.body_at..][..envelope.body.as_bytes().len()]);
        }
    }

    #[test]
    fn every_cut_of_a_header_has_an_envelope(n in 0..HEADERS.len(), at: prop::sample::Index) {
        let line = format!("{}{BODY}", HEADERS[n].0);
        let cut = &line.as_bytes()[..at.index(line.len())];
        let read = Line::new(cut);
        let envelope = read.envelope();
        let end = envelope.body_at + envelope.body.as_bytes().len();
        prop_assert!(end <= cut.len() || cut.first() == Some(&0x7b));
    }

    #[test]
    fn the_short_way_reads_a_header_as_the_long_one_does(
        n in 0..HEADERS.len(),
        body in prop::sample::select(BODIES),
        changes in prop::collection::vec((prop::arbitrary::any::<prop::sample::Index>(), prop::sample::select(BYTES)), 0..3),
        cut: prop::sample::Index,
        is_cut: bool,
    ) {
        let mut line = format!("{}{body}", HEADERS[n].0).into_bytes();
        for (at, byte) in changes {
            let at = at.index(line.len() + 1);
            line.splice(at..at, [byte]);
            line.remove(at + usize::from(at + 1 < line.len()));
        }
        if is_cut {
            line.truncate(cut.index(line.len() + 1));
        }
        let mut short = Envelope::default();
        if super::fast::parse(&line, &mut short).is_some() {
            prop_assert_eq!(short, super::any(&line), "{}", line.escape_ascii());
        }
    }
}

/// Texts that may follow a header.
pub(crate) const BODIES: &[&str] = &[
    BODY,
    "[  637.581122] x",
    "[2681198.826158][  T123] x",
    " [2681198.826158] x",
    "[job=a index=1] x",
    "[bosh instance=\"cf/diego-cell/0\"] x",
    "cf/diego-cell/0 x",
    "{\"timestamp\":\"1.0\"} /0 x",
    " {\"timestamp\":\"1.0\"}",
    "message repeated 3 times: [ x]",
    "(root) CMD (x)",
    "",
];

/// Bytes that mean something to one parser or another.
pub(crate) const BYTES: &[u8] = b" :.[]{}/<>=\"-+,*T019aZ\xff";
