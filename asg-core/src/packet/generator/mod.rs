//! Generates lines as programs print them, with their fields, from bytes that make the choices.
//!
//! The property tests draw the bytes from proptest, the fuzz targets from libFuzzer. The output
//! follows the order of the kernel's print statements, and each field is noted as it is printed;
//! the generator shares no code with the parsers.

mod frame;
mod ip;
mod ulogd;

use std::fmt::{self, Display};

use serde_json::{Map, Value};

/// A line, and its fields by the names of the output contract.
#[derive(Clone, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "it is for tests")]
pub struct Generated {
    /// A whole line.
    pub line: Vec<u8>,
    /// The fields that the line shows.
    pub fields: Value,
}

impl fmt::Debug for Generated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" = {}", self.line.escape_ascii(), self.fields)
    }
}

/// Returns the line that these bytes choose. Missing bytes count as zeros, so any bytes choose a
/// line.
#[must_use]
pub fn line(choices: &[u8]) -> Generated {
    let mut printer = Printer {
        choices,
        line: Vec::new(),
        fields: vec![Map::new()],
        may_trim: true,
        needs_mark: false,
    };
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

/// Prefixes as operators and kernels put them before `IN=`. Only one contains two names itself, on
/// purpose.
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
    /// The packet's fields, and those of the packet that it quotes.
    fields: Vec<Map<String, Value>>,
    /// The line is also whole without its last blank.
    may_trim: bool,
    /// ulogd2 always prints the mark. Without it this line would be a kernel's, or not a packet
    /// line.
    needs_mark: bool,
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

    /// Chooses a number below this.
    fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }

    fn flip(&mut self) -> bool {
        self.below(2) == 1
    }

    /// Chooses a number up to this, often one of the ends.
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

    /// Prints `key`, then the value, then a blank.
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
        self.text(format_args!("IN={in_if}"));
        let has_port = !is_ebt && self.below(16) == 15;
        if has_port {
            let port = self.one(&NAMES);
            self.text(format_args!(" PHYSIN={port}"));
            self.note("physin", port);
        }
        self.text(format_args!(" OUT={out_if}"));
        self.note("in", in_if);
        self.note("out", out_if);
        if is_ebt {
            self.may_trim = false;
            return self.ebt_log();
        }
        self.text(" ");
        for (key, name) in [("PHYSIN=", "physin"), ("PHYSOUT=", "physout")] {
            if self.below(8) == 7 && !(has_port && name == "physin") {
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
            n => self.ulogd_line(n == 15),
        }
    }

    fn ip_line(&mut self, is_v6: bool, writer: Writer) {
        self.link(if is_v6 { "86:dd" } else { "08:00" }, writer);
        self.may_trim = true;
        if self.below(8) == 7 && writer == Writer::Kernel && self.line.ends_with(b"00 ") && !is_v6 {
            // Here the ethertype is the end of a raw header, or the line has `MACPROTO=`.
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
        if self.flip() || self.needs_mark {
            let mark = self.number(u32::MAX);
            match writer {
                Writer::Kernel if mark == 0 => return,
                Writer::Ulogd if self.flip() => self.text(format_args!("MARK={mark:x} ")),
                _ => self.text(format_args!("MARK=0x{mark:x} ")),
            }
            self.note("mark", mark);
            self.may_trim = !self.needs_mark;
        }
    }
}
