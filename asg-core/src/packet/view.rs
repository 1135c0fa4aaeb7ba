//! Views of a packet as headers. The flat fields show the words of the line; these views show what
//! they mean together.

use std::net::IpAddr;

use super::fields::{Address, ExtHeader, Family, Ip, MacAddr, Packet, Proto, TcpFlags};

/// The network header of a packet.
///
/// ```
/// use asg_core::Packet;
/// use asg_core::packet::Network;
///
/// let packet = Packet::parse(b"IN=x OUT= SRC=10.0.16.5 DST=10.0.16.20 LEN=28 TOS=0x00 PREC=0x00 TTL=64 ID=7 PROTO=2 ")?;
/// let Some(Network::Ipv4 { ttl, fragment, .. }) = packet.network() else { panic!() };
/// assert_eq!((ttl, fragment), (64, false));
/// # Ok::<(), asg_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Network {
    /// IPv4.
    #[non_exhaustive]
    Ipv4 {
        /// Source.
        src: Address,
        /// Destination.
        dst: Address,
        /// Length in bytes, header included.
        len: u32,
        /// Time to live.
        ttl: u8,
        /// Identification.
        id: u16,
        /// It is one of several fragments.
        fragment: bool,
    },
    /// IPv6.
    #[non_exhaustive]
    Ipv6 {
        /// Source.
        src: Address,
        /// Destination.
        dst: Address,
        /// Length in bytes, header included; 40 for BIG TCP.
        len: u32,
        /// Hop limit.
        hop_limit: u8,
        /// Flow label.
        flow_label: u32,
        /// It is one of several fragments.
        fragment: bool,
    },
    /// ARP or RARP.
    #[non_exhaustive]
    Arp {
        /// 1 asks, 2 answers.
        opcode: u16,
        /// The sender's link and IP address, where the message is about Ethernet and IPv4. ulogd2
        /// shows both for an answer only; [`Ip::src`] is the sender's IP address in all its lines.
        sender: Option<(MacAddr, IpAddr)>,
        /// The target's.
        target: Option<(MacAddr, IpAddr)>,
    },
}

/// The transport header of a packet.
///
/// ```
/// use asg_core::Packet;
/// use asg_core::packet::{TcpFlags, Transport};
///
/// let packet = Packet::parse(b"IN=x OUT= SRC=10.0.16.5 DST=10.0.16.20 LEN=40 TOS=0x00 PREC=0x00 TTL=64 ID=7 \
///     PROTO=TCP SPT=5 DPT=80 WINDOW=1024 RES=0x00 SYN URGP=0 ")?;
/// let Some(Transport::Tcp { dst_port: 80, flags, .. }) = packet.ip.transport() else { panic!() };
/// assert_eq!(flags, TcpFlags::SYN);
/// # Ok::<(), asg_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport<'p, 'a> {
    /// TCP.
    #[non_exhaustive]
    Tcp {
        /// Source port.
        src_port: u16,
        /// Destination port.
        dst_port: u16,
        /// Flags.
        flags: TcpFlags,
        /// Window, unscaled.
        window: u16,
    },
    /// UDP or UDP-Lite.
    #[non_exhaustive]
    Udp {
        /// Source port.
        src_port: u16,
        /// Destination port.
        dst_port: u16,
        /// Length that the header states; for UDP-Lite its checksum coverage.
        len: u16,
        /// UDP-Lite.
        lite: bool,
    },
    /// SCTP, in lines of ulogd2.
    #[non_exhaustive]
    Sctp {
        /// Source port.
        src_port: u16,
        /// Destination port.
        dst_port: u16,
    },
    /// ICMP or `ICMPv6`.
    #[non_exhaustive]
    Icmp {
        /// Type.
        ty: u8,
        /// Code.
        code: u8,
        /// The content of the message, as far as the line shows it.
        message: Icmp<'p, 'a>,
    },
    /// AH or ESP with its security parameters index.
    #[non_exhaustive]
    Security {
        /// AH or ESP.
        proto: Proto,
        /// Security parameters index.
        spi: u32,
    },
    /// A protocol that the kernel shows by number only.
    Other(u8),
    /// A later fragment: only the first fragment has the transport header, whatever ulogd2 shows in
    /// its place.
    LaterFragment(Proto),
    /// The header is cut: only this many bytes of it are in the packet.
    #[non_exhaustive]
    Incomplete {
        /// The protocol.
        proto: Proto,
        /// Bytes that are there; `None` where ulogd2 wrote the line, which does not count them.
        bytes: Option<u32>,
    },
}

/// The body of an ICMP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Icmp<'p, 'a> {
    /// An echo request or reply.
    #[non_exhaustive]
    Echo {
        /// Identifier.
        id: u16,
        /// Sequence number.
        seq: u16,
    },
    /// An error about another packet.
    #[non_exhaustive]
    Error {
        /// The packet that it is about, as it was quoted.
        about: &'p Ip<'a>,
        /// The largest packet that would have passed.
        mtu: Option<u32>,
    },
    /// Anything else.
    Plain,
}

impl Packet<'_> {
    /// Returns the network header; `None` if the line does not show a whole one.
    ///
    /// ```
    /// # use asg_core::Packet;
    /// # let text = b"x IN= OUT=eth0 SRC=10.254.0.10 DST=10.0.16.10 LEN=60 TOS=0x00 PREC=0x00 \
    /// #     TTL=63 ID=60879 DF PROTO=TCP SPT=42630 DPT=80 WINDOW=28280 RES=0x00 SYN URGP=0 ";
    /// let packet = Packet::parse(text)?;
    /// assert!(matches!(packet.network(), Some(asg_core::packet::Network::Ipv4 { ttl: 63, .. })));
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    #[must_use]
    pub fn network(&self) -> Option<Network> {
        let ip = &self.ip;
        Some(match self.family {
            Family::Ipv4 => Network::Ipv4 {
                src: ip.src?,
                dst: ip.dst?,
                len: ip.len?,
                ttl: ip.ttl?,
                id: ip.id?,
                fragment: ip.mf? || ip.frag_offset? > 0,
            },
            Family::Ipv6 => Network::Ipv6 {
                src: ip.src?,
                dst: ip.dst?,
                len: ip.len?,
                hop_limit: ip.hoplimit?,
                flow_label: ip.flowlbl?,
                fragment: ip.frag_id.is_some(),
            },
            Family::Arp => Network::Arp {
                opcode: self.arp_opcode?,
                sender: self
                    .arp_macsrc
                    .zip(self.arp_ipsrc.map(IpAddr::V4).or(ip.src.and_then(Address::ip))),
                target: self.arp_macdst.zip(self.arp_ipdst.map(IpAddr::V4)),
            },
            Family::Unknown => return None,
        })
    }
}

impl<'a> Ip<'a> {
    /// Returns whether this is a fragment other than the first, so that it does not contain the
    /// transport header.
    pub(super) fn is_later_fragment(&self) -> bool {
        let offsets = self.ext.iter().filter_map(|header| match header {
            ExtHeader::Fragment { offset, .. } => Some(*offset),
            _ => None,
        });
        self.frag_offset.into_iter().chain(offsets).any(|offset| offset > 0)
    }

    /// Returns the source and the destination port, each if the line shows it and it is real: for a
    /// later fragment ulogd2 shows the bytes at the place of the first one's ports.
    ///
    /// ```
    /// use asg_core::Packet;
    ///
    /// let line = b"IN=x OUT= MAC= SRC=10.0.16.5 DST=10.0.16.20 LEN=540 TOS=00 PREC=0x00 TTL=64 ID=7 FRAG:185 \
    ///     PROTO=UDP SPT=24930 DPT=24930 LEN=24930 MARK=0 ";
    /// let packet = Packet::parse(line)?;
    /// assert_eq!(packet.ip.spt, Some(24930), "so it is printed");
    /// assert_eq!(packet.ip.ports(), [None, None]);
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    #[must_use]
    pub fn ports(&self) -> [Option<u16>; 2] {
        if self.is_later_fragment() { [None, None] } else { [self.spt, self.dpt] }
    }

    /// Returns the transport header; `None` if the line shows no protocol, or breaks off inside it.
    ///
    /// ```
    /// # use asg_core::Packet;
    /// # let text = b"x IN= OUT=eth0 SRC=10.254.0.10 DST=10.0.16.10 LEN=60 TOS=0x00 PREC=0x00 \
    /// #     TTL=63 ID=60879 DF PROTO=TCP SPT=42630 DPT=80 WINDOW=28280 RES=0x00 SYN URGP=0 ";
    /// let packet = Packet::parse(text)?;
    /// # use asg_core::packet::Transport;
    /// let Some(Transport::Tcp { dst_port, .. }) = packet.ip.transport() else { panic!("TCP") };
    /// assert_eq!(dst_port, 80);
    /// # Ok::<(), asg_core::Error>(())
    /// ```
    #[must_use]
    pub fn transport<'p>(&'p self) -> Option<Transport<'p, 'a>> {
        let proto = self.proto?;
        if self.incomplete.is_some() {
            return Some(Transport::Incomplete { proto, bytes: self.incomplete });
        }
        if self.is_later_fragment() && proto.is_opened() && self.spi.is_none() {
            return Some(Transport::LaterFragment(proto));
        }
        if self.truncated {
            return Some(Transport::Incomplete { proto, bytes: None });
        }
        Some(match proto {
            Proto::Tcp => Transport::Tcp {
                src_port: self.spt?,
                dst_port: self.dpt?,
                flags: self.flags?,
                window: self.window?,
            },
            Proto::Udp | Proto::UdpLite => Transport::Udp {
                src_port: self.spt?,
                dst_port: self.dpt?,
                len: self.udp_len?,
                lite: proto == Proto::UdpLite,
            },
            Proto::Icmp | Proto::Icmpv6 => Transport::Icmp {
                ty: self.icmp_type?,
                code: self.icmp_code?,
                message: match (self.icmp_id.zip(self.icmp_seq), &self.nested) {
                    (Some((id, seq)), _) => Icmp::Echo { id, seq },
                    (None, Some(about)) => Icmp::Error { about, mtu: self.mtu },
                    (None, None) => Icmp::Plain,
                },
            },
            Proto::Sctp => Transport::Sctp { src_port: self.spt?, dst_port: self.dpt? },
            Proto::Ah | Proto::Esp => Transport::Security { proto, spi: self.spi? },
            Proto::Other(n) => Transport::Other(n),
        })
    }
}
