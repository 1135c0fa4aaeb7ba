//! Destinations: addresses, blocks and ranges, and how Cloud Controllers parse their spellings.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::error::Why;

/// One destination of a [`Rule`](super::Rule): addresses of one family, from a first to a last.
///
/// A block keeps no host bits: `10.0.0.5/24` is `10.0.0.0/24`. A single address is a block of one.
/// Zone ids of IPv6 are dropped, because packets have none. An IPv6 address that maps an IPv4 one
/// (`::ffff:10.0.0.1`) stays IPv6.
///
/// ```
/// use asg_core::policy::Destination;
///
/// let block: Destination = "10.0.0.5/255.255.255.0".parse()?;
/// assert_eq!(block.to_string(), "10.0.0.0/24");
/// assert!(block.contains("10.0.0.77".parse()?) && !block.contains("10.0.1.0".parse()?));
///
/// let range: Destination = "10.0.0.1-10.0.0.9".parse()?;
/// assert_eq!(range.bounds(), ("10.0.0.1".parse()?, "10.0.0.9".parse()?));
/// assert!("0.0.0.0/0".parse::<Destination>()?.is_any());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Destination(Form);

/// The libraries with which Cloud Controller has parsed destinations; each accepts spellings that
/// the other refuses.
///
/// ```
/// use asg_core::policy::{Grammar, ValidatorSettings, check};
///
/// let rule = br#"{"protocol":"all","destination":"10.0.0.0/0x8"}"#;
/// let with = |grammar| check(rule, ValidatorSettings { grammar, ..ValidatorSettings::default() });
/// assert!(with(Grammar::Netaddr).is_accepted() && !with(Grammar::Ipaddr).is_accepted());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Grammar {
    /// The gem `netaddr` 2, until `cloud_controller_ng` commit a7567792 (2026-08-06).
    Netaddr,
    /// Ruby's class `IPAddr`, since then.
    #[default]
    Ipaddr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Form {
    /// Network address and prefix length.
    Block4(u32, u8),
    Block6(u128, u8),
    /// First and last, in this order.
    Range4(u32, u32),
    Range6(u128, u128),
}

impl Destination {
    /// Returns the first and the last address.
    ///
    /// ```
    /// # use asg_core::policy::Destination;
    /// let destination: Destination = "10.0.11.0/24".parse().unwrap();
    /// let (first, last) = destination.bounds();
    /// assert_eq!(first.to_string(), "10.0.11.0");
    /// assert_eq!(last.to_string(), "10.0.11.255");
    /// ```
    #[must_use]
    pub fn bounds(&self) -> (IpAddr, IpAddr) {
        let v4 = |bits| IpAddr::V4(Ipv4Addr::from_bits(bits));
        let v6 = |bits| IpAddr::V6(Ipv6Addr::from_bits(bits));
        match self.0 {
            Form::Block4(base, length) => (v4(base), v4(base | !mask4(length))),
            Form::Block6(base, length) => (v6(base), v6(base | !mask6(length))),
            Form::Range4(first, last) => (v4(first), v4(last)),
            Form::Range6(first, last) => (v6(first), v6(last)),
        }
    }

    /// Returns whether the address is one of these; never for one of the other family.
    ///
    /// ```
    /// # use asg_core::policy::Destination;
    /// let destination: Destination = "10.0.11.0/24".parse().unwrap();
    /// assert!(destination.contains("10.0.11.7".parse().unwrap()));
    /// ```
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.0, address) {
            (Form::Block4(base, length), IpAddr::V4(a)) => a.to_bits() & mask4(length) == base,
            (Form::Block6(base, length), IpAddr::V6(a)) => a.to_bits() & mask6(length) == base,
            (Form::Range4(first, last), IpAddr::V4(a)) => (first..=last).contains(&a.to_bits()),
            (Form::Range6(first, last), IpAddr::V6(a)) => (first..=last).contains(&a.to_bits()),
            _ => false,
        }
    }

    /// Returns whether these are all addresses of their family.
    ///
    /// ```
    /// # use asg_core::policy::Destination;
    /// let destination: Destination = "10.0.11.0/24".parse().unwrap();
    /// assert!(!destination.is_any() && "0.0.0.0/0".parse::<Destination>().unwrap().is_any());
    /// ```
    #[must_use]
    pub fn is_any(&self) -> bool {
        match self.0 {
            Form::Block4(_, length) | Form::Block6(_, length) => length == 0,
            Form::Range4(first, last) => (first, last) == (0, u32::MAX),
            Form::Range6(first, last) => (first, last) == (0, u128::MAX),
        }
    }

    /// Returns whether these are IPv6 addresses.
    ///
    /// ```
    /// # use asg_core::policy::Destination;
    /// let destination: Destination = "10.0.11.0/24".parse().unwrap();
    /// assert!(!destination.is_ipv6());
    /// ```
    #[must_use]
    pub const fn is_ipv6(&self) -> bool {
        matches!(self.0, Form::Block6(..) | Form::Range6(..))
    }

    /// Returns the network address and prefix length, if this is a block.
    ///
    /// ```
    /// # use asg_core::policy::Destination;
    /// let destination: Destination = "10.0.11.0/24".parse().unwrap();
    /// assert_eq!(destination.block().unwrap().1, 24);
    /// ```
    #[must_use]
    pub fn block(&self) -> Option<(IpAddr, u8)> {
        match self.0 {
            Form::Block4(_, length) | Form::Block6(_, length) => Some((self.bounds().0, length)),
            Form::Range4(..) | Form::Range6(..) => None,
        }
    }

    /// Parses one destination like `RuleValidator.validate_destination` (`cloud_controller_ng`, API
    /// 3.228.0).
    pub(super) fn parse(text: &str, ipv6: bool, grammar: Grammar) -> Result<Self, Why> {
        if text.is_empty() {
            return Err(Why::Empty);
        }
        if text.contains(|c: char| c.is_ascii_whitespace() || c == '\u{b}') {
            return Err(Why::Whitespace);
        }
        let ends = split(text, '-');
        if ends.iter().any(|end| has_leading_zero(end)) {
            return Err(Why::LeadingZero);
        }
        let form = match ends[..] {
            [one] => grammar.block(one),
            [first, last] => match (grammar.block(first), grammar.block(last)) {
                // A range is between addresses, not between blocks.
                _ if first.contains('/') || last.contains('/') => None,
                (Some(Form::Block4(first, _)), Some(Form::Block4(last, _))) => {
                    Some(Form::Range4(first, last))
                }
                // Both parsers of IPv6 addresses are tried: `::10.0.0.1` is one, `10.0.0.1` is not.
                (Some(Form::Block6(first, _)), Some(Form::Block6(last, _))) => {
                    Some(Form::Range6(first, last))
                }
                _ => None,
            },
            _ => None,
        };
        let form = form.filter(|form| ipv6 || !matches!(form, Form::Block6(..) | Form::Range6(..)));
        match form.ok_or(Why::NotAnAddress)? {
            Form::Range4(first, last) if first > last => Err(Why::Reversed),
            Form::Range6(first, last) if first > last => Err(Why::Reversed),
            form => Ok(Self(form)),
        }
    }
}

/// The spellings of both [grammars](Grammar), with `enable_ipv6`: a stored rule can have either.
impl std::str::FromStr for Destination {
    type Err = Why;

    fn from_str(text: &str) -> Result<Self, Why> {
        Self::parse(text, true, Grammar::Netaddr)
            .or_else(|why| Self::parse(text, true, Grammar::Ipaddr).map_err(|_| why))
    }
}

/// The usual spelling: a single address without its length, a block with it.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = self.bounds();
        match self.0 {
            Form::Block4(_, 32) | Form::Block6(_, 128) => write!(f, "{first}"),
            Form::Block4(_, length) | Form::Block6(_, length) => write!(f, "{first}/{length}"),
            Form::Range4(..) | Form::Range6(..) => write!(f, "{first}-{last}"),
        }
    }
}

fn mask4(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

fn mask6(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

/// Returns the parts between separators, without empty ones at the end, like Ruby's `split`.
pub(in crate::policy) fn split(text: &str, by: char) -> Vec<&str> {
    let mut parts: Vec<&str> = text.split(by).collect();
    while parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    parts
}

/// `RuleValidator.no_leading_zeros`: for IPv4 addresses, also inside IPv6 ones, but not for masks'
/// lengths.
fn has_leading_zero(end: &str) -> bool {
    end.contains('.')
        && split(end, '.').into_iter().any(|octet| {
            let number = split(octet, '/').first().copied().unwrap_or_default();
            number.len() > 1 && number.starts_with('0')
        })
}

impl Grammar {
    /// Parses an address or a block of either family; host bits are cleared.
    fn block(self, text: &str) -> Option<Form> {
        let form = match self {
            Self::Netaddr => {
                let v4 = block4(text).map(|(base, length)| Form::Block4(base, length));
                v4.or_else(|| block6(text).map(|(base, length)| Form::Block6(base, length)))
            }
            Self::Ipaddr => ipaddr(text),
        };
        form.map(|form| match form {
            Form::Block4(base, length) => Form::Block4(base & mask4(length), length),
            Form::Block6(base, length) => Form::Block6(base & mask6(length), length),
            range => range,
        })
    }
}

/// Parses an address or block like Ruby's `IPAddr.new` (`ipaddr` 1.2).
fn ipaddr(text: &str) -> Option<Form> {
    let (address, mask) = match text.split_once('/') {
        Some((address, mask)) => (address, Some(mask)),
        None => (text, None),
    };
    let bracketed = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let (address, zone) = match bracketed.unwrap_or(address).split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (bracketed.unwrap_or(address), None),
    };
    let is_word = |zone: &str| zone.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if zone.is_some_and(|zone| zone.is_empty() || !is_word(zone)) {
        return None;
    }
    let only_v6 = bracketed.is_some() || zone.is_some();
    let (bits, width) = if let Some(v4) = octets(address).filter(|_| !only_v6) {
        (u128::from(v4), 32)
    } else {
        (address.parse::<Ipv6Addr>().ok()?.to_bits(), 128)
    };
    let length = match mask {
        None => width,
        Some(mask) if mask.bytes().all(|b| b.is_ascii_digit()) => {
            let has_zero = mask.len() > 1 && mask.starts_with('0');
            mask.parse().ok().filter(|length| *length <= width && !has_zero)?
        }
        // A mask is an address, which may be masked itself: `255.0.0.0/8`.
        Some(mask) => match (ipaddr(mask)?, width) {
            (Form::Block4(mask, own), 32) => {
                mask_length(u128::from(mask & mask4(own)), u128::from(mask4(own)), 32)?
            }
            (Form::Block6(mask, own), 128) => mask_length(mask & mask6(own), mask6(own), 128)?,
            _ => return None,
        },
    };
    Some(if width == 32 {
        Form::Block4(bits as u32, length as u8)
    } else {
        Form::Block6(bits, length as u8)
    })
}

/// Returns the length of a mask of `width` bits, if its zeros within its own mask are the last
/// bits.
fn mask_length(mask: u128, own: u128, width: u32) -> Option<u32> {
    let hosts = mask ^ own;
    (hosts & hosts.wrapping_add(1) == 0).then_some(mask.count_ones()).filter(|n| *n <= width)
}

/// Parses four decimal numbers up to 255 without leading zeros.
fn octets(text: &str) -> Option<u32> {
    text.parse::<Ipv4Addr>().ok().map(Ipv4Addr::to_bits)
}

// The following functions parse like the library `netaddr` 2, which is more tolerant than the
// standard library.

fn block4(text: &str) -> Option<(u32, u8)> {
    let Some((address, mask)) = text.split_once('/') else { return Some((address4(text)?, 32)) };
    let length = if mask.contains('.') {
        let mask = address4(mask)?;
        (mask.leading_ones() + mask.trailing_zeros() >= 32).then(|| mask.leading_ones())?
    } else {
        integer(mask).filter(|length| *length <= 32)?
    };
    Some((address4(address)?, length as u8))
}

fn block6(text: &str) -> Option<(u128, u8)> {
    let Some((address, mask)) = text.split_once('/') else { return Some((address6(text)?, 128)) };
    let length = integer(mask).filter(|length| *length <= 128)?;
    Some((address6(address)?, length as u8))
}

fn address4(text: &str) -> Option<u32> {
    let octets = split(text, '.');
    if octets.len() != 4 || !text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    octets.into_iter().try_fold(0, |bits, octet| {
        // An empty octet counts as zero.
        let octet = if octet.is_empty() { 0 } else { octet.parse::<u8>().ok()? };
        Some(bits << 8 | u32::from(octet))
    })
}

fn address6(text: &str) -> Option<u128> {
    let text = text.split_once('%').map_or(text, |(address, _zone)| address);
    if !text.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.')) {
        return None;
    }
    // An IPv4 address at the end is replaced by two words.
    let (text, low) = match text.rsplit_once(':') {
        Some((before, last)) if last.contains('.') => (format!("{before}:0:0"), address4(last)?),
        _ => (text.to_owned(), 0),
    };
    if text == "::" {
        return Some(u128::from(low));
    }
    if text.contains('.') || text.contains(":::") {
        return None;
    }
    let words = match text.split_once("::") {
        None => split(&text, ':').into_iter().map(ToOwned::to_owned).collect::<Vec<_>>(),
        Some((_, after)) if after.contains("::") => return None,
        Some((before, after)) => {
            let (before, mut after) = (split(before, ':'), split(after, ':'));
            if after.is_empty() {
                after.push("0");
            }
            let missing = 8_usize.checked_sub(before.len() + after.len())?;
            let words = before.into_iter().chain(std::iter::repeat_n("0", missing)).chain(after);
            words.map(ToOwned::to_owned).collect()
        }
    };
    if words.len() != 8 {
        return None;
    }
    let bits = words.iter().try_fold(0_u128, |bits, word| {
        let word = if word.is_empty() { 0 } else { u16::from_str_radix(word, 16).ok()? };
        Some(bits << 16 | u128::from(word))
    });
    Some(bits? | u128::from(low))
}

/// Parses a whole number like Ruby's `Integer()`: also `0x8`, `0b1000`, `0o10`, `010`, `+8` and
/// `1_6`.
fn integer(text: &str) -> Option<u32> {
    let text = text.strip_prefix('+').unwrap_or(text).to_ascii_lowercase();
    let prefixes = [("0x", 16), ("0b", 2), ("0o", 8), ("0d", 10), ("0", 8)];
    let prefixed = prefixes.iter().find_map(|(p, radix)| Some((text.strip_prefix(p)?, *radix)));
    let (digits, radix) = match prefixed {
        // A single zero.
        Some(("", 8)) if text == "0" => return Some(0),
        Some((digits, 8)) => (digits.strip_prefix('_').unwrap_or(digits), 8),
        Some(other) => other,
        None => (text.as_str(), 10),
    };
    // Underscores are allowed between two digits.
    let has_digits = digits.split('_').all(|part| !part.is_empty() && !part.starts_with('+'));
    has_digits.then(|| u32::from_str_radix(&digits.replace('_', ""), radix).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_is_the_same_block_range_or_address() {
        for (text, plain) in [
            ("10.0.0.1", "10.0.0.1"),
            ("10.0.0.1/32", "10.0.0.1"),
            ("10.0.0.5/24", "10.0.0.0/24"),
            ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
            ("10.0.0.0/0.0.0.0", "0.0.0.0/0"),
            ("10.0.0.1-", "10.0.0.1"),
            ("10.0.0.0/8-", "10.0.0.0/8"),
            ("10.0.0.1-10.0.0.1", "10.0.0.1-10.0.0.1"),
            ("10.0.0.0/010", "10.0.0.0/8"),
            ("10.0.0.0/0x8", "10.0.0.0/8"),
            ("10.0.0.0/1_6", "10.0.0.0/16"),
            ("10.0.0.0/+8", "10.0.0.0/8"),
            ("10..0.1", "10.0.0.1"),
            ("2001:0db8::0001", "2001:db8::1"),
            ("2001:db8::5/32", "2001:db8::/32"),
            ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
            ("::10.0.0.1", "::a00:1"),
            ("fe80::1%eth0", "fe80::1"),
            ("::", "::"),
            ("::/0", "::/0"),
            ("1::", "1::"),
            ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
            ("1:2:3:4:5:6:7::8", "1:2:3:4:5:6:7:8"),
            ("2001:db8::1-2001:db8::ff", "2001:db8::1-2001:db8::ff"),
        ] {
            let read = text.parse::<Destination>().map(|d| d.to_string());
            assert_eq!(read.as_deref(), Ok(plain), "{text}");
        }
    }

    #[test]
    fn each_grammar_takes_what_its_library_takes() {
        for (text, netaddr, ipaddr) in [
            ("10.0.0.0/010", "10.0.0.0/8", ""),
            ("10.0.0.0/0x8", "10.0.0.0/8", ""),
            ("10.0.0.0/0b1000", "10.0.0.0/8", ""),
            ("10.0.0.0/0o10", "10.0.0.0/8", ""),
            ("10.0.0.0/+8", "10.0.0.0/8", ""),
            ("10.0.0.0/1_6", "10.0.0.0/16", ""),
            ("10..0.1", "10.0.0.1", ""),
            ("1:2:3:4:5:6:7::8", "1:2:3:4:5:6:7:8", ""),
            ("[::1]", "", "::1"),
            ("[::1]/64", "", "::/64"),
            ("2001:db8::/ffff:ffff::", "", "2001:db8::/32"),
            ("10.0.0.0/255.0.0.0/8", "", "10.0.0.0/8"),
            ("10.0.0.0/255.0.0.0", "10.0.0.0/8", "10.0.0.0/8"),
            ("10.0.0.0/0.0.0.0", "0.0.0.0/0", "0.0.0.0/0"),
            ("10.0.0.0/255.0.255.0", "", ""),
            ("10.0.0.1-10.0.0.9", "10.0.0.1-10.0.0.9", "10.0.0.1-10.0.0.9"),
            ("[::1]-[::9]", "", "::1-::9"),
            ("fe80::1%eth0", "fe80::1", "fe80::1"),
            ("10.0.0.1-", "10.0.0.1", "10.0.0.1"),
            ("10.0.0.0/08", "", ""),
            ("10.0.0.0/", "", ""),
        ] {
            for (grammar, plain) in [(Grammar::Netaddr, netaddr), (Grammar::Ipaddr, ipaddr)] {
                let read = Destination::parse(text, true, grammar).map(|d| d.to_string());
                assert_eq!(read.unwrap_or_default(), plain, "{text} as {grammar:?}");
            }
        }
    }

    #[test]
    fn what_is_refused_says_why() {
        for (text, why) in [
            ("", Why::Empty),
            ("10.0.0.1 ", Why::Whitespace),
            ("010.0.0.1", Why::LeadingZero),
            ("::ffff:10.0.0.01", Why::LeadingZero),
            ("10.0.0.0/255.00.0.0", Why::LeadingZero),
            ("10.0.0.9-10.0.0.1", Why::Reversed),
            ("::9-::1", Why::Reversed),
            ("10.0.0.1-::1", Why::NotAnAddress),
            ("10.0.0.0/8-10.0.0.1", Why::NotAnAddress),
            ("-10.0.0.1", Why::NotAnAddress),
            ("-", Why::NotAnAddress),
            ("10.0.0.0/33", Why::NotAnAddress),
            ("10.0.0.0/08", Why::NotAnAddress),
            ("10.0.0.0/", Why::NotAnAddress),
            ("10.0.0.0/0x", Why::NotAnAddress),
            ("10.0.0.0/255.0.255.0", Why::NotAnAddress),
            ("10.0.0", Why::NotAnAddress),
            ("256.0.0.1", Why::NotAnAddress),
            ("::/129", Why::NotAnAddress),
            (":::", Why::NotAnAddress),
            ("1::2::3", Why::NotAnAddress),
            ("1:2:3:4:5:6:7", Why::NotAnAddress),
            ("1:2:3:4:5:6:7:8::", Why::NotAnAddress),
            ("*", Why::NotAnAddress),
        ] {
            assert_eq!(text.parse::<Destination>(), Err(why), "{text}");
        }
        assert_eq!(Destination::parse("::1", false, Grammar::Ipaddr), Err(Why::NotAnAddress));
    }
}
