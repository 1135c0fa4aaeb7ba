//! Lines in, flows out: packets with their owners. The caller reads the logs and knows a directory.
//!
//! * Finished logs are read twice. [`Gathering`] takes all lines of all logs and ends in
//!   [`Gathered`], which asks a [`Directory`](crate::Directory) for names and ends in
//!   [`Correlation`]; that makes flows of the lines when they are shown to it again. With threads,
//!   each has a [`Gatherer`] in the first reading and a [`FlowReader`] in the second.
//! * Logs that are still being written go to a [`Follower`], which gives flows some seconds later.
//! * A [`Flow`] borrows from its line and the evidence, and [`FlowBuf`] owns its parts.
//!   [`FlowOutput`] is a flow as the JSON contract has it.
//!
//! ```
//! use std::convert::Infallible;
//!
//! use asg_core::{Certainty, Gathering, Line, NoDirectory, Origin, SourceId};
//!
//! let at = Origin { source: SourceId(0), line: 1 };
//! let packet = b"DENY_2d7e64b1-95c0-4f18-6a3b IN=s-010255073004 OUT=eth0 SRC=10.255.73.4 \
//!     DST=203.0.113.25 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=7 PROTO=2 ";
//! let mut gathering = Gathering::new();
//! gathering.ingest(at, packet);
//! let mut gathered = gathering.finish(|joiner| {
//!     joiner.look(at, packet);
//!     Ok::<(), Infallible>(())
//! })?;
//! gathered.resolve(&mut NoDirectory)?;
//! let correlation = gathered.correlate();
//! let line = Line::new(packet);
//! let flow = correlation.reader().flow(at, &line).unwrap();
//! assert_eq!(flow.attribution.certainty, Certainty::Unknown, "no line told of containers");
//! # Ok::<(), Infallible>(())
//! ```

mod correlation;
mod duplicates;
mod facts;
pub(crate) mod flow;
mod flow_cache;
pub(crate) mod follower;
mod gather;
mod gathered;
pub(crate) mod known;
mod logger;
pub(crate) mod output;
pub(crate) mod owned;
mod reports;
mod rule_updates;
mod state;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

pub use self::correlation::{Correlation, Counted, FlowReader};
pub use self::facts::CountedTimes;
pub use self::flow::{Flow, FlowKey, Peer};
pub use self::flow_cache::FlowCache;
pub use self::follower::{Follower, FollowerCounts, FollowerOptions};
pub use self::gather::{Batch, Gatherer, Gathering, Joiner, MisplacedBatch};
pub use self::gathered::Gathered;
pub use self::known::{AnyFlow, KnownFlow};
pub use self::output::FlowOutput;
pub use self::owned::{
    AppBuf, AttributionBuf, ContainerBuf, EntityBuf, FlowBuf, OwnerBuf, PeerBuf, PlaceBuf,
};
use crate::bytes::hash::Seeds;
use crate::evidence::Interface;
use crate::packet::{Address, Packet, Proto};
use crate::prefix::{Direction, LogPrefix};
use crate::record::Record;

/// The counts of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Lines.
    pub lines: u64,
    /// Packet lines among them, damaged ones included, and lines of iptables-logger that report a
    /// packet which no line of the kernel does.
    pub packets: u64,
    /// Packet lines among these whose packet another line reported first: they give no flow of
    /// their own.
    pub duplicates: u64,
    /// Packets that were forgotten for want of room: a further line about one of them counts as a
    /// packet of its own. Lines about one packet are recognised if they are 2,097,152 packets apart
    /// at most, or the number that [`Gathering::remembering`] sets.
    pub displaced: u64,
    /// Lines of iptables-logger, which report a packet in their own way.
    pub logger_lines: u64,
    /// Lines that are evidence about a container.
    pub evidence: u64,
    /// Lines that are cut, split or malformed.
    pub damaged: u64,
    /// Lines of a kernel, without its packets.
    pub other_kernel_lines: u64,
}

impl Counts {
    /// Adds what others have seen.
    const fn add(&mut self, other: &Self) {
        let Self {
            lines,
            packets,
            duplicates,
            displaced,
            logger_lines,
            evidence,
            damaged,
            other_kernel_lines,
        } = other;
        self.lines += *lines;
        self.packets += *packets;
        self.duplicates += *duplicates;
        self.displaced += *displaced;
        self.logger_lines += *logger_lines;
        self.evidence += *evidence;
        self.damaged += *damaged;
        self.other_kernel_lines += *other_kernel_lines;
    }
}

/// Returns a number that all lines about one packet share, whichever program wrote them.
///
/// Lines about other packets may share it, too. It depends on the line alone, so that parts of a
/// log can be dealt by it.
///
/// ```
/// use asg_core::correlate::packet_key;
/// use asg_core::{Line, Record};
///
/// let packet = "OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 SRC=10.255.73.3 \
///     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 LEN=41 ";
/// let lines = [format!("[639.5] {packet}"), format!("May  6 07:09:10 cell-7 kernel: {packet}")];
/// let keys = lines.map(|line| {
///     let line = Line::new(line.as_bytes());
///     packet_key(Record::classify(&line).packet().unwrap().0)
/// });
/// assert_eq!(keys[0], keys[1]);
/// ```
#[must_use]
pub fn packet_key(packet: &Packet<'_>) -> u64 {
    let (ip, seeds) = (&packet.ip, Seeds::PUBLIC);
    let address = |address: Option<Address>| seeds.of_address(address.and_then(Address::ip));
    let ends = seeds.of_both(address(ip.src), address(ip.dst));
    // Of an error that quotes a packet, iptables-logger shows the quoted ports, and no word of it.
    let is_icmp = matches!(ip.proto, Some(Proto::Icmp | Proto::Icmpv6));
    let ports = if is_icmp { [None, None] } else { ip.ports() };
    let ports = ports.map(|port| u64::from(port.unwrap_or(0)));
    let icmp = [ip.icmp_type, ip.icmp_code].map(|it| u64::from(it.unwrap_or(0)));
    let rest = ports[0] << 48 | ports[1] << 32 | icmp[0] << 24 | icmp[1] << 16;
    seeds.of_both(ends, rest | u64::from(ip.proto_num.unwrap_or(0)))
}

/// Returns a digest of a packet line's text behind its header: lines that repeat one text of the
/// kernel share it, and hardly any others do.
///
/// ```
/// use asg_core::correlate::packet_text_key;
/// use asg_core::{Line, Record};
///
/// let packet = "OK_bfce786c-ab07-40ad-79f9-8 IN=s-010255073003 OUT=eth0 SRC=10.255.73.3 \
///     DST=8.8.8.8 LEN=61 TOS=0x00 PREC=0x00 TTL=63 ID=28 DF PROTO=UDP SPT=365 DPT=53 LEN=41";
/// let lines = ["2024-05-06T07:09:10Z cell-7 kernel: [  639.500000] ", "[  639.500000] "]
///     .map(|header| format!("{header}{packet}"));
/// let keys = lines.map(|line| packet_text_key(&Record::classify(&Line::new(line.as_bytes()))));
/// assert_eq!(keys[0], keys[1]);
/// ```
#[must_use]
pub fn packet_text_key(record: &Record<'_>) -> u64 {
    text_key(record.envelope.body.as_bytes())
}

/// See [`packet_text_key`].
pub(crate) fn text_key(body: &[u8]) -> u64 {
    Seeds::PUBLIC.digest(body.trim_ascii_end())
}

/// Returns the packet of a line of iptables-logger, as if the kernel had reported it; `None` for
/// any other line.
///
/// Whether it is a packet of its own shows only when all lines are known: the kernel may have
/// reported it, too.
///
/// ```
/// use asg_core::correlate::logged_packet;
/// use asg_core::{Line, Record};
///
/// let line = br#"{"timestamp":"2024-05-06T07:09:10.900000000Z","level":"info",
///     "source":"cfnetworking.iptables","message":"cfnetworking.iptables.egress-allowed",
///     "data":{"packet":{"direction":"egress","allowed":true,"src_ip":"10.255.73.3",
///     "dst_ip":"8.8.8.8","src_port":51858,"dst_port":80,"protocol":"TCP","mark":"",
///     "icmp_type":0,"icmp_code":0},
///     "source":{"container_id":"bfce786c-ab07-40ad-79f9-8f21"}}}"#;
/// let line: Vec<u8> = line.iter().copied().filter(|byte| *byte != b'\n').collect();
/// let line = Line::new(&line);
/// let record = Record::classify(&line);
/// let logged = logged_packet(&record).unwrap();
/// assert_eq!(logged.packet().unwrap().0.ip.dpt, Some(80));
/// ```
#[must_use]
pub fn logged_packet<'a>(record: &Record<'a>) -> Option<Record<'a>> {
    logger::as_packet(record).map(|(record, ..)| record)
}

/// Returns the packet's address on the side of the prefix's subject.
pub(crate) fn own_address(packet: &Packet<'_>, cf: &LogPrefix<'_>) -> Option<IpAddr> {
    let side = match cf.direction {
        Direction::Egress => packet.ip.src,
        Direction::Ingress => packet.ip.dst,
    };
    side.and_then(Address::ip)
}

/// Returns the packet's interface on that side, where its name shows an address.
pub(crate) fn own_interface(packet: &Packet<'_>, cf: &LogPrefix<'_>) -> Option<Interface> {
    let side = match cf.direction {
        Direction::Egress => packet.in_if,
        Direction::Ingress => packet.out_if,
    };
    side.and_then(|name| Interface::classify(name.as_bytes()))
}
