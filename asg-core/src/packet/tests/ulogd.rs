//! The lines of ulogd2, item by item, as the table does for the kernel.

use serde_json::json;

use super::read_every_way;
use super::table::{MAC, Row, V4, V6, check, v4_fields, v6_fields, with};
use crate::packet::{Network, Packet, Proto, Transport};

#[test]
fn ipv4() {
    let head = V4.replace("TOS=0x", "TOS=");
    let row =
        |name, tail: &str, fields| Row(name, format!("{head}{tail}"), with(v4_fields(), fields));
    let v6 = V6.replace("2001:0db8:0000:0000:0000:0000:0000:000", "2001:db8::");
    let tcp = |fields| {
        with(
            json!({"proto": "TCP", "proto_num": 6, "spt": 5, "dpt": 80, "seq": 1, "ack": 2, "window": 9, "flags": ["SYN"], "urgp": 0}),
            fields,
        )
    };
    let t = "PROTO=TCP SPT=5 DPT=80 SEQ=1 ACK=2 WINDOW=9 SYN URGP=0 ";
    let icmp = |ty: u8, code: u8, fields| {
        with(json!({"proto": "ICMP", "proto_num": 1, "icmp_type": ty, "icmp_code": code}), fields)
    };
    check(vec![
        row("TCP has no reserved bits", t, tcp(json!({}))),
        row("a mark of zero", &format!("{t}MARK=0 "), tcp(json!({"mark": 0}))),
        row(
            "a mark in hexadecimal without 0x",
            &format!("{t}UID=0 GID=0 MARK=1a0000 "),
            tcp(json!({"uid": 0, "gid": 0, "mark": 0x1a_0000})),
        ),
        row("a mark of zero with 0x", &format!("{t}MARK=0x0 "), tcp(json!({"mark": 0}))),
        row(
            "UDP",
            "PROTO=UDP SPT=1 DPT=2 LEN=8 ",
            json!({"proto": "UDP", "proto_num": 17, "spt": 1, "dpt": 2, "udp_len": 8}),
        ),
        row(
            "SCTP",
            "PROTO=SCTP SPT=1 DPT=2 MARK=0 ",
            json!({"proto": "SCTP", "proto_num": 132, "spt": 1, "dpt": 2, "mark": 0}),
        ),
        row("ESP", "PROTO=ESP SPI=0x1 ", json!({"proto": "ESP", "proto_num": 50, "spi": 1})),
        row(
            "echo",
            "PROTO=ICMP TYPE=8 CODE=0 ID=1 SEQ=2 MARK=0 ",
            icmp(8, 0, json!({"icmp_id": 1, "icmp_seq": 2, "mark": 0})),
        ),
        row(
            "an error quotes nothing",
            "PROTO=ICMP TYPE=3 CODE=3 MARK=0 ",
            icmp(3, 3, json!({"mark": 0})),
        ),
        row(
            "the body is chosen by the code",
            "PROTO=ICMP TYPE=11 CODE=0 ID=0 SEQ=0 ",
            icmp(11, 0, json!({"icmp_id": 0, "icmp_seq": 0})),
        ),
        row(
            "a gateway, by the code",
            "PROTO=ICMP TYPE=3 CODE=5 GATEWAY=192.0.2.9 ",
            icmp(3, 5, json!({"gateway": "192.0.2.9"})),
        ),
        row(
            "a parameter, by the code",
            "PROTO=ICMP TYPE=3 CODE=12 PARAMETER=1 ",
            icmp(3, 12, json!({"parameter": 1})),
        ),
        row(
            "a header that the packet ends in, its word glued to the mark",
            "PROTO=TCP INCOMPLETEMARK=0x0 ",
            json!({"proto": "TCP", "proto_num": 6, "truncated": true, "mark": 0}),
        ),
        row(
            "the same, glued to the owner",
            "PROTO=UDP INCOMPLETEUID=0 GID=0 MARK=1 ",
            json!({"proto": "UDP", "proto_num": 17, "truncated": true, "uid": 0, "gid": 0, "mark": 1}),
        ),
        row(
            "the same, and nothing behind it",
            "PROTO=ICMP INCOMPLETE",
            json!({"proto": "ICMP", "proto_num": 1, "truncated": true}),
        ),
        row(
            "ESP is never opened",
            "PROTO=ESP INCOMPLETEMARK=0 ",
            json!({"proto": "ESP", "proto_num": 50, "truncated": true, "mark": 0}),
        ),
        row(
            "a later fragment, its bytes taken for ports",
            "FRAG:185 PROTO=UDP SPT=1 DPT=2 LEN=3 MARK=0 ",
            json!({"frag_offset": 185, "proto": "UDP", "proto_num": 17, "spt": 1, "dpt": 2, "udp_len": 3, "mark": 0}),
        ),
        row(
            "a later fragment, too short for ports",
            "FRAG:185 PROTO=TCP INCOMPLETEMARK=0 ",
            json!({"frag_offset": 185, "proto": "TCP", "proto_num": 6, "truncated": true, "mark": 0}),
        ),
        row(
            "ulogd 1.x looks at the type",
            "PROTO=ICMP TYPE=3 CODE=4 MTU=1400 ",
            icmp(3, 4, json!({"mtu": 1400})),
        ),
        Row(
            "IPv6 in its short form",
            format!("{v6}{t}MARK=0 "),
            with(v6_fields(), tcp(json!({"mark": 0}))),
        ),
        Row(
            "an address that is alike in both forms beside a short one",
            v6.replace("DST=2001:db8::2", "DST=2001:1db8:1000:2000:3000:4000:5000:6000") + t,
            with(v6_fields(), tcp(json!({"dst": "2001:1db8:1000:2000:3000:4000:5000:6000"}))),
        ),
    ]);
}

#[test]
fn ipv6() {
    let head = V6.replace("2001:0db8:0000:0000:0000:0000:0000:000", "2001:db8::");
    // These addresses do not show who wrote them.
    let plain = "2001:1db8:1000:2000:3000:4000:5000:6000";
    let plain_head =
        format!("IN=a OUT=b SRC={plain} DST={plain} LEN=80 TC=0 HOPLIMIT=63 FLOWLBL=0 ");
    let row =
        |name, tail: &str, fields| Row(name, format!("{head}{tail}"), with(v6_fields(), fields));
    let untold = |name, tail: &str, fields| {
        let base = with(v6_fields(), json!({"src": plain, "dst": plain}));
        Row(name, format!("{plain_head}{tail}"), with(base, fields))
    };
    let fragment = |offset: u32, fields| {
        let header = json!({"hdr": 44, "frag_offset": offset, "frag_id": 0xfe});
        with(json!({"frag_offset": offset, "frag_id": 0xfe, "ext": [header]}), fields)
    };
    let icmp = |ty: u8, fields| {
        with(json!({"proto": "ICMPv6", "proto_num": 58, "icmp_type": ty, "icmp_code": 0}), fields)
    };
    let tcp = json!({"proto": "TCP", "proto_num": 6, "spt": 5, "dpt": 80, "seq": 1, "ack": 2, "window": 9,
        "flags": ["RST"], "urgp": 0, "mark": 1});
    let t = "PROTO=TCP SPT=5 DPT=80 SEQ=1 ACK=2 WINDOW=9 RST URGP=0 MARK=0x1 ";
    check(vec![
        row(
            "the first fragment: a blank behind the colons, and no word of more",
            "FRAG: 0 ID: 000000fe PROTO=UDP SPT=1 DPT=2 LEN=8 MARK=0 ",
            fragment(
                0,
                json!({"proto": "UDP", "proto_num": 17, "spt": 1, "dpt": 2, "udp_len": 8, "mark": 0}),
            ),
        ),
        row(
            "a later fragment has no header to open",
            "FRAG: 1448 ID: 000000fe PROTO=UDP INCOMPLETEMARK=0 ",
            fragment(1448, json!({"proto": "UDP", "proto_num": 17, "truncated": true, "mark": 0})),
        ),
        row(
            "a fragment of what older releases have no word for",
            "FRAG: 8 ID: 000000fe MARK=0 ",
            fragment(8, json!({"mark": 0})),
        ),
        row("older releases: no protocol without a name", "MARK=0 ", json!({"mark": 0})),
        row(
            "newer releases: its number",
            "PROTO=89 MARK=0x0 ",
            json!({"proto": "89", "proto_num": 89, "mark": 0}),
        ),
        row(
            "AH may be ESP, so that no number is told",
            "PROTO=AH INCOMPLETEMARK=0 ",
            json!({"proto": "AH", "truncated": true, "mark": 0}),
        ),
        row(
            "SCTP is not opened",
            "PROTO=SCTP INCOMPLETEMARK=0 ",
            json!({"proto": "SCTP", "proto_num": 132, "truncated": true, "mark": 0}),
        ),
        row(
            "ICMPv6 cut behind its type",
            "PROTO=ICMPv6 TRUNCATEDMARK=0 ",
            json!({"proto": "ICMPv6", "proto_num": 58, "truncated": true, "mark": 0}),
        ),
        row(
            "packet too big, without its size and the packet",
            "PROTO=ICMPv6 TYPE=2 CODE=0 MARK=0 ",
            icmp(2, json!({"mark": 0})),
        ),
        row(
            "a parameter problem that points nowhere",
            "PROTO=ICMPv6 TYPE=4 CODE=0 ",
            icmp(4, json!({})),
        ),
        untold("no reserved bits tell", t, tcp),
        untold(
            "a mark of zero tells",
            "PROTO=59 MARK=0x0 ",
            json!({"proto": "59", "proto_num": 59, "mark": 0}),
        ),
        untold(
            "a mark without 0x tells",
            "PROTO=59 MARK=1 ",
            json!({"proto": "59", "proto_num": 59, "mark": 1}),
        ),
        untold(
            "a name of ulogd2's tells",
            "PROTO=SCTP SPT=1 DPT=2 ",
            json!({"proto": "SCTP", "proto_num": 132, "spt": 1, "dpt": 2}),
        ),
        untold(
            "a fragment's blank tells",
            "FRAG: 0 ID: 000000fe PROTO=59 ",
            fragment(0, json!({"proto": "59", "proto_num": 59})),
        ),
        untold(
            "a size that is left out tells",
            "PROTO=ICMPv6 TYPE=2 CODE=0 MARK=0x1 ",
            icmp(2, json!({"mark": 1})),
        ),
        untold(
            "a kernel's reserved bits tell too",
            "PROTO=TCP SPT=5 DPT=80 WINDOW=9 RES=0x00 URGP=0 OPT (01) MARK=0x1 ",
            json!({"proto": "TCP", "proto_num": 6, "spt": 5, "dpt": 80, "window": 9, "res": 0, "flags": [], "urgp": 0,
                "tcp_opt": "01", "mark": 1}),
        ),
        untold(
            "nothing tells",
            "PROTO=59 MARK=0x1 ",
            json!({"proto": "59", "proto_num": 59, "mark": 1}),
        ),
    ]);
}

#[test]
fn below_ip() {
    let row = |name, mac: &str, tail: &str, fields| {
        let base = json!({"prefix": "x ", "in": "a", "out": "b", "mac_raw": mac, "family": "arp", "mark": 0});
        Row(name, format!("x IN=a OUT=b MAC={mac} {tail}MARK=0 "), with(base, fields))
    };
    let frame = format!("{MAC}:08:06");
    let asks = "SRC=192.0.2.1 DST=192.0.2.2 PROTO=ARP ";
    let said = |opcode: u16| json!({"src": "192.0.2.1", "dst": "192.0.2.2", "arp_opcode": opcode});
    check(vec![
        row("ARP asks", &frame, &format!("{asks}REQUEST "), said(1)),
        row(
            "ARP answers, with the sender's link address",
            &frame,
            &format!("{asks}REPLY REPLY_MAC=02:00:5e:00:53:02 "),
            with(said(2), json!({"arp_macsrc": "02:00:5e:00:53:02"})),
        ),
        row("ARP refuses", "", &format!("{asks}NAK "), said(10)),
        row("ARP, another opcode", "", &format!("{asks}CODE=3 "), said(3)),
        row("ARP, header cut", &frame, "PROTO=ARP ", json!({"truncated": true})),
        row(
            "no IPv4 header: zeros that nobody sent",
            "",
            "LEN=0 TOS=00 PREC=0x00 TTL=0 ID=0 PROTO=0 ",
            json!({"family": "ipv4", "truncated": true}),
        ),
        row("no IPv6 header", "", "PROTO=0 ", json!({"family": "ipv6", "truncated": true})),
        row("no IPv6 header, older releases", "", "", json!({"family": "ipv6", "truncated": true})),
        row(
            "a frame of another type",
            &format!("{MAC}:88:cc"),
            "PROTO=35020 ",
            json!({"family": "unknown", "macproto": "88cc"}),
        ),
    ]);
}

#[test]
fn what_ulogd2_never_prints_is_not_its_line() {
    let v4 = V4.replace("TOS=0x", "TOS=");
    let v6 = V6.replace("2001:0db8:0000:0000:0000:0000:0000:000", "2001:db8::");
    for line in [
        format!("{v4}PROTO=TCP INCOMPLETE [8 bytes] "),
        format!("{v4}PROTO=TCP INCOMPLETE MARK=0 "),
        format!("{v4}PROTO=UDP TRUNCATED"),
        format!("{v4}TRUNCATED"),
        format!("{v4}PROTO=ICMP TYPE=3 CODE=3 PARAMETER=1 "),
        format!("{v4}PROTO=TCP SPT=5 DPT=80 SEQ=1 ACK=2 WINDOW=9 SYN URGP=0 OPT (01) "),
        format!("{v6}FRAG: 0 ID: 00000001 FRAG: 0 ID: 00000001 PROTO=59 "),
        format!("{V6}FRAG: 0 ID: 00000001 PROTO=59 "),
        format!("{v6}OPT ( ) PROTO=59 MARK=0 "),
        format!("{V4}PROTO=TCP INCOMPLETEMARK=0x1 "),
        "IN=a OUT=b PROTO=ARP ".into(),
        "IN=a OUT=b MAC= PROTO=2048 ".into(),
        "IN=a OUT=b MAC= LEN=60 TOS=00 PREC=0x00 TTL=0 ID=0 PROTO=0 ".into(),
        "IN=a OUT=b MAC= SRC=192.0.2.1 DST=192.0.2.2 PROTO=ARP CODE=1 ".into(),
        "IN=a OUT=b MAC= SRC=192.0.2.1 DST=192.0.2.2 PROTO=ARP MARK=0 ".into(),
    ] {
        assert!(read_every_way(line.as_bytes()).is_err(), "{line}");
    }
}

#[test]
fn a_kernels_line_in_which_a_person_wrote_the_addresses_is_a_kernels() {
    let head = V6.replace("2001:0db8:0000:0000:0000:0000:0000:000", "2001:db8::");
    let row =
        |name, tail: &str, fields| Row(name, format!("{head}{tail}"), with(v6_fields(), fields));
    let tcp = json!({"proto": "TCP", "proto_num": 6, "spt": 5, "dpt": 80, "window": 9, "res": 0, "flags": ["SYN"],
        "urgp": 0});
    let header = json!({"hdr": 44, "frag_offset": 0, "mf": true, "frag_id": 1});
    check(vec![
        row("reserved bits", "PROTO=TCP SPT=5 DPT=80 WINDOW=9 RES=0x00 SYN URGP=0 ", tcp),
        row(
            "a fragment header",
            "FRAG:0 INCOMPLETE ID:00000001 PROTO=59 MARK=0x1 ",
            json!({"frag_offset": 0, "mf": true, "frag_id": 1, "ext": [header], "proto": "59", "proto_num": 59,
                "mark": 1}),
        ),
        row(
            "a count of bytes",
            "PROTO=TCP INCOMPLETE [8 bytes] ",
            json!({"proto": "TCP", "proto_num": 6, "incomplete": 8}),
        ),
    ]);
}

#[test]
fn flows_of_ulogd2_are_no_packets() {
    for line in [
        "[DESTROY] ORIG: SRC=10.255.73.3 DST=10.0.16.8 PROTO=TCP SPT=51858 DPT=80 PKTS=6 BYTES=399 , \
         REPLY: SRC=10.0.16.8 DST=10.255.73.3 PROTO=TCP SPT=80 DPT=51858 PKTS=4 BYTES=500 ",
        "ORIG: SRC=2001:db8::1 DST=2001:db8::2 PROTO=ICMP TYPE=8 CODE=0 , REPLY: ",
        "[NEW] ORIG: , REPLY: ",
    ] {
        let whole = Packet::parse_lenient(line.as_bytes());
        assert_eq!(whole, None, "{line}");
        assert_eq!(Packet::parse_kernel(line.as_bytes()), None, "{line}");
    }
}

#[test]
fn what_is_left_of_a_cut_line_of_ulogd2_is_certain() {
    let v4 = V4.replace("TOS=0x", "TOS=");
    let plain = "2001:1db8:1000:2000:3000:4000:5000:6000";
    let v6 = format!("IN=a OUT=b SRC={plain} DST={plain} LEN=80 TC=0 HOPLIMIT=63 FLOWLBL=0 ");
    let arp = "IN=a OUT=b MAC= SRC=192.0.2.1 DST=192.0.2.2 PROTO=ARP ";
    // The line, where it is cut, and one field that is known and one that is not.
    for (line, known, unknown) in [
        (format!("{arp}REP"), "dst", "arp_opcode"),
        (format!("{arp}REPLY REPLY_MAC=02:00:5e:00:53"), "arp_opcode", "arp_macsrc"),
        (format!("{arp}CODE="), "src", "arp_opcode"),
        (format!("{v6}FRAG: 144"), "flowlbl", "frag_offset"),
        (format!("{v6}FRAG: 1448 ID: 0000"), "frag_offset", "frag_id"),
        (format!("{v4}PROTO=TCP INCOMP"), "proto", "truncated"),
        (format!("{v4}PROTO=ICMP TYPE=8 CODE=8"), "icmp_type", "icmp_code"),
        // It may be a kernel's, which goes on differently.
        (format!("{v6}PROTO=TCP INCOMPLETE"), "proto", "truncated"),
        (format!("{v6}PROTO=ICMPv6 TYPE=4 CODE=0 "), "icmp_code", "pointer"),
        (format!("{v6}PROTO=59 MARK=0"), "proto", "mark"),
        ("IN=a OUT=b MAC= LEN=0 TOS=00 PREC=0x00 TT".into(), "mac_raw", "truncated"),
        ("IN=a OUT=b MAC= PROTO=AR".into(), "mac_raw", "truncated"),
    ] {
        let cut = Packet::parse_lenient(line.as_bytes()).unwrap();
        assert!(cut.stop.is_some_and(|stop| stop.is_cut()), "{line}");
        let fields = serde_json::to_value(&cut.packet).unwrap();
        assert!(fields.get(known).is_some() && fields.get(unknown).is_none(), "{line}: {fields}");
        assert_eq!(fields["cut"], true);
    }
}

#[test]
fn what_ulogd2_shows_of_a_cut_or_later_header_is_no_port() {
    let v4 = V4.replace("TOS=0x", "TOS=");
    let cut = format!("{v4}PROTO=TCP INCOMPLETEMARK=0 ");
    let later = format!("{v4}FRAG:185 PROTO=UDP SPT=1 DPT=2 LEN=3 MARK=0 ");
    assert!(matches!(
        Packet::parse(cut.as_bytes()).unwrap().ip.transport(),
        Some(Transport::Incomplete { proto: Proto::Tcp, bytes: None })
    ));
    assert!(matches!(
        Packet::parse(later.as_bytes()).unwrap().ip.transport(),
        Some(Transport::LaterFragment(Proto::Udp))
    ));
    let arp = b"IN=a OUT= MAC= SRC=192.0.2.1 DST=192.0.2.2 PROTO=ARP REPLY REPLY_MAC=02:00:5e:00:53:02 MARK=0 ";
    let Some(Network::Arp { opcode: 2, sender: Some((mac, ip)), target: None }) =
        Packet::parse(arp).unwrap().network()
    else {
        panic!("no answer of ARP")
    };
    assert_eq!((mac.to_string(), ip.to_string()), ("02:00:5e:00:53:02".into(), "192.0.2.1".into()));
}
