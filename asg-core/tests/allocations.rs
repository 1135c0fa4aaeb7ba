//! Counts the heap allocations of a line: none, except for what its structure needs.

use allocation_counter::measure;
use asg_core::{Line, Origin, Record, SourceId};

/// Returns the allocations of reading a line, and the record's kind. The first line of a process
/// initialises shared state.
fn counted(line: &[u8]) -> (u64, &'static str) {
    let warm = Record::classify(&Line::new(line)).kind();
    let mut kind = "";
    let info = measure(|| kind = Record::classify(&Line::new(line)).kind());
    assert_eq!(kind, warm);
    (info.count_total, kind)
}

const V4: &str = "SRC=192.0.2.1 DST=198.51.100.2 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=7 ";
const V6: &str = "SRC=2001:0db8:0000:0000:0000:0000:0000:0001 DST=2001:0db8:0000:0000:0000:0000:0000:0002 LEN=80 TC=0 \
    HOPLIMIT=63 FLOWLBL=0 ";
const TCP: &str = "PROTO=TCP SPT=51858 DPT=80 WINDOW=27400 RES=0x00 SYN URGP=0 ";

#[test]
fn a_packet_costs_nothing() {
    let tails = [
        format!("{V4}DF {TCP}"),
        format!("{V4}PROTO=UDP SPT=1 DPT=2 LEN=8 MARK=0x1 "),
        format!("{V4}PROTO=ICMP TYPE=8 CODE=0 ID=1 SEQ=2 "),
        format!("{V4}OPT (94040000) PROTO=TCP SPT=1 DPT=2 SEQ=1 ACK=2 WINDOW=3 RES=0x00 AE SYN URGP=0 OPT (0204) UID=0 GID=0 "),
        format!("{V4}FRAG:185 PROTO=TCP "),
        format!("{V4}PROTO=ESP SPI=0x1 "),
        format!("{V4}PROTO=47 "),
        format!("PHYSIN=p1 PHYSOUT=p2 MACSRC=02:00:5e:00:53:01 MACDST=02:00:5e:00:53:02 VPROTO=8100 VID=5 MACPROTO=0800 {V4}{TCP}"),
        format!("MAC=02:00:5e:00:53:01:02:00:5e:00:53:02:08:00 TUNNEL=192.0.2.9->198.51.100.9 {V4}{TCP}"),
        format!("{V6}{TCP}"),
        format!("{V6}PROTO=ICMPv6 TYPE=135 CODE=0 "),
        "MAC=02:00:5e:00:53:01:02:00:5e:00:53:02:08:00 TRUNCATED".into(),
        "ARP HTYPE=1 PTYPE=0x0800 OPCODE=1 MACSRC=02:00:5e:00:53:01 IPSRC=192.0.2.1 MACDST=00:00:00:00:00:00 IPDST=192.0.2.2".into(),
        "MAC source = 02:00:5e:00:53:01 MAC dest = 02:00:5e:00:53:02 proto = 0x0800 IP SRC=192.0.2.1 IP DST=192.0.2.2, \
            IP tos=0x00, IP proto=17 SPT=1 DPT=2".into(),
        V4.replace("TOS=0x", "TOS=") + "PROTO=TCP SPT=1 DPT=2 SEQ=1 ACK=2 WINDOW=3 SYN URGP=0 MARK=0 ",
        V6.replace("2001:0db8:0000:0000:0000:0000:0000:000", "2001:db8::") + "PROTO=TCP SPT=1 DPT=2 SEQ=1 ACK=2 WINDOW=3 SYN URGP=0 ",
    ];
    let headers = [
        "",
        "[ 2343.595381] ",
        "Jun 16 23:18:38 kern kernel [job=diego_cell index=1] [2681198.826158] ",
        "<4>1 2026-11-23T04:04:36.692651+00:00 vm kernel - - [instance@47450 deployment=\"cf\" group=\"diego-cell\" \
         id=\"0455ec2b-11fa-41ab-9d1c-f3a575cd55ea\"] [ 2343.595381] ",
    ];
    for header in headers {
        for tail in &tails {
            let line =
                format!("{header}OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 {tail}");
            assert_eq!(counted(line.as_bytes()), (0, "packet"), "{line}");
            // Nor does damage: its message is put together when it is asked for.
            let cut = &line.as_bytes()[..line.len() - tail.len() / 2];
            let (count, kind) = counted(cut);
            assert!(count == 0 && matches!(kind, "damaged" | "packet"), "{count} {kind} {line}");
        }
    }
}

#[test]
fn what_a_packet_holds_costs_one_allocation_each() {
    let quote =
        format!("x IN=a OUT=b {V4}PROTO=ICMP TYPE=3 CODE=3 [{V4}PROTO=UDP SPT=1 DPT=2 LEN=8 ] ");
    assert_eq!(counted(quote.as_bytes()), (1, "packet"), "the packet that an ICMP error quotes");
    for headers in 1..=4 {
        let line = format!("x IN=a OUT=b {V6}{}{TCP}", "OPT ( ) ".repeat(headers));
        assert_eq!(counted(line.as_bytes()), (1, "packet"), "up to four IPv6 extension headers");
    }
    let record = format!("4,31017,2343595381,-;x IN=a OUT=b {V4}{TCP}");
    assert_eq!(
        counted(record.as_bytes()),
        (1, "packet"),
        "what a record of the kernel's buffer tells of it"
    );
    let escaped = format!("4,31017,2343595381,-;x\\x5c IN=a OUT=b {V4}{TCP}");
    assert_eq!(counted(escaped.as_bytes()), (2, "packet"), "and its text, if that was escaped");
}

#[test]
fn a_line_that_proves_nothing_costs_nothing() {
    for line in [
        r#"{"timestamp":"2024-05-06T07:08:05.123456789Z","level":"info","source":"rep","message":"rep.sync-drivers.starting","data":{"session":"7"}}"#,
        r#"{"timestamp":"1498136872.100054197","source":"rep","message":"rep.evacuation-cleanup.exited","log_level":1,"data":{"session":"12","exited":true}}"#,
        "Jun 16 23:18:38 vm systemd[1]: Started Session 12 of user vcap.",
        "",
    ] {
        assert_eq!(counted(line.as_bytes()), (0, "other"), "{line}");
    }
}

#[test]
fn evidence_costs_its_names_only() {
    let running = r#"{"timestamp":"2024-05-06T07:08:05.123456789Z","level":"info","source":"rep","message":"rep.executing-container-operation.ordinary-lrp-processor.process-running-container.bbs-start-actual-lrp","data":{"container-guid":"bfce786c-ab07-40ad-79f9-8f21","container-state":"running","guid":"bfce786c-ab07-40ad-79f9-8f21","lrp-instance-key":{"instance_guid":"bfce786c-ab07-40ad-79f9-8f21","cell_id":"0455ec2b-11fa-41ab-9d1c-f3a575cd55ea"},"lrp-key":{"process_guid":"34ac676f-5adc-4605-a412-c0a69eb2dbaf-8a0be5f0-3c7e-4b2a-a5c8-7d9fbb2f8e11","index":0,"domain":"cf-apps"},"net_info":{"address":"10.0.16.15","instance_address":"10.255.73.3","ports":[]},"session":"1.2.3"}}"#;
    let destroyed = r#"{"timestamp":"1498136872.8","source":"guardian","message":"guardian.destroy.finished","log_level":1,"data":{"handle":"d08bb414-cdba-4381-412a-e9ecc1b7d0f4"}}"#;
    let origin = Origin { source: SourceId(0), line: 1 };
    // Records borrow. A handle and a process GUID are numbers; a cell's name is a text of its own.
    for (line, names) in [(running, 1), (destroyed, 0)] {
        assert_eq!(counted(line.as_bytes()), (0, "rep"), "{line}");
        let line = Line::new(line.as_bytes());
        let record = Record::classify(&line);
        let mut facts = 0;
        let cost = measure(|| record.evidence(origin, |_| facts += 1)).count_total;
        assert_eq!((cost, facts), (names, 1), "{record:?}");
    }
}
