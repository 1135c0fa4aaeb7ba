//! The usual alternatives, as rivals for the benches.

use std::collections::HashMap;
use std::net::IpAddr;
use std::str::FromStr as _;

use asg_core::Packet;
use asg_core::packet::Address;
use regex::bytes::{Captures, Regex};
use ufwlog::UfwLog;

/// A rival for packet lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rival {
    /// [`full_pattern`]. Fields stay text.
    Regex,
    /// [`words`]. Fields stay text, and the header is not parsed at all.
    Split,
    /// The `ufwlog` crate, made for lines of the Uncomplicated Firewall. It converts numbers and
    /// addresses; text in brackets stays text, and nothing is checked against the kernel's format.
    Ufwlog,
}

/// The fields that are compared before anything is timed: those that every contestant gives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fields {
    /// `IN=`
    pub in_if: Option<String>,
    /// `SRC=`
    pub src: Option<IpAddr>,
    /// `DST=`
    pub dst: Option<IpAddr>,
    /// `PROTO=`
    pub proto: Option<String>,
    /// `SPT=`
    pub spt: Option<u16>,
    /// `DPT=`
    pub dpt: Option<u16>,
}

impl Fields {
    /// Takes the fields from this crate's packet.
    ///
    /// ```
    /// use asg_benches::{PACKETS, rivals::{Fields, Rival}, samples::in_kern_log};
    /// let ours = Fields::of(&asg_core::Packet::parse(PACKETS[1].as_bytes()).unwrap());
    /// assert_eq!(ours.dpt, Some(53));
    /// for rival in [Rival::Regex, Rival::Split, Rival::Ufwlog] {
    ///     assert_eq!(Fields::by(rival, &in_kern_log(PACKETS[1])).as_ref(), Some(&ours));
    /// }
    /// ```
    #[must_use]
    pub fn of(packet: &Packet<'_>) -> Self {
        Self {
            in_if: packet.in_if.map(|name| name.to_string()),
            src: packet.ip.src.and_then(Address::ip),
            dst: packet.ip.dst.and_then(Address::ip),
            proto: packet.ip.proto.map(|proto| proto.to_string()),
            spt: packet.ip.spt,
            dpt: packet.ip.dpt,
        }
    }

    /// Takes the fields from a rival; `None` if it gives up.
    #[must_use]
    pub fn by(rival: Rival, line: &str) -> Option<Self> {
        match rival {
            Rival::Regex => {
                let captures = full_pattern().captures(line.as_bytes())?;
                Some(Self::from_text(|key| captured(&captures, key)))
            }
            Rival::Split => {
                let words = words(line.as_bytes());
                Some(Self::from_text(|key| {
                    let value = words.get(key.to_uppercase().as_bytes())?;
                    std::str::from_utf8(value).ok()
                }))
            }
            Rival::Ufwlog => {
                let read = UfwLog::from_str(line).ok()?;
                Some(Self {
                    in_if: Some(read.r#in),
                    src: Some(read.src),
                    dst: Some(read.dst),
                    proto: Some(read.proto),
                    spt: read.spt,
                    dpt: read.dpt,
                })
            }
        }
    }

    fn from_text<'t>(value: impl Fn(&'static str) -> Option<&'t str>) -> Self {
        Self {
            in_if: value("in").map(Into::into),
            src: value("src").and_then(|text| text.parse().ok()),
            dst: value("dst").and_then(|text| text.parse().ok()),
            proto: value("proto").map(Into::into),
            spt: value("spt").and_then(|text| text.parse().ok()),
            dpt: value("dpt").and_then(|text| text.parse().ok()),
        }
    }
}

fn captured<'t>(captures: &Captures<'t>, key: &str) -> Option<&'t str> {
    std::str::from_utf8(captures.name(key)?.as_bytes()).ok()
}

/// Returns the words with a `=` in them, by the part before it; if a word comes twice, the last
/// counts.
///
/// ```
/// let words = asg_benches::rivals::words(b"IN= OUT=eth0 DF LEN=60 LEN=40 ");
/// assert_eq!((words[b"OUT".as_slice()], words[b"LEN".as_slice()]), (b"eth0".as_slice(), b"40".as_slice()));
/// ```
#[must_use]
pub fn words(line: &[u8]) -> HashMap<&[u8], &[u8]> {
    line.split(|&b| b == b' ')
        .filter_map(|word| {
            word.iter().position(|&b| b == b'=').map(|at| (&word[..at], &word[at + 1..]))
        })
        .collect()
}

/// Returns one pattern that names every field of a common packet line and its envelope, as log
/// pipelines use it.
///
/// It does less than this crate: fields stay text, and a line that it does not match is not an
/// error.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{PACKET_KINDS, in_kern_log};

    #[test]
    fn each_kind_of_packet_is_read_by_the_rivals_that_it_names_and_no_others() {
        for sample in PACKET_KINDS {
            let packet = Packet::parse(sample.text.as_bytes()).expect(sample.name);
            let ours = Fields::of(&packet);
            let line = in_kern_log(sample.text);
            let right: Vec<_> = [Rival::Regex, Rival::Split, Rival::Ufwlog]
                .into_iter()
                .filter(|rival| Fields::by(*rival, &line).as_ref() == Some(&ours))
                .collect();
            assert_eq!(right, sample.rivals, "{}", sample.name);
        }
    }
}
