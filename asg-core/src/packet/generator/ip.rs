//! IP packets, from `SRC=` to the end of the transport header, and those that they quote.

use serde_json::{Map, Value, json};

use super::{Printer, Writer};

impl Printer<'_> {
    /// Prints an IP packet; returns whether an owner and a mark may follow.
    pub(super) fn ip(&mut self, is_v6: bool, writer: Writer) -> bool {
        if is_v6 { self.ipv6(writer) } else { self.ipv4(writer) }
    }

    pub(super) fn is_quoted(&self) -> bool {
        self.fields.len() > 1
    }

    pub(super) fn ipv4(&mut self, writer: Writer) -> bool {
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
        self.transport(false, writer, fragment > 0)
    }

    pub(super) fn ipv6(&mut self, writer: Writer) -> bool {
        // If no group begins with a zero, the form cannot be seen.
        let is_plain = !self.is_quoted() && self.below(4) == 3;
        self.needs_mark = is_plain && writer == Writer::Ulogd;
        for (key, name) in [("SRC=", "src"), ("DST=", "dst")] {
            let groups = [0; 8].map(|_: u8| self.number(0xffff) as u16);
            // The documentation prefix has a group that begins with a zero.
            let ip = std::net::Ipv6Addr::from(if is_plain {
                groups.map(|group| group | 0x1000)
            } else {
                [0x2001, 0xdb8, groups[0], 0, 0, groups[1], groups[2], groups[3]]
            });
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
        if writer == Writer::Ulogd {
            self.ulogd_fragment();
            if self.below(16) == 15 {
                // Releases that print no number of a protocol without a name.
                self.may_trim = false;
                return true;
            }
        } else {
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
        self.transport(true, writer, is_later)
    }

    /// Prints one extension header; returns whether the kernel goes on.
    pub(super) fn extension(
        &mut self,
        parens: bool,
        is_later: &mut bool,
        headers: &mut Vec<Value>,
    ) -> bool {
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

    /// Prints everything from `PROTO=` on; returns whether an owner and a mark may follow.
    pub(super) fn transport(&mut self, is_v6: bool, writer: Writer, is_later: bool) -> bool {
        let (names, numbers): (&[&str], &[u8]) = match (is_v6, writer) {
            (false, Writer::Kernel) => (
                &["TCP", "UDP", "ICMP", "TCP", "UDPLITE", "AH", "ESP"],
                &[0, 2, 4, 33, 41, 47, 58, 89, 112, 132, 255],
            ),
            (true, Writer::Kernel) => {
                (&["TCP", "UDP", "ICMPv6", "UDPLITE"], &[1, 59, 89, 132, 135])
            }
            (false, Writer::Ulogd) => {
                (&["TCP", "UDP", "ICMP", "SCTP", "AH", "ESP"], &[0, 2, 4, 33, 47, 58, 136, 255])
            }
            (true, Writer::Ulogd) => {
                (&["TCP", "UDP", "ICMPv6", "SCTP", "AH", "ESP"], &[0, 1, 59, 89, 135, 136])
            }
        };
        if self.below(6) == 5 {
            let number = self.one(numbers);
            self.text(format_args!("PROTO={number} "));
            self.note("proto", number.to_string());
            self.note("proto_num", number);
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
            "SCTP" => 132,
            _ => 50,
        };
        self.text(format_args!("PROTO={name} "));
        self.note("proto", name);
        if (name, is_v6) != ("AH", true) {
            self.note("proto_num", number);
        }
        if writer == Writer::Ulogd {
            self.ulogd_transport(name);
            return true;
        }
        if is_later {
            return true;
        }
        if self.below(16) == 15 {
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
            "ICMP" => self.icmp(),
            "ICMPv6" => self.icmpv6(),
            _ => {
                self.spi();
                true
            }
        }
    }

    pub(super) fn incomplete(&mut self) {
        let bytes = self.number(u32::MAX);
        self.text(format_args!("INCOMPLETE [{bytes} bytes] "));
        self.note("incomplete", bytes);
    }

    pub(super) fn spi(&mut self) {
        let spi = self.number(u32::MAX);
        self.hex("SPI=0x", "spi", format_args!("{spi:x}"), spi);
    }

    pub(super) fn ports(&mut self) {
        self.dec("SPT=", "spt", 65535);
        self.dec("DPT=", "dpt", 65535);
    }

    pub(super) fn tcp(&mut self, writer: Writer) -> bool {
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
                // The old word is from kernels that had one packet in a line.
                self.text(if self.is_quoted() { "OPT (TRUNCATED)" } else { text });
                self.note("tcp_opt_truncated", true);
                return false;
            }
            _ => {}
        }
        true
    }

    pub(super) fn kind(&mut self, kinds: &[u8]) -> (u8, u8) {
        let kind = self.one(kinds);
        self.text(format_args!("TYPE={kind} "));
        self.note("icmp_type", kind);
        let code = self.byte() % 16;
        self.text(format_args!("CODE={code} "));
        self.note("icmp_code", code);
        (kind, code)
    }

    pub(super) fn echo(&mut self) {
        self.dec("ID=", "icmp_id", 65535);
        self.dec("SEQ=", "icmp_seq", 65535);
    }

    pub(super) fn icmp(&mut self) -> bool {
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

    pub(super) fn icmpv6(&mut self) -> bool {
        let (kind, _) = self.kind(&[128, 129, 1, 2, 3, 4, 135, 137, 255]);
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

    /// Prints the packet in brackets, unless this one is itself quoted, or the hook shows none.
    /// Returns whether it was printed.
    pub(super) fn quote(&mut self, is_v6: bool) -> bool {
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
}
