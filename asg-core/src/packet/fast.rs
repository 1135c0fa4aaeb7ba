//! The fast path for the most common lines: TCP, UDP and echoes over IPv4 or IPv6, from a routed
//! interface, with nothing unusual in them.
//!
//! The kernel prints their fields in one order, so each is looked for at its only possible place,
//! eight bytes at a time. At the first surprise the fast path gives up, and the grammar parses the
//! line from its beginning; only the grammar reports errors. Both give the same fields for every
//! line that the fast path accepts; the tests below check that.

#![expect(clippy::inline_always, reason = "a call costs as much as what is done to so few bytes")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::fields::{Address, Family, Packet, Proto, TcpFlags};
use crate::bytes::digits::Digits;
use crate::bytes::hash::Seeds;
use crate::bytes::text::Text;

/// No prefix is longer than nft's 127 bytes.
const MAX_HEAD: usize = 127 + "IN=".len();

/// The longest name of an interface.
const MAX_NAME: usize = 15;

/// An Ethernet header as `MAC=` shows it: 14 bytes, and a blank behind it.
const LINK: usize = 14 * 3;

/// Parses a whole line into the packet. Returns `None`, and leaves the packet unspecified, if the
/// line is not one of the common ones.
pub(super) fn parse<'a>(text: &'a [u8], p: &mut Packet<'a>) -> Option<()> {
    let head = Head::split(text)?;
    head.put_into(p);
    rest(&text[head.len..], p.family)?.put_into(p);
    Some(())
}

/// The beginning of a packet line, up to its source address, split into fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) prefix: &'a [u8],
    pub(crate) in_if: &'a [u8],
    pub(crate) out_if: &'a [u8],
    pub(crate) link: Option<&'a [u8]>,
    pub(crate) src: Address,
    pub(crate) family: Family,
    /// The offset of the source address.
    pub(crate) src_at: usize,
    /// The offset of the text behind the head.
    pub(crate) len: usize,
}

impl<'a> Head<'a> {
    /// Splits the head of a common packet line; `None` for any other.
    #[inline]
    pub(crate) fn split(text: &'a [u8]) -> Option<Self> {
        let (prefix, behind) = prefix(text)?;
        let (path, rest) = path(behind)?;
        let family = path.family();
        let Path { in_if, out_if, link, src, left } = path;
        let (src_at, len) = (text.len() - left, text.len() - rest.len());
        Some(Self { prefix, in_if, out_if, link, src, family, src_at, len })
    }

    /// Writes the fields into a new packet.
    #[inline]
    pub(crate) fn put_into(self, p: &mut Packet<'a>) {
        p.family = self.family;
        p.prefix = Text::new(self.prefix);
        (p.in_if, p.out_if) = (Some(Text::new(self.in_if)), Some(Text::new(self.out_if)));
        p.mac_raw = self.link.map(Text::new);
        p.ip.src = Some(self.src);
    }

    /// Parses a source address, and returns it with the rest of the text.
    pub(crate) fn source(text: &[u8], family: Family) -> Option<(Address, &[u8])> {
        if family == Family::Ipv6 {
            addr6(text).map(|(src, rest)| (Address::V6(src), rest))
        } else {
            addr4(text).map(|(src, rest)| (Address::V4(src), rest))
        }
    }
}

impl Tail {
    /// Parses everything behind the source address of a common packet line; `None` for any other.
    #[inline]
    pub(crate) fn parse(text: &[u8], family: Family) -> Option<Self> {
        rest(text, family)
    }
}

/// Everything between the log prefix and ` DST=`.
struct Path<'a> {
    in_if: &'a [u8],
    out_if: &'a [u8],
    link: Option<&'a [u8]>,
    src: Address,
    /// The number of bytes from the source address to the end.
    left: usize,
}

impl Path<'_> {
    const fn family(&self) -> Family {
        match self.src {
            Address::V6(_) => Family::Ipv6,
            _ => Family::Ipv4,
        }
    }
}

/// Returns the log prefix, and the text behind `IN=`.
#[inline]
pub(super) fn prefix(text: &[u8]) -> Option<(&[u8], &[u8])> {
    // If the rest is as it must be, it cannot contain another ` OUT=`, so the first `IN=` is the
    // real one.
    let equals = memchr::memchr(b'=', &text[..text.len().min(MAX_HEAD)])?;
    let (head, i) = text.split_at(equals + 1);
    Some((head.strip_suffix(b"IN=")?, i))
}

#[inline]
fn path(i: &[u8]) -> Option<(Path<'_>, &[u8])> {
    let (in_if, i) = name(i)?;
    if in_if.contains(&b'=') {
        return None;
    }
    let (out_if, i) = name(i.strip_prefix(b" OUT=")?)?;
    let mut i = &i[1..];
    let mut mac = None;
    if let Some(link) = i.strip_prefix(b"MAC=") {
        if !is_link_header(link.first_chunk()?) {
            return None;
        }
        mac = Some(&link[..LINK - 1]);
        i = &link[LINK..];
    }
    let i = i.strip_prefix(b"SRC=")?;
    let left = i.len();
    let (src, i) = if i.get(4) == Some(&b':') {
        let (src, i) = addr6(i)?;
        (Address::V6(src), i)
    } else {
        let (src, i) = addr4(i)?;
        (Address::V4(src), i)
    };
    Some((Path { in_if, out_if, link: mac, src, left }, i))
}

/// Everything from ` DST=` on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tail {
    net: Net,
    transport: Transport,
    mark: Option<u32>,
    ends_with_blank: bool,
}

/// The network header's part of the tail.
#[derive(Debug, Clone, Copy)]
enum Net {
    V4 { dst: Ipv4Addr, len: u32, tos: u8, prec: u8, ttl: u8, id: u16, df: bool },
    V6 { dst: Ipv6Addr, len: u32, tc: u8, hoplimit: u8, flowlbl: u32 },
}

/// The part behind `PROTO=`.
#[derive(Debug, Clone, Copy)]
enum Transport {
    Tcp(Tcp),
    Udp { spt: u16, dpt: u16, len: u16 },
    Echo { ty: u8, code: u8, id: u16, seq: u16 },
}

#[derive(Debug, Clone, Copy)]
struct Tcp {
    spt: u16,
    dpt: u16,
    seq_ack: Option<(u32, u32)>,
    window: u16,
    res: u8,
    flags: TcpFlags,
    urgp: u16,
}

impl Tail {
    /// Returns the protocol and its number.
    const fn proto(&self) -> (Proto, u8) {
        match (&self.transport, &self.net) {
            (Transport::Tcp(_), _) => (Proto::Tcp, 6),
            (Transport::Udp { .. }, _) => (Proto::Udp, 17),
            (Transport::Echo { .. }, Net::V4 { .. }) => (Proto::Icmp, 1),
            (Transport::Echo { .. }, Net::V6 { .. }) => (Proto::Icmpv6, 58),
        }
    }

    pub(crate) const fn family(&self) -> Family {
        match self.net {
            Net::V4 { .. } => Family::Ipv4,
            Net::V6 { .. } => Family::Ipv6,
        }
    }

    /// Returns a number below [`SHAPES`](Self::SHAPES). Tails of one number have the same family
    /// and protocol, and values in the same fields.
    pub(crate) const fn shape(&self) -> usize {
        let transport = match &self.transport {
            Transport::Tcp(Tcp { seq_ack: None, .. }) => 0,
            Transport::Tcp(Tcp { seq_ack: Some(_), .. }) => 1,
            Transport::Udp { .. } => 2,
            Transport::Echo { .. } => 3,
        };
        let is_ipv6 = matches!(self.net, Net::V6 { .. }) as usize;
        transport | is_ipv6 << 2 | (self.mark.is_some() as usize) << 3
    }

    pub(crate) const SHAPES: usize = 16;

    /// The identification, of IPv4.
    pub(crate) const fn id(&self) -> Option<u16> {
        match self.net {
            Net::V4 { id, .. } => Some(id),
            Net::V6 { .. } => None,
        }
    }

    pub(crate) const fn proto_num(&self) -> u8 {
        self.proto().1
    }

    /// The length of the IP packet.
    pub(crate) const fn len(&self) -> u32 {
        match self.net {
            Net::V4 { len, .. } | Net::V6 { len, .. } => len,
        }
    }

    pub(crate) const fn dst(&self) -> IpAddr {
        match self.net {
            Net::V4 { dst, .. } => IpAddr::V4(dst),
            Net::V6 { dst, .. } => IpAddr::V6(dst),
        }
    }

    /// Returns a digest of all fields: two tails have different ones if their texts differ in more
    /// than the blank at the end, since each value has one text only.
    #[inline]
    pub(crate) fn digest(&self, seeds: Seeds) -> u64 {
        let word = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        let bytes = |a, b, c, d| u32::from_be_bytes([a, b, c, d]);
        let (net, rest) = match self.net {
            Net::V4 { dst, len, tos, prec, ttl, id, df } => {
                let header = word(bytes(tos, prec, ttl, u8::from(df)), u32::from(id));
                (seeds.of_both(word(dst.to_bits(), len), header), 0)
            }
            Net::V6 { dst, len, tc, hoplimit, flowlbl } => {
                let [high, low] = [dst.to_bits() >> 64, dst.to_bits()].map(|half| half as u64);
                let header = word(len, bytes(0, 0, tc, hoplimit));
                (seeds.of_both(seeds.of_both(high, low), header), flowlbl)
            }
        };
        let ports = |one: u16, other: u16| u32::from(one) << 16 | u32::from(other);
        let (first, second, flags, numbers) = match self.transport {
            Transport::Tcp(Tcp { spt, dpt, seq_ack, window, res, flags, urgp }) => {
                let flags = u32::from(res) << 16 | u32::from(flags.bits());
                let numbers = seq_ack.map_or(0, |(seq, ack)| word(seq, ack));
                (ports(spt, dpt), ports(window, urgp), flags, numbers)
            }
            Transport::Udp { spt, dpt, len } => (ports(spt, dpt), u32::from(len), 0, 0),
            Transport::Echo { ty, code, id, seq } => (bytes(0, 0, ty, code), ports(id, seq), 0, 0),
        };
        // The shape shows which fields are present.
        let shape = self.shape() as u32;
        let transport = seeds.of_both(word(first, second), word(flags << 8 | shape, rest));
        let sum = seeds.of_both(net, transport);
        if numbers == 0 && self.mark.is_none() {
            return sum;
        }
        seeds.of_both(sum, seeds.of_both(numbers, u64::from(self.mark.unwrap_or(0))))
    }

    pub(crate) fn put_into(self, p: &mut Packet<'_>) {
        let ip = &mut p.ip;
        let (proto, number) = self.proto();
        (ip.proto, ip.proto_num) = (Some(proto), Some(number));
        match self.net {
            Net::V4 { dst, len, tos, prec, ttl, id, df } => {
                ip.dst = Some(Address::V4(dst));
                (ip.len, ip.tos, ip.prec) = (Some(len), Some(tos), Some(prec));
                (ip.ttl, ip.id) = (Some(ttl), Some(id));
                (ip.ce, ip.df, ip.mf, ip.frag_offset) =
                    (Some(false), Some(df), Some(false), Some(0));
            }
            Net::V6 { dst, len, tc, hoplimit, flowlbl } => {
                ip.dst = Some(Address::V6(dst));
                (ip.len, ip.tc) = (Some(len), Some(tc));
                (ip.hoplimit, ip.flowlbl) = (Some(hoplimit), Some(flowlbl));
            }
        }
        match self.transport {
            Transport::Tcp(Tcp { spt, dpt, seq_ack, window, res, flags, urgp }) => {
                (ip.spt, ip.dpt) = (Some(spt), Some(dpt));
                (ip.seq, ip.ack) = seq_ack.unzip();
                (ip.window, ip.res) = (Some(window), Some(res));
                (ip.flags, ip.urgp) = (Some(flags), Some(urgp));
            }
            Transport::Udp { spt, dpt, len } => {
                (ip.spt, ip.dpt, ip.udp_len) = (Some(spt), Some(dpt), Some(len));
            }
            Transport::Echo { ty, code, id, seq } => {
                (ip.icmp_type, ip.icmp_code) = (Some(ty), Some(code));
                (ip.icmp_id, ip.icmp_seq) = (Some(id), Some(seq));
            }
        }
        p.mark = self.mark;
        p.form.blanks_at_end = Some(u32::from(self.ends_with_blank));
    }
}

#[inline(always)]
fn rest(i: &[u8], family: Family) -> Option<Tail> {
    let (net, transport, i) = if family == Family::Ipv6 { ipv6(i)? } else { ipv4(i)? };
    let (mark, i) = match i.strip_prefix(b" MARK=0x") {
        None => (None, i),
        Some(i) => {
            let (mark, i) = mark(i)?;
            (Some(mark), i)
        }
    };
    let ends_with_blank = match i {
        [] => false,
        b" " => true,
        _ => return None,
    };
    Some(Tail { net, transport, mark, ends_with_blank })
}

/// Returns a name and the rest, which begins with a blank.
#[inline]
fn name(i: &[u8]) -> Option<(&[u8], &[u8])> {
    // More of the line follows, so there are 16 bytes to look at.
    let (low, high) = i.first_chunk::<16>()?.split_at(8);
    let blanks = |half: &[u8]| {
        let word = half.first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
        word.wrapping_sub(0x2121_2121_2121_2121) & !word & 0x8080_8080_8080_8080
    };
    let len = match blanks(low) {
        0 => 8 + blanks(high).trailing_zeros() as usize / 8,
        marks => marks.trailing_zeros() as usize / 8,
    };
    if len > MAX_NAME || i[len] != b' ' {
        return None;
    }
    Some(i.split_at(len))
}

/// The separator behind each two digits of `hh:hh:…:hh `; 0 at the place of a digit.
const SEPARATORS: [u8; LINK] = {
    let mut separators = [0; LINK];
    let mut n = 2;
    while n < LINK {
        separators[n] = if n == LINK - 1 { b' ' } else { b':' };
        n += 3;
    }
    separators
};

/// Checks every byte in the same way, so that the compiler can vectorise the loop.
#[inline]
fn is_link_header(text: &[u8; LINK]) -> bool {
    let mut bad = 0;
    for (&b, &separator) in text.iter().zip(&SEPARATORS) {
        let is_digit = (b.wrapping_sub(b'0') < 10) | (b.wrapping_sub(b'a') < 6);
        bad |= u8::from(if separator == 0 { !is_digit } else { b != separator });
    }
    bad == 0
}

#[inline(always)]
fn ipv4(i: &[u8]) -> Option<(Net, Transport, &[u8])> {
    let (dst, i) = addr4(i.strip_prefix(b" DST=")?)?;
    let (len, i) = dec(i.strip_prefix(b" LEN=")?)?;
    let i = i.strip_prefix(b" TOS=0x")?;
    // Nearly all packets have TOS and PREC zero.
    let (tos, prec, i) = if let Some(i) = i.strip_prefix(b"00 PREC=0x00 TTL=") {
        (0, 0, i)
    } else {
        let (tos, i) = hex2::<true>(i)?;
        let (prec, i) = hex2::<true>(i.strip_prefix(b" PREC=0x")?)?;
        (tos, prec, i.strip_prefix(b" TTL=")?)
    };
    let (ttl, i) = dec(i)?;
    let (id, i) = dec(i.strip_prefix(b" ID=")?)?;
    let i = i.strip_prefix(b" ")?;
    let (df, i) = i.strip_prefix(b"DF ").map_or((false, i), |i| (true, i));
    let i = i.strip_prefix(b"PROTO=")?;
    let (len, ttl, id) = (len.try_into().ok()?, ttl.try_into().ok()?, id.try_into().ok()?);
    let (transport, i) = transport(i, b"ICMP TYPE=", [0, 8])?;
    Some((Net::V4 { dst, len, tos, prec, ttl, id, df }, transport, i))
}

fn ipv6(i: &[u8]) -> Option<(Net, Transport, &[u8])> {
    let (dst, i) = addr6(i.strip_prefix(b" DST=")?)?;
    let (len, i) = dec(i.strip_prefix(b" LEN=")?)?;
    let (tc, i) = dec(i.strip_prefix(b" TC=")?)?;
    let (hoplimit, i) = dec(i.strip_prefix(b" HOPLIMIT=")?)?;
    let (flowlbl, i) = dec(i.strip_prefix(b" FLOWLBL=")?)?;
    let i = i.strip_prefix(b" PROTO=")?;
    let (len, tc) = (len.try_into().ok()?, tc.try_into().ok()?);
    let (hoplimit, flowlbl) = (hoplimit.try_into().ok()?, flowlbl.try_into().ok()?);
    let (transport, i) = transport(i, b"ICMPv6 TYPE=", [128, 129])?;
    Some((Net::V6 { dst, len, tc, hoplimit, flowlbl }, transport, i))
}

/// Parses the text behind `PROTO=`, up to its last blank or the end of the line.
#[inline(always)]
fn transport<'a>(i: &'a [u8], icmp_key: &[u8], echoes: [u8; 2]) -> Option<(Transport, &'a [u8])> {
    if let Some(i) = i.strip_prefix(b"TCP SPT=") {
        let (tcp, i) = tcp(i)?;
        return Some((Transport::Tcp(tcp), i));
    }
    if let Some(i) = i.strip_prefix(b"UDP SPT=") {
        let (spt, dpt, i) = ports(i)?;
        let (len, i) = dec(i.strip_prefix(b" LEN=")?)?;
        return Some((Transport::Udp { spt, dpt, len: len.try_into().ok()? }, i));
    }
    let (ty, i) = dec(i.strip_prefix(icmp_key)?)?;
    let (code, i) = dec(i.strip_prefix(b" CODE=")?)?;
    let (id, i) = dec(i.strip_prefix(b" ID=")?)?;
    let (seq, i) = dec(i.strip_prefix(b" SEQ=")?)?;
    let ty = ty.try_into().ok().filter(|ty| echoes.contains(ty))?;
    let (code, id, seq) = (code.try_into().ok()?, id.try_into().ok()?, seq.try_into().ok()?);
    Some((Transport::Echo { ty, code, id, seq }, i))
}

/// Parses the two ports, behind `SPT=`.
#[inline(always)]
fn ports(i: &[u8]) -> Option<(u16, u16, &[u8])> {
    let (spt, i) = dec(i)?;
    let (dpt, i) = dec(i.strip_prefix(b" DPT=")?)?;
    Some((spt.try_into().ok()?, dpt.try_into().ok()?, i))
}

#[inline(always)]
fn tcp(i: &[u8]) -> Option<(Tcp, &[u8])> {
    let (spt, dpt, mut i) = ports(i)?;
    let mut seq_ack = None;
    if let Some(rest) = i.strip_prefix(b" SEQ=") {
        let (seq, rest) = dec(rest)?;
        let (ack, rest) = dec(rest.strip_prefix(b" ACK=")?)?;
        seq_ack = Some((seq.try_into().ok()?, ack.try_into().ok()?));
        i = rest;
    }
    let (window, i) = dec(i.strip_prefix(b" WINDOW=")?)?;
    let i = i.strip_prefix(b" RES=0x")?;
    // Nearly all packets have none.
    let (res, mut i) = match i.strip_prefix(b"00 ") {
        Some(i) => (0, i),
        None => {
            let (res, i) = hex2::<false>(i)?;
            (res, i.strip_prefix(b" ")?)
        }
    };
    let mut flags = TcpFlags::default();
    while !i.starts_with(b"URGP") {
        let (flag, rest) = flag(i)?;
        // Each flag occurs once, and in the kernel's order.
        if flags >= flag {
            return None;
        }
        flags |= flag;
        i = rest;
    }
    let i = i.strip_prefix(b"URGP=")?;
    let (urgp, i) = match i {
        [b'0'] | [b'0', b' ', ..] => (0, &i[1..]),
        _ => dec(i)?,
    };
    let (window, urgp) = (window.try_into().ok()?, urgp.try_into().ok()?);
    Some((Tcp { spt, dpt, seq_ack, window, res, flags, urgp }, i))
}

/// Parses a flag of three letters and its blank; `AE` is left to the grammar.
#[inline]
fn flag(i: &[u8]) -> Option<(TcpFlags, &[u8])> {
    let (word, rest) = i.split_first_chunk::<4>()?;
    let flag = match word {
        b"SYN " => TcpFlags::SYN,
        b"ACK " => TcpFlags::ACK,
        b"PSH " => TcpFlags::PSH,
        b"RST " => TcpFlags::RST,
        b"FIN " => TcpFlags::FIN,
        b"URG " => TcpFlags::URG,
        b"ECE " => TcpFlags::ECE,
        b"CWR " => TcpFlags::CWR,
        _ => return None,
    };
    Some((flag, rest))
}

/// Parses a decimal number without a leading zero.
///
/// Up to seven digits are read in place, one after the other. The numbers in a field mostly have
/// the same length, so the processor predicts the end and runs ahead. Finding the length of all
/// digits at once takes fewer instructions, but is slower.
#[inline(always)]
fn dec(i: &[u8]) -> Option<(u64, &[u8])> {
    let Some(text) = i.first_chunk::<8>() else { return slow_dec(i) };
    let digit = |at: usize| u64::from(text[at].wrapping_sub(b'0'));
    let first = digit(0);
    if first > 9 {
        return None;
    }
    let next = digit(1);
    if next > 9 {
        return Some((first, &i[1..]));
    }
    if first == 0 {
        return None;
    }
    let mut value = first * 10 + next;
    for at in 2..8 {
        let next = digit(at);
        if next > 9 {
            return Some((value, &i[at..]));
        }
        value = value * 10 + next;
    }
    slow_dec(i)
}

fn slow_dec(i: &[u8]) -> Option<(u64, &[u8])> {
    let len = i.iter().take(11).take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = i.split_at(len);
    if len == 0 || (len > 1 && digits[0] == b'0') {
        return None;
    }
    Some((digits.iter().fold(0, |value, b| value * 10 + u64::from(b - b'0')), rest))
}

/// Parses four numbers of one to three digits. It never branches on random data: the places of the
/// dots are computed for all numbers at once, and then each number is parsed by itself.
#[inline(always)]
fn addr4(i: &[u8]) -> Option<(Ipv4Addr, &[u8])> {
    /// The least number of each length that does not begin with a zero, one byte each.
    const LEAST: [u32; 16] = {
        let mut least = [u32::MAX; 16];
        (least[1], least[2], least[3]) = (0, 0x100, 0x1_0000);
        least
    };
    // An address has at most 15 characters and more of the line follows, so four bytes can be taken
    // at any offset.
    let text: &[u8; 20] = i.first_chunk()?;
    let low = Digits::new(*text.first_chunk()?);
    let high = Digits::new(*text[8..].first_chunk()?);
    let mut others = low.others() | high.others() << 8;
    let mut octets = [0; 4];
    // Every fault sets a bit in one of these.
    let (mut above, mut no_dot, mut bad) = (0, 0, false);
    let mut at = 0;
    for (n, octet) in octets.iter_mut().enumerate() {
        let end = others.trailing_zeros() as usize & 15;
        others &= others.wrapping_sub(1);
        let len = end.wrapping_sub(at) & 15;
        let four = u32::from_be_bytes(*text[at..].first_chunk()?) ^ 0x3030_3030;
        let digits = four >> (32_u32.wrapping_sub(8 * len as u32) & 31);
        bad |= digits < LEAST[len];
        if n < 3 {
            no_dot |= text[end] ^ b'.';
        }
        let value = (digits >> 16) * 100 + (digits >> 8 & 15) * 10 + (digits & 15);
        above |= value;
        *octet = value as u8;
        at = (end + 1) & 15;
    }
    let len = at.wrapping_sub(1) & 15;
    if bad || above > 255 || no_dot != 0 { None } else { Some((octets.into(), &i[len..])) }
}

/// Parses eight groups of four digits.
fn addr6(i: &[u8]) -> Option<(Ipv6Addr, &[u8])> {
    let (text, rest) = i.split_first_chunk::<39>()?;
    let mut good = true;
    let mut octets = [0_u8; 16];
    for (n, octet) in octets.iter_mut().enumerate() {
        let at = n / 2 * 5 + n % 2 * 2;
        let (high, low) = (nibble::<false>(text[at]), nibble::<false>(text[at + 1]));
        good &= (high | low) < 16;
        *octet = high << 4 | low & 15;
    }
    for n in 0..7 {
        good &= text[n * 5 + 4] == b':';
    }
    good.then(|| (octets.into(), rest))
}

/// Returns the value of a hexadecimal digit of this case; 16 or more for any other byte.
const fn nibble<const UPPER: bool>(b: u8) -> u8 {
    let decimal = b.wrapping_sub(b'0');
    let letter = b.wrapping_sub(if UPPER { b'A' } else { b'a' });
    if decimal < 10 {
        decimal
    } else if letter < 6 {
        letter + 10
    } else {
        0x80
    }
}

#[inline]
fn hex2<const UPPER: bool>(i: &[u8]) -> Option<(u8, &[u8])> {
    let ([a, b], rest) = i.split_first_chunk::<2>()?;
    let (high, low) = (nibble::<UPPER>(*a), nibble::<UPPER>(*b));
    ((high | low) < 16).then_some((high << 4 | low & 15, rest))
}

/// Parses the value of `MARK=0x`: without a leading zero, so never zero.
fn mark(i: &[u8]) -> Option<(u32, &[u8])> {
    let len = i.iter().take(9).take_while(|&&b| nibble::<false>(b) < 16).count();
    if !(1..=8).contains(&len) || i[0] == b'0' {
        return None;
    }
    let (digits, rest) = i.split_at(len);
    Some((digits.iter().fold(0, |value, &b| value << 4 | u32::from(nibble::<false>(b))), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{anchor, grammar};
    use super::*;

    const COMMON: [&str; 9] = [
        "OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 MAC=aa:aa:0a:ff:49:03:ee:ee:0a:ff:49:03:08:00 \
         SRC=10.255.73.3 DST=10.0.16.8 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=15946 DF PROTO=TCP SPT=51858 DPT=80 \
         WINDOW=27400 RES=0x00 SYN URGP=0 MARK=0x1 ",
        "d08bb414-cdba-4381-412a-e9eccIN=wbrdg-0afe0008 OUT=eth0 MAC=4e:b7:a4:74:e2:45:0a:5a:66:81:1f:1d:08:00 \
         SRC=10.254.0.10 DST=10.0.16.20 LEN=45 TOS=0x1C PREC=0xE0 TTL=0 ID=0 PROTO=TCP SPT=0 DPT=65535 \
         WINDOW=501 RES=0x3c CWR ECE ACK PSH FIN URGP=7 ",
        "OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 MAC=aa:aa:0a:ff:49:03:ee:ee:0a:ff:49:03:08:00 \
         SRC=10.255.73.3 DST=169.254.0.2 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=2806 DF PROTO=UDP SPT=36556 DPT=53 LEN=41 ",
        "IN=eth0 OUT= MAC=aa:aa:0a:ff:49:03:ee:ee:0a:ff:49:03:08:00 SRC=0.0.0.0 DST=255.255.255.255 LEN=84 TOS=0x00 \
         PREC=0x00 TTL=255 ID=58750 DF PROTO=ICMP TYPE=8 CODE=0 ID=172 SEQ=1 MARK=0xffffffff ",
        "[UFW BLOCK] IN= OUT=eth1 SRC=1.2.3.4 DST=5.6.7.8 LEN=40 TOS=0x00 PREC=0x00 TTL=64 ID=7 PROTO=TCP SPT=5 DPT=80 \
         SEQ=4294967295 ACK=0 WINDOW=1024 RES=0x00 URGP=0 OPT (020405B4) UID=0 GID=0 ",
        "x IN=a OUT=b MAC=aa:aa:0a:ff:49:03:ee:ee:0a:ff:49:03:86:dd SRC=fd00:000a:0000:0000:0000:0000:0000:0010 \
         DST=fd00:000e:0000:0000:0000:0000:0000:0020 LEN=80 TC=0 HOPLIMIT=63 FLOWLBL=123456 PROTO=TCP SPT=1 DPT=2 \
         WINDOW=8192 RES=0x00 ACK SYN URGP=0 ",
        "x IN=a OUT=b SRC=fd00:000a:0000:0000:0000:0000:0000:0010 DST=fd00:000e:0000:0000:0000:0000:0000:0020 LEN=48 TC=0 \
         HOPLIMIT=1 FLOWLBL=0 PROTO=UDP SPT=1 DPT=2 LEN=8 MARK=0xabc ",
        "x IN=a OUT=b SRC=1.2.3.4 DST=5.6.7.8 LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=7 MF FRAG:185 PROTO=UDP ",
        "x IN=a OUT=b SRC=1.2.3.4 DST=5.6.7.8 LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=7 PROTO=2 ",
    ];

    /// Checks that a line which the fast path accepts has the same fields in the grammar, and is
    /// whole there.
    fn agree(line: &[u8]) -> bool {
        let mut short = Packet::default();
        let is_read = parse(line, &mut short).is_some();
        let parts = Head::split(line)
            .and_then(|head| Some((head, Tail::parse(&line[head.len..], head.family)?)));
        assert_eq!(parts.is_some(), is_read, "{}", Text::new(line));
        if !is_read {
            return false;
        }
        let (head, tail) = parts.unwrap();
        let mut of_parts = Packet::default();
        head.put_into(&mut of_parts);
        tail.put_into(&mut of_parts);
        assert_eq!(of_parts, short, "{}", Text::new(line));
        let (src, behind) = Head::source(&line[head.src_at..], head.family).unwrap();
        assert_eq!((src, line.len() - behind.len()), (head.src, head.len), "{}", Text::new(line));
        let found = anchor::find(line).unwrap_or_else(|| panic!("{}", Text::new(line)));
        let mut long = Packet::at(found);
        let result = grammar::message(line, found, &mut long);
        long.form.blanks_at_end = Some(u32::from(line.ends_with(b" ")));
        assert_eq!(result, Ok(()), "{}", Text::new(line));
        assert_eq!(short, long, "{}", Text::new(line));
        true
    }

    /// Returns the digest of the text behind the source address, if the line is a common one.
    fn digest_of_tail(line: &[u8]) -> Option<(&[u8], u64)> {
        let head = Head::split(line)?;
        let text = &line[head.len..];
        let tail = Tail::parse(text, head.family)?;
        Some((text.trim_ascii_end(), tail.digest(Seeds::PUBLIC)))
    }

    #[test]
    fn tails_have_one_digest_if_they_have_one_text() {
        let mut texts = std::collections::HashMap::new();
        let mut accepted = 0;
        for line in COMMON {
            for at in 0..line.len() {
                for byte in b" 0123456789abcdefABCDEFSYNKRT" {
                    let mut changed = line.as_bytes().to_vec();
                    changed[at] = *byte;
                    let mut longer = line.as_bytes().to_vec();
                    longer.insert(at, *byte);
                    for line in [changed, longer] {
                        let Some((text, digest)) = digest_of_tail(&line) else { continue };
                        accepted += 1;
                        let known = texts.entry(digest).or_insert_with(|| text.to_vec());
                        assert_eq!(Text::new(known), Text::new(text));
                    }
                }
            }
            let cut = line.trim_end().as_bytes();
            let digest = |line| digest_of_tail(line).map(|(_, digest)| digest);
            assert_eq!(digest(cut), digest(line.as_bytes()), "the blank at the end does not count");
        }
        assert!(accepted > 5_000 && texts.len() > 2_000, "{accepted} {}", texts.len());
    }

    #[test]
    fn the_common_lines_are_read_the_short_way_and_alike() {
        let read = COMMON.iter().filter(|line| agree(line.as_bytes())).count();
        assert!(read >= 6, "only {read} of them are read");
        for line in COMMON {
            agree(line.trim_end().as_bytes());
        }
    }

    #[test]
    fn every_change_and_every_cut_of_a_line_is_read_alike_or_left_to_the_grammar() {
        for line in COMMON {
            for at in 0..line.len() {
                for byte in b" 0129afAF:=.xSYNFDM\t\x00\xa0\xff" {
                    let mut changed = line.as_bytes().to_vec();
                    changed[at] = *byte;
                    agree(&changed);
                    changed = line.as_bytes().to_vec();
                    changed.insert(at, *byte);
                    agree(&changed);
                }
                agree(&line.as_bytes()[..at]);
                agree(&line.as_bytes()[at..]);
                agree(&[&line.as_bytes()[..at], &line.as_bytes()[at + 1..]].concat());
            }
        }
    }

    proptest! {
        #[test]
        fn pieces_of_lines_put_together_are_read_alike(
            parts in prop::collection::vec((0..COMMON.len(), 0_usize..24, 0_usize..24), 1..6),
        ) {
            // Whole words, so that most of the results are nearly a line.
            let words: Vec<&str> = parts
                .iter()
                .flat_map(|(n, from, len)| COMMON[*n].split_inclusive(' ').skip(*from).take(*len))
                .collect();
            agree(words.concat().as_bytes());
            agree(format!("{}{}", COMMON[parts[0].0], words.concat()).as_bytes());
            agree(format!("IN=x OUT=y {}", words.concat()).as_bytes());
        }
    }
}
