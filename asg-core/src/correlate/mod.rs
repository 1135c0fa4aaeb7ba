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
pub(crate) mod flow;
pub(crate) mod follower;
mod gather;
mod known;
mod logger;
pub(crate) mod output;
pub(crate) mod owned;
mod reports;
mod state;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

pub use self::correlation::{Correlation, Counted, FlowCache, FlowReader, Gathered};
pub use self::flow::{Flow, FlowKey, Peer};
pub use self::follower::{Follower, FollowerCounts, FollowerOptions};
pub use self::gather::{Batch, Gatherer, Gathering, Joiner, MisplacedBatch};
pub use self::known::{AnyFlow, KnownFlow};
pub use self::output::FlowOutput;
pub use self::owned::{
    AppBuf, AttributionBuf, ContainerBuf, EntityBuf, FlowBuf, OwnerBuf, PeerBuf, PlaceBuf,
};
use crate::evidence::Interface;
use crate::packet::{Address, Packet};
use crate::prefix::{Direction, LogPrefix};

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
