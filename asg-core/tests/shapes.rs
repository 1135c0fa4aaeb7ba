//! Packet lines in the shapes in which other programs, routers and people show them.

use asg_core::{Line, Record};

#[test]
fn lines_as_the_world_has_them() {
    let shapes = [
        (
            "ulogd2",
            r"Nov 17 16:23:06 0123456789ab [OUTPUT] IN= OUT=eth0 MAC= SRC=192.0.2.37 DST=198.51.100.2 LEN=84 TOS=00 PREC=0x00 TTL=64 ID=1810 DF PROTO=ICMP TYPE=8 CODE=0 ID=1093 SEQ=1483 UID=0 GID=0 MARK=0",
        ),
        (
            "a router with ulogd2 inside",
            r#"<13>Nov 29 19:44:35 gate [LAN_LOCAL-RET-1] DESCR="no rule" IN=br0 OUT= MAC=01:00:5e:00:00:fb:02:00:5e:00:53:02:08:00 SRC=192.0.2.158 DST=224.0.0.251 LEN=473 TOS=00 PREC=0x00 TTL=255 ID=3949 PROTO=UDP SPT=2470 DPT=1585 LEN=453 MARK=1b0000"#,
        ),
        (
            "ulogd2, no prefix",
            r"Jun 18 16:10:09 vm  IN=wlan0 OUT= MAC=01:00:5e:00:00:fb:02:00:5e:00:53:02:08:00 SRC=192.0.2.8 DST=224.0.0.251 LEN=248 TOS=00 PREC=0x00 TTL=255 ID=1741 PROTO=UDP SPT=1531 DPT=2734 LEN=228 MARK=0 ",
        ),
        (
            "early ulogd2, two blanks",
            r"Dec 10 09:52:01 vm Shorewall:net2dmz:ACCEPT: IN=eth0 OUT=eth1 MAC=02:00:5e:00:53:01:02:00:5e:00:53:02:08:00  SRC=192.0.2.65 DST=198.51.100.195 LEN=67 TOS=00 PREC=0x00 TTL=46 ID=0 DF PROTO=UDP SPT=2380 DPT=1246 LEN=47",
        ),
        (
            "ulogd2, a fragment",
            r"Jun 18 16:10:09 vm v6 IN=wlan0 OUT= MAC= SRC=2001:db8::1 DST=2001:db8::2 LEN=1500 TC=0 HOPLIMIT=64 FLOWLBL=0 FRAG: 1448 ID: 00fe00fe PROTO=UDP INCOMPLETEMARK=0x0 ",
        ),
        (
            "ulogd2, an ARP message",
            r"Jun 18 16:10:09 vm ulogd[812]: arp IN=br0 OUT= MAC=ff:ff:ff:ff:ff:ff:02:00:5e:00:53:02:08:06 SRC=192.0.2.8 DST=192.0.2.9 PROTO=ARP REQUEST MARK=0x0",
        ),
        (
            "ebtables",
            r"2018-08-11T16:21:09.503819+09:30 bridge kernel: [ 2343.595381] EBT IN=enx1 OUT=enx2 MAC source = 02:00:5e:00:53:01 MAC dest = 02:00:5e:00:53:02 proto = 0x0800 IP SRC=192.0.2.200 IP DST=203.0.113.37, IP tos=0x00, IP proto=6 SPT=1162 DPT=1045",
        ),
        (
            "a tagged ARP message",
            r"[ 2343.595381] test: IN=veth0 OUT= MACSRC=02:00:5e:00:53:01 MACDST=02:00:5e:00:53:02 VPROTO=8100 VID=10 MACPROTO=0806 ARP HTYPE=1 PTYPE=0x0800 OPCODE=2 MACSRC=02:00:5e:00:53:01 IPSRC=192.0.2.2 MACDST=02:00:5e:00:53:02 IPDST=192.0.2.1",
        ),
        (
            "a router that counts",
            r"Jul  2 16:35:57 gate kernel: [ 2343.595381] [FW]D=O CD=O IN=br0 OUT=eth0 PHYSIN=eth1.999 MAC=02:00:5e:00:53:01:02:00:5e:00:53:02:08:00 SRC=192.0.2.64 DST=203.0.113.64 LEN=64 TOS=0x00 PREC=0x00 TTL=63 ID=0 DF PROTO=TCP SPT=2698 DPT=1048 WINDOW=2809 RES=0x00 SYN URGP=0 MARK=0x87",
        ),
        (
            "IPsec",
            r"Jan 26 09:28:12 d kernel: chk drop [STATE=invalid] IN=ipsec0 OUT= PHYSIN=eth1 MAC= SRC=192.0.2.1 DST=198.51.100.1 LEN=52 TOS=0x00 PREC=0x00 TTL=64 ID=0 DF PROTO=TCP SPT=2164 DPT=2227 WINDOW=1567 RES=0x00 ACK SYN URGP=0 MARK=0x1000000",
        ),
        (
            "a level in the middle",
            r"2017-01-09 22:53:40.020000500 <4>NETFILTER drop IN=eth0 OUT= MAC=02:00:5e:00:53:01:02:00:5e:00:53:02:08:00 SRC=192.0.2.76 DST=198.51.100.128 LEN=121 TOS=0x00 PREC=0x00 TTL=112 ID=1075 PROTO=ICMP TYPE=3 CODE=3 [SRC=198.51.100.128 DST=192.0.2.37 LEN=93 TOS=0x00 PREC=0x00 TTL=45 ID=0 DF PROTO=UDP SPT=3808 DPT=3235 LEN=73 ] ",
        ),
        (
            "a prefix that is glued",
            r"Apr 26 16:50:28 vm kernel: [ 2343.595381] Unknown OutputIN= OUT=eth0 SRC=169.254.4.48 DST=169.254.255.255 LEN=78 TOS=0x00 PREC=0x00 TTL=64 ID=0 DF PROTO=UDP SPT=2971 DPT=2176 LEN=58 ",
        ),
        (
            "a service mesh",
            r"[Sat Feb  4 16:46:40 2023] OUTBOUND_INVALID: IN= OUT=eth0 SRC=192.0.2.7 DST=203.0.113.198 LEN=40 TOS=0x00 PREC=0x00 TTL=64 ID=0 DF PROTO=TCP SPT=2671 DPT=3040 WINDOW=0 RES=0x00 RST URGP=0 ",
        ),
        (
            "conntrack, no header",
            r"nf_ct_tcp: SEQ is over the upper bound (over the window of the receiver) IN= OUT=bond0 SRC=2001:0db8:f720:0003:d6ae:52ff:feb8:f27b DST=2001:0db8:400c:0c08:0000:0000:0000:001a LEN=2928 TC=0 HOPLIMIT=64 FLOWLBL=1738 PROTO=TCP SPT=1420 DPT=1618 SEQ=2962 ACK=1843 WINDOW=2314 RES=0x00 ACK PSH URGP=0 OPT (0101080A0102030405060708) UID=8 GID=12",
        ),
        (
            "a program with its number",
            r"Feb 17 21:10:31 vm kernel[152] SID1 ESTAB IN=eth0 OUT= MAC=02:00:5e:00:53:01:02:00:5e:00:53:02:08:00 SRC=192.0.2.142 DST=198.51.100.62 LEN=52 TOS=0x00 PREC=0x00 TTL=47 ID=1795 DF PROTO=TCP SPT=3529 DPT=1885 WINDOW=3868 RES=0x00 ACK URGP=0 OPT (0101080A0102030405060708) ",
        ),
        (
            "short IPv6 addresses, no ulogd2",
            r"<4>Aug 18 13:18:01 VY kernel: [ipv6-INP-D]IN=vti0 OUT= SRC=2001:db8::1 DST=2001:db8::2 LEN=84 TC=0 HOPLIMIT=255 FLOWLBL=2464 PROTO=ICMPv6 TYPE=135 CODE=0",
        ),
        (
            "an ARP message without its frame",
            r"Dec 05 14:37:47 kernel: [bridge-10-C]IN=eth1 OUT=eth2 ARP HTYPE=1 PTYPE=0x0800 OPCODE=1 MACSRC=02:00:5e:00:53:01 IPSRC=192.0.2.101 MACDST=00:00:00:00:00:00 IPDST=192.0.2.102",
        ),
        (
            "an ARP message of a kernel that mistook its offset",
            r"[12721.1] netdev out: IN= OUT=bridge0 MACSRC=02:00:5e:00:53:01 MACDST=02:00:5e:00:53:02 MACPROTO=0806 ARP HTYPE=512 PTYPE=0x5e00 OPCODE=21249",
        ),
        (
            "addresses made unknown",
            r"Jul 24 12:57:07 vm kernel: Firewall: *UDP Blocked* IN= OUT=eth0 SRC=x.x.x.x DST=y.y.y.y LEN=55 TOS=0x00 PREC=0x00 TTL=64 ID=0 DF PROTO=UDP SPT=1363 DPT=2500 LEN=35 UID=0 GID=0",
        ),
        (
            "a link header made unknown",
            r"Aug 23 23:43:56 vm kernel: [ 2343.595381] PREIN=br0 OUT= PHYSIN=eth0 MAC=[removed] SRC=192.0.2.49 DST=203.0.113.37 LEN=60 TOS=0x00 PREC=0x00 TTL=128 ID=2695 PROTO=ICMP TYPE=8 CODE=0 ID=3928 SEQ=1693 ",
        ),
        (
            "another program in the likeness of the kernel",
            r"P0000 L4 FIREWALL[8512]: nflog_log_fw(), action=DROP hook=INPUT mark=7 IN=veip0.0 OUT= MAC=02:00:5e:00:53:01:02:00:5e:0000:53:02:SRC=203.0.113.66 DST=198.51.100.1 LEN=44 TOS=0x00 PREC=0x00",
        ),
    ];
    let said = shapes.map(|(what, line)| {
        let line = Line::new(line.as_bytes());
        let record = Record::classify(&line);
        let (packet, _) = record.packet().expect(what);
        let error = Record::parse(&line).err().map(|error| error.to_string());
        let proto = packet.ip.proto.map(|proto| proto.to_string());
        let last = error.or(proto).unwrap_or_default();
        format!("{what}: {} {:?} {last}", record.kind(), packet.prefix)
    });
    insta::assert_snapshot!(said.join("\n"), @r#"
    ulogd2: packet "[OUTPUT] " ICMP
    a router with ulogd2 inside: packet "[LAN_LOCAL-RET-1] DESCR=\"no rule\" " UDP
    ulogd2, no prefix: packet " " UDP
    early ulogd2, two blanks: packet "Shorewall:net2dmz:ACCEPT: " UDP
    ulogd2, a fragment: packet "v6 " UDP
    ulogd2, an ARP message: packet "arp " 
    ebtables: packet "EBT" 
    a tagged ARP message: packet "test: " 
    a router that counts: packet "[FW]D=O CD=O " TCP
    IPsec: packet "chk drop [STATE=invalid] " TCP
    a level in the middle: packet "2017-01-09 22:53:40.020000500 <4>NETFILTER drop " ICMP
    a prefix that is glued: packet "Unknown Output" UDP
    a service mesh: packet "OUTBOUND_INVALID: " TCP
    conntrack, no header: packet "nf_ct_tcp: SEQ is over the upper bound (over the window of the receiver) " TCP
    a program with its number: packet "kernel[152] SID1 ESTAB " TCP
    short IPv6 addresses, no ulogd2: packet "[ipv6-INP-D]" ICMPv6
    an ARP message without its frame: packet "[bridge-10-C]" 
    an ARP message of a kernel that mistook its offset: packet "[12721.1] netdev out: " 
    addresses made unknown: packet "Firewall: *UDP Blocked* " UDP
    a link header made unknown: packet "PRE" ICMP
    another program in the likeness of the kernel: damaged "P0000 L4 FIREWALL[8512]: nflog_log_fw(), action=DROP hook=INPUT mark=7 " byte 120: expected a link header in hexadecimal
    "#);
}

#[test]
fn a_flow_of_ulogd2_is_something_else() {
    let line = r"Jun 18 16:10:09 vm ulogd[812]: [DESTROY] ORIG: SRC=10.255.73.3 DST=10.0.16.8 PROTO=TCP SPT=51858 DPT=80 PKTS=6 BYTES=399 , REPLY: SRC=10.0.16.8 DST=10.255.73.3 PROTO=TCP SPT=80 DPT=51858 PKTS=4 BYTES=500 ";
    let line = Line::new(line.as_bytes());
    let record = Record::classify(&line);
    assert_eq!(record.kind().to_string(), "other");
    assert!(record.packet().is_none());
}
