//! Parses lines that a person or a program has changed: fields that are masked, one word that is
//! spoilt, and lines that have lost their beginning.
//!
//! The kernel prints its fields in one order. So if the word behind a spoilt one is a later field,
//! and the rest of the line is valid, only the spoilt word is lost. Parsing goes on there, with the
//! same grammar.

use super::ip::{self, Depth, V4Word, V6Word};
use super::token::{Fail, Step, dec, field};
use super::transport::{self, TcpWord};
use super::{behind_names, behind_packet, finish, link, owner_and_mark, plain};
use crate::error::Error;
use crate::packet::anchor::Anchor;
use crate::packet::extra::Extra;
use crate::packet::fields::{Family, Packet, Proto, TcpFlags};

/// A field of the line, in the kernel's order. Fields that never occur together share one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Physin,
    Physout,
    /// `MAC=`, `MACSRC=`.
    Link,
    MacDst,
    MacProto,
    Src,
    Dst,
    Len,
    /// `TOS=`, `TC=`.
    Class,
    /// `PREC=`; IPv6 has none.
    Prec,
    /// `TTL=`, `HOPLIMIT=`.
    Ttl,
    /// `ID=`, `FLOWLBL=`.
    Id,
    Flags,
    Proto,
    Spt,
    Dpt,
    /// `SEQ=`; `LEN=` of UDP.
    Seq,
    Ack,
    Window,
    Res,
    TcpFlags,
    Urgp,
    Uid,
    Gid,
    Mark,
}

/// At most so many fields may be missing beside a spoilt word.
const MOST_MISSING: u8 = 5;

/// The beginnings of a packet's fields, their places, and their names in the output.
const FIELDS: [(&str, Place, &str); 26] = [
    ("PHYSIN=", Place::Physin, "physin"),
    ("PHYSOUT=", Place::Physout, "physout"),
    ("MAC=", Place::Link, "mac_raw"),
    ("MACSRC=", Place::Link, "macsrc"),
    ("MACDST=", Place::MacDst, "macdst"),
    ("VPROTO=", Place::MacProto, "vproto"),
    ("MACPROTO=", Place::MacProto, "macproto"),
    ("SRC=", Place::Src, "src"),
    ("DST=", Place::Dst, "dst"),
    ("LEN=", Place::Len, "len"),
    ("TOS=", Place::Class, "tos"),
    ("TC=", Place::Class, "tc"),
    ("PREC=", Place::Prec, "prec"),
    ("TTL=", Place::Ttl, "ttl"),
    ("HOPLIMIT=", Place::Ttl, "hoplimit"),
    ("ID=", Place::Id, "id"),
    ("FLOWLBL=", Place::Id, "flowlbl"),
    ("FRAG:", Place::Flags, "frag_offset"),
    ("PROTO=", Place::Proto, "proto"),
    ("SPT=", Place::Spt, "spt"),
    ("DPT=", Place::Dpt, "dpt"),
    ("SEQ=", Place::Seq, "seq"),
    ("ACK=", Place::Ack, "ack"),
    ("WINDOW=", Place::Window, "window"),
    ("RES=", Place::Res, "res"),
    ("URGP=", Place::Urgp, "urgp"),
];

const V4_ONLY: [&str; 4] = ["TOS=", "PREC=", "TTL=", "ID="];
const V6_ONLY: [&str; 3] = ["TC=", "HOPLIMIT=", "FLOWLBL="];

/// The fields behind the packet.
const OWNER: [(&str, Place, &str); 3] =
    [("UID=", Place::Uid, "uid"), ("GID=", Place::Gid, "gid"), ("MARK=", Place::Mark, "mark")];

/// A word that begins a field.
#[derive(Debug, Clone, Copy)]
struct Known {
    place: Place,
    /// The field's name in the output.
    name: &'static str,
    /// The length of its key; 0 for a flag.
    key: usize,
}

impl Known {
    /// Returns the field at the beginning of a text, given the packet so far.
    fn at(i: &[u8], p: &Packet<'_>) -> Option<Self> {
        let fields = FIELDS.iter().chain(&OWNER);
        let found = fields.into_iter().find(|(key, ..)| i.starts_with(key.as_bytes()));
        if let Some(&(key, place, name)) = found {
            let other = match p.family {
                Family::Ipv4 => &V6_ONLY[..],
                Family::Ipv6 => &V4_ONLY[..],
                _ => &[],
            };
            if other.contains(&key) {
                return None;
            }
            let is_udps = place == Place::Len && reached(p) >= Some(Place::Proto);
            if place == Place::Seq && matches!(p.ip.proto, Some(Proto::Icmp | Proto::Icmpv6)) {
                return None;
            }
            let (place, name) = if is_udps { (Place::Seq, "udp_len") } else { (place, name) };
            return Some(Self { place, name, key: key.len() });
        }
        let is = |word: &str| i.strip_prefix(word.as_bytes()).is_some_and(|i| i.starts_with(b" "));
        if p.family != Family::Ipv6 && ["CE", "DF", "MF"].into_iter().any(is) {
            return Some(Self { place: Place::Flags, name: "df", key: 0 });
        }
        let is_flag = TcpFlags::ALL.iter().any(|(_, word)| is(word));
        is_flag.then_some(Self { place: Place::TcpFlags, name: "flags", key: 0 })
    }
}

/// Returns the last field that was read, if any.
fn reached(p: &Packet<'_>) -> Option<Place> {
    let ip = &p.ip;
    let is_read = [
        (p.mark.is_some(), Place::Mark),
        (p.gid.is_some(), Place::Gid),
        (p.uid.is_some(), Place::Uid),
        (ip.urgp.is_some(), Place::Urgp),
        (ip.res.is_some(), Place::Res),
        (ip.window.is_some(), Place::Window),
        (ip.ack.is_some(), Place::Ack),
        (ip.seq.is_some() || ip.udp_len.is_some(), Place::Seq),
        (ip.dpt.is_some(), Place::Dpt),
        (ip.spt.is_some(), Place::Spt),
        (ip.proto.is_some(), Place::Proto),
        (ip.ip_opt.is_some(), Place::Flags),
        (ip.id.is_some() || ip.flowlbl.is_some(), Place::Id),
        (ip.ttl.is_some() || ip.hoplimit.is_some(), Place::Ttl),
        (ip.prec.is_some(), Place::Prec),
        (ip.tos.is_some() || ip.tc.is_some(), Place::Class),
        (ip.len.is_some(), Place::Len),
        (ip.dst.is_some(), Place::Dst),
        (ip.src.is_some(), Place::Src),
        (p.macproto.is_some() || p.vproto.is_some(), Place::MacProto),
        (p.macdst.is_some(), Place::MacDst),
        (p.mac_raw.is_some() || p.macsrc.is_some(), Place::Link),
        (p.physout.is_some(), Place::Physout),
        (p.physin.is_some(), Place::Physin),
    ];
    is_read.into_iter().find_map(|(is_read, place)| is_read.then_some(place))
}

/// The text that was found in the place of a word.
#[derive(Debug, Clone, Copy)]
enum Odd {
    /// A mask in the place of this field's value.
    Mask(&'static str),
    /// The log level of a message, which some routers print between the fields.
    Level,
    /// Something else, or nothing.
    Spoilt,
}

/// The place where parsing goes on.
#[derive(Debug, Clone, Copy)]
struct Next {
    odd: Odd,
    /// The field that the odd text replaces, or the one before it.
    passed: Option<Place>,
    at: usize,
    /// The field at that place; `None` at the end of the line.
    place: Option<Place>,
}

/// Parses the text behind the anchor into the packet, like [`plain`], and goes on behind words that
/// are masked or spoilt. A line that only has masked words counts as whole.
pub(in crate::packet) fn mended<'a>(
    text: &'a [u8],
    anchor: Anchor<'a>,
    p: &mut Packet<'a>,
) -> Result<(), Error> {
    let Err(stop) = plain(text, anchor, p) else { return Ok(()) };
    mended_from(stop, text, p)
}

/// Goes on where the parsing of a packet stopped.
fn mended_from<'a>(mut stop: Fail, text: &'a [u8], p: &mut Packet<'a>) -> Result<(), Error> {
    let (mut redacted, mut has_levels) = (Vec::new(), false);
    // The first spoilt word, and the fields before it.
    let mut spoilt: Option<(Fail, Packet<'a>)> = None;
    let (mut floor, mut passed) = (0, None);
    let mut is_whole = false;
    loop {
        if let Some(rest) = masked_quote(text, p, stop) {
            redacted.push("nested");
            floor = text.len() - rest.len();
            let read = transport::behind_quote(rest, &mut p.ip);
            match finish(read.and_then(|i| behind_packet(i, p)), p) {
                Ok(()) => {
                    is_whole = true;
                    break;
                }
                Err(fail) => stop = fail,
            }
        }
        let Some(next) = next(text, p, stop, (floor, passed)) else { break };
        match next.odd {
            Odd::Mask(name) => redacted.push(name),
            Odd::Level => has_levels = true,
            Odd::Spoilt => {
                spoilt.get_or_insert_with(|| (stop, p.clone()));
                forget_absent_flags(p);
            }
        }
        (floor, passed) = (next.at + 1, next.passed);
        let read = match next.place {
            Some(place) => finish(from(place, &text[next.at..], p), p),
            None => Ok(()),
        };
        match read {
            Ok(()) => {
                is_whole = true;
                break;
            }
            Err(fail) => stop = fail,
        }
    }
    let last = (!is_whole).then(|| stop.into_error(text));
    let result = match (spoilt, last) {
        (None, None) => Ok(()),
        (None, Some(error)) => Err(error),
        (Some((fail, before)), last) => {
            // The rest does not prove that it belongs to the same packet.
            if last.is_some_and(|error| !error.is_cut()) {
                *p = before;
            }
            Err(fail.into_error(text))
        }
    };
    if has_levels || !redacted.is_empty() {
        p.extra = Some(Box::new(Extra::altered(text, redacted)));
    }
    result
}

/// Parses the packet that an ICMP error quotes, if words in it are masked and the rest of it is
/// whole. Returns the text behind the quote.
fn masked_quote<'a>(text: &'a [u8], p: &mut Packet<'a>, stop: Fail) -> Option<&'a [u8]> {
    let at = stop.offset(text);
    let quoted = p.ip.nested.as_deref().filter(|_| p.ip.mtu.is_none() && p.mark.is_none())?;
    debug_assert!(quoted.nested.is_none(), "a quote quotes nothing");
    let opens = memchr::memrchr(b'[', &text[..at])? + 1;
    let closes = at + memchr::memmem::find(&text[at..], b" ]")? + 1;
    if memchr::memchr(b']', &text[opens..at]).is_some() {
        return None;
    }
    let inside = &text[opens..closes];
    let mut inner = Packet { family: p.family, form: p.form, ..Packet::default() };
    let Err(stop) = finish(behind_names(inside, &mut inner), &mut inner) else { return None };
    mended_from(stop, inside, &mut inner).ok()?;
    let is_of_it = inner.family == p.family && inner.uid.is_none() && inner.ip.nested.is_none();
    if !is_of_it {
        return None;
    }
    p.form.inner_mark = inner.mark.and_then(std::num::NonZeroU32::new);
    p.ip.nested = Some(Box::new(inner.ip));
    let rest = &text[closes + 1..];
    Some(rest.strip_prefix(b" ").unwrap_or(rest))
}

/// Forgets that flags are absent: a word that is spoilt behind `ID=` may have been a flag.
fn forget_absent_flags(p: &mut Packet<'_>) {
    let ip = &mut p.ip;
    if ip.proto.is_none() {
        for flag in [&mut ip.ce, &mut ip.df, &mut ip.mf] {
            *flag = flag.filter(|is_set| *is_set);
        }
        ip.frag_offset = ip.frag_offset.filter(|offset| *offset > 0 || !ip.ext.is_empty());
    }
}

/// Parses a line that has lost its beginning, up to the middle of a word. Returns `None` if it is
/// not a packet line. Fields count only if the line goes on to its end as a packet does: a packet
/// quoted in an ICMP error does not end like that.
pub(in crate::packet) fn headless<'a>(text: &'a [u8], p: &mut Packet<'a>) -> Option<Error> {
    let second = memchr::memchr(b' ', text)? + 1;
    let starts_in_field = is_field(text, p);
    let rest = text[second..].strip_prefix(b"OUT=");
    let start = match rest {
        _ if starts_in_field => 0,
        // The rest of the first interface's name, or of `IN=` before that.
        Some(rest) => text.len() - rest.len() + memchr::memchr(b' ', rest)? + 1,
        None if is_rest_of_field(&text[..second - 1]) => second,
        None => return None,
    };
    memchr::memchr(b'=', text)?;
    let after = start + memchr::memchr(b' ', &text[start..])? + 1;
    if !is_field(&text[start..], p) || !is_field(&text[after..], p) {
        return None;
    }
    let read = Known::at(&text[start..], p)
        .and_then(|known| finish(from(known.place, &text[start..], p), p).ok());
    if read.is_none() {
        *p = Packet::default();
    }
    p.extra = Some(Box::new(Extra::altered(text, Vec::new())));
    Some(Error::expected(0, "`IN=` and `OUT=` of a packet line"))
}

/// Returns whether a word may be the end of a field: `.16.5`, `L=63`, `ff:08:00`, `s-010255015007`.
fn is_rest_of_field(word: &[u8]) -> bool {
    let may_be = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b':' | b'=' | b'-');
    word.iter().all(may_be) && !word.ends_with(b":")
}

/// Other fields that a packet line may begin with when its front is lost. From there no field can
/// be identified for certain.
const OTHERS: [&str; 7] = ["TYPE=", "CODE=", "PARAMETER=", "GATEWAY=", "MTU=", "SPI=0x", "MACDST="];

fn is_field(i: &[u8], p: &Packet<'_>) -> bool {
    Known::at(i, p).is_some() || OTHERS.iter().any(|key| i.starts_with(key.as_bytes()))
}

/// Finds where parsing goes on behind the word at which it stopped. Missing words are looked for
/// only from `floor` on, and fields only behind the one that was passed.
fn next(
    text: &[u8],
    p: &Packet<'_>,
    stop: Fail,
    (floor, passed): (usize, Option<Place>),
) -> Option<Next> {
    // ulogd2 prints other words in another order.
    if p.form.is_ulogd() || p.family == Family::Arp {
        return None;
    }
    let is_cut = stop.into_error(text).is_cut();
    let at = stop.offset(text);
    let word = memchr::memrchr(b' ', &text[..at]).map_or(0, |blank| blank + 1);
    let here = Known::at(&text[word..], p);
    // In a quoted packet, a field does not belong to the logged one.
    let is_owners =
        stop.is_behind_the_line() || here.is_some_and(|known| known.place >= Place::Uid);
    if p.ip.nested.is_some() && !is_owners {
        return None;
    }
    let reached = reached(p).max(passed);
    let is_later = |known: &Known, than: Option<Place>| match than {
        _ if Some(known.place) <= than => false,
        _ if known.place >= Place::Uid => is_owners || than.is_some_and(may_be_last),
        None => known.place <= Place::Src,
        // Every packet has addresses.
        Some(than) if than < Place::Link => known.place <= Place::Src,
        Some(than) if than < Place::Src => known.place <= Place::Dst,
        Some(Place::Src) => known.place <= Place::Len,
        Some(than) => known.place as u8 - than as u8 <= MOST_MISSING,
    };
    if let [b'<', b'0'..=b'7', b'>', rest @ ..] = &text[word..]
        && let Some(known) = Known::at(rest, p).filter(|known| is_later(known, reached))
    {
        let (at, place) = (word + 3, Some(known.place));
        return Some(Next { odd: Odd::Level, passed: reached, at, place });
    }
    // The word may be whole, with those before it missing.
    if at == word
        && word >= floor
        && !is_cut
        && let Some(known) = here.filter(|known| is_later(known, reached))
        && goes_on(known.place, &text[word..], p)
    {
        let (at, place) = (word, Some(known.place));
        return Some(Next { odd: Odd::Spoilt, passed: reached, at, place });
    }
    if here.is_some_and(|known| !is_later(&known, reached)) {
        return None;
    }
    let key = here.map_or(0, |known| known.key);
    let end = word + key + value_len(&text[word + key..]);
    let value = &text[word + key..end];
    let mask = here.filter(|known| is_mask(known.place, value));
    // A text that contains another field is more than one spoilt word.
    if mask.is_none() && memchr::memchr(b'=', value).is_some() {
        return None;
    }
    let odd = mask.map_or(Odd::Spoilt, |known| Odd::Mask(known.name));
    if text[end..].trim_ascii_end().is_empty() {
        let is_end = mask.is_some_and(|known| may_be_last(known.place));
        return is_end.then_some(Next { odd, passed: reached, at: text.len(), place: None });
    }
    if is_cut {
        return None;
    }
    let known = Known::at(&text[end + 1..], p)?;
    let passed = here.map(|known| known.place).max(reached);
    let place = Some(known.place);
    is_later(&known, passed).then_some(Next { odd, passed, at: end + 1, place })
}

/// Returns whether a field can be the last of a line.
const fn may_be_last(place: Place) -> bool {
    matches!(place, Place::Proto | Place::Seq | Place::Urgp | Place::Uid | Place::Gid | Place::Mark)
}

/// Returns whether the field at the start of the text parses.
fn goes_on(place: Place, i: &[u8], p: &Packet<'_>) -> bool {
    let word = memchr::memchr(b' ', i).unwrap_or(i.len());
    let mut trial = p.clone();
    match finish(from(place, i, &mut trial), &mut trial) {
        Ok(()) => true,
        Err(fail) => fail.offset(i) > word,
    }
}

/// Returns the length of a value: up to a blank, or to the bracket that closes a mask.
fn value_len(i: &[u8]) -> usize {
    let word = memchr::memchr(b' ', i).unwrap_or(i.len());
    let close = match i.first() {
        Some(b'[') => b']',
        Some(b'<') => b'>',
        Some(b'(') => b')',
        _ => return word,
    };
    let text = &i[..i.len().min(64)];
    match memchr::memchr(close, text) {
        Some(end) if matches!(i.get(end + 1), None | Some(b' ')) => end + 1,
        _ => word,
    }
}

/// Words that people write in the place of a value.
const WORDS: [&str; 9] = [
    "redacted",
    "removed",
    "masked",
    "hidden",
    "anonymized",
    "anonymised",
    "omitted",
    "private",
    "scrubbed",
];

/// Returns whether somebody has masked this value: `x.x.x.x`, `10.0.x.x`, `***`, `<removed>`,
/// `REDACTED`. In the place of an address, numbers that do not form one count as a mask, too.
fn is_mask(place: Place, value: &[u8]) -> bool {
    if let [b'[' | b'<' | b'(', _, .., b']' | b'>' | b')'] = value {
        return true;
    }
    if WORDS.iter().any(|word| value.eq_ignore_ascii_case(word.as_bytes())) {
        return true;
    }
    let is_marked = value.iter().any(|b| matches!(b, b'x' | b'X' | b'*' | b'?' | b'#'));
    let is_address = matches!(place, Place::Link | Place::MacDst | Place::Src | Place::Dst);
    let value = if is_address { value } else { value.strip_prefix(b"0x").unwrap_or(value) };
    let may_be = |b: &u8| match b {
        b'x' | b'X' | b'*' | b'?' | b'#' => true,
        b'.' | b':' | b'-' | b'/' => is_address,
        _ => is_address && b.is_ascii_hexdigit(),
    };
    let quad = || value.split(|b| *b == b'.').filter(|n| matches!(n.len(), 1..=3)).count() == 4;
    let is_quad = || value.iter().all(|b| b.is_ascii_digit() || *b == b'.') && quad();
    // `a.b.c.d`
    let is_lettered = || value.iter().all(|b| b.is_ascii_alphabetic() || *b == b'.') && quad();
    let is_marked = is_marked && value.iter().all(may_be);
    is_marked || is_address && (is_quad() || is_lettered())
}

/// Parses a line from one of its fields on.
fn from<'a>(place: Place, i: &'a [u8], p: &mut Packet<'a>) -> Step<'a> {
    if place >= Place::Uid {
        return owner_and_mark(i, p);
    }
    let i = match place {
        Place::Physin | Place::Physout => return behind_names(link::ports(i, p)?, p),
        Place::Link | Place::Src => return behind_names(i, p),
        Place::MacDst => return behind_names(link::macdst_on(i, p)?, p),
        Place::MacProto => return behind_names(link::macproto(i, p)?, p),
        Place::Dst => {
            let i = ip::destination(i, &mut p.ip, &mut p.family)?;
            ip::packet(i, &mut p.ip, p.family, &mut p.form)?
        }
        Place::Len
        | Place::Class
        | Place::Prec
        | Place::Ttl
        | Place::Id
        | Place::Flags
        | Place::Proto => network(place, i, p)?,
        _ => {
            let Packet { ip, form, .. } = p;
            transport(place, i, ip, form)?
        }
    };
    behind_packet(i, p)
}

fn network<'a>(place: Place, i: &'a [u8], p: &mut Packet<'a>) -> Step<'a> {
    let is_v6s = |key: &str| i.starts_with(key.as_bytes());
    let is_v6 = match p.family {
        Family::Ipv6 => true,
        Family::Ipv4 => false,
        _ => {
            ["TC=", "HOPLIMIT=", "FLOWLBL=", "PROTO=ICMPv6 "].into_iter().any(is_v6s)
                || (place == Place::Len && ip::is_ipv6_behind_len(i))
        }
    };
    let is_either = place == Place::Proto && p.family == Family::Unknown && !is_v6s("PROTO=ICMP");
    let Packet { ip, family, form, .. } = p;
    if !is_either {
        *family = if is_v6 { Family::Ipv6 } else { Family::Ipv4 };
    }
    if is_v6 {
        let word = match place {
            Place::Len => V6Word::Len,
            Place::Class => V6Word::Tc,
            Place::Ttl => V6Word::HopLimit,
            Place::Id => V6Word::FlowLabel,
            Place::Proto => V6Word::Proto,
            _ => return Err(Fail::at(i, "a field of IPv6")),
        };
        return ip::ipv6_from(word, i, ip, Depth::Outer, form);
    }
    let word = match place {
        Place::Len => V4Word::Len,
        Place::Class => V4Word::Tos,
        Place::Prec => V4Word::Prec,
        Place::Ttl => V4Word::Ttl,
        Place::Id => V4Word::Id,
        Place::Flags => V4Word::Flags,
        _ => V4Word::Proto,
    };
    ip::ipv4_from(word, i, ip, Depth::Outer, form)
}

fn transport<'a>(
    place: Place,
    i: &'a [u8],
    ip: &mut crate::packet::Ip<'a>,
    form: &mut crate::packet::LineForm,
) -> Step<'a> {
    let word = match (place, ip.proto) {
        (Place::Spt | Place::Dpt, None) => return transport::unnamed(i, ip, Depth::Outer, form),
        (Place::Spt, Some(Proto::Udp | Proto::UdpLite)) => {
            let i = field(i, "SPT=", dec, &mut ip.spt)?;
            let i = field(i, "DPT=", dec, &mut ip.dpt)?;
            return transport::udp_len(i, ip, Depth::Outer);
        }
        (Place::Dpt, Some(Proto::Udp | Proto::UdpLite)) => {
            let i = field(i, "DPT=", dec, &mut ip.dpt)?;
            return transport::udp_len(i, ip, Depth::Outer);
        }
        (Place::Seq, Some(Proto::Udp | Proto::UdpLite) | None) if i.starts_with(b"LEN=") => {
            return transport::udp_len(i, ip, Depth::Outer);
        }
        (_, Some(Proto::Tcp) | None) => match place {
            Place::Spt => TcpWord::Spt,
            Place::Dpt => TcpWord::Dpt,
            Place::Seq => TcpWord::Seq,
            Place::Ack => TcpWord::Ack,
            Place::Window => TcpWord::Window,
            Place::Res => TcpWord::Res,
            Place::TcpFlags => TcpWord::Flags,
            _ => TcpWord::Urgp,
        },
        _ => return Err(Fail::at(i, "a field of the protocol")),
    };
    transport::tcp_from(word, i, ip, Depth::Outer, form)
}
