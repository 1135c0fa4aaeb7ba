//! Parses addresses and numbers like Go: the grammar of the words that a cell can enforce.
//!
//! Sources: `net.ParseIP`, `net.ParseCIDR` and `strconv.Atoi` of Go 1.23, and `toIPRange` of
//! silk-release 5148d058 (`cni-wrapper-plugin/netrules/security_group_rule.go`), executor and BBS,
//! which all parse destinations alike.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::Error;
use crate::words::from_str;

/// Addresses from a first to a last, as a kernel rule has them.
///
/// An IPv4 address that is mapped into IPv6 (`::ffff:10.0.0.1`) is IPv4 here, because Go prints it
/// as IPv4: each end by itself, so that `::ffff:0:0/96` is all of IPv4. A range that ends before it
/// begins is empty.
///
/// ```
/// use asg_core::policy::AddressRange;
///
/// let range = AddressRange::parse(b"::ffff:10.63.7.0/120").unwrap();
/// assert_eq!(range.to_string(), "10.63.7.0-10.63.7.255");
/// assert!(range.contains("10.63.7.9".parse().unwrap()));
/// assert!(AddressRange::parse(b"10.0.0.0/255.0.0.0").is_err(), "Cloud Controller takes it, and Go does not");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressRange {
    first: IpAddr,
    last: IpAddr,
}

from_str!(AddressRange);

impl AddressRange {
    /// Parses one destination as a cell does: an address, a block, or two addresses with a dash
    /// between them.
    ///
    /// # Errors
    ///
    /// If it is another text; the offset is its start.
    ///
    /// ```
    /// use asg_core::policy::AddressRange;
    /// let block = AddressRange::parse(b"10.0.0.0/24")?;
    /// assert_eq!(block.to_string().parse(), Ok(block));
    /// assert!(AddressRange::parse(b"ten").is_err());
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        const WHAT: &str = "an address, a block, or a range of addresses";
        let range = std::str::from_utf8(text).ok().and_then(Self::of);
        range.ok_or(Error::expected(0, WHAT))
    }

    /// Parses as [`AddressRange::parse`] does.
    pub(super) fn of(text: &str) -> Option<Self> {
        match text.find(['-', '/']) {
            None => address(text).map(|address| Self { first: address, last: address }),
            Some(at) if text.as_bytes()[at] == b'/' => block(text),
            Some(at) => {
                Some(Self { first: address(&text[..at])?, last: address(&text[at + 1..])? })
            }
        }
    }

    /// Creates the range from `first` to `last`.
    ///
    /// ```
    /// # use asg_core::policy::AddressRange;
    /// let range = AddressRange::new([10, 0, 0, 1].into(), [10, 0, 0, 8].into());
    /// assert!(range.contains("10.0.0.7".parse().unwrap()));
    /// ```
    #[must_use]
    pub const fn new(first: IpAddr, last: IpAddr) -> Self {
        Self { first, last }
    }

    /// Returns the first address.
    ///
    /// ```
    /// # use asg_core::policy::AddressRange;
    /// let range = AddressRange::new([10, 0, 0, 1].into(), [10, 0, 0, 8].into());
    /// assert_eq!(range.first().to_string(), "10.0.0.1");
    /// ```
    #[must_use]
    pub const fn first(self) -> IpAddr {
        self.first
    }

    /// Returns the last address.
    ///
    /// ```
    /// # use asg_core::policy::AddressRange;
    /// let range = AddressRange::new([10, 0, 0, 1].into(), [10, 0, 0, 8].into());
    /// assert_eq!(range.last().to_string(), "10.0.0.8");
    /// ```
    #[must_use]
    pub const fn last(self) -> IpAddr {
        self.last
    }

    /// Returns whether both ends are IPv4 addresses.
    ///
    /// ```
    /// # use asg_core::policy::AddressRange;
    /// let range = AddressRange::new([10, 0, 0, 1].into(), [10, 0, 0, 8].into());
    /// assert!(range.is_ipv4());
    /// ```
    #[must_use]
    pub const fn is_ipv4(self) -> bool {
        self.first.is_ipv4() && self.last.is_ipv4()
    }

    /// Returns whether one end is an IPv4 address and the other is not: no kernel tool accepts
    /// that.
    ///
    /// ```
    /// # use asg_core::policy::AddressRange;
    /// let range = AddressRange::new([10, 0, 0, 1].into(), [10, 0, 0, 8].into());
    /// assert!(!range.is_mixed());
    /// ```
    #[must_use]
    pub const fn is_mixed(self) -> bool {
        self.first.is_ipv4() != self.last.is_ipv4()
    }

    /// Returns whether the address is between the ends; never for one of another family.
    ///
    /// ```
    /// # use asg_core::policy::AddressRange;
    /// let range = AddressRange::new([10, 0, 0, 1].into(), [10, 0, 0, 8].into());
    /// assert!(range.contains("10.0.0.8".parse().unwrap()));
    /// assert!(!range.contains("10.0.0.9".parse().unwrap()));
    /// ```
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.first, self.last, address) {
            (IpAddr::V4(first), IpAddr::V4(last), IpAddr::V4(a)) => (first..=last).contains(&a),
            (IpAddr::V6(first), IpAddr::V6(last), IpAddr::V6(a)) => (first..=last).contains(&a),
            _ => false,
        }
    }

    /// Returns the number of addresses; `u128::MAX` for all of IPv6, which has one more.
    ///
    /// ```
    /// # use asg_core::policy::AddressRange;
    /// let range = AddressRange::new([10, 0, 0, 1].into(), [10, 0, 0, 8].into());
    /// assert_eq!(range.count(), 8);
    /// ```
    #[must_use]
    pub fn count(self) -> u128 {
        match self.bits() {
            Some((first, last)) if first <= last => (last - first).saturating_add(1),
            _ => 0,
        }
    }

    /// Returns the ends as numbers, if they are of one family.
    pub(super) fn bits(self) -> Option<(u128, u128)> {
        match (self.first, self.last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                Some((first.to_bits().into(), last.to_bits().into()))
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => Some((first.to_bits(), last.to_bits())),
            _ => None,
        }
    }
}

impl std::fmt::Display for AddressRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// Parses an address; a mapped one is IPv4.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// Parses a block like `net.ParseCIDR`: a length may begin with zeros, and host bits are cleared.
pub(super) fn block(text: &str) -> Option<AddressRange> {
    let (address, length) = text.split_once('/')?;
    if length.is_empty() || !length.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let length: u32 = length.parse().ok()?;
    match address.parse().ok()? {
        IpAddr::V4(address) => {
            let host = (length <= 32).then(|| u32::MAX.checked_shr(length).unwrap_or(0))?;
            let first = address.to_bits() & !host;
            let end = |bits| IpAddr::V4(Ipv4Addr::from_bits(bits));
            Some(AddressRange { first: end(first), last: end(first | host) })
        }
        IpAddr::V6(address) => {
            let host = (length <= 128).then(|| u128::MAX.checked_shr(length).unwrap_or(0))?;
            let first = address.to_bits() & !host;
            let end = |bits| IpAddr::V6(Ipv6Addr::from_bits(bits)).to_canonical();
            Some(AddressRange { first: end(first), last: end(first | host) })
        }
    }
}

/// Parses a decimal number with or without a sign, after blanks have been trimmed.
pub(super) fn integer(text: &str) -> Option<i64> {
    // Rust's parser accepts the same signs and digits, and no underscore either.
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_read_as_go_reads_them() {
        for (text, range) in [
            ("10.0.0.1", "10.0.0.1-10.0.0.1"),
            ("10.0.0.5/24", "10.0.0.0-10.0.0.255"),
            ("10.0.0.5/0", "0.0.0.0-255.255.255.255"),
            ("10.0.0.0/08", "10.0.0.0-10.255.255.255"),
            ("10.0.0.9-10.0.0.1", "10.0.0.9-10.0.0.1"),
            ("::ffff:10.0.0.1", "10.0.0.1-10.0.0.1"),
            ("::ffff:0:0/96", "0.0.0.0-255.255.255.255"),
            ("::ffff:0:0/95", "::fffe:0:0-255.255.255.255"),
            ("::ffff:10.0.0.1-::ffff:10.0.0.9", "10.0.0.1-10.0.0.9"),
            ("2001:db8::/32", "2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("::/0", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ] {
            let read = AddressRange::of(text).map(|range| range.to_string());
            assert_eq!(read.as_deref(), Some(range), "{text}");
        }
        for text in [
            "",
            " 10.0.0.1",
            "10.0.0.0/255.0.0.0",
            "10.0.0.1-",
            "10.0.0.0/8-",
            "010.0.0.1",
            "fe80::1%eth0",
            "fe80::1%eth0/64",
            "[::1]",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "::/129",
            "10.0.0.0/8-10.0.0.1",
            "10.0.0.1-10.0.0.2-10.0.0.3",
            "10..0.1",
        ] {
            assert_eq!(AddressRange::of(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        for (text, number) in [
            ("80", Some(80)),
            (" \u{b}80\t", Some(80)),
            ("+80", Some(80)),
            ("000443", Some(443)),
            ("", None),
            ("8_0", None),
            ("0x50", None),
            ("80.0", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(integer(text), number, "{text:?}");
        }
    }
}
