//! Completeness of lines with a known number of missing ones.

use super::*;
use crate::line::Line;

fn ingested(lines: impl IntoIterator<Item = String>) -> Completeness {
    let mut completeness = Completeness::default();
    for text in lines {
        let line = Line::new(text.as_bytes());
        completeness.observe(SourceId(0), &Record::classify(&line));
    }
    completeness
}

fn packet(head: &str, prefix: &str, proto: &str) -> String {
    let ports = if proto == "UDP" { "LEN=40" } else { "WINDOW=27400 RES=0x00 SYN URGP=0" };
    format!(
        "{head} {prefix} IN=s-010255073003 OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=15946 DF \
         PROTO={proto} SPT=51858 DPT=53 {ports} "
    )
}

fn at(millis: u64) -> String {
    format!(
        "2024-05-06T07:09:10+00:00 cell-1 kernel: [{}.{:03}000]",
        millis / 1_000,
        millis % 1_000
    )
}

const DENIED: &str = "DENY_bfce786c-ab07-40ad-79f9";
const ALLOWED: &str = "OK_bfce786c-ab07-40ad-79f9-8";

#[test]
fn a_container_that_is_denied_as_often_as_is_logged_is_at_the_limit() {
    // One attempt in a minute does not count; one in each second makes spans of two.
    let seldom = (0..10).map(|n| packet(&at(n * 60_000), DENIED, "TCP"));
    let completeness = ingested(seldom);
    assert!(completeness.report()[0].is_whole());
    let often = (0..10).map(|n| packet(&at(n * 1_005), DENIED, "TCP"));
    let completeness = ingested(often);
    let report = completeness.report();
    let [at_limit] = &*report[0].at_limit else { panic!("{report:?}") };
    assert_eq!((at_limit.prefix, at_limit.limit), (DENIED, Limit::Denied));
    assert_eq!((at_limit.logged, at_limit.spans), (10, 5));
    assert!(!report[0].is_whole());
}

#[test]
fn spans_at_the_limit_do_not_depend_on_the_order_of_files() {
    // Each file has an odd number of lines, so that its last span is half full.
    let files: Vec<Vec<String>> = [0..5, 5..12, 12..15]
        .map(|file| file.map(|n| packet(&at(n * 1_005), DENIED, "TCP")).collect())
        .into();
    let spans = |order: [u32; 3]| {
        let mut completeness = Completeness::default();
        for file in order {
            for text in &files[file as usize] {
                let line = Line::new(text.as_bytes());
                completeness.observe(SourceId(file), &Record::classify(&line));
            }
        }
        let report = completeness.report();
        (report[0].at_limit[0].logged, report[0].at_limit[0].spans)
    };
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        assert_eq!(spans(order), (15, 2 + 3 + 1), "{order:?}");
    }
}

#[test]
fn udp_is_at_its_limit_at_a_hundred_a_second_and_tcp_never() {
    let at_rate = |per_second: u64, prefix: &str, proto: &str| {
        let lines = (0..per_second * 4).map(|n| packet(&at(n * 1_000 / per_second), prefix, proto));
        ingested(lines).report()[0].at_limit.len()
    };
    assert_eq!(at_rate(50, ALLOWED, "UDP"), 0);
    assert_eq!(at_rate(100, ALLOWED, "UDP"), 1);
    assert_eq!(at_rate(100, ALLOWED, "TCP"), 0);
    assert_eq!(at_rate(100, "bfce786c-ab07-40ad-79f9-8f21", "UDP"), 0, "guardian has no limit");
}

#[test]
fn numbers_that_are_left_out_are_missing_records_boot_by_boot() {
    let record = |number: u64, uptime: u64| format!("4,{number},{uptime},-;hello");
    let seconds = |n: u64| n * 1_000_000;
    // 10 to 19 without 13 and 14, in a little disorder.
    let numbers = [10, 11, 12, 16, 15, 17, 18, 19];
    let lines = numbers.map(|n| record(n, seconds(n)));
    assert_eq!(ingested(lines.clone()).report()[0].missing_records, 2);
    // Reading everything twice does not add missing records.
    let again = lines.iter().chain(&lines).cloned();
    assert!(ingested(again).report()[0].missing_records <= 2);
    // After a boot numbers start again; the numbers between are not missing.
    let rebooted = [(5_000, 900), (5_001, 901), (5_003, 902), (600, 5), (601, 6)];
    let lines = rebooted.map(|(number, uptime)| record(number, seconds(uptime)));
    assert_eq!(ingested(lines).report()[0].missing_records, 1);
}

#[test]
fn notes_count_once_whichever_way_they_come() {
    let text = "[637.581122] net_ratelimit: 12 callbacks suppressed";
    let kern = format!("2024-05-06T07:09:10+00:00 cell-1 kernel: {text}");
    let other = kern.replace("637", "737");
    let completeness = ingested([kern.clone(), kern.clone(), other]);
    assert_eq!(completeness.report()[0].dropped, 24);
    let app =
        "2024-05-06T07:08:03.29+0000 [APP/PROC/WEB/0] OUT net_ratelimit: 12 callbacks suppressed";
    let completeness = ingested([app.to_owned()]);
    assert_eq!(completeness.report().iter().map(|cell| cell.dropped).sum::<u64>(), 0);
}

#[test]
fn damage_folded_lines_and_silent_cells_show() {
    let repeated = packet("message repeated 3 times: [ [637.500000]", ALLOWED, "TCP");
    let folded = format!("2024-05-06T07:09:10+00:00 cell-1 kernel: {}]", repeated.trim_end());
    let cut = packet(&at(1), ALLOWED, "TCP")[..150].to_owned();
    let rep = r#"<14>1 2024-05-06T07:09:11Z 10.0.16.15 rep rs2 - [instance@47450 director="" deployment="cf" group="diego-cell" az="z1" id="0455ec2b"] {"timestamp":"2024-05-06T07:09:11Z","level":"info","source":"rep","message":"rep.x","data":{"container-guid":"bfce786c-ab07-40ad-79f9-8f21"}}"#;
    let completeness = ingested([folded, cut, rep.to_owned()]);
    let report = completeness.report();
    assert_eq!(report.iter().map(|cell| cell.cell).collect::<Vec<_>>(), ["0455ec2b", "cell-1"]);
    // The packets under another kind of name may be the cell's own.
    assert!(!report[0].is_silent() && !report[1].is_silent());
    // Three repeats behind the first packet, and the line itself counts as one.
    assert_eq!((report[1].packets, report[1].folded, report[1].damaged), (2, 2, 1));
}

/// Returns a header of syslog-release 11.
fn header(program: &str, id: &str) -> String {
    format!(
        r#"<14>1 2024-05-06T07:09:11Z 10.0.16.15 {program} rs2 - [instance@47450 director="" deployment="cf" group="x" az="z1" id="{id}"] "#
    )
}

#[test]
fn only_a_cell_that_speaks_of_its_own_containers_and_logs_no_packet_is_silent() {
    let about = r#"{"timestamp":"2024-05-06T07:09:11Z","level":"info","source":"SOURCE","message":"x","data":{"container-guid":"bfce786c-ab07-40ad-79f9-8f21"}}"#;
    let from = |source: &str, id: &str| header(source, id) + &about.replace("SOURCE", source);
    let of_cell = |id: &str| packet(&format!("{}[637.5]", header("kernel", id)), ALLOWED, "TCP");
    let silent = |lines: Vec<String>| {
        let completeness = ingested(lines);
        let report = completeness.report();
        let silent = report.iter().filter(|cell| cell.is_silent());
        silent.map(|cell| cell.cell.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(silent(vec![from("rep", "a"), of_cell("b")]), ["a"]);
    assert_eq!(silent(vec![from("rep", "a"), of_cell("a")]), [""; 0]);
    assert_eq!(silent(vec![from("bbs", "a"), of_cell("b")]), [""; 0], "a database is no cell");
    let file = packet("2024-05-06T07:09:11Z localhost kernel: [637.5]", ALLOWED, "TCP");
    assert_eq!(silent(vec![from("rep", "a"), file]), [""; 0], "they may be under no name");
}

#[test]
fn a_note_counts_once_by_whatever_ways_it_comes_and_only_by_programs_that_hand_on_logs() {
    let lost = "imuxsock lost 34 messages from pid 2311 due to rate-limiting";
    let ways = [
        header("rsyslogd", "a") + lost,
        format!("2024-05-06T07:09:11.000000+00:00 localhost rsyslogd: {lost}"),
        format!("2024-05-06T09:09:11.000000+02:00 vm-1 rsyslogd: {lost}"),
    ];
    let dropped = |lines: &[String]| {
        let completeness = ingested(lines.iter().cloned());
        let report = completeness.report();
        let all: Vec<_> = report.iter().map(|cell| (cell.cell.to_owned(), cell.dropped)).collect();
        all.into_iter().filter(|(_, dropped)| *dropped > 0).collect::<Vec<_>>()
    };
    assert_eq!(dropped(&ways), [("a".to_owned(), 34)]);
    assert_eq!(dropped(&ways[1..]), [("vm-1".to_owned(), 34)]);
    let two = [ways[0].clone(), header("rsyslogd", "b") + lost];
    assert_eq!(dropped(&two).len(), 2, "two machines wrote it");
    let nats = header("nats", "c") + "client slow consumer: dropped 5000 messages";
    assert_eq!(dropped(&[nats]), []);
}

#[test]
fn what_is_merged_is_as_if_one_had_seen_it() {
    let cell = |name: &str, lines: Vec<String>| {
        lines.into_iter().map(|line| line.replace("cell-1", name)).collect::<Vec<_>>()
    };
    let one: Vec<_> = (0..10).map(|n| packet(&at(n * 1_000), DENIED, "TCP")).collect();
    let other = cell("cell-2", one[..6].to_vec());
    let together = ingested(one.iter().chain(&other).cloned());
    let mut merged = ingested(one);
    merged.merge(&ingested(other.clone()));
    assert_eq!(merged.report(), together.report());
    // A merged instance still takes lines.
    merged.observe(SourceId(0), &Record::classify(&Line::new(other[0].as_bytes())));
    assert_eq!(merged.report()[1].packets, 7);
    assert_eq!(merged.report().len(), 2);
}
