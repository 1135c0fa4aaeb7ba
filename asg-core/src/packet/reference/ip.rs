//! IP packets, from `SRC=` to the end of the transport header, and those that they quote.

use std::fmt::LowerHex;
use std::net::Ipv6Addr;

use serde_json::{Map, Value, json};

use super::{Field, Fields, Kind, MARK, Reader, Step, Stop, U8, U16, U32};

const IPV4: [Field; 3] =
    [Field("PREC=0x", "prec", Kind::Upper), Field("TTL=", "ttl", U8), Field("ID=", "id", U16)];

const IPV6: [Field; 4] = [
    Field("LEN=", "len", U32),
    Field("TC=", "tc", U8),
    Field("HOPLIMIT=", "hoplimit", U8),
    Field("FLOWLBL=", "flowlbl", U32),
];

pub(super) const PORTS: [Field; 2] = [Field("SPT=", "spt", U16), Field("DPT=", "dpt", U16)];
const NUMBERS: [Field; 2] = [Field("SEQ=", "seq", U32), Field("ACK=", "ack", U32)];
pub(super) const ECHO: [Field; 2] = [Field("ID=", "icmp_id", U16), Field("SEQ=", "icmp_seq", U16)];
const FLAGS: [&str; 9] = ["AE", "CWR", "ECE", "URG", "ACK", "PSH", "RST", "SYN", "FIN"];

/// Name, number, and where it is printed by name: in a kernel's IPv4 and IPv6, in ulogd2's IPv4 and
/// IPv6.
const PROTOCOLS: [(&str, u8, [bool; 4]); 8] = [
    ("TCP", 6, [true; 4]),
    ("UDP", 17, [true; 4]),
    ("UDPLITE", 136, [true; 4]),
    ("ICMP", 1, [true, false, true, false]),
    ("ICMPv6", 58, [false, true, false, true]),
    ("AH", 51, [true, false, true, true]),
    ("ESP", 50, [true, false, true, true]),
    ("SCTP", 132, [false, false, true, true]),
];

impl Reader<'_> {
    /// Parses an IP packet, which must be of this family if it is quoted.
    pub(super) fn ip(&mut self, ip: &mut Fields, quoted_in: Option<&str>) -> Step {
        let family = self.addresses(ip, quoted_in)?;
        if family == "ipv6" { self.ipv6(ip) } else { self.ipv4(ip) }
    }

    /// Parses both addresses, and their family, which is noted for the logged packet only.
    pub(super) fn addresses(
        &mut self,
        ip: &mut Fields,
        quoted_in: Option<&str>,
    ) -> Result<String, Stop> {
        let mut family = quoted_in.map(str::to_owned);
        for (key, name) in [("SRC=", "src"), ("DST=", "dst")] {
            let word = self.word(b" ");
            let text = word.strip_prefix(key).ok_or(Stop)?;
            let is_v6 = match &family {
                None => text.contains(':'),
                Some(family) => family == "ipv6",
            };
            let value = if text.is_empty() {
                "".into()
            } else if is_v6 {
                self.ipv6_address(text, short).ok_or(Stop)?
            } else {
                Kind::Ip4.parse(text).ok_or(Stop)?
            };
            self.skip(b" ");
            self.text(" ")?;
            if value != "" {
                family = Some(if is_v6 { "ipv6" } else { "ipv4" }.into());
            }
            ip.insert(name.into(), value);
            if let (Some(family), None) = (&family, quoted_in) {
                ip.insert("family".into(), family.clone().into());
            }
        }
        let family = family.unwrap_or_else(|| {
            let second = self.rest().split(|b| *b == b' ').nth(1).unwrap_or_default();
            if second.starts_with(b"TC=") { "ipv6" } else { "ipv4" }.into()
        });
        if quoted_in.is_none() {
            ip.insert("family".into(), family.clone().into());
        }
        Ok(family)
    }

    /// Parses an IPv6 address, written like those before it in the line: in full, or in another
    /// form, as ulogd2 always does. Those of a quoted packet are not compared. The output has it in
    /// full.
    pub(super) fn ipv6_address(
        &mut self,
        text: &str,
        other: fn(Ipv6Addr) -> String,
    ) -> Option<Value> {
        let ip: Ipv6Addr = text.parse().ok()?;
        if self.is_quoted {
            return (full(ip) == text).then(|| text.into());
        }
        let not_full = self.not_full || full(ip) != text;
        let not_other = self.not_other || other(ip) != text;
        if not_other && (not_full || self.is_ulogd) {
            return None;
        }
        (self.not_full, self.not_other) = (not_full, not_other);
        Some(full(ip).into())
    }

    pub(super) fn ipv4(&mut self, ip: &mut Fields) -> Step {
        self.field(&Field("LEN=", "len", U32), false, ip)?;
        let tos = if self.is_ulogd { "TOS=" } else { "TOS=0x" };
        self.field(&Field(tos, "tos", Kind::Upper), false, ip)?;
        self.fields(&IPV4, ip)?;
        let flags = ["CE ", "DF ", "MF "].map(|flag| self.maybe(flag));
        // A flag is known to be absent if the word in its place is whole, or cannot be the
        // beginning of one.
        let next_is_known =
            self.sees("TRUNCATED") || self.rest().iter().any(|b| matches!(b, b' ' | b'='));
        for (name, flag) in ["ce", "df", "mf"].into_iter().zip(flags) {
            if flag || next_is_known {
                ip.insert(name.into(), flag.into());
            }
        }
        if self.sees("FRAG:") {
            self.field(&Field("FRAG:", "frag_offset", Kind::DecNot0), false, ip)?;
        } else if next_is_known {
            ip.insert("frag_offset".into(), 0.into());
        }
        if self.sees("OPT (") && !self.is_ulogd {
            self.at += "OPT (".len();
            let word = self.word(b" ");
            let digits = word.strip_suffix(')').filter(|digits| is_options(digits)).ok_or(Stop)?;
            self.skip(b" ");
            self.text(" ")?;
            ip.insert("ip_opt".into(), digits.into());
        } else if !self.is_ulogd && self.maybe("TRUNCATED") {
            ip.insert("truncated".into(), true.into());
            return Ok(());
        }
        if !self.is_ulogd && !self.sees("PROTO=") && is_later_fragment(ip) {
            let piece = self.rest();
            // A text that may be the beginning of `PROTO=` counts as one.
            let is_cut = !piece.is_empty() && b"PROTO=".starts_with(piece);
            return if is_cut { Err(Stop) } else { Ok(()) };
        }
        self.transport(ip, false)
    }

    pub(super) fn ipv6(&mut self, ip: &mut Fields) -> Step {
        self.fields(&IPV6, ip)?;
        if self.is_ulogd {
            return self.ulogd_ipv6(ip);
        }
        let mut headers = Vec::new();
        let mut in_parentheses = false;
        let end = loop {
            if (in_parentheses || headers.is_empty()) && self.maybe("OPT ( ") {
                in_parentheses = true;
                ip.insert("ext_parens".into(), true.into());
            } else if in_parentheses || !self.sees("FRAG:") {
                break None;
            }
            let mut seen = ip.clone();
            seen.insert("ext".into(), headers.clone().into());
            match self.extension(in_parentheses, is_later_fragment(&seen), ip) {
                Ok((header, goes_on)) => {
                    headers.push(header);
                    if !goes_on {
                        break Some(Ok(()));
                    }
                }
                Err(stop) => break Some(Err(stop)),
            }
        };
        if !headers.is_empty() {
            ip.insert("ext".into(), headers.into());
        }
        if let Some(end) = end {
            return end;
        }
        if self.maybe("TRUNCATED") {
            ip.insert("truncated".into(), true.into());
            return Ok(());
        }
        // ESP prints no word, unless the rule asks for options.
        let is_over = if self.is_quoted { self.sees("]") } else { self.at_end() };
        if is_over && !in_parentheses { Ok(()) } else { self.transport(ip, true) }
    }

    /// Parses one extension header, and whether the kernel goes on behind it.
    pub(super) fn extension(
        &mut self,
        parens: bool,
        is_later: bool,
        ip: &mut Fields,
    ) -> Result<(Value, bool), Stop> {
        let mut header = Map::new();
        // Behind a later fragment the kernel prints only a header's name.
        let mut stops = is_later;
        if self.sees("FRAG:") {
            header.insert("hdr".into(), 44.into());
            if self.maybe("FRAG:TRUNCATED") {
                self.blank(true)?;
                header.insert("truncated".into(), true.into());
                return Ok((header.into(), false));
            }
            self.field(&Field("FRAG:", "frag_offset", U32), false, &mut header)?;
            header.insert("mf".into(), self.maybe("INCOMPLETE ").into());
            self.field(&Field("ID:", "frag_id", Kind::Lower(8)), true, &mut header)?;
            for name in ["frag_offset", "mf", "frag_id"] {
                ip.entry(name).or_insert(header[name].clone());
            }
            if parens {
                self.text(")")?;
                self.blank(true)?;
            }
            return Ok((header.into(), true));
        }
        for (word, number) in [("AH ", 51), ("ESP ", 50)] {
            if !self.maybe(word) {
                continue;
            }
            header.insert("hdr".into(), number.into());
            if is_later {
                break;
            }
            if self.sees("INCOMPLETE") {
                self.incomplete(&mut header, true)?;
                self.text(" ")?;
                stops = true;
            } else {
                self.field(&Field("SPI=0x", "spi", Kind::Hex), false, &mut header)?;
                stops = number == 50;
            }
            break;
        }
        self.text(")")?;
        if is_later {
            header.insert("cut".into(), true.into());
        }
        if !stops {
            self.text(" ")?;
        }
        Ok((header.into(), !stops))
    }

    pub(super) fn transport(&mut self, ip: &mut Fields, is_v6: bool) -> Step {
        let word = self.word(b" ");
        let text = word.strip_prefix("PROTO=").ok_or(Stop)?;
        let place = usize::from(is_v6) + 2 * usize::from(self.is_ulogd);
        let known = PROTOCOLS.into_iter().find(|&(name, _, named)| name == text && named[place]);
        let number = match known {
            Some((_, number, _)) => number.into(),
            None => U8.parse(text).ok_or(Stop)?,
        };
        // A protocol with a name is never printed as a number.
        let named: &[u8] = if is_v6 { &[6, 17, 50, 51, 58] } else { &[1, 6, 17, 50, 51] };
        if known.is_none() && named.iter().any(|n| number == *n) {
            return Err(Stop);
        }
        let is_all = known.is_none() || (is_later_fragment(ip) && !self.is_ulogd);
        self.skip(b" ");
        self.blank(is_all)?;
        ip.insert("proto".into(), text.into());
        // ulogd2 prints this name for both AH and ESP.
        if (text, is_v6) != ("AH", true) {
            ip.insert("proto_num".into(), number);
        }
        if is_all {
            return Ok(());
        }
        if self.is_ulogd {
            return self.ulogd_transport(text, ip);
        }
        if self.sees("INCOMPLETE ") {
            return self.incomplete(ip, false);
        }
        match text {
            "TCP" => self.tcp(ip),
            "UDP" | "UDPLITE" => {
                self.fields(&PORTS, ip)?;
                self.last_field(&Field("LEN=", "udp_len", U16), ip)
            }
            "ICMP" => self.icmp(ip),
            "ICMPv6" => self.icmpv6(ip),
            _ => self.last_field(&Field("SPI=0x", "spi", Kind::Hex), ip),
        }
    }

    pub(super) fn tcp(&mut self, ip: &mut Fields) -> Step {
        self.fields(&PORTS, ip)?;
        if self.sees("SEQ=") {
            self.fields(&NUMBERS, ip)?;
        }
        self.field(&Field("WINDOW=", "window", U16), false, ip)?;
        if !self.is_ulogd {
            self.field(&Field("RES=0x", "res", Kind::Lower(2)), false, ip)?;
        }
        let mut flags = Vec::new();
        for flag in FLAGS {
            if self.word(b" ") == flag && self.sees(&format!("{flag} ")) {
                self.at += flag.len() + 1;
                flags.push(flag);
            }
        }
        if self.sees("URGP=") {
            ip.insert("flags".into(), json!(flags));
        }
        self.last_field(&Field("URGP=", "urgp", U16), ip)?;
        if self.is_ulogd {
            return Ok(());
        }
        if self.maybe("OPT (TRUNCATED)") || self.maybe("TRUNCATED") {
            ip.insert("tcp_opt_truncated".into(), true.into());
        } else if self.maybe("OPT (") {
            let word = self.word(b" ");
            let digits = word.strip_suffix(')').filter(|digits| is_options(digits)).ok_or(Stop)?;
            self.skip(b" ");
            self.blank(true)?;
            ip.insert("tcp_opt".into(), digits.into());
        }
        Ok(())
    }

    /// Parses type and code; a line does not end behind these types.
    pub(super) fn kind(&mut self, opened: &[u64], ip: &mut Fields) -> Result<(u64, u64), Stop> {
        self.field(&Field("TYPE=", "icmp_type", U8), false, ip)?;
        let kind = ip["icmp_type"].as_u64().unwrap_or_default();
        let code = Field("CODE=", "icmp_code", U8);
        self.field(&code, !opened.contains(&kind), ip)?;
        Ok((kind, ip["icmp_code"].as_u64().unwrap_or_default()))
    }

    pub(super) fn echo(&mut self, ip: &mut Fields) -> Step {
        self.field(&ECHO[0], false, ip)?;
        self.last_field(&ECHO[1], ip)
    }

    pub(super) fn icmp(&mut self, ip: &mut Fields) -> Step {
        let (kind, code) = self.kind(&[0, 3, 4, 5, 8, 11, 12], ip)?;
        if self.sees("INCOMPLETE ") {
            return self.incomplete(ip, false);
        }
        match kind {
            0 | 8 => return self.echo(ip),
            12 => return self.last_field(&Field("PARAMETER=", "parameter", U32), ip),
            5 => self.field(&Field("GATEWAY=", "gateway", Kind::Ip4), false, ip)?,
            3 | 4 | 11 => {}
            _ => return Ok(()),
        }
        self.quote(ip, "ipv4")?;
        if (kind, code) == (3, 4) {
            self.last_field(&Field("MTU=", "mtu", U32), ip)
        } else {
            Ok(())
        }
    }

    pub(super) fn icmpv6(&mut self, ip: &mut Fields) -> Step {
        let (kind, _) = self.kind(&[1, 2, 3, 4, 128, 129], ip)?;
        match kind {
            128 | 129 => return self.echo(ip),
            4 => self.field(&Field("POINTER=", "pointer", Kind::Lower(8)), false, ip)?,
            1..=3 => {}
            _ => return Ok(()),
        }
        self.quote(ip, "ipv6")?;
        if kind == 2 { self.last_field(&Field("MTU=", "mtu", U32), ip) } else { Ok(()) }
    }

    /// Parses the packet in brackets, if there is one.
    pub(super) fn quote(&mut self, ip: &mut Fields, family: &str) -> Step {
        if self.is_quoted || self.not_full || !self.maybe("[") {
            return Ok(());
        }
        let mut inner = Map::new();
        self.is_quoted = true;
        let end = self.quoted(&mut inner, family);
        self.is_quoted = false;
        ip.insert("nested".into(), inner.into());
        end?;
        self.text("]")?;
        self.blank(true)
    }

    pub(super) fn quoted(&mut self, inner: &mut Fields, family: &str) -> Step {
        if self.maybe("TRUNCATED") {
            inner.insert("truncated".into(), true.into());
            return Ok(());
        }
        self.ip(inner, Some(family))?;
        if family == "ipv6" && !is_the_end(inner) && self.sees("MARK=") {
            let mut mark = Map::new();
            self.field(&MARK, false, &mut mark)?;
            self.inner_mark = mark.remove("mark");
        }
        Ok(())
    }
}

/// Returns whether the text is the bytes of `OPT (…)`.
pub(super) fn is_options(text: &str) -> bool {
    let digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'));
    digits && text.len().is_multiple_of(2) && (2..=80).contains(&text.len())
}

pub(super) fn is_later_fragment(ip: &Fields) -> bool {
    let headers = ip.get("ext").and_then(Value::as_array);
    let more = headers.into_iter().flatten().filter_map(|header| header.get("frag_offset"));
    ip.get("frag_offset").into_iter().chain(more).any(|offset| *offset != 0)
}

/// Returns whether the kernel stops behind such a packet: no owner, no mark.
pub(super) fn is_the_end(ip: &Fields) -> bool {
    let has = |name| ip.contains_key(name);
    let proto = ip.get("proto").and_then(Value::as_str).unwrap_or_default();
    let last = ip.get("ext").and_then(|headers| headers.as_array()?.last());
    let header = |name| last.is_some_and(|header| header.get(name).is_some());
    has("truncated")
        || has("tcp_opt_truncated")
        || (has("incomplete") && ["TCP", "UDP", "UDPLITE", "ICMPv6"].contains(&proto))
        || ["cut", "truncated", "incomplete"].into_iter().any(header)
        || last.is_some_and(|header| header.get("hdr") == Some(&50.into()))
}

pub(super) fn groups(ip: Ipv6Addr, write: fn(&dyn LowerHex) -> String) -> String {
    ip.segments().map(|group| write(&group)).join(":")
}

pub(super) fn full(ip: Ipv6Addr) -> String {
    groups(ip, |group| format!("{group:04x}"))
}

pub(super) fn bare(ip: Ipv6Addr) -> String {
    groups(ip, |group| format!("{group:x}"))
}

pub(super) fn short(ip: Ipv6Addr) -> String {
    ip.to_string()
}
