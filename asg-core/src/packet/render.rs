//! Prints a packet as the line it came from.

use std::fmt;
use std::io::Write as _;

use super::fields::{Address, ExtHeader, Family, Format, Ip, Packet, Proto};
use super::form::{LineForm, NO_IPV4, OPCODES, Short, V6Form};
use crate::bytes::text::Text;

/// Writes the line. Fields that were not read are not written, so a cut packet prints only its
/// certain part.
pub(super) fn packet(p: &Packet<'_>, out: &mut Vec<u8>) {
    match p.extra.as_deref().and_then(|extra| extra.line) {
        Some(line) => out.extend(line.as_bytes()),
        None => fields(p, out),
    }
    if let Some(trailing) = p.trailing() {
        out.extend(trailing.as_bytes());
    }
}

fn fields(p: &Packet<'_>, out: &mut Vec<u8>) {
    out.extend(p.prefix.as_bytes());
    if p.format == Format::EbtLog {
        out.push(b' ');
    }
    out.extend(b"IN=");
    let Some(in_if) = p.in_if else { return };
    out.extend(in_if.as_bytes());
    let (first, second) = if p.form.physin_first { (p.physin, None) } else { (None, p.physin) };
    if let Some(name) = first {
        out.extend(b" PHYSIN=");
        out.extend(name.as_bytes());
    }
    out.extend(b" OUT=");
    let Some(out_if) = p.out_if else { return };
    out.extend(out_if.as_bytes());
    match p.format {
        Format::Netfilter => netfilter(p, second, out),
        Format::EbtLog => ebt_log(p, out),
    }
    if let Some(blanks) = p.form.blanks_at_end {
        out.truncate(out.len() - usize::from(out.ends_with(b" ")));
        out.extend(std::iter::repeat_n(b' ', blanks as usize));
    }
}

/// Writes `$key$value ` for each value that is present. Writing to a `Vec` cannot fail.
macro_rules! put {
    ($out:ident; $($format:literal, $value:expr;)*) => {$(
        if let Some(value) = &$value {
            let _ = write!($out, $format, value);
        }
    )*};
}

fn netfilter(p: &Packet<'_>, physin: Option<Text<'_>>, out: &mut Vec<u8>) {
    out.push(b' ');
    for (key, name) in [("PHYSIN=", physin), ("PHYSOUT=", p.physout)] {
        if let Some(name) = name {
            out.extend(key.as_bytes());
            out.extend(name.as_bytes());
            out.push(b' ');
        }
    }
    if let Some(mac) = p.mac_raw {
        out.extend(b"MAC=");
        out.extend(mac.as_bytes());
        put! { out; " TUNNEL={}", p.tunnel_src; "->{}", p.tunnel_dst; }
        out.extend(if p.form.mac_blank { b"  ".as_slice() } else { b" " });
    }
    put! { out;
        "MACSRC={} ", p.macsrc;
        "MACDST={} ", p.macdst;
        "VPROTO={:04x} ", p.vproto;
        "VID={} ", p.vid;
        "MACPROTO={:04x} ", p.macproto.filter(|_| p.macsrc.is_some());
    }
    if p.form.is_ulogd() {
        ulogd(p, out);
    } else if p.family == Family::Arp && !p.ip.truncated {
        arp(p, out);
    } else if p.ip.truncated && p.ip.src.is_none() && p.ip.dst.is_none() {
        out.extend(b"TRUNCATED");
    } else {
        // A packet of another network has none of these. One whose address is masked has the rest.
        ip(&p.ip, p.family == Family::Ipv6, &p.form, out);
        owner_and_mark(p, out);
    }
    // A closing bracket that was not seen would mean that the missing fields before it were absent.
    if p.cut && p.ip.nested.is_some() && out.ends_with(b"] ") {
        out.truncate(out.len() - 2);
    }
}

fn owner_and_mark(p: &Packet<'_>, out: &mut Vec<u8>) {
    put! { out;
        "UID={} ", p.uid;
        "GID={} ", p.gid;
    }
    let mark = p.mark.filter(|_| p.form.inner_mark.is_none());
    if p.form.bare_mark {
        put! { out; "MARK={:x} ", mark; }
    } else {
        put! { out; "MARK=0x{:x} ", mark; }
    }
}

/// Writes the dialect of ulogd2, behind the link header.
fn ulogd(p: &Packet<'_>, out: &mut Vec<u8>) {
    match p.family {
        Family::Ipv4 if p.ip.src.is_none() => {
            out.extend(NO_IPV4.as_bytes());
            out.push(b' ');
        }
        Family::Ipv6 if p.ip.src.is_none() => {
            out.extend(if p.form.short == Short::Silent { b"".as_slice() } else { b"PROTO=0 " });
        }
        Family::Ipv4 | Family::Ipv6 => ip(&p.ip, p.family == Family::Ipv6, &p.form, out),
        Family::Arp => ulogd_arp(p, out),
        Family::Unknown => put! { out; "PROTO={} ", p.macproto; },
    }
    owner_and_mark(p, out);
}

fn ulogd_arp(p: &Packet<'_>, out: &mut Vec<u8>) {
    put! { out;
        "SRC={} ", p.ip.src.map(|address| Written(address, p.form.v6));
        "DST={} ", p.ip.dst.map(|address| Written(address, p.form.v6));
    }
    out.extend(b"PROTO=ARP ");
    if let Some(opcode) = p.arp_opcode {
        let _ = match OPCODES.iter().find(|(_, n)| *n == opcode) {
            Some((name, _)) => write!(out, "{name} "),
            None => write!(out, "CODE={opcode} "),
        };
    }
    put! { out; "REPLY_MAC={} ", p.arp_macsrc; }
}

fn arp(p: &Packet<'_>, out: &mut Vec<u8>) {
    put! { out;
        "ARP HTYPE={}", p.arp_htype;
        " PTYPE=0x{:04x}", p.arp_ptype;
        " OPCODE={}", p.arp_opcode;
        " INCOMPLETE [{} bytes]", p.ip.incomplete;
        " MACSRC={}", p.arp_macsrc;
        " IPSRC={}", p.arp_ipsrc;
        " MACDST={}", p.arp_macdst;
        " IPDST={}", p.arp_ipdst;
    }
}

fn ip(p: &Ip<'_>, is_v6: bool, form: &LineForm, out: &mut Vec<u8>) {
    put! { out;
        "SRC={} ", p.src.map(|address| Written(address, form.v6));
        "DST={} ", p.dst.map(|address| Written(address, form.v6));
        "LEN={} ", p.len;
    }
    if is_v6 {
        put! { out;
            "TC={} ", p.tc;
            "HOPLIMIT={} ", p.hoplimit;
            "FLOWLBL={} ", p.flowlbl;
        }
        for (n, header) in p.ext.iter().enumerate() {
            if let ExtHeader::Fragment { offset, more: None, id } = header {
                let _ = write!(out, "FRAG: {offset} ID: {id:08x} ");
                continue;
            }
            extension(*header, p.ext_parens, n + 1 == p.ext.len() && p.proto.is_none(), out);
        }
    } else {
        if let Some(tos) = p.tos {
            let _ = if form.is_ulogd() {
                write!(out, "TOS={tos:02X} ")
            } else {
                write!(out, "TOS=0x{tos:02X} ")
            };
        }
        put! { out;
            "PREC=0x{:02X} ", p.prec;
            "TTL={} ", p.ttl;
            "ID={} ", p.id;
        }
        for (flag, word) in [(p.ce, "CE "), (p.df, "DF "), (p.mf, "MF ")] {
            if flag == Some(true) {
                out.extend(word.as_bytes());
            }
        }
        put! { out;
            "FRAG:{} ", p.frag_offset.filter(|&n| n > 0);
            "OPT ({}) ", p.ip_opt;
        }
    }
    if p.truncated && p.proto.is_none() {
        out.extend(b"TRUNCATED");
        return;
    }
    transport(p, is_v6, form, out);
}

fn extension(header: ExtHeader, parens: bool, is_last: bool, out: &mut Vec<u8>) {
    if parens {
        out.extend(b"OPT ( ");
    }
    let _ = match header {
        ExtHeader::Options | ExtHeader::OptionsCut => Ok(()),
        ExtHeader::Fragment { offset, more, id } => {
            write!(
                out,
                "FRAG:{offset} {}ID:{id:08x} ",
                if more == Some(true) { "INCOMPLETE " } else { "" }
            )
        }
        ExtHeader::FragmentTruncated => write!(out, "FRAG:TRUNCATED "),
        ExtHeader::Ah(spi) => write!(out, "AH SPI=0x{spi:x} "),
        ExtHeader::Esp(spi) => write!(out, "ESP SPI=0x{spi:x} "),
        ExtHeader::AhIncomplete(n) => write!(out, "AH INCOMPLETE [{n} bytes] "),
        ExtHeader::EspIncomplete(n) => write!(out, "ESP INCOMPLETE [{n} bytes] "),
        ExtHeader::AhCut => write!(out, "AH "),
        ExtHeader::EspCut => write!(out, "ESP "),
    };
    if !parens || header == ExtHeader::FragmentTruncated {
        return;
    }
    out.push(b')');
    // Where the kernel stops behind a header it leaves the blank out.
    if !(is_last && header.ends_the_line()) {
        out.push(b' ');
    }
}

fn transport(p: &Ip<'_>, is_v6: bool, form: &LineForm, out: &mut Vec<u8>) {
    put! { out;
        "PROTO={} ", p.proto;
        "TYPE={} ", p.icmp_type;
        "CODE={} ", p.icmp_code;
    }
    if p.truncated {
        let is_said = form.short == Short::Said;
        out.extend(if is_said { b"INCOMPLETE".as_slice() } else { b"TRUNCATED" });
    }
    put! { out;
        "INCOMPLETE [{} bytes] ", p.incomplete;
        "SPI=0x{:x} ", p.spi;
        "SPT={} ", p.spt;
        "DPT={} ", p.dpt;
        "LEN={} ", p.udp_len;
        "SEQ={} ", p.seq;
        "ACK={} ", p.ack;
        "WINDOW={} ", p.window;
        "RES=0x{:02x} ", p.res;
    }
    for name in p.flags.into_iter().flat_map(super::TcpFlags::names) {
        let _ = write!(out, "{name} ");
    }
    put! { out;
        "URGP={} ", p.urgp;
        "OPT ({}) ", p.tcp_opt;
        "ID={} ", p.icmp_id;
        "SEQ={} ", p.icmp_seq;
        "PARAMETER={} ", p.parameter;
        "POINTER={:08x} ", p.pointer;
        "GATEWAY={} ", p.gateway;
    }
    if p.tcp_opt_truncated {
        out.extend(if form.plain_truncated { b"TRUNCATED".as_slice() } else { b"OPT (TRUNCATED)" });
    }
    if let Some(inner) = &p.nested {
        out.push(b'[');
        if inner.src.is_none() && inner.truncated {
            out.extend(b"TRUNCATED");
        } else {
            ip(inner, is_v6, form, out);
            put! { out; "MARK=0x{:x} ", form.inner_mark; }
        }
        out.extend(b"] ");
    }
    put! { out; "MTU={} ", p.mtu; }
}

fn ebt_log(p: &Packet<'_>, out: &mut Vec<u8>) {
    put! { out;
        " MAC source = {}", p.macsrc;
        " MAC dest = {}", p.macdst;
        " proto = 0x{:04x}", p.macproto;
    }
    let (family, header) = match p.family {
        Family::Ipv6 => ("IPv6", " INCOMPLETE IPv6 header"),
        Family::Arp => (
            "ARP",
            if p.arp_htype.is_some() {
                " INCOMPLETE ARP payload"
            } else {
                " INCOMPLETE ARP header"
            },
        ),
        _ => ("IP", " INCOMPLETE IP header"),
    };
    for (name, address) in [("SRC", p.ip.src), ("DST", p.ip.dst)] {
        if let Some(address) = address.filter(|a| *a != Address::Blank) {
            let _ = write!(out, " {family} {name}={}", Written(address, p.form.v6));
        }
    }
    put! { out;
        ", IP tos=0x{:02X}", p.tos_byte;
        ", IPv6 priority=0x{:X}", p.priority;
        ", Next Header={}", p.next_header;
    }
    if p.tos_byte.is_some() {
        put! { out; ", IP proto={}", p.ip.proto_num; }
    }
    put! { out;
        " SPT={}", p.ip.spt;
        " DPT={}", p.ip.dpt;
        " ARP HTYPE={}", p.arp_htype;
        ", PTYPE=0x{:04x}", p.arp_ptype;
        ", OPCODE={}", p.arp_opcode;
    }
    let gap = if p.form.mac_blank { " " } else { "" };
    for (name, mac, address) in
        [("SRC", p.arp_macsrc, p.arp_ipsrc), ("DST", p.arp_macdst, p.arp_ipdst)]
    {
        if let Some(mac) = mac {
            let _ = write!(out, " ARP MAC {name}={mac}{gap}");
        }
        if let Some(address) = address {
            let _ = write!(out, " ARP IP {name}={address}");
        }
    }
    if p.incomplete_ports {
        out.extend(b" INCOMPLETE TCP/UDP header");
    }
    if p.ip.truncated {
        out.extend(header.as_bytes());
    }
}

/// An address in the form of its line.
struct Written(Address, V6Form);

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Address::V6(ip) => self.1.write(ip, f),
            other => other.fmt(f),
        }
    }
}

impl Proto {
    /// Returns whether the kernel prints a header of this protocol.
    pub(super) const fn is_opened(self) -> bool {
        !matches!(self, Self::Other(_))
    }
}
