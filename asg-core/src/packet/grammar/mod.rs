//! The grammar of a packet line behind `OUT=<name>`, in nom, from left to right.
//!
//! Each function takes the input and the packet to fill, writes fields as soon as they are certain,
//! and returns the rest. So when a line breaks off, the packet has the fields before the break. A
//! field is certain when the blank behind it was seen: the digits of `WINDOW=28` at the end of a
//! line may be the beginning of `28280`. Only fields that can end a whole line may lack the blank
//! (see [`token::last`]), because tools drop the blank at a line's end.
//!
//! Only text that a kernel prints is accepted: no leading zeros, and the kernel's case of
//! hexadecimal digits. So every accepted line can be printed back.

mod ip;
mod link;
mod mend;
mod token;
mod transport;
mod ulogd;

use std::num::NonZeroU32;

use nom::Parser;
use nom::combinator::opt;

pub(super) use self::mend::{headless, mended};
use self::token::{Fail, Step, dec, hex_any, key, last, not_zero};
use super::anchor::Anchor;
use super::fields::{Family, Format, Packet};
use crate::error::Error;

/// Returns whether the link header shows a type that is neither IP nor ARP.
pub(super) fn is_of_another_network(p: &Packet<'_>) -> bool {
    let is_known = |ethertype| matches!(ethertype, 0x0800 | 0x86dd | 0x0806 | 0x8035);
    link::ethertype(p).is_some_and(|ethertype| !is_known(ethertype))
}

/// Parses the text behind the anchor into the packet.
pub(super) fn message<'a>(
    text: &'a [u8],
    anchor: Anchor<'a>,
    p: &mut Packet<'a>,
) -> Result<(), Error> {
    plain(text, anchor, p).map_err(|fail| fail.into_error(text))
}

fn plain<'a>(text: &'a [u8], anchor: Anchor<'a>, p: &mut Packet<'a>) -> Result<(), Fail> {
    if anchor.out_if.is_none() {
        return Err(Fail::cut("the rest of the packet line"));
    }
    let input = &text[anchor.end..];
    let body = match anchor.format {
        Format::Netfilter => netfilter,
        Format::EbtLog => link::ebt_log,
    };
    finish(body(input, p), p)
}

/// Ends the parsing of a line.
fn finish<'a>(read: Step<'a>, p: &mut Packet<'a>) -> Result<(), Fail> {
    let read = read.and_then(token::end);
    // If nothing decides between the two, a kernel wrote the line.
    p.form.is_kernel();
    p.mark = p.mark.or(p.form.inner_mark.map(NonZeroU32::get));
    match read {
        Ok(_) => Ok(()),
        Err(nom::Err::Error(fail) | nom::Err::Failure(fail)) => Err(fail),
        Err(nom::Err::Incomplete(_)) => Err(Fail::cut("more of the line")),
    }
}

fn netfilter<'a>(i: &'a [u8], p: &mut Packet<'a>) -> Step<'a> {
    let i = link::names(i, p)?;
    behind_names(i, p)
}

fn behind_names<'a>(text: &'a [u8], p: &mut Packet<'a>) -> Step<'a> {
    let i = link::header(text, p)?;
    if i.is_empty() {
        let end = link::end(i, p);
        // A link header goes on beyond Ethernet's fourteen bytes, if a blank does not end it.
        if end.is_err() && !text.ends_with(b" ") {
            p.mac_raw = None;
        }
        return end;
    }
    if let (i, Some(())) = opt(key("TRUNCATED")).parse_complete(i)? {
        p.family = link::family_by_type(p);
        p.ip.truncated = true;
        return Ok(i);
    }
    if i.starts_with(b"ARP ") {
        let (i, ()) = key("ARP HTYPE=").parse_complete(i)?;
        p.family = Family::Arp;
        return link::arp(i, p);
    }
    if let Some(i) = ulogd::without_addresses(i, p)? {
        return owner_and_mark(i, p);
    }
    let i = ip::outer_addresses(i, &mut p.ip, &mut p.family, &mut p.form)?;
    let i = if p.family == Family::Ipv4 && ulogd::is_arp(i) {
        ulogd::arp(i, p)?
    } else {
        ip::packet(i, &mut p.ip, p.family, &mut p.form)?
    };
    behind_packet(i, p)
}

fn behind_packet<'a>(i: &'a [u8], p: &mut Packet<'a>) -> Step<'a> {
    if ip::ends_the_line(&p.ip) && !p.form.is_ulogd() { Ok(i) } else { owner_and_mark(i, p) }
}

/// Parses `UID=… GID=…` and `MARK=…`, each if it is there.
fn owner_and_mark<'a>(mut i: &'a [u8], p: &mut Packet<'a>) -> Step<'a> {
    if let (rest, Some(())) = opt(key("UID=")).parse_complete(i)? {
        i = last(rest, dec, &mut p.uid)?;
        if let (rest, Some(())) = opt(key("GID=")).parse_complete(i)? {
            i = last(rest, dec, &mut p.gid)?;
        }
    }
    let Some(value) = i.strip_prefix(b"MARK=") else { return Ok(i) };
    // A kernel omits a mark of zero, and prints `0x` before any other.
    let wanted = if value.starts_with(b"0x0") { "0x1" } else { "0x" };
    if !ulogd::is_kernels(value, wanted, &mut p.form) {
        let hex = value.strip_prefix(b"0x");
        p.form.bare_mark = hex.is_none();
        return last(hex.unwrap_or(value), hex_any, &mut p.mark);
    }
    if p.form.inner_mark.is_none() {
        let (rest, ()) = key("MARK=0x").parse_complete(i)?;
        i = last(rest, not_zero(hex_any), &mut p.mark)?;
    }
    Ok(i)
}
