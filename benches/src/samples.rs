//! One line of each kind that the benches time: packets, envelopes, and lager lines.

use crate::PACKETS;
use crate::rivals::Rival::{self, Regex, Split, Ufwlog};

/// A packet line, and the rivals that parse its six most wanted fields right.
#[derive(Debug, Clone, Copy)]
pub struct PacketSample {
    /// The kind of line.
    pub name: &'static str,
    /// As the kernel prints it.
    pub text: &'static str,
    /// The rivals that parse it right: interface, addresses, protocol and ports. `ufwlog` gives up
    /// at every mark, and if the prefix is glued to `IN=` only the pattern finds the interface; if
    /// there are two addresses, words keep the last one.
    pub rivals: &'static [Rival],
}

const fn packet(name: &'static str, text: &'static str, rivals: &'static [Rival]) -> PacketSample {
    PacketSample { name, text, rivals }
}

/// Packet lines of every kind that takes a path of its own through the parser.
///
/// ```
/// for sample in asg_benches::samples::PACKET_KINDS {
///     let packet = asg_core::Packet::parse(sample.text.as_bytes()).expect(sample.name);
///     assert_eq!(packet.to_line(), sample.text.as_bytes(), "{}", sample.name);
/// }
/// ```
pub const PACKET_KINDS: [PacketSample; 18] = [
    packet("tcp-allowed", PACKETS[0], &[Regex, Split]),
    packet(
        "tcp-denied",
        "DENY_bfce786c-ab07-40ad-79f9 IN=s-010255073003 OUT=eth0 MAC=aa:aa:0a:ff:49:03:ee:ee:0a:ff:49:03:08:00 \
         SRC=10.255.73.3 DST=10.0.16.8 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=15946 DF PROTO=TCP SPT=51858 DPT=80 \
         WINDOW=27400 RES=0x00 SYN URGP=0 ",
        &[Regex, Split, Ufwlog],
    ),
    packet(
        "tcp-bare-handle",
        "d08bb414-cdba-4381-412a-e9eccIN=wbrdg-0afe0008 OUT=eth0 MAC=4e:b7:a4:74:e2:45:0a:5a:66:81:1f:1d:08:00 \
         SRC=10.254.0.10 DST=10.0.16.20 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=25176 DF PROTO=TCP SPT=59642 DPT=80 \
         WINDOW=28280 RES=0x00 SYN URGP=0 ",
        &[Regex],
    ),
    packet(
        "tcp-all-options",
        "DENY_5e689cc8-c311-4d07-bf5b IN=wbrdg-0afe0008 OUT=eth0 MACSRC=0a:5a:66:81:1f:1d MACDST=4e:b7:a4:74:e2:45 \
         MACPROTO=0800 SRC=10.254.0.10 DST=10.0.16.20 LEN=64 TOS=0x00 PREC=0x00 TTL=63 ID=30573 DF OPT (94040000) \
         PROTO=TCP SPT=50983 DPT=80 SEQ=4154987997 ACK=0 WINDOW=28280 RES=0x00 SYN URGP=0 \
         OPT (020405B40402080A001121010000000001030307) MARK=0x1 ",
        &[Split],
    ),
    packet(
        "tcp-fragment",
        "1a639f6f-f3db-4778-801b-07be1IN=wbrdg-0afe0008 OUT=eth0 MAC=4e:b7:a4:74:e2:45:0a:5a:66:81:1f:1d:08:00 \
         SRC=10.254.0.10 DST=10.0.16.20 LEN=36 TOS=0x00 PREC=0x00 TTL=63 ID=44390 MF FRAG:185 PROTO=TCP \
         MARK=0xffffffff ",
        &[Regex],
    ),
    packet(
        "c2c-allowed",
        "OK_0001_4ccbb24c-268e-421a-9 IN=s-010255073003 OUT=s-010255073007 \
         MAC=aa:aa:0a:ff:49:03:ee:ee:0a:ff:49:03:08:00 SRC=10.255.73.3 DST=10.255.73.7 LEN=60 TOS=0x00 PREC=0x00 \
         TTL=63 ID=15946 DF PROTO=TCP SPT=51858 DPT=8080 WINDOW=27400 RES=0x00 SYN URGP=0 MARK=0x1 ",
        &[Regex, Split],
    ),
    packet("udp", PACKETS[1], &[Regex, Split, Ufwlog]),
    packet(
        "icmp-echo",
        "OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 MAC=aa:aa:0a:ff:49:03:ee:ee:0a:ff:49:03:08:00 \
         SRC=10.255.73.3 DST=8.8.8.8 LEN=84 TOS=0x00 PREC=0x00 TTL=63 ID=2806 DF PROTO=ICMP TYPE=8 CODE=0 ID=77 \
         SEQ=1 ",
        &[Regex, Split, Ufwlog],
    ),
    packet("icmp-nested", PACKETS[2], &[Regex, Ufwlog]),
    packet(
        "incomplete",
        "58fe34f0-92a4-44de-add8-d750eIN=wbrdg-0afe0008 OUT=eth0 MAC=4e:b7:a4:74:e2:45:0a:5a:66:81:1f:1d:08:00 \
         SRC=10.254.0.10 DST=10.0.16.20 LEN=21 TOS=0x00 PREC=0x00 TTL=63 ID=7750 PROTO=TCP INCOMPLETE [1 bytes] ",
        &[],
    ),
    packet("tcp6", PACKETS[3], &[Split, Ufwlog]),
    packet(
        "tcp6-extension",
        "68bf359e-0e56-4b22-9d26-7b833IN=wbrdg-0afe0008 OUT=eth0 MAC=4e:b7:a4:74:e2:45:0a:5a:66:81:1f:1d:86:dd \
         SRC=fd00:000a:0000:0000:0000:0000:0000:0010 DST=fd00:000e:0000:0000:0000:0000:0000:0020 LEN=68 TC=0 \
         HOPLIMIT=63 FLOWLBL=0 OPT ( ) PROTO=TCP SPT=1 DPT=2 WINDOW=8192 RES=0x00 SYN URGP=0 MARK=0xabc ",
        &[],
    ),
    packet(
        "icmp6-nested",
        "e08f64ea-1399-4f7d-a59c-14f98IN=wbrdg-0afe0008 OUT=eth0 MAC=4e:b7:a4:74:e2:45:0a:5a:66:81:1f:1d:86:dd \
         SRC=fd00:000a:0000:0000:0000:0000:0000:0010 DST=fd00:000e:0000:0000:0000:0000:0000:0020 LEN=104 TC=0 \
         HOPLIMIT=63 FLOWLBL=0 PROTO=ICMPv6 TYPE=1 CODE=0 [SRC=fd00:000e:0000:0000:0000:0000:0000:0020 \
         DST=fd00:000a:0000:0000:0000:0000:0000:0010 LEN=56 TC=0 HOPLIMIT=64 FLOWLBL=0 FRAG:80 INCOMPLETE \
         ID:00000abc PROTO=UDP ] MARK=0x77 ",
        &[],
    ),
    packet(
        "bridge",
        "8cb0481d-0346-4b0b-964f-ac69fIN=br0 OUT=br0 PHYSIN=brp1 PHYSOUT=brp2 MACSRC=12:00:00:00:01:02 \
         MACDST=12:00:00:00:02:02 MACPROTO=0800 SRC=192.168.77.11 DST=192.168.77.12 LEN=28 TOS=0x00 PREC=0x00 \
         TTL=64 ID=21832 PROTO=UDP SPT=1 DPT=2 LEN=8 ",
        &[],
    ),
    packet(
        "ebtables",
        "ebt-12d329ac-435a-4625 IN=brp1 OUT=brp2 MAC source = 12:00:00:00:01:02 MAC dest = 12:00:00:00:02:02 \
         proto = 0x0806 ARP HTYPE=1, PTYPE=0x0800, OPCODE=2 ARP MAC SRC=12:00:00:00:01:02 ARP IP SRC=192.168.77.11 \
         ARP MAC DST=12:00:00:00:02:02 ARP IP DST=192.168.77.12",
        &[],
    ),
    packet(
        "arp",
        "OK_1514b8bc-d543-4e82-8bc6-7 IN=brp1 OUT=brp2 ARP HTYPE=1 PTYPE=0x0800 OPCODE=2 MACSRC=12:00:00:00:01:02 \
         IPSRC=192.168.77.11 MACDST=12:00:00:00:02:02 IPDST=192.168.77.12",
        &[Split],
    ),
    packet(
        "ufw",
        "[UFW BLOCK] IN=eth0 OUT= MAC=06:9b:25:00:16:05:06:9b:25:00:16:14:08:00 SRC=10.0.16.20 DST=10.0.16.5 LEN=60 \
         TOS=0x00 PREC=0x00 TTL=63 ID=15946 DF PROTO=TCP SPT=48724 DPT=8080 WINDOW=65160 RES=0x00 SYN URGP=0 ",
        &[Regex, Split, Ufwlog],
    ),
    packet(
        "trace",
        "TRACE: raw:PREROUTING:policy:2 IN=wbrdg-0afe0008 OUT= MAC=4e:b7:a4:74:e2:45:0a:5a:66:81:1f:1d:08:00 \
         SRC=10.254.0.10 DST=10.0.16.77 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=50250 PROTO=TCP SPT=39010 DPT=80 SEQ=7 \
         ACK=0 WINDOW=8192 RES=0x00 SYN URGP=0 OPT (020405B40402080A001121010000000001030307) ",
        &[Regex, Split, Ufwlog],
    ),
];

/// Puts the envelope that all rivals know before a packet's text: the one that rsyslog writes to
/// `kern.log`.
///
/// ```
/// assert_eq!(asg_benches::samples::in_kern_log("x"), "Jun 16 23:18:38 vm kernel: [2681198.826158] x");
/// ```
#[must_use]
pub fn in_kern_log(text: &str) -> String {
    format!("Jun 16 23:18:38 vm kernel: [2681198.826158] {text}")
}

/// The rival for an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// No rival is timed.
    None,
    /// `syslog_loose`: time, host, program, and the message.
    SyslogLoose,
    /// `serde_json`'s `Value`, by the key of the message.
    Value(&'static str),
}

/// One envelope around a line.
#[derive(Debug, Clone, Copy)]
pub struct EnvelopeSample {
    /// The writer of the envelope.
    pub name: &'static str,
    /// The line; `~` is replaced by the packet.
    pub model: &'static str,
    /// Its dialect, as the library's JSON spells it.
    pub dialect: &'static str,
    /// The rival that parses it, too.
    pub peer: Peer,
}

impl EnvelopeSample {
    /// Returns the line with this packet in it. The text must need no escape in JSON.
    ///
    /// ```
    /// let sample = asg_benches::samples::ENVELOPES[0];
    /// assert_eq!((sample.name, sample.line("x").as_str()), ("bare", "x"));
    /// ```
    #[must_use]
    pub fn line(&self, packet: &str) -> String {
        self.model.replace('~', packet)
    }
}

const fn envelope(
    name: &'static str,
    dialect: &'static str,
    peer: Peer,
    model: &'static str,
) -> EnvelopeSample {
    EnvelopeSample { name, model, dialect, peer }
}

/// Every envelope of ten years.
///
/// ```
/// use asg_benches::{PACKETS, samples::ENVELOPES};
/// use asg_core::{Line, Record};
/// for sample in ENVELOPES {
///     let line = sample.line(PACKETS[0]);
///     let line = Line::new(line.as_bytes());
///     let record = Record::classify(&line);
///     assert_eq!(record.packet().expect(sample.name).0.to_line(), PACKETS[0].as_bytes(), "{}", sample.name);
///     assert_eq!(serde_json::to_value(record.envelope.dialect).unwrap(), sample.dialect, "{}", sample.name);
/// }
/// ```
pub const ENVELOPES: [EnvelopeSample; 24] = {
    use Peer::{None, SyslogLoose, Value};
    [
        envelope("bare", "bare", None, "~"),
        envelope(
            "rfc3164",
            "rfc3164",
            SyslogLoose,
            "Jun 16 23:18:38 vm kernel: [2681198.826158] ~",
        ),
        envelope(
            "rfc3164-priority",
            "rfc3164",
            SyslogLoose,
            "<4>Jun 16 23:18:38 vm kernel: [2681198.826158] ~",
        ),
        envelope(
            "rfc3164-job",
            "rfc3164",
            None,
            "Jun 16 23:18:38 kern kernel [job=diego_cell index=1] [2681198.826158] ~",
        ),
        envelope(
            "rfc3164-grep",
            "rfc3164",
            None,
            "var/log/kern.log:Jun 16 23:18:38 vm kernel: [2681198.826158] ~",
        ),
        envelope(
            "rfc3339",
            "rfc3339",
            SyslogLoose,
            "2018-04-03T17:05:02.358719+00:00 vm kernel: [2681198.826158] ~",
        ),
        envelope(
            "metron-job",
            "rfc3339",
            None,
            "<4>2017-06-16T23:18:38.826301+00:00 10.0.16.15 kernel [job=diego_cell index=1] [2681198.826158] ~",
        ),
        envelope(
            "metron-instance",
            "rfc3339",
            None,
            "<4>2016-05-07T10:00:00.123456+00:00 10.0.16.15 kernel \
             cf/diego-cell/0455ec2b-11fa-41ab-9d1c-f3a575cd55ea [2681198.826158] ~",
        ),
        envelope(
            "rfc5424-bosh",
            "rfc5424",
            SyslogLoose,
            "<4>1 2024-05-06T07:09:10.581301+00:00 10.0.16.15 kernel - - [instance@47450 director=\"\" deployment=\"cf\" \
             group=\"diego-cell\" az=\"z1\" id=\"0455ec2b-11fa-41ab-9d1c-f3a575cd55ea\"] [2681198.826158] ~",
        ),
        envelope(
            "rfc5424",
            "rfc5424",
            SyslogLoose,
            "<4>1 2024-05-06T07:09:10.581301+00:00 vm kernel - - - [2681198.826158] ~",
        ),
        envelope(
            "rfc5424-counted",
            "rfc5424",
            None,
            "318 <4>1 2024-05-06T07:09:10.581301+00:00 vm kernel - - - [2681198.826158] ~",
        ),
        envelope("dmesg", "console", None, "[2681198.826158] ~"),
        envelope("dmesg-T", "console", None, "[Mon Jul 24 19:19:10 2017] ~"),
        envelope("dmesg-iso", "console", None, "2017-07-24T19:19:10,581122+00:00 ~"),
        envelope("dmesg-x", "console", None, "kern  :warn  : [2681198.826158] ~"),
        envelope("proc-kmsg", "console", None, "<4>[2681198.826158] ~"),
        envelope("dev-kmsg", "dev_kmsg", None, "4,31017,2681198826158,-;~"),
        envelope("journald-short-monotonic", "console", None, "[2681198.826158] vm kernel: ~"),
        envelope(
            "journald-json",
            "journal_json",
            Value("MESSAGE"),
            "{\"__REALTIME_TIMESTAMP\":\"1500923950581122\",\"_SOURCE_MONOTONIC_TIMESTAMP\":\"2681198826158\",\
             \"_HOSTNAME\":\"vm\",\"SYSLOG_IDENTIFIER\":\"kernel\",\"PRIORITY\":\"4\",\"MESSAGE\":\"~\"}",
        ),
        envelope(
            "dmesg-json",
            "dmesg_json",
            Value("msg"),
            "{\"pri\":4,\"time\":  2681198.826158,\"msg\":\"~\"},",
        ),
        envelope(
            "shipper-json",
            "console",
            Value("message"),
            "{\"@timestamp\":\"2017-06-16T23:18:38.826Z\",\"host\":{\"name\":\"vm\"},\
             \"message\":\"[2681198.826158] ~\",\"agent\":{}}",
        ),
        envelope(
            "syslog-in-json",
            "rfc3164",
            Value("log"),
            "{\"log\":\"Jun 16 23:18:38 vm kernel: [2681198.826158] ~\\n\",\"stream\":\"stdout\"}",
        ),
        envelope("journald-export", "journal_field", None, "MESSAGE=~"),
        envelope("container", "container", None, "2024-05-06T07:08:05.400512000Z stdout F ~"),
    ]
};
