//! Frames: link headers, ARP, and the whole of `ebt_log`.

use super::{Printer, Writer};

impl Printer<'_> {
    /// Prints `MAC=`, or its parts.
    pub(super) fn link(&mut self, ethertype: &str, writer: Writer) {
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

    pub(super) fn frame(&mut self, ethertype: &str) {
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

    pub(super) fn arp_line(&mut self, in_if: &str) {
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

    /// Prints a frame of a type that the kernel does not open.
    pub(super) fn odd_line(&mut self, in_if: &str) {
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
        // The kernel prints more behind the types that it opens, unless the header is empty.
        let is_opened = !is_silent && family != "unknown" && !self.line.ends_with(b"MAC= ");
        if is_opened || self.flip() {
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

    pub(super) fn ebt_log(&mut self) {
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

    pub(super) fn ebt_ports(&mut self, protocol: u8) {
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

    pub(super) fn ebt_arp(&mut self) {
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
