//! Lines of ulogd2 and its ancestors.

use serde_json::json;

use super::{Printer, Writer};

impl Printer<'_> {
    pub(super) fn ulogd_line(&mut self, is_v6: bool) {
        match self.below(8) {
            7 => self.ulogd_arp(),
            6 => self.ulogd_short_header(),
            _ => self.ip_line(is_v6, Writer::Ulogd),
        }
    }

    fn ulogd_link(&mut self, ethertype: &str) {
        self.link(ethertype, Writer::Ulogd);
        if !self.fields[0].contains_key("mac_raw") {
            self.text("MAC= ");
            self.note("mac_raw", "");
        }
        self.may_trim = true;
    }

    fn ulogd_arp(&mut self) {
        self.ulogd_link("08:06");
        self.note("family", "arp");
        for (key, name) in [("SRC=", "src"), ("DST=", "dst")] {
            let ip = self.ip4();
            self.text(format_args!("{key}{ip} "));
            self.note(name, ip);
        }
        self.text("PROTO=ARP ");
        let opcode = match self.below(6) {
            5 => self.number(65535),
            n => [1, 2, 2, 1, 10][n],
        };
        self.note("arp_opcode", opcode);
        match opcode {
            1 => self.text("REQUEST "),
            2 => {
                let mac = self.mac(6);
                self.text(format_args!("REPLY REPLY_MAC={mac} "));
                self.note("arp_macsrc", mac);
            }
            10 => self.text("NAK "),
            other => self.text(format_args!("CODE={other} ")),
        }
        self.owner(Writer::Ulogd);
    }

    /// Prints a packet whose network header is cut, or not known.
    fn ulogd_short_header(&mut self) {
        let (ethertype, family, text) = self.one(&[
            ("08:00", "ipv4", "LEN=0 TOS=00 PREC=0x00 TTL=0 ID=0 PROTO=0 "),
            ("86:dd", "ipv6", "PROTO=0 "),
            ("86:dd", "ipv6", ""),
            ("08:06", "arp", "PROTO=ARP "),
            ("88:cc", "unknown", "PROTO=35020 "),
            ("00:26", "unknown", "PROTO=4 "),
        ]);
        self.ulogd_link(ethertype);
        self.text(text);
        self.note("family", family);
        match text {
            "PROTO=35020 " => self.note("macproto", "88cc"),
            "PROTO=4 " => self.note("macproto", "0004"),
            _ => self.note("truncated", true),
        }
        self.needs_mark = text.is_empty();
        self.owner(Writer::Ulogd);
    }

    pub(super) fn ulogd_fragment(&mut self) {
        if self.below(4) != 3 {
            return;
        }
        let (offset, id) = (self.number(8191) * 8, self.number(u32::MAX));
        self.text(format_args!("FRAG: {offset} ID: {id:08x} "));
        self.note("frag_offset", offset);
        self.note("frag_id", id);
        self.note("ext", vec![json!({"hdr": 44, "frag_offset": offset, "frag_id": id})]);
    }

    /// Prints the part behind the name of a protocol.
    pub(super) fn ulogd_transport(&mut self, name: &str) {
        if self.below(8) == 7 {
            let word = if name == "ICMPv6" && self.flip() { "TRUNCATED" } else { "INCOMPLETE" };
            self.text(word);
            return self.note("truncated", true);
        }
        match name {
            "TCP" => {
                self.tcp(Writer::Ulogd);
            }
            "UDP" => {
                self.ports();
                self.dec("LEN=", "udp_len", 65535);
            }
            "SCTP" => self.ports(),
            "ICMP" => self.ulogd_icmp(),
            "ICMPv6" => {
                if let (128 | 129, _) = self.kind(&[128, 129, 1, 2, 3, 4, 135, 255]) {
                    self.echo();
                }
            }
            _ => self.spi(),
        }
    }

    fn ulogd_icmp(&mut self) {
        let (kind, code) = self.kind(&[8, 0, 3, 5, 11, 12, 42]);
        // ulogd2 checks the code where ulogd 1.x checks the type.
        match if self.flip() { code } else { kind } {
            0 | 8 => self.echo(),
            12 => {
                self.dec("PARAMETER=", "parameter", 255);
            }
            5 => {
                let gateway = self.ip4();
                self.text(format_args!("GATEWAY={gateway} "));
                self.note("gateway", gateway);
            }
            3 if code == 4 => {
                self.dec("MTU=", "mtu", 65535);
            }
            _ => {}
        }
    }
}
