//! A second reader of packet lines, slow and obvious, to hold the grammar and its short cut to.
//!
//! It shares no code with them. It walks over the words of a line, and takes a number for one if it prints back as the
//! word that it was. The order of the words is that of the kernel's sources, once more written down.

use std::fmt::LowerHex;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Value, json};

/// What a line says, by the names of the output contract.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The fields that were read. They do not say that the line was cut.
    pub fields: Value,
    /// The line is one that a kernel prints, to its end.
    pub is_whole: bool,
}

/// Reads a line; `None` if it is no packet line.
#[must_use]
pub fn read(line: &[u8]) -> Option<Reading> {
    let (start, end) = names(line)?;
    let mut reader = Reader { line, at: end, ..Reader::default() };
    let is_ebt = line[..start].ends_with(b" ")
        && (line[end..].starts_with(b" MAC source = ")
            || [
                " MAC ",
                " MAC s",
                " MAC so",
                " MAC sou",
                " MAC sour",
                " MAC sourc",
                " MAC source",
                " MAC source ",
                " MAC source =",
            ]
            .iter()
            .any(|piece| line[end..] == *piece.as_bytes()));
    let prefix = &line[..start - usize::from(is_ebt)];
    let (in_if, out_if) = split(&line[start + 3..end], b" OUT=")?;
    let mut fields = Map::new();
    if is_ebt {
        fields.insert("format".into(), "ebt_log".into());
    }
    fields.insert("prefix".into(), String::from_utf8_lossy(prefix).into());
    fields.insert("in".into(), String::from_utf8_lossy(in_if).into());
    fields.insert("family".into(), "unknown".into());
    if end == line.len() {
        return Some(Reading { fields: fields.into(), is_whole: false });
    }
    fields.insert("out".into(), String::from_utf8_lossy(out_if).into());
    let end = if is_ebt { reader.ebt_log(&mut fields) } else { reader.netfilter(&mut fields) };
    if let Some(mark) = reader.inner_mark {
        fields.insert("mark".into(), mark);
    }
    let is_whole = end.is_ok() && reader.at == line.len();
    Some(Reading { fields: fields.into(), is_whole })
}

/// Where the last `IN=` with two names stands, and where its second name ends.
fn names(line: &[u8]) -> Option<(usize, usize)> {
    let two_names = |start: usize| {
        let (in_if, rest) = split(line[start..].strip_prefix(b"IN=")?, b" OUT=")?;
        let out_if = rest.split(|b| *b == b' ').next()?;
        let good = |name: &[u8]| name.len() <= 15 && !name.iter().any(u8::is_ascii_whitespace);
        let end = start + 3 + in_if.len() + 5 + out_if.len();
        (good(in_if) && good(out_if)).then_some((start, end))
    };
    let (start, end) = (0..line.len()).rev().find_map(two_names)?;
    // iptables keeps 29 bytes of a prefix: the three bytes too many may be a device's name.
    let fits = start > 29 && start - 3 <= 29 && line[..start].ends_with(b"IN=");
    match fits.then(|| start - 3).and_then(two_names) {
        Some((earlier, same)) if same == end => Some((earlier, end)),
        _ => Some((start, end)),
    }
}

fn split<'a>(text: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let n = text.windows(at.len()).position(|window| window == at)?;
    Some((&text[..n], &text[n + at.len()..]))
}

/// Reading stopped.
struct Stop;

type Step = Result<(), Stop>;
type Fields = Map<String, Value>;

/// A word that is a key and a value: the key, its name in the output, and how its value is written.
struct Field(&'static str, &'static str, Kind);

enum Kind {
    /// `%u`, up to this.
    Dec(u64),
    /// `%u`, but not 0.
    DecNot0,
    /// `%02X`.
    Upper,
    /// `%x` of this width, padded with zeros.
    Lower(usize),
    /// The same, and the output keeps the text.
    LowerText,
    /// `%x`.
    Hex,
    /// `%x`, but not 0.
    HexNot0,
    Ip4,
    Mac,
    Name,
}

const U8: Kind = Kind::Dec(0xff);
const U16: Kind = Kind::Dec(0xffff);
const U32: Kind = Kind::Dec(0xffff_ffff);

const PHYSICAL: [Field; 2] =
    [Field("PHYSIN=", "physin", Kind::Name), Field("PHYSOUT=", "physout", Kind::Name)];
const FRAME: [Field; 2] =
    [Field("MACSRC=", "macsrc", Kind::Mac), Field("MACDST=", "macdst", Kind::Mac)];
const TAG: [Field; 2] = [Field("VPROTO=", "vproto", Kind::LowerText), Field("VID=", "vid", U16)];
const IPV4: [Field; 3] =
    [Field("PREC=0x", "prec", Kind::Upper), Field("TTL=", "ttl", U8), Field("ID=", "id", U16)];
const IPV6: [Field; 4] = [
    Field("LEN=", "len", U32),
    Field("TC=", "tc", U8),
    Field("HOPLIMIT=", "hoplimit", U8),
    Field("FLOWLBL=", "flowlbl", U32),
];
const PORTS: [Field; 2] = [Field("SPT=", "spt", U16), Field("DPT=", "dpt", U16)];
const NUMBERS: [Field; 2] = [Field("SEQ=", "seq", U32), Field("ACK=", "ack", U32)];
const ECHO: [Field; 2] = [Field("ID=", "icmp_id", U16), Field("SEQ=", "icmp_seq", U16)];
const FLAGS: [&str; 9] = ["AE", "CWR", "ECE", "URG", "ACK", "PSH", "RST", "SYN", "FIN"];
const MARK: Field = Field("MARK=0x", "mark", Kind::HexNot0);

/// Name, number, and whether IPv4, IPv6 and ulogd2 know it by its name.
const PROTOCOLS: [(&str, u8, bool, bool, bool); 8] = [
    ("TCP", 6, true, true, false),
    ("UDP", 17, true, true, false),
    ("UDPLITE", 136, true, true, false),
    ("ICMP", 1, true, false, false),
    ("ICMPv6", 58, false, true, false),
    ("AH", 51, true, false, false),
    ("ESP", 50, true, false, false),
    ("SCTP", 132, true, true, true),
];

impl Kind {
    fn read(&self, text: &str) -> Option<Value> {
        let hex = || u32::from_str_radix(text, 16).ok();
        match self {
            Self::Dec(most) => {
                let value: u64 = text.parse().ok().filter(|n| n <= most)?;
                (value.to_string() == text).then(|| value.into())
            }
            Self::DecNot0 => U32.read(text).filter(|n| *n != 0),
            Self::Upper => {
                hex().filter(|n| format!("{n:02X}") == text && text.len() == 2).map(Into::into)
            }
            Self::Lower(width) => hex()
                .filter(|n| format!("{n:0width$x}") == text && text.len() == *width)
                .map(Into::into),
            Self::LowerText => Self::Lower(4).read(text).map(|_| text.into()),
            Self::Hex => hex().filter(|n| format!("{n:x}") == text).map(Into::into),
            Self::HexNot0 => Self::Hex.read(text).filter(|n| *n != 0),
            Self::Ip4 => {
                let ip: Ipv4Addr = text.parse().ok()?;
                (ip.to_string() == text).then(|| text.into())
            }
            Self::Mac => {
                let pairs: Vec<_> = text.split(':').collect();
                (pairs.len() == 6 && pairs.iter().all(|pair| is_lower_hex(pair, 2)))
                    .then(|| text.into())
            }
            Self::Name => Some(text.into()),
        }
    }
}

fn is_lower_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The bytes of `OPT (…)`.
fn is_options(text: &str) -> bool {
    let digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'));
    digits && text.len().is_multiple_of(2) && (2..=80).contains(&text.len())
}

#[derive(Default)]
struct Reader<'a> {
    line: &'a [u8],
    at: usize,
    /// ulogd2 wrote the line.
    is_ulogd: bool,
    /// The IPv6 addresses so far can not be in full, or not in the other form.
    not_full: bool,
    not_other: bool,
    /// Inside brackets.
    is_quoted: bool,
    inner_mark: Option<Value>,
}

impl Reader<'_> {
    fn rest(&self) -> &[u8] {
        &self.line[self.at..]
    }

    fn sees(&self, text: &str) -> bool {
        self.rest().starts_with(text.as_bytes())
    }

    fn at_end(&self) -> bool {
        self.rest().is_empty()
    }

    /// Exactly this text.
    fn text(&mut self, text: &str) -> Step {
        if !self.sees(text) {
            return Err(Stop);
        }
        self.at += text.len();
        Ok(())
    }

    /// The same, if it is there.
    fn maybe(&mut self, text: &str) -> bool {
        self.text(text).is_ok()
    }

    /// What stands before the next blank, comma or end.
    fn word(&self, ends: &[u8]) -> String {
        let word = self.rest().split(|b| ends.contains(b)).next().unwrap_or_default();
        String::from_utf8_lossy(word).into_owned()
    }

    fn skip(&mut self, ends: &[u8]) {
        let rest = self.rest();
        self.at += rest.iter().position(|b| ends.contains(b)).unwrap_or(rest.len());
    }

    /// A blank; if the line may end here, that may be gone.
    fn blank(&mut self, may_end: bool) -> Step {
        if may_end && !self.is_quoted && self.at_end() { Ok(()) } else { self.text(" ") }
    }

    /// A key and its value, and a blank.
    fn field(&mut self, field: &Field, may_end: bool, fields: &mut Fields) -> Step {
        let word = self.word(b" ");
        let value = word.strip_prefix(field.0).and_then(|text| field.2.read(text)).ok_or(Stop)?;
        self.skip(b" ");
        self.blank(may_end)?;
        fields.insert(field.1.into(), value);
        Ok(())
    }

    fn fields(&mut self, all: &[Field], fields: &mut Fields) -> Step {
        all.iter().try_for_each(|field| self.field(field, false, fields))
    }

    fn last_field(&mut self, field: &Field, fields: &mut Fields) -> Step {
        self.field(field, true, fields)
    }

    fn netfilter(&mut self, fields: &mut Fields) -> Step {
        self.text(" ")?;
        for field in PHYSICAL {
            if self.sees(field.0) {
                self.field(&field, false, fields)?;
            }
        }
        self.link(fields)?;
        if self.at_end() {
            return Ok(());
        }
        if self.maybe("TRUNCATED") {
            fields.insert("truncated".into(), true.into());
            fields.insert("family".into(), family_of_frame(fields).into());
            return Ok(());
        }
        if self.maybe("ARP HTYPE=") {
            fields.insert("family".into(), "arp".into());
            return self.arp(fields);
        }
        let mut ip = Map::new();
        let end = self.ip(&mut ip, None);
        if let Some(family) = ip.remove("family") {
            fields.insert("family".into(), family);
        }
        let stops = is_the_end(&ip);
        fields.append(&mut ip);
        end?;
        if stops { Ok(()) } else { self.owner(fields) }
    }

    fn link(&mut self, fields: &mut Fields) -> Step {
        if self.sees("MAC=") {
            let word = self.word(b" ");
            let mac = &word["MAC=".len()..];
            if !mac.is_empty() && !mac.split(':').all(|pair| is_lower_hex(pair, 2)) {
                return Err(Stop);
            }
            self.skip(b" ");
            if self.at_end() && mac.len() != 41 {
                return Err(Stop);
            }
            self.blank(true)?;
            fields.insert("mac_raw".into(), mac.into());
            if !self.maybe(" ") && self.sees("TUNNEL=") {
                let word = self.word(b" ");
                let (src, dst) = word["TUNNEL=".len()..].split_once("->").ok_or(Stop)?;
                let (src, dst) = Kind::Ip4.read(src).zip(Kind::Ip4.read(dst)).ok_or(Stop)?;
                self.skip(b" ");
                self.text(" ")?;
                fields.insert("tunnel_src".into(), src);
                fields.insert("tunnel_dst".into(), dst);
            }
        } else if self.sees("MACSRC=") {
            self.fields(&FRAME, fields)?;
            if self.sees("VPROTO=") {
                self.fields(&TAG, fields)?;
            }
            self.last_field(&Field("MACPROTO=", "macproto", Kind::LowerText), fields)?;
        }
        Ok(())
    }

    fn arp(&mut self, fields: &mut Fields) -> Step {
        self.piece("", "arp_htype", &U16, false, fields)?;
        self.piece(" PTYPE=0x", "arp_ptype", &Kind::Lower(4), false, fields)?;
        self.piece(" OPCODE=", "arp_opcode", &U16, true, fields)?;
        if self.at_end() {
            return Ok(());
        }
        if self.sees(" INCOMPLETE [") {
            self.text(" ")?;
            return self.incomplete(fields, true);
        }
        self.piece(" MACSRC=", "arp_macsrc", &Kind::Mac, false, fields)?;
        self.piece(" IPSRC=", "arp_ipsrc", &Kind::Ip4, false, fields)?;
        self.piece(" MACDST=", "arp_macdst", &Kind::Mac, false, fields)?;
        self.piece(" IPDST=", "arp_ipdst", &Kind::Ip4, true, fields)
    }

    /// A key with its own blanks, and a value up to the next blank or comma.
    fn piece(
        &mut self,
        key: &str,
        name: &str,
        kind: &Kind,
        may_end: bool,
        fields: &mut Fields,
    ) -> Step {
        self.text(key)?;
        let ends: &[u8] = if may_end { b" " } else { b" ," };
        let value = kind.read(&self.word(ends)).ok_or(Stop)?;
        self.skip(ends);
        if self.at_end() && !may_end {
            return Err(Stop);
        }
        fields.insert(name.into(), value);
        Ok(())
    }

    /// `INCOMPLETE [n bytes]`, with the blank behind it or, in ARP lines, without.
    fn incomplete(&mut self, fields: &mut Fields, is_bare: bool) -> Step {
        let text = String::from_utf8_lossy(self.rest()).into_owned();
        let count = text.strip_prefix("INCOMPLETE [").and_then(|text| text.split_once(" bytes]"));
        let (digits, _) = count.ok_or(Stop)?;
        let value = U32.read(digits).ok_or(Stop)?;
        self.at += "INCOMPLETE [".len() + digits.len() + " bytes]".len();
        if !is_bare {
            self.blank(true)?;
        }
        fields.insert("incomplete".into(), value);
        Ok(())
    }

    /// An IP packet, which must be of this family if it is quoted.
    fn ip(&mut self, ip: &mut Fields, quoted_in: Option<&str>) -> Step {
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
                Kind::Ip4.read(text).ok_or(Stop)?
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
            self.is_ulogd = self.not_full;
        }
        if family == "ipv6" { self.ipv6(ip) } else { self.ipv4(ip) }
    }

    /// An IPv6 address written as those before it in the line; the output has it in full.
    fn ipv6_address(&mut self, text: &str, other: fn(Ipv6Addr) -> String) -> Option<Value> {
        let ip: Ipv6Addr = text.parse().ok()?;
        let other = if self.is_quoted { full } else { other };
        let not_full = self.not_full || full(ip) != text;
        let not_other = self.not_other || other(ip) != text;
        if self.is_quoted {
            return (full(ip) == text).then(|| text.into());
        }
        if not_full && not_other {
            return None;
        }
        (self.not_full, self.not_other) = (not_full, not_other);
        Some(full(ip).into())
    }

    fn ipv4(&mut self, ip: &mut Fields) -> Step {
        self.field(&Field("LEN=", "len", U32), false, ip)?;
        if !self.is_quoted && self.sees("TOS=") && !self.sees("TOS=0x") {
            self.field(&Field("TOS=", "tos", Kind::Upper), false, ip)?;
            self.is_ulogd = true;
        } else {
            self.field(&Field("TOS=0x", "tos", Kind::Upper), false, ip)?;
        }
        self.fields(&IPV4, ip)?;
        let flags = ["CE ", "DF ", "MF "].map(|flag| self.maybe(flag));
        // A flag is known to be absent if the word in its place is whole, or cannot be the beginning of one.
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
        } else if self.maybe("TRUNCATED") {
            ip.insert("truncated".into(), true.into());
            return Ok(());
        }
        if !self.sees("PROTO=") && is_later_fragment(ip) {
            let piece = self.rest();
            // What may be the beginning of `PROTO=` is one.
            let is_cut = !piece.is_empty() && b"PROTO=".starts_with(piece);
            return if is_cut { Err(Stop) } else { Ok(()) };
        }
        self.transport(ip, false)
    }

    fn ipv6(&mut self, ip: &mut Fields) -> Step {
        self.fields(&IPV6, ip)?;
        let mut headers = Vec::new();
        let mut in_parentheses = false;
        let end = loop {
            if (in_parentheses || headers.is_empty()) && self.maybe("OPT ( ") {
                in_parentheses = true;
                ip.insert("ext_parens".into(), true.into());
            } else if in_parentheses || !self.sees("FRAG:") {
                break None;
            }
            match self.extension(in_parentheses, ip) {
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
        // ESP says nothing of itself, if the rule does not ask.
        let is_over = if self.is_quoted { self.sees("]") } else { self.at_end() };
        if is_over && !in_parentheses { Ok(()) } else { self.transport(ip, true) }
    }

    /// One extension header, and whether the kernel goes on behind it.
    fn extension(&mut self, parens: bool, ip: &mut Fields) -> Result<(Value, bool), Stop> {
        let mut header = Map::new();
        let mut stops = false;
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
            if self.sees("SPI=0x") {
                self.field(&Field("SPI=0x", "spi", Kind::Hex), false, &mut header)?;
                stops = number == 50;
            } else if self.sees("INCOMPLETE") {
                self.incomplete(&mut header, true)?;
                self.text(" ")?;
                stops = true;
            } else {
                header.insert("cut".into(), true.into());
                stops = true;
            }
            break;
        }
        self.text(")")?;
        if !stops && self.maybe(" ") {
            return Ok((header.into(), true));
        }
        if header.is_empty() {
            header.insert("cut".into(), true.into());
        }
        Ok((header.into(), false))
    }

    fn transport(&mut self, ip: &mut Fields, is_v6: bool) -> Step {
        let word = self.word(b" ");
        let text = word.strip_prefix("PROTO=").ok_or(Stop)?;
        let known = PROTOCOLS.into_iter().find(|&(name, _, in_v4, in_v6, ulogd_only)| {
            name == text && (if is_v6 { in_v6 } else { in_v4 }) && (self.is_ulogd || !ulogd_only)
        });
        let number = match known {
            Some((_, number, ..)) => number.into(),
            None => U8.read(text).ok_or(Stop)?,
        };
        let is_all = known.is_none() || is_later_fragment(ip);
        self.skip(b" ");
        self.blank(is_all)?;
        ip.insert("proto".into(), text.into());
        ip.insert("proto_num".into(), number);
        if is_all {
            return Ok(());
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
            "SCTP" => {
                self.field(&PORTS[0], false, ip)?;
                self.last_field(&PORTS[1], ip)
            }
            "ICMP" if self.is_ulogd => self.ulogd_icmp(ip),
            "ICMP" => self.icmp(ip),
            "ICMPv6" => self.icmpv6(ip),
            _ => self.last_field(&Field("SPI=0x", "spi", Kind::Hex), ip),
        }
    }

    fn tcp(&mut self, ip: &mut Fields) -> Step {
        self.fields(&PORTS, ip)?;
        if self.sees("SEQ=") {
            self.fields(&NUMBERS, ip)?;
        }
        self.field(&Field("WINDOW=", "window", U16), false, ip)?;
        if !self.is_ulogd || self.sees("RES=") {
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

    /// Type and code; a line does not end behind these types.
    fn kind(&mut self, opened: &[u64], ip: &mut Fields) -> Result<(u64, u64), Stop> {
        self.field(&Field("TYPE=", "icmp_type", U8), false, ip)?;
        let kind = ip["icmp_type"].as_u64().unwrap_or_default();
        let code = Field("CODE=", "icmp_code", U8);
        self.field(&code, !opened.contains(&kind), ip)?;
        Ok((kind, ip["icmp_code"].as_u64().unwrap_or_default()))
    }

    fn echo(&mut self, ip: &mut Fields) -> Step {
        self.field(&ECHO[0], false, ip)?;
        self.last_field(&ECHO[1], ip)
    }

    fn icmp(&mut self, ip: &mut Fields) -> Step {
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

    fn icmpv6(&mut self, ip: &mut Fields) -> Step {
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

    /// ulogd2 looks at the code where it should at the type.
    fn ulogd_icmp(&mut self, ip: &mut Fields) -> Step {
        self.kind(&[], ip)?;
        if self.sees("ID=") {
            return self.echo(ip);
        }
        for field in [
            Field("PARAMETER=", "parameter", U32),
            Field("GATEWAY=", "gateway", Kind::Ip4),
            Field("MTU=", "mtu", U32),
        ] {
            if self.sees(field.0) {
                return self.last_field(&field, ip);
            }
        }
        Ok(())
    }

    /// The packet in brackets, if there is one.
    fn quote(&mut self, ip: &mut Fields, family: &str) -> Step {
        if self.is_quoted || self.is_ulogd || !self.maybe("[") {
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

    fn quoted(&mut self, inner: &mut Fields, family: &str) -> Step {
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

    fn owner(&mut self, fields: &mut Fields) -> Step {
        if self.sees("UID=") {
            self.last_field(&Field("UID=", "uid", U32), fields)?;
            if self.sees("GID=") {
                self.last_field(&Field("GID=", "gid", U32), fields)?;
            }
        }
        if self.is_ulogd && self.sees("MARK=0x") {
            return self.last_field(&Field("MARK=0x", "mark", Kind::Hex), fields);
        }
        if self.is_ulogd && self.sees("MARK=") {
            return self.last_field(&Field("MARK=", "mark", Kind::Hex), fields);
        }
        if self.sees("MARK=") && self.inner_mark.is_none() {
            self.last_field(&MARK, fields)?;
        }
        Ok(())
    }

    fn ebt_log(&mut self, fields: &mut Fields) -> Step {
        self.piece(" MAC source = ", "macsrc", &Kind::Mac, false, fields)?;
        self.piece(" MAC dest = ", "macdst", &Kind::Mac, false, fields)?;
        self.piece(" proto = 0x", "macproto", &Kind::LowerText, true, fields)?;
        let family = family_of_frame(fields);
        fields.insert("family".into(), family.into());
        if self.at_end() {
            if family != "unknown" {
                fields.insert("l2_only".into(), true.into());
            }
            return Ok(());
        }
        let headless = match family {
            "ipv4" => " INCOMPLETE IP header",
            "ipv6" => " INCOMPLETE IPv6 header",
            "arp" => " INCOMPLETE ARP header",
            _ => return Ok(()),
        };
        if self.maybe(headless) {
            fields.insert("truncated".into(), true.into());
            return Ok(());
        }
        match family {
            "ipv4" => {
                self.piece(" IP SRC=", "src", &Kind::Ip4, false, fields)?;
                self.piece(" IP DST=", "dst", &Kind::Ip4, false, fields)?;
                self.piece(", IP tos=0x", "tos_byte", &Kind::Upper, false, fields)?;
                self.piece(", IP proto=", "proto_num", &U8, true, fields)?;
                self.ebt_ports("proto_num", fields)
            }
            "ipv6" => {
                for (key, name) in [(" IPv6 SRC=", "src"), (" IPv6 DST=", "dst")] {
                    self.text(key)?;
                    let address = self.ipv6_address(&self.word(b" ,"), bare).ok_or(Stop)?;
                    self.skip(b" ,");
                    if self.at_end() {
                        return Err(Stop);
                    }
                    fields.insert(name.into(), address);
                }
                self.text(", IPv6 priority=0x")?;
                let digit = self.word(b" ,");
                self.skip(b" ,");
                let value = Kind::Upper.read(&format!("0{digit}")).ok_or(Stop)?;
                if digit.len() != 1 || self.at_end() {
                    return Err(Stop);
                }
                fields.insert("priority".into(), value);
                self.piece(", Next Header=", "next_header", &U8, true, fields)?;
                self.ebt_ports("next_header", fields)
            }
            _ => self.ebt_arp(fields),
        }
    }

    fn ebt_ports(&mut self, protocol: &str, fields: &mut Fields) -> Step {
        if self.at_end() {
            let has_ports = fields[protocol] == 6 || fields[protocol] == 17;
            return if has_ports { Err(Stop) } else { Ok(()) };
        }
        if self.maybe(" INCOMPLETE TCP/UDP header") {
            fields.insert("incomplete_ports".into(), true.into());
            return Ok(());
        }
        self.piece(" SPT=", "spt", &U16, false, fields)?;
        self.piece(" DPT=", "dpt", &U16, true, fields)
    }

    fn ebt_arp(&mut self, fields: &mut Fields) -> Step {
        self.piece(" ARP HTYPE=", "arp_htype", &U16, false, fields)?;
        self.piece(", PTYPE=0x", "arp_ptype", &Kind::Lower(4), false, fields)?;
        self.piece(", OPCODE=", "arp_opcode", &U16, true, fields)?;
        if self.at_end() {
            return Ok(());
        }
        if self.maybe(" INCOMPLETE ARP payload") {
            fields.insert("truncated".into(), true.into());
            return Ok(());
        }
        self.piece(" ARP MAC SRC=", "arp_macsrc", &Kind::Mac, false, fields)?;
        let has_two_blanks = self.sees("  ");
        for (key, name, mac) in [("SRC", "arp_ipsrc", false), ("DST", "arp_ipdst", true)] {
            if mac {
                self.piece(" ARP MAC DST=", "arp_macdst", &Kind::Mac, false, fields)?;
            }
            let gap = if has_two_blanks { "  " } else { " " };
            self.piece(&format!("{gap}ARP IP {key}="), name, &Kind::Ip4, mac, fields)?;
        }
        Ok(())
    }
}

/// What an ethertype says, which may be the end of a raw header. ARP lines show no raw header.
fn family_of_frame(fields: &Fields) -> &'static str {
    let raw = fields.get("mac_raw").and_then(Value::as_str);
    let ethertype = match raw {
        Some(raw) if raw.len() >= 5 => raw[raw.len() - 5..].replace(':', ""),
        _ => fields.get("macproto").and_then(Value::as_str).unwrap_or_default().to_owned(),
    };
    match ethertype.as_str() {
        "0800" => "ipv4",
        "86dd" => "ipv6",
        "0806" | "8035" => "arp",
        "" if raw.is_none() && fields["in"] != "" => "arp",
        _ => "unknown",
    }
}

fn is_later_fragment(ip: &Fields) -> bool {
    let headers = ip.get("ext").and_then(Value::as_array);
    let more = headers.into_iter().flatten().filter_map(|header| header.get("frag_offset"));
    ip.get("frag_offset").into_iter().chain(more).any(|offset| *offset != 0)
}

/// The kernel stops behind such a packet: no owner, no mark.
fn is_the_end(ip: &Fields) -> bool {
    let has = |name| ip.contains_key(name);
    let proto = ip.get("proto").and_then(Value::as_str).unwrap_or_default();
    let last = ip.get("ext").and_then(|headers| headers.as_array()?.last());
    let header = |name| last.is_some_and(|header| header.get(name).is_some());
    has("truncated")
        || has("tcp_opt_truncated")
        || (has("incomplete") && ["TCP", "UDP", "UDPLITE", "ICMPv6", "SCTP"].contains(&proto))
        || ["cut", "truncated", "incomplete"].into_iter().any(header)
        || last.is_some_and(|header| header.get("hdr") == Some(&50.into()))
}

fn groups(ip: Ipv6Addr, write: fn(&dyn LowerHex) -> String) -> String {
    ip.segments().map(|group| write(&group)).join(":")
}

fn full(ip: Ipv6Addr) -> String {
    groups(ip, |group| format!("{group:04x}"))
}

fn bare(ip: Ipv6Addr) -> String {
    groups(ip, |group| format!("{group:x}"))
}

fn short(ip: Ipv6Addr) -> String {
    ip.to_string()
}
