//! Finds where the log prefix ends.
//!
//! The prefix is free text from a rule, and the kernel puts nothing between it and `IN=`. It may
//! itself contain `IN=fake OUT=fake `. The text after the real `OUT=` cannot: interface names have
//! no blanks in them, and no later field ends in ` OUT=`. So the *last* `IN=<name> OUT=<name>` is
//! the real one.
//!
//! One exception: if that prefix would be longer than any rule can have, and contains another
//! packet, two lines were joined. Then the first packet is parsed, and reported as running on where
//! it should end.

use std::sync::LazyLock;

use memchr::memmem;

use super::fields::Format;

/// Byte offsets of the parts of a packet line, from the start of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Anchor<'a> {
    pub(super) format: Format,
    pub(super) prefix: &'a [u8],
    /// `None` where the text ends inside the name, which may be incomplete then.
    pub(super) in_if: Option<&'a [u8]>,
    /// The bridge port, if the line has it between `IN=` and `OUT=`.
    pub(super) physin: Option<&'a [u8]>,
    /// Like `in_if`.
    pub(super) out_if: Option<&'a [u8]>,
    /// The end of the output interface's name, or of the text.
    pub(super) end: usize,
}

/// Interface names have at most 15 bytes (`IFNAMSIZ` less the NUL), none of them blank:
/// `dev_valid_name`, `net/core/dev.c`.
const MAX_NAME: usize = 15;

/// iptables keeps at most 29 bytes of a prefix (`xt_LOG.h`); nft keeps 127.
const MAX_IPTABLES_PREFIX: usize = 29;
const MAX_PREFIX: usize = 127;

/// The text that can follow the interface names in a packet line.
const MAY_FOLLOW: [&[u8]; 5] = [b" SRC=", b" MAC", b" PHYSIN=", b" PHYSOUT=", b" ARP "];

/// Searching forward is several times as fast as backward, even though it always searches the whole
/// line.
static OUT: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b" OUT="));

/// Finds the end of the prefix. Returns `None` if the text is not a packet line.
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

/// Finds the anchor of a text that breaks off before ` OUT=`: its last word is `IN=` and a name,
/// perhaps followed by a piece of ` OUT=`. Other texts may end like this too, so call it only for
/// lines that are known to be the kernel's.
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
    // A device may be named `IN=x`. Prefer that reading where the prefix would otherwise be too
    // long for iptables.
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
    // ebt_log itself prints a blank between prefix and `IN=`.
    let (format, prefix) = match text[..start].split_last() {
        Some((b' ', prefix)) if is_ebt_log(&text[end..]) => (Format::EbtLog, prefix),
        _ => (Format::Netfilter, &text[..start]),
    };
    let out_if = (end < text.len()).then_some(out_if);
    let anchor = Anchor { format, prefix, in_if: Some(in_if), physin: None, out_if, end };
    Some(anchor.behind_port())
}

impl Anchor<'_> {
    /// Corrects the anchor for `IN=br0 PHYSIN=eth0 OUT=…`, which the bridge patches for Linux 2.4
    /// print. The `IN=` that was found is the end of `PHYSIN=` in that case.
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

/// Matches ` MAC source = `, or a cut beginning of it that cannot be ` MAC=`.
fn is_ebt_log(rest: &[u8]) -> bool {
    const MACS: &[u8] = b" MAC source = ";
    rest.starts_with(MACS) || (rest.len() > b" MAC".len() && MACS.starts_with(rest))
}

fn is_name(name: &[u8]) -> bool {
    name.len() <= MAX_NAME && !name.iter().any(u8::is_ascii_whitespace)
}
