//! Frames: link headers, ARP, and the whole of `ebt_log`.

use serde_json::Value;

use super::ip::bare;
use super::{Field, Fields, Kind, Reader, Step, Stop, U8, U16, is_lower_hex};

const FRAME: [Field; 2] =
    [Field("MACSRC=", "macsrc", Kind::Mac), Field("MACDST=", "macdst", Kind::Mac)];

const TAG: [Field; 2] = [Field("VPROTO=", "vproto", Kind::LowerText), Field("VID=", "vid", U16)];

impl Reader<'_> {
    pub(super) fn link(&mut self, fields: &mut Fields) -> Step {
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
                let (src, dst) = Kind::Ip4.parse(src).zip(Kind::Ip4.parse(dst)).ok_or(Stop)?;
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

    pub(super) fn arp(&mut self, fields: &mut Fields) -> Step {
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

    pub(super) fn ebt_log(&mut self, fields: &mut Fields) -> Step {
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
                let value = Kind::Upper.parse(&format!("0{digit}")).ok_or(Stop)?;
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

    pub(super) fn ebt_ports(&mut self, protocol: &str, fields: &mut Fields) -> Step {
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

    pub(super) fn ebt_arp(&mut self, fields: &mut Fields) -> Step {
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

/// Returns the family that an ethertype shows, which may be the end of a raw header. ARP lines show
/// no raw header.
pub(super) fn family_of_frame(fields: &Fields) -> &'static str {
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
