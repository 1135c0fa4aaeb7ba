//! Messages of strict parsing for a line that is not whole: one of each kind of error, and the
//! shapes that other programs and people make of packet lines.

use super::Packet;

/// Returns the error of each line, under its words.
fn messages(lines: &[(&str, &str)]) -> String {
    let said = lines.iter().map(|(what, line)| {
        let error = Packet::parse(line.as_bytes()).expect_err(line);
        let at: String =
            String::from_utf8_lossy(&line.as_bytes()[error.offset()..]).chars().take(16).collect();
        format!("{what}: {error}, at \"{at}\"\n")
    });
    said.collect()
}

fn v4(tail: &str) -> String {
    format!(
        "IN=a OUT=b SRC=192.0.2.1 DST=198.51.100.2 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=7 {tail}"
    )
}

fn v6(tail: &str) -> String {
    let address = "2001:0db8:0000:0000:0000:0000:0000:0001";
    format!("IN=a OUT=b SRC={address} DST={address} LEN=80 TC=0 HOPLIMIT=63 FLOWLBL=0 {tail}")
}

#[test]
fn each_kind_of_error() {
    let rows = [
        ("no packet line", "a word or two".into()),
        ("no bytes", String::new()),
        ("cut in a name", "x IN=a OUT=et".into()),
        ("cut in a key", v4("PRO")),
        ("cut in a value", v4("PROTO=TCP SPT=4")),
        ("cut between two words", v4("PROTO=TCP SPT=4 ")),
        ("cut in a flag", v4("PROTO=TCP SPT=4 DPT=5 WINDOW=9 RES=0x00 SY")),
        ("cut in brackets", v4("PROTO=ICMP TYPE=3 CODE=1 [SRC=192.0.2.1 D")),
        ("a quote that is not closed", v4("PROTO=ICMP TYPE=3 CODE=1 [TRUNCATED")),
        ("cut in options", v4("PROTO=TCP SPT=4 DPT=5 WINDOW=9 RES=0x00 URGP=0 OPT (0204")),
        ("another key", v4("TTL=9 ")),
        ("not a number", v4("PROTO=TCP SPT=x ")),
        ("a leading zero", v4("PROTO=TCP SPT=080 DPT=80 ")),
        ("a number too large", v4("PROTO=TCP SPT=65536 DPT=80 ")),
        ("a protocol too large", v4("PROTO=256 ")),
        ("a protocol of another family", v4("PROTO=ICMPv6 TYPE=1 CODE=1 ")),
        ("the wrong case", v4("PROTO=TCP SPT=4 DPT=5 WINDOW=9 RES=0x3C URGP=0 ")),
        ("flags out of order", v4("PROTO=TCP SPT=4 DPT=5 WINDOW=9 RES=0x00 SYN ACK URGP=0 ")),
        ("a fragment at zero", v4("FRAG:0 PROTO=2 ")),
        ("a mark of zero", v4("PROTO=2 MARK=0x0 ")),
        ("half a byte", v4("OPT (123) PROTO=2 ")),
        ("more than there is", v4("PROTO=UDP SPT=1 DPT=2 LEN=8 what ")),
        ("an owner where the kernel stops", v4("PROTO=TCP INCOMPLETE [8 bytes] UID=0 ")),
        ("a gateway that is none", v4("PROTO=ICMP TYPE=5 CODE=1 GATEWAY=1.2.3 ")),
        ("an address not in full", v6("").replacen(":0db8:", ":db8:", 1)),
        ("two families", v4("").replace("198.51.100.2", "2001:0db8:0000:0000:0000:0000:0000:0001")),
        ("parentheses for one header only", v6("FRAG:0 ID:00000001 OPT ( ) PROTO=59 ")),
        ("a link header that ends in the middle", "IN=a OUT= MAC=02:00:5e".into()),
        ("a tunnel with one end", "IN=a OUT= MAC= TUNNEL=192.0.2.1 SRC=".into()),
        ("ARP without its type", "IN=a OUT= ARP HTYPE=1 PTYPE=2048 ".into()),
        (
            "ebt_log, its ports in another record",
            "x IN=a OUT= MAC source = 02:00:5e:00:53:01 MAC dest = 02:00:5e:00:53:02 \
            proto = 0x0800 IP SRC=192.0.2.1 IP DST=192.0.2.2, IP tos=0x00, IP proto=6"
                .into(),
        ),
    ];
    let rows: Vec<(&str, &str)> = rows.iter().map(|(what, line)| (*what, line.as_str())).collect();
    insta::assert_snapshot!(messages(&rows), @r#"
    no packet line: byte 0: expected `IN=` and `OUT=` of a packet line, at "a word or two"
    no bytes: byte 0: the text ends where `IN=` and `OUT=` of a packet line was expected, at ""
    cut in a name: byte 13: the text ends where the rest of the packet line was expected, at ""
    cut in a key: byte 80: the text ends where `PROTO=` was expected, at "PRO"
    cut in a value: byte 95: the text ends where ` ` was expected, at ""
    cut between two words: byte 96: the text ends where `DPT=` was expected, at ""
    cut in a flag: byte 120: the text ends where `URGP=` was expected, at "SY"
    cut in brackets: byte 120: the text ends where `DST=` was expected, at "D"
    a quote that is not closed: byte 115: the text ends where `]` was expected, at ""
    cut in options: byte 136: the text ends where `)` was expected, at ""
    another key: byte 80: expected `PROTO=`, at "TTL=9 "
    not a number: byte 94: expected a decimal number, at "x "
    a leading zero: byte 94: expected a decimal number without leading zeros, at "080 DPT=80 "
    a number too large: byte 94: expected a smaller number, at "65536 DPT=80 "
    a protocol too large: byte 86: expected a protocol's name or number, at "256 "
    a protocol of another family: byte 90: expected ` `, at "v6 TYPE=1 CODE=1"
    the wrong case: byte 117: expected a hexadecimal number, at "3C URGP=0 "
    flags out of order: byte 124: expected `URGP=`, at "ACK URGP=0 "
    a fragment at zero: byte 85: expected a number other than zero, at "0 PROTO=2 "
    a mark of zero: byte 95: expected a number other than zero, at "0 "
    half a byte: byte 85: expected header options in hexadecimal, at "123) PROTO=2 "
    more than there is: byte 108: expected the end of the line, at "what "
    an owner where the kernel stops: byte 111: expected the end of the line, at "UID=0 "
    a gateway that is none: byte 113: expected an IPv4 address, at "1.2.3 "
    an address not in full: byte 15: expected an IPv6 address in full, at "2001:db8:0000:00"
    two families: byte 29: expected an IPv4 address, at "2001:0db8:0000:0"
    parentheses for one header only: byte 152: expected `PROTO=`, at "OPT ( ) PROTO=59"
    a link header that ends in the middle: byte 22: the text ends where the rest of a link header was expected, at ""
    a tunnel with one end: byte 31: expected `->`, at " SRC="
    ARP without its type: byte 21: expected ` PTYPE=0x`, at " PTYPE=2048 "
    ebt_log, its ports in another record: byte 145: the text ends where ` SPT=` was expected, at ""
    "#);
}

#[test]
fn what_people_and_programs_make_of_lines() {
    let rows = [
        ("an address cut in front", v6("PROTO=59 ").replacen("DST=2001", "DST=", 1)),
        ("a link header made unknown", "IN=a OUT= MAC=[removed] SRC=192.0.2.1 DST=".into()),
        (
            "half a link header made unknown",
            "IN=a OUT= MAC=02:00:5e:xx:xx:xx SRC=192.0.2.1 DST=".into(),
        ),
        (
            "a shortened line",
            "[UFW BLOCK] IN=eth0 OUT= SRC=192.0.2.1 DST=198.51.100.2 PROTO=TCP SPT=1 DPT=2".into(),
        ),
        (
            "a level inside the line: 2.4 and old routers",
            "ACCEPT IN=br0 OUT=vlan1 <1>SRC=192.0.2.1 DST=198.51.100.2 ".into(),
        ),
        ("a line folded by a mail program", v4("PROTO=TCP SPT=1\n    DPT=2 ")),
        ("a word behind", v4("PROTO=UDP SPT=1 DPT=2 LEN=8 $00:0b:ab")),
        ("what may be the beginning of a mark", v4("PROTO=UDP SPT=1 DPT=2 LEN=8 MA")),
        ("options in words", v4("PROTO=TCP SPT=4 DPT=5 WINDOW=9 RES=0x00 URGP=0 OPT (MSS=1460 ) ")),
        ("an action behind", v4("PROTO=UDP SPT=1 DPT=2 LEN=8 ACTION=DROP")),
        (
            "two whole lines in one",
            format!("DENY_x {0}DENY_y {0}", v4("DF PROTO=UDP SPT=12345 DPT=12345 LEN=12345 ")),
        ),
        ("two lines in one", v4("PROTO=TCP SPT=4 DPT=[ 12.345678] x IN=a")),
    ];
    let rows: Vec<(&str, &str)> = rows.iter().map(|(what, line)| (*what, line.as_str())).collect();
    insta::assert_snapshot!(messages(&rows), @r#"
    an address cut in front: byte 59: expected an IPv6 address in full, at ":0db8:0000:0000:"
    a link header made unknown: byte 42: the text ends where an IPv4 address was expected, at ""
    half a link header made unknown: byte 50: the text ends where an IPv4 address was expected, at ""
    a shortened line: byte 56: expected `LEN=`, at "PROTO=TCP SPT=1 "
    a level inside the line: 2.4 and old routers: byte 58: the text ends where `LEN=` was expected, at ""
    a line folded by a mail program: byte 95: expected ` `, at "
        DPT=2 "
    a word behind: byte 108: expected the end of the line, at "$00:0b:ab"
    what may be the beginning of a mark: byte 108: the text ends where the end of the line was expected, at "MA"
    options in words: byte 132: expected header options in hexadecimal, at "MSS=1460 ) "
    an action behind: byte 108: expected the end of the line, at "ACTION=DROP"
    two whole lines in one: byte 130: expected the end of the line, at "DENY_y IN=a OUT="
    two lines in one: byte 100: expected a decimal number, at "[ 12.345678] x I"
    "#);
}
