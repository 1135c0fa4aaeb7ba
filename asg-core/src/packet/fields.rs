//! The fields of a packet line, named as in the output contract.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Serialize, Serializer};

use super::anchor::Anchor;
use super::extra::Extra;
use super::form::{LineForm, V6Form};
use crate::bytes::text::Text;
use crate::error::Error;
use crate::words::{from_str, words};

/// One line of the kernel's packet logger.
///
/// Every field that a line can lack is an `Option`: `Some` only if the line shows it, nothing is
/// made up. [`Packet::network`] and [`Ip::transport`] show which fields belong together.
///
/// Serialised, it is the flat object of the output contract: [`Packet::in_if`] is `in`,
/// [`Packet::out_if`] is `out`, the fields of [`Ip`] are beside them, and absent fields are left
/// out.
///
/// Source: Linux `net/netfilter/nf_log_syslog.c` (5.13 and later), before that
/// `nf_log_{common,ipv4,ipv6,arp,bridge}.c`, `xt_LOG.c`, `ipt_LOG.c` and `ip6t_LOG.c`;
/// `net/bridge/netfilter/ebt_log.c`. ulogd2 2.0.8 `util/printpkt.c` and its ancestors in ulogd 1.x.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize)]
#[non_exhaustive]
pub struct Packet<'a> {
    /// The kernel logger that wrote the line.
    #[serde(skip_serializing_if = "Format::is_netfilter")]
    pub format: Format,
    /// The text before `IN=`, as the rule has it, with its blanks.
    pub prefix: Text<'a>,
    /// `IN=`: the input interface; empty for packets that a local process sent; `None` if the line
    /// is cut inside it.
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    pub in_if: Option<Text<'a>>,
    /// `OUT=`: the output interface; empty before routing and for packets to this host; `None` if
    /// the line is cut inside it.
    #[serde(rename = "out", skip_serializing_if = "Option::is_none")]
    pub out_if: Option<Text<'a>>,
    /// `PHYSIN=`: the bridge port behind `IN=`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub physin: Option<Text<'a>>,
    /// `PHYSOUT=`: the bridge port behind `OUT=`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub physout: Option<Text<'a>>,
    /// `MAC=`: the link header as it is in memory, `hh:hh:…`; for Ethernet destination, source,
    /// type. May be empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac_raw: Option<Text<'a>>,
    /// `TUNNEL=<this>->…`: the outer source of a SIT tunnel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tunnel_src: Option<Ipv4Addr>,
    /// `TUNNEL=…-><this>`: the outer destination of a SIT tunnel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tunnel_dst: Option<Ipv4Addr>,
    /// `MACSRC=`: the source of the frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub macsrc: Option<MacAddr>,
    /// `MACDST=`: the destination of the frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub macdst: Option<MacAddr>,
    /// `VPROTO=`: the VLAN tag's own ethertype, `8100` or `88a8`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hex4")]
    pub vproto: Option<u16>,
    /// `VID=`: the whole tag control word. The VLAN is `vid & 4095`; the upper bits are priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vid: Option<u16>,
    /// `MACPROTO=`: the ethertype; `PROTO=` of ulogd2 behind a link header.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "hex4")]
    pub macproto: Option<u16>,
    /// The kind of packet.
    pub family: Family,
    /// Everything from `SRC=` to the end of the transport header.
    #[serde(flatten)]
    pub ip: Ip<'a>,
    /// `ARP HTYPE=`: 1 is Ethernet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arp_htype: Option<u16>,
    /// `PTYPE=`: `0x0800` is IPv4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arp_ptype: Option<u16>,
    /// `OPCODE=`: 1 asks, 2 answers. `REQUEST`, `REPLY`, `NAK` or `CODE=` of ulogd2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arp_opcode: Option<u16>,
    /// `MACSRC=` inside the ARP message; `REPLY_MAC=` of ulogd2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arp_macsrc: Option<MacAddr>,
    /// `IPSRC=` inside the ARP message. ulogd2 prints `SRC=`, which is [`Ip::src`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arp_ipsrc: Option<Ipv4Addr>,
    /// `MACDST=` inside the ARP message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arp_macdst: Option<MacAddr>,
    /// `IPDST=` inside the ARP message. ulogd2 prints `DST=`, which is [`Ip::dst`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arp_ipdst: Option<Ipv4Addr>,
    /// `IP tos=` of `ebt_log`: the whole byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tos_byte: Option<u8>,
    /// `IPv6 priority=` of `ebt_log`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// `Next Header=` of `ebt_log`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_header: Option<u8>,
    /// `ebt_log` was asked to log only the link layer.
    #[serde(skip_serializing_if = "is_false")]
    pub l2_only: bool,
    /// `INCOMPLETE TCP/UDP header` of `ebt_log`.
    #[serde(skip_serializing_if = "is_false")]
    pub incomplete_ports: bool,
    /// `UID=`: the owner of the local socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// `GID=`: the group of the local socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    /// `MARK=`: never zero in a kernel's line, because the kernel omits a zero mark; ulogd2 prints
    /// it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<u32>,
    /// The line ends where more was expected: the kernel's buffer or a relay cut it.
    #[serde(skip_serializing_if = "is_false")]
    pub cut: bool,
    /// Details that only rendering needs.
    #[serde(skip)]
    pub form: LineForm,
    /// Text in the line beside the kernel's words.
    #[serde(skip)]
    pub(super) extra: Option<Box<Extra<'a>>>,
}

/// An IP packet: the logged one, or the one quoted inside an ICMP error.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize)]
#[non_exhaustive]
pub struct Ip<'a> {
    /// `SRC=`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub src: Option<Address>,
    /// `DST=`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dst: Option<Address>,
    /// `LEN=`: the whole packet in bytes, header included. More than 65535 for BIG TCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub len: Option<u32>,
    /// `TOS=`: bits `0x1e` of the byte; the kernel masks the others away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tos: Option<u8>,
    /// `PREC=`: bits `0xe0` of the same byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prec: Option<u8>,
    /// `TTL=`: in FORWARD and POSTROUTING already decremented.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u8>,
    /// `ID=` of IPv4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u16>,
    /// `CE`: the reserved bit of the fragment field. It is not ECN's "congestion experienced".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ce: Option<bool>,
    /// `DF`: do not fragment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub df: Option<bool>,
    /// `MF` of IPv4, `INCOMPLETE` of an IPv6 fragment header: more fragments follow. ulogd2 shows
    /// it for IPv4 only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mf: Option<bool>,
    /// `FRAG:`: in units of 8 bytes in IPv4, in bytes in IPv6. The first one, if there are several
    /// fragment headers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frag_offset: Option<u32>,
    /// `ID:` of an IPv6 fragment header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frag_id: Option<u32>,
    /// `OPT (…)` of the IPv4 header, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_opt: Option<Text<'a>>,
    /// `TC=` of IPv6.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tc: Option<u8>,
    /// `HOPLIMIT=` of IPv6.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hoplimit: Option<u8>,
    /// `FLOWLBL=` of IPv6.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flowlbl: Option<u32>,
    /// The IPv6 extension headers that the line shows, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ext: Vec<ExtHeader>,
    /// The extension headers are printed as `OPT ( … )`: the rule has `--log-ip-options`.
    #[serde(skip_serializing_if = "is_false")]
    pub ext_parens: bool,
    /// The protocol by number. `None` behind ulogd2's `PROTO=AH` in IPv6, which it prints for ESP
    /// too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proto_num: Option<u8>,
    /// `PROTO=` as printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proto: Option<Proto>,
    /// `SPT=`. The value that ulogd2 shows for a later IPv4 fragment is not a port; see
    /// [`Ip::ports`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spt: Option<u16>,
    /// `DPT=`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dpt: Option<u16>,
    /// `SEQ=` of TCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u32>,
    /// `ACK=` of TCP, the number. The flag is in [`Ip::flags`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack: Option<u32>,
    /// `WINDOW=`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<u16>,
    /// `RES=`: the reserved bits of TCP. ulogd2 leaves them out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub res: Option<u8>,
    /// The words between `RES=` and `URGP=`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<TcpFlags>,
    /// `URGP=`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub urgp: Option<u16>,
    /// `OPT (…)` of the TCP header, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp_opt: Option<Text<'a>>,
    /// `OPT (TRUNCATED)`.
    #[serde(skip_serializing_if = "is_false")]
    pub tcp_opt_truncated: bool,
    /// The second `LEN=`: the length field of the UDP header, unchecked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub udp_len: Option<u16>,
    /// `TYPE=` of ICMP and `ICMPv6`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_type: Option<u8>,
    /// `CODE=` of ICMP and `ICMPv6`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_code: Option<u8>,
    /// `ID=` of an echo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_id: Option<u16>,
    /// `SEQ=` of an echo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_seq: Option<u16>,
    /// `PARAMETER=` of an ICMP parameter problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<u32>,
    /// `POINTER=` of an `ICMPv6` parameter problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<u32>,
    /// `GATEWAY=` of an ICMP redirect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Ipv4Addr>,
    /// The packet that an ICMP error quotes, printed in brackets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nested: Option<Box<Ip<'a>>>,
    /// `MTU=` of "fragmentation needed" and "packet too big".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// `SPI=` of AH and ESP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spi: Option<u32>,
    /// `INCOMPLETE [n bytes]`: the next header is shorter than it must be. Wraps below zero to 2³².
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<u32>,
    /// `TRUNCATED`: the packet ends inside a header. Also ulogd2's `INCOMPLETE`, which has no
    /// number of bytes.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
}

/// The kernel logger that wrote a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Format {
    /// iptables, ip6tables, nft, conntrack: `nf_log_syslog` and its ancestors.
    #[default]
    Netfilter,
    /// ebtables: `ebt_log`.
    EbtLog,
}

words! {
    "packet" Format "a kernel logger" {
        Netfilter = "netfilter", EbtLog = "ebt_log",
    }
}

impl Format {
    /// Returns whether this is the usual format, which is left out of the output.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    const fn is_netfilter(&self) -> bool {
        matches!(self, Self::Netfilter)
    }
}

/// The kind of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// ARP or RARP.
    Arp,
    /// Something else, or not shown by the line.
    #[default]
    Unknown,
}

words! {
    "packet" Family "a family of packets" {
        Ipv4 = "ipv4", Ipv6 = "ipv6", Arp = "arp", Unknown = "unknown",
    }
}

/// An address in `SRC=` or `DST=`.
///
/// It prints as the kernel prints it: IPv6 in full, 39 characters.
///
/// ```
/// use asg_core::packet::Address;
/// assert_eq!(Address::from("fd00:a::10".parse::<std::net::IpAddr>()?).to_string(),
///     "fd00:000a:0000:0000:0000:0000:0000:0010");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the kernel prints no other kind")]
pub enum Address {
    /// IPv4.
    V4(Ipv4Addr),
    /// IPv6.
    V6(Ipv6Addr),
    /// Nothing follows the `=`: a person blanked it. The kernel never prints that.
    Blank,
}

impl Address {
    /// Parses an address in any form, and an empty text as a blanked one.
    ///
    /// # Errors
    ///
    /// If it is another text; the offset is its start.
    ///
    /// ```
    /// use asg_core::packet::Address;
    /// let address = Address::parse(b"fd00:a::10")?;
    /// assert_eq!(Address::parse(address.to_string().as_bytes()), Ok(address));
    /// assert!(Address::parse(b"10.0.0").is_err());
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        if text.is_empty() {
            return Ok(Self::Blank);
        }
        let ip = std::str::from_utf8(text).ok().and_then(|text| text.parse::<IpAddr>().ok());
        ip.map(Self::from).ok_or(Error::expected(0, "an IP address"))
    }

    /// Returns the address, unless it was blanked.
    ///
    /// ```
    /// use asg_core::packet::Address;
    /// assert_eq!(Address::V4([10, 0, 0, 1].into()).ip(), Some("10.0.0.1".parse()?));
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    #[must_use]
    pub const fn ip(self) -> Option<IpAddr> {
        match self {
            Self::V4(ip) => Some(IpAddr::V4(ip)),
            Self::V6(ip) => Some(IpAddr::V6(ip)),
            Self::Blank => None,
        }
    }
}

from_str!(Address, MacAddr, Proto);

/// ```
/// use std::net::IpAddr;
/// use asg_core::packet::Address;
/// let ip = IpAddr::from([10, 0, 0, 1]);
/// assert_eq!(Option::<IpAddr>::from(Address::from(ip)), Some(ip));
/// ```
impl From<Address> for Option<IpAddr> {
    fn from(address: Address) -> Self {
        address.ip()
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) => Self::V6(ip),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(ip) => ip.fmt(f),
            Self::V6(ip) => V6Form::Full.write(*ip, f),
            Self::Blank => Ok(()),
        }
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// A link address, `hh:hh:hh:hh:hh:hh`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "its fields are all that it can have")]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// Parses six bytes in hexadecimal, of either case, with colons between them.
    ///
    /// # Errors
    ///
    /// If it is another text; the offset is its start.
    ///
    /// ```
    /// use asg_core::packet::MacAddr;
    /// let address = MacAddr::parse(b"4e:b7:a4:74:e2:45")?;
    /// assert_eq!(address, MacAddr([0x4e, 0xb7, 0xa4, 0x74, 0xe2, 0x45]));
    /// assert_eq!(MacAddr::parse(address.to_string().as_bytes()), Ok(address));
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let wrong = Error::expected(0, "a link address, hh:hh:hh:hh:hh:hh");
        let digit = |b: u8| char::from(b).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let mut bytes = [0; 6];
        let mut parts = text.split(|b| *b == b':');
        for byte in &mut bytes {
            let Some(&[high, low]) = parts.next() else { return Err(wrong) };
            let Some((high, low)) = digit(high).zip(digit(low)) else { return Err(wrong) };
            *byte = high << 4 | low;
        }
        if parts.next().is_some() { Err(wrong) } else { Ok(Self(bytes)) }
    }
}

impl From<[u8; 6]> for MacAddr {
    fn from(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }
}

impl From<MacAddr> for [u8; 6] {
    fn from(address: MacAddr) -> Self {
        address.0
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MacAddr({self})")
    }
}

impl Serialize for MacAddr {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// `PROTO=`: a name for the protocols that the kernel opens, a number for the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the number covers all others")]
pub enum Proto {
    /// `TCP`.
    Tcp,
    /// `UDP`.
    Udp,
    /// `UDPLITE`.
    UdpLite,
    /// `ICMP`, of IPv4.
    Icmp,
    /// `ICMPv6`.
    Icmpv6,
    /// `AH`, of IPv4; in IPv6 it is ulogd2's word for both AH and ESP.
    Ah,
    /// `ESP`, of IPv4.
    Esp,
    /// `SCTP`, which ulogd2 names and the kernel does not.
    Sctp,
    /// A number. It can be that of a protocol named above, in the wrong family: ICMP in IPv6 is
    /// `1`.
    Other(u8),
}

impl Proto {
    /// Name and number of the named protocols; where one name begins another, the longer one is
    /// first.
    pub(super) const NAMED: [(Self, &'static str, u8); 8] = [
        (Self::Tcp, "TCP", 6),
        (Self::UdpLite, "UDPLITE", 136),
        (Self::Udp, "UDP", 17),
        (Self::Icmpv6, "ICMPv6", 58),
        (Self::Icmp, "ICMP", 1),
        (Self::Ah, "AH", 51),
        (Self::Esp, "ESP", 50),
        (Self::Sctp, "SCTP", 132),
    ];

    /// Protocols that logs show and that the kernel prints as a number only.
    const NUMBERED: [(&'static str, u8); 5] =
        [("IGMP", 2), ("GRE", 47), ("OSPF", 89), ("PIM", 103), ("VRRP", 112)];

    /// Parses what `PROTO=` shows, which is what this displays: a name or a number.
    ///
    /// # Errors
    ///
    /// If it is another text; the offset is its start.
    ///
    /// ```
    /// use asg_core::packet::Proto;
    /// assert_eq!((Proto::parse(b"TCP")?, Proto::parse(b"47")?), (Proto::Tcp, Proto::Other(47)));
    /// assert!(Proto::parse(b"tcp").is_err(), "see `Proto::named`");
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let named = Self::NAMED.iter().find(|(_, name, _)| name.as_bytes() == text);
        let number = || std::str::from_utf8(text).ok()?.parse().ok().map(Self::Other);
        let is_number = text.iter().all(u8::is_ascii_digit);
        let found = named.map(|(proto, ..)| *proto).or_else(|| number().filter(|_| is_number));
        found.ok_or(Error::expected(0, "a protocol, such as TCP or 47"))
    }

    /// Returns the name of the protocol, also where the line shows its number; `None` if it is not
    /// one of those that logs usually show.
    ///
    /// ```
    /// use asg_core::packet::Proto;
    /// assert_eq!(Proto::Other(132).name(), Some("SCTP"));
    /// assert_eq!(Proto::Other(132).to_string(), "132", "as the kernel prints it");
    /// assert_eq!(Proto::Other(200).name(), None);
    /// ```
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        let number = self.number();
        let named = Self::NAMED.iter().find(|(_, _, n)| *n == number).map(|(_, name, _)| *name);
        let numbered = || Self::NUMBERED.iter().find(|(_, n)| *n == number).map(|(name, _)| *name);
        named.or_else(numbered)
    }

    /// Returns the protocol with this name, in any case.
    ///
    /// ```
    /// use asg_core::packet::Proto;
    /// assert_eq!(Proto::named("gre"), Some(Proto::Other(47)));
    /// ```
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let named = Self::NAMED.iter().find(|(_, it, _)| it.eq_ignore_ascii_case(name));
        let numbered = Self::NUMBERED.iter().find(|(it, _)| it.eq_ignore_ascii_case(name));
        named.map(|(proto, ..)| *proto).or(numbered.map(|(_, number)| Self::Other(*number)))
    }

    /// Returns the number that IANA assigned.
    ///
    /// ```
    /// use asg_core::packet::Proto;
    /// assert_eq!((Proto::Tcp.number(), Proto::Other(47).number()), (6, 47));
    /// ```
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Other(n) => n,
            named => Self::NAMED.iter().find(|(p, ..)| *p == named).map_or(0, |&(_, _, n)| n),
        }
    }
}

impl fmt::Display for Proto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(n) => fmt::Display::fmt(n, f),
            named => f.pad(
                Self::NAMED.iter().find(|(p, ..)| p == named).map_or("", |&(_, name, _)| name),
            ),
        }
    }
}

impl Serialize for Proto {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// The flags of a TCP header.
///
/// ```
/// use asg_core::packet::TcpFlags;
/// let flags = TcpFlags::SYN | TcpFlags::ACK;
/// assert!(flags.contains(TcpFlags::SYN));
/// assert_eq!(flags.names().collect::<Vec<_>>(), ["ACK", "SYN"], "in the kernel's order");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TcpFlags(u16);

impl TcpFlags {
    /// Returns a bit for each flag.
    pub(super) const fn bits(self) -> u16 {
        self.0
    }

    /// Accurate ECN; kernels that do not know it show it in [`Ip::res`].
    pub const AE: Self = Self(1);
    /// Congestion window reduced.
    pub const CWR: Self = Self(1 << 1);
    /// ECN echo.
    pub const ECE: Self = Self(1 << 2);
    /// The urgent pointer counts.
    pub const URG: Self = Self(1 << 3);
    /// The acknowledgement number counts.
    pub const ACK: Self = Self(1 << 4);
    /// Push.
    pub const PSH: Self = Self(1 << 5);
    /// Reset.
    pub const RST: Self = Self(1 << 6);
    /// Synchronise: a connection begins.
    pub const SYN: Self = Self(1 << 7);
    /// No more data.
    pub const FIN: Self = Self(1 << 8);

    /// All flags with their words, in the order in which the kernel prints them.
    pub(super) const ALL: [(Self, &'static str); 9] = [
        (Self::AE, "AE"),
        (Self::CWR, "CWR"),
        (Self::ECE, "ECE"),
        (Self::URG, "URG"),
        (Self::ACK, "ACK"),
        (Self::PSH, "PSH"),
        (Self::RST, "RST"),
        (Self::SYN, "SYN"),
        (Self::FIN, "FIN"),
    ];

    /// Returns whether all of `other` are set here.
    ///
    /// ```
    /// use asg_core::packet::TcpFlags;
    /// assert!(TcpFlags::SYN.contains(TcpFlags::SYN) && !TcpFlags::SYN.contains(TcpFlags::ACK));
    /// ```
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns the words, in the kernel's order.
    ///
    /// ```
    /// use asg_core::packet::TcpFlags;
    /// assert_eq!(TcpFlags::SYN.names().collect::<Vec<_>>(), ["SYN"]);
    /// ```
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().filter(move |(flag, _)| self.contains(*flag)).map(|(_, name)| name)
    }
}

impl std::ops::BitOr for TcpFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl std::ops::BitOrAssign for TcpFlags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl Serialize for TcpFlags {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.names())
    }
}

/// An IPv6 extension header, as far as a line shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExtHeader {
    /// `OPT ( )`: hop-by-hop, routing or destination options. The line does not show which of the
    /// three.
    Options,
    /// `OPT ( )` at the end of a line: such a header behind a later fragment, where the kernel
    /// stops.
    OptionsCut,
    /// A fragment header.
    Fragment {
        /// In bytes.
        offset: u32,
        /// More fragments follow; `None` in lines of ulogd2, which do not show it.
        more: Option<bool>,
        /// Identification.
        id: u32,
    },
    /// `FRAG:TRUNCATED`.
    FragmentTruncated,
    /// `AH SPI=…`.
    Ah(u32),
    /// `AH INCOMPLETE [n bytes]`.
    AhIncomplete(u32),
    /// `AH` behind a later fragment, where the kernel stops.
    AhCut,
    /// `ESP SPI=…`.
    Esp(u32),
    /// `ESP INCOMPLETE [n bytes]`.
    EspIncomplete(u32),
    /// `ESP` behind a later fragment, where the kernel stops.
    EspCut,
}

impl ExtHeader {
    /// Returns the header's protocol number, if the line shows it.
    ///
    /// ```
    /// use asg_core::packet::ExtHeader;
    /// assert_eq!(ExtHeader::Options.number(), None, "the line does not show which of three");
    /// ```
    #[must_use]
    pub const fn number(self) -> Option<u8> {
        match self {
            Self::Options | Self::OptionsCut => None,
            Self::Fragment { .. } | Self::FragmentTruncated => Some(44),
            Self::Ah(_) | Self::AhIncomplete(_) | Self::AhCut => Some(51),
            Self::Esp(_) | Self::EspIncomplete(_) | Self::EspCut => Some(50),
        }
    }

    /// Returns whether the kernel stops behind this header.
    pub(super) const fn ends_the_line(self) -> bool {
        !matches!(self, Self::Options | Self::Fragment { .. } | Self::Ah(_))
    }
}

impl Serialize for ExtHeader {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = s.serialize_map(None)?;
        if let Some(number) = self.number() {
            map.serialize_entry("hdr", &number)?;
        }
        match self {
            Self::Options => {}
            Self::Fragment { offset, more, id } => {
                map.serialize_entry("frag_offset", offset)?;
                if let Some(more) = more {
                    map.serialize_entry("mf", more)?;
                }
                map.serialize_entry("frag_id", id)?;
            }
            Self::FragmentTruncated => map.serialize_entry("truncated", &true)?,
            Self::Ah(spi) | Self::Esp(spi) => map.serialize_entry("spi", spi)?,
            Self::AhIncomplete(n) | Self::EspIncomplete(n) => {
                map.serialize_entry("incomplete", n)?;
            }
            Self::OptionsCut | Self::AhCut | Self::EspCut => map.serialize_entry("cut", &true)?,
        }
        map.end()
    }
}

impl<'a> Packet<'a> {
    pub(super) fn at(anchor: Anchor<'a>) -> Self {
        Self {
            format: anchor.format,
            prefix: Text::new(anchor.prefix),
            in_if: anchor.in_if.map(Text::new),
            physin: anchor.physin.map(Text::new),
            out_if: anchor.out_if.map(Text::new),
            form: LineForm { physin_first: anchor.physin.is_some(), ..LineForm::default() },
            ..Self::default()
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_false(b: &bool) -> bool {
    !*b
}

/// Ethertypes are serialised as they are printed: four digits, no `0x`.
#[expect(clippy::ref_option, reason = "serde's signature")]
fn hex4<S: Serializer>(value: &Option<u16>, s: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => s.collect_str(&format_args!("{value:04x}")),
        None => s.serialize_none(),
    }
}
