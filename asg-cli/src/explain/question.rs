//! A packet on the command line.

use std::net::IpAddr;

use asg_core::policy::{Phase, Probe, ProbeTraffic};
use serde_json::{Map, Value, json};

use crate::error::Error;

/// A hypothetical packet: the first of a connection.
///
/// ```
/// use asg_cli::explain::Question;
/// use asg_core::policy::Probe;
///
/// let address = "10.0.11.7".parse().unwrap();
/// assert_eq!(Question::parse("tcp 10.0.11.7:443")?.probe(), Probe::tcp(address, 443));
/// assert_eq!(Question::parse("icmp 10.0.11.7 8/0")?.probe(), Probe::icmp(address, 8, 0));
/// assert!(Question::parse("tcp 10.0.11.7").is_err());
/// # Ok::<(), asg_cli::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    probe: Probe,
    protocol: String,
}

impl Question {
    /// Reads `tcp ADDRESS:PORT`, `udp ADDRESS:PORT`, `icmp ADDRESS TYPE/CODE`, or, for any other
    /// protocol by number or name, `PROTOCOL ADDRESS`. Brackets enclose an IPv6 address before a
    /// port.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for anything else.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::parse_words(text).ok_or_else(|| {
            let what = "is not a packet such as `tcp 10.0.11.7:443` or `icmp 10.0.11.7 8/0`";
            Error::Value(format!("`{text}` {what}"))
        })
    }

    fn parse_words(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let (protocol, target) = (words.next()?.to_ascii_lowercase(), words.next()?);
        let with_port = || {
            let (address, port) = target.rsplit_once(':')?;
            let address = match address.strip_prefix('[') {
                Some(inside) => IpAddr::V6(inside.strip_suffix(']')?.parse().ok()?),
                None => IpAddr::V4(address.parse().ok()?),
            };
            Some((address.to_canonical(), port.parse::<u16>().ok()?))
        };
        let alone = || Some(target.parse::<IpAddr>().ok()?.to_canonical());
        let probe = match ProbeTraffic::protocol_number(&protocol)? {
            6 => with_port().map(|(address, port)| Probe::tcp(address, port))?,
            17 => with_port().map(|(address, port)| Probe::udp(address, port))?,
            1 => {
                let (icmp_type, code) = words.next()?.split_once('/')?;
                Probe::icmp(alone()?, icmp_type.parse().ok()?, code.parse().ok()?)
            }
            other => Probe { destination: alone()?, traffic: ProbeTraffic::Other(other) },
        };
        words.next().is_none().then_some(Self { probe, protocol })
    }

    /// Returns the packet.
    #[must_use]
    pub const fn probe(&self) -> Probe {
        self.probe
    }

    /// Returns the question as a line of JSON, as
    /// [`answer_line`](asg_core::policy::Evaluator::answer_line) takes it.
    #[must_use]
    pub fn to_json(&self, space: Option<&str>, phase: Phase) -> String {
        let mut object = Map::new();
        let mut put = |name: &str, value: Value| object.insert(name.into(), value);
        put("phase", phase.as_str().into());
        put("proto", json!(self.protocol));
        put("dst", self.probe.destination.to_string().into());
        match self.probe.traffic {
            ProbeTraffic::Tcp { port, .. } | ProbeTraffic::Udp { port } => {
                put("dpt", port.into());
            }
            ProbeTraffic::Icmp { icmp_type, code } => {
                put("type", icmp_type.into());
                put("code", code.into());
            }
            ProbeTraffic::Other(_) => {}
        }
        if let Some(space) = space {
            put("space", space.into());
        }
        Value::Object(object).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_packet_is_refused() {
        for text in [
            "",
            "tcp",
            "tcp 10.0.11.7",
            "tcp 10.0.11.7:65536",
            "tcp 2001:db8::1:80",
            "tcp [10.0.0.1]:80",
            "tcp 10.0.11.7:443 more",
            "icmp 10.0.11.7",
            "icmp 10.0.11.7 8",
            "icmp 10.0.11.7 256/0",
            "any 10.0.11.7",
            "tcp example.org:443",
        ] {
            assert!(Question::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_json_asks_for_the_same_packet() {
        let question = Question::parse("ICMP 10.0.11.7 3/1").unwrap();
        let json: Value =
            serde_json::from_str(&question.to_json(Some("s"), Phase::Staging)).unwrap();
        let expected = json!({ "space": "s", "phase": "staging", "proto": "icmp", "dst": "10.0.11.7", "type": 3, "code": 1 });
        assert_eq!(json, expected);
        assert_eq!(
            Question::parse("132 10.0.0.1").unwrap(),
            Question { protocol: "132".into(), ..Question::parse("sctp 10.0.0.1").unwrap() }
        );
    }
}
