//! Packet lines, as the kernel prints them.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use super::Chance;

/// The way of a packet through a cell.
#[derive(Debug, Clone)]
pub(super) struct Path {
    pub(super) input: String,
    pub(super) output: String,
    /// The link header: twelve bytes of addresses; the ethertype follows from the packet.
    pub(super) mac: String,
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    pub(super) mark: Option<u32>,
}

/// The content of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// The first packet of a connection.
    Syn { port: u16 },
    /// A packet of a connection whose beginning the kernel no longer knows.
    Ack { port: u16 },
    /// A packet that belongs to no connection.
    Reset { port: u16 },
    /// A datagram.
    Udp { port: u16 },
    /// A question to a name server.
    Dns,
    /// An echo request.
    Ping,
    /// An error about a packet that the container did not want, and quotes.
    Unreachable,
}

/// Appends everything behind the prefix.
pub(super) fn write(out: &mut Vec<u8>, path: &Path, load: Load, chance: &mut Chance) {
    let Path { input, output, mac, src, dst, mark } = path;
    let v6 = src.is_ipv6();
    let ethertype = if v6 { "86:dd" } else { "08:00" };
    let _ = write!(out, "IN={input} OUT={output} MAC={mac}:{ethertype} ");
    let len = match load {
        Load::Syn { .. } => 60,
        Load::Ack { .. } | Load::Reset { .. } => 52,
        Load::Udp { .. } => 48,
        Load::Dns => 55 + chance.below(40),
        Load::Ping => 84,
        Load::Unreachable => 88,
    };
    header(out, *src, *dst, len, load == Load::Unreachable, chance);
    match load {
        Load::Syn { port } => {
            let (spt, window) = (ephemeral(chance), 26_000 + chance.below(40) * 100);
            let _ =
                write!(out, "PROTO=TCP SPT={spt} DPT={port} WINDOW={window} RES=0x00 SYN URGP=0 ");
        }
        Load::Ack { port } | Load::Reset { port } => {
            let flag = if matches!(load, Load::Ack { .. }) { "ACK" } else { "RST" };
            let spt = ephemeral(chance);
            let _ =
                write!(out, "PROTO=TCP SPT={spt} DPT={port} WINDOW=501 RES=0x00 {flag} URGP=0 ");
        }
        Load::Udp { port } => {
            let _ = write!(out, "PROTO=UDP SPT={} DPT={port} LEN={} ", ephemeral(chance), len - 20);
        }
        Load::Dns => {
            let _ = write!(out, "PROTO=UDP SPT={} DPT=53 LEN={} ", ephemeral(chance), len - 20);
        }
        Load::Ping => {
            let (proto, kind) = if v6 { ("ICMPv6", 128) } else { ("ICMP", 8) };
            let (id, seq) = (chance.below(65_536), 1 + chance.below(9));
            let _ = write!(out, "PROTO={proto} TYPE={kind} CODE=0 ID={id} SEQ={seq} ");
        }
        Load::Unreachable => {
            let (proto, kind, code) = if v6 { ("ICMPv6", 1, 4) } else { ("ICMP", 3, 3) };
            let _ = write!(out, "PROTO={proto} TYPE={kind} CODE={code} [");
            header(out, *dst, *src, 60, false, chance);
            let _ = write!(out, "PROTO=UDP SPT=53 DPT={} LEN=40 ] ", ephemeral(chance));
        }
    }
    if let Some(mark) = mark {
        let _ = write!(out, "MARK=0x{mark:x} ");
    }
}

fn header(
    out: &mut Vec<u8>,
    src: IpAddr,
    dst: IpAddr,
    len: u64,
    is_error: bool,
    chance: &mut Chance,
) {
    if let (IpAddr::V6(src), IpAddr::V6(dst)) = (src, dst) {
        let _ = out.write_all(b"SRC=");
        full(out, src.segments());
        let _ = out.write_all(b" DST=");
        full(out, dst.segments());
        let label = chance.below(1 << 20);
        let _ = write!(out, " LEN={} TC=0 HOPLIMIT=63 FLOWLBL={label} ", len + 20);
    } else {
        let (prec, df) = if is_error { ("0xC0", "") } else { ("0x00", "DF ") };
        let id = chance.below(65_536);
        let _ =
            write!(out, "SRC={src} DST={dst} LEN={len} TOS=0x00 PREC={prec} TTL=63 ID={id} {df}");
    }
}

/// Writes an IPv6 address; the kernel never shortens one.
fn full(out: &mut Vec<u8>, segments: [u16; 8]) {
    for (n, segment) in segments.into_iter().enumerate() {
        let _ = write!(out, "{}{segment:04x}", if n == 0 { "" } else { ":" });
    }
}

fn ephemeral(chance: &mut Chance) -> u64 {
    32_768 + chance.below(28_232)
}

/// Returns silk's interface name, which contains the container's address: `s-010255073003`.
pub(super) fn veth(ip: Ipv4Addr) -> String {
    let [a, b, c, d] = ip.octets();
    format!("s-{a:03}{b:03}{c:03}{d:03}")
}

/// Returns silk's link address, which contains it too.
pub(super) fn silk_mac(ip: Ipv4Addr) -> String {
    let [a, b, c, d] = ip.octets();
    format!("aa:aa:{a:02x}:{b:02x}:{c:02x}:{d:02x}:ee:ee:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

#[cfg(test)]
mod tests {
    use asg_core::Packet;

    use super::*;

    #[test]
    fn every_load_reads_back_and_prints_back() {
        let mut chance = Chance::new(1);
        let v6 = |text: &str| text.parse::<IpAddr>().unwrap();
        for (src, dst) in [
            (IpAddr::V4([10, 255, 73, 3].into()), IpAddr::V4([8, 8, 8, 8].into())),
            (v6("fd00::3"), v6("2001:4860:4860::8888")),
        ] {
            for load in [
                Load::Syn { port: 443 },
                Load::Ack { port: 443 },
                Load::Reset { port: 443 },
                Load::Udp { port: 123 },
                Load::Dns,
                Load::Ping,
                Load::Unreachable,
            ] {
                let path = Path {
                    input: veth([10, 255, 73, 3].into()),
                    output: "eth0".into(),
                    mac: silk_mac([10, 255, 73, 3].into()),
                    src,
                    dst,
                    mark: Some(0xaf),
                };
                let mut line = b"OK_bfce786c-ab07-40ad-79f9-8 ".to_vec();
                write(&mut line, &path, load, &mut chance);
                let packet = Packet::parse(&line).unwrap();
                assert_eq!(packet.to_line(), line);
                assert_eq!(packet.ip.src.unwrap().ip(), Some(src));
                assert_eq!(packet.mark, Some(0xaf));
                assert_eq!(packet.ip.nested.is_some(), load == Load::Unreachable);
            }
        }
    }
}
