//! Everything below IP: bridge ports, link headers, ARP, and the whole of `ebt_log`.

use nom::Parser;
use nom::combinator::opt;
use nom::sequence::{delimited, preceded, terminated};

use super::token::{
    Fail, Step, V6Pair, addr4, dec, field, hex1_upper, hex2_upper, hex4, inner, inner_last, key,
    last, mac, mac_raw, sp, sp_or_end,
};
use crate::packet::fields::{Address, Family, Packet};
use crate::packet::form::V6Form;

/// An Ethernet header as `MAC=` shows it: 14 bytes.
const ETHERNET: usize = 14 * 3 - 1;

/// Parses the blank behind `OUT=<name>`, and `PHYSIN=` and `PHYSOUT=`.
pub(super) fn names<'a>(i: &'a [u8], p: &mut Packet<'a>) -> Step<'a> {
    let (i, ()) = sp(i)?;
    ports(i, p)
}

/// Parses `PHYSIN=` and `PHYSOUT=`.
pub(super) fn ports<'a>(mut i: &'a [u8], p: &mut Packet<'a>) -> Step<'a> {
    if i.starts_with(b"PHYSIN=") && p.physin.is_none() {
        i = field(i, "PHYSIN=", name, &mut p.physin)?;
    }
    if i.starts_with(b"PHYSOUT=") {
        i = field(i, "PHYSOUT=", name, &mut p.physout)?;
    }
    Ok(i)
}

fn name(i: &[u8]) -> super::token::Read<'_, crate::bytes::text::Text<'_>> {
    let end = memchr::memchr(b' ', i).unwrap_or(i.len());
    Ok((&i[end..], crate::bytes::text::Text::new(&i[..end])))
}

/// Parses `MAC=…`, or `MACSRC=… MACDST=… MACPROTO=…`, or nothing.
pub(super) fn header<'a>(mut i: &'a [u8], p: &mut Packet<'a>) -> Step<'a> {
    if let (rest, Some(())) = opt(key("MAC=")).parse_complete(i)? {
        let (rest, raw) = mac_raw(rest)?;
        if rest.is_empty() && raw.as_bytes().len() != ETHERNET {
            return Err(Fail::at(rest, "the rest of a link header"));
        }
        i = sp_or_end(rest)?;
        p.mac_raw = Some(raw);
        if let Some(rest) = i.strip_prefix(b" ") {
            (i, p.form.mac_blank) = (rest, true);
        } else if i.starts_with(b"TUNNEL=") {
            let ends = preceded(key("TUNNEL="), (addr4, preceded(key("->"), addr4)));
            let (rest, (src, dst)) = terminated(ends, sp).parse_complete(i)?;
            (p.tunnel_src, p.tunnel_dst) = (Some(src), Some(dst));
            i = rest;
        }
    } else if i.starts_with(b"MACSRC=") {
        i = field(i, "MACSRC=", mac, &mut p.macsrc)?;
        i = macdst_on(i, p)?;
    }
    Ok(i)
}

/// Parses `MACDST=… ` and the rest of the link header.
pub(super) fn macdst_on<'a>(i: &'a [u8], p: &mut Packet<'a>) -> Step<'a> {
    let i = field(i, "MACDST=", mac, &mut p.macdst)?;
    macproto(i, p)
}

/// Parses `MACPROTO=…`, perhaps with a VLAN's tag before it.
pub(super) fn macproto<'a>(mut i: &'a [u8], p: &mut Packet<'a>) -> Step<'a> {
    if i.starts_with(b"VPROTO=") {
        i = field(i, "VPROTO=", hex4, &mut p.vproto)?;
        i = field(i, "VID=", dec, &mut p.vid)?;
    }
    let (rest, ()) = key("MACPROTO=").parse_complete(i)?;
    last(rest, hex4, &mut p.macproto)
}

/// Returns the family of a packet whose IP or ARP header is cut, by its ethertype if the line has
/// one. ARP lines show no `MAC=`.
pub(super) fn family_by_type(p: &Packet<'_>) -> Family {
    match ethertype(p) {
        Some(0x0800) => Family::Ipv4,
        Some(0x86dd) => Family::Ipv6,
        Some(0x0806 | 0x8035) => Family::Arp,
        None if p.mac_raw.is_none() && p.in_if.is_some_and(|name| !name.is_empty()) => Family::Arp,
        _ => Family::Unknown,
    }
}

pub(super) fn ethertype(p: &Packet<'_>) -> Option<u16> {
    match p.mac_raw.map(crate::bytes::text::Text::as_bytes) {
        Some([.., a, b, b':', c, d]) => {
            u16::from_str_radix(std::str::from_utf8(&[*a, *b, *c, *d]).unwrap_or_default(), 16).ok()
        }
        _ => p.macproto,
    }
}

/// Parses the end of a line behind its link header: the kernel prints nothing more for an ethertype
/// that it does not open.
pub(super) fn end<'a>(i: &'a [u8], p: &Packet<'a>) -> Step<'a> {
    let opened = ethertype(p).map(|_| family_by_type(p));
    match opened {
        Some(Family::Ipv4 | Family::Ipv6) => Err(Fail::text(i, "SRC=")),
        Some(Family::Arp) => Err(Fail::text(i, "ARP HTYPE=")),
        Some(Family::Unknown) | None => Ok(i),
    }
}

/// Parses an ARP message behind `ARP HTYPE=`.
pub(super) fn arp<'a>(i: &'a [u8], p: &mut Packet<'a>) -> Step<'a> {
    let i = inner(i, "", dec, &mut p.arp_htype)?;
    let i = inner(i, " PTYPE=0x", hex4, &mut p.arp_ptype)?;
    let i = inner_last(i, " OPCODE=", dec, &mut p.arp_opcode)?;
    if i.is_empty() {
        return Ok(i);
    }
    if i.starts_with(b" INC") {
        let (i, n) = preceded(sp, incomplete()).parse_complete(i)?;
        p.ip.incomplete = Some(n);
        return Ok(i);
    }
    let i = sp(i)?.0;
    let i = field(i, "MACSRC=", mac, &mut p.arp_macsrc)?;
    let i = field(i, "IPSRC=", addr4, &mut p.arp_ipsrc)?;
    let i = field(i, "MACDST=", mac, &mut p.arp_macdst)?;
    inner_last(i, "IPDST=", addr4, &mut p.arp_ipdst)
}

/// Parses the dialect of ebtables.
pub(super) fn ebt_log<'a>(i: &'a [u8], p: &mut Packet<'a>) -> Step<'a> {
    let i = inner(i, " MAC source = ", mac, &mut p.macsrc)?;
    let i = inner(i, " MAC dest = ", mac, &mut p.macdst)?;
    let i = inner_last(i, " proto = 0x", hex4, &mut p.macproto)?;
    p.family = family_by_type(p);
    if i.is_empty() {
        p.l2_only = matches!(p.family, Family::Ipv4 | Family::Ipv6 | Family::Arp);
        return Ok(i);
    }
    match p.family {
        Family::Ipv4 => ebt_ipv4(i, p),
        Family::Ipv6 => ebt_ipv6(i, p),
        Family::Arp => ebt_arp(i, p),
        Family::Unknown => Ok(i),
    }
}

fn ebt_ipv4<'a>(i: &'a [u8], p: &mut Packet<'a>) -> Step<'a> {
    if let Some(i) = incomplete_part(i, " INCOMPLETE IP header")? {
        p.ip.truncated = true;
        return Ok(i);
    }
    let i = inner(i, " IP SRC=", addr4.map(Address::V4), &mut p.ip.src)?;
    let i = inner(i, " IP DST=", addr4.map(Address::V4), &mut p.ip.dst)?;
    let i = inner(i, ", IP tos=0x", hex2_upper, &mut p.tos_byte)?;
    let i = inner_last(i, ", IP proto=", dec, &mut p.ip.proto_num)?;
    ebt_ports(i, p)
}

fn ebt_ipv6<'a>(i: &'a [u8], p: &mut Packet<'a>) -> Step<'a> {
    if let Some(i) = incomplete_part(i, " INCOMPLETE IPv6 header")? {
        p.ip.truncated = true;
        return Ok(i);
    }
    let mut written = V6Pair::new(V6Form::Bare);
    let src = |i| written.parse(i).map(|(i, ip)| (i, Address::V6(ip)));
    let i = inner(i, " IPv6 SRC=", src, &mut p.ip.src)?;
    p.form.v6 = written.form();
    let dst = |i| written.parse(i).map(|(i, ip)| (i, Address::V6(ip)));
    let i = inner(i, " IPv6 DST=", dst, &mut p.ip.dst)?;
    p.form.v6 = written.form();
    let i = inner(i, ", IPv6 priority=0x", hex1_upper, &mut p.priority)?;
    let i = inner_last(i, ", Next Header=", dec, &mut p.next_header)?;
    ebt_ports(i, p)
}

fn ebt_ports<'a>(i: &'a [u8], p: &mut Packet<'a>) -> Step<'a> {
    if i.is_empty() {
        // ebt_log prints in pieces, and other lines may come between them.
        return match p.ip.proto_num.or(p.next_header) {
            Some(6 | 17) => Err(Fail::text(i, " SPT=")),
            _ => Ok(i),
        };
    }
    if let Some(i) = incomplete_part(i, " INCOMPLETE TCP/UDP header")? {
        p.incomplete_ports = true;
        return Ok(i);
    }
    let i = inner(i, " SPT=", dec, &mut p.ip.spt)?;
    inner_last(i, " DPT=", dec, &mut p.ip.dpt)
}

fn ebt_arp<'a>(i: &'a [u8], p: &mut Packet<'a>) -> Step<'a> {
    if let Some(i) = incomplete_part(i, " INCOMPLETE ARP header")? {
        p.ip.truncated = true;
        return Ok(i);
    }
    let i = inner(i, " ARP HTYPE=", dec, &mut p.arp_htype)?;
    let i = inner(i, ", PTYPE=0x", hex4, &mut p.arp_ptype)?;
    let i = inner_last(i, ", OPCODE=", dec, &mut p.arp_opcode)?;
    if i.is_empty() {
        return Ok(i);
    }
    if let Some(i) = incomplete_part(i, " INCOMPLETE ARP payload")? {
        p.ip.truncated = true;
        return Ok(i);
    }
    let mut i = inner(i, " ARP MAC SRC=", mac, &mut p.arp_macsrc)?;
    let keys = if i.starts_with(b"  ") {
        p.form.mac_blank = true;
        ["  ARP IP SRC=", "  ARP IP DST="]
    } else {
        [" ARP IP SRC=", " ARP IP DST="]
    };
    i = inner(i, keys[0], addr4, &mut p.arp_ipsrc)?;
    i = inner(i, " ARP MAC DST=", mac, &mut p.arp_macdst)?;
    inner_last(i, keys[1], addr4, &mut p.arp_ipdst)
}

/// Returns the rest behind ` INCOMPLETE …`, if the input starts with that or with a beginning of
/// it.
fn incomplete_part<'a>(
    i: &'a [u8],
    text: &'static str,
) -> Result<Option<&'a [u8]>, nom::Err<Fail>> {
    let is_cut = i.len() > 1 && text.as_bytes().starts_with(i);
    if !is_cut && !i.starts_with(b" INC") {
        return Ok(None);
    }
    key(text).parse_complete(i).map(|(i, ())| Some(i))
}

/// Parses a number in brackets: `INCOMPLETE [n bytes]`.
pub(super) fn incomplete<'a>() -> impl Parser<&'a [u8], Output = u32, Error = Fail> {
    delimited(key("INCOMPLETE ["), dec, key(" bytes]"))
}
