//! The grammar, item by item: the fields of each part of a line, and that the line prints back.

use serde_json::{Value, json};

use super::read_every_way;

/// A name, a line, and exactly the fields that the line gives.
pub(super) struct Row(pub(super) &'static str, pub(super) String, pub(super) Value);

pub(super) const V4: &str =
    "IN=a OUT=b SRC=192.0.2.1 DST=198.51.100.2 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=7 ";
pub(super) const V6: &str = "IN=a OUT=b SRC=2001:0db8:0000:0000:0000:0000:0000:0001 \
     DST=2001:0db8:0000:0000:0000:0000:0000:0002 LEN=80 TC=0 HOPLIMIT=63 FLOWLBL=0 ";
pub(super) const MAC: &str = "02:00:5e:00:53:01:02:00:5e:00:53:02";

pub(super) fn with(base: Value, more: Value) -> Value {
    let Value::Object(mut base) = base else { unreachable!() };
    let Value::Object(more) = more else { unreachable!() };
    base.extend(more);
    // In a row, `null` removes a field of the base that the line does not have.
    Value::Object(base.into_iter().filter(|(_, value)| !value.is_null()).collect())
}

pub(super) fn v4_fields() -> Value {
    json!({"prefix": "", "in": "a", "out": "b", "family": "ipv4", "src": "192.0.2.1", "dst": "198.51.100.2", "len": 60,
        "tos": 0, "prec": 0, "ttl": 63, "id": 7, "ce": false, "df": false, "mf": false, "frag_offset": 0})
}

pub(super) fn v6_fields() -> Value {
    json!({"prefix": "", "in": "a", "out": "b", "family": "ipv6", "src": "2001:0db8:0000:0000:0000:0000:0000:0001",
        "dst": "2001:0db8:0000:0000:0000:0000:0000:0002", "len": 80, "tc": 0, "hoplimit": 63, "flowlbl": 0})
}

/// Returns a row for the tail of an IPv4 line, and its fields.
fn v4(name: &'static str, tail: &str, fields: Value) -> Row {
    Row(name, format!("{V4}{tail}"), with(v4_fields(), fields))
}

/// Returns a row for the tail of an IPv6 line, and its fields.
fn v6(name: &'static str, tail: &str, fields: Value) -> Row {
    Row(name, format!("{V6}{tail}"), with(v6_fields(), fields))
}

/// Adds the fields of IGMP, for which the kernel prints no header.
fn igmp(fields: Value) -> Value {
    with(fields, json!({"proto": "2", "proto_num": 2}))
}

pub(super) fn check(rows: Vec<Row>) {
    for Row(name, line, expected) in rows {
        let read = read_every_way(line.as_bytes());
        let json = read.unwrap_or_else(|e| panic!("{name}: {e}\n{line}"));
        assert_eq!(json, expected, "{name}\n{line}");
    }
}

#[test]
fn names_and_link_headers() {
    let tail = "SRC=192.0.2.1 DST=198.51.100.2 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=7 PROTO=2 ";
    let row = |name, head: &str, fields| {
        Row(name, format!("{head}{tail}"), with(igmp(v4_fields()), fields))
    };
    check(vec![
        row("both names empty: conntrack's lines", "IN= OUT= ", json!({"in": "", "out": ""})),
        row("names with odd bytes", "IN=tun,0;x OUT=a=b ", json!({"in": "tun,0;x", "out": "a=b"})),
        row("a name like a flag", "IN=DF OUT=SYN ", json!({"in": "DF", "out": "SYN"})),
        row(
            "fifteen bytes",
            "IN=s-010255073003x OUT=0123456789abcde ",
            json!({"in": "s-010255073003x", "out": "0123456789abcde"}),
        ),
        row(
            "bridge ports in the order of Linux 2.4's patches",
            "IN=br0 PHYSIN=p1 OUT=br0 PHYSOUT=p2 ",
            json!({"in": "br0", "out": "br0", "physin": "p1", "physout": "p2"}),
        ),
        row(
            "the same, to this host",
            "IN=br0 PHYSIN=p1 OUT= ",
            json!({"in": "br0", "out": "", "physin": "p1"}),
        ),
        row(
            "bridge ports",
            "IN=br0 OUT=br0 PHYSIN=p1 PHYSOUT=p2 ",
            json!({"in": "br0", "out": "br0", "physin": "p1", "physout": "p2"}),
        ),
        row(
            "the port that a packet leaves a bridge by",
            "IN= OUT=br0 PHYSOUT=p2 ",
            json!({"in": "", "out": "br0", "physout": "p2"}),
        ),
        row(
            "raw link header",
            &format!("IN=a OUT=b MAC={MAC}:08:00 "),
            json!({"mac_raw": format!("{MAC}:08:00")}),
        ),
        row(
            "no link header: tun",
            "IN=tun0 OUT= MAC= ",
            json!({"in": "tun0", "out": "", "mac_raw": ""}),
        ),
        row(
            "eighteen bytes: a VLAN device",
            &format!("IN=a OUT=b MAC={MAC}:81:00:00:05:08:00 "),
            json!({"mac_raw": format!("{MAC}:81:00:00:05:08:00")}),
        ),
        row(
            "tunnel",
            &format!("IN=sit0 OUT= MAC={MAC}:08:00 TUNNEL=192.0.2.9->198.51.100.9 "),
            json!({"in": "sit0", "out": "", "mac_raw": format!("{MAC}:08:00"), "tunnel_src": "192.0.2.9",
                "tunnel_dst": "198.51.100.9"}),
        ),
        row(
            "tunnel without a link header",
            "IN=sit0 OUT= MAC= TUNNEL=192.0.2.9->198.51.100.9 ",
            json!({"in": "sit0", "out": "", "mac_raw": "", "tunnel_src": "192.0.2.9", "tunnel_dst": "198.51.100.9"}),
        ),
        row(
            "decoded link header",
            "IN=a OUT=b MACSRC=02:00:5e:00:53:01 MACDST=02:00:5e:00:53:02 MACPROTO=0800 ",
            json!({"macsrc": "02:00:5e:00:53:01", "macdst": "02:00:5e:00:53:02", "macproto": "0800"}),
        ),
        row(
            "a tag with its priority",
            "IN=a OUT=b MACSRC=02:00:5e:00:53:01 MACDST=02:00:5e:00:53:02 VPROTO=88a8 VID=24581 MACPROTO=0800 ",
            json!({"macsrc": "02:00:5e:00:53:01", "macdst": "02:00:5e:00:53:02", "vproto": "88a8", "vid": 24581,
                "macproto": "0800"}),
        ),
        row(
            "ulogd2's second blank",
            &format!("IN=a OUT=b MAC={MAC}:08:00  "),
            json!({"mac_raw": format!("{MAC}:08:00")}),
        ),
        Row(
            "a type that is not opened",
            format!("x IN=a OUT= MAC={MAC}:88:cc "),
            json!({"prefix": "x ", "in": "a", "out": "", "mac_raw": format!("{MAC}:88:cc"), "family": "unknown"}),
        ),
        Row(
            "the same, its last blank gone",
            format!("x IN=a OUT= MAC={MAC}:88:cc"),
            json!({"prefix": "x ", "in": "a", "out": "", "mac_raw": format!("{MAC}:88:cc"), "family": "unknown"}),
        ),
        Row(
            "fewer than twenty bytes",
            format!("x IN=a OUT= MAC={MAC}:08:00 TRUNCATED"),
            json!({"prefix": "x ", "in": "a", "out": "", "mac_raw": format!("{MAC}:08:00"), "family": "ipv4",
                "truncated": true}),
        ),
    ]);
}

#[test]
fn ipv4() {
    let row = |name, tail: &str, fields| {
        let line = format!("IN=a OUT=b SRC=192.0.2.1 DST=198.51.100.2 {tail}PROTO=2 ");
        Row(name, line, with(igmp(v4_fields()), fields))
    };
    check(vec![
        row(
            "service and precedence",
            "LEN=60 TOS=0x1E PREC=0xE0 TTL=63 ID=7 ",
            json!({"tos": 30, "prec": 224}),
        ),
        row(
            "larger than IPv4 allows: BIG TCP",
            "LEN=198428 TOS=0x00 PREC=0x00 TTL=63 ID=7 ",
            json!({"len": 198_428}),
        ),
        row(
            "extremes",
            "LEN=0 TOS=0x00 PREC=0x00 TTL=0 ID=65535 ",
            json!({"len": 0, "ttl": 0, "id": 65535}),
        ),
        row(
            "three flags",
            "LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=7 CE DF MF ",
            json!({"ce": true, "df": true, "mf": true}),
        ),
        row(
            "fragment",
            "LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=7 MF FRAG:185 ",
            json!({"mf": true, "frag_offset": 185}),
        ),
        row(
            "options",
            "LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=7 OPT (94040000) ",
            json!({"ip_opt": "94040000"}),
        ),
        v4("options that are cut", "TRUNCATED", json!({"truncated": true})),
        v4(
            "owner and mark",
            "PROTO=2 UID=4294967294 GID=0 MARK=0xabc ",
            igmp(json!({"uid": 4_294_967_294_u32, "gid": 0, "mark": 0xabc})),
        ),
        v4("owner without a group: 2.6.27", "PROTO=2 UID=1000 ", igmp(json!({"uid": 1000}))),
        v4("largest mark", "PROTO=2 MARK=0xffffffff ", igmp(json!({"mark": u32::MAX}))),
        v4(
            "a later fragment of AH shows no protocol",
            "FRAG:10 MARK=0x1 ",
            json!({"frag_offset": 10, "mark": 1}),
        ),
        v4("without the last blank", "PROTO=2", igmp(json!({}))),
        Row(
            "addresses that a person blanked",
            V4.replace("192.0.2.1", "").replace("198.51.100.2", "") + "PROTO=2 ",
            with(igmp(v4_fields()), json!({"src": "", "dst": ""})),
        ),
    ]);
}

#[test]
fn transport_over_ipv4() {
    let tcp = |fields| with(json!({"proto": "TCP", "proto_num": 6}), fields);
    let full = |fields| {
        with(
            json!({"proto": "TCP", "proto_num": 6, "spt": 5, "dpt": 80, "window": 9, "res": 0, "flags": [], "urgp": 0}),
            fields,
        )
    };
    let udp = |fields| with(json!({"proto": "UDP", "proto_num": 17}), fields);
    check(vec![
        v4("no flag at all", "PROTO=TCP SPT=5 DPT=80 WINDOW=9 RES=0x00 URGP=0 ", full(json!({}))),
        v4(
            "every flag, and numbers",
            "PROTO=TCP SPT=5 DPT=80 SEQ=4294967295 ACK=1 WINDOW=9 RES=0x38 AE CWR ECE URG ACK PSH \
            RST SYN FIN URGP=65535 ",
            full(json!({"seq": u32::MAX, "ack": 1, "res": 0x38, "urgp": 65535,
                "flags": ["AE", "CWR", "ECE", "URG", "ACK", "PSH", "RST", "SYN", "FIN"]})),
        ),
        v4(
            "accurate ECN before it had a name",
            "PROTO=TCP SPT=5 DPT=80 WINDOW=9 RES=0x3c SYN URGP=0 ",
            full(json!({"res": 0x3c, "flags": ["SYN"]})),
        ),
        v4(
            "options of TCP",
            "PROTO=TCP SPT=5 DPT=80 WINDOW=9 RES=0x00 URGP=0 OPT (020405B4) MARK=0x1 ",
            full(json!({"tcp_opt": "020405B4", "mark": 1})),
        ),
        v4(
            "options that are cut",
            "PROTO=TCP SPT=5 DPT=80 WINDOW=9 RES=0x00 URGP=0 OPT (TRUNCATED)",
            full(json!({"tcp_opt_truncated": true})),
        ),
        v4(
            "the same up to 2.6.36",
            "PROTO=TCP SPT=5 DPT=80 WINDOW=9 RES=0x00 URGP=0 TRUNCATED",
            full(json!({"tcp_opt_truncated": true})),
        ),
        v4(
            "a later fragment",
            "FRAG:185 PROTO=TCP MARK=0x1 ",
            tcp(json!({"frag_offset": 185, "mark": 1})),
        ),
        v4("a short header", "PROTO=TCP INCOMPLETE [8 bytes] ", tcp(json!({"incomplete": 8}))),
        v4(
            "UDP",
            "PROTO=UDP SPT=0 DPT=65535 LEN=65535 UID=0 GID=0 ",
            udp(json!({"spt": 0, "dpt": 65535, "udp_len": 65535, "uid": 0, "gid": 0})),
        ),
        v4("UDP, later fragment", "FRAG:1 PROTO=UDP ", udp(json!({"frag_offset": 1}))),
        v4("UDP, short", "PROTO=UDP INCOMPLETE [4 bytes] ", udp(json!({"incomplete": 4}))),
        v4(
            "UDP-Lite",
            "PROTO=UDPLITE SPT=1 DPT=2 LEN=8 ",
            json!({"proto": "UDPLITE", "proto_num": 136, "spt": 1, "dpt": 2, "udp_len": 8}),
        ),
        v4(
            "AH",
            "PROTO=AH SPI=0xdeadbeef MARK=0x2 ",
            json!({"proto": "AH", "proto_num": 51, "spi": 0xdead_beef_u32, "mark": 2}),
        ),
        v4(
            "AH, short, and a mark behind",
            "PROTO=AH INCOMPLETE [3 bytes] MARK=0x2 ",
            json!({"proto": "AH", "proto_num": 51, "incomplete": 3, "mark": 2}),
        ),
        v4("ESP", "PROTO=ESP SPI=0x1 ", json!({"proto": "ESP", "proto_num": 50, "spi": 1})),
        v4(
            "ESP, short",
            "PROTO=ESP INCOMPLETE [0 bytes] ",
            json!({"proto": "ESP", "proto_num": 50, "incomplete": 0}),
        ),
        v4(
            "ESP, later fragment",
            "FRAG:9 PROTO=ESP ",
            json!({"proto": "ESP", "proto_num": 50, "frag_offset": 9}),
        ),
        v4(
            "SCTP has a number and no ports",
            "PROTO=132 ",
            json!({"proto": "132", "proto_num": 132}),
        ),
        v4("ICMPv6 where it does not belong", "PROTO=58 ", json!({"proto": "58", "proto_num": 58})),
    ]);
}

#[test]
fn icmp() {
    let icmp = |ty: u8, code: u8, fields| {
        with(json!({"proto": "ICMP", "proto_num": 1, "icmp_type": ty, "icmp_code": code}), fields)
    };
    let quote = || {
        json!({"src": "198.51.100.2", "dst": "192.0.2.1", "len": 28, "tos": 0, "prec": 0, "ttl": 1, "id": 0, "ce": false,
            "df": true, "mf": false, "frag_offset": 0})
    };
    let q = "SRC=198.51.100.2 DST=192.0.2.1 LEN=28 TOS=0x00 PREC=0x00 TTL=1 ID=0 DF";
    let udp = || {
        with(quote(), json!({"proto": "UDP", "proto_num": 17, "spt": 1, "dpt": 2, "udp_len": 8}))
    };
    check(vec![
        v4(
            "echo",
            "PROTO=ICMP TYPE=8 CODE=0 ID=172 SEQ=1 ",
            icmp(8, 0, json!({"icmp_id": 172, "icmp_seq": 1})),
        ),
        v4(
            "echo, short",
            "PROTO=ICMP TYPE=8 CODE=0 INCOMPLETE [4 bytes] MARK=0x1 ",
            icmp(8, 0, json!({"incomplete": 4, "mark": 1})),
        ),
        v4(
            "timestamp, short",
            "PROTO=ICMP TYPE=13 CODE=0 INCOMPLETE [8 bytes] ",
            icmp(13, 0, json!({"incomplete": 8})),
        ),
        v4(
            "too short for a type",
            "PROTO=ICMP INCOMPLETE [2 bytes] ",
            json!({"proto": "ICMP", "proto_num": 1, "incomplete": 2}),
        ),
        v4(
            "later fragment",
            "FRAG:2 PROTO=ICMP ",
            json!({"proto": "ICMP", "proto_num": 1, "frag_offset": 2}),
        ),
        v4(
            "unreachable",
            &format!("PROTO=ICMP TYPE=3 CODE=3 [{q} PROTO=UDP SPT=1 DPT=2 LEN=8 ] MARK=0x1 "),
            icmp(3, 3, json!({"nested": udp(), "mark": 1})),
        ),
        v4(
            "too large",
            &format!("PROTO=ICMP TYPE=3 CODE=4 [{q} PROTO=UDP SPT=1 DPT=2 LEN=8 ] MTU=1400 "),
            icmp(3, 4, json!({"nested": udp(), "mtu": 1400})),
        ),
        v4(
            "too large, by netdev egress",
            "PROTO=ICMP TYPE=3 CODE=4 MTU=1400 ",
            icmp(3, 4, json!({"mtu": 1400})),
        ),
        v4(
            "source quench",
            &format!("PROTO=ICMP TYPE=4 CODE=0 [{q} PROTO=2 ] "),
            icmp(4, 0, json!({"nested": igmp(quote())})),
        ),
        v4(
            "redirect",
            &format!("PROTO=ICMP TYPE=5 CODE=1 GATEWAY=192.0.2.254 [{q} PROTO=2 ] "),
            icmp(5, 1, json!({"gateway": "192.0.2.254", "nested": igmp(quote())})),
        ),
        v4(
            "time exceeded, of a packet cut in its header",
            &format!(
                "PROTO=ICMP TYPE=11 CODE=0 [{q} PROTO=TCP INCOMPLETE [8 bytes] ] UID=0 GID=0 "
            ),
            icmp(
                11,
                0,
                json!({"uid": 0, "gid": 0,
                "nested": with(quote(), json!({"proto": "TCP", "proto_num": 6, "incomplete": 8}))}),
            ),
        ),
        v4(
            "length that wrapped",
            &format!("PROTO=ICMP TYPE=11 CODE=0 [{q} PROTO=UDP INCOMPLETE [4294967292 bytes] ] "),
            icmp(
                11,
                0,
                json!({"nested": with(quote(), json!({"proto": "UDP", "proto_num": 17, "incomplete": 4_294_967_292_u32}))}),
            ),
        ),
        v4(
            "options cut, and no blank behind",
            &format!("PROTO=ICMP TYPE=11 CODE=0 [{q} TRUNCATED] "),
            icmp(11, 0, json!({"nested": with(quote(), json!({"truncated": true}))})),
        ),
        v4(
            "not even a header",
            "PROTO=ICMP TYPE=11 CODE=0 [TRUNCATED] ",
            icmp(11, 0, json!({"nested": {"truncated": true}})),
        ),
        v4(
            "TCP options cut in the quote",
            &format!(
                "PROTO=ICMP TYPE=11 CODE=0 [{q} PROTO=TCP SPT=1 DPT=2 WINDOW=3 RES=0x00 SYN URGP=0 OPT (TRUNCATED)] "
            ),
            icmp(
                11,
                0,
                json!({"nested": with(quote(), json!({"proto": "TCP", "proto_num": 6, "spt": 1, "dpt": 2, "window": 3,
                "res": 0, "flags": ["SYN"], "urgp": 0, "tcp_opt_truncated": true}))}),
            ),
        ),
        v4(
            "an error about an error is not opened again",
            &format!("PROTO=ICMP TYPE=3 CODE=1 [{q} PROTO=ICMP TYPE=3 CODE=4 MTU=9 ] "),
            icmp(3, 1, json!({"nested": with(quote(), icmp(3, 4, json!({"mtu": 9})))})),
        ),
        v4(
            "parameter problem quotes nothing",
            "PROTO=ICMP TYPE=12 CODE=0 PARAMETER=20 ",
            icmp(12, 0, json!({"parameter": 20})),
        ),
        v4("any other type", "PROTO=ICMP TYPE=42 CODE=7 ", icmp(42, 7, json!({}))),
    ]);
}

#[test]
fn ipv6() {
    let tcp = |fields| {
        with(
            json!({"proto": "TCP", "proto_num": 6, "spt": 5, "dpt": 80, "window": 9, "res": 0, "flags": ["SYN"], "urgp": 0}),
            fields,
        )
    };
    let t = "PROTO=TCP SPT=5 DPT=80 WINDOW=9 RES=0x00 SYN URGP=0 ";
    let options = || json!({});
    check(vec![
        v6(
            "TCP, owner and mark",
            &format!("{t}UID=0 GID=0 MARK=0x1 "),
            tcp(json!({"uid": 0, "gid": 0, "mark": 1})),
        ),
        Row(
            "class, limit and label",
            V6.replace("TC=0 HOPLIMIT=63 FLOWLBL=0", "TC=255 HOPLIMIT=0 FLOWLBL=1048575")
                + "PROTO=59 ",
            with(
                v6_fields(),
                json!({"tc": 255, "hoplimit": 0, "flowlbl": 1_048_575, "proto": "59", "proto_num": 59}),
            ),
        ),
        v6(
            "options of any kind",
            &format!("OPT ( ) OPT ( ) {t}"),
            tcp(json!({"ext": [options(), options()], "ext_parens": true})),
        ),
        v6(
            "options behind a later fragment end the line",
            "OPT ( FRAG:8 ID:0000abcd ) OPT ( )",
            json!({"ext": [{"hdr": 44, "frag_offset": 8, "mf": false, "frag_id": 0xabcd}, {"cut": true}], "ext_parens": true,
                "frag_offset": 8, "mf": false, "frag_id": 0xabcd}),
        ),
        v6(
            "fragment",
            &format!("FRAG:0 INCOMPLETE ID:00000001 {t}"),
            tcp(
                json!({"ext": [{"hdr": 44, "frag_offset": 0, "mf": true, "frag_id": 1}], "frag_offset": 0, "mf": true, "frag_id": 1}),
            ),
        ),
        v6(
            "later fragment, offset in bytes",
            "FRAG:1448 ID:ffffffff PROTO=UDP ",
            json!({"ext": [{"hdr": 44, "frag_offset": 1448, "mf": false, "frag_id": u32::MAX}], "frag_offset": 1448, "mf": false,
                "frag_id": u32::MAX, "proto": "UDP", "proto_num": 17}),
        ),
        v6(
            "short fragment header",
            "FRAG:TRUNCATED ",
            json!({"ext": [{"hdr": 44, "truncated": true}]}),
        ),
        v6(
            "short fragment header in parentheses",
            "OPT ( FRAG:TRUNCATED ",
            json!({"ext": [{"hdr": 44, "truncated": true}], "ext_parens": true}),
        ),
        v6(
            "AH",
            &format!("OPT ( AH SPI=0x1 ) {t}"),
            tcp(json!({"ext": [{"hdr": 51, "spi": 1}], "ext_parens": true})),
        ),
        v6(
            "AH behind a later fragment",
            "OPT ( FRAG:8 ID:00000001 ) OPT ( AH )",
            json!({"ext": [{"hdr": 44, "frag_offset": 8, "mf": false, "frag_id": 1}, {"hdr": 51, "cut": true}], "ext_parens": true,
                "frag_offset": 8, "mf": false, "frag_id": 1}),
        ),
        v6(
            "short AH",
            "OPT ( AH INCOMPLETE [3 bytes] )",
            json!({"ext": [{"hdr": 51, "incomplete": 3}], "ext_parens": true}),
        ),
        v6(
            "ESP ends the line",
            "OPT ( ESP SPI=0xab )",
            json!({"ext": [{"hdr": 50, "spi": 0xab}], "ext_parens": true}),
        ),
        v6(
            "ESP behind a later fragment",
            "OPT ( FRAG:8 ID:00000001 ) OPT ( ESP )",
            json!({"ext": [{"hdr": 44, "frag_offset": 8, "mf": false, "frag_id": 1}, {"hdr": 50, "cut": true}], "ext_parens": true,
                "frag_offset": 8, "mf": false, "frag_id": 1}),
        ),
        v6(
            "short ESP",
            "OPT ( ESP INCOMPLETE [2 bytes] )",
            json!({"ext": [{"hdr": 50, "incomplete": 2}], "ext_parens": true}),
        ),
        v6("ESP without --log-ip-options", "", json!({})),
        v6(
            "headers past the end",
            "OPT ( ) TRUNCATED",
            json!({"ext": [options()], "ext_parens": true, "truncated": true}),
        ),
        v6(
            "UDP-Lite",
            "PROTO=UDPLITE SPT=1 DPT=2 LEN=8 ",
            json!({"proto": "UDPLITE", "proto_num": 136, "spt": 1, "dpt": 2, "udp_len": 8}),
        ),
        v6("ICMP where it does not belong", "PROTO=1 ", json!({"proto": "1", "proto_num": 1})),
        Row(
            "cut before its header ends",
            format!("x IN=a OUT= MAC={MAC}:86:dd TRUNCATED"),
            json!({"prefix": "x ", "in": "a", "out": "", "mac_raw": format!("{MAC}:86:dd"), "family": "ipv6", "truncated": true}),
        ),
        Row(
            "addresses that a person blanked",
            V6.replace("2001:0db8:0000:0000:0000:0000:0000:0001", "")
                .replace("2001:0db8:0000:0000:0000:0000:0000:0002", "")
                + "PROTO=59 ",
            with(v6_fields(), json!({"src": "", "dst": "", "proto": "59", "proto_num": 59})),
        ),
    ]);
}

#[test]
fn icmpv6() {
    let icmp = |ty: u8, code: u8, fields| {
        with(
            json!({"proto": "ICMPv6", "proto_num": 58, "icmp_type": ty, "icmp_code": code}),
            fields,
        )
    };
    let (a, b) =
        ("2001:0db8:0000:0000:0000:0000:0000:0002", "2001:0db8:0000:0000:0000:0000:0000:0001");
    let q =
        format!("SRC={a} DST={b} LEN=48 TC=0 HOPLIMIT=1 FLOWLBL=0 PROTO=UDP SPT=1 DPT=2 LEN=8 ");
    let quote = || {
        json!({"src": a, "dst": b, "len": 48, "tc": 0, "hoplimit": 1, "flowlbl": 0, "proto": "UDP", "proto_num": 17, "spt": 1,
            "dpt": 2, "udp_len": 8})
    };
    check(vec![
        v6(
            "echo",
            "PROTO=ICMPv6 TYPE=128 CODE=0 ID=1 SEQ=2 ",
            icmp(128, 0, json!({"icmp_id": 1, "icmp_seq": 2})),
        ),
        v6(
            "too short",
            "PROTO=ICMPv6 INCOMPLETE [7 bytes] ",
            json!({"proto": "ICMPv6", "proto_num": 58, "incomplete": 7}),
        ),
        v6(
            "unreachable",
            &format!("PROTO=ICMPv6 TYPE=1 CODE=4 [{q}] "),
            icmp(1, 4, json!({"nested": quote()})),
        ),
        v6(
            "too big",
            &format!("PROTO=ICMPv6 TYPE=2 CODE=0 [{q}] MTU=1280 "),
            icmp(2, 0, json!({"nested": quote(), "mtu": 1280})),
        ),
        v6(
            "parameter problem",
            &format!("PROTO=ICMPv6 TYPE=4 CODE=1 POINTER=0000002a [{q}] "),
            icmp(4, 1, json!({"pointer": 42, "nested": quote()})),
        ),
        v6(
            "not even a header",
            "PROTO=ICMPv6 TYPE=3 CODE=0 [TRUNCATED] ",
            icmp(3, 0, json!({"nested": {"truncated": true}})),
        ),
        v6(
            "neighbour discovery shows no more",
            "PROTO=ICMPv6 TYPE=135 CODE=0 MARK=0x1 ",
            icmp(135, 0, json!({"mark": 1})),
        ),
        v6(
            "the mark stands in the brackets up to 2.6.38",
            &format!("PROTO=ICMPv6 TYPE=1 CODE=4 [{q}MARK=0x5 ] "),
            icmp(1, 4, json!({"nested": quote(), "mark": 5})),
        ),
    ]);
}

#[test]
fn arp() {
    let arp = |fields| {
        with(
            json!({"prefix": "x ", "in": "a", "out": "", "family": "arp", "arp_htype": 1, "arp_ptype": 0x0800, "arp_opcode": 1}),
            fields,
        )
    };
    let payload =
        " MACSRC=02:00:5e:00:53:01 IPSRC=192.0.2.1 MACDST=00:00:00:00:00:00 IPDST=192.0.2.2";
    let said = || json!({"arp_macsrc": "02:00:5e:00:53:01", "arp_ipsrc": "192.0.2.1", "arp_macdst": "00:00:00:00:00:00", "arp_ipdst": "192.0.2.2"});
    check(vec![
        Row(
            "request",
            format!("x IN=a OUT= ARP HTYPE=1 PTYPE=0x0800 OPCODE=1{payload}"),
            arp(said()),
        ),
        Row(
            "two link addresses of one name",
            format!(
                "x IN=a OUT= MACSRC=02:00:5e:00:53:01 MACDST=ff:ff:ff:ff:ff:ff MACPROTO=0806 \
            ARP HTYPE=1 PTYPE=0x0800 OPCODE=1{payload}"
            ),
            with(
                arp(said()),
                json!({"macsrc": "02:00:5e:00:53:01", "macdst": "ff:ff:ff:ff:ff:ff", "macproto": "0806"}),
            ),
        ),
        Row(
            "not Ethernet and IPv4",
            "x IN=a OUT= ARP HTYPE=32 PTYPE=0x86dd OPCODE=65535".into(),
            arp(json!({"arp_htype": 32, "arp_ptype": 0x86dd, "arp_opcode": 65535})),
        ),
        Row(
            "short",
            "x IN=a OUT= ARP HTYPE=1 PTYPE=0x0800 OPCODE=1 INCOMPLETE [8 bytes]".into(),
            arp(json!({"incomplete": 8})),
        ),
        Row(
            "no header",
            "x IN=a OUT= TRUNCATED".into(),
            json!({"prefix": "x ", "in": "a", "out": "", "family": "arp", "truncated": true}),
        ),
    ]);
}

#[test]
fn ebt_log() {
    let macs = " MAC source = 02:00:5e:00:53:01 MAC dest = 02:00:5e:00:53:02 proto = 0x";
    let row = |name, tail: &str, family: &str, fields| {
        let line = format!("EBT: IN=p1 OUT={macs}{tail}");
        let base = json!({"format": "ebt_log", "prefix": "EBT:", "in": "p1", "out": "", "family": family,
            "macsrc": "02:00:5e:00:53:01", "macdst": "02:00:5e:00:53:02", "macproto": &tail[..4]});
        Row(name, line, with(base, fields))
    };
    let v4 =
        |fields| with(json!({"src": "192.0.2.1", "dst": "192.0.2.2", "tos_byte": 0x1f}), fields);
    let s4 = "0800 IP SRC=192.0.2.1 IP DST=192.0.2.2, IP tos=0x1F, IP proto=";
    let v6 = |fields| {
        with(
            json!({"src": "2001:0db8:0000:0000:0000:0000:0000:0001", "dst": "2001:0db8:0000:0000:0000:0000:0000:00ff", "priority": 10}),
            fields,
        )
    };
    let s6 = "86dd IPv6 SRC=2001:0db8:0000:0000:0000:0000:0000:0001 IPv6 DST=2001:0db8:0000:0000:0000:0000:0000:00ff, IPv6 priority=0xA, Next Header=";
    let arp = || json!({"arp_htype": 1, "arp_ptype": 0x0800, "arp_opcode": 2});
    let said = || {
        with(
            arp(),
            json!({"arp_macsrc": "02:00:5e:00:53:01", "arp_ipsrc": "192.0.2.1", "arp_macdst": "02:00:5e:00:53:02", "arp_ipdst": "192.0.2.2"}),
        )
    };
    check(vec![
        row("asked for the link layer only", "0800", "ipv4", json!({"l2_only": true})),
        row("another type", "88cc", "unknown", json!({})),
        row(
            "UDP",
            &format!("{s4}17 SPT=1 DPT=2"),
            "ipv4",
            v4(json!({"proto_num": 17, "spt": 1, "dpt": 2})),
        ),
        row("no ports", &format!("{s4}2"), "ipv4", v4(json!({"proto_num": 2}))),
        row(
            "cut before the ports",
            &format!("{s4}6 INCOMPLETE TCP/UDP header"),
            "ipv4",
            v4(json!({"proto_num": 6, "incomplete_ports": true})),
        ),
        row("no IP header", "0800 INCOMPLETE IP header", "ipv4", json!({"truncated": true})),
        row("IPv6", &format!("{s6}58"), "ipv6", v6(json!({"next_header": 58}))),
        row(
            "IPv6, ports behind extension headers",
            &format!("{s6}0 SPT=1 DPT=2"),
            "ipv6",
            v6(json!({"next_header": 0, "spt": 1, "dpt": 2})),
        ),
        row(
            "IPv6 up to 2.6.29",
            &format!("{s6}58")
                .replace("0db8", "db8")
                .replace("0000", "0")
                .replace(":0001", ":1")
                .replace("00ff", "ff"),
            "ipv6",
            v6(json!({"next_header": 58})),
        ),
        row("no IPv6 header", "86dd INCOMPLETE IPv6 header", "ipv6", json!({"truncated": true})),
        row(
            "ARP",
            "0806 ARP HTYPE=1, PTYPE=0x0800, OPCODE=2 ARP MAC SRC=02:00:5e:00:53:01 ARP IP SRC=192.0.2.1 \
            ARP MAC DST=02:00:5e:00:53:02 ARP IP DST=192.0.2.2",
            "arp",
            said(),
        ),
        row(
            "ARP with the blanks of old kernels",
            "0806 ARP HTYPE=1, PTYPE=0x0800, OPCODE=2 ARP MAC SRC=02:00:5e:00:53:01  \
            ARP IP SRC=192.0.2.1 ARP MAC DST=02:00:5e:00:53:02  ARP IP DST=192.0.2.2",
            "arp",
            said(),
        ),
        row("ARP without payload", "8035 ARP HTYPE=1, PTYPE=0x0800, OPCODE=2", "arp", arp()),
        row(
            "ARP, payload cut",
            "0806 ARP HTYPE=1, PTYPE=0x0800, OPCODE=2 INCOMPLETE ARP payload",
            "arp",
            with(arp(), json!({"truncated": true})),
        ),
        row("ARP, header cut", "0806 INCOMPLETE ARP header", "arp", json!({"truncated": true})),
    ]);
}
