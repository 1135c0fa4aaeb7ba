//! Lines as programs print them, from bytes that make the choices, with what they say.
//!
//! The property tests draw the bytes from proptest, the fuzz targets from libFuzzer. What is printed follows the order of
//! the kernel's print statements, and notes each field as it prints it; it shares no code with the readers.

use std::fmt::{self, Display};

use serde_json::{Map, Value, json};

/// A line, and its fields by the names of the output contract.
#[derive(Clone, PartialEq)]
pub struct Generated {
    /// A whole line.
    pub line: Vec<u8>,
    /// What it says.
    pub fields: Value,
}

impl fmt::Debug for Generated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" = {}", self.line.escape_ascii(), self.fields)
    }
}

/// The line that these bytes choose. Bytes that are not there are zeros, so all bytes choose one.
#[must_use]
pub fn line(choices: &[u8]) -> Generated {
    let mut printer =
        Printer { choices, line: Vec::new(), fields: vec![Map::new()], may_trim: true };
    printer.line();
    let mut line = printer.line;
    if printer.may_trim
        && line.ends_with(b" ")
        && printer.choices.first().is_some_and(|b| b % 4 == 1)
    {
        line.pop();
    }
    Generated { line, fields: printer.fields.remove(0).into() }
}

/// What operators and kernels put before `IN=`: none of them holds two names itself but the one that means to.
const PREFIXES: [&[u8]; 18] = [
    b"",
    b"OK_bfce786c-ab07-40ad-79f9-8 ",
    b"DENY_bfce786c-ab07-40ad-79f9 ",
    b"DENY_ORL_bfce786c-ab07-40ad- ",
    b"OK_0000_bfce786c-ab07-40ad-7 ",
    b"DENY_C2C_bfce786c-ab07-40ad- ",
    b"d08bb414-cdba-4381-412a-e9ecc",
    b"[UFW BLOCK] ",
    b"two  ",
    b"IN=fake OUT=fake ",
    b"IN=",
    b"SRC=1.2.3.4 MAC=00:11 OPT (01) ",
    b"TRACE: raw:PREROUTING:policy:2 ",
    b"nf_ct_proto_6: bad checksum ",
    b"{\"a\":1} ",
    b"\xff\xfe\t\x1b[1m",
    "é\\x20%s<4>".as_bytes(),
    b"Shorewall:net2fw:DROP:",
];

const NAMES: [&str; 10] = [
    "eth0",
    "",
    "s-010255073003",
    "wbrdg-0afe0008",
    "a=b",
    "DF",
    "0123456789abcde",
    "wlan-é",
    "MAC=",
    "x]y[z",
];

struct Printer<'a> {
    choices: &'a [u8],
    line: Vec<u8>,
    /// The packet's fields, and those of the one that it quotes.
    fields: Vec<Map<String, Value>>,
    /// The line is whole without its last blank.
    may_trim: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Writer {
    Kernel,
    Ulogd,
}

impl Printer<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.choices.split_first().map_or((0, &[][..]), |(b, rest)| (*b, rest));
        self.choices = rest;
        first
    }

    /// A number below this.
    fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }

    fn flip(&mut self) -> bool {
        self.below(2) == 1
    }

    /// A number up to this, often one of the ends.
    fn number(&mut self, most: u32) -> u32 {
        let any = u32::from_be_bytes([0; 4].map(|_: u8| self.byte()));
        match self.byte() % 4 {
            0 => any & 0xff & most,
            1 => most,
            2 => any % (most / 2 + 1),
            _ => any.min(most),
        }
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        let n = self.below(of.len());
        of[n]
    }

    fn text(&mut self, text: impl Display) {
        self.line.extend(text.to_string().as_bytes());
    }

    fn note(&mut self, name: &str, value: impl Into<Value>) {
        let fields = self.fields.last_mut().expect("the packet's own are always there");
        fields.insert(name.into(), value.into());
    }

    /// `key`, then the value, then a blank.
    fn dec(&mut self, key: &str, name: &str, most: u32) -> u32 {
        let value = self.number(most);
        self.text(format_args!("{key}{value} "));
        self.note(name, value);
        value
    }

    fn hex(&mut self, key: &str, name: &str, text: impl Display, value: u32) {
        self.text(format_args!("{key}{text} "));
        self.note(name, value);
    }

    fn ip4(&mut self) -> String {
        [0; 4].map(|_: u8| self.byte().to_string()).join(".")
    }

    fn mac(&mut self, bytes: usize) -> String {
        let pairs: Vec<_> = (0..bytes).map(|_| format!("{:02x}", self.byte())).collect();
        pairs.join(":")
    }

    fn digits(&mut self) -> String {
        let bytes = 1 + self.below(40);
        (0..bytes).map(|_| format!("{:02X}", self.byte())).collect()
    }

    fn line(&mut self) {
        let prefix = self.one(&PREFIXES);
        let is_ebt = self.below(8) == 7;
        self.line.extend(prefix);
        self.note("prefix", String::from_utf8_lossy(prefix));
        if is_ebt {
            self.note("format", "ebt_log");
            self.text(" ");
        }
        let (in_if, out_if) = (self.one(&NAMES), self.one(&NAMES));
        self.text(format_args!("IN={in_if} OUT={out_if}"));
        self.note("in", in_if);
        self.note("out", out_if);
        if is_ebt {
            self.may_trim = false;
            return self.ebt_log();
        }
        self.text(" ");
        for (key, name) in [("PHYSIN=", "physin"), ("PHYSOUT=", "physout")] {
            if self.below(8) == 7 {
                let port = self.one(&NAMES);
                self.text(format_args!("{key}{port} "));
                self.note(name, port);
            }
        }
        match self.below(16) {
            0..8 => self.ip_line(false, Writer::Kernel),
            8..12 => self.ip_line(true, Writer::Kernel),
            12 => self.arp_line(in_if),
            13 => self.odd_line(in_if),
            n => self.ip_line(n == 15, Writer::Ulogd),
        }
    }

    /// `MAC=`, or its parts.
    fn link(&mut self, ethertype: &str, writer: Writer) {
        let raw = |bytes: String| {
            if bytes.is_empty() { ethertype.into() } else { format!("{bytes}:{ethertype}") }
        };
        match self.below(8) {
            0..4 => {
                let mac = raw(self.mac(12));
                self.text(format_args!("MAC={mac} "));
                self.note("mac_raw", mac);
            }
            4 => {
                self.text("MAC= ");
                self.note("mac_raw", "");
                self.may_trim = false;
            }
            5 => {
                let mac = raw(self.mac(16));
                self.text(format_args!("MAC={mac} "));
                self.note("mac_raw", mac);
                self.may_trim = false;
                if writer == Writer::Ulogd {
                    self.text(" ");
                }
            }
            6 if writer == Writer::Kernel => self.frame(ethertype),
            _ => {}
        }
    }

    fn frame(&mut self, ethertype: &str) {
        for (key, name) in [("MACSRC=", "macsrc"), ("MACDST=", "macdst")] {
            let mac = self.mac(6);
            self.text(format_args!("{key}{mac} "));
            self.note(name, mac);
        }
        if self.flip() {
            let tag = self.one(&["8100", "88a8"]);
            self.text(format_args!("VPROTO={tag} "));
            self.note("vproto", tag);
            self.dec("VID=", "vid", 65535);
        }
        let ethertype = ethertype.replace(':', "");
        self.text(format_args!("MACPROTO={ethertype} "));
        self.note("macproto", ethertype);
    }

    fn ip_line(&mut self, is_v6: bool, writer: Writer) {
        self.link(if is_v6 { "86:dd" } else { "08:00" }, writer);
        self.may_trim = true;
        if self.below(8) == 7 && writer == Writer::Kernel && self.line.ends_with(b"00 ") && !is_v6 {
            // The ethertype is the end of a raw header here, or the line says `MACPROTO=`.
            self.line.pop();
            let is_raw = self.fields[0].contains_key("mac_raw");
            if is_raw {
                let (src, dst) = (self.ip4(), self.ip4());
                self.text(format_args!(" TUNNEL={src}->{dst}"));
                self.note("tunnel_src", src);
                self.note("tunnel_dst", dst);
            }
            self.text(" ");
        }
        self.note("family", if is_v6 { "ipv6" } else { "ipv4" });
        let goes_on = self.ip(is_v6, writer);
        if goes_on {
            self.owner(writer);
        }
    }

    fn owner(&mut self, writer: Writer) {
        if self.flip() {
            self.may_trim = true;
            self.dec("UID=", "uid", u32::MAX);
            if self.flip() {
                self.dec("GID=", "gid", u32::MAX);
            }
        }
        if self.flip() {
            self.may_trim = true;
            let mark = self.number(u32::MAX);
            match writer {
                Writer::Kernel if mark == 0 => return,
                Writer::Ulogd if self.flip() => self.text(format_args!("MARK={mark:x} ")),
                _ => self.text(format_args!("MARK=0x{mark:x} ")),
            }
            self.note("mark", mark);
        }
    }

    /// An IP packet; true if an owner and a mark may follow.
    fn ip(&mut self, is_v6: bool, writer: Writer) -> bool {
        if is_v6 { self.ipv6(writer) } else { self.ipv4(writer) }
    }

    fn is_quoted(&self) -> bool {
        self.fields.len() > 1
    }

    fn ipv4(&mut self, writer: Writer) -> bool {
        for (key, name) in [("SRC=", "src"), ("DST=", "dst")] {
            let ip =
                if self.below(32) == 31 && !self.is_quoted() { String::new() } else { self.ip4() };
            self.text(format_args!("{key}{ip} "));
            self.note(name, ip);
        }
        self.dec("LEN=", "len", 200_000);
        let tos = u32::from(self.byte());
        let key = if writer == Writer::Ulogd { "TOS=" } else { "TOS=0x" };
        self.hex(key, "tos", format_args!("{:02X}", tos & 0x1e), tos & 0x1e);
        self.hex("PREC=0x", "prec", format_args!("{:02X}", tos & 0xe0), tos & 0xe0);
        self.dec("TTL=", "ttl", 255);
        self.dec("ID=", "id", 65535);
        let flags = self.byte();
        for (n, (word, name)) in
            [("CE ", "ce"), ("DF ", "df"), ("MF ", "mf")].into_iter().enumerate()
        {
            let is_set = flags >> n & 1 == 1;
            if is_set {
                self.text(word);
            }
            self.note(name, is_set);
        }
        let fragment = if self.below(8) == 7 { 1 + self.number(8190) } else { 0 };
        if fragment > 0 {
            self.text(format_args!("FRAG:{fragment} "));
        }
        self.note("frag_offset", fragment);
        if writer == Writer::Kernel && self.below(8) == 7 {
            if self.below(4) == 3 {
                self.text("TRUNCATED");
                self.note("truncated", true);
                return false;
            }
            let digits = self.digits();
            self.text(format_args!("OPT ({digits}) "));
            self.note("ip_opt", digits);
        }
        if fragment > 0 && writer == Writer::Kernel && self.below(8) == 7 {
            // A later fragment of AH.
            self.may_trim = false;
            return true;
        }
        let numbers = [0, 2, 4, 33, 41, 47, 58, 89, 112, 132, 255];
        self.transport(
            &["TCP", "UDP", "ICMP", "TCP", "UDPLITE", "AH", "ESP"],
            &numbers,
            writer,
            fragment > 0,
        )
    }

    fn ipv6(&mut self, writer: Writer) -> bool {
        for (key, name) in [("SRC=", "src"), ("DST=", "dst")] {
            let groups = [0; 8].map(|_: u8| self.number(0xffff) as u16);
            // The documentation's prefix has a group that begins with a zero, so the form shows.
            let ip = std::net::Ipv6Addr::from([
                0x2001, 0xdb8, groups[0], 0, 0, groups[1], groups[2], groups[3],
            ]);
            let full = ip.segments().map(|group| format!("{group:04x}")).join(":");
            let text = if writer == Writer::Ulogd { ip.to_string() } else { full.clone() };
            self.text(format_args!("{key}{text} "));
            self.note(name, full);
        }
        self.dec("LEN=", "len", 200_000);
        self.dec("TC=", "tc", 255);
        self.dec("HOPLIMIT=", "hoplimit", 255);
        self.dec("FLOWLBL=", "flowlbl", 0xf_ffff);
        let (mut is_later, mut headers) = (false, Vec::new());
        if writer == Writer::Kernel {
            let in_parentheses = self.flip();
            for _ in 0..[0, 0, 0, 1, 2, 3][self.below(6)] {
                let before = headers.len();
                let goes_on = self.extension(in_parentheses, &mut is_later, &mut headers);
                if in_parentheses && headers.len() > before {
                    self.note("ext_parens", true);
                }
                if !goes_on {
                    self.note("ext", headers);
                    self.may_trim = self.line.ends_with(b"TRUNCATED ");
                    return false;
                }
            }
            if !headers.is_empty() {
                self.note("ext", headers);
            }
            match self.below(32) {
                31 => {
                    self.text("TRUNCATED");
                    self.note("truncated", true);
                    return false;
                }
                30 if !in_parentheses => {
                    // ESP.
                    self.may_trim = false;
                    return false;
                }
                _ => {}
            }
        }
        let numbers = [1, 59, 89, 132, 135];
        self.transport(&["TCP", "UDP", "ICMPv6", "UDPLITE"], &numbers, writer, is_later)
    }

    /// One extension header; true if the kernel goes on.
    fn extension(&mut self, parens: bool, is_later: &mut bool, headers: &mut Vec<Value>) -> bool {
        let kind = self.below(4);
        if !parens && kind != 0 {
            return true; // nothing is printed of it
        }
        if parens {
            self.text("OPT ( ");
        }
        let mut goes_on = true;
        let header = match kind {
            0 if self.below(8) == 7 => {
                self.text("FRAG:TRUNCATED ");
                headers.push(json!({"hdr": 44, "truncated": true}));
                return false;
            }
            0 => {
                let (offset, more) = (self.number(8191) * 8, self.flip());
                let id = self.number(u32::MAX);
                let word = if more { "INCOMPLETE " } else { "" };
                self.text(format_args!("FRAG:{offset} {word}ID:{id:08x} "));
                for (name, value) in
                    [("frag_offset", json!(offset)), ("mf", json!(more)), ("frag_id", json!(id))]
                {
                    let fields = self.fields.last_mut().expect("the packet's own are always there");
                    fields.entry(name).or_insert(value);
                }
                *is_later |= offset > 0;
                json!({"hdr": 44, "frag_offset": offset, "mf": more, "frag_id": id})
            }
            1 => {
                goes_on = !*is_later;
                if goes_on { json!({}) } else { json!({"cut": true}) }
            }
            _ => {
                let (word, number) = if kind == 2 { ("AH", 51) } else { ("ESP", 50) };
                self.text(format_args!("{word} "));
                goes_on = kind == 2 && !*is_later;
                if *is_later {
                    json!({"hdr": number, "cut": true})
                } else if self.below(4) == 3 {
                    let bytes = self.number(u32::MAX);
                    self.text(format_args!("INCOMPLETE [{bytes} bytes] "));
                    goes_on = false;
                    json!({"hdr": number, "incomplete": bytes})
                } else {
                    let spi = self.number(u32::MAX);
                    self.text(format_args!("SPI=0x{spi:x} "));
                    json!({"hdr": number, "spi": spi})
                }
            }
        };
        headers.push(header);
        if parens {
            self.text(if goes_on { ") " } else { ")" });
        }
        goes_on
    }

    /// From `PROTO=` on; true if an owner and a mark may follow.
    fn transport(
        &mut self,
        names: &[&'static str],
        numbers: &[u8],
        writer: Writer,
        is_later: bool,
    ) -> bool {
        if self.below(6) == 5 {
            let number = self.one(numbers);
            let is_sctp = number == 132 && writer == Writer::Ulogd;
            let name = if is_sctp { "SCTP".into() } else { number.to_string() };
            self.text(format_args!("PROTO={name} "));
            self.note("proto", name);
            self.note("proto_num", number);
            if is_sctp && !is_later {
                self.ports();
            }
            return true;
        }
        let name = self.one(names);
        let number = match name {
            "TCP" => 6,
            "UDP" => 17,
            "UDPLITE" => 136,
            "ICMP" => 1,
            "ICMPv6" => 58,
            "AH" => 51,
            _ => 50,
        };
        self.text(format_args!("PROTO={name} "));
        self.note("proto", name);
        self.note("proto_num", number);
        if is_later {
            return true;
        }
        if writer == Writer::Kernel && self.below(16) == 15 {
            self.incomplete();
            return matches!(name, "ICMP" | "AH" | "ESP");
        }
        match name {
            "TCP" => self.tcp(writer),
            "UDP" | "UDPLITE" => {
                self.ports();
                self.dec("LEN=", "udp_len", 65535);
                true
            }
            "ICMP" if writer == Writer::Ulogd => self.ulogd_icmp(),
            "ICMP" => self.icmp(),
            "ICMPv6" => self.icmpv6(writer),
            _ => {
                let spi = self.number(u32::MAX);
                self.hex("SPI=0x", "spi", format_args!("{spi:x}"), spi);
                true
            }
        }
    }

    fn incomplete(&mut self) {
        let bytes = self.number(u32::MAX);
        self.text(format_args!("INCOMPLETE [{bytes} bytes] "));
        self.note("incomplete", bytes);
    }

    fn ports(&mut self) {
        self.dec("SPT=", "spt", 65535);
        self.dec("DPT=", "dpt", 65535);
    }

    fn tcp(&mut self, writer: Writer) -> bool {
        self.ports();
        if writer == Writer::Ulogd || self.below(4) == 3 {
            self.dec("SEQ=", "seq", u32::MAX);
            self.dec("ACK=", "ack", u32::MAX);
        }
        self.dec("WINDOW=", "window", 65535);
        let words: &[&str] = match writer {
            Writer::Kernel => {
                let res = u32::from(self.byte()) & 0x3c;
                self.hex("RES=0x", "res", format_args!("{res:02x}"), res);
                &["AE", "CWR", "ECE", "URG", "ACK", "PSH", "RST", "SYN", "FIN"]
            }
            Writer::Ulogd => &["URG", "ACK", "PSH", "RST", "SYN", "FIN"],
        };
        let bits = u16::from_be_bytes([self.byte() & 1, self.byte()]);
        let flags: Vec<_> =
            (0..).zip(words).filter(|(n, _)| bits >> n & 1 == 1).map(|(_, word)| *word).collect();
        for flag in &flags {
            self.text(format_args!("{flag} "));
        }
        self.note("flags", flags);
        self.dec("URGP=", "urgp", 65535);
        if writer == Writer::Ulogd {
            return true;
        }
        match self.below(8) {
            7 => {
                let digits = self.digits();
                self.text(format_args!("OPT ({digits}) "));
                self.note("tcp_opt", digits);
            }
            6 => {
                let text = self.one(&["OPT (TRUNCATED)", "TRUNCATED"]);
                // The old word is of kernels that had one packet in a line.
                self.text(if self.is_quoted() { "OPT (TRUNCATED)" } else { text });
                self.note("tcp_opt_truncated", true);
                return false;
            }
            _ => {}
        }
        true
    }

    fn kind(&mut self, kinds: &[u8]) -> (u8, u8) {
        let kind = self.one(kinds);
        self.text(format_args!("TYPE={kind} "));
        self.note("icmp_type", kind);
        let code = self.byte() % 16;
        self.text(format_args!("CODE={code} "));
        self.note("icmp_code", code);
        (kind, code)
    }

    fn echo(&mut self) {
        self.dec("ID=", "icmp_id", 65535);
        self.dec("SEQ=", "icmp_seq", 65535);
    }

    fn icmp(&mut self) -> bool {
        let (kind, code) = self.kind(&[8, 0, 3, 3, 4, 5, 11, 12, 13, 18, 42, 255]);
        if self.below(16) == 15 {
            self.incomplete();
            return true;
        }
        match kind {
            0 | 8 => self.echo(),
            12 => {
                self.dec("PARAMETER=", "parameter", 255);
            }
            3..=5 | 11 => {
                if kind == 5 {
                    let gateway = self.ip4();
                    self.text(format_args!("GATEWAY={gateway} "));
                    self.note("gateway", gateway);
                }
                let is_quoted = self.quote(false);
                if (kind, code) == (3, 4) {
                    self.dec("MTU=", "mtu", 65535);
                } else {
                    self.may_trim &= is_quoted;
                }
            }
            _ => {}
        }
        true
    }

    fn icmpv6(&mut self, writer: Writer) -> bool {
        let kinds: &[u8] = match writer {
            Writer::Kernel => &[128, 129, 1, 2, 3, 4, 135, 137, 255],
            Writer::Ulogd => &[128, 129, 135, 255],
        };
        let (kind, _) = self.kind(kinds);
        match kind {
            128 | 129 => self.echo(),
            1..=4 => {
                if kind == 4 {
                    let pointer = self.number(u32::MAX);
                    self.hex("POINTER=", "pointer", format_args!("{pointer:08x}"), pointer);
                }
                let is_quoted = self.quote(true);
                if kind == 2 {
                    self.dec("MTU=", "mtu", u32::MAX);
                } else {
                    self.may_trim &= is_quoted;
                }
            }
            _ => {}
        }
        // A mark inside the brackets is the only one.
        !self.fields[0].contains_key("mark")
    }

    fn ulogd_icmp(&mut self) -> bool {
        let (_, code) = self.kind(&[8, 0, 3, 11, 42]);
        match code {
            0 | 8 => self.echo(),
            12 => {
                self.dec("PARAMETER=", "parameter", 255);
            }
            5 => {
                let gateway = self.ip4();
                self.text(format_args!("GATEWAY={gateway} "));
                self.note("gateway", gateway);
            }
            _ => {}
        }
        true
    }

    /// The packet in brackets, unless this one is quoted itself, or the hook shows none. True if it is there.
    fn quote(&mut self, is_v6: bool) -> bool {
        if self.is_quoted() || self.below(8) == 7 {
            return false;
        }
        self.text("[");
        self.fields.push(Map::new());
        if self.below(16) == 15 {
            self.text("TRUNCATED");
            self.note("truncated", true);
        } else {
            let goes_on = self.ip(is_v6, Writer::Kernel);
            if is_v6 && goes_on && self.below(8) == 7 {
                let mark = 1 + self.number(u32::MAX - 1);
                self.text(format_args!("MARK=0x{mark:x} "));
                self.fields[0].insert("mark".into(), mark.into());
            }
        }
        let inner = self.fields.pop().expect("pushed above");
        self.note("nested", inner);
        self.text("] ");
        self.may_trim = true;
        true
    }

    fn arp_line(&mut self, in_if: &str) {
        self.may_trim = false;
        if self.flip() {
            self.frame("08:06");
        }
        if self.below(8) == 7 {
            let is_told = self.fields[0].contains_key("macproto") || !in_if.is_empty();
            self.text("TRUNCATED");
            self.note("truncated", true);
            return self.note("family", if is_told { "arp" } else { "unknown" });
        }
        self.note("family", "arp");
        self.text("ARP ");
        self.dec("HTYPE=", "arp_htype", 65535);
        let ptype = self.number(65535);
        self.hex("PTYPE=0x", "arp_ptype", format_args!("{ptype:04x}"), ptype);
        self.dec("OPCODE=", "arp_opcode", 65535);
        match self.below(4) {
            0 => {}
            1 => self.incomplete(),
            _ => {
                for (key, mac, ip) in
                    [("SRC", "arp_macsrc", "arp_ipsrc"), ("DST", "arp_macdst", "arp_ipdst")]
                {
                    let (mac_is, ip_is) = (self.mac(6), self.ip4());
                    self.text(format_args!("MAC{key}={mac_is} IP{key}={ip_is} "));
                    self.note(mac, mac_is);
                    self.note(ip, ip_is);
                }
            }
        }
        self.line.pop(); // these lines end without a blank
    }

    /// What the kernel does not open.
    fn odd_line(&mut self, in_if: &str) {
        self.note("family", "unknown");
        let (ethertype, family) = self.one(&[
            ("88:cc", "unknown"),
            ("08:00", "ipv4"),
            ("86:dd", "ipv6"),
            ("08:06", "arp"),
        ]);
        self.may_trim = true;
        let before = self.line.len();
        self.link(ethertype, Writer::Kernel);
        let is_silent = self.line.len() == before;
        self.may_trim &= !is_silent;
        if self.flip() {
            self.text("TRUNCATED");
            self.note("truncated", true);
            let family = match self.fields[0].get("mac_raw") {
                None if is_silent => {
                    if in_if.is_empty() {
                        "unknown"
                    } else {
                        "arp"
                    }
                }
                Some(raw) if raw == "" => "unknown",
                _ => family,
            };
            self.note("family", family);
        }
    }

    fn ebt_log(&mut self) {
        let (source, dest) = (self.mac(6), self.mac(6));
        let (ethertype, family) = self.one(&[
            ("0800", "ipv4"),
            ("86dd", "ipv6"),
            ("0806", "arp"),
            ("8035", "arp"),
            ("88cc", "unknown"),
        ]);
        self.text(format_args!(" MAC source = {source} MAC dest = {dest} proto = 0x{ethertype}"));
        self.note("macsrc", source);
        self.note("macdst", dest);
        self.note("macproto", ethertype);
        self.note("family", family);
        match (family, self.below(8)) {
            ("unknown", _) => {}
            (_, 7) => self.note("l2_only", true),
            (_, 6) => {
                let header = match family {
                    "ipv4" => " INCOMPLETE IP header",
                    "ipv6" => " INCOMPLETE IPv6 header",
                    _ => " INCOMPLETE ARP header",
                };
                self.text(header);
                self.note("truncated", true);
            }
            ("ipv4", _) => {
                let (src, dst, tos) = (self.ip4(), self.ip4(), self.byte());
                let proto = self.one(&[6, 17, 1, 2, 132, 136, 33, 255]);
                self.text(format_args!(
                    " IP SRC={src} IP DST={dst}, IP tos=0x{tos:02X}, IP proto={proto}"
                ));
                self.note("src", src);
                self.note("dst", dst);
                self.note("tos_byte", tos);
                self.note("proto_num", proto);
                self.ebt_ports(proto);
            }
            ("ipv6", _) => {
                let is_old = self.flip();
                for name in ["src", "dst"] {
                    let groups = [0; 7].map(|_: u8| self.number(0xffff) as u16);
                    let groups = [0x2001, 0xdb8].into_iter().chain(groups.into_iter().skip(1));
                    let full = groups
                        .clone()
                        .map(|group| format!("{group:04x}"))
                        .collect::<Vec<_>>()
                        .join(":");
                    let bare =
                        groups.map(|group| format!("{group:x}")).collect::<Vec<_>>().join(":");
                    let text = if is_old { &bare } else { &full };
                    self.text(format_args!(" IPv6 {}={text}", name.to_uppercase()));
                    self.note(name, full);
                }
                let priority = self.byte() % 16;
                let next = self.one(&[6, 17, 58, 0, 44, 59]);
                self.text(format_args!(", IPv6 priority=0x{priority:X}, Next Header={next}"));
                self.note("priority", priority);
                self.note("next_header", next);
                self.ebt_ports(next);
            }
            _ => self.ebt_arp(),
        }
    }

    fn ebt_ports(&mut self, protocol: u8) {
        match (self.below(4), protocol) {
            (0, _) => {
                self.text(" INCOMPLETE TCP/UDP header");
                self.note("incomplete_ports", true);
            }
            (1, 0..=5 | 7..=16 | 18..) => {}
            _ => {
                self.text(" ");
                self.ports();
                self.line.pop();
            }
        }
    }

    fn ebt_arp(&mut self) {
        let (htype, ptype, opcode) = (self.number(65535), self.number(65535), self.number(65535));
        self.text(format_args!(" ARP HTYPE={htype}, PTYPE=0x{ptype:04x}, OPCODE={opcode}"));
        self.note("arp_htype", htype);
        self.note("arp_ptype", ptype);
        self.note("arp_opcode", opcode);
        match self.below(4) {
            0 => {}
            1 => {
                self.text(" INCOMPLETE ARP payload");
                self.note("truncated", true);
            }
            n => {
                let gap = if n == 2 { "" } else { " " };
                for (key, mac, ip) in
                    [("SRC", "arp_macsrc", "arp_ipsrc"), ("DST", "arp_macdst", "arp_ipdst")]
                {
                    let (mac_is, ip_is) = (self.mac(6), self.ip4());
                    self.text(format_args!(" ARP MAC {key}={mac_is}{gap} ARP IP {key}={ip_is}"));
                    self.note(mac, mac_is);
                    self.note(ip, ip_is);
                }
            }
        }
    }
}
