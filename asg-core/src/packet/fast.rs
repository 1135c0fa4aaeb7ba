//! The usual line, read at one go.
//!
//! Nearly all packet lines are whole and of one kind: IPv4 with an Ethernet header, TCP without sequence numbers and options,
//! UDP, or an echo. The kernel prints their fields in one order, so they are read by walking along, with no combinator and
//! no error to make. Whatever is not exactly such a line is left to [`super::grammar`], from its start: this room decides
//! nothing, it only saves time, and the tests hold it to the grammar on every line that they have.
//!
//! To change what is accepted, change the grammar. Here a line may only be given up.

use std::net::Ipv4Addr;

use super::fields::{Address, Family, Ip, Packet, Proto, TcpFlags};
use crate::Text;

/// Reads what follows `OUT=<name>`. Gives false, and leaves the packet alone, if it is not the usual line.
pub(super) fn message<'a>(text: &'a [u8], packet: &mut Packet<'a>) -> bool {
    let Some((mac, ip, mark)) = usual(text) else { return false };
    packet.mac_raw = Some(Text::new(mac));
    packet.family = Family::Ipv4;
    packet.ip = ip;
    packet.mark = mark;
    true
}

fn usual(text: &[u8]) -> Option<(&[u8], Ip<'_>, Option<u32>)> {
    let mut at = Cursor(text);
    at.text(b" MAC=")?;
    let mac = at.ethernet()?;
    let mut ip = Ip::default();
    at.text(b"SRC=")?;
    ip.src = Some(Address::V4(at.address()?));
    at.text(b"DST=")?;
    ip.dst = Some(Address::V4(at.address()?));
    at.text(b"LEN=")?;
    ip.len = Some(at.number(u32::MAX)?);
    at.text(b"TOS=0x")?;
    ip.tos = Some(at.hex2(b'A')?);
    at.text(b"PREC=0x")?;
    ip.prec = Some(at.hex2(b'A')?);
    at.text(b"TTL=")?;
    ip.ttl = Some(at.small()?);
    at.text(b"ID=")?;
    ip.id = Some(at.port()?);
    ip.df = Some(at.text(b"DF ").is_some());
    (ip.ce, ip.mf, ip.frag_offset) = (Some(false), Some(false), Some(0));
    at.text(b"PROTO=")?;
    let proto = match at.0 {
        [b'T', b'C', b'P', b' ', ..] => Proto::Tcp,
        [b'U', b'D', b'P', b' ', ..] => Proto::Udp,
        [b'I', b'C', b'M', b'P', b' ', ..] => Proto::Icmp,
        _ => return None,
    };
    at.0 = &at.0[if proto == Proto::Icmp { 5 } else { 4 }..];
    (ip.proto, ip.proto_num) = (Some(proto), Some(proto.number()));
    if proto == Proto::Icmp {
        at.text(b"TYPE=")?;
        let kind = at.small()?;
        if !matches!(kind, 0 | 8) {
            return None;
        }
        ip.icmp_type = Some(kind);
        at.text(b"CODE=")?;
        ip.icmp_code = Some(at.small()?);
        at.text(b"ID=")?;
        ip.icmp_id = Some(at.port()?);
        at.text(b"SEQ=")?;
        ip.icmp_seq = Some(at.port()?);
    } else {
        at.text(b"SPT=")?;
        ip.spt = Some(at.port()?);
        at.text(b"DPT=")?;
        ip.dpt = Some(at.port()?);
        if proto == Proto::Udp {
            at.text(b"LEN=")?;
            ip.udp_len = Some(at.port()?);
        } else {
            at.text(b"WINDOW=")?;
            ip.window = Some(at.port()?);
            at.text(b"RES=0x")?;
            ip.res = Some(at.hex2(b'a')?);
            ip.flags = Some(at.flags());
            at.text(b"URGP=")?;
            ip.urgp = Some(at.port()?);
        }
    }
    let mark = match at.text(b"MARK=0x") {
        Some(()) => Some(at.mark()?),
        None => None,
    };
    at.0.is_empty().then_some((mac, ip, mark))
}

/// The rest of a line. Each step walks over what it reads and, for values, over the blank behind it.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    #[inline]
    fn text(&mut self, text: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    /// 14 bytes, `hh:…:hh`: what an Ethernet device has.
    #[inline]
    fn ethernet(&mut self) -> Option<&'a [u8]> {
        const LEN: usize = 14 * 3 - 1;
        let (mac, rest) = self.0.split_at_checked(LEN)?;
        let is_right = mac.iter().enumerate().fold(true, |is_right, (n, b)| {
            is_right & if n % 3 == 2 { *b == b':' } else { matches!(b, b'0'..=b'9' | b'a'..=b'f') }
        });
        self.0 = rest;
        self.text(b" ")?;
        is_right.then_some(mac)
    }

    /// Decimal digits up to the byte that ends them, and no leading zero.
    #[inline]
    fn digits(&mut self, ends: u8, most: u32) -> Option<u32> {
        let mut value = 0_u64;
        let mut n = 0;
        loop {
            let b = *self.0.get(n)?;
            let digit = b.wrapping_sub(b'0');
            if digit > 9 {
                let is_right = b == ends && (1..=10).contains(&n) && (n == 1 || self.0[0] != b'0');
                self.0 = &self.0[n + 1..];
                return (is_right && value <= u64::from(most)).then_some(value as u32);
            }
            if n == 10 {
                return None;
            }
            value = value * 10 + u64::from(digit);
            n += 1;
        }
    }

    #[inline]
    fn number(&mut self, most: u32) -> Option<u32> {
        self.digits(b' ', most)
    }

    #[inline]
    fn port(&mut self) -> Option<u16> {
        self.number(u32::from(u16::MAX)).map(|n| n as u16)
    }

    #[inline]
    fn small(&mut self) -> Option<u8> {
        self.number(u32::from(u8::MAX)).map(|n| n as u8)
    }

    #[inline]
    fn address(&mut self) -> Option<Ipv4Addr> {
        let [a, b, c] = [self.digits(b'.', 255)?, self.digits(b'.', 255)?, self.digits(b'.', 255)?];
        let d = self.digits(b' ', 255)?;
        Some(Ipv4Addr::new(a as u8, b as u8, c as u8, d as u8))
    }

    /// Two hexadecimal digits; `ten` is `A` or `a`.
    #[inline]
    fn hex2(&mut self, ten: u8) -> Option<u8> {
        let [a, b, b' ', rest @ ..] = self.0 else { return None };
        self.0 = rest;
        Some(nibble(*a, ten)? << 4 | nibble(*b, ten)?)
    }

    #[inline]
    fn flags(&mut self) -> TcpFlags {
        let mut flags = TcpFlags::default();
        if self.0.starts_with(b"SYN URGP") {
            // As nearly always: the first packet of a connection.
            self.0 = &self.0[4..];
            return TcpFlags::SYN;
        }
        for (flag, name) in TcpFlags::ALL {
            if let Some([b' ', rest @ ..]) = self.0.strip_prefix(name.as_bytes()) {
                flags |= flag;
                self.0 = rest;
            }
        }
        flags
    }

    /// Up to eight hexadecimal digits, no leading zero.
    #[inline]
    fn mark(&mut self) -> Option<u32> {
        let mut value = 0_u32;
        for (n, b) in self.0.iter().enumerate() {
            if *b == b' ' {
                let is_right = (1..=8).contains(&n) && self.0[0] != b'0';
                self.0 = &self.0[n + 1..];
                return is_right.then_some(value);
            }
            value = value.checked_shl(4)? | u32::from(nibble(*b, b'a')?);
        }
        None
    }
}

#[inline]
fn nibble(b: u8, ten: u8) -> Option<u8> {
    match b.wrapping_sub(b'0') {
        digit @ 0..=9 => Some(digit),
        _ => Some(b.wrapping_sub(ten)).filter(|digit| *digit < 6).map(|digit| digit + 10),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Lenient, anchor, grammar};
    use super::*;

    const USUAL: [&str; 5] = [
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
        "IN=eth0 OUT=eth1 MAC=aa:aa:0a:ff:49:03:ee:ee:0a:ff:49:03:08:00 SRC=1.2.3.4 DST=5.6.7.8 LEN=40 TOS=0x00 \
         PREC=0x00 TTL=64 ID=7 PROTO=TCP SPT=5 DPT=80 WINDOW=1024 RES=0x00 URGP=0 ",
    ];

    /// Both readings of a line, if it is a packet line: this room's, if it is for it, and the grammar's.
    fn both(line: &[u8]) -> Option<(Option<Packet<'_>>, Lenient<'_>)> {
        let found = anchor::find(line)?;
        let mut general = Packet::at(found);
        let stop = grammar::message(line, found, &mut general).err();
        let mut fast = Packet::at(found);
        let is_usual = found.out_if.is_some() && message(&line[found.end..], &mut fast);
        Some((is_usual.then_some(fast), Lenient { packet: general, stop }))
    }

    #[test]
    fn the_usual_lines_are_read_here_as_the_grammar_reads_them() {
        for line in USUAL {
            let (fast, general) = both(line.as_bytes()).unwrap();
            assert_eq!(general.stop, None, "{line}");
            assert_eq!(fast, Some(general.packet), "{line}");
        }
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_read_as_the_grammar_reads_it_or_left_to_it() {
        for line in USUAL {
            for at in 0..line.len() {
                for byte in b" 0129afAF:=.xSYNFD\x00\xff" {
                    let mut changed = line.as_bytes().to_vec();
                    changed[at] = *byte;
                    agree(&changed);
                    changed.insert(at, *byte);
                    agree(&changed);
                }
                agree(&line.as_bytes()[..at]);
                agree(&[&line[..at], &line[at + 1..]].concat().into_bytes());
            }
        }
    }

    fn agree(line: &[u8]) {
        if let Some((Some(fast), general)) = both(line) {
            assert_eq!(general.stop, None, "{}", Text::new(line));
            assert_eq!(fast, general.packet, "{}", Text::new(line));
        }
    }

    proptest! {
        #[test]
        fn two_usual_lines_spliced_anywhere_are_read_alike(
            a in 0..USUAL.len(), b in 0..USUAL.len(), i: prop::sample::Index, j: prop::sample::Index,
        ) {
            let (a, b) = (USUAL[a], USUAL[b]);
            agree(format!("{}{}", &a[..i.index(a.len())], &b[j.index(b.len())..]).as_bytes());
        }
    }
}
