//! IPv4 and IPv6, from `SRC=` to the transport header.

use std::num::NonZeroU32;

use nom::Parser;
use nom::combinator::opt;
use nom::sequence::{delimited, terminated};

use super::link::incomplete;
use super::token::{
    Fail, Read, Step, V6Pair, addr4, dec, field, hex_any, hex2_upper, hex8, key, last, not_zero,
    opt_bytes, sp, sp_or_end,
};
use super::{transport, ulogd};
use crate::packet::fields::{Address, ExtHeader, Family, Ip, Proto};
use crate::packet::form::{LineForm, V6Form, Writer};

/// Whether a packet is the logged one or the one that an ICMP error quotes. The kernel quotes one
/// level deep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Outer,
    Nested,
}

impl Depth {
    /// Parses the blank behind a field that can be the last of its packet: at the end of the line
    /// it may be missing, in brackets it is always there.
    pub(super) fn gap(self, i: &[u8]) -> Step<'_> {
        match self {
            Self::Outer => sp_or_end(i),
            Self::Nested => sp(i).map(|(i, ())| i),
        }
    }
}

/// Parses the addresses of the logged packet, and infers the writer from their form.
pub(super) fn outer_addresses<'a>(
    i: &'a [u8],
    ip: &mut Ip<'a>,
    family: &mut Family,
    form: &mut LineForm,
) -> Step<'a> {
    let mut written = V6Pair::new(V6Form::Short);
    let read = addresses(i, ip, family, &mut written);
    (form.v6, form.writer) = (written.form(), written.writer());
    read
}

/// Parses the logged packet, behind its addresses.
pub(super) fn packet<'a>(
    i: &'a [u8],
    ip: &mut Ip<'a>,
    family: Family,
    form: &mut LineForm,
) -> Step<'a> {
    match family {
        Family::Ipv6 => ipv6(i, ip, Depth::Outer, form),
        _ => ipv4(i, ip, Depth::Outer, form),
    }
}

/// Returns whether the kernel stops behind this packet, and prints no owner and no mark.
pub(super) fn ends_the_line(ip: &Ip<'_>) -> bool {
    let is_named = !matches!(ip.proto, None | Some(Proto::Icmp | Proto::Ah | Proto::Esp));
    ip.truncated
        || ip.tcp_opt_truncated
        || (ip.incomplete.is_some() && is_named)
        || ip.ext.last().is_some_and(|header| header.ends_the_line())
}

/// Parses the packet inside brackets, behind `[` and up to `] `.
pub(super) fn nested<'a>(
    i: &'a [u8],
    outer: &mut Ip<'a>,
    family: Family,
    form: &mut LineForm,
) -> Step<'a> {
    let inner = outer.nested.insert(Box::default());
    let i = if let (i, Some(())) = opt(key("TRUNCATED")).parse_complete(i)? {
        inner.truncated = true;
        i
    } else {
        // A quoted packet has the family of its ICMP error, and people do not blank it alone.
        let (mut family, mut written) = (family, V6Pair::new(V6Form::Full));
        let i = addresses(i, inner, &mut family, &mut written)?;
        match family {
            Family::Ipv6 => {
                let i = ipv6(i, inner, Depth::Nested, form)?;
                if ends_the_line(inner) || !i.starts_with(b"MARK=") {
                    i
                } else {
                    let mut mark = None;
                    let i = field(i, "MARK=0x", not_zero(hex_any), &mut mark)?;
                    form.inner_mark = mark.and_then(NonZeroU32::new);
                    i
                }
            }
            _ => ipv4(i, inner, Depth::Nested, form)?,
        }
    };
    let (i, ()) = key("]").parse_complete(i)?;
    sp_or_end(i)
}

/// Parses `SRC=… DST=… `, both of one family. `family` is the required family; if unknown, it is
/// set to the one found.
fn addresses<'a>(
    i: &'a [u8],
    ip: &mut Ip<'a>,
    family: &mut Family,
    written: &mut V6Pair,
) -> Step<'a> {
    let i = field(i, "SRC=", |i| address(i, *family, written), &mut ip.src)?;
    *family = family_of(ip.src, *family);
    let i = field(i, "DST=", |i| address(i, *family, written), &mut ip.dst)?;
    *family = family_of(ip.dst, *family);
    // Blanked addresses do not show the family; the next field does.
    if *family == Family::Unknown {
        *family = if is_ipv6_behind_len(i) { Family::Ipv6 } else { Family::Ipv4 };
    }
    Ok(i)
}

fn family_of(address: Option<Address>, otherwise: Family) -> Family {
    match address {
        Some(Address::V4(_)) => Family::Ipv4,
        Some(Address::V6(_)) => Family::Ipv6,
        _ => otherwise,
    }
}

pub(super) fn is_ipv6_behind_len(i: &[u8]) -> bool {
    i.iter().position(|&b| b == b' ').is_some_and(|n| i[n..].starts_with(b" TC="))
}

fn address<'a>(i: &'a [u8], family: Family, written: &mut V6Pair) -> Read<'a, Address> {
    let is_v6 = match family {
        _ if i.starts_with(b" ") => return Ok((i, Address::Blank)),
        Family::Unknown => i.iter().take(5).any(|&b| b == b':'),
        family => family == Family::Ipv6,
    };
    if is_v6 {
        written.parse(i).map(|(i, ip)| (i, Address::V6(ip)))
    } else {
        addr4.map(Address::V4).parse(i)
    }
}

/// The words of an IPv4 header, in the kernel's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum V4Word {
    Len,
    Tos,
    Prec,
    Ttl,
    Id,
    Flags,
    Proto,
}

fn ipv4<'a>(i: &'a [u8], ip: &mut Ip<'a>, depth: Depth, form: &mut LineForm) -> Step<'a> {
    ipv4_from(V4Word::Len, i, ip, depth, form)
}

/// Parses an IPv4 header from one of its words on.
pub(super) fn ipv4_from<'a>(
    from: V4Word,
    mut i: &'a [u8],
    ip: &mut Ip<'a>,
    depth: Depth,
    form: &mut LineForm,
) -> Step<'a> {
    if from <= V4Word::Len {
        i = field(i, "LEN=", dec, &mut ip.len)?;
    }
    if from <= V4Word::Tos {
        i = tos_key(i, depth, form)?;
        let (rest, tos) = terminated(hex2_upper, sp).parse_complete(i)?;
        (i, ip.tos) = (rest, Some(tos));
    }
    if from <= V4Word::Prec {
        i = field(i, "PREC=0x", hex2_upper, &mut ip.prec)?;
    }
    if from <= V4Word::Ttl {
        i = field(i, "TTL=", dec, &mut ip.ttl)?;
    }
    if from <= V4Word::Id {
        i = field(i, "ID=", dec, &mut ip.id)?;
    }
    if from == V4Word::Proto {
        return transport::by_protocol(i, ip, Family::Ipv4, depth, form);
    }
    let (i, ce) = word("CE ", i)?;
    let (i, df) = word("DF ", i)?;
    let (i, mf) = word("MF ", i)?;
    // A word is known to be absent if another one is in its place. It is not if the line ends
    // there, or if the words before it are not known.
    let goes_on = from < V4Word::Flags
        && (i.starts_with(b"TRUNCATED") || i.iter().any(|b| matches!(b, b' ' | b'=')));
    let certain = |flag: bool| (flag || goes_on).then_some(flag);
    (ip.ce, ip.df, ip.mf) = (certain(ce), certain(df), certain(mf));
    let mut i = i;
    if i.starts_with(b"FRAG:") {
        i = field(i, "FRAG:", not_zero(dec), &mut ip.frag_offset)?;
    } else {
        ip.frag_offset = goes_on.then_some(0);
    }
    if i.starts_with(b"OPT ") && !form.is_ulogd() {
        let (rest, opts) = delimited(key("OPT ("), opt_bytes, key(") ")).parse_complete(i)?;
        ip.ip_opt = Some(opts);
        i = rest;
    } else if let (rest, true) = word("TRUNCATED", i)?
        && !form.is_ulogd()
    {
        ip.truncated = true;
        return Ok(rest);
    }
    if ip.is_later_fragment()
        && !form.is_ulogd()
        && !i.starts_with(b"PROTO=")
        && !could_begin("PROTO=", i)
    {
        return Ok(i); // a later fragment of AH: the kernel prints nothing
    }
    transport::by_protocol(i, ip, Family::Ipv4, depth, form)
}

/// Parses `TOS=0x`, or ulogd2's `TOS=`.
fn tos_key<'a>(i: &'a [u8], depth: Depth, form: &mut LineForm) -> Step<'a> {
    match i.strip_prefix(b"TOS=") {
        Some(rest @ [a, ..])
            if depth == Depth::Outer
                && a.is_ascii_hexdigit()
                && !b"0x".starts_with(&rest[..rest.len().min(2)]) =>
        {
            form.writer = Writer::Ulogd;
            Ok(rest)
        }
        _ => {
            let (i, ()) = key("TOS=0x").parse_complete(i)?;
            form.writer = Writer::Kernel;
            Ok(i)
        }
    }
}

pub(super) fn word<'a>(text: &'static str, i: &'a [u8]) -> Read<'a, bool> {
    let (i, found) = opt(key(text)).parse_complete(i)?;
    Ok((i, found.is_some()))
}

/// Returns whether the input is a piece of this text, cut at the end of the line.
pub(super) fn could_begin(text: &str, i: &[u8]) -> bool {
    !i.is_empty() && i.len() < text.len() && text.as_bytes().starts_with(i)
}

/// The words of an IPv6 header, in the kernel's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum V6Word {
    Len,
    Tc,
    HopLimit,
    FlowLabel,
    Proto,
}

fn ipv6<'a>(i: &'a [u8], ip: &mut Ip<'a>, depth: Depth, form: &mut LineForm) -> Step<'a> {
    ipv6_from(V6Word::Len, i, ip, depth, form)
}

/// Parses an IPv6 header from one of its words on.
pub(super) fn ipv6_from<'a>(
    from: V6Word,
    mut i: &'a [u8],
    ip: &mut Ip<'a>,
    depth: Depth,
    form: &mut LineForm,
) -> Step<'a> {
    if from <= V6Word::Len {
        i = field(i, "LEN=", dec, &mut ip.len)?;
    }
    if from <= V6Word::Tc {
        i = field(i, "TC=", dec, &mut ip.tc)?;
    }
    if from <= V6Word::HopLimit {
        i = field(i, "HOPLIMIT=", dec, &mut ip.hoplimit)?;
    }
    if from == V6Word::Proto {
        return transport::by_protocol(i, ip, Family::Ipv6, depth, form);
    }
    i = field(i, "FLOWLBL=", dec, &mut ip.flowlbl)?;
    if i.starts_with(b"FRAG: ") && form.may_be_ulogd() {
        form.writer = Writer::Ulogd;
        i = ulogd::fragment(i, ip)?;
    } else if !form.is_ulogd() {
        match extensions(i, ip, depth, form)? {
            (i, Ext::Last) => return Ok(i),
            (rest, Ext::More) => i = rest,
        }
    }
    if ulogd::is_over(i) && form.may_be_ulogd() {
        form.writer = Writer::Ulogd;
        return Ok(i);
    }
    // ESP ends the packet without a word, unless the rule asks for options.
    let ended = if depth == Depth::Nested { i.starts_with(b"]") } else { i.is_empty() };
    if ended && !ip.ext_parens {
        Ok(i)
    } else {
        transport::by_protocol(i, ip, Family::Ipv6, depth, form)
    }
}

/// Parses a kernel's extension headers, and returns whether it goes on behind them.
fn extensions<'a>(
    mut i: &'a [u8],
    ip: &mut Ip<'a>,
    depth: Depth,
    form: &mut LineForm,
) -> Result<(&'a [u8], Ext), nom::Err<Fail>> {
    loop {
        // A rule asks for parentheses or not, so all headers have them, or none has.
        let (rest, ext) = if i.starts_with(b"OPT ") && (ip.ext_parens || ip.ext.is_empty()) {
            form.is_kernel();
            let (i, ()) = key("OPT ( ").parse_complete(i)?;
            ip.ext_parens = true;
            ext_in_parens(i, ip, depth)?
        } else if i.starts_with(b"FRAG:") && !ip.ext_parens {
            form.is_kernel();
            fragment(i, ip, depth)?
        } else {
            break;
        };
        if matches!(ext, Ext::Last) {
            return Ok((rest, ext));
        }
        i = rest;
    }
    if let (i, true) = word("TRUNCATED", i)? {
        form.is_kernel();
        ip.truncated = true;
        return Ok((i, Ext::Last));
    }
    Ok((i, Ext::More))
}

/// Whether the kernel goes on behind an extension header.
enum Ext {
    More,
    Last,
}

/// Parses one header behind `OPT ( `.
fn ext_in_parens<'a>(
    i: &'a [u8],
    ip: &mut Ip<'a>,
    depth: Depth,
) -> Result<(&'a [u8], Ext), nom::Err<Fail>> {
    if i.starts_with(b"FRAG:") {
        let (i, ext) = fragment(i, ip, depth)?;
        return match ext {
            Ext::Last => Ok((i, ext)),
            Ext::More => {
                let (i, ()) = key(")").parse_complete(i)?;
                Ok((depth.gap(i)?, Ext::More))
            }
        };
    }
    // Behind a later fragment the kernel opens no header, and stops.
    let is_later = ip.is_later_fragment();
    let (i, header) = if let Some(i) = i.strip_prefix(b"AH ") {
        let headers = (ExtHeader::Ah as _, ExtHeader::AhIncomplete as _, ExtHeader::AhCut);
        security(i, is_later, headers)?
    } else if let Some(i) = i.strip_prefix(b"ESP ") {
        let headers = (ExtHeader::Esp as _, ExtHeader::EspIncomplete as _, ExtHeader::EspCut);
        security(i, is_later, headers)?
    } else {
        (i, if is_later { ExtHeader::OptionsCut } else { ExtHeader::Options })
    };
    let (i, ()) = key(")").parse_complete(i)?;
    let (i, ext) = if header.ends_the_line() { (i, Ext::Last) } else { (sp(i)?.0, Ext::More) };
    ip.ext.push(header);
    Ok((i, ext))
}

type Headers = (fn(u32) -> ExtHeader, fn(u32) -> ExtHeader, ExtHeader);

/// Parses `SPI=0x… ` or `INCOMPLETE [n bytes] `; nothing behind a later fragment.
fn security(i: &[u8], is_later: bool, (whole, short, cut): Headers) -> Read<'_, ExtHeader> {
    if is_later {
        return Ok((i, cut));
    }
    if i.starts_with(b"INCOMPLETE") {
        return terminated(incomplete(), sp).map(short).parse_complete(i);
    }
    delimited(key("SPI=0x"), hex_any, sp).map(whole).parse_complete(i)
}

/// Parses `FRAG:n [INCOMPLETE ]ID:hhhhhhhh ` or `FRAG:TRUNCATED `.
fn fragment<'a>(
    i: &'a [u8],
    ip: &mut Ip<'a>,
    depth: Depth,
) -> Result<(&'a [u8], Ext), nom::Err<Fail>> {
    let (i, ()) = key("FRAG:").parse_complete(i)?;
    if let (i, Some(())) = opt(key("TRUNCATED")).parse_complete(i)? {
        ip.ext.push(ExtHeader::FragmentTruncated);
        return Ok((depth.gap(i)?, Ext::Last));
    }
    let (i, offset) = terminated(dec, sp).parse_complete(i)?;
    let (i, more) = word("INCOMPLETE ", i)?;
    let (i, ()) = key("ID:").parse_complete(i)?;
    let (i, id) = hex8(i)?;
    let i = depth.gap(i)?;
    if ip.frag_id.is_none() {
        (ip.frag_offset, ip.mf, ip.frag_id) = (Some(offset), Some(more), Some(id));
    }
    ip.ext.push(ExtHeader::Fragment { offset, more: Some(more), id });
    Ok((i, Ext::More))
}

/// Parses a protocol's name or number behind `PROTO=`.
pub(super) fn proto<'a>(i: &'a [u8], family: Family, form: &mut LineForm) -> Read<'a, Proto> {
    for (proto, name, _) in Proto::NAMED {
        // ICMP in IPv6 and ICMPv6, AH and ESP in IPv4 print as numbers; the kernel opens only the
        // protocols that belong to the family.
        let belongs = match proto {
            Proto::Icmpv6 => family == Family::Ipv6,
            Proto::Icmp => family != Family::Ipv6,
            Proto::Ah | Proto::Esp => family != Family::Ipv6 || form.may_be_ulogd(),
            Proto::Sctp => form.may_be_ulogd(),
            _ => true,
        };
        if belongs && let Some(rest) = i.strip_prefix(name.as_bytes()) {
            let is_kernels = match proto {
                Proto::Ah | Proto::Esp => family != Family::Ipv6,
                other => other != Proto::Sctp,
            };
            if !is_kernels {
                form.writer = Writer::Ulogd;
            }
            return Ok((rest, proto));
        }
    }
    let number = dec.map(Proto::Other).parse(i);
    match number {
        // These are printed as names wherever they occur. At a cut end they may be the beginning of
        // another number.
        Ok((_, Proto::Other(6 | 17 | 50 | 51))) => Err(Fail::at(i, NAME)),
        Ok((_, Proto::Other(1))) if family != Family::Ipv6 => Err(Fail::at(i, NAME)),
        Ok((_, Proto::Other(58))) if family == Family::Ipv6 => Err(Fail::at(i, NAME)),
        number => number.map_err(|_| Fail::at(i, "a protocol's name or number")),
    }
}

const NAME: &str = "the protocol's name, or another number";

/// Parses `DST=… ` where the source is not known, and the family that it shows.
pub(super) fn destination<'a>(i: &'a [u8], ip: &mut Ip<'a>, family: &mut Family) -> Step<'a> {
    let mut written = V6Pair::new(V6Form::Full);
    let i = field(i, "DST=", |i| address(i, *family, &mut written), &mut ip.dst)?;
    *family = family_of(ip.dst, *family);
    if *family == Family::Unknown {
        *family = if is_ipv6_behind_len(i) { Family::Ipv6 } else { Family::Ipv4 };
    }
    Ok(i)
}

/// Parses a field that can be the last of its packet.
pub(super) fn tail<'a, T>(
    i: &'a [u8],
    depth: Depth,
    mut value: impl Parser<&'a [u8], Output = T, Error = Fail>,
    slot: &mut Option<T>,
) -> Step<'a> {
    match depth {
        Depth::Outer => last(i, value, slot),
        Depth::Nested => {
            let (i, value) = value.parse_complete(i)?;
            let (i, ()) = sp(i)?;
            *slot = Some(value);
            Ok(i)
        }
    }
}
