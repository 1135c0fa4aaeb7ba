//! The part behind `PROTO=`: TCP, UDP, ICMP and their kin.

use nom::Parser;
use nom::combinator::opt;
use nom::sequence::delimited;

use super::ip::{self, Depth, tail};
use super::link::incomplete;
use super::token::{Read, Step, addr4, dec, field, hex_any, hex2_lower, hex8, key, opt_bytes, sp};
use super::ulogd;
use crate::packet::fields::{Family, Ip, Proto, TcpFlags};
use crate::packet::form::{LineForm, V6Form};

/// Parses `PROTO=…` and the fields that the kernel prints for that protocol.
pub(super) fn by_protocol<'a>(
    i: &'a [u8],
    p: &mut Ip<'a>,
    family: Family,
    depth: Depth,
    form: &mut LineForm,
) -> Step<'a> {
    let (i, ()) = key("PROTO=").parse_complete(i)?;
    let (i, proto) = ip::proto(i, family, form)?;
    // A later fragment does not contain the transport header, and the kernel opens only protocols
    // that it has a name for. ulogd2 opens the bytes at the header's place.
    let is_last = (p.is_later_fragment() && !form.is_ulogd()) || matches!(proto, Proto::Other(_));
    let i = if is_last { depth.gap(i)? } else { sp(i)?.0 };
    p.proto = Some(proto);
    // In IPv6 ulogd2 calls ESP `AH` too.
    let is_told = family != Family::Ipv6 || proto != Proto::Ah;
    p.proto_num = is_told.then(|| proto.number());
    if is_last {
        return Ok(i);
    }
    if i.starts_with(b"INCOMPLETE") && ulogd::is_kernels(i, "INCOMPLETE [", form) {
        return short(i, p, depth);
    }
    if form.may_be_ulogd()
        && let Some(i) = ulogd::short(i, p, form)
    {
        return Ok(i);
    }
    match proto {
        Proto::Tcp => tcp(i, p, depth, form),
        Proto::Udp | Proto::UdpLite => udp(i, p, depth),
        Proto::Sctp => {
            let i = field(i, "SPT=", dec, &mut p.spt)?;
            let (i, ()) = key("DPT=").parse_complete(i)?;
            tail(i, depth, dec, &mut p.dpt)
        }
        Proto::Icmp if form.is_ulogd() => ulogd::icmp(i, p),
        Proto::Icmpv6 if form.is_ulogd() => ulogd::icmpv6(i, p),
        Proto::Icmp => icmp(i, p, depth, form),
        Proto::Icmpv6 => icmpv6(i, p, depth, form),
        Proto::Ah | Proto::Esp => {
            let (i, ()) = key("SPI=0x").parse_complete(i)?;
            tail(i, depth, hex_any, &mut p.spi)
        }
        Proto::Other(_) => Ok(i), // returned above
    }
}

/// Parses `INCOMPLETE [n bytes] `.
fn short<'a>(i: &'a [u8], p: &mut Ip<'a>, depth: Depth) -> Step<'a> {
    tail(i, depth, incomplete(), &mut p.incomplete)
}

/// The words of a TCP header, in the kernel's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TcpWord {
    Spt,
    Dpt,
    Seq,
    Ack,
    Window,
    Res,
    Flags,
    Urgp,
}

fn tcp<'a>(i: &'a [u8], p: &mut Ip<'a>, depth: Depth, form: &mut LineForm) -> Step<'a> {
    tcp_from(TcpWord::Spt, i, p, depth, form)
}

/// Parses a TCP header from one of its words on.
pub(super) fn tcp_from<'a>(
    from: TcpWord,
    mut i: &'a [u8],
    p: &mut Ip<'a>,
    depth: Depth,
    form: &mut LineForm,
) -> Step<'a> {
    if from <= TcpWord::Spt {
        i = field(i, "SPT=", dec, &mut p.spt)?;
    }
    if from <= TcpWord::Dpt {
        i = field(i, "DPT=", dec, &mut p.dpt)?;
    }
    if from <= TcpWord::Seq && i.starts_with(b"SEQ=") {
        i = field(i, "SEQ=", dec, &mut p.seq)?;
        i = field(i, "ACK=", dec, &mut p.ack)?;
    } else if from == TcpWord::Ack {
        i = field(i, "ACK=", dec, &mut p.ack)?;
    }
    if from <= TcpWord::Window {
        i = field(i, "WINDOW=", dec, &mut p.window)?;
    }
    if from <= TcpWord::Res && ulogd::is_kernels(i, "RES=0x", form) {
        i = field(i, "RES=0x", hex2_lower, &mut p.res)?;
    }
    let (rest, flags) = flags(i)?;
    let (i, ()) = key("URGP=").parse_complete(rest)?;
    // The flags before a word are known only if the word before them is.
    p.flags = (from < TcpWord::Flags).then_some(flags);
    let i = tail(i, depth, dec, &mut p.urgp)?;
    if form.is_ulogd() {
        return Ok(i);
    }
    if let (i, Some(())) = opt(key("OPT (TRUNCATED)")).parse_complete(i)? {
        p.tcp_opt_truncated = true;
        return Ok(i);
    }
    if let (i, Some(())) = opt(key("TRUNCATED")).parse_complete(i)? {
        (p.tcp_opt_truncated, form.plain_truncated) = (true, true);
        return Ok(i);
    }
    if i.starts_with(b"OPT ") {
        let opts = delimited(key("OPT ("), opt_bytes, key(")"));
        return tail(i, depth, opts, &mut p.tcp_opt);
    }
    Ok(i)
}

/// Parses the flags, each a word and a blank, in the kernel's order.
fn flags(mut i: &[u8]) -> Read<'_, TcpFlags> {
    let mut flags = TcpFlags::default();
    for (flag, name) in TcpFlags::ALL {
        if let Some([b' ', rest @ ..]) = i.strip_prefix(name.as_bytes()) {
            flags |= flag;
            i = rest;
        }
    }
    Ok((i, flags))
}

/// Parses ports, and distinguishes TCP from UDP, where the protocol is not known.
pub(super) fn unnamed<'a>(
    mut i: &'a [u8],
    p: &mut Ip<'a>,
    depth: Depth,
    form: &mut LineForm,
) -> Step<'a> {
    if i.starts_with(b"SPT=") {
        i = field(i, "SPT=", dec, &mut p.spt)?;
    }
    i = field(i, "DPT=", dec, &mut p.dpt)?;
    if i.starts_with(b"LEN=") {
        udp_len(i, p, depth)
    } else {
        tcp_from(TcpWord::Seq, i, p, depth, form)
    }
}

fn udp<'a>(i: &'a [u8], p: &mut Ip<'a>, depth: Depth) -> Step<'a> {
    let i = field(i, "SPT=", dec, &mut p.spt)?;
    let i = field(i, "DPT=", dec, &mut p.dpt)?;
    udp_len(i, p, depth)
}

/// Parses the last word of a UDP header.
pub(super) fn udp_len<'a>(i: &'a [u8], p: &mut Ip<'a>, depth: Depth) -> Step<'a> {
    let (i, ()) = key("LEN=").parse_complete(i)?;
    tail(i, depth, dec, &mut p.udp_len)
}

/// Parses `TYPE=… CODE=…`. Behind the types that the kernel opens more follows, so a line that ends
/// there was cut.
fn type_and_code<'a>(i: &'a [u8], p: &mut Ip<'a>, opened: &[u8], depth: Depth) -> Step<'a> {
    let i = field(i, "TYPE=", dec, &mut p.icmp_type)?;
    if p.icmp_type.is_some_and(|t| opened.contains(&t)) {
        return field(i, "CODE=", dec, &mut p.icmp_code);
    }
    let (i, ()) = key("CODE=").parse_complete(i)?;
    tail(i, depth, dec, &mut p.icmp_code)
}

fn icmp<'a>(i: &'a [u8], p: &mut Ip<'a>, depth: Depth, form: &mut LineForm) -> Step<'a> {
    let i = type_and_code(i, p, &[0, 3, 4, 5, 8, 11, 12], depth)?;
    if i.starts_with(b"INCOMPLETE ") {
        return short(i, p, depth);
    }
    match (p.icmp_type, p.icmp_code) {
        (Some(0 | 8), _) => echo(i, p, depth),
        (Some(12), _) => {
            let (i, ()) = key("PARAMETER=").parse_complete(i)?;
            tail(i, depth, dec, &mut p.parameter)
        }
        (Some(5), _) => {
            let i = field(i, "GATEWAY=", addr4, &mut p.gateway)?;
            quoted(i, p, Family::Ipv4, depth, form)
        }
        (Some(3), Some(4)) => {
            let i = quoted(i, p, Family::Ipv4, depth, form)?;
            let (i, ()) = key("MTU=").parse_complete(i)?;
            tail(i, depth, dec, &mut p.mtu)
        }
        (Some(3 | 4 | 11), _) => quoted(i, p, Family::Ipv4, depth, form),
        _ => Ok(i),
    }
}

fn icmpv6<'a>(i: &'a [u8], p: &mut Ip<'a>, depth: Depth, form: &mut LineForm) -> Step<'a> {
    // ulogd2 opens echoes only.
    let is_ulogds = form.may_be_ulogd() && form.v6 == V6Form::Short;
    let opened: &[u8] = if is_ulogds { &[128, 129] } else { &[1, 2, 3, 4, 128, 129] };
    let i = type_and_code(i, p, opened, depth)?;
    match p.icmp_type {
        Some(128 | 129) => echo(i, p, depth),
        Some(4) if ulogd::is_kernels(i, "POINTER=", form) => {
            let i = field(i, "POINTER=", hex8, &mut p.pointer)?;
            quoted(i, p, Family::Ipv6, depth, form)
        }
        Some(2) => {
            let i = quoted(i, p, Family::Ipv6, depth, form)?;
            if !ulogd::is_kernels(i, "MTU=", form) {
                return Ok(i);
            }
            let (i, ()) = key("MTU=").parse_complete(i)?;
            tail(i, depth, dec, &mut p.mtu)
        }
        Some(1 | 3) => quoted(i, p, Family::Ipv6, depth, form),
        _ => Ok(i),
    }
}

/// Parses the last words of an echo.
pub(super) fn echo<'a>(i: &'a [u8], p: &mut Ip<'a>, depth: Depth) -> Step<'a> {
    let i = field(i, "ID=", dec, &mut p.icmp_id)?;
    let (i, ()) = key("SEQ=").parse_complete(i)?;
    tail(i, depth, dec, &mut p.icmp_seq)
}

/// Parses the rest of an ICMP error behind the packet that it quotes.
pub(super) fn behind_quote<'a>(i: &'a [u8], p: &mut Ip<'a>) -> Step<'a> {
    match (p.proto, p.icmp_type, p.icmp_code) {
        (Some(Proto::Icmp), Some(3), Some(4)) | (Some(Proto::Icmpv6), Some(2), _) => {
            let (i, ()) = key("MTU=").parse_complete(i)?;
            tail(i, Depth::Outer, dec, &mut p.mtu)
        }
        _ => Ok(i),
    }
}

/// Parses `[…] `: the packet that the error is about. It is absent inside another one, in netdev
/// egress, and in lines of ulogd2.
fn quoted<'a>(
    i: &'a [u8],
    p: &mut Ip<'a>,
    family: Family,
    depth: Depth,
    form: &mut LineForm,
) -> Step<'a> {
    match i.strip_prefix(b"[") {
        Some(inside) if depth == Depth::Outer && form.v6 != V6Form::Short && form.is_kernel() => {
            ip::nested(inside, p, family, form)
        }
        _ => Ok(i),
    }
}
