//! The words that ulogd2 prints where a kernel prints others.
//!
//! Source: ulogd2 2.0.0 to 2.0.8, `util/printpkt.c`, with the keys that
//! `filter/raw2packet/ulogd_raw2packet_BASE.c` fills; ulogd 1.x, `extensions/printpkt.c` and,
//! before that, `extensions/ulogd_LOGEMU.c`.
//!
//! It opens a header whole or not at all. If the packet ends inside a header, it prints one word
//! with no blank behind it, so that the mark is glued to it: `PROTO=TCP INCOMPLETEMARK=0`.

use nom::Parser;
use nom::combinator::opt;
use nom::sequence::preceded;

use super::ip::{could_begin, word};
use super::token::{Fail, Step, addr4, dec, field, hex8, key, last, mac, sp, sp_or_end};
use crate::packet::fields::{ExtHeader, Family, Ip, Packet, Proto};
use crate::packet::form::{LineForm, NO_IPV4, OPCODES, Short, V6Form, Writer};

/// Returns whether the kernel's word comes next. If another word does, and the writer is open,
/// ulogd2 wrote the line. At a cut end, a possible beginning of the kernel's word counts as that
/// word, unless the addresses are in ulogd2's form.
pub(super) fn is_kernels(i: &[u8], word: &str, form: &mut LineForm) -> bool {
    let may_be_cut = form.v6 == V6Form::Full && word.as_bytes().starts_with(i);
    if form.writer == Writer::Either && !may_be_cut && !i.starts_with(word.as_bytes()) {
        form.writer = Writer::Ulogd;
    }
    form.is_kernel()
}

/// Returns whether the owner and the mark follow, where a kernel would print more of the packet
/// first.
pub(super) fn is_over(i: &[u8]) -> bool {
    i.starts_with(b"UID=") || i.starts_with(b"MARK=")
}

/// Parses a line that shows no address: the network header is cut, or is of a protocol that ulogd2
/// does not open. Returns `None` for any other line.
pub(super) fn without_addresses<'a>(
    i: &'a [u8],
    p: &mut Packet<'a>,
) -> Result<Option<&'a [u8]>, nom::Err<Fail>> {
    // ulogd2 always prints `MAC=`.
    if p.mac_raw.is_none() || p.tunnel_src.is_some() {
        return Ok(None);
    }
    if is_over(i) {
        (p.family, p.form.short) = (Family::Ipv6, Short::Silent);
        (p.form.writer, p.ip.truncated) = (Writer::Ulogd, true);
        return Ok(Some(i));
    }
    if i.starts_with(NO_IPV4.as_bytes()) || could_begin(NO_IPV4, i) {
        let (i, ()) = key(NO_IPV4).parse_complete(i)?;
        let i = sp_or_end(i)?;
        (p.family, p.form.writer, p.ip.truncated) = (Family::Ipv4, Writer::Ulogd, true);
        return Ok(Some(i));
    }
    if is_arp(i) {
        return arp(i, p).map(Some);
    }
    let Some(number @ [b'0'..=b'9', ..]) = i.strip_prefix(b"PROTO=") else {
        return Ok(None);
    };
    let mut ethertype = None;
    let i = last(number, dec, &mut ethertype)?;
    match ethertype {
        // The zeros replace an IPv6 header. A real frame never has that ethertype.
        Some(0) => (p.family, p.ip.truncated) = (Family::Ipv6, true),
        Some(0x0800 | 0x86dd | 0x0806) => {
            return Err(Fail::at(number, "an ethertype that is not opened"));
        }
        other => p.macproto = other,
    }
    p.form.writer = Writer::Ulogd;
    Ok(Some(i))
}

/// Returns whether an ARP message's `PROTO=` comes next, or may.
pub(super) fn is_arp(i: &[u8]) -> bool {
    i.starts_with(b"PROTO=ARP") || could_begin("PROTO=ARP", i)
}

/// Parses an ARP message behind its addresses; without them, its header is cut.
pub(super) fn arp<'a>(i: &'a [u8], p: &mut Packet<'a>) -> Step<'a> {
    let (i, ()) = key("PROTO=ARP").parse_complete(i)?;
    (p.family, p.form.writer) = (Family::Arp, Writer::Ulogd);
    if p.ip.src.is_none() {
        p.ip.truncated = true;
        return sp_or_end(i);
    }
    let (i, ()) = sp(i)?;
    if let (rest, Some(())) = opt(key("CODE=")).parse_complete(i)? {
        let mut code = None;
        let i = last(rest, dec, &mut code)?;
        if OPCODES.iter().any(|(_, opcode)| code == Some(*opcode)) {
            return Err(Fail::at(rest, "the number of an opcode that has no word"));
        }
        p.arp_opcode = code;
        return Ok(i);
    }
    if let (i, true) = word("REPLY ", i)? {
        p.arp_opcode = Some(2);
        let (i, ()) = key("REPLY_MAC=").parse_complete(i)?;
        return last(i, mac, &mut p.arp_macsrc);
    }
    for (name, opcode) in OPCODES.into_iter().filter(|(_, opcode)| *opcode != 2) {
        if let Some(i) = i.strip_prefix(name.as_bytes()) {
            let i = sp_or_end(i)?;
            p.arp_opcode = Some(opcode);
            return Ok(i);
        }
    }
    Err(Fail::at(i, "what an ARP message asks"))
}

/// Parses `FRAG: n ID: hhhhhhhh `, of the last fragment header. It does not show whether more
/// fragments follow.
pub(super) fn fragment<'a>(i: &'a [u8], ip: &mut Ip<'a>) -> Step<'a> {
    let i = field(i, "FRAG: ", dec, &mut ip.frag_offset)?;
    let (i, ()) = key("ID: ").parse_complete(i)?;
    let i = last(i, hex8, &mut ip.frag_id)?;
    if let (Some(offset), Some(id)) = (ip.frag_offset, ip.frag_id) {
        ip.ext.push(ExtHeader::Fragment { offset, more: None, id });
    }
    Ok(i)
}

/// Parses `INCOMPLETE`, or `TRUNCATED` of `ICMPv6`; `None` if neither comes next.
pub(super) fn short<'a>(i: &'a [u8], ip: &mut Ip<'a>, form: &mut LineForm) -> Option<&'a [u8]> {
    let rest = if let Some(rest) = i.strip_prefix(b"TRUNCATED") {
        if ip.proto != Some(Proto::Icmpv6) {
            return None;
        }
        form.short = Short::Truncated;
        rest
    } else {
        i.strip_prefix(b"INCOMPLETE")?
    };
    form.writer = Writer::Ulogd;
    ip.truncated = true;
    Some(rest)
}

/// The fields in the body of an ICMP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    Echo,
    Parameter,
    Gateway,
    Mtu,
}

impl Body {
    /// Returns the body of a type. ulogd2 checks the code where it should check the type, ulogd 1.x
    /// checks the type.
    fn of(ty: u8, code: u8) -> Option<Self> {
        match ty {
            0 | 8 => Some(Self::Echo),
            12 => Some(Self::Parameter),
            5 => Some(Self::Gateway),
            3 if code == 4 => Some(Self::Mtu),
            _ => None,
        }
    }

    const fn key(self) -> &'static str {
        match self {
            Self::Echo => "ID=",
            Self::Parameter => "PARAMETER=",
            Self::Gateway => "GATEWAY=",
            Self::Mtu => "MTU=",
        }
    }
}

/// Parses an ICMP message, which quotes nothing here.
pub(super) fn icmp<'a>(i: &'a [u8], p: &mut Ip<'a>) -> Step<'a> {
    let i = field(i, "TYPE=", dec, &mut p.icmp_type)?;
    let (i, code) = preceded(key("CODE="), dec).parse_complete(i)?;
    let bodies = [Body::of(code, code), Body::of(p.icmp_type.unwrap_or_default(), code)];
    // A line ends here if one of the two programs ends it here.
    let goes_on = bodies.iter().all(Option::is_some);
    let i = if goes_on { sp(i)?.0 } else { sp_or_end(i)? };
    p.icmp_code = Some(code);
    let body = bodies.iter().flatten().find(|body| i.starts_with(body.key().as_bytes()));
    let Some(body) = body.or(bodies[0].as_ref().filter(|_| goes_on)) else {
        return Ok(i);
    };
    let (rest, ()) = key(body.key()).parse_complete(i)?;
    match body {
        Body::Echo => echo(i, p),
        Body::Parameter => last(rest, dec, &mut p.parameter),
        Body::Gateway => last(rest, addr4, &mut p.gateway),
        Body::Mtu => last(rest, dec, &mut p.mtu),
    }
}

/// Parses an `ICMPv6` message: ulogd2 opens echoes only.
pub(super) fn icmpv6<'a>(i: &'a [u8], p: &mut Ip<'a>) -> Step<'a> {
    let i = field(i, "TYPE=", dec, &mut p.icmp_type)?;
    if matches!(p.icmp_type, Some(128 | 129)) {
        return echo(field(i, "CODE=", dec, &mut p.icmp_code)?, p);
    }
    let (i, ()) = key("CODE=").parse_complete(i)?;
    last(i, dec, &mut p.icmp_code)
}

fn echo<'a>(i: &'a [u8], p: &mut Ip<'a>) -> Step<'a> {
    let i = field(i, "ID=", dec, &mut p.icmp_id)?;
    let (i, ()) = key("SEQ=").parse_complete(i)?;
    last(i, dec, &mut p.icmp_seq)
}
