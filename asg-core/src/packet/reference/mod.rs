//! A second parser of packet lines, slow and obvious: the oracle for the grammar and its fast path.
//!
//! It shares no code with them. It walks over the words of a line, and accepts a number if it
//! prints back as the same word. The order of the words is written down again from the kernel's
//! sources.

mod frame;
mod ip;
mod ulogd;

use std::net::Ipv4Addr;

use serde_json::{Map, Value};

use self::frame::family_of_frame;
use self::ip::is_the_end;

/// The content of a line, by the names of the output contract.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "it is for tests")]
pub struct Reading {
    /// The fields that were read. They do not include that the line was cut.
    pub fields: Value,
    /// Whether a kernel prints this line, to its end.
    pub is_whole: bool,
}

/// Parses a line. Returns `None` if it is not a packet line.
///
/// It is read as a kernel's and, if it is not whole like that, as ulogd2's; if neither is whole,
/// the one that got further counts. A line that ends in a possible beginning of a kernel's word is
/// a kernel's, cut, unless its addresses are in ulogd2's form.
#[must_use]
pub fn parse(mut line: &[u8]) -> Option<Reading> {
    // One blank at the end is the kernel's.
    while let Some(shorter) = line.strip_suffix(b" ").filter(|line| line.ends_with(b" ")) {
        line = shorter;
    }
    let (kernels, stop) = parse_as(line, false)?;
    // The text that would make the last word one of the kernel's.
    let more = match stop.rest() {
        b"INCOMPLETE" => " [1 bytes] ",
        b"INCOMPLETE " => "[1 bytes] ",
        b"MARK=0" => "x1 ",
        _ => "",
    };
    let is_cut = !stop.not_full
        && if more.is_empty() {
            stop.at_end()
        } else {
            parse_as(&[line, more.as_bytes()].concat(), false).is_some_and(|(r, _)| r.is_whole)
        };
    if kernels.is_whole || is_cut {
        return Some(kernels);
    }
    let (ulogds, ulogd_stop) = parse_as(line, true)?;
    Some(if ulogds.is_whole || ulogd_stop.at >= stop.at { ulogds } else { kernels })
}

/// Parses the line as that of one of the two programs, and returns the reader as it stopped.
fn parse_as(line: &[u8], is_ulogd: bool) -> Option<(Reading, Reader<'_>)> {
    let (start, end) = names(line)?;
    let mut reader = Reader { line, at: end, is_ulogd, ..Reader::default() };
    let is_ebt = is_ebt_log(line, (start, end));
    let prefix = &line[..start - usize::from(is_ebt)];
    let (in_if, out_if) = split(&line[start + 3..end], b" OUT=")?;
    let (in_if, port) = match split(in_if, b" PHYSIN=") {
        Some((in_if, port)) => (in_if, Some(port)),
        None => (in_if, None),
    };
    let mut fields = Map::new();
    if is_ebt {
        fields.insert("format".into(), "ebt_log".into());
    }
    fields.insert("prefix".into(), String::from_utf8_lossy(prefix).into());
    fields.insert("in".into(), String::from_utf8_lossy(in_if).into());
    fields.insert("family".into(), "unknown".into());
    if let Some(port) = port {
        fields.insert("physin".into(), String::from_utf8_lossy(port).into());
    }
    if end == line.len() {
        return Some((Reading { fields: fields.into(), is_whole: false }, reader));
    }
    fields.insert("out".into(), String::from_utf8_lossy(out_if).into());
    let end = if is_ebt { reader.ebt_log(&mut fields) } else { reader.netfilter(&mut fields) };
    if let Some(mark) = reader.inner_mark.take() {
        fields.insert("mark".into(), mark);
    }
    let is_whole = end.is_ok() && matches!(reader.rest(), b"" | b" ");
    Some((Reading { fields: fields.into(), is_whole }, reader))
}

/// Returns whether these names are of a line of `ebt_log`, which prints a blank before them.
fn is_ebt_log(line: &[u8], (start, end): (usize, usize)) -> bool {
    let (rest, macs) = (&line[end..], b" MAC source = ".as_slice());
    split(&line[start..end], b" PHYSIN=").is_none()
        && line[..start].ends_with(b" ")
        && (rest.starts_with(macs) || (b" MAC ".len()..macs.len()).any(|n| *rest == macs[..n]))
}

/// Finds the last `IN=` with two names, and the end of its second name.
fn names(line: &[u8]) -> Option<(usize, usize)> {
    let two_names = |start: usize| {
        let (in_if, rest) = split(line[start..].strip_prefix(b"IN=")?, b" OUT=")?;
        let out_if = rest.split(|b| *b == b' ').next()?;
        let good = |name: &[u8]| name.len() <= 15 && !name.iter().any(u8::is_ascii_whitespace);
        let end = start + 3 + in_if.len() + 5 + out_if.len();
        (good(in_if) && good(out_if)).then_some((start, end))
    };
    // iptables keeps 29 bytes of a prefix: the three bytes too many may be a device's name.
    let names_at = |start: usize| {
        let (start, end) = two_names(start)?;
        let fits = start > 29 && start - 3 <= 29 && line[..start].ends_with(b"IN=");
        let start = match fits.then(|| start - 3).and_then(two_names) {
            Some((earlier, same)) if same == end => earlier,
            _ => start,
        };
        Some((behind_port(line, start), end))
    };
    let prefix = |names: (usize, usize)| names.0 - usize::from(is_ebt_log(line, names));
    let last = (0..line.len()).rev().find_map(names_at)?;
    if prefix(last) <= 127 {
        return Some(last);
    }
    // A prefix is never that long: perhaps there are two lines.
    let is_packet = |names: &(usize, usize)| {
        let rest = String::from_utf8_lossy(&line[names.1..]);
        let words = [" SRC=", " MAC", " PHYSIN=", " PHYSOUT=", " ARP "];
        prefix(*names) <= 127 && words.iter().any(|word| rest.starts_with(word))
    };
    // If there are several `IN=` before two names, the last is the real one.
    let mut first = None;
    for start in 0..line.len() {
        match (names_at(start), first) {
            (Some(found), Some((_, end))) if found.1 == end => first = Some(found),
            (Some(found), None) if is_packet(&found) => first = Some(found),
            _ => {}
        }
    }
    first.filter(is_packet).or(Some(last))
}

/// `IN=br0 PHYSIN=eth0 OUT=`: returns the place of the first word, if the found one is the end of
/// the second.
fn behind_port(line: &[u8], start: usize) -> usize {
    let earlier = line[..start].strip_suffix(b" PHYS").and_then(|before| {
        let start = (0..before.len()).rev().find(|n| before[*n..].starts_with(b"IN="))?;
        let name = &before[start + 3..];
        (name.len() <= 15 && !name.iter().any(u8::is_ascii_whitespace)).then_some(start)
    });
    earlier.unwrap_or(start)
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
    /// `%x` of this width, padded with zeros; the output keeps the text.
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

const MARK: Field = Field("MARK=0x", "mark", Kind::HexNot0);

impl Kind {
    fn parse(&self, text: &str) -> Option<Value> {
        let hex = || u32::from_str_radix(text, 16).ok();
        match self {
            Self::Dec(most) => {
                let value: u64 = text.parse().ok().filter(|n| n <= most)?;
                (value.to_string() == text).then(|| value.into())
            }
            Self::DecNot0 => U32.parse(text).filter(|n| *n != 0),
            Self::Upper => {
                hex().filter(|n| format!("{n:02X}") == text && text.len() == 2).map(Into::into)
            }
            Self::Lower(width) => hex()
                .filter(|n| format!("{n:0width$x}") == text && text.len() == *width)
                .map(Into::into),
            Self::LowerText => Self::Lower(4).parse(text).map(|_| text.into()),
            Self::Hex => hex().filter(|n| format!("{n:x}") == text).map(Into::into),
            Self::HexNot0 => Self::Hex.parse(text).filter(|n| *n != 0),
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

#[derive(Default)]
struct Reader<'a> {
    line: &'a [u8],
    at: usize,
    /// Whether the line is read as ulogd2's.
    is_ulogd: bool,
    /// The IPv6 addresses so far cannot be in full, or not in the other form.
    not_full: bool,
    not_other: bool,
    /// Whether the reader is inside brackets.
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

    /// Parses exactly this text.
    fn text(&mut self, text: &str) -> Step {
        if !self.sees(text) {
            return Err(Stop);
        }
        self.at += text.len();
        Ok(())
    }

    /// Parses exactly this text, if it is there.
    fn maybe(&mut self, text: &str) -> bool {
        self.text(text).is_ok()
    }

    /// Returns the text before the next blank, comma or end.
    fn word(&self, ends: &[u8]) -> String {
        let word = self.rest().split(|b| ends.contains(b)).next().unwrap_or_default();
        String::from_utf8_lossy(word).into_owned()
    }

    fn skip(&mut self, ends: &[u8]) {
        let rest = self.rest();
        self.at += rest.iter().position(|b| ends.contains(b)).unwrap_or(rest.len());
    }

    /// Parses a blank, which may be missing if the line may end here.
    fn blank(&mut self, may_end: bool) -> Step {
        if may_end && !self.is_quoted && self.at_end() { Ok(()) } else { self.text(" ") }
    }

    /// Parses a key and its value, and a blank.
    fn field(&mut self, field: &Field, may_end: bool, fields: &mut Fields) -> Step {
        let word = self.word(b" ");
        let value = word.strip_prefix(field.0).and_then(|text| field.2.parse(text)).ok_or(Stop)?;
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
            if self.sees(field.0) && !fields.contains_key(field.1) {
                self.field(&field, false, fields)?;
            }
        }
        self.link(fields)?;
        if self.at_end() {
            // The kernel prints more behind the types that it opens.
            let shown = ["mac_raw", "macproto"].iter().any(|name| fields.contains_key(*name));
            let is_opened = shown && family_of_frame(fields) != "unknown";
            return if is_opened { Err(Stop) } else { Ok(()) };
        }
        if self.is_ulogd {
            return self.ulogd(fields);
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

    /// Parses a key with its own blanks, and a value up to the next blank or comma.
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
        let value = kind.parse(&self.word(ends)).ok_or(Stop)?;
        self.skip(ends);
        if self.at_end() && !may_end {
            return Err(Stop);
        }
        fields.insert(name.into(), value);
        Ok(())
    }

    /// Parses `INCOMPLETE [n bytes]`, with the blank behind it or, in ARP lines, without.
    fn incomplete(&mut self, fields: &mut Fields, is_bare: bool) -> Step {
        let text = String::from_utf8_lossy(self.rest()).into_owned();
        let count = text.strip_prefix("INCOMPLETE [").and_then(|text| text.split_once(" bytes]"));
        let (digits, _) = count.ok_or(Stop)?;
        let value = U32.parse(digits).ok_or(Stop)?;
        self.at += "INCOMPLETE [".len() + digits.len() + " bytes]".len();
        if !is_bare {
            self.blank(true)?;
        }
        fields.insert("incomplete".into(), value);
        Ok(())
    }

    fn owner(&mut self, fields: &mut Fields) -> Step {
        if self.sees("UID=") {
            self.last_field(&Field("UID=", "uid", U32), fields)?;
            if self.sees("GID=") {
                self.last_field(&Field("GID=", "gid", U32), fields)?;
            }
        }
        if self.is_ulogd {
            return self.ulogd_mark(fields);
        }
        if self.sees("MARK=") && self.inner_mark.is_none() {
            self.last_field(&MARK, fields)?;
        }
        Ok(())
    }
}
