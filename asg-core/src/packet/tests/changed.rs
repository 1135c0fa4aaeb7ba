//! Lines that people and programs have changed: text behind them, masks, spoilt words, and lines
//! that have lost their beginning or their end.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::generator::{self, Generated};
use super::super::{Lenient, Packet};
use super::table::{MAC, V4, V6};
use super::{body, is_part_of, rows};

const TCP: &str = "PROTO=TCP SPT=42630 DPT=80 WINDOW=28280 RES=0x00 SYN URGP=0 ";

fn read(line: &str) -> (Value, Option<String>) {
    let Lenient { packet, stop } = Packet::parse_lenient(line.as_bytes()).expect(line);
    assert!(stop.is_some() || packet.to_line() == line.as_bytes(), "{line}");
    let redacted = packet.redacted().to_vec();
    let mut fields = serde_json::to_value(&packet).unwrap();
    if !redacted.is_empty() {
        fields["redacted"] = json!(redacted);
    }
    (fields, stop.map(|stop| stop.to_string()))
}

/// Returns the fields without these.
fn without(line: &str, names: &[&str]) -> Value {
    let (mut fields, stop) = read(line);
    assert_eq!(stop, None, "{line}");
    for name in names {
        fields.as_object_mut().unwrap().remove(*name);
    }
    fields
}

#[test]
fn what_stands_behind_a_whole_line_costs_nothing() {
    for tail in ["", "MARK=0x2", "MARK=0x2 ", "UID=0 GID=0 "] {
        let line = format!("{V4}{TCP}{tail}");
        let (whole, _) = read(&line);
        for trailing in ["\"", "#015", "#012", "\\n", "\t", "`", "\u{a0}", "\",", "#015#012", "'"] {
            let changed = format!("{line}{trailing}");
            let packet = Packet::parse(changed.as_bytes()).expect(&changed);
            assert_eq!(packet.trailing(), Some(trailing.into()), "{changed}");
            assert_eq!(serde_json::to_value(&packet).unwrap(), whole, "{changed}");
            assert_eq!(packet.to_line(), changed.as_bytes());
        }
    }
}

#[test]
fn a_line_takes_one_line_end() {
    let line = format!("{V4}{TCP}");
    for end in ["\n", "\r\n", "\r"] {
        let ended = format!("{line}{end}");
        let packet = Packet::parse(ended.as_bytes()).unwrap();
        assert_eq!((packet.trailing(), packet.to_line()), (None, line.clone().into()));
        let kept = super::super::PacketBuf::parse(ended.into_bytes()).unwrap();
        assert_eq!(kept.as_bytes(), line.as_bytes());
    }
}

#[test]
fn a_masked_value_costs_itself_only() {
    let v4 =
        |tail: &str| format!("x IN=a OUT=b MAC={MAC}:08:00 {}{tail}", &V4["IN=a OUT=b ".len()..]);
    let line = v4(TCP);
    for (what, masks, names) in [
        ("an address", &[("SRC=192.0.2.1", "SRC=x.x.x.x")][..], &["src"][..]),
        ("half an address", &[("SRC=192.0.2.1", "SRC=192.0.x.x")], &["src"]),
        ("an address that is none", &[("DST=198.51.100.2", "DST=444.333.222.111")], &["dst"]),
        ("an address in letters", &[("DST=198.51.100.2", "DST=a.b.c.d")], &["dst"]),
        (
            "both addresses",
            &[("SRC=192.0.2.1", "SRC=***"), ("DST=198.51.100.2", "DST=<redacted>")],
            &["src", "dst"],
        ),
        ("a word with a blank", &[("SRC=192.0.2.1", "SRC=[removed by me]")], &["src"]),
        ("ports", &[("SPT=42630", "SPT=xxxxx"), ("DPT=80", "DPT=XX")], &["spt", "dpt"]),
        ("a link header", &[(MAC, "xx:xx:xx:xx:xx:xx:xx:xx:xx:xx:xx:xx")], &["mac_raw"]),
        ("half a link header", &[(MAC, "02:00:5e:xx:xx:xx:02:00:5e:00:53:02")], &["mac_raw"]),
    ] {
        let changed = masks.iter().fold(line.clone(), |line, (a, b)| line.replacen(a, b, 1));
        let mut expected = without(&line, names);
        expected["redacted"] = json!(names);
        assert_eq!(read(&changed), (expected, None), "{what}: {changed}");
    }
    for mask in ["MAC=<REDACTED>", "MAC=[removed]", "MAC=***", "MAC=REDACTED"] {
        let changed = line.replace(&format!("MAC={MAC}:08:00"), mask);
        let mut expected = without(&line, &["mac_raw"]);
        expected["redacted"] = json!(["mac_raw"]);
        assert_eq!(read(&changed), (expected, None), "{changed}");
    }
    let changed =
        format!("{V4}{TCP}").replace("192.0.2.1", "x.x.x.x").replace("198.51.100.2", "y.y.y.y");
    let mut expected = without(&format!("{V4}{TCP}"), &["src", "dst"]);
    expected["redacted"] = json!(["src", "dst"]);
    assert_eq!(read(&changed), (expected, None));
    let changed = format!("{V6}{TCP}").replacen("SRC=2001:0db8", "SRC=xxxx:xxxx", 1);
    let mut expected = without(&format!("{V6}{TCP}"), &["src"]);
    expected["redacted"] = json!(["src"]);
    assert_eq!(read(&changed), (expected, None));
}

#[test]
fn a_packet_without_its_masks_prints_all_other_fields() {
    for (line, src, dst) in [
        (format!("{V4}{TCP}MARK=0x2 "), "SRC=192.0.2.1", "DST=198.51.100.2"),
        (format!("{V6}{TCP}"), "SRC=2001:0db8", "DST=2001:0db8"),
    ] {
        for masks in [&[src][..], &[dst], &[src, dst]] {
            let (mut masked, mut rest) = (line.clone(), line.clone());
            for key in masks {
                let at = line.find(key).unwrap();
                let word = line[at..].split_inclusive(' ').next().unwrap();
                masked = masked.replacen(word, &format!("{}=*** ", &key[..3]), 1);
                rest = rest.replacen(word, "", 1);
            }
            let packet = Packet::parse(masked.as_bytes()).expect(&masked).without_added_text();
            assert_eq!(String::from_utf8(packet.to_line()).unwrap(), rest, "{masked}");
        }
    }
}

#[test]
fn a_mask_in_a_quoted_packet_costs_that_field_of_the_quote() {
    let quote = "SRC=198.51.100.2 DST=192.0.2.9 LEN=60 TOS=0x00 PREC=0x00 TTL=60 ID=7 DF PROTO=UDP SPT=53 DPT=4242 LEN=40 ";
    for (error, tail) in [
        ("PROTO=ICMP TYPE=3 CODE=3", ""),
        ("PROTO=ICMP TYPE=3 CODE=4", "MTU=1400 "),
        ("PROTO=ICMP TYPE=5 CODE=1 GATEWAY=192.0.2.3", "UID=7 MARK=0x2 "),
        ("PROTO=ICMP TYPE=11 CODE=0", "MARK=0x2 "),
    ] {
        let line = format!("{V4}{error} [{quote}] {tail}");
        for (from, to, names) in [
            ("SRC=198.51.100.2", "SRC=x.x.x.x", &["src"][..]),
            ("DST=192.0.2.9", "DST=<redacted>", &["dst"]),
            ("SRC=198.51.100.2 DST=192.0.2.9", "SRC=*** DST=***", &["src", "dst"]),
            ("DPT=4242", "DPT=xxxx", &["dpt"]),
            ("LEN=40 ]", "LEN=** ]", &["udp_len"]),
        ] {
            let changed = line.replacen(from, to, 1);
            let mut expected = read(&line).0;
            for name in names {
                expected["nested"].as_object_mut().unwrap().remove(*name);
            }
            expected["redacted"] = json!(["nested"]);
            assert_eq!(read(&changed), (expected, None), "{changed}");
        }
        // Masked outside of the quote as well.
        let changed = line.replacen("192.0.2.1", "x.x.x.x", 1).replacen("DPT=4242", "DPT=**", 1);
        let mut expected = without(&line, &["src"]);
        expected["nested"].as_object_mut().unwrap().remove("dpt");
        expected["redacted"] = json!(["src", "nested"]);
        assert_eq!(read(&changed), (expected, None), "{changed}");
    }
}

#[test]
fn masked_link_addresses_cost_themselves_only() {
    let link = "MACSRC=02:00:5e:00:53:01 MACDST=02:00:5e:00:53:02 MACPROTO=0800 ";
    let line = format!("x IN=a OUT=b {link}{}{TCP}", &V4["IN=a OUT=b ".len()..]);
    let (src, dst) = ("02:00:5e:00:53:01", "02:00:5e:00:53:02");
    for mask in ["xx:xx:xx:xx:xx:xx", "***", "<redacted>", "02:00:5e:xx:xx:xx"] {
        for (masked, names) in [
            (&[src][..], &["macsrc"][..]),
            (&[dst], &["macdst"]),
            (&[src, dst], &["macsrc", "macdst"]),
        ] {
            let changed = masked.iter().fold(line.clone(), |line, it| line.replacen(it, mask, 1));
            let mut expected = without(&line, names);
            expected["redacted"] = json!(names);
            assert_eq!(read(&changed), (expected, None), "{changed}");
        }
    }
}

#[test]
fn a_spoilt_word_costs_itself_only_where_the_rest_proves_it() {
    let line = format!("{V4}DF {TCP}");
    for (what, from, to, names, error) in [
        ("a number", "TTL=63", "TTL=6\u{1}", &["ttl"][..], "expected ` `"),
        ("a class", "TOS=0x00", "TOS=0xzz", &["tos"], "expected a hexadecimal number"),
        ("lost words", "TOS=0x00 PREC=0x00 ", "", &["tos", "prec"], "expected `TOS=0x`"),
        ("a word too many", "DPT=80 ", "DPT=80 ?? ", &[], "expected `WINDOW=`"),
        (
            "a number for a name",
            "PROTO=TCP",
            "PROTO=6",
            &["proto", "proto_num", "ce", "mf", "frag_offset"],
            "expected the protocol's name, or another number",
        ),
    ] {
        let changed = line.replacen(from, to, 1);
        let (fields, stop) = read(&changed);
        assert_eq!(fields, without(&line, names), "{what}: {changed}");
        assert_eq!(stop.unwrap().split_once(": ").unwrap().1, error, "{what}: {changed}");
    }
    for (what, changed) in [
        (
            "two lines",
            format!("{V4}PROTO=TCP SPT=12May  5 20:46:45 gw x SRC=192.0.2.9 DPT=81 LEN=8 "),
        ),
        ("two fields", line.replacen("SPT=42630 ", "SPT=42DPT=81 ", 1)),
        ("much is lost", line.replacen(&V4[11..], "", 1)),
    ] {
        let (fields, stop) = read(&changed);
        assert!(stop.is_some(), "{what}");
        assert_eq!(fields.get("dpt"), None, "{what}: {fields}");
    }
}

#[test]
fn levels_between_the_fields_are_passed_over() {
    let plain = format!("DROP IN=a OUT=b MAC={MAC}:08:00 {}{TCP}", &V4["IN=a OUT=b ".len()..]);
    let leveled = plain.replace("SRC=", "<1>SRC=").replace("TTL=", "<1>TTL=");
    assert_eq!(read(&leveled), (without(&plain, &[]), None));
}

#[test]
fn the_front_of_a_line_may_be_missing() {
    let line = format!("x IN=a OUT=b MAC={MAC}:08:00 {}DF {TCP}", &V4["IN=a OUT=b ".len()..]);
    let (whole, _) = read(&line);
    let mut compared = 0;
    for start in line.find("OUT=").unwrap()..line.find("RES=").unwrap() {
        let Some(Lenient { packet, stop }) = Packet::parse_kernel(&line.as_bytes()[start..]) else {
            // A piece of an address or of a name does not show which field it belongs to.
            continue;
        };
        assert_eq!(stop.unwrap().to_string(), "byte 0: expected `IN=` and `OUT=` of a packet line");
        let fields = serde_json::to_value(&packet).unwrap();
        assert!(is_part_of(&fields, &whole), "{}: {fields}", &line[start..]);
        if start <= line.find("DPT=").unwrap() {
            assert_eq!(fields["dpt"], 80, "{}", &line[start..]);
        }
        compared += 1;
    }
    assert!(compared > 120, "{compared}");
    // A quoted field does not count as the logged packet's.
    let quote = format!("DST=192.0.2.9 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=7 {TCP}] MTU=1400 ");
    let read = Packet::parse_kernel(quote.as_bytes()).unwrap().packet;
    assert_eq!((read.ip.dst, read.ip.dpt), (None, None));
}

/// Cuts the line at every place and checks the result. A wrong value is an error, and so is a cut
/// line that is called whole, unless the kernel prints that very text for another packet.
fn check_cuts(line: &[u8], whole: &Value, called_whole: &mut usize) -> usize {
    for end in 0..line.len() {
        let cut = &line[..end];
        let Some(Lenient { packet, stop }) = Packet::parse_lenient(cut) else { continue };
        if packet.in_if.is_some_and(|name| whole["in"] != name.to_string()) {
            continue; // a prefix that holds two names itself
        }
        let text = String::from_utf8_lossy(cut);
        let read = serde_json::to_value(&packet).unwrap();
        if stop.is_some() {
            assert!(is_part_of(&read, whole), "{text}\n{read}");
            continue;
        }
        *called_whole += 1;
        assert!(
            may_end(cut, &line[end..], &packet),
            "{text}|{}",
            String::from_utf8_lossy(&line[end..])
        );
    }
    line.len()
}

/// Returns whether the kernel prints a line that ends here, or the cut is inside the last value of
/// such a line.
fn may_end(cut: &[u8], rest: &[u8], packet: &Packet<'_>) -> bool {
    let is_in_value = !cut.ends_with(b" ") && !rest.starts_with(b" ");
    let next = rest.strip_prefix(b" ").unwrap_or(rest);
    let goes_on_optionally = [
        &b"UID="[..],
        b"GID=",
        b"MARK=",
        b"OPT (",
        b"TRUNCATED",
        b"INCOMPLETE",
        b" INCOMPLETE",
        b"PHYS",
        b"MAC",
    ]
    .iter()
    .any(|key| next.starts_with(key));
    let ip = &packet.ip;
    // The kernel prints nothing for ESP in IPv6 and for AH in a later fragment, and nothing behind
    // the names of headers that it does not open.
    let is_silent = ip.proto.is_none() || packet.family == super::super::Family::Unknown;
    // A hook that quotes nothing, and the types of messages that others look like.
    let is_quote = next.starts_with(b"[") || next.starts_with(b"MTU=");
    // ulogd2 and ulogd print ICMP differently.
    let is_quote = is_quote || (packet.form.is_ulogd() && ip.icmp_type.is_some());
    rest.trim_ascii().is_empty() || is_in_value || goes_on_optionally || is_silent || is_quote
}

#[test]
fn captured_lines_cut_at_every_byte() {
    let (mut cuts, mut called_whole) = (0, 0);
    for (_, line, _) in rows() {
        let line = body(&line);
        let whole = serde_json::to_value(Packet::parse(line.as_bytes()).unwrap()).unwrap();
        cuts += check_cuts(line.as_bytes(), &whole, &mut called_whole);
    }
    assert!(cuts > 50_000, "{cuts}");
    assert!(called_whole < cuts / 20, "{called_whole} of {cuts}");
}

#[test]
fn a_line_that_ends_where_the_kernel_goes_on_is_cut() {
    for (line, expected) in [
        (format!("x IN=a OUT=b MAC={MAC}:08:00"), "`SRC=`"),
        (format!("x IN=a OUT=b MAC={MAC}:08:00 "), "`SRC=`"),
        (format!("x IN=a OUT=b MAC={MAC}:86:dd "), "`SRC=`"),
        (
            "x IN=a OUT=b MACSRC=02:00:5e:00:53:01 MACDST=02:00:5e:00:53:02 MACPROTO=0806 ".into(),
            "`ARP HTYPE=`",
        ),
        (format!("{V6}OPT ( )"), "` `"),
        (format!("{V6}OPT ( ) "), "`PROTO=`"),
        (format!("{V6}OPT ( AH SPI=0x1 )"), "` `"),
        (format!("{V6}OPT ( AH "), "`SPI=0x`"),
        (format!("{V4}PROTO=1"), "the protocol's name, or another number"),
        (format!("{V4}PROTO=17"), "the protocol's name, or another number"),
    ] {
        let stop = read(&line).1.expect(&line);
        assert!(
            stop.ends_with(&format!("the text ends where {expected} was expected")),
            "{line}: {stop}"
        );
    }
}

/// Returns a line of any program and kind.
fn any_line() -> impl Strategy<Value = Generated> {
    prop::collection::vec(any::<u8>(), 0..400).prop_map(|choices| generator::line(&choices))
}

proptest! {
    #[test]
    fn a_line_cut_at_every_byte(generated in any_line()) {
        check_cuts(&generated.line, &generated.fields, &mut 0);
    }

    #[test]
    fn one_masked_word_gives_no_wrong_value(generated in any_line(), at: prop::sample::Index, mask in "xx|x\\.x\\.x\\.x|\\*\\*\\*|<redacted>") {
        let Generated { line, fields } = generated;
        let values: Vec<_> = (0..line.len()).filter(|&n| line[n] == b'=' && n > fields["prefix"].as_str().unwrap().len() + 3).collect();
        prop_assume!(!values.is_empty());
        let start = values[at.index(values.len())] + 1;
        let end = start + line[start..].iter().position(|b| *b == b' ').unwrap_or(line.len() - start);
        let changed = [&line[..start], mask.as_bytes(), &line[end..]].concat();
        let Some(Lenient { packet, .. }) = Packet::parse_lenient(&changed) else { return Ok(()) };
        let mut read = serde_json::to_value(&packet).unwrap();
        // The mask may be a name.
        for name in ["in", "out", "physin", "physout", "prefix", "format"] {
            read.as_object_mut().unwrap().remove(name);
        }
        prop_assert!(is_part_of(&read, &fields), "{}\n{}", String::from_utf8_lossy(&changed), read);
    }

    #[test]
    fn what_stands_behind_any_line_costs_nothing(generated in any_line(), trailing in "\"|#015|`|\t") {
        let Generated { line, fields } = generated;
        let changed = [&line[..], trailing.as_bytes()].concat();
        let packet = Packet::parse(&changed);
        prop_assert!(packet.is_ok(), "{:?}: {}", packet, String::from_utf8_lossy(&changed));
        let packet = packet.unwrap();
        prop_assert_eq!(serde_json::to_value(&packet).unwrap(), fields);
        prop_assert_eq!(packet.to_line(), changed);
    }
}
