//! The tokens of the grammar: keys, numbers, addresses, blanks.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use nom::bytes::complete::{tag, take_while_m_n};
use nom::error::{ErrorKind, ParseError};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

use crate::bytes::text::Text;
use crate::error::Error;
use crate::packet::fields::MacAddr;
use crate::packet::form::{V6Form, Writer};

pub(super) type Read<'a, T> = IResult<&'a [u8], T, Fail>;

/// The rest of the input after a part of the line that was written into the packet.
pub(super) type Step<'a> = Result<&'a [u8], nom::Err<Fail>>;

/// Why a word could not be parsed: how much input was left there, and what was expected. It is
/// small and holds no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fail {
    left: usize,
    wanted: Wanted,
}

/// The expected word: this very text, or something of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Text(&'static str),
    Some(&'static str),
    End,
}

const END: &str = "the end of the line";

/// Text that may follow at a place where a line may also end.
const MAY_FOLLOW: [&str; 7] =
    ["OPT (", "TRUNCATED", "INCOMPLETE [", "UID=", "GID=", "MARK=0x", "MARK="];

impl Fail {
    pub(super) const fn at(i: &[u8], wanted: &'static str) -> nom::Err<Self> {
        nom::Err::Error(Self { left: i.len(), wanted: Wanted::Some(wanted) })
    }

    pub(super) const fn text(i: &[u8], text: &'static str) -> nom::Err<Self> {
        nom::Err::Error(Self { left: i.len(), wanted: Wanted::Text(text) })
    }

    /// Makes the error for a line that ends where more was expected.
    pub(super) const fn cut(wanted: &'static str) -> Self {
        Self { left: 0, wanted: Wanted::Some(wanted) }
    }

    /// Returns the offset in the whole text.
    pub(super) const fn offset(self, text: &[u8]) -> usize {
        text.len() - self.left
    }

    /// Returns whether the line was parsed to an end that it may have.
    pub(super) const fn is_behind_the_line(self) -> bool {
        matches!(self.wanted, Wanted::End)
    }

    /// Converts to the public error, with an offset into the whole text. If the failure is in the
    /// last word of the text, the word may have been cut; anywhere else it is wrong.
    #[cold]
    pub(super) fn into_error(self, text: &[u8]) -> Error {
        let offset = text.len() - self.left;
        let word = &text[offset..];
        let is_last = !word.contains(&b' ') && !word.contains(&b'=');
        match self.wanted {
            Wanted::Text(text) => {
                Error::literal(offset, text, is_last || text.as_bytes().starts_with(word))
            }
            Wanted::End if MAY_FOLLOW.iter().any(|key| key.as_bytes().starts_with(word)) => {
                Error::cut(offset, END)
            }
            Wanted::End => Error::expected(offset, END),
            Wanted::Some(what) if is_last => Error::cut(offset, what),
            Wanted::Some(what) => Error::expected(offset, what),
        }
    }
}

impl<'a> ParseError<&'a [u8]> for Fail {
    fn from_error_kind(i: &'a [u8], _: ErrorKind) -> Self {
        Self { left: i.len(), wanted: Wanted::Some("something else") }
    }

    fn append(_: &'a [u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

impl<'a, E> nom::error::FromExternalError<&'a [u8], E> for Fail {
    fn from_external_error(i: &'a [u8], kind: ErrorKind, _: E) -> Self {
        Self::from_error_kind(i, kind)
    }
}

/// Parses exactly this text.
pub(super) fn key<'a>(text: &'static str) -> impl Parser<&'a [u8], Output = (), Error = Fail> {
    move |i: &'a [u8]| match tag::<_, _, ()>(text).parse(i) {
        Ok((rest, _)) => Ok((rest, ())),
        Err(_) => Err(Fail::text(i, text)),
    }
}

/// Parses one blank.
pub(super) fn sp(i: &[u8]) -> Read<'_, ()> {
    match i.split_first() {
        Some((b' ', rest)) => Ok((rest, ())),
        _ => Err(Fail::text(i, " ")),
    }
}

/// Parses the end of the line, with or without the blank in which most lines end. Behind lines that
/// end without one, somebody else may have put one.
pub(super) fn end(i: &[u8]) -> Step<'_> {
    match i {
        [] | b" " => Ok(&[]),
        _ => Err(nom::Err::Error(Fail { left: i.len(), wanted: Wanted::End })),
    }
}

/// Parses `KEY=value ` with more to come: the blank must be there.
pub(super) fn field<'a, T>(
    i: &'a [u8],
    name: &'static str,
    value: impl Parser<&'a [u8], Output = T, Error = Fail>,
    slot: &mut Option<T>,
) -> Step<'a> {
    let (i, ()) = key(name).parse_complete(i)?;
    let (i, value) = terminated(value, sp).parse_complete(i)?;
    *slot = Some(value);
    Ok(i)
}

/// Parses `key` and a value with more of the line to come, where the next key brings its own blank.
/// At the end of the line the value may be cut, and is left out.
pub(super) fn inner<'a, T>(
    i: &'a [u8],
    name: &'static str,
    value: impl Parser<&'a [u8], Output = T, Error = Fail>,
    slot: &mut Option<T>,
) -> Step<'a> {
    let (i, value) = preceded(key(name), value).parse_complete(i)?;
    match i.first() {
        None => Err(Fail::at(i, "more of the line")),
        Some(b' ' | b',') => {
            *slot = Some(value);
            Ok(i)
        }
        Some(_) => Err(Fail::text(i, " ")),
    }
}

/// Parses like `inner`, where the line may also end.
pub(super) fn inner_last<'a, T>(
    i: &'a [u8],
    name: &'static str,
    value: impl Parser<&'a [u8], Output = T, Error = Fail>,
    slot: &mut Option<T>,
) -> Step<'a> {
    let (i, value) = preceded(key(name), value).parse_complete(i)?;
    if !matches!(i.first(), None | Some(b' ')) {
        return Err(Fail::text(i, " "));
    }
    *slot = Some(value);
    Ok(i)
}

/// Parses a value that may be the last of a line: then the blank may be missing.
pub(super) fn last<'a, T>(
    i: &'a [u8],
    mut value: impl Parser<&'a [u8], Output = T, Error = Fail>,
    slot: &mut Option<T>,
) -> Step<'a> {
    let (i, value) = value.parse_complete(i)?;
    let i = sp_or_end(i)?;
    *slot = Some(value);
    Ok(i)
}

/// Parses a blank, or the end of the line.
pub(super) fn sp_or_end(i: &[u8]) -> Step<'_> {
    match i.split_first() {
        None => Ok(i),
        Some((b' ', rest)) => Ok(rest),
        Some(_) => Err(Fail::text(i, " ")),
    }
}

/// Parses an unsigned decimal number as `%u` prints it: no leading zero, and it fits.
pub(super) fn dec<T: TryFrom<u64>>(i: &[u8]) -> Read<'_, T> {
    const WANTED: &str = "a decimal number";
    let mut value = 0_u64;
    let mut n = 0;
    // Eleven digits are more than 2^32; no field is wider.
    while let Some(digit) = i.get(n).map(|b| b.wrapping_sub(b'0')).filter(|d| *d <= 9 && n < 11) {
        value = value * 10 + u64::from(digit);
        n += 1;
    }
    if n == 0 {
        return Err(Fail::at(i, WANTED));
    }
    if n > 1 && i[0] == b'0' {
        return Err(Fail::at(i, "a decimal number without leading zeros"));
    }
    let value = T::try_from(value).map_err(|_| Fail::at(i, "a smaller number"))?;
    Ok((&i[n..], value))
}

/// Parses hexadecimal digits of one case, `least` to `most` of them; unpadded numbers have no
/// leading zero.
fn hex<'a>(
    least: usize,
    most: usize,
    upper: bool,
) -> impl Parser<&'a [u8], Output = u32, Error = Fail> {
    move |i: &'a [u8]| {
        const WANTED: &str = "a hexadecimal number";
        let is_digit = move |b: u8| match b {
            b'0'..=b'9' => true,
            b'A'..=b'F' => upper,
            b'a'..=b'f' => !upper,
            _ => false,
        };
        let (rest, digits) = take_while_m_n(least, most, is_digit)
            .parse(i)
            .map_err(|_: nom::Err<Fail>| Fail::at(i, WANTED))?;
        let padded = least == most;
        if !padded && digits.len() > 1 && digits[0] == b'0' {
            return Err(Fail::at(i, WANTED));
        }
        let value = digits.iter().fold(0, |value, &b| value << 4 | u32::from(nibble(b)));
        Ok((rest, value))
    }
}

const fn nibble(b: u8) -> u8 {
    match b {
        b'0'..=b'9' => b - b'0',
        b'A'..=b'F' => b - b'A' + 10,
        _ => b - b'a' + 10,
    }
}

/// `%02X`.
pub(super) fn hex2_upper(i: &[u8]) -> Read<'_, u8> {
    hex(2, 2, true).map(|v| v as u8).parse(i)
}

/// `%02x`.
pub(super) fn hex2_lower(i: &[u8]) -> Read<'_, u8> {
    hex(2, 2, false).map(|v| v as u8).parse(i)
}

/// `%04x`.
pub(super) fn hex4(i: &[u8]) -> Read<'_, u16> {
    hex(4, 4, false).map(|v| v as u16).parse(i)
}

/// `%08x`.
pub(super) fn hex8(i: &[u8]) -> Read<'_, u32> {
    hex(8, 8, false).parse(i)
}

/// `%x`.
pub(super) fn hex_any(i: &[u8]) -> Read<'_, u32> {
    hex(1, 8, false).parse(i)
}

/// Parses a number that is printed only if it is not zero.
pub(super) fn not_zero<'a>(
    mut value: impl Parser<&'a [u8], Output = u32, Error = Fail>,
) -> impl Parser<&'a [u8], Output = u32, Error = Fail> {
    move |i: &'a [u8]| match value.parse_complete(i)? {
        (_, 0) => Err(Fail::at(i, "a number other than zero")),
        read => Ok(read),
    }
}

/// `%X`, one digit.
pub(super) fn hex1_upper(i: &[u8]) -> Read<'_, u8> {
    hex(1, 1, true).map(|v| v as u8).parse(i)
}

/// `%pI4`.
pub(super) fn addr4(i: &[u8]) -> Read<'_, Ipv4Addr> {
    const WANTED: &str = "an IPv4 address";
    let mut octets = [0_u8; 4];
    let mut rest = i;
    for (n, octet) in octets.iter_mut().enumerate() {
        if n > 0 {
            rest = rest.strip_prefix(b".").ok_or(Fail::at(i, WANTED))?;
        }
        let (after, value) = dec(rest).map_err(|_| Fail::at(i, WANTED))?;
        *octet = value;
        rest = after;
    }
    Ok((rest, octets.into()))
}

/// `%pI6`: eight groups of four digits, never shortened.
pub(super) fn addr6(i: &[u8]) -> Read<'_, Ipv6Addr> {
    const WANTED: &str = "an IPv6 address in full";
    let mut groups = [0_u16; 8];
    let mut rest = i;
    for (n, group) in groups.iter_mut().enumerate() {
        if n > 0 {
            rest = rest.strip_prefix(b":").ok_or(Fail::at(i, WANTED))?;
        }
        let (after, value) = hex4(rest).map_err(|_| Fail::at(i, WANTED))?;
        *group = value;
        rest = after;
    }
    Ok((rest, groups.into()))
}

/// The IPv6 addresses of one line, all written alike: in full, or in one other form.
#[derive(Debug, Clone, Copy)]
pub(super) struct V6Pair {
    other: V6Form,
    may_be_full: bool,
    may_be_other: bool,
}

impl V6Pair {
    pub(super) const fn new(other: V6Form) -> Self {
        Self { other, may_be_full: true, may_be_other: true }
    }

    /// Returns the form of the addresses.
    pub(super) const fn form(self) -> V6Form {
        if self.may_be_full { V6Form::Full } else { self.other }
    }

    /// Returns the program that writes addresses in this form, where the other form is ulogd2's.
    /// People write a kernel's addresses in the other form too.
    pub(super) const fn writer(self) -> Writer {
        if self.may_be_other { Writer::Either } else { Writer::Kernel }
    }

    /// Parses the next address, up to a blank or comma.
    pub(super) fn parse<'a>(&mut self, i: &'a [u8]) -> Read<'a, Ipv6Addr> {
        const WANTED: &str = "an IPv6 address, written as the other one";
        let full = addr6(i);
        if let Ok((rest, ip)) = full {
            // If no group begins with a zero, both forms are equal.
            let is_other = ip.segments().iter().all(|&group| group >= 0x1000);
            if self.may_be_full || is_other {
                self.may_be_other &= is_other;
                return Ok((rest, ip));
            }
            return Err(Fail::at(i, WANTED));
        }
        match self.other_form(i) {
            Some(read) if self.may_be_other => {
                self.may_be_full = false;
                Ok(read)
            }
            _ if self.may_be_full => full,
            _ => Err(Fail::at(i, WANTED)),
        }
    }

    fn other_form(self, i: &[u8]) -> Option<(&[u8], Ipv6Addr)> {
        let end = i.iter().position(|b| matches!(b, b' ' | b',')).unwrap_or(i.len());
        let (word, rest) = i.split_at(end);
        let ip = std::str::from_utf8(word).ok()?.parse().ok()?;
        let mut unwritten = Unwritten(word);
        self.other.write(ip, &mut unwritten).ok()?;
        unwritten.0.is_empty().then_some((rest, ip))
    }
}

/// The rest of a text after the written text is removed from its beginning; writing any other text
/// is an error.
struct Unwritten<'a>(&'a [u8]);

impl fmt::Write for Unwritten<'_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(s.as_bytes()).ok_or(fmt::Error)?;
        Ok(())
    }
}

/// `%pM`.
pub(super) fn mac(i: &[u8]) -> Read<'_, MacAddr> {
    const WANTED: &str = "a link address";
    let mut bytes = [0_u8; 6];
    let mut rest = i;
    for (n, byte) in bytes.iter_mut().enumerate() {
        if n > 0 {
            rest = rest.strip_prefix(b":").ok_or(Fail::at(i, WANTED))?;
        }
        let (after, value) = hex2_lower(rest).map_err(|_| Fail::at(i, WANTED))?;
        *byte = value;
        rest = after;
    }
    Ok((rest, MacAddr(bytes)))
}

/// Parses `hh:hh:…`, of any length, also none, up to a blank or the end.
pub(super) fn mac_raw(i: &[u8]) -> Read<'_, Text<'_>> {
    let is_pair = |at: usize| matches!(i.get(at..at + 2), Some([a, b]) if is_lower_hex(*a) && is_lower_hex(*b));
    let mut end = 0;
    if is_pair(0) {
        end = 2;
        while i.get(end) == Some(&b':') && is_pair(end + 1) {
            end += 3;
        }
    }
    match i.get(end) {
        None | Some(b' ') => Ok((&i[end..], Text::new(&i[..end]))),
        Some(_) => Err(Fail::at(&i[end..], "a link header in hexadecimal")),
    }
}

const fn is_lower_hex(b: u8) -> bool {
    b.is_ascii_digit() || matches!(b, b'a'..=b'f')
}

/// Parses the digits of `OPT (…)`: 1 to 40 bytes, upper case.
pub(super) fn opt_bytes(i: &[u8]) -> Read<'_, Text<'_>> {
    const WANTED: &str = "header options in hexadecimal";
    let (rest, text) =
        take_while_m_n(2, 80, |b: u8| b.is_ascii_digit() || (b'A'..=b'F').contains(&b))
            .parse(i)
            .map_err(|_: nom::Err<Fail>| Fail::at(i, WANTED))?;
    if text.len() % 2 == 0 { Ok((rest, Text::new(text))) } else { Err(Fail::at(i, WANTED)) }
}
