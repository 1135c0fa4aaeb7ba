//! A packet as the rules see it.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A packet on its way out of a container: the properties that rules can check.
///
/// ```
/// use asg_core::policy::{Opening, Probe, ProbeTraffic};
///
/// let probe = Probe::tcp("10.0.11.7".parse()?, 443);
/// assert_eq!(probe.traffic, ProbeTraffic::Tcp { port: 443, opening: Opening::New });
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_structs, reason = "callers write it as a literal")]
pub struct Probe {
    /// The destination.
    pub destination: IpAddr,
    /// The protocol and its properties.
    pub traffic: ProbeTraffic,
}

/// A map of answers hashes a probe for each packet: two numbers cost less than all parts.
impl Hash for Probe {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let kind = match self.traffic {
            ProbeTraffic::Tcp { opening, .. } => 1 + opening as u64,
            ProbeTraffic::Udp { .. } => 4,
            ProbeTraffic::Icmp { .. } => 5,
            ProbeTraffic::Other(number) => 6 + u64::from(number),
        };
        let traffic = kind << 16 | u64::from(self.point());
        match self.destination {
            IpAddr::V4(address) => state.write_u64(traffic << 32 | u64::from(address.to_bits())),
            IpAddr::V6(address) => {
                state.write_u64(traffic);
                state.write_u128(address.to_bits());
            }
        }
    }
}

/// The protocol of a packet, with the properties that rules can check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the number covers all others")]
pub enum ProbeTraffic {
    /// TCP.
    Tcp {
        /// The destination port.
        port: u16,
        /// The meaning of its flags to a kernel that knows no connection for the packet.
        opening: Opening,
    },
    /// UDP.
    Udp {
        /// The destination port.
        port: u16,
    },
    /// ICMP of IPv4.
    Icmp {
        /// The type.
        icmp_type: u8,
        /// The code.
        code: u8,
    },
    /// Any other protocol, by its number.
    Other(u8),
}

/// The protocols that have a name, as the kernel prints it.
const PROTOCOLS: [(&str, u8); 10] = [
    ("ICMP", 1),
    ("IGMP", 2),
    ("TCP", 6),
    ("UDP", 17),
    ("GRE", 47),
    ("ESP", 50),
    ("AH", 51),
    ("ICMPv6", 58),
    ("SCTP", 132),
    ("UDPLITE", 136),
];

impl ProbeTraffic {
    /// Returns the number of a protocol by its name, in capitals or not, or by the number itself.
    ///
    /// ```
    /// use asg_core::policy::ProbeTraffic;
    /// let number = ProbeTraffic::protocol_number;
    /// assert_eq!((number("sctp"), number("6"), number("any")), (Some(132), Some(6), None));
    /// ```
    #[must_use]
    pub fn protocol_number(name: &str) -> Option<u8> {
        let known = PROTOCOLS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map(|(_, number)| *number).or_else(|| name.parse().ok())
    }

    /// Returns the number of the protocol.
    ///
    /// ```
    /// use asg_core::policy::Probe;
    /// assert_eq!(Probe::udp("10.0.0.1".parse()?, 53).traffic.protocol(), 17);
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    #[must_use]
    pub const fn protocol(self) -> u8 {
        match self {
            Self::Tcp { .. } => 6,
            Self::Udp { .. } => 17,
            Self::Icmp { .. } => 1,
            Self::Other(number) => number,
        }
    }
}

/// The meaning of a TCP packet to a kernel that knows no connection for it.
///
/// Source: `tcp_conntracks` and `get_conntrack_index` of Linux' `nf_conntrack_proto_tcp.c`, with
/// `nf_conntrack_tcp_loose` on, as it is by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "callers treat each")]
pub enum Opening {
    /// A new connection: SYN alone.
    New,
    /// A connection whose beginning was not seen: ACK without SYN, which counts as new.
    PickUp,
    /// Neither: RST, SYN with ACK, FIN, or no flag.
    Invalid,
}

impl Opening {
    /// Classifies the flags of a TCP packet.
    ///
    /// ```
    /// use asg_core::policy::Opening;
    ///
    /// assert_eq!(Opening::of(true, false, false, false), Opening::New);
    /// assert_eq!(Opening::of(false, true, false, false), Opening::PickUp);
    /// assert_eq!(Opening::of(true, true, false, false), Opening::Invalid);
    /// ```
    #[must_use]
    #[expect(
        clippy::fn_params_excessive_bools,
        reason = "they are the flags, in the order of the sentence"
    )]
    pub const fn of(syn: bool, ack: bool, rst: bool, fin: bool) -> Self {
        match (syn, ack, rst || fin) {
            (true, false, false) => Self::New,
            (false, true, false) => Self::PickUp,
            _ => Self::Invalid,
        }
    }
}

/// The protocols between which rules distinguish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Class {
    Tcp,
    Udp,
    Icmp,
    Other,
}

impl Class {
    pub(super) const ALL: [Self; 4] = [Self::Tcp, Self::Udp, Self::Icmp, Self::Other];
}

impl Probe {
    /// Creates the first packet of a TCP connection.
    ///
    /// ```
    /// use asg_core::policy::Probe;
    /// assert_eq!(Probe::tcp("10.0.0.1".parse()?, 443).traffic.protocol(), 6);
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    #[must_use]
    pub const fn tcp(destination: IpAddr, port: u16) -> Self {
        Self { destination, traffic: ProbeTraffic::Tcp { port, opening: Opening::New } }
    }

    /// Creates a UDP packet.
    ///
    /// ```
    /// use asg_core::policy::Probe;
    /// assert_eq!(Probe::udp("10.0.0.1".parse()?, 53).traffic.protocol(), 17);
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    #[must_use]
    pub const fn udp(destination: IpAddr, port: u16) -> Self {
        Self { destination, traffic: ProbeTraffic::Udp { port } }
    }

    /// Creates an ICMP packet.
    ///
    /// ```
    /// use asg_core::policy::Probe;
    /// assert_eq!(Probe::icmp("10.0.0.1".parse()?, 8, 0).traffic.protocol(), 1);
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    #[must_use]
    pub const fn icmp(destination: IpAddr, icmp_type: u8, code: u8) -> Self {
        Self { destination, traffic: ProbeTraffic::Icmp { icmp_type, code } }
    }

    /// Returns whether this is a TCP packet that belongs to no connection and begins none.
    #[must_use]
    pub const fn is_invalid(&self) -> bool {
        matches!(self.traffic, ProbeTraffic::Tcp { opening: Opening::Invalid, .. })
    }

    /// Returns whether this is a TCP packet of a connection whose beginning was not seen.
    #[must_use]
    pub const fn is_pick_up(&self) -> bool {
        matches!(self.traffic, ProbeTraffic::Tcp { opening: Opening::PickUp, .. })
    }

    pub(super) const fn class(&self) -> Class {
        match self.traffic {
            ProbeTraffic::Tcp { .. } => Class::Tcp,
            ProbeTraffic::Udp { .. } => Class::Udp,
            ProbeTraffic::Icmp { .. } => Class::Icmp,
            ProbeTraffic::Other(_) => Class::Other,
        }
    }

    /// Returns the port; type and code for ICMP, 0 for other protocols.
    pub(super) const fn point(&self) -> u16 {
        match self.traffic {
            ProbeTraffic::Tcp { port, .. } | ProbeTraffic::Udp { port } => port,
            ProbeTraffic::Icmp { icmp_type, code } => u16::from_be_bytes([icmp_type, code]),
            ProbeTraffic::Other(_) => 0,
        }
    }
}

/// `{"proto":"TCP","dst":"10.0.11.7","dpt":443}`; ICMP has `icmp_type` and `icmp_code`.
impl Serialize for Probe {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let number = self.traffic.protocol();
        match PROTOCOLS.iter().find(|(_, known)| *known == number) {
            Some((name, _)) => map.serialize_entry("proto", name)?,
            None => map.serialize_entry("proto", &number.to_string())?,
        }
        map.serialize_entry("dst", &self.destination)?;
        match self.traffic {
            ProbeTraffic::Tcp { port, .. } | ProbeTraffic::Udp { port } => {
                map.serialize_entry("dpt", &port)?;
            }
            ProbeTraffic::Icmp { icmp_type, code } => {
                map.serialize_entry("icmp_type", &icmp_type)?;
                map.serialize_entry("icmp_code", &code)?;
            }
            ProbeTraffic::Other(_) => {}
        }
        map.end()
    }
}
