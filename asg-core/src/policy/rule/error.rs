//! Errors of rules, as data.

use std::fmt;

/// An error of a rule: the key, and the reason.
///
/// ```
/// use asg_core::policy::{Key, Rule, Why};
///
/// let err = Rule::parse(br#"{"protocol":"udp","destination":"10.0.0.1","ports":"0"}"#).unwrap_err();
/// assert_eq!((&err.key, err.why), (&Key::Ports, Why::NotPorts));
/// assert_eq!(err.to_string(), "`ports` is not a port, list of ports or range of ports from 1 to 65535");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RuleError {
    /// The key.
    pub key: Key,
    /// The reason.
    pub why: Why,
}

/// A key of a rule, or the rule itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Key {
    /// The rule as a whole.
    Rule,
    /// `protocol`
    Protocol,
    /// `destination`
    Destination,
    /// `ports`
    Ports,
    /// `type`
    Type,
    /// `code`
    Code,
    /// `log`
    Log,
    /// `description`
    Description,
    /// A key that no rule has.
    Unknown(String),
}

impl Key {
    pub(in crate::policy) fn named(name: &str) -> Self {
        match name {
            "protocol" => Self::Protocol,
            "destination" => Self::Destination,
            "ports" => Self::Ports,
            "type" => Self::Type,
            "code" => Self::Code,
            "log" => Self::Log,
            "description" => Self::Description,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

/// The reason why a key is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Why {
    /// It is not JSON, or not an object.
    NotAnObject,
    /// It is missing, and required.
    Missing,
    /// It is present, and not allowed: no rule has it, or not one of this protocol.
    NotAllowed,
    /// It is not a string, nor null where the key may be left out.
    NotAString,
    /// It is not true or false.
    NotABoolean,
    /// It is not one of `tcp`, `udp`, `icmp`, `icmpv6` and `all`.
    UnknownProtocol,
    /// It is empty.
    Empty,
    /// It contains a blank.
    Whitespace,
    /// An octet begins with a zero.
    LeadingZero,
    /// It is not an address, block or range, or of IPv6 where that is not enabled.
    NotAnAddress,
    /// The range ends before it begins.
    Reversed,
    /// It is a list, and lists are not enabled.
    ListNotEnabled,
    /// There are more than 6000.
    TooMany,
    /// It is of the IP version that this protocol does not have.
    WrongFamily,
    /// It needs IPv6, which is not enabled.
    Ipv6NotEnabled,
    /// It is not a port, list or range of ports.
    NotPorts,
    /// It is not a whole number from -1 to 255.
    NotAnIcmpNumber,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnObject => "is not a JSON object",
            Self::Missing => "is missing",
            Self::NotAllowed => "is not allowed here",
            Self::NotAString => "is not a string",
            Self::NotABoolean => "is neither true nor false",
            Self::UnknownProtocol => "is none of tcp, udp, icmp, icmpv6 and all",
            Self::Empty => "is empty, or has an empty part",
            Self::Whitespace => "has a blank in it",
            Self::LeadingZero => "has an octet that begins with a zero",
            Self::NotAnAddress => "is not an address, block or range",
            Self::Reversed => "is a range that ends before it begins",
            Self::ListNotEnabled => "is a list, which is not enabled",
            Self::TooMany => "has more than 6000 parts",
            Self::WrongFamily => "is of the IP version that the protocol does not have",
            Self::Ipv6NotEnabled => "needs IPv6, which is not enabled",
            Self::NotPorts => "is not a port, list of ports or range of ports from 1 to 65535",
            Self::NotAnIcmpNumber => "is not a whole number from -1 to 255",
        })
    }
}

impl std::error::Error for Why {}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule => f.write_str("the rule"),
            Self::Protocol => f.write_str("`protocol`"),
            Self::Destination => f.write_str("`destination`"),
            Self::Ports => f.write_str("`ports`"),
            Self::Type => f.write_str("`type`"),
            Self::Code => f.write_str("`code`"),
            Self::Log => f.write_str("`log`"),
            Self::Description => f.write_str("`description`"),
            Self::Unknown(name) => write!(f, "`{}`", name.escape_debug()),
        }
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.why)
    }
}

impl std::error::Error for RuleError {}
