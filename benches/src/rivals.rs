//! What people do today, as rivals for the benches.

use regex::bytes::Regex;

/// One pattern that names every field of a common packet line and its envelope, as log pipelines have it.
///
/// It is kinder to itself than the crate is: fields stay text, and a line that it does not match is no error.
///
/// ```
/// let pattern = asg_benches::rivals::full_pattern();
/// for line in &asg_benches::PACKETS[..3] {
///     let line = format!("Jun 16 23:18:38 kern kernel [job=diego_cell index=1] [2681198.826158] {line}");
///     assert!(pattern.is_match(line.as_bytes()), "{line}");
/// }
/// ```
///
/// # Panics
///
/// Never: the pattern is fixed.
#[must_use]
pub fn full_pattern() -> Regex {
    Regex::new(concat!(
        r"^(?P<time>\S+(?: +\d+ [\d:]+)?) (?P<host>\S+) (?P<program>\S+?):? ",
        r"(?:\[job=(?P<job>\S+) index=(?P<index>\d+)\] +)?\[ *(?P<uptime>\d+\.\d+)\] ",
        r"(?P<prefix>.*?)IN=(?P<in>\S*) OUT=(?P<out>\S*) ",
        r"(?:PHYSIN=(?P<physin>\S+) )?(?:PHYSOUT=(?P<physout>\S+) )?(?:MAC=(?P<mac>\S*) )?",
        r"SRC=(?P<src>\S*) DST=(?P<dst>\S*) LEN=(?P<len>\d+) TOS=0x(?P<tos>[0-9A-F]+) PREC=0x(?P<prec>[0-9A-F]+) ",
        r"TTL=(?P<ttl>\d+) ID=(?P<id>\d+) (?P<ce>CE )?(?P<df>DF )?(?P<mf>MF )?(?:FRAG:(?P<frag>\d+) )?",
        r"(?:OPT \((?P<ip_opt>[0-9A-F]+)\) )?PROTO=(?P<proto>\S+) ?",
        r"(?:SPT=(?P<spt>\d+) DPT=(?P<dpt>\d+) )?(?:SEQ=(?P<seq>\d+) ACK=(?P<ack>\d+) )?",
        r"(?:WINDOW=(?P<window>\d+) RES=0x(?P<res>[0-9a-f]+) (?P<flags>(?:[A-Z]+ )*)URGP=(?P<urgp>\d+) ?)?",
        r"(?:OPT \((?P<tcp_opt>[0-9A-F]+)\) )?(?:LEN=(?P<udp_len>\d+) ?)?",
        r"(?:TYPE=(?P<type>\d+) CODE=(?P<code>\d+) ?)?(?:ID=(?P<icmp_id>\d+) SEQ=(?P<icmp_seq>\d+) ?)?",
        r"(?:\[(?P<nested>.*?)\] ?)?(?:UID=(?P<uid>\d+) GID=(?P<gid>\d+) ?)?(?:MARK=0x(?P<mark>[0-9a-f]+) ?)?$",
    ))
    .expect("a fixed pattern")
}
