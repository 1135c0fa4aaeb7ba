//! The form of a line: what differs between programs and kernels though the fields are the same.

use std::fmt;
use std::net::Ipv6Addr;
use std::num::NonZeroU32;

/// What a packet remembers of its line's form, so that it prints back as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LineForm {
    /// Kernel lines end in a blank; many tools drop it, and some add to it. `None` of a line that breaks off.
    pub(super) blanks_at_end: Option<u32>,
    /// `PHYSIN=` stands before `OUT=`: the bridge patches for Linux 2.4.
    pub(super) physin_first: bool,
    /// Whose dialect the line is in.
    pub(super) writer: Writer,
    /// How ulogd2 says that a header is cut.
    pub(super) short: Short,
    /// `MARK=1` without `0x`: older releases of ulogd2.
    pub(super) bare_mark: bool,
    /// How IPv6 addresses are written.
    pub(super) v6: V6Form,
    /// A blank more behind link addresses: `ebt_log` before 2.6.39 in ARP messages, and early releases of ulogd2.
    pub(super) mac_blank: bool,
    /// TCP options that did not fit are a plain `TRUNCATED` (kernels up to 2.6.36).
    pub(super) plain_truncated: bool,
    /// `MARK=` stands in the brackets, though it is the logged packet's (IPv6 up to 2.6.38).
    pub(super) inner_mark: Option<NonZeroU32>,
}

impl LineForm {
    /// True if no kernel wrote the line, but ulogd2.
    pub(super) fn is_ulogd(&self) -> bool {
        self.writer == Writer::Ulogd
    }

    /// True if ulogd2 may have written the line, as far as it was read.
    pub(super) fn may_be_ulogd(&self) -> bool {
        self.writer != Writer::Kernel
    }

    /// Here stands what only a kernel prints. False if it is ulogd2's line, where that has no place.
    pub(super) fn is_kernel(&mut self) -> bool {
        if self.writer == Writer::Either {
            self.writer = Writer::Kernel;
        }
        self.writer == Writer::Kernel
    }
}

/// Whose dialect a line is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Writer {
    /// A kernel.
    #[default]
    Kernel,
    /// ulogd2, or ulogd: the userspace loggers of netfilter.org.
    Ulogd,
    /// Both print what was read so far alike. Only while a line is read: one that nothing tells apart is a kernel's.
    Either,
}

/// How ulogd2 says that a header is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Short {
    /// `INCOMPLETE` behind a protocol; zeros in the place of an IPv4 header, `PROTO=0` in that of an IPv6 header.
    #[default]
    Said,
    /// `TRUNCATED`, which it has for `ICMPv6` only.
    Truncated,
    /// Nothing stands where the IPv6 header would: releases that print no number of an unknown next header.
    Silent,
}

/// What ulogd2 shows of an IPv4 packet whose header is cut: all that it has not read is zero.
pub(super) const NO_IPV4: &str = "LEN=0 TOS=00 PREC=0x00 TTL=0 ID=0 PROTO=0";

/// ulogd2's words for what an ARP message asks, and its number; others are `CODE=<number>`.
pub(super) const OPCODES: [(&str, u16); 3] = [("REQUEST", 1), ("REPLY", 2), ("NAK", 10)];

/// How a program writes the groups of IPv6 addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum V6Form {
    /// Four digits each: kernels.
    #[default]
    Full,
    /// Without leading zeros: `ebt_log` before 2.6.30.
    Bare,
    /// The same, and the longest run of zeros left out (RFC 5952): ulogd2, and people.
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
