//! The input of the benches: lines as a foundation writes them.
#![forbid(unsafe_code)]

pub mod accuracy;
pub mod mixed;
pub mod parallel;
pub mod processor;
pub mod rivals;
pub mod samples;
pub mod shapes;
pub mod sim;

/// One packet line of each common kind, as the kernel prints it: TCP, UDP, an ICMP error and TCP
/// over IPv6.
///
/// ```
/// for line in asg_benches::PACKETS {
///     assert_eq!(asg_core::Packet::parse(line.as_bytes()).unwrap().to_line(), line.as_bytes());
/// }
/// ```
pub const PACKETS: [&str; 4] = [
    "OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 MAC=aa:aa:0a:ff:49:03:ee:ee:0a:ff:49:03:08:00 \
     SRC=10.255.73.3 DST=10.0.16.8 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=15946 DF PROTO=TCP SPT=51858 DPT=80 \
     WINDOW=27400 RES=0x00 SYN URGP=0 MARK=0x1 ",
    "OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 MAC=aa:aa:0a:ff:49:03:ee:ee:0a:ff:49:03:08:00 \
     SRC=10.255.73.3 DST=169.254.0.2 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=2806 DF PROTO=UDP SPT=36556 DPT=53 LEN=41 ",
    "DENY_bfce786c-ab07-40ad-79f9 IN=s-010255073003 OUT=eth0 MAC=aa:aa:0a:ff:49:03:ee:ee:0a:ff:49:03:08:00 \
     SRC=10.255.73.3 DST=10.0.16.10 LEN=88 TOS=0x00 PREC=0xC0 TTL=63 ID=1 PROTO=ICMP TYPE=3 CODE=3 \
     [SRC=10.0.16.10 DST=10.255.73.3 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=2 DF PROTO=UDP SPT=53 DPT=36556 LEN=40 ] ",
    "OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 MAC=aa:aa:0a:ff:49:03:ee:ee:0a:ff:49:03:86:dd \
     SRC=2600:1f18:27b3:881e:53b7:0000:0000:0003 DST=2001:4860:4860:0000:0000:0000:0000:8888 LEN=80 TC=0 \
     HOPLIMIT=63 FLOWLBL=123456 PROTO=TCP SPT=51858 DPT=443 WINDOW=64800 RES=0x00 SYN URGP=0 ",
];
