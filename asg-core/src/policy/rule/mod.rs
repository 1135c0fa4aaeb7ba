//! Rules of security groups as types, and the verdicts of Cloud Controllers on them.
//!
//! In JSON a rule is an object with the keys `protocol`, `destination`, `ports`, `type`, `code`,
//! `log` and `description` (`cloud_controller_ng`, API 3.228.0, `docs/v3`, "Security group rules",
//! and its validators, which are more tolerant than that page). [`Rule::parse`] parses every rule
//! that a foundation can have stored; [`check`] returns the verdicts of one Cloud Controller on a
//! new rule.

mod address;
mod check;
mod error;
mod ports;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;

use crate::words::words;
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

pub(super) use address::split as ruby_split;
pub use address::{Destination, Grammar};
pub use check::{ValidatorSettings, Verdicts, check};
pub use error::{Key, RuleError, Why};
pub use ports::Ports;

/// A rule of a security group, as Cloud Controller means it: it allows this traffic to these
/// destinations.
///
/// Cells may enforce it differently: see
/// [`StoredRule::enforceable`](super::StoredRule::enforceable).
///
/// ```
/// use asg_core::policy::{Rule, Traffic};
///
/// let rule = Rule::parse(
///     br#"{"protocol":"tcp","destination":"10.0.11.0/24,192.168.0.1-192.168.0.9","ports":"80, 443,","log":true}"#,
/// )?;
/// assert!(matches!(&rule.traffic, Traffic::Tcp(ports) if ports.contains(443)));
/// assert!(rule.contains("192.168.0.7".parse().unwrap()));
/// assert_eq!(rule.to_string(), "tcp 10.0.11.0/24,192.168.0.1-192.168.0.9 80,443 log");
/// assert_eq!(Rule::parse(rule.to_json().as_bytes())?, rule);
/// # Ok::<(), asg_core::policy::RuleError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct Rule {
    /// The traffic.
    pub traffic: Traffic,
    /// The destinations; at least one, in the order of the rule.
    pub destinations: Vec<Destination>,
    /// Whether the first packet of each connection is logged.
    pub log: bool,
    /// A description for people.
    pub description: Option<String>,
}

/// Protocols, each with the limits that rules can set for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Traffic {
    /// `all`: every protocol and port.
    All,
    /// `tcp`, to these ports.
    Tcp(Ports),
    /// `udp`, to these ports.
    Udp(Ports),
    /// `icmp`, of IPv4.
    Icmp(IcmpKind),
    /// `icmpv6`.
    Icmpv6(IcmpKind),
}

/// A set of ICMP messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct IcmpKind {
    /// The type; `None` for any, in JSON -1.
    pub icmp_type: Option<u8>,
    /// The code; `None` for any, in JSON -1.
    pub code: Option<u8>,
}

/// The names of protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// `all`
    All,
    /// `tcp`
    Tcp,
    /// `udp`
    Udp,
    /// `icmp`
    Icmp,
    /// `icmpv6`
    Icmpv6,
}

words! {
    "policy" Protocol "a protocol" {
        All = "all", Tcp = "tcp", Udp = "udp", Icmp = "icmp", Icmpv6 = "icmpv6",
    }
}

impl Traffic {
    /// Returns its protocol.
    ///
    /// ```
    /// # use asg_core::policy::Rule;
    /// let json = br#"{"protocol":"tcp","destination":"10.0.0.1","ports":"443"}"#;
    /// let rule = Rule::parse(json).unwrap();
    /// assert_eq!(rule.traffic.protocol(), asg_core::policy::Protocol::Tcp);
    /// ```
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        match self {
            Self::All => Protocol::All,
            Self::Tcp(_) => Protocol::Tcp,
            Self::Udp(_) => Protocol::Udp,
            Self::Icmp(_) => Protocol::Icmp,
            Self::Icmpv6(_) => Protocol::Icmpv6,
        }
    }

    /// Returns its ports; `None` if it has no such limit.
    ///
    /// ```
    /// # use asg_core::policy::Rule;
    /// let json = br#"{"protocol":"tcp","destination":"10.0.0.1","ports":"443"}"#;
    /// let rule = Rule::parse(json).unwrap();
    /// assert!(rule.traffic.ports().unwrap().contains(443));
    /// ```
    #[must_use]
    pub const fn ports(&self) -> Option<&Ports> {
        match self {
            Self::Tcp(ports) | Self::Udp(ports) => Some(ports),
            Self::All | Self::Icmp(_) | Self::Icmpv6(_) => None,
        }
    }

    /// Returns its types and codes of ICMP; `None` if it is not ICMP.
    ///
    /// ```
    /// # use asg_core::policy::Rule;
    /// let json = br#"{"protocol":"tcp","destination":"10.0.0.1","ports":"443"}"#;
    /// let rule = Rule::parse(json).unwrap();
    /// assert!(rule.traffic.icmp().is_none());
    /// ```
    #[must_use]
    pub const fn icmp(&self) -> Option<IcmpKind> {
        match self {
            Self::Icmp(kind) | Self::Icmpv6(kind) => Some(*kind),
            Self::All | Self::Tcp(_) | Self::Udp(_) => None,
        }
    }
}

impl Rule {
    /// Parses a rule in JSON, in any spelling that a Cloud Controller of any settings can have
    /// stored.
    ///
    /// That is more than a new one accepts: `log` and `description` may be null, and ICMP of one IP
    /// version may go to addresses of the other. Members that a protocol does not have (`ports` of
    /// ICMP, `type` of TCP) are left out, as when rules are sent to Diego.
    ///
    /// # Errors
    ///
    /// The first fault. A key that no rule has is an error too: it might narrow the rule down.
    ///
    /// ```
    /// use asg_core::policy::Rule;
    /// let json = br#"{"protocol":"tcp","destination":"10.0.0.1","ports":"443"}"#;
    /// assert!(Rule::parse(json)?.contains("10.0.0.1".parse().unwrap()));
    /// assert!(Rule::parse(b"{}").is_err());
    /// # Ok::<(), asg_core::policy::RuleError>(())
    /// ```
    pub fn parse(json: &[u8]) -> Result<Self, RuleError> {
        let value = serde_json::from_slice(json);
        Self::from_value(&value.unwrap_or(Value::Null))
    }

    /// Returns the rule in JSON, in its usual spelling.
    ///
    /// ```
    /// # use asg_core::policy::Rule;
    /// let json = br#"{"protocol":"tcp","destination":"10.0.0.1","ports":"443"}"#;
    /// let rule = Rule::parse(json).unwrap();
    /// assert_eq!(Rule::parse(rule.to_json().as_bytes()).unwrap(), rule);
    /// ```
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "such a map is JSON")]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a map of strings, numbers and booleans")
    }

    /// Returns whether the address is one of the destinations.
    ///
    /// ```
    /// # use asg_core::policy::Rule;
    /// let json = br#"{"protocol":"tcp","destination":"10.0.0.1","ports":"443"}"#;
    /// let rule = Rule::parse(json).unwrap();
    /// assert!(rule.contains("10.0.0.1".parse().unwrap()));
    /// assert!(!rule.contains("10.0.0.2".parse().unwrap()));
    /// ```
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.destinations.iter().any(|destination| destination.contains(address))
    }

    fn from_value(value: &Value) -> Result<Self, RuleError> {
        let not_an_object = RuleError { key: Key::Rule, why: Why::NotAnObject };
        value.as_object().ok_or(not_an_object).and_then(Self::from_object)
    }

    pub(super) fn from_object(rule: &Map<String, Value>) -> Result<Self, RuleError> {
        let error = |key, why| RuleError { key, why };
        let unknown = rule.keys().map(|key| Key::named(key));
        if let Some(key) = unknown.into_iter().find(|key| matches!(key, Key::Unknown(_))) {
            return Err(error(key, Why::NotAllowed));
        }
        let text = |name| match rule.get(name) {
            None | Some(Value::Null) => Err(error(Key::named(name), Why::Missing)),
            Some(value) => value.as_str().ok_or(error(Key::named(name), Why::NotAString)),
        };
        let ports = || {
            let ports = text("ports")?.parse();
            ports.map_err(|why| error(Key::Ports, why))
        };
        let traffic = match text("protocol")? {
            "all" => match rule.get("ports") {
                None | Some(Value::Null | Value::Bool(false)) => Traffic::All,
                Some(_) => return Err(error(Key::Ports, Why::NotAllowed)),
            },
            "tcp" => Traffic::Tcp(ports()?),
            "udp" => Traffic::Udp(ports()?),
            "icmp" => Traffic::Icmp(icmp_kind(rule)?),
            "icmpv6" => Traffic::Icmpv6(icmp_kind(rule)?),
            _ => return Err(error(Key::Protocol, Why::UnknownProtocol)),
        };
        let destinations =
            text("destination")?.split(',').map(str::parse).collect::<Result<_, _>>();
        let log = match rule.get("log") {
            None | Some(Value::Null) => false,
            Some(log) => log.as_bool().ok_or(error(Key::Log, Why::NotABoolean))?,
        };
        let description = match rule.get("description") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => return Err(error(Key::Description, Why::NotAString)),
        };
        let destinations = destinations.map_err(|why| error(Key::Destination, why))?;
        Ok(Self { traffic, destinations, log, description })
    }

    fn destinations_text(&self) -> String {
        self.destinations.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }
}

fn icmp_kind(rule: &Map<String, Value>) -> Result<IcmpKind, RuleError> {
    let number = |name| {
        let error = |why| RuleError { key: Key::named(name), why };
        let value = rule.get(name).filter(|value| !value.is_null());
        let number = check::icmp_number(value.ok_or(error(Why::Missing))?);
        // Among the numbers from -1 to 255, only -1 does not fit.
        Ok(u8::try_from(number.ok_or(error(Why::NotAnIcmpNumber))?).ok())
    };
    Ok(IcmpKind { icmp_type: number("type")?, code: number("code")? })
}

/// The rule in one line, for people.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.traffic.protocol().as_str(), self.destinations_text())?;
        if let Some(ports) = self.traffic.ports() {
            write!(f, " {ports}")?;
        }
        if let Some(IcmpKind { icmp_type, code }) = self.traffic.icmp() {
            let number = |n: Option<u8>| n.map_or("any".to_owned(), |n| n.to_string());
            write!(f, " type {} code {}", number(icmp_type), number(code))?;
        }
        f.write_str(if self.log { " log" } else { "" })
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("protocol", self.traffic.protocol().as_str())?;
        map.serialize_entry("destination", &self.destinations_text())?;
        if let Some(ports) = self.traffic.ports() {
            map.serialize_entry("ports", &ports.to_string())?;
        }
        if let Some(IcmpKind { icmp_type, code }) = self.traffic.icmp() {
            map.serialize_entry("type", &icmp_type.map_or(-1, i16::from))?;
            map.serialize_entry("code", &code.map_or(-1, i16::from))?;
        }
        if self.log {
            map.serialize_entry("log", &true)?;
        }
        if let Some(description) = &self.description {
            map.serialize_entry("description", description)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::from_value(&value).map_err(serde::de::Error::custom)
    }
}
