//! Where the log prefix ends.
//!
//! The prefix is whatever an operator wrote into a rule, and the kernel puts nothing between it and `IN=`. It may hold
//! `IN=fake OUT=fake ` itself. What follows the real `OUT=` can not: names of interfaces have no blanks in them, and no
//! later field ends in ` OUT=`. So the *last* place at which `IN=<name> OUT=<name>` stands is the real one.
//!
//! But where that would make a prefix that is longer than any, and another packet stands in it, two lines were put together:
//! then the first is read, and found to go on where it should end.

use std::sync::LazyLock;

use memchr::memmem;

use super::fields::Format;

/// Where the parts of a packet line begin and end, in bytes from the start of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Anchor<'a> {
    pub(super) format: Format,
    pub(super) prefix: &'a [u8],
    /// `None` where the text ends in the name, which may go on then.
    pub(super) in_if: Option<&'a [u8]>,
    /// The bridge port, where it stands between the two.
    pub(super) physin: Option<&'a [u8]>,
    /// As `in_if`.
    pub(super) out_if: Option<&'a [u8]>,
    /// Where the name of the output interface ends, or the text.
    pub(super) end: usize,
}

/// Interface names have at most 15 bytes (`IFNAMSIZ` less the NUL), none of them blank: `dev_valid_name`, `net/core/dev.c`.
const MAX_NAME: usize = 15;

/// iptables keeps at most 29 bytes of a prefix (`xt_LOG.h`); nft keeps 127.
const MAX_IPTABLES_PREFIX: usize = 29;
const MAX_PREFIX: usize = 127;

/// What a packet line goes on with behind the names.
const MAY_FOLLOW: [&[u8]; 5] = [b" SRC=", b" MAC", b" PHYSIN=", b" PHYSOUT=", b" ARP "];

/// Searching forward is several times as fast as backward, even though the whole line is searched for one more.
static OUT: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b" OUT="));

/// Finds the end of the prefix; `None` if the text is no packet line.
pub(super) fn find(text: &[u8]) -> Option<Anchor<'_>> {
    let all = || OUT.find_iter(text).filter_map(|out| at(text, out));
    let last = all().last()?;
    if last.prefix.len() <= MAX_PREFIX {
        return Some(last);
    }
    let is_packet = |anchor: &Anchor<'_>| {
        anchor.prefix.len() <= MAX_PREFIX
            && MAY_FOLLOW.iter().any(|word| text[anchor.end..].starts_with(word))
    };
    all().find(is_packet).or(Some(last))
}

/// The same for a text that breaks off before ` OUT=`: its last word is `IN=` and a name, perhaps with a piece of
/// ` OUT=` behind it. Other texts may end so too, so this is for lines that are known to be the kernel's.
pub(super) fn find_cut(text: &[u8]) -> Option<Anchor<'_>> {
    let piece = (1..5).rev().find(|&n| text.ends_with(&b" OUT="[..n])).unwrap_or(0);
    let head = &text[..text.len() - piece];
    let from = head.len().saturating_sub(MAX_NAME + 3);
    let start = from + memmem::rfind(&head[from..], b"IN=")?;
    let name = &head[start + 3..];
    let in_if = (piece > 0).then_some(name);
    let anchor = Anchor {
        format: Format::Netfilter,
        prefix: &text[..start],
        in_if,
        physin: None,
        out_if: None,
        end: text.len(),
    };
    is_name(name).then(|| anchor.behind_port())
}

fn at(text: &[u8], out: usize) -> Option<Anchor<'_>> {
    let name = out + b" OUT=".len();
    let end = memchr::memchr(b' ', &text[name..]).map_or(text.len(), |n| name + n);
    let out_if = &text[name..end];

    let from = out.saturating_sub(MAX_NAME + 3);
    let mut start = from + text[from..out].windows(3).rposition(|w| w == b"IN=")?;
    // A device may be named `IN=x`. Where that would explain a prefix that is too long for iptables, it does.
    if start > MAX_IPTABLES_PREFIX
        && out - start <= MAX_NAME
        && &text[start - 3..start] == b"IN="
        && start - 3 <= MAX_IPTABLES_PREFIX
    {
        start -= 3;
    }
    let in_if = &text[start + 3..out];
    if !is_name(in_if) || !is_name(out_if) {
        return None;
    }
    // ebt_log prints a blank between prefix and `IN=` itself.
    let (format, prefix) = match text[..start].split_last() {
        Some((b' ', prefix)) if is_ebt_log(&text[end..]) => (Format::EbtLog, prefix),
        _ => (Format::Netfilter, &text[..start]),
    };
    let out_if = (end < text.len()).then_some(out_if);
    let anchor = Anchor { format, prefix, in_if: Some(in_if), physin: None, out_if, end };
    Some(anchor.behind_port())
}

impl Anchor<'_> {
    /// The same of `IN=br0 PHYSIN=eth0 OUT=…`, if that is what the text says: so the bridge patches for Linux 2.4 print it.
    /// What was taken for `IN=` is the end of `PHYSIN=` then.
    fn behind_port(self) -> Self {
        let Some(before) = self.prefix.strip_suffix(b" PHYS") else { return self };
        let from = before.len().saturating_sub(MAX_NAME + 3);
        let Some(start) = memmem::rfind(&before[from..], b"IN=") else { return self };
        let (prefix, in_if) = (&before[..from + start], &before[from + start + 3..]);
        if !is_name(in_if) {
            return self;
        }
        Self { prefix, in_if: Some(in_if), physin: self.in_if, ..self }
    }
}

/// ` MAC source = `, or the beginning of a cut one, if it can not be ` MAC=`.
fn is_ebt_log(rest: &[u8]) -> bool {
    const MACS: &[u8] = b" MAC source = ";
    rest.starts_with(MACS) || (rest.len() > b" MAC".len() && MACS.starts_with(rest))
}

fn is_name(name: &[u8]) -> bool {
    name.len() <= MAX_NAME && !name.iter().any(u8::is_ascii_whitespace)
}
