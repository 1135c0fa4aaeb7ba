//! The form of a line: what differs between programs and kernels though the fields are the same.

use std::fmt;
use std::net::Ipv6Addr;
use std::num::NonZeroU32;

/// What a packet remembers of its line's form, so that it prints back as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LineForm {
    /// Kernel lines end in a blank; many tools drop it.
    pub(super) ends_with_space: bool,
    /// `TOS=00` without `0x`: ulogd2 wrote the line.
    pub(super) bare_tos: bool,
    /// `MARK=1` without `0x`: the same.
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
        self.bare_tos || self.v6 == V6Form::Short
    }
}

/// How a program writes the groups of IPv6 addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum V6Form {
    /// Four digits each: kernels.
    #[default]
    Full,
    /// Without leading zeros: `ebt_log` before 2.6.30.
    Bare,
    /// The same, and the longest run of zeros left out (RFC 5952): ulogd2.
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
