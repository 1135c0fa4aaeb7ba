//! Lines of other programs that look like the kernel's but are not packet logs. They are recognised
//! by name, so that they are not reported as cut.
//!
//! | program | line |
//! |---|---|
//! | Proxmox VE's `pve-firewall-logger` | `0 1 PVEFW-HOST-IN 20/Jun/2022:13:09:25 +0200 REJECT: IN=vmbr0 MAC=… SRC=…` |
//! | `xtables-monitor --trace` | `PACKET: 2 d922bdcd IN=br0 OUT=eth0 MACSRC=2:42:ac:14:0:2 …` |
//!
//! Sources: pve-firewall `src/pvefw-logger.c`; iptables 1.8 `iptables/xtables-monitor.c`.

/// Returns the program that wrote a line which no kernel prints; `None` if it is not one of these.
pub(crate) fn writer(text: &[u8]) -> Option<&'static str> {
    let mut words = text.split(|b| *b == b' ').filter(|word| !word.is_empty());
    let first = words.next()?;
    let is_number = |word: &[u8]| word.iter().all(u8::is_ascii_digit);
    if matches!(first, b"PACKET:" | b"TRACE:") {
        let is_id = |word: &[u8]| word.len() == 8 && word.iter().all(u8::is_ascii_hexdigit);
        return (is_number(words.next()?) && is_id(words.next()?)).then_some("xtables-monitor");
    }
    if !(is_number(first) && is_number(words.next()?)) {
        return None;
    }
    let (_chain, stamp, zone, action) =
        (words.next()?, words.next()?, words.next()?, words.next()?);
    // `20/Jun/2022:13:09:25 +0200`
    let is_stamp = stamp.len() == 20 && [stamp[2], stamp[6], stamp[11]] == *b"//:";
    let is_zone =
        matches!(zone, [b'+' | b'-', digits @ ..] if digits.len() == 4 && is_number(digits));
    (is_stamp && is_zone && action.ends_with(b":")).then_some("pve-firewall")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_is_known_by_how_its_lines_begin() {
        for (text, expected) in [
            (
                "0 1 PVEFW-HOST-IN 20/Jun/2022:13:09:25 +0200 REJECT: IN=vmbr0 MAC=",
                Some("pve-firewall"),
            ),
            ("0 6 PVEFW-HOST-IN 20/Jun/2022:13:09:25 +0200 policy DROP: IN=", None),
            ("PACKET: 2 d922bdcd IN=br0 OUT=eth0 MACSRC=2:42:ac:14:0:2", Some("xtables-monitor")),
            (" TRACE: 2 fc475095 raw:PREROUTING:rule:0x3:CONTINUE", Some("xtables-monitor")),
            ("TRACE: raw:PREROUTING:policy:2 IN=eth0 OUT=", None),
            ("PACKET: IN=eth0 OUT=", None),
            ("1 2 3", None),
            ("", None),
        ] {
            assert_eq!(writer(text.as_bytes()), expected, "{text}");
        }
    }
}
