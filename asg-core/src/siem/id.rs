//! Ids of packets.

mod text;

use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::bytes::SmallText;
use crate::correlate::flow::Flow;
use crate::correlate::known::KnownFlow;
use crate::packet::Ip;
use crate::time::Uptime;

/// The id of a packet: equal for every way that its line took, and in every reading.
///
/// It is the first half of the SHA-256 of the kernel's uptime, a blank, and the kernel's text from
/// the log prefix on without blanks at its end. A line without uptime has an id of its cell, time,
/// source, number and text.
///
/// It prints as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlowId([u8; 16]);

impl FlowId {
    /// Returns the id of a flow. `source` is the name of its log.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use asg_core::{Gathering, Line, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// # let line = Line::new(packet);
    /// # let mut gathering = Gathering::new();
    /// # gathering.ingest(at, packet);
    /// # let gathered = gathering.finish(|_| Ok::<(), Infallible>(())).unwrap();
    /// # let correlation = gathered.correlate();
    /// let flow = correlation.reader().flow(at, &line).unwrap();
    /// let id = asg_core::siem::FlowId::of(&flow, "kern.log").to_string();
    /// assert_eq!(id.len(), 32);
    /// ```
    #[must_use]
    pub fn of(flow: &Flow<'_, '_>, source: &str) -> Self {
        let body = flow.record.envelope.body.as_bytes();
        if let Some(uptime) = flow.record.envelope.uptime {
            return Self::of_packet(uptime, body);
        }
        let time = flow.time.map(|time| time.to_string()).unwrap_or_default();
        let cell = flow.cell.as_deref().unwrap_or_default();
        let line = format!("{cell}\n{time}\n{source}\n{}\n", flow.origin.line);
        Self::hash(line.as_bytes(), body)
    }

    /// Returns the id of a flow whose key an earlier one had; `None` for a line without uptime.
    ///
    /// ```
    /// use asg_core::correlate::{AnyFlow, FlowCache};
    /// use asg_core::siem::FlowId;
    /// use asg_core::{Gathering, Line, Origin, SourceId};
    ///
    /// let text = "2024-05-06T07:09:10Z cell-1 kernel: [637.500000] OK_bfce786c-ab07-40ad-79f9-8 \
    ///     IN=s-010255073003 OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 \
    ///     TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 LEN=41 ";
    /// let line = Line::new(text.as_bytes());
    /// let at = Origin { source: SourceId(0), line: 1 };
    /// let mut gathering = Gathering::new();
    /// gathering.ingest(at, text.as_bytes());
    /// let gathered = gathering.finish(|_| Ok::<(), std::convert::Infallible>(()))?;
    /// let (mut cache, mut ids) = (FlowCache::default(), Vec::new());
    /// let correlation = gathered.correlate();
    /// for _ in 0..3 {
    ///     correlation.each(&mut cache, at, &line, |flow| ids.push(match flow {
    ///         AnyFlow::Whole(flow) => FlowId::of(flow, "kern.log"),
    ///         AnyFlow::Known(flow) => FlowId::of_known(flow).unwrap(),
    ///     }));
    /// }
    /// assert!(ids.iter().all(|id| *id == ids[0]));
    /// # Ok::<(), std::convert::Infallible>(())
    /// ```
    #[must_use]
    pub fn of_known(flow: &KnownFlow<'_>) -> Option<Self> {
        flow.uptime.map(|uptime| Self::of_packet(uptime, flow.body().as_bytes()))
    }

    fn of_packet(uptime: Uptime, body: &[u8]) -> Self {
        let micros = uptime.as_micros();
        let mut text = SmallText::default();
        text.number(micros / 1_000_000);
        text.byte(b'.');
        text.digits::<6>((micros % 1_000_000) as u32);
        text.byte(b' ');
        Self::hash(text.as_bytes(), body)
    }

    /// A body may begin with the uptime's brackets, and never with blanks.
    fn hash(before: &[u8], body: &[u8]) -> Self {
        let mut sum = Sha256::new();
        sum.update(before);
        sum.update(body.trim_ascii_end());
        let mut id = [0; 16];
        id.copy_from_slice(&sum.finalize()[..16]);
        Self(id)
    }

    /// Returns the digits.
    pub(super) fn hex(self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (digits, byte) in text.chunks_exact_mut(2).zip(self.0) {
            digits[0] = DIGITS[usize::from(byte >> 4)];
            digits[1] = DIGITS[usize::from(byte & 15)];
        }
        text
    }
}

impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.hex()).unwrap_or_default())
    }
}

impl Serialize for FlowId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// A community id, version 1: one name for a connection in all tools that see it.
///
/// The kernel writes its line before it masks the cell's containers behind the cell's address. So
/// the id is that of sensors inside the cell; a sensor outside sees another one.
///
/// It prints as `1:` and base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CommunityId([u8; 20]);

/// Types of ICMP messages, and the types of their answers.
const ICMP: [(u8, u8); 10] =
    [(0, 8), (8, 0), (9, 10), (10, 9), (13, 14), (14, 13), (15, 16), (16, 15), (17, 18), (18, 17)];
const ICMPV6: [(u8, u8); 12] = [
    (128, 129),
    (129, 128),
    (130, 131),
    (131, 130),
    (133, 134),
    (134, 133),
    (135, 136),
    (136, 135),
    (139, 140),
    (140, 139),
    (144, 145),
    (145, 144),
];

impl CommunityId {
    /// Returns the id of a packet with this seed. `None` without both addresses, for later
    /// fragments, and if ports or the type of a message are missing.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use asg_core::{Gathering, Line, Origin, SourceId};
    /// # let packet = b"[639.5] OK_bfce786c-ab07-40ad-79f9-8 IN= OUT=eth0 SRC=10.255.73.3 \
    /// #     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 \
    /// #     LEN=41 ";
    /// # let at = Origin { source: SourceId(0), line: 1 };
    /// # let line = Line::new(packet);
    /// # let mut gathering = Gathering::new();
    /// # gathering.ingest(at, packet);
    /// # let gathered = gathering.finish(|_| Ok::<(), Infallible>(())).unwrap();
    /// # let correlation = gathered.correlate();
    /// let flow = correlation.reader().flow(at, &line).unwrap();
    /// let id = asg_core::siem::CommunityId::of(&flow.packet().ip, 0).unwrap();
    /// assert!(id.to_string().starts_with("1:"));
    /// ```
    #[must_use]
    pub fn of(ip: &Ip<'_>, seed: u16) -> Option<Self> {
        let (src, dst) = (ip.src?.ip()?, ip.dst?.ip()?);
        if ip.frag_offset.is_some_and(|offset| offset > 0) {
            return None;
        }
        let proto = ip.proto?.number();
        let ports = match proto {
            1 => Ports::of_message(&ICMP, ip.icmp_type?, ip.icmp_code?),
            58 => Ports::of_message(&ICMPV6, ip.icmp_type?, ip.icmp_code?),
            // TCP, UDP, DCCP, SCTP.
            6 | 17 | 33 | 132 | 136 => match ip.ports() {
                [Some(src), Some(dst)] => Ports::Both(src, dst),
                _ => return None,
            },
            _ => Ports::None,
        };
        Some(Self::new(seed, proto, (src, dst), ports))
    }

    fn new(seed: u16, proto: u8, (src, dst): (IpAddr, IpAddr), ports: Ports) -> Self {
        let (from, to) = (Octets::of(src), Octets::of(dst));
        let (mut from, mut to) = (from.as_slice(), to.as_slice());
        let mut numbers = ports.numbers();
        let is_ordered = (from, numbers.map(|it| it.0)) <= (to, numbers.map(|it| it.1));
        if !is_ordered && !matches!(ports, Ports::OneWay(..)) {
            std::mem::swap(&mut from, &mut to);
            numbers = numbers.map(|(src, dst)| (dst, src));
        }
        let mut sum = Sha1::new();
        sum.update(seed.to_be_bytes());
        sum.update(from);
        sum.update(to);
        sum.update([proto, 0]);
        if let Some((src, dst)) = numbers {
            sum.update(src.to_be_bytes());
            sum.update(dst.to_be_bytes());
        }
        Self(sum.finalize().into())
    }

    /// Returns the text.
    pub(super) fn text(self) -> [u8; 30] {
        let mut text = *b"1:----------------------------";
        let written = STANDARD.encode_slice(self.0, &mut text[2..]);
        debug_assert_eq!(written, Ok(28));
        text
    }
}

/// The ports, or the values in their place.
#[derive(Debug, Clone, Copy)]
enum Ports {
    None,
    Both(u16, u16),
    /// The protocol has no replies, so the direction stays.
    OneWay(u16, u16),
}

impl Ports {
    fn of_message(answers: &[(u8, u8)], ty: u8, code: u8) -> Self {
        match answers.iter().find(|(known, _)| *known == ty) {
            Some((_, answer)) => Self::Both(ty.into(), (*answer).into()),
            None => Self::OneWay(ty.into(), code.into()),
        }
    }

    const fn numbers(self) -> Option<(u16, u16)> {
        match self {
            Self::None => None,
            Self::Both(src, dst) | Self::OneWay(src, dst) => Some((src, dst)),
        }
    }
}

/// The bytes of an address.
enum Octets {
    V4([u8; 4]),
    V6([u8; 16]),
}

impl Octets {
    const fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::V4(ip.octets()),
            IpAddr::V6(ip) => Self::V6(ip.octets()),
        }
    }

    const fn as_slice(&self) -> &[u8] {
        match self {
            Self::V4(octets) => octets,
            Self::V6(octets) => octets,
        }
    }
}

impl fmt::Display for CommunityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl Serialize for CommunityId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
