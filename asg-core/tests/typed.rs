//! Code that authors type first: lines of texts, words on a terminal, times of the system.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use asg_core::correlate::FollowerOptions;
use asg_core::packet::PacketBuf;
use asg_core::policy::SecurityGroup;
use asg_core::prefix::{Direction, Plane, Subject};
use asg_core::{Certainty, Line, Packet, Record, RecordBuf, TimePolicy, Timestamp, Verdict};

const TEXT: &str = "OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=61 TOS=0x00 \
    PREC=0x00 TTL=63 ID=2806 DF PROTO=UDP SPT=36556 DPT=53 LEN=41 ";

fn as_json(word: &(impl serde::Serialize + std::fmt::Display)) {
    assert_eq!(serde_json::to_value(word).unwrap(), word.to_string());
}

#[test]
fn a_line_is_made_of_whatever_holds_text() {
    let text = TEXT.to_owned();
    let bytes = TEXT.as_bytes().to_vec();
    for line in [Line::from(TEXT), Line::from(&text), Line::from(&bytes), Line::from(&bytes[..])] {
        assert_eq!(Record::classify(&line).kind(), "packet");
    }
}

#[test]
fn words_are_displayed_as_the_outputs_have_them() {
    let line = Line::from(TEXT);
    let record = Record::classify(&line);
    let (packet, prefix) = record.packet().unwrap();
    let prefix = prefix.unwrap();
    let shown =
        format!("{} {} {} {}", prefix.verdict, prefix.plane, prefix.direction, prefix.subject);
    assert_eq!(shown, "allowed asg egress container");
    assert_eq!(format!("[{:>8}]", prefix.verdict), "[ allowed]");
    assert_eq!(packet.ip.ports(), [Some(36_556), Some(53)]);
    [Verdict::Allowed, Verdict::Denied].iter().for_each(as_json);
    [Plane::Asg, Plane::C2c, Plane::RateLimit].iter().for_each(as_json);
    [Direction::Egress, Direction::Ingress].iter().for_each(as_json);
    [Subject::Container, Subject::App, Subject::None].iter().for_each(as_json);
    let certainties = [
        Certainty::Unknown,
        Certainty::Ambiguous,
        Certainty::Inferred,
        Certainty::UniquePrefix,
        Certainty::Exact,
    ];
    certainties.iter().for_each(as_json);
}

#[test]
fn times_are_those_of_the_standard_library() {
    let before = Timestamp::parse(b"1969-12-31T23:59:58.5Z").unwrap();
    assert_eq!(SystemTime::from(before), SystemTime::UNIX_EPOCH - Duration::from_millis(1_500));
}

#[test]
fn records_can_be_kept_sent_and_written() {
    let kept: RecordBuf = TEXT.parse().unwrap();
    let sent = std::thread::spawn(move || kept).join().unwrap();
    let policy = TimePolicy::default();
    let json = sent.with(|record| serde_json::to_string(&record.to_output(1, &policy)));
    assert!(json.unwrap().contains("8.8.8.8"));
    let packets: HashSet<PacketBuf> =
        [TEXT, TEXT].map(|text| PacketBuf::parse(text.as_bytes()).unwrap()).into();
    assert_eq!(packets.len(), 1);
    let borrowed: HashSet<Packet<'_>> =
        [TEXT, TEXT].map(|text| Packet::parse(text.as_bytes()).unwrap()).into();
    assert_eq!(borrowed.len(), 1);
}

#[test]
fn options_begin_with_their_defaults() {
    let options = FollowerOptions { hold: Duration::from_secs(5), ..FollowerOptions::default() };
    assert_eq!((options.hold.as_secs(), options.most_held), (5, 1 << 16));
}

#[test]
fn a_group_is_read_from_what_the_api_prints() {
    let page = r#"{"guid":"g","name":"db","rules":[{"protocol":"tcp","destination":"10.0.11.0/24","ports":"5432"}]}"#;
    let group: SecurityGroup = serde_json::from_str(page).unwrap();
    assert_eq!(group.name, "db");
}
