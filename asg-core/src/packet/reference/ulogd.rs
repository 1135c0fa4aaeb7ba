//! Lines of ulogd2, where they are not a kernel's.

use serde_json::{Map, Value, json};

use super::ip::{ECHO, PORTS};
use super::{Field, Fields, Kind, Reader, Step, Stop, U16, U32};

/// The whole text that is printed for an IPv4 packet that has no header.
const NOTHING: [&str; 6] = ["LEN=0", "TOS=00", "PREC=0x00", "TTL=0", "ID=0", "PROTO=0"];

impl Reader<'_> {
    /// Parses everything behind the link header.
    pub(super) fn ulogd(&mut self, fields: &mut Fields) -> Step {
        let is_linked = fields.contains_key("mac_raw") && !fields.contains_key("tunnel_src");
        if self.sees("SRC=") || !is_linked {
            let mut ip = Map::new();
            let end = self.ulogd_ip(&mut ip);
            fields.append(&mut ip);
            end?;
        } else {
            let family = self.ulogd_short_header(fields)?;
            fields.insert("family".into(), family.into());
        }
        self.owner(fields)
    }

    fn ulogd_ip(&mut self, ip: &mut Fields) -> Step {
        let family = self.addresses(ip, None)?;
        match family.as_str() {
            "ipv6" => self.ipv6(ip),
            _ if self.maybe("PROTO=ARP") => {
                ip.insert("family".into(), "arp".into());
                self.text(" ")?;
                self.ulogd_arp(ip)
            }
            _ => self.ipv4(ip),
        }
    }

    /// Parses the rest of a packet without addresses; returns its family.
    fn ulogd_short_header(&mut self, fields: &mut Fields) -> Result<&'static str, Stop> {
        let family = if self.sees("UID=") || self.sees("MARK=") {
            "ipv6"
        } else if self.sees("LEN=") {
            self.text(&NOTHING.join(" "))?;
            self.blank(true)?;
            "ipv4"
        } else if self.maybe("PROTO=ARP") {
            fields.insert("family".into(), "arp".into());
            fields.insert("truncated".into(), true.into());
            self.blank(true)?;
            return Ok("arp");
        } else {
            let mut ethertype = Map::new();
            let before = self.at;
            self.last_field(&Field("PROTO=", "is", U16), &mut ethertype)?;
            let number = ethertype["is"].as_u64().unwrap_or_default();
            if number == 0 {
                "ipv6"
            } else if [0x0800, 0x0806, 0x86dd].contains(&number) {
                self.at = before;
                return Err(Stop);
            } else {
                fields.insert("macproto".into(), format!("{number:04x}").into());
                return Ok("unknown");
            }
        };
        fields.insert("truncated".into(), true.into());
        Ok(family)
    }

    fn ulogd_arp(&mut self, arp: &mut Fields) -> Step {
        let word = self.word(b" ");
        let opcode = match word.as_str() {
            "REQUEST" => 1,
            "REPLY" => 2,
            "NAK" => 10,
            other => {
                let code = U16.parse(other.strip_prefix("CODE=").ok_or(Stop)?).ok_or(Stop)?;
                if [json!(1), json!(2), json!(10)].contains(&code) {
                    return Err(Stop);
                }
                code.as_u64().unwrap_or_default()
            }
        };
        self.skip(b" ");
        self.blank(opcode != 2)?;
        arp.insert("arp_opcode".into(), opcode.into());
        if opcode == 2 {
            self.last_field(&Field("REPLY_MAC=", "arp_macsrc", Kind::Mac), arp)?;
        }
        Ok(())
    }

    /// Parses the part behind the fixed part of the header.
    pub(super) fn ulogd_ipv6(&mut self, ip: &mut Fields) -> Step {
        if self.maybe("FRAG: ") {
            let offset = U32.parse(&self.word(b" ")).ok_or(Stop)?;
            self.skip(b" ");
            self.text(" ")?;
            ip.insert("frag_offset".into(), offset.clone());
            self.text("ID: ")?;
            self.last_field(&Field("", "frag_id", Kind::Lower(8)), ip)?;
            let header = json!({"hdr": 44, "frag_offset": offset, "frag_id": ip["frag_id"]});
            ip.insert("ext".into(), Value::Array(vec![header]));
        }
        if self.at_end() || self.sees("UID=") || self.sees("MARK=") {
            return Ok(());
        }
        self.transport(ip, true)
    }

    /// Parses the part behind the name of a protocol.
    pub(super) fn ulogd_transport(&mut self, protocol: &str, ip: &mut Fields) -> Step {
        if self.maybe("INCOMPLETE") || (protocol == "ICMPv6" && self.maybe("TRUNCATED")) {
            ip.insert("truncated".into(), true.into());
            return Ok(());
        }
        match protocol {
            "TCP" => self.tcp(ip),
            "UDP" | "UDPLITE" => {
                self.fields(&PORTS, ip)?;
                self.last_field(&Field("LEN=", "udp_len", U16), ip)
            }
            "SCTP" => {
                self.field(&PORTS[0], false, ip)?;
                self.last_field(&PORTS[1], ip)
            }
            "ICMP" => self.ulogd_icmp(ip),
            "ICMPv6" => match self.kind(&[128, 129], ip)? {
                (128 | 129, _) => self.ulogd_echo(ip),
                _ => Ok(()),
            },
            _ => self.last_field(&Field("SPI=0x", "spi", Kind::Hex), ip),
        }
    }

    /// ulogd2 takes the code for the type; ulogd 1.x does not.
    fn ulogd_icmp(&mut self, ip: &mut Fields) -> Step {
        let mut known = Map::new();
        let (line, at) = (self.line, self.at);
        let peeked = Reader { line, at, ..Reader::default() }.kind(&[], &mut known);
        let (kind, code) = peeked.unwrap_or((255, 255));
        let body = |kind| match kind {
            0 | 8 => "ID=",
            12 => "PARAMETER=",
            5 => "GATEWAY=",
            3 if code == 4 => "MTU=",
            _ => "",
        };
        let must_go_on = !body(kind).is_empty() && !body(code).is_empty();
        self.kind(if must_go_on { std::slice::from_ref(&kind) } else { &[] }, ip)?;
        for key in [body(code), body(kind)] {
            if key.is_empty() || !self.sees(key) {
                continue;
            }
            return match key {
                "ID=" => self.ulogd_echo(ip),
                "GATEWAY=" => self.last_field(&Field("GATEWAY=", "gateway", Kind::Ip4), ip),
                "MTU=" => self.last_field(&Field("MTU=", "mtu", U32), ip),
                _ => self.last_field(&Field("PARAMETER=", "parameter", U32), ip),
            };
        }
        if must_go_on { Err(Stop) } else { Ok(()) }
    }

    fn ulogd_echo(&mut self, ip: &mut Fields) -> Step {
        self.field(&ECHO[0], false, ip)?;
        self.last_field(&ECHO[1], ip)
    }

    /// Parses the last word of a line.
    pub(super) fn ulogd_mark(&mut self, fields: &mut Fields) -> Step {
        for key in ["MARK=0x", "MARK="] {
            if self.sees(key) {
                return self.last_field(&Field(key, "mark", Kind::Hex), fields);
            }
        }
        Ok(())
    }
}
