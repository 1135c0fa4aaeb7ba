//! The form of a line: details that differ between programs and kernels although the fields are the
//! same.

use std::fmt;
use std::net::Ipv6Addr;
use std::num::NonZeroU32;

/// The form of a packet's line, kept so that it prints back as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct LineForm {
    /// Kernel lines end in a blank; many tools drop it, and some add more. `None` for a line that
    /// breaks off.
    pub(super) blanks_at_end: Option<u32>,
    /// `PHYSIN=` comes before `OUT=`: the bridge patches for Linux 2.4.
    pub(super) physin_first: bool,
    /// The program that has this dialect.
    pub(super) writer: Writer,
    /// How ulogd2 marks a header that is cut.
    pub(super) short: Short,
    /// `MARK=1` without `0x`: older releases of ulogd2.
    pub(super) bare_mark: bool,
    /// How IPv6 addresses are written.
    pub(super) v6: V6Form,
    /// An extra blank behind link addresses: `ebt_log` before 2.6.39 in ARP messages, and early
    /// releases of ulogd2.
    pub(super) mac_blank: bool,
    /// TCP options that did not fit are a plain `TRUNCATED` (kernels up to 2.6.36).
    pub(super) plain_truncated: bool,
    /// `MARK=` is printed inside the brackets, though it belongs to the logged packet (IPv6 up to
    /// 2.6.38).
    pub(super) inner_mark: Option<NonZeroU32>,
}

impl LineForm {
    /// Returns whether ulogd2 wrote the line, and not a kernel.
    pub(super) fn is_ulogd(&self) -> bool {
        self.writer == Writer::Ulogd
    }

    /// Returns whether ulogd2 may have written the line, as far as it was read.
    pub(super) fn may_be_ulogd(&self) -> bool {
        self.writer != Writer::Kernel
    }

    /// Notes that a word was found which only a kernel prints. Returns false in a line of ulogd2,
    /// where that word is an error.
    pub(super) fn is_kernel(&mut self) -> bool {
        if self.writer == Writer::Either {
            self.writer = Writer::Kernel;
        }
        self.writer == Writer::Kernel
    }
}

/// The program that has a line's dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Writer {
    /// A kernel.
    #[default]
    Kernel,
    /// ulogd2, or ulogd: the userspace loggers of netfilter.org.
    Ulogd,
    /// Both print the text so far alike. Used only while a line is read: if nothing decides it, the
    /// kernel wrote it.
    Either,
}

/// How ulogd2 marks a header that is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Short {
    /// `INCOMPLETE` behind a protocol; zeros in the place of an IPv4 header, `PROTO=0` in that of
    /// an IPv6 header.
    #[default]
    Said,
    /// `TRUNCATED`, which ulogd2 prints for `ICMPv6` only.
    Truncated,
    /// Nothing in the place of the IPv6 header: releases that print no number for an unknown next
    /// header.
    Silent,
}

/// ulogd2's text for an IPv4 packet whose header is cut: every value that it has not read is zero.
pub(super) const NO_IPV4: &str = "LEN=0 TOS=00 PREC=0x00 TTL=0 ID=0 PROTO=0";

/// ulogd2's words for an ARP operation, and its number; others are `CODE=<number>`.
pub(super) const OPCODES: [(&str, u16); 3] = [("REQUEST", 1), ("REPLY", 2), ("NAK", 10)];

/// How a program writes the groups of IPv6 addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum V6Form {
    /// Four digits each: kernels.
    #[default]
    Full,
    /// Without leading zeros: `ebt_log` before 2.6.30.
    Bare,
    /// Like `Bare`, with the longest run of zeros left out (RFC 5952): ulogd2, and people.
    Short,
}

impl V6Form {
    /// Writes an address.
    pub(super) fn write(self, address: Ipv6Addr, out: &mut impl fmt::Write) -> fmt::Result {
        let [a, b, c, d, e, g, h, i] = address.segments();
        match self {
            Self::Full => {
                write!(out, "{a:04x}:{b:04x}:{c:04x}:{d:04x}:{e:04x}:{g:04x}:{h:04x}:{i:04x}")
            }
            Self::Bare => write!(out, "{a:x}:{b:x}:{c:x}:{d:x}:{e:x}:{g:x}:{h:x}:{i:x}"),
            Self::Short => write!(out, "{address}"),
        }
    }
}
