//! The reader's caches never change a result.

use proptest::prelude::*;

use super::*;
use crate::line::envelope::tests::{BODIES, BYTES, HEADERS};
use crate::record::outcome::Outcome;

fn changed(line: String, changes: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut line = line.into_bytes();
    for (at, byte) in changes {
        // One of the headers is empty, and one of the bodies.
        let at = at.index(line.len().max(1));
        if let Some(old) = line.get_mut(at) {
            *old = *byte;
        }
    }
    line
}

const PACKETS: [&str; 8] = [
    "OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 MAC=aa:aa:0a:ff:49:03:ee:ee:0a:ff:49:03:08:00 SRC=10.255.73.3 \
     DST=8.8.8.8 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=15946 DF PROTO=TCP SPT=51858 DPT=80 WINDOW=27400 RES=0x00 SYN URGP=0 ",
    "OK_0001_bfce786c-ab07-40ad-a IN=silk-vtep OUT=s-010255073003 SRC=10.255.9.9 DST=10.255.73.3 LEN=60 TOS=0x00 \
     PREC=0x00 TTL=63 ID=15946 DF PROTO=TCP SPT=51858 DPT=80 WINDOW=27400 RES=0x00 SYN URGP=0 MARK=0x1 ",
    "OK_0001_bfce786c-ab07-40ad-a IN=silk-vtep OUT=s-010255073003 MAC=aa:aa:0a:ff:49:03:ee:ee:0a:ff:49:03:08:00 \
     SRC=10.255.9.9 DST=10.255.73.3 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=15946 DF PROTO=TCP SPT=51858 DPT=80 WINDOW=27400 \
     RES=0x00 SYN URGP=0 MARK=0x1 ",
    "OK_00AF_bfce786c-ab07-40ad-a IN=silk-vtep OUT=s-010255073003 MAC=aa:aa:0a:ff:49:03:ee:ee:0a:ff:49:03:08:00 \
     SRC=10.255.9.9 DST=10.255.73.3 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=15946 DF PROTO=UDP SPT=51858 DPT=80 LEN=40 ",
    "DENY_bfce786c-ab07-40ad-79f9 IN=s-010255073003 OUT=eth0 SRC=fd00:000a:0000:0000:0000:0000:0000:0010 \
     DST=fd00:000e:0000:0000:0000:0000:0000:0020 LEN=48 TC=0 HOPLIMIT=1 FLOWLBL=0 PROTO=UDP SPT=1 DPT=2 LEN=8",
    "[UFW BLOCK] IN=eth0 OUT= MAC=aa:aa:0a:ff:49:03:ee:ee:0a:ff:49:03:08:00 SRC=1.2.3.4 DST=5.6.7.8 LEN=28 TOS=0x00 \
     PREC=0x00 TTL=64 ID=7 PROTO=2 ",
    "OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 MAC=aa:aa:0a:ff:49:03:ee:ee:0a:ff:49:03:08:00 SRC=10.255.73.3 DST=8",
    "bfce786c-ab07-40ad-79f9-8f21IN=wbrdg-0afe0008 OUT=eth0 SRC=10.254.0.10 DST=10.0.16.20 LEN=84 TOS=0x00 PREC=0x00 TTL=63 \
     ID=58750 DF PROTO=ICMP TYPE=8 CODE=0 ID=172 SEQ=1 ",
];

/// The times of lager's lines, and others.
const TIMES: [&str; 6] = [
    "1498136872.889604807",
    "1498136873.1",
    "2024-05-06T07:08:05.400000120Z",
    "2024-05-06T07:08:05Z",
    "soon",
    "1498136872.88960480\\u0037",
];

/// A lager line with this time, message and session.
fn lager(time: &str, message: &str, session: &str) -> String {
    let guid = "d08bb414-cdba-4381-412a-e9ecc1b7d0f4";
    format!(
        r#"{{"timestamp":"{time}","source":"rep","message":"{message}","log_level":1,"data":{{"container-guid":"{guid}","index":7,"lrp-instance-key":{{"instance_guid":"{guid}","cell_id":"diego_cell-12"}},"lrp-key":{{"process_guid":"f842e50f-f22f-4929-4e59-86869693fff5-87976a9f-255c-4834-586b-33e3d44b7703","index":2,"domain":"cf-apps"}},"net_info":{{"address":"10.0.16.12","instance_address":"10.255.73.3","ports":[]}},"session":"{session}"}}}}"#
    )
}

/// Reads each line after those before it, and holds it to the reader that remembers nothing.
fn agree(lines: &[Vec<u8>]) -> usize {
    let mut reader = Reader::new();
    let mut glimpses = 0;
    for line in lines {
        let line = Line::new(line);
        let alone = Record::classify(&line);
        if matches!(reader.sight(&line), Sight::Packet(_)) {
            glimpses += 1;
            assert!(alone.proven_packet().is_some(), "{line:?}");
        }
        let record = reader.classify(&line);
        assert_eq!(record, alone, "{line:?}");
        assert_eq!(Outcome::of(&line, &record), Outcome::of(&line, &alone), "{line:?}");
    }
    glimpses
}

#[test]
fn every_pair_of_lines_is_read_as_each_alone() {
    let bodies = BODIES.iter().chain(&PACKETS);
    let mut glimpses = 0;
    for (header, _) in HEADERS {
        let line = |body: &&str| format!("{header}{body}").into_bytes();
        let pairs = bodies.clone().flat_map(|a| bodies.clone().flat_map(move |b| [a, b]));
        glimpses += agree(&pairs.map(line).collect::<Vec<_>>());
    }
    assert!(glimpses > 1_000, "only {glimpses} packets were known by their beginning");
}

#[test]
fn no_layers_are_looked_for_behind_a_known_header() {
    let bosh = "instance@47450 director=\"\" deployment=\"cf\" group=\"diego-cell\" az=\"z1\" \
                id=\"0455ec2b-11fa-41ab-9d1c-f3a575cd55ea\"";
    for header in [
        "May  6 07:09:1{n} cell-1 kernel: ".to_owned(),
        "2024-05-06T07:09:1{n}.581301+00:00 cell-1 kernel: ".to_owned(),
        format!("<4>1 2024-05-06T07:09:1{{n}}Z 10.0.16.15 kernel - - [{bosh}] "),
        "Jun 16 23:18:3{n} kern kernel [job=diego_cell index=1] ".to_owned(),
    ] {
        for body in PACKETS {
            let mut reader = Reader::new();
            for n in 0..9 {
                let header = header.replace("{n}", &n.to_string());
                let text = format!("{header}[88008.92028{n}] {body}");
                let line = Line::new(text.as_bytes());
                let is_known =
                    matches!(reader.sight(&line), Sight::Packet(_) | Sight::Other(Some(_)));
                assert!(is_known || n == 0, "{text}");
                let record = reader.classify(&line);
                assert!(record.packet().is_some(), "{text}");
                let outcome = Outcome::of(&line, &record);
                assert_eq!(Record::more(&line).count(), 0, "{outcome:?}");
                assert!(!line.is_searched(), "{text}");
            }
        }
        let mut reader = Reader::new();
        let header = header.replace("kernel", "rep");
        let rep = "{\"timestamp\":\"1498136872.88\",\"source\":\"rep\",\"message\":\"rep.starting\",\
                   \"log_level\":1,\"data\":{\"container-guid\":\"d08bb414-cdba-4381-412a-e9ecc1b7d0f4\"}}";
        for n in 0..9 {
            let header = header.replace("{n}", &n.to_string());
            let text = format!("{header}{rep}");
            let line = Line::new(text.as_bytes());
            assert_eq!(reader.classify(&line).kind(), "rep", "{text}");
            assert!(!line.is_searched(), "{text}");
        }
    }
}

#[test]
fn data_that_was_read_before_says_the_same_in_another_line() {
    let messages = ["rep.a", "rep.b.creating-container", "cfnetworking.iptables.x", "rep.c"];
    for header in ["2024-05-06T07:09:10.581301+00:00 cell-1 vcap.rep: ", ""] {
        let mut reader = Reader::new();
        let mut known = Vec::new();
        for (n, message) in messages.into_iter().flat_map(|message| [message; 3]).enumerate() {
            let time = TIMES[n % 2];
            let text = format!("{header}{}", lager(time, message, &format!("9.{n}")));
            let line = Line::new(text.as_bytes());
            let record = Record::classify(&line);
            known.push(matches!(reader.sight(&line), Sight::Said(..)));
            assert_eq!(reader.classify(&line), record, "{text}");
        }
        // The special one is never short.
        let known: Vec<_> = known.chunks(3).map(<[bool]>::to_vec).collect();
        assert_eq!(known[0], [false, true, true], "{header:?}");
        assert_eq!(known[1], [false, true, true], "{header:?}");
        assert_eq!(known[2], [false; 3], "{header:?}");
        assert_eq!(known[3], known[1], "{header:?}");
    }
}

#[test]
fn tags_of_one_length_share_a_head_and_keep_their_meaning() {
    let line = |tag: &str, address: u8, container: u8| {
        format!(
            "2024-05-06T07:09:10Z cell-1 kernel: [  639.500000] OK_{tag}_bfce786c-ab07-40ad-a \
             IN=silk-vtep OUT=s-010255073003 \
             MAC=aa:aa:0a:ff:49:0{container}:ee:ee:0a:ff:49:03:08:00 SRC=10.255.9.{address} \
             DST=10.255.73.3 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP SPT=1 DPT=80 \
             WINDOW=27400 RES=0x00 SYN URGP=0 MARK=0x1 "
        )
        .into_bytes()
    };
    let lines = [
        (line("0001", 1, 3), false),
        (line("00AF", 1, 3), true),
        (line("1234", 2, 3), true),
        // The link header shows another container.
        (line("1234", 2, 4), false),
        // Tags have other lengths here, or other digits than a tag's.
        (line("01", 2, 3), false),
        (line("02", 2, 3), true),
        (line("00000001", 2, 3), false),
        (line("00af", 1, 3), false),
        (line("000", 1, 3), false),
    ];
    let mut reader = Reader::new();
    let mut heads = Vec::new();
    for (text, is_known) in &lines {
        let line = Line::new(text);
        let record = reader.classify(&line);
        assert_eq!(record, Record::classify(&line), "{line:?}");
        let head = record.memo.head;
        assert_eq!(head.is_some_and(|head| heads.contains(&head)), *is_known, "{line:?}");
        heads.extend(head);
    }
}

#[test]
fn behind_a_known_header_a_common_packet_is_learnt_at_first_sight() {
    let long = format!("OK_{} IN=a OUT=b", "a".repeat(40));
    for (changed, to, is_learnt) in [
        ("", "", true),
        ("DF ", "", true),
        ("OK_bfce786c-ab07-40ad-79f9-8", "DENY_C2C_bfce786c-ab07-40ad-", true),
        // Whatever else may be in such a prefix is looked for.
        ("OK_bfce786c", "\u{1b}[1mOK_bfce786c", false),
        ("OK_bfce786c", "\nOK_bfce786c", false),
        ("OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0", &long, false),
        ("OK_bfce786c-ab07-40ad-79f9-8", "[UFW BLOCK]", false),
        ("OK_bfce786c", "{OK_bfce786c", false),
        ("URGP=0", "URGP=", false),
    ] {
        let line = |body: &str| {
            format!("2024-05-06T07:09:10Z cell-1 kernel: [  639.500000] {body}").into_bytes()
        };
        let mut reader = Reader::new();
        let _ = reader.classify(&Line::new(&line(PACKETS[3])));
        let new = line(&PACKETS[0].replace(changed, to));
        let new = Line::new(&new);
        assert_eq!(matches!(reader.sight(&new), Sight::Packet(_)), is_learnt, "{new:?}");
        for _ in 0..2 {
            assert_eq!(reader.classify(&new), Record::classify(&new));
        }
    }
}

#[test]
fn machines_are_told_apart_whose_headers_begin_alike() {
    let line = |n: u32, second: u32| {
        format!("Jun 16 00:09:{second:02} kern kernel [job=diego_cell index={n}] [26817.5000{second:02}] x")
            .into_bytes()
    };
    let lines: Vec<_> = (0..20).flat_map(|s| (0..99).map(move |n| line(n, s))).collect();
    agree(&lines);
    let mut reader = Reader::new();
    let mut headers = Vec::new();
    for line in &lines {
        headers.push(reader.classify(&Line::new(line)).memo.header);
    }
    for (one, other) in headers.iter().zip(&headers[99..]) {
        assert!(one.is_none() || one == other);
    }
    assert!(headers.iter().flatten().count() > 100);
}

proptest! {
    #[test]
    fn a_line_that_resembles_an_earlier_one_is_read_as_alone(
        header in 0..HEADERS.len(),
        bodies in prop::collection::vec(
            (
                prop::sample::select(BODIES.iter().chain(&PACKETS).copied().collect::<Vec<_>>()),
                prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(BYTES)), 0..3),
            ),
            2..5,
        ),
    ) {
        let header = HEADERS[header].0;
        let lines: Vec<_> = bodies
            .iter()
            // The first line is as it is, so that there is something to remember.
            .flat_map(|(body, changes)| {
                let line = || format!("{header}{body}");
                [line().into_bytes(), changed(line(), changes)]
            })
            .collect();
        agree(&lines);
    }

    #[test]
    fn a_lager_line_with_data_of_an_earlier_one_is_read_as_alone(
        header in prop::sample::select(vec!["2024-05-06T07:09:10Z cell-1 vcap.rep: ", ""]),
        lines in prop::collection::vec(
            (
                prop::sample::select(TIMES.to_vec()),
                prop::sample::select(vec!["rep.a", "rep.b", "garden.destroy", "cfnetworking.iptables.x"]),
                prop::sample::select(vec!["9.1", "9.2", "", "x", "9\\\"", "9\",\"data\":{\"guid\":\"x\"},\"a\":\"9"]),
                prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(BYTES)), 0..2),
            ),
            2..8,
        ),
    ) {
        let lines: Vec<_> = lines
            .iter()
            .map(|(time, message, session, changes)| {
                let line = lager(time, message, session);
                changed(format!("{header}{line}"), changes)
            })
            .collect();
        agree(&lines);
    }
}
