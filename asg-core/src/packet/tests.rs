//! The grammar against lines that a real kernel wrote, with the truth about each packet.

use serde_json::Value;

use super::{Lenient, Packet, anchor, reference};
use crate::error::Error;

mod changed;
mod messages;
mod properties;
mod table;
mod ulogd;

/// Returns the fields of a line, after checking that every parser gives the same and that the line
/// prints back.
fn read_every_way(line: &[u8]) -> Result<Value, Error> {
    agree(line);
    let packet = Packet::parse(line)?;
    assert_eq!(String::from_utf8_lossy(&packet.to_line()), String::from_utf8_lossy(line));
    Ok(serde_json::to_value(&packet).unwrap())
}

/// Checks that the grammar, its fast path and the reference agree on a line, or that none of them
/// reads it whole.
fn agree(line: &[u8]) {
    let text = crate::bytes::text::Text::new(line);
    let (Some(slow), Some(found)) = (reference::parse(line), anchor::find(line)) else {
        assert!(reference::parse(line).is_none() && anchor::find(line).is_none(), "{text}");
        assert_eq!(Packet::parse_lenient(line), None, "{text}");
        return;
    };
    let mut long = Packet::default();
    let result = long.parse_at(line, found);
    assert!(result.as_ref().err().is_none_or(|e| e.offset() <= line.len()), "{text}");
    let mut fields = serde_json::to_value(&long).unwrap();
    fields.as_object_mut().unwrap().remove("cut");
    assert_eq!(result.is_ok(), slow.is_whole, "{text}: {result:?}");
    if slow.is_whole {
        assert_eq!(fields, slow.fields, "{text}");
    } else {
        assert!(do_not_differ(&fields, &slow.fields), "{text}\n{fields}\n{}", slow.fields);
    }
    let mut filled = Packet::default();
    let read = filled.fill(line, false).expect("it has an anchor");
    if result.is_ok() {
        assert_eq!((read, filled), (Ok(()), long), "{text}");
        return;
    }
    // Mending a changed line gives more fields, and never other values.
    let mut mended = serde_json::to_value(&filled).unwrap();
    let members = mended.as_object_mut().unwrap();
    if slow.fields["family"] == "unknown" {
        members.remove("family");
    }
    // A spoilt word may hide a flag.
    members.retain(|name, _| !["ce", "df", "mf", "frag_offset"].contains(&name.as_str()));
    assert!(read.is_err() || filled.is_altered(), "{text}");
    if filled.trailing().is_none() {
        assert!(do_not_differ(&mended, &slow.fields), "{text}\n{mended}\n{}", slow.fields);
    }
    if read.is_ok() {
        assert_eq!(filled.to_line(), line, "{text}");
    }
}

#[test]
fn the_blank_that_ebt_log_prints_is_not_of_the_longest_prefix() {
    let before = "OK_bfce786c-ab07-40ad-79f9-8 IN=x]y[z OUT=MAC= MAC=00:00:00:00:00:00:00:00:00:00:00:00:08:00 \
                  SRC=10.0.100.100 DST=100.100.10.10 ";
    let line = "IN=eth0 OUT=eth0 MAC source = 00:00:00:00:00:00 MAC dest = 00:00:00:00:00:00 proto = 0x0800 \
                IP SRC=0.0.0.0 IP DST=0.0.0.0, IP tos=0x00, IP proto=6 INCOMPLETE TCP/UDP header";
    assert_eq!(before.len(), 128);
    for cut in 0..3 {
        agree(format!("{}{line}", &before[cut..]).as_bytes());
        agree(format!("{}{before}{line}", "x".repeat(cut)).as_bytes());
    }
}

#[test]
fn the_first_options_of_two_lines_in_one_stay() {
    agree(
        b"[UFW BLOCK] IN=eth0 PHYSIN=eth0 OUT=eth0 MAC= SRC=0.0.0.0 DST=0.0.0.0 LEN=0 TOS=0x00 PREC=0x00 TTL=0 ID=0 \
          CE DF MF OPT (00000000000000000000000000) CE MF OPT (000000000000000000000000000000000000000000000000) \
          PROTO=ICMP TYPE=3 CODE=0 [SRC=0.0.0.0 DST=0.0.0.0 LEN=0 TOS=0x00 PREC=0x00 TTL=0 ID=0 CE MF PROTO=TCP SPT=0 \
          DPT=0 WINDOW=0 RES=0x00 URGP=0 ] ",
    );
}

/// Returns whether two values agree in every member that both have.
fn do_not_differ(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.iter().all(|(key, value)| b.get(key).is_none_or(|other| do_not_differ(value, other)))
        }
        (Value::Array(a), Value::Array(b)) => a.iter().zip(b).all(|(a, b)| do_not_differ(a, b)),
        _ => a == b,
    }
}

/// Lines that a kernel printed, each with the truth about its packet: `{case, line, truth}`.
const CAPTURED: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/kernel/packets.jsonl"));

/// Case, line and truth of each captured packet.
fn rows() -> Vec<(String, String, Value)> {
    let rows: Vec<_> = CAPTURED
        .lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            let get = |key: &str| row[key].as_str().unwrap().to_owned();
            (get("case"), get("line"), row["truth"].clone())
        })
        .collect();
    assert_eq!(rows.len(), 315);
    rows
}

/// Returns the kernel's text behind its time stamp.
fn body(line: &str) -> &str {
    line.split_once("] ").unwrap().1
}

/// Removes what the truth knows and the line does not show: which extension header an `OPT ( )`
/// was.
fn forget_unshown(truth: &mut Value) {
    let headers = truth.get_mut("ext").and_then(Value::as_array_mut);
    for header in headers.into_iter().flatten() {
        if ![44, 50, 51].map(Value::from).contains(&header["hdr"]) {
            header.as_object_mut().unwrap().remove("hdr");
        }
    }
    if let Some(nested) = truth.get_mut("nested") {
        forget_unshown(nested);
    }
}

#[test]
fn every_captured_line_gives_its_truth() {
    for (case, line, mut truth) in rows() {
        forget_unshown(&mut truth);
        let packet =
            Packet::parse(body(&line).as_bytes()).unwrap_or_else(|e| panic!("{case}: {e}\n{line}"));
        agree(body(&line).as_bytes());
        assert_eq!(serde_json::to_value(&packet).unwrap(), truth, "{case}\n{line}");
    }
}

#[test]
fn every_captured_line_prints_back() {
    for (case, line, _) in rows() {
        let packet = Packet::parse(body(&line).as_bytes()).unwrap();
        assert_eq!(String::from_utf8_lossy(&packet.to_line()), body(&line), "{case}");
    }
}

#[test]
fn a_line_without_its_last_blank_is_whole_and_prints_back_so() {
    for (case, line, _) in rows() {
        let trimmed = body(&line).trim_end();
        let packet = Packet::parse(trimmed.as_bytes()).unwrap_or_else(|e| panic!("{case}: {e}"));
        assert_eq!(String::from_utf8_lossy(&packet.to_line()), trimmed, "{case}");
    }
}

/// Returns whether every field of `cut` is in `whole`, with the same value.
fn is_part_of(cut: &Value, whole: &Value) -> bool {
    match (cut, whole) {
        (Value::Object(cut), Value::Object(whole)) => cut
            .iter()
            .filter(|(key, _)| {
                !matches!(key.as_str(), "cut" | "prefix" | "in" | "family" | "l2_only")
            })
            .all(|(key, value)| whole.get(key).is_some_and(|w| is_part_of(value, w))),
        (Value::Array(cut), Value::Array(whole)) => cut.len() <= whole.len(),
        _ => cut == whole,
    }
}

#[test]
fn a_cut_line_never_says_what_the_whole_line_does_not() {
    let mut compared = 0;
    for (case, line, _) in rows() {
        let body = body(&line).as_bytes();
        let whole = serde_json::to_value(Packet::parse(body).unwrap()).unwrap();
        for end in 0..body.len() {
            let Some(Lenient { packet, stop: Some(stop) }) = Packet::parse_lenient(&body[..end])
            else {
                continue;
            };
            assert!(stop.offset() <= end);
            let cut = serde_json::to_value(&packet).unwrap();
            assert!(is_part_of(&cut, &whole), "{case} cut at {end}: {cut}");
            compared += 1;
        }
    }
    assert!(compared > 40_000, "{compared}");
}

#[test]
fn where_the_prefix_ends() {
    let tail =
        "OUT=eth0 SRC=10.0.16.5 DST=10.0.16.20 LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=7 PROTO=2 ";
    for (prefix, in_if) in [
        ("", ""),
        ("", "eth0"),
        ("glued", "eth0"),
        ("two  ", "eth0"),
        ("IN=fake OUT=fake ", "eth0"),
        ("IN=", "eth0"),
        ("SRC=1.2.3.4 MAC=00:11 OPT (01) ", "DF"),
        ("OK_ce169f35-1047-4a94-8985-e ", "IN=x"),
    ] {
        let line = format!("{prefix}IN={in_if} {tail}");
        let packet = Packet::parse(line.as_bytes()).unwrap();
        assert_eq!((packet.prefix, packet.in_if), (prefix.into(), Some(in_if.into())), "{line}");
        assert_eq!(packet.to_line(), line.as_bytes());
    }
    for text in ["", "IN=eth0", "OUT=eth0", "PHYSIN=a OUT=b"] {
        let found = Packet::parse_lenient(text.as_bytes()).map(|l| l.packet.prefix);
        assert!(found.is_none() || found.unwrap() == "PHYS", "{text}");
    }
}

#[test]
fn of_a_line_that_breaks_off_behind_a_port_the_port_is_no_prefix() {
    for (text, in_if) in [("x IN=br0 PHYSIN=eth", "br0"), ("x IN=br0 PHYSIN=eth0 OU", "br0")] {
        let Lenient { packet, stop } = Packet::parse_kernel(text.as_bytes()).unwrap();
        assert!(stop.unwrap().is_cut());
        assert_eq!((packet.prefix, packet.in_if), ("x ".into(), Some(in_if.into())), "{text}");
    }
}

#[test]
fn blanks_that_somebody_added_at_the_end_are_kept() {
    let line =
        "IN=a OUT=b SRC=192.0.2.1 DST=198.51.100.2 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=7 PROTO=2";
    for blanks in 0..300 {
        let line = format!("{line}{}", " ".repeat(blanks));
        read_every_way(line.as_bytes()).unwrap();
    }
}

#[test]
fn an_address_that_a_person_blanked_is_no_error() {
    let line = b"1f97ff6d-4517-43a0-5aef-f5915IN=wbrdg-0afe0008 OUT=eth0 SRC= DST= LEN=60 TOS=0x00 PREC=0x00 TTL=63 \
        ID=40628 DF PROTO=TCP SPT=52232 DPT=80 WINDOW=28280 RES=0x00 SYN URGP=0";
    let packet = Packet::parse(line).unwrap();
    assert_eq!(packet.ip.src, Some(super::Address::Blank));
    assert_eq!(packet.ip.src.unwrap().ip(), None);
    assert_eq!(packet.to_line(), line);
}

#[test]
fn a_quote_that_is_cut_is_not_closed_when_it_is_printed() {
    let line = "IN=a OUT=b SRC=192.0.2.1 DST=198.51.100.2 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=7 PROTO=ICMP TYPE=3 CODE=1 \
        [SRC=192.0.2.1 DST=198.51.100.2 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=7 ";
    let cut = format!("{line}D");
    let Some(Lenient { packet, stop: Some(_) }) = Packet::parse_lenient(cut.as_bytes()) else {
        panic!("it is no whole line")
    };
    assert_eq!(String::from_utf8_lossy(&packet.to_line()), line, "`DF` may have stood there");
}
