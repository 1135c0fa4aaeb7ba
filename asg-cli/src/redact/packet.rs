//! Packets: every address, name and link address in one is renamed, and what is added to it is
//! dropped.

use std::net::Ipv4Addr;

use asg_core::Packet;
use asg_core::bytes::Text;
use asg_core::packet::{Address, Ip, MacAddr};
use asg_core::prefix::LogPrefix;

use super::redactor::Redactor;

/// The new texts of a packet, which it borrows.
#[derive(Debug, Default)]
pub(super) struct Texts {
    prefix: String,
    interfaces: [Option<String>; 4],
    mac: Option<String>,
    options: Vec<String>,
}

/// Returns the line of a packet with its new values.
pub(super) fn line(
    redactor: &Redactor,
    packet: &Packet<'_>,
    cf: Option<&LogPrefix<'_>>,
) -> Vec<u8> {
    let text = |text: Option<Text<'_>>| text.map(|text| text.to_str_lossy().into_owned());
    let interface = |name: Option<Text<'_>>| text(name).map(|name| redactor.interface(&name));
    let texts = Texts {
        prefix: prefix(redactor, packet.prefix, cf),
        interfaces: [packet.in_if, packet.out_if, packet.physin, packet.physout].map(interface),
        mac: text(packet.mac_raw).map(|raw| link_header(redactor, &raw)),
        options: options(&packet.ip),
    };
    renamed(redactor, packet.clone().without_added_text(), &texts).to_line()
}

/// Returns a packet's line with marks in the places of the values that are masked in the old one,
/// or spoilt.
pub(super) fn marked(
    packet: &Packet<'_>,
    old: &[u8],
    new: &[u8],
    is_damaged: bool,
) -> Vec<Vec<u8>> {
    let mut marks = Vec::new();
    if !packet.redacted().is_empty() {
        marks.push("***");
    }
    if is_damaged {
        marks.push("!");
    }
    marks.into_iter().filter_map(|mark| with_marks(old, new, mark)).collect()
}

/// The keys of a packet's values.
const KEYS: [&str; 29] = [
    "PHYSIN", "PHYSOUT", "MAC", "MACSRC", "MACDST", "MACPROTO", "SRC", "DST", "LEN", "TOS", "TC",
    "PREC", "TTL", "HOPLIMIT", "FLOWLBL", "ID", "PROTO", "SPT", "DPT", "SEQ", "ACK", "WINDOW",
    "RES", "URGP", "TYPE", "CODE", "UID", "GID", "MARK",
];

/// Returns the new line with a mark for each value of the old one that it lacks; `None` if it lacks
/// none.
fn with_marks(old: &[u8], new: &[u8], mark: &str) -> Option<Vec<u8>> {
    let start = |line: &[u8]| memchr::memmem::find(line, b" OUT=").map(|at| at + 1);
    let (old, at) = (&old[start(old)?..], start(new)?);
    let mut out = new[..at].to_vec();
    let mut words = new[at..].split_inclusive(|b| *b == b' ').peekable();
    let mut has_marks = false;
    for word in old.split(|b| *b == b' ') {
        let (quote, name) = match word.strip_prefix(b"[") {
            Some(rest) => ("[", rest),
            None => ("", word),
        };
        let key = name.split(|b| *b == b'=').next().filter(|key| key.len() < name.len());
        let is_same = |next: &&[u8]| match key {
            Some(key) => {
                let next = next.strip_prefix(b"[").unwrap_or(next);
                next.strip_prefix(key).is_some_and(|rest| rest.starts_with(b"="))
            }
            None => next.trim_ascii_end() == word || next.first() == word.first(),
        };
        if let Some(next) = words.next_if(is_same) {
            // The bracket of a quoted packet may be at a mark.
            let quoted = next.strip_prefix(b"[").filter(|_| quote.is_empty());
            out.extend_from_slice(quoted.unwrap_or(next));
        } else if let Some(known) = KEYS.iter().find(|known| Some(known.as_bytes()) == key) {
            out.extend_from_slice(format!("{quote}{known}={mark} ").as_bytes());
            has_marks = true;
        }
    }
    out.extend(words.flatten());
    has_marks.then_some(out)
}

fn renamed<'t>(redactor: &Redactor, packet: Packet<'t>, texts: &'t Texts) -> Packet<'t> {
    let mut packet = packet;
    let [in_if, out_if, physin, physout] = &texts.interfaces;
    packet.prefix = texts.prefix.as_str().into();
    packet.in_if = in_if.as_deref().map(Text::from);
    packet.out_if = out_if.as_deref().map(Text::from);
    packet.physin = physin.as_deref().map(Text::from);
    packet.physout = physout.as_deref().map(Text::from);
    packet.mac_raw = texts.mac.as_deref().map(Text::from);
    let v4 = |ip: &mut Option<Ipv4Addr>| *ip = ip.map(|ip| redactor.v4(ip));
    let mac = |mac: &mut Option<MacAddr>| *mac = mac.map(|mac| MacAddr(redactor.mac(mac.0)));
    v4(&mut packet.tunnel_src);
    v4(&mut packet.tunnel_dst);
    v4(&mut packet.arp_ipsrc);
    v4(&mut packet.arp_ipdst);
    mac(&mut packet.macsrc);
    mac(&mut packet.macdst);
    mac(&mut packet.arp_macsrc);
    mac(&mut packet.arp_macdst);
    rename_ip(redactor, &mut packet.ip, &mut texts.options.iter());
    packet
}

fn rename_ip<'t>(
    redactor: &Redactor,
    ip: &mut Ip<'t>,
    options: &mut impl Iterator<Item = &'t String>,
) {
    let address = |address: Address| match address {
        Address::V4(ip) => Address::V4(redactor.v4(ip)),
        Address::V6(ip) => Address::V6(redactor.v6(ip)),
        Address::Blank => Address::Blank,
    };
    ip.src = ip.src.map(address);
    ip.dst = ip.dst.map(address);
    ip.gateway = ip.gateway.map(|ip| redactor.v4(ip));
    for option in [&mut ip.ip_opt, &mut ip.tcp_opt] {
        *option = option.and_then(|_| options.next()).map(|text| text.as_str().into());
    }
    if let Some(nested) = &mut ip.nested {
        rename_ip(redactor, nested, options);
    }
}

/// Returns zeros in the place of the options of a packet and of the one that it quotes, in their
/// order: a route that was recorded has addresses.
fn options(ip: &Ip<'_>) -> Vec<String> {
    let zeros = |text: Text<'_>| "0".repeat(text.as_bytes().len());
    let own = [ip.ip_opt, ip.tcp_opt].into_iter().flatten().map(zeros);
    let mut all: Vec<_> = own.collect();
    if let Some(nested) = &ip.nested {
        all.extend(options(nested));
    }
    all
}

/// Renames the name in a log prefix. A prefix that is not Cloud Foundry's is free text: it becomes
/// a pseudonym, so that packets of one rule stay together.
pub(super) fn prefix(redactor: &Redactor, prefix: Text<'_>, cf: Option<&LogPrefix<'_>>) -> String {
    let text = prefix.to_str_lossy();
    let Some(cf) = cf else {
        let blanks = text.len() - text.trim_end_matches(' ').len();
        return redactor.name(text.trim_end_matches(' ')) + &" ".repeat(blanks);
    };
    let Some(name) = cf.handle_prefix.map(asg_core::guid::HandlePrefix::as_str) else {
        // The whole prefix is one of the table's words.
        return text.into_owned();
    };
    let Some(at) = text.rfind(name) else { return String::new() };
    let (head, rest) = (&text[..at], &text[at + name.len()..]);
    let new = if head.starts_with('w') { redactor.short_id(name) } else { redactor.guids(name) };
    let is_chain = |head: &str| {
        let tag = head.strip_prefix("w-").and_then(|head| head.strip_suffix("-instance-"));
        tag.is_some_and(|tag| tag.len() < 5 && tag.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    let is_known = !head.starts_with('w') || head == "warden-i-" || is_chain(head);
    match new {
        Some(new) if is_known => format!("{head}{new}{rest}"),
        _ => redactor.name(&text),
    }
}

/// Renames the addresses of an Ethernet header, and keeps its type. Bytes of other headers become
/// zeros.
fn link_header(redactor: &Redactor, raw: &str) -> String {
    let bytes: Option<Vec<u8>> = raw
        .split(':')
        .map(|pair| u8::from_str_radix(pair, 16).ok().filter(|_| pair.len() == 2))
        .collect();
    let Some(mut bytes) = bytes else { return String::new() };
    let len = bytes.len();
    let (addresses, rest) = bytes.split_at_mut(if len == 14 { 12 } else { 0 });
    let (addresses, _) = addresses.as_chunks_mut::<6>();
    for address in addresses {
        *address = redactor.mac(*address);
    }
    if len != 14 {
        rest.fill(0);
    }
    let pairs: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}
